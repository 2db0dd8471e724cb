//! Checks what is on disk: the end of the chain at each start, all of it on
//! demand.

use proto::chain::{self, Hash};
use sqlx::{Row, SqliteConnection};

use super::record::is_lost;
use super::{Journal, JournalError, Place, Quarantined, reader};

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
        let mut epochs = Vec::new();
        let mut after = -1;
        loop {
            let row = sqlx::query("SELECT min(id) FROM records WHERE id > ?")
                .bind(after)
                .fetch_one(&mut self.conn)
                .await?;
            let Some(id) = row.try_get::<Option<i64>, _>(0)? else { break };
            let epoch = Place::from_id(id).epoch;
            epochs.push(epoch);
            after = Place { epoch, seq: (1 << 40) - 1 }.id()?;
        }
        if self.head.seq > 0 && !epochs.contains(&self.head.epoch) {
            epochs.push(self.head.epoch);
        }
        for epoch in epochs {
            let first = super::prune::first_kept(&mut self.conn, epoch).await?;
            let last = self.last_of(epoch).await?;
            let found = self.verify_range(epoch, first, last).await?;
            verified.records += found.records;
            verified.quarantined.extend(found.quarantined);
        }
        Ok(verified)
    }

    /// The end of the current epoch's chain.
    pub(super) async fn verify_tail(&mut self) -> Result<Vec<Quarantined>, JournalError> {
        let head = self.head;
        let kept = super::prune::first_kept(&mut self.conn, head.epoch).await?;
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
            let mut defects: Vec<(u64, Option<String>)> = Vec::new();
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
                    defects.push((at, None));
                    expected = None;
                    continue;
                };
                match record.check_deep() {
                    Err(_) => {
                        defects.push((at, None));
                        expected = None;
                    }
                    Ok(event) => {
                        let broken = expected.is_some_and(|e| event.prev_hash != e);
                        if broken {
                            let problem = "it does not name the record before it".to_owned();
                            defects.push((at, Some(problem)));
                        }
                        let unknown = broken || is_lost(&event);
                        expected = (!unknown).then(|| chain::link(&record.bytes));
                        // The last record of the stream must be the one that the
                        // next event will name.
                        let is_head = epoch == self.head.epoch && at == self.head.seq;
                        if is_head && !unknown && expected != Some(self.head.hash) {
                            let problem = "it is not the record that was last written".to_owned();
                            defects.push((at, Some(problem)));
                        }
                    }
                }
            }
            for (at, problem) in defects {
                let place = Place { epoch, seq: at };
                verified.quarantined.extend(self.quarantine(place, problem).await?);
            }
            seq = until + 1;
        }
        Ok(verified)
    }

    pub(super) async fn last_of(&mut self, epoch: u32) -> Result<u64, JournalError> {
        if epoch == self.head.epoch {
            return Ok(self.head.seq);
        }
        let row = sqlx::query("SELECT max(id) FROM records WHERE id BETWEEN ? AND ?")
            .bind(Place { epoch, seq: 0 }.id()?)
            .bind(Place { epoch, seq: (1 << 40) - 1 }.id()?)
            .fetch_one(&mut self.conn)
            .await?;
        let id: Option<i64> = row.try_get(0)?;
        Ok(id.map_or(0, |id| Place::from_id(id).seq))
    }
}
