//! Tokens over a real Postgres: they follow each other, and end.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

use super::*;
use crate::ctx::Plants;
use crate::secrets::Secrets;
use crate::testing::TestDb;
use crate::web::{AppState, Permission, Scope, keys};

const ISSUER: &str = "https://tw.test";

struct Office {
    test: TestDb,
    tenant: Uuid,
    secrets: Secrets,
    now: DateTime<Utc>,
    key: String,
}

impl Office {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL", "VSK"]).await;
        let plants = Plants::some(["KOL"]);
        let key = keys::create_at(&test.db, tenant, "erp", &[Scope::Write], &plants, None).await.unwrap();
        let now = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap();
        Self { test, tenant, secrets: Secrets::passing().unwrap(), now, key: key.reveal().to_owned() }
    }

    async fn issue(&self, now: DateTime<Utc>) -> Result<Issued, TokenError> {
        issue(&self.test.db, &self.secrets, ISSUER, &self.key, "10.0.0.1", now).await
    }

    async fn refresh(&self, token: &str, now: DateTime<Utc>) -> Result<Issued, TokenError> {
        refresh(&self.test.db, &self.secrets, ISSUER, token, now).await
    }

    async fn opens(&self, access: &str, now: DateTime<Utc>) -> bool {
        verify(&self.test.db, ISSUER, access, now).await.unwrap().is_some()
    }
}

crate::in_every_placement! {
async fn a_token_has_the_rights_of_its_key_and_is_soon_over() {
    let office = Office::new().await;
    let issued = office.issue(office.now).await.unwrap();
    assert_eq!(issued.scopes, ["read", "write"]);
    let access = verify(&office.test.db, ISSUER, &issued.access, office.now).await.unwrap().unwrap();
    let place = Permission::write("hold.place");
    assert!(access.rights.has_at(&place, "KOL") && !access.rights.has_at(&place, "VSK"));
    assert_eq!(access.tenant, office.tenant);
    assert!(!office.opens(&issued.access, office.now + ACCESS_LIFETIME).await, "it is over");
    assert!(
        verify(&office.test.db, "https://other.test", &issued.access, office.now).await.unwrap().is_none()
    );
    let wrong = issue(&office.test.db, &office.secrets, ISSUER, "twk_wrong", "", office.now).await;
    assert!(matches!(wrong, Err(TokenError::Key)));
    // Revoking the key ends what stands on it with the next request.
    let id = keys::list(&office.test.db, office.tenant).await.unwrap()[0].id.clone();
    keys::revoke(&office.test.db, office.tenant, &id, office.now).await.unwrap();
    assert!(!office.opens(&issued.access, office.now).await);
    let again = office.refresh(issued.refresh.reveal(), office.now).await;
    assert!(matches!(again, Err(TokenError::Key)));
}
}

crate::in_every_placement! {
async fn refresh_tokens_follow_each_other_and_one_that_comes_twice_ends_them_all() {
    let office = Office::new().await;
    let at = |minutes: i64| office.now + TimeDelta::minutes(minutes);
    let first = office.issue(at(0)).await.unwrap();
    let second = office.refresh(first.refresh.reveal(), at(9)).await.unwrap();
    let third = office.refresh(second.refresh.reveal(), at(18)).await.unwrap();
    assert!(office.opens(&third.access, at(18)).await);
    let other = office.issue(at(18)).await.unwrap();
    assert!(matches!(office.refresh(first.refresh.reveal(), at(19)).await, Err(TokenError::Reused)));
    assert!(!office.opens(&third.access, at(19)).await, "the family is ended");
    assert!(matches!(office.refresh(third.refresh.reveal(), at(19)).await, Err(TokenError::Refresh)));
    assert!(office.opens(&other.access, at(19)).await, "another sign-in of the key goes on");
    // One that is left lying is over, and so is a family after its time.
    let late = at(18) + REFRESH_LIFETIME;
    assert!(matches!(office.refresh(other.refresh.reveal(), late).await, Err(TokenError::Refresh)));
    let audited: Result<Vec<String>, crate::db::DbError> = office
        .test
        .db
        .tx(&crate::ctx::Cx::system(office.tenant), async |tx| {
            let sql = "select action from audit_log where action like 'token.%' order by audit_id";
            Ok(sqlx::query_scalar(sql).fetch_all(tx.conn()).await?)
        })
        .await;
    assert_eq!(audited.unwrap(), ["token.issue", "token.issue", "token.reuse"]);
}
}

