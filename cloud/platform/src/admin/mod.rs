//! Super-administrators: who runs the cloud for its tenants. They are no tenant's
//! people, have a sign-in of their own with codes compulsory, see plans, usage and
//! state of tenants and nothing of their business, and everything that they look at
//! or do stands in a chained log of its own ([`log`]).
//!
//! Tables: `control.admins`, `admin_links`, `admin_sessions`, `admin_audit`.

mod answers;
mod api;
mod audit_pages;
mod caller;
mod configured_api;
mod described;
mod erasure_pages;
#[cfg(test)]
mod face_tests;
mod features;
mod frame;
mod identity;
mod identity_pages;
pub mod log;
mod making;
mod new_pages;
mod pages;
mod people_pages;
mod plan_pages;
mod store;
mod tenant_store;
mod tenants;
#[cfg(test)]
pub(crate) mod tests;

use axum::Router;

pub use caller::AdminCaller;
pub use described::{document, operations};
pub use identity::{AdminError, Invited, KEY_PREFIX, invite, key, list, reseal};

use crate::i18n::{Lang, Sources};
use crate::web::{AppState, Module};

/// The texts of this part.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// Pages and API of super-administrators.
pub fn router() -> Router<AppState> {
    identity_pages::router()
        .merge(pages::router())
        .merge(new_pages::router())
        .merge(plan_pages::router())
        .merge(erasure_pages::router())
        .merge(people_pages::router())
        .merge(audit_pages::router())
        .merge(features::router())
        .merge(api::router())
        .merge(described::router())
}

/// What the server has to know of super-administrators.
#[must_use]
pub fn module() -> Module {
    Module::new("admin").routes(router()).texts(TEXTS)
}
