//! The cloud answers what a UID is, after things have happened to it here.

use super::fixture::decimal;
use super::plant::Plant;
use proto::v1::Stage;
use uuid::Uuid;

use crate::station::types::{Custody, Label, Life, OperationState, QualityState};
use crate::station::{learn, mend};

/// A gear of another plant, as the cloud knows it.
fn told(plant: &Plant, short: &str) -> Label {
    Label {
        item: "GEAR".to_owned(),
        unit: "pcs".to_owned(),
        quantity: Some(decimal("1")),
        custody: Custody::InTransit { to: "KOL".to_owned() },
        count: 7,
        ..Label::new(plant.key(short))
    }
}

fn answer(plant: &mut Plant, told: Label) {
    let key = told.key;
    let known = plant.labels.remove(&key).unwrap_or_else(|| Label::new(key));
    plant.labels.insert(key, learn(known, told, plant.now.to_utc()));
}

#[test]
fn what_failed_here_before_the_answer_stays_rejected() {
    let mut plant = Plant::stocked();
    plant.play(
        "INSPECTION",
        &[
            ("RM99", "amber note.unknown"),
            ("0.5", "amber measured.out"),
            ("FAIL", "amber inspect.failed INSPECTION"),
        ],
    );
    let told = told(&plant, "RM99");
    answer(&mut plant, told);
    assert_eq!(plant.label("RM99").item, "GEAR");
    assert_eq!(plant.label("RM99").quality, QualityState::Rejected);
    assert_eq!(
        plant.label("RM99").custody,
        Custody::InTransit { to: "KOL".to_owned() },
        "nobody moved it here"
    );
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM99", "red label.rejected REFUSED"),
        ],
    );
}

#[test]
fn what_passed_here_is_free_though_the_answer_says_it_waits() {
    let mut plant = Plant::stocked();
    plant.play(
        "INSPECTION",
        &[
            ("RM99", "amber note.unknown"),
            ("0.1", "green measured"),
            ("PASS", "green inspect.passed INSPECTION"),
        ],
    );
    let told = Label { quality: QualityState::InInspection, ..told(&plant, "RM99") };
    answer(&mut plant, told);
    assert_eq!(plant.label("RM99").quality, QualityState::Unrestricted);
}

#[test]
fn a_state_that_nothing_here_touched_is_the_clouds() {
    let mut plant = Plant::stocked();
    plant.play("STORAGE", &[("RACK-1", "green place.set"), ("RM99", "amber note.unknown STORAGE")]);
    let burned = OperationState {
        operation: "BURN-IN".to_owned(),
        attempt: 1,
        open: false,
        passed: Some(true),
        out_of_limits: false,
        doubtful: false,
    };
    let told = Label {
        quality: QualityState::Rejected,
        order: Some("WO-9".to_owned()),
        operations: vec![burned.clone()],
        life: Life::Expected,
        ..told(&plant, "RM99")
    };
    answer(&mut plant, told);
    let label = plant.label("RM99");
    assert_eq!(label.custody, Custody::Location { place: "RACK-1".to_owned() });
    assert_eq!((label.quality, label.life), (QualityState::Rejected, Life::Active));
    assert_eq!((label.order.as_deref(), label.operations.as_slice()), (Some("WO-9"), [burned].as_slice()));
    assert_eq!((label.count, label.quantity), (1, Some(decimal("1"))));
    // Taken back, it is where the cloud knows it.
    plant.play("STORAGE", &[("CORRECT", "green correct.last"), ("DONE", "green corrected CORRECT")]);
    let label = plant.label("RM99");
    assert_eq!((label.item.as_str(), label.life), ("GEAR", Life::Expected));
    assert_eq!(label.custody, Custody::InTransit { to: "KOL".to_owned() });
}

#[test]
fn a_hold_placed_here_and_one_of_the_answer_both_stand() {
    let mut plant = Plant::stocked();
    plant.play("HOLD", &[("HOLD", "green hold.placing")]);
    plant.play("HOLD", &[("RM99", "amber note.unknown HOLD")]);
    let mine = plant.label("RM99").holds.clone();
    assert_eq!(mine.len(), 1);
    let theirs = uuid::Uuid::from_u128(77);
    let told = Label { holds: vec![theirs], ..told(&plant, "RM99") };
    answer(&mut plant, told);
    assert_eq!(plant.label("RM99").holds, [mine[0], theirs]);
}

