//! Plants as a tenant's administrators add and change them. Companies, departments and
//! cost centres are masters. A plant's three characters stand in every UID that is
//! minted there, so they are set once.
//!
//! Tables: `plants` (with `crate::tenancy`, whose upserts the seed uses too).

mod api;
mod attached;
mod pages;
mod service;
mod store;
#[cfg(test)]
mod tests;

use axum::Router;

pub use api::operations;
pub(crate) use service::LONGEST_ADDRESS;
pub(crate) use store::address_set;

use crate::i18n::{Lang, Sources};
use crate::web::{AppState, Module, NavGroup, NavItem, Permission, Seen};

/// Add plants and change them.
pub const PLANT_MANAGE: Permission = Permission::admin("plant.manage");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[PLANT_MANAGE];

/// The side navigation of this part.
pub const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Setup,
    href: "/organisation",
    label_key: "nav-organisation",
    icon: "plant",
    seen: Seen::With(PLANT_MANAGE),
}];

/// The texts of this part.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// The pages and the API of this part.
pub fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}

/// What the server has to know of companies and plants.
#[must_use]
pub fn module() -> Module {
    Module::new("organisation")
        .routes(router())
        .operations(operations())
        .nav(NAV)
        .permissions(PERMISSIONS)
        .texts(TEXTS)
        .attached([attached::PLANTS])
}
