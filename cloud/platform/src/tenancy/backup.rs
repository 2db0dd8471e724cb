//! One tenant alone in one file: as a backup, from which it is put back, and as an
//! export, which its people can read.
//!
//! Both are of one moment of the tenant's database (a repeatable-read snapshot), and
//! hold a file per table and a manifest. Of a tenant in a database of its own the rows
//! of the control schema are of a moment right after.

use std::path::Path;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::data::archive::{Entry, Writer};
use super::data::attached::{self, Attached};
use super::data::rows::{act_for, begin_snapshot, copy_out};
use super::data::{self, At, DataError, Table, Watch, control, of_tenants, tell};
use super::{databases, erase, moves, store};
use crate::db::{Db, DbError, SHARED, end};
use crate::files::Depot;
use crate::migrate;

/// What the manifest of a backup calls itself.
pub const FORMAT: &str = "tracewright-tenant-backup";
/// The form of backups that this program writes, and the newest that it reads.
pub const VERSION: u32 = 1;
const EXPORT: &str = "tracewright-tenant-export";

/// Columns that an export leaves out, wherever they are: what a person or program proves
/// itself with, and what is sealed.
pub(super) const SECRET: [&str; 21] = [
    "password_hash",
    "pin_hash",
    "badge_hash",
    "secret",
    "sealed",
    "sealed_key",
    "code_hash",
    "token_hash",
    "key_hash",
    "smtp_password",
    "client_secret",
    "bounce_token_hash",
    "code_sealed",
    "token_sealed",
    "number_sealed",
    // What was asked and answered under an idempotency key.
    "request",
    "answer",
    // Sensitive fields of masters.
    "pan_sealed",
    "pan_index",
    "bank_account_sealed",
    "bank_account_index",
];

/// What an archive of a tenant says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The last migration of the database that it was taken from.
    pub schema_version: i64,
    /// When it was taken.
    pub made_at: DateTime<Utc>,
    /// The tenant.
    pub tenant: Uuid,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its data.
    pub tables: Vec<Entry>,
    /// What the control schema has of it.
    pub control: Vec<Entry>,
    /// The bytes of what is attached.
    #[serde(default)]
    pub files: Vec<Attached>,
}

/// Writes everything of a tenant to a file, with what is attached in the store `files`;
/// answers its manifest. The file is whole, or not there. It holds secrets and personal data: only its owner may read it.
///
/// # Errors
/// [`DataError`]; [`DataError::Refused`] while the tenant is being moved, or when there
/// is such a file.
pub async fn backup(
    db: &Db,
    tenant: Uuid,
    path: &Path,
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<Manifest, DataError> {
    let mut at = Snapshot::begin(db, tenant).await?;
    let mut archive = Writer::create(path)?;
    let mut manifest = at.manifest(FORMAT, now).await?;
    for table in of_tenants(&mut at.data).await? {
        let name = format!("tables/{}.copy", table.name);
        let entry = at_table(&mut at.data, &table, tenant, &name, "", &mut archive, watch).await?;
        manifest.tables.push(entry);
    }
    let home = at.home.as_mut().unwrap_or(&mut at.data);
    for table in control::kept(home).await? {
        let name = format!("control/{}.copy", table.name);
        let entry = at_table(home, &table, tenant, &name, "", &mut archive, watch).await?;
        manifest.control.push(entry);
    }
    if let Some(files) = files {
        manifest.files = attached::take(files, tenant, &mut archive, watch).await?;
    }
    archive.finish(&manifest)?;
    at.end().await;
    Ok(manifest)
}

/// Writes what a tenant has to a file that its people can read: a CSV file per table,
/// without what is secret. Answers its manifest.
///
/// # Errors
/// As [`backup`].
pub async fn export(
    db: &Db,
    tenant: Uuid,
    path: &Path,
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<Manifest, DataError> {
    let mut at = Snapshot::begin(db, tenant).await?;
    let mut archive = Writer::create(path)?;
    let mut manifest = at.manifest(EXPORT, now).await?;
    for mut table in of_tenants(&mut at.data).await? {
        table.columns.retain(|column| !SECRET.contains(&column.as_str()));
        let plain = table.name.strip_prefix("public.").unwrap_or(&table.name);
        let name = format!("{plain}.csv");
        let how = "with (format csv, header)";
        let entry = at_table(&mut at.data, &table, tenant, &name, how, &mut archive, watch).await?;
        manifest.tables.push(entry);
    }
    if let Some(files) = files {
        manifest.files = attached::take(files, tenant, &mut archive, watch).await?;
    }
    archive.finish(&manifest)?;
    at.end().await;
    Ok(manifest)
}

/// One moment of a tenant.
struct Snapshot {
    data: PgConnection,
    /// Where the data lies in another database.
    home: Option<PgConnection>,
    tenant: Uuid,
    code: String,
    name: String,
    held: PgConnection,
}

impl Snapshot {
    async fn begin(db: &Db, tenant: Uuid) -> Result<Self, DataError> {
        // No move begins meanwhile.
        let held = moves::hold(db, tenant).await?;
        if moves::under_way(db, tenant).await?.is_some() {
            return Err(DataError::Refused(
                "a move of it was cut short; run it again to end it, or take it back".to_owned(),
            ));
        }
        let row =
            db.system_tx(async |system| Ok::<_, DbError>(store::tenant_row(system, tenant).await?)).await?;
        erase::none_begun(db, &row.code).await?;
        let server = databases::server_of(db, &row.placement).await?;
        let mut data = db.connect_owner(&row.placement, &server).await?;
        act_for(&mut data, tenant).await?;
        begin_snapshot(&mut data).await?;
        let home = if row.placement == SHARED {
            None
        } else {
            let mut home = db.connect_owner(SHARED, "").await?;
            act_for(&mut home, tenant).await?;
            begin_snapshot(&mut home).await?;
            Some(home)
        };
        Ok(Self { data, home, tenant, code: row.code, name: row.name, held })
    }

    async fn manifest(&mut self, format: &str, now: DateTime<Utc>) -> Result<Manifest, DataError> {
        let schema_version = migrate::version_of(&mut self.data).await?;
        Ok(Manifest {
            format: format.to_owned(),
            version: VERSION,
            schema_version,
            made_at: now,
            tenant: self.tenant,
            code: self.code.clone(),
            name: self.name.clone(),
            tables: Vec::new(),
            control: Vec::new(),
            files: Vec::new(),
        })
    }

    async fn end(self) {
        end(self.data).await;
        if let Some(home) = self.home {
            end(home).await;
        }
        moves::let_go(self.held).await;
    }
}

async fn at_table(
    from: &mut PgConnection,
    table: &Table,
    tenant: Uuid,
    name: &str,
    how: &str,
    archive: &mut Writer,
    watch: &mut Watch<'_>,
) -> Result<Entry, DataError> {
    let sum = data::sum(from, table, tenant).await?;
    archive.begin(name)?;
    let mut out = from.copy_out_raw(&copy_out(table, tenant, how)).await?;
    while let Some(chunk) = out.try_next().await? {
        archive.write(&chunk)?;
        tell(watch, At::Bytes { table: table.name.clone(), bytes: archive.bytes() })?;
    }
    drop(out);
    let rows = sum.rows.unsigned_abs();
    tell(watch, At::Table { table: table.name.clone(), rows })?;
    Ok(Entry {
        path: name.to_owned(),
        table: table.name.clone(),
        columns: table.columns.clone(),
        rows,
        checksum: sum.checksum,
        bytes: archive.bytes(),
        sha256: archive.sha256(),
    })
}
