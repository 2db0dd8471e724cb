//! Search by ranges. No LIKE: under a policy it would read the whole table.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

/// A UID that a search leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// What matched; the order of results within one kind of search.
    pub text: String,
    /// The UID.
    pub key: i64,
    /// Item code.
    pub item: String,
    /// Plant.
    pub plant: String,
}

/// Where a page begins: after this text and key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct After {
    /// Text of the last result.
    pub text: String,
    /// Key of the last result.
    pub key: i64,
}

/// UIDs with keys in `low..=high`, after a key.
pub async fn by_key(
    tx: &mut Tx,
    low: i64,
    high: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<FoundRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        FoundRow,
        r#"select '' as "text!", key, item, plant from uid_registry
           where tenant_id = $1 and key >= $2 and key <= $3 and key > $4
           order by key limit $5"#,
        tenant,
        low,
        high,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// UIDs with an alias that begins with `from` (`to` is its upper bound).
pub async fn by_alias(
    tx: &mut Tx,
    from: &str,
    to: &str,
    after: &After,
    limit: i64,
) -> Result<Vec<FoundRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        FoundRow,
        r#"select a.alias as "text!", a.key, coalesce(r.item, '') as "item!", coalesce(r.plant, '') as "plant!"
           from (select alias, key from uid_aliases
                 where tenant_id = $1 and alias >= $2 and alias < $3 and (alias, key) > ($4, $5)
                 order by alias, key limit $6) a
           left join uid_registry r on r.tenant_id = $1 and r.key = a.key
           order by a.alias, a.key"#,
        tenant,
        from,
        to,
        after.text,
        after.key,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// UIDs of lots whose supplier lot begins with `from`.
pub async fn by_supplier_lot(
    tx: &mut Tx,
    from: &str,
    to: &str,
    after: &After,
    limit: i64,
) -> Result<Vec<FoundRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        FoundRow,
        r#"select l.supplier_lot as "text!", r.key as "key!", r.item as "item!", r.plant as "plant!"
           from lots l
           join uid_registry r on r.tenant_id = $1 and r.lot_id = l.lot_id
           where l.tenant_id = $1 and l.supplier_lot >= $2 and l.supplier_lot < $3
             and l.supplier_lot >= $4 and (l.supplier_lot, r.key) > ($4, $5)
           order by l.supplier_lot, r.key limit $6"#,
        tenant,
        from,
        to,
        after.text,
        after.key,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// UIDs of events with a document number that begins with `from`.
pub async fn by_document(
    tx: &mut Tx,
    from: &str,
    to: &str,
    after: &After,
    limit: i64,
) -> Result<Vec<FoundRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        FoundRow,
        r#"select f.number as "text!", f.key as "key!", coalesce(r.item, '') as "item!", coalesce(r.plant, '') as "plant!"
           from (select distinct d.number, s.key
                 from event_references d
                 join event_subjects s on s.tenant_id = $1 and s.agent_id = d.agent_id and s.epoch = d.epoch
                     and s.seq = d.seq
                 where d.tenant_id = $1 and d.number >= $2 and d.number < $3 and s.key <> 0
                   and d.number >= $4 and (d.number, s.key) > ($4, $5)
                 order by d.number, s.key limit $6) f
           left join uid_registry r on r.tenant_id = $1 and r.key = f.key
           order by f.number, f.key"#,
        tenant,
        from,
        to,
        after.text,
        after.key,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// An order that a search leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundOrder {
    /// `po`, `prodorder`, `so`, `transfer`.
    pub kind: String,
    /// Its number.
    pub number: String,
    /// The other side.
    pub partner: String,
    /// What it makes.
    pub item: String,
    /// Its plant.
    pub plant: String,
}

/// Orders whose number begins so, in lower case; of a transaction for some plants
/// those of these plants.
pub async fn orders(tx: &mut Tx, from: &str, to: &str, limit: i64) -> Result<Vec<FoundOrder>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        FoundOrder,
        r#"select type as "kind!", number, partner, item, plant from orders
           where tenant_id = $1 and number_search >= $2 and number_search < $3
             and ($5::text[] is null or plant = any($5))
           order by number_search, type, number limit $4"#,
        tenant,
        from,
        to,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

/// A hold that a search leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundHold {
    /// Its id.
    pub hold_id: Uuid,
    /// Why it was placed.
    pub reason: String,
    /// `placed` or `released`.
    pub status: String,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
}

/// Holds whose reason begins so, in lower case; of a transaction for some plants
/// those that hold something there, and the own ones.
pub async fn holds(tx: &mut Tx, from: &str, to: &str, limit: i64) -> Result<Vec<FoundHold>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        FoundHold,
        "select h.hold_id, h.reason, h.status, h.placed_at from holds h
         where h.tenant_id = $1 and h.reason_search >= $2 and h.reason_search < $3
           and ($5::text[] is null or h.placed_by = app.actor()
                or exists (select from hold_members m
                           join uid_registry r on r.tenant_id = $1 and r.key = m.key
                           where m.tenant_id = $1 and m.hold_id = h.hold_id and r.plant = any($5)))
         order by h.reason_search, h.hold_id limit $4",
        tenant,
        from,
        to,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}
