//! The second step over HTTP: set up, asked for, forced, lost and reset.

use data_encoding::BASE32_NOPAD;

use super::*;
use crate::notify;
use crate::people::totp;
use crate::secrets::Secrets;

struct Site {
    office: Office,
    router: Router,
    secrets: Secrets,
}

fn form(text: &str) -> String {
    text.replace('@', "%40").replace(' ', "+")
}

/// The key that a page shows, to be typed into an app.
fn key_of(page: &str) -> Vec<u8> {
    let shown = page.split("<code class=\"tw-mono\">").nth(1).unwrap().split('<').next().unwrap();
    BASE32_NOPAD.decode(shown.replace(' ', "").as_bytes()).unwrap()
}

/// The backup codes that a page shows.
fn codes_of(page: &str) -> Vec<String> {
    let list = page.split("tw-codes").nth(1).unwrap().split("</ul>").next().unwrap();
    list.split("<li>").skip(1).map(|item| item.split('<').next().unwrap().to_owned()).collect()
}

impl Site {
    async fn new() -> Self {
        let office = Office::new().await;
        let secrets = Secrets::passing().unwrap();
        let state = AppState::builder(office.test.db.clone())
            .modules(&[crate::people::module(), notify::module()])
            .secrets(secrets.clone())
            .build();
        Self { office, router: crate::web::app(state, crate::people::router()), secrets }
    }

    fn browser(&self) -> Browser {
        Browser { router: self.router.clone(), cookie: String::new() }
    }

    /// A browser that has typed the password; answers where it was sent.
    async fn typed(&self, email: &str) -> (Browser, String) {
        let mut browser = self.browser();
        let body = form(&format!("email={email}&password={PASSWORD}&next=/account"));
        let (status, headers, page) = browser.send("POST", "/signin", &body).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
        (browser, headers["location"].to_str().unwrap().to_owned())
    }

    /// Turns it on for a person; answers the app's key and the backup codes.
    async fn enrolled(&self, email: &str) -> (Vec<u8>, Vec<String>) {
        let (mut browser, _) = self.typed(email).await;
        browser.send("POST", "/account/totp", &form(&format!("present={PASSWORD}"))).await;
        let (_, _, page) = browser.send("GET", "/account/totp", "").await;
        let key = key_of(&page);
        let body = format!("code={}", totp::shown(&key, Utc::now()));
        let (status, _, page) = browser.send("POST", "/account/totp/confirm", &body).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        (key, codes_of(&page))
    }

    /// The step that was used last is forgotten, as if time had passed.
    async fn let_time_pass(&self) {
        let done: Result<(), DbError> = self
            .office
            .test
            .db
            .tx(&self.office.cx, async |tx| {
                sqlx::query("update user_totp set last_step = 0").execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    }
}

async fn signed_in(browser: &mut Browser) -> bool {
    browser.send("GET", "/account", "").await.0 == StatusCode::OK
}

crate::in_every_placement! {
async fn a_person_turns_it_on_and_is_asked_at_the_next_sign_in() {
    let site = Site::new().await;
    let user = site.office.active("a@saif.example", &["VIEWER"]).await;
    let (mut first, at) = site.typed("a@saif.example").await;
    assert_eq!(at, "/account");
    let (status, _, page) = first.send("POST", "/account/totp", "present=wrong").await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && !page.contains("<svg viewBox=\"0 0 "), "{page}");
    let (key, codes) = site.enrolled("a@saif.example").await;
    assert_eq!(codes.len(), totp::BACKUP_CODES);
    assert!(!signed_in(&mut first).await, "the other session ended");

    let (mut browser, at) = site.typed("a@saif.example").await;
    assert_eq!(at, "/signin/step?next=%2F%61%63%63%6F%75%6E%74");
    assert!(!signed_in(&mut browser).await, "not by the password alone");
    let (_, _, page) = browser.send("GET", &at, "").await;
    assert!(page.contains("One more step") && page.contains("value=\"/account\""), "{page}");
    // The code that confirmed it was used up by that.
    let shown = format!("code={}&next=/account", totp::shown(&key, Utc::now()));
    let (status, _, page) = browser.send("POST", "/signin/step", &shown).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("used already"), "{page}");
    site.let_time_pass().await;
    let shown = format!("code={}&next=/account", totp::shown(&key, Utc::now()));
    let (status, headers, _) = browser.send("POST", "/signin/step", &shown).await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/account"));
    assert!(signed_in(&mut browser).await);
    let (status, headers, _) = browser.send("POST", "/signin/step", &shown).await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/signin"),
        "it is over"
    );

