//! From a notice to mail on the wire.

use std::sync::Arc;

use super::worker::{self, BATCH, turn};
use super::*;
use crate::ctx::Cx;
use crate::db::Db;
use crate::i18n::{I18n, SHELL, assert_complete};
use crate::outbox::CLAIM;
use crate::people;
use crate::secrets::Secrets;
use crate::testing::{MailServer, Manner, TestDb};

#[test]
fn texts_are_complete() {
    assert_complete(TEXTS);
    let all: String = TEXTS
        .iter()
        .chain(&people::TEXTS)
        .chain(&SHELL)
        .filter(|(lang, _)| lang.code() == "en")
        .map(|(_, text)| *text)
        .collect();
    for permission in PERMISSIONS {
        assert!(all.contains(&format!("{} =", permission.text_key())), "{}", permission.code);
    }
    for kind in KINDS.iter().chain(people::KINDS) {
        for key in [kind.text_key(), kind.name_key()] {
            assert!(all.contains(&format!("{key} =")), "{key}");
        }
    }
}

/// A tenant whose people are told, and the mail server that gets it.
pub(crate) struct Post {
    pub test: TestDb,
    pub tenant: Uuid,
    pub cx: Cx,
    pub server: MailServer,
    pub courier: Courier,
    pub now: DateTime<Utc>,
}

pub(crate) const SHOWN: Kind = Kind::shown("test.shown");
pub(crate) const MAILED: Kind = Kind::mailed("test.mailed");

const TEST_TEXTS: Sources<'static> = [
    (Lang::En, "notice-test-mailed = The coil { $uid } is <held>.\nnotice-test-shown = Seen."),
    (Lang::Hi, ""),
    (Lang::Bn, ""),
    (Lang::Te, "notice-test-mailed = కాయిల్ { $uid } ఆగింది."),
];

impl Post {
    pub async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let server = MailServer::start().await;
        let config = MailConfig { smtp_url: server.url(), from: "Tracewright <noreply@tw.example>".into() };
        let i18n = I18n::new().with_all(TEXTS).with_all(people::TEXTS).with_all(TEST_TEXTS);
        let courier = Courier {
            mailer: Some(Mailer::new(&config).unwrap()),
            web: WebSender::new(true).unwrap(),
            secrets: Secrets::passing().unwrap(),
            i18n: Arc::new(i18n),
            kinds: KINDS.iter().chain(people::KINDS).chain(&[SHOWN, MAILED]).copied().collect(),
            subjects: crate::workflow::subjects(),
            public_url: "https://tw.example".into(),
        };
        let now = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap();
        Self { test, tenant, cx: Cx::new(tenant, "user:tests"), server, courier, now }
    }

    /// An active person of these roles.
    pub async fn person(&self, email: &str, language: &str, roles: &[&str]) -> Uuid {
        let user = Uuid::now_v7();
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        let done: Result<(), DbError> = self
            .test
            .db
            .tx(&self.cx, async |tx| {
                sqlx::query(
                    "insert into users (tenant_id, user_id, email, name, language, status)
                     values ($1, $2, $3, 'Ananya Sen', $4, 'active')",
                )
                .bind(self.tenant)
                .bind(user)
                .bind(email)
                .bind(language)
                .execute(tx.conn())
                .await?;
                sqlx::query(
                    "insert into user_roles (tenant_id, user_id, role) select $1, $2, unnest($3::text[])",
                )
                .bind(self.tenant)
                .bind(user)
                .bind(&roles)
                .execute(tx.conn())
                .await?;
                Ok(())
            })
            .await;
        done.unwrap();
        user
    }

    pub async fn tell(&self, kind: &Kind, to: To) {
        let notice = Notice::new(to, "/holds").with("uid", "UID-SAIF-KOL-RM-000001-A7");
        self.test.db.tx(&self.cx, async |tx| tell(tx, kind, &notice, self.now).await).await.unwrap();
    }

    pub async fn turn_at(&self, now: DateTime<Utc>) -> worker::Turn {
        turn(&self.test.db, &self.courier, self.tenant, now).await.unwrap()
    }

    /// Turns until nothing is due.
    pub async fn send_all(&self) -> usize {
        let mut sent = 0;
        loop {
            let turn = self.turn_at(self.now).await;
            if turn.claimed == 0 {
                return sent;
            }
            sent += turn.sent;
        }
    }

    pub async fn ask(&self, sql: &str) -> Vec<String> {
        let done: Result<Vec<String>, DbError> = self
            .test
            .db
            .tx(&self.cx, async |tx| {
                let sql = sqlx::AssertSqlSafe(sql.to_owned());
                Ok(sqlx::query_scalar(sql).fetch_all(tx.conn()).await?)
            })
            .await;
        done.unwrap()
    }
}

