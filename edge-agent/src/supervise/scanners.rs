//! Scanners: the broker when the plant has none of its own, a connection per
//! MQTT station, and scanners on TCP. Each is a part of its own: a port that
//! cannot be listened on yet keeps one station waiting, not the plant.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpStream;

use super::intake;
use super::meters::Meters;
use super::parts::Parts;
use crate::config::{BrokerKind, PlantFile, Station, TcpEndpoint};
use crate::engine::Handle;
use crate::inputs::mqtt::stray::wildcard;
use crate::inputs::mqtt::{
    Broker, BrokerSettings, MqttScanner, MqttSettings, StraySettings, Strays, reachable,
};
use crate::inputs::tcp::{Endpoint, TcpScanner, TcpSettings};
use crate::station::control::Verb;

/// How long the rest waits for the embedded broker.
const BROKER_WITHIN: Duration = Duration::from_secs(2);

/// Starts them. The broker goes to `rest`: it must outlive what is connected.
pub(super) fn start(
    plant: &Arc<PlantFile>,
    handle: &Handle,
    meters: &Meters,
    inputs: &mut Parts,
    rest: &mut Parts,
) {
    if matches!(plant.broker.as_ref().map(|broker| &broker.kind), Some(BrokerKind::Embedded { .. })) {
        let (plant, meters, stop) = (plant.clone(), meters.clone(), rest.stop().clone());
        rest.run("MQTT broker", move || {
            let (plant, meters, stop) = (plant.clone(), meters.clone(), stop.clone());
            async move {
                let broker = Broker::start(broker(&plant)?).await?;
                meters.cut_off(broker.cut_off());
                tokio::select! {
                    () = stop.cancelled() => Ok(()),
                    () = broker.ended() => anyhow::bail!("the embedded MQTT broker ended; its log says why"),
                }
            }
        });
    }
    if plant.broker.is_some() {
        let (plant, stop) = (plant.clone(), inputs.stop().clone());
        let (handle, meters) = (handle.clone(), meters.clone());
        inputs.run("scans of unknown stations", move || {
            let made = strays(&plant).map(|settings| Strays::new(settings, intake(&handle), stop.clone()));
            let meters = meters.clone();
            async move {
                let strays = made?;
                meters.strays(strays.count());
                strays.run().await;
                Ok(())
            }
        });
    }
    for station in &plant.stations {
        if plant.broker.is_some() && plant.scan_topic(station).is_some() {
            let (plant, station, stop) = (plant.clone(), station.clone(), inputs.stop().clone());
            let (handle, meters) = (handle.clone(), meters.clone());
            inputs.run(format!("MQTT scanner {}", station.code), move || {
                let made = mqtt(&plant, &station)
                    .and_then(|settings| Ok(MqttScanner::new(settings, intake(&handle), stop.clone())?));
                let (meters, code) = (meters.clone(), station.code.clone());
                async move {
                    let scanner = made?;
                    meters.mqtt(&code, scanner.stats());
                    scanner.run().await;
                    Ok(())
                }
            });
        }
        if let Some(settings) = tcp(station) {
            let (handle, meters, stop) = (handle.clone(), meters.clone(), inputs.stop().clone());
            inputs.run(format!("TCP scanner {}", station.code), move || {
                let opened = TcpScanner::open(settings.clone(), intake(&handle), stop.clone());
                let (meters, code) = (meters.clone(), settings.station.clone());
                async move {
                    let scanner = opened.await?;
                    meters.tcp(&code, scanner.stats());
                    scanner.run().await;
                    Ok(())
                }
            });
        }
    }
}

/// Waits a moment for the agent's own broker, so that who sees the agent's health
/// finds its broker too.
pub(super) async fn listening(plant: &PlantFile) {
    let Some(BrokerKind::Embedded { listen }) = plant.broker.as_ref().map(|broker| &broker.kind) else {
        return;
    };
    let address = reachable(*listen);
    let listens = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(BROKER_WITHIN, listens).await.is_err() {
        tracing::warn!(%address, "the embedded MQTT broker does not listen yet");
    }
}

