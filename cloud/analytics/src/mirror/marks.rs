//! Marks beside a mirror's file: what was being written into it. A native crash of DuckDB
//! ends the whole process, so whoever finds a mark knows that its writer did not survive,
//! and a tenant whose events do that again is set aside rather than tried at each start.
//!
//! A mark is a small file that is written before and removed after, without waiting for the
//! disk: what a process wrote outlives the process, and after a loss of power the file of
//! DuckDB is whole by its own log.

use std::fs::File as DiskFile;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::file::Settings;
use super::schema::VERSION;

/// How many crashes at one spot set a mirror aside: the first may be the file's fault, which
/// is built anew. A kill from outside leaves the same mark, and a process that is killed soon
/// after each start is at the same batch each time: two hundred kills met one twice.
const ENOUGH: u32 = 4;
/// How long a mirror that was set aside is left alone before it is tried once more, for what
/// ended the process may have been outside of it.
const LEFT_ALONE: Duration = Duration::from_hours(24);

/// What is written into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Act {
    /// Batches.
    Step,
    /// The sums of all days, when it has come to the end once.
    Sums,
    /// Names of masters.
    Names,
}

/// Whose facts, and the program that writes them: a crash says nothing of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub generation: i64,
    pub placement: String,
    pub program: String,
}

impl Origin {
    pub fn new(generation: i64, placement: &str) -> Self {
        let program = format!("{} {VERSION}", env!("CARGO_PKG_VERSION"));
        Self { generation, placement: placement.to_owned(), program }
    }

    /// Whether another process of this program wrote it, of whatever facts.
    pub fn is_of_this_program(&self) -> bool {
        self.program == Self::new(0, "").program
    }
}

/// Batches after one and up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretch {
    pub after: i64,
    pub through: i64,
    pub batches: usize,
}

/// A piece of writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doing {
    pub act: Act,
    pub stretch: Stretch,
    pub origin: Origin,
}

/// A piece of writing that ended the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Crash {
    pub doing: Doing,
    pub times: u32,
}

impl Crash {
    /// Counts one more. Of a stretch of batches only one that is a single batch can be the
    /// same spot again; within a longer one they are tried one by one.
    fn after(earlier: Option<Self>, doing: Doing) -> Self {
        let again = earlier.filter(|earlier| {
            let (was, is) = (&earlier.doing, &doing);
            let alike = (was.act, &was.origin) == (is.act, &is.origin);
            alike && (is.act != Act::Step || is.stretch.batches == 1 && was.stretch == is.stretch)
        });
        Self { doing, times: again.map_or(0, |again| again.times).saturating_add(1) }
    }

    /// Whether the mirror is not fed any more.
    pub fn sets_aside(&self) -> bool {
        self.times >= ENOUGH
    }

    /// As it is looked at so long after it was found: one that set aside is tried once more
    /// after a while, and sets aside at once if it happens again.
    fn left(self, age: Duration) -> Self {
        if self.sets_aside() && age >= LEFT_ALONE {
            return Self { times: ENOUGH.saturating_sub(1), ..self };
        }
        self
    }

    /// Whether it has been got over: what ended the process then has been done.
    pub fn is_over(&self, act: Act, through: i64) -> bool {
        self.doing.act == act && (act != Act::Step || through >= self.doing.stretch.through)
    }
}

/// How far the next step may go: up to a batch, at most so many events. What ended the
/// process once is come to with nothing else, and gone through batch by batch, so that it is
/// known which of them it is.
pub(super) fn reach(crash: Option<&Crash>, through: i64, events: i64) -> (i64, i64) {
    let suspect = crash.filter(|crash| crash.doing.act == Act::Step).map(|crash| crash.doing.stretch);
    match suspect {
        Some(suspect) if through < suspect.after => (suspect.after, events),
        Some(suspect) if through < suspect.through => (suspect.through, 1),
        _ => (i64::MAX, events),
    }
}

/// The marks of a tenant's file.
#[derive(Debug)]
pub(super) struct Marks {
    feeding: PathBuf,
    crashed: PathBuf,
    origin: Origin,
}

/// Stands while something is written.
pub(super) struct Mark(PathBuf);

impl Drop for Mark {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::error!(%error, mark = %self.0.display(), "a mark of a mirror cannot be removed");
        }
    }
}

impl Marks {
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub fn of(settings: &Settings, tenant: Uuid, origin: Origin) -> Self {
        Self { feeding: settings.feeding(tenant), crashed: settings.crashed(tenant), origin }
    }

    /// What ended a process at these facts, if anything did; and whether that is only found
    /// now.
    pub fn look(&self) -> std::io::Result<(Option<Crash>, bool)> {
        let earlier = read::<Crash>(&self.crashed)?.filter(|crash| crash.doing.origin == self.origin);
        let earlier = match earlier {
            Some(crash) => Some(crash.left(age(&self.crashed)?)),
            None => None,
        };
        let found = read::<Doing>(&self.feeding)?.filter(|doing| doing.origin == self.origin);
        let Some(doing) = found else {
            // One that is not whole stands for nothing that was begun.
            gone(std::fs::remove_file(&self.feeding))?;
            return Ok((earlier, false));
        };
        let crash = Crash::after(earlier, doing);
        write(&self.crashed, &crash)?.sync_all()?;
        std::fs::remove_file(&self.feeding)?;
        if let Some(folder) = self.crashed.parent() {
            DiskFile::open(folder)?.sync_all()?;
        }
        Ok((Some(crash), true))
    }

    /// Marks that something is written from now on.
    pub fn begin(&self, act: Act, stretch: Stretch) -> std::io::Result<Mark> {
        write(&self.feeding, &Doing { act, stretch, origin: self.origin.clone() })?;
        Ok(Mark(self.feeding.clone()))
    }

