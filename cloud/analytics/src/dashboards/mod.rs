//! Dashboards: figures with targets and trends over a tenant's plants, from its mirror;
//! each leads to the events behind it.

pub mod api;
pub mod ask;
mod charts;
pub mod drill;
mod live;
pub mod model;
mod pages;
pub mod service;
mod store;
mod today;

use axum::{Extension, Router};
use platform::web::routing::get;
use platform::web::{AppState, NavGroup, NavItem, Seen};

use crate::rights::DASHBOARD_READ;

/// The entry of the side navigation.
pub const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Figures,
    href: "/dashboards",
    label_key: "nav-dashboards",
    icon: "chart",
    seen: Seen::With(DASHBOARD_READ),
}];

/// Pages and API.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/dashboards/live", get(live::stream))
        .layer(Extension(live::Places::default()))
        .merge(pages::router())
        .merge(api::router())
}

#[cfg(test)]
mod goods_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod today_tests;
#[cfg(test)]
mod wip_tests;
