//! Search by ranges. No LIKE: under a policy it would read the whole table.

use platform::db::Tx;
use sqlx::Error;

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
