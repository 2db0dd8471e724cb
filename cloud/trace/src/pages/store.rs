//! SQL of the live pages.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;

/// Codes and time zones of plants.
pub async fn zones(tx: &mut Tx) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select code, time_zone from plants where tenant_id = $1 and deleted_at is null order by code",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.time_zone)).collect())
}

/// Names of operators among these ids, those who have left as well.
pub async fn operators(tx: &mut Tx, ids: &[String]) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select operator_id, name from operators where tenant_id = $1 and operator_id = any($2)",
        tenant,
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.operator_id, row.name)).collect())
}

/// Texts of these reasons by language, also of those that are no longer offered.
pub async fn reason_texts(tx: &mut Tx, codes: &[String]) -> Result<Vec<(String, Value)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select reason, texts from reasons where tenant_id = $1 and reason = any($2)",
        tenant,
        codes,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.reason, row.texts)).collect())
}

/// What these items are called, and that by language, also of those that are no longer used.
pub async fn item_names(tx: &mut Tx, codes: &[String]) -> Result<Vec<(String, String, Value)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select item, name, names from items where tenant_id = $1 and item = any($2)",
        tenant,
        codes,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.item, row.name, row.names)).collect())
}

/// How the tenant's master writes units of measure, of those that it says it of.
pub async fn unit_symbols(tx: &mut Tx) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select unit, symbol from units where tenant_id = $1 and symbol <> '' and deleted_at is null",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.unit, row.symbol)).collect())
}

/// An event in one line.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct LineRow {
    pub stage: i16,
    pub action: i16,
    pub occurred_at: DateTime<Utc>,
    pub plant: String,
    pub location: String,
    pub reference_number: String,
    pub key: Option<i64>,
    pub item: String,
}

/// The events that happened last at these plants and before `until`, newest first: of each
/// plant its own newest, by its index, so that no other plant's events hide them and the
/// answer costs the same whatever there is.
pub async fn latest(tx: &mut Tx, limit: i64, until: DateTime<Utc>) -> Result<Vec<LineRow>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        LineRow,
        r#"select e.stage as "stage!", e.action as "action!", e.occurred_at as "occurred_at!",
                  e.plant as "plant!", e.location as "location!", e.reference_number as "reference_number!",
                  s.key as "key?", coalesce(r.item, s.item, '') as "item!"
           from (select l.*
                 from plants p
                 cross join lateral (
                     select agent_id, epoch, seq, stage, action, occurred_at, plant, location, reference_number
                     from lifecycle_events
                     where tenant_id = $1 and plant = p.code and occurred_at < $4
                     order by occurred_at desc limit $2) l
                 where p.tenant_id = $1 and ($3::text[] is null or p.code = any($3))
                 order by l.occurred_at desc limit $2) e
           left join lateral (
               select p.key, p.item from event_subjects p
               where p.tenant_id = $1 and p.agent_id = e.agent_id and p.epoch = e.epoch and p.seq = e.seq
                 and p.key <> 0
               order by p.ordinal limit 1) s on true
           left join uid_registry r on r.tenant_id = $1 and r.key = s.key
           order by e.occurred_at desc, e.agent_id, e.epoch desc, e.seq desc"#,
        tenant,
        limit,
        plants.as_deref(),
        until,
    )
    .fetch_all(tx.conn())
    .await
}

/// How many events of each stage each plant recorded since `from`.
pub async fn counts(tx: &mut Tx, plant: &str, from: DateTime<Utc>) -> Result<Vec<(i16, i64)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select stage, count(*) as "count!" from lifecycle_events
           where tenant_id = $1 and plant = $2 and occurred_at >= $3
           group by stage order by stage"#,
        tenant,
        plant,
        from,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.stage, row.count)).collect())
}
