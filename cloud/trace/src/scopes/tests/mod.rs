//! Suspects and scopes over a real database.

mod kept;
mod oven;
mod saving;
mod spelt;
mod story;
mod taken;
mod web;

pub(super) use oven::{found, oven};
