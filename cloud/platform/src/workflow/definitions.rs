//! Writing definitions: drafts, publishing, cloning, and trying one on an example.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::asked::{self, Asked, Place};
use super::definition::{Deadlines, Definition, Mistake};
use super::error::WorkflowError;
use super::store::definitions::{self, Written};
use super::store::people;
use super::subject::Subjects;
use super::{read, triggers};
use crate::audit::{self, Entry};
use crate::db::{DbError, Problem, Tx};
use crate::i18n::{Lang, Names};

/// What reading a text came to.
pub type Read = Result<Definition, Vec<Mistake>>;

/// Reads a text as a definition of this tenant.
///
/// # Errors
/// The database; mistakes are in the answer.
pub async fn check(tx: &mut Tx, subjects: &Subjects, source: &str) -> Result<Read, DbError> {
    let known = asked::known(tx, subjects, &asked::emails_in(source)).await?;
    Ok(read::read(source, &known))
}

/// Why a draft was not kept or published.
#[derive(Debug)]
pub enum Unwritten {
    /// Mistakes in its text.
    Mistakes(Vec<Mistake>),
    /// Something else.
    Error(WorkflowError),
}

impl<E: Into<WorkflowError>> From<E> for Unwritten {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Begins a draft. A text with mistakes is no draft.
///
/// # Errors
/// [`Unwritten`]: its mistakes, or [`WorkflowError::DraftExists`].
pub async fn create(
    tx: &mut Tx,
    subjects: &Subjects,
    plant: Option<&str>,
    source: &str,
) -> Result<Uuid, Unwritten> {
    let definition = check(tx, subjects, source).await?.map_err(Unwritten::Mistakes)?;
    if let Some(plant) = plant
        && !people::plants(tx, Lang::En).await?.iter().any(|(code, ..)| code == plant)
    {
        return Err(WorkflowError::Field("plant", "workflow-wrong-plant").into());
    }
    let id = Uuid::now_v7();
    let called = (definition.name.as_str(), &definition.names);
    definitions::insert(tx, id, &definition.workflow, plant, called, source).await.map_err(|error| {
        let error = DbError::from(error);
        if error.problem() == Problem::Exists { WorkflowError::DraftExists } else { error.into() }
    })?;
    let source = without_addresses(tx, source).await?;
    let after = json!({ "workflow": definition.workflow, "plant": plant, "source": source });
    note(tx, "workflow.draft", id, None, after).await?;
    Ok(id)
}

/// Changes a draft; `version` is the one that was seen, `None` whichever stands.
///
/// # Errors
/// [`Unwritten`]; another `workflow_id` than the draft's is a mistake.
pub async fn change(
    tx: &mut Tx,
    subjects: &Subjects,
    id: Uuid,
    version: Option<i32>,
    source: &str,
) -> Result<(), Unwritten> {
    let written = definitions::find(tx, id, true).await?.ok_or(WorkflowError::NotFound)?;
    let definition = check(tx, subjects, source).await?.map_err(Unwritten::Mistakes)?;
    if definition.workflow != written.revision.workflow {
        let values = vec![("value", definition.workflow), ("expected", written.revision.workflow)];
        let line = 1;
        return Err(Unwritten::Mistakes(vec![Mistake {
            path: "workflow_id".into(),
            pointer: "/workflow_id".into(),
            line,
            key: "other-id",
            values,
        }]));
    }
    if written.revision.state != "draft" {
        return Err(WorkflowError::NotDraft.into());
    }
    let version = version.unwrap_or(written.revision.version);
    if !definitions::update(tx, id, version, (&definition.name, &definition.names), source).await? {
        return Err(WorkflowError::Stale.into());
    }
    let before = json!({ "source": without_addresses(tx, &written.source).await? });
    let after = json!({ "source": without_addresses(tx, source).await? });
    note(tx, "workflow.draft", id, Some(before), after).await?;
    Ok(())
}

/// Throws a draft away.
///
/// # Errors
/// [`WorkflowError::NotDraft`], [`WorkflowError::Stale`].
pub async fn discard(tx: &mut Tx, id: Uuid, version: Option<i32>) -> Result<(), WorkflowError> {
    let written = definitions::find(tx, id, true).await?.ok_or(WorkflowError::NotFound)?;
    if written.revision.state != "draft" {
        return Err(WorkflowError::NotDraft);
    }
    if !definitions::delete(tx, id, version.unwrap_or(written.revision.version)).await? {
        return Err(WorkflowError::Stale);
    }
    let source = without_addresses(tx, &written.source).await?;
    let before = json!({ "workflow": written.revision.workflow, "source": source });
    note(tx, "workflow.discard", id, Some(before), Json::Null).await?;
    Ok(())
}

/// Puts a draft into force in place of the revision before. What runs goes on by
/// the revision that it began with. Unless one is `sure`, a draft by which documents would
/// get stuck is not published: those of its stages are the answer then.
///
/// # Errors
/// [`Unwritten`].
pub async fn publish(
    tx: &mut Tx,
    subjects: &Subjects,
    id: Uuid,
    version: Option<i32>,
    sure: bool,
    now: DateTime<Utc>,
) -> Result<Vec<Short>, Unwritten> {
    let written = definitions::find(tx, id, true).await?.ok_or(WorkflowError::NotFound)?;
    let definition = check(tx, subjects, &written.source).await?.map_err(Unwritten::Mistakes)?;
    if written.revision.state != "draft" {
        return Err(WorkflowError::NotDraft.into());
    }
    let version = version.unwrap_or(written.revision.version);
    if version != written.revision.version {
        return Err(WorkflowError::Stale.into());
    }
    let plant = written.revision.plant.as_deref();
    if !sure {
        let short = short(tx, &definition, plant, now).await?;
        if !short.is_empty() {
            return Ok(short);
        }
    }
    definitions::retire(tx, &written.revision.workflow, plant).await?;
    if !definitions::publish(tx, id, version, &definition.people(), now).await? {
        return Err(WorkflowError::Stale.into());
    }
    triggers::arm(tx, &definition, plant, now).await?;
    let after = json!({
        "workflow": written.revision.workflow, "plant": plant, "revision": written.revision.revision,
    });
    note(tx, "workflow.publish", id, None, after).await?;
    Ok(Vec::new())
}

/// Takes a published workflow out of force; what runs goes on.
///
/// # Errors
/// [`WorkflowError::NotFound`], [`WorkflowError::NotDraft`] when it is not in force,
/// [`WorkflowError::Stale`] when somebody else changed it since `version`.
pub async fn retire(tx: &mut Tx, id: Uuid, version: Option<i32>) -> Result<(), WorkflowError> {
    let written = definitions::find(tx, id, true).await?.ok_or(WorkflowError::NotFound)?;
    let plant = written.revision.plant.as_deref();
    if written.revision.state != "published" {
        return Err(WorkflowError::NotDraft);
    }
    if version.is_some_and(|version| version != written.revision.version) {
        return Err(WorkflowError::Stale);
    }
    definitions::retire(tx, &written.revision.workflow, plant).await?;
    triggers::disarm(tx, &written.revision.workflow, plant).await?;
    let after = json!({ "workflow": written.revision.workflow, "plant": plant, "state": "retired" });
    note(tx, "workflow.retire", id, Some(json!({ "state": "published" })), after).await?;
    Ok(())
}

/// Begins a draft from another revision: for the same workflow as its next one, for
/// another plant, or under another name (`workflow`).
///
/// # Errors
/// [`Unwritten`].
pub async fn clone(
    tx: &mut Tx,
    subjects: &Subjects,
    id: Uuid,
    workflow: Option<&str>,
    plant: Option<&str>,
) -> Result<Uuid, Unwritten> {
    let source = copied(tx, id, workflow).await?;
    create(tx, subjects, plant, &source).await
}

/// The text with which a copy of a revision begins, under another name (`workflow`) or the
/// same.
///
/// # Errors
/// [`WorkflowError::NotFound`].
pub async fn copied(tx: &mut Tx, id: Uuid, workflow: Option<&str>) -> Result<String, WorkflowError> {
    let written = definitions::find(tx, id, false).await?.ok_or(WorkflowError::NotFound)?;
    Ok(match workflow.filter(|workflow| *workflow != written.revision.workflow) {
        Some(workflow) => renamed(&written, workflow),
        None => written.source,
    })
}

/// The text with another `workflow_id`; all else stays as it was written.
fn renamed(written: &Written, workflow: &str) -> String {
    let mark = "\"workflow_id\"";
    let Some(at) = written.source.find(mark) else { return written.source.clone() };
    let (head, tail) = written.source.split_at(at + mark.len());
    let old = Json::from(written.revision.workflow.as_str()).to_string();
    format!("{head}{}", tail.replacen(&old, &Json::from(workflow).to_string(), 1))
}

/// A text for the audit, which holds nothing personal: people by their ids.
async fn without_addresses(tx: &mut Tx, source: &str) -> Result<String, DbError> {
    let known: BTreeMap<String, Uuid> =
        people::by_email(tx, &asked::emails_in(source)).await?.into_iter().collect();
    let named = |email: &str| {
        let person = known.get(email).map_or_else(|| "somebody".to_owned(), Uuid::to_string);
        Some(format!("user:{person}"))
    };
    Ok(asked::renamed(source, named))
}

/// Takes the address of somebody who is erased out of everything written, published or
/// not: `new` stands in its place. What runs goes on, since it knows people by their ids.
///
/// # Errors
/// The database.
pub async fn forget(tx: &mut Tx, email: &str, new: &str) -> Result<(), DbError> {
    for (id, source, mut people) in definitions::naming(tx, email).await? {
        let source = asked::renamed(&source, |found| (found == email).then(|| new.to_owned()));
        if let Some(people) = people.as_object_mut()
            && let Some(person) = people.remove(email)
        {
            people.insert(new.to_owned(), person);
        }
        definitions::renamed(tx, id, &source, &people).await?;
    }
    Ok(())
}

async fn note(tx: &mut Tx, action: &str, id: Uuid, before: Option<Json>, after: Json) -> Result<(), DbError> {
    let after = (!after.is_null()).then_some(after);
    audit::record(tx, Entry { action, subject: &format!("definition:{id}"), before, after }).await
}

/// A condition of a stage, judged for an example.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriedCondition {
    /// As it was written.
    pub condition: String,
    /// Whether it holds; null where the example lacks a value, and the stage is asked.
    pub holds: Option<bool>,
}

