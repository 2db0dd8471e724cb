//! The engine as the stream sees it.

use chrono::Utc;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use proto::v1;
use tokio::sync::watch;

use super::port::{Heads, Port, PortError, Read, Wishes};
use crate::engine::{EngineError, Handle, SERIES_AHEAD};

/// What a Hello says of this program.
const SOFTWARE: &str = concat!("edge-agent ", env!("CARGO_PKG_VERSION"));

/// The engine's handle, with its watched values in the stream's form.
pub struct EnginePort {
    engine: Handle,
    heads: watch::Receiver<Heads>,
    wishes: watch::Receiver<u64>,
}

impl EnginePort {
    /// Follows the engine; ends with it.
    #[must_use]
    pub fn new(engine: Handle) -> Self {
        let (mut head, mut told) = (engine.head(), engine.watch_status());
        let (heads_sender, heads) = watch::channel(Heads::default());
        tokio::spawn(async move {
            loop {
                let (at, behind) = (*head.borrow_and_update(), told.borrow_and_update().behind_mark);
                let now = Heads { epoch: at.epoch, seq: at.seq, behind };
                heads_sender.send_if_modified(|before| std::mem::replace(before, now) != now);
                let changed = tokio::select! {
                    changed = head.changed() => changed,
                    changed = told.changed() => changed,
                };
                if changed.is_err() {
                    return;
                }
            }
        });
        let mut status = engine.watch_status();
        let (wishes_sender, wishes) = watch::channel(0_u64);
        tokio::spawn(async move {
            let mut last = status.borrow_and_update().wishes.clone();
            while status.changed().await.is_ok() {
                let now = status.borrow_and_update().wishes.clone();
                if now != last {
                    last = now;
                    wishes_sender.send_modify(|n| *n += 1);
                }
            }
        });
        Self { engine, heads, wishes }
    }
}

fn failed(error: EngineError) -> PortError {
    PortError(error.to_string())
}

/// A grant that must not be used is told and passed over: the stream goes on,
/// and the wish for numbers stands.
fn granted<T>(result: Result<T, EngineError>) -> Result<bool, PortError> {
    match result {
        Ok(_) => Ok(true),
        Err(error @ (EngineError::Grant(_) | EngineError::Behind(_) | EngineError::Type(..))) => {
            tracing::warn!(%error, "a range from the cloud was not taken");
            Ok(false)
        }
        Err(error) => Err(failed(error)),
    }
}

impl Port for EnginePort {
    fn hello(&self) -> BoxFuture<'_, Result<v1::Hello, PortError>> {
        async move { self.engine.hello(SOFTWARE).await.map_err(failed) }.boxed()
    }

    fn heads(&self) -> watch::Receiver<Heads> {
        self.heads.clone()
    }

    fn read(
        &self,
        epoch: u32,
        from_seq: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Read, PortError>> {
        async move {
            let read =
                self.engine.read_batch(epoch, from_seq, max_events, max_bytes).await.map_err(failed)?;
            let (Some((first, _)), Some((last, _))) = (read.first(), read.last()) else {
                return Ok((Vec::new(), Vec::new()));
            };
            if *first != from_seq {
                // Pruned since Hello; a new one says where the journal begins.
                return Err(PortError(format!(
                    "seq {from_seq} was asked for, {first} is the oldest on disk"
                )));
            }
            let notes = self.engine.notes(epoch, from_seq, *last).await.map_err(failed)?;
            Ok((read.into_iter().map(|(_, bytes)| bytes).collect(), notes))
        }
        .boxed()
    }

    fn acked(&self, ack: v1::Ack) -> BoxFuture<'_, Result<(), PortError>> {
        async move {
            self.engine.acked(ack.epoch, ack.through_seq, ack.prune_through_seq).await;
            Ok(())
        }
        .boxed()
    }

    fn welcomed(&self, welcome: v1::Welcome) -> BoxFuture<'_, Result<(), PortError>> {
        async move { self.engine.welcomed(welcome).await.map_err(failed) }.boxed()
    }

    fn lease(&self, grant: v1::LeaseGrant) -> BoxFuture<'_, Result<bool, PortError>> {
        async move { granted(self.engine.lease_granted(&grant).await) }.boxed()
    }

    fn series(&self, grant: v1::SeriesGrant) -> BoxFuture<'_, Result<bool, PortError>> {
        async move { granted(self.engine.series_granted(grant).await) }.boxed()
    }

    fn reference(&self, chunk: v1::ReferenceChunk) -> BoxFuture<'_, Result<Option<u64>, PortError>> {
        async move {
            let applied = self.engine.reference_chunk(chunk).await.map_err(failed)?;
            if let Some(version) = applied {
                self.engine.holds_applied();
                self.engine.reference_current(version, Utc::now()).await;
            }
            Ok(applied)
        }
        .boxed()
    }

    fn kept(&self) -> Vec<v1::KeptHold> {
        self.engine.kept_holds()
    }

    fn kept_answered(&self, answer: v1::KeptHoldAnswer) -> BoxFuture<'_, Result<(), PortError>> {
        async move { self.engine.kept_answered(answer).await.map_err(failed) }.boxed()
    }

    fn contact(&self) -> BoxFuture<'_, Result<(), PortError>> {
        async move { self.engine.contact().await.map_err(failed) }.boxed()
    }

    fn parted(&self) {
        self.engine.holds_applied();
    }

    fn epoch(&self, change: v1::EpochChange) -> BoxFuture<'_, Result<(), PortError>> {
        async move { self.engine.epoch_changed(change).await.map_err(failed) }.boxed()
    }

    fn label(&self, answer: v1::LabelAnswer) -> BoxFuture<'_, Result<(), PortError>> {
        async move {
            // An answer that cannot be used must not end the stream.
            if let Err(error) = self.engine.label_answered(answer).await {
                tracing::warn!(%error, "what the cloud knows of a label was not taken");
            }
            Ok(())
        }
        .boxed()
    }

    fn wishes(&self) -> Wishes {
        let status = self.engine.status();
        let (wishes, now) = (&status.wishes, Utc::now());
        Wishes {
            leases: wishes
                .leases
                .iter()
                .map(|(kind, count)| v1::LeaseRequest { r#type: kind.to_string(), count: *count })
                .collect(),
            series: wishes
                .series
                .iter()
                .map(|wish| v1::SeriesRequest {
                    series: wish.series.clone(),
                    count: wish.count,
                    // By this clock: where it is wrong, the cloud says so.
                    for_us: if wish.ahead { now + SERIES_AHEAD } else { now }.timestamp_micros(),
                })
                .collect(),
            labels: wishes.labels.clone(),
            everything: wishes.everything,
        }
    }

    fn wish_signal(&self) -> watch::Receiver<u64> {
        self.wishes.clone()
    }

    fn status(&self) -> v1::Status {
        let status = self.engine.status();
        v1::Status {
            queued_events: status.queued,
            journal_bytes: status.disk.map_or(0, |disk| disk.used),
            disk_free_bytes: status.disk.map_or(0, |disk| disk.free),
        }
    }
}
