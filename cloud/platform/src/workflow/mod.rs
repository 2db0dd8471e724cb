//! Workflows: documents are approved, stage by stage, by those whom a definition
//! names, in the time that it gives. How a module puts its documents under approval
//! stands in `docs/workflow.md`.
//!
//! Tables: `workflow_definitions`, `workflow_instances`, `workflow_rounds`,
//! `workflow_seats`, `workflow_history`, `workflow_delegations`, `workflow_triggers`,
//! `workflow_calls`, and `requests`.

mod api;
mod asked;
mod cause;
mod condition;
mod deadlines;
mod definition;
mod definitions;
mod delegations;
mod detail;
mod error;
mod hooks;
mod inbox;
mod lending;
mod lines;
mod model;
mod pages;
mod read;
pub mod requests;
mod rules;
mod run;
mod show;
mod store;
mod subject;
mod tell;
#[cfg(test)]
mod tests;
mod trigger_api;
mod triggers;
mod under_way;
mod uses;
mod vacancy;
mod view;
pub mod worker;

use axum::Router;

use crate::i18n::{Lang, Sources};
use crate::openapi::Operation;
use crate::web::{AppState, Caller, Module, NavGroup, NavItem, Permission, Seen};

pub use cause::carry;
pub use condition::{Field, Type};
pub use definitions::forget;
pub use detail::{Change, Detail, DetailColumn, Fact};
pub use error::WorkflowError;
pub use model::{Action, State, TRANSITIONS};
pub use requests::{REQUEST_RAISE, REQUEST_READ, Requests, SEARCHERS};
pub use rules::Refusal;
pub use run::{Decision, Standing, Starting, cancel, complete, decide, resubmit, standing, start};
pub use subject::{After, News, Outcome, Subject, Subjects};
pub use tell::KINDS;
pub use triggers::{Event, EventDocument, happened, hear};
pub(crate) use under_way::under_way;
pub use under_way::{UnderWay, Why};
pub(crate) use uses::naming_role;

/// See definitions, everybody's instances, and the report on times.
pub const READ: Permission = Permission::read("workflow.read");
/// Be asked, and decide, up to an amount where a role has a limit.
pub const DECIDE: Permission = Permission::write("workflow.decide").with_amount();
/// Write drafts and try them.
pub const DEFINITION_EDIT: Permission = Permission::admin("workflow.definition.edit");
/// Put definitions into force and out of it.
pub const DEFINITION_PUBLISH: Permission = Permission::admin("workflow.definition.publish");
/// Take back others' documents, set who stands in for others, make webhooks.
pub const MANAGE: Permission = Permission::admin("workflow.manage");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] =
    &[DECIDE, READ, DEFINITION_EDIT, DEFINITION_PUBLISH, MANAGE, REQUEST_RAISE, REQUEST_READ];

/// Whether the caller manages the workflows of a document: at its plant, or everywhere
/// where it belongs to none, as delegations do, which lend at every plant.
pub(crate) fn manages(caller: &Caller, plant: Option<&str>) -> bool {
    match plant {
        Some(plant) => caller.may_at(&MANAGE, plant),
        None => caller.rights.has_everywhere(&MANAGE),
    }
}

/// Whether the caller sees everybody's documents of a plant, or those of none.
pub(crate) fn reads(caller: &Caller, plant: Option<&str>) -> bool {
    match plant {
        Some(plant) => caller.may_at(&READ, plant),
        None => caller.may(&READ),
    }
}

/// The kinds of documents that the platform itself has.
#[must_use]
pub fn subjects() -> Subjects {
    Subjects::of([&Requests as &'static dyn Subject])
}

/// The side navigation of workflows.
pub const NAV: [NavItem; 3] = [
    NavItem {
        group: NavGroup::Work,
        href: "/approvals",
        label_key: "nav-approvals",
        icon: "check",
        seen: Seen::ByPeople(DECIDE),
    },
    NavItem {
        group: NavGroup::Work,
        href: "/requests",
        label_key: "nav-requests",
        icon: "document",
        seen: Seen::With(REQUEST_RAISE),
    },
    NavItem {
        group: NavGroup::Setup,
        href: "/workflows",
        label_key: "nav-workflows",
        icon: "workflow",
        seen: Seen::With(READ),
    },
];

/// The pages and the API of workflows and requests.
pub fn router() -> Router<AppState> {
    let api = api::router().merge(trigger_api::router());
    pages::router().merge(api).merge(hooks::router()).merge(requests::router())
}

/// What the routes of workflows and requests under `/api` are.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [api::operations(), trigger_api::operations(), requests::operations()].concat()
}

/// The texts of workflows.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// What the server has to know of workflows and requests.
#[must_use]
pub fn module() -> Module {
    Module::new("workflow")
        .routes(router())
        .operations(operations())
        .nav(NAV)
        .permissions(PERMISSIONS)
        .texts(TEXTS)
        .kinds(KINDS)
        .searchers(&SEARCHERS)
        .subjects([&Requests as &'static dyn Subject])
        .attached([requests::ATTACHED])
        .job("deadlines, schedules and starts", |state, stop| async move {
            worker::run(state.db.clone(), state.subjects.clone(), stop).await;
        })
}
