//! What becomes of holds when a plant gets everything anew: one that was away for
//! long, or whose cloud was restored, is told no changes.

use proto::v1;
use uuid::Uuid;

use super::stations::{GEAR, Plant, code, items, suppliers};
use super::support::*;
use crate::inputs::Colour;
use crate::station::control::Verb;

/// Stocked with one unit, on which the plant's own hold stands if it is to.
pub(super) async fn stocked(held: bool) -> (Plant, String) {
    let mut plant = Plant::start().await;
    let (label, done, hold) = (suppliers(GEAR, "S-1"), code(Verb::Done), code(Verb::Hold));
    plant.play("OPEN1", &[(&label, "goods.quantity"), (&done, "opening.recorded")]).await;
    let uid = uid::Uid::from_key(plant.agent.plant.tenant, uid::Key::new(key(1)).unwrap()).to_string();
    if held {
        plant.play("STORE1", &[(&hold, "hold.which"), (&uid, "hold.placed")]).await;
    }
    (plant, uid)
}

fn hold(id: &str, lifted: bool, deleted: bool) -> v1::ReferenceRow {
    let body = serde_json::json!({ "hold": id, "reason": "CRACK", "keys": [key(1)], "lifted": lifted });
    v1::ReferenceRow { kind: "hold".into(), id: id.into(), json: body.to_string(), deleted }
}

/// A full set, in as many chunks as rows.
pub(super) async fn everything(plant: &Plant, version: u64, holds: Vec<v1::ReferenceRow>) {
    let rows: Vec<_> = holds.into_iter().chain(items()).collect();
    let count = rows.len();
    for (at, row) in rows.into_iter().enumerate() {
        let last = at + 1 == count;
        let chunk = v1::ReferenceChunk { version, full: true, last, rows: vec![row] };
        assert_eq!(plant.handle.reference_chunk(chunk).await.unwrap(), last.then_some(version));
    }
}

