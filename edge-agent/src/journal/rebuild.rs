//! A new database out of one that SQLite can no longer follow: what its tables
//! still give, and every sound record that lies anywhere in the file. The old
//! file is kept.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use sqlx::{Connection, Row, SqliteConnection};

use super::carve::carve;
use super::writeset::write_records;
use super::{
    DATABASE, Head, JournalError, JournalSettings, NewRecord, Place, connect, disk, ends, refdata, schema,
    seal,
};

/// What came of a rebuilding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// The database as found.
    pub kept: PathBuf,
    /// Records that only the search of the whole file brought back.
    pub carved: u64,
    /// Tables of which a part may be missing.
    pub partly: Vec<&'static str>,
}

/// Tables that are copied in the order of one column, from both ends towards the
/// damage.
const LARGE: [(&str, &str); 6] = [
    ("records", "id"),
    ("labels", "key"),
    ("aliases", "alias"),
    ("inputs", "n"),
    ("notes", "id"),
    ("quarantine", "id"),
];
pub(super) const SMALL: [&str; 14] = [
    "head",
    "ends",
    "damaged",
    "series_marks",
    "acks",
    "leases",
    "lease_marks",
    "series",
    "counters",
    "sessions",
    "reference",
    "prints",
    "floors",
    "meta",
];
const PAGE: i64 = 500;

/// Records are written in transactions of this many.
const WRITE: usize = 1000;

/// Bytes that a rebuilding needs, and that are free.
pub(super) fn has_room(dir: &Path) -> Result<(u64, u64), JournalError> {
    Ok((disk::file_bytes(&dir.join(DATABASE)), disk::free_bytes(dir)?))
}

/// Rebuilds the database of a journal that nobody has open, and puts the new one
/// in its place. The chain is not checked here.
///
/// # Errors
/// The old database is where it was then.
pub(super) async fn rebuild(settings: &JournalSettings) -> Result<Rebuilt, JournalError> {
    let dir = &settings.dir;
    let old = dir.join(DATABASE);
    let work = dir.join("rebuild");
    let io = |source| JournalError::Io { what: "rebuilding the journal", source };
    let (needed, free) = has_room(dir)?;
    if free < needed {
        return Err(JournalError::DiskLow { free, limit: needed });
    }
    // Of an attempt that a power cut ended.
    let _: std::io::Result<()> = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work).map_err(io)?;
    settle_wal(dir).await;
    let mut new = connect(&work).await?;
    schema::migrate(&mut new).await?;
    // What reference data and labels come to is known only if the old one tells it.
    refdata::forget_sum(&mut new).await?;
    let mut partly = copy_tables(&mut new, &old).await?;
    let head = ends::stored(&mut new).await?;
    if head.is_none() && !partly.contains(&"head") {
        partly.push("head");
    }
    let carved = carve_missing(&mut new, &old, head).await?;
    // Pruned ones that could not be removed where they lay.
    for (epoch, (floor, _)) in bounds(&mut new).await? {
        sqlx::query("DELETE FROM records WHERE id BETWEEN ? AND ?")
            .bind(Place { epoch, seq: 0 }.id()?)
            .bind(Place { epoch, seq: floor }.id()?)
            .execute(&mut new)
            .await?;
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut new).await?;
    new.close().await?;

    let at = chrono::Utc::now().timestamp_micros();
    let kept = dir.join(format!("{DATABASE}.damaged-{at}"));
    std::fs::hard_link(&old, &kept).map_err(io)?;
    for end in ["-wal", "-shm"] {
        let beside = dir.join(format!("{DATABASE}{end}"));
        if beside.exists() {
            let aside = dir.join(format!("{DATABASE}.damaged-{at}{end}"));
            std::fs::rename(beside, aside).map_err(io)?;
        }
    }
    std::fs::rename(work.join(DATABASE), &old).map_err(io)?;
    std::fs::File::open(dir).and_then(|d| d.sync_all()).map_err(io)?;
    let _: std::io::Result<()> = std::fs::remove_dir_all(&work);
    disk::bound_copies(dir);
    Ok(Rebuilt { kept, carved, partly })
}

/// Brings what the WAL holds into the file, as far as SQLite can.
async fn settle_wal(dir: &Path) {
    let settled = async {
        let mut conn = connect(dir).await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(&mut conn).await?;
        conn.close().await?;
        Ok::<(), JournalError>(())
    };
    if let Err(error) = settled.await {
        tracing::warn!(%error, "the damaged journal's WAL stays beside it");
    }
}

/// Copies what can be read by way of the old tables; returns those that failed.
async fn copy_tables(new: &mut SqliteConnection, old: &Path) -> Result<Vec<&'static str>, JournalError> {
    let mut partly = Vec::new();
    let attached = sqlx::query("ATTACH DATABASE ? AS old")
        .bind(old.to_string_lossy().into_owned())
        .execute(&mut *new)
        .await;
    if let Err(error) = attached {
        tracing::error!(%error, "the damaged journal cannot be opened; only its records are sought");
        partly.extend(SMALL);
        partly.extend(LARGE.map(|(table, _)| table));
        return Ok(partly);
    }
    for table in SMALL {
        // The WHERE keeps SQLite from copying rows as they lie, unchecked, and one
        // damaged value from keeping the rest of its table out.
        let sealed = seal::ALL.iter().chain([&&seal::PRINTS]).find(|sealed| sealed.name == table);
        let sound = sealed.map_or("true".to_owned(), |sealed| seal::typed(sealed));
        let sql = format!("INSERT OR IGNORE INTO main.{table} SELECT * FROM old.{table} WHERE {sound}");
        if let Err(error) = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *new).await {
            tracing::error!(table, %error, "a table of the damaged journal cannot be read");
            partly.push(table);
        }
    }
    for (table, key) in LARGE {
        let up = copy_ordered(new, table, key, "ASC").await;
        if let Err(error) = up {
            tracing::error!(table, %error, "a part of the damaged journal cannot be read");
            partly.push(table);
            if let Err(error) = copy_ordered(new, table, key, "DESC").await {
                tracing::warn!(table, %error, "nor from its other end on");
            }
        }
    }
    // The damaged file may not let go in order; it is not written to any more.
    let _: Result<_, sqlx::Error> = sqlx::query("DETACH DATABASE old").execute(new).await;
    Ok(partly)
}

