//! Tests that cross crates; one binary, a module per subject.
#![allow(clippy::unwrap_used)]

mod accessible;
mod carton;
mod edge_link;
mod faults;
mod kills;
mod mosquitto;
mod office_lines;
mod office_pages;
mod office_tenant;
mod office_workflow;
mod pymodbus;
mod queries;
mod recall_story;
mod reference_shapes;
mod s3;
mod spec_example;
mod support;
mod tenant_moves;
mod terminal;
mod whole_path;
