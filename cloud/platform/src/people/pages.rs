//! Pages of people: the list, one person, and the own account.

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
use uuid::Uuid;

use super::error::PeopleError;
use super::links::{self, Invitation};
use super::model::{ADMIN, Given, Role, Status, User};
use super::second_step::{self, Standing};
use super::service;
use super::settings::{self, Profile};
use super::signin::{self, Session};
use super::within::{By, Known};
use super::{USER_MANAGE, USER_READ};
use crate::ctx::Plants;
use crate::i18n::{Lang, Texts};
use crate::web::{AppState, Caller, Path, Problem, Shell, escaped, form, query, site};

/// The pages of people.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/users", get(list).post(invite))
        .route("/users/{id}", get(one))
        .route("/users/{id}/roles", post(set_roles))
        .route("/users/{id}/status", post(set_status))
        .route("/users/{id}/link", post(new_link))
        .route("/users/{id}/name", post(set_name))
        .merge(super::role_pages::router())
        .merge(super::limits_pages::router())
        .merge(super::settings_pages::router())
        .route("/account", get(account).post(set_profile))
        .route("/account/password", post(change_password))
        .route("/account/sessions", post(end_sessions))
        .merge(super::api::router())
        .merge(super::link_pages::router())
        .merge(super::forgot::router())
        .merge(super::step_api::router())
        .merge(super::step_pages::router())
        .merge(super::totp_pages::router())
        .merge(super::provider::router())
}

/// People of one page.
const PAGE: i64 = 50;

/// An error in the person's own language.
pub(super) fn say(texts: &Texts, error: PeopleError) -> Result<String, Problem> {
    match error {
        PeopleError::Db(_) | PeopleError::NoRandom | PeopleError::Secret(_) | PeopleError::NotFound => {
            Err(error.into())
        }
        PeopleError::PlanLimit(reached) => Ok(reached.say(texts)),
        PeopleError::Beyond(beyond) => Ok(beyond.say(texts)),
        PeopleError::InUse(uses) => Ok(uses.say(texts)),
        error => Ok(texts.t(error.text_key())),
    }
}

/// Name of a role in the reader's language.
pub(super) fn role_name(texts: &Texts, role: &Role) -> String {
    if role.built_in { texts.t(&role.text_key()) } else { role.names.say(texts.lang, &role.name).to_owned() }
}

/// Names of a person's roles, each with its plants where it is not for all.
fn role_names(texts: &Texts, all: &[Role], user: &User) -> String {
    let name = |role: &Role| {
        let name = role_name(texts, role);
        match user.role_at(&role.code)?.codes() {
            None => Some(name),
            Some(codes) => Some(format!("{name} ({})", codes.join(", "))),
        }
    };
    all.iter().filter_map(name).collect::<Vec<_>>().join(", ")
}

/// Whether a person has a role at this plant, and not at all of them.
fn is_at(user: &User, role: &Role, plant: &str) -> bool {
    user.role_at(&role.code).is_some_and(|plants| !plants.is_all() && plants.has(plant))
}

/// A role that can be given for some plants only.
fn by_plant(role: &Role) -> bool {
    role.code != ADMIN
}

/// Codes of roles that somebody can give, at some plant at least.
fn givable(by: &By<'_>, known: &Known, plants: &[(String, String)]) -> Vec<String> {
    let may = |role: &&Role| {
        let at = |plants| by.holds([known.grant(&role.code, &plants)]).is_ok();
        at(Plants::All) || (by_plant(role) && plants.iter().any(|(code, _)| at(Plants::some([code]))))
    };
    known.roles.iter().filter(may).map(|role| role.code.clone()).collect()
}

fn status_class(status: &Status) -> &'static str {
    match status {
        Status::Invited => "is-info",
        Status::Active => "is-good",
        Status::Disabled => "is-bad",
    }
}

// --- the list ------------------------------------------------------------------

#[derive(Template)]
#[template(path = "people/users.html")]
struct Users<'a> {
    texts: &'a Texts,
    zone: Tz,
    may_manage: bool,
    users: Vec<User>,
    roles: Vec<Role>,
    /// Codes of roles that whoever looks can give.
    may_give: Vec<String>,
    plants: Vec<(String, String)>,
    next: Option<String>,
    typed: Invited,
    error: Option<String>,
    /// A link that was just made, and for whom.
    link: Option<(String, Told)>,
    mails: bool,
}

