//! All SQL of scopes and suspects, one file per subject. Every statement names the tenant
//! beside the policy, so that it touches one partition.

pub(crate) mod kept;
pub(crate) mod known;
pub(crate) mod leaf;
pub(crate) mod moments;
pub(crate) mod newest;
pub(crate) mod saving;
pub(crate) mod told;

pub use kept::{members, whole};
