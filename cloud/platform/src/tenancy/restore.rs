//! Putting a tenant back from a backup of it alone.
//!
//! 1. The file is read through: nothing is touched unless all of it is as it was
//!    written. Rows of another tenant in it are refused when they come.
//! 2. A database of its own is made, with the schema that the backup has; everything is
//!    put in, compared, and migrated to the schema of today.
//! 3. One commit of the home database says that the tenant lives there. A tenant that is
//!    replaced has to be suspended, and is removed from where it lived.
//! 4. Where it is to live in the shared database it is moved there.
//!
//! Killed before the third step nothing has changed, but for a database that goes when
//! this is run again, or by `cloud migrate`. Killed after it the tenant is there whole, in
//! a database of its own. That commit notes from which backup, so that whoever runs this
//! again comes to what was left: it is the same restore, and goes on.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::backup::{FORMAT, Manifest, VERSION};
use super::data::archive::{Entry as Filed, Reader};
use super::data::attached;
use super::data::rows::{act_for, begin, commit, door, land};
use super::data::tables::{of_control, quoted};
use super::data::{self, At, DataError, Table, Watch, control, of_tenants, tell};
use super::restored::{ADOPT_DAYS, How, RestoredTenant, let_in};
use super::store::{self, MoveRow, RestoreRow};
use super::{Placement, Standing, Tenant, databases, erase, moves};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, SHARED, SystemTx, end};
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

/// What a backup holds, as one value: of two backups it differs.
fn fingerprint(manifest: &Manifest) -> String {
    let mut hash = Sha256::new();
    hash.update(manifest.tenant.as_bytes());
    hash.update(manifest.made_at.timestamp_micros().to_be_bytes());
    let entries = manifest.tables.iter().chain(&manifest.control);
    let sums = entries.map(|entry| (&entry.path, &entry.sha256));
    for (path, sum) in sums.chain(manifest.files.iter().map(|file| (&file.path, &file.sha256))) {
        for text in [path, sum] {
            hash.update(text.as_bytes());
            hash.update([0]);
        }
    }
    hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Puts a tenant back. With `replace` the tenant of today, which is suspended, gives way
/// to that of the backup; its certificates, keys and addresses of people stay beside
/// those of the backup, so that what was revoked since is revoked. `files` is the store
/// of attached files. One that was cut short after the tenant was there goes on, and one
/// that came to its end is told so: see [`RestoredTenant::how`].
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
    let done = begun(db, path, &manifest, (placement, replace), files, now, watch).await;
    moves::let_go(held).await;
    let tenant = done?;
    if matches!(tenant.how, How::Nothing(_)) {
        return Ok(tenant);
    }
    settled(db, manifest.tenant, placement, watch).await?;
    reached(db, &manifest, "ended").await?;
    Ok(tenant)
}

