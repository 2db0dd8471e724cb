//! One agent's stream, from Hello to its end.
//!
//! Messages are handled in the order in which they come, one at a time: the
//! stream's own flow control bounds what an agent can have under way. Reference
//! data goes out from a task beside, so that it never waits for a batch nor a
//! batch for it. The session runs in a task of its own and is never dropped in
//! the middle of a transaction when the connection goes.

mod end;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use proto::v1::{self, AgentMessage, CloudMessage, agent_message, cloud_message::Message};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tonic::{Status, Streaming};

use end::End;

use super::live::{Close, Place};
use super::open::{self, Opened};
use super::{Shared, hello, labels, store};
use crate::holds::kept::{self, Kept};
use crate::ingest::store::{self as facts, Stream};
use crate::ingest::{Batch, IngestError, Outcome, Source, Way, epochs};
use crate::leases::{self, Asked, LeaseError};

/// Messages that wait for a slow agent.
pub(super) const OUTBOX: usize = 16;
/// Longest wait for the Hello.
const FIRST: Duration = Duration::from_secs(15);
/// An agent says something every few seconds; one that does not is gone.
const SILENCE: Duration = Duration::from_secs(90);
/// Longest wait for an agent that does not read.
const UNREAD: Duration = Duration::from_secs(60);
/// How often the backup horizon is looked up.
const HORIZON: Duration = Duration::from_secs(20);

type Out = mpsc::Sender<Result<CloudMessage, Status>>;

/// Runs a stream to its end.
pub(super) async fn run(
    shared: Arc<Shared>,
    source: Source,
    mut place: Place,
    mut inbound: Streaming<AgentMessage>,
    out: Out,
) {
    let agent = source.agent_id;
    let end = match begin(shared, source, &mut inbound, &out).await {
        Ok(mut session) => session.serve(&mut place, &mut inbound).await,
        Err(end) => end,
    };
    match end {
        End::Gone => tracing::info!(%agent, "an agent's stream ended"),
        End::Close(close) => {
            let (code, status) = match close {
                Close::Superseded => ("superseded", Status::aborted("this agent has opened another stream")),
                Close::Revoked => ("revoked", Status::permission_denied("this certificate is revoked")),
                Close::Suspended => ("suspended", Status::permission_denied("the tenant is suspended")),
                Close::Shutdown => ("shutdown", Status::unavailable("the cloud is restarting")),
            };
            tracing::info!(%agent, code, "closed an agent's stream");
            let _ = timeout(Duration::from_secs(2), out.send(Err(status))).await;
        }
        End::Refused(status) => {
            tracing::warn!(%agent, code = ?status.code(), detail = status.message(), "refused an agent's stream");
            let _ = timeout(Duration::from_secs(2), out.send(Err(status))).await;
        }
    }
}

/// A stream that has begun.
struct Session {
    shared: Arc<Shared>,
    source: Source,
    out: Out,
    /// The epoch in which the agent records.
    lane: Lane,
    /// Epochs that it has left and of which it sends the rest.
    left: Vec<Lane>,
    /// The epoch that the agent was told to begin, until its first batch.
    moved_to: Option<Moved>,
    /// The agent is to be moved once this is committed.
    once_sent: Option<Awaited>,
    /// The tenant's generation when the stream began.
    generation: i64,
    /// Two machines seem to run under its identity: it is given no numbers.
    contested: bool,
}

/// The batches of one epoch.
struct Lane {
    epoch: i32,
    /// Oldest seq of it at the agent.
    oldest_seq: u64,
    /// How the agent stands to it.
    way: Way,
    /// Told to send again from here; what was under way before is dropped.
    awaiting: Option<u64>,
    /// Seq after the last batch that came.
    contiguous: u64,
    prune: Prune,
}

/// A new epoch that the agent was told.
#[derive(Clone, Copy)]
struct Moved {
    epoch: i32,
    /// What comes in the old one is still taken.
    drain: bool,
}

