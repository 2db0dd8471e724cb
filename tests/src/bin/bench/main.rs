//! `make bench`: how fast the parts are, beside the plain alternative in the
//! same run. Writes `target/bench/results.json` and a table. Never passes or
//! fails a build: what cannot be measured is null, with the reason on screen.

mod agent;
mod bare_postgres;
mod bare_sqlite;
mod capture;
mod facts;
mod ingest;
mod journals;
mod line;
mod memory;
mod mqtt;
mod report;
mod scan_to_green;
mod scan_to_trace;
mod uid_validate;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use report::{Measured, Report};

/// Measures; every input is seeded.
#[derive(Parser)]
struct Args {
    /// Ten million rows instead of one.
    #[arg(long)]
    full: bool,
    /// Only those whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

/// What every figure is given.
pub struct Bench {
    /// Ten times the rows.
    pub full: bool,
    /// `target/bench`, where everything is written.
    pub folder: PathBuf,
}

impl Bench {
    /// An empty folder on the disk that is measured, gone when dropped.
    pub fn scratch(&self) -> anyhow::Result<tempfile::TempDir> {
        tempfile::Builder::new().prefix("run-").tempdir_in(&self.folder).context("making a folder")
    }

    /// Runs `work` to its end on two threads, as the agent does.
    pub fn block_on<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("starting a runtime")?
            .block_on(work)
    }
}

type Figure = fn(&Bench) -> anyhow::Result<Measured>;

const FIGURES: [(&str, &str, Figure); 7] = [
    ("uid.validate", "ns", uid_validate::run),
    ("edge.scan_to_green_p99", "ms", scan_to_green::run),
    ("edge.mqtt_scan_to_green_p99", "ms", mqtt::run),
    ("edge.capture", "events/s", capture::run),
    ("edge.memory_1m", "MiB", memory::run),
    ("cloud.ingest", "events/s", ingest::run),
    ("path.scan_to_trace_p95", "ms", scan_to_trace::run),
];

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error,rumqttc=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let bench = Bench { full: args.full, folder: report::folder()? };
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    let mut report = Report::default();
    for (name, unit, figure) in FIGURES {
        if !wanted(name) {
            continue;
        }
        report.add(figure(&bench).unwrap_or_else(|error| Measured::missing(name, unit, &error)));
    }
    report.finish(&bench.folder)
}
