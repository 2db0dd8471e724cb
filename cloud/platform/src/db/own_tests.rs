//! Tenants in databases of their own, as every other part sees them: not at all.

use std::ops::ControlFlow;
use std::time::Duration;

use sqlx::ConnectOptions;

use super::{Db, DbError, PoolSizes, Problem, Tx};
use crate::ctx::Cx;
use crate::tenancy;
use crate::testing::{Placed, TestDb, placed};

async fn count(tx: &mut Tx) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar("select count(*) from plants").fetch_one(tx.conn()).await?)
}

async fn database(tx: &mut Tx) -> Result<String, DbError> {
    Ok(sqlx::query_scalar("select current_database()::text").fetch_one(tx.conn()).await?)
}

#[tokio::test]
async fn each_tenant_is_found_where_it_lives() {
    let test = TestDb::at_home().await;
    let shared = test.tenant("AAAA", &["KOL"]).await;
    let own = placed(Placed::Own, test.tenant("BBBB", &["KOL", "VSK"])).await;
    for (tenant, plants) in [(shared, 1), (own, 2)] {
        let cx = Cx::new(tenant, "test");
        assert_eq!(test.db.tx(&cx, count).await.unwrap(), plants);
        assert_eq!(test.db.ingest_tx(&cx, count).await.unwrap(), plants);
        let there = test.db.tx(&cx, database).await.unwrap();
        assert_eq!(there.starts_with("tw_bbbb_"), tenant == own, "{there}");
    }
    // A handle that was never asked for it finds it as well.
    let fresh = Db::new(test.owner.clone(), PoolSizes { app: 2, ingest: 2, system: 2 });
    assert_eq!(fresh.tx(&Cx::new(own, "test"), count).await.unwrap(), 2);
    // In its database there is nobody else; and no tenant sees it from elsewhere.
    let mut owner = test.owner_of(own).await.connect().await.unwrap();
    let known: i64 =
        sqlx::query_scalar("select count(*) from control.tenants").fetch_one(&mut owner).await.unwrap();
    assert_eq!(known, 1);
    fresh.close().await;
}

#[tokio::test]
async fn a_system_transaction_commits_in_both_databases_or_in_neither() {
    let test = TestDb::at_home().await;
    let own = placed(Placed::Own, test.tenant("BBBB", &["KOL"])).await;
    let cx = Cx::system(own);
    let rename = async |fail: bool| {
        test.db
            .system_tx(async |system| {
                sqlx::query("update control.tenants set slug = 'b'").execute(system.conn()).await?;
                for _ in 0..2 {
                    let sql = "update plants set name = name || '!'";
                    system
                        .enter(&cx, async |tx| {
                            sqlx::query(sql).execute(tx.conn()).await?;
                            Ok::<_, DbError>(())
                        })
                        .await?;
                }
                if fail { Err(DbError::from(sqlx::Error::RowNotFound)) } else { Ok(()) }
            })
            .await
    };
    let state = async || {
        let slug: Option<String> = test
            .db
            .system_tx(async |system| {
                let sql = "select slug from control.tenants where code = 'BBBB'";
                Ok::<_, DbError>(sqlx::query_scalar(sql).fetch_one(system.conn()).await?)
            })
            .await
            .unwrap();
        let name: String = test
            .db
            .tx(&cx, async |tx| {
                Ok::<_, DbError>(sqlx::query_scalar("select name from plants").fetch_one(tx.conn()).await?)
            })
            .await
            .unwrap();
        (slug, name)
    };
    rename(true).await.unwrap_err();
    assert_eq!(state().await, (None, "KOL".to_owned()));
    rename(false).await.unwrap();
    assert_eq!(state().await, (Some("b".to_owned()), "KOL!!".to_owned()));
}

#[tokio::test]
async fn everybody_listens_at_the_home_database() {
    let test = TestDb::at_home().await;
    let own = placed(Placed::Own, test.tenant("BBBB", &["KOL"])).await;
    let shared = test.tenant("AAAA", &["KOL"]).await;
    let mut listener = test.db.listen(&["here"]).await.unwrap();
    for tenant in [own, shared] {
        for commit in [false, true] {
            let told = test
                .db
                .tx(&Cx::system(tenant), async |tx| {
                    tx.tell("here", &format!("{tenant} {commit}")).await.map_err(DbError::from)?;
                    if commit { Ok(()) } else { Err(DbError::from(sqlx::Error::RowNotFound)) }
                })
                .await;
            assert_eq!(told.is_ok(), commit);
        }
        let heard = tokio::time::timeout(Duration::from_secs(5), listener.recv()).await;
        assert_eq!(heard.unwrap().unwrap().unwrap().payload, format!("{tenant} true"));
    }
}

