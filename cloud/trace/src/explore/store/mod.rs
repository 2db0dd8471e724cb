//! All SQL of the trace, one file per subject. Every statement names the tenant
//! beside the policy, so that it touches one partition.

pub(crate) mod along;
pub(crate) mod around;
pub(crate) mod corrections;
pub(crate) mod holding;
pub(crate) mod label;
pub(crate) mod picture;
pub(crate) mod places;
pub(crate) mod scope;
pub(crate) mod search;
pub(crate) mod stays;
pub(crate) mod taken;
pub(crate) mod timed;
mod timeline;
pub(crate) mod walk;
