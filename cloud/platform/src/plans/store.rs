//! All SQL of plans, subscriptions and usage.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Error;
use uuid::Uuid;

use super::model::{Held, Limits, Plan};
use crate::db::{SystemTx, Tx};

// --- control schema ------------------------------------------------------------

struct PlanRow {
    plan: String,
    name: String,
    users: Option<i32>,
    plants: Option<i32>,
    events_month: Option<i64>,
    storage_bytes: Option<i64>,
    trial_days: Option<i32>,
    features: Vec<String>,
    placement: String,
    admins_second_step: bool,
    contact: String,
    is_default: bool,
    retired_at: Option<DateTime<Utc>>,
    version: i32,
}

impl From<PlanRow> for Plan {
    fn from(row: PlanRow) -> Self {
        let PlanRow { users, plants, events_month, storage_bytes, .. } = row;
        Self {
            plan: row.plan,
            name: row.name,
            limits: Limits { users, plants, events_month, storage_bytes },
            trial_days: row.trial_days,
            features: row.features,
            placement: row.placement,
            admins_second_step: row.admins_second_step,
            contact: row.contact,
            is_default: row.is_default,
            retired_at: row.retired_at,
            version: row.version,
        }
    }
}

pub(crate) async fn plans(tx: &mut SystemTx) -> Result<Vec<Plan>, Error> {
    let rows = sqlx::query_as!(
        PlanRow,
        "select plan, name, users, plants, events_month, storage_bytes, trial_days, features, placement,
                admins_second_step, contact, is_default, retired_at, version
         from control.plans order by retired_at is not null, plan",
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Plan::from).collect())
}

/// `false` when there is such a plan already.
pub(crate) async fn plan_insert(tx: &mut SystemTx, plan: &Plan) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into control.plans (plan, name, users, plants, events_month, storage_bytes, trial_days,
                                    features, placement, contact, admins_second_step)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing",
        plan.plan,
        plan.name,
        plan.limits.users,
        plan.limits.plants,
        plan.limits.events_month,
        plan.limits.storage_bytes,
        plan.trial_days,
        &plan.features,
        plan.placement,
        plan.contact,
        plan.admins_second_step,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when somebody else changed it since `plan.version`.
pub(crate) async fn plan_update(tx: &mut SystemTx, plan: &Plan) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update control.plans
         set name = $2, users = $3, plants = $4, events_month = $5, storage_bytes = $6, trial_days = $7,
             features = $8, placement = $9, contact = $10, retired_at = $11, admins_second_step = $13,
             version = version + 1
         where plan = $1 and version = $12",
        plan.plan,
        plan.name,
        plan.limits.users,
        plan.limits.plants,
        plan.limits.events_month,
        plan.limits.storage_bytes,
        plan.trial_days,
        &plan.features,
        plan.placement,
        plan.contact,
        plan.retired_at,
        plan.version,
        plan.admins_second_step,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The default plan is another one from now on.
pub(crate) async fn plan_default(tx: &mut SystemTx, plan: &str) -> Result<(), Error> {
    sqlx::query!("update control.plans set is_default = false where is_default and plan <> $1", plan)
        .execute(tx.conn())
        .await?;
    sqlx::query!("update control.plans set is_default = true where plan = $1 and not is_default", plan)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// How a tenant stands with its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub plan: String,
    pub since: Option<DateTime<Utc>>,
    pub trial_ends_at: Option<DateTime<Utc>>,
    pub suspended_at: Option<DateTime<Utc>>,
    pub suspended_why: Option<String>,
    pub erase_after: Option<DateTime<Utc>>,
    /// It was on trials from its first moment on, and on nothing else.
    pub only_trials: bool,
    /// 0 while nobody gave it a plan.
    pub version: i32,
}

