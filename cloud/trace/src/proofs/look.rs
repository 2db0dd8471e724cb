//! What one step of the check looks at: events beside their leaves, their rows beside their
//! bytes, and what stands in the registry because of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use platform::db::Tx;
use uuid::Uuid;
use verify::merkle::{self, Hash};

use super::ProofError;
use super::altered::{Found, What};
use super::compare::{self, Columns, Difference, LinkAt, Rows};
use super::corrected::{self, Families};
use super::rows::{self, Span};
use super::store::{self, Leaves};
use crate::explore::order::Stamp;
use crate::ingest::decode::{Envelope, decode};
use crate::ingest::returned::may_have_closed;
use crate::ingest::rows::{AliasRow, Decoded, EventRow, LotRow};
use crate::ingest::service::stripped;

/// An event whose bytes are those of its leaf.
struct Intact {
    batch: i64,
    leaf: i64,
    /// What its bytes come to.
    decoded: Decoded,
    event: EventRow,
    rows: Rows,
    /// The hash of the free text that stands beside it; one may be gone, since people are erased.
    note: Option<Hash>,
    /// Nothing but its bytes could be stored.
    bare: bool,
    differs: Vec<Difference>,
}

/// Looks at the events of some batches, whose leaves follow one another from `from` on;
/// answers what it found, and the UIDs that altered events name or named.
pub(super) async fn look(
    tx: &mut Tx,
    batches: &[Leaves],
    kept: &[Hash],
    from: i64,
) -> Result<(Vec<Found>, BTreeSet<i64>), ProofError> {
    let mut stored = rows::load(tx, &Span::of(batches)).await?;
    let mut found = Vec::new();
    let mut touched: BTreeSet<i64> = BTreeSet::new();
    let mut intact: BTreeMap<Stamp, Intact> = BTreeMap::new();
    for batch in batches {
        for seq in batch.from_seq..=batch.to_seq {
            let stamp = Stamp { agent: batch.agent_id, epoch: batch.epoch, seq };
            let leaf = batch.first_leaf + seq - batch.from_seq;
            let place = usize::try_from(leaf - from).map_err(|_| ProofError::Damaged)?;
            let hash = kept.get(place).ok_or(ProofError::Damaged)?;
            let one = stored.remove(&stamp).unwrap_or_default();
            let key = one.rows.subjects.iter().map(|one| one.row.key).find(|key| *key != 0);
            let at =
                Found { stamp, leaf: Some((batch.batch_id, leaf)), key, event: None, what: What::Missing };
            match one.event {
                None => {
                    touched.extend(one.rows.subjects.iter().map(|one| one.row.key));
                    found.push(at);
                }
                Some((event, bytes)) if merkle::leaf(&bytes) != *hash => {
                    touched.extend(one.rows.subjects.iter().map(|one| one.row.key));
                    let envelope = Envelope {
                        agent_id: batch.agent_id,
                        plant: None,
                        epoch: batch.epoch,
                        seq,
                        now: event.recorded_at,
                    };
                    touched.extend(decode(envelope, bytes.into()).subjects.iter().map(|row| row.key));
                    found.push(Found { event: Some(event), what: What::Bytes, ..at });
                }
                Some((event, bytes)) => {
                    // Where its own time does not fit, that at which it was recorded stands.
                    let envelope = Envelope {
                        agent_id: batch.agent_id,
                        plant: None,
                        epoch: batch.epoch,
                        seq,
                        now: event.recorded_at,
                    };
                    let decoded = decode(envelope, bytes.into());
                    let (rows, note, batch) = (one.rows, one.note, batch.batch_id);
                    let differs = Vec::new();
                    let one = Intact { batch, leaf, decoded, event, rows, note, bare: false, differs };
                    intact.insert(stamp, one);
                }
            }
        }
    }
    let mut families = Families::default();
    compare_rows(tx, &mut intact).await?;
    for (stamp, one) in &mut intact {
        if let Some(corrects) = one.decoded.event.corrects {
            one.differs.extend(corrected::differences(tx, *stamp, corrects, &mut families).await?);
        }
    }
    let forged = more_links(tx, &mut intact, &mut families).await?;
    registry(tx, &mut intact).await?;
    lots(tx, &mut intact).await?;
    notes(tx, &mut intact).await?;
    for (stamp, mut one) in intact {
        if one.differs.is_empty() {
            continue;
        }
        one.differs.truncate(compare::MOST);
        if one.differs.iter().any(|one| is_folded(&one.column)) {
            touched.extend(one.decoded.subjects.iter().map(|row| row.key));
            touched.extend(one.rows.subjects.iter().map(|at| at.row.key));
        }
        let key = one.decoded.subjects.iter().map(|row| row.key).find(|key| *key != 0);
        found.push(Found {
            stamp,
            leaf: Some((one.batch, one.leaf)),
            key,
            event: Some(one.decoded.event),
            what: What::Columns(one.differs),
        });
    }
    found.extend(forged);
    touched.remove(&0);
    Ok((found, touched))
}

