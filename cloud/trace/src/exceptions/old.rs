//! Once a day, whoever resolves exceptions is told of those that have been open for
//! long. Nothing is closed by it. Whether it comes by mail too each person says.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use platform::ctx::Cx;
use platform::db::{Db, DbError};
use platform::notify::{self, Notice, To};
use platform::tenancy;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{OLD, store};
use crate::rights::EXCEPTION_RESOLVE;

/// An exception is old after this long.
pub const OLD_AFTER: TimeDelta = TimeDelta::days(7);
/// How often it is looked whether a day has begun.
const EVERY: Duration = Duration::from_secs(3600);

/// Tells all tenants' people until `stop`. Several processes may do it at once; each
/// plant is told of once a day.
pub async fn run(db: Db, stop: CancellationToken) {
    let at = &db;
    // Nothing of a day is left over once a tenant was told.
    tenancy::rounds(at, "old exceptions", EVERY, &stop, |tenant| async move {
        tell(at, tenant, Utc::now()).await.map(|_| false)
    })
    .await;
}

/// Tells a tenant's people, if they were not told today; answers of how many plants.
///
/// # Errors
/// The database; nobody is told then.
pub async fn tell(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<usize, DbError> {
    db.tx(&Cx::system(tenant), async |tx| {
        let old = store::old_told(tx, now - OLD_AFTER, now.date_naive()).await?;
        for (plant, count) in &old {
            let to = To::Permission(EXCEPTION_RESOLVE.code.to_owned());
            let at: Vec<String> = (!plant.is_empty()).then(|| plant.clone()).into_iter().collect();
            let place = if plant.is_empty() { "–" } else { plant.as_str() };
            let notice = Notice::new(to, format!("/exceptions?plant={plant}"))
                .at(at)
                .counted("count", *count)
                .with("plant", place);
            notify::tell(tx, &OLD, &notice, now).await?;
        }
        Ok(old.len())
    })
    .await
}
