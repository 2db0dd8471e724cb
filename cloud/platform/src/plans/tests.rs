//! Plans against a database: limits, counting, trials.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::model::Limits;
use super::service::{self, Aimed, PlanError, Why};
use super::{Calls, Denied, GRACE, Limit, Plan, admit, admit_events, meter, store, trials, usage};
use crate::admin::log::{self, Who};
use crate::ctx::{Cx, Plants};
use crate::db::{Db, DbError};
use crate::people::{self, ADMIN, By, Invitation, PeopleError};
use crate::testing::TestDb;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn run(db: &Db, tenant: Uuid, sql: &str) {
    let done: Result<(), DbError> = db
        .tx(&Cx::system(tenant), async |tx| {
            sqlx::query(AssertSqlSafe(sql.to_owned())).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    done.unwrap();
}

async fn count(db: &Db, tenant: Uuid, sql: &str) -> i64 {
    let done: Result<i64, DbError> = db
        .tx(&Cx::system(tenant), async |tx| {
            Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(tx.conn()).await?)
        })
        .await;
    done.unwrap()
}

/// A plan of two people, two plants, a hundred events.
async fn small_plan(db: &Db, tenant: Uuid, now: DateTime<Utc>) {
    let plan = Plan {
        plan: "SMALL".into(),
        name: "Small".into(),
        limits: Limits { users: Some(2), plants: Some(2), events_month: Some(100), storage_bytes: None },
        trial_days: None,
        features: vec![],
        placement: "shared".into(),
        admins_second_step: false,
        contact: "sales@cloud.example".into(),
        is_default: false,
        retired_at: None,
        version: 0,
    };
    service::plan_save(db, &Who::system(), &plan, now).await.unwrap();
    service::plan_give(db, &Who::system(), Aimed { tenant, version: 0 }, "SMALL", now).await.unwrap();
}

fn somebody(name: &str) -> Invitation {
    Invitation {
        email: format!("{name}@saif.example"),
        name: name.into(),
        roles: vec![ADMIN.into()],
        plants: Plants::All,
    }
}

crate::in_every_placement! {
async fn a_limit_of_people_is_asked_for_where_they_come_in() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, cx, now) = (&test.db, Cx::system(tenant), at("2026-11-10T10:00:00Z"));
    let invite = async |name: &str| people::invite(db, &By::operator(&cx), &somebody(name), None, now).await;
    let first = invite("one").await.unwrap().0;
    small_plan(db, tenant, now).await;
    invite("two").await.unwrap();
    let refused = invite("three").await.unwrap_err();
    let PeopleError::PlanLimit(reached) = refused else { panic!("{refused:?}") };
    assert_eq!((reached.allowed, reached.used, reached.limit), (2, 2, Limit::Users));
    assert_eq!(reached.contact, "sales@cloud.example");
    // Nothing of the person is there: neither account nor sign-in.
    assert_eq!(people::list(db, &cx, ("", Uuid::nil()), 10).await.unwrap().len(), 2);
    // Whoever left makes room, and comes back only if there is some.
    run(db, tenant, &format!("update users set status = 'disabled' where user_id = '{first}'")).await;
    invite("three").await.unwrap();
    let all = people::list(db, &cx, ("", Uuid::nil()), 10).await.unwrap();
    let version = all.iter().find(|user| user.id == first).unwrap().version;
    let back = people::enable(db, &By::operator(&cx), first, version, true).await;
    assert!(matches!(back, Err(PeopleError::PlanLimit(_))), "{back:?}");
    // Two at once: one of them gets the last place.
    run(db, tenant, "update users set status = 'disabled' where email like 'three%'").await;
    let (four, five) = tokio::join!(invite("four"), invite("five"));
    assert_eq!([four.is_ok(), five.is_ok()].iter().filter(|ok| **ok).count(), 1, "{four:?} {five:?}");
}
}

