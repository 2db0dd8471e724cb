//! Damaged records: the bytes are kept, a LOST event takes the place.

use bytes::Bytes;
use prost::Message;
use proto::chain::{self, Hash};
use proto::v1;
use sha2::{Digest, Sha256};
use sqlx::{Connection, Row, SqliteConnection};

use super::record::Replacement;
use super::{Found, Head, Journal, JournalError, NewRecord, Place, reader, writeset};

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
    /// replaced, oldest first; nothing when the record passes its own checks,
    /// whatever else is said against it.
    ///
    /// # Errors
    /// When it could not be written, or when the record is not to be found, which
    /// [`JournalError::is_corrupt`] tells: the database must be rebuilt then, since
    /// the record may lie where its tables no longer lead.
    pub async fn quarantine(&mut self, place: Place) -> Result<Vec<Quarantined>, JournalError> {
        let kept_from = super::ends::first_kept(&mut self.conn, place.epoch).await?;
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
            if let Some(done) = self.replace(at).await? {
                tracing::error!(epoch = at.epoch, seq, problem = %done.problem,
                    "a damaged record was put into quarantine; LOST stands in its place");
                replaced.push(done);
            }
        }
        Ok(replaced)
    }

    async fn replace(&mut self, place: Place) -> Result<Option<Quarantined>, JournalError> {
        let now = chrono::Utc::now();
        let Err((found, problem)) = examine(&mut self.conn, place).await? else { return Ok(None) };
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
        let hash = chain::link(&bytes);
        // The cloud may have the record that stood here, or will have LOST: the
        // head is what it has, since that is what it compares and what the next
        // event must name.
        let is_head = place == self.head.place();
        let sent = is_head && super::ends::acked(&mut self.conn, place.epoch).await? >= place.seq;
        let head = (is_head && !sent).then_some(Head { hash, ..self.head });
        let mut tx = self.conn.begin().await?;
        keep(&mut tx, place, &found, &problem).await?;
        sqlx::query("DELETE FROM records WHERE id = ?").bind(place.id()?).execute(&mut *tx).await?;
        let record = NewRecord { place, at: now.timestamp(), bytes };
        writeset::write_records(&mut tx, vec![record]).await?;
        if let Some(head) = head {
            writeset::write_head(&mut tx, &head).await?;
        }
        tx.commit().await?;
        self.head = head.unwrap_or(self.head);
        Ok(Some(Quarantined { place, problem }))
    }

    /// Called when the cloud does not have the last record: where LOST stands in
    /// its place, that is what it will have.
    ///
    /// # Errors
    /// The head is as it was then.
    pub async fn head_is_unsent(&mut self) -> Result<(), JournalError> {
        let Ok(record) = examine(&mut self.conn, self.head.place()).await? else { return Ok(()) };
        let lost = v1::Event::decode(record.bytes.clone()).is_ok_and(|e| super::record::is_lost(&e));
        let head = Head { hash: chain::link(&record.bytes), ..self.head };
        if lost && head != self.head {
            writeset::write_head(&mut self.conn, &head).await?;
            self.head = head;
        }
        Ok(())
    }

    /// The hash of the record before a place, as it would be sent now.
    pub(super) async fn hash_before(&mut self, place: Place) -> Result<Hash, JournalError> {
        if place.seq <= 1 {
            return Ok(chain::genesis(self.settings.agent_id.as_bytes(), place.epoch));
        }
        let before = Place { epoch: place.epoch, seq: place.seq - 1 };
        if let Ok(record) = examine(&mut self.conn, before).await? {
            return Ok(chain::link(&record.bytes));
        }
        let floor = super::ends::floor(&mut self.conn, place.epoch).await?;
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

/// Keeps the bytes of a damaged record. The first finding stays should the place
/// be damaged again.
pub(super) async fn keep(
    conn: &mut SqliteConnection,
    place: Place,
    found: &[u8],
    problem: &str,
) -> Result<(), JournalError> {
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
