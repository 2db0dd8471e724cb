//! One document on its way: what is asked, by whom, and what happened.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::super::definition::Definition;
use super::super::detail::{Change, Fact};
use super::super::error::WorkflowError;
use super::super::model::{self, Action, Step};
use super::super::run::{self, Decision};
use super::super::show::{self, Shown};
use super::super::store::rounds::Taken;
use super::super::view::{self, Drawn};
use super::super::{REQUEST_READ, manages, reads};
use super::say;
use crate::i18n::Texts;
use crate::web::list::List;
use crate::web::{AppState, Caller, Path, Problem, Shell, form};

#[derive(Template)]
#[template(path = "workflow/instance.html")]
struct Page<'a> {
    texts: &'a Texts,
    zone: Tz,
    now: DateTime<Utc>,
    shown: Shown,
    stages: Vec<Drawn>,
    error: Option<String>,
    comment: &'a str,
    may_cancel: bool,
    may_open: bool,
    /// Where the document's files are shown, if it can have any.
    files_at: Option<String>,
}

impl Page<'_> {
    fn name(&self, person: &Option<Uuid>) -> String {
        person.and_then(|person| self.shown.names.get(&person).cloned()).unwrap_or_default()
    }

    fn workflow(&self) -> &str {
        match &self.shown.definition {
            Some(definition) => definition.names.say(self.texts.lang, &definition.name),
            None => &self.shown.instance.workflow,
        }
    }

    fn state(&self) -> (String, &'static str) {
        let state = run::state_of(&self.shown.instance);
        (self.texts.t(&state.text_key()), view::state_class(state))
    }

    fn who(&self, taken: &Taken) -> String {
        view::who(self.texts, &self.shown.roles, &self.shown.names, &taken.seat.who)
    }

    fn due(&self) -> Option<(String, &'static str)> {
        view::due(self.texts, self.shown.round.as_ref()?.due_at, self.now)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.shown.instance.document.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    fn amount(&self) -> Option<String> {
        super::inbox::amount(self.texts, self.field("amount"), self.field("currency"))
    }

    fn offers(&self, action: &str) -> bool {
        self.shown.offer.as_ref().is_some_and(|(actions, _)| actions.iter().any(|one| one.name() == action))
    }

    fn on_behalf_of(&self) -> Option<String> {
        let person = self.shown.offer.as_ref()?.1?;
        self.shown.names.get(&person).cloned()
    }

    /// Stages to which it can go back, beside the starter.
    fn earlier(&self) -> &[Drawn] {
        let open = usize::try_from(self.shown.instance.stage).unwrap_or(0);
        self.stages.get(..open.saturating_sub(1)).unwrap_or_default()
    }

    /// What happened, in a sentence.
    fn said(&self, at: &usize) -> String {
        let happened = &self.shown.history[*at];
        let role = || view::role_name(self.texts, &self.shown.roles, &happened.note);
        let role = if happened.what == "escalated" { role() } else { String::new() };
        view::happened(self.texts, &self.shown.names, happened, role)
    }

    fn note(&self, at: &usize) -> &str {
        let happened = &self.shown.history[*at];
        if happened.what == "escalated" || happened.changes().is_some() { "" } else { &happened.note }
    }

    /// What of the document was another when it came once more: what it is called, before,
    /// and after.
    fn changed(&self, at: &usize) -> Vec<(String, String, String)> {
        let changes = self.shown.history[*at].changes().unwrap_or_default();
        changes.into_iter().map(|change| self.in_words(change)).collect()
    }

    fn in_words(&self, change: Change) -> (String, String, String) {
        let Change { field, before, after } = change;
        let fact = |name: &str| self.shown.detail.facts.iter().find(|fact| fact.name == name)?.label;
        let label = match field.as_str() {
            "amount" | "subject" | "department" | "text" | "lines" => {
                self.texts.t(&format!("request-{field}"))
            }
            other => fact(other).map_or_else(|| other.to_owned(), |key| self.texts.t(key)),
        };
        let said = |value: String| {
            if value.is_empty() {
                return "–".to_owned();
            }
            let money = (field == "amount").then(|| {
                let (amount, currency) = value.split_once(' ').unwrap_or((value.as_str(), ""));
                super::inbox::amount(self.texts, Some(amount), Some(currency))
            });
            money.flatten().unwrap_or(value)
        };
        (label, said(before), said(after))
    }

    /// What is asked for line by line, as the document's own page shows it.
    fn lines(&self) -> Option<List<'_>> {
        view::lines(self.texts, &self.shown.detail).map(List::still)
    }

    /// Its other fields: what each is called, how that looks, and its value. One without a
    /// text is called as programs call it.
    fn facts(&self) -> Vec<(String, &'static str, String)> {
        let fact = |fact: &Fact| {
            let called = fact.label.map_or_else(|| fact.name.clone(), |key| self.texts.t(key));
            (called, if fact.label.is_none() { "tw-mono" } else { "" }, fact.value_in(self.texts))
        };
        self.shown.detail.facts.iter().map(fact).collect()
    }
}

