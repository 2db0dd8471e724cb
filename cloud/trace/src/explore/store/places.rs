//! Where a trace begins besides a UID: lots, documents, customers, machines, stations, people.

use chrono::{DateTime, NaiveDate, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use super::label::Place;
use crate::explore::places::Who;

/// Most rows that are looked through for what has no index of its own.
pub const MOST_LOOKED_THROUGH: i64 = 1_000;
/// An act that was refused, and is none.
const REFUSED: i16 = proto::v1::Stage::Refused as i16;
/// Most labels of a lot that its piles count.
pub const MOST_IN_PILES: i64 = 20_000;

/// Lots with exactly one of these supplier's numbers.
pub async fn lots_numbered(tx: &mut Tx, numbers: &[String], limit: i64) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select lot_id from lots where tenant_id = $1 and supplier_lot = any($2) order by lot_id limit $3",
        tenant,
        numbers,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Lots of a supplier, the newest first.
pub async fn lots_supplied(tx: &mut Tx, supplier: &str, limit: i64) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select lot_id from lots where tenant_id = $1 and supplier = $2 order by lot_id desc limit $3",
        tenant,
        supplier,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// A label of a lot.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct LotUnit {
    pub key: i64,
    pub quantity: Option<Decimal>,
    pub unit: String,
    pub life: i16,
    pub quality: i16,
    pub custody: i16,
    pub plant: String,
    pub location: String,
}

/// Labels of a lot after a key.
pub async fn lot_units(tx: &mut Tx, lot: Uuid, after: i64, limit: i64) -> Result<Vec<LotUnit>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        LotUnit,
        "select key, quantity, unit, life, quality, custody, plant, location from uid_registry
         where tenant_id = $1 and lot_id = $2 and key > $3 order by key limit $4",
        tenant,
        lot,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Of which types a document with this number is: orders, and what events name.
pub async fn document_types(tx: &mut Tx, numbers: &[String]) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select type as "kind!", number as "number!" from orders
           where tenant_id = $1 and type = any('{po,prodorder,so,transfer}') and number = any($2)
           union
           select d.type, d.number
           from (select type, number from event_references
                 where tenant_id = $1 and number = any($2) and type <> '' limit $3) d
           order by 2, 1 limit 20"#,
        tenant,
        numbers,
        MOST_LOOKED_THROUGH,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.number)).collect())
}

/// An order.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct OrderRow {
    pub kind: String,
    pub number: String,
    pub plant: String,
    pub partner: String,
    pub item: String,
    pub quantity: Option<Decimal>,
    pub ordered_at: Option<DateTime<Utc>>,
    pub due_on: Option<NaiveDate>,
    pub status: String,
}

/// An order by type and number.
pub async fn order(tx: &mut Tx, kind: &str, number: &str) -> Result<Option<OrderRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        OrderRow,
        r#"select type as kind, number, plant, partner, item, quantity, ordered_at, due_on, status
           from orders where tenant_id = $1 and type = $2 and number = $3"#,
        tenant,
        kind,
        number,
    )
    .fetch_optional(tx.conn())
    .await
}

/// A customer's sales orders after a number.
pub async fn orders_of(tx: &mut Tx, customer: &str, after: &str, limit: i64) -> Result<Vec<OrderRow>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        OrderRow,
        r#"select type as kind, number, plant, partner, item, quantity, ordered_at, due_on, status
           from orders
           where tenant_id = $1 and partner = $2 and type = 'so' and number > $3
             and ($5::text[] is null or plant = any($5))
           order by number limit $4"#,
        tenant,
        customer,
        after,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

/// A customer's code, name and town.
pub async fn customer(tx: &mut Tx, codes: &[String]) -> Result<Option<(String, String, String)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select partner, name, place from partners
         where tenant_id = $1 and partner = any($2) and is_customer order by partner limit 1",
        tenant,
        codes,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.partner, row.name, row.place)))
}

/// Customers whose name begins so, in lower case: code, name and town.
pub async fn customers_named(
    tx: &mut Tx,
    from: &str,
    to: &str,
    limit: i64,
) -> Result<Vec<(String, String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select partner, name, place from partners
         where tenant_id = $1 and name_search >= $2 and name_search < $3 and is_customer
         order by name_search, partner limit $4",
        tenant,
        from,
        to,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.partner, row.name, row.place)).collect())
}

