//! A whole life: from the dock to the customer.

use proto::v1::{Role, Stage};

use super::fixture::decimal;
use super::plant::Plant;
use crate::station::types::{Custody, Life, QualityState};

#[test]
fn from_the_dock_to_the_customer() {
    let mut plant = Plant::new();
    plant.play(
        "RECEIVING",
        &[
            ("po-2025-001", "green order.chosen"),
            ("GEAR", "green item.chosen"),
            ("QTY-4", "green goods.quantity"),
            ("challan=CH-77", "green field.set"),
            ("DONE", "green receipt.recorded PROCUREMENT GRN"),
            ("]d201095011015300031726123110LOT-9\u{1d}37100", "green goods.quantity"),
            ("SPLIT-2", "green goods.quantity"),
            ("DONE", "green receipt.recorded PROCUREMENT GRN"),
        ],
    );
    // The specification's lifecycle: PROCUREMENT at the order's date and place.
    let order = &plant.of(Stage::Procurement)[0];
    assert_eq!((order.location.as_str(), order.references[0].number.as_str()), ("Vendor-XYZ", "PO-2025-001"));
    assert_eq!(order.occurred_at_us, 1_736_937_000_000_000);
    assert!(order.subjects.iter().all(|subject| !subject.mint));
    let grn = &plant.of(Stage::Grn)[0];
    assert_eq!(grn.references[0].number, "GRN-2025-001");
    assert_eq!(grn.references[1].line, 2);
    assert_eq!(grn.references[2].r#type, "challan");
    assert_eq!(grn.subjects.len(), 4);
    assert!(grn.subjects.iter().all(|subject| subject.mint && !subject.container));
    assert_eq!(plant.of(Stage::Grn)[1].lots[0].supplier_lot, "LOT-9");
    assert_eq!(plant.label("RM5").quantity, Some(decimal("100")));
    assert_eq!(plant.label("RM6").expires_on, chrono::NaiveDate::from_ymd_opt(2026, 12, 31));

    plant.play(
        "STORAGE",
        &[
            ("RACK-1", "green place.set"),
            ("RM1", "green stored STORAGE"),
            ("RM1", "amber scan.again"),
            ("RM2", "green stored STORAGE"),
            ("RM5", "green stored STORAGE"),
        ],
    );
    assert_eq!(plant.label("RM1").custody, Custody::Location { place: "RACK-1".to_owned() });

    plant.play(
        "ISSUE",
        &[
            ("RM1", "red issue.no-order REFUSED"),
            ("WO-1", "green order.chosen"),
            ("RM1", "green issued ISSUE_TO_PRODUCTION"),
            ("RM1", "amber scan.again"),
            ("RM2", "green issued ISSUE_TO_PRODUCTION"),
            ("QTY-40", "green quantity.kept"),
            ("RM5", "green issued ISSUE_TO_PRODUCTION"),
            ("RM6", "green issued ISSUE_TO_PRODUCTION"),
        ],
    );
    assert_eq!(plant.label("RM5").quantity, Some(decimal("60")));
    assert_eq!(plant.label("RM1").order.as_deref(), Some("WO-1"));

    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM1", "green assembly.child"),
            ("RM1", "amber scan.again"),
            ("DONE", "red assembly.missing REFUSED"),
            ("DONE", "red assembly.missing"),
            ("RM2", "green assembly.child"),
            ("RM3", "red assembly.enough REFUSED"),
            ("RM6", "green assembly.child"),
            ("DONE", "green assembly.recorded COMMISSION ASSEMBLY"),
            ("FG1", "green assembly.parent"),
            ("RM1", "amber assembly.already-in"),
            ("CANCEL", "green cancelled"),
        ],
    );
    assert_eq!(plant.label("RM6").quantity, Some(decimal("96")));
    assert_eq!(plant.label("RM1").custody, Custody::Parent { key: plant.key("FG1") });
    assert_eq!(plant.label("FG1").children.len(), 3);
    let assembly = &plant.of(Stage::Assembly)[0];
    assert_eq!(assembly.subjects[0].role(), Role::Parent);
    assert_eq!(assembly.references[0].number, "WO-1");
    assert!(!assembly.subjects[0].mint, "born by its COMMISSION");

    plant.play(
        "OPERATION",
        &[("FG1", "green operation.started OPERATION"), ("FG1", "green operation.ended OPERATION")],
    );
    plant.play(
        "INSPECTION",
        &[
            ("FG1", "green inspect.unit"),
            ("QTY-0.2", "amber measured.out"),
            ("PASS", "red inspect.out-of-limits REFUSED"),
            ("UNDO", "green measure.dropped"),
            ("DIGIT-0", "green digit"),
            ("DIGIT-.", "green digit"),
            ("DIGIT-1", "green digit"),
            ("ENTER", "green measured"),
            ("PASS", "green inspect.passed INSPECTION"),
        ],
    );
    plant.play(
        "PACKING",
        &[
            ("FG1", "green pack.content"),
            ("FG1", "amber scan.again"),
            ("DONE", "green packed COMMISSION PACKING"),
            ("FG1", "red label.inside REFUSED"),
        ],
    );
    assert!(plant.label("PK1").package);
    plant.play(
        "TRANSFER-OUT",
        &[
            ("PK1", "green ship.taken"),
            ("DONE", "red destination.needed"),
            // No order had been chosen, so the draft may still get one.
            ("ST-1", "green order.chosen"),
            ("DONE", "green transferred TRANSFER"),
        ],
    );
}

