//! The change to a new epoch: what the cloud did not accept of the old one is
//! recorded again in the new one.

use prost::Message;
use proto::chain;
use proto::v1;
use sqlx::{Connection, Row, SqliteConnection};

use super::prune::first_kept;
use super::writeset::{write_head, write_records};
use super::{Head, Journal, JournalError, NewRecord, Place, quarantine};

const PAGE: u64 = 256;

impl Journal {
    /// Begins `epoch` at seq 1, in one transaction: the events of the current
    /// epoch above `through_seq` are recorded again in it, in order, with their
    /// content and event_id and with new identity and chain; their old records
    /// go, and with them every lease of an older epoch. A damaged one becomes
    /// LOST. Returns the new head.
    ///
    /// # Errors
    /// Nothing was changed then.
    pub async fn begin_epoch(
        &mut self,
        epoch: u32,
        through_seq: u64,
        meta: &[(&str, &str)],
    ) -> Result<Head, JournalError> {
        let old = self.head;
        let agent_id = self.settings.agent_id;
        let plant = self.settings.plant;
        let mut tx = self.conn.begin().await?;
        let mut head = Head::genesis(agent_id, epoch);
        let mut seq = through_seq.saturating_add(1).max(first_kept(&mut tx, old.epoch).await?);
        while seq <= old.seq {
            let until = old.seq.min(seq + PAGE - 1);
            let mut page = Vec::new();
            for at in seq..=until {
                let from = Place { epoch: old.epoch, seq: at };
                let place = Place { epoch, seq: head.seq + 1 };
                let examined = quarantine::examine(&mut tx, from).await?;
                let bytes = match examined {
                    Ok(record) => again(&record.bytes, place, head.hash)?,
                    Err((found, problem)) if found.is_empty() => {
                        let detail = format!("epoch {} seq {at}: {problem}", old.epoch);
                        return Err(JournalError::Damaged { what: "database", detail });
                    }
                    Err((found, problem)) => {
                        keep(&mut tx, from, &found, &problem).await?;
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
            seq = until + 1;
        }
        let above = Place { epoch: old.epoch, seq: through_seq.saturating_add(1).min(1 << 39) };
        sqlx::query("DELETE FROM records WHERE id BETWEEN ? AND ?")
            .bind(above.id()?)
            .bind(Place { epoch: old.epoch, seq: (1 << 40) - 1 }.id()?)
            .execute(&mut *tx)
            .await?;
        // What is left of older epochs is what the cloud accepted.
        sqlx::query(
            "INSERT INTO acks (epoch, through_seq, prune_through) VALUES (?, ?, 0) \
             ON CONFLICT (epoch) DO UPDATE SET \
             through_seq = max(acks.through_seq, excluded.through_seq)",
        )
        .bind(old.epoch)
        .bind(Place { epoch: 0, seq: through_seq.min(old.seq) }.id()?)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM leases WHERE epoch < ?").bind(epoch).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM series WHERE epoch < ?").bind(epoch).execute(&mut *tx).await?;
        for (name, value) in meta {
            sqlx::query(
                "INSERT INTO meta (name, value) VALUES (?, ?) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .bind(name.to_string())
            .bind(value.to_string())
            .execute(&mut *tx)
            .await?;
        }
        write_head(&mut tx, &head).await?;
        tx.commit().await?;
        self.head = head;
        self.measure().await?;
        Ok(head)
    }

    /// The hash of the record at a place, when it is there and sound.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hash_at(&mut self, place: Place) -> Result<Option<chain::Hash>, JournalError> {
        if place == self.head.place() {
            return Ok(Some(self.head.hash));
        }
        let found = quarantine::examine(&mut self.conn, place).await?.ok();
        let event = found.as_ref().and_then(|f| v1::Event::decode(f.bytes.clone()).ok());
        if event.is_some_and(|e| super::record::is_lost(&e)) {
            return Ok(None);
        }
        Ok(found.map(|f| chain::link(&f.bytes)))
    }
}

/// The same event at another place of another chain.
fn again(bytes: &[u8], place: Place, prev_hash: chain::Hash) -> Result<Vec<u8>, JournalError> {
    let mut event = v1::Event::decode(bytes)
        .map_err(|e| JournalError::Damaged { what: "record", detail: format!("not an event: {e}") })?;
    event.epoch = place.epoch;
    event.seq = place.seq;
    event.prev_hash = prev_hash.to_vec();
    Ok(event.encode_to_vec())
}

async fn keep(
    conn: &mut SqliteConnection,
    place: Place,
    found: &[u8],
    problem: &str,
) -> Result<(), JournalError> {
    use sha2::{Digest, Sha256};
    sqlx::query(
        "INSERT INTO quarantine (id, found_at, problem, sha256, bytes) \
         VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    )
    .bind(place.id()?)
    .bind(chrono::Utc::now().timestamp())
    .bind(problem.to_owned())
    .bind(Sha256::digest(found).to_vec())
    .bind(found.to_vec())
    .execute(conn)
    .await?;
    Ok(())
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
