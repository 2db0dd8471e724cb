//! Pages of requests: the list, a new one, one as it stands.

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::Utc;
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::service::{self, Origin, RequestError, Typed};
use super::store::{self, Listed, Request};
use super::{KIND, REQUEST_RAISE, REQUEST_READ};
use crate::db::{DbError, Tx};
use crate::i18n::Texts;
use crate::web::{AppState, Caller, Path, Problem, Shell, form, found, query};
use crate::workflow::error::WorkflowError;
use crate::workflow::run::{self, Standing};
use crate::workflow::store::people;
use crate::workflow::{MANAGE, show, view};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/requests", get(list).post(raise))
        .route("/requests/new", get(new))
        .route("/requests/{id}", get(one).post(change))
        .route("/requests/{id}/done", post(done))
        .route("/requests/{id}/cancel", post(cancel))
}

/// Requests of one page.
const PAGE: i64 = 50;
/// States that the list can be narrowed to.
const STATES: [&str; 6] = ["open", "sent_back", "approved", "rejected", "cancelled", "done"];

/// The key of a state's text.
fn state_key(state: &str) -> String {
    format!("request-state-{}", state.replace('_', "-"))
}

fn state_class(state: &str) -> &'static str {
    match state {
        "open" => "is-info",
        "sent_back" => "is-warn",
        "approved" | "done" => "is-good",
        "rejected" => "is-bad",
        _ => "",
    }
}

#[derive(Template)]
#[template(path = "workflow/requests.html")]
struct List<'a> {
    texts: &'a Texts,
    zone: Tz,
    rows: Vec<Listed>,
    names: BTreeMap<Uuid, String>,
    asked: Asked,
    may_read: bool,
    next: Option<String>,
}

impl List<'_> {
    fn name(&self, row: &Listed) -> String {
        row.raised_by.and_then(|person| self.names.get(&person).cloned()).unwrap_or_default()
    }

    fn is_asked(&self, state: &str) -> bool {
        self.asked.state == state
    }

    fn amount(&self, row: &Listed) -> Option<String> {
        Some(format!("{} {}", self.texts.money(&row.amount?), row.currency))
    }
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RequestsAsked)]
pub(super) struct Asked {
    /// `all` for everybody's, where the reader may see them.
    pub whose: String,
    /// A state, or empty.
    pub state: String,
    /// The number where the page before ended.
    pub before: Option<i64>,
}

impl Asked {
    /// Whose requests are shown to the caller; `None`: everybody's.
    pub fn whose(&self, caller: &Caller) -> Result<Option<Uuid>, Problem> {
        let all = caller.may(&REQUEST_READ);
        match caller.person() {
            Ok(person) if !all || self.whose != "all" => Ok(Some(person)),
            _ if all => Ok(None),
            Ok(person) => Ok(Some(person)),
            Err(error) => Err(error),
        }
    }

    /// The state that is wanted.
    pub fn wanted(&self) -> Option<&str> {
        STATES.into_iter().find(|state| *state == self.state)
    }
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let asked = query::<Asked>(&uri)?;
    let whose = asked.whose(&caller)?;
    // Everybody's: at the plants where the caller may see them.
    let cx = if whose.is_none() { caller.at(&REQUEST_READ) } else { caller.cx.clone() };
    let (mut rows, names) = state
        .db
        .tx(&cx, async |tx| {
            let rows = store::list(tx, whose, asked.wanted(), asked.before, PAGE + 1).await?;
            let names = view::names(tx, rows.iter().filter_map(|row| row.raised_by).collect()).await?;
            Ok::<_, DbError>((rows, names))
        })
        .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > PAGE);
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more).map(|last| {
        let whose = if whose.is_none() { "all" } else { "" };
        format!("/requests?whose={whose}&state={}&before={}", asked.wanted().unwrap_or_default(), last.number)
    });
    let may_read = caller.may(&REQUEST_READ);
    let view = List { texts: &caller.texts, zone: caller.zone, rows, names, asked, may_read, next };
    Shell::new(&state, &caller, caller.t("request-title"), "/requests").page(&headers, &view)
}

/// What there is to choose from.
#[derive(Debug, Default)]
struct Choices {
    workflows: Vec<(String, String)>,
    plants: Vec<(String, String, String)>,
    departments: Vec<(Uuid, String, String, String)>,
}

