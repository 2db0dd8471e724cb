//! What was inside which package, and when: what is measured on a rack, a box or a
//! trolley is measured on all that is in it at that moment.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::store::label::{EventRow, ReadingRow};
use super::store::{corrections, stays as store};

/// Packages in packages that are followed.
const DEEPEST: usize = 8;
/// Most packages, or contents, that are followed at once.
const MOST: usize = 2_000_000;

/// A unit went into a package or came out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What was put in or taken out.
    pub content: i64,
    /// Into what, or out of what.
    pub package: i64,
    /// In, not out.
    pub into: bool,
    /// When, by the plant's clock.
    pub at: DateTime<Utc>,
}

/// While a unit was in a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stay {
    /// The unit.
    pub content: i64,
    /// The package.
    pub package: i64,
    /// From then.
    pub from: DateTime<Utc>,
    /// Until just before then; `None` while it is there.
    pub until: Option<DateTime<Utc>>,
}

impl Stay {
    /// Whether it was there at that moment.
    #[must_use]
    pub fn has(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// The part of this stay within another's time; `None` if they do not meet.
    fn within(self, other: &Self) -> Option<Self> {
        let until = [self.until, other.until].into_iter().flatten().min();
        let from = self.from.max(other.from);
        until.is_none_or(|until| from < until).then_some(Self { from, until, ..self })
    }
}

/// Pairs what went in with what came out. What comes out without having gone in says
/// nothing; what goes in twice was there since the first time. Pure.
#[must_use]
pub fn pair(mut turns: Vec<Turn>) -> Vec<Stay> {
    // At one moment out comes before in: it was put from one place to another.
    turns.sort_by_key(|turn| (turn.content, turn.package, turn.at, turn.into));
    let mut stays: Vec<Stay> = Vec::new();
    let mut open: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for Turn { content, package, into, at } in turns {
        if !into {
            if let Some(stay) = open.remove(&(content, package)).and_then(|at| stays.get_mut(at)) {
                stay.until = Some(at);
            }
        } else if let Entry::Vacant(place) = open.entry((content, package)) {
            place.insert(stays.len());
            stays.push(Stay { content, package, from: at, until: None });
        }
    }
    stays
}

/// While a unit was in which packages, and in what those were meanwhile.
///
/// # Errors
/// The database.
pub async fn around(tx: &mut Tx, key: i64) -> Result<Vec<Stay>, Error> {
    around_all(tx, &[key]).await
}

/// As [`around`], of many units.
///
/// # Errors
/// The database.
pub async fn around_all(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Stay>, Error> {
    let mut open = stays(tx, keys, true).await?;
    let mut seen: HashSet<Stay> = open.iter().copied().collect();
    let mut all: Vec<Stay> = Vec::new();
    for _ in 0..DEEPEST {
        if open.is_empty() || all.len() > MOST {
            break;
        }
        let packages: Vec<i64> =
            open.iter().map(|stay| stay.package).collect::<HashSet<_>>().into_iter().collect();
        let mut outer: HashMap<i64, Vec<Stay>> = HashMap::new();
        for stay in stays(tx, &packages, true).await? {
            outer.entry(stay.content).or_default().push(stay);
        }
        let mut next = Vec::new();
        for inner in &open {
            let met = outer.get(&inner.package).into_iter().flatten().filter_map(|outer| outer.within(inner));
            let met = met.map(|stay| Stay { content: inner.content, ..stay });
            next.extend(met.filter(|stay| stay.package != stay.content && seen.insert(*stay)));
        }
        all.append(&mut open);
        open = next;
    }
    Ok(all)
}

/// While something was in a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The package.
    pub package: i64,
    /// From then.
    pub from: DateTime<Utc>,
    /// Until just before then; `None` while something is there.
    pub until: Option<DateTime<Utc>>,
}

/// While anything was in each package, every moment once. Pure.
#[must_use]
pub fn spans(stays: &[Stay]) -> Vec<Span> {
    let mut sorted: Vec<&Stay> = stays.iter().collect();
    sorted.sort_by_key(|stay| (stay.package, stay.from));
    let mut spans: Vec<Span> = Vec::new();
    for Stay { package, from, until, .. } in sorted.into_iter().copied() {
        match spans.last_mut() {
            Some(last) if last.package == package && last.until.is_none_or(|end| from <= end) => {
                last.until = last.until.zip(until).map(|(one, other)| one.max(other));
            }
            _ => spans.push(Span { package, from, until }),
        }
    }
    spans
}

/// What was in these packages at those moments, in what was in them too; none of the
/// packages themselves unless one was in another.
///
/// # Errors
/// The database.
pub async fn contents(tx: &mut Tx, measured: &[(i64, DateTime<Utc>)]) -> Result<HashSet<i64>, Error> {
    let mut found = HashSet::new();
    let mut seen: HashSet<(i64, DateTime<Utc>)> = measured.iter().copied().collect();
    let mut open: Vec<(i64, DateTime<Utc>)> = seen.iter().copied().collect();
    for _ in 0..DEEPEST {
        if open.is_empty() || seen.len() > MOST {
            break;
        }
        let packages: Vec<i64> =
            open.iter().map(|(key, _)| *key).collect::<HashSet<_>>().into_iter().collect();
        let mut inside: BTreeMap<i64, Vec<Stay>> = BTreeMap::new();
        for stay in stays(tx, &packages, false).await? {
            inside.entry(stay.package).or_default().push(stay);
        }
        let mut next = Vec::new();
        for (package, at) in open {
            for stay in inside.get(&package).into_iter().flatten().filter(|stay| stay.has(at)) {
                found.insert(stay.content);
                if seen.insert((stay.content, at)) {
                    next.push((stay.content, at));
                }
            }
        }
        open = next;
    }
    Ok(found)
}

/// What was measured on a package, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The package.
    pub package: i64,
    /// When its readings were taken, the earliest first.
    pub at: Vec<DateTime<Utc>>,
}

