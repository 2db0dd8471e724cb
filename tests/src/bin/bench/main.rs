//! `make bench`: how fast the parts are, beside the plain alternative in the
//! same run. Writes `target/bench/results.json` and a table; what cannot be measured is
//! null, with the reason on screen. Figures that have a limit are held against it: a
//! release build that is over one, or could not measure it, ends with an error.

mod agent;
mod bare_postgres;
mod bare_sqlite;
mod capture;
mod dashboard;
mod desk;
mod facts;
mod fresh;
mod hold_to_scanner;
mod import_history;
mod ingest;
mod journals;
mod line;
mod memory;
mod mqtt;
mod office;
mod recall;
mod report;
mod scan_to_green;
mod scan_to_trace;
mod suspects;
mod uid_validate;
mod web_list;
mod web_pages;

use std::path::PathBuf;
use std::process::ExitCode;

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
const FIGURES: &[(&[(&str, &str)], Figure)] = &[
    (&[("uid.validate", "ns")], |bench| one(uid_validate::run(bench))),
    (&[("edge.scan_to_green_p99", "ms")], |bench| one(scan_to_green::run(bench))),
    (&[("edge.mqtt_scan_to_green_p99", "ms")], |bench| one(mqtt::run(bench))),
    (&[("edge.capture", "events/s")], |bench| one(capture::run(bench))),
    (&[("edge.memory_1m", "MiB")], |bench| one(memory::run(bench))),
    (&[("cloud.ingest", "events/s")], |bench| one(ingest::run(bench))),
    (&[("import.million_rows", "s")], |bench| one(import_history::run(bench))),
    (&[("path.scan_to_trace_p95", "ms")], |bench| one(scan_to_trace::run(bench))),
    (
        &[("trace.recall_10k_p95", "ms"), ("trace.recall_http_p95", "ms"), ("trace.memory_10m", "MiB")],
        recall::run,
    ),
    (&[("trace.suspects_p95", "ms")], |bench| one(suspects::run(bench))),
    (&[("hold.office_to_scanner_p95", "ms")], |bench| one(hold_to_scanner::run(bench))),
    (&[("analytics.dashboard_p95", "ms"), ("mirror.fresh_p95", "s")], dashboard::run),
    (&[("web.list_1m_over_1k", "ms")], |bench| one(web_list::run(bench))),
    (&[("web.page_p95", "ms"), ("web.first_visit", "kB"), ("web.next_visit", "kB")], web_pages::run),
];

/// The most that a figure may be: its value, or what it is of its baseline.
enum Limit {
    Value(f64),
    Ratio(f64),
}

/// Figures that have a limit, which each must stay below.
const LIMITS: &[(&str, Limit)] = &[
    ("trace.recall_10k_p95", Limit::Value(10.0)),
    // At least twenty times the recursive SQL.
    ("trace.recall_10k_p95", Limit::Ratio(0.05)),
    ("trace.recall_http_p95", Limit::Value(50.0)),
    ("trace.suspects_p95", Limit::Value(1000.0)),
    ("import.million_rows", Limit::Value(180.0)),
    ("analytics.dashboard_p95", Limit::Value(150.0)),
    // At least ten times the same questions to Postgres.
    ("analytics.dashboard_p95", Limit::Ratio(0.1)),
    ("mirror.fresh_p95", Limit::Value(10.0)),
    ("web.page_p95", Limit::Value(50.0)),
    ("hold.office_to_scanner_p95", Limit::Value(2000.0)),
    ("web.first_visit", Limit::Value(150.0)),
    ("web.next_visit", Limit::Value(30.0)),
    ("web.list_1m_over_1k", Limit::Ratio(2.0)),
];

/// What is wrong with a figure, if it has limits and is not below one of them.
fn over(measured: &Measured) -> Option<String> {
    LIMITS.iter().filter(|(name, _)| *name == measured.name).find_map(|(_, limit)| over_one(measured, limit))
}

fn over_one(measured: &Measured, limit: &Limit) -> Option<String> {
    let (found, most, of) = match limit {
        Limit::Value(most) => (measured.value, most, measured.unit),
        Limit::Ratio(most) => (measured.ratio, most, "times its baseline"),
    };
    match found {
        // A figure that is no number is not below anything.
        Some(found) if found < *most => None,
        Some(found) => Some(format!("{}: {found:.3}; it has to be below {most} {of}", measured.name)),
        None => Some(format!("{}: not measured; it has to be below {most} {of}", measured.name)),
    }
}

fn one(measured: anyhow::Result<Measured>) -> anyhow::Result<Vec<Measured>> {
    measured.map(|measured| vec![measured])
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error,rumqttc=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let bench = Bench { full: args.full, folder: report::folder()? };
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    let mut report = Report::default();
    let mut wrong = Vec::new();
    for (figures, run) in FIGURES {
        if !figures.iter().any(|(name, _)| wanted(name)) {
            continue;
        }
        let missing =
            |error| figures.iter().map(|(name, unit)| Measured::missing(name, unit, &error)).collect();
        for measured in run(&bench).unwrap_or_else(missing) {
            wrong.extend(over(&measured));
            report.add(measured);
        }
    }
    report.finish(&bench.folder)?;
    for told in &wrong {
        println!("OVER ITS LIMIT  {told}");
    }
    if cfg!(debug_assertions) && !wrong.is_empty() {
        println!("this is no release build, so it does not count");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_at_its_limit_or_without_a_value_is_over_it() {
        let page = |ms| over(&Measured::alone("web.page_p95", ms, "ms"));
        assert_eq!(page(49.9), None);
        assert!(page(50.0).is_some() && page(f64::NAN).is_some());
        let list = |large| over(&Measured::beside("web.list_1m_over_1k", large, "ms", 4.0));
        assert_eq!(list(7.9), None, "its ratio counts, not its time");
        assert!(list(8.0).is_some_and(|told| told.contains("below 2 times its baseline")));
        let recall = |ms, sql| over(&Measured::beside("trace.recall_10k_p95", ms, "ms", sql));
        assert_eq!(recall(2.0, 100.0), None);
        assert!(recall(11.0, 1000.0).is_some() && recall(6.0, 100.0).is_some(), "each of its limits counts");
        let missing = Measured::missing("web.first_visit", "kB", &anyhow::anyhow!("no page"));
        assert!(over(&missing).is_some_and(|told| told.contains("not measured")));
        assert_eq!(over(&Measured::alone("uid.validate", 1e9, "ns")), None, "it has no limit");
        let names: Vec<&str> =
            FIGURES.iter().flat_map(|(figures, _)| figures.iter()).map(|(name, _)| *name).collect();
        assert!(LIMITS.iter().all(|(name, _)| names.contains(name)), "{names:?}");
    }
}
