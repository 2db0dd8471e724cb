//! A mirror's file: opened so that a crash in opening leads to a new file, not to the
//! same crash again.

use std::fs::File as DiskFile;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use duckdb::{Config, Connection};
use uuid::Uuid;

use super::asking::{self, Asking, During};
use super::dims::Dims;
use super::error::MirrorError;
use super::marks::{Act, Crash, Marks, Origin, Stretch, gone};
use super::schema;
use super::voids::Corrections;

/// How much of the machine a mirror may take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of the files, one per tenant.
    pub dir: PathBuf,
    /// Memory of one open file, in megabytes; what does not fit goes to `tmp` in the folder.
    pub memory_mb: u32,
    /// What one open file may put there, in megabytes.
    pub temp_mb: u32,
    /// Threads of one question.
    pub threads: u32,
    /// Most files open at once; the one asked longest ago is closed for another. One that is
    /// being fed is not.
    pub open: usize,
    /// How long one question may take.
    pub answer_within: std::time::Duration,
}

impl Settings {
    /// The usual ones, for files in a folder.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            dir: dir.into(),
            memory_mb: 512,
            temp_mb: 4096,
            threads: u32::try_from(cores.min(4)).unwrap_or(2),
            open: 16,
            answer_within: std::time::Duration::from_secs(10),
        }
    }

    fn at(&self, tenant: Uuid, ending: &str) -> PathBuf {
        self.dir.join(format!("{tenant}.{ending}"))
    }

    /// The file of a tenant.
    #[must_use]
    pub fn path(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "duckdb")
    }

    /// The mark that stands while the file is being opened.
    #[must_use]
    pub fn mark(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "opening")
    }

    /// The mark that stands while something is written into the file.
    #[must_use]
    pub fn feeding(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "feeding")
    }

    /// What is known of a process that ended while it wrote into the file.
    #[must_use]
    pub fn crashed(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "crashed")
    }

    /// The mark of a question of the file.
    pub(super) fn asking(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "asking")
    }

    /// What is known of processes that ended within questions of the file.
    pub(super) fn asked(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "asked")
    }

    /// What is known of processes that ended within checks of the file.
    pub(super) fn ended_checks(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "ended_checks")
    }

    /// And within exports of it.
    pub(super) fn ended_exports(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "ended_exports")
    }

    /// When it was last compared with Postgres, and what that found.
    pub(super) fn checked(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "checked")
    }

    /// Which build of the mirror was exported to which place.
    pub(super) fn exported(&self, tenant: Uuid) -> PathBuf {
        self.at(tenant, "exported")
    }

    /// Removes all that is kept of a tenant here, but for exports under way. Its file must
    /// not be open.
    ///
    /// # Errors
    /// The disk; a file that is not there is no error.
    pub fn remove(&self, tenant: Uuid) -> std::io::Result<()> {
        for (_, path) in self.files()?.into_iter().filter(|(of, _)| *of == tenant) {
            gone(std::fs::remove_file(path))?;
        }
        gone(std::fs::remove_dir_all(self.temp(tenant)))
    }

    /// Removes a tenant's file, to be built anew: what is known of crashes stays.
    pub(super) fn throw_away(&self, tenant: Uuid) -> std::io::Result<()> {
        for path in [self.path(tenant), self.at(tenant, "duckdb.wal"), self.mark(tenant)] {
            gone(std::fs::remove_file(path))?;
        }
        gone(std::fs::remove_dir_all(self.temp(tenant)))
    }

    /// Waits until the process that keeps the mirrors has removed a tenant's; `false` when it
    /// is still there after `within`.
    ///
    /// # Errors
    /// The disk.
    pub async fn until_removed(&self, tenant: Uuid, within: std::time::Duration) -> std::io::Result<bool> {
        let until = std::time::Instant::now() + within;
        while self.tenants()?.contains(&tenant) {
            if std::time::Instant::now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok(true)
    }

    fn temp(&self, tenant: Uuid) -> PathBuf {
        self.dir.join("tmp").join(tenant.to_string())
    }

    /// Where a tenant's files of Parquet are written before they go to their place.
    #[must_use]
    pub fn out(&self, tenant: Uuid) -> PathBuf {
        self.dir.join("out").join(tenant.to_string())
    }

    /// Tenants that have a file here.
    ///
    /// # Errors
    /// The disk.
    pub fn tenants(&self) -> std::io::Result<Vec<Uuid>> {
        let mut all: Vec<Uuid> = self.files()?.into_iter().map(|(tenant, _)| tenant).collect();
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// The files of all tenants, each with whose it is.
    fn files(&self) -> std::io::Result<Vec<(Uuid, PathBuf)>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let stem = name.to_str().and_then(|name| name.split_once('.'));
            if let Some(tenant) = stem.and_then(|(stem, _)| Uuid::parse_str(stem).ok()) {
                all.push((tenant, entry.path()));
            }
        }
        Ok(all)
    }
}

