//! The change to a new epoch. The old one is left as it is, and what the cloud
//! lacks of it is sent from there; only where the histories parted are its events
//! above the parting recorded again in the new epoch.
//!
//! Recording again goes in chunks, each a transaction of its own, so that scans
//! go on between them and a kill costs one chunk. Until the last one the old epoch
//! is the current one; the old records go after it.

use prost::Message;
use proto::chain;
use proto::v1;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, Row, SqliteConnection};

use super::ends::{self, End};
use super::writeset::{WriteSet, write_head, write_records};
use super::{Acked, Head, Journal, JournalError, NewRecord, Place, load, quarantine};

/// Records in one transaction.
const CHUNK: u64 = 256;
/// Old records removed in one transaction.
const DROP: i64 = 2000;
/// Where it stands, in `meta`; empty for nothing.
const AGAIN: &str = "again";

/// Events on their way into another epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// The epoch to begin.
    pub epoch: u32,
    /// Last seq of the current epoch that stays there.
    pub through_seq: u64,
    /// Seq of the current epoch whose turn it is.
    next: u64,
    /// End of the new epoch so far.
    seq: u64,
    hash: chain::Hash,
    /// Facts to write down when it begins.
    meta: Vec<(String, String)>,
}

impl Journal {
    /// Begins `epoch` at seq 1. The current one stays on disk as it is; its leases
    /// go. `through_seq` is what the cloud has of it. Returns the new head.
    ///
    /// # Errors
    /// Nothing was changed then.
    pub async fn begin_epoch(
        &mut self,
        epoch: u32,
        through_seq: u64,
        meta: Vec<(String, String)>,
    ) -> Result<Head, JournalError> {
        let end = End { head: self.head, next: epoch, again: false };
        self.turn(end, Head::genesis(self.settings.agent_id, epoch), through_seq, meta).await
    }

    /// Prepares to begin `epoch` with the current epoch's events above
    /// `through_seq` recorded again in it: with their content and event_id, with
    /// new identity and chain. [`Self::step_again`] does it.
    ///
    /// # Errors
    /// Nothing was changed then.
    pub async fn begin_again(
        &mut self,
        epoch: u32,
        through_seq: u64,
        meta: Vec<(String, String)>,
    ) -> Result<(), JournalError> {
        let genesis = Head::genesis(self.settings.agent_id, epoch);
        let kept = ends::first_kept(&mut self.conn, self.head.epoch).await?;
        let again =
            Again { epoch, through_seq, next: (through_seq + 1).max(kept), seq: 0, hash: genesis.hash, meta };
        let mut tx = self.conn.begin().await?;
        note(&mut tx, Some(&again)).await?;
        tx.commit().await?;
        self.again = Some(again);
        Ok(())
    }

    /// What is being recorded again, if anything.
    #[must_use]
    pub fn again(&self) -> Option<&Again> {
        self.again.as_ref()
    }

    /// Records one chunk again. The new head when that was the last and the new
    /// epoch has begun.
    ///
    /// # Errors
    /// The chunk was not written then.
    pub async fn step_again(&mut self) -> Result<Option<Head>, JournalError> {
        let Some(again) = self.again.clone() else { return Ok(None) };
        let old = self.head;
        let head = Head { epoch: again.epoch, seq: again.seq, hash: again.hash };
        if again.next > old.seq {
            let through = Place { epoch: old.epoch, seq: again.through_seq };
            let after = Place { seq: through.seq + 1, ..through };
            let hash = self.hash_before(after).await?;
            let end = Head { epoch: old.epoch, seq: through.seq.min(old.seq), hash };
            let end = End { head: end, next: again.epoch, again: true };
            return Ok(Some(self.turn(end, head, again.through_seq, again.meta).await?));
        }
        let (agent_id, plant) = (self.settings.agent_id, self.settings.plant);
        let mut tx = self.conn.begin().await?;
        let (mut head, mut page) = (head, Vec::new());
        let until = old.seq.min(again.next + CHUNK - 1);
        for at in again.next..=until {
            let from = Place { epoch: old.epoch, seq: at };
            let place = Place { epoch: head.epoch, seq: head.seq + 1 };
            let bytes = match quarantine::examine(&mut tx, from).await? {
                Ok(record) => repeat(&record.bytes, place, head.hash)?,
                Err((found, problem)) if found.is_empty() => {
                    let detail = format!("epoch {} seq {at}: {problem}", old.epoch);
                    return Err(JournalError::Damaged { what: "database", detail });
                }
                Err((found, problem)) => {
                    quarantine::keep(&mut tx, from, &found, &problem).await?;
                    super::record::Replacement {
                        agent_id: agent_id.as_bytes(),
                        plant: plant.as_str(),
                        place,
                        prev_hash: head.hash,
                        found: &found,
                        problem: &problem,
                        now_us: chrono::Utc::now().timestamp_micros(),
                    }
                    .encode()
                }
            };
            head = head.after(&bytes);
            move_note(&mut tx, from, place).await?;
            page.push(NewRecord { place, at: recorded_at(&mut tx, from).await?, bytes });
        }
        write_records(&mut tx, page).await?;
        let again = Again { next: until + 1, seq: head.seq, hash: head.hash, ..again };
        note(&mut tx, Some(&again)).await?;
        tx.commit().await?;
        self.again = Some(again);
        Ok(None)
    }

