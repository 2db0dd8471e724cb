//! The audit by API.

use axum::extract::State;
use axum::http::Uri;
use axum::{Json, Router};

use super::AUDIT_READ;
use super::list::{self, Asked, AuditPage};
use crate::openapi::{Operation, group};
use crate::web::routing::get;
use crate::web::{AppState, Caller, Problem, query};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/audit", get(entries))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let list = Operation::get("/api/v1/audit", "listAudit", "Who changed what, newest first")
        .needs(&AUDIT_READ)
        .note("Whoever has the right at some plants gets the rows of these and those of no plant.")
        .query::<Asked>()
        .answers::<AuditPage>();
    group("Audit", [list])
}

/// `GET /api/v1/audit`
async fn entries(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<AuditPage>, Problem> {
    caller.require_somewhere(&AUDIT_READ)?;
    let asked = query::<Asked>(&uri)?;
    Ok(Json(list::page(&state.db, &caller.at(&AUDIT_READ), caller.zone, &asked).await?))
}
