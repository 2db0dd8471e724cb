//! Brings back what a damaged WAL hides.
//!
//! The WAL as found is always kept. When the mark says that more was
//! acknowledged than SQLite finds, or whole commits follow the damaged one, the
//! WAL's checksums are written anew in a copy of the journal; if that copy is
//! sound and reaches the mark, it takes the journal's place, in one rename. Only
//! then: else nothing of it was acknowledged, and a torn end is no damage.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection, Row};

use super::wal::{self, WalDamage};
use super::{DATABASE, Head, JournalError, disk, ends, options};

/// What became of a damaged WAL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalReport {
    /// The WAL as found.
    pub kept: PathBuf,
    /// Whether everything up to the mark could be read from it.
    pub healed: bool,
    /// For people: what was found and done.
    pub detail: String,
}

/// A damaged WAL, put aside before SQLite opened it.
pub(super) struct SetAside {
    damage: WalDamage,
    kept: PathBuf,
}

/// Looks at the WAL, and keeps a copy when it is damaged. Call before the
/// database is opened.
pub(super) fn set_aside(dir: &Path) -> Result<Option<SetAside>, JournalError> {
    let io = |source| JournalError::Io { what: "looking at the WAL", source };
    let path = dir.join(format!("{DATABASE}-wal"));
    let Some(damage) = wal::inspect(&path).map_err(io)? else { return Ok(None) };
    let kept = dir.join(format!("{DATABASE}-wal.damaged-{}", chrono::Utc::now().timestamp_micros()));
    std::fs::copy(&path, &kept).map_err(io)?;
    Ok(Some(SetAside { damage, kept }))
}

impl SetAside {
    /// Whether the journal lacks what was acknowledged: events by the mark, or a
    /// commit without events (holds, a draft, numbers) that was on disk before
    /// another began.
    pub fn is_missed(&self, head: Head, marked: Option<Head>) -> bool {
        marked.is_none_or(|marked| head.place() < marked.place())
            || self.damage.first_commit < self.damage.last_commit
    }

    /// Nothing acknowledged is missing.
    pub fn harmless(self) -> WalReport {
        let detail = format!(
            "frame {} of the WAL is damaged, behind all that was acknowledged",
            self.damage.first_bad
        );
        WalReport { kept: self.kept, healed: true, detail }
    }

    /// Mends the WAL in a copy of the database, which must be closed and
    /// checkpointed, and puts the copy in its place if it is sound.
    pub async fn heal(self, dir: &Path, marked: Option<Head>) -> WalReport {
        let work = dir.join("heal");
        let result = mended(dir, &work, &self.kept, marked).await;
        // What is left over is a copy; the next attempt makes its own.
        let _: std::io::Result<()> = std::fs::remove_dir_all(&work);
        let frame = self.damage.first_bad;
        let (healed, detail) = match result {
            Ok(()) => (true, format!("frame {frame} of the WAL was damaged; all of it was read")),
            Err(problem) => (
                false,
                format!("frame {frame} of the WAL is damaged and what is behind it is missing: {problem}"),
            ),
        };
        WalReport { kept: self.kept, healed, detail }
    }
}

async fn mended(dir: &Path, work: &Path, kept: &Path, marked: Option<Head>) -> Result<(), String> {
    let text = |e: std::io::Error| e.to_string();
    let database = dir.join(DATABASE);
    let needed = disk::file_bytes(&database).saturating_add(2 * disk::file_bytes(&kept.to_owned()));
    let free = disk::free_bytes(dir).map_err(|e| e.to_string())?;
    if free < needed {
        return Err(format!("{needed} bytes are needed to mend it, {free} are free"));
    }
    // Of an attempt that a power cut ended.
    let _: std::io::Result<()> = std::fs::remove_dir_all(work);
    std::fs::create_dir_all(work).map_err(text)?;
    let copy = work.join(DATABASE);
    std::fs::copy(&database, &copy).map_err(text)?;
    wal::mend(kept, &work.join(format!("{DATABASE}-wal"))).map_err(text)?;
    examine(work, marked).await.map_err(|e| e.to_string())??;
    std::fs::File::open(&copy).and_then(|f| f.sync_all()).map_err(text)?;
    std::fs::rename(&copy, &database).map_err(text)?;
    std::fs::File::open(dir).and_then(|d| d.sync_all()).map_err(text)
}

/// Reads the mended copy, and writes its WAL into it when it is sound.
async fn examine(work: &Path, marked: Option<Head>) -> Result<Result<(), String>, JournalError> {
    let mut conn = options(work).connect().await?;
    let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut conn).await?;
    let sound: String = row.try_get(0)?;
    if sound != "ok" {
        return Ok(Err(sound));
    }
    let head = ends::stored(&mut conn).await?;
    if let (Some(marked), Some(head)) = (marked, head)
        && head.place() < marked.place()
    {
        return Ok(Err(format!("it ends at seq {}, before the mark at {}", head.seq, marked.seq)));
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut conn).await?;
    conn.close().await?;
    Ok(Ok(()))
}