    // A replay of the code, from another browser that knows the password.
    let (mut thief, _) = site.typed("a@saif.example").await;
    let (status, ..) = thief.send("POST", "/signin/step", &shown).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!signed_in(&mut thief).await);

    let audit = site.office.audit().await;
    assert!(audit.iter().any(|row| row.starts_with("user.totp_on")), "{audit:?}");
    assert!(audit.iter().any(|row| row.contains("password+code")), "{audit:?}");
    // What is kept of the key is sealed, and opens for this person alone.
    let kept: Result<Vec<u8>, DbError> = site
        .office
        .test
        .db
        .tx(&site.office.cx, async |tx| {
            Ok(sqlx::query_scalar("select secret from user_totp").fetch_one(tx.conn()).await?)
        })
        .await;
    let kept = kept.unwrap();
    assert!(!kept.windows(key.len()).any(|window| window == key));
    assert_eq!(site.secrets.open(site.office.tenant, &format!("totp:{user}"), &kept).unwrap(), key);
}
}

#[tokio::test]
async fn backup_codes_work_once_each_and_new_ones_void_them() {
    let site = Site::new().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let (key, codes) = site.enrolled("a@saif.example").await;
    let by = async |code: &str| {
        let (mut browser, _) = site.typed("a@saif.example").await;
        browser.send("POST", "/signin/step", &form(&format!("code={code}"))).await;
        signed_in(&mut browser).await.then_some(browser)
    };
    let mut inside = by(&codes[0].to_lowercase()).await.unwrap();
    assert!(by(&codes[0]).await.is_none(), "used");
    let (_, _, page) = inside.send("GET", "/account/totp", "").await;
    assert!(page.contains("Backup codes left: 9"), "{page}");
    site.let_time_pass().await;
    let body = format!("code={}", totp::shown(&key, Utc::now()));
    let (_, _, page) = inside.send("POST", "/account/totp/codes", &body).await;
    let new = codes_of(&page);
    assert!(by(&codes[1]).await.is_none() && by(&new[0]).await.is_some());
    let (status, ..) = inside.send("POST", "/account/totp/off", &form(&format!("code={}", new[1]))).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (mut browser, at) = site.typed("a@saif.example").await;
    assert!(at == "/account" && signed_in(&mut browser).await);
}

#[tokio::test]
async fn wrong_codes_cost_time_as_wrong_passwords_do() {
    let site = Site::new().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let (key, _) = site.enrolled("a@saif.example").await;
    site.let_time_pass().await;
    let mut last = String::new();
    // Each try from a sign-in of its own: what is counted is the person.
    for _ in 0..7 {
        let (mut browser, _) = site.typed("a@saif.example").await;
        (_, _, last) = browser.send("POST", "/signin/step", "code=000000").await;
    }
    assert!(last.contains("Too many tries"), "{last}");
    let (mut browser, _) = site.typed("a@saif.example").await;
    let body = format!("code={}", totp::shown(&key, Utc::now()));
    let (_, _, page) = browser.send("POST", "/signin/step", &body).await;
    assert!(page.contains("Too many tries") && !signed_in(&mut browser).await, "also the right one waits");
}