async fn batch(db: &Db, tenant: Uuid, id: i64, events: i64, when: &str) {
    let sql = format!(
        "insert into ingest_batches (tenant_id, batch_id, agent_id, epoch, from_seq, to_seq, ingested_at)
         select '{tenant}', {id}, agent_id, 1, {from}, {to}, '{when}' from agents where kind = 'plant' limit 1",
        from = id * 1000 + 1,
        to = id * 1000 + events,
    );
    let done: Result<(), DbError> = db
        .ingest_tx(&Cx::system(tenant), async |tx| {
            sqlx::query(AssertSqlSafe(sql.clone())).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    done.unwrap();
}

crate::in_every_placement! {
async fn events_are_counted_once_told_of_once_and_never_refused() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, now) = (&test.db, at("2026-11-10T10:00:00Z"));
    small_plan(db, tenant, now).await;
    let told = "select count(*) from outbox where kind = 'plan.events'";
    batch(db, tenant, 1, 30, "2026-10-31T12:00:00Z").await;
    batch(db, tenant, 2, 79, "2026-11-02T12:00:00Z").await;
    assert_eq!(meter(db, tenant, now).await.unwrap(), 109);
    assert_eq!(meter(db, tenant, now).await.unwrap(), 0, "each batch once");
    assert_eq!(count(db, tenant, told).await, 0);
    batch(db, tenant, 3, 1, "2026-11-10T09:00:00Z").await;
    meter(db, tenant, now).await.unwrap();
    meter(db, tenant, now).await.unwrap();
    assert_eq!(count(db, tenant, told).await, 1, "80 %, once");
    admit_events(db, tenant, now).await.unwrap();
    batch(db, tenant, 4, 500, "2026-11-10T09:30:00Z").await;
    // Two meters at once count what one does.
    let (one, two) = tokio::join!(usage::meter(db, tenant, now), usage::meter(db, tenant, now));
    assert_eq!(one.unwrap() + two.unwrap(), 500);
    assert_eq!(count(db, tenant, told).await, 2, "100 %, once");
    let months =
        db.system_tx(async |system| Ok::<_, DbError>(store::usage(system, tenant, 10).await?)).await.unwrap();
    let events: Vec<(String, i64)> =
        months.iter().map(|usage| (usage.month.to_string(), usage.events)).collect();
    assert_eq!(events, [("2026-11-01".to_owned(), 580), ("2026-10-01".to_owned(), 30)]);
    assert!(months[0].stored_bytes > 0 && months[0].plants == 1, "{months:?}");
    // What begins later as well waits; a plant is never stopped.
    let Err(Denied::Reached(reached)) = admit_events(db, tenant, now).await else { panic!("it is let in") };
    assert_eq!((reached.limit, reached.allowed, reached.used), (Limit::Events, 100, 580));
    assert!(reached.to_string().contains("100 events a month"), "{reached}");
    admit_events(db, tenant, at("2026-12-01T10:00:00Z")).await.unwrap();
    let admitted = db.tx(&Cx::system(tenant), async |tx| admit(tx, Limit::Events).await).await;
    admitted.unwrap();
}
}

#[tokio::test]
async fn requests_are_counted_by_tenant() {
    let test = TestDb::new().await;
    let (a, b) = (test.tenant("AAAA", &[]).await, test.tenant("BBBB", &[]).await);
    let (calls, now) = (Calls::default(), at("2026-11-10T10:00:00Z"));
    for tenant in [a, b, a, Uuid::from_u128(9)] {
        calls.count(tenant);
    }
    calls.flush(&test.db, now).await.unwrap();
    calls.count(a);
    calls.flush(&test.db, now).await.unwrap();
    calls.flush(&test.db, now).await.unwrap();
    let used = async |tenant: Uuid| {
        let found: Result<_, DbError> =
            test.db.system_tx(async |system| Ok(store::usage(system, tenant, 1).await?)).await;
        found.unwrap()[0].api_calls
    };
    assert_eq!((used(a).await, used(b).await), (3, 1));
}

