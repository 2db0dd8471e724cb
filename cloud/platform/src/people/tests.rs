//! People, from the invitation to being shut out.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use tower::ServiceExt;
use uuid::Uuid;

use super::links::{self, Invitation};
use super::model::{ADMIN, Given, Status};
use super::service;
use super::signin::{self, Attempt, SignedIn, sign_in};
use super::{By, PERMISSIONS, PeopleError, TEXTS, roles};
use crate::ctx::{Cx, Plants};
use crate::db::DbError;
use crate::i18n::{Lang, Names, SHELL, assert_complete};
use crate::testing::TestDb;
use crate::web::keys;
use crate::web::{Amount, AppState, Permission, limits};

mod apart;
mod forgot;
mod provider;
mod refused;
mod second_step;
mod within;

pub(super) const PASSWORD: &str = "monsoon kettle ninety brass";
pub(super) const OTHER: &str = "lantern gravel seventeen otter";

#[test]
fn texts_are_complete() {
    assert_complete(TEXTS);
    let all: String =
        TEXTS.iter().chain(&SHELL).filter(|(lang, _)| lang.code() == "en").map(|(_, text)| *text).collect();
    for permission in PERMISSIONS.iter().chain(crate::seed::PERMISSIONS) {
        assert!(all.contains(&format!("{} =", permission.text_key())), "{}", permission.code);
    }
    for (code, _) in super::BUILT_IN {
        assert!(all.contains(&format!("role-{} =", code.to_lowercase().replace('_', "-"))), "{code}");
    }
}

struct Office {
    test: TestDb,
    tenant: Uuid,
    cx: Cx,
    now: DateTime<Utc>,
}

impl Office {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        Self {
            test,
            tenant,
            cx: Cx::new(tenant, "user:tests"),
            now: DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap(),
        }
    }

    async fn invite(&self, email: &str, roles: &[&str]) -> (Uuid, String) {
        let invitation = Invitation {
            email: email.into(),
            name: "Ananya Sen".into(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..Invitation::default()
        };
        let (user, link) =
            links::invite(&self.test.db, &By::operator(&self.cx), &invitation, None, self.now).await.unwrap();
        (user, link.reveal().to_owned())
    }

    async fn active(&self, email: &str, roles: &[&str]) -> Uuid {
        let (user, link) = self.invite(email, roles).await;
        links::accept(&self.test.db, &link, "Ananya Sen", PASSWORD, self.now).await.unwrap();
        user
    }

    async fn try_at(&self, email: &str, password: &str, now: DateTime<Utc>, from: &str) -> SignedIn {
        let attempt = Attempt {
            email: email.into(),
            password: password.into(),
            address: from.parse().ok(),
            browser: "tests".into(),
        };
        sign_in(&self.test.db, &attempt, now).await.unwrap()
    }

    async fn signs_in(&self, email: &str, password: &str) -> bool {
        matches!(self.try_at(email, password, self.now, "").await, SignedIn::Yes(_))
    }

    async fn audit(&self) -> Vec<String> {
        let done: Result<Vec<String>, DbError> = self
            .test
            .db
            .tx(&self.cx, async |tx| {
                let sql =
                    "select action || coalesce(' ' || before::text, '') || coalesce(' ' || after::text, '')
                           from audit_log where action <> 'tenant.move' order by audit_id";
                Ok(sqlx::query_scalar(sql).fetch_all(tx.conn()).await?)
            })
            .await;
        done.unwrap()
    }
}

