//! Plan and usage by API.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{PLAN_READ, pages};
use crate::web::{AppState, Caller, Problem};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/plan", get(plan))
}

/// `GET /api/v1/plan`: what the plan allows, what stands, and the months, newest
/// first.
async fn plan(State(state): State<AppState>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.require(&PLAN_READ)?;
    let standing = pages::standing(&state, &caller).await?;
    let held = &standing.held;
    Ok(Json(json!({
        "plan": held.plan,
        "name": held.name,
        "limits": held.limits,
        "features": held.features,
        "contact": held.contact,
        "trial_ends_at": held.trial_ends_at,
        "people": standing.people,
        "plants": standing.plants,
        "months": standing.months,
    })))
}
