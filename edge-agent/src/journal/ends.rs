//! Where each epoch begins and ends on disk: the head of the current one, the
//! ends of those before it, and the floors below which records were pruned.
//!
//! These rows steer, but the records decide: a row whose checksum fails is
//! derived anew from the records, each of which carries its own.

use prost::Message;
use proto::chain::{self, Hash};
use proto::v1;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use super::seal::{self, ACKS, ENDS, FLOORS, HEAD};
use super::{Found, Head, JournalError, JournalSettings, Place, reader, writeset};

/// An earlier epoch of which events are still on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OlderEpoch {
    /// Epoch.
    pub epoch: u32,
    /// Its oldest seq on disk.
    pub oldest_seq: u64,
    /// Its last seq.
    pub head_seq: u64,
    /// Hash of that event's bytes.
    pub head_hash: Hash,
}

/// How an epoch ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub head: Head,
    /// The epoch that came after it.
    pub next: u32,
    /// What lies above the end was recorded again in the next epoch, and goes.
    pub again: bool,
}

/// The last record that was pruned from an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Floor {
    pub seq: u64,
    pub hash: Hash,
}

const PAGE: i64 = 64;
const LAST_SEQ: u64 = (1 << 40) - 1;

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn hash(bytes: &[u8]) -> Hash {
    Hash::try_from(bytes).unwrap_or([0; 32])
}

/// The head as it was written, if that row is there and holds.
pub(super) async fn stored(conn: &mut SqliteConnection) -> Result<Option<Head>, JournalError> {
    let row = sqlx::query("SELECT one, epoch, seq, hash, crc32 FROM head WHERE one = 1")
        .fetch_optional(conn)
        .await?
        .filter(|row| seal::is_sound(&HEAD, row));
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Head { epoch: row.try_get(1)?, seq: unsigned(row.try_get(2)?), hash: hash(row.try_get(3)?) }))
}

fn end_of(row: &SqliteRow) -> Result<End, JournalError> {
    let head = Head { epoch: row.try_get(0)?, seq: unsigned(row.try_get(1)?), hash: hash(row.try_get(2)?) };
    Ok(End { head, next: row.try_get(3)?, again: row.try_get::<i64, _>(4)? != 0 })
}

/// How the earlier epochs ended, oldest first.
pub(super) async fn ends(conn: &mut SqliteConnection) -> Result<Vec<End>, JournalError> {
    seal::rows(conn, &ENDS).await?.iter().map(end_of).collect()
}

/// The end of an epoch: of the current one the head, of an earlier one where it
/// was left. The last sound record where neither is known.
pub(super) async fn end(conn: &mut SqliteConnection, epoch: u32) -> Result<Option<Head>, JournalError> {
    if let Some(head) = stored(conn).await?
        && head.epoch == epoch
    {
        return Ok(Some(head));
    }
    let row = sqlx::query("SELECT epoch, seq, hash, next, again, crc32 FROM ends WHERE epoch = ?")
        .bind(epoch)
        .fetch_optional(&mut *conn)
        .await?
        .filter(|row| seal::is_sound(&ENDS, row));
    if let Some(row) = row {
        return Ok(Some(end_of(&row)?.head));
    }
    let first = Place { epoch, seq: 1 }.id()?;
    let last = last_sound(conn, first, Place { epoch, seq: LAST_SEQ }.id()?).await?;
    Ok(last.map(|found| head_at(&found)))
}

fn head_at(found: &Found) -> Head {
    Head { epoch: found.place.epoch, seq: found.place.seq, hash: chain::link(&found.bytes) }
}

