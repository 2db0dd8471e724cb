//! All SQL of scopes and suspects, one file per subject. Every statement names the tenant
//! beside the policy, so that it touches one partition.

pub(crate) mod kept;
pub(crate) mod known;
pub(crate) mod leaf;
pub(crate) mod told;

#[allow(unused_imports, reason = "holds and recalls ask for them here")]
pub use kept::{known, members};