crate::in_every_placement! {
async fn a_notice_reaches_whoever_it_is_for_by_the_ways_they_want() {
    let post = Post::new().await;
    let one = post.person("one@saif.example", "", &["SUPERVISOR"]).await;
    let te = post.person("te@saif.example", "te", &["ADMIN"]).await;
    post.person("viewer@saif.example", "", &["VIEWER"]).await;
    let cause = post.person("cause@saif.example", "", &["SUPERVISOR"]).await;
    let to = || To::Permission("hold.place".into());
    let notice = Notice::new(to(), "/holds").with("uid", "UID-1");
    let by_cause = Cx::new(post.tenant, format!("user:{cause}"));
    post.test.db.tx(&by_cause, async |tx| tell(tx, &MAILED, &notice, post.now).await).await.unwrap();
    assert_eq!(post.send_all().await, 3, "the notice and two mails");
    let mut shown = post.ask("select user_id::text from notices").await;
    shown.sort_unstable();
    let mut expected = [one.to_string(), te.to_string()];
    expected.sort_unstable();
    assert_eq!(shown, expected, "nobody without the right, and not whoever did it");

    let mut got = post.server.got();
    got.sort_by_key(|got| got.to.clone());
    let [english, telugu] = &got[..] else { panic!("{got:?}") };
    assert_eq!(english.to, ["one@saif.example"]);
    assert!(english.header("from").contains("SAIF") && english.header("from").contains("noreply@tw.example"));
    assert_eq!(english.header("auto-submitted"), "auto-generated");
    let text = english.part("text/plain");
    assert!(text.contains("Hello Ananya Sen") && text.contains("The coil UID-1 is <held>."), "{text}");
    assert_eq!(english.link(), "https://tw.example/holds");
    let html = english.part("text/html");
    assert!(
        html.contains("is &#60;held&#62;.") && html.contains("href=\"https://tw.example/holds\""),
        "{html}"
    );
    assert!(telugu.part("text/plain").contains("కాయిల్ UID-1 ఆగింది."), "{}", telugu.data);
    assert!(telugu.part("text/html").contains("lang=\"te\""));

    // Who turns mail off gets none, and who asks for it does.
    let wish = async |user, kind: Kind, wanted| {
        let set =
            async |tx: &mut Tx| Ok::<_, DbError>(store::wish_set(tx, user, kind.code, "mail", wanted).await?);
        post.test.db.tx(&post.cx, set).await.unwrap();
    };
    wish(te, MAILED, false).await;
    wish(one, SHOWN, true).await;
    wish(one, people::ACCOUNT_PASSWORD, false).await;
    post.tell(&MAILED, To::Person(te)).await;
    post.tell(&SHOWN, To::Role("SUPERVISOR".into())).await;
    post.tell(&people::ACCOUNT_PASSWORD, To::Person(one)).await;
    post.send_all().await;
    let to: Vec<String> = post.server.got()[2..].iter().flat_map(|got| got.to.clone()).collect();
    assert_eq!(to, ["one@saif.example", "one@saif.example"], "a mail about the own account always comes");
}
}

#[tokio::test]
async fn what_the_mail_server_refuses_is_tried_again_or_given_up() {
    let post = Post::new().await;
    post.person("boss@saif.example", "", &["ADMIN"]).await;
    let one = post.person("one@saif.example", "", &[]).await;
    post.tell(&MAILED, To::Person(one)).await;
    post.server.treat(Manner::Refuse("451 come back later".into()));
    post.turn_at(post.now).await;
    assert_eq!(post.turn_at(post.now).await, worker::Turn { claimed: 1, sent: 0, dead: 0 });
    let state = "select state || ' ' || attempts from outbox where channel = 'mail'";
    assert_eq!(post.ask(state).await, ["waiting 1"]);
    assert_eq!(post.turn_at(post.now).await.claimed, 0);
    post.server.treat(Manner::Refuse("550 nobody of this name".into()));
    let later = post.now + TimeDelta::seconds(31);
    assert_eq!(post.turn_at(later).await, worker::Turn { claimed: 1, sent: 0, dead: 1 });
    let error = post.ask("select last_error from outbox where state = 'dead'").await;
    assert!(error[0].contains("nobody of this name"), "{error:?}");
    // Who looks after deliveries is told.
    post.turn_at(later).await;
    assert_eq!(post.ask("select kind from notices where kind <> 'test.mailed'").await, ["delivery.dead"]);

    // Sent again, by a server that takes it.
    post.server.treat(Manner::Take);
    let id: Uuid =
        post.ask("select message_id::text from outbox where state = 'dead'").await[0].parse().unwrap();
    assert!(crate::outbox::replay(&post.test.db, &post.cx, id, later).await.unwrap());
    assert_eq!(post.turn_at(later).await.sent, 1);
    assert_eq!(post.server.got().len(), 1);
}

