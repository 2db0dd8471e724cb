//! `demo run`: the whole system on this machine, with addresses. `demo check`:
//! the same unattended, with faults, against the truth.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use simulators::demo::{check, live, signals};

/// The whole system on this machine, with simulated plants.
#[derive(Parser)]
#[command(name = "demo")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring everything up, work at a person's pace, until Ctrl-C.
    Run {
        /// Where everything is kept; begun anew each time.
        #[arg(long, default_value = "target/demo")]
        state: PathBuf,
        /// Time between two scans of a person, in milliseconds.
        #[arg(long, default_value_t = 700)]
        pace_ms: u64,
        /// Seed of everything that is left to chance.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Work fast, cut the network, kill the agent and the cloud, compare.
    Check {
        /// Where everything is kept; begun anew each time.
        #[arg(long, default_value = "target/demo-check")]
        state: PathBuf,
        /// Rounds of work; faults come in each.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Gearboxes built in a round.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..))]
        boxes: u32,
        /// Seed of everything that is left to chance.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,rumqttc=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_target(false).init();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            runtime.block_on(async {
                match Cli::parse().command {
                    Command::Run { state, pace_ms, seed } => {
                        live::run(&state, Duration::from_millis(pace_ms), seed).await
                    }
                    Command::Check { state, rounds, boxes, seed } => tokio::select! {
                        checked = check::run(&state, rounds, boxes, seed) => checked,
                        why = signals::asked_to_end() => Err(anyhow::anyhow!("ended by {}", why?)),
                    },
                }
            })
        });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
