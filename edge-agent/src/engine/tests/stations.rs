//! The engine with the rules of the stations: what neither shows alone.

use std::sync::Arc;

use chrono::Utc;
use proto::v1::{self, Stage};
use tokio::task::JoinHandle;

use super::support::*;
use crate::config::Station;
use crate::engine::{CodeSpeaker, Handle, StationRules, start_with};
use crate::inputs::{Answer, Colour, Intake, MachineInput, MachineReading, Quality, ScanInput};
use crate::station::control::{Control, Verb};
use crate::station::types::{Custody, Label, QualityState};

pub(super) const GEAR: &str = "04006381333931";
const CHIP: &str = "09501101530003";

/// An agent in Kolkata at whose stations nobody signs in.
pub(super) struct Plant {
    pub agent: Agent,
    pub handle: Handle,
    task: JoinHandle<()>,
    scans: u32,
}

async fn run(agent: &Agent) -> (Handle, JoinHandle<()>) {
    let plant = Arc::new(agent.plant.clone());
    start_with(agent.settings(), plant, Arc::new(StationRules), Arc::new(CodeSpeaker)).await.unwrap()
}

/// Rows of reference data that every set has.
pub(super) fn items() -> Vec<v1::ReferenceRow> {
    let item = |code: &str, gtin: &str| v1::ReferenceRow {
        kind: "item".into(),
        id: code.into(),
        json: format!(
            r#"{{"item":"{code}","names":{{"en":"{code}"}},"type_code":"RM","base_unit":"pcs","tracking":"unit","gtin":"{gtin}"}}"#
        ),
        deleted: false,
    };
    vec![item("GEAR", GEAR), item("CHIP", CHIP)]
}

