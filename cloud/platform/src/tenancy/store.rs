//! All SQL of the organisation and of enrolment tokens.

use chrono::{DateTime, Utc};
use sqlx::{Error, PgConnection};
use uuid::Uuid;

use super::databases::Database;
use super::due::Due;
use super::restored::LetIn;
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

/// The row of a tenant that is not there yet begins with this id and placement.
pub(super) async fn tenant_upsert(
    system: &mut SystemTx,
    id: Uuid,
    placement: &str,
    new: &NewTenant,
) -> Result<Upserted, Error> {
    let made = sqlx::query!(
        "insert into control.tenants (tenant_id, code, slug, name, time_zone, language, currency, features, placement) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (code) do nothing",
        id,
        new.code,
        new.slug,
        new.name,
        new.time_zone,
        new.language,
        new.currency,
        &new.features,
        placement,
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

/// Only the system's role may.
pub(super) async fn partitions_add(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("select app.add_tenant_partitions($1)", tenant).execute(tx.conn()).await?;
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
    sqlx::query_scalar!("select tenant_id from control.tenants where status = 'active' and paused_at is null order by tenant_id")
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
        "select tenant_id as id, code, slug, name, status, status_reason, time_zone, language, currency, \
                placement, paused_at, created_at \
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

/// Raises the generation of the transaction's tenant; answers it. It lies with the
/// tenant's data.
pub(super) async fn generation_raise(tx: &mut Tx) -> Result<i64, Error> {
    sqlx::query_scalar!(r#"select app.raise_generation(0) as "generation!""#).fetch_one(tx.conn()).await
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

/// Every tenant, by code.
pub(super) async fn tenants(system: &mut SystemTx) -> Result<Vec<Tenant>, Error> {
    sqlx::query_as!(
        Tenant,
        "select tenant_id as id, code, slug, name, status, status_reason, time_zone, language, currency, \
                placement, paused_at, created_at \
         from control.tenants order by code",
    )
    .fetch_all(system.conn())
    .await
}

/// Answers the status before; `None` when it is as asked already.
pub(super) async fn status_set(
    system: &mut SystemTx,
    tenant: Uuid,
    status: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Option<String>, Error> {
    let before = sqlx::query_scalar!(
        "select status from control.tenants where tenant_id = $1 and (status, status_reason) <> ($2, $3) \
         for update",
        tenant,
        status,
        reason,
    )
    .fetch_optional(system.conn())
    .await?;
    if before.is_some() {
        sqlx::query!(
            "update control.tenants set status = $2, status_reason = $3, status_at = $4 where tenant_id = $1",
            tenant,
            status,
            reason,
            now,
        )
        .execute(system.conn())
        .await?;
    }
    Ok(before)
}

pub(super) async fn databases(system: &mut SystemTx) -> Result<Vec<Database>, Error> {
    sqlx::query_as!(
        Database,
        "select name, kind, server, region, state, schema_version, detail, looked_at, created_at \
         from control.databases order by kind desc, name",
    )
    .fetch_all(system.conn())
    .await
}

/// Where a database stands, as the configuration says today.
pub(super) async fn database_region(system: &mut SystemTx, name: &str, region: &str) -> Result<(), Error> {
    sqlx::query!("update control.databases set region = $2 where name = $1 and region <> $2", name, region)
        .execute(system.conn())
        .await?;
    Ok(())
}

pub(super) async fn database_insert(
    system: &mut SystemTx,
    name: &str,
    server: &str,
    region: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.databases (name, kind, server, region, state) values ($1, 'own', $2, $3, 'creating')",
        name,
        server,
        region,
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

/// Has an own database know its name, which its tenant's row refers to.
pub(super) async fn database_here(connection: &mut PgConnection, name: &str) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.databases (name, kind, state) values ($1, 'own', 'ready') on conflict do nothing",
        name,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes how a database stands. `dropping` stays until it is gone.
pub(super) async fn database_look(
    system: &mut SystemTx,
    name: &str,
    state: &str,
    version: i64,
    detail: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "update control.databases set state = $2, schema_version = $3, detail = $4, looked_at = now() \
         where name = $1 and kind = 'own' and (state <> 'dropping' or $2 = 'dropping')",
        name,
        state,
        version,
        detail,
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

pub(super) async fn database_delete(system: &mut SystemTx, name: &str) -> Result<(), Error> {
    sqlx::query!("delete from control.databases where name = $1 and state = 'dropping'", name)
        .execute(system.conn())
        .await?;
    Ok(())
}

/// Databases that nobody lives in nor moves to: to be dropped, or begun an hour ago and
/// never ready, or left by a tenant that was not made in the end.
pub(super) async fn databases_left(system: &mut SystemTx) -> Result<Vec<Database>, Error> {
    sqlx::query_as!(
        Database,
        "select name, kind, server, region, state, schema_version, detail, looked_at, created_at \
         from control.databases d \
         where kind = 'own' and (state = 'dropping' or created_at < now() - interval '1 hour') \
           and not exists (select from control.tenants t where t.placement = d.name) \
           and not exists (select from control.moves m where d.name in (m.source, m.target))",
    )
    .fetch_all(system.conn())
    .await
}

/// What of a tenant's row its own database has as well.
#[derive(Debug, Clone)]
pub(super) struct TenantRow {
    pub tenant_id: Uuid,
    pub code: String,
    pub slug: Option<String>,
    pub name: String,
    pub time_zone: String,
    pub currency: String,
    pub language: String,
    pub features: Vec<String>,
    pub placement: String,
    pub generation: i64,
    pub paused_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

pub(super) async fn tenant_row(system: &mut SystemTx, tenant: Uuid) -> Result<TenantRow, Error> {
    sqlx::query_as!(
        TenantRow,
        "select tenant_id, code, slug, name, time_zone, currency, language, features, placement, generation, \
                paused_at, created_at \
         from control.tenants where tenant_id = $1",
        tenant,
    )
    .fetch_one(system.conn())
    .await
}

pub(super) async fn tenants_at(system: &mut SystemTx, database: &str) -> Result<Vec<TenantRow>, Error> {
    sqlx::query_as!(
        TenantRow,
        "select tenant_id, code, slug, name, time_zone, currency, language, features, placement, generation, \
                paused_at, created_at \
         from control.tenants where placement = $1",
        database,
    )
    .fetch_all(system.conn())
    .await
}

/// Puts the row into an own database, or brings it up to date there.
pub(super) async fn tenant_row_put(connection: &mut PgConnection, row: &TenantRow) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.tenants as t (tenant_id, code, slug, name, time_zone, currency, language, features, \
             placement, generation, paused_at, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         on conflict (tenant_id) do update \
         set code = $2, slug = $3, name = $4, time_zone = $5, currency = $6, language = $7, features = $8, \
             placement = $9, paused_at = $11",
        row.tenant_id,
        row.code,
        row.slug,
        row.name,
        row.time_zone,
        row.currency,
        row.language,
        &row.features,
        row.placement,
        row.generation,
        row.paused_at,
        row.created_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn server_of(system: &mut SystemTx, database: &str) -> Result<String, Error> {
    sqlx::query_scalar!("select server from control.databases where name = $1", database)
        .fetch_one(system.conn())
        .await
}

/// A move under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MoveRow {
    pub source: String,
    pub target: String,
    pub state: String,
}

pub(super) async fn move_of(system: &mut SystemTx, tenant: Uuid) -> Result<Option<MoveRow>, Error> {
    sqlx::query_as!(MoveRow, "select source, target, state from control.moves where tenant_id = $1", tenant)
        .fetch_optional(system.conn())
        .await
}

pub(super) async fn move_insert(system: &mut SystemTx, tenant: Uuid, row: &MoveRow) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.moves (tenant_id, source, target, state) values ($1, $2, $3, $4)",
        tenant,
        row.source,
        row.target,
        row.state,
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

pub(super) async fn move_delete(system: &mut SystemTx, tenant: Uuid) -> Result<(), Error> {
    sqlx::query!("delete from control.moves where tenant_id = $1", tenant).execute(system.conn()).await?;
    Ok(())
}

/// Says where the tenant lives from now on, and ends its pause; a generation that came
/// with its data counts from now on.
pub(super) async fn switch(
    system: &mut SystemTx,
    tenant: Uuid,
    target: &str,
    generation: Option<i64>,
) -> Result<(), Error> {
    sqlx::query!(
        "update control.tenants set placement = $2, paused_at = null, generation = greatest(generation, $3) \
         where tenant_id = $1",
        tenant,
        target,
        generation,
    )
    .execute(system.conn())
    .await?;
    sqlx::query!("update control.moves set state = 'switched' where tenant_id = $1", tenant)
        .execute(system.conn())
        .await?;
    Ok(())
}

/// Has the database of this connection let the tenant be written, or only read. Since
/// when it is paused stays.
pub(super) async fn pause(connection: &mut PgConnection, tenant: Uuid, on: bool) -> Result<(), Error> {
    sqlx::query!(
        "update control.tenants set paused_at = case when $2 then coalesce(paused_at, now()) end \
         where tenant_id = $1",
        tenant,
        on,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The tenant's generation as the database of this connection has it.
pub(super) async fn generation_here(connection: &mut PgConnection, tenant: Uuid) -> Result<i64, Error> {
    sqlx::query_scalar!("select generation from control.tenants where tenant_id = $1", tenant)
        .fetch_one(connection)
        .await
}

/// Raises the generation of the connection's tenant past one that was seen; answers it.
pub(super) async fn generation_raise_past(connection: &mut PgConnection, seen: i64) -> Result<i64, Error> {
    sqlx::query_scalar!(r#"select app.raise_generation($1) as "generation!""#, seen)
        .fetch_one(connection)
        .await
}

/// The tenant lives in that database from now on, nobody of it is signed in, and
/// certificates that its backup lacks are adopted for a while.
pub(super) async fn restored_attach(
    home: &mut PgConnection,
    tenant: Uuid,
    database: &str,
    now: DateTime<Utc>,
    adopt_days: i32,
) -> Result<(), Error> {
    sqlx::query!(
        "update control.tenants set placement = $2, paused_at = null where tenant_id = $1",
        tenant,
        database,
    )
    .execute(&mut *home)
    .await?;
    sqlx::query!("delete from control.sessions where tenant_id = $1", tenant).execute(&mut *home).await?;
    sqlx::query!(
        "insert into control.restores (restored_at, adopt_until, tenant_id) \
         values ($2::timestamptz, $2::timestamptz + make_interval(days => $3), $1)",
        tenant,
        now,
        adopt_days,
    )
    .execute(home)
    .await?;
    Ok(())
}

/// The tenant has left `source`, which is to be emptied.
pub(super) async fn move_switched_insert(
    home: &mut PgConnection,
    tenant: Uuid,
    row: &MoveRow,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.moves (tenant_id, source, target, state) values ($1, $2, $3, 'switched')",
        tenant,
        row.source,
        row.target,
    )
    .execute(home)
    .await?;
    Ok(())
}

pub(super) async fn erasure_insert(
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

/// An erasure of the tenant of this code that has not come to its end.
pub(super) async fn erasure_begun(
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

/// Suspended tenants whose time of grace is over.
pub(super) async fn due(system: &mut SystemTx, now: DateTime<Utc>) -> Result<Vec<Due>, Error> {
    sqlx::query_as!(
        Due,
        r#"select t.tenant_id as tenant, t.code, t.name, s.erase_after as "since!",
                  exists (select from control.erasures e where e.code = t.code and e.ended_at is null)
                      as "begun!"
           from control.tenants t join control.subscriptions s on s.tenant_id = t.tenant_id
           where t.status = 'suspended' and s.erase_after <= $1
           order by s.erase_after, t.code"#,
        now,
    )
    .fetch_all(system.conn())
    .await
}

/// Keeps the signed statement; the tenant's own database is forgotten.
pub(super) async fn erasure_end(
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
