//! Tables of the journal's database, as numbered steps under `user_version`.
//!
//! A step that has been released is never edited; a change is a further step.

use sqlx::{Connection, Row, SqliteConnection};

use super::JournalError;

/// Steps in order; step `n` takes `user_version` from `n` to `n + 1`.
const STEPS: &[&str] = &[V1, V2, V3, V4, V5];

/// Format that this program writes.
pub const VERSION: i64 = STEPS.len() as i64;

// STRICT, so that a damaged row cannot be copied into a new database as if it
// were sound. `records.id` is epoch << 40 | seq: as a rowid it appends at the right edge of
// one B-tree, where a (epoch, seq) key would cost a second index or half-full
// pages. The two parts are there as virtual columns for people who look in.
// The small tables end in `crc32` over all of a row (`seal.rs`).
const V1: &str = "
CREATE TABLE records (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    crc32  INTEGER NOT NULL,
    bytes  BLOB    NOT NULL,
    epoch  INTEGER GENERATED ALWAYS AS (id >> 40) VIRTUAL,
    seq    INTEGER GENERATED ALWAYS AS (id & 1099511627775) VIRTUAL
) STRICT;
CREATE TABLE quarantine (
    id       INTEGER PRIMARY KEY,
    found_at INTEGER NOT NULL,
    problem  TEXT    NOT NULL,
    sha256   BLOB    NOT NULL,
    bytes    BLOB    NOT NULL
) STRICT;
CREATE TABLE head (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    hash  BLOB    NOT NULL,
    crc32 INTEGER NOT NULL
) STRICT;
CREATE TABLE ends (
    epoch INTEGER PRIMARY KEY,
    seq   INTEGER NOT NULL,
    hash  BLOB    NOT NULL,
    next  INTEGER NOT NULL,
    again INTEGER NOT NULL,
    crc32 INTEGER NOT NULL
) STRICT;
CREATE TABLE acks (
    epoch         INTEGER PRIMARY KEY,
    through_seq   INTEGER NOT NULL,
    prune_through INTEGER NOT NULL,
    crc32         INTEGER NOT NULL
) STRICT;
CREATE TABLE damaged (
    n        INTEGER PRIMARY KEY,
    found_at INTEGER NOT NULL,
    source   TEXT    NOT NULL,
    row      TEXT    NOT NULL
) STRICT;
CREATE TABLE labels (key INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT;
CREATE TABLE aliases (alias TEXT PRIMARY KEY, key INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE leases (
    type  TEXT    NOT NULL,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    next  INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    PRIMARY KEY (type, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE lease_marks (
    type            TEXT PRIMARY KEY,
    highest_used    INTEGER NOT NULL,
    highest_granted INTEGER NOT NULL,
    crc32           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE series (
    series TEXT    NOT NULL,
    prefix TEXT    NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    next   INTEGER NOT NULL,
    width  INTEGER NOT NULL,
    epoch  INTEGER NOT NULL,
    crc32  INTEGER NOT NULL,
    PRIMARY KEY (series, prefix, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE series_marks (
    series          TEXT PRIMARY KEY,
    highest_granted INTEGER NOT NULL,
    crc32           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE inputs (
    n        INTEGER PRIMARY KEY,
    source   TEXT    NOT NULL,
    input_id TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    answer   TEXT    NOT NULL,
    UNIQUE (source, input_id)
) STRICT;
CREATE TABLE counters (station TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (station TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE reference (
    kind TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE notes (id INTEGER PRIMARY KEY, salt BLOB NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE prints (
    key     INTEGER NOT NULL,
    copy    INTEGER NOT NULL,
    station TEXT    NOT NULL,
    printer TEXT    NOT NULL,
    lines   TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (key, copy)
) STRICT, WITHOUT ROWID;
CREATE INDEX prints_open ON prints (at) WHERE state = 'allocated';
CREATE INDEX prints_asked ON prints (at) WHERE state = 'uncertain';
CREATE TABLE floors (
    epoch INTEGER PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL, crc32 INTEGER NOT NULL
) STRICT;
CREATE TABLE meta (
    name TEXT PRIMARY KEY, value TEXT NOT NULL, crc32 INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

// Reference data says what is held: its rows are sealed as the small tables are.
const V2: &str = "ALTER TABLE reference ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0";
/// The step after which what is there is sealed for the first time.
const SEALED: usize = 2;

// What a plant knows of a label says whether it is held, too.
const V3: &str = "ALTER TABLE labels ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0";
/// The same, of labels.
const LABELS_SEALED: usize = 3;

// By a code somebody scans a label; by a scanner's counter the very same read is known again.
const V4: &str = "
ALTER TABLE aliases ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0;
";
/// The same, of those.
const CODES_SEALED: usize = 4;

// By a session somebody is signed in; by a print a label comes out once more.
const V5: &str = "
ALTER TABLE sessions ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0;
ALTER TABLE prints ADD COLUMN crc32 INTEGER NOT NULL DEFAULT 0;
";
/// The same, of those.
const STATIONS_SEALED: usize = 5;

/// Brings the database to [`VERSION`]; refuses one that is newer.
pub(super) async fn migrate(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    let found: i64 = sqlx::query("PRAGMA user_version").fetch_one(&mut *conn).await?.try_get(0)?;
    if found > VERSION {
        return Err(JournalError::Newer { found, known: VERSION });
    }
    for (from, step) in STEPS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let mut tx = conn.begin().await?;
        sqlx::raw_sql(*step).execute(&mut *tx).await?;
        if from + 1 == SEALED {
            super::refdata::seal_all(&mut tx).await?;
        }
        if from + 1 == LABELS_SEALED {
            super::labels::seal_all(&mut tx).await?;
        }
        if from + 1 == CODES_SEALED {
            super::codes::seal_all(&mut tx).await?;
            super::stations::COUNTERS.seal_all(&mut tx).await?;
        }
        if from + 1 == STATIONS_SEALED {
            super::stations::SESSIONS.seal_all(&mut tx).await?;
            super::prints::seal_all(&mut tx).await?;
        }
        // The step and its number commit together; a pragma takes no parameter.
        let number = format!("PRAGMA user_version = {}", from + 1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(number)).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}
