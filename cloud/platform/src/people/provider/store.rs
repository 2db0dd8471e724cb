//! All SQL of sign-in by a provider.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use super::decide::{Found, Person};
use crate::db::{SystemTx, Tx};
use crate::people::model::{ADMIN, Status};
use crate::tenancy::Standing;

/// How a tenant's people sign in by a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Provider {
    pub active: bool,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    /// Sealed.
    pub client_secret: Option<Vec<u8>>,
    pub email_domains: Vec<String>,
    pub create_role: Option<String>,
    pub provider_only: bool,
    /// 0 before the first change.
    pub version: i32,
}

impl Provider {
    /// Whether an e-mail address is of a domain that is let in.
    pub(super) fn admits(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.email_domains.is_empty() || self.email_domains.iter().any(|known| known == domain)
    }
}

pub(super) async fn provider(tx: &mut Tx) -> Result<Provider, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_as!(
        Provider,
        "select active, name, issuer, client_id, client_secret, email_domains, create_role, provider_only, version
         from sign_in_providers where tenant_id = $1",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.unwrap_or_default())
}

/// `false` when somebody else changed it since `new.version`.
pub(super) async fn provider_set(tx: &mut Tx, new: &Provider) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into sign_in_providers as p (tenant_id, active, name, issuer, client_id, client_secret,
                email_domains, create_role, provider_only)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (tenant_id) do update
         set active = $2, name = $3, issuer = $4, client_id = $5, client_secret = $6, email_domains = $7,
             create_role = $8, provider_only = $9, version = p.version + 1
         where p.version = $10",
        tenant,
        new.active,
        new.name,
        new.issuer,
        new.client_id,
        new.client_secret,
        &new.email_domains,
        new.create_role,
        new.provider_only,
        new.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn secret_set(tx: &mut Tx, sealed: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("update sign_in_providers set client_secret = $2 where tenant_id = $1", tenant, sealed)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether the person signs in by the tenant's provider alone: where the tenant has it
/// so, everybody but its administrators, who come in when the provider does not answer.
pub(in crate::people) async fn password_closed(tx: &mut Tx, user: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select (exists (select from sign_in_providers where tenant_id = $1 and active and provider_only)
                  and not exists (select from user_roles where tenant_id = $1 and user_id = $2 and role = $3
                                  and plants is null)) as "closed!""#,
        tenant,
        user,
        ADMIN,
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether somebody active administers the tenant and has a password.
pub(super) async fn has_way_back(tx: &mut Tx) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from users u
                          join user_roles r on r.tenant_id = $1 and r.user_id = u.user_id
                               and r.role = $2 and r.plants is null
                          where u.tenant_id = $1 and u.status = 'active' and u.deleted_at is null
                            and u.password_hash is not null) as "any!""#,
        tenant,
        ADMIN,
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether people sign in by the provider alone, and this person is the last one active
/// who administers and has a password.
pub(super) async fn is_last_way_back(tx: &mut Tx, user: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with back as (select u.user_id from users u
                         join user_roles r on r.tenant_id = $1 and r.user_id = u.user_id
                              and r.role = $2 and r.plants is null
                         where u.tenant_id = $1 and u.status = 'active' and u.deleted_at is null
                           and u.password_hash is not null)
           select (exists (select from sign_in_providers where tenant_id = $1 and active and provider_only)
                   and exists (select from back where user_id = $3)
                   and not exists (select from back where user_id <> $3)) as "last!""#,
        tenant,
        ADMIN,
        user,
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether whoever is not known becomes a person with this role.
pub(in crate::people) async fn gives(tx: &mut Tx, role: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from sign_in_providers where tenant_id = $1 and create_role = $2) as "any!""#,
        tenant,
        role,
    )
    .fetch_one(tx.conn())
    .await
}

