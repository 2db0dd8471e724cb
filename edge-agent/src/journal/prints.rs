//! Labels on their way to a printer, on disk. Each row is sealed as the small tables' are. Nothing
//! is printed by one that was damaged: where the label itself says that it may not have come out,
//! a person is asked.

use std::sync::LazyLock;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

use super::bulk::Bulk;
use super::seal::{self, Cell};
use super::{JournalError, PrintRow, labels};

static PRINTS: LazyLock<Bulk> = LazyLock::new(|| {
    // All of it: a row is sealed with all that it says.
    let tail = "ON CONFLICT (key, copy) DO UPDATE SET station = excluded.station, \
                printer = excluded.printer, lines = excluded.lines, state = excluded.state, \
                at = excluded.at, crc32 = excluded.crc32";
    let insert = "INSERT INTO prints (key, copy, station, printer, lines, state, at, crc32)";
    Bulk::new(insert, 8, tail)
});

/// At most this many open labels are asked about again after a start.
const OPEN: i64 = 500;
/// Rows that are sealed at a time.
const CHUNK: i64 = 512;

/// Writes prints, or their states.
pub(super) async fn write(conn: &mut SqliteConnection, prints: Vec<PrintRow>) -> Result<(), JournalError> {
    PRINTS
        .run(conn, prints, |p, row| {
            let cells = [
                Cell::Int(p.key),
                Cell::Int(p.copy.into()),
                Cell::Text(&p.station),
                Cell::Text(&p.printer),
                Cell::Text(&p.lines),
                Cell::Text(&p.state),
                Cell::Int(p.at),
            ];
            let sum = seal::sum(&seal::PRINTS, &cells);
            row.add(p.key)?;
            row.add(p.copy)?;
            row.add(p.station)?;
            row.add(p.printer)?;
            row.add(p.lines)?;
            row.add(p.state)?;
            row.add(p.at)?;
            row.add(sum)
        })
        .await
}

/// Seals rows from before rows were sealed, as they are.
pub(super) async fn seal_all(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    let (mut key, mut copy) = (i64::MIN, i64::MIN);
    loop {
        let rows = sqlx::query(
            "SELECT key, copy, station, printer, lines, state, at FROM prints \
             WHERE (key, copy) > (?, ?) ORDER BY key, copy LIMIT ?",
        )
        .bind(key)
        .bind(copy)
        .bind(CHUNK)
        .fetch_all(&mut *conn)
        .await?;
        let prints: Vec<PrintRow> = rows.iter().map(print_row).collect::<Result<_, _>>()?;
        let Some(last) = prints.last() else { return Ok(()) };
        (key, copy) = (last.key, last.copy.into());
        write(conn, prints).await?;
    }
}

/// Sets open rows that were damaged aside. Of those whose label may not have come out a person is
/// asked; what else the row said is not believed, so that its copy would bear the UID alone.
pub(super) async fn mend(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    // By what is not open, rather than by the indexes: a state that was damaged is none.
    let sql = format!(
        "SELECT {} FROM prints WHERE state NOT IN ('printed', 'confirmed', 'spoiled')",
        seal::columns(&seal::PRINTS)
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *conn).await?;
    let damaged: Vec<&SqliteRow> = rows.iter().filter(|row| !seal::is_sound(&seal::PRINTS, row)).collect();
    if damaged.is_empty() {
        return Ok(());
    }
    let mut tx = conn.begin().await?;
    // The indexes lead to what the rows said before.
    sqlx::query("REINDEX prints").execute(&mut *tx).await?;
    let mut asked = Vec::new();
    for row in damaged {
        let key: i64 = row.try_get_unchecked(0)?;
        let copy: i64 = row.try_get_unchecked(1)?;
        let label = labels::read(&mut tx, &[key]).await?.remove(&key);
        seal::set_aside(&mut tx, &seal::PRINTS, row).await?;
        if let (true, Ok(copy)) = (is_open(label.as_deref(), copy), u32::try_from(copy)) {
            asked.push(PrintRow {
                key,
                copy,
                station: text(row, 2),
                printer: text(row, 3),
                lines: "[]".to_owned(),
                state: "uncertain".to_owned(),
                at: chrono::Utc::now().timestamp(),
            });
        }
    }
    write(&mut tx, asked).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether a label, by its own JSON, may not have come out in this copy. One that cannot be
/// believed may; of a key without a label nothing was ever printed.
fn is_open(label: Option<&str>, copy: i64) -> bool {
    let Some(label) = label else { return false };
    let Ok(label) = serde_json::from_str::<serde_json::Value>(label) else { return true };
    let newest = label["reprints"].as_i64().unwrap_or(0).saturating_add(1);
    copy == newest && matches!(label["print"].as_str(), Some("allocated" | "uncertain"))
}

fn text(row: &SqliteRow, column: usize) -> String {
    let bytes = row.try_get_unchecked::<&[u8], _>(column).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// Those that were handed to a printer and not heard of again, and those of which nobody knew
/// whether they came out.
pub(super) async fn open(conn: &mut SqliteConnection) -> Result<Vec<PrintRow>, JournalError> {
    let columns = seal::columns(&seal::PRINTS);
    // Each half is one partial index read in order.
    let sql = format!(
        "SELECT * FROM (SELECT {columns} FROM prints WHERE state = 'allocated' ORDER BY at LIMIT ?1) \
         UNION ALL \
         SELECT * FROM (SELECT {columns} FROM prints WHERE state = 'uncertain' ORDER BY at LIMIT ?1) \
         ORDER BY at LIMIT ?1"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(OPEN).fetch_all(conn).await?;
    rows.iter().filter(|row| seal::is_sound(&seal::PRINTS, row)).map(print_row).collect()
}

/// The newest print of a label; none where its row was damaged.
pub(super) async fn last(conn: &mut SqliteConnection, key: i64) -> Result<Option<PrintRow>, JournalError> {
    let sql = format!(
        "SELECT {} FROM prints WHERE key = ? ORDER BY copy DESC LIMIT 1",
        seal::columns(&seal::PRINTS)
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(key).fetch_optional(conn).await?;
    row.filter(|row| seal::is_sound(&seal::PRINTS, row)).as_ref().map(print_row).transpose()
}

fn print_row(r: &SqliteRow) -> Result<PrintRow, JournalError> {
    Ok(PrintRow {
        key: r.try_get(0)?,
        copy: r.try_get(1)?,
        station: r.try_get(2)?,
        printer: r.try_get(3)?,
        lines: r.try_get(4)?,
        state: r.try_get(5)?,
        at: r.try_get(6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_tells_whether_it_may_not_have_come_out() {
        let allocated = r#"{"print": "allocated", "reprints": 0}"#;
        assert!(is_open(Some(allocated), 1));
        assert!(!is_open(Some(allocated), 2), "there was no such copy");
        assert!(is_open(Some(r#"{"print": "uncertain", "reprints": 2}"#), 3));
        assert!(!is_open(Some(r#"{"print": "uncertain", "reprints": 2}"#), 2), "a newer one is on its way");
        for print in ["printed", "confirmed", "spoiled", ""] {
            assert!(!is_open(Some(&format!(r#"{{"print": "{print}", "reprints": 0}}"#)), 1), "{print}");
        }
        assert!(is_open(Some(labels::UNSOUND), 1), "nobody knows");
        assert!(!is_open(None, 1), "it was never made");
    }
}
