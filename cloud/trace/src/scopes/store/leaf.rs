//! The units that one condition finds. A filter that is null is none: the plan of each
//! statement is made for what is asked.
//!
//! What something was only taken from (`without_taken`) is an input (role 2) with a quantity, and a
//! box of which a quantity was built in: a child (role 5) of KIT, ASSEMBLY, INSTALLATION or SERVICE
//! (stages 14, 19, 30 and 33) that is a container. The ends of a walk go by the same
//! (`explore/store/walk.rs`), and so does what becomes of the box (`projection::fold`). The registry is
//! asked about one label at a time (a value, not `exists`), so that no plan lists all boxes first.

use chrono::{DateTime, NaiveDate, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

/// A unit found, and the event by which, if a correction names that.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the columns of the statements")]
pub struct Found {
    pub key: i64,
    pub corrected: Option<Uuid>,
}

/// What an event has to be.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Fits {
    pub machine: Option<String>,
    pub station: Option<String>,
    pub operator: Option<String>,
    pub operation: Option<String>,
    pub shift: Option<String>,
    pub stages: Option<Vec<i16>>,
    pub outcome: Option<i16>,
    pub reason: Option<String>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub produced_from: Option<NaiveDate>,
    pub produced_to: Option<NaiveDate>,
    /// Not labels from which only a quantity was taken.
    pub without_taken: bool,
    /// Plants that are asked for, and those whose doings the caller may know.
    pub plants: Option<Vec<String>>,
    pub own: Option<Vec<String>>,
}

impl Fits {
    /// Whether an index finds by more than plant and time.
    #[must_use]
    pub fn is_named(&self) -> bool {
        let named = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        [&self.machine, &self.station, &self.operator, &self.reason].into_iter().any(named)
    }
}

/// Units of events that fit, among `within` where that is given. Each once per corrected
/// event; at most `limit`.
pub async fn by_event(
    tx: &mut Tx,
    fits: &Fits,
    within: Option<&[i64]>,
    limit: i64,
) -> Result<Vec<Found>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Found,
        r#"select distinct s.key as "key!", c.corrects as "corrected?"
           from lifecycle_events e
           join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch
               and s.seq = e.seq
           left join lifecycle_events c on c.tenant_id = $1 and c.corrects = e.event_id
               and c.corrects is not null and c.stage = 36
           where e.tenant_id = $1 and e.stage between 1 and 35
             and ($2::text is null or e.machine = $2) and ($3::text is null or e.station = $3)
             and ($4::text is null or e.operator_id = $4) and ($5::text is null or e.operation = $5)
             and ($6::text is null or e.shift = $6) and ($7::smallint[] is null or e.stage = any($7))
             and ($8::smallint is null or e.outcome = $8) and ($9::text is null or e.reason = $9)
             and ($10::timestamptz is null or e.occurred_at >= $10)
             and ($11::timestamptz is null or e.occurred_at <= $11)
             and ($12::date is null or e.production_date >= $12)
             and ($13::date is null or e.production_date <= $13)
             and ($14::text[] is null or e.plant = any($14)) and ($15::text[] is null or e.plant = any($15))
             and ($16::bigint[] is null or s.key = any($16)) and s.key <> 0
             and (not $18::boolean or s.quantity is null
                  or case when s.role = 5 and e.stage in (14, 19, 30, 33)
                          then not coalesce((select u.container from uid_registry u
                                             where u.tenant_id = $1 and u.key = s.key), false)
                          else s.role <> 2 end)
           limit $17"#,
        tenant,
        fits.machine.as_deref(),
        fits.station.as_deref(),
        fits.operator.as_deref(),
        fits.operation.as_deref(),
        fits.shift.as_deref(),
        fits.stages.as_deref(),
        fits.outcome,
        fits.reason.as_deref(),
        fits.from,
        fits.to,
        fits.produced_from,
        fits.produced_to,
        fits.plants.as_deref(),
        fits.own.as_deref(),
        within,
        limit,
        fits.without_taken,
    )
    .fetch_all(tx.conn())
    .await
}