#[test]
fn a_part_taken_before_the_answer_leaves_the_rest_unknown() {
    let mut plant = Plant::stocked();
    plant.play(
        "ISSUE",
        &[
            ("WO-1", "green order.chosen"),
            ("QTY-10", "green quantity.kept"),
            ("RM99", "amber note.unknown ISSUE_TO_PRODUCTION"),
        ],
    );
    let told = Label {
        item: "BOLT".into(),
        container: true,
        quantity: Some(decimal("100")),
        ..told(&plant, "RM99")
    };
    answer(&mut plant, told);
    assert_eq!(plant.label("RM99").quantity, None, "100 was before the 10");
    assert!(plant.label("RM99").known());
}

#[test]
fn what_was_counted_here_stays_in_the_carton_that_the_answer_names() {
    let mut plant = Plant::stocked();
    plant.play("COUNT", &[("RACK-1", "green place.set"), ("RM99", "amber note.unknown COUNT")]);
    let carton = plant.key("PK7");
    let told = Label { custody: Custody::Parent { key: carton }, ..told(&plant, "RM99") };
    answer(&mut plant, told);
    assert_eq!(plant.label("RM99").custody, Custody::Parent { key: carton });
}

#[test]
fn a_later_answer_takes_the_place_of_the_first() {
    let mut plant = Plant::stocked();
    let rejected = Label { quality: QualityState::Rejected, ..told(&plant, "RM99") };
    answer(&mut plant, rejected);
    plant.play(
        "ASSEMBLY",
        &[
            ("WO-1", "green order.chosen"),
            ("NOLABEL", "green assembly.no-label"),
            ("RM99", "red label.rejected REFUSED"),
        ],
    );
    // It was reworked where it was made, and the cloud has heard of that by now.
    let freed = Label { item: "CHIP".to_owned(), ..told(&plant, "RM99") };
    answer(&mut plant, freed);
    let label = plant.label("RM99");
    assert_eq!((label.item.as_str(), label.quality), ("CHIP", QualityState::Unrestricted));
    plant.play("STORAGE", &[("RACK-1", "green place.set"), ("RM99", "amber note.away STORAGE")]);
}

#[test]
fn where_it_was_moved_here_outlasts_a_later_answer_and_its_correction() {
    let mut plant = Plant::stocked();
    let first = Label { quality: QualityState::Rejected, ..told(&plant, "RM99") };
    answer(&mut plant, first.clone());
    plant.play("STORAGE", &[("RACK-1", "green place.set"), ("RM99", "amber note.away STORAGE")]);
    // The cloud has not heard of the move, but of the rework where it came from.
    answer(&mut plant, Label { quality: QualityState::Unrestricted, ..first.clone() });
    let label = plant.label("RM99");
    assert_eq!(label.custody, Custody::Location { place: "RACK-1".to_owned() });
    assert_eq!(label.quality, QualityState::Unrestricted);
    plant.play("STORAGE", &[("CORRECT", "green correct.last"), ("DONE", "green corrected CORRECT")]);
    assert_eq!(plant.label("RM99").custody, first.custody);
    answer(&mut plant, Label { quality: QualityState::Rejected, ..first });
    assert_eq!(plant.label("RM99").quality, QualityState::Rejected, "corrected, it is no better");
}

/// Whatever the cloud says of it later: it may not have heard of this.
#[test]
fn what_was_judged_or_used_here_is_not_changed_by_a_later_answer() {
    let judged = |expected: QualityState, acts: &[(&str, &str)]| {
        let mut plant = Plant::stocked();
        let first = told(&plant, "RM99");
        answer(&mut plant, first.clone());
        plant.play("INSPECTION", acts);
        for quality in [QualityState::Unrestricted, QualityState::InInspection, QualityState::Rejected] {
            answer(&mut plant, Label { quality, order: Some("WO-9".to_owned()), ..first.clone() });
            let label = plant.label("RM99");
            assert_eq!((label.quality, label.order.as_deref()), (expected, None), "{acts:?}");
        }
        plant
    };
    let fail = [
        ("RM99", "amber note.away"),
        ("0.5", "amber measured.out"),
        ("FAIL", "amber inspect.failed INSPECTION"),
    ];
    let mut plant = judged(QualityState::Rejected, &fail);
    // Reworked here, it waits for inspection here.
    plant.play("REWORK", &[("RM99", "amber note.away REWORK")]);
    assert_eq!(plant.label("RM99").quality, QualityState::InInspection);
    let free = told(&plant, "RM99");
    answer(&mut plant, free);
    assert_eq!(plant.label("RM99").quality, QualityState::InInspection);
    judged(
        QualityState::Unrestricted,
        &[
            ("RM99", "amber note.away"),
            ("0.1", "green measured"),
            ("PASS", "green inspect.passed INSPECTION"),
        ],
    );
}

