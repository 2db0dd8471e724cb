//! Putting a tenant back from a backup of it alone.
//!
//! 1. The file is read through: nothing is touched unless all of it is as it was
//!    written.
//! 2. A database of its own is made, with the schema that the backup has; everything is
//!    put in, compared, and migrated to the schema of today.
//! 3. One commit of the home database says that the tenant lives there. A tenant that is
//!    replaced has to be suspended, and is removed from where it lived.
//! 4. Where it is to live in the shared database it is moved there.
//!
//! Killed before the third step nothing has changed, but for a database that goes when
//! this is run again, or by `cloud migrate`. Killed after it the tenant is there whole, in
//! a database of its own; with `replace` it can be run again, and a move brings it to
//! where it is to live.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use super::backup::{FORMAT, Manifest, VERSION};
use super::data::archive::{Entry as Filed, Reader};
use super::data::attached;
use super::data::rows::{act_for, begin, commit, door, land};
use super::data::tables::{of_control, quoted};
use super::data::{self, At, DataError, Table, Watch, control, of_tenants, tell};
use super::restored::{ADOPT_DAYS, RestoredTenant, let_in};
use super::store::{self, MoveRow};
use super::{Placement, Standing, databases, moves};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, SHARED, end};
use crate::files::Depot;
use crate::migrate;

/// Reads the manifest of a backup, and all of it against that.
///
/// # Errors
/// [`DataError::Form`] when it is no backup, of a newer form or schema, or damaged.
pub fn look(path: &Path) -> Result<Manifest, DataError> {
    let mut archive = Reader::open(path)?;
    let manifest: Manifest = archive.manifest()?;
    let refuse = |detail: String| Err(DataError::Form { path: path.display().to_string(), detail });
    if manifest.format != FORMAT {
        return refuse(format!("this is no backup of a tenant, but {}", manifest.format));
    }
    if manifest.version > VERSION || manifest.schema_version > migrate::version() {
        return refuse("a newer program wrote it; put it back with that one".to_owned());
    }
    let tables = manifest.tables.iter().chain(&manifest.control);
    archive.check(tables.map(|entry| (entry.path.as_str(), entry.bytes, entry.sha256.as_str())))?;
    let files = manifest.files.iter();
    archive.check(files.map(|file| (file.path.as_str(), file.bytes, file.sha256.as_str())))?;
    Ok(manifest)
}

