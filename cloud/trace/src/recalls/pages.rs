//! The pages of recalls: the list, beginning one, one with its tabs.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response as Answered};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use platform::i18n::{Texts, begins};
use platform::web::{AppState, Caller, Problem, Shell, form, query};
use platform::workflow::Standing;
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use super::chart::{self, Chart};
use super::effect::Total;
use super::model::{
    Action, Answer, Change, Consignee, KindOf, Letter, Outcome, Recall, RecallPage, Response, ResponsePage,
    SEVERITIES, Status, Told, UnitPage, Wish, ways,
};
use super::read::{self, Effectiveness, View};
use super::rights::{RECALL_MANAGE, RECALL_READ};
use super::{approval, service, store};
use crate::genealogy::Genealogy;
use crate::holds::store::one;
use crate::ingest::Committed;
use crate::pages::say;
use crate::pages::who::Names;

/// Rows of one page.
const PAGE: usize = 50;
/// The tabs of a recall, in their order.
const TABS: [&str; 6] = ["overview", "units", "consignees", "responses", "effectiveness", "history"];

/// The pages.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/recalls", get(list).post(begin))
        .route("/recalls/new", get(new))
        .route("/recalls/{id}", get(page).post(change))
        .route("/recalls/{id}/act", post(act))
        .route("/recalls/{id}/snapshot", post(snapshot))
        .route("/recalls/{id}/drill", post(drill))
        .route("/recalls/{id}/consignees/{consignee}", post(consignee))
        .route("/recalls/{id}/responses", post(respond))
        .route("/recalls/{id}/report", get(report))
}

fn name(texts: &Texts, what: &str, value: &str) -> String {
    texts.or(&format!("recalls-{what}-{value}"), value)
}

/// How a state looks; the text says the same.
fn colour(state: &str) -> &'static str {
    match state {
        "active" | "no_answer" | "dead" => " is-bad",
        "draft" | "to_notify" | "waiting" => " is-warn",
        "acknowledged" | "sent" => " is-good",
        "notified" => " is-info",
        _ => "",
    }
}

/// Milliseconds or seconds as people say them.
fn millis(texts: &Texts, ms: &i32) -> String {
    if *ms < 10_000 {
        texts.t1("recalls-millis", "ms", ms)
    } else {
        texts.t1("recalls-seconds", "s", ms / 1000)
    }
}

fn seconds(texts: &Texts, seconds: &i64) -> String {
    match *seconds {
        s if s < 120 => texts.t1("recalls-seconds", "s", s),
        s if s < 7_200 => texts.t1("recalls-minutes", "m", s / 60),
        s => texts.t1("recalls-hours", "h", s / 3_600),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListAsked {
    kind: String,
    status: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "recalls/list.html")]
struct ListPage<'a> {
    texts: &'a Texts,
    zone: Tz,
    may_manage: bool,
    kind: String,
    status: String,
    page: RecallPage,
}

/// `GET /recalls`
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_READ)?;
    let asked = query::<ListAsked>(&uri)?;
    let page = service::ask(&state, &caller, async |tx| {
        read::list(tx, &asked.kind, &asked.status, asked.after.as_deref(), PAGE).await
    })
    .await?;
    let kind = if asked.kind.is_empty() { "recall".to_owned() } else { asked.kind };
    let view = ListPage {
        texts: &caller.texts,
        zone: caller.zone,
        may_manage: caller.may(&RECALL_MANAGE),
        kind,
        status: asked.status,
        page,
    };
    Shell::new(&state, &caller, caller.t("recalls-title"), "/recalls").page(&headers, &view)
}

/// What was typed; boxes that are not ticked are not sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Typed {
    kind: String,
    uid: String,
    lot: String,
    scope: String,
    whole_lot: Option<String>,
    descendants: Option<String>,
    severity: String,
    reason: String,
    instructions: String,
    owner: String,
    target_on: String,
    company: String,
    version: i32,
}

/// A field that may be empty; what is no such value is a mistake.
fn maybe<T: std::str::FromStr>(text: &str) -> Result<Option<T>, ()> {
    let text = text.trim();
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| ()) }
}

