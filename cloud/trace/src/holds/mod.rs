//! Holds placed in the office: what is held, the facts in the office's own
//! stream, and what plants are told, all in one transaction.
//!
//! A plant refuses a held label or lot from the moment at which the reference
//! row `hold` reaches it. The row carries the keys that existed when the hold
//! was placed and the lots, so that labels of a held lot that are born later
//! are held as well. What comes under a hold afterwards is told by [`follow`].
//! Holds that plants placed are written by the projection of their events, and
//! followed and released as those of the office.

pub mod acts;
mod api;
mod attached;
pub mod check;
#[cfg(test)]
mod clock_tests;
pub mod deliveries;
#[cfg(test)]
mod delivery_tests;
pub mod follow;
#[cfg(test)]
mod follow_tests;
pub mod kept;
pub mod members;
mod older;
#[cfg(test)]
mod older_tests;
#[cfg(test)]
mod package_tests;
#[cfg(test)]
mod reach_tests;
pub(crate) mod store;
#[cfg(test)]
mod tests;
mod told;
pub mod view;

use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::db::{DbError, Tx};
use platform::i18n::{Lang, Sources};
use platform::notify::{self, Kind, Notice, To};
use platform::reference::{self, Row};
use platform::web::Module;
use proto::v1::{Reference, Role, Stage, Subject};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::members::{Cause, Found, Member};
use crate::explore::error::TraceError;
use crate::genealogy::Genealogy;
use crate::ingest::notify::Batch;
use crate::ingest::store::cursor;
use crate::ingest::{IngestError, office};
use crate::rights::HOLD_READ;

pub use attached::KIND;
pub use told::Told;

/// A hold was placed in the office.
pub const HOLD_PLACED: Kind = Kind::shown("hold.placed").urgent().to_whom_may(HOLD_READ);
/// A hold was released in the office.
pub const HOLD_RELEASED: Kind = Kind::shown("hold.released").to_whom_may(HOLD_READ);
/// Units came under a hold after it was placed.
pub const HOLD_GREW: Kind = Kind::shown("hold.grew").to_whom_may(HOLD_READ);
/// Held units were used before their plant had the hold.
pub const HOLD_GAP: Kind = Kind::shown("hold.gap").urgent().to_whom_may(HOLD_READ);
/// Held units were used although their plant had the hold.
pub const HOLD_VIOLATED: Kind = Kind::shown("hold.violated").urgent().to_whom_may(HOLD_READ);
/// What people are told of holds.
pub const KINDS: &[Kind] = &[HOLD_PLACED, HOLD_RELEASED, HOLD_GREW, HOLD_GAP, HOLD_VIOLATED];

/// The exception of an act before the plant had the hold.
pub const GAP: &str = "hold.gap";
/// The exception of an act although it had.
pub const VIOLATED: &str = "hold.violated";

/// The texts of holds beside those of the list.
pub(crate) const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("i18n/en.ftl")),
    (Lang::Hi, include_str!("i18n/hi.ftl")),
    (Lang::Bn, include_str!("i18n/bn.ftl")),
    (Lang::Te, include_str!("i18n/te.ftl")),
];

/// What the server has to know of holds beside [`crate::module`], which has their
/// pages. `genealogy` answers what went into what.
#[must_use]
pub fn module(genealogy: &Genealogy) -> Module {
    let routes = api::router().layer(axum::Extension(genealogy.clone()));
    Module::new("holds")
        .feature(crate::features::PRODUCTION)
        .routes(routes)
        .operations(api::operations())
        .texts(TEXTS)
        .kinds(KINDS)
        .attached([attached::ATTACHED])
}

/// Most labels of one hold. A recall holds more, by several holds.
pub const MAX_MEMBERS: usize = 100_000;
/// Reason of a fact whose own reason is free text.
pub const OFFICE: &str = "office";
/// Longest reason, in characters: people write it in any script.
pub const MAX_REASON: usize = 200;
/// Longest notes, in characters.
pub const MAX_NOTES: usize = 2_000;
/// Longest id of an owner, in bytes.
pub const MAX_OWNER: usize = 100;
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
        /// And everything that it went into, now and later.
        #[serde(default)]
        descendants: bool,
    },
    /// All labels of a lot, those still to come too.
    Lot {
        /// The lot.
        lot: Uuid,
        /// And everything that they went into.
        #[serde(default)]
        descendants: bool,
        /// And all others of its item, supplier and supplier's number, those still to come too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        deliveries: bool,
    },
    /// The units of a kept scope.
    Scope {
        /// The scope.
        scope: Uuid,
        /// And everything that they went into.
        #[serde(default)]
        descendants: bool,
    },
}

