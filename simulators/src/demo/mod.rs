//! Brings up the whole system on this machine: cloud, two plants, simulators.

pub mod audit;
pub mod check;
pub mod cloud;
pub mod layout;
pub mod ledger;
pub mod live;
pub mod network;
pub mod plant;
pub mod process;
pub mod signals;
pub mod world;
