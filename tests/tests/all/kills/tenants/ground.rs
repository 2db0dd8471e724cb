//! A database server with one tenant that has of everything, the commands on it, and what
//! is where.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use platform::ctx::Cx;
use platform::db::{Db, DbError, PoolSizes};
use platform::postgres::{DATABASE, Durability, Embedded};
use serde_json::json;
use simulators::demo::cloud::Cloud;
use simulators::demo::layout::Layout;
use simulators::demo::process;
use simulators::demo::world::TENANT;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};
use tempfile::TempDir;
use tokio::process::Command;
use uuid::Uuid;

use super::super::ground::{Server, file, reference};
use super::super::history::{self, History};
use super::super::when::BEHIND;
use super::Moment;
use crate::support::{free_ports, until};

/// Rows of the history that the tenant has.
const ROWS: u64 = 600;

/// Every row, as text, of each table that has some.
pub type Rows = BTreeMap<String, Vec<String>>;

/// Where the home database says that the tenant lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub name: String,
    pub paused: bool,
    /// The state of its move, if one is under way.
    pub moving: Option<String>,
}

impl Place {
    pub fn shared(&self) -> bool {
        self.name == "shared"
    }
}

/// All of it.
pub struct Ground {
    pub layout: Layout,
    pub tenant: Uuid,
    pub history: History,
    pub dir: TempDir,
    owner: PgConnectOptions,
    env: Vec<(String, String)>,
    ports: [u16; 2],
    server: Server,
}

impl Ground {
    /// A tenant that was seeded, has imported a history and holds some of it, and nobody at
    /// work.
    pub async fn start(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(&dir.path().join("w")).unwrap();
        let server = Embedded::start(&dir.path().join("postgres"), Durability::None).await.unwrap();
        server.ensure_database(DATABASE).await.unwrap();
        let owner = server.options(DATABASE);
        let server = Server::new(server);
        let ports: [u16; 2] = free_ports();
        let mut cloud = Cloud::start_with(&layout, ports[0], ports[1], settings(&owner)).await.unwrap();
        let plants = ["kolkata.toml", "visakhapatnam.toml"].map(|name| file(&layout, name, ports[1]).file);
        cloud.seed(&plants, &reference(&layout)).await.unwrap();
        let office = cloud.client(TENANT, &["read", "write"]).await.unwrap();
        let history = history::write(dir.path(), seed, 0, ROWS);
        let import = ["import", "events", history.path.to_str().unwrap(), "--tenant", TENANT, "--skip-bad"];
        cloud.run(&import.map(str::to_owned)).await.unwrap();
        let env = cloud.environment();
        let mut connection = owner.clone().connect().await.unwrap();
        let tenant: Uuid = sqlx::query_scalar("select tenant_id from control.tenants where code = $1")
            .bind(TENANT)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        until("everybody has followed", async || {
            let behind: i64 = sqlx::query_scalar(AssertSqlSafe(BEHIND.to_owned()))
                .fetch_one(&mut connection)
                .await
                .unwrap();
            behind == 0
        })
        .await;
        for (n, uid) in history.born.iter().take(5).enumerate() {
            let wish = json!({ "uid": uid, "descendants": n % 2 == 0, "reason": format!("held-{n}") });
            office.post("/api/v1/holds", &wish).await.unwrap();
        }
        cloud.stop().await.unwrap();
        Self { layout, tenant, history, dir, owner, env, ports, server }
    }

    /// Starts the cloud again.
    pub async fn cloud(&self) -> Cloud {
        let [http, grpc] = self.ports;
        Cloud::start_with(&self.layout, http, grpc, settings(&self.owner)).await.unwrap()
    }

