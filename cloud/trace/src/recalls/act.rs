//! What is done with a recall as a whole: put into force, closed, cancelled.
//!
//! Coming into force is one transaction: the state, the first holds, the people and
//! the letters. It is held back by no crash halfway: all of it is there, or nothing.
//! Of a recall of more than [`AT_ONCE`] labels in our hands the further holds follow
//! in transactions of their own by the worker, each with the note of what it holds:
//! a hold writes into the office's stream, whose lock every plant's facts wait for.

use std::collections::{BTreeSet, HashSet};
use std::time::Instant;

use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::db::Tx;
use platform::notify::{self, Notice, To};
use platform::workflow::Subjects;
use serde_json::json;
use uuid::Uuid;

use super::begin::{LONGEST_TEXT, locked};
use super::error::RecallError;
use super::model::{Action, KindOf, MAX_MEMBERS, Reach, Recall, Status, Transition, transition};
use super::snapshot::{self, Reached};
use super::{RECALL_ACTIVATED, RECALL_CLOSED, RECALL_READ, approval, consignees, since, store};
use crate::genealogy::Genealogy;
use crate::holds;
use crate::holds::members::Cause;
use crate::ingest::notify::Batch as Told;
use crate::ingest::store::cursor;

/// Labels that one transaction holds.
pub const AT_ONCE: usize = 10_000;

/// What was done, and what to announce once the transaction has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// How it stands now.
    pub status: Status,
    /// A batch of the office's stream, where something was held.
    pub batch: Option<Told>,
    /// The approval that it waits for.
    pub approval: Option<Uuid>,
}

/// By what and by whom something is done.
#[derive(Clone, Copy)]
pub struct By<'a> {
    /// What went into what.
    pub genealogy: &'a Genealogy,
    /// Kinds of documents that workflows know.
    pub subjects: &'a Subjects,
    /// Who; `None`: a program.
    pub person: Option<Uuid>,
}

/// The way that the action takes, if the recall's state allows it.
///
/// # Errors
/// [`RecallError::State`].
pub fn way(recall: &Recall, action: Action) -> Result<&'static Transition, RecallError> {
    transition(recall.kind_of(), recall.state(), action)
        .ok_or_else(|| RecallError::State(recall.status.clone()))
}

/// Does it. `note` is what is said at the end of one. A recall that has to be approved
/// stays a draft, and [`Done::approval`] says what it waits for.
///
/// # Errors
/// [`RecallError`]; nothing is done then.
pub async fn act(
    tx: &mut Tx,
    by: &By<'_>,
    recall: Uuid,
    action: Action,
    note: &str,
    now: DateTime<Utc>,
) -> Result<Done, RecallError> {
    let found = locked(tx, recall, None).await?;
    let way = way(&found, action)?;
    let note = note.trim();
    if note.chars().count() > LONGEST_TEXT {
        return Err(RecallError::field("note", "recalls-wrong-note"));
    }
    let subject = format!("recall:{recall}");
    if action == Action::Activate
        && let Some(asked) = approval::ask(tx, by.subjects, &found, by.person, now).await?
    {
        return Ok(Done { status: way.from, batch: None, approval: Some(asked) });
    }
    if action == Action::Cancel && found.kind_of() == KindOf::Recall {
        approval::drop_it(tx, by.subjects, recall, by.person, note, now).await?;
    }
    let (before, after) =
        (Some(json!({ "status": way.from.name() })), Some(json!({ "status": way.to.name() })));
    let name = match action {
        Action::Activate => "recall.activate",
        Action::Close => "recall.close",
        Action::Cancel => "recall.cancel",
    };
    audit::record(tx, Entry { action: name, subject: &subject, before, after }).await?;
    let batch = match action {
        Action::Activate => activate(tx, by.genealogy, &found, now).await?,
        Action::Close | Action::Cancel => {
            store::recalls::end(tx, recall, way.to.name(), note, now).await?;
            // Of a drill nobody is told.
            if action == Action::Close && found.kind_of() == KindOf::Recall {
                let notice = notice(&found);
                notify::tell(tx, &RECALL_CLOSED, &notice, now).await?;
            }
            None
        }
    };
    Ok(Done { status: way.to, batch, approval: None })
}