/// As [`by_event`], of events that name one of these documents (number and type; an empty
/// type is any).
pub async fn by_document(
    tx: &mut Tx,
    (numbers, types): (&[String], &[String]),
    fits: &Fits,
    within: Option<&[i64]>,
    limit: i64,
) -> Result<Vec<Found>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Found,
        r#"select distinct s.key as "key!", c.corrects as "corrected?"
           from unnest($18::text[], $19::text[]) as w(number, type)
           join event_references d on d.tenant_id = $1 and d.number = w.number
               and (w.type = '' or d.type = w.type)
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = d.agent_id and e.epoch = d.epoch
               and e.seq = d.seq
           join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch
               and s.seq = e.seq
           left join lifecycle_events c on c.tenant_id = $1 and c.corrects = e.event_id
               and c.corrects is not null and c.stage = 36
           where e.stage between 1 and 35
             and ($2::text is null or e.machine = $2) and ($3::text is null or e.station = $3)
             and ($4::text is null or e.operator_id = $4) and ($5::text is null or e.operation = $5)
             and ($6::text is null or e.shift = $6) and ($7::smallint[] is null or e.stage = any($7))
             and ($8::smallint is null or e.outcome = $8) and ($9::text is null or e.reason = $9)
             and ($10::timestamptz is null or e.occurred_at >= $10)
             and ($11::timestamptz is null or e.occurred_at <= $11)
             and ($12::date is null or e.production_date >= $12)
             and ($13::date is null or e.production_date <= $13)
             and ($14::text[] is null or e.plant = any($14)) and ($15::text[] is null or e.plant = any($15))
             and ($16::bigint[] is null or s.key = any($16)) and s.key <> 0
             and (not $20::boolean or s.quantity is null
                  or case when s.role = 5 and e.stage in (14, 19, 30, 33)
                          then not coalesce((select u.container from uid_registry u
                                             where u.tenant_id = $1 and u.key = s.key), false)
                          else s.role <> 2 end)
           limit $17"#,
        tenant,
        fits.machine.as_deref(),
        fits.station.as_deref(),
        fits.operator.as_deref(),
        fits.operation.as_deref(),
        fits.shift.as_deref(),
        fits.stages.as_deref(),
        fits.outcome,
        fits.reason.as_deref(),
        fits.from,
        fits.to,
        fits.produced_from,
        fits.produced_to,
        fits.plants.as_deref(),
        fits.own.as_deref(),
        within,
        limit,
        numbers,
        types,
        fits.without_taken,
    )
    .fetch_all(tx.conn())
    .await
}

/// Numbers of the sales orders of a customer, at most `limit`.
pub async fn orders_of(tx: &mut Tx, customer: &str, limit: i64) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select number from orders where tenant_id = $1 and partner = $2 and partner <> '' and type = 'so' \
         limit $3",
        tenant,
        customer,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// A beginning or an end of a load or an operation.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Turn {
    pub key: i64,
    pub action: i16,
    pub at: DateTime<Utc>,
    pub plant: String,
    pub station: String,
    pub agent_id: Uuid,
    pub corrected: Option<Uuid>,
}

/// Beginnings and ends of loads and operations that fit, from `fits.from` until before
/// `fits.to`, in their order.
pub async fn turns(tx: &mut Tx, fits: &Fits, within: Option<&[i64]>, limit: i64) -> Result<Vec<Turn>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Turn,
        r#"select s.key as "key!", e.action as "action!", e.occurred_at as "at!", e.plant as "plant!",
                  e.station as "station!", e.agent_id as "agent_id!", c.corrects as "corrected?"
           from lifecycle_events e
           join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch
               and s.seq = e.seq
           left join lifecycle_events c on c.tenant_id = $1 and c.corrects = e.event_id
               and c.corrects is not null and c.stage = 36
           where e.tenant_id = $1 and e.stage = any($5) and e.action in (1, 2)
             and ($2::text is null or e.machine = $2) and ($3::text is null or e.station = $3)
             and ($4::text is null or e.operation = $4)
             and e.occurred_at >= $6 and e.occurred_at < $7
             and ($8::text[] is null or e.plant = any($8)) and ($9::text[] is null or e.plant = any($9))
             and ($10::bigint[] is null or s.key = any($10)) and s.key <> 0
             and (not $12::boolean or s.quantity is null
                  or case when s.role = 5 and e.stage in (14, 19, 30, 33)
                          then not coalesce((select u.container from uid_registry u
                                             where u.tenant_id = $1 and u.key = s.key), false)
                          else s.role <> 2 end)
           order by e.occurred_at, e.agent_id, e.epoch, e.seq
           limit $11"#,
        tenant,
        fits.machine.as_deref(),
        fits.station.as_deref(),
        fits.operation.as_deref(),
        fits.stages.as_deref(),
        fits.from,
        fits.to,
        fits.plants.as_deref(),
        fits.own.as_deref(),
        within,
        limit,
        fits.without_taken,
    )
    .fetch_all(tx.conn())
    .await
}

