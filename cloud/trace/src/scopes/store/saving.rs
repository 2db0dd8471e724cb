//! Scopes that a job saves: their state, their progress, their answer.

use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

/// A scope that a job is to save.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the tables, described in the schema")]
pub struct Job {
    pub scope_id: Uuid,
    pub criteria: Value,
    pub created_by: String,
    pub plants: Option<Vec<String>>,
    pub zone: String,
    /// The answer is there.
    pub found: bool,
    /// Somebody deleted it before it was whole.
    pub gone: bool,
}

/// Puts a scope into the hands of the job; with its answer, where that is there already.
pub async fn insert(
    tx: &mut Tx,
    scope: Uuid,
    (plants, zone): (Option<&[String]>, &str),
    found: Option<&[i64]>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into scope_saves (tenant_id, scope_id, plants, zone, found) values ($1, $2, $3, $4, $5)",
        tenant,
        scope,
        plants,
        zone,
        found,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The next scope that there is something to do for, the oldest first.
pub async fn next(tx: &mut Tx) -> Result<Option<Job>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Job,
        r#"select s.scope_id, s.criteria, s.created_by as "created_by!", v.plants, v.zone,
                  v.found is not null as "found!", s.deleted_at is not null as "gone!"
           from scopes s join scope_saves v on v.tenant_id = $1 and v.scope_id = s.scope_id
           where s.tenant_id = $1 and s.state <> 'kept' and (s.state = 'saving' or s.deleted_at is not null)
           order by s.scope_id limit 1"#,
        tenant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Takes a scope in hand until the end of the transaction; `false` while another process
/// has it.
pub async fn claim(tx: &mut Tx, scope: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let claimed = sqlx::query_scalar!(
        "select 1 as one from scope_saves where tenant_id = $1 and scope_id = $2 for update skip locked",
        tenant,
        scope,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(claimed.is_some())
}

/// Notes how many conditions were asked; `false` when it is not to be saved any more.
pub async fn asked(tx: &mut Tx, scope: Uuid, asked: i32) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update scopes set asked = $3 \
         where tenant_id = $1 and scope_id = $2 and state = 'saving' and deleted_at is null",
        tenant,
        scope,
        asked,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps the answer, from which the units are written; nothing when it was stopped.
pub async fn found(tx: &mut Tx, scope: Uuid, keys: &[i64], through_batch: i64) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update scope_saves set found = $3 where tenant_id = $1 and scope_id = $2",
        tenant,
        scope,
        keys,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update scopes set asked = to_ask, members = $3, through_batch = $4 where tenant_id = $1 and scope_id = $2",
        tenant,
        scope,
        i32::try_from(keys.len()).unwrap_or(i32::MAX),
        through_batch,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many units are written, of how many, locked; `None` when it is not to be saved any
/// more.
pub async fn written(tx: &mut Tx, scope: Uuid) -> Result<Option<(i32, i32)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select written, members from scopes \
         where tenant_id = $1 and scope_id = $2 and state = 'saving' and deleted_at is null for update",
        tenant,
        scope,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.written, row.members)))
}

/// Writes the units of the answer after the first `from`, up to the `to`th.
pub async fn write(tx: &mut Tx, scope: Uuid, from: i32, to: i32) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into scope_members (tenant_id, scope_id, key) \
         select $1, $2, k.key from scope_saves v cross join lateral unnest(v.found[$3:$4]) as k(key) \
         where v.tenant_id = $1 and v.scope_id = $2",
        tenant,
        scope,
        from + 1,
        to,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("update scopes set written = $3 where tenant_id = $1 and scope_id = $2", tenant, scope, to,)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// All is written: it is a scope as any other.
pub async fn finish(tx: &mut Tx, scope: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("update scopes set state = 'kept' where tenant_id = $1 and scope_id = $2", tenant, scope)
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from scope_saves where tenant_id = $1 and scope_id = $2", tenant, scope)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// It cannot be saved, and why; `false` when it was stopped before.
pub async fn fail(tx: &mut Tx, scope: Uuid, failure: &Value) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update scopes set state = 'failed', failure = $3 \
         where tenant_id = $1 and scope_id = $2 and state = 'saving' and deleted_at is null",
        tenant,
        scope,
        failure,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Has the job leave it as it is; `false` when it is not being saved.
pub async fn stop(tx: &mut Tx, scope: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update scopes set state = 'stopped', version = version + 1 \
         where tenant_id = $1 and scope_id = $2 and state = 'saving' and deleted_at is null",
        tenant,
        scope,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Has the job go on with it; `false` when it was neither stopped nor failed.
pub async fn again(tx: &mut Tx, scope: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update scopes set state = 'saving', failure = null, version = version + 1 \
         where tenant_id = $1 and scope_id = $2 and state in ('stopped', 'failed') and deleted_at is null",
        tenant,
        scope,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes units of a scope that was never whole, and at last the scope; answers whether it
/// is gone.
pub async fn purge(tx: &mut Tx, scope: Uuid, limit: i64) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from scope_members where tenant_id = $1 and scope_id = $2 and key in \
             (select m.key from scope_members m where m.tenant_id = $1 and m.scope_id = $2 order by m.key limit $3)",
        tenant,
        scope,
        limit,
    )
    .execute(tx.conn())
    .await?;
    if i64::try_from(done.rows_affected()).is_ok_and(|rows| rows >= limit) {
        return Ok(false);
    }
    sqlx::query!("delete from scope_saves where tenant_id = $1 and scope_id = $2", tenant, scope)
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from scopes where tenant_id = $1 and scope_id = $2", tenant, scope)
        .execute(tx.conn())
        .await?;
    Ok(true)
}
