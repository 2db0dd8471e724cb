//! One cloud and one plant whose parts can be stopped, killed, copied and put
//! back, and what stands in the journal and in the cloud's database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use platform::postgres;
use prost::Message;
use proto::v1;
use serde_json::Value;
use simulators::demo::cloud::Cloud;
use simulators::demo::layout::Layout;
use simulators::demo::network::Network;
use simulators::demo::plant::{PlantSetup, Site, prepare};
use simulators::demo::process::Process;
use simulators::demo::world::TENANT;
use simulators::http::Http;
use simulators::plant::printer::Printer;
use simulators::plant::scanner::{Answer, Scanner};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};
use tempfile::TempDir;
use uid::{Key, TenantCode, Uid};
use uuid::Uuid;

use crate::support::{PATIENCE, card, free_ports, reference_file, until};
use edge_agent::station::control::Verb;

/// The open order that goods are received on.
const ORDER: &str = "PO-2025-001";
/// Its item, one label for each piece.
const ITEM: &str = "RM-GEAR";
/// Somebody of the plant who reads English.
pub const BADGE: &str = "BADGE-1003";

/// No two scanners count alike: the same count of the same code is the same scan.
static SCANNERS: AtomicU64 = AtomicU64::new(1);

/// The cloud and the plant in Kolkata, in a folder that goes with them.
pub struct Lab {
    pub cloud: Option<Cloud>,
    pub office: Http,
    pub line: Network,
    pub agent: Agent,
    pub layout: Layout,
    tokens: PathBuf,
    http: u16,
    grpc: u16,
    _server: ServerFolder,
    _dir: TempDir,
}

/// An agent with what stands around it.
pub struct Agent {
    pub name: String,
    pub site: Site,
    pub data: PathBuf,
    machine: String,
    env: Vec<(String, String)>,
    token: PathBuf,
    layout: Layout,
    process: Option<Process>,
}

/// An event that lies in a journal or in the cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub epoch: u32,
    pub seq: u64,
    pub bytes: Vec<u8>,
    pub event: v1::Event,
}

impl Stored {
    fn new(epoch: u32, seq: u64, bytes: Vec<u8>) -> Self {
        let event = v1::Event::decode(bytes.as_slice()).unwrap_or_default();
        Self { epoch, seq, bytes, event }
    }

    /// Its `event_id`, the same in whatever epoch it was recorded again.
    pub fn id(&self) -> Uuid {
        Uuid::from_slice(&self.event.event_id).unwrap_or_default()
    }
}

impl Lab {
    /// Brings it up.
    pub async fn start() -> Self {
        Self::start_with(str::to_owned).await
    }

