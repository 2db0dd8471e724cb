//! What goes into packages, what leaves the plant, and what comes from another.

use proto::v1::{Action, Stage};

use super::plant::Plant;
use crate::station::types::Custody;

#[test]
fn packing_in_and_out() {
    let mut plant = Plant::built();
    plant
        .play("COMMISSION", &[("CARTON", "green item.chosen"), ("NOLABEL", "green commissioned COMMISSION")]);
    plant.play(
        "PACKING",
        &[
            ("PK1", "green pack.open"),
            ("FG1", "green pack.content"),
            ("RM4", "green pack.content"),
            ("UNDO", "green undone"),
            ("DONE", "green packed PACKING"),
            ("PK1", "green pack.open"),
            ("FG1", "amber assembly.already-in"),
            ("UNDO", "amber pack.taking-out"),
            ("FG1", "green taken.out"),
            ("DONE", "green out.recorded PACKING"),
        ],
    );
    assert!(plant.label("PK1").children.is_empty());
    plant.play("DISPATCH", &[("FG1", "green ship.taken")]);
}

#[test]
fn a_held_package_is_opened_to_take_out_and_for_nothing_else() {
    let mut plant = Plant::built();
    plant
        .play("COMMISSION", &[("CARTON", "green item.chosen"), ("NOLABEL", "green commissioned COMMISSION")]);
    plant.play(
        "PACKING",
        &[("PK1", "green pack.open"), ("FG1", "green pack.content"), ("DONE", "green packed PACKING")],
    );
    let (package, content) = (plant.key("PK1"), plant.key("FG1"));
    plant.reference.held_keys.extend([package, content]);
    plant.play(
        "PACKING",
        &[
            ("PK1", "amber note.held"),
            ("RM4", "red label.held REFUSED"),
            ("UNDO", "amber pack.taking-out"),
            ("FG1", "green taken.out"),
            ("DONE", "green out.recorded PACKING"),
        ],
    );
    assert!(plant.label("PK1").children.is_empty());
}

#[test]
fn of_a_held_package_only_what_stays_held_comes_out() {
    let mut plant = Plant::built();
    plant
        .play("COMMISSION", &[("CARTON", "green item.chosen"), ("NOLABEL", "green commissioned COMMISSION")]);
    plant.play(
        "PACKING",
        &[
            ("PK1", "green pack.open"),
            ("FG1", "green pack.content"),
            ("RM4", "green pack.content"),
            ("DONE", "green packed PACKING"),
        ],
    );
    let (package, content, other) = (plant.key("PK1"), plant.key("FG1"), plant.key("RM4"));
    let hold = |keys: &[i64], inside: &[i64]| {
        serde_json::json!({ "hold": "H-1", "reason": "CRACK", "keys": keys, "inside": inside }).to_string()
    };
    // Held for the one unit in it: the other one is free, and may be taken out.
    plant.reference.insert("hold", &hold(&[package, content], &[package])).unwrap();
    plant.reference.settle();
    plant.play(
        "PACKING",
        &[
            ("PK1", "amber note.held"),
            ("UNDO", "amber pack.taking-out"),
            ("RM4", "green taken.out"),
            ("CANCEL", "green cancelled"),
        ],
    );
    // Held itself: what is in it is held too, also what the office does not know to be there.
    plant.reference.insert("hold", &hold(&[package, content], &[])).unwrap();
    plant.reference.settle();
    plant.play("PACKING", &[("PK1", "amber note.held")]);
    assert_eq!(plant.next(), "next.only-out", "nothing goes in that would be refused then");
    plant.play("PACKING", &[("RM5", "red label.held REFUSED"), ("CANCEL", "green cancelled")]);
    plant.play(
        "PACKING",
        &[
            ("PK1", "amber note.held"),
            ("UNDO", "amber pack.taking-out"),
            ("FG1", "green taken.out"),
            ("RM4", "red pack.held REFUSED"),
            ("DONE", "green out.recorded PACKING"),
        ],
    );
    assert_eq!(plant.label("PK1").children, [other]);
    // What came out is held by its own key; the office has told of the other one by now.
    plant.play("DISPATCH", &[("FG1", "red label.held REFUSED")]);
    plant.reference.insert("hold", &hold(&[package, content, other], &[])).unwrap();
    plant.reference.settle();
    plant.play(
        "PACKING",
        &[
            ("PK1", "amber note.held"),
            ("UNDO", "amber pack.taking-out"),
            ("RM4", "green taken.out"),
            ("DONE", "green out.recorded PACKING"),
        ],
    );
    plant.play("DISPATCH", &[("RM4", "red label.held REFUSED")]);
}

#[test]
fn a_hold_that_comes_while_something_is_taken_out_stops_it() {
    let mut plant = Plant::built();
    plant.play("PACKING", &[("RM4", "green pack.content"), ("DONE", "green packed COMMISSION PACKING")]);
    plant.play(
        "PACKING",
        &[("PK1", "green pack.open"), ("UNDO", "amber pack.taking-out"), ("RM4", "green taken.out")],
    );
    plant.play("HOLD", &[("PK1", "green hold.placed HOLD")]);
    plant.play("PACKING", &[("DONE", "red pack.held REFUSED"), ("CANCEL", "green cancelled")]);
}

