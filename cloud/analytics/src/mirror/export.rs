//! Parquet: the facts of each month and the dimensions as files that other engines read.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use duckdb::Connection;
use platform::db::Db;
use platform::files::Depot;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DIMENSIONS, During, FACTS, MirrorError, Mirrors};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Everything up to this batch is in each of the files; while it was written, later
    /// ones may hold more.
    pub batch: i64,
    /// Numbers of dimensions are those of one build of the mirror: files of another one are
    /// not to be joined with these.
    #[serde(default)]
    pub build: String,
    /// Each file, by its path under the place of exports.
    pub files: Vec<Written>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// `<tenant>/fact_lifecycle/month=2025-01/part.parquet`.
    pub path: String,
    /// Rows in it.
    pub rows: i64,
    /// Bytes of it.
    pub bytes: u64,
    /// Everything up to this batch is in it.
    pub batch: i64,
}

/// Months to export, as the first day of each, both ends included; `None`: no end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Months {
    /// From this one.
    pub from: Option<NaiveDate>,
    /// To this one.
    pub to: Option<NaiveDate>,
}

impl Months {
    /// Both ends, unless the last comes before the first.
    #[must_use]
    pub fn between(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Option<Self> {
        let ends = from.zip(to);
        ends.is_none_or(|(from, to)| first(from) <= first(to)).then_some(Self { from, to })
    }

    /// The name of the list of files: an export of some months leaves that of all as it is.
    fn manifest(&self) -> String {
        if *self == Self::default() {
            return "manifest.json".into();
        }
        let named =
            |month: Option<NaiveDate>| month.map_or_else(String::new, |m| m.format("%Y-%m").to_string());
        format!("manifest_{}_{}.json", named(self.from), named(self.to))
    }

    fn hold(&self, month: NaiveDate) -> bool {
        self.from.is_none_or(|from| first(from) <= month) && self.to.is_none_or(|to| month <= first(to))
    }
}

fn first(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// Takes in what is there, and writes each month's facts and all dimensions to `to`: of all
/// months, whichever are asked for, where the place has some of another build of the mirror,
/// or it is not known of which. A file that was there from before is replaced; at the end `<tenant>/manifest.json` names all, or
/// `manifest_2025-01_2025-03.json` those of some months.
///
/// # Errors
/// [`MirrorError`], or a place that takes nothing.
pub async fn export(
    mirrors: &Mirrors,
    db: &Db,
    tenant: Uuid,
    months: Months,
    to: &Depot,
    now: DateTime<Utc>,
) -> Result<Exported, MirrorError> {
    mirrors.catch_up(db, tenant, now, |_, _| {}).await?;
    let out = mirrors.settings()?.out(tenant);
    std::fs::create_dir_all(&out)?;
    let build = mirrors.read(tenant, During::Export, build_of).await?.value;
    let mut places = Places::read(mirrors.settings()?, tenant)?;
    let months = if places.fit(to, tenant, &build) {
        months
    } else {
        tracing::info!(%tenant, "the mirror was built anew since the last export; all months are exported");
        Months::default()
    };
    places.begin(to, tenant, &build)?;
    let mut done = Exported { batch: 0, build, files: Vec::new() };
    // A table, the path of its file, and the days from and until which it holds.
    type Part = (String, String, Option<(NaiveDate, NaiveDate)>);
    let mut parts: Vec<Part> = Vec::new();
    for name in DIMENSIONS.iter().map(|name| format!("dim_{name}")).chain(["dim_date".to_owned()]) {
        parts.push((name.clone(), format!("{name}.parquet"), None));
    }
    for table in FACTS {
        let asked = mirrors.read(tenant, During::Export, move |conn| months_of(conn, table)).await?;
        for month in asked.value.into_iter().filter(|month| months.hold(*month)) {
            let Some(next) = month.checked_add_months(chrono::Months::new(1)) else { continue };
            let path = format!("{table}/month={}/part.parquet", month.format("%Y-%m"));
            parts.push((table.to_owned(), path, Some((month, next))));
        }
    }
    for (table, path, span) in parts {
        let file = out.join("part.parquet");
        let (asked, target) = (table.clone(), file.clone());
        let written = mirrors
            .read(tenant, During::Export, move |conn| {
                Ok((write(conn, &asked, span, &target)?, build_of(conn)?))
            })
            .await?;
        let (batch, (rows, of)) = (written.fresh.batch, written.value);
        if of != done.build {
            let why = "the mirror was built anew while it was exported; export it again";
            return Err(MirrorError::Other(why.into()));
        }
        done.batch = if done.files.is_empty() { batch } else { done.batch.min(batch) };
        let bytes = std::fs::metadata(&file)?.len();
        let path = format!("{tenant}/{path}");
        to.put_file(&path, &file).await.map_err(|error| MirrorError::Other(error.to_string()))?;
        std::fs::remove_file(&file)?;
        done.files.push(Written { path, rows, bytes, batch });
    }
    let manifest = out.join("manifest.json");
    std::fs::write(
        &manifest,
        serde_json::to_vec_pretty(&done).map_err(|e| MirrorError::Other(e.to_string()))?,
    )?;
    let path = format!("{tenant}/{}", months.manifest());
    to.put_file(&path, &manifest).await.map_err(|error| MirrorError::Other(error.to_string()))?;
    std::fs::remove_dir_all(&out)?;
    places.end(to, tenant, &done.build)?;
    mirrors.came_to_end(tenant, During::Export)?;
    Ok(done)
}

fn build_of(conn: &Connection) -> duckdb::Result<String> {
    conn.query_row("select build from mirror", [], |row| row.get(0))
}

/// Which build of a tenant's mirror each place of exports holds whole; kept beside the mirror,
/// and gone with it.
struct Places {
    path: std::path::PathBuf,
    builds: BTreeMap<String, String>,
}

impl Places {
    fn read(settings: &super::Settings, tenant: Uuid) -> std::io::Result<Self> {
        let path = settings.exported(tenant);
        let builds = match std::fs::read(&path) {
            // One that cannot be read is none: then nothing is known of any place.
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, builds })
    }

    /// The folder, or the bucket of the settings.
    fn name(to: &Depot, tenant: Uuid) -> String {
        to.folder_of(tenant).map_or_else(|| "bucket".into(), |folder| folder.display().to_string())
    }

    /// Whether months of a build may stand beside what the place has: that is of the same
    /// one, or nothing at all.
    fn fit(&self, to: &Depot, tenant: Uuid, build: &str) -> bool {
        let empty = || to.folder_of(tenant).is_some_and(|folder| !folder.exists());
        match self.builds.get(&Self::name(to, tenant)) {
            Some(known) => known == build,
            None => empty(),
        }
    }

    /// A place that is given another build holds none whole until that is done.
    fn begin(&mut self, to: &Depot, tenant: Uuid, build: &str) -> std::io::Result<()> {
        let name = Self::name(to, tenant);
        if self.builds.get(&name).is_some_and(|known| known != build) {
            self.builds.remove(&name);
            self.write()?;
        }
        Ok(())
    }

    fn end(&mut self, to: &Depot, tenant: Uuid, build: &str) -> std::io::Result<()> {
        self.builds.insert(Self::name(to, tenant), build.to_owned());
        self.write()
    }

    fn write(&self) -> std::io::Result<()> {
        let new = self.path.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(&self.builds)?)?;
        std::fs::rename(new, &self.path)
    }
}

