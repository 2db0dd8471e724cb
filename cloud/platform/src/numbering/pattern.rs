//! How a number is made of a pattern such as `INV/{FY}/{SEQ}`, what the law and
//! reason ask of a pattern, and whether two can ever make the same number. Pure.

use std::collections::HashSet;

use chrono::{Datelike, NaiveDate};

use super::period::{self, Reset};
use crate::masters::Wrong;

/// Longest number that Indian law allows (CGST rule 46(b)).
pub const LONGEST_GST: usize = 16;
/// Longest number of any other document.
pub const LONGEST: usize = 40;

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
    width: usize,
    gst: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// `{YYYY}`: the year in which the financial year begins, as 2026.
    Year,
    /// `{YY}`: its last two digits.
    ShortYear,
    /// `{YY2}`: the last two digits of the year in which it ends.
    EndYear,
    /// `{FY}`: both, as 26-27.
    Both,
    /// `{MM}`: the month.
    Month,
    /// `{SEQ}`: the number that counts.
    Sequence,
}

impl Part {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "YYYY" => Self::Year,
            "YY" => Self::ShortYear,
            "YY2" => Self::EndYear,
            "FY" => Self::Both,
            "MM" => Self::Month,
            "SEQ" => Self::Sequence,
            _ => return None,
        })
    }
}

/// One place of a number, for the comparison of two patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Is(char),
    Digit,
    /// Any count of digits.
    Digits,
}

impl Place {
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Is(one), Self::Is(other)) => one == other,
            (Self::Is(c), _) | (_, Self::Is(c)) => c.is_ascii_digit(),
            _ => true,
        }
    }
}

/// What a series says of its numbers.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Digits of the counting number, at the least.
    pub width: usize,
    /// When it begins again.
    pub reset: Reset,
    /// It keeps to the law about GST.
    pub gst: bool,
}

