//! `hold.office_to_scanner_p95`: from placing a hold in the office until a plant's
//! scanner refuses the unit. The whole system as the demo runs it, network up; the
//! clock starts before the request that places the hold, so the commit is within.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use edge_agent::station::control::{Control, Verb};
use serde_json::json;
use simulators::demo::world::World;
use simulators::plant::people::Crew;
use simulators::plant::truth::Truth;

use crate::Bench;
use crate::report::{Measured, percentile, spread};

const PIECES: u32 = 25;
const RECEIPTS: u32 = 4;
/// Where held goods must not leave.
const STATION: &str = "SHIP1";
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
        Ok(Measured::alone("hold.office_to_scanner_p95", p95, "ms").remark(spread(&mut times)))
    })
}

async fn measure(world: &World) -> anyhow::Result<Vec<f64>> {
    let plant = world.plants.first().context("a plant")?;
    let mut crew = Crew::new(&plant.site, Truth::default(), world.office.clone(), 1, Duration::ZERO)?;
    let mut uids = Vec::new();
    for _ in 0..RECEIPTS {
        uids.extend(crew.receive(&plant.site, "PO-2025-001", "RM-GEAR", PIECES).await?);
    }
    let undo = Control::with(Verb::Undo, None).context("the card that takes back")?.to_string();
    let mut times = Vec::new();
    for uid in uids {
        known(world, &uid).await?;
        let answer = crew.try_at(STATION, &uid).await?;
        if !answer.taken() {
            bail!("{uid} was refused before it was held: {}", answer.code);
        }
        crew.try_at(STATION, &undo).await?;
        let began = Instant::now();
        let hold = json!({ "uid": uid, "reason": "bench" });
        let placed = world.office.post("/api/v1/holds", &hold);
        let (placed, red) = tokio::join!(placed, red(&mut crew, &uid, &undo, began));
        placed?;
        times.push(red?);
    }
    Ok(times)
}

/// Waits until the office knows the unit.
async fn known(world: &World, uid: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < WITHIN {
        if world.office.get(&format!("/api/v1/trace/{uid}")).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    bail!("the office does not know {uid} within {WITHIN:?}")
}

/// Scans until the answer is red; milliseconds since `began`.
async fn red(crew: &mut Crew, uid: &str, undo: &str, began: Instant) -> anyhow::Result<f64> {
    while began.elapsed() < WITHIN {
        let answer = crew.try_at(STATION, uid).await?;
        if answer.code == "label.held" {
            return Ok(began.elapsed().as_secs_f64() * 1e3);
        }
        if !answer.taken() {
            bail!("{uid} was refused for another reason: {}", answer.code);
        }
        crew.try_at(STATION, undo).await?;
    }
    bail!("{uid} was not refused within {WITHIN:?}")
}
