//! A plant in memory that plays the engine: classify, interpret, mint, fold. It
//! also holds every decision to what must always be true.

use std::collections::HashMap;

use chrono::{DateTime, Duration, FixedOffset, NaiveDate};
use proto::v1::{self, Stage};
use rust_decimal::Decimal;
use uid::{Key, TypeCode, Uid};
use uuid::Uuid;

use super::fixture::{file, reference, stations};
use crate::config::{PlantFile, Station};
use crate::inputs::{Colour, MachineInput};
use crate::reference::Reference;
use crate::station::codes::{Code, Next};
use crate::station::control::{Control, Verb};
use crate::station::types::{
    Decision, DraftEvent, KeyRef, Label, Life, LotRef, NumberRef, Scanned, Session, World,
};
use crate::station::{
    can_be_corrected, classify, fold_correction, gives_birth, interpret, on_machine, wanted_keys,
};

pub(super) struct Plant {
    pub file: PlantFile,
    pub reference: Reference,
    pub labels: HashMap<i64, Label>,
    pub sessions: HashMap<String, Session>,
    pub events: Vec<v1::Event>,
    pub mintable: HashMap<TypeCode, u64>,
    pub numbers: HashMap<String, u64>,
    pub readings: Vec<v1::Reading>,
    /// The clock; each scan takes ten seconds.
    pub now: DateTime<FixedOffset>,
    pub shift: String,
    /// Badge that comes with each scan.
    pub badge: Option<String>,
    /// The decision on the last scan.
    pub last: Option<Decision>,
    minted: HashMap<TypeCode, u64>,
    documents: HashMap<String, u64>,
    ids: u128,
    inputs: u64,
    by_machine: bool,
}

impl Plant {
    /// Kolkata, with a station of every kind, all leases full.
    pub fn new() -> Self {
        let now: DateTime<FixedOffset> = "2025-01-18T14:20:00+05:30".parse().unwrap();
        let types = ["RM", "SF", "FG", "PK", "BN", "WP"];
        Self {
            file: file(stations()),
            reference: reference(now.to_utc()),
            labels: HashMap::new(),
            sessions: HashMap::new(),
            events: Vec::new(),
            mintable: types.iter().map(|kind| (kind.parse().unwrap(), 5_000)).collect(),
            numbers: [("GRN".to_owned(), 500), ("DC".to_owned(), 500)].into(),
            readings: Vec::new(),
            now,
            shift: "A".to_owned(),
            badge: None,
            last: None,
            minted: HashMap::new(),
            documents: HashMap::new(),
            ids: 0,
            inputs: 0,
            by_machine: false,
        }
    }

    pub fn station(&mut self, code: &str) -> &mut Station {
        self.file.stations.iter_mut().find(|s| s.code == code).unwrap()
    }

    pub fn session(&self, code: &str) -> Session {
        self.sessions.get(code).cloned().unwrap_or_default()
    }

    /// A UID by its short name: `RM3` is UID-SAIF-KOL-RM-000003.
    pub fn uid(&self, short: &str) -> Uid {
        let (kind, number) = short.split_at(2);
        let kind = kind.parse().unwrap();
        Uid::new(self.file.tenant, self.file.plant, kind, number.parse().unwrap()).unwrap()
    }

    pub fn key(&self, short: &str) -> i64 {
        self.uid(short).key().get()
    }

    pub fn label(&self, short: &str) -> &Label {
        &self.labels[&self.key(short)]
    }

    /// What a word of a table stands for: `DONE` and its like for control codes,
    /// `RM3` for a UID, `badge:anil`, anything else for itself.
    pub fn text(&self, word: &str) -> String {
        if let Some(id) = word.strip_prefix("badge:") {
            return format!("TWB-{}", id.to_uppercase());
        }
        let (head, value) = match word.split_once('-') {
            Some((head, value)) => (head, Some(value)),
            None => (word, None),
        };
        if let Some(verb) = Verb::from_word(head) {
            return Control::with(verb, value).unwrap().to_string();
        }
        let uid = word.len() > 2
            && word.as_bytes()[..2].iter().all(u8::is_ascii_uppercase)
            && word[2..].bytes().all(|byte| byte.is_ascii_digit());
        if uid { self.uid(word).to_string() } else { word.to_owned() }
    }

    /// Plays a table of scans at a station. An expectation is the colour, the
    /// code, and the stages of the events, such as `green stored STORAGE`.
    pub fn play(&mut self, station: &str, table: &[(&str, &str)]) {
        for (word, expected) in table {
            let text = self.text(word);
            let found = self.scan(station, &text);
            assert_eq!(
                &found,
                expected,
                "{station}: {word:?} ({text}), {:?}",
                self.last.as_ref().unwrap().reply
            );
        }
    }

