//! Two tenants in one database, and what each can see and touch of the other.
//! The statements are made from the catalog, so a new table is tried as well.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use uuid::Uuid;

use super::{Db, DbError, Tx};
use crate::ctx::Cx;
use crate::testing::TestDb;

pub(super) struct Table {
    pub(super) name: String,
    /// Columns that an insert must give, with a value each.
    insert: String,
}

impl Table {
    /// Puts a row of each of these in, where they have none.
    pub(super) fn insert_all(&self, tenants: &[Uuid]) -> String {
        let (columns, row) = self.insert.split_once(" values ").unwrap_or_default();
        let rows = tenants.iter().map(|tenant| Self::filled(row, *tenant)).collect::<Vec<_>>().join(", ");
        format!("insert into {} {columns} values {rows} on conflict do nothing", self.name)
    }

    fn filled(row: &str, tenant: Uuid) -> String {
        row.replace("$tenant", &tenant.to_string()).replace("$mark", &Self::mark(tenant))
    }

    /// What no other tenant's row says.
    pub(super) fn mark(tenant: Uuid) -> String {
        tenant.simple().to_string().split_off(24)
    }

    /// Puts a row in, whose texts no other tenant has.
    pub(super) fn insert(&self, tenant: Uuid) -> String {
        format!("insert into {} {}", self.name, Self::filled(&self.insert, tenant))
    }
}