pub(super) fn notice(recall: &Recall) -> Notice {
    Notice::new(To::Permission(RECALL_READ.code.to_owned()), format!("/recalls/{}", recall.recall_id))
        .with("number", &recall.number)
        .with("reason", &recall.reason)
        .counted("labels", recall.members)
}

async fn activate(
    tx: &mut Tx,
    genealogy: &Genealogy,
    recall: &Recall,
    now: DateTime<Utc>,
) -> Result<Option<Told>, RecallError> {
    anew(tx, genealogy, recall, now).await?;
    let to_hold = store::members::to_hold(tx, recall.recall_id).await?;
    store::recalls::activate(tx, recall.recall_id, i32::try_from(to_hold).unwrap_or(i32::MAX), now).await?;
    let recall = &store::recalls::find(tx, recall.recall_id).await?.ok_or(RecallError::NotFound)?;
    let plants = store::consignees::plants_told(tx, recall.recall_id, now).await?;
    notify::tell(tx, &RECALL_ACTIVATED, &notice(recall).at(plants), now).await?;
    consignees::write_letters(tx, recall, None, now).await?;
    approval::started(tx, recall, now).await?;
    // What plants tell from where the snapshot stands on is followed.
    store::recalls::cursor_back(tx, since::FOLLOWS, recall.through_batch).await?;
    // Last: it locks the office's stream.
    let lots = store::recalls::lots(tx, recall.recall_id).await?;
    hold_some(tx, genealogy, (recall.recall_id, &recall.number), &lots, now).await
}

/// Takes the snapshot once more: since it was taken for the draft units were sent away, and
/// others were made. None of those that it had is left out.
async fn anew(
    tx: &mut Tx,
    genealogy: &Genealogy,
    recall: &Recall,
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    let began = Instant::now();
    let before = store::members::keys(tx, recall.recall_id).await?;
    let reach: Reach = serde_json::from_value(recall.scope.clone()).map_err(|_| RecallError::Unknown)?;
    let (reached, mut all) = match snapshot::reach(tx, genealogy, &reach).await {
        Ok(reached) => (reached, true),
        // More than one recall may have by now, or a scope that is gone: where its own units
        // are is what counts, and holds grow by themselves.
        Err(RecallError::Db(error)) => return Err(RecallError::Db(error)),
        Err(error) => (Reached::default(), !matches!(error, RecallError::TooMany)),
    };
    let lots = match reached.lots.is_empty() {
        true => store::recalls::lots(tx, recall.recall_id).await?,
        false => reached.lots,
    };
    let keys: BTreeSet<i64> = before.iter().copied().chain(reached.keys).collect();
    all &= keys.len() <= MAX_MEMBERS;
    let keys = if keys.len() > MAX_MEMBERS { before } else { keys.into_iter().collect() };
    let (before, after) =
        (Some(json!({ "members": recall.members })), Some(json!({ "members": keys.len() })));
    snapshot::take(tx, recall.recall_id, &Reached { keys, lots }, began, now).await?;
    if !all {
        snapshot::note_incomplete(tx, recall.recall_id, now).await?;
    }
    let subject = format!("recall:{}", recall.recall_id);
    audit::record(tx, Entry { action: "recall.snapshot", subject: &subject, before, after }).await?;
    Ok(())
}

