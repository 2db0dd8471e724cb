//! The page of roles: what each may do, what it is called, and making and deleting them.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::error::PeopleError;
use super::model::{self, ADMIN, Role};
use super::pages::{Boxes, Tried, role_name, say, ticked, version};
use super::within::{By, Known};
use super::{ROLE_MANAGE, roles, service};
use crate::ctx::Plants;
use crate::i18n::{Names, Texts, TypedNames};
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{Amount, AppState, Caller, Path, Permission, Problem, Shell, form, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/roles", get(page).merge(post(create_role)))
        .route("/roles/{code}", post(set_permissions))
        .route("/roles/{code}/name", post(rename))
        .route("/roles/{code}/delete", post(delete))
}

/// Rights over masters, of which there are three for each: shown apart.
fn of_masters(permission: &Permission) -> bool {
    permission.code.starts_with("masters.")
}

/// How many of them a role has, as "12/54".
fn held_of_masters(role: &Role, permissions: &[Permission]) -> String {
    let all = || permissions.iter().filter(|permission| of_masters(permission));
    format!("{}/{}", all().filter(|permission| role.has(permission.code)).count(), all().count())
}

#[derive(Template)]
#[template(path = "people/roles.html")]
struct Roles<'a> {
    texts: &'a Texts,
    known: Known,
    permissions: &'a [Permission],
    by: By<'a>,
    /// A name that was not taken.
    not_taken: Option<(Naming, Tried)>,
    error: Option<String>,
    /// Code of the role that the reader comes for, which is open.
    at: String,
}

/// What a role is to be called, as it was sent.
#[derive(Debug, Default)]
struct Naming {
    /// The code of the role; `None` of a new one.
    of: Option<String>,
    /// The code that a new one is to have.
    code: String,
    name: String,
    names: Names,
    version: i32,
}

impl Naming {
    /// What is wrong with it by itself, with what the command says of it.
    fn wrong(&self, texts: &Texts, error: PeopleError) -> Result<Tried, Problem> {
        let mut tried = Tried { status: error.status(), wrong: Vec::new() };
        let mut note = |field, right: bool, error: PeopleError| {
            if !right {
                tried.wrong.push((field, texts.t(error.text_key())));
            }
        };
        note("code", self.of.is_some() || roles::code_of(&self.code).is_some(), PeopleError::Role);
        note("name", model::name(&self.name).is_some(), PeopleError::Name);
        note("names", model::names(&self.names).is_some(), PeopleError::Name);
        if tried.wrong.is_empty() {
            let field = error.field().map(|field| if field == "role" { "code" } else { field });
            tried.wrong.push((field.unwrap_or_default(), say(texts, error)?));
        }
        Ok(tried)
    }
}

/// Which role the page is opened at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct At {
    role: String,
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let At { role } = query(&uri)?;
    shown_at(&state, &caller, &headers, (None, None), role).await
}

async fn show_roles(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    not_taken: Option<(Naming, Tried)>,
    error: Option<String>,
) -> Result<Response, Problem> {
    shown_at(state, caller, headers, (not_taken, error), String::new()).await
}

async fn shown_at(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    (not_taken, error): (Option<(Naming, Tried)>, Option<String>),
    at: String,
) -> Result<Response, Problem> {
    let known = service::known(&state.db, &caller.cx).await?;
    let shell = Shell::new(state, caller, caller.t("people-roles-title"), "/roles");
    let (by, permissions) = (By::caller(state, caller), &state.permissions[..]);
    shell.page(headers, &Roles { texts: &caller.texts, known, permissions, by, not_taken, error, at })
}

