//! Commands on files: add, add a version, delete, restore; and what is asked.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::model::{self, hex};
use super::store::{self, Sent};
use super::{Files, FilesError, Listed, Right, Spooled, Subject, Whose};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::web::{Caller, Problem};

/// Most versions of one subject's files that a list has.
const MOST: i64 = 1000;

/// Where a file goes.
#[derive(Debug, Clone, Copy)]
pub enum Goes<'a> {
    /// A new file of this subject.
    To(&'a Subject, &'a str),
    /// A new version of this file; with the version of the row that was seen, if
    /// the sender says it.
    Over(Uuid, Option<i32>),
}

/// Keeps what was sent: first its bytes, then the rows. Answers the file.
///
/// # Errors
/// [`FilesError::Name`], [`FilesError::Quota`], [`FilesError::NotFound`],
/// [`FilesError::Stale`].
pub async fn upload(
    db: &Db,
    cx: &Cx,
    files: &Files,
    goes: Goes<'_>,
    name: &str,
    mut spooled: Spooled,
    now: DateTime<Utc>,
) -> Result<Listed, FilesError> {
    let depot = files.depot()?;
    let name = model::name(name, spooled.kind)?;
    let sha256 = spooled.sha256;
    let known = async |tx: &mut Tx| Ok::<_, FilesError>(store::content_hold(tx, &sha256).await?.is_some());
    let mut object = None;
    if !db.tx(cx, known).await? {
        object = Some(depot.put(cx.tenant, &mut spooled).await?);
    }
    let size = i64::try_from(spooled.size).unwrap_or(i64::MAX);
    let media_type = spooled.kind.media_type;
    let quota = files.limits().quota;
    let mut used = false;
    let done = db
        .tx(cx, async |tx| {
            let id = record(tx, files, goes, &name, media_type, &sha256, size, now, async |tx: &mut Tx| {
                used = match &object {
                    Some(object) => store::content_insert(tx, &sha256, size, object, now).await?,
                    // It may have been forgotten since it was looked up.
                    None => match store::content_hold(tx, &sha256).await? {
                        Some(_) => false,
                        None => return Err(FilesError::Stale),
                    },
                };
                if used {
                    let sum = store::usage_add(tx, size).await?;
                    if sum.unsigned_abs() > quota {
                        return Err(FilesError::Quota(quota));
                    }
                }
                Ok(())
            })
            .await?;
            store::one(tx, id).await?.ok_or(FilesError::NotFound)
        })
        .await;
    // What was written and is not named goes at once; after a crash, by the sweep.
    if let Some(object) = object.filter(|_| !used || done.is_err())
        && let Err(error) = depot.remove(&object).await
    {
        tracing::debug!(%error, object, "left for the sweep");
    }
    done
}

#[expect(clippy::too_many_arguments, reason = "what a version is")]
async fn record(
    tx: &mut Tx,
    files: &Files,
    goes: Goes<'_>,
    name: &str,
    media_type: &str,
    sha256: &[u8],
    size: i64,
    now: DateTime<Utc>,
    keep_content: impl AsyncFnOnce(&mut Tx) -> Result<(), FilesError>,
) -> Result<Uuid, FilesError> {
    let (id, number, action, kind, key) = match goes {
        Goes::To(subject, key) => {
            if !(subject.stands)(tx, subject.kind, key).await? {
                return Err(FilesError::NotFound);
            }
            let id = Uuid::now_v7();
            store::file_insert(tx, id, subject.kind, key).await?;
            (id, 1, "file.add", subject.kind.to_owned(), key.to_owned())
        }
        Goes::Over(id, seen) => {
            let head =
                store::head(tx, id, true).await?.filter(|head| !head.deleted).ok_or(FilesError::NotFound)?;
            if seen.is_some_and(|seen| seen != head.version) {
                return Err(FilesError::Stale);
            }
            let number = head.number + 1;
            store::number_set(tx, id, number).await?;
            (id, number, "file.replace", head.subject_kind, head.subject_key)
        }
    };
    keep_content(tx).await?;
    store::version_insert(tx, id, number, name, media_type, sha256, now).await?;
    // Names can be of people, and an audit row stays for ever: the hash says which.
    let after = json!({
        "on": format!("{kind}:{key}"), "number": number, "media_type": media_type,
        "size": size, "sha256": hex(sha256),
    });
    let plants = plants_of(tx, files, &kind, &key).await?;
    let subject = format!("file:{id}");
    let entry = Entry { action, subject: &subject, before: None, after: Some(after) };
    audit::record_at(tx, &plants, entry).await?;
    Ok(id)
}

