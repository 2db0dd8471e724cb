//! Webhooks: another system is told by an HTTP request, signed so that it can know
//! who sent it.
//!
//! Each request is a POST with these headers, whatever the form of its body:
//! - `Tracewright-Event`: the kind, such as `hold.placed`
//! - `Tracewright-Delivery`: the delivery's id, the same at each attempt
//! - `Tracewright-Signature`: `t=<seconds since 1970>,v1=<hex>`, where `v1` is the
//!   HMAC-SHA-256 over `<t>.<body>` under the webhook's secret

mod api;
mod pages;
mod send;
mod service;
mod store;

pub(super) use api::operations;
pub(super) use send::{Call, send};
pub(super) use service::{messages, opened, sealed_field};
pub(super) use store::find;

use axum::Router;
use uuid::Uuid;

use crate::db::{DbError, Tx};
use crate::secrets::Secrets;
use crate::web::AppState;

/// The pages and the API of webhooks.
pub(super) fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}

/// Brings the secrets of a tenant's webhooks under the key that seals now; answers
/// how many were.
///
/// # Errors
/// Those of the database. A secret that does not open stays as it is.
pub async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, DbError> {
    let tenant: Uuid = tx.tenant();
    let mut done = 0;
    for (id, sealed) in store::secrets(tx).await? {
        match secrets.reseal(tenant, &sealed_field(id), &sealed) {
            Ok(Some(again)) => {
                store::secret_set(tx, id, &again).await?;
                done += 1;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%tenant, webhook = %id, %error, "a secret was not sealed anew"),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests;
