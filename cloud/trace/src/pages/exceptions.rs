//! The inbox of exceptions: the list with its counts, and one exception with what
//! resolves it.

use askama::Template;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use chrono::{DateTime, Utc};
use platform::i18n::Texts;
use platform::web::list::{Cell, Column, List, Row, Tab, address};
use platform::web::{AppState, Caller, IfMatch, Path, Problem, Shell, form, query};
use serde::Deserialize;
use uuid::Uuid;

use super::detail::{self, Side};
use super::say::{self, Zones};
use super::who::Names;
use super::words::{Codes, Words};
use crate::exceptions::model::{
    ExceptionAssign, ExceptionCount, ExceptionDetail, ExceptionPage, ExceptionReopen, ExceptionResolve,
    ExceptionView,
};
use crate::exceptions::service::{self, Filter, ME};
use crate::explore::error::TraceError;
use crate::ingest::Committed;
use crate::rights::{EXCEPTION_ASSIGN, EXCEPTION_READ, EXCEPTION_RESOLVE};

/// The tab of those that the reader is at.
const MINE: &str = "mine";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    status: String,
    kind: String,
    plant: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "exceptions.html")]
struct Page<'a> {
    texts: &'a Texts,
    now: DateTime<Utc>,
    /// open, mine, assigned or resolved.
    tab: String,
    kind: String,
    plant: String,
    counts: Vec<ExceptionCount>,
    list: List<'a>,
}

/// Both sides of an exception, folded away under its row.
#[derive(Template)]
#[template(path = "exceptions/sides.html")]
struct Sides<'a> {
    texts: &'a Texts,
    sides: Vec<Side>,
    detail: &'a serde_json::Value,
}

/// Exceptions with who is who.
struct Told<'a> {
    caller: &'a Caller,
    zones: Zones,
    names: Names,
    words: Words,
    now: DateTime<Utc>,
}

/// `GET /exceptions`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&EXCEPTION_READ)?;
    let asked = query::<Asked>(&uri)?;
    let tab = if asked.status.is_empty() { "open".to_owned() } else { asked.status };
    let person = caller.person().ok();
    let (status, assigned_to) = match person {
        Some(person) if tab == MINE => ("assigned".to_owned(), person.to_string()),
        _ => (tab.clone(), String::new()),
    };
    let filter = Filter { status, kind: asked.kind.clone(), plant: asked.plant.clone(), assigned_to };
    let cx = caller.in_focus(&EXCEPTION_READ);
    let said = |error| say::problem(&caller.texts, error);
    service::asked_for(&state.db, &cx, &caller.texts, &filter).await?;
    let may = caller.plants(&EXCEPTION_READ);
    let page = service::list(&state.db, &cx, &may, filter, asked.after.as_deref(), 50).await.map_err(said)?;
    let counts = service::counts(&state.db, &cx).await.map_err(said)?;
    let (mut actors, mut codes) = (Vec::new(), Codes::default());
    for one in &page.exceptions {
        detail::codes(&one.detail, &mut codes);
        actors.extend(one.assigned_to.as_ref().map(|id| format!("user:{id}")));
        actors.extend(one.resolved_by.clone());
        actors.extend(detail::people(&one.detail));
    }
    let names = Names::read(&state, &caller, actors.iter().map(String::as_str)).await?;
    let now = Utc::now();
    let words = Words::read(&state, &caller, &codes).await?;
    let told = Told { caller: &caller, zones: zones(&state, &caller).await?, names, words, now };
    let (kind, plant) = (asked.kind, asked.plant);
    let list = told.list((&tab, person.is_some()), (&kind, &plant), &page)?;
    let shell = Shell::new(&state, &caller, caller.t("trace-exceptions-title"), "/exceptions");
    shell.page(&headers, &Page { texts: &caller.texts, now, tab, kind, plant, counts, list })
}

async fn zones(state: &AppState, caller: &Caller) -> Result<Zones, Problem> {
    let cx = caller.at(&EXCEPTION_READ);
    let zones = state.db.tx(&cx, async |tx| Ok::<_, TraceError>(Zones::read(tx, caller.zone).await?));
    Ok(zones.await?)
}

impl<'a> Told<'a> {
    fn who(&self, id: &str) -> String {
        named(&self.caller.texts, &self.names, id)
    }

