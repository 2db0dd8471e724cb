//! Traceability: ingest of what plants record, registry, genealogy, holds.

pub mod edge;
pub mod exceptions;
pub mod explore;
pub mod features;
pub mod genealogy;
pub mod holds;
pub mod imports;
pub mod ingest;
pub mod leases;
pub mod pages;
mod paper;
pub mod passports;
mod past;
pub mod projection;
pub mod proofs;
pub mod recalls;
pub mod rights;
pub mod scopes;

use axum::Router;
use platform::web::{AppState, Module};

/// The API and pages of traceability. `committed` is where the ingest announces
/// batches, so that a hold placed here reaches the plants at once; `genealogy` answers
/// what went into what.
pub fn router(committed: ingest::Committed, genealogy: genealogy::Genealogy) -> Router<AppState> {
    Router::new()
        .merge(explore::api::router())
        .merge(exceptions::api::router())
        .merge(pages::router())
        .layer(axum::Extension(committed))
        .layer(axum::Extension(genealogy))
}

/// What the server has to know of traceability; it runs `genealogy` beside.
#[must_use]
pub fn module(committed: &ingest::Committed, genealogy: &genealogy::Genealogy) -> Module {
    let (follows, reaches) = (committed.clone(), genealogy.clone());
    Module::new("trace")
        .feature(features::PRODUCTION)
        .routes(router(committed.clone(), genealogy.clone()))
        .operations(explore::api::operations())
        .operations(platform::openapi::group("Trace", exceptions::api::operations()))
        .nav(pages::NAV)
        .permissions(rights::PERMISSIONS)
        .texts(pages::TEXTS)
        .texts(exceptions::TEXTS)
        .kinds(exceptions::NOTICES)
        .attached([exceptions::ATTACHED])
        .searchers(&explore::find::SEARCHERS)
        .job("projections", |state, stop| async move {
            projection::run(state.db.clone(), follows, reaches, stop).await;
        })
        .job("old exceptions", |state, stop| async move {
            exceptions::old::run(state.db.clone(), stop).await;
        })
        .job("times of older events", |state, stop| async move {
            explore::timed::run(state.db.clone(), stop).await;
        })
}

#[cfg(test)]
mod testing;
