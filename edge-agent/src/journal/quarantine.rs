//! Damaged records: the bytes are kept, a LOST event takes the place.

use bytes::Bytes;
use proto::chain::{self, Hash};
use sha2::{Digest, Sha256};
use sqlx::{Connection, Row, SqliteConnection};

use super::record::Replacement;
use super::{Found, Journal, JournalError, NewRecord, Place, reader, writeset};

/// A record that was found damaged and replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Where it stood.
    pub place: Place,
    /// What is wrong with it, for people.
    pub problem: String,
}

impl Journal {
    /// Puts the record of a place into quarantine, if it is still found damaged
    /// or missing, and a LOST event in its place. A damaged predecessor is
    /// treated first, since the LOST event names its hash. Returns what was
    /// replaced, oldest first; nothing when the record is sound.
    ///
    /// # Errors
    /// When it could not be written, or when the record is not to be found, which
    /// [`JournalError::is_corrupt`] tells: the database must be rebuilt then, since
    /// the record may lie where its tables no longer lead.
    pub async fn quarantine(
        &mut self,
        place: Place,
        problem: Option<String>,
    ) -> Result<Vec<Quarantined>, JournalError> {
        let kept_from = super::prune::first_kept(&mut self.conn, place.epoch).await?;
        // Walk back to the first of a row of damaged records.
        let mut first = place.seq;
        while first > kept_from.max(1) {
            let before = Place { epoch: place.epoch, seq: first - 1 };
            if examine(&mut self.conn, before).await?.is_ok() {
                break;
            }
            first -= 1;
        }
        let mut replaced = Vec::new();
        for seq in first..=place.seq {
            let at = Place { epoch: place.epoch, seq };
            let told = if seq == place.seq { problem.clone() } else { None };
            if let Some(done) = self.replace(at, told).await? {
                tracing::error!(epoch = at.epoch, seq, problem = %done.problem,
                    "a damaged record was put into quarantine; LOST stands in its place");
                replaced.push(done);
            }
        }
        Ok(replaced)
    }

    async fn replace(
        &mut self,
        place: Place,
        told: Option<String>,
    ) -> Result<Option<Quarantined>, JournalError> {
        let now = chrono::Utc::now();
        let examined = examine(&mut self.conn, place).await?;
        let (found, problem) = match (examined, told) {
            (Ok(record), Some(told)) => (record.bytes, told),
            (Ok(_), None) => return Ok(None),
            (Err((bytes, problem)), _) => (bytes, problem),
        };
        if found.is_empty() && !self.searched {
            let detail = format!("epoch {} seq {}: {problem}", place.epoch, place.seq);
            return Err(JournalError::Damaged { what: "database", detail });
        }
        let prev_hash = self.hash_before(place).await?;
        let bytes = Replacement {
            agent_id: self.settings.agent_id.as_bytes(),
            plant: self.settings.plant.as_str(),
            place,
            prev_hash,
            found: &found,
            problem: &problem,
            now_us: now.timestamp_micros(),
        }
        .encode();
        let mut tx = self.conn.begin().await?;
        // The first finding is kept should the place be damaged again.
        sqlx::query(
            "INSERT INTO quarantine (id, found_at, problem, sha256, bytes) \
             VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        )
        .bind(place.id()?)
        .bind(now.timestamp())
        .bind(problem.clone())
        .bind(Sha256::digest(&found).to_vec())
        .bind(found.to_vec())
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM records WHERE id = ?").bind(place.id()?).execute(&mut *tx).await?;
        let record = NewRecord { place, at: now.timestamp(), bytes };
        writeset::write_records(&mut tx, vec![record]).await?;
        tx.commit().await?;
        Ok(Some(Quarantined { place, problem }))
    }

    /// The hash of the record before a place, as it would be sent now.
    async fn hash_before(&mut self, place: Place) -> Result<Hash, JournalError> {
        if place.seq <= 1 {
            return Ok(chain::genesis(self.settings.agent_id.as_bytes(), place.epoch));
        }
        let before = Place { epoch: place.epoch, seq: place.seq - 1 };
        if let Ok(record) = examine(&mut self.conn, before).await? {
            return Ok(chain::link(&record.bytes));
        }
        let floor = super::prune::floor(&mut self.conn, place.epoch).await?;
        Ok(floor.filter(|f| f.seq == before.seq).map_or([0; 32], |f| f.hash))
    }
}

/// Reads one record and judges it. `Err` holds the bytes as found, and why.
pub(super) async fn examine(
    conn: &mut SqliteConnection,
    place: Place,
) -> Result<Result<Found, (Bytes, String)>, JournalError> {
    let row = sqlx::query("SELECT id, crc32, bytes FROM records WHERE id = ?")
        .bind(place.id()?)
        .fetch_optional(conn)
        .await;
    let record = match row {
        Ok(Some(row)) if row.try_get::<i64, _>(0)? == place.id()? => reader::found(&row)?,
        Ok(_) => return Ok(Err((Bytes::new(), "it is missing".to_owned()))),
        Err(error) if super::error::is_corrupt(&error) => {
            let problem = format!("the page that holds it cannot be read: {error}");
            return Ok(Err((Bytes::new(), problem)));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(match record.check_deep() {
        Ok(_) => Ok(record),
        Err(problem) => Err((record.bytes, problem)),
    })
}