/// People at stations whose name begins so, in lower case: id and name.
pub async fn operators_named(
    tx: &mut Tx,
    from: &str,
    to: &str,
    limit: i64,
) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select operator_id, name from operators
         where tenant_id = $1 and name_search >= $2 and name_search < $3
         order by name_search, operator_id limit $4",
        tenant,
        from,
        to,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.operator_id, row.name)).collect())
}

/// Machines with one of these codes, as the master has them: code, name, plant. Two plants
/// may have one of the same code.
pub async fn machines(
    tx: &mut Tx,
    codes: &[String],
    plant: Option<&str>,
) -> Result<Vec<(String, String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select machine, name, plant from machines where tenant_id = $1 and machine = any($2) \
           and ($3::text is null or plant = $3) order by machine, plant limit 20",
        tenant,
        codes,
        plant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.machine, row.name, row.plant)).collect())
}

/// What a macro makes of the column that names a machine, a station or a person in events.
macro_rules! column_of {
    ($who:expr, $of:ident) => {
        match $who {
            Who::Machine => $of!("machine"),
            Who::Station => $of!("station"),
            Who::Operator => $of!("operator_id"),
        }
    };
}

/// Plants of the newest events that name a machine, a station or a person, one for each event, at
/// most `limit`. The order keeps it on its index: how common the code is must not matter.
pub async fn plants_of(tx: &mut Tx, who: Who, code: &str, limit: i64) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    macro_rules! of {
        ($column:literal) => {
            sqlx::query_scalar!(
                "select plant from lifecycle_events where tenant_id = $1 and "
                    + $column
                    + " = $2 and "
                    + $column
                    + " <> '' \
                 order by occurred_at desc limit $3",
                tenant,
                code,
                limit,
            )
            .fetch_all(tx.conn())
            .await
        };
    }
    column_of!(who, of)
}

/// Plants and times of the newest events of a machine, a station or a person before a moment,
/// refusals left out.
pub async fn before(
    tx: &mut Tx,
    (who, code): (Who, &str),
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(String, DateTime<Utc>)>, Error> {
    let tenant = tx.tenant();
    macro_rules! of {
        ($column:literal) => {
            sqlx::query!(
                "select plant, occurred_at from lifecycle_events
         where tenant_id = $1 and "
                    + $column
                    + " = $2 and "
                    + $column
                    + " <> '' and occurred_at < $3 and stage <> $4
         order by occurred_at desc limit $5",
                tenant,
                code,
                before,
                REFUSED,
                limit,
            )
            .fetch_all(tx.conn())
            .await?
            .into_iter()
            .map(|row| (row.plant, row.occurred_at))
            .collect()
        };
    }
    Ok(column_of!(who, of))
}

/// An event, as a machine, a person or a document knows it.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct PassRow {
    pub agent_id: Uuid,
    pub epoch: i32,
    pub seq: i64,
    pub event_id: Uuid,
    pub stage: i16,
    pub action: i16,
    pub occurred_at: DateTime<Utc>,
    pub plant: String,
    pub station: String,
    pub operator_id: String,
    pub location: String,
    pub operation: String,
    pub attempt: i32,
    pub outcome: i16,
    pub machine: String,
    pub reference_type: String,
    pub reference_number: String,
}

/// Events of a machine, a station or a person in a window after a place, oldest first; at one plant,
/// or at all.
pub async fn events(
    tx: &mut Tx,
    (who, code, plant): (Who, &str, Option<&str>),
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    after: &Place,
    limit: i64,
) -> Result<Vec<PassRow>, Error> {
    let tenant = tx.tenant();
    macro_rules! of {
        ($column:literal) => {
            sqlx::query_as!(
                PassRow,
                "select agent_id, epoch, seq, event_id, stage, action, occurred_at, plant, station, operator_id,
                location, operation, attempt, outcome, machine, reference_type, reference_number
         from lifecycle_events
         where tenant_id = $1 and " + $column + " = $2 and " + $column + " <> '' and occurred_at >= $3 and occurred_at < $4
           and occurred_at >= $5 and (occurred_at, agent_id, epoch, seq) > ($5, $6, $7, $8)
           and ($10::text is null or plant = $10)
         order by occurred_at, agent_id, epoch, seq limit $9",
                tenant,
                code,
                from,
                to,
                after.at,
                after.agent,
                after.epoch,
                after.seq,
                limit,
                plant,
            )
            .fetch_all(tx.conn())
            .await
        };
    }
    column_of!(who, of)
}

