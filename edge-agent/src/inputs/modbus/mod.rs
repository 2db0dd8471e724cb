//! Machines over Modbus TCP, or RTU frames over TCP.
//!
//! One task per bus (one address): it polls, watches triggers, and writes coils.
//! After any timeout or transport error the connection is dropped, since a late
//! answer would be taken for the next one's. What cannot be read has bad quality
//! and no value; the last value is never shown in its place.

mod bus;
pub mod coils;
pub mod decode;
mod deliver;
pub mod live;
mod machine;
pub mod merge;
pub mod poll;
pub mod settings;
pub mod trigger;

#[cfg(test)]
pub(crate) mod tests;

pub use coils::{CoilError, CoilWriter};
pub use live::Live;
pub(crate) use live::max_age;
pub use poll::{ModbusBus, ModbusStats};
pub use settings::{
    BusSettings, CoilSettings, MachineSettings, ModbusError, Register, Table, Transport, Trigger, TriggerOn,
    ValueType, WordOrder,
};
