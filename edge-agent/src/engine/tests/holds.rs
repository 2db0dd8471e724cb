//! What becomes of holds when a plant gets everything anew: one that was away for
//! long, or whose cloud was restored, is told no changes.

use proto::v1;
use uuid::Uuid;

use super::stations::{GEAR, Plant, code, items, suppliers};
use super::support::*;
use crate::inputs::Colour;
use crate::station::control::Verb;

/// Stocked with one unit, on which the plant's own hold stands if it is to.
async fn stocked(held: bool) -> (Plant, String) {
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
async fn everything(plant: &Plant, version: u64, holds: Vec<v1::ReferenceRow>) {
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
