//! What a correction does to links: adds the rows that undo those of the event
//! it corrects, or puts them back when it corrects a correction.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use platform::db::Tx;
use uuid::Uuid;

use super::findings::{Finding, identity};
use super::links::{MAX_LINKS, inverse};
use super::rows::{Decoded, LinkRow};
use super::store::corrections::{self as store, MAX_FAMILY, Relative};
use super::store::{self as all, Stream, events::LinkOf};
use crate::exceptions;

/// Whether `event` counts as never done, given (correction, corrected) pairs:
/// it is so when a correction of it stands, that is, is not itself undone. Looks
/// at each event once, however the corrections are entangled.
#[must_use]
pub fn undone(event: Uuid, corrections: &[(Uuid, Uuid)]) -> bool {
    fn look(
        event: Uuid,
        of: &HashMap<Uuid, Vec<Uuid>>,
        known: &mut HashMap<Uuid, bool>,
        depth: usize,
    ) -> bool {
        if let Some(undone) = known.get(&event) {
            return *undone;
        }
        if depth > MAX_FAMILY {
            return false;
        }
        // Until it is known otherwise: a cycle undoes nothing.
        known.insert(event, false);
        let undone = of.get(&event).is_some_and(|by| by.iter().any(|by| !look(*by, of, known, depth + 1)));
        known.insert(event, undone);
        undone
    }
    let mut of: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for (by, corrected) in corrections {
        of.entry(*corrected).or_default().push(*by);
    }
    look(event, &of, &mut HashMap::new(), 0)
}

/// What a correction makes of the links.
enum Effect {
    /// It adds these rows, each with the place of the link that it undoes or puts back among those
    /// of the event; and that event, which may never have been by now, or have been after all.
    Rows(Vec<(i16, LinkRow)>, Option<Relative>),
    /// What it corrects has not come.
    Unknown,
    /// More corrections hang together than are looked at.
    Tangled,
}

/// A correction with what it makes of the links.
struct Applied {
    by: Relative,
    rows: Vec<(i16, LinkRow)>,
}

/// A link that an event made.
struct Corrected {
    link: LinkRow,
    /// How often the corrections of the event undo it, less how often they put it back.
    times: i32,
}

/// The links of the events that are corrected here, each looked up once.
type Roots = HashMap<(Uuid, i32, i64), Vec<Corrected>>;

/// Applies the corrections among `events`, which are stored already with all
/// their rows, and those that waited for one of them. Answers the events that they are about, which
/// may never have been by now, or have been after all.
///
/// # Errors
/// Those of the database.
pub async fn apply(
    tx: &mut Tx,
    stream: Stream,
    events: &[Decoded],
    findings: &mut Vec<Finding>,
) -> Result<Vec<Relative>, sqlx::Error> {
    let (mut made, mut judged) = (Vec::new(), Vec::new());
    let own: Vec<&Decoded> = events.iter().filter(|e| e.event.corrects.is_some()).collect();
    let mut tangled: HashSet<Uuid> = HashSet::new();
    let mut roots = Roots::new();
    let mut pending: HashSet<Uuid> = own.iter().map(|e| e.event.event_id).collect();
    for event in own {
        pending.remove(&event.event.event_id);
        let Some(corrects) = event.event.corrects else {
            continue;
        };
        let by = Relative {
            event_id: event.event.event_id,
            corrects: Some(corrects),
            agent_id: stream.agent_id,
            epoch: stream.epoch,
            seq: event.seq,
            occurred_at: event.event.occurred_at,
        };
        let effect = if tangled.contains(&corrects) {
            Effect::Tangled
        } else {
            rows_of(tx, stream.tenant, by, &pending, &mut roots).await?
        };
        match effect {
            Effect::Rows(rows, root) => {
                made.push(Applied { by, rows });
                judged.extend(root);
            }
            Effect::Unknown => {
                findings.push(Finding::correct_unknown(stream, &event.event.plant, event.seq, corrects));
            }
            Effect::Tangled => {
                // Its own corrections belong to the same family.
                tangled.extend([corrects, by.event_id]);
                findings.push(Finding::correct_tangled(stream, &event.event.plant, event.seq, corrects));
            }
        }
    }
    let ids: Vec<Uuid> = events.iter().map(|e| e.event.event_id).filter(|id| !id.is_nil()).collect();
    let here: HashSet<i64> = events.iter().map(|e| e.seq).collect();
    let none = HashSet::new();
    for by in store::naming(tx, stream.tenant, &ids).await? {
        let own = (by.agent_id, by.epoch) == (stream.agent_id, stream.epoch) && here.contains(&by.seq);
        if own || by.corrects.is_some_and(|corrects| tangled.contains(&corrects)) {
            continue;
        }
        // One that waited does what it says, whatever somebody made of that it waited.
        match rows_of(tx, stream.tenant, by, &none, &mut roots).await? {
            Effect::Rows(rows, root) => {
                made.push(Applied { by, rows });
                judged.extend(root);
                let waited = identity(by.agent_id, by.epoch, by.seq);
                let how = "the corrected event has come";
                exceptions::store::gone(tx, "correct.unknown", &waited, how).await?;
            }
            Effect::Tangled => tangled.extend(by.corrects),
            Effect::Unknown => {}
        }
    }
    let rows = made
        .iter()
        .flat_map(|applied| {
            applied.rows.iter().map(move |(ordinal, link)| LinkOf {
                stream: Stream { agent_id: applied.by.agent_id, epoch: applied.by.epoch, ..stream },
                seq: applied.by.seq,
                ordinal: *ordinal,
                occurred_at: applied.by.occurred_at,
                link,
            })
        })
        .collect();
    all::events::links_insert(tx, rows).await?;
    Ok(judged)
}

