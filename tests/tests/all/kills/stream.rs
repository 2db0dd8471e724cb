//! A plant whose journal lies in memory and which is connected as an agent is: its own
//! certificate, the agent's own uplink, gRPC over mutual TLS. It keeps what it sent, what
//! was acknowledged, and which holds it was told of, and notes what the cloud must not do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use edge_agent::enrol::{self, Expected};
use edge_agent::uplink::{self, Connection, Heads, Port, PortError, Read, UplinkSettings, Wishes};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Bytes;
use prost::Message;
use proto::chain::{self, Hash};
use proto::v1;
use simulators::demo::world::TENANT;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trace::holds::acts::{Version, forbidden};
use trace::holds::check::Step;
use uuid::Uuid;

/// Events of a batch at most: small, so that kills fall between and within many.
const BATCH: usize = 24;
const EPOCH: u32 = 1;

/// What it has recorded and was told.
pub struct Journal {
    pub events: Vec<Bytes>,
    head: Hash,
    acknowledged: u64,
    /// Rows of the reference data that are holds: keys by the row's id.
    pub holds: BTreeMap<String, BTreeSet<i64>>,
    had: Version,
    /// Part of a version that has not come whole.
    staged: Vec<v1::ReferenceRow>,
    staged_full: bool,
    /// The cloud is in touch, and what it holds is not in force yet.
    waiting: bool,
    /// What it did, for the checker of holds.
    pub steps: Vec<Step>,
    /// What the cloud did that it must not do.
    wrong: Vec<String>,
}

/// The plant.
pub struct Plant {
    pub agent: Uuid,
    journal: Mutex<Journal>,
    heads: watch::Sender<Heads>,
    wishes: watch::Sender<u64>,
    acknowledged: watch::Sender<u64>,
}

/// Enrols it by its token, and lets it be in touch until `stop`.
pub async fn connect(token: &Path, grpc: u16, dir: &Path, stop: &CancellationToken) -> Arc<Plant> {
    let url = format!("https://localhost:{grpc}");
    let token = std::fs::read_to_string(token).unwrap().parse().unwrap();
    let expected = Expected { tenant: TENANT.into(), plant: "VSK".into() };
    let identity = enrol::enrol(&url, &token, "machine-vsk", &expected).await.unwrap();
    let journal = Journal {
        events: Vec::new(),
        head: chain::genesis(identity.agent_id.as_bytes(), EPOCH),
        acknowledged: 0,
        holds: BTreeMap::new(),
        had: Version::default(),
        staged: Vec::new(),
        staged_full: false,
        waiting: false,
        steps: Vec::new(),
        wrong: Vec::new(),
    };
    let plant = Arc::new(Plant {
        agent: identity.agent_id,
        journal: Mutex::new(journal),
        heads: watch::Sender::new(Heads { epoch: EPOCH, seq: 0, behind: false }),
        wishes: watch::Sender::new(0),
        acknowledged: watch::Sender::new(0),
    });
    let data_dir = dir.join("vsk");
    std::fs::create_dir_all(&data_dir).unwrap();
    let settings = UplinkSettings {
        cloud_url: url,
        max_batch_events: BATCH,
        max_batch_bytes: 1024 * 1024,
        max_in_flight: 3,
        heartbeat: Duration::from_secs(5),
        reconnect_min: Duration::from_millis(50),
        reconnect_max: Duration::from_millis(300),
        machine_id: "machine-vsk".into(),
        data_dir,
    };
    let (port, told) = (plant.clone(), watch::Sender::new(Connection::default()));
    tokio::spawn(uplink::run(settings, identity, port, told, stop.clone()));
    plant
}

/// What became of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is in the journal.
    Yes,
    /// A part is held, or what is held is not known yet.
    No,
}

impl Plant {
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Events that the cloud has not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        let journal = self.journal();
        journal.events.len() as u64 - journal.acknowledged
    }

    /// Waits until fewer than `most` events are not acknowledged.
    pub async fn room(&self, most: u64) {
        let mut acknowledged = self.acknowledged.subscribe();
        while self.unacknowledged() >= most {
            acknowledged.changed().await.expect("the plant is there");
        }
    }

    /// What the cloud did that it must not do.
    pub fn wrong(&self) -> Vec<String> {
        self.journal().wrong.clone()
    }

    /// Records a fact, unless it is one that a hold forbids; `overridden` by a supervisor
    /// it is recorded all the same. Nothing of that kind is taken while what is held is
    /// not known.
    pub fn record(&self, mut event: v1::Event, overridden: bool) -> Taken {
        let mut journal = self.journal();
        let uses: Vec<i64> = event
            .subjects
            .iter()
            .filter(|subject| forbidden(event.stage(), event.action(), subject.role()))
            .map(|subject| subject.key)
            .collect();
        let held = uses.iter().any(|key| journal.holds.values().any(|keys| keys.contains(key)));
        if !uses.is_empty() && (journal.waiting || held && !overridden) {
            return Taken::No;
        }
        let seq = journal.events.len() as u64 + 1;
        event.agent_id = self.agent.as_bytes().to_vec();
        event.plant = "VSK".into();
        event.epoch = EPOCH;
        event.seq = seq;
        event.prev_hash = journal.head.to_vec();
        event.recorded_at_us = event.occurred_at_us;
        event.reference_generation = journal.had.generation.unsigned_abs();
        event.reference_version = journal.had.version.unsigned_abs();
        if held {
            event.overridden_by = "P-2001".into();
        }
        let bytes = Bytes::from(event.encode_to_vec());
        journal.head = chain::link(&bytes);
        journal.events.push(bytes);
        let steps =
            uses.into_iter().map(|key| Step::Accepted { event: seq, key, overridden: held, arrived: None });
        journal.steps.extend(steps);
        drop(journal);
        self.heads.send_modify(|heads| heads.seq = seq);
        Taken::Yes
    }
}

