//! Ranges of a document series that plants' agents have: their stations give the numbers,
//! with no network. A range is lent in the agent's own stream, for one of its epochs; which
//! of its numbers were given out the agent's events say; what is left when the epoch ends is
//! void.

mod store;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::json;
use uuid::Uuid;

use super::lease::{self, Closing};
use super::period::{self, Reset};
use super::store::{self as series_store, Lease, Series};
use super::{NumberingError, Pattern};
use crate::audit::{self, Entry};
use crate::db::{DbError, Tx};
use crate::i18n;

/// Longest name of an agent in what says who has a range, in characters.
const LONGEST_NAME: usize = 100;
/// Most digits of a number that is looked for in ranges.
const MOST_DIGITS: usize = 12;

/// An agent, in the epoch in which it may give numbers.
#[derive(Debug, Clone, Copy)]
pub struct Agent<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its plant.
    pub plant: &'a str,
    /// The epoch.
    pub epoch: i32,
}

/// A range as an agent uses it: a beginning, and a count after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lent {
    /// What the numbers begin with.
    pub prefix: String,
    /// First count.
    pub first: i64,
    /// Last count.
    pub last: i64,
    /// Digits, at the least.
    pub width: i16,
    /// For documents from then on; `None`: without a beginning.
    pub from: Option<DateTime<Utc>>,
    /// For documents before then; `None`: without an end.
    pub until: Option<DateTime<Utc>>,
}

impl Series {
    /// What every number of the period of a day begins with, for a series whose numbers end in
    /// their count.
    fn prefix(&self, day: NaiveDate) -> Result<String, NumberingError> {
        let pattern: Pattern = self.pattern()?;
        let one = pattern.number(1, day, self.year_starts());
        let digits = format!("{:0width$}", 1, width = usize::try_from(self.width).unwrap_or(1));
        let prefix = one.as_deref().and_then(|one| one.strip_suffix(&digits)).map(str::to_owned);
        prefix.ok_or_else(|| NumberingError::Fault(format!("series {}: not of stations", self.series)))
    }
}

