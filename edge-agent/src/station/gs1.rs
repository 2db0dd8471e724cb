//! GS1 element strings, as suppliers print them: `]d2` or `]C1` and values with
//! FNC1 (`\x1d`) between them, or the bracketed form `(01)…(10)…`.
//!
//! Every element is read or named as wrong; nothing is skipped.

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

/// FNC1 as scanners send it.
pub const FNC1: char = '\u{1d}';

/// What a supplier's label says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Elements {
    /// The text as scanned.
    pub raw: String,
    /// AI 00: serial shipping container code, 18 digits.
    pub sscc: Option<String>,
    /// AI 01 (or 02, the content's): GTIN, 14 digits.
    pub gtin: Option<String>,
    /// AI 10: batch or lot.
    pub lot: Option<String>,
    /// AI 21: serial number.
    pub serial: Option<String>,
    /// AI 11: date of production.
    pub made_on: Option<NaiveDate>,
    /// AI 17, or where it is absent 15: expiry, best before.
    pub expires_on: Option<NaiveDate>,
    /// AI 30 or 37: count of pieces in it.
    pub count: Option<Decimal>,
    /// AI 310n: net weight in kg.
    pub weight_kg: Option<Decimal>,
    /// AI 400: the customer's order, which is ours.
    pub order: Option<String>,
    /// AI 240: additional product identification.
    pub additional: Option<String>,
    /// Elements that no rule uses, (AI, value).
    pub others: Vec<(String, String)>,
}

impl Elements {
    /// The alias of what bears this label, where it names a single one: its serial
    /// number, with the GTIN in front where there is one.
    #[must_use]
    pub fn alias(&self) -> Option<String> {
        let serial = self.serial.as_ref()?;
        Some(self.gtin.as_ref().map_or_else(|| serial.clone(), |gtin| proto::alias::of_serial(gtin, serial)))
    }
}

/// Why a text is no element string: which element, where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("GS1 {problem} at byte {at} (AI {ai:?}): {expected}")]
pub struct Gs1Error {
    /// What is wrong.
    pub problem: Problem,
    /// The byte of the text at which the wrong element begins.
    pub at: usize,
    /// The application identifier, or what stands in its place.
    pub ai: String,
    /// What was expected.
    pub expected: &'static str,
}

/// What can be wrong with an element string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Problem {
    /// Nothing in it.
    #[error("empty")]
    Empty,
    /// Unknown application identifier.
    #[error("identifier")]
    Identifier,
    /// A value that is too short or too long.
    #[error("length")]
    Length,
    /// A character that the value may not have.
    #[error("character")]
    Character,
    /// A wrong check digit.
    #[error("check digit")]
    CheckDigit,
    /// No day of the calendar.
    #[error("date")]
    Date,
    /// An element given twice with different values.
    #[error("repeated")]
    Repeated,
}

impl Gs1Error {
    /// A name that stays the same, such as `gs1.check-digit`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.problem {
            Problem::Empty => "gs1.empty",
            Problem::Identifier => "gs1.identifier",
            Problem::Length => "gs1.length",
            Problem::Character => "gs1.character",
            Problem::CheckDigit => "gs1.check-digit",
            Problem::Date => "gs1.date",
            Problem::Repeated => "gs1.repeated",
        }
    }
}

/// The form of an AI's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// So many digits, the last one a check digit.
    Checked(usize),
    /// So many digits; needs no FNC1 after it when `predefined`.
    Digits(usize),
    /// Six digits, YYMMDD.
    Date,
    /// Up to so many digits, ended by FNC1.
    UpToDigits(usize),
    /// Up to so many characters of GS1's set 82, ended by FNC1.
    UpTo(usize),
}

/// AI, its number of digits in the text, and its form. A trailing `n` stands
/// for one digit (the decimals of a measure).
fn form_of(text: &str) -> Option<(&str, Form)> {
    let two = text.get(..2)?;
    let form = match two {
        "00" => Form::Checked(18),
        "01" | "02" => Form::Checked(14),
        "11" | "12" | "13" | "15" | "16" | "17" => Form::Date,
        "20" => Form::Digits(2),
        "10" | "21" | "22" => Form::UpTo(20),
        "30" | "37" => Form::UpToDigits(8),
        "90" => Form::UpTo(30),
        "91" | "92" | "93" | "94" | "95" | "96" | "97" | "98" | "99" => Form::UpTo(90),
        _ => return form_of_longer(text),
    };
    Some((two, form))
}

