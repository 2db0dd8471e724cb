//! What stations are in the middle of, on disk. Each row is sealed as the small tables' are: one
//! that was damaged signs nobody in, and its station begins anew.

use std::sync::LazyLock;

use sqlx::{Row, SqliteConnection};

use super::JournalError;
use super::bulk::Bulk;
use super::seal::{self, Cell};

static SESSIONS: LazyLock<Bulk> = LazyLock::new(|| {
    let tail = "ON CONFLICT (station) DO UPDATE SET json = excluded.json, crc32 = excluded.crc32";
    Bulk::new("INSERT INTO sessions (station, json, crc32)", 3, tail)
});

/// Writes sessions: station and JSON.
pub(super) async fn write(
    conn: &mut SqliteConnection,
    sessions: Vec<(String, String)>,
) -> Result<(), JournalError> {
    SESSIONS
        .run(conn, sessions, |(station, json), row| {
            let sum = seal::sum(&seal::SESSIONS, &[Cell::Text(&station), Cell::Text(&json)]);
            row.add(station)?;
            row.add(json)?;
            row.add(sum)
        })
        .await
}

/// Seals rows from before rows were sealed, as they are.
pub(super) async fn seal_all(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    let rows = sqlx::query("SELECT station, json FROM sessions").fetch_all(&mut *conn).await?;
    let sessions: Vec<(String, String)> =
        rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?;
    write(conn, sessions).await
}

/// Those that hold: station and JSON.
pub(super) async fn read(conn: &mut SqliteConnection) -> Result<Vec<(String, String)>, JournalError> {
    let rows = seal::rows(conn, &seal::SESSIONS).await?;
    rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect()
}