    /// Ends the current epoch and begins the one of `head`.
    async fn turn(
        &mut self,
        end: End,
        head: Head,
        through_seq: u64,
        meta: Vec<(String, String)>,
    ) -> Result<Head, JournalError> {
        let mut tx = self.conn.begin().await?;
        ends::write_end(&mut tx, &end).await?;
        let before = load::acks(&mut tx).await?.into_iter().find(|a| a.epoch == end.head.epoch);
        let before = before.unwrap_or(Acked { epoch: end.head.epoch, through_seq: 0, prune_through: 0 });
        let through_seq = before.through_seq.max(through_seq).min(end.head.seq);
        ends::write_acked(&mut tx, Acked { through_seq, ..before }).await?;
        sqlx::query("DELETE FROM leases WHERE epoch < ?").bind(head.epoch).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM series WHERE epoch < ?").bind(head.epoch).execute(&mut *tx).await?;
        WriteSet { meta, ..WriteSet::default() }.write(&mut tx).await?;
        note(&mut tx, None).await?;
        write_head(&mut tx, &head).await?;
        tx.commit().await?;
        self.head = head;
        self.again = None;
        self.measure().await?;
        Ok(head)
    }

    /// Reads what was being recorded again when the journal was last open.
    pub(super) async fn load_again(&mut self) -> Result<(), JournalError> {
        let noted = load::meta(&mut self.conn, AGAIN).await?.filter(|v| !v.is_empty());
        self.again = noted.and_then(|json| serde_json::from_str(&json).ok());
        Ok(())
    }

    /// Removes one chunk of what was recorded again in a later epoch. `true` when
    /// there may be more.
    ///
    /// # Errors
    /// Nothing was removed then.
    pub(super) async fn drop_repeated(&mut self) -> Result<bool, JournalError> {
        for end in ends::ends(&mut self.conn).await?.into_iter().filter(|end| end.again) {
            let above = Place { seq: end.head.seq + 1, ..end.head.place() };
            let done = sqlx::query(
                "DELETE FROM records WHERE id IN (SELECT id FROM records \
                 WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?)",
            )
            .bind(above.id()?)
            .bind(Place { seq: (1 << 40) - 1, ..above }.id()?)
            .bind(DROP)
            .execute(&mut self.conn)
            .await?;
            if done.rows_affected() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The hash of the record at a place, when it is there and sound. `None` for
    /// LOST too: the hash of what stood there is gone.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hash_at(&mut self, place: Place) -> Result<Option<chain::Hash>, JournalError> {
        let found = quarantine::examine(&mut self.conn, place).await?.ok();
        let event = found.as_ref().and_then(|f| v1::Event::decode(f.bytes.clone()).ok());
        if event.is_some_and(|e| super::record::is_lost(&e)) {
            return Ok(None);
        }
        Ok(found.map(|f| chain::link(&f.bytes)))
    }
}

/// The same event at another place of another chain.
fn repeat(bytes: &[u8], place: Place, prev_hash: chain::Hash) -> Result<Vec<u8>, JournalError> {
    let mut event = v1::Event::decode(bytes)
        .map_err(|e| JournalError::Damaged { what: "record", detail: format!("not an event: {e}") })?;
    event.epoch = place.epoch;
    event.seq = place.seq;
    event.prev_hash = prev_hash.to_vec();
    Ok(event.encode_to_vec())
}

async fn note(conn: &mut SqliteConnection, again: Option<&Again>) -> Result<(), JournalError> {
    let json = again.map(serde_json::to_string).transpose();
    let json = json.map_err(|e| JournalError::Database(sqlx::Error::Encode(Box::new(e))))?;
    let meta = vec![(AGAIN.to_owned(), json.unwrap_or_default())];
    WriteSet { meta, ..WriteSet::default() }.write(conn).await
}

async fn move_note(conn: &mut SqliteConnection, from: Place, to: Place) -> Result<(), JournalError> {
    sqlx::query("UPDATE notes SET id = ? WHERE id = ?").bind(to.id()?).bind(from.id()?).execute(conn).await?;
    Ok(())
}

async fn recorded_at(conn: &mut SqliteConnection, place: Place) -> Result<i64, JournalError> {
    let row =
        sqlx::query("SELECT at FROM records WHERE id = ?").bind(place.id()?).fetch_optional(conn).await?;
    Ok(row.map(|r| r.try_get(0)).transpose()?.unwrap_or_default())
}
