//! What is told of a walk's UIDs and links.
//!
//! Of a unit that leads to what is asked its own events count at the ends: where it was made,
//! measured and handled. An event in which it was an input (role 2), or in which a quantity of
//! a box was built in (a child, role 5, of KIT, ASSEMBLY, INSTALLATION or SERVICE: stages 14,
//! 19, 30 and 33), is one of what was made there: it counts by that, if that leads to what is
//! asked. What something was only taken from has no part in what was made of the rest of it.
//! Suspects leave out, where that is asked, such a box and an input of which a quantity was taken
//! (`scopes/store/leaf.rs`, `without_taken`), but not what was used up whole.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use crate::explore::amounts::{Amounts, added_up};
use crate::explore::model::MachineAt;
use crate::genealogy::Link;

/// How much of links' `from` went into their `to`, by (from, to, kind).
pub async fn amounts(tx: &mut Tx, links: &[&Link]) -> Result<HashMap<(i64, i64, i16), Amounts>, Error> {
    if links.is_empty() {
        return Ok(HashMap::new());
    }
    let tenant = tx.tenant();
    let from: Vec<i64> = links.iter().map(|link| link.from).collect();
    let to: Vec<i64> = links.iter().map(|link| link.to).collect();
    let rows = sqlx::query!(
        r#"select l.from_key, l.to_key, l.kind, sum(l.quantity) filter (where l.effect = 1) as opened,
                  sum(l.quantity) filter (where l.effect = 2) as closed,
                  sum(l.quantity) filter (where l.effect = 3) as voided,
                  sum(l.quantity) filter (where l.effect = 4) as reopened,
                  count(*) filter (where l.effect = 1) - count(*) filter (where l.effect = 3) as "openings!",
                  count(*) filter (where l.effect = 2) - count(*) filter (where l.effect = 4) as "takings!",
                  count(*) filter (where l.effect = 2 and l.quantity is null)
                      - count(*) filter (where l.effect = 4 and l.quantity is null) as "unsaid!",
                  coalesce(min(l.unit) filter (where l.quantity is not null), '') as "unit!", coalesce(max(l.unit) filter (where l.quantity is not null), '') as "other_unit!"
           from (select distinct u.a, u.b from unnest($2::bigint[], $3::bigint[]) as u(a, b)) as u
           join uid_links l on l.tenant_id = $1 and l.from_key = u.a and l.to_key = u.b
           group by l.from_key, l.to_key, l.kind"#,
        tenant,
        &from,
        &to,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| ((row.from_key, row.to_key, row.kind), added_up!(row))).collect())
}

/// Most entries of each list at the ends of a walk, where it is shown.
pub const MOST_ENDS: i64 = 500;

/// Lots of these UIDs, one more than `most`.
pub async fn lot_ids(tx: &mut Tx, keys: &[i64], most: i64) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct r.lot_id as "lot_id!" from uid_registry r
           where r.tenant_id = $1 and r.key = any($2) and r.lot_id is not null
           order by 1 limit $3"#,
        tenant,
        keys,
        most + 1,
    )
    .fetch_all(tx.conn())
    .await
}

/// Those of these UIDs of which a quantity may be taken: coils, bags, boxes.
pub async fn containers(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select key from uid_registry where tenant_id = $1 and key = any($2) and container",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Whose events are asked for at the ends of a walk: those of `keys`, without refusals and
/// the `void` ones, which never were, and without those of what was only taken from them.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// The UIDs.
    pub keys: &'a [i64],
    /// Those of them of which a quantity may be taken, by [`containers`].
    pub containers: &'a [i64],
    /// Events that never were.
    pub void: &'a [Uuid],
}

/// Machines that reported on these UIDs, by plant, one more than `most`.
pub async fn machines(tx: &mut Tx, own: Own<'_>, most: i64) -> Result<Vec<MachineAt>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        MachineAt,
        "select distinct e.machine, e.plant from event_subjects s \
         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch \
             and e.seq = s.seq \
         where s.tenant_id = $1 and s.key = any($2) and e.machine <> '' and e.stage <> 37 \
           and e.event_id <> all($3) and ($5::text[] is null or e.plant = any($5)) and s.role <> 2 \
           and (s.role <> 5 or s.quantity is null or s.key <> all($6) or e.stage not in (14, 19, 30, 33)) \
         order by 1, 2 limit $4",
        tenant,
        own.keys,
        own.void,
        most + 1,
        plants.as_deref(),
        own.containers,
    )
    .fetch_all(tx.conn())
    .await
}

/// People who worked on these UIDs, one more than `most`.
pub async fn operators(tx: &mut Tx, own: Own<'_>, most: i64) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_scalar!(
        "select distinct e.operator_id from event_subjects s \
         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch \
             and e.seq = s.seq \
         where s.tenant_id = $1 and s.key = any($2) and e.operator_id <> '' and e.stage <> 37 \
           and e.event_id <> all($3) and ($5::text[] is null or e.plant = any($5)) and s.role <> 2 \
           and (s.role <> 5 or s.quantity is null or s.key <> all($6) or e.stage not in (14, 19, 30, 33)) \
         order by 1 limit $4",
        tenant,
        own.keys,
        own.void,
        most + 1,
        plants.as_deref(),
        own.containers,
    )
    .fetch_all(tx.conn())
    .await
}

