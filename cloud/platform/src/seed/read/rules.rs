//! What a single value must be, and how it is read.

use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use toml_edit::Value;
use uid::{PlantCode, TenantCode, TypeCode};

use super::nearest::did_you_mean;

/// A value and how it was written.
pub(in crate::seed) struct Cell<'v> {
    pub value: &'v Value,
    pub source: &'v str,
}

/// What a value must be.
pub(in crate::seed) struct Rule<T> {
    /// In words, for the person who wrote the file.
    pub expects: String,
    /// Reads it, or says why not where that helps.
    pub read: Read<T>,
    /// Messages do not repeat what stands there.
    pub secret: bool,
}

impl<T> Rule<T> {
    fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}

type Read<T> = Box<dyn Fn(&Cell<'_>) -> Result<T, Option<String>>>;

/// Languages that stations and pages speak.
pub(in crate::seed) const LANGUAGES: [&str; 4] = ["en", "hi", "bn", "te"];
/// Longest text for people.
const LONGEST_TEXT: usize = 120;
/// Longest code.
const LONGEST_CODE: usize = 40;
/// Digits before the point in a stored number: `numeric(18,6)`.
const STORED_WHOLE_DIGITS: u32 = 12;
/// Digits after the point in a stored number.
const STORED_DECIMALS: u32 = 6;

fn rule<T>(
    expects: impl Into<String>,
    read: impl Fn(&Cell<'_>) -> Result<T, Option<String>> + 'static,
) -> Rule<T> {
    Rule { expects: expects.into(), read: Box::new(read), secret: false }
}

/// A rule for texts; anything that is not in quotes fails.
fn text_rule<T>(
    expects: impl Into<String>,
    read: impl Fn(&str) -> Result<T, Option<String>> + 'static,
) -> Rule<T> {
    rule(expects, move |cell| match cell.value.as_str() {
        Some(text) => read(text),
        None => Err(Some("write it in quotes".to_owned())),
    })
}

/// A text for people.
pub(in crate::seed) fn text() -> Rule<String> {
    text_rule(format!("a text of 1 to {LONGEST_TEXT} characters"), |text| {
        let control = text.chars().any(char::is_control);
        let fits = !text.trim().is_empty() && text.chars().count() <= LONGEST_TEXT;
        if fits && !control {
            return Ok(text.trim().to_owned());
        }
        Err(control.then(|| "it has a control character".to_owned()))
    })
}

/// The code of a row: item, partner, document, place, reason, operator.
pub(in crate::seed) fn code() -> Rule<String> {
    let expects = format!("a code of 1 to {LONGEST_CODE} of A-Z, a-z, 0-9, -, _, . and /");
    text_rule(expects, |text| {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
        let head = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if head && text.len() <= LONGEST_CODE && text.bytes().all(ok) {
            Ok(text.to_owned())
        } else {
            Err(None)
        }
    })
}

/// The code of a unit.
pub(in crate::seed) fn unit() -> Rule<String> {
    text_rule("a unit of 1 to 12 characters without spaces, such as \"kg\"", |text| {
        let ok = |c: char| !c.is_control() && !c.is_whitespace();
        if (1..=12).contains(&text.chars().count()) && text.chars().all(ok) {
            Ok(text.to_owned())
        } else {
            Err(None)
        }
    })
}

/// The prefix of a document number.
pub(in crate::seed) fn series() -> Rule<String> {
    text_rule("a series of 2 to 8 of A-Z, such as \"GRN\"", |text| {
        let fits = (2..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase());
        if fits { Ok(text.to_owned()) } else { Err(None) }
    })
}

/// What is on a badge, as a scanner reads it.
pub(in crate::seed) fn badge() -> Rule<String> {
    text_rule("a badge of 4 to 64 printable characters without spaces", |text| {
        let fits = (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(text.to_owned()) } else { Err(None) }
    })
    .secret()
}

/// A PIN.
pub(in crate::seed) fn pin() -> Rule<String> {
    text_rule("a PIN of 4 to 12 digits", |text| {
        let fits = (4..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if fits { Ok(text.to_owned()) } else { Err(None) }
    })
    .secret()
}

/// A GTIN with its check digit.
pub(in crate::seed) fn gtin() -> Rule<String> {
    text_rule("a GTIN of 14 digits", |text| {
        if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
            let short = matches!(text.len(), 8 | 12 | 13) && text.bytes().all(|b| b.is_ascii_digit());
            return Err(short.then(|| format!("write \"{text:0>14}\"")));
        }
        let digit = |b: u8| u32::from(b - b'0');
        let sum: u32 =
            text.bytes().take(13).zip([3, 1].into_iter().cycle()).map(|(b, weight)| digit(b) * weight).sum();
        let check = (10 - sum % 10) % 10;
        if text.bytes().last().map(digit) == Some(check) {
            Ok(text.to_owned())
        } else {
            Err(Some(format!("its check digit would be {check}")))
        }
    })
}

/// `true` or `false`.
pub(in crate::seed) fn flag() -> Rule<bool> {
    rule("true or false", |cell| {
        let hint = || {
            matches!(cell.value.as_str(), Some("true" | "false"))
                .then(|| "write it without quotes".to_owned())
        };
        cell.value.as_bool().ok_or_else(hint)
    })
}

/// A whole number, called `what` in messages.
pub(in crate::seed) fn whole<T: TryFrom<i64>>(what: &str, range: RangeInclusive<i64>) -> Rule<T> {
    let expects = format!("{what} from {} to {}", range.start(), range.end());
    rule(expects, move |cell| {
        let quoted = || cell.value.as_str().is_some_and(|text| text.parse::<i64>().is_ok());
        let number =
            cell.value.as_integer().ok_or_else(|| quoted().then(|| "write it without quotes".to_owned()))?;
        if !range.contains(&number) {
            return Err(None);
        }
        T::try_from(number).map_err(|_| None)
    })
}

/// One word of a list.
pub(in crate::seed) fn one_of(words: &'static [&'static str]) -> Rule<String> {
    text_rule(format!("one of {}", words.join(", ")), move |text| {
        if words.contains(&text) {
            return Ok(text.to_owned());
        }
        Err(did_you_mean(text, words.iter().copied()))
    })
}

/// A tenant's code.
pub(in crate::seed) fn tenant_code() -> Rule<String> {
    parsed::<TenantCode>("4 characters of 0-9 and A-Z, such as \"SAIF\"")
}

/// A plant's code.
pub(in crate::seed) fn plant_code() -> Rule<String> {
    parsed::<PlantCode>("3 characters of 0-9 and A-Z, such as \"KOL\"")
}

/// The type in a UID.
pub(in crate::seed) fn type_code() -> Rule<String> {
    parsed::<TypeCode>("2 characters of 0-9 and A-Z, such as \"RM\"")
}

fn parsed<T: FromStr>(expects: &str) -> Rule<String> {
    text_rule(expects, |text| {
        if text.parse::<T>().is_ok() {
            return Ok(text.to_owned());
        }
        let upper = text.to_ascii_uppercase();
        Err(upper.parse::<T>().is_ok().then(|| format!("write \"{upper}\"")))
    })
}

/// A time zone of the IANA list.
pub(in crate::seed) fn time_zone() -> Rule<String> {
    text_rule("a time zone of the IANA list, such as \"Asia/Kolkata\"", |text| {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        match text.parse::<chrono_tz::Tz>() {
            Ok(zone) => Ok(zone.name().to_owned()),
            Err(_) => Err(did_you_mean(text, names)),
        }
    })
}

/// A day.
pub(in crate::seed) fn date() -> Rule<NaiveDate> {
    rule("a day such as \"2025-01-20\"", |cell| {
        let text = cell.value.as_str().unwrap_or(cell.source);
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
        day.ok_or_else(|| is_like(text, 10).then(|| "there is no such day".to_owned()))
    })
}

/// A moment.
pub(in crate::seed) fn time() -> Rule<DateTime<Utc>> {
    rule("a time such as \"2025-01-15T10:30:00Z\"", |cell| {
        let text = cell.value.as_str().unwrap_or(cell.source);
        let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
        time.map_err(|_| {
            let bare = !text.ends_with(['Z', 'z']) && format!("{text}Z").parse::<DateTime<Utc>>().is_ok();
            bare.then(|| "it needs Z or an offset such as +05:30 at its end".to_owned())
        })
    })
}

/// Whether a text has digits where a day has them.
fn is_like(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// An exact quantity above zero that fits where quantities are stored.
pub(in crate::seed) fn quantity() -> Rule<Decimal> {
    let expects = format!(
        "a decimal number above 0 with at most {STORED_WHOLE_DIGITS} digits before the point \
         and {STORED_DECIMALS} after it, such as \"1.25\""
    );
    rule(expects, |cell| {
        let written = match cell.value {
            Value::String(text) => text.value().as_str(),
            Value::Integer(_) | Value::Float(_) => cell.source.trim(),
            _ => return Err(None),
        };
        // From the text as it was written, never through a binary float.
        let plain = written.replace('_', "");
        if !plain.starts_with(|c: char| c.is_ascii_digit()) {
            let comma = written.contains(',').then(|| "the decimal sign is a point".to_owned());
            return Err(comma);
        }
        let number = Decimal::from_str_exact(&plain).map_err(|_| {
            written
                .contains(',')
                .then(|| "write a point for decimals and nothing between thousands".to_owned())
        })?;
        let number = number.normalize();
        let fits = number.trunc() < Decimal::from(10_i64.pow(STORED_WHOLE_DIGITS))
            && number.scale() <= STORED_DECIMALS
            && number > Decimal::ZERO;
        if fits { Ok(number) } else { Err(None) }
    })
}
