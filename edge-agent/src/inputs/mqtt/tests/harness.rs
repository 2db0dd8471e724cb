//! A station under test, a scanner, a recording intake, and a network that fails.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::brokers::{Kind, TestBroker};
use crate::inputs::mqtt::{MqttScanner, MqttSettings, MqttStats};
use crate::inputs::{Answer, Colour, Intake, IntakeError, MachineInput, ScanInput};

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the condition holds, or fails naming it.
pub async fn eventually(what: &str, condition: impl Fn() -> bool) {
    eventually_async(what, || std::future::ready(condition())).await;
}

pub async fn eventually_async<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

/// Records what it takes, and does as told.
pub struct FakeIntake {
    state: Mutex<State>,
    gate: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct State {
    offered: Vec<ScanInput>,
    taken: Vec<ScanInput>,
    deny: VecDeque<IntakeError>,
    remembered: Vec<String>,
    /// Times that what is remembered cannot be read.
    forgetful: usize,
    refused: Vec<(String, Answer)>,
}

/// Opens the gate when dropped.
pub struct Gate(Arc<FakeIntake>);

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.gate.send_replace(None);
    }
}

impl FakeIntake {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), gate: watch::Sender::new(None) })
    }

    /// Lets no reading through until the gate is dropped.
    pub fn close_gate(self: &Arc<Self>) -> Gate {
        self.close_gate_for("")
    }

    /// The same for stations whose code begins like that.
    pub fn close_gate_for(self: &Arc<Self>, station: &str) -> Gate {
        self.gate.send_replace(Some(station.into()));
        Gate(Arc::clone(self))
    }

    pub fn deny(&self, errors: Vec<IntakeError>) {
        self.state.lock().unwrap().deny = errors.into();
    }

    pub fn remember(&self, input_id: &str) {
        self.state.lock().unwrap().remembered.push(input_id.into());
    }

    /// Makes the next questions for what is remembered fail.
    pub fn forget(&self, times: usize) {
        self.state.lock().unwrap().forgetful = times;
    }

    /// What was told to the station beside the scanner.
    pub fn refused(&self) -> Vec<(String, Answer)> {
        self.state.lock().unwrap().refused.clone()
    }

    /// Every reading offered, also those denied or still under way.
    pub fn offered(&self) -> Vec<ScanInput> {
        self.state.lock().unwrap().offered.clone()
    }

    /// The readings recorded.
    pub fn inputs(&self) -> Vec<ScanInput> {
        self.state.lock().unwrap().taken.clone()
    }
}

impl Intake for FakeIntake {
    fn scan(&self, input: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
        Box::pin(async move {
            self.state.lock().unwrap().offered.push(input.clone());
            let closed =
                |gate: &Option<String>| gate.as_ref().is_some_and(|prefix| input.station.starts_with(prefix));
            self.gate.subscribe().wait_for(|gate| !closed(gate)).await.unwrap();
            let mut state = self.state.lock().unwrap();
            if let Some(error) = state.deny.pop_front() {
                return Err(error);
            }
            state.taken.push(input.clone());
            Ok(Answer {
                colour: Colour::Green,
                code: "receipt.recorded".into(),
                args: vec![],
                what: input.text,
                next: String::new(),
                language: "en".into(),
                input_id: input.input_id,
                recorded: true,
            })
        })
    }

    fn machine(&self, _: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn earlier<'a>(
        &'a self,
        _: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, IntakeError>> {
        let mut state = self.state.lock().unwrap();
        if state.forgetful > 0 {
            state.forgetful -= 1;
            return Box::pin(std::future::ready(Err(IntakeError::Failed("disk".into()))));
        }
        let found = state.remembered.iter().rev().find(|id| id.starts_with(prefix));
        let found = Ok(found.cloned());
        Box::pin(std::future::ready(found))
    }

    fn refused(&self, station: &str, answer: &Answer) {
        self.state.lock().unwrap().refused.push((station.to_owned(), answer.clone()));
    }
}

/// A station's connection under test.
pub struct Station {
    pub stats: Arc<MqttStats>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Station {
    /// Starts it and waits until it is subscribed.
    pub async fn start(
        broker: &TestBroker,
        code: &str,
        address: SocketAddr,
        intake: &Arc<FakeIntake>,
    ) -> Self {
        let host = address.ip().to_string();
        let (client_id, topic) = (format!("agent-{code}"), format!("t/{code}/scan"));
        let settings = MqttSettings {
            feedback_topic: Some(format!("t/{code}/feedback")),
            queue: 64,
            reconnect_min: Duration::from_millis(20),
            reconnect_max: Duration::from_millis(200),
            broker_marks_redelivery: broker.kind() == Kind::Mosquitto,
            ..MqttSettings::new(code, &host, address.port(), &client_id, &topic)
        };
        let stop = CancellationToken::new();
        let scanner = MqttScanner::new(settings, intake.clone(), stop.clone()).unwrap();
        let stats = scanner.stats();
        let task = tokio::spawn(scanner.run());
        eventually("the station is ready", || stats.ready.get()).await;
        Self { stats, stop, task }
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, &mut self.task).await.unwrap().unwrap();
    }

