//! Pages of requests: the list, a new one, one as it stands.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::last_word::{LastWord, ending};
use super::lines::{self, Line, MOST_LINES, Wrong};
use super::service::{self, Origin, RequestError, Typed};
use super::store::{self, Listed, Request};
use super::{KIND, REQUEST_RAISE, REQUEST_READ, Requests};
use crate::db::{DbError, Tx};
use crate::i18n::{Lang, Texts};
use crate::settings;
use crate::web::fields::{Fields, Input};
use crate::web::lines::{self as grid, LineColumn, LineGrid};
use crate::web::list::{Action, Cell, Column, Filter, List, Row, address};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, kept, query};
use crate::workflow::error::WorkflowError;
use crate::workflow::run::{self, Standing};
use crate::workflow::store::instances;
use crate::workflow::store::people;
use crate::workflow::subject::Subject as _;
use crate::workflow::{manages, reads, show, view};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/requests", get(list).merge(post(raise)))
        .route("/requests/new", get(new))
        .route("/requests/{id}", get(one).merge(post(change)))
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
    let whose = if whose.is_none() && !asked.whose.is_empty() { "all" } else { "" };
    let next = rows.last().filter(|_| more).map(|last| last.number.to_string());
    let state_of = asked.wanted().unwrap_or_default();
    let texts = &caller.texts;
    let row = |row: &Listed| {
        let raised_by = row.raised_by.and_then(|person| names.get(&person).cloned()).unwrap_or_default();
        let amount = row.amount.map(|amount| texts.money_in(&amount, &row.currency));
        Row::new([
            Cell::code(row.code()),
            Cell::text(&row.subject),
            Cell::text(amount.unwrap_or_default()),
            Cell::text(row.plant.clone().unwrap_or_default()),
            Cell::state(texts.t(&state_key(&row.state)), state_class(&row.state)),
            Cell::text(raised_by).under(texts.time(&row.created_at, caller.zone)),
        ])
        .to(format!("/requests/{}", row.request_id))
    };
    let mut actions = Vec::new();
    if caller.may(&REQUEST_READ) {
        actions.push(Action::to("/requests", texts.t("request-mine")).here(asked.whose != "all"));
        actions.push(Action::to("/requests?whose=all", texts.t("request-all")).here(asked.whose == "all"));
    }
    actions.push(Action::to("/requests/new", texts.t("request-new")).icon("plus").main());
    let states = STATES.map(|state| (state.to_owned(), texts.t(&state_key(state))));
    let list = List::new(texts, "/requests")
        .head(texts.t("request-title"), texts.t("request-lead"))
        .actions(actions)
        .kept([("whose", whose)].into_iter().filter(|(_, value)| !value.is_empty()))
        .filters([Filter::choice("state", texts.t("workflow-state"), state_of, states)])
        .columns([
            Column::new("request-number"),
            Column::new("request-subject"),
            Column::new("request-amount").number(),
            Column::new("request-plant"),
            Column::new("workflow-state"),
            Column::new("request-raised"),
        ])
        .rows(rows.iter().map(row))
        .narrowed(!state_of.is_empty(), address("/requests", &[("whose", whose)]))
        .empty(texts.t("request-none"))
        .next(next.map(|before| {
            address("/requests", &[("whose", whose), ("state", state_of), ("before", &before)])
        }));
    Shell::new(&state, &caller, caller.t("request-title"), "/requests").page(&headers, &list)
}

/// What there is to choose from.
#[derive(Debug, Default)]
struct Choices {
    workflows: Vec<(String, String)>,
    plants: Vec<(String, String, String)>,
    departments: Vec<(Uuid, String, String, String)>,
    currencies: Vec<(String, String)>,
}

async fn choices(tx: &mut Tx, lang: Lang) -> Result<Choices, DbError> {
    let mut workflows: Vec<(String, String)> = Vec::new();
    for store::ForRequests { workflow: code, plant, name, names, source } in store::workflows(tx).await? {
        // One that is for another kind of document is not for requests.
        let document = serde_json::from_str::<serde_json::Value>(&source)
            .ok()
            .and_then(|source| source.get("document").and_then(|kind| kind.as_str()).map(str::to_owned));
        if document.is_some_and(|document| document != KIND)
            || workflows.iter().any(|(known, _)| *known == code)
        {
            continue;
        }
        let name = names.say(lang, &name);
        let name = match plant {
            Some(plant) => format!("{name} ({plant})"),
            None => name.to_owned(),
        };
        workflows.push((code, name));
    }
    let departments = store::departments(tx, lang).await?;
    let currencies = settings::currencies(tx, lang).await?;
    Ok(Choices { workflows, plants: people::plants(tx, lang).await?, departments, currencies })
}

