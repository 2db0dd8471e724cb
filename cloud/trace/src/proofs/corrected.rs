//! Links that corrections made. A correction names nobody; what it may do to links follows
//! from the event at the root of its family: it undoes each of that event's links, or puts
//! each back.

use std::collections::{BTreeMap, HashMap};

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::compare::{self, Difference, LinkAt};
use super::rows;
use crate::explore::order::Stamp;
use crate::ingest::corrections::undone;
use crate::ingest::decode::{Envelope, decode};
use crate::ingest::links::inverse;
use crate::ingest::rows::LinkRow;
use crate::ingest::store::Stream;
use crate::ingest::store::corrections::{self as store, MAX_FAMILY, Relative};

/// A correction, and what it may have done.
#[derive(Debug, Clone)]
pub(super) struct Family {
    /// All events that hang together, sorted by place.
    all: Vec<Relative>,
    /// The event that is no correction; `None` while it has not come, or in a circle.
    root: Option<Relative>,
    /// Its links by its bytes, and as they stand: where one of the two was changed, that is
    /// told of it, and not of its corrections too.
    links: [Vec<LinkRow>; 2],
}

/// Families of corrections that were looked at in this step, by what is corrected; `None`
/// where more hang together than the ingest judged.
#[derive(Default)]
pub(super) struct Families(HashMap<Uuid, Option<Family>>);

impl Families {
    /// The family of a correction of this event.
    pub(super) async fn of(&mut self, tx: &mut Tx, corrects: Uuid) -> Result<Option<&Family>, Error> {
        let family = match self.0.remove(&corrects) {
            Some(known) => known,
            None => load(tx, corrects).await?,
        };
        Ok(self.0.entry(corrects).or_insert(family).as_ref())
    }
}

async fn load(tx: &mut Tx, corrects: Uuid) -> Result<Option<Family>, Error> {
    let tenant = tx.tenant();
    let all = store::family(tx, tenant, corrects).await?;
    if all.len() > MAX_FAMILY {
        return Ok(None);
    }
    let root = root(&all, corrects);
    let mut links = [Vec::new(), Vec::new()];
    if let Some(root) = root {
        let stream = Stream { tenant, agent_id: root.agent_id, epoch: root.epoch };
        links[1] = store::links_of(tx, stream, root.seq).await?;
        if let Some((recorded_at, payload)) = rows::payload_at(tx, stamp(&root)).await? {
            let (agent_id, epoch, seq) = (root.agent_id, root.epoch, root.seq);
            let at = Envelope { agent_id, plant: None, epoch, seq, now: recorded_at };
            links[0] = decode(at, payload.into()).links;
        }
    }
    Ok(Some(Family { all, root, links }))
}

/// The event that is no correction, above this one. Pure.
fn root(all: &[Relative], from: Uuid) -> Option<Relative> {
    let mut at = from;
    for _ in 0..64 {
        let relative = all.iter().find(|one| one.event_id == at)?;
        match relative.corrects {
            Some(next) => at = next,
            None => return Some(*relative),
        }
    }
    None
}

fn stamp(of: &Relative) -> Stamp {
    Stamp { agent: of.agent_id, epoch: of.epoch, seq: of.seq }
}

impl Family {
    /// Whether a link with the stamp of a correction of this family is one that it may have
    /// made: it does, or undoes, what the root's link of its place does. What a return closed
    /// has no place that stays: a package that is told of later may come before it.
    pub(super) fn allows(&self, link: &LinkAt) -> bool {
        let place = usize::try_from(link.ordinal).unwrap_or(usize::MAX);
        let [said, stored] = &self.links;
        let closed = stored.iter().filter(|own| !said.contains(own));
        self.links.iter().filter_map(|links| links.get(place)).chain(closed).any(|own| {
            let one = &link.link;
            (one.from_key, one.to_key, one.kind, one.quantity, &one.unit)
                == (own.from_key, own.to_key, own.kind, own.quantity, &own.unit)
                && (one.effect == own.effect || one.effect == inverse(own.effect))
        })
    }

    /// The corrections, the last one last.
    fn corrections(&self) -> impl DoubleEndedIterator<Item = &Relative> {
        self.all.iter().filter(|one| one.corrects.is_some())
    }

    /// Whether what the family as a whole is wrong in is told of this correction: of the last
    /// one, so that it is told once.
    fn tells(&self, at: Stamp) -> bool {
        self.corrections().next_back().is_some_and(|last| stamp(last) == at)
    }

    /// Whether the root counts as never done.
    fn undone(&self) -> Option<bool> {
        let pairs: Vec<(Uuid, Uuid)> =
            self.all.iter().filter_map(|one| Some((one.event_id, one.corrects?))).collect();
        Some(undone(self.root?.event_id, &pairs))
    }
}

