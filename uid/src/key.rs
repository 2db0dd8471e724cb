//! The key: a UID inside one tenant as one positive `i64`.

use std::fmt;

use crate::code::{PlantCode, TypeCode};
use crate::error::{Expected, Fault, UidError};
use crate::short_text::ShortText;
use crate::text::{MAX_SEQUENCE, check_sequence};

/// The numbers between two neighbouring types: one more than a sequence holds.
const BLOCK: u64 = MAX_SEQUENCE + 1;

/// A UID without its tenant:
/// `(base36(plant) * 36^2 + base36(type)) * 10^11 + sequence`.
///
/// It loses nothing, and its order is that of plant, type and sequence. Links,
/// events and indexes hold it; the text is derived from it. It exceeds 2^53,
/// so it must never be a JSON number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(i64);

impl Key {
    /// The smallest key: `000`, `00`, 1.
    pub const MIN: Self = Self(1);
    /// The largest key: `ZZZ`, `ZZ`, 99999999999.
    pub const MAX: Self = Self((PlantCode::COUNT * TypeCode::COUNT * BLOCK - 1) as i64);

    /// Takes a number that was a key, for example out of a database.
    ///
    /// # Errors
    /// [`UidError::Key`] when no UID has this key.
    pub fn new(number: i64) -> Result<Self, UidError> {
        let possible = (Self::MIN.0..=Self::MAX.0).contains(&number);
        if possible && number % BLOCK as i64 != 0 {
            return Ok(Self(number));
        }
        let mut found = ShortText::empty();
        if number < 0 {
            found.push(b"-");
        }
        found.push_decimal(number.unsigned_abs(), 1);
        let expected = Expected::Form("1 to 6046617599999999999, with a sequence other than 0");
        Err(UidError::Key(Fault { at: 0, found, expected }))
    }

    /// The key of these parts.
    ///
    /// # Errors
    /// [`UidError::Sequence`] unless `sequence` is 1 to [`MAX_SEQUENCE`].
    pub fn from_parts(plant: PlantCode, kind: TypeCode, sequence: u64) -> Result<Self, UidError> {
        check_sequence(sequence)?;
        Ok(Self::join(plant, kind, sequence))
    }

    /// As [`Self::from_parts`], for a sequence already known to be in range.
    pub(crate) fn join(plant: PlantCode, kind: TypeCode, sequence: u64) -> Self {
        Self(((plant.value() * TypeCode::COUNT + kind.value()) * BLOCK + sequence) as i64)
    }

    /// Plant, type and sequence, which it was made of.
    pub fn parts(self) -> (PlantCode, TypeCode, u64) {
        let number = self.0.unsigned_abs();
        let (block, sequence) = (number / BLOCK, number % BLOCK);
        let plant = PlantCode::from_value(block / TypeCode::COUNT);
        (plant, TypeCode::from_value(block % TypeCode::COUNT), sequence)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl From<Key> for i64 {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl TryFrom<i64> for Key {
    type Error = UidError;

    fn try_from(number: i64) -> Result<Self, UidError> {
        Self::new(number)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0)
    }
}
