//! Scanners over MQTT: one connection per station, and a broker of our own for a
//! plant that has none.
//!
//! A reading is acknowledged to the broker only after the [`super::Intake`] has
//! answered it; the answer goes to the station's feedback topic. An
//! acknowledgement by a broker promises nothing to the scanner: only an answer
//! with `recorded` does.

pub mod broker;
pub mod client;
mod connection;
pub mod payload;
pub mod redelivery;
pub mod settings;
pub mod stats;
pub mod stray;

#[cfg(test)]
mod tests;

pub use broker::{Broker, BrokerError, BrokerSettings, reachable};
pub use client::MqttScanner;
pub use settings::{MqttError, MqttSettings};
pub use stats::MqttStats;
pub use stray::{StraySettings, Strays};
