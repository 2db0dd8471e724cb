//! Rows beside the events that need not be kept for ever. Nothing here decides
//! what may go; each call removes one chunk, so that no scan waits long for it.

use sqlx::Row;

use super::{Journal, JournalError};

const CHUNK: i64 = 500;

impl Journal {
    /// Of the prints whose fate is known, when the newest was told of that is not among the `kept`
    /// newest, if there are so many. It looks through all of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn newest_prints(&mut self, kept: u32) -> Result<Option<i64>, JournalError> {
        let row = sqlx::query(
            "SELECT at FROM prints WHERE state IN ('printed', 'confirmed', 'spoiled') \
             ORDER BY at DESC LIMIT 1 OFFSET ?",
        )
        .bind(i64::from(kept))
        .fetch_optional(&mut self.conn)
        .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Removes prints whose fate is known since before `before`, seconds since the
    /// epoch, and those of which somebody was asked before `asked_before` and never said. What was
    /// not heard of again stays. `true` when there may be more.
    ///
    /// # Errors
    /// Nothing was removed then.
    pub async fn expire_prints(&mut self, before: i64, asked_before: i64) -> Result<bool, JournalError> {
        let done = sqlx::query(
            "DELETE FROM prints WHERE (key, copy) IN (SELECT key, copy FROM prints \
             WHERE state IN ('printed', 'confirmed', 'spoiled') AND at < ? \
                OR state = 'uncertain' AND at < ? LIMIT ?)",
        )
        .bind(before)
        .bind(asked_before)
        .bind(CHUNK)
        .execute(&mut self.conn)
        .await?;
        Ok(i64::try_from(done.rows_affected()).unwrap_or(0) == CHUNK)
    }

    /// Removes damaged records and rows that were found before `before`, seconds
    /// since the epoch. `true` when there may be more.
    ///
    /// # Errors
    /// Nothing more was removed then.
    pub async fn expire_damage(&mut self, before: i64) -> Result<bool, JournalError> {
        let mut more = false;
        for chunk in [
            "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE found_at < ? LIMIT ?)",
            "DELETE FROM damaged WHERE n IN (SELECT n FROM damaged WHERE found_at < ? LIMIT ?)",
        ] {
            let done = sqlx::query(chunk).bind(before).bind(CHUNK).execute(&mut self.conn).await?;
            more |= i64::try_from(done.rows_affected()).unwrap_or(0) == CHUNK;
        }
        Ok(more)
    }

    /// The next labels in the order of their keys, with their JSON;
    /// [`super::UNSOUND`] where a row cannot be believed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn labels_after(&mut self, key: i64, count: usize) -> Result<Vec<(i64, String)>, JournalError> {
        let rows = sqlx::query("SELECT key, json, crc32 FROM labels WHERE key > ? ORDER BY key LIMIT ?")
            .bind(key)
            .bind(i64::try_from(count).unwrap_or(i64::MAX))
            .fetch_all(&mut self.conn)
            .await?;
        rows.iter().map(super::labels::believed).collect()
    }
}
