//! The stream to the cloud: facts up, acknowledgements, number ranges,
//! reference data and holds down; for as long as the agent runs, whatever the
//! network does.
//!
//! The chain fixes the order of facts, so a backlog goes first, that of earlier
//! epochs before the current one, and a live fact waits behind it. It does not starve: batches are large, several are on their
//! way at once, and everything that comes down (holds above all) is handled
//! between any two of them.

mod engine_port;
mod port;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use engine_port::EnginePort;
pub use port::{Heads, Port, PortError, Read, Wishes};

use crate::enrol::{self, Connector, Identity, causes};
use crate::inputs::Backoff;

/// After how long a certificate is asked for again. It is asked for when half of
/// the old one's time is over, so that there is no hurry.
const RENEW_AGAIN: Duration = Duration::from_secs(600);

/// How the stream behaves.
#[derive(Debug, Clone)]
pub struct UplinkSettings {
    /// `https://host:port` of the cloud's edge service.
    pub cloud_url: String,
    /// Most events of a batch.
    pub max_batch_events: usize,
    /// Most bytes of a batch's events.
    pub max_batch_bytes: usize,
    /// Most batches sent and not acknowledged.
    pub max_in_flight: usize,
    /// How often the agent tells its state.
    pub heartbeat: Duration,
    /// First wait before another try.
    pub reconnect_min: Duration,
    /// Longest wait before another try.
    pub reconnect_max: Duration,
    /// Opaque id of this machine.
    pub machine_id: String,
    /// Where a renewed identity is kept.
    pub data_dir: std::path::PathBuf,
}

/// What is known of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// A stream is open and the cloud has answered.
    pub connected: bool,
    /// Why not, for a person.
    pub problem: Option<String>,
    /// Since when it is as it is.
    pub since: Option<chrono::DateTime<Utc>>,
}

/// Why one stream ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("told to stop")]
    Stopped,
    #[error("a new epoch began")]
    NewEpoch,
    #[error("the journal was found behind its mark")]
    Behind,
    #[error("it is not known at the plant what is held")]
    Doubt,
    #[error("the certificate is due for renewal")]
    Renewal,
    #[error(transparent)]
    Connect(#[from] enrol::ConnectError),
    #[error("the cloud ended the stream: {}", .0.message())]
    Refused(Box<tonic::Status>),
    #[error("the stream ended")]
    Closed,
    #[error("the cloud sent nothing it should have: {0}")]
    Silent(&'static str),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Runs the stream until `stop`. Says in `told` how it stands.
pub async fn run(
    settings: UplinkSettings,
    mut identity: Identity,
    port: Arc<dyn Port>,
    told: watch::Sender<Connection>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new(settings.reconnect_min, settings.reconnect_max);
    let mut renewed: Option<Instant> = None;
    while !stop.is_cancelled() {
        let due = |identity: &Identity, renewed: Option<Instant>| {
            identity.due_for_renewal(Utc::now()) && renewed.is_none_or(|at| at.elapsed() >= RENEW_AGAIN)
        };
        if due(&identity, renewed) {
            renew(&settings, &mut identity).await;
            renewed = Some(Instant::now());
        }
        let began = Instant::now();
        let ended = one(&settings, &identity, &port, &told, &|| due(&identity, renewed), &stop).await;
        let problem = match &ended {
            Ended::Refused(status) => refusal(status),
            other => other.to_string(),
        };
        tell(&told, false, Some(problem.clone()));
        match ended {
            Ended::Stopped => return,
            Ended::NewEpoch | Ended::Behind | Ended::Doubt | Ended::Renewal => {
                tracing::info!("{problem}; the stream starts again");
                continue;
            }
            _ => tracing::warn!(problem, "no stream to the cloud"),
        }
        if began.elapsed() > settings.reconnect_max {
            backoff.reset();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(backoff.next_wait()) => {}
        }
    }
}

async fn one(
    settings: &UplinkSettings,
    identity: &Identity,
    port: &Arc<dyn Port>,
    told: &watch::Sender<Connection>,
    renewal_due: &(dyn Fn() -> bool + Sync),
    stop: &CancellationToken,
) -> Ended {
    let connector = match Connector::by_identity(&settings.cloud_url, identity) {
        Ok(connector) => connector,
        Err(error) => return error.into(),
    };
    let connected = tokio::select! {
        () = stop.cancelled() => return Ended::Stopped,
        connected = connector.connect() => connected,
    };
    match connected {
        Ok(channel) => {
            let ready = || tell(told, true, None);
            stream::run(settings, channel, port, ready, renewal_due, stop).await
        }
        Err(error) => error.into(),
    }
}

async fn renew(settings: &UplinkSettings, identity: &mut Identity) {
    match enrol::renew(&settings.cloud_url, identity).await {
        Ok(renewed) => match renewed.save(&settings.data_dir) {
            Ok(()) => {
                tracing::info!("the certificate was renewed");
                *identity = renewed;
            }
            Err(error) => {
                tracing::error!(%error, "the renewed certificate could not be kept; the old one is used")
            }
        },
        Err(error) => tracing::warn!(%error, "the certificate could not be renewed yet"),
    }
}

/// Why the cloud ended a stream, for a person. A cloud that does not accept the
/// certificate says so only after the handshake, in the transport's own words.
fn refusal(status: &tonic::Status) -> String {
    let all = causes(status);
    let alert =
        ["UnknownCA", "BadCertificate", "CertificateUnknown", "CertificateRevoked", "CertificateExpired"]
            .into_iter()
            .find(|alert| all.contains(alert));
    match alert {
        Some(alert) => format!(
            "the cloud does not accept this agent's certificate ({alert}); it was issued by another authority \
             or is no longer good: enrol this agent with a new token"
        ),
        // Made on this side: the cloud itself said nothing.
        None if std::error::Error::source(status).is_some() => format!("the stream broke: {all}"),
        None => format!("the cloud ended the stream: {}", status.message()),
    }
}

fn tell(told: &watch::Sender<Connection>, connected: bool, problem: Option<String>) {
    told.send_if_modified(|now| {
        let changed = now.connected != connected || now.problem != problem;
        if changed {
            *now = Connection { connected, problem, since: Some(Utc::now()) };
        }
        changed
    });
}