/// Lends the agent the next numbers of the series that its stations name so, for documents of
/// a moment; as many as the series says, and no more than `wanted`. `None` where the plant has
/// no such series.
///
/// # Errors
/// [`NumberingError::Exhausted`]; the database.
pub async fn lend(
    tx: &mut Tx,
    agent: Agent<'_>,
    name: &str,
    wanted: u32,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Lent>, NumberingError> {
    let Some(found) = series_store::series_of_station(tx, agent.plant, name).await? else { return Ok(None) };
    let series = named(tx, &found.series).await?;
    let zone: Tz = found.time_zone.parse().unwrap_or(Tz::UTC);
    let day = at.with_timezone(&zone).date_naive();
    let (period_from, prefix) = (series.period(day), series.prefix(day)?);
    let count = i64::from(wanted).clamp(1, i64::from(found.block).max(1));
    let first = series_store::counter_take(tx, &series, period_from, count).await?;
    let last = first + count - 1;
    series.number(last, day)?;
    let lease = lease_of(tx, agent, &series, (period_from, &prefix), (first, last), now).await?;
    insert(tx, &lease).await?;
    let reset = Reset::parse(&series.reset);
    let begins = |day: Option<NaiveDate>| day.and_then(|day| i18n::begins(day, zone));
    let until = begins(period::period_end(period_from, reset));
    let from = begins(Some(period_from)).filter(|_| reset != Reset::Never);
    Ok(Some(Lent { prefix, first, last, width: series.width, from, until }))
}

async fn named(tx: &mut Tx, series: &str) -> Result<Series, NumberingError> {
    series_store::series_named(tx, series, true).await?.ok_or(NumberingError::NotFound)
}

async fn lease_of(
    tx: &mut Tx,
    agent: Agent<'_>,
    series: &Series,
    (period_from, prefix): (NaiveDate, &str),
    (first, last): (i64, i64),
    now: DateTime<Utc>,
) -> Result<Lease, NumberingError> {
    let name: String = store::name(tx, agent.id).await?.chars().take(LONGEST_NAME).collect();
    Ok(Lease {
        lease_id: Uuid::now_v7(),
        series: series.series.clone(),
        period_from,
        first,
        last,
        holder: format!("agent:{name}"),
        granted_at: now,
        status: "open".to_owned(),
        reason: String::new(),
        agent_id: Some(agent.id),
        epoch: Some(agent.epoch),
        prefix: Some(prefix.to_owned()),
    })
}

async fn insert(tx: &mut Tx, lease: &Lease) -> Result<(), NumberingError> {
    series_store::lease_insert(tx, lease).await?;
    let subject = format!("document_series:{}", lease.series);
    let after = Some(json!({
        "lease": lease.lease_id, "first": lease.first, "last": lease.last, "agent": lease.agent_id,
        "epoch": lease.epoch,
    }));
    audit::record(tx, Entry { action: "number.lend", subject: &subject, before: None, after }).await?;
    Ok(())
}

/// Whether stations of a plant have numbers of a document series under this name.
///
/// # Errors
/// The database.
pub async fn has(tx: &mut Tx, plant: &str, name: &str) -> Result<bool, DbError> {
    Ok(series_store::series_of_station(tx, plant, name).await?.is_some())
}

/// Raises the counter of a series past a number that an agent was once granted, as a cloud must
/// that was restored from before that: what it does not know of becomes a range of the agent.
/// Answers the next number before and after, where it was raised.
///
/// # Errors
/// The database.
pub async fn lift(
    tx: &mut Tx,
    agent: Agent<'_>,
    name: &str,
    (prefix, highest): (&str, i64),
    now: DateTime<Utc>,
) -> Result<Option<(i64, i64)>, NumberingError> {
    let Some(found) = series_store::series_of_station(tx, agent.plant, name).await? else { return Ok(None) };
    let series = named(tx, &found.series).await?;
    let zone: Tz = found.time_zone.parse().unwrap_or(Tz::UTC);
    let Some(period_from) = period_of(&series, prefix, now.with_timezone(&zone).date_naive())? else {
        return Ok(None);
    };
    let next = store::counter_lock(tx, &series.series, period_from, i64::from(series.starts_at)).await?;
    if next > highest {
        return Ok(None);
    }
    store::counter_set(tx, &series.series, period_from, highest + 1).await?;
    let lease = lease_of(tx, agent, &series, (period_from, prefix), (next, highest), now).await?;
    insert(tx, &lease).await?;
    Ok(Some((next, highest + 1)))
}

/// The period, near a day, whose numbers begin so.
fn period_of(series: &Series, prefix: &str, day: NaiveDate) -> Result<Option<NaiveDate>, NumberingError> {
    let reset = Reset::parse(&series.reset);
    let here = series.period(day);
    let before = here.pred_opt().map(|last| series.period(last));
    let after = period::period_end(here, reset);
    let mut near: Vec<NaiveDate> = before.into_iter().chain([here]).chain(after).collect();
    if reset == Reset::Never {
        near = vec![here];
    }
    for from in near {
        if series.prefix(from)? == prefix {
            return Ok(Some(from));
        }
    }
    Ok(None)
}

/// A number that an event of an agent carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use<'a> {
    /// The number.
    pub number: &'a str,
    /// The day of the document, as its plant has it.
    pub day: NaiveDate,
    /// The event.
    pub event: Uuid,
}

