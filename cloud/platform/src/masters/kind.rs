//! The kinds of values that masters hold: how each is read from what a person or
//! a program gives, and written for a form, a file and a list.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveTime};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::Wrong;
use super::named::{self, Named};
use crate::i18n::{LONGEST_NAME, Lang, Names, Texts};

/// Longest text where the table does not say.
pub(super) const LONGEST_TEXT: usize = 200;
/// Most codes of a list.
const MOST_CODES: usize = 100;

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A text of at most so many characters, on one line or several.
    Text {
        /// Characters at most.
        longest: usize,
        /// May have line breaks.
        lines: bool,
    },
    /// One of these words.
    Choice(Vec<String>),
    /// One of these words, which the tenant made and named.
    Named(Vec<Named>),
    /// A whole number.
    Whole(Range),
    /// A decimal number of so many digits before the point and after it.
    Decimal {
        /// Before the point.
        whole: u32,
        /// After the point.
        scale: u32,
        /// Where it must lie.
        range: Range,
    },
    /// Yes or no.
    Flag,
    /// A day.
    Date,
    /// A time of day, to the minute.
    Time,
    /// Several codes; of these words, if there are any.
    Codes(Vec<String>),
    /// A text in each language.
    Names,
    /// Entered, and never shown.
    Secret,
}

/// Where a number must lie.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Range {
    /// The least, and whether it is itself allowed.
    pub least: Option<(Decimal, bool)>,
    /// The most; allowed itself.
    pub most: Option<Decimal>,
}

impl Range {
    fn check(&self, number: Decimal) -> Result<(), Wrong> {
        let low =
            self.least.is_some_and(|(least, itself)| if itself { number < least } else { number <= least });
        let high = self.most.is_some_and(|most| number > most);
        if !low && !high {
            return Ok(());
        }
        Err(match (&self.least, &self.most) {
            (Some((least, true)), Some(most)) => {
                Wrong::new("range").with("from", least.normalize()).with("to", most.normalize())
            }
            (Some((least, true)), None) => Wrong::new("least").with("least", least.normalize()),
            (Some((least, false)), _) => Wrong::new("above").with("least", least.normalize()),
            (None, most) => Wrong::new("most").with("most", most.unwrap_or_default().normalize()),
        })
    }
}

