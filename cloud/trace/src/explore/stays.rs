//! What was inside which package, and when: what is measured on a rack, a box or a
//! trolley is measured on all that is in it at that moment.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::order::Stamp;
use super::store::label::{EventRow, ReadingRow};
use super::store::{corrections, stays as store};
use crate::genealogy::turns::{Turn, fold};

/// Packages in packages that are followed.
const DEEPEST: usize = 8;
/// Most packages, or contents, that are followed at once.
const MOST: usize = 2_000_000;

/// How far around the end that was told at a plant its clock is believed, where the other end
/// was told by another one and the clocks of the two contradict the order: besides by as much
/// as they do.
const DOUBT: TimeDelta = TimeDelta::days(1);

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
    /// Only by the clock of this agent: it came out at another one whose clock stood before
    /// the time at which it had gone in.
    pub only: Option<Uuid>,
    /// The agent that told all of it; what this one measured is in order by one clock. `None`:
    /// the clocks of several were compared.
    pub told_by: Option<Uuid>,
}

impl Stay {
    /// Whether it was there at that moment, by whatever clock.
    #[must_use]
    pub fn has(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// Whether it was there when an agent measured something.
    #[must_use]
    pub fn had(&self, at: DateTime<Utc>, agent: Uuid) -> bool {
        self.has(at) && self.only.is_none_or(|only| only == agent)
    }

    /// The part of this stay within another's time; `None` if they do not meet.
    fn within(self, other: &Self) -> Option<Self> {
        let only = match (self.only, other.only) {
            (Some(one), Some(another)) if one != another => return None,
            (one, another) => one.or(another),
        };
        let told_by = self.told_by.filter(|_| self.told_by == other.told_by);
        let until = [self.until, other.until].into_iter().flatten().min();
        let from = self.from.max(other.from);
        until.is_none_or(|until| from < until).then_some(Self { from, until, only, told_by, ..self })
    }
}

/// What all turns of some units and packages come to, each of (content, package): by the order
/// of its facts, not of clocks. What comes out without having gone in says nothing. Pure.
#[must_use]
pub fn pair(turns: &BTreeMap<(i64, i64), Vec<Turn>>) -> Vec<Stay> {
    let mut stays = Vec::new();
    for (&(content, package), turns) in turns {
        let story = fold(turns);
        for stay in &story.stays {
            let put_in = &turns[stay.put_in];
            let taken_out = stay.taken_out.map(|at| &turns[at]);
            let (agent, from) = (put_in.stamp.agent, put_in.at);
            let other = taken_out.map(|turn| turn.stamp.agent).filter(|other| *other != agent);
            let told_by = Some(agent).filter(|_| other.is_none() && !story.by_clock);
            let until = taken_out.map(|turn| turn.at);
            let whole = Stay { content, package, from, until, only: None, told_by };
            match (until, other) {
                // It came out before it had gone in, if two clocks are believed: each where it is.
                (Some(until), Some(other)) if until <= from => {
                    let doubt = from - until + DOUBT;
                    stays.push(Stay { until: Some(from + doubt), only: Some(agent), ..whole });
                    stays.push(Stay { from: until - doubt, only: Some(other), ..whole });
                }
                // A clock that was put back in between: the order is sure, how long is not.
                (Some(until), None) if until < from => {
                    stays.push(Stay { from: until, until: Some(from), ..whole });
                }
                _ => stays.push(whole),
            }
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
    /// Only by the clock of this agent.
    pub only: Option<Uuid>,
}

/// While anything was in each package, every moment once. Pure.
#[must_use]
pub fn spans(stays: &[Stay]) -> Vec<Span> {
    let mut sorted: Vec<&Stay> = stays.iter().collect();
    sorted.sort_by_key(|stay| (stay.package, stay.only, stay.from));
    let mut spans: Vec<Span> = Vec::new();
    for Stay { package, from, until, only, .. } in sorted.into_iter().copied() {
        match spans.last_mut() {
            Some(last)
                if (last.package, last.only) == (package, only)
                    && last.until.is_none_or(|end| from <= end) =>
            {
                last.until = last.until.zip(until).map(|(one, other)| one.max(other));
            }
            _ => spans.push(Span { package, from, until, only }),
        }
    }
    spans
}

/// What was in these packages when agents measured something of them, in what was in them too;
/// none of the packages themselves unless one was in another.
///
/// # Errors
/// The database.
pub async fn contents(tx: &mut Tx, measured: &[(i64, DateTime<Utc>, Uuid)]) -> Result<HashSet<i64>, Error> {
    let mut found = HashSet::new();
    let mut seen: HashSet<(i64, DateTime<Utc>, Uuid)> = measured.iter().copied().collect();
    let mut open: Vec<(i64, DateTime<Utc>, Uuid)> = seen.iter().copied().collect();
    for _ in 0..DEEPEST {
        if open.is_empty() || seen.len() > MOST {
            break;
        }
        let packages: Vec<i64> =
            open.iter().map(|(key, ..)| *key).collect::<HashSet<_>>().into_iter().collect();
        let mut inside: BTreeMap<i64, Vec<Stay>> = BTreeMap::new();
        for stay in stays(tx, &packages, false).await? {
            inside.entry(stay.package).or_default().push(stay);
        }
        let mut next = Vec::new();
        for (package, at, agent) in open {
            for stay in inside.get(&package).into_iter().flatten().filter(|stay| stay.had(at, agent)) {
                found.insert(stay.content);
                if seen.insert((stay.content, at, agent)) {
                    next.push((stay.content, at, agent));
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
    /// Which agent told of them.
    pub agent: Uuid,
}

impl Measured {
    /// Which of these moments, by their places, a stay has.
    fn during(&self, stay: &Stay, within: &Range<usize>) -> Range<usize> {
        if stay.only.is_some_and(|only| only != self.agent) {
            return 0..0;
        }
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
            || stays.iter().any(|stay| stay.had(reading.taken_at, reading.agent_id))
    });
}

/// Which of these events measured on a package in which the unit was only by the clocks of
/// several agents. Pure.
#[must_use]
pub fn by_clock(events: &[EventRow], stays: &[Stay]) -> HashSet<Stamp> {
    let sure = |event: &EventRow| {
        stays.iter().any(|stay| Some(stay.package) == event.parent && stay.told_by == Some(event.agent_id))
    };
    events
        .iter()
        .filter(|event| event.role == 0 && event.parent.is_some() && !sure(event))
        .map(|event| Stamp { agent: event.agent_id, epoch: event.epoch, seq: event.seq })
        .collect()
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
    let mut turns: BTreeMap<(i64, i64), Vec<Turn>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| !void.contains(&row.event_id)) {
        turns.entry((row.from_key, row.to_key)).or_default().push(Turn {
            stamp: Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq },
            event_id: row.event_id,
            into: row.effect == 1,
            at: row.occurred_at,
            plant: String::new(),
            quantity: None,
            returned: row.returned,
        });
    }
    Ok(pair(&turns))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        Utc.timestamp_opt(1_700_000_000 + minute * 60, 0).unwrap()
    }

    fn agent(number: u8) -> Uuid {
        Uuid::from_bytes([number; 16])
    }

    /// An agent, its number, in or out, and the minute by its clock.
    fn turns(told: &[(u8, i64, bool, i64)]) -> Vec<Turn> {
        let turn = |&(by, seq, into, minute): &(u8, i64, bool, i64)| Turn {
            stamp: Stamp { agent: agent(by), epoch: 1, seq },
            event_id: Uuid::from_u128(u128::from(by) << 64 | seq.unsigned_abs() as u128),
            into,
            at: at(minute),
            plant: String::new(),
            quantity: None,
            returned: false,
        };
        told.iter().map(turn).collect()
    }

    fn stay(content: i64, package: i64, from: i64, until: Option<i64>) -> Stay {
        let (from, until) = (at(from), until.map(at));
        Stay { content, package, from, until, only: None, told_by: Some(agent(1)) }
    }

    #[test]
    fn a_stay_is_from_going_in_until_coming_out() {
        let first = turns(&[(1, 1, false, 1), (1, 2, true, 5), (1, 3, false, 10), (1, 4, true, 20)]);
        let told = BTreeMap::from([((1, 9), first), ((2, 9), turns(&[(1, 5, true, 7)]))]);
        let stays = pair(&told);
        assert_eq!(stays, [stay(1, 9, 5, Some(10)), stay(1, 9, 20, None), stay(2, 9, 7, None)]);
        assert!(stays[0].has(at(5)) && stays[0].has(at(9)) && !stays[0].has(at(10)) && !stays[0].has(at(4)));
        let outer = stay(9, 8, 8, None);
        assert_eq!(outer.within(&stays[0]), Some(stay(9, 8, 8, Some(10))));
        assert_eq!(stay(9, 8, 1, Some(3)).within(&stays[0]), None);
    }

    #[test]
    fn another_plants_clock_does_not_undo_a_stay() {
        // Packed at one plant by minute 600; unpacked at another, whose clock is ten hours back.
        let told = BTreeMap::from([((1, 9), turns(&[(1, 1, true, 600), (2, 1, false, 30)]))]);
        let stays = pair(&told);
        assert_eq!(stays.len(), 2);
        let had = |minute, by| stays.iter().any(|stay| stay.had(at(minute), agent(by)));
        assert!(had(600, 1) && had(700, 1) && !had(599, 1), "where it went in, from then on");
        assert!(had(29, 2) && had(-100, 2) && !had(30, 2), "where it came out, until then");
        assert!(!had(700, 2) && !had(29, 1) && !had(700, 3));
        assert!(stays.iter().all(|stay| stay.told_by.is_none()), "it is marked");
        // Clocks that agree with the order are compared, and it is marked as well.
        let told = BTreeMap::from([((1, 9), turns(&[(1, 1, true, 10), (2, 1, false, 30)]))]);
        let whole = Stay { told_by: None, ..stay(1, 9, 10, Some(30)) };
        assert_eq!(pair(&told), [whole]);
        // Within a plant its sequence says what answers what, whatever its clock did.
        let own = turns(&[(1, 1, true, 20), (1, 2, false, 5), (1, 3, true, 6)]);
        assert_eq!(pair(&BTreeMap::from([((1, 9), own)])), [stay(1, 9, 5, Some(20)), stay(1, 9, 6, None)]);
    }

    #[test]
    fn a_package_is_asked_for_each_moment_once() {
        let span = |package, from, until: Option<i64>| Span {
            package,
            from: at(from),
            until: until.map(at),
            only: None,
        };
        let own = Stay { only: Some(agent(1)), ..stay(7, 9, 6, Some(9)) };
        let stays = [
            stay(1, 9, 5, Some(10)),
            stay(2, 9, 20, None),
            stay(3, 9, 7, Some(8)),
            stay(4, 9, 10, Some(12)),
            stay(5, 9, 30, Some(40)),
            stay(6, 8, 1, Some(2)),
            own,
        ];
        let alone = Span { only: Some(agent(1)), ..span(9, 6, Some(9)) };
        assert_eq!(spans(&stays), [span(8, 1, Some(2)), span(9, 5, Some(12)), span(9, 20, None), alone]);
    }
}
