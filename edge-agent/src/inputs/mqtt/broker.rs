//! The broker inside the agent (rumqttd), for a plant that has none.
//!
//! It keeps everything in memory: what a scanner published and the agent has not
//! yet answered is gone when the agent stops, and under load old messages are
//! dropped to stay within `segment_bytes` × `segments` per topic. Its
//! acknowledgement promises nothing; only an answer on the feedback topic does.
//!
//! It leaves Nagle's algorithm on, and its sockets cannot be had: an answer that
//! follows an acknowledgement would wait for the scanner's delayed TCP
//! acknowledgement, 40 ms. So it listens on loopback, and clients reach it
//! through a relay that passes everything on at once.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::inputs::Sightings;

/// How long one side of a connection may go on when the other has closed.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long a broker may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of the embedded broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerSettings {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Largest packet, in bytes. A client that sends a larger one is disconnected.
    pub max_payload: usize,
    /// Most connections at once: scanners and the agent's own, one per station.
    pub max_connections: usize,
    /// Topics or filters that exist from the start. A client that publishes to a
    /// topic that nobody ever subscribed to is disconnected; so that the agent is
    /// not, its feedback topics belong here.
    pub topics: Vec<String>,
    /// Bytes of one segment of a topic's messages, at least 1024.
    pub segment_bytes: usize,
    /// Segments kept per topic.
    pub segments: usize,
    /// User name and password that clients must give; none lets all in.
    pub login: Option<(String, String)>,
}

impl BrokerSettings {
    /// Settings for that address: packets to 64 KiB, 256 connections, and at most
    /// 512 KiB per topic.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            max_payload: 64 * 1024,
            max_connections: 256,
            topics: Vec::new(),
            segment_bytes: 64 * 1024,
            segments: 8,
            login: None,
        }
    }
}

/// Why the broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The address cannot be listened on.
    #[error("the broker cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its thread could not be started, or ended at once.
    #[error("the broker on {0} did not start; its log says why")]
    Start(SocketAddr),
}

/// A running broker. rumqttd cannot be stopped: when this is dropped nothing
/// reaches it any more, and it stays until the process ends.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    relay: JoinHandle<()>,
    /// Closed when its thread ends.
    thread: oneshot::Receiver<()>,
    cut: Arc<Sightings>,
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

impl Broker {
    /// Starts the broker on threads of its own and returns once it listens.
    pub async fn start(settings: BrokerSettings) -> Result<Self, BrokerError> {
        let (front, address) = front(settings.listen)?;
        let inner = free_address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let mut broker = rumqttd::Broker::new(config(&settings, inner));
        let (alive, gone) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("mqtt-broker".into())
            .spawn(move || {
                // Also when it panics.
                let _alive = alive;
                if let Err(error) = broker.start() {
                    tracing::error!(%error, "the embedded MQTT broker ended");
                }
            })
            .map_err(|source| BrokerError::Listen { address, source })?;
        let listening = async {
            while TcpStream::connect(inner).await.is_err() {
                if thread.is_finished() {
                    return false;
                }
                sleep(Duration::from_millis(10)).await;
            }
            true
        };
        if timeout(START_TIMEOUT, listening).await != Ok(true) {
            return Err(BrokerError::Start(address));
        }
        let cut = Arc::<Sightings>::default();
        let relay = tokio::spawn(relay(front, inner, settings.max_connections.max(1), cut.clone()));
        tracing::info!(%address, "the embedded MQTT broker listens");
        Ok(Self { address, relay, thread: gone, cut })
    }

    /// Returns when the broker has ended, which it never should.
    pub async fn ended(mut self) {
        // Nothing is ever sent.
        let _: Result<(), _> = (&mut self.thread).await;
    }

    /// Connections that it ended though the client had not taken leave, live:
    /// packets above its limit, wrong logins.
    pub fn cut_off(&self) -> Arc<Sightings> {
        Arc::clone(&self.cut)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address by which this process reaches it.
    pub fn local_address(&self) -> SocketAddr {
        reachable(self.address)
    }
}

/// Where clients connect to.
fn front(listen: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr), BrokerError> {
    let bound = TcpListener::bind(listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((tokio::net::TcpListener::from_std(listener)?, address))
    });
    bound.map_err(|source| BrokerError::Listen { address: listen, source })
}