#[tokio::test]
async fn a_wait_on_the_own_account_ends() {
    let site = Site::new().await;
    let user = site.office.active("a@saif.example", &["VIEWER"]).await;
    let (key, _) = site.enrolled("a@saif.example").await;
    site.let_time_pass().await;
    let (db, cx) = (&site.office.test.db, &site.office.cx);
    let now = site.office.now;
    let at = async |code: &str, now| {
        crate::people::second_step::new_codes(db, cx, &site.secrets, (user, code), now).await
    };
    for _ in 0..6 {
        assert!(matches!(at("000000", now).await, Err(PeopleError::Code)));
    }
    let minute = now + TimeDelta::minutes(1);
    for _ in 0..2 {
        let waits = at(&totp::shown(&key, now), now).await;
        assert!(matches!(waits, Err(PeopleError::Wait(until)) if until == minute), "{waits:?}");
    }
    let later = minute + TimeDelta::seconds(1);
    assert_eq!(at(&totp::shown(&key, later), later).await.unwrap().len(), totp::BACKUP_CODES);
}

#[tokio::test]
async fn a_role_may_ask_for_it_and_an_administrator_resets_it() {
    let site = Site::new().await;
    let db = &site.office.test.db;
    site.office.active("boss@saif.example", &[ADMIN]).await;
    let clerk = site.office.active("clerk@saif.example", &["VIEWER"]).await;
    let (mut boss, _) = site.typed("boss@saif.example").await;
    let (mut before, _) = site.typed("clerk@saif.example").await;
    let (status, ..) = before.send("POST", "/roles/VIEWER/totp", "version=1&on=true").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, ..) = boss.send("POST", "/roles/VIEWER/totp", "version=1&on=true").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(signed_in(&mut before).await, "from the next sign-in on");

    // Forced: no session before it is set up.
    let (mut browser, at) = site.typed("clerk@saif.example").await;
    let (_, _, page) = browser.send("GET", &at, "").await;
    assert!(page.contains("Your organisation asks for two-step sign-in"), "{page}");
    let key = key_of(&page);
    let (_, _, page) = browser.send("GET", &at, "").await;
    assert_eq!(key_of(&page), key, "the same when the page is loaded again");
    browser.send("POST", "/signin/step", "code=000000").await;
    assert!(!signed_in(&mut browser).await);
    let body = format!("code={}&next=/account", totp::shown(&key, Utc::now()));
    let (status, _, page) = browser.send("POST", "/signin/step", &body).await;
    assert!(status == StatusCode::OK && codes_of(&page).len() == totp::BACKUP_CODES, "{page}");
    assert!(signed_in(&mut browser).await);
    // A role's wish is not turned off by its people.
    let backup = codes_of(&page)[0].clone();
    let (_, _, page) = browser.send("POST", "/account/totp/off", &form(&format!("code={backup}"))).await;
    assert!(page.contains("One of your roles asks"), "{page}");

    // A link to a new password does not stand for the second step.
    let link = links::link(db, &By::operator(&site.office.cx), clerk, None, Utc::now()).await.unwrap();
    let mut by_link = site.browser();
    let path = format!("/invitation/{}", link.reveal());
    let (_, headers, _) =
        by_link.send("POST", &path, &form(&format!("name=Clerk&password={PASSWORD}"))).await;
    assert_eq!(headers["location"], "/signin/step?next=%2F");
    assert!(!signed_in(&mut by_link).await);

    let (mut browser, _) = site.typed("clerk@saif.example").await;
    let (status, ..) = boss.send("POST", &format!("/users/{clerk}/totp"), "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (_, headers, _) = browser.send("GET", "/signin/step", "").await;
    assert_eq!(headers["location"], "/signin", "a sign-in under way ended");
    let (mut browser, at) = site.typed("clerk@saif.example").await;
    let (_, _, page) = browser.send("GET", &at, "").await;
    assert_ne!(key_of(&page), key, "set up anew");
    let audit = site.office.audit().await;
    assert!(audit.iter().any(|row| row.starts_with("user.totp_reset")), "{audit:?}");
    assert!(audit.iter().any(|row| row == "role.require_totp false true"), "{audit:?}");
    let (status, ..) = boss.send("POST", &format!("/users/{clerk}/totp"), "").await;
    assert_eq!(status, StatusCode::SEE_OTHER, "one that was never confirmed is forgotten too");
    // Another tenant's administrator finds nobody.
    let stranger = Cx::system(site.office.test.tenant("OTHR", &[]).await);
    let done = crate::people::second_step::reset(db, &By::operator(&stranger), clerk, Utc::now()).await;
    assert!(matches!(done, Err(PeopleError::NotFound)));
}