/// `GET /approvals/{id}`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    show(&state, &caller, &headers, id, None, "").await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    error: Option<String>,
    comment: &str,
) -> Result<Response, Problem> {
    let now = Utc::now();
    let person = caller.person().ok();
    let all = |plant: Option<&str>| reads(caller, plant);
    let shown = state
        .db
        .tx(&caller.cx, async |tx| show::instance(tx, &state.subjects, id, person, &all, now).await)
        .await?;
    let mut stages = Vec::new();
    let mut error = error;
    match &shown.definition {
        _ if shown.outcome_only => {}
        Some(definition) => {
            stages = view::draw(&caller.texts, &shown.roles, definition);
            mark(&mut stages, definition, &shown);
        }
        None => {
            let unreadable = WorkflowError::Unreadable(shown.instance.workflow.clone());
            error = error.or_else(|| Some(caller.t(&unreadable.text_key())));
        }
    }
    let standing = run::state_of(&shown.instance);
    let own = person.is_some() && shown.instance.starter == person;
    let view = Page {
        texts: &caller.texts,
        zone: caller.zone,
        now,
        may_cancel: (own || manages(caller, shown.instance.plant.as_deref()))
            && model::follow(standing, Step::Cancel).is_some(),
        may_open: !shown.instance.href.is_empty()
            && (own || may_open(caller, shown.instance.plant.as_deref())),
        files_at: state
            .files
            .subject(&shown.instance.subject_kind)
            .filter(|_| !shown.outcome_only)
            .map(|subject| format!("/files/on/{}/{}", subject.kind, shown.instance.subject_id)),
        stages,
        error,
        comment,
        shown,
    };
    let shell = Shell::new(state, caller, view.shown.instance.title.clone(), "/approvals")
        .under("/approvals", caller.t("workflow-inbox-title"));
    shell.page(headers, &view)
}

/// Whether the caller may open everybody's documents of a plant, or those of none.
fn may_open(caller: &Caller, plant: Option<&str>) -> bool {
    match plant {
        Some(plant) => caller.may_at(&REQUEST_READ, plant),
        None => caller.may(&REQUEST_READ),
    }
}

/// Marks which stages are over, which one is open, and which do not apply.
fn mark(stages: &mut [Drawn], definition: &Definition, shown: &Shown) {
    let passed: BTreeMap<&str, usize> = shown
        .history
        .iter()
        .filter(|one| one.what == "opened")
        .map(|one| (one.stage_name.as_str(), 1))
        .collect();
    let open = usize::try_from(shown.instance.stage).unwrap_or(0);
    let ended =
        !matches!(run::state_of(&shown.instance), model::State::Initiated | model::State::PendingApproval);
    for (stage, defined) in stages.iter_mut().zip(&definition.stages) {
        let applies = Definition::applies(defined, &shown.instance.document);
        stage.mark = if stage.number == open {
            "is-now"
        } else if !applies {
            "is-skipped"
        } else if passed.contains_key(defined.name.as_str()) && (stage.number < open || ended) {
            "is-done"
        } else {
            ""
        };
    }
}

/// What a decision's form sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    round: i32,
    action: String,
    comment: String,
    to_stage: String,
    /// Where to go on: empty for the inbox.
    back: String,
}

/// `POST /approvals/{id}/decide`
pub(super) async fn decide(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    let typed = form(sent)?;
    let now = Utc::now();
    let done = match Action::parse(&typed.action) {
        Some(action) => {
            let to_stage = typed.to_stage.parse().ok().filter(|_| action == Action::SendBack);
            let decision = Decision { round: typed.round, action, comment: &typed.comment, to_stage };
            state
                .db
                .tx(&caller.cx, async |tx| run::decide(tx, &state.subjects, id, person, &decision, now).await)
                .await
        }
        None => Err(WorkflowError::Action),
    };
    match done {
        Ok(_) if typed.back == "instance" => Ok(Redirect::to(&format!("/approvals/{id}")).into_response()),
        Ok(_) => Ok(Redirect::to("/approvals").into_response()),
        Err(error) => {
            let told = say(&caller.texts, error)?;
            let page = show(&state, &caller, &headers, id, Some(told), &typed.comment).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// `POST /approvals/{id}/cancel`
pub(super) async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let person = Some(caller.person()?);
    let typed = form(sent)?;
    let now = Utc::now();
    let done = state
        .db
        .tx(&caller.cx, async |tx| {
            let managed = show::managed(tx, &caller, id).await?;
            run::cancel(tx, &state.subjects, id, person, managed, &typed.comment, now).await
        })
        .await;
    match done {
        Ok(_) => Ok(Redirect::to(&format!("/approvals/{id}")).into_response()),
        Err(error) => {
            let told = say(&caller.texts, error)?;
            let page = show(&state, &caller, &headers, id, Some(told), &typed.comment).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}
