//! Checks what is on disk: the end of the chain at each start, all of it on
//! demand.

use proto::chain::{self, Hash};
use sqlx::{Row, SqliteConnection};

use super::record::is_lost;
use super::{Head, Journal, JournalError, Place, Quarantined, reader};

/// Records checked at each start. Damage elsewhere shows when it is sent.
const TAIL: u64 = 256;
const PAGE: u64 = 256;

/// What a full check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records looked at.
    pub records: u64,
    /// Those that were put into quarantine now.
    pub quarantined: Vec<Quarantined>,
    /// Records that pass their own checks and do not name the record before them.
    pub broken: Vec<Place>,
}

/// Checks the pages of the tables that a start depends on. The large ones show
/// damage when they are read.
pub(super) async fn small_tables(conn: &mut SqliteConnection) -> Result<(), JournalError> {
    for table in super::rebuild::SMALL {
        let sql = format!("PRAGMA quick_check('{table}')");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *conn).await?;
        let first: String = rows.first().map(|r| r.try_get(0)).transpose()?.unwrap_or_default();
        if first != "ok" {
            let detail = format!("table {table}: {first}");
            return Err(JournalError::Damaged { what: "database", detail });
        }
    }
    Ok(())
}

impl Journal {
    /// Reads every record, checks checksum, content and chain, and quarantines
    /// what does not hold. Memory stays bounded; time does not.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn verify(&mut self) -> Result<Verified, JournalError> {
        let mut verified = Verified::default();
        let older = super::ends::older(&mut self.conn).await?;
        let mut ranges: Vec<(u32, u64, u64)> =
            older.iter().map(|o| (o.epoch, o.oldest_seq, o.head_seq)).collect();
        let first = super::ends::first_kept(&mut self.conn, self.head.epoch).await?;
        ranges.push((self.head.epoch, first, self.head.seq));
        for (epoch, first, last) in ranges {
            let found = self.verify_range(epoch, first, last).await?;
            verified.records += found.records;
            verified.quarantined.extend(found.quarantined);
            verified.broken.extend(found.broken);
        }
        Ok(verified)
    }

    /// The end of the current epoch's chain.
    pub(super) async fn verify_tail(&mut self) -> Result<Vec<Quarantined>, JournalError> {
        let head = self.head;
        let kept = super::ends::first_kept(&mut self.conn, head.epoch).await?;
        let first = kept.max(head.seq.saturating_sub(TAIL - 1)).max(1);
        Ok(self.verify_range(head.epoch, first, head.seq).await?.quarantined)
    }

    async fn verify_range(&mut self, epoch: u32, first: u64, last: u64) -> Result<Verified, JournalError> {
        let mut verified = Verified::default();
        // Hash that the next record must name; unknown at the start of a range
        // and after a LOST record, whose original hash is gone.
        let mut expected: Option<Hash> =
            (first == 1).then(|| chain::genesis(self.settings.agent_id.as_bytes(), epoch));
        let mut seq = first;
        while seq <= last {
            let until = last.min(seq + PAGE - 1);
            let mut defects: Vec<u64> = Vec::new();
            let rows =
                sqlx::query("SELECT id, crc32, bytes FROM records WHERE id BETWEEN ? AND ? ORDER BY id")
                    .bind(Place { epoch, seq }.id()?)
                    .bind(Place { epoch, seq: until }.id()?)
                    .fetch_all(&mut self.conn)
                    .await;
            let rows = match rows {
                Ok(rows) => rows,
                Err(error) if super::error::is_corrupt(&error) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            let mut rows = rows.iter().map(reader::found).peekable();
            for at in seq..=until {
                verified.records += 1;
                let here = rows.next_if(|r| match r {
                    Ok(r) => r.place.seq == at,
                    Err(_) => true,
                });
                let Some(record) = here.transpose()? else {
                    defects.push(at);
                    expected = None;
                    continue;
                };
                match record.check_deep() {
                    Err(_) => {
                        defects.push(at);
                        expected = None;
                    }
                    Ok(event) => {
                        if expected.is_some_and(|e| event.prev_hash != e) {
                            tracing::error!(
                                epoch,
                                seq = at,
                                "a record is sound and does not name the one before it"
                            );
                            verified.broken.push(Place { epoch, seq: at });
                        }
                        let hash = chain::link(&record.bytes);
                        expected = (!is_lost(&event)).then_some(hash);
                        // The record decides what the next event must name.
                        let head = Head { hash, ..self.head };
                        let is_head = record.place == head.place();
                        if is_head && expected.is_some() && head != self.head {
                            tracing::warn!(
                                seq = at,
                                "the journal's end named another hash than its last record"
                            );
                            super::writeset::write_head(&mut self.conn, &head).await?;
                            self.head = head;
                        }
                    }
                }
            }
            for at in defects {
                verified.quarantined.extend(self.quarantine(Place { epoch, seq: at }).await?);
            }
            seq = until + 1;
        }
        Ok(verified)
    }
}
