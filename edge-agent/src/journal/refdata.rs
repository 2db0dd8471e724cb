//! Reference data on disk: rows as the cloud sent them, all of a version at once.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::{Connection, Row, SqliteConnection};

use super::bulk::Bulk;
use super::seal::{self, Cell};
use super::{Journal, JournalError, WriteSet, load};

/// Name in `meta` of what all rows come to, written with each of their versions. It
/// differs from what is there once a row went missing that no row's own checksum can
/// miss.
const SUM: &str = "reference_sum";

/// How many rows there are, and the sum of their checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub count: i64,
    pub sum: i64,
}

impl Tally {
    pub fn add(&mut self, crc32: i64) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(crc32);
    }

    pub fn take(&mut self, crc32: i64) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(crc32);
    }

    pub fn text(self) -> String {
        format!("{}:{}", self.count, self.sum)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (count, sum) = text.split_once(':')?;
        Some(Self { count: count.parse().ok()?, sum: sum.parse().ok()? })
    }

    async fn write(self, conn: &mut SqliteConnection) -> Result<(), JournalError> {
        let meta = vec![(SUM.to_owned(), self.text())];
        WriteSet { meta, ..WriteSet::default() }.write(conn).await
    }
}

fn sum_of(kind: &str, id: &str, json: &str) -> i64 {
    seal::sum(&seal::REFERENCE, &[Cell::Text(kind), Cell::Text(id), Cell::Text(json)])
}

/// Seals rows from before rows were sealed, as they are.
pub(super) async fn seal_all(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    let rows = sqlx::query("SELECT kind, id, json FROM reference").fetch_all(&mut *conn).await?;
    let mut tally = Tally::default();
    for row in rows {
        let (kind, id, json): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let crc32 = sum_of(&kind, &id, &json);
        tally.add(crc32);
        sqlx::query("UPDATE reference SET crc32 = ? WHERE kind = ? AND id = ?")
            .bind(crc32)
            .bind(kind)
            .bind(id)
            .execute(&mut *conn)
            .await?;
    }
    tally.write(conn).await
}

/// Forgets what all rows come to, of labels as well: it is not known whether all are there.
pub(super) async fn forget_sum(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    sqlx::query("DELETE FROM meta WHERE name IN (?, ?)")
        .bind(SUM)
        .bind(super::labels::SUM)
        .execute(conn)
        .await?;
    Ok(())
}

/// What goes and what is written, each row once: what is told last counts, and what
/// stays before what goes.
fn settled(rows: Vec<ReferenceRow>) -> (Vec<ReferenceRow>, Vec<ReferenceRow>) {
    let mut last: HashMap<(String, String), ReferenceRow> = HashMap::new();
    for row in rows {
        let key = (row.kind.clone(), row.id.clone());
        if row.deleted && last.get(&key).is_some_and(|before| !before.deleted) {
            continue;
        }
        last.insert(key, row);
    }
    last.into_values().partition(|row| row.deleted)
}

/// One row as the cloud sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceRow {
    /// Kind: item, bom_line, order ….
    pub kind: String,
    /// Id in the kind.
    pub id: String,
    /// JSON; empty when the row is to go.
    pub json: String,
    /// Whether the row is to go.
    pub deleted: bool,
}