/// How a link reaches its person.
enum Told {
    /// It is shown, this once, to be passed on.
    Shown(String),
    /// It is on its way by mail.
    Mailed,
}

impl Told {
    fn shown(&self) -> Option<&str> {
        match self {
            Self::Shown(link) => Some(link),
            Self::Mailed => None,
        }
    }
}

#[derive(Debug, Default)]
struct Invited {
    email: String,
    name: String,
    role: String,
    plants: Vec<String>,
}

impl Invited {
    fn of(boxes: &Boxes) -> Self {
        let one = |name: &str| ticked(boxes, name).pop().unwrap_or_default();
        let plants = ticked(boxes, "plant");
        Self { email: one("email"), name: one("name"), role: one("role"), plants }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct After {
    name: String,
    id: Option<Uuid>,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&USER_READ)?;
    let after = query::<After>(&uri)?;
    show_list(&state, &caller, &headers, &after, Invited::default(), None, None).await
}

async fn show_list(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    after: &After,
    typed: Invited,
    error: Option<String>,
    link: Option<(String, Told)>,
) -> Result<Response, Problem> {
    let from = (after.name.as_str(), after.id.unwrap_or_default());
    let mut users = service::list(&state.db, &caller.cx, from, PAGE + 1).await?;
    let more = i64::try_from(users.len()).is_ok_and(|count| count > PAGE);
    if more {
        users.pop();
    }
    let next = users.last().filter(|_| more).map(|last| {
        let name = escaped(&last.name, b"");
        format!("/users?name={name}&id={}", last.id)
    });
    let known = service::known(&state.db, &caller.cx).await?;
    let plants = service::plants(&state.db, &caller.cx, caller.texts.lang).await?;
    let by = By::caller(state, caller);
    let may_give = givable(&by, &known, &plants);
    let shell = Shell::new(state, caller, caller.t("people-users-title"), "/users");
    let view = Users {
        texts: &caller.texts,
        zone: caller.zone,
        may_manage: caller.rights.has_everywhere(&USER_MANAGE),
        users,
        roles: known.roles,
        may_give,
        plants,
        next,
        typed,
        error,
        link,
        mails: state.mails,
    };
    shell.page(headers, &view)
}

async fn invite(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Boxes>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let typed = Invited::of(&form(sent)?);
    let roles = if typed.role.is_empty() { Vec::new() } else { vec![typed.role.clone()] };
    let plants = chosen(&typed.plants);
    let invitation = Invitation { email: typed.email.clone(), name: typed.name.clone(), roles, plants };
    let first = After::default();
    let by = By::caller(&state, &caller);
    match links::invite(&state.db, &by, &invitation, state.by_mail(), Utc::now()).await {
        Ok((_, link)) => {
            let told = match state.mails {
                true => Told::Mailed,
                false => Told::Shown(link_of(&state, &headers, link.reveal())),
            };
            let link = (typed.email.trim().to_lowercase(), told);
            show_list(&state, &caller, &headers, &first, Invited::default(), None, Some(link)).await
        }
        Err(error) => {
            let (status, told) = (error.status(), say(&caller.texts, error)?);
            let page = show_list(&state, &caller, &headers, &first, typed, Some(told), None).await?;
            Ok((status, page).into_response())
        }
    }
}

/// The address of an invitation, as this browser reaches the server.
fn link_of(state: &AppState, headers: &HeaderMap, link: &str) -> String {
    format!("{}/invitation/{link}", site(state, headers))
}

// --- one person ----------------------------------------------------------------

#[derive(Template)]
#[template(path = "people/user.html")]
struct One<'a> {
    texts: &'a Texts,
    zone: Tz,
    may_manage: bool,
    /// Why whoever looks cannot change this person, though others.
    beyond: Option<String>,
    user: User,
    roles: Vec<Role>,
    /// Codes of roles that whoever looks can give.
    may_give: Vec<String>,
    plants: Vec<(String, String)>,
    error: Option<String>,
    link: Option<Told>,
    mails: bool,
    standing: Standing,
    /// Issuers by which the person comes in, and since when.
    identities: Vec<(String, chrono::DateTime<Utc>)>,
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    caller.require(&USER_READ)?;
    show_one(&state, &caller, &headers, id, None, None).await
}