impl Kind {
    /// Reads what was given; an empty text is `Null`, and is judged by whoever
    /// knows whether something must be there.
    pub(super) fn read(&self, given: &str) -> Result<Value, Wrong> {
        let lines = matches!(self, Self::Text { lines: true, .. });
        let given = given.trim();
        if given.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\r' | '\t'))) {
            return Err(Wrong::new("control"));
        }
        if given.is_empty() {
            return Ok(Value::Null);
        }
        match self {
            Self::Text { longest, .. } => text(&given.replace("\r\n", "\n"), *longest),
            Self::Secret => text(given, LONGEST_TEXT),
            Self::Choice(words) => word(given, words),
            Self::Named(words) => named::read(given, words),
            Self::Whole(range) => {
                let plain = given.strip_suffix(".0").unwrap_or(given);
                let number: i64 = plain.parse().map_err(|_| Wrong::new("whole"))?;
                range.check(number.into())?;
                i32::try_from(number).map_err(|_| Wrong::new("whole"))?;
                Ok(number.into())
            }
            Self::Decimal { whole, scale, range } => decimal(given, *whole, *scale, range),
            Self::Flag => flag(given).map(Value::Bool),
            Self::Date => {
                let day = NaiveDate::parse_from_str(given, "%Y-%m-%d").ok().filter(|_| given.len() == 10);
                day.map(|day| day.to_string().into()).ok_or_else(|| Wrong::new("date"))
            }
            Self::Time => {
                let time =
                    ["%H:%M", "%H:%M:%S"].iter().find_map(|f| NaiveTime::parse_from_str(given, f).ok());
                time.map(|time| time.format("%H:%M").to_string().into()).ok_or_else(|| Wrong::new("time"))
            }
            Self::Codes(words) => codes(given, words),
            Self::Names => text(given, LONGEST_NAME),
        }
    }

    /// It holds numbers.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Whole(_) | Self::Decimal { .. })
    }

    /// The one JSON form of a column's value as Postgres' `to_jsonb` has it.
    pub(super) fn stored(&self, value: Value) -> Value {
        match (self, value) {
            (Self::Time, Value::String(time)) => time.get(..5).unwrap_or(&time).into(),
            (Self::Decimal { .. }, Value::String(number)) => {
                Decimal::from_str(&number).map_or(number, |n| n.normalize().to_string()).into()
            }
            (_, value) => value,
        }
    }

    /// As a form or a file has it, and [`Kind::read`] reads it again.
    pub(super) fn plain(value: &Value) -> String {
        match value {
            Value::Null | Value::Object(_) => String::new(),
            Value::String(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Array(codes) => codes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(";"),
        }
    }

    /// For a person to look at.
    pub(super) fn show(&self, value: &Value, texts: &Texts) -> String {
        match (self, value) {
            (_, Value::Null) => String::new(),
            (Self::Choice(_), Value::String(word)) => choice(texts, word),
            (Self::Named(words), Value::String(word)) => {
                let named = words.iter().find(|named| named.word == *word);
                named.map_or_else(|| word.clone(), |named| named.said(texts))
            }
            (Self::Codes(words), Value::Array(held)) => {
                let held = held.iter().filter_map(Value::as_str);
                let shown = held.map(|code| {
                    if words.iter().any(|word| word == code) { choice(texts, code) } else { code.to_owned() }
                });
                shown.collect::<Vec<_>>().join(", ")
            }
            (Self::Flag, Value::Bool(flag)) => texts.t(if *flag { "masters-yes" } else { "masters-no" }),
            (Self::Decimal { .. }, Value::String(number)) => {
                Decimal::from_str(number).map_or_else(|_| number.clone(), |n| texts.quantity(&n))
            }
            (Self::Date, Value::String(day)) => match NaiveDate::parse_from_str(day, "%Y-%m-%d") {
                Ok(day) => texts.day(&day),
                Err(_) => day.clone(),
            },
            (Self::Names, Value::Object(names)) => name_in(names, texts.lang),
            (_, value) => Self::plain(value),
        }
    }

    /// What there is to choose from: each word, and what the reader sees.
    pub(super) fn options(&self, texts: &Texts) -> Vec<(String, String)> {
        match self {
            Self::Choice(words) | Self::Codes(words) => {
                words.iter().map(|word| (word.clone(), choice(texts, word))).collect()
            }
            Self::Named(words) => words.iter().map(|named| (named.word.clone(), named.said(texts))).collect(),
            Self::Flag => [("true", "masters-yes"), ("false", "masters-no")]
                .map(|(value, key)| (value.to_owned(), texts.t(key)))
                .into(),
            _ => Vec::new(),
        }
    }
}

/// The word of a choice, in the reader's language.
pub(super) fn choice(texts: &Texts, word: &str) -> String {
    let master = format!("master-{word}");
    texts.or(&format!("choice-{word}"), &texts.or(&master, word))
}

/// A text that there is in several languages: in the one that is wanted, else in any.
pub(super) fn name_in(names: &Map<String, Value>, wanted: Lang) -> String {
    Names::from(names).any(wanted).unwrap_or_default().to_owned()
}

fn text(given: &str, longest: usize) -> Result<Value, Wrong> {
    if given.chars().count() > longest {
        return Err(Wrong::new("long").with("most", longest));
    }
    Ok(given.into())
}

/// A word is taken in any case.
fn word(given: &str, words: &[String]) -> Result<Value, Wrong> {
    let found = words.iter().find(|word| *word == given);
    let found = found.or_else(|| words.iter().find(|word| word.eq_ignore_ascii_case(given)));
    let named: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    found
        .map(|word| word.as_str().into())
        .ok_or_else(|| Wrong::new("choice").with("choices", named.join(", ")))
}

