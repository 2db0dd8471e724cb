//! Settings of a tenant, which its own administrators keep: name, time zone, language
//! and currency; logo and colours; addresses from which it may be reached; its own
//! mail server.
//!
//! Tables: `tenant_settings`, `mail_settings`; of `control.tenants` the columns that
//! are the tenant's own to set. See `docs/tenants-plans.md`.

mod address;
mod api;
#[cfg(test)]
mod api_tests;
mod brand;
mod colour;
mod door;
mod image;
mod mail;
mod pages;
mod service;
mod store;
#[cfg(test)]
mod tests;
mod trial;

use axum::Router;

pub use door::{Brand, Door, Doors};
pub(crate) use mail::is_own as has_own_mail;
pub use mail::{Own, OwnMail, TestedMail};
pub(crate) use pages::{Tab, tabs};
pub use service::{open_addresses, reseal};
pub(crate) use store::{currencies, has_currency};

use crate::i18n::{Lang, Sources};
use crate::web::{AppState, Module, NavGroup, NavItem, Permission, Seen};

/// Say how the tenant looks, and from where it may be reached.
pub const TENANT_MANAGE: Permission = Permission::admin("tenant.manage");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[TENANT_MANAGE];

/// The side navigation of this part.
pub const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Setup,
    href: "/settings",
    label_key: "nav-settings",
    icon: "settings",
    seen: Seen::With(TENANT_MANAGE),
}];

/// The texts of this part.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// The pages and the API of settings, and the files of a brand.
pub fn router() -> Router<AppState> {
    pages::router().merge(brand::router()).merge(mail::router()).merge(api::router())
}

/// What the server has to know of a tenant's settings.
#[must_use]
pub fn module() -> Module {
    Module::new("settings")
        .routes(router())
        .operations(api::operations())
        .nav(NAV)
        .permissions(PERMISSIONS)
        .texts(TEXTS)
}