/// What has to come before the agent is moved, and why it is.
#[derive(Clone, Copy)]
struct Awaited {
    head_seq: i64,
    reason: &'static str,
}

/// What a backup covers, looked up now and then.
#[derive(Default)]
struct Prune {
    through_seq: i64,
    looked: Option<Instant>,
}

impl Lane {
    fn new(epoch: i32, oldest_seq: i64, way: Way) -> Self {
        let oldest_seq = oldest_seq.unsigned_abs().max(1);
        Self { epoch, oldest_seq, way, awaiting: None, contiguous: 0, prune: Prune::default() }
    }

    /// Whether a batch was under way when the agent was told to go back.
    fn overtaken(&mut self, batch: &v1::Batch) -> bool {
        let next = batch.from_seq.saturating_add(batch.events.len() as u64);
        let follows = batch.from_seq == std::mem::replace(&mut self.contiguous, next);
        if self.awaiting.is_some_and(|from| batch.from_seq != from && follows) {
            return true;
        }
        self.awaiting = None;
        false
    }
}

async fn begin(
    shared: Arc<Shared>,
    source: Source,
    inbound: &mut Streaming<AgentMessage>,
    out: &Out,
) -> Result<Session, End> {
    let first = match timeout(FIRST, inbound.message()).await {
        Ok(Ok(Some(first))) => first,
        Ok(Ok(None)) => return Err(End::Gone),
        Ok(Err(status)) => return Err(End::Refused(status)),
        Err(_) => return Err(End::Refused(Status::deadline_exceeded("no Hello"))),
    };
    let Some(agent_message::Message::Hello(said)) = first.message else {
        return Err(End::Refused(Status::invalid_argument("the first message must be Hello")));
    };
    let opened: Opened =
        shared.ingest.db().ingest_tx(&source.cx(), async |tx| open::open(tx, &source, &said).await).await?;
    let ends = &opened.hello.ends;
    let mut session = Session {
        lane: Lane::new(ends.epoch, ends.oldest_seq, Way::Current),
        left: opened.hello.older.iter().map(|e| Lane::new(e.epoch, e.oldest_seq, Way::Left)).collect(),
        moved_to: None,
        once_sent: (opened.resume.moves == hello::Move::OnceSent).then(|| Awaited {
            head_seq: ends.head_seq,
            reason: opened.resume.raise.unwrap_or("epoch_raised"),
        }),
        generation: opened.generation,
        contested: opened.contested,
        shared,
        source,
        out: out.clone(),
    };
    let through = opened.resume.position.through_seq;
    tracing::info!(agent = %session.source.agent_id, epoch = ends.epoch, head = ends.head_seq, through,
        older = opened.older.len(), raise = opened.resume.raise, contested = opened.contested,
        "an agent is connected");
    // What may be pruned of earlier epochs; there may be no batch of theirs any
    // more whose acknowledgement could tell.
    for (at, through_seq) in opened.older.iter().enumerate() {
        let prune = session.prune_through(Some(at), *through_seq).await;
        if prune > 0 {
            session.ack(opened.hello.older[at].epoch, *through_seq, Vec::new(), prune).await?;
        }
    }
    let prune = session.prune_through(None, through).await;
    session.send(Message::Welcome(open::welcome(&opened, prune, Utc::now()))).await?;
    if opened.contested {
        session.problem("agent.contested", LeaseError::Contested.to_string()).await?;
    }
    if let Some(moved) = opened.moved {
        session.tell_move(moved).await?;
    }
    let applied = match opened.full_reference {
        true => 0,
        false => i64::try_from(said.reference_version).unwrap_or(i64::MAX),
    };
    let (references, source, out) =
        (session.shared.references.clone(), session.source.clone(), session.out.clone());
    tokio::spawn(async move { references.feed(source, applied, out).await });
    Ok(session)
}

