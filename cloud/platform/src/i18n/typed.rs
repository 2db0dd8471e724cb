//! Numbers and days as people type and paste them, in the forms in which pages write them.

use std::str::FromStr as _;

use chrono::{Month, NaiveDate};
use rust_decimal::Decimal;

use super::Texts;

/// A number as somebody wrote it, as programs read it: `12,34,567.5` and `1,234,567.5` are
/// `1234567.5`, and digits are Latin. What is no number so written stays as it is, to be
/// refused by whoever reads it: `1,5` is neither fifteen nor one and a half.
#[must_use]
pub fn plain_number(typed: &str) -> String {
    let latin: String = typed.trim().chars().map(latin).collect();
    let (sign, unsigned) = match latin.strip_prefix(['-', '−']) {
        Some(rest) => ("-", rest),
        None => ("", latin.as_str()),
    };
    let (whole, part) =
        unsigned.split_once('.').map_or((unsigned, None), |(whole, part)| (whole, Some(part)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = whole.replace(',', "");
    if !is_grouped(whole) || !digits(&plain) || !part.is_none_or(digits) {
        return typed.to_owned();
    }
    match part {
        Some(part) => format!("{sign}{plain}.{part}"),
        None => format!("{sign}{plain}"),
    }
}

/// The decimal that somebody typed, read by [`plain_number`]; `None` of what is written
/// otherwise, though a library would take it, such as `1e5`.
#[must_use]
pub fn typed_decimal(typed: &str) -> Option<Decimal> {
    let plain = plain_number(typed);
    let written = plain.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
    Decimal::from_str(&plain).ok().filter(|_| written)
}

/// A digit of any of the product's languages as a Latin one.
fn latin(c: char) -> char {
    // Devanagari, Bengali, Telugu.
    let zero = [0x966, 0x9e6, 0xc66].into_iter().find(|zero| (*zero..zero + 10).contains(&u32::from(c)));
    zero.and_then(|zero| char::from_digit(u32::from(c) - zero, 10)).unwrap_or(c)
}

/// Whether commas stand where people put them: before the last three digits, and before
/// twos or threes in front of those.
fn is_grouped(whole: &str) -> bool {
    let parts: Vec<&str> = whole.split(',').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return true };
    let each =
        |long: usize| middle.iter().all(|part| part.len() == long) && (1..=long).contains(&first.len());
    last.len() == 3 && (each(2) || each(3))
}

/// What months are called in the product's languages.
#[derive(Debug, Clone)]
pub struct Months(Vec<(String, u32)>);

impl Months {
    /// Of these texts; English ones are known besides.
    #[must_use]
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a Texts>) -> Self {
        let of = |texts: &'a Texts| {
            (1..=12).map(move |month| {
                let name = texts.t(&format!("month-{month}"));
                (name.trim_end_matches(['.', '॰']).to_owned(), month)
            })
        };
        Self(texts.into_iter().flat_map(of).filter(|(name, _)| !name.is_ascii()).collect())
    }

    /// `Nov`, `November`, `नव॰`, `नवंबर`.
    fn find(&self, word: &str) -> Option<u32> {
        let word = word.trim_end_matches(['.', ',', '॰']);
        match word.parse::<Month>() {
            Ok(month) => Some(month.number_from_month()),
            Err(_) => self.0.iter().find(|(name, _)| word.starts_with(name)).map(|(_, month)| *month),
        }
    }
}

/// A day as somebody wrote it, as programs read it: `21/11/2026`, `21-11-2026`,
/// `21.11.2026` and `21 Nov 2026`, with the month in any of the product's languages, are
/// `2026-11-21`. What is no day so written stays as it is, to be refused by whoever reads it.
#[must_use]
pub fn plain_day(typed: &str, months: &Months) -> String {
    let latin: String = typed.trim().chars().map(latin).collect();
    let parts: Vec<&str> = match ['/', '-', '.'].into_iter().find(|mark| latin.matches(*mark).count() == 2) {
        Some(mark) => latin.split(mark).collect(),
        None => latin.split_whitespace().collect(),
    };
    day_of(&parts, months).map_or_else(|| typed.to_owned(), |day| day.to_string())
}

fn day_of(parts: &[&str], months: &Months) -> Option<NaiveDate> {
    let [day, month, year] = parts else { return None };
    let number = |text: &str, longest: usize| -> Option<u32> {
        let digits = text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let month = number(month, 2).or_else(|| months.find(month))?;
    // Of a year with two digits nobody knows the century.
    let year = number(year, 4).filter(|_| year.len() == 4)?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, number(day, 2)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::i18n::{I18n, Lang};

    #[test]
    fn numbers_are_read_with_commas_where_people_put_them() {
        for (typed, plain) in [
            ("1250.5", "1250.5"),
            (" 12,34,567.50 ", "1234567.50"),
            ("1,234,567", "1234567"),
            ("1,234", "1234"),
            ("−12,345", "-12345"),
            ("१२,३४५", "12345"),
            ("४५.५", "45.5"),
            ("7", "7"),
            ("৫০", "50"),
            ("1,5", "1,5"),
            ("1,23,45", "1,23,45"),
            ("1234,567", "1234,567"),
            (",123", ",123"),
            ("1,234,56,789", "1,234,56,789"),
            ("1.234.567", "1.234.567"),
            ("5.", "5."),
            ("1e3", "1e3"),
            ("ten", "ten"),
            ("", ""),
        ] {
            assert_eq!(plain_number(typed), plain, "{typed}");
        }
    }

    #[test]
    fn a_decimal_is_read_as_people_write_it_alone() {
        for (typed, read) in [("12,34,567.50", "1234567.50"), (" ४५.५ ", "45.5"), ("-3", "-3"), ("0", "0")]
        {
            assert_eq!(typed_decimal(typed), read.parse().ok(), "{typed}");
        }
        for typed in ["1e5", "1E5", "1_000", "+5", "1,5", "ten", "NaN", ""] {
            assert_eq!(typed_decimal(typed), None, "{typed}");
        }
    }

    #[test]
    fn days_are_read_as_pages_write_them() {
        let i18n = Arc::new(I18n::new());
        let texts = Lang::ALL.map(|lang| Texts::new(Arc::clone(&i18n), lang));
        let months = Months::of(&texts);
        for typed in
            ["21/11/2026", "21-11-2026", "21.11.2026", "21 Nov 2026", "21 november 2026", "21 Nov. 2026"]
        {
            assert_eq!(plain_day(typed, &months), "2026-11-21", "{typed}");
        }
        for typed in ["21-Nov-2026", "21 नवंबर 2026", "২১ নভেম্বর ২০২৬", "21 నవంబర్ 2026"]
        {
            assert_eq!(plain_day(typed, &months), "2026-11-21", "{typed}");
        }
        // As each language's own pages write each month.
        for texts in &texts {
            for month in 1..=12 {
                let day = NaiveDate::from_ymd_opt(2026, month, 5).unwrap();
                assert_eq!(plain_day(&texts.day(&day), &months), day.to_string(), "{}", texts.day(&day));
            }
        }
        for typed in
            ["2026-11-21", "11/21/2026", "31/02/2026", "21/11/26", "21 Octopus 2026", "21", "", "2026/11/21"]
        {
            assert_eq!(plain_day(typed, &months), typed, "{typed}");
        }
    }
}
