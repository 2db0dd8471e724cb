//! What every part of the cloud stands on: the database and its tenants, the
//! certificate authority for plants, sign-in, reference data, and the web shell.
//! Knows no module.

pub mod admin;
pub mod audit;
pub mod authority;
pub mod ctx;
pub mod db;
pub mod files;
pub mod i18n;
pub mod idempotency;
pub mod masters;
pub mod migrate;
pub mod notify;
pub mod numbering;
pub mod openapi;
pub mod organisation;
pub mod outbound;
pub mod outbox;
pub mod people;
pub mod personal;
pub mod plans;
pub mod postgres;
mod printable;
mod private_file;
pub mod reference;
pub mod search;
pub mod secrets;
pub mod seed;
pub mod settings;
pub mod tenancy;
pub mod testing;
pub mod tokens;
pub mod views;
pub mod web;
pub mod workflow;

pub use printable::printable;