    /// Brings it up with a plant file changed by `edit`.
    pub async fn start_with(edit: impl Fn(&str) -> String) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(&dir.path().join("w")).unwrap();
        let server = ServerFolder(layout.state.join("cloud/postgres"));
        let [http, grpc] = free_ports();
        let cloud = Cloud::start(&layout, http, grpc).await.unwrap();
        let line = Network::to(([127, 0, 0, 1], grpc).into()).await.unwrap();
        let setup = plant_file(&layout, "kolkata.toml", line.port(), &edit);
        // The reference data names both plants.
        let other = plant_file(&layout, "visakhapatnam.toml", line.port(), &str::to_owned);
        let files = [setup.file.clone(), other.file];
        let tokens = cloud.seed(&files, &reference_file(&layout)).await.unwrap();
        let office = cloud.client(TENANT, &["read", "write"]).await.unwrap();
        let mut agent = Agent::new(&layout, "KOL", setup, &tokens).await;
        agent.start();
        agent.ready().await;
        let cloud = Some(cloud);
        Self { cloud, office, line, agent, layout, tokens, http, grpc, _server: server, _dir: dir }
    }

    pub fn cloud(&self) -> &Cloud {
        self.cloud.as_ref().expect("the cloud runs")
    }

    /// Stops the cloud in good order.
    pub async fn stop_cloud(&mut self) {
        self.cloud.take().expect("the cloud runs").stop().await.unwrap();
    }

    /// Starts it where it was.
    pub async fn start_cloud(&mut self) {
        self.cloud = Some(Cloud::start(&self.layout, self.http, self.grpc).await.unwrap());
    }

    /// Copies the database of the cloud, which must be stopped.
    pub fn back_up_cloud(&self) -> PathBuf {
        let copy = self.layout.state.join("backup");
        copy_folder(&self.database_folder(), &copy);
        copy
    }

    /// Puts such a copy in the place of the database.
    pub fn restore_cloud(&self, copy: &Path) {
        let data = self.database_folder();
        std::fs::remove_dir_all(&data).unwrap();
        copy_folder(copy, &data);
    }

    fn database_folder(&self) -> PathBuf {
        server_folder(&self.layout.state.join("cloud/postgres")).join("data")
    }

    /// A copy of the agent as it is on disk, with ports and a machine of its own;
    /// the agent must be stopped.
    pub async fn clone_agent(&self, name: &str) -> Agent {
        let source = self.layout.state.join(format!("{name}.source.toml"));
        let text = std::fs::read_to_string(&self.agent.site.setup.file).unwrap();
        std::fs::write(&source, text).unwrap();
        // Its line is the original's; only what listens here needs other ports.
        let line = format!("https://localhost:{}", self.line.port());
        let setup = prepare(&self.layout, &source, self.line.port(), true).unwrap();
        assert!(std::fs::read_to_string(&setup.file).unwrap().contains(&line));
        let clone = Agent::new(&self.layout, name, setup, &self.tokens).await;
        copy_folder(&self.agent.data, &clone.data);
        clone
    }

    /// Every event of the plant's agents that the cloud has.
    pub async fn stored(&self) -> Vec<Stored> {
        let mut db = self.database().await;
        let rows =
            sqlx::query("select epoch, seq, payload from lifecycle_events where plant = 'KOL' order by 1, 2")
                .fetch_all(&mut db)
                .await
                .unwrap();
        rows.iter()
            .map(|row| {
                let (epoch, seq): (i32, i64) = (row.get(0), row.get(1));
                Stored::new(epoch.unsigned_abs(), seq.unsigned_abs(), row.get(2))
            })
            .collect()
    }

    /// The cloud's database, past every policy.
    pub async fn database(&self) -> PgConnection {
        let base = self.layout.state.join("cloud/postgres");
        let options = postgres::running(&base, postgres::DATABASE).await.expect("the cloud's database runs");
        options.connect().await.unwrap()
    }

    /// UIDs that the cloud's events give birth to more than once.
    pub async fn born_twice(&self) -> BTreeSet<String> {
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for uid in born(&self.stored().await) {
            *times.entry(uid).or_default() += 1;
        }
        times.into_iter().filter(|(_, times)| *times > 1).map(|(uid, _)| uid).collect()
    }

    /// The exceptions that are open, of one kind or of all.
    pub async fn exceptions(&self, kind: &str) -> Vec<Value> {
        let told = self.office.get("/api/v1/exceptions?limit=200").await.unwrap();
        let all = told["exceptions"].as_array().unwrap().clone();
        all.into_iter().filter(|e| kind.is_empty() || e["kind"] == kind).collect()
    }

    /// Waits until the cloud has all that the agent recorded, and says whether
    /// every event of the journal is there byte for byte.
    pub async fn drained(&mut self) -> Vec<Stored> {
        self.agent.drained().await;
        let journal = self.agent.journal().await;
        let stored = self.stored().await;
        for event in &journal {
            let there = stored.iter().find(|s| (s.epoch, s.seq) == (event.epoch, event.seq));
            let there = there.unwrap_or_else(|| panic!("{}/{} is not in the cloud", event.epoch, event.seq));
            assert_eq!(there.bytes, event.bytes, "{}/{}", event.epoch, event.seq);
        }
        journal
    }

    /// Asserts that the cloud has the facts of `events`, in whatever epoch.
    pub async fn must_have(&self, events: &[Stored]) {
        let stored: BTreeSet<Uuid> = self.stored().await.iter().map(Stored::id).collect();
        for event in events {
            let (stage, at) = (event.event.stage(), (event.epoch, event.seq));
            assert!(stored.contains(&event.id()), "{stage:?} at {at:?} is lost");
        }
    }

    /// The stages of a UID's life, as the API tells them.
    pub async fn stages(&self, uid: &str) -> Vec<String> {
        let told = self.office.get(&format!("/api/v1/trace/{uid}")).await.unwrap();
        let list = told["lifecycle"].as_array().unwrap();
        list.iter().map(|entry| entry["stage"].as_str().unwrap().to_owned()).collect()
    }

    /// Stops both in good order.
    pub async fn stop(mut self) {
        self.agent.stop().await;
        self.stop_cloud().await;
    }
}

