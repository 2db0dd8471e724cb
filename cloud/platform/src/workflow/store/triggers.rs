//! SQL of what starts workflows without a person.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;

/// What starts a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    pub trigger_id: Uuid,
    pub workflow: String,
    pub plant: Option<String>,
    pub kind: String,
    /// Its place in the definition's list, counted from 0.
    pub place: i16,
    pub event: Option<String>,
    pub cron: Option<String>,
    pub time_zone: Option<String>,
    pub token_hash: Option<Vec<u8>>,
    pub next_at: Option<DateTime<Utc>>,
    pub fired: i64,
    pub fired_at: Option<DateTime<Utc>>,
    pub last_error: String,
}

/// Writes one, or brings the one at its place up to date; a webhook keeps its secret
/// as long as it stays one.
pub(in super::super) async fn upsert(tx: &mut Tx, new: &Trigger) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into workflow_triggers as t
             (tenant_id, trigger_id, workflow, plant, kind, place, event, cron, time_zone, next_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (tenant_id, workflow, plant, place) do update
         set kind = $5, event = $7, cron = $8, time_zone = $9, next_at = $10, last_error = '', version = t.version + 1,
             token_hash = case when t.kind = 'webhook' and $5 = 'webhook' then t.token_hash end",
        tenant,
        new.trigger_id,
        new.workflow,
        new.plant,
        new.kind,
        new.place,
        new.event,
        new.cron,
        new.time_zone,
        new.next_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes those from `place` on.
pub(in super::super) async fn cut(
    tx: &mut Tx,
    workflow: &str,
    plant: Option<&str>,
    place: i16,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from workflow_triggers
         where tenant_id = $1 and workflow = $2 and plant is not distinct from $3 and place >= $4",
        tenant,
        workflow,
        plant,
        place,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Those of all workflows, in their order.
pub(in super::super) async fn all(tx: &mut Tx, most: i64) -> Result<Vec<Trigger>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Trigger,
        "select trigger_id, workflow, plant, kind, place, event, cron, time_zone, token_hash, next_at, fired, fired_at,
                last_error
         from workflow_triggers where tenant_id = $1 order by workflow, plant nulls first, place limit $2",
        tenant,
        most,
    )
    .fetch_all(tx.conn())
    .await
}

/// Those of a workflow and plant, in order.
pub(in super::super) async fn of(
    tx: &mut Tx,
    workflow: &str,
    plant: Option<&str>,
) -> Result<Vec<Trigger>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Trigger,
        "select trigger_id, workflow, plant, kind, place, event, cron, time_zone, token_hash, next_at, fired, fired_at,
                last_error
         from workflow_triggers where tenant_id = $1 and workflow = $2 and plant is not distinct from $3
         order by place",
        tenant,
        workflow,
        plant,
    )
    .fetch_all(tx.conn())
    .await
}

/// Those that an event starts.
pub(in super::super) async fn by_event(tx: &mut Tx, event: &str) -> Result<Vec<Trigger>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Trigger,
        "select trigger_id, workflow, plant, kind, place, event, cron, time_zone, token_hash, next_at, fired, fired_at,
                last_error
         from workflow_triggers where tenant_id = $1 and event = $2 order by trigger_id limit 100",
        tenant,
        event,
    )
    .fetch_all(tx.conn())
    .await
}

/// The webhook whose secret hashes to this, locked.
pub(in super::super) async fn by_token(tx: &mut Tx, hash: &[u8]) -> Result<Option<Trigger>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Trigger,
        "select trigger_id, workflow, plant, kind, place, event, cron, time_zone, token_hash, next_at, fired, fired_at,
                last_error
         from workflow_triggers where tenant_id = $1 and kind = 'webhook' and token_hash = $2 for update",
        tenant,
        hash,
    )
    .fetch_optional(tx.conn())
    .await
}

/// One, locked.
pub(in super::super) async fn lock(tx: &mut Tx, trigger: Uuid) -> Result<Option<Trigger>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Trigger,
        "select trigger_id, workflow, plant, kind, place, event, cron, time_zone, token_hash, next_at, fired, fired_at,
                last_error
         from workflow_triggers where tenant_id = $1 and trigger_id = $2 for update",
        tenant,
        trigger,
    )
    .fetch_optional(tx.conn())
    .await
}

/// A schedule whose time has come, locked; those of other workers are passed over.
pub(in super::super) async fn lock_due(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<Trigger>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Trigger,
        "select trigger_id, workflow, plant, kind, place, event, cron, time_zone, token_hash, next_at, fired, fired_at,
                last_error
         from workflow_triggers where tenant_id = $1 and next_at <= $2
         order by next_at, trigger_id limit 1 for update skip locked",
        tenant,
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Notes that it was due: whether it started something, why not, and when it is next.
pub(in super::super) async fn fired(
    tx: &mut Tx,
    trigger: Uuid,
    error: &str,
    next_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update workflow_triggers
         set next_at = $3, last_error = $4, fired = fired + case when $4 = '' then 1 else 0 end,
             fired_at = case when $4 = '' then $5 else fired_at end, version = version + 1
         where tenant_id = $1 and trigger_id = $2",
        tenant,
        trigger,
        next_at,
        error,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(in super::super) async fn token_set(tx: &mut Tx, trigger: Uuid, hash: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update workflow_triggers set token_hash = $3, version = version + 1
         where tenant_id = $1 and trigger_id = $2 and kind = 'webhook'",
        tenant,
        trigger,
        hash,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a webhook's secret away; `false` when it has none.
pub(in super::super) async fn token_end(tx: &mut Tx, trigger: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update workflow_triggers set token_hash = null, version = version + 1
         where tenant_id = $1 and trigger_id = $2 and token_hash is not null",
        tenant,
        trigger,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What a call that was taken before started.
pub(in super::super) async fn call(tx: &mut Tx, trigger: Uuid, key: &str) -> Result<Option<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select request_id from workflow_calls where tenant_id = $1 and trigger_id = $2 and call_key = $3",
        tenant,
        trigger,
        key,
    )
    .fetch_optional(tx.conn())
    .await
}

pub(in super::super) async fn call_insert(
    tx: &mut Tx,
    trigger: Uuid,
    key: &str,
    request: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into workflow_calls (tenant_id, trigger_id, call_key, request_id, at) values ($1, $2, $3, $4, $5)",
        tenant,
        trigger,
        key,
        request,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that it was due and started nothing.
pub(in super::super) async fn passed(
    tx: &mut Tx,
    trigger: Uuid,
    next_at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update workflow_triggers set next_at = $3, version = version + 1
         where tenant_id = $1 and trigger_id = $2",
        tenant,
        trigger,
        next_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How often a trigger started something within the hour that began with the first of
/// these; the row is locked, so that no more are counted at once than there may be.
pub(in super::super) async fn within_hour(
    tx: &mut Tx,
    trigger: Uuid,
    now: DateTime<Utc>,
) -> Result<i32, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select case when hour_at > $3 then hour_fired else 0 end as "fired!"
           from workflow_triggers where tenant_id = $1 and trigger_id = $2 for update"#,
        tenant,
        trigger,
        now - TimeDelta::hours(1),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.unwrap_or(0))
}

/// Counts one more.
pub(in super::super) async fn count_hour(
    tx: &mut Tx,
    trigger: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update workflow_triggers
         set hour_fired = case when hour_at > $3 then hour_fired + 1 else 1 end,
             hour_at = case when hour_at > $3 then hour_at else $4 end, version = version + 1
         where tenant_id = $1 and trigger_id = $2",
        tenant,
        trigger,
        now - TimeDelta::hours(1),
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
