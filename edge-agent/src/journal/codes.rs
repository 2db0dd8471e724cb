//! Further codes of labels on disk. Each row is sealed as the small tables' are: a code whose row
//! was damaged means no label, rather than another one.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use sqlx::{Row, SqliteConnection};

use super::JournalError;
use super::bulk::Bulk;
use super::seal::{self, Cell};

static ALIASES: LazyLock<Bulk> = LazyLock::new(|| {
    let tail = "ON CONFLICT (alias) DO UPDATE SET key = excluded.key, crc32 = excluded.crc32";
    Bulk::new("INSERT INTO aliases (alias, key, crc32)", 3, tail)
});

/// The text of an alias's row. The key belongs to it, so that labels that share a
/// code (two suppliers may number alike) stand beside each other, and none takes
/// it from another.
fn alias_row(alias: &str, key: i64) -> String {
    format!("{alias}\u{1f}{key}")
}

/// Writes codes of labels.
pub(super) async fn write(
    conn: &mut SqliteConnection,
    aliases: Vec<(String, i64)>,
) -> Result<(), JournalError> {
    let rows = aliases.into_iter().map(|(alias, key)| (alias_row(&alias, key), key)).collect();
    write_rows(conn, rows).await
}

async fn write_rows(conn: &mut SqliteConnection, rows: Vec<(String, i64)>) -> Result<(), JournalError> {
    ALIASES
        .run(conn, rows, |(alias, key), row| {
            let sum = seal::sum(&seal::ALIASES, &[Cell::Text(&alias), Cell::Int(key)]);
            row.add(alias)?;
            row.add(key)?;
            row.add(sum)
        })
        .await
}

/// Seals rows from before rows were sealed, as they are.
pub(super) async fn seal_all(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    let mut after = String::new();
    loop {
        let rows = sqlx::query("SELECT alias, key FROM aliases WHERE alias > ? ORDER BY alias LIMIT 512")
            .bind(after.clone())
            .fetch_all(&mut *conn)
            .await?;
        let codes: Vec<(String, i64)> =
            rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?;
        let Some((last, _)) = codes.last() else { return Ok(()) };
        after.clone_from(last);
        write_rows(conn, codes).await?;
    }
}

/// The keys that codes stand for, of those that stand for any. Where one of a code's rows
/// cannot be believed none is: of two labels with one code the other would be left.
pub(super) async fn read(
    conn: &mut SqliteConnection,
    texts: &[String],
) -> Result<HashMap<String, Vec<i64>>, JournalError> {
    let mut found: HashMap<String, Vec<i64>> = HashMap::new();
    if texts.is_empty() {
        return Ok(found);
    }
    // A row is the code alone, or the code with the key behind it (`alias_row`).
    let rows = sqlx::query(
        "SELECT a.alias, a.key, a.crc32, t.value FROM json_each(?1) AS t \
             CROSS JOIN aliases AS a ON a.alias = t.value \
         UNION \
         SELECT a.alias, a.key, a.crc32, t.value FROM json_each(?1) AS t CROSS JOIN aliases AS a \
             ON a.alias > t.value || char(31) AND a.alias < t.value || char(32) \
         ORDER BY 4, 2",
    )
    .bind(serde_json::Value::from(texts).to_string())
    .fetch_all(conn)
    .await?;
    let mut unsound: HashSet<String> = HashSet::new();
    for row in &rows {
        let text: String = row.try_get(3)?;
        if !seal::is_sound(&seal::ALIASES, row) {
            tracing::error!(code = text, "the row of a code was damaged; it means no label");
            unsound.insert(text);
            continue;
        }
        let key: i64 = row.try_get(1)?;
        let keys = found.entry(text).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    found.retain(|text, _| !unsound.contains(text));
    Ok(found)
}