/// Whether states are folded from it: from an event and its rows, and not from what stands in
/// the registry because of it.
fn is_folded(column: &str) -> bool {
    !["uid_registry", "uid_aliases", "lots", "links", "event_notes"]
        .iter()
        .any(|beside| column.starts_with(beside))
}

/// The rows of the events themselves.
async fn compare_rows(tx: &mut Tx, all: &mut BTreeMap<Stamp, Intact>) -> Result<(), ProofError> {
    let expected: Vec<(Stamp, LinkAt)> =
        all.iter().flat_map(|(stamp, one)| links(one).into_iter().map(move |link| (*stamp, link))).collect();
    if !expected.is_empty() {
        for (stamp, link) in rows::links_at(tx, &expected).await? {
            if let Some(one) = all.get_mut(&stamp) {
                one.rows.links.push(link);
            }
        }
    }
    for (stamp, one) in all.iter_mut() {
        let (event, mut said) = compare::said(&one.decoded);
        said.links = links(one);
        one.differs = compare::differences(&one.event, &one.rows, &(event, said));
        if !one.differs.is_empty() && store::was_stripped(tx, *stamp).await? {
            let bare = compare::said(&stripped(&one.decoded));
            one.bare = compare::differences(&one.event, &one.rows, &bare).is_empty();
            if one.bare {
                one.differs.clear();
            }
        }
    }
    Ok(())
}

/// The free texts beside the events, by their hashes. One that was another already when it came
/// is told of since then.
async fn notes(tx: &mut Tx, all: &mut BTreeMap<Stamp, Intact>) -> Result<(), ProofError> {
    let hex = |hash: Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (stamp, one) in all.iter_mut().filter(|(_, one)| !one.bare) {
        let said = one.decoded.event.note_hash;
        let Some(note) = one.note.filter(|note| said != Some(*note)) else { continue };
        if !store::note_was_another(tx, *stamp).await? {
            let column = "event_notes.note".to_owned();
            one.differs.push(Difference { column, stored: Some(hex(note)), said: said.map(hex) });
        }
    }
    Ok(())
}

/// Links that an event makes by itself; those of a correction follow from another event.
fn links(one: &Intact) -> Vec<LinkAt> {
    if one.decoded.event.corrects.is_some() { Vec::new() } else { compare::said(&one.decoded).1.links }
}

/// Links that stand beside those that the events make. Those of events elsewhere that do
/// not even name the UID are told apart.
async fn more_links(
    tx: &mut Tx,
    all: &mut BTreeMap<Stamp, Intact>,
    families: &mut Families,
) -> Result<Vec<Found>, ProofError> {
    let keys: BTreeSet<i64> = all
        .values()
        .flat_map(|one| one.decoded.subjects.iter().map(|row| row.key))
        .filter(|key| *key != 0)
        .collect();
    let mut forged: BTreeMap<Stamp, Found> = BTreeMap::new();
    let mut made_up = Vec::new();
    for linked in rows::links_from(tx, &keys.into_iter().collect::<Vec<_>>()).await? {
        let rows::Linked { stamp, link, could, corrects } = linked;
        if let Some(corrects) = corrects {
            // Told by itself, link by link: whichever of its UIDs leads to it.
            if families.of(tx, corrects).await?.is_some_and(|family| !family.allows(&link)) {
                let event = all.get(&stamp).map(|one| one.decoded.event.clone());
                let (key, what) = (Some(link.link.from_key), What::Columns(vec![corrected::forged(&link)]));
                made_up.push(Found { stamp, leaf: None, key, event, what });
            }
            continue;
        }
        match all.get_mut(&stamp) {
            // Any of its own place is compared already.
            Some(one) if one.rows.links.contains(&link) => {}
            Some(one) if may_have_closed(&one.decoded, &link.link) => {}
            Some(one) => {
                let column = format!("links[{}]", link.ordinal);
                one.differs.push(Difference { column, stored: Some(compare::all(&link)), said: None });
            }
            None if could => {}
            None => {
                let key = Some(link.link.from_key);
                let what = What::Added(vec!["uid_links"]);
                forged.entry(stamp).or_insert(Found { stamp, leaf: None, key, event: None, what });
            }
        }
    }
    Ok(forged.into_values().chain(made_up).collect())
}

