//! What waits for a person, and whether a person may see an instance.

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use uuid::Uuid;

use super::asked::{self, Place, Reach};
use super::definition::Definition;
use super::detail;
use super::error::WorkflowError;
use super::model::{Action, Seat};
use super::rules;
use super::store::instances::Instance;
use super::store::rounds::{self, Waiting};
use super::store::{definitions, people};
use super::subject::Subjects;
use super::view;
use crate::db::{DbError, Tx};
use crate::i18n::Names;
use crate::web::{Problem, no_place, parse_place, place};

/// Something that waits for a person's decision.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WaitingApproval)]
pub struct Entry {
    /// The instance.
    pub instance_id: Uuid,
    /// Which workflow.
    pub workflow: String,
    /// Its name.
    pub workflow_name: String,
    /// Its name, by language.
    pub workflow_names: Names,
    /// The document.
    pub title: String,
    /// The first words of what is asked for.
    pub words: String,
    /// Where the document is shown.
    pub href: String,
    /// Code of its plant.
    pub plant: Option<String>,
    /// Its amount and currency, where it has them.
    pub amount: Option<String>,
    /// Its currency.
    pub currency: Option<String>,
    /// Who started it, by name.
    pub starter: Option<String>,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// The stage, counted from 1.
    pub stage: i16,
    /// Its name.
    pub stage_name: String,
    /// Its name, by language.
    pub stage_names: Names,
    /// The round, which a decision names.
    pub round: i32,
    /// When it is due.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether it came by escalation.
    pub escalated: bool,
    /// Whom the reader stands in for, by name.
    pub on_behalf_of: Option<String>,
    /// What the reader may do; nothing where the workflow cannot be read any more.
    pub actions: Vec<Action>,
    /// Whether it may be approved together with others.
    pub bulk: bool,
}

/// A page of what waits for a person, the most urgent first.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = ApprovalInbox)]
pub struct Page {
    /// This page.
    pub entries: Vec<Entry>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// The place that `after` of a query stands for, as [`Page::next`] said it.
///
/// # Errors
/// 400 `query.parameter`.
pub fn after(text: Option<&str>) -> Result<Option<(DateTime<Utc>, Uuid)>, Problem> {
    text.map(|text| parse_place(text).ok_or_else(no_place)).transpose()
}

/// A part of what waits; what is empty is not asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part<'a> {
    /// Of this workflow.
    pub workflow: &'a str,
    /// Of this plant.
    pub plant: &'a str,
    /// Behind this place.
    pub after: Option<(DateTime<Utc>, Uuid)>,
}

impl<'a> Part<'a> {
    /// As a query string says it.
    ///
    /// # Errors
    /// 400 `query.parameter` for what no workflow and no plant is called.
    pub fn of(
        workflow: &'a str,
        plant: &'a str,
        after: Option<(DateTime<Utc>, Uuid)>,
    ) -> Result<Self, Problem> {
        match [("workflow", workflow), ("plant", plant)].iter().find(|(_, text)| text.contains('\0')) {
            Some((name, _)) => Err(Problem::bad_request("query.parameter", format!("{name} holds a NUL"))),
            None => Ok(Self { workflow, plant, after }),
        }
    }
}

/// What waits for `person`, or a part of it.
///
/// # Errors
/// The database.
pub async fn page(
    tx: &mut Tx,
    subjects: &Subjects,
    person: Uuid,
    part: Part<'_>,
    limit: usize,
    now: DateTime<Utc>,
) -> Result<Page, WorkflowError> {
    let Some(reach) = asked::reach(tx, person, now).await? else { return Ok(Page::default()) };
    let (roles, named) = reach.seats();
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
    let mut rows =
        rounds::waiting(tx, (&roles, &named), (part.workflow, part.plant), part.after, wanted).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more);
    let next = next.map(|last| place(last.due_at.unwrap_or(rounds::NEVER), last.instance_id));
    let entries = entries(tx, subjects, &reach, &named, rows).await?;
    Ok(Page { entries, next })
}

