//! `edge.capture`: durable events per second when more scans wait than one
//! group holds, beside a bare SQLite loop that writes the same rows in groups of
//! the same size.

use std::time::Instant;

use anyhow::Context;

use crate::Bench;
use crate::bare_sqlite::{self, Rows};
use crate::line::{Line, STORES, Scans, plant_file, shelf, store, uid};
use crate::report::Measured;

/// Scans of one store that wait at once.
const WAITING: usize = 32;
/// The engine and the bare loop take turns, so that both see the same machine.
const TURNS: u64 = 4;

/// Measures both.
pub fn run(bench: &Bench) -> anyhow::Result<Measured> {
    let each: u64 = if bench.full { 160 } else { 16 };
    bench.block_on(async {
        let dir = bench.scratch()?;
        let data = dir.path().join("data");
        let journal = data.join(edge_agent::journal::DATABASE);
        let (_, plant) = plant_file(dir.path())?;
        let count = (STORES * WAITING) as u64 * each * TURNS;
        let line = Line::start(&data, &plant).await?;
        line.supply(count).await?;
        line.receive(count).await?;
        for n in 0..STORES {
            Scans::new(&store(n), "place").take(&line.handle, &shelf(n)).await?;
        }
        line.stop().await?;
        // The bare loop begins where the engine begins.
        let bare = dir.path().join("bare.db");
        std::fs::copy(&journal, &bare).context("copying the journal")?;

        let (mut events, mut groups, mut took) = (0, 0, 0.0);
        let (mut written, mut bare_took) = (0, 0.0);
        for turn in 0..TURNS {
            let line = Line::start(&data, &plant).await?;
            let head = line.handle.head().borrow().seq;
            let began = Instant::now();
            flood(&line, turn, each).await?;
            took += began.elapsed().as_secs_f64();
            let status = line.handle.status();
            line.stop().await?;
            let group = (status.recorded as f64 / status.groups.max(1) as f64).round().max(1.0);
            (events, groups) = (events + status.recorded, groups + status.groups);
            let rows = Rows::read(&journal, head).await?;
            let (rows_written, seconds) = bare_sqlite::write(&bare, &rows, group as usize).await?;
            (written, bare_took) = (written + rows_written, bare_took + seconds);
        }
        let (rate, baseline) = (events as f64 / took, written as f64 / bare_took);
        Ok(Measured::beside("edge.capture", rate, "events/s", baseline).remark(format!(
            "{events} events in {groups} groups; the bare loop writes the same rows in groups of that size"
        )))
    })
}

/// Puts parts that nobody has put away yet on their shelves, many scans at once.
async fn flood(line: &Line, turn: u64, each: u64) -> anyhow::Result<()> {
    let tasks: Vec<_> = (0..STORES * WAITING)
        .map(|n| {
            let handle = line.handle.clone();
            tokio::spawn(async move {
                let mut scans = Scans::new(&store(n % STORES), &format!("capture-{turn}-{n}"));
                let first = (turn * (STORES * WAITING) as u64 + n as u64) * each;
                for k in 1..=each {
                    scans.green(&handle, &uid("RM", first + k)?.to_string()).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}
