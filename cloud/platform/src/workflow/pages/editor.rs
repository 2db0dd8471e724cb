//! Definitions: the list, and one with its text, its drawing, and a trial.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::super::asked;
use super::super::definition::Mistake;
use super::super::definitions::{self, Short, Tried, Unwritten};
use super::super::error::WorkflowError;
use super::super::store::definitions::{self as store, Revision, Written};
use super::super::store::people;
use super::super::store::triggers::{self, Trigger};
use super::super::view::{self, Drawn};
use super::super::{DEFINITION_EDIT, DEFINITION_PUBLISH, MANAGE, READ, hooks};
use super::say;
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::list::{Action, Cell, Column, List, Row};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, query, site};

/// Most definitions that the list shows.
const MOST: i64 = 500;

/// What a new definition begins as: the specification's example.
const EXAMPLE: &str = include_str!("../example.json");

/// `GET /workflows`
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&READ)?;
    let rows = state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::current(tx, MOST).await?)).await?;
    let texts = &caller.texts;
    let row = |row: &Revision| {
        let plant = row.plant.clone().unwrap_or_else(|| texts.t("workflow-every-plant"));
        let look = if row.state == "published" { "is-good" } else { "is-warn" };
        let since = row.published_at.map(|at| texts.time(&at, caller.zone)).unwrap_or_default();
        Row::new([
            Cell::text(row.names.say(texts.lang, &row.name)).under(&row.workflow),
            Cell::text(plant),
            Cell::text(row.revision.to_string()),
            Cell::state(texts.t(&format!("workflow-revision-{}", row.state)), look).under(since),
        ])
        .to(format!("/workflows/{}", row.definition_id))
    };
    let may_edit = caller.may(&DEFINITION_EDIT);
    let new = Action::to("/workflows/new", texts.t("workflow-new")).icon("plus").main();
    let view = List::new(texts, "/workflows")
        .head(texts.t("workflow-definitions-title"), texts.t("workflow-definitions-lead"))
        .actions(may_edit.then_some(new))
        .columns([
            Column::new("workflow-workflow"),
            Column::new("request-plant"),
            Column::new("workflow-revision"),
            Column::new("workflow-state"),
        ])
        .rows(rows.iter().map(row))
        .empty(texts.t("workflow-definitions-none"))
        .teaches(texts.t("workflow-definitions-none-hint"));
    Shell::new(&state, &caller, caller.t("workflow-definitions-title"), "/workflows").page(&headers, &view)
}

#[derive(Template)]
#[template(path = "workflow/editor.html")]
struct Editor<'a> {
    texts: &'a Texts,
    zone: Tz,
    /// The revision that is open; `None` for a new one.
    written: Option<Revision>,
    revisions: Vec<Revision>,
    triggers: Vec<Trigger>,
    plants: Vec<(String, String, String)>,
    source: String,
    stages: Vec<Drawn>,
    mistakes: Vec<(usize, String, String)>,
    error: Option<String>,
    tried: Option<Vec<Tried>>,
    /// Where documents would get stuck, told before it is published all the same.
    short: Vec<Short>,
    example: Example,
    may_edit: bool,
    may_publish: bool,
    may_manage: bool,
    /// The address of a webhook that was just made, shown this once.
    address: Option<String>,
    saved: bool,
    published: bool,
}

impl Editor<'_> {
    fn is_draft(&self) -> bool {
        self.written.as_ref().is_none_or(|written| written.state == "draft")
    }

    fn stuck(&self, one: &Short) -> String {
        let stage = one.names.say(self.texts.lang, &one.name);
        if one.there == 0 {
            return self.texts.t1("workflow-short-nobody", "stage", stage);
        }
        let values = [("stage", stage.into()), ("needed", one.needed.into()), ("there", one.there.into())];
        self.texts.with("workflow-short-few", &values)
    }

    fn at(&self, at: &DateTime<Utc>) -> String {
        self.texts.time(at, self.zone)
    }
}

/// The document that a definition is tried on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Example {
    amount: String,
    plant: String,
    department: String,
    /// Any other field, as JSON text.
    fields: String,
}

impl Example {
    /// As a document that is started has it; `None` where the other fields are no object.
    fn document(&self) -> Option<serde_json::Value> {
        let some = |text: &str| Some(text.trim().replace(',', "")).filter(|text| !text.is_empty());
        let mut document = json!({
            "amount": some(&self.amount),
            "plant": some(&self.plant),
            "department": some(&self.department),
            "event": {},
        });
        if !self.fields.trim().is_empty() {
            let others: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(&self.fields).ok()?;
            for (name, value) in others {
                document[name.as_str()] = value;
            }
        }
        Some(document)
    }
}

/// What the editor's forms send.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    id: String,
    version: i32,
    plant: String,
    source: String,
    workflow: String,
    /// The fields of the trial, named apart from the definition's own plant.
    try_amount: String,
    try_plant: String,
    try_department: String,
    try_fields: String,
    /// Published although some stage has nobody: it was asked.
    sure: bool,
}

