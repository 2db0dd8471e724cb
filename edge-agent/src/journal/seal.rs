//! Checksums of the small tables' rows. Each row ends in a CRC-32 over the name
//! of its table and all of its values, so that a flipped bit is found before the
//! row is believed. What does not hold is moved to `damaged`, and told.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection, TypeInfo, ValueRef};

use super::JournalError;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    Blob,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Int => "integer",
            Self::Text => "text",
            Self::Blob => "blob",
        }
    }
}

/// A table whose rows carry a checksum in their last column, `crc32`.
#[derive(Debug)]
pub(super) struct Sealed {
    pub name: &'static str,
    /// Columns before the checksum, those of the primary key first.
    pub columns: &'static [(&'static str, Kind)],
    /// How many of them are the primary key.
    pub key: usize,
}

use Kind::{Blob, Int, Text};

pub(super) const HEAD: Sealed =
    Sealed { name: "head", columns: &[("one", Int), ("epoch", Int), ("seq", Int), ("hash", Blob)], key: 1 };
pub(super) const ENDS: Sealed = Sealed {
    name: "ends",
    columns: &[("epoch", Int), ("seq", Int), ("hash", Blob), ("next", Int), ("again", Int)],
    key: 1,
};
pub(super) const FLOORS: Sealed =
    Sealed { name: "floors", columns: &[("epoch", Int), ("seq", Int), ("hash", Blob)], key: 1 };
pub(super) const ACKS: Sealed =
    Sealed { name: "acks", columns: &[("epoch", Int), ("through_seq", Int), ("prune_through", Int)], key: 1 };
pub(super) const LEASES: Sealed = Sealed {
    name: "leases",
    columns: &[("type", Text), ("first", Int), ("last", Int), ("next", Int), ("epoch", Int)],
    key: 2,
};
pub(super) const LEASE_MARKS: Sealed = Sealed {
    name: "lease_marks",
    columns: &[("type", Text), ("highest_used", Int), ("highest_granted", Int)],
    key: 1,
};
pub(super) const SERIES: Sealed = Sealed {
    name: "series",
    columns: &[
        ("series", Text),
        ("prefix", Text),
        ("first", Int),
        ("last", Int),
        ("next", Int),
        ("width", Int),
        ("epoch", Int),
    ],
    key: 3,
};
pub(super) const SERIES_MARKS: Sealed =
    Sealed { name: "series_marks", columns: &[("series", Text), ("highest_granted", Int)], key: 1 };
pub(super) const META: Sealed = Sealed { name: "meta", columns: &[("name", Text), ("value", Text)], key: 1 };

/// Apart from [`ALL`]: it may be large, and is looked at row by row when it is read
/// (`refdata.rs`).
pub(super) const REFERENCE: Sealed =
    Sealed { name: "reference", columns: &[("kind", Text), ("id", Text), ("json", Text)], key: 2 };

/// Apart from [`ALL`] as well: its rows are looked at when they are read (`labels.rs`).
pub(super) const LABELS: Sealed = Sealed { name: "labels", columns: &[("key", Int), ("json", Text)], key: 1 };

/// As labels: they are looked at when they are read (`codes.rs`).
pub(super) const ALIASES: Sealed =
    Sealed { name: "aliases", columns: &[("alias", Text), ("key", Int)], key: 1 };
pub(super) const COUNTERS: Sealed =
    Sealed { name: "counters", columns: &[("station", Text), ("json", Text)], key: 1 };

/// One that does not hold signs nobody in.
pub(super) const SESSIONS: Sealed =
    Sealed { name: "sessions", columns: &[("station", Text), ("json", Text)], key: 1 };

/// Apart from [`ALL`]: those that are open are looked at (`prints.rs`).
pub(super) const PRINTS: Sealed = Sealed {
    name: "prints",
    columns: &[
        ("key", Int),
        ("copy", Int),
        ("station", Text),
        ("printer", Text),
        ("lines", Text),
        ("state", Text),
        ("at", Int),
    ],
    key: 2,
};

/// All small ones.
pub(super) const ALL: [&Sealed; 11] = [
    &HEAD,
    &ENDS,
    &FLOORS,
    &ACKS,
    &LEASES,
    &LEASE_MARKS,
    &SERIES,
    &SERIES_MARKS,
    &COUNTERS,
    &SESSIONS,
    &META,
];

