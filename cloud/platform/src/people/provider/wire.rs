//! What is asked of a provider over the wire: its description, its keys, the token for
//! a code, and what it tells of a person besides. Kept for a while, by its issuer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::jose::{self, Key, Token};
use crate::outbound::{Call, HttpClient};
use crate::web::escaped;

/// Longest document of a provider.
const MOST: usize = 256 * 1024;
/// Providers that are kept at most.
const MOST_KEPT: usize = 500;

/// How long a provider's description and keys are believed.
fn good_for() -> TimeDelta {
    TimeDelta::minutes(10)
}

/// How long at least between two looks for a key that is not there.
fn at_least() -> TimeDelta {
    TimeDelta::seconds(30)
}

/// Why a provider gave no answer that helps.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// It cannot be reached, or what it says is no provider's answer.
    #[error("{0}")]
    Unreached(String),
    /// It refused the code.
    #[error("the provider refused: {0}")]
    Denied(String),
}

fn unreached(told: impl std::fmt::Display) -> WireError {
    WireError::Unreached(told.to_string())
}

/// A provider as it describes itself (OpenID Connect Discovery 1.0).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether it says in its answer whose that is (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// Who asks for a token, and by what.
pub(super) struct Exchange<'a> {
    pub client_id: &'a str,
    /// Empty: the program has none.
    pub secret: &'a str,
    pub code: &'a str,
    pub redirect_uri: &'a str,
    pub verifier: &'a str,
}

/// What came for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub id_token: String,
    #[serde(default)]
    pub access_token: String,
}

#[derive(Debug)]
struct Known {
    metadata: Arc<Metadata>,
    keys: Arc<Vec<Key>>,
    at: DateTime<Utc>,
    keys_at: DateTime<Utc>,
}

/// The way to providers, and what is known of them.
#[derive(Default)]
pub struct Providers {
    web: OnceLock<HttpClient>,
    known: Mutex<HashMap<String, Known>>,
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Providers")
    }
}

impl Providers {
    /// `private`: private addresses may be reached, and without TLS.
    fn web(&self, private: bool) -> Result<&HttpClient, WireError> {
        if let Some(web) = self.web.get() {
            return Ok(web);
        }
        let web = HttpClient::new(private).map_err(unreached)?;
        Ok(self.web.get_or_init(|| web))
    }

    async fn json(&self, private: bool, call: Call) -> Result<(StatusCode, Value), WireError> {
        let url = call.url.clone();
        let answer = self.web(private)?.call(&call).await.map_err(unreached)?;
        let told = serde_json::from_slice(&answer.body);
        let told = told.map_err(|_| unreached(format!("{url} answers {} without JSON", answer.status)))?;
        Ok((answer.status, told))
    }