async fn show_one(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    error: Option<String>,
    link: Option<Told>,
) -> Result<Response, Problem> {
    let user = service::find(&state.db, &caller.cx, id).await?;
    let known = service::known(&state.db, &caller.cx).await?;
    let plants = service::plants(&state.db, &caller.cx, caller.texts.lang).await?;
    let by = By::caller(state, caller);
    let manages = caller.rights.has_everywhere(&USER_MANAGE);
    let beyond = by.holds(known.grants(&user.given())).err().filter(|_| manages);
    let may_give = givable(&by, &known, &plants);
    let standing = second_step::standing(&state.db, &caller.cx, id).await?;
    let identities = super::provider::identities(&state.db, &caller.cx, id).await?;
    let shell = Shell::new(state, caller, user.name.clone(), "/users")
        .under("/users", caller.t("people-users-title"));
    let view = One {
        texts: &caller.texts,
        zone: caller.zone,
        may_manage: manages && beyond.is_none(),
        beyond: beyond.map(|beyond| beyond.say(&caller.texts)),
        user,
        roles: known.roles,
        may_give,
        plants,
        error,
        link,
        mails: state.mails,
        standing,
        identities,
    };
    shell.page(headers, &view)
}

/// Back to the person's page, or that page with what was wrong.
pub(super) async fn done_or_told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    done: Result<(), PeopleError>,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/users/{id}")).into_response()),
        Err(error) => {
            let (status, told) = (error.status(), say(&caller.texts, error)?);
            let page = show_one(state, caller, headers, id, Some(told), None).await?;
            Ok((status, page).into_response())
        }
    }
}

/// Pairs of a form with a box for each choice.
pub(super) type Boxes = Vec<(String, String)>;

pub(super) fn ticked(boxes: &Boxes, name: &str) -> Vec<String> {
    boxes.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
}

/// The plants that were ticked; none is all.
fn chosen(codes: &[String]) -> Plants {
    if codes.is_empty() { Plants::All } else { Plants::some(codes) }
}

