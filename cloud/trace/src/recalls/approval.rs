//! The approval of a recall. Where a tenant has published the workflow `recall`, a recall
//! comes into force only after it was approved; without one it comes into force at once.
//!
//! How it stands is asked of the workflow, and kept nowhere else. What is asked for approval
//! stays as it is until that is over.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use platform::audit::{self, Entry};
use platform::db::{DbError, Tx};
use platform::workflow::{
    self, After, Detail, Event, EventDocument, Fact, Field, News, Outcome, Standing, Starting, State,
    Subject, Subjects, Type, WorkflowError,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::RecallError;
use super::model::Recall;
use super::store;

/// The kind of document that recalls are, and the workflow that they go through.
pub const KIND: &str = "recall";
/// A draft was begun. It names the recall as its document, so that a workflow can ask for its
/// approval by itself.
const BEGUN: &str = "recall.begun";
/// A recall came into force.
const STARTED: &str = "recall.started";

/// Recalls as documents of workflows.
pub struct Recalls;

impl Subject for Recalls {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        &[
            ("number", Type::Text),
            ("company", Type::Text),
            ("severity", Type::Text),
            ("labels", Type::Number),
            ("to_hold", Type::Number),
            ("in_hand", Type::Number),
            ("consignees", Type::Number),
        ]
    }

    /// How grave it is, and how much of it there is.
    fn detail(&self, document: &Value) -> Detail {
        let text = |name: &str| match document.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let severity = text("severity");
        let key = format!("recalls-severity-{severity}");
        Detail::default()
            .fact(Fact::new("severity", severity).called("recalls-severity").said(key))
            .fact(Fact::new("labels", text("labels")).called("recalls-labels"))
            .fact(Fact::new("to_hold", text("to_hold")).called("recalls-to-hold"))
            .fact(Fact::new("in_hand", text("in_hand")).called("recalls-in-hand"))
            .fact(Fact::new("consignees", text("consignees")).called("recalls-tab-consignees"))
    }

    /// What is approved is put into force by the worker, or by whoever asked, as the recall
    /// says: that takes long, and the decision waits for nothing.
    fn heard<'a>(&'a self, tx: &'a mut Tx, news: &'a News) -> BoxFuture<'a, Result<After, DbError>> {
        Box::pin(async move {
            let at = (news.outcome == Outcome::Approved).then_some(news.now);
            store::recalls::approved(tx, news.subject, at).await?;
            Ok(After::Waits)
        })
    }
}

/// What conditions and events know of a recall.
async fn fields(tx: &mut Tx, recall: &Recall) -> Result<Value, RecallError> {
    let consignees = store::consignees::list(tx, recall.recall_id).await?;
    Ok(json!({
        "number": recall.number,
        "company": recall.company,
        "severity": recall.severity,
        "labels": recall.members,
        "to_hold": store::members::to_hold(tx, recall.recall_id).await?,
        "in_hand": store::members::in_hand(tx, recall.recall_id).await?,
        "consignees": consignees.iter().filter(|one| one.kind != "plant").count(),
        "subject": recall.reason,
        "text": recall.instructions,
    }))
}

fn title(recall: &Recall) -> String {
    format!("{} {}", recall.number, recall.reason)
}

fn href(recall: &Recall) -> String {
    format!("/recalls/{}", recall.recall_id)
}

/// How the approval of a recall stands; `None` where it was never asked for.
///
/// # Errors
/// The database.
pub async fn standing(tx: &mut Tx, recall: Uuid) -> Result<Option<Standing>, DbError> {
    workflow::standing(tx, KIND, recall).await
}

