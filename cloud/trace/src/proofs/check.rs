//! The check that goes over all events again and again, and finds what was changed
//! behind the application's back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use platform::audit::{self, Entry};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use uuid::Uuid;
use verify::merkle::{self, Hash};
use verify::note::{Head, PublicKey};

use super::ProofError;
use super::altered::{self, Found, What};
use super::look::look;
use super::rows;
use super::store::{self, Leaves, Tree};
use super::tiles::{self, Tiles, WIDTH};
use super::told;
use super::uids;
use crate::explore::order::Stamp;
use crate::projection::timed_out;

/// Tiles of leaves that one step looks at.
const TILES: i64 = 8;
/// A round over all events begins this often by itself.
const ROUND: TimeDelta = TimeDelta::hours(6);

/// UIDs of altered events that are kept for a round.
const MOST_TOUCHED: i32 = 10_000;

/// UIDs that one step looks at; where that takes too long, fewer.
const UIDS: [i64; 3] = [500, 25, 1];

static LEAVES: AtomicU64 = AtomicU64::new(0);
static KEYS: AtomicU64 = AtomicU64::new(0);
static ALTERED: AtomicU64 = AtomicU64::new(0);

/// What this process has checked since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Leaves.
    pub leaves: u64,
    /// UIDs.
    pub uids: u64,
    /// Findings: events and UIDs.
    pub altered: u64,
}

/// What this process has checked since it began.
#[must_use]
pub fn counted() -> Counted {
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    Counted { leaves: count(&LEAVES), uids: count(&KEYS), altered: count(&ALTERED) }
}

/// What one step has looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Leaves of the tree.
    pub leaves: i64,
    /// UIDs.
    pub uids: i64,
    /// There is more to do at once.
    pub more: bool,
}

/// One event or UID was told of.
pub(super) fn count_altered() {
    ALTERED.fetch_add(1, Ordering::Relaxed);
}

