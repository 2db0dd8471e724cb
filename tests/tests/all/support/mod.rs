//! What several tests need: a small world, waiting for conditions, and tools
//! that a machine may lack.

pub mod browser;
pub mod office;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edge_agent::station::control::{Control, Verb};
use proto::v1::{Role, Stage};
use simulators::demo::cloud::Cloud;
use simulators::demo::layout::Layout;
use simulators::demo::network::Network;
use simulators::demo::plant::{Plant, PlantSetup, Site, prepare};
use simulators::demo::world::TENANT;
use simulators::http::Http;
use simulators::plant::printer::uid_on;
use simulators::plant::scanner::{Answer, Scanner};
use tempfile::TempDir;
use uid::{Key, Uid};

/// How long anything may take that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `holds` says so.
pub async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    until_within(PATIENCE, what, holds).await;
}

/// Waits until `holds` says so, at most that long.
pub async fn until_within(patience: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + patience;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The first of these files that is there. Where there is none the test is
/// named as skipped; continuous integration must not skip.
pub fn installed(what: &str, paths: &[&str]) -> Option<PathBuf> {
    let found = paths.iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        skipped(what);
    }
    found
}

/// Names the running test as skipped for want of something, so that a person
/// reads it; continuous integration must not skip.
pub fn skipped(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what} is not installed, and CI must not skip");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // The macros' output is kept from a person while a test passes; this is not.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {what} is not installed");
}

/// A temporary folder for a world. Gone when dropped, with what a killed cloud
/// leaves beside it.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Where the world keeps its state.
    pub fn state(&self) -> PathBuf {
        self.0.path().join("w")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The cloud notes where its database's socket is; a stop in good order
        // has removed it already.
        let note = std::fs::read_to_string(self.state().join("cloud/postgres/socket")).unwrap_or_default();
        if note.starts_with("/tmp/tw-") {
            let _ = std::fs::remove_dir_all(note);
        }
    }
}

/// Cloud and the plant in Kolkata, fresh, on free ports, in a folder that goes
/// with it. Every process ends when this is dropped.
pub struct Small {
    pub cloud: Cloud,
    pub plant: Plant,
    pub office: Http,
    /// Between plant and cloud.
    pub line: Network,
    _folder: Folder,
}

impl Small {
    /// Brings it up as the demo does.
    pub async fn start() -> Self {
        Self::start_with(str::to_owned, async |_| ()).await.0
    }

    /// Brings it up with a plant file changed by `edit`; what `before` makes of
    /// the finished file is there before the agent starts.
    pub async fn start_with<T>(
        edit: impl Fn(&str) -> String,
        before: impl AsyncFnOnce(&PlantSetup) -> T,
    ) -> (Self, T) {
        let folder = Folder::new();
        let layout = Layout::new(&folder.state()).unwrap();
        let [http, grpc] = free_ports();
        let cloud = Cloud::start(&layout, http, grpc).await.unwrap();
        let line = Network::to(([127, 0, 0, 1], grpc).into()).await.unwrap();

        let sources = folder.0.path().join("plant-configs");
        std::fs::create_dir(&sources).unwrap();
        let mut setups = Vec::new();
        for name in ["kolkata.toml", "visakhapatnam.toml"] {
            let text = std::fs::read_to_string(layout.root.join("plant-configs").join(name)).unwrap();
            let source = sources.join(name);
            std::fs::write(&source, edit(&text)).unwrap();
            setups.push(prepare(&layout, &source, line.port(), true).unwrap());
        }
        let files: Vec<PathBuf> = setups.iter().map(|setup| setup.file.clone()).collect();
        let tokens = cloud.seed(&files, &reference_file(&layout)).await.unwrap();
        let office = cloud.client(TENANT, &["read", "write"]).await.unwrap();
        let setup = setups.remove(0);
        let made = before(&setup).await;
        let plant = Plant::start(&layout, setup, &tokens, 1).await.unwrap();
        (Self { cloud, plant, office, line, _folder: folder }, made)
    }

    /// A person with a scanner at one of the stations, signed in.
    pub async fn person(&self, station: &str) -> Person {
        Person::at(&self.plant.site, station, "BADGE-1001").await
    }

    /// The UIDs on the labels that came out so far, waiting for that many.
    pub async fn labels(&self, count: usize) -> Vec<String> {
        let printer = self.plant.site.printers.values().next().unwrap();
        let labels = tokio::time::timeout(PATIENCE, printer.wait_for(count)).await;
        let labels = labels.expect("labels come out").unwrap();
        labels.iter().map(|label| uid_on(label).expect("a UID on each label")).collect()
    }

    /// Stops plant and cloud in good order.
    pub async fn stop(mut self) {
        self.plant.stop().await.unwrap();
        self.cloud.stop().await.unwrap();
    }
}

/// Somebody at a station.
pub struct Person {
    scanner: Scanner,
}

impl Person {
    /// Somebody with a new scanner at one of the stations, signed in.
    pub async fn at(site: &Site, station: &str, badge: &str) -> Self {
        // No two scanners count alike: the same count of the same code is the same scan.
        static SCANNERS: AtomicU64 = AtomicU64::new(1);
        let nth = SCANNERS.fetch_add(1, Ordering::Relaxed);
        let mut person = Self { scanner: site.scanner(station).unwrap().count_from(nth * 1_000) };
        person.take(badge).await;
        person
    }

    /// Scans what must be taken.
    pub async fn take(&mut self, code: &str) -> Answer {
        let answer = self.scan(code).await;
        assert!(answer.taken(), "{code} was refused: {answer:?}");
        answer
    }

    /// Scans, whatever the answer.
    pub async fn scan(&mut self, code: &str) -> Answer {
        self.scanner.scan(code).await.unwrap()
    }
}

/// What was packed or put together last at a plant, by its journal.
pub async fn made(site: &Site, stage: Stage) -> String {
    let events = site.journal().events().await.unwrap();
    let mut events = events.iter().rev().map(|stored| stored.event().unwrap());
    let event = events.find(|event| event.stage() == stage).expect("it was made");
    let parent = event.subjects.iter().find(|subject| subject.role() == Role::Parent).expect("a whole");
    Uid::from_key(site.setup.plant.tenant, Key::new(parent.key).unwrap()).to_string()
}

/// A control code as on its card.
pub fn card(verb: Verb, value: Option<&str>) -> String {
    Control::with(verb, value).unwrap().to_string()
}

/// The reference data of the demo.
pub fn reference_file(layout: &Layout) -> PathBuf {
    layout.root.join("plant-configs/reference/saif.toml")
}

/// Where pictures for people are put.
pub fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Ports that nobody has.
pub fn free_ports<const N: usize>() -> [u16; N] {
    [(); N].map(|()| simulators::ports::free_port().unwrap())
}
