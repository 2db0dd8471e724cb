//! A carton of one plant at the other: what lies in it is known there too.

use std::time::Duration;

use edge_agent::station::control::Verb;
use proto::v1::Stage;
use serde_json::json;
use simulators::demo::world::World;
use simulators::plant::people::Crew;
use simulators::plant::truth::Truth;

use crate::support::{Folder, Person, card, made, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_in_a_carton_of_another_plant_does_not_leave() {
    let folder = Folder::new();
    let mut world = World::start(&folder.state(), true, 7).await.unwrap();
    let site = world.plants[0].site.clone();
    let mut crew = Crew::new(&site, Truth::default(), world.office.clone(), 7, Duration::ZERO).unwrap();
    let gears = crew.receive(&site, "PO-2025-001", "RM-GEAR", 2).await.unwrap();
    let mut packer = Person::at(&site, "PACK1", "BADGE-1001").await;
    for gear in &gears {
        packer.take(gear).await;
    }
    packer.take(&card(Verb::Done, None)).await;
    let carton = made(&site, Stage::Packing).await;
    let mut sender = Person::at(&site, "XFER1", "BADGE-1001").await;
    sender.take(&carton).await;
    sender.take(&card(Verb::Done, None)).await;
    world.plants[0].wait_drained().await.unwrap();

    // It arrives where nobody has ever heard of it; the cloud tells, and then of its
    // contents.
    let there = world.plants[1].site.clone();
    let mut taker = Person::at(&there, "XIN1", "BADGE-2001").await;
    taker.take(&carton).await;
    taker.take(&card(Verb::Done, None)).await;
    let mut shipper = Person::at(&there, "SHIP1", "BADGE-2001").await;
    until("the carton may leave", async || {
        let answer = shipper.scan(&carton).await;
        shipper.scan(&card(Verb::Cancel, None)).await;
        (answer.colour.as_str(), answer.code.as_str()) == ("green", "ship.taken")
    })
    .await;
    let hold = json!({ "uid": gears[1], "reason": "torn teeth" });
    world.office.post("/api/v1/holds", &hold).await.unwrap();
    // A package with something held inside is held itself.
    until("what is held in it keeps it here", async || {
        let answer = shipper.scan(&carton).await;
        shipper.scan(&card(Verb::Cancel, None)).await;
        (answer.colour.as_str(), answer.code.as_str()) == ("red", "label.held")
    })
    .await;
    world.stop().await.unwrap();
}
