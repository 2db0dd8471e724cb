//! Numbers to run by: the DuckDB mirror of what plants record.

pub mod mirror;

use mirror::Mirrors;
use platform::web::Module;

/// What the server has to know of analytics. `mirrors` are those of this process.
#[must_use]
pub fn module(mirrors: &Mirrors) -> Module {
    Module::new("analytics").routes(axum::Router::new().layer(axum::Extension(mirrors.clone())))
}

#[cfg(test)]
mod world;
