//! Reads beside the writer: events for the uplink, labels and answers for the
//! engine, notes. Never blocks the writer and is never blocked by it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use sqlx::{Row, SqliteConnection};

use super::error::is_corrupt;
use super::{Found, JournalError, Place, ends};

const READERS: u32 = 2;
const READER_CACHE_KIB: u32 = 2 * 1024;

/// Reads a journal's last committed state.
#[derive(Debug, Clone)]
pub struct Reader {
    dir: PathBuf,
    /// Replaced as a whole when the database is.
    pool: Arc<ArcSwap<SqlitePool>>,
}

/// A record that cannot be sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Where.
    pub place: Place,
    /// What is wrong, for people.
    pub problem: String,
}

impl Reader {
    pub(super) async fn open(dir: &Path) -> Result<Self, JournalError> {
        let pool = Arc::new(ArcSwap::from_pointee(Self::connect(dir).await?));
        Ok(Self { dir: dir.to_owned(), pool })
    }

    /// Opens the connections anew, after [`Self::close`] and for every clone.
    ///
    /// # Errors
    /// When the database cannot be opened.
    pub async fn reopen(&self) -> Result<(), JournalError> {
        self.pool.store(Arc::new(Self::connect(&self.dir).await?));
        Ok(())
    }

    async fn connect(dir: &Path) -> Result<SqlitePool, JournalError> {
        let options = super::options(dir)
            .pragma("cache_size", format!("-{READER_CACHE_KIB}"))
            .pragma("query_only", "on")
            .thread_name(|n| format!("journal-reader-{n}"));
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(1)
            .connect_with(options)
            .await?;
        Ok(pool)
    }

    fn pool(&self) -> Arc<SqlitePool> {
        self.pool.load_full()
    }

    /// Closes the connections, so that the writer's last checkpoint is complete.
    pub async fn close(&self) {
        self.pool().close().await;
    }

    /// Consecutive events of an epoch from `from_seq`, or from the oldest still
    /// on disk where that is later; at most so many events and bytes (always one
    /// event, however long). Every checksum is verified. Stops before the first
    /// record that is damaged or missing, and names it when it is the first.
    ///
    /// # Errors
    /// When the database cannot be read at all.
    pub async fn read_batch(
        &self,
        epoch: u32,
        from_seq: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> Result<Result<Vec<(u64, Bytes)>, Defect>, JournalError> {
        let mut conn = self.pool().acquire().await?;
        let last = ends::end(&mut conn, epoch).await?.map_or(0, |end| end.seq);
        let first = ends::first_kept(&mut conn, epoch).await?.max(from_seq);
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut expected = first;
        let mut rows =
            sqlx::query("SELECT id, crc32, bytes FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?")
                .bind(Place { epoch, seq: first }.id()?)
                .bind(Place { epoch, seq: last.max(first) }.id()?)
                .bind(i64::try_from(max_events.max(1)).unwrap_or(i64::MAX))
                .fetch(&mut *conn);
        let mut problem = None;
        loop {
            let row = match rows.try_next().await {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) if is_corrupt(&error) => {
                    problem = Some(format!("the page that holds it cannot be read: {error}"));
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            let found = found(&row)?;
            if found.place.seq != expected {
                problem = Some("it is missing".to_owned());
                break;
            }
            if let Err(what) = found.check() {
                problem = Some(what);
                break;
            }
            if !batch.is_empty() && bytes + found.bytes.len() > max_bytes {
                return Ok(Ok(batch));
            }
            bytes += found.bytes.len();
            batch.push((expected, found.bytes));
            expected += 1;
        }
        if batch.is_empty() && expected <= last {
            let problem = problem.unwrap_or_else(|| "it is missing".to_owned());
            return Ok(Err(Defect { place: Place { epoch, seq: expected }, problem }));
        }
        Ok(Ok(batch))
    }

    /// Free texts of the events first..=last of an epoch: seq, salt, text.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn notes(
        &self,
        epoch: u32,
        first: u64,
        last: u64,
    ) -> Result<Vec<(u64, Vec<u8>, String)>, JournalError> {
        let rows = sqlx::query("SELECT id, salt, text FROM notes WHERE id BETWEEN ? AND ?")
            .bind(Place { epoch, seq: first }.id()?)
            .bind(Place { epoch, seq: last }.id()?)
            .fetch_all(&*self.pool())
            .await?;
        let note = |r: sqlx::sqlite::SqliteRow| {
            Ok((Place::from_id(r.try_get(0)?).seq, r.try_get(1)?, r.try_get(2)?))
        };
        rows.into_iter().map(note).collect()
    }

    /// The newest input id of a source that begins with `prefix`, and is at most
    /// so many seconds older than the source's newest input.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_input(
        &self,
        source: &str,
        prefix: &str,
        within_s: u32,
    ) -> Result<Option<String>, JournalError> {
        // A range, since LIKE would read wildcards in what a device sent.
        let row = sqlx::query(
            "SELECT input_id FROM inputs WHERE source = ?1 AND input_id >= ?2 \
             AND input_id < ?2 || char(1114111) \
             AND at >= (SELECT at FROM inputs WHERE source = ?1 ORDER BY n DESC LIMIT 1) - ?3 \
             ORDER BY n DESC LIMIT 1",
        )
        .bind(source)
        .bind(prefix)
        .bind(within_s)
        .fetch_optional(&*self.pool())
        .await?;
        Ok(row.map(|r| r.try_get(0)).transpose()?)
    }

