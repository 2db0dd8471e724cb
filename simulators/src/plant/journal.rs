//! An agent's journal, read beside the agent as anybody with the file could:
//! what it wrote down, and what it answered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use prost::Message;
use proto::v1;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};

use super::scanner::Answer;

/// How long the file may be out of reach while its agent is started again.
const PATIENCE: Duration = Duration::from_secs(30);

/// A journal that may be read while its agent runs.
#[derive(Debug, Clone)]
pub struct Journal {
    file: PathBuf,
}

/// An event as it lies in a journal or in the cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its epoch.
    pub epoch: u32,
    /// Its place in the epoch.
    pub seq: u64,
    /// The exact bytes.
    pub bytes: Vec<u8>,
}

impl Stored {
    /// What the bytes say.
    ///
    /// # Errors
    /// When they are no event.
    pub fn event(&self) -> anyhow::Result<v1::Event> {
        let what = || format!("event {}/{}", self.epoch, self.seq);
        v1::Event::decode(self.bytes.as_slice()).with_context(what)
    }
}

impl Journal {
    /// The journal in an agent's data folder.
    #[must_use]
    pub fn in_folder(data: &Path) -> Self {
        Self { file: data.join("journal.db") }
    }

    /// Every event, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn events(&self) -> anyhow::Result<Vec<Stored>> {
        self.events_from(0).await
    }

    /// The number of the last record; it only grows.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn last(&self) -> anyhow::Result<i64> {
        let query = "SELECT coalesce(max(id), 0) FROM records";
        let rows = self.rows(query, &[]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }

    /// The events after the record of that number.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn events_from(&self, last: i64) -> anyhow::Result<Vec<Stored>> {
        let query = "SELECT id, bytes FROM records WHERE id > CAST(? AS INTEGER) ORDER BY id";
        let rows = self.rows(query, &[&last.to_string()]).await?;
        let stored = rows.into_iter().map(|row| {
            let id: i64 = row.try_get(0)?;
            let (epoch, seq) = (u32::try_from(id >> 40)?, u64::try_from(id & ((1 << 40) - 1))?);
            anyhow::Ok(Stored { epoch, seq, bytes: row.try_get(1)? })
        });
        stored.collect()
    }

    /// The events that one reading of a scanner made.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn made_by(&self, since: i64, input_id: &str) -> anyhow::Result<Vec<v1::Event>> {
        let mut made = Vec::new();
        for stored in self.events_from(since).await? {
            made.push(stored.event()?);
        }
        made.retain(|event| event.input_id == input_id);
        Ok(made)
    }

    /// The number of the last reading that was answered at a station.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn answered(&self, station: &str) -> anyhow::Result<i64> {
        let rows = self.rows("SELECT coalesce(max(n), 0) FROM inputs WHERE source = ?", &[station]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }

    /// The answer to the first reading at a station after that number.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn answer_after(&self, station: &str, n: i64) -> anyhow::Result<Option<Answer>> {
        let query =
            "SELECT answer FROM inputs WHERE source = ? AND n > CAST(? AS INTEGER) ORDER BY n LIMIT 1";
        let rows = self.rows(query, &[station, &n.to_string()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let text: String = row.try_get(0)?;
        serde_json::from_str(&text).with_context(|| format!("an answer of {station}: {text}")).map(Some)
    }

    /// Reads, trying again while the agent is away: a reader cannot open the file
    /// while nobody has it open.
    async fn rows(
        &self,
        query: &'static str,
        values: &[&str],
    ) -> anyhow::Result<Vec<sqlx::sqlite::SqliteRow>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.try_rows(query, values).await {
                Ok(rows) => return Ok(rows),
                Err(error) if tokio::time::Instant::now() > deadline => {
                    return Err(error).with_context(|| format!("reading {}", self.file.display()));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn try_rows(
        &self,
        query: &'static str,
        values: &[&str],
    ) -> Result<Vec<sqlx::sqlite::SqliteRow>, sqlx::Error> {
        // Read-only: the last to close a journal for writing would empty its WAL,
        // which is the agent's to do.
        let options = SqliteConnectOptions::new().filename(&self.file).read_only(true);
        let mut db: SqliteConnection = options.busy_timeout(PATIENCE).connect().await?;
        let mut asked = sqlx::query(query);
        for value in values {
            asked = asked.bind(*value);
        }
        let rows = asked.fetch_all(&mut db).await;
        db.close().await?;
        rows
    }
}