crate::in_every_placement! {
async fn a_trial_is_told_of_then_ends_then_is_listed() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, began) = (&test.db, at("2026-11-01T10:00:00Z"));
    let who = Who::system();
    service::plan_first(db, &who, tenant, "TRIAL", began).await.unwrap();
    let told = async |kind: &str| {
        count(db, tenant, &format!("select count(*) from outbox where kind = '{kind}'")).await
    };
    let after = |days: i64| began + TimeDelta::days(days);
    for (day, expected) in [(22, 0), (23, 1), (24, 1), (27, 2), (28, 2), (29, 3)] {
        trials::tick(db, after(day)).await.unwrap();
        assert_eq!(told("trial.ends").await, expected, "day {day}");
    }
    // Extended: it goes on, and is told of again.
    let standing = async || {
        let found: Result<_, DbError> =
            db.system_tx(async |system| Ok(store::subscription(system, tenant).await?)).await;
        found.unwrap()
    };
    let version = standing().await.version;
    let aimed = Aimed { tenant, version };
    service::trial_extend(db, &who, aimed, 10, after(29)).await.unwrap();
    let again = service::trial_extend(db, &who, aimed, 10, after(29)).await;
    assert!(matches!(again, Err(PlanError::Stale)), "{again:?}");
    trials::tick(db, after(31)).await.unwrap();
    assert_eq!((told("trial.ended").await, told("trial.ends").await), (0, 3));
    // The end: first the notice, an hour later the door.
    trials::tick(db, after(40)).await.unwrap();
    assert_eq!(told("trial.ended").await, 1);
    assert_eq!(standing().await.suspended_at, None);
    let shut = after(40) + TimeDelta::hours(1);
    trials::tick(db, shut).await.unwrap();
    let subscription = standing().await;
    assert_eq!(
        (subscription.suspended_at, subscription.suspended_why.as_deref()),
        (Some(shut), Some("trial"))
    );
    assert_eq!(subscription.erase_after, Some(shut + GRACE));
    assert!(crate::tenancy::active_ids(db).await.unwrap().is_empty());
    // Nothing more happens by itself.
    trials::tick(db, after(400)).await.unwrap();
    assert_eq!(told("trial.ended").await, 1);
    // Another plan and a resumed tenant: it is in again, and no trial.
    service::plan_give(db, &who, Aimed { tenant, version: subscription.version }, "STANDARD", shut)
        .await
        .unwrap();
    let version = standing().await.version;
    service::suspend(db, &who, Aimed { tenant, version }, None, shut).await.unwrap();
    let subscription = standing().await;
    assert_eq!((subscription.trial_ends_at, subscription.erase_after), (None, None));
    assert_eq!(crate::tenancy::active_ids(db).await.unwrap(), [tenant]);
    let (rows, broken) = log::verify(db).await.unwrap();
    assert_eq!((rows, broken), (6, None), "each of these, and that it was made, stands in the log");
}
}

/// How the tenant stands with its plan.
async fn subscription(db: &Db, tenant: Uuid) -> store::Subscription {
    let found: Result<_, DbError> =
        db.system_tx(async |system| Ok(store::subscription(system, tenant).await?)).await;
    found.unwrap()
}

#[tokio::test]
async fn a_trial_that_is_over_is_extended_before_it_is_let_in_again() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, began, who) = (&test.db, at("2026-11-01T10:00:00Z"), Who::system());
    assert!(!super::stands(db, tenant).await.unwrap().given, "the default one");
    service::plan_first(db, &who, tenant, "TRIAL", began).await.unwrap();
    let stands = super::stands(db, tenant).await.unwrap();
    assert_eq!(
        (stands.plan.as_str(), stands.given, stands.trial_ends_at),
        ("TRIAL", true, Some(began + TimeDelta::days(30)))
    );
    let over = began + TimeDelta::days(31);
    for hours in [0, 1] {
        trials::tick(db, over + TimeDelta::hours(hours)).await.unwrap();
    }
    assert!(subscription(db, tenant).await.erase_after.is_some());
    // By the page and by the command: not before there is time again.
    let later = over + TimeDelta::days(2);
    let aimed = Aimed { tenant, version: subscription(db, tenant).await.version };
    let refused = service::suspend(db, &who, aimed, None, later).await;
    assert!(matches!(refused, Err(PlanError::TrialOver)), "{refused:?}");
    let refused = super::set_status(db, &who, tenant, None, later).await;
    assert!(matches!(refused, Err(PlanError::TrialOver)), "{refused:?}");
    assert!(crate::tenancy::active_ids(db).await.unwrap().is_empty());
    assert!(subscription(db, tenant).await.erase_after.is_some(), "a refusal changes nothing");
    // Extended, it is not to be erased, though it is let in later.
    service::trial_extend(db, &who, aimed, 10, later).await.unwrap();
    let extended = subscription(db, tenant).await;
    assert_eq!((extended.erase_after, extended.suspended_why.as_deref()), (None, Some("trial")));
    assert!(super::set_status(db, &who, tenant, None, later).await.unwrap());
    assert_eq!(subscription(db, tenant).await.suspended_at, None);
    for hours in [0, 1, 2] {
        trials::tick(db, later + TimeDelta::hours(hours)).await.unwrap();
    }
    assert_eq!(crate::tenancy::active_ids(db).await.unwrap(), [tenant], "it stays in");
}

