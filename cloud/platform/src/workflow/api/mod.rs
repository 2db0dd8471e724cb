//! Workflows by API.

mod definitions;
mod instances;
mod lending;

use axum::extract::State;
use axum::http::Uri;
use axum::{Json, Router};
use chrono::Utc;
use serde::Deserialize;
use utoipa::ToSchema;

use super::inbox::{self, Page};
use crate::openapi::{Operation, group};
use crate::web::routing::get;
use crate::web::{AppState, Caller, Problem, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/workflows/inbox", get(waiting))
        .merge(definitions::router())
        .merge(instances::router())
        .merge(lending::router())
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let inbox = Operation::get(
        "/api/v1/workflows/inbox",
        "listApprovals",
        "What waits for the caller, the most urgent first",
    )
    .person()
    .query::<After>()
    .answers::<Page>();
    let parts = [definitions::operations(), instances::operations(), lending::operations()];
    group("Workflows", [inbox].into_iter().chain(parts.into_iter().flatten()))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = InboxAsked)]
struct After {
    /// As the page before said.
    after: Option<String>,
    #[schema(minimum = 1, maximum = 200, default = 50)]
    limit: Option<usize>,
    /// Of this workflow only.
    workflow: String,
    /// Of this plant only.
    plant: String,
}

/// `GET /api/v1/workflows/inbox`
async fn waiting(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    let person = caller.person()?;
    let asked = query::<After>(&uri)?;
    let limit = crate::web::rows(asked.limit, 50, 200)?;
    let (after, now) = (inbox::after(asked.after.as_deref())?, Utc::now());
    let part = inbox::Part::of(&asked.workflow, &asked.plant, after)?;
    let page = state
        .db
        .tx(&caller.cx, async |tx| inbox::page(tx, &state.subjects, person, part, limit, now).await)
        .await?;
    Ok(Json(page))
}
