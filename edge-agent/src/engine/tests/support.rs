//! A plant, rules and scans for tests.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use prost::Message;
use proto::{chain, v1};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use uid::{Key, TenantCode, TypeCode, Uid};
use uuid::Uuid;

use crate::config::PlantFile;
use crate::engine::{CodeSpeaker, EngineSettings, Handle, Rules, start_with};
use crate::inputs::{Answer, Colour, Intake, IntakeError, MachineInput, ScanInput};
use crate::reference::Reference;
use crate::station::types::{
    Decision, DraftEvent, DraftSubject, KeyRef, Label, NumberRef, PrintRequest, Reply, Scanned, Session,
    World,
};

pub const RM: TypeCode = TypeCode::RAW_MATERIAL;
pub const AGENT: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
pub const DOCK: &str = "DOCK1";

/// The example plant, with limits that no test meets by chance.
pub fn plant() -> PlantFile {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../plant-configs/kolkata.toml"));
    let mut plant = crate::config::load(path).expect("the example plant file is right");
    plant.disk.max_journal_bytes = 1 << 40;
    plant.disk.min_free_bytes = 0;
    plant
}

/// One agent on a disk of its own, stopped and started at will.
pub struct Agent {
    pub dir: TempDir,
    pub plant: PlantFile,
    pub machine: &'static str,
    pub broken_mark: Arc<AtomicBool>,
    pub full_disk: Arc<AtomicBool>,
    running: Option<(Handle, JoinHandle<()>)>,
}

impl Agent {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            dir,
            plant: plant(),
            machine: "machine-1",
            broken_mark: Arc::default(),
            full_disk: Arc::default(),
            running: None,
        }
    }

    /// A started agent with `count` RM numbers and document numbers.
    pub async fn ready(count: u64) -> Self {
        let mut agent = Self::new();
        agent.start().await;
        agent.grant(1, count).await;
        agent
    }

    pub fn settings(&self) -> EngineSettings {
        let dir = self.dir.path().join("data");
        let mut settings = EngineSettings::new(dir, AGENT, self.machine.to_owned(), 1);
        settings.broken_mark = Arc::clone(&self.broken_mark);
        settings.full_disk = Arc::clone(&self.full_disk);
        settings
    }

    pub fn database(&self) -> std::path::PathBuf {
        self.settings().data_dir.join(crate::journal::DATABASE)
    }

    pub async fn start(&mut self) {
        let started = start_with(
            self.settings(),
            Arc::new(self.plant.clone()),
            Arc::new(Scripted),
            Arc::new(CodeSpeaker),
        );
        self.running = Some(started.await.expect("the engine starts"));
    }

    pub fn handle(&self) -> Handle {
        self.running.as_ref().expect("it runs").0.clone()
    }

    /// Ends in order.
    pub async fn stop(&mut self) {
        let (handle, task) = self.running.take().expect("it runs");
        handle.stop().await;
        task.await.unwrap();
    }

    /// Another agent that finds what is on this one's disk now, as after a
    /// SIGKILL or in a copy: database, WAL and mark, nothing else.
    pub fn copy(&self) -> Self {
        let copy = Self {
            dir: tempfile::tempdir().unwrap(),
            plant: self.plant.clone(),
            machine: self.machine,
            broken_mark: Arc::default(),
            full_disk: Arc::default(),
            running: None,
        };
        let to = copy.settings().data_dir;
        std::fs::create_dir_all(&to).unwrap();
        for name in ["journal.db", "journal.db-wal", "mark"] {
            let from = self.settings().data_dir.join(name);
            if from.exists() {
                std::fs::copy(from, to.join(name)).unwrap();
            }
        }
        copy
    }

    pub async fn grant(&self, first: u64, last: u64) {
        let epoch = self.handle().head().borrow().epoch;
        let grant = v1::LeaseGrant { r#type: "RM".into(), first, last, epoch };
        self.handle().lease_granted(&grant).await.expect("the range is taken");
    }

    pub async fn scan(&self, text: &str, id: &str) -> Result<Answer, IntakeError> {
        self.handle().scan(scan(text, id)).await
    }

    /// A scan that must be green.
    pub async fn green(&self, text: &str, id: &str) -> Answer {
        let answer = self.scan(text, id).await.expect("it is taken");
        assert_eq!(answer.colour, Colour::Green, "{answer:?}");
        answer
    }

    /// Reads everything and checks the chain from the bytes, as the cloud does.
    /// Returns the events.
    pub async fn checked(&self) -> Vec<v1::Event> {
        let head = *self.handle().head().borrow();
        let mut expected = chain::genesis(AGENT.as_bytes(), head.epoch);
        let mut events: Vec<v1::Event> = Vec::new();
        while (events.len() as u64) < head.seq {
            let from = events.len() as u64 + 1;
            let batch = self.handle().read_batch(head.epoch, from, 64, 1 << 20).await.unwrap();
            assert!(!batch.is_empty(), "seq {from} is missing");
            for (seq, bytes) in batch {
                assert_eq!(seq, events.len() as u64 + 1, "the sequence has a gap");
                let event = check(&bytes, head.epoch, seq);
                let after_lost = events.last().is_some_and(|e| e.stage() == v1::Stage::Lost);
                if !after_lost {
                    assert_eq!(event.prev_hash, expected, "the chain breaks at {seq}");
                }
                expected = chain::link(&bytes);
                events.push(event);
            }
        }
        if events.last().is_none_or(|e| e.stage() != v1::Stage::Lost) {
            assert_eq!(expected, head.hash);
        }
        events
    }
}

