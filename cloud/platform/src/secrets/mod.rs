//! Fields that a copy of the database must not tell: sealed with AES-256-GCM
//! under a key that stays outside of it.
//!
//! The keys stand in a ring: the last one seals, all of them open. What is sealed
//! names its key, and opens only for the tenant and the field that it was sealed
//! for. A ring that comes from a file is read again once the file is another one, so
//! that a key which one process adds is at once the one that all of them seal with.

mod keyring;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use ring::aead::{Aad, NONCE_LEN, Nonce};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

use self::keyring::Ring;
use crate::private_file::{self, ReadError};

/// First byte of everything sealed; another way of sealing gets another.
const FORM: u8 = 1;
/// Name of the file in the state folder.
pub const FILE: &str = "secrets.keys";

/// Why something was not sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read or written.
    #[error("the keys of secrets in {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner may read the file.
    #[error("the keys of secrets in {path} may be read by others (mode {mode:o}); make it 0600")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Not `name:key` in each line, or a name twice.
    #[error(
        "a key of secrets is `name:key`, with a name of 1 to 32 letters, digits and dashes, used once, \
         and 32 bytes in base64"
    )]
    Form,
    /// This process was given no keys.
    #[error("no keys of secrets were given")]
    NoKeys,
    /// It was sealed under a key that is not in the ring.
    #[error("it was sealed under the key {0}, which is not there")]
    UnknownKey(String),
    /// Sealed for another tenant or field, or damaged.
    #[error("it was sealed for something else, or is damaged")]
    Broken,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// Seals and opens secrets; cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    inner: Arc<Inner>,
}

struct Inner {
    ring: RwLock<Ring>,
    /// Where the ring comes from, to be read again when a key was added.
    path: Option<PathBuf>,
    /// The file as it was last looked at.
    seen: Mutex<Option<Stamp>>,
}

/// What tells the file from one that was there before, or was written over: its
/// number, its size, and when it was last changed.
type Stamp = (u64, u64, i64, i64);

