//! CORRECT: what it takes back, whose, and what follows from it.

use proto::v1::Stage;

use super::fixture::decimal;
use super::plant::Plant;
use super::working::{reading, trigger};
use crate::station::types::{Custody, Life};

#[test]
fn what_was_used_since_is_a_supervisors_to_correct() {
    let mut plant = Plant::stocked();
    plant.play(
        "STORAGE",
        &[("badge:anil", "green login.done"), ("RACK-1", "green place.set"), ("RM2", "green stored STORAGE")],
    );
    plant.play("ISSUE", &[("WO-1", "green order.chosen"), ("RM2", "green issued ISSUE_TO_PRODUCTION")]);
    plant.play(
        "STORAGE",
        &[
            ("CORRECT", "green correct.last"),
            ("DONE", "red correct.supervisor REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green corrected CORRECT"),
            ("CORRECT", "green correct.last"),
            ("DONE", "green correct.restored CORRECT"),
        ],
    );
    // Another operator's deed is no longer one's own.
    plant.play(
        "STORAGE",
        &[
            ("RM3", "green stored STORAGE"),
            ("badge:bela", "green login.handover"),
            ("CORRECT", "green correct.last"),
            ("DONE", "red correct.supervisor REFUSED"),
        ],
    );
}

#[test]
fn a_supervisor_corrects_by_uid() {
    let mut plant = Plant::built();
    plant.play(
        "LABEL",
        &[
            ("CORRECT", "green correct.scan"),
            ("FG1", "red correct.supervisor REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green corrected CORRECT CORRECT"),
            ("badge:chief", "green login.done"),
        ],
    );
    assert_eq!(plant.label("RM2").custody, Custody::Location { place: "OPENING-place".to_owned() });
}

#[test]
fn an_older_record_is_corrected_by_its_uid() {
    let mut plant = Plant::stocked();
    plant.play(
        "STORAGE",
        &[
            ("badge:anil", "green login.done"),
            ("RACK-1", "green place.set"),
            ("RM2", "green stored STORAGE"),
            ("RM3", "green stored STORAGE"),
            ("CORRECT", "green correct.last"),
        ],
    );
    assert_eq!((plant.next(), plant.arg("uid")), ("next.correct-or-done", plant.text("RM3")));
    plant.play(
        "STORAGE",
        &[
            ("REASON-BROKEN", "red reason.other"),
            ("RM2", "red correct.supervisor REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green corrected CORRECT"),
        ],
    );
    assert_eq!(plant.label("RM2").custody, Custody::Location { place: "OPENING-place".to_owned() });
    assert_eq!(plant.label("RM3").custody, Custody::Location { place: "RACK-1".to_owned() });
    // One's own last record needs nobody, however it is named.
    plant.play(
        "STORAGE",
        &[
            ("RM4", "green stored STORAGE"),
            ("CORRECT", "green correct.last"),
            ("RM4", "green corrected CORRECT"),
            ("RM4", "green stored STORAGE"),
        ],
    );
}

#[test]
fn by_a_uid_the_whole_decision_is_taken_back() {
    for named in ["FG1", "RM2"] {
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
        plant.play(
            "LABEL",
            &[
                ("badge:chief", "green login.done"),
                ("CORRECT", "green correct.scan"),
                (named, "green corrected CORRECT CORRECT CORRECT"),
            ],
        );
        assert_eq!(plant.label("FG1").life, Life::Scrapped, "{named}");
        assert_eq!(plant.label("RM2").custody, Custody::Location { place: "OPENING-place".to_owned() });
    }
}

#[test]
fn a_machine_or_a_late_scan_is_not_what_is_corrected() {
    let mut plant = Plant::built();
    plant.play(
        "OPERATION",
        &[("badge:anil", "green login.done"), ("FG1", "green operation.started OPERATION")],
    );
    let started = plant.events.last().unwrap().event_id.clone();
    let found = plant.machine("OPERATION", &trigger(vec![reading("t", Some("150"))]));
    assert_eq!(found, "green machine.recorded OPERATION");
    let before = plant.now - chrono::Duration::hours(1);
    let text = plant.text("RM4");
    assert_eq!(plant.scan_at("OPERATION", &text, before, false), "amber late.no-session OPERATION");
    plant.play(
        "OPERATION",
        &[
            ("CANCEL", "green cancelled"),
            ("CORRECT", "green correct.last"),
            ("DONE", "green corrected CORRECT"),
        ],
    );
    assert_eq!(plant.events.last().unwrap().corrects, started);
    assert!(plant.label("FG1").operations.is_empty());
}