/// Every stored row, kind and JSON, of a journal that its agent may have open.
///
/// # Errors
/// When the database cannot be read.
pub async fn stored_reference(dir: &std::path::Path) -> Result<Vec<(String, String)>, JournalError> {
    let options = super::options(dir).create_if_missing(false).pragma("query_only", "on");
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await?;
    let rows = sqlx::query("SELECT kind, json FROM reference").fetch_all(&mut conn).await?;
    conn.close().await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

impl Journal {
    /// Gives every sound row to `each`, one at a time; answers whether that is all that
    /// was ever written. Where it is not, nothing says what is missing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn reference_rows(&mut self, mut each: impl FnMut(&str, &str)) -> Result<bool, JournalError> {
        let expected = load::meta(&mut self.conn, SUM).await?;
        let sql = format!("SELECT {} FROM reference", seal::columns(&seal::REFERENCE));
        let mut rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch(&mut self.conn);
        let mut tally = Tally::default();
        loop {
            let row = match rows.try_next().await {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) if super::error::is_corrupt(&error) => {
                    tracing::error!(%error, "a part of the reference data cannot be read");
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            };
            if !seal::is_sound(&seal::REFERENCE, &row) {
                tracing::error!("a row of the reference data was damaged; it is not used");
                continue;
            }
            tally.add(row.try_get(3)?);
            each(row.try_get(0)?, row.try_get(2)?);
        }
        Ok(expected.is_some_and(|expected| Tally::parse(&expected) == Some(tally)))
    }

    /// The JSON that these rows have now, by kind and id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn reference_now(
        &mut self,
        rows: &[ReferenceRow],
    ) -> Result<Vec<(String, String)>, JournalError> {
        let mut found = Vec::new();
        for chunk in rows.chunks(512) {
            let wanted: Vec<[&str; 2]> = chunk.iter().map(|r| [r.kind.as_str(), r.id.as_str()]).collect();
            let wanted = serde_json::to_string(&wanted)
                .map_err(|e| JournalError::Database(sqlx::Error::Encode(Box::new(e))))?;
            let stored = sqlx::query(
                "SELECT r.kind, r.json FROM json_each(?) AS w JOIN reference AS r \
                 ON r.kind = w.value ->> 0 AND r.id = w.value ->> 1",
            )
            .bind(wanted)
            .fetch_all(&mut self.conn)
            .await?;
            for row in stored {
                found.push((row.try_get(0)?, row.try_get(1)?));
            }
        }
        Ok(found)
    }

    /// Writes the rows of a version and what follows from them, all or none. A `full`
    /// set replaces what there is.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn write_reference(
        &mut self,
        full: bool,
        rows: Vec<ReferenceRow>,
        beside: WriteSet,
    ) -> Result<(), JournalError> {
        let tail = "ON CONFLICT (kind, id) DO UPDATE SET json = excluded.json, crc32 = excluded.crc32";
        let bulk = Bulk::new("INSERT INTO reference (kind, id, json, crc32)", 4, tail);
        let (gone, kept) = settled(rows);
        let mut tx = self.conn.begin().await?;
        // `None`: rows are missing already, and stay so until a full set.
        let mut tally = if full {
            sqlx::query("DELETE FROM reference").execute(&mut *tx).await?;
            Some(Tally::default())
        } else {
            let tally = load::meta(&mut tx, SUM).await?.as_deref().and_then(Tally::parse);
            let before = sums_now(&mut tx, gone.iter().chain(&kept)).await?;
            tally.map(|mut tally| {
                before.into_iter().for_each(|crc32| tally.take(crc32));
                tally
            })
        };
        for row in gone {
            sqlx::query("DELETE FROM reference WHERE kind = ? AND id = ?")
                .bind(row.kind)
                .bind(row.id)
                .execute(&mut *tx)
                .await?;
        }
        if let Some(tally) = &mut tally {
            kept.iter().for_each(|r| tally.add(sum_of(&r.kind, &r.id, &r.json)));
        }
        bulk.run(&mut tx, kept, |r, row| {
            let crc32 = sum_of(&r.kind, &r.id, &r.json);
            row.add(r.kind)?;
            row.add(r.id)?;
            row.add(r.json)?;
            row.add(crc32)
        })
        .await?;
        if let Some(tally) = tally {
            tally.write(&mut tx).await?;
        }
        beside.write(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The checksums that these rows have now.
async fn sums_now<'r>(
    conn: &mut SqliteConnection,
    rows: impl Iterator<Item = &'r ReferenceRow>,
) -> Result<Vec<i64>, JournalError> {
    let wanted: Vec<[&str; 2]> = rows.map(|r| [r.kind.as_str(), r.id.as_str()]).collect();
    let mut sums = Vec::new();
    for chunk in wanted.chunks(512) {
        let wanted = serde_json::to_string(chunk)
            .map_err(|e| JournalError::Database(sqlx::Error::Encode(Box::new(e))))?;
        let stored = sqlx::query(
            "SELECT r.crc32 FROM json_each(?) AS w JOIN reference AS r \
             ON r.kind = w.value ->> 0 AND r.id = w.value ->> 1",
        )
        .bind(wanted)
        .fetch_all(&mut *conn)
        .await?;
        for row in stored {
            sums.push(row.try_get(0)?);
        }
    }
    Ok(sums)
}
