//! An import whose process is killed: afterwards all of it is there, or nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::process::Child;

use super::super::{Sheet, import as importing, import::heads};
use super::*;
use crate::db::Db;
use crate::masters::Report;
use crate::testing::child;

const ITEMS: i64 = 5000;

/// What the process that imports is told.
#[derive(Serialize, Deserialize)]
struct Work {
    database: String,
    tenant: Uuid,
}

/// The import that the test below kills; by itself it does nothing.
#[tokio::test]
async fn the_import_that_is_killed() {
    let Some(work) = child::told::<Work>() else { return };
    import(&child::database(&work.database), work.tenant).await;
}

async fn import(db: &Db, tenant: Uuid) -> Report {
    let shapes = Engine::new(Secrets::passing().unwrap()).shapes(db).await.unwrap();
    let shape = shapes.find("items").unwrap();
    let (text, _) = files::items(false);
    let sheet = Sheet::read(text.as_bytes()).unwrap();
    let cx = Cx::new(tenant, "user:tests");
    importing::import(db, &cx, shape, &sheet, &heads(shape, &[english()]), false).await.unwrap()
}

struct Watch {
    office: Office,
    /// The superuser's, who sees what others do, in the tenant's database.
    owner: PgConnection,
}

impl Watch {
    async fn new() -> Self {
        let office = Office::new().await;
        let owner = office.test.owner_of(office.tenant).await.connect().await.unwrap();
        Self { office, owner }
    }

    fn start(&self) -> Child {
        let work = Work { database: self.office.test.url(), tenant: self.office.tenant };
        child::start("masters::tests::killed::the_import_that_is_killed", &work)
    }

    /// Rows of everything that an import writes: items, rows for the plants, the audit,
    /// what of it is not chained yet, and the number of the last row for the plants.
    async fn counts(&mut self) -> Vec<i64> {
        let sql = "select array[(select count(*) from items), (select count(*) from reference_rows),
                                (select count(*) from audit_log), (select count(*) from audit_unchained),
                                (select coalesce(sum(reference_version), 0)::bigint from tenant_counters)]";
        sqlx::query_scalar(sql).fetch_one(&mut self.owner).await.unwrap()
    }

    /// The server's process that answers to `sql`, as soon as there is one; `None` once
    /// the import has ended by itself.
    async fn seen(&mut self, import: &mut Child, sql: &str) -> Option<i32> {
        let looking = async {
            loop {
                // First: what ended before the look is not seen by it.
                let ended = import.try_wait().unwrap().is_some();
                let asked = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
                let pid: Option<i32> = asked.fetch_optional(&mut self.owner).await.unwrap();
                if ended || pid.is_some() {
                    return pid;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), looking).await.expect("the import comes to it")
    }

    /// Waits until the server has noticed that its client is gone, and rolled back.
    async fn ended(&mut self, pid: i32) {
        let waiting = async {
            let there = "select count(*) from pg_stat_activity where pid = $1";
            while sqlx::query_scalar::<_, i64>(there).bind(pid).fetch_one(&mut self.owner).await.unwrap() > 0
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("the server notices");
    }
}

#[tokio::test]
async fn an_import_that_is_killed_writes_all_or_nothing() {
    let mut watch = Watch::new().await;
    let before = watch.counts().await;
    // In the audit stands of each that it was imported, and that plants were told.
    let whole: Vec<i64> =
        before.iter().zip([ITEMS, ITEMS, 2 * ITEMS]).map(|(count, more)| count + more).collect();

    // Held at the first row of each table that it writes, and killed there.
    for table in ["items", "audit_log", "tenant_counters", "reference_rows"] {
        let owner = watch.office.test.owner_of(watch.office.tenant).await;
        let mut gate = owner.connect().await.unwrap();
        let shut = AssertSqlSafe(format!("begin; lock table {table} in share mode"));
        sqlx::raw_sql(shut).execute(&mut gate).await.unwrap();
        let mut import = watch.start();
        let waits = format!(
            "select pid from pg_locks
             where not granted and locktype = 'relation' and relation = '{table}'::regclass
               and database = (select oid from pg_database where datname = current_database())"
        );
        let pid = watch.seen(&mut import, &waits).await;
        let pid = pid.unwrap_or_else(|| panic!("the import did not come to {table}"));
        import.kill().await.unwrap();
        sqlx::raw_sql("rollback").execute(&mut gate).await.unwrap();
        watch.ended(pid).await;
        assert_eq!(watch.counts().await, before, "killed before {table}");
    }

    // Killed while it writes, at moments that nobody chose.
    let writes = "select pid from pg_stat_activity
                  where datname = current_database() and backend_type = 'client backend'
                    and backend_xid is not null and pid <> pg_backend_pid()";
    for looks in [1, 20, 40] {
        let mut import = watch.start();
        let mut pid = None;
        for _ in 0..looks {
            pid = watch.seen(&mut import, writes).await.or(pid);
        }
        // Unless it has ended by itself.
        let _ = import.kill().await;
        if let Some(pid) = pid {
            watch.ended(pid).await;
        }
        let now = watch.counts().await;
        assert!(now == before || now[..3] == whole, "{now:?} of {before:?}");
    }

    // The same import again.
    let ended = tokio::time::timeout(Duration::from_secs(120), watch.start().wait()).await;
    assert!(ended.expect("it ends").unwrap().success());
    assert_eq!(watch.counts().await[..3], whole);
    let again = import(&watch.office.test.db, watch.office.tenant).await;
    assert_eq!((again.rows, again.same), (5000, 5000));
    assert_eq!(watch.counts().await[..3], whole);
}
