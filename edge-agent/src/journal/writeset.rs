//! What one transaction writes, gathered in memory first: until it is handed to
//! [`super::Journal::commit`] nothing has happened, and then all of it has.

use std::sync::LazyLock;

use sqlx::SqliteConnection;

use super::bulk::Bulk;
use super::seal::{self, Cell};
use super::{Head, JournalError, Place, crc32};

/// An event about to be recorded.
#[derive(Debug)]
pub struct NewRecord {
    /// Where it stands.
    pub place: Place,
    /// When it was recorded, seconds since the epoch; decides only pruning by age.
    pub at: i64,
    /// The exact bytes that are hashed, sent and kept.
    pub bytes: Vec<u8>,
}

/// Free text of an event, erasable apart from it.
#[derive(Debug)]
pub struct NewNote {
    /// The event's place.
    pub place: Place,
    /// Salt of the hash in the event.
    pub salt: Vec<u8>,
    /// The text.
    pub text: String,
}

/// The answer given to an input, so that a repeat of it is answered alike.
#[derive(Debug)]
pub struct NewInput {
    /// Where it came from: a station, or a machine; ids are unique in it.
    pub source: String,
    /// Id of the input.
    pub input_id: String,
    /// When, seconds since the epoch.
    pub at: i64,
    /// The answer as JSON.
    pub answer: String,
}

/// A label sent to a printer, or its state afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintRow {
    /// The UID's key.
    pub key: i64,
    /// 1 for the first print, 2 and more for reprints.
    pub copy: u32,
    /// Station that asked.
    pub station: String,
    /// Printer code.
    pub printer: String,
    /// Lines of text as a JSON array.
    pub lines: String,
    /// allocated, printed, uncertain, confirmed, spoiled.
    pub state: String,
    /// When, seconds since the epoch.
    pub at: i64,
}

/// A range of numbers as stored, of UIDs or of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// Type code.
    pub kind: String,
    /// First number of the range.
    pub first: i64,
    /// Last number, inclusive.
    pub last: i64,
    /// Next unused number; `last` + 1 when used up.
    pub next: i64,
    /// Epoch in which it was granted.
    pub epoch: u32,
}

/// The highest numbers of a type, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseMarkRow {
    /// Type code.
    pub kind: String,
    /// Highest number minted.
    pub used: i64,
    /// Highest number ever granted.
    pub granted: i64,
}

/// A range of document numbers as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRow {
    /// Series code.
    pub series: String,
    /// Text before the number.
    pub prefix: String,
    /// First number of the range.
    pub first: i64,
    /// Last number, inclusive.
    pub last: i64,
    /// Next unused number; `last` + 1 when used up.
    pub next: i64,
    /// Digits, zero-padded.
    pub width: u32,
    /// Epoch in which it was granted.
    pub epoch: u32,
}

/// All that one transaction writes.
#[derive(Debug, Default)]
pub struct WriteSet {
    /// Events, consecutive from the head.
    pub records: Vec<NewRecord>,
    /// Their free texts.
    pub notes: Vec<NewNote>,
    /// Labels as they are afterwards: key and JSON.
    pub labels: Vec<(i64, String)>,
    /// Further codes of labels.
    pub aliases: Vec<(String, i64)>,
    /// Sessions as they are afterwards: station and JSON.
    pub sessions: Vec<(String, String)>,
    /// Answers to inputs.
    pub inputs: Vec<NewInput>,
    /// Last counters of each station's scanner: station and JSON.
    pub counters: Vec<(String, String)>,
    /// Labels to print, and print states.
    pub prints: Vec<PrintRow>,
    /// Ranges that changed.
    pub leases: Vec<LeaseRow>,
    /// Highest numbers that changed.
    pub lease_marks: Vec<LeaseMarkRow>,
    /// Document ranges that changed.
    pub series: Vec<SeriesRow>,
    /// Highest document number ever granted, of the series where it changed.
    pub series_marks: Vec<(String, i64)>,
    /// Facts about the journal itself.
    pub meta: Vec<(String, String)>,
    /// The head after the last record.
    pub head: Option<Head>,
}

static RECORDS: LazyLock<Bulk> =
    LazyLock::new(|| Bulk::new("INSERT INTO records (id, at, crc32, bytes)", 4, ""));
static NOTES: LazyLock<Bulk> = LazyLock::new(|| Bulk::new("INSERT INTO notes (id, salt, text)", 3, ""));
static INPUTS: LazyLock<Bulk> =
    LazyLock::new(|| Bulk::new("INSERT INTO inputs (source, input_id, at, answer)", 4, ""));
static LEASES: LazyLock<Bulk> = LazyLock::new(|| {
    let insert = "INSERT OR REPLACE INTO leases (type, first, last, next, epoch, crc32)";
    Bulk::new(insert, 6, "")
});
static LEASE_MARKS: LazyLock<Bulk> = LazyLock::new(|| {
    let insert = "INSERT OR REPLACE INTO lease_marks (type, highest_used, highest_granted, crc32)";
    Bulk::new(insert, 4, "")
});
static SERIES: LazyLock<Bulk> = LazyLock::new(|| {
    let insert = "INSERT OR REPLACE INTO series (series, prefix, first, last, next, width, epoch, crc32)";
    Bulk::new(insert, 8, "")
});
static SERIES_MARKS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new("INSERT OR REPLACE INTO series_marks (series, highest_granted, crc32)", 3, "")
});
static META: LazyLock<Bulk> =
    LazyLock::new(|| Bulk::new("INSERT OR REPLACE INTO meta (name, value, crc32)", 3, ""));

