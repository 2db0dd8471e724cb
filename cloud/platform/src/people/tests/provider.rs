//! Sign-in by a provider: a real one over HTTP on a port of this machine, that signs
//! its tokens, checks codes, secrets and PKCE, and can be told to misbehave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::notify;
use crate::people::totp;
use crate::secrets::Secrets;
use crate::web::routing::{get, post};

const CLIENT: &str = "tracewright";
const SECRET: &str = "s3cret+of/the client";
const US: &str = "http://tw.test";

/// A code that was given out.
#[derive(Clone)]
struct Code {
    challenge: String,
    nonce: String,
    redirect_uri: String,
    used: bool,
}

/// How the next token differs from a right one.
#[derive(Clone, Default)]
struct Manner {
    /// Claims that are others; null leaves one out.
    claims: Value,
    /// Another way of signing, or none.
    algorithm: Option<&'static str>,
    /// Signed by a key that nobody knows.
    other_key: bool,
}

struct Inner {
    issuer: String,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
    codes: Mutex<HashMap<String, Code>>,
    manner: Mutex<Manner>,
    /// What it tells besides the token.
    userinfo: Mutex<Value>,
}

/// A provider of identities.
#[derive(Clone)]
struct Provider(Arc<Inner>);

fn pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap()
}

fn query_of(url: &str) -> HashMap<String, String> {
    serde_urlencoded::from_str(url.split_once('?').unwrap().1).unwrap()
}

impl Provider {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/realm", listener.local_addr().unwrap());
        let provider = Self(Arc::new(Inner {
            issuer,
            key: pair(),
            other: pair(),
            codes: Mutex::default(),
            manner: Mutex::default(),
            userinfo: Mutex::default(),
        }));
        let router = Router::new()
            .route("/realm/.well-known/openid-configuration", get(describe))
            .route("/realm/keys", get(keys))
            .route("/realm/token", post(token))
            .route("/realm/me", get(me))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    fn will(&self, manner: Manner) {
        *self.0.manner.lock().unwrap() = manner;
    }

    fn claims(&self, claims: Value) {
        self.will(Manner { claims, ..Manner::default() });
    }

    /// What its page does once the person is known: sends the browser back.
    fn consents(&self, url: &str) -> String {
        let asked = query_of(url);
        assert!(url.starts_with(&format!("{}/auth?", self.0.issuer)), "{url}");
        let is = |name: &str, value: &str| asked[name] == value;
        assert!(
            is("response_type", "code") && is("client_id", CLIENT) && is("scope", "openid email profile")
        );
        assert!(
            is("code_challenge_method", "S256") && asked["state"].len() > 40 && asked["nonce"].len() > 40
        );
        let code = format!("code {}", Uuid::new_v4());
        let given = Code {
            challenge: asked["code_challenge"].clone(),
            nonce: asked["nonce"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
            used: false,
        };
        self.0.codes.lock().unwrap().insert(code.clone(), given);
        let pairs = [("code", code.as_str()), ("state", &asked["state"]), ("iss", &self.0.issuer)];
        let path = asked["redirect_uri"].strip_prefix(US).unwrap().to_owned();
        format!("{path}?{}", serde_urlencoded::to_string(pairs).unwrap())
    }

    fn signed(&self, nonce: &str) -> String {
        let manner = self.0.manner.lock().unwrap().clone();
        let now = Utc::now().timestamp();
        let mut claims = json!({
            "iss": self.0.issuer, "aud": CLIENT, "sub": "4711", "nonce": nonce, "iat": now, "exp": now + 300,
            "email": "a@saif.example", "email_verified": true, "name": "Ananya of the provider",
        });
        for (key, value) in manner.claims.as_object().into_iter().flatten() {
            claims[key] = value.clone();
        }
        let head = json!({ "alg": manner.algorithm.unwrap_or("ES256"), "kid": "k1" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&head), part(&claims));
        let key = if manner.other_key { &self.0.other } else { &self.0.key };
        let signature = match manner.algorithm {
            Some("none") => Vec::new(),
            _ => key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn describe(State(provider): State<Provider>) -> Json<Value> {
    let issuer = &provider.0.issuer;
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        "userinfo_endpoint": format!("{issuer}/me"), "authorization_response_iss_parameter_supported": true,
    }))
}

async fn keys(State(provider): State<Provider>) -> Json<Value> {
    let point = provider.0.key.public_key().as_ref();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Json(json!({ "keys": [
        { "kty": "oct", "kid": "k1" },
        { "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k1",
          "x": part(&point[1..33]), "y": part(&point[33..]) },
    ] }))
}

async fn me(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    if headers[header::AUTHORIZATION] != "Bearer access-of-4711" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(provider.0.userinfo.lock().unwrap().clone()).into_response()
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(sent): Form<HashMap<String, String>>,
) -> Response {
    let no = |code: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": code }))).into_response();
    let escaped = crate::web::escaped(SECRET, b"");
    let proof = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{escaped}")));
    if headers.get(header::AUTHORIZATION).is_none_or(|given| *given != *proof) {
        return no("invalid_client");
    }
    let mut codes = provider.0.codes.lock().unwrap();
    let Some(code) = codes.get_mut(&sent["code"]) else { return no("invalid_grant") };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&sent["code_verifier"]));
    let right = code.challenge == challenge && code.redirect_uri == sent["redirect_uri"];
    if code.used || !right || sent["grant_type"] != "authorization_code" {
        return no("invalid_grant");
    }
    code.used = true;
    let nonce = code.nonce.clone();
    drop(codes);
    let id_token = provider.signed(&nonce);
    Json(json!({ "access_token": "access-of-4711", "token_type": "Bearer", "id_token": id_token }))
        .into_response()
}

