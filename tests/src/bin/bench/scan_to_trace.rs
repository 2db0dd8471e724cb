//! `path.scan_to_trace_p95`: from a scan at an MQTT scanner until the cloud's
//! API shows it in the trace of that UID. The whole system as the demo runs it,
//! network up.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use simulators::demo::world::World;
use simulators::http::Http;
use simulators::plant::people::Crew;
use simulators::plant::truth::Truth;

use crate::Bench;
use crate::report::{Measured, percentile, spread};

const PIECES: u32 = 25;
const RECEIPTS: u32 = 8;
const ASK_EVERY: Duration = Duration::from_millis(4);
const WITHIN: Duration = Duration::from_secs(20);

/// Measures it.
pub fn run(bench: &Bench) -> anyhow::Result<Measured> {
    bench.block_on(async {
        let dir = bench.scratch()?;
        let mut world = World::start(&dir.path().join("world"), true, 1).await?;
        let measured = measure(&world).await;
        let stopped = world.stop().await;
        let mut times = measured?;
        stopped?;
        let p95 = percentile(&mut times, 95.0);
        Ok(Measured::alone("path.scan_to_trace_p95", p95, "ms").remark(spread(&mut times)))
    })
}

async fn measure(world: &World) -> anyhow::Result<Vec<f64>> {
    let plant = world.plants.first().context("a plant")?;
    let mut crew = Crew::new(&plant.site, Truth::default(), world.office.clone(), 1, Duration::ZERO)?;
    let mut uids = Vec::new();
    for _ in 0..RECEIPTS {
        uids.extend(crew.receive(&plant.site, "PO-2025-001", "RM-GEAR", PIECES).await?);
    }
    crew.try_at("STORE1", "Warehouse-A-Rack-12").await?;
    let mut times = Vec::new();
    for uid in uids {
        let began = Instant::now();
        let seen = shown(&world.office, &uid, began);
        let (answer, seen) = tokio::join!(crew.try_at("STORE1", &uid), seen);
        let answer = answer?;
        if !answer.taken() {
            bail!("{uid} was refused: {}", answer.code);
        }
        times.push(seen?);
    }
    Ok(times)
}

/// Asks until the put-away is there; milliseconds since `began`.
async fn shown(office: &Http, uid: &str, began: Instant) -> anyhow::Result<f64> {
    let path = format!("/api/v1/trace/{uid}");
    while began.elapsed() < WITHIN {
        // Not found while the receipt is still on its way.
        if let Ok(trace) = office.get(&path).await {
            let entries = trace["lifecycle"].as_array().map(Vec::as_slice).unwrap_or_default();
            if entries.iter().any(|entry| entry["stage"] == "STORAGE") {
                return Ok(began.elapsed().as_secs_f64() * 1e3);
            }
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    bail!("{uid} was not shown within {WITHIN:?}")
}
