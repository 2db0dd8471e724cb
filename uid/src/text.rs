//! The UID itself and its canonical text.

use std::fmt;
use std::str::FromStr;

use crate::checksum::{checksum, digits};
use crate::code::{PlantCode, TenantCode, TypeCode};
use crate::error::{Expected, Fault, UidError, checksum_error, fault, length_fault};
use crate::key::Key;
use crate::short_text::ShortText;

/// The largest sequence: 11 digits, which keeps a UID within 30 characters.
pub const MAX_SEQUENCE: u64 = 99_999_999_999;

pub(crate) const PREFIX: &str = "UID";

/// The length of the longest UID, the specification's `VARCHAR(30)`.
pub(crate) const MAX_LEN: usize = 30;
const LENGTH_FORM: &str = "25 to 30 characters";

/// The digits to which a sequence is padded, and the most it can have.
pub(crate) const MIN_DIGITS: usize = 6;
pub(crate) const MAX_DIGITS: usize = 11;
const SEQUENCE_RANGE: &str = "1 to 99999999999";
const SEQUENCE_FORM: &str = "6 to 11 digits";
const LEADING_ZERO: &str = "no leading zero in more than 6 digits";

/// One UID: always valid, always of one canonical text.
///
/// `Display` writes that text and `FromStr` accepts it and no other. Its order
/// is tenant, plant, type, sequence; within a tenant, the order of [`Key`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid {
    tenant: TenantCode,
    plant: PlantCode,
    kind: TypeCode,
    sequence: u64,
}

impl Uid {
    /// The UID of these parts.
    ///
    /// # Errors
    /// [`UidError::Sequence`] unless `sequence` is 1 to [`MAX_SEQUENCE`].
    pub fn new(
        tenant: TenantCode,
        plant: PlantCode,
        kind: TypeCode,
        sequence: u64,
    ) -> Result<Self, UidError> {
        check_sequence(sequence)?;
        Ok(Self { tenant, plant, kind, sequence })
    }

    /// The UID that has this key in this tenant.
    pub fn from_key(tenant: TenantCode, key: Key) -> Self {
        let (plant, kind, sequence) = key.parts();
        Self { tenant, plant, kind, sequence }
    }

    /// The tenant that minted it.
    pub const fn tenant(&self) -> TenantCode {
        self.tenant
    }

    /// The plant that minted it.
    pub const fn plant(&self) -> PlantCode {
        self.plant
    }

    /// What it was minted as. No rule may read it.
    pub const fn kind(&self) -> TypeCode {
        self.kind
    }

    /// Its number, 1 to [`MAX_SEQUENCE`], within plant and type.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Its key inside its tenant.
    pub fn key(&self) -> Key {
        Key::join(self.plant, self.kind, self.sequence)
    }

    /// Its checksum, of which the text ends in two hex digits.
    pub fn checksum(&self) -> u8 {
        checksum(self.body().as_bytes())
    }

    /// The canonical text, without an allocation.
    pub fn text(&self) -> ShortText {
        let mut text = self.body();
        let sum = digits(checksum(text.as_bytes()));
        text.push(b"-");
        text.push(&sum);
        text
    }

    /// The text before the last dash, which the checksum covers.
    fn body(&self) -> ShortText {
        let mut text = ShortText::empty();
        text.push(PREFIX.as_bytes());
        for code in [self.tenant.as_bytes(), self.plant.as_bytes(), self.kind.as_bytes()] {
            text.push(b"-");
            text.push(code);
        }
        text.push(b"-");
        text.push_decimal(self.sequence, MIN_DIGITS);
        text
    }
}

impl FromStr for Uid {
    type Err = UidError;

