//! The beginning of a stream, in one transaction: judges the Hello, lifts lease
//! floors, raises the epoch where it must, and notices that the cloud was
//! restored from a backup.

use chrono::{DateTime, Utc};
use platform::db::{DbError, Tx};
use proto::{chain, v1};

use super::hello::{self, Ends, Hello, Known, Position, Resume};
use super::store;
use crate::ingest::chain::Cursor;
use crate::ingest::epochs;
use crate::ingest::findings::{Finding, stray_fingerprint};
use crate::ingest::store::cursor::AgentRow;
use crate::ingest::store::{self as facts, Stream};
use crate::ingest::{IngestError, Source};
use crate::leases::{self, LeaseError, Mark, SeriesMark};

/// Furthest that an agent's epoch may be ahead of the cloud's (which was
/// restored from a backup then).
const MAX_AHEAD: i32 = 1000;
/// Most marks of a Hello that are looked at: one per type, and there are 1296.
const MAX_MARKS: usize = 1296;
/// Most earlier epochs of a Hello that are looked at, the oldest first; those
/// after them follow once these are pruned.
const MAX_OLDER: usize = 1000;

/// Why a stream cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The Hello makes no sense.
    #[error("{0}")]
    Hello(String),
    /// The tenant is not here, or not any more.
    #[error("the tenant is not known here")]
    UnknownTenant,
    /// Ingest.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// Leases.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(DbError::Sqlx(error))
    }
}

/// A stream that has begun.
#[derive(Debug)]
pub struct Opened {
    /// The Hello, checked.
    pub hello: Hello,
    /// How it resumes.
    pub resume: Resume,
    /// Hash that the first event to be sent is to name; empty when unknown.
    pub chain_hash: Vec<u8>,
    /// Last seq that is here of each earlier epoch, in the order of the Hello.
    pub older: Vec<i64>,
    /// The agent is to begin this epoch now.
    pub moved: Option<epochs::Move>,
    /// The tenant's generation.
    pub generation: i64,
    /// What the agent has of reference data may be of a cloud that is gone.
    pub full_reference: bool,
    /// Two machines seem to run under its identity: it is given no numbers.
    pub contested: bool,
}

/// Begins a stream.
///
/// # Errors
/// [`OpenError`]; nothing was changed then.
pub async fn open(tx: &mut Tx, source: &Source, said: &v1::Hello) -> Result<Opened, OpenError> {
    let hello = check(said)?;
    let tenant = store::tenant(tx, source.tenant).await?.ok_or(OpenError::UnknownTenant)?;
    // Something that only a cloud can have given, and this one does not know.
    let mut forgotten = false;
    let mut older = Vec::with_capacity(hello.older.len());
    for ends in &hello.older {
        let (_, _, position) = place(tx, source, ends).await?;
        forgotten |= position.gap.is_some();
        older.push(position.through_seq);
    }
    let (cursor, hash_at_head, position) = place(tx, source, &hello.ends).await?;
    forgotten |= position.gap.is_some();
    let agent = facts::cursor::agent_lock(tx, source.tenant, source.agent_id)
        .await?
        .ok_or(IngestError::UnknownAgent)?;
    if agent.status == "revoked" {
        return Err(IngestError::Revoked.into());
    }
    if hello.ends.epoch > agent.epoch {
        if hello.ends.epoch - agent.epoch > MAX_AHEAD {
            return Err(IngestError::Epoch.into());
        }
        forgotten = true;
        facts::cursor::agent_set_epoch(tx, source.tenant, source.agent_id, hello.ends.epoch).await?;
    }
    let epoch = agent.epoch.max(hello.ends.epoch);
    let stream = stream(source, hello.ends.epoch);
    let (moved, contested) = machines(tx, Stream { epoch, ..stream }, source, &agent, &hello).await?;
    let known = Known { epoch, moved, contested, cursor: cursor.clone(), hash_at_head };
    let resume = hello::resume(&hello, &known);

    forgotten |= leases::lift(tx, source, hello.ends.epoch, &marks(said)).await?;
    forgotten |= leases::lift_series(tx, source, hello.ends.epoch, &series_marks(said), Utc::now()).await?;
    let applied = i64::try_from(said.reference_version).unwrap_or(i64::MAX);
    forgotten |= applied > store::reference_version(tx, source.tenant).await?;
    // Raised once: an agent that has not heard of the present generation tells of
    // the time before it.
    let ahead = hello.generation > tenant.generation;
    let generation = if ahead || (forgotten && hello.generation == tenant.generation) {
        store::generation_raise(tx, hello.generation).await?
    } else {
        tenant.generation
    };

    match resume.raise {
        // What is under way in the current epoch may be the other machine's.
        Some(reason) if moved && !contested => drop(epochs::raise_beside(tx, stream, reason).await?),
        Some(reason) => drop(epochs::fresh(tx, stream, None, reason).await?),
        None => {}
    }
    let chain_hash = match resume.position.through_seq {
        0 => chain::genesis(source.agent_id.as_bytes(), said.epoch).to_vec(),
        _ if resume.position.gap.is_some() => Vec::new(),
        seq if seq == cursor.through_seq => cursor.chain_hash.map(Vec::from).unwrap_or_default(),
        seq => {
            let stored = facts::cursor::stored(tx, stream, seq, seq).await?;
            stored.first().map(|event| event.hash.to_vec()).unwrap_or_default()
        }
    };
    let moved = match resume.moves {
        hello::Move::Now { through_seq, drain } => {
            let reason = resume.raise.unwrap_or("epoch_raised");
            Some(epochs::leave(tx, stream, through_seq, drain, reason).await?)
        }
        hello::Move::OnceSent | hello::Move::No => None,
    };
    let software: String = said.software.chars().filter(|c| !c.is_control()).take(100).collect();
    let machine = Some(hello.machine_id.as_str()).filter(|m| !m.is_empty() && !contested);
    store::agent_connected(tx, source.tenant, source.agent_id, machine, &software).await?;
    let full_reference = hello.generation != generation || agent.reference_generation != generation;
    Ok(Opened { hello, resume, chain_hash, older, moved, generation, full_reference, contested })
}