/// What a correction does. `later` are corrections that are stored but come after this one.
///
/// It follows from all that is known, in whichever order that came: together the corrections of an
/// event undo each of its links once where it never was, and else not at all. What is lacking to
/// that, or too much, this one makes up for. Often that is nothing: what it says may have been taken
/// back already, since a correction of a correction may come before that one.
async fn rows_of(
    tx: &mut Tx,
    tenant: Uuid,
    by: Relative,
    later: &HashSet<Uuid>,
    roots: &mut Roots,
) -> Result<Effect, sqlx::Error> {
    let Some(target) = by.corrects else {
        return Ok(Effect::Unknown);
    };
    let family = store::family(tx, tenant, target).await?;
    if family.len() > MAX_FAMILY {
        return Ok(Effect::Tangled);
    }
    if !family.iter().any(|r| r.event_id == target) {
        return Ok(Effect::Unknown);
    }
    // Up from the target to the event that is no correction. Where one on the way has not come,
    // the one that waits for it has all of them judged when it does; and a circle has none.
    let Some(root) = root(&family, target) else {
        return Ok(Effect::Rows(Vec::new(), None));
    };
    let corrections: Vec<(Uuid, Uuid)> = family
        .iter()
        .filter(|r| !later.contains(&r.event_id))
        .filter_map(|r| Some((r.event_id, r.corrects?)))
        .collect();
    let wanted = i32::from(undone(root.event_id, &corrections));
    let links = match roots.entry((root.agent_id, root.epoch, root.seq)) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => place.insert(corrected(tx, tenant, root, &family).await?),
    };
    let rows =
        (0..).zip(links).filter_map(|(ordinal, known)| known.towards(wanted).map(|row| (ordinal, row)));
    Ok(Effect::Rows(rows.collect(), Some(root)))
}

/// The event that is no correction above this one, where all between them have come. Pure.
fn root(family: &[Relative], from: Uuid) -> Option<Relative> {
    let mut at = from;
    for _ in 0..64 {
        let relative = family.iter().find(|r| r.event_id == at)?;
        match relative.corrects {
            Some(next) => at = next,
            None => return Some(*relative),
        }
    }
    None
}

