//! `/healthz` and `/metrics` of the cloud.

use std::fmt::Write;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use platform::db::DbError;
use platform::web::AppState;
use serde_json::json;

use crate::modules::Shared;

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

/// Connections per role, the genealogies in memory, what the proofs have found and the
/// mirrors, for Prometheus.
pub async fn metrics(
    State(state): State<AppState>,
    Extension(Shared { genealogy, mirrors, .. }): Extension<Shared>,
) -> impl IntoResponse {
    let mut out = String::from(
        "# HELP tracewright_db_connections Open connections by role.\n# TYPE tracewright_db_connections gauge\n",
    );
    for (role, open, idle) in state.db.connections() {
        let _ = writeln!(out, "tracewright_db_connections{{role=\"{role}\",state=\"open\"}} {open}");
        let _ = writeln!(out, "tracewright_db_connections{{role=\"{role}\",state=\"idle\"}} {idle}");
    }
    let found = genealogy.figures();
    let mut tell = |name: &str, kind: &str, what: &str, value: u64| {
        let _ = writeln!(out, "# HELP tracewright_genealogy_{name} {what}");
        let _ = writeln!(out, "# TYPE tracewright_genealogy_{name} {kind}");
        let _ = writeln!(out, "tracewright_genealogy_{name} {value}");
    };
    tell("tenants", "gauge", "Tenants whose genealogy is in memory.", found.tenants as u64);
    tell("bytes", "gauge", "Memory that they take.", found.bytes as u64);
    tell("memory_answers_total", "counter", "Questions that memory answered.", found.from_memory);
    tell("sql_answers_total", "counter", "Questions that the database answered.", found.from_sql);
    tell("checks_total", "counter", "Answers that were compared with the database's.", found.checked);
    tell("differences_total", "counter", "Answers that differed from the database's.", found.differed);
    out.push_str(&trace::proofs::metrics());
    out.push_str(&mirrors.metrics());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out)
}
