//! One plant of the demo: its agent, its machines and its printers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use edge_agent::config::{BrokerKind, PlantFile, TcpEndpoint};

use super::layout::{Layout, with_free_ports};
use super::process::Process;
use crate::http::Http;
use crate::plant::journal::Journal;
use crate::plant::machine::Plc;
use crate::plant::printer::Printer;
use crate::plant::scanner::Scanner;
use crate::plant::socket::SocketScanner;

/// How long an agent may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A plant file that the demo uses: with free ports, and the cloud's address.
#[derive(Debug, Clone)]
pub struct PlantSetup {
    /// The file written for the agent.
    pub file: PathBuf,
    /// What it says.
    pub plant: PlantFile,
    /// How often its agent was killed and started again.
    pub restarts: Arc<AtomicU64>,
}

/// Writes the plant file of the demo: `source` with free ports if `free_ports`,
/// and with the cloud's gRPC port.
///
/// # Errors
/// When the file cannot be read or is not right.
pub fn prepare(layout: &Layout, source: &Path, grpc: u16, free_ports: bool) -> anyhow::Result<PlantSetup> {
    let mut text =
        std::fs::read_to_string(source).with_context(|| format!("reading {}", source.display()))?;
    if free_ports {
        text = with_free_ports(&text)?.0;
    }
    let text = text.replace("https://localhost:17443", &format!("https://localhost:{grpc}"));
    let name = source.file_name().context("a plant file needs a name")?;
    let file = layout.state.join(name);
    std::fs::write(&file, &text).with_context(|| format!("writing {}", file.display()))?;
    let plant = edge_agent::config::load(&file).with_context(|| format!("plant file {}", file.display()))?;
    Ok(PlantSetup { file, plant, restarts: Arc::default() })
}

/// What stands in a plant, whether its agent runs or not.
pub struct Site {
    /// What the plant's file says.
    pub setup: PlantSetup,
    /// Simulated PLCs by machine code.
    pub machines: BTreeMap<String, Plc>,
    /// Simulated printers by code.
    pub printers: BTreeMap<String, Printer>,
}

/// A running plant.
pub struct Plant {
    /// Its machines and printers.
    pub site: Arc<Site>,
    layout: Layout,
    agent: Process,
    token_file: PathBuf,
}

impl Site {
    /// The plant's three-character code.
    #[must_use]
    pub fn code(&self) -> String {
        self.setup.plant.plant.to_string()
    }

    /// How often its agent was killed and started again.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.setup.restarts.load(Ordering::SeqCst)
    }

    /// The journal of its agent, in the folder that the demo gives it.
    #[must_use]
    pub fn journal(&self) -> Journal {
        Journal::in_folder(&self.setup.file.with_file_name(self.code()))
    }

    /// The fixed scanner that connects to a station's port.
    ///
    /// # Errors
    /// When the station has none, or waits for no connection.
    pub fn socket(&self, station: &str) -> anyhow::Result<SocketScanner> {
        let found = self.setup.plant.station(station).with_context(|| format!("no station {station}"))?;
        let tcp = found.inputs.tcp.as_ref().with_context(|| format!("{station} has no TCP input"))?;
        let TcpEndpoint::Listen(address) = &tcp.endpoint else {
            bail!("{station} connects to its scanner by itself");
        };
        Ok(SocketScanner::new(station, *address, &tcp.prefix, &tcp.suffix, self.journal()))
    }

    /// A scanner at one of the plant's stations.
    ///
    /// # Errors
    /// When the plant has no broker, or the station no MQTT input.
    pub fn scanner(&self, station: &str) -> anyhow::Result<Scanner> {
        let plant = &self.setup.plant;
        let broker = plant.broker.as_ref().context("the plant has no broker")?;
        let (host, port) = match &broker.kind {
            BrokerKind::Embedded { listen } => (listen.ip().to_string(), listen.port()),
            BrokerKind::External { address, .. } => (address.host.clone(), address.port),
        };
        let found = plant.station(station).with_context(|| format!("no station {station}"))?;
        let scan = plant.scan_topic(found).with_context(|| format!("{station} has no MQTT input"))?;
        let feedback = plant.feedback_topic(found).with_context(|| format!("{station} has no MQTT input"))?;
        let id = format!("scanner-{}-{station}", plant.plant);
        Ok(Scanner::start(&host, port, &id, &scan, &feedback))
    }
}

