//! One agent's stream, from Hello to its end.
//!
//! Messages are handled in the order in which they come, one at a time: the
//! stream's own flow control bounds what an agent can have under way. Reference
//! data goes out from a task beside, so that it never waits for a batch nor a
//! batch for it. The session runs in a task of its own and is never dropped in
//! the middle of a transaction when the connection goes.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use proto::v1::{self, AgentMessage, CloudMessage, agent_message, cloud_message::Message};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tonic::{Status, Streaming};

use super::live::{Close, Place};
use super::open::{self, OpenError, Opened};
use super::{Shared, hello, labels, store};
use crate::ingest::store::{self as facts, Stream};
use crate::ingest::{Batch, IngestError, Outcome, Source, epochs};
use crate::leases::{self, LeaseError};

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

/// Why a stream ends.
enum End {
    /// The agent went away.
    Gone,
    /// We end it.
    Close(Close),
    /// It cannot go on like this.
    Refused(Status),
}

impl From<IngestError> for End {
    fn from(error: IngestError) -> Self {
        Self::Refused(match error {
            IngestError::Limit(what) => Status::invalid_argument(what),
            IngestError::Epoch => Status::failed_precondition(error.to_string()),
            IngestError::UnknownAgent | IngestError::Revoked => Status::permission_denied(error.to_string()),
            IngestError::Db(error) => {
                tracing::error!(%error, "storing a batch");
                Status::unavailable("the cloud's database does not answer; try again")
            }
        })
    }
}

impl From<platform::db::DbError> for End {
    fn from(error: platform::db::DbError) -> Self {
        IngestError::Db(error).into()
    }
}

impl From<sqlx::Error> for End {
    fn from(error: sqlx::Error) -> Self {
        IngestError::from(error).into()
    }
}

impl From<OpenError> for End {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Hello(what) => Self::Refused(Status::invalid_argument(what)),
            OpenError::Suspended => Self::Refused(Status::permission_denied("the tenant is suspended")),
            OpenError::Ingest(error) => error.into(),
            OpenError::Lease(LeaseError::Db(error)) | OpenError::Db(error) => error.into(),
            OpenError::Lease(error) => Self::Refused(Status::failed_precondition(error.to_string())),
        }
    }
}

/// A stream that has begun.
struct Session {
    shared: Arc<Shared>,
    source: Source,
    out: Out,
    /// The epoch whose events come.
    epoch: i32,
    /// Oldest seq of that epoch at the agent.
    oldest_seq: u64,
    /// The epoch that the agent was told to begin, until its first batch.
    moved_to: Option<i32>,
    /// The agent is to be moved with the first batch that is committed.
    move_once_verified: Option<&'static str>,
    /// Told to send again from here; what was under way before is dropped.
    awaiting: Option<u64>,
    /// Seq after the last batch that came.
    contiguous: u64,
    prune: Prune,
}

