//! A real Postgres for tests: one server per test process, started at first
//! use and gone when the process ends; each test gets a database of its own,
//! copied from a migrated template.

pub mod child;
mod links;
mod people;
mod smtp;

pub use links::{Refers, kind, refers};
pub use people::{PASSWORD, person, session};
pub use smtp::{Got, MailServer, Manner, Moment};

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Utc;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::admin::log::Who;
use crate::ctx::Cx;
use crate::db::{Db, DbError, PoolSizes, SHARED};
use crate::migrate::migrate;
use crate::postgres::{Durability, Embedded};
use crate::tenancy::{self, NewAgent, NewCompany, NewPlant, NewTenant, Placement};

/// The one that Postgres copies for whoever names no other: databases of tenants of their own begin
/// with the schema too, and find nothing left to migrate. How an empty one is migrated is seen by the
/// tests that run the program.
const TEMPLATE: &str = "template1";

struct Server {
    options: PgConnectOptions,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(1);
/// Databases whose tests have ended. They go when the next test begins: together they
/// would fill a small disk.
static ENDED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A migrated database of its own; it goes some time after the last clone is dropped.
#[derive(Clone)]
pub struct TestDb {
    /// Pools by role.
    pub db: Db,
    /// The superuser's login, for what a test checks behind the roles' backs. It opens
    /// the home database; where a tenant lives, [`TestDb::owner_of`] opens.
    pub owner: PgConnectOptions,
    /// Whether tenants live here whatever a run of all tests asks for.
    at_home: bool,
    _kept: Arc<Kept>,
}

/// The name of a database that is to go when this does.
struct Kept(String);

impl Drop for Kept {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.0);
        ENDED.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }
}

impl TestDb {
    /// A fresh database.
    ///
    /// # Panics
    /// When Postgres cannot be started: a test cannot go on without it.
    pub async fn new() -> Self {
        Self::made(false).await
    }

    /// A fresh database whose tenants live in it also when [`ASKED`] asks for another
    /// placement: for tests of the shared database itself, and for those that place and
    /// move tenants themselves.
    ///
    /// # Panics
    /// When Postgres cannot be started.
    pub async fn at_home() -> Self {
        Self::made(true).await
    }

    async fn made(at_home: bool) -> Self {
        let server = SERVER.get_or_init(start).await;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = server.options.clone().connect().await.expect("test Postgres answers");
        let ended = std::mem::take(&mut *ENDED.lock().unwrap_or_else(PoisonError::into_inner));
        for name in ended {
            remove(&server.options, &mut connection, &name).await.expect("a database of an ended test goes");
        }
        sqlx::raw_sql(AssertSqlSafe(format!(
            "create database {name} template {TEMPLATE} strategy file_copy"
        )))
        .execute(&mut connection)
        .await
        .expect("a database from the template");
        connection.close().await.expect("test Postgres answers");
        let owner = server.options.clone().database(&name);
        let db = Db::new(owner.clone(), PoolSizes { app: 6, ingest: 4, system: 3 });
        Self { db, owner, at_home, _kept: Arc::new(Kept(name)) }
    }