fn form_of_longer(text: &str) -> Option<(&str, Form)> {
    let three = text.get(..3)?;
    let form = match three {
        "240" | "241" | "250" | "251" | "400" => Form::UpTo(30),
        "410" | "411" | "412" | "413" | "414" | "415" | "416" | "417" => Form::Checked(13),
        _ => {
            let four = text.get(..4)?;
            let is_measure = matches!(three.as_bytes(), [b'3', b'1'..=b'6', b'0'..=b'9'])
                && matches!(four.as_bytes()[3], b'0'..=b'5');
            return is_measure.then_some((four, Form::Digits(6)));
        }
    };
    Some((three, form))
}

/// Whether a text is meant as an element string: an AIM identifier of GS1,
/// FNC1 in it, or a bracketed AI at its start. (Plain digits are not.)
#[must_use]
pub fn looks_like(text: &str) -> bool {
    let text = text.trim_matches(' ');
    let bracketed = matches!(text.as_bytes(), [b'(', b'0'..=b'9', b'0'..=b'9', ..]);
    // Behind the identifier there may be a link or a UID instead.
    let inner = strip_aim(text).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || c == '(' || c == FNC1)
    });
    inner || bracketed || text.trim_end_matches(FNC1).contains(FNC1)
}

fn strip_aim(text: &str) -> Option<&str> {
    ["]d2", "]C1", "]e0", "]Q3", "]J1"].iter().find_map(|aim| text.strip_prefix(aim))
}

/// Whether the last of these digits is right (GS1's modulo 10, weights 3 and 1
/// from the right).
#[must_use]
pub fn check_digit_ok(digits: &str) -> bool {
    let mut sum = 0u32;
    for (place, byte) in digits.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return false;
        }
        sum += u32::from(byte - b'0') * if place % 2 == 0 { 1 } else { 3 };
    }
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// Reads an element string in either form.
///
/// # Errors
/// The first element that is wrong.
pub fn parse(text: &str) -> Result<Elements, Gs1Error> {
    let all = text.trim_matches(|c: char| c.is_whitespace() && c != FNC1);
    let inner = strip_aim(all).unwrap_or(all);
    // `inner` is a slice of `text`, so this is its offset.
    let start = inner.as_ptr().addr() - text.as_ptr().addr();
    let mut found = Elements { raw: text.to_owned(), ..Elements::default() };
    let mut best_before = None;
    let mut any = false;
    let elements = if inner.starts_with('(') { split_brackets(inner) } else { split_plain(inner) };
    for element in elements {
        let (at, ai, value, form) = element.map_err(|error| error.moved(start))?;
        any = true;
        let fault = |problem, expected| Gs1Error { problem, at: start + at, ai: ai.to_owned(), expected };
        check(value, form).map_err(|(problem, expected)| fault(problem, expected))?;
        let date = |value| date(value).ok_or_else(|| fault(Problem::Date, "a day as YYMMDD"));
        let fresh = match ai {
            "00" => put(&mut found.sscc, value.to_owned()),
            "01" | "02" => put(&mut found.gtin, value.to_owned()),
            "10" => put(&mut found.lot, value.to_owned()),
            "21" => put(&mut found.serial, value.to_owned()),
            "11" => put(&mut found.made_on, date(value)?),
            "15" => put(&mut best_before, date(value)?),
            "17" => put(&mut found.expires_on, date(value)?),
            "12" | "13" | "16" => {
                date(value)?;
                found.others.push((ai.to_owned(), value.to_owned()));
                true
            }
            "30" | "37" => put(&mut found.count, value.parse().unwrap_or_default()),
            "400" => put(&mut found.order, value.to_owned()),
            "240" => put(&mut found.additional, value.to_owned()),
            _ if ai.len() == 4 && ai.starts_with("310") => {
                let scale = u32::from(ai.as_bytes()[3] - b'0');
                let units: i64 = value.parse().unwrap_or_default();
                put(&mut found.weight_kg, Decimal::new(units, scale).normalize())
            }
            _ => {
                found.others.push((ai.to_owned(), value.to_owned()));
                true
            }
        };
        if !fresh {
            return Err(fault(Problem::Repeated, "each element once"));
        }
    }
    if !any {
        return Err(Gs1Error {
            problem: Problem::Empty,
            at: start,
            ai: String::new(),
            expected: "an application identifier",
        });
    }
    found.expires_on = found.expires_on.or(best_before);
    Ok(found)
}

