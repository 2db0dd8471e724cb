//! SQL of tenants, companies, plants and agents.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use crate::db::{SystemTx, Tx};
use crate::tenancy::{Agent, Change, NewCompany, NewPlant, NewTenant, Tenant, Upserted};

fn upserted(id: Uuid, made: bool, updated: bool) -> Upserted {
    let change = match (made, updated) {
        (true, _) => Change::Made,
        (false, true) => Change::Updated,
        (false, false) => Change::Same,
    };
    Upserted { id, change }
}

/// Makes the row of a tenant unless one of its code is there, with this id and placement.
/// Answers whether it was made.
pub(in crate::tenancy) async fn tenant_insert(
    system: &mut SystemTx,
    id: Uuid,
    placement: &str,
    new: &NewTenant,
) -> Result<bool, Error> {
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
    Ok(made > 0)
}

/// Brings the row of the tenant's code up to date; `made` says whether it was made just now.
pub(in crate::tenancy) async fn tenant_update(
    system: &mut SystemTx,
    new: &NewTenant,
    made: bool,
) -> Result<Upserted, Error> {
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
    Ok(upserted(id, made, updated > 0))
}

/// Only the system's role may.
pub(in crate::tenancy) async fn partitions_add(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("select app.add_tenant_partitions($1)", tenant).execute(tx.conn()).await?;
    Ok(())
}

pub(in crate::tenancy) async fn counters_insert(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("insert into tenant_counters (tenant_id) values ($1) on conflict do nothing", tenant)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(in crate::tenancy) async fn company_upsert(tx: &mut Tx, new: &NewCompany) -> Result<Upserted, Error> {
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

pub(in crate::tenancy) async fn plant_upsert(tx: &mut Tx, new: &NewPlant) -> Result<Upserted, Error> {
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

/// Codes of all plants, of those that are deleted too, each with what other systems call it.
pub(in crate::tenancy) async fn plant_slugs(tx: &mut Tx) -> Result<Vec<(String, Option<String>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!("select code, slug from plants where tenant_id = $1 order by code", tenant)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.slug)).collect())
}

pub(in crate::tenancy) async fn agent_upsert(
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

pub(in crate::tenancy) async fn active_ids(system: &mut SystemTx) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar!("select tenant_id from control.tenants where status = 'active' and paused_at is null order by tenant_id")
        .fetch_all(system.conn())
        .await
}

pub(in crate::tenancy) async fn tenant_ids(system: &mut SystemTx) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar!("select tenant_id from control.tenants order by tenant_id")
        .fetch_all(system.conn())
        .await
}

pub(in crate::tenancy) async fn tenant_by_code(
    system: &mut SystemTx,
    code: &str,
) -> Result<Option<Tenant>, Error> {
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

pub(in crate::tenancy) async fn tenant_code_by_slug(
    system: &mut SystemTx,
    slug: &str,
) -> Result<Option<String>, Error> {
    sqlx::query_scalar!("select code from control.tenants where slug = $1", slug)
        .fetch_optional(system.conn())
        .await
}

pub(in crate::tenancy) async fn plant_codes(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select code from plants where tenant_id = $1 and deleted_at is null order by code",
        tenant
    )
    .fetch_all(tx.conn())
    .await
}

pub(in crate::tenancy) async fn agents(tx: &mut Tx) -> Result<Vec<Agent>, Error> {
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

pub(in crate::tenancy) async fn agent_by_id(tx: &mut Tx, agent: Uuid) -> Result<Option<Agent>, Error> {
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

/// Every tenant, by code.
pub(in crate::tenancy) async fn tenants(system: &mut SystemTx) -> Result<Vec<Tenant>, Error> {
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
pub(in crate::tenancy) async fn status_set(
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
