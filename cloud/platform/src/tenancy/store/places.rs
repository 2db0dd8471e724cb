//! SQL of databases, of which tenant lives in which, and of moves between them.

use chrono::{DateTime, Utc};
use sqlx::{Error, PgConnection};
use uuid::Uuid;

use crate::db::SystemTx;
use crate::tenancy::databases::Database;

pub(in crate::tenancy) async fn databases(system: &mut SystemTx) -> Result<Vec<Database>, Error> {
    sqlx::query_as!(
        Database,
        "select name, kind, server, region, state, schema_version, detail, looked_at, created_at \
         from control.databases order by kind desc, name",
    )
    .fetch_all(system.conn())
    .await
}

/// Where a database stands, as the configuration says today.
pub(in crate::tenancy) async fn database_region(
    system: &mut SystemTx,
    name: &str,
    region: &str,
) -> Result<(), Error> {
    sqlx::query!("update control.databases set region = $2 where name = $1 and region <> $2", name, region)
        .execute(system.conn())
        .await?;
    Ok(())
}

pub(in crate::tenancy) async fn database_insert(
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
pub(in crate::tenancy) async fn database_here(
    connection: &mut PgConnection,
    name: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.databases (name, kind, state) values ($1, 'own', 'ready') on conflict do nothing",
        name,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes how a database stands. `dropping` stays until it is gone.
pub(in crate::tenancy) async fn database_look(
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

pub(in crate::tenancy) async fn database_delete(system: &mut SystemTx, name: &str) -> Result<(), Error> {
    sqlx::query!("delete from control.databases where name = $1 and state = 'dropping'", name)
        .execute(system.conn())
        .await?;
    Ok(())
}

/// Databases that nobody lives in nor moves to: to be dropped, or begun an hour ago and
/// never ready, or left by a tenant that was not made in the end.
pub(in crate::tenancy) async fn databases_left(system: &mut SystemTx) -> Result<Vec<Database>, Error> {
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

/// Databases that nobody lives in nor moves to.
pub(in crate::tenancy) async fn databases_of_nobody(system: &mut SystemTx) -> Result<Vec<String>, Error> {
    sqlx::query_scalar!(
        "select name from control.databases d \
         where kind = 'own' and not exists (select from control.tenants t where t.placement = d.name) \
           and not exists (select from control.moves m where d.name in (m.source, m.target))",
    )
    .fetch_all(system.conn())
    .await
}

/// What of a tenant's row its own database has as well.
#[derive(Debug, Clone)]
pub(in crate::tenancy) struct TenantRow {
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

pub(in crate::tenancy) async fn tenant_row(system: &mut SystemTx, tenant: Uuid) -> Result<TenantRow, Error> {
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

pub(in crate::tenancy) async fn tenants_at(
    system: &mut SystemTx,
    database: &str,
) -> Result<Vec<TenantRow>, Error> {
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

/// Puts the row into an own database, or brings it up to date there. Whether it is paused
/// there only [`pause`] says: a move that has paused it must not be undone by somebody who
/// has read the home database just before that.
pub(in crate::tenancy) async fn tenant_row_put(
    connection: &mut PgConnection,
    row: &TenantRow,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.tenants as t (tenant_id, code, slug, name, time_zone, currency, language, features, \
             placement, generation, paused_at, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         on conflict (tenant_id) do update \
         set code = $2, slug = $3, name = $4, time_zone = $5, currency = $6, language = $7, features = $8, \
             placement = $9",
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

pub(in crate::tenancy) async fn server_of(system: &mut SystemTx, database: &str) -> Result<String, Error> {
    sqlx::query_scalar!("select server from control.databases where name = $1", database)
        .fetch_one(system.conn())
        .await
}

/// A move under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tenancy) struct MoveRow {
    pub source: String,
    pub target: String,
    pub state: String,
}

pub(in crate::tenancy) async fn move_of(
    system: &mut SystemTx,
    tenant: Uuid,
) -> Result<Option<MoveRow>, Error> {
    sqlx::query_as!(MoveRow, "select source, target, state from control.moves where tenant_id = $1", tenant)
        .fetch_optional(system.conn())
        .await
}

pub(in crate::tenancy) async fn move_insert(
    system: &mut SystemTx,
    tenant: Uuid,
    row: &MoveRow,
) -> Result<(), Error> {
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

pub(in crate::tenancy) async fn move_delete(system: &mut SystemTx, tenant: Uuid) -> Result<(), Error> {
    sqlx::query!("delete from control.moves where tenant_id = $1", tenant).execute(system.conn()).await?;
    Ok(())
}

/// Says where the tenant lives from now on, and ends its pause; a generation that came
/// with its data counts from now on.
pub(in crate::tenancy) async fn switch(
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
pub(in crate::tenancy) async fn pause(
    connection: &mut PgConnection,
    tenant: Uuid,
    on: bool,
) -> Result<(), Error> {
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
pub(in crate::tenancy) async fn generation_here(
    connection: &mut PgConnection,
    tenant: Uuid,
) -> Result<i64, Error> {
    sqlx::query_scalar!("select generation from control.tenants where tenant_id = $1", tenant)
        .fetch_one(connection)
        .await
}

/// Raises the generation of the connection's tenant past one that was seen; answers it.
pub(in crate::tenancy) async fn generation_raise_past(
    connection: &mut PgConnection,
    seen: i64,
) -> Result<i64, Error> {
    sqlx::query_scalar!(r#"select app.raise_generation($1) as "generation!""#, seen)
        .fetch_one(connection)
        .await
}

/// The tenant lives in that database from now on, nobody of it is signed in, and
/// certificates that its backup lacks are adopted for a while.
pub(in crate::tenancy) async fn restored_attach(
    home: &mut PgConnection,
    (tenant, database): (Uuid, &str),
    backup: &str,
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
        "insert into control.restores (restored_at, adopt_until, tenant_id, backup, state) \
         values ($2::timestamptz, $2::timestamptz + make_interval(days => $3), $1, $4, 'attached')",
        tenant,
        now,
        adopt_days,
        backup,
    )
    .execute(home)
    .await?;
    Ok(())
}

/// How a tenant was put back last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tenancy) struct RestoreRow {
    pub restored_at: DateTime<Utc>,
    /// From what: a hash over the backup; empty where that was not noted yet.
    pub backup: String,
    /// `attached`, `told`, `ended`.
    pub state: String,
}

/// How a tenant was put back last; `None` when it never was, or only with all others.
pub(in crate::tenancy) async fn restore_latest(
    system: &mut SystemTx,
    tenant: Uuid,
) -> Result<Option<RestoreRow>, Error> {
    sqlx::query_as!(
        RestoreRow,
        "select restored_at, backup, state from control.restores where tenant_id = $1 \
         order by restored_at desc limit 1",
        tenant,
    )
    .fetch_optional(system.conn())
    .await
}

/// The latest restore of this backup has come so far.
pub(in crate::tenancy) async fn restore_reached(
    system: &mut SystemTx,
    tenant: Uuid,
    backup: &str,
    state: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "update control.restores set state = $3 where restore_id = \
             (select restore_id from control.restores where tenant_id = $1 and backup = $2 \
              order by restored_at desc limit 1)",
        tenant,
        backup,
        state,
    )
    .execute(system.conn())
    .await?;
    Ok(())
}

/// The tenant has left `source`, which is to be emptied.
pub(in crate::tenancy) async fn move_switched_insert(
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
