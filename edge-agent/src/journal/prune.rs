//! What the cloud has, and what may therefore go from disk.
//!
//! A record goes when the cloud has acknowledged it and either a backup of the
//! cloud covers it or it is older than the plant file's age. Never before.

use proto::chain::{self, Hash};
use sqlx::{Connection, Row, SqliteConnection};

use super::{Journal, JournalError, Place};

/// Rows removed in one transaction, so that no scan waits long for it.
const CHUNK: i64 = 2000;

/// What the cloud has committed of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// Epoch.
    pub epoch: u32,
    /// Everything up to here is committed in the cloud.
    pub through_seq: u64,
    /// Everything up to here is covered by a backup of the cloud.
    pub prune_through: u64,
}

/// What may go, by age and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrunePolicy {
    /// Acknowledged records recorded before this go without a backup, seconds
    /// since the epoch.
    pub records_before: i64,
    /// Answers given before this go, seconds since the epoch.
    pub inputs_before: i64,
    /// At most so many answers stay, however young.
    pub inputs_kept: i64,
}

/// The last record that was pruned from an epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor {
    pub seq: u64,
    pub hash: Hash,
}

pub(super) async fn floor(conn: &mut SqliteConnection, epoch: u32) -> Result<Option<Floor>, JournalError> {
    let row =
        sqlx::query("SELECT seq, hash FROM floors WHERE epoch = ?").bind(epoch).fetch_optional(conn).await?;
    let Some(row) = row else { return Ok(None) };
    let seq: i64 = row.try_get(0)?;
    let hash: Vec<u8> = row.try_get(1)?;
    Ok(Some(Floor {
        seq: u64::try_from(seq).unwrap_or(0),
        hash: Hash::try_from(hash.as_slice()).unwrap_or([0; 32]),
    }))
}

/// The first seq of an epoch that has not been pruned.
pub(super) async fn first_kept(conn: &mut SqliteConnection, epoch: u32) -> Result<u64, JournalError> {
    Ok(floor(conn, epoch).await?.map_or(1, |f| f.seq + 1))
}

impl Journal {
    /// Notes what the cloud has committed. `through_seq` may go back: a cloud
    /// that was restored has less than it said.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn acknowledge(&mut self, acked: Acked) -> Result<(), JournalError> {
        sqlx::query(
            "INSERT INTO acks (epoch, through_seq, prune_through) VALUES (?, ?, ?) \
             ON CONFLICT (epoch) DO UPDATE SET through_seq = excluded.through_seq, \
             prune_through = excluded.prune_through",
        )
        .bind(acked.epoch)
        .bind(Place { epoch: 0, seq: acked.through_seq }.id()?)
        .bind(Place { epoch: 0, seq: acked.prune_through }.id()?)
        .execute(&mut self.conn)
        .await?;
        Ok(())
    }

    /// Removes one chunk of what may go. `true` when there may be more.
    ///
    /// # Errors
    /// Nothing was removed then.
    pub async fn prune(&mut self, policy: PrunePolicy) -> Result<bool, JournalError> {
        let more = self.prune_records(policy).await?;
        Ok(self.prune_inputs(policy).await? || more)
    }

    async fn prune_records(&mut self, policy: PrunePolicy) -> Result<bool, JournalError> {
        let acks = sqlx::query("SELECT epoch, through_seq, prune_through FROM acks ORDER BY epoch")
            .fetch_all(&mut self.conn)
            .await?;
        for row in acks {
            let (epoch, through, covered): (u32, i64, i64) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let through = u64::try_from(through).unwrap_or(0);
            let covered = u64::try_from(covered).unwrap_or(0);
            let first = Place { epoch, seq: 0 }.id()?;
            let acked = Place { epoch, seq: through }.id()?;
            let covered = Place { epoch, seq: covered.min(through) }.id()?;
            // The oldest rows, as far as each in turn may go: a young record
            // keeps the ones behind it, so that no hole arises.
            let row = sqlx::query(
                "SELECT max(id), count(*) FROM (SELECT id, at FROM records \
                 WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3) AS oldest \
                 WHERE id < coalesce((SELECT min(id) FROM (SELECT id, at FROM records \
                 WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3) \
                 WHERE id > ?4 AND at >= ?5), ?2 + 1)",
            )
            .bind(first)
            .bind(acked)
            .bind(CHUNK)
            .bind(covered)
            .bind(policy.records_before)
            .fetch_one(&mut self.conn)
            .await?;
            let (last, count): (Option<i64>, i64) = (row.try_get(0)?, row.try_get(1)?);
            let Some(last) = last else { continue };
            self.remove(first, last).await?;
            return Ok(count == CHUNK);
        }
        Ok(false)
    }

    /// Removes records first..=last of one epoch, remembering the last one's hash.
    async fn remove(&mut self, first: i64, last: i64) -> Result<(), JournalError> {
        let place = Place::from_id(last);
        let mut tx = self.conn.begin().await?;
        let bytes: Vec<u8> = sqlx::query("SELECT bytes FROM records WHERE id = ?")
            .bind(last)
            .fetch_one(&mut *tx)
            .await?
            .try_get(0)?;
        sqlx::query(
            "INSERT INTO floors (epoch, seq, hash) VALUES (?, ?, ?) ON CONFLICT (epoch) \
             DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
        )
        .bind(place.epoch)
        .bind(Place { epoch: 0, seq: place.seq }.id()?)
        .bind(chain::link(&bytes).to_vec())
        .execute(&mut *tx)
        .await?;
        for table in
            ["DELETE FROM records WHERE id BETWEEN ? AND ?", "DELETE FROM notes WHERE id BETWEEN ? AND ?"]
        {
            sqlx::query(table).bind(first).bind(last).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    async fn prune_inputs(&mut self, policy: PrunePolicy) -> Result<bool, JournalError> {
        // By row number, which rises with time, so that no index on `at` is kept.
        let done = sqlx::query(
            "DELETE FROM inputs WHERE n IN (SELECT n FROM inputs ORDER BY n LIMIT ?1) \
             AND (n <= (SELECT max(n) FROM inputs) - ?2 OR at < ?3)",
        )
        .bind(CHUNK)
        .bind(policy.inputs_kept)
        .bind(policy.inputs_before)
        .execute(&mut self.conn)
        .await?;
        Ok(i64::try_from(done.rows_affected()).unwrap_or(0) == CHUNK)
    }
}
