//! Webhooks against a real HTTP server: what it is sent, and what it is not.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use chrono::{DateTime, TimeDelta, Utc};
use ring::hmac;
use uuid::Uuid;

use super::send;
use super::service::{self, Form, New, WebhookError};
use crate::ctx::Cx;
use crate::notify::tests::{MAILED, Post, SHOWN};
use crate::notify::worker::{self, turn};
use crate::notify::{KINDS, Kind, To};
use crate::outbound::HttpClient;
use crate::outbox::{self, CLAIM};
use crate::people;

type Calls = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A server that keeps what it is sent and answers as told.
struct Receiver {
    url: String,
    calls: Calls,
    answer: Arc<Mutex<StatusCode>>,
}

impl Receiver {
    async fn start() -> Self {
        let calls = Calls::default();
        let answer = Arc::new(Mutex::new(StatusCode::NO_CONTENT));
        let kept = (Arc::clone(&calls), Arc::clone(&answer));
        let take = |State((calls, answer)): State<(Calls, Arc<Mutex<StatusCode>>)>,
                    headers: HeaderMap,
                    body: Bytes| async move {
            calls.lock().unwrap().push((headers, String::from_utf8(body.to_vec()).unwrap()));
            let status = *answer.lock().unwrap();
            (status, [("location", "/elsewhere")])
        };
        let app = Router::new().fallback(any(take)).with_state(kept);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?of=saif", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, calls, answer }
    }

    fn answers(&self, status: StatusCode) {
        *self.answer.lock().unwrap() = status;
    }

    fn calls(&self) -> Vec<(HeaderMap, String)> {
        self.calls.lock().unwrap().clone()
    }
}

fn kinds() -> Vec<Kind> {
    KINDS.iter().chain(people::KINDS).chain(&[SHOWN, MAILED]).copied().collect()
}

fn new(url: &str, form: Form, told: &[&str]) -> New {
    let told = told.iter().map(|code| (*code).to_owned()).collect();
    New { name: "Line board".into(), url: url.into(), form, kinds: told }
}

async fn create(post: &Post, new: &New) -> (Uuid, String) {
    let secrets = &post.courier.secrets;
    let made = service::create(&post.test.db, &post.cx, secrets, (&kinds(), true), new).await;
    let (id, secret) = made.unwrap();
    (id, secret.reveal().to_owned())
}

#[tokio::test]
async fn a_request_is_signed_and_only_what_it_asked_for() {
    let (post, receiver) = (Post::new().await, Receiver::start().await);
    let (_, secret) = create(&post, &new(&receiver.url, Form::Json, &["test.mailed"])).await;
    let one = post.person("one@saif.example", "", &[]).await;
    post.tell(&SHOWN, To::Person(one)).await;
    post.tell(&people::ACCOUNT_PASSWORD, To::Person(one)).await;
    post.tell(&MAILED, To::Person(one)).await;
    post.send_all().await;
    let calls = receiver.calls();
    let [(headers, body)] = &calls[..] else { panic!("{calls:?}") };
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(
        (header("content-type"), header("tracewright-event")),
        ("application/json".into(), "test.mailed".into())
    );
    let json: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(json["id"], header("tracewright-delivery"));
    assert_eq!((&json["kind"], &json["tenant"]), (&"test.mailed".into(), &"SAIF".into()));
    assert_eq!(json["text"], "The coil UID-SAIF-KOL-RM-000001-A7 is <held>.");
    assert_eq!(json["values"]["uid"], "UID-SAIF-KOL-RM-000001-A7");
    assert_eq!(json["url"], "https://tw.example/holds");

    // As a receiver checks it, by the docs.
    let signature = header("tracewright-signature");
    let (at, given) = signature.split_once(',').unwrap();
    let at = at.strip_prefix("t=").unwrap();
    assert_eq!(at, post.now.timestamp().to_string());
    let hex = given.strip_prefix("v1=").unwrap();
    let given: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let verify = |secret: &str, body: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, format!("{at}.{body}").as_bytes(), &given).is_ok()
    };
    assert!(
        verify(&secret, body) && !verify("another", body) && !verify(&secret, &body.replace("SAIF", "OTHR"))
    );
    // The secret is nowhere in clear.
    let kept = post.ask("select encode(secret, 'escape') from webhooks").await;
    assert!(!kept[0].contains(&secret));
    // Nor is what of the address may be one.
    let kept = post.ask("select url || encode(secret, 'escape') from webhooks").await;
    assert!(kept[0].starts_with("http://127.0.0.1:") && !kept[0].contains("of=saif"), "{kept:?}");
    assert!(!post.ask("select coalesce(after::text, '') from audit_log").await.concat().contains(&secret));
}

