//! Tokens of API clients: a short-lived access token, signed (a JWT), and refresh
//! tokens, each good once, that get the next ones.
//!
//! An access key is shown once and signs a client in; what then goes over the wire
//! with each request is good for minutes. A token has the rights of its key, as they
//! are at the request: the row of its family is looked up each time, so that a key or a
//! family that was ended opens nothing any more.

mod api;
mod service;
mod signing;
mod store;
#[cfg(test)]
mod tests;

use crate::web::Module;

pub use api::{operations, router};
pub use service::{
    ACCESS_LIFETIME, FAMILY_LIFETIME, Issued, KEY_LIFETIME, REFRESH_LIFETIME, TokenError, end, issue,
    refresh, reseal, verify,
};

/// What the server has to know of tokens.
#[must_use]
pub fn module() -> Module {
    Module::new("tokens").routes(router()).operations(operations())
}