    /// Parses the canonical text and nothing else: no lower case, no space, no
    /// leading zero beyond six digits. For what a scanner sends, see
    /// [`crate::parse_scan`].
    ///
    /// # Errors
    /// The first part that is wrong, from the left; the checksum last.
    fn from_str(text: &str) -> Result<Self, UidError> {
        if text.is_empty() || text.len() > MAX_LEN {
            return Err(length_error(text));
        }
        let mut parts = Parts::new(text);
        check_prefix(parts.next("UID")?.1)?;
        let (at, tenant) = parts.next("a dash and the tenant")?;
        let tenant = TenantCode::parse_at(tenant, at)?;
        let (at, plant) = parts.next("a dash and the plant")?;
        let plant = PlantCode::parse_at(plant, at)?;
        let (at, kind) = parts.next("a dash and the type")?;
        let kind = TypeCode::parse_at(kind, at)?;
        let (at, sequence) = parts.next("a dash and the sequence")?;
        let sequence = parse_sequence(sequence, at)?;
        let (at, found) = parts.next("a dash and the checksum")?;
        parts.end()?;
        let sum = checksum(&text.as_bytes()[..at - 1]);
        if found.as_bytes() != digits(sum) {
            return Err(checksum_error(at, found, sum));
        }
        Ok(Self { tenant, plant, kind, sequence })
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.text(), f)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uid({self})")
    }
}

/// The parts of a text between its dashes, each with the byte it begins at.
pub(crate) struct Parts<'a> {
    text: &'a str,
    /// Where the next part begins; beyond the text when there is none.
    at: usize,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next part, or the error that the text ends where `form` belongs.
    pub(crate) fn next(&mut self, form: &'static str) -> Result<(usize, &'a str), UidError> {
        let at = self.at;
        let Some(rest) = self.text.get(at..) else {
            return Err(UidError::Shape(fault(self.text.len(), "", form)));
        };
        let len = rest.bytes().position(|byte| byte == b'-').unwrap_or(rest.len());
        self.at = at + len + 1;
        Ok((at, &rest[..len]))
    }

    /// Whether the part just taken was the last one.
    pub(crate) fn is_done(&self) -> bool {
        self.at > self.text.len()
    }

    /// Refuses anything after the part just taken.
    pub(crate) fn end(&self) -> Result<(), UidError> {
        if self.is_done() {
            return Ok(());
        }
        let at = self.at - 1;
        Err(UidError::Shape(fault(at, &self.text[at..], "nothing after the checksum")))
    }
}

/// The error of a text that is empty or too long: what does not even begin like
/// a UID is not a UID that is too long.
pub(crate) fn length_error(text: &str) -> UidError {
    let begins = text.bytes().take(4).map(|byte| byte.to_ascii_uppercase()).eq(*b"UID-");
    if text.is_empty() || begins {
        UidError::Length(length_fault(text.len(), LENGTH_FORM))
    } else {
        prefix_error(text)
    }
}

pub(crate) fn check_prefix(text: &str) -> Result<(), UidError> {
    if text == PREFIX { Ok(()) } else { Err(prefix_error(text)) }
}

pub(crate) fn prefix_error(text: &str) -> UidError {
    UidError::Prefix(fault(0, text, PREFIX))
}

/// Parses a sequence that begins at byte `at`: canonical, and not 0.
pub(crate) fn parse_sequence(text: &str, at: usize) -> Result<u64, UidError> {
    let wrong = |form| Err(UidError::Sequence(fault(at, text, form)));
    if !(MIN_DIGITS..=MAX_DIGITS).contains(&text.len()) {
        return wrong(SEQUENCE_FORM);
    }
    let mut sequence = 0;
    for byte in text.bytes() {
        if !byte.is_ascii_digit() {
            return wrong(SEQUENCE_FORM);
        }
        sequence = sequence * 10 + u64::from(byte - b'0');
    }
    if text.len() > MIN_DIGITS && text.starts_with('0') {
        return wrong(LEADING_ZERO);
    }
    if sequence == 0 {
        return wrong(SEQUENCE_RANGE);
    }
    Ok(sequence)
}

/// Why no sequence begins with the text at byte `at`.
pub(crate) fn sequence_error(text: &str, at: usize) -> UidError {
    let leading_zero =
        text.len() > MIN_DIGITS && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    let form = if leading_zero {
        LEADING_ZERO
    } else if text.bytes().all(|byte| byte == b'0') {
        SEQUENCE_RANGE
    } else {
        SEQUENCE_FORM
    };
    UidError::Sequence(fault(at, text, form))
}

pub(crate) fn check_sequence(sequence: u64) -> Result<(), UidError> {
    if (1..=MAX_SEQUENCE).contains(&sequence) {
        return Ok(());
    }
    let mut found = ShortText::empty();
    found.push_decimal(sequence, 1);
    Err(UidError::Sequence(Fault { at: 0, found, expected: Expected::Form(SEQUENCE_RANGE) }))
}