    fn list(
        &self,
        (tab, person): (&str, bool),
        (kind, plant): (&str, &str),
        page: &ExceptionPage,
    ) -> Result<List<'a>, Problem> {
        let texts = &self.caller.texts;
        let at = |tab: &str, after: &str| {
            address("/exceptions", &[("status", tab), ("kind", kind), ("plant", plant), ("after", after)])
        };
        let tabs = ["open", MINE, "assigned", "resolved"].into_iter().filter(|one| person || *one != MINE);
        let tabs = tabs.map(|one| {
            let said = if one == MINE { texts.t("exceptions-mine") } else { say::name(texts, "status", one) };
            Tab::new(at(one, ""), said, one == tab)
        });
        let rows: Result<Vec<Row>, Problem> = page.exceptions.iter().map(|one| self.row(one)).collect();
        let narrowed = !kind.is_empty() || !plant.is_empty();
        let list = List::new(texts, "/exceptions")
            .tabs(texts.t("trace-filter"), [tabs.collect()])
            .columns([
                Column::new("exceptions-kind"),
                Column::new("trace-by-uid"),
                Column::new("trace-plant"),
                Column::new("trace-document"),
                Column::new("trace-since"),
                Column::new("exceptions-with"),
            ])
            .rows(rows?)
            .empty(texts.t("trace-exceptions-none"))
            .narrowed(narrowed, address("/exceptions", &[("status", tab)]))
            .next(page.next.as_ref().map(|next| at(tab, next)));
        Ok(if tab == "open" { list.teaches(texts.t("exceptions-none-open")) } else { list })
    }

    fn row(&self, one: &ExceptionView) -> Result<Row, Problem> {
        let texts = &self.caller.texts;
        let uid = one.uid.as_deref().unwrap_or_default();
        let since = texts.time(&one.opened_at, self.zones.of(&one.plant));
        let since = match one.resolved_at {
            None => Cell::text(since).under(texts.ago(&one.opened_at, &self.now)),
            Some(_) => Cell::text(since),
        };
        // Who is at it; of one that is over who ended it, and how.
        let by = one.resolved_by.as_ref().or(one.assigned_to.as_ref());
        let how = [
            one.choice.as_deref().map(|code| choice(texts, code)),
            one.resolution.as_deref().map(|how| say::resolution(texts, how)),
        ];
        let how: Vec<String> = how.into_iter().flatten().collect();
        let sides =
            detail::sides(texts, (&self.zones, &self.words), &one.plant, &one.detail, &|id| self.who(id));
        let row = Row::new([
            Cell::text(say::exception(texts, &one.kind)),
            Cell::code(uid).to(format!("/trace/{uid}")),
            Cell::text(&one.plant),
            Cell::text(&one.document),
            since,
            Cell::text(by.map(|by| self.who(by)).unwrap_or_default()).under(how.join(" · ")),
        ]);
        let below = Sides { texts, sides, detail: &one.detail }.render()?;
        Ok(row.to(format!("/exceptions/{}", one.exception_id)).below(Some(below)))
    }
}

/// Where the list of a count is.
fn of_count(count: &ExceptionCount, status: &str) -> String {
    address("/exceptions", &[("status", status), ("kind", &count.kind), ("plant", &count.plant)])
}

/// A person's name, else what is known of who it is.
fn named(texts: &Texts, names: &Names, id: &str) -> String {
    let id = if id.parse::<Uuid>().is_ok() { format!("user:{id}") } else { id.to_owned() };
    match names.known(&id) {
        Some(name) => name.to_owned(),
        None if id == "system" => texts.t("exceptions-system"),
        None => texts.t("exceptions-somebody"),
    }
}

#[derive(Template)]
#[template(path = "exception.html")]
struct One<'a> {
    texts: &'a Texts,
    zones: Zones,
    now: DateTime<Utc>,
    it: ExceptionDetail,
    names: Names,
    words: Words,
    /// Whom it can be given to: id and name.
    people: Vec<(Uuid, String)>,
    me: Option<Uuid>,
    may_resolve: bool,
    may_assign: bool,
    typed: Typed,
    /// What was wrong: of a field, or of the whole.
    errors: Vec<(String, String)>,
    /// Where its files are shown.
    files: String,
}

/// What was typed into one of the forms.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    choice: String,
    reason: String,
    to: String,
    version: Option<i32>,
}

/// `GET /exceptions/{id}`
pub(super) async fn one(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    show(&state, &caller, &headers, id, Typed::default(), Vec::new()).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    typed: Typed,
    errors: Vec<(String, String)>,
) -> Result<Response, Problem> {
    let it = service::find(state, caller, id).await?;
    let plant = it.exception.plant.clone();
    let may = |right| match plant.as_str() {
        "" => caller.require(right).is_ok(),
        plant => caller.may_at(right, plant),
    };
    let (may_resolve, may_assign) = (may(&EXCEPTION_RESOLVE), may(&EXCEPTION_ASSIGN));
    let offered = if may_assign && it.exception.status != "resolved" {
        state.db.tx(&caller.cx, async |tx| service::people(tx, &plant).await).await?
    } else {
        Vec::new()
    };
    let mut actors: Vec<String> = offered.iter().map(|id| format!("user:{id}")).collect();
    for step in &it.steps {
        actors.push(step.actor.clone());
        actors.extend(step.person.map(|person| format!("user:{person}")));
    }
    actors.extend(it.exception.assigned_to.as_ref().map(|id| format!("user:{id}")));
    actors.extend(it.exception.resolved_by.clone());
    actors.extend(detail::people(&it.exception.detail));
    let names = Names::read(state, caller, actors.iter().map(String::as_str)).await?;
    let mut people: Vec<(Uuid, String)> = offered
        .into_iter()
        .filter_map(|id| Some((id, names.known(&format!("user:{id}"))?.to_owned())))
        .collect();
    people.sort_by_key(|one| one.1.to_lowercase());
    let title = say::exception(&caller.texts, &it.exception.kind);
    let mut codes = Codes::default();
    detail::codes(&it.exception.detail, &mut codes);
    let words = Words::read(state, caller, &codes).await?;
    let zones = zones(state, caller).await?;
    let view = One {
        texts: &caller.texts,
        zones,
        now: Utc::now(),
        it,
        names,
        words,
        people,
        me: caller.person().ok(),
        may_resolve,
        may_assign,
        typed,
        errors,
        files: state.files.panel(&caller.texts, crate::exceptions::KIND, &id.to_string())?,
    };
    Shell::new(state, caller, title, "/exceptions")
        .under("/exceptions", caller.t("trace-exceptions-title"))
        .page(headers, &view)
}

