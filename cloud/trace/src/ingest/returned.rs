//! What came back without the package in which it left: the package is told by nobody, so its
//! link is closed here, by a row that stands with the RETURN. The fold says the same of states
//! ([`crate::projection::fold::is_by_itself`]).
//!
//! It follows from facts alone, whichever comes first: a RETURN closes what is open by then, and
//! a putting-in that is told later, of before a RETURN, is closed by that one. A correction of
//! the RETURN undoes it like any link of what it corrects.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::{Role, Stage};

use super::links::{Effect, Kind};
use super::rows::{Decoded, LinkRow};
use super::store::Stream;
use super::store::returned as store;

/// A unit that came back, by one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Back {
    /// Place of the event in its epoch.
    pub seq: i64,
    /// The unit.
    pub key: i64,
    /// When.
    pub at: DateTime<Utc>,
}

/// Something that went into a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// What.
    pub key: i64,
    /// Into what.
    pub package: i64,
    /// When.
    pub at: DateTime<Utc>,
}

/// Closes the links of what came back by these events, and of what these events tell later to
/// have been packed before it came back. Their links are stored already, their corrections not
/// yet applied.
///
/// # Errors
/// Those of the database.
pub async fn apply(tx: &mut Tx, stream: Stream, events: &[Decoded]) -> Result<(), sqlx::Error> {
    for round in rounds(back(events)) {
        store::close(tx, stream, &round).await?;
    }
    let packed = packed(events);
    if let Some(first) = packed.iter().map(|one| one.at).min()
        && store::any_since(tx, stream.tenant, first).await?
    {
        store::close_late(tx, stream.tenant, &packed).await?;
    }
    Ok(())
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

fn back(events: &[Decoded]) -> Vec<Back> {
    let returns = events.iter().filter(|event| event.event.stage == Stage::Return as i16);
    returns
        .flat_map(|event| {
            let own = event.subjects.iter().filter(|subject| subject.key != 0 && by_itself(subject.role));
            own.map(move |subject| Back { seq: event.seq, key: subject.key, at: event.event.occurred_at })
        })
        .collect()
}

fn packed(events: &[Decoded]) -> Vec<Packed> {
    let opens = |link: &&LinkRow| (link.kind, link.effect) == (Kind::Packing as i16, Effect::Opens as i16);
    events
        .iter()
        .flat_map(|event| {
            let at = event.event.occurred_at;
            let links = event.links.iter().filter(opens);
            links.map(move |link| Packed { key: link.from_key, package: link.to_key, at })
        })
        .collect()
}

/// Earliest first, in rounds in which no unit comes twice: a second return finds what the first
/// one has left.
fn rounds(mut all: Vec<Back>) -> Vec<Vec<Back>> {
    all.sort_unstable_by_key(|one| (one.at, one.seq, one.key));
    all.dedup_by_key(|one| (one.seq, one.key));
    let mut times: BTreeMap<i64, usize> = BTreeMap::new();
    let mut rounds: Vec<Vec<Back>> = Vec::new();
    for one in all {
        let round = times.entry(one.key).or_default();
        if rounds.len() <= *round {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(*round) {
            round.push(one);
        }
        *round += 1;
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_comes_once_in_a_round() {
        let one = |seq: i64, key: i64| Back { seq, key, at: DateTime::from_timestamp(seq * 60, 0).unwrap() };
        let rounds = rounds(vec![one(3, 7), one(1, 7), one(2, 8), one(1, 7)]);
        assert_eq!(rounds, [vec![one(1, 7), one(2, 8)], vec![one(3, 7)]]);
    }
}
