//! What the plant of the stream does, seeded: goods are received, measured, used up, packed,
//! unpacked and sent, and now and then something is taken back.

use std::sync::{Arc, Mutex};

use chrono::Utc;
use proto::v1::{Action, Event, Lot, Outcome, Quality, Reading, Reference, Role, Stage, Subject};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use super::ground::{Done, Granted};
use super::stream::{Plant, Taken};
use super::{key_of, uid_of};

/// Facts for a kill.
const EACH: u64 = 260;
/// Most that lies in the journal and not in the cloud.
const AHEAD: u64 = 90;

/// Units as the plant knows them.
#[derive(Default)]
struct Stock {
    /// At a place, free to use: what was received and made.
    free: Vec<i64>,
    /// Packages.
    boxes: Vec<i64>,
    /// What is in which package.
    packed: Vec<(i64, i64)>,
    numbers: u64,
    last_us: i64,
}

/// Who does it.
pub struct Facts {
    pub done: Done,
    plant: Arc<Plant>,
    state: Mutex<(Stock, ChaCha8Rng)>,
}

impl Facts {
    pub fn new(plant: Arc<Plant>, granted: &Granted, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed ^ 0x57);
        Self { done: Done::of(granted, EACH), plant, state: Mutex::new((Stock::default(), rng)) }
    }

    /// Does as much as is granted, for ever; not far ahead of the cloud.
    pub async fn work(&self) {
        loop {
            self.done.due().await;
            self.plant.room(AHEAD).await;
            {
                let mut state = self.state.lock().unwrap();
                let (stock, rng) = &mut *state;
                let burst = rng.random_range(1..8);
                for _ in 0..burst {
                    stock.act(&self.plant, rng);
                    self.done.add();
                    if self.done.idle() {
                        break;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

fn part(key: i64, role: Role) -> Subject {
    Subject { key, role: role.into(), ..Subject::default() }
}

fn born(key: i64, role: Role, item: &str) -> Subject {
    Subject { mint: true, item: item.into(), unit: "pcs".into(), ..part(key, role) }
}

impl Stock {
    fn fact(&mut self, stage: Stage) -> Event {
        // Two facts of a plant have two moments.
        self.last_us = Utc::now().timestamp_micros().max(self.last_us + 1);
        Event {
            event_id: Uuid::now_v7().as_bytes().to_vec(),
            stage: stage.into(),
            occurred_at_us: self.last_us,
            occurred_offset_min: 330,
            operator_id: "P-2001".into(),
            ..Event::default()
        }
    }

    fn new_key(&mut self, kind: &str) -> i64 {
        self.numbers += 1;
        key_of("VSK", kind, self.numbers)
    }

    fn pick(&mut self, rng: &mut ChaCha8Rng) -> Option<i64> {
        self.free.choose(rng).copied()
    }

    /// One fact, or none where a hold forbids it.
    fn act(&mut self, plant: &Plant, rng: &mut ChaCha8Rng) {
        // A supervisor's word now and then.
        let word = rng.random_bool(0.05);
        match rng.random_range(0..20) {
            0..6 => self.receive(plant, rng),
            6..9 => self.make(plant, rng, word),
            9..12 => self.pack(plant, rng, word),
            12 => self.unpack(plant, rng),
            13..15 => self.work_on(plant, rng, word),
            15 => self.inspect(plant, rng),
            16 => self.send(plant, rng, word),
            17 => self.take_back(plant, rng),
            _ => self.store(plant, rng),
        }
    }

    fn receive(&mut self, plant: &Plant, rng: &mut ChaCha8Rng) {
        let key = self.new_key("RM");
        let lot = rng.random_range(1..40_u128);
        let lot_id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + lot).as_bytes().to_vec();
        let mut event = self.fact(Stage::Grn);
        event.location = "DOCK".into();
        event.references = vec![Reference {
            r#type: "recadv".into(),
            number: format!("GRN-2025-{:03}", key % 1000),
            line: 0,
        }];
        event.lots = vec![Lot {
            lot_id: lot_id.clone(),
            item: "RM-MOTOR".into(),
            supplier: "MOTORIX".into(),
            supplier_lot: format!("HEAT-{lot}"),
            ..Lot::default()
        }];
        event.subjects =
            vec![Subject { lot_id, alias: format!("SN-{key}"), ..born(key, Role::Subject, "RM-MOTOR") }];
        plant.record(event, false);
        self.free.push(key);
    }

    fn make(&mut self, plant: &Plant, rng: &mut ChaCha8Rng, word: bool) {
        let count = rng.random_range(1..4).min(self.free.len());
        let inputs: Vec<i64> = self.free.choose_multiple(rng, count).copied().collect();
        if inputs.is_empty() {
            return;
        }
        let key = self.new_key("SF");
        let mut event = self.fact(Stage::Transformation);
        event.subjects = inputs.iter().map(|input| part(*input, Role::Input)).collect();
        event.subjects.push(born(key, Role::Output, "SF-GEARBOX"));
        event.readings = vec![self.reading("torque", rng), self.reading("temperature", rng)];
        if plant.record(event, word) == Taken::Yes {
            self.free.retain(|one| !inputs.contains(one));
            self.free.push(key);
        }
    }

    fn reading(&self, name: &str, rng: &mut ChaCha8Rng) -> Reading {
        Reading {
            name: name.into(),
            value: format!("{}.{:02}", rng.random_range(10..90), rng.random_range(0..100)),
            unit: "C".into(),
            quality: Quality::Good.into(),
            low: "15".into(),
            high: "85".into(),
            at_us: self.last_us,
        }
    }

    fn pack(&mut self, plant: &Plant, rng: &mut ChaCha8Rng, word: bool) {
        if self.boxes.len() < 6 {
            let key = self.new_key("PK");
            let mut event = self.fact(Stage::Commission);
            event.subjects = vec![born(key, Role::Subject, "PK-CARTON")];
            plant.record(event, false);
            self.boxes.push(key);
            return;
        }
        let (Some(key), Some(into)) = (self.pick(rng), self.boxes.choose(rng).copied()) else { return };
        let mut event = self.fact(Stage::Packing);
        event.action = Action::Add.into();
        event.subjects = vec![part(key, Role::Child), part(into, Role::Parent)];
        if plant.record(event, word) == Taken::Yes {
            self.free.retain(|one| *one != key);
            self.packed.push((key, into));
        }
    }

    fn unpack(&mut self, plant: &Plant, rng: &mut ChaCha8Rng) {
        let Some((key, from)) = self.packed.choose(rng).copied() else { return };
        let mut event = self.fact(Stage::Packing);
        event.action = Action::Delete.into();
        event.subjects = vec![part(key, Role::Child), part(from, Role::Parent)];
        if plant.record(event, false) == Taken::Yes {
            self.packed.retain(|one| one.0 != key);
            self.free.push(key);
        }
    }

    fn work_on(&mut self, plant: &Plant, rng: &mut ChaCha8Rng, word: bool) {
        let Some(key) = self.pick(rng) else { return };
        let mut event = self.fact(Stage::Operation);
        event.action = Action::Add.into();
        event.operation = "CURE".into();
        event.attempt = 1;
        event.readings = vec![self.reading("temperature", rng)];
        event.subjects = vec![part(key, Role::Subject)];
        plant.record(event, word);
    }

    fn inspect(&mut self, plant: &Plant, rng: &mut ChaCha8Rng) {
        let Some(key) = self.pick(rng) else { return };
        let mut event = self.fact(Stage::Inspection);
        event.outcome = Outcome::Passed.into();
        event.subjects = vec![part(key, Role::Subject)];
        plant.record(event, false);
    }

    /// A package leaves with all that is in it.
    fn send(&mut self, plant: &Plant, rng: &mut ChaCha8Rng, word: bool) {
        let Some(key) = self.boxes.choose(rng).copied() else { return };
        let mut event = self.fact(Stage::Dispatch);
        event.subjects = vec![part(key, Role::Subject)];
        event.references =
            vec![Reference { r#type: "desadv".into(), number: format!("DA-{}", key % 100_000), line: 0 }];
        if plant.record(event, word) == Taken::Yes {
            self.boxes.retain(|one| *one != key);
            self.packed.retain(|one| one.1 != key);
        }
    }

    fn store(&mut self, plant: &Plant, rng: &mut ChaCha8Rng) {
        let Some(key) = self.pick(rng) else { return };
        let mut event = self.fact(Stage::Storage);
        event.location = format!("RACK-{}", rng.random_range(1..9));
        event.subjects = vec![part(key, Role::Subject)];
        plant.record(event, false);
    }

    /// Something is put away, and that is corrected; or a thing is made, and its making is.
    fn take_back(&mut self, plant: &Plant, rng: &mut ChaCha8Rng) {
        let Some(key) = self.pick(rng) else { return };
        let made = rng.random_bool(0.5);
        let mut event = self.fact(if made { Stage::Transformation } else { Stage::Storage });
        event.location = "RACK-9".into();
        event.subjects = match made {
            true => {
                let output = self.new_key("SF");
                vec![part(key, Role::Input), born(output, Role::Output, "SF-GEARBOX")]
            }
            false => vec![part(key, Role::Subject)],
        };
        let (wrong, parts) = (event.event_id.clone(), event.subjects.clone());
        if plant.record(event, false) == Taken::No {
            return;
        }
        let mut correction = self.fact(Stage::Correct);
        correction.corrects = wrong;
        correction.subjects = parts.iter().map(|one| part(one.key, Role::Subject)).collect();
        plant.record(correction, false);
    }
}

/// The UIDs of what the plant has, for whoever holds some.
pub fn known(plant: &Plant) -> Vec<String> {
    use prost::Message;
    let journal = plant.journal();
    let events = journal.events.iter().rev().take(400).filter_map(|bytes| Event::decode(bytes.clone()).ok());
    let born = events.flat_map(|event| event.subjects.into_iter().filter(|subject| subject.mint));
    born.map(|subject| uid_of(subject.key)).collect()
}
