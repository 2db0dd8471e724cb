//! Reference data on disk: rows as the cloud sent them, all of a version at once.

use futures_util::TryStreamExt;
use sqlx::{Connection, Row};

use super::bulk::Bulk;
use super::{Journal, JournalError, WriteSet};

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
    /// Gives every stored row to `each`, one at a time.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn reference_rows(&mut self, mut each: impl FnMut(&str, &str)) -> Result<(), JournalError> {
        let mut rows = sqlx::query("SELECT kind, json FROM reference").fetch(&mut self.conn);
        while let Some(row) = rows.try_next().await? {
            each(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(())
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
        let tail = "ON CONFLICT (kind, id) DO UPDATE SET json = excluded.json";
        let bulk = Bulk::new("INSERT INTO reference (kind, id, json)", 3, tail);
        let mut tx = self.conn.begin().await?;
        if full {
            sqlx::query("DELETE FROM reference").execute(&mut *tx).await?;
        }
        let (gone, kept): (Vec<_>, Vec<_>) = rows.into_iter().partition(|r| r.deleted);
        for row in gone {
            sqlx::query("DELETE FROM reference WHERE kind = ? AND id = ?")
                .bind(row.kind)
                .bind(row.id)
                .execute(&mut *tx)
                .await?;
        }
        bulk.run(&mut tx, kept, |r, row| {
            row.add(r.kind)?;
            row.add(r.id)?;
            row.add(r.json)
        })
        .await?;
        beside.write(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }
}
