//! A cloud that may be killed, on a database server that outlives it, and who works with
//! it: the real agent of one plant, a stream of another, an office, and imports.

use std::sync::atomic::{AtomicU64, Ordering};

use platform::db::{Db, PoolSizes};
use platform::postgres::{DATABASE, Durability, Embedded};
use simulators::demo::cloud::Cloud;
use simulators::demo::layout::Layout;
use simulators::demo::plant::prepare;
use simulators::demo::world::TENANT;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::facts::Facts;
use super::history::Imports;
use super::line::Line;
use super::office::Office;
use super::stream::{Plant, connect};
use crate::support::free_ports;

/// How much each of those who work may have done by now, in kills.
pub struct Granted(watch::Sender<u64>);

impl Granted {
    fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub fn one_more(&self) {
        self.0.send_modify(|kills| *kills += 1);
    }

    pub fn now(&self) -> u64 {
        *self.0.borrow()
    }
}

/// What somebody has done, of `each` for a kill.
pub struct Done {
    each: u64,
    done: AtomicU64,
    granted: watch::Receiver<u64>,
}

impl Done {
    pub fn of(granted: &Granted, each: u64) -> Self {
        Self { each, done: AtomicU64::new(0), granted: granted.0.subscribe() }
    }

    /// Waits until there is more to do.
    pub async fn due(&self) {
        let mut granted = self.granted.clone();
        let more = granted.wait_for(|kills| self.count() < kills * self.each).await;
        drop(more.expect("the story goes on"));
    }

    pub fn add(&self) {
        self.done.fetch_add(1, Ordering::SeqCst);
    }

    pub fn count(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// Nothing more is to be done.
    pub fn idle(&self) -> bool {
        self.count() >= *self.granted.borrow() * self.each
    }
}

/// All of it.
pub struct Ground {
    pub cloud: tokio::sync::Mutex<Cloud>,
    /// Whether the cloud is there.
    pub up: watch::Sender<bool>,
    pub granted: Granted,
    pub plant: std::sync::Arc<Plant>,
    pub facts: Facts,
    pub line: Line,
    pub office: Office,
    pub imports: Imports,
    /// The database as the cloud's code uses it.
    pub db: Db,
    pub tenant: Uuid,
    owner: PgConnectOptions,
    stop: CancellationToken,
    // The cloud ends before its database, and the files go last.
    _server: Server,
    _dir: TempDir,
}

/// The server, and its files where they lie outside of the test's own folder.
pub struct Server(Option<Embedded>);

impl Server {
    pub fn new(server: Embedded) -> Self {
        Self(Some(server))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(server) = self.0.take() else { return };
        let home = server.base().to_owned();
        drop(server);
        let _ = std::fs::remove_dir_all(home);
    }
}

impl Ground {
    pub async fn start(seed: u64, kills: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(&dir.path().join("w")).unwrap();
        let server = Embedded::start(&dir.path().join("postgres"), Durability::Full).await.unwrap();
        server.ensure_database(DATABASE).await.unwrap();
        let owner = server.options(DATABASE);
        let server = Server::new(server);
        let [http, grpc] = free_ports();
        let settings = [
            ("TRACEWRIGHT_DATABASE_URL", owner.to_url_lossy().to_string()),
            ("TRACEWRIGHT_RATE_CALLER_BURST", "0".to_owned()),
            ("TRACEWRIGHT_RATE_ADDRESS_BURST", "0".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into();
        let cloud = Cloud::start_with(&layout, http, grpc, settings).await.unwrap();
        let (kolkata, visakhapatnam) =
            (file(&layout, "kolkata.toml", grpc), file(&layout, "visakhapatnam.toml", grpc));
        let files = [kolkata.file.clone(), visakhapatnam.file.clone()];
        let tokens = cloud.seed(&files, &reference(&layout)).await.unwrap();
        let http = cloud.client(TENANT, &["read", "write"]).await.unwrap();
        let db = Db::new(owner.clone(), PoolSizes { app: 3, ingest: 1, system: 1 });
        let mut connection = owner.clone().connect().await.unwrap();
        let tenant: Uuid = sqlx::query_scalar("select tenant_id from control.tenants where code = $1")
            .bind(TENANT)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let (granted, up, stop) = (Granted::new(), watch::Sender::new(true), CancellationToken::new());
        let line = Line::start(&layout, kolkata, &tokens, &granted, seed).await;
        let plant = connect(&tokens.join("VSK.token"), grpc, dir.path(), &stop).await;
        let facts = Facts::new(plant.clone(), &granted, seed);
        let office = Office::new(http, up.subscribe(), &granted, seed);
        let imports =
            Imports::new(dir.path(), layout.program("cloud"), cloud.environment(), &granted, seed, kills);
        Self {
            cloud: tokio::sync::Mutex::new(cloud),
            up,
            granted,
            plant,
            facts,
            line,
            office,
            imports,
            db,
            tenant,
            owner,
            stop,
            _server: server,
            _dir: dir,
        }
    }

    /// The work of all of them, for ever.
    pub async fn work(&self) {
        tokio::join!(
            self.facts.work(),
            self.line.work(&self.office.units),
            self.office.work(&self.plant),
            self.imports.work(),
        );
    }

    /// Everybody has done what was granted, and nothing is on its way.
    pub fn idle(&self) -> bool {
        self.facts.done.idle()
            && self.line.done.idle()
            && self.office.done.idle()
            && self.imports.done.idle()
            && self.plant.unacknowledged() == 0
    }

    /// The database past every policy.
    pub async fn owner(&self) -> PgConnection {
        self.owner.clone().connect().await.unwrap()
    }

    /// A number, by the owner.
    pub async fn number(&self, sql: &str) -> i64 {
        let mut owner = self.owner().await;
        let asked = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut owner).await;
        asked.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Runs a command of the cloud beside it.
    pub async fn run(&self, args: &[&str]) -> String {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.cloud.lock().await.run(&args).await.unwrap()
    }

    /// Ends it in good order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.line.stop().await;
        self.db.close().await;
        self.cloud.lock().await.stop().await.unwrap();
    }
}

pub fn file(layout: &Layout, name: &str, grpc: u16) -> simulators::demo::plant::PlantSetup {
    let text = std::fs::read_to_string(layout.root.join("plant-configs").join(name)).unwrap();
    let folder = layout.state.join("sources");
    std::fs::create_dir_all(&folder).unwrap();
    let source = folder.join(name);
    // Nobody waits longer than this for a plant to be in touch again.
    std::fs::write(&source, text.replace("reconnect_max_ms = 15_000", "reconnect_max_ms = 1_000")).unwrap();
    prepare(layout, &source, grpc, true).unwrap()
}

/// The demo's, with an order that nobody comes to the end of.
pub fn reference(layout: &Layout) -> std::path::PathBuf {
    let text = std::fs::read_to_string(crate::support::reference_file(layout)).unwrap();
    let file = layout.state.join("reference.toml");
    std::fs::write(&file, text.replace("quantity = \"400\"", "quantity = \"4000000\"")).unwrap();
    file
}
