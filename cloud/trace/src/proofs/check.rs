//! The check that goes over all events again and again, and finds what was changed
//! behind the application's back.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use uuid::Uuid;
use verify::merkle::{self, Hash};
use verify::note::{Head, PublicKey};

use super::ProofError;
use super::altered::{self, What};
use super::store::{self, EventRow, Leaves};
use super::tiles::{self, Tiles, WIDTH};
use crate::ingest::decode::{Envelope, decode};

/// Tiles of leaves that one step looks at.
const TILES: i64 = 8;
/// A round over all events begins at most this often.
const ROUND: TimeDelta = TimeDelta::hours(6);

/// Leaves that this process has checked, and events that it found altered.
static CHECKED: AtomicU64 = AtomicU64::new(0);
static ALTERED: AtomicU64 = AtomicU64::new(0);

/// Leaves that this process has checked since it began, and events that it found
/// altered.
#[must_use]
pub fn counted() -> (u64, u64) {
    (CHECKED.load(Ordering::Relaxed), ALTERED.load(Ordering::Relaxed))
}

/// One event was told of.
pub(super) fn count_altered() {
    ALTERED.fetch_add(1, Ordering::Relaxed);
}

/// Checks the next events of a tenant in one transaction; answers how many, 0 when the
/// round is done, the next is not due, or another process is at it. Where it stopped it
/// goes on, whichever process does.
///
/// # Errors
/// The database; the same is checked again then.
pub async fn step(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<i64, ProofError> {
    db.tx(&Cx::system(tenant), async |tx| {
        let Some(tree) = store::tree_lock(tx).await? else { return Ok(0) };
        let from = tree.check_leaf;
        if tree.size == 0 || from == 0 && tree.round_at.is_some_and(|at| now - at < ROUND) {
            return Ok(0);
        }
        let to = (from + TILES * WIDTH as i64).min(tree.size);
        let kept = kept(tx, from, to).await?;
        let mut leaf = from;
        for batch in store::batches_of(tx, from..to).await? {
            leaf = check_batch(tx, &batch, &kept, (from, to), now).await?;
        }
        if leaf < to {
            // The rows that say which event a leaf is are gone.
            return Err(ProofError::Damaged);
        }
        let round = to == tree.size;
        if round {
            check_head(tx, tree.size).await?;
        }
        store::checked(tx, if round { 0 } else { to }, round, now).await?;
        CHECKED.fetch_add((to - from).unsigned_abs(), Ordering::Relaxed);
        Ok(to - from)
    })
    .await
}

/// The kept hashes of these leaves. Where a tile of them is full, the tile above must
/// hold its root.
async fn kept(tx: &mut Tx, from: i64, to: i64) -> Result<Vec<Hash>, ProofError> {
    let width = WIDTH as i64;
    let at: Vec<tiles::At> = (from / width..(to + width - 1) / width).map(|idx| (0, idx)).collect();
    let mut found = Tiles::default();
    let above: Vec<tiles::At> = at.iter().map(|(_, idx)| (1, idx / width)).collect();
    for (at, bytes) in store::tiles(tx, &[at.clone(), above].concat()).await? {
        found.put(at, tiles::hashes(&bytes).ok_or(ProofError::Damaged)?);
    }
    let mut kept = Vec::new();
    for (_, idx) in &at {
        let tile = found.get((0, *idx)).ok_or(ProofError::Damaged)?;
        if tile.len() == WIDTH as usize {
            let place = usize::try_from(idx % width).unwrap_or_default();
            let root = found.get((1, idx / width)).and_then(|above| above.get(place));
            if root != Some(&merkle::root(tile)) {
                return Err(ProofError::Damaged);
            }
        }
        kept.extend_from_slice(tile);
    }
    let skip = usize::try_from(from % width).unwrap_or_default();
    Ok(kept.into_iter().skip(skip).collect())
}

/// Checks the events of a batch that lie in the range; answers the leaf after them.
async fn check_batch(
    tx: &mut Tx,
    batch: &Leaves,
    kept: &[Hash],
    (from, to): (i64, i64),
    now: DateTime<Utc>,
) -> Result<i64, ProofError> {
    let first = batch.from_seq + (from - batch.first_leaf).max(0);
    let last = batch.to_seq.min(batch.from_seq + to - 1 - batch.first_leaf);
    let part = Leaves { from_seq: first, to_seq: last, ..batch.clone() };
    let mut events = store::events(tx, &part).await?.into_iter().peekable();
    for seq in first..=last {
        let leaf = batch.first_leaf + seq - batch.from_seq;
        let place = usize::try_from(leaf - from).map_err(|_| ProofError::Damaged)?;
        let kept = kept.get(place).ok_or(ProofError::Damaged)?;
        let what = match events.next_if(|event| event.seq == seq) {
            None => Some(What::Missing),
            Some(event) if merkle::leaf(&event.payload) != *kept => Some(What::Bytes),
            Some(event) => {
                let columns = differing(batch, event);
                let told = !columns.is_empty() && !store::was_malformed(tx, batch, seq).await?;
                told.then_some(What::Columns(columns))
            }
        };
        if let Some(what) = what {
            altered::tell(tx, batch, seq, what, now).await?;
        }
    }
    Ok(batch.first_leaf + last - batch.from_seq + 1)
}

/// Columns of an event that say something else than its bytes do. Of bytes that did not
/// fit the columns nothing is said.
fn differing(batch: &Leaves, row: EventRow) -> Vec<&'static str> {
    let at = Envelope {
        agent_id: batch.agent_id,
        plant: None,
        epoch: batch.epoch,
        seq: row.seq,
        now: DateTime::UNIX_EPOCH,
    };
    let decoded = decode(at, row.payload.into());
    if !decoded.readable || !decoded.defects.is_empty() {
        return Vec::new();
    }
    let event = decoded.event;
    let mut keys: Vec<i64> = decoded.subjects.iter().map(|subject| subject.key).collect();
    keys.sort_unstable();
    [
        ("event_id", event.event_id == row.event_id),
        ("stage", event.stage == row.stage),
        ("action", event.action == row.action),
        ("occurred_at", event.occurred_at == row.occurred_at),
        ("recorded_at", event.recorded_at == row.recorded_at),
        ("plant", event.plant == row.plant),
        ("station", event.station == row.station),
        ("operator_id", event.operator_id == row.operator_id),
        ("location", event.location == row.location),
        ("operation", event.operation == row.operation),
        ("attempt", event.attempt == row.attempt),
        ("outcome", event.outcome == row.outcome),
        ("accepted_quantity", event.accepted_quantity == row.accepted_quantity),
        ("rejected_quantity", event.rejected_quantity == row.rejected_quantity),
        ("reason", event.reason == row.reason),
        ("machine", event.machine == row.machine),
        ("overridden_by", event.overridden_by == row.overridden_by),
        ("corrects", event.corrects == row.corrects),
        ("reference_type", event.reference_type == row.reference_type),
        ("reference_number", event.reference_number == row.reference_number),
        ("subjects", keys == row.keys),
    ]
    .into_iter()
    .filter_map(|(column, same)| (!same).then_some(column))
    .collect()
}

