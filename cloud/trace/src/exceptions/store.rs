//! SQL of exceptions.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

/// A row, with the UID as its key.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Row {
    pub exception_id: Uuid,
    pub kind: String,
    pub status: String,
    pub plant: String,
    pub key: Option<i64>,
    pub document: String,
    pub detail: Value,
    pub opened_at: DateTime<Utc>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolved_by: Option<String>,
    pub resolution: Option<String>,
}

/// Which exceptions; empty texts mean all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Status.
    pub status: String,
    /// Kind.
    pub kind: String,
    /// Plant.
    pub plant: String,
}

/// Exceptions of one status, newest first, after a place.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let tenant = tx.tenant();
    let (at, id) = after.unzip();
    sqlx::query_as!(
        Row,
        r#"select exception_id, kind, status, plant, key, document, detail, opened_at, resolved_at, resolved_by,
                  resolution
           from exceptions
           where tenant_id = $1 and status = $2
             and ($3 = '' or kind = $3) and ($4 = '' or plant = $4)
             and ($5::timestamptz is null or opened_at < $5 or (opened_at = $5 and exception_id > $6))
           order by opened_at desc, exception_id
           limit $7"#,
        tenant,
        filter.status,
        filter.kind,
        filter.plant,
        at,
        id,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Kinds and numbers of open exceptions, most first.
pub async fn open_counts(tx: &mut Tx) -> Result<Vec<(String, i64)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select kind, count(*) as "count!" from exceptions
           where tenant_id = $1 and status = 'open' group by kind order by 2 desc, 1"#,
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.count)).collect())
}
