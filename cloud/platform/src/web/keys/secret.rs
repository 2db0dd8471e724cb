//! Random secrets and their hashes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

/// What an access key begins with, so that scanners for leaked keys know one.
const KEY_PREFIX: &str = "twk_";
/// 32 bytes in base64url.
const ENCODED: usize = 43;

/// The hash by which a secret is stored and looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Names a key in logs and the audit; does not help to guess it.
    #[must_use]
    pub fn short(&self) -> String {
        self.0[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The first bytes of a hash whose [`SecretHash::short`] is `id`.
    pub(crate) fn begins(id: &str) -> Option<[u8; 8]> {
        let number = (id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)?;
        Some(u64::from_str_radix(number, 16).ok()?.to_be_bytes())
    }
}

/// A secret in clear; shown once and not kept.
#[derive(Clone)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A new one, without prefix: a session or a code.
    pub(crate) fn token() -> Self {
        let mut bytes = [0_u8; 32];
        OsRng.try_fill_bytes(&mut bytes).expect("the system has random numbers");
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// One that somebody presented, and that was found to be good.
    pub(crate) fn presented(token: &str) -> Self {
        Self(token.to_owned())
    }

    /// A new access key.
    pub(super) fn key() -> Self {
        Self(format!("{KEY_PREFIX}{}", Self::token().0))
    }

    /// The text, to show once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        hash(&self.0)
    }
}

/// The hash of a key as somebody presents it; `None` if it cannot be one.
pub(super) fn hash_of_key(presented: &str) -> Option<SecretHash> {
    let encoded = presented.strip_prefix(KEY_PREFIX)?;
    is_encoded(encoded).then(|| hash(presented))
}

/// The hash of a session or code as somebody presents it.
pub(crate) fn hash_of_token(presented: &str) -> Option<SecretHash> {
    is_encoded(presented).then(|| hash(presented))
}

fn is_encoded(text: &str) -> bool {
    text.len() == ENCODED && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn hash(text: &str) -> SecretHash {
    SecretHash(Sha256::digest(text.as_bytes()).into())
}
