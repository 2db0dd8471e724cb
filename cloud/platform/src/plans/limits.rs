//! The one place where each limit of a plan is asked for.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::model::{Feature, Limit, Reached};
use super::usage::month;
use super::{service, store};
use crate::db::{Db, DbError, Tx};
use crate::i18n::{Value, zone};
use crate::web::Problem;

/// Why something is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The plan allows no more.
    #[error(transparent)]
    Reached(#[from] Reached),
    /// The plan does not have this.
    #[error("the plan {plan} does not have this")]
    Feature {
        /// The plan's name.
        plan: String,
        /// Whom to ask; empty: whoever runs the cloud.
        contact: String,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for Denied {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let detail = denied.to_string();
        match denied {
            Denied::Reached(reached) => reached.into(),
            Denied::Feature { plan, contact } => {
                Self::conflict("plan.feature", detail).told_by(move |texts| {
                    let contact =
                        if contact.is_empty() { texts.t("plan-contact-none") } else { contact.clone() };
                    let values = [("plan", Value::from(plan.as_str())), ("contact", Value::from(contact))];
                    texts.with("plan-without", &values)
                })
            }
            Denied::Db(error) => error.into(),
        }
    }
}

/// Whether one more of these may be added. Two at once wait for each other, so that
/// a limit is not passed between counting and adding.
///
/// # Errors
/// [`Denied::Reached`] when the plan allows no more. Storage is never refused, events by
/// [`admit_events`] alone.
pub async fn admit(tx: &mut Tx, limit: Limit) -> Result<(), Denied> {
    let Some(held) = store::limits(tx, true).await? else {
        return Ok(());
    };
    let (allowed, used) = match limit {
        Limit::Users => (held.limits.users, store::people(tx).await?),
        Limit::Plants => (held.limits.plants, store::plants(tx).await?),
        Limit::Events | Limit::Storage => return Ok(()),
    };
    match allowed.map(i64::from) {
        Some(allowed) if used >= allowed => {
            Err(Reached { limit, allowed, used, plan: held.name, contact: held.contact }.into())
        }
        _ => Ok(()),
    }
}

/// Whether something may begin that adds events and can as well begin later: an import of
/// a history, a plant, an agent. What runs is never asked: a plant's fact that is refused is
/// lost (`docs/decisions/0015-limits-never-stop-a-plant.md`). Events are those that were
/// counted by the last round of the worker.
///
/// # Errors
/// [`Denied::Reached`] once the events of the month are used up.
pub async fn admit_events(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<(), Denied> {
    let found = db
        .system_tx(async |system| {
            let held = service::held(system, tenant).await?;
            let Some(known) = store::metered(system, tenant).await? else { return Ok(None) };
            let (month, _) = month(now, zone(&known.time_zone));
            let used = store::usage(system, tenant, 1).await?.into_iter().find(|used| used.month == month);
            Ok::<_, DbError>(Some((held, used.map_or(0, |used| used.events))))
        })
        .await?;
    let Some((held, used)) = found else { return Ok(()) };
    match held.limits.events_month {
        Some(allowed) if used >= allowed => {
            let limit = Limit::Events;
            Err(Reached { limit, allowed, used, plan: held.name, contact: held.contact }.into())
        }
        _ => Ok(()),
    }
}

/// Whether the plan has a feature.
///
/// # Errors
/// [`Denied::Feature`] when it has not.
pub async fn allow(tx: &mut Tx, feature: Feature) -> Result<(), Denied> {
    match store::limits(tx, false).await? {
        Some(held) if !held.opens(feature) => Err(Denied::Feature { plan: held.name, contact: held.contact }),
        _ => Ok(()),
    }
}
