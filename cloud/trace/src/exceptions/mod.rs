//! Exceptions: facts that disagree, for a person to resolve. A list for now;
//! the inbox comes later.

pub mod model;
pub mod service;
pub(crate) mod store;
