//! Scans on topics of stations that the plant file does not have: a scanner set
//! up wrongly, or a station that nobody has entered yet. They are no facts, since
//! nobody knows where they were made; the scanner is told, and they are counted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, Publish, QoS, SubscribeReasonCode, mqttbytes};
use tokio_util::sync::CancellationToken;

use super::settings::MqttSettings;
use crate::inputs::{Backoff, CODE_UNKNOWN_STATION, Intake, Sightings};

/// Where a topic pattern names its station.
const STATION: &str = "{station}";
/// Longest station code that is named in an answer.
const MAX_STATION: usize = 64;
/// Stations that are named in the log, each once.
const MAX_LOGGED: usize = 64;
/// Messages that wait for this connection; the scans of every station pass by.
const WINDOW: usize = 64;

/// What scans of unknown stations look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StraySettings {
    /// How the broker is reached; its topics are not used.
    pub link: MqttSettings,
    /// The plant's topic of scans with `{station}` in it.
    pub scan_pattern: String,
    /// Its topic of answers with `{station}` in it.
    pub feedback_pattern: String,
    /// The stations that there are, whatever they scan by.
    pub stations: HashSet<String>,
    /// The topics that they scan and are answered on.
    pub topics: HashSet<String>,
}

impl StraySettings {
    /// The filter that every station's scans match; `None` where a station is
    /// only a part of a level of the topic, for which MQTT has no filter.
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        // An answer that looks like a scan would be answered, and that answer again.
        let answer = self.feedback_pattern.replace(STATION, "x");
        wildcard(&self.scan_pattern).filter(|filter| !mqttbytes::matches(&answer, filter))
    }

    /// The station that a topic names, where it is none of the plant's.
    fn stranger<'t>(&self, topic: &'t str) -> Option<&'t str> {
        if self.topics.contains(topic) {
            return None;
        }
        let mut found = None;
        let mut levels = topic.split('/');
        for expected in self.scan_pattern.split('/') {
            let level = levels.next()?;
            match expected == STATION {
                true => found = Some(level),
                false if expected == level => {}
                false => return None,
            }
        }
        found.filter(|station| levels.next().is_none() && !self.stations.contains(*station))
    }
}

/// The filter for a topic pattern's every station.
#[must_use]
pub fn wildcard(pattern: &str) -> Option<String> {
    let levels = || pattern.split('/');
    let whole = levels().any(|level| level == STATION)
        && levels().all(|level| level == STATION || !level.contains(STATION));
    whole.then(|| pattern.replace(STATION, "+"))
}

/// Looks at the scans of all stations for those of unknown ones.
pub struct Strays {
    settings: StraySettings,
    intake: Arc<dyn Intake>,
    count: Arc<Sightings>,
    stop: CancellationToken,
}

impl Strays {
    /// Prepares it; [`Strays::run`] does it.
    #[must_use]
    pub fn new(settings: StraySettings, intake: Arc<dyn Intake>, stop: CancellationToken) -> Self {
        Self { settings, intake, count: Arc::default(), stop }
    }

    /// Scans of unknown stations so far, live.
    #[must_use]
    pub fn count(&self) -> Arc<Sightings> {
        Arc::clone(&self.count)
    }

    /// Runs until stopped. A broker that does not let it look is told of once; no
    /// station depends on it.
    pub async fn run(self) {
        let Some(filter) = self.settings.filter() else {
            return self.stop.cancelled().await;
        };
        let link = &self.settings.link;
        let mut options = MqttOptions::new(&link.client_id, &link.host, link.port);
        // The stations' own connections judge what is too large.
        let limit = 2 * link.max_payload.max(1 << 20);
        options.set_keep_alive(link.keep_alive.max(Duration::from_secs(1))).set_max_packet_size(limit, limit);
        if let Some((user, password)) = &link.login {
            options.set_credentials(user, password);
        }
        let (client, mut events) = AsyncClient::new(options, WINDOW);
        let mut backoff = Backoff::new(link.reconnect_min, link.reconnect_max);
        let mut logged = HashSet::new();
        loop {
            let event = tokio::select! {
                () = self.stop.cancelled() => return,
                event = events.poll() => event,
            };
            match event {
                // At most once: it only looks, and must not hold the broker up.
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let _ = client.try_subscribe(&filter, QoS::AtMostOnce);
                }
                Ok(Event::Incoming(Packet::SubAck(ack))) => {
                    backoff.reset();
                    if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                        tracing::warn!(
                            %filter,
                            "the broker does not show the scans of unknown stations; they stay unanswered"
                        );
                        return self.stop.cancelled().await;
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) if !publish.retain => {
                    self.look(&client, &publish, &mut logged);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "no look at the scans of unknown stations");
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        () = tokio::time::sleep(backoff.next_wait()) => {}
                    }
                }
            }
        }
    }

    fn look(&self, client: &AsyncClient, publish: &Publish, logged: &mut HashSet<String>) {
        let Some(station) = self.settings.stranger(&publish.topic) else { return };
        self.count.add();
        if station.len() > MAX_STATION || station.chars().any(char::is_control) {
            return;
        }
        if logged.len() < MAX_LOGGED && logged.insert(station.to_owned()) {
            tracing::warn!(
                station,
                topic = publish.topic,
                "a scan of a station that the plant file does not have; nothing is recorded of it"
            );
        }
        let args = vec![("station".to_owned(), station.to_owned())];
        let answer = self.intake.refusal(station, "", CODE_UNKNOWN_STATION, args);
        let topic = self.settings.feedback_pattern.replace(STATION, station);
        if let Ok(json) = serde_json::to_vec(&answer) {
            // Where answers queue up, one more of these helps nobody.
            let _ = client.try_publish(topic, QoS::AtMostOnce, false, json);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;

    fn settings(pattern: &str) -> StraySettings {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1883));
        let link = MqttSettings::new("", &address.ip().to_string(), address.port(), "c", "x");
        StraySettings {
            link,
            scan_pattern: pattern.into(),
            feedback_pattern: "tw/KOL/{station}/feedback".into(),
            stations: HashSet::from(["DOCK1".into(), "DOCK2".into()]),
            topics: HashSet::from(["dock1/scan".into(), "tw/KOL/OTHER/scan".into()]),
        }
    }

    #[test]
    fn only_a_topic_that_no_station_has_names_a_stranger() {
        let settings = settings("tw/KOL/{station}/scan");
        assert_eq!(settings.filter().as_deref(), Some("tw/KOL/+/scan"));
        assert_eq!(settings.stranger("tw/KOL/NOWHERE/scan"), Some("NOWHERE"));
        for topic in [
            "tw/KOL/DOCK1/scan",
            "tw/KOL/DOCK2/scan",
            "tw/KOL/OTHER/scan",
            "tw/VSK/X/scan",
            "tw/KOL/X/scan/more",
            "tw/KOL/X",
            "tw/KOL/X/feedback",
        ] {
            assert_eq!(settings.stranger(topic), None, "{topic}");
        }
    }

    #[test]
    fn a_station_that_is_part_of_a_level_has_no_filter() {
        assert_eq!(settings("scan-{station}").filter(), None);
        assert_eq!(settings("a/x{station}/scan").filter(), None);
        // An answer would be taken for a scan.
        let looped =
            StraySettings { feedback_pattern: "scan/{station}-fb".into(), ..settings("scan/{station}") };
        assert_eq!(looped.filter(), None);
    }
}