impl Plant {
    pub async fn start() -> Self {
        let mut agent = Agent::new();
        agent.plant.stations.iter_mut().for_each(|station: &mut Station| {
            station.login_required = false;
            station.pin_required = false;
        });
        let (handle, task) = run(&agent).await;
        for (kind, first) in [("RM", 1), ("SF", 1)] {
            let epoch = handle.head().borrow().epoch;
            let grant = v1::LeaseGrant { r#type: kind.into(), first, last: 500, epoch };
            handle.lease_granted(&grant).await.unwrap();
        }
        let chunk = v1::ReferenceChunk { version: 1, full: true, last: true, rows: items() };
        handle.reference_chunk(chunk).await.unwrap();
        Self { agent, handle, task, scans: 0 }
    }

    /// The same plant on the same disk, started again.
    pub async fn again(self) -> Self {
        self.after(async |_| {}).await
    }

    /// The same, after something was done to its database.
    pub async fn after(self, harm: impl AsyncFnOnce(std::path::PathBuf)) -> Self {
        let Self { agent, handle, task, scans } = self;
        handle.stop().await;
        task.await.unwrap();
        drop(handle);
        harm(agent.database()).await;
        let (handle, task) = run(&agent).await;
        Self { agent, handle, task, scans }
    }

    pub async fn scan(&mut self, station: &str, text: &str) -> Answer {
        self.scans += 1;
        let input = ScanInput { station: station.into(), ..scan(text, &format!("r{}", self.scans)) };
        self.handle.scan(input).await.unwrap()
    }

    pub async fn play(&mut self, station: &str, table: &[(&str, &str)]) {
        for (text, expected) in table {
            let answer = self.scan(station, text).await;
            assert_eq!((answer.code.as_str(), *text), (*expected, *text), "{answer:?}");
        }
    }

    /// A machine's trigger at ASM1, and its present values.
    async fn torque(&self, id: &str, value: i64) {
        let reading = MachineReading {
            name: "torque".into(),
            value: Some(value.into()),
            unit: "N.m".into(),
            quality: Quality::Good,
            low: Some(11.into()),
            high: Some(13.into()),
            at: Utc::now(),
        };
        let trigger = Some("cycle_done".to_owned());
        let input = MachineInput {
            machine: "PLC1".into(),
            trigger,
            input_id: id.into(),
            at: Utc::now(),
            readings: vec![reading],
        };
        self.handle.machine(input).await.unwrap();
    }

    pub async fn label(&self, key: i64) -> Label {
        let labels = self.handle.reader().labels(&[key]).await.unwrap();
        serde_json::from_str(&labels[&key]).unwrap()
    }

    pub async fn stop(self) {
        let Self { agent, handle, task, .. } = self;
        handle.stop().await;
        task.await.unwrap();
        drop(agent);
    }
}

pub(super) fn code(verb: Verb) -> String {
    Control::with(verb, None).unwrap().to_string()
}

pub(super) fn suppliers(gtin: &str, serial: &str) -> String {
    format!("(01){gtin}(21){serial}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suppliers_label_is_its_unit_and_a_shared_serial_is_asked_about() {
    let mut plant = Plant::start().await;
    let done = code(Verb::Done);
    for (gtin, serial) in [(GEAR, "S-1"), (GEAR, "S-2"), (CHIP, "S-1")] {
        let label = suppliers(gtin, serial);
        plant.play("OPEN1", &[(&label, "goods.quantity"), (&done, "opening.recorded")]).await;
    }
    plant.play("STORE1", &[("RACK-9", "place.set")]).await;
    for (text, sequence) in [
        (suppliers(GEAR, "S-1"), 1),
        (suppliers(CHIP, "S-1"), 3),
        ("S-2".to_owned(), 2),
        // Of a GTIN that the office has given to no item.
    ] {
        let answer = plant.scan("STORE1", &text).await;
        assert_eq!((answer.code.as_str(), answer.colour), ("stored", Colour::Green), "{text}: {answer:?}");
        assert_eq!(uid_of(&answer).key().get(), key(sequence), "{text}");
    }
    plant.play("STORE1", &[("S-1", "alias.ambiguous")]).await;
    let wrong = suppliers("00012345600012", "S-2");
    plant.play("STORE1", &[(&wrong, "gs1.not-here")]).await;
    // One of the two is gone; the other is meant.
    let uid = uid::Uid::from_key(plant.agent.plant.tenant, uid::Key::new(key(3)).unwrap()).to_string();
    let reason = Control::with(Verb::Reason, Some("BROKEN")).unwrap().to_string();
    plant.play("SCRAP1", &[(&uid, "scrap.why"), (&reason, "scrapped")]).await;
    let answer = plant.scan("STORE1", "S-1").await;
    assert_eq!(uid_of(&answer).key().get(), key(1), "{answer:?}");
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_older_than_what_happened_here_frees_nothing() {
    let mut plant = Plant::start().await;
    let uid = "UID-SAIF-VSK-RM-000001-AD";
    let key = uid.parse::<uid::Uid>().unwrap().key().get();
    let fail = code(Verb::Fail);
    plant.play("QC1", &[(uid, "note.unknown"), (&fail, "inspect.failed")]).await;
    let told = Label { item: "GEAR".into(), unit: "pcs".into(), ..Label::new(key) };
    let json = serde_json::to_string(&told).unwrap();
    plant.handle.label_answered(v1::LabelAnswer { key, known: true, json }).await.unwrap();
    let label = plant.label(key).await;
    assert_eq!((label.item.as_str(), label.quality), ("GEAR", QualityState::Rejected));
    plant.play("XFER1", &[(uid, "label.rejected")]).await;
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cloud_told_is_asked_again_when_it_turns_a_unit_away() {
    let mut plant = Plant::start().await;
    let uid = "UID-SAIF-VSK-RM-000001-AD";
    let key = uid.parse::<uid::Uid>().unwrap().key().get();
    plant.play("XFER1", &[(uid, "note.unknown")]).await;
    let tell = async |plant: &Plant, quality| {
        let told = Label { item: "GEAR".into(), unit: "pcs".into(), quality, ..Label::new(key) };
        let json = serde_json::to_string(&told).unwrap();
        plant.handle.label_answered(v1::LabelAnswer { key, known: true, json }).await.unwrap();
    };
    tell(&plant, QualityState::Rejected).await;
    assert!(plant.handle.status().wishes.labels.is_empty());
    plant.play("STORE1", &[("RACK-9", "place.set")]).await;
    plant.play("ASM1", &[(&code(Verb::NoLabel), "assembly.no-label"), (uid, "label.rejected")]).await;
    assert_eq!(plant.handle.status().wishes.labels, [key]);
    tell(&plant, QualityState::Unrestricted).await;
    assert!(plant.handle.status().wishes.labels.is_empty());
    assert_eq!(plant.label(key).await.quality, QualityState::Unrestricted);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_another_plant_leaves_only_if_its_contents_may() {
    let mut plant = Plant::start().await;
    let carton = "UID-SAIF-VSK-RM-000001-AD";
    let key = carton.parse::<uid::Uid>().unwrap().key().get();
    let (content, other) = (key + 1, key + 2);
    let told = Label { package: true, children: vec![content, other], ..Label::new(key) };
    let json = serde_json::to_string(&told).unwrap();
    plant.handle.label_answered(v1::LabelAnswer { key, known: true, json }).await.unwrap();
    // What lies in it is asked for, once it is known that it does.
    assert_eq!(plant.handle.status().wishes.labels, [content, other]);
    let told = Label { item: "GEAR".into(), quality: QualityState::Rejected, ..Label::new(content) };
    let json = serde_json::to_string(&told).unwrap();
    plant.handle.label_answered(v1::LabelAnswer { key: content, known: true, json }).await.unwrap();
    assert_eq!(plant.handle.status().wishes.labels, [other]);
    plant.play("XFER1", &[(carton, "content.held")]).await;
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_out_of_limits_is_seen_at_the_station() {
    let mut plant = Plant::start().await;
    let nolabel = code(Verb::NoLabel);
    plant.play("ASM1", &[(&nolabel, "assembly.no-label")]).await;
    let view = plant.handle.subscribe("ASM1").unwrap();
    let shown = || view.borrow().answer.as_ref().map(|answer| (answer.code.clone(), answer.colour));
    plant.torque("m1", 12).await;
    assert_eq!(shown().unwrap().0, "assembly.no-label", "that all is well is no news");
    plant.torque("m2", 20).await;
    assert_eq!(shown(), Some(("machine.out-of-limits".to_owned(), Colour::Amber)));
    assert_eq!(view.borrow().last[0].text, "PLC1");
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_of_a_unit_without_a_label_survive_and_name_their_machine() {
    let mut plant = Plant::start().await;
    let (nolabel, done) = (code(Verb::NoLabel), code(Verb::Done));
    let label = suppliers(GEAR, "S-1");
    plant.play("OPEN1", &[(&label, "goods.quantity"), (&done, "opening.recorded")]).await;
    plant.play("ASM1", &[(&nolabel, "assembly.no-label")]).await;
    plant.torque("m1", 12).await;
    plant.play("ASM1", &[(&label, "assembly.child"), (&done, "assembly.recorded")]).await;
    let events = plant.handle.read_batch(1, 1, 100, 1 << 20).await.unwrap();
    let events = events.into_iter().map(|(_, bytes)| <v1::Event as prost::Message>::decode(bytes).unwrap());
    let events: Vec<v1::Event> = events.collect();
    let operation = events.iter().find(|event| event.stage() == Stage::Operation).unwrap();
    let born = events.iter().find(|event| event.stage() == Stage::Commission).unwrap();
    assert_eq!((operation.machine.as_str(), operation.readings[0].value.as_str()), ("PLC1", "12"));
    assert_eq!(operation.subjects[0].key, born.subjects[0].key);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_office_corrected_of_this_plants_own_facts_counts_no_more() {
    let mut plant = Plant::start().await;
    let (label, done) = (suppliers(GEAR, "S-1"), code(Verb::Done));
    plant.play("OPEN1", &[(&label, "goods.quantity"), (&done, "opening.recorded")]).await;
    let key = key(1);
    let uid = uid::Uid::from_key(plant.agent.plant.tenant, uid::Key::new(key).unwrap()).to_string();
    plant.scan("QC1", &uid).await;
    plant.scan("QC1", &code(Verb::Fail)).await;
    let failed = plant.label(key).await;
    assert_eq!(failed.quality, QualityState::Rejected);
    let at = failed.last_event.unwrap();
    let tell = async |plant: &Plant, quality, seen: uuid::Uuid, void: &[uuid::Uuid]| {
        let told = Label { item: GEAR.into(), unit: "pcs".into(), quality, ..Label::new(key) };
        let mut json = serde_json::to_value(&told).unwrap();
        (json["seen"], json["void"]) = (serde_json::json!(seen), serde_json::json!(void));
        let json = json.to_string();
        plant.handle.label_answered(v1::LabelAnswer { key, known: true, json }).await.unwrap();
        plant.label(key).await.quality
    };

    // It is told of the correction, and asks what the unit is now; also after a restart.
    let body = serde_json::json!({ "correction": at, "by": uuid::Uuid::now_v7(), "keys": [key] });
    let row = v1::ReferenceRow {
        kind: "correction".into(),
        id: format!("{at}@KOL"),
        json: body.to_string(),
        deleted: false,
    };
    let version = plant.handle.reference().version + 1;
    let chunk = v1::ReferenceChunk { version, full: false, last: true, rows: vec![row] };
    assert_eq!(plant.handle.reference_chunk(chunk).await.unwrap(), Some(version));
    assert_eq!(plant.handle.status().wishes.labels, [key]);
    let mut plant = plant.again().await;
    assert_eq!(plant.handle.status().wishes.labels, [key]);

    // An answer that lacks what was recorded here last, or says of no correction, changes nothing.
    let free = QualityState::Unrestricted;
    assert_eq!(tell(&plant, free, uuid::Uuid::now_v7(), &[at]).await, QualityState::Rejected);
    assert_eq!(plant.handle.status().wishes.labels, [key], "it asks again");
    assert_eq!(tell(&plant, free, at, &[]).await, QualityState::Rejected);
    assert_eq!(tell(&plant, free, at, &[at]).await, free);
    assert!(plant.handle.status().wishes.labels.is_empty());
    let mended = plant.label(key).await;
    assert_eq!((&mended.void, mended.last_event), (&vec![at], Some(at)));
    // What is recorded here from now on stands against an answer that does not know of it.
    plant.scan("QC1", &uid).await;
    plant.scan("QC1", &code(Verb::Fail)).await;
    assert_eq!(plant.label(key).await.quality, QualityState::Rejected);
    assert_eq!(tell(&plant, free, at, &[at]).await, QualityState::Rejected);
    // It is asked of whenever it is scanned: the cloud may have seen more since.
    plant.scan("STORE1", &uid).await;
    assert_eq!(plant.handle.status().wishes.labels, [key]);
    // The correction was taken back.
    let last = plant.label(key).await.last_event.unwrap();
    assert_eq!(tell(&plant, QualityState::InInspection, last, &[]).await, QualityState::InInspection);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_its_package_again_by_the_office_is_on_the_packages_list() {
    let mut plant = Plant::start().await;
    let (label, done) = (suppliers(GEAR, "S-1"), code(Verb::Done));
    plant.play("OPEN1", &[(&label, "goods.quantity"), (&done, "opening.recorded")]).await;
    let (key, carton) = (key(1), "UID-SAIF-VSK-RM-000001-AD".parse::<uid::Uid>().unwrap().key().get());
    let at = plant.label(key).await.last_event.unwrap();
    let tell = async |plant: &Plant, told: Label, void: &[uuid::Uuid]| {
        let mut json = serde_json::to_value(&told).unwrap();
        (json["seen"], json["void"]) = (serde_json::json!(at), serde_json::json!(void));
        let answer = v1::LabelAnswer { key: told.key, known: true, json: json.to_string() };
        plant.handle.label_answered(answer).await.unwrap();
        plant.label(carton).await.children
    };
    let empty = Label { item: "BOX".into(), package: true, ..Label::new(carton) };
    assert!(tell(&plant, empty, &[]).await.is_empty());
    let unit = Label { item: "GEAR".into(), unit: "pcs".into(), ..Label::new(key) };
    let inside = Label { custody: Custody::Parent { key: carton }, ..unit.clone() };
    assert_eq!(tell(&plant, inside, &[at]).await, [key]);
    assert!(tell(&plant, unit, &[]).await.is_empty(), "and off it again");
    plant.stop().await;
}
