//! How fast it is here; run by hand: `cargo test --release -- --ignored speed`.

use std::time::{Duration, Instant};

use super::support::*;
use crate::inputs::Intake;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn speed_of_32_scanners() {
    let mut agent = Agent::ready(1_000_000).await;
    measure(&agent, 32, 100).await;
    measure(&agent, 512, 100).await;
    agent.stop().await;
}

async fn measure(agent: &Agent, scanners: usize, each: usize) {
    let began = Instant::now();
    let tasks: Vec<_> = (0..scanners)
        .map(|s| {
            let handle = agent.handle();
            tokio::spawn(async move {
                let mut times = Vec::new();
                for n in 0..each {
                    let then = Instant::now();
                    let id = format!("{scanners}-{s}-{n}");
                    handle.scan(scan("MINT", &id)).await.unwrap();
                    times.push(then.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times: Vec<Duration> = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    times.sort();
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    let at = |p: usize| times[times.len() * p / 100];
    eprintln!("{scanners} scanners: {rate:.0}/s, p50 {:?}, p99 {:?}", at(50), at(99));
}
