//! Saving what fits as a scope. What is found and written within a moment is kept at once;
//! of the rest a job finds the units, and writes them in steps.
//!
//! The job asks once, and keeps the answer beside the scope in the transaction that read
//! it. From that answer it writes, so many units in a transaction, with the note of how far
//! it came: after a crash it goes on there, and what is whole in the end is one answer.
//! While it is not, nothing takes it for a scope: not holds, not recalls, no list.

use std::time::Duration;

use chrono_tz::Tz;
use platform::audit::{self, Entry};
use platform::ctx::{Cx, Plants};
use platform::db::{Db, DbError, Tx};
use serde_json::json;
use uuid::Uuid;

use super::asked::{Asked, Patience};
use super::criteria::Node;
use super::error::ScopeError;
use super::evaluate::evaluate;
use super::model::ScopeView;
use super::service;
use super::spelt::spelt;
use super::store::kept::{self, New};
use super::store::saving::{self as store, Job};
use super::store::told;
use crate::explore::store::label;
use crate::genealogy::Genealogy;

/// Longest run of a statement that writes.
const WRITING: Duration = Duration::from_secs(30);
/// Units that one transaction of the job writes or removes.
pub const CHUNK: i32 = 50_000;

/// How much is saved while somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtOnce {
    /// How long it is looked for.
    pub patience: Patience,
    /// So many units are written.
    pub units: usize,
}

impl AtOnce {
    /// What a page waits for.
    pub const USUAL: Self = Self { patience: Patience::SAVING, units: 20_000 };
}

/// Keeps the units that fit now under a name; of many, has the job do it.
///
/// # Errors
/// [`ScopeError`]; nothing is kept then.
pub async fn keep(
    db: &Db,
    (cx, zone): (&Cx, Tz),
    genealogy: &Genealogy,
    (name, node): (&str, &Node),
    at_once: AtOnce,
) -> Result<ScopeView, ScopeError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(ScopeError::Name);
    }
    // Kept is what was understood: the codes as something is called.
    let understood = async |tx: &mut Tx| {
        let asked = Asked::new(tx, genealogy, zone).await?;
        Ok::<_, ScopeError>(spelt(tx, &asked, node).await?.0)
    };
    let node = &db.tx(cx, understood).await?;
    let tried = db
        .tx(cx, async |tx| {
            let through_batch = through(tx).await?;
            let asked = Asked::patient(tx, genealogy, zone, at_once.patience).await?;
            let keys = evaluate(tx, &asked, node).await?;
            told::limit_time(tx, &WRITING.as_millis().to_string()).await?;
            if keys.is_empty() {
                return Err(ScopeError::Empty);
            }
            let found = Some((keys.as_slice(), through_batch));
            if keys.len() > at_once.units {
                return hand_over(tx, (name, node), zone, found).await;
            }
            let id = Uuid::now_v7();
            insert(tx, id, (name, node), "kept", found).await?;
            kept::insert_members(tx, id, &keys).await?;
            audited(
                tx,
                "scope.keep",
                id,
                json!({ "name": name, "criteria": node.to_json(),
                "members": keys.len(), "through_batch": through_batch }),
            )
            .await?;
            service::get(tx, id).await
        })
        .await;
    match tried {
        // The transaction is over: what follows takes one of its own.
        Err(ScopeError::TooSlow) => db.tx(cx, async |tx| hand_over(tx, (name, node), zone, None).await).await,
        done => done,
    }
}

/// The batch to which an answer that is read from now on is current at least.
async fn through(tx: &mut Tx) -> Result<i64, ScopeError> {
    Ok(label::current_to(tx).await?.batch_id.parse().unwrap_or_default())
}

/// Has the job save it: from its beginning, or from what was found.
async fn hand_over(
    tx: &mut Tx,
    (name, node): (&str, &Node),
    zone: Tz,
    found: Option<(&[i64], i64)>,
) -> Result<ScopeView, ScopeError> {
    let id = Uuid::now_v7();
    insert(tx, id, (name, node), "saving", found).await?;
    let plants = tx.plants().codes();
    store::insert(tx, id, (plants.as_deref(), zone.name()), found.map(|(keys, _)| keys)).await?;
    audited(tx, "scope.save", id, json!({ "name": name, "criteria": node.to_json() })).await?;
    service::get(tx, id).await
}

async fn insert(
    tx: &mut Tx,
    scope_id: Uuid,
    (name, node): (&str, &Node),
    state: &str,
    found: Option<(&[i64], i64)>,
) -> Result<(), ScopeError> {
    let (keys, through_batch) = found.unwrap_or_default();
    let to_ask = i32::try_from(node.leaves()).unwrap_or(i32::MAX);
    let asked = if found.is_some() { to_ask } else { 0 };
    let members = i32::try_from(keys.len()).unwrap_or(i32::MAX);
    let criteria = &node.to_json();
    let new = New { scope_id, name, criteria, state, asked, to_ask, members, through_batch };
    Ok(kept::insert(tx, &new).await?)
}

async fn audited(
    tx: &mut Tx,
    action: &'static str,
    id: Uuid,
    after: serde_json::Value,
) -> Result<(), ScopeError> {
    let subject = format!("scope:{id}");
    noted(tx, Entry { action, subject: &subject, before: None, after: Some(after) }).await
}