impl Session {
    async fn serve(&mut self, place: &mut Place, inbound: &mut Streaming<AgentMessage>) -> End {
        loop {
            let message = tokio::select! {
                biased;
                close = place.closed() => return End::Close(close),
                message = timeout(SILENCE, inbound.message()) => message,
            };
            let message = match message {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None)) => return End::Gone,
                // The connection broke, or something was sent that is none of ours.
                Ok(Err(status)) if status.code() == tonic::Code::Unknown => return End::Gone,
                Ok(Err(status)) => return End::Refused(status),
                Err(_) => return End::Refused(Status::deadline_exceeded("the agent fell silent")),
            };
            let Some(message) = message.message else {
                continue;
            };
            if let Err(end) = self.handle(message).await {
                return end;
            }
        }
    }

    async fn handle(&mut self, message: agent_message::Message) -> Result<(), End> {
        use agent_message::Message as M;
        match message {
            M::Hello(_) => Err(End::Refused(Status::invalid_argument("Hello is said once"))),
            M::Batch(batch) => self.batch(batch).await,
            M::LeaseRequest(request) => self.lease(request).await,
            M::SeriesRequest(request) => self.series(request).await,
            M::ReferenceApplied(applied) => {
                let version = i64::try_from(applied.version).unwrap_or(i64::MAX);
                let (tenant, agent) = (self.source.tenant, self.source.agent_id);
                let (db, generation) = (self.shared.ingest.db(), self.generation);
                db.ingest_tx::<_, IngestError, _>(&self.source.cx(), async |tx| {
                    Ok(store::agent_reference(tx, tenant, agent, version, generation).await?)
                })
                .await?;
                Ok(())
            }
            M::Status(status) => self.status(status).await,
            M::KeptHold(kept) => self.kept_hold(&kept).await,
            M::LabelQuery(query) => {
                let (tenant, agent) = (self.source.tenant, self.source.agent_id);
                let db = self.shared.ingest.db();
                let json = db
                    .ingest_tx::<_, IngestError, _>(&self.source.cx(), async |tx| {
                        Ok(labels::answer(tx, tenant, agent, query.key).await?)
                    })
                    .await?;
                let answer =
                    v1::LabelAnswer { key: query.key, known: json.is_some(), json: json.unwrap_or_default() };
                self.send(Message::LabelAnswer(answer)).await
            }
        }
    }

    /// What the plant still holds from before a restore. Where it cannot be taken over the
    /// plant goes on holding it, and says so again on its next stream.
    async fn kept_hold(&mut self, told: &v1::KeptHold) -> Result<(), End> {
        let plant = self.source.plant.clone().unwrap_or_default();
        let Some(kept) = Kept::of(told) else {
            return self.problem("hold.kept", format!("{} is no hold of this cloud", told.hold)).await;
        };
        let (cx, db) = (Cx::system(self.source.tenant), self.shared.ingest.db());
        let mut answer = None;
        // Another plant may tell the same at this moment: then it stands already.
        for _ in 0..2 {
            let done = db.tx(&cx, async |tx| kept::told(tx, &plant, &kept, Utc::now()).await).await;
            match done {
                Ok(done) => answer = Some(done),
                Err(error) => {
                    tracing::warn!(hold = %kept.hold_id, %error, "taking over what a plant holds");
                    continue;
                }
            }
            break;
        }
        let Some(answer) = answer else { return Ok(()) };
        if let kept::Answer::Placed(batch) = &answer {
            self.shared.ingest.committed().announce(*batch);
        }
        let released = answer == kept::Answer::Released;
        let hold = kept.hold_id.to_string();
        self.send(Message::KeptHoldAnswer(v1::KeptHoldAnswer { hold, released })).await
    }

    /// The lane of a batch: none for the current epoch, else its place among
    /// those left; an error for one that is to be passed over or refused.
    fn lane_of(&mut self, epoch: i32) -> Result<Option<usize>, Option<End>> {
        if let Some(moved) = self.moved_to
            && moved.epoch == epoch
        {
            // Its first batch: the agent has begun it.
            let old = std::mem::replace(&mut self.lane, Lane::new(epoch, 1, Way::Current));
            if moved.drain {
                self.left.push(old);
            }
            self.moved_to = None;
        }
        if epoch == self.lane.epoch {
            // Under way when the agent was told to move, and recorded again.
            return if self.moved_to.is_some_and(|moved| !moved.drain) { Err(None) } else { Ok(None) };
        }
        match self.left.iter().position(|lane| lane.epoch == epoch) {
            Some(at) => Ok(Some(at)),
            // Of an epoch that the agent has left for good, or never got.
            None if epoch < self.lane.epoch => Err(None),
            None => Err(Some(IngestError::Epoch.into())),
        }
    }

    fn lane(&mut self, at: Option<usize>) -> &mut Lane {
        match at.and_then(|at| self.left.get_mut(at)) {
            Some(lane) => lane,
            None => &mut self.lane,
        }
    }

    async fn batch(&mut self, batch: v1::Batch) -> Result<(), End> {
        let at = match self.lane_of(i32::try_from(batch.epoch).unwrap_or(0)) {
            Ok(at) => at,
            Err(None) => return Ok(()),
            Err(Some(end)) => return Err(end),
        };
        let lane = self.lane(at);
        if lane.overtaken(&batch) {
            return Ok(());
        }
        let (epoch, last_sent) = (lane.epoch, lane.contiguous.saturating_sub(1));
        let taken = Batch {
            epoch: batch.epoch,
            from_seq: batch.from_seq,
            events: batch.events,
            notes: batch.notes,
            oldest_seq: lane.oldest_seq,
            way: lane.way,
        };
        match self.commit(at, taken).await? {
            Outcome::Committed { through_seq, chain_hash, .. } => {
                let prune = self.prune_through(at, through_seq).await;
                self.ack(epoch, through_seq, chain_hash.map(Vec::from).unwrap_or_default(), prune).await?;
                if at.is_some() {
                    return Ok(());
                }
                if let Some(Awaited { head_seq, reason }) = self.once_sent {
                    let sent = through_seq.min(i64::try_from(last_sent).unwrap_or(i64::MAX));
                    if sent >= head_seq {
                        self.leave(Some((sent, sent == through_seq)), reason).await?;
                    }
                }
                Ok(())
            }
            Outcome::Gap { through_seq, chain_hash } => {
                self.go_back(at, through_seq, chain_hash.map(Vec::from).unwrap_or_default()).await
            }
            Outcome::Rewind { through_seq } => self.go_back(at, through_seq, Vec::new()).await,
            Outcome::Moved(moved) => self.tell_move(moved).await,
            // Comes back as Committed.
            Outcome::Parted { .. } => Ok(()),
        }
    }

    /// Commits a batch; where the histories of an epoch part that the agent has
    /// left, what lies above is kept beside them from then on.
    async fn commit(&mut self, at: Option<usize>, batch: Batch) -> Result<Outcome, IngestError> {
        let outcome = self.shared.ingest.commit_batch(&self.source, batch.clone()).await?;
        let Outcome::Parted { through_seq } = outcome else {
            return Ok(outcome);
        };
        tracing::warn!(agent = %self.source.agent_id, epoch = batch.epoch, through = through_seq,
            "the rest of an earlier epoch is of another history");
        let way = Way::Parted(through_seq);
        self.lane(at).way = way;
        self.shared.ingest.commit_batch(&self.source, Batch { way, ..batch }).await
    }

    async fn ack(&self, epoch: i32, through_seq: i64, chain_hash: Vec<u8>, prune: u64) -> Result<(), End> {
        self.send(Message::Ack(v1::Ack {
            epoch: epoch.unsigned_abs(),
            through_seq: through_seq.unsigned_abs(),
            chain_hash,
            prune_through_seq: prune,
        }))
        .await
    }

    async fn problem(&self, code: &str, detail: String) -> Result<(), End> {
        self.send(Message::Problem(v1::Problem { code: code.to_owned(), detail })).await
    }

    /// Has the agent send again from `through_seq` + 1.
    async fn go_back(&mut self, at: Option<usize>, through_seq: i64, chain_hash: Vec<u8>) -> Result<(), End> {
        let lane = self.lane(at);
        lane.awaiting = Some(through_seq.unsigned_abs() + 1);
        let epoch = lane.epoch.unsigned_abs();
        let welcome = v1::Welcome {
            epoch,
            through_seq: through_seq.unsigned_abs(),
            chain_hash,
            cloud_time_us: Utc::now().timestamp_micros(),
            generation: self.generation.unsigned_abs(),
            ..v1::Welcome::default()
        };
        self.send(Message::Welcome(welcome)).await
    }

    /// Leads the agent out of its epoch: at a seq of which it is known whether
    /// what follows drains, or at the cursor, where it does.
    async fn leave(&mut self, at: Option<(i64, bool)>, reason: &str) -> Result<(), End> {
        let epoch = self.lane.epoch;
        let stream = Stream { tenant: self.source.tenant, agent_id: self.source.agent_id, epoch };
        let genesis = proto::chain::genesis(self.source.agent_id.as_bytes(), epoch.unsigned_abs());
        let moved = self
            .shared
            .ingest
            .db()
            .ingest_tx::<_, IngestError, _>(&self.source.cx(), async |tx| {
                let cursor = facts::cursor::lock(tx, stream, genesis).await?;
                let (through_seq, drain) = at.unwrap_or((cursor.through_seq, true));
                epochs::leave(tx, stream, through_seq, drain, reason).await
            })
            .await?;
        self.tell_move(moved).await
    }

    async fn tell_move(&mut self, moved: epochs::Move) -> Result<(), End> {
        self.moved_to = Some(Moved { epoch: moved.epoch, drain: moved.drain });
        self.once_sent = None;
        // From here on it is one that the agent was told to leave.
        self.lane.way = Way::Left;
        tracing::warn!(agent = %self.source.agent_id, epoch = moved.epoch, through = moved.through_seq,
            drain = moved.drain, reason = moved.reason, "an agent is led into a new epoch");
        self.send(Message::EpochChange(v1::EpochChange {
            epoch: moved.epoch.unsigned_abs(),
            reason: moved.reason,
            through_seq: moved.through_seq.unsigned_abs(),
            drain: moved.drain,
        }))
        .await
    }

    /// The epoch in which numbers may be given to the agent now; none while it
    /// is not known which one that will be.
    fn granting(&self) -> Option<i32> {
        match (self.moved_to, self.once_sent) {
            (Some(moved), _) => Some(moved.epoch),
            (None, Some(_)) => None,
            (None, None) => Some(self.lane.epoch),
        }
    }

    async fn lease(&mut self, request: v1::LeaseRequest) -> Result<(), End> {
        let Some(epoch) = self.granting() else {
            return Ok(());
        };
        let db = self.shared.ingest.db();
        let granted = db
            .ingest_tx(&self.source.cx(), async |tx| {
                leases::grant(tx, &self.source, epoch, &request.r#type, request.count).await
            })
            .await;
        match granted {
            Ok(lease) => {
                self.send(Message::LeaseGrant(v1::LeaseGrant {
                    r#type: lease.kind.to_string(),
                    first: lease.first,
                    last: lease.last,
                    epoch: lease.epoch,
                }))
                .await
            }
            Err(error) => self.not_granted("lease", error).await,
        }
    }

    async fn series(&mut self, request: v1::SeriesRequest) -> Result<(), End> {
        let Some(epoch) = self.granting() else {
            return Ok(());
        };
        let db = self.shared.ingest.db();
        let now = Utc::now();
        let at = match request.for_us {
            0 => now,
            // Far from every clock, if there is no such moment.
            at => DateTime::from_timestamp_micros(at).unwrap_or_default(),
        };
        let asked = Asked { series: &request.series, wanted: request.count, at };
        let granted = db
            .ingest_tx(&self.source.cx(), async |tx| {
                leases::grant_series(tx, &self.source, epoch, asked, now).await
            })
            .await;
        match granted {
            Ok(lease) => {
                self.send(Message::SeriesGrant(v1::SeriesGrant {
                    series: lease.series,
                    prefix: lease.prefix,
                    first: lease.first,
                    last: lease.last,
                    width: lease.width,
                    epoch: lease.epoch,
                    from_us: lease.from.map_or(0, |from| from.timestamp_micros()),
                    until_us: lease.until.map_or(0, |until| until.timestamp_micros()),
                }))
                .await
            }
            Err(error) => self.not_granted("series", error).await,
        }
    }

    async fn not_granted(&mut self, what: &str, error: LeaseError) -> Result<(), End> {
        match error {
            LeaseError::Db(error) => Err(error.into()),
            LeaseError::Unknown => Err(IngestError::Revoked.into()),
            LeaseError::OldEpoch { .. } if self.moved_to.is_none() => self.leave(None, "epoch_raised").await,
            LeaseError::OldEpoch { .. } => Ok(()),
            error => self.problem(&format!("{what}.refused"), error.to_string()).await,
        }
    }

    async fn status(&mut self, status: v1::Status) -> Result<(), End> {
        let (tenant, agent) = (self.source.tenant, self.source.agent_id);
        let queued = i64::try_from(status.queued_events).unwrap_or(i64::MAX);
        let db = self.shared.ingest.db();
        let standing = db
            .ingest_tx::<_, IngestError, _>(&self.source.cx(), async |tx| {
                Ok(store::agent_status(tx, tenant, agent, queued).await?)
            })
            .await?
            .ok_or(IngestError::UnknownAgent)?;
        if self.contested && !standing.contested {
            // Which machine it is to be, its next Hello shows.
            return Err(End::Refused(Status::aborted("an operator has decided; connect again")));
        }
        self.contested = standing.contested;
        match self.granting() {
            // An operator raised it meanwhile.
            Some(granting) if standing.epoch > granting && !standing.contested => {
                if let Some(moved) = self.moved_to.take() {
                    let old = std::mem::replace(&mut self.lane, Lane::new(moved.epoch, 1, Way::Current));
                    if moved.drain {
                        self.left.push(old);
                    }
                }
                self.leave(None, "epoch_raised").await
            }
            _ => Ok(()),
        }
    }

    /// What the agent may prune: committed before the backup horizon.
    async fn prune_through(&mut self, at: Option<usize>, through_seq: i64) -> u64 {
        let Some(horizon) = self.shared.config.backup_horizon else {
            return 0;
        };
        let (shared, source) = (self.shared.clone(), self.source.clone());
        let lane = self.lane(at);
        if lane.prune.looked.is_none_or(|at| at.elapsed() > HORIZON) {
            let stream = Stream { tenant: source.tenant, agent_id: source.agent_id, epoch: lane.epoch };
            let (after, before) = (lane.prune.through_seq, Utc::now() - horizon);
            let found: Result<i64, IngestError> = shared
                .ingest
                .db()
                .ingest_tx(&source.cx(), async |tx| {
                    Ok(facts::cursor::covered_through(tx, stream, after, before).await?)
                })
                .await;
            match found {
                Ok(seq) => lane.prune = Prune { through_seq: seq, looked: Some(Instant::now()) },
                Err(error) => tracing::warn!(%error, "looking up the backup horizon"),
            }
        }
        lane.prune.through_seq.min(through_seq).unsigned_abs()
    }

    async fn send(&self, message: Message) -> Result<(), End> {
        let message = CloudMessage { message: Some(message) };
        match timeout(UNREAD, self.out.send(Ok(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Refused(Status::deadline_exceeded("the agent reads nothing"))),
        }
    }
}
