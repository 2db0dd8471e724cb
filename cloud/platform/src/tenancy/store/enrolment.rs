//! SQL of enrolment tokens, and of who is let in after a backup was put back.

use sqlx::Error;
use uuid::Uuid;

use crate::db::{SystemTx, Tx};
use crate::tenancy::restored::LetIn;

pub(in crate::tenancy) async fn token_insert(
    system: &mut SystemTx,
    hash: &[u8],
    tenant: Uuid,
    agent: Uuid,
    valid_seconds: i64,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.enrolment_tokens (token_hash, tenant_id, agent_id, expires_at) \
         values ($1, $2, $3, now() + $4::bigint * interval '1 second')",
        hash,
        tenant,
        agent,
        valid_seconds,
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

/// A token's row.
pub(in crate::tenancy) struct TokenRow {
    pub tenant_id: Uuid,
    pub agent_id: Uuid,
    /// Code and status of its tenant.
    pub code: String,
    pub status: String,
}

/// Uses the token up. Of two at once, the second waits here and finds it used.
pub(in crate::tenancy) async fn token_use(
    system: &mut SystemTx,
    hash: &[u8],
) -> Result<Option<TokenRow>, Error> {
    sqlx::query_as!(
        TokenRow,
        "update control.enrolment_tokens e set used_at = now() from control.tenants t \
         where e.token_hash = $1 and e.used_at is null and e.expires_at > now() and t.tenant_id = e.tenant_id \
         returning e.tenant_id, e.agent_id, t.code, t.status",
        hash,
    )
    .fetch_optional(system.conn())
    .await
}

/// Whose token it is, and whether it is used or expired.
pub(in crate::tenancy) struct TokenState {
    pub tenant_id: Uuid,
    pub agent_id: Uuid,
    pub used: bool,
    pub expired: bool,
}

pub(in crate::tenancy) async fn token_state(
    system: &mut SystemTx,
    hash: &[u8],
) -> Result<Option<TokenState>, Error> {
    sqlx::query_as!(
        TokenState,
        "select tenant_id, agent_id, used_at is not null as \"used!\", expires_at <= now() as \"expired!\" \
         from control.enrolment_tokens where token_hash = $1",
        hash,
    )
    .fetch_optional(system.conn())
    .await
}

/// Voids the tokens of an agent that could still be used.
pub(in crate::tenancy) async fn tokens_void(
    system: &mut SystemTx,
    tenant: Uuid,
    agent: Uuid,
) -> Result<(), Error> {
    sqlx::query!(
        "update control.enrolment_tokens set expires_at = now() \
         where tenant_id = $1 and agent_id = $2 and used_at is null and expires_at > now()",
        tenant,
        agent,
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

/// Has an agent wait for its enrolment.
pub(in crate::tenancy) async fn agent_expect(tx: &mut Tx, agent: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update agents set status = 'expected' where tenant_id = $1 and agent_id = $2",
        tenant,
        agent,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down that a backup was put back; unknown certificates issued before
/// are adopted for `adopt_days` from now.
pub(in crate::tenancy) async fn restore_insert(system: &mut SystemTx, adopt_days: i32) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.restores (restored_at, adopt_until) \
         values (now(), now() + make_interval(days => $1)) on conflict do nothing",
        adopt_days,
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

/// Raises the generation of the transaction's tenant; answers it. It lies with the
/// tenant's data.
pub(in crate::tenancy) async fn generation_raise(tx: &mut Tx) -> Result<i64, Error> {
    sqlx::query_scalar!(r#"select app.raise_generation(0) as "generation!""#).fetch_one(tx.conn()).await
}

/// The agents that hold a certificate or a token that is good.
pub(in crate::tenancy) async fn agents_let_in(
    system: &mut SystemTx,
    tenant: Uuid,
) -> Result<Vec<LetIn>, Error> {
    sqlx::query_as!(
        LetIn,
        r#"select a.agent_id as "agent!",
               (select count(*) from control.certificates c where c.tenant_id = $1 and c.agent_id = a.agent_id
                and c.revoked_at is null and c.not_after > now()) as "certificates!",
               (select count(*) from control.enrolment_tokens e where e.tenant_id = $1
                and e.agent_id = a.agent_id and e.used_at is null and e.expires_at > now()) as "tokens!"
           from (select agent_id from control.certificates where tenant_id = $1
                 union select agent_id from control.enrolment_tokens where tenant_id = $1) as a(agent_id)"#,
        tenant,
    )
    .fetch_all(system.conn())
    .await
}
