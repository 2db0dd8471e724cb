//! The master key of this installation, and what is sealed with it.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::private_file::{self, ReadError};

/// First byte of everything sealed; another way of sealing gets another.
const FORM: u8 = 1;

/// Why the master key could not be had, or a seal not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file could not be read or made.
    #[error("the master key {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("the master key {0} is not 32 bytes in base64")]
    Form(PathBuf),
    /// Others than its owner may read the file.
    #[error("the master key {path} may be read by others (mode {mode:o}); make it 0600")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The seal was made with another key, for another purpose, or is damaged.
    #[error("cannot be opened with this master key: it was sealed with another one, or is damaged")]
    Broken,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// AES-256-GCM under one key, which stays outside the database: a copy of the
/// database alone opens nothing.
pub struct MasterKey {
    key: LessSafeKey,
    random: SystemRandom,
}

impl MasterKey {
    /// The key in the file at `path` (32 bytes in base64), made at first use
    /// with mode 0600. Two processes at once make one key.
    ///
    /// # Errors
    /// [`SealError`] when the file is there but unreadable, open to others, or
    /// holds something else: it is never replaced.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        let failed = |source| SealError::Io { path: path.to_owned(), source };
        if !path.exists() {
            let mut bytes = [0_u8; 32];
            SystemRandom::new().fill(&mut bytes).map_err(|_| SealError::Random)?;
            private_file::create(path, &STANDARD.encode(bytes)).map_err(failed)?;
        }
        let text = private_file::read(path).map_err(|error| match error {
            ReadError::Io(source) => failed(source),
            ReadError::Open(mode) => SealError::Open { path: path.to_owned(), mode },
        })?;
        STANDARD
            .decode(text.trim())
            .ok()
            .and_then(|bytes| Self::from_bytes(&bytes))
            .ok_or_else(|| SealError::Form(path.to_owned()))
    }

    /// A key of 32 bytes; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?),
            random: SystemRandom::new(),
        })
    }

    /// Seals `plain` for one purpose; it opens only with the same `purpose`.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| SealError::Random)?;
        let mut sealed = plain.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| SealError::Random)?;
        Ok([&[FORM], &nonce[..], &sealed].concat())
    }

    /// Opens what [`MasterKey::seal`] made for the same purpose.
    ///
    /// # Errors
    /// [`SealError::Broken`].
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let rest = sealed.strip_prefix(&[FORM]).ok_or(SealError::Broken)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Broken)?;
        let mut rest = rest.to_vec();
        let plain = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(purpose.as_bytes()), &mut rest)
            .map_err(|_| SealError::Broken)?;
        Ok(plain.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_to_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let sealed = MasterKey::load_or_create(&path).unwrap().seal("test", b"secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let again = MasterKey::load_or_create(&path).unwrap();
        assert_eq!(again.open("test", &sealed).unwrap(), b"secret");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(MasterKey::load_or_create(&path), Err(SealError::Open { mode: 0o644, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(MasterKey::load_or_create(&path), Err(SealError::Form(_))));
    }

    #[test]
    fn only_the_same_key_and_purpose_open_a_seal() {
        let key = MasterKey::from_bytes(&[1; 32]).unwrap();
        let sealed = key.seal("a", b"secret").unwrap();
        assert_ne!(sealed, key.seal("a", b"secret").unwrap());
        assert!(key.open("b", &sealed).is_err());
        assert!(MasterKey::from_bytes(&[2; 32]).unwrap().open("a", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(key.open("a", &damaged).is_err(), "byte {at}");
        }
        assert!(key.open("a", &[]).is_err());
        assert!(MasterKey::from_bytes(&[0; 31]).is_none());
    }
}