/// A hold that is to be placed.
#[derive(Debug, Clone, Copy)]
pub struct Placing<'a> {
    /// What is held.
    pub scope: &'a Scope,
    /// A reason code, or a text.
    pub reason: &'a str,
    /// Opaque id of the person responsible; `None` for who places it.
    pub owner: Option<&'a str>,
    /// For whoever looks at it later; empty for none.
    pub notes: &'a str,
}

/// Why a hold was not placed or released.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The scope names nothing that the cloud knows.
    #[error("nothing is known of what is to be held")]
    Unknown,
    /// The kept scope is still being saved, or was stopped: it is not whole.
    #[error("the scope is not whole")]
    Unfinished,
    /// More than [`MAX_MEMBERS`] labels.
    #[error("more than {MAX_MEMBERS} labels: hold them in parts, or by a recall")]
    TooMany,
    /// No reason, or one that does not fit.
    #[error("a reason of 1 to {MAX_REASON} characters is needed")]
    Reason,
    /// Notes that do not fit.
    #[error("notes of up to {MAX_NOTES} characters")]
    Notes,
    /// The owner is not one.
    #[error("the owner is no person of yours")]
    Owner,
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

impl From<TraceError> for HoldError {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Db(error) => Self::Db(error),
            _ => Self::NotFound,
        }
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

/// Whether a reason is short enough and in one line. Pure.
pub(crate) fn is_reason(text: &str) -> bool {
    text.chars().count() <= MAX_REASON && !text.chars().any(char::is_control)
}

/// Whether notes are short enough, and a text that can be kept. Pure.
pub(crate) fn is_notes(text: &str) -> bool {
    text.chars().count() <= MAX_NOTES && !text.contains('\0')
}

/// Places a hold. Connected plants turn red within two seconds of the commit.
/// Call it last in the transaction: it locks the tenant's counters.
///
/// # Errors
/// [`HoldError`]; nothing is held then.
pub async fn place(
    tx: &mut Tx,
    genealogy: &Genealogy,
    scope: &Scope,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Done, HoldError> {
    place_for(tx, genealogy, &Placing { scope, reason, owner: None, notes: "" }, now).await
}

/// [`place`], with who answers for it and notes.
///
/// # Errors
/// [`HoldError`]; nothing is held then.
pub async fn place_for(
    tx: &mut Tx,
    genealogy: &Genealogy,
    asked: &Placing<'_>,
    now: DateTime<Utc>,
) -> Result<Done, HoldError> {
    let reason = asked.reason.trim();
    if reason.is_empty() || !is_reason(reason) {
        return Err(HoldError::Reason);
    }
    let notes = asked.notes.trim();
    if !is_notes(notes) {
        return Err(HoldError::Notes);
    }
    let owner = asked.owner.unwrap_or_default();
    if !owner.is_empty() && (owner.len() > MAX_OWNER || !store::one::person_known(tx, owner).await?) {
        return Err(HoldError::Owner);
    }
    // First: what is committed after this batch is looked at by the follower.
    let looked_batch = cursor::last_batch(tx).await?;
    let found = members::of_scope(tx, genealogy, asked.scope).await?;
    let scope = serde_json::to_value(asked.scope).unwrap_or_default();
    let hold_id = Uuid::now_v7();
    put(tx, &Put { hold_id, scope, reason, owner, notes, found, looked_batch }, now).await
}

/// Labels and a lot that somebody else found.
#[derive(Debug, Clone)]
pub(crate) struct Sought<'a> {
    /// By what they were found, as the hold shows it.
    pub named: serde_json::Value,
    /// A reason code, or a text.
    pub reason: &'a str,
    /// The labels, each once, and how each came to it.
    pub labels: &'a [(i64, Cause)],
    /// The lots that it is on, the one that was named first.
    pub lots: &'a [Uuid],
    /// Lots of the same supplier's lot come to it later.
    pub deliveries: bool,
    /// A batch before which they were looked for.
    pub looked_batch: i64,
}