/// A value that may be empty, with its mistake noted where it is none.
fn noted<T: std::str::FromStr>(
    wrong: &mut Vec<(&'static str, &'static str)>,
    (field, key): (&'static str, &'static str),
    text: &str,
) -> Option<T> {
    maybe(text).unwrap_or_else(|()| {
        wrong.push((field, key));
        None
    })
}

fn wrong_fields(caller: &Caller, wrong: Vec<(&'static str, &'static str)>) -> Result<(), Problem> {
    if wrong.is_empty() {
        return Ok(());
    }
    Err(super::error::RecallError::Fields(wrong).told(|key| caller.t(key)))
}

impl Typed {
    fn wish(&self, caller: &Caller) -> Result<Wish, Problem> {
        let mut wrong = Vec::new();
        let wish = Wish {
            kind: self.kind.clone(),
            uid: self.uid.clone(),
            whole_lot: self.whole_lot.is_some(),
            lot: self.lot.clone(),
            scope: noted(&mut wrong, ("scope", "recalls-wrong-scope"), &self.scope),
            descendants: self.descendants.is_some(),
            of: None,
            severity: self.severity.clone(),
            reason: self.reason.clone(),
            instructions: self.instructions.clone(),
            owner: noted(&mut wrong, ("owner", "recalls-wrong-owner"), &self.owner),
            target_on: noted::<NaiveDate>(&mut wrong, ("target_on", "recalls-wrong-target"), &self.target_on),
            company: self.company.clone(),
        };
        wrong_fields(caller, wrong)?;
        Ok(wish)
    }
}

/// The choices of a form.
struct Choices {
    people: Vec<(Uuid, String)>,
    companies: Vec<String>,
}

async fn choices(state: &AppState, caller: &Caller) -> Result<Choices, Problem> {
    service::ask(state, caller, async |tx| {
        Ok(Choices {
            people: one::people(tx, one::MOST_PEOPLE).await?,
            companies: store::recalls::companies(tx).await?,
        })
    })
    .await
}

#[derive(Template)]
#[template(path = "recalls/new.html")]
struct NewPage<'a> {
    texts: &'a Texts,
    typed: &'a Typed,
    choices: Choices,
    /// Of the scope from which it is begun.
    scope_name: String,
    person: String,
    error: Option<&'a Problem>,
}

impl NewPage<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        let errors = &self.error?.errors;
        errors.iter().find(|error| error.field == field).map(|error| error.detail.as_str())
    }

    fn is_owner(&self, person: &Uuid) -> bool {
        let owner = if self.typed.owner.is_empty() { &self.person } else { &self.typed.owner };
        *owner == person.to_string()
    }
}

/// What is wrong, in the reader's language, as a problem that a form shows.
fn shown(caller: &Caller, mut problem: Problem) -> Result<Problem, Problem> {
    if problem.status.is_server_error() || problem.status == StatusCode::FORBIDDEN {
        return Err(problem);
    }
    if problem.detail.is_empty() || caller.texts.has(&problem.text_key()) {
        problem.detail = caller.texts.or(&problem.text_key(), &problem.detail);
    }
    Ok(problem)
}

async fn show_new(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: &Typed,
    error: Option<&Problem>,
) -> Result<Answered, Problem> {
    let choices = choices(state, caller).await?;
    let person = caller.person().map(|person| person.to_string()).unwrap_or_default();
    let scope_name = match maybe::<Uuid>(&typed.scope).unwrap_or_default() {
        Some(scope) => {
            service::ask(state, caller, async |tx| Ok(store::recalls::scope_name(tx, scope).await?)).await?
        }
        None => None,
    };
    let scope_name = scope_name.unwrap_or_default();
    let view = NewPage { texts: &caller.texts, typed, choices, scope_name, person, error };
    let title = caller.t(if typed.kind == "drill" { "recalls-new-drill" } else { "recalls-new" });
    Shell::new(state, caller, title, "/recalls").page(headers, &view)
}