impl Agent {
    pub async fn new(layout: &Layout, name: &str, setup: PlantSetup, tokens: &Path) -> Self {
        let mut printers = BTreeMap::new();
        for printer in &setup.plant.printers {
            let address = format!("{}:{}", printer.address.host, printer.address.port).parse().unwrap();
            printers.insert(printer.code.clone(), Printer::start(address).await.unwrap());
        }
        Self {
            name: name.to_owned(),
            site: Site { setup, machines: BTreeMap::new(), printers },
            data: layout.state.join(name),
            machine: format!("simulated-{name}"),
            env: Vec::new(),
            token: tokens.join("KOL.token"),
            layout: layout.clone(),
            process: None,
        }
    }

    /// Sets a variable of its environment for the next start.
    pub fn set_env(&mut self, key: &str, value: &str) {
        self.env.push((key.to_owned(), value.to_owned()));
    }

    /// Changes the plant file for the next start.
    pub fn edit_plant(&mut self, edit: impl Fn(&str) -> String) {
        let file = &self.site.setup.file;
        let text = std::fs::read_to_string(file).unwrap();
        std::fs::write(file, edit(&text)).unwrap();
        self.site.setup.plant = edge_agent::config::load(file).unwrap();
    }

    pub fn start(&mut self) {
        let show = |path: &Path| path.display().to_string();
        let args = [
            "run".to_owned(),
            show(&self.site.setup.file),
            "--data-dir".to_owned(),
            show(&self.data),
            "--token-file".to_owned(),
            show(&self.token),
        ];
        let mut env = self.env.clone();
        env.push(("TRACEWRIGHT_MACHINE_ID".to_owned(), self.machine.clone()));
        let (program, log) = (self.layout.program("edge-agent"), self.layout.log(&self.name));
        self.process = Some(Process::start(&self.name, &program, &args, &env, &log).unwrap());
    }

    /// SIGTERM; what was in the WAL is in the database afterwards.
    pub async fn stop(&mut self) {
        self.process.take().expect("the agent runs").stop().await.unwrap();
    }

    /// SIGKILL; the WAL stays.
    pub async fn kill(&mut self) {
        self.process.take().expect("the agent runs").kill().await.unwrap();
    }

    pub async fn health(&self) -> anyhow::Result<Value> {
        let http = Http::new(&format!("http://{}", self.site.setup.plant.health.listen), None);
        let (_, text) = http.send_raw(hyper::Method::GET, "/healthz", None).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Waits until its health is as `holds` says, and returns it.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let process = self.process.as_mut().expect("the agent runs");
        let http = Http::new(&format!("http://{}", self.site.setup.plant.health.listen), None);
        let mut said = String::new();
        until(what, async || {
            process.must_run().unwrap();
            let Ok((_, text)) = http.send_raw(hyper::Method::GET, "/healthz", None).await else {
                return false;
            };
            last = serde_json::from_str(&text).unwrap();
            if text != said && std::env::var_os("FAULTS_TALK").is_some() {
                println!("{what}: {text}");
                said = text;
            }
            holds(&last)
        })
        .await;
        last
    }

    /// Waits until it answers at all.
    pub async fn alive(&mut self) -> Value {
        self.until("the agent answers", |_| true).await
    }

    /// Waits until it is in touch with the cloud and can mint.
    pub async fn ready(&mut self) -> Value {
        let ready = |health: &Value| {
            health["uplink"]["connected"] == true
                && health["reference"]["version"].as_u64().is_some_and(|version| version > 0)
                && health["mint_blocked"].is_null()
                && health["leases"]["RM"].as_u64().is_some_and(|left| left > 0)
                && health["series"]["GRN"].as_u64().is_some_and(|left| left > 0)
        };
        self.until("in touch and able to mint", ready).await
    }

    /// Waits until the cloud has all that it recorded.
    pub async fn drained(&mut self) -> Value {
        let drained = |h: &Value| h["queue"] == 0 && h["uplink"]["connected"] == true;
        self.until("the cloud has everything", drained).await
    }

    /// Every event in the journal, in order.
    pub async fn journal(&self) -> Vec<Stored> {
        let mut db = self.journal_db().await;
        let rows = sqlx::query("SELECT id, bytes FROM records ORDER BY id").fetch_all(&mut db).await.unwrap();
        let stored = rows.iter().map(|row| {
            let (id, bytes): (i64, Vec<u8>) = (row.get(0), row.get(1));
            Stored::new((id >> 40) as u32, (id & ((1 << 40) - 1)) as u64, bytes)
        });
        let stored = stored.collect();
        db.close().await.unwrap();
        stored
    }