/// Holds the next labels of a recall, and these lots; nothing where there are none. What
/// came since the snapshot is held with them.
///
/// # Errors
/// [`RecallError`]; nothing more is held then.
pub async fn hold_some(
    tx: &mut Tx,
    genealogy: &Genealogy,
    (recall, number): (Uuid, &str),
    lots: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Option<Told>, RecallError> {
    let limit = count(AT_ONCE);
    let free = store::members::free(tx, recall, limit).await?;
    if free.is_empty() && lots.is_empty() {
        return Ok(None);
    }
    // First: what is committed after this batch is looked at by the follower.
    let looked_batch = cursor::last_batch(tx).await?;
    let keys: Vec<i64> = free.iter().map(|(key, _)| *key).collect();
    let found = store::recalls::find(tx, recall).await?.ok_or(RecallError::NotFound)?;
    let reach: Reach = serde_json::from_value(found.scope).map_err(|_| RecallError::Unknown)?;
    let mut labels = causes(tx, genealogy, &reach, &free).await?;
    let made = come_since(tx, genealogy, (recall, &reach), &keys, lots).await?;
    labels.extend(made.into_iter().map(|key| (key, Cause::Made)));
    let deliveries = !lots.is_empty() && reach.delivered().is_some();
    let named = json!({ "what": "recall", "recall": recall, "number": number });
    // The number is what a scanner shows: people find the recall by it.
    let found = holds::Sought { named, reason: number, labels: &labels, lots, deliveries, looked_batch };
    let done = holds::place_found(tx, found, now).await?;
    store::members::held(tx, recall, &keys, done.hold_id).await?;
    store::recalls::held_add(tx, recall, i32::try_from(keys.len()).unwrap_or(i32::MAX)).await?;
    Ok(Some(done.batch))
}

/// How each of these members, with whether it only packs recalled goods, came to a recall: a
/// package that nobody named is free once the last of them is taken out.
async fn causes(
    tx: &mut Tx,
    genealogy: &Genealogy,
    reach: &Reach,
    members: &[(i64, bool)],
) -> Result<Vec<(i64, Cause)>, RecallError> {
    let named = match snapshot::named(tx, reach).await {
        Ok(reached) => reached.keys,
        Err(RecallError::Db(error)) => return Err(RecallError::Db(error)),
        // A scope that is gone by now: all of it stays held.
        Err(_) => return Ok(members.iter().map(|(key, _)| (*key, Cause::Scope)).collect()),
    };
    let inside = genealogy.contents(tx, &named, count(MAX_MEMBERS) + 1).await?;
    let (named, inside): (HashSet<i64>, HashSet<i64>) =
        (named.into_iter().collect(), inside.into_iter().collect());
    let cause = |key: i64, packs: bool| match packs {
        _ if named.contains(&key) => Cause::Scope,
        _ if inside.contains(&key) => Cause::Content,
        true => Cause::Inside,
        false => Cause::Made,
    };
    Ok(members.iter().map(|&(key, packs)| (key, cause(key, packs))).collect())
}

/// What came since the snapshot of a recall was taken, for a draft may be days old: labels
/// of these lots, and, of a recall of all that its units went into, what these went into.
/// Without packages: those with some of it inside are held with it.
async fn come_since(
    tx: &mut Tx,
    genealogy: &Genealogy,
    (recall, reach): (Uuid, &Reach),
    keys: &[i64],
    lots: &[Uuid],
) -> Result<Vec<i64>, RecallError> {
    // All members, and as many more as one hold takes.
    let limit = count(MAX_MEMBERS + holds::MAX_MEMBERS) + 1;
    let mut come = holds::of_lots(tx, lots, limit).await?;
    if reach.descendants() {
        come.extend(keys);
        come = genealogy.made(tx, &come, limit).await?;
        // And what was made of packages with some of it inside.
        let packages = holds::members::packages_of(tx, &come).await?;
        let packages: HashSet<i64> = packages.into_iter().map(|member| member.key).collect();
        let of: Vec<i64> = packages.iter().copied().collect();
        let made = genealogy.made(tx, &of, limit).await?;
        come.extend(made.into_iter().filter(|key| !packages.contains(key)));
    }
    Ok(store::members::others(tx, recall, &come).await?)
}

pub(super) fn count(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