impl Typed {
    fn plant(&self) -> Option<&str> {
        Some(self.plant.trim()).filter(|plant| !plant.is_empty())
    }

    fn example(&self) -> Example {
        Example {
            amount: self.try_amount.clone(),
            plant: self.try_plant.clone(),
            department: self.try_department.clone(),
            fields: self.try_fields.clone(),
        }
    }
}

/// What the page shows beside the stored revision.
#[derive(Default)]
struct Beside {
    source: Option<String>,
    mistakes: Vec<Mistake>,
    error: Option<String>,
    example: Option<Example>,
    address: Option<String>,
    short: Vec<Short>,
    saved: bool,
    published: bool,
}

/// `GET /workflows/new`
pub(super) async fn new(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let beside = Beside { source: Some(EXAMPLE.to_owned()), ..Beside::default() };
    show(&state, &caller, &headers, None, beside).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    saved: Option<String>,
    published: Option<String>,
}

/// `GET /workflows/{id}`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&READ)?;
    let Asked { saved, published } = query(&uri)?;
    let beside = Beside { saved: saved.is_some(), published: published.is_some(), ..Beside::default() };
    show(&state, &caller, &headers, Some(id), beside).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Option<Uuid>,
    beside: Beside,
) -> Result<Response, Problem> {
    let now = Utc::now();
    let texts = &caller.texts;
    let starter = caller.person().ok();
    let view = state
        .db
        .tx(&caller.cx, async |tx| {
            let written: Option<Written> = match id {
                Some(id) => Some(store::find(tx, id, false).await?.ok_or(WorkflowError::NotFound)?),
                None => None,
            };
            let (mut revisions, mut armed) = (Vec::new(), Vec::new());
            if let Some(Written { revision, .. }) = &written {
                revisions = store::revisions(tx, &revision.workflow, revision.plant.as_deref(), 50).await?;
                if revision.state == "published" {
                    armed = triggers::of(tx, &revision.workflow, revision.plant.as_deref()).await?;
                }
            }
            let source = beside
                .source
                .or_else(|| written.as_ref().map(|written| written.source.clone()))
                .unwrap_or_default();
            let read = definitions::check(tx, &state.subjects, &source).await?;
            let roles = view::roles(tx).await?;
            let (mut mistakes, mut error) = (beside.mistakes, beside.error);
            let (mut stages, mut tried) = (Vec::new(), None);
            match &read {
                Ok(definition) => {
                    stages = view::draw(texts, &roles, definition);
                    if let Some(example) = &beside.example {
                        match example.document().map(|document| (asked::money(&document), document)) {
                            Some((Ok(_), document)) => {
                                let done =
                                    definitions::simulate(tx, definition, &document, starter, now).await?;
                                tried = Some(done);
                            }
                            Some((Err(wrong), _)) => error = Some(texts.t(&wrong.text_key())),
                            None => error = Some(texts.t("workflow-try-fields-wrong")),
                        }
                    }
                }
                Err(wrong) => {
                    if mistakes.is_empty() {
                        mistakes = wrong.clone();
                    }
                    // What was published goes on, whatever became of those whom it names.
                    if let Some(written) = written.as_ref().filter(|one| one.revision.state != "draft")
                        && let Ok(definition) = asked::definition(tx, &state.subjects, written).await
                    {
                        stages = view::draw(texts, &roles, &definition);
                    }
                }
            }
            let mistakes = mistakes
                .iter()
                .map(|one| (one.line, one.pointer.clone(), view::mistake(texts, one)))
                .collect();
            Ok::<_, WorkflowError>(Editor {
                texts,
                zone: caller.zone,
                written: written.map(|written| written.revision),
                revisions,
                triggers: armed,
                plants: people::plants(tx, texts.lang).await?,
                source,
                stages,
                mistakes,
                error,
                tried,
                short: beside.short,
                example: beside.example.unwrap_or_default(),
                may_edit: caller.may(&DEFINITION_EDIT),
                may_publish: caller.may(&DEFINITION_PUBLISH),
                // A webhook starts things for all plants: the right must be held at all of them.
                may_manage: caller.require(&MANAGE).is_ok(),
                address: beside.address,
                saved: beside.saved,
                published: beside.published,
            })
        })
        .await?;
    let title = match &view.written {
        Some(written) => written.name.clone(),
        None => caller.t("workflow-new-title"),
    };
    Shell::new(state, caller, title, "/workflows")
        .under("/workflows", caller.t("workflow-definitions-title"))
        .page(headers, &view)
}

