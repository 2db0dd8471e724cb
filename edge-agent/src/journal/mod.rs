//! The journal: every fact that this agent recorded, in order, on disk, and the
//! local state that follows from them.
//!
//! A SQLite database in WAL mode with `synchronous=FULL`. [`Journal`] is the one
//! writer; [`Reader`] reads beside it. What [`Journal::commit`] returned `Ok`
//! for survives a power cut; what it returned an error for is not there.
//!
//! A record is the exact bytes of an event with a CRC-32 over its place and its
//! bytes. A record that does not read back is moved to `quarantine` and a LOST
//! event stands in its place from then on, so that the sequence stays gap-free.
//!
//! Damage beyond a record is met at three depths: a WAL with a flipped byte, behind
//! which SQLite would silently drop commits, is mended ([`WalReport`]); a database
//! whose pages SQLite cannot follow is rebuilt, its records sought by their
//! checksums in the whole file ([`Rebuilt`]); and what no file can tell, an old
//! copy, the mark outside does ([`crate::mint`]).

mod bulk;
mod carve;
mod codes;
mod disk;
mod ends;
mod error;
mod expire;
mod find;
mod heal;
mod labels;
mod load;
mod prints;
mod prune;
mod quarantine;
mod reader;
mod rebuild;
mod record;
mod refdata;
mod rejournal;
mod schema;
mod seal;
mod stations;
mod verify;
mod wal;
mod writeset;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::chain::{self, Hash};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use uid::{PlantCode, TenantCode};
use uuid::Uuid;

pub use disk::{DiskLevel, DiskLimits, DiskState};
pub use ends::OlderEpoch;
pub use error::JournalError;
pub use heal::WalReport;
pub use labels::{LabelRows, LabelsLost, MISSING, UNSOUND};
pub use load::Loaded;
pub use prune::{Acked, PrunePolicy};
pub use quarantine::Quarantined;
pub use reader::{Defect, Reader};
pub use rebuild::Rebuilt;
pub use record::{Found, Place, crc32};
pub use refdata::{ReferenceRow, stored_reference};
pub use rejournal::Again;
pub use verify::Verified;
pub use writeset::{LeaseMarkRow, LeaseRow, NewInput, NewNote, NewRecord, PrintRow, SeriesRow, WriteSet};

/// Name of the database in the journal's folder.
pub const DATABASE: &str = "journal.db";
/// Room that the WAL may need beside the database file.
const WAL_ROOM: u64 = 32 * 1024 * 1024;
/// Page cache of the writer. Bounded, like everything that grows with use.
const WRITER_CACHE_KIB: u32 = 8 * 1024;

/// Whose journal it is, where, and how large.
#[derive(Debug, Clone)]
pub struct JournalSettings {
    /// Folder; made when missing.
    pub dir: PathBuf,
    /// The agent.
    pub agent_id: Uuid,
    /// Its tenant.
    pub tenant: TenantCode,
    /// Its plant.
    pub plant: PlantCode,
    /// Epoch in which a new journal begins.
    pub first_epoch: u32,
    /// Limits.
    pub disk: DiskLimits,
    /// How far the mark says that it must reach.
    pub marked: Option<Head>,
}

/// The end of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Current epoch.
    pub epoch: u32,
    /// Last sequence number in it, 0 when it has none yet.
    pub seq: u64,
    /// Hash of the last record's bytes, or the genesis hash.
    pub hash: Hash,
}

impl Head {
    /// The beginning of an agent's epoch.
    #[must_use]
    pub fn genesis(agent_id: Uuid, epoch: u32) -> Self {
        Self { epoch, seq: 0, hash: chain::genesis(agent_id.as_bytes(), epoch) }
    }

    /// The place of the last record.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { epoch: self.epoch, seq: self.seq }
    }

    /// The head after a record with these bytes.
    #[must_use]
    pub fn after(&self, bytes: &[u8]) -> Self {
        Self { epoch: self.epoch, seq: self.seq + 1, hash: chain::link(bytes) }
    }
}