#[derive(Template)]
#[template(path = "workflow/request_new.html")]
struct New<'a> {
    texts: &'a Texts,
    /// None where there is no workflow that a request could go through.
    fields: Option<Fields<'a>>,
    error: Option<String>,
    may_edit: bool,
}

/// The inputs that a request has when it is raised, and when it is sent again.
fn inputs(texts: &Texts, typed: &Typed, choices: &Choices) -> Vec<Input> {
    let currency = if typed.currency.is_empty() { "INR" } else { &typed.currency };
    let mut currencies: Vec<(String, String)> =
        choices.currencies.iter().map(|(code, name)| (code.clone(), format!("{code} · {name}"))).collect();
    // One that was taken away meanwhile stays until it is refused.
    if !choices.currencies.iter().any(|(code, _)| code == currency) {
        currencies.push((currency.to_owned(), currency.to_owned()));
    }
    let mut inputs = vec![
        Input::text("subject", texts.t("request-subject"))
            .value(&typed.subject)
            .required()
            .longest(200)
            .wide(),
        Input::number("amount", texts.t("request-amount")).value(&typed.amount),
        Input::choice("currency", texts.t("request-currency"), currencies).value(currency),
    ];
    if !choices.departments.is_empty() {
        let departments = choices.departments.iter();
        let departments =
            departments.map(|(id, plant, code, name)| (id.to_string(), format!("{plant} {code} {name}")));
        let label = texts.t("request-department");
        inputs.push(Input::choice("department", label, departments).value(&typed.department).clears(true));
    }
    inputs.push(Input::lines("text", texts.t("request-text")).value(&typed.text).longest(10_000));
    inputs
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
    wrong: Vec<Wrong>,
    error: Option<String>,
) -> Result<Response, Problem> {
    let mut choices = state.db.tx(&caller.cx, async |tx| choices(tx, caller.texts.lang).await).await?;
    choices.plants.retain(|(code, ..)| caller.may_at(&REQUEST_RAISE, code));
    let texts = &caller.texts;
    let plants = choices.plants.iter().map(|(code, name, _)| (code.clone(), format!("{code} {name}")));
    let workflow = Input::choice("workflow", texts.t("request-workflow"), choices.workflows.clone());
    // Where there is one only, nobody has to choose it.
    let chosen = match choices.workflows.as_slice() {
        [(only, _)] if typed.workflow.is_empty() => only,
        _ => &typed.workflow,
    };
    // Whoever may raise requests at some plants only has to say for which.
    let limited = !caller.plants(&REQUEST_RAISE).is_all();
    let at = match choices.plants.as_slice() {
        [(only, ..)] if limited && typed.plant().is_none() => only,
        _ => &typed.plant,
    };
    let plant = Input::choice("plant", texts.t("request-plant"), plants)
        .value(at)
        .is_required(limited)
        .clears(!limited);
    let fields = Fields::new(texts, "/requests", texts.t("request-raise"))
        .inputs([workflow.value(chosen).required(), plant])
        .inputs(inputs(texts, &typed, &choices))
        .told(error.clone());
    let fields = finished(fields, texts, &typed, &wrong)?;
    let may_edit = caller.may(&crate::workflow::DEFINITION_EDIT);
    let fields = (!choices.workflows.is_empty()).then_some(fields);
    let view = New { texts, fields, error, may_edit };
    Shell::new(state, caller, caller.t("request-new"), "/requests")
        .under("/requests", caller.t("request-title"))
        .page(headers, &view)
}

/// Mistakes by field, and what is wrong with the whole.
type Told = (Vec<Wrong>, Option<String>);

/// What was wrong, to be shown beside its fields.
fn told(texts: &Texts, error: RequestError) -> Result<Told, Problem> {
    match error {
        RequestError::Fields(wrong) => Ok((wrong, None)),
        RequestError::Workflow(WorkflowError::Db(error)) => Ok((Vec::new(), Some(kept(texts, error)?))),
        RequestError::Workflow(WorkflowError::NotFound) => Err(Problem::not_found()),
        RequestError::Problem(problem) => Err(problem),
        RequestError::Workflow(error) => Ok((Vec::new(), Some(texts.t(&error.text_key())))),
    }
}