pub(super) fn version(boxes: &Boxes) -> i32 {
    boxes.iter().find(|(key, _)| key == "version").and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

async fn set_roles(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Boxes>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let boxes = form(sent)?;
    let given: Vec<Given> = ticked(&boxes, "role")
        .into_iter()
        .map(|role| Given { plants: chosen(&ticked(&boxes, &format!("at.{role}"))), role })
        .collect();
    let seen = Some(version(&boxes));
    let done = service::give_as_seen(&state.db, &By::caller(&state, &caller), id, seen, &given).await;
    done_or_told(&state, &caller, &headers, id, done).await
}

#[derive(Debug, Deserialize)]
struct NewStatus {
    version: i32,
    active: bool,
}

async fn set_status(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<NewStatus>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let NewStatus { version, active } = form(sent)?;
    let by = By::caller(&state, &caller);
    let done = service::enable(&state.db, &by, id, version, active).await;
    done_or_told(&state, &caller, &headers, id, done).await
}

#[derive(Debug, Deserialize)]
struct NewName {
    version: i32,
    name: String,
}

async fn set_name(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<NewName>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let NewName { version, name } = form(sent)?;
    let done = service::rename(&state.db, &By::caller(&state, &caller), id, version, &name).await;
    done_or_told(&state, &caller, &headers, id, done).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewLink {
    by_mail: bool,
}

async fn new_link(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<NewLink>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let by_mail = state.by_mail().filter(|_| sent.is_ok_and(|Form(new)| new.by_mail));
    let link = match links::link(&state.db, &By::caller(&state, &caller), id, by_mail, Utc::now()).await {
        Ok(link) => link,
        Err(error) => return done_or_told(&state, &caller, &headers, id, Err(error)).await,
    };
    let told = match by_mail {
        Some(_) => Told::Mailed,
        None => Told::Shown(link_of(&state, &headers, link.reveal())),
    };
    show_one(&state, &caller, &headers, id, None, Some(told)).await
}

// --- the own account -------------------------------------------------------------

#[derive(Template)]
#[template(path = "people/account.html")]
struct Account<'a> {
    texts: &'a Texts,
    zone: Tz,
    email: String,
    profile: Profile,
    language: Lang,
    plants: &'a [(String, String)],
    /// Pages that may follow signing in, and what they are called.
    pages: Vec<(&'static str, String)>,
    now: chrono::DateTime<Utc>,
    sessions: Vec<Session>,
    standing: Standing,
    error: Option<String>,
    done: bool,
}

async fn account(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let done = uri.query() == Some("done");
    show_account(&state, &caller, &headers, None, done).await
}

async fn show_account(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    error: Option<String>,
    done: bool,
) -> Result<Response, Problem> {
    let id = caller.person()?;
    let user = service::find(&state.db, &caller.cx, id).await?;
    let now = Utc::now();
    let sessions = signin::sessions(&state.db, caller.cx.tenant, id, caller.session, now).await?;
    let standing = second_step::standing(&state.db, &caller.cx, id).await?;
    let shell = Shell::new(state, caller, caller.t("people-account-title"), "");
    let view = Account {
        texts: &caller.texts,
        zone: caller.zone,
        email: user.email,
        profile: settings::profile(&state.db, &caller.cx, id).await?,
        language: caller.language,
        plants: &caller.settings.plants,
        pages: pages(state, caller),
        now,
        sessions,
        standing,
        error,
        done,
    };
    shell.page(headers, &view)
}

async fn account_or_told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    done: Result<(), PeopleError>,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to("/account?done").into_response()),
        Err(error) => {
            let told = say(&caller.texts, error)?;
            let page = show_account(state, caller, headers, Some(told), false).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Pages that may follow signing in: those of the navigation that the caller sees.
pub(super) fn pages(state: &AppState, caller: &Caller) -> Vec<(&'static str, String)> {
    let seen = state.nav.iter().filter(|item| item.is_for(caller));
    seen.map(|item| (item.href, caller.t(item.label_key))).collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewProfile {
    name: String,
    language: String,
    time_zone: String,
    date_form: String,
    number_form: String,
    theme: String,
    plant: String,
    landing: String,
    shortcuts: String,
}

async fn set_profile(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<NewProfile>, FormRejection>,
) -> Result<Response, Problem> {
    let id = caller.person()?;
    let new = form(sent)?;
    let chosen = Lang::parse(&new.language);
    let known = pages(&state, &caller);
    let known: Vec<&str> = known.iter().map(|(href, _)| *href).collect();
    let change = |profile: &mut Profile| {
        *profile = Profile {
            name: new.name.clone(),
            language: new.language.clone(),
            time_zone: new.time_zone.clone(),
            date_form: new.date_form.clone(),
            number_form: new.number_form.clone(),
            theme: new.theme.clone(),
            plant: new.plant.clone(),
            landing: new.landing.clone(),
            shortcuts: new.shortcuts.clone(),
        };
    };
    let done = settings::change(&state.db, &caller.cx, id, &known, change).await.map(|_| ());
    let mut response = account_or_told(&state, &caller, &headers, done).await?;
    if let Some(language) = chosen {
        crate::web::set_language(&state, &mut response, language);
    }
    Ok(response)
}

#[derive(Deserialize)]
struct NewPassword {
    present: String,
    password: String,
}

async fn change_password(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<NewPassword>, FormRejection>,
) -> Result<Response, Problem> {
    let id = caller.person()?;
    let NewPassword { present, password } = form(sent)?;
    let both = (present.as_str(), password.as_str());
    let done = service::password_change(&state.db, &caller.cx, id, both, caller.session, Utc::now()).await;
    account_or_told(&state, &caller, &headers, done).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WhichSession {
    /// Empty: all but this one; `all`: this one too.
    id: String,
}

async fn end_sessions(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<WhichSession>, FormRejection>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    let WhichSession { id } = form(sent)?;
    if id == "all" {
        signin::end(&state.db, &caller.cx, person, None, None).await?;
        return Ok(Redirect::to("/signin").into_response());
    }
    let id = Some(id.as_str()).filter(|id| !id.is_empty());
    let done = signin::end(&state.db, &caller.cx, person, id, caller.session).await.map(|_| ());
    account_or_told(&state, &caller, &headers, done).await
}
