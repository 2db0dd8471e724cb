//! TLS of pages and API: a certificate and its key from files, read again when
//! they change, over HTTP/2 and HTTP/1.1.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_server::tls_rustls::RustlsConfig;
use chrono::{DateTime, Utc};
use hyper_util::rt::TokioTimer;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at.
pub const LOOK: Duration = Duration::from_secs(10);
/// Days before its end from which an old certificate is warned of.
const WARN_DAYS: i64 = 14;
/// How long requests may take to end once told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How long the headers of a request may take, or an answer to whether anybody is still there:
/// connections on which they never end would fill the process's table of files.
const HEADERS_WITHIN: Duration = if cfg!(test) { Duration::from_secs(2) } else { Duration::from_secs(75) };

/// A certificate and its key, as the files have them.
#[derive(Debug, Clone)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    present: Arc<Present>,
}

#[derive(Debug)]
struct Present {
    pair: ArcSwap<CertifiedKey>,
    bytes: ArcSwap<(Vec<u8>, Vec<u8>)>,
}

impl ResolvesServerCert for Present {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.pair.load_full())
    }
}

impl Tls {
    /// Reads both.
    ///
    /// # Errors
    /// Which file is not right, and why: it is not there, holds something else, is
    /// not good yet or not any more, or the key is another certificate's.
    pub fn load(certificate: &Path, key: &Path, now: DateTime<Utc>) -> anyhow::Result<Self> {
        let bytes = read(certificate, key)?;
        let pair = pair(&bytes, certificate, key, now)?;
        let present = Present { pair: ArcSwap::from_pointee(pair), bytes: ArcSwap::from_pointee(bytes) };
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), present: Arc::new(present) })
    }

    /// Looks at the files again until `stop`. What is not right is said, and the
    /// pair before goes on serving: a certificate and its key are two files, and
    /// are seldom changed in one moment.
    pub async fn watch(self, every: Duration, stop: CancellationToken) {
        let mut said = String::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            match self.look(Utc::now()) {
                Ok(false) => said.clear(),
                Ok(true) => tracing::info!("the new certificate of pages and API serves from now on"),
                Err(error) => {
                    let told = format!("{error:#}");
                    if told != said {
                        tracing::warn!("the certificate before goes on serving: {told}");
                    }
                    said = told;
                }
            }
        }
    }

    /// Takes the files' pair if it is another; answers whether it is.
    fn look(&self, now: DateTime<Utc>) -> anyhow::Result<bool> {
        let bytes = read(&self.certificate, &self.key)?;
        if bytes == **self.present.bytes.load() {
            return Ok(false);
        }
        let pair = pair(&bytes, &self.certificate, &self.key, now)?;
        self.present.pair.store(Arc::new(pair));
        self.present.bytes.store(Arc::new(bytes));
        Ok(true)
    }

    fn config(&self) -> anyhow::Result<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.present) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Serves until `stop`.
    ///
    /// # Errors
    /// When serving fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        app: Router,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let config = RustlsConfig::from_config(Arc::new(self.config()?));
        let handle = axum_server::Handle::new();
        let stopper = handle.clone();
        tokio::spawn(async move {
            stop.cancelled().await;
            stopper.graceful_shutdown(Some(STOP_WITHIN));
        });
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let mut server = axum_server::from_tcp_rustls(listener.into_std()?, config)?.handle(handle);
        server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN);
        let lively = Some(HEADERS_WITHIN);
        server.http_builder().http2().timer(TokioTimer::new()).keep_alive_interval(lively);
        server.serve(service).await.context("serving pages over TLS")
    }
}

fn read(certificate: &Path, key: &Path) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let read = |path: &Path, setting: &str| {
        std::fs::read(path).with_context(|| format!("{setting}: {} cannot be read", path.display()))
    };
    Ok((read(certificate, "tls_certificate")?, read(key, "tls_key")?))
}

