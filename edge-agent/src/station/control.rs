//! Control codes: what an operator scans from a card, or presses as a button,
//! instead of typing. `TWC-VERB[-VALUE]-CRC`, where CRC is two upper-case hex
//! digits of the UID's own CRC-8 over the text before the last dash. None is
//! ever a UID, and no UID a control code.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// Longest value of a control code, in characters.
pub const MAX_VALUE: usize = 40;

/// Most containers or parts that one SPLIT may name.
pub const MAX_SPLIT: u32 = 1000;

/// What a control code asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Record what was scanned.
    Done,
    /// Drop the draft.
    Cancel,
    /// Drop the last entry of the draft; with none, take out instead of put in.
    Undo,
    /// Take back what was recorded last.
    Correct,
    /// A quantity, or that one follows by DIGIT.
    Qty,
    /// One digit, or the decimal point.
    Digit,
    /// End of the digits.
    Enter,
    /// Choose an order.
    Order,
    /// Choose an operation.
    Op,
    /// Give a reason.
    Reason,
    /// It is good.
    Pass,
    /// It is not good.
    Fail,
    /// Place a hold.
    Hold,
    /// Into how many.
    Split,
    /// There is no label yet: mint one.
    NoLabel,
    /// Print the label again.
    Reprint,
    /// Sign in (the badge follows).
    Login,
    /// Sign out.
    Logout,
    /// What is next?
    Help,
}

/// Whether a verb carries a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Optional,
    Required,
}

impl Verb {
    /// Every verb with its word.
    pub const ALL: [(Self, &'static str); 19] = [
        (Self::Done, "DONE"),
        (Self::Cancel, "CANCEL"),
        (Self::Undo, "UNDO"),
        (Self::Correct, "CORRECT"),
        (Self::Qty, "QTY"),
        (Self::Digit, "DIGIT"),
        (Self::Enter, "ENTER"),
        (Self::Order, "ORDER"),
        (Self::Op, "OP"),
        (Self::Reason, "REASON"),
        (Self::Pass, "PASS"),
        (Self::Fail, "FAIL"),
        (Self::Hold, "HOLD"),
        (Self::Split, "SPLIT"),
        (Self::NoLabel, "NOLABEL"),
        (Self::Reprint, "REPRINT"),
        (Self::Login, "LOGIN"),
        (Self::Logout, "LOGOUT"),
        (Self::Help, "HELP"),
    ];

    /// The word in the code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(verb, _)| *verb == self);
        found.map_or("", |(_, word)| word)
    }

    /// The verb of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, w)| *w == word);
        found.map(|(verb, _)| *verb)
    }

    fn takes(self) -> Takes {
        match self {
            Self::Digit => Takes::Required,
            Self::Qty | Self::Order | Self::Op | Self::Reason | Self::Split => Takes::Optional,
            _ => Takes::Nothing,
        }
    }
}

/// One control code. Always valid; `Display` writes the code to print.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Control {
    verb: Verb,
    value: Option<String>,
}

/// Why a text is not a control code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It has not the parts of one.
    #[error("a control code is TWC-VERB-CRC or TWC-VERB-VALUE-CRC")]
    Shape,
    /// The checksum is not that of the text before it.
    #[error("the checksum {found} is not that of the text before it")]
    Checksum {
        /// What stands there.
        found: String,
    },
    /// There is no such verb.
    #[error("there is no control code {0}")]
    Verb(String),
    /// The value is missing, unwanted, or not of the verb's form.
    #[error("{verb}: {expected}, found {found:?}")]
    Value {
        /// The verb's word.
        verb: &'static str,
        /// What it wants.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
}

impl ControlError {
    /// A name that stays the same, such as `control.checksum`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape => "control.shape",
            Self::Checksum { .. } => "control.checksum",
            Self::Verb(_) => "control.verb",
            Self::Value { .. } => "control.value",
        }
    }
}

impl Control {
    /// A control code without a value.
    ///
    /// # Errors
    /// [`ControlError::Value`] when the verb needs one.
    pub fn new(verb: Verb) -> Result<Self, ControlError> {
        Self::with(verb, None)
    }