/// How many readings there are of these UIDs, and how many outside their limits.
pub async fn readings_count(tx: &mut Tx, own: Own<'_>) -> Result<(i64, i64), Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    let row = sqlx::query!(
        r#"select count(*) as "taken!", count(*) filter (where r.value < r.low or r.value > r.high) as "outside!"
           from (select agent_id, epoch, seq,
                        bool_or(role <> 5 or quantity is null or key <> all($5)) as whole
                 from event_subjects where tenant_id = $1 and key = any($2) and role <> 2
                 group by agent_id, epoch, seq) s
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq
           join event_readings r on r.tenant_id = $1 and r.agent_id = s.agent_id and r.epoch = s.epoch
               and r.seq = s.seq
           where e.stage <> 37 and e.event_id <> all($3) and ($4::text[] is null or e.plant = any($4))
             and (s.whole or e.stage not in (14, 19, 30, 33))"#,
        tenant,
        own.keys,
        own.void,
        plants.as_deref(),
        own.containers,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.taken, row.outside))
}

/// A reading at the end of a walk.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct EndReading {
    pub key: i64,
    pub event_id: Uuid,
    pub name: String,
    pub value: Option<Decimal>,
    pub unit: String,
    pub low: Option<Decimal>,
    pub high: Option<Decimal>,
    pub plant: String,
    pub machine: String,
    pub operation: String,
    pub taken_at: DateTime<Utc>,
}

/// Readings of these UIDs outside their limits, oldest first, one more than
/// `most`; of a load one of its members that are asked for.
pub async fn readings_outside(tx: &mut Tx, own: Own<'_>, most: i64) -> Result<Vec<EndReading>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        EndReading,
        r#"select s.key as "key!", e.event_id, r.name, r.value, r.unit, r.low, r.high, e.plant, e.machine,
                  e.operation, r.taken_at
           from (select agent_id, epoch, seq,
                        coalesce(min(key) filter (where role <> 5 or quantity is null or key <> all($6)),
                                 min(key)) as key,
                        bool_or(role <> 5 or quantity is null or key <> all($6)) as whole
                 from event_subjects where tenant_id = $1 and key = any($2) and role <> 2
                 group by agent_id, epoch, seq) s
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq
           join event_readings r on r.tenant_id = $1 and r.agent_id = s.agent_id and r.epoch = s.epoch
               and r.seq = s.seq
           where e.stage <> 37 and e.event_id <> all($3) and ($5::text[] is null or e.plant = any($5))
             and (s.whole or e.stage not in (14, 19, 30, 33)) and (r.value < r.low or r.value > r.high)
           order by r.taken_at, e.event_id, r.ordinal limit $4"#,
        tenant,
        own.keys,
        own.void,
        most + 1,
        plants.as_deref(),
        own.containers,
    )
    .fetch_all(tx.conn())
    .await
}

/// An event at the end of a walk.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct EndEvent {
    pub key: i64,
    pub event_id: Uuid,
    pub reference_number: String,
    pub partner: String,
    pub plant: String,
    pub location: String,
    pub outcome: i16,
    pub occurred_at: DateTime<Utc>,
}

/// Events of one of `stages` on these UIDs, without the `void` ones, oldest first,
/// one more than `most`. An inspection in which one was only an input is of what was made. Who
/// got it is told as recalls do (`recalls/store/locate.rs`).
pub async fn end_events(
    tx: &mut Tx,
    keys: &[i64],
    stages: &[i16],
    void: &[Uuid],
    most: i64,
) -> Result<Vec<EndEvent>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        EndEvent,
        r#"select distinct s.key, e.event_id, e.reference_number,
                  coalesce((select d.number from event_references d
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq
                              and (d.type = 'customer' or d.type = 'supplier' and e.stage in (26, 35))
                            order by d.type desc, d.number limit 1),
                           (select o.partner from event_references d
                            join orders o on o.tenant_id = $1 and o.type = d.type and o.number = d.number
                                and o.partner <> ''
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq
                              and (d.type = 'so' or d.type = 'po' and e.stage in (26, 35))
                            order by d.type, d.number limit 1), '') as "partner!", e.plant, e.location, e.outcome, e.occurred_at
           from event_subjects s
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq
           where s.tenant_id = $1 and s.key = any($2) and e.stage = any($3) and (s.role <> 2 or e.stage <> 7)
             and e.event_id <> all($5) and ($6::text[] is null or e.plant = any($6))
           order by e.occurred_at, s.key limit $4"#,
        tenant,
        keys,
        stages,
        most + 1,
        void,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}
