//! `POST /api/v1/token`, its revocation, and the keys that others check tokens with.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::service::{self, ACCESS_LIFETIME, Issued, REFRESH_LIFETIME, TokenError};
use crate::openapi::{Operation, group};
use crate::web::routing::{get, post};
use crate::web::{AppState, Client, Problem, form};

/// The routes of tokens.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/token", post(token))
        .route("/api/v1/token/revoke", post(revoke))
        .route("/.well-known/jwks.json", get(jwks))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let token = Operation::post("/api/v1/token", "getToken", "Gets a short-lived access token")
        .public()
        .takes_form::<Asked>()
        .answers::<Tokens>()
        .fails(400, "token.grant", "The grant type is not one of the two.")
        .fails(400, "token.key", "The access key is not valid.")
        .fails(400, "token.refresh", "The refresh token is not valid any more; sign in by the key.")
        .fails(400, "token.reused", "The refresh token came a second time: all of this sign-in are void.");
    let revoke = Operation::post("/api/v1/token/revoke", "revokeToken", "Ends the tokens of a sign-in")
        .public()
        .takes_form::<Revoked>()
        .ends();
    group("Tokens", [token, revoke])
}

/// What a client asks with (RFC 6749); the access key may stand in HTTP Basic as the
/// password instead.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TokenRequest)]
struct Asked {
    /// `client_credentials` with an access key, or `refresh_token`.
    #[schema(max_length = 40)]
    grant_type: String,
    /// The access key, for `client_credentials`.
    #[schema(max_length = 200)]
    client_secret: String,
    /// For `refresh_token`.
    #[schema(max_length = 200)]
    refresh_token: String,
}

/// Tokens that were just made.
#[derive(Debug, Serialize, ToSchema)]
struct Tokens {
    /// Goes into `Authorization: Bearer …`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds that the access token is good.
    expires_in: i64,
    /// Gets the next two, once.
    refresh_token: String,
    /// Seconds that the refresh token is good, if it is not used.
    refresh_expires_in: i64,
    /// What the key behind them may do.
    scope: String,
}

impl From<Issued> for Tokens {
    fn from(issued: Issued) -> Self {
        Self {
            access_token: issued.access,
            token_type: "Bearer",
            expires_in: ACCESS_LIFETIME.num_seconds(),
            refresh_token: issued.refresh.reveal().to_owned(),
            refresh_expires_in: REFRESH_LIFETIME.num_seconds(),
            scope: issued.scopes.join(" "),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let code = match &error {
            TokenError::Key => "token.key",
            TokenError::Refresh => "token.refresh",
            TokenError::Reused => "token.reused",
            TokenError::Secret(_) => return Self::internal(error),
            TokenError::Db(_) => {
                let TokenError::Db(error) = error else { return Self::internal(error) };
                return error.into();
            }
        };
        Self::new(StatusCode::BAD_REQUEST, code, "")
    }
}

/// The password of HTTP Basic.
fn basic(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = given.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

/// `POST /api/v1/token`
async fn token(
    State(state): State<AppState>,
    client: Client,
    headers: HeaderMap,
    sent: Result<Form<Asked>, FormRejection>,
) -> Result<Response, Problem> {
    let asked = form(sent)?;
    let now = Utc::now();
    let issued = match asked.grant_type.as_str() {
        "client_credentials" => {
            let key = basic(&headers).unwrap_or(asked.client_secret);
            let address = client.0.map(|address| address.to_string()).unwrap_or_default();
            service::issue(&state.db, &state.secrets, &state.public_url, &key, &address, now).await?
        }
        "refresh_token" => {
            service::refresh(&state.db, &state.secrets, &state.public_url, &asked.refresh_token, now).await?
        }
        _ => {
            let detail = "Say grant_type=client_credentials or grant_type=refresh_token.";
            return Err(Problem::bad_request("token.grant", detail).field("grant_type", detail));
        }
    };
    let kept_nowhere = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    Ok((kept_nowhere, Json(Tokens::from(issued))).into_response())
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TokenRevocation)]
struct Revoked {
    /// A refresh token of the sign-in that is to end.
    #[schema(max_length = 200)]
    token: String,
}

/// `POST /api/v1/token/revoke`: the same answer whether there was such a token.
async fn revoke(
    State(state): State<AppState>,
    sent: Result<Form<Revoked>, FormRejection>,
) -> Result<StatusCode, Problem> {
    service::end(&state.db, &form(sent)?.token, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /.well-known/jwks.json`
async fn jwks(State(state): State<AppState>) -> Result<Response, Problem> {
    let keys = service::jwks(&state.db, Utc::now()).await?;
    let soon = [(header::CACHE_CONTROL, "public, max-age=300")];
    Ok((soon, Json(serde_json::json!({ "keys": keys }))).into_response())
}
