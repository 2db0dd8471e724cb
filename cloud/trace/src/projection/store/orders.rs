//! Orders and what facts did for them.

use std::collections::BTreeMap;

use platform::db::Tx;
use platform::reference;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use crate::projection::orders::Line;

/// An order, as far as counting needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct OrderRow {
    pub plant: String,
    pub partner: String,
    pub item: String,
    pub quantity: Option<Decimal>,
    pub status: String,
}

/// An order, locked.
pub async fn order(tx: &mut Tx, kind: &str, number: &str) -> Result<Option<OrderRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        OrderRow,
        "select plant, partner, item, quantity, status from orders \
         where tenant_id = $1 and type = $2 and number = $3 for update",
        tenant,
        kind,
        number,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Its lines.
pub async fn lines(tx: &mut Tx, kind: &str, number: &str) -> Result<Vec<Line>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Line,
        "select line, item, quantity from order_lines \
         where tenant_id = $1 and type = $2 and number = $3 order by line",
        tenant,
        kind,
        number,
    )
    .fetch_all(tx.conn())
    .await
}

/// What an event did for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// The event, to see whether a correction names it.
    pub event_id: Uuid,
    /// The line that it names; 0 for none.
    pub line: i32,
    /// Of what.
    pub item: String,
    /// How much.
    pub quantity: Decimal,
}

/// All that was told of an order, corrected or not.
///
/// * `po`: what a receipt minted;
/// * `prodorder`: what came into being at a station that names it, but not by
///   splitting what was the same item before;
/// * `so`: what was dispatched;
/// * `transfer`: what left for it and has arrived. Content arrives with the
///   package before it in the list.
///
/// What left counts with what was booked out for it, since a label's quantity
/// goes on changing.
pub async fn parts(tx: &mut Tx, kind: &str, number: &str) -> Result<Vec<PartRow>, Error> {
    let tenant = tx.tenant();
    match kind {
        "po" | "prodorder" => {
            let receipts = kind == "po";
            sqlx::query_as!(
                PartRow,
                r#"select e.event_id, d.line, s.item, coalesce(s.quantity, 1) as "quantity!"
                   from event_references d
                   join lifecycle_events e on e.tenant_id = $1 and e.agent_id = d.agent_id and e.epoch = d.epoch
                       and e.seq = d.seq
                   join event_subjects s on s.tenant_id = $1 and s.agent_id = d.agent_id and s.epoch = d.epoch
                       and s.seq = d.seq and s.mint
                   where d.tenant_id = $1 and d.type = $2 and d.number = $3
                     and case when $4 then e.stage = 3 else e.stage in (5, 15, 17, 18, 19) end
                     and ($4 or not exists (
                         select from event_subjects i
                         join uid_registry r on r.tenant_id = $1 and r.key = i.key
                         where i.tenant_id = $1 and i.agent_id = d.agent_id and i.epoch = d.epoch
                           and i.seq = d.seq and i.role = 2 and r.item = s.item))"#,
                tenant,
                kind,
                number,
                receipts,
            )
            .fetch_all(tx.conn())
            .await
        }
        _ => {
            let sales = kind == "so";
            sqlx::query_as!(
                PartRow,
                r#"select e.event_id, d.line, coalesce(nullif(s.item, ''), r.item, '') as "item!",
                          coalesce(s.quantity,
                                   (select -sum(l.quantity) from stock_ledger l
                                    where l.tenant_id = $1 and l.key = s.key and l.agent_id = d.agent_id
                                      and l.epoch = d.epoch and l.seq = d.seq), 1) as "quantity!"
                   from event_references d
                   join lifecycle_events e on e.tenant_id = $1 and e.agent_id = d.agent_id and e.epoch = d.epoch
                       and e.seq = d.seq
                   join event_subjects s on s.tenant_id = $1 and s.agent_id = d.agent_id and s.epoch = d.epoch
                       and s.seq = d.seq and s.role in (0, 1, 5)
                   left join uid_registry r on r.tenant_id = $1 and r.key = s.key
                   left join lateral (
                       select b.key from event_subjects b
                       where b.tenant_id = $1 and b.agent_id = d.agent_id and b.epoch = d.epoch
                         and b.seq = d.seq and b.ordinal < s.ordinal and b.role in (0, 1) and s.role = 5
                       order by b.ordinal desc limit 1) box on true
                   where d.tenant_id = $1 and d.type = $2 and d.number = $3
                     and case when $4 then e.stage = 28 else e.stage = 25 and e.action <> 2 and exists (
                             select from transfers t
                             where t.tenant_id = $1 and t.key in (s.key, box.key) and t.out_agent = d.agent_id
                               and t.out_epoch = d.epoch and t.out_seq = d.seq
                               and t.arrived_at is not null) end"#,
                tenant,
                kind,
                number,
                sales,
            )
            .fetch_all(tx.conn())
            .await
        }
    }
}

/// Sets what is done of the lines.
pub async fn lines_write(
    tx: &mut Tx,
    kind: &str,
    number: &str,
    done: &BTreeMap<i32, Decimal>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    let lines: Vec<i32> = done.keys().copied().collect();
    let sums: Vec<Decimal> = done.values().copied().collect();
    sqlx::query!(
        "update order_lines l set done = u.done from unnest($4::integer[], $5::numeric[]) as u(line, done) \
         where l.tenant_id = $1 and l.type = $2 and l.number = $3 and l.line = u.line and l.done <> u.done",
        tenant,
        kind,
        number,
        &lines,
        &sums,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Sets what is made, and the status.
pub async fn order_write(
    tx: &mut Tx,
    kind: &str,
    number: &str,
    done: Decimal,
    status: &str,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update orders set done = $4, status = $5 \
         where tenant_id = $1 and type = $2 and number = $3 and (done, status) is distinct from ($4, $5)",
        tenant,
        kind,
        number,
        done,
        status,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What plants were told of an order, by the ids of its rows.
pub async fn published(tx: &mut Tx, ids: &[String]) -> Result<Vec<reference::Row>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select id, plant, body, deleted from reference_rows \
         where tenant_id = $1 and kind = 'order' and id = any($2) order by id",
        tenant,
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| reference::Row {
            kind: "order".into(),
            id: row.id,
            plant: (!row.plant.is_empty()).then_some(row.plant),
            body: row.body,
            deleted: row.deleted,
        })
        .collect())
}