#[tokio::test]
async fn a_command_suspends_as_the_page_does() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &[]).await;
    let (db, now, who) = (&test.db, at("2026-11-10T10:00:00Z"), Who::system());
    assert!(super::set_status(db, &who, tenant, Some("unpaid since May"), now).await.unwrap());
    let stands = subscription(db, tenant).await;
    assert_eq!((stands.suspended_at, stands.suspended_why.as_deref()), (Some(now), Some("admin")));
    assert_eq!(stands.erase_after, None);
    let known = crate::tenancy::find_tenant(db, "AAAA").await.unwrap().unwrap();
    assert_eq!((known.status.as_str(), known.status_reason.as_str()), ("suspended", "unpaid since May"));
    let logged = "select after->>'reason' from control.admin_audit where action = 'tenant.suspend'";
    let mut owner = sqlx::ConnectOptions::connect(&test.owner).await.unwrap();
    let reasons: Vec<Option<String>> = sqlx::query_scalar(logged).fetch_all(&mut owner).await.unwrap();
    assert_eq!(reasons, [Some("unpaid since May".to_owned())]);
    assert!(!super::set_status(db, &who, tenant, Some("unpaid since May"), now).await.unwrap());
    assert!(super::set_status(db, &who, tenant, None, now).await.unwrap());
    assert_eq!(subscription(db, tenant).await.suspended_at, None);
    let unknown = super::set_status(db, &who, Uuid::from_u128(9), None, now).await;
    assert!(matches!(unknown, Err(PlanError::NoTenant)), "{unknown:?}");
    // On the page too the reason of somebody is no trial's.
    let version = subscription(db, tenant).await.version;
    service::suspend(db, &who, Aimed { tenant, version }, Some(Why::Admin("")), now).await.unwrap();
    assert_eq!(subscription(db, tenant).await.suspended_why.as_deref(), Some("admin"));
}

