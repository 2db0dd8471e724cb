//! Labels on disk. Each row is sealed as the small tables' are, and looked at when it is
//! read; what all rows come to is written with each change of them, since no row's own
//! checksum can miss a row that is gone.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use futures_util::TryStreamExt;
use sqlx::{Connection, Row, SqliteConnection};

use super::bulk::Bulk;
use super::refdata::Tally;
use super::seal::{self, Cell};
use super::{Found, Journal, JournalError, Place, WriteSet, load, reader};

/// In the place of the JSON of a row that is not as it was written. No JSON.
pub const UNSOUND: &str = "";
/// In the place of the JSON of a label that has no row, while rows are missing of which
/// the cloud can tell. No JSON either.
pub const MISSING: &str = "?";

/// Name in `meta` of what all rows come to.
pub(super) const SUM: &str = "labels_sum";
/// Name in `meta` of what is known of rows that are missing.
const LOST: &str = "labels_lost";

static LABELS: LazyLock<Bulk> = LazyLock::new(|| {
    let tail = "ON CONFLICT (key) DO UPDATE SET json = excluded.json, crc32 = excluded.crc32";
    Bulk::new("INSERT INTO labels (key, json, crc32)", 3, tail)
});

/// What is known of labels that damage took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LabelsLost {
    /// None is missing.
    #[default]
    No,
    /// Some are. Every event that the cloud lacks is here, so it can tell of them.
    Told,
    /// Some are, and an event of theirs may be as well: the cloud need not know it.
    Blind,
}

impl LabelsLost {
    fn text(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Told => "told",
            Self::Blind => "blind",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "" => Self::No,
            "told" => Self::Told,
            _ => Self::Blind,
        }
    }
}

/// What a look at every row found.
#[derive(Debug, Default)]
pub struct LabelRows {
    /// Keys of the rows that are as they were written, in order.
    sound: Vec<i64>,
    /// Keys of those that are not.
    pub unsound: Vec<i64>,
    /// All rows that were written are there, as they were written last.
    pub whole: bool,
    /// How many rows were written, where that is known.
    expected: Option<i64>,
}

impl LabelRows {
    /// Whether the row of this key can be believed. An old one in the place of a newer one
    /// has a checksum that fits: where no row is missing and the sum is another, none can.
    #[must_use]
    pub fn is_sound(&self, key: i64) -> bool {
        !self.is_old() && self.sound.binary_search(&key).is_ok()
    }

    /// Whether a row stands here as it was earlier.
    #[must_use]
    pub fn is_old(&self) -> bool {
        !self.whole && self.unsound.is_empty() && self.missing() == Some(0)
    }

    /// How many rows are missing, where that is known.
    #[must_use]
    pub fn missing(&self) -> Option<i64> {
        let there = i64::try_from(self.sound.len() + self.unsound.len()).ok()?;
        Some(self.expected? - there)
    }
}

fn sum_of(key: i64, json: &str) -> i64 {
    seal::sum(&seal::LABELS, &[Cell::Int(key), Cell::Text(json)])
}