/// One value, as it enters the checksum.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Int(i64),
    Text(&'a str),
    Blob(&'a [u8]),
}

/// The checksum of a row with these values.
pub(super) fn sum(table: &Sealed, cells: &[Cell<'_>]) -> i64 {
    let mut hasher = start(table);
    for cell in cells {
        match cell {
            Cell::Int(n) => add_int(&mut hasher, *n),
            Cell::Text(text) => add_bytes(&mut hasher, text.as_bytes()),
            Cell::Blob(bytes) => add_bytes(&mut hasher, bytes),
        }
    }
    i64::from(hasher.finalize())
}

fn start(table: &Sealed) -> crc32fast::Hasher {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(table.name.as_bytes());
    hasher
}

fn add_int(hasher: &mut crc32fast::Hasher, n: i64) {
    hasher.update(&n.to_be_bytes());
}

fn add_bytes(hasher: &mut crc32fast::Hasher, bytes: &[u8]) {
    add_int(hasher, bytes.len() as i64);
    hasher.update(bytes);
}

/// The values and the checksum, in this order.
pub(super) fn columns(table: &Sealed) -> String {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    format!("{}, crc32", names.join(", "))
}

/// What every row that can be sound fulfils: a value of the wrong type is damage.
pub(super) fn typed(table: &Sealed) -> String {
    let each = table.columns.iter().map(|(name, kind)| format!("typeof({name}) = '{}'", kind.name()));
    each.collect::<Vec<_>>().join(" AND ")
}

/// Whether a row, read as [`columns`] says, is as it was written.
pub(super) fn is_sound(table: &Sealed, row: &SqliteRow) -> bool {
    actual(table, row).is_some_and(|(actual, stored)| actual == stored)
}

fn actual(table: &Sealed, row: &SqliteRow) -> Option<(i64, i64)> {
    let mut hasher = start(table);
    for (n, (_, kind)) in table.columns.iter().enumerate() {
        let value = row.try_get_raw(n).ok()?;
        if value.is_null() || !value.type_info().name().eq_ignore_ascii_case(kind.name()) {
            return None;
        }
        match kind {
            Int => add_int(&mut hasher, row.try_get_unchecked(n).ok()?),
            Text | Blob => add_bytes(&mut hasher, row.try_get_unchecked::<&[u8], _>(n).ok()?),
        }
    }
    let stored = row.try_get_unchecked(table.columns.len()).ok()?;
    Some((i64::from(hasher.finalize()), stored))
}

/// The sound rows of a table in the order of its key.
pub(super) async fn rows(
    conn: &mut SqliteConnection,
    table: &Sealed,
) -> Result<Vec<SqliteRow>, JournalError> {
    let mut rows = all(conn, table).await?;
    rows.retain(|row| is_sound(table, row));
    Ok(rows)
}

async fn all(conn: &mut SqliteConnection, table: &Sealed) -> Result<Vec<SqliteRow>, JournalError> {
    let key: Vec<&str> = table.columns[..table.key].iter().map(|(name, _)| *name).collect();
    let sql = format!("SELECT {} FROM {} ORDER BY {}", columns(table), table.name, key.join(", "));
    Ok(sqlx::query(AssertSqlSafe(sql)).fetch_all(conn).await?)
}

/// Moves every row that does not hold out of its table, keeping what it said.
/// Returns how many there were.
pub(super) async fn set_damaged_aside(conn: &mut SqliteConnection) -> Result<u64, JournalError> {
    let mut count = 0;
    for table in ALL {
        for row in all(conn, table).await?.iter().filter(|row| !is_sound(table, row)) {
            set_aside(conn, table, row).await?;
            count += 1;
        }
    }
    Ok(count)
}

/// Moves a row out of its table, keeping what it said.
pub(super) async fn set_aside(
    conn: &mut SqliteConnection,
    table: &Sealed,
    row: &SqliteRow,
) -> Result<(), JournalError> {
    let text = shown(table, row);
    tracing::error!(
        table = table.name,
        row = text,
        "a row of the journal was damaged; it is set aside and not used"
    );
    sqlx::query("INSERT INTO damaged (found_at, source, row) VALUES (?, ?, ?)")
        .bind(chrono::Utc::now().timestamp())
        .bind(table.name)
        .bind(text)
        .execute(&mut *conn)
        .await?;
    remove(conn, table, row).await
}

async fn remove(conn: &mut SqliteConnection, table: &Sealed, row: &SqliteRow) -> Result<(), JournalError> {
    let wanted: Vec<String> = table.columns[..table.key]
        .iter()
        .map(|(name, kind)| match kind {
            Int => format!("{name} = ?"),
            // As the bytes lie there: they need not be a text any more.
            Text => format!("{name} = CAST(? AS TEXT)"),
            Blob => format!("{name} = CAST(? AS BLOB)"),
        })
        .collect();
    let sql = format!("DELETE FROM {} WHERE {}", table.name, wanted.join(" AND "));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for (n, (_, kind)) in table.columns[..table.key].iter().enumerate() {
        query = match kind {
            Int => query.bind(row.try_get_unchecked::<i64, _>(n)?),
            Text | Blob => query.bind(row.try_get_unchecked::<Vec<u8>, _>(n)?),
        };
    }
    query.execute(conn).await?;
    Ok(())
}

fn shown(table: &Sealed, row: &SqliteRow) -> String {
    let value = |n: usize, kind: Kind| match kind {
        Int => row.try_get_unchecked::<i64, _>(n).map(|n| n.to_string()).unwrap_or_default(),
        Text | Blob => row
            .try_get_unchecked::<&[u8], _>(n)
            .map(|b| String::from_utf8_lossy(b).into_owned())
            .unwrap_or_default(),
    };
    let cells =
        table.columns.iter().enumerate().map(|(n, (name, kind))| format!("{name}={}", value(n, *kind)));
    cells.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_and_its_place_counts() {
        let row = [Cell::Text("RM"), Cell::Int(7), Cell::Int(9)];
        let whole = sum(&LEASE_MARKS, &row);
        assert_ne!(whole, sum(&LEASE_MARKS, &[Cell::Text("RM"), Cell::Int(9), Cell::Int(7)]));
        assert_ne!(whole, sum(&ACKS, &row));
        assert_ne!(
            sum(&META, &[Cell::Text("a"), Cell::Text("bc")]),
            sum(&META, &[Cell::Text("ab"), Cell::Text("c")])
        );
    }
}
