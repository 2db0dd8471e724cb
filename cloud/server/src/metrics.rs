//! `/healthz` and `/metrics` of the cloud.

use std::fmt::Write;

use analytics::mirror::Mirrors;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use platform::db::DbError;
use platform::web::AppState;
use serde_json::json;

/// 200 while the database answers, else 503.
pub async fn healthz(State(state): State<AppState>) -> impl IntoResponse {
    let asked: Result<(), DbError> = state
        .db
        .system_tx(async |tx| {
            sqlx::query("select 1").execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    match asked {
        Ok(()) => (StatusCode::OK, Json(json!({ "status": "ok" }))),
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                Json(json!({ "status": "failing", "database": "out of reach" })),
            )
        }
    }
}

/// Connections per role, and the mirrors, for Prometheus.
pub async fn metrics(
    State(state): State<AppState>,
    Extension(mirrors): Extension<Mirrors>,
) -> impl IntoResponse {
    let mut out = String::from(
        "# HELP tracewright_db_connections Open connections by role.\n# TYPE tracewright_db_connections gauge\n",
    );
    for (role, open, idle) in state.db.connections() {
        let _ = writeln!(out, "tracewright_db_connections{{role=\"{role}\",state=\"open\"}} {open}");
        let _ = writeln!(out, "tracewright_db_connections{{role=\"{role}\",state=\"idle\"}} {idle}");
    }
    out.push_str(&mirrors.metrics());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out)
}
