//! The page of roles: what each may do, what it is called, and making and deleting them.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::error::PeopleError;
use super::model::{ADMIN, Role, RoleLimit};
use super::pages::{Boxes, role_name, say, ticked, version};
use super::within::{By, Known};
use super::{ROLE_MANAGE, roles, service};
use crate::ctx::Plants;
use crate::i18n::{Names, Texts, TypedNames};
use crate::web::{Amount, AppState, Caller, Path, Permission, Problem, Shell, form};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/roles", get(page).post(create_role))
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
    /// What a role that is not there yet is called.
    no_names: Names,
    error: Option<String>,
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    show_roles(&state, &caller, &headers, None).await
}

async fn show_roles(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    error: Option<String>,
) -> Result<Response, Problem> {
    let known = service::known(&state.db, &caller.cx).await?;
    let shell = Shell::new(state, caller, caller.t("people-roles-title"), "/roles");
    let (by, permissions) = (By::caller(state, caller), &state.permissions[..]);
    let no_names = Names::default();
    shell.page(headers, &Roles { texts: &caller.texts, known, permissions, by, no_names, error })
}

impl Roles<'_> {
    fn limit(&self, role: &Role, permission: &Permission) -> Option<&Amount> {
        let own = |limit: &&RoleLimit| limit.role == role.code && limit.permission == permission.code;
        self.known.limits.iter().find(own).map(|limit| &limit.limit)
    }

    /// The permissions of a role whose documents have an amount, and up to which the
    /// role has each; those that whoever looks can change.
    fn limited(&self, role: &Role) -> Vec<(Permission, Option<&Amount>)> {
        let held = self.permissions.iter().filter(|known| known.has_amount && role.has(known.code));
        let may = held.filter(|permission| self.may_change(role, permission));
        may.map(|permission| (*permission, self.limit(role, permission))).collect()
    }

    /// Whether whoever looks can give a role this permission, or take it away.
    fn may_change(&self, role: &Role, permission: &Permission) -> bool {
        self.by.holds([roles::limited(permission.code, self.limit(role, permission))]).is_ok()
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
            let page = show_roles(state, caller, headers, Some(told)).await?;
            Ok((status, page).into_response())
        }
    }
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
    let done = roles::create(&state.db, &caller.cx, &code, &name, &names.into()).await;
    roles_or_told(&state, &caller, &headers, done).await
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
    let names = names.into();
    let called = (name.as_str(), Some(&names));
    let done = roles::rename(&state.db, &By::caller(&state, &caller), &code, version, called).await;
    roles_or_told(&state, &caller, &headers, done).await
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
