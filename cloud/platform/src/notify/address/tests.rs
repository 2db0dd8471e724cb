//! Addresses that mail does not reach, from the refusal to the confirmation.

use axum::body::Body;
use axum::http::Request;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::notify::tests::{MAILED, Post, Reader};
use crate::notify::worker::turn;
use crate::people;
use crate::testing::Manner;

#[test]
fn only_refusals_of_the_address_count() {
    for (code, told, about) in [
        (550, "permanent error (550): 5.1.1 no such mailbox", true),
        (550, "permanent error (550): no such person", true),
        (551, "user not local", true),
        (550, "550-5.2.1 the mailbox is disabled", true),
        (552, "5.2.2 the mailbox is full", false),
        (552, "mailbox full", false),
        (550, "5.7.1 refused as spam (see 10.0.5.1.1)", false),
        (553, "5.1.8 the sender's domain does not exist", false),
        (554, "transaction failed", false),
    ] {
        assert_eq!(is_about_the_address(code, told), about, "{code} {told}");
    }
}

#[test]
fn a_message_id_says_message_and_tenant() {
    let id = Uuid::from_u128(7);
    let written = format!(" <{id}.SAIF@mail.tw.example>\r\n");
    assert_eq!(message_of(&written), Some((id, "SAIF")));
    for other in ["", "<x@y>", "<7.SAIF@y>", "a b"] {
        assert_eq!(message_of(other), None, "{other}");
    }
}

async fn marked(post: &Post) -> Vec<String> {
    post.ask("select email || ' ' || source from unreachable_addresses").await
}

#[tokio::test]
async fn a_refused_address_gets_no_more_mail_until_its_person_confirms_it() {
    let post = Post::new().await;
    let (boss, admin) = Reader::new(&post, "boss@saif.example", &["ADMIN"]).await;
    let (one, reader) = Reader::new(&post, "one@saif.example", &[]).await;
    assert_eq!(reader.send("POST", "/notices/address", "").await.0, 422, "nothing to confirm");
    post.server.treat(Manner::Refuse("550 5.1.1 no such mailbox".into()));
    post.tell(&MAILED, To::Person(one)).await;
    post.send_all().await;
    assert_eq!(marked(&post).await, ["one@saif.example refused"]);
    let told = post.ask("select kind from notices order by kind").await;
    assert_eq!(told, ["account.unreachable", "mail.unreachable", "test.mailed"], "once each, to each");
    post.server.treat(Manner::Take);
    post.tell(&MAILED, To::Person(one)).await;
    post.tell(&people::ACCOUNT_PASSWORD, To::Person(one)).await;
    post.tell(&MAILED, To::Person(boss)).await;
    post.send_all().await;
    let to: Vec<String> = post.server.got().iter().flat_map(|got| got.to.clone()).collect();
    assert_eq!(to, ["boss@saif.example"]);
    let (_, _, page) = admin.send("GET", "/deliveries/addresses", "").await;
    assert!(page.contains("one@saif.example") && page.contains("no such mailbox"), "{page}");
    let (_, _, page) = reader.send("GET", "/notices", "").await;
    assert!(page.contains("Mail does not reach you at one@saif.example"), "{page}");

    // The person has a code mailed and types it.
    assert_eq!(reader.send("POST", "/notices/address", "").await.1, "/notices/settings");
    assert_eq!(reader.send("POST", "/notices/address", "").await.0, 422, "not twice in a minute");
    turn(&post.test.db, &post.courier, post.tenant, Utc::now()).await.unwrap();
    let mail = post.server.got().pop().unwrap();
    assert_eq!(mail.to, ["one@saif.example"]);
    let text = mail.part("text/plain");
    let code = text.split_once("code is ").unwrap().1[..6].to_owned();
    let other = if code == "000000" { "111111" } else { "000000" };
    let confirm =
        async |code: &str| reader.send("POST", "/notices/address/confirm", &format!("code={code}")).await.0;
    assert_eq!(confirm(other).await, 422);
    assert_eq!(marked(&post).await.len(), 1);
    assert_eq!(confirm(&code).await, 303);
    assert_eq!(marked(&post).await, Vec::<String>::new());
    assert_eq!(confirm(&code).await, 422, "used up");
    post.tell(&MAILED, To::Person(one)).await;
    post.send_all().await;
    assert_eq!(post.server.got().last().unwrap().to, ["one@saif.example"]);
    let kept =
        post.ask("select coalesce(body::text, '') || coalesce(encode(sealed, 'escape'), '') from outbox");
    assert!(kept.await.iter().all(|text| !text.contains(&code)), "the code is nowhere in clear");
}

