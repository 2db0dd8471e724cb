//! Super-administrators against a database.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::ConnectOptions;
use uuid::Uuid;

use super::identity::{self, AdminError, Answered, Attempt, Next, Tried};
use super::log::{self, Who};
use super::making::{self, MakeError, Typed};
use super::tenant_store;
use super::tenants;
use crate::audit::Entry;
use crate::ctx::Cx;
use crate::db::{Db, DbError};
use crate::people::totp;
use crate::plans::service::{self, Aimed};
use crate::plans::{Limits, Plan};
use crate::secrets::Secrets;
use crate::tenancy::config::{self, GivenCodes, Planned};
use crate::testing::TestDb;
use crate::web::keys::Secret;

const PASSWORD: &str = "monsoon kettle ninety brass";

fn attempt(email: &str, password: &str) -> Attempt {
    Attempt {
        email: email.into(),
        password: password.into(),
        address: Some("192.0.2.7".parse().unwrap()),
        browser: "test".into(),
    }
}

/// One who has followed the link.
pub(super) async fn one(db: &Db, email: &str, now: DateTime<Utc>) -> Uuid {
    let invited = identity::invite(db, &Who::system(), email, "Root", now).await.unwrap();
    identity::accept(db, invited.link.reveal(), "Root", PASSWORD, now).await.unwrap();
    invited.id
}

async fn step(db: &Db, email: &str, now: DateTime<Utc>) -> Secret {
    match identity::sign_in(db, &attempt(email, PASSWORD), now).await.unwrap() {
        Tried::Step(token) => token,
        other => panic!("{other:?}"),
    }
}

