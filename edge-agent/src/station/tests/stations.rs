//! One scenario and more for each kind of station.

use proto::v1::{Action, Stage};

use super::fixture::decimal;
use super::plant::Plant;
use crate::station::types::{Custody, QualityState};

#[test]
fn gate() {
    let mut plant = Plant::new();
    plant.play(
        "GATE",
        &[
            ("DONE", "red gate.no-vehicle"),
            ("WB-02-1234", "green gate.vehicle"),
            ("WB-02-1234", "amber scan.again"),
            ("CH-77", "green gate.paper"),
            ("CH-78", "green gate.paper"),
            ("CH-77", "amber scan.again"),
            ("PO-2025-001", "green order.chosen"),
            ("DONE", "green gate.recorded GATE_IN"),
        ],
    );
    let event = plant.of(Stage::GateIn)[0];
    assert!(event.subjects.is_empty());
    let numbers: Vec<_> = event.references.iter().map(|r| r.number.as_str()).collect();
    assert_eq!(numbers, ["PO-2025-001", "CH-77", "CH-78"]);
}

#[test]
fn receiving_asks_for_what_is_missing() {
    let mut plant = Plant::new();
    plant.play(
        "RECEIVING",
        &[
            ("DONE", "amber done.nothing"),
            ("STEEL", "green item.chosen"),
            ("QTY-25", "green goods.quantity"),
            ("DONE", "red receipt.no-order"),
            ("REASON-NONE", "red reason.unknown"),
            ("REASON-order_late", "green reason.set"),
            ("DONE", "amber goods.ask-lot"),
            ("HEAT-1", "green lot.set"),
            ("HEAT-2", "red goods.other-lot"),
            ("DONE", "green receipt.recorded GRN"),
            ("PO-2025-002", "green order.chosen"),
            ("HEAT-1", "green lot.set"),
            ("QTY-60", "green goods.quantity"),
            ("SPLIT-2", "green goods.quantity"),
            ("QTY-1", "green goods.quantity"),
            ("UNDO", "green undone.quantity"),
            ("DONE", "amber note.surplus PROCUREMENT GRN"),
            ("GEAR", "green item.chosen"),
            ("QTY-2", "green goods.quantity"),
            ("DONE", "red receipt.not-ordered REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green receipt.recorded PROCUREMENT GRN"),
        ],
    );
    let grns = plant.of(Stage::Grn);
    assert_eq!(grns[0].reason, "ORDER_LATE");
    assert_eq!(grns[2].overridden_by, "chief");
    assert_eq!(plant.label("RM2").quantity, Some(decimal("60")));
}

#[test]
fn receiving_puts_what_must_be_inspected_aside() {
    let mut plant = Plant::new();
    plant.play(
        "RECEIVING",
        &[
            ("PO-2025-001", "green order.chosen"),
            ("CHIP", "green item.chosen"),
            ("QTY-1.5", "green goods.quantity"),
            ("REASON-ORDER_LATE", "green reason.set"),
        ],
    );
    plant.play("RECEIVING", &[("CANCEL", "green cancelled")]);
    plant.play(
        "OPENING",
        &[
            ("CHIP", "green item.chosen"),
            ("QTY-1.5", "green goods.quantity"),
            ("DONE", "red quantity.unit"),
            ("UNDO", "green undone.quantity"),
            ("QTY-2", "green goods.quantity"),
            ("DONE", "green opening.recorded OPENING INSPECTION"),
            ("RM1", "green label.confirmed LABEL"),
            ("RM1", "amber scan.again"),
            ("RM9", "red receipt.has-uid REFUSED"),
        ],
    );
    assert_eq!(plant.label("RM1").quality, QualityState::InInspection);
    assert_eq!(plant.label("RM1").print, "confirmed");
    plant.play("ISSUE", &[("WO-1", "green order.chosen"), ("RM1", "red label.uninspected REFUSED")]);
}

#[test]
fn suppliers_serials_become_aliases() {
    let mut plant = Plant::new();
    plant.reference.items.get_mut("GEAR").unwrap().gtin = Some("04006381333931".to_owned());
    plant.play(
        "RECEIVING",
        &[
            ("PO-2025-001", "green order.chosen"),
            ("(01)04006381333931(21)S-1", "green goods.quantity"),
            ("(01)04006381333931(21)S-1", "amber goods.label-again"),
            ("(01)04006381333931(21)S-2", "green goods.quantity"),
            ("(01)09501101530003(10)L", "red goods.other-item"),
            ("DONE", "green receipt.recorded PROCUREMENT GRN"),
        ],
    );
    let aliases: Vec<_> = plant.of(Stage::Grn)[0].subjects.iter().map(|s| s.alias.clone()).collect();
    assert_eq!(aliases, ["010400638133393121S-1", "010400638133393121S-2"]);
}

