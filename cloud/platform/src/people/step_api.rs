//! The second step of sign-in and identities of a provider, as programs that administer see
//! and change them: whether a role asks for a second step, how it stands with a person, and
//! what is forgotten of one.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::api::{BEYOND, OneRole, find_role, told_stale};
use super::second_step::{self, Standing};
use super::within::By;
use super::{ROLE_MANAGE, USER_MANAGE, USER_READ, provider, service};
use crate::openapi::{Operation, group};
use crate::web::routing::{delete, get, put};
use crate::web::{AppState, Caller, IfMatch, Path, Problem, etag, json};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/roles/{code}/second-step", put(require))
        .route("/api/v1/users/{id}/second-step", get(stands).merge(delete(reset)))
        .route("/api/v1/users/{id}/identities", get(identities).merge(delete(unlink)))
}

/// What the routes here are, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    let of_person = "/api/v1/users/{id}/second-step";
    let linked = "/api/v1/users/{id}/identities";
    group(
        "People",
        [
            Operation::put(
                "/api/v1/roles/{code}/second-step",
                "requireSecondStep",
                "Says whether whoever has a role must have a second step of sign-in",
            )
            .note("It holds from the next sign-in on: whoever has none sets it up before anything else.")
            .needs(&ROLE_MANAGE)
            .takes::<Required>()
            .answers::<OneRole>()
            .tagged()
            .must_match()
            .fails(403, "rights.beyond", BEYOND),
            Operation::get(of_person, "getSecondStep", "How it stands with a person's second step")
                .needs(&USER_READ)
                .uuid("id")
                .answers::<SecondStep>(),
            Operation::delete(
                of_person,
                "resetSecondStep",
                "Forgets the second step of somebody who lost it",
            )
            .note(
                "The person's sessions end; where a role asks for it, it is set up anew at the next sign-in.",
            )
            .needs(&USER_MANAGE)
            .uuid("id")
            .ends()
            .fails(403, "rights.beyond", BEYOND)
            .fails(404, "not_found", "There is no such person, or nothing to forget."),
            Operation::get(linked, "listIdentities", "By which identities of a provider a person comes in")
                .needs(&USER_READ)
                .uuid("id")
                .answers::<Identities>(),
            Operation::delete(linked, "unlinkIdentities", "Forgets by which identity a person comes in")
                .note("The next one with the person's e-mail becomes theirs.")
                .needs(&USER_MANAGE)
                .uuid("id")
                .ends()
                .fails(403, "rights.beyond", BEYOND)
                .fails(404, "not_found", "There is no such person, or none is linked."),
        ],
    )
}

// --- roles --------------------------------------------------------------------------

/// Whether a role asks for a second step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoleSecondStep)]
struct Required {
    required: bool,
    /// The version of the role that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

async fn require(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
    sent: Result<Json<Required>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let Required { required, version } = json(sent)?;
    let found = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(version)?.unwrap_or(found.version);
    let done = second_step::require(&state.db, &By::caller(&state, &caller), &code, version, required).await;
    done.map_err(|error| told_stale(error, if_match))?;
    let role = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    Ok(([etag(role.version)], Json(OneRole::of(role, &caller))).into_response())
}

// --- people -------------------------------------------------------------------------

/// How it stands with a person's second step.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserSecondStep)]
struct SecondStep {
    /// Codes are asked for.
    on: bool,
    /// A role asks for them, or of administrators the plan.
    required: bool,
    /// Backup codes that were not used.
    codes_left: i64,
}

impl From<Standing> for SecondStep {
    fn from(Standing { on, required, codes_left }: Standing) -> Self {
        Self { on, required, codes_left }
    }
}

async fn stands(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<SecondStep>, Problem> {
    caller.require(&USER_READ)?;
    service::find(&state.db, &caller.cx, id).await?;
    Ok(Json(second_step::standing(&state.db, &caller.cx, id).await?.into()))
}

async fn reset(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require(&USER_MANAGE)?;
    second_step::reset(&state.db, &By::caller(&state, &caller), id, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The identities of a provider by which a person comes in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserIdentities)]
struct Identities {
    identities: Vec<Identity>,
}

/// One of them; what the provider calls the person is not told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserIdentity)]
struct Identity {
    /// Who says who it is.
    issuer: String,
    linked_at: DateTime<Utc>,
}

async fn identities(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Identities>, Problem> {
    caller.require(&USER_READ)?;
    service::find(&state.db, &caller.cx, id).await?;
    let found = provider::identities(&state.db, &caller.cx, id).await?;
    let identities = found.into_iter().map(|(issuer, linked_at)| Identity { issuer, linked_at }).collect();
    Ok(Json(Identities { identities }))
}

async fn unlink(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require(&USER_MANAGE)?;
    provider::unlink(&state.db, &By::caller(&state, &caller), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