crate::in_every_placement! {
async fn a_crash_between_commit_and_mark_loses_nothing_and_repeats_under_one_id() {
    let post = Post::new().await;
    let one = post.person("one@saif.example", "", &[]).await;
    post.tell(&MAILED, To::Person(one)).await;
    post.turn_at(post.now).await;
    // The worker is ended while the mail server keeps it waiting for an answer.
    post.server.treat(Manner::Slowly(std::time::Duration::from_secs(30)));
    let (db, courier, tenant, now) = (post.test.db.clone(), post.courier.clone(), post.tenant, post.now);
    let worker = tokio::spawn(async move { turn(&db, &courier, tenant, now).await });
    post.server.wait_for(1).await;
    worker.abort();
    assert!(worker.await.unwrap_err().is_cancelled());
    post.server.treat(Manner::Take);
    assert_eq!(post.turn_at(post.now).await.claimed, 0, "the claim stands");
    assert_eq!(post.turn_at(post.now + CLAIM).await.sent, 1);
    // The server hangs up before it says that it took the mail.
    post.tell(&MAILED, To::Person(one)).await;
    post.turn_at(post.now).await;
    post.server.treat(Manner::TakeAndHangUp);
    let turn = post.turn_at(post.now).await;
    assert_eq!((turn.claimed, turn.sent), (1, 0));
    post.server.treat(Manner::Take);
    assert_eq!(post.turn_at(post.now + CLAIM).await.sent, 1);
    let ids: Vec<String> = post.server.got().iter().map(|got| got.header("message-id")).collect();
    assert_eq!(ids.len(), 4);
    assert!(ids[0] == ids[1] && ids[2] == ids[3] && ids[0] != ids[2], "{ids:?}");
    assert!(ids[0].ends_with("@tw.example>"), "{ids:?}");
    assert_eq!(post.ask("select kind from notices").await.len(), 2, "shown once each");
}
}

#[tokio::test]
async fn two_workers_at_once_send_once() {
    let post = Post::new().await;
    for n in 0..20 {
        let person = post.person(&format!("p{n}@saif.example"), "", &[]).await;
        post.tell(&MAILED, To::Person(person)).await;
    }
    let stop = tokio_util::sync::CancellationToken::new();
    let workers: Vec<_> = (0..2)
        .map(|_| tokio::spawn(worker::run(post.test.db.clone(), post.courier.clone(), stop.clone())))
        .collect();
    post.server.wait_for(20).await;
    // Woken by the commit alone.
    let late = post.person("late@saif.example", "", &[]).await;
    post.tell(&MAILED, To::Person(late)).await;
    let got = post.server.wait_for(21).await;
    let mut to: Vec<String> = got.iter().flat_map(|got| got.to.clone()).collect();
    to.sort_unstable();
    to.dedup();
    assert_eq!((got.len(), to.len()), (21, 21));
    stop.cancel();
    for worker in workers {
        let ended = tokio::time::timeout(std::time::Duration::from_secs(5), worker).await;
        ended.expect("a worker ends when it is told to").unwrap();
    }
    assert_eq!(post.ask("select state from outbox where state <> 'sent'").await, Vec::<String>::new());
}

#[tokio::test]
async fn one_tenants_many_messages_keep_no_other_waiting() {
    let post = Post::new().await;
    let one = post.person("one@saif.example", "", &[]).await;
    for _ in 0..3 * BATCH {
        post.tell(&SHOWN, To::Person(one)).await;
    }
    let turn = post.turn_at(post.now).await;
    assert_eq!((turn.claimed, turn.sent), (BATCH as usize, BATCH as usize));
}