    /// The journal's database.
    pub async fn journal_db(&self) -> SqliteConnection {
        // Not read-only: such a reader cannot open it while no WAL is there.
        let options = SqliteConnectOptions::new().filename(self.data.join("journal.db"));
        options.busy_timeout(PATIENCE).connect().await.unwrap()
    }

    /// A person with a scanner at a station, signed in.
    pub async fn person(&self, station: &str) -> Person {
        let mut person = self.stranger(station);
        person.take(BADGE).await;
        person
    }

    /// A person with a scanner at a station whom it does not know.
    pub fn stranger(&self, station: &str) -> Person {
        let nth = SCANNERS.fetch_add(1, Ordering::Relaxed);
        Person { scanner: self.site.scanner(station).unwrap().count_from(nth * 1000) }
    }

    /// Receives pieces at the dock; the answer to DONE, and the UIDs that are new
    /// in the journal then.
    pub async fn receive(&self, dock: &mut Person, count: u32) -> (Answer, Vec<String>) {
        let before: BTreeSet<String> = born(&self.journal().await).into_iter().collect();
        let answer = dock.receive(count).await;
        let now = born(&self.journal().await);
        let new = now.into_iter().filter(|uid| !before.contains(uid)).collect();
        (answer, new)
    }
}

/// Somebody at a station.
pub struct Person {
    scanner: Scanner,
}

impl Person {
    /// Scans, whatever the answer.
    pub async fn scan(&mut self, code: &str) -> Answer {
        self.scanner.scan(code).await.unwrap()
    }

    /// Scans what must be taken.
    pub async fn take(&mut self, code: &str) -> Answer {
        let answer = self.scan(code).await;
        assert!(answer.taken(), "{code} was refused: {answer:?}");
        answer
    }

    /// Receives pieces of one lot; the answer to DONE.
    pub async fn receive(&mut self, count: u32) -> Answer {
        self.take(ORDER).await;
        self.take(ITEM).await;
        self.take("HEAT-00001").await;
        self.take(&card(Verb::Qty, Some(&count.to_string()))).await;
        self.scan(&card(Verb::Done, None)).await
    }

    /// Puts pieces away.
    pub async fn store(&mut self, place: &str, uids: &[String]) {
        self.take(place).await;
        for uid in uids {
            self.take(uid).await;
        }
    }
}

/// The UIDs that events give birth to, in order.
pub fn born(events: &[Stored]) -> Vec<String> {
    let tenant: TenantCode = TENANT.parse().unwrap();
    let subjects = events.iter().flat_map(|stored| stored.event.subjects.iter());
    let born = subjects.filter(|subject| subject.mint).map(|subject| Key::new(subject.key).unwrap());
    born.map(|key| Uid::from_key(tenant, key).to_string()).collect()
}

/// Copies a folder as it is, owners and modes kept, over what is there.
pub fn copy_folder(from: &Path, to: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).unwrap();
    }
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success(), "copying {} to {}", from.display(), to.display());
}

fn plant_file(layout: &Layout, name: &str, grpc: u16, edit: &impl Fn(&str) -> String) -> PlantSetup {
    let text = std::fs::read_to_string(layout.root.join("plant-configs").join(name)).unwrap();
    let folder = layout.state.join("sources");
    std::fs::create_dir_all(&folder).unwrap();
    // Nobody waits longer than this for a plant to be in touch again.
    let text = text.replace("reconnect_max_ms = 15_000", "reconnect_max_ms = 1_000");
    let source = folder.join(name);
    std::fs::write(&source, edit(&text)).unwrap();
    prepare(layout, &source, grpc, true).unwrap()
}

/// Where the cloud's own database server keeps its files: beside the cloud's
/// state, or, where its user cannot reach that, where the note says.
fn server_folder(base: &Path) -> PathBuf {
    let here = base.join("server");
    if here.is_dir() {
        return here;
    }
    match std::fs::read_to_string(base.join("place")) {
        Ok(noted) => PathBuf::from(noted.trim()),
        Err(_) => base.to_owned(),
    }
}

/// Removes the database server's files where they lie outside of the test's own
/// folder.
struct ServerFolder(PathBuf);

impl Drop for ServerFolder {
    fn drop(&mut self) {
        if self.0.join("place").exists() {
            let _ = std::fs::remove_dir_all(server_folder(&self.0));
        }
    }
}
