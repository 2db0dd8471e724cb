//! Which tables belong to a tenant, and that all of their rows go over, back and away.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use uuid::Uuid;

use super::rows::{Sum, act_for, begin, commit};
use super::*;
use crate::ctx::Cx;
use crate::db::{DbError, Problem};
use crate::tenancy::{self, Placement};
use crate::testing::TestDb;

const OWN: Placement = Placement::Own { server: String::new() };

/// Tables of the control schema that no tenant owns rows of.
const OF_NOBODY: [&str; 12] = [
    "authorities",
    "databases",
    "erasures",
    "signin_steps",
    "signin_tries",
    "plans",
    "admins",
    "admin_links",
    "admin_sessions",
    "admin_audit",
    "signing_keys",
    // Goes with its family.
    "refresh_tokens",
];

#[tokio::test]
async fn every_table_belongs_to_tenants_or_is_named_here() {
    let test = TestDb::at_home().await;
    let mut owner = test.owner.connect().await.unwrap();
    let found = of_tenants(&mut owner).await.unwrap();
    let all: i64 = sqlx::query_scalar(
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and not c.relispartition
           and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'control')
           and c.relname <> '_sqlx_migrations'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(i64::try_from(found.len()).unwrap(), all);
    assert!(found.iter().any(|table| table.name == "public.lifecycle_events" && table.partitioned));
    // Each after what it refers to: else rows could not be put in one table at a time.
    let references: Vec<(String, String)> = sqlx::query_as(
        "select format('%I.%I', 'public', a.relname), format('%I.%I', 'public', b.relname)
         from pg_constraint k join pg_class a on a.oid = k.conrelid join pg_class b on b.oid = k.confrelid
         where k.contype = 'f' and k.conparentid = 0 and k.conrelid <> k.confrelid
           and b.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let at = |name: &str| found.iter().position(|table| table.name == name).unwrap();
    for (from, to) in references {
        assert!(at(&to) < at(&from), "{from} refers to {to}, and they refer to each other");
    }
    let control: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c where c.relnamespace = 'control'::regnamespace
         and c.relkind in ('r', 'p')",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let known = tables::of_control(&mut owner).await.unwrap();
    assert_eq!(known[0].name, control::TENANTS);
    for table in control {
        let of_tenant = known.iter().any(|known| known.name == format!("control.{table}"));
        assert!(
            of_tenant != OF_NOBODY.contains(&table.as_str()),
            "control.{table} has no tenant_id: would it be left behind when a tenant is erased?"
        );
    }
}

/// A row of every table, whatever its checks and foreign keys say.
async fn fill(owner: &mut PgConnection, tenant: Uuid) {
    let loose: Vec<String> = sqlx::query_scalar(
        "select format('alter table %s drop constraint %I', conrelid::regclass, conname)
         from pg_constraint k join pg_class c on c.oid = k.conrelid
         where contype = 'c' and not c.relispartition and k.coninhcount = 0
           and connamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    for sql in loose {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *owner).await.unwrap();
    }
    let inserts: Vec<String> = sqlx::query_scalar(
        "select format('insert into %s (%s) values (%s) on conflict do nothing', c.oid::regclass,
                string_agg(quote_ident(a.attname), ', '), string_agg(case
                    when a.attname = 'tenant_id' then '''$tenant'''
                    when t.typname = 'uuid' then 'gen_random_uuid()'
                    when t.typcategory = 'N' then '7' when t.typcategory = 'B' then 'true'
                    when t.typcategory = 'D' then 'now()' when t.typcategory = 'A' then '''{}'''
                    when t.typname = 'bytea' then '''\\x0a5c00''' when t.typname = 'jsonb' then '''{\"a\": \"\\\\t\"}'''
                    else 'e''a\\tb\\\\n''' end, ', '))
         from pg_class c
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         join pg_type t on t.oid = a.atttypid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and not c.relispartition and c.relname <> '_sqlx_migrations' and a.attgenerated = ''
         group by c.oid",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut *owner).await.unwrap();
    for sql in inserts {
        let sql = sql.replace("$tenant", &tenant.to_string());
        sqlx::raw_sql(AssertSqlSafe(sql.clone()))
            .execute(&mut *owner)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    sqlx::raw_sql("set session_replication_role = origin").execute(owner).await.unwrap();
}

async fn unbind(owner: &mut PgConnection) {
    let keys: Vec<String> = sqlx::query_scalar(
        "select format('alter table %s drop constraint %I', conrelid::regclass, conname)
         from pg_constraint where contype in ('f', 'c') and conparentid = 0 and coninhcount = 0
           and connamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    for sql in keys {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *owner).await.unwrap();
    }
}

async fn sums(owner: &mut PgConnection, tenant: Uuid) -> BTreeMap<String, Sum> {
    let mut all = BTreeMap::new();
    act_for(owner, tenant).await.unwrap();
    for table in of_tenants(owner).await.unwrap() {
        all.insert(table.name.clone(), sum(owner, &table, tenant).await.unwrap());
    }
    all
}

fn go_on(_: &At) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Of every table, also by an owner who is no superuser and so stands under the
/// policies; and nobody else's row goes along or away.
#[tokio::test]
async fn a_row_of_every_table_is_copied_and_removed() {
    let test = TestDb::at_home().await;
    let (one, other) = (test.tenant("AAAA", &["KOL"]).await, test.tenant("BBBB", &["KOL"]).await);
    let mut owner = test.owner.connect().await.unwrap();
    fill(&mut owner, one).await;
    fill(&mut owner, other).await;
    let before = sums(&mut owner, one).await;
    assert!(before.values().all(|sum| sum.rows > 0), "{before:?}");
    let beside = sums(&mut owner, other).await;

    let elsewhere = TestDb::at_home().await;
    let mut there = elsewhere.owner.connect().await.unwrap();
    unbind(&mut there).await;
    sqlx::raw_sql("drop trigger note_unchained on audit_log").execute(&mut there).await.unwrap();
    sqlx::query("select app.add_tenant_partitions($1)").bind(one).execute(&mut there).await.unwrap();
    act_for(&mut there, one).await.unwrap();
    // As an owner without powers would be: every table is given to a plain role.
    sqlx::raw_sql(
        "do $$ declare r record; begin
            if not exists (select from pg_roles where rolname = 'plain') then create role plain; end if;
            execute format('grant all on database %I to plain', current_database());
            grant all on schema public, app, control to plain;
            for r in select c.oid::regclass as t from pg_class c where c.relkind in ('r', 'p')
                     and c.relnamespace = 'public'::regnamespace and not c.relispartition loop
                execute format('alter table %s owner to plain', r.t);
            end loop; end $$;
         set role plain",
    )
    .execute(&mut there)
    .await
    .unwrap();
    begin(&mut there).await.unwrap();
    for table in of_tenants(&mut owner).await.unwrap() {
        assert!(
            rows::door(&mut there, &table).await.unwrap().is_some(),
            "{} is under its policy",
            table.name
        );
        copy(&mut owner, &mut there, &table, one, &mut go_on).await.unwrap();
    }
    commit(&mut there).await.unwrap();
    assert_eq!(sums(&mut there, one).await, before);

    let removed = clear(&mut owner, one, &mut go_on).await.unwrap();
    assert_eq!(removed.len(), before.len());
    for (table, rows) in removed {
        assert_eq!(i64::try_from(rows).unwrap(), before[&table].rows, "{table}");
    }
    assert!(sums(&mut owner, one).await.values().all(|sum| sum.rows == 0));
    assert_eq!(sums(&mut owner, other).await, beside);
}

/// All rows of a tenant wherever it lives, but for the audit, which tells of moves.
async fn everything(test: &TestDb, tenant: Uuid) -> BTreeMap<String, Sum> {
    let mut owner = test.owner_of(tenant).await.connect().await.unwrap();
    let mut all = sums(&mut owner, tenant).await;
    all.retain(|table, _| !table.contains("audit_"));
    all
}

async fn write(test: &TestDb, tenant: Uuid, reason: &str) -> Result<(), DbError> {
    test.db
        .tx(&Cx::system(tenant), async |tx| {
            let sql =
                "insert into reasons (tenant_id, reason, purpose, texts) values ($1, $2, 'scrap', '{}')";
            sqlx::query(sql).bind(tenant).bind(reason).execute(tx.conn()).await?;
            Ok(())
        })
        .await
}

async fn placement(test: &TestDb, tenant: Uuid) -> String {
    let all = tenancy::tenants(&test.db).await.unwrap();
    all.into_iter().find(|one| one.id == tenant).unwrap().placement
}

#[tokio::test]
async fn a_tenant_moves_there_and_back_with_all_it_has() {
    let test = TestDb::at_home().await;
    let (one, other) = (test.tenant("AAAA", &["KOL", "VSK"]).await, test.tenant("BBBB", &["DEL"]).await);
    write(&test, one, "BENT").await.unwrap();
    let (before, beside) = (everything(&test, one).await, everything(&test, other).await);
    let moved = tenancy::move_to(&test.db, one, &OWN, &mut go_on).await.unwrap();
    assert_eq!((moved.from.as_str(), placement(&test, one).await), ("shared", moved.to.clone()));
    assert_eq!(everything(&test, one).await, before);
    // Nothing of it is left where it was, and it can be written where it is.
    let mut owner = test.owner.connect().await.unwrap();
    assert!(sums(&mut owner, one).await.values().all(|sum| sum.rows == 0));
    write(&test, one, "CUT").await.unwrap();
    let before = everything(&test, one).await;
    let back = tenancy::move_to(&test.db, one, &Placement::Shared, &mut go_on).await.unwrap();
    assert_eq!((back.from, placement(&test, one).await), (moved.to.clone(), "shared".to_owned()));
    assert_eq!(everything(&test, one).await, before);
    write(&test, one, "TORN").await.unwrap();
    let gone: bool = sqlx::query_scalar("select not exists (select from pg_database where datname = $1)")
        .bind(&moved.to)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert!(gone, "{} is still there", moved.to);
    assert_eq!(tenancy::databases(&test.db).await.unwrap().len(), 1);
    assert_eq!(everything(&test, other).await, beside);
    let again = tenancy::move_to(&test.db, one, &Placement::Shared, &mut go_on).await;
    assert!(matches!(again, Err(DataError::Refused(_))), "{again:?}");
}

/// Stopped after each thing that it tells of, as a kill would stop it; then run again,
/// or taken back. However often, nothing is lost or doubled.
#[tokio::test]
async fn a_move_that_is_cut_short_anywhere_is_run_again_or_taken_back() {
    let test = TestDb::at_home().await;
    let tenant = test.tenant("AAAA", &["KOL", "VSK"]).await;
    write(&test, tenant, "BENT").await.unwrap();
    let before = everything(&test, tenant).await;
    let mut to = OWN;
    let (mut at, mut cuts, mut moves) = (0, 0, 0);
    while moves < 2 {
        let mut told = 0;
        let mut cut = |_: &At| {
            told += 1;
            if told > at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stood = placement(&test, tenant).await;
        match tenancy::move_to(&test.db, tenant, &to, &mut cut).await {
            Err(DataError::Stopped) => cuts += 1,
            Ok(_) => {
                moves += 1;
                at = 0;
                to = Placement::Shared;
                assert_eq!(everything(&test, tenant).await, before);
                continue;
            }
            Err(error) => panic!("cut after {at}: {error}"),
        }
        // Wherever it was cut, everything can be read.
        assert_eq!(everything(&test, tenant).await, before, "cut after {at}");
        let switched = placement(&test, tenant).await != stood;
        match (tenancy::take_back(&test.db, tenant).await, switched) {
            (Ok(where_it_is), false) => assert_eq!(where_it_is, stood),
            // Cut before it was written down.
            (Err(DataError::Refused(why)), false) => assert!(why.contains("no move"), "{why}"),
            (Err(DataError::Refused(why)), true) => {
                assert!(why.contains("moved already"), "{why}");
                tenancy::move_to(&test.db, tenant, &to, &mut go_on).await.unwrap();
                moves += 1;
                to = Placement::Shared;
                at = 0;
                assert_eq!(everything(&test, tenant).await, before);
                continue;
            }
            (other, _) => panic!("cut after {at}: {other:?}"),
        }
        write(&test, tenant, "AFTER").await.unwrap();
        let undo = async |tx: &mut crate::db::Tx| {
            sqlx::query("delete from reasons where reason = 'AFTER'").execute(tx.conn()).await?;
            Ok::<_, DbError>(())
        };
        test.db.tx(&Cx::system(tenant), undo).await.unwrap();
        // Every step at the beginning, and of the tables one in nineteen: they are alike.
        at += if at < 8 { 1 } else { 19 };
    }
    assert!(cuts > 12, "{cuts} cuts");
}

#[tokio::test]
async fn while_it_moves_a_tenant_can_be_read_and_not_written() {
    let test = TestDb::at_home().await;
    let (tenant, other) = (test.tenant("AAAA", &["KOL"]).await, test.tenant("BBBB", &["KOL"]).await);
    for to in [OWN, Placement::Shared] {
        let mut cut = |at: &At| match at {
            At::Step("comparing") => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let stopped = tenancy::move_to(&test.db, tenant, &to, &mut cut).await;
        assert!(matches!(stopped, Err(DataError::Stopped)));
        let refused = write(&test, tenant, "NOW").await.unwrap_err();
        assert_eq!(refused.problem(), Problem::Moving);
        write(&test, other, &format!("{to:?}").to_uppercase()[..3]).await.unwrap();
        let cx = Cx::system(tenant);
        let plants = test.db.tx(&cx, async |tx| tenancy::plant_codes(tx).await).await.unwrap();
        assert_eq!(plants, ["KOL"]);
        assert!(!tenancy::active_ids(&test.db).await.unwrap().contains(&tenant));
        tenancy::move_to(&test.db, tenant, &to, &mut go_on).await.unwrap();
        assert!(tenancy::active_ids(&test.db).await.unwrap().contains(&tenant));
    }
}

/// A transaction that began before the pause is waited for: what it writes goes along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_waits_for_what_is_under_way() {
    let test = TestDb::at_home().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (begun, is_begun) = tokio::sync::oneshot::channel();
    let (go, may_go) = tokio::sync::oneshot::channel::<()>();
    let db = test.db.clone();
    let writer = tokio::spawn(async move {
        db.tx(&Cx::system(tenant), async |tx| {
            let _ = begun.send(());
            let _ = may_go.await;
            let sql =
                "insert into reasons (tenant_id, reason, purpose, texts) values ($1, 'LATE', 'scrap', '{}')";
            sqlx::query(sql).bind(tenant).execute(tx.conn()).await?;
            Ok::<_, DbError>(())
        })
        .await
    });
    is_begun.await.unwrap();
    let mut go = Some(go);
    let mut waits = 0;
    let mut watch = |at: &At| {
        if *at == At::Step("waiting for what is under way") {
            waits += 1;
            // It has waited once in vain.
            if waits == 2 {
                let _ = go.take().map(|go| go.send(()));
            }
        }
        ControlFlow::Continue(())
    };
    tenancy::move_to(&test.db, tenant, &OWN, &mut watch).await.unwrap();
    writer.await.unwrap().unwrap();
    assert!(waits >= 2);
    let late: i64 = test
        .db
        .tx(&Cx::system(tenant), async |tx| {
            let sql = "select count(*) from reasons where reason = 'LATE'";
            Ok::<_, DbError>(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)
        })
        .await
        .unwrap();
    assert_eq!(late, 1);
}
