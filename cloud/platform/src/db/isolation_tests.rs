//! Two tenants in one database, and what each can see and touch of the other.
//! The statements are made from the catalog, so a new table is tried as well.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use uuid::Uuid;

use super::{Db, DbError, Tx};
use crate::ctx::Cx;
use crate::testing::TestDb;

pub(super) struct Table {
    name: String,
    /// Columns that an insert must give, with a value each.
    insert: String,
}

impl Table {
    /// Puts a row in, whose texts no other tenant has.
    pub(super) fn insert(&self, tenant: Uuid) -> String {
        let mark = tenant.simple().to_string().split_off(24);
        format!("insert into {} {}", self.name, self.insert)
            .replace("$tenant", &tenant.to_string())
            .replace("$mark", &mark)
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

/// With the tenant as a constant, a plan reaches one partition however many
/// tenants there are, and locks no other.
#[tokio::test]
async fn among_three_hundred_tenants_a_plan_touches_one_partition() {
    let test = TestDb::at_home().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let mut owner = test.owner.connect().await.unwrap();
    for _ in 0..10 {
        sqlx::query("select app.add_tenant_partitions(gen_random_uuid()) from generate_series(1, 30)")
            .execute(&mut owner)
            .await
            .unwrap();
    }
    let parents: Vec<String> =
        sqlx::query_scalar("select c.oid::regclass::text from pg_class c where c.relkind = 'p' order by 1")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert!(parents.len() >= 8);
    let suffix = tenant.simple().to_string();
    for parent in parents {
        let cx = Cx::new(tenant, "test");
        let (plan, locks): (serde_json::Value, i64) = test
            .db
            .tx(&cx, async |tx| {
                let plan = sqlx::query_scalar(AssertSqlSafe(format!(
                    "explain (format json) select * from {parent} where tenant_id = $1"
                )))
                .bind(tenant)
                .fetch_one(tx.conn())
                .await?;
                let locks = sqlx::query_scalar(
                    "select count(*) from pg_locks where pid = pg_backend_pid() \
                     and relation::regclass::text like $1 || '\\_%'",
                )
                .bind(&parent)
                .fetch_one(tx.conn())
                .await?;
                Ok::<_, DbError>((plan, locks))
            })
            .await
            .unwrap();
        let plan = plan.to_string();
        let scanned: Vec<&str> =
            plan.split("\"Relation Name\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(scanned, [format!("{parent}_{suffix}")], "{plan}");
        // The parent, the partition, and the indexes of both; not six hundred.
        assert!(locks <= 16, "{parent}: {locks} locks");
    }
}

/// What grows without end is read along an index, in one partition, under the policy,
/// also among many tenants.
#[tokio::test]
async fn paths_that_grow_follow_their_indexes_among_three_hundred_tenants() {
    const PATHS: [(&str, &str); 26] = [
        ("lifecycle_events", "event_id = '00000000-0000-0000-0000-000000000001'"),
        ("lifecycle_events", "plant = 'x7' and occurred_at > now() - interval '1 hour'"),
        ("lifecycle_events", "reference_number = 'x77'"),
        ("event_subjects", "key = 77"),
        ("event_subjects", "agent_id = '00000000-0000-0000-0000-000000000001' and epoch = 1 and seq = 7"),
        ("event_references", "number >= 'x77' and number < 'x78'"),
        ("event_readings", "name = 'x7' and taken_at > now() - interval '1 hour'"),
        ("uid_registry", "key = 77"),
        ("uid_registry", "item = 'x77'"),
        ("uid_registry", "lot_id = '00000000-0000-0000-0000-000000000001'"),
        ("uid_registry", "parent_key = 77"),
        ("uid_links", "from_key = 77"),
        ("uid_links", "to_key = 77"),
        ("stock_ledger", "plant = 'x77' and item = 'x77'"),
        ("stock_ledger", "key = 77"),
        ("audit_log", "true order by at desc, audit_id desc limit 50"),
        ("audit_log", "actor = 'x77' order by at desc, audit_id desc limit 50"),
        ("ingest_batches", "batch_id > 4990 order by batch_id limit 32"),
        ("exceptions", "status = 'x77' order by opened_at desc, exception_id limit 50"),
        ("outbox", "state = 'waiting' and due_at <= now() order by due_at limit 8"),
        ("reference_rows", "version > 4990"),
        ("hold_members", "key = 77"),
        ("parked_events", "projection = 'x77' and key = 77"),
        ("uid_aliases", "alias >= 'x77' and alias < 'x78'"),
        ("lots", "supplier_lot >= 'x77' and supplier_lot < 'x78'"),
        ("notices", "user_id = '00000000-0000-0000-0000-000000000001' and read_at is null"),
    ];
    let test = TestDb::at_home().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let mut owner = test.owner.connect().await.unwrap();
    for _ in 0..10 {
        sqlx::query("select app.add_tenant_partitions(gen_random_uuid()) from generate_series(1, 30)")
            .execute(&mut owner)
            .await
            .unwrap();
    }
    // Without their checks.
    tables(&mut owner).await;
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut owner).await.unwrap();
    let names: std::collections::BTreeSet<&str> = PATHS.iter().map(|(table, _)| *table).collect();
    for name in &names {
        let insert: String = sqlx::query_scalar(
            "select format('insert into %s (%s) select %s from generate_series(1, 5000) n', $1::regclass,
                    string_agg(quote_ident(a.attname), ', '), string_agg(case
                        when a.attname = 'tenant_id' then '''$tenant'''
                        when t.typname = 'uuid' then 'gen_random_uuid()'
                        when t.typname = 'int8' then 'n'
                        when t.typname in ('int2', 'int4') then '(n % 9 + 1)'
                        when t.typname = 'numeric' then 'n' when t.typcategory = 'B' then 'false'
                        when t.typname = 'date' then 'current_date'
                        when t.typcategory = 'D' then 'now() - n * interval ''1 minute'''
                        when t.typcategory = 'A' then '''{}''' when t.typname = 'bytea' then '''\\x00'''
                        when t.typname = 'jsonb' then '''{}''' else '''x'' || n' end, ', '))
             from pg_attribute a join pg_type t on t.oid = a.atttypid
             where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''",
        )
        .bind(name)
        .fetch_one(&mut owner)
        .await
        .unwrap();
        let insert = insert.replace("$tenant", &tenant.to_string());
        sqlx::raw_sql(AssertSqlSafe(insert.clone()))
            .execute(&mut owner)
            .await
            .unwrap_or_else(|error| panic!("{insert}: {error}"));
        // Only what was filled: three hundred empty partitions take their time.
        let filled: String = sqlx::query_scalar("select coalesce(to_regclass($1)::text, $2)")
            .bind(format!("{name}_{}", tenant.simple()))
            .bind(name)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("analyze {filled}"))).execute(&mut owner).await.unwrap();
    }
    for (table, path) in PATHS {
        let plan: serde_json::Value = test
            .db
            .tx(&Cx::new(tenant, "test"), async |tx| {
                let sql =
                    format!("explain (format json) select * from {table} where tenant_id = $1 and {path}");
                Ok::<_, DbError>(
                    sqlx::query_scalar(AssertSqlSafe(sql)).bind(tenant).fetch_one(tx.conn()).await?,
                )
            })
            .await
            .unwrap();
        let plan = plan.to_string();
        assert!(!plan.contains("Seq Scan") && plan.contains("Index"), "{table}: {path}\n{plan}");
        let read: Vec<&str> =
            plan.split("\"Relation Name\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let partition = format!("{table}_{}", tenant.simple());
        assert!(read.iter().all(|read| *read == table || *read == partition), "{table}: {path}\n{plan}");
        assert_eq!(read.len(), 1, "{table}: {path}\n{plan}");
    }
}