#[tokio::test]
async fn whoever_is_shut_out_between_the_steps_stays_out() {
    let site = Site::new().await;
    let db = &site.office.test.db;
    let user = site.office.active("a@saif.example", &["VIEWER"]).await;
    let (_, codes) = site.enrolled("a@saif.example").await;
    let (mut browser, _) = site.typed("a@saif.example").await;
    let version = service::find(db, &site.office.cx, user).await.unwrap().version;
    service::enable(db, &By::operator(&site.office.cx), user, version, false).await.unwrap();
    browser.send("POST", "/signin/step", &form(&format!("code={}", codes[0]))).await;
    assert!(!signed_in(&mut browser).await);
}

#[tokio::test]
async fn one_password_of_two_tenants_asks_which() {
    let site = Site::new().await;
    let db = &site.office.test.db;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let other = site.office.test.tenant("OTHR", &[]).await;
    let invitation = Invitation {
        email: "a@saif.example".into(),
        name: "A".into(),
        roles: vec!["VIEWER".into()],
        ..Invitation::default()
    };
    let (_, link) = links::invite(db, &By::operator(&Cx::system(other)), &invitation, None, site.office.now)
        .await
        .unwrap();
    links::accept(db, link.reveal(), "A", PASSWORD, site.office.now).await.unwrap();
    let third = site.office.test.tenant("THRD", &[]).await;
    for (tenant, name) in [(site.office.tenant, "SAIF"), (other, "OTHR")] {
        let (mut browser, at) = site.typed("a@saif.example").await;
        let (_, _, page) = browser.send("GET", &at, "").await;
        assert!(page.contains("SAIF") && page.contains("OTHR") && !page.contains("THRD"), "{page}");
        browser.send("POST", "/signin/step/tenant", &format!("tenant={tenant}&next=/account")).await;
        let (_, _, page) = browser.send("GET", "/account", "").await;
        assert!(page.contains(&format!("</span>{name}</p>")), "{page}");
    }
    let (mut browser, _) = site.typed("a@saif.example").await;
    browser.send("POST", "/signin/step/tenant", &format!("tenant={third}")).await;
    assert!(!signed_in(&mut browser).await, "not into one that was not proved");
}