/// Its subscription, or the default plan's.
pub(crate) async fn subscription(tx: &mut SystemTx, tenant: Uuid) -> Result<Subscription, Error> {
    sqlx::query_as!(
        Subscription,
        r#"select plan as "plan!", since as "since?", trial_ends_at as "trial_ends_at?",
                  suspended_at as "suspended_at?", suspended_why as "suspended_why?",
                  erase_after as "erase_after?", only_trials as "only_trials!", version as "version!"
           from (select plan, since, trial_ends_at, suspended_at, suspended_why,
                        case when only_trials then erase_after end as erase_after, only_trials, version, 0 as n
                 from control.subscriptions where tenant_id = $1
                 union all
                 select plan, null, null, null, null, null, false, 0, 1
                 from control.plans where is_default) s
           order by n limit 1"#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

/// `false` when somebody else changed it since `version`.
pub(crate) async fn subscription_set(
    tx: &mut SystemTx,
    tenant: Uuid,
    new: &Subscription,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "insert into control.subscriptions as s
                (tenant_id, plan, since, trial_ends_at, suspended_at, suspended_why, erase_after, only_trials)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (tenant_id) do update
         set plan = $2, since = $3, trial_ends_at = $4, suspended_at = $5, suspended_why = $6,
             erase_after = $7, only_trials = $8, version = s.version + 1
         where s.version = $9",
        tenant,
        new.plan,
        new.since.unwrap_or(now),
        new.trial_ends_at,
        new.suspended_at,
        new.suspended_why,
        new.erase_after,
        new.only_trials,
        new.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Tenants that are on a trial.
pub(crate) async fn on_trial(tx: &mut SystemTx) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar!(
        "select s.tenant_id from control.subscriptions s join control.tenants t using (tenant_id)
         where s.trial_ends_at is not null and t.status = 'active' order by s.tenant_id",
    )
    .fetch_all(tx.conn())
    .await
}

/// Tenants that have this plan, also those that have it because nobody gave them one.
pub(crate) async fn having(tx: &mut SystemTx, plan: &str) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar!(
        "select t.tenant_id from control.tenants t
         where coalesce((select s.plan from control.subscriptions s where s.tenant_id = t.tenant_id),
                        (select p.plan from control.plans p where p.is_default)) = $1
         order by t.tenant_id",
        plan,
    )
    .fetch_all(tx.conn())
    .await
}

/// What the worker needs to know of a tenant.
pub(crate) struct Metered {
    pub time_zone: String,
    pub batch_id: i64,
    /// When its bytes were counted last.
    pub stored_at: Option<DateTime<Utc>>,
}

pub(crate) async fn metered(tx: &mut SystemTx, tenant: Uuid) -> Result<Option<Metered>, Error> {
    sqlx::query_as!(
        Metered,
        r#"select t.time_zone,
                  coalesce((select c.batch_id from control.usage_cursors c where c.tenant_id = $1), 0)
                      as "batch_id!",
                  (select max(u.stored_at) from control.usage u where u.tenant_id = $1) as stored_at
           from control.tenants t where t.tenant_id = $1"#,
        tenant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Moves the cursor on; `false` when another worker did meanwhile.
pub(crate) async fn cursor_move(tx: &mut SystemTx, tenant: Uuid, from: i64, to: i64) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update control.usage_cursors set batch_id = $3 where tenant_id = $1 and batch_id = $2",
        tenant,
        from,
        to,
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() > 0 || from != 0 {
        return Ok(done.rows_affected() > 0);
    }
    // It stands at the beginning where there is none yet.
    let made = sqlx::query!(
        "insert into control.usage_cursors (tenant_id, batch_id) values ($1, $2) on conflict do nothing",
        tenant,
        to,
    )
    .execute(tx.conn())
    .await?;
    Ok(made.rows_affected() > 0)
}

pub(crate) async fn events_add(
    tx: &mut SystemTx,
    tenant: Uuid,
    month: NaiveDate,
    events: i64,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.usage as u (tenant_id, month, events, metered_at) values ($1, $2, $3, $4)
         on conflict (tenant_id, month) do update set events = u.events + $3, metered_at = $4",
        tenant,
        month,
        events,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(crate) async fn calls_add(
    tx: &mut SystemTx,
    tenant: Uuid,
    month: NaiveDate,
    calls: i64,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.usage as u (tenant_id, month, api_calls, metered_at)
         select tenant_id, $2, $3, $4 from control.tenants where tenant_id = $1
         on conflict (tenant_id, month) do update set api_calls = u.api_calls + $3, metered_at = $4",
        tenant,
        month,
        calls,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a tenant has, as it stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub people: i64,
    pub active_people: i64,
    pub plants: i64,
    pub agents: i64,
    pub last_event_at: Option<DateTime<Utc>>,
    /// `None` when it was not weighed this time.
    pub stored_bytes: Option<i64>,
}

/// Writes what is counted as it stands, into the present month's row.
pub(crate) async fn counts_set(
    tx: &mut SystemTx,
    tenant: Uuid,
    month: NaiveDate,
    counts: &Counts,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let small = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    sqlx::query!(
        "insert into control.usage as u
                (tenant_id, month, people, active_people, plants, stored_bytes, stored_at, metered_at,
                 agents, last_event_at)
         values ($1, $2, $3, $4, $5,
                 coalesce($6, (select b.stored_bytes from control.usage b
                               where b.tenant_id = $1 and b.month < $2 order by b.month desc limit 1), 0),
                 case when $6::bigint is not null then $7::timestamptz end, $7, $8, $9)
         on conflict (tenant_id, month) do update
         set people = $3, active_people = $4, plants = $5, stored_bytes = coalesce($6, u.stored_bytes),
             stored_at = case when $6::bigint is not null then $7 else u.stored_at end, metered_at = $7,
             agents = $8, last_event_at = $9",
        tenant,
        month,
        small(counts.people),
        small(counts.active_people),
        small(counts.plants),
        counts.stored_bytes,
        now,
        small(counts.agents),
        counts.last_event_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a tenant used in a month.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = MonthUsed)]
pub(crate) struct Usage {
    /// Its first day.
    pub month: NaiveDate,
    /// Events of all streams.
    pub events: i64,
    /// Who had an account when it was counted last.
    pub people: i32,
    /// Who of them signed in.
    pub active_people: i32,
    /// Plants.
    pub plants: i32,
    /// Bytes that were kept.
    pub stored_bytes: i64,
    /// Requests to the API.
    pub api_calls: i64,
    /// When it was counted last.
    pub metered_at: DateTime<Utc>,
}

/// The latest months, newest first.
pub(crate) async fn usage(tx: &mut SystemTx, tenant: Uuid, months: i64) -> Result<Vec<Usage>, Error> {
    sqlx::query_as!(
        Usage,
        "select month, events, people, active_people, plants, stored_bytes, api_calls, metered_at
         from control.usage where tenant_id = $1 order by month desc limit $2",
        tenant,
        months,
    )
    .fetch_all(tx.conn())
    .await
}

/// One line of the file for billing.
pub(crate) struct Billed {
    pub code: String,
    pub tenant: String,
    pub plan: String,
    pub usage: Usage,
}

/// What every tenant used in a month, by code.
pub(crate) async fn billing(tx: &mut SystemTx, month: NaiveDate) -> Result<Vec<Billed>, Error> {
    let rows = sqlx::query!(
        r#"select t.code, t.name,
                  coalesce((select s.plan from control.subscriptions s where s.tenant_id = t.tenant_id),
                           (select p.plan from control.plans p where p.is_default), '') as "plan!",
                  u.month, u.events, u.people, u.active_people, u.plants, u.stored_bytes, u.api_calls,
                  u.metered_at
           from control.usage u join control.tenants t using (tenant_id)
           where u.month = $1 order by t.code"#,
        month,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Billed {
            code: row.code,
            tenant: row.name,
            plan: row.plan,
            usage: Usage {
                month: row.month,
                events: row.events,
                people: row.people,
                active_people: row.active_people,
                plants: row.plants,
                stored_bytes: row.stored_bytes,
                api_calls: row.api_calls,
                metered_at: row.metered_at,
            },
        })
        .collect())
}

// --- the tenant's own ------------------------------------------------------------

/// What its plan allows; `None` of a tenant that was there before plans were, until the
/// worker has told it, which is no limit.
pub(crate) async fn limits(tx: &mut Tx, lock: bool) -> Result<Option<Held>, Error> {
    let tenant = tx.tenant();
    if lock {
        sqlx::query!("select tenant_id from plan_limits where tenant_id = $1 for update", tenant)
            .fetch_optional(tx.conn())
            .await?;
    }
    let row = sqlx::query!(
        "select plan, name, users, plants, events_month, storage_bytes, features, admins_second_step, contact,
                trial_ends_at
         from plan_limits where tenant_id = $1",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Held {
        plan: row.plan,
        name: row.name,
        limits: Limits {
            users: row.users,
            plants: row.plants,
            events_month: row.events_month,
            storage_bytes: row.storage_bytes,
        },
        features: row.features,
        admins_second_step: row.admins_second_step,
        contact: row.contact,
        trial_ends_at: row.trial_ends_at,
    }))
}

