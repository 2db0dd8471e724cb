//! Text messages against a real HTTP server: what a provider is sent, what is bounded,
//! and what never goes out.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::settings::{Settings, SettingsError};
use super::*;
use crate::ctx::Cx;
use crate::db::Db;
use crate::notify::tests::{MAILED, Post, Reader, SHOWN};
use crate::notify::worker::turn;
use crate::notify::{Choice, Courier, Kind, Times, choices_set, times_set};
use crate::outbox::CLAIM;
use crate::people;

/// What is answered, and what was sent.
type Kept = Arc<Mutex<(StatusCode, Value, Vec<(HeaderMap, Value)>)>>;

/// A provider that keeps what it is sent and answers as told.
#[derive(Clone)]
struct Gateway {
    url: String,
    state: Kept,
}

impl Gateway {
    async fn start() -> Self {
        let state = Arc::new(Mutex::new((StatusCode::CREATED, json!({ "sid": "SM1" }), Vec::new())));
        let take = |State(state): State<Kept>, headers: HeaderMap, body: axum::body::Bytes| async move {
            let mut state = state.lock().unwrap();
            state.2.push((headers, serde_json::from_slice(&body).unwrap_or_default()));
            (state.0, axum::Json(state.1.clone()))
        };
        let app = Router::new().fallback(any(take)).with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/send", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, state }
    }

    fn answers(&self, status: StatusCode, body: Value) {
        let mut state = self.state.lock().unwrap();
        (state.0, state.1) = (status, body);
    }

    fn got(&self) -> Vec<(HeaderMap, Value)> {
        self.state.lock().unwrap().2.clone()
    }