crate::in_every_placement! {
async fn an_invitation_makes_a_person_who_signs_in_by_password() {
    let office = Office::new().await;
    let (user, link) = office.invite("  Ananya@Saif.example ", &["QUALITY_ENGINEER"]).await;
    assert!(!office.signs_in("ananya@saif.example", PASSWORD).await, "not before a password is set");
    let db = &office.test.db;
    let again = Invitation {
        email: "ananya@saif.example".into(),
        name: "A".into(),
        roles: vec![],
        ..Invitation::default()
    };
    assert!(matches!(
        links::invite(db, &By::operator(&office.cx), &again, None, office.now).await,
        Err(PeopleError::Exists)
    ));
    let nobody = Invitation {
        email: "b@saif.example".into(),
        name: "B".into(),
        roles: vec!["NOBODY".into()],
        ..Invitation::default()
    };
    assert!(matches!(links::invite(db, &By::operator(&office.cx), &nobody, None, office.now).await, Err(PeopleError::RoleAt(1))));

    let accept =
        async |link: &str, password: &str, now| links::accept(db, link, "Ananya S", password, now).await;
    assert!(matches!(accept(&link, "saif-ananya-1", office.now).await, Err(PeopleError::Weak(_))));
    let late = office.now + links::INVITATION_LIFETIME;
    assert!(matches!(accept(&link, PASSWORD, late).await, Err(PeopleError::LinkGone)));
    assert_eq!(accept(&link, PASSWORD, office.now).await.unwrap().user, user);
    assert!(matches!(accept(&link, PASSWORD, office.now).await, Err(PeopleError::LinkGone)), "works once");
    assert!(office.signs_in("ANANYA@saif.example", PASSWORD).await);
    assert!(!office.signs_in("ananya@saif.example", OTHER).await);

    // A link to a new password ends the sessions of the old one.
    let SignedIn::Yes(token) = office.try_at("ananya@saif.example", PASSWORD, office.now, "").await else {
        panic!("does not sign in")
    };
    let access = keys::verify_session(db, token.reveal(), office.now).await.unwrap().unwrap();
    assert_eq!((access.actor(), access.name.as_str()), (format!("user:{user}"), "Ananya S"));
    assert!(access.rights.has(&Permission::write("hold.place")) && !access.rights.has(&crate::people::USER_MANAGE));
    let first = links::link(db, &By::operator(&office.cx), user, None, office.now).await.unwrap();
    let second = links::link(db, &By::operator(&office.cx), user, None, office.now).await.unwrap();
    assert!(matches!(accept(first.reveal(), OTHER, office.now).await, Err(PeopleError::LinkGone)));
    accept(second.reveal(), OTHER, office.now).await.unwrap();
    assert!(keys::verify_session(db, token.reveal(), office.now).await.unwrap().is_none());
    assert!(office.signs_in("ananya@saif.example", OTHER).await);
    let audit = office.audit().await;
    assert!(audit.iter().any(|row| row.starts_with("user.invite")), "{audit:?}");
    let told: Vec<&String> =
        audit.iter().filter(|row| row.contains("nanya") || row.contains("argon2")).collect();
    assert_eq!(told, Vec::<&String>::new(), "names nobody");
}
}

#[tokio::test]
async fn wrong_passwords_cost_time_and_a_right_one_clears_them() {
    let office = Office::new().await;
    office.active("a@saif.example", &["VIEWER"]).await;
    let at = |minutes: i64| office.now + TimeDelta::minutes(minutes);
    for _ in 0..4 {
        assert!(matches!(office.try_at("a@saif.example", "x", at(0), "10.0.0.1").await, SignedIn::No));
    }
    assert!(matches!(office.try_at("a@saif.example", PASSWORD, at(0), "10.0.0.1").await, SignedIn::Yes(_)));
    for _ in 0..6 {
        assert!(matches!(office.try_at("a@saif.example", "x", at(1), "10.0.0.1").await, SignedIn::No));
    }
    // Also the right one waits now, from wherever; the wait is not prolonged by asking.
    for from in ["10.0.0.1", "10.9.9.9"] {
        let SignedIn::Wait(until) = office.try_at("a@saif.example", PASSWORD, at(1), from).await else {
            panic!("is judged from {from}")
        };
        assert_eq!(until, at(2));
    }
    // After the wait one is judged, and costs twice as much if it is wrong again.
    assert!(matches!(office.try_at("a@saif.example", "x", at(3), "10.0.0.1").await, SignedIn::No));
    assert!(
        matches!(office.try_at("a@saif.example", PASSWORD, at(4), "10.0.0.1").await, SignedIn::Wait(until) if until == at(5))
    );
    assert!(matches!(office.try_at("a@saif.example", PASSWORD, at(6), "10.0.0.1").await, SignedIn::Yes(_)));
    for _ in 0..6 {
        assert!(matches!(office.try_at("a@saif.example", "x", at(7), "10.0.0.1").await, SignedIn::No));
    }
    assert!(matches!(office.try_at("a@saif.example", PASSWORD, at(7), "10.0.0.1").await, SignedIn::Wait(_)));

    // One address that tries many names is stopped, others go on.
    for n in 0..61 {
        office.try_at(&format!("nobody{n}@saif.example"), "x", at(60 * 40), "10.0.0.7").await;
    }
    assert!(matches!(
        office.try_at("a@saif.example", PASSWORD, at(60 * 40), "10.0.0.7").await,
        SignedIn::Wait(_)
    ));
    assert!(matches!(
        office.try_at("a@saif.example", PASSWORD, at(60 * 40), "10.0.0.8").await,
        SignedIn::Yes(_)
    ));
}

