//! Keys that sign, and the signed heads of a tenant's tree.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use platform::audit::{self, Entry};
use platform::db::Tx;
use platform::secrets::Secrets;
use serde_json::json;
use verify::merkle::Hash;
use verify::note::{Complete, Head, PublicKey, Signer};

use super::store::{self, HeadRow, KeyRow};
use super::{ProofError, tree};

/// A head is signed at most this often, but for whoever asks for a proof now.
const PACE: TimeDelta = TimeDelta::minutes(1);

fn field(key_id: &str) -> String {
    format!("proof.key:{key_id}")
}

/// The key in use; made when there is none.
async fn signer(tx: &mut Tx, secrets: &Secrets, now: DateTime<Utc>) -> Result<Signer, ProofError> {
    let used = store::keys(tx).await?.into_iter().find(|key| key.retired_at.is_none());
    match used {
        Some(key) => open(tx, secrets, &key),
        None => make(tx, secrets, now).await,
    }
}

fn open(tx: &Tx, secrets: &Secrets, key: &KeyRow) -> Result<Signer, ProofError> {
    let secret = secrets.open(tx.tenant(), &field(&key.key_id), &key.sealed)?;
    Ok(Signer::open(&key.log, &secret)?)
}

async fn make(tx: &mut Tx, secrets: &Secrets, now: DateTime<Utc>) -> Result<Signer, ProofError> {
    let (code, _) = store::tenant(tx).await?;
    let log = format!("tracewright/{code}/{}", tx.tenant());
    let secret = Signer::make()?;
    let signer = Signer::open(&log, &secret)?;
    let key_id = signer.public().id();
    let sealed = secrets.seal(tx.tenant(), &field(&key_id), &secret)?;
    let public = signer.public().bytes.to_vec();
    store::key_insert(tx, &KeyRow { key_id, log, public, sealed, made_at: now, retired_at: None }).await?;
    // Two processes may have made one at once; the one that stands is used.
    let used = store::keys(tx).await?.into_iter().find(|key| key.retired_at.is_none());
    open(tx, secrets, &used.ok_or(ProofError::Damaged)?)
}

/// Retires the key in use and puts a new one in its place, which signs the head anew;
/// answers the new key. What the old one signed stays good.
///
/// # Errors
/// The database, or the keys of secrets.
pub async fn rotate(tx: &mut Tx, secrets: &Secrets, now: DateTime<Utc>) -> Result<PublicKey, ProofError> {
    let before = store::key_retire(tx, now).await?;
    let signer = make(tx, secrets, now).await?;
    let key = signer.public().clone();
    let size = store::size(tx).await?;
    if size > 0 {
        sign(tx, &signer, size, now).await?;
    }
    let entry = Entry {
        action: "proof.rotate",
        subject: &format!("proof_key:{}", key.id()),
        before: before.map(|id| json!({ "key": id })),
        after: Some(json!({ "key": key.id() })),
    };
    audit::record(tx, entry).await?;
    Ok(key)
}

/// Brings the keys under the key that seals now; answers how many were.
///
/// # Errors
/// Those of the database. A key that does not open stays as it is.
pub async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, platform::db::DbError> {
    let mut done = 0;
    for key in store::keys(tx).await? {
        match secrets.reseal(tx.tenant(), &field(&key.key_id), &key.sealed) {
            Ok(Some(again)) => {
                store::key_seal(tx, &key.key_id, &again).await?;
                done += 1;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(key = key.key_id, %error, "a key of proofs was not sealed anew"),
        }
    }
    Ok(done)
}

/// Signs the head of that size when it has grown and the last one is a minute old.
pub(super) async fn sign_when_due(
    tx: &mut Tx,
    secrets: &Secrets,
    size: i64,
    now: DateTime<Utc>,
) -> Result<(), ProofError> {
    if size == 0 {
        return Ok(());
    }
    let used = store::keys(tx).await?.into_iter().find(|key| key.retired_at.is_none());
    if let Some(key) = &used
        && let Some((signed, at)) = store::newest(tx, &key.key_id).await?
        && (signed >= size || now - at < PACE)
    {
        return Ok(());
    }
    let signer = signer(tx, secrets, now).await?;
    sign(tx, &signer, size, now).await?;
    Ok(())
}

async fn sign(tx: &mut Tx, signer: &Signer, size: i64, now: DateTime<Utc>) -> Result<HeadRow, ProofError> {
    let key_id = signer.public().id();
    if let Some(head) = store::head(tx, size, &key_id).await? {
        return Ok(head);
    }
    let leaves = u64::try_from(size).map_err(|_| ProofError::Damaged)?;
    let root = tree::root(tx, leaves).await?;
    let (_, generation) = store::tenant(tx).await?;
    let head = Head {
        log: signer.public().name.clone(),
        size: leaves,
        root,
        time: now.to_rfc3339_opts(SecondsFormat::Secs, true),
        generation: u64::try_from(generation).unwrap_or(0),
    };
    let note = signer.sign(&head.text());
    let row = HeadRow { size, key_id, root: root.to_vec(), note, signed_at: now };
    store::head_insert(tx, &row).await?;
    // Another process may have signed it at another second: the one that is kept counts.
    Ok(store::head(tx, size, &row.key_id).await?.unwrap_or(row))
}

/// A tree as it is proven by now: its signed head, and the key.
pub struct Signed {
    signer: Signer,
    /// The head, as signed.
    pub note: String,
    /// Its leaves.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

impl Signed {
    /// The key that signed.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        self.signer.public()
    }

    /// Signs that so many leaves of this tree name a UID, and which is the last.
    #[must_use]
    pub fn complete(&self, uid: &str, count: u64, last: u64) -> String {
        let complete = Complete {
            log: self.key().name.clone(),
            uid: uid.to_owned(),
            count,
            last,
            size: self.size,
            root: self.root,
        };
        self.signer.sign(&complete.text())
    }
}

/// The largest head that is signed by now: nothing is written. `None` when none is.
///
/// # Errors
/// The database, or the keys of secrets.
pub async fn latest(tx: &mut Tx, secrets: &Secrets) -> Result<Option<Signed>, ProofError> {
    let used = store::keys(tx).await?.into_iter().find(|key| key.retired_at.is_none());
    let Some(key) = used else { return Ok(None) };
    let Some((size, _)) = store::newest(tx, &key.key_id).await? else { return Ok(None) };
    let head = store::head(tx, size, &key.key_id).await?.ok_or(ProofError::Damaged)?;
    signed(open(tx, secrets, &key)?, head).map(Some)
}

fn signed(signer: Signer, head: HeadRow) -> Result<Signed, ProofError> {
    let root = head.root.try_into().map_err(|_| ProofError::Damaged)?;
    let size = u64::try_from(head.size).map_err(|_| ProofError::Damaged)?;
    Ok(Signed { signer, note: head.note, size, root })
}

/// The head of the tree as it is, signed now when it was not yet; `None` while the tree
/// is empty.
///
/// # Errors
/// The database, or the keys of secrets.
pub async fn current(
    tx: &mut Tx,
    secrets: &Secrets,
    now: DateTime<Utc>,
) -> Result<Option<Signed>, ProofError> {
    let size = store::size(tx).await?;
    if size == 0 {
        return Ok(None);
    }
    let signer = signer(tx, secrets, now).await?;
    let head = sign(tx, &signer, size, now).await?;
    signed(signer, head).map(Some)
}