/// The page with what was wrong, the text as it was sent.
async fn refused(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Option<Uuid>,
    source: Option<String>,
    error: Unwritten,
) -> Result<Response, Problem> {
    let beside = match error {
        Unwritten::Mistakes(mistakes) => Beside { source, mistakes, ..Beside::default() },
        Unwritten::Error(error) => {
            Beside { source, error: Some(say(&caller.texts, error)?), ..Beside::default() }
        }
    };
    let page = show(state, caller, headers, id, beside).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

fn to(id: Uuid) -> Response {
    Redirect::to(&format!("/workflows/{id}?saved")).into_response()
}

/// `POST /workflows`: begins a draft.
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let typed = form(sent)?;
    let source = lines(&typed.source);
    let made = state
        .db
        .tx(&caller.cx, async |tx| definitions::create(tx, &state.subjects, typed.plant(), &source).await)
        .await;
    match made {
        Ok(id) => Ok(to(id)),
        Err(error) => refused(&state, &caller, &headers, None, Some(source), error).await,
    }
}

/// A browser sends lines that end as in Windows.
fn lines(source: &str) -> String {
    source.replace("\r\n", "\n")
}

/// `POST /workflows/{id}`: changes a draft.
pub(super) async fn save(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let typed = form(sent)?;
    let source = lines(&typed.source);
    let saved = state
        .db
        .tx(&caller.cx, async |tx| {
            definitions::change(tx, &state.subjects, id, Some(typed.version), &source).await
        })
        .await;
    match saved {
        Ok(()) => Ok(to(id)),
        Err(error) => refused(&state, &caller, &headers, Some(id), Some(source), error).await,
    }
}

/// `POST /workflows/try`: reads a text and tries it on an example; keeps nothing.
pub(super) async fn attempt(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let typed = form(sent)?;
    let beside =
        Beside { source: Some(lines(&typed.source)), example: Some(typed.example()), ..Beside::default() };
    show(&state, &caller, &headers, typed.id.parse().ok(), beside).await
}

/// `POST /workflows/{id}/publish`
pub(super) async fn publish(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&DEFINITION_PUBLISH)?;
    let typed = form(sent)?;
    let now = Utc::now();
    let done = state
        .db
        .tx(&caller.cx, async |tx| {
            definitions::publish(tx, &state.subjects, id, Some(typed.version), typed.sure, now).await
        })
        .await;
    match done {
        Ok(short) if short.is_empty() => {
            Ok(Redirect::to(&format!("/workflows/{id}?published")).into_response())
        }
        // Once more, with what would be stuck.
        Ok(short) => {
            let beside = Beside { short, ..Beside::default() };
            let page = show(&state, &caller, &headers, Some(id), beside).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => refused(&state, &caller, &headers, Some(id), None, error).await,
    }
}

/// `POST /workflows/{id}/retire`
pub(super) async fn retire(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&DEFINITION_PUBLISH)?;
    let typed = form(sent)?;
    match state.db.tx(&caller.cx, async |tx| definitions::retire(tx, id, Some(typed.version)).await).await {
        Ok(()) => Ok(to(id)),
        Err(error) => refused(&state, &caller, &headers, Some(id), None, error.into()).await,
    }
}

/// `POST /workflows/{id}/discard`
pub(super) async fn discard(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let typed = form(sent)?;
    match state.db.tx(&caller.cx, async |tx| definitions::discard(tx, id, Some(typed.version)).await).await {
        Ok(()) => Ok(Redirect::to("/workflows").into_response()),
        Err(error) => refused(&state, &caller, &headers, Some(id), None, error.into()).await,
    }
}

/// `POST /workflows/{id}/clone`: the next revision, or a copy under another name or
/// for a plant.
pub(super) async fn clone(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&DEFINITION_EDIT)?;
    let typed = form(sent)?;
    let workflow = Some(typed.workflow.trim()).filter(|workflow| !workflow.is_empty());
    let mut source = None;
    let made = state
        .db
        .tx(&caller.cx, async |tx| {
            let copied = definitions::copied(tx, id, workflow).await?;
            let made = definitions::create(tx, &state.subjects, typed.plant(), &copied).await;
            source = Some(copied);
            made
        })
        .await;
    match made {
        Ok(id) => Ok(to(id)),
        // It names what is not there any more: the copy is shown as a new one, with that.
        Err(error @ Unwritten::Mistakes(_)) => refused(&state, &caller, &headers, None, source, error).await,
        Err(error) => refused(&state, &caller, &headers, Some(id), None, error).await,
    }
}

/// `POST /workflows/triggers/{id}/token`: makes a webhook's address, shown this once.
pub(super) async fn token(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let (path, definition) =
        state.db.tx(&caller.cx, async |tx| hooks::new_token(tx, id, &caller.tenant_code).await).await?;
    let address = format!("{}{path}", site(&state, &headers));
    show(&state, &caller, &headers, Some(definition), Beside { address: Some(address), ..Beside::default() })
        .await
}

/// `POST /workflows/triggers/{id}/end`: ends a webhook's address.
pub(super) async fn token_end(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    caller.require(&MANAGE)?;
    let definition = state.db.tx(&caller.cx, async |tx| hooks::end_token(tx, id).await).await?;
    let to = definition.map_or_else(|| "/workflows".to_owned(), |id| format!("/workflows/{id}"));
    Ok(Redirect::to(&to))
}
