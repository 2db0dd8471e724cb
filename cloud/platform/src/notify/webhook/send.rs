//! The request of a webhook, from its address to its signature.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::uri::{Scheme, Uri};
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, Utc};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use ring::hmac;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use super::guard;
use crate::outbox::Failure;

/// How long the other side may take, from the look-up of its name to its answer.
const WITHIN: Duration = Duration::from_secs(15);

/// Sends the requests of webhooks.
#[derive(Clone)]
pub struct WebSender {
    tls: Arc<ClientConfig>,
    /// Private addresses may be reached, and requests go without TLS too.
    private_too: bool,
}

/// A request to be sent.
pub(in crate::notify) struct Call<'a> {
    pub id: Uuid,
    pub kind: &'a str,
    pub url: &'a str,
    pub secret: &'a [u8],
    pub body: String,
    pub now: DateTime<Utc>,
}

/// A webhook's address in its parts; `None` when it cannot be one, or is not behind
/// TLS while `private_too` does not allow that.
pub(super) fn address(url: &str, private_too: bool) -> Option<(Uri, String, u16, bool)> {
    let uri: Uri = url.trim().parse().ok()?;
    let tls = match uri.scheme()? {
        scheme if *scheme == Scheme::HTTPS => true,
        scheme if *scheme == Scheme::HTTP && private_too => false,
        _ => return None,
    };
    let authority = uri.authority()?;
    // Names and passwords in an address end up in logs.
    if authority.as_str().contains('@') || authority.host().is_empty() || url.len() > 500 {
        return None;
    }
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let host = authority.host().to_owned();
    Some((uri, host, port, tls))
}

/// What signs a body at a moment.
pub(super) fn signature(secret: &[u8], body: &str, now: DateTime<Utc>) -> String {
    let at = now.timestamp();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

impl WebSender {
    /// A sender that trusts the certificates that this machine trusts.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(private_too: bool) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "certificates of this machine");
        }
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: Arc::new(tls), private_too })
    }

    /// Sends a request. An answer of 2xx is success; a redirect is not followed.
    pub(in crate::notify) async fn send(&self, call: &Call<'_>) -> Result<(), Failure> {
        match tokio::time::timeout(WITHIN, self.call(call)).await {
            Ok(done) => done,
            Err(_) => Err(Failure::Again(format!("no answer within {} s", WITHIN.as_secs()))),
        }
    }

    async fn call(&self, call: &Call<'_>) -> Result<(), Failure> {
        let (uri, host, port, tls) = address(call.url, self.private_too)
            .ok_or_else(|| Failure::Never("the address is not one that webhooks may reach".to_owned()))?;
        let reachable = guard::reachable(&host, port, self.private_too).await?;
        let stream = connect(&reachable).await?;
        let again = |error: &dyn std::fmt::Display| Failure::Again(error.to_string());
        let request = request(call, &uri).map_err(|error| Failure::Never(error.to_string()))?;
        let status = if tls {
            let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(bare).map_err(|error| Failure::Never(error.to_string()))?;
            let connector = TlsConnector::from(Arc::clone(&self.tls));
            exchange(connector.connect(name, stream).await.map_err(|error| again(&error))?, request).await
        } else {
            exchange(stream, request).await
        }
        .map_err(|error| again(&error))?;
        match status {
            status if status.is_success() => Ok(()),
            // What is there says that it will not be there again.
            StatusCode::GONE => Err(Failure::Never("it answered 410".to_owned())),
            status => Err(Failure::Again(format!("it answered {}", status.as_u16()))),
        }
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut last = Failure::Again("no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Failure::Again(error.to_string()),
        }
    }
    Err(last)
}

fn request(call: &Call<'_>, uri: &Uri) -> Result<Request<Full<Bytes>>, axum::http::Error> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    Request::post(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "Tracewright")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .header("Tracewright-Event", call.kind)
        .header("Tracewright-Delivery", call.id.to_string())
        .header("Tracewright-Signature", signature(call.secret, &call.body, call.now))
        .body(Full::new(Bytes::from(call.body.clone())))
}

/// Sends the request and answers the status; what else comes back is not read.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, hyper::Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    driving.abort();
    Ok(answer?.status())
}
