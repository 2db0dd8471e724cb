//! One stream, from Hello to its end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use proto::v1;
use proto::v1::agent_message::Message as Up;
use proto::v1::cloud_message::Message as Down;
use proto::v1::edge_link_client::EdgeLinkClient;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;
use tonic::transport::Channel;

use super::port::Port;
use super::{Ended, UplinkSettings};

/// How long the cloud may take to answer Hello.
const WELCOME_WITHIN: Duration = Duration::from_secs(20);
/// How long an acknowledgement may take before the stream is given up.
const ACK_WITHIN: Duration = Duration::from_secs(60);
/// After how long an unanswered wish is said again.
const WISH_AGAIN: Duration = Duration::from_secs(10);

struct Stream<'a> {
    settings: &'a UplinkSettings,
    port: &'a Arc<dyn Port>,
    up: mpsc::Sender<v1::AgentMessage>,
    epoch: u32,
    sent_through: u64,
    /// Last seq of each batch on its way, and when it left.
    in_flight: VecDeque<(u64, Instant)>,
    /// Wishes said and not answered, and when.
    asked: BTreeMap<String, Instant>,
}

/// Runs a stream over a fresh connection; `ready` is called once the cloud has
/// answered.
pub(super) async fn run(
    settings: &UplinkSettings,
    channel: Channel,
    port: &Arc<dyn Port>,
    ready: impl FnOnce(),
    stop: &CancellationToken,
) -> Ended {
    match try_run(settings, channel, port, ready, stop).await {
        Ok(never) => never,
        Err(ended) => ended,
    }
}

async fn try_run(
    settings: &UplinkSettings,
    channel: Channel,
    port: &Arc<dyn Port>,
    ready: impl FnOnce(),
    stop: &CancellationToken,
) -> Result<Ended, Ended> {
    let mut client = EdgeLinkClient::new(channel)
        .max_decoding_message_size(proto::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(proto::MAX_MESSAGE_BYTES);
    let (up, outgoing) = mpsc::channel(settings.max_in_flight + 8);
    let hello = port.hello().await?;
    let mut stream = Stream {
        settings,
        port,
        up,
        epoch: hello.epoch,
        sent_through: 0,
        in_flight: VecDeque::new(),
        asked: BTreeMap::new(),
    };
    stream.send(Up::Hello(hello)).await?;
    let opening = client.sync(ReceiverStream::new(outgoing));
    let mut incoming = tokio::select! {
        () = stop.cancelled() => return Ok(Ended::Stopped),
        opened = tokio::time::timeout(WELCOME_WITHIN, opening) => match opened {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return Err(Ended::Refused(Box::new(status))),
            Err(_) => return Err(Ended::Silent("an open stream")),
        },
    };
    // Holds may come before the welcome; nothing is sent up before it.
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => return Ok(Ended::Stopped),
            message = tokio::time::timeout(WELCOME_WITHIN, next(&mut incoming)) => match message {
                Ok(message) => message?,
                Err(_) => return Err(Ended::Silent("a welcome")),
            },
        };
        let welcomed = matches!(message, Down::Welcome(_));
        stream.handle(message).await?;
        if welcomed {
            break;
        }
    }
    ready();
    stream.flow(&mut incoming, stop).await
}

async fn next(incoming: &mut Streaming<v1::CloudMessage>) -> Result<Down, Ended> {
    loop {
        match incoming.message().await {
            // An unknown kind of message comes from a newer cloud and is passed over.
            Ok(Some(v1::CloudMessage { message: None })) => {}
            Ok(Some(v1::CloudMessage { message: Some(message) })) => return Ok(message),
            Ok(None) => return Err(Ended::Closed),
            Err(status) => return Err(Ended::Refused(Box::new(status))),
        }
    }
}