/// Events that name a document, after a place (whose time does not count), stream
/// after stream in the order in which they were written down.
pub async fn document_events(
    tx: &mut Tx,
    kind: &str,
    number: &str,
    after: &Place,
    limit: i64,
) -> Result<Vec<PassRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        PassRow,
        r#"select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at, e.plant, e.station,
                  e.operator_id, e.location, e.operation, e.attempt, e.outcome, e.machine, e.reference_type,
                  e.reference_number
           from (select distinct agent_id, epoch, seq from event_references
                 where tenant_id = $1 and number = $2 and type = $3 and (agent_id, epoch, seq) > ($4, $5, $6)
                 order by agent_id, epoch, seq limit $7) d
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = d.agent_id and e.epoch = d.epoch
               and e.seq = d.seq
           order by e.agent_id, e.epoch, e.seq"#,
        tenant,
        number,
        kind,
        after.agent,
        after.epoch,
        after.seq,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Events that name a customer, or one of its sales orders, as [`document_events`].
pub async fn customer_events(
    tx: &mut Tx,
    customer: &str,
    after: &Place,
    limit: i64,
) -> Result<Vec<PassRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        PassRow,
        r#"select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at, e.plant, e.station,
                  e.operator_id, e.location, e.operation, e.attempt, e.outcome, e.machine, e.reference_type,
                  e.reference_number
           from (select agent_id, epoch, seq from (
                     (select agent_id, epoch, seq from event_references
                      where tenant_id = $1 and number = $2 and type = 'customer'
                        and (agent_id, epoch, seq) > ($3, $4, $5)
                      order by agent_id, epoch, seq limit $6)
                     union
                     select d.agent_id, d.epoch, d.seq
                     from (select number from orders where tenant_id = $1 and type = 'so' and partner = $2
                           order by number desc limit $7) o
                     join lateral (select agent_id, epoch, seq from event_references
                                   where tenant_id = $1 and number = o.number and type = 'so'
                                     and (agent_id, epoch, seq) > ($3, $4, $5)
                                   order by agent_id, epoch, seq limit $6) d on true) d
                 order by agent_id, epoch, seq limit $6) d
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = d.agent_id and e.epoch = d.epoch
               and e.seq = d.seq
           order by e.agent_id, e.epoch, e.seq"#,
        tenant,
        customer,
        after.agent,
        after.epoch,
        after.seq,
        limit,
        MOST_LOOKED_THROUGH,
    )
    .fetch_all(tx.conn())
    .await
}

/// A UID of an event.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Which of the events asked for, from 1.
    pub event: i64,
    /// The UID.
    pub key: i64,
    /// What it does in it.
    pub role: i16,
    /// Its item.
    pub item: String,
}

/// UIDs of these events, of each at most `most`.
pub async fn subjects(tx: &mut Tx, events: &[PassRow], most: i64) -> Result<Vec<Subject>, Error> {
    let tenant = tx.tenant();
    let agents: Vec<Uuid> = events.iter().map(|event| event.agent_id).collect();
    let epochs: Vec<i32> = events.iter().map(|event| event.epoch).collect();
    let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
    sqlx::query_as!(
        Subject,
        r#"select e.n as "event!", s.key as "key!", s.role as "role!",
                  coalesce((select r.item from uid_registry r where r.tenant_id = $1 and r.key = s.key),
                           s.item) as "item!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[]) with ordinality
                as e(agent_id, epoch, seq, n)
           join lateral (select key, role, item, ordinal from event_subjects
                         where tenant_id = $1 and agent_id = e.agent_id and epoch = e.epoch and seq = e.seq
                           and key <> 0
                         order by ordinal limit $5) s on true
           order by e.n, s.ordinal"#,
        tenant,
        &agents,
        &epochs,
        &seqs,
        most,
    )
    .fetch_all(tx.conn())
    .await
}
