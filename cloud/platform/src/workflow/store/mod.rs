//! All SQL of workflows, by noun.

pub(super) mod cause;
pub(super) mod definitions;
pub(super) mod instances;
pub(super) mod people;
pub(super) mod report;
pub(super) mod rounds;
pub(super) mod triggers;