/// UIDs that an event gives birth to, and which of them are containers.
fn minted(one: &Intact) -> Vec<(i64, bool)> {
    let mut seen = HashSet::new();
    let all = one.decoded.subjects.iter().filter(|row| row.mint);
    all.filter(|row| seen.insert(row.key)).map(|row| (row.key, row.container)).collect()
}

/// Births and aliases that follow from the events.
async fn registry(tx: &mut Tx, all: &mut BTreeMap<Stamp, Intact>) -> Result<(), ProofError> {
    let keys: BTreeSet<i64> = all.values().flat_map(minted).map(|(key, _)| key).collect();
    let born = rows::births(tx, &keys.into_iter().collect::<Vec<_>>()).await?;
    let born: HashMap<i64, rows::Born> = born.into_iter().map(|one| (one.key, one)).collect();
    let wanted: Vec<AliasRow> = all.values().flat_map(|one| one.decoded.aliases.clone()).collect();
    let aliases: HashSet<(String, i64)> =
        rows::aliases(tx, &wanted).await?.into_iter().map(|row| (row.alias, row.key)).collect();
    for (stamp, one) in all.iter_mut().filter(|(_, one)| !one.bare) {
        for (key, container) in minted(one) {
            let mut differ = |column: &str, stored: Option<String>, said: String| {
                one.differs.push(Difference { column: column.to_owned(), stored, said: Some(said) });
            };
            match born.get(&key) {
                None => differ("uid_registry", None, key.to_string()),
                Some(born) if born.stamp == *stamp => {
                    let at = one.decoded.event.occurred_at;
                    if born.at != at {
                        differ("uid_registry.born_at", Some(born.at.to_rfc3339()), at.to_rfc3339());
                    }
                    if born.container != container {
                        differ(
                            "uid_registry.container",
                            Some(born.container.to_string()),
                            container.to_string(),
                        );
                    }
                }
                // Born twice; the first birth stands.
                Some(_) => {}
            }
        }
        for alias in &one.decoded.aliases {
            if !aliases.contains(&(alias.alias.clone(), alias.key)) {
                let said = Some(compare::all(alias));
                one.differs.push(Difference { column: "uid_aliases".into(), stored: None, said });
            }
        }
    }
    Ok(())
}

/// Lots that the events tell of. The first event that tells of a lot makes its row, so one
/// that says otherwise proves nothing while another one says what stands.
async fn lots(tx: &mut Tx, all: &mut BTreeMap<Stamp, Intact>) -> Result<(), ProofError> {
    let ids: BTreeSet<Uuid> =
        all.values().flat_map(|one| one.decoded.lots.iter().map(|lot| lot.lot_id)).collect();
    let stored = rows::lots(tx, &ids.into_iter().collect::<Vec<_>>()).await?;
    let stored: HashMap<Uuid, LotRow> = stored.into_iter().map(|row| (row.lot_id, row)).collect();
    let mut told: HashMap<Uuid, bool> = HashMap::new();
    for one in all.values_mut().filter(|one| !one.bare) {
        for lot in &one.decoded.lots {
            let Some(row) = stored.get(&lot.lot_id) else {
                let said = Some(compare::all(lot));
                one.differs.push(Difference { column: "lots".into(), stored: None, said });
                continue;
            };
            if row.columns() == lot.columns() {
                continue;
            }
            let by_another = match told.get(&lot.lot_id) {
                Some(known) => *known,
                None => {
                    let known = told_by_another(tx, row).await?;
                    told.insert(lot.lot_id, known);
                    known
                }
            };
            if !by_another {
                compare::columns("lots", row, lot, &mut one.differs);
            }
        }
    }
    Ok(())
}

/// Whether an event in which a UID of the lot was born says of it what stands.
async fn told_by_another(tx: &mut Tx, row: &LotRow) -> Result<bool, ProofError> {
    let tellers = rows::tellers_of_lot(tx, row.lot_id).await?;
    Ok(tellers.into_iter().any(|bytes| {
        let at = Envelope {
            agent_id: Uuid::nil(),
            plant: None,
            epoch: 0,
            seq: 0,
            now: chrono::DateTime::UNIX_EPOCH,
        };
        decode(at, bytes.into()).lots.iter().any(|lot| lot.columns() == row.columns())
    }))
}
