//! Ranges of document numbers, per series (`GRN` gives `GRN-2025-045`).
//!
//! Numbers of a series that begins anew with the financial year are for documents of that
//! year alone: what they begin with has a term, kept beside the ranges.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use proto::v1::SeriesGrant;

use super::{GrantError, Granted, MintError};
use crate::journal::SeriesRow;

/// What the names in the journal's `meta` begin with under which terms are kept.
const TERM: &str = "series:";
/// Widest number, digits; beyond it `u64` has no room.
const MAX_WIDTH: u32 = 18;

/// State of one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesLevel {
    /// Series code.
    pub series: String,
    /// Unused numbers.
    pub left: u64,
}

#[derive(Debug, Clone)]
struct Range {
    prefix: String,
    first: u64,
    last: u64,
    next: u64,
    width: u32,
    dirty: bool,
}

impl Range {
    fn left(&self) -> u64 {
        (self.last + 1).saturating_sub(self.next)
    }
}

/// For which documents the numbers of one prefix are, and the highest that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Term {
    /// Of documents from then on, in microseconds; 0 for any.
    from: i64,
    /// Of documents before then; 0 for any.
    until: i64,
    highest: u64,
}

impl Term {
    fn has(self, at: i64) -> bool {
        (self.from == 0 || at >= self.from) && (self.until == 0 || at < self.until)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (from, until) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { from, until, highest: parts.next()?.parse().ok()? })
    }

    fn text(self) -> String {
        format!("{} {} {}", self.from, self.until, self.highest)
    }
}

/// Terms by series and by what the numbers begin with.
type Terms = BTreeMap<String, BTreeMap<String, Term>>;

/// Whether numbers of this prefix are for documents of a moment. A clock that is behind every
/// term that there ever was is wrong, and stops nothing.
fn covers(terms: Option<&BTreeMap<String, Term>>, prefix: &str, at: i64) -> bool {
    let Some(terms) = terms else { return true };
    let before_all = terms.values().filter(|term| term.from > 0).all(|term| at < term.from);
    terms.get(prefix).is_none_or(|term| before_all || term.has(at))
}

/// The ranges of all series. Used-up ranges are kept, so that a grant that comes
/// again is known.
#[derive(Debug, Clone, Default)]
pub struct SeriesRanges {
    series: BTreeMap<String, Vec<Range>>,
    /// Highest number ever granted, per series.
    highest: BTreeMap<String, u64>,
    terms: Terms,
    dirty: BTreeSet<String>,
    /// Terms that changed: series and prefix.
    dirty_terms: BTreeSet<(String, String)>,
}

impl SeriesRanges {
    /// Ranges of this epoch, the highest numbers of all, and the terms among `meta`. A range
    /// that makes no sense beside the others is not used.
    #[must_use]
    pub fn load(epoch: u32, rows: &[SeriesRow], marks: &[(String, i64)], meta: &[(String, String)]) -> Self {
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        let mut ranges = Self::default();
        for (name, value) in meta {
            let named = name.strip_prefix(TERM).and_then(|name| name.split_once(':'));
            if let (Some((series, prefix)), Some(term)) = (named, Term::parse(value)) {
                ranges.terms.entry(series.to_owned()).or_default().insert(prefix.to_owned(), term);
            }
        }
        let stored = rows.iter().map(|row| (&row.series, row.last));
        for (series, highest) in stored.chain(marks.iter().map(|(series, highest)| (series, *highest))) {
            let entry = ranges.highest.entry(series.clone()).or_default();
            *entry = number(highest).max(*entry);
        }
        for row in rows.iter().filter(|r| r.epoch == epoch) {
            let kept = ranges.series.entry(row.series.clone()).or_default();
            let (first, last, next) = (number(row.first), number(row.last), number(row.next));
            let clash = kept.iter().any(|r| r.prefix == row.prefix && first <= r.last && last >= r.first);
            if clash || first == 0 || last < first || !(first..=last + 1).contains(&next) {
                let series = &row.series;
                tracing::error!(
                    series,
                    first,
                    last,
                    "a range of numbers does not fit the others; it is not used"
                );
                continue;
            }
            kept.push(Range {
                prefix: row.prefix.clone(),
                first,
                last,
                next,
                width: row.width.min(MAX_WIDTH),
                dirty: false,
            });
        }
        ranges
    }

    /// The next number for a document of that moment.
    pub(super) fn next(&mut self, series: &str, at: DateTime<Utc>) -> Result<String, MintError> {
        let exhausted = || MintError::SeriesExhausted { series: series.to_owned() };
        let (terms, at) = (self.terms.get(series), at.timestamp_micros());
        let ranges = self.series.get_mut(series).ok_or_else(exhausted)?;
        let fits = |range: &&mut Range| range.left() > 0 && covers(terms, &range.prefix, at);
        let range = ranges.iter_mut().find(fits).ok_or_else(exhausted)?;
        let number = range.next;
        range.next += 1;
        range.dirty = true;
        Ok(format!("{}{number:0width$}", range.prefix, width = range.width as usize))
    }

