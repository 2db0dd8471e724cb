//! Personal data of a person: everything that is held, on paper and as a file;
//! consents; erasure, or its refusal where the law says that records must be kept.
//!
//! Tables: `consents`, `personal_requests`, and the master `retention_rules`.
//! People are users of the office, operators of plants, and contacts of partners.
//! The audit names them by opaque ids and holds nothing else of them
//! (`docs/decisions/0010-personal-data-and-the-audit.md`), so that erasure leaves
//! its chain as it was.

mod api;
mod erase;
mod held;
mod model;
mod pages;
mod places;
mod service;
mod spoken;
mod store;
#[cfg(test)]
mod tests;
mod words;

use axum::Router;

pub use api::operations;
pub use model::{Erased, Kind, Left, Person, PersonalError};
pub use service::{erase, export, open};

use crate::i18n::{Lang, Sources};
use crate::web::{AppState, Module, NavGroup, NavItem, Permission, Seen};

/// Look at what is held of a person, and take it out for them.
pub const PERSONAL_READ: Permission = Permission::admin("personal.read");
/// Write down consents, and erase.
pub const PERSONAL_MANAGE: Permission = Permission::admin("personal.manage");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[PERSONAL_READ, PERSONAL_MANAGE];

/// The side navigation of personal data.
pub const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Setup,
    href: "/personal",
    label_key: "nav-personal",
    icon: "person",
    seen: Seen::With(PERSONAL_READ),
}];

/// The texts of personal data.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// Pages and API.
pub fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}

/// What the server has to know of personal data.
#[must_use]
pub fn module() -> Module {
    Module::new("personal")
        .routes(router())
        .operations(operations())
        .nav(NAV)
        .permissions(PERMISSIONS)
        .texts(TEXTS)
}
