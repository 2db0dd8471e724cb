//! Pages of traceability: live overview, trace, exceptions, holds, plants.
//!
//! Server-rendered; htmx fetches parts. Everything works by keyboard, and all
//! but the live figures and the unfolding of trees works without a script.

mod detail;
mod exceptions;
mod explore;
mod hold;
mod holds;
mod home;
pub(crate) mod items;
mod plants;
mod report;
pub(crate) mod say;
pub(crate) mod store;
pub(crate) mod trace;
pub(crate) mod who;
pub(crate) mod words;

pub use words::Reasons;

use axum::Router;
use axum::http::header;
use platform::i18n::{Lang, Sources};
use platform::web::routing::{get, post};
use platform::web::{AppState, NavGroup, NavItem, Seen, always};

use crate::rights::{EXCEPTION_READ, HOLD_READ, PLANT_READ, TRACE_READ};

/// The texts of these pages, to be given to the state's builder.
pub const TEXTS: Sources<'static> = [
    (Lang::En, concat!(include_str!("../i18n/en.ftl"), include_str!("../i18n/words/en.ftl"))),
    (Lang::Hi, concat!(include_str!("../i18n/hi.ftl"), include_str!("../i18n/words/hi.ftl"))),
    (Lang::Bn, concat!(include_str!("../i18n/bn.ftl"), include_str!("../i18n/words/bn.ftl"))),
    (Lang::Te, concat!(include_str!("../i18n/te.ftl"), include_str!("../i18n/words/te.ftl"))),
];

/// The entries of the side navigation.
pub const NAV: [NavItem; 5] = [
    NavItem {
        group: NavGroup::Trace,
        href: "/",
        label_key: "nav-home",
        icon: "pulse",
        seen: Seen::With(TRACE_READ),
    },
    NavItem {
        group: NavGroup::Trace,
        href: "/trace",
        label_key: "nav-trace",
        icon: "trace",
        seen: Seen::With(TRACE_READ),
    },
    NavItem {
        group: NavGroup::Trace,
        href: "/exceptions",
        label_key: "nav-exceptions",
        icon: "exception",
        seen: Seen::With(EXCEPTION_READ),
    },
    NavItem {
        group: NavGroup::Trace,
        href: "/holds",
        label_key: "nav-holds",
        icon: "hold",
        seen: Seen::With(HOLD_READ),
    },
    NavItem {
        group: NavGroup::Trace,
        href: "/plants",
        label_key: "nav-plants",
        icon: "plant",
        seen: Seen::With(PLANT_READ),
    },
];

/// The pages.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(home::page).layer(always()))
        .route("/live", get(home::live))
        .route("/live/counts", get(home::counts))
        .route("/trace", get(trace::search))
        .route("/trace/{uid}", get(trace::page))
        .route("/trace/{uid}/tree/{direction}", get(trace::tree))
        .route("/trace/{uid}/ends/{direction}", get(trace::ends))
        .route("/trace/lot/{id}", get(explore::lot))
        .route("/trace/document/{type}/{number}", get(explore::document))
        .route("/trace/customer/{code}", get(explore::customer))
        .route("/trace/machine/{code}", get(explore::machine))
        .route("/trace/station/{code}", get(explore::station))
        .route("/trace/operator/{code}", get(explore::operator))
        .route("/trace/compare", get(explore::compared))
        .route("/trace/{uid}/picture", get(explore::picture))
        .route("/trace/{uid}/report", get(report::page))
        .route("/trace/{uid}/report.xlsx", get(report::xlsx))
        .route("/trace/{uid}/report.pdf", get(report::pdf))
        .route("/trace/{uid}/report.json", get(report::json))
        .route("/exceptions", get(exceptions::page))
        .route("/exceptions/{id}", get(exceptions::one))
        .route("/exceptions/{id}/resolve", post(exceptions::resolve))
        .route("/exceptions/{id}/assign", post(exceptions::assign))
        .route("/exceptions/{id}/reopen", post(exceptions::reopen))
        .route("/holds", get(holds::page).merge(post(holds::place)))
        .route("/holds/look", get(holds::look))
        .route("/holds/{id}", get(hold::one))
        .route("/holds/{id}/release", post(holds::release))
        .route("/plants", get(plants::page))
        .route("/trace.css", get(style))
}

async fn style() -> impl axum::response::IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=600")];
    (headers, include_str!("style.css"))
}

#[cfg(test)]
mod compare_tests;
#[cfg(test)]
mod explore_tests;
#[cfg(test)]
mod held_tests;
#[cfg(test)]
mod leads_tests;
#[cfg(test)]
mod tests;