    async fn get(&self, private: bool, url: &str, bearer: Option<&str>) -> Result<Value, WireError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = bearer {
            let value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(unreached)?;
            headers.insert(header::AUTHORIZATION, value);
        }
        let call = Call { method: Method::GET, url: url.to_owned(), headers, body: Bytes::new(), read: MOST };
        match self.json(private, call).await? {
            (StatusCode::OK, told) => Ok(told),
            (status, _) => Err(unreached(format!("{url} answers {status}"))),
        }
    }

    /// The provider of an issuer, as it describes itself now. An issuer that was written
    /// with a `/` too many or too few is found all the same, and answered as the provider
    /// writes it.
    ///
    /// # Errors
    /// [`WireError::Unreached`].
    pub(super) async fn look(&self, issuer: &str, private: bool) -> Result<Metadata, WireError> {
        let bare = issuer.trim_end_matches('/');
        let told = self.get(private, &format!("{bare}/.well-known/openid-configuration"), None).await?;
        let metadata: Metadata = serde_json::from_value(told)
            .map_err(|error| unreached(format!("its description is not complete: {error}")))?;
        if metadata.issuer.trim_end_matches('/') != bare {
            return Err(unreached(format!("it calls itself {:.200}", metadata.issuer)));
        }
        let there = &metadata.authorization_endpoint;
        let reachable = there.starts_with("https://") || (private && there.starts_with("http://"));
        if !reachable || HeaderValue::from_str(there).is_err() || there.len() > 2000 {
            return Err(unreached("its authorization_endpoint is not behind TLS"));
        }
        Ok(metadata)
    }

    /// The provider of an issuer; it may have been looked at some minutes ago.
    ///
    /// # Errors
    /// [`WireError::Unreached`].
    pub(super) async fn find(
        &self,
        issuer: &str,
        private: bool,
        now: DateTime<Utc>,
    ) -> Result<Arc<Metadata>, WireError> {
        let kept = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let good = |known: &&Known| now - known.at < good_for();
            known.get(issuer).filter(good).map(|known| Arc::clone(&known.metadata))
        };
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let metadata = Arc::new(self.look(issuer, private).await?);
        if metadata.issuer != issuer {
            return Err(unreached("it calls itself something else now"));
        }
        self.keys_anew(&metadata, private, now).await?;
        Ok(metadata)
    }

    async fn keys_anew(
        &self,
        metadata: &Arc<Metadata>,
        private: bool,
        now: DateTime<Utc>,
    ) -> Result<Arc<Vec<Key>>, WireError> {
        let keys = Arc::new(jose::keys(&self.get(private, &metadata.jwks_uri, None).await?));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        let new = Known { metadata: Arc::clone(metadata), keys: Arc::clone(&keys), at: now, keys_at: now };
        known.insert(metadata.issuer.clone(), new);
        Ok(keys)
    }

    /// The keys that may have signed the token. Where none of those that are kept has, the
    /// provider may have a new one, and is asked again, though not at each request.
    ///
    /// # Errors
    /// [`WireError::Unreached`].
    pub(super) async fn keys(
        &self,
        metadata: &Arc<Metadata>,
        token: &Token<'_>,
        private: bool,
        now: DateTime<Utc>,
    ) -> Result<Arc<Vec<Key>>, WireError> {
        let kept = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&metadata.issuer).map(|known| (Arc::clone(&known.keys), known.keys_at))
        };
        match kept {
            Some((keys, at)) if token.signed_by(&keys) || now - at < at_least() => Ok(keys),
            _ => self.keys_anew(metadata, private, now).await,
        }
    }

    /// Gets the tokens for a code.
    ///
    /// # Errors
    /// [`WireError`].
    pub(super) async fn exchange(
        &self,
        metadata: &Metadata,
        private: bool,
        asked: &Exchange<'_>,
    ) -> Result<Tokens, WireError> {
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", asked.code),
            ("redirect_uri", asked.redirect_uri),
            ("client_id", asked.client_id),
            ("code_verifier", asked.verifier),
        ];
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        // Basic is what a provider has that does not say (RFC 8414).
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let basic = methods.is_none_or(|all| all.iter().any(|method| method == "client_secret_basic"));
        if !asked.secret.is_empty() && basic {
            let pair = format!("{}:{}", escaped(asked.client_id, b""), escaped(asked.secret, b""));
            let value = format!("Basic {}", STANDARD.encode(pair));
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&value).map_err(unreached)?);
        } else if !asked.secret.is_empty() {
            pairs.push(("client_secret", asked.secret));
        }
        let body = serde_urlencoded::to_string(&pairs).map_err(unreached)?;
        let url = metadata.token_endpoint.clone();
        let call = Call { method: Method::POST, url, headers, body: body.into(), read: MOST };
        let (status, told) = self.json(private, call).await?;
        if status != StatusCode::OK {
            let code = told["error"].as_str().unwrap_or("error");
            return Err(WireError::Denied(format!("{status} {code:.100}")));
        }
        serde_json::from_value(told).map_err(|_| unreached("it gave no id_token"))
    }

    /// What the provider tells of a person besides the token; null where it does not.
    ///
    /// # Errors
    /// [`WireError::Unreached`].
    pub(super) async fn userinfo(
        &self,
        metadata: &Metadata,
        private: bool,
        access_token: &str,
    ) -> Result<Value, WireError> {
        match &metadata.userinfo_endpoint {
            Some(url) if !access_token.is_empty() => self.get(private, url, Some(access_token)).await,
            _ => Ok(Value::Null),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, Router};
    use serde_json::json;

    use super::jose::tests::{ES256, documented};
    use super::*;
    use crate::web::routing::get;

    /// Some providers give a new key the name of the old one, or none at all.
    #[tokio::test]
    async fn a_new_key_is_found_whatever_its_name_but_not_asked_for_all_the_time() {
        let shown = Arc::new(Mutex::new(documented()));
        // Another point of the same curve: no key that signed the token.
        shown.lock().unwrap()["keys"][3]["x"] = json!("usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8");
        shown.lock().unwrap()["keys"][3]["y"] = json!("IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let told = json!({ "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"),
                           "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys") });
        let keys = Arc::clone(&shown);
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(told)))
            .route("/keys", get(async move || Json(keys.lock().unwrap().clone())));
        let server = tokio::spawn(async { axum::serve(listener, app).await });

        let providers = Providers::default();
        let start: DateTime<Utc> = "2026-11-26T10:00:00Z".parse().unwrap();
        let at = |seconds| start + TimeDelta::seconds(seconds);
        let metadata = providers.find(&issuer, true, start).await.unwrap();
        let signed = async |seconds| {
            let token = jose::read(ES256).unwrap();
            let keys = providers.keys(&metadata, &token, true, at(seconds)).await.unwrap();
            token.check(&keys).is_ok()
        };
        assert!(!signed(31).await, "asked again, and it is not there");
        *shown.lock().unwrap() = documented();
        assert!(!signed(60).await, "within half a minute it is not asked");
        assert!(signed(61).await, "after it, it is");
        *shown.lock().unwrap() = json!({ "keys": [] });
        assert!(signed(600).await, "a key that signed is believed as long as it is kept");
        server.abort();
    }
}