#[test]
fn storage_by_uids_and_then_the_place() {
    let mut plant = Plant::stocked();
    plant.play(
        "STORAGE",
        &[
            ("RM2", "green store.where"),
            ("RM2", "amber scan.again"),
            ("RM3", "green store.where"),
            ("NOWHERE", "red place.unknown"),
            ("DONE", "red place.needed"),
            ("UNDO", "green undone"),
            ("rack-2", "green stored.all STORAGE"),
            ("RM3", "green store.where"),
        ],
    );
    assert_eq!(plant.label("RM2").custody, Custody::Location { place: "RACK-2".to_owned() });
    assert_eq!(plant.of(Stage::Storage).len(), 1);
}

#[test]
fn count_and_adjust() {
    let mut plant = Plant::stocked();
    plant.play(
        "COUNT",
        &[
            ("RACK-1", "green place.set"),
            ("RM2", "green counted COUNT"),
            ("RM2", "amber scan.again"),
            ("RM1", "green count.how-much"),
            ("QTY-98", "amber count.differs COUNT"),
            ("DONE", "red adjust.supervisor REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("DIGIT-9", "green digit"),
            ("DIGIT-9", "green digit"),
            ("DIGIT-9", "green digit"),
            ("DIGIT-9", "green digit"),
            ("ENTER", "green adjusted ADJUST"),
            ("RM1", "green count.how-much"),
            ("PASS", "green counted COUNT"),
        ],
    );
    assert_eq!(plant.label("RM1").quantity, Some(decimal("98")));
    assert_eq!(plant.label("RM2").custody, Custody::Location { place: "RACK-1".to_owned() });
    assert_eq!(plant.of(Stage::Adjust)[0].overridden_by, "chief");
}

#[test]
fn issue_and_return() {
    let mut plant = Plant::stocked();
    plant.play(
        "ISSUE",
        &[
            ("WO-2", "green order.chosen"),
            ("RM1", "green issued ISSUE_TO_PRODUCTION"),
            ("WO-1", "green order.chosen"),
            ("RM1", "red issue.other-order REFUSED"),
            ("QTY-500", "green quantity.kept"),
        ],
    );
    plant.play(
        "RETURN-FROM-PRODUCTION",
        &[
            ("QTY-30", "green quantity.kept"),
            ("RM1", "green given.back RETURN_FROM_PRODUCTION"),
            ("RM2", "amber note.not-issued RETURN_FROM_PRODUCTION"),
            ("RM2", "amber scan.again"),
        ],
    );
    assert_eq!(plant.label("RM1").quantity, Some(decimal("30")), "what is left of a whole issue");
    assert_eq!(plant.label("RM1").order, None);
    plant.play(
        "ISSUE",
        &[
            ("RM1", "red quantity.too-much REFUSED"),
            ("QTY-10", "green quantity.kept"),
            ("RM1", "green issued ISSUE_TO_PRODUCTION"),
        ],
    );
    assert_eq!(plant.label("RM1").quantity, Some(decimal("20")));
    plant.play(
        "RETURN-FROM-PRODUCTION",
        &[("QTY-4", "green quantity.kept"), ("RM1", "green given.back RETURN_FROM_PRODUCTION")],
    );
    assert_eq!(plant.label("RM1").quantity, Some(decimal("24")), "added to a part issue");
}

#[test]
fn the_same_part_issue_again_needs_a_quantity() {
    let mut plant = Plant::stocked();
    plant.play(
        "ISSUE",
        &[
            ("WO-1", "green order.chosen"),
            ("QTY-5", "green quantity.kept"),
            ("RM1", "green issued ISSUE_TO_PRODUCTION"),
            ("RM1", "amber issue.again"),
            ("QTY-5", "green quantity.kept"),
            ("RM1", "green issued ISSUE_TO_PRODUCTION"),
        ],
    );
    assert_eq!(plant.label("RM1").quantity, Some(decimal("90")));
}

#[test]
fn no_more_comes_back_than_was_issued() {
    let mut plant = Plant::built();
    plant.play(
        "ISSUE",
        &[
            ("WO-1", "green order.chosen"),
            ("QTY-25", "green quantity.kept"),
            ("RM1", "green issued ISSUE_TO_PRODUCTION"),
        ],
    );
    plant.play("SCRAP", &[("RM4", "green scrap.why"), ("REASON-BROKEN", "green scrapped SCRAP")]);
    let returned = "green given.back RETURN_FROM_PRODUCTION";
    plant.play(
        "RETURN-FROM-PRODUCTION",
        &[
            ("RM1", "red goods.quantity-first"),
            ("QTY-1000", "green quantity.kept"),
            ("RM1", "red return.too-much REFUSED"),
            ("QTY-20", "green quantity.kept"),
            ("RM1", returned),
            ("QTY-6", "green quantity.kept"),
            ("RM1", "red return.too-much REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", returned),
            ("RM4", "red label.scrapped REFUSED"),
            ("RM2", "red label.inside REFUSED"),
        ],
    );
    assert_eq!(plant.label("RM1").quantity, Some(decimal("97")), "96 - 25 + 20 + 6");
}

#[test]
fn what_the_books_call_used_up_a_supervisor_may_let_in() {
    let mut plant = Plant::stocked();
    plant.play("SCRAP", &[("RM2", "green scrap.why"), ("REASON-BROKEN", "green scrapped SCRAP")]);
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "red label.scrapped REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green assembly.child"),
            ("RM3", "green assembly.child"),
            ("RM1", "green assembly.child"),
            ("DONE", "green assembly.recorded COMMISSION ASSEMBLY ASSEMBLY"),
        ],
    );
    assert_eq!(plant.of(Stage::Assembly)[1].overridden_by, "chief");
}

