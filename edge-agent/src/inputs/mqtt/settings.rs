//! Settings of one station's MQTT connection.

use std::time::Duration;

use rumqttc::mqttbytes;

/// Settings of one station's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttSettings {
    /// Code of the station.
    pub station: String,
    /// Host name or address of the broker.
    pub host: String,
    /// Port of the broker.
    pub port: u16,
    /// Client id; the broker keeps the session under it, so it never changes.
    pub client_id: String,
    /// User name and password, where the broker asks for them.
    pub login: Option<(String, String)>,
    /// Topic (or filter) on which the scanner publishes.
    pub scan_topic: String,
    /// Topic on which the scanner is answered; none answers nowhere.
    pub feedback_topic: Option<String>,
    /// Time without traffic after which the connection is tested; 1 s or more.
    pub keep_alive: Duration,
    /// Largest payload of a reading, in bytes; a larger one is refused.
    pub max_payload: usize,
    /// Readings that may wait for the journal; more are left to the broker.
    pub queue: usize,
    /// Shortest wait before reconnecting.
    pub reconnect_min: Duration,
    /// Longest wait before reconnecting, and before offering a reading again.
    pub reconnect_max: Duration,
    /// Whether the broker marks a redelivery with DUP under the same packet id:
    /// true of every broker that follows MQTT, false of the embedded one.
    pub broker_marks_redelivery: bool,
}

impl MqttSettings {
    /// Settings with the usual limits: keep-alive 15 s, payload 8 KiB, queue 256,
    /// reconnection after 0.2 to 30 s, a broker that follows the standard.
    pub fn new(station: &str, host: &str, port: u16, client_id: &str, scan_topic: &str) -> Self {
        Self {
            station: station.into(),
            host: host.into(),
            port,
            client_id: client_id.into(),
            login: None,
            scan_topic: scan_topic.into(),
            feedback_topic: None,
            keep_alive: Duration::from_secs(15),
            max_payload: 8 * 1024,
            queue: 256,
            reconnect_min: Duration::from_millis(200),
            reconnect_max: Duration::from_secs(30),
            broker_marks_redelivery: true,
        }
    }
}

/// Settings that no broker would accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MqttError {
    /// A persistent session needs a name.
    #[error("station {0}: the MQTT client id is empty")]
    ClientId(String),
    /// Not a topic filter.
    #[error("station {station}: \"{topic}\" is not an MQTT topic filter")]
    ScanTopic {
        /// Code of the station.
        station: String,
        /// The text in question.
        topic: String,
    },
    /// Not a topic.
    #[error("station {station}: \"{topic}\" is not an MQTT topic to publish to")]
    FeedbackTopic {
        /// Code of the station.
        station: String,
        /// The text in question.
        topic: String,
    },
}

/// Finds what no broker would accept.
pub(super) fn check(settings: &MqttSettings) -> Result<(), MqttError> {
    let station = settings.station.clone();
    if settings.client_id.is_empty() {
        return Err(MqttError::ClientId(station));
    }
    if !mqttbytes::valid_filter(&settings.scan_topic) {
        let topic = settings.scan_topic.clone();
        return Err(MqttError::ScanTopic { station, topic });
    }
    match &settings.feedback_topic {
        Some(topic) if topic.is_empty() || !mqttbytes::valid_topic(topic) => {
            Err(MqttError::FeedbackTopic { station, topic: topic.clone() })
        }
        _ => Ok(()),
    }
}