impl Gs1Error {
    fn moved(mut self, by: usize) -> Self {
        self.at += by;
        self
    }
}

/// Sets it, unless it is set to something else.
fn put<T: PartialEq>(place: &mut Option<T>, value: T) -> bool {
    if place.as_ref().is_some_and(|old| *old != value) {
        return false;
    }
    *place = Some(value);
    true
}

type Element<'a> = Result<(usize, &'a str, &'a str, Form), Gs1Error>;

fn unknown(at: usize, text: &str) -> Gs1Error {
    Gs1Error {
        problem: Problem::Identifier,
        at,
        ai: text.chars().take(4).collect(),
        expected: "a known application identifier",
    }
}

fn split_plain(text: &str) -> Vec<Element<'_>> {
    let mut elements = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        if rest.is_empty() {
            break;
        }
        if rest.starts_with(FNC1) {
            at += 1;
            continue;
        }
        let Some((ai, form)) = form_of(rest) else {
            elements.push(Err(unknown(at, rest)));
            break;
        };
        let value = &rest[ai.len()..];
        let end = value.find(FNC1).unwrap_or(value.len());
        let len = match form {
            Form::Checked(n) | Form::Digits(n) => n.min(end),
            Form::Date => 6.min(end),
            Form::UpTo(_) | Form::UpToDigits(_) => end,
        };
        // A fixed length may end inside a character; then the whole is wrong.
        let len = if value.is_char_boundary(len) { len } else { end };
        elements.push(Ok((at, ai, &value[..len], form)));
        at += ai.len() + len;
    }
    elements
}

fn split_brackets(text: &str) -> Vec<Element<'_>> {
    let mut elements = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let inside = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let Some((ai, after)) = inside else {
            elements.push(Err(unknown(at, rest)));
            break;
        };
        let Some((_, form)) = form_of(ai).filter(|(known, _)| *known == ai) else {
            elements.push(Err(unknown(at, ai)));
            break;
        };
        // A value may hold a bracket; only one that opens a known AI ends it.
        let end = after
            .match_indices('(')
            .find(|(place, _)| opens_ai(&after[*place..]))
            .map_or(after.len(), |(place, _)| place);
        let value = after[..end].trim_matches(|c: char| c == ' ' || c == FNC1);
        elements.push(Ok((at, ai, value, form)));
        at += ai.len() + 2 + end;
    }
    elements
}

fn opens_ai(text: &str) -> bool {
    let inside = text.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    inside.is_some_and(|(ai, _)| form_of(ai).is_some_and(|(known, _)| known == ai))
}

fn check(value: &str, form: Form) -> Result<(), (Problem, &'static str)> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let exact = |n, expected| {
        if !digits {
            Err((Problem::Character, "digits only"))
        } else if value.len() != n {
            Err((Problem::Length, expected))
        } else {
            Ok(())
        }
    };
    match form {
        Form::Checked(n) => {
            exact(
                n,
                match n {
                    18 => "18 digits",
                    14 => "14 digits",
                    _ => "13 digits",
                },
            )?;
            if check_digit_ok(value) {
                Ok(())
            } else {
                Err((Problem::CheckDigit, "the check digit of the digits before it"))
            }
        }
        Form::Digits(n) => exact(n, if n == 2 { "2 digits" } else { "6 digits" }),
        Form::Date => exact(6, "6 digits, YYMMDD"),
        Form::UpToDigits(n) | Form::UpTo(n) if value.is_empty() || value.len() > n => Err((
            Problem::Length,
            match n {
                8 => "1 to 8 digits",
                20 => "1 to 20 characters",
                30 => "1 to 30 characters",
                _ => "1 to 90 characters",
            },
        )),
        Form::UpToDigits(_) if !digits => Err((Problem::Character, "digits only")),
        Form::UpTo(_) if !value.bytes().all(in_set_82) => {
            Err((Problem::Character, "letters, digits and !\"%&'()*+,-./:;<=>?_"))
        }
        Form::UpToDigits(_) | Form::UpTo(_) => Ok(()),
    }
}