fn check(bytes: &Bytes, epoch: u32, seq: u64) -> v1::Event {
    let event = v1::Event::decode(bytes.clone()).unwrap();
    assert_eq!((event.epoch, event.seq), (epoch, seq));
    assert_eq!(event.agent_id, AGENT.as_bytes());
    event
}

pub fn scan(text: &str, id: &str) -> ScanInput {
    ScanInput {
        station: DOCK.into(),
        text: text.into(),
        input_id: id.into(),
        device_counter: None,
        occurred_at: None,
        badge: None,
    }
}

/// A welcome of a cloud that has `through_seq`, and whose clock is right.
pub fn welcome(epoch: u32, through_seq: u64) -> v1::Welcome {
    let cloud_time_us = chrono::Utc::now().timestamp_micros();
    v1::Welcome { epoch, through_seq, cloud_time_us, ..v1::Welcome::default() }
}

/// Keys minted in these events, in order.
pub fn minted(events: &[v1::Event]) -> Vec<i64> {
    events.iter().flat_map(|e| &e.subjects).filter(|s| s.mint).map(|s| s.key).collect()
}

/// The UID that a green answer to MINT names.
pub fn uid_of(answer: &Answer) -> Uid {
    let found = answer.args.iter().find(|(name, _)| name == "uid").expect("an argument uid");
    found.1.parse().expect("a UID")
}

/// Rules by command: `MINT`, `MINTS n`, `HOLD` (of the first number), `NUMBER`, `NOTE text`, `DRAFT`, `BIG`,
/// `PANIC`, `CORRECT`, a UID (moves it), anything else is amber.
pub struct Scripted;

impl Rules for Scripted {
    fn classify(&self, text: &str, tenant: TenantCode, _: &Reference) -> Scanned {
        match uid::parse_scan(text, tenant) {
            Ok(uid) => Scanned::Uid(uid),
            Err(_) => Scanned::Text(text.to_owned()),
        }
    }

    fn wanted(&self, session: &Session, scanned: &Scanned) -> Vec<i64> {
        let mut keys = session.draft.clone();
        if let Scanned::Uid(uid) = scanned {
            keys.push(uid.key().get());
        }
        keys
    }