async fn choices(tx: &mut Tx) -> Result<Choices, DbError> {
    let mut workflows: Vec<(String, String)> = Vec::new();
    for (code, plant, name, source) in store::workflows(tx).await? {
        // One that is for another kind of document is not for requests.
        let document = serde_json::from_str::<serde_json::Value>(&source)
            .ok()
            .and_then(|source| source.get("document").and_then(|kind| kind.as_str()).map(str::to_owned));
        if document.is_some_and(|document| document != KIND)
            || workflows.iter().any(|(known, _)| *known == code)
        {
            continue;
        }
        let name = match plant {
            Some(plant) => format!("{name} ({plant})"),
            None => name,
        };
        workflows.push((code, name));
    }
    Ok(Choices { workflows, plants: people::plants(tx).await?, departments: store::departments(tx).await? })
}

#[derive(Template)]
#[template(path = "workflow/request_new.html")]
struct New<'a> {
    texts: &'a Texts,
    choices: Choices,
    typed: Typed,
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
    may_edit: bool,
}

impl New<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        found(&self.wrong, field)
    }
}

async fn new(State(state): State<AppState>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    show_new(&state, &caller, &headers, Typed::default(), Vec::new(), None).await
}

async fn show_new(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Typed,
    wrong: Vec<(&'static str, &'static str)>,
    error: Option<String>,
) -> Result<Response, Problem> {
    let choices = state.db.tx(&caller.cx, async |tx| choices(tx).await).await?;
    let wrong = wrong.into_iter().map(|(field, key)| (field, caller.t(key))).collect();
    let may_edit = caller.may(&crate::workflow::DEFINITION_EDIT);
    let view = New { texts: &caller.texts, choices, typed, wrong, error, may_edit };
    Shell::new(state, caller, caller.t("request-new"), "/requests").page(headers, &view)
}

/// Mistakes by field, and what is wrong with the whole.
type Told = (Vec<(&'static str, &'static str)>, Option<String>);

/// What was wrong, to be shown beside its fields.
fn told(texts: &Texts, error: RequestError) -> Result<Told, Problem> {
    match error {
        RequestError::Fields(wrong) => Ok((wrong, None)),
        RequestError::Workflow(WorkflowError::Db(error)) => Err(error.into()),
        RequestError::Workflow(WorkflowError::NotFound) => Err(Problem::not_found()),
        RequestError::Problem(problem) => Err(problem),
        RequestError::Workflow(error) => Ok((Vec::new(), Some(texts.t(&error.text_key())))),
    }
}

async fn raise(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let typed = form(sent)?;
    let person = caller.person().ok();
    let now = Utc::now();
    let origin = Origin { source: if person.is_some() { "" } else { "api" }, ..Origin::default() };
    let raised = state
        .db
        .tx(&caller.cx, async |tx| {
            let new = service::check(tx, &typed).await?;
            caller.require_maybe_at(&REQUEST_RAISE, new.plant()).map_err(RequestError::Problem)?;
            service::raise(tx, &state.subjects, &new, person, &origin, now).await
        })
        .await;
    match raised {
        Ok(request) => Ok(Redirect::to(&format!("/requests/{}", request.request_id)).into_response()),
        Err(error) => {
            let (wrong, error) = told(&caller.texts, error)?;
            let page = show_new(&state, &caller, &headers, typed, wrong, error).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

#[derive(Template)]
#[template(path = "workflow/request.html")]
struct One<'a> {
    texts: &'a Texts,
    zone: Tz,
    request: Request,
    standing: Option<Standing>,
    /// The key of why nobody, or not enough people, can decide it.
    stuck: Option<&'static str>,
    /// Where its files are shown.
    files_at: Option<String>,
    raised_by: String,
    department: Option<String>,
    choices: Choices,
    typed: Typed,
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
    own: bool,
    may_end: bool,
}

impl One<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        found(&self.wrong, field)
    }

    fn details(&self) -> Vec<(&String, String)> {
        let fields = self.request.details.as_object().into_iter().flatten();
        fields
            .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect()
    }
}

/// In whose name the caller changes a request: what no person raised is whoever's that
/// manages workflows.
pub(super) fn owner(caller: &Caller, request: &Request) -> Option<Uuid> {
    caller.person().ok().filter(|_| request.raised_by.is_some() || !caller.may(&MANAGE))
}

/// Whether the caller may see a request: everybody's at its plant, or the own.
pub(super) fn may_see(caller: &Caller, request: &Request) -> bool {
    let own = caller.person().ok().is_some_and(|person| request.raised_by == Some(person));
    own || match &request.plant {
        Some(plant) => caller.may_at(&REQUEST_READ, plant),
        None => caller.may(&REQUEST_READ),
    }
}

