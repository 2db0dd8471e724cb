use proto::v1::{Role, Stage};
use sqlx::{ConnectOptions, Connection};

use super::*;
use crate::testing::{Say, Site, event, uid};

async fn backlog(site: &mut Site, batches: u64) {
    for number in 1..=batches {
        batch(site, number).await;
    }
}

/// One batch: the receipt of the UID with this number.
async fn batch(site: &mut Site, number: u64) {
    let own = uid("KOL", "RM", number);
    site.say("KOL", event(Stage::Grn, "2025-02-01T08:00:00Z").mint(&own, Role::Subject, "BOLT"));
    site.send("KOL").await;
}

const THROUGH: &str = "select through_batch::text from projection_cursors";

#[tokio::test]
async fn a_backlog_of_one_tenant_keeps_no_other_waiting() {
    let mut large = Site::new().await;
    backlog(&mut large, 70).await;
    let mut small = Site::of(large.again(), "TINY").await;
    backlog(&mut small, 1).await;
    let mut work = Work::default();
    work.busy.extend([large.tenant, small.tenant]);
    let stop = CancellationToken::new();
    work.round(&large.db.db, &Committed::default(), &Genealogy::default(), &stop).await;
    assert_eq!((large.ask(THROUGH).await.as_str(), small.ask(THROUGH).await.as_str()), ("32", "1"));
    assert_eq!(work.busy.len(), 2);
    stop.cancel();
    work.round(&large.db.db, &Committed::default(), &Genealogy::default(), &stop).await;
    assert_eq!(large.ask(THROUGH).await, "32");
}

#[tokio::test]
async fn what_takes_too_long_together_is_applied_in_smaller_parts() {
    let mut site = Site::new().await;
    backlog(&mut site, 9).await;
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    // As if more than three batches at once took longer than a statement may.
    sqlx::raw_sql(
        "create function too_long() returns trigger language plpgsql as $$ begin \
             if new.through_batch - old.through_batch > 3 then \
                 raise exception 'too long' using errcode = 'query_canceled'; \
             end if; \
             return new; end $$; \
         create trigger too_long before update on projection_cursors for each row execute function too_long()",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    owner.close().await.unwrap();
    assert_eq!(step(&site.db.db, site.tenant).await.unwrap(), 2);
    assert_eq!(catch_up(&site.db.db, site.tenant).await.unwrap(), 7);
    assert_eq!(site.ask("select kind from exceptions").await, "");
}

#[tokio::test]
async fn a_lock_that_was_waited_for_is_no_reason_to_take_on_less() {
    let mut site = Site::new().await;
    backlog(&mut site, 9).await;
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    // As if another transaction held, for longer than that is waited for, what is to be written.
    sqlx::raw_sql(
        "create function locked() returns trigger language plpgsql as $$ begin \
             raise exception 'locked' using errcode = 'lock_not_available'; end $$; \
         create trigger locked before update on projection_cursors for each row execute function locked()",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let mut pace = Pace::default();
    paced(&site.db.db, site.tenant, &mut pace).await.unwrap_err();
    assert_eq!(pace, Pace::default());
    sqlx::raw_sql("drop trigger locked on projection_cursors").execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    assert_eq!(paced(&site.db.db, site.tenant, &mut pace).await.unwrap(), Some(9));
    assert_eq!(site.ask("select kind from exceptions").await, "");
}

#[tokio::test]
async fn what_another_transaction_has_not_ended_is_not_waited_for() {
    let mut site = Site::new().await;
    backlog(&mut site, 1).await;
    let (db, cx) = (site.db.db.clone(), Cx::system(site.tenant));
    // Each stands as the transaction of a killed process does: the first has made the cursor,
    // the second has moved it. Beside either there is nothing to do, and that is said at once.
    for made in [true, false] {
        let held: Result<(), ProjectionError> = db
            .tx(&cx, async |tx| {
                assert_eq!(step_in(tx, 32, false).await?, 1, "{made}");
                assert_eq!(step(&db, site.tenant).await?, 0, "{made}");
                // Not committed, as what was killed is not.
                Err(ProjectionError::Db(DbError::Superseded))
            })
            .await;
        assert!(matches!(held, Err(ProjectionError::Db(DbError::Superseded))), "{made}: {held:?}");
        if made {
            assert_eq!(step(&db, site.tenant).await.unwrap(), 1);
            batch(&mut site, 999).await;
        }
    }
    assert_eq!(step(&db, site.tenant).await.unwrap(), 1);
    assert_eq!(site.ask(THROUGH).await, "2");
}

#[test]
fn the_pace_falls_and_rises() {
    let lasting = || DbError::Sqlx(sqlx::Error::RowNotFound);
    let passing = || DbError::Sqlx(sqlx::Error::PoolTimedOut);
    let mut pace = Pace::default();
    assert!(!pace.slower(&passing()));
    assert!(pace.slower(&lasting()));
    assert_eq!(pace, Pace { limit: 1, apart: true });
    assert!(!pace.slower(&lasting()));
    for limit in [1, 2, 4, 8, 16, 32, 32] {
        pace.faster();
        assert_eq!(pace, Pace { limit, apart: false });
    }
}
