//! All SQL of reading and chaining the audit log.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::chain::{Hash, Head, Row};
use super::list::Filter;
use crate::db::Tx;

/// One chaining of a tenant's log at a time.
pub async fn lock(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('audit ' || $1::uuid::text, 0))", tenant)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn anything_unchained(tx: &mut Tx) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from audit_unchained where tenant_id = $1) as "any!""#,
        tenant
    )
    .fetch_one(tx.conn())
    .await
}

/// Committed rows that wait to be chained, oldest first.
pub async fn unchained(tx: &mut Tx, limit: i64) -> Result<Vec<Row>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        "select l.audit_id, l.at, l.actor, l.action, l.subject, l.before::text as before, \
                l.after::text as after, l.origin \
         from audit_unchained u join audit_log l on l.tenant_id = $1 and l.audit_id = u.audit_id \
         where u.tenant_id = $1 order by u.audit_id limit $2",
        tenant,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Adds entries and takes their rows off the list.
pub async fn append(tx: &mut Tx, entries: &[(i64, Uuid, Hash)]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let numbers: Vec<i64> = entries.iter().map(|entry| entry.0).collect();
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.1).collect();
    let hashes: Vec<Vec<u8>> = entries.iter().map(|entry| entry.2.to_vec()).collect();
    sqlx::query!(
        "insert into audit_chain (tenant_id, n, audit_id, hash)
         select $1, w.n, w.id, w.hash from unnest($2::bigint[], $3::uuid[], $4::bytea[]) as w(n, id, hash)",
        tenant,
        &numbers,
        &ids,
        &hashes,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from audit_unchained where tenant_id = $1 and audit_id = any($2)", tenant, &ids)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub async fn head(tx: &mut Tx) -> Result<Option<Head>, Error> {
    let tenant = tx.tenant();
    let row =
        sqlx::query!("select n, hash from audit_chain where tenant_id = $1 order by n desc limit 1", tenant)
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.map(|row| Head { n: row.n, hash: hash(&row.hash) }))
}

/// The column is 32 bytes by its check.
fn hash(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap_or_default()
}

/// Entries after the n-th.
pub async fn entries(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<(i64, Uuid, Hash)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select n, audit_id, hash from audit_chain where tenant_id = $1 and n > $2 order by n limit $3",
        tenant,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.n, row.audit_id, hash(&row.hash))).collect())
}

/// The rows of these ids, as far as they are there.
pub async fn rows(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Row>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        "select audit_id, at, actor, action, subject, before::text as before, after::text as after, origin \
         from audit_log where tenant_id = $1 and audit_id = any($2)",
        tenant,
        ids,
    )
    .fetch_all(tx.conn())
    .await
}

/// What stands beside the chain.
pub struct Beside {
    /// Rows that wait to be chained.
    pub waiting: i64,
    /// Rows that neither chain nor list has.
    pub unknown: Vec<Uuid>,
    /// What the list has, and the log has not.
    pub taken_out: Vec<Uuid>,
}