/// The grid of a form, under its inputs.
#[derive(Template)]
#[template(path = "workflow/request_lines.html")]
struct LinesPart<'a> {
    texts: &'a Texts,
    grid: LineGrid<'a>,
    open: bool,
}

fn columns(texts: &Texts) -> [LineColumn; 3] {
    [
        LineColumn::new("item", texts.t("request-item")).required().longest(lines::MAX_ITEM),
        LineColumn::new("quantity", texts.t("request-quantity")).required().number(),
        LineColumn::new("note", texts.t("request-note")).longest(lines::MAX_NOTE),
    ]
}

/// What was typed line by line, with what is wrong beside it, as a part of the form.
fn lines_part(texts: &Texts, typed: &Typed, wrong: &[Wrong]) -> Result<String, Problem> {
    let lines = typed.lines.as_deref().unwrap_or_default();
    let drawn = lines.iter().enumerate().map(|(at, line)| {
        let cells = [("item", &line.item), ("quantity", &line.quantity), ("note", &line.note)];
        let cells = cells.map(|(name, value)| (name.to_owned(), value.clone()));
        let of_line = wrong.iter().filter(|(row, ..)| *row == Some(at + 1));
        let line = grid::Line::new(cells.into());
        of_line.fold(line, |line, (_, field, key)| line.wrong(*field, texts.t(key)))
    });
    let grid = LineGrid::new(texts, columns(texts), MOST_LINES).scans("item").counts("quantity");
    let part = LinesPart { texts, grid: grid.lines(drawn), open: !lines.is_empty() };
    Ok(part.render()?)
}

/// The form with what is wrong with it; what is wrong with a line stands beside its cell.
fn finished<'a>(
    fields: Fields<'a>,
    texts: &'a Texts,
    typed: &Typed,
    wrong: &[Wrong],
) -> Result<Fields<'a>, Problem> {
    let of_lines = wrong.iter().any(|(row, ..)| row.is_some()).then(|| texts.t("request-wrong-lines"));
    let of_fields = wrong.iter().filter(|(row, ..)| row.is_none());
    Ok(fields
        .within(lines_part(texts, typed, wrong)?)
        .told(of_lines)
        .wrong(of_fields.map(|(_, field, key)| (*field, texts.t(key)))))
}

/// What a form sent: its fields, and its lines.
type Pairs = Vec<(String, String)>;

/// What a form sent, as it was typed.
fn as_typed(sent: Pairs) -> Result<Typed, Problem> {
    let (of_lines, fields): (Pairs, Pairs) = sent.into_iter().partition(|(name, _)| name.starts_with("r."));
    let fields = serde_urlencoded::to_string(fields).unwrap_or_default();
    let typed: Typed = serde_urlencoded::from_str(&fields)
        .map_err(|error| Problem::bad_request("request.invalid", error.to_string()))?;
    let lines = grid::read(of_lines).into_iter().map(|(_, mut cells)| {
        let mut cell = |name: &str| cells.remove(name).unwrap_or_default();
        Line { item: cell("item"), quantity: cell("quantity"), note: cell("note") }
    });
    Ok(Typed { lines: Some(lines.collect()), ..typed })
}

/// What is wrong with the plant where the caller may raise none.
fn not_there(caller: &Caller, plant: Option<&str>) -> Option<Wrong> {
    let key = if plant.is_some() { "request-wrong-right" } else { "request-wrong-no-plant" };
    caller.require_maybe_at(&REQUEST_RAISE, plant).is_err().then_some((None, "plant", key))
}

