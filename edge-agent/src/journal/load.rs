//! What an agent needs in memory from the start: everything small. Labels,
//! aliases and records stay on disk and are read by key.

use sqlx::{Row, SqliteConnection};

use super::heal::WalReport;
use super::prune::Acked;
use super::quarantine::Quarantined;
use super::rebuild::Rebuilt;
use super::{
    JournalError, LeaseMarkRow, LeaseRow, OlderEpoch, Place, PrintRow, SeriesRow, ends, prints, seal,
    stations,
};

/// State beside the records, as of the last commit.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Ranges of numbers, used up ones too where not yet removed.
    pub leases: Vec<LeaseRow>,
    /// Highest numbers per type.
    pub lease_marks: Vec<LeaseMarkRow>,
    /// Ranges of document numbers.
    pub series: Vec<SeriesRow>,
    /// Highest document number ever granted, per series.
    pub series_marks: Vec<(String, i64)>,
    /// Earlier epochs of which events are on disk, oldest first.
    pub older: Vec<OlderEpoch>,
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
    /// How many records are in quarantine, and damaged rows are set aside.
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
    let row = sqlx::query("SELECT name, value, crc32 FROM meta WHERE name = ?")
        .bind(name)
        .fetch_optional(conn)
        .await?
        .filter(|row| seal::is_sound(&seal::META, row));
    Ok(row.map(|r| r.try_get(1)).transpose()?)
}

/// What the cloud has of each epoch, as far as those rows hold.
pub(super) async fn acks(conn: &mut SqliteConnection) -> Result<Vec<Acked>, JournalError> {
    let mut acks = Vec::new();
    for r in seal::rows(conn, &seal::ACKS).await? {
        let (through, prune): (i64, i64) = (r.try_get(1)?, r.try_get(2)?);
        acks.push(Acked {
            epoch: r.try_get(0)?,
            through_seq: u64::try_from(through).unwrap_or(0),
            prune_through: u64::try_from(prune).unwrap_or(0),
        });
    }
    Ok(acks)
}

pub(super) async fn all(conn: &mut SqliteConnection) -> Result<Loaded, JournalError> {
    let mut loaded = Loaded::default();
    for r in seal::rows(conn, &seal::LEASES).await? {
        loaded.leases.push(LeaseRow {
            kind: r.try_get(0)?,
            first: r.try_get(1)?,
            last: r.try_get(2)?,
            next: r.try_get(3)?,
            epoch: r.try_get(4)?,
        });
    }
    for r in seal::rows(conn, &seal::LEASE_MARKS).await? {
        loaded.lease_marks.push(LeaseMarkRow {
            kind: r.try_get(0)?,
            used: r.try_get(1)?,
            granted: r.try_get(2)?,
        });
    }
    for r in seal::rows(conn, &seal::SERIES).await? {
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
    for r in seal::rows(conn, &seal::SERIES_MARKS).await? {
        loaded.series_marks.push((r.try_get(0)?, r.try_get(1)?));
    }
    loaded.older = ends::older(conn).await?;
    loaded.sessions = stations::SESSIONS.read(conn).await?;
    loaded.counters = stations::COUNTERS.read(conn).await?;
    loaded.open_prints = prints::open(conn).await?;
    loaded.acked = acks(conn).await?;
    for r in seal::rows(conn, &seal::META).await? {
        loaded.meta.push((r.try_get(0)?, r.try_get(1)?));
    }
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM quarantine) + (SELECT count(*) FROM damaged), \
                (SELECT min(id) FROM records)",
    )
    .fetch_one(&mut *conn)
    .await?;
    let count: i64 = row.try_get(0)?;
    loaded.quarantine_count = u64::try_from(count).unwrap_or(0);
    let oldest: Option<i64> = row.try_get(1)?;
    loaded.oldest = oldest.map(Place::from_id);
    Ok(loaded)
}