/// Of which plants the audit says that a file is: those of the thing that it is attached to,
/// where that is at some, as a row of a master is. A thing that is everybody's is of none, and
/// so is a document that says for itself who sees it (a request, a recall): its plants are not
/// what decides that, and the row of the file tells nothing but what it is attached to.
async fn plants_of(tx: &mut Tx, files: &Files, kind: &str, key: &str) -> Result<Vec<String>, DbError> {
    match files.subject(kind).map(|subject| (subject.kind, subject.whose)) {
        Some((kind, Whose::At { plants, .. })) => plants(tx, kind, key).await,
        _ => Ok(Vec::new()),
    }
}

/// Deletes a file: it can be restored for a while.
///
/// # Errors
/// [`FilesError::NotFound`], [`FilesError::Stale`].
pub async fn delete(
    db: &Db,
    cx: &Cx,
    files: &Files,
    id: Uuid,
    seen: Option<i32>,
    now: DateTime<Utc>,
) -> Result<(), FilesError> {
    mark(db, cx, files, id, seen, Some(now)).await
}

/// Brings a deleted file back.
///
/// # Errors
/// [`FilesError::NotFound`].
pub async fn restore(db: &Db, cx: &Cx, files: &Files, id: Uuid) -> Result<(), FilesError> {
    mark(db, cx, files, id, None, None).await
}

async fn mark(
    db: &Db,
    cx: &Cx,
    files: &Files,
    id: Uuid,
    seen: Option<i32>,
    at: Option<DateTime<Utc>>,
) -> Result<(), FilesError> {
    db.tx(cx, async |tx| {
        let head = store::head(tx, id, true).await?;
        let head = head.filter(|head| head.deleted == at.is_none()).ok_or(FilesError::NotFound)?;
        if seen.is_some_and(|seen| seen != head.version) {
            return Err(FilesError::Stale);
        }
        store::deleted_set(tx, id, at).await?;
        let action = if at.is_some() { "file.delete" } else { "file.restore" };
        let on = json!({ "on": format!("{}:{}", head.subject_kind, head.subject_key) });
        let plants = plants_of(tx, files, &head.subject_kind, &head.subject_key).await?;
        let subject = format!("file:{id}");
        let entry = Entry { action, subject: &subject, before: None, after: Some(on) };
        audit::record_at(tx, &plants, entry).await?;
        Ok(())
    })
    .await
}

/// Removes every file of a subject for good, as when a person is erased; the audit's row is
/// the person's, and so of no plant. Answers the
/// objects whose bytes are to be removed once the transaction has committed
/// ([`Files::remove`]); until then, and after a crash, the sweep does it.
///
/// # Errors
/// Those of the database.
pub async fn purge_subject(tx: &mut Tx, kind: &str, key: &str) -> Result<Vec<String>, FilesError> {
    let (gone, contents) = store::purge_of(tx, kind, key).await?;
    if gone > 0 {
        let bytes: i64 = contents.iter().map(|(_, size)| size).sum();
        store::usage_add(tx, -bytes).await?;
        let after = Some(json!({ "files": gone, "bytes": bytes }));
        let subject = format!("{kind}:{key}");
        audit::record(tx, Entry { action: "file.purge", subject: &subject, before: None, after }).await?;
    }
    Ok(contents.into_iter().map(|(object, _)| object).collect())
}

/// Files of a subject, deleted ones too, oldest first.
///
/// # Errors
/// Those of the database.
pub async fn list(tx: &mut Tx, kind: &str, key: &str) -> Result<Vec<Listed>, FilesError> {
    Ok(store::of_subject(tx, kind, key, MOST).await?)
}

/// Bytes that the transaction's tenant uses; each content counts once.
///
/// # Errors
/// Those of the database.
pub async fn used(tx: &mut Tx) -> Result<u64, DbError> {
    Ok(store::usage(tx).await?.unsigned_abs())
}

/// Refuses a caller who has the right to no subject at all, before anything is
/// looked up.
pub(super) fn gate(files: &Files, caller: &Caller, right: Right) -> Result<(), Problem> {
    let may = |subject: &Subject| subject.whose.may(caller, right);
    if files.inner.subjects.iter().any(may) { Ok(()) } else { Err(Problem::forbidden()) }
}