    /// One scan now.
    pub fn scan(&mut self, station: &str, text: &str) -> String {
        self.now += Duration::seconds(10);
        let at = self.now;
        self.scan_at(station, text, at, false)
    }

    /// One scan that was made at another time.
    pub fn scan_at(&mut self, code: &str, text: &str, at: DateTime<FixedOffset>, repeat: bool) -> String {
        let scanned = classify(text, self.file.tenant, &self.reference);
        let session = self.session(code);
        let station = self.file.station(code).unwrap().clone();
        let labels = self.family(&wanted_keys(&session, &scanned));
        let decision = self.ask(&station, &session, &labels, at, repeat, |world| interpret(world, &scanned));
        self.check(&decision, &session, &scanned, text);
        self.settle(code, decision, at)
    }

    /// A machine's trigger.
    pub fn machine(&mut self, code: &str, input: &MachineInput) -> String {
        self.now += Duration::seconds(10);
        let session = self.session(code);
        let station = self.file.station(code).unwrap().clone();
        let labels = self.family(&wanted_keys(&session, &Scanned::Text(String::new())));
        let at = self.now;
        let decision = self.ask(&station, &session, &labels, at, false, |world| on_machine(world, input));
        self.by_machine = true;
        let told = self.settle(code, decision, at);
        self.by_machine = false;
        told
    }

