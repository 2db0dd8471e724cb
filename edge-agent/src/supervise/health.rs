//! `/healthz` and `/metrics` of the agent, for people and for Prometheus.
#![allow(clippy::disallowed_methods, reason = "the agent has a dozen routes, and no part of the cloud")]

use std::fmt::Write;
use std::sync::Arc;

use anyhow::Context;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;

use super::meters::{Meters, Metric};
use super::parts::{PartState, PartStates, Parts};
use crate::config::PlantFile;
use crate::engine::Handle;

/// All that is looked at.
#[derive(Clone)]
struct Health {
    engine: Handle,
    parts: PartStates,
    meters: Meters,
}

impl Health {
    /// What a person should act on, as stable codes; empty when all is well.
    fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = self.engine.status().warnings();
        if self.parts.all().values().any(|part| !part.running) {
            warnings.push("part.failing");
        }
        warnings.extend(self.meters.warnings());
        warnings
    }
}

/// Serves both until told to stop.
pub(super) fn start(
    plant: &Arc<PlantFile>,
    handle: &Handle,
    states: &PartStates,
    meters: &Meters,
    parts: &mut Parts,
) {
    let listen = plant.health.listen;
    let health = Health { engine: handle.clone(), parts: states.clone(), meters: meters.clone() };
    let stop = parts.stop().clone();
    parts.run("health", move || {
        let (app, stop) = (router(health.clone()), stop.clone());
        async move {
            let listener =
                TcpListener::bind(listen).await.with_context(|| format!("health: listening on {listen}"))?;
            axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await?;
            Ok(())
        }
    });
}

fn router(health: Health) -> Router {
    Router::new().route("/healthz", get(healthz)).route("/metrics", get(metrics)).with_state(health)
}

/// 200 while facts can be taken, 503 when they cannot; the body says how all
/// stands. A cloud out of reach is no failure of the plant.
async fn healthz(State(health): State<Health>) -> impl IntoResponse {
    let engine = &health.engine;
    let status = engine.status();
    let uplink = engine.uplink().borrow().clone();
    let warnings = health.warnings();
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
        "parts": health.parts.all(),
        "inputs": health.meters.summary(),
    });
    (if bad { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, Json(body))
}

async fn metrics(State(health): State<Health>) -> impl IntoResponse {
    let engine = &health.engine;
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
        health.warnings().iter().map(|code| (format!("{{code=\"{code}\"}}"), 1.0)).collect();
    metric("tracewright_warning", "gauge", "1 for each thing that a person should look at.", &warnings);
    let parts = health.parts.all();
    let part = |value: fn(&PartState) -> f64| -> Vec<(String, f64)> {
        parts.iter().map(|(name, state)| (format!("{{part=\"{name}\"}}"), value(state))).collect()
    };
    let running = part(|state| f64::from(u8::from(state.running)));
    metric("tracewright_part_running", "gauge", "1 while that part of the agent runs.", &running);
    let restarts = part(|state| state.restarts as f64);
    metric("tracewright_part_restarts_total", "counter", "Times that part was started anew.", &restarts);
    for Metric { name, kind, help, label, samples } in health.meters.metrics() {
        let samples: Vec<_> =
            samples.iter().map(|(of, value)| (format!("{{{label}=\"{of}\"}}"), *value as f64)).collect();
        metric(&format!("tracewright_{name}"), kind, help, &samples);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::engine::{self, CodeSpeaker, EngineSettings};
    use crate::inputs::mqtt::MqttStats;

    async fn get(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn inputs_and_parts_are_seen_from_outside() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../plant-configs/kolkata.toml");
        let mut plant = crate::config::load(Path::new(path)).unwrap();
        plant.disk.min_free_bytes = 0;
        let dir = tempfile::tempdir().unwrap();
        let settings = EngineSettings::new(dir.path().to_owned(), uuid::Uuid::now_v7(), "m".into(), 1);
        let (handle, engine) = engine::start(settings, Arc::new(plant), Arc::new(CodeSpeaker)).await.unwrap();
        let (states, meters) = (PartStates::default(), Meters::default());
        let mut parts = Parts::new(states.clone(), CancellationToken::new());
        // Nothing listens where it should, and it says so.
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        parts.run("TCP scanner DOCK1", move || async move {
            let _ = TcpListener::bind(address).await.context("DOCK1")?;
            Ok(())
        });
        let stats = Arc::<MqttStats>::default();
        meters.mqtt("DOCK1", stats.clone());
        meters.tcp("DOCK2", Arc::default());
        meters.modbus("PLC1", Arc::default());
        while states.all()["TCP scanner DOCK1"].problem.is_none() {
            tokio::task::yield_now().await;
        }
        let health = Health { engine: handle.clone(), parts: states, meters };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router(health)).await });

        let metrics = get(address, "/metrics").await;
        for line in [
            "tracewright_mqtt_connected{station=\"DOCK1\"} 0",
            "tracewright_mqtt_overflowed_total{station=\"DOCK1\"} 0",
            "tracewright_tcp_lost_total{station=\"DOCK2\"} 0",
            "tracewright_modbus_counter_jumps_total{machine=\"PLC1\"} 0",
            "tracewright_part_running{part=\"TCP scanner DOCK1\"} 0",
            "tracewright_warning{code=\"part.failing\"} 1",
            "tracewright_warning{code=\"machine.not-connected\"} 1",
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
        }
        let health = get(address, "/healthz").await;
        for part in ["\"status\":\"warning\"", "\"DOCK1: ", "\"connected\":false", "scanner.not-connected"] {
            assert!(health.contains(part), "{part} is not in {health}");
        }
        parts.stop().cancel();
        parts.finish("parts", std::time::Duration::from_secs(20)).await;
        handle.stop().await;
        engine.await.unwrap();
    }
}
