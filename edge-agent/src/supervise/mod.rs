//! The agent as a whole: starts its parts in order, watches them, starts anew
//! what ends, and stops them in order. What one part does cannot take the others
//! down; only without its engine the agent ends.

mod args;
mod cards;
mod face;
mod folder;
mod health;
mod label;
mod lights;
mod logs;
mod machines;
mod meters;
mod parts;
mod prints;
mod scanners;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use args::RunArgs;
pub use cards::{cards, stored_reference};
pub use label::write_labels;

use crate::config::{self, PlantFile};
use crate::engine::{self, EngineSettings, Handle, Speaker, UplinkState};
use crate::enrol::{self, EnrolError, Identity, Token, machine_id};
use crate::inputs::{Backoff, Intake};
use crate::messages::Fluent;
use crate::terminal;
use crate::uplink::{self, Connection, EnginePort, UplinkSettings};

use meters::Meters;
use parts::{PartStates, Parts};

/// How long parts may take to stop before they are left behind.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Runs the agent until it is told to stop (SIGTERM or SIGINT).
///
/// # Errors
/// When it cannot start; afterwards a part that fails is told and tried again.
pub fn run(args: RunArgs) -> anyhow::Result<()> {
    logs::start(args.log_json);
    folder::keep_to_ourselves();
    let plant = Arc::new(config::load(&args.file)?);
    config::cautions(&plant).iter().for_each(|told| tracing::warn!("{told}"));
    let data_dir = data_dir(&plant, &args.file, args.data_dir.clone());
    folder::make(&data_dir)?;
    let _lock = folder::lock(&data_dir)?;
    runtime()?.block_on(async move {
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone())?;
        let Some(identity) = identity(&args, &plant, &data_dir, &stop).await? else {
            return Ok(());
        };
        serve(&args, plant, &data_dir, identity, stop).await
    })
}

/// Exchanges a token for an identity and keeps it.
///
/// # Errors
/// When the cloud refuses or is out of reach, or there is an identity already.
pub fn enrol(file: &Path, data_dir: Option<PathBuf>, token: &str) -> anyhow::Result<()> {
    logs::start(false);
    folder::keep_to_ourselves();
    let plant = config::load(file)?;
    let data_dir = self::data_dir(&plant, file, data_dir);
    folder::make(&data_dir)?;
    let _lock = folder::lock(&data_dir)?;
    let there = Identity::load(&data_dir)?;
    anyhow::ensure!(
        there.is_none(),
        "{} holds an identity already; an agent that starts anew needs an empty data folder",
        data_dir.display()
    );
    let token = token_text(token)?;
    let identity = runtime()?.block_on(enrol_once(&plant, &token))?;
    identity.save(&data_dir)?;
    println!("enrolled as agent {} of {}-{}", identity.agent_id, identity.tenant, identity.plant);
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime")
}

fn data_dir(plant: &PlantFile, file: &Path, named: Option<PathBuf>) -> PathBuf {
    let own = || plant.uplink.data_dir.clone();
    let beside = || file.with_extension("data");
    named.or_else(own).unwrap_or_else(beside)
}

fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        stop.cancel();
    });
    Ok(())
}

/// A token, or a file that holds one.
fn token_text(token_or_file: &str) -> anyhow::Result<Token> {
    if token_or_file.starts_with("twe1.") {
        return Ok(token_or_file.parse()?);
    }
    let text = std::fs::read_to_string(token_or_file)
        .with_context(|| format!("reading the token in {token_or_file}"))?;
    Ok(text.parse()?)
}

async fn enrol_once(plant: &PlantFile, token: &Token) -> Result<Identity, EnrolError> {
    let expected = enrol::Expected { tenant: plant.tenant.to_string(), plant: plant.plant.to_string() };
    enrol::enrol(&plant.uplink.cloud_url, token, &machine_id(), &expected).await
}

/// The identity on disk, or one for the token. Waits for a cloud that is out of
/// reach: without an identity there are no numbers to mint from. `None` when
/// told to stop first.
async fn identity(
    args: &RunArgs,
    plant: &PlantFile,
    data_dir: &Path,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Identity>> {
    if let Some(identity) = Identity::load(data_dir)? {
        return Ok(Some(identity));
    }
    let file = args.token_file.as_ref().or(plant.uplink.enrolment_token_file.as_ref()).context(
        "this agent is not enrolled: run `edge-agent enrol`, or name a token file in the plant file or by --token-file",
    )?;
    let token = token_text(&file.display().to_string())?;
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));
    loop {
        match enrol_once(plant, &token).await {
            Ok(identity) => {
                identity.save(data_dir)?;
                tracing::info!(agent = %identity.agent_id, "enrolled");
                return Ok(Some(identity));
            }
            Err(error) if error.passes() => tracing::warn!(%error, "not enrolled yet; trying again"),
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(backoff.next_wait()) => {}
        }
    }
}

