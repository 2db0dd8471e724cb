//! Undoing, correcting, repeats, late scans, bad codes, missing numbers.

use chrono::Duration;
use proto::v1::Stage;

use super::fixture::decimal;
use super::plant::Plant;
use crate::station::types::{Custody, Life};
use crate::station::{fold_correction, wanted_keys};

#[test]
fn bad_codes_are_named_and_recorded_once() {
    let mut plant = Plant::stocked();
    plant.play(
        "STORAGE",
        &[
            ("UID-SAIF-KOL-RM-000001-A8", "red uid.checksum REFUSED"),
            ("UID-SAIF-KOL-RM-000001-A8", "red uid.checksum"),
            ("UID-SAIF-KOL-R-000001-A8", "red uid.type REFUSED"),
            ("UID-ZZZZ-ZZZ-ZZ-99999999999-E6", "red uid.foreign REFUSED"),
            ("TWC-DONE-00", "red control.checksum REFUSED"),
            ("]d20109501101530004", "red gs1.check-digit REFUSED"),
            ("  ", "red scan.empty REFUSED"),
            ("SPLIT-2", "red not.here"),
        ],
    );
    let refused = plant.of(Stage::Refused);
    assert!(refused.iter().all(|event| event.subjects.is_empty()));
    assert_eq!(refused[0].reason, "uid.checksum");
}

#[test]
fn a_scan_is_cleaned_before_it_is_judged() {
    let mut plant = Plant::stocked();
    let uid = plant.uid("RM2");
    for text in [
        format!(" {} ", uid.to_string().to_lowercase()),
        format!("]Q3https://id.example/{uid}"),
        format!("]C1{uid}\r\n"),
    ] {
        plant.scan("STORAGE", "CANCEL");
        let found = plant.scan("STORAGE", &text);
        assert!(found == "green store.where" || found == "amber scan.again", "{text:?} {found}");
    }
    // Our own GS1 label: the serial beside one of our GTINs.
    let serial = uid.to_string().replace("UID-SAIF-", "").replace('-', "");
    plant.play("STORAGE", &[("CANCEL", "green cancelled")]);
    assert_eq!(
        plant.scan("STORAGE", &format!("]d20109501101530003 21{serial}").replace(' ', "")),
        "green store.where"
    );
}

#[test]
fn undo_and_cancel_drop_the_draft_and_correct_takes_back_a_fact() {
    let mut plant = Plant::stocked();
    plant.play(
        "ASSEMBLY",
        &[
            ("badge:anil", "green login.done"),
            ("CORRECT", "green correct.scan"),
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "green assembly.child"),
            ("RM3", "green assembly.child"),
            ("UNDO", "green undone"),
            ("RM3", "green assembly.child"),
            ("CORRECT", "red correct.draft"),
            ("RM1", "green assembly.child"),
            ("DONE", "green assembly.recorded COMMISSION ASSEMBLY"),
            ("CORRECT", "green correct.last"),
            ("DONE", "green corrected CORRECT CORRECT"),
        ],
    );
    assert_eq!(plant.label("RM2").custody, Custody::Location { place: "OPENING-place".to_owned() });
    assert_eq!(plant.label("RM1").quantity, Some(decimal("100")));
    let corrections = plant.of(Stage::Correct);
    assert_eq!(corrections[0].corrects, plant.of(Stage::Assembly)[0].event_id);
    assert_eq!(corrections[1].corrects, plant.of(Stage::Commission)[0].event_id);
    // The parts are free again.
    plant.play("ASSEMBLY", &[("NOLABEL", "green assembly.no-label"), ("RM2", "green assembly.child")]);
}

#[test]
fn a_label_confirmed_does_not_hide_the_receipt() {
    let mut plant = Plant::new();
    plant.play(
        "OPENING",
        &[
            ("GEAR", "green item.chosen"),
            ("QTY-1", "green goods.quantity"),
            ("DONE", "green opening.recorded OPENING"),
            ("RM1", "green label.confirmed LABEL"),
            ("CORRECT", "green correct.last"),
            ("DONE", "green corrected CORRECT"),
        ],
    );
    assert_eq!(plant.label("RM1").life, Life::Scrapped, "a number once used never comes back");
    plant.play("OPENING", &[("CORRECT", "green correct.last"), ("DONE", "green correct.restored CORRECT")]);
    assert_eq!(plant.label("RM1").life, Life::Active);
}