    /// What a page sees of the station while nobody scans.
    pub fn look<T>(&self, code: &str, see: impl FnOnce(&World<'_>) -> T) -> T {
        let session = self.session(code);
        let station = self.file.station(code).unwrap().clone();
        let labels = self.family(&wanted_keys(&session, &Scanned::Text(String::new())));
        self.ask(&station, &session, &labels, self.now, false, see)
    }

    fn ask<T>(
        &self,
        station: &Station,
        session: &Session,
        labels: &HashMap<i64, Label>,
        at: DateTime<FixedOffset>,
        repeat: bool,
        rule: impl FnOnce(&World<'_>) -> T,
    ) -> T {
        let world = World {
            plant: &self.file,
            tenant: self.file.tenant,
            station,
            session,
            reference: &self.reference,
            labels,
            at,
            now: self.now.to_utc(),
            shift: (self.shift.clone(), at.date_naive()),
            mintable: &self.mintable,
            numbers: &self.numbers,
            readings: &self.readings,
            repeat,
            badge: self.badge.as_deref(),
            pin: None,
        };
        rule(&world)
    }

    /// Labels as the engine loads them: no more than it promises.
    fn family(&self, wanted: &[i64]) -> HashMap<i64, Label> {
        let mut found = HashMap::new();
        let mut open: Vec<(i64, bool)> = wanted.iter().map(|key| (*key, true)).collect();
        while let Some((key, wanted)) = open.pop() {
            let Some(label) = self.labels.get(&key) else { continue };
            if found.insert(key, label.clone()).is_some() && !wanted {
                continue;
            }
            if wanted || label.package {
                open.extend(label.children.iter().map(|child| (*child, false)));
            }
            if let (crate::station::types::Custody::Parent { key }, true) = (&label.custody, wanted) {
                open.push((*key, false));
            }
        }
        found
    }

    /// What must be true of every decision.
    fn check(&self, decision: &Decision, before: &Session, scanned: &Scanned, text: &str) {
        let reply = &decision.reply;
        let told = format!("{text}: {reply:?}");
        assert!(Code::find(&reply.code).is_some(), "{told}");
        assert!(reply.next.is_empty() || Next::find(&reply.next).is_some(), "{told}");
        let refused = decision.events.iter().filter(|e| e.stage == Stage::Refused).count();
        if reply.colour == Colour::Red {
            assert!(refused <= 1 && refused == decision.events.len(), "{told}");
            assert_eq!(decision.session.draft, before.draft, "{told}");
        }
        if reply.colour == Colour::Green {
            assert_eq!(refused, 0, "{told}");
        }
        if let Scanned::Badge(_) = scanned {
            assert!(decision.events.is_empty(), "{told}");
        }
        for event in &decision.events {
            assert!(event.subjects.len() <= 600, "{told}");
            if event.stage == Stage::Refused || event.stage == Stage::Label {
                continue;
            }
            for subject in &event.subjects {
                self.check_subject(event, subject, &told);
            }
        }
    }

    fn check_subject(&self, event: &DraftEvent, subject: &crate::station::types::DraftSubject, told: &str) {
        assert!(subject.quantity.is_none_or(|q| q >= Decimal::ZERO), "{told}");
        let KeyRef::Existing(key) = &subject.key else { return };
        let Some(label) = self.labels.get(&key.get()) else { return };
        let uses =
            matches!(subject.role, v1::Role::Input | v1::Role::Child) && event.action != v1::Action::Delete;
        let ended = matches!(label.life, Life::Consumed | Life::Scrapped);
        if uses && ended && event.overridden_by.is_empty() {
            panic!("{told}: uses {:?} {key}", label.life);
        }
        let held = self.reference.held_keys.contains(&key.get()) || !label.holds.is_empty();
        let arrives = matches!(
            event.stage,
            Stage::Return | Stage::ReturnToSupplier | Stage::JobWorkIn | Stage::JobWorkOut | Stage::Transfer
        );
        if uses && held && !arrives && event.overridden_by.is_empty() {
            panic!("{told}: uses {key}, which is held");
        }
    }

    /// Mints, numbers, records and folds what was decided.
    fn settle(&mut self, code: &str, decision: Decision, at: DateTime<FixedOffset>) -> String {
        let mut slots: HashMap<usize, i64> = HashMap::new();
        let mut lots: HashMap<usize, Uuid> = HashMap::new();
        let mut number: Option<String> = None;
        let mut recorded = Vec::new();
        let mut born = Vec::new();
        self.inputs += 1;
        // Who is signed in, as the engine stamps it.
        let signed_in = decision.session.operator.as_ref().map(|operator| operator.operator.clone());
        for draft in &decision.events {
            let mut event = self.record(code, draft, at, &mut slots, &mut lots, &mut number, &mut born);
            if event.operator_id.is_empty() {
                event.operator_id = signed_in.clone().unwrap_or_default();
            }
            let corrected = self.events.iter().find(|e| e.event_id == event.corrects).cloned();
            fold_correction(&mut self.labels, &event, corrected.as_ref());
            let keys = event.subjects.iter().map(|s| s.key).collect();
            recorded.push((Uuid::from_slice(&event.event_id).unwrap(), keys));
            self.events.push(event);
        }
        for print in &decision.prints {
            let key = match &print.key {
                KeyRef::Existing(key) => key.get(),
                KeyRef::Mint { slot, .. } => slots[slot],
            };
            if let Some(label) = self.labels.get_mut(&key) {
                label.print = "allocated".to_owned();
            }
        }
        let mut session = decision.session.clone();
        let facts = decision.events.iter().any(|e| can_be_corrected(e.stage));
        if facts && !decision.beside {
            session.last_event = recorded.last().cloned();
            session.last_events = recorded;
        }
        // As it is on disk: the session survives being written and read.
        let session = serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
        self.sessions.insert(code.to_owned(), session);
        let mut told = format!("{} {}", decision.reply.colour_word(), decision.reply.code);
        for event in &decision.events {
            told.push(' ');
            told.push_str(event.stage.as_str_name());
        }
        self.last = Some(decision);
        told
    }

    #[allow(clippy::too_many_arguments)]
    fn record(
        &mut self,
        code: &str,
        draft: &DraftEvent,
        at: DateTime<FixedOffset>,
        slots: &mut HashMap<usize, i64>,
        lots: &mut HashMap<usize, Uuid>,
        number: &mut Option<String>,
        born: &mut Vec<usize>,
    ) -> v1::Event {
        let id = self.id();
        let station = self.file.station(code).unwrap().clone();
        let mut event = v1::Event {
            event_id: id.as_bytes().to_vec(),
            stage: draft.stage.into(),
            action: draft.action.into(),
            occurred_at_us: draft.occurred_at.unwrap_or(at).timestamp_micros(),
            station: code.to_owned(),
            input_id: format!("{code}-{}", self.inputs),
            operator_id: draft.operator.clone().unwrap_or_default(),
            location: if draft.location.is_empty() { station.location } else { draft.location.clone() },
            readings: draft.readings.clone(),
            outcome: draft.outcome.into(),
            operation: draft.operation.clone(),
            attempt: draft.attempt,
            reason: draft.reason.clone(),
            overridden_by: draft.overridden_by.clone(),
            machine: if self.by_machine { "PLC1".to_owned() } else { draft.machine.clone() },
            corrects: draft.corrects.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
            ..v1::Event::default()
        };
        let text = |d: Option<Decimal>| d.map(|d| d.to_string()).unwrap_or_default();
        event.accepted_quantity = text(draft.accepted);
        event.rejected_quantity = text(draft.rejected);
        for (at, lot) in draft.lots.iter().enumerate() {
            let id = *lots.entry(at).or_insert_with(|| Uuid::from_u128(self.next_id()));
            let days = |day: Option<NaiveDate>| day.map_or(0, |day| day.to_epoch_days());
            event.lots.push(v1::Lot {
                lot_id: id.as_bytes().to_vec(),
                item: lot.item.clone(),
                supplier: lot.supplier.clone(),
                supplier_lot: lot.supplier_lot.clone(),
                made_on: days(lot.made_on),
                expires_on: days(lot.expires_on),
                owner: lot.owner.clone(),
            });
        }
        for (kind, reference, line) in &draft.references {
            let number = match reference {
                NumberRef::Existing(number) => number.clone(),
                NumberRef::Next { series } => number.get_or_insert_with(|| self.document(series)).clone(),
            };
            event.references.push(v1::Reference { r#type: kind.clone(), number, line: *line });
        }
        for subject in &draft.subjects {
            let (key, mint) = match &subject.key {
                KeyRef::Existing(key) => (key.get(), false),
                KeyRef::Mint { slot, kind } => {
                    let key = *slots.entry(*slot).or_insert_with(|| self.mint(*kind));
                    let first = gives_birth(draft.stage) && !born.contains(slot);
                    if first {
                        born.push(*slot);
                    }
                    (key, first)
                }
            };
            let lot = match &subject.lot {
                Some(LotRef::Existing(lot)) => Some(*lot),
                Some(LotRef::New(slot)) => Some(lots[slot]),
                None => None,
            };
            event.subjects.push(v1::Subject {
                key,
                role: subject.role.into(),
                quantity: text(subject.quantity),
                unit: subject.unit.clone(),
                count: self.labels.get(&key).map_or(0, |label| label.count) + 1,
                mint,
                item: subject.item.clone(),
                lot_id: lot.map(|lot| lot.as_bytes().to_vec()).unwrap_or_default(),
                alias: subject.alias.clone(),
                container: subject.container,
                ..v1::Subject::default()
            });
        }
        event
    }

    /// The UID minted last.
    pub fn last_minted(&self) -> i64 {
        let mut subjects = self.events.iter().rev().flat_map(|event| &event.subjects);
        subjects.find(|subject| subject.mint).unwrap().key
    }

    /// The text of a label.
    pub fn label_text(&self, key: i64) -> String {
        Uid::from_key(self.file.tenant, Key::new(key).unwrap()).to_string()
    }

    fn next_id(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u128(self.next_id())
    }

    fn mint(&mut self, kind: TypeCode) -> i64 {
        let left = self.mintable.get_mut(&kind).expect("a type with a lease");
        *left = left.checked_sub(1).expect("the rules mint no more than is leased");
        let number = self.minted.entry(kind).or_insert(0);
        *number += 1;
        Key::from_parts(self.file.plant, kind, *number).unwrap().get()
    }

    fn document(&mut self, series: &str) -> String {
        let left = self.numbers.get_mut(series).expect("a series with numbers");
        *left = left.checked_sub(1).expect("the rules take no more numbers than there are");
        let number = self.documents.entry(series.to_owned()).or_insert(0);
        *number += 1;
        format!("{series}-2025-{number:03}")
    }

    /// The events since the beginning, of one stage.
    pub fn of(&self, stage: Stage) -> Vec<&v1::Event> {
        self.events.iter().filter(|event| event.stage() == stage).collect()
    }

    /// The argument of the last reply.
    pub fn arg(&self, name: &str) -> String {
        let args = &self.last.as_ref().unwrap().reply.args;
        args.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
    }

    pub fn next(&self) -> &str {
        &self.last.as_ref().unwrap().reply.next
    }

    /// Bolts and gears in the plant: RM1 a box of 100 bolts, RM2 to RM7 gears.
    pub fn stocked() -> Self {
        let mut plant = Self::new();
        plant.play(
            "OPENING",
            &[
                ("BOLT", "green item.chosen"),
                ("H-1", "green lot.set"),
                ("QTY-100", "green goods.quantity"),
                ("DONE", "green opening.recorded OPENING"),
                ("GEAR", "green item.chosen"),
                ("QTY-6", "green goods.quantity"),
                ("DONE", "green opening.recorded OPENING"),
            ],
        );
        plant
    }

    /// As stocked, and FG1 a finished box of 2 gears and 4 bolts.
    pub fn built() -> Self {
        let mut plant = Self::stocked();
        plant.play(
            "ASSEMBLY",
            &[
                ("WO-1", "green order.chosen"),
                ("NOLABEL", "green assembly.no-label"),
                ("RM2", "green assembly.child"),
                ("RM3", "green assembly.child"),
                ("RM1", "green assembly.child"),
                ("DONE", "green assembly.recorded COMMISSION ASSEMBLY"),
            ],
        );
        plant
    }
}

trait ColourWord {
    fn colour_word(&self) -> &'static str;
}

impl ColourWord for crate::station::types::Reply {
    fn colour_word(&self) -> &'static str {
        match self.colour {
            Colour::Green => "green",
            Colour::Red => "red",
            Colour::Amber => "amber",
        }
    }
}