/// The months that have a fact, by their first days.
fn months_of(conn: &Connection, table: &'static str) -> duckdb::Result<Vec<NaiveDate>> {
    let sql = format!("select distinct date_trunc('month', day)::date::varchar as m from {table} order by m");
    let mut asked = conn.prepare(&sql)?;
    let mut rows = asked.query([])?;
    let mut months = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        months.extend(text.parse::<NaiveDate>().ok());
    }
    Ok(months)
}

/// Writes a table, or a month of it, as Parquet; answers how many rows. All names and dates
/// in the text are this program's own; the path is that of the settings.
fn write(
    conn: &Connection,
    table: &str,
    span: Option<(NaiveDate, NaiveDate)>,
    to: &Path,
) -> duckdb::Result<i64> {
    let only = span.map_or_else(String::new, |(from, next)| {
        format!(" where day >= date '{from}' and day < date '{next}'")
    });
    let path = quoted(to);
    // A row group has one order: by day, so that a reader skips what it does not want.
    let order = if span.is_some() { " order by day, agent, epoch, seq" } else { "" };
    conn.execute_batch(&format!(
        "copy (select * from {table}{only}{order}) to {path} (format parquet, compression zstd)"
    ))?;
    conn.query_row(&format!("select count(*) from {table}{only}"), [], |row| row.get(0))
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "''"))
}

/// Reads a file of Parquet back; for tests and for a look at what was written.
///
/// # Errors
/// DuckDB.
pub fn count(path: &Path) -> duckdb::Result<i64> {
    let conn = Connection::open_in_memory()?;
    conn.query_row(&format!("select count(*) from read_parquet({})", quoted(path)), [], |row| row.get(0))
}