#[test]
fn what_is_counted_in_a_package_stays_in_it() {
    let mut plant = Plant::built();
    plant.play("PACKING", &[("FG1", "green pack.content"), ("DONE", "green packed COMMISSION PACKING")]);
    plant.play(
        "COUNT",
        &[("RACK-1", "green place.set"), ("FG1", "amber note.inside COUNT"), ("FG1", "amber scan.again")],
    );
    assert_eq!(plant.label("FG1").custody, Custody::Parent { key: plant.key("PK1") });
    assert_eq!(plant.label("PK1").children, [plant.key("FG1")]);
    plant.play("DISPATCH", &[("FG1", "red label.inside REFUSED"), ("PK1", "green ship.taken")]);
}

#[test]
fn labels_confirmed_spoiled_and_printed_again() {
    let mut plant = Plant::stocked();
    plant.play(
        "LABEL",
        &[
            ("RM2", "green label.confirmed LABEL"),
            ("RM2", "amber scan.again"),
            ("FAIL", "green label.which-spoiled"),
            ("RM3", "green label.spoiled LABEL"),
            ("REPRINT", "green reprint.which"),
            ("RM3", "red reprint.reason"),
            ("REASON-SMUDGED", "green reason.set"),
            ("RM3", "green reprinted LABEL"),
        ],
    );
    assert_eq!(plant.last.as_ref().unwrap().prints[0].copy, 2);
    assert_eq!(plant.label("RM3").reprints, 1);
    plant.play(
        "STORAGE",
        &[
            ("REPRINT", "green reprint.which"),
            ("REASON-SMUDGED", "green reason.set"),
            ("RM3", "green reprinted LABEL"),
        ],
    );
    assert_eq!(plant.last.as_ref().unwrap().prints[0].copy, 3);
}

#[test]
fn a_print_counts_by_its_outcome() {
    use proto::v1::Outcome;
    let mut plant = Plant::stocked();
    let key = plant.key("RM1");
    for (action, outcome, print) in [
        (Action::Unspecified, Outcome::Unspecified, "printed"),
        (Action::Unspecified, Outcome::Failed, "spoiled"),
        (Action::Add, Outcome::Unspecified, "allocated"),
        (Action::Unspecified, Outcome::Passed, "confirmed"),
    ] {
        let mut event = proto::v1::Event { attempt: 2, ..Default::default() };
        event.set_stage(Stage::Label);
        event.set_action(action);
        event.set_outcome(outcome);
        event.subjects.push(proto::v1::Subject { key, ..Default::default() });
        crate::station::fold(&mut plant.labels, &event);
        assert_eq!(plant.label("RM1").print, print);
    }
    assert_eq!(plant.label("RM1").reprints, 1);
}