/// The one writer of a journal.
pub struct Journal {
    settings: JournalSettings,
    conn: SqliteConnection,
    head: Head,
    /// Bytes in use when last measured, and written since.
    used: u64,
    /// Bytes of the file that hold nothing, when last measured.
    unused: u64,
    /// Events on their way into another epoch.
    again: Option<Again>,
    /// The whole file was just searched: what is missing now is nowhere in it.
    searched: bool,
    /// What is known of labels that damage took.
    labels_lost: LabelsLost,
    /// Held for as long as the journal is open; the lock goes with it.
    _lock: File,
}

impl Journal {
    /// Opens the journal, making it where there is none, brings it to the
    /// current format and checks the end of its chain. Damaged records found
    /// there are quarantined and listed in [`Loaded::quarantined`].
    ///
    /// # Errors
    /// When the folder, lock, database or identity do not allow it.
    pub async fn open(settings: JournalSettings) -> Result<(Self, Loaded), JournalError> {
        let folder = |source| JournalError::Folder { path: settings.dir.clone(), source };
        std::fs::create_dir_all(&settings.dir).map_err(folder)?;
        let lock = lock(&settings.dir)?;
        disk::bound_copies(&settings.dir);
        let aside = heal::set_aside(&settings.dir)?;
        let head = Head::genesis(settings.agent_id, settings.first_epoch);
        let mut rebuilt = None;
        let conn = match connect(&settings.dir).await {
            Ok(conn) => conn,
            Err(error) if error.is_corrupt() => {
                rebuilt = Some(rebuild::rebuild(&settings).await?);
                connect(&settings.dir).await?
            }
            Err(error) => return Err(error),
        };
        let mut journal = Self {
            settings,
            conn,
            head,
            used: 0,
            unused: 0,
            again: None,
            searched: false,
            labels_lost: LabelsLost::No,
            _lock: lock,
        };
        let mut wal = None;
        let mut ready = journal.ready(aside, &mut wal, rebuilt.is_some()).await;
        if let Err(error) = &ready
            && error.is_corrupt()
        {
            tracing::error!(%error, "the journal's database is damaged; it is rebuilt");
            rebuilt = Some(journal.rebuild().await?);
            ready = journal.ready(None, &mut wal, true).await;
        }
        Ok((journal, Loaded { wal, rebuilt, ..ready? }))
    }

    /// Brings an open database to where work can begin: format, owner, head, WAL,
    /// the end of its chain or, when `deep`, all of it.
    async fn ready(
        &mut self,
        aside: Option<heal::SetAside>,
        wal: &mut Option<WalReport>,
        deep: bool,
    ) -> Result<Loaded, JournalError> {
        schema::migrate(&mut self.conn).await?;
        verify::small_tables(&mut self.conn).await?;
        self.claim().await?;
        self.settle().await?;
        if let Some(aside) = aside {
            *wal = Some(if aside.is_missed(self.head, self.settings.marked) {
                self.heal(aside).await?
            } else {
                aside.harmless()
            });
        }
        // What is left of a torn commit must not stay behind the commits to come, with
        // the same salts.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut self.conn).await?;
        self.searched = deep;
        let verified =
            if deep { self.verify().await.map(|v| v.quarantined) } else { self.verify_tail().await };
        self.searched = false;
        let quarantined = verified?;
        self.measure().await?;
        Ok(Loaded { quarantined, ..load::all(&mut self.conn).await? })
    }

    /// Builds the database anew from what is left of it. Every reader must be
    /// closed, and opened again after.
    ///
    /// # Errors
    /// The old database is where it was then, and open.
    pub async fn rebuild(&mut self) -> Result<Rebuilt, JournalError> {
        let closed = std::mem::replace(&mut self.conn, memory().await?);
        // A damaged database may not close in order.
        let _: Result<(), sqlx::Error> = closed.close().await;
        let rebuilt = rebuild::rebuild(&self.settings).await;
        self.conn = connect(&self.settings.dir).await?;
        rebuilt
    }

