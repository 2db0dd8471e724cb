//! A tenant alone in a file, put back from it, and erased.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, ConnectOptions};
use uuid::Uuid;

use super::archive::{Reader, Writer};
use super::rows::{Sum, act_for};
use super::*;
use crate::admin::log::Who;
use crate::authority::{Authority, MasterKey};
use crate::ctx::Cx;
use crate::db::DbError;
use crate::tenancy::backup::{Manifest, SECRET, backup, export};
use crate::tenancy::erase::{Certificate, Statement, erase};
use crate::tenancy::restore::{look, restore};
use crate::tenancy::{self, How, Placement, Standing};
use crate::testing::TestDb;

const OWN: Placement = Placement::Own { server: String::new() };

fn go_on(_: &At) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap()
}

/// All rows of a tenant wherever it lives, but for the audit, which tells of what is
/// done to it.
async fn everything(test: &TestDb, tenant: Uuid) -> BTreeMap<String, Sum> {
    let mut owner = test.owner_of(tenant).await.connect().await.unwrap();
    act_for(&mut owner, tenant).await.unwrap();
    let mut all = BTreeMap::new();
    for table in of_tenants(&mut owner).await.unwrap() {
        if !table.name.contains("audit_") {
            all.insert(table.name.clone(), sum(&mut owner, &table, tenant).await.unwrap());
        }
    }
    all
}

async fn run(test: &TestDb, tenant: Uuid, sql: &str) -> u64 {
    let done: Result<u64, DbError> = test
        .db
        .tx(&Cx::system(tenant), async |tx| {
            let sql = AssertSqlSafe(sql.to_owned());
            Ok(sqlx::query(sql).bind(tenant).execute(tx.conn()).await?.rows_affected())
        })
        .await;
    done.unwrap()
}

async fn control(test: &TestDb, tenant: Uuid, sql: &str) -> i64 {
    let done: Result<i64, DbError> = test
        .db
        .system_tx(async |system| {
            let sql = AssertSqlSafe(sql.to_owned());
            Ok(sqlx::query_scalar(sql).bind(tenant).fetch_one(system.conn()).await?)
        })
        .await;
    done.unwrap()
}

/// A tenant with something in several tables, and with what the control schema has of
/// one.
async fn furnished(test: &TestDb, code: &str) -> Uuid {
    let tenant = test.tenant(code, &["KOL", "VSK"]).await;
    run(
        test,
        tenant,
        "insert into reasons (tenant_id, reason, purpose, texts)
         select $1, 'R' || n, 'scrap', jsonb_build_object('en', e'a\\tb\\\\' || n) from generate_series(1, 300) n",
    )
    .await;
    run(
        test,
        tenant,
        "insert into item_categories (tenant_id, category, name, parent)
         values ($1, 'B', 'b', 'A'), ($1, 'A', 'a', null)",
    )
    .await;
    run(
        test,
        tenant,
        "insert into stock_ledger (tenant_id, agent_id, epoch, seq, ordinal, plant, location, item, key, quantity,
             unit, occurred_at, stage)
         select $1, gen_random_uuid(), 1, n, 0, 'KOL', 'L', 'I', n, n * 0.000001, 'kg', now(), 1
         from generate_series(1, 500) n",
    )
    .await;
    let key = tenancy_key(test, tenant).await;
    assert!(!key.is_empty());
    let agents = test.db.tx(&Cx::system(tenant), async |tx| tenancy::agents(tx).await).await.unwrap();
    tenancy::issue_token(&test.db, [7; 32], tenant, agents[0].id).await.unwrap();
    tenant
}

async fn tenancy_key(test: &TestDb, tenant: Uuid) -> String {
    let key = crate::web::keys::create(&test.db, tenant, "office", &[crate::web::Scope::Read], None).await;
    key.unwrap().reveal().to_owned()
}

async fn suspend(test: &TestDb, tenant: Uuid) {
    tenancy::set_standing(&test.db, tenant, Standing::Suspended, "leaving", now()).await.unwrap();
}

async fn authority(test: &TestDb) -> Authority {
    let dir = tempfile::tempdir().unwrap();
    let master = MasterKey::load_or_create(&dir.path().join("master.key")).unwrap();
    Authority::open(&test.db, &master, now()).await.unwrap()
}