#[tokio::test]
async fn many_tries_at_once_are_no_way_around_the_count() {
    let office = Office::new().await;
    office.active("a@saif.example", &["VIEWER"]).await;
    let tries = (0..20).map(|_| office.try_at("a@saif.example", "x", office.now, "10.0.0.1"));
    let judged = futures_util::future::join_all(tries).await;
    assert_eq!(judged.iter().filter(|done| matches!(done, SignedIn::No)).count(), 6);
}

crate::in_every_placement! {
async fn who_is_shut_out_is_out_at_once_and_an_administrator_stays() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    let boss = office.active("boss@saif.example", &[ADMIN]).await;
    let clerk = office.active("clerk@saif.example", &["VIEWER"]).await;
    let SignedIn::Yes(token) = office.try_at("clerk@saif.example", PASSWORD, office.now, "").await else {
        panic!("does not sign in")
    };
    let standing = async || keys::verify_session(db, token.reveal(), office.now).await.unwrap();
    assert!(!standing().await.unwrap().rights.has(&crate::people::USER_READ));
    service::roles_set(db, &By::operator(cx), clerk, &["AUDITOR".into()]).await.unwrap();
    assert!(standing().await.unwrap().rights.has(&crate::people::USER_READ), "from the next request on");

    let version = service::find(db, cx, clerk).await.unwrap().version;
    assert!(matches!(service::enable(db, &By::operator(cx), clerk, version + 7, false).await, Err(PeopleError::Stale)));
    service::enable(db, &By::operator(cx), clerk, version, false).await.unwrap();
    assert!(standing().await.is_none());
    assert!(!office.signs_in("clerk@saif.example", PASSWORD).await);
    assert!(matches!(links::link(db, &By::operator(cx), clerk, None, office.now).await, Err(PeopleError::NotFound)));
    let version = service::find(db, cx, clerk).await.unwrap().version;
    service::enable(db, &By::operator(cx), clerk, version, true).await.unwrap();
    assert!(office.signs_in("clerk@saif.example", PASSWORD).await);

    let last = |done: Result<(), PeopleError>| matches!(done, Err(PeopleError::LastAdministrator));
    let version = service::find(db, cx, boss).await.unwrap().version;
    assert!(last(service::enable(db, &By::operator(cx), boss, version, false).await));
    assert!(last(service::roles_set(db, &By::operator(cx), boss, &["VIEWER".into()]).await));
    // Somebody who never came in does not count.
    let (second, link) = office.invite("second@saif.example", &[ADMIN]).await;
    assert!(last(service::roles_set(db, &By::operator(cx), boss, &[]).await));
    links::accept(db, &link, "Second", PASSWORD, office.now).await.unwrap();
    service::roles_set(db, &By::operator(cx), boss, &[]).await.unwrap();
    assert!(last(service::roles_set(db, &By::operator(cx), second, &[]).await));
    assert_eq!(service::find(db, cx, second).await.unwrap().status, Status::Active);
}
}

