//! Ranges of numbers that are lent to plants and imports, which number offline and
//! tell later; what they did not use is given back or burnt, and accounted for.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;
use uuid::Uuid;

use super::store::{self, Lease, NewNumber};
use super::{NumberingError, Taken, agents};
use crate::audit::{self, Entry};
use crate::db::Tx;

/// Most numbers that are lent at once.
pub const MOST_LENT: i64 = 5_000;

/// How a lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Its end goes back to the counter if nothing was taken since; what lies
    /// between used numbers, and all of it otherwise, becomes void.
    Return,
    /// Everything that was not used becomes void: the holder may have used it.
    Burn,
}

/// Lends the next `count` numbers of a series, for documents of the period of
/// `date`.
///
/// # Errors
/// [`NumberingError`]: no such series, more than [`MOST_LENT`], or not so many are
/// left.
pub async fn lease(
    tx: &mut Tx,
    series: &str,
    date: NaiveDate,
    count: i64,
    holder: &str,
    now: DateTime<Utc>,
) -> Result<Lease, NumberingError> {
    if !(1..=MOST_LENT).contains(&count) {
        return Err(NumberingError::Parameter("count"));
    }
    let holder = holder.trim();
    if holder.is_empty() || holder.chars().count() > 120 || holder.contains('\0') {
        return Err(NumberingError::Parameter("holder"));
    }
    let series = store::series_named(tx, series, false).await?.ok_or(NumberingError::NotFound)?;
    let period_from = series.period(date);
    let first = store::counter_take(tx, &series, period_from, count).await?;
    let last = first + count - 1;
    series.number(last, date)?;
    let lease = Lease {
        lease_id: Uuid::now_v7(),
        series: series.series,
        period_from,
        first,
        last,
        holder: holder.to_owned(),
        granted_at: now,
        status: "open".to_owned(),
        reason: String::new(),
        agent_id: None,
        epoch: None,
        prefix: None,
    };
    store::lease_insert(tx, &lease).await?;
    let subject = format!("document_series:{}", lease.series);
    let after = Some(json!({ "lease": lease.lease_id, "first": first, "last": last, "holder": holder }));
    audit::record(tx, Entry { action: "number.lend", subject: &subject, before: None, after }).await?;
    Ok(lease)
}

/// Records that the holder of a lease gave a number of it to a document.
///
/// # Errors
/// [`NumberingError::State`] when the lease is closed;
/// [`NumberingError::Parameter`] when the count or the day is not of it;
/// [`NumberingError::Twice`].
pub async fn use_leased(
    tx: &mut Tx,
    lease: Uuid,
    seq: i64,
    date: NaiveDate,
    document: &str,
) -> Result<Taken, NumberingError> {
    let lease = store::lease_find(tx, lease).await?.ok_or(NumberingError::NotFound)?;
    if lease.status != "open" {
        return Err(NumberingError::State("numbering.lease_closed"));
    }
    if !(lease.first..=lease.last).contains(&seq) {
        return Err(NumberingError::Parameter("seq"));
    }
    let series = store::series_named(tx, &lease.series, true).await?.ok_or(NumberingError::NotFound)?;
    if series.period(date) != lease.period_from {
        return Err(NumberingError::Parameter("date"));
    }
    let number = series.number(seq, date)?;
    let new = NewNumber {
        series: &series,
        period: lease.period_from,
        seq,
        number: &number,
        dated: date,
        document,
        lease: Some(lease.lease_id),
    };
    if !store::number_insert(tx, &new).await? {
        return Err(NumberingError::Twice(number));
    }
    Ok(Taken { number, series: series.series, seq })
}

/// Ends a lease, and answers how many numbers became void.
///
/// # Errors
/// [`NumberingError::State`] when it is closed already, or an agent gives out its numbers
/// still; [`NumberingError::Parameter`] without a reason.
pub async fn close(tx: &mut Tx, id: Uuid, closing: Closing, reason: &str) -> Result<usize, NumberingError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 || reason.contains('\0') {
        return Err(NumberingError::Parameter("reason"));
    }
    let lease = store::lease_find(tx, id).await?.ok_or(NumberingError::NotFound)?;
    if lease.status != "open" {
        return Err(NumberingError::State("numbering.lease_closed"));
    }
    if let Some(agent) = lease.agent_id {
        // It may be giving one out just now, where nobody sees it.
        if closing == Closing::Return || !agents::is_over(tx, agent, lease.epoch).await? {
            return Err(NumberingError::State("numbering.lease_agent"));
        }
    }
    end(tx, &lease, closing, reason).await
}

/// Ends a lease that is open; as [`close`].
pub(super) async fn end(
    tx: &mut Tx,
    lease: &Lease,
    closing: Closing,
    reason: &str,
) -> Result<usize, NumberingError> {
    let id = lease.lease_id;
    let series = store::series_named(tx, &lease.series, true).await?.ok_or(NumberingError::NotFound)?;
    let used: BTreeSet<i64> = store::used_in(tx, lease).await?.into_iter().collect();
    let mut end = lease.last;
    if closing == Closing::Return {
        let free_from = used.last().map_or(lease.first, |last| last + 1);
        if free_from <= lease.last && store::counter_give_back(tx, lease, free_from).await? {
            end = free_from - 1;
        }
    }
    // They look as they would have on the first day of the period.
    let unused = (lease.first..=end).filter(|seq| !used.contains(seq));
    let unused: Result<Vec<(i64, String)>, NumberingError> =
        unused.map(|seq| Ok((seq, series.number(seq, lease.period_from)?))).collect();
    let unused = unused?;
    if !unused.is_empty() {
        let (period, at) = (lease.period_from, lease.period_from);
        store::numbers_void(tx, &series, period, &unused, at, Some(id), reason).await?;
    }
    let status = if closing == Closing::Return { "returned" } else { "burnt" };
    // A range that went back whole keeps its bounds, to be told.
    let last = Some(end).filter(|end| *end >= lease.first);
    store::lease_close(tx, id, last, status, reason).await?;
    let subject = format!("document_series:{}", lease.series);
    // The reason stays with the lease: it is free text, and may name somebody.
    let after = Some(json!({ "lease": id, "status": status, "void": unused.len() }));
    audit::record(tx, Entry { action: "number.take_back", subject: &subject, before: None, after }).await?;
    Ok(unused.len())
}
