//! Text messages (SMS), by a provider that is spoken to over HTTP: the cloud's, or a
//! tenant's own. They go to numbers that their people have verified, in as few parts
//! as the text allows, and not more of them in a day than is bounded: each costs.

mod pages;
mod parts;
mod phone;
mod provider;
mod send;
mod settings;
mod store;
#[cfg(test)]
mod tests;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use uuid::Uuid;

pub(super) use pages::router;
pub use phone::{Number, PhoneError, sealed, standing};
pub use provider::Provider;
pub(super) use send::{Bound, send};

use super::{MANAGE, Notice, SMS_BOUND, To};
use crate::db::{DbError, Tx};
use crate::secrets::Secrets;

/// After this nobody wants to read a message any more.
pub(super) const OF_USE: TimeDelta = TimeDelta::hours(24);
/// How long counts of a day are kept.
const KEEP_COUNTS: TimeDelta = TimeDelta::days(90);

/// Whether the tenant can send text messages; `of_cloud` is the cloud's provider.
///
/// # Errors
/// Those of the database.
pub(super) async fn usable(tx: &mut Tx, of_cloud: Option<&Provider>) -> Result<bool, DbError> {
    Ok(of_cloud.is_some() || store::provider(tx).await?.is_some_and(|kept| kept.active))
}

/// Of these people, those whose number is verified.
pub(super) async fn reachable(tx: &mut Tx, users: &[Uuid]) -> Result<Vec<Uuid>, DbError> {
    Ok(store::verified(tx, users).await?)
}

/// Tells who looks after deliveries, once a day, that messages were given up because
/// as many were sent as may be.
pub(super) async fn tell_bound(tx: &mut Tx, bound: &Bound, now: DateTime<Utc>) -> Result<(), DbError> {
    if store::tell_once(tx, bound.day).await? {
        let notice =
            Notice::new(To::Permission(MANAGE.code.to_owned()), "/deliveries?state=dead&channel=sms")
                .with("error", &bound.told);
        super::tell(tx, &SMS_BOUND, &notice, now).await?;
    }
    Ok(())
}

/// Removes counts of days long ago.
pub(super) async fn forget(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), DbError> {
    let before: NaiveDate = (now - KEEP_COUNTS).date_naive();
    Ok(store::forget(tx, before).await?)
}

/// Brings numbers and the provider's token under the key that seals now; answers how
/// many were.
///
/// # Errors
/// Those of the database. What does not open stays as it is.
pub(super) async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, DbError> {
    let tenant = tx.tenant();
    let mut done = 0;
    let again = |field: &str, sealed: &[u8]| match secrets.reseal(tenant, field, sealed) {
        Ok(again) => again,
        Err(error) => {
            tracing::warn!(%tenant, field, %error, "a secret was not sealed anew");
            None
        }
    };
    for (user, sealed) in store::phones(tx).await? {
        if let Some(sealed) = again(&phone::field(user), &sealed) {
            store::number_set(tx, user, &sealed).await?;
            done += 1;
        }
    }
    if let Some(token) = store::provider(tx).await?.and_then(|kept| kept.token)
        && let Some(sealed) = again(settings::FIELD, &token)
    {
        store::token_set(tx, &sealed).await?;
        done += 1;
    }
    Ok(done)
}