impl Stream<'_> {
    async fn send(&self, message: Up) -> Result<(), Ended> {
        let message = v1::AgentMessage { message: Some(message) };
        self.up.send(message).await.map_err(|_| Ended::Closed)
    }

    async fn flow(
        &mut self,
        incoming: &mut Streaming<v1::CloudMessage>,
        stop: &CancellationToken,
    ) -> Result<Ended, Ended> {
        let mut heads = self.port.heads();
        let mut wishes = self.port.wish_signal();
        let mut heartbeat = tokio::time::interval(self.settings.heartbeat);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.fill(&mut heads).await?;
            self.ask().await?;
            if self.in_flight.front().is_some_and(|(_, left)| left.elapsed() > ACK_WITHIN) {
                return Err(Ended::Silent("an acknowledgement"));
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Ended::Stopped),
                message = next(incoming) => {
                    let message = message?;
                    let new_epoch = matches!(message, Down::EpochChange(_));
                    self.handle(message).await?;
                    if new_epoch {
                        return Ok(Ended::NewEpoch);
                    }
                }
                changed = heads.changed() => {
                    if changed.is_err() {
                        return Ok(Ended::Stopped);
                    }
                }
                changed = wishes.changed() => {
                    if changed.is_err() {
                        return Ok(Ended::Stopped);
                    }
                }
                _ = heartbeat.tick() => self.send(Up::Status(self.port.status())).await?,
            }
        }
    }

    /// Sends batches while there are events and room on the way.
    async fn fill(&mut self, heads: &mut tokio::sync::watch::Receiver<super::Heads>) -> Result<(), Ended> {
        while self.in_flight.len() < self.settings.max_in_flight {
            let head = *heads.borrow_and_update();
            if head.epoch != self.epoch {
                // The engine began an epoch that this stream was not told of.
                return Err(Ended::NewEpoch);
            }
            if head.seq <= self.sent_through {
                return Ok(());
            }
            let from_seq = self.sent_through + 1;
            let (events, notes) = self
                .port
                .read(self.epoch, from_seq, self.settings.max_batch_events, self.settings.max_batch_bytes)
                .await?;
            if events.is_empty() {
                return Ok(());
            }
            self.sent_through += events.len() as u64;
            self.in_flight.push_back((self.sent_through, Instant::now()));
            self.send(Up::Batch(v1::Batch { epoch: self.epoch, from_seq, events, notes })).await?;
        }
        Ok(())
    }

    /// Says what is wanted, once per wish until it is answered or grows old.
    async fn ask(&mut self) -> Result<(), Ended> {
        let wishes = self.port.wishes();
        self.asked.retain(|_, at| at.elapsed() < WISH_AGAIN);
        let leases =
            wishes.leases.into_iter().map(|wish| (format!("lease {}", wish.r#type), Up::LeaseRequest(wish)));
        let series = wishes
            .series
            .into_iter()
            .map(|wish| (format!("series {}", wish.series), Up::SeriesRequest(wish)));
        let labels = wishes
            .labels
            .into_iter()
            .map(|key| (format!("label {key}"), Up::LabelQuery(v1::LabelQuery { key })));
        for (name, message) in leases.chain(series).chain(labels) {
            if !self.asked.contains_key(&name) {
                self.send(message).await?;
                self.asked.insert(name, Instant::now());
            }
        }
        Ok(())
    }

    async fn handle(&mut self, message: Down) -> Result<(), Ended> {
        match message {
            Down::Welcome(welcome) => {
                // Also after a gap: everything past the cursor goes again.
                self.sent_through = welcome.through_seq;
                self.in_flight.clear();
                self.port.welcomed(welcome).await?;
            }
            Down::Ack(ack) => {
                while self.in_flight.front().is_some_and(|(seq, _)| *seq <= ack.through_seq) {
                    self.in_flight.pop_front();
                }
                self.port.acked(ack).await?;
            }
            Down::LeaseGrant(grant) => {
                self.asked.remove(&format!("lease {}", grant.r#type));
                self.port.lease(grant).await?;
            }
            Down::SeriesGrant(grant) => {
                self.asked.remove(&format!("series {}", grant.series));
                self.port.series(grant).await?;
            }
            Down::Reference(chunk) => {
                if let Some(version) = self.port.reference(chunk).await? {
                    self.send(Up::ReferenceApplied(v1::ReferenceApplied { version })).await?;
                }
            }
            Down::EpochChange(change) => {
                tracing::warn!(epoch = change.epoch, reason = change.reason, "the cloud begins a new epoch");
                self.port.epoch(change).await?;
            }
            Down::LabelAnswer(answer) => {
                self.asked.remove(&format!("label {}", answer.key));
                self.port.label(answer).await?;
            }
            Down::Problem(problem) => {
                tracing::warn!(code = problem.code, detail = problem.detail, "the cloud reports a problem");
            }
        }
        Ok(())
    }
}
