//! A real Postgres for tests: one server per test process, started at first
//! use and gone when the process ends; each test gets a database of its own,
//! copied from a migrated template.

mod smtp;

pub use smtp::{Got, MailServer, Manner};

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::ctx::Cx;
use crate::db::{Db, DbError, PoolSizes};
use crate::migrate::migrate;
use crate::postgres::{Durability, Embedded};

const TEMPLATE: &str = "template_tracewright";

struct Server {
    options: PgConnectOptions,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A migrated database of its own.
pub struct TestDb {
    /// Pools by role.
    pub db: Db,
    /// The superuser's login, for what a test checks behind the roles' backs.
    pub owner: PgConnectOptions,
}

impl TestDb {
    /// A fresh database.
    ///
    /// # Panics
    /// When Postgres cannot be started: a test cannot go on without it.
    pub async fn new() -> Self {
        let server = SERVER.get_or_init(start).await;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = server.options.clone().connect().await.expect("test Postgres answers");
        sqlx::raw_sql(AssertSqlSafe(format!(
            "create database {name} template {TEMPLATE} strategy file_copy"
        )))
        .execute(&mut connection)
        .await
        .expect("a database from the template");
        connection.close().await.expect("test Postgres answers");
        let owner = server.options.clone().database(&name);
        Self { db: Db::new(owner.clone(), PoolSizes { app: 6, ingest: 4, system: 3 }), owner }
    }

    /// A tenant with one company, the plants named, their agents and an office.
    /// Returns the tenant's id; agents' ids are those of `agents.name = plant`.
    ///
    /// # Panics
    /// When the database refuses.
    pub async fn tenant(&self, code: &str, plants: &[&str]) -> Uuid {
        let tenant = Uuid::now_v7();
        let cx = Cx::new(tenant, "system");
        let made: Result<(), DbError> = self
            .db
            .system_tx(async |system| {
                sqlx::query("insert into control.tenants (tenant_id, code, name) values ($1, $2, $2)")
                    .bind(tenant)
                    .bind(code)
                    .execute(system.conn())
                    .await?;
                sqlx::query("select app.add_tenant_partitions($1)").bind(tenant).execute(system.conn()).await?;
                system
                    .enter(&cx, async |tx| {
                        sqlx::query("insert into tenant_counters (tenant_id) values ($1)")
                            .bind(tenant)
                            .execute(tx.conn())
                            .await?;
                crate::people::roles_ensure(tx).await?;
                crate::masters::begin(tx).await?;
                let company = Uuid::now_v7();
                sqlx::query("insert into companies (tenant_id, company_id, code, name) values ($1, $2, 'C1', 'C1')")
                    .bind(tenant)
                    .bind(company)
                    .execute(tx.conn())
                    .await?;
                for plant in plants {
                    sqlx::query(
                        "insert into plants (tenant_id, plant_id, company_id, code, name, time_zone)
                         values ($1, $2, $3, $4, $4, 'Asia/Kolkata')",
                    )
                    .bind(tenant)
                    .bind(Uuid::now_v7())
                    .bind(company)
                    .bind(plant)
                    .execute(tx.conn())
                    .await?;
                    sqlx::query(
                        "insert into agents (tenant_id, agent_id, name, kind, plant_code, status)
                         values ($1, $2, $3, 'plant', $3, 'enrolled')",
                    )
                    .bind(tenant)
                    .bind(Uuid::now_v7())
                    .bind(plant)
                    .execute(tx.conn())
                    .await?;
                }
                sqlx::query(
                    "insert into agents (tenant_id, agent_id, name, kind, status)
                     values ($1, $2, 'office', 'office', 'enrolled')",
                )
                .bind(tenant)
                .bind(Uuid::now_v7())
                .execute(tx.conn())
                .await?;
                Ok(())
                    })
                    .await
            })
            .await;
        made.expect("a test tenant");
        tenant
    }
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
            server.ensure_database(TEMPLATE).await.expect("a template database");
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
}
