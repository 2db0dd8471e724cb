//! SQL of tenants that are due, and of erasures.

use chrono::{DateTime, Utc};
use sqlx::{Error, PgConnection};
use uuid::Uuid;

use crate::db::SystemTx;
use crate::tenancy::due::Due;
use crate::tenancy::erasures::Erasure;

pub(in crate::tenancy) async fn erasure_insert(
    system: &mut SystemTx,
    id: Uuid,
    code: &str,
    statement: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.erasures (erasure_id, code, statement) values ($1, $2, $3)",
        id,
        code,
        statement,
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

/// The code and status of a tenant, which nobody else changes until the transaction has
/// ended.
pub(in crate::tenancy) async fn tenant_lock(
    system: &mut SystemTx,
    tenant: Uuid,
) -> Result<Option<(String, String)>, Error> {
    let row = sqlx::query!(
        "select code, status from control.tenants where tenant_id = $1 for no key update",
        tenant,
    )
    .fetch_optional(system.conn())
    .await?;
    Ok(row.map(|row| (row.code, row.status)))
}

/// An erasure of the tenant of this code that has not come to its end.
pub(in crate::tenancy) async fn erasure_begun(
    system: &mut SystemTx,
    code: &str,
) -> Result<Option<(Uuid, String)>, Error> {
    let row = sqlx::query!(
        "select erasure_id, statement from control.erasures where code = $1 and ended_at is null",
        code,
    )
    .fetch_optional(system.conn())
    .await?;
    Ok(row.map(|row| (row.erasure_id, row.statement)))
}

/// Erasures before one, the latest first.
pub(in crate::tenancy) async fn erasures(
    system: &mut SystemTx,
    before: Uuid,
    want: i64,
) -> Result<Vec<Erasure>, Error> {
    sqlx::query_as!(
        Erasure,
        "select erasure_id as id, code, begun_at, ended_at, statement, signature from control.erasures \
         where erasure_id < $1 order by erasure_id desc limit $2",
        before,
        want,
    )
    .fetch_all(system.conn())
    .await
}

pub(in crate::tenancy) async fn erasure(system: &mut SystemTx, id: Uuid) -> Result<Option<Erasure>, Error> {
    sqlx::query_as!(
        Erasure,
        "select erasure_id as id, code, begun_at, ended_at, statement, signature from control.erasures \
         where erasure_id = $1",
        id,
    )
    .fetch_optional(system.conn())
    .await
}

/// The latest erasure of this code that came to its end.
pub(in crate::tenancy) async fn erasure_latest(
    system: &mut SystemTx,
    code: &str,
) -> Result<Option<Erasure>, Error> {
    sqlx::query_as!(
        Erasure,
        "select erasure_id as id, code, begun_at, ended_at, statement, signature from control.erasures \
         where code = $1 and ended_at is not null order by erasure_id desc limit 1",
        code,
    )
    .fetch_optional(system.conn())
    .await
}

/// The tenant is whole again: what was begun of its erasure is void.
pub(in crate::tenancy) async fn erasure_void(home: &mut PgConnection, code: &str) -> Result<(), Error> {
    // As the owner: none of the roles that the cloud works by may delete one.
    sqlx::query("delete from control.erasures where code = $1 and ended_at is null")
        .bind(code)
        .execute(home)
        .await?;
    Ok(())
}

/// Suspended tenants whose time of grace is over, and who were on trials alone.
pub(in crate::tenancy) async fn due(system: &mut SystemTx, now: DateTime<Utc>) -> Result<Vec<Due>, Error> {
    sqlx::query_as!(
        Due,
        r#"select t.tenant_id as tenant, t.code, t.name, s.erase_after as "since!",
                  exists (select from control.erasures e where e.code = t.code and e.ended_at is null)
                      as "begun!"
           from control.tenants t join control.subscriptions s on s.tenant_id = t.tenant_id
           where t.status = 'suspended' and s.erase_after <= $1 and s.only_trials
           order by s.erase_after, t.code"#,
        now,
    )
    .fetch_all(system.conn())
    .await
}

/// Keeps the signed statement; the tenant's own database is forgotten.
pub(in crate::tenancy) async fn erasure_end(
    home: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
    statement: &str,
    signature: &[u8],
    database: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!(
        "update control.erasures set ended_at = $2, statement = $3, signature = $4 where erasure_id = $1",
        id,
        now,
        statement,
        signature,
    )
    .execute(&mut *home)
    .await?;
    sqlx::query!("delete from control.databases where name = $1 and kind = 'own'", database)
        .execute(home)
        .await?;
    Ok(())
}
