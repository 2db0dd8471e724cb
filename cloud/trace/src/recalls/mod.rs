//! Recalls: what is called back, where it was, who has it and was told, what they
//! answered, and how much of it is accounted for. Drills are the same on a copy,
//! and touch nothing.
//!
//! Tables: `recalls`, `recall_members`, `recall_consignees`, `recall_letters`,
//! `recall_responses`. `docs/recalls.md` says how they are used.

mod act;
mod api;
mod approval;
mod begin;
mod chart;
mod consignees;
mod effect;
mod error;
mod locate;
mod model;
mod pages;
mod read;
mod report;
mod respond;
mod returns;
mod rights;
mod search;
mod service;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod worker;

use platform::i18n::{Lang, Sources};
use platform::notify::Kind;
use platform::web::{Module, NavItem};
use platform::workflow::Subject;

use crate::genealogy::Genealogy;
use crate::ingest::Committed;

pub use model::{Action, KindOf, SEVERITIES, Status, TRANSITIONS};
pub use rights::{RECALL_ACTIVATE, RECALL_MANAGE, RECALL_READ};

/// A recall was put into force.
pub const RECALL_ACTIVATED: Kind = Kind::mailed("recall.activated").urgent();
/// A recall was closed.
pub const RECALL_CLOSED: Kind = Kind::shown("recall.closed");
/// What people are told of recalls.
pub const KINDS: &[Kind] = &[RECALL_ACTIVATED, RECALL_CLOSED];

/// The texts of recalls.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("i18n/en.ftl")),
    (Lang::Hi, include_str!("i18n/hi.ftl")),
    (Lang::Bn, include_str!("i18n/bn.ftl")),
    (Lang::Te, include_str!("i18n/te.ftl")),
];

const NAV: [NavItem; 1] = [NavItem {
    group: "nav-group-trace",
    href: "/recalls",
    label_key: "nav-recalls",
    icon: "recall",
    permission: RECALL_READ,
}];

/// What the server has to know of recalls. `committed` is where the ingest announces
/// batches, so that what a recall holds reaches the plants at once; `genealogy` answers
/// what went into what.
#[must_use]
pub fn module(committed: &Committed, genealogy: &Genealogy) -> Module {
    let (announces, reaches) = (committed.clone(), genealogy.clone());
    let routes = pages::router().merge(api::router());
    let routes = routes.layer(axum::Extension(committed.clone())).layer(axum::Extension(genealogy.clone()));
    Module::new("recalls")
        .routes(routes)
        .operations(api::operations())
        .nav(NAV)
        .permissions(rights::PERMISSIONS)
        .texts(TEXTS)
        .kinds(KINDS)
        .subjects([&approval::Recalls as &'static dyn Subject])
        .searchers(&search::SEARCHERS)
        .commands(search::commands())
        .job("recalls", |state, stop| async move {
            worker::run(state.db.clone(), announces, reaches, stop).await;
        })
}
