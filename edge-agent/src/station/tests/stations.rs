//! One scenario and more for each kind of station.

use proto::v1::{Action, Role, Stage};

use super::fixture::decimal;
use super::plant::Plant;
use crate::station::types::{Custody, Life, QualityState};

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
fn each_parent_has_its_own_order() {
    let mut plant = Plant::built();
    plant.play(
        "COMMISSION",
        &[
            ("ORDER", "green order.none"),
            ("BOX", "green item.chosen"),
            ("NOLABEL", "green commissioned COMMISSION"),
        ],
    );
    let other = plant.reference.orders[&("prodorder".to_owned(), "WO-1".to_owned())].clone();
    let other = crate::reference::Order { number: "WO-9".to_owned(), ..other };
    plant.reference.orders.insert(("prodorder".to_owned(), "WO-9".to_owned()), other);
    let key = plant.last_minted();
    plant.labels.get_mut(&key).unwrap().order = Some("WO-9".to_owned());
    let second = plant.label_text(key);
    plant.play(
        "ASSEMBLY",
        &[
            ("ORDER", "green order.none"),
            ("FG1", "green assembly.parent"),
            ("CANCEL", "green cancelled"),
            (&second, "green assembly.parent"),
            ("RM4", "green assembly.child"),
            ("RM5", "green assembly.child"),
            ("RM1", "green assembly.child"),
            ("DONE", "green assembly.recorded ASSEMBLY"),
        ],
    );
    assert_eq!(plant.events.last().unwrap().references[0].number, "WO-9");
    assert_eq!(plant.session("ASSEMBLY").order, None);
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            (&second, "red assembly.other-order REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green assembly.parent"),
        ],
    );
}

#[test]
fn kit() {
    let mut plant = Plant::stocked();
    plant.play(
        "KIT",
        &[
            ("WO-1", "green order.chosen"),
            ("RM2", "green pack.content"),
            ("RM3", "green pack.content"),
            ("DONE", "green packed COMMISSION KIT"),
        ],
    );
    assert_eq!(plant.label("BN1").order.as_deref(), Some("WO-1"));
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "green assembly.child"),
            ("RM1", "green assembly.child"),
            ("CANCEL", "green cancelled"),
        ],
    );
    plant.play(
        "KIT",
        &[
            ("BN1", "green pack.open"),
            ("UNDO", "amber pack.taking-out"),
            ("RM2", "green taken.out"),
            ("DONE", "green out.recorded KIT"),
        ],
    );
    assert_eq!(plant.label("BN1").children, [plant.key("RM3")]);
    plant.play("ASSEMBLY", &[("NOLABEL", "green assembly.no-label"), ("RM2", "green assembly.child")]);
}

#[test]
fn an_orders_assembly_builds_in_what_lies_in_its_kit() {
    let mut plant = Plant::stocked();
    plant.play(
        "KIT",
        &[
            ("WO-1", "green order.chosen"),
            ("RM1", "green pack.content"),
            ("RM2", "green pack.content"),
            ("RM3", "green pack.content"),
            ("RM4", "green pack.content"),
            ("DONE", "green packed COMMISSION KIT"),
        ],
    );
    // Another order's assembly takes nothing out of it, nor does packing.
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-3", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "red label.inside REFUSED"),
            ("CANCEL", "green cancelled"),
        ],
    );
    plant.play("PACKING", &[("RM2", "red label.inside REFUSED")]);
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "green assembly.child"),
            ("RM3", "green assembly.child"),
            ("RM1", "green assembly.child"),
            ("DONE", "green assembly.recorded COMMISSION KIT ASSEMBLY"),
        ],
    );
    let out = plant.of(Stage::Kit)[1];
    assert_eq!(out.action(), Action::Delete);
    let keys: Vec<i64> = out.subjects.iter().map(|s| s.key).collect();
    assert_eq!(keys, [plant.key("BN1"), plant.key("RM2"), plant.key("RM3")]);
    // The gear that was not needed is still in it, and the box of bolts.
    assert_eq!(plant.label("BN1").children, [plant.key("RM1"), plant.key("RM4")]);
    assert_eq!(plant.label("RM1").quantity, Some(decimal("96")));
    assert_eq!(plant.label("RM2").custody, Custody::Parent { key: plant.key("FG1") });
    // Taken back, they are in the kit again.
    plant.play(
        "ASSEMBLY",
        &[("CORRECT", "green correct.last"), ("DONE", "green corrected CORRECT CORRECT CORRECT")],
    );
    assert_eq!(plant.label("RM2").custody, Custody::Parent { key: plant.key("BN1") });
    assert!(plant.label("BN1").children.contains(&plant.key("RM2")));
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
fn transformation_asks_where_it_does_not_balance() {
    let mut plant = Plant::new();
    plant.play(
        "OPENING",
        &[
            ("STEEL", "green item.chosen"),
            ("H-1", "green lot.set"),
            ("QTY-100", "green goods.quantity"),
            ("SPLIT-2", "green goods.quantity"),
            ("DONE", "green opening.recorded OPENING"),
        ],
    );
    plant.play(
        "TRANSFORMATION",
        &[
            ("WO-2", "green order.chosen"),
            ("DONE", "amber done.nothing"),
            ("RM1", "green transform.input"),
            ("RM2", "green transform.input"),
            ("QTY-500", "red quantity.too-much REFUSED"),
            ("QTY-50", "green quantity.set"),
            ("DONE", "green transform.how-much"),
            ("RM1", "red transform.enter-made"),
            ("QTY-70", "green goods.quantity"),
            ("SPLIT-2", "green goods.quantity"),
            ("DONE", "amber balance.ask"),
            ("DONE", "green transform.recorded TRANSFORMATION"),
        ],
    );
    let event = plant.of(Stage::Transformation)[0];
    let roles: Vec<_> = event.subjects.iter().map(|s| s.role()).collect();
    assert_eq!(roles, [Role::Input, Role::Input, Role::Output, Role::Output]);
    assert_eq!(plant.label("RM1").life, Life::Consumed);
    assert_eq!(plant.label("RM2").quantity, Some(decimal("50")));
    assert_eq!(plant.label("SF1").quantity, Some(decimal("70")));
    assert_ne!(plant.label("SF1").lot, plant.label("RM1").lot);
    plant.play("STORAGE", &[("RM1", "red label.consumed REFUSED")]);
    plant.play(
        "TRANSFORMATION",
        &[
            ("RM2", "green transform.input"),
            ("DONE", "green transform.how-much"),
            ("QTY-0", "green consumed CONSUME"),
        ],
    );
    assert_eq!(plant.label("RM2").life, Life::Consumed);
}

