//! Badges, PINs, handover, and signing out by itself.

use chrono::Duration;

use super::plant::Plant;
use crate::station::types::Scanned;
use crate::station::{is_secret, signed_in, waiting_for};

#[test]
fn a_badge_and_a_pin() {
    let mut plant = Plant::stocked();
    let station = plant.station("STORAGE");
    (station.login_required, station.pin_required) = (true, true);
    plant.play(
        "STORAGE",
        &[
            ("RM2", "red login.needed REFUSED"),
            ("DONE", "red login.needed"),
            ("HELP", "green help"),
            ("LOGIN", "green login.badge"),
            ("badge:nobody", "red login.unknown"),
            ("badge:nopin", "red login.no-pin"),
            ("badge:anil", "green login.pin"),
            ("RM2", "red login.needed REFUSED"),
            ("badge:anil", "green login.pin"),
            ("1234", "red pin.wrong"),
            ("1111", "green login.done"),
            ("badge:anil", "amber login.already"),
            ("RM2", "green store.where"),
        ],
    );
    assert_eq!(plant.session("STORAGE").operator.unwrap().language, "hi");
    plant.play(
        "STORAGE",
        &[
            ("badge:bela", "green login.pin"),
            ("DIGIT-2", "green digit"),
            ("DIGIT-2", "green digit"),
            ("DIGIT-2", "green digit"),
            ("DIGIT-2", "green digit"),
            ("ENTER", "green login.done"),
            ("RACK-1", "green stored.all STORAGE"),
            ("LOGOUT", "green logged.out"),
            ("RM2", "red login.needed REFUSED"),
        ],
    );
    assert_eq!(plant.session("STORAGE").past.len(), 3);
}

#[test]
fn wrong_pins_lock_for_longer_each_time() {
    let mut plant = Plant::new();
    plant.station("STORAGE").pin_required = true;
    for (nth, seconds, minutes) in [(1, 30, "1"), (2, 120, "2"), (3, 600, "10")] {
        plant.play(
            "STORAGE",
            &[
                ("badge:anil", "green login.pin"),
                ("1", "red pin.wrong"),
                ("badge:bela", "green login.pin"),
                ("2222", "green login.done"),
                ("badge:anil", "green login.pin"),
                ("2", "red pin.wrong"),
                ("3", "red pin.too-often REFUSED"),
            ],
        );
        assert_eq!(plant.arg("minutes"), minutes);
        assert!(plant.session("STORAGE").operator.is_none());
        let refused = plant.of(proto::v1::Stage::Refused);
        assert_eq!(refused.len(), nth);
        assert_eq!(
            (refused[nth - 1].reason.as_str(), refused[nth - 1].operator_id.as_str()),
            ("pin.too-often", "anil")
        );
        // A new badge scan does not end it, and another person is not concerned.
        plant.play("STORAGE", &[("badge:anil", "red pin.too-often"), ("1111", "red pin.too-often")]);
        plant.now += Duration::seconds(seconds - 20);
    }
    plant.play(
        "STORAGE",
        &[
            ("badge:anil", "green login.pin"),
            ("1111", "green login.done"),
            ("LOGOUT", "green logged.out"),
            ("badge:anil", "green login.pin"),
            ("1", "red pin.wrong"),
            ("2", "red pin.wrong"),
            ("1111", "green login.done"),
        ],
    );
    assert!(plant.session("STORAGE").wrong_pins.is_empty());
}