    /// Forgets a crash.
    pub fn got_over(&self) -> std::io::Result<()> {
        gone(std::fs::remove_file(&self.crashed))
    }
}

/// `None` where there is none, or it is not whole.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> std::io::Result<Option<T>> {
    match std::fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// How long ago a file was written; nothing for one that a wrong clock puts into the future.
fn age(path: &Path) -> std::io::Result<Duration> {
    let written = std::fs::metadata(path)?.modified()?;
    Ok(SystemTime::now().duration_since(written).unwrap_or_default())
}

pub(super) fn write(path: &Path, what: &impl Serialize) -> std::io::Result<DiskFile> {
    let mut file = DiskFile::create(path)?;
    file.write_all(&serde_json::to_vec(what)?)?;
    Ok(file)
}

pub(super) fn gone(done: std::io::Result<()>) -> std::io::Result<()> {
    match done {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doing(act: Act, after: i64, through: i64) -> Doing {
        let batches = usize::try_from(through - after).unwrap();
        Doing { act, stretch: Stretch { after, through, batches }, origin: Origin::new(1, "shared") }
    }

    #[test]
    fn the_same_batch_again_and_again_sets_aside_and_nothing_less_does() {
        let first = Crash::after(None, doing(Act::Step, 90, 100));
        assert!(!first.sets_aside());
        let within = Crash::after(Some(first.clone()), doing(Act::Step, 95, 96));
        assert!(!within.sets_aside(), "which batch it is, is known only now");
        assert!(!Crash::after(Some(first), doing(Act::Step, 90, 100)).sets_aside());
        assert!(!Crash::after(Some(within.clone()), doing(Act::Step, 96, 97)).sets_aside());
        assert!(!Crash::after(Some(within.clone()), doing(Act::Sums, 95, 96)).sets_aside());
        let restored = Doing { origin: Origin::new(2, "shared"), ..doing(Act::Step, 95, 96) };
        assert!(!Crash::after(Some(within.clone()), restored).sets_aside(), "other facts");
        let again = |crash: Crash, act, after, through| {
            (1..ENOUGH).fold(crash, |crash, _| {
                assert!(!crash.sets_aside(), "{} times", crash.times);
                Crash::after(Some(crash), doing(act, after, through))
            })
        };
        assert!(again(within, Act::Step, 95, 96).sets_aside());
        assert!(again(Crash::after(None, doing(Act::Sums, 99, 100)), Act::Sums, 119, 120).sets_aside());
    }

    #[test]
    fn what_was_set_aside_is_tried_once_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, tenant) = (Settings::new(dir.path()), Uuid::from_u128(7));
        let marks = Marks::of(&settings, tenant, Origin::new(1, "shared"));
        let stretch = doing(Act::Step, 4, 5).stretch;
        let crashes = || {
            std::mem::forget(marks.begin(Act::Step, stretch).unwrap());
            marks.look().unwrap().0.unwrap()
        };
        // One after the other: each is counted.
        for nth in 1..=ENOUGH {
            assert_eq!(crashes().sets_aside(), nth == ENOUGH, "{nth}");
        }
        let looked = || marks.look().unwrap().0.unwrap();
        let written = |ago| {
            let file = DiskFile::options().append(true).open(settings.crashed(tenant)).unwrap();
            file.set_modified(SystemTime::now() - ago).unwrap();
        };
        written(LEFT_ALONE - Duration::from_mins(1));
        assert!(looked().sets_aside());
        written(LEFT_ALONE);
        assert!(!looked().sets_aside());
        assert!(crashes().sets_aside(), "once is enough then");
        assert!(looked().sets_aside());
    }

    #[test]
    fn what_ended_the_process_is_come_to_alone_and_left_behind() {
        let crash = Crash::after(None, doing(Act::Step, 90, 100));
        let reach = |through| reach(Some(&crash), through, 500);
        assert_eq!((reach(0), reach(90), reach(95)), ((90, 500), (100, 1), (100, 1)));
        assert_eq!(reach(100), (i64::MAX, 500));
        assert!(!crash.is_over(Act::Step, 99) && !crash.is_over(Act::Sums, 100));
        assert!(crash.is_over(Act::Step, 100));
        let names = Crash::after(None, doing(Act::Names, 99, 100));
        assert_eq!(super::reach(Some(&names), 5, 500), (i64::MAX, 500));
        assert!(names.is_over(Act::Names, 1) && !names.is_over(Act::Step, 100));
    }

    #[test]
    fn a_mark_is_found_once_and_what_is_half_written_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, tenant) = (Settings::new(dir.path()), Uuid::from_u128(7));
        let marks = |generation| Marks::of(&settings, tenant, Origin::new(generation, "shared"));
        let stretch = doing(Act::Step, 4, 5).stretch;
        drop(marks(1).begin(Act::Step, stretch).unwrap());
        assert_eq!(marks(1).look().unwrap(), (None, false), "it was done");
        // As a process leaves it that is not there any more.
        std::mem::forget(marks(1).begin(Act::Step, stretch).unwrap());
        let crash = Crash::after(None, doing(Act::Step, 4, 5));
        assert_eq!(marks(1).look().unwrap(), (Some(crash.clone()), true));
        assert_eq!(marks(1).look().unwrap(), (Some(crash), false));
        assert_eq!(marks(2).look().unwrap(), (None, false));
        std::fs::write(settings.feeding(tenant), "{\"act\":").unwrap();
        marks(1).got_over().unwrap();
        assert_eq!(marks(1).look().unwrap(), (None, false));
        assert!(!settings.feeding(tenant).exists());
    }
}