/// An office whose people sign in by a provider, and an administrator's browser.
struct Site {
    office: Office,
    router: Router,
    provider: Provider,
    boss: Browser,
}

impl Site {
    async fn new() -> Self {
        let office = Office::new().await;
        let state = AppState::builder(office.test.db.clone())
            .modules(&[crate::people::module(), notify::module(), crate::settings::module()])
            .secrets(Secrets::passing().unwrap())
            .private_webhooks(true)
            .public_url(US)
            .build();
        let router = crate::web::app(state, crate::people::router());
        office.active("boss@saif.example", &[ADMIN]).await;
        let mut site = Self {
            provider: Provider::start().await,
            boss: Browser { router: router.clone(), cookie: String::new() },
            office,
            router,
        };
        let body = format!("email=boss%40saif.example&password={}", PASSWORD.replace(' ', "+"));
        assert_eq!(site.boss.send("POST", "/signin", &body).await.0, StatusCode::SEE_OTHER);
        site
    }

    /// With the provider in its settings.
    async fn set_up() -> Self {
        let mut site = Self::new().await;
        let (status, page) = site.set(&[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
        site
    }

    fn browser(&self) -> Browser {
        Browser { router: self.router.clone(), cookie: String::new() }
    }

    async fn version(&mut self) -> String {
        let (_, _, page) = self.boss.send("GET", "/settings/signin", "").await;
        let after = page.split("name=\"version\" value=\"").nth(1).unwrap();
        after.split('"').next().unwrap().to_owned()
    }

    /// Sends the form of settings, with these fields instead of the usual ones.
    async fn set(&mut self, fields: &[(&str, &str)]) -> (StatusCode, String) {
        let version = self.version().await;
        let mut all: Vec<(&str, &str)> = vec![
            ("active", "true"),
            ("name", "Saif ID"),
            ("issuer", self.provider.0.issuer.as_str()),
            ("client_id", CLIENT),
            ("client_secret", SECRET),
            ("email_domains", ""),
            ("create_role", ""),
            ("version", &version),
        ];
        for (key, value) in fields {
            all.retain(|(known, _)| known != key);
            all.push((key, value));
        }
        let body = serde_urlencoded::to_string(&all).unwrap();
        let (status, _, page) = self.boss.send("POST", "/settings/signin", &body).await;
        (status, page)
    }

    /// Goes to the provider and comes back; answers what the callback did.
    async fn comes(&self, browser: &mut Browser) -> (StatusCode, HeaderMap, String) {
        let (status, headers, page) = browser.send("GET", "/signin/at/saif/provider?next=/account", "").await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
        let back = self.provider.consents(headers["location"].to_str().unwrap());
        browser.send("GET", &back, "").await
    }

    /// Somebody whom the provider says to be somebody comes; answers whether they are in,
    /// and the page that they see.
    async fn tries(&self, claims: Value) -> (bool, String) {
        self.provider.claims(claims);
        let mut browser = self.browser();
        let (status, headers, page) = self.comes(&mut browser).await;
        if status != StatusCode::SEE_OTHER {
            assert!(!signed_in(&mut browser).await);
            return (false, page);
        }
        (signed_in(&mut browser).await, headers["location"].to_str().unwrap().to_owned())
    }
}

async fn signed_in(browser: &mut Browser) -> bool {
    browser.send("GET", "/account", "").await.0 == StatusCode::OK
}

crate::in_every_placement! {
async fn a_person_who_was_invited_signs_in_by_the_provider() {
    let site = Site::set_up().await;
    let (user, _) = site.office.invite("a@saif.example", &["VIEWER"]).await;
    let mut browser = site.browser();
    let (status, _, page) = browser.send("GET", "/signin/at/saif?next=/account", "").await;
    assert!(status == StatusCode::OK && page.contains("Go on with Saif ID"), "{page}");
    assert!(page.contains("href=\"/signin/at/SAIF/provider?next=/account\""), "{page}");
    let (status, headers, page) = site.comes(&mut browser).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    assert_eq!(headers["location"], "/account");
    let (_, _, page) = browser.send("GET", "/account", "").await;
    assert!(page.contains("a@saif.example") && page.contains("value=\"Ananya Sen\""), "{page}");
    // From now on the identity is theirs, whatever the provider says of the e-mail.
    let changed = json!({ "email": "new@elsewhere.example", "email_verified": false });
    assert!(site.tries(changed).await.0);
    // And another identity with the same e-mail is somebody else.
    let (inside, page) = site.tries(json!({ "sub": "4712" })).await;
    assert!(!inside && page.contains("Another account of the provider"), "{page}");
    let log = site.office.audit().await.join("\n");
    for told in ["user.link_identity", "session.start {\"by\": \"provider\"}", "\"why\": \"linked\""] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert!(log.contains("signin.provider {") && !log.contains(SECRET), "{log}");
    // An administrator sees whose it is, and unlinks it.
    let mut boss = site.boss;
    let (_, _, page) = boss.send("GET", &format!("/users/{user}"), "").await;
    assert!(page.contains(&site.provider.0.issuer), "{page}");
    assert_eq!(boss.send("POST", &format!("/users/{user}/unlink"), "").await.0, StatusCode::SEE_OTHER);
    assert_eq!(boss.send("POST", &format!("/users/{user}/unlink"), "").await.0, StatusCode::NOT_FOUND);
}

async fn who_is_not_known_comes_in_only_where_the_settings_say_so() {
    let mut site = Site::set_up().await;
    let (inside, page) = site.tries(json!({})).await;
    assert!(!inside && page.contains("Ask an administrator to invite you"), "{page}");
    for (fields, wrong) in [
        (vec![("create_role", "VIEWER")], "say of which domains"),
        (vec![("create_role", "ADMIN"), ("email_domains", "saif.example")], "Nobody becomes an administrator"),
        (vec![("create_role", "NOBODY"), ("email_domains", "saif.example")], "Choose a role of the list"),
    ] {
        let (status, page) = site.set(&fields).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(wrong), "{page}");
    }
    let (status, page) = site.set(&[("create_role", "VIEWER"), ("email_domains", "@Saif.example")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let (inside, page) = site.tries(json!({ "email": "a@other.example" })).await;
    assert!(!inside && page.contains("of this domain"), "{page}");
    let (inside, page) = site.tries(json!({ "email_verified": false })).await;
    assert!(!inside && page.contains("does not say that your e-mail address is yours"), "{page}");
    assert!(site.tries(json!({})).await.0);
    assert!(site.tries(json!({})).await.0, "and again, as the same person");
    let people = service::list(&site.office.test.db, &site.office.cx, ("", Uuid::nil()), 9).await.unwrap();
    let new = people.iter().find(|person| person.email == "a@saif.example").unwrap();
    assert_eq!((new.name.as_str(), new.status, new.roles.as_slice()),
        ("Ananya of the provider", Status::Active, ["VIEWER".to_owned()].as_slice()));
    // Shut out here is shut out, whatever the provider says.
    service::enable(&site.office.test.db, &By::operator(&site.office.cx), new.id, new.version, false).await.unwrap();
    let (inside, page) = site.tries(json!({})).await;
    assert!(!inside && page.contains("You are shut out here"), "{page}");
}
}

#[tokio::test]
async fn what_is_not_right_with_a_token_is_refused_and_said() {
    let site = Site::set_up().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let now = Utc::now().timestamp();
    for (claims, told) in [
        (json!({ "nonce": "another" }), "belongs to another sign-in"),
        (json!({ "nonce": null }), "belongs to another sign-in"),
        (json!({ "aud": "another" }), "made for another program"),
        (json!({ "iss": "https://evil.example" }), "comes from another provider"),
        (json!({ "exp": now - 3600, "iat": now - 7200 }), "too old, or not good yet"),
        (json!({ "iat": now + 3600, "exp": now + 7200 }), "too old, or not good yet"),
        (json!({ "sub": "" }), "answer cannot be read"),
        (json!({ "email_verified": false }), "does not say that your e-mail address is yours"),
        (json!({ "email_verified": null }), "does not say that your e-mail address is yours"),
    ] {
        let (inside, page) = site.tries(claims.clone()).await;
        assert!(!inside && page.contains(told), "{claims}: {page}");
    }
    for (manner, told) in [
        (Manner { algorithm: Some("none"), ..Manner::default() }, "unsigned, or signed in a way"),
        (Manner { algorithm: Some("HS256"), ..Manner::default() }, "unsigned, or signed in a way"),
        (Manner { other_key: true, ..Manner::default() }, "not signed by a key of the provider"),
    ] {
        site.provider.will(manner);
        let mut browser = site.browser();
        let (status, _, page) = site.comes(&mut browser).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(told), "{page}");
        assert!(!signed_in(&mut browser).await);
    }
    assert!(site.tries(json!({})).await.0, "and a right one comes in");
}

#[tokio::test]
async fn what_comes_back_belongs_to_one_sign_in_of_one_browser() {
    let site = Site::set_up().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let begins = async || {
        let mut browser = site.browser();
        let (_, headers, _) = browser.send("GET", "/signin/at/SAIF/provider", "").await;
        (browser, headers["location"].to_str().unwrap().to_owned())
    };
    let over = "This sign-in is over";
    // Another browser, into which somebody wants to bring their own sign-in.
    let (_, there) = begins().await;
    let (mut other, _) = begins().await;
    let (status, _, page) = other.send("GET", &site.provider.consents(&there), "").await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(over), "{page}");
    let (_, there) = begins().await;
    let (status, _, page) = site.browser().send("GET", &site.provider.consents(&there), "").await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(over), "no cookie: {page}");
    // A second time, with the same address.
    let (mut browser, there) = begins().await;
    let back = site.provider.consents(&there);
    let held = browser.cookie.clone();
    assert_eq!(browser.send("GET", &back, "").await.0, StatusCode::SEE_OTHER);
    let mut replayed = Browser { router: site.router.clone(), cookie: held };
    let (status, _, page) = replayed.send("GET", &back, "").await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(over), "{page}");
    // The code of one sign-in in another: it was used already, and its proof is another.
    let (mut browser, there) = begins().await;
    let mine = site.provider.consents(&there);
    let code = |path: &str| query_of(path)["code"].clone();
    let swapped = mine.replace(
        &serde_urlencoded::to_string([("code", code(&mine))]).unwrap(),
        &serde_urlencoded::to_string([("code", code(&back))]).unwrap(),
    );
    let (status, _, page) = browser.send("GET", &swapped, "").await;
    assert!(
        status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("did not take its own code"),
        "{page}"
    );
    let (mut browser, there) = begins().await;
    let (_, elsewhere) = begins().await;
    let unused = code(&site.provider.consents(&elsewhere));
    let mine = site.provider.consents(&there);
    let stolen = mine.replace(
        &serde_urlencoded::to_string([("code", code(&mine))]).unwrap(),
        &serde_urlencoded::to_string([("code", unused)]).unwrap(),
    );
    let (_, _, page) = browser.send("GET", &stolen, "").await;
    assert!(page.contains("did not take its own code"), "PKCE: {page}");
    // What another provider answered is not taken for this one's (RFC 9207).
    let (mut browser, there) = begins().await;
    let mixed = site.provider.consents(&there).replace("&iss=http", "&iss=https");
    let (_, _, page) = browser.send("GET", &mixed, "").await;
    assert!(page.contains("comes from another provider"), "{page}");
    // What the provider says instead of a code is shown as text.
    let (mut browser, there) = begins().await;
    let state = query_of(&there)["state"].clone();
    let path = format!("/signin/at/SAIF/callback?error=access_denied%3Cb%3E&state={state}");
    let (_, _, page) = browser.send("GET", &path, "").await;
    assert!(page.contains("access_denied") && !page.contains("access_denied<b>"), "{page}");
    for path in ["/signin/at/SAIF/callback", "/signin/at/SAIF/callback?code=x&state=y"] {
        let (status, _, page) = begins().await.0.send("GET", path, "").await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(over), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_sign_in_of_one_tenant_opens_no_other() {
    let site = Site::set_up().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let other = site.office.test.tenant("OTHR", &[]).await;
    let copied: Result<(), DbError> = site
        .office
        .test
        .db
        .tx(&Cx::system(other), async |tx| {
            sqlx::query(
                "insert into sign_in_providers (tenant_id, active, name, issuer, client_id)
                 values ($1, true, 'Other', $2, 'tracewright')",
            )
            .bind(other)
            .bind(&site.provider.0.issuer)
            .execute(tx.conn())
            .await?;
            Ok(())
        })
        .await;
    copied.unwrap();
    let mut browser = site.browser();
    let (_, headers, _) = browser.send("GET", "/signin/at/SAIF/provider", "").await;
    let back = site.provider.consents(headers["location"].to_str().unwrap());
    let (status, _, page) = browser.send("GET", &back.replace("/SAIF/", "/OTHR/"), "").await;
    assert!(
        status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("begun for another organisation"),
        "{page}"
    );
    assert!(!signed_in(&mut browser).await);
    // Nor is a person of one tenant somebody in the other, by the same identity.
    assert!(site.tries(json!({})).await.0);
    let mut browser = site.browser();
    let (_, headers, _) = browser.send("GET", "/signin/at/OTHR/provider", "").await;
    let back = site.provider.consents(headers["location"].to_str().unwrap());
    assert!(back.starts_with("/signin/at/OTHR/callback?"));
    let (_, _, page) = browser.send("GET", &back, "").await;
    assert!(page.contains("did not take its own code"), "it has no secret: {page}");
    assert!(!signed_in(&mut browser).await);
    for code in ["NONE", "x", "%27%22%3C"] {
        for rest in ["", "/provider"] {
            let (status, _, page) = site.browser().send("GET", &format!("/signin/at/{code}{rest}"), "").await;
            assert!(
                status == StatusCode::NOT_FOUND && page.contains("No organisation of this code"),
                "{page}"
            );
        }
    }
    let (_, headers, _) = site.browser().send("GET", "/signin/at?code=+saif+&next=//evil.example", "").await;
    assert_eq!(headers["location"], "/signin/at/SAIF?next=/");
}

#[tokio::test]
async fn the_second_step_holds_unless_the_provider_took_it() {
    let site = Site::set_up().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let role = service::roles(&site.office.test.db, &site.office.cx).await.unwrap();
    let version = role.iter().find(|role| role.code == "VIEWER").unwrap().version;
    crate::people::second_step::require(
        &site.office.test.db,
        &By::operator(&site.office.cx),
        "VIEWER",
        version,
        true,
    )
    .await
    .unwrap();
    let (inside, to) = site.tries(json!({})).await;
    assert!(!inside && to.starts_with("/signin/step?next="), "{to}");
    let (inside, to) = site.tries(json!({ "amr": ["pwd"] })).await;
    assert!(!inside && to.starts_with("/signin/step?next="), "{to}");
    // The person sets it up, and is in.
    let mut browser = site.browser();
    site.provider.claims(json!({}));
    let (_, headers, _) = site.comes(&mut browser).await;
    let (_, _, page) = browser.send("GET", headers["location"].to_str().unwrap(), "").await;
    let shown = page.split("<code class=\"tw-mono\">").nth(1).unwrap().split('<').next().unwrap();
    let key = data_encoding::BASE32_NOPAD.decode(shown.replace(' ', "").as_bytes()).unwrap();
    let body = format!("code={}", totp::shown(&key, Utc::now()));
    assert_eq!(browser.send("POST", "/signin/step", &body).await.0, StatusCode::OK);
    assert!(signed_in(&mut browser).await);
    assert!(!site.tries(json!({})).await.0, "it is asked for again");
    assert!(site.tries(json!({ "amr": ["pwd", "otp"] })).await.0);
    let log = site.office.audit().await.join("\n");
    for by in ["provider+code", "provider+mfa"] {
        assert!(log.contains(&format!("session.start {{\"by\": \"{by}\"}}")), "{log}");
    }
}

crate::in_every_placement! {
async fn passwords_can_be_left_out_and_administrators_stay_in() {
    let mut site = Site::set_up().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let (_, link) = site.office.invite("b@saif.example", &["VIEWER"]).await;
    assert!(site.office.signs_in("a@saif.example", PASSWORD).await);
    let (status, page) = site.set(&[("provider_only", "true")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let told = site.office.try_at("a@saif.example", PASSWORD, site.office.now, "").await;
    assert!(matches!(&told, SignedIn::ByProvider(code) if code == "SAIF"), "{told:?}");
    let wrong = site.office.try_at("a@saif.example", OTHER, site.office.now, "").await;
    assert!(matches!(wrong, SignedIn::No), "who does not know the password is told nothing");
    assert!(site.office.signs_in("boss@saif.example", PASSWORD).await);
    let mut browser = site.browser();
    let body = format!("email=a%40saif.example&password={}&next=/account", PASSWORD.replace(' ', "+"));
    let (_, headers, _) = browser.send("POST", "/signin", &body).await;
    assert_eq!(headers["location"], "/signin/at/SAIF?next=/account");
    // A link to a password leads to the provider too.
    let path = format!("/invitation/{link}");
    let (_, headers, _) = browser.send("GET", &path, "").await;
    assert_eq!(headers["location"], "/signin/at/SAIF");
    let body = format!("name=B&password={}", PASSWORD.replace(' ', "+"));
    let (_, headers, _) = browser.send("POST", &path, &body).await;
    assert_eq!(headers["location"], "/signin/at/SAIF");
    assert!(!signed_in(&mut browser).await);
    assert!(site.tries(json!({ "email": "b@saif.example", "sub": "b" })).await.0);
    // Only where somebody can come in when the provider does not answer.
    let forget = async |office: &Office| {
        let done: Result<(), DbError> = office
            .test
            .db
            .tx(&office.cx, async |tx| {
                sqlx::query("update users set password_hash = null").execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    };
    forget(&site.office).await;
    let (status, page) = site.set(&[("provider_only", "true")]).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("No administrator has a password"), "{page}");
}
}

#[tokio::test]
async fn settings_are_judged_and_the_provider_is_asked() {
    let mut site = Site::new().await;
    let (status, _, page) = site.browser().send("GET", "/signin/at/SAIF", "").await;
    assert!(status == StatusCode::NOT_FOUND && page.contains("No organisation of this code"), "{page}");
    let nobody = "http://127.0.0.1:9/realm";
    for (fields, told) in [
        (vec![("issuer", nobody)], "There is no provider"),
        (vec![("issuer", "not an address")], "An address such as https://id.example.com"),
        (vec![("client_id", "")], "The name that the provider has"),
        (vec![("name", "")], "A name of at most 40 characters"),
        (vec![("email_domains", "saif")], "saif is no domain such as"),
        (vec![("active", "false"), ("provider_only", "true")], "Passwords can be left out only"),
    ] {
        let (status, page) = site.set(&fields).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(told), "{fields:?}: {page}");
    }
    // With a slash too many it is found, and kept as the provider writes it.
    let slash = format!("{}/", site.provider.0.issuer);
    let (status, page) = site.set(&[("issuer", &slash)]).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let (_, _, page) = site.boss.send("GET", "/settings/signin", "").await;
    assert!(page.contains(&format!("value=\"{}\"", site.provider.0.issuer)), "{page}");
    assert!(page.contains("http://tw.test/signin/at/SAIF/callback") && !page.contains(SECRET), "{page}");
    let stale = site.set(&[("version", "7")]).await;
    assert!(stale.0 == StatusCode::UNPROCESSABLE_ENTITY, "{}", stale.1);
    // The secret is kept, until another client has one of its own.
    site.office.active("a@saif.example", &["VIEWER"]).await;
    assert_eq!(site.set(&[("client_secret", "")]).await.0, StatusCode::SEE_OTHER);
    assert!(site.tries(json!({})).await.0);
    assert_eq!(site.set(&[("client_secret", "wrong")]).await.0, StatusCode::SEE_OTHER);
    let (inside, page) = site.tries(json!({})).await;
    assert!(!inside && page.contains("did not take its own code"), "{page}");
    // Where private addresses are not allowed, what stands beside the cloud is out of reach.
    let state = AppState::builder(site.office.test.db.clone())
        .modules(&[crate::people::module()])
        .public_url(US)
        .build();
    let guarded = crate::web::app(state, crate::people::router());
    let mut browser = Browser { router: guarded, cookie: String::new() };
    let (status, _, page) = browser.send("GET", "/signin/at/SAIF/provider", "").await;
    assert!(status == StatusCode::BAD_GATEWAY && page.contains("cannot be reached now"), "{page}");
}

/// The same path, as a browser asks for it that says this of where it comes from.
async fn sent_from(browser: &Browser, path: &str, pairs: &[(&str, &str)]) -> (StatusCode, String) {
    let mut request = Request::builder()
        .uri(path)
        .header(header::HOST, "tw.test")
        .header(header::ACCEPT, "text/html")
        .header(header::COOKIE, &browser.cookie);
    for (name, value) in pairs {
        request = request.header(*name, *value);
    }
    let response = browser.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn another_site_signs_nobody_in() {
    let site = Site::set_up().await;
    let browser = site.browser();
    let path = "/signin/at/SAIF/provider?next=/account";
    for pairs in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("referer", "http://tw.test/signin/at/SAIF")],
        &[("referer", "https://evil.example/")],
        &[],
    ] {
        let (status, page) = sent_from(&browser, path, pairs).await;
        assert!(status == StatusCode::OK && page.contains("Go on with Saif ID"), "{pairs:?}: {page}");
        assert!(page.contains("provider?next=/account"), "and goes on to the same page: {page}");
    }
    for pairs in [
        &[("sec-fetch-site", "same-origin")][..],
        &[("sec-fetch-site", "none")],
        &[("referer", "http://tw.test/signin/at/SAIF")],
    ] {
        assert_eq!(sent_from(&browser, path, pairs).await.0, StatusCode::SEE_OTHER, "{pairs:?}");
    }
}

#[tokio::test]
async fn whoever_works_as_somebody_is_not_made_somebody_else() {
    let mut site = Site::set_up().await;
    let user = site.office.active("a@saif.example", &["VIEWER"]).await;
    let told = "To sign in as somebody else, sign out first";
    // Another person of the same organisation: the administrator's browser comes back as her.
    let (status, headers, _) = site.boss.send("GET", "/signin/at/SAIF/provider", "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let back = site.provider.consents(headers["location"].to_str().unwrap());
    let (status, _, page) = site.boss.send("GET", &back, "").await;
    assert!(status == StatusCode::CONFLICT && page.contains(told), "{page}");
    assert!(page.contains("action=\"/signout\"") && page.contains("Ananya Sen"), "{page}");
    let (_, _, page) = site.boss.send("GET", "/account", "").await;
    assert!(page.contains("boss@saif.example"), "still signed in as before: {page}");

    // Another organisation's: neither there nor back.
    let other = site.office.test.tenant("OTHR", &[]).await;
    let invitation = Invitation {
        email: "a@saif.example".into(),
        name: "A".into(),
        roles: vec!["VIEWER".into()],
        ..Invitation::default()
    };
    let cx = Cx::system(other);
    let db = &site.office.test.db;
    let (_, link) = links::invite(db, &By::operator(&cx), &invitation, None, site.office.now).await.unwrap();
    links::accept(db, link.reveal(), "A", OTHER, site.office.now).await.unwrap();
    let mut elsewhere = site.browser();
    let body = format!("email=a%40saif.example&password={}", OTHER.replace(' ', "+"));
    assert_eq!(elsewhere.send("POST", "/signin", &body).await.0, StatusCode::SEE_OTHER);
    let (status, _, page) = elsewhere.send("GET", "/signin/at/SAIF/provider", "").await;
    assert!(status == StatusCode::CONFLICT && page.contains(told), "{page}");
    let mut begun = site.browser();
    let (_, headers, _) = begun.send("GET", "/signin/at/SAIF/provider", "").await;
    let back = site.provider.consents(headers["location"].to_str().unwrap());
    begun.cookie = format!("{}; {}", begun.cookie, elsewhere.cookie);
    let (status, _, page) = begun.send("GET", &back, "").await;
    assert!(status == StatusCode::CONFLICT && page.contains(told), "{page}");
    assert!(signed_in(&mut elsewhere).await);

    // As the same person it is a new session, and after signing out anybody's.
    let mut browser = site.browser();
    assert_eq!(site.comes(&mut browser).await.0, StatusCode::SEE_OTHER);
    let (status, _, page) = site.comes(&mut browser).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let sessions = signin::sessions(db, site.office.tenant, user, None, site.office.now).await.unwrap();
    assert_eq!(sessions.len(), 1, "the one before is over");
    assert_eq!(elsewhere.send("POST", "/signout", "").await.0, StatusCode::SEE_OTHER);
    assert_eq!(site.comes(&mut elsewhere).await.0, StatusCode::SEE_OTHER);
}

crate::in_every_placement! {
async fn two_first_sign_ins_of_one_person_at_once_are_one_person() {
    let mut site = Site::set_up().await;
    let (status, page) = site.set(&[("create_role", "VIEWER"), ("email_domains", "saif.example")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    let (invited, _) = site.office.invite("b@saif.example", &["VIEWER"]).await;
    let comes_twice = async |claims: Value| {
        site.provider.claims(claims);
        let (mut one, mut two) = (site.browser(), site.browser());
        let (first, second) = tokio::join!(site.comes(&mut one), site.comes(&mut two));
        for (status, _, page) in [first, second] {
            assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
        }
        assert!(signed_in(&mut one).await && signed_in(&mut two).await);
    };
    // Who is not known, and who was invited.
    comes_twice(json!({})).await;
    comes_twice(json!({ "sub": "b", "email": "b@saif.example" })).await;
    let people = service::list(&site.office.test.db, &site.office.cx, ("", Uuid::nil()), 9).await.unwrap();
    let of = |email: &str| people.iter().filter(|person| person.email == email).collect::<Vec<_>>();
    assert_eq!(of("a@saif.example").len(), 1);
    assert!(of("b@saif.example").len() == 1 && of("b@saif.example")[0].id == invited);
    let linked = site.office.audit().await;
    let linked = linked.iter().filter(|row| row.starts_with("user.link_identity")).count();
    assert_eq!(linked, 1, "the one who was invited, once");
}

async fn leaving_passwords_out_ends_what_they_began_and_keeps_a_way_back() {
    let mut site = Site::set_up().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    let mut clerk = site.browser();
    let body = format!("email=a%40saif.example&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(clerk.send("POST", "/signin", &body).await.0, StatusCode::SEE_OTHER);
    assert!(signed_in(&mut clerk).await);
    let (status, page) = site.set(&[("provider_only", "true")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    assert!(!signed_in(&mut clerk).await, "it stood on a password");
    assert!(signed_in(&mut site.boss).await, "administrators keep theirs");
    // Who came by the provider stays when the settings are saved again.
    let mut browser = site.browser();
    assert_eq!(site.comes(&mut browser).await.0, StatusCode::SEE_OTHER);
    let (status, page) = site.set(&[("provider_only", "true"), ("name", "Other")]).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    assert!(signed_in(&mut browser).await);

    // A second administrator, who has no password.
    let (db, cx) = (&site.office.test.db, &site.office.cx);
    let (second, _) = site.office.invite("b@saif.example", &[ADMIN]).await;
    assert!(site.tries(json!({ "sub": "b", "email": "b@saif.example" })).await.0);
    let boss = service::list(db, cx, ("", Uuid::nil()), 9).await.unwrap();
    let boss = boss.into_iter().find(|person| person.email == "boss@saif.example").unwrap();
    let by = By::operator(cx);
    let last = |done: Result<(), PeopleError>| matches!(done, Err(PeopleError::LastWayBack));
    assert!(last(service::enable(db, &by, boss.id, boss.version, false).await));
    assert!(last(service::roles_set(db, &by, boss.id, &["VIEWER".into()]).await));
    let going = db.tx(cx, async |tx| service::may_go(tx, &by, boss.id).await).await;
    assert!(last(going));
    let path = format!("/users/{}/status", boss.id);
    let body = format!("version={}&active=false", boss.version);
    let (status, _, page) = site.boss.send("POST", &path, &body).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("the last administrator with a password"), "{page}");
    // The other one may go, and this one once passwords are let in again.
    service::roles_set(db, &by, second, &["VIEWER".into()]).await.unwrap();
    service::roles_set(db, &by, second, &[ADMIN.into()]).await.unwrap();
    let (status, page) = site.set(&[]).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    service::roles_set(&site.office.test.db, &By::operator(&site.office.cx), boss.id, &["VIEWER".into()]).await.unwrap();
}
}

#[tokio::test]
async fn an_address_may_be_told_apart_from_the_token() {
    let site = Site::set_up().await;
    site.office.active("a@saif.example", &["VIEWER"]).await;
    // OpenID Connect lets a provider tell the e-mail at its userinfo endpoint alone.
    let bare = json!({ "email": null, "email_verified": null });
    let (inside, page) = site.tries(bare.clone()).await;
    assert!(!inside && page.contains("does not say that your e-mail"), "{page}");
    let whole = json!({ "sub": "4712", "email": "a@saif.example", "email_verified": true });
    *site.provider.0.userinfo.lock().unwrap() = whole.clone();
    assert!(!site.tries(bare.clone()).await.0, "it is told of somebody else");
    site.provider.0.userinfo.lock().unwrap()["sub"] = json!("4711");
    assert!(site.tries(bare).await.0);
}
