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
mod office;
mod report;
mod scan_to_green;
mod scan_to_trace;
mod uid_validate;
mod web_list;
mod web_pages;

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

type Figure = fn(&Bench) -> anyhow::Result<Vec<Measured>>;

/// What a run measures: names and units, and how. What is measured together has
/// one function, so that it needs one system.
const FIGURES: [(&[(&str, &str)], Figure); 9] = [
    (&[("uid.validate", "ns")], |bench| one(uid_validate::run(bench))),
    (&[("edge.scan_to_green_p99", "ms")], |bench| one(scan_to_green::run(bench))),
    (&[("edge.mqtt_scan_to_green_p99", "ms")], |bench| one(mqtt::run(bench))),
    (&[("edge.capture", "events/s")], |bench| one(capture::run(bench))),
    (&[("edge.memory_1m", "MiB")], |bench| one(memory::run(bench))),
    (&[("cloud.ingest", "events/s")], |bench| one(ingest::run(bench))),
    (&[("path.scan_to_trace_p95", "ms")], |bench| one(scan_to_trace::run(bench))),
    (&[("web.list_1m_over_1k", "ms")], |bench| one(web_list::run(bench))),
    (&[("web.page_p95", "ms"), ("web.first_visit", "kB"), ("web.next_visit", "kB")], web_pages::run),
];

fn one(measured: anyhow::Result<Measured>) -> anyhow::Result<Vec<Measured>> {
    measured.map(|measured| vec![measured])
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error,rumqttc=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let bench = Bench { full: args.full, folder: report::folder()? };
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    let mut report = Report::default();
    for (figures, run) in FIGURES {
        if !figures.iter().any(|(name, _)| wanted(name)) {
            continue;
        }
        let missing =
            |error| figures.iter().map(|(name, unit)| Measured::missing(name, unit, &error)).collect();
        for measured in run(&bench).unwrap_or_else(missing) {
            report.add(measured);
        }
    }
    report.finish(&bench.folder)
}
