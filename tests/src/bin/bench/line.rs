//! A plant with a dock and many stores, and an engine in this process that runs
//! it on a journal on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::Utc;
use edge_agent::config::PlantFile;
use edge_agent::engine::{self, EngineSettings, Handle};
use edge_agent::enrol::machine_id;
use edge_agent::inputs::{Answer, Colour, Intake, ScanInput};
use edge_agent::station::control::{Control, Verb};
use proto::v1;
use simulators::ports::free_port;
use tokio::task::JoinHandle;
use uid::{PlantCode, TenantCode, TypeCode, Uid};

use crate::facts::AGENT;

/// Stores, each with a scanner of its own.
pub const STORES: usize = 32;
/// Pieces labelled by one DONE.
const AT_ONCE: u64 = 1000;

/// Code of a store, from 0.
pub fn store(n: usize) -> String {
    format!("STORE{:02}", n + 1)
}

/// A store's shelf.
pub fn shelf(n: usize) -> String {
    format!("Warehouse-A-Rack-{:02}", n + 1)
}

/// A shelf where nothing has been put yet.
pub fn other_shelf(n: usize) -> String {
    format!("Warehouse-B-Rack-{:02}", n + 1)
}

/// The n-th UID of a type at the bench's plant, from 1.
pub fn uid(kind: &str, n: u64) -> anyhow::Result<Uid> {
    let (tenant, plant): (TenantCode, PlantCode) = ("SAIF".parse()?, "KOL".parse()?);
    Ok(Uid::new(tenant, plant, kind.parse::<TypeCode>()?, n)?)
}

/// A plant file with free ports; nothing is pruned and no disk limit is met.
pub fn plant_file(dir: &Path) -> anyhow::Result<(PathBuf, PlantFile)> {
    let port = || free_port().context("finding a port");
    let (mqtt, terminal, health, cloud) = (port()?, port()?, port()?, port()?);
    let mut text = format!(
        r#"
[tenant]
code = "SAIF"
name = "Saif Automations"
[company]
code = "SAIF-IN"
name = "Saif Automations Private Limited"
[plant]
code = "KOL"
name = "Kolkata Manufacturing"
time_zone = "Asia/Kolkata"
languages = ["en", "hi", "bn"]
[uplink]
cloud_url = "https://localhost:{cloud}"
[broker]
listen = "127.0.0.1:{mqtt}"
[terminal]
listen = "127.0.0.1:{terminal}"
tls = false
[health]
listen = "127.0.0.1:{health}"
[disk]
max_journal_bytes = 109_951_162_777
min_free_bytes = 67_108_864
keep_acked_days = 3650
[[leases]]
type = "RM"
low_water = 2_000
request = 10_000
[[stations]]
code = "DOCK1"
name = "Receiving dock 1"
kind = "receiving"
location = "Dock-1"
mqtt = true
login_required = false
output = {{ type = "RM" }}
series = "GRN"
"#
    );
    for n in 0..STORES {
        let (code, name) = (store(n), format!("Store {}", n + 1));
        text += &format!(
            "[[stations]]\ncode = \"{code}\"\nname = \"{name}\"\nkind = \"storage\"\n\
             location = \"Warehouse-A\"\nmqtt = true\nlogin_required = false\n"
        );
    }
    let path = dir.join("kolkata.toml");
    std::fs::write(&path, text).context("writing a plant file")?;
    let plant = edge_agent::config::load(&path).context("the bench's plant file")?;
    Ok((path, plant))
}

/// A running engine.
pub struct Line {
    /// Its face.
    pub handle: Handle,
    task: JoinHandle<()>,
}

impl Line {
    /// Starts the engine on `data`.
    pub async fn start(data: &Path, plant: &PlantFile) -> anyhow::Result<Self> {
        let settings = EngineSettings::new(data.to_owned(), AGENT, machine_id(), 1);
        let speaker = Arc::new(edge_agent::messages::Fluent);
        let (handle, task) = engine::start(settings, Arc::new(plant.clone()), speaker).await?;
        let mut jobs = handle.take_print_jobs().context("the print jobs")?;
        tokio::spawn(async move { while jobs.recv().await.is_some() {} });
        Ok(Self { handle, task })
    }

