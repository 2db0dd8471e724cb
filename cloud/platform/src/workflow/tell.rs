//! What people are told of instances: who is asked, what became of it, and that
//! time runs out.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::MANAGE;
use super::asked::Asked;
use super::store::instances::Instance;
use super::store::rounds::Round;
use super::subject::Outcome;
use crate::db::{DbError, Tx};
use crate::notify::{self, Kind, Notice, To};

/// An approval is asked of the reader.
pub const ASKED: Kind = Kind::mailed("workflow.asked");
/// An approval that was asked of the reader is due soon.
pub const REMINDER: Kind = Kind::mailed("workflow.reminder");
/// Nobody decided in time, and the reader may in their place.
pub const ESCALATED: Kind = Kind::mailed("workflow.escalated");
/// A stage of the reader's document ran out of its time.
pub const OVERDUE: Kind = Kind::shown("workflow.overdue");
/// The reader's document was approved.
pub const APPROVED: Kind = Kind::mailed("workflow.approved");
/// What was approved of the reader's is done.
pub const COMPLETED: Kind = Kind::shown("workflow.completed");
/// The reader's document was rejected.
pub const REJECTED: Kind = Kind::mailed("workflow.rejected");
/// The reader's document came back.
pub const SENT_BACK: Kind = Kind::mailed("workflow.sent_back");
/// The reader's document was taken back by somebody else.
pub const CANCELLED: Kind = Kind::shown("workflow.cancelled");
/// Nobody can decide a stage.
pub const NOBODY: Kind = Kind::mailed("workflow.nobody").to_whom_may(MANAGE);
/// Something did not start by itself.
pub const NOT_STARTED: Kind = Kind::mailed("workflow.not_started").to_whom_may(MANAGE);
/// Somebody decides for somebody else, for a time: told to both.
pub const DELEGATED: Kind = Kind::own("workflow.delegated");
/// Somebody decides for somebody else no more, before the time: told to both.
pub const DELEGATION_ENDED: Kind = Kind::own("workflow.delegation_ended");

/// The kinds of notices of this part.
pub const KINDS: &[Kind] = &[
    ASKED,
    REMINDER,
    ESCALATED,
    OVERDUE,
    APPROVED,
    COMPLETED,
    REJECTED,
    SENT_BACK,
    CANCELLED,
    NOBODY,
    NOT_STARTED,
    DELEGATED,
    DELEGATION_ENDED,
];

/// Whom it is for by what they may do, is told where they may do it at the document's plant.
fn notice(to: To, instance: &Instance) -> Notice {
    let field = |name: &str| instance.document.get(name).cloned().unwrap_or_default();
    let document = json!({
        "kind": instance.subject_kind,
        "id": instance.subject_id,
        "title": instance.title,
        "amount": field("amount"),
        "currency": field("currency"),
        "plant": instance.plant,
    });
    Notice::new(to, format!("/approvals/{}", instance.instance_id))
        .at(instance.plant.iter().cloned().collect())
        .with("title", instance.title.clone())
        .about("workflow", json!(instance.workflow))
        .about("approval", json!(instance.instance_id))
        .about("document", document)
}

/// Tells those who manage workflows that nobody, or not enough people, can decide a
/// round.
pub(super) async fn nobody(
    tx: &mut Tx,
    instance: &Instance,
    round: &Round,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let to = To::Permission(MANAGE.code.to_owned());
    let notice = notice(to, instance).called("stage", &round.stage_name, &round.stage_names);
    notify::tell(tx, &NOBODY, &notice, now).await
}

/// Tells each of these people, and webhooks once who they are.
pub(super) async fn each(
    tx: &mut Tx,
    kind: &Kind,
    instance: &Instance,
    round: &Round,
    asked: &[Asked],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let all: Vec<Value> = asked.iter().map(|one| json!({ "id": one.user_id, "name": one.name })).collect();
    for (at, one) in asked.iter().enumerate() {
        let notice = notice(To::Person(one.user_id), instance)
            .called("stage", &round.stage_name, &round.stage_names)
            .inside(at > 0);
        let notice = if at == 0 {
            notice.about("stage", json!(round.stage_name)).about("asked", Value::Array(all.clone()))
        } else {
            notice
        };
        notify::tell(tx, kind, &notice, now).await?;
    }
    Ok(())
}

/// Tells the starter that a stage ran out of its time.
pub(super) async fn overdue(
    tx: &mut Tx,
    instance: &Instance,
    round: &Round,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let Some(starter) = instance.starter else { return Ok(()) };
    let notice = notice(To::Person(starter), instance).called("stage", &round.stage_name, &round.stage_names);
    notify::tell(tx, &OVERDUE, &notice, now).await
}

/// Tells the starter what became of the document.
pub(super) async fn outcome(
    tx: &mut Tx,
    instance: &Instance,
    outcome: Outcome,
    by: &str,
    comment: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let to = match instance.starter {
        Some(starter) => To::Person(starter),
        // What no person started comes back to whoever manages workflows.
        None if outcome == Outcome::SentBack => To::Permission(MANAGE.code.to_owned()),
        None => return Ok(()),
    };
    let kind = match outcome {
        Outcome::Approved => &APPROVED,
        Outcome::Rejected => &REJECTED,
        Outcome::SentBack => &SENT_BACK,
        Outcome::Cancelled => &CANCELLED,
    };
    let notice = notice(to, instance).with("by", by).with("comment", comment);
    notify::tell(tx, kind, &notice, now).await
}

/// Tells the starter that what was approved is done, unless the starter says so.
pub(super) async fn completed(
    tx: &mut Tx,
    instance: &Instance,
    person: Option<Uuid>,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let Some(starter) = instance.starter.filter(|starter| person != Some(*starter)) else {
        return Ok(());
    };
    notify::tell(tx, &COMPLETED, &notice(To::Person(starter), instance).with("by", by), now).await
}
