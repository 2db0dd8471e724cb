//! The agent's side of the link against the cloud's: enrolment, and a stream
//! over a network that breaks all the time.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::Utc;
use edge_agent::enrol::{self, EnrolError, Expected, Identity};
use edge_agent::uplink::{self, Connection, Heads, Port, PortError, UplinkSettings, Wishes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::authority::{self, Authority, MasterKey};
use platform::ctx::Cx;
use platform::db::DbError;
use platform::tenancy;
use platform::testing::TestDb;
use prost::Message;
use prost::bytes::Bytes;
use proto::chain::{self, Hash};
use proto::v1;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use trace::edge::{Edge, EdgeConfig};
use trace::genealogy::Genealogy;
use trace::holds;
use trace::ingest::{Committed, Ingest};
use uuid::Uuid;

/// What every event of these tests is about.
const KEY: i64 = 3_474_027_400_000_000_001;

struct Cloud {
    db: TestDb,
    authority: Arc<Authority>,
    tenant: Uuid,
    agent: Uuid,
    addr: SocketAddr,
    _stop: DropGuard,
}

impl Cloud {
    async fn start() -> Self {
        let db = TestDb::new().await;
        let tenant = db.tenant("SAIF", &["KOL"]).await;
        let cx = Cx::new(tenant, "test");
        let agent: Result<Uuid, DbError> = db
            .db
            .tx(&cx, async |tx| {
                Ok(sqlx::query_scalar("select agent_id from agents where name = 'KOL'")
                    .fetch_one(tx.conn())
                    .await?)
            })
            .await;
        let now = Utc::now();
        let master = MasterKey::from_bytes(&[7; 32]).unwrap();
        let authority = Arc::new(Authority::open(&db.db, &master, now).await.unwrap());
        let (cert, key) = authority.issue_server(&["localhost".into()], now).unwrap();
        let tls = Arc::new(authority::tls::server_config(&authority, cert, key).unwrap());
        let ingest = Ingest::new(db.db.clone(), Committed::default());
        let edge = Edge::new(ingest, authority.clone(), EdgeConfig::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        tokio::spawn(async move { edge.serve(listener, tls, stop).await.unwrap() });
        Self { db, authority, tenant, agent: agent.unwrap(), addr, _stop: guard }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.addr.port())
    }

    async fn token(&self) -> String {
        let fingerprint = self.authority.fingerprint();
        tenancy::issue_token(&self.db.db, fingerprint, self.tenant, self.agent).await.unwrap()
    }

    async fn enrol(&self, machine: &str) -> Identity {
        let token = self.token().await.parse().unwrap();
        enrol::enrol(&self.url(), &token, machine, &expected("KOL")).await.unwrap()
    }

    async fn payloads(&self, epoch: i32) -> Vec<Vec<u8>> {
        let cx = Cx::new(self.tenant, "test");
        let done: Result<Vec<Vec<u8>>, DbError> = self
            .db
            .db
            .tx(&cx, async |tx| {
                Ok(sqlx::query_scalar("select payload from lifecycle_events where epoch = $1 order by seq")
                    .bind(epoch)
                    .fetch_all(tx.conn())
                    .await?)
            })
            .await;
        done.unwrap()
    }

    async fn exceptions(&self) -> Vec<String> {
        let cx = Cx::new(self.tenant, "test");
        let done: Result<Vec<String>, DbError> = self
            .db
            .db
            .tx(&cx, async |tx| {
                Ok(sqlx::query_scalar("select kind from exceptions order by kind")
                    .fetch_all(tx.conn())
                    .await?)
            })
            .await;
        done.unwrap()
    }
}

fn expected(plant: &str) -> Expected {
    Expected { tenant: "SAIF".into(), plant: plant.into() }
}

/// A journal in memory.
struct Memory {
    state: Mutex<State>,
    heads: watch::Sender<Heads>,
    wishes: watch::Sender<u64>,
    agent: Uuid,
    machine: &'static str,
}

#[derive(Clone)]
struct State {
    epoch: u32,
    events: Vec<Bytes>,
    head: Hash,
    acked: u64,
    leases: Vec<v1::LeaseGrant>,
    reference: Vec<v1::ReferenceRow>,
    version: u64,
    changes: Vec<v1::EpochChange>,
}

impl Memory {
    fn new(agent: Uuid, machine: &'static str) -> Arc<Self> {
        let state = State {
            epoch: 1,
            events: Vec::new(),
            head: chain::genesis(agent.as_bytes(), 1),
            acked: 0,
            leases: Vec::new(),
            reference: Vec::new(),
            version: 0,
            changes: Vec::new(),
        };
        Self::of(state, agent, machine)
    }

    fn of(state: State, agent: Uuid, machine: &'static str) -> Arc<Self> {
        let heads = Heads { epoch: state.epoch, seq: state.events.len() as u64, behind: false };
        Arc::new(Self {
            state: Mutex::new(state),
            heads: watch::channel(heads).0,
            wishes: watch::channel(0).0,
            agent,
            machine,
        })
    }

    /// The same disk in another machine.
    fn clone_to(&self, machine: &'static str) -> Arc<Self> {
        Self::of(self.state.lock().unwrap().clone(), self.agent, machine)
    }

    fn record(&self, count: usize) {
        for _ in 0..count {
            let mut state = self.state.lock().unwrap();
            let now = Utc::now().timestamp_micros();
            let event = v1::Event {
                event_id: Uuid::now_v7().as_bytes().to_vec(),
                stage: v1::Stage::Storage.into(),
                occurred_at_us: now,
                recorded_at_us: now,
                plant: "KOL".into(),
                station: "S-1".into(),
                subjects: vec![v1::Subject {
                    key: KEY,
                    role: v1::Role::Subject.into(),
                    ..v1::Subject::default()
                }],
                ..v1::Event::default()
            };
            state.push(event, self.agent);
        }
        self.publish();
    }

    fn publish(&self) {
        let state = self.state.lock().unwrap();
        self.heads.send_replace(Heads { epoch: state.epoch, seq: state.events.len() as u64, behind: false });
    }

    fn state(&self) -> State {
        self.state.lock().unwrap().clone()
    }
}

impl State {
    fn push(&mut self, event: v1::Event, agent: Uuid) {
        let event = v1::Event {
            agent_id: agent.as_bytes().to_vec(),
            epoch: self.epoch,
            seq: self.events.len() as u64 + 1,
            prev_hash: self.head.to_vec(),
            ..event
        };
        let bytes = Bytes::from(event.encode_to_vec());
        self.head = chain::link(&bytes);
        self.events.push(bytes);
    }
}

fn done<T: Send + 'static>(value: T) -> BoxFuture<'static, Result<T, PortError>> {
    async move { Ok(value) }.boxed()
}

impl Port for Memory {
    fn hello(&self) -> BoxFuture<'_, Result<v1::Hello, PortError>> {
        let state = self.state();
        done(v1::Hello {
            epoch: state.epoch,
            head_seq: state.events.len() as u64,
            head_hash: state.head.to_vec(),
            oldest_seq: 1,
            machine_id: self.machine.into(),
            reference_version: state.version,
            ..v1::Hello::default()
        })
    }

    fn heads(&self) -> watch::Receiver<Heads> {
        self.heads.subscribe()
    }

    fn read(
        &self,
        epoch: u32,
        from_seq: u64,
        max_events: usize,
        _max_bytes: usize,
    ) -> BoxFuture<'_, Result<(Vec<Bytes>, Vec<v1::Note>), PortError>> {
        let state = self.state();
        assert_eq!(epoch, state.epoch);
        let from = (from_seq as usize - 1).min(state.events.len());
        let to = (from + max_events).min(state.events.len());
        done((state.events[from..to].to_vec(), Vec::new()))
    }

    fn acked(&self, ack: v1::Ack) -> BoxFuture<'_, Result<(), PortError>> {
        let mut state = self.state.lock().unwrap();
        assert!(ack.through_seq <= state.events.len() as u64);
        if ack.epoch == state.epoch && ack.through_seq > 0 {
            let at = &state.events[ack.through_seq as usize - 1];
            assert_eq!(ack.chain_hash, chain::link(at).to_vec(), "acknowledged what was sent");
            state.acked = state.acked.max(ack.through_seq);
        }
        done(())
    }

    fn welcomed(&self, _welcome: v1::Welcome) -> BoxFuture<'_, Result<(), PortError>> {
        done(())
    }

    fn lease(&self, grant: v1::LeaseGrant) -> BoxFuture<'_, Result<bool, PortError>> {
        self.state.lock().unwrap().leases.push(grant);
        done(true)
    }

    fn series(&self, _grant: v1::SeriesGrant) -> BoxFuture<'_, Result<bool, PortError>> {
        done(true)
    }

    fn reference(&self, chunk: v1::ReferenceChunk) -> BoxFuture<'_, Result<Option<u64>, PortError>> {
        let mut state = self.state.lock().unwrap();
        state.reference.extend(chunk.rows);
        if chunk.last {
            state.version = chunk.version;
        }
        done(chunk.last.then_some(chunk.version))
    }

    fn contact(&self) -> BoxFuture<'_, Result<(), PortError>> {
        Box::pin(async { Ok(()) })
    }

    fn parted(&self) {}

    fn epoch(&self, change: v1::EpochChange) -> BoxFuture<'_, Result<(), PortError>> {
        {
            let mut state = self.state.lock().unwrap();
            let keep = (change.through_seq as usize).min(state.events.len());
            let again = state.events.split_off(keep);
            (state.epoch, state.events, state.acked) = (change.epoch, Vec::new(), 0);
            state.head = chain::genesis(self.agent.as_bytes(), change.epoch);
            for bytes in again {
                let event = v1::Event::decode(bytes).unwrap();
                state.push(event, self.agent);
            }
            state.changes.push(change);
        }
        self.publish();
        done(())
    }

    fn label(&self, _answer: v1::LabelAnswer) -> BoxFuture<'_, Result<(), PortError>> {
        done(())
    }

    fn wishes(&self) -> Wishes {
        let have = self.state.lock().unwrap().leases.len();
        let wish = v1::LeaseRequest { r#type: "RM".into(), count: 100 };
        Wishes { leases: if have == 0 { vec![wish] } else { vec![] }, ..Wishes::default() }
    }

    fn wish_signal(&self) -> watch::Receiver<u64> {
        self.wishes.subscribe()
    }

    fn status(&self) -> v1::Status {
        let state = self.state.lock().unwrap();
        v1::Status { queued_events: state.events.len() as u64 - state.acked, ..v1::Status::default() }
    }
}

