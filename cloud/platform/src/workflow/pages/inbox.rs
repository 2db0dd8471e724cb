//! What waits for the reader, the most urgent first.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use super::super::error::WorkflowError;
use super::super::inbox::{self, Entry, Part};
use super::super::model;
use super::super::run::{self, Decision};
use super::super::store::definitions::{self, Called};
use super::super::view;
use super::{say, tabs};
use crate::i18n::Texts;
use crate::tenancy;
use crate::web::list::{Cell, Column, Filter, List, Row, address};
use crate::web::{AppState, Caller, Problem, Shell, form, query};

/// Where it is.
const PATH: &str = "/approvals";

/// Entries of one page.
const PAGE: usize = 50;
/// Most workflows that the list can be narrowed to.
const MOST_WORKFLOWS: i64 = 200;

/// What stands above the list: what became of those that were approved together, and the
/// button that approves those that are ticked.
#[derive(Template)]
#[template(path = "workflow/bulk.html")]
struct Bulk<'a> {
    texts: &'a Texts,
    asked: &'a Asked,
    /// Whether anything can be ticked.
    bulk: bool,
    told: Option<String>,
    /// Those that were not approved.
    wrong: &'a [NotDone],
}

/// What decides one, under its row.
#[derive(Template)]
#[template(path = "workflow/decide.html")]
struct Decide<'a> {
    texts: &'a Texts,
    entry: &'a Entry,
}

/// A document that was not approved with others, and why.
#[derive(Debug)]
struct NotDone {
    instance: Uuid,
    /// As the reader's page had it.
    title: String,
    reason: String,
}

/// An amount with its currency.
pub(super) fn amount(texts: &Texts, amount: Option<&str>, currency: Option<&str>) -> Option<String> {
    let amount: Decimal = amount?.parse().ok()?;
    Some(texts.money_in(&amount, currency.unwrap_or_default()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    workflow: String,
    plant: String,
    /// After which entry the page begins; empty: with the first.
    after: String,
}

impl Asked {
    fn part(&self) -> Result<Part<'_>, Problem> {
        let after = inbox::after(Some(self.after.as_str()).filter(|after| !after.is_empty()))?;
        Part::of(&self.workflow, &self.plant, after)
    }

    fn address(&self, after: &str) -> String {
        address(PATH, &[("workflow", &self.workflow), ("plant", &self.plant), ("after", after)])
    }
}

/// What became of several that were approved together.
#[derive(Debug, Default)]
struct Outcome {
    /// How many were approved.
    done: Option<usize>,
    /// The others of them.
    wrong: Vec<NotDone>,
}

/// `GET /approvals`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.person()?;
    show(&state, &caller, &headers, &query::<Asked>(&uri)?, Outcome::default()).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    asked: &Asked,
    outcome: Outcome,
) -> Result<Response, Problem> {
    let (person, now) = (caller.person()?, Utc::now());
    let part = asked.part()?;
    let (page, workflows, plants) = state
        .db
        .tx(&caller.cx, async |tx| {
            let page = inbox::page(tx, &state.subjects, person, part, PAGE, now).await?;
            let workflows = definitions::all_called(tx, MOST_WORKFLOWS).await?;
            Ok::<_, WorkflowError>((page, workflows, tenancy::plant_codes(tx).await?))
        })
        .await?;
    let texts = &caller.texts;
    let above = Bulk {
        texts,
        asked,
        bulk: page.entries.iter().any(|entry| entry.bulk),
        told: outcome.done.map(|done| texts.count("workflow-bulk-done", done)),
        wrong: &outcome.wrong,
    };
    let mut rows = Vec::new();
    for entry in &page.entries {
        rows.push(row(caller, entry, now)?);
    }
    let named = |one: Called| {
        let said = one.names.say(texts.lang, &one.name).to_owned();
        (one.workflow, said)
    };
    let mut filters = Vec::new();
    if workflows.len() > 1 || !asked.workflow.is_empty() {
        let choices = workflows.into_iter().map(named);
        filters.push(Filter::choice("workflow", texts.t("workflow-workflow"), &asked.workflow, choices));
    }
    if plants.len() > 1 || !asked.plant.is_empty() {
        let choices = plants.into_iter().map(|code| (code.clone(), code));
        filters.push(Filter::choice("plant", texts.t("request-plant"), &asked.plant, choices));
    }
    let view = List::new(texts, PATH)
        .head(texts.t("workflow-inbox-title"), texts.t("workflow-inbox-lead"))
        .actions(tabs(caller, PATH))
        .above(above.render()?)
        .filters(filters)
        .columns([
            Column::new("workflow-title"),
            Column::new("workflow-due"),
            Column::new("workflow-stage"),
            Column::new("request-amount").number(),
            Column::new("request-plant"),
            Column::new("workflow-started"),
        ])
        .rows(rows)
        .empty(texts.t("workflow-inbox-none"))
        .teaches(texts.t("workflow-inbox-none-hint"))
        .first((!asked.after.is_empty()).then(|| asked.address("")))
        .next(page.next.map(|next| asked.address(&next)));
    Shell::new(state, caller, caller.t("workflow-inbox-title"), PATH).page(headers, &view)
}

