//! What a plant records, lot by lot, without the plant: parts are ordered,
//! received, stored, issued, built in, tested and packed. Seeded; the same
//! number of lots is the same bytes.

use std::collections::HashMap;

use edge_agent::journal::{Head, NewInput, NewRecord};
use edge_agent::station;
use edge_agent::station::types::Label;
use prost::Message;
use proto::v1::{self, Action, Outcome, Quality, Role, Stage};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::line;

/// The agent that records all this.
pub const AGENT: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_000b_e7c4);
/// 2025-06-02, in microseconds.
const BEGIN_US: i64 = 1_748_822_400_000_000;
/// Time between two facts.
const STEP_US: i64 = 200_000;
/// Parts of a lot; the last two stay in stock.
pub const PARTS: u64 = 10;
const UNITS: u64 = 4;
/// Events of one lot.
pub const EVENTS: u64 = 2 + PARTS + 2 * UNITS + 4 * UNITS + 2;

/// The lots of one plant, in order.
pub struct Facts {
    rng: ChaCha8Rng,
    lot: u64,
    head: Head,
}

/// One lot as the journal takes it.
#[derive(Default)]
pub struct Lot {
    /// Its events.
    pub records: Vec<NewRecord>,
    /// The inputs behind them.
    pub inputs: Vec<NewInput>,
    /// Labels as they are in the end.
    pub labels: HashMap<i64, Label>,
}