/// Takes clients, so many at once, and connects each to the broker. One more is
/// turned away: whoever is at work keeps its connection.
async fn relay(front: tokio::net::TcpListener, inner: SocketAddr, most: usize, cut: Arc<Sightings>) {
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        match front.accept().await {
            Ok((client, from)) => {
                while clients.try_join_next().is_some() {}
                if clients.len() >= most {
                    tracing::warn!(%from, most, "too many connections to the embedded MQTT broker; one is turned away");
                    continue;
                }
                let cut = cut.clone();
                clients.spawn(async move {
                    match pass(client, inner).await {
                        Ok(Ended::InOrder) => {}
                        Ok(Ended::CutOff) => {
                            cut.add();
                            tracing::warn!(
                                %from,
                                "the embedded MQTT broker ended a connection: a packet was larger than `max_packet_bytes`, the login is wrong, another client has the same id, or it fell silent"
                            );
                        }
                        Err(error) => {
                            tracing::debug!(%from, %error, "a connection to the embedded broker broke");
                        }
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: others have to go first.
                tracing::warn!(%error, "the embedded MQTT broker cannot take a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One client, until either side has closed; then the other has a moment to read
/// what is still under way.
async fn pass(mut client: TcpStream, inner: SocketAddr) -> io::Result<Ended> {
    let mut broker = TcpStream::connect(inner).await?;
    for stream in [&client, &broker] {
        stream.set_nodelay(true)?;
    }
    let ((from_client, to_client), (from_broker, to_broker)) = (client.split(), broker.split());
    let (leaving, nothing) = (AtomicBool::new(false), AtomicBool::new(false));
    let (up, down) = (copy(from_client, to_broker, &leaving), copy(from_broker, to_client, &nothing));
    tokio::pin!(up, down);
    let ended = tokio::select! {
        ended = &mut up => match ended {
            // The broker takes no more, though the client goes on.
            Err(Broken::Writing(_)) if !leaving.load(Ordering::Relaxed) => Ended::CutOff,
            Err(Broken::Writing(_)) => Ended::InOrder,
            Err(Broken::Reading(error)) => return Err(error),
            Ok(()) => {
                let _: Result<_, _> = timeout(LAST_WORDS, down).await;
                Ended::InOrder
            }
        },
        ended = &mut down => {
            if let Err(Broken::Writing(error)) = ended {
                return Err(error);
            }
            let cut = !leaving.load(Ordering::Relaxed);
            let _: Result<_, _> = timeout(LAST_WORDS, up).await;
            if cut { Ended::CutOff } else { Ended::InOrder }
        }
    };
    Ok(ended)
}

/// How a client's connection ended.
enum Ended {
    /// The client closed it, or had taken leave.
    InOrder,
    /// The broker closed it.
    CutOff,
}

/// MQTT's packet by which a client takes leave.
const DISCONNECT: [u8; 2] = [0xe0, 0];

/// At which end a connection broke.
enum Broken {
    Reading(io::Error),
    Writing(io::Error),
}

/// Copies until the end. `leaving` says whether the last that went by was a good-bye.
async fn copy(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, leaving: &AtomicBool) -> Result<(), Broken> {
    let mut buffer = [0; 4096];
    loop {
        let count = from.read(&mut buffer).await.map_err(Broken::Reading)?;
        // Not lasting, so after each read: whoever sends small packets must not
        // wait for a delayed acknowledgement.
        #[cfg(target_os = "linux")]
        SockRef::from(from.as_ref()).set_tcp_quickack(true).map_err(Broken::Reading)?;
        match buffer.get(..count) {
            Some(read) if !read.is_empty() => {
                leaving.store(read.ends_with(&DISCONNECT), Ordering::Relaxed);
                to.write_all(read).await.map_err(Broken::Writing)?;
            }
            _ => return to.shutdown().await.map_err(Broken::Writing),
        }
    }
}

/// rumqttd only logs that it cannot bind, so try first.
fn free_address(listen: SocketAddr) -> Result<SocketAddr, BrokerError> {
    let attempt = TcpListener::bind(listen).and_then(|l| l.local_addr());
    attempt.map_err(|source| BrokerError::Listen { address: listen, source })
}

/// The address by which this process reaches what listens there: "any address" is
/// not one to connect to.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

fn config(settings: &BrokerSettings, listen: SocketAddr) -> rumqttd::Config {
    let auth = settings.login.clone().map(|login| HashMap::from([login]));
    let server = rumqttd::ServerSettings {
        name: "mqtt".into(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: rumqttd::ConnectionSettings {
            connection_timeout_ms: 5_000,
            max_payload_size: settings.max_payload,
            max_inflight_count: 100,
            auth,
            external_auth: None,
            // Otherwise any device could make the broker keep any number of topics.
            dynamic_filters: false,
        },
    };
    rumqttd::Config {
        id: 0,
        router: rumqttd::RouterConfig {
            max_connections: settings.max_connections,
            max_outgoing_packet_count: 200,
            max_segment_size: settings.segment_bytes.max(1024),
            max_segment_count: settings.segments.max(1),
            custom_segment: None,
            initialized_filters: Some(settings.topics.clone()),
            ..Default::default()
        },
        v4: Some(HashMap::from([("tcp".to_owned(), server)])),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn listens_once_started_and_names_a_taken_address() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let broker = Broker::start(BrokerSettings::new(any)).await.unwrap();
        assert_ne!(broker.address().port(), 0);
        TcpStream::connect(broker.local_address()).await.unwrap();
        let taken = BrokerSettings::new(broker.address());
        let error = Broker::start(taken).await.unwrap_err();
        assert!(error.to_string().contains("cannot listen on 127.0.0.1"), "{error}");
    }
    /// What the client hears until the other side closes.
    async fn heard(mut client: TcpStream) -> Vec<u8> {
        let mut rest = Vec::new();
        let reading = client.read_to_end(&mut rest);
        // A connection that is reset is closed too.
        let _ = timeout(Duration::from_secs(20), reading).await.expect("the other side closes");
        rest
    }

    #[tokio::test]
    async fn only_so_many_clients_at_once_and_none_stays_half_closed() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let inner = TcpListener::bind("127.0.0.1:0").unwrap();
        inner.set_nonblocking(true).unwrap();
        let (front, address) = front(any).unwrap();
        let silent = tokio::net::TcpListener::from_std(inner).unwrap();
        let relay = tokio::spawn(relay(front, silent.local_addr().unwrap(), 2, Arc::default()));
        let mut first = TcpStream::connect(address).await.unwrap();
        let (mut far, _) = silent.accept().await.unwrap();
        let second = TcpStream::connect(address).await.unwrap();
        let (_far, _) = silent.accept().await.unwrap();
        assert_eq!(heard(TcpStream::connect(address).await.unwrap()).await, b"", "turned away");
        // The broker's side says nothing and never closes; the client has gone.
        first.write_all(b"bye").await.unwrap();
        first.shutdown().await.unwrap();
        let mut said = [0; 3];
        far.read_exact(&mut said).await.unwrap();
        assert_eq!(heard(first).await, b"");
        // So there is room again.
        let _third = TcpStream::connect(address).await.unwrap();
        silent.accept().await.unwrap();
        relay.abort();
        drop(second);
    }

    #[tokio::test]
    async fn a_login_is_asked_for() {
        use rumqttc::{AsyncClient, Event, MqttOptions, Packet};

        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let login = Some(("scanner".to_owned(), "secret".to_owned()));
        let broker = Broker::start(BrokerSettings { login, ..BrokerSettings::new(any) }).await.unwrap();
        for (password, let_in) in [("secret", true), ("guessed", false)] {
            let address = broker.local_address();
            let mut options = MqttOptions::new("c", address.ip().to_string(), address.port());
            options.set_credentials("scanner", password);
            let (_client, mut events) = AsyncClient::new(options, 8);
            let event = timeout(Duration::from_secs(20), events.poll()).await.unwrap();
            let found = matches!(event, Ok(Event::Incoming(Packet::ConnAck(_))));
            assert_eq!(found, let_in, "{password}: {event:?}");
        }
    }
}
