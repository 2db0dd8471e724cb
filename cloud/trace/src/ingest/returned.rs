//! What came back without the package in which it left: the package is told by nobody, so its
//! link is closed here, by a row that stands with the RETURN. The fold says the same of states
//! ([`crate::projection::fold::is_by_itself`]).
//!
//! It follows from facts alone, in whichever order they come: of all returns of a unit those have
//! a row that answer a putting-in by the rule of [`crate::genealogy::turns`]. They are looked at
//! where a RETURN is told, where a putting-in is told of before one, and where a correction says of
//! either, or of a taking-out, that it never was. A row stays when a taking-out that is told later
//! answers in its place: what answers nothing says nothing. A correction of the RETURN undoes it
//! like any link of what it corrects.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::{Role, Stage};
use uuid::Uuid;

use super::links::{Effect, Kind};
use super::rows::{Decoded, LinkRow};
use super::store::Stream;
use super::store::corrections::Relative;
use super::store::returned as store;
use crate::explore::order::Stamp;
use crate::explore::store::corrections::void_among;
use crate::explore::store::taken::{self, Between};
use crate::genealogy::turns::{Turn, fold};

/// A return of a unit that does not name a package in which it ever was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    /// The unit.
    pub key: i64,
    /// The package.
    pub package: i64,
    /// The event's id.
    pub event_id: Uuid,
    /// Its stream.
    pub agent_id: Uuid,
    /// Its epoch.
    pub epoch: i32,
    /// Its place in that.
    pub seq: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Some correction names it.
    pub corrected: bool,
}

impl Back {
    fn turn(&self) -> Turn {
        Turn {
            stamp: Stamp { agent: self.agent_id, epoch: self.epoch, seq: self.seq },
            event_id: self.event_id,
            into: false,
            at: self.at,
            plant: String::new(),
            quantity: None,
            returned: true,
        }
    }
}

/// Closes what these events leave to returns: to their own, and to those that were told before of
/// what they tell to have been packed, or of which they say that something never was (`judged`), or
/// was after all. Their links are stored, and their corrections applied.
///
/// # Errors
/// Those of the database.
pub async fn apply(
    tx: &mut Tx,
    stream: Stream,
    events: &[Decoded],
    judged: &[Relative],
) -> Result<(), sqlx::Error> {
    let mut units = back(events);
    units.extend(store::packed_by(tx, stream.tenant, judged).await?);
    units.sort_unstable();
    units.dedup();
    let mut pairs = store::packages_ever(tx, stream.tenant, &units).await?;
    let packed = packed(events);
    if let Some(first) = packed.iter().map(|(_, at)| *at).min()
        && store::any_since(tx, stream.tenant, first).await?
    {
        pairs.extend(packed.into_iter().map(|(pair, _)| pair));
    }
    pairs.sort_unstable();
    pairs.dedup();
    close(tx, stream.tenant, &pairs).await
}

/// Adds the rows that returns of these units lack in their links to these packages.
async fn close(tx: &mut Tx, tenant: Uuid, pairs: &[(i64, i64)]) -> Result<(), sqlx::Error> {
    let mut back = store::returns(tx, tenant, pairs).await?;
    let corrected: Vec<Uuid> = back.iter().filter(|one| one.corrected).map(|one| one.event_id).collect();
    let void = void_among(tx, &corrected).await?;
    back.retain(|one| !void.contains(&one.event_id));
    let mut returns: BTreeMap<Between, Vec<Back>> = BTreeMap::new();
    for one in back {
        returns.entry((one.key, one.package, Kind::Packing as i16)).or_default().push(one);
    }
    let links: Vec<Between> = returns.keys().copied().collect();
    let mut told = taken::turns(tx, &links).await?;
    let mut lacking = Vec::new();
    for (link, back) in returns {
        let stored = told.remove(&link).unwrap_or_default().into_iter().map(|told| told.turn).collect();
        lacking.extend(unclosed(stored, back));
    }
    store::close(tx, tenant, &lacking).await
}

/// Of these returns those that answer a putting-in and have no row among the stored turns of the
/// link. Pure.
fn unclosed(stored: Vec<Turn>, back: Vec<Back>) -> Vec<Back> {
    let known = stored.len();
    let mut turns = stored;
    // One that has a row is there twice; the first counts.
    turns.extend(back.iter().map(Back::turn));
    let story = fold(&turns);
    let ends: Vec<usize> = story.stays.iter().filter_map(|stay| stay.taken_out).collect();
    let numbered = back.into_iter().zip(known..);
    numbered.filter(|(_, at)| ends.contains(at)).map(|(one, _)| one).collect()
}

/// Whether a stored link is one that such an event may have closed.
#[must_use]
pub fn may_have_closed(event: &Decoded, link: &LinkRow) -> bool {
    event.event.stage == Stage::Return as i16
        && (link.kind, link.effect) == (Kind::Packing as i16, Effect::Closes as i16)
        && event.subjects.iter().any(|subject| subject.key == link.from_key && by_itself(subject.role))
}

fn by_itself(role: i16) -> bool {
    role == Role::Subject as i16 || role == Role::Unspecified as i16
}

/// Units that came back by themselves.
fn back(events: &[Decoded]) -> Vec<i64> {
    let returns = events.iter().filter(|event| event.event.stage == Stage::Return as i16);
    let subjects = returns.flat_map(|event| &event.subjects);
    subjects
        .filter(|subject| subject.key != 0 && by_itself(subject.role))
        .map(|subject| subject.key)
        .collect()
}

/// What went into which package, and when.
fn packed(events: &[Decoded]) -> Vec<((i64, i64), DateTime<Utc>)> {
    let opens = |link: &&LinkRow| (link.kind, link.effect) == (Kind::Packing as i16, Effect::Opens as i16);
    events
        .iter()
        .flat_map(|event| {
            let at = event.event.occurred_at;
            let links = event.links.iter().filter(opens);
            links.map(move |link| ((link.from_key, link.to_key), at))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(agent: u128, seq: i64) -> Stamp {
        Stamp { agent: Uuid::from_u128(agent), epoch: 1, seq }
    }

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute * 60, 0).unwrap()
    }

    fn turn(agent: u128, seq: i64, into: bool) -> Turn {
        Turn { stamp: stamp(agent, seq), into, returned: false, ..back(1, seq).turn() }
    }

    /// Every one at the minute of its number.
    fn back(agent: u128, seq: i64) -> Back {
        Back {
            key: 7,
            package: 9,
            event_id: Uuid::from_u128(agent << 64 | u128::from(seq.unsigned_abs())),
            agent_id: Uuid::from_u128(agent),
            epoch: 1,
            seq,
            at: at(seq),
            corrected: false,
        }
    }

    #[test]
    fn a_return_has_a_row_where_it_answers_something() {
        let (put_in, taken_out) = (turn(1, 2, true), turn(3, 4, false));
        // What was taken out by the book, and is said to have come back before that.
        let lacking = unclosed(vec![put_in.clone(), taken_out.clone()], vec![back(2, 3)]);
        assert_eq!(lacking, [back(2, 3)]);
        let stored = vec![put_in.clone(), taken_out, back(2, 3).turn()];
        assert_eq!(unclosed(stored, vec![back(2, 3)]), [], "it has one");
        assert_eq!(unclosed(vec![put_in.clone()], vec![back(2, 1)]), [], "it went in later");
        // The first one is it, and the other finds nothing left.
        assert_eq!(unclosed(vec![put_in], vec![back(2, 5), back(2, 3)]), [back(2, 3)]);
        assert_eq!(unclosed(vec![], vec![back(2, 3)]), []);
    }
}