#[test]
fn a_package_with_something_held_in_it_stays() {
    let mut plant = Plant::built();
    plant.play("PACKING", &[("FG1", "green pack.content"), ("DONE", "green packed COMMISSION PACKING")]);
    plant.reference.held_keys.insert(plant.key("FG1"));
    plant.play("DISPATCH", &[("PK1", "red content.held REFUSED"), ("RM2", "red label.inside REFUSED")]);
}

#[test]
fn a_word_for_one_reason_does_not_let_out_what_is_held_later() {
    let mut plant = Plant::built();
    plant.play("PACKING", &[("RM4", "green pack.content"), ("DONE", "green packed COMMISSION PACKING")]);
    let not_ordered = [
        ("SO-1", "green order.chosen"),
        ("PK1", "red ship.not-ordered REFUSED"),
        ("badge:chief", "amber override.pin"),
        ("9999", "green ship.taken"),
    ];
    plant.play("DISPATCH", &not_ordered);
    let content = plant.key("RM4");
    plant.reference.held_keys.insert(content);
    plant.play("DISPATCH", &[("DONE", "red content.held REFUSED"), ("CANCEL", "green cancelled")]);
    plant.reference.held_keys.clear();
    plant.play("DISPATCH", &not_ordered);
    let package = plant.key("PK1");
    plant.reference.held_keys.insert(package);
    plant.play("DISPATCH", &[("DONE", "red label.held REFUSED")]);
    plant.reference.held_keys.clear();
    plant.play("DISPATCH", &[("DONE", "green dispatched DISPATCH")]);
}

#[test]
fn dispatch_of_what_the_customer_ordered() {
    let mut plant = Plant::built();
    plant.play(
        "DISPATCH",
        &[
            ("SO-1", "green order.chosen"),
            ("RM4", "red ship.not-ordered REFUSED"),
            ("FG1", "green ship.taken"),
            ("vehicle=WB-02", "green field.set"),
            ("DONE", "green dispatched DISPATCH"),
            ("FG1", "amber scan.again"),
        ],
    );
    plant.play("STORAGE", &[("RACK-1", "green place.set"), ("FG1", "amber note.away STORAGE")]);
}

#[test]
fn job_work_and_back_to_the_supplier() {
    let mut plant = Plant::stocked();
    plant.play("JOB-WORK-OUT", &[("RM2", "green ship.taken"), ("DONE", "green job.work-sent JOB_WORK_OUT")]);
    assert_eq!(plant.label("RM2").custody, Custody::Supplier);
    plant.play("JOB-WORK-IN", &[("RM2", "green arrival.taken"), ("DONE", "green job.work-back JOB_WORK_IN")]);
    plant.play(
        "INSPECTION",
        &[
            ("RM3", "green inspect.unit"),
            ("0.5", "amber measured.out"),
            ("DONE", "amber inspect.failed INSPECTION"),
        ],
    );
    plant.play(
        "RETURN-TO-SUPPLIER",
        &[("RM3", "green ship.taken"), ("DONE", "green sent.back RETURN_TO_SUPPLIER")],
    );
}