/// Places one hold on what somebody else found, and on the packages with some of it inside.
/// What is made of it later is held too. As [`place`].
///
/// # Errors
/// [`HoldError`]; nothing is held then.
pub(crate) async fn place_found(
    tx: &mut Tx,
    sought: Sought<'_>,
    now: DateTime<Utc>,
) -> Result<Done, HoldError> {
    let Sought { named, reason, labels, lots, deliveries, looked_batch } = sought;
    if reason.is_empty() || !is_reason(reason) {
        return Err(HoldError::Reason);
    }
    if labels.is_empty() && lots.is_empty() {
        return Err(HoldError::Unknown);
    }
    let keys: Vec<i64> = labels.iter().map(|(key, _)| *key).collect();
    let mut members: Vec<Member> =
        labels.iter().map(|&(key, cause)| Member { key, cause, way: None }).collect();
    members.extend(members::packages_of(tx, &keys).await?);
    if members.len() > MAX_MEMBERS {
        return Err(HoldError::TooMany);
    }
    members.sort_by_key(|member| member.key);
    let found = Found { members, lots: lots.to_vec(), deliveries, descendants: true };
    let hold_id = Uuid::now_v7();
    put(tx, &Put { hold_id, scope: named, reason, owner: "", notes: "", found, looked_batch }, now).await
}

/// A hold whose units are known.
struct Put<'a> {
    hold_id: Uuid,
    scope: serde_json::Value,
    reason: &'a str,
    owner: &'a str,
    notes: &'a str,
    found: Found,
    looked_batch: i64,
}

async fn put(tx: &mut Tx, put: &Put<'_>, now: DateTime<Utc>) -> Result<Done, HoldError> {
    let Put { hold_id, scope, reason, owner, notes, found, looked_batch } = put;
    let keys: Vec<i64> = found.members.iter().map(|member| member.key).collect();
    let hold_id = *hold_id;
    let tenant = tx.tenant();
    let rows = rows(hold_id, reason, &found.members, &found.lots);
    let hold = store::NewHold {
        hold_id,
        reason,
        scope,
        owner,
        notes,
        lots: &found.lots,
        deliveries: found.deliveries,
        descendants: found.descendants,
        members: keys.len(),
        first_key: keys.first().copied(),
        looked_batch: *looked_batch,
        parts: rows.len(),
    };
    store::insert(tx, &hold).await?;
    for (part, members) in (0..).zip(found.members.chunks(PER_ROW)) {
        store::members_insert(tx, hold_id, members, part).await?;
    }
    // The reason may be a person's free text: it stays with the hold.
    let entry = Entry {
        action: "hold.place",
        subject: &format!("hold:{hold_id}"),
        before: None,
        after: Some(json!({ "scope": scope, "members": keys.len(), "owner": owner })),
    };
    let plants = store::plants(tx, tenant, &keys).await?;
    audit::record_at(tx, &plants, entry).await?;
    let notice = notice(tx, hold_id, reason, keys.len()).await?.at(plants);
    notify::tell(tx, &HOLD_PLACED, &notice, now).await?;
    let batch = tell(tx, Stage::Hold, hold_id, "", reason, &keys, now).await?;
    store::placed_with(tx, hold_id, batch.batch_id).await?;
    let parts: Vec<(Uuid, i32)> = (0..).zip(&rows).map(|(part, _)| (hold_id, part)).collect();
    let published = reference::publish_all(tx, rows).await?;
    let told = acts::Version { generation: generation(tx).await?, version: published.version };
    store::parts_told(tx, &parts, told, false).await?;
    Ok(Done { hold_id, members: keys.len(), batch })
}

