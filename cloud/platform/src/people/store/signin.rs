//! SQL of the control schema by which people come in: who may sign in where, and invitations.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use crate::db::SystemTx;
use crate::tenancy;

/// A tenant that a person is in.
pub(in super::super) struct Login {
    pub tenant: Uuid,
    pub user: Uuid,
    pub status: String,
}

/// Tenants that a person of this e-mail is in, at most a hundred: any of them can invite the
/// e-mail. Those that are not let in come last.
pub(in super::super) async fn logins(tx: &mut SystemTx, email: &str) -> Result<Vec<Login>, Error> {
    sqlx::query_as!(
        Login,
        r#"select l.tenant_id as tenant, l.user_id as "user", t.status
         from control.logins l join control.tenants t using (tenant_id)
         where l.email = $1 order by t.status, l.tenant_id limit 100"#,
        email,
    )
    .fetch_all(tx.conn())
    .await
}

/// The id behind this e-mail in the tenant: the given one, unless there is one
/// already.
pub(in super::super) async fn login_claim(
    tx: &mut SystemTx,
    email: &str,
    tenant: Uuid,
    user: Uuid,
) -> Result<Uuid, Error> {
    sqlx::query!(
        "insert into control.logins (email, tenant_id, user_id) values ($1, $2, $3) on conflict do nothing",
        email,
        tenant,
        user,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query_scalar!(
        "select user_id from control.logins where email = $1 and tenant_id = $2",
        email,
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

/// Keeps a link, and ends those that the person had before.
pub(in super::super) async fn invitation_insert(
    tx: &mut SystemTx,
    token: &[u8],
    tenant: Uuid,
    user: Uuid,
    purpose: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "delete from control.invitations where tenant_id = $1 and user_id = $2 and used_at is null",
        tenant,
        user,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into control.invitations (token_hash, tenant_id, user_id, purpose, expires_at)
         values ($1, $2, $3, $4, $5)",
        token,
        tenant,
        user,
        purpose,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A link that is still good: tenant, user and purpose.
pub(in super::super) async fn invitation_find(
    tx: &mut SystemTx,
    token: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<(Uuid, Uuid, String)>, Error> {
    let row = sqlx::query!(
        "select i.tenant_id, i.user_id, i.purpose, t.status
         from control.invitations i join control.tenants t using (tenant_id)
         where i.token_hash = $1 and i.used_at is null and i.expires_at > $2",
        token,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    let row = row.filter(|row| tenancy::Standing::of(&row.status).admits());
    Ok(row.map(|row| (row.tenant_id, row.user_id, row.purpose)))
}

/// Uses a link up; of two at once, one gets it.
pub(in super::super) async fn invitation_use(
    tx: &mut SystemTx,
    token: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update control.invitations set used_at = $2
         where token_hash = $1 and used_at is null and expires_at > $2",
        token,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}