    /// As if the agent's process had ended.
    pub async fn kill(mut self) {
        self.task.abort();
        assert!((&mut self.task).await.unwrap_err().is_cancelled());
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}", self.stats);
        }
    }
}

/// A scanner with a connection of its own.
pub struct Device {
    client: AsyncClient,
    topic: String,
    answers: Arc<Mutex<Vec<Answer>>>,
    task: JoinHandle<()>,
}

impl Device {
    pub async fn connect(broker: &TestBroker, code: &str) -> Self {
        let address = broker.address();
        let mut options =
            MqttOptions::new(format!("device-{code}"), address.ip().to_string(), address.port());
        options.set_max_packet_size(32 << 20, 32 << 20).set_keep_alive(Duration::from_secs(30));
        let (client, mut events) = AsyncClient::new(options, 64);
        let answers = Arc::new(Mutex::new(Vec::new()));
        let (received, ready) = (Arc::clone(&answers), Arc::new(Notify::new()));
        let subscribed = Arc::clone(&ready);
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::SubAck(_))) => subscribed.notify_one(),
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let answer = serde_json::from_slice(&publish.payload).unwrap();
                        received.lock().unwrap().push(answer);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        eprintln!("device: {error}");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            }
        });
        client.subscribe(format!("t/{code}/feedback"), QoS::AtLeastOnce).await.unwrap();
        tokio::time::timeout(PATIENCE, ready.notified()).await.expect("the device subscribes");
        Self { client, topic: format!("t/{code}/scan"), answers, task }
    }

    pub async fn scan(&self, text: &str) {
        self.scan_bytes(text.as_bytes().to_vec()).await;
    }

    pub async fn scan_bytes(&self, payload: Vec<u8>) {
        self.client.publish(&self.topic, QoS::AtLeastOnce, false, payload).await.unwrap();
    }

    /// Leaves a message at the broker for every later subscriber.
    pub async fn retain(&self, text: &str) {
        self.client.publish(&self.topic, QoS::AtLeastOnce, true, text.as_bytes().to_vec()).await.unwrap();
    }

    /// The answers so far, once there are that many.
    pub async fn answers(&self, count: usize) -> Vec<Answer> {
        let have = || self.answers.lock().unwrap().len() >= count;
        eventually(&format!("{count} answers"), have).await;
        self.answers.lock().unwrap().clone()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A network between station and broker that can be cut.
pub struct Proxy {
    address: SocketAddr,
    cut: Arc<Mutex<CancellationToken>>,
    refusing: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(Mutex::new(CancellationToken::new()));
        let refusing = Arc::new(AtomicBool::new(false));
        let (current, refuses) = (Arc::clone(&cut), Arc::clone(&refusing));
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                if refuses.load(Ordering::Relaxed) {
                    continue;
                }
                let cut = current.lock().unwrap().clone();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(to).await else { return };
                    let copy = tokio::io::copy_bidirectional(&mut near, &mut far);
                    let _ = cut.run_until_cancelled(copy).await;
                });
            }
        });
        Self { address, cut, refusing, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drops every connection there is.
    pub fn cut(&self) {
        std::mem::take(&mut *self.cut.lock().unwrap()).cancel();
    }

    /// Whether new connections are dropped too.
    pub fn refuse(&self, refuse: bool) {
        self.refusing.store(refuse, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