/// Every table that belongs to tenants, with a row that it takes: checks are
/// dropped first, and foreign keys do not bite in a replica's session.
pub(super) async fn tables(owner: &mut PgConnection) -> Vec<Table> {
    let checks: Vec<String> = sqlx::query_scalar(
        "select format('alter table %s drop constraint %I', conrelid::regclass, conname)
         from pg_constraint k join pg_class c on c.oid = k.conrelid
         where contype = 'c' and not c.relispartition and k.coninhcount = 0
           and connamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    for check in checks {
        sqlx::raw_sql(AssertSqlSafe(check)).execute(&mut *owner).await.unwrap();
    }
    sqlx::query(
        "select c.oid::regclass::text as name,
                format('(%s) values (%s)', string_agg(quote_ident(a.attname), ', '),
                       string_agg(case
                           when a.attname = 'tenant_id' then '''$tenant'''
                           when t.typname = 'uuid' then 'gen_random_uuid()'
                           when t.typcategory = 'N' then '1'
                           when t.typcategory = 'B' then 'false'
                           when t.typcategory = 'D' then 'now()'
                           when t.typcategory = 'A' then '''{}'''
                           when t.typname = 'bytea' then '''\\x$mark'''
                           when t.typname = 'jsonb' then '''{}'''
                           else '''$mark''' end, ', ')) as insert
         from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         join pg_type t on t.oid = a.atttypid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and not c.relispartition and c.relname <> '_sqlx_migrations'
           and (a.attname = 'tenant_id' or (a.attnotnull and not a.atthasdef)
                -- What foreign keys refer to has to be there to be referred to.
                or (a.attgenerated = '' and exists (
                    select from pg_constraint f
                    where f.contype = 'f' and f.confrelid = c.oid and a.attnum = any (f.confkey))))
         group by c.oid order by 1",
    )
    .fetch_all(owner)
    .await
    .unwrap()
    .into_iter()
    .map(|row| Table { name: row.get("name"), insert: row.get("insert") })
    .collect()
}

#[derive(Clone, Copy, Debug)]
enum As {
    App,
    Ingest,
    System,
}

async fn run(db: &Db, who: As, cx: &Cx, sql: &str) -> Result<u64, DbError> {
    let run = async |tx: &mut Tx| {
        let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(tx.conn()).await?;
        Ok::<_, DbError>(done.rows_affected())
    };
    match who {
        As::App => db.tx(cx, run).await,
        As::Ingest => db.ingest_tx(cx, run).await,
        As::System => {
            db.system_tx(async |system| {
                if cx.tenant.is_nil() { run(&mut system.tx).await } else { system.enter(cx, run).await }
            })
            .await
        }
    }
}

/// Refused by a policy or for want of a privilege.
fn refused(result: &Result<u64, DbError>) -> bool {
    matches!(result, Err(DbError::Sqlx(sqlx::Error::Database(told))) if told.code().as_deref() == Some("42501"))
}

/// Nothing touched, or refused.
fn harmless(result: &Result<u64, DbError>) -> bool {
    refused(result) || matches!(result, Ok(0))
}

#[tokio::test]
async fn no_role_sees_or_touches_another_tenants_rows_in_any_table() {
    let test = TestDb::at_home().await;
    let (a, b) = (test.tenant("AAAA", &["KOL"]).await, test.tenant("BBBB", &["KOL"]).await);
    let mut owner = test.owner.connect().await.unwrap();
    let tables = tables(&mut owner).await;
    assert!(tables.len() > 35, "only {} tables were found", tables.len());
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut owner).await.unwrap();
    for table in &tables {
        for tenant in [a, b] {
            // A row is there already where the test's tenants have one.
            let sql = format!("{} on conflict do nothing", table.insert(tenant));
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut owner)
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", table.name));
        }
    }
    let (in_a, nobody) = (Cx::new(a, "test"), Cx::new(Uuid::nil(), "test"));
    for table in &tables {
        let name = &table.name;
        for who in [As::App, As::Ingest, As::System] {
            let all = format!("select from {name}");
            let others = format!("select from {name} where tenant_id <> '{a}'");
            let sees = run(&test.db, who, &in_a, &all).await.unwrap();
            assert!(sees >= 1, "{name}: {who:?} does not see its own row");
            assert_eq!(run(&test.db, who, &in_a, &others).await.unwrap(), 0, "{name}");
            assert_eq!(run(&test.db, who, &nobody, &all).await.unwrap(), 0, "{name}");

            let into_b = table.insert(b);
            for cx in [&in_a, &nobody] {
                let done = run(&test.db, who, cx, &into_b).await;
                assert!(refused(&done), "{name}: {who:?} inserted: {done:?}");
                for sql in [
                    format!("update {name} set tenant_id = tenant_id where tenant_id = '{b}'"),
                    format!("delete from {name} where tenant_id = '{b}'"),
                ] {
                    let done = run(&test.db, who, cx, &sql).await;
                    assert!(harmless(&done), "{name}: {who:?} {sql}: {done:?}");
                }
            }
            let give_away = format!("update {name} set tenant_id = '{b}'");
            let done = run(&test.db, who, &in_a, &give_away).await;
            assert!(refused(&done), "{name}: {who:?} gave a row away: {done:?}");
        }
        let left: i64 =
            sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {name} where tenant_id = '{b}'")))
                .fetch_one(&mut owner)
                .await
                .unwrap();
        assert!(left >= 1, "{name}: the other tenant's row is gone");
    }
}

#[tokio::test]
async fn the_app_sees_of_the_control_schema_only_its_own_tenant() {
    let test = TestDb::at_home().await;
    let a = test.tenant("AAAA", &["KOL"]).await;
    test.tenant("BBBB", &["KOL"]).await;
    let (in_a, nobody) = (Cx::new(a, "test"), Cx::new(Uuid::nil(), "test"));
    let sql = "select from control.tenants";
    for who in [As::App, As::Ingest] {
        assert_eq!(run(&test.db, who, &in_a, sql).await.unwrap(), 1);
        assert_eq!(run(&test.db, who, &nobody, sql).await.unwrap(), 0);
        for table in ["access_keys", "sessions", "certificates", "authorities", "enrolment_tokens"] {
            let sql = format!("select from control.{table}");
            assert!(refused(&run(&test.db, who, &in_a, &sql).await), "{table}");
        }
    }
    assert_eq!(run(&test.db, As::System, &nobody, sql).await.unwrap(), 2);
}