/// Copies a table page by page in the order of its key, near the damage row by
/// row, until a row cannot be read.
async fn copy_ordered(
    new: &mut SqliteConnection,
    table: &str,
    key: &str,
    order: &str,
) -> Result<(), sqlx::Error> {
    // The generated columns of `records` are not copied.
    let (into, columns) = match table {
        "records" => ("(id, at, crc32, bytes)", "id, at, crc32, bytes"),
        _ => ("", "*"),
    };
    let (beyond, furthest) = if order == "ASC" { (">", "max") } else { ("<", "min") };
    let mut size = PAGE;
    let mut last: Option<String> = None;
    loop {
        let rest = match &last {
            Some(_) => format!("WHERE {key} {beyond} ?1 ORDER BY {key} {order} LIMIT {size}"),
            None => format!("ORDER BY {key} {order} LIMIT {size}"),
        };
        let copy =
            format!("INSERT OR IGNORE INTO main.{table} {into} SELECT {columns} FROM old.{table} {rest}");
        let reached = format!(
            "SELECT CAST({furthest}({key}) AS TEXT), count(*) \
             FROM (SELECT {key} FROM old.{table} {rest})"
        );
        let query = |sql: String| {
            let query = sqlx::query(sqlx::AssertSqlSafe(sql));
            match &last {
                Some(last) if table == "aliases" => query.bind(last.clone()),
                Some(last) => query.bind(last.parse::<i64>().unwrap_or_default()),
                None => query,
            }
        };
        match query(copy).execute(&mut *new).await {
            Ok(_) => {}
            Err(_) if size > 1 => {
                size = 1;
                continue;
            }
            Err(error) => return Err(error),
        }
        let row = query(reached).fetch_one(&mut *new).await?;
        let (reached, count): (Option<String>, i64) = (row.try_get(0)?, row.try_get(1)?);
        if count < size {
            return Ok(());
        }
        if reached == last {
            // Damaged pages may lead round in a circle.
            return Err(sqlx::Error::Protocol("the keys do not go on".into()));
        }
        last = reached;
    }
}

/// Adds the records that lie in the file and did not come by way of its tables,
/// as far as they belong to the stream: not what was pruned, nor what an older
/// epoch gave up to a newer one.
async fn carve_missing(
    new: &mut SqliteConnection,
    old: &Path,
    head: Option<Head>,
) -> Result<u64, JournalError> {
    let bounds = bounds(new).await?;
    let path = old.to_owned();
    let (sender, mut found) = tokio::sync::mpsc::channel::<NewRecord>(WRITE);
    let search = tokio::task::spawn_blocking(move || {
        carve(&path, |record| {
            let (floor, end) = bounds.get(&record.place.epoch).copied().unwrap_or_default();
            let last = match (end, head) {
                (Some(end), _) => end,
                (None, Some(head)) if head.epoch == record.place.epoch => head.seq,
                // A later epoch is being filled, or nothing is known of this one.
                (None, Some(head)) if head.epoch > record.place.epoch => 0,
                (None, _) => u64::MAX,
            };
            if (floor + 1..=last).contains(&record.place.seq) {
                // The receiver ends only after an error that is told there.
                let _: Result<(), _> = sender.blocking_send(record);
            }
            Ok::<(), std::io::Error>(())
        })
    });
    let mut carved = 0;
    let mut batch = Vec::new();
    loop {
        let record = found.recv().await;
        let ended = record.is_none();
        batch.extend(record);
        if batch.len() >= WRITE || ended {
            carved += write_missing(new, std::mem::take(&mut batch)).await?;
        }
        if ended {
            break;
        }
    }
    let io = |source| JournalError::Io { what: "searching the damaged journal", source };
    search.await.map_err(|e| io(std::io::Error::other(e)))?.map_err(io)?;
    Ok(carved)
}

/// Per epoch: the last seq pruned, and the last that is its own, where it ended.
async fn bounds(conn: &mut SqliteConnection) -> Result<HashMap<u32, (u64, Option<u64>)>, JournalError> {
    let mut bounds: HashMap<u32, (u64, Option<u64>)> = HashMap::new();
    for row in seal::rows(conn, &seal::FLOORS).await? {
        let seq: i64 = row.try_get(1)?;
        bounds.entry(row.try_get(0)?).or_default().0 = u64::try_from(seq).unwrap_or(0);
    }
    for end in ends::ends(conn).await? {
        bounds.entry(end.head.epoch).or_default().1 = Some(end.head.seq);
    }
    Ok(bounds)
}

async fn write_missing(
    conn: &mut SqliteConnection,
    mut records: Vec<NewRecord>,
) -> Result<u64, JournalError> {
    records.sort_by_key(|r| r.place);
    records.dedup_by_key(|r| r.place);
    let mut missing = Vec::new();
    let mut tx = conn.begin().await?;
    for record in records {
        let there = sqlx::query("SELECT 1 FROM records WHERE id = ?")
            .bind(record.place.id()?)
            .fetch_optional(&mut *tx)
            .await?;
        if there.is_none() {
            missing.push(record);
        }
    }
    let count = missing.len() as u64;
    write_records(&mut tx, missing).await?;
    tx.commit().await?;
    Ok(count)
}