impl WriteSet {
    /// Whether there is anything to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.notes.is_empty()
            && self.labels.is_empty()
            && self.aliases.is_empty()
            && self.sessions.is_empty()
            && self.inputs.is_empty()
            && self.counters.is_empty()
            && self.prints.is_empty()
            && self.leases.is_empty()
            && self.lease_marks.is_empty()
            && self.series.is_empty()
            && self.series_marks.is_empty()
            && self.meta.is_empty()
            && self.head.is_none()
    }

    /// Bytes that it will add, roughly; for the disk limit between measurements.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let records: usize = self.records.iter().map(|r| r.bytes.len() + 32).sum();
        let inputs: usize = self.inputs.iter().map(|i| i.answer.len() + 96).sum();
        let labels: usize = self.labels.iter().map(|(_, json)| json.len() + 16).sum();
        (records + inputs + labels) as u64
    }

    /// Writes everything through `conn`, inside the caller's transaction.
    pub(super) async fn write(mut self, conn: &mut SqliteConnection) -> Result<(), JournalError> {
        write_records(conn, self.records).await?;
        NOTES
            .run(conn, self.notes, |n, row| {
                row.add(n.place.id()?)?;
                row.add(n.salt)?;
                row.add(n.text)
            })
            .await?;
        self.meta.extend(super::labels::write(conn, self.labels).await?);
        super::codes::write(conn, self.aliases).await?;
        super::stations::SESSIONS.write(conn, self.sessions).await?;
        INPUTS
            .run(conn, self.inputs, |i, row| {
                pair(row, i.source, i.input_id)?;
                pair(row, i.at, i.answer)
            })
            .await?;
        super::stations::COUNTERS.write(conn, self.counters).await?;
        super::prints::write(conn, self.prints).await?;
        write_leases(conn, self.leases, self.lease_marks).await?;
        write_series(conn, self.series, self.series_marks).await?;
        META.run(conn, self.meta, |(name, value), row| {
            let sum = seal::sum(&seal::META, &[Cell::Text(&name), Cell::Text(&value)]);
            pair(row, name, value)?;
            row.add(sum)
        })
        .await?;
        if let Some(head) = self.head {
            write_head(conn, &head).await?;
        }
        Ok(())
    }
}

fn pair<'t, A, B>(row: &mut super::bulk::RowValues<'_>, a: A, b: B) -> Result<(), JournalError>
where
    A: sqlx::Encode<'t, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    B: sqlx::Encode<'t, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.add(a)?;
    row.add(b)
}

pub(super) async fn write_records(
    conn: &mut SqliteConnection,
    records: Vec<NewRecord>,
) -> Result<(), JournalError> {
    RECORDS
        .run(conn, records, |r, row| {
            if r.bytes.len() > proto::MAX_EVENT_BYTES {
                return Err(JournalError::TooLong(r.bytes.len()));
            }
            pair(row, r.place.id()?, r.at)?;
            row.add(i64::from(crc32(r.place, &r.bytes)))?;
            row.add(r.bytes)
        })
        .await
}

pub(super) async fn write_leases(
    conn: &mut SqliteConnection,
    leases: Vec<LeaseRow>,
    marks: Vec<LeaseMarkRow>,
) -> Result<(), JournalError> {
    LEASES
        .run(conn, leases, |l, row| {
            let cells = [
                Cell::Text(&l.kind),
                Cell::Int(l.first),
                Cell::Int(l.last),
                Cell::Int(l.next),
                Cell::Int(l.epoch.into()),
            ];
            let sum = seal::sum(&seal::LEASES, &cells);
            row.add(l.kind)?;
            pair(row, l.first, l.last)?;
            pair(row, l.next, l.epoch)?;
            row.add(sum)
        })
        .await?;
    LEASE_MARKS
        .run(conn, marks, |m, row| {
            let cells = [Cell::Text(&m.kind), Cell::Int(m.used), Cell::Int(m.granted)];
            let sum = seal::sum(&seal::LEASE_MARKS, &cells);
            row.add(m.kind)?;
            pair(row, m.used, m.granted)?;
            row.add(sum)
        })
        .await
}

pub(super) async fn write_series(
    conn: &mut SqliteConnection,
    series: Vec<SeriesRow>,
    marks: Vec<(String, i64)>,
) -> Result<(), JournalError> {
    SERIES
        .run(conn, series, |s, row| {
            let cells = [
                Cell::Text(&s.series),
                Cell::Text(&s.prefix),
                Cell::Int(s.first),
                Cell::Int(s.last),
                Cell::Int(s.next),
                Cell::Int(s.width.into()),
                Cell::Int(s.epoch.into()),
            ];
            let sum = seal::sum(&seal::SERIES, &cells);
            pair(row, s.series, s.prefix)?;
            pair(row, s.first, s.last)?;
            pair(row, s.next, s.width)?;
            pair(row, s.epoch, sum)
        })
        .await?;
    SERIES_MARKS
        .run(conn, marks, |(series, highest), row| {
            let sum = seal::sum(&seal::SERIES_MARKS, &[Cell::Text(&series), Cell::Int(highest)]);
            pair(row, series, highest)?;
            row.add(sum)
        })
        .await
}

pub(super) async fn write_head(conn: &mut SqliteConnection, head: &Head) -> Result<(), JournalError> {
    let seq = Place { epoch: head.epoch, seq: head.seq }.id()? & ((1 << 40) - 1);
    let cells = [Cell::Int(1), Cell::Int(head.epoch.into()), Cell::Int(seq), Cell::Blob(&head.hash)];
    sqlx::query("INSERT OR REPLACE INTO head (one, epoch, seq, hash, crc32) VALUES (1, ?, ?, ?, ?)")
        .bind(head.epoch)
        .bind(seq)
        .bind(head.hash.to_vec())
        .bind(seal::sum(&seal::HEAD, &cells))
        .execute(conn)
        .await?;
    Ok(())
}