#[test]
fn a_correction_can_be_corrected() {
    let mut plant = Plant::stocked();
    plant.play(
        "SCRAP",
        &[
            ("RM2", "green scrap.why"),
            ("REASON-BROKEN", "green scrapped SCRAP"),
            ("CORRECT", "green correct.last"),
            ("DONE", "green corrected CORRECT"),
        ],
    );
    assert_eq!(plant.label("RM2").life, Life::Active);
    plant.play("SCRAP", &[("CORRECT", "green correct.last"), ("DONE", "green correct.restored CORRECT")]);
    assert_eq!(plant.label("RM2").life, Life::Scrapped);
}

#[test]
fn a_card_read_twice_does_its_work_once() {
    let mut plant = Plant::stocked();
    let done = plant.text("DONE");
    plant.play("SCRAP", &[("RM2", "green scrap.why"), ("REASON-BROKEN", "green scrapped SCRAP")]);
    plant.play("SCRAP", &[("CORRECT", "green correct.last"), ("DONE", "green corrected CORRECT")]);
    for _ in 0..3 {
        assert_eq!(soon(&mut plant, "SCRAP", &done, 2_000), "amber scan.again");
    }
    assert_eq!(soon(&mut plant, "SCRAP", &done, 3_001), "amber done.nothing");
    assert_eq!(plant.label("RM2").life, Life::Active);
    // With the station's own window.
    plant.station("OPENING").duplicate_window_ms = 500;
    plant.play("OPENING", &[("GEAR", "green item.chosen"), ("QTY-1", "green goods.quantity")]);
    assert_eq!(soon(&mut plant, "OPENING", &done, 1_000), "green opening.recorded OPENING");
    assert_eq!(soon(&mut plant, "OPENING", &done, 400), "amber scan.again");
    assert_eq!(soon(&mut plant, "OPENING", &done, 501), "amber done.nothing");
}

#[test]
fn a_second_reading_mints_and_judges_nothing() {
    let mut plant = Plant::built();
    let (no_label, pass) = (plant.text("NOLABEL"), plant.text("PASS"));
    plant
        .play("COMMISSION", &[("CARTON", "green item.chosen"), ("NOLABEL", "green commissioned COMMISSION")]);
    assert_eq!(soon(&mut plant, "COMMISSION", &no_label, 1_000), "amber scan.again");
    assert_eq!(plant.of(Stage::Commission).len(), 2, "the box and one carton");
    plant.play("COMMISSION", &[("CARTON", "green item.chosen"), ("WP7", "amber note.unknown COMMISSION")]);
    plant.play(
        "COMMISSION",
        &[("WP7", "amber scan.again"), ("CANCEL", "green cancelled"), ("WP7", "amber scan.again")],
    );
    plant.play(
        "OPERATION",
        &[("FG1", "green operation.started OPERATION"), ("PASS", "green operation.ended OPERATION")],
    );
    assert_eq!(soon(&mut plant, "OPERATION", &pass, 1_000), "amber scan.again");
    assert_eq!(soon(&mut plant, "OPERATION", &pass, 4_000), "red operation.none-open");
}

fn soon(plant: &mut Plant, station: &str, text: &str, ms: i64) -> String {
    plant.now += Duration::milliseconds(ms);
    let at = plant.now;
    plant.scan_at(station, text, at, false)
}

#[test]
fn a_count_typed_before_split() {
    let mut plant = Plant::new();
    plant.play(
        "OPENING",
        &[
            ("BOLT", "green item.chosen"),
            ("H-1", "green lot.set"),
            ("QTY-100", "green goods.quantity"),
            ("SPLIT", "red goods.quantity-first"),
            ("DIGIT-4", "green digit"),
            ("SPLIT", "green goods.quantity"),
            ("DONE", "green opening.recorded OPENING"),
        ],
    );
    assert_eq!(plant.events.last().unwrap().subjects.len(), 4);
}

#[test]
fn a_correction_with_its_event_reverses_what_has_moved_on() {
    let mut plant = Plant::built();
    // The box went through an operation after its assembly.
    plant.play("OPERATION", &[("FG1", "green operation.started OPERATION")]);
    let assembly = plant.of(Stage::Assembly)[0].clone();
    let correction = proto::v1::Event {
        event_id: vec![9; 16],
        stage: Stage::Correct.into(),
        corrects: assembly.event_id.clone(),
        subjects: assembly
            .subjects
            .iter()
            .map(|s| proto::v1::Subject { key: s.key, ..Default::default() })
            .collect(),
        ..Default::default()
    };
    fold_correction(&mut plant.labels, &correction, Some(&assembly));
    assert!(plant.label("FG1").children.is_empty());
    assert!(plant.label("FG1").operations[0].open, "what came after stays");
    assert_eq!(plant.label("RM1").quantity, Some(decimal("100")));
}