/// What is wrong in the links that a correction, and at the last one its whole family, made.
///
/// Which correction undid the links follows from the order in which they came, which is told
/// nowhere. What all of them together did to each link follows from the corrections alone.
pub(super) async fn differences(
    tx: &mut Tx,
    at: Stamp,
    corrects: Uuid,
    families: &mut Families,
) -> Result<Vec<Difference>, Error> {
    let Some(family) = families.of(tx, corrects).await?.cloned() else { return Ok(Vec::new()) };
    let Some(undone) = family.undone().filter(|_| family.tells(at)) else { return Ok(Vec::new()) };
    // Where nothing but the root's bytes could be stored, it has no links to undo.
    let [said, stored] = &family.links;
    let links = if stored.is_empty() { stored } else { said };
    let wanted: Vec<(Stamp, LinkAt)> = family
        .corrections()
        .flat_map(|by| {
            (0..).zip(links).map(move |(ordinal, link)| {
                (stamp(by), LinkAt { ordinal, occurred_at: by.occurred_at, link: link.clone() })
            })
        })
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut net: BTreeMap<i16, i32> = BTreeMap::new();
    for (_, link) in rows::links_at(tx, &wanted).await? {
        let own = usize::try_from(link.ordinal).ok().and_then(|place| links.get(place));
        let by = match own {
            Some(own) if link.link.effect == inverse(own.effect) => 1,
            Some(own) if link.link.effect == own.effect => -1,
            _ => 0,
        };
        *net.entry(link.ordinal).or_default() += by;
    }
    // One that came in between is judged with the next round.
    let tenant = tx.tenant();
    if store::family(tx, tenant, corrects).await? != family.all {
        return Ok(Vec::new());
    }
    let told = |times: i32| if times == 0 { "stands".to_owned() } else { format!("undone {times}") };
    let found = (0..).zip(links).filter_map(|(ordinal, _)| {
        let times = net.get(&ordinal).copied().unwrap_or_default();
        (times != i32::from(undone)).then(|| Difference {
            column: format!("links[{ordinal}]"),
            stored: Some(told(times)),
            said: Some(told(i32::from(undone))),
        })
    });
    Ok(found.take(compare::MOST).collect())
}

/// A link that stands beside those that a correction may have made, as it is told.
pub(super) fn forged(link: &LinkAt) -> Difference {
    let column = format!("links[{}]", link.ordinal);
    Difference { column, stored: Some(compare::all(link)), said: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn relative(id: u128, corrects: Option<u128>, seq: i64) -> Relative {
        Relative {
            event_id: Uuid::from_u128(id),
            corrects: corrects.map(Uuid::from_u128),
            agent_id: Uuid::nil(),
            epoch: 1,
            seq,
            occurred_at: DateTime::UNIX_EPOCH,
        }
    }

    fn link(effect: i16, ordinal: i16) -> LinkAt {
        let link = LinkRow { from_key: 1, to_key: 2, kind: 2, effect, quantity: None, unit: "pcs".into() };
        LinkAt { ordinal, occurred_at: DateTime::UNIX_EPOCH, link }
    }

    #[test]
    fn a_correction_may_undo_the_links_of_its_root_and_put_them_back() {
        let all = vec![relative(1, None, 1), relative(2, Some(1), 2), relative(3, Some(2), 3)];
        assert_eq!(root(&all, Uuid::from_u128(2)).map(|one| one.seq), Some(1));
        assert_eq!(root(&all[1..], Uuid::from_u128(2)), None, "it has not come");
        let circle = [relative(1, Some(2), 1), relative(2, Some(1), 2)];
        assert_eq!(root(&circle, Uuid::from_u128(2)), None);
        let own = link(1, 0).link;
        let family = Family { root: Some(all[0]), all, links: [vec![own], Vec::new()] };
        assert!(family.allows(&link(1, 0)) && family.allows(&link(inverse(1), 0)));
        assert!(!family.allows(&link(2, 0)), "another effect");
        assert!(!family.allows(&link(1, 1)), "another place");
        let mut other = link(1, 0);
        other.link.to_key = 3;
        assert!(!family.allows(&other));
        assert_eq!(family.undone(), Some(false), "the correction was corrected");
        let at = |seq| Stamp { agent: Uuid::nil(), epoch: 1, seq };
        assert!(family.tells(at(3)) && !family.tells(at(2)), "told once");
        // Of two links that its return closed, the one that was told later stands first by now.
        let (first, second) = (other.link.clone(), link(1, 0).link);
        let family = Family { links: [Vec::new(), vec![second.clone(), first.clone()]], ..family };
        assert!(family.allows(&link(inverse(1), 1)) && family.allows(&other));
        let said = Family { links: [vec![second, first], Vec::new()], ..family };
        assert!(!said.allows(&link(1, 1)), "what is said has its place");
    }
}
