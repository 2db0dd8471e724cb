//! Connections to the cloud: before enrolment trusted by the fingerprint in the
//! token, afterwards by the authority's certificate, with the agent's own shown.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use super::files::Identity;

/// How long a connection may take, handshake included.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Why the cloud could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// `cloud_url` is no address.
    #[error("cloud_url {0:?} is not of the form https://host:port")]
    Url(String),
    /// The identity on disk cannot be used.
    #[error("the identity on disk cannot be used: {0}")]
    Identity(String),
    /// No connection.
    #[error("the cloud at {url} is out of reach: {problem}")]
    OutOfReach {
        /// Where it was tried.
        url: String,
        /// What happened.
        problem: String,
    },
}

/// Makes connections to one cloud.
pub struct Connector {
    url: String,
    host: String,
    port: u16,
    config: Arc<ClientConfig>,
}

impl Connector {
    /// Trusts only the authority whose certificate has this SHA-256.
    ///
    /// # Errors
    /// [`ConnectError::Url`].
    pub fn by_fingerprint(url: &str, fingerprint: [u8; 32]) -> Result<Self, ConnectError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Fingerprint { fingerprint, provider: provider.clone() };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ConnectError::Identity(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Self::new(url, config)
    }

    /// Trusts the identity's authority and shows the identity's certificate.
    ///
    /// # Errors
    /// [`ConnectError::Url`] or [`ConnectError::Identity`].
    pub fn by_identity(url: &str, identity: &Identity) -> Result<Self, ConnectError> {
        let unusable = |problem: String| ConnectError::Identity(problem);
        let mut roots = RootCertStore::empty();
        for ca in CertificateDer::pem_slice_iter(identity.ca_pem.as_bytes()) {
            let ca = ca.map_err(|error| unusable(format!("authority: {error}")))?;
            roots.add(ca).map_err(|error| unusable(format!("authority: {error}")))?;
        }
        let chain: Vec<_> = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| unusable(format!("certificate: {error}")))?;
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())
            .map_err(|error| unusable(format!("key: {error}")))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| unusable(error.to_string()))?;
        Self::new(url, config)
    }

    fn new(url: &str, mut config: ClientConfig) -> Result<Self, ConnectError> {
        config.alpn_protocols = vec![b"h2".to_vec()];
        let wrong = || ConnectError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("https") {
            return Err(wrong());
        }
        let host = uri.host().ok_or_else(wrong)?.to_owned();
        Ok(Self { url: url.to_owned(), host, port: uri.port_u16().unwrap_or(443), config: Arc::new(config) })
    }

    /// Connects and shakes hands.
    ///
    /// # Errors
    /// [`ConnectError::OutOfReach`].
    pub async fn connect(&self) -> Result<Channel, ConnectError> {
        let out_of_reach = |problem: String| ConnectError::OutOfReach { url: self.url.clone(), problem };
        let name =
            ServerName::try_from(self.host.clone()).map_err(|_| ConnectError::Url(self.url.clone()))?;
        let (host, port, config) = (self.host.clone(), self.port, self.config.clone());
        let connector = service_fn(move |_: Uri| {
            let (host, config, name) = (host.clone(), config.clone(), name.clone());
            async move {
                let stream = TcpStream::connect((host.as_str(), port)).await?;
                stream.set_nodelay(true)?;
                let stream = TlsConnector::from(config).connect(name, stream).await?;
                Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
            }
        });
        // TLS is ours, so tonic is told a plain address; it only fills `:authority`.
        let endpoint = Endpoint::from_shared(self.url.replacen("https://", "http://", 1))
            .map_err(|_| ConnectError::Url(self.url.clone()))?
            .connect_timeout(CONNECT_WITHIN)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .initial_stream_window_size(4 * 1024 * 1024)
            .initial_connection_window_size(8 * 1024 * 1024);
        match tokio::time::timeout(CONNECT_WITHIN, endpoint.connect_with_connector(connector)).await {
            Ok(Ok(channel)) => Ok(channel),
            Ok(Err(error)) => Err(out_of_reach(causes(&error))),
            Err(_) => Err(out_of_reach(format!("no answer within {CONNECT_WITHIN:?}"))),
        }
    }
}

/// An error with what caused it; a transport's own text says next to nothing.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let line = cause.to_string();
        if !text.contains(&line) {
            text = format!("{text}: {line}");
        }
        next = cause.source();
    }
    text
}

/// Accepts a server whose chain ends in the authority with this fingerprint.
#[derive(Debug)]
struct Fingerprint {
    fingerprint: [u8; 32],
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl ServerCertVerifier for Fingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = intermediates
            .iter()
            .find(|certificate| Sha256::digest(certificate.as_ref()).as_slice() == self.fingerprint)
            .ok_or_else(|| {
                rustls::Error::General("this cloud is not the one that the enrolment token is for".into())
            })?;
        // The fingerprint makes it a root; the rest is checked as for any server.
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