/// The subject of this kind, if the caller has the right to it, or may have to some of
/// it: then [`reach`] must follow, as of all but [`Whose::Of`]. Of a kind that there is
/// not, a caller learns no more than of one that is not theirs.
pub(super) fn subject<'f>(
    files: &'f Files,
    caller: &Caller,
    kind: &str,
    right: Right,
) -> Result<&'f Subject, Problem> {
    let subject = files.subject(kind).ok_or_else(Problem::not_found)?;
    match (&subject.whose, right) {
        (Whose::Of { view, .. }, Right::View) => caller.require(view)?,
        (Whose::Of { edit, .. }, Right::Edit) => caller.require(edit)?,
        (Whose::At { view, .. }, Right::View) => caller.require_somewhere(view)?,
        (Whose::At { edit, .. }, Right::Edit) => caller.require_somewhere(edit)?,
        (each, _) if each.may(caller, right) => {}
        _ => return Err(Problem::forbidden()),
    }
    Ok(subject)
}

/// What a caller who has passed [`subject`] may do with the files of one thing; `None`:
/// it is not theirs to know of.
pub(super) async fn reach(
    tx: &mut Tx,
    subject: &Subject,
    caller: &Caller,
    key: &str,
) -> Result<Option<Right>, DbError> {
    match subject.whose {
        Whose::Of { edit, .. } => {
            let right = if caller.require(&edit).is_ok() { Right::Edit } else { Right::View };
            Ok(is_seen(tx, subject, key).await?.then_some(right))
        }
        Whose::At { edit, plants, .. } => {
            if !is_seen(tx, subject, key).await? {
                return Ok(None);
            }
            let may = caller.plants(&edit);
            let changes = may.is_all() || {
                let of = plants(tx, subject.kind, key).await?;
                !of.is_empty() && of.iter().all(|plant| may.has(plant))
            };
            Ok(Some(if changes { Right::Edit } else { Right::View }))
        }
        Whose::Each { reach, .. } => reach(tx, caller, key).await,
    }
}

/// Refuses a caller who may not do this with the files of one thing: as not found where
/// they may not know of it.
pub(super) async fn require(
    db: &Db,
    subject: &Subject,
    caller: &Caller,
    key: &str,
    right: Right,
) -> Result<(), Problem> {
    let found = db.tx(&subject.whose.cx(caller), async |tx| reach(tx, subject, caller, key).await).await?;
    enough(found, right)
}

/// Refuses a caller who may not put a file there. It is asked before a body is read, and once
/// more when all of it is there: that can take long, and what it is for be closed meanwhile.
/// That the caller has the right to what is of everybody [`subject`] has asked.
pub(super) async fn may_put(db: &Db, files: &Files, caller: &Caller, goes: Goes<'_>) -> Result<(), Problem> {
    match goes {
        Goes::To(subject, _) if matches!(subject.whose, Whose::Of { .. }) => Ok(()),
        Goes::To(subject, key) => require(db, subject, caller, key, Right::Edit).await,
        Goes::Over(id, _) => open(db, files, caller, id, Right::Edit).await.map(drop),
    }
}

/// Refuses what [`reach`] found, where that is not this right.
pub(super) fn enough(found: Option<Right>, right: Right) -> Result<(), Problem> {
    match found {
        Some(found) if found >= right => Ok(()),
        Some(_) => Err(Problem::forbidden()),
        None => Err(Problem::not_found()),
    }
}

/// Whether the subject is one of the transaction's plants, or of none: of another
/// plant's nothing is shown.
async fn is_seen(tx: &mut Tx, subject: &Subject, key: &str) -> Result<bool, DbError> {
    if tx.plants().is_all() { Ok(true) } else { (subject.stands)(tx, subject.kind, key).await }
}

/// A file whose subject the caller has the right to.
pub(super) async fn open(
    db: &Db,
    files: &Files,
    caller: &Caller,
    id: Uuid,
    right: Right,
) -> Result<Listed, Problem> {
    let found = db.tx(&caller.cx, async |tx| Ok::<_, FilesError>(store::one(tx, id).await?)).await;
    let found = found.map_err(|error| error.problem(&caller.texts))?.ok_or_else(Problem::not_found)?;
    let subject = subject(files, caller, &found.subject_kind, right)?;
    require(db, subject, caller, &found.subject_key, right).await?;
    Ok(found)
}

/// What is needed to send a version; the present one when none is named.
pub(super) async fn sending(
    db: &Db,
    cx: &Cx,
    file: &Listed,
    number: Option<i32>,
) -> Result<Sent, FilesError> {
    let present = file.present().map_or(0, |present| present.number);
    let number = number.unwrap_or(present);
    let found = db.tx(cx, async |tx| Ok::<_, FilesError>(store::sent(tx, file.id, number).await?)).await?;
    found.ok_or(FilesError::NotFound)
}
