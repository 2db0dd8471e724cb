//! Handheld scanners: one MQTT client each, which publishes a reading with its
//! own id and waits for the station's answer. When none comes it sends the same
//! reading again, as a scanner with store-and-forward does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde::Deserialize;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a scanner waits for an answer before it sends the reading again.
const RESEND_AFTER: Duration = Duration::from_secs(3);
/// How long it goes on sending before the person gives up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(90);

/// What the station answered.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    /// `green`, `red` or `amber`.
    pub colour: String,
    /// Stable message key.
    pub code: String,
    /// What it was, in the operator's language.
    #[serde(default)]
    pub what: String,
    /// What is next.
    #[serde(default)]
    pub next: String,
    /// Arguments of the message.
    #[serde(default)]
    pub args: Vec<(String, String)>,
    /// Id of the reading that this answers.
    #[serde(default)]
    pub input_id: String,
}

impl Answer {
    /// The value of an argument of the message.
    #[must_use]
    pub fn arg(&self, name: &str) -> Option<&str> {
        let found = self.args.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it was taken (green or amber).
    #[must_use]
    pub fn taken(&self) -> bool {
        self.colour != "red"
    }
}

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Answer>>>>;

/// A scanner at one station. Dropping it disconnects.
pub struct Scanner {
    client: AsyncClient,
    scan_topic: String,
    waiting: Waiting,
    connected: watch::Receiver<bool>,
    counter: u64,
    stop: CancellationToken,
}

impl Scanner {
    /// Connects to the station's broker in the background; [`Scanner::scan`]
    /// waits until that has happened.
    #[must_use]
    pub fn start(host: &str, port: u16, client_id: &str, scan_topic: &str, feedback_topic: &str) -> Self {
        let mut options = MqttOptions::new(client_id, host, port);
        options.set_keep_alive(Duration::from_secs(10));
        options.set_clean_session(true);
        let (client, mut events) = AsyncClient::new(options, 16);
        events.network_options.set_tcp_nodelay(true);
        let waiting: Waiting = Arc::default();
        let (up, connected) = watch::channel(false);
        let stop = CancellationToken::new();

        let task_client = client.clone();
        let task_waiting = waiting.clone();
        let task_stop = stop.clone();
        let topic = feedback_topic.to_owned();
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    () = task_stop.cancelled() => return,
                    event = events.poll() => event,
                };
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        // The request queue is empty right after a connect.
                        let _ = task_client.try_subscribe(&topic, QoS::AtLeastOnce);
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        up.send_replace(true);
                    }
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        hand_over(&task_waiting, &message.payload);
                    }
                    Ok(_) => {}
                    Err(_) => {
                        up.send_replace(false);
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
            }
        });
        Self { client, scan_topic: scan_topic.to_owned(), waiting, connected, counter: 0, stop }
    }

    /// Goes on from `counter`: another device than the one before it at this
    /// station, which has counted otherwise.
    #[must_use]
    pub fn count_from(mut self, counter: u64) -> Self {
        self.counter = counter;
        self
    }

    /// Scans `code` once and waits for the answer, sending the same reading
    /// again when none comes.
    ///
    /// # Errors
    /// When no answer came in 90 seconds.
    pub async fn scan(&mut self, code: &str) -> anyhow::Result<Answer> {
        self.counter += 1;
        let id = Uuid::now_v7().to_string();
        let payload = serde_json::json!({
            "code": code,
            "id": id,
            "counter": self.counter,
        })
        .to_string();
        self.send_until_answered(code, &id, payload.into_bytes()).await
    }

    async fn send_until_answered(
        &mut self,
        code: &str,
        id: &str,
        payload: Vec<u8>,
    ) -> anyhow::Result<Answer> {
        let deadline = tokio::time::Instant::now() + GIVE_UP_AFTER;
        while tokio::time::Instant::now() < deadline {
            let (sender, receiver) = oneshot::channel();
            lock(&self.waiting).insert(id.to_owned(), sender);
            // The look at the connection is a read lock; it must end here, or the task
            // that polls the connection stops with it.
            let waited = tokio::time::timeout(RESEND_AFTER, self.connected.wait_for(|up| *up)).await;
            if !waited.is_ok_and(|up| up.is_ok()) {
                continue;
            }
            self.client
                .publish(&self.scan_topic, QoS::AtLeastOnce, false, payload.clone())
                .await
                .context("the simulated scanner stopped")?;
            if let Ok(Ok(answer)) = tokio::time::timeout(RESEND_AFTER, receiver).await {
                return Ok(answer);
            }
        }
        lock(&self.waiting).remove(id);
        bail!("no answer on {} to {code} in {GIVE_UP_AFTER:?}", self.scan_topic)
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn hand_over(waiting: &Waiting, payload: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Answer>(payload) else {
        tracing::warn!(payload = %String::from_utf8_lossy(payload), "feedback that is no answer");
        return;
    };
    // The agent marks ids that came with a payload by `p:`, and adds a hash of the code.
    let own = answer.input_id.strip_prefix("p:").and_then(|id| id.rsplit_once(':'));
    let id = own.map_or(answer.input_id.as_str(), |(id, _)| id);
    if let Some(sender) = lock(waiting).remove(id) {
        let _ = sender.send(answer);
    }
}

fn lock(waiting: &Waiting) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
    waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
