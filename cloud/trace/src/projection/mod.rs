//! What follows from facts: states of UIDs, stock, ways between plants, orders,
//! and exceptions where facts disagree.
//!
//! A worker follows the tenant's batches in the order of their commits. The
//! cursor moves in the transaction that writes the effects, so each batch takes
//! effect exactly once, however often the worker is killed. For every UID that
//! a batch names, all of its facts are folded anew ([`fold`]): arrival order,
//! corrections and gaps that close later need no special case, and doing it
//! again changes nothing.

pub mod contradiction;
pub mod fact;
pub mod fold;
pub mod state;
pub mod stock;
pub mod waits;

mod apply;
mod chunk;
mod corrected;
pub(crate) mod expect;
pub(crate) mod holding;
pub(crate) mod orders;
mod origin;
pub(crate) mod store;
mod tell;
mod worker;

pub(crate) use apply::timed_out;
pub(crate) use store::queue::batches_after;
pub use worker::{ProjectionError, catch_up, run, step, step_in};

/// Name under which the cursor stands.
pub const PROJECTION: &str = "trace";

#[cfg(test)]
mod circle_tests;
#[cfg(test)]
mod returned_tests;
#[cfg(test)]
mod tests;