/// The tenant's generation, which rises when its data is restored.
async fn generation(tx: &mut Tx) -> Result<i64, sqlx::Error> {
    let tenant = tx.tenant();
    Ok(crate::edge::store::tenant(tx, tenant).await?.map_or(1, |tenant| tenant.generation))
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
    if !is_reason(reason) {
        return Err(HoldError::Reason);
    }
    let tenant = tx.tenant();
    let hold = store::lock(tx, tenant, hold_id).await?.ok_or(HoldError::NotFound)?;
    if hold.status != "placed" {
        return Err(HoldError::Released);
    }
    let keys = store::members(tx, tenant, hold_id).await?;
    store::release(tx, tenant, hold_id, reason).await?;
    let entry = Entry {
        action: "hold.release",
        subject: &format!("hold:{hold_id}"),
        before: Some(json!({ "status": hold.status, "members": keys.len() })),
        after: Some(json!({ "status": "released" })),
    };
    // The recall's history says it too: what it called back is free.
    if let Some(of) = store::one::of_recall(tx, hold_id).await? {
        let subject = format!("recall:{}", of.recall_id);
        let after = Some(json!({ "hold": hold_id, "members": keys.len() }));
        let entry = Entry { action: "recall.hold_release", subject: &subject, before: None, after };
        audit::record(tx, entry).await?;
    }
    let plants = store::plants(tx, tenant, &keys).await?;
    audit::record_at(tx, &plants, entry).await?;
    let notice = notice(tx, hold_id, &hold.reason, keys.len()).await?.at(plants);
    notify::tell(tx, &HOLD_RELEASED, &notice, now).await?;
    let batch = tell(tx, Stage::Release, hold_id, "", reason, &keys, now).await?;
    // One of before rows were counted has as many as its labels take.
    let parts = hold.parts.max(i32::try_from(keys.len().div_ceil(PER_ROW)).unwrap_or(i32::MAX)).max(1);
    // The plant that placed it has it on its label, beside what it was told. A row that is
    // withdrawn keeps its last body, so that says it first.
    if let Some(key) = hold.first_key.filter(|_| hold.placed.is_some()) {
        let mut lifted = row(hold_id, 0, &hold.reason, &Keys { all: vec![key], inside: Vec::new() }, &[]);
        lifted.body["lifted"] = true.into();
        reference::publish_all(tx, vec![lifted]).await?;
    }
    let gone = (0..parts)
        .map(|part| Row { deleted: true, ..row(hold_id, part, &hold.reason, &Keys::default(), &[]) });
    let published = reference::publish_all(tx, gone.collect()).await?;
    let told = acts::Version { generation: generation(tx).await?, version: published.version };
    store::release_told(tx, hold_id, told).await?;
    Ok(Done { hold_id, members: keys.len(), batch })
}

/// What those who see holds are told: of a reason on the tenant's list its words, in each
/// reader's language or else in English. Other systems are told its code.
async fn notice(tx: &mut Tx, hold_id: Uuid, reason: &str, labels: usize) -> Result<Notice, HoldError> {
    let words = crate::pages::words::reason_names(tx, reason).await?;
    Ok(Notice::new(To::Permission(HOLD_READ.code.to_owned()), format!("/holds/{hold_id}"))
        .called("reason", reason, &words)
        .counted("labels", labels))
}

pub(crate) use store::notes_insert;

/// The labels of lots, for recalls and scopes.
pub(crate) use store::lots::labels as of_lots;

/// The labels of a hold, for what tests its plan.
#[cfg(test)]
pub(crate) use store::members as members_of;

/// Writes the facts, as many as the members need; one even for a lot that has
/// no label yet. `step` tells apart what a hold is told in several transactions.
async fn tell(
    tx: &mut Tx,
    stage: Stage,
    hold_id: Uuid,
    step: &str,
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
            fact.input_id = match step {
                "" => format!("hold:{hold_id}:{part}"),
                step => format!("hold:{hold_id}:{step}:{part}"),
            };
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

/// The keys of one row that plants are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    /// All of them.
    pub all: Vec<i64>,
    /// Those of them that are held only while something held is in them: what else is in them
    /// may be taken out.
    pub inside: Vec<i64>,
}

impl Keys {
    fn of(members: &[Member]) -> Self {
        let inside = |member: &&Member| matches!(member.cause, Cause::Inside | Cause::Kept);
        Self {
            all: members.iter().map(|member| member.key).collect(),
            inside: members.iter().filter(inside).map(|member| member.key).collect(),
        }
    }
}

/// What plants are told. A large hold takes several rows, each a hold of its own to
/// the plant.
fn rows(hold_id: Uuid, reason: &str, members: &[Member], lots: &[Uuid]) -> Vec<Row> {
    let parts: Vec<&[Member]> =
        if members.is_empty() { vec![&[]] } else { members.chunks(PER_ROW).collect() };
    (0..)
        .zip(parts)
        .map(|(part, chunk)| row(hold_id, part, reason, &Keys::of(chunk), if part == 0 { lots } else { &[] }))
        .collect()
}

/// One row of a hold, in the shape of `edge-agent`'s `reference::Hold`.
fn row(hold_id: Uuid, part: i32, reason: &str, keys: &Keys, lots: &[Uuid]) -> Row {
    let id = if part == 0 { hold_id.to_string() } else { format!("{hold_id}/{part}") };
    Row {
        kind: "hold".into(),
        body: json!({ "hold": id, "reason": reason, "keys": keys.all, "inside": keys.inside, "lots": lots }),
        id,
        plant: None,
        deleted: false,
    }
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