    /// Builds the database anew and checks all of it, as [`Self::rebuild`] and
    /// [`Self::open`] together.
    ///
    /// # Errors
    /// When that is not possible; the old database is kept.
    pub async fn restore(&mut self) -> Result<Loaded, JournalError> {
        let rebuilt = self.rebuild().await?;
        let loaded = self.ready(None, &mut None, true).await?;
        Ok(Loaded { rebuilt: Some(rebuilt), ..loaded })
    }

    /// Mends a damaged WAL with the database closed, and opens what came of it.
    async fn heal(&mut self, aside: heal::SetAside) -> Result<WalReport, JournalError> {
        self.checkpoint().await?;
        let dir = self.settings.dir.clone();
        // A connection has no empty state; this one is never written to.
        let closed = std::mem::replace(&mut self.conn, memory().await?);
        closed.close().await?;
        let report = aside.heal(&dir, self.settings.marked).await;
        self.conn = connect(&dir).await?;
        self.settle().await?;
        Ok(report)
    }

    /// Sets damaged rows of the small tables aside, and finds the head.
    async fn settle(&mut self) -> Result<(), JournalError> {
        seal::set_damaged_aside(&mut self.conn).await?;
        prints::mend(&mut self.conn).await?;
        self.load_again().await?;
        self.labels_lost = labels::lost(&mut self.conn).await?.max(self.labels_lost);
        let repeating = self.again.as_ref().map(|again| again.epoch);
        self.head = ends::settle(&mut self.conn, &self.settings, repeating).await?;
        Ok(())
    }

