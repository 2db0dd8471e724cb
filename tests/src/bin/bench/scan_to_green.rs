//! `edge.scan_to_green_p99`: from a scan to its green light, on disk. 32
//! scanners at once, each waits for its answer before it scans again; real
//! station rules on labels that receiving made. In one process, so without the
//! network between scanner and agent.

use std::time::Instant;

use crate::Bench;
use crate::line::{Line, STORES, Scans, plant_file, shelf, store, uid};
use crate::report::{Measured, percentile, spread};

const EACH: u64 = 400;
const WARM: u64 = 20;

/// Measures it.
pub fn run(bench: &Bench) -> anyhow::Result<Measured> {
    bench.block_on(async {
        let dir = bench.scratch()?;
        let (_, plant) = plant_file(dir.path())?;
        let line = Line::start(&dir.path().join("data"), &plant).await?;
        let count = STORES as u64 * (EACH + WARM);
        line.supply(count).await?;
        line.receive(count).await?;
        let tasks: Vec<_> = (0..STORES)
            .map(|n| {
                let handle = line.handle.clone();
                tokio::spawn(async move {
                    let mut scans = Scans::new(&store(n), "green");
                    scans.take(&handle, &shelf(n)).await?;
                    let mut times = Vec::with_capacity(EACH as usize);
                    let first = n as u64 * (EACH + WARM);
                    for k in 1..=EACH + WARM {
                        let text = uid("RM", first + k)?.to_string();
                        let began = Instant::now();
                        scans.green(&handle, &text).await?;
                        if k > WARM {
                            times.push(began.elapsed().as_secs_f64() * 1e3);
                        }
                    }
                    anyhow::Ok(times)
                })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        line.stop().await?;
        let p99 = percentile(&mut times, 99.0);
        Ok(Measured::alone("edge.scan_to_green_p99", p99, "ms").remark(spread(&mut times)))
    })
}
