//! Pages of people: one person.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::error::PeopleError;
use super::links;
use super::model::{ADMIN, Given, Role, Status, User};
use super::second_step::{self, Standing};
use super::service;
use super::within::{By, Known};
use super::{USER_MANAGE, USER_READ};
use crate::ctx::Plants;
use crate::i18n::Texts;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, kept, site};

/// The pages of people.
pub fn router() -> Router<AppState> {
    Router::new()
        .merge(super::list_pages::router())
        .route("/users/{id}", get(one))
        .route("/users/{id}/roles", post(set_roles))
        .route("/users/{id}/status", post(set_status))
        .route("/users/{id}/link", post(new_link))
        .route("/users/{id}/name", post(set_name))
        .merge(super::role_pages::router())
        .merge(super::matrix_pages::router())
        .merge(super::limits_pages::router())
        .merge(super::settings_pages::router())
        .merge(super::account_pages::router())
        .merge(super::api::router())
        .merge(super::link_pages::router())
        .merge(super::forgot::router())
        .merge(super::step_api::router())
        .merge(super::step_pages::router())
        .merge(super::totp_pages::router())
        .merge(super::provider::router())
}

/// An error in the person's own language.
pub(super) fn say(texts: &Texts, error: PeopleError) -> Result<String, Problem> {
    match error {
        PeopleError::NoRandom | PeopleError::Secret(_) | PeopleError::NotFound => Err(error.into()),
        PeopleError::Db(error) => kept(texts, error),
        PeopleError::PlanLimit(reached) => Ok(reached.say(texts)),
        PeopleError::Beyond(beyond) => Ok(beyond.say(texts)),
        PeopleError::InUse(uses) => Ok(uses.say(texts)),
        error => Ok(texts.t(error.text_key())),
    }
}

/// Name of a role in the reader's language.
pub(crate) fn role_name(texts: &Texts, role: &Role) -> String {
    if role.built_in { texts.t(&role.text_key()) } else { role.names.say(texts.lang, &role.name).to_owned() }
}

/// Names of a person's roles, each with its plants where it is not for all.
pub(super) fn role_names(texts: &Texts, all: &[Role], user: &User) -> String {
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
pub(super) fn givable(by: &By<'_>, known: &Known, plants: &[(String, String)]) -> Vec<String> {
    let may = |role: &&Role| {
        let at = |plants| by.holds([known.grant(&role.code, &plants)]).is_ok();
        at(Plants::All) || (by_plant(role) && plants.iter().any(|(code, _)| at(Plants::some([code]))))
    };
    known.roles.iter().filter(may).map(|role| role.code.clone()).collect()
}

pub(super) fn status_class(status: &Status) -> &'static str {
    match status {
        Status::Invited => "is-info",
        Status::Active => "is-good",
        Status::Disabled => "is-bad",
    }
}

// --- links ---------------------------------------------------------------------

/// How a link reaches its person.
pub(super) enum Told {
    /// It is shown, this once, to be passed on.
    Shown(String),
    /// It is on its way by mail.
    Mailed,
}

impl Told {
    pub(super) fn shown(&self) -> Option<&str> {
        match self {
            Self::Shown(link) => Some(link),
            Self::Mailed => None,
        }
    }
}

/// What is wrong with a form: by field, or of none of them.
#[derive(Debug, Default)]
pub(super) struct Tried {
    pub(super) status: StatusCode,
    pub(super) wrong: Vec<(&'static str, String)>,
}

impl Tried {
    /// What a command says.
    pub(super) fn of(texts: &Texts, error: PeopleError) -> Result<Self, Problem> {
        let (status, field) = (error.status(), error.field().unwrap_or_default());
        Ok(Self { status, wrong: vec![(field, say(texts, error)?)] })
    }
}

/// The address of an invitation, as this browser reaches the server.
pub(super) fn link_of(state: &AppState, headers: &HeaderMap, link: &str) -> String {
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
    /// Why the mail that invites the person did not go out so far.
    unsent: Option<String>,
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
    let may_manage = manages && beyond.is_none();
    let unsent = match &link {
        // Who has just been given a link needs no other.
        None if may_manage && user.status == Status::Invited => {
            links::mail_unsent(&state.db, &caller.cx, id).await?
        }
        _ => None,
    };
    let mails = may_manage && links::by_mail(state, &caller.cx).await?.is_some();
    let shell = Shell::new(state, caller, user.name.clone(), "/users")
        .under("/users", caller.t("people-users-title"));
    let view = One {
        texts: &caller.texts,
        zone: caller.zone,
        may_manage,
        beyond: beyond.map(|beyond| beyond.say(&caller.texts)),
        user,
        roles: known.roles,
        may_give,
        plants,
        error,
        link,
        unsent,
        mails,
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

/// What was sent under this name.
pub(crate) fn ticked(boxes: &[(String, String)], name: &str) -> Vec<String> {
    boxes.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
}

/// What was chosen of several, which send an empty value beside it. Where single boxes stand
/// an empty value is a mistake to be told: without it, no plant would become all.
pub(crate) fn ticked_of_many(boxes: &[(String, String)], name: &str) -> Vec<String> {
    let mut all = ticked(boxes, name);
    all.retain(|value| !value.is_empty());
    all
}

/// The plants that were ticked; none is all.
pub(super) fn chosen(codes: &[String]) -> Plants {
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
    let by_mail = match sent {
        Ok(Form(NewLink { by_mail: true })) => links::by_mail(&state, &caller.cx).await?,
        _ => None,
    };
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