/// Runs an agent's uplink until the guard is dropped.
fn run(url: String, identity: Identity, port: Arc<Memory>) -> (watch::Receiver<Connection>, DropGuard) {
    let settings = UplinkSettings {
        cloud_url: url,
        max_batch_events: 50,
        max_batch_bytes: 1 << 20,
        max_in_flight: 4,
        heartbeat: Duration::from_millis(200),
        reconnect_min: Duration::from_millis(10),
        reconnect_max: Duration::from_millis(50),
        machine_id: port.machine.into(),
        data_dir: std::env::temp_dir(),
    };
    let (told, connection) = watch::channel(Connection::default());
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    tokio::spawn(uplink::run(settings, identity, port, told, stop));
    (connection, guard)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

/// Passes bytes both ways, and cuts each connection after a random number of them.
async fn chaos(to: SocketAddr, cuts: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut random = rand::rngs::StdRng::seed_from_u64(42);
        for n in 0.. {
            let Ok((mut from, _)) = listener.accept().await else {
                return;
            };
            let budget: u64 = if n < cuts { random.random_range(1_000..60_000) } else { u64::MAX };
            tokio::spawn(async move {
                let Ok(mut to) = TcpStream::connect(to).await else {
                    return;
                };
                let (mut fr, mut fw) = from.split();
                let (mut tr, mut tw) = to.split();
                let up = async {
                    let mut limited = (&mut fr).take(budget);
                    let _ = tokio::io::copy(&mut limited, &mut tw).await;
                };
                let down = async {
                    let _ = tokio::io::copy(&mut tr, &mut fw).await;
                };
                tokio::select! { () = up => {}, () = down => {} }
            });
        }
    });
    addr
}

