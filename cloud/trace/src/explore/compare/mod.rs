//! Two units side by side: what differs in their parts, machines, people, readings,
//! inspections and times.

mod differ;
mod service;

pub use differ::{Comparison, Fact, Part, Said, Section, Side, compare};
pub use service::{Compared, compare_in};