impl Journal {
    /// The bytes' hash at a seq; the genesis at 0.
    fn hash_at(&self, agent: Uuid, seq: u64) -> Option<Hash> {
        match seq {
            0 => Some(chain::genesis(agent.as_bytes(), EPOCH)),
            seq => Some(chain::link(self.events.get(usize::try_from(seq).ok()? - 1)?)),
        }
    }

    /// The cloud says that it has everything through a seq.
    fn cursor(&mut self, what: &str, agent: Uuid, seq: u64, hash: &[u8]) {
        if seq < self.acknowledged {
            let before = self.acknowledged;
            self.wrong.push(format!("{what}: {seq}, after {before} was acknowledged"));
        }
        if self.hash_at(agent, seq).is_none_or(|own| own.as_slice() != hash) {
            self.wrong.push(format!("{what}: another history at {seq}"));
        }
        self.acknowledged = self.acknowledged.max(seq);
    }

    fn chunk(&mut self, chunk: v1::ReferenceChunk) -> Option<u64> {
        self.staged_full |= chunk.full;
        self.staged.extend(chunk.rows);
        if !chunk.last {
            return None;
        }
        if std::mem::take(&mut self.staged_full) {
            self.holds.clear();
        }
        for row in std::mem::take(&mut self.staged).into_iter().filter(|row| row.kind == "hold") {
            if row.deleted {
                self.holds.remove(&row.id);
                continue;
            }
            let body: serde_json::Value = serde_json::from_str(&row.json).unwrap_or_default();
            let keys = body["keys"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_i64);
            self.holds.insert(row.id, keys.collect());
        }
        self.had.version = i64::try_from(chunk.version).unwrap_or(i64::MAX);
        self.waiting = false;
        self.steps.push(Step::Applied(self.had));
        Some(chunk.version)
    }

    fn unstage(&mut self) {
        self.staged.clear();
        self.staged_full = false;
    }
}

fn done<T: Send + 'static>(value: T) -> BoxFuture<'static, Result<T, PortError>> {
    async move { Ok(value) }.boxed()
}

impl Port for Plant {
    fn hello(&self) -> BoxFuture<'_, Result<v1::Hello, PortError>> {
        let journal = self.journal();
        done(v1::Hello {
            epoch: EPOCH,
            head_seq: journal.events.len() as u64,
            head_hash: journal.head.to_vec(),
            oldest_seq: 1,
            machine_id: "machine-vsk".into(),
            reference_version: journal.had.version.unsigned_abs(),
            generation: journal.had.generation.unsigned_abs(),
            software: "a test".into(),
            ..v1::Hello::default()
        })
    }

    fn heads(&self) -> watch::Receiver<Heads> {
        self.heads.subscribe()
    }

    fn read(&self, _: u32, from_seq: u64, events: usize, _: usize) -> BoxFuture<'_, Result<Read, PortError>> {
        let journal = self.journal();
        let from = usize::try_from(from_seq).unwrap_or(1).saturating_sub(1).min(journal.events.len());
        let to = (from + events).min(journal.events.len());
        done((journal.events[from..to].to_vec(), Vec::new()))
    }

    fn acked(&self, ack: v1::Ack) -> BoxFuture<'_, Result<(), PortError>> {
        let mut journal = self.journal();
        journal.cursor("an acknowledgement", self.agent, ack.through_seq, &ack.chain_hash);
        self.acknowledged.send_replace(journal.acknowledged);
        done(())
    }

    fn welcomed(&self, welcome: v1::Welcome) -> BoxFuture<'_, Result<(), PortError>> {
        let mut journal = self.journal();
        journal.cursor("a welcome", self.agent, welcome.through_seq, &welcome.chain_hash);
        journal.had.generation = i64::try_from(welcome.generation).unwrap_or(i64::MAX);
        self.acknowledged.send_replace(journal.acknowledged);
        done(())
    }

    fn lease(&self, _: v1::LeaseGrant) -> BoxFuture<'_, Result<bool, PortError>> {
        done(true)
    }

    fn series(&self, _: v1::SeriesGrant) -> BoxFuture<'_, Result<bool, PortError>> {
        done(true)
    }

    fn reference(&self, chunk: v1::ReferenceChunk) -> BoxFuture<'_, Result<Option<u64>, PortError>> {
        done(self.journal().chunk(chunk))
    }

    fn contact(&self) -> BoxFuture<'_, Result<(), PortError>> {
        let mut journal = self.journal();
        journal.unstage();
        journal.waiting = true;
        done(())
    }

    fn parted(&self) {
        let mut journal = self.journal();
        journal.unstage();
        journal.waiting = false;
    }

    fn epoch(&self, change: v1::EpochChange) -> BoxFuture<'_, Result<(), PortError>> {
        self.journal().wrong.push(format!("epoch {} is to begin: {}", change.epoch, change.reason));
        done(())
    }

    fn label(&self, _: v1::LabelAnswer) -> BoxFuture<'_, Result<(), PortError>> {
        done(())
    }

    fn wishes(&self) -> Wishes {
        Wishes::default()
    }

    fn wish_signal(&self) -> watch::Receiver<u64> {
        self.wishes.subscribe()
    }

    fn status(&self) -> v1::Status {
        v1::Status { queued_events: self.unacknowledged(), ..v1::Status::default() }
    }
}