/// Of units that were put in at a station, those that something happened to at another
/// one since, before `until`.
pub async fn gone_since(tx: &mut Tx, turns: &[&Turn], until: DateTime<Utc>) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    let keys: Vec<i64> = turns.iter().map(|turn| turn.key).collect();
    let begun: Vec<DateTime<Utc>> = turns.iter().map(|turn| turn.at).collect();
    let plants: Vec<String> = turns.iter().map(|turn| turn.plant.clone()).collect();
    let stations: Vec<String> = turns.iter().map(|turn| turn.station.clone()).collect();
    sqlx::query_scalar!(
        r#"select u.key as "key!"
           from unnest($2::bigint[], $3::timestamptz[], $4::text[], $5::text[]) as u(key, begun, plant, station)
           where exists (
               select from event_subjects s
               join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
                   and e.seq = s.seq
               where s.tenant_id = $1 and s.key = u.key and e.occurred_at > u.begun and e.occurred_at < $6
                 and e.stage between 7 and 35 and e.stage not in (22, 23) and e.station <> ''
                 and (e.station <> u.station or e.plant <> u.plant)
                 and not exists (select from lifecycle_events c
                                 where c.tenant_id = $1 and c.corrects = e.event_id and c.stage = 36))"#,
        tenant,
        &keys,
        &begun,
        &plants,
        &stations,
        until,
    )
    .fetch_all(tx.conn())
    .await
}

/// The plant and the station at which a machine stands alone.
pub async fn station_of(tx: &mut Tx, machine: &str) -> Result<Option<(String, String)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select m.plant, m.station as "station!" from machines m
           where m.tenant_id = $1 and m.machine = $2 and m.station is not null
             and not exists (select from machines o
                             where o.tenant_id = $1 and o.plant = m.plant and o.station = m.station
                               and o.machine <> m.machine)"#,
        tenant,
        machine,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.plant, row.station)))
}

/// What a reading has to be.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Measured {
    pub name: String,
    /// `own`, `outside` or `inside`.
    pub against: String,
    pub low: Option<Decimal>,
    pub high: Option<Decimal>,
    pub operation: Option<String>,
    pub machine: Option<String>,
    pub station: Option<String>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    /// Not labels from which only a quantity was taken.
    pub without_taken: bool,
    pub plants: Option<Vec<String>>,
    pub own: Option<Vec<String>>,
}

/// Units with readings that fit, as [`by_event`].
pub async fn by_reading(
    tx: &mut Tx,
    fits: &Measured,
    within: Option<&[i64]>,
    limit: i64,
) -> Result<Vec<Found>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Found,
        r#"select distinct s.key as "key!", c.corrects as "corrected?"
           from event_readings r
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = r.agent_id and e.epoch = r.epoch
               and e.seq = r.seq
           join event_subjects s on s.tenant_id = $1 and s.agent_id = r.agent_id and s.epoch = r.epoch
               and s.seq = r.seq
           left join lifecycle_events c on c.tenant_id = $1 and c.corrects = e.event_id
               and c.corrects is not null and c.stage = 36
           where r.tenant_id = $1 and r.name = $2 and e.stage between 1 and 35
             and ($3::text <> 'own' or r.value < r.low or r.value > r.high)
             and ($3::text <> 'outside' or r.value < $4 or r.value > $5)
             and ($3::text <> 'inside'
                  or (r.value >= coalesce($4, r.value) and r.value <= coalesce($5, r.value)))
             and ($6::text is null or e.operation = $6) and ($7::text is null or e.machine = $7)
             and ($8::text is null or e.station = $8)
             and ($9::timestamptz is null or r.taken_at >= $9)
             and ($10::timestamptz is null or r.taken_at <= $10)
             and ($11::text[] is null or e.plant = any($11)) and ($12::text[] is null or e.plant = any($12))
             and ($13::bigint[] is null or s.key = any($13)) and s.key <> 0
             and (not $15::boolean or s.quantity is null
                  or case when s.role = 5 and e.stage in (14, 19, 30, 33)
                          then not coalesce((select u.container from uid_registry u
                                             where u.tenant_id = $1 and u.key = s.key), false)
                          else s.role <> 2 end)
           limit $14"#,
        tenant,
        fits.name,
        fits.against,
        fits.low,
        fits.high,
        fits.operation.as_deref(),
        fits.machine.as_deref(),
        fits.station.as_deref(),
        fits.from,
        fits.to,
        fits.plants.as_deref(),
        fits.own.as_deref(),
        within,
        limit,
        fits.without_taken,
    )
    .fetch_all(tx.conn())
    .await
}

