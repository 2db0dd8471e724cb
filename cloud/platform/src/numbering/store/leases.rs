//! SQL of ranges that are lent.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::Tx;

/// A range that is lent, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = NumberLease)]
pub struct Lease {
    /// Its id.
    pub lease_id: Uuid,
    /// The series.
    pub series: String,
    /// The first day of the period.
    pub period_from: NaiveDate,
    /// Its first count.
    pub first: i64,
    /// Its last count.
    pub last: i64,
    /// Who has it: `agent:KOL`, `import:opening`.
    pub holder: String,
    /// When it was lent.
    pub granted_at: DateTime<Utc>,
    /// `open`, `used`, `returned`, `burnt`.
    pub status: String,
    /// Why it was burnt.
    pub reason: String,
    /// The plant's agent that has it; null of one that people lent.
    pub agent_id: Option<Uuid>,
    /// The agent's epoch in which it gives them.
    pub epoch: Option<i32>,
    /// What its numbers begin with, of one that an agent has.
    pub prefix: Option<String>,
}

/// Lends a range.
pub(in crate::numbering) async fn lease_insert(tx: &mut Tx, lease: &Lease) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into document_leases (tenant_id, lease_id, series, period_from, first, last, holder, agent_id,
                                      epoch, prefix)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        tenant,
        lease.lease_id,
        lease.series,
        lease.period_from,
        lease.first,
        lease.last,
        lease.holder,
        lease.agent_id,
        lease.epoch,
        lease.prefix,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A lease, locked until the commit.
pub(in crate::numbering) async fn lease_find(tx: &mut Tx, id: Uuid) -> Result<Option<Lease>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Lease,
        "select lease_id, series, period_from, first, last, holder, granted_at, status, reason,
                agent_id, epoch, prefix
         from document_leases where tenant_id = $1 and lease_id = $2 for update",
        tenant,
        id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Where a list of leases goes on: period, first count and id of the last one before. One
/// that was given back whole and the next one begin with the same count.
pub(in crate::numbering) type Place = (NaiveDate, i64, Uuid);

/// Leases of a series, the newest first, after a place.
pub(in crate::numbering) async fn leases(
    tx: &mut Tx,
    series: &str,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<Lease>, Error> {
    let tenant = tx.tenant();
    let (period, first, id) = match after {
        Some((period, first, id)) => (Some(period), Some(first), Some(id)),
        None => (None, None, None),
    };
    sqlx::query_as!(
        Lease,
        "select lease_id, series, period_from, first, last, holder, granted_at, status, reason,
                agent_id, epoch, prefix
         from document_leases where tenant_id = $1 and series = $2
           and ($4::date is null or (period_from, first, lease_id) < ($4, $5::bigint, $6::uuid))
         order by period_from desc, first desc, lease_id desc limit $3",
        tenant,
        series,
        limit,
        period,
        first,
        id,
    )
    .fetch_all(tx.conn())
    .await
}

/// Which counts of a range were given out.
pub(in crate::numbering) async fn used_in(tx: &mut Tx, lease: &Lease) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select seq from document_numbers where tenant_id = $1 and series = $2 and period_from = $3
           and seq >= $4 and seq <= $5 order by seq",
        tenant,
        lease.series,
        lease.period_from,
        lease.first,
        lease.last,
    )
    .fetch_all(tx.conn())
    .await
}

/// Gives the end of a range back to its counter, if nothing was taken since:
/// whether it was.
pub(in crate::numbering) async fn counter_give_back(
    tx: &mut Tx,
    lease: &Lease,
    from: i64,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update document_periods set next = $4
         where tenant_id = $1 and series = $2 and period_from = $3 and next = $5::bigint + 1",
        tenant,
        lease.series,
        lease.period_from,
        from,
        lease.last,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a lease; what was given back is no part of it any more.
pub(in crate::numbering) async fn lease_close(
    tx: &mut Tx,
    id: Uuid,
    last: Option<i64>,
    status: &str,
    reason: &str,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update document_leases
         set status = $3, reason = $4, closed_at = now(), closed_by = app.actor(), last = coalesce($5, last)
         where tenant_id = $1 and lease_id = $2",
        tenant,
        id,
        status,
        reason,
        last,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