#[tokio::test]
async fn roles_are_the_tenants_to_shape_but_for_the_administrators() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    let all = [Permission::read("trace.read"), Permission::write("hold.place")];
    let set = async |code: &str, version, held: &[&str]| {
        let held: Vec<String> = held.iter().map(|code| (*code).to_owned()).collect();
        roles::permissions_set(db, &By::operator(cx), &all, code, version, &held).await
    };
    assert!(matches!(set(ADMIN, 1, &[]).await, Err(PeopleError::AdminRole)));
    assert!(matches!(set("VIEWER", 1, &["hold.fly"]).await, Err(PeopleError::Permission)));
    assert!(matches!(set("VIEWER", 9, &[]).await, Err(PeopleError::Stale)));
    set("VIEWER", 1, &["trace.read", "hold.place"]).await.unwrap();
    roles::create(db, cx, "line lead", "Line lead", &Names::default()).await.unwrap();
    assert!(matches!(
        roles::create(db, cx, "LINE_LEAD", "Again", &Names::default()).await,
        Err(PeopleError::Role)
    ));
    assert!(matches!(roles::create(db, cx, "9", "Nine", &Names::default()).await, Err(PeopleError::Role)));
    set("LINE_LEAD", 1, &["trace.read"]).await.unwrap();
    let all_roles = service::roles(db, cx).await.unwrap();
    assert_eq!(all_roles.last().unwrap().code, "LINE_LEAD");
    assert!(all_roles.iter().find(|role| role.code == "VIEWER").unwrap().has("hold.place"));
    assert!(
        office
            .audit()
            .await
            .iter()
            .any(|row| row.starts_with("role.permissions [") && row.contains("hold.place"))
    );
}

#[tokio::test]
async fn an_own_role_is_named_in_languages() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    let by = By::operator(cx);
    let telugu = Names::from(serde_json::json!({ "te": " లైన్ లీడ్ ", "hi": "" }));
    roles::create(db, cx, "LINE_LEAD", "Line lead", &telugu).await.unwrap();
    let role = async || {
        let all = service::roles(db, cx).await.unwrap();
        all.into_iter().find(|role| role.code == "LINE_LEAD").unwrap()
    };
    let made = role().await;
    assert_eq!(
        (made.names.say(Lang::Te, &made.name), made.names.say(Lang::Hi, &made.name)),
        ("లైన్ లీడ్", "Line lead")
    );
    // Another name alone leaves those in languages; other names take their place.
    roles::rename(db, &by, "LINE_LEAD", made.version, ("Lead", None)).await.unwrap();
    let kept = role().await;
    assert_eq!((kept.name.as_str(), &kept.names), ("Lead", &made.names));
    let bengali = Names::from(serde_json::json!({ "bn": "লাইন লিড" }));
    roles::rename(db, &by, "LINE_LEAD", kept.version, ("Lead", Some(&bengali))).await.unwrap();
    assert_eq!(role().await.names, bengali);
    let stale = roles::rename(db, &by, "LINE_LEAD", kept.version, ("Lead", Some(&telugu))).await;
    assert!(matches!(stale, Err(PeopleError::Stale)));
    let long = Names::from(serde_json::json!({ "te": "ల".repeat(81) }));
    let version = role().await.version;
    let refused = roles::rename(db, &by, "LINE_LEAD", version, ("Lead", Some(&long))).await;
    assert!(matches!(refused, Err(PeopleError::Name)));
}

