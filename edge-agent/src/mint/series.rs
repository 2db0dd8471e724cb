//! Ranges of document numbers, per series (`GRN` gives `GRN-2025-045`).

use std::collections::{BTreeMap, BTreeSet};

use proto::v1::SeriesGrant;

use super::{GrantError, Granted, MintError};
use crate::journal::SeriesRow;

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

/// The ranges of all series. Used-up ranges are kept, so that a grant that comes
/// again is known.
#[derive(Debug, Clone, Default)]
pub struct SeriesRanges {
    series: BTreeMap<String, Vec<Range>>,
    /// Highest number ever granted, per series.
    highest: BTreeMap<String, u64>,
    dirty: BTreeSet<String>,
}

impl SeriesRanges {
    /// Ranges of this epoch, and the highest numbers of all. A range that makes no
    /// sense beside the others is not used.
    #[must_use]
    pub fn load(epoch: u32, rows: &[SeriesRow], marks: &[(String, i64)]) -> Self {
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        let mut ranges = Self::default();
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

    pub(super) fn next(&mut self, series: &str) -> Result<String, MintError> {
        let exhausted = || MintError::SeriesExhausted { series: series.to_owned() };
        let ranges = self.series.get_mut(series).ok_or_else(exhausted)?;
        let range = ranges.iter_mut().find(|r| r.left() > 0).ok_or_else(exhausted)?;
        let number = range.next;
        range.next += 1;
        range.dirty = true;
        Ok(format!("{}{number:0width$}", range.prefix, width = range.width as usize))
    }

    pub(super) fn grant(&mut self, grant: &SeriesGrant) -> Result<Granted, GrantError> {
        let (first, last) = (grant.first, grant.last);
        let limit = 10_u64.pow(MAX_WIDTH) - 1;
        if first == 0 || last < first || last > limit || grant.width > MAX_WIDTH {
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

    /// Highest document number ever granted, per series.
    pub(super) fn marks(&self) -> impl Iterator<Item = (&String, u64)> {
        self.highest.iter().map(|(series, highest)| (series, *highest))
    }

    pub(super) fn burn(&mut self) {
        self.series.clear();
        self.dirty.clear();
    }

    pub(super) fn levels(&self) -> Vec<SeriesLevel> {
        let level = |(series, ranges): (&String, &Vec<Range>)| SeriesLevel {
            series: series.clone(),
            left: ranges.iter().map(Range::left).sum(),
        };
        self.series.iter().map(level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(first: u64, last: u64) -> SeriesGrant {
        SeriesGrant { series: "GRN".into(), prefix: "GRN-2025-".into(), first, last, width: 3, epoch: 1 }
    }

    #[test]
    fn numbers_are_padded_and_end() {
        let mut ranges = SeriesRanges::default();
        assert_eq!(ranges.grant(&grant(45, 46)), Ok(Granted::Taken));
        assert_eq!(ranges.next("GRN").unwrap(), "GRN-2025-045");
        let rows = ranges.take_changes(1);
        let marks = ranges.take_marks();
        assert_eq!(marks, [("GRN".to_owned(), 46)]);
        let mut ranges = SeriesRanges::load(1, &rows, &marks);
        assert_eq!(ranges.grant(&grant(45, 46)), Ok(Granted::Known));
        assert!(matches!(ranges.grant(&grant(46, 50)), Err(GrantError::Overlap { .. })));
        assert_eq!(ranges.next("GRN").unwrap(), "GRN-2025-046");
        assert!(ranges.next("GRN").is_err());
        assert!(ranges.next("ISS").is_err());
        // What was ever granted is known in every later epoch.
        ranges.burn();
        assert_eq!(ranges.marks().collect::<Vec<_>>(), [(&"GRN".to_owned(), 46)]);
        let later = SeriesRanges::load(2, &[], &marks);
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
            assert!(SeriesRanges::load(1, &[damaged], &[]).next("GRN").is_err());
        }
        let twice = [rows[0].clone(), SeriesRow { first: 5, next: 5, ..rows[0].clone() }];
        let mut ranges = SeriesRanges::load(1, &twice, &[]);
        let given: Vec<String> = std::iter::from_fn(|| ranges.next("GRN").ok()).collect();
        assert_eq!(given.len(), 10);
    }
}
