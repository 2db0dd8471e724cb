//! Every route with who may call it, by subject.

use std::sync::LazyLock;

use super::{Sends, Who};

mod admin;
mod dashboards;
mod masters;
mod notices;
mod papers;
mod people;
mod proof;
mod recall;
mod settings;
mod shell;
mod trace;
mod workflow;

/// Method, pattern, who, and a request that would do something.
pub(in super::super) type Route = (&'static str, &'static str, Who, Sends);

/// All of them.
pub(in super::super) static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    [
        shell::ROUTES,
        trace::ROUTES,
        dashboards::ROUTES,
        recall::ROUTES,
        proof::ROUTES,
        people::ROUTES,
        notices::ROUTES,
        workflow::ROUTES,
        masters::ROUTES,
        papers::ROUTES,
        settings::ROUTES,
        admin::ROUTES,
    ]
    .concat()
});
