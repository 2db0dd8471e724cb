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

use super::port::{Port, PortError};
use super::{Ended, UplinkSettings};

#[cfg(test)]
mod tests;

/// How long the cloud may take to answer Hello.
const WELCOME_WITHIN: Duration = Duration::from_secs(20);
/// How long an acknowledgement may take before the stream is given up.
const ACK_WITHIN: Duration = Duration::from_secs(60);
/// How long each part of the reference data may take after the contact, while
/// nothing is taken at the plant.
const HOLDS_WITHIN: Duration = Duration::from_secs(60);
/// After how long an unanswered wish is said again.
const WISH_AGAIN: Duration = Duration::from_secs(10);

/// After how long a wish is said again whose answer could not be used.
const REFUSED_AGAIN: Duration = Duration::from_secs(300);

/// One epoch that is sent.
struct Span {
    epoch: u32,
    /// Its last seq; `None` for the current one, which grows.
    end: Option<u64>,
    sent_through: u64,
}

struct Stream<'a> {
    settings: &'a UplinkSettings,
    port: &'a Arc<dyn Port>,
    up: mpsc::Sender<v1::AgentMessage>,
    /// The current epoch, and what Hello said of the earlier ones.
    epoch: u32,
    older: Vec<v1::EpochHead>,
    /// Hello said that the journal is behind its mark.
    behind: bool,
    /// Hello asked for all reference data.
    everything: bool,
    /// Epochs to send, oldest first.
    spans: Vec<Span>,
    /// Epoch and last seq of each batch on its way, and when it left.
    in_flight: VecDeque<(u32, u64, Instant)>,
    /// Until when a wish is not said again.
    asked: BTreeMap<String, Instant>,
    /// Until when the next part of what is held has to come; `None` before the
    /// contact and once all of it is in force.
    holds_due: Option<Instant>,
    renewal_due: &'a (dyn Fn() -> bool + Sync),
}

/// Runs a stream over a fresh connection; `ready` is called once the cloud has
/// answered.
pub(super) async fn run(
    settings: &UplinkSettings,
    channel: Channel,
    port: &Arc<dyn Port>,
    ready: impl FnOnce(),
    renewal_due: &(dyn Fn() -> bool + Sync),
    stop: &CancellationToken,
) -> Ended {
    let ended = try_run(settings, channel, port, ready, renewal_due, stop).await;
    // Without the cloud the plant goes by what it has.
    port.parted();
    match ended {
        Ok(never) => never,
        Err(ended) => ended,
    }
}

