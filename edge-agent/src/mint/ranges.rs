//! Ranges of UID numbers, per type.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uid::{MAX_SEQUENCE, TypeCode};

use crate::journal::{LeaseMarkRow, LeaseRow};

/// Why a number could not be given. Nothing was used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// No number of this type is left.
    #[error("no leased number of type {kind} is left")]
    Exhausted {
        /// Type code.
        kind: String,
    },
    /// No document number of this series is left.
    #[error("no leased number of series {series} is left")]
    SeriesExhausted {
        /// Series code.
        series: String,
    },
    /// Minting is stopped until the cloud gives a new epoch.
    #[error("minting is stopped: {reason}")]
    Blocked {
        /// Why.
        reason: String,
    },
}

/// Why a granted range was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It belongs to another epoch.
    #[error("the range was granted in epoch {granted}, the current one is {current}")]
    Epoch {
        /// Epoch of the grant.
        granted: u32,
        /// Epoch of the agent.
        current: u32,
    },
    /// It is empty, or no range of valid numbers.
    #[error("{first} to {last} is no range of numbers")]
    Invalid {
        /// First number.
        first: u64,
        /// Last number.
        last: u64,
    },
    /// It holds numbers that were granted, and perhaps used, before.
    #[error("the range begins at {first}, but numbers up to {highest} were granted before")]
    Overlap {
        /// First number.
        first: u64,
        /// Highest number granted so far.
        highest: u64,
    },
}

/// What became of a granted range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// Numbers may be taken from it.
    Taken,
    /// It was there already; the message came twice.
    Known,
}

/// State of one type's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseLevel {
    /// Type code.
    pub kind: TypeCode,
    /// Unused numbers.
    pub left: u64,
    /// Highest number minted.
    pub highest_used: u64,
    /// Highest number ever granted.
    pub highest_granted: u64,
}

#[derive(Debug, Clone)]
struct Range {
    first: u64,
    last: u64,
    next: u64,
    dirty: bool,
}

impl Range {
    fn left(&self) -> u64 {
        (self.last + 1).saturating_sub(self.next)
    }
}

#[derive(Debug, Clone, Default)]
struct Kind {
    ranges: VecDeque<Range>,
    used: u64,
    granted: u64,
}

/// A number as it is stored; no number where it is none.
fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// The ranges of all types. Numbers of a type come in rising order, for ever.
#[derive(Debug, Clone, Default)]
pub struct UidRanges {
    kinds: BTreeMap<TypeCode, Kind>,
    dirty: BTreeSet<TypeCode>,
}

impl UidRanges {
    /// Ranges of this epoch, and the highest numbers of all. A stored range is
    /// used only above the highest number minted, whatever its own note says; one
    /// that makes no sense beside the others is not used at all.
    #[must_use]
    pub fn load(epoch: u32, leases: &[LeaseRow], marks: &[LeaseMarkRow]) -> Self {
        let mut ranges = Self::default();
        for mark in marks {
            let Ok(kind) = mark.kind.parse::<TypeCode>() else { continue };
            let entry = ranges.kinds.entry(kind).or_default();
            entry.used = number(mark.used);
            entry.granted = number(mark.granted);
        }
        let mut ordered: Vec<&LeaseRow> = leases.iter().collect();
        ordered.sort_by_key(|l| l.first);
        // Where a mark is gone, the ranges say how far it had come: used up ones
        // stay until the next epoch.
        let marked: BTreeSet<TypeCode> = ranges.kinds.keys().copied().collect();
        for lease in &ordered {
            let Ok(kind) = lease.kind.parse::<TypeCode>() else { continue };
            if !marked.contains(&kind) {
                let entry = ranges.kinds.entry(kind).or_default();
                entry.granted = entry.granted.max(number(lease.last));
                if lease.next > lease.first {
                    entry.used = entry.used.max(number(lease.next) - 1);
                }
            }
        }
        for lease in ordered.into_iter().filter(|l| l.epoch == epoch) {
            let Ok(kind) = lease.kind.parse::<TypeCode>() else { continue };
            let entry = ranges.kinds.entry(kind).or_default();
            let (first, last) = (number(lease.first), number(lease.last));
            let before = entry.ranges.back().map_or(0, |r| r.last);
            if first <= before || last < first || last > entry.granted {
                tracing::error!(%kind, first, last, "a range of numbers does not fit the others; it is not used");
                continue;
            }
            let next = number(lease.next).max(entry.used + 1).max(first);
            let range = Range { first, last, next, dirty: false };
            if range.left() > 0 {
                entry.ranges.push_back(range);
            }
        }
        ranges
    }

    pub(super) fn next(&mut self, kind: TypeCode) -> Result<u64, MintError> {
        let exhausted = || MintError::Exhausted { kind: kind.to_string() };
        let entry = self.kinds.get_mut(&kind).ok_or_else(exhausted)?;
        let range = entry.ranges.iter_mut().find(|r| r.left() > 0).ok_or_else(exhausted)?;
        let number = range.next.max(entry.used + 1);
        if number > range.last {
            return Err(exhausted());
        }
        range.next = number + 1;
        range.dirty = true;
        entry.used = number;
        self.dirty.insert(kind);
        Ok(number)
    }

    pub(super) fn grant(&mut self, kind: TypeCode, first: u64, last: u64) -> Result<Granted, GrantError> {
        if first == 0 || last < first || last > MAX_SEQUENCE {
            return Err(GrantError::Invalid { first, last });
        }
        let entry = self.kinds.entry(kind).or_default();
        if entry.ranges.iter().any(|r| r.first == first && r.last == last) {
            return Ok(Granted::Known);
        }
        let highest = entry.granted.max(entry.used);
        if first <= highest {
            return Err(GrantError::Overlap { first, highest });
        }
        entry.ranges.push_back(Range { first, last, next: first, dirty: true });
        entry.granted = last;
        self.dirty.insert(kind);
        Ok(Granted::Taken)
    }

