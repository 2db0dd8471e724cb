//! Scans that come late, sessions that end by themselves, badges that come along.

use chrono::Duration;
use proto::v1::Stage;

use super::plant::Plant;

/// One scan made so many minutes after the shift's begin, and delivered now.
fn made(plant: &mut Plant, station: &str, word: &str, minutes: i64) -> String {
    let at = begin() + Duration::minutes(minutes);
    let text = plant.text(word);
    plant.scan_at(station, &text, at, false)
}

fn begin() -> chrono::DateTime<chrono::FixedOffset> {
    "2025-01-18T15:00:00+05:30".parse().unwrap()
}

fn at_issue() -> Plant {
    let mut plant = Plant::stocked();
    let station = plant.station("ISSUE");
    (station.login_required, station.idle_logout_s) = (true, 900);
    plant.now = begin();
    plant
}

/// The network was away from 15:00 to 17:00; all comes at 17:00.
#[test]
fn a_morning_without_network_is_one_session() {
    let mut plant = at_issue();
    plant.now = begin() + Duration::hours(2);
    for (word, minutes, expected) in [
        ("badge:anil", 0, "green login.done"),
        ("WO-1", 1, "green order.chosen"),
        ("RM2", 12, "green issued ISSUE_TO_PRODUCTION"),
        ("RM3", 26, "green issued ISSUE_TO_PRODUCTION"),
        ("RM4", 40, "green issued ISSUE_TO_PRODUCTION"),
        // Away for longer than 15 minutes, by their own times.
        ("RM5", 56, "amber late.no-session ISSUE_TO_PRODUCTION"),
        ("badge:bela", 60, "green login.done"),
        ("RM6", 61, "green issued ISSUE_TO_PRODUCTION"),
    ] {
        assert_eq!(made(&mut plant, "ISSUE", word, minutes), expected, "{word}");
    }
    assert!(plant.of(Stage::Refused).is_empty());
    // Now it is 17:00, and nobody has been here for long.
    plant.play("ISSUE", &[("RM7", "red login.needed REFUSED")]);
}

/// Somebody asks for help at the page while the scanner keeps its scans.
#[test]
fn a_session_that_ended_meanwhile_comes_back() {
    let mut plant = at_issue();
    plant.play("ISSUE", &[("badge:anil", "green login.done"), ("WO-1", "green order.chosen")]);
    plant.now = begin() + Duration::hours(1);
    plant.play("ISSUE", &[("HELP", "green help")]);
    assert!(plant.session("ISSUE").operator.is_none());
    for (word, minutes) in [("RM2", 10), ("RM3", 20), ("RM4", 34)] {
        assert_eq!(made(&mut plant, "ISSUE", word, minutes), "green issued ISSUE_TO_PRODUCTION", "{word}");
    }
    // The next person has come: what is older is the first one's all the same.
    plant.play("ISSUE", &[("badge:bela", "green login.done")]);
    for (word, minutes) in [("RM5", 45), ("RM6", 58)] {
        let found = made(&mut plant, "ISSUE", word, minutes);
        assert_eq!(found, "amber late.taken ISSUE_TO_PRODUCTION", "{word}");
        assert_eq!(plant.events.last().unwrap().operator_id, "anil");
    }
    assert_eq!(plant.session("ISSUE").operator.unwrap().operator, "bela");
}

/// Signed in at the page by the agent's clock, scanning with one that is slow.
#[test]
fn a_scanner_whose_clock_is_a_little_slow_works_for_who_is_here() {
    let mut plant = at_issue();
    plant.play("ISSUE", &[("badge:anil", "green login.done"), ("WO-1", "green order.chosen")]);
    plant.now = begin() + Duration::seconds(10);
    let (at, text) = (begin() - Duration::seconds(30), plant.text("RM2"));
    assert_eq!(plant.scan_at("ISSUE", &text, at, false), "green issued ISSUE_TO_PRODUCTION");
    // One that was kept is of the time before, when no order was chosen.
    let (at, text) = (begin() - Duration::seconds(90), plant.text("RM3"));
    assert_eq!(plant.scan_at("ISSUE", &text, at, false), "red issue.no-order REFUSED");
}

#[test]
fn a_badge_in_each_payload_says_who() {
    let mut plant = at_issue();
    let badge = |plant: &Plant, id: &str| {
        let found = plant.reference.operators.values().find(|person| person.operator == id);
        found.map(|person| person.badge_sha256.clone())
    };
    plant.badge = badge(&plant, "anil");
    plant.play("ISSUE", &[("WO-1", "green order.chosen"), ("RM2", "green issued ISSUE_TO_PRODUCTION")]);
    // Idle, then the end of the shift: the badge signs in again.
    plant.now += Duration::hours(1);
    plant.play("ISSUE", &[("RM3", "green issued ISSUE_TO_PRODUCTION")]);
    plant.shift = "B".to_owned();
    plant.play("ISSUE", &[("RM4", "green issued ISSUE_TO_PRODUCTION")]);
    // A late scan is whose badge came with it.
    plant.badge = badge(&plant, "bela");
    assert_eq!(made(&mut plant, "ISSUE", "RM5", 30), "red issue.no-order REFUSED");
    assert_eq!(plant.events.last().unwrap().operator_id, "bela");
    assert_eq!(plant.session("ISSUE").operator.unwrap().operator, "anil");
}

#[test]
fn late_scans_are_judged_by_their_own_time() {
    let mut plant = Plant::stocked();
    plant.station("ISSUE").login_required = true;
    plant.play(
        "ISSUE",
        &[
            ("badge:anil", "green login.done"),
            ("WO-1", "green order.chosen"),
            ("RM2", "green issued ISSUE_TO_PRODUCTION"),
        ],
    );
    let during = plant.now;
    plant.play("ISSUE", &[("badge:bela", "green login.handover"), ("CANCEL", "green cancelled")]);
    let session = plant.session("ISSUE");
    let text = plant.text("RM3");
    plant.now += Duration::hours(1);
    assert_eq!(plant.scan_at("ISSUE", &text, during, false), "amber late.taken ISSUE_TO_PRODUCTION");
    assert_eq!(plant.events.last().unwrap().operator_id, "anil");
    assert_eq!(plant.session("ISSUE").operator, session.operator, "now is as it was");

    plant.reference.held_keys.insert(plant.key("RM6"));
    let text_held = plant.text("RM6");
    let found = plant.scan_at("ISSUE", &text_held, during, false);
    assert_eq!(found, "amber late.taken ISSUE_TO_PRODUCTION", "what has happened is not refused");
    assert_eq!(plant.events.last().unwrap().reason, "label.held");
    let before = during - Duration::hours(2);
    let found = plant.scan_at("STORAGE", &text, before, false);
    assert_eq!(found, "green store.where", "nobody ever worked here: there is no earlier session");
    let found = plant.scan_at("ISSUE", &plant.text("RM4"), before, false);
    assert_eq!(found, "red issue.no-order REFUSED", "no order was open then");
    let done = plant.text("DONE");
    assert_eq!(plant.scan_at("ISSUE", &done, before, false), "amber late.ignored");
    // A step of a draft that is long gone is kept for somebody to look at.
    plant.play("ASSEMBLY", &[("badge:anil", "green login.done")]);
    let text = plant.text("RM5");
    assert_eq!(plant.scan_at("ASSEMBLY", &text, before, false), "amber late.no-session REFUSED");
    assert_eq!(plant.events.last().unwrap().reason, "late.no-session");
}