/// The last record between two ids that passes its own checks.
async fn last_sound(
    conn: &mut SqliteConnection,
    first: i64,
    last: i64,
) -> Result<Option<Found>, JournalError> {
    let mut below = last;
    while below >= first {
        let rows = sqlx::query(
            "SELECT id, crc32, bytes FROM records WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?",
        )
        .bind(first)
        .bind(below)
        .bind(PAGE)
        .fetch_all(&mut *conn)
        .await?;
        let Some(lowest) = rows.last() else { break };
        below = lowest.try_get::<i64, _>(0)? - 1;
        for row in &rows {
            let found = reader::found(row)?;
            if found.check_deep().is_ok() {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

/// The first record of an epoch that passes its own checks.
async fn first_sound(
    conn: &mut SqliteConnection,
    epoch: u32,
) -> Result<Option<(Found, v1::Event)>, JournalError> {
    let (mut from, last) = (Place { epoch, seq: 1 }.id()?, Place { epoch, seq: LAST_SEQ }.id()?);
    loop {
        let rows =
            sqlx::query("SELECT id, crc32, bytes FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?")
                .bind(from)
                .bind(last)
                .bind(PAGE)
                .fetch_all(&mut *conn)
                .await?;
        let Some(highest) = rows.last() else { return Ok(None) };
        from = highest.try_get::<i64, _>(0)? + 1;
        for row in &rows {
            let found = reader::found(row)?;
            if let Ok(event) = found.check_deep() {
                return Ok(Some((found, event)));
            }
        }
    }
}

/// The last record that was pruned from an epoch; `None` when none was.
pub(super) async fn floor(conn: &mut SqliteConnection, epoch: u32) -> Result<Option<Floor>, JournalError> {
    let row = sqlx::query("SELECT epoch, seq, hash, crc32 FROM floors WHERE epoch = ?")
        .bind(epoch)
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(row) = &row
        && seal::is_sound(&FLOORS, row)
    {
        return Ok(Some(Floor { seq: unsigned(row.try_get(1)?), hash: hash(row.try_get(2)?) }));
    }
    // Damaged, or not there: then the records say where they begin. Only what was
    // acknowledged can have been pruned; anything else that is missing is lost.
    let first = Place { epoch, seq: 1 }.id()?;
    let there =
        sqlx::query("SELECT 1 FROM records WHERE id = ?").bind(first).fetch_optional(&mut *conn).await?;
    if there.is_some() {
        return Ok(None);
    }
    let acked = acked(conn, epoch).await?;
    if acked == 0 {
        return Ok(None);
    }
    let floor = match first_sound(conn, epoch).await? {
        Some((found, event)) => Floor { seq: found.place.seq - 1, hash: hash(&event.prev_hash) },
        None => match end(conn, epoch).await? {
            Some(end) => Floor { seq: end.seq, hash: end.hash },
            None => return Ok(None),
        },
    };
    Ok((floor.seq > 0 && floor.seq <= acked).then_some(floor))
}

/// The first seq of an epoch that has not been pruned.
pub(super) async fn first_kept(conn: &mut SqliteConnection, epoch: u32) -> Result<u64, JournalError> {
    Ok(floor(conn, epoch).await?.map_or(1, |f| f.seq + 1))
}

/// Up to where the cloud has an epoch, as far as that was written down.
pub(super) async fn acked(conn: &mut SqliteConnection, epoch: u32) -> Result<u64, JournalError> {
    let row = sqlx::query("SELECT epoch, through_seq, prune_through, crc32 FROM acks WHERE epoch = ?")
        .bind(epoch)
        .fetch_optional(conn)
        .await?
        .filter(|row| seal::is_sound(&ACKS, row));
    Ok(row.map(|row| row.try_get(1)).transpose()?.map_or(0, unsigned))
}

/// The earlier epochs of which events are on disk, oldest first.
pub(super) async fn older(conn: &mut SqliteConnection) -> Result<Vec<OlderEpoch>, JournalError> {
    let mut older = Vec::new();
    for End { head, .. } in ends(conn).await? {
        let oldest_seq = first_kept(conn, head.epoch).await?;
        if oldest_seq <= head.seq {
            let Head { epoch, seq, hash } = head;
            older.push(OlderEpoch { epoch, oldest_seq, head_seq: seq, head_hash: hash });
        }
    }
    Ok(older)
}

/// Finds the end of the stream: as written down, where that holds, else from the
/// last record that passes its checks, and from how far the mark says that it
/// had come. Writes it down when it had to be found. `repeating` is an epoch that
/// is being filled and has not begun.
pub(super) async fn settle(
    conn: &mut SqliteConnection,
    settings: &JournalSettings,
    repeating: Option<u32>,
) -> Result<Head, JournalError> {
    let stored = stored(conn).await?;
    let head = match stored {
        Some(head) => follow(conn, head).await?,
        None => derive(conn, settings, repeating).await?,
    };
    if stored != Some(head) {
        tracing::warn!(
            epoch = head.epoch,
            seq = head.seq,
            "the end of the journal was found from its records"
        );
        writeset::write_head(conn, &head).await?;
    }
    strays(conn, head, repeating).await?;
    let before = repeating.map_or(head.epoch, |next| next.min(head.epoch));
    unended(conn, before).await?;
    Ok(head)
}

/// Notes the end of an earlier epoch where it is not known any more: that of its
/// last sound record.
async fn unended(conn: &mut SqliteConnection, current: u32) -> Result<(), JournalError> {
    let mut after = -1_i64;
    loop {
        let row = sqlx::query("SELECT min(id) FROM records WHERE id > ? AND id < ?")
            .bind(after)
            .bind(Place { epoch: current, seq: 0 }.id()?)
            .fetch_one(&mut *conn)
            .await?;
        let Some(id) = row.try_get::<Option<i64>, _>(0)? else { return Ok(()) };
        let epoch = Place::from_id(id).epoch;
        after = Place { epoch, seq: LAST_SEQ }.id()?;
        let known = ends(conn).await?;
        if known.iter().any(|end| end.head.epoch == epoch) {
            continue;
        }
        let Some(found) = last_sound(conn, id, after).await? else { continue };
        let later = known.iter().map(|end| end.head.epoch).filter(|e| *e > epoch).min();
        let end = End { head: head_at(&found), next: later.unwrap_or(current), again: false };
        tracing::warn!(epoch, seq = end.head.seq, "the end of an earlier epoch was found from its records");
        write_end(conn, &end).await?;
    }
}

/// Goes on along records that name the ones before them.
async fn follow(conn: &mut SqliteConnection, mut head: Head) -> Result<Head, JournalError> {
    loop {
        let next = Place { epoch: head.epoch, seq: head.seq + 1 };
        let Ok(found) = super::quarantine::examine(conn, next).await? else { return Ok(head) };
        let names = v1::Event::decode(found.bytes.clone()).is_ok_and(|event| event.prev_hash == head.hash);
        if !names {
            return Ok(head);
        }
        head = head_at(&found);
    }
}

async fn derive(
    conn: &mut SqliteConnection,
    settings: &JournalSettings,
    repeating: Option<u32>,
) -> Result<Head, JournalError> {
    let ended = ends(conn).await?;
    let begun = ended.iter().map(|end| end.next).max();
    let last = match repeating {
        Some(next) => Place { epoch: next, seq: 0 }.id()?,
        None => i64::MAX,
    };
    // A row whose number was damaged passes no check, so what is found is real.
    let first = Place { epoch: begun.unwrap_or(0), seq: 0 }.id()?;
    let epoch = begun.unwrap_or(settings.first_epoch);
    let Some(found) = last_sound(conn, first, last).await? else {
        return Ok(match floor(conn, epoch).await? {
            Some(floor) => Head { epoch, seq: floor.seq, hash: floor.hash },
            None => Head::genesis(settings.agent_id, epoch),
        });
    };
    let head = head_at(&found);
    // A damaged record that the mark knows of is the end all the same.
    if let Some(marked) = settings.marked
        && marked.epoch == head.epoch
        && marked.seq > head.seq
    {
        let there = sqlx::query("SELECT count(*) FROM records WHERE id > ? AND id <= ?")
            .bind(head.place().id()?)
            .bind(marked.place().id()?)
            .fetch_one(conn)
            .await?;
        if unsigned(there.try_get(0)?) == marked.seq - head.seq {
            return Ok(marked);
        }
    }
    Ok(head)
}

/// Rows behind the end of the stream, where nothing was ever written: a row whose
/// number was damaged. Out of the way, since a record will come there, and kept.
async fn strays(conn: &mut SqliteConnection, head: Head, repeating: Option<u32>) -> Result<(), JournalError> {
    let rows = sqlx::query("SELECT id, bytes FROM records WHERE id > ? LIMIT 1000")
        .bind(head.place().id()?)
        .fetch_all(&mut *conn)
        .await?;
    for row in rows {
        let id: i64 = row.try_get(0)?;
        if Some(Place::from_id(id).epoch) == repeating {
            continue;
        }
        let bytes: Vec<u8> = row.try_get(1)?;
        tracing::error!(id, "a record stands behind the end of the journal; it is put into quarantine");
        let mut tx = conn.begin().await?;
        sqlx::query("DELETE FROM quarantine WHERE id = ?").bind(id).execute(&mut *tx).await?;
        super::quarantine::keep(
            &mut tx,
            Place::from_id(id),
            &bytes,
            "it stands behind the end of the journal",
        )
        .await?;
        sqlx::query("DELETE FROM records WHERE id = ?").bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Notes how an epoch ended.
pub(super) async fn write_end(conn: &mut SqliteConnection, end: &End) -> Result<(), JournalError> {
    let seq = Place { epoch: 0, seq: end.head.seq }.id()?;
    let again = i64::from(end.again);
    let cells = [
        seal::Cell::Int(end.head.epoch.into()),
        seal::Cell::Int(seq),
        seal::Cell::Blob(&end.head.hash),
        seal::Cell::Int(end.next.into()),
        seal::Cell::Int(again),
    ];
    sqlx::query(
        "INSERT OR REPLACE INTO ends (epoch, seq, hash, next, again, crc32) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(end.head.epoch)
    .bind(seq)
    .bind(end.head.hash.to_vec())
    .bind(end.next)
    .bind(again)
    .bind(seal::sum(&ENDS, &cells))
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what was pruned.
pub(super) async fn write_floor(
    conn: &mut SqliteConnection,
    epoch: u32,
    floor: Floor,
) -> Result<(), JournalError> {
    let seq = Place { epoch: 0, seq: floor.seq }.id()?;
    let cells = [seal::Cell::Int(epoch.into()), seal::Cell::Int(seq), seal::Cell::Blob(&floor.hash)];
    sqlx::query("INSERT OR REPLACE INTO floors (epoch, seq, hash, crc32) VALUES (?, ?, ?, ?)")
        .bind(epoch)
        .bind(seq)
        .bind(floor.hash.to_vec())
        .bind(seal::sum(&FLOORS, &cells))
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes what the cloud has of an epoch.
pub(super) async fn write_acked(
    conn: &mut SqliteConnection,
    acked: super::Acked,
) -> Result<(), JournalError> {
    let through = Place { epoch: 0, seq: acked.through_seq.min(LAST_SEQ) }.id()?;
    let prune = Place { epoch: 0, seq: acked.prune_through.min(LAST_SEQ) }.id()?;
    let cells = [seal::Cell::Int(acked.epoch.into()), seal::Cell::Int(through), seal::Cell::Int(prune)];
    sqlx::query("INSERT OR REPLACE INTO acks (epoch, through_seq, prune_through, crc32) VALUES (?, ?, ?, ?)")
        .bind(acked.epoch)
        .bind(through)
        .bind(prune)
        .bind(seal::sum(&ACKS, &cells))
        .execute(conn)
        .await?;
    Ok(())
}
