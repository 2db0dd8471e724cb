//! Scanners: the broker when the plant has none of its own, a connection per
//! MQTT station, and scanners on TCP.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::intake;
use crate::config::{BrokerKind, PlantFile, Station, TcpEndpoint};
use crate::engine::Handle;
use crate::inputs::mqtt::{Broker, BrokerSettings, MqttScanner, MqttSettings};
use crate::inputs::tcp::{Endpoint, TcpScanner, TcpSettings};

/// Starts them; the broker lives as long as what is returned.
///
/// # Errors
/// When the broker cannot listen, or a station's settings cannot be used.
pub(super) async fn start(
    plant: &Arc<PlantFile>,
    handle: &Handle,
    stop: &CancellationToken,
    parts: &mut JoinSet<()>,
) -> anyhow::Result<Option<Broker>> {
    let mut own = None;
    if let Some(broker) = &plant.broker {
        let feedback: Vec<String> = plant.stations.iter().filter_map(|s| plant.feedback_topic(s)).collect();
        let (host, port, login) = match &broker.kind {
            BrokerKind::Embedded { listen } => {
                let mut settings = BrokerSettings::new(*listen);
                settings.max_payload = broker.max_packet_bytes as usize;
                settings.topics = feedback;
                let started =
                    Broker::start(settings).await.context("starting the plant's own MQTT broker")?;
                let address = started.local_address();
                own = Some(started);
                (address.ip().to_string(), address.port(), None)
            }
            BrokerKind::External { address, username, password_file } => {
                let login = match (username, password_file) {
                    (Some(name), Some(file)) => {
                        let password = std::fs::read_to_string(file).with_context(|| {
                            format!("reading the broker's password in {}", file.display())
                        })?;
                        Some((name.clone(), password.trim().to_owned()))
                    }
                    (Some(name), None) => Some((name.clone(), String::new())),
                    _ => None,
                };
                (address.host.clone(), address.port, login)
            }
        };
        for station in &plant.stations {
            let Some(topic) = plant.scan_topic(station) else { continue };
            let client_id = format!("{}-{}", broker.client_id_prefix, station.code);
            let mut settings = MqttSettings::new(&station.code, &host, port, &client_id, &topic);
            settings.login.clone_from(&login);
            settings.feedback_topic = plant.feedback_topic(station);
            settings.keep_alive = Duration::from_secs(u64::from(broker.keep_alive_s));
            settings.max_payload = broker.max_packet_bytes as usize;
            settings.broker_marks_redelivery = own.is_none();
            let scanner = MqttScanner::new(settings, intake(handle), stop.clone())
                .with_context(|| format!("the MQTT scanner of station {}", station.code))?;
            parts.spawn(scanner.run());
        }
    }
    for station in &plant.stations {
        if let Some(scanner) = tcp(station, handle, stop).await? {
            parts.spawn(scanner.run());
        }
    }
    Ok(own)
}

async fn tcp(
    station: &Station,
    handle: &Handle,
    stop: &CancellationToken,
) -> anyhow::Result<Option<TcpScanner>> {
    let Some(config) = &station.inputs.tcp else { return Ok(None) };
    let endpoint = match &config.endpoint {
        TcpEndpoint::Listen(address) => Endpoint::Listen(*address),
        TcpEndpoint::Connect(to) => Endpoint::Connect { host: to.host.clone(), port: to.port },
    };
    let mut settings = TcpSettings::new(&station.code, endpoint);
    settings.prefix = config.prefix.clone().into_bytes();
    settings.suffix = config.suffix.clone().into_bytes();
    settings.max_bytes = config.max_scan_bytes as usize;
    settings.no_read.clone_from(&config.no_read);
    settings.incomplete_after = Duration::from_millis(u64::from(config.incomplete_after_ms));
    settings.duplicate_window = Duration::from_millis(u64::from(station.duplicate_window_ms));
    let scanner = TcpScanner::open(settings, intake(handle), stop.clone())
        .await
        .with_context(|| format!("the TCP scanner of station {}", station.code))?;
    Ok(Some(scanner))
}