async fn entries(
    tx: &mut Tx,
    subjects: &Subjects,
    reach: &Reach,
    named: &[Uuid],
    rows: Vec<Waiting>,
) -> Result<Vec<Entry>, WorkflowError> {
    let instances: Vec<Uuid> = rows.iter().map(|row| row.instance_id).collect();
    let numbers: Vec<i32> = rows.iter().map(|row| row.round).collect();
    let mut seats: BTreeMap<Uuid, Vec<Seat>> = BTreeMap::new();
    for taken in rounds::seats_of(tx, &instances, &numbers).await? {
        seats.entry(taken.instance_id).or_default().push(taken.seat);
    }
    let wanted: BTreeSet<Uuid> = rows.iter().map(|row| row.definition_id).collect();
    let mut known: BTreeMap<Uuid, Definition> = BTreeMap::new();
    for id in wanted {
        let Some(written) = definitions::find(tx, id, false).await? else { continue };
        match asked::definition(tx, subjects, &written).await {
            Ok(definition) => drop(known.insert(id, definition)),
            Err(WorkflowError::Db(error)) => return Err(error.into()),
            Err(_) => {}
        }
    }
    let mut wanted: Vec<Uuid> = rows.iter().filter_map(|row| row.starter).collect();
    wanted.extend(named);
    let names: BTreeMap<Uuid, String> = people::names(tx, &wanted).await?.into_iter().collect();
    let titles = view::titles(tx, rows.iter().map(|row| &row.workflow)).await?;
    let mut entries = Vec::new();
    for row in rows {
        // What cannot be read any more is shown, and says on its own page why it waits.
        let definition = known.get(&row.definition_id);
        let own_allowed = definition.is_some_and(|definition| definition.own_allowed);
        let Ok(decider) = reach.at(&Place::of(row.plant.as_deref(), &row.document)) else { continue };
        let of = seats.get(&row.instance_id).map(Vec::as_slice).unwrap_or_default();
        let Ok((at, on_behalf_of)) = rules::seat_for(of, &decider, row.starter, own_allowed) else {
            continue;
        };
        let stage = usize::try_from(row.stage - 1).ok();
        let stage = stage.and_then(|at| definition?.stages.get(at));
        let text = |name: &str| row.document.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let (workflow_name, workflow_names) = view::names_of(&titles, &row.workflow);
        entries.push(Entry {
            workflow_name,
            workflow_names,
            words: detail::first_words(&row.document),
            amount: text("amount"),
            currency: text("currency"),
            starter: row.starter.and_then(|starter| names.get(&starter).cloned()),
            on_behalf_of: on_behalf_of.and_then(|person| names.get(&person).cloned()),
            actions: stage.map(|stage| stage.actions.clone()).unwrap_or_default(),
            bulk: definition.is_some_and(|definition| definition.bulk_allowed),
            escalated: of.get(at).is_some_and(|seat| seat.deputy),
            instance_id: row.instance_id,
            workflow: row.workflow,
            title: row.title,
            href: row.href,
            plant: row.plant,
            started_at: row.started_at,
            stage: row.stage,
            stage_name: row.stage_name,
            stage_names: row.stage_names,
            round: row.round,
            due_at: row.due_at,
        });
    }
    Ok(entries)
}

/// What a person may do about an instance now: the actions, and for whom.
///
/// # Errors
/// The database.
pub async fn offer(
    tx: &mut Tx,
    definition: &Definition,
    instance: &Instance,
    seats: &[Seat],
    person: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<(Vec<Action>, Option<Uuid>)>, DbError> {
    let place = Place::of(instance.plant.as_deref(), &instance.document);
    let Some(Ok(decider)) = asked::reach(tx, person, now).await?.map(|reach| reach.at(&place)) else {
        return Ok(None);
    };
    let Ok((_, on_behalf_of)) = rules::seat_for(seats, &decider, instance.starter, definition.own_allowed)
    else {
        return Ok(None);
    };
    let stage = usize::try_from(instance.stage - 1).ok().and_then(|at| definition.stages.get(at));
    Ok(stage.map(|stage| (stage.actions.clone(), on_behalf_of)))
}
