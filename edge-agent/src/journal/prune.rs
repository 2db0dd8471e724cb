//! What the cloud has, and what may therefore go from disk.
//!
//! A record goes when the cloud has acknowledged it and either a backup of the
//! cloud covers it or it is older than the plant file's age. Never before.

use proto::chain;
use sqlx::{Connection, Row};

use super::ends::{self, Floor};
use super::error::is_corrupt;
use super::{Journal, JournalError, Place, load, quarantine};

/// Rows removed in one transaction, so that no scan waits long for it.
const CHUNK: i64 = 2000;
/// Records next to a damaged page that are left where they are at a time.
const FEW: i64 = 32;

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

impl Journal {
    /// Notes what the cloud has committed. `through_seq` may go back: a cloud
    /// that was restored has less than it said.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn acknowledge(&mut self, acked: Acked) -> Result<(), JournalError> {
        ends::write_acked(&mut self.conn, acked).await
    }

    /// Removes one chunk of what may go. `true` when there may be more.
    ///
    /// # Errors
    /// Nothing was removed then.
    pub async fn prune(&mut self, policy: PrunePolicy) -> Result<bool, JournalError> {
        let more = self.prune_records(policy).await?;
        Ok(self.prune_inputs(policy).await? | self.drop_repeated().await? || more)
    }

    async fn prune_records(&mut self, policy: PrunePolicy) -> Result<bool, JournalError> {
        for Acked { epoch, through_seq, prune_through: covered } in load::acks(&mut self.conn).await? {
            // What the cloud has of events that are not here is none of ours.
            let Some(end) = ends::end(&mut self.conn, epoch).await? else { continue };
            let through = through_seq.min(end.seq);
            let kept = ends::first_kept(&mut self.conn, epoch).await?;
            let first = Place { epoch, seq: kept }.id()?;
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
            .await;
            let row = match row {
                Ok(row) => row,
                Err(error) if is_corrupt(&error) => {
                    self.pass_over(first, acked, None, covered, policy).await?;
                    return Ok(true);
                }
                Err(error) => return Err(error.into()),
            };
            let (last, count): (Option<i64>, i64) = (row.try_get(0)?, row.try_get(1)?);
            let Some(last) = last else { continue };
            match self.remove(first, last).await {
                Err(error) if error.is_corrupt() => {
                    self.pass_over(first, acked, Some(last), covered, policy).await?;
                    return Ok(true);
                }
                removed => removed?,
            }
            return Ok(count == CHUNK);
        }
        Ok(false)
    }

    /// Raises the floor past a page that cannot be read, if what is on it may go,
    /// or past a few records up to `removable` that can be read and not removed,
    /// since they lie next to one. They stay in the file, of no use to anybody: a
    /// page among what is done with stops nothing.
    async fn pass_over(
        &mut self,
        first: i64,
        acked: i64,
        removable: Option<i64>,
        covered: i64,
        policy: PrunePolicy,
    ) -> Result<(), JournalError> {
        let what = "page";
        let stays = |detail: &str| JournalError::Damaged { what, detail: detail.to_owned() };
        let mut unreadable = None;
        for id in first..=acked.min(first + CHUNK) {
            let found = sqlx::query("SELECT length(bytes) FROM records WHERE id = ?")
                .bind(id)
                .fetch_optional(&mut self.conn)
                .await;
            match found {
                Ok(Some(_)) => {}
                Ok(None) => unreadable = Some(id),
                Err(error) if is_corrupt(&error) => unreadable = Some(id),
                Err(error) => return Err(error.into()),
            }
        }
        let readable = removable.filter(|_| unreadable.is_none());
        let last = unreadable.or(readable.map(|last| last.min(first + FEW)));
        let last = last.ok_or_else(|| stays("acknowledged records cannot be removed"))?;
        let place = Place::from_id(last);
        let after = quarantine::examine(&mut self.conn, Place { seq: place.seq + 1, ..place }).await?;
        let Ok(after) = after else { return Err(stays("what follows a damaged page is damaged too")) };
        let row = sqlx::query("SELECT at FROM records WHERE id = ?").bind(last + 1);
        let at: i64 = row.fetch_one(&mut self.conn).await?.try_get(0)?;
        if readable.is_none() && last > covered && at >= policy.records_before {
            return Err(stays("acknowledged records that stay for now cannot be read"));
        }
        tracing::error!(
            epoch = place.epoch,
            through = place.seq,
            "acknowledged records lie on a damaged page or next to one; they are passed over"
        );
        let event = after.check_deep().unwrap_or_default();
        let hash = chain::Hash::try_from(event.prev_hash.as_slice()).unwrap_or([0; 32]);
        ends::write_floor(&mut self.conn, place.epoch, Floor { seq: place.seq, hash }).await
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
        let floor = Floor { seq: place.seq, hash: chain::link(&bytes) };
        ends::write_floor(&mut tx, place.epoch, floor).await?;
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