/// Compares log, list and chain. Reads all of the log.
pub async fn beside(tx: &mut Tx, most: usize) -> Result<Beside, Error> {
    let tenant = tx.tenant();
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let waiting =
        sqlx::query_scalar!(r#"select count(*) as "n!" from audit_unchained where tenant_id = $1"#, tenant)
            .fetch_one(tx.conn())
            .await?;
    let unknown = sqlx::query_scalar!(
        "select l.audit_id from audit_log l where l.tenant_id = $1
           and not exists (select from audit_chain c where c.tenant_id = $1 and c.audit_id = l.audit_id)
           and not exists (select from audit_unchained u where u.tenant_id = $1 and u.audit_id = l.audit_id)
         limit $2",
        tenant,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    let taken_out = sqlx::query_scalar!(
        "select u.audit_id from audit_unchained u where u.tenant_id = $1
           and not exists (select from audit_log l where l.tenant_id = $1 and l.audit_id = u.audit_id)
         limit $2",
        tenant,
        most,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(Beside { waiting, unknown, taken_out })
}

/// A row as people read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub audit_id: Uuid,
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub origin: Option<String>,
}

/// Rows of the filter that are of the transaction's plants or of none, newest first, after
/// a place.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Shown>, Error> {
    let (tenant, plants) = (tx.tenant(), tx.plants().codes());
    let (at, id) = after.unzip();
    sqlx::query_as!(
        Shown,
        "select audit_id, at, actor, action, subject, before, after, origin from audit_log
         where tenant_id = $1
           and ($2 = '' or actor = $2) and ($3 = '' or action = $3) and ($4 = '' or subject = $4)
           and ($5::timestamptz is null or at >= $5) and ($6::timestamptz is null or at < $6)
           and ($7::timestamptz is null or (at, audit_id) < ($7, $8))
           and (cardinality($10::text[]) = 0 or actor = any($10))
           and (cardinality($12::text[]) = 0 or action = any($12))
           and (cardinality($13::text[]) = 0 or subject = any($13))
           and ($11::text[] is null or plants is null or plants && $11)
         order by at desc, audit_id desc limit $9",
        tenant,
        filter.actor,
        filter.action,
        filter.subject,
        filter.from,
        filter.until,
        at,
        id,
        limit,
        &filter.actors,
        plants.as_deref(),
        &filter.actions,
        &filter.subjects,
    )
    .fetch_all(tx.conn())
    .await
}

/// How many rows of [`list`] the filter has, counted up to `most`.
pub async fn count(tx: &mut Tx, filter: &Filter, most: i64) -> Result<i64, Error> {
    let (tenant, plants) = (tx.tenant(), tx.plants().codes());
    sqlx::query_scalar!(
        r#"select count(*) as "n!" from (
               select from audit_log
               where tenant_id = $1
                 and ($2 = '' or actor = $2) and ($3 = '' or action = $3) and ($4 = '' or subject = $4)
                 and ($5::timestamptz is null or at >= $5) and ($6::timestamptz is null or at < $6)
                 and (cardinality($8::text[]) = 0 or actor = any($8))
                 and (cardinality($10::text[]) = 0 or action = any($10))
                 and (cardinality($11::text[]) = 0 or subject = any($11))
                 and ($9::text[] is null or plants is null or plants && $9)
               limit $7) l"#,
        tenant,
        filter.actor,
        filter.action,
        filter.subject,
        filter.from,
        filter.until,
        most,
        &filter.actors,
        plants.as_deref(),
        &filter.actions,
        &filter.subjects,
    )
    .fetch_one(tx.conn())
    .await
}

/// Ids and names of people of the office, and of operators of the transaction's plants,
/// whose name, e-mail address or code has the text, which is in small letters.
pub async fn called(tx: &mut Tx, text: &str, limit: i64) -> Result<Vec<(String, String)>, Error> {
    let (tenant, plants) = (tx.tenant(), tx.plants().codes());
    let rows = sqlx::query!(
        r#"(select 'user:' || user_id as "id!", name as "name!" from users
            where tenant_id = $1 and (position($2 in lower(name)) > 0 or position($2 in lower(email)) > 0)
            order by name limit $3)
           union all
           (select 'operator:' || operator_id, name from operators
            where tenant_id = $1 and (position($2 in lower(name)) > 0 or lower(operator_id) = $2)
              and ($4::text[] is null or plants = '{}' or plants && $4)
            order by name limit $3)"#,
        tenant,
        text,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The request of this number.
pub async fn request_of(tx: &mut Tx, number: i64) -> Result<Option<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select request_id from requests where tenant_id = $1 and number = $2",
        tenant,
        number
    )
    .fetch_optional(tx.conn())
    .await
}

/// What requests, approvals, webhooks, workflows and recalls of these ids are called, each by
/// what the audit calls it. Of a document its number: what people wrote of it stays with it.
pub async fn things(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select 'request:' || r.request_id as "id!", 'RQ-' || lpad(r.number::text, greatest(6, length(r.number::text)), '0') as "name!"
           from requests r where r.tenant_id = $1 and r.request_id = any($2)
           union all
           select 'workflow:' || i.instance_id,
                  'RQ-' || lpad(r.number::text, greatest(6, length(r.number::text)), '0')
           from workflow_instances i
           join requests r on r.tenant_id = $1 and r.request_id = i.subject_id
           where i.tenant_id = $1 and i.instance_id = any($2) and i.subject_kind = 'request'
           union all
           select 'workflow:' || i.instance_id, c.number
           from workflow_instances i
           join recalls c on c.tenant_id = $1 and c.recall_id = i.subject_id
           where i.tenant_id = $1 and i.instance_id = any($2) and i.subject_kind = 'recall'
           union all
           select 'webhook:' || webhook_id, coalesce(nullif(name, ''), url)
           from webhooks where tenant_id = $1 and webhook_id = any($2)
           union all
           select 'definition:' || definition_id, name
           from workflow_definitions where tenant_id = $1 and definition_id = any($2) and name <> ''
           union all
           select 'recall:' || recall_id, number
           from recalls where tenant_id = $1 and recall_id = any($2)"#,
        tenant,
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Names of people by id, as far as they are there.
pub async fn names(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select user_id, name from users where tenant_id = $1 and user_id = any($2)",
        tenant,
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.name)).collect())
}
