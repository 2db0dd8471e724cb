//! Access keys as JSON.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::make::{self, Typed};
use super::service::{self, Listed};
use crate::ctx::Plants;
use crate::openapi::{Operation, group};
use crate::web::routing::{delete, get, post};
use crate::web::{AppState, Caller, Path, Permission, Problem, Scope, json};

/// Make, list and end access keys.
pub const KEY_MANAGE: Permission = Permission::admin("key.manage");

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/access-keys", get(list).merge(post(create)))
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
        .fails(
            422,
            "key.invalid",
            "No name, an end that lies behind or more than 365 days ahead, or plants that are not there or more than 200.",
        ),
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
    /// Who made it, as the audit names whoever acts; `system`: the cloud's command line.
    created_by: String,
    /// When it last opened something, to five minutes; null: never.
    last_used_at: Option<DateTime<Utc>>,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// When it was ended.
    revoked_at: Option<DateTime<Utc>>,
}

impl From<Listed> for One {
    fn from(key: Listed) -> Self {
        let Listed { id, name, scopes, plants, created_at, created_by, last_used_at, expires_at, revoked_at } =
            key;
        let plants = plants.codes();
        Self { id, name, scopes, plants, created_at, created_by, last_used_at, expires_at, revoked_at }
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
    #[schema(max_items = 200)]
    plants: Option<Vec<String>>,
    /// When it ends by itself, in 365 days at the latest; null for that.
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

async fn create(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<New>, JsonRejection>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    caller.require(&KEY_MANAGE)?;
    let New { name, scope, plants, expires_at } = json(sent)?;
    let typed = Typed { name, scope: scope.scope(), plants: Plants::stored(plants), expires_at };
    match make::make(&state, &caller, &typed, Utc::now()).await {
        Ok(key) => {
            Ok((StatusCode::CREATED, Json(Made { id: key.hash().short(), key: key.reveal().to_owned() })))
        }
        Err(wrong) => Err(wrong.problem(&caller.texts)),
    }
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