#[test]
fn arrivals_from_another_plant() {
    let mut plant = Plant::new();
    let foreign = uid::Uid::new(plant.file.tenant, "VSK".parse().unwrap(), "FG".parse().unwrap(), 7).unwrap();
    let text = foreign.to_string();
    assert_eq!(plant.scan("TRANSFER-IN", &text), "amber note.unknown");
    plant.play(
        "TRANSFER-IN",
        &[
            ("UNDO", "green undone"),
            ("STN-2025-004", "green advice.set"),
            (&text, "green arrival.taken"),
            ("DONE", "green arrived TRANSFER"),
        ],
    );
    let event = plant.of(Stage::Transfer)[0];
    assert_eq!(event.action(), Action::Delete);
    assert_eq!(event.references[0].number, "GRN-2025-001");
    assert_eq!(event.references[1].r#type, "desadv");
}

#[test]
fn what_comes_back_without_its_package_leaves_it() {
    let mut plant = Plant::built();
    plant.play(
        "PACKING",
        &[
            ("FG1", "green pack.content"),
            ("RM4", "green pack.content"),
            ("DONE", "green packed COMMISSION PACKING"),
        ],
    );
    // In a package that is here it stays, and the answer says what to do.
    plant.play("RETURN", &[("FG1", "red label.inside REFUSED")]);
    assert_eq!(plant.last.as_ref().unwrap().reply.next, "next.take-out");
    plant.play("DISPATCH", &[("PK1", "green ship.taken"), ("DONE", "green dispatched DISPATCH")]);
    // What is built into it comes back with it.
    plant.play("RETURN", &[("RM2", "red label.inside REFUSED")]);
    plant.play("RETURN", &[("REASON-WRONG", "green reason.set"), ("FG1", "green arrival.taken")]);
    plant.play("RETURN", &[("DONE", "green returned RETURN")]);
    assert!(matches!(plant.label("FG1").custody, Custody::Location { .. }));
    assert_eq!(plant.label("PK1").children, [plant.key("RM4")]);
    assert_eq!(plant.label("PK1").custody, Custody::Customer);
    // It may be put away by itself, and the rest comes back in the package.
    plant.play("STORAGE", &[("RACK-1", "green place.set"), ("FG1", "green stored STORAGE")]);
    plant.play("RETURN", &[("REASON-WRONG", "green reason.set"), ("PK1", "green arrival.taken")]);
    plant.play("RETURN", &[("DONE", "green returned RETURN")]);
    assert_eq!(plant.label("RM4").custody, Custody::Parent { key: plant.key("PK1") });
}

#[test]
fn a_return_that_is_taken_back_puts_the_unit_on_its_packages_list_again() {
    let mut plant = Plant::built();
    plant.play(
        "PACKING",
        &[
            ("FG1", "green pack.content"),
            ("RM4", "green pack.content"),
            ("DONE", "green packed COMMISSION PACKING"),
        ],
    );
    plant.play("DISPATCH", &[("PK1", "green ship.taken"), ("DONE", "green dispatched DISPATCH")]);
    plant.play(
        "RETURN",
        &[
            ("REASON-WRONG", "green reason.set"),
            ("FG1", "green arrival.taken"),
            ("DONE", "green returned RETURN"),
        ],
    );
    let (unit, package) = (plant.key("FG1"), plant.key("PK1"));
    assert_eq!(plant.label("PK1").children, [plant.key("RM4")]);
    plant.play("RETURN", &[("CORRECT", "green correct.last"), ("DONE", "green corrected CORRECT")]);
    assert_eq!(plant.label("FG1").custody, Custody::Parent { key: package });
    assert!(plant.label("PK1").children.contains(&unit), "what leaves with it is looked at");
    // It did come back, after all.
    plant.play("RETURN", &[("CORRECT", "green correct.last"), ("DONE", "green correct.restored CORRECT")]);
    assert!(matches!(plant.label("FG1").custody, Custody::Location { .. }));
    assert_eq!(plant.label("PK1").children, [plant.key("RM4")]);
}

#[test]
fn a_package_that_this_plant_does_not_know_was_sent_by_another() {
    let mut plant = Plant::built();
    let (unit, package) = (plant.key("FG1"), plant.key("PK7"));
    plant.labels.get_mut(&unit).unwrap().custody = Custody::Parent { key: package };
    plant.play("DISPATCH", &[("FG1", "red label.inside REFUSED")]);
    plant.play(
        "RETURN",
        &[
            ("REASON-WRONG", "green reason.set"),
            ("FG1", "green arrival.taken"),
            ("DONE", "green returned RETURN"),
        ],
    );
    assert!(matches!(plant.label("FG1").custody, Custody::Location { .. }));
}

#[test]
fn nothing_is_green_while_it_is_not_known_what_is_held() {
    let mut plant = Plant::stocked();
    plant.reference.doubtful = true;
    plant.play("DISPATCH", &[("RM2", "red holds.lost REFUSED"), ("CANCEL", "green cancelled")]);
    plant.play("STORAGE", &[("RACK-1", "green place.set"), ("RM2", "amber reference.lost-noted STORAGE")]);
}

#[test]
fn a_package_with_more_in_it_than_was_told_stays() {
    let mut plant = Plant::built();
    plant.play("PACKING", &[("FG1", "green pack.content"), ("DONE", "green packed COMMISSION PACKING")]);
    let package = plant.key("PK1");
    plant.labels.get_mut(&package).unwrap().incomplete = true;
    plant.play("DISPATCH", &[("PK1", "red content.unnamed REFUSED")]);
}

#[test]
fn what_is_held_after_it_was_scanned_is_red_at_the_next_scan_and_as_before_once_it_is_free() {
    let mut plant = Plant::built();
    let unit = plant.key("FG1");
    let at = |plant: &mut Plant, station: &str, first: &[(&str, &str)], text: &str, red: &str| {
        plant.play(station, first);
        plant.play(station, &[(text, "amber scan.again")]);
        plant.reference.held_keys.insert(unit);
        plant.play(station, &[(text, red), (text, red.trim_end_matches(" REFUSED"))]);
        plant.reference.held_keys.clear();
        plant.play(station, &[(text, "amber scan.again")]);
    };
    at(&mut plant, "DISPATCH", &[("FG1", "green ship.taken")], "FG1", "red label.held REFUSED");
    plant.play("DISPATCH", &[("CANCEL", "green cancelled")]);
    let pack = [("NOLABEL", "green pack.no-label"), ("FG1", "green pack.content")];
    at(&mut plant, "PACKING", &pack, "FG1", "red label.held REFUSED");
    plant.play("PACKING", &[("DONE", "green packed COMMISSION PACKING")]);
    let ship = [("ST-1", "green order.chosen"), ("PK1", "green ship.taken")];
    at(&mut plant, "TRANSFER-OUT", &ship, "PK1", "red content.held REFUSED");
    plant.play("TRANSFER-OUT", &[("DONE", "green transferred TRANSFER")]);
}