pub(crate) async fn limits_set(tx: &mut Tx, held: &Held) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into plan_limits as l (tenant_id, plan, name, users, plants, events_month, storage_bytes,
                                       features, contact, trial_ends_at, admins_second_step)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (tenant_id) do update
         set plan = $2, name = $3, users = $4, plants = $5, events_month = $6, storage_bytes = $7,
             features = $8, contact = $9, trial_ends_at = $10, admins_second_step = $11,
             version = l.version + 1",
        tenant,
        held.plan,
        held.name,
        held.limits.users,
        held.limits.plants,
        held.limits.events_month,
        held.limits.storage_bytes,
        &held.features,
        held.contact,
        held.trial_ends_at,
        held.admins_second_step,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// People who have an account and are not disabled.
pub(crate) async fn people(tx: &mut Tx) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from users
           where tenant_id = $1 and status <> 'disabled' and deleted_at is null"#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

/// People who signed in since then.
pub(crate) async fn signed_in_since(tx: &mut Tx, since: DateTime<Utc>) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from users where tenant_id = $1 and last_signed_in_at >= $2"#,
        tenant,
        since,
    )
    .fetch_one(tx.conn())
    .await
}

pub(crate) async fn plants(tx: &mut Tx) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from plants where tenant_id = $1 and deleted_at is null"#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