/// Puts a tenant back. With `replace` the tenant of today, which is suspended, gives way
/// to that of the backup; its certificates, keys and addresses of people stay beside
/// those of the backup, so that what was revoked since is revoked. `files` is the store
/// of attached files.
///
/// # Errors
/// [`DataError`]; [`DataError::Refused`] when the tenant or its code is there and not to
/// be replaced.
pub async fn restore(
    db: &Db,
    path: &Path,
    (placement, replace): (&Placement, bool),
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<RestoredTenant, DataError> {
    tell(watch, At::Step("reading the file through"))?;
    let manifest = look(path)?;
    let held = moves::hold(db, manifest.tenant).await?;
    let done = restored(db, path, &manifest, (placement, replace), files, now, watch).await;
    end(held).await;
    let tenant = done?;
    if *placement == Placement::Shared {
        moves::move_to(db, manifest.tenant, placement, watch).await?;
    }
    Ok(tenant)
}

async fn restored(
    db: &Db,
    path: &Path,
    manifest: &Manifest,
    (placement, replace): (&Placement, bool),
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<RestoredTenant, DataError> {
    databases::clear_left(db, &manifest.code).await?;
    let before = standing_in_the_way(db, manifest, replace, watch).await?;
    let server = match placement {
        Placement::Shared => "",
        Placement::Own { server } => server,
    };
    tell(watch, At::Step("making its database"))?;
    let name = databases::create_at(db, &manifest.code, server, manifest.schema_version).await?;
    let mut there = db.connect_owner(&name, server).await?;
    act_for(&mut there, manifest.tenant).await?;
    tell(watch, At::Step("putting everything in"))?;
    put_in(&mut there, path, manifest, &name, watch).await?;
    attached::put_back(files, manifest.tenant, path, &manifest.files).await?;
    tell(watch, At::Step("bringing it up to date"))?;
    migrate::migrate(&db.owner_of(&name, server)?).await?;
    databases::found_ready(db, &name).await?;
    let seen = before.as_ref().map_or(0, |before| before.generation);
    let generation = store::generation_raise_past(&mut there, seen).await?;
    end(there).await;

    tell(watch, At::Step("switching"))?;
    let row = before.map(|before| MoveRow {
        source: before.placement,
        target: name.clone(),
        state: "switched".to_owned(),
    });
    attach(db, path, manifest, &name, row.as_ref(), now).await?;
    if let Some(row) = &row {
        moves::cleaned(db, manifest.tenant, row, watch).await?;
    }
    told(db, manifest, generation).await
}

/// The tenant of today, if it is to give way; refused unless it may.
async fn standing_in_the_way(
    db: &Db,
    manifest: &Manifest,
    replace: bool,
    watch: &mut Watch<'_>,
) -> Result<Option<store::TenantRow>, DataError> {
    let Some(known) = super::find_tenant(db, &manifest.code).await? else {
        return Ok(None);
    };
    let refuse = |why: String| Err(DataError::Refused(why));
    if known.id != manifest.tenant {
        return refuse(format!("the code {} is another tenant's here", manifest.code));
    }
    if !replace {
        return refuse(format!("{} is here already; --replace has it give way to the backup", manifest.code));
    }
    if Standing::of(&known.status).admits() {
        return refuse(format!("{} has to be suspended before it is replaced", manifest.code));
    }
    // A move that was cut short, a restore's too, is ended first: it gives way as a whole.
    match moves::under_way(db, known.id).await? {
        Some(row) if row.state == "switched" => moves::cleaned(db, known.id, &row, watch).await?,
        Some(_) => drop(moves::taken_back(db, known.id).await?),
        None => {}
    }
    let row =
        db.system_tx(async |system| Ok::<_, DbError>(store::tenant_row(system, known.id).await?)).await?;
    Ok(Some(row))
}

async fn put_in(
    there: &mut PgConnection,
    path: &Path,
    manifest: &Manifest,
    name: &str,
    watch: &mut Watch<'_>,
) -> Result<(), DataError> {
    let mut archive = Reader::open(path)?;
    begin(there).await?;
    let own = manifest.control.iter().find(|entry| entry.table == control::TENANTS);
    let own = own.ok_or_else(|| data::archive::form(path, "it lacks the tenant's own row"))?;
    tenant_row(there, &mut archive, own, name).await?;
    sqlx::query("select app.add_tenant_partitions($1)").bind(manifest.tenant).execute(&mut *there).await?;
    let tables = of_tenants(there).await?;
    for table in &tables {
        let entry = manifest.tables.iter().find(|entry| entry.table == table.name);
        let entry = entry.ok_or_else(|| data::archive::form(path, format!("it lacks {}", table.name)))?;
        let table = Table { columns: entry.columns.clone(), ..table.clone() };
        let through = door(there, &table).await?;
        let into = through.as_deref().unwrap_or(&table.name);
        load(there, &mut archive, entry, into, watch).await?;
        if through.is_some() {
            land(there, &table, "").await?;
        }
        let sum = data::sum(there, &table, manifest.tenant).await?;
        if (sum.rows.unsigned_abs(), &sum.checksum) != (entry.rows, &entry.checksum) {
            return Err(DataError::Differs {
                table: table.name,
                here: format!("{} rows ({})", entry.rows, entry.checksum),
                there: sum.to_string(),
            });
        }
        tell(watch, At::Table { table: table.name, rows: entry.rows })?;
    }
    commit(there).await?;
    sqlx::raw_sql("analyze").execute(there).await?;
    Ok(())
}

/// Loads a file of the archive into a table.
async fn load(
    there: &mut PgConnection,
    archive: &mut Reader,
    entry: &Filed,
    into: &str,
    watch: &mut Watch<'_>,
) -> Result<(), DataError> {
    let list: Vec<String> = entry.columns.iter().map(|column| quoted(column)).collect();
    let mut copy = there.copy_in_raw(&format!("copy {into} ({}) from stdin", list.join(", "))).await?;
    let mut bytes = 0;
    let sent = async {
        let mut chunks = archive.read(&entry.path)?;
        while let Some(chunk) = chunks.next()? {
            bytes += chunk.len() as u64;
            copy.send(chunk).await?;
            tell(watch, At::Bytes { table: entry.table.clone(), bytes })?;
        }
        Ok::<_, DataError>(())
    };
    if let Err(error) = sent.await {
        let _ = copy.abort("stopped").await;
        return Err(error);
    }
    copy.finish().await?;
    Ok(())
}

/// The rows of a file in a temporary table `arriving` without any rules.
async fn arriving(there: &mut PgConnection, archive: &mut Reader, entry: &Filed) -> Result<(), DataError> {
    let list: Vec<String> = entry.columns.iter().map(|column| quoted(column)).collect();
    let sql = format!(
        "drop table if exists pg_temp.arriving; \
         create temporary table arriving on commit drop as select {} from {} limit 0",
        list.join(", "),
        entry.table
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *there).await?;
    load(there, archive, entry, "pg_temp.arriving", &mut |_| std::ops::ControlFlow::Continue(())).await
}

/// The tenant's own row, as of someone who lives in the database `name`.
async fn tenant_row(
    there: &mut PgConnection,
    archive: &mut Reader,
    entry: &Filed,
    name: &str,
) -> Result<(), DataError> {
    arriving(there, archive, entry).await?;
    sqlx::query("update pg_temp.arriving set placement = $1, paused_at = null")
        .bind(name)
        .execute(&mut *there)
        .await?;
    let table = Table { name: entry.table.clone(), partitioned: false, columns: entry.columns.clone() };
    land(there, &table, "on conflict do nothing").await?;
    Ok(())
}

/// One commit of the home database: the tenant lives in the database `name`.
async fn attach(
    db: &Db,
    path: &Path,
    manifest: &Manifest,
    name: &str,
    row: Option<&MoveRow>,
    now: DateTime<Utc>,
) -> Result<(), DataError> {
    let mut archive = Reader::open(path)?;
    let mut home = db.connect_owner(SHARED, "").await?;
    act_for(&mut home, manifest.tenant).await?;
    begin(&mut home).await?;
    for table in of_control(&mut home).await? {
        let Some(entry) = manifest.control.iter().find(|entry| entry.table == table.name) else { continue };
        if table.name == control::TENANTS {
            tenant_row(&mut home, &mut archive, entry, name).await?;
            continue;
        }
        arriving(&mut home, &mut archive, entry).await?;
        let table = Table { columns: entry.columns.clone(), ..table };
        // What is there already is newer.
        land(&mut home, &table, "on conflict do nothing").await?;
    }
    store::erasure_void(&mut home, &manifest.code).await?;
    store::restored_attach(&mut home, manifest.tenant, name, now, ADOPT_DAYS).await?;
    if let Some(row) = row {
        store::move_switched_insert(&mut home, manifest.tenant, row).await?;
    }
    commit(&mut home).await?;
    end(home).await;
    Ok(())
}

/// The audit of the tenant tells of it; and who is let in, for an operator to look at.
async fn told(db: &Db, manifest: &Manifest, generation: i64) -> Result<RestoredTenant, DataError> {
    let tenant = manifest.tenant;
    let (agents, holds) = db
        .system_tx(async |system| {
            let holds = store::agents_let_in(system, tenant).await?;
            let entry = Entry {
                action: "tenant.restored",
                subject: &format!("tenant:{tenant}"),
                after: Some(json!({ "generation": generation, "backup_of": manifest.made_at })),
                ..Entry::default()
            };
            let agents = system
                .enter(&Cx::system(tenant), async |tx| {
                    audit::record(tx, entry.clone()).await?;
                    Ok::<_, DbError>(store::agents(tx).await?)
                })
                .await?;
            Ok::<_, DbError>((agents, holds))
        })
        .await?;
    Ok(RestoredTenant { id: tenant, code: manifest.code.clone(), generation, agents: let_in(agents, &holds) })
}