#[test]
fn a_package_takes_along_what_is_in_it() {
    let mut plant = Plant::built();
    plant.play("PACKING", &[("NOLABEL", "green pack.no-label")]);
    assert_eq!(plant.next(), "next.content", "a new package is open: goods are wanted");
    plant.play("PACKING", &[("UNDO", "green cancelled")]);
    assert_eq!(plant.next(), "next.package");
    plant.play(
        "PACKING",
        &[
            ("NOLABEL", "green pack.no-label"),
            ("FG1", "green pack.content"),
            ("DONE", "green packed COMMISSION PACKING"),
        ],
    );
    plant.play(
        "TRANSFER-OUT",
        &[
            ("ST-1", "green order.chosen"),
            ("PK1", "green ship.taken"),
            ("DONE", "green transferred TRANSFER"),
            ("PK1", "amber scan.again"),
        ],
    );
    let left = plant.of(Stage::Transfer)[0];
    let roles: Vec<_> = left.subjects.iter().map(|s| (s.key, s.role())).collect();
    assert_eq!(roles, [(plant.key("PK1"), Role::Subject), (plant.key("FG1"), Role::Child)]);
    assert_eq!(left.references[0].number, "DC-2025-001");
    assert!(left.references.iter().any(|r| r.r#type == "to_plant" && r.number == "VSK"));
    assert_eq!(plant.label("PK1").custody, Custody::InTransit { to: "VSK".to_owned() });
    assert_eq!(plant.label("FG1").custody, Custody::Parent { key: plant.key("PK1") });
    plant.play("TRANSFER-IN", &[("PK1", "green arrival.taken"), ("DONE", "green arrived TRANSFER")]);
    assert_eq!(plant.label("PK1").custody, Custody::Location { place: "TRANSFER-IN-place".to_owned() });
    plant.play(
        "DISPATCH",
        &[("SO-1", "green order.chosen"), ("PK1", "green ship.taken"), ("DONE", "green dispatched DISPATCH")],
    );
    assert_eq!(plant.label("PK1").custody, Custody::Customer);
    plant.play(
        "RETURN",
        &[
            ("PK1", "green arrival.taken"),
            ("DONE", "red return.reason"),
            ("REASON-wrong", "green reason.set"),
            ("DONE", "green returned RETURN"),
        ],
    );
    assert_eq!(plant.label("PK1").quality, QualityState::InInspection);
    assert_eq!(plant.label("FG1").quality, QualityState::InInspection);
}

#[test]
fn what_must_be_inspected_waits_for_it() {
    let mut plant = Plant::stocked();
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-3", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM2", "green assembly.child"),
            ("DONE", "green assembly.recorded COMMISSION ASSEMBLY INSPECTION"),
        ],
    );
    assert_eq!(plant.label("FG1").quality, QualityState::InInspection);
    plant.play("DISPATCH", &[("FG1", "red label.uninspected REFUSED")]);
    plant.play(
        "INSPECTION",
        &[
            ("FG1", "green inspect.unit"),
            ("QTY-0.05", "green measured"),
            ("FAIL", "amber inspect.failed INSPECTION"),
        ],
    );
    plant.play("DISPATCH", &[("FG1", "red label.rejected REFUSED")]);
    plant.play("REWORK", &[("FG1", "green rework.sent REWORK"), ("FG1", "amber scan.again")]);
    assert_eq!(plant.arg("attempt"), "");
    plant.play(
        "INSPECTION",
        &[
            ("FG1", "green inspect.unit"),
            ("QTY-0.05", "green measured"),
            ("DONE", "green inspect.passed INSPECTION"),
        ],
    );
    assert_eq!(plant.of(Stage::Inspection).last().unwrap().attempt, 2);
    plant.play("DISPATCH", &[("FG1", "green ship.taken")]);
    assert_eq!(plant.label("FG1").life, Life::Active);
}