/// The newest signed head that is not larger than the tree must be signed by its key, and
/// must have the tree's root.
async fn check_head(tx: &mut Tx, size: i64) -> Result<(), ProofError> {
    let Some(row) = store::heads(tx, (size, "~"), 1).await?.into_iter().next() else { return Ok(()) };
    let key = store::keys(tx).await?.into_iter().find(|key| key.key_id == row.key_id);
    let key = key.and_then(|key| Some(PublicKey { name: key.log, bytes: key.public.try_into().ok()? }));
    let head = key.and_then(|key| Head::open(&row.note, &key).ok()).ok_or(ProofError::Damaged)?;
    let root = super::tree::root(tx, head.size).await?;
    let same = root == head.root && root.as_slice() == row.root && i64::try_from(head.size) == Ok(row.size);
    if same { Ok(()) } else { Err(ProofError::Damaged) }
}

/// As [`step`]; a tree that is not what was written is told of.
///
/// # Errors
/// As [`step`].
pub async fn step_and_tell(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<i64, ProofError> {
    match step(db, tenant, now).await {
        Err(ProofError::Damaged) => {
            db.tx(&Cx::system(tenant), async |tx| altered::tell_tree(tx, now).await).await?;
            Err(ProofError::Damaged)
        }
        done => done,
    }
}
