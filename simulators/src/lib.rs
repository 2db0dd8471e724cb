//! A plant that is not there: scanners, machines, a printer and people who make
//! mistakes, all speaking the real protocols, and the truth of what they did.

pub mod demo;
pub mod history;
pub mod http;
pub mod plant;
pub mod ports;
