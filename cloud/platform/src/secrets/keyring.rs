//! The keys by name, in the order in which they were added.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hmac;

use super::SecretError;

/// Keys by name; the last one seals.
#[derive(Default)]
pub(super) struct Ring {
    keys: Vec<(String, LessSafeKey)>,
    /// What values are found by, one of each key and in their order.
    finders: Vec<hmac::Key>,
    text: String,
}

/// A key as a line of the ring's text.
pub(super) fn line(name: &str, bytes: &[u8]) -> String {
    format!("{name}:{}\n", STANDARD.encode(bytes))
}

impl Ring {
    /// The ring of a text with a key in each line; empty lines are no matter.
    pub(super) fn parse(text: &str) -> Result<Self, SecretError> {
        let mut ring = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, key) = line.split_once(':').ok_or(SecretError::Form)?;
            let named = (1..=32).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !named || ring.key(name).is_some() {
                return Err(SecretError::Form);
            }
            let bytes = STANDARD.decode(key.trim()).map_err(|_| SecretError::Form)?;
            let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| SecretError::Form)?;
            ring.keys.push((name.to_owned(), LessSafeKey::new(key)));
            // A key for one use is not used for another.
            let root = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
            let finder = hmac::sign(&root, b"tracewright blind index");
            ring.finders.push(hmac::Key::new(hmac::HMAC_SHA256, finder.as_ref()));
            ring.text.push_str(line);
            ring.text.push('\n');
        }
        if ring.keys.is_empty() { Err(SecretError::Form) } else { Ok(ring) }
    }

    pub(super) fn key(&self, name: &str) -> Option<&LessSafeKey> {
        self.keys.iter().find(|(known, _)| known == name).map(|(_, key)| key)
    }

    pub(super) fn last(&self) -> Option<(&str, &LessSafeKey)> {
        self.keys.last().map(|(name, key)| (name.as_str(), key))
    }

    /// What values are found by; the last one for what is written now.
    pub(super) fn finders(&self) -> &[hmac::Key] {
        &self.finders
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The ring as [`Ring::parse`] reads it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
