//! What the cloud signs, in the plain text form of C2SP's signed notes.
//!
//! A note is lines of text, an empty line, and a line `— NAME SIGNATURE` with an Ed25519
//! signature over the lines before the empty one. Two kinds are signed:
//!
//! ```text
//! tracewright/SAIF/01900000-0000-7000-8000-000000000001      the log: tenant's code and id
//! 41                                                         leaves of the tree
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=               its root
//! time 2026-11-26T21:00:00Z                                  when it was signed
//! generation 0                                               how often the data was restored
//! ```
//!
//! the head of a tree, which is a C2SP checkpoint, and
//!
//! ```text
//! tracewright/SAIF/01900000-0000-7000-8000-000000000001/history
//! UID-SAIF-KOL-FG-000001-7F                                  a unit
//! 7                                                          leaves that name it
//! 40                                                         the last of them
//! 41                                                         in the tree of this size
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=               and this root
//! ```
//!
//! that a history is complete. The first lines differ, so neither passes for the other.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};

use crate::merkle::Hash;

/// C2SP's number of Ed25519 signatures.
const ED25519_NOTE: u8 = 1;
/// What begins the line of a signature.
const DASH: &str = "\u{2014} ";

/// Why a note is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not in the form.
    #[error("{0}")]
    Form(&'static str),
    /// Another key signed it, or none.
    #[error("the signature is not that of the key {0} over this text")]
    Signature(String),
    /// The key pair could not be made or read.
    #[error("the key of signatures cannot be used")]
    Key,
}

/// The key that a log's signatures are checked by, as C2SP writes it:
/// `NAME+ID+BASE64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Name of the log.
    pub name: String,
    /// The key itself.
    pub bytes: [u8; 32],
}

impl PublicKey {
    fn hash(&self) -> [u8; 4] {
        let mut hasher = Sha256::new();
        hasher.update(self.name.as_bytes());
        hasher.update([b'\n', ED25519_NOTE]);
        hasher.update(self.bytes);
        let [a, b, c, d, ..]: Hash = hasher.finalize().into();
        [a, b, c, d]
    }

    /// Its id: eight hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{:08x}", u32::from_be_bytes(self.hash()))
    }

    /// A key as [`PublicKey`] writes it.
    ///
    /// # Errors
    /// [`NoteError::Form`], also when the id is not that of name and key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        // A key in base64 may hold a plus, the name and the id do not.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Form("a key is NAME+ID+BASE64"));
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Form("the key is not in base64"))?;
        let Some((&ED25519_NOTE, bytes)) = bytes.split_first() else {
            return Err(NoteError::Form("the key is not one of Ed25519"));
        };
        let bytes = bytes.try_into().map_err(|_| NoteError::Form("a key has 32 bytes"))?;
        let key = Self { name: name.to_owned(), bytes };
        if !good_name(name) || key.id() != id {
            return Err(NoteError::Form("the id of the key is not that of its name and bytes"));
        }
        Ok(key)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519_NOTE][..], &self.bytes[..]].concat());
        write!(f, "{}+{}+{key}", self.name, self.id())
    }
}

fn good_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'+')
}

/// A key that signs.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Signer {
    /// Makes a key; answers it in the form in which it is kept secret (PKCS#8).
    ///
    /// # Errors
    /// [`NoteError::Key`] when the system gives no random numbers.
    pub fn make() -> Result<Vec<u8>, NoteError> {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| NoteError::Key)?;
        Ok(made.as_ref().to_vec())
    }

    /// The key that [`Signer::make`] made, for the log of that name.
    ///
    /// # Errors
    /// [`NoteError::Key`], [`NoteError::Form`] for a name that a note cannot carry.
    pub fn open(name: &str, secret: &[u8]) -> Result<Self, NoteError> {
        if !good_name(name) {
            return Err(NoteError::Form("a name is of visible ASCII without a plus"));
        }
        let pair = Ed25519KeyPair::from_pkcs8(secret).map_err(|_| NoteError::Key)?;
        let bytes = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key)?;
        Ok(Self { pair, public: PublicKey { name: name.to_owned(), bytes } })
    }

    /// The key for the others.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The note: the text, which ends with a line break, and its signature.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        let signature = self.pair.sign(text.as_bytes());
        let signature = [&self.public.hash()[..], signature.as_ref()].concat();
        format!("{text}\n{DASH}{} {}\n", self.public.name, STANDARD.encode(signature))
    }
}

