//! What the stream needs of the journal and the engine.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use proto::v1;
use tokio::sync::watch;

/// The engine could not do it.
#[derive(Debug, thiserror::Error)]
#[error("the journal could not be used: {0}")]
pub struct PortError(pub String);

/// Ends of the journal, as they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heads {
    /// Current epoch.
    pub epoch: u32,
    /// Last seq in it.
    pub seq: u64,
    /// The journal was found behind its mark; only a new epoch helps.
    pub behind: bool,
}

/// What the agent wants of the cloud now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wishes {
    /// Number ranges, per type.
    pub leases: Vec<v1::LeaseRequest>,
    /// Document numbers, per series.
    pub series: Vec<v1::SeriesRequest>,
    /// UIDs that this agent does not know.
    pub labels: Vec<i64>,
    /// All reference data: it is not known here what is held.
    pub everything: bool,
}

/// Events as they are journaled, in order, and their notes.
pub type Read = (Vec<Bytes>, Vec<v1::Note>);

/// The journal and the engine, as the stream sees them. What the cloud says is
/// durable at the plant when a future is done.
pub trait Port: Send + Sync + 'static {
    /// What to say when a stream begins.
    fn hello(&self) -> BoxFuture<'_, Result<v1::Hello, PortError>>;

    /// The journal's end; changes wake the stream.
    fn heads(&self) -> watch::Receiver<Heads>;

    /// Consecutive events of an epoch from `from_seq`, with their notes; none at
    /// its end.
    fn read(
        &self,
        epoch: u32,
        from_seq: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Read, PortError>>;

    /// The cloud has everything through this seq.
    fn acked(&self, ack: v1::Ack) -> BoxFuture<'_, Result<(), PortError>>;

    /// The cloud's cursors when a stream begins or after a gap; they may stand
    /// behind what was acknowledged, when the cloud was restored.
    fn welcomed(&self, welcome: v1::Welcome) -> BoxFuture<'_, Result<(), PortError>>;

    /// A range of numbers. `false` when it must not be used: the wish stands, and
    /// is not said again at once.
    fn lease(&self, grant: v1::LeaseGrant) -> BoxFuture<'_, Result<bool, PortError>>;

    /// A range of document numbers, answered as [`Self::lease`] is.
    fn series(&self, grant: v1::SeriesGrant) -> BoxFuture<'_, Result<bool, PortError>>;

    /// Part of the reference data; the version when it was the last part.
    fn reference(&self, chunk: v1::ReferenceChunk) -> BoxFuture<'_, Result<Option<u64>, PortError>>;

    /// The cloud is in touch: nothing is taken from when this is done until the
    /// reference data of this stream, holds first, is in force, or [`Self::parted`].
    fn contact(&self) -> BoxFuture<'_, Result<(), PortError>>;

    /// The stream has ended: the plant goes by what it has.
    fn parted(&self);

    /// A new epoch begins.
    fn epoch(&self, change: v1::EpochChange) -> BoxFuture<'_, Result<(), PortError>>;

    /// What the cloud knows of a UID.
    fn label(&self, answer: v1::LabelAnswer) -> BoxFuture<'_, Result<(), PortError>>;

    /// What is held by holds that a restored cloud did not know of.
    fn kept(&self) -> Vec<v1::KeptHold> {
        Vec::new()
    }

    /// What the cloud says of such a hold.
    fn kept_answered(&self, _: v1::KeptHoldAnswer) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// What is wanted now.
    fn wishes(&self) -> Wishes;

    /// Changes when there may be new wishes.
    fn wish_signal(&self) -> watch::Receiver<u64>;

    /// State to tell.
    fn status(&self) -> v1::Status;
}