/// What the file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Generation of the tenant whose facts these are.
    pub generation: i64,
    /// The database that they were read from.
    pub placement: String,
    /// Everything up to this batch is in it.
    pub through_batch: i64,
    /// When the cloud took that batch in.
    pub through_at: Option<DateTime<Utc>>,
    /// What units are was read again up to this batch.
    pub identified: i64,
    /// Whether it has once been up to date.
    pub built: bool,
}

/// The rest of an open mirror: what its writer has to know.
pub(super) struct Guarded {
    marks: Marks,
    /// What ended a process at these facts, until it has been got over.
    pub crash: Option<Crash>,
    asking: Asking,
}

/// What was found when a file was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// One that was there had to be thrown away.
    pub thrown: bool,
    /// The process before ended within this.
    pub within: Option<During>,
    /// It has once been up to date.
    pub built: bool,
}

/// An open mirror. It lives on its owner's thread.
pub struct File {
    /// To ask and to write.
    pub conn: Connection,
    /// What it says of itself.
    pub meta: Meta,
    pub(super) dims: Dims,
    pub(super) corrections: Corrections,
    pub(super) guarded: Guarded,
}

impl File {
    /// Opens a tenant's file, or makes it, for a generation at a place. A file that was
    /// being opened or written when the process ended, that cannot be read, or that is of
    /// another version, generation or place, is thrown away first, and so is one within
    /// whose questions, checks or exports processes ended twice in a row.
    ///
    /// # Errors
    /// When not even a new file can be made, [`MirrorError::Aside`] where feeding it ended the
    /// process time and again, or [`MirrorError::AsideAsked`] where questions did.
    pub fn open(
        settings: &Settings,
        tenant: Uuid,
        generation: i64,
        placement: &str,
    ) -> Result<(Self, Found), MirrorError> {
        let mark = settings.mark(tenant);
        let had = settings.path(tenant).exists();
        let marks = Marks::of(settings, tenant, Origin::new(generation, placement));
        let (crash, fed) = marks.look()?;
        if let Some(crash) = crash.as_ref().filter(|crash| crash.sets_aside()) {
            return Err(MirrorError::Aside { batch: crash.doing.stretch.through });
        }
        let left = asking::look(settings, tenant, marks.origin(), Utc::now())?;
        if left.sets_aside() {
            return Err(MirrorError::AsideAsked { now: left.within == Some(During::Question) });
        }
        if let Some(during) = left.within {
            tracing::error!(%tenant, %during, "the process ended while this mirror was read");
        }
        let mut thrown = false;
        let unfinished = mark.exists() || fed;
        if left.builds_anew() {
            tracing::error!(%tenant, "that was not the first time; this mirror is built anew");
        }
        if unfinished {
            let doing = crash.as_ref().filter(|_| fed).map(|crash| &crash.doing);
            tracing::warn!(%tenant, ?doing, "the process ended while it opened or fed this mirror; it is built anew");
        }
        if left.builds_anew() || unfinished {
            settings.throw_away(tenant)?;
            thrown = had;
        }
        std::fs::create_dir_all(settings.temp(tenant))?;
        DiskFile::create(&mark)?.sync_all()?;
        DiskFile::open(&settings.dir)?.sync_all()?;
        let (conn, meta, dims, corrections) = match read(settings, tenant) {
            Ok(Some(file)) if file.1.generation == generation && file.1.placement == placement => file,
            found => {
                match found {
                    Ok(Some(_)) => {
                        tracing::info!(%tenant, "the tenant's data were put back or moved; its mirror is built anew")
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%tenant, %error, "this mirror cannot be read; it is built anew");
                    }
                }
                thrown |= had;
                settings.throw_away(tenant)?;
                std::fs::create_dir_all(settings.temp(tenant))?;
                DiskFile::create(&mark)?.sync_all()?;
                let conn = connect(settings, tenant)?;
                schema::create(&conn, generation, placement)?;
                drop(conn);
                read(settings, tenant)?.ok_or_else(|| MirrorError::Other("a new mirror is empty".into()))?
            }
        };
        std::fs::remove_file(&mark)?;
        let asking = Asking::begin(settings, tenant, marks.origin())?;
        let guarded = Guarded { marks, crash, asking };
        let found = Found { thrown, within: left.within, built: meta.built };
        Ok((Self { conn, meta, dims, corrections, guarded }, found))
    }

    /// Reads it under a mark, as [`Self::under`] writes; unless that ended the process time and
    /// again ([`MirrorError::LeftAlone`]).
    pub(super) fn read<T>(
        &self,
        during: During,
        work: impl FnOnce(&Connection) -> duckdb::Result<T>,
    ) -> Result<T, MirrorError> {
        if self.guarded.asking.leaves_alone(during, Utc::now())? {
            return Err(MirrorError::LeftAlone(during));
        }
        let _within = self.guarded.asking.within(during);
        Ok(work(&self.conn)?)
    }

    /// Writes something into it under a mark, by which whoever comes after knows what ended
    /// the process.
    pub(super) fn under<T>(
        &mut self,
        act: Act,
        stretch: Stretch,
        work: impl FnOnce(&mut Self) -> Result<T, MirrorError>,
    ) -> Result<T, MirrorError> {
        let mark = self.guarded.marks.begin(act, stretch)?;
        let done = work(self);
        drop(mark);
        let done = done?;
        if self.guarded.crash.as_ref().is_some_and(|crash| crash.is_over(act, stretch.through)) {
            self.guarded.marks.got_over()?;
            self.guarded.crash = None;
        }
        Ok(done)
    }

    /// The last batch of it, as a stretch.
    pub(super) fn here(&self) -> Stretch {
        let through = self.meta.through_batch;
        Stretch { after: through - 1, through, batches: 1 }
    }
}