impl Facts {
    /// From the first lot on.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), lot: 0, head: Head::genesis(AGENT, 1) }
    }

    /// The end of the chain.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The next lot.
    pub fn next_lot(&mut self) -> anyhow::Result<Lot> {
        let n = self.lot;
        self.lot += 1;
        let mut lot = Lot::default();
        let keys = |kind, from: u64, count| {
            (from + 1..=from + count)
                .map(|k| Ok(line::uid(kind, k)?.key().get()))
                .collect::<anyhow::Result<Vec<i64>>>()
        };
        let parts = keys("RM", n * PARTS, PARTS)?;
        let units = keys("SF", n * UNITS, UNITS)?;
        let package = line::uid("PK", n + 1)?.key().get();
        let (order, receipt) = (format!("PO-2025-{:04}", n / 20), format!("GRN-2025-{:06}", n + 1));
        let work = format!("WO-2025-{:04}", n / 50);
        let lot_id = self.random_id(0).as_bytes().to_vec();

        let named = |role: Role, keys: &[i64]| keys.iter().map(|key| subject(*key, role)).collect::<Vec<_>>();
        let born = |item: &str, key: i64, lot_id: &[u8]| v1::Subject {
            mint: true,
            item: item.into(),
            quantity: "1".into(),
            unit: "pcs".into(),
            lot_id: lot_id.to_vec(),
            ..subject(key, Role::Subject)
        };

        let mut event = at(Stage::Procurement, "DOCK1", "Vendor-XYZ");
        event.subjects = named(Role::Subject, &parts);
        event.references = vec![document("po", &order)];
        self.record(&mut lot, event);
        let mut event = at(Stage::Grn, "DOCK1", "Dock-1");
        event.subjects = parts.iter().map(|key| born("RM-GEAR", *key, &lot_id)).collect();
        event.references = vec![document("recadv", &receipt), document("po", &order)];
        event.lots = vec![v1::Lot {
            lot_id: lot_id.clone(),
            item: "RM-GEAR".into(),
            supplier: "VENDOR-XYZ".into(),
            supplier_lot: format!("HEAT-{:06}", self.rng.random_range(0..1_000_000)),
            ..v1::Lot::default()
        }];
        self.record(&mut lot, event);
        for key in &parts {
            let rack = self.rng.random_range(0..line::STORES);
            let mut event = at(Stage::Storage, &line::store(rack), &line::shelf(rack));
            event.subjects = named(Role::Subject, &[*key]);
            self.record(&mut lot, event);
        }
        let used = &parts[..2 * units.len()];
        for key in used {
            let mut event = at(Stage::IssueToProduction, "ISSUE1", "Assembly-Line-1");
            event.subjects = named(Role::Subject, &[*key]);
            event.references = vec![document("prodorder", &work)];
            self.record(&mut lot, event);
        }
        for (unit, children) in units.iter().zip(used.chunks(2)) {
            self.build(&mut lot, *unit, children, &work, born("SF-GEARBOX", *unit, &[]));
        }
        let mut event = at(Stage::Commission, "PACK1", "Packing-1");
        event.subjects = vec![born("PK-CARTON", package, &[])];
        self.record(&mut lot, event);
        let mut event = at(Stage::Packing, "PACK1", "Packing-1");
        event.action = Action::Add.into();
        event.subjects = named(Role::Parent, &[package]);
        event.subjects.extend(named(Role::Child, &units));
        self.record(&mut lot, event);
        Ok(lot)
    }

    /// One unit: begun, built, fastened, tested.
    fn build(&mut self, lot: &mut Lot, unit: i64, children: &[i64], work: &str, born: v1::Subject) {
        let line = |stage| v1::Event {
            references: vec![document("prodorder", work)],
            operation: "ASSEMBLE".into(),
            attempt: 1,
            ..at(stage, "ASM1", "Assembly-Line-1")
        };
        let mut event = line(Stage::Commission);
        event.subjects = vec![born];
        self.record(lot, event);
        let mut event = line(Stage::Assembly);
        event.action = Action::Add.into();
        event.subjects = vec![subject(unit, Role::Parent)];
        event.subjects.extend(children.iter().map(|key| subject(*key, Role::Child)));
        self.record(lot, event);
        let mut event = line(Stage::Operation);
        event.machine = "PLC1".into();
        event.subjects = vec![subject(unit, Role::Subject)];
        event.readings = vec![
            self.reading("torque", 12_000, "N.m", Some(("11.5", "12.5"))),
            self.reading("temperature", 25_300, "Cel", Some(("5", "45"))),
            self.reading("total_cycles", 120_000_000, "", None),
        ];
        self.record(lot, event);
        let mut event = at(Stage::Inspection, "QC1", "QC-Lab");
        event.operation = "TEST".into();
        event.attempt = 1;
        event.outcome = Outcome::Passed.into();
        event.subjects = vec![subject(unit, Role::Subject)];
        event.readings = vec![
            self.reading("backlash", 70, "mm", Some(("0.02", "0.12"))),
            self.reading("noise", 61_500, "dB", None),
        ];
        self.record(lot, event);
    }

    /// A value about `thousandths`.
    fn reading(
        &mut self,
        name: &str,
        thousandths: i64,
        unit: &str,
        limits: Option<(&str, &str)>,
    ) -> v1::Reading {
        let value = thousandths + self.rng.random_range(-thousandths / 50..=thousandths / 50);
        let (low, high) = limits.unwrap_or_default();
        v1::Reading {
            name: name.into(),
            value: format!("{}.{:03}", value / 1000, value % 1000),
            unit: unit.into(),
            quality: Quality::Good.into(),
            low: low.into(),
            high: high.into(),
            at_us: self.now_us(),
        }
    }

    fn now_us(&self) -> i64 {
        BEGIN_US + self.head.seq as i64 * STEP_US
    }

    /// A UUIDv7 of that time.
    fn random_id(&mut self, at_us: i64) -> Uuid {
        let mut bytes = [0; 10];
        self.rng.fill_bytes(&mut bytes);
        let millis = u64::try_from((BEGIN_US + at_us) / 1000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }

    /// Gives the event its place in the chain.
    fn record(&mut self, lot: &mut Lot, mut event: v1::Event) {
        let now = self.now_us();
        event.event_id = self.random_id(now - BEGIN_US).as_bytes().to_vec();
        event.agent_id = AGENT.as_bytes().to_vec();
        event.epoch = 1;
        event.seq = self.head.seq + 1;
        event.prev_hash = self.head.hash.to_vec();
        (event.occurred_at_us, event.occurred_offset_min) = (now - 20_000, 330);
        event.recorded_at_us = now;
        let digest = Sha256::digest(event.seq.to_be_bytes());
        let id: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        event.input_id = format!("p:{id}");
        for subject in &mut event.subjects {
            subject.count = lot.labels.get(&subject.key).map_or(0, |label| label.count) + 1;
        }
        station::fold(&mut lot.labels, &event);
        let bytes = event.encode_to_vec();
        self.head = self.head.after(&bytes);
        let seconds = now / 1_000_000;
        lot.records.push(NewRecord { place: self.head.place(), at: seconds, bytes });
        let answer = serde_json::json!({"colour": "green", "code": "stored", "args": [["place", event.location]],
            "what": "UID-SAIF-KOL-RM-000001-A7 is stored", "next": "Scan the next one", "language": "en",
            "input_id": event.input_id, "recorded": true});
        lot.inputs.push(NewInput {
            source: event.station,
            input_id: event.input_id,
            at: seconds,
            answer: answer.to_string(),
        });
    }
}

fn at(stage: Stage, station: &str, location: &str) -> v1::Event {
    v1::Event {
        stage: stage.into(),
        plant: "KOL".into(),
        station: station.into(),
        location: location.into(),
        operator_id: "OP-1001".into(),
        shift: "A".into(),
        production_date: 20_241,
        ..v1::Event::default()
    }
}

fn subject(key: i64, role: Role) -> v1::Subject {
    v1::Subject { key, role: role.into(), ..v1::Subject::default() }
}

fn document(kind: &str, number: &str) -> v1::Reference {
    v1::Reference { r#type: kind.into(), number: number.into(), line: 0 }
}