    pub(super) fn grant(&mut self, grant: &SeriesGrant) -> Result<Granted, GrantError> {
        let (first, last) = (grant.first, grant.last);
        let limit = 10_u64.pow(MAX_WIDTH) - 1;
        let term = Term { from: grant.from_us, until: grant.until_us, highest: last };
        let no_time = term.from < 0 || term.until < 0 || (term.until != 0 && term.until <= term.from);
        if first == 0 || last < first || last > limit || grant.width > MAX_WIDTH || no_time {
            return Err(GrantError::Invalid { first, last });
        }
        let ranges = self.series.entry(grant.series.clone()).or_default();
        let mut same = ranges.iter().filter(|r| r.prefix == grant.prefix);
        if same.clone().any(|r| r.first == first && r.last == last) {
            return Ok(Granted::Known);
        }
        if let Some(clash) = same.find(|r| first <= r.last && last >= r.first) {
            return Err(GrantError::Overlap { first, highest: clash.last });
        }
        ranges.push(Range {
            prefix: grant.prefix.clone(),
            first,
            last,
            next: first,
            width: grant.width,
            dirty: true,
        });
        let highest = self.highest.entry(grant.series.clone()).or_default();
        *highest = last.max(*highest);
        self.dirty.insert(grant.series.clone());
        let terms = self.terms.entry(grant.series.clone()).or_default();
        let known = terms.entry(grant.prefix.clone()).or_default();
        *known = Term { highest: last.max(known.highest), ..term };
        self.dirty_terms.insert((grant.series.clone(), grant.prefix.clone()));
        Ok(Granted::Taken)
    }

    pub(super) fn take_changes(&mut self, epoch: u32) -> Vec<SeriesRow> {
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let mut rows = Vec::new();
        for (series, ranges) in &mut self.series {
            for range in ranges.iter_mut().filter(|r| r.dirty) {
                range.dirty = false;
                rows.push(SeriesRow {
                    series: series.clone(),
                    prefix: range.prefix.clone(),
                    first: signed(range.first),
                    last: signed(range.last),
                    next: signed(range.next),
                    width: range.width,
                    epoch,
                });
            }
        }
        rows
    }

    /// The highest numbers that changed since the last call.
    pub(super) fn take_marks(&mut self) -> Vec<(String, i64)> {
        let changed = std::mem::take(&mut self.dirty);
        let highest = |series: String| {
            let highest = self.highest.get(&series).copied().unwrap_or_default();
            (series, i64::try_from(highest).unwrap_or(i64::MAX))
        };
        changed.into_iter().map(highest).collect()
    }

    /// The terms that changed since the last call, as rows of `meta`.
    pub(super) fn take_terms(&mut self) -> Vec<(String, String)> {
        let changed = std::mem::take(&mut self.dirty_terms);
        let row = |(series, prefix): (String, String)| {
            let term = self.terms.get(&series)?.get(&prefix)?;
            Some((format!("{TERM}{series}:{prefix}"), term.text()))
        };
        changed.into_iter().filter_map(row).collect()
    }

    /// Highest number ever granted, per series and prefix.
    pub(super) fn prefix_marks(&self) -> impl Iterator<Item = (&String, &String, u64)> {
        self.terms.iter().flat_map(|(series, terms)| {
            terms.iter().map(move |(prefix, term)| (series, prefix, term.highest))
        })
    }

    /// Highest document number ever granted, per series.
    pub(super) fn marks(&self) -> impl Iterator<Item = (&String, u64)> {
        self.highest.iter().map(|(series, highest)| (series, *highest))
    }

    pub(super) fn burn(&mut self) {
        self.series.clear();
        self.dirty.clear();
    }