/// What a stage would do with an example.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TriedStage)]
pub struct Tried {
    /// Counted from 1.
    pub stage: usize,
    /// Its name.
    pub name: String,
    /// Its name, by language.
    pub names: Names,
    /// Whether it would be asked.
    pub applies: bool,
    /// Its conditions, each judged.
    pub conditions: Vec<TriedCondition>,
    /// How many approvals it would take.
    pub needed: u16,
    /// Roles and people that are asked.
    pub seats: usize,
    /// Who would be asked, were it opened now.
    pub asked: Vec<Asked>,
    /// When those asked would be reminded, if every stage before took all of its time.
    pub remind_at: Option<DateTime<Utc>>,
    /// When it would be due.
    pub due_at: Option<DateTime<Utc>>,
    /// When it would be escalated.
    pub escalate_at: Option<DateTime<Utc>>,
    /// To whom.
    pub escalate_to: Option<String>,
}

/// A stage that fewer people can decide than it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// Its name.
    pub name: String,
    /// Its name, by language.
    pub names: Names,
    /// How many approvals it takes.
    pub needed: usize,
    /// How many people can give one.
    pub there: usize,
}

/// Stages where documents would get stuck as people and roles are now: at the definition's
/// plant, or at each one where it is for all. Amounts are not looked at, which no
/// definition knows.
///
/// # Errors
/// The database.
async fn short(
    tx: &mut Tx,
    definition: &Definition,
    plant: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Vec<Short>, DbError> {
    let places: Vec<Option<String>> = match plant {
        Some(plant) => vec![Some(plant.to_owned())],
        None => {
            let plants = people::plants(tx, Lang::En).await?.into_iter().map(|(code, ..)| Some(code));
            std::iter::once(None).chain(plants).collect()
        }
    };
    let mut short = Vec::new();
    for stage in &definition.stages {
        let mut best: Option<(usize, usize)> = None;
        for plant in &places {
            let place = Place { plant: plant.clone(), amount: None };
            let (seats, needed) = asked::seats(tx, definition, stage, None, &place).await?;
            let there = asked::asked(tx, &seats, None, definition.own_allowed, &place, now).await?.len();
            let needed = usize::from(needed).max(1);
            best = match best {
                Some((stands, of)) if stands * needed >= there * of => Some((stands, of)),
                _ => Some((there, needed)),
            };
            // No more are counted than are told.
            if there >= needed || there >= usize::try_from(asked::MAX_ASKED).unwrap_or(usize::MAX) {
                best = None;
                break;
            }
        }
        if let Some((there, needed)) = best {
            short.push(Short { name: stage.name.clone(), names: stage.names.clone(), needed, there });
        }
    }
    Ok(short)
}

/// What would become of a document like `example`, started now by `starter`. Nothing
/// is written. Deadlines follow each other as if each stage took all of its time.
///
/// # Errors
/// The database.
pub async fn simulate(
    tx: &mut Tx,
    definition: &Definition,
    example: &Json,
    starter: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<Tried>, DbError> {
    let mut tried = Vec::new();
    let mut opens = now;
    let place = Place::of(example.get("plant").and_then(Json::as_str), example);
    for (at, stage) in definition.stages.iter().enumerate() {
        let applies = Definition::applies(stage, example);
        let conditions = stage
            .conditions
            .iter()
            .map(|condition| TriedCondition {
                condition: condition.source.clone(),
                holds: condition.holds(example).ok(),
            })
            .collect();
        let (seats, needed) = asked::seats(tx, definition, stage, starter, &place).await?;
        let asked = asked::asked(tx, &seats, starter, definition.own_allowed, &place, now).await?;
        let Deadlines { remind, due, escalate } =
            if applies { stage.deadlines(opens) } else { Deadlines::default() };
        if applies {
            opens = due.unwrap_or(opens);
        }
        tried.push(Tried {
            stage: at + 1,
            name: stage.name.clone(),
            names: stage.names.clone(),
            applies,
            conditions,
            needed,
            seats: seats.len(),
            asked,
            remind_at: remind,
            due_at: due,
            escalate_at: escalate,
            escalate_to: stage.escalation.as_ref().map(|escalation| escalation.to.clone()),
        });
    }
    Ok(tried)
}