/// What a backup covers, looked up now and then.
struct Prune {
    through_seq: i64,
    looked: Option<Instant>,
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
    let mut session = Session {
        epoch: opened.hello.epoch,
        oldest_seq: said.oldest_seq.max(1),
        moved_to: None,
        move_once_verified: (opened.resume.moves == hello::Move::OnceVerified)
            .then(|| opened.resume.raise.unwrap_or("epoch_raised")),
        awaiting: None,
        contiguous: 0,
        prune: Prune { through_seq: 0, looked: None },
        shared,
        source,
        out: out.clone(),
    };
    tracing::info!(agent = %session.source.agent_id, epoch = session.epoch, head = opened.hello.head_seq,
        through = opened.resume.through_seq, raise = opened.resume.raise, "an agent is connected");
    let prune = session.prune_through(opened.resume.through_seq).await;
    session.send(Message::Welcome(open::welcome(&opened, prune, Utc::now()))).await?;
    if let Some(moved) = opened.moved {
        session.tell_move(moved).await?;
    }
    let applied = i64::try_from(said.reference_version).unwrap_or(i64::MAX);
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
                let db = self.shared.ingest.db();
                db.ingest_tx::<_, IngestError, _>(&self.source.cx(), async |tx| {
                    Ok(store::agent_reference(tx, tenant, agent, version).await?)
                })
                .await?;
                Ok(())
            }
            M::Status(status) => self.status(status).await,
            M::LabelQuery(query) => {
                let tenant = self.source.tenant;
                let db = self.shared.ingest.db();
                let json = db
                    .ingest_tx::<_, IngestError, _>(&self.source.cx(), async |tx| {
                        Ok(labels::answer(tx, tenant, query.key).await?)
                    })
                    .await?;
                let answer =
                    v1::LabelAnswer { key: query.key, known: json.is_some(), json: json.unwrap_or_default() };
                self.send(Message::LabelAnswer(answer)).await
            }
        }
    }

    async fn batch(&mut self, batch: v1::Batch) -> Result<(), End> {
        let epoch = i32::try_from(batch.epoch).unwrap_or(0);
        if epoch != self.epoch {
            if self.moved_to != Some(epoch) {
                // Of an epoch that the agent has left or never got.
                return if epoch < self.epoch { Ok(()) } else { Err(IngestError::Epoch.into()) };
            }
            (self.epoch, self.oldest_seq) = (epoch, 1);
            (self.moved_to, self.awaiting, self.contiguous) = (None, None, 0);
            self.prune = Prune { through_seq: 0, looked: None };
        } else if self.moved_to.is_some() {
            return Ok(()); // was under way when the agent was told to move
        }
        let next = batch.from_seq.saturating_add(batch.events.len() as u64);
        let follows = batch.from_seq == std::mem::replace(&mut self.contiguous, next);
        if let Some(from) = self.awaiting {
            if batch.from_seq != from && follows {
                return Ok(()); // was under way when the agent was told to go back
            }
            self.awaiting = None;
        }
        let taken = Batch {
            epoch: batch.epoch,
            from_seq: batch.from_seq,
            events: batch.events,
            notes: batch.notes,
            oldest_seq: self.oldest_seq,
        };
        match self.shared.ingest.commit_batch(&self.source, taken).await? {
            Outcome::Committed { through_seq, chain_hash, .. } => {
                let prune_through_seq = self.prune_through(through_seq).await;
                self.send(Message::Ack(v1::Ack {
                    epoch: batch.epoch,
                    through_seq: through_seq.unsigned_abs(),
                    chain_hash: chain_hash.map(Vec::from).unwrap_or_default(),
                    prune_through_seq,
                }))
                .await?;
                if let Some(reason) = self.move_once_verified.take() {
                    let verified = through_seq.min(i64::try_from(next).unwrap_or(i64::MAX) - 1);
                    self.leave(Some(verified), reason).await?;
                }
                Ok(())
            }
            Outcome::Gap { through_seq, chain_hash } => {
                self.go_back(through_seq, chain_hash.map(Vec::from).unwrap_or_default()).await
            }
            Outcome::Rewind { through_seq } => self.go_back(through_seq, Vec::new()).await,
            Outcome::Moved(moved) => self.tell_move(moved).await,
        }
    }

    /// Has the agent send again from `through_seq` + 1.
    async fn go_back(&mut self, through_seq: i64, chain_hash: Vec<u8>) -> Result<(), End> {
        self.awaiting = Some(through_seq.unsigned_abs() + 1);
        let welcome = v1::Welcome {
            epoch: self.epoch.unsigned_abs(),
            through_seq: through_seq.unsigned_abs(),
            chain_hash,
            prune_through_seq: 0,
            cloud_time_us: Utc::now().timestamp_micros(),
            generation: 0,
        };
        self.send(Message::Welcome(welcome)).await
    }

    /// Leads the agent out of its epoch at `through_seq`, or at the cursor.
    async fn leave(&mut self, through_seq: Option<i64>, reason: &str) -> Result<(), End> {
        let stream = Stream { tenant: self.source.tenant, agent_id: self.source.agent_id, epoch: self.epoch };
        let genesis = proto::chain::genesis(self.source.agent_id.as_bytes(), self.epoch.unsigned_abs());
        let moved = self
            .shared
            .ingest
            .db()
            .ingest_tx::<_, IngestError, _>(&self.source.cx(), async |tx| {
                let cursor = facts::cursor::lock(tx, stream, genesis).await?;
                epochs::leave(tx, stream, through_seq.unwrap_or(cursor.through_seq), reason).await
            })
            .await?;
        self.tell_move(moved).await
    }

    async fn tell_move(&mut self, moved: epochs::Move) -> Result<(), End> {
        self.moved_to = Some(moved.epoch);
        self.move_once_verified = None;
        tracing::warn!(agent = %self.source.agent_id, epoch = moved.epoch, through = moved.through_seq,
            reason = moved.reason, "an agent is led into a new epoch");
        self.send(Message::EpochChange(v1::EpochChange {
            epoch: moved.epoch.unsigned_abs(),
            reason: moved.reason,
            through_seq: moved.through_seq.unsigned_abs(),
        }))
        .await
    }

    /// The epoch in which numbers may be given to the agent now; none while it
    /// is not known which one that will be.
    fn granting(&self) -> Option<i32> {
        match (self.moved_to, self.move_once_verified) {
            (Some(epoch), _) => Some(epoch),
            (None, Some(_)) => None,
            (None, None) => Some(self.epoch),
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
        let granted = db
            .ingest_tx(&self.source.cx(), async |tx| {
                leases::grant_series(tx, &self.source, epoch, &request.series, request.count).await
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
            error => {
                self.send(Message::Problem(v1::Problem {
                    code: format!("{what}.refused"),
                    detail: error.to_string(),
                }))
                .await
            }
        }
    }

    async fn status(&mut self, status: v1::Status) -> Result<(), End> {
        let (tenant, agent) = (self.source.tenant, self.source.agent_id);
        let queued = i64::try_from(status.queued_events).unwrap_or(i64::MAX);
        let db = self.shared.ingest.db();
        let epoch = db
            .ingest_tx::<_, IngestError, _>(&self.source.cx(), async |tx| {
                Ok(store::agent_status(tx, tenant, agent, queued).await?)
            })
            .await?;
        match (epoch, self.granting()) {
            (None, _) => Err(IngestError::UnknownAgent.into()),
            // An operator raised it meanwhile.
            (Some(current), Some(granting)) if current > granting => {
                if let Some(target) = self.moved_to.take() {
                    self.epoch = target;
                }
                self.leave(None, "epoch_raised").await
            }
            _ => Ok(()),
        }
    }

    /// What the agent may prune: committed before the backup horizon.
    async fn prune_through(&mut self, through_seq: i64) -> u64 {
        let Some(horizon) = self.shared.config.backup_horizon else {
            return 0;
        };
        if self.prune.looked.is_none_or(|at| at.elapsed() > HORIZON) {
            let stream =
                Stream { tenant: self.source.tenant, agent_id: self.source.agent_id, epoch: self.epoch };
            let (after, before) = (self.prune.through_seq, Utc::now() - horizon);
            let found: Result<i64, IngestError> = self
                .shared
                .ingest
                .db()
                .ingest_tx(&self.source.cx(), async |tx| {
                    Ok(facts::cursor::covered_through(tx, stream, after, before).await?)
                })
                .await;
            match found {
                Ok(seq) => self.prune = Prune { through_seq: seq, looked: Some(Instant::now()) },
                Err(error) => tracing::warn!(%error, "looking up the backup horizon"),
            }
        }
        self.prune.through_seq.min(through_seq).unsigned_abs()
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