#[test]
fn what_happened_elsewhere_before_done_counts() {
    let mut plant = Plant::stocked();
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "green assembly.child"),
            ("RM3", "green assembly.child"),
            ("RM1", "green assembly.child"),
        ],
    );
    // The office holds a gear, and another station scraps the other.
    plant.reference.held_keys.insert(plant.key("RM3"));
    plant.play("ASSEMBLY", &[("DONE", "red label.held REFUSED")]);
    plant.play("SCRAP", &[("RM2", "green scrap.why"), ("REASON-BROKEN", "green scrapped SCRAP")]);
    plant.play(
        "ASSEMBLY",
        &[
            ("DONE", "red label.scrapped REFUSED"),
            ("badge:anil", "green login.done"),
            ("CANCEL", "green cancelled"),
        ],
    );
}

#[test]
fn the_device_counts_its_scans() {
    let mut plant = Plant::stocked();
    plant.play("STORAGE", &[("RACK-1", "green place.set")]);
    let text = plant.text("RM2");
    let at = plant.now;
    assert_eq!(plant.scan_at("STORAGE", &text, at, true), "amber scan.again");
    assert_eq!(plant.scan("STORAGE", &text), "green stored STORAGE");
}

#[test]
fn out_of_numbers_nothing_is_half_done() {
    let mut plant = Plant::stocked();
    plant.mintable.insert("RM".parse().unwrap(), 2);
    plant.play(
        "OPENING",
        &[
            ("GEAR", "green item.chosen"),
            ("QTY-3", "green goods.quantity"),
            ("DONE", "red mint.out"),
            ("badge:chief", "green login.done"),
            ("UNDO", "green undone.quantity"),
            ("QTY-2", "green goods.quantity"),
            ("DONE", "green opening.recorded OPENING"),
            ("GEAR", "green item.chosen"),
            ("QTY-1001", "green goods.quantity"),
            ("DONE", "red mint.too-many"),
        ],
    );
    plant.mintable.insert("FG".parse().unwrap(), 0);
    plant.play("ASSEMBLY", &[("WO-1", "green order.chosen"), ("NOLABEL", "red mint.out")]);
    plant.numbers.insert("GRN".to_owned(), 0);
    plant.mintable.insert("RM".parse().unwrap(), 100);
    plant.play(
        "RECEIVING",
        &[
            ("PO-2025-001", "green order.chosen"),
            ("GEAR", "green item.chosen"),
            ("QTY-2", "green goods.quantity"),
            ("DONE", "red number.out"),
        ],
    );
    assert!(plant.of(Stage::Grn).is_empty());
}

#[test]
fn old_reference_data_is_noted() {
    let mut plant = Plant::stocked();
    plant.now += Duration::hours(13);
    plant.play("STORAGE", &[("RACK-1", "green place.set"), ("RM2", "amber reference.old STORAGE")]);
    plant.reference.as_of = None;
    plant.play("STORAGE", &[("RM3", "amber reference.none STORAGE")]);
}

#[test]
fn help_says_what_is_next() {
    let mut plant = Plant::stocked();
    plant.play("ASSEMBLY", &[("HELP", "green help")]);
    assert_eq!(plant.next(), "next.parent");
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "green assembly.child"),
            ("HELP", "green help"),
        ],
    );
    assert_eq!(plant.next(), "next.child");
    assert_eq!((plant.arg("want").as_str(), plant.arg("amount").as_str()), ("bolt", "4"));
}

#[test]
fn expired_goods_are_red() {
    let mut plant = Plant::new();
    plant.play(
        "OPENING",
        &[
            ("BOLT", "green item.chosen"),
            ("H-1", "green lot.set"),
            ("expires_on=2025-01-20", "green field.set"),
            ("expires_on=soon", "red field.wrong"),
            ("QTY-10", "green goods.quantity"),
            ("DONE", "green opening.recorded OPENING"),
        ],
    );
    plant.now += Duration::days(5);
    plant.reference.as_of = Some(plant.now.to_utc());
    plant.play("ISSUE", &[("WO-1", "green order.chosen"), ("RM1", "red label.expired REFUSED")]);
}

#[test]
fn wanted_keys_are_those_of_scan_and_session() {
    let mut plant = Plant::stocked();
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "green assembly.child"),
        ],
    );
    let scanned = crate::station::types::Scanned::Uid(plant.uid("RM3"));
    let keys = wanted_keys(&plant.session("ASSEMBLY"), &scanned);
    assert_eq!(keys, [plant.key("RM2"), plant.key("RM3")]);
}