    pub(super) fn take_changes(&mut self, epoch: u32) -> (Vec<LeaseRow>, Vec<LeaseMarkRow>) {
        // Numbers are at most 11 digits, so they fit.
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (mut leases, mut marks) = (Vec::new(), Vec::new());
        for kind in std::mem::take(&mut self.dirty) {
            let Some(entry) = self.kinds.get_mut(&kind) else { continue };
            for range in entry.ranges.iter_mut().filter(|r| r.dirty) {
                range.dirty = false;
                leases.push(LeaseRow {
                    kind: kind.to_string(),
                    first: signed(range.first),
                    last: signed(range.last),
                    next: signed(range.next),
                    epoch,
                });
            }
            entry.ranges.retain(|r| r.left() > 0);
            marks.push(LeaseMarkRow {
                kind: kind.to_string(),
                used: signed(entry.used),
                granted: signed(entry.granted),
            });
        }
        (leases, marks)
    }

    pub(super) fn burn(&mut self) {
        for entry in self.kinds.values_mut() {
            entry.ranges.clear();
        }
        self.dirty.clear();
    }

    pub(super) fn levels(&self) -> Vec<LeaseLevel> {
        let level = |(kind, entry): (&TypeCode, &Kind)| LeaseLevel {
            kind: *kind,
            left: entry.ranges.iter().map(Range::left).sum(),
            highest_used: entry.used,
            highest_granted: entry.granted,
        };
        self.kinds.iter().map(level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RM: TypeCode = TypeCode::RAW_MATERIAL;

    #[test]
    fn numbers_run_through_the_ranges_and_end() {
        let mut ranges = UidRanges::default();
        assert!(ranges.next(RM).is_err());
        assert_eq!(ranges.grant(RM, 5, 6), Ok(Granted::Taken));
        assert_eq!(ranges.grant(RM, 10, 10), Ok(Granted::Taken));
        assert_eq!(ranges.grant(RM, 10, 10), Ok(Granted::Known));
        let given: Vec<u64> = std::iter::from_fn(|| ranges.next(RM).ok()).collect();
        assert_eq!(given, [5, 6, 10]);
    }

    #[test]
    fn a_range_that_was_granted_is_never_taken_again() {
        let mut ranges = UidRanges::default();
        ranges.grant(RM, 1, 2).unwrap();
        ranges.next(RM).unwrap();
        ranges.next(RM).unwrap();
        ranges.take_changes(1);
        // The message comes once more after the range was used up.
        assert_eq!(ranges.grant(RM, 1, 2), Err(GrantError::Overlap { first: 1, highest: 2 }));
        ranges.burn();
        assert_eq!(ranges.grant(RM, 2, 9), Err(GrantError::Overlap { first: 2, highest: 2 }));
        assert_eq!(ranges.grant(RM, 3, 9), Ok(Granted::Taken));
        assert_eq!(ranges.grant(RM, 0, 9), Err(GrantError::Invalid { first: 0, last: 9 }));
        let over = ranges.grant(RM, 10, MAX_SEQUENCE + 1);
        assert_eq!(over, Err(GrantError::Invalid { first: 10, last: MAX_SEQUENCE + 1 }));
    }

    #[test]
    fn what_is_stored_reads_back() {
        let mut ranges = UidRanges::default();
        ranges.grant(RM, 1, 10).unwrap();
        ranges.next(RM).unwrap();
        let (leases, marks) = ranges.take_changes(3);
        let mut again = UidRanges::load(3, &leases, &marks);
        assert_eq!(again.next(RM), Ok(2));
        assert!(UidRanges::load(4, &leases, &marks).next(RM).is_err());
        // A range whose own note fell behind the highest number is not believed.
        let stale = LeaseRow { next: 1, ..leases[0].clone() };
        let marks = [LeaseMarkRow { used: 7, ..marks[0].clone() }];
        assert_eq!(UidRanges::load(3, &[stale], &marks).next(RM), Ok(8));
    }

    #[test]
    fn a_range_that_does_not_fit_is_burnt_and_the_others_are_used() {
        let lease = |first, last, next| LeaseRow { kind: "RM".into(), first, last, next, epoch: 1 };
        let mark = |used, granted| LeaseMarkRow { kind: "RM".into(), used, granted };
        let next = |leases: &[LeaseRow], marks: &[LeaseMarkRow]| UidRanges::load(1, leases, marks).next(RM);
        // Reaches into the one after it; beyond what was granted; ends before it begins.
        let other = lease(101, 200, 101);
        let mut overlapping = UidRanges::load(1, &[lease(1, 150, 150), other.clone()], &[mark(149, 200)]);
        assert_eq!(overlapping.next(RM), Ok(150));
        assert_eq!(overlapping.next(RM), Err(MintError::Exhausted { kind: "RM".into() }));
        assert_eq!(next(&[lease(300, 400, 300), other.clone()], &[mark(100, 200)]), Ok(101));
        assert_eq!(next(&[lease(90, 10, 90), other.clone()], &[mark(50, 200)]), Ok(101));
        // Without the mark of a type, what its ranges say counts.
        assert_eq!(next(&[lease(1, 100, 101), other], &[]), Ok(101));
        assert_eq!(next(&[lease(1, 100, 41)], &[]), Ok(41));
    }
}
