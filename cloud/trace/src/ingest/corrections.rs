//! What a correction does to links: adds the rows that undo those of the event
//! it corrects, or puts them back when it corrects a correction.

use std::collections::{HashMap, HashSet};

use platform::db::Tx;
use uuid::Uuid;

use super::findings::Finding;
use super::links::{MAX_LINKS, inverse};
use super::rows::{Decoded, LinkRow};
use super::store::corrections::{self as store, MAX_FAMILY, Relative};
use super::store::{self as all, Stream, events::LinkOf};

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
    /// These rows are added.
    Rows(Vec<LinkRow>),
    /// What it corrects has not come.
    Unknown,
    /// More corrections hang together than are looked at.
    Tangled,
}

/// A correction with what it makes of the links.
struct Applied {
    by: Relative,
    rows: Vec<LinkRow>,
}

/// Applies the corrections among `events`, which are stored already with all
/// their rows, and those that waited for one of them.
///
/// # Errors
/// Those of the database.
pub async fn apply(
    tx: &mut Tx,
    stream: Stream,
    events: &[Decoded],
    findings: &mut Vec<Finding>,
) -> Result<(), sqlx::Error> {
    let mut made = Vec::new();
    let own: Vec<&Decoded> = events.iter().filter(|e| e.event.corrects.is_some()).collect();
    let mut tangled: HashSet<Uuid> = HashSet::new();
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
            rows_of(tx, stream.tenant, by, &pending).await?
        };
        match effect {
            Effect::Rows(rows) => made.push(Applied { by, rows }),
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
    let mut waiting = Vec::new();
    for one in all::findings::waiting_corrections(tx, stream.tenant, &ids).await? {
        let theirs = Stream { agent_id: one.agent_id, epoch: one.epoch, ..stream };
        if let Some(by) = store::event_at(tx, theirs, one.seq).await? {
            waiting.push((one.exception_id, by));
        }
    }
    // One after the other: of two that waited for one event the first undoes it.
    let mut later: HashSet<Uuid> = waiting.iter().map(|(_, by)| by.event_id).collect();
    for (exception, by) in waiting {
        later.remove(&by.event_id);
        if let Effect::Rows(rows) = rows_of(tx, stream.tenant, by, &later).await? {
            made.push(Applied { by, rows });
            all::findings::resolve(tx, stream.tenant, exception, "the corrected event has come").await?;
        }
    }
    let rows = made
        .iter()
        .flat_map(|applied| {
            applied.rows.iter().take(MAX_LINKS).enumerate().map(move |(i, link)| LinkOf {
                stream: Stream { agent_id: applied.by.agent_id, epoch: applied.by.epoch, ..stream },
                seq: applied.by.seq,
                ordinal: i as i16,
                occurred_at: applied.by.occurred_at,
                link,
            })
        })
        .collect();
    all::events::links_insert(tx, rows).await
}

/// What a correction does. `later` are corrections that are stored but come after this one.
async fn rows_of(
    tx: &mut Tx,
    tenant: Uuid,
    by: Relative,
    later: &HashSet<Uuid>,
) -> Result<Effect, sqlx::Error> {
    let Some(target) = by.corrects else {
        return Ok(Effect::Unknown);
    };
    let family = store::family(tx, tenant, target).await?;
    if family.len() > MAX_FAMILY {
        return Ok(Effect::Tangled);
    }
    // Go up from the target to the event that is no correction.
    let mut root = None;
    let mut at = target;
    for _ in 0..64 {
        let Some(relative) = family.iter().find(|r| r.event_id == at) else {
            return Ok(Effect::Unknown);
        };
        match relative.corrects {
            Some(next) => at = next,
            None => {
                root = Some(*relative);
                break;
            }
        }
    }
    let Some(root) = root else {
        return Ok(Effect::Rows(Vec::new()));
    }; // a cycle
    let others: Vec<(Uuid, Uuid)> = family
        .iter()
        .filter(|r| r.event_id != by.event_id && !later.contains(&r.event_id))
        .filter_map(|r| Some((r.event_id, r.corrects?)))
        .collect();
    let before = undone(root.event_id, &others);
    let mut with = others;
    with.push((by.event_id, target));
    let after = undone(root.event_id, &with);
    if before == after {
        return Ok(Effect::Rows(Vec::new()));
    }
    let stream = Stream { tenant, agent_id: root.agent_id, epoch: root.epoch };
    let mut rows = store::links_of(tx, stream, root.seq).await?;
    if after {
        for row in &mut rows {
            row.effect = inverse(row.effect);
        }
    }
    Ok(Effect::Rows(rows))
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
