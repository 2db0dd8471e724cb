//! Holds placed in the office: what is held, the facts in the office's own
//! stream, and what plants are told, all in one transaction.
//!
//! A plant refuses a held label or lot from the moment at which the reference
//! row `hold` reaches it. The row carries the keys that existed when the hold
//! was placed and the lots, so that labels of a held lot that are born later
//! are held as well.

mod store;
pub(crate) use store::descendants;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::db::{DbError, Tx};
use platform::notify::{self, Kind, Notice, To};
use platform::reference::{self, Row};
use proto::v1::{Reference, Role, Stage, Subject};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use uid::Key;
use uuid::Uuid;

use crate::ingest::notify::Batch;
use crate::ingest::{IngestError, office};
use crate::rights::HOLD_READ;

/// A hold was placed in the office.
pub const HOLD_PLACED: Kind = Kind::shown("hold.placed").urgent();
/// A hold was released in the office.
pub const HOLD_RELEASED: Kind = Kind::shown("hold.released");
/// What people are told of holds.
pub const KINDS: &[Kind] = &[HOLD_PLACED, HOLD_RELEASED];

/// Most labels of one hold. A larger scope is a recall, which holds by lot.
pub const MAX_MEMBERS: usize = 100_000;
/// Reason of a fact whose own reason is free text.
pub const OFFICE: &str = "office";
/// Longest reason, in bytes.
pub const MAX_REASON: usize = 200;
/// Subjects of one event: well under its 64 KiB.
const PER_EVENT: usize = 1_000;
/// Keys of one reference row: well under a chunk of 1 MiB.
const PER_ROW: usize = 20_000;

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Scope {
    /// One label.
    Label {
        /// Its key, as text: it exceeds what JSON numbers hold.
        #[serde(with = "key_text")]
        key: i64,
        /// And everything that it went into, as known now.
        #[serde(default)]
        descendants: bool,
    },
    /// All labels of a lot, those still to come too.
    Lot {
        /// The lot.
        lot: Uuid,
        /// And everything that they went into, as known now.
        #[serde(default)]
        descendants: bool,
    },
}

/// Why a hold was not placed or released.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The scope names nothing that the cloud knows.
    #[error("nothing is known of what is to be held")]
    Unknown,
    /// More than [`MAX_MEMBERS`] labels.
    #[error("the scope has more than {MAX_MEMBERS} labels")]
    TooMany,
    /// No reason, or one that does not fit.
    #[error("a reason of 1 to {MAX_REASON} bytes is needed")]
    Reason,
    /// There is no such hold.
    #[error("there is no such hold")]
    NotFound,
    /// It was released before.
    #[error("the hold was released already")]
    Released,
    /// The office's stream.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for HoldError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(DbError::Sqlx(error))
    }
}

/// A hold that was placed or released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The hold.
    pub hold_id: Uuid,
    /// How many labels it holds, or held.
    pub members: usize,
    /// To be announced with [`crate::ingest::Committed::announce`] once the
    /// transaction has committed.
    pub batch: Batch,
}

/// Places a hold. Connected plants turn red within two seconds of the commit.
/// Call it last in the transaction: it locks the tenant's counters.
///
/// # Errors
/// [`HoldError`]; nothing is held then.
pub async fn place(tx: &mut Tx, scope: &Scope, reason: &str, now: DateTime<Utc>) -> Result<Done, HoldError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > MAX_REASON || reason.chars().any(char::is_control) {
        return Err(HoldError::Reason);
    }
    let (keys, lots) = members(tx, scope).await?;
    put(tx, serde_json::to_value(scope).unwrap_or_default(), reason, &keys, &lots, now).await
}

