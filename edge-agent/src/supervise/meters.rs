//! What inputs count, gathered for `/healthz` and `/metrics`. An input that is
//! started anew counts anew, as Prometheus expects of a counter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::inputs::Sightings;
use crate::inputs::modbus::ModbusStats;
use crate::inputs::mqtt::MqttStats;
use crate::inputs::tcp::TcpStats;

/// How long a person is told of what needs no answer from the agent.
const TOLD_FOR: Duration = Duration::from_secs(3600);

/// The counters of every input that runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Meters(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// By station.
    mqtt: BTreeMap<String, Arc<MqttStats>>,
    /// By station.
    tcp: BTreeMap<String, Arc<TcpStats>>,
    /// By machine; those of one bus share them.
    modbus: BTreeMap<String, Arc<ModbusStats>>,
    /// Scans of stations that there are not.
    strays: Option<Arc<Sightings>>,
    /// Connections that the agent's own broker ended.
    cut_off: Option<Arc<Sightings>>,
}

/// One metric: its name without the common beginning, its kind, what it says,
/// and its samples by the value of their label.
pub(super) struct Metric {
    pub name: &'static str,
    pub kind: &'static str,
    pub help: &'static str,
    /// Name of the label.
    pub label: &'static str,
    pub samples: Vec<(String, u64)>,
}

impl Meters {
    /// The station's scanners over MQTT.
    pub fn mqtt(&self, station: &str, stats: Arc<MqttStats>) {
        self.lock().mqtt.insert(station.to_owned(), stats);
    }

    /// The station's scanners over TCP.
    pub fn tcp(&self, station: &str, stats: Arc<TcpStats>) {
        self.lock().tcp.insert(station.to_owned(), stats);
    }

    /// The machine's bus.
    pub fn modbus(&self, machine: &str, stats: Arc<ModbusStats>) {
        self.lock().modbus.insert(machine.to_owned(), stats);
    }

    /// Scans over MQTT of stations that the plant file does not have.
    pub fn strays(&self, count: Arc<Sightings>) {
        self.lock().strays = Some(count);
    }

    /// Connections that the agent's own broker ended.
    pub fn cut_off(&self, count: Arc<Sightings>) {
        self.lock().cut_off = Some(count);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In short, per station and per machine.
    pub fn summary(&self) -> serde_json::Value {
        let inner = self.lock();
        let mqtt = |s: &MqttStats| {
            serde_json::json!({
                "connected": s.ready.get(), "answered": s.answered.get(), "refused": s.refused.get(),
                "waiting": s.depth.get(), "overflowed": s.overflowed.get(), "retained": s.retained.get(),
                "unsent_answers": s.unsent_answers.get(),
            })
        };
        let tcp = |s: &TcpStats| {
            serde_json::json!({
                "connected": s.connected.get(), "answered": s.answered.get(), "refused": s.refused.get(),
                "no_reads": s.no_reads.get(), "lost": s.lost.get(),
                "unsent_answers": s.unsent_answers.get(),
            })
        };
        let modbus = |s: &ModbusStats| {
            serde_json::json!({
                "connected": s.connected.get(), "triggers": s.triggers.get(), "jumps": s.jumps.get(),
                "failed_reads": s.failed_reads.get(), "lost": s.lost.get(),
            })
        };
        serde_json::json!({
            "broker_cut_off": inner.cut_off.as_ref().map(|count| count.get()),
            "unknown_stations": inner.strays.as_ref().map(|count| count.get()),
            "mqtt": inner.mqtt.iter().map(|(name, s)| (name.clone(), mqtt(s))).collect::<serde_json::Map<_, _>>(),
            "tcp": inner.tcp.iter().map(|(name, s)| (name.clone(), tcp(s))).collect::<serde_json::Map<_, _>>(),
            "machines": inner.modbus.iter().map(|(name, s)| (name.clone(), modbus(s))).collect::<serde_json::Map<_, _>>(),
        })
    }

    /// What a person should look at, as stable codes.
    pub fn warnings(&self) -> Vec<&'static str> {
        let inner = self.lock();
        let mqtt = || inner.mqtt.values();
        let tcp = || inner.tcp.values();
        let modbus = || inner.modbus.values();
        let told = [
            (mqtt().any(|s| !s.ready.get()), "scanner.not-connected"),
            (mqtt().any(|s| s.overflowed.get() > 0), "scanner.overflow"),
            (inner.cut_off.as_ref().is_some_and(|seen| seen.within(TOLD_FOR)), "scanner.cut-off"),
            (inner.strays.as_ref().is_some_and(|seen| seen.within(TOLD_FOR)), "scanner.unknown-station"),
            (tcp().any(|s| s.lost.get() > 0), "scanner.lost"),
            (
                mqtt().any(|s| s.unsent_answers.get() > 0) || tcp().any(|s| s.unsent_answers.get() > 0),
                "scanner.unsent-answers",
            ),
            (mqtt().any(|s| s.retained.get() > 0), "scanner.retained"),
            (modbus().any(|s| !s.connected.get()), "machine.not-connected"),
            (modbus().any(|s| s.jumps.get() > 0), "machine.counter-jumps"),
            (modbus().any(|s| s.lost.get() > 0), "machine.lost"),
        ];
        told.into_iter().filter(|(on, _)| *on).map(|(_, code)| code).collect()
    }

