//! Numbers to run by: the DuckDB mirror of what plants record, and the dashboards over it.
//! Table: `kpi_targets`.

pub mod dashboards;
pub mod mirror;
pub mod rights;

use mirror::Mirrors;
use platform::i18n::{Lang, Sources};
use platform::web::{Feature, Module};

/// What a tenant can be without.
pub const DASHBOARDS: Feature = Feature { name: "dashboards", within: &["production"] };

/// The texts of the dashboards.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("i18n/en.ftl")),
    (Lang::Hi, include_str!("i18n/hi.ftl")),
    (Lang::Bn, include_str!("i18n/bn.ftl")),
    (Lang::Te, include_str!("i18n/te.ftl")),
];

/// What the server has to know of dashboards. `mirrors` are those of this process; without
/// any, dashboards answer that they are elsewhere.
#[must_use]
pub fn module(mirrors: &Mirrors) -> Module {
    Module::new("dashboards")
        .feature(DASHBOARDS)
        .routes(dashboards::router().layer(axum::Extension(mirrors.clone())))
        .operations(dashboards::api::operations())
        .nav(dashboards::NAV)
        .permissions(rights::PERMISSIONS)
        .texts(TEXTS)
}

#[cfg(test)]
mod world;
