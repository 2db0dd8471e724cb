//! The beginning of a stream, in one transaction: judges the Hello, lifts lease
//! floors, raises the epoch where it must.

use chrono::{DateTime, Utc};
use platform::db::{DbError, Tx};
use proto::{chain, v1};

use super::hello::{self, Hello, Known, Resume};
use super::store;
use crate::ingest::epochs;
use crate::ingest::findings::Finding;
use crate::ingest::store::{self as facts, Stream};
use crate::ingest::{IngestError, Source};
use crate::leases::{self, LeaseError, Mark};

/// Furthest that an agent's epoch may be ahead of the cloud's (which was
/// restored from a backup then).
const MAX_AHEAD: i32 = 1000;
/// Most marks of a Hello that are looked at: one per type, and there are 1296.
const MAX_MARKS: usize = 1296;

/// Why a stream cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The Hello makes no sense.
    #[error("{0}")]
    Hello(String),
    /// The tenant may not use the cloud now.
    #[error("the tenant is suspended")]
    Suspended,
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
    /// The agent is to begin this epoch now.
    pub moved: Option<epochs::Move>,
    /// The tenant's generation.
    pub generation: u64,
}

/// Begins a stream.
///
/// # Errors
/// [`OpenError`]; nothing was changed then.
pub async fn open(tx: &mut Tx, source: &Source, said: &v1::Hello) -> Result<Opened, OpenError> {
    let hello = check(said)?;
    let tenant = store::tenant(tx, source.tenant).await?.ok_or(OpenError::Suspended)?;
    if tenant.status != "active" {
        return Err(OpenError::Suspended);
    }
    let stream = Stream { tenant: source.tenant, agent_id: source.agent_id, epoch: hello.epoch };
    let genesis = chain::genesis(source.agent_id.as_bytes(), said.epoch);
    let cursor = facts::cursor::lock(tx, stream, genesis).await?;
    let agent = facts::cursor::agent_lock(tx, source.tenant, source.agent_id)
        .await?
        .ok_or(IngestError::UnknownAgent)?;
    if agent.status == "revoked" {
        return Err(IngestError::Revoked.into());
    }
    if hello.epoch > agent.epoch {
        if hello.epoch - agent.epoch > MAX_AHEAD {
            return Err(IngestError::Epoch.into());
        }
        // The cloud was restored and has forgotten that it gave this epoch.
        facts::cursor::agent_set_epoch(tx, source.tenant, source.agent_id, hello.epoch).await?;
    }
    let hash_at_head = if hello.head_seq == 0 {
        Some(genesis)
    } else if hello.head_seq <= cursor.through_seq {
        let stored = facts::cursor::stored(tx, stream, hello.head_seq, hello.head_seq).await?;
        stored.first().map(|event| event.hash)
    } else {
        None
    };
    let known = Known {
        epoch: agent.epoch.max(hello.epoch),
        machine_id: agent.machine_id.clone(),
        cursor: cursor.clone(),
        hash_at_head,
    };
    let resume = hello::resume(&hello, &known);
    let plant = source.plant.as_deref().unwrap_or_default();

    let marks: Vec<Mark> = said
        .marks
        .iter()
        .take(MAX_MARKS)
        .map(|m| Mark { kind: m.r#type.clone(), highest: m.highest_used.max(m.highest_granted) })
        .collect();
    leases::lift(tx, source, hello.epoch, &marks).await?;

    if let Some(reason) = resume.raise {
        epochs::fresh(tx, stream, None, reason).await?;
    }
    let mut chain_hash = match resume.through_seq {
        0 => genesis.to_vec(),
        seq if seq == cursor.through_seq => cursor.chain_hash.map(Vec::from).unwrap_or_default(),
        seq => {
            let stored = facts::cursor::stored(tx, stream, seq, seq).await?;
            stored.first().map(|event| event.hash.to_vec()).unwrap_or_default()
        }
    };
    if let Some((first, last)) = resume.gap {
        facts::cursor::advance(tx, stream, last, None).await?;
        let gap = Finding::gap(stream, plant, first, last);
        facts::findings::insert(tx, source.tenant, vec![gap]).await?;
        chain_hash = Vec::new();
    }
    let moved = match resume.moves {
        hello::Move::Now { through_seq } => {
            let reason = resume.raise.unwrap_or("epoch_raised");
            Some(epochs::leave(tx, stream, through_seq, reason).await?)
        }
        hello::Move::OnceVerified => {
            // Nothing more is taken in the old epoch: the batch that shows where
            // the histories agree is not stored, but comes again in the new one.
            facts::cursor::close(tx, stream).await?;
            None
        }
        hello::Move::No => None,
    };
    let software: String = said.software.chars().filter(|c| !c.is_control()).take(100).collect();
    let machine = Some(hello.machine_id.as_str()).filter(|m| !m.is_empty());
    store::agent_connected(tx, source.tenant, source.agent_id, machine, &software).await?;
    Ok(Opened { hello, resume, chain_hash, moved, generation: tenant.generation.unsigned_abs() })
}

fn check(said: &v1::Hello) -> Result<Hello, OpenError> {
    let number = |name: &str, value: u64| {
        i64::try_from(value)
            .ok()
            .filter(|n| *n <= i64::MAX / 2)
            .ok_or_else(|| OpenError::Hello(format!("{name} {value} is out of range")))
    };
    let epoch = i32::try_from(said.epoch)
        .ok()
        .filter(|epoch| *epoch > 0)
        .ok_or_else(|| OpenError::Hello(format!("epoch {} is out of range", said.epoch)))?;
    if said.machine_id.len() > 200 || said.machine_id.contains('\0') {
        return Err(OpenError::Hello("the machine id is longer than 200 bytes or holds a NUL".into()));
    }
    Ok(Hello {
        epoch,
        head_seq: number("head_seq", said.head_seq)?,
        head_hash: said.head_hash.as_slice().try_into().ok(),
        oldest_seq: number("oldest_seq", said.oldest_seq)?,
        machine_id: said.machine_id.clone(),
        behind_mark: said.behind_mark,
    })
}

/// The Welcome of a stream that has begun.
#[must_use]
pub fn welcome(opened: &Opened, prune_through_seq: u64, now: DateTime<Utc>) -> v1::Welcome {
    v1::Welcome {
        epoch: opened.hello.epoch.unsigned_abs(),
        through_seq: opened.resume.through_seq.unsigned_abs(),
        chain_hash: opened.chain_hash.clone(),
        prune_through_seq,
        cloud_time_us: now.timestamp_micros(),
        generation: opened.generation,
    }
}
