//! All SQL of leases.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

/// The next number that may be granted, locked; the row is made when missing.
pub async fn floor_lock(tx: &mut Tx, tenant: Uuid, plant: &str, type_code: &str) -> Result<i64, Error> {
    sqlx::query_scalar!(
        "insert into uid_floors as f (tenant_id, plant_code, type_code) values ($1, $2, $3) \
         on conflict (tenant_id, plant_code, type_code) do update set next = f.next returning next",
        tenant,
        plant,
        type_code,
    )
    .fetch_one(tx.conn())
    .await
}

/// Moves a locked floor.
pub async fn floor_set(
    tx: &mut Tx,
    tenant: Uuid,
    plant: &str,
    type_code: &str,
    next: i64,
) -> Result<(), Error> {
    sqlx::query!(
        "update uid_floors set next = $4 where tenant_id = $1 and plant_code = $2 and type_code = $3",
        tenant,
        plant,
        type_code,
        next,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A range for an agent.
pub struct NewLease<'a> {
    /// Plant code of the numbers.
    pub plant: &'a str,
    /// Type code of the numbers.
    pub type_code: &'a str,
    /// First number.
    pub first: i64,
    /// Last number.
    pub last: i64,
    /// The agent.
    pub agent_id: Uuid,
    /// The epoch in which it may use them.
    pub epoch: i32,
}

/// Writes down a granted range.
pub async fn lease_insert(tx: &mut Tx, tenant: Uuid, lease: &NewLease<'_>) -> Result<(), Error> {
    sqlx::query!(
        "insert into uid_leases (tenant_id, plant_code, type_code, first, last, agent_id, epoch) \
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant,
        lease.plant,
        lease.type_code,
        lease.first,
        lease.last,
        lease.agent_id,
        lease.epoch,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Voids what is unused of an agent's ranges of epochs before `epoch`.
pub async fn leases_burn(tx: &mut Tx, tenant: Uuid, agent_id: Uuid, epoch: i32) -> Result<u64, Error> {
    Ok(sqlx::query!(
        "update uid_leases set burnt_at = now() \
         where tenant_id = $1 and agent_id = $2 and epoch < $3 and burnt_at is null",
        tenant,
        agent_id,
        epoch,
    )
    .execute(tx.conn())
    .await?
    .rows_affected())
}

/// A document series of a plant.
pub struct Series {
    /// Text before the number.
    pub prefix: String,
    /// Digits, padded with zeros.
    pub width: i16,
    /// The next number that may be granted.
    pub next: i64,
}

/// A series, locked; `None` when the plant has no such series.
pub async fn series_lock(
    tx: &mut Tx,
    tenant: Uuid,
    plant: &str,
    series: &str,
) -> Result<Option<Series>, Error> {
    sqlx::query_as!(
        Series,
        "select prefix, width, next from number_series \
         where tenant_id = $1 and plant_code = $2 and series = $3 for update",
        tenant,
        plant,
        series,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Grants the numbers `first..=last` of a locked series.
#[allow(clippy::too_many_arguments, reason = "the columns of one row")]
pub async fn series_lease(
    tx: &mut Tx,
    tenant: Uuid,
    plant: &str,
    series: &str,
    (first, last): (i64, i64),
    agent_id: Uuid,
    epoch: i32,
) -> Result<(), Error> {
    series_set(tx, tenant, plant, series, last + 1).await?;
    sqlx::query!(
        "insert into series_leases (tenant_id, plant_code, series, first, last, agent_id, epoch) \
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant,
        plant,
        series,
        first,
        last,
        agent_id,
        epoch,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Moves a locked series.
pub async fn series_set(
    tx: &mut Tx,
    tenant: Uuid,
    plant: &str,
    series: &str,
    next: i64,
) -> Result<(), Error> {
    sqlx::query!(
        "update number_series set next = $4 where tenant_id = $1 and plant_code = $2 and series = $3",
        tenant,
        plant,
        series,
        next,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets which machines ran under an agent's identity, where two did.
pub async fn contest_end(tx: &mut Tx, tenant: Uuid, agent_id: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "update agents set contested_at = null, machine_id = null, previous_machine_id = null, \
         machine_since = null where tenant_id = $1 and agent_id = $2 and contested_at is not null",
        tenant,
        agent_id,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