    /// A pool of readers of the same database.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn reader(&self) -> Result<Reader, JournalError> {
        Reader::open(&self.settings.dir).await
    }

    /// The end of the stream.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// What it was opened with.
    #[must_use]
    pub fn settings(&self) -> &JournalSettings {
        &self.settings
    }

    /// The earlier epochs of which events are on disk, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn older(&mut self) -> Result<Vec<OlderEpoch>, JournalError> {
        ends::older(&mut self.conn).await
    }

    /// What the cloud has of each epoch, as it was written down.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn acks(&mut self) -> Result<Vec<Acked>, JournalError> {
        load::acks(&mut self.conn).await
    }

    /// Whether there is room to build the database anew.
    #[must_use]
    pub fn can_rebuild(&self) -> bool {
        rebuild::has_room(&self.settings.dir).is_ok_and(|(needed, free)| free >= needed)
    }

    /// The oldest seq of the current epoch that was not pruned.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn first_kept(&mut self) -> Result<u64, JournalError> {
        ends::first_kept(&mut self.conn, self.head.epoch).await
    }

    /// Refuses when a disk limit is reached. Writes nothing.
    ///
    /// # Errors
    /// [`JournalError::Full`] or [`JournalError::DiskLow`].
    pub fn admit(&self) -> Result<DiskState, JournalError> {
        let state = self.disk()?;
        state.admit()?;
        Ok(state)
    }

    /// How full it is: exact as of the last [`Self::measure`], and estimated
    /// from what was written since.
    ///
    /// # Errors
    /// When the file system does not answer.
    pub fn disk(&self) -> Result<DiskState, JournalError> {
        let free = disk::free_bytes(&self.settings.dir)?;
        // Pages that hold nothing are written before the file grows; the WAL needs
        // room of its own all the same.
        let free = if free >= WAL_ROOM { free.saturating_add(self.unused) } else { free };
        Ok(DiskState { used: self.used, free, limits: self.settings.disk })
    }

    /// Measures the bytes in use exactly.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn measure(&mut self) -> Result<(), JournalError> {
        let row = sqlx::query(
            "SELECT (SELECT page_count FROM pragma_page_count), \
                    (SELECT freelist_count FROM pragma_freelist_count), \
                    (SELECT page_size FROM pragma_page_size)",
        )
        .fetch_one(&mut self.conn)
        .await?;
        let (pages, unused, size): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let database = u64::try_from((pages - unused).saturating_mul(size)).unwrap_or(0);
        let wal = disk::file_bytes(&self.settings.dir.join(format!("{DATABASE}-wal")));
        self.used = database.saturating_add(wal);
        self.unused = u64::try_from(unused.saturating_mul(size)).unwrap_or(0);
        Ok(())
    }

    /// Writes all of `set` in one durable transaction, or none of it.
    ///
    /// # Errors
    /// Nothing was written then, and the head is where it was.
    pub async fn commit(&mut self, set: WriteSet) -> Result<(), JournalError> {
        let head = set.head.unwrap_or(self.head);
        let weight = set.weight();
        let mut tx = self.conn.begin().await?;
        set.write(&mut tx).await?;
        tx.commit().await?;
        self.head = head;
        self.used = self.used.saturating_add(weight);
        Ok(())
    }

    /// After a failed commit, whose outcome on disk is not known when the disk
    /// itself failed: opens a new connection, so that SQLite recovers what is
    /// truly there, and writes it through to the database file.
    ///
    /// # Errors
    /// When the journal cannot be used any more.
    pub async fn recover(&mut self) -> Result<Loaded, JournalError> {
        self.conn = connect(&self.settings.dir).await?;
        self.checkpoint().await?;
        self.settle().await?;
        self.measure().await?;
        load::all(&mut self.conn).await
    }

    /// Copies the WAL into the database file and empties it.
    ///
    /// # Errors
    /// When SQLite cannot write.
    pub async fn checkpoint(&mut self) -> Result<(), JournalError> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut self.conn).await?;
        Ok(())
    }

    /// Closes in order: checkpoint, then the connection.
    ///
    /// # Errors
    /// When the last checkpoint fails; what was committed is safe all the same.
    pub async fn close(mut self) -> Result<(), JournalError> {
        let checkpointed = self.checkpoint().await;
        self.conn.close().await?;
        checkpointed
    }

    /// Writes whose journal it is into a new one; refuses another's.
    async fn claim(&mut self) -> Result<(), JournalError> {
        let ours = format!("{} of {}-{}", self.settings.agent_id, self.settings.tenant, self.settings.plant);
        let mut tx = self.conn.begin().await?;
        let found = load::meta(&mut tx, "agent").await?;
        match found {
            Some(found) if found == ours => return Ok(()),
            Some(found) => return Err(JournalError::Foreign { found, expected: ours }),
            None => {}
        }
        // A journal that was rebuilt may have records and have lost its owner.
        let records = sqlx::query("SELECT 1 FROM records LIMIT 1").fetch_optional(&mut *tx).await?;
        let new = records.is_none() && ends::stored(&mut tx).await?.is_none();
        let head = new.then_some(self.head);
        let set = WriteSet { meta: vec![("agent".to_owned(), ours)], head, ..WriteSet::default() };
        set.write(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Whether a folder holds a journal.
#[must_use]
pub fn exists(dir: &Path) -> bool {
    dir.join(DATABASE).exists()
}

/// Takes the folder for this process.
fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join("journal.lock");
    let io = |source| JournalError::Folder { path: path.clone(), source };
    let file = File::options().create(true).write(true).truncate(false).open(&path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::InUse(dir.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(io(source)),
    }
}

async fn connect(dir: &Path) -> Result<SqliteConnection, JournalError> {
    let options = options(dir)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
        // After a burst the WAL shrinks back to this.
        .pragma("journal_size_limit", (16 * 1024 * 1024).to_string())
        .thread_name(|_| "journal-writer".to_owned());
    Ok(options.connect().await?)
}

async fn memory() -> Result<SqliteConnection, JournalError> {
    Ok(SqliteConnectOptions::new().in_memory(true).connect().await?)
}

fn options(dir: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(dir.join(DATABASE))
        .busy_timeout(Duration::from_secs(10))
        .statement_cache_capacity(128)
        .disable_statement_logging()
}
