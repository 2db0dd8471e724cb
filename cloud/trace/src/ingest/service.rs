//! Commits batches: each event of a stream exactly once, in one transaction per
//! batch.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, DbError, Tx};
use proto::chain::{self as links, Hash};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::chain::{self, Incoming, Plan};
use super::decode::{Envelope, decode};
use super::epochs::{self, Move};
use super::findings::{self, Finding, Labels};
use super::notify::{self, Committed};
use super::rows::{Decoded, Defect};
use super::store::events::{LinkOf, NoteRow};
use super::store::registry::SecondBirth;
use super::store::{self, Stream};
use super::{IngestError, corrections, masters, returned};
use crate::leases;

/// Whose stream it is, as the certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The tenant.
    pub tenant: Uuid,
    /// The agent.
    pub agent_id: Uuid,
    /// Its plant; `None` for the office and imports.
    pub plant: Option<String>,
}

impl Source {
    /// The context of its transactions.
    #[must_use]
    pub fn cx(&self) -> Cx {
        Cx::new(self.tenant, format!("agent:{}", self.agent_id))
    }

    fn stream(&self, epoch: i32) -> Stream {
        Stream { tenant: self.tenant, agent_id: self.agent_id, epoch }
    }
}

/// Consecutive events of one epoch, as sent.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The epoch.
    pub epoch: u32,
    /// Seq of the first.
    pub from_seq: u64,
    /// The journaled bytes of each.
    pub events: Vec<Bytes>,
    /// Notes beside them.
    pub notes: Vec<proto::v1::Note>,
    /// Oldest seq of the epoch that the agent still has, as far as known; 1 else.
    pub oldest_seq: u64,
    /// How the agent stands to the epoch.
    pub way: Way,
}

/// How an agent stands to the epoch that a batch is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// It records in it: where the histories part it is led into another one.
    #[default]
    Current,
    /// It has left it and sends what is left of it, as it is.
    Left,
    /// It has left it, and above this seq it holds another history than ours:
    /// those events are kept as exceptions.
    Parted(i64),
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything up to the cursor is committed.
    Committed {
        /// The cursor.
        through_seq: i64,
        /// Hash at the cursor; `None` where the chain restarts.
        chain_hash: Option<Hash>,
        /// Events that were new.
        stored: usize,
        /// The batch's id, when anything was new.
        batch_id: Option<i64>,
    },
    /// Events between the cursor and the batch are missing; nothing was stored.
    Gap {
        /// The cursor.
        through_seq: i64,
        /// Hash at the cursor.
        chain_hash: Option<Hash>,
    },
    /// The histories differ before the batch; the agent is to send from
    /// `through_seq` + 1 again. Nothing was stored.
    Rewind {
        /// Where to go back to.
        through_seq: i64,
    },
    /// The agent is to go on in another epoch. Nothing was stored.
    Moved(Move),
    /// The agent has left the epoch, and the histories part above this seq.
    /// Nothing was stored; see [`Way::Parted`].
    Parted {
        /// Last common seq.
        through_seq: i64,
    },
}

/// Commits batches and announces them.
#[derive(Clone)]
pub struct Ingest {
    db: Db,
    committed: Committed,
}