#[tokio::test]
async fn no_tenant_is_told_of_anothers() {
    let post = Post::new().await;
    let other = post.test.tenant("OTHR", &[]).await;
    let one = post.person("one@saif.example", "", &["ADMIN"]).await;
    // A notice of the other tenant that names this one's person, and its role.
    let cx = Cx::system(other);
    let db: &Db = &post.test.db;
    for to in [To::Person(one), To::Role("ADMIN".into()), To::Permission("hold.read".into())] {
        let notice = Notice::new(to, "/");
        db.tx(&cx, async |tx| tell(tx, &MAILED, &notice, post.now).await).await.unwrap();
    }
    let turn = turn(db, &post.courier, other, post.now).await.unwrap();
    assert_eq!((turn.claimed, turn.sent), (3, 3));
    assert_eq!(worker::turn(db, &post.courier, other, post.now).await.unwrap().claimed, 0);
    assert_eq!(post.ask("select kind from notices").await, Vec::<String>::new());
    assert!(post.server.got().is_empty());
    assert_eq!(post.send_all().await, 0);
}

/// A browser of one person, without the way in.
struct Reader {
    router: axum::Router,
    cookie: String,
}

impl Reader {
    async fn new(post: &Post, email: &str, roles: &[&str]) -> (Uuid, Self) {
        let user = post.person(email, "", roles).await;
        let token = crate::web::keys::Secret::token();
        let done: Result<(), DbError> = post
            .test
            .db
            .system_tx(async |tx| {
                sqlx::query(
                    "insert into control.sessions (token_hash, tenant_id, user_id, created_at, expires_at)
                     values ($1, $2, $3, now(), now() + interval '1 hour')",
                )
                .bind(&token.hash().0[..])
                .bind(post.tenant)
                .bind(user)
                .execute(tx.conn())
                .await?;
                Ok(())
            })
            .await;
        done.unwrap();
        let state = AppState::builder(post.test.db.clone())
            .permissions(PERMISSIONS)
            .kinds(&post.courier.kinds)
            .texts(TEXTS)
            .texts(people::TEXTS)
            .texts(TEST_TEXTS)
            .secrets(post.courier.secrets.clone())
            .mails(true)
            .build();
        let router = crate::web::app(state, router());
        (user, Self { router, cookie: format!("tws={}", token.reveal()) })
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        use tower::ServiceExt;
        let request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "tw.test")
            .header("accept", "text/html")
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(axum::body::Body::from(body.to_owned()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let to = response.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, to.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
    }
}

#[tokio::test]
async fn a_person_reads_notices_and_says_what_comes_by_which_way() {
    let post = Post::new().await;
    let (one, reader) = Reader::new(&post, "one@saif.example", &["VIEWER"]).await;
    let (_, stranger) = Reader::new(&post, "two@saif.example", &["VIEWER"]).await;
    assert_eq!(reader.send("GET", "/notices/bell", "").await.2.trim(), "");
    for _ in 0..2 {
        post.tell(&MAILED, To::Person(one)).await;
    }
    post.send_all().await;
    let (_, _, bell) = reader.send("GET", "/notices/bell", "").await;
    assert!(bell.contains("Unread notices: 2"), "{bell}");
    assert_eq!(stranger.send("GET", "/notices/bell", "").await.2.trim(), "");
    let (_, _, page) = reader.send("GET", "/notices", "").await;
    assert!(page.contains("UID-SAIF-KOL-RM-000001-A7 is &#60;held&#62;."), "{page}");
    let path = page.split("action=\"/notices/open/").nth(1).unwrap().split('"').next().unwrap();
    let path = format!("/notices/open/{path}");
    assert_eq!(stranger.send("POST", &path, "").await.0, 404, "another person's");
    let (status, to, _) = reader.send("POST", &path, "").await;
    assert_eq!((status, to.as_str()), (303, "/holds"));
    assert!(reader.send("GET", "/notices/bell", "").await.2.contains("Unread notices: 1"));
    reader.send("POST", "/notices/read", "").await;
    assert_eq!(reader.send("GET", "/notices/bell", "").await.2.trim(), "");

    let (_, _, page) = reader.send("GET", "/notices/settings", "").await;
    let has = |page: &str, name: &str, code: &str, state: &str| {
        let input = page.split(&format!("name=\"{name}\" value=\"{code}\"")).nth(1).unwrap();
        input.split('>').next().unwrap().ends_with(state)
    };
    assert!(has(&page, "mail", "test.mailed", " checked") && !has(&page, "mail", "test.shown", " checked"));
    assert!(has(&page, "mail", "account.password", " checked disabled"));
    reader.send("POST", "/notices/settings", "app=test.mailed&mail=test.shown").await;
    let (_, _, page) = reader.send("GET", "/notices/settings", "").await;
    assert!(!has(&page, "mail", "test.mailed", " checked") && has(&page, "mail", "test.shown", " checked"));
    assert!(!has(&page, "app", "test.shown", " checked") && has(&page, "app", "test.mailed", " checked"));
    post.tell(&SHOWN, To::Person(one)).await;
    post.send_all().await;
    assert_eq!(reader.send("GET", "/notices/bell", "").await.2.trim(), "", "by mail alone");
    assert_eq!(post.server.got().len(), 3);
}

#[tokio::test]
async fn an_administrator_sees_what_was_given_up_and_says_how_mail_looks() {
    let post = Post::new().await;
    let (boss, admin) = Reader::new(&post, "boss@saif.example", &["ADMIN"]).await;
    let (_, viewer) = Reader::new(&post, "viewer@saif.example", &["VIEWER"]).await;
    for (method, path) in [("GET", "/deliveries"), ("POST", "/deliveries/mail"), ("GET", "/webhooks")] {
        assert_eq!(viewer.send(method, path, "sender_name=&reply_to=&version=0").await.0, 403, "{path}");
    }
    let set = "sender_name=SAIF+Stores&reply_to=stores%40saif.example&version=0";
    assert_eq!(admin.send("POST", "/deliveries/mail", set).await.1, "/deliveries?done=1");
    assert_eq!(admin.send("POST", "/deliveries/mail", set).await.0, 409, "changed since");
    let wrong = "sender_name=X&reply_to=nobody&version=1";
    let (status, _, page) = admin.send("POST", "/deliveries/mail", wrong).await;
    assert!(status == 422 && page.contains("value=\"nobody\""), "{page}");
    post.server.treat(Manner::Refuse("550 no such person".into()));
    post.tell(&MAILED, To::Person(boss)).await;
    post.send_all().await;
    let (_, _, page) = admin.send("GET", "/deliveries?state=dead", "").await;
    assert!(page.contains("no such person") && page.contains("boss@saif.example"), "{page}");
    let path = page.split("action=\"/deliveries/").nth(1).unwrap().split('"').next().unwrap();
    post.server.treat(Manner::Take);
    assert_eq!(admin.send("POST", &format!("/deliveries/{path}"), "").await.1, "/deliveries");
    turn(&post.test.db, &post.courier, post.tenant, Utc::now()).await.unwrap();
    let mail = post.server.got().pop().unwrap();
    assert!(mail.header("from").contains("SAIF Stores"), "{}", mail.data);
    assert_eq!(mail.header("reply-to"), "stores@saif.example");
    let audit =
        post.ask("select action from audit_log where action like 'delivery%' or action like 'mail%'").await;
    assert_eq!(audit.len(), 2, "{audit:?}");
}

#[tokio::test]
async fn what_is_about_a_plant_is_told_to_its_people() {
    let post = Post::new().await;
    let everywhere = post.person("a@saif.example", "", &["SUPERVISOR"]).await;
    let here = post.person("b@saif.example", "", &["SUPERVISOR"]).await;
    let there = post.person("c@saif.example", "", &["SUPERVISOR"]).await;
    for (person, plant) in [(here, "KOL"), (there, "VSK")] {
        let set =
            format!("update user_roles set plants = '{{{plant}}}' where user_id = '{person}' returning role");
        assert_eq!(post.ask(&set).await, ["SUPERVISOR"]);
    }
    for to in [To::Permission("hold.place".into()), To::Role("SUPERVISOR".into())] {
        let notice = Notice::new(to, "/holds").at(vec!["KOL".into()]);
        post.test.db.tx(&post.cx, async |tx| tell(tx, &SHOWN, &notice, post.now).await).await.unwrap();
    }
    post.send_all().await;
    let mut told = post.ask("select distinct user_id::text from notices").await;
    told.sort();
    let mut expected = vec![everywhere.to_string(), here.to_string()];
    expected.sort();
    assert_eq!(told, expected);
}