/// A database that does not answer refuses its own tenant, at once, and nobody else; and
/// lets it in again when it answers.
#[tokio::test]
async fn a_database_that_is_away_concerns_its_tenant_alone() {
    let test = TestDb::at_home().await;
    let shared = test.tenant("AAAA", &["KOL"]).await;
    let own = placed(Placed::Own, test.tenant("BBBB", &["KOL"])).await;
    let cx = Cx::new(own, "test");
    let name = test.db.tx(&cx, database).await.unwrap();
    let mut owner = test.owner.connect().await.unwrap();
    let allow = |on: bool| format!("alter database {name} allow_connections {on}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(allow(false))).execute(&mut owner).await.unwrap();
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1")
        .bind(&name)
        .execute(&mut owner)
        .await
        .unwrap();
    let away = |error: DbError| assert_eq!(error.problem(), Problem::Away, "{error}");
    // Connections that were cut are found out first.
    let mut last = None;
    for _ in 0..20 {
        last = test.db.tx(&cx, count).await.err();
        if last.as_ref().is_some_and(|error| error.problem() == Problem::Away) {
            break;
        }
    }
    away(last.unwrap());
    away(test.db.ingest_tx(&cx, count).await.unwrap_err());
    let entered = test.db.system_tx(async |system| system.enter(&cx, count).await).await;
    away(entered.unwrap_err());
    assert_eq!(test.db.tx(&Cx::new(shared, "test"), count).await.unwrap(), 1);
    let looked = tenancy::migrate_all(&test.db).await.unwrap();
    assert!(looked.iter().any(|one| one.name == name && one.state == "away"), "{looked:?}");

    sqlx::raw_sql(sqlx::AssertSqlSafe(allow(true))).execute(&mut owner).await.unwrap();
    let again = async {
        while test.db.tx(&cx, count).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("it answers again");
    let looked = tenancy::migrate_all(&test.db).await.unwrap();
    assert!(looked.iter().all(tenancy::Database::serves), "{looked:?}");
}

/// A schema that is not this program's is never written.
#[tokio::test]
async fn a_database_that_is_behind_refuses_its_tenant_until_it_is_migrated() {
    let test = TestDb::at_home().await;
    let own = placed(Placed::Own, test.tenant("BBBB", &["KOL"])).await;
    let set = "update control.databases set state = 'behind', schema_version = 6, detail = 'it broke' where kind = 'own'";
    test.db
        .system_tx(async |system| {
            sqlx::query(set).execute(system.conn()).await?;
            Ok::<_, DbError>(())
        })
        .await
        .unwrap();
    let fresh = Db::new(test.owner.clone(), PoolSizes { app: 2, ingest: 2, system: 2 });
    let refused = fresh.tx(&Cx::new(own, "test"), count).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::Away);
    let told = refused.to_string();
    assert!(told.contains("cloud migrate") && told.contains("it broke"), "{told}");
    tenancy::migrate_all(&fresh).await.unwrap();
    assert_eq!(fresh.tx(&Cx::new(own, "test"), count).await.unwrap(), 1);
    fresh.close().await;
}

/// Whoever knows the place that a tenant has left is sent on, also as long as that is there.
#[tokio::test]
async fn what_a_tenant_has_left_is_not_read_any_more() {
    let test = TestDb::at_home().await;
    let own = placed(Placed::Own, test.tenant("BBBB", &["KOL"])).await;
    let cx = Cx::new(own, "test");
    assert!(test.db.tx(&cx, database).await.unwrap().starts_with("tw_bbbb_"));
    // Another process moves it, and is killed as soon as it has switched.
    let other = Db::new(test.owner.clone(), PoolSizes { app: 2, ingest: 2, system: 2 });
    let mut cut = |at: &tenancy::At| match at {
        tenancy::At::Step("removing what is left at the source") => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let moved = tenancy::move_to(&other, own, &tenancy::Placement::Shared, &mut cut).await;
    assert!(matches!(moved, Err(tenancy::DataError::Stopped)), "{moved:?}");
    let renamed = async |tx: &mut Tx| -> Result<u64, DbError> {
        Ok(sqlx::query("update plants set name = 'moved'").execute(tx.conn()).await?.rows_affected())
    };
    assert_eq!(test.db.tx(&cx, renamed).await.unwrap(), 1, "it can be written, where it lives now");
    // Sent elsewhere meanwhile, it goes on from where it lives.
    let mut go_on = |_: &tenancy::At| ControlFlow::Continue(());
    let again = tenancy::Placement::Own { server: String::new() };
    tenancy::move_to(&other, own, &again, &mut go_on).await.unwrap();
    assert!(test.db.tx(&cx, database).await.unwrap().starts_with("tw_bbbb_"));
    let kinds: Vec<String> =
        tenancy::databases(&other).await.unwrap().into_iter().map(|one| one.kind).collect();
    assert_eq!(kinds, ["shared", "own"], "what it left is gone");
    other.close().await;
}

/// However many own databases there are, connections and open pools are bounded.
#[tokio::test]
async fn pools_to_own_databases_are_bounded() {
    let test = TestDb::at_home().await;
    let mut tenants = Vec::new();
    for code in ["AAAA", "BBBB", "CCCC"] {
        tenants.push(placed(Placed::Own, test.tenant(code, &["KOL"])).await);
    }
    let owns = super::Owns { connections: 4, databases: 2, ..super::Owns::default() };
    let db = Db::with_owns(test.owner.clone(), PoolSizes { app: 2, ingest: 2, system: 2 }, owns);
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..60 {
        let (db, tenant) = (db.clone(), tenants[round % tenants.len()]);
        tasks.spawn(async move { db.tx(&Cx::new(tenant, "test"), count).await });
    }
    while let Some(done) = tasks.join_next().await {
        assert_eq!(done.unwrap().unwrap(), 1);
    }
    let [.., (_, open, _)] = db.connections();
    assert!(open <= 8, "{open} connections to own databases");
    db.close().await;
}

/// A notification inside a tenant's own database is heard by nobody: everybody listens
/// at the home database. So no other part may send one by itself.
#[test]
fn nobody_notifies_but_by_tell() {
    fn look(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("src/db") {
                look(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.contains(concat!("pg_", "notify(")) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    let mut found = Vec::new();
    for part in ["platform/src", "trace/src", "server/src"] {
        let cloud = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        look(&cloud.join(part), &mut found);
    }
    assert!(found.is_empty(), "use Tx::tell: {found:?}");
}