fn pair(
    bytes: &(Vec<u8>, Vec<u8>),
    certificate: &Path,
    key: &Path,
    now: DateTime<Utc>,
) -> anyhow::Result<CertifiedKey> {
    let (shown, shown_key) = (certificate.display(), key.display());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes.0)
        .collect::<Result<_, _>>()
        .with_context(|| format!("tls_certificate: {shown} is not PEM"))?;
    let leaf = chain.first().with_context(|| format!("tls_certificate: {shown} holds no certificate"))?;
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf)
        .with_context(|| format!("tls_certificate: {shown} holds something else than a certificate"))?;
    let validity = parsed.validity();
    let at =
        |time: x509_parser::time::ASN1Time| DateTime::from_timestamp(time.timestamp(), 0).unwrap_or_default();
    let (from, until) = (at(validity.not_before), at(validity.not_after));
    anyhow::ensure!(now >= from, "tls_certificate: {shown} is good only from {from}");
    anyhow::ensure!(now <= until, "tls_certificate: {shown} expired on {until}; put a new one there");
    if (until - now).num_days() < WARN_DAYS {
        tracing::warn!("tls_certificate: {shown} expires on {until}");
    }
    let private = PrivateKeyDer::from_pem_slice(&bytes.1)
        .with_context(|| format!("tls_key: {shown_key} holds no private key as PEM"))?;
    let provider = rustls::crypto::ring::default_provider();
    let signing = provider
        .key_provider
        .load_private_key(private)
        .with_context(|| format!("tls_key: {shown_key} holds a key of a kind that is not known"))?;
    let pair = CertifiedKey::new(chain, signing);
    pair.keys_match()
        .with_context(|| format!("tls_key: {shown_key} is not the key of the certificate in {shown}"))?;
    Ok(pair)
}

/// Sends whoever comes by plain HTTP on to the same path under `url`, until `stop`.
///
/// # Errors
/// When serving fails.
pub async fn redirect(listener: TcpListener, url: String, stop: CancellationToken) -> anyhow::Result<()> {
    let app = Router::new().fallback(move |request: Request| {
        let to = request.uri().path_and_query().map(|path| format!("{url}{path}"));
        async move {
            // Only a path: `*` and other sites lead nowhere.
            let to = to.filter(|_| request.uri().path().starts_with('/'));
            to.map_or_else(|| StatusCode::BAD_REQUEST.into_response(), |to| permanent(&to))
        }
    });
    axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
        .context("redirecting to TLS")
}

