//! The rules by tables: what is scanned at a station, and what colour, code and
//! facts that comes to. `plant` plays the engine.

mod correcting;
mod exceptions;
pub(crate) mod fixture;
mod flow;
mod late;
mod learning;
mod leaving;
mod login;
mod making;
mod plant;
mod random;
mod readings;
mod stations;
mod working;
