//! A short text held in place, so that neither parsing nor printing allocates.

use std::fmt;
use std::ops::Deref;

const CAPACITY: usize = 30;
const CUT: &str = "…";

/// A text of at most 30 bytes, the length of the longest UID, without an
/// allocation. Use it as a `&str`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortText {
    bytes: [u8; CAPACITY],
    len: u8,
}

impl ShortText {
    pub(crate) const fn empty() -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
    }

    /// As much of `text` as fits; an ellipsis shows where it was cut.
    pub(crate) fn cut(text: &str) -> Self {
        let mut short = Self::empty();
        if text.len() <= CAPACITY {
            short.push(text.as_bytes());
        } else {
            let end = text.floor_char_boundary(CAPACITY - CUT.len());
            short.push(&text.as_bytes()[..end]);
            short.push(CUT.as_bytes());
        }
        short
    }

    /// Appends whole UTF-8 text. The caller sees to it that it fits.
    pub(crate) fn push(&mut self, text: &[u8]) {
        let from = usize::from(self.len);
        self.bytes[from..from + text.len()].copy_from_slice(text);
        self.len += text.len() as u8;
    }

    /// Appends a number in decimal, padded with zeros to `width`.
    pub(crate) fn push_decimal(&mut self, mut number: u64, width: usize) {
        let mut digits = [b'0'; 20];
        let mut from = digits.len();
        while number > 0 {
            from -= 1;
            digits[from] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.push(&digits[from.min(digits.len() - width)..]);
    }

    /// The bytes of the text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for ShortText {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Display for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(&*ShortText::cut(&"x".repeat(30)), "x".repeat(30));
        assert_eq!(&*ShortText::cut(&"x".repeat(31)), format!("{}…", "x".repeat(27)));
        assert_eq!(&*ShortText::cut(&"é".repeat(16)), format!("{}…", "é".repeat(13)));
    }

    #[test]
    fn decimals_are_padded() {
        for (number, width, text) in [(0, 6, "000000"), (1, 1, "1"), (1_000_000, 6, "1000000")] {
            let mut short = ShortText::empty();
            short.push_decimal(number, width);
            assert_eq!(&*short, text);
        }
        let mut short = ShortText::empty();
        short.push_decimal(u64::MAX, 1);
        assert_eq!(&*short, u64::MAX.to_string());
    }
}
