//! Proofs as they are taken out: of an event, of two sizes, of a unit's whole history.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use platform::secrets::Secrets;
use uuid::Uuid;
use verify::history::{Entry, FORMAT, History};
use verify::merkle::{self, Hash};

use super::tiles::Tiles;
use super::{ProofError, heads, store, tree};
use crate::explore::service::resolve;

/// Most events of a history. A unit has dozens; a bin that goes round for years has
/// thousands.
pub const MOST_EVENTS: i64 = 20_000;

/// That an event is in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Included {
    /// Its leaf.
    pub leaf: u64,
    /// The hash of the leaf.
    pub hash: Hash,
    /// The tree's size.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
    /// The proof.
    pub proof: Vec<Hash>,
}

/// The proof that an event is in the tree of that size, or in the one of now. Who has
/// rights at some plants gets it for events of these.
///
/// # Errors
/// [`ProofError::NoEvent`], [`ProofError::Sizes`]; the database.
pub async fn inclusion(tx: &mut Tx, event: Uuid, size: Option<i64>) -> Result<Included, ProofError> {
    let now = store::size(tx).await?;
    let size = size.unwrap_or(now);
    let found = store::leaf_of_event(tx, event).await?.filter(|row| tx.plants().has(&row.plant));
    let row = found.ok_or(ProofError::NoEvent)?;
    if size <= row.leaf || size > now {
        return Err(ProofError::Sizes(now));
    }
    let (leaf, size) = (unsigned(row.leaf)?, unsigned(size)?);
    let mut tiles = Tiles::default();
    let proof = tree::ask(tx, &mut tiles, |mut of| merkle::inclusion(leaf, size, &mut of)).await?;
    let root = tree::ask(tx, &mut tiles, |mut of| merkle::root_from(size, &mut of)).await?;
    let proof = proof.map_err(|_| ProofError::NoEvent)?;
    Ok(Included { leaf, hash: merkle::leaf(&row.payload), size, root, proof })
}

/// That the tree of one size grew from that of another: both roots, and the proof.
///
/// # Errors
/// [`ProofError::Sizes`]; the database.
pub async fn consistency(tx: &mut Tx, from: i64, to: i64) -> Result<(Hash, Hash, Vec<Hash>), ProofError> {
    let now = store::size(tx).await?;
    if from < 1 || from > to || to > now {
        return Err(ProofError::Sizes(now));
    }
    let (first, second) = (unsigned(from)?, unsigned(to)?);
    let mut tiles = Tiles::default();
    let proof = tree::ask(tx, &mut tiles, |mut of| merkle::consistency(first, second, &mut of)).await?;
    let before = tree::ask(tx, &mut tiles, |mut of| merkle::root_from(first, &mut of)).await?;
    let after = tree::ask(tx, &mut tiles, |mut of| merkle::root_from(second, &mut of)).await?;
    Ok((before, after, proof.map_err(|_| ProofError::Sizes(now))?))
}

/// How much of a history's events is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The bytes of events at the transaction's plants; of the others that they are there.
    OwnPlants,
    /// That they are there, and nothing more.
    Nothing,
}

/// A unit's history with its proofs, to be written to a file; `code` is its UID, or
/// leads to it.
///
/// # Errors
/// [`ProofError`]: the code, nothing in the tree yet, too many events.
pub async fn history(
    tx: &mut Tx,
    secrets: &Secrets,
    code: &str,
    now: DateTime<Utc>,
) -> Result<History, ProofError> {
    let uid = resolve(tx, code).await?.uid;
    let signed = heads::current(tx, secrets, now).await?.ok_or(ProofError::Empty)?;
    history_in(tx, &signed, uid, Told::OwnPlants).await
}

/// The history, in a signed tree, of a UID that the caller may see.
///
/// # Errors
/// As [`history`].
pub async fn history_in(
    tx: &mut Tx,
    signed: &heads::Signed,
    uid: uid::Uid,
    told: Told,
) -> Result<History, ProofError> {
    let mut rows = store::leaves_of_key(tx, uid.key().get(), MOST_EVENTS + 1).await?;
    // What came into the tree since it was signed is not part of it.
    rows.retain(|row| unsigned(row.leaf).is_ok_and(|leaf| leaf < signed.size));
    if rows.len() as i64 > MOST_EVENTS {
        return Err(ProofError::TooLong(MOST_EVENTS));
    }
    let last = unsigned(rows.last().ok_or(ProofError::NoEvent)?.leaf)?;
    let leaves = rows.iter().map(|row| unsigned(row.leaf)).collect::<Result<Vec<u64>, _>>()?;
    let proofs = tree::ask(tx, &mut Tiles::default(), |mut of| {
        leaves
            .iter()
            .map(|leaf| merkle::inclusion(*leaf, signed.size, &mut of))
            .collect::<Result<Vec<_>, _>>()
    })
    .await?
    .map_err(|_| ProofError::Damaged)?;
    let plants = tx.plants();
    let events = rows
        .iter()
        .zip(leaves)
        .zip(proofs)
        .map(|((row, leaf), proof)| match told {
            Told::OwnPlants if plants.has(&row.plant) => Entry::whole(leaf, &row.payload, &proof),
            _ => Entry::withheld(leaf, &merkle::leaf(&row.payload), &proof),
        })
        .collect();
    let uid = uid.to_string();
    Ok(History {
        format: FORMAT.to_owned(),
        key: signed.key().to_string(),
        complete: signed.complete(&uid, rows.len() as u64, last),
        uid,
        head: signed.note.clone(),
        events,
    })
}

fn unsigned(number: i64) -> Result<u64, ProofError> {
    u64::try_from(number).map_err(|_| ProofError::Damaged)
}