    fn interpret(&self, world: &World<'_>, scanned: &Scanned) -> Decision {
        let mut session = world.session.clone();
        session.touched_at = Some(world.now);
        let text = match scanned {
            Scanned::Uid(uid) => {
                let event = event(v1::Stage::Storage, vec![KeyRef::Existing(uid.key())]);
                return decision(Colour::Green, "moved", session, vec![event]);
            }
            Scanned::Text(text) => text.as_str(),
            _ => return decision(Colour::Red, "no", session, vec![]),
        };
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match verb {
            _ if world.repeat => decision(Colour::Amber, "again", session, vec![]),
            "MINT" | "MINTS" => {
                let count = rest.parse().unwrap_or(1);
                let keys = (0..count).map(|slot| KeyRef::Mint { slot, kind: RM }).collect();
                let event = event(v1::Stage::Commission, keys);
                let mut decision = decision(Colour::Green, "minted", session, vec![event]);
                decision.reply.args.push(("uid".into(), "{slot:0}".into()));
                decision.prints.push(PrintRequest {
                    key: KeyRef::Mint { slot: 0, kind: RM },
                    lines: vec!["{slot:0}".into()],
                    copy: 1,
                });
                decision
            }
            "NUMBER" => {
                let mut event = event(v1::Stage::GateIn, vec![]);
                let number = NumberRef::Next { series: "GRN".into() };
                event.references.push(("recadv".into(), number, 0));
                let mut decision = decision(Colour::Green, "numbered", session, vec![event]);
                decision.reply.args.push(("number".into(), "{number}".into()));
                decision
            }
            "NOTE" => {
                let mut event = event(v1::Stage::GateIn, vec![]);
                event.note = rest.into();
                decision(Colour::Green, "noted", session, vec![event])
            }
            "BIG" => {
                let mut event = event(v1::Stage::GateIn, vec![]);
                event.reason = "x".repeat(proto::MAX_EVENT_BYTES);
                decision(Colour::Green, "big", session, vec![event])
            }
            "CORRECT" => {
                let mut event = event(v1::Stage::Correct, vec![]);
                event.corrects = session.last_event.as_ref().map(|(id, _)| *id);
                decision(Colour::Green, "corrected", session, vec![event])
            }
            "HOLD" => {
                let first = Key::from_parts("KOL".parse().unwrap(), RM, 1).unwrap();
                let event = event(v1::Stage::Hold, vec![KeyRef::Existing(first)]);
                decision(Colour::Green, "held", session, vec![event])
            }
            "FACT" => {
                let event = event(v1::Stage::GateIn, vec![]);
                decision(Colour::Green, "fact", session, vec![event])
            }
            "DRAFT" => {
                session.digits.push_str(rest);
                decision(Colour::Green, "drafted", session, vec![])
            }
            "PANIC" => panic!("as asked"),
            _ => decision(Colour::Amber, "unknown", session, vec![]),
        }
    }

    fn on_machine(&self, world: &World<'_>, _: &MachineInput) -> Decision {
        let mut event = event(v1::Stage::Operation, vec![]);
        event.readings = world.readings.to_vec();
        decision(Colour::Green, "machine", world.session.clone(), vec![event])
    }

    fn fold(&self, labels: &mut HashMap<i64, Label>, event: &v1::Event, corrected: Option<&v1::Event>) {
        for subject in event.subjects.iter().chain(corrected.iter().flat_map(|e| &e.subjects)) {
            let label = labels.entry(subject.key).or_insert_with(|| Label::new(subject.key));
            label.last_stage = event.stage;
            if event.stage() == v1::Stage::Hold {
                label.holds.extend(Uuid::from_slice(&event.event_id).ok());
            }
        }
    }

    fn gives_birth(&self, stage: v1::Stage) -> bool {
        stage != v1::Stage::Procurement
    }
}

fn decision(colour: Colour, code: &str, session: Session, events: Vec<DraftEvent>) -> Decision {
    let reply = Reply { colour, code: code.into(), next: String::new(), args: Vec::new() };
    Decision { reply, session, events, prints: Vec::new(), beside: false }
}

fn event(stage: v1::Stage, keys: Vec<KeyRef>) -> DraftEvent {
    let mut event = DraftEvent::new(stage);
    event.subjects = keys
        .into_iter()
        .map(|key| DraftSubject {
            key,
            role: v1::Role::Subject,
            quantity: None,
            unit: String::new(),
            item: String::new(),
            lot: None,
            container: false,
            alias: String::new(),
        })
        .collect();
    event
}

/// A key of the plant's RM type.
pub fn key(sequence: u64) -> i64 {
    Key::from_parts("KOL".parse().unwrap(), RM, sequence).unwrap().get()
}