/// Passes bytes both ways, upwards no more than so many a second.
async fn slow(to: SocketAddr, per_second: usize) -> SocketAddr {
    const PIECE: usize = 2048;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let Ok(mut to) = TcpStream::connect(to).await else { return };
            tokio::spawn(async move {
                let (mut fr, mut fw) = from.split();
                let (mut tr, mut tw) = to.split();
                let up = async {
                    let mut pace =
                        tokio::time::interval(Duration::from_secs(1) / (per_second / PIECE) as u32);
                    let mut piece = [0; PIECE];
                    while let Ok(read @ 1..) = fr.read(&mut piece).await {
                        pace.tick().await;
                        if tw.write_all(&piece[..read]).await.is_err() {
                            break;
                        }
                    }
                };
                let down = async {
                    let _ = tokio::io::copy(&mut tr, &mut fw).await;
                };
                tokio::select! { () = up => {}, () = down => {} }
            });
        }
    });
    addr
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_down_does_not_wait_for_a_backlog() {
    let cloud = Cloud::start().await;
    let identity = cloud.enrol("m").await;
    let line = slow(cloud.addr, 60_000).await;
    let port = Memory::new(cloud.agent, "m");
    port.record(10_000);
    let (_connection, _guard) = run(format!("https://localhost:{}", line.port()), identity, port.clone());
    let behind = || {
        let acked = port.state().acked;
        assert!(acked < 10_000, "the backlog was gone first");
        acked
    };
    until("a lease", || !port.state().leases.is_empty()).await;
    until("something is acknowledged", || behind() > 0).await;
    let cx = Cx::new(cloud.tenant, "test");
    let scope = holds::Scope::Label { key: KEY, descendants: false };
    let placed: Result<holds::Done, holds::HoldError> = cloud
        .db
        .db
        .tx(&cx, async |tx| holds::place(tx, &Genealogy::default(), &scope, "torn", Utc::now()).await)
        .await;
    assert_eq!(placed.unwrap().members, 1);
    until("the hold", || {
        behind();
        port.state().reference.iter().any(|row| row.kind == "hold")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_makes_an_identity_and_only_for_the_cloud_that_it_names() {
    let (cloud, other) = (Cloud::start().await, Cloud::start().await);
    let token: enrol::Token = cloud.token().await.parse().unwrap();
    // Another cloud is not told the token, for its authority is another.
    let wrong = enrol::enrol(&other.url(), &token, "m", &expected("KOL")).await;
    assert!(matches!(wrong, Err(EnrolError::Connect(_))), "{wrong:?}");
    let wrong_name = format!("https://127.0.0.1:{}", cloud.addr.port());
    assert!(enrol::enrol(&wrong_name, &token, "m", &expected("KOL")).await.is_err());
    let identity = enrol::enrol(&cloud.url(), &token, "m", &expected("KOL")).await.unwrap();
    assert_eq!((identity.agent_id, identity.tenant_id, identity.epoch), (cloud.agent, cloud.tenant, 1));
    let again = enrol::enrol(&cloud.url(), &token, "m", &expected("KOL")).await;
    assert!(matches!(again, Err(EnrolError::Refused(_))), "{again:?}");

    let dir = tempfile::tempdir().unwrap();
    identity.save(dir.path()).unwrap();
    let kept = Identity::load(dir.path()).unwrap().unwrap();
    let renewed = enrol::renew(&cloud.url(), &kept).await.unwrap();
    assert_ne!(renewed.certificate_pem, kept.certificate_pem);
    let port = Memory::new(cloud.agent, "m");
    port.record(3);
    let (connection, _guard) = run(cloud.url(), renewed, port.clone());
    until("acknowledged", || port.state().acked == 3).await;
    assert!(connection.borrow().connected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_crosses_a_network_that_breaks_all_the_time() {
    let cloud = Cloud::start().await;
    let identity = cloud.enrol("m").await;
    let proxy = chaos(cloud.addr, 25).await;
    let port = Memory::new(cloud.agent, "m");
    port.record(2000);
    let (_connection, _guard) = run(format!("https://localhost:{}", proxy.port()), identity, port.clone());
    // Live facts join the backlog meanwhile.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        port.record(5);
    }
    until("all acknowledged", || port.state().acked == 2100).await;
    let sent: Vec<Vec<u8>> = port.state().events.iter().map(|b| b.to_vec()).collect();
    assert_eq!(cloud.payloads(1).await, sent);
    assert_eq!(cloud.exceptions().await, Vec::<String>::new());
    until("a lease", || !port.state().leases.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cloned_agent_goes_on_in_an_epoch_of_its_own_and_loses_nothing() {
    let cloud = Cloud::start().await;
    let identity = cloud.enrol("m").await;
    let original = Memory::new(cloud.agent, "m");
    original.record(300);
    let clone = original.clone_to("another");
    original.record(100);
    clone.record(150);
    let (mut connection, guard) = run(cloud.url(), identity.clone(), original.clone());
    until("the original", || original.state().acked == 400).await;
    drop(guard);
    // The original has hung up once nobody tells of its connection any more.
    while connection.changed().await.is_ok() {}
    let (_connection, _guard) = run(cloud.url(), identity, clone.clone());
    until("the clone", || clone.state().epoch == 2 && clone.state().acked == 150).await;
    let change = clone.state().changes[0].clone();
    assert_eq!((change.epoch, change.through_seq), (2, 300));
    clone.record(10);
    until("live facts", || clone.state().acked == 160).await;
    assert_eq!((cloud.payloads(1).await.len(), cloud.payloads(2).await.len()), (400, 160));
    assert_eq!(cloud.exceptions().await, ["fork"]);
}