#[tokio::test]
async fn a_code_is_void_after_some_tries_and_some_time() {
    let post = Post::new().await;
    let one = post.person("one@saif.example", "", &[]).await;
    let secrets = &post.courier.secrets;
    let key = (one, Way::Mail);
    let issue = async |now| {
        post.test.db.tx(&post.cx, async |tx| contact::issue(tx, secrets, key, now).await).await.unwrap()
    };
    let check = async |typed: &str, now| {
        post.test
            .db
            .tx(&post.cx, async |tx| contact::check(tx, secrets, key, typed, now).await)
            .await
            .unwrap()
    };
    let code = issue(post.now).await;
    let wrong = if code == "000000" { "111111" } else { "000000" };
    for _ in 0..5 {
        assert!(!check(wrong, post.now).await);
    }
    assert!(!check(&code, post.now).await, "tried too often");
    let later = post.now + TimeDelta::minutes(2);
    let code = issue(later).await;
    assert!(!check(&code, later + contact::LIFETIME).await, "too old");
    let code = issue(later + TimeDelta::hours(1)).await;
    let spaced = format!(" {} {}", &code[..3], &code[3..]);
    assert!(check(&spaced, later + TimeDelta::hours(1)).await);
}

async fn report(reader: &Reader, token: &str, body: &Value) -> (u16, Value) {
    report_text(reader, token, &body.to_string()).await
}