impl Pattern {
    /// Reads a pattern. What is wrong comes with the field it is about.
    ///
    /// # Errors
    /// [`Wrong`]: a part that is not known, a character that may not be there, a
    /// number that would be too long, or one that would come again with the next
    /// period.
    pub fn read(text: &str, rules: Rules) -> Result<Self, Wrong> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (plain, after) =
                rest.split_once('{').map_or((rest, None), |(plain, after)| (plain, Some(after)));
            if !plain.is_empty() {
                parts.push(Part::Text(plain.to_owned()));
            }
            let Some(after) = after else { break };
            let (name, after) =
                after.split_once('}').ok_or_else(|| Wrong::new("pattern-part").with("part", after))?;
            parts.push(Part::named(name).ok_or_else(|| Wrong::new("pattern-part").with("part", name))?);
            rest = after;
        }
        let pattern = Self { parts, width: rules.width, gst: rules.gst };
        pattern.judge(rules)?;
        Ok(pattern)
    }

    fn judge(&self, rules: Rules) -> Result<(), Wrong> {
        let has = |wanted: &[Part]| self.parts.iter().any(|part| wanted.contains(part));
        if self.parts.iter().filter(|part| **part == Part::Sequence).count() != 1 {
            return Err(Wrong::new("pattern-seq"));
        }
        let may = |c: char| {
            let always = c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '-' | '/');
            always || (!rules.gst && matches!(c, '.' | '_' | ' ' | '#'))
        };
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.chars()),
            _ => None,
        });
        if let Some(found) = texts.flatten().find(|c| !may(*c)) {
            let key = if rules.gst { "pattern-chars-gst" } else { "pattern-chars" };
            return Err(Wrong::new(key).with("found", found));
        }
        // The invoice portal takes none that begins so.
        if rules.gst && matches!(self.places().first(), Some(Place::Is('0' | '-' | '/') | Place::Digit)) {
            return Err(Wrong::new("pattern-first"));
        }
        let (long, most) = (self.places().len() - 1, self.longest());
        if long > most {
            return Err(Wrong::new("pattern-long").with("found", long).with("most", most));
        }
        let year = has(&[Part::Year, Part::ShortYear, Part::EndYear, Part::Both]);
        if rules.reset != Reset::Never && !year {
            return Err(Wrong::new("pattern-year"));
        }
        if rules.reset == Reset::Month && !has(&[Part::Month]) {
            return Err(Wrong::new("pattern-month"));
        }
        Ok(())
    }

    /// Whether all numbers of a period begin alike and end in the count, so that an agent can
    /// make them of a beginning and a range.
    #[must_use]
    pub fn is_steady(&self, reset: Reset) -> bool {
        let has = |wanted: &[Part]| self.parts.iter().any(|part| wanted.contains(part));
        let ends = self.parts.last() == Some(&Part::Sequence);
        let year = has(&[Part::Year, Part::ShortYear, Part::EndYear, Part::Both]);
        ends && match reset {
            Reset::Month => true,
            Reset::Year => !has(&[Part::Month]),
            Reset::Never => !year && !has(&[Part::Month]),
        }
    }

    /// Characters of a number at most.
    #[must_use]
    pub fn longest(&self) -> usize {
        if self.gst { LONGEST_GST } else { LONGEST }
    }

    /// The number `seq` of a document of that day; `None` when it would be longer
    /// than a number may be: the series is used up.
    #[must_use]
    pub fn number(&self, seq: i64, day: NaiveDate, year_starts: u32) -> Option<String> {
        let from = period::year_from(day, year_starts);
        let (begins, ends) = (from.year(), period::year_to(from));
        let mut number = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => number.push_str(text),
                Part::Year => number.push_str(&format!("{begins:04}")),
                Part::ShortYear => number.push_str(&format!("{:02}", begins % 100)),
                Part::EndYear => number.push_str(&format!("{:02}", ends % 100)),
                Part::Both => number.push_str(&format!("{:02}-{:02}", begins % 100, ends % 100)),
                Part::Month => number.push_str(&format!("{:02}", day.month())),
                Part::Sequence => number.push_str(&format!("{seq:0width$}", width = self.width)),
            }
        }
        (number.len() <= self.longest()).then_some(number)
    }

    fn places(&self) -> Vec<Place> {
        let digits = |count| std::iter::repeat_n(Place::Digit, count);
        let mut places = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => places.extend(text.chars().map(Place::Is)),
                Part::Year => places.extend(digits(4)),
                Part::ShortYear | Part::EndYear | Part::Month => places.extend(digits(2)),
                Part::Both => places.extend(digits(2).chain([Place::Is('-')]).chain(digits(2))),
                Part::Sequence => places.extend(digits(self.width).chain([Place::Digits])),
            }
        }
        places
    }

    /// Whether there is a number that both can make. Years and months count as any
    /// digits, so it says yes once too often rather than once too seldom.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let (one, other) = (self.places(), other.places());
        let mut seen = HashSet::new();
        let mut open = vec![(0, 0)];
        while let Some((i, j)) = open.pop() {
            if !seen.insert((i, j)) {
                continue;
            }
            match (one.get(i), other.get(j)) {
                (None, None) => return true,
                (Some(Place::Digits), there) => {
                    open.push((i + 1, j));
                    if there.is_some_and(|there| Place::Digits.meets(*there)) {
                        open.push((i, j + 1));
                    }
                }
                (here, Some(Place::Digits)) => {
                    open.push((i, j + 1));
                    if here.is_some_and(|here| Place::Digits.meets(*here)) {
                        open.push((i + 1, j));
                    }
                }
                (Some(here), Some(there)) if here.meets(*there) => open.push((i + 1, j + 1)),
                _ => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(width: usize, reset: Reset, gst: bool) -> Rules {
        Rules { width, reset, gst }
    }

    fn key(text: &str, rules: Rules) -> String {
        Pattern::read(text, rules).unwrap_err().key
    }

    #[test]
    fn numbers_are_made_of_year_month_and_count() {
        let day: NaiveDate = "2026-02-09".parse().unwrap();
        let made = |text: &str, width, starts| {
            let reset = if text.contains("MM") { Reset::Month } else { Reset::Year };
            Pattern::read(text, rules(width, reset, true)).unwrap().number(42, day, starts).unwrap()
        };
        assert_eq!(made("INV/{FY}/{SEQ}", 5, 4), "INV/25-26/00042");
        assert_eq!(made("K{YYYY}{MM}-{SEQ}", 3, 4), "K202502-042");
        assert_eq!(made("A{YY}{YY2}{SEQ}", 1, 4), "A252642");
        assert_eq!(made("A{FY}-{SEQ}", 4, 1), "A26-26-0042");
    }

    #[test]
    fn an_agent_makes_numbers_that_begin_alike_for_a_period() {
        let steady =
            |text: &str, reset| Pattern::read(text, rules(3, reset, false)).unwrap().is_steady(reset);
        assert!(steady("GRN/{FY}/{SEQ}", Reset::Year) && steady("G{YYYY}{MM}-{SEQ}", Reset::Month));
        assert!(steady("GRN-{SEQ}", Reset::Never));
        assert!(!steady("G{YYYY}{MM}-{SEQ}", Reset::Year), "the month changes within the year");
        assert!(!steady("GRN/{FY}/{SEQ}", Reset::Never) && !steady("{SEQ}/{FY}", Reset::Year));
    }

    #[test]
    fn the_law_says_how_a_number_looks() {
        let year = rules(5, Reset::Year, true);
        assert!(Pattern::read("KOL/{FY}/{SEQ}", year).is_ok(), "15 characters");
        assert_eq!(key("KOLKA/{FY}/{SEQ}", year), "pattern-long");
        assert!(Pattern::read("KOLKA/{FY}/{SEQ}", Rules { gst: false, ..year }).is_ok());
        assert_eq!(key("INV {FY}{SEQ}", year), "pattern-chars-gst");
        assert_eq!(key("inv{FY}{SEQ}", Rules { gst: false, ..year }), "pattern-chars");
        assert_eq!(key("{FY}/{SEQ}", year), "pattern-first");
        assert_eq!(key("/{FY}/{SEQ}", year), "pattern-first");
        assert_eq!(key("INV/{FY}", year), "pattern-seq");
        assert_eq!(key("INV/{SEQ}/{FY}/{SEQ}", year), "pattern-seq");
        assert_eq!(key("INV/{NO}", year), "pattern-part");
        assert_eq!(key("INV/{SEQ", year), "pattern-part");
        assert_eq!(key("INV/{SEQ}", year), "pattern-year");
        assert!(Pattern::read("INV/{SEQ}", Rules { reset: Reset::Never, ..year }).is_ok());
        assert_eq!(key("INV/{FY}/{SEQ}", Rules { reset: Reset::Month, ..year }), "pattern-month");
        // Full at sixteen characters, and not one later.
        let full = Pattern::read("KOL/{FY}/{SEQ}", year).unwrap();
        let day: NaiveDate = "2026-04-01".parse().unwrap();
        assert_eq!(full.number(999_999, day, 4).as_deref(), Some("KOL/26-27/999999"));
        assert_eq!(full.number(1_000_000, day, 4), None);
    }

    #[test]
    fn two_patterns_that_can_make_one_number_are_found() {
        let of = |text: &str, width| Pattern::read(text, rules(width, Reset::Never, false)).unwrap();
        for (one, other, meet) in [
            (of("INV/{FY}/{SEQ}", 5), of("INV/{FY}/{SEQ}", 3), true),
            (of("INV/{FY}/{SEQ}", 5), of("CRN/{FY}/{SEQ}", 5), false),
            (of("A{SEQ}", 3), of("A1{SEQ}", 3), true),
            (of("A{SEQ}", 3), of("A{SEQ}B", 3), false),
            (of("A{YY}{SEQ}", 1), of("A{YYYY}{SEQ}", 1), true),
            (of("A{YY}-{SEQ}", 1), of("A{YYYY}-{SEQ}", 1), false),
            (of("A{FY}-{SEQ}", 2), of("A12-{YY}-{SEQ}", 2), true),
        ] {
            assert_eq!(one.meets(&other), meet, "{one:?} {other:?}");
            assert_eq!(other.meets(&one), meet);
        }
    }

    proptest! {
        // Whatever two patterns make, equal numbers come of patterns that meet.
        #[test]
        fn equal_numbers_come_of_patterns_that_meet(
            one in "[A1]{0,2}(\\{YY\\})?[1-]{0,1}", two in "[A1]{0,2}(\\{YY\\})?[1-]{0,1}",
            tail in "[1B]{0,1}", end in "[1B]{0,1}", w in 1_usize..3, v in 1_usize..3,
            n in 1_i64..2000, m in 1_i64..2000,
        ) {
            let day: NaiveDate = "2011-05-01".parse().unwrap();
            let of = |head: &str, tail: &str, width| {
                Pattern::read(&format!("{head}{{SEQ}}{tail}"), rules(width, Reset::Never, false)).unwrap()
            };
            let (a, b) = (of(&one, &tail, w), of(&two, &end, v));
            if a.number(n, day, 4) == b.number(m, day, 4) {
                prop_assert!(a.meets(&b));
            }
        }
    }
}
