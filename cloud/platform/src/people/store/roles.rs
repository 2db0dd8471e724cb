//! SQL of roles and of limits of amounts.

use sqlx::Error;

use super::super::model::{Role, RoleLimit};
use crate::db::Tx;
use crate::i18n::{Lang, Names};
use crate::web::Amount;

/// Codes and names of the tenant's plants, by code, for a reader of this language.
pub(in super::super) async fn plants(tx: &mut Tx, lang: Lang) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select code, coalesce(names ->> $2, name) as "name!" from plants
           where tenant_id = $1 and deleted_at is null order by code"#,
        tenant,
        lang.code(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.name)).collect())
}

/// The limits of all roles.
pub(in super::super) async fn limits(tx: &mut Tx) -> Result<Vec<RoleLimit>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select role, permission, amount, currency from role_limits where tenant_id = $1 order by role, permission",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    let limit = |amount, currency| Amount { amount, currency };
    Ok(rows
        .into_iter()
        .map(|row| RoleLimit {
            role: row.role,
            permission: row.permission,
            limit: limit(row.amount, row.currency),
        })
        .collect())
}

/// Sets a limit, or takes it away.
pub(in super::super) async fn limit_set(
    tx: &mut Tx,
    role: &str,
    permission: &str,
    limit: Option<&Amount>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    let Some(limit) = limit else {
        sqlx::query!(
            "delete from role_limits where tenant_id = $1 and role = $2 and permission = $3",
            tenant,
            role,
            permission,
        )
        .execute(tx.conn())
        .await?;
        return Ok(());
    };
    sqlx::query!(
        "insert into role_limits (tenant_id, role, permission, amount, currency) values ($1, $2, $3, $4, $5)
         on conflict (tenant_id, role, permission)
         do update set amount = excluded.amount, currency = excluded.currency, version = role_limits.version + 1",
        tenant,
        role,
        permission,
        limit.amount,
        limit.currency,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Limits are rows of their own; whoever saw the role before has seen another. `false` when
/// somebody else changed it since `version`.
pub(in super::super) async fn role_changed(tx: &mut Tx, code: &str, version: i32) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set version = version + 1
         where tenant_id = $1 and role = $2 and version = $3 and deleted_at is null",
        tenant,
        code,
        version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(in super::super) async fn roles(tx: &mut Tx) -> Result<Vec<Role>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Role,
        "select role as code, name, names, permissions, built_in, require_totp, version from roles
         where tenant_id = $1 and deleted_at is null order by not built_in, role limit 200",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// Makes a role unless the tenant has one of this code; `false` if it has. The code of one
/// that was deleted is free again.
pub(in super::super) async fn role_insert(
    tx: &mut Tx,
    code: &str,
    (name, names): (&str, &Names),
    permissions: &[String],
    built_in: bool,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into roles (tenant_id, role, name, permissions, built_in, names) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant_id, role) do update
         set name = excluded.name, names = excluded.names, permissions = excluded.permissions, require_totp = false,
             deleted_at = null, version = roles.version + 1
         where roles.deleted_at is not null",
        tenant,
        code,
        name,
        permissions,
        built_in,
        names.json(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when somebody else changed the role since `version`.
pub(in super::super) async fn role_permissions_set(
    tx: &mut Tx,
    code: &str,
    version: i32,
    permissions: &[String],
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set permissions = $4, version = version + 1
         where tenant_id = $1 and role = $2 and version = $3 and deleted_at is null",
        tenant,
        code,
        version,
        permissions,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when somebody else changed the role since `version`.
pub(in super::super) async fn role_totp_set(
    tx: &mut Tx,
    code: &str,
    version: i32,
    on: bool,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set require_totp = $4, version = version + 1
         where tenant_id = $1 and role = $2 and version = $3 and deleted_at is null",
        tenant,
        code,
        version,
        on,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when somebody else changed the role since `version`.
pub(in super::super) async fn role_rename(
    tx: &mut Tx,
    code: &str,
    version: i32,
    (name, names): (&str, &Names),
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set name = $4, names = $5, version = version + 1
         where tenant_id = $1 and role = $2 and version = $3 and not built_in and deleted_at is null",
        tenant,
        code,
        version,
        name,
        names.json(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a role and its limits; `false` when somebody else changed it since `version`.
pub(in super::super) async fn role_delete(tx: &mut Tx, code: &str, version: i32) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set deleted_at = now(), permissions = '{}', version = version + 1
         where tenant_id = $1 and role = $2 and version = $3 and not built_in and deleted_at is null",
        tenant,
        code,
        version,
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!("delete from role_limits where tenant_id = $1 and role = $2", tenant, code)
        .execute(tx.conn())
        .await?;
    Ok(true)
}

/// Names of some people who have a role, and how many have it.
pub(in super::super) async fn role_people(
    tx: &mut Tx,
    code: &str,
    limit: i64,
) -> Result<(Vec<String>, i64), Error> {
    let tenant = tx.tenant();
    let names = sqlx::query_scalar!(
        "select u.name from user_roles r join users u on u.tenant_id = $1 and u.user_id = r.user_id
         where r.tenant_id = $1 and r.role = $2 and u.deleted_at is null order by u.name, u.user_id limit $3",
        tenant,
        code,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from user_roles r
           join users u on u.tenant_id = $1 and u.user_id = r.user_id
           where r.tenant_id = $1 and r.role = $2 and u.deleted_at is null"#,
        tenant,
        code,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((names, count))
}