/// Places one hold on labels and lots that somebody else found: `named` says by what
/// they were found, as the hold shows it. `keys` are in order, each once. As [`place`].
///
/// # Errors
/// [`HoldError`]; nothing is held then.
pub(crate) async fn place_found(
    tx: &mut Tx,
    named: serde_json::Value,
    reason: &str,
    keys: &[i64],
    lots: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Done, HoldError> {
    if reason.is_empty() || reason.len() > MAX_REASON {
        return Err(HoldError::Reason);
    }
    if keys.is_empty() && lots.is_empty() {
        return Err(HoldError::Unknown);
    }
    if keys.len() > MAX_MEMBERS {
        return Err(HoldError::TooMany);
    }
    put(tx, named, reason, keys, lots, now).await
}

async fn put(
    tx: &mut Tx,
    scope_json: serde_json::Value,
    reason: &str,
    keys: &[i64],
    lots: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Done, HoldError> {
    let hold_id = Uuid::now_v7();
    let tenant = tx.tenant();
    store::insert(tx, tenant, hold_id, reason, &scope_json, keys).await?;
    store::members_insert(tx, tenant, hold_id, keys).await?;
    // The reason may be a person's free text: it stays with the hold.
    let entry = Entry {
        action: "hold.place",
        subject: &format!("hold:{hold_id}"),
        before: None,
        after: Some(json!({ "scope": scope_json, "members": keys.len() })),
    };
    audit::record(tx, entry).await?;
    let plants = store::plants(tx, tenant, keys).await?;
    notify::tell(tx, &HOLD_PLACED, &notice(reason, keys.len()).at(plants), now).await?;
    let batch = tell(tx, Stage::Hold, hold_id, reason, keys, now).await?;
    reference::publish_all(tx, rows(hold_id, reason, keys, lots)).await?;
    Ok(Done { hold_id, members: keys.len(), batch })
}

/// Releases a hold. Others on the same labels stay.
///
/// # Errors
/// [`HoldError::NotFound`], [`HoldError::Released`], or those of the database.
pub async fn release(
    tx: &mut Tx,
    hold_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Done, HoldError> {
    let reason = reason.trim();
    if reason.len() > MAX_REASON || reason.chars().any(char::is_control) {
        return Err(HoldError::Reason);
    }
    let tenant = tx.tenant();
    let hold = store::lock(tx, tenant, hold_id).await?.ok_or(HoldError::NotFound)?;
    if hold.status != "placed" {
        return Err(HoldError::Released);
    }
    let keys = store::members(tx, tenant, hold_id).await?;
    store::release(tx, tenant, hold_id).await?;
    let entry = Entry {
        action: "hold.release",
        subject: &format!("hold:{hold_id}"),
        before: Some(json!({ "status": hold.status, "members": keys.len() })),
        after: Some(json!({ "status": "released" })),
    };
    audit::record(tx, entry).await?;
    let plants = store::plants(tx, tenant, &keys).await?;
    notify::tell(tx, &HOLD_RELEASED, &notice(&hold.reason, keys.len()).at(plants), now).await?;
    let batch = tell(tx, Stage::Release, hold_id, reason, &keys, now).await?;
    let mut gone = rows(hold_id, &hold.reason, &keys, &[]);
    for row in &mut gone {
        row.deleted = true;
    }
    reference::publish_all(tx, gone).await?;
    Ok(Done { hold_id, members: keys.len(), batch })
}

/// What those who see holds are told.
fn notice(reason: &str, labels: usize) -> Notice {
    Notice::new(To::Permission(HOLD_READ.code.to_owned()), "/holds")
        .with("reason", reason)
        .with("labels", labels.to_string())
}

pub(crate) use store::notes_insert;
/// How far a scope reaches, for recalls.
pub(crate) use store::{descendants, of_lot};

/// The labels of a hold, for what tests its plan.
#[cfg(test)]
pub(crate) use store::members as members_of;

/// The labels and lots of a scope, in order.
async fn members(tx: &mut Tx, scope: &Scope) -> Result<(Vec<i64>, Vec<Uuid>), HoldError> {
    let tenant = tx.tenant();
    let limit = MAX_MEMBERS as i64 + 1;
    let (mut keys, lots, descendants) = match scope {
        Scope::Label { key, descendants } => {
            if Key::new(*key).is_err() || !store::known(tx, tenant, *key).await? {
                return Err(HoldError::Unknown);
            }
            (vec![*key], Vec::new(), *descendants)
        }
        Scope::Lot { lot, descendants } => {
            let keys = store::of_lot(tx, tenant, *lot, limit).await?;
            if keys.is_empty() && !store::lot_known(tx, tenant, *lot).await? {
                return Err(HoldError::Unknown);
            }
            (keys, vec![*lot], *descendants)
        }
    };
    if descendants && keys.len() <= MAX_MEMBERS {
        keys = store::descendants(tx, &keys, limit).await?;
    }
    if keys.len() > MAX_MEMBERS {
        return Err(HoldError::TooMany);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok((keys, lots))
}

/// Writes the facts, as many as the members need; one even for a lot that has
/// no label yet.
async fn tell(
    tx: &mut Tx,
    stage: Stage,
    hold_id: Uuid,
    reason: &str,
    keys: &[i64],
    now: DateTime<Utc>,
) -> Result<Batch, HoldError> {
    let tenant = tx.tenant();
    let parts: Vec<&[i64]> = if keys.is_empty() { vec![&[]] } else { keys.chunks(PER_EVENT).collect() };
    let coded = !reason.is_empty() && store::reason_known(tx, tenant, reason).await?;
    let note = (!reason.is_empty() && !coded).then(|| Note::new(reason));
    let facts: Vec<_> = parts
        .into_iter()
        .enumerate()
        .map(|(part, keys)| {
            let mut fact = office::draft(stage, now);
            fact.reason = if coded { reason.to_owned() } else { OFFICE.to_owned() };
            fact.note_hash = note.as_ref().map(Note::hash).unwrap_or_default();
            fact.input_id = format!("hold:{hold_id}:{part}");
            fact.references = vec![Reference { r#type: "hold".into(), number: hold_id.to_string(), line: 0 }];
            fact.subjects = keys
                .iter()
                .map(|key| Subject { key: *key, role: Role::Subject.into(), ..Subject::default() })
                .collect();
            fact
        })
        .collect();
    let told = office::append(tx, now, facts).await?;
    if let Some(note) = note {
        let seqs: Vec<i64> = (told.from_seq..).take(told.event_ids.len()).collect();
        store::notes_insert(tx, told.stream, &seqs, &note).await?;
    }
    Ok(told.batch)
}

/// Free text as it stands beside an event.
pub(crate) struct Note<'a> {
    salt: [u8; 16],
    text: &'a str,
}

impl<'a> Note<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { salt: rand::random(), text }
    }

    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::new().chain_update(self.salt).chain_update(self.text).finalize().to_vec()
    }
}

/// What plants are told, in the shape of `edge-agent`'s `reference::Hold`. A
/// large hold takes several rows, each a hold of its own to the plant.
pub(crate) fn rows(hold_id: Uuid, reason: &str, keys: &[i64], lots: &[Uuid]) -> Vec<Row> {
    let parts: Vec<&[i64]> = if keys.is_empty() { vec![&[]] } else { keys.chunks(PER_ROW).collect() };
    parts
        .into_iter()
        .enumerate()
        .map(|(part, keys)| {
            let id = if part == 0 { hold_id.to_string() } else { format!("{hold_id}/{part}") };
            let lots = if part == 0 { lots } else { &[] };
            Row {
                kind: "hold".into(),
                body: json!({ "hold": id, "reason": reason, "keys": keys, "lots": lots }),
                id,
                plant: None,
                deleted: false,
            }
        })
        .collect()
}

mod key_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(key: &i64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(key)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}
