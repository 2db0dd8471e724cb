//! The MQTT connection of one station.
//!
//! Two halves run side by side: the poll half keeps the connection alive and
//! never waits for anything but the network; the work half gives one message at
//! a time to the [`Intake`]. What passes between them stands in [`Deliveries`].
//! Each station has its own connection, queue and window, so that the flood of
//! one does not starve another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{AsyncClient, EventLoop, Publish, QoS, mqttbytes};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{MAX_ANSWER, Poll, options};
use super::payload::{self, Reading};
use super::redelivery::{Arrival, Deliveries, Delivery, Job};
use super::settings::{MqttError, MqttSettings, check};
use super::stats::MqttStats;
use crate::inputs::{
    Answer, Backoff, CODE_MALFORMED, CODE_NOT_TAKEN, CODE_TOO_LONG, Intake, IntakeError, ScanInput, hex,
};

/// Bytes of a payload that go to the log.
const LOGGED_BYTES: usize = 256;
/// More than rumqttd ever has under way to one client (100).
const EMBEDDED_WINDOW: usize = 128;
/// Bytes of the code's hash in the id of a reading.
const CODE_BYTES: usize = 8;
/// What a packet of MQTT holds beside topic and payload, at most.
const HEADER_BYTES: usize = 16;
/// How long an answer may wait for room among those under way.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// One station's scanners over MQTT.
pub struct MqttScanner {
    shared: Arc<Shared>,
    events: EventLoop,
}

/// What both halves know.
pub(super) struct Shared {
    pub(super) settings: MqttSettings,
    intake: Arc<dyn Intake>,
    pub(super) client: AsyncClient,
    /// Also guards the order of acknowledgements against a loss of the connection.
    deliveries: Mutex<Deliveries>,
    work: Notify,
    pub(super) reconnect: Notify,
    pub(super) stats: Arc<MqttStats>,
    stop: CancellationToken,
}

impl MqttScanner {
    /// Prepares the connection; [`MqttScanner::run`] makes it.
    pub fn new(
        settings: MqttSettings,
        intake: Arc<dyn Intake>,
        stop: CancellationToken,
    ) -> Result<Self, MqttError> {
        check(&settings)?;
        // The embedded broker is spared reconnections, which it does not always
        // survive: all that it sends unacknowledged has room.
        let least = if settings.broker_marks_redelivery { 1 } else { EMBEDDED_WINDOW };
        let queue = settings.queue.max(least);
        // Room for an acknowledgement and an answer of everything that may wait.
        let (client, mut events) = AsyncClient::new(options(&settings), 2 * queue + 64);
        // An answer and an acknowledgement are two small writes; Nagle's algorithm
        // would hold the second back for 40 ms.
        events.network_options.set_tcp_nodelay(true);
        let deliveries = Deliveries::new(settings.broker_marks_redelivery, queue);
        let shared = Shared {
            settings,
            intake,
            client,
            deliveries: Mutex::new(deliveries),
            work: Notify::new(),
            reconnect: Notify::new(),
            stats: Arc::default(),
            stop,
        };
        Ok(Self { shared: Arc::new(shared), events })
    }

    /// Counters and state, live.
    pub fn stats(&self) -> Arc<MqttStats> {
        Arc::clone(&self.shared.stats)
    }

    /// Runs until the stop token is cancelled. Then the reading at hand is
    /// finished and acknowledged, and the rest stays with the broker.
    pub async fn run(self) {
        let worked = CancellationToken::new();
        let work = async {
            self.shared.work_loop().await;
            worked.cancel();
        };
        tokio::join!(work, Poll::new(&self.shared, self.events).run(&worked));
    }
}

impl Shared {
    pub(super) fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives messages to the intake, one at a time and in order, until stopped.
    async fn work_loop(&self) {
        while !self.stop.is_cancelled() {
            let next = self.deliveries().next();
            match next {
                Some(job) => {
                    if !self.handle(job).await {
                        return;
                    }
                }
                None => tokio::select! {
                    () = self.work.notified() => {}
                    () = self.stop.cancelled() => {}
                },
            }
        }
    }