crate::in_every_placement! {
    /// Without the worker: neither when a tenant is made nor when its plan is changed is
    /// there a time without limits.
    async fn what_a_plan_allows_holds_at_once() {
        let test = TestDb::new().await;
        let (db, now, who) = (&test.db, at("2026-11-10T10:00:00Z"), Who::system());
        let (given, default) = (test.tenant("AAAA", &["KOL"]).await, test.tenant("BBBB", &["KOL"]).await);
        let held = async |tenant: Uuid| {
            let found: Result<_, DbError> =
                db.tx(&Cx::system(tenant), async |tx| Ok(store::limits(tx, false).await?)).await;
            found.unwrap().expect("limits from the first moment on")
        };
        assert_eq!((held(given).await.plan, held(default).await.plan), ("STANDARD".into(), "STANDARD".into()));
        small_plan(db, given, now).await;
        let invite = async |tenant: Uuid, name: &str| {
            people::invite(db, &By::operator(&Cx::system(tenant)), &somebody(name), None, now).await
        };
        invite(given, "one").await.unwrap();
        invite(default, "one").await.unwrap();
        let change = async |code: &str| {
            let mut plan = service::plans(db).await.unwrap().into_iter().find(|plan| plan.plan == code).unwrap();
            plan.limits.users = Some(1);
            service::plan_save(db, &who, &plan, now).await.unwrap();
        };
        change("SMALL").await;
        let refused = invite(given, "two").await;
        assert!(matches!(refused, Err(PeopleError::PlanLimit(_))), "{refused:?}");
        // The other one has another plan, which is its by nobody's word.
        assert_eq!(held(default).await.limits.users, None);
        change("STANDARD").await;
        let refused = invite(default, "two").await;
        assert!(matches!(refused, Err(PeopleError::PlanLimit(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_plan_is_changed_though_a_tenant_cannot_be_written() {
    // Here a database pauses a tenant by its own register; a move pauses in both.
    let test = TestDb::at_home().await;
    let (moving, other) = (test.tenant("AAAA", &[]).await, test.tenant("BBBB", &[]).await);
    let (db, now) = (&test.db, at("2026-11-10T10:00:00Z"));
    let pause = async |on: bool| {
        let sql = "update control.tenants set paused_at = case when $2 then now() end where tenant_id = $1";
        let done: Result<(), DbError> = db
            .system_tx(async |system| {
                sqlx::query(sql).bind(moving).bind(on).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    };
    pause(true).await;
    let mut plan = service::plans(db).await.unwrap().into_iter().find(|plan| plan.is_default).unwrap();
    plan.limits.plants = Some(7);
    service::plan_save(db, &Who::system(), &plan, now).await.unwrap();
    let plants = "select coalesce(plants, 0)::bigint from plan_limits";
    assert_eq!((count(db, moving, plants).await, count(db, other, plants).await), (0, 7));
    pause(false).await;
    super::meter(db, moving, now).await.unwrap();
    assert_eq!(count(db, moving, plants).await, 7, "the worker's next round");
}

/// Whoever makes a tenant of a configuration is held to the plan that it will have.
#[tokio::test]
async fn a_tenant_is_made_with_no_more_plants_than_its_plan_allows() {
    let test = TestDb::new().await;
    let tenant = test.tenant("SAIF", &["KOL"]).await;
    let to_be = async |tenant, plan| super::plan_to_be(&test.db, tenant, plan).await.unwrap();
    assert!(to_be(None, None).await.unwrap().is_default);
    assert!(to_be(Some(tenant), None).await.unwrap().is_default);
    assert_eq!(to_be(None, Some("NONE")).await, None);
    assert_eq!(to_be(Some(tenant), Some("TRIAL")).await.unwrap().plan, "TRIAL", "nobody gave it any");
    small_plan(&test.db, tenant, at("2026-11-20T10:00:00Z")).await;
    let small = to_be(Some(tenant), Some("TRIAL")).await.unwrap();
    assert_eq!(small.plan, "SMALL", "it keeps its own");

    let there = ["KOL".to_owned()];
    assert_eq!(super::plants_beyond(&small, &there, &["KOL", "VSK"]), None);
    assert_eq!(super::plants_beyond(&small, &there, &["VSK", "BLR"]), Some(2));
    assert_eq!(super::plants_beyond(&small, &[], &["KOL", "VSK", "BLR"]), Some(2));
    let more = ["KOL", "VSK", "BLR"].map(str::to_owned);
    assert_eq!(super::plants_beyond(&small, &more, &["KOL", "BLR"]), None, "they are there already");
    let limits = Limits { plants: None, ..small.limits.clone() };
    assert_eq!(super::plants_beyond(&Plan { limits, ..small }, &[], &["KOL", "VSK", "BLR"]), None);
}

#[tokio::test]
async fn the_default_plan_stays_and_mistakes_are_all_told() {
    let test = TestDb::new().await;
    let (db, now, who) = (&test.db, at("2026-11-01T10:00:00Z"), Who::system());
    let mut standard = service::plans(db).await.unwrap().into_iter().find(|plan| plan.is_default).unwrap();
    standard.retired_at = Some(now);
    assert!(matches!(service::plan_save(db, &who, &standard, now).await, Err(PlanError::Default)));
    let wrong = Plan {
        plan: "x".into(),
        name: String::new(),
        trial_days: Some(0),
        features: vec!["flying".into()],
        placement: "moon".into(),
        ..standard
    };
    let Err(PlanError::Invalid(told)) = service::plan_save(db, &who, &wrong, now).await else {
        panic!("it was taken")
    };
    let fields: Vec<&str> = told.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, ["plan", "name", "trial_days", "features", "placement"]);
}

#[test]
fn texts_are_complete() {
    crate::i18n::assert_complete(super::TEXTS);
}

/// A tenant that had a plan that is no trial is a customer: what becomes of its data, a
/// person says.
#[tokio::test]
async fn who_ever_paid_is_not_listed_for_erasure() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, began, who) = (&test.db, at("2026-11-01T10:00:00Z"), Who::system());
    for plan in ["STANDARD", "TRIAL"] {
        let version = subscription(db, tenant).await.version;
        service::plan_give(db, &who, Aimed { tenant, version }, plan, began).await.unwrap();
    }
    let over = began + TimeDelta::days(31);
    for hours in [0, 2] {
        trials::tick(db, over + TimeDelta::hours(hours)).await.unwrap();
    }
    let now = subscription(db, tenant).await;
    assert_eq!((now.suspended_why.as_deref(), now.erase_after), (Some("trial"), None));
    assert_eq!(crate::tenancy::due(db, over + TimeDelta::days(400)).await.unwrap(), []);
}

/// Whoever lived on the default plan was at work here before there was a trial, though nobody
/// ever gave a plan.
#[tokio::test]
async fn who_lived_on_the_default_plan_is_suspended_after_a_trial_and_keeps_everything() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, began, who) = (&test.db, at("2026-11-01T10:00:00Z"), Who::system());
    service::plan_give(db, &who, Aimed { tenant, version: 0 }, "TRIAL", began).await.unwrap();
    let over = began + TimeDelta::days(31);
    for hours in [0, 1, 2] {
        trials::tick(db, over + TimeDelta::hours(hours)).await.unwrap();
    }
    let now = subscription(db, tenant).await;
    assert_eq!(
        (now.suspended_why.as_deref(), now.erase_after, now.only_trials),
        (Some("trial"), None, false)
    );
    assert_eq!(crate::tenancy::due(db, over + TimeDelta::days(400)).await.unwrap(), []);
    let told = async |kind: &str| {
        count(db, tenant, &format!("select count(*) from outbox where kind = '{kind}'")).await
    };
    let words = (told("trial.over").await, told("trial.ended").await);
    assert_eq!(words, (1, 0), "told that it ends, and of no erasure that is not to come");
    // A row that somebody wrote by hand does not have it erased either.
    let done: Result<(), DbError> = db
        .system_tx(async |system| {
            let sql = "update control.subscriptions set erase_after = since where tenant_id = $1";
            sqlx::query(sql).bind(tenant).execute(system.conn()).await?;
            Ok(())
        })
        .await;
    done.unwrap();
    assert_eq!(crate::tenancy::due(db, over + TimeDelta::days(400)).await.unwrap(), []);
    assert_eq!(subscription(db, tenant).await.erase_after, None);
}

#[tokio::test]
async fn one_trial_after_another_is_still_only_trials() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, began, who) = (&test.db, at("2026-11-01T10:00:00Z"), Who::system());
    service::plan_first(db, &who, tenant, "TRIAL", began).await.unwrap();
    let again = service::plan_first(db, &who, tenant, "TRIAL", began).await;
    assert!(matches!(again, Err(PlanError::Stale)), "the first one is given once: {again:?}");
    let version = subscription(db, tenant).await.version;
    let later = began + TimeDelta::days(20);
    service::plan_give(db, &who, Aimed { tenant, version }, "TRIAL", later).await.unwrap();
    let over = later + TimeDelta::days(31);
    for hours in [0, 1] {
        trials::tick(db, over + TimeDelta::hours(hours)).await.unwrap();
    }
    let shut = over + TimeDelta::hours(1);
    assert_eq!(subscription(db, tenant).await.erase_after, Some(shut + GRACE));
    let due = crate::tenancy::due(db, shut + GRACE).await.unwrap();
    assert_eq!(due.iter().map(|one| one.tenant).collect::<Vec<_>>(), [tenant]);
}