/// Streams of the tenant, and when the last batch of any came.
pub(crate) async fn streams(tx: &mut Tx) -> Result<(i64, Option<DateTime<Utc>>), Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select (select count(*) from agents where tenant_id = $1 and kind = 'plant') as "agents!",
                  (select ingested_at from ingest_batches where tenant_id = $1
                   order by batch_id desc limit 1) as last"#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.agents, row.last))
}

/// Events of the batches after one, at most so many batches: by month in the zone,
/// and the last batch that was looked at.
pub(crate) async fn events_after(
    tx: &mut Tx,
    after: i64,
    most: i64,
    zone: &str,
) -> Result<Vec<(NaiveDate, i64, i64, i64)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select date_trunc('month', b.ingested_at at time zone $4)::date as "month!",
                  sum(b.to_seq - b.from_seq + 1)::bigint as "events!", max(b.batch_id) as "last!",
                  count(*) as "batches!"
           from (select batch_id, from_seq, to_seq, ingested_at from ingest_batches
                 where tenant_id = $1 and batch_id > $2 order by batch_id limit $3) b
           group by 1"#,
        tenant,
        after,
        most,
        zone,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.month, row.events, row.last, row.batches)).collect())
}

/// Notes that the tenant was told; `false` when it had been.
pub(crate) async fn told(tx: &mut Tx, notice: &str, now: DateTime<Utc>) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into plan_notices (tenant_id, notice, told_at) values ($1, $2, $3) on conflict do nothing",
        tenant,
        notice,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// When the tenant was told.
pub(crate) async fn told_at(tx: &mut Tx, notice: &str) -> Result<Option<DateTime<Utc>>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select told_at from plan_notices where tenant_id = $1 and notice = $2",
        tenant,
        notice
    )
    .fetch_optional(tx.conn())
    .await
}
