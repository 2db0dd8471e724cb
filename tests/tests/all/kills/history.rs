//! Files of an existing history, imported by `cloud import events` one after the other; the
//! import is killed too, and run again.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use simulators::demo::world::TENANT;
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use super::ground::{Done, Granted};
use super::{key_of, uid_of};

/// Rows of a file: several batches of an import.
const ROWS: u64 = 3_300;
/// Kills for each file.
const KILLS_PER_FILE: u64 = 5;

/// A file, and what is in it.
#[derive(Debug, Clone)]
pub struct History {
    pub path: PathBuf,
    /// The name of the agent that it becomes.
    pub agent: String,
    /// Lines that are right, each an event.
    pub good: BTreeSet<u64>,
    /// Lines that are wrong in one cell each.
    pub bad: BTreeSet<u64>,
    /// UIDs of bags that are received in it.
    pub born: Vec<String>,
}

/// Who imports.
pub struct Imports {
    pub done: Done,
    dir: PathBuf,
    program: PathBuf,
    env: Vec<(String, String)>,
    seed: u64,
    every: u64,
    running: tokio::sync::Mutex<Option<Child>>,
    gone: Notify,
    pub imported: Mutex<Vec<History>>,
    /// Runs that were killed.
    pub killed: Mutex<u64>,
}

impl Imports {
    pub fn new(
        dir: &Path,
        program: PathBuf,
        env: Vec<(String, String)>,
        granted: &Granted,
        seed: u64,
        kills: u64,
    ) -> Self {
        // A long run is not to be one of imports alone.
        let every = if kills > 50 { 2 * KILLS_PER_FILE } else { KILLS_PER_FILE };
        Self {
            done: Done::of(granted, 1),
            dir: dir.to_owned(),
            program,
            env,
            seed,
            every,
            running: tokio::sync::Mutex::new(None),
            gone: Notify::new(),
            imported: Mutex::default(),
            killed: Mutex::default(),
        }
    }

    /// With what is granted next a file begins.
    pub fn begins_next(&self) -> bool {
        self.done.idle() && self.done.count().is_multiple_of(self.every)
    }

    /// Imports a file now and then, for ever.
    pub async fn work(&self) {
        loop {
            self.done.due().await;
            if self.done.count().is_multiple_of(self.every) {
                let history = write(&self.dir, self.seed, self.done.count() / self.every, ROWS);
                self.imported.lock().unwrap().push(history.clone());
                while !self.run(&history).await {}
            }
            self.done.add();
        }
    }

    /// Runs it; `false` when it was killed.
    async fn run(&self, history: &History) -> bool {
        let said = history.path.with_extension("said");
        let out = File::create(&said).unwrap();
        let child = Command::new(&self.program)
            .args(["import", "events"])
            .arg(&history.path)
            .args(["--tenant", TENANT, "--skip-bad"])
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        *self.running.lock().await = Some(child);
        let mut look = tokio::time::interval(std::time::Duration::from_millis(10));
        loop {
            tokio::select! {
                () = self.gone.notified() => return false,
                _ = look.tick() => {}
            }
            let mut running = self.running.lock().await;
            let Some(child) = running.as_mut() else { continue };
            let Some(status) = child.try_wait().unwrap() else { continue };
            *running = None;
            let said = std::fs::read_to_string(&said).unwrap_or_default();
            assert!(status.success(), "{status}: {said}");
            let told = format!("{} rows left out; 0 exceptions", history.bad.len());
            assert!(said.contains(&told), "{said}");
            return true;
        }
    }

    /// Whether one runs.
    pub async fn running(&self) -> bool {
        self.running.lock().await.is_some()
    }

    /// Kills the one that runs; `false` when none does.
    pub async fn kill(&self) -> bool {
        let Some(mut child) = self.running.lock().await.take() else { return false };
        child.kill().await.unwrap();
        *self.killed.lock().unwrap() += 1;
        self.gone.notify_one();
        true
    }
}

/// Bags that are received, and units made of them, that are put away; some rows are wrong.
pub fn write(dir: &Path, seed: u64, nth: u64, rows: u64) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ (nth << 8));
    let base = 10_000_000 + nth * 100_000;
    let uid = |kind: &str, number: u64| uid_of(key_of("VSK", kind, base + number));
    let mut text = String::from(
        "uid,stage,occurred_at,item,quantity,unit,inputs,supplier,supplier_lot,location,readings\n",
    );
    let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
    let (mut number, mut born) = (0, Vec::new());
    for line in 2..rows + 2 {
        let (day, kind) = (1 + line % 28, line % 3);
        // What is never received would be an exception as well.
        let wrong = kind != 2 && rng.random_bool(0.004);
        let much = if wrong { "much" } else { "" };
        number += u64::from(kind == 2);
        let (bag, unit) = (uid("RM", number), uid("SF", number));
        if kind == 2 {
            born.push(bag.clone());
        }
        let row = match kind {
            2 => format!(
                "{bag},GRN,2024-01-{day:02}T10:30:00+05:30,RM-STEEL-COIL,25.5,kg,,TISCO,HEAT-{},,",
                number % 50
            ),
            0 => format!(
                "{unit},TRANSFORMATION,2024-02-{day:02}T10:30:00+05:30,SF-GEARBOX,{much},,{bag}=1.5 kg,,,,\
                 t=18{}.5 C [170..190]",
                line % 10
            ),
            _ => format!("{bag},STORAGE,2024-03-{day:02}T10:30:00+05:30,,{much},,,,,RACK-{},", line % 7),
        };
        writeln!(text, "{row}").unwrap();
        if wrong {
            bad.insert(line)
        } else {
            good.insert(line)
        };
    }
    let path = dir.join(format!("history-{nth}.csv"));
    std::fs::write(&path, &text).unwrap();
    let hash: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    History { path, agent: format!("import:{hash}"), good, bad, born }
}