    /// Stops it in order; the journal is one file then.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.handle.stop().await;
        drop(self.handle);
        self.task.await.context("the engine ended badly")
    }

    /// Gives it masters and numbers, as the cloud would.
    pub async fn supply(&self, numbers: u64) -> anyhow::Result<()> {
        let row = |kind: &str, id: &str, json: serde_json::Value| v1::ReferenceRow {
            kind: kind.into(),
            id: id.into(),
            json: json.to_string(),
            deleted: false,
        };
        let item = serde_json::json!({"item": "RM-GEAR", "names": {"en": "Gear 24 teeth"},
            "type_code": "RM", "base_unit": "pcs", "tracking": "unit"});
        let lines =
            [serde_json::json!({"line": 1, "item": "RM-GEAR", "quantity": "99999999", "unit": "pcs"})];
        let order = serde_json::json!({"type": "po", "number": "PO-2025-001", "partner": "VENDOR-XYZ",
            "partner_place": "Vendor-XYZ", "ordered_at": "2025-01-15T10:30:00Z", "lines": lines});
        let mut rows = vec![row("item", "RM-GEAR", item), row("order", "po PO-2025-001", order)];
        for n in 0..STORES {
            for place in [shelf(n), other_shelf(n)] {
                rows.push(row("location", &place, serde_json::json!({ "location": place })));
            }
        }
        let chunk = v1::ReferenceChunk { version: 1, full: true, last: true, rows };
        self.handle.reference_chunk(chunk).await?;
        self.handle.reference_current(1, Utc::now()).await;
        let grant = v1::LeaseGrant { r#type: "RM".into(), first: 1, last: numbers, epoch: 1 };
        self.handle.lease_granted(&grant).await?;
        let series = v1::SeriesGrant {
            series: "GRN".into(),
            prefix: "GRN-2025-".into(),
            first: 1,
            last: 999_999,
            width: 6,
            epoch: 1,
            ..v1::SeriesGrant::default()
        };
        self.handle.series_granted(series).await?;
        Ok(())
    }

    /// Receives pieces until `count` are labelled: RM 1 to `count`.
    pub async fn receive(&self, count: u64) -> anyhow::Result<()> {
        let card = |verb, value: Option<&str>| anyhow::Ok(Control::with(verb, value)?.to_string());
        let mut scans = Scans::new("DOCK1", "receive");
        scans.take(&self.handle, "PO-2025-001").await?;
        let mut left = count;
        while left > 0 {
            let now = left.min(AT_ONCE);
            scans.take(&self.handle, "RM-GEAR").await?;
            let quantity = now.to_string();
            scans.take(&self.handle, &card(Verb::Qty, Some(quantity.as_str()))?).await?;
            scans.take(&self.handle, &card(Verb::Done, None)?).await?;
            left -= now;
        }
        Ok(())
    }
}

/// The readings of one scanner.
pub struct Scans {
    station: String,
    name: String,
    count: u64,
}

impl Scans {
    /// A scanner at a station; its readings have ids that begin with `name`.
    pub fn new(station: &str, name: &str) -> Self {
        Self { station: station.to_owned(), name: name.to_owned(), count: 0 }
    }

    /// Scans, and waits for the answer.
    pub async fn scan(&mut self, to: &Handle, text: &str) -> anyhow::Result<Answer> {
        self.count += 1;
        let input = ScanInput {
            station: self.station.clone(),
            text: text.to_owned(),
            input_id: format!("p:{}-{:08}", self.name, self.count),
            device_counter: Some(self.count),
            occurred_at: None,
            badge: None,
        };
        Ok(to.scan(input).await?)
    }

    /// Scans what must be taken.
    pub async fn take(&mut self, to: &Handle, text: &str) -> anyhow::Result<Answer> {
        let answer = self.scan(to, text).await?;
        if answer.colour == Colour::Red {
            bail!("{} refused {text}: {} {:?}", self.station, answer.code, answer.args);
        }
        Ok(answer)
    }

    /// Scans what must be green and on disk.
    pub async fn green(&mut self, to: &Handle, text: &str) -> anyhow::Result<()> {
        let answer = self.scan(to, text).await?;
        if answer.colour != Colour::Green || !answer.recorded {
            bail!("{} did not take {text}: {} {:?}", self.station, answer.code, answer.args);
        }
        Ok(())
    }
}