impl Measured {
    /// Which of these moments, by their places, a stay has.
    fn during(&self, stay: &Stay, within: &Range<usize>) -> Range<usize> {
        let from = self.at.partition_point(|at| *at < stay.from).max(within.start);
        let until = stay.until.map_or(self.at.len(), |until| self.at.partition_point(|at| *at < until));
        from..until.min(within.end)
    }
}

/// What was in each of these packages at one of its moments at least, and in what was
/// in it then.
///
/// # Errors
/// The database.
pub async fn inside(tx: &mut Tx, measured: &[Measured]) -> Result<Vec<BTreeSet<i64>>, Error> {
    let mut found = vec![BTreeSet::new(); measured.len()];
    let mut seen: HashSet<(usize, i64, Range<usize>)> = HashSet::new();
    let all = measured.iter().enumerate();
    let mut open: Vec<_> = all.map(|(number, one)| (number, one.package, 0..one.at.len())).collect();
    for _ in 0..DEEPEST {
        if open.is_empty() || seen.len() > MOST {
            break;
        }
        let packages: Vec<i64> =
            open.iter().map(|(_, package, _)| *package).collect::<HashSet<_>>().into_iter().collect();
        let mut contents: HashMap<i64, Vec<Stay>> = HashMap::new();
        for stay in stays(tx, &packages, false).await? {
            contents.entry(stay.package).or_default().push(stay);
        }
        let mut next = Vec::new();
        for (number, package, within) in open {
            for stay in contents.get(&package).into_iter().flatten() {
                let when = measured[number].during(stay, &within);
                if !when.is_empty() {
                    found[number].insert(stay.content);
                    if seen.insert((number, stay.content, when.clone())) {
                        next.push((number, stay.content, when));
                    }
                }
            }
        }
        open = next;
    }
    Ok(found)
}

/// Leaves out readings that were taken on a package before the unit was in it, or
/// after. Pure.
pub fn keep(readings: &mut Vec<ReadingRow>, events: &[EventRow], stays: &[Stay]) {
    if stays.is_empty() {
        return;
    }
    let around: HashSet<(Uuid, i32, i64)> = events
        .iter()
        .filter(|event| event.role == 0 && event.parent.is_some())
        .map(|event| (event.agent_id, event.epoch, event.seq))
        .collect();
    readings.retain(|reading| {
        !around.contains(&(reading.agent_id, reading.epoch, reading.seq))
            || stays.iter().any(|stay| stay.has(reading.taken_at))
    });
}

/// The stays of these units in packages, or (`up` not) of whatever in these packages;
/// none by events that never were.
async fn stays(tx: &mut Tx, keys: &[i64], up: bool) -> Result<Vec<Stay>, Error> {
    let rows = store::turns(tx, keys, up).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let corrected: Vec<_> = rows.iter().filter(|row| row.corrected).map(|row| row.event_id).collect();
    let void = corrections::void_among(tx, &corrected).await?;
    let turns = rows.into_iter().filter(|row| !void.contains(&row.event_id)).map(|row| Turn {
        content: row.from_key,
        package: row.to_key,
        into: row.effect == 1,
        at: row.occurred_at,
    });
    Ok(pair(turns.collect()))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        Utc.timestamp_opt(1_700_000_000 + minute * 60, 0).unwrap()
    }

    fn turn(content: i64, package: i64, into: bool, minute: i64) -> Turn {
        Turn { content, package, into, at: at(minute) }
    }

    #[test]
    fn a_stay_is_from_going_in_until_coming_out() {
        let turns = vec![
            turn(1, 9, false, 1),
            turn(1, 9, true, 5),
            turn(1, 9, true, 6),
            turn(1, 9, false, 10),
            turn(1, 9, true, 20),
            turn(2, 9, true, 7),
        ];
        let stay = |content, from, until: Option<i64>| Stay {
            content,
            package: 9,
            from: at(from),
            until: until.map(at),
        };
        let stays = pair(turns);
        assert_eq!(stays, [stay(1, 5, Some(10)), stay(1, 20, None), stay(2, 7, None)]);
        assert!(stays[0].has(at(5)) && stays[0].has(at(9)) && !stays[0].has(at(10)) && !stays[0].has(at(4)));
        let outer = Stay { content: 9, package: 8, from: at(8), until: None };
        let inner = Stay { content: 9, package: 8, from: at(8), until: Some(at(10)) };
        assert_eq!(outer.within(&stays[0]), Some(inner));
        assert_eq!(Stay { until: Some(at(3)), from: at(1), ..outer }.within(&stays[0]), None);
    }

    #[test]
    fn a_package_is_asked_for_each_moment_once() {
        let stay = |content, package, from, until: Option<i64>| Stay {
            content,
            package,
            from: at(from),
            until: until.map(at),
        };
        let span = |package, from, until: Option<i64>| Span { package, from: at(from), until: until.map(at) };
        let stays = [
            stay(1, 9, 5, Some(10)),
            stay(2, 9, 20, None),
            stay(3, 9, 7, Some(8)),
            stay(4, 9, 10, Some(12)),
            stay(5, 9, 30, Some(40)),
            stay(6, 8, 1, Some(2)),
        ];
        assert_eq!(spans(&stays), [span(8, 1, Some(2)), span(9, 5, Some(12)), span(9, 20, None)]);
    }
}