async fn try_run(
    settings: &UplinkSettings,
    channel: Channel,
    port: &Arc<dyn Port>,
    ready: impl FnOnce(),
    renewal_due: &(dyn Fn() -> bool + Sync),
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
        older: hello.older_epochs.clone(),
        behind: hello.behind_mark,
        everything: hello.reference_version == 0,
        spans: Vec::new(),
        in_flight: VecDeque::new(),
        asked: BTreeMap::new(),
        holds_due: None,
        renewal_due,
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
    // Holds may come before the welcome; nothing is sent up before it, and nothing
    // is taken at the plant from the first word of the cloud until they are in force.
    let mut met = false;
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => return Ok(Ended::Stopped),
            message = tokio::time::timeout(WELCOME_WITHIN, next(&mut incoming)) => match message {
                Ok(message) => message?,
                Err(_) => return Err(Ended::Silent("a welcome")),
            },
        };
        if !std::mem::replace(&mut met, true) {
            stream.met().await?;
        }
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

    /// The cloud is in touch: what it holds comes before anything else is taken.
    async fn met(&mut self) -> Result<(), Ended> {
        self.port.contact().await?;
        self.holds_due = Some(Instant::now() + HOLDS_WITHIN);
        Ok(())
    }

    /// A cloud that is in touch and does not say what is held is as good as none:
    /// it must not keep the plant waiting.
    fn patient(&self, now: Instant) -> Result<(), Ended> {
        match self.holds_due {
            Some(due) if now > due => Err(Ended::Silent("what is held")),
            _ => Ok(()),
        }
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
            if self.in_flight.front().is_some_and(|(.., left)| left.elapsed() > ACK_WITHIN) {
                return Err(Ended::Silent("an acknowledgement"));
            }
            self.patient(Instant::now())?;
            let due = self.holds_due;
            let overdue = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Ended::Stopped),
                () = overdue => {}
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
                _ = heartbeat.tick() => {
                    if (self.renewal_due)() {
                        return Ok(Ended::Renewal);
                    }
                    self.send(Up::Status(self.port.status())).await?;
                }
            }
        }
    }

    /// Sends batches while there are events and room on the way: the rest of each
    /// earlier epoch, oldest first, then the current one.
    async fn fill(&mut self, heads: &mut tokio::sync::watch::Receiver<super::Heads>) -> Result<(), Ended> {
        while self.in_flight.len() < self.settings.max_in_flight {
            let head = *heads.borrow_and_update();
            if head.epoch != self.epoch {
                // The engine began an epoch that this stream was not told of.
                return Err(Ended::NewEpoch);
            }
            if head.behind && !self.behind {
                // Only a Hello that says so gets a new epoch.
                return Err(Ended::Behind);
            }
            let unsent = |span: &&mut Span| span.sent_through < span.end.unwrap_or(head.seq);
            let Some(span) = self.spans.iter_mut().find(unsent) else { return Ok(()) };
            let (epoch, from_seq) = (span.epoch, span.sent_through + 1);
            let (max_events, max_bytes) = (self.settings.max_batch_events, self.settings.max_batch_bytes);
            let (events, notes) = self.port.read(epoch, from_seq, max_events, max_bytes).await?;
            if events.is_empty() {
                if span.end.is_none() {
                    return Ok(());
                }
                return Err(PortError(format!("epoch {epoch} has no seq {from_seq} any more")).into());
            }
            span.sent_through += events.len() as u64;
            self.in_flight.push_back((epoch, span.sent_through, Instant::now()));
            self.send(Up::Batch(v1::Batch { epoch, from_seq, events, notes })).await?;
        }
        Ok(())
    }

    /// Goes to where the cloud stands. Also after a gap, when everything past the
    /// cursor goes again; earlier epochs that it does not name stay as they are.
    fn resume(&mut self, welcome: &v1::Welcome) {
        let mut cursors: Vec<(u32, u64)> =
            welcome.older_epochs.iter().map(|c| (c.epoch, c.through_seq)).collect();
        cursors.push((welcome.epoch, welcome.through_seq));
        for (epoch, sent_through) in cursors {
            let older = self.older.iter().find(|o| o.epoch == epoch);
            let end = match older {
                Some(older) => Some(older.head_seq),
                None if epoch == self.epoch => None,
                None => continue,
            };
            self.spans.retain(|span| span.epoch != epoch);
            self.spans.push(Span { epoch, end, sent_through });
        }
        self.spans.sort_by_key(|span| span.epoch);
        self.in_flight.clear();
    }

    /// Says what is wanted, once per wish until it is answered or grows old.
    async fn ask(&mut self) -> Result<(), Ended> {
        let wishes = self.port.wishes();
        if wishes.everything && !self.everything {
            // Only a Hello that says so gets all of it.
            return Err(Ended::Doubt);
        }
        let now = Instant::now();
        self.asked.retain(|_, until| *until > now);
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
                self.asked.insert(name, now + WISH_AGAIN);
            }
        }
        Ok(())
    }

    /// A wish that was met may be said anew; one whose answer could not be used is
    /// not said again at once, since the next answer would be no better.
    fn answered(&mut self, wish: String, taken: bool) {
        match taken {
            true => drop(self.asked.remove(&wish)),
            false => drop(self.asked.insert(wish, Instant::now() + REFUSED_AGAIN)),
        }
    }

    async fn handle(&mut self, message: Down) -> Result<(), Ended> {
        match message {
            Down::Welcome(welcome) => {
                self.resume(&welcome);
                self.port.welcomed(welcome).await?;
            }
            Down::Ack(ack) => {
                let covers =
                    |(epoch, seq, _): &(u32, u64, Instant)| (*epoch, *seq) <= (ack.epoch, ack.through_seq);
                while self.in_flight.front().is_some_and(covers) {
                    self.in_flight.pop_front();
                }
                self.port.acked(ack).await?;
            }
            Down::LeaseGrant(grant) => {
                let wish = format!("lease {}", grant.r#type);
                let taken = self.port.lease(grant).await?;
                self.answered(wish, taken);
            }
            Down::SeriesGrant(grant) => {
                let wish = format!("series {}", grant.series);
                let taken = self.port.series(grant).await?;
                self.answered(wish, taken);
            }
            Down::Reference(chunk) => {
                let applied = self.port.reference(chunk).await?;
                // Once a stream, with the first data of it: a restored cloud asks nobody.
                let first = self.holds_due.is_some();
                self.holds_due = match (self.holds_due, applied) {
                    (Some(_), None) => Some(Instant::now() + HOLDS_WITHIN),
                    _ => None,
                };
                if let Some(version) = applied {
                    self.send(Up::ReferenceApplied(v1::ReferenceApplied { version })).await?;
                    let kept = if first { self.port.kept() } else { Vec::new() };
                    for kept in kept {
                        self.send(Up::KeptHold(kept)).await?;
                    }
                }
            }
            Down::KeptHoldAnswer(answer) => self.port.kept_answered(answer).await?,
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
