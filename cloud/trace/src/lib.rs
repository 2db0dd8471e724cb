//! Traceability: ingest of what plants record, registry, genealogy, holds.

pub mod edge;
pub mod exceptions;
pub mod explore;
pub mod holds;
pub mod ingest;
pub mod leases;
pub mod pages;
pub mod projection;
pub mod rights;

use axum::Router;
use platform::web::AppState;

/// The API and pages of traceability. `committed` is where the ingest announces
/// batches, so that a hold placed here reaches the plants at once.
pub fn router(committed: ingest::Committed) -> Router<AppState> {
    Router::new().merge(explore::api::router()).merge(pages::router()).layer(axum::Extension(committed))
}

#[cfg(test)]
mod testing;
