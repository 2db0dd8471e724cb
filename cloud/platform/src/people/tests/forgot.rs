//! A forgotten password, from the page to the mail and back.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::notify::{self, Courier, MailConfig, Mailer};
use crate::secrets::Secrets;
use crate::testing::{MailServer, Manner};

/// An office with pages, a mail server, and a worker between them.
struct Site {
    office: Office,
    server: MailServer,
    router: Router,
    stop: CancellationToken,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Site {
    async fn new() -> Self {
        Self::with(true).await
    }

    /// Where the office has a mail server of its own, and the cloud none.
    async fn with_own() -> Self {
        let site = Self::with(false).await;
        let address = site.server.address();
        let sql = format!(
            "insert into mail_settings (tenant_id, smtp_host, smtp_port, smtp_security, smtp_user, from_address)
             values ('{}', '{}', {}, 'starttls', '', 'noreply@own.example')",
            site.office.tenant,
            address.ip(),
            address.port()
        );
        let done: Result<(), DbError> = site
            .office
            .test
            .db
            .tx(&site.office.cx, async |tx| {
                sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
        site
    }

    /// Where the cloud has a mail server, if it `mails`.
    async fn with(mails: bool) -> Self {
        let office = Office::new().await;
        let server = MailServer::start().await;
        let secrets = Secrets::passing().unwrap();
        let state = AppState::builder(office.test.db.clone())
            .modules(&[crate::people::module(), notify::module()])
            .secrets(secrets.clone())
            .mails(mails)
            .build();
        let config = MailConfig { smtp_url: server.url(), from: "Tracewright <noreply@tw.example>".into() };
        let courier = Courier {
            mailer: mails.then(|| Mailer::new(&config).unwrap()),
            own: std::sync::Arc::new(crate::settings::OwnMail::new(true)),
            web: crate::outbound::HttpClient::new(false).unwrap(),
            sms: None,
            secrets,
            i18n: std::sync::Arc::clone(&state.i18n),
            kinds: state.kinds.as_slice().into(),
            subjects: state.subjects.clone(),
            public_url: "http://tw.test".into(),
            within: crate::outbox::SENT_WITHIN,
        };
        let stop = CancellationToken::new();
        tokio::spawn(notify::worker::run(office.test.db.clone(), courier, stop.clone()));
        let router = crate::web::app(state, crate::people::router());
        Self { office, server, router, stop }
    }

    /// Waits until nothing is left to be sent, so that what has not come never will.
    async fn all_sent(&self, tenants: &[&Cx]) {
        let waiting = "select exists (select from outbox where state = 'waiting')";
        for cx in tenants {
            let mut left = true;
            while left {
                let db = &self.office.test.db;
                let found: Result<bool, DbError> =
                    db.tx(cx, async |tx| Ok(sqlx::query_scalar(waiting).fetch_one(tx.conn()).await?)).await;
                left = found.unwrap();
            }
        }
    }

    fn browser(&self) -> Browser {
        Browser { router: self.router.clone(), cookie: String::new() }
    }

    fn browser_at(&self, address: &str) -> Browser {
        let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), 1);
        Browser {
            router: self.router.clone().layer(axum::Extension(ConnectInfo(address))),
            cookie: String::new(),
        }
    }
}

fn form(text: &str) -> String {
    text.replace('@', "%40").replace(' ', "+")
}

/// An administrator, signed in, and the answer to inviting Lakshmi.
async fn invites(site: &Site) -> (Browser, (StatusCode, HeaderMap, String)) {
    site.office.active("boss@saif.example", &[ADMIN]).await;
    let mut boss = site.browser();
    boss.send("POST", "/signin", &form(&format!("email=boss@saif.example&password={PASSWORD}"))).await;
    let told = boss.send("POST", "/users", &form("email=new@saif.example&name=Lakshmi&role=VIEWER")).await;
    (boss, told)
}

/// Sends the second mail, with a link to this person that is shown to nobody.
async fn mails_a_link(site: &Site, boss: &mut Browser, person: &str) {
    let (_, _, page) = boss.send("POST", &format!("/users/{person}/link"), "by_mail=true").await;
    assert!(!page.contains("/invitation/") && page.contains("on its way"), "{page}");
    site.server.wait_for(2).await;
}

crate::in_every_placement! {
async fn a_forgotten_password_is_set_anew_by_mail() {
    let site = Site::new().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let mut old = site.browser();
    let sign_in = form(&format!("email=a@saif.example&password={PASSWORD}&next=/account"));
    old.send("POST", "/signin", &sign_in).await;
    assert_eq!(old.send("GET", "/account", "").await.0, StatusCode::OK);

    let mut browser = site.browser();
    let (_, _, page) = browser.send("GET", "/signin", "").await;
    assert!(page.contains("href=\"/forgot\""), "{page}");
    let (_, _, known) = browser.send("POST", "/forgot", &form("email= A@Saif.example")).await;
    let (_, _, unknown) = browser.send("POST", "/forgot", &form("email=nobody@saif.example")).await;
    assert!(known.contains("If this e-mail is known here") && known == unknown, "the same answer");
    let (status, ..) = browser.send("POST", "/forgot", "email=nonsense").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

    let mail = site.server.wait_for(1).await.pop().unwrap();
    assert_eq!(mail.to, ["a@saif.example"]);
    assert_eq!(mail.header("subject"), "A new password for Tracewright");
    let link = mail.link();
    let path = link.strip_prefix("http://tw.test").unwrap().to_owned();
    assert!(!format!("{:?}", site.office.audit().await).contains(path.rsplit('/').next().unwrap()));
    let (status, _, page) = browser.send("GET", &path, "").await;
    assert!(status == StatusCode::OK && page.contains("A new password"), "{page}");
    let body = form(&format!("name=Ananya Sen&password={OTHER}"));
    let (status, ..) = browser.send("POST", &path, &body).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(browser.send("GET", "/account", "").await.0, StatusCode::OK);
    let (status, headers, _) = old.send("GET", "/account", "").await;
    assert_eq!(
        (status, headers["location"].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/signin?next=/account"),
        "sessions of the old password ended"
    );
    assert!(site.office.signs_in("a@saif.example", OTHER).await);
    assert!(!site.office.signs_in("a@saif.example", PASSWORD).await);
    let (status, ..) = browser.send("POST", &path, &body).await;
    assert_eq!(status, StatusCode::GONE, "works once");
    let told = site.server.wait_for(2).await.pop().unwrap();
    assert_eq!(told.header("subject"), "Your password was changed");
    assert!(site.office.audit().await.iter().any(|row| row.starts_with("user.forgot")));
}
}

#[tokio::test]
async fn asking_is_throttled_by_e_mail_and_by_address() {
    let site = Site::new().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let mut first = None;
    for _ in 0..8 {
        let (status, _, page) = site.browser().send("POST", "/forgot", &form("email=a@saif.example")).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(first.get_or_insert_with(|| page.clone()), &page, "the same answer");
    }
    site.server.wait_for(3).await;
    let mut last = String::new();
    for n in 0..21 {
        let body = form(&format!("email=nobody{n}@saif.example"));
        (_, _, last) = site.browser_at("10.0.0.7").send("POST", "/forgot", &body).await;
    }
    assert!(last.contains("Too many tries"), "{last}");
    let (_, _, page) =
        site.browser_at("10.0.0.8").send("POST", "/forgot", &form("email=b@saif.example")).await;
    assert!(!page.contains("Too many tries"));
    site.all_sent(&[&site.office.cx]).await;
    assert_eq!(site.server.got().len(), 3);
    // Signing in is counted apart: whoever asks for links locks nobody out.
    assert!(site.office.signs_in("a@saif.example", PASSWORD).await);
}

#[tokio::test]
async fn only_active_people_get_a_link_and_those_of_every_tenant() {
    let site = Site::new().await;
    let db = &site.office.test.db;
    site.office.invite("new@saif.example", &["VIEWER"]).await;
    let gone = site.office.active("gone@saif.example", &["VIEWER"]).await;
    let version = service::find(db, &site.office.cx, gone).await.unwrap().version;
    service::enable(db, &By::operator(&site.office.cx), gone, version, false).await.unwrap();
    let both = "both@saif.example";
    site.office.active(both, &["VIEWER"]).await;
    let other = Cx::system(site.office.test.tenant("OTHR", &[]).await);
    let invitation = Invitation {
        email: both.into(),
        name: "B".into(),
        roles: vec!["VIEWER".into()],
        ..Invitation::default()
    };
    let (_, link) =
        links::invite(db, &By::operator(&other), &invitation, None, site.office.now).await.unwrap();
    links::accept(db, link.reveal(), "B", PASSWORD, site.office.now).await.unwrap();
    for email in ["new@saif.example", "gone@saif.example", both] {
        site.browser().send("POST", "/forgot", &form(&format!("email={email}"))).await;
    }
    let got = site.server.wait_for(2).await;
    site.all_sent(&[&site.office.cx, &other]).await;
    assert_eq!(site.server.got().len(), 2);
    assert!(got.iter().all(|mail| mail.to == [both]), "{got:?}");
    let mut from: Vec<bool> = got.iter().map(|mail| mail.part("text/plain").contains("OTHR")).collect();
    from.sort_unstable();
    assert_eq!(from, [false, true], "each names its tenant");
}

#[tokio::test]
async fn an_invitation_goes_by_mail_and_is_shown_to_nobody() {
    let site = Site::new().await;
    let (mut boss, (status, _, page)) = invites(&site).await;
    assert!(status == StatusCode::OK && page.contains("on its way to new@saif.example"), "{page}");
    assert!(!page.contains("/invitation/"), "{page}");
    let mail = site.server.wait_for(1).await.pop().unwrap();
    assert_eq!(mail.to, ["new@saif.example"]);
    let path = mail.link().strip_prefix("http://tw.test").unwrap().to_owned();
    let (status, _, page) = site.browser().send("GET", &path, "").await;
    assert!(status == StatusCode::OK && page.contains("Welcome"), "{page}");

    // Asked for on the person's page, a link is shown as before.
    let person = page_of(&mut boss, "Lakshmi").await;
    let (_, _, page) = boss.send("POST", &format!("/users/{person}/link"), "").await;
    assert!(page.contains("/invitation/"), "{page}");
    mails_a_link(&site, &mut boss, &person).await;
}

#[tokio::test]
async fn links_go_by_the_offices_own_mail_server_where_the_cloud_has_none() {
    let site = Site::with_own().await;
    let (mut boss, (status, _, page)) = invites(&site).await;
    assert!(status == StatusCode::OK && page.contains("on its way to new@saif.example"), "{page}");
    assert!(!page.contains("/invitation/"), "{page}");
    assert_eq!(site.server.wait_for(1).await[0].to, ["new@saif.example"]);
    let person = page_of(&mut boss, "Lakshmi").await;
    mails_a_link(&site, &mut boss, &person).await;
    let (_, _, page) = site.browser().send("POST", "/forgot", &form("email=boss@saif.example")).await;
    assert!(page.contains("and its organisation sends mail"), "{page}");
    assert_eq!(site.server.wait_for(3).await[2].to, ["boss@saif.example"]);
}

#[tokio::test]
async fn where_no_mail_goes_a_link_is_shown_and_none_is_made_for_whoever_forgot() {
    let site = Site::with(false).await;
    let (_, (status, _, page)) = invites(&site).await;
    assert!(status == StatusCode::OK && page.contains("/invitation/"), "{page}");
    let (db, secrets) = (&site.office.test.db, Secrets::passing().unwrap());
    links::forgot(db, "boss@saif.example", &secrets, false, site.office.now).await.unwrap();
    assert!(!site.office.audit().await.iter().any(|row| row.starts_with("user.forgot")));
}

#[tokio::test]
async fn who_invites_is_told_when_mail_does_not_go_out() {
    let site = Site::new().await;
    site.office.active("boss@saif.example", &[ADMIN]).await;
    let mut boss = site.browser();
    boss.send("POST", "/signin", &form(&format!("email=boss@saif.example&password={PASSWORD}"))).await;
    site.server.treat(Manner::Refuse("451 come back later".into()));
    let waits = "Mail does not go out at present";
    let (_, _, page) =
        boss.send("POST", "/users", &form("email=new@saif.example&name=Lakshmi&role=VIEWER")).await;
    assert!(
        page.contains("on its way to new@saif.example") && !page.contains(waits),
        "not known yet: {page}"
    );
    let tried = "select exists (select from outbox where kind = 'people.invite' and last_error <> '')";
    let mut known = false;
    while !known {
        let db = &site.office.test.db;
        let found: Result<bool, DbError> = db
            .tx(&site.office.cx, async |tx| Ok(sqlx::query_scalar(tried).fetch_one(tx.conn()).await?))
            .await;
        known = found.unwrap();
    }
    let (_, _, page) =
        boss.send("POST", "/users", &form("email=next@saif.example&name=Meera&role=VIEWER")).await;
    assert!(page.contains(waits) && page.contains("come back later"), "{page}");
    assert!(!page.contains("/invitation/"), "{page}");
    let next = page_of(&mut boss, "Meera").await;
    assert!(page.contains(&format!("<a href=\"/users/{next}\">To the page</a>")), "{page}");
    // On the page of whom it did not reach it is said beside what makes a link.
    let person = page_of(&mut boss, "Lakshmi").await;
    let (_, _, page) = boss.send("GET", &format!("/users/{person}"), "").await;
    assert!(page.contains("has not gone out so far") && page.contains("come back later"), "{page}");
    let (_, _, page) = boss.send("POST", &format!("/users/{person}/link"), "").await;
    assert!(page.contains("/invitation/") && !page.contains("has not gone out so far"), "{page}");
}

/// The id of a person, as the list has it.
async fn page_of(browser: &mut Browser, name: &str) -> String {
    let (_, _, page) = browser.send("GET", "/users", "").await;
    let before = page.split(&format!(">{name}<")).next().unwrap();
    before.rsplit("/users/").next().unwrap().split('"').next().unwrap().to_owned()
}