/// Back to the exception; or its page again, with what was wrong. Somebody else's
/// change is told there too, since what is shown is how it stands now.
async fn after(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    typed: Typed,
    done: Result<ExceptionDetail, Problem>,
) -> Result<Response, Problem> {
    let problem = match done {
        Ok(_) => return Ok(Redirect::to(&format!("/exceptions/{id}")).into_response()),
        Err(problem) => problem,
    };
    let shown = matches!(
        problem.status,
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT | StatusCode::BAD_REQUEST
    );
    if !shown {
        return Err(problem);
    }
    let status = problem.status;
    let errors = if problem.errors.is_empty() {
        vec![(String::new(), caller.texts.or(&problem.text_key(), &problem.detail))]
    } else {
        problem.errors.into_iter().map(|error| (error.field, error.detail)).collect()
    };
    let mut response = show(state, caller, headers, id, typed, errors).await?;
    *response.status_mut() = status;
    Ok(response)
}

/// `POST /exceptions/{id}/resolve`
pub(super) async fn resolve(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&EXCEPTION_RESOLVE)?;
    let typed = form(sent)?;
    let wish = ExceptionResolve {
        choice: typed.choice.clone(),
        reason: typed.reason.clone(),
        version: typed.version,
    };
    let done = service::resolve(&state, &caller, &committed, id, &wish, IfMatch::Absent, Utc::now()).await;
    after(&state, &caller, &headers, id, typed, done).await
}

/// `POST /exceptions/{id}/assign`
pub(super) async fn assign(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    if !caller.may(&EXCEPTION_RESOLVE) {
        caller.require_somewhere(&EXCEPTION_ASSIGN)?;
    }
    let typed = form(sent)?;
    let wish = ExceptionAssign { to: typed.to.clone(), version: typed.version };
    let done = service::assign(&state, &caller, id, &wish, IfMatch::Absent, Utc::now()).await;
    after(&state, &caller, &headers, id, typed, done).await
}

/// `POST /exceptions/{id}/reopen`
pub(super) async fn reopen(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&EXCEPTION_RESOLVE)?;
    let typed = form(sent)?;
    let wish = ExceptionReopen { reason: typed.reason.clone(), version: typed.version };
    let done = service::reopen(&state, &caller, id, &wish, IfMatch::Absent, Utc::now()).await;
    after(&state, &caller, &headers, id, typed, done).await
}

impl One<'_> {
    fn sides(&self) -> Vec<Side> {
        let one = &self.it.exception;
        let said = (&self.zones, &self.words);
        detail::sides(self.texts, said, &one.plant, &one.detail, &|id| self.who(id))
    }

    fn who(&self, id: &str) -> String {
        named(self.texts, &self.names, id)
    }

    fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|(name, _)| name == field).map(|(_, told)| told.as_str())
    }

    fn is_mine(&self) -> bool {
        let me = self.me.map(|me| me.to_string());
        me.is_some() && self.it.exception.assigned_to == me
    }

    fn is_of(&self, person: &Uuid) -> bool {
        self.it.exception.assigned_to.as_deref() == Some(person.to_string().as_str())
    }
}

/// Everything that an exception holds, for who looks closer.
fn pretty(detail: &serde_json::Value) -> String {
    serde_json::to_string_pretty(detail).unwrap_or_default()
}

/// The name of a choice, and what it does.
fn choice(texts: &Texts, code: &str) -> String {
    texts.or(&format!("exceptions-choice-{code}"), code)
}

fn does(texts: &Texts, code: &str) -> String {
    texts.t(&format!("exceptions-does-{code}"))
}

fn step(texts: &Texts, what: &str) -> String {
    texts.t(&format!("exceptions-step-{what}"))
}

/// What happened, as a hint of [`ME`] for the form that takes it.
fn me() -> &'static str {
    ME
}