/// Checks the next events, or behind the last one the next UIDs, of a tenant in one
/// transaction; answers what it looked at: nothing when the next round is neither due nor
/// asked for, another process is at it, or what stands of a UID cannot be judged before the
/// projection has caught up. Where it stopped it goes on, whichever process does.
///
/// # Errors
/// The database; the same is checked again then.
pub async fn step(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<Looked, ProofError> {
    for most in UIDS {
        match attempt(db, tenant, most, now).await {
            Err(ProofError::Slow(error)) => {
                tracing::warn!(%tenant, %error, most, "the check of UIDs takes on less");
            }
            done => return done,
        }
    }
    // One alone takes longer than a statement may. That is told; the others are looked at.
    db.tx(&Cx::system(tenant), async |tx| {
        let Some(tree) = store::tree_lock(tx).await? else { return Ok(Looked::default()) };
        let at = tree.at_uid().filter(|_| tree.check_row.is_none());
        let Some(at) = at else { return Ok(Looked::default()) };
        let Some(key) = uids::next(tx, at, 1).await?.pop() else { return Ok(Looked::default()) };
        tracing::error!(%tenant, key, "the rows of a UID could not be checked: its facts are too many");
        store::uids_checked(tx, (key, None), 1, now).await?;
        Ok(Looked { uids: 1, more: true, ..Looked::default() })
    })
    .await
}

async fn attempt(db: &Db, tenant: Uuid, most: i64, now: DateTime<Utc>) -> Result<Looked, ProofError> {
    db.tx(&Cx::system(tenant), async |tx| {
        let Some(tree) = store::tree_lock(tx).await? else { return Ok(Looked::default()) };
        if let (Some(_), Some(after)) = (tree.at_uid(), &tree.check_row) {
            let more = told::step(tx, after, now).await?;
            return Ok(Looked { more, ..Looked::default() });
        }
        if let Some(after) = tree.at_uid() {
            let looked = uids::step(tx, (after, tree.check_link.clone()), most, now).await;
            let looked = looked.map_err(|error| match error {
                ProofError::Db(error) if timed_out(&error) => ProofError::Slow(error),
                other => other,
            })?;
            KEYS.fetch_add(looked.uids.unsigned_abs(), Ordering::Relaxed);
            return Ok(looked);
        }
        let due = tree.round_at.is_none_or(|at| now - at >= ROUND);
        if tree.size == 0 || tree.check_leaf == 0 && !due {
            return Ok(Looked::default());
        }
        let from = tree.check_leaf.max(0);
        let to = (from + TILES * WIDTH as i64).min(tree.size);
        let kept = kept(tx, from, to).await?;
        let batches = clipped(store::batches_of(tx, from..to).await?, (from, to))?;
        let (found, touched) = look(tx, &batches, &kept, from).await?;
        for found in found {
            altered::tell(tx, &found, now).await?;
        }
        store::touch(tx, &touched.into_iter().collect::<Vec<_>>(), MOST_TOUCHED).await?;
        let round = to == tree.size;
        if round {
            match check_head(tx, tree.size).await {
                // What was found of events beside is told all the same.
                Err(ProofError::Damaged) => altered::tell_tree(tx, now).await?,
                done => done?,
            }
            without_leaves(tx, tree.through_batch, now).await?;
        }
        go_on(tx, &tree, to, now).await?;
        LEAVES.fetch_add((to - from).unsigned_abs(), Ordering::Relaxed);
        Ok(Looked { leaves: to - from, more: true, ..Looked::default() })
    })
    .await
}

/// Behind the last event the UIDs follow.
async fn go_on(tx: &mut Tx, tree: &Tree, next: i64, now: DateTime<Utc>) -> Result<(), ProofError> {
    if next == tree.size {
        store::uids_begin(tx, next, now).await?;
    } else {
        store::checked(tx, next, now).await?;
    }
    Ok(())
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

/// The parts of batches that lie in a range of leaves. They must fill it: the rows that say
/// which event a leaf is may be gone.
fn clipped(batches: Vec<Leaves>, (from, to): (i64, i64)) -> Result<Vec<Leaves>, ProofError> {
    let mut next = from;
    let mut parts = Vec::with_capacity(batches.len());
    for batch in batches {
        let skipped = (from - batch.first_leaf).max(0);
        let last = batch.to_seq.min(batch.from_seq + to - 1 - batch.first_leaf);
        let part = Leaves {
            from_seq: batch.from_seq + skipped,
            to_seq: last,
            first_leaf: batch.first_leaf + skipped,
            ..batch
        };
        if part.first_leaf != next || part.from_seq > part.to_seq {
            return Err(ProofError::Damaged);
        }
        next += part.to_seq - part.from_seq + 1;
        parts.push(part);
    }
    if next == to { Ok(parts) } else { Err(ProofError::Damaged) }
}

/// Tells of rows that belong to no event in the tree, nor to one on its way there.
async fn without_leaves(tx: &mut Tx, through: i64, now: DateTime<Utc>) -> Result<(), ProofError> {
    let mut forged: BTreeMap<Stamp, Vec<&'static str>> = BTreeMap::new();
    for (stamp, table) in rows::strays(tx, through).await? {
        forged.entry(stamp).or_default().push(table);
    }
    for (stamp, tables) in forged {
        let span = rows::Span { agent: stamp.agent, epoch: stamp.epoch, from: stamp.seq, to: stamp.seq };
        let stored = rows::load(tx, &[span]).await?.remove(&stamp).unwrap_or_default();
        let key = stored.rows.subjects.iter().map(|one| one.row.key).find(|key| *key != 0);
        let event = stored.event.map(|(event, _)| event);
        let found = Found { stamp, leaf: None, key, event, what: What::Added(tables) };
        altered::tell(tx, &found, now).await?;
    }
    Ok(())
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

/// As [`step`]; a tree that is not what was written is told of, and the check goes on
/// behind the place.
///
/// # Errors
/// As [`step`].
pub async fn step_and_tell(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<Looked, ProofError> {
    match step(db, tenant, now).await {
        Err(ProofError::Damaged) => {
            db.tx(&Cx::system(tenant), async |tx| {
                altered::tell_tree(tx, now).await?;
                if let Some(tree) = store::tree_lock(tx).await? {
                    let to = (tree.check_leaf.max(0) + TILES * WIDTH as i64).min(tree.size);
                    go_on(tx, &tree, to, now).await?;
                }
                Ok::<_, ProofError>(())
            })
            .await?;
            Err(ProofError::Damaged)
        }
        done => done,
    }
}

/// Has a round begin now, though it is not due: the job goes on with it as with any other.
///
/// # Errors
/// [`ProofError::Empty`] while there is nothing to check, [`ProofError::Checking`] while a
/// round is under way or asked for already; the database.
pub async fn ask(tx: &mut Tx) -> Result<(), ProofError> {
    if store::size(tx).await? == 0 {
        return Err(ProofError::Empty);
    }
    if !store::round_ask(tx).await? {
        return Err(ProofError::Checking);
    }
    audit::record(tx, Entry { action: "proof.check", subject: "proofs", before: None, after: None }).await?;
    Ok(())
}
