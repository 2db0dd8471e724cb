//! All SQL of super-administrators.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use crate::audit::chain::{Hash, Row};
use crate::db::SystemTx;

// --- who they are ----------------------------------------------------------------

/// A super-administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// By which the log names the person.
    pub admin_id: Uuid,
    /// Lower case.
    pub email: String,
    /// For people.
    pub name: String,
    /// `invited`, `active` or `disabled`.
    pub status: String,
    /// When the person last signed in.
    pub last_signed_in_at: Option<DateTime<Utc>>,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

/// What sign-in needs.
pub(super) struct Credentials {
    pub admin_id: Uuid,
    pub status: String,
    pub password_hash: Option<String>,
}

pub(super) async fn credentials(tx: &mut SystemTx, email: &str) -> Result<Option<Credentials>, Error> {
    sqlx::query_as!(
        Credentials,
        "select admin_id, status, password_hash from control.admins where email = $1",
        email,
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn admins(tx: &mut SystemTx) -> Result<Vec<Admin>, Error> {
    sqlx::query_as!(
        Admin,
        "select admin_id, email, name, status, last_signed_in_at, version from control.admins
         order by name, admin_id",
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn admin(tx: &mut SystemTx, id: Uuid) -> Result<Option<Admin>, Error> {
    sqlx::query_as!(
        Admin,
        "select admin_id, email, name, status, last_signed_in_at, version from control.admins
         where admin_id = $1 for update",
        id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Makes the person, or gives back the id of the one of this e-mail.
pub(super) async fn admin_upsert(tx: &mut SystemTx, email: &str, name: &str) -> Result<Uuid, Error> {
    sqlx::query_scalar!(
        "insert into control.admins as a (admin_id, email, name) values ($1, $2, $3)
         on conflict (email) do update set name = $3, version = a.version + 1 returning admin_id",
        Uuid::now_v7(),
        email,
        name,
    )
    .fetch_one(tx.conn())
    .await
}

/// The link was followed: a new password, and codes are set up anew.
pub(super) async fn admin_accept(tx: &mut SystemTx, id: Uuid, name: &str, hash: &str) -> Result<(), Error> {
    sqlx::query!(
        "update control.admins
         set name = $2, password_hash = $3, status = 'active', totp_secret = null, totp_confirmed_at = null,
             totp_last_step = 0, version = version + 1
         where admin_id = $1",
        id,
        name,
        hash,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// `false` when somebody else changed it since `version`.
pub(super) async fn status_set(
    tx: &mut SystemTx,
    id: Uuid,
    version: i32,
    status: &str,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update control.admins set status = $3, version = version + 1 where admin_id = $1 and version = $2",
        id,
        version,
        status,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// How many others could still sign in. Locks them, so that two do not shut each
/// other out at once.
pub(super) async fn others_active(tx: &mut SystemTx, id: Uuid) -> Result<usize, Error> {
    let rows = sqlx::query_scalar!(
        "select admin_id from control.admins where admin_id <> $1 and status = 'active' for update",
        id,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.len())
}

/// Codes by time of one person.
pub(super) struct Totp {
    pub secret: Option<Vec<u8>>,
    pub confirmed: bool,
    pub last_step: i64,
    pub email: String,
}

pub(super) async fn totp(tx: &mut SystemTx, id: Uuid) -> Result<Totp, Error> {
    sqlx::query_as!(
        Totp,
        r#"select totp_secret as secret, totp_confirmed_at is not null as "confirmed!",
                  totp_last_step as last_step, email
           from control.admins where admin_id = $1 and status = 'active' for update"#,
        id,
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn totp_begin(tx: &mut SystemTx, id: Uuid, secret: &[u8]) -> Result<(), Error> {
    sqlx::query!(
        "update control.admins set totp_secret = $2 where admin_id = $1 and totp_confirmed_at is null",
        id,
        secret,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A code of this step was used: it and those before are used up.
pub(super) async fn totp_use(
    tx: &mut SystemTx,
    id: Uuid,
    step: i64,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update control.admins
         set totp_last_step = $2, totp_confirmed_at = coalesce(totp_confirmed_at, $3), last_signed_in_at = $3
         where admin_id = $1 and totp_last_step < $2",
        id,
        step,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn secrets(tx: &mut SystemTx) -> Result<Vec<(Uuid, Vec<u8>)>, Error> {
    let rows = sqlx::query!(
        r#"select admin_id, totp_secret as "secret!" from control.admins
           where totp_secret is not null for update"#,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.admin_id, row.secret)).collect())
}

pub(super) async fn secret_set(tx: &mut SystemTx, id: Uuid, secret: &[u8]) -> Result<(), Error> {
    sqlx::query!("update control.admins set totp_secret = $2 where admin_id = $1", id, secret)
        .execute(tx.conn())
        .await?;
    Ok(())
}

// --- links and sessions ------------------------------------------------------------

/// Keeps a link, and ends those before.
pub(super) async fn link_insert(
    tx: &mut SystemTx,
    token: &[u8],
    id: Uuid,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!("delete from control.admin_links where admin_id = $1", id).execute(tx.conn()).await?;
    sqlx::query!(
        "insert into control.admin_links (token_hash, admin_id, expires_at) values ($1, $2, $3)",
        token,
        id,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whom a link is for that is still good.
pub(super) async fn link_find(
    tx: &mut SystemTx,
    token: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!(
        "select l.admin_id from control.admin_links l join control.admins a using (admin_id)
         where l.token_hash = $1 and l.used_at is null and l.expires_at > $2 and a.status <> 'disabled'",
        token,
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Uses a link up; of two at once, one gets it.
pub(super) async fn link_use(tx: &mut SystemTx, token: &[u8], now: DateTime<Utc>) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update control.admin_links set used_at = $2
         where token_hash = $1 and used_at is null and expires_at > $2",
        token,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Something that a token opens.
pub(super) struct NewSession<'a> {
    pub admin_id: Uuid,
    pub kind: &'a str,
    pub name: &'a str,
    pub address: &'a str,
    pub browser: &'a str,
}

pub(super) async fn session_insert(
    tx: &mut SystemTx,
    token: &[u8],
    new: &NewSession<'_>,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!("delete from control.admin_sessions where expires_at < $1", now).execute(tx.conn()).await?;
    sqlx::query!(
        "insert into control.admin_sessions
                (token_hash, admin_id, kind, name, address, browser, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        token,
        new.admin_id,
        new.kind,
        new.name,
        new.address,
        new.browser,
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Who a token of this kind speaks for.
pub(super) struct Speaker {
    pub admin_id: Uuid,
    pub name: String,
    pub address: String,
    pub browser: String,
}

pub(super) async fn session_find(
    tx: &mut SystemTx,
    token: &[u8],
    kind: &str,
    now: DateTime<Utc>,
) -> Result<Option<Speaker>, Error> {
    sqlx::query_as!(
        Speaker,
        "select a.admin_id, a.name, s.address, s.browser
         from control.admin_sessions s join control.admins a using (admin_id)
         where s.token_hash = $1 and s.kind = $2 and s.expires_at > $3 and a.status = 'active'",
        token,
        kind,
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn session_delete(tx: &mut SystemTx, token: &[u8]) -> Result<(), Error> {
    sqlx::query!("delete from control.admin_sessions where token_hash = $1", token)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Everything that the person's tokens opened.
pub(super) async fn sessions_end(tx: &mut SystemTx, id: Uuid) -> Result<(), Error> {
    sqlx::query!("delete from control.admin_sessions where admin_id = $1", id).execute(tx.conn()).await?;
    Ok(())
}

// --- the log ---------------------------------------------------------------------

/// The last row's number and hash; whoever asks appends, one at a time.
pub(super) async fn log_end(tx: &mut SystemTx) -> Result<Option<(i64, Hash)>, Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('admin audit', 0))")
        .execute(tx.conn())
        .await?;
    let row = sqlx::query!("select n, hash from control.admin_audit order by n desc limit 1")
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|row| (row.n, row.hash.as_slice().try_into().unwrap_or_default())))
}

/// JSON as Postgres writes it.
pub(super) async fn json_text(tx: &mut SystemTx, value: &Value) -> Result<String, Error> {
    sqlx::query_scalar!(r#"select $1::jsonb::text as "text!""#, value).fetch_one(tx.conn()).await
}

pub(super) async fn log_append(
    tx: &mut SystemTx,
    n: i64,
    row: &Row,
    (before, after): (Option<Value>, Option<Value>),
    hash: &Hash,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.admin_audit
                (n, audit_id, at, actor, action, subject, before, after, origin, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        n,
        row.audit_id,
        row.at,
        row.actor,
        row.action,
        row.subject,
        before,
        after,
        row.origin,
        &hash[..],
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Rows after the n-th, as they are hashed.
pub(super) async fn log_rows(
    tx: &mut SystemTx,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, Row, Hash)>, Error> {
    let rows = sqlx::query!(
        "select n, audit_id, at, actor, action, subject, before::text as before, after::text as after,
                origin, hash
         from control.admin_audit where n > $1 order by n limit $2",
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let hash = row.hash.as_slice().try_into().unwrap_or_default();
            let (audit_id, at, actor, action) = (row.audit_id, row.at, row.actor, row.action);
            let (subject, before, after, origin) = (row.subject, row.before, row.after, row.origin);
            (row.n, Row { audit_id, at, actor, action, subject, before, after, origin }, hash)
        })
        .collect())
}

/// A row as people read it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AdminLogged)]
pub(super) struct Logged {
    pub n: i64,
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub origin: Option<String>,
}

/// Rows before the n-th, newest first; of an actor or about a subject, where said,
/// and without what was only looked at, where asked.
pub(super) async fn log_list(
    tx: &mut SystemTx,
    (actor, subject, acts_only): (&str, &str, bool),
    before: i64,
    limit: i64,
) -> Result<Vec<Logged>, Error> {
    sqlx::query_as!(
        Logged,
        "select n, at, actor, action, subject, before, after, origin from control.admin_audit
         where n < $4 and ($1 = '' or actor = $1) and ($2 = '' or subject = $2)
           and not ($3 and action in ('admin.look', 'admin.ask'))
         order by n desc limit $5",
        actor,
        subject,
        acts_only,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}
