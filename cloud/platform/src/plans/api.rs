//! Plan and usage by API.

use axum::extract::State;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::model::Limits;
use super::store::Usage;
use super::{PLAN_READ, pages};
use crate::openapi::{Operation, group};
use crate::web::routing::get;
use crate::web::{AppState, Caller, Problem};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/plan", get(plan))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let plan = Operation::get("/api/v1/plan", "plan", "What the plan allows, and what is used of it")
        .needs(&PLAN_READ)
        .answers::<PlanUsed>();
    group("Plan", [plan])
}

/// What the plan allows, and what is used of it.
#[derive(Debug, Serialize, ToSchema)]
struct PlanUsed {
    /// Code of the plan.
    plan: String,
    /// Its name.
    name: String,
    /// What it allows; null is as much as one likes.
    limits: Limits,
    /// What it opens: `branding`, `own_mail`, `addresses`.
    features: Vec<String>,
    /// Administrators must have a second step of sign-in.
    admins_second_step: bool,
    /// Whom to ask for more; empty: whoever runs the cloud.
    contact: String,
    /// When the trial ends, if it is one.
    trial_ends_at: Option<DateTime<Utc>>,
    /// People who have an account now.
    people: i64,
    /// Plants now.
    plants: i64,
    /// What was used, newest month first.
    months: Vec<Usage>,
}

/// `GET /api/v1/plan`
async fn plan(State(state): State<AppState>, caller: Caller) -> Result<Json<PlanUsed>, Problem> {
    caller.require(&PLAN_READ)?;
    let standing = pages::standing(&state, &caller).await?;
    let held = standing.held;
    Ok(Json(PlanUsed {
        plan: held.plan,
        name: held.name,
        limits: held.limits,
        features: held.features,
        admins_second_step: held.admins_second_step,
        contact: held.contact,
        trial_ends_at: held.trial_ends_at,
        people: standing.people,
        plants: standing.plants,
        months: standing.months,
    }))
}