/// One that waits, with what decides it under it.
fn row(caller: &Caller, entry: &Entry, now: DateTime<Utc>) -> Result<Row, Problem> {
    let texts = &caller.texts;
    let (due, look) = view::due(texts, entry.due_at, now).unwrap_or_default();
    let due = if due.is_empty() { Cell::text("") } else { Cell::state(due, look) };
    let escalated = if entry.escalated { texts.t("workflow-escalated") } else { String::new() };
    let began = texts.time(&entry.started_at, caller.zone);
    let instead = entry.on_behalf_of.as_ref().map(|person| format!("{} {person}", texts.t("workflow-for")));
    let began: Vec<String> = [Some(began), instead].into_iter().flatten().collect();
    let amount = amount(texts, entry.amount.as_deref(), entry.currency.as_deref());
    let workflow = entry.workflow_names.say(texts.lang, &entry.workflow_name);
    let said =
        if entry.words.is_empty() { workflow.to_owned() } else { format!("{workflow} · {}", entry.words) };
    let row = Row::new([
        Cell::text(&entry.title).under(said),
        due.under(escalated),
        Cell::text(entry.stage_names.say(texts.lang, &entry.stage_name)),
        Cell::text(amount.unwrap_or_default()),
        Cell::text(entry.plant.as_deref().unwrap_or_default()),
        Cell::text(entry.starter.as_deref().unwrap_or_default()).under(began.join(" · ")),
    ]);
    let below = Decide { texts, entry }.render()?;
    Ok(row.to(format!("{PATH}/{}", entry.instance_id)).below(Some(below)))
}

/// `POST /approvals/bulk`: approves what was ticked, each by itself.
pub(super) async fn bulk(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    let sent = form(sent)?;
    let now = Utc::now();
    let one = |named: &str| sent.iter().find(|(name, _)| name == named).map(|(_, value)| value.as_str());
    let chosen: Vec<(Uuid, i32)> = sent
        .iter()
        .filter(|(name, _)| name == "chosen")
        .filter_map(|(_, value)| value.split_once(':'))
        .filter_map(|(id, round)| Some((id.parse().ok()?, round.parse().ok()?)))
        .take(PAGE)
        .collect();
    // Said before anything is approved, since what is approved stays so.
    let of = |named: &str| one(named).unwrap_or_default().to_owned();
    let asked = Asked { workflow: of("workflow"), plant: of("plant"), after: of("after") };
    asked.part()?;
    let (mut done, mut wrong) = (0, Vec::new());
    for (instance, round) in chosen {
        let decision = Decision { round, action: model::Action::Approve, comment: "", to_stage: None };
        let approved = state
            .db
            .tx(&caller.cx, async |tx| {
                run::decide_in_bulk(tx, &state.subjects, instance, person, &decision, now).await
            })
            .await;
        match approved {
            Ok(_) => done += 1,
            // Whatever it is, those before are approved and those after have their turn.
            Err(error) => {
                let reason = say(&caller.texts, error)
                    .unwrap_or_else(|problem| caller.t(&format!("error-{}", problem.code.replace('.', "-"))));
                let title = one(&format!("title.{instance}")).unwrap_or_default();
                let title = if title.is_empty() { instance.to_string() } else { title.to_owned() };
                wrong.push(NotDone { instance, title, reason });
            }
        }
    }
    show(&state, &caller, &headers, &asked, Outcome { done: Some(done), wrong }).await
}