async fn report_text(reader: &Reader, token: &str, body: &str) -> (u16, Value) {
    let request = Request::post("/api/v1/mail/bounces")
        .header("host", "tw.test")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    let response = reader.router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn what_bounces_later_is_reported_by_its_message_id() {
    let post = Post::new().await;
    let (_, admin) = Reader::new(&post, "boss@saif.example", &["ADMIN"]).await;
    let one = post.person("one@saif.example", "", &[]).await;
    post.tell(&MAILED, To::Person(one)).await;
    post.send_all().await;
    let sent = post.server.got().pop().unwrap().header("message-id");
    let (_, _, page) = admin.send("POST", "/deliveries/addresses/token", "").await;
    let token = page.split("readonly value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let bounce = |kind: &str, id: &str, to: &str| json!({ "bounces": [{ "message_id": id, "type": kind, "recipient": to, "reason": "550 5.1.1 gone" }] });
    let hard = bounce("hard", &sent, "One@saif.example");

    // Nobody without a token, and none of another tenant.
    let other = Post { cx: Cx::system(post.test.tenant("OTHR", &[]).await), ..Post::new().await };
    let stranger = token_create(&post.test.db, &other.cx).await.unwrap();
    for token in ["nonsense", stranger.reveal()] {
        assert_eq!(report(&admin, token, &hard).await.0, 401);
        assert_eq!(report(&admin, token, &json!({})).await.0, 401);
    }
    assert_eq!(marked(&post).await, Vec::<String>::new());
    // Another address by now, a passing trouble, a mail that nobody knows.
    let unknown = format!("<{}.SAIF@tw.example>", Uuid::now_v7());
    let taken = json!({ "taken": 1, "unknown": 0 });
    let passed = json!({ "taken": 0, "unknown": 1 });
    assert_eq!(
        report(&admin, &token, &bounce("hard", &sent, "old@saif.example")).await,
        (200, passed.clone())
    );
    assert_eq!(report(&admin, &token, &bounce("hard", &unknown, "one@saif.example")).await, (200, passed));
    assert_eq!(
        report(&admin, &token, &bounce("soft", &sent, "one@saif.example")).await,
        (200, taken.clone())
    );
    assert_eq!(marked(&post).await, Vec::<String>::new());

    assert_eq!(report(&admin, &token, &hard).await, (200, taken.clone()));
    assert_eq!(marked(&post).await, ["one@saif.example bounced"]);
    let state = "select state || ' ' || last_error from outbox where channel = 'mail'";
    assert_eq!(post.ask(state).await, ["dead 550 5.1.1 gone"]);
    // Reported again, by the cloud's own token: nobody is told twice.
    assert_eq!(report(&admin, "the-token-of-the-whole-cloud", &hard).await, (200, taken));
    turn(&post.test.db, &post.courier, post.tenant, Utc::now()).await.unwrap();
    let told = post.ask("select kind from notices where kind like '%unreachable' order by kind").await;
    assert_eq!(told, ["account.unreachable", "mail.unreachable"]);
    // An administrator lets mail go there again.
    let lifted = format!("/deliveries/addresses/{one}/lift");
    assert_eq!(admin.send("POST", &lifted, "").await.1, "/deliveries/addresses");
    assert_eq!(admin.send("POST", &lifted, "").await.0, 404);
    assert_eq!(marked(&post).await, Vec::<String>::new());
    // Mistakes are told to whoever may report.
    let (status, told) = report(&admin, "the-token-of-the-whole-cloud", &json!({ "bounces": [{}] })).await;
    assert_eq!((status, &told["code"]), (422, &json!("request.invalid")), "{told}");
    assert_eq!(told["errors"][0]["field"], "bounces[0].message_id", "{told}");
    let (status, told) = report_text(&admin, "the-token-of-the-whole-cloud", "{\"bounces\"").await;
    assert_eq!((status, &told["code"]), (400, &json!("request.malformed")), "{told}");
    // A new token ends the one before.
    token_create(&post.test.db, &post.cx).await.unwrap();
    assert_eq!(report(&admin, &token, &hard).await.0, 401);
}

#[tokio::test]
async fn a_program_lists_and_clears_what_mail_does_not_reach() {
    let post = Post::new().await;
    let (_, admin) = Reader::new(&post, "boss@saif.example", &["ADMIN"]).await;
    let (one, reader) = Reader::new(&post, "one@saif.example", &[]).await;
    post.server.treat(Manner::Refuse("550 5.1.1 no such mailbox".into()));
    post.tell(&MAILED, To::Person(one)).await;
    post.send_all().await;
    let list = "/api/v1/mail/unreachable";
    assert_eq!(reader.send("GET", list, "").await.0, 403);
    let (status, _, told) = admin.send("GET", list, "").await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let first = &told["addresses"][0];
    assert_eq!((status, &first["id"], &first["email"]), (200, &json!(one), &json!("one@saif.example")));
    assert!(first["reason"].as_str().unwrap().contains("no such mailbox"), "{told}");
    let path = format!("{list}/{one}");
    assert_eq!(reader.send("DELETE", &path, "").await.0, 403);
    assert_eq!(admin.send("DELETE", &path, "").await.0, 204);
    assert_eq!(admin.send("DELETE", &path, "").await.0, 404, "it is cleared");
    assert_eq!(marked(&post).await, Vec::<String>::new());
    let audit = post.ask("select action from audit_log where action = 'address.reachable'").await;
    assert_eq!(audit, ["address.reachable"]);

    // And the token for reports, without the page.
    let (_, _, told) = admin.send("POST", "/api/v1/mail/bounces/token", "").await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let token = told["token"].as_str().unwrap();
    let unknown = json!({ "bounces": [{ "message_id": "<x@y>", "type": "soft" }] });
    assert_eq!(report(&admin, "nonsense", &unknown).await.0, 401);
    let message = post.ask("select message_id::text from outbox where channel = 'mail'").await;
    let bounce =
        json!({ "bounces": [{ "message_id": format!("<{}.SAIF@tw>", message[0]), "type": "soft" }] });
    assert_eq!(report(&admin, token, &bounce).await.0, 200, "it is this tenant's");
}
