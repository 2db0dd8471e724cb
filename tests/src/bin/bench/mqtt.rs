//! `edge.mqtt_scan_to_green_p99`: from the publish of a scan to its answer, at
//! 32 MQTT scanners at once, through the embedded broker of a real agent process
//! and back, on disk.

use std::time::Instant;

use futures_util::future::try_join_all;

use crate::Bench;
use crate::agent::Agent;
use crate::journals;
use crate::line::{STORES, other_shelf, plant_file, store};
use crate::report::{Measured, percentile, spread};

const EACH: u64 = 150;
const WARM: u64 = 10;
const EVENTS: u64 = 100_000;

/// Measures it.
pub fn run(bench: &Bench) -> anyhow::Result<Measured> {
    bench.block_on(async {
        let dir = bench.scratch()?;
        let (file, plant) = plant_file(dir.path())?;
        let data = dir.path().join("data");
        let journal = journals::of(bench, &plant, EVENTS).await?;
        journal.copy_to(&data)?;
        let agent = Agent::start(&data, &file, &plant).await?;
        let mut scanning = Vec::new();
        for n in 0..STORES {
            let mut scanner = agent.scanner(&store(n))?;
            let uids: Vec<String> = (0..EACH + WARM)
                .map(|k| journal.in_stock(n as u64 * (EACH + WARM) + k))
                .collect::<Result<_, _>>()?;
            scanning.push(async move {
                scanner.scan(&other_shelf(n)).await?;
                let mut times = Vec::new();
                for (k, uid) in (0..).zip(uids) {
                    let began = Instant::now();
                    let answer = scanner.scan(&uid).await?;
                    anyhow::ensure!(answer.colour == "green", "{uid} was {}: {}", answer.colour, answer.code);
                    if k >= WARM {
                        times.push(began.elapsed().as_secs_f64() * 1e3);
                    }
                }
                anyhow::Ok(times)
            });
        }
        let mut times = try_join_all(scanning).await?.concat();
        agent.stop().await?;
        let p99 = percentile(&mut times, 99.0);
        Ok(Measured::alone("edge.mqtt_scan_to_green_p99", p99, "ms").remark(spread(&mut times)))
    })
}