fn stream(source: &Source, epoch: i32) -> Stream {
    Stream { tenant: source.tenant, agent_id: source.agent_id, epoch }
}

/// Where an epoch stands here, its cursor made and locked; opens the gap that
/// there may be.
async fn place(
    tx: &mut Tx,
    source: &Source,
    ends: &Ends,
) -> Result<(Cursor, Option<chain::Hash>, Position), OpenError> {
    let stream = stream(source, ends.epoch);
    let genesis = chain::genesis(source.agent_id.as_bytes(), ends.epoch.unsigned_abs());
    let cursor = facts::cursor::lock(tx, stream, genesis).await?;
    let hash_at_head = if ends.head_seq == 0 {
        Some(genesis)
    } else if ends.head_seq <= cursor.through_seq {
        let stored = facts::cursor::stored(tx, stream, ends.head_seq, ends.head_seq).await?;
        stored.first().map(|event| event.hash)
    } else {
        None
    };
    let mut position = hello::position(ends, &cursor, hash_at_head);
    if let (hello::Common::Parted, Some(hash)) = (position.common, &ends.head_hash) {
        // Its end may be kept among the exceptions already.
        let fingerprint = stray_fingerprint(stream, ends.head_seq, hash);
        if facts::findings::stray_known(tx, source.tenant, &fingerprint).await? {
            position = Position { through_seq: ends.head_seq, ..position };
        }
    }
    if let Some((first, last)) = position.gap {
        facts::cursor::advance(tx, stream, last, None).await?;
        let gap = Finding::gap(stream, source.plant.as_deref().unwrap_or_default(), first, last);
        facts::findings::insert(tx, source.tenant, vec![gap]).await?;
    }
    Ok((cursor, hash_at_head, position))
}

/// Whether the agent is in another machine than before, and whether both
/// machines seem to run: one that comes back soon after another took its place
/// was not replaced by it. Numbers are given to neither then, since each would
/// burn the other's, for ever.
async fn machines(
    tx: &mut Tx,
    current: Stream,
    source: &Source,
    agent: &AgentRow,
    hello: &Hello,
) -> Result<(bool, bool), OpenError> {
    let machine = hello.machine_id.as_str();
    let present = agent.machine_id.as_deref().unwrap_or(machine);
    let moved = !machine.is_empty() && machine != present;
    let back = moved && agent.ousted.as_deref() == Some(machine);
    if back && !agent.contested {
        store::agent_contest(tx, source.tenant, source.agent_id).await?;
        let plant = source.plant.as_deref().unwrap_or_default();
        let finding = Finding::contested(current, plant, [present, machine]);
        facts::findings::insert(tx, source.tenant, vec![finding]).await?;
        tracing::warn!(agent = %source.agent_id, present, back = machine, "two machines run under one identity");
    }
    Ok((moved, back || agent.contested))
}