/// When something that fits was measured of a unit.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the tables, described in the schema")]
pub struct MomentRow {
    pub key: i64,
    pub corrected: Option<Uuid>,
    pub taken_at: DateTime<Utc>,
    pub agent_id: Uuid,
}

/// When what fits was measured of these units, as [`by_reading`].
pub async fn reading_moments(
    tx: &mut Tx,
    fits: &Measured,
    keys: &[i64],
    limit: i64,
) -> Result<Vec<MomentRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        MomentRow,
        r#"select distinct s.key as "key!", r.taken_at as "taken_at!", s.agent_id as "agent_id!",
                  (select c.corrects from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id
                   and c.stage = 36 limit 1) as "corrected?"
           from event_subjects s
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq
           join event_readings r on r.tenant_id = $1 and r.agent_id = s.agent_id and r.epoch = s.epoch
               and r.seq = s.seq
           where s.tenant_id = $1 and s.key = any($13) and r.name = $2 and e.stage between 1 and 35
             and ($3::text <> 'own' or r.value < r.low or r.value > r.high)
             and ($3::text <> 'outside' or r.value < $4 or r.value > $5)
             and ($3::text <> 'inside'
                  or (r.value >= coalesce($4, r.value) and r.value <= coalesce($5, r.value)))
             and ($6::text is null or e.operation = $6) and ($7::text is null or e.machine = $7)
             and ($8::text is null or e.station = $8)
             and ($9::timestamptz is null or r.taken_at >= $9)
             and ($10::timestamptz is null or r.taken_at <= $10)
             and ($11::text[] is null or e.plant = any($11)) and ($12::text[] is null or e.plant = any($12))
           limit $14"#,
        tenant,
        fits.name,
        fits.against,
        fits.low,
        fits.high,
        fits.operation.as_deref(),
        fits.machine.as_deref(),
        fits.station.as_deref(),
        fits.from,
        fits.to,
        fits.plants.as_deref(),
        fits.own.as_deref(),
        keys,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Labels of all lots that a supplier, or any, calls so; at most `limit`.
pub async fn of_supplier_lot(
    tx: &mut Tx,
    supplier_lot: &str,
    supplier: Option<&str>,
    limit: i64,
) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select r.key from lots l \
         join uid_registry r on r.tenant_id = $1 and r.lot_id = l.lot_id and r.lot_id is not null \
         where l.tenant_id = $1 and l.supplier_lot = $2 and ($3::text is null or l.supplier = $3) limit $4",
        tenant,
        supplier_lot,
        supplier,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// What the registry has to say of a unit.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct State {
    pub item: Option<String>,
    pub plant: Option<String>,
    pub life: Option<i16>,
    pub quality: Option<i16>,
    pub custody: Option<i16>,
}

/// Units that are in a state, at most `limit`.
pub async fn by_state(
    tx: &mut Tx,
    state: &State,
    within: Option<&[i64]>,
    limit: i64,
) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select key from uid_registry \
         where tenant_id = $1 and ($2::text is null or item = $2) and ($3::text is null or plant = $3) \
           and ($4::smallint is null or life = $4) and ($5::smallint is null or quality = $5) \
           and ($6::smallint is null or custody = $6) and ($7::bigint[] is null or key = any($7)) \
         limit $8",
        tenant,
        state.item.as_deref(),
        state.plant.as_deref(),
        state.life,
        state.quality,
        state.custody,
        within,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}
