//! Suspects by process, and scopes: sets of UIDs that somebody found and kept, to be held
//! or recalled. Tables: `scopes`, `scope_members`, `scope_saves`.

mod api;
pub mod asked;
mod attached;
mod beside;
mod builder;
pub mod criteria;
pub mod error;
pub mod evaluate;
pub mod first;
mod form;
mod inside;
pub mod model;
mod pages;
pub mod rights;
mod row;
pub mod saving;
pub mod service;
pub mod sets;
mod spelt;
pub(crate) mod store;
pub mod window;
mod worker;

#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod rack_tests;
#[cfg(test)]
mod tests;

pub(crate) use builder::in_words;
#[cfg(test)]
pub(crate) use pages::TEXTS;

use platform::web::Module;

use crate::genealogy::Genealogy;

/// What the server has to know of suspects and scopes.
#[must_use]
pub fn module(genealogy: &Genealogy) -> Module {
    let reaches = genealogy.clone();
    let routes = api::router().merge(pages::router());
    Module::new("scopes")
        .feature(crate::features::PRODUCTION)
        .routes(routes.layer(axum::Extension(genealogy.clone())))
        .operations(api::operations())
        .nav(pages::NAV)
        .permissions(rights::PERMISSIONS)
        .texts(pages::TEXTS)
        .attached([attached::ATTACHED])
        .job("scopes", |state, stop| async move {
            worker::run(state.db.clone(), reaches, stop).await;
        })
}
