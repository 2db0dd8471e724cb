//! Exceptions: facts that disagree, for a person to resolve. A list for now;
//! the inbox comes later.

pub mod model;
pub mod service;
pub(crate) mod store;

/// The resolution of an exception that the system withdrew; pages say it in the
/// reader's language.
pub const WITHDRAWN: &str = "withdrawn: facts that came later agree";
