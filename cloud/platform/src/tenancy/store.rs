//! All SQL of the organisation and of enrolment tokens.

use sqlx::Error;
use uuid::Uuid;

use super::restored::{LetIn, RestoredTenant};
use super::{Agent, Change, NewCompany, NewPlant, NewTenant, Tenant, Upserted};
use crate::db::{SystemTx, Tx};

fn upserted(id: Uuid, made: bool, updated: bool) -> Upserted {
    let change = match (made, updated) {
        (true, _) => Change::Made,
        (false, true) => Change::Updated,
        (false, false) => Change::Same,
    };
    Upserted { id, change }
}

pub(super) async fn tenant_upsert(system: &mut SystemTx, new: &NewTenant) -> Result<Upserted, Error> {
    let made = sqlx::query!(
        "insert into control.tenants (tenant_id, code, slug, name, time_zone, language) \
         values ($1, $2, $3, $4, $5, $6) on conflict (code) do nothing",
        Uuid::now_v7(),
        new.code,
        new.slug,
        new.name,
        new.time_zone,
        new.language,
    )
    .execute(system.conn())
    .await?
    .rows_affected();
    let updated = sqlx::query!(
        "update control.tenants set name = $2, slug = coalesce($3, slug) \
         where code = $1 and (name, slug) is distinct from ($2, coalesce($3, slug))",
        new.code,
        new.name,
        new.slug,
    )
    .execute(system.conn())
    .await?
    .rows_affected();
    let id = sqlx::query_scalar!("select tenant_id from control.tenants where code = $1", new.code)
        .fetch_one(system.conn())
        .await?;
    Ok(upserted(id, made > 0, updated > 0))
}

pub(super) async fn partitions_add(system: &mut SystemTx, tenant: Uuid) -> Result<(), Error> {
    sqlx::query!("select app.add_tenant_partitions($1)", tenant).execute(system.conn()).await?;
    Ok(())
}