#[test]
fn split_shares_lot_and_leaves_the_rest() {
    let mut plant = Plant::stocked();
    plant.play(
        "SPLIT",
        &[
            ("SPLIT-3", "red split.count"),
            ("RM2", "red split.unit REFUSED"),
            ("RM1", "green split.source"),
            ("SPLIT-7", "red split.uneven"),
            ("QTY-30", "green goods.quantity"),
            ("SPLIT-3", "green goods.quantity"),
            ("QTY-20", "green goods.quantity"),
            ("DONE", "red split.too-much REFUSED"),
            ("UNDO", "green undone.quantity"),
            ("DONE", "amber split.rest"),
            ("DONE", "green split.recorded TRANSFORMATION"),
            ("RM1", "green split.source"),
            ("SPLIT-2", "green goods.quantity"),
            ("DONE", "green split.recorded TRANSFORMATION"),
        ],
    );
    assert_eq!(plant.label("RM8").quantity, Some(decimal("30")));
    assert_eq!(plant.label("RM8").lot, plant.label("RM1").lot);
    assert_eq!(plant.label("RM11").quantity, Some(decimal("5")));
    assert_eq!(plant.label("RM1").life, Life::Consumed);
    plant.play("SPLIT", &[("RM8", "green label.confirmed LABEL")]);
}

#[test]
fn assembly_refuses_what_does_not_belong() {
    let mut plant = Plant::built();
    plant.play(
        "OPENING",
        &[
            ("STEEL", "green item.chosen"),
            ("H-1", "green lot.set"),
            ("QTY-100", "green goods.quantity"),
            ("DONE", "green opening.recorded OPENING"),
        ],
    );
    plant.reference.held_keys.insert(plant.key("RM5"));
    plant.play("SCRAP", &[("RM6", "green scrap.why"), ("REASON-BROKEN", "green scrapped SCRAP")]);
    plant.play(
        "ASSEMBLY",
        &[
            ("RM4", "red assembly.wrong-parent REFUSED"),
            ("FG1", "green assembly.parent"),
            ("CANCEL", "green cancelled"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "red label.inside REFUSED"),
            ("RM5", "red label.held REFUSED"),
            ("RM6", "red label.scrapped REFUSED"),
            ("RM8", "red assembly.not-on-bom REFUSED"),
            ("RM7", "green assembly.child"),
            ("RM99", "amber note.unknown"),
            ("RM1", "green assembly.child"),
            ("DONE", "green assembly.recorded COMMISSION ASSEMBLY"),
        ],
    );
    assert_eq!(plant.of(Stage::Refused).len(), 5);
}

#[test]
fn assembly_let_through_by_a_supervisor() {
    let mut plant = Plant::stocked();
    plant.reference.held_keys.insert(plant.key("RM3"));
    plant.play(
        "ASSEMBLY",
        &[
            ("badge:anil", "green login.done"),
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "green assembly.child"),
            ("RM3", "red label.held REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("0000", "red pin.wrong"),
            ("9999", "green assembly.child"),
            ("DONE", "red assembly.missing REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green assembly.recorded COMMISSION ASSEMBLY ASSEMBLY"),
        ],
    );
    let events = plant.of(Stage::Assembly);
    assert_eq!(events[0].overridden_by, "chief", "parts are missing");
    assert_eq!(events[1].overridden_by, "chief", "the held gear");
    assert_eq!(plant.session("ASSEMBLY").operator.unwrap().operator, "anil");
}

#[test]
fn assembly_takes_out_again() {
    let mut plant = Plant::built();
    plant.play(
        "ASSEMBLY",
        &[
            ("FG1", "green assembly.parent"),
            ("UNDO", "amber assembly.taking-out"),
            ("RM4", "red assembly.not-inside REFUSED"),
            ("RM2", "green taken.out"),
            ("DONE", "green out.recorded ASSEMBLY"),
            ("FG1", "green assembly.parent"),
            ("RM4", "green assembly.child"),
            ("DONE", "green assembly.recorded ASSEMBLY"),
        ],
    );
    assert_eq!(plant.of(Stage::Assembly)[1].action(), Action::Delete);
    assert_eq!(plant.label("RM2").custody, Custody::Location { place: "ASSEMBLY-place".to_owned() });
    assert!(plant.label("FG1").children.contains(&plant.key("RM4")));
}

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
