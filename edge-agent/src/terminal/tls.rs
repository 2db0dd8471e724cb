//! The certificate of the terminal pages: the plant's own, or one that the
//! agent signs itself at its first start and keeps.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::GeneralName;

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
/// `terminal-cert.pem` and `terminal-key.pem` in `data_dir`. Those are made when
/// they are missing, lack one of `names`, or end soon.
///
/// # Errors
/// [`TlsError`], naming the file.
pub fn server_config(
    own: Option<(&Path, &Path)>,
    data_dir: &Path,
    names: &[String],
) -> Result<Arc<ServerConfig>, TlsError> {
    let (certificate, key) = match own {
        Some((certificate, key)) => (certificate.to_owned(), key.to_owned()),
        None => self_signed(data_dir, names)?,
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

/// How long a certificate is good: devices refuse one that says longer.
const GOOD_DAYS: u64 = 820;
/// One that ends sooner is made anew at the start.
const RENEW_DAYS: u64 = 90;

fn self_signed(data_dir: &Path, names: &[String]) -> Result<(PathBuf, PathBuf), TlsError> {
    let certificate = data_dir.join("terminal-cert.pem");
    let key = data_dir.join("terminal-key.pem");
    if key.exists() && serves(&certificate, names) {
        return Ok((certificate, key));
    }
    let mut params = rcgen::CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Tracewright stations");
    let now = SystemTime::now();
    // A device's clock may be behind.
    params.not_before = (now - days(1)).into();
    params.not_after = (now + days(GOOD_DAYS)).into();
    let pair = rcgen::KeyPair::generate()?;
    let made = params.self_signed(&pair)?;
    write(&key, pair.serialize_pem().as_bytes())?;
    write(&certificate, made.pem().as_bytes())?;
    Ok((certificate, key))
}

/// Whether this certificate names all of them and is good for a while.
fn serves(certificate: &Path, names: &[String]) -> bool {
    let Ok(der) = CertificateDer::from_pem_file(certificate) else { return false };
    let Ok((_, read)) = x509_parser::parse_x509_certificate(&der) else { return false };
    let left = SystemTime::now() + days(RENEW_DAYS);
    let until = u64::try_from(read.validity().not_after.timestamp()).unwrap_or(0);
    if left.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() > until {
        return false;
    }
    let Ok(Some(named)) = read.subject_alternative_name() else { return false };
    let named: Vec<String> = named.value.general_names.iter().filter_map(text_of).collect();
    names.iter().all(|name| named.contains(name))
}

fn text_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
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

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_certificate_is_kept_while_it_names_what_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("terminal-cert.pem");
        let made = |wanted: &[&str]| {
            server_config(None, dir.path(), &names(wanted)).unwrap();
            fs::read(&file).unwrap()
        };
        let first = made(&["localhost", "10.0.0.5"]);
        assert_eq!(first, made(&["localhost", "10.0.0.5"]));
        assert_eq!(first, made(&["10.0.0.5"]), "a name less is no reason");
        let second = made(&["localhost", "10.0.0.5", "agent.plant.local", "fe80::1"]);
        assert_ne!(first, second);
        assert!(serves(&file, &names(&["agent.plant.local", "fe80::1", "10.0.0.5"])));
        assert!(!serves(&file, &names(&["10.0.0.6"])));
    }

    #[test]
    fn a_certificate_that_ends_soon_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("terminal-cert.pem");
        let mut params = rcgen::CertificateParams::new(names(&["localhost"])).unwrap();
        params.not_after = (SystemTime::now() + days(RENEW_DAYS - 1)).into();
        let pair = rcgen::KeyPair::generate().unwrap();
        fs::write(&file, params.self_signed(&pair).unwrap().pem()).unwrap();
        assert!(!serves(&file, &names(&["localhost"])));
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.pem");
        fs::write(&file, "nothing").unwrap();
        let error = server_config(Some((&file, &file)), dir.path(), &[]).unwrap_err();
        assert!(error.to_string().contains("x.pem"), "{error}");
    }
}
