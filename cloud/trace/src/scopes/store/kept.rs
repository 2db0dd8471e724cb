//! Scopes as they are kept.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

/// The UIDs of a scope, in order; none where there is no such scope, or it is not whole.
pub async fn members(tx: &mut Tx, tenant: Uuid, scope: Uuid) -> Result<Vec<i64>, Error> {
    sqlx::query_scalar!(
        "select m.key from scope_members m where m.tenant_id = $1 and m.scope_id = $2 \
             and exists (select from scopes s where s.tenant_id = $1 and s.scope_id = $2 and s.state = 'kept') \
         order by m.key",
        tenant,
        scope,
    )
    .fetch_all(tx.conn())
    .await
}

/// Whether a scope is whole, and not still being saved; `None` where there is no such scope.
pub async fn whole(tx: &mut Tx, tenant: Uuid, scope: Uuid) -> Result<Option<bool>, Error> {
    sqlx::query_scalar!(
        "select state = 'kept' as \"whole!\" from scopes \
         where tenant_id = $1 and scope_id = $2 and deleted_at is null",
        tenant,
        scope,
    )
    .fetch_optional(tx.conn())
    .await
}

/// A scope.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct ScopeRow {
    pub scope_id: Uuid,
    pub name: String,
    pub criteria: Value,
    pub state: String,
    pub asked: i32,
    pub to_ask: i32,
    pub written: i32,
    pub failure: Option<Value>,
    pub members: i32,
    pub through_batch: i64,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
    /// The caller made it.
    pub own: bool,
}

/// A scope that is written.
pub struct New<'a> {
    pub scope_id: Uuid,
    pub name: &'a str,
    pub criteria: &'a Value,
    /// `kept`, or `saving` where a job goes on with it.
    pub state: &'a str,
    pub asked: i32,
    pub to_ask: i32,
    pub members: i32,
    pub through_batch: i64,
}

/// Writes a scope without its UIDs.
pub async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into scopes (tenant_id, scope_id, name, criteria, state, asked, to_ask, members, through_batch) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant,
        new.scope_id,
        new.name,
        new.criteria,
        new.state,
        new.asked,
        new.to_ask,
        new.members,
        new.through_batch,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes UIDs of a scope.
pub async fn insert_members(tx: &mut Tx, scope: Uuid, keys: &[i64]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into scope_members (tenant_id, scope_id, key) select $1, $2, key from unnest($3::bigint[]) as key",
        tenant,
        scope,
        keys,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Scopes, newest first (their ids are ordered by time), before one. Of a transaction for
/// some plants those with a unit that is there now, once they are whole, and the caller's own.
pub async fn list(tx: &mut Tx, before: Option<Uuid>, limit: i64) -> Result<Vec<ScopeRow>, Error> {
    let (tenant, plants) = (tx.tenant(), tx.plants().codes());
    sqlx::query_as!(
        ScopeRow,
        r#"select s.scope_id, s.name, s.criteria, s.state, s.asked, s.to_ask, s.written, s.failure, s.members,
                  s.through_batch, s.created_at as "created_at!",
                  s.created_by as "created_by!", s.created_by = app.actor() as "own!"
           from scopes s
           where s.tenant_id = $1 and s.deleted_at is null and ($2::uuid is null or s.scope_id < $2)
             and ($4::text[] is null or s.created_by = app.actor()
                  or s.state = 'kept' and exists (select from scope_members m
                             join uid_registry r on r.tenant_id = $1 and r.key = m.key
                             where m.tenant_id = $1 and m.scope_id = s.scope_id and r.plant = any($4)))
           order by s.scope_id desc limit $3"#,
        tenant,
        before,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

/// A scope that the caller may see, as in [`list`].
pub async fn get(tx: &mut Tx, scope: Uuid) -> Result<Option<ScopeRow>, Error> {
    let (tenant, plants) = (tx.tenant(), tx.plants().codes());
    sqlx::query_as!(
        ScopeRow,
        r#"select s.scope_id, s.name, s.criteria, s.state, s.asked, s.to_ask, s.written, s.failure, s.members,
                  s.through_batch, s.created_at as "created_at!",
                  s.created_by as "created_by!", s.created_by = app.actor() as "own!"
           from scopes s
           where s.tenant_id = $1 and s.scope_id = $2 and s.deleted_at is null
             and ($3::text[] is null or s.created_by = app.actor()
                  or s.state = 'kept' and exists (select from scope_members m
                             join uid_registry r on r.tenant_id = $1 and r.key = m.key
                             where m.tenant_id = $1 and m.scope_id = s.scope_id and r.plant = any($3)))"#,
        tenant,
        scope,
        plants.as_deref(),
    )
    .fetch_optional(tx.conn())
    .await
}

/// How the units of a scope were asked for, by whom and when.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct AskedRow {
    pub criteria: Value,
    pub created_at: DateTime<Utc>,
    pub created_by: String,
    /// The caller made it.
    pub own: bool,
}

/// How a scope was made, also one that was taken out of the lists: of what came of it that is
/// told all the same.
pub async fn asked(tx: &mut Tx, scope: Uuid) -> Result<Option<AskedRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        AskedRow,
        r#"select criteria, created_at as "created_at!", created_by as "created_by!",
                  created_by = app.actor() as "own!"
           from scopes where tenant_id = $1 and scope_id = $2"#,
        tenant,
        scope,
    )
    .fetch_optional(tx.conn())
    .await
}

/// UIDs of a scope after one, in order.
pub async fn members_after(tx: &mut Tx, scope: Uuid, after: i64, limit: i64) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select key from scope_members where tenant_id = $1 and scope_id = $2 and key > $3 order by key limit $4",
        tenant,
        scope,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Takes a scope out of the lists. Its UIDs stay: holds and recalls came of it.
pub async fn delete(tx: &mut Tx, scope: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update scopes set deleted_at = $3, version = version + 1 where tenant_id = $1 and scope_id = $2",
        tenant,
        scope,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
