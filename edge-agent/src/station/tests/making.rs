//! What units are made of: assembly and its kits, transformation, splitting.

use proto::v1::{Action, Role, Stage};

use super::fixture::decimal;
use super::plant::Plant;
use crate::station::types::{Custody, Life};

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