/// Keeps in the audit what is done with a scope. What somebody asks who may ask of some plants
/// alone is of these. What is asked of all plants is of none: its units are wherever they are
/// on that day, and its name and criteria are nothing of a plant's.
pub(super) async fn noted(tx: &mut Tx, entry: Entry<'_>) -> Result<(), ScopeError> {
    let plants = tx.plants().codes().unwrap_or_default();
    Ok(audit::record_at(tx, &plants, entry).await?)
}

/// A scope that the caller may change.
async fn changeable(tx: &mut Tx, id: Uuid) -> Result<ScopeView, ScopeError> {
    let scope = service::get(tx, id).await?;
    if scope.may_change { Ok(scope) } else { Err(ScopeError::Others) }
}

/// Stops the saving of a scope. What is written by then stays, and is taken for nothing.
///
/// # Errors
/// [`ScopeError::State`] when it is not being saved, [`ScopeError::Others`].
pub async fn stop(tx: &mut Tx, id: Uuid) -> Result<(), ScopeError> {
    let scope = changeable(tx, id).await?;
    if !store::stop(tx, id).await? {
        return Err(ScopeError::State);
    }
    audited(tx, "scope.stop", id, json!({ "name": scope.name })).await
}

/// Goes on with the saving of a scope where it was stopped; what had not been found is
/// looked for anew.
///
/// # Errors
/// [`ScopeError::State`] when it was neither stopped nor failed, [`ScopeError::Others`].
pub async fn again(tx: &mut Tx, id: Uuid) -> Result<(), ScopeError> {
    let scope = changeable(tx, id).await?;
    if !store::again(tx, id).await? {
        return Err(ScopeError::State);
    }
    audited(tx, "scope.again", id, json!({ "name": scope.name })).await
}

/// Does the next step of the job for a tenant; answers whether there may be more. `chunk`
/// is how many units it writes.
///
/// # Errors
/// The database; the step is done again then.
pub async fn step(db: &Db, tenant: Uuid, genealogy: &Genealogy, chunk: i32) -> Result<bool, ScopeError> {
    let next = async |tx: &mut Tx| Ok::<_, DbError>(store::next(tx).await?);
    let Some(job) = db.tx(&Cx::system(tenant), next).await? else { return Ok(false) };
    // As whoever asked: they see what they may see, and it is theirs.
    let cx = Cx::new(tenant, &job.created_by).at(Plants::stored(job.plants.clone()));
    if job.gone {
        let id = job.scope_id;
        return db
            .tx(&cx, async |tx| {
                let claimed = store::claim(tx, id).await?;
                if claimed {
                    store::purge(tx, id, i64::from(chunk)).await?;
                }
                Ok(claimed)
            })
            .await;
    }
    if job.found { write(db, &cx, job.scope_id, chunk).await } else { search(db, &cx, &job, genealogy).await }
}

/// Looks for the units of a scope, and keeps the answer.
async fn search(db: &Db, cx: &Cx, job: &Job, genealogy: &Genealogy) -> Result<bool, ScopeError> {
    let id = job.scope_id;
    let found = db
        .tx(cx, async |tx| {
            if !store::claim(tx, id).await? {
                return Ok(false);
            }
            let node = Node::kept(&job.criteria).map_err(ScopeError::Criteria)?;
            let through_batch = through(tx).await?;
            let zone = platform::i18n::zone(&job.zone);
            let asked = Asked::patient(tx, genealogy, zone, Patience::JOB).await?;
            let asked = asked.watched(Box::new(move |asked| Box::pin(told_of(db, cx, id, asked))));
            let keys = evaluate(tx, &asked, &node).await?;
            if keys.is_empty() {
                return Err(ScopeError::Empty);
            }
            told::limit_time(tx, &WRITING.as_millis().to_string()).await?;
            store::found(tx, id, &keys, through_batch).await?;
            Ok(true)
        })
        .await;
    match found {
        Err(ScopeError::Stopped) => Ok(true),
        Err(error) => match error.failure() {
            Some((code, path)) => {
                db.tx(cx, async |tx| {
                    let failure = json!({ "code": code, "path": path });
                    if store::fail(tx, id, &failure).await? {
                        audited(tx, "scope.fail", id, failure).await?;
                    }
                    Ok(true)
                })
                .await
            }
            None => Err(error),
        },
        done => done,
    }
}

/// Tells people how far it is, beside the transaction that looks; ends it when it was
/// stopped.
async fn told_of(db: &Db, cx: &Cx, id: Uuid, asked: usize) -> Result<(), ScopeError> {
    let asked = i32::try_from(asked).unwrap_or(i32::MAX);
    let told = async |tx: &mut Tx| Ok::<_, ScopeError>(store::asked(tx, id, asked).await?);
    if db.tx(cx, told).await? { Ok(()) } else { Err(ScopeError::Stopped) }
}

/// Writes the next units of an answer; with the last of them the scope is whole.
async fn write(db: &Db, cx: &Cx, id: Uuid, chunk: i32) -> Result<bool, ScopeError> {
    db.tx(cx, async |tx| {
        if !store::claim(tx, id).await? {
            return Ok(false);
        }
        // Stopped since it was looked for.
        let Some((written, members)) = store::written(tx, id).await? else { return Ok(true) };
        let to = members.min(written.saturating_add(chunk));
        store::write(tx, id, written, to).await?;
        if to == members {
            store::finish(tx, id).await?;
            let scope = service::get(tx, id).await?;
            audited(
                tx,
                "scope.keep",
                id,
                json!({ "name": scope.name, "members": members,
                "through_batch": scope.through_batch }),
            )
            .await?;
        }
        Ok(true)
    })
    .await
}
