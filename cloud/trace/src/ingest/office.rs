//! The cloud's own stream: facts that begin in the office (holds, corrections,
//! service). Chained and stored exactly as a plant's.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use platform::db::Tx;
use prost::Message;
use proto::chain;
use proto::v1;
use uuid::Uuid;

use super::decode::{Envelope, decode};
use super::notify;
use super::store::{self, Stream};
use super::{IngestError, service};

/// What was appended. Announce the batch once the transaction has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The office's agent and epoch.
    pub stream: Stream,
    /// Seq of the first event.
    pub from_seq: i64,
    /// Ids of the events, in order.
    pub event_ids: Vec<Uuid>,
    /// The batch.
    pub batch: notify::Batch,
}

/// A fact of the office with nothing in it yet.
#[must_use]
pub fn draft(stage: v1::Stage, at: DateTime<Utc>) -> v1::Event {
    v1::Event { stage: stage.into(), occurred_at_us: at.timestamp_micros(), ..v1::Event::default() }
}

/// Appends facts to the office's stream. Identity, chain and `recorded_at` are
/// filled in here; the rest is the draft's. Call it last in the transaction: it
/// takes the tenant's next batch id, which serialises the tenant's commits.
///
/// # Errors
/// [`IngestError::Limit`] for a fact over the contract's size; the database.
pub async fn append(
    tx: &mut Tx,
    now: DateTime<Utc>,
    drafts: Vec<v1::Event>,
) -> Result<Appended, IngestError> {
    let tenant = tx.tenant();
    let (agent_id, epoch) = store::cursor::office(tx, tenant).await?;
    let stream = Stream { tenant, agent_id, epoch };
    let genesis = chain::genesis(agent_id.as_bytes(), epoch.unsigned_abs());
    let cursor = store::cursor::lock(tx, stream, genesis).await?;
    let from_seq = cursor.through_seq + 1;
    let mut prev = cursor.chain_hash.unwrap_or(genesis);
    let mut events = Vec::with_capacity(drafts.len());
    let mut event_ids = Vec::with_capacity(drafts.len());
    for (mut event, seq) in drafts.into_iter().zip(from_seq..) {
        let id = Uuid::now_v7();
        event.event_id = id.as_bytes().to_vec();
        event.agent_id = agent_id.as_bytes().to_vec();
        event.epoch = epoch.unsigned_abs();
        event.seq = seq.unsigned_abs();
        event.prev_hash = prev.to_vec();
        event.recorded_at_us = now.timestamp_micros();
        let bytes = Bytes::from(event.encode_to_vec());
        if bytes.len() > proto::MAX_EVENT_BYTES {
            return Err(IngestError::Limit(format!(
                "a fact of {} bytes, at most {}",
                bytes.len(),
                proto::MAX_EVENT_BYTES
            )));
        }
        prev = chain::link(&bytes);
        event_ids.push(id);
        events.push(decode(Envelope { agent_id, plant: None, epoch, seq, now }, bytes));
    }
    let Some(last) = events.last() else {
        return Err(IngestError::Limit("nothing to append".into()));
    };
    let (to_seq, hash) = (last.seq, last.hash);
    let mut findings = Vec::new();
    service::write(tx, stream, &events, &mut findings).await?;
    store::findings::insert(tx, tenant, findings).await?;
    store::cursor::advance(tx, stream, to_seq, Some(hash)).await?;
    let batch_id = store::cursor::batch_insert(tx, stream, from_seq, to_seq).await?;
    let mut findings = Vec::new();
    service::settle(tx, stream, &events, &mut findings).await?;
    store::findings::insert(tx, tenant, findings).await?;
    Ok(Appended { stream, from_seq, event_ids, batch: notify::Batch { tenant, batch_id } })
}