    /// `cloud tenant …` to its end; what it printed, or its error.
    pub async fn tenant(&self, args: &[&str]) -> anyhow::Result<String> {
        let args: Vec<String> = ["tenant"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        process::run(&self.layout.program("cloud"), &args, &self.env).await
    }

    /// As [`Ground::tenant`], and how long it took.
    pub async fn timed(&self, args: &[&str]) -> Duration {
        let began = Instant::now();
        self.tenant(args).await.unwrap();
        began.elapsed()
    }

    /// `cloud tenant …`, killed at that moment; `false` when it had come to its end before.
    pub async fn killed(&self, args: &[&str], moment: Moment) -> bool {
        let mut child = Command::new(self.layout.program("cloud"))
            .arg("tenant")
            .args(args)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut home = self.home().await;
        let come = async {
            match moment {
                Moment::After(time) => tokio::time::sleep(time).await,
                Moment::Noted(state, more) => {
                    while self.moving(&mut home).await.as_deref() != Some(state) {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    tokio::time::sleep(more).await;
                }
            }
        };
        tokio::select! {
            () = come => {}
            ended = child.wait() => {
                ended.unwrap();
                return false;
            }
        }
        child.kill().await.unwrap();
        true
    }

    /// A connection past every policy to the home database.
    pub async fn home(&self) -> PgConnection {
        self.at(DATABASE).await
    }

    /// The same to any of the server.
    async fn at(&self, database: &str) -> PgConnection {
        let options = self.owner.clone().database(database).options([("TimeZone", "UTC")]);
        options.connect().await.unwrap()
    }

    /// The state of the tenant's move.
    async fn moving(&self, home: &mut PgConnection) -> Option<String> {
        let sql = "select state from control.moves where tenant_id = $1";
        sqlx::query_scalar(sql).bind(self.tenant).fetch_optional(home).await.unwrap()
    }

    /// Where it lives; `None` when there is no such tenant.
    pub async fn place(&self) -> Option<Place> {
        let mut home = self.home().await;
        let sql = "select placement, paused_at is not null from control.tenants where tenant_id = $1";
        let row: Option<(String, bool)> =
            sqlx::query_as(sql).bind(self.tenant).fetch_optional(&mut home).await.unwrap();
        let (name, paused) = row?;
        Some(Place { name, paused, moving: self.moving(&mut home).await })
    }

    /// Databases of a tenant alone that the server has.
    pub async fn own_databases(&self) -> Vec<String> {
        let mut home = self.home().await;
        let sql = "select datname::text from pg_database where datname like 'tw\\_%' order by 1";
        sqlx::query_scalar(sql).fetch_all(&mut home).await.unwrap()
    }

    /// Databases of a tenant alone that the control schema knows.
    pub async fn known_databases(&self) -> Vec<String> {
        let mut home = self.home().await;
        let sql = "select name from control.databases where kind = 'own' order by 1";
        sqlx::query_scalar(sql).fetch_all(&mut home).await.unwrap()
    }

    /// What the tenant has where it lives.
    pub async fn rows(&self) -> Rows {
        self.rows_at(&self.place().await.unwrap().name).await
    }

    /// What the tenant has in a database, but for what the audit says of the commands here.
    pub async fn rows_at(&self, place: &str) -> Rows {
        let mut there = self.at(if place == "shared" { DATABASE } else { place }).await;
        let mut all = Rows::new();
        for table in tables(&mut there, "public").await {
            let but = match table.as_str() {
                "public.audit_log" => "action not like 'tenant.%'",
                "public.audit_unchained" => {
                    "audit_id not in (select a.audit_id from audit_log a where a.tenant_id = t.tenant_id \
                     and a.action like 'tenant.%')"
                }
                _ => "true",
            };
            let sql = format!("select t::text from {table} t where tenant_id = $1 and {but} order by 1");
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(sql)).bind(self.tenant).fetch_all(&mut there).await.unwrap();
            if !rows.is_empty() {
                all.insert(table, rows);
            }
        }
        all
    }

    /// That nothing of the tenant is in the shared database: no row, and no partition.
    pub async fn nothing_shared(&self, schemas: &[&str]) {
        let mut home = self.home().await;
        for schema in schemas {
            for table in tables(&mut home, schema).await {
                let sql = format!("select count(*) from {table} where tenant_id = $1");
                let left: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                    .bind(self.tenant)
                    .fetch_one(&mut home)
                    .await
                    .unwrap();
                assert_eq!(left, 0, "rows are left in {table}");
            }
        }
        let partitions: i64 =
            sqlx::query_scalar("select count(*) from pg_class where relname like '%' || $1")
                .bind(self.tenant.simple().to_string())
                .fetch_one(&mut home)
                .await
                .unwrap();
        assert_eq!(partitions, 0, "partitions are left");
    }

    /// That it is in one place and settled there: nothing is under way, nothing is anywhere
    /// else, and it can be written.
    pub async fn settled(&self) {
        let place = self.place().await.unwrap();
        assert_eq!(place, Place { name: place.name.clone(), paused: false, moving: None });
        let own: &[String] = if place.shared() { &[] } else { std::slice::from_ref(&place.name) };
        assert_eq!(self.own_databases().await, own, "a database is left");
        assert_eq!(self.known_databases().await, own, "a database is known that is not needed");
        if !place.shared() {
            self.nothing_shared(&["public"]).await;
        }
        // Written as everybody writes, and rolled back.
        let db = Db::new(self.owner.clone(), PoolSizes { app: 1, ingest: 1, system: 1 });
        let mut written = 0;
        let rolled_back: Result<(), DbError> = db
            .tx(&Cx::system(self.tenant), async |tx| {
                let sql = "update plants set name = name || '!' where tenant_id = $1";
                let done = sqlx::query(sql).bind(self.tenant).execute(tx.conn()).await?;
                written = done.rows_affected();
                Err(sqlx::Error::RowNotFound.into())
            })
            .await;
        assert!(rolled_back.is_err() && written > 0, "it cannot be written: {rolled_back:?}");
        db.close().await;
    }

    /// Ends it.
    pub fn stop(self) {
        let Self { server, dir, .. } = self;
        drop(server);
        drop(dir);
    }
}

/// Tables of a schema with rows of tenants.
async fn tables(connection: &mut PgConnection, schema: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c \
         join pg_namespace n on n.oid = c.relnamespace \
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped \
         where c.relkind in ('r', 'p') and not c.relispartition and n.nspname = $1 order by 1",
    )
    .bind(schema)
    .fetch_all(connection)
    .await
    .unwrap()
}

fn settings(owner: &PgConnectOptions) -> Vec<(String, String)> {
    let settings = [
        ("TRACEWRIGHT_DATABASE_URL", owner.to_url_lossy().to_string()),
        ("TRACEWRIGHT_RATE_CALLER_BURST", "0".to_owned()),
        ("TRACEWRIGHT_RATE_ADDRESS_BURST", "0".to_owned()),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The program that lies elsewhere than the tests' own folder.
pub fn file_in(ground: &Ground, name: &str) -> PathBuf {
    ground.dir.path().join("out").join(name)
}
