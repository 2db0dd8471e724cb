//! Access keys as JSON.

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::service::{self, Listed, NewKey};
use crate::ctx::Plants;
use crate::openapi::{Operation, group};
use crate::web::{AppState, Caller, Permission, Problem, Scope, json};

/// Make, list and end access keys.
pub const KEY_MANAGE: Permission = Permission::admin("key.manage");

pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/access-keys", get(list).post(create))
        .route("/api/v1/access-keys/{key}", delete(revoke))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let operations = [
        Operation::get("/api/v1/access-keys", "listAccessKeys", "The access keys, newest first")
            .needs(&KEY_MANAGE)
            .answers::<Keys>(),
        Operation::post(
            "/api/v1/access-keys",
            "createAccessKey",
            "Makes an access key, which is told this once",
        )
        .note("Nobody gives away more than they have: a caller needs every permission that the scope has.")
        .needs(&KEY_MANAGE)
        .takes::<New>()
        .creates::<Made>()
        .fails(403, "key.beyond", "The scope or a plant is beyond the caller's own rights.")
        .fails(422, "key.invalid", "No name, or an end that lies behind."),
        Operation::delete(
            "/api/v1/access-keys/{key}",
            "revokeAccessKey",
            "Ends an access key, and every session on it",
        )
        .needs(&KEY_MANAGE)
        .means("key", "Its id, as the list has it.")
        .ends(),
    ];
    group("Access keys", operations)
}

/// All access keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessKeys)]
struct Keys {
    keys: Vec<One>,
}

/// An access key; the key itself is not kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessKey)]
struct One {
    /// Names it in the audit, and to end it.
    id: String,
    /// What it is for.
    name: String,
    /// read, write, admin.
    scopes: Vec<String>,
    /// Codes of plants; null for all.
    plants: Option<Vec<String>>,
    created_at: DateTime<Utc>,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// When it was ended.
    revoked_at: Option<DateTime<Utc>>,
}

impl From<Listed> for One {
    fn from(key: Listed) -> Self {
        let Listed { id, name, scopes, plants, created_at, expires_at, revoked_at } = key;
        Self { id, name, scopes, plants: plants.codes(), created_at, expires_at, revoked_at }
    }
}

async fn list(State(state): State<AppState>, caller: Caller) -> Result<Json<Keys>, Problem> {
    caller.require(&KEY_MANAGE)?;
    let keys = service::list(&state.db, caller.cx.tenant).await?;
    Ok(Json(Keys { keys: keys.into_iter().map(One::from).collect() }))
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AccessKeyScope)]
enum KeyScope {
    /// See.
    Read,
    /// See and change.
    Write,
    /// Administer as well.
    Admin,
}

impl KeyScope {
    fn scope(self) -> Scope {
        match self {
            Self::Read => Scope::Read,
            Self::Write => Scope::Write,
            Self::Admin => Scope::Admin,
        }
    }
}

/// An access key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAccessKey)]
struct New {
    /// What it is for.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    scope: KeyScope,
    /// Codes of plants; null for all.
    #[serde(default)]
    #[schema(max_items = 500)]
    plants: Option<Vec<String>>,
    /// When it ends by itself; null for never.
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessKeyMade)]
struct Made {
    /// Names it in the audit, and to end it.
    id: String,
    /// `Authorization: Bearer <key>`; never shown again.
    key: String,
}

/// Refuses to give away more than the caller has.
fn require_within(state: &AppState, caller: &Caller, scope: Scope, plants: &Plants) -> Result<(), Problem> {
    let granted = state.permissions.iter().filter(|permission| permission.key_scope <= scope);
    let within = |permission: &Permission| {
        let own = caller.plants(permission);
        match plants.codes() {
            None => own.is_all(),
            Some(codes) => codes.iter().all(|plant| own.has(plant)),
        }
    };
    let beyond = granted.filter(|permission| !within(permission)).count();
    if beyond == 0 {
        return Ok(());
    }
    let detail =
        format!("The key would have {beyond} permissions that you have not, or not at these plants.");
    Err(Problem::new(StatusCode::FORBIDDEN, "key.beyond", detail))
}

async fn create(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<New>, JsonRejection>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    caller.require(&KEY_MANAGE)?;
    let New { name, scope, plants, expires_at } = json(sent)?;
    let (scope, plants) = (scope.scope(), Plants::stored(plants));
    require_within(&state, &caller, scope, &plants)?;
    let mut problem = Problem::invalid("key.invalid", Vec::new());
    let clean = crate::people::clean_name(&name);
    if clean.is_none() {
        problem = problem.field("name", "A name of 1 to 80 characters is expected.");
    }
    if expires_at.is_some_and(|at| at <= Utc::now()) {
        problem = problem.field("expires_at", "It lies behind; choose a time to come.");
    }
    let known = crate::people::plants(&state.db, &caller.cx).await?;
    for code in plants.codes().into_iter().flatten() {
        if !known.iter().any(|(plant, _)| *plant == code) {
            problem = problem.field("plants", format!("There is no plant {code}."));
        }
    }
    let Some(name) = clean.filter(|_| problem.errors.is_empty()) else {
        return Err(Problem::invalid("key.invalid", problem.errors));
    };
    let new = NewKey { name: &name, scopes: &[scope], plants: &plants, expires_at };
    let key = service::create_by(&state.db, &caller.cx, &new).await?;
    Ok((StatusCode::CREATED, Json(Made { id: key.hash().short(), key: key.reveal().to_owned() })))
}

async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(&KEY_MANAGE)?;
    match service::revoke_by(&state.db, &caller.cx, &key, Utc::now()).await? {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(Problem::not_found()),
    }
}
