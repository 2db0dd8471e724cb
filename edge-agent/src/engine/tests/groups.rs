//! Grouping, exactly-once, isolation, limits.

use std::collections::HashSet;

use proto::v1;

use super::support::*;
use crate::engine::{PrintJob, PrintState, PrintUpdate};
use crate::inputs::{Colour, Intake, IntakeError, MachineInput, MachineReading, Quality, ScanInput};

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_is_green_and_on_disk() {
    let mut agent = Agent::ready(10).await;
    let answer = agent.green("MINT", "r1").await;
    assert!(answer.recorded);
    let uid = uid_of(&answer);
    assert_eq!(uid.to_string(), "UID-SAIF-KOL-RM-000001-A7");
    agent.green(&uid.to_string(), "r2").await;
    let events = agent.checked().await;
    assert_eq!(minted(&events), [key(1)]);
    let first = &events[0];
    assert_eq!((first.plant.as_str(), first.station.as_str()), ("KOL", DOCK));
    assert_eq!(first.location, "Dock-1");
    assert_eq!(first.input_id, "r1");
    assert_eq!(first.occurred_offset_min, 330);
    assert_eq!(first.subjects[0].count, 1);
    assert_eq!(events[1].subjects[0].count, 2);
    assert!(!events[1].subjects[0].mint);
    let view = agent.handle().subscribe(DOCK).unwrap();
    assert_eq!(view.borrow().last.len(), 2);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_scanners_at_once_leave_a_chain_without_gaps() {
    let mut agent = Agent::ready(1000).await;
    let scans = (0..200).map(|n| {
        let handle = agent.handle();
        tokio::spawn(async move { handle.scan(scan("MINT", &format!("r{n}"))).await })
    });
    let scans: Vec<_> = scans.collect();
    let mut uids = HashSet::new();
    for scan in scans {
        let answer = scan.await.unwrap().unwrap();
        assert_eq!(answer.colour, Colour::Green);
        assert!(uids.insert(uid_of(&answer)), "a UID was given twice");
    }
    let events = agent.checked().await;
    assert_eq!(events.len(), 200);
    assert_eq!(minted(&events), (1..=200).map(key).collect::<Vec<_>>());
    let status = agent.handle().status();
    assert!(status.groups < 200, "{} groups for 200 scans", status.groups);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_input_is_recorded_once_and_answered_alike() {
    let mut agent = Agent::ready(10).await;
    let first = agent.green("MINT", "r1").await;
    assert_eq!(agent.green("MINT", "r1").await, first);
    // In one group as well, and after a restart.
    let (handle, other) = (agent.handle(), agent.handle());
    let (a, b) = tokio::join!(handle.scan(scan("MINT", "r2")), other.scan(scan("MINT", "r2")));
    assert_eq!(a.unwrap(), b.unwrap());
    drop((handle, other));
    agent.stop().await;
    agent.start().await;
    assert_eq!(agent.green("MINT", "r1").await, first);
    assert_eq!(agent.checked().await.len(), 2);
    // The same id at another station is another reading.
    let elsewhere = ScanInput { station: "DOCK2".into(), ..scan("MINT", "r1") };
    agent.handle().scan(elsewhere).await.unwrap();
    assert_eq!(agent.checked().await.len(), 3);
    let found = agent.handle().earlier(DOCK, "r").await;
    assert_eq!(found.unwrap().as_deref(), Some("r2"));
    assert_eq!(agent.handle().earlier(DOCK, "x").await, Ok(None));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_fact_leaves_the_others_of_its_group_alone() {
    let mut agent = Agent::ready(1000).await;
    let texts = ["MINT", "PANIC", "MINT", "BIG", "MINTS 2000", "MINT", "FACT"];
    let scans = (0..70).map(|n| {
        let (handle, text) = (agent.handle(), texts[n % texts.len()]);
        tokio::spawn(async move { (text, handle.scan(scan(text, &format!("r{n}"))).await) })
    });
    let scans: Vec<_> = scans.collect();
    for scan in scans {
        let (text, answer) = scan.await.unwrap();
        let answer = answer.unwrap();
        let fails = matches!(text, "PANIC" | "BIG" | "MINTS 2000");
        let expected = if fails { Colour::Red } else { Colour::Green };
        assert_eq!((answer.colour, answer.recorded), (expected, !fails), "{text}: {answer:?}");
    }
    let events = agent.checked().await;
    assert_eq!(events.len(), 40);
    // What failed used up no number.
    assert_eq!(minted(&events), (1..=30).map(key).collect::<Vec<_>>());
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_disk_limit_nothing_is_half_done() {
    let mut agent = Agent::ready(10).await;
    agent.green("MINT", "r1").await;
    agent.stop().await;
    let limit = agent.plant.disk.max_journal_bytes;
    agent.plant.disk.max_journal_bytes = 1;
    agent.start().await;
    let head = *agent.handle().head().borrow();
    let view = agent.handle().subscribe(DOCK).unwrap().borrow().session.clone();
    assert_eq!(agent.scan("MINT", "r2").await, Err(IntakeError::Full));
    assert_eq!(agent.scan("DRAFT 1", "r3").await, Err(IntakeError::Full));
    assert_eq!(*agent.handle().head().borrow(), head);
    assert_eq!(agent.handle().subscribe(DOCK).unwrap().borrow().session, view);
    assert!(agent.handle().status().warnings().contains(&"journal.full"));
    agent.stop().await;
    agent.plant.disk.max_journal_bytes = limit;
    agent.start().await;
    let answer = agent.green("MINT", "r2").await;
    assert_eq!(uid_of(&answer).sequence(), 2);
    assert_eq!(agent.checked().await.len(), 2);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_numbers_and_notes_survive_a_restart() {
    let mut agent = Agent::ready(10).await;
    let grant = v1::SeriesGrant {
        series: "GRN".into(),
        prefix: "GRN-2025-".into(),
        first: 45,
        last: 46,
        width: 3,
        epoch: 1,
        ..v1::SeriesGrant::default()
    };
    agent.handle().series_granted(grant).await.unwrap();
    agent.green("DRAFT 12", "r1").await;
    let number = |answer: &crate::inputs::Answer| answer.args[0].1.clone();
    assert_eq!(number(&agent.green("NUMBER", "r2").await), "GRN-2025-045");
    agent.green("NOTE blue paint", "r3").await;
    agent.stop().await;
    agent.start().await;
    assert_eq!(agent.handle().subscribe(DOCK).unwrap().borrow().session.digits, "12");
    assert_eq!(number(&agent.green("NUMBER", "r4").await), "GRN-2025-046");
    let out = agent.scan("NUMBER", "r5").await.unwrap();
    assert_eq!((out.colour, out.recorded), (Colour::Red, false));
    let events = agent.checked().await;
    let notes = agent.handle().notes(1, 1, 10).await.unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!((notes[0].seq, notes[0].text.as_str()), (2, "blue paint"));
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest([notes[0].salt.as_slice(), b"blue paint"].concat());
    assert_eq!(events[1].note_hash, hash.to_vec());
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_counter_that_comes_again_is_told_to_the_rules() {
    let mut agent = Agent::ready(10).await;
    let counted = |id: &str| ScanInput { device_counter: Some(7), ..scan("MINT", id) };
    let first = agent.handle().scan(counted("r1")).await.unwrap();
    assert_eq!(first.colour, Colour::Green);
    let again = agent.handle().scan(counted("r2")).await.unwrap();
    assert_eq!(again.code, "again");
    agent.stop().await;
    agent.start().await;
    assert_eq!(agent.handle().scan(counted("r3")).await.unwrap().code, "again");
    assert_eq!(agent.checked().await.len(), 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn machine_readings_are_kept_current_and_recorded_on_a_trigger() {
    let mut agent = Agent::ready(10).await;
    let machine = agent.plant.machines.iter().find(|m| !m.triggers.is_empty()).unwrap().clone();
    let trigger = machine.triggers[0].clone();
    let input = |id: &str, trigger: Option<String>, value: i64| MachineInput {
        machine: machine.code.clone(),
        trigger,
        input_id: id.into(),
        at: chrono::Utc::now(),
        readings: vec![MachineReading {
            name: "torque".into(),
            value: Some(value.into()),
            unit: "Nm".into(),
            quality: Quality::Good,
            low: None,
            high: None,
            at: chrono::Utc::now(),
        }],
    };
    agent.handle().machine(input("m1", None, 1)).await.unwrap();
    assert!(agent.checked().await.is_empty());
    agent.handle().machine(input("m2", Some(trigger.name.clone()), 2)).await.unwrap();
    agent.handle().machine(input("m2", Some(trigger.name.clone()), 2)).await.unwrap();
    let events = agent.checked().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].machine, machine.code);
    assert_eq!(events[0].station, trigger.station);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_label_is_recorded() {
    let mut agent = Agent::ready(10).await;
    let mut jobs = agent.handle().take_print_jobs().unwrap();
    assert!(agent.handle().take_print_jobs().is_none());
    agent.green("MINT", "r1").await;
    let job = jobs.recv().await.unwrap();
    assert_eq!(
        (job.uid.as_str(), job.lines[0].as_str()),
        ("UID-SAIF-KOL-RM-000001-A7", "UID-SAIF-KOL-RM-000001-A7")
    );
    let tell = |state| PrintUpdate { job: job.clone(), state };
    agent.handle().printed(tell(PrintState::Uncertain)).await.unwrap();
    assert_eq!(*agent.handle().status().open_prints, std::slice::from_ref(&job));
    let view = agent.handle().subscribe(DOCK).unwrap();
    assert_eq!(view.borrow().open_prints, std::slice::from_ref(&job));
    agent.handle().printed(tell(PrintState::Printed)).await.unwrap();
    assert!(agent.handle().status().open_prints.is_empty());
    assert!(view.borrow().open_prints.is_empty());
    let events = agent.checked().await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1].stage(), v1::Stage::Label);
    // A label that nobody told of is asked about after a restart.
    agent.green("MINT", "r2").await;
    let lost = jobs.recv().await.unwrap();
    agent.stop().await;
    agent.start().await;
    assert_eq!(*agent.handle().status().open_prints, [lost]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_did_not_come_out_is_printed_again() {
    let mut agent = Agent::ready(10).await;
    let mut jobs = agent.handle().take_print_jobs().unwrap();
    agent.green("MINT", "r1").await;
    let job = jobs.recv().await.unwrap();
    let tell = |state| PrintUpdate { job: job.clone(), state };
    agent.handle().printed(tell(PrintState::Uncertain)).await.unwrap();
    // What nobody knows is asked about after a restart, too.
    agent.stop().await;
    agent.start().await;
    assert_eq!(*agent.handle().status().open_prints, std::slice::from_ref(&job));
    let mut jobs = agent.handle().take_print_jobs().unwrap();
    agent.handle().printed(tell(PrintState::Again)).await.unwrap();
    assert!(agent.handle().status().open_prints.is_empty());
    let again = jobs.recv().await.unwrap();
    assert_eq!(again, PrintJob { copy: 2, ..job.clone() });
    assert_eq!(agent.handle().last_print(key(1)).await.unwrap(), Some(again.clone()));
    let events = agent.checked().await;
    let told: Vec<_> =
        events[1..].iter().map(|e| (e.outcome(), e.action(), e.attempt, e.reason.as_str())).collect();
    assert_eq!(
        told,
        [
            (v1::Outcome::Failed, v1::Action::Unspecified, 1, "spoiled"),
            (v1::Outcome::Unspecified, v1::Action::Add, 2, "not_printed"),
        ]
    );
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_engine_says_so() {
    let mut agent = Agent::ready(10).await;
    let handle = agent.handle();
    agent.stop().await;
    assert_eq!(handle.scan(scan("MINT", "r1")).await, Err(IntakeError::Stopping));
    assert!(!agent.database().with_extension("db-wal").exists(), "the WAL is checkpointed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_finds_the_event_it_names() {
    let mut agent = Agent::ready(10).await;
    agent.green("MINT", "r1").await;
    agent.green("CORRECT", "r2").await;
    let events = agent.checked().await;
    assert_eq!(events[1].corrects, events[0].event_id);
    let labels = agent.handle().reader().labels(&[key(1)]).await.unwrap();
    let stage = i32::from(v1::Stage::Correct);
    assert!(labels[&key(1)].contains(&format!("\"last_stage\":{stage}")), "{labels:?}");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_data_is_applied_whole_and_kept() {
    let mut agent = Agent::ready(10).await;
    let row = |kind: &str, id: &str, json: &str, deleted| v1::ReferenceRow {
        kind: kind.into(),
        id: id.into(),
        json: json.into(),
        deleted,
    };
    let chunk = |version, full, last, rows| v1::ReferenceChunk { version, full, last, rows };
    let place = |name: &str| row("location", name, &format!(r#"{{"location":"{name}"}}"#), false);
    let handle = agent.handle();
    assert_eq!(handle.reference_chunk(chunk(3, true, false, vec![place("A")])).await.unwrap(), None);
    assert!(handle.reference().locations.is_empty());
    let last = chunk(3, true, true, vec![place("B"), row("tax", "x", "{}", false)]);
    assert_eq!(handle.reference_chunk(last).await.unwrap(), Some(3));
    assert_eq!(handle.reference().locations.len(), 2);
    let hold = r#"{"hold":"H1","reason":"crack","keys":[5]}"#;
    let rows = vec![row("location", "A", "", true), row("hold", "H1", hold, false)];
    assert_eq!(handle.reference_chunk(chunk(4, false, true, rows)).await.unwrap(), Some(4));
    assert!(handle.reference().held_keys.contains(&5));
    // Sent again after a reconnect.
    let again = chunk(4, false, true, vec![place("C")]);
    assert_eq!(handle.reference_chunk(again).await.unwrap(), Some(4));
    drop(handle);
    agent.stop().await;
    agent.start().await;
    let reference = agent.handle().reference();
    assert_eq!((reference.version, reference.locations.len()), (4, 1));
    assert!(reference.held_keys.contains(&5) && reference.as_of.is_some());
    assert!(agent.handle().status().warnings().contains(&"reference.unread"));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_in_the_middle_of_a_commit_leaves_nothing() {
    let mut agent = Agent::ready(2000).await;
    agent.green("MINT", "r1").await;
    let head = *agent.handle().head().borrow();
    agent.full_disk.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(agent.scan("MINTS 900", "r2").await, Err(IntakeError::Full));
    assert_eq!(*agent.handle().head().borrow(), head);
    // There is room again; the same reading is offered once more.
    agent.green("MINTS 900", "r2").await;
    agent.green("MINT", "r3").await;
    let events = agent.checked().await;
    assert_eq!(events.len(), 3);
    assert_eq!(minted(&events), (1..=902).map(key).collect::<Vec<_>>());
    assert!(agent.handle().status().failed.is_none());
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_reaches_the_stations_view() {
    let mut agent = Agent::new();
    agent.start().await;
    let view = agent.handle().subscribe(DOCK).unwrap();
    let shown = || view.borrow().answer.clone().unwrap();
    // No numbers to mint from.
    let answer = agent.scan("MINT", "r1").await.unwrap();
    assert_eq!((answer.colour, answer.recorded), (Colour::Red, false));
    assert_eq!(shown(), answer);
    // Not taken while the mark cannot be written, and answered as before when it
    // can: another answer to the same reading.
    agent.grant(1, 10).await;
    agent.broken_mark.store(true, std::sync::atomic::Ordering::SeqCst);
    agent.scan("MINT", "r2").await.unwrap_err();
    let red = shown();
    assert_eq!((red.code.as_str(), red.input_id.as_str()), ("input.not_taken", "r2"));
    assert_eq!(red.colour, Colour::Red);
    agent.broken_mark.store(false, std::sync::atomic::Ordering::SeqCst);
    let green = agent.green("MINT", "r2").await;
    assert_eq!(shown(), green);
    assert_eq!(green.input_id, red.input_id);
    // What never became a reading.
    let handle = agent.handle();
    let malformed = handle.refusal(DOCK, "r3", "input.malformed", vec![]);
    Intake::refused(&handle, DOCK, &malformed);
    assert_eq!(shown(), malformed);
    drop(handle);
    agent.stop().await;
}

/// A chunk that holds one unit, whole.
fn held(version: u64) -> v1::ReferenceChunk {
    let json = r#"{"hold":"H1","reason":"crack","keys":[5]}"#.to_owned();
    let row = v1::ReferenceRow { kind: "hold".into(), id: "H1".into(), json, deleted: false };
    v1::ReferenceChunk { version, full: false, last: true, rows: vec![row] }
}

/// A chunk that says that a hold is gone.
fn gone(version: u64, hold: &str, key: i64, lifted: bool) -> v1::ReferenceChunk {
    let json = serde_json::json!({ "hold": hold, "reason": "crack", "keys": [key], "lifted": lifted });
    let row =
        v1::ReferenceRow { kind: "hold".into(), id: hold.into(), json: json.to_string(), deleted: true };
    v1::ReferenceChunk { version, full: false, last: true, rows: vec![row] }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_this_plant_comes_off_its_label_when_the_office_releases_it() {
    let mut agent = Agent::ready(10).await;
    let handle = agent.handle();
    agent.green("MINT", "birth").await;
    agent.green("HOLD", "hold").await;
    let events = agent.checked().await;
    let placed = events.iter().find(|event| event.stage() == v1::Stage::Hold).unwrap();
    let own = uuid::Uuid::from_slice(&placed.event_id).unwrap();
    let holds = async || {
        let labels = handle.reader().labels(&[key(1)]).await.unwrap();
        serde_json::from_str::<crate::station::types::Label>(&labels[&key(1)]).unwrap().holds
    };
    assert_eq!(holds().await, [own]);
    // Its own release, or that of another hold: what is on the label stands.
    handle.reference_chunk(gone(7, &own.to_string(), key(1), false)).await.unwrap();
    handle.reference_chunk(gone(8, &uuid::Uuid::now_v7().to_string(), key(1), true)).await.unwrap();
    assert_eq!(holds().await, [own]);
    handle.reference_chunk(gone(9, &own.to_string(), key(1), true)).await.unwrap();
    assert!(holds().await.is_empty());
    drop(handle);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_between_the_contact_and_what_the_cloud_holds() {
    let mut agent = Agent::ready(10).await;
    let handle = agent.handle();
    agent.green("MINT", "before").await;
    handle.contact().await.unwrap();
    // Who stands at the scanner is told to read again; nothing is recorded.
    assert_eq!(agent.scan("MINT", "during").await, Err(IntakeError::Holds));
    // A reading that waits is decided by what the cloud holds.
    let waiting = {
        let handle = handle.clone();
        tokio::spawn(async move { handle.scan(scan("MINT", "across")).await })
    };
    assert_eq!(handle.reference_chunk(held(7)).await.unwrap(), Some(7));
    handle.holds_applied();
    assert_eq!(waiting.await.unwrap().unwrap().colour, Colour::Green);
    // A contact that is lost leaves the plant with what it has.
    handle.contact().await.unwrap();
    handle.holds_applied();
    agent.green("MINT", "after").await;
    let events = agent.checked().await;
    let versions: Vec<u64> = events.iter().map(|event| event.reference_version).collect();
    assert_eq!(versions, [0, 7, 7], "each event says by which reference data it was decided");
    drop(handle);
    agent.stop().await;
    agent.start().await;
    agent.green("MINT", "again").await;
    assert_eq!(agent.checked().await.last().unwrap().reference_version, 7);
    agent.stop().await;
}
