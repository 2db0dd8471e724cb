//! The audit by API.

use axum::extract::State;
use axum::http::Uri;
use axum::routing::get;
use axum::{Json, Router};

use super::AUDIT_READ;
use super::list::{self, Asked, AuditPage};
use crate::web::{AppState, Caller, Problem, query};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/audit", get(entries))
}

/// `GET /api/v1/audit`
async fn entries(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<AuditPage>, Problem> {
    caller.require(&AUDIT_READ)?;
    let asked = query::<Asked>(&uri)?;
    Ok(Json(list::page(&state.db, &caller.cx, caller.zone, &asked).await?))
}
