//! From a notice to mail on the wire.

use std::sync::Arc;

use super::worker::{self, BATCH, turn};
use super::*;
use crate::ctx::Cx;
use crate::db::Db;
use crate::i18n::{I18n, SHELL, assert_complete};
use crate::outbound::HttpClient;
use crate::outbox::{CLAIM, SENT_WITHIN};
use crate::people;
use crate::secrets::Secrets;
use crate::testing::{MailServer, Manner, Moment, TestDb};

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
        for key in [kind.text_key(), kind.name_key(), kind.group_key()] {
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

/// Sends by this mail server.
pub(crate) fn courier(smtp_url: String) -> Courier {
    let config = MailConfig { smtp_url, from: "Tracewright <noreply@tw.example>".into() };
    let i18n = I18n::new().with_all(TEXTS).with_all(people::TEXTS).with_all(TEST_TEXTS);
    Courier {
        mailer: Some(Mailer::new(&config).unwrap()),
        own: std::sync::Arc::default(),
        web: HttpClient::new(true).unwrap(),
        sms: None,
        secrets: Secrets::passing().unwrap(),
        i18n: Arc::new(i18n),
        kinds: KINDS.iter().chain(people::KINDS).chain(&[SHOWN, MAILED]).copied().collect(),
        subjects: crate::workflow::subjects(),
        public_url: "https://tw.example".into(),
        within: SENT_WITHIN,
    }
}

impl Post {
    pub async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let server = MailServer::start().await;
        let courier = courier(server.url());
        let now = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap();
        Self { test, tenant, cx: Cx::new(tenant, "user:tests"), server, courier, now }
    }

    /// Another tenant of the same cloud.
    pub async fn beside(&self, code: &str) -> Self {
        let tenant = self.test.tenant(code, &["KOL"]).await;
        let (test, server, courier) = (self.test.clone(), self.server.clone(), self.courier.clone());
        Self { test, tenant, cx: Cx::new(tenant, "user:tests"), server, courier, now: self.now }
    }

    /// The tenant is being moved, and can only be read; or not any more.
    pub async fn move_on(&self, moves: bool) {
        use sqlx::{ConnectOptions as _, Connection as _};
        let mut owner = self.test.owner_of(self.tenant).await.connect().await.unwrap();
        sqlx::query(
            "update control.tenants set paused_at = case when $2 then now() end where tenant_id = $1",
        )
        .bind(self.tenant)
        .bind(moves)
        .execute(&mut owner)
        .await
        .unwrap();
        owner.close().await.unwrap();
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

    /// How mail of a kind comes to a person.
    pub async fn wish(&self, user: Uuid, kind: &Kind, mail: Option<Pace>) {
        let choice = Choice { kind: *kind, app: true, mail, sms: false };
        choices_set(&self.test.db, &self.cx, user, &[choice]).await.unwrap();
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
    let wish = async |user: Uuid, kind: Kind, wanted: bool| {
        post.wish(user, &kind, wanted.then_some(Pace::Now)).await;
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
    post.server.treat(Manner::Refuse("552 nobody has room for this".into()));
    let later = post.now + TimeDelta::seconds(31);
    assert_eq!(post.turn_at(later).await, worker::Turn { claimed: 1, sent: 0, dead: 1 });
    let error = post.ask("select last_error from outbox where state = 'dead'").await;
    assert!(error[0].contains("nobody has room"), "{error:?}");
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

/// A newer worker may know it; what none does is given up one day, and is told.
#[tokio::test]
async fn a_notice_of_a_kind_that_is_not_known_waits_and_is_not_lost() {
    let post = Post::new().await;
    let boss = post.person("boss@saif.example", "", &["ADMIN"]).await;
    let unknown = Kind::shown("test.unknown");
    post.tell(&unknown, To::Person(boss)).await;
    assert_eq!(post.turn_at(post.now).await, worker::Turn { claimed: 1, sent: 0, dead: 0 });
    let tried = async |attempts: i32| {
        let sql = format!(
            "update outbox set attempts = {attempts}, due_at = created_at
             where kind = 'test.unknown' and state = 'waiting' returning state"
        );
        assert_eq!(post.ask(&sql).await, ["waiting"]);
    };
    let told = "select kind from notices";
    tried(crate::outbox::LAST_ATTEMPT - 1).await;
    assert_eq!(post.turn_at(post.now).await.dead, 1);
    post.send_all().await;
    assert_eq!(post.ask(told).await, ["delivery.dead"]);
    // One whose attempts never came to an end.
    post.tell(&unknown, To::Person(boss)).await;
    tried(crate::outbox::LAST_ATTEMPT).await;
    post.send_all().await;
    assert_eq!(post.ask(told).await, ["delivery.dead"; 2]);
    assert_eq!(post.ask("select state from outbox where kind = 'test.unknown'").await, ["dead"; 2]);
}

/// Better no mail than one whose link leads nowhere.
#[tokio::test]
async fn a_letter_whose_link_is_gone_is_not_sent() {
    let post = Post::new().await;
    let one = post.person("one@saif.example", "", &[]).await;
    let letter = Letter::new("mail-reset", "/invitation/").body();
    let message =
        crate::outbox::Message::new(crate::outbox::Channel::Mail, "people.reset", Some(one), letter)
            .sealing(&post.courier.secrets, post.tenant, b"the link")
            .unwrap();
    let put = async |tx: &mut crate::db::Tx| crate::outbox::put(tx, &message, post.now).await;
    post.test.db.tx(&post.cx, put).await.unwrap();
    assert_eq!(post.ask("update outbox set sealed = null returning kind").await, ["people.reset"]);
    assert_eq!(post.turn_at(post.now).await.sent, 0);
    assert_eq!(post.ask("select state from outbox").await, ["void"]);
    assert_eq!(post.server.got().len(), 0);
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
async fn a_server_that_is_slow_to_answer_is_given_up_before_the_claim_runs_out() {
    let mut post = Post::new().await;
    post.courier.within = std::time::Duration::from_secs(2);
    let one = post.person("one@saif.example", "", &[]).await;
    post.tell(&MAILED, To::Person(one)).await;
    post.turn_at(post.now).await;
    let mut now = post.now;
    for (attempt, moment) in (1..).zip([Moment::Greeting, Moment::Data, Moment::End]) {
        post.server.treat(Manner::HoldOne(moment));
        // It would wait for ever.
        let turn = tokio::time::timeout(std::time::Duration::from_secs(60), post.turn_at(now)).await;
        assert_eq!(turn.expect("the turn ends"), worker::Turn { claimed: 1, sent: 0, dead: 0 }, "{moment:?}");
        // Nothing of it goes on: the server sees the connection end.
        post.server.wait_gone(attempt).await;
        let state = post.ask("select state || ' ' || last_error from outbox where channel = 'mail'").await;
        assert_eq!(state, ["waiting no answer within 2 s"], "{moment:?}");
        now += CLAIM;
    }
    post.server.treat(Manner::Take);
    assert_eq!(post.turn_at(now).await.sent, 1);
    // Once taken without an answer, once with one.
    let ids: Vec<String> = post.server.got().iter().map(|got| got.header("message-id")).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}

#[tokio::test]
async fn all_that_ended_long_ago_is_forgotten_however_much_it_is() {
    let post = Post::new().await;
    let one = post.person("one@saif.example", "", &[]).await;
    let many = 2 * worker::FORGOTTEN_AT_ONCE + 1;
    let (tenant, now) = (post.tenant, post.now);
    for sql in [
        format!(
            "insert into outbox (tenant_id, message_id, channel, kind, body, state, due_at, ended_at)
             select '{tenant}', gen_random_uuid(), 'mail', 'a.b', '{{}}', 'sent', $1, $1
             from generate_series(1, {many}) returning ''"
        ),
        format!(
            "insert into notices (tenant_id, notice_id, user_id, kind, told_at)
             select '{tenant}', gen_random_uuid(), '{one}', 'a.b', $1
             from generate_series(1, {many}) returning ''"
        ),
        format!(
            "insert into idempotency_keys (tenant_id, caller, key, request, attempt, claimed_at, expires_at)
             select '{tenant}', 'user:1', n::text, '', gen_random_uuid(), $1, $1
             from generate_series(1, {many}) n returning ''"
        ),
    ] {
        let old = now - TimeDelta::days(200);
        let sql = sql.replace("$1", &format!("'{}'::timestamptz", old.to_rfc3339()));
        assert_eq!(i64::try_from(post.ask(&sql).await.len()).unwrap(), many);
    }
    post.tell(&SHOWN, To::Person(one)).await;
    post.send_all().await;
    let stop = tokio_util::sync::CancellationToken::new();
    worker::forget(&post.test.db, post.tenant, &stop, now).await.unwrap();
    for (table, left) in [("outbox", "1"), ("notices", "1"), ("idempotency_keys", "0")] {
        assert_eq!(post.ask(&format!("select count(*)::text from {table}")).await, [left], "{table}");
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
pub(crate) struct Reader {
    pub router: axum::Router,
    pub state: AppState,
    cookie: String,
}

impl Reader {
    pub async fn new(post: &Post, email: &str, roles: &[&str]) -> (Uuid, Self) {
        Self::with(post, email, roles, None, true).await
    }

    /// Where the cloud has no mail server.
    pub async fn without_mail(post: &Post, email: &str, roles: &[&str]) -> (Uuid, Self) {
        Self::with(post, email, roles, None, false).await
    }

    /// Where the cloud has a provider of text messages.
    pub async fn with_sms(post: &Post, email: &str, roles: &[&str]) -> (Uuid, Self) {
        Self::with(post, email, roles, post.courier.sms.clone(), true).await
    }

    async fn with(
        post: &Post,
        email: &str,
        roles: &[&str],
        sms: Option<SmsProvider>,
        mails: bool,
    ) -> (Uuid, Self) {
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
            .modules(&[module(), people::module()])
            .modules(&[Module::new("tests").kinds(&[SHOWN, MAILED]).texts(TEST_TEXTS)])
            .secrets(post.courier.secrets.clone())
            .mails(mails)
            .sms(sms)
            .bounce_token(Some("the-token-of-the-whole-cloud".into()))
            .build();
        let router = crate::web::app(state.clone(), router());
        (user, Self { router, state, cookie: format!("tws={}", token.reveal()) })
    }

    pub async fn send(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        let response = self.answer(method, path, body).await;
        let to = response.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, to.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
    }

    pub async fn answer(&self, method: &str, path: &str, body: &str) -> axum::response::Response {
        let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        self.asked((method, path), &headers, body).await
    }

    /// As a program of the person's session asks.
    async fn api(&self, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
        let response = self.asked((method, path), &[("content-type", "application/json")], body).await;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn asked(
        &self,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> axum::response::Response {
        use tower::ServiceExt;
        let mut request = axum::http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "tw.test")
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(axum::body::Body::from(body.to_owned())).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }
}

#[tokio::test]
async fn a_person_reads_notices_and_says_what_comes_by_which_way() {
    let post = Post::new().await;
    let (one, reader) = Reader::new(&post, "one@saif.example", &["VIEWER"]).await;
    let (_, stranger) = Reader::new(&post, "two@saif.example", &["VIEWER"]).await;
    let empty = |bell: &str| !bell.contains("tw-count");
    assert!(empty(&reader.send("GET", "/notices/bell", "").await.2));
    for _ in 0..2 {
        post.tell(&MAILED, To::Person(one)).await;
    }
    post.send_all().await;
    let (_, _, bell) = reader.send("GET", "/notices/bell", "").await;
    assert!(bell.contains("Unread notices: 2"), "{bell}");
    assert!(empty(&stranger.send("GET", "/notices/bell", "").await.2));
    // Asked again with what it shows, it says that nothing changed.
    let seen = bell.split("?seen=").nth(1).unwrap().split('"').next().unwrap();
    let (status, _, body) = reader.send("GET", &format!("/notices/bell?seen={seen}"), "").await;
    assert_eq!((status, body.as_str()), (204, ""));
    let (_, _, page) = reader.send("GET", "/notices", "").await;
    assert!(page.contains("UID-SAIF-KOL-RM-000001-A7 is &#60;held&#62;."), "{page}");
    let path = page.split("action=\"/notices/open/").nth(1).unwrap().split('"').next().unwrap();
    let path = format!("/notices/open/{path}");
    assert_eq!(stranger.send("POST", &path, "").await.0, 404, "another person's");
    let (status, to, _) = reader.send("POST", &path, "").await;
    assert_eq!((status, to.as_str()), (303, "/holds"));
    assert!(reader.send("GET", "/notices/bell", "").await.2.contains("Unread notices: 1"));
    reader.send("POST", "/notices/read", "").await;
    assert!(empty(&reader.send("GET", "/notices/bell", "").await.2));

    let (_, _, page) = reader.send("GET", "/notices/settings", "").await;
    let shown = |page: &str, code: &str| {
        let input = page.split(&format!("name=\"app\" value=\"{code}\"")).nth(1).unwrap();
        input.split('>').next().unwrap().ends_with(" checked")
    };
    let mailed = |page: &str, code: &str| {
        let select = page.split(&format!("name=\"mail:{code}\"")).nth(1).unwrap();
        let fixed = select.split('>').next().unwrap().contains(" disabled");
        let chosen = select.split(" selected>").next().unwrap().rsplit("value=\"").next().unwrap();
        format!("{}{}", chosen.trim_end_matches('"'), if fixed { " fixed" } else { "" })
    };
    assert_eq!(
        ["test.mailed", "test.shown", "account.password"].map(|code| mailed(&page, code)),
        ["now", "never", "now fixed"]
    );
    let set = "app=test.mailed&mail%3Atest.mailed=never&mail%3Atest.shown=now&mail%3Aaccount.password=never";
    assert_eq!(reader.send("POST", "/notices/settings", set).await.1, "/notices/settings?done");
    let (_, _, page) = reader.send("GET", "/notices/settings", "").await;
    assert_eq!(
        ["test.mailed", "test.shown", "account.password"].map(|code| mailed(&page, code)),
        ["never", "now", "now fixed"]
    );
    assert!(!shown(&page, "test.shown") && shown(&page, "test.mailed"));
    post.tell(&SHOWN, To::Person(one)).await;
    post.send_all().await;
    assert!(empty(&reader.send("GET", "/notices/bell", "").await.2), "by mail alone");
    assert_eq!(post.server.got().len(), 3);

    // When it comes.
    let times = |from: &str, until: &str, version: i32| {
        format!("quiet_from={from}&quiet_until={until}&digest_hour=7&digest_weekday=5&version={version}")
    };
    for (from, until) in [("22%3A00", ""), ("22%3A00", "22%3A00"), ("25%3A00", "06%3A00")] {
        let (status, _, page) = reader.send("POST", "/notices/times", &times(from, until, 0)).await;
        assert!(status == 422 && page.contains("such as 22:00 and 06:30"), "{from} {until}: {status}");
        assert!(page.contains("id=\"err-quiet_from\"") && page.contains("value=\"5\" selected"), "{page}");
    }
    let night = times("22%3A00", "06%3A30", 0);
    assert_eq!(reader.send("POST", "/notices/times", &night).await.1, "/notices/settings?done");
    assert_eq!(reader.send("POST", "/notices/times", &night).await.0, 422, "changed since");
    let (_, _, page) = reader.send("GET", "/notices/settings", "").await;
    assert!(page.contains("value=\"22:00\"") && page.contains("value=\"06:30\""), "{page}");
    assert!(page.contains("value=\"7\" selected") && page.contains("value=\"5\" selected"), "{page}");
    assert_eq!(reader.send("POST", "/notices/times", &times("", "", 1)).await.1, "/notices/settings?done");
}

#[tokio::test]
async fn where_no_mail_goes_an_administrator_is_led_to_the_settings_and_others_to_the_administrator() {
    let post = Post::new().await;
    let (_, admin) = Reader::without_mail(&post, "boss@saif.example", &["ADMIN"]).await;
    let (_, viewer) = Reader::without_mail(&post, "viewer@saif.example", &["VIEWER"]).await;
    let (link, others) =
        ("<a href=\"/settings/mail\">Set up a mail server</a>", "Your administrator sets one up.");
    for path in ["/notices/settings", "/deliveries"] {
        let told = admin.send("GET", path, "").await.2;
        assert!(told.contains(link) && !told.contains(others), "{told}");
    }
    let told = viewer.send("GET", "/notices/settings", "").await.2;
    assert!(told.contains(others) && !told.contains(link), "{told}");
}

#[tokio::test]
async fn a_person_chooses_among_the_kinds_that_can_reach_the_own_roles() {
    let post = Post::new().await;
    let (_, admin) = Reader::new(&post, "boss@saif.example", &["ADMIN"]).await;
    let (_, viewer) = Reader::new(&post, "viewer@saif.example", &["VIEWER"]).await;
    let (row, sent) = ("name=\"app\" value=\"delivery.dead\"", ">What is sent</th>");
    let page = async |reader: &Reader| reader.send("GET", "/notices/settings", "").await.2;
    let told = page(&admin).await;
    assert!(told.contains(row) && told.contains(sent) && told.contains(">My account</th>"), "{told}");
    assert!(told.find(">Other</th>") > told.find(sent), "those without a heading of their own last");
    let told = page(&viewer).await;
    assert!(!told.contains(row) && !told.contains(sent) && told.contains(">My account</th>"), "{told}");
    // Nobody is asked of the others, so nothing is said of them.
    let chosen = viewer.send("POST", "/notices/settings", "app=test.shown").await;
    assert_eq!(chosen.1, "/notices/settings?done");
    let kept = post.ask("select distinct kind from notice_preferences order by kind").await;
    assert!(
        kept.contains(&"test.mailed".to_owned()) && !kept.contains(&"delivery.dead".to_owned()),
        "{kept:?}"
    );
    // The API lists the same kinds, and takes no others.
    let path = "/api/v1/notices/preferences";
    for reader in [&admin, &viewer] {
        let page = page(reader).await;
        let mut shown: Vec<&str> =
            page.split("name=\"app\" value=\"").skip(1).map(|row| row.split('"').next().unwrap()).collect();
        let (_, told) = reader.api("GET", path, "").await;
        let mut listed: Vec<&str> =
            told["kinds"].as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
        shown.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, shown);
    }
    let wishes = r#"{"kinds":[{"kind":"test.shown"},{"kind":"delivery.dead","app":false}]}"#;
    let (status, told) = viewer.api("PUT", path, wishes).await;
    let mistakes = &told["errors"];
    assert_eq!(
        (status, &mistakes[0]["row"], &mistakes[1]),
        (422, &serde_json::json!(2), &serde_json::Value::Null),
        "{told}"
    );
    assert_eq!(admin.api("PUT", path, wishes).await.0, 200);
    let kept = post.ask("select kind from notice_preferences where not wanted and channel = 'app'").await;
    assert!(kept.contains(&"delivery.dead".to_owned()), "{kept:?}");
}

#[test]
fn what_other_systems_are_told_speaks_of_nobody_as_me() {
    let all = Arc::new(I18n::new().with_all(crate::workflow::TEXTS));
    let texts = Texts::new(all, Lang::En);
    for kind in crate::workflow::KINDS.iter().filter(|kind| !kind.personal) {
        let said = format!(" {} ", kind.event_name(&texts));
        assert!(![" me ", " my ", " My ", " I "].iter().any(|word| said.contains(word)), "{said}");
    }
}

#[tokio::test]
async fn what_is_urgent_is_shown_over_the_page_for_a_while() {
    let post = Post::new().await;
    let (one, reader) = Reader::new(&post, "one@saif.example", &[]).await;
    post.tell(&SHOWN, To::Person(one)).await;
    post.send_all().await;
    let trigger = async || {
        let response = reader.answer("GET", "/notices/bell", "").await;
        let told = response.headers().get("hx-trigger").map(|told| told.to_str().unwrap().to_owned());
        told.map(|told| serde_json::from_str::<serde_json::Value>(&told).unwrap()["tw-notice"].clone())
    };
    assert_eq!(trigger().await, None, "not urgent");
    post.tell(&ACCOUNT_UNREACHABLE, To::Person(one)).await;
    post.send_all().await;
    let told = trigger().await.expect("an urgent one");
    assert!(told["text"].as_str().unwrap().contains("Mail does not reach you"), "{told}");
    assert_eq!(told["href"], "/holds");
    reader.send("POST", "/notices/read", "").await;
    assert_eq!(trigger().await, None, "read");
}

#[tokio::test]
async fn in_quiet_hours_mail_waits_but_not_what_concerns_the_account() {
    let post = Post::new().await;
    let one = post.person("one@saif.example", "", &[]).await;
    // Night in the person's own zone: from 18:30 to 1:00 UTC.
    post.ask("update users set time_zone = 'Asia/Kolkata' returning email").await;
    let night = Times { quiet: Some((0, 6 * 60 + 30)), ..Times::default() };
    times_set(&post.test.db, &post.cx, one, &night, post.now).await.unwrap();
    let tell_at = async |kind: &Kind, now: DateTime<Utc>| {
        let notice = Notice::new(To::Person(one), "/holds").with("uid", "U");
        post.test.db.tx(&post.cx, async |tx| tell(tx, kind, &notice, now).await).await.unwrap();
        while post.turn_at(now).await.claimed > 0 {}
    };
    let midnight: DateTime<Utc> = "2027-01-10T19:00:00Z".parse().unwrap();
    tell_at(&MAILED, midnight).await;
    tell_at(&people::ACCOUNT_PASSWORD, midnight).await;
    assert_eq!(post.server.got().len(), 1, "the password's alone");
    let waits = "select state || ' ' || attempts || ' ' || to_char(due_at at time zone 'UTC', 'DD HH24:MI')
                 from outbox where kind = 'test.mailed' and channel = 'mail'";
    assert_eq!(post.ask(waits).await, ["waiting 0 11 01:00"]);
    assert_eq!(post.turn_at(midnight + TimeDelta::hours(5)).await.claimed, 0);
    assert_eq!(post.turn_at(midnight + TimeDelta::hours(6)).await.sent, 1);
    assert_eq!(post.server.got().len(), 2);
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
    let (status, _, page) = admin.send("POST", "/deliveries/mail", set).await;
    assert!(status == 422 && page.contains("value=\"SAIF Stores\""), "changed since: {page}");
    let wrong = "sender_name=X&reply_to=nobody&version=1";
    let (status, _, page) = admin.send("POST", "/deliveries/mail", wrong).await;
    assert!(status == 422 && page.contains("value=\"nobody\""), "{page}");
    post.server.treat(Manner::Refuse("552 no room for this".into()));
    post.tell(&MAILED, To::Person(boss)).await;
    post.send_all().await;
    let (_, _, page) = admin.send("GET", "/deliveries?state=dead", "").await;
    assert!(page.contains("no room for this") && page.contains("boss@saif.example"), "{page}");
    // Found by each of what can be asked.
    for (asked, there) in [
        ("channel=mail", true),
        ("channel=webhook", false),
        ("kind=test.mailed", true),
        ("kind=test.shown", false),
        ("to=BOSS%40saif.example", true),
        ("to=viewer%40saif.example", false),
        ("to=nobody%40saif.example", false),
        ("state=dead&channel=mail&kind=test.mailed&to=boss%40saif.example", true),
    ] {
        let (_, _, page) = admin.send("GET", &format!("/deliveries?{asked}"), "").await;
        assert_eq!(page.contains("no room for this"), there, "{asked}");
    }
    let path = page.split("action=\"/deliveries/0").nth(1).map(|rest| format!("0{rest}")).unwrap();
    let path = path.as_str().split("action=\"/deliveries/").next().unwrap().split('"').next().unwrap();
    post.server.treat(Manner::Take);
    assert_eq!(admin.send("POST", &format!("/deliveries/{path}"), "").await.1, "/deliveries");
    turn(&post.test.db, &post.courier, post.tenant, Utc::now()).await.unwrap();
    let mail = post.server.got().pop().unwrap();
    assert!(mail.header("from").contains("SAIF Stores"), "{}", mail.data);
    assert_eq!(mail.header("reply-to"), "stores@saif.example");
    let audit =
        post.ask("select action from audit_log where action like 'delivery%' or action like 'mail%'").await;
    assert_eq!(audit.len(), 2, "{audit:?}");

    // All of them at once, but only those that were asked for.
    post.server.treat(Manner::Refuse("552 no room for this".into()));
    for _ in 0..3 {
        post.tell(&MAILED, To::Person(boss)).await;
    }
    post.send_all().await;
    let dead = "select kind from outbox where state = 'dead'";
    assert_eq!(post.ask(dead).await.len(), 3);
    let all = async |asked: &str| admin.send("POST", "/deliveries/again", asked).await.1;
    assert!(all("channel=webhook").await.ends_with("&replayed=0"));
    assert!(all("to=viewer%40saif.example").await.ends_with("&replayed=0"));
    assert_eq!(viewer.send("POST", "/deliveries/again", "").await.0, 403);
    assert!(all("channel=mail&to=boss%40saif.example").await.ends_with("&replayed=3"));
    post.server.treat(Manner::Take);
    turn(&post.test.db, &post.courier, post.tenant, Utc::now()).await.unwrap();
    assert_eq!(post.ask(dead).await, Vec::<String>::new());
    let audit = post.ask("select after->>'count' from audit_log where action = 'delivery.replay_all'").await;
    assert_eq!(audit, ["3"]);
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