/// The links of an event, and how often the rows of its corrections undo each. A correction may have
/// its rows by now: what came in one batch is looked at once with each of the two that belong
/// together.
async fn corrected(
    tx: &mut Tx,
    tenant: Uuid,
    root: Relative,
    family: &[Relative],
) -> Result<Vec<Corrected>, sqlx::Error> {
    let stream = Stream { tenant, agent_id: root.agent_id, epoch: root.epoch };
    let mut links = store::links_of(tx, stream, root.seq).await?;
    links.truncate(MAX_LINKS);
    let corrections: Vec<Relative> = family.iter().filter(|r| r.corrects.is_some()).copied().collect();
    let made = store::made_of(tx, tenant, &links, &corrections).await?;
    let mut times: HashMap<(i64, i64, i16, i16), i32> = HashMap::new();
    for one in made {
        *times.entry((one.from_key, one.to_key, one.kind, one.effect)).or_default() += 1;
    }
    let of = |link: &LinkRow, effect: i16| {
        times.get(&(link.from_key, link.to_key, link.kind, effect)).copied().unwrap_or_default()
    };
    let counted = links.into_iter().map(|link| {
        let times = of(&link, inverse(link.effect)) - of(&link, link.effect);
        Corrected { link, times }
    });
    Ok(counted.collect())
}

impl Corrected {
    /// The row that brings it nearer to being undone so often, if it is not.
    fn towards(&mut self, wanted: i32) -> Option<LinkRow> {
        let step = (wanted - self.times).signum();
        self.times += step;
        let effect = match step {
            0 => return None,
            1 => inverse(self.link.effect),
            _ => self.link.effect,
        };
        Some(LinkRow { effect, ..self.link.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_of_a_correction_restores() {
        let [e, a, b, c, d] = [1_u128, 2, 3, 4, 5].map(Uuid::from_u128);
        assert!(!undone(e, &[]));
        assert!(undone(e, &[(a, e)]));
        assert!(undone(e, &[(a, e), (b, e)]), "twice is once");
        assert!(!undone(e, &[(a, e), (c, a)]));
        assert!(undone(e, &[(a, e), (b, e), (c, a)]), "the other still stands");
        assert!(undone(e, &[(a, e), (c, a), (d, c)]));
        assert!(!undone(a, &[(a, b), (b, a)]), "a cycle ends");
    }

    #[test]
    fn a_link_is_undone_once_or_not_at_all() {
        let link = LinkRow { from_key: 1, to_key: 2, kind: 2, effect: 1, quantity: None, unit: "pcs".into() };
        let mut known = Corrected { link, times: 0 };
        let mut towards = |wanted| known.towards(wanted).map(|row| row.effect);
        assert_eq!(
            [towards(0), towards(1), towards(1), towards(0), towards(0)],
            [None, Some(3), None, Some(1), None]
        );
        known.times = -1;
        assert_eq!(known.towards(0).map(|row| row.effect), Some(3), "what was put back once too often");
    }

    #[test]
    fn what_is_above_a_correction_is_found_when_all_between_have_come() {
        let relative = |id: u128, corrects: Option<u128>| Relative {
            event_id: Uuid::from_u128(id),
            corrects: corrects.map(Uuid::from_u128),
            agent_id: Uuid::nil(),
            epoch: 1,
            seq: 1,
            occurred_at: chrono::DateTime::UNIX_EPOCH,
        };
        let all = [relative(1, None), relative(2, Some(1)), relative(3, Some(2))];
        let of = |family: &[Relative], id| root(family, Uuid::from_u128(id)).map(|found| found.event_id);
        assert_eq!(of(&all, 3), Some(Uuid::from_u128(1)));
        assert_eq!(of(&all[1..], 3), None, "it has not come");
        assert_eq!(of(&[relative(1, Some(2)), relative(2, Some(1))], 2), None, "a circle");
    }

    #[test]
    fn forty_layers_of_five_corrections_are_judged_at_once() {
        // Every event of a layer is corrected by every event of the next one:
        // 5^40 ways lead up.
        let at = |layer: u128, n: u128| Uuid::from_u128(1 + layer * 5 + n);
        let mut pairs = Vec::new();
        for layer in 0..40 {
            for (n, m) in (0..5).flat_map(|n| (0..5).map(move |m| (n, m))) {
                pairs.push((at(layer + 1, m), at(layer, n)));
            }
        }
        // The top layer stands, so the one below it is undone, and so on down.
        for layer in 0..=40 {
            assert_eq!(undone(at(layer, 0), &pairs), (40 - layer) % 2 == 1, "layer {layer}");
        }
    }
}
