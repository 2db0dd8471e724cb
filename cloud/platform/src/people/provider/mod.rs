//! Signing in by a provider of the tenant's own (OpenID Connect): its settings, the
//! way there and back, and what its token has to be for somebody to come in.
//!
//! The authorization code flow with PKCE, state and nonce. Tables:
//! `sign_in_providers`, `user_identities`; in the control schema `provider_attempts`.
//! See `docs/openid-connect.md`.

mod api;
mod claims;
mod decide;
mod jose;
mod pages;
mod service;
mod settings;
mod settings_pages;
mod store;
mod wire;

pub(super) use api::operations;
pub use settings::reseal;
pub(super) use settings::{identities, unlink, way_back_stays};
pub(super) use store::{gives, password_closed};
pub use wire::Providers;

use axum::Router;

use crate::web::AppState;

pub(super) fn router() -> Router<AppState> {
    pages::router().merge(settings_pages::router()).merge(api::router())
}
