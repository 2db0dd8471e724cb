//! Two plants work, and every trace in the cloud is what happened; the same
//! with the network cut, and agent and cloud killed, in the middle.

use std::time::Duration;

use simulators::demo::check;
use simulators::demo::world::World;
use simulators::plant::people::{Crew, kolkata, visakhapatnam};
use simulators::plant::truth::Truth;

use crate::support::{Folder, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_plants_did_is_what_the_cloud_tells() {
    let folder = Folder::new();
    let mut world = World::start(&folder.state(), true, 11).await.unwrap();
    let truth = Truth::default();
    let crew = |nth: usize| {
        let plant = &world.plants[nth];
        Crew::new(&plant.site, truth.clone(), world.office.clone(), 11 + nth as u64, Duration::ZERO).unwrap()
    };
    let (mut first, mut second) = (crew(0), crew(1));
    let (sent, mut coming) = tokio::sync::mpsc::unbounded_channel();
    kolkata(&mut first, &world.plants[0].site, 2, &sent).await.unwrap();
    let boxes = coming.recv().await.unwrap();
    visakhapatnam(&mut second, &world.plants[1].site, boxes).await.unwrap();
    for plant in &mut world.plants {
        plant.wait_drained().await.unwrap();
    }
    let mut differences = Vec::new();
    until("every trace is as it happened", async || {
        let now = truth.compare(&world.office).await.unwrap();
        if now != differences {
            println!("still to come: {now:?}");
            differences = now;
        }
        differences.is_empty()
    })
    .await;
    let (uids, stages, links, ..) = truth.counts();
    assert!(uids >= 10 && stages >= 40 && links >= 10, "{:?}", truth.counts());
    let told = world.office.get("/api/v1/exceptions?limit=200").await.unwrap();
    assert_eq!(told["exceptions"].as_array().map(Vec::len), Some(0), "{told}");
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_in_the_middle_lose_nothing_and_double_nothing() {
    let seed = std::env::var("DEMO_SEED").map_or(1, |text| text.parse().expect("DEMO_SEED is a number"));
    let folder = Folder::new();
    check::run(&folder.state(), 1, 2, seed).await.unwrap();
}