async fn serve(
    args: &RunArgs,
    plant: Arc<PlantFile>,
    data_dir: &Path,
    identity: Identity,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut settings =
        EngineSettings::new(data_dir.to_owned(), identity.agent_id, machine_id(), identity.epoch);
    settings.mark.clone_from(&args.mark);
    let speaker: Arc<dyn Speaker> = Arc::new(Fluent);
    let (handle, engine) =
        engine::start(settings, plant.clone(), speaker).await.context("opening the journal")?;

    // Inputs stop first and the engine last, so that what was taken is answered.
    let (states, meters) = (PartStates::default(), Meters::default());
    let mut inputs = Parts::new(states.clone(), stop.child_token());
    let mut rest = Parts::new(states.clone(), CancellationToken::new());

    scanners::start(&plant, &handle, &meters, &mut inputs, &mut rest);
    machines::start(&plant, &handle, &meters, &mut inputs);
    start_uplink(&plant, data_dir, identity, &handle, &mut rest);
    let board = start_printers(&plant, &handle, &states, &mut rest);
    start_terminal(&plant, data_dir, &handle, board, &mut inputs);
    scanners::listening(&plant).await;
    health::start(&plant, &handle, &states, &meters, &mut rest);
    tracing::info!(plant = %plant.plant, "the agent runs");

    let mut engine = engine;
    let failed = tokio::select! {
        () = stop.cancelled() => None,
        ended = &mut engine => Some(ended),
    };
    // Also without an engine: coils are to be left safe.
    inputs.stop().cancel();
    inputs.finish("inputs", STOP_WITHIN).await;
    rest.stop().cancel();
    rest.finish("the uplink", STOP_WITHIN).await;
    if let Some(ended) = failed {
        anyhow::bail!("the engine ended: {ended:?}");
    }
    handle.stop().await;
    engine.await.context("the engine ended badly")?;
    tracing::info!("stopped in good order");
    Ok(())
}

fn start_uplink(
    plant: &Arc<PlantFile>,
    data_dir: &Path,
    identity: Identity,
    handle: &Handle,
    parts: &mut Parts,
) {
    let millis = |ms: u32| Duration::from_millis(u64::from(ms));
    let settings = UplinkSettings {
        cloud_url: plant.uplink.cloud_url.clone(),
        max_batch_events: plant.uplink.max_batch_events as usize,
        max_batch_bytes: plant.uplink.max_batch_bytes as usize,
        max_in_flight: plant.uplink.max_in_flight_batches as usize,
        heartbeat: millis(plant.uplink.heartbeat_ms),
        reconnect_min: millis(plant.uplink.reconnect_min_ms),
        reconnect_max: millis(plant.uplink.reconnect_max_ms),
        machine_id: machine_id(),
        data_dir: data_dir.to_owned(),
    };
    let (handle, stop) = (handle.clone(), parts.stop().clone());
    parts.run("uplink", move || {
        let (settings, handle, stop) = (settings.clone(), handle.clone(), stop.clone());
        // The one on disk may have been renewed meanwhile.
        let kept = Identity::load(&settings.data_dir).ok().flatten();
        let identity = kept.unwrap_or_else(|| identity.clone());
        async move {
            let (told, mut connection) = watch::channel(Connection::default());
            let shown = handle.clone();
            let show = async move {
                while connection.changed().await.is_ok() {
                    let Connection { connected, problem, since } = connection.borrow_and_update().clone();
                    shown.set_uplink(UplinkState { connected, since, problem });
                }
            };
            let port = Arc::new(EnginePort::new(handle));
            tokio::join!(uplink::run(settings, identity, port, told, stop), show);
            Ok(())
        }
    });
}

/// Printers get the engine's jobs once, so their tasks are not started anew:
/// where one ends the others go on, and health says so until the next start.
fn start_printers(
    plant: &Arc<PlantFile>,
    handle: &Handle,
    states: &PartStates,
    parts: &mut Parts,
) -> prints::Board {
    const NAME: &str = "printers";
    let (states, stop) = (states.clone(), parts.stop().clone());
    let mut tasks = JoinSet::new();
    let board = prints::start(plant, handle, &stop, &mut tasks);
    let mut tasks = Some(tasks);
    parts.run(NAME, move || {
        let (states, stop) = (states.clone(), stop.clone());
        let mut tasks = tasks.take().unwrap_or_default();
        async move {
            while let Some(ended) = tasks.join_next().await {
                if !stop.is_cancelled() {
                    let problem = ended.err().map_or("it ended".to_owned(), |error| error.to_string());
                    tracing::error!(problem, "a printer's task ended; its labels wait for the next start");
                    states.failing(NAME, problem);
                }
            }
            stop.cancelled().await;
            Ok(())
        }
    });
    board
}

fn start_terminal(
    plant: &Arc<PlantFile>,
    data_dir: &Path,
    handle: &Handle,
    board: prints::Board,
    parts: &mut Parts,
) {
    let (settings, data_dir, stop) = (plant.terminal.clone(), data_dir.to_owned(), parts.stop().clone());
    let backend = Arc::new(face::Face::new(handle.clone(), board, stop.clone()));
    parts.run("terminal pages", move || {
        let (settings, data_dir, backend) = (settings.clone(), data_dir.clone(), backend.clone());
        let stop = stop.child_token();
        async move {
            // What serves this attempt ends with it.
            let _ended = stop.clone().drop_guard();
            let tls = if settings.tls {
                let own = settings.certificate_file.as_deref().zip(settings.key_file.as_deref());
                Some(terminal::server_config(own, &data_dir, &terminal::certificate_names(&settings))?)
            } else {
                None
            };
            terminal::serve(settings.listen, tls, backend, stop)
                .await
                .with_context(|| format!("terminal: listening on {}", settings.listen))
        }
    });
}

/// The engine as inputs see it.
fn intake(handle: &Handle) -> Arc<dyn Intake> {
    Arc::new(handle.clone())
}