#[test]
fn a_signature_is_that_of_another_implementation() {
    // printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac secret
    let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    assert_eq!(
        send::signature(b"secret", r#"{"a":1}"#, at),
        "t=1800000000,v1=440dfbb83aabca24d9e5027629cfd81cb45254690f8d410bb28f1cc17c990dbc"
    );
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_with_the_same_body_and_id() {
    let (post, receiver) = (Post::new().await, Receiver::start().await);
    create(&post, &new(&receiver.url, Form::Json, &[])).await;
    let one = post.person("one@saif.example", "", &[]).await;
    post.tell(&SHOWN, To::Person(one)).await;
    receiver.answers(StatusCode::FOUND);
    post.send_all().await;
    assert_eq!(receiver.calls().len(), 1, "a redirect is not followed");
    receiver.answers(StatusCode::SERVICE_UNAVAILABLE);
    let later = post.now + TimeDelta::seconds(31);
    assert_eq!(post.turn_at(later).await, worker::Turn { claimed: 1, sent: 0, dead: 0 });
    assert_eq!(
        post.ask("select last_error from outbox where channel = 'webhook'").await,
        ["it answered 503"]
    );
    receiver.answers(StatusCode::OK);
    assert_eq!(post.turn_at(later + TimeDelta::seconds(61)).await.sent, 1);
    let calls = receiver.calls();
    let told: Vec<(&str, &str)> = calls
        .iter()
        .map(|(headers, body)| (headers["tracewright-delivery"].to_str().unwrap(), body.as_str()))
        .collect();
    assert_eq!(told.len(), 3);
    assert!(told[0] == told[1] && told[1] == told[2], "{told:?}");
    assert_ne!(
        calls[0].0["tracewright-signature"], calls[1].0["tracewright-signature"],
        "signed anew, by its time"
    );

    // Sent again by hand, though it was sent.
    let id: Uuid = told[0].0.parse().unwrap();
    assert!(outbox::replay(&post.test.db, &post.cx, id, later).await.unwrap());
    assert_eq!(post.turn_at(later).await.sent, 1);
    // What is gone for good is given up.
    receiver.answers(StatusCode::GONE);
    assert!(outbox::replay(&post.test.db, &post.cx, id, later).await.unwrap());
    assert_eq!(post.turn_at(later).await.dead, 1);
}

#[tokio::test]
async fn no_private_address_is_reached_unless_it_is_allowed() {
    let (mut post, receiver) = (Post::new().await, Receiver::start().await);
    // Made while it was allowed: at each request it is judged again.
    create(&post, &new(&receiver.url, Form::Json, &[])).await;
    let by_name = receiver.url.replace("127.0.0.1", "localhost").replace("http:", "https:");
    create(&post, &new(&by_name, Form::Json, &[])).await;
    post.courier.web = HttpClient::new(false).unwrap();
    let one = post.person("one@saif.example", "", &[]).await;
    post.tell(&SHOWN, To::Person(one)).await;
    post.turn_at(post.now).await;
    assert_eq!(post.turn_at(post.now).await, worker::Turn { claimed: 2, sent: 0, dead: 2 });
    assert!(receiver.calls().is_empty(), "nobody called");
    let errors = post.ask("select last_error from outbox where state = 'dead' order by last_error").await;
    assert!(errors[0].contains("localhost leads to a private address"), "{errors:?}");

    let secrets = &post.courier.secrets;
    for url in [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.7/",
        "https://169.254.169.254/latest",
        "http://example.com/",
        "ftp://example.com/",
        "https://me:secret@example.com/",
        "/hook",
        "",
        "https:///x",
    ] {
        let made =
            service::create(&post.test.db, &post.cx, secrets, (&kinds(), false), &new(url, Form::Json, &[]))
                .await;
        assert!(matches!(made, Err(WebhookError::Url)), "{url}");
    }
    let unknown = new("https://example.com/", Form::Json, &["account.password"]);
    let made = service::create(&post.test.db, &post.cx, secrets, (&kinds(), false), &unknown).await;
    assert!(matches!(made, Err(WebhookError::Kind)), "nobody is told of a person's own account");
}

/// What a request to try a webhook out says, and where it leads.
const TRIED: (&str, &str) = ("A test", "https://tw.example/webhooks");

#[tokio::test]
async fn a_request_to_try_it_out_says_whose_it_is_and_where_it_comes_from() {
    let (post, receiver) = (Post::new().await, Receiver::start().await);
    let (id, _) = create(&post, &new(&receiver.url, Form::Json, &["test.mailed"])).await;
    service::test(&post.test.db, &post.cx, id, TRIED, post.now).await.unwrap();
    post.send_all().await;
    let sent: serde_json::Value = serde_json::from_str(&receiver.calls()[0].1).unwrap();
    assert_eq!(
        ["kind", "tenant", "text", "url"].map(|name| &sent[name]),
        ["webhook.test", "SAIF", TRIED.0, TRIED.1]
    );
}

#[tokio::test]
async fn slack_gets_its_own_form_and_a_stopped_webhook_nothing() {
    let (post, receiver) = (Post::new().await, Receiver::start().await);
    let (id, _) = create(&post, &new(&receiver.url, Form::Slack, &[])).await;
    let one = post.person("one@saif.example", "", &[]).await;
    post.tell(&MAILED, To::Person(one)).await;
    post.send_all().await;
    let json: serde_json::Value = serde_json::from_str(&receiver.calls()[0].1).unwrap();
    let text = "The coil UID-SAIF-KOL-RM-000001-A7 is &lt;held&gt;.\n<https://tw.example/holds>";
    assert_eq!(json, serde_json::json!({ "text": text }));

    service::test(&post.test.db, &post.cx, id, TRIED, post.now).await.unwrap();
    post.send_all().await;
    assert_eq!(receiver.calls().len(), 2);
    // What waits for one that is stopped is not sent.
    receiver.answers(StatusCode::BAD_GATEWAY);
    post.tell(&SHOWN, To::Person(one)).await;
    post.send_all().await;
    service::activate(&post.test.db, &post.cx, id, 1, false).await.unwrap();
    assert!(matches!(
        service::activate(&post.test.db, &post.cx, id, 1, true).await,
        Err(WebhookError::Stale)
    ));
    let later = post.now + TimeDelta::seconds(31);
    assert_eq!(post.turn_at(later).await, worker::Turn { claimed: 1, sent: 0, dead: 0 });
    assert_eq!(post.ask("select state from outbox where last_error like '%stopped%'").await, ["void"]);
    let stale = service::delete(&post.test.db, &post.cx, id, 1, later).await;
    assert!(matches!(stale, Err(WebhookError::Stale)), "it was stopped since");
    service::delete(&post.test.db, &post.cx, id, 2, later).await.unwrap();
    assert_eq!(post.ask("select length(secret)::text from webhooks").await, ["0"]);
    assert_eq!(receiver.calls().len(), 3);
}

/// However many requests wait for a receiver, mail has turns of its own.
#[tokio::test]
async fn people_do_not_wait_for_webhooks() {
    let (post, receiver) = (Post::new().await, Receiver::start().await);
    create(&post, &new(&receiver.url, Form::Json, &["test.shown"])).await;
    let one = post.person("one@saif.example", "", &[]).await;
    for _ in 0..worker::BATCH {
        post.tell(&SHOWN, To::Person(one)).await;
    }
    post.turn_at(post.now).await;
    let [people, systems] = outbox::Lane::ALL;
    let turn = async |lane: outbox::Lane| {
        worker::turn_of(&post.test.db, &post.courier, post.tenant, &[lane], post.now).await.unwrap().claimed
    };
    post.tell(&MAILED, To::Person(one)).await;
    assert_eq!((turn(people).await, turn(people).await), (1, 1), "the notice, and its mail");
    assert_eq!(post.server.got().len(), 1);
    assert!(receiver.calls().is_empty());
    assert_eq!(turn(systems).await, worker::BATCH as usize);
    assert_eq!(receiver.calls().len(), worker::BATCH as usize);
}

#[tokio::test]
async fn of_a_webhook_that_is_gone_people_are_told_once_a_day_and_it_is_not() {
    let (post, gone, other) = (Post::new().await, Receiver::start().await, Receiver::start().await);
    create(&post, &new(&gone.url, Form::Json, &["test.shown", "delivery.dead"])).await;
    create(&post, &New { name: "Other".into(), ..new(&other.url, Form::Json, &["delivery.dead"]) }).await;
    post.person("boss@saif.example", "", &["ADMIN"]).await;
    let one = post.person("one@saif.example", "", &[]).await;
    gone.answers(StatusCode::GONE);
    for _ in 0..3 {
        post.tell(&SHOWN, To::Person(one)).await;
    }
    post.send_all().await;
    let told = "select kind from notices where kind = 'delivery.dead'";
    assert_eq!(post.ask(told).await.len(), 1);
    assert_eq!(other.calls().len(), 1);
    let to_it = "select kind from outbox where channel = 'webhook' and state <> 'sent'";
    assert_eq!(post.ask(to_it).await, ["test.shown"; 3]);
    // The next day again.
    post.tell(&SHOWN, To::Person(one)).await;
    let next_day = post.now + TimeDelta::hours(25);
    while post.turn_at(next_day).await.claimed > 0 {}
    assert_eq!(post.ask(told).await.len(), 2);
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_given_up_before_the_claim_runs_out() {
    let mut post = Post::new().await;
    post.courier.within = std::time::Duration::from_secs(2);
    // Takes the request, and says nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    create(&post, &new(&url, Form::Json, &[])).await;
    let one = post.person("one@saif.example", "", &[]).await;
    post.tell(&SHOWN, To::Person(one)).await;
    post.turn_at(post.now).await;
    let (turn, sent) = tokio::join!(post.turn_at(post.now), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut sent).await.unwrap();
        sent
    });
    assert!(sent.starts_with("POST / HTTP/1.1"), "it was sent, and the connection ended: {sent}");
    assert_eq!(turn, worker::Turn { claimed: 1, sent: 0, dead: 0 });
    let state = post.ask("select state || ' ' || last_error from outbox where channel = 'webhook'").await;
    assert_eq!(state, ["waiting no answer within 2 s"]);
}

#[tokio::test]
async fn two_tenants_webhooks_are_told_their_own_though_one_cannot_be_signed() {
    let broken = Post::new().await;
    let other = broken.beside("OTHR").await;
    let (at_broken, at_other) = (Receiver::start().await, Receiver::start().await);
    create(&broken, &new(&at_broken.url, Form::Json, &[])).await;
    create(&other, &new(&at_other.url, Form::Json, &[])).await;
    let kept = broken.ask("select encode(secret, 'hex') from webhooks").await.remove(0);
    let set = async |secret: &str| {
        let sql = format!("update webhooks set secret = '\\x{secret}' returning name");
        assert_eq!(broken.ask(&sql).await.len(), 1, "one tenant's alone");
    };
    set("00").await;
    for post in [&broken, &other] {
        let one = post.person("one@saif.example", "", &[]).await;
        post.tell(&SHOWN, To::Person(one)).await;
        assert_eq!(post.turn_at(post.now).await.sent, 1, "the notice becomes a request");
    }
    assert_eq!(broken.turn_at(broken.now).await, worker::Turn { claimed: 1, sent: 0, dead: 0 });
    assert_eq!(other.turn_at(other.now).await, worker::Turn { claimed: 1, sent: 1, dead: 0 });
    let tenants = |receiver: &Receiver| -> Vec<String> {
        let of = |(_, body): &(HeaderMap, String)| {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            body["tenant"].as_str().unwrap().to_owned()
        };
        receiver.calls().iter().map(of).collect()
    };
    assert_eq!((tenants(&at_broken), tenants(&at_other)), (vec![], vec!["OTHR".to_owned()]));
    // Mended: nothing was lost.
    set(&kept).await;
    assert_eq!(broken.turn_at(broken.now + CLAIM).await.sent, 1);
    assert_eq!((tenants(&at_broken), tenants(&at_other).len()), (vec!["SAIF".to_owned()], 1));
}

#[tokio::test]
async fn another_tenants_webhooks_are_told_nothing_and_are_out_of_reach() {
    let (post, receiver) = (Post::new().await, Receiver::start().await);
    let (id, _) = create(&post, &new(&receiver.url, Form::Json, &[])).await;
    let other = Cx::system(post.test.tenant("OTHR", &[]).await);
    let db = &post.test.db;
    let notice = crate::notify::Notice::new(To::Role("ADMIN".into()), "/");
    db.tx(&other, async |tx| crate::notify::tell(tx, &SHOWN, &notice, post.now).await).await.unwrap();
    turn(db, &post.courier, other.tenant, post.now).await.unwrap();
    // Nor by a message that names it.
    let stray = outbox::Message::new(
        outbox::Channel::Webhook,
        "test.shown",
        Some(id),
        serde_json::json!({ "send": "{}" }),
    );
    db.tx(&other, async |tx| outbox::put(tx, &stray, post.now).await).await.unwrap();
    assert_eq!(turn(db, &post.courier, other.tenant, post.now).await.unwrap().sent, 0);
    assert_eq!(turn(db, &post.courier, other.tenant, post.now + CLAIM).await.unwrap().claimed, 0);
    assert!(receiver.calls().is_empty());
    assert!(service::list(db, &other).await.unwrap().is_empty());
    let now: DateTime<Utc> = post.now;
    assert!(matches!(service::delete(db, &other, id, 1, now).await, Err(WebhookError::NotFound)));
    assert!(matches!(service::test(db, &other, id, ("", ""), now).await, Err(WebhookError::NotFound)));
    assert!(matches!(service::activate(db, &other, id, 1, false).await, Err(WebhookError::NotFound)));
}