fn flag(given: &str) -> Result<bool, Wrong> {
    match given.to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" => Ok(true),
        "false" | "no" | "n" | "0" => Ok(false),
        _ => Err(Wrong::new("flag")),
    }
}

/// From the text as it was written, never through a binary float.
fn decimal(given: &str, whole: u32, scale: u32, range: &Range) -> Result<Value, Wrong> {
    let plain = given.starts_with(|c: char| c.is_ascii_digit() || c == '-') && !given.contains('_');
    let number = Decimal::from_str_exact(given).ok().filter(|_| plain);
    let number = number.ok_or_else(|| Wrong::new("number"))?.normalize();
    let most = 10_i64.checked_pow(whole).map(Decimal::from);
    if number.scale() > scale || most.is_some_and(|most| number.abs() >= most) {
        return Err(Wrong::new("digits").with("whole", whole).with("scale", scale));
    }
    range.check(number)?;
    Ok(number.to_string().into())
}

/// Several codes with `;` between them, each once, in the order given.
fn codes(given: &str, words: &[String]) -> Result<Value, Wrong> {
    let mut held: Vec<Value> = Vec::new();
    for code in given.split(';').map(str::trim).filter(|code| !code.is_empty()) {
        let code = if words.is_empty() { Value::from(code) } else { word(code, words)? };
        if !held.contains(&code) {
            held.push(code);
        }
    }
    if held.len() > MOST_CODES {
        return Err(Wrong::new("many").with("most", MOST_CODES));
    }
    Ok(if held.is_empty() { Value::Null } else { Value::Array(held) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(result: Result<Value, Wrong>) -> String {
        result.unwrap_err().key
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let positive = Range { least: Some((Decimal::ZERO, false)), most: None };
        let kind = Kind::Decimal { whole: 12, scale: 6, range: positive };
        assert_eq!(kind.read(" 1.2500 ").unwrap(), "1.25");
        assert_eq!(kind.read("").unwrap(), Value::Null);
        assert_eq!(key(kind.read("1,25")), "number");
        assert_eq!(key(kind.read("1e3")), "number");
        assert_eq!(key(kind.read("0")), "above");
        assert_eq!(key(kind.read("0.0000001")), "digits");
        assert_eq!(key(kind.read("1234567890123")), "digits");
        let days = Kind::Whole(Range { least: Some((1.into(), true)), most: Some(365.into()) });
        assert_eq!(days.read("30").unwrap(), 30);
        assert_eq!(key(days.read("366")), "range");
        assert_eq!(key(days.read("3.5")), "whole");
    }

    #[test]
    fn words_days_and_flags() {
        let tracking = Kind::Choice(vec!["unit".into(), "lot".into()]);
        assert_eq!(tracking.read("LOT").unwrap(), "lot");
        assert_eq!(tracking.read("batch").unwrap_err().args, [("choices", "unit, lot".to_owned())]);
        assert_eq!(Kind::Flag.read("Yes").unwrap(), true);
        assert_eq!(key(Kind::Flag.read("maybe")), "flag");
        assert_eq!(Kind::Date.read("2026-02-28").unwrap(), "2026-02-28");
        assert_eq!(key(Kind::Date.read("2026-02-30")), "date");
        assert_eq!(Kind::Time.read("6:00").unwrap(), "06:00");
        assert_eq!(Kind::Codes(vec![]).read("KOL; VSK;KOL").unwrap(), serde_json::json!(["KOL", "VSK"]));
    }

    #[test]
    fn texts_have_a_length_and_no_control_characters() {
        let kind = Kind::Text { longest: 3, lines: false };
        assert_eq!(key(kind.read("abcd")), "long");
        assert_eq!(key(kind.read("a\u{0}b")), "control");
        assert_eq!(key(kind.read("a\nb")), "control");
        assert_eq!(Kind::Text { longest: 9, lines: true }.read("a\r\nb").unwrap(), "a\nb");
    }
}
