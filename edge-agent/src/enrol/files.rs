//! The identity on disk: one JSON file, readable by its owner only, replaced
//! as a whole.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Name of the file in the data folder.
const FILE: &str = "identity.json";

/// Who this agent is, and how it proves that.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The agent.
    pub agent_id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// Tenant's code.
    pub tenant: String,
    /// Plant's code.
    pub plant: String,
    /// The epoch that the cloud gave at enrolment.
    pub epoch: u32,
    /// Certificate in PEM.
    pub certificate_pem: String,
    /// The authority's certificate in PEM.
    pub ca_pem: String,
    /// Private key in PEM.
    pub key_pem: String,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is damaged.
    #[error("{} is damaged ({source}); restore it, or enrol this agent again with a new token", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl Identity {
    /// Reads the identity in a data folder; `None` before enrolment.
    ///
    /// # Errors
    /// [`FileError`] when there is one that cannot be read.
    pub fn load(data_dir: &Path) -> Result<Option<Self>, FileError> {
        let path = data_dir.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(FileError::Io { path, source }),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|source| FileError::Damaged { path, source })
    }

    /// Writes it beside and moves it into place, flushed to disk both times.
    ///
    /// # Errors
    /// [`FileError`] when the folder cannot be written.
    pub fn save(&self, data_dir: &Path) -> Result<(), FileError> {
        let path = data_dir.join(FILE);
        let part = data_dir.join(format!("{FILE}.part"));
        let told = |source| FileError::Io { path: path.clone(), source };
        let json = serde_json::to_vec_pretty(self).map_err(|e| told(std::io::Error::other(e)))?;
        let write = || -> std::io::Result<()> {
            let mut file =
                fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&part)?;
            file.write_all(&json)?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            fs::File::open(data_dir)?.sync_all()
        };
        write().map_err(told)
    }

    /// When the certificate was issued and when it ends; `None` if it cannot be read.
    #[must_use]
    pub fn validity(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(self.certificate_pem.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        let validity = certificate.validity();
        Some((
            DateTime::from_timestamp(validity.not_before.timestamp(), 0)?,
            DateTime::from_timestamp(validity.not_after.timestamp(), 0)?,
        ))
    }

    /// Whether half of the certificate's life is over.
    #[must_use]
    pub fn due_for_renewal(&self, now: DateTime<Utc>) -> bool {
        self.validity().is_some_and(|(from, to)| now >= from + (to - from) / 2)
    }
}

impl std::fmt::Debug for Identity {
    /// Leaves the key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({} of {}-{})", self.agent_id, self.tenant, self.plant)
    }
}

/// An opaque id of this machine: a hash of the system's own, or of
/// `TRACEWRIGHT_MACHINE_ID` where several agents share one machine on purpose.
#[must_use]
pub fn machine_id() -> String {
    let own = std::env::var("TRACEWRIGHT_MACHINE_ID").ok().filter(|id| !id.is_empty());
    let system = || {
        ["/etc/machine-id", "/var/lib/dbus/machine-id"]
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    // Without any, clones of this machine cannot be told apart by it; the mark
    // and the chain still tell.
    own.or_else(system).map_or_else(String::new, |id| {
        let digest = Sha256::digest(format!("tracewright.machine.v1:{id}").as_bytes());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_kept_whole_and_to_itself() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Identity::load(dir.path()).unwrap(), None);
        let made = rcgen::generate_simple_self_signed(vec!["x".into()]).unwrap();
        let identity = Identity {
            agent_id: Uuid::now_v7(),
            tenant_id: Uuid::now_v7(),
            tenant: "SAIF".into(),
            plant: "KOL".into(),
            epoch: 1,
            certificate_pem: made.cert.pem(),
            ca_pem: made.cert.pem(),
            key_pem: made.signing_key.serialize_pem(),
        };
        identity.save(dir.path()).unwrap();
        assert_eq!(Identity::load(dir.path()).unwrap(), Some(identity.clone()));
        let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (from, to) = identity.validity().unwrap();
        assert!(!identity.due_for_renewal(from));
        assert!(identity.due_for_renewal(from + (to - from) / 2));
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(Identity::load(dir.path()).unwrap_err().to_string().contains("damaged"));
    }
}