/// Asks for the approval of a recall that is locked, where there is a workflow for that;
/// answers the instance that it waits for, and `None` where it may come into force now.
/// What came back is sent once more; what was refused is asked for anew.
///
/// # Errors
/// [`RecallError::Approval`] while it is under way; those of the workflow.
pub async fn ask(
    tx: &mut Tx,
    subjects: &Subjects,
    recall: &Recall,
    person: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, RecallError> {
    let last = standing(tx, recall.recall_id).await?;
    let asked = match last.as_ref().map(|last| last.state) {
        Some(State::PendingApproval) => return Err(RecallError::Approval),
        Some(State::Approved) => last,
        before => {
            let (title, href) = (title(recall), href(recall));
            let starting = Starting {
                workflow: KIND,
                kind: KIND,
                subject: recall.recall_id,
                title: &title,
                href: &href,
                plant: None,
                document: fields(tx, recall).await?,
                starter: person,
            };
            let asked = match (before, last) {
                (Some(State::Initiated), Some(last)) => {
                    again(tx, subjects, &starting, last.instance_id, now).await
                }
                _ => workflow::start(tx, subjects, &starting, now).await,
            };
            match asked {
                Err(WorkflowError::NoDefinition(_)) => return Ok(None),
                asked => Some(asked?),
            }
        }
    };
    let Some(asked) = asked.filter(|asked| asked.state != State::Approved) else {
        workflow::complete(tx, KIND, recall.recall_id, person, now).await?;
        return Ok(None);
    };
    store::recalls::asked_by(tx, recall.recall_id, person).await?;
    let subject = format!("recall:{}", recall.recall_id);
    let after = Some(json!({ "approval": asked.instance_id }));
    audit::record(tx, Entry { action: "recall.ask", subject: &subject, before: None, after }).await?;
    Ok(Some(asked.instance_id))
}

/// Sends what came back once more; in the name of somebody else as a new one.
async fn again(
    tx: &mut Tx,
    subjects: &Subjects,
    starting: &Starting<'_>,
    instance: Uuid,
    now: DateTime<Utc>,
) -> Result<Standing, WorkflowError> {
    match workflow::resubmit(tx, subjects, starting, now).await {
        Err(WorkflowError::NotYours) => {
            workflow::cancel(tx, subjects, instance, starting.starter, true, "", now).await?;
            workflow::start(tx, subjects, starting, now).await
        }
        sent => sent,
    }
}

/// Takes back what was asked for a recall that is dropped.
///
/// # Errors
/// Those of the workflow.
pub async fn drop_it(
    tx: &mut Tx,
    subjects: &Subjects,
    recall: Uuid,
    person: Option<Uuid>,
    note: &str,
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    if let Some(asked) = standing(tx, recall).await?
        && matches!(asked.state, State::Initiated | State::PendingApproval)
    {
        workflow::cancel(tx, subjects, asked.instance_id, person, true, note, now).await?;
    }
    Ok(())
}

/// Refuses to change a draft whose approval is asked for or given: what comes into force is
/// what was looked at.
///
/// # Errors
/// [`RecallError::Approval`]; the database.
pub async fn changeable(tx: &mut Tx, recall: Uuid) -> Result<(), RecallError> {
    match standing(tx, recall).await? {
        Some(asked) if is_fixed(&asked) => Err(RecallError::Approval),
        _ => Ok(()),
    }
}

/// Whether somebody is asked now.
#[must_use]
pub fn waits(asked: &Standing) -> bool {
    asked.state == State::PendingApproval
}

/// Whether a draft that stands so may not be changed.
#[must_use]
pub fn is_fixed(asked: &Standing) -> bool {
    matches!(asked.state, State::PendingApproval | State::Approved)
}

/// Tells workflows that a draft was begun.
///
/// # Errors
/// The database.
pub async fn begun(
    tx: &mut Tx,
    recall: Uuid,
    starter: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    let recall = store::recalls::find(tx, recall).await?.ok_or(RecallError::NotFound)?;
    let fields = fields(tx, &recall).await?;
    let document = EventDocument {
        kind: KIND.to_owned(),
        id: recall.recall_id,
        title: title(&recall),
        href: href(&recall),
        plant: None,
        fields: fields.clone(),
        starter,
    };
    let event = Event { name: BEGUN.to_owned(), fields, document: Some(document) };
    Ok(workflow::happened(tx, &event, now).await?)
}

/// Tells workflows that a recall came into force.
///
/// # Errors
/// The database.
pub async fn started(tx: &mut Tx, recall: &Recall, now: DateTime<Utc>) -> Result<(), RecallError> {
    let event = Event { name: STARTED.to_owned(), fields: fields(tx, recall).await?, document: None };
    Ok(workflow::happened(tx, &event, now).await?)
}
