//! All SQL of ranges that agents have.

use chrono::NaiveDate;
use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;

/// A range of an agent, with what its series says of its numbers.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub lease_id: Uuid,
    pub series: String,
    pub company: String,
    pub kind: String,
    pub period_from: NaiveDate,
    pub first: i64,
    pub last: i64,
    pub prefix: String,
    pub width: i16,
}

/// Ranges of an agent that numbers may still be of: also those that were made void, since what
/// was given out before may be told late.
pub(super) async fn leases(tx: &mut Tx, agent: Uuid) -> Result<Vec<Held>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Held,
        r#"select l.lease_id, l.series, d.company, d.kind, l.period_from, l.first, l.last, l.prefix as "prefix!",
                  d.width
           from document_leases l
           join document_series d on d.tenant_id = $1 and d.series = l.series
           where l.tenant_id = $1 and l.agent_id = $2 and l.status <> 'used'
           order by l.first"#,
        tenant,
        agent,
    )
    .fetch_all(tx.conn())
    .await
}

/// A number that was given out.
pub(super) struct Given<'a> {
    pub lease: &'a Held,
    pub seq: i64,
    pub number: &'a str,
    pub day: NaiveDate,
    pub event: Uuid,
}

/// Locks ranges until the commit, in their order.
pub(super) async fn leases_lock(tx: &mut Tx, leases: &[Uuid]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "select from document_leases where tenant_id = $1 and lease_id = any($2) order by lease_id for update",
        tenant,
        leases,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(())
}

/// Keeps numbers that an agent gave out, each once, in their order: whoever writes others waits
/// for these.
pub(super) async fn given_insert(tx: &mut Tx, given: &[Given<'_>]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let companies: Vec<String> = given.iter().map(|one| one.lease.company.clone()).collect();
    let kinds: Vec<String> = given.iter().map(|one| one.lease.kind.clone()).collect();
    let series: Vec<String> = given.iter().map(|one| one.lease.series.clone()).collect();
    let periods: Vec<NaiveDate> = given.iter().map(|one| one.lease.period_from).collect();
    let leases: Vec<Uuid> = given.iter().map(|one| one.lease.lease_id).collect();
    let numbers: Vec<String> = given.iter().map(|one| one.number.to_owned()).collect();
    let seqs: Vec<i64> = given.iter().map(|one| one.seq).collect();
    let days: Vec<NaiveDate> = given.iter().map(|one| one.day).collect();
    let documents: Vec<String> = given.iter().map(|one| format!("event:{}", one.event)).collect();
    sqlx::query!(
        "insert into document_numbers as n
             (tenant_id, company, kind, number, series, period_from, seq, dated, document, lease_id)
         select $1, w.company, w.kind, w.number, w.series, w.period_from, w.seq, w.dated, w.document, w.lease_id
         from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::date[], $7::bigint[], $8::date[],
                     $9::text[], $10::uuid[])
             as w(company, kind, number, series, period_from, seq, dated, document, lease_id)
         order by w.company, w.kind, w.number
         on conflict (tenant_id, company, kind, number) do update
         set status = 'issued', document = excluded.document, dated = excluded.dated, reason = '',
             voided_at = null, voided_by = null
         where n.status = 'void' and n.document = '' and n.lease_id = excluded.lease_id",
        tenant,
        &companies,
        &kinds,
        &numbers,
        &series,
        &periods,
        &seqs,
        &days,
        &documents,
        &leases,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Marks those of the ranges as used up of which each number was given out.
pub(super) async fn leases_used(tx: &mut Tx, leases: &[Uuid]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update document_leases l set status = 'used', closed_at = now(), closed_by = app.actor()
         where l.tenant_id = $1 and l.lease_id = any($2) and l.status = 'open'
           and l.last - l.first + 1 = (
               select count(*) from document_numbers n
               where n.tenant_id = $1 and n.series = l.series and n.period_from = l.period_from
                 and n.seq >= l.first and n.seq <= l.last)",
        tenant,
        leases,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Open ranges of an agent of epochs before this one.
pub(super) async fn open_before(tx: &mut Tx, agent: Uuid, epoch: i32) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select lease_id from document_leases
         where tenant_id = $1 and agent_id = $2 and status <> 'used' and status = 'open' and epoch < $3
         order by lease_id",
        tenant,
        agent,
        epoch,
    )
    .fetch_all(tx.conn())
    .await
}

/// What an agent is called.
pub(super) async fn name(tx: &mut Tx, agent: Uuid) -> Result<String, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select name from agents where tenant_id = $1 and agent_id = $2", tenant, agent)
        .fetch_one(tx.conn())
        .await
}

/// How an agent stands, and the epoch in which it may give numbers.
pub(super) async fn standing(tx: &mut Tx, agent: Uuid) -> Result<Option<(String, i32)>, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query!(
        "select status, epoch from agents where tenant_id = $1 and agent_id = $2",
        tenant,
        agent,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.map(|agent| (agent.status, agent.epoch)))
}

/// The next number of a period, locked until the commit; a period that is not there opens.
pub(super) async fn counter_lock(
    tx: &mut Tx,
    series: &str,
    period: NaiveDate,
    starts_at: i64,
) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "insert into document_periods as p (tenant_id, series, period_from, first, next)
         values ($1, $2, $3, $4, $4)
         on conflict (tenant_id, series, period_from) do update set next = p.next returning next",
        tenant,
        series,
        period,
        starts_at,
    )
    .fetch_one(tx.conn())
    .await
}

/// Moves a locked counter.
pub(super) async fn counter_set(
    tx: &mut Tx,
    series: &str,
    period: NaiveDate,
    next: i64,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update document_periods set next = $4 where tenant_id = $1 and series = $2 and period_from = $3",
        tenant,
        series,
        period,
        next,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