/// The secret that somebody types into an app.
async fn app_secret(db: &Db, secrets: &Secrets, step: &Secret, now: DateTime<Utc>) -> Vec<u8> {
    match identity::look(db, secrets, step.reveal(), now).await.unwrap() {
        Some(Next::Enrol(enrolment)) => {
            let text: String = enrolment.typed.split(' ').collect();
            data_encoding::BASE32_NOPAD.decode(text.as_bytes()).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_password_and_a_code_are_asked_for_always() {
    let test = TestDb::new().await;
    let (db, secrets, now) = (&test.db, Secrets::passing().unwrap(), Utc::now());
    let id = one(db, "root@cloud.example", now).await;
    let first = step(db, "root@cloud.example", now).await;
    // The password alone opens nothing.
    let as_session = crate::web::keys::hash_of_token(first.reveal()).unwrap();
    let entered = identity::enter(db, (as_session, "session"), ("GET /admin", true, None), now).await;
    assert_eq!(entered.unwrap(), None);
    let secret = app_secret(db, &secrets, &first, now).await;
    let code = totp::shown(&secret, now);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let answer = async |step: &Secret, code: &str, at| {
        identity::answer(db, &secrets, step.reveal(), code, at).await.unwrap()
    };
    assert!(matches!(answer(&first, wrong, now).await, Answered::Wrong));
    let Answered::In(session) = answer(&first, &code, now).await else { panic!("the code is right") };
    let hash = crate::web::keys::hash_of_token(session.reveal()).unwrap();
    let look =
        async |at| identity::enter(db, (hash, "session"), ("GET /admin", true, None), at).await.unwrap();
    assert_eq!(look(now).await, Some((id, "Root".to_owned())));
    assert_eq!(look(now + identity::SESSION_LIFETIME).await, None);
    // The step is over, a code is good once, and from now on a code is asked for.
    assert!(matches!(answer(&first, &code, now).await, Answered::Gone));
    let second = step(db, "root@cloud.example", now).await;
    assert!(matches!(identity::look(db, &secrets, second.reveal(), now).await.unwrap(), Some(Next::Code)));
    assert!(matches!(answer(&second, &code, now).await, Answered::Wrong));
    let later = now + TimeDelta::seconds(60);
    let next = totp::shown(&secret, later);
    let Answered::In(other) = answer(&second, &next, later).await else { panic!("the code is right") };
    // Who signs out is in the log, once.
    for _ in 0..2 {
        identity::sign_out(db, other.reveal(), later).await.unwrap();
    }
    let out: Result<Vec<String>, DbError> = db
        .system_tx(async |system| {
            let sql = "select actor from control.admin_audit where action = 'admin.sign_out'";
            Ok(sqlx::query_scalar(sql).fetch_all(system.conn()).await?)
        })
        .await;
    assert_eq!(out.unwrap().len(), 1);
    // A new link takes everything back: password, codes, sessions.
    one(db, "root@cloud.example", later).await;
    assert_eq!(look(later).await, None);
    let third = step(db, "root@cloud.example", later).await;
    app_secret(db, &secrets, &third, later).await;
}

#[tokio::test]
async fn guessing_costs_time_and_shut_out_is_out() {
    let test = TestDb::new().await;
    let (db, now) = (&test.db, Utc::now());
    let id = one(db, "root@cloud.example", now).await;
    for nth in 1..=6 {
        let tried = identity::sign_in(db, &attempt("root@cloud.example", "wrong"), now).await.unwrap();
        assert!(matches!(tried, Tried::No), "{nth}: {tried:?}");
    }
    let tried = identity::sign_in(db, &attempt("root@cloud.example", PASSWORD), now).await.unwrap();
    assert!(matches!(tried, Tried::Wait(_)), "{tried:?}");
    let later = now + TimeDelta::minutes(2);
    step(db, "root@cloud.example", later).await;
    let version = identity::list(db).await.unwrap()[0].version;
    let alone = identity::enable(db, &Who::system(), id, version, false, later).await;
    assert!(matches!(alone, Err(AdminError::Last)), "{alone:?}");
    one(db, "other@cloud.example", later).await;
    identity::enable(db, &Who::system(), id, version, false, later).await.unwrap();
    let tried = identity::sign_in(db, &attempt("root@cloud.example", PASSWORD), later).await.unwrap();
    assert!(matches!(tried, Tried::No), "{tried:?}");
    let again = identity::invite(db, &Who::system(), "root@cloud.example", "Root", later).await;
    assert!(matches!(again, Err(AdminError::NotFound)), "{again:?}");
    // Each try that was judged and in vain stands in the log, and which of them locked.
    let failed: Result<(i64, i64), DbError> = db
        .system_tx(async |system| {
            let sql = "select count(*), count(after ->> 'locked_until') from control.admin_audit
                       where action = 'admin.sign_in_failed' and actor = 'visitor'";
            Ok(sqlx::query_as(sql).fetch_one(system.conn()).await?)
        })
        .await;
    assert_eq!(failed.unwrap(), (7, 1));
}

#[tokio::test]
async fn the_log_shows_what_was_changed_behind_it() {
    let test = TestDb::new().await;
    let (db, now) = (&test.db, Utc::now());
    for n in 0..3 {
        let done: Result<(), DbError> = db
            .system_tx(async |system| {
                let entry = Entry {
                    action: "tenant.plan",
                    subject: "tenant:1",
                    after: Some(serde_json::json!({ "z": n, "a": 1.50 })),
                    ..Entry::default()
                };
                log::record(system, &Who::system(), entry, now).await
            })
            .await;
        done.unwrap();
    }
    assert_eq!(log::verify(db).await.unwrap(), (3, None));
    let mine: Result<u64, DbError> = db
        .system_tx(async |system| {
            let done =
                sqlx::query("update control.admin_audit set actor = 'x'").execute(system.conn()).await?;
            Ok(done.rows_affected())
        })
        .await;
    assert!(mine.is_err(), "the application's own role could edit the log");
    let mut owner = test.owner.connect().await.unwrap();
    let change = "update control.admin_audit set subject = 'tenant:2' where n = 2";
    sqlx::query(change).execute(&mut owner).await.unwrap();
    assert_eq!(log::verify(db).await.unwrap(), (1, Some(2)));
}

#[tokio::test]
async fn a_tenant_is_made_with_its_plan_and_first_person() {
    let test = TestDb::new().await;
    let (db, now, who) = (&test.db, Utc::now(), Who::system());
    test.tenant("AAAA", &[]).await;
    let typed = Typed {
        code: "aaaa".into(),
        name: " ".into(),
        time_zone: "Moon/Base".into(),
        language: "xx".into(),
        currency: "rupees".into(),
        plan: "NONE".into(),
        placement: "moon".into(),
        server: "mumbai".into(),
        email: "nobody".into(),
        person: String::new(),
    };
    let Err(MakeError::Invalid(wrong)) = making::make(db, &who, &typed, None, None, now).await else {
        panic!("it was made")
    };
    let fields: Vec<&str> = wrong.iter().map(|(field, _)| *field).collect();
    assert_eq!(
        fields,
        [
            "name",
            "time_zone",
            "language",
            "currency",
            "placement",
            "server",
            "email",
            "person",
            "code",
            "plan"
        ]
    );
    let typed = Typed {
        code: "newt".into(),
        name: "Newt Works".into(),
        time_zone: "Asia/Kolkata".into(),
        language: "te".into(),
        currency: "usd".into(),
        plan: "TRIAL".into(),
        email: "first@newt.example".into(),
        person: "First".into(),
        ..Typed::default()
    };
    let made = making::make(db, &who, &typed, None, None, now).await.unwrap();
    let invited = crate::people::accept(db, made.link.reveal(), "First", PASSWORD, now).await.unwrap();
    assert_eq!(invited.tenant, made.tenant);
    let one = tenants::one(db, made.tenant).await.unwrap().unwrap();
    assert_eq!((one.facts.code.as_str(), one.subscription.plan.as_str()), ("NEWT", "TRIAL"));
    assert_eq!((one.facts.currency.as_str(), one.facts.placement.as_str()), ("USD", "shared"));
    assert!(one.subscription.trial_ends_at.is_some());
    crate::plans::meter(db, made.tenant, now).await.unwrap();
    let list = async |q: &str, status: &str| {
        let asked =
            tenant_store::Asked { q: q.into(), status: status.into(), ..tenant_store::Asked::default() };
        let (rows, _) = tenants::list(db, &asked, now).await.unwrap();
        rows.into_iter().map(|row| (row.code, row.people)).collect::<Vec<_>>()
    };
    assert_eq!(list("", "").await, [("AAAA".to_owned(), 0), ("NEWT".to_owned(), 1)]);
    assert_eq!(list("wor", "").await, [("NEWT".to_owned(), 1)]);
    assert_eq!(list("%", "").await, []);
    assert_eq!(list("new", "suspended").await, []);
}

/// The configuration of the specification, with codes for what it names.
fn planned(json: &str) -> Planned {
    config::read(json, &GivenCodes::default()).unwrap()
}

const CONFIGURATION: &str = r#"{"tenant_id": "saif-kolkata", "name": "Saif Automations - Kolkata",
    "timezone": "Asia/Kolkata", "currency": "INR", "language": "en", "features": ["purchase"],
    "plants": [{"plant_id": "PLANT-KOL-001", "name": "Kolkata"}, {"plant_id": "PLANT-VSK-001", "name": "Vizag"}]}"#;

#[tokio::test]
async fn a_tenant_is_made_of_its_configuration() {
    let test = TestDb::new().await;
    let (db, now, who) = (&test.db, Utc::now(), Who::system());
    let from = planned(CONFIGURATION);
    let typed = Typed {
        plan: "TRIAL".into(),
        email: "first@saif.example".into(),
        person: "First".into(),
        ..Typed::of(&from)
    };
    let made = making::make(db, &who, &typed, Some(&from), None, now).await.unwrap();
    let cx = Cx::system(made.tenant);
    let plants = db.tx(&cx, async |tx| crate::tenancy::plant_codes(tx).await).await.unwrap();
    assert_eq!(plants, ["KOL", "VSK"]);
    let known = crate::tenancy::find_tenant(db, "SAIF").await.unwrap().unwrap();
    assert_eq!(known.slug.as_deref(), Some("saif-kolkata"));
    // Another of the same textual id, with more plants than its plan allows: nothing of it.
    let json = CONFIGURATION.replace("[{", r#"[{"plant_id": "PLANT-DEL-001", "name": "Delhi"}, {"#);
    let more = planned(&json);
    let typed = Typed { code: "OTHR".into(), ..typed };
    let Err(MakeError::Invalid(wrong)) = making::make(db, &who, &typed, Some(&more), None, now).await else {
        panic!("it was made")
    };
    assert_eq!(wrong, [("plan", "admin-wrong-plants"), ("code", "admin-wrong-slug")]);
    assert_eq!(crate::tenancy::find_tenant(db, "OTHR").await.unwrap(), None);
}

#[tokio::test]
async fn who_lives_elsewhere_than_the_plan_wants_is_told_and_listed() {
    let test = TestDb::at_home().await;
    let (db, now, who) = (&test.db, Utc::now(), Who::system());
    let shared = test.tenant("AAAA", &[]).await;
    test.tenant("BBBB", &[]).await;
    let plan = Plan {
        plan: "LARGE".into(),
        name: "Large".into(),
        limits: Limits::default(),
        trial_days: None,
        features: vec![],
        placement: "own".into(),
        admins_second_step: false,
        contact: String::new(),
        is_default: false,
        retired_at: None,
        version: 0,
    };
    service::plan_save(db, &who, &plan, now).await.unwrap();
    let typed = Typed {
        code: "OWND".into(),
        name: "Owned".into(),
        time_zone: "Asia/Kolkata".into(),
        language: "en".into(),
        currency: "INR".into(),
        plan: "LARGE".into(),
        email: "first@ownd.example".into(),
        person: "First".into(),
        ..Typed::default()
    };
    let own = making::make(db, &who, &typed, None, None, now).await.unwrap().tenant;
    service::plan_give(db, &who, Aimed { tenant: shared, version: 0 }, "LARGE", now).await.unwrap();
    let wants = async |tenant: Uuid| tenants::one(db, tenant).await.unwrap().unwrap().wants_own_database;
    assert_eq!((wants(shared).await, wants(own).await), (true, false));
    let asked = tenant_store::Asked { to_move: true, ..tenant_store::Asked::default() };
    let (rows, _) = tenants::list(db, &asked, now).await.unwrap();
    let listed: Vec<(&str, bool)> =
        rows.iter().map(|row| (row.code.as_str(), row.wants_own_database)).collect();
    assert_eq!(listed, [("AAAA", true)]);
    // Chosen by hand, against the plan.
    let typed =
        Typed { code: "HAND".into(), placement: "shared".into(), email: "a@hand.example".into(), ..typed };
    let hand = making::make(db, &who, &typed, None, None, now).await.unwrap().tenant;
    assert!(wants(hand).await);
}

#[test]
fn texts_are_complete() {
    crate::i18n::assert_complete(super::TEXTS);
}
