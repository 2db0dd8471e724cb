//! Two plants work, and everything in the cloud is what happened; the same with
//! the network cut, and agents and cloud killed, in the middle.

use std::time::Duration;

use simulators::demo::world::World;
use simulators::demo::{audit, check};
use simulators::plant::people::{Crew, kolkata, visakhapatnam};
use simulators::plant::truth::Truth;

use crate::support::Folder;

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
    assert_eq!(audit::problems(&world, &truth).await.unwrap(), Vec::<String>::new());
    let counts = truth.counts();
    assert!(counts.uids >= 20 && counts.stages >= 80 && counts.links >= 15, "{counts:?}");

    // The comparison sees what is not so: one act more, and one less.
    let acts = truth.acts_of("KOL");
    let other = Truth::default();
    for act in acts.iter().skip(1).chain(&truth.acts_of("VSK")) {
        other.happened(act.clone());
    }
    assert_ne!(audit::problems(&world, &other).await.unwrap(), Vec::<String>::new());
    truth.happened(acts[0].clone());
    assert_ne!(audit::problems(&world, &truth).await.unwrap(), Vec::<String>::new());
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_in_the_middle_lose_nothing_and_double_nothing() {
    let seed = std::env::var("DEMO_SEED").map_or(1, |text| text.parse().expect("DEMO_SEED is a number"));
    let folder = Folder::new();
    check::run(&folder.state(), 1, 2, seed).await.unwrap();
}