/// A request that the caller may see.
pub(super) async fn visible(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Request, WorkflowError> {
    let request = store::find(tx, id).await?.ok_or(WorkflowError::NotFound)?;
    if may_see(caller, &request) { Ok(request) } else { Err(WorkflowError::NotFound) }
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    show(&state, &caller, &headers, id, None, Vec::new(), None).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    typed: Option<Typed>,
    wrong: Vec<(&'static str, &'static str)>,
    error: Option<String>,
) -> Result<Response, Problem> {
    let now = Utc::now();
    let (request, standing, stuck, names, choices) = state
        .db
        .tx(&caller.cx, async |tx| {
            let request = visible(tx, caller, id).await?;
            let standing = run::standing(tx, KIND, id).await?;
            let stuck = match &standing {
                Some(standing) => show::stuck(tx, &state.subjects, standing.instance_id, now).await?,
                None => None,
            };
            let names = view::names(tx, request.raised_by.into_iter().collect()).await?;
            Ok::<_, WorkflowError>((request, standing, stuck, names, choices(tx).await?))
        })
        .await?;
    let own = caller.may(&REQUEST_RAISE) && request.raised_by == owner(caller, &request);
    let typed = typed.unwrap_or_else(|| Typed {
        workflow: request.workflow.clone(),
        subject: request.subject.clone(),
        text: request.body.clone(),
        amount: request.amount.map(|amount| amount.normalize().to_string()).unwrap_or_default(),
        currency: request.currency.clone(),
        plant: request.plant.clone().unwrap_or_default(),
        department: request.department_id.map(|id| id.to_string()).unwrap_or_default(),
        version: Some(request.version),
    });
    let department = request.department_id.and_then(|id| {
        let found = choices.departments.iter().find(|(known, ..)| *known == id);
        found.map(|(.., code, name)| format!("{code} {name}"))
    });
    let view = One {
        texts: &caller.texts,
        zone: caller.zone,
        raised_by: request.raised_by.and_then(|person| names.get(&person).cloned()).unwrap_or_default(),
        wrong: wrong.into_iter().map(|(field, key)| (field, caller.t(key))).collect(),
        own,
        may_end: own || caller.may(&MANAGE),
        request,
        standing,
        stuck,
        files_at: state.files.subject(KIND).map(|subject| format!("/files/on/{}/{id}", subject.kind)),
        department,
        choices,
        typed,
        error,
    };
    let title = format!("{} {}", view.request.code(), view.request.subject);
    Shell::new(state, caller, title, "/requests").page(headers, &view)
}

async fn change(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let typed = form(sent)?;
    let now = Utc::now();
    let changed = state
        .db
        .tx(&caller.cx, async |tx| {
            let request = visible(tx, &caller, id).await?;
            let person = owner(&caller, &request);
            // Its plant stays: the definition by which it goes is the plant's.
            let typed = Typed { plant: request.plant.unwrap_or_default(), ..typed.clone() };
            let new = service::check(tx, &typed).await?;
            service::change(tx, &state.subjects, id, &new, typed.version, person, now).await
        })
        .await;
    match changed {
        Ok(_) => Ok(Redirect::to(&format!("/requests/{id}")).into_response()),
        Err(error) => {
            let (wrong, error) = told(&caller.texts, error)?;
            let page = show(&state, &caller, &headers, id, Some(typed), wrong, error).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn done(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let now = Utc::now();
    let ended = state
        .db
        .tx(&caller.cx, async |tx| {
            service::done(tx, id, caller.person().ok(), caller.may(&MANAGE), now).await
        })
        .await;
    after(&state, &caller, &headers, id, ended).await
}

async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let now = Utc::now();
    let ended = state
        .db
        .tx(&caller.cx, async |tx| {
            let person = caller.person().ok();
            service::cancel(tx, &state.subjects, id, person, caller.may(&MANAGE), now).await
        })
        .await;
    after(&state, &caller, &headers, id, ended).await
}

/// Back to the request, or its page with what was wrong.
async fn after(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    ended: Result<(), WorkflowError>,
) -> Result<Response, Problem> {
    match ended {
        Ok(()) => Ok(Redirect::to(&format!("/requests/{id}")).into_response()),
        Err(error) => {
            let (_, error) = told(&caller.texts, error.into())?;
            let page = show(state, caller, headers, id, None, Vec::new(), error).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}