#[test]
fn what_is_awaited_outlasts_a_misread() {
    let bad = "UID-SAIF-KOL-RM-000001-A8";
    let mut plant = Plant::stocked();
    plant.play(
        "ISSUE",
        &[
            ("WO-1", "green order.chosen"),
            ("HOLD", "green hold.which"),
            (bad, "red uid.checksum REFUSED"),
            (bad, "red uid.checksum"),
            ("REASON-NONE", "red reason.unknown"),
            ("HELP", "green help"),
            ("RM2", "green hold.placed HOLD"),
            ("REPRINT", "green reprint.which"),
            (bad, "red uid.checksum REFUSED"),
            ("REASON-SMUDGED", "green reason.set"),
            ("RM3", "green reprinted LABEL"),
            ("RM3", "green issued ISSUE_TO_PRODUCTION"),
        ],
    );
    plant.play(
        "ISSUE",
        &[
            ("badge:anil", "green login.done"),
            ("CORRECT", "green correct.last"),
            (bad, "red uid.checksum REFUSED"),
            ("RM4", "red correct.supervisor REFUSED"),
            ("RM5", "red correct.supervisor REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green corrected CORRECT"),
        ],
    );
    assert!(plant.label("RM5").order.is_none());
}

#[test]
fn a_load_that_is_corrected_is_no_longer_in() {
    let mut plant = Plant::stocked();
    plant.play(
        "LOAD",
        &[
            ("RM2", "green load.taken"),
            ("RM3", "green load.taken"),
            ("DONE", "green load.in LOAD"),
            ("CORRECT", "green correct.last"),
            ("DONE", "green corrected CORRECT"),
            ("PASS", "red not.here"),
            ("CORRECT", "green correct.last"),
            ("DONE", "green correct.restored CORRECT"),
            ("PASS", "green load.out LOAD"),
            ("CORRECT", "green correct.last"),
            ("DONE", "green corrected CORRECT"),
        ],
    );
    assert_eq!(plant.session("LOAD").load, [plant.key("RM2"), plant.key("RM3")]);
    // Corrected at another station.
    plant.play(
        "LABEL",
        &[
            ("badge:chief", "green login.done"),
            ("CORRECT", "green correct.scan"),
            ("RM2", "green correct.restored CORRECT"),
        ],
    );
    plant.play("LOAD", &[("PASS", "red not.here"), ("RM4", "green load.taken")]);
}

#[test]
fn a_reason_is_for_one_act_that_it_fits() {
    let mut plant = Plant::stocked();
    let wrong_scan = crate::reference::Reason {
        reason: "WRONG_SCAN".to_owned(),
        purpose: "correct".to_owned(),
        texts: Default::default(),
    };
    plant.reference.reasons.insert("WRONG_SCAN".to_owned(), wrong_scan);
    plant.play(
        "SCRAP",
        &[
            ("RM2", "green scrap.why"),
            ("REASON-WRONG_SCAN", "red reason.other"),
            ("REASON-BROKEN", "green scrapped SCRAP"),
            ("REASON-WRONG_SCAN", "green reason.set"),
            ("CORRECT", "green correct.last"),
            ("DONE", "green corrected CORRECT"),
            ("RM3", "green scrap.why"),
            ("CANCEL", "green cancelled"),
            ("REASON-WRONG_SCAN", "green reason.set"),
            ("RM3", "red reason.other"),
        ],
    );
    assert_eq!(plant.events.last().unwrap().reason, "WRONG_SCAN");
    assert_eq!(plant.label("RM3").quantity, Some(decimal("1")));
    assert_eq!(plant.of(Stage::Scrap).len(), 1);
    plant.play("SCRAP", &[("HOLD", "green hold.which"), ("RM3", "red reason.other")]);
    plant.play(
        "SAMPLE",
        &[
            ("REASON-SMUDGED", "green reason.set"),
            ("RM4", "green sampled SAMPLE"),
            ("RM5", "green sampled SAMPLE"),
        ],
    );
    assert_eq!(plant.events.last().unwrap().reason, "");
}