impl Plant {
    /// Starts machines, printers and the agent, and waits until the agent is
    /// enrolled, in touch with the cloud and ready to mint.
    ///
    /// # Errors
    /// When a part does not start; the message holds the end of its log.
    pub async fn start(layout: &Layout, setup: PlantSetup, tokens: &Path, seed: u64) -> anyhow::Result<Self> {
        let mut machines = BTreeMap::new();
        for (nth, machine) in setup.plant.machines.iter().enumerate() {
            let address = local(&machine.address.host, machine.address.port)?;
            let plc = Plc::start(address).await?;
            crate::plant::process::run(&plc, machine, seed.wrapping_add(nth as u64));
            machines.insert(machine.code.clone(), plc);
        }
        let mut printers = BTreeMap::new();
        for printer in &setup.plant.printers {
            let address = local(&printer.address.host, printer.address.port)?;
            printers.insert(printer.code.clone(), Printer::start(address).await?);
        }
        let token_file = tokens.join(format!("{}.token", setup.plant.plant));
        let agent = spawn(layout, &setup, &token_file)?;
        let site = Arc::new(Site { setup, machines, printers });
        let mut plant = Self { site, layout: layout.clone(), agent, token_file };
        plant.wait_ready().await?;
        Ok(plant)
    }

    /// The journal of its agent.
    #[must_use]
    pub fn journal(&self) -> Journal {
        self.site.journal()
    }

    /// Data folder of the agent.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        data_dir(&self.layout, &self.site.setup)
    }

    /// Kills the agent with SIGKILL and starts it again.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn restart_killed(&mut self) -> anyhow::Result<()> {
        self.agent.kill().await?;
        // Counted when it is gone: what happens from now on it cannot see.
        self.site.setup.restarts.fetch_add(1, Ordering::SeqCst);
        self.agent = spawn(&self.layout, &self.site.setup, &self.token_file)?;
        self.wait_alive().await
    }

    /// Stops the agent politely.
    ///
    /// # Errors
    /// When it does not stop by itself.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.agent.stop().await
    }

    /// Fails if the agent is no longer running.
    ///
    /// # Errors
    /// When it has ended.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.agent.must_run()
    }

    /// What `/healthz` of the agent says.
    ///
    /// # Errors
    /// When it is out of reach.
    pub async fn health(&self) -> anyhow::Result<serde_json::Value> {
        let http = Http::new(&format!("http://{}", self.site.setup.plant.health.listen), None);
        let (_, text) = http.send_raw(hyper::Method::GET, "/healthz", None).await?;
        serde_json::from_str(&text).with_context(|| format!("health of {}: {text}", self.site.code()))
    }

    async fn wait_alive(&mut self) -> anyhow::Result<()> {
        self.wait_until("alive", |_| true).await
    }

    async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let stations = self.site.setup.plant.stations.iter();
        let series: BTreeSet<String> = stations.filter_map(|station| station.series.clone()).collect();
        self.wait_until("enrolled, connected and able to mint", |health| {
            let left = |numbers: &serde_json::Value| numbers.as_u64().is_some_and(|left| left > 0);
            let leases = health["leases"].as_object();
            health["uplink"]["connected"] == true
                && health["reference"]["version"].as_u64().is_some_and(|version| version > 0)
                && leases.is_some_and(|leases| !leases.is_empty() && leases.values().all(left))
                && series.iter().all(|series| left(&health["series"][series]))
        })
        .await
    }

    /// Waits until the cloud has everything that the agent recorded.
    ///
    /// # Errors
    /// When that does not come about in a minute.
    pub async fn wait_drained(&mut self) -> anyhow::Result<()> {
        self.wait_until("drained", |health| health["queue"] == 0 && health["uplink"]["connected"] == true)
            .await
    }

    async fn wait_until(
        &mut self,
        what: &str,
        done: impl Fn(&serde_json::Value) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + READY_WITHIN;
        loop {
            self.agent.must_run()?;
            let health = self.health().await;
            if let Ok(health) = &health
                && done(health)
            {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                bail!(
                    "the agent of {} was not {what} within {READY_WITHIN:?}: {health:?}; see {}",
                    self.site.code(),
                    self.layout.log(&self.site.code()).display()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn local(host: &str, port: u16) -> anyhow::Result<SocketAddr> {
    format!("{host}:{port}").parse().with_context(|| format!("{host}:{port} is no address of this machine"))
}

fn data_dir(layout: &Layout, setup: &PlantSetup) -> PathBuf {
    layout.state.join(setup.plant.plant.to_string())
}

fn spawn(layout: &Layout, setup: &PlantSetup, token_file: &Path) -> anyhow::Result<Process> {
    let code = setup.plant.plant.to_string();
    let args = [
        "run".to_owned(),
        setup.file.display().to_string(),
        "--data-dir".to_owned(),
        data_dir(layout, setup).display().to_string(),
        "--token-file".to_owned(),
        token_file.display().to_string(),
    ];
    // Two plants on one machine must not look like a clone of each other.
    let env = [("TRACEWRIGHT_MACHINE_ID".to_owned(), format!("simulated-{code}"))];
    Process::start(&code, &layout.program("edge-agent"), &args, &env, &layout.log(&code))
}