/// Seals rows from before rows were sealed, as they are.
pub(super) async fn seal_all(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    let mut after = i64::MIN;
    loop {
        let rows = sqlx::query("SELECT key, json FROM labels WHERE key > ? ORDER BY key LIMIT 512")
            .bind(after)
            .fetch_all(&mut *conn)
            .await?;
        let labels: Vec<(i64, String)> =
            rows.iter().map(|r| Ok((r.try_get(0)?, r.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?;
        let Some((last, _)) = labels.last() else { break };
        after = *last;
        insert(conn, labels).await?;
    }
    let meta = vec![(SUM.to_owned(), tally(conn).await?.text())];
    WriteSet { meta, ..WriteSet::default() }.write(conn).await
}

/// What the rows that are there come to by what they say.
async fn tally(conn: &mut SqliteConnection) -> Result<Tally, JournalError> {
    let row = sqlx::query("SELECT count(*), coalesce(sum(crc32), 0) FROM labels").fetch_one(conn).await?;
    Ok(Tally { count: row.try_get(0)?, sum: row.try_get(1)? })
}

async fn insert(conn: &mut SqliteConnection, labels: Vec<(i64, String)>) -> Result<(), JournalError> {
    LABELS
        .run(conn, labels, |(key, json), row| {
            let crc32 = sum_of(key, &json);
            row.add(key)?;
            row.add(json)?;
            row.add(crc32)
        })
        .await
}

/// Writes labels, and returns what `meta` says from then on.
pub(super) async fn write(
    conn: &mut SqliteConnection,
    labels: Vec<(i64, String)>,
) -> Result<Option<(String, String)>, JournalError> {
    if labels.is_empty() {
        return Ok(None);
    }
    // Each once: what is said last counts.
    let labels: BTreeMap<i64, String> = labels.into_iter().collect();
    let keys: Vec<i64> = labels.keys().copied().collect();
    let mut tally = without(conn, &keys).await?;
    if let Some(tally) = &mut tally {
        labels.iter().for_each(|(key, json)| tally.add(sum_of(*key, json)));
    }
    insert(conn, labels.into_iter().collect()).await?;
    Ok(tally.map(|tally| (SUM.to_owned(), tally.text())))
}

/// What all rows but these come to. `None` where that is not known, and stays so until
/// every row was looked at.
async fn without(conn: &mut SqliteConnection, keys: &[i64]) -> Result<Option<Tally>, JournalError> {
    let tally = load::meta(&mut *conn, SUM).await?.as_deref().and_then(Tally::parse);
    let Some(mut tally) = tally else { return Ok(None) };
    let rows = sqlx::query("SELECT l.crc32 FROM json_each(?) AS k CROSS JOIN labels AS l ON l.key = k.value")
        .bind(reader::json_numbers(keys))
        .fetch_all(conn)
        .await?;
    for row in rows {
        tally.take(row.try_get(0)?);
    }
    Ok(Some(tally))
}

/// Label JSON by key, of those that exist; [`UNSOUND`] for a row that cannot be believed.
pub(super) async fn read(
    conn: &mut SqliteConnection,
    keys: &[i64],
) -> Result<HashMap<i64, String>, JournalError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query(
        "SELECT l.key, l.json, l.crc32 FROM json_each(?) AS k CROSS JOIN labels AS l ON l.key = k.value",
    )
    .bind(reader::json_numbers(keys))
    .fetch_all(conn)
    .await?;
    rows.iter().map(believed).collect()
}

/// The key of a row, and its JSON where that is as it was written.
pub(super) fn believed(row: &sqlx::sqlite::SqliteRow) -> Result<(i64, String), JournalError> {
    let key: i64 = row.try_get(0)?;
    if seal::is_sound(&seal::LABELS, row) {
        return Ok((key, row.try_get(1)?));
    }
    tracing::error!(key, "a label's row was damaged; it is not believed");
    Ok((key, UNSOUND.to_owned()))
}

/// What is known of labels that are missing.
pub(super) async fn lost(conn: &mut SqliteConnection) -> Result<LabelsLost, JournalError> {
    Ok(load::meta(conn, LOST).await?.as_deref().map(LabelsLost::parse).unwrap_or_default())
}

impl Journal {
    /// What is known of labels that damage took.
    #[must_use]
    pub fn labels_lost(&self) -> LabelsLost {
        self.labels_lost
    }

    /// Label JSON by key, those that exist, through the writer's connection. One that
    /// cannot be believed is [`UNSOUND`]; while rows are missing, so is one that has none,
    /// or [`MISSING`] where the cloud can tell of it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn labels(&mut self, keys: &[i64]) -> Result<HashMap<i64, String>, JournalError> {
        let mut found = read(&mut self.conn, keys).await?;
        let instead = match self.labels_lost {
            LabelsLost::No => return Ok(found),
            LabelsLost::Told => MISSING,
            LabelsLost::Blind => UNSOUND,
        };
        for key in keys {
            found.entry(*key).or_insert_with(|| instead.to_owned());
        }
        Ok(found)
    }

    /// Looks at every row.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn check_labels(&mut self) -> Result<LabelRows, JournalError> {
        let expected = load::meta(&mut self.conn, SUM).await?.as_deref().and_then(Tally::parse);
        let mut found = LabelRows { expected: expected.map(|tally| tally.count), ..LabelRows::default() };
        let mut tally = Tally::default();
        let mut rows = sqlx::query("SELECT key, json, crc32 FROM labels ORDER BY key").fetch(&mut self.conn);
        while let Some(row) = rows.try_next().await? {
            let key: i64 = row.try_get(0)?;
            if seal::is_sound(&seal::LABELS, &row) {
                tally.add(row.try_get(2)?);
                found.sound.push(key);
            } else {
                found.unsound.push(key);
            }
        }
        drop(rows);
        // A damaged table may not give them in order.
        found.sound.sort_unstable();
        found.unsound.sort_unstable();
        found.whole = found.unsound.is_empty() && expected == Some(tally);
        Ok(found)
    }

    /// The next records in the order of their places, from behind `after`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn records_after(
        &mut self,
        after: Option<Place>,
        count: u32,
    ) -> Result<Vec<Found>, JournalError> {
        let after = after.map_or(Ok(i64::MIN), Place::id)?;
        let rows = sqlx::query("SELECT id, crc32, bytes FROM records WHERE id > ? ORDER BY id LIMIT ?")
            .bind(after)
            .bind(count)
            .fetch_all(&mut self.conn)
            .await?;
        rows.iter().map(reader::found).collect()
    }

    /// Sets the rows of these keys aside, writes labels in the place of what was lost, and
    /// counts what is there from then on as all there is.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn mend_labels(
        &mut self,
        unsound: &[i64],
        labels: Vec<(i64, String)>,
        lost: LabelsLost,
    ) -> Result<(), JournalError> {
        let unsound = reader::json_numbers(unsound);
        let mut tx = self.conn.begin().await?;
        // As the bytes lie there: they need not be a text any more.
        sqlx::query(
            "INSERT INTO damaged (found_at, source, row) \
             SELECT ?, 'labels', 'key=' || key || ' json=' || hex(json) FROM labels \
             WHERE key IN (SELECT value FROM json_each(?))",
        )
        .bind(chrono::Utc::now().timestamp())
        .bind(&unsound)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM labels WHERE key IN (SELECT value FROM json_each(?))")
            .bind(&unsound)
            .execute(&mut *tx)
            .await?;
        insert(&mut tx, labels).await?;
        let meta =
            vec![(SUM.to_owned(), tally(&mut tx).await?.text()), (LOST.to_owned(), lost.text().to_owned())];
        WriteSet { meta, ..WriteSet::default() }.write(&mut tx).await?;
        tx.commit().await?;
        self.labels_lost = lost;
        Ok(())
    }

    /// As long as nothing else can be done about labels that cannot be read: none that is
    /// not read is believed.
    pub fn doubt_labels(&mut self) {
        self.labels_lost = LabelsLost::Blind;
    }

    /// The cloud has told all that it holds: what has no row from here on is not known
    /// here, and no more than that. Not where it need not know all.
    ///
    /// # Errors
    /// It stays as it was then.
    pub async fn labels_told(&mut self) -> Result<(), JournalError> {
        if self.labels_lost == LabelsLost::Told {
            let meta = vec![(LOST.to_owned(), String::new())];
            self.commit(WriteSet { meta, ..WriteSet::default() }).await?;
            self.labels_lost = LabelsLost::No;
        }
        Ok(())
    }

    /// Removes labels. Their aliases stay: by them such a label is known again
    /// should it come back.
    ///
    /// # Errors
    /// Nothing was removed then.
    pub async fn forget_labels(&mut self, keys: &[i64]) -> Result<(), JournalError> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let mut tx = self.conn.begin().await?;
        let tally = without(&mut tx, &keys).await?;
        sqlx::query("DELETE FROM labels WHERE key IN (SELECT value FROM json_each(?))")
            .bind(reader::json_numbers(&keys))
            .execute(&mut *tx)
            .await?;
        let meta = tally.map(|tally| (SUM.to_owned(), tally.text())).into_iter().collect();
        WriteSet { meta, ..WriteSet::default() }.write(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }
}
