//! What was done with packages while something was in them: it was done with what was inside.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::{Role, Stage};
use sqlx::Error;
use uuid::Uuid;

use super::around::Asked;
use super::walk::EndEvent;
use crate::explore::model::MachineAt;
use crate::explore::stays::Span;

/// Packages, since and until when, and by whose clock alone, as columns.
type Columns = (Vec<i64>, Vec<DateTime<Utc>>, Vec<Option<DateTime<Utc>>>, Vec<Option<Uuid>>);

fn columns(spans: &[Span]) -> Columns {
    let packages = spans.iter().map(|span| span.package).collect();
    let since = spans.iter().map(|span| span.from).collect();
    let until = spans.iter().map(|span| span.until).collect();
    (packages, since, until, spans.iter().map(|span| span.only).collect())
}

/// Machines, by plant, and people of events on packages meanwhile, of each one more than are asked
/// for. What was put in beside it, or taken out, was not done with it.
pub async fn hands(tx: &mut Tx, asked: &Asked<'_>) -> Result<(Vec<MachineAt>, Vec<String>), Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    let (packages, since, until, only) = columns(asked.spans);
    let rows = sqlx::query!(
        r#"select distinct w.machine as "machine!", w.name as "name!", w.plant as "plant!"
           from (select distinct e.machine, e.operator_id, e.plant
                 from unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $10::uuid[])
                          as u(package, since, until, agent)
                 join event_subjects s on s.tenant_id = $1 and s.key = u.package and s.role <> $9
                     and (u.agent is null or s.agent_id = u.agent)
                 join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
                     and e.seq = s.seq and e.occurred_at >= u.since
                     and (u.until is null or e.occurred_at < u.until)
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
        Role::Parent as i16,
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

/// Dispatches of packages meanwhile, without the `void` ones, oldest first, one more than
/// `most`; `key` is the package.
pub async fn sent(tx: &mut Tx, spans: &[Span], void: &[Uuid], most: i64) -> Result<Vec<EndEvent>, Error> {
    if spans.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    let (packages, since, until, only) = columns(spans);
    sqlx::query_as!(
        EndEvent,
        r#"select distinct s.key, e.event_id, e.reference_number,
                  coalesce((select d.number from event_references d
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq and d.type = 'customer' limit 1),
                           (select o.partner from event_references d
                            join orders o on o.tenant_id = $1 and o.type = 'so' and o.number = d.number
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq and d.type = 'so' limit 1), '') as "partner!", e.plant, e.location, e.outcome, e.occurred_at
           from unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $9::uuid[])
                    as u(package, since, until, agent)
           join event_subjects s on s.tenant_id = $1 and s.key = u.package
               and (u.agent is null or s.agent_id = u.agent)
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq and e.occurred_at >= u.since and (u.until is null or e.occurred_at < u.until)
           where e.stage = $5 and e.event_id <> all($6) and ($7::text[] is null or e.plant = any($7))
           order by e.occurred_at, s.key limit $8"#,
        tenant,
        &packages,
        &since,
        until as _,
        Stage::Dispatch as i16,
        void,
        plants.as_deref(),
        most + 1,
        only as _,
    )
    .fetch_all(tx.conn())
    .await
}