    /// Handles one message; false if the agent stops before it has an answer.
    async fn handle(&self, job: Job) -> bool {
        let seq = job.seq;
        let answer = if job.retained {
            self.pass_over(&job);
            None
        } else {
            match self.read(&job) {
                Ok(reading) => {
                    let Some(answer) = self.offer(&job, reading).await else { return false };
                    Some(answer)
                }
                Err(refusal) => Some(*refusal),
            }
        };
        {
            let mut deliveries = self.deliveries();
            deliveries.answered(seq);
            self.settle(&mut deliveries);
        }
        // After the acknowledgement: that the broker takes the answer shows that it
        // has read the acknowledgement too.
        if let Some(answer) = answer {
            self.publish(&answer).await;
        }
        true
    }

    /// A retained message comes at every subscription, however old it is: it is
    /// acknowledged, and never carried out.
    fn pass_over(&self, job: &Job) {
        self.stats.retained.add();
        let shown = &job.payload[..job.payload.len().min(LOGGED_BYTES)];
        tracing::warn!(
            station = %self.settings.station, payload_hex = %hex(shown),
            "a retained message is passed over, for nobody knows when it was sent; set the scanner to publish without \"retain\""
        );
    }

    /// What the message says, or the answer that refuses it.
    fn read(&self, job: &Job) -> Result<Reading, Box<Answer>> {
        let limit = self.settings.max_payload;
        if job.payload.len() > limit {
            let bytes = job.payload.len().to_string();
            let args = vec![("bytes".into(), bytes), ("limit".into(), limit.to_string())];
            return Err(self.refuse(job, CODE_TOO_LONG, args));
        }
        payload::parse(&job.payload).map_err(|error| {
            tracing::warn!(station = %self.settings.station, %error, "a payload cannot be read");
            self.refuse(job, CODE_MALFORMED, error.args())
        })
    }

