//! All SQL of the projections. Every statement names the tenant beside the
//! policy, so that it touches one partition; rows are written in key order.

pub(crate) mod facts;
pub(crate) mod holds;
pub(crate) mod in_work;
pub(crate) mod orders;
pub(crate) mod queue;
pub(crate) mod write;