type Read = (Connection, Meta, Dims, Corrections);

/// `None` for a file without tables, or of another version.
fn read(settings: &Settings, tenant: Uuid) -> Result<Option<Read>, MirrorError> {
    let conn = connect(settings, tenant)?;
    if schema::is_empty(&conn)? {
        return Ok(None);
    }
    let version: i32 = conn.query_row("select version from mirror", [], |row| row.get(0))?;
    if version != schema::VERSION {
        return Ok(None);
    }
    let meta = meta(&conn)?;
    let dims = Dims::read(&conn)?;
    let corrections = Corrections::read(&conn)?;
    Ok(Some((conn, meta, dims, corrections)))
}

fn meta(conn: &Connection) -> duckdb::Result<Meta> {
    conn.query_row(
        "select generation, placement, through_batch, epoch_us(through_at), built, identified from mirror",
        [],
        |row| {
            let at: Option<i64> = row.get(3)?;
            Ok(Meta {
                generation: row.get(0)?,
                placement: row.get(1)?,
                through_batch: row.get(2)?,
                through_at: at.and_then(DateTime::from_timestamp_micros),
                built: row.get(4)?,
                identified: row.get(5)?,
            })
        },
    )
}

fn connect(settings: &Settings, tenant: Uuid) -> Result<Connection, MirrorError> {
    let text = |path: &Path| path.to_str().map(str::to_owned).ok_or_else(|| not_utf8(path));
    let config = Config::default()
        .enable_autoload_extension(false)?
        .max_memory(&format!("{}MB", settings.memory_mb.max(64)))?
        .threads(i64::from(settings.threads.max(1)))?
        .with("temp_directory", text(&settings.temp(tenant))?)?
        .with("max_temp_directory_size", format!("{}MB", settings.temp_mb))?
        .with("preserve_insertion_order", "false")?;
    let conn = Connection::open_with_flags(settings.path(tenant), config)?;
    // What it may touch besides its own file: where exports are written. After this no
    // setting can be changed, by whatever statement.
    let out = settings.out(tenant);
    std::fs::create_dir_all(&out)?;
    let out = text(&out)?.replace('\'', "''");
    conn.execute_batch(&format!(
        "set allowed_directories = ['{out}/']; set enable_external_access = false; \
         set lock_configuration = true;"
    ))?;
    Ok(conn)
}

fn not_utf8(path: &Path) -> MirrorError {
    MirrorError::Other(format!("{} is no path in UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_has_a_tenants_name_is_removed_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path());
        let [gone, stays] = [1, 2].map(Uuid::from_u128);
        // The last one is what a process leaves that is killed while it notes an export.
        let marks = ["asking", "asked", "ended_checks", "ended_exports"];
        let others = ["duckdb", "duckdb.wal", "feeding", "crashed", "exported", "checked", "new"];
        for ending in others.into_iter().chain(marks) {
            std::fs::write(settings.at(gone, ending), "").unwrap();
            std::fs::write(settings.at(stays, ending), "").unwrap();
        }
        settings.remove(gone).unwrap();
        assert_eq!(settings.tenants().unwrap(), [stays]);
        settings.throw_away(stays).unwrap();
        assert_eq!(settings.files().unwrap().len(), 9, "what is known of crashes, exports and checks stays");
        settings.remove(stays).unwrap();
        assert!(settings.tenants().unwrap().is_empty());
    }
}