    /// A tenant with one company, the plants named, their agents and an office, placed
    /// as [`placed`] says, else as [`ASKED`] does. Returns the tenant's id; agents' ids
    /// are those of `agents.name = plant`.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn tenant(&self, code: &str, plants: &[&str]) -> Uuid {
        let by_default = || if self.at_home { Placed::Shared } else { Placed::asked_for() };
        let placed = PLACED.try_with(|placed| *placed).unwrap_or_else(|_| by_default());
        let own = Placement::Own { server: String::new() };
        let (placement, then) = match placed {
            Placed::Shared => (Placement::Shared, None),
            Placed::Own => (own, None),
            Placed::MovedIn => (own, Some(Placement::Shared)),
            Placed::MovedOut => (Placement::Shared, Some(own)),
        };
        let new = NewTenant { code: code.to_owned(), name: code.to_owned(), ..NewTenant::default() };
        let made = tenancy::create(&self.db, &Who::system(), &new, &placement, Utc::now()).await;
        let tenant = made.expect("a test tenant").id;
        let company = NewCompany { code: "C1".to_owned(), name: "C1".to_owned() };
        let made: Result<(), DbError> = self
            .db
            .tx(&Cx::system(tenant), async |tx| {
                let company = tenancy::company_upsert(tx, &company).await?.id;
                for plant in plants {
                    let new = NewPlant {
                        company,
                        code: (*plant).to_owned(),
                        slug: None,
                        name: (*plant).to_owned(),
                        time_zone: "Asia/Kolkata".to_owned(),
                        languages: vec!["en".to_owned()],
                    };
                    tenancy::plant_upsert(tx, &new).await?;
                    tenancy::agent_upsert(tx, &NewAgent::Plant((*plant).to_owned())).await?;
                }
                let sql = "update agents set status = 'enrolled' where tenant_id = $1";
                sqlx::query(sql).bind(tenant).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        made.expect("a test tenant");
        if let Some(there) = then {
            let mut watch = |_: &tenancy::At| std::ops::ControlFlow::Continue(());
            let moved = tenancy::move_to(&self.db, tenant, &there, &mut watch).await;
            moved.expect("a test tenant moves");
        }
        tenant
    }

    /// The address of the home database, for a process of its own ([`child`]).
    #[must_use]
    pub fn url(&self) -> String {
        self.owner.to_url_lossy().to_string()
    }

    /// The superuser's login to the database where the tenant lives.
    ///
    /// # Panics
    /// When there is no such tenant.
    pub async fn owner_of(&self, tenant: Uuid) -> PgConnectOptions {
        let found: Result<String, DbError> = self
            .db
            .system_tx(async |system| {
                let sql = "select placement from control.tenants where tenant_id = $1";
                Ok(sqlx::query_scalar(sql).bind(tenant).fetch_one(system.conn()).await?)
            })
            .await;
        match found.expect("the tenant's placement").as_str() {
            SHARED => self.owner.clone(),
            own => self.owner.clone().database(own),
        }
    }
}

/// Removes a test's database, and those of its tenants that have their own.
async fn remove(server: &PgConnectOptions, connection: &mut PgConnection, name: &str) -> sqlx::Result<()> {
    let mut inside = server.clone().database(name).connect().await?;
    let own: Vec<String> =
        sqlx::query_scalar("select name from control.databases").fetch_all(&mut inside).await?;
    inside.close().await?;
    for name in own.iter().map(String::as_str).chain([name]) {
        sqlx::raw_sql(AssertSqlSafe(format!("drop database if exists {name} with (force)")))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The variable of the environment by which a run of all tests asks for a placement:
/// `shared`, `own`, `moved-in` or `moved-out` (`make test-placements`).
pub const ASKED: &str = "TRACEWRIGHT_PLACEMENT";

/// Where [`TestDb::tenant`] puts tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// Into the shared database.
    Shared,
    /// Each into a database of its own.
    Own,
    /// Each into a database of its own, and moved to the shared one.
    MovedIn,
    /// Each into the shared database, and moved to one of its own.
    MovedOut,
}

impl Placed {
    /// What [`ASKED`] asks for.
    fn asked_for() -> Self {
        match std::env::var(ASKED).unwrap_or_default().as_str() {
            "" | "shared" => Self::Shared,
            "own" => Self::Own,
            "moved-in" => Self::MovedIn,
            "moved-out" => Self::MovedOut,
            // A run that tries another placement than was meant would prove nothing.
            other => panic!("{ASKED} is {other:?}: say shared, own, moved-in or moved-out"),
        }
    }
}

tokio::task_local! {
    static PLACED: Placed;
}

/// Runs a test whose tenants are placed so.
pub async fn placed<T>(placed: Placed, test: impl Future<Output = T>) -> T {
    PLACED.scope(placed, Box::pin(test)).await
}

/// Makes each test into one for every placement: what holds for a tenant holds
/// wherever it lives.
#[macro_export]
macro_rules! in_every_placement {
    ($($(#[$meta:meta])* async fn $name:ident() $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn body() $body

            #[tokio::test]
            async fn shared() {
                $crate::testing::placed($crate::testing::Placed::Shared, body()).await;
            }

            #[tokio::test]
            async fn own() {
                $crate::testing::placed($crate::testing::Placed::Own, body()).await;
            }

            #[tokio::test]
            async fn moved_in() {
                $crate::testing::placed($crate::testing::Placed::MovedIn, body()).await;
            }

            #[tokio::test]
            async fn moved_out() {
                $crate::testing::placed($crate::testing::Placed::MovedOut, body()).await;
            }
        }
    )*};
}

/// Starts the server in a thread of its own: it must outlive the runtime of the
/// test that was first, and end with the process.
async fn start() -> Server {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dir = TempDir::new().expect("a temporary folder");
            let server = Embedded::start(dir.path(), Durability::None).await.expect("test Postgres starts");
            migrate(&server.options(TEMPLATE)).await.expect("migrations apply");
            watch_parent(&server, dir.path());
            let _ = sender.send(server.options("postgres"));
            // Statics are not dropped; the watcher ends and removes it all.
            std::mem::forget(server);
            std::mem::forget(dir);
        });
    });
    Server { options: receiver.await.expect("test Postgres starts") }
}

