//! The tenant's tree in the database: taking batches into it, and asking it for roots
//! and proofs.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use platform::secrets::Secrets;
use uuid::Uuid;
use verify::merkle::{self, Hash, Node};

use super::altered::{self, Found, What};
use super::store::{self, Leaves};
use super::tiles::{self, Tiles};
use super::{ProofError, heads};
use crate::explore::order::Stamp;
use crate::projection::batches_after;

/// Most batches in one transaction.
const BATCHES: i64 = 64;

/// Takes the next batches of a tenant into its tree, in one transaction; answers how
/// many, 0 also while another process is at it. Once nothing is left it signs the head,
/// unless one was signed within the last minute.
///
/// # Errors
/// The database, or the key that signs: nothing was taken in then, and the same is done
/// again.
pub async fn step(db: &Db, secrets: &Secrets, tenant: Uuid, now: DateTime<Utc>) -> Result<usize, ProofError> {
    db.tx(&Cx::system(tenant), async |tx| {
        let Some(tree) = store::tree_lock(tx).await? else { return Ok(0) };
        let batches = batches_after(tx, tree.through_batch, BATCHES).await?;
        let Some(last) = batches.last().map(|batch| batch.batch_id) else {
            heads::sign_when_due(tx, secrets, tree.size, now).await?;
            return Ok(0);
        };
        let mut grown = Vec::with_capacity(batches.len());
        let mut leaves = Vec::new();
        for batch in &batches {
            let rows = Leaves {
                batch_id: batch.batch_id,
                agent_id: batch.agent_id,
                epoch: batch.epoch,
                from_seq: batch.from_seq,
                to_seq: batch.to_seq,
                first_leaf: tree.size + leaves.len() as i64,
            };
            leaves.extend(hashes_of(tx, &rows, now).await?);
            grown.push(rows);
        }
        let size = grow(tx, tree.size, &leaves).await?;
        store::batches_insert(tx, &grown).await?;
        let births = store::births(tx, &grown).await?;
        store::tree_grow(tx, last, size, births).await?;
        Ok(batches.len())
    })
    .await
}

/// Takes all batches of a tenant into its tree; answers how many.
///
/// # Errors
/// As [`step`]; what was taken in before stays.
pub async fn catch_up(
    db: &Db,
    secrets: &Secrets,
    tenant: Uuid,
    now: DateTime<Utc>,
) -> Result<usize, ProofError> {
    let mut total = 0;
    loop {
        let done = step(db, secrets, tenant, now).await?;
        if done == 0 {
            return Ok(total);
        }
        total += done;
    }
}

/// The leaves of a batch. An event that is gone was taken away behind the application's
/// back: its place is taken by the leaf of nothing, and somebody is told.
async fn hashes_of(tx: &mut Tx, batch: &Leaves, now: DateTime<Utc>) -> Result<Vec<Hash>, ProofError> {
    let mut stored = store::leaf_hashes(tx, batch).await?.into_iter().peekable();
    let mut hashes = Vec::new();
    for seq in batch.from_seq..=batch.to_seq {
        match stored.next_if(|(at, _)| *at == seq) {
            Some((_, hash)) => hashes.push(hash.try_into().map_err(|_| ProofError::Damaged)?),
            None => {
                let stamp = Stamp { agent: batch.agent_id, epoch: batch.epoch, seq };
                let leaf = Some((batch.batch_id, batch.first_leaf + seq - batch.from_seq));
                let found = Found { stamp, leaf, key: None, event: None, what: What::Missing };
                altered::tell(tx, &found, now).await?;
                hashes.push(merkle::leaf(&[]));
            }
        }
    }
    Ok(hashes)
}

/// Adds leaves to the tree of that size; answers the new one.
async fn grow(tx: &mut Tx, size: i64, leaves: &[Hash]) -> Result<i64, ProofError> {
    let before = u64::try_from(size).map_err(|_| ProofError::Damaged)?;
    let mut tiles = Tiles::default();
    let edge = Tiles::edge(before);
    load(tx, &mut tiles, &edge).await?;
    if edge.iter().any(|at| tiles.get(*at).is_none()) {
        return Err(ProofError::Damaged);
    }
    let mut changed = BTreeSet::new();
    let after = tiles.grow(before, leaves, &mut changed);
    let rows: Vec<_> = changed.iter().filter_map(|at| Some((*at, tiles::bytes(tiles.get(*at)?)))).collect();
    store::tiles_put(tx, &rows).await?;
    i64::try_from(after).map_err(|_| ProofError::Damaged)
}

async fn load(tx: &mut Tx, tiles: &mut Tiles, at: &[tiles::At]) -> Result<(), ProofError> {
    for (at, bytes) in store::tiles(tx, at).await? {
        tiles.put(at, tiles::hashes(&bytes).ok_or(ProofError::Damaged)?);
    }
    Ok(())
}

/// What `work` makes of the tree's nodes; tiles that it asks for are read, and it begins
/// again, so it must do the same each time.
///
/// # Errors
/// [`ProofError::Damaged`] when a tile is not there; the database.
pub async fn ask<T>(
    tx: &mut Tx,
    tiles: &mut Tiles,
    work: impl Fn(&mut dyn FnMut(Node) -> Hash) -> T,
) -> Result<T, ProofError> {
    loop {
        let done = work(&mut |node| tiles.hash(node));
        let missing = tiles.take_missing();
        if missing.is_empty() {
            return Ok(done);
        }
        load(tx, tiles, &missing).await?;
        // A tile that is there and too short is damaged as well: it is asked for again.
        if missing.iter().any(|at| tiles.get(*at).is_none()) {
            return Err(ProofError::Damaged);
        }
        let again = work(&mut |node| tiles.hash(node));
        let still = tiles.take_missing();
        if still.iter().any(|at| missing.contains(at)) {
            return Err(ProofError::Damaged);
        }
        if still.is_empty() {
            return Ok(again);
        }
        load(tx, tiles, &still).await?;
    }
}

/// The root at a size.
///
/// # Errors
/// As [`ask`].
pub async fn root(tx: &mut Tx, size: u64) -> Result<Hash, ProofError> {
    ask(tx, &mut Tiles::default(), |mut of| merkle::root_from(size, &mut of)).await
}
