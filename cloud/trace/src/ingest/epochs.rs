//! Epochs of a stream: raising one, and leading an agent out of an old one.
//!
//! Locks are taken in the order cursor, agent, leases.

use platform::db::Tx;
use uuid::Uuid;

use super::IngestError;
use super::findings::{self, Finding};
use super::store::{self, Stream, cursor::AgentRow};
use crate::leases;

/// An agent that is to go on in another epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The epoch that it leaves.
    pub old_epoch: i32,
    /// The epoch that it begins at seq 1.
    pub epoch: i32,
    /// Last seq of the old epoch that is common.
    pub through_seq: i64,
    /// What the agent has above `through_seq` is sent in the old epoch, as it is;
    /// else the histories part there, and it is recorded again in the new one.
    pub drain: bool,
    /// Why, as a stable code.
    pub reason: String,
}

/// Raises the epoch in which an agent may mint, burning what is unused of its
/// leases. The agent learns of it on its stream. Answers the new epoch.
///
/// # Errors
/// [`IngestError::UnknownAgent`], or those of the database.
pub async fn raise(tx: &mut Tx, tenant: Uuid, agent_id: Uuid) -> Result<i32, IngestError> {
    let agent = store::cursor::agent_lock(tx, tenant, agent_id).await?.ok_or(IngestError::UnknownAgent)?;
    raise_locked(tx, tenant, agent_id, &agent, agent.epoch).await
}

async fn raise_locked(
    tx: &mut Tx,
    tenant: Uuid,
    agent_id: Uuid,
    agent: &AgentRow,
    above: i32,
) -> Result<i32, IngestError> {
    let epoch = agent.epoch.max(above).checked_add(1).ok_or(IngestError::Epoch)?;
    store::cursor::agent_set_epoch(tx, tenant, agent_id, epoch).await?;
    leases::burn(tx, tenant, agent_id, epoch).await?;
    Ok(epoch)
}

/// Makes sure that the agent's current epoch is one that no stream has used,
/// later than `stream`'s; opens the exception `fork` when it has to raise it.
///
/// # Errors
/// [`IngestError::UnknownAgent`], or those of the database.
pub async fn fresh(
    tx: &mut Tx,
    stream: Stream,
    through_seq: Option<i64>,
    reason: &str,
) -> Result<i32, IngestError> {
    let agent = locked(tx, stream).await?;
    let current = Stream { epoch: agent.epoch, ..stream };
    // Where two machines run, one of them may have it and not have begun it.
    let unused = agent.epoch > stream.epoch && !agent.contested;
    if unused && !store::cursor::begun(tx, current).await? {
        return Ok(agent.epoch);
    }
    raise_told(tx, stream, &agent, through_seq, reason).await
}

/// Raises the epoch whatever became of the current one: another machine has it.
/// Opens the exception `fork`.
///
/// # Errors
/// As [`fresh`].
pub async fn raise_beside(tx: &mut Tx, stream: Stream, reason: &str) -> Result<i32, IngestError> {
    let agent = locked(tx, stream).await?;
    raise_told(tx, stream, &agent, None, reason).await
}

async fn locked(tx: &mut Tx, stream: Stream) -> Result<AgentRow, IngestError> {
    let agent = store::cursor::agent_lock(tx, stream.tenant, stream.agent_id).await?;
    agent.ok_or(IngestError::UnknownAgent)
}

async fn raise_told(
    tx: &mut Tx,
    stream: Stream,
    agent: &AgentRow,
    through_seq: Option<i64>,
    reason: &str,
) -> Result<i32, IngestError> {
    let epoch = raise_locked(tx, stream.tenant, stream.agent_id, agent, stream.epoch).await?;
    let plant = agent.plant_code.as_deref().unwrap_or_default();
    let finding = Finding::fork(stream, plant, epoch, through_seq, reason);
    store::findings::insert(tx, stream.tenant, vec![finding]).await?;
    Ok(epoch)
}

/// Leads the agent out of `stream`'s epoch, whose cursor the caller has locked,
/// and names the epoch to go on in. Without `drain` the histories part at
/// `through_seq`, and the exception lists the labels of the branch that is here;
/// those of the other follow as they are recorded again.
///
/// # Errors
/// As [`fresh`].
pub async fn leave(
    tx: &mut Tx,
    stream: Stream,
    through_seq: i64,
    drain: bool,
    reason: &str,
) -> Result<Move, IngestError> {
    let epoch = fresh(tx, stream, Some(through_seq), reason).await?;
    if !drain {
        let here = store::registry::born_from(tx, stream, through_seq + 1).await?;
        let parted = findings::parted(through_seq, &here);
        store::findings::fork_parted(tx, Stream { epoch, ..stream }, &parted).await?;
    }
    Ok(Move { old_epoch: stream.epoch, epoch, through_seq, drain, reason: reason.to_owned() })
}
