//! The plant's edge agent: reads scanners and machines, mints UIDs, records
//! lifecycle events durably, and streams them to the cloud.

pub mod config;
pub mod engine;
pub mod enrol;
pub mod inputs;
pub mod journal;
pub mod labels;
pub mod messages;
pub mod mint;
pub mod reference;
pub mod station;
pub mod supervise;
pub mod terminal;
#[cfg(test)]
mod testing;
pub mod uplink;
