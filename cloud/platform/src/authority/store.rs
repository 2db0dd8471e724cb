//! SQL of the authority: its own row, and the certificates it has issued.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::issue::AgentCertificate;
use crate::db::{DbError, SystemTx, Tx};

pub(super) struct AuthorityRow {
    pub authority_id: Uuid,
    pub certificate_pem: String,
    pub sealed_key: Vec<u8>,
}

/// The authority in use. Holds the table, so that two processes at their first
/// start make one.
pub(super) async fn authority_lock(system: &mut SystemTx) -> Result<Option<AuthorityRow>, DbError> {
    sqlx::query!("select pg_advisory_xact_lock(hashtext('control.authorities'))")
        .fetch_one(system.conn())
        .await?;
    Ok(sqlx::query_as!(
        AuthorityRow,
        "select authority_id, certificate_pem, sealed_key from control.authorities
         order by created_at desc, authority_id limit 1"
    )
    .fetch_optional(system.conn())
    .await?)
}

/// The certificates of every authority that this cloud has had, the one in use first.
pub(super) async fn authority_certificates(system: &mut SystemTx) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar!(
        "select certificate_pem from control.authorities order by created_at desc, authority_id"
    )
    .fetch_all(system.conn())
    .await?)
}

pub(super) async fn authority_insert(system: &mut SystemTx, row: &AuthorityRow) -> Result<(), DbError> {
    sqlx::query!(
        "insert into control.authorities (authority_id, certificate_pem, sealed_key)
         values ($1, $2, $3)",
        row.authority_id,
        row.certificate_pem,
        row.sealed_key
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

pub(super) async fn certificate_insert(
    system: &mut SystemTx,
    fingerprint: &[u8],
    tenant: Uuid,
    agent: Uuid,
    issued_at: DateTime<Utc>,
    not_after: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!(
        "insert into control.certificates (fingerprint, tenant_id, agent_id, issued_at, not_after)
         values ($1, $2, $3, $4, $5)",
        fingerprint,
        tenant,
        agent,
        issued_at,
        not_after
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

pub(super) struct CertificateRow {
    pub tenant_id: Uuid,
    pub agent_id: Uuid,
    pub tenant_code: String,
    pub tenant_status: String,
    pub not_after: DateTime<Utc>,
    pub adopted: bool,
    pub revoked: bool,
}

pub(super) async fn certificate_find(
    system: &mut SystemTx,
    fingerprint: &[u8],
) -> Result<Option<CertificateRow>, DbError> {
    Ok(sqlx::query_as!(
        CertificateRow,
        r#"select c.tenant_id, c.agent_id, t.code as tenant_code,
                  t.status as tenant_status, c.not_after,
                  c.adopted_at is not null as "adopted!", c.revoked_at is not null as "revoked!"
           from control.certificates c join control.tenants t using (tenant_id)
           where c.fingerprint = $1"#,
        fingerprint
    )
    .fetch_optional(system.conn())
    .await?)
}

/// Writes down a certificate that a restored database lacks: of a known tenant,
/// issued before an operator said that a backup was put back, and asked after
/// while that counts. Answers whether it was.
pub(super) async fn certificate_adopt(
    system: &mut SystemTx,
    fingerprint: &[u8],
    said: &AgentCertificate,
) -> Result<bool, DbError> {
    let adopted = sqlx::query!(
        "insert into control.certificates (fingerprint, tenant_id, agent_id, issued_at, not_after, adopted_at)
         select $1, t.tenant_id, $3, $4, $5, now() from control.tenants t
         where t.tenant_id = $2 and exists (
             select from control.restores r where r.restored_at >= $4 and r.adopt_until > now()
                and (r.tenant_id is null or r.tenant_id = $2))
         on conflict (fingerprint) do nothing",
        fingerprint,
        said.tenant,
        said.agent,
        said.issued_at,
        said.not_after,
    )
    .execute(system.conn())
    .await?;
    Ok(adopted.rows_affected() > 0)
}

/// Revokes every certificate of an agent; answers how many were not yet.
pub(super) async fn certificates_revoke(
    system: &mut SystemTx,
    tenant: Uuid,
    agent: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DbError> {
    Ok(sqlx::query!(
        "update control.certificates set revoked_at = $3
         where tenant_id = $1 and agent_id = $2 and revoked_at is null",
        tenant,
        agent,
        now
    )
    .execute(system.conn())
    .await?
    .rows_affected())
}

pub(super) struct AgentRow {
    pub name: String,
    pub plant_code: Option<String>,
    pub status: String,
}

pub(super) async fn agent_find(tx: &mut Tx, agent: Uuid) -> Result<Option<AgentRow>, DbError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as!(
        AgentRow,
        "select name, plant_code, status from agents where tenant_id = $1 and agent_id = $2",
        tenant,
        agent
    )
    .fetch_optional(tx.conn())
    .await?)
}

pub(super) async fn agent_set_status(tx: &mut Tx, agent: Uuid, status: &str) -> Result<(), DbError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update agents set status = $3 where tenant_id = $1 and agent_id = $2",
        tenant,
        agent,
        status
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tells every process of the cloud, once this transaction has committed.
pub(super) async fn revocation_notify(system: &mut SystemTx, payload: &str) -> Result<(), DbError> {
    Ok(system.tell(super::REVOKED_CHANNEL, payload).await?)
}