async fn raise(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Pairs>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let typed = as_typed(form(sent)?)?;
    let person = caller.person().ok();
    let now = Utc::now();
    let origin = Origin { source: if person.is_some() { "" } else { service::API }, ..Origin::default() };
    let raised = state
        .db
        .tx(&caller.cx, async |tx| {
            let checked = service::check(tx, &typed).await;
            // Beside its field, with all that was typed, and with what else is wrong.
            let new = match not_there(&caller, typed.plant()) {
                None => checked?,
                Some(wrong) => {
                    let error = checked.err().unwrap_or_else(|| RequestError::Fields(Vec::new()));
                    return Err(error.and(wrong));
                }
            };
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
    workflow: String,
    department: Option<String>,
    /// Why it came back, was rejected or taken back, and by whom.
    last: Option<LastWord>,
    /// To send it again, where it was sent back to whoever looks.
    again: Option<Fields<'a>>,
    /// What is asked for, line by line.
    lines: Option<List<'a>>,
    error: Option<String>,
    may_end: bool,
}

impl One<'_> {
    fn details(&self) -> Vec<(&String, String)> {
        let fields = self.request.details.as_object().into_iter().flatten();
        let fields = fields.filter(|(name, _)| self.lines.is_none() || *name != lines::LINES);
        fields
            .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect()
    }
}

/// In whose name the caller changes a request: what no person raised is whoever's that
/// manages workflows at its plant.
pub(super) fn owner(caller: &Caller, request: &Request) -> Option<Uuid> {
    let nobodys = || request.raised_by.is_none() && manages(caller, request.plant.as_deref());
    caller.person().ok().filter(|_| !nobodys())
}

/// Whether the caller manages the workflows of a request, by its plant.
pub(super) async fn managed(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<bool, WorkflowError> {
    let request = store::find(tx, id).await?.ok_or(WorkflowError::NotFound)?;
    Ok(manages(caller, request.plant.as_deref()))
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
    wrong: Vec<Wrong>,
    error: Option<String>,
) -> Result<Response, Problem> {
    let now = Utc::now();
    let (request, standing, stuck, history, (names, titles), choices) = state
        .db
        .tx(&caller.cx, async |tx| {
            let request = visible(tx, caller, id).await?;
            let standing = run::standing(tx, KIND, id).await?;
            let stuck = match &standing {
                Some(standing) => show::stuck(tx, &state.subjects, standing.instance_id, now).await?,
                None => None,
            };
            // Why it came back is for whoever raised it, and for those who see its way.
            let own = request.raised_by.is_some() && request.raised_by == caller.person().ok();
            let history = match &standing {
                Some(standing) if own || reads(caller, request.plant.as_deref()) => {
                    instances::history(tx, standing.instance_id).await?
                }
                _ => Vec::new(),
            };
            let mut people: Vec<Uuid> = request.raised_by.into_iter().collect();
            let ended = ending(&request.state, &history);
            people.extend(ended.iter().flat_map(|one| [one.person, one.on_behalf_of]).flatten());
            let names = view::names(tx, people).await?;
            let titles = view::titles(tx, std::iter::once(&request.workflow)).await?;
            let choices = choices(tx, caller.texts.lang).await?;
            Ok::<_, WorkflowError>((request, standing, stuck, history, (names, titles), choices))
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
        lines: lines::of(&request.details),
        version: Some(request.version),
        by_program: false,
    });
    let department = request.department_id.and_then(|id| {
        let found = choices.departments.iter().find(|(known, ..)| *known == id);
        found.map(|(.., code, name)| format!("{code} {name}"))
    });
    let texts = &caller.texts;
    let again = if own && request.state == "sent_back" {
        let fields = Fields::new(texts, format!("/requests/{id}"), texts.t("request-send-again"))
            .version(Some(request.version))
            .inputs(inputs(texts, &typed, &choices));
        Some(finished(fields, texts, &typed, &wrong)?)
    } else {
        None
    };
    let detail = Requests.detail(&json!({ "event": request.details }));
    let view = One {
        texts,
        zone: caller.zone,
        raised_by: request.raised_by.and_then(|person| names.get(&person).cloned()).unwrap_or_default(),
        last: LastWord::of(texts, &request.state, &history, &names),
        again,
        lines: view::lines(texts, &detail),
        may_end: own || manages(caller, request.plant.as_deref()),
        workflow: view::title(&caller.texts, &titles, &request.workflow).to_owned(),
        request,
        standing,
        stuck,
        files_at: state.files.subject(KIND).map(|subject| format!("/files/on/{}/{id}", subject.kind)),
        department,
        error,
    };
    let title = format!("{} {}", view.request.code(), view.request.subject);
    Shell::new(state, caller, title, "/requests")
        .under("/requests", caller.t("request-title"))
        .page(headers, &view)
}

async fn change(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Pairs>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&REQUEST_RAISE)?;
    let typed = as_typed(form(sent)?)?;
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
            let managed = managed(tx, &caller, id).await?;
            service::done(tx, id, caller.person().ok(), managed, now).await
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
            let managed = managed(tx, &caller, id).await?;
            service::cancel(tx, &state.subjects, id, person, managed, now).await
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
