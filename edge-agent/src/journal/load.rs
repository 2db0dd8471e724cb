//! What an agent needs in memory from the start: everything small. Labels,
//! aliases and records stay on disk and are read by key.

use proto::chain::Hash;
use sqlx::{Row, SqliteConnection};

use super::heal::WalReport;
use super::prune::Acked;
use super::quarantine::Quarantined;
use super::rebuild::Rebuilt;
use super::{Head, JournalError, LeaseMarkRow, LeaseRow, Place, PrintRow, SeriesRow};

/// State beside the records, as of the last commit.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Ranges of numbers, used up ones too where not yet removed.
    pub leases: Vec<LeaseRow>,
    /// Highest numbers per type.
    pub lease_marks: Vec<LeaseMarkRow>,
    /// Ranges of document numbers.
    pub series: Vec<SeriesRow>,
    /// Sessions: station and JSON.
    pub sessions: Vec<(String, String)>,
    /// Last counters of each station's scanner: station and JSON.
    pub counters: Vec<(String, String)>,
    /// Labels that were handed to a printer and not heard of again, and those of
    /// which nobody knew whether they came out.
    pub open_prints: Vec<PrintRow>,
    /// What the cloud has committed, per epoch.
    pub acked: Vec<Acked>,
    /// Further facts: name and value.
    pub meta: Vec<(String, String)>,
    /// How many records are in quarantine.
    pub quarantine_count: u64,
    /// Oldest record on disk.
    pub oldest: Option<Place>,
    /// Damaged records found while opening.
    pub quarantined: Vec<Quarantined>,
    /// What became of a WAL that was damaged.
    pub wal: Option<WalReport>,
    /// What came of a database that had to be rebuilt.
    pub rebuilt: Option<Rebuilt>,
}

impl Loaded {
    /// A further fact by name.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.meta.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

pub(super) async fn meta(conn: &mut SqliteConnection, name: &str) -> Result<Option<String>, JournalError> {
    let row = sqlx::query("SELECT value FROM meta WHERE name = ?").bind(name).fetch_optional(conn).await?;
    Ok(row.map(|r| r.try_get(0)).transpose()?)
}

pub(super) async fn head(conn: &mut SqliteConnection) -> Result<Head, JournalError> {
    let row = sqlx::query("SELECT epoch, seq, hash FROM head WHERE one = 1")
        .fetch_optional(conn)
        .await?
        .ok_or(JournalError::Damaged { what: "head", detail: "it is missing".to_owned() })?;
    let hash: Vec<u8> = row.try_get(2)?;
    let hash = Hash::try_from(hash.as_slice()).map_err(|_| JournalError::Damaged {
        what: "head",
        detail: format!("a hash of {} bytes", hash.len()),
    })?;
    let seq: i64 = row.try_get(1)?;
    Ok(Head { epoch: row.try_get(0)?, seq: u64::try_from(seq).unwrap_or(0), hash })
}

pub(super) async fn all(conn: &mut SqliteConnection) -> Result<Loaded, JournalError> {
    let mut loaded = Loaded::default();
    for r in sqlx::query("SELECT type, first, last, next, epoch FROM leases ORDER BY type, first")
        .fetch_all(&mut *conn)
        .await?
    {
        loaded.leases.push(LeaseRow {
            kind: r.try_get(0)?,
            first: r.try_get(1)?,
            last: r.try_get(2)?,
            next: r.try_get(3)?,
            epoch: r.try_get(4)?,
        });
    }
    for r in sqlx::query("SELECT type, highest_used, highest_granted FROM lease_marks")
        .fetch_all(&mut *conn)
        .await?
    {
        loaded.lease_marks.push(LeaseMarkRow {
            kind: r.try_get(0)?,
            used: r.try_get(1)?,
            granted: r.try_get(2)?,
        });
    }
    for r in sqlx::query(
        "SELECT series, prefix, first, last, next, width, epoch FROM series \
         ORDER BY series, epoch, prefix, first",
    )
    .fetch_all(&mut *conn)
    .await?
    {
        loaded.series.push(SeriesRow {
            series: r.try_get(0)?,
            prefix: r.try_get(1)?,
            first: r.try_get(2)?,
            last: r.try_get(3)?,
            next: r.try_get(4)?,
            width: r.try_get(5)?,
            epoch: r.try_get(6)?,
        });
    }
    for r in sqlx::query("SELECT station, json FROM sessions").fetch_all(&mut *conn).await? {
        loaded.sessions.push((r.try_get(0)?, r.try_get(1)?));
    }
    for r in sqlx::query("SELECT station, json FROM counters").fetch_all(&mut *conn).await? {
        loaded.counters.push((r.try_get(0)?, r.try_get(1)?));
    }
    loaded.open_prints = open_prints(conn).await?;
    for r in sqlx::query("SELECT epoch, through_seq, prune_through FROM acks ORDER BY epoch")
        .fetch_all(&mut *conn)
        .await?
    {
        let (through, prune): (i64, i64) = (r.try_get(1)?, r.try_get(2)?);
        loaded.acked.push(Acked {
            epoch: r.try_get(0)?,
            through_seq: u64::try_from(through).unwrap_or(0),
            prune_through: u64::try_from(prune).unwrap_or(0),
        });
    }
    for r in sqlx::query("SELECT name, value FROM meta").fetch_all(&mut *conn).await? {
        loaded.meta.push((r.try_get(0)?, r.try_get(1)?));
    }
    let row = sqlx::query("SELECT (SELECT count(*) FROM quarantine), (SELECT min(id) FROM records)")
        .fetch_one(&mut *conn)
        .await?;
    let count: i64 = row.try_get(0)?;
    loaded.quarantine_count = u64::try_from(count).unwrap_or(0);
    let oldest: Option<i64> = row.try_get(1)?;
    loaded.oldest = oldest.map(Place::from_id);
    Ok(loaded)
}

/// At most this many open labels are asked about again after a start.
const OPEN_PRINTS: i64 = 500;

async fn open_prints(conn: &mut SqliteConnection) -> Result<Vec<PrintRow>, JournalError> {
    let rows = sqlx::query(
        // Each half is one partial index read in order.
        "SELECT * FROM (SELECT key, copy, station, printer, lines, state, at FROM prints \
         WHERE state = 'allocated' ORDER BY at LIMIT ?1) \
         UNION ALL SELECT * FROM (SELECT key, copy, station, printer, lines, state, at FROM prints \
         WHERE state = 'uncertain' ORDER BY at LIMIT ?1) ORDER BY at LIMIT ?1",
    )
    .bind(OPEN_PRINTS)
    .fetch_all(conn)
    .await?;
    rows.iter().map(print_row).collect()
}

pub(super) fn print_row(r: &sqlx::sqlite::SqliteRow) -> Result<PrintRow, JournalError> {
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