    /// Offers a reading until it is answered; none if the agent stops first.
    async fn offer(&self, job: &Job, reading: Reading) -> Option<Answer> {
        let mut backoff = Backoff::new(Duration::from_millis(100), self.settings.reconnect_max);
        let mut told = false;
        let mut input = None;
        loop {
            let error = match self.attempt(job, &reading, &mut input).await {
                Ok(answer) => {
                    self.stats.answered.add();
                    return Some(answer);
                }
                Err(error) => error,
            };
            let station = &self.settings.station;
            let input_id = input.as_ref().map_or(job.own_id.as_str(), |i| i.input_id.as_str());
            self.stats.not_taken.add();
            tracing::error!(%station, %input_id, %error, "a reading is not recorded yet; it stays unacknowledged");
            // Once: the operator has to know, and must not be told every second.
            if !told && error != IntakeError::Stopping {
                let answer = self.intake.refusal(station, input_id, CODE_NOT_TAKEN, error.args());
                self.intake.refused(station, &answer);
                self.publish(&answer).await;
                told = true;
            }
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    /// One attempt. `input` keeps what was offered, since a reading that is
    /// offered again must have the same id.
    async fn attempt(
        &self,
        job: &Job,
        reading: &Reading,
        input: &mut Option<ScanInput>,
    ) -> Result<Answer, IntakeError> {
        let offered = match input {
            Some(input) => input,
            None => {
                let input_id = self.input_id(job, reading).await?;
                input.insert(ScanInput {
                    station: self.settings.station.clone(),
                    text: reading.text.clone(),
                    input_id,
                    device_counter: reading.counter,
                    occurred_at: reading.at,
                    badge: reading.badge.clone(),
                })
            }
        };
        self.intake.scan(offered.clone()).await
    }

    /// The reading's id. A device's own counts only together with the code: one
    /// that numbers its readings from 1 each time it is switched on, or another
    /// at the same station, would else be answered for what it never read.
    async fn input_id(&self, job: &Job, reading: &Reading) -> Result<String, IntakeError> {
        if let Some(id) = &reading.id {
            let code = Sha256::digest(reading.text.as_bytes());
            return Ok(format!("p:{id}:{}", hex(&code[..CODE_BYTES])));
        }
        let Some(prefix) = &job.ask_prefix else { return Ok(job.own_id.clone()) };
        let earlier = self.intake.earlier(&self.settings.station, prefix).await?;
        Ok(earlier.unwrap_or_else(|| job.own_id.clone()))
    }

    fn refuse(&self, job: &Job, code: &'static str, args: Vec<(String, String)>) -> Box<Answer> {
        let station = &self.settings.station;
        self.stats.refused.add();
        let shown = &job.payload[..job.payload.len().min(LOGGED_BYTES)];
        tracing::warn!(
            %station, code, ?args, bytes = job.payload.len(), payload_hex = %hex(shown),
            "a payload was not understood; it is acknowledged and answered red"
        );
        let answer = self.intake.refusal(station, &job.own_id, code, args);
        self.intake.refused(station, &answer);
        Box::new(answer)
    }

    /// Longest answer that fits into a packet of this connection: a broker cuts off
    /// whoever sends it more than it takes.
    fn longest_answer(&self, topic: &str) -> usize {
        MAX_ANSWER.min(self.settings.max_payload.saturating_sub(topic.len() + HEADER_BYTES))
    }

    /// Sends an answer, with a little patience where answers queue up. If it cannot
    /// be sent, the operator sees nothing and scans again, which is answered as before.
    async fn publish(&self, answer: &Answer) {
        let Some(topic) = &self.settings.feedback_topic else { return };
        let json = match serde_json::to_vec(answer) {
            Ok(json) if json.len() <= self.longest_answer(topic) => Some(json),
            _ => serde_json::to_vec(&Answer {
                args: Vec::new(),
                what: String::new(),
                next: String::new(),
                ..answer.clone()
            })
            .ok(),
        };
        let Some(json) = json else { return };
        let sending = self.client.publish(topic, QoS::AtLeastOnce, false, json);
        if !matches!(timeout(ANSWER_TIMEOUT, sending).await, Ok(Ok(()))) {
            self.stats.unsent_answers.add();
            tracing::warn!(station = %self.settings.station, code = %answer.code, "an answer could not be sent");
        }
    }

    /// Does what follows from a change: hands over acknowledgements as far as there
    /// is room (the poll half goes on whenever it has sent something), and asks for
    /// a new connection once what was left to the broker can be taken. Called with
    /// the deliveries locked, so that nothing is acknowledged on a connection that
    /// is gone.
    pub(super) fn settle(&self, deliveries: &mut Deliveries) {
        self.stats.depth.set(deliveries.depth() as u64);
        let mut publish = Publish::new("", QoS::AtLeastOnce, Vec::new());
        while let Some(packet_id) = deliveries.to_acknowledge() {
            publish.pkid = packet_id;
            if self.client.try_ack(&publish).is_err() {
                return;
            }
            deliveries.handed_over();
        }
        if deliveries.wants_reconnect() {
            self.reconnect.notify_one();
        }
    }

    /// Takes a message that the broker delivered.
    pub(super) fn arrived(&self, publish: Publish) {
        let station = &self.settings.station;
        if !mqttbytes::matches(&publish.topic, &self.settings.scan_topic) {
            tracing::warn!(%station, topic = %publish.topic, "a message of a topic that is no longer this station's; unsubscribing");
            // Failing is harmless: the next message of that topic tries again.
            let _ = self.client.try_unsubscribe(publish.topic.clone());
            let _ = self.client.try_ack(&publish);
            return;
        }
        self.stats.received.add();
        let delivery = Delivery {
            packet_id: if publish.qos == QoS::AtMostOnce { 0 } else { publish.pkid },
            dup: publish.dup,
            retain: publish.retain,
            payload: publish.payload,
        };
        let (packet_id, payload) = (delivery.packet_id, delivery.payload.clone());
        let mut deliveries = self.deliveries();
        match deliveries.arrived(delivery) {
            Arrival::Queued => self.work.notify_one(),
            Arrival::Waiting | Arrival::Answered => self.stats.redelivered.add(),
            Arrival::Overflow => self.overflow(packet_id, &payload),
        }
        self.settle(&mut deliveries);
    }

    fn overflow(&self, packet_id: u16, payload: &Bytes) {
        self.stats.overflowed.add();
        if packet_id == 0 {
            let shown = hex(&payload[..payload.len().min(LOGGED_BYTES)]);
            tracing::error!(station = %self.settings.station, payload_hex = %shown, "a QoS 0 message is lost: the queue is full, and its scanner does not ask for delivery");
        }
    }
}
