//! Plans: what a tenant may use, what it does use, and its trial.
//!
//! Plans, subscriptions and usage stand in the control schema; what the plan allows
//! is copied to the tenant ([`limits`]), whose own transactions enforce it. Each
//! limit is asked for in one place: people where somebody is invited or let in
//! again, plants where one is added. Events are counted and told of, and never stop
//! a plant: a fact that is refused is lost; once they are used up, no history is imported
//! and no plant and no agent is added. See `docs/tenants-plans.md`.

mod api;
mod limits;
mod model;
mod pages;
pub(crate) mod service;
mod storage;
pub(crate) mod store;
#[cfg(test)]
mod tests;
mod trials;
mod usage;
mod worker;

use axum::Router;

pub use api::operations;
pub use limits::{Denied, admit, admit_events, allow};
pub use model::{Feature, Limit, Limits, Plan, Reached, bytes, percent};
pub(crate) use pages::{Bar, COLUMNS, bars, cells, csv_file, month_name};
pub use service::{
    PlanError, Stands, is_given, plan_first, plan_to_be, plan_where_none, plants_beyond, set_status, stands,
};
pub use trials::{GRACE, tick as trial_tick};
pub use usage::{Calls, meter};
pub use worker::{count_calls, run};

use crate::i18n::{Lang, Sources};
use crate::notify::Kind;
use crate::web::{AppState, Module, NavGroup, NavItem, Permission, Seen};

/// See the plan and what is used of it.
pub const PLAN_READ: Permission = Permission::admin("plan.read");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[PLAN_READ];

/// The side navigation of this part.
pub const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Setup,
    href: "/plan",
    label_key: "nav-plan",
    icon: "chart",
    seen: Seen::With(PLAN_READ),
}];

/// So much of the events of a month was used.
pub const PLAN_EVENTS: Kind = Kind::mailed("plan.events").to_whom_may(PLAN_READ);
/// So much of the storage is used.
pub const PLAN_STORAGE: Kind = Kind::mailed("plan.storage").to_whom_may(PLAN_READ);
/// The trial ends soon.
pub const TRIAL_ENDS: Kind = Kind::mailed("trial.ends").to_whom_may(PLAN_READ);
/// The trial has ended.
pub const TRIAL_ENDED: Kind = Kind::mailed("trial.ended").to_whom_may(PLAN_READ);
/// The trial of a tenant that lived outside one before has ended: it keeps its data.
pub const TRIAL_OVER: Kind = Kind::mailed("trial.over").to_whom_may(PLAN_READ);

/// The kinds of notices of this part.
pub const KINDS: &[Kind] = &[PLAN_EVENTS, PLAN_STORAGE, TRIAL_ENDS, TRIAL_ENDED, TRIAL_OVER];

/// The texts of this part.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// The page and the API of this part.
pub fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}

/// Gives a tenant a plan, for tests of other parts.
#[cfg(test)]
pub(crate) async fn give_for_test(
    db: &crate::db::Db,
    tenant: uuid::Uuid,
    plan: &str,
    now: chrono::DateTime<chrono::Utc>,
) {
    let aimed = service::Aimed { tenant, version: 0 };
    service::plan_give(db, &crate::admin::log::Who::system(), aimed, plan, now).await.unwrap();
}

/// What the server has to know of plans and usage.
#[must_use]
pub fn module() -> Module {
    Module::new("plans")
        .routes(router())
        .operations(operations())
        .nav(NAV)
        .permissions(PERMISSIONS)
        .texts(TEXTS)
        .kinds(KINDS)
        .job("usage", |state, stop| async move { run(state.db.clone(), stop).await })
}
