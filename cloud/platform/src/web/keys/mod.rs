//! Access keys for programs and people, the sessions of browsers, and links
//! that sign in once. Only hashes are stored: each secret is 256 random bits, so
//! a plain hash keeps it, and looking it up by its hash tells nothing by time.

mod api;
mod door;
mod ending;
mod make;
mod pages;
mod secret;
mod service;
mod store;

pub use api::{KEY_MANAGE, operations};
pub(crate) use door::{Ends, Tried, end_session, try_key};
pub use ending::KEY_ENDING;
pub(crate) use ending::run as tell_ends;
pub(crate) use secret::hash_of_token;
pub use secret::{Secret, SecretHash};
pub use service::{
    Access, Bearer, CODE_LIFETIME, LIFETIME, Listed, SESSION_LIFETIME, Settings, create, create_at,
    create_code, list, redeem_code, revoke, start_key_session, verify, verify_session,
};
pub(crate) use service::{end_beyond, end_of_person, of_hash};
pub(crate) use store::delete_stale;

use axum::Router;

use crate::web::AppState;

pub(crate) fn router() -> Router<AppState> {
    api::router().merge(pages::router())
}