/// `GET /recalls/new`
async fn new(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Answered, Problem> {
    caller.require(&RECALL_MANAGE)?;
    let mut typed = query::<Typed>(&uri)?;
    if typed.severity.is_empty() {
        typed.severity = SEVERITIES[1].to_owned();
    }
    show_new(&state, &caller, &headers, &typed, None).await
}

/// `POST /recalls`
async fn begin(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require(&RECALL_MANAGE)?;
    let typed = form(sent)?;
    let begun = match typed.wish(&caller) {
        Ok(wish) => service::begin(&state, &caller, &genealogy, &wish, Utc::now()).await,
        Err(problem) => Err(problem),
    };
    match begun {
        Ok(id) => Ok(Redirect::to(&format!("/recalls/{id}")).into_response()),
        Err(problem) => {
            let problem = shown(&caller, problem)?;
            let mut response = show_new(&state, &caller, &headers, &typed, Some(&problem)).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    tab: String,
    place: String,
    consignee: String,
    after: Option<String>,
}

/// A total with its picture.
struct Drawn {
    total: Total,
    chart: Chart,
}

#[derive(Template)]
#[template(path = "recalls/one.html")]
struct OnePage<'a> {
    texts: &'a Texts,
    zone: Tz,
    tab: String,
    place: String,
    recall: Recall,
    view: View,
    /// Of whoever looks after it, and did something with it.
    names: Names,
    choices: Choices,
    /// What the caller may do with it now.
    actions: Vec<Action>,
    /// How its approval stands, where that was asked for.
    approval: Option<Standing>,
    may_manage: bool,
    units: Option<UnitPage>,
    letters: Vec<Letter>,
    responses: Option<ResponsePage>,
    effect: Effectiveness,
    drawn: Vec<Drawn>,
    history: Vec<(DateTime<Utc>, String, String)>,
    drills: Vec<Recall>,
    error: Option<&'a Problem>,
}

impl OnePage<'_> {
    fn is_drill(&self) -> bool {
        self.recall.kind_of() == KindOf::Drill
    }

    /// It is approved, or looked at for that: it stays as it is.
    fn is_fixed(&self) -> bool {
        self.recall.state() == Status::Draft && self.approval.as_ref().is_some_and(approval::is_fixed)
    }

    fn is_open(&self) -> bool {
        matches!(self.recall.state(), Status::Draft | Status::Active)
    }

    fn consignee(&self, id: &Uuid) -> String {
        let found = self.view.consignees.iter().find(|one| one.consignee_id == *id);
        found.map(|one| self.named(one)).unwrap_or_default()
    }

    fn named(&self, one: &Consignee) -> String {
        let name = match (one.name.is_empty(), one.code.is_empty()) {
            (false, _) => format!("{} {}", one.code, one.name),
            (true, false) if one.kind == "plant" => one.code.clone(),
            (true, false) => self.texts.t1("recalls-unknown-partner", "document", &one.code),
            (true, true) => self.texts.t("recalls-unknown-anybody"),
        };
        if one.place.is_empty() { name } else { format!("{name}, {}", one.place) }
    }

    fn letters_of(&self, id: &Uuid) -> Vec<&Letter> {
        self.letters.iter().filter(|letter| letter.consignee_id == *id).collect()
    }

    fn activate_lead(&self) -> String {
        let is_held = |place: &str| super::model::Place::parse(place).is_some_and(|place| place.is_held());
        let labels: i64 =
            self.view.piles.iter().filter(|pile| is_held(&pile.place)).map(|pile| pile.labels).sum();
        let outside = self.view.consignees.iter().filter(|one| one.kind != "plant").count();
        self.texts.with("recalls-activate-lead", &[("labels", labels.into()), ("consignees", outside.into())])
    }

    fn told_count(&self) -> String {
        let told = self.view.consignees.iter().filter(|one| one.state != "to_notify").count();
        let all = self.view.consignees.len();
        self.texts.with("recalls-told-count", &[("told", told.into()), ("all", all.into())])
    }

    fn percent_held(&self) -> i64 {
        if self.recall.to_hold == 0 {
            100
        } else {
            i64::from(self.recall.held) * 100 / i64::from(self.recall.to_hold)
        }
    }

    fn next(&self, after: &str) -> String {
        format!("/recalls/{}?tab={}&place={}&after={after}", self.recall.recall_id, self.tab, self.place)
    }

    /// Where units were, each once.
    fn places(&self) -> Vec<&str> {
        let mut places: Vec<&str> = self.view.piles.iter().map(|pile| pile.place.as_str()).collect();
        places.dedup();
        places
    }

    fn is_owner(&self, person: &Uuid) -> bool {
        self.recall.owner == Some(*person)
    }

    fn is_severity(&self, one: &str) -> bool {
        self.recall.severity == one
    }

    fn severities(&self) -> [&'static str; 3] {
        SEVERITIES
    }

    fn outcomes(&self) -> &'static [Outcome] {
        Outcome::ALL
    }

    /// What an answer says, in words.
    fn said(&self, one: &Response) -> String {
        super::report::outcomes(self.texts, one)
    }

    fn states(&self) -> &'static [Told] {
        Told::ALL
    }
}

