//! HTTP requests to addresses that a tenant names: webhooks, providers of text
//! messages. They reach the open internet alone, unless the operator allows more,
//! and over TLS: a name is looked up once, the addresses are judged, and the
//! connection is made to one of those.

pub(crate) mod guard;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::uri::{Scheme, Uri};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::outbox::Failure;

/// How long the other side may take, from the look-up of its name to its answer.
const WITHIN: Duration = Duration::from_secs(15);
/// Longest address.
const LONGEST: usize = 2000;

/// Sends requests; cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    tls: Arc<ClientConfig>,
    /// Private addresses may be reached, and requests go without TLS too.
    private_too: bool,
}

/// A request to be sent. `Host`, `User-Agent` and `Connection` are added.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: String,
    /// Its other headers.
    pub headers: HeaderMap,
    /// Its body; may be empty.
    pub body: Bytes,
    /// How many bytes of the answer's body are wanted at most.
    pub read: usize,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The beginning of its body, as far as it was wanted.
    pub body: Bytes,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The address is none that may be reached; nothing was sent.
    #[error("{0}")]
    Refused(String),
    /// The other side cannot be reached now; nothing was sent.
    #[error("{0}")]
    Unreached(String),
    /// It was sent, and what became of it is not known.
    #[error("{0}")]
    Unanswered(String),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(told) => Self::Never(told),
            CallError::Unreached(told) | CallError::Unanswered(told) => Self::Again(told),
        }
    }
}

/// An address in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    uri: Uri,
    /// Name or address of the other side; an IPv6 address in brackets.
    pub host: String,
    port: u16,
    tls: bool,
}

/// An address in its parts; `None` when it cannot be one, is not behind TLS while
/// `private_too` does not allow that, or is a private IP address. Where a name leads
/// is judged at each request.
#[must_use]
pub fn target(url: &str, private_too: bool) -> Option<Target> {
    let uri: Uri = url.trim().parse().ok()?;
    let tls = match uri.scheme()? {
        scheme if *scheme == Scheme::HTTPS => true,
        scheme if *scheme == Scheme::HTTP && private_too => false,
        _ => return None,
    };
    let authority = uri.authority()?;
    // Names and passwords in an address end up in logs.
    if authority.as_str().contains('@') || authority.host().is_empty() || url.len() > LONGEST {
        return None;
    }
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let host = authority.host().to_owned();
    let private = bare(&host).parse::<IpAddr>().is_ok_and(|address| !guard::is_public(address));
    (private_too || !private).then_some(Target { uri, host, port, tls })
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

impl HttpClient {
    /// A client that trusts the certificates that this machine trusts.
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

    /// Sends a request. A redirect is an answer, and not followed.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(&self, call: &Call) -> Result<Answer, CallError> {
        let late = || format!("no answer within {} s", WITHIN.as_secs());
        let connecting = tokio::time::timeout(WITHIN, self.connect(&call.url));
        let (stream, target) = connecting.await.map_err(|_| CallError::Unreached(late()))??;
        let request = request(call, &target).map_err(|error| CallError::Refused(error.to_string()))?;
        let answering = tokio::time::timeout(WITHIN, exchange(stream, request, call.read));
        match answering.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(CallError::Unanswered(error.to_string())),
            Err(_) => Err(CallError::Unanswered(late())),
        }
    }

    async fn connect(&self, url: &str) -> Result<(Box<dyn Stream>, Target), CallError> {
        let target = target(url, self.private_too)
            .ok_or_else(|| CallError::Refused("the address is not one that may be reached".to_owned()))?;
        let reachable = guard::reachable(&target.host, target.port, self.private_too).await?;
        let stream = connect(&reachable).await?;
        if !target.tls {
            return Ok((Box::new(stream), target));
        }
        let name = ServerName::try_from(bare(&target.host).to_owned())
            .map_err(|error| CallError::Refused(error.to_string()))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await;
        Ok((Box::new(stream.map_err(|error| CallError::Unreached(error.to_string()))?), target))
    }
}

/// A connection, with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, CallError> {
    let mut last = CallError::Unreached("no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = CallError::Unreached(error.to_string()),
        }
    }
    Err(last)
}

fn request(call: &Call, target: &Target) -> Result<Request<Full<Bytes>>, axum::http::Error> {
    let path = target.uri.path_and_query().map_or("/", |path| path.as_str());
    let host = target.uri.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "Tracewright")
        .header(header::CONNECTION, "close")
        .body(Full::new(call.body.clone()))?;
    request.headers_mut().extend(call.headers.clone());
    Ok(request)
}

/// Sends the request and answers the status, and as much of the body as is wanted.
async fn exchange(
    stream: Box<dyn Stream>,
    request: Request<Full<Bytes>>,
    read: usize,
) -> Result<Answer, hyper::Error> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with this, also when whoever waits gives up.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    Ok(Answer { status, body: beginning(response.into_body(), read).await })
}

/// The first bytes of a body. What breaks off later than its status is as good as
/// its end.
async fn beginning(mut body: Incoming, read: usize) -> Bytes {
    let mut bytes = Vec::new();
    while bytes.len() < read {
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..])),
            _ => break,
        }
    }
    bytes.truncate(read);
    bytes.into()
}
