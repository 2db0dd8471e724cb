//! What is kept of stations on disk, each as JSON: what they are in the middle of, and what their
//! scanners counted. Each row is sealed as the small tables' are: a session that was damaged signs
//! nobody in, and its station begins anew.

use std::sync::LazyLock;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::JournalError;
use super::bulk::Bulk;
use super::seal::{self, Cell, Sealed};

/// A table with one row for each station.
pub(super) struct Stations {
    table: &'static Sealed,
    insert: LazyLock<Bulk>,
}

/// What stations are in the middle of.
pub(super) static SESSIONS: Stations =
    Stations { table: &seal::SESSIONS, insert: LazyLock::new(|| bulk(&seal::SESSIONS)) };

/// What their scanners counted.
pub(super) static COUNTERS: Stations =
    Stations { table: &seal::COUNTERS, insert: LazyLock::new(|| bulk(&seal::COUNTERS)) };

fn bulk(table: &Sealed) -> Bulk {
    let insert = format!("INSERT INTO {} (station, json, crc32)", table.name);
    let tail = "ON CONFLICT (station) DO UPDATE SET json = excluded.json, crc32 = excluded.crc32";
    Bulk::new(&insert, 3, tail)
}

impl Stations {
    /// Writes rows: station and JSON.
    pub(super) async fn write(
        &self,
        conn: &mut SqliteConnection,
        rows: Vec<(String, String)>,
    ) -> Result<(), JournalError> {
        let table = self.table;
        self.insert
            .run(conn, rows, move |(station, json), row| {
                let sum = seal::sum(table, &[Cell::Text(&station), Cell::Text(&json)]);
                row.add(station)?;
                row.add(json)?;
                row.add(sum)
            })
            .await
    }

    /// Seals rows from before rows were sealed, as they are.
    pub(super) async fn seal_all(&self, conn: &mut SqliteConnection) -> Result<(), JournalError> {
        let sql = format!("SELECT station, json FROM {}", self.table.name);
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?;
        self.write(conn, texts(&rows)?).await
    }

    /// Those that hold: station and JSON.
    pub(super) async fn read(
        &self,
        conn: &mut SqliteConnection,
    ) -> Result<Vec<(String, String)>, JournalError> {
        texts(&seal::rows(conn, self.table).await?)
    }
}

fn texts(rows: &[SqliteRow]) -> Result<Vec<(String, String)>, JournalError> {
    rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect()
}
