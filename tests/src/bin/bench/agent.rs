//! A real `edge-agent` process on a data folder of ours, and scanners at its
//! stations. The cloud that its plant file names is not there.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use edge_agent::config::{BrokerKind, PlantFile};
use edge_agent::enrol::Identity;
use simulators::demo::process::Process;
use simulators::http::Http;
use simulators::plant::scanner::Scanner;
use uuid::Uuid;

use crate::facts::AGENT;
use crate::line::Line;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running agent.
pub struct Agent {
    process: Process,
    plant: PlantFile,
}

impl Agent {
    /// Starts it on `data`, with masters as of now, and waits until it takes scans.
    pub async fn start(data: &Path, file: &Path, plant: &PlantFile) -> anyhow::Result<Self> {
        let line = Line::start(data, plant).await?;
        line.supply(1).await?;
        line.stop().await?;
        identity().context("an identity")?.save(data)?;
        let exe = std::env::current_exe().context("finding the running program")?;
        let program = exe.parent().context("the program has no folder")?.join("edge-agent");
        let args = [
            "run".to_owned(),
            file.display().to_string(),
            "--data-dir".to_owned(),
            data.display().to_string(),
        ];
        let env = [("RUST_LOG".to_owned(), "error".to_owned())];
        let process = Process::start("edge-agent", &program, &args, &env, &data.join("agent.log"))?;
        let mut agent = Self { process, plant: plant.clone() };
        let http = Http::new(&format!("http://{}", plant.health.listen), None);
        let began = Instant::now();
        loop {
            agent.process.must_run()?;
            if let Ok((200, _)) = http.send_raw(hyper::Method::GET, "/healthz", None).await {
                return Ok(agent);
            }
            if began.elapsed() > READY_WITHIN {
                bail!("the agent did not answer within {READY_WITHIN:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A scanner at a station.
    pub fn scanner(&self, station: &str) -> anyhow::Result<Scanner> {
        let broker = self.plant.broker.as_ref().context("no broker")?;
        let BrokerKind::Embedded { listen } = &broker.kind else { bail!("the broker is elsewhere") };
        let found = self.plant.station(station).with_context(|| format!("no station {station}"))?;
        let scan = self.plant.scan_topic(found).context("no MQTT input")?;
        let feedback = self.plant.feedback_topic(found).context("no MQTT input")?;
        let (host, id) = (listen.ip().to_string(), format!("scanner-{station}"));
        Ok(Scanner::start(&host, listen.port(), &id, &scan, &feedback))
    }

    /// A figure of its memory from `/proc`, in MiB.
    pub fn memory(&self, field: &str) -> anyhow::Result<f64> {
        let pid = self.process.id().context("the agent has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("its memory")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("its memory")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    /// Stops it politely.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.process.stop().await
    }
}

/// Enough of an identity to start without a cloud.
fn identity() -> anyhow::Result<Identity> {
    let made = rcgen::generate_simple_self_signed(vec!["bench".into()])?;
    Ok(Identity {
        agent_id: AGENT,
        tenant_id: Uuid::from_u128(1),
        tenant: "SAIF".into(),
        plant: "KOL".into(),
        epoch: 1,
        certificate_pem: made.cert.pem(),
        ca_pem: made.cert.pem(),
        key_pem: made.signing_key.serialize_pem(),
    })
}