crate::in_every_placement! {
async fn an_own_account_changes_its_password_and_ends_its_sessions() {
    let office = Office::new().await;
    let user = office.active("a@saif.example", &["VIEWER"]).await;
    let db = &office.test.db;
    let mut tokens = Vec::new();
    for from in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
        let SignedIn::Yes(token) = office.try_at("a@saif.example", PASSWORD, office.now, from).await else {
            panic!("does not sign in")
        };
        tokens.push(token);
    }
    let own = Some(tokens[0].hash());
    let cx = Cx::new(office.tenant, format!("user:{user}"));
    let sessions = async || signin::sessions(db, office.tenant, user, own, office.now).await.unwrap();
    let all = sessions().await;
    assert_eq!((all.len(), all.iter().filter(|one| one.current).count()), (3, 1));
    let third = all.iter().find(|one| one.address == "10.0.0.3").unwrap();
    signin::end(db, &cx, user, Some(&third.id), own).await.unwrap();
    assert!(matches!(
        signin::end(db, &cx, user, Some("0011223344556677"), own).await,
        Err(PeopleError::NotFound)
    ));
    assert_eq!(sessions().await.len(), 2);

    let change =
        async |present, new| service::password_change(db, &cx, user, (present, new), own, office.now).await;
    assert!(matches!(change(OTHER, OTHER).await, Err(PeopleError::WrongPassword)));
    assert!(matches!(change(PASSWORD, "short").await, Err(PeopleError::Weak(_))));
    change(PASSWORD, OTHER).await.unwrap();
    let left = sessions().await;
    assert!(left.len() == 1 && left[0].current, "{left:?}");
    assert!(
        office.signs_in("a@saif.example", OTHER).await && !office.signs_in("a@saif.example", PASSWORD).await
    );
}
}

#[tokio::test]
async fn wrong_present_passwords_are_counted_as_at_sign_in() {
    let office = Office::new().await;
    let user = office.active("a@saif.example", &["VIEWER"]).await;
    let db = &office.test.db;
    let cx = Cx::new(office.tenant, format!("user:{user}"));
    let change =
        async |present: &str, now| service::password_change(db, &cx, user, (present, OTHER), None, now).await;
    for _ in 0..5 {
        assert!(matches!(change("wrong", office.now).await, Err(PeopleError::WrongPassword)));
    }
    // A right one ends the count, also when the new one is not good enough.
    let weak = service::password_change(db, &cx, user, (PASSWORD, "short"), None, office.now).await;
    assert!(matches!(weak, Err(PeopleError::Weak(_))));
    for _ in 0..6 {
        assert!(matches!(change("wrong", office.now).await, Err(PeopleError::WrongPassword)));
    }
    let minute = office.now + TimeDelta::minutes(1);
    assert!(matches!(change(PASSWORD, office.now).await, Err(PeopleError::Wait(until)) if until == minute));
    // It is the count of the account: at sign-in one waits too.
    assert!(matches!(office.try_at("a@saif.example", PASSWORD, office.now, "").await, SignedIn::Wait(_)));
    change(PASSWORD, minute).await.unwrap();
    assert!(office.signs_in("a@saif.example", OTHER).await);
}

crate::in_every_placement! {
async fn one_person_of_two_tenants_comes_in_by_either_password() {
    let office = Office::new().await;
    office.active("a@saif.example", &["VIEWER"]).await;
    let other = office.test.tenant("OTHR", &[]).await;
    let invitation = Invitation {
        email: "a@saif.example".into(),
        name: "A".into(),
        roles: vec!["VIEWER".into()],
        ..Invitation::default()
    };
    let (_, link) =
        links::invite(&office.test.db, &By::operator(&Cx::system(other)), &invitation, None, office.now).await.unwrap();
    links::accept(&office.test.db, link.reveal(), "A", OTHER, office.now).await.unwrap();
    for (password, tenant) in [(PASSWORD, office.tenant), (OTHER, other)] {
        let SignedIn::Yes(token) = office.try_at("a@saif.example", password, office.now, "").await else {
            panic!("does not sign in")
        };
        let access =
            keys::verify_session(&office.test.db, token.reveal(), office.now).await.unwrap().unwrap();
        assert_eq!(access.tenant, tenant);
    }
}
}

// --- as a browser sees it --------------------------------------------------------

struct Browser {
    router: Router,
    cookie: String,
}

impl Browser {
    async fn send(&mut self, method: &str, path: &str, body: &str) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, &self.cookie)
            .header("sec-fetch-site", "same-origin");
        request = match method {
            "POST" => request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
            "PUT" => request.header(header::CONTENT_TYPE, "application/json"),
            _ => request,
        };
        let response =
            self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        for set in parts.headers.get_all(header::SET_COOKIE) {
            let set = set.to_str().unwrap().split(';').next().unwrap();
            let name = set.split_once('=').unwrap().0;
            let kept = self.cookie.split("; ").filter(|pair| !pair.starts_with(&format!("{name}=")));
            let kept: Vec<&str> = kept.filter(|pair| !pair.is_empty()).chain([set]).collect();
            self.cookie = kept.join("; ");
        }
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
    }
}