/// `GET /recalls/{id}`
async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_READ)?;
    let asked = query::<Asked>(&uri)?;
    show(&state, &caller, &headers, id, &asked, None).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    asked: &Asked,
    error: Option<&Problem>,
) -> Result<Answered, Problem> {
    let tab = TABS.into_iter().find(|tab| *tab == asked.tab).unwrap_or(TABS[0]);
    let consignee = maybe::<Uuid>(&asked.consignee).unwrap_or_default();
    let may_manage = caller.may(&RECALL_MANAGE);
    let now = Utc::now();
    let mut view = service::ask(state, caller, async |tx| {
        let view = read::view(tx, id).await?;
        let recall = view.recall.clone();
        let after = asked.after.as_deref();
        let units = match tab {
            "units" => Some(read::units(tx, id, &asked.place, consignee, after, PAGE).await?),
            _ => None,
        };
        let letters = if tab == "consignees" { read::letters(tx, id).await? } else { Vec::new() };
        let responses = match tab {
            "responses" => Some(read::responses(tx, id, after, PAGE).await?),
            _ => None,
        };
        let effect = read::effectiveness(tx, id).await?;
        let target = recall.target_on.and_then(|day| begins(day.succ_opt()?, caller.zone));
        let from = recall.activated_at.unwrap_or(recall.created_at);
        let until = recall.ended_at.unwrap_or(now);
        let drawn = effect
            .totals
            .iter()
            .map(|total| Drawn { total: total.clone(), chart: chart::chart(total, from, target, until) })
            .collect();
        let history = if tab == "history" { read::history(tx, id).await? } else { Vec::new() };
        let drills = if tab == "overview" { store::recalls::drills(tx, id).await? } else { Vec::new() };
        // For the form that changes it.
        let people = if tab == "overview" && may_manage {
            one::people(tx, one::MOST_PEOPLE).await?
        } else {
            Vec::new()
        };
        let asked_for = approval::standing(tx, id).await?;
        let actions = ways(recall.kind_of(), recall.state())
            .filter(|way| caller.rights.has_everywhere(&way.right))
            .filter(|way| way.action != Action::Activate || !asked_for.as_ref().is_some_and(approval::waits))
            .map(|way| way.action)
            .collect();
        Ok(OnePage {
            texts: &caller.texts,
            zone: caller.zone,
            tab: tab.to_owned(),
            place: asked.place.clone(),
            recall,
            view,
            names: Names::default(),
            choices: Choices { people, companies: Vec::new() },
            actions,
            approval: asked_for,
            may_manage,
            units,
            letters,
            responses,
            effect,
            drawn,
            history,
            drills,
            error,
        })
    })
    .await?;
    let owner = view.recall.owned_by();
    let actors = view.history.iter().map(|(_, _, who)| who.as_str()).chain([owner.as_str()]);
    view.names = Names::read(state, caller, actors).await?;
    let title = format!("{} {}", view.recall.number, view.recall.reason);
    Shell::new(state, caller, title, "/recalls").page(headers, &view)
}

/// Goes back to a tab of the recall, or shows what was wrong there.
async fn after(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    tab: &str,
    done: Result<(), Problem>,
) -> Result<Answered, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/recalls/{id}?tab={tab}")).into_response()),
        Err(problem) if problem.status == StatusCode::NOT_FOUND && problem.code == "not_found" => {
            Err(problem)
        }
        Err(problem) => {
            let problem = shown(caller, problem)?;
            let asked = Asked { tab: tab.to_owned(), ..Asked::default() };
            let mut response = show(state, caller, headers, id, &asked, Some(&problem)).await?;
            *response.status_mut() = problem.status;
            Ok(response)
        }
    }
}

