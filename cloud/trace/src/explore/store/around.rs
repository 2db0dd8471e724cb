//! What was measured on packages while something was in them.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::walk::EndReading;
use crate::explore::model::MachineAt;
use crate::explore::stays::Span;

/// What is asked for: readings during `spans` of no event that names one of `keys`, which
/// is theirs already, nor of `void` events, which never were, nor of refusals.
pub struct Asked<'a> {
    /// Packages, and when.
    pub spans: &'a [Span],
    /// Units that count themselves.
    pub keys: &'a [i64],
    /// Events that never were.
    pub void: &'a [Uuid],
    /// Entries of a list at most; one more is told.
    pub most: i64,
}

/// Spans as columns.
struct Columns {
    packages: Vec<i64>,
    since: Vec<DateTime<Utc>>,
    until: Vec<Option<DateTime<Utc>>>,
    only: Vec<Option<Uuid>>,
}

impl Columns {
    fn of(spans: &[Span]) -> Self {
        Self {
            packages: spans.iter().map(|span| span.package).collect(),
            since: spans.iter().map(|span| span.from).collect(),
            until: spans.iter().map(|span| span.until).collect(),
            only: spans.iter().map(|span| span.only).collect(),
        }
    }
}

/// How many readings there are, and how many outside their limits.
pub async fn readings_count(tx: &mut Tx, asked: &Asked<'_>) -> Result<(i64, i64), Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    let Columns { packages, since, until, only } = Columns::of(asked.spans);
    let row = sqlx::query!(
        r#"select count(*) as "taken!", count(*) filter (where r.value < r.low or r.value > r.high) as "outside!"
           from (select distinct r.agent_id, r.epoch, r.seq, r.ordinal, r.value, r.low, r.high
                 from unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $8::uuid[])
                          as u(package, since, until, agent)
                 join event_subjects s on s.tenant_id = $1 and s.key = u.package
                     and (u.agent is null or s.agent_id = u.agent)
                 join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
                     and e.seq = s.seq
                 join event_readings r on r.tenant_id = $1 and r.agent_id = s.agent_id and r.epoch = s.epoch
                     and r.seq = s.seq and r.taken_at >= u.since
                     and (u.until is null or r.taken_at < u.until)
                 where e.stage <> 37 and e.event_id <> all($5) and ($6::text[] is null or e.plant = any($6))
                   and not exists (select from event_subjects d where d.tenant_id = $1 and d.agent_id = s.agent_id
                                   and d.epoch = s.epoch and d.seq = s.seq and d.key = any($7))) as r"#,
        tenant,
        &packages,
        &since,
        until as _,
        asked.void,
        plants.as_deref(),
        asked.keys,
        only as _,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.taken, row.outside))
}

/// Machines, by plant, and people of these readings, of each one more than are asked for.
pub async fn who(tx: &mut Tx, asked: &Asked<'_>) -> Result<(Vec<MachineAt>, Vec<String>), Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    let Columns { packages, since, until, only } = Columns::of(asked.spans);
    let rows = sqlx::query!(
        r#"select distinct w.machine as "machine!", w.name as "name!", w.plant as "plant!"
           from (select distinct e.machine, e.operator_id, e.plant
                 from unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $9::uuid[])
                          as u(package, since, until, agent)
                 join event_subjects s on s.tenant_id = $1 and s.key = u.package
                     and (u.agent is null or s.agent_id = u.agent)
                 join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
                     and e.seq = s.seq
                 join event_readings r on r.tenant_id = $1 and r.agent_id = s.agent_id and r.epoch = s.epoch
                     and r.seq = s.seq and r.taken_at >= u.since
                     and (u.until is null or r.taken_at < u.until)
                 where e.stage <> 37 and e.event_id <> all($5) and ($6::text[] is null or e.plant = any($6))
                   and not exists (select from event_subjects d where d.tenant_id = $1 and d.agent_id = s.agent_id
                                   and d.epoch = s.epoch and d.seq = s.seq and d.key = any($7))) as e
           cross join lateral (values (true, e.machine, e.plant), (false, e.operator_id, ''))
                    as w(machine, name, plant)
           where w.name <> '' order by 1 desc, 2, 3 limit $8"#,
        tenant,
        &packages,
        &since,
        until as _,
        asked.void,
        plants.as_deref(),
        asked.keys,
        2 * (asked.most + 1),
        only as _,
    )
    .fetch_all(tx.conn())
    .await?;
    let (machines, operators): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.machine);
    Ok((
        machines.into_iter().map(|row| MachineAt { machine: row.name, plant: row.plant }).collect(),
        operators.into_iter().map(|row| row.name).collect(),
    ))
}

/// Those outside their limits, oldest first, one more than are asked for; `key` is
/// the package.
pub async fn readings_outside(tx: &mut Tx, asked: &Asked<'_>) -> Result<Vec<EndReading>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    let Columns { packages, since, until, only } = Columns::of(asked.spans);
    sqlx::query_as!(
        EndReading,
        r#"select r.package as "key!", r.event_id as "event_id!", r.name as "name!", r.value,
                  r.unit as "unit!", r.low, r.high, r.plant as "plant!", r.machine as "machine!",
                  r.operation as "operation!", r.taken_at as "taken_at!"
           from (select distinct on (r.agent_id, r.epoch, r.seq, r.ordinal) u.package, e.event_id, r.name,
                        r.value, r.unit, r.low, r.high, e.plant, e.machine, e.operation, r.taken_at, r.ordinal
                 from unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $9::uuid[])
                          as u(package, since, until, agent)
                 join event_subjects s on s.tenant_id = $1 and s.key = u.package
                     and (u.agent is null or s.agent_id = u.agent)
                 join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
                     and e.seq = s.seq
                 join event_readings r on r.tenant_id = $1 and r.agent_id = s.agent_id and r.epoch = s.epoch
                     and r.seq = s.seq and r.taken_at >= u.since
                     and (u.until is null or r.taken_at < u.until)
                 where e.stage <> 37 and e.event_id <> all($5) and ($6::text[] is null or e.plant = any($6))
                   and not exists (select from event_subjects d where d.tenant_id = $1 and d.agent_id = s.agent_id
                                   and d.epoch = s.epoch and d.seq = s.seq and d.key = any($7))
                   and (r.value < r.low or r.value > r.high)
                 order by r.agent_id, r.epoch, r.seq, r.ordinal, u.package) as r
           order by r.taken_at, r.event_id, r.ordinal limit $8"#,
        tenant,
        &packages,
        &since,
        until as _,
        asked.void,
        plants.as_deref(),
        asked.keys,
        asked.most + 1,
        only as _,
    )
    .fetch_all(tx.conn())
    .await
}
