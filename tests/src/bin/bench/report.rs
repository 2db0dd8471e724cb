//! Results as JSON and as a table.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Name, such as `uid.validate`.
    pub name: &'static str,
    /// The figure, in `unit`; `None` when it could not be measured.
    pub value: Option<f64>,
    /// Unit of `value` and `baseline`.
    pub unit: &'static str,
    /// The plain alternative in the same run, where there is one.
    pub baseline: Option<f64>,
    /// `value / baseline`.
    pub ratio: Option<f64>,
    /// What a person should know of it, on screen only.
    #[serde(skip)]
    pub remarks: Vec<String>,
}

impl Measured {
    /// A figure without an alternative.
    pub fn alone(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value: Some(value), unit, baseline: None, ratio: None, remarks: Vec::new() }
    }

    /// A figure beside its alternative.
    pub fn beside(name: &'static str, value: f64, unit: &'static str, baseline: f64) -> Self {
        let ratio = Some(value / baseline);
        Self { baseline: Some(baseline), ratio, ..Self::alone(name, value, unit) }
    }

    /// A figure that could not be measured, and why.
    pub fn missing(name: &'static str, unit: &'static str, why: &anyhow::Error) -> Self {
        let remarks = vec![format!("not measured: {why:#}")];
        Self { name, value: None, unit, baseline: None, ratio: None, remarks }
    }

    /// Says something beside it.
    pub fn remark(mut self, text: impl Into<String>) -> Self {
        self.remarks.push(text.into());
        self
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Report {
    all: Vec<Measured>,
}

impl Report {
    /// Adds a figure and shows it at once.
    pub fn add(&mut self, measured: Measured) {
        let or_dash = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.3}"));
        if self.all.is_empty() {
            println!("{:<28} {:>14} {:<9} {:>14} {:>8}", "name", "value", "unit", "baseline", "ratio");
        }
        println!(
            "{:<28} {:>14} {:<9} {:>14} {:>8}",
            measured.name,
            or_dash(measured.value),
            measured.unit,
            or_dash(measured.baseline),
            or_dash(measured.ratio)
        );
        for remark in &measured.remarks {
            println!("    {remark}");
        }
        self.all.push(measured);
    }

    /// Writes `results.json`.
    pub fn finish(self, folder: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(&self.all).context("encoding the results")?;
        let path = folder.join("results.json");
        std::fs::write(&path, json).with_context(|| format!("writing {}", path.display()))
    }
}

/// `target/bench`, made when missing.
pub fn folder() -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&folder).context("making target/bench")?;
    folder.canonicalize().context("finding target/bench")
}

/// The p-th percentile (0 to 100) of unsorted samples; 0 for none.
pub fn percentile(samples: &mut [f64], p: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let rank = (p / 100.0 * samples.len() as f64).ceil() as usize;
    samples.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// How a list of milliseconds lies, for a remark.
pub fn spread(samples: &mut [f64]) -> String {
    let mut at = |p| percentile(samples, p);
    let (p50, p95, p99, max) = (at(50.0), at(95.0), at(99.0), at(100.0));
    format!("{} samples: p50 {p50:.2}, p95 {p95:.2}, p99 {p99:.2}, max {max:.2} ms", samples.len())
}