fn broker(plant: &PlantFile) -> anyhow::Result<BrokerSettings> {
    let broker = plant.broker.as_ref().context("no [broker]")?;
    let BrokerKind::Embedded { listen } = &broker.kind else { anyhow::bail!("the broker is elsewhere") };
    let mut settings = BrokerSettings::new(*listen);
    settings.max_payload = broker.max_packet_bytes as usize;
    settings.topics = plant.stations.iter().filter_map(|s| plant.feedback_topic(s)).collect();
    // For the answers to scans of unknown stations.
    settings.topics.extend(wildcard(&broker.feedback_topic.replace("{plant}", &plant.plant.to_string())));
    settings.login = login(broker.username.as_deref(), broker.password_file.as_deref())?;
    Ok(settings)
}

/// What a broker is told, or asks for.
fn login(username: Option<&str>, password_file: Option<&Path>) -> anyhow::Result<Option<(String, String)>> {
    let Some(name) = username else { return Ok(None) };
    let password = match password_file {
        Some(file) => std::fs::read_to_string(file)
            .with_context(|| format!("reading the broker's password in {}", file.display()))?,
        None => String::new(),
    };
    Ok(Some((name.to_owned(), password.trim().to_owned())))
}

fn mqtt(plant: &PlantFile, station: &Station) -> anyhow::Result<MqttSettings> {
    let topic = plant.scan_topic(station).context("no topic")?;
    let mut settings = link(plant, &station.code, &topic)?;
    settings.feedback_topic = plant.feedback_topic(station);
    Ok(settings)
}

/// What to look for among all scans.
fn strays(plant: &PlantFile) -> anyhow::Result<StraySettings> {
    let broker = plant.broker.as_ref().context("no [broker]")?;
    let of_plant = |pattern: &str| pattern.replace("{plant}", &plant.plant.to_string());
    Ok(StraySettings {
        link: link(plant, "unknown-stations", "")?,
        scan_pattern: of_plant(&broker.scan_topic),
        feedback_pattern: of_plant(&broker.feedback_topic),
        stations: plant.stations.iter().map(|station| station.code.clone()).collect(),
        topics: plant
            .stations
            .iter()
            .flat_map(|station| [plant.scan_topic(station), plant.feedback_topic(station)])
            .flatten()
            .collect(),
    })
}

/// How the broker is reached by a client of that name.
fn link(plant: &PlantFile, name: &str, topic: &str) -> anyhow::Result<MqttSettings> {
    let broker = plant.broker.as_ref().context("no [broker]")?;
    let own = matches!(broker.kind, BrokerKind::Embedded { .. });
    let (host, port) = match &broker.kind {
        BrokerKind::Embedded { listen } => {
            let address = reachable(*listen);
            (address.ip().to_string(), address.port())
        }
        BrokerKind::External { address } => (address.host.clone(), address.port),
    };
    let client_id = format!("{}-{name}", broker.client_id_prefix);
    let mut settings = MqttSettings::new(name, &host, port, &client_id, topic);
    settings.login = login(broker.username.as_deref(), broker.password_file.as_deref())?;
    settings.keep_alive = Duration::from_secs(u64::from(broker.keep_alive_s));
    settings.max_payload = broker.max_packet_bytes as usize;
    settings.broker_marks_redelivery = !own;
    Ok(settings)
}

fn tcp(station: &Station) -> Option<TcpSettings> {
    let config = station.inputs.tcp.as_ref()?;
    let endpoint = match &config.endpoint {
        TcpEndpoint::Listen(address) => Endpoint::Listen(*address),
        TcpEndpoint::Connect(to) => Endpoint::Connect { host: to.host.clone(), port: to.port },
    };
    let bytes = |text: &Option<String>| text.as_ref().map(|text| text.clone().into_bytes());
    let mut settings = TcpSettings::new(&station.code, endpoint);
    settings.prefix = config.prefix.clone().into_bytes();
    settings.suffix = config.suffix.clone().into_bytes();
    settings.max_bytes = config.max_scan_bytes as usize;
    settings.no_read.clone_from(&config.no_read);
    settings.ok = bytes(&config.ok);
    settings.amber = bytes(&config.amber);
    settings.nok = bytes(&config.nok);
    settings.incomplete_after = Duration::from_millis(u64::from(config.incomplete_after_ms));
    settings.duplicate_window = Duration::from_millis(u64::from(station.duplicate_window_ms));
    // A zero after a zero, and one entry less after one entry less, are meant.
    settings.repeating = [Verb::Digit, Verb::Undo].map(|verb| format!("TWC-{}-", verb.as_str())).into();
    Some(settings)
}