    /// What is left for documents of that moment.
    pub(super) fn levels(&self, at: DateTime<Utc>) -> Vec<SeriesLevel> {
        let at = at.timestamp_micros();
        let level = |(series, ranges): (&String, &Vec<Range>)| {
            let terms = self.terms.get(series);
            let fits = ranges.iter().filter(|range| covers(terms, &range.prefix, at));
            SeriesLevel { series: series.clone(), left: fits.map(Range::left).sum() }
        };
        self.series.iter().map(level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(first: u64, last: u64) -> SeriesGrant {
        SeriesGrant {
            series: "GRN".into(),
            prefix: "GRN-2025-".into(),
            first,
            last,
            width: 3,
            epoch: 1,
            ..SeriesGrant::default()
        }
    }

    fn at(day: &str) -> DateTime<Utc> {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    /// Numbers 1 to 9 of the financial year that begins in that year.
    fn of_year(year: i32) -> SeriesGrant {
        let micros = |year: i32| format!("{year}-04-01T00:00:00Z").parse::<DateTime<Utc>>().unwrap();
        SeriesGrant {
            prefix: format!("GRN/{}/", year % 100),
            from_us: micros(year).timestamp_micros(),
            until_us: micros(year + 1).timestamp_micros(),
            ..grant(1, 9)
        }
    }

    fn left(ranges: &SeriesRanges, day: &str) -> u64 {
        ranges.levels(at(day)).iter().map(|level| level.left).sum()
    }

    #[test]
    fn a_year_gives_its_own_numbers_and_no_others() {
        let mut ranges = SeriesRanges::default();
        assert_eq!(ranges.grant(&of_year(2025)), Ok(Granted::Taken));
        assert_eq!(ranges.next("GRN", at("2026-03-31")).unwrap(), "GRN/25/001");
        assert!(ranges.next("GRN", at("2026-04-01")).is_err(), "the old year's number");
        // Taken ahead, it waits for its year.
        assert_eq!(ranges.grant(&of_year(2026)), Ok(Granted::Taken));
        assert_eq!((left(&ranges, "2026-03-31"), left(&ranges, "2026-04-01")), (8, 9));
        assert_eq!(ranges.next("GRN", at("2026-03-31")).unwrap(), "GRN/25/002");
        assert_eq!(ranges.next("GRN", at("2026-04-01")).unwrap(), "GRN/26/001");
        // A late document of the old year still has its numbers, after a restart too.
        let (rows, marks, terms) = (ranges.take_changes(1), ranges.take_marks(), ranges.take_terms());
        assert!(ranges.take_terms().is_empty());
        let mut ranges = SeriesRanges::load(1, &rows, &marks, &terms);
        assert_eq!(ranges.next("GRN", at("2026-03-30")).unwrap(), "GRN/25/003");
        assert_eq!(ranges.next("GRN", at("2026-04-02")).unwrap(), "GRN/26/002");
        // A clock that stands at its beginning stops nothing.
        assert_eq!(ranges.next("GRN", at("1970-01-01")).unwrap(), "GRN/25/004");
        // What was granted is told by year, in every later epoch.
        ranges.burn();
        let told: Vec<_> =
            ranges.prefix_marks().map(|(_, prefix, highest)| (prefix.as_str(), highest)).collect();
        assert_eq!(told, [("GRN/25/", 9), ("GRN/26/", 9)]);
    }

    #[test]
    fn a_term_that_ends_before_it_begins_is_none() {
        let turned = SeriesGrant { from_us: 2, until_us: 1, ..grant(1, 9) };
        assert!(matches!(SeriesRanges::default().grant(&turned), Err(GrantError::Invalid { .. })));
        assert_eq!(Term::parse("1 2 x"), None);
    }

    #[test]
    fn numbers_are_padded_and_end() {
        let mut ranges = SeriesRanges::default();
        assert_eq!(ranges.grant(&grant(45, 46)), Ok(Granted::Taken));
        assert_eq!(ranges.next("GRN", at("2025-06-01")).unwrap(), "GRN-2025-045");
        let rows = ranges.take_changes(1);
        let marks = ranges.take_marks();
        assert_eq!(marks, [("GRN".to_owned(), 46)]);
        let mut ranges = SeriesRanges::load(1, &rows, &marks, &[]);
        assert_eq!(ranges.grant(&grant(45, 46)), Ok(Granted::Known));
        assert!(matches!(ranges.grant(&grant(46, 50)), Err(GrantError::Overlap { .. })));
        assert_eq!(ranges.next("GRN", at("2025-06-01")).unwrap(), "GRN-2025-046");
        assert!(ranges.next("GRN", at("2025-06-01")).is_err());
        assert!(ranges.next("ISS", at("2025-06-01")).is_err());
        // What was ever granted is known in every later epoch.
        ranges.burn();
        assert_eq!(ranges.marks().collect::<Vec<_>>(), [(&"GRN".to_owned(), 46)]);
        let later = SeriesRanges::load(2, &[], &marks, &[]);
        assert_eq!(later.marks().collect::<Vec<_>>(), [(&"GRN".to_owned(), 46)]);
    }

    #[test]
    fn a_range_that_does_not_fit_is_not_used() {
        let mut ranges = SeriesRanges::default();
        ranges.grant(&grant(1, 10)).unwrap();
        let rows = ranges.take_changes(1);
        for damaged in [
            SeriesRow { next: 12, ..rows[0].clone() },
            SeriesRow { next: 0, ..rows[0].clone() },
            SeriesRow { last: 0, ..rows[0].clone() },
        ] {
            assert!(SeriesRanges::load(1, &[damaged], &[], &[]).next("GRN", at("2025-06-01")).is_err());
        }
        let twice = [rows[0].clone(), SeriesRow { first: 5, next: 5, ..rows[0].clone() }];
        let mut ranges = SeriesRanges::load(1, &twice, &[], &[]);
        let given: Vec<String> = std::iter::from_fn(|| ranges.next("GRN", at("2025-06-01")).ok()).collect();
        assert_eq!(given.len(), 10);
    }
}