/// Leaves a small shell behind that, once this process is gone however it
/// ended, stops the server and removes its folders.
fn watch_parent(server: &Embedded, dir: &std::path::Path) {
    let script = r#"
        exec >/dev/null 2>&1 </dev/null
        while kill -0 "$1"; do sleep 0.2; done
        pid=$(head -n 1 "$2/data/postmaster.pid")
        kill -QUIT "$pid"
        while kill -0 "$pid"; do sleep 0.05; done
        rm -rf "$2" "$3" "$4"
    "#;
    let _ = std::process::Command::new("setsid")
        .args(["sh", "-c", script, "sh", &std::process::id().to_string()])
        .args([server.base(), server.socket(), dir])
        .spawn();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn databases_are_migrated_and_apart() {
        let (one, two) = (TestDb::new().await, TestDb::new().await);
        one.tenant("AAAA", &["KOL"]).await;
        let count = async |db: &TestDb| -> i64 {
            let done: Result<i64, DbError> = db
                .db
                .system_tx(async |tx| {
                    Ok(sqlx::query_scalar("select count(*) from control.tenants")
                        .fetch_one(tx.conn())
                        .await?)
                })
                .await;
            done.expect("a count")
        };
        assert_eq!((count(&one).await, count(&two).await), (1, 0));
    }

    #[tokio::test]
    async fn a_test_tenant_lives_where_it_is_placed() {
        let test = TestDb::new().await;
        for (placed, code, shares) in [
            (Placed::Shared, "AAAA", true),
            (Placed::Own, "BBBB", false),
            (Placed::MovedIn, "CCCC", true),
            (Placed::MovedOut, "DDDD", false),
        ] {
            let tenant = super::placed(placed, test.tenant(code, &["KOL"])).await;
            let at = test.owner_of(tenant).await;
            assert_eq!(at.get_database() == test.owner.get_database(), shares, "{placed:?}");
            let mut owner = at.connect().await.unwrap();
            let plants: i64 = sqlx::query_scalar("select count(*) from plants where tenant_id = $1")
                .bind(tenant)
                .fetch_one(&mut owner)
                .await
                .unwrap();
            assert_eq!(plants, 1, "{placed:?}");
            // What is done after the placing is done there too.
            let seen: Result<i64, DbError> = test
                .db
                .tx(&Cx::system(tenant), async |tx| {
                    sqlx::query("update plants set name = 'X'").execute(tx.conn()).await?;
                    Ok(sqlx::query_scalar("select count(*) from plants").fetch_one(tx.conn()).await?)
                })
                .await;
            assert_eq!(seen.unwrap(), 1, "{placed:?}");
            let name: String = sqlx::query_scalar("select name from plants where tenant_id = $1")
                .bind(tenant)
                .fetch_one(&mut owner)
                .await
                .unwrap();
            assert_eq!(name, "X", "{placed:?}");
        }
    }
}