/// Puts it back; or goes on with what was begun before.
async fn begun(
    db: &Db,
    path: &Path,
    manifest: &Manifest,
    (placement, replace): (&Placement, bool),
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<RestoredTenant, DataError> {
    let known = super::find_tenant(db, &manifest.code).await?.filter(|_| !replace);
    match known {
        Some(known) => goes_on(db, &known, manifest, watch).await,
        None => restored(db, path, manifest, placement, files, now, watch).await,
    }
}

/// The tenant is here: of a restore of this backup that has switched what is left is done,
/// but for where it is to live. Any other tenant gives way only when that is asked for.
async fn goes_on(
    db: &Db,
    known: &Tenant,
    manifest: &Manifest,
    watch: &mut Watch<'_>,
) -> Result<RestoredTenant, DataError> {
    not_anothers(known, manifest)?;
    let look = async |system: &mut SystemTx| Ok::<_, DbError>(store::restore_latest(system, known.id).await?);
    let latest = db.system_tx(look).await?.filter(|row| row.backup == fingerprint(manifest));
    let Some(RestoreRow { restored_at, state, .. }) = latest else {
        let code = &manifest.code;
        return Err(DataError::Refused(format!(
            "{code} is here already; --replace has it give way to the backup"
        )));
    };
    // What was put back may be gone in part by now.
    erase::none_begun(db, &manifest.code).await?;
    if state == "ended" {
        return standing(db, manifest, How::Nothing(restored_at)).await;
    }
    tell(watch, At::Step("going on with what was cut short"))?;
    if let Some(row) = moves::under_way(db, known.id).await?.filter(|row| row.state == "switched") {
        moves::cleaned(db, known.id, &row, watch).await?;
    }
    let mut tenant = standing(db, manifest, How::Rest(restored_at)).await?;
    if state == "attached" {
        tenant = RestoredTenant { how: tenant.how, ..told(db, manifest, tenant.generation).await? };
    }
    Ok(tenant)
}

/// A tenant that was put back, as it stands.
async fn standing(db: &Db, manifest: &Manifest, how: How) -> Result<RestoredTenant, DataError> {
    let tenant = manifest.tenant;
    let look = async |system: &mut SystemTx| Ok::<_, DbError>(store::agents_let_in(system, tenant).await?);
    let holds = db.system_tx(look).await?;
    let (generation, agents) = db
        .tx(&Cx::system(tenant), async |tx| {
            let generation = store::generation_here(tx.conn(), tenant).await?;
            Ok::<_, DbError>((generation, store::agents(tx).await?))
        })
        .await?;
    let agents = let_in(agents, &holds);
    Ok(RestoredTenant { id: tenant, code: manifest.code.clone(), generation, agents, how })
}

/// Brings it to where it is to live, if it is not there.
async fn settled(
    db: &Db,
    tenant: Uuid,
    placement: &Placement,
    watch: &mut Watch<'_>,
) -> Result<(), DataError> {
    let row = db.system_tx(async |system| Ok::<_, DbError>(store::tenant_row(system, tenant).await?)).await?;
    let there = match placement {
        Placement::Shared => row.placement == SHARED,
        Placement::Own { server } => {
            row.placement != SHARED && databases::server_of(db, &row.placement).await? == *server
        }
    };
    if !there || moves::under_way(db, tenant).await?.is_some() {
        moves::move_to(db, tenant, placement, watch).await?;
    }
    Ok(())
}

/// Notes how far the restore of this backup has come.
async fn reached(db: &Db, manifest: &Manifest, state: &str) -> Result<(), DbError> {
    let backup = fingerprint(manifest);
    db.system_tx(async |system| Ok(store::restore_reached(system, manifest.tenant, &backup, state).await?))
        .await
}

async fn restored(
    db: &Db,
    path: &Path,
    manifest: &Manifest,
    placement: &Placement,
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<RestoredTenant, DataError> {
    databases::clear_left(db, &manifest.code).await?;
    let before = standing_in_the_way(db, manifest, watch).await?;
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

/// Refused of a code that is that of another tenant here.
fn not_anothers(known: &Tenant, manifest: &Manifest) -> Result<(), DataError> {
    if known.id == manifest.tenant {
        return Ok(());
    }
    Err(DataError::Refused(format!("the code {} is another tenant's here", manifest.code)))
}

/// The tenant of today, which is to give way; refused unless it may.
async fn standing_in_the_way(
    db: &Db,
    manifest: &Manifest,
    watch: &mut Watch<'_>,
) -> Result<Option<store::TenantRow>, DataError> {
    let Some(known) = super::find_tenant(db, &manifest.code).await? else {
        return Ok(None);
    };
    not_anothers(&known, manifest)?;
    if Standing::of(&known.status).admits() {
        let code = &manifest.code;
        return Err(DataError::Refused(format!("{code} has to be suspended before it is replaced")));
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
    tenant_row(there, &mut archive, own, (manifest.tenant, name)).await?;
    sqlx::query("select app.add_tenant_partitions($1)").bind(manifest.tenant).execute(&mut *there).await?;
    let tables = of_tenants(there).await?;
    for table in &tables {
        let entry = manifest.tables.iter().find(|entry| entry.table == table.name);
        let entry = entry.ok_or_else(|| data::archive::form(path, format!("it lacks {}", table.name)))?;
        let table = Table { columns: entry.columns.clone(), ..table.clone() };
        let through = door(there, &table).await?;
        let into = through.as_deref().unwrap_or(&table.name);
        load(there, &mut archive, entry, (into, manifest.tenant), watch).await?;
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

/// Loads a file of the archive into a table that is empty, and refuses rows of another tenant.
async fn load(
    there: &mut PgConnection,
    archive: &mut Reader,
    entry: &Filed,
    (into, tenant): (&str, Uuid),
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
    let sql = format!("select exists (select from {into} where tenant_id is distinct from $1)");
    if sqlx::query_scalar(AssertSqlSafe(sql)).bind(tenant).fetch_one(there).await? {
        return Err(archive.wrong(format!("{} has rows of another tenant", entry.path)));
    }
    Ok(())
}

/// The rows of a file in a temporary table `arriving` without any rules, but that they are
/// the tenant's.
async fn arriving(
    there: &mut PgConnection,
    archive: &mut Reader,
    entry: &Filed,
    tenant: Uuid,
) -> Result<(), DataError> {
    if !entry.columns.iter().any(|column| column == "tenant_id") {
        return Err(archive.wrong(format!("{} does not say whose its rows are", entry.path)));
    }
    let list: Vec<String> = entry.columns.iter().map(|column| quoted(column)).collect();
    let sql = format!(
        "drop table if exists pg_temp.arriving; \
         create temporary table arriving on commit drop as select {} from {} limit 0",
        list.join(", "),
        entry.table
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *there).await?;
    let unwatched = &mut |_: &At| std::ops::ControlFlow::Continue(());
    load(there, archive, entry, ("pg_temp.arriving", tenant), unwatched).await
}

/// The tenant's own row, as of someone who lives in the database `name`.
async fn tenant_row(
    there: &mut PgConnection,
    archive: &mut Reader,
    entry: &Filed,
    (tenant, name): (Uuid, &str),
) -> Result<(), DataError> {
    arriving(there, archive, entry, tenant).await?;
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
            tenant_row(&mut home, &mut archive, entry, (manifest.tenant, name)).await?;
            continue;
        }
        arriving(&mut home, &mut archive, entry, manifest.tenant).await?;
        let table = Table { columns: entry.columns.clone(), ..table };
        // What is there already is newer.
        land(&mut home, &table, "on conflict do nothing").await?;
    }
    store::erasure_void(&mut home, &manifest.code).await?;
    let backup = fingerprint(manifest);
    store::restored_attach(&mut home, (manifest.tenant, name), &backup, now, ADOPT_DAYS).await?;
    if let Some(row) = row {
        store::move_switched_insert(&mut home, manifest.tenant, row).await?;
    }
    commit(&mut home).await?;
    end(home).await;
    Ok(())
}

/// The audit of the tenant tells of it; and who is let in, for an operator to look at.
async fn told(db: &Db, manifest: &Manifest, generation: i64) -> Result<RestoredTenant, DataError> {
    let (tenant, backup) = (manifest.tenant, fingerprint(manifest));
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
            // The tenant's commits first: told twice at most, if this is cut short here.
            store::restore_reached(system, tenant, &backup, "told").await?;
            Ok::<_, DbError>((agents, holds))
        })
        .await?;
    let agents = let_in(agents, &holds);
    Ok(RestoredTenant { id: tenant, code: manifest.code.clone(), generation, agents, how: How::Whole })
}