#[test]
fn what_was_taken_out_here_stays_out_and_a_correction_brings_it_back() {
    let mut plant = Plant::stocked();
    let first = Label { container: true, quantity: Some(decimal("10")), ..told(&plant, "RM99") };
    answer(&mut plant, first.clone());
    plant.play(
        "ISSUE",
        &[
            ("WO-1", "green order.chosen"),
            ("QTY-2", "green quantity.kept"),
            ("RM99", "amber note.away ISSUE_TO_PRODUCTION"),
        ],
    );
    for amount in ["10", "8"] {
        answer(&mut plant, Label { quantity: Some(decimal(amount)), ..first.clone() });
        assert_eq!(plant.label("RM99").quantity, Some(decimal("8")), "told {amount}");
    }
    plant.play("ISSUE", &[("CORRECT", "green correct.last"), ("DONE", "green corrected CORRECT")]);
    assert_eq!(plant.label("RM99").quantity, Some(decimal("10")));
    answer(&mut plant, Label { quantity: Some(decimal("8")), ..first });
    assert_eq!(plant.label("RM99").quantity, Some(decimal("10")), "it has not heard of the correction");
}

#[test]
fn what_is_known_from_here_is_not_changed_by_an_answer() {
    let plant = Plant::stocked();
    let known = plant.labels.values().find(|label| label.known()).unwrap().clone();
    let told = Label { item: "OTHER".to_owned(), quality: QualityState::Rejected, ..Label::new(known.key) };
    assert_eq!(learn(known.clone(), told, plant.now.to_utc()), known);
}

#[test]
fn what_damage_took_is_red_until_a_supervisor_frees_it() {
    let mut plant = Plant::stocked();
    let key = plant.key("RM2");
    plant.labels.get_mut(&key).unwrap().lost = true;
    plant.play("DISPATCH", &[("RM2", "red label.lost REFUSED"), ("CANCEL", "green cancelled")]);
    plant.play("STORAGE", &[("RACK-1", "green place.set"), ("RM2", "amber note.unknown STORAGE")]);
    plant.play(
        "HOLD",
        &[
            ("PASS", "green hold.releasing"),
            ("RM2", "red hold.supervisor REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green hold.released RELEASE"),
        ],
    );
    assert!(!plant.label("RM2").lost);
}

#[test]
fn what_the_office_corrected_is_as_the_cloud_has_it_and_is_not_taken_back_once_more() {
    let mut plant = Plant::built();
    plant.play("PACKING", &[("RM4", "green pack.content"), ("DONE", "green packed COMMISSION PACKING")]);
    plant.play("DISPATCH", &[("RM4", "red label.inside REFUSED"), ("CANCEL", "green cancelled")]);
    let packed = Uuid::from_slice(&plant.of(Stage::Packing)[0].event_id).unwrap();
    let (unit, package) = (plant.key("RM4"), plant.key("PK1"));
    let (hold, store) = (Uuid::from_u128(9), Custody::Location { place: "STORE".to_owned() });
    for key in [unit, package] {
        let mut known = plant.labels.remove(&key).unwrap();
        assert_eq!(known.last_event, Some(packed));
        known.holds.push(hold);
        let told = Label {
            item: known.item.clone(),
            container: known.container,
            quantity: known.quantity,
            unit: known.unit.clone(),
            custody: store.clone(),
            count: 70,
            ..Label::new(key)
        };
        let count = known.count;
        let mut label = mend(known, told, vec![packed], plant.now.to_utc());
        assert_eq!((label.last_event, label.count), (Some(packed), count));
        assert_eq!(std::mem::take(&mut label.holds), [hold], "those are told by themselves");
        plant.labels.insert(key, label);
    }
    assert!(plant.label("PK1").package && plant.label("PK1").children.is_empty());
    plant.play("DISPATCH", &[("RM4", "green ship.taken"), ("CANCEL", "green cancelled")]);
    plant.play("PACKING", &[("CORRECT", "green correct.last"), ("DONE", "green corrected CORRECT CORRECT")]);
    assert_eq!(plant.label("RM4").custody, store);
    assert!(plant.label("PK1").children.is_empty());
}