crate::in_every_placement! {
    /// Backed up, erased and put back, a tenant has what it had, and nothing else has
    /// changed.
    async fn what_is_erased_comes_back_from_its_backup() {
        let test = TestDb::new().await;
        let (tenant, other) = (furnished(&test, "AAAA").await, furnished(&test, "BBBB").await);
        let (before, beside) = (everything(&test, tenant).await, everything(&test, other).await);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.twbackup");
        let manifest = backup(&test.db, tenant, &file, None, now(), &mut go_on).await.unwrap();
        assert_eq!((manifest.code.as_str(), manifest.tables.len()), ("AAAA", look(&file).unwrap().tables.len()));
        let again = backup(&test.db, tenant, &file, None, now(), &mut go_on).await;
        assert!(matches!(again, Err(DataError::Refused(_))), "a backup is never written over");

        suspend(&test, tenant).await;
        let authority = authority(&test).await;
        let done = erase(&test.db, &authority, tenant, ("AAAA", "me"), None, now(), &mut go_on).await.unwrap();
        let stated = done.check().unwrap();
        for (table, sum) in &before {
            let erased = stated.tables.iter().find(|one| one.table == *table).unwrap();
            assert_eq!(i64::try_from(erased.rows).unwrap(), sum.rows, "{table}");
        }
        assert!(stated.tables.iter().any(|one| one.table == "control.access_keys" && one.rows == 1));
        nothing_is_left(&test, tenant).await;
        assert_eq!(everything(&test, other).await, beside);

        for placement in [OWN, Placement::Shared] {
            let back = restore(&test.db, &file, (&placement, false), None, now(), &mut go_on).await.unwrap();
            assert_eq!((back.id, back.agents.len()), (tenant, 1));
            assert!(back.generation > 1_000_000_000, "{}", back.generation);
            assert_eq!(everything(&test, tenant).await, before);
            assert_eq!(control(&test, tenant, "select count(*) from control.access_keys where tenant_id = $1").await, 1);
            let lives = tenancy::tenants(&test.db).await.unwrap().into_iter().find(|one| one.id == tenant).unwrap();
            assert_eq!(lives.placement == "shared", placement == Placement::Shared);
            // What a plant is told when it is next in touch.
            let generation: Result<i64, DbError> = test.db.tx(&Cx::system(tenant), async |tx| {
                let sql = "select generation from control.tenants where tenant_id = $1";
                Ok(sqlx::query_scalar(sql).bind(tenant).fetch_one(tx.conn()).await?)
            }).await;
            assert_eq!(generation.unwrap(), back.generation);
            assert_eq!(back.how, How::Whole);
            // Whoever runs it again comes to its end, and what was done since stays.
            let again = restore(&test.db, &file, (&placement, false), None, now(), &mut go_on).await.unwrap();
            assert!(matches!(again.how, How::Nothing(_)), "{again:?}");
            assert_eq!((again.generation, again.agents), (back.generation, back.agents));
            let later = folder.path().join(format!("{}.twbackup", back.generation));
            backup(&test.db, tenant, &later, None, now(), &mut go_on).await.unwrap();
            let other = restore(&test.db, &later, (&placement, false), None, now(), &mut go_on).await;
            assert!(matches!(other, Err(DataError::Refused(_))), "it is here already, from another backup");
            run(&test, tenant, "delete from reasons where tenant_id = $1 and reason = 'none'").await;
            suspend(&test, tenant).await;
            erase(&test.db, &authority, tenant, ("AAAA", "me"), None, now(), &mut go_on).await.unwrap();
        }
        assert_eq!(everything(&test, other).await, beside);
    }
}

