//! Counts what tenants use. Events come from the batches that were ingested, each
//! counted once by its number, so a worker may end at any moment and go on.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::model::{Held, bytes, mark};
use super::{PLAN_EVENTS, PLAN_STORAGE, service, storage, store};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::i18n::{grouped_number, zone};
use crate::notify::{self, Notice, To};
use crate::people::ADMIN;

/// Batches of one step.
const STEP: i64 = 10_000;
/// How long the count of bytes is good.
const STORED_FOR: TimeDelta = TimeDelta::hours(24);

/// First day of the month in a zone, and when it began.
pub(super) fn month(now: DateTime<Utc>, zone: Tz) -> (NaiveDate, DateTime<Utc>) {
    let local = now.with_timezone(&zone).date_naive();
    // The first of a month is a day.
    let first = local.with_day(1).unwrap_or(local);
    let begins = (0..=3).find_map(|hour| {
        let at = zone.from_local_datetime(&first.and_hms_opt(hour, 0, 0)?);
        at.earliest().map(|at| at.to_utc())
    });
    (first, begins.unwrap_or(now))
}

/// Brings one tenant's limits and usage up to date, and tells its administrators
/// when 80 or 100 percent are reached. Answers how many events were counted.
///
/// # Errors
/// The database. What was counted stays counted, once.
pub async fn meter(db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<i64, DbError> {
    let cx = Cx::system(tenant);
    let held = service::sync(db, tenant).await?;
    let find =
        async |system: &mut crate::db::SystemTx| Ok::<_, DbError>(store::metered(system, tenant).await?);
    let Some(known) = db.system_tx(find).await? else {
        return Ok(0);
    };
    let zone = zone(&known.time_zone);
    let (mut cursor, mut counted) = (known.batch_id, 0);
    loop {
        let found = db
            .tx(&cx, async |tx| Ok::<_, DbError>(store::events_after(tx, cursor, STEP, zone.name()).await?))
            .await?;
        let Some(last) = found.iter().map(|(_, _, last, _)| *last).max() else {
            break;
        };
        let moved = db
            .system_tx(async |system| {
                if !store::cursor_move(system, tenant, cursor, last).await? {
                    return Ok(false);
                }
                for (month, events, _, _) in &found {
                    store::events_add(system, tenant, *month, *events, now).await?;
                }
                Ok::<_, DbError>(true)
            })
            .await?;
        if !moved {
            break;
        }
        counted += found.iter().map(|(_, events, _, _)| events).sum::<i64>();
        cursor = last;
        if found.iter().map(|(_, _, _, batches)| batches).sum::<i64>() < STEP {
            break;
        }
    }
    let (month, begins) = month(now, zone);
    let weigh = known.stored_at.is_none_or(|at| now - at >= STORED_FOR);
    let counts = db
        .tx(&cx, async |tx| {
            let (agents, last_event_at) = store::streams(tx).await?;
            Ok::<_, DbError>(store::Counts {
                people: store::people(tx).await?,
                active_people: store::signed_in_since(tx, begins).await?,
                plants: store::plants(tx).await?,
                agents,
                last_event_at,
                stored_bytes: if weigh { Some(storage::stored_bytes(tx).await?) } else { None },
            })
        })
        .await?;
    let usage = db
        .system_tx(async |system| {
            store::counts_set(system, tenant, month, &counts, now).await?;
            Ok::<_, DbError>(store::usage(system, tenant, 1).await?)
        })
        .await?;
    if let Some(usage) = usage.first().filter(|usage| usage.month == month) {
        db.tx(&cx, async |tx| warn(tx, &held, (month, usage.events, usage.stored_bytes), now).await).await?;
    }
    Ok(counted)
}

/// Tells the administrators that a mark is reached, each mark once a month.
async fn warn(
    tx: &mut Tx,
    held: &Held,
    (month, events, stored): (NaiveDate, i64, i64),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let watched = [
        (&PLAN_EVENTS, events, held.limits.events_month),
        (&PLAN_STORAGE, stored, held.limits.storage_bytes),
    ];
    for (kind, used, allowed) in watched {
        let shown = |count| if *kind == PLAN_STORAGE { bytes(count) } else { grouped_number(count) };
        let (Some(mark), Some(allowed)) = (mark(used, allowed), allowed) else {
            continue;
        };
        let name = format!("{}:{}:{mark}", kind.code, month.format("%Y-%m"));
        if store::told(tx, &name, now).await? {
            let notice = Notice::new(To::Role(ADMIN.to_owned()), "/plan")
                .with("percent", mark.to_string())
                .with("plan", held.name.as_str())
                .with("used", shown(used))
                .with("allowed", shown(allowed));
            notify::tell(tx, kind, &notice, now).await?;
        }
    }
    Ok(())
}

/// Requests to the API that were served and are not written down yet, by tenant.
/// What was counted in the minute before a crash is lost: it is for bills, not for
/// law.
#[derive(Debug, Default)]
pub struct Calls {
    counts: Mutex<HashMap<Uuid, i64>>,
}

impl Calls {
    /// One more of this tenant.
    pub fn count(&self, tenant: Uuid) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default() += 1;
    }

    fn take(&self) -> HashMap<Uuid, i64> {
        std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes down what was counted; what could not be is counted again later.
    ///
    /// # Errors
    /// The database.
    pub async fn flush(&self, db: &Db, now: DateTime<Utc>) -> Result<(), DbError> {
        let counts = self.take();
        if counts.is_empty() {
            return Ok(());
        }
        let done = db
            .system_tx(async |system| {
                // In one order, so that two that write at once do not wait in a ring.
                let mut all: Vec<(Uuid, i64)> = counts.iter().map(|(tenant, n)| (*tenant, *n)).collect();
                all.sort_unstable();
                for (tenant, calls) in all {
                    let Some(known) = store::metered(system, tenant).await? else {
                        continue;
                    };
                    let (month, _) = month(now, zone(&known.time_zone));
                    store::calls_add(system, tenant, month, calls, now).await?;
                }
                Ok::<_, DbError>(())
            })
            .await;
        if done.is_err() {
            let mut held = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (tenant, calls) in counts {
                *held.entry(tenant).or_default() += calls;
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_tenant() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let kolkata: Tz = "Asia/Kolkata".parse().unwrap();
        let (month, begins) = month(at("2026-11-30T19:00:00Z"), kolkata);
        assert_eq!(month.to_string(), "2026-12-01");
        assert_eq!(begins, at("2026-11-30T18:30:00Z"));
    }
}
