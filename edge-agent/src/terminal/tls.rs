//! The certificate of the terminal pages: the plant's own, or one that the
//! agent signs itself at its first start and keeps.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why the pages cannot be served over TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} holds no {expected} in PEM form")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What was expected there.
        expected: &'static str,
    },
    /// Certificate and key do not make a server.
    #[error("the certificate and key of the terminal pages cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
    /// A certificate could not be made.
    #[error("cannot make a certificate for the terminal pages: {0}")]
    Generate(#[from] rcgen::Error),
}

/// The TLS configuration: from the plant's files when both are named, else from
/// `terminal-cert.pem` and `terminal-key.pem` in `data_dir`, made when missing
/// for `localhost` and the host part of the address listened on.
///
/// # Errors
/// [`TlsError`], naming the file.
pub fn server_config(
    own: Option<(&Path, &Path)>,
    data_dir: &Path,
    host: &str,
) -> Result<Arc<ServerConfig>, TlsError> {
    let (certificate, key) = match own {
        Some((certificate, key)) => (certificate.to_owned(), key.to_owned()),
        None => self_signed(data_dir, host)?,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect)
        .map_err(|_| TlsError::Pem { path: certificate.clone(), expected: "certificate" })?;
    let private = PrivateKeyDer::from_pem_file(&key)
        .map_err(|_| TlsError::Pem { path: key.clone(), expected: "private key" })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn self_signed(data_dir: &Path, host: &str) -> Result<(PathBuf, PathBuf), TlsError> {
    let certificate = data_dir.join("terminal-cert.pem");
    let key = data_dir.join("terminal-key.pem");
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    if !names.iter().any(|name| name == host) {
        names.push(host.to_owned());
    }
    let made = rcgen::generate_simple_self_signed(names)?;
    write(&key, made.signing_key.serialize_pem().as_bytes())?;
    write(&certificate, made.cert.pem().as_bytes())?;
    Ok((certificate, key))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    let told = |source| TlsError::File { path: path.to_owned(), source };
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(told)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        server_config(None, dir.path(), "10.0.0.5").unwrap();
        let first = fs::read(dir.path().join("terminal-cert.pem")).unwrap();
        server_config(None, dir.path(), "10.0.0.5").unwrap();
        assert_eq!(first, fs::read(dir.path().join("terminal-cert.pem")).unwrap());
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pem");
        fs::write(&file, "nothing").unwrap();
        let error = server_config(Some((&file, &file)), dir.path(), "h").unwrap_err();
        assert!(error.to_string().contains("x.pem"), "{error}");
    }
}
