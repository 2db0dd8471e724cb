//! Trials: the tenant's administrators are told before the end, then it is
//! suspended; and one that was on trials alone, from its first moment on, is listed for
//! erasure after a time of grace. What is listed an operator
//! erases (`cloud tenant erase --due`), or the cloud itself where its settings say so.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::service::{self, Aimed, PlanError, Why};
use super::{TRIAL_ENDED, TRIAL_ENDS, TRIAL_OVER, store};
use crate::admin::log::Who;
use crate::ctx::Cx;
use crate::db::{Db, DbError, SystemTx};
use crate::i18n::zone;
use crate::notify::{self, Notice, To};
use crate::people::ADMIN;

/// Days before the end at which people are told.
const REMIND: [i64; 3] = [1, 3, 7];
/// Between the notice that a trial has ended and the suspension, so that the mail
/// goes out and somebody who is in the middle of something can end it.
const LAST_HOUR: TimeDelta = TimeDelta::hours(1);
/// From the suspension until a tenant is listed for erasure.
pub const GRACE: TimeDelta = TimeDelta::days(30);

/// What a trial that ends at a moment asks for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    /// Say that it ends within so many days.
    Remind(i64),
    /// Say that it has ended.
    Ended,
}

fn due(ends: DateTime<Utc>, now: DateTime<Utc>) -> Due {
    if now >= ends {
        return Due::Ended;
    }
    let within = |days: &i64| ends - now <= TimeDelta::days(*days);
    REMIND.into_iter().find(within).map_or(Due::Nothing, Due::Remind)
}

/// Looks after every trial once.
///
/// # Errors
/// The database. What was done stays done, once; one tenant's failure is logged and
/// keeps no other waiting.
pub async fn tick(db: &Db, now: DateTime<Utc>) -> Result<(), DbError> {
    let tenants = db.system_tx(async |system| Ok::<_, DbError>(store::on_trial(system).await?)).await?;
    for tenant in tenants {
        if let Err(error) = one(db, tenant, now).await {
            tracing::warn!(%tenant, %error, "the trial will be looked after again");
        }
    }
    Ok(())
}

async fn one(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<(), PlanError> {
    let find = async |system: &mut SystemTx| {
        Ok::<_, DbError>((store::subscription(system, tenant).await?, store::metered(system, tenant).await?))
    };
    let (subscription, known) = db.system_tx(find).await?;
    let (Some(ends), Some(known)) = (subscription.trial_ends_at, known) else {
        return Ok(());
    };
    let day = |at: DateTime<Utc>| at.with_timezone(&zone(&known.time_zone)).format("%Y-%m-%d").to_string();
    let to = || Notice::new(To::Role(ADMIN.to_owned()), "/plan");
    let (name, kind, notice) = match due(ends, now) {
        Due::Nothing => return Ok(()),
        Due::Remind(days) => {
            let left = ((ends - now).num_hours() + 23).div_euclid(24).max(1);
            let notice = to().counted("days", left).with("date", day(ends));
            (format!("trial:{}:{days}", ends.timestamp()), &TRIAL_ENDS, notice)
        }
        // Nobody is told of an erasure that is not to come.
        Due::Ended => {
            let (kind, notice) = match subscription.only_trials {
                true => (&TRIAL_ENDED, to().with("date", day(ends + LAST_HOUR + GRACE))),
                false => (&TRIAL_OVER, to()),
            };
            (format!("trial:{}:ended", ends.timestamp()), kind, notice)
        }
    };
    let told_at = db
        .tx(&Cx::system(tenant), async |tx| {
            if store::told(tx, &name, now).await? {
                notify::tell(tx, kind, &notice, now).await?;
            }
            Ok::<_, DbError>(store::told_at(tx, &name).await?)
        })
        .await?;
    // The notice first, then the door: never silently.
    if due(ends, now) == Due::Ended && told_at.is_some_and(|at| now - at >= LAST_HOUR) {
        let aimed = Aimed { tenant, version: subscription.version };
        service::suspend(db, &Who::system(), aimed, Some(Why::Trial), now).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_at_seven_three_and_one_day() {
        let ends: DateTime<Utc> = "2026-12-10T00:00:00Z".parse().unwrap();
        let at = |days: i64| due(ends, ends - TimeDelta::days(days));
        assert_eq!(at(8), Due::Nothing);
        assert_eq!(
            (at(7), at(5), at(3), at(2), at(1)),
            (Due::Remind(7), Due::Remind(7), Due::Remind(3), Due::Remind(3), Due::Remind(1))
        );
        assert_eq!((at(0), at(-1)), (Due::Ended, Due::Ended));
    }
}