    /// A control code with a value, which is put in upper case.
    ///
    /// # Errors
    /// [`ControlError::Value`] when the value is not one for this verb.
    pub fn with(verb: Verb, value: Option<&str>) -> Result<Self, ControlError> {
        let wrong = |expected| {
            Err(ControlError::Value {
                verb: verb.as_str(),
                expected,
                found: value.unwrap_or_default().to_owned(),
            })
        };
        let Some(text) = value else {
            return match verb.takes() {
                Takes::Required => wrong("a value"),
                Takes::Nothing | Takes::Optional => Ok(Self { verb, value: None }),
            };
        };
        let printable = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if verb.takes() == Takes::Nothing {
            return wrong("no value");
        }
        if text.is_empty() || text.len() > MAX_VALUE || !printable || text.trim() != text {
            return wrong("1 to 40 printable characters");
        }
        match verb {
            Verb::Qty if quantity(text).is_none() => wrong("a number such as 25 or 12.5"),
            Verb::Digit if !matches!(text.as_bytes(), [b'0'..=b'9' | b'.']) => wrong("one digit or a point"),
            Verb::Split if !text.parse().is_ok_and(|n: u32| (1..=MAX_SPLIT).contains(&n)) => {
                wrong("a count from 1 to 1000")
            }
            _ => Ok(Self { verb, value: Some(text.to_ascii_uppercase()) }),
        }
    }

    /// What it asks for.
    #[must_use]
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// Its value, in upper case.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

/// A quantity as people write it: digits with at most one point, six decimals
/// and twelve digits before them at most, no sign.
#[must_use]
pub fn quantity(text: &str) -> Option<Decimal> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let well =
        (1..=12).contains(&whole.len()) && (1..=6).contains(&part.len()) && digits(whole) && digits(part);
    if well { text.parse().ok() } else { None }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = format!("TWC-{}", self.verb.as_str());
        if let Some(value) = &self.value {
            body.push('-');
            body.push_str(value);
        }
        write!(f, "{body}-{:02X}", uid::checksum(body.as_bytes()))
    }
}

impl FromStr for Control {
    type Err = ControlError;

    /// Reads a cleaned code; lower case counts as upper case. The checksum is
    /// judged first, so that a misread code is never taken for a strange value.
    ///
    /// # Errors
    /// What is wrong with it.
    fn from_str(text: &str) -> Result<Self, ControlError> {
        let text = text.to_ascii_uppercase();
        let rest = text.strip_prefix("TWC-").ok_or(ControlError::Shape)?;
        let (body, sum) = text.rsplit_once('-').ok_or(ControlError::Shape)?;
        let (inner, _) = rest.rsplit_once('-').ok_or(ControlError::Shape)?;
        if sum != format!("{:02X}", uid::checksum(body.as_bytes())) {
            return Err(ControlError::Checksum { found: sum.chars().take(8).collect() });
        }
        let (word, value) = match inner.split_once('-') {
            Some((word, value)) => (word, Some(value)),
            None => (inner, None),
        };
        let verb = Verb::from_word(word)
            .ok_or_else(|| ControlError::Verb(word.chars().take(MAX_VALUE).collect()))?;
        Self::with(verb, value)
    }
}

/// Every card that a station needs whatever the plant: each verb that stands
/// alone, the digits and the point. Cards for operations, reasons and orders
/// are made by [`Control::with`].
#[must_use]
pub fn all_cards() -> Vec<Control> {
    let alone = Verb::ALL.iter().filter_map(|(verb, _)| Control::new(*verb).ok());
    let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "."];
    let digits = digits.iter().filter_map(|digit| Control::with(Verb::Digit, Some(digit)).ok());
    alone.chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_card_reads_back_as_itself() {
        let cards = all_cards();
        assert_eq!(cards.len(), 18 + 11);
        for card in cards {
            let text = card.to_string();
            assert_eq!(text.parse(), Ok(card.clone()), "{text}");
            assert_eq!(text.to_lowercase().parse(), Ok(card), "{text}");
            assert!(text.parse::<uid::Uid>().is_err());
        }
    }

    #[test]
    fn values_may_hold_dashes() {
        let card = Control::with(Verb::Order, Some("po-2025-010")).unwrap();
        assert_eq!(card.value(), Some("PO-2025-010"));
        assert_eq!(card.to_string().parse(), Ok(card));
    }

    #[test]
    fn each_mistake_is_named() {
        let print = |body: &str| format!("{body}-{:02X}", uid::checksum(body.as_bytes()));
        for (text, code) in [
            ("TWC".to_owned(), "control.shape"),
            ("TWC-DONE".to_owned(), "control.shape"),
            ("TWC-DONE-ZZ".to_owned(), "control.checksum"),
            (print("TWC-DONE").replace("DONE", "DNOE"), "control.checksum"),
            (print("TWC-DANCE"), "control.verb"),
            (print("TWC-DONE-5"), "control.value"),
            (print("TWC-DIGIT"), "control.value"),
            (print("TWC-DIGIT-12"), "control.value"),
            (print("TWC-QTY--5"), "control.value"),
            (print("TWC-QTY-1E5"), "control.value"),
            (print("TWC-SPLIT-0"), "control.value"),
            (print("TWC-SPLIT-1001"), "control.value"),
        ] {
            let error = text.parse::<Control>().unwrap_err();
            assert_eq!(error.code(), code, "{text}: {error}");
        }
    }
}