    fn texts(&self) -> Vec<String> {
        self.got().iter().map(|(_, body)| body["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn provider(&self) -> Provider {
        Provider {
            url: self.url.clone(),
            body: r#"{"to": "{number}", "text": "{text}", "from": "{sender}", "ref": "{id}", "dlt": "{template}"}"#
                .into(),
            headers: [("Authorization".to_owned(), "Bearer {token}".to_owned())].into(),
            sender: "TRACEW".into(),
            token: "provider-token".into(),
            id_pointer: "/sid".into(),
            error_pointer: "/error".into(),
            templates: [("*".to_owned(), "1107".to_owned())].into(),
            ..Provider::default()
        }
    }
}

/// A tenant by whose cloud's provider text messages go.
struct Site {
    post: Post,
    gateway: Gateway,
}

impl Site {
    async fn new() -> Self {
        let mut post = Post::new().await;
        let gateway = Gateway::start().await;
        post.courier.sms = Some(gateway.provider());
        Self { post, gateway }
    }

    fn parts(&self) -> (&Db, &Cx, &Courier) {
        (&self.post.test.db, &self.post.cx, &self.post.courier)
    }

    async fn number(&self, user: Uuid, number: &str, now: DateTime<Utc>) -> Result<(), PhoneError> {
        let (db, cx, courier) = self.parts();
        phone::set(db, cx, (&courier.secrets, courier.sms.as_ref()), (user, number), now).await
    }

    async fn send_at(&self, now: DateTime<Utc>) {
        while self.post.turn_at(now).await.claimed > 0 {}
    }

    /// A person with a verified number who wants this kind there.
    async fn person(&self, email: &str, language: &str, kind: &Kind) -> Uuid {
        let (db, cx, courier) = self.parts();
        let user = self.post.person(email, language, &[]).await;
        let before = self.post.now - TimeDelta::days(1);
        let number = format!("+9198765{:05}", self.gateway.got().len());
        self.number(user, &number, before).await.unwrap();
        self.send_at(before).await;
        let code: String = self.gateway.texts().pop().unwrap().chars().filter(char::is_ascii_digit).collect();
        phone::confirm(db, cx, &courier.secrets, (user, &code), before).await.unwrap();
        self.wish(user, kind).await;
        user
    }

    async fn wish(&self, user: Uuid, kind: &Kind) {
        let (db, cx, _) = self.parts();
        let choice = Choice { kind: *kind, app: true, mail: None, sms: true };
        choices_set(db, cx, user, &[choice]).await.unwrap();
    }

    async fn states(&self) -> Vec<String> {
        let sql = "select state || ' ' || reference || last_error from outbox
                   where channel = 'sms' and kind <> 'phone.code' order by message_id";
        self.post.ask(sql).await
    }
}

/// A form by what is typed and the version that it was read at.
type Form<'a> = &'a dyn Fn(&str, &str) -> String;

#[tokio::test]
async fn a_number_gets_a_code_and_nothing_else_until_it_is_verified() {
    let site = Site::new().await;
    let (db, cx, courier) = site.parts();
    let now = site.post.now;
    let one = site.post.person("one@saif.example", "", &[]).await;
    site.wish(one, &MAILED).await;
    assert!(matches!(site.number(one, "98765 43210", now).await, Err(PhoneError::Number)));
    site.number(one, "+91 98765-43210", now).await.unwrap();
    site.post.tell(&MAILED, To::Person(one)).await;
    site.send_at(now).await;
    let got = site.gateway.got();
    let [(headers, body)] = &got[..] else { panic!("{got:?}") };
    assert_eq!((&body["to"], &body["from"]), (&"+919876543210".into(), &"TRACEW".into()));
    assert_eq!(headers["authorization"], "Bearer provider-token");
    let text = body["text"].as_str().unwrap();
    let code = text.split(' ').next().unwrap().to_owned();
    assert!(code.len() == 6 && text.ends_with("is your code for SAIF in Tracewright."), "{text}");
    // The number and the code are nowhere in clear.
    for sql in [
        "select coalesce(body::text, '') || coalesce(encode(sealed, 'escape'), '') from outbox",
        "select encode(number_sealed, 'escape') from user_phones",
        "select coalesce(after::text, '') from audit_log",
    ] {
        let kept = site.post.ask(sql).await.concat();
        assert!(!kept.contains("9876543210") && !kept.contains(&code), "{sql}: {kept}");
    }
    assert!(matches!(site.number(one, "+919876543211", now).await, Err(PhoneError::Code(_))), "too soon");
    let other = if code == "000000" { "111111" } else { "000000" };
    let confirm = async |code: &str| phone::confirm(db, cx, &courier.secrets, (one, code), now).await.is_ok();
    assert!(!confirm(other).await && confirm(&code).await && !confirm(&code).await);
    site.post.tell(&MAILED, To::Person(one)).await;
    site.send_at(now).await;
    assert_eq!(site.gateway.got().len(), 2);
    // Another number is verified anew, and one that is gone gets nothing.
    site.number(one, "+14155550100", now + TimeDelta::minutes(2)).await.unwrap();
    site.post.tell(&MAILED, To::Person(one)).await;
    site.send_at(now).await;
    assert_eq!(site.gateway.got().len(), 2, "not verified");
    phone::delete(db, cx, one).await.unwrap();
    site.send_at(now + TimeDelta::minutes(2)).await;
    assert_eq!(site.gateway.got().len(), 2, "nor the code, to a number that was removed");
}

#[tokio::test]
async fn a_notice_is_said_in_its_readers_language_with_its_link() {
    let site = Site::new().await;
    let english = site.person("one@saif.example", "", &MAILED).await;
    let telugu = site.person("te@saif.example", "te", &MAILED).await;
    let before = site.gateway.got().len();
    for user in [english, telugu] {
        site.post.tell(&MAILED, To::Person(user)).await;
        site.send_at(site.post.now).await;
    }
    site.post.tell(&SHOWN, To::Person(english)).await;
    site.send_at(site.post.now).await;
    let got = &site.gateway.got()[before..];
    let [(headers, first), (_, second)] = got else { panic!("{got:?}") };
    assert_eq!(first["text"], "The coil UID-SAIF-KOL-RM-000001-A7 is <held>.\nhttps://tw.example/holds");
    assert_eq!(second["text"], "కాయిల్ UID-SAIF-KOL-RM-000001-A7 ఆగింది.\nhttps://tw.example/holds");
    assert_eq!(
        (&first["dlt"], &first["ref"]),
        (&"1107".into(), &headers["idempotency-key"].to_str().unwrap().into())
    );
    assert_eq!(site.states().await, ["sent SM1", "sent SM1"]);
    assert!(site.post.server.got().is_empty(), "no mail");
}

#[tokio::test]
async fn it_is_sent_again_under_one_id_and_given_up_where_the_provider_says_so() {
    let site = Site::new().await;
    let one = site.person("one@saif.example", "", &MAILED).await;
    let before = site.gateway.got().len();
    let now = site.post.now;
    site.post.tell(&MAILED, To::Person(one)).await;
    site.gateway.answers(StatusCode::SERVICE_UNAVAILABLE, json!("busy"));
    site.send_at(now).await;
    assert_eq!(site.states().await, ["waiting it answered 503: \"busy\""]);
    site.gateway.answers(StatusCode::OK, json!({ "sid": 7 }));
    site.send_at(now + TimeDelta::minutes(1)).await;
    assert_eq!(site.states().await, ["sent 7"]);
    let ids: Vec<Value> = site.gateway.got()[before..].iter().map(|(_, body)| body["ref"].clone()).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
    // What was not taken costs nothing.
    let counted = "select parts::text from sms_counts where subject <> tenant_id and parts > 0 order by day";
    assert_eq!(site.post.ask(counted).await, ["1", "1"], "the code of yesterday, and one of today");

    site.post.tell(&MAILED, To::Person(one)).await;
    site.gateway.answers(StatusCode::OK, json!({ "error": "invalid number", "key": "provider-token" }));
    site.send_at(now).await;
    let state = site.states().await.pop().unwrap();
    assert!(state.starts_with("dead it answered 200") && !state.contains("provider-token"), "{state}");
    // A worker that ends before it has marked it: the same again, later.
    site.gateway.answers(StatusCode::OK, json!({ "sid": "SM2" }));
    let claimed = {
        site.post.tell(&MAILED, To::Person(one)).await;
        site.post.turn_at(now).await;
        let (db, cx, courier) = site.parts();
        let claimed = db
            .tx(cx, async |tx| crate::outbox::claim(tx, crate::outbox::Lane::People, 8, now).await)
            .await
            .unwrap();
        super::send(courier, db, cx, &claimed[0], now).await.map_err(|_| "not sent").unwrap();
        claimed[0].id
    };
    assert_eq!(site.post.turn_at(now).await.claimed, 0, "the claim stands");
    site.send_at(now + CLAIM).await;
    let last: Vec<Value> =
        site.gateway.got().iter().rev().take(2).map(|(_, body)| body["ref"].clone()).collect();
    assert!(last.iter().all(|id| *id == json!(claimed.to_string())), "{last:?}");
    assert_eq!(site.post.ask(counted).await, ["1", "2"], "the one that was sent twice counts once");
}

#[tokio::test]
async fn a_runaway_costs_no_more_than_its_bound_and_tells_once() {
    let mut site = Site::new().await;
    let boss = site.post.person("boss@saif.example", "", &["ADMIN"]).await;
    let one = site.person("one@saif.example", "", &MAILED).await;
    let two = site.person("two@saif.example", "", &MAILED).await;
    let before = site.gateway.got().len();
    let bounds = Provider { per_person: 3, per_tenant: 5, ..site.gateway.provider() };
    site.post.courier.sms = Some(bounds);
    let now = site.post.now;
    for _ in 0..20 {
        site.post.tell(&MAILED, To::Person(one)).await;
        site.post.tell(&MAILED, To::Person(two)).await;
    }
    // Several workers at once.
    let (db, courier, tenant) = (&site.post.test.db, &site.post.courier, site.post.tenant);
    for _ in 0..20 {
        let turns = (0..3).map(|_| turn(db, courier, tenant, now));
        for done in futures_util::future::join_all(turns).await {
            done.unwrap();
        }
    }
    let to: Vec<String> =
        site.gateway.got()[before..].iter().map(|(_, body)| body["to"].to_string()).collect();
    assert_eq!(to.len(), 5, "the tenant's bound: {to:?}");
    assert!(to.iter().all(|number| to.iter().filter(|other| *other == number).count() <= 3), "{to:?}");
    let states = site.states().await;
    assert_eq!(states.iter().filter(|state| state.starts_with("dead")).count(), 35);
    assert!(states.iter().any(|state| state.contains("in a day at most")), "{states:?}");
    let told = site.post.ask(&format!("select kind from notices where user_id = '{boss}'")).await;
    assert_eq!(told, ["sms.bound"], "once, and not for each");
    // The next day goes on.
    let tomorrow = now + TimeDelta::days(1);
    site.post.tell(&MAILED, To::Person(one)).await;
    site.send_at(tomorrow).await;
    assert_eq!(site.gateway.got().len(), before + 6);
}

#[tokio::test]
async fn quiet_hours_hold_for_numbers_too() {
    let site = Site::new().await;
    let one = site.person("one@saif.example", "", &MAILED).await;
    site.wish(one, &people::ACCOUNT_PASSWORD).await;
    let before = site.gateway.got().len();
    site.post.ask("update users set time_zone = 'Asia/Kolkata' returning email").await;
    let night = Times { quiet: Some((0, 6 * 60)), ..Times::default() };
    times_set(&site.post.test.db, &site.post.cx, one, &night, site.post.now).await.unwrap();
    let midnight: DateTime<Utc> = "2027-01-10T19:00:00Z".parse().unwrap();
    for kind in [&MAILED, &people::ACCOUNT_PASSWORD] {
        let notice = Notice::new(To::Person(one), "/holds").with("uid", "U");
        let (db, cx, _) = site.parts();
        db.tx(cx, async |tx| crate::notify::tell(tx, kind, &notice, midnight).await).await.unwrap();
    }
    site.send_at(midnight).await;
    assert_eq!(site.gateway.got().len() - before, 1, "about the own account alone");
    site.send_at("2027-01-11T00:30:00Z".parse().unwrap()).await;
    assert_eq!(site.gateway.got().len() - before, 2);
}

#[tokio::test]
async fn a_tenant_brings_its_own_provider_and_its_token_is_sealed() {
    let site = Site::new().await;
    let own = Gateway::start().await;
    let (db, cx, courier) = site.parts();
    let one = site.person("one@saif.example", "", &MAILED).await;
    let before = site.gateway.got().len();
    let set = async |provider: Provider, version: i32| {
        let new = Settings { provider, has_token: false, active: true, version };
        settings::set(db, cx, (&courier.secrets, true), &new).await
    };
    let wrong = set(Provider { body: "{}".into(), ..own.provider() }, 0).await;
    assert!(matches!(wrong, Err(SettingsError::Mistakes(_))), "{wrong:?}");
    let private = Settings { provider: own.provider(), active: true, ..Settings::default() };
    let private = settings::set(db, cx, (&courier.secrets, false), &private).await;
    assert!(matches!(private, Err(SettingsError::Mistakes(_))), "a private address: {private:?}");
    set(own.provider(), 0).await.unwrap();
    assert!(matches!(set(own.provider(), 0).await, Err(SettingsError::Stale)));
    // Left empty, the token stays.
    set(Provider { token: String::new(), sender: "OWN".into(), ..own.provider() }, 1).await.unwrap();
    let kept = "select config::text || coalesce(encode(token_sealed, 'escape'), '') from sms_settings
                union all select coalesce(after::text, '') from audit_log";
    assert!(!site.post.ask(kept).await.concat().contains("provider-token"));
    site.post.tell(&MAILED, To::Person(one)).await;
    site.send_at(site.post.now).await;
    assert_eq!(site.gateway.got().len(), before, "not by the cloud's");
    let got = own.got();
    assert_eq!((got.len(), &got[0].1["from"]), (1, &"OWN".into()));
    assert_eq!(got[0].0["authorization"], "Bearer provider-token");
    let resealed = db.tx(cx, async |tx| super::reseal(tx, &courier.secrets).await).await.unwrap();
    assert_eq!(resealed, 0, "under the last key already");
    // The guard holds where the operator does not allow more.
    let mut guarded = courier.clone();
    guarded.web = crate::outbound::HttpClient::new(false).unwrap();
    site.post.tell(&MAILED, To::Person(one)).await;
    for _ in 0..2 {
        turn(db, &guarded, site.post.tenant, site.post.now).await.unwrap();
    }
    assert!(site.states().await.pop().unwrap().contains("may be reached"));
    assert_eq!(own.got().len(), 1);
}

#[tokio::test]
async fn people_and_administrators_do_it_in_a_browser() {
    let site = Site::new().await;
    let (_, admin) = Reader::with_sms(&site.post, "boss@saif.example", &["ADMIN"]).await;
    let (_, reader) = Reader::with_sms(&site.post, "one@saif.example", &[]).await;
    assert_eq!(reader.send("GET", "/deliveries/sms", "").await.0, 403);
    let (_, _, page) = reader.send("GET", "/notices/settings", "").await;
    assert!(page.contains("action=\"/notices/phone\"") && page.contains("name=\"sms\""), "{page}");
    let (status, _, page) = reader.send("POST", "/notices/phone", "number=12").await;
    assert!(status == 422 && page.contains("country code"), "{page}");
    assert_eq!(reader.send("POST", "/notices/phone", "number=%2B919876543210").await.0, 303);
    let (_, _, page) = reader.send("GET", "/notices/settings", "").await;
    assert!(
        page.contains("3210") && !page.contains("9876543210") && page.contains("Not verified yet"),
        "{page}"
    );
    turn(&site.post.test.db, &site.post.courier, site.post.tenant, Utc::now()).await.unwrap();
    let code = site.gateway.texts().pop().unwrap()[..6].to_owned();
    assert_eq!(reader.send("POST", "/notices/phone/confirm", &format!("code={code}")).await.0, 303);
    reader
        .send("POST", "/notices/settings", "app=test.mailed&mail%3Atest.mailed=never&sms=test.mailed")
        .await;
    let (_, _, page) = reader.send("GET", "/notices/settings", "").await;
    let ticked = page.split("name=\"sms\" value=\"test.mailed\"").nth(1).unwrap().split('>').next().unwrap();
    assert!(ticked.ends_with(" checked"), "{ticked}");
    let (status, _, page) = admin.send("POST", "/deliveries/sms/test", "").await;
    assert!(status == 422 && page.contains("First verify a number"), "{page}");
    let typed = "url=http%3A%2F%2F10.0.0.1&method=POST&form=json&headers=Host%3A+x&body=%7B&sender=&token=\
                 &id_pointer=&error_pointer=&entity=&templates=&per_person=0&per_tenant=5&active=true&version=0";
    let (status, _, page) = admin.send("POST", "/deliveries/sms", typed).await;
    assert_eq!(status, 422);
    for told in
        ["begins with https://", "such as Host", "JSON must parse", "must stand in", "from 1 to 100,000"]
    {
        assert!(page.contains(told), "{told}: {page}");
    }
    for part in
        ["id=\"err-url\"", "id=\"err-body\"", ">Host: x</textarea>", "name=\"per_tenant\" value=\"5\""]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let typed = "url=https%3A%2F%2Fsms.example.com%2F&method=POST&form=form&headers=&body=to%3D%7Bnumber%7D%26t%3D%7Btext%7D\
                 &sender=X&token=tok&id_pointer=&error_pointer=&entity=&templates=hold.placed+%3D+1107&per_person=2&per_tenant=5&version=0";
    assert_eq!(admin.send("POST", "/deliveries/sms", typed).await.1, "/deliveries/sms?done");
    let (_, _, page) = admin.send("GET", "/deliveries/sms", "").await;
    assert!(page.contains("hold.placed = 1107") && !page.contains("\"tok\""), "{page}");
    assert_eq!(reader.send("POST", "/notices/phone/delete", "").await.0, 303);
}

#[tokio::test]
async fn what_was_typed_stays_where_another_was_faster_or_the_organisation_moves() {
    let site = Site::new().await;
    let (_, admin) = Reader::with_sms(&site.post, "boss@saif.example", &["ADMIN"]).await;
    let sms = |sender: &str, version: &str| {
        format!(
            "url=https%3A%2F%2Fsms.example.com%2F&method=POST&form=form&headers=\
             &body=to%3D%7Bnumber%7D%26t%3D%7Btext%7D&sender={sender}&token=tok&id_pointer=&error_pointer=\
             &entity=&templates=&per_person=2&per_tenant=5&version={version}"
        )
    };
    let mail = |sender: &str, version: &str| {
        format!("sender_name={sender}&reply_to=help%40saif.example&version={version}")
    };
    let seen = |page: &str| {
        page.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let forms: [(&str, Form<'_>); 2] = [("/deliveries/sms", &sms), ("/deliveries/mail", &mail)];
    for (path, form) in forms {
        assert_eq!(admin.send("POST", path, &form("THEIRS", "0")).await.0, 303, "{path}");
        let (status, _, page) = admin.send("POST", path, &form("MINE", "0")).await;
        assert_eq!(status, 422, "{path}");
        for part in ["What you typed is still here", "value=\"MINE\"", "Now it says: THEIRS"] {
            assert!(page.contains(part), "{path}: {part}: {page}");
        }
        // Nothing was overwritten; who sends it again has seen what stands.
        let version = seen(&page);
        site.post.move_on(true).await;
        let (status, _, page) = admin.send("POST", path, &form("MINE", &version)).await;
        assert_eq!(status, 422, "{path}");
        for part in ["is being moved to another database", "value=\"MINE\""] {
            assert!(page.contains(part), "{path}: {part}: {page}");
        }
        assert_eq!(seen(&page), version);
        site.post.move_on(false).await;
        assert_eq!(admin.send("POST", path, &form("MINE", &version)).await.0, 303, "{path}");
    }
    let kept = site.post.ask("select config->>'sender' from sms_settings").await;
    assert_eq!(kept, ["MINE"]);
}

#[tokio::test]
async fn two_tenants_people_get_their_own_though_one_provider_cannot_be_asked() {
    let broken = Site::new().await;
    let other = Site { post: broken.post.beside("OTHR").await, gateway: broken.gateway.clone() };
    let mut readers = Vec::new();
    for site in [&broken, &other] {
        readers.push(site.person("one@saif.example", "", &SHOWN).await);
    }
    // Its own provider, whose token was sealed by a cloud that is gone.
    let own = Gateway::start().await;
    let (db, cx, courier) = broken.parts();
    let new = Settings { provider: own.provider(), active: true, ..Settings::default() };
    settings::set(db, cx, (&courier.secrets, true), &new).await.unwrap();
    let token = async |hex: &str| {
        let sql = format!("update sms_settings set token_sealed = '\\x{hex}' returning active::text");
        assert_eq!(broken.post.ask(&sql).await.len(), 1, "one tenant's alone");
    };
    let kept = broken.post.ask("select encode(token_sealed, 'hex') from sms_settings").await.remove(0);
    token("00").await;
    let before = broken.gateway.got().len();
    for (site, reader) in [&broken, &other].into_iter().zip(readers) {
        site.post.tell(&SHOWN, To::Person(reader)).await;
        site.send_at(site.post.now).await;
    }
    let states = broken.states().await;
    assert!(states.len() == 1 && states[0].starts_with("waiting"), "{states:?}");
    assert_eq!(other.states().await, ["sent SM1"]);
    assert_eq!((broken.gateway.got().len() - before, own.got().len()), (1, 0));
    // Mended: nothing was lost, and it goes the own way.
    token(&kept).await;
    broken.send_at(broken.post.now + CLAIM).await;
    assert_eq!(broken.states().await, ["sent SM1"]);
    assert_eq!((broken.gateway.got().len() - before, own.got().len()), (1, 1));
    assert_ne!(own.got()[0].1["to"], broken.gateway.got()[before].1["to"]);
}
