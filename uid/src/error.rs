//! What is wrong with a text that should be a UID.

use std::fmt;

use crate::short_text::ShortText;

/// What a well-formed text has at the place of a [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expected {
    /// The form that a part has, in English.
    Form(&'static str),
    /// The checksum that the text before it has. Show it where someone repairs
    /// data, not where someone types a UID: it would make any text pass.
    Checksum(u8),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(form) => f.write_str(form),
            Self::Checksum(sum) => write!(f, "{sum:02X}"),
        }
    }
}

/// Where a text is wrong, what stands there and what should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The byte of the text as it was given (for a scan: before cleaning) at
    /// which the wrong part begins.
    pub at: usize,
    /// What stands there, cut to 30 bytes. It may hold any character.
    pub found: ShortText,
    /// What should stand there.
    pub expected: Expected,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, found, expected } = self;
        write!(f, "found {found:?} at byte {at}, expected {expected}")
    }
}

/// Why a text is not a UID: the first part that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum UidError {
    /// It does not begin with `UID`.
    #[error("UID prefix: {0}")]
    Prefix(Fault),
    /// The tenant is not 4 of `0-9A-Z`.
    #[error("UID tenant: {0}")]
    Tenant(Fault),
    /// The plant is not 3 of `0-9A-Z`.
    #[error("UID plant: {0}")]
    Plant(Fault),
    /// The type is not 2 of `0-9A-Z`.
    #[error("UID type: {0}")]
    Type(Fault),
    /// The sequence is not a canonical number from 1 to [`crate::MAX_SEQUENCE`].
    #[error("UID sequence: {0}")]
    Sequence(Fault),
    /// The checksum is not that of the text before it.
    #[error("UID checksum: {0}")]
    Checksum(Fault),
    /// It is empty, or too long to be a UID.
    #[error("UID length: {0}")]
    Length(Fault),
    /// It ends too early, or goes on after the checksum.
    #[error("UID shape: {0}")]
    Shape(Fault),
    /// A number that is no UID's key.
    #[error("UID key: {0}")]
    Key(Fault),
}

impl UidError {
    /// A name that stays the same between versions, such as `uid.checksum`,
    /// for API answers and for looking up a translation.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Prefix(_) => "uid.prefix",
            Self::Tenant(_) => "uid.tenant",
            Self::Plant(_) => "uid.plant",
            Self::Type(_) => "uid.type",
            Self::Sequence(_) => "uid.sequence",
            Self::Checksum(_) => "uid.checksum",
            Self::Length(_) => "uid.length",
            Self::Shape(_) => "uid.shape",
            Self::Key(_) => "uid.key",
        }
    }

    /// Where, what was found and what was expected.
    pub fn fault(&self) -> &Fault {
        let (Self::Prefix(fault)
        | Self::Tenant(fault)
        | Self::Plant(fault)
        | Self::Type(fault)
        | Self::Sequence(fault)
        | Self::Checksum(fault)
        | Self::Length(fault)
        | Self::Shape(fault)
        | Self::Key(fault)) = self;
        fault
    }

    /// The same error in a text that begins `by` bytes earlier.
    pub(crate) fn moved(mut self, by: usize) -> Self {
        let (Self::Prefix(fault)
        | Self::Tenant(fault)
        | Self::Plant(fault)
        | Self::Type(fault)
        | Self::Sequence(fault)
        | Self::Checksum(fault)
        | Self::Length(fault)
        | Self::Shape(fault)
        | Self::Key(fault)) = &mut self;
        fault.at += by;
        self
    }
}

/// A fault whose expectation is a form.
#[cold]
pub(crate) fn fault(at: usize, found: &str, form: &'static str) -> Fault {
    Fault { at, found: ShortText::cut(found), expected: Expected::Form(form) }
}

/// The fault of a text that has the wrong number of bytes.
#[cold]
pub(crate) fn length_fault(len: usize, form: &'static str) -> Fault {
    let mut found = ShortText::empty();
    found.push_decimal(len as u64, 1);
    Fault { at: 0, found, expected: Expected::Form(form) }
}

/// The error of a checksum that is not that of its text.
#[cold]
pub(crate) fn checksum_error(at: usize, found: &str, expected: u8) -> UidError {
    let found = ShortText::cut(found);
    UidError::Checksum(Fault { at, found, expected: Expected::Checksum(expected) })
}