/// `None` when there is no such file.
fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ino(), found.size(), found.ctime(), found.ctime_nsec()))
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    fn of(ring: Ring, file: Option<(PathBuf, Option<Stamp>)>) -> Self {
        let (path, seen) = file.map_or((None, None), |(path, seen)| (Some(path), seen));
        Self { inner: Arc::new(Inner { ring: RwLock::new(ring), path, seen: Mutex::new(seen) }) }
    }

    /// Without keys: whoever wants to seal or open is told so.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Ring::default(), None)
    }

    /// Under a key that is gone with the process: for tests.
    ///
    /// # Errors
    /// [`SecretError::Random`].
    pub fn passing() -> Result<Self, SecretError> {
        Ok(Self::of(Ring::parse(&new_key("passing")?)?, None))
    }

    /// The ring in a file, made at first use with one key and mode 0600.
    ///
    /// # Errors
    /// [`SecretError`] when the file is there but unreadable, open to others, or
    /// holds something else: it is never replaced.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretError> {
        if !path.exists() {
            let text = new_key("k1")?;
            private_file::create(path, &text)
                .map_err(|source| SecretError::Io { path: path.to_owned(), source })?;
        }
        // Looked at first: what changes while it is read is read again.
        let seen = stamp(path);
        Ok(Self::of(read(path)?, Some((path.to_owned(), seen))))
    }

    /// A ring of these keys, each `name:base64`; the last one seals.
    ///
    /// # Errors
    /// [`SecretError::Form`], [`SecretError::NoKeys`].
    pub fn from_keys(keys: &[String]) -> Result<Self, SecretError> {
        if keys.is_empty() {
            return Err(SecretError::NoKeys);
        }
        Ok(Self::of(Ring::parse(&keys.join("\n"))?, None))
    }

    /// Adds a key to the ring's file, under which everything is sealed from now
    /// on; answers its name. Keys before stay, and open what they sealed.
    ///
    /// # Errors
    /// [`SecretError::NoKeys`] when the ring does not come from a file.
    pub fn add_key(&self) -> Result<String, SecretError> {
        let path = self.inner.path.as_ref().ok_or(SecretError::NoKeys)?;
        let ring = read(path)?;
        let name = (1..).map(|n| format!("k{}", ring.len() + n)).find(|name| ring.key(name).is_none());
        // Endless numbers hold one that is free.
        let name = name.ok_or(SecretError::Form)?;
        let text = format!("{}{}", ring.text(), new_key(&name)?);
        private_file::replace(path, &text)
            .map_err(|source| SecretError::Io { path: path.clone(), source })?;
        self.read_again()?;
        Ok(name)
    }

    /// Seals a field of a tenant; at most some kilobytes.
    ///
    /// # Errors
    /// [`SecretError::NoKeys`], [`SecretError::Random`].
    pub fn seal(&self, tenant: Uuid, field: &str, plain: &[u8]) -> Result<Vec<u8>, SecretError> {
        let ring = self.newest();
        let (name, key) = ring.last().ok_or(SecretError::NoKeys)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| SecretError::Random)?;
        let mut sealed = plain.to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(purpose(tenant, field)),
            &mut sealed,
        )
        .map_err(|_| SecretError::Random)?;
        // A name has at most 32 bytes.
        let head = [FORM, u8::try_from(name.len()).unwrap_or(u8::MAX)];
        Ok([&head[..], name.as_bytes(), &nonce[..], &sealed].concat())
    }

    /// Opens what [`Secrets::seal`] made for the same tenant and field.
    ///
    /// # Errors
    /// [`SecretError::UnknownKey`], [`SecretError::Broken`].
    pub fn open(&self, tenant: Uuid, field: &str, sealed: &[u8]) -> Result<Vec<u8>, SecretError> {
        let (name, rest) = parts(sealed)?;
        let known =
            |this: &Self| this.inner.ring.read().unwrap_or_else(PoisonError::into_inner).key(name).is_some();
        // Another process may have added it.
        if !known(self) && self.inner.path.is_some() {
            self.read_again()?;
        }
        let ring = self.inner.ring.read().unwrap_or_else(PoisonError::into_inner);
        let key = ring.key(name).ok_or_else(|| SecretError::UnknownKey(name.to_owned()))?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SecretError::Broken)?;
        let mut rest = rest.to_vec();
        let plain = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(purpose(tenant, field)), &mut rest)
            .map_err(|_| SecretError::Broken)?;
        Ok(plain.to_vec())
    }

    /// The same secret under the key that seals now; `None` when it is already.
    ///
    /// # Errors
    /// As [`Secrets::open`].
    pub fn reseal(&self, tenant: Uuid, field: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, SecretError> {
        let plain = self.open(tenant, field, sealed)?;
        let (name, _) = parts(sealed)?;
        let current = self.newest().last().is_some_and(|(last, _)| last == name);
        if current { Ok(None) } else { self.seal(tenant, field, &plain).map(Some) }
    }

    /// What a value of a field is found by, without opening any: a keyed hash, first
    /// as it is written now, then as keys before wrote it. Equal values of one
    /// tenant's field have equal ones, and those of others have not.
    ///
    /// # Errors
    /// [`SecretError::NoKeys`].
    pub fn blind(&self, tenant: Uuid, field: &str, plain: &[u8]) -> Result<Vec<Vec<u8>>, SecretError> {
        let ring = self.newest();
        if ring.finders().is_empty() {
            return Err(SecretError::NoKeys);
        }
        let of = |key: &hmac::Key| {
            let mut context = hmac::Context::with_key(key);
            context.update(tenant.as_bytes());
            context.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(field.as_bytes());
            context.update(plain);
            // Half of it is enough to tell values apart.
            context.sign().as_ref().iter().take(16).copied().collect()
        };
        Ok(ring.finders().iter().rev().map(of).collect())
    }

    /// The ring as the file has it now. To ask the file system costs a microsecond,
    /// much less than what a sealed field is written with, so it is asked each time:
    /// nothing goes on under an old key after `secrets rotate` has said that it is
    /// done.
    fn newest(&self) -> RwLockReadGuard<'_, Ring> {
        if let Some(path) = &self.inner.path {
            let mut seen = self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let now = stamp(path);
            if *seen != now {
                // Told once for each change: the ring from before seals as well, and a
                // file that somebody is working on must not stop everything.
                *seen = now;
                if let Err(error) = self.read_again() {
                    tracing::warn!(%error, "the keys of secrets changed and are not used; those from before are");
                }
            }
        }
        self.inner.ring.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_again(&self) -> Result<(), SecretError> {
        if let Some(path) = &self.inner.path {
            let ring = read(path)?;
            *self.inner.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        }
        Ok(())
    }
}

fn purpose(tenant: Uuid, field: &str) -> Vec<u8> {
    [tenant.as_bytes(), field.as_bytes()].concat()
}

/// The name of the key, and what stands after it.
fn parts(sealed: &[u8]) -> Result<(&str, &[u8]), SecretError> {
    let (&[form, length], rest) = sealed.split_first_chunk::<2>().ok_or(SecretError::Broken)?;
    if form != FORM {
        return Err(SecretError::Broken);
    }
    let (name, rest) = rest.split_at_checked(usize::from(length)).ok_or(SecretError::Broken)?;
    Ok((std::str::from_utf8(name).map_err(|_| SecretError::Broken)?, rest))
}

fn read(path: &Path) -> Result<Ring, SecretError> {
    let text = private_file::read(path).map_err(|error| match error {
        ReadError::Io(source) => SecretError::Io { path: path.to_owned(), source },
        ReadError::Open(mode) => SecretError::Open { path: path.to_owned(), mode },
    })?;
    Ring::parse(&text)
}

/// A line of the ring's text with a new key.
fn new_key(name: &str) -> Result<String, SecretError> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::Random)?;
    Ok(keyring::line(name, &bytes))
}

#[cfg(test)]
mod tests;
