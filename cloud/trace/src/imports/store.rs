//! SQL of imports.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::changed::Change;
use super::masters::Masters;
use crate::ingest::store::Stream;

/// The agent of an import.
#[derive(Debug, Clone, Copy)]
pub struct AgentRow {
    /// Its id.
    pub agent_id: Uuid,
    /// When the import began.
    pub began: DateTime<Utc>,
}

/// The agent of an import that has begun, by its name.
pub async fn agent_find(tx: &mut Tx, name: &str) -> Result<Option<AgentRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        AgentRow,
        r#"select agent_id, enrolled_at as "began!" from agents
           where tenant_id = $1 and name = $2 and kind = 'import' and enrolled_at is not null"#,
        tenant,
        name,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Makes it, unless another process has; answers whether it was made here.
pub async fn agent_insert(tx: &mut Tx, name: &str, now: DateTime<Utc>) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let made = sqlx::query!(
        "insert into agents (tenant_id, agent_id, name, kind, status, enrolled_at) \
         values ($1, $2, $3, 'import', 'enrolled', $4) on conflict do nothing",
        tenant,
        Uuid::now_v7(),
        name,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(made.rows_affected() > 0)
}

/// Bytes of an event.
pub async fn payload(tx: &mut Tx, stream: Stream, seq: i64) -> Result<Option<Vec<u8>>, Error> {
    sqlx::query_scalar!(
        "select payload from lifecycle_events \
         where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq = $4",
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        seq,
    )
    .fetch_optional(tx.conn())
    .await
}

/// A range of numbers that an agent may still use.
#[derive(Debug, Clone)]
pub struct LeaseRow {
    /// Plant of the numbers.
    pub plant_code: String,
    /// Type of the numbers.
    pub type_code: String,
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// Whose they are.
    pub agent: String,
}

/// All such ranges, in order.
pub async fn leases(tx: &mut Tx) -> Result<Vec<LeaseRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        LeaseRow,
        "select l.plant_code, l.type_code, l.first, l.last, a.name as agent \
         from uid_leases l join agents a on a.tenant_id = $1 and a.agent_id = l.agent_id \
         where l.tenant_id = $1 and l.burnt_at is null and a.status <> 'revoked' \
         order by l.plant_code, l.type_code, l.first",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// What masters know of what rows name; nothing of a kind of which there are none.
pub async fn masters(tx: &mut Tx) -> Result<Masters, Error> {
    let tenant = tx.tenant();
    // What is deleted by now was used then.
    let units: BTreeSet<String> = sqlx::query_scalar!("select unit from units where tenant_id = $1", tenant)
        .fetch_all(tx.conn())
        .await?
        .into_iter()
        .collect();
    let items = sqlx::query!("select item, base_unit from items where tenant_id = $1", tenant)
        .fetch_all(tx.conn())
        .await?;
    let items: BTreeMap<String, String> = items.into_iter().map(|row| (row.item, row.base_unit)).collect();
    let mut partners: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let rows = sqlx::query!("select partner, roles from partners where tenant_id = $1", tenant)
        .fetch_all(tx.conn())
        .await?;
    for row in rows {
        for role in ["supplier", "customer"] {
            if row.roles.iter().any(|own| own == role) {
                partners.entry(role).or_default().insert(row.partner.clone());
            }
        }
    }
    let operators: BTreeSet<String> =
        sqlx::query_scalar!("select operator_id from operators where tenant_id = $1", tenant)
            .fetch_all(tx.conn())
            .await?
            .into_iter()
            .collect();
    Ok(Masters {
        units: Some(units).filter(|all| !all.is_empty()),
        items: Some(items).filter(|all| !all.is_empty()),
        suppliers: partners.remove("supplier"),
        customers: partners.remove("customer"),
        operators: Some(operators).filter(|all| !all.is_empty()),
    })
}

/// How base units of items changed, and which units and items were added, since then; in order,
/// at most `limit`.
pub async fn masters_changed(tx: &mut Tx, since: DateTime<Utc>, limit: i64) -> Result<Vec<Change>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Change,
        "select subject, at, before ->> 'base_unit' as before, after ->> 'base_unit' as after
         from audit_log
         where tenant_id = $1 and at >= $2 and after is not null
           and (subject >= 'items:' and subject < 'items;' and before ->> 'base_unit' is distinct from after ->> 'base_unit'
                or subject >= 'units:' and subject < 'units;' and before is null)
         order by at, audit_id limit $3",
        tenant,
        since,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// How many exceptions an import has opened that nobody has resolved.
pub async fn exceptions(tx: &mut Tx, agent_id: Uuid) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from exceptions
           where tenant_id = $1 and status <> 'resolved' and agent_id = $2"#,
        tenant,
        agent_id,
    )
    .fetch_one(tx.conn())
    .await
}

/// How many batches of the tenant stand before what follows from all events of an import is
/// worked out; 0 where it is.
pub async fn behind(tx: &mut Tx, stream: Stream) -> Result<i64, Error> {
    sqlx::query_scalar!(
        r#"select greatest(0,
               coalesce((select b.batch_id from ingest_batches b
                         where b.tenant_id = $1 and b.agent_id = $2 and b.epoch = $3
                         order by b.to_seq desc limit 1), 0)
               - coalesce((select c.through_batch from projection_cursors c
                           where c.tenant_id = $1 and c.projection = $4), 0)) as "behind!""#,
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        crate::projection::PROJECTION,
    )
    .fetch_one(tx.conn())
    .await
}