/// The text of a note that the key has signed, once and alone.
///
/// # Errors
/// [`NoteError`].
pub fn opened<'n>(note: &'n str, key: &PublicKey) -> Result<&'n str, NoteError> {
    let form = NoteError::Form("a note is a text, an empty line, and the line of one signature");
    let (text, line) = note.rsplit_once("\n\n").ok_or(form.clone())?;
    // The line break before the empty line is part of the text.
    let text = note.get(..=text.len()).ok_or(form.clone())?;
    let rest = line.strip_prefix(DASH).and_then(|line| line.strip_suffix('\n')).ok_or(form.clone())?;
    let (name, signature) = rest.split_once(' ').ok_or(form)?;
    let wrong = || NoteError::Signature(key.id());
    let signature = STANDARD.decode(signature).map_err(|_| wrong())?;
    let (hash, signature) = signature.split_first_chunk::<4>().ok_or_else(wrong)?;
    if name != key.name || *hash != key.hash() {
        return Err(wrong());
    }
    UnparsedPublicKey::new(&ED25519, key.bytes).verify(text.as_bytes(), signature).map_err(|_| wrong())?;
    Ok(text)
}

/// The head of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Name of the log.
    pub log: String,
    /// Leaves.
    pub size: u64,
    /// Root.
    pub root: Hash,
    /// When it was signed, in RFC 3339.
    pub time: String,
    /// The generation of the tenant's data: it rises when a backup is restored.
    pub generation: u64,
}

impl Head {
    /// As it is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { log, size, root, time, generation } = self;
        format!("{log}\n{size}\n{}\ntime {time}\ngeneration {generation}\n", STANDARD.encode(root))
    }

    /// Reads and checks a signed one.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn open(note: &str, key: &PublicKey) -> Result<Self, NoteError> {
        let text = opened(note, key)?;
        let form = NoteError::Form("a head is log, size, root, time and generation, a line each");
        let lines: Vec<&str> = text.lines().collect();
        let [log, size, root, time, generation] = lines[..] else { return Err(form) };
        let read = || {
            Some(Self {
                log: log.to_owned(),
                size: size.parse().ok()?,
                root: hash(root)?,
                time: time.strip_prefix("time ")?.to_owned(),
                generation: generation.strip_prefix("generation ")?.parse().ok()?,
            })
        };
        let head = read().filter(|head| head.text() == text && head.log == key.name);
        head.ok_or(form)
    }
}

/// That a history is complete: so many leaves of a tree name a unit, and this is the
/// last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complete {
    /// Name of the log.
    pub log: String,
    /// The unit.
    pub uid: String,
    /// Leaves that name it.
    pub count: u64,
    /// Number of the last one.
    pub last: u64,
    /// The tree's size.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
}

impl Complete {
    /// As it is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { log, uid, count, last, size, root } = self;
        format!("{log}/history\n{uid}\n{count}\n{last}\n{size}\n{}\n", STANDARD.encode(root))
    }

    /// Reads and checks a signed one.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn open(note: &str, key: &PublicKey) -> Result<Self, NoteError> {
        let text = opened(note, key)?;
        let form =
            NoteError::Form("a completeness is log, UID, count, last leaf, size and root, a line each");
        let lines: Vec<&str> = text.lines().collect();
        let [log, uid, count, last, size, root] = lines[..] else { return Err(form) };
        let read = || {
            Some(Self {
                log: log.strip_suffix("/history")?.to_owned(),
                uid: uid.to_owned(),
                count: count.parse().ok()?,
                last: last.parse().ok()?,
                size: size.parse().ok()?,
                root: hash(root)?,
            })
        };
        let complete = read().filter(|complete| complete.text() == text && complete.log == key.name);
        complete.ok_or(form)
    }
}

fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::open("tracewright/SAIF/1", &Signer::make().unwrap()).unwrap()
    }

    fn head() -> Head {
        let log = "tracewright/SAIF/1".to_owned();
        Head { log, size: 41, root: [7; 32], time: "2026-11-26T21:00:00Z".to_owned(), generation: 3 }
    }

    #[test]
    fn what_is_signed_opens_with_its_key_alone() {
        let (ours, theirs) = (signer(), signer());
        let note = ours.sign(&head().text());
        assert_eq!(Head::open(&note, ours.public()), Ok(head()));
        assert_eq!(
            Head::open(&note, theirs.public()),
            Err(NoteError::Signature(theirs.public().id())),
            "another key"
        );
        let public = ours.public().to_string();
        assert_eq!(PublicKey::parse(&public).as_ref(), Ok(ours.public()));
    }

    #[test]
    fn one_changed_byte_of_a_note_is_refused() {
        let signer = signer();
        let note = signer.sign(&head().text());
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(Head::open(&changed, signer.public()).is_err(), "byte {at}");
            }
        }
        // Neither kind passes for the other.
        assert!(Complete::open(&note, signer.public()).is_err());
    }
}