#[tokio::test]
async fn of_two_that_refresh_at_once_one_gets_tokens() {
    let office = Office::new().await;
    let first = office.issue(office.now).await.unwrap();
    let both = futures_util::future::join(
        office.refresh(first.refresh.reveal(), office.now),
        office.refresh(first.refresh.reveal(), office.now),
    );
    let (one, other) = both.await;
    assert_eq!([one.is_ok(), other.is_ok()].iter().filter(|ok| **ok).count(), 1);
}

#[tokio::test]
async fn signing_keys_change_and_old_tokens_are_believed_until_they_are_over() {
    let office = Office::new().await;
    let before = office.issue(office.now).await.unwrap();
    let then = office.now + KEY_LIFETIME + TimeDelta::seconds(1);
    let after = office.issue(then).await.unwrap();
    let kid = |token: &str| {
        let head = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        serde_json::from_slice::<Value>(&head).unwrap()["kid"].as_str().unwrap().to_owned()
    };
    assert_ne!(kid(&before.access), kid(&after.access));
    assert_eq!(service::jwks(&office.test.db, then).await.unwrap().len(), 2, "both are told");
    assert_eq!(service::jwks(&office.test.db, then + TimeDelta::days(2)).await.unwrap().len(), 1);
    assert!(office.opens(&after.access, then).await);
    // Under a new key of the ring the same key goes on signing.
    assert_eq!(reseal(&office.test.db, &office.secrets).await.unwrap(), 0);
}

#[tokio::test]
async fn a_client_signs_in_calls_refreshes_and_signs_out_over_http() {
    let office = Office::new().await;
    let state = AppState::builder(office.test.db.clone())
        .secrets(office.secrets.clone())
        .public_url(ISSUER)
        .modules(&[crate::people::module()])
        .build();
    let pages = Router::new().merge(router()).merge(crate::seed::router());
    let app = crate::web::app(state, pages);
    let send = async |method: &str, path: &str, auth: Option<String>, body: String| {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(auth) = auth {
            request = request.header(header::AUTHORIZATION, auth);
        }
        let response = app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, serde_json::from_slice::<Value>(&bytes).unwrap_or_default())
    };
    let key = &office.key;
    let by_form = format!("grant_type=client_credentials&client_secret={key}");
    let (status, told) = send("POST", "/api/v1/token", None, by_form).await;
    assert_eq!((status, told["token_type"].as_str()), (StatusCode::OK, Some("Bearer")), "{told}");
    let basic = Some(format!("Basic {}", STANDARD.encode(format!("erp:{key}"))));
    let (status, told) = send("POST", "/api/v1/token", basic, "grant_type=client_credentials".into()).await;
    assert_eq!((status, told["expires_in"].as_i64()), (StatusCode::OK, Some(600)), "{told}");
    let bearer = |told: &Value| Some(format!("Bearer {}", told["access_token"].as_str().unwrap()));
    let path = "/api/v1/reference?kind=item";
    assert_eq!(send("GET", path, bearer(&told), String::new()).await.0, StatusCode::OK);
    let refresh = told["refresh_token"].as_str().unwrap().to_owned();
    let body = format!("grant_type=refresh_token&refresh_token={refresh}");
    let (status, next) = send("POST", "/api/v1/token", None, body.clone()).await;
    assert_eq!(status, StatusCode::OK, "{next}");
    assert_eq!(send("GET", path, bearer(&next), String::new()).await.0, StatusCode::OK);
    let out = format!("token={}", next["refresh_token"].as_str().unwrap());
    assert_eq!(send("POST", "/api/v1/token/revoke", None, out).await.0, StatusCode::NO_CONTENT);
    assert_eq!(send("GET", path, bearer(&next), String::new()).await.0, StatusCode::UNAUTHORIZED);
    let (status, told) = send("POST", "/api/v1/token", None, body).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::BAD_REQUEST, Some("token.reused")), "{told}");
    for (body, status, code) in [
        ("grant_type=password", StatusCode::BAD_REQUEST, "token.grant"),
        ("grant_type=client_credentials&client_secret=x", StatusCode::BAD_REQUEST, "token.key"),
        ("grant_type=refresh_token&refresh_token=x", StatusCode::BAD_REQUEST, "token.refresh"),
    ] {
        let (got, told) = send("POST", "/api/v1/token", None, body.into()).await;
        assert_eq!((got, told["code"].as_str()), (status, Some(code)), "{body}");
    }
    let (_, jwks) = send("GET", "/.well-known/jwks.json", None, String::new()).await;
    assert_eq!(jwks["keys"][0]["crv"], "Ed25519", "{jwks}");
}
