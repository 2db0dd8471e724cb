//! The agent as a whole: starts its parts in order, watches them, and stops
//! them in order. What an input's task does cannot take the others down.

mod args;
mod cards;
mod face;
mod health;
mod label;
mod logs;
mod machines;
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

/// How long parts may take to stop before they are left behind.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Runs the agent until it is told to stop (SIGTERM or SIGINT).
///
/// # Errors
/// When it cannot start; afterwards a part that fails is told and tried again.
pub fn run(args: RunArgs) -> anyhow::Result<()> {
    logs::start(args.log_json);
    let plant = Arc::new(config::load(&args.file)?);
    let data_dir = data_dir(&plant, &args.file, args.data_dir.clone());
    std::fs::create_dir_all(&data_dir).with_context(|| format!("making {}", data_dir.display()))?;
    let _lock = lock(&data_dir)?;
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
    let plant = config::load(file)?;
    let data_dir = self::data_dir(&plant, file, data_dir);
    std::fs::create_dir_all(&data_dir).with_context(|| format!("making {}", data_dir.display()))?;
    let _lock = lock(&data_dir)?;
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

/// One agent per data folder: two would tear one chain apart.
fn lock(data_dir: &Path) -> anyhow::Result<std::fs::File> {
    let path = data_dir.join("lock");
    let file = std::fs::File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    file.try_lock().with_context(|| format!("another agent runs on {}", data_dir.display()))?;
    Ok(file)
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
            Err(error @ EnrolError::Connect(_)) => tracing::warn!(%error, "not enrolled yet; trying again"),
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
    let inputs_stop = stop.child_token();
    let rest_stop = CancellationToken::new();
    let mut inputs = JoinSet::new();
    let mut rest = JoinSet::new();

    let _broker = scanners::start(&plant, &handle, &inputs_stop, &mut inputs).await?;
    machines::start(&plant, &handle, &inputs_stop, &mut inputs).await?;
    start_uplink(&plant, data_dir, identity, &handle, &rest_stop, &mut rest);
    let board = prints::start(&plant, &handle, &rest_stop, &mut rest);
    start_terminal(&plant, data_dir, &handle, board, &inputs_stop, &mut inputs)?;
    health::start(&plant, &handle, &rest_stop, &mut rest).await?;
    tracing::info!(plant = %plant.plant, "the agent runs");

    let mut engine = engine;
    tokio::select! {
        () = stop.cancelled() => {}
        ended = &mut engine => anyhow::bail!("the engine ended: {ended:?}"),
    }
    finish(inputs, "inputs").await;
    rest_stop.cancel();
    finish(rest, "the uplink").await;
    handle.stop().await;
    engine.await.context("the engine ended badly")?;
    tracing::info!("stopped in good order");
    Ok(())
}

async fn finish(mut parts: JoinSet<()>, name: &str) {
    let all = async { while parts.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
        tracing::warn!("{name} did not stop within {STOP_WITHIN:?} and are left behind");
        parts.abort_all();
    }
}

fn start_uplink(
    plant: &Arc<PlantFile>,
    data_dir: &Path,
    identity: Identity,
    handle: &Handle,
    stop: &CancellationToken,
    parts: &mut JoinSet<()>,
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
    let (told, mut connection) = watch::channel(Connection::default());
    let shown = handle.clone();
    parts.spawn(async move {
        while connection.changed().await.is_ok() {
            let Connection { connected, problem, since } = connection.borrow_and_update().clone();
            shown.set_uplink(UplinkState { connected, since, problem });
        }
    });
    let port = Arc::new(EnginePort::new(handle.clone()));
    parts.spawn(uplink::run(settings, identity, port, told, stop.clone()));
}

fn start_terminal(
    plant: &Arc<PlantFile>,
    data_dir: &Path,
    handle: &Handle,
    board: prints::Board,
    stop: &CancellationToken,
    parts: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let settings = &plant.terminal;
    let tls = if settings.tls {
        let own = settings.certificate_file.as_deref().zip(settings.key_file.as_deref());
        Some(terminal::server_config(own, data_dir, &terminal::certificate_names(settings))?)
    } else {
        None
    };
    let backend = Arc::new(face::Face::new(handle.clone(), board, stop.clone()));
    let (listen, stop) = (settings.listen, stop.clone());
    parts.spawn(async move {
        // A page that cannot be served must not stop scanners from working.
        if let Err(error) = terminal::serve(listen, tls, backend, stop).await {
            tracing::error!(%listen, %error, "the terminal pages cannot be served");
        }
    });
    Ok(())
}

/// The engine as inputs see it.
fn intake(handle: &Handle) -> Arc<dyn Intake> {
    Arc::new(handle.clone())
}
