//! One event by its id. There is no index: an event_id is a UUIDv7, so its time
//! says about where in the journal it stands, and it is asked for rarely.

use prost::Message;
use proto::v1;
use sqlx::Row;
use uuid::Uuid;

use super::{Journal, JournalError, reader};

/// Seconds around the id's own time in which the record is looked for.
const SLACK_S: i64 = 2;
/// Records looked at from there.
const NEAR: i64 = 4096;
/// Newest records looked at when it is not there, as after a jump of the clock.
const NEWEST: i64 = 8192;
const PAGE: i64 = 512;

impl Journal {
    /// The event of that id, when it is still on disk and sound.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn event(&mut self, id: Uuid) -> Result<Option<v1::Event>, JournalError> {
        let Some((seconds, _)) = id.get_timestamp().map(|t| t.to_unix()) else { return Ok(None) };
        let at = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_sub(SLACK_S);
        let row = sqlx::query("SELECT min(id), max(id) FROM records").fetch_one(&mut self.conn);
        let row = row.await?;
        let (Some(first), Some(last)) =
            (row.try_get::<Option<i64>, _>(0)?, row.try_get::<Option<i64>, _>(1)?)
        else {
            return Ok(None);
        };
        let near = self.first_at(at, first, last).await?;
        if let Some(event) = self.search(id, near, i64::MAX, NEAR).await? {
            return Ok(Some(event));
        }
        let newest = last.saturating_sub(NEWEST).max(first);
        self.search(id, newest, i64::MAX, NEWEST + 1).await
    }

    /// The first record, by halving, that was recorded at `at` or later.
    async fn first_at(&mut self, at: i64, first: i64, last: i64) -> Result<i64, JournalError> {
        let (mut low, mut high) = (first, last);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = sqlx::query("SELECT id, at FROM records WHERE id <= ? ORDER BY id DESC LIMIT 1")
                .bind(middle)
                .fetch_one(&mut self.conn)
                .await?;
            if row.try_get::<i64, _>(1)? < at {
                low = middle + 1;
            } else {
                high = row.try_get::<i64, _>(0)?.min(middle);
            }
        }
        Ok(low)
    }

    async fn search(
        &mut self,
        id: Uuid,
        from: i64,
        to: i64,
        limit: i64,
    ) -> Result<Option<v1::Event>, JournalError> {
        let (mut from, mut left) = (from, limit);
        while left > 0 {
            let rows = sqlx::query(
                "SELECT id, crc32, bytes FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
            )
            .bind(from)
            .bind(to)
            .bind(left.min(PAGE))
            .fetch_all(&mut self.conn)
            .await?;
            let Some(row) = rows.last() else { return Ok(None) };
            from = row.try_get::<i64, _>(0)? + 1;
            left -= PAGE;
            for row in &rows {
                let found = reader::found(row)?;
                // event_id is the first field: tag, length, 16 bytes.
                let is_it = found.bytes.get(2..18).is_some_and(|b| b == id.as_bytes());
                if is_it && found.check().is_ok() {
                    return Ok(v1::Event::decode(found.bytes).ok());
                }
            }
        }
        Ok(None)
    }
}
