//! A small HTTP client for the cloud's API, over plain HTTP on loopback.

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A client for one server, with the access key it signs in by.
#[derive(Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    key: Option<String>,
}

impl Http {
    /// A client for `base`, such as `http://127.0.0.1:17080`.
    #[must_use]
    pub fn new(base: &str, key: Option<String>) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base: base.trim_end_matches('/').to_owned(),
            key,
        }
    }

    /// GETs `path` and parses the JSON answer.
    ///
    /// # Errors
    /// When the server is out of reach, or answers with another status than 2xx;
    /// the message holds status and body.
    pub async fn get(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        self.send(Method::GET, path, None).await
    }

    /// POSTs JSON to `path` and parses the JSON answer.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<serde_json::Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> anyhow::Result<serde_json::Value> {
        let (status, text) = self.send_raw(method.clone(), path, body).await?;
        if !(200..300).contains(&status) {
            bail!("{method} {path}: {status} {text}");
        }
        if text.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{method} {path}: not JSON: {text}"))
    }

    /// Sends and returns status and body, whatever the status.
    ///
    /// # Errors
    /// When the server is out of reach.
    pub async fn send_raw(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> anyhow::Result<(u16, String)> {
        let mut request = Request::builder().method(&method).uri(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let bytes = body.map_or_else(Bytes::new, |json| Bytes::from(json.to_string()));
        let request = request.body(Full::new(bytes)).context("building a request")?;
        let response = self.client.request(request).await.with_context(|| format!("{method} {path}"))?;
        let status = response.status().as_u16();
        let collected = response.into_body().collect().await.with_context(|| format!("{method} {path}"))?;
        Ok((status, String::from_utf8_lossy(&collected.to_bytes()).into_owned()))
    }
}