/// Labels are the plant's, whoever prints them.
#[test]
fn labels_are_in_the_plants_language() {
    let mut plant = Plant::new();
    plant.file.languages = vec![crate::config::Language::Te];
    let gear = plant.reference.items.get_mut("GEAR").unwrap();
    gear.names.insert("te".to_owned(), "గేరు".to_owned());
    gear.names.insert("hi".to_owned(), "गियर".to_owned());
    plant.play(
        "COMMISSION",
        &[("item=GEAR", "green field.set"), ("NOLABEL", "green commissioned COMMISSION")],
    );
    assert_eq!(plant.last.as_ref().unwrap().prints[0].lines[0], "గేరు");
}

#[test]
fn commission() {
    let mut plant = Plant::new();
    plant.play(
        "COMMISSION",
        &[
            ("NOLABEL", "red goods.no-item"),
            ("WO-1", "green order.chosen"),
            ("QTY-3", "green goods.quantity"),
            ("DONE", "green commissioned COMMISSION"),
            ("FG1", "green label.confirmed LABEL"),
            ("WP7", "amber note.unknown COMMISSION"),
        ],
    );
    assert_eq!(plant.label("FG3").order.as_deref(), Some("WO-1"));
    assert_eq!(plant.label("WP7").item, "BOX");
}

#[test]
fn holds_of_the_plant() {
    let mut plant = Plant::stocked();
    plant.play(
        "HOLD",
        &[
            ("RM2", "green hold.placed HOLD"),
            ("RM2", "amber hold.already"),
            ("PASS", "green hold.releasing"),
            ("RM3", "amber hold.none"),
            ("RM2", "red hold.supervisor REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green hold.released RELEASE"),
        ],
    );
    plant.play(
        "ASSEMBLY",
        &[
            ("HOLD", "green hold.which"),
            ("RM4", "green hold.placed HOLD"),
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM4", "red label.held REFUSED"),
            ("RM2", "green assembly.child"),
        ],
    );
    plant.play("STORAGE", &[("RACK-2", "green place.set"), ("RM4", "amber note.held STORAGE")]);
}

#[test]
fn two_holds_of_the_plant_are_two_and_a_release_names_both() {
    let mut plant = Plant::stocked();
    let code = |plant: &Plant, purpose: &str| {
        let reasons = plant.reference.reasons.values();
        let mut codes: Vec<_> = reasons.filter(|r| r.purpose == purpose).map(|r| r.reason.clone()).collect();
        codes.sort();
        codes
    };
    if code(&plant, "hold").len() < 2 {
        for reason in ["DENT", "RUST"] {
            let row = serde_json::json!({ "reason": reason, "purpose": "hold", "texts": { "en": reason } });
            plant.reference.insert("reason", &row.to_string()).unwrap();
        }
    }
    let codes = code(&plant, "hold");
    let (first, second) = (format!("REASON-{}", codes[0]), format!("REASON-{}", codes[1]));
    plant.play(
        "HOLD",
        &[
            (&first, "green reason.set"),
            ("RM2", "green hold.placed HOLD"),
            (&first, "green reason.set"),
            ("RM2", "amber hold.already"),
            (&second, "green reason.set"),
            ("RM2", "green hold.placed HOLD"),
        ],
    );
    assert_eq!(plant.label("RM2").holds.len(), 2);
    // The office lifts the first: the second stands.
    let mut label = plant.label("RM2").clone();
    assert!(label.lift(&[label.holds[0]].into()));
    assert_eq!(
        label.hold_reasons().map(|mark| mark.reason.as_str()).collect::<Vec<_>>(),
        [codes[1].as_str()]
    );
    plant.play(
        "HOLD",
        &[
            ("PASS", "green hold.releasing"),
            ("RM2", "amber hold.several"),
            ("RM2", "red hold.supervisor REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green hold.released RELEASE"),
        ],
    );
    assert!(plant.label("RM2").holds.is_empty() && plant.label("RM2").hold_marks.is_empty());
}

#[test]
fn another_persons_hold_is_one_of_its_own() {
    let mut plant = Plant::stocked();
    plant.play(
        "HOLD",
        &[
            ("badge:anil", "green login.done"),
            ("RM2", "green hold.placed HOLD"),
            ("RM2", "amber hold.already"),
            ("badge:bela", "green login.handover"),
            ("RM2", "green hold.placed HOLD"),
        ],
    );
    assert_eq!(plant.label("RM2").holds.len(), 2);
}