/// Cut short at each of its steps: before it has switched it begins anew, after that it goes
/// on, and its audit tells of it once.
#[tokio::test]
async fn a_restore_that_was_cut_short_is_done_when_it_is_run_again() {
    let test = TestDb::at_home().await;
    let tenant = furnished(&test, "AAAA").await;
    let before = everything(&test, tenant).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.twbackup");
    backup(&test.db, tenant, &file, None, now(), &mut go_on).await.unwrap();
    let authority = authority(&test).await;
    for (step, how) in [
        ("putting everything in", "whole"),
        ("switching", "whole"),
        ("pausing", "rest"),
        ("copying", "rest"),
        ("removing what is left at the source", "rest"),
    ] {
        suspend(&test, tenant).await;
        erase(&test.db, &authority, tenant, ("AAAA", "me"), None, now(), &mut go_on).await.unwrap();
        let mut cut =
            |at: &At| if *at == At::Step(step) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let shared = Placement::Shared;
        let stopped = restore(&test.db, &file, (&shared, false), None, now(), &mut cut).await;
        assert!(matches!(stopped, Err(DataError::Stopped)), "{step}: {stopped:?}");
        let done = restore(&test.db, &file, (&shared, false), None, now(), &mut go_on).await.unwrap();
        let told = match done.how {
            How::Whole => "whole",
            How::Rest(_) => "rest",
            How::Nothing(_) => "nothing",
        };
        assert_eq!(told, how, "{step}");
        assert_eq!(everything(&test, tenant).await, before, "{step}");
        let known = tenancy::find_tenant(&test.db, "AAAA").await.unwrap().unwrap();
        assert_eq!((known.placement.as_str(), known.paused_at), ("shared", None), "{step}");
        assert_eq!(tenancy::databases(&test.db).await.unwrap().len(), 1, "{step}: no database is left");
        let sql = "select count(*) from control.moves where tenant_id = $1";
        assert_eq!(control(&test, tenant, sql).await, 0, "{step}");
        let sql = "select count(*) from audit_log where tenant_id = $1 and action = 'tenant.restored'";
        let told: Result<i64, DbError> = test
            .db
            .tx(&Cx::system(tenant), async |tx| {
                Ok(sqlx::query_scalar(sql).bind(tenant).fetch_one(tx.conn()).await?)
            })
            .await;
        assert_eq!(told.unwrap(), 1, "{step}");
    }
    // What is erased in part was not put back, whatever the note of it says.
    suspend(&test, tenant).await;
    let mut cut = |at: &At| match at {
        At::Table { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let stopped = erase(&test.db, &authority, tenant, ("AAAA", "me"), None, now(), &mut cut).await;
    assert!(matches!(stopped, Err(DataError::Stopped)));
    let again = restore(&test.db, &file, (&Placement::Shared, false), None, now(), &mut go_on).await;
    assert!(matches!(again, Err(DataError::Refused(_))), "{again:?}");
}

async fn nothing_is_left(test: &TestDb, tenant: Uuid) {
    let mut owner = test.owner.connect().await.unwrap();
    act_for(&mut owner, tenant).await.unwrap();
    let mut tables = of_tenants(&mut owner).await.unwrap();
    tables.extend(tables::of_control(&mut owner).await.unwrap());
    for table in tables {
        assert_eq!(sum(&mut owner, &table, tenant).await.unwrap().rows, 0, "{}", table.name);
    }
    let partitions: i64 = sqlx::query_scalar("select count(*) from pg_class where relname like '%' || $1")
        .bind(tenant.simple().to_string())
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(partitions, 0);
}

/// The tenant of today gives way: what was done since is gone, and what was revoked since
/// stays revoked.
#[tokio::test]
async fn a_restore_in_place_replaces_a_suspended_tenant_alone() {
    let test = TestDb::at_home().await;
    let tenant = furnished(&test, "AAAA").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.twbackup");
    backup(&test.db, tenant, &file, None, now(), &mut go_on).await.unwrap();
    let before = everything(&test, tenant).await;
    run(&test, tenant, "delete from stock_ledger where tenant_id = $1").await;
    let keys = crate::web::keys::list(&test.db, tenant).await.unwrap();
    crate::web::keys::revoke(&test.db, tenant, &keys[0].id, now()).await.unwrap().unwrap();
    let active = restore(&test.db, &file, (&OWN, true), None, now(), &mut go_on).await;
    assert!(matches!(active, Err(DataError::Refused(why)) if why.contains("suspended")));
    suspend(&test, tenant).await;
    restore(&test.db, &file, (&OWN, true), None, now(), &mut go_on).await.unwrap();
    assert_eq!(everything(&test, tenant).await, before);
    let known = tenancy::find_tenant(&test.db, "AAAA").await.unwrap().unwrap();
    assert!(known.placement.starts_with("tw_aaaa_") && !Standing::of(&known.status).admits());
    let keys = crate::web::keys::list(&test.db, tenant).await.unwrap();
    assert!(keys.len() == 1 && keys[0].revoked_at.is_some(), "{keys:?}");
    // Nothing is left where it lived.
    let mut owner = test.owner.connect().await.unwrap();
    act_for(&mut owner, tenant).await.unwrap();
    for table in of_tenants(&mut owner).await.unwrap() {
        assert_eq!(sum(&mut owner, &table, tenant).await.unwrap().rows, 0, "{}", table.name);
    }
}

#[tokio::test]
async fn a_damaged_file_changes_nothing() {
    let test = TestDb::at_home().await;
    let tenant = furnished(&test, "AAAA").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.twbackup");
    backup(&test.db, tenant, &file, None, now(), &mut go_on).await.unwrap();
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o077,
        0,
        "only its owner may read it"
    );
    let whole = std::fs::read(&file).unwrap();
    // In the middle of a table's rows.
    let name = b"tables/public.reasons.copy";
    let at = whole.windows(name.len()).position(|bytes| bytes == name).unwrap() + 300;
    let mut bytes = whole.clone();
    bytes[at] ^= 0x40;
    std::fs::write(&file, &bytes).unwrap();
    assert!(look(&file).is_err());
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    suspend(&test, tenant).await;
    let done = restore(&test.db, &file, (&OWN, true), None, now(), &mut go_on).await;
    assert!(matches!(done, Err(DataError::Form { .. })), "{done:?}");
    assert_eq!(tenancy::databases(&test.db).await.unwrap().len(), 1);
}

/// A copy of a backup whose rows of a table are there once more, as another tenant's, and
/// whose manifest says so.
fn with_rows_of_another(file: &Path, copy: &Path, table: &str, (tenant, other): (Uuid, Uuid)) {
    let mut archive = Reader::open(file).unwrap();
    let mut manifest: Manifest = archive.manifest().unwrap();
    let mut writer = Writer::create(copy).unwrap();
    for entry in manifest.tables.iter_mut().chain(&mut manifest.control) {
        let mut rows = Vec::new();
        let mut chunks = archive.read(&entry.path).unwrap();
        while let Some(chunk) = chunks.next().unwrap() {
            rows.extend_from_slice(chunk);
        }
        if entry.table == table {
            let text = String::from_utf8(rows.clone()).unwrap();
            rows.extend_from_slice(text.replace(&tenant.to_string(), &other.to_string()).as_bytes());
        }
        writer.begin(&entry.path).unwrap();
        writer.write(&rows).unwrap();
        (entry.bytes, entry.sha256) = (writer.bytes(), writer.sha256());
    }
    writer.finish(&manifest).unwrap();
}

/// Whoever writes a file can have it say what it likes of itself: of another tenant it
/// brings nothing.
#[tokio::test]
async fn a_file_brings_no_rows_of_another_tenant() {
    let test = TestDb::at_home().await;
    let (tenant, other) = (furnished(&test, "AAAA").await, furnished(&test, "BBBB").await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.twbackup");
    backup(&test.db, tenant, &file, None, now(), &mut go_on).await.unwrap();
    let beside = everything(&test, other).await;
    suspend(&test, tenant).await;
    for table in [control::TENANTS, "control.access_keys"] {
        let copy = folder.path().join(format!("{table}.twbackup"));
        with_rows_of_another(&file, &copy, table, (tenant, other));
        let done = restore(&test.db, &copy, (&OWN, true), None, now(), &mut go_on).await;
        let told = matches!(&done, Err(DataError::Form { detail, .. }) if detail.contains("another tenant"));
        assert!(told, "{table}: {done:?}");
        let known = tenancy::find_tenant(&test.db, "AAAA").await.unwrap().unwrap();
        assert_eq!(known.placement, crate::db::SHARED, "{table}: it lives where it lived");
    }
    assert_eq!(everything(&test, other).await, beside);
    restore(&test.db, &file, (&OWN, true), None, now(), &mut go_on).await.unwrap();
}

#[tokio::test]
async fn an_erasure_asks_twice_and_goes_on_where_it_was_cut() {
    let test = TestDb::at_home().await;
    let tenant = furnished(&test, "AAAA").await;
    let authority = authority(&test).await;
    let active = erase(&test.db, &authority, tenant, ("AAAA", "me"), None, now(), &mut go_on).await;
    assert!(matches!(active, Err(DataError::Refused(why)) if why.contains("suspend")));
    suspend(&test, tenant).await;
    let wrong = erase(&test.db, &authority, tenant, ("BBBB", "me"), None, now(), &mut go_on).await;
    assert!(matches!(wrong, Err(DataError::Refused(why)) if why.contains("typed")));
    let before = everything(&test, tenant).await;
    let mut told = 0;
    let mut cut = |_: &At| {
        told += 1;
        if told > 20 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = erase(&test.db, &authority, tenant, ("AAAA", "me"), None, now(), &mut cut).await;
    assert!(matches!(stopped, Err(DataError::Stopped)));
    // A part of it is gone: nobody is let in again, and nothing is made of what is left.
    let resumed =
        crate::plans::set_status(&test.db, &crate::admin::log::Who::system(), tenant, None, now()).await;
    assert!(matches!(resumed, Err(crate::plans::PlanError::Erasing)), "{resumed:?}");
    let folder = tempfile::tempdir().unwrap();
    let taken = backup(&test.db, tenant, &folder.path().join("a"), None, now(), &mut go_on).await;
    assert!(matches!(taken, Err(DataError::Refused(why)) if why.contains("erasure")));
    let moved = tenancy::move_to(&test.db, tenant, &OWN, &mut go_on).await;
    assert!(matches!(moved, Err(DataError::Refused(why)) if why.contains("erasure")));
    let done = erase(&test.db, &authority, tenant, ("AAAA", "me"), None, now(), &mut go_on).await.unwrap();
    let (stated, again) = tenancy::erasures::latest(&test.db, "AAAA").await.unwrap().unwrap();
    assert_eq!((stated.tenant, &again), (tenant, &done), "it can be had again");
    let Statement { tables, by, ended_at, .. } = done.check().unwrap();
    assert!(by == "me" && ended_at.is_some());
    for (table, sum) in before {
        let erased = tables.iter().find(|one| one.table == table).unwrap();
        assert_eq!(i64::try_from(erased.rows).unwrap(), sum.rows, "{table}: as it was at the beginning");
    }
    nothing_is_left(&test, tenant).await;
    let forged = Certificate { statement: done.statement.replace("\"me\"", "\"you\""), ..done.clone() };
    assert!(forged.check().is_err());
    assert_eq!(
        control(&test, tenant, "select count(*) from control.erasures where $1::uuid is not null").await,
        1
    );
}

/// To count takes its time. Whoever is let in again meanwhile, or given a plan, stays; and
/// whose erasure is written down is given nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_let_in_or_given_a_plan_while_its_rows_are_counted_stays() {
    use crate::plans::service::{Aimed, plan_give, trial_extend};
    use crate::plans::{PlanError, plan_where_none, set_status};

    let test = TestDb::at_home().await;
    let authority = authority(&test).await;
    for (code, let_in) in [("AAAA", true), ("BBBB", false)] {
        let tenant = furnished(&test, code).await;
        suspend(&test, tenant).await;
        let db = test.db.clone();
        let mut meanwhile = |at: &At| {
            if *at == At::Step("counting") {
                let changed = async {
                    match let_in {
                        true => assert!(set_status(&db, &Who::system(), tenant, None, now()).await.unwrap()),
                        false => plan_where_none(&db, &Who::system(), tenant, "TRIAL", now()).await.unwrap(),
                    }
                };
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(changed));
            }
            ControlFlow::Continue(())
        };
        let done = erase(&test.db, &authority, tenant, (code, "me"), None, now(), &mut meanwhile).await;
        assert!(matches!(&done, Err(DataError::Refused(why)) if why.contains("meanwhile")), "{done:?}");
        assert_eq!(everything(&test, tenant).await["public.stock_ledger"].rows, 500);
        let begun = "select count(*) from control.erasures where $1::uuid is not null and ended_at is null";
        assert_eq!(control(&test, tenant, begun).await, 0);

        suspend(&test, tenant).await;
        let mut cut = |at: &At| match at {
            At::Step("erasing") => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let stopped = erase(&test.db, &authority, tenant, (code, "me"), None, now(), &mut cut).await;
        assert!(matches!(stopped, Err(DataError::Stopped)), "{stopped:?}");
        let aimed = Aimed { tenant, version: 1 };
        let given = plan_give(&test.db, &Who::system(), aimed, "TRIAL", now()).await;
        assert!(matches!(given, Err(PlanError::Erasing)), "{given:?}");
        let longer = trial_extend(&test.db, &Who::system(), aimed, 7, now()).await;
        assert!(matches!(longer, Err(PlanError::Erasing)), "{longer:?}");
        let stands = tenancy::set_standing(&test.db, tenant, Standing::Active, "", now()).await.unwrap();
        assert_eq!(stands, None, "whatever was asked before");
        let done = erase(&test.db, &authority, tenant, (code, "me"), None, now(), &mut go_on).await;
        assert!(done.unwrap().check().is_ok());
    }
}

/// Erases those that are due; answers what became of each. What is kept beside the database
/// cannot be removed of `locked`.
async fn erase_those_due(
    test: &TestDb,
    authority: &Authority,
    locked: Option<Uuid>,
    watch: &mut Watch<'_>,
) -> Result<Vec<(String, bool)>, DataError> {
    let mut told = Vec::new();
    let mut note = |one: &tenancy::Due, erased: Result<Certificate, DataError>| {
        told.push((one.code.clone(), erased.is_ok_and(|certificate| certificate.check().is_ok())));
    };
    let beside = move |tenant: Uuid| {
        let refused = (locked == Some(tenant)).then(|| DataError::Refused("it is open".to_owned()));
        let done: BoxFuture<'static, _> = Box::pin(async move { refused.map_or(Ok(()), Err) });
        done
    };
    let order =
        tenancy::Order { authority, by: "clean-up", who: &Who::system(), files: None, beside: &beside };
    tenancy::erase_due(&test.db, &order, now(), watch, &mut note).await?;
    Ok(told)
}

/// Only what is suspended and listed since before now; each by itself, and again.
#[tokio::test]
async fn tenants_that_are_due_are_erased_and_one_stops_no_other() {
    let test = TestDb::new().await;
    let mut tenants = Vec::new();
    for code in ["AAAA", "BBBB", "CCCC", "DDDD", "EEEE"] {
        tenants.push(test.tenant(code, &["KOL"]).await);
    }
    // A was listed yesterday, B the day before, C will be tomorrow, D is active again, and
    // E was suspended by hand.
    for (tenant, days, status) in [
        (tenants[0], Some(-1), "suspended"),
        (tenants[1], Some(-2), "suspended"),
        (tenants[2], Some(1), "suspended"),
        (tenants[3], Some(-3), "active"),
        (tenants[4], None, "suspended"),
    ] {
        let after = days.map(|days| now() + TimeDelta::days(days));
        let done: Result<(), DbError> = test
            .db
            .system_tx(async |system| {
                let sql =
                    "insert into control.subscriptions (tenant_id, plan, since, erase_after, only_trials)
                           values ($1, 'TRIAL', $2, $3, true)";
                sqlx::query(sql).bind(tenant).bind(now()).bind(after).execute(system.conn()).await?;
                let sql = "update control.tenants set status = $2 where tenant_id = $1";
                sqlx::query(sql).bind(tenant).bind(status).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    }
    let listed = async || {
        let due = tenancy::due(&test.db, now()).await.unwrap();
        due.into_iter().map(|one| (one.code, one.begun)).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [("BBBB".to_owned(), false), ("AAAA".to_owned(), false)]);
    let authority = authority(&test).await;
    // What is kept beside the database cannot be removed: then nothing of it is erased, and
    // no other waits. (A is kept for what comes next.)
    let mut until_counting = |at: &At| match at {
        At::Step("counting") => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let told = erase_those_due(&test, &authority, Some(tenants[1]), &mut until_counting).await;
    assert!(matches!(told, Err(DataError::Stopped)), "A was come to");
    assert_eq!(listed().await, [("BBBB".to_owned(), false), ("AAAA".to_owned(), false)]);
    // B's move was cut short, so that it cannot be erased; A is all the same.
    let moves = async |sql: &'static str| {
        let done: Result<(), DbError> = test
            .db
            .system_tx(async |system| {
                sqlx::query(sql).bind(tenants[1]).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    };
    moves(
        "insert into control.moves (tenant_id, source, target, state) values ($1, 'shared', 'shared', 'copying')",
    )
    .await;
    let told = erase_those_due(&test, &authority, None, &mut go_on).await.unwrap();
    assert_eq!(told, [("BBBB".to_owned(), false), ("AAAA".to_owned(), true)]);
    nothing_is_left(&test, tenants[0]).await;
    moves("delete from control.moves where tenant_id = $1").await;
    // Stopped on the way, it is due still, and the next run ends it.
    // A database of its own goes in one piece, rows of the shared one by table.
    let own = tenancy::tenants(&test.db).await.unwrap().iter().any(|one| one.placement != crate::db::SHARED);
    let mut told = 0;
    let mut cut = |at: &At| {
        told += 1;
        let stop = if own { *at == At::Step("erasing") } else { told > 20 };
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let stopped = erase_those_due(&test, &authority, None, &mut cut).await;
    assert!(matches!(stopped, Err(DataError::Stopped)), "{stopped:?}");
    assert_eq!(listed().await, [("BBBB".to_owned(), true)]);
    let told = erase_those_due(&test, &authority, None, &mut go_on).await.unwrap();
    assert_eq!(told, [("BBBB".to_owned(), true)]);
    assert!(listed().await.is_empty());
    let left: Vec<String> =
        tenancy::tenants(&test.db).await.unwrap().into_iter().map(|one| one.code).collect();
    assert_eq!(left, ["CCCC", "DDDD", "EEEE"]);
}

/// Whatever looks like a proof of somebody is left out of exports; a new column has to be
/// put on one side or the other.
#[tokio::test]
async fn an_export_tells_no_secret() {
    const PLAIN: [&str; 14] = [
        "payload",
        "chain_hash",
        "salt",
        "hash",
        "note_hash",
        "fingerprint",
        "sha256",
        "content",
        "digest",
        "logo",
        // Of the proofs: what anybody may check.
        "root",
        "hashes",
        "public",
        // That there is one, of a message.
        "needs_secret",
    ];
    let test = TestDb::at_home().await;
    let tenant = furnished(&test, "AAAA").await;
    let mut owner = test.owner.connect().await.unwrap();
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select c.relname::text, a.attname::text from pg_attribute a join pg_class c on c.oid = a.attrelid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and c.relname <> '_sqlx_migrations' and a.attnum > 0 and not a.attisdropped
           and (a.atttypid = 'bytea'::regtype or a.attname ~ '(hash|secret|password|token)')",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(columns.len() > 6);
    for (table, column) in columns {
        let known = SECRET.contains(&column.as_str()) != PLAIN.contains(&column.as_str());
        assert!(known || column.ends_with("_at"), "{table}.{column}: is it secret?");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.zip");
    let manifest = export(&test.db, tenant, &file, None, now(), &mut go_on).await.unwrap();
    let entry = manifest.tables.iter().find(|entry| entry.path == "users.csv").unwrap();
    assert!(
        entry.columns.contains(&"email".to_owned()) && !entry.columns.contains(&"password_hash".to_owned())
    );
    let mut archive = archive::Reader::open(&file).unwrap();
    let mut text = Vec::new();
    let mut chunks = archive.read("reasons.csv").unwrap();
    while let Some(chunk) = chunks.next().unwrap() {
        text.extend_from_slice(chunk);
    }
    let rows = csv::Reader::from_reader(text.as_slice()).records().count();
    assert_eq!(rows, 300);
}

/// What is attached goes along, and goes away.
#[tokio::test]
async fn attached_files_go_along() {
    let test = TestDb::at_home().await;
    let (tenant, other) = (furnished(&test, "AAAA").await, Uuid::now_v7());
    let folder = tempfile::tempdir().unwrap();
    let depot = crate::files::Depot::folder(&folder.path().join("files")).unwrap();
    let at = |tenant: Uuid| depot.folder_of(tenant).unwrap();
    for (owner, name, bytes) in [(tenant, "aa-1", "one"), (tenant, "bb-2", "two"), (other, "cc-3", "theirs")]
    {
        std::fs::create_dir_all(at(owner)).unwrap();
        std::fs::write(at(owner).join(name), bytes).unwrap();
    }
    let file = folder.path().join("a.twbackup");
    let manifest = backup(&test.db, tenant, &file, Some(&depot), now(), &mut go_on).await.unwrap();
    assert_eq!(
        manifest.files.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(),
        ["files/aa-1", "files/bb-2"]
    );
    suspend(&test, tenant).await;
    let authority = authority(&test).await;
    erase(&test.db, &authority, tenant, ("AAAA", "me"), Some(&depot), now(), &mut go_on).await.unwrap();
    assert!(!at(tenant).exists() && at(other).join("cc-3").exists());
    let nowhere = restore(&test.db, &file, (&OWN, false), None, now(), &mut go_on).await;
    assert!(matches!(nowhere, Err(DataError::Refused(why)) if why.contains("store of files")));
    restore(&test.db, &file, (&OWN, false), Some(&depot), now(), &mut go_on).await.unwrap();
    assert_eq!(std::fs::read_to_string(at(tenant).join("bb-2")).unwrap(), "two");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside the file");
}