pub(super) async fn counters_insert(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("insert into tenant_counters (tenant_id) values ($1) on conflict do nothing", tenant)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn company_upsert(tx: &mut Tx, new: &NewCompany) -> Result<Upserted, Error> {
    let tenant = tx.tenant();
    let made = sqlx::query!(
        "insert into companies (tenant_id, company_id, code, name) values ($1, $2, $3, $4) \
         on conflict (tenant_id, code) do nothing",
        tenant,
        Uuid::now_v7(),
        new.code,
        new.name,
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    let updated = sqlx::query!(
        "update companies set name = $3, version = version + 1, updated_at = now(), updated_by = app.actor(), \
         deleted_at = null \
         where tenant_id = $1 and code = $2 and (name <> $3 or deleted_at is not null)",
        tenant,
        new.code,
        new.name,
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    let id = sqlx::query_scalar!(
        "select company_id from companies where tenant_id = $1 and code = $2",
        tenant,
        new.code
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(upserted(id, made > 0, updated > 0))
}

pub(super) async fn plant_upsert(tx: &mut Tx, new: &NewPlant) -> Result<Upserted, Error> {
    let tenant = tx.tenant();
    let made = sqlx::query!(
        "insert into plants (tenant_id, plant_id, company_id, code, slug, name, time_zone, languages) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (tenant_id, code) do nothing",
        tenant,
        Uuid::now_v7(),
        new.company,
        new.code,
        new.slug,
        new.name,
        new.time_zone,
        &new.languages,
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    let updated = sqlx::query!(
        "update plants set company_id = $3, slug = coalesce($4, slug), name = $5, time_zone = $6, \
         languages = $7, version = version + 1, updated_at = now(), updated_by = app.actor(), deleted_at = null \
         where tenant_id = $1 and code = $2 \
           and ((company_id, slug, name, time_zone, languages) \
                  is distinct from ($3, coalesce($4, slug), $5, $6, $7) or deleted_at is not null)",
        tenant,
        new.code,
        new.company,
        new.slug,
        new.name,
        new.time_zone,
        &new.languages,
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    let id = sqlx::query_scalar!(
        "select plant_id from plants where tenant_id = $1 and code = $2",
        tenant,
        new.code
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(upserted(id, made > 0, updated > 0))
}

pub(super) async fn agent_upsert(
    tx: &mut Tx,
    name: &str,
    kind: &str,
    plant: Option<&str>,
    status: &str,
) -> Result<Upserted, Error> {
    let tenant = tx.tenant();
    let made = sqlx::query!(
        "insert into agents (tenant_id, agent_id, name, kind, plant_code, status) \
         values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, name) do nothing",
        tenant,
        Uuid::now_v7(),
        name,
        kind,
        plant,
        status,
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    let id =
        sqlx::query_scalar!("select agent_id from agents where tenant_id = $1 and name = $2", tenant, name)
            .fetch_one(tx.conn())
            .await?;
    Ok(upserted(id, made > 0, false))
}

pub(super) async fn active_ids(system: &mut SystemTx) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar!("select tenant_id from control.tenants where status = 'active' order by tenant_id")
        .fetch_all(system.conn())
        .await
}

pub(super) async fn tenant_ids(system: &mut SystemTx) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar!("select tenant_id from control.tenants order by tenant_id")
        .fetch_all(system.conn())
        .await
}

pub(super) async fn tenant_by_code(system: &mut SystemTx, code: &str) -> Result<Option<Tenant>, Error> {
    sqlx::query_as!(
        Tenant,
        "select tenant_id as id, code, slug, name, status, time_zone, language \
         from control.tenants where code = $1",
        code,
    )
    .fetch_optional(system.conn())
    .await
}

pub(super) async fn tenant_code_by_slug(system: &mut SystemTx, slug: &str) -> Result<Option<String>, Error> {
    sqlx::query_scalar!("select code from control.tenants where slug = $1", slug)
        .fetch_optional(system.conn())
        .await
}

pub(super) async fn plant_codes(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select code from plants where tenant_id = $1 and deleted_at is null order by code",
        tenant
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn agents(tx: &mut Tx) -> Result<Vec<Agent>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Agent,
        "select agent_id as id, name, plant_code as plant, status from agents \
         where tenant_id = $1 order by name",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn agent_by_id(tx: &mut Tx, agent: Uuid) -> Result<Option<Agent>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Agent,
        "select agent_id as id, name, plant_code as plant, status from agents \
         where tenant_id = $1 and agent_id = $2",
        tenant,
        agent,
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn token_insert(
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
pub(super) struct TokenRow {
    pub tenant_id: Uuid,
    pub agent_id: Uuid,
    /// Code and status of its tenant.
    pub code: String,
    pub status: String,
}

/// Uses the token up. Of two at once, the second waits here and finds it used.
pub(super) async fn token_use(system: &mut SystemTx, hash: &[u8]) -> Result<Option<TokenRow>, Error> {
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
pub(super) struct TokenState {
    pub tenant_id: Uuid,
    pub agent_id: Uuid,
    pub used: bool,
    pub expired: bool,
}

pub(super) async fn token_state(system: &mut SystemTx, hash: &[u8]) -> Result<Option<TokenState>, Error> {
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
pub(super) async fn tokens_void(system: &mut SystemTx, tenant: Uuid, agent: Uuid) -> Result<(), Error> {
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
pub(super) async fn agent_expect(tx: &mut Tx, agent: Uuid) -> Result<(), Error> {
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
pub(super) async fn restore_insert(system: &mut SystemTx, adopt_days: i32) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.restores (restored_at, adopt_until) \
         values (now(), now() + make_interval(days => $1)) on conflict do nothing",
        adopt_days,
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

/// Raises every tenant's generation.
pub(super) async fn generations_raise(system: &mut SystemTx) -> Result<Vec<RestoredTenant>, Error> {
    let rows = sqlx::query!(
        r#"update control.tenants
           set generation = greatest(generation + 1, extract(epoch from now())::bigint)
           returning tenant_id, code, generation"#
    )
    .fetch_all(system.conn())
    .await?;
    let mut tenants: Vec<RestoredTenant> = rows
        .into_iter()
        .map(|row| RestoredTenant {
            id: row.tenant_id,
            code: row.code,
            generation: row.generation,
            agents: Vec::new(),
        })
        .collect();
    tenants.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(tenants)
}

/// The agents that hold a certificate or a token that is good.
pub(super) async fn agents_let_in(system: &mut SystemTx, tenant: Uuid) -> Result<Vec<LetIn>, Error> {
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