#[tokio::test]
async fn the_pages_lead_from_an_invitation_to_an_office_of_people() {
    let office = Office::new().await;
    let state = AppState::builder(office.test.db.clone()).modules(&[super::module()]).build();
    let router = crate::web::app(state, super::router());
    let mut boss = Browser { router: router.clone(), cookie: String::new() };
    let (_, link) = office.invite("boss@saif.example", &[ADMIN]).await;

    let (status, _, page) = boss.send("GET", &format!("/invitation/{link}"), "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("boss@saif.example") && page.contains("Ananya Sen"), "{page}");
    let path = format!("/invitation/{link}");
    let (status, _, page) = boss.send("POST", &path, "name=Boss&password=password1234").await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("easy to guess"), "{page}");
    let body = format!("name=Boss&password={}", PASSWORD.replace(' ', "+"));
    let (status, headers, _) = boss.send("POST", &path, &body).await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/"));
    let (status, _, page) = boss.send("GET", &path, "").await;
    assert!(status == StatusCode::GONE && page.contains("not valid any more"), "{page}");

    let invite = "email=%3Cb%3E%40x&name=%3Cscript%3E&role=VIEWER";
    let (status, _, page) = boss.send("POST", "/users", invite).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("no e-mail address"), "{page}");
    assert!(!page.contains("<script>"), "what was typed is shown as text");
    let (status, _, page) = boss.send("POST", "/users", "email=%3Cb%3E%40x&name=&role=VIEWER").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    for part in [
        "id=\"err-email\"",
        "id=\"err-name\"",
        "value=\"&#60;b&#62;@x\"",
        "<option value=\"VIEWER\" selected>",
    ] {
        assert!(page.contains(part), "all at once, and what was typed stays: {part}: {page}");
    }
    let (status, _, page) = boss.send("POST", "/roles", "code=1&name=&names.te=%E0%B0%B2").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    for part in
        ["id=\"err-code\"", "id=\"err-name\"", "name=\"code\" value=\"1\"", "name=\"names.te\" value=\"ల\""]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (status, _, page) = boss.send("POST", "/account", "name=&language=hi&theme=dark").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    for part in ["id=\"err-name\"", "<option value=\"hi\" selected>", "<option value=\"dark\" selected>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (_, _, page) = boss.send("POST", "/users", "email=te%40saif.example&name=Lakshmi&role=VIEWER").await;
    let link = page.split("value=\"http://tw.test").nth(1).unwrap().split('"').next().unwrap().to_owned();

    let mut viewer = Browser { router, cookie: "twl=te".into() };
    viewer.send("POST", &link, &body.replace("Boss", "Lakshmi")).await;
    for (method, path) in [("GET", "/users"), ("GET", "/roles"), ("POST", "/users")] {
        let (status, ..) = viewer.send(method, path, "email=x%40y.example&name=X&role=ADMIN").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    let (status, _, page) = viewer.send("GET", "/account", "").await;
    assert!(status == StatusCode::OK && page.contains("te@saif.example"), "{page}");
    let (status, headers, _) =
        viewer.send("POST", "/account", "name=Lakshmi+R&language=te&time_zone=Asia%2FKolkata").await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/account?done"));

    // They are found by a part of the name or address, by what they are, and by their role.
    for (asked, found) in [
        ("q=LAKSH", [false, true]),
        ("q=boss%40saif", [true, false]),
        ("q=nobody", [false, false]),
        ("status=active&role=ADMIN", [true, false]),
        ("role=VIEWER", [false, true]),
        ("status=disabled", [false, false]),
    ] {
        let (status, _, page) = boss.send("GET", &format!("/users?{asked}"), "").await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let named = [">Boss</a>", ">Lakshmi R</a>"].map(|name| page.contains(name));
        assert_eq!(named, found, "{asked}: {page}");
    }
    let (status, ..) = boss.send("GET", "/users?status=gone", "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    let (_, _, page) = boss.send("GET", "/users", "").await;
    let person = page.split("Lakshmi R").next().unwrap().rsplit("/users/").next().unwrap();
    let person = person.split('"').next().unwrap().to_owned();
    let (_, _, page) = boss.send("GET", &format!("/users/{person}"), "").await;
    let seen = page.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let given = |role: &str| format!("version={seen}&role={role}");
    let path = format!("/users/{person}/roles");
    let (status, ..) = boss.send("POST", &path, &given("AUDITOR&role=BUYER")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    // Another administrator, who looked at the same time, overwrites nothing.
    let (status, _, page) = boss.send("POST", &path, &given("VIEWER")).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("meanwhile"), "{status} {page}");
    let (status, ..) = viewer.send("GET", "/users", "").await;
    assert_eq!(status, StatusCode::OK);
    let (_, _, page) = boss.send("GET", &format!("/users/{person}"), "").await;
    let version =
        page.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (status, ..) = boss
        .send("POST", &format!("/users/{person}/status"), &format!("version={version}&active=false"))
        .await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, headers, _) = viewer.send("GET", "/account", "").await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/signin?next=/account")
    );

    let sign_in = |password: &str| {
        format!("email=boss%40saif.example&password={}&next=/roles", password.replace(' ', "+"))
    };
    let mut other = Browser { router: boss.router.clone(), cookie: String::new() };
    let (status, _, page) = other.send("POST", "/signin", &sign_in("wrong wrong wrong")).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("are not right"), "{page}");
    assert!(page.contains("value=\"boss@saif.example\""), "what was typed stays");
    let (status, headers, _) = other.send("POST", "/signin", &sign_in(PASSWORD)).await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/roles"));
    let (status, _, page) = other.send("GET", "/roles", "").await;
    assert!(status == StatusCode::OK && page.contains("Plant manager"), "{page}");
}

