//! Passports: a public page per finished unit, reached by its QR code, that shows what
//! the tenant chose to show. Tables: `passport_settings`, `passports`.
//!
//! Off until the tenant turns it on. Who has the link sees the page, and nobody guesses a
//! link: it carries 128 random bits. See `docs/passport.md`.

mod api;
mod key;
mod pages;
mod public;
mod service;
mod store;
#[cfg(test)]
mod tests;

use platform::i18n::{Lang, Sources};
use platform::web::{Module, NavGroup, NavItem, Permission, Seen};

pub use service::reseal;

/// See passports, and print them again.
pub const PASSPORT_READ: Permission = Permission::read("passport.read");
/// Make passports, and end them.
pub const PASSPORT_WRITE: Permission = Permission::write("passport.write");
/// Say what passports show, and whether they can be seen at all.
pub const PASSPORT_MANAGE: Permission = Permission::admin("passport.manage");

const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Trace,
    href: "/passports",
    label_key: "nav-passports",
    icon: "proof",
    seen: Seen::With(PASSPORT_READ),
}];

/// The texts of this part.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("i18n/en.ftl")),
    (Lang::Hi, include_str!("i18n/hi.ftl")),
    (Lang::Bn, include_str!("i18n/bn.ftl")),
    (Lang::Te, include_str!("i18n/te.ftl")),
];

/// What the server has to know of passports.
#[must_use]
pub fn module() -> Module {
    Module::new("passports")
        .feature(crate::features::PASSPORTS)
        .routes(public::router().merge(pages::router()).merge(api::router()))
        .operations(api::operations())
        .nav(NAV)
        .permissions(&[PASSPORT_READ, PASSPORT_WRITE, PASSPORT_MANAGE])
        .texts(TEXTS)
}