impl Roles<'_> {
    /// A form that was not taken, of this role or of a new one.
    fn not_taken(&self, of: Option<&str>) -> Option<&(Naming, Tried)> {
        self.not_taken.as_ref().filter(|(naming, _)| naming.of.as_deref() == of)
    }

    /// The form that makes a role.
    fn creates(&self) -> Fields<'_> {
        let texts = self.texts;
        let blank = Naming::default();
        let (typed, wrong) = match self.not_taken(None) {
            Some((naming, tried)) => (naming, tried.wrong.as_slice()),
            None => (&blank, Default::default()),
        };
        let code = Input::text("code", texts.t("people-role-code")).value(&typed.code).longest(40).code();
        let name = Input::text("name", texts.t("people-name")).value(&typed.name).longest(80);
        Fields::new(texts, "/roles", texts.t("people-role-create"))
            .inputs([code.required(), name.required()])
            .names(&typed.names, 80)
            .wrong(wrong.iter().map(|(field, told)| (field, told)))
    }

    /// The form that renames one.
    fn renames(&self, role: &Role) -> Fields<'_> {
        let texts = self.texts;
        let called = |name: &str, names: &Names, version: i32| {
            let name = Input::text("name", texts.t("people-name")).value(name).required().longest(80);
            Fields::new(texts, format!("/roles/{}/name", role.code), texts.t("people-rename"))
                .apart(&role.code)
                .version(Some(version))
                .inputs([name])
                .names(names, 80)
        };
        let stands = called(&role.name, &role.names, role.version);
        let Some((it, tried)) = self.not_taken(Some(&role.code)) else { return stands };
        let wrong = tried.wrong.iter().map(|(field, told)| (field, told));
        called(&it.name, &it.names, it.version).wrong(wrong).against(&stands)
    }

    /// The permissions of a role whose documents have an amount, and up to which the
    /// role has each; those that whoever looks can change.
    fn limited(&self, role: &Role) -> Vec<(Permission, Option<&Amount>)> {
        let held = self.permissions.iter().filter(|known| known.has_amount && role.has(known.code));
        let may = held.filter(|permission| self.may_change(role, permission));
        may.map(|permission| (*permission, self.known.limit(&role.code, permission.code))).collect()
    }

    /// Whether whoever looks can give a role this permission, or take it away.
    fn may_change(&self, role: &Role, permission: &Permission) -> bool {
        let limit = self.known.limit(&role.code, permission.code);
        self.by.holds([roles::limited(permission.code, limit)]).is_ok()
    }

    /// Whether whoever looks may all that a role may.
    fn is_within(&self, role: &Role) -> bool {
        self.by.holds([self.known.grant(&role.code, &Plants::All)]).is_ok()
    }
}

pub(super) async fn roles_or_told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    done: Result<(), PeopleError>,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to("/roles").into_response()),
        Err(error) => {
            let (status, told) = (error.status(), say(&caller.texts, error)?);
            let page = show_roles(state, caller, headers, None, Some(told)).await?;
            Ok((status, page).into_response())
        }
    }
}

/// The same of a form that names a role, with what was typed where a field of it is not right,
/// somebody else was faster, or it cannot be kept just now.
async fn named_or_told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    naming: Naming,
    done: Result<(), PeopleError>,
) -> Result<Response, Problem> {
    let tried = match done {
        Err(error) if error.field().is_some() => naming.wrong(&caller.texts, error)?,
        // The form says so by itself, beside what the role is called now.
        Err(error @ PeopleError::Stale) => Tried { status: error.status(), wrong: Vec::new() },
        Err(error @ PeopleError::Db(_)) => Tried::of(&caller.texts, error)?,
        done => return roles_or_told(state, caller, headers, done).await,
    };
    let status = tried.status;
    let page = show_roles(state, caller, headers, Some((naming, tried)), None).await?;
    Ok((status, page).into_response())
}

#[derive(Debug, Deserialize)]
struct NewRole {
    code: String,
    name: String,
    #[serde(flatten)]
    names: TypedNames,
}

async fn create_role(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<NewRole>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let NewRole { code, name, names } = form(sent)?;
    let naming = Naming { of: None, code, name, names: names.into(), version: 0 };
    let done = roles::create(&state.db, &caller.cx, &naming.code, &naming.name, &naming.names).await;
    named_or_told(&state, &caller, &headers, naming, done).await
}

async fn set_permissions(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    sent: Result<Form<Boxes>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let boxes = form(sent)?;
    let held = ticked(&boxes, "permission");
    let by = By::caller(&state, &caller);
    let done =
        roles::permissions_set(&state.db, &by, &state.permissions, &code, version(&boxes), &held).await;
    roles_or_told(&state, &caller, &headers, done).await
}

#[derive(Debug, Deserialize)]
struct NewName {
    version: i32,
    name: String,
    #[serde(flatten)]
    names: TypedNames,
}

async fn rename(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    sent: Result<Form<NewName>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let NewName { version, name, names } = form(sent)?;
    let naming = Naming { of: Some(code.clone()), code: String::new(), name, names: names.into(), version };
    let called = (naming.name.as_str(), Some(&naming.names));
    let done = roles::rename(&state.db, &By::caller(&state, &caller), &code, version, called).await;
    named_or_told(&state, &caller, &headers, naming, done).await
}

#[derive(Debug, Deserialize)]
struct Version {
    version: i32,
}

async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    sent: Result<Form<Version>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let Version { version } = form(sent)?;
    let done = roles::delete(&state.db, &By::caller(&state, &caller), &code, version).await;
    roles_or_told(&state, &caller, &headers, done).await
}