    /// Every record's bytes in quarantine: place, problem, bytes as found.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn quarantined(&self) -> Result<Vec<(Place, String, Bytes)>, JournalError> {
        let rows = sqlx::query("SELECT id, problem, bytes FROM quarantine ORDER BY id LIMIT 1000")
            .fetch_all(&*self.pool())
            .await?;
        let entry = |r: &sqlx::sqlite::SqliteRow| {
            let bytes: &[u8] = r.try_get(2)?;
            Ok((Place::from_id(r.try_get(0)?), r.try_get(1)?, Bytes::copy_from_slice(bytes)))
        };
        rows.iter().map(entry).collect()
    }

    /// Label JSON by key, those that exist; [`super::UNSOUND`] where a row cannot be
    /// believed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn labels(&self, keys: &[i64]) -> Result<HashMap<i64, String>, JournalError> {
        let mut conn = self.pool().acquire().await?;
        super::labels::read(&mut conn, keys).await
    }

    /// The newest print of a label, unless its row was damaged.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_print(&self, key: i64) -> Result<Option<super::PrintRow>, JournalError> {
        let mut conn = self.pool().acquire().await?;
        super::prints::last(&mut conn, key).await
    }
}

pub(super) fn found(row: &sqlx::sqlite::SqliteRow) -> Result<Found, JournalError> {
    let crc: i64 = row.try_get(1)?;
    let bytes: &[u8] = row.try_get(2)?;
    Ok(Found {
        place: Place::from_id(row.try_get(0)?),
        // A value outside u32 is damage; it then matches no checksum but by
        // chance, like any other damage.
        crc32: u32::try_from(crc).unwrap_or(!super::crc32(Place::from_id(row.try_get(0)?), bytes)),
        bytes: Bytes::copy_from_slice(bytes),
    })
}

/// A JSON array of these numbers, as one parameter for `json_each`.
pub(super) fn json_numbers(keys: &[i64]) -> String {
    let list: Vec<String> = keys.iter().map(i64::to_string).collect();
    format!("[{}]", list.join(","))
}

pub(super) async fn answers(
    conn: &mut SqliteConnection,
    inputs: &[(String, String)],
) -> Result<HashMap<(String, String), String>, JournalError> {
    if inputs.is_empty() {
        return Ok(HashMap::new());
    }
    let pairs: Vec<[&str; 2]> = inputs.iter().map(|(s, i)| [s.as_str(), i.as_str()]).collect();
    let pairs = serde_json::to_string(&pairs)
        .map_err(|e| JournalError::Database(sqlx::Error::Encode(Box::new(e))))?;
    let rows = sqlx::query(
        "SELECT i.source, i.input_id, i.answer FROM json_each(?) AS t JOIN inputs AS i \
         ON i.source = t.value ->> 0 AND i.input_id = t.value ->> 1",
    )
    .bind(pairs)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|r| Ok(((r.try_get(0)?, r.try_get(1)?), r.try_get(2)?))).collect()
}

impl super::Journal {
    /// The keys that other codes resolve to, those that do.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn aliases(&mut self, texts: &[String]) -> Result<HashMap<String, Vec<i64>>, JournalError> {
        super::codes::read(&mut self.conn, texts).await
    }

    /// Answers already given to inputs (source and id), those that were.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn answers(
        &mut self,
        inputs: &[(String, String)],
    ) -> Result<HashMap<(String, String), String>, JournalError> {
        answers(&mut self.conn, inputs).await
    }
}
