//! `/healthz` and `/metrics` of the agent, for people and for Prometheus.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::Context;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::PlantFile;
use crate::engine::Handle;

/// Serves both until told to stop.
///
/// # Errors
/// When the address cannot be bound.
pub(super) async fn start(
    plant: &Arc<PlantFile>,
    handle: &Handle,
    stop: &CancellationToken,
    parts: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let listen = plant.health.listen;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("health: listening on {listen}"))?;
    let app = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .with_state(handle.clone());
    let stop = stop.clone();
    parts.spawn(async move {
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await {
            tracing::error!(%error, "health cannot be served");
        }
    });
    Ok(())
}

/// 200 while facts can be taken, 503 when they cannot; the body says how all
/// stands. A cloud out of reach is no failure of the plant.
async fn healthz(State(engine): State<Handle>) -> impl IntoResponse {
    let status = engine.status();
    let uplink = engine.uplink().borrow().clone();
    let warnings = status.warnings();
    let bad = status.failed.is_some() || warnings.contains(&"journal.full");
    let leases: serde_json::Map<String, serde_json::Value> =
        status.leases.iter().map(|level| (level.kind.to_string(), level.left.into())).collect();
    let series: serde_json::Map<String, serde_json::Value> =
        status.series.iter().map(|level| (level.series.clone(), level.left.into())).collect();
    let body = serde_json::json!({
        "status": if bad { "failing" } else if warnings.is_empty() { "ok" } else { "warning" },
        "warnings": warnings,
        "plant": engine.plant().plant.to_string(),
        "uplink": {"connected": uplink.connected, "since": uplink.since, "problem": uplink.problem},
        "epoch": status.head.map(|head| head.epoch),
        "seq": status.head.map(|head| head.seq),
        "queue": status.queued,
        "recorded": status.recorded,
        "leases": leases,
        "series": series,
        "reference": {"version": status.reference_version, "as_of": status.reference_as_of},
        "journal_bytes": status.disk.map(|disk| disk.used),
        "disk_free_bytes": status.disk.map(|disk| disk.free),
        "quarantined": status.quarantined,
        "failed": status.failed,
        "mint_blocked": status.mint_blocked,
    });
    (if bad { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, Json(body))
}

async fn metrics(State(engine): State<Handle>) -> impl IntoResponse {
    let status = engine.status();
    let mut out = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    };
    let one = |value: f64| [(String::new(), value)];
    metric(
        "tracewright_queued_events",
        "gauge",
        "Events that the cloud does not have yet.",
        &one(status.queued as f64),
    );
    metric(
        "tracewright_recorded_events_total",
        "counter",
        "Events recorded since the start.",
        &one(status.recorded as f64),
    );
    metric(
        "tracewright_commits_total",
        "counter",
        "Groups committed since the start.",
        &one(status.groups as f64),
    );
    metric(
        "tracewright_repeats_total",
        "counter",
        "Inputs answered as before since the start.",
        &one(status.repeats as f64),
    );
    metric(
        "tracewright_failures_total",
        "counter",
        "Inputs that failed alone since the start.",
        &one(status.failures as f64),
    );
    metric("tracewright_quarantined_records", "gauge", "Damaged records.", &one(status.quarantined as f64));
    let connected = engine.uplink().borrow().connected;
    metric(
        "tracewright_uplink_connected",
        "gauge",
        "1 while a stream to the cloud is open.",
        &one(f64::from(u8::from(connected))),
    );
    let bytes = status.disk.map_or(0, |disk| disk.used);
    metric("tracewright_journal_bytes", "gauge", "Bytes in use by the journal.", &one(bytes as f64));
    let left: Vec<_> = status
        .leases
        .iter()
        .map(|level| (format!("{{type=\"{}\"}}", level.kind), level.left as f64))
        .collect();
    metric("tracewright_numbers_left", "gauge", "Unused leased UID numbers.", &left);
    let warnings: Vec<_> =
        status.warnings().iter().map(|code| (format!("{{code=\"{code}\"}}"), 1.0)).collect();
    metric("tracewright_warning", "gauge", "1 for each thing that a person should look at.", &warnings);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out)
}