#[test]
fn a_supervisors_pin_is_not_to_be_guessed_either() {
    let mut plant = Plant::stocked();
    plant.reference.held_keys.insert(plant.key("RM2"));
    plant.play(
        "ISSUE",
        &[
            ("WO-1", "green order.chosen"),
            ("RM2", "red label.held REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("1", "red pin.wrong"),
            ("RM3", "green issued ISSUE_TO_PRODUCTION"),
            ("RM2", "red label.held REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("2", "red pin.wrong"),
            ("3", "red pin.too-often REFUSED"),
            ("RM2", "red label.held REFUSED"),
            ("badge:chief", "red pin.too-often"),
        ],
    );
    let locked = plant.of(proto::v1::Stage::Refused)[2];
    assert_eq!((locked.reason.as_str(), locked.operator_id.as_str()), ("pin.too-often", "chief"));
    plant.play(
        "ISSUE",
        &[
            ("RM2", "red label.held REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green issued ISSUE_TO_PRODUCTION"),
        ],
    );
}

#[test]
fn who_is_away_too_long_is_signed_out() {
    let mut plant = Plant::stocked();
    let station = plant.station("STORAGE");
    (station.login_required, station.idle_logout_s) = (true, 300);
    plant.play("STORAGE", &[("badge:anil", "green login.done"), ("RM2", "green store.where")]);
    plant.now += Duration::seconds(301);
    plant.play(
        "STORAGE",
        &[
            ("RM3", "red login.needed REFUSED"),
            ("badge:bela", "green login.done"),
            ("RACK-1", "green stored.all STORAGE"),
        ],
    );
}

#[test]
fn the_shift_ends_and_so_does_the_session() {
    let mut plant = Plant::stocked();
    plant.station("STORAGE").login_required = true;
    plant.play("STORAGE", &[("badge:anil", "green login.done")]);
    plant.shift = "B".to_owned();
    plant.play("STORAGE", &[("RM3", "red login.needed REFUSED")]);
    assert_eq!(plant.session("STORAGE").past[0].operator, "anil");
}

#[test]
fn only_a_supervisors_badge_and_pin_override() {
    let mut plant = Plant::stocked();
    plant.reference.held_keys.insert(plant.key("RM2"));
    plant.play(
        "ISSUE",
        &[
            ("WO-1", "green order.chosen"),
            ("RM2", "red label.held REFUSED"),
            ("badge:anil", "green login.done"),
            ("badge:chief", "green login.handover"),
            ("RM2", "red label.held REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("RM3", "green issued ISSUE_TO_PRODUCTION"),
            ("9999", "red text.unknown"),
            ("RM2", "red label.held REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("1", "red pin.wrong"),
            ("2", "red pin.wrong"),
            ("3", "red pin.too-often REFUSED"),
            ("9999", "red pin.too-often"),
            ("LOGOUT", "green logged.out"),
            ("RM2", "red label.held REFUSED"),
            ("badge:chief", "amber override.pin"),
            ("9999", "green issued ISSUE_TO_PRODUCTION"),
        ],
    );
    assert_eq!(plant.events.last().unwrap().overridden_by, "chief");
}

#[test]
fn pins_and_badges_are_secret() {
    let mut plant = Plant::new();
    plant.station("STORAGE").pin_required = true;
    plant.play("STORAGE", &[("badge:anil", "green login.pin")]);
    let session = plant.session("STORAGE");
    assert!(is_secret(&session, &Scanned::Text("1111".to_owned())));
    assert!(is_secret(&session, &Scanned::Badge(String::new())));
    assert!(!is_secret(&Default::default(), &Scanned::Text("1111".to_owned())));
}

#[test]
fn a_page_sees_who_was_signed_out_by_the_clock() {
    let mut plant = Plant::stocked();
    let station = plant.station("STORAGE");
    (station.login_required, station.idle_logout_s) = (true, 600);
    let seen = |plant: &Plant| {
        let operator = plant.look("STORAGE", signed_in).operator.map(|o| o.operator);
        (operator, plant.look("STORAGE", waiting_for).0)
    };
    assert_eq!(seen(&plant), (None, "next.badge".to_owned()));
    plant.play("STORAGE", &[("badge:anil", "green login.done")]);
    let (operator, next) = seen(&plant);
    assert_eq!(operator.as_deref(), Some("anil"));
    assert_ne!(next, "next.badge");
    plant.now += Duration::seconds(601);
    assert_eq!(seen(&plant), (None, "next.badge".to_owned()));
    plant.play("STORAGE", &[("badge:anil", "green login.done")]);
    plant.shift = "B".to_owned();
    assert_eq!(seen(&plant), (None, "next.badge".to_owned()), "the shift has ended");
}

#[test]
fn a_pin_is_never_shown_once_it_was_asked_for() {
    let mut plant = Plant::new();
    let station = plant.station("GATE");
    (station.pin_required, station.idle_logout_s) = (true, 300);
    plant.play(
        "GATE",
        &[
            ("badge:anil", "green login.pin"),
            // A misread does not end the asking.
            ("TWC-DONE-00", "red control.checksum REFUSED"),
            ("1", "red pin.wrong"),
            ("2", "red pin.wrong"),
            ("3", "red pin.too-often REFUSED"),
            ("1111", "red pin.too-often"),
            ("DIGIT-1", "red pin.too-often"),
        ],
    );
    assert!(is_secret(&plant.session("GATE"), &Scanned::Text("1111".to_owned())));
    // Typed after the session ended by itself: no number plate.
    plant.play("GATE", &[("HELP", "green help"), ("badge:bela", "green login.pin")]);
    plant.now += Duration::seconds(301);
    plant.play("GATE", &[("2222", "red login.needed"), ("WB-02-1234", "green gate.vehicle")]);
}
