//! Two units side by side: what differs in their parts, machines, people, readings,
//! inspections and times, and in those of what is in them.

mod differ;
mod pairs;
mod service;

pub use differ::{Comparison, Fact, Part, Said, Section, Side, compare};
pub use pairs::{Lives, Pair};
pub use service::{Compared, compare_in};
