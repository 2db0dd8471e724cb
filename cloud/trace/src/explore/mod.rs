//! Trace, genealogy and search.

mod amounts;
pub mod api;
pub(crate) mod api_places;
mod around;
pub mod code;
pub mod compare;
pub mod error;
pub mod find;
pub mod graph;
pub mod history;
pub mod holding;
pub mod model;
pub mod names;
pub mod order;
pub(crate) mod outer;
pub mod picture;
pub mod places;
pub mod report;
pub(crate) mod report_paper;
pub mod report_sheets;
pub(crate) mod rows;
pub mod scope;
pub mod search;
pub mod service;
pub mod stays;
pub(crate) mod store;
pub(crate) mod taken;
pub mod text;
pub(crate) mod timed;
pub mod walk;
pub mod why;

#[cfg(test)]
mod ends_tests;
#[cfg(test)]
mod outer_tests;
#[cfg(test)]
pub(crate) mod plan_tests;
#[cfg(test)]
mod taken_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod timeline_tests;
#[cfg(test)]
mod within_tests;