/// Records which numbers of its ranges an agent gave out, as its events say. One that was made
/// void, since the agent's epoch ended before its event came, is given out all the same. A
/// range of which each number was given out is used up.
///
/// # Errors
/// The database.
pub async fn used(tx: &mut Tx, agent: Uuid, uses: &[Use<'_>]) -> Result<(), DbError> {
    if uses.is_empty() {
        return Ok(());
    }
    let leases = store::leases(tx, agent).await?;
    if leases.is_empty() {
        return Ok(());
    }
    let mut given: Vec<store::Given<'_>> = Vec::new();
    let mut seen = BTreeSet::new();
    for one in uses.iter().filter(|one| seen.insert(one.number)) {
        let found = leases.iter().find_map(|lease| Some((lease, count_in(lease, one.number)?)));
        if let Some((lease, seq)) = found {
            given.push(store::Given { lease, seq, number: one.number, day: one.day, event: one.event });
        }
    }
    if given.is_empty() {
        return Ok(());
    }
    let touched: BTreeSet<Uuid> = given.iter().map(|one| one.lease.lease_id).collect();
    let touched: Vec<Uuid> = touched.into_iter().collect();
    // The ranges first, as whoever ends one: it finds all that was given out, or nothing of it.
    store::leases_lock(tx, &touched).await?;
    store::given_insert(tx, &given).await?;
    store::leases_used(tx, &touched).await?;
    Ok(())
}

/// The count that a number has in a range, if it is one of it and written as the agent writes
/// it.
fn count_in(lease: &store::Held, number: &str) -> Option<i64> {
    let digits = number.strip_prefix(&lease.prefix)?;
    if digits.len() > MOST_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seq: i64 = digits.parse().ok()?;
    let width = usize::try_from(lease.width).unwrap_or(1);
    ((lease.first..=lease.last).contains(&seq) && format!("{seq:0width$}") == digits).then_some(seq)
}

/// Whether an agent gives no more numbers of ranges of that epoch: it is revoked, or has begun
/// a later one.
pub(super) async fn is_over(tx: &mut Tx, agent: Uuid, epoch: Option<i32>) -> Result<bool, NumberingError> {
    let standing = store::standing(tx, agent).await?;
    Ok(standing.is_none_or(|(status, current)| status == "revoked" || Some(current) > epoch))
}

/// Makes void what an agent has not used of ranges of epochs before `epoch`; answers how many
/// numbers. What it gave out and has not told yet is put right when it does.
///
/// # Errors
/// The database.
pub async fn burn(tx: &mut Tx, agent: Uuid, epoch: i32) -> Result<usize, DbError> {
    let mut void = 0;
    for id in store::open_before(tx, agent, epoch).await? {
        let Some(lease) = series_store::lease_find(tx, id).await? else { continue };
        let reason = format!("epoch {epoch} of the agent began");
        match lease::end(tx, &lease, Closing::Burn, &reason).await {
            Ok(unused) => void += unused,
            Err(NumberingError::Db(error)) => return Err(error),
            // A series that cannot say its numbers keeps no agent from its epoch.
            Err(error) => tracing::error!(%error, lease = %id, "a range of an agent stays open"),
        }
    }
    Ok(void)
}

#[cfg(test)]
mod tests {
    use super::store::Held;
    use super::*;

    #[test]
    fn a_number_is_found_in_its_range_and_in_no_other() {
        let lease = Held {
            lease_id: Uuid::nil(),
            series: "GRN".into(),
            company: "C1".into(),
            kind: "goods_receipt".into(),
            period_from: NaiveDate::default(),
            first: 45,
            last: 1200,
            prefix: "GRN/25-26/".into(),
            width: 3,
        };
        assert_eq!(count_in(&lease, "GRN/25-26/045"), Some(45));
        assert_eq!(count_in(&lease, "GRN/25-26/1200"), Some(1200));
        for other in [
            "GRN/25-26/044",
            "GRN/25-26/45",
            "GRN/25-26/0045",
            "GRN/24-25/045",
            "GRN/25-26/",
            "x",
            "GRN/25-26/1201",
            "GRN/25-26/+45",
            "GRN/25-26/99999999999999999999",
        ] {
            assert_eq!(count_in(&lease, other), None, "{other}");
        }
    }
}
