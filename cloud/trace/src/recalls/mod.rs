//! Recalls: what is called back, where it was, who has it and was told, what they
//! answered, and how much of it is accounted for. Drills are the same on a copy,
//! and touch nothing.
//!
//! Tables: `recalls`, `recall_members`, `recall_consignees`, `recall_letters`,
//! `recall_responses`. `docs/recalls.md` says how they are used.

mod act;
mod api;
mod approval;
mod attached;
mod begin;
mod chart;
mod close;
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
mod sheet;
mod since;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod worker;

use platform::i18n::{Lang, Sources};
use platform::notify::Kind;
use platform::web::{Module, NavGroup, NavItem, Seen};
use platform::workflow::Subject;

use crate::genealogy::Genealogy;
use crate::ingest::Committed;

// By what the explorer counts goods once, as recalls do.
pub(crate) use locate::inside_of;
pub(crate) use store::locate::built_in;

pub use model::{Action, KindOf, SEVERITIES, Status, TRANSITIONS};
pub use rights::{RECALL_ACTIVATE, RECALL_MANAGE, RECALL_READ};

/// A recall was put into force.
pub const RECALL_ACTIVATED: Kind = Kind::mailed("recall.activated").urgent().to_whom_may(RECALL_READ);
/// A recall was closed.
pub const RECALL_CLOSED: Kind = Kind::shown("recall.closed").to_whom_may(RECALL_READ);
/// A recall came into force by itself, since it was approved.
pub const RECALL_STARTED: Kind = Kind::mailed("recall.in_force").to_whom_may(RECALL_READ);
/// A recall was approved, and could not come into force by itself.
pub const RECALL_UNSTARTED: Kind = Kind::mailed("recall.held_up").urgent().to_whom_may(RECALL_READ);
/// What people are told of recalls.
pub const KINDS: &[Kind] = &[RECALL_ACTIVATED, RECALL_CLOSED, RECALL_STARTED, RECALL_UNSTARTED];

/// The texts of recalls.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("i18n/en.ftl")),
    (Lang::Hi, include_str!("i18n/hi.ftl")),
    (Lang::Bn, include_str!("i18n/bn.ftl")),
    (Lang::Te, include_str!("i18n/te.ftl")),
];

const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Trace,
    href: "/recalls",
    label_key: "nav-recalls",
    icon: "recall",
    seen: Seen::With(RECALL_READ),
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
        .feature(crate::features::RECALLS)
        .routes(routes)
        .operations(api::operations())
        .nav(NAV)
        .permissions(rights::PERMISSIONS)
        .texts(TEXTS)
        .kinds(KINDS)
        .subjects([&approval::Recalls as &'static dyn Subject])
        .attached([attached::ATTACHED])
        .searchers(&search::SEARCHERS)
        .commands(search::commands())
        .job("recalls", |state, stop| async move {
            worker::run(state.db.clone(), (announces, reaches, state.subjects.clone()), stop).await;
        })
}
