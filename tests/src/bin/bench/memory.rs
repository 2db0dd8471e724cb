//! `edge.memory_1m`: the most memory that a real agent process ever had, with a
//! million events in its journal that no cloud has taken, after a thousand
//! scans at eight MQTT scanners.

use futures_util::future::try_join_all;

use crate::Bench;
use crate::agent::Agent;
use crate::journals;
use crate::line::{other_shelf, plant_file, store};
use crate::report::Measured;

const EVENTS: u64 = 1_000_000;
const SCANNERS: usize = 8;
const SCANS: u64 = 1000;

/// Measures it.
pub fn run(bench: &Bench) -> anyhow::Result<Measured> {
    bench.block_on(async {
        let dir = bench.scratch()?;
        let (file, plant) = plant_file(dir.path())?;
        let data = dir.path().join("data");
        let journal = journals::of(bench, &plant, EVENTS).await?;
        journal.copy_to(&data)?;
        let agent = Agent::start(&data, &file, &plant).await?;
        let started = agent.memory("VmHWM")?;
        let mut scanning = Vec::new();
        for n in 0..SCANNERS {
            let mut scanner = agent.scanner(&store(n))?;
            let mut uids = Vec::new();
            for k in 0..SCANS / SCANNERS as u64 {
                // From all over the journal.
                let nth = (n as u64 + k * SCANNERS as u64) * (2 * journal.lots / SCANS);
                uids.push(journal.in_stock(nth)?);
            }
            scanning.push(async move {
                scanner.scan(&other_shelf(n)).await?;
                for uid in uids {
                    let answer = scanner.scan(&uid).await?;
                    anyhow::ensure!(answer.colour == "green", "{uid} was {}: {}", answer.colour, answer.code);
                }
                anyhow::Ok(())
            });
        }
        try_join_all(scanning).await?;
        let (peak, now) = (agent.memory("VmHWM")?, agent.memory("VmRSS")?);
        agent.stop().await?;
        Ok(Measured::alone("edge.memory_1m", peak, "MiB").remark(format!(
            "{} events, {SCANS} scans: peak {peak:.1} (after the start {started:.1}), now {now:.1} MiB",
            journal.events()
        )))
    })
}