impl Ingest {
    /// An ingest into a database.
    #[must_use]
    pub fn new(db: Db, committed: Committed) -> Self {
        Self { db, committed }
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Where commits are announced.
    #[must_use]
    pub fn committed(&self) -> &Committed {
        &self.committed
    }

    /// Takes a batch: stores what is new of it, each event once, whatever it
    /// holds; moves the cursor; commits. When this returns
    /// [`Outcome::Committed`], everything up to its cursor is on the server's
    /// disk. Must not be dropped half-way: run it in a task of its own.
    ///
    /// # Errors
    /// [`IngestError::Limit`] for a batch over the contract's limits,
    /// [`IngestError::Epoch`] for an epoch the cloud never gave,
    /// [`IngestError::Revoked`] and [`IngestError::UnknownAgent`]; the rest is
    /// the database, after which nothing of the batch is stored.
    pub async fn commit_batch(&self, source: &Source, batch: Batch) -> Result<Outcome, IngestError> {
        let prepared = Prepared::new(source, batch, Utc::now())?;
        let mut careful = false;
        let mut tries = 0;
        loop {
            let done = self
                .db
                .ingest_tx(&source.cx(), async |tx| commit(tx, source, &prepared, careful).await)
                .await;
            match done {
                Ok(outcome) => {
                    if let Outcome::Committed { batch_id: Some(batch_id), .. } = &outcome {
                        self.committed.announce(notify::Batch { tenant: source.tenant, batch_id: *batch_id });
                    }
                    return Ok(outcome);
                }
                Err(error) if error.is_transient() && tries < 4 => tries += 1,
                Err(error) if error.is_about_data() && !careful => {
                    tracing::warn!(agent = %source.agent_id, %error, "a batch does not fit; storing it event by event");
                    careful = true;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A batch, decoded before any lock is taken.
struct Prepared {
    epoch: i32,
    from_seq: i64,
    oldest_seq: i64,
    way: Way,
    genesis: Hash,
    events: Vec<Decoded>,
    chain: Vec<Incoming>,
    notes: Vec<proto::v1::Note>,
}

impl Prepared {
    fn new(source: &Source, batch: Batch, now: DateTime<Utc>) -> Result<Self, IngestError> {
        let bytes: usize = batch.events.iter().map(Bytes::len).sum();
        if batch.events.len() > proto::MAX_BATCH_EVENTS {
            return Err(IngestError::Limit(format!(
                "{} events in a batch, at most {}",
                batch.events.len(),
                proto::MAX_BATCH_EVENTS
            )));
        }
        if bytes > proto::MAX_BATCH_BYTES {
            return Err(IngestError::Limit(format!(
                "{bytes} bytes in a batch, at most {}",
                proto::MAX_BATCH_BYTES
            )));
        }
        let epoch = i32::try_from(batch.epoch).ok().filter(|e| *e > 0).ok_or(IngestError::Epoch)?;
        let from_seq = i64::try_from(batch.from_seq)
            .ok()
            .filter(|seq| (1..=i64::MAX / 2).contains(seq))
            .ok_or_else(|| IngestError::Limit(format!("from_seq {} is out of range", batch.from_seq)))?;
        let events: Vec<Decoded> = batch
            .events
            .into_iter()
            .zip(from_seq..)
            .map(|(bytes, seq)| {
                let at =
                    Envelope { agent_id: source.agent_id, plant: source.plant.as_deref(), epoch, seq, now };
                decode(at, bytes)
            })
            .collect();
        let chain = events
            .iter()
            .map(|e| Incoming { hash: e.hash, prev_hash: e.prev_hash, lost: e.lost.is_some() })
            .collect();
        Ok(Self {
            epoch,
            from_seq,
            oldest_seq: i64::try_from(batch.oldest_seq).unwrap_or(1).max(1),
            way: batch.way,
            genesis: links::genesis(source.agent_id.as_bytes(), batch.epoch),
            events,
            chain,
            notes: batch.notes,
        })
    }
}

async fn commit(
    tx: &mut Tx,
    source: &Source,
    batch: &Prepared,
    careful: bool,
) -> Result<Outcome, IngestError> {
    let agent = store::cursor::agent_get(tx, source.tenant, source.agent_id)
        .await?
        .ok_or(IngestError::UnknownAgent)?;
    if agent.status == "revoked" {
        return Err(IngestError::Revoked);
    }
    if batch.epoch > agent.epoch {
        return Err(IngestError::Epoch);
    }
    let stream = source.stream(batch.epoch);
    let cursor = store::cursor::lock(tx, stream, batch.genesis).await?;
    let plant = source.plant.as_deref().unwrap_or_default();
    if let Way::Parted(after) = batch.way {
        return keep_strays(tx, stream, plant, after, batch).await;
    }
    let stored = match chain::needs(&cursor, batch.from_seq, &batch.chain) {
        Some((first, last)) => store::cursor::stored(tx, stream, first, last).await?,
        None => Vec::new(),
    };
    let plan = chain::plan(&cursor, batch.genesis, batch.from_seq, batch.oldest_seq, &batch.chain, &stored);
    let (skip, fill, broken, lost_there) = match plan {
        Plan::Gap => {
            return Ok(Outcome::Gap { through_seq: cursor.through_seq, chain_hash: cursor.chain_hash });
        }
        Plan::Rewind { through_seq } => return Ok(Outcome::Rewind { through_seq }),
        Plan::Fork { through_seq } if batch.way == Way::Left => return Ok(Outcome::Parted { through_seq }),
        Plan::Fork { through_seq } => {
            let moved = epochs::leave(tx, stream, through_seq, false, "another_history").await?;
            return Ok(Outcome::Moved(moved));
        }
        Plan::Apply { skip, fill, broken, lost_there } => (skip, fill, broken, lost_there),
    };

    let mut findings = Vec::new();
    for seq in lost_there {
        findings.push(Finding::lost(stream, plant, seq, "damaged at the agent after it was sent", true));
    }
    findings.extend(broken.iter().map(|i| Finding::broken(stream, plant, batch.events[*i].seq)));
    // What fills a gap, in runs, and then what is new.
    let mut runs: Vec<&[Decoded]> = fill
        .chunk_by(|a, b| a + 1 == *b)
        .filter_map(|run| batch.events.get(*run.first()?..=*run.last()?))
        .collect();
    let new = &batch.events[skip..];
    runs.extend((!new.is_empty()).then_some(new));
    let mut written: Vec<&[Decoded]> = Vec::new();
    for events in &runs {
        if careful {
            written.extend(write_carefully(tx, stream, events, &mut findings).await?);
        } else {
            write(tx, stream, events, &mut findings).await?;
            written.push(events);
        }
        write_notes(tx, stream, plant, events, &batch.notes, &mut findings).await?;
    }
    store::findings::insert(tx, source.tenant, findings).await?;
    let (mut through_seq, mut chain_hash) = (cursor.through_seq, cursor.chain_hash);
    if let Some(last) = new.last() {
        (through_seq, chain_hash) = (last.seq, Some(last.hash));
        store::cursor::advance(tx, stream, last.seq, Some(last.hash)).await?;
    }
    let mut batch_id = None;
    for events in &runs {
        if let [first, ..] = events {
            let last = first.seq + events.len() as i64 - 1;
            batch_id = Some(store::cursor::batch_insert(tx, stream, first.seq, last).await?);
        }
    }
    let mut findings = Vec::new();
    for events in written {
        if careful {
            settle_carefully(tx, stream, events, &mut findings).await?;
        } else {
            settle(tx, stream, events, &mut findings).await?;
        }
    }
    store::findings::insert(tx, source.tenant, findings).await?;
    let stored = runs.iter().map(|events| events.len()).sum();
    Ok(Outcome::Committed { through_seq, chain_hash, stored, batch_id })
}

/// Keeps events that have no place of their own, bytes and all, each in an
/// exception; what is common is here already.
async fn keep_strays(
    tx: &mut Tx,
    stream: Stream,
    plant: &str,
    after: i64,
    batch: &Prepared,
) -> Result<Outcome, IngestError> {
    let here = store::cursor::stored(tx, stream, batch.from_seq, after).await?;
    let strays: Vec<Finding> = batch
        .events
        .iter()
        .filter(|event| event.seq > after || !here.iter().any(|stored| stored.seq == event.seq))
        .map(|event| {
            let note = batch.notes.iter().find(|n| u64::try_from(event.seq) == Ok(n.seq));
            Finding::stray(stream, plant, event, note.map(|n| n.text.as_str()))
        })
        .collect();
    store::findings::insert(tx, stream.tenant, strays).await?;
    let last = batch.events.last();
    Ok(Outcome::Committed {
        through_seq: last.map_or(batch.from_seq - 1, |event| event.seq),
        chain_hash: last.map(|event| event.hash),
        stored: 0,
        batch_id: None,
    })
}

/// Writes new events with what hangs on them alone, but not the cursor. What hangs on other
/// events too is for [`settle`].
pub(super) async fn write(
    tx: &mut Tx,
    stream: Stream,
    events: &[Decoded],
    findings: &mut Vec<Finding>,
) -> Result<(), IngestError> {
    store::events::insert(tx, stream, events).await?;
    store::registry::lots_insert(tx, stream, events).await?;
    let second = store::registry::births_insert(tx, stream, events).await?;
    store::registry::aliases_insert(tx, stream, events).await?;
    store::events::subjects_insert(tx, stream, events).await?;
    store::events::references_insert(tx, stream, events).await?;
    leases::used(tx, stream.agent_id, events).await?;
    store::events::readings_insert(tx, stream, events).await?;
    let links = events
        .iter()
        .flat_map(|event| {
            event.links.iter().enumerate().map(move |(i, link)| LinkOf {
                stream,
                seq: event.seq,
                ordinal: i as i16,
                occurred_at: event.event.occurred_at,
                link,
            })
        })
        .collect();
    store::events::links_insert(tx, links).await?;
    for event in events {
        findings.extend(Finding::defects(stream, &event.event.plant, event));
        findings.extend(Finding::late(stream, event));
        if let Some(problem) = &event.lost {
            findings.push(Finding::lost(stream, &event.event.plant, event.seq, problem, false));
        }
    }
    findings.extend(masters::unknown(tx, stream, events).await?);
    second_births(tx, stream, events, &second, findings).await?;
    tell_fork(tx, stream, events).await?;
    Ok(())
}

/// Writes what follows from new events together with those of other streams: what corrections undo,
/// and what returns close. Only after the batch has its number: from then on the tenant's commits
/// go one by one, so that of two events that belong together the second one always sees the first,
/// and not each of them nothing of the other.
///
/// # Errors
/// Those of the database.
pub(super) async fn settle(
    tx: &mut Tx,
    stream: Stream,
    events: &[Decoded],
    findings: &mut Vec<Finding>,
) -> Result<(), IngestError> {
    let judged = corrections::apply(tx, stream, events, findings).await?;
    Ok(returned::apply(tx, stream, events, &judged).await?)
}

/// Exceptions for UIDs born twice. Where both births are one agent's, its disk
/// was copied or set back, and they list the labels of both branches.
async fn second_births(
    tx: &mut Tx,
    stream: Stream,
    events: &[Decoded],
    births: &[SecondBirth],
    findings: &mut Vec<Finding>,
) -> Result<(), IngestError> {
    let own = |birth: &&SecondBirth| birth.first.agent_id == stream.agent_id;
    let mut first = HashMap::new();
    for birth in births.iter().filter(own) {
        let seq = first.entry(birth.first.epoch).or_insert(birth.first.seq);
        *seq = birth.first.seq.min(*seq);
    }
    let mut branches = HashMap::new();
    for (epoch, seq) in first {
        let labels = store::registry::born_from(tx, Stream { epoch, ..stream }, seq).await?;
        branches.insert(epoch, labels);
    }
    let second = match births.iter().filter(own).map(|birth| birth.seq).min() {
        Some(seq) => store::registry::born_from(tx, stream, seq).await?,
        None => Labels::default(),
    };
    for birth in births {
        let plant = events.iter().find(|e| e.seq == birth.seq).map_or("", |e| &e.event.plant);
        let first = branches.get(&birth.first.epoch).filter(|_| own(&birth));
        let both = first.map(|first| (first, &second));
        findings.push(Finding::second_birth(stream, plant, birth, both));
    }
    Ok(())
}

/// Adds the labels that are recorded again in this epoch to the exception `fork`
/// that led to it.
async fn tell_fork(tx: &mut Tx, stream: Stream, events: &[Decoded]) -> Result<(), IngestError> {
    let mints = |e: &Decoded| e.subjects.iter().any(|s| s.mint);
    if stream.epoch == 1 || !events.iter().any(mints) {
        return Ok(());
    }
    let Some(fork) = store::findings::fork_lock(tx, stream).await? else {
        return Ok(());
    };
    let again = events.iter().filter(|e| e.event.recorded_at < fork.opened_at);
    let keys: Vec<i64> = again.flat_map(|e| e.subjects.iter().filter(|s| s.mint).map(|s| s.key)).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let uids = store::registry::uid_texts(tx, stream.tenant, &keys).await?;
    let detail = findings::there(fork.detail, &uids);
    Ok(store::findings::detail_set(tx, stream.tenant, fork.exception_id, &detail).await?)
}

/// As [`write`], one event at a time; of an event that the database refuses all
/// the same, only the bytes are stored, with an exception. Slow, and only for
/// what the decoder did not foresee. Answers those that are stored whole, each by itself.
async fn write_carefully<'a>(
    tx: &mut Tx,
    stream: Stream,
    events: &'a [Decoded],
    findings: &mut Vec<Finding>,
) -> Result<Vec<&'a [Decoded]>, IngestError> {
    let mut whole = Vec::new();
    for event in events {
        let one = std::slice::from_ref(event);
        let mut told = Vec::new();
        store::savepoint(tx).await?;
        match write(tx, stream, one, &mut told).await {
            Ok(()) => {
                store::savepoint_release(tx).await?;
                whole.push(one);
            }
            Err(error) if error.is_about_data() => {
                store::savepoint_rollback(tx).await?;
                told.clear();
                let bare = bare(event, &error);
                write(tx, stream, std::slice::from_ref(&bare), &mut told).await?;
            }
            Err(error) => return Err(error),
        }
        findings.append(&mut told);
    }
    Ok(whole)
}

/// As [`settle`], one event at a time; of an event of which the database refuses what follows,
/// nothing does, and an exception says so.
async fn settle_carefully(
    tx: &mut Tx,
    stream: Stream,
    events: &[Decoded],
    findings: &mut Vec<Finding>,
) -> Result<(), IngestError> {
    for event in events {
        let mut told = Vec::new();
        store::savepoint(tx).await?;
        match settle(tx, stream, std::slice::from_ref(event), &mut told).await {
            Ok(()) => {
                store::savepoint_release(tx).await?;
                findings.append(&mut told);
            }
            Err(error) if error.is_about_data() => {
                store::savepoint_rollback(tx).await?;
                findings.extend(Finding::defects(stream, &event.event.plant, &bare(event, &error)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// An event of which only identity, time and bytes are kept, with the reason.
fn bare(event: &Decoded, error: &IngestError) -> Decoded {
    let problem = error.to_string().escape_debug().take(300).collect();
    Decoded { defects: vec![Defect { field: "event".into(), problem }], ..stripped(event) }
}

/// An event as it is stored when the database refuses its rows: only identity, time and
/// bytes.
#[must_use]
pub(crate) fn stripped(event: &Decoded) -> Decoded {
    let at = Envelope {
        agent_id: Uuid::nil(),
        plant: None,
        epoch: 0,
        seq: event.seq,
        now: event.event.recorded_at,
    };
    let mut bare = decode(at, Bytes::new());
    bare.hash = event.hash;
    bare.payload = event.payload.clone();
    bare.readable = false;
    bare.event.plant.clone_from(&event.event.plant);
    bare.event.occurred_at = event.event.occurred_at;
    bare.event.recorded_at = event.event.recorded_at;
    bare.lost = None;
    bare.defects = Vec::new();
    bare
}

async fn write_notes(
    tx: &mut Tx,
    stream: Stream,
    plant: &str,
    events: &[Decoded],
    notes: &[proto::v1::Note],
    findings: &mut Vec<Finding>,
) -> Result<(), IngestError> {
    let by_seq: HashMap<i64, &Decoded> = events.iter().map(|event| (event.seq, event)).collect();
    let mut rows: BTreeMap<i64, NoteRow> = BTreeMap::new();
    for note in notes {
        // Notes of repeats are left alone: theirs may have been erased since.
        let Some(event) = i64::try_from(note.seq).ok().and_then(|seq| by_seq.get(&seq)) else {
            continue;
        };
        let Entry::Vacant(row) = rows.entry(event.seq) else { continue };
        let hash: Hash = Sha256::new().chain_update(&note.salt).chain_update(&note.text).finalize().into();
        if event.event.note_hash != Some(hash) {
            findings.push(Finding::note(stream, plant, event.seq, "its hash is not the one in the event"));
        } else if note.text.contains('\0') {
            findings.push(Finding::note(stream, plant, event.seq, "contained NULs, which were taken out"));
        }
        row.insert(NoteRow { seq: event.seq, salt: note.salt.clone(), note: note.text.replace('\0', "") });
    }
    let rows: Vec<NoteRow> = rows.into_values().collect();
    Ok(store::events::notes_insert(tx, stream, &rows).await?)
}

impl From<sqlx::Error> for IngestError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(DbError::Sqlx(error))
    }
}