/// `POST /recalls/{id}`
async fn change(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require(&RECALL_MANAGE)?;
    let typed = form(sent)?;
    let done = match typed.wish(&caller) {
        Ok(wish) => {
            let change = Change {
                severity: wish.severity,
                reason: wish.reason,
                instructions: wish.instructions,
                owner: wish.owner,
                target_on: wish.target_on,
                version: typed.version,
            };
            service::change(&state, &caller, id, &change).await
        }
        Err(problem) => Err(problem),
    };
    after(&state, &caller, &headers, id, "overview", done).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Acts {
    action: String,
    note: String,
}

/// `POST /recalls/{id}/act`
async fn act(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Acts>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    let sent = form(sent)?;
    let action = Action::parse(&sent.action).ok_or_else(|| {
        Problem::bad_request("query.parameter", "action is none of activate, close, cancel")
    })?;
    let office = (&committed, &genealogy);
    let done = service::act(&state, &caller, office, id, action, &sent.note, Utc::now()).await;
    after(&state, &caller, &headers, id, "overview", done.map(drop)).await
}

/// `POST /recalls/{id}/snapshot`
async fn snapshot(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Answered, Problem> {
    let done = service::take_again(&state, &caller, &genealogy, id, Utc::now()).await;
    after(&state, &caller, &headers, id, "overview", done).await
}

/// `POST /recalls/{id}/drill`
async fn drill(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    let drill = service::drill(&state, &caller, id, Utc::now()).await?;
    Ok(Redirect::to(&format!("/recalls/{drill}")))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stands {
    state: String,
}

/// `POST /recalls/{id}/consignees/{consignee}`: the state, or `write`.
async fn consignee(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path((id, consignee)): Path<(Uuid, Uuid)>,
    sent: Result<Form<Stands>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    let sent = form(sent)?;
    let done = if sent.state == "write" {
        service::write(&state, &caller, id, consignee, Utc::now()).await.map(drop)
    } else {
        service::consignee(&state, &caller, id, consignee, &sent.state, Utc::now()).await
    };
    after(&state, &caller, &headers, id, "consignees", done).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answers {
    consignee: String,
    uid: String,
    outcome: String,
    unit: String,
    found: String,
    quarantined: String,
    returned: String,
    replaced: String,
    destroyed: String,
    used_up: String,
    not_found: String,
    reference: String,
    note: String,
}

impl Answers {
    fn answer(&self, caller: &Caller) -> Result<Answer, Problem> {
        let mut wrong = Vec::new();
        let mut quantity = |field: &'static str, text: &str| {
            noted::<Decimal>(&mut wrong, (field, "recalls-wrong-quantity"), text)
        };
        let answer = Answer {
            found: quantity("found", &self.found),
            quarantined: quantity("quarantined", &self.quarantined),
            returned: quantity("returned", &self.returned),
            replaced: quantity("replaced", &self.replaced),
            destroyed: quantity("destroyed", &self.destroyed),
            used_up: quantity("used_up", &self.used_up),
            not_found: quantity("not_found", &self.not_found),
            consignee: noted(&mut wrong, ("consignee", "recalls-wrong-consignee"), &self.consignee),
            uid: self.uid.clone(),
            outcome: self.outcome.clone(),
            unit: self.unit.clone(),
            reference: self.reference.clone(),
            note: self.note.clone(),
            at: None,
        };
        wrong_fields(caller, wrong)?;
        Ok(answer)
    }
}

/// `POST /recalls/{id}/responses`
async fn respond(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Answers>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    let sent = form(sent)?;
    let done = match sent.answer(&caller) {
        Ok(answer) => service::respond(&state, &caller, id, &answer, Utc::now()).await.map(drop),
        Err(problem) => Err(problem),
    };
    after(&state, &caller, &headers, id, "responses", done).await
}

/// A PDF to be kept as a file of the recall's number.
pub(super) fn pdf((number, bytes): (String, Vec<u8>)) -> Answered {
    let safe: String =
        number.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{safe}.pdf\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, bytes).into_response()
}

/// `GET /recalls/{id}/report`
async fn report(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Answered, Problem> {
    Ok(pdf(super::report::report(&state, &caller, id, Utc::now()).await?))
}