fn permanent(to: &str) -> Response {
    Redirect::permanent(to).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Version, header};
    use http_body_util::BodyExt;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use platform::web::routing::get;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, RootCertStore};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_rustls::client::TlsStream;

    use super::*;

    /// Writes a certificate for localhost that is good for these days around now,
    /// with its key, and answers it.
    fn write(dir: &Path, from: i64, until: i64) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let now = std::time::SystemTime::now();
        let at = |days: i64| {
            let span = Duration::from_secs(days.unsigned_abs() * 86_400);
            if days < 0 { now - span } else { now + span }
        };
        (params.not_before, params.not_after) = (at(from).into(), at(until).into());
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(dir.join("cert.pem"), made.pem()).unwrap();
        made.der().clone()
    }

    fn load(dir: &Path) -> anyhow::Result<Tls> {
        Tls::load(&dir.join("cert.pem"), &dir.join("key.pem"), Utc::now())
    }

    #[track_caller]
    fn refused(dir: &Path, why: &str) {
        let told = format!("{:#}", load(dir).map(drop).unwrap_err());
        assert!(told.contains(why), "{told}");
    }

    #[test]
    fn what_cannot_serve_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        refused(dir, "cert.pem cannot be read");
        write(dir, -30, -1);
        refused(dir, "expired on");
        write(dir, 1, 30);
        refused(dir, "good only from");
        write(dir, -1, 30);
        let key = std::fs::read(dir.join("key.pem")).unwrap();
        load(dir).unwrap();
        write(dir, -1, 30);
        std::fs::write(dir.join("key.pem"), key).unwrap();
        refused(dir, "is not the key of the certificate");
        std::fs::write(dir.join("key.pem"), "nothing").unwrap();
        refused(dir, "holds no private key");
        std::fs::write(dir.join("cert.pem"), "nothing").unwrap();
        refused(dir, "holds no certificate");
    }

    /// A connection over TLS, to whoever has the certificate that is trusted.
    async fn connected(
        at: SocketAddr,
        trusts: &CertificateDer<'static>,
        offers: &[&[u8]],
    ) -> anyhow::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusts.clone())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = offers.iter().map(|offer| offer.to_vec()).collect();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        Ok(connector.connect(ServerName::try_from("localhost")?, TcpStream::connect(at).await?).await?)
    }

    /// A GET over TLS, HTTP/2 if the server offers it; the version that was spoken,
    /// and the answer.
    async fn call(
        at: SocketAddr,
        trusts: &CertificateDer<'static>,
        offers: &[&[u8]],
    ) -> anyhow::Result<(Version, String)> {
        let line = connected(at, trusts, offers).await?;
        let second = line.get_ref().1.alpn_protocol() == Some(b"h2");
        let answer = if second {
            let (mut sender, driver) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(line)).await?;
            tokio::spawn(driver);
            sender.send_request(Request::get("https://localhost/host").body(Body::empty())?).await?
        } else {
            let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(line)).await?;
            tokio::spawn(driver);
            let request = Request::get("/host").header(header::HOST, "localhost").body(Body::empty())?;
            sender.send_request(request).await?
        };
        let version = answer.version();
        let text = String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?;
        Ok((version, text))
    }

    #[tokio::test]
    async fn both_versions_are_served_and_a_new_certificate_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let first = write(dir.path(), -1, 30);
        let tls = load(dir.path()).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let app = Router::new().route("/host", get(async || "here"));
        let stop = CancellationToken::new();
        let watching = tokio::spawn(tls.clone().watch(Duration::from_millis(20), stop.clone()));
        let serving = tokio::spawn({
            let stop = stop.clone();
            async move { tls.serve(listener, app, stop).await }
        });
        let both: &[&[u8]] = &[b"h2", b"http/1.1"];
        assert_eq!(call(at, &first, both).await.unwrap(), (Version::HTTP_2, "here".to_owned()));
        assert_eq!(call(at, &first, &[b"http/1.1"]).await.unwrap(), (Version::HTTP_11, "here".to_owned()));

        // Half of a change does not serve; the whole of it does.
        let second = write(dir.path(), -1, 60);
        let waited = tokio::time::timeout(Duration::from_secs(30), async {
            while call(at, &second, both).await.is_err() {
                tokio::task::yield_now().await;
            }
        });
        waited.await.expect("the new certificate serves");
        assert!(call(at, &first, both).await.is_err(), "the old one serves no more");
        std::fs::write(dir.path().join("cert.pem"), "nothing").unwrap();
        assert_eq!(call(at, &second, both).await.unwrap().1, "here");

        // Who goes on saying half of something is shown out.
        let mut line = connected(at, &second, &[b"http/1.1"]).await.unwrap();
        line.write_all(b"GET /host HTTP/1.1\r\nhost: loc").await.unwrap();
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(60), line.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "it is still open");
        stop.cancel();
        serving.await.unwrap().unwrap();
        watching.await.unwrap();
    }

    #[tokio::test]
    async fn plain_http_is_sent_on() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(redirect(listener, "https://trace.example.com".into(), stop.clone()));
        let line = TcpStream::connect(at).await.unwrap();
        let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(line)).await.unwrap();
        tokio::spawn(driver);
        let request = Request::get("/trace?q=1").header(header::HOST, "x").body(Body::empty()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(answer.headers()[header::LOCATION], "https://trace.example.com/trace?q=1");
        drop(sender);
        stop.cancel();
        serving.await.unwrap().unwrap();
    }
}