const APPROVE: Permission = Permission::write("purchase.approve").with_amount();

#[tokio::test]
async fn roles_are_given_at_plants_and_up_to_amounts() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    office.active("boss@saif.example", &[ADMIN]).await;
    let clerk = office.active("clerk@saif.example", &["VIEWER"]).await;
    let SignedIn::Yes(token) = office.try_at("clerk@saif.example", PASSWORD, office.now, "").await else {
        panic!("does not sign in")
    };
    let rights = async || keys::verify_session(db, token.reveal(), office.now).await.unwrap().unwrap().rights;
    let look = Permission::read("trace.read");
    assert!(rights().await.has_everywhere(&look));
    let at = |role: &str, codes: &[&str]| Given { role: role.into(), plants: Plants::some(codes.to_vec()) };
    service::give(db, &By::operator(cx), clerk, &[at("BUYER", &["KOL"]), Given::everywhere("SERVICE")])
        .await
        .unwrap();
    let user = service::find(db, cx, clerk).await.unwrap();
    assert_eq!((user.roles.len(), user.role_at("BUYER")), (2, Some(&Plants::some(["KOL"]))));
    let write = Permission::write("reference.write");
    let now = rights().await;
    assert!(now.has_at(&write, "KOL") && !now.has_at(&write, "VSK") && now.has_everywhere(&look));
    // Who is given a further role keeps the others where they were.
    service::roles_set(db, &By::operator(cx), clerk, &["BUYER".into(), "SALES".into()]).await.unwrap();
    let user = service::find(db, cx, clerk).await.unwrap();
    assert_eq!(user.role_at("BUYER"), Some(&Plants::some(["KOL"])));
    assert_eq!(user.role_at("SALES"), Some(&Plants::All));

    let error = async |given: Given| service::give(db, &By::operator(cx), clerk, &[given]).await.unwrap_err();
    assert!(matches!(error(at("BUYER", &["ZZZ"])).await, PeopleError::Plant(1)));
    assert!(matches!(error(at("BUYER", &[])).await, PeopleError::Plant(1)));
    let many: Vec<String> = (0..=200).map(|n| format!("P{n}")).collect();
    let most = |count: usize| Given { role: "BUYER".into(), plants: Plants::some(many[..count].to_vec()) };
    assert!(matches!(error(most(201)).await, PeopleError::ManyPlants(1)));
    assert!(matches!(error(most(200)).await, PeopleError::Plant(1)), "so many are judged one by one");
    assert!(matches!(error(at(ADMIN, &["KOL"])).await, PeopleError::AdminEverywhere(1)));
    assert!(matches!(error(at("NOBODY", &["KOL"])).await, PeopleError::RoleAt(1)));

    let two = [at("BUYER", &["KOL"]), Given::everywhere("BUYER")];
    let twice = service::give(db, &By::operator(cx), clerk, &two).await;
    assert!(matches!(twice, Err(PeopleError::RoleTwice(2))));
    let many = vec![Given::everywhere("BUYER"); 101];
    let many = service::give(db, &By::operator(cx), clerk, &many).await;
    assert!(matches!(many, Err(PeopleError::ManyRoles)));
    let user = service::find(db, cx, clerk).await.unwrap();
    assert_eq!(user.role_at("BUYER"), Some(&Plants::some(["KOL"])), "it stays as it was");

    let all = [APPROVE, write];
    let inr = |amount: i64| Amount { amount: amount.into(), currency: "INR".into() };
    let set = async |of, limit: Option<Amount>| {
        roles::limit_set(db, &By::operator(cx), &all, of, limit.as_ref(), None).await
    };
    let sales = async || {
        let all = service::roles(db, cx).await.unwrap();
        all.into_iter().find(|role| role.code == "SALES").unwrap().version
    };
    let seen = sales().await;
    set(("SALES", APPROVE.code), Some(inr(50_000))).await.unwrap();
    assert_eq!(roles::limits(db, cx).await.unwrap().len(), 1);
    // Who saw the role before overwrites no limit.
    let of = ("SALES", APPROVE.code);
    let late = roles::limit_set(db, &By::operator(cx), &all, of, Some(&inr(90_000)), Some(seen)).await;
    assert!(matches!(late, Err(PeopleError::Stale)) && sales().await == seen + 1);
    for (of, limit) in [
        (("SALES", write.code), inr(1)),
        (("NOBODY", APPROVE.code), inr(1)),
        ((ADMIN, APPROVE.code), inr(1)),
        (("SALES", APPROVE.code), inr(-1)),
        (("SALES", APPROVE.code), Amount { currency: "rupees".into(), ..inr(1) }),
    ] {
        assert!(set(of, Some(limit.clone())).await.is_err(), "{of:?} {limit:?}");
    }
    let role = service::roles(db, cx).await.unwrap().into_iter().find(|role| role.code == "SALES").unwrap();
    let held = [APPROVE.code.to_owned()];
    roles::permissions_set(db, &By::operator(cx), &all, "SALES", role.version, &held).await.unwrap();
    let ask = |rights, amount: i64| limits::allows(&rights, &APPROVE, Some("KOL"), amount.into(), "INR");
    assert_eq!(ask(rights().await, 50_000), Ok(()));
    assert_eq!(ask(rights().await, 60_000), Err(limits::Beyond::Limit(inr(50_000))));
    set(("SALES", APPROVE.code), None).await.unwrap();
    assert_eq!(ask(rights().await, 60_000), Ok(()), "from the next request on");
    let audit = office.audit().await;
    for told in ["role.limit {\"permission\": \"purchase.approve\"}", "\"BUYER\": [\"KOL\"]"] {
        assert!(audit.iter().any(|row| row.contains(told)), "{told}: {audit:?}");
    }

    let scopes = [crate::web::Scope::Write];
    let key = keys::create_at(db, office.tenant, "k", &scopes, &Plants::some(["KOL"]), None).await.unwrap();
    let access = keys::verify(db, key.reveal(), office.now).await.unwrap().unwrap();
    assert!(access.rights.has_at(&write, "KOL") && !access.rights.has_at(&write, "VSK"));
}