/// Whether the unit is turned away where it would leave the plant.
async fn red(plant: &mut Plant, uid: &str) -> bool {
    let answer = plant.scan("XFER1", uid).await;
    assert_eq!(answer.code == "label.held", answer.colour == Colour::Red, "{answer:?}");
    plant.scan("XFER1", &code(Verb::Cancel)).await;
    answer.colour == Colour::Red
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_office_released_meanwhile_is_free_with_a_full_set() {
    let (mut plant, uid) = stocked(true).await;
    let own = plant.label(key(1)).await.holds[0];
    // The office has one of its own on it; the plant knows of that.
    everything(&plant, 5, vec![hold(&own.to_string(), false, false), hold("H-1", false, false)]).await;
    plant.play("STORE1", &[("RACK-9", "place.set")]).await;
    let moved = plant.scan("STORE1", &uid).await;
    assert_eq!(moved.colour, Colour::Amber, "{moved:?}");
    // Only half of what is to come is here.
    let first = v1::ReferenceChunk {
        version: 9,
        full: true,
        last: false,
        rows: vec![hold(&own.to_string(), true, true)],
    };
    plant.handle.reference_chunk(first).await.unwrap();
    assert!(red(&mut plant, &uid).await);
    everything(&plant, 9, vec![hold(&own.to_string(), true, true)]).await;
    assert!(!red(&mut plant, &uid).await);
    assert!(plant.label(key(1)).await.holds.is_empty());
    assert!(plant.handle.reference().holds.is_empty());

    let mut plant = plant.again().await;
    assert!(!red(&mut plant, &uid).await);
    // What was done while it was held is taken back; the hold does not come back with it.
    plant.play("STORE1", &[(&code(Verb::Correct), "correct.last")]).await;
    plant.scan("STORE1", &code(Verb::Done)).await;
    assert!(plant.label(key(1)).await.holds.is_empty());
    assert!(!red(&mut plant, &uid).await);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_office_has_not_heard_of_or_holds_anew_stays_red_with_a_full_set() {
    let (mut plant, uid) = stocked(true).await;
    let own = plant.label(key(1)).await.holds[0];
    // The plant's event has not arrived; a hold of another plant was released.
    everything(&plant, 5, vec![hold(&Uuid::now_v7().to_string(), true, true)]).await;
    assert_eq!(plant.label(key(1)).await.holds, [own]);
    assert!(red(&mut plant, &uid).await);
    let mut plant = plant.again().await;
    assert!(red(&mut plant, &uid).await);
    // Released, and another placed meanwhile.
    everything(&plant, 9, vec![hold(&own.to_string(), true, true), hold("H-2", false, false)]).await;
    assert!(plant.label(key(1)).await.holds.is_empty());
    assert!(red(&mut plant, &uid).await);
    let mut plant = plant.again().await;
    assert!(red(&mut plant, &uid).await);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offices_hold_that_is_gone_from_a_full_set_is_gone_from_disk() {
    let (mut plant, uid) = stocked(false).await;
    everything(&plant, 5, vec![hold("H-1", false, false)]).await;
    assert!(red(&mut plant, &uid).await);
    everything(&plant, 9, Vec::new()).await;
    assert!(!red(&mut plant, &uid).await);
    let mut plant = plant.again().await;
    assert!(!red(&mut plant, &uid).await);
    let stored = crate::journal::stored_reference(&plant.agent.settings().data_dir).await.unwrap();
    assert!(stored.iter().all(|(kind, _)| kind != "hold"), "{stored:?}");
    plant.stop().await;
}

/// A hold on the unit whose JSON tells where it lies in the file.
fn held_unit() -> (v1::ReferenceRow, Vec<u8>) {
    let row = hold("H-1", false, false);
    let needle = format!("\"keys\":[{}]", key(1)).into_bytes();
    assert!(row.json.as_bytes().windows(needle.len()).any(|w| w == needle));
    (row, needle)
}

/// Where this lies in a file, everywhere.
fn places(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    let all = bytes.windows(needle.len()).enumerate().filter(|(_, w)| *w == needle);
    let all: Vec<usize> = all.map(|(at, _)| at).collect();
    assert!(!all.is_empty(), "it is not in the file");
    all
}

/// Nothing is green, and the cloud is asked for everything.
async fn doubts(plant: &mut Plant, uid: &str, what: &str) {
    let answer = plant.scan("XFER1", uid).await;
    assert_eq!((answer.colour, answer.code.as_str()), (Colour::Red, "holds.lost"), "{what}: {answer:?}");
    assert!(!answer.what.is_empty() && !answer.next.is_empty());
    plant.scan("XFER1", &code(Verb::Cancel)).await;
    let status = plant.handle.status();
    assert!(status.reference_lost && status.warnings().contains(&"reference.lost"), "{what}");
    assert_eq!(plant.handle.hello("test").await.unwrap().reference_version, 0, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_what_is_held_was_damaged_nothing_is_green_until_all_of_it_has_come() {
    for what in ["a digit of a key", "a kind", "a row that is gone", "a page"] {
        let (mut plant, uid) = stocked(false).await;
        let (row, needle) = held_unit();
        everything(&plant, 5, vec![row.clone()]).await;
        assert!(red(&mut plant, &uid).await);
        let mut plant = plant
            .after(async |path| {
                let mut bytes = std::fs::read(&path).unwrap();
                match what {
                    "a digit of a key" => {
                        places(&bytes, &needle).iter().for_each(|at| bytes[at + needle.len() - 2] ^= 1);
                    }
                    "a kind" => places(&bytes, b"holdH-1{").iter().for_each(|at| bytes[*at] ^= 0x20),
                    "a page" => {
                        let all: std::collections::BTreeSet<usize> =
                            places(&bytes, &needle).iter().map(|at| at / 4096 * 4096).collect();
                        all.iter().for_each(|at| bytes[*at] ^= 0x55);
                    }
                    _ => {
                        use sqlx::{ConnectOptions, Connection};
                        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
                        let mut db = options.connect().await.unwrap();
                        let gone = "DELETE FROM reference WHERE kind = 'hold'";
                        let done = sqlx::query(gone).execute(&mut db).await.unwrap();
                        assert_eq!(done.rows_affected(), 1);
                        return db.close().await.unwrap();
                    }
                }
                std::fs::write(&path, bytes).unwrap();
            })
            .await;
        assert!(what != "a page" || plant.handle.status().rebuilt.is_some());
        doubts(&mut plant, &uid, what).await;
        // What a hold does not forbid is done, and not green.
        plant.play("STORE1", &[("RACK-9", "place.set")]).await;
        let moved = plant.scan("STORE1", &uid).await;
        assert_eq!((moved.colour, moved.code.as_str()), (Colour::Amber, "reference.lost-noted"), "{what}");
        // Nor after another start, nor with what only adds to it.
        let mut plant = plant.again().await;
        doubts(&mut plant, &uid, what).await;
        let more = v1::ReferenceRow { id: "H-9".into(), json: row.json.replace("H-1", "H-9"), ..row.clone() };
        let more = v1::ReferenceRow { json: more.json.replace(&key(1).to_string(), "7"), ..more };
        let chunk = v1::ReferenceChunk { version: 6, full: false, last: true, rows: vec![more] };
        assert_eq!(plant.handle.reference_chunk(chunk).await.unwrap(), Some(0), "it is not had");
        doubts(&mut plant, &uid, what).await;
        everything(&plant, 7, vec![row]).await;
        assert!(red(&mut plant, &uid).await, "{what}: by the hold itself");
        assert!(!plant.handle.status().reference_lost);
        let mut plant = plant.again().await;
        assert!(red(&mut plant, &uid).await && !plant.handle.status().reference_lost, "{what}");
        everything(&plant, 8, Vec::new()).await;
        assert!(!red(&mut plant, &uid).await, "{what}");
        plant.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_cannot_be_read_is_not_acknowledged() {
    let (mut plant, uid) = stocked(false).await;
    let row = v1::ReferenceRow { json: r#"{"hold":"H-1","reason":5}"#.into(), ..hold("H-1", false, false) };
    let chunk = v1::ReferenceChunk { version: 5, full: false, last: true, rows: vec![row] };
    assert_eq!(plant.handle.reference_chunk(chunk).await.unwrap(), Some(0));
    doubts(&mut plant, &uid, "unread").await;
    let mut plant = plant.again().await;
    doubts(&mut plant, &uid, "unread").await;
    everything(&plant, 6, vec![hold("H-1", false, false)]).await;
    assert!(red(&mut plant, &uid).await);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_a_restored_cloud_does_not_know_stays_until_the_office_says() {
    let restored = async |plant: &Plant, generation| {
        let welcome = v1::Welcome { generation, ..welcome(1, 0) };
        plant.handle.welcomed(welcome).await.unwrap();
    };
    let kept = |plant: &Plant| -> Vec<String> {
        plant.handle.kept_holds().into_iter().map(|hold| hold.hold).collect()
    };
    let (mut plant, uid) = stocked(false).await;
    restored(&plant, 1).await;
    everything(&plant, 5, vec![hold("H-1", false, false), hold("H-2", false, false)]).await;
    assert!(kept(&plant).is_empty());
    // The backup is from before both of them.
    restored(&plant, 2).await;
    everything(&plant, 3, Vec::new()).await;
    assert_eq!(kept(&plant), ["H-1", "H-2"]);
    assert!(red(&mut plant, &uid).await);
    let mut plant = plant.again().await;
    assert!(red(&mut plant, &uid).await);
    assert_eq!(kept(&plant), ["H-1", "H-2"]);
    assert!(!plant.handle.status().reference_lost);
    // Another full set of the same cloud says no more of them.
    restored(&plant, 2).await;
    everything(&plant, 4, Vec::new()).await;
    assert_eq!(kept(&plant), ["H-1", "H-2"]);
    let said = |hold: &str, released| v1::KeptHoldAnswer { hold: hold.into(), released };
    plant.handle.kept_answered(said("H-1", true)).await.unwrap();
    plant.handle.kept_answered(said("H-2", false)).await.unwrap();
    assert_eq!(kept(&plant), ["H-2"]);
    assert!(red(&mut plant, &uid).await);
    // The office has it again, and later lets it go.
    let chunk = |version, deleted| {
        let rows = vec![hold("H-2", false, deleted)];
        v1::ReferenceChunk { version, full: false, last: true, rows }
    };
    plant.handle.reference_chunk(chunk(6, false)).await.unwrap();
    assert!(kept(&plant).is_empty());
    assert!(red(&mut plant, &uid).await);
    let mut plant = plant.again().await;
    assert!(red(&mut plant, &uid).await);
    plant.handle.reference_chunk(chunk(7, true)).await.unwrap();
    assert!(!red(&mut plant, &uid).await);
    let mut plant = plant.again().await;
    assert!(!red(&mut plant, &uid).await && !plant.handle.status().reference_lost);
    plant.stop().await;
}