/// Whom of the tenant's people an identity, or else an e-mail, means.
pub(super) async fn find(
    tx: &mut Tx,
    issuer: &str,
    subject: &str,
    email: Option<&str>,
) -> Result<Found, Error> {
    let tenant = tx.tenant();
    let linked = sqlx::query!(
        "select u.user_id, u.email, u.status
         from user_identities i join users u on u.tenant_id = $1 and u.user_id = i.user_id
         where i.tenant_id = $1 and i.issuer = $2 and i.subject = $3 and u.deleted_at is null",
        tenant,
        issuer,
        subject,
    )
    .fetch_optional(tx.conn())
    .await?;
    if let Some(row) = linked {
        let status = Status::parse(&row.status);
        return Ok(Found::Linked(Person { user: row.user_id, email: row.email, status }));
    }
    // Another sign-in may have linked this very identity meanwhile: that is no other one.
    let known = sqlx::query!(
        r#"select u.user_id, u.email, u.status,
                  exists (select from user_identities i where i.tenant_id = $1 and i.user_id = u.user_id
                          and i.issuer = $2 and i.subject <> $4) as "other!"
           from users u where u.tenant_id = $1 and u.email = $3 and u.deleted_at is null"#,
        tenant,
        issuer,
        email.unwrap_or_default(),
        subject,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(known.map_or(Found::Nobody, |row| {
        let status = Status::parse(&row.status);
        Found::ByEmail(Person { user: row.user_id, email: row.email, status }, row.other)
    }))
}

/// Links an identity; `false` when another sign-in at the same time has linked it, or
/// another one of the person, already.
pub(super) async fn identity_insert(
    tx: &mut Tx,
    user: Uuid,
    issuer: &str,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into user_identities (tenant_id, issuer, subject, user_id, linked_at) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
        tenant,
        issuer,
        subject,
        user,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets the identities by which a person comes in; `false` when there were none.
pub(super) async fn identities_delete(tx: &mut Tx, user: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done =
        sqlx::query!("delete from user_identities where tenant_id = $1 and user_id = $2", tenant, user)
            .execute(tx.conn())
            .await?;
    Ok(done.rows_affected() > 0)
}

/// Issuers by which a person comes in, and since when.
pub(super) async fn identities(tx: &mut Tx, user: Uuid) -> Result<Vec<(String, DateTime<Utc>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select issuer, linked_at from user_identities where tenant_id = $1 and user_id = $2 order by issuer",
        tenant,
        user,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.issuer, row.linked_at)).collect())
}

/// An invited person is active from now on.
pub(super) async fn activate(tx: &mut Tx, user: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update users set status = 'active', version = version + 1
         where tenant_id = $1 and user_id = $2 and status = 'invited'",
        tenant,
        user,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

// --- control schema ------------------------------------------------------------

/// A tenant by its code, if it is let in.
pub(super) async fn tenant_of(tx: &mut SystemTx, code: &str) -> Result<Option<Uuid>, Error> {
    let row = sqlx::query!("select tenant_id, status from control.tenants where code = $1", code)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.filter(|row| Standing::of(&row.status).admits()).map(|row| row.tenant_id))
}

/// A sign-in that went to a provider.
pub(super) struct AttemptRow {
    pub browser_hash: Vec<u8>,
    pub tenant_id: Uuid,
    pub issuer: String,
    pub next: String,
    pub expires_at: DateTime<Utc>,
}

pub(super) async fn attempt_insert(
    tx: &mut SystemTx,
    state: &[u8],
    attempt: &AttemptRow,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!("delete from control.provider_attempts where expires_at < $1", now)
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "insert into control.provider_attempts (state_hash, browser_hash, tenant_id, issuer, next, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
        state,
        attempt.browser_hash,
        attempt.tenant_id,
        attempt.issuer,
        attempt.next,
        attempt.expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a sign-in up that has come back; of two at once, one gets it.
pub(super) async fn attempt_take(tx: &mut SystemTx, state: &[u8]) -> Result<Option<AttemptRow>, Error> {
    sqlx::query_as!(
        AttemptRow,
        "delete from control.provider_attempts where state_hash = $1
         returning browser_hash, tenant_id, issuer, next, expires_at",
        state,
    )
    .fetch_optional(tx.conn())
    .await
}