fn in_set_82(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!\"%&'()*+,-./:;<=>?_".contains(&byte)
}

/// YYMMDD. Day 00 is the last of the month. Years 00 to 75 are 2000 to 2075,
/// others 1976 to 1999: GS1's sliding window as it stands this decade, fixed so
/// that a scan means the same whenever it is read.
fn date(text: &str) -> Option<NaiveDate> {
    let year: i32 = text.get(..2)?.parse().ok()?;
    let month: u32 = text.get(2..4)?.parse().ok()?;
    let day: u32 = text.get(4..6)?.parse().ok()?;
    let year = if year <= 75 { 2000 + year } else { 1900 + year };
    if day != 0 {
        return NaiveDate::from_ymd_opt(year, month, day);
    }
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let next = first.checked_add_months(chrono::Months::new(1))?;
    next.pred_opt().filter(|last| last.month() == month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(y: i32, m: u32, d: u32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(y, m, d)
    }

    #[test]
    fn all_three_forms_say_the_same() {
        for text in [
            "]d20109501101530003172612311010H-4711\u{1d}37250",
            "]C10109501101530003172612311010H-4711\u{1d}37250",
            "(01)09501101530003(17)261231(10)10H-4711(37)250",
            " (01) 09501101530003 (17) 261231 (10) 10H-4711 (37) 250 ",
        ] {
            let found = parse(text).unwrap();
            assert_eq!(found.gtin.as_deref(), Some("09501101530003"), "{text}");
            assert_eq!(found.lot.as_deref(), Some("10H-4711"));
            assert_eq!(found.expires_on, day(2026, 12, 31));
            assert_eq!(found.count, Some(Decimal::from(250)));
        }
    }

    #[test]
    fn dates_weights_and_the_rest() {
        let found = parse("]d2112502001525120031030125502400FX\u{1d}400PO-2025-001\u{1d}91any").unwrap();
        assert_eq!(found.made_on, NaiveDate::from_ymd_opt(2025, 2, 28), "day 00 is the last");
        assert_eq!(found.expires_on, day(2025, 12, 31), "best before stands in for expiry");
        assert_eq!(found.weight_kg, Some(Decimal::new(1255, 2)));
        assert_eq!(found.additional.as_deref(), Some("0FX"));
        assert_eq!(found.order.as_deref(), Some("PO-2025-001"));
        assert_eq!(found.others, [("91".to_owned(), "any".to_owned())]);
    }

    #[test]
    fn each_mistake_says_what_and_where() {
        for (text, code, at) in [
            ("]d2", "gs1.empty", 3),
            ("]d20109501101530004", "gs1.check-digit", 3),
            ("]d2010950110153000", "gs1.length", 3),
            ("]d201095011015300AB", "gs1.character", 3),
            ("]d21023\u{1d}17261331", "gs1.date", 8),
            ("]d217260230", "gs1.date", 3),
            ("]d2058888", "gs1.identifier", 3),
            ("]d210", "gs1.length", 3),
            ("]d210123456789012345678901", "gs1.length", 3),
            ("]d210A\u{1d}10B", "gs1.repeated", 7),
            ("(01)09501101530003(10)é", "gs1.character", 18),
            ("(01)09501101530003junk", "gs1.character", 0),
            ("(99", "gs1.identifier", 0),
            ("]d23725é", "gs1.character", 3),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.code(), error.at), (code, at), "{text}: {error}");
        }
    }

    #[test]
    fn digits_alone_are_not_meant_as_gs1() {
        assert!(!looks_like("0109501101530003"));
        assert!(!looks_like("PO-2025-001"));
        assert!(!looks_like("(draft)"));
        assert!(looks_like("10A\u{1d}37250"));
        assert!(check_digit_ok("4006381333931"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[\\(\\)0-9A-Z\\x1d\\]dé]{0,40}") {
            let _ = parse(&text);
            let _ = looks_like(&text);
        }
    }
}