#[tokio::test]
async fn a_program_asks_for_it_by_role_and_resets_it() {
    let site = Site::new().await;
    site.office.active("boss@saif.example", &[ADMIN]).await;
    let clerk = site.office.active("clerk@saif.example", &["VIEWER"]).await;
    let (mut boss, _) = site.typed("boss@saif.example").await;
    let (mut other, _) = site.typed("clerk@saif.example").await;
    let role = "/api/v1/roles/VIEWER/second-step";
    let asks = async |browser: &mut Browser, body: &str| browser.send("PUT", role, body).await;
    assert_eq!(asks(&mut other, r#"{"required":true,"version":1}"#).await.0, StatusCode::FORBIDDEN);
    assert_eq!(asks(&mut boss, r#"{"required":true}"#).await.0, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(asks(&mut boss, r#"{"required":true,"version":7}"#).await.0, StatusCode::CONFLICT);
    let (status, headers, told) = asks(&mut boss, r#"{"required":true,"version":1}"#).await;
    assert!(status == StatusCode::OK && told.contains(r#""require_totp":true"#), "{status} {told}");
    assert_eq!(headers["etag"], "\"2\"", "{told}");

    let path = format!("/api/v1/users/{clerk}/second-step");
    let (_, _, told) = boss.send("GET", &path, "").await;
    assert_eq!(told, r#"{"on":false,"required":true,"codes_left":0}"#);
    let (mut browser, at) = site.typed("clerk@saif.example").await;
    let (_, _, page) = browser.send("GET", &at, "").await;
    let code = format!("code={}&next=/account", totp::shown(&key_of(&page), Utc::now()));
    browser.send("POST", "/signin/step", &code).await;
    assert!(signed_in(&mut browser).await);
    let (_, _, told) = boss.send("GET", &path, "").await;
    assert_eq!(told, r#"{"on":true,"required":true,"codes_left":10}"#);

    assert_eq!(other.send("DELETE", &path, "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(boss.send("DELETE", &path, "").await.0, StatusCode::NO_CONTENT);
    assert!(!signed_in(&mut browser).await, "sessions that stood on it ended");
    assert_eq!(boss.send("DELETE", &path, "").await.0, StatusCode::NOT_FOUND, "there is nothing to forget");
    let linked = format!("/api/v1/users/{clerk}/identities");
    assert_eq!(boss.send("GET", &linked, "").await.2, r#"{"identities":[]}"#);
    assert_eq!(boss.send("DELETE", &linked, "").await.0, StatusCode::NOT_FOUND, "none is linked");
    let audit = site.office.audit().await;
    assert!(audit.iter().any(|row| row == "role.require_totp false true"), "{audit:?}");
    assert!(audit.iter().any(|row| row.starts_with("user.totp_reset")), "{audit:?}");
}

crate::in_every_placement! {
/// Who administers a tenant of a plan that asks for it sets it up before anything else, also
/// after an invitation; nobody else is asked.
async fn a_plan_may_ask_administrators_for_it() {
    let site = Site::new().await;
    let db = &site.office.test.db;
    site.office.active("boss@saif.example", &[ADMIN]).await;
    site.office.active("clerk@saif.example", &["VIEWER"]).await;
    let (mut before, at) = site.typed("boss@saif.example").await;
    assert_eq!(at, "/account");
    let plans = crate::plans::service::plans(db).await.unwrap();
    let mut plan = plans.into_iter().find(|plan| plan.is_default).unwrap();
    plan.admins_second_step = true;
    let who = crate::admin::log::Who::system();
    crate::plans::service::plan_save(db, &who, &plan, Utc::now()).await.unwrap();
    assert!(signed_in(&mut before).await, "from the next sign-in on");

    let (_, link) = site.office.invite("new@saif.example", &[ADMIN]).await;
    let mut browser = site.browser();
    let body = form(&format!("name=New&password={PASSWORD}"));
    let (_, headers, _) = browser.send("POST", &format!("/invitation/{link}"), &body).await;
    assert_eq!(headers["location"], "/signin/step?next=%2F");
    assert!(!signed_in(&mut browser).await, "nothing before it is set up");
    let (_, _, page) = browser.send("GET", "/signin/step", "").await;
    assert!(page.contains("Your organisation asks for two-step sign-in"), "{page}");
    let code = format!("code={}", totp::shown(&key_of(&page), Utc::now()));
    let (_, _, page) = browser.send("POST", "/signin/step", &code).await;
    assert!(signed_in(&mut browser).await);
    let off = form(&format!("code={}", codes_of(&page)[0]));
    let (_, _, page) = browser.send("POST", "/account/totp/off", &off).await;
    assert!(page.contains("One of your roles asks"), "it is not turned off by who must have it: {page}");

    let (_, at) = site.typed("boss@saif.example").await;
    assert!(at.starts_with("/signin/step"), "{at}");
    let (mut clerk, at) = site.typed("clerk@saif.example").await;
    assert!(at == "/account" && signed_in(&mut clerk).await);
}
}
