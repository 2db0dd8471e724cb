//! The one place where each limit of a plan is asked for.

use super::model::{Feature, Limit, Reached};
use super::store;
use crate::db::{DbError, Tx};
use crate::web::Problem;

/// Why something is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The plan allows no more.
    #[error(transparent)]
    Reached(#[from] Reached),
    /// The plan does not have this.
    #[error("the plan {plan} does not have this; ask {contact}")]
    Feature {
        /// The plan's name.
        plan: String,
        /// Whom to ask.
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
            Denied::Feature { .. } => Self::conflict("plan.feature", detail),
            Denied::Db(error) => error.into(),
        }
    }
}

/// Whether one more of these may be added. Two at once wait for each other, so that
/// a limit is not passed between counting and adding.
///
/// # Errors
/// [`Denied::Reached`] when the plan allows no more. Events and storage are never
/// refused.
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

/// Whether the plan has a feature.
///
/// # Errors
/// [`Denied::Feature`] when it has not.
pub async fn allow(tx: &mut Tx, feature: Feature) -> Result<(), Denied> {
    match store::limits(tx, false).await? {
        Some(held) if !held.opens(feature) => {
            let contact =
                if held.contact.is_empty() { "whoever runs this cloud".to_owned() } else { held.contact };
            Err(Denied::Feature { plan: held.name, contact })
        }
        _ => Ok(()),
    }
}
