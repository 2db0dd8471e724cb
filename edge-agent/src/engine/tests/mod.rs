//! The engine against a real journal on disk, with rules that do what a test
//! needs.

mod damage;
mod durability;
mod epochs;
mod groups;
mod holds;
mod labels;
mod model;
mod speed;
mod stations;
mod support;