fn marks(said: &v1::Hello) -> Vec<Mark> {
    let marks = said.marks.iter().take(MAX_MARKS);
    marks.map(|m| Mark { kind: m.r#type.clone(), highest: m.highest_used.max(m.highest_granted) }).collect()
}

fn series_marks(said: &v1::Hello) -> Vec<SeriesMark> {
    let mark = |mark: &v1::SeriesMark| SeriesMark {
        series: mark.series.clone(),
        prefix: mark.prefix.clone(),
        highest: mark.highest_granted,
    };
    said.series_marks.iter().take(MAX_MARKS).map(mark).collect()
}

fn check(said: &v1::Hello) -> Result<Hello, OpenError> {
    if said.machine_id.len() > 200 || said.machine_id.contains('\0') {
        return Err(OpenError::Hello("the machine id is longer than 200 bytes or holds a NUL".into()));
    }
    let ends = ends(said.epoch, said.oldest_seq, said.head_seq, &said.head_hash)?;
    let mut older =
        said.older_epochs.iter().map(|e| ends_of(e, ends.epoch)).collect::<Result<Vec<Ends>, OpenError>>()?;
    older.sort_by_key(|ends| ends.epoch);
    older.dedup_by_key(|ends| ends.epoch);
    older.truncate(MAX_OLDER);
    Ok(Hello {
        ends,
        older,
        machine_id: said.machine_id.clone(),
        behind_mark: said.behind_mark,
        generation: number("generation", said.generation)?,
    })
}

fn ends_of(head: &v1::EpochHead, current: i32) -> Result<Ends, OpenError> {
    let ends = ends(head.epoch, head.oldest_seq, head.head_seq, &head.head_hash)?;
    if ends.epoch >= current {
        return Err(OpenError::Hello(format!("epoch {} is not before epoch {current}", ends.epoch)));
    }
    Ok(ends)
}

fn ends(epoch: u32, oldest_seq: u64, head_seq: u64, head_hash: &[u8]) -> Result<Ends, OpenError> {
    let ends = Ends {
        epoch: i32::try_from(epoch)
            .ok()
            .filter(|epoch| *epoch > 0)
            .ok_or_else(|| OpenError::Hello(format!("epoch {epoch} is out of range")))?,
        head_seq: number("head_seq", head_seq)?,
        head_hash: head_hash.try_into().ok(),
        oldest_seq: number("oldest_seq", oldest_seq)?.max(1),
    };
    if ends.oldest_seq > ends.head_seq + 1 {
        let (oldest, head) = (ends.oldest_seq, ends.head_seq);
        return Err(OpenError::Hello(format!(
            "oldest_seq {oldest} is past the head {head} of epoch {epoch}"
        )));
    }
    Ok(ends)
}

fn number(name: &str, value: u64) -> Result<i64, OpenError> {
    i64::try_from(value)
        .ok()
        .filter(|n| *n <= i64::MAX / 2)
        .ok_or_else(|| OpenError::Hello(format!("{name} {value} is out of range")))
}

/// The Welcome of a stream that has begun.
#[must_use]
pub fn welcome(opened: &Opened, prune_through_seq: u64, now: DateTime<Utc>) -> v1::Welcome {
    v1::Welcome {
        epoch: opened.hello.ends.epoch.unsigned_abs(),
        through_seq: opened.resume.position.through_seq.unsigned_abs(),
        chain_hash: opened.chain_hash.clone(),
        prune_through_seq,
        cloud_time_us: now.timestamp_micros(),
        generation: opened.generation.unsigned_abs(),
        older_epochs: older_epochs(opened),
    }
}

fn older_epochs(opened: &Opened) -> Vec<v1::EpochCursor> {
    let here = opened.hello.older.iter().zip(&opened.older);
    here.map(|(ends, through)| v1::EpochCursor {
        epoch: ends.epoch.unsigned_abs(),
        through_seq: through.unsigned_abs(),
    })
    .collect()
}