    /// Everything that is counted.
    pub fn metrics(&self) -> Vec<Metric> {
        let inner = self.lock();
        let mut all = Vec::new();
        macro_rules! add {
            ($inputs:expr, $label:literal, $($name:literal $kind:literal $help:literal $get:expr;)+) => { $(
                let samples = $inputs.iter().map(|(name, s)| (name.clone(), ($get)(s))).collect();
                all.push(Metric { name: $name, kind: $kind, help: $help, label: $label, samples });
            )+ };
        }
        add!(inner.mqtt, "station",
            "mqtt_connected" "gauge" "1 while the station's connection to the broker is subscribed."
                |s: &Arc<MqttStats>| u64::from(s.ready.get());
            "mqtt_waiting" "gauge" "Readings that wait for the journal." |s: &Arc<MqttStats>| s.depth.get();
            "mqtt_connections_total" "counter" "Connections to the broker." |s: &Arc<MqttStats>| s.connections.get();
            "mqtt_received_total" "counter" "Messages delivered, redeliveries among them." |s: &Arc<MqttStats>| s.received.get();
            "mqtt_answered_total" "counter" "Readings with a final answer." |s: &Arc<MqttStats>| s.answered.get();
            "mqtt_refused_total" "counter" "Messages not understood or too long." |s: &Arc<MqttStats>| s.refused.get();
            "mqtt_not_taken_total" "counter" "Attempts that were not recorded; they are repeated." |s: &Arc<MqttStats>| s.not_taken.get();
            "mqtt_redelivered_total" "counter" "Redeliveries that were recognised." |s: &Arc<MqttStats>| s.redelivered.get();
            "mqtt_overflowed_total" "counter" "Messages left to the broker because the queue was full." |s: &Arc<MqttStats>| s.overflowed.get();
            "mqtt_oversized_total" "counter" "Packets above the connection's limit." |s: &Arc<MqttStats>| s.oversized.get();
            "mqtt_retained_total" "counter" "Retained messages that were passed over." |s: &Arc<MqttStats>| s.retained.get();
            "mqtt_unsent_answers_total" "counter" "Answers that could not be sent." |s: &Arc<MqttStats>| s.unsent_answers.get();
        );
        all.push(Metric {
            name: "mqtt_cut_off_total",
            kind: "counter",
            help: "Connections that the agent's own broker ended: packets too large, wrong logins.",
            label: "broker",
            samples: inner.cut_off.iter().map(|count| ("embedded".to_owned(), count.get())).collect(),
        });
        all.push(Metric {
            name: "mqtt_unknown_station_total",
            kind: "counter",
            help: "Scans on topics of stations that the plant file does not have.",
            label: "stations",
            samples: inner.strays.iter().map(|count| ("unknown".to_owned(), count.get())).collect(),
        });
        add!(inner.tcp, "station",
            "tcp_connected" "gauge" "Scanners connected now." |s: &Arc<TcpStats>| s.connected.get();
            "tcp_connections_total" "counter" "Connections made." |s: &Arc<TcpStats>| s.connections.get();
            "tcp_answered_total" "counter" "Readings with a final answer." |s: &Arc<TcpStats>| s.answered.get();
            "tcp_no_reads_total" "counter" "Times that the scanner could not read." |s: &Arc<TcpStats>| s.no_reads.get();
            "tcp_duplicates_total" "counter" "Readings passed over as the one just read." |s: &Arc<TcpStats>| s.duplicates.get();
            "tcp_refused_total" "counter" "Readings not understood, too long or unfinished." |s: &Arc<TcpStats>| s.refused.get();
            "tcp_not_taken_total" "counter" "Attempts that were not recorded; they are repeated." |s: &Arc<TcpStats>| s.not_taken.get();
            "tcp_lost_total" "counter" "Readings lost." |s: &Arc<TcpStats>| s.lost.get();
            "tcp_unsent_answers_total" "counter" "Answers that could not be sent." |s: &Arc<TcpStats>| s.unsent_answers.get();
        );
        add!(inner.modbus, "machine",
            "modbus_connected" "gauge" "1 while the machine's bus is connected." |s: &Arc<ModbusStats>| u64::from(s.connected.get());
            "modbus_connections_total" "counter" "Connections of its bus." |s: &Arc<ModbusStats>| s.connections.get();
            "modbus_dropped_total" "counter" "Connections of its bus dropped after an error." |s: &Arc<ModbusStats>| s.dropped.get();
            "modbus_reads_total" "counter" "Requests on its bus that were answered with values." |s: &Arc<ModbusStats>| s.reads.get();
            "modbus_failed_reads_total" "counter" "Requests on its bus that failed." |s: &Arc<ModbusStats>| s.failed_reads.get();
            "modbus_triggers_total" "counter" "Triggers that fired on its bus." |s: &Arc<ModbusStats>| s.triggers.get();
            "modbus_counter_jumps_total" "counter" "Times that a counter moved on by more than one." |s: &Arc<ModbusStats>| s.jumps.get();
            "modbus_not_taken_total" "counter" "Attempts that were not recorded; they are repeated." |s: &Arc<ModbusStats>| s.not_taken.get();
            "modbus_held_total" "counter" "Polls at which triggers had to wait." |s: &Arc<ModbusStats>| s.held.get();
            "modbus_lost_total" "counter" "Triggered readings lost." |s: &Arc<ModbusStats>| s.lost.get();
        );
        all
    }
}
