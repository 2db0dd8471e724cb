//! Agent and cloud killed at random moments while people work.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simulators::demo::world::World;
use simulators::plant::people::{Crew, kolkata};
use simulators::plant::truth::Truth;

use crate::support::until;

/// `FAULTS_SEED` repeats another run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_at_random_moments_lose_nothing_and_double_nothing() {
    let seed = std::env::var("FAULTS_SEED").map_or(7, |text| text.parse().expect("FAULTS_SEED is a number"));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::start(&dir.path().join("w"), true, seed).await.unwrap();
    let truth = Truth::default();
    let site = world.plants[0].site.clone();
    let mut crew = Crew::new(&site, truth.clone(), world.office.clone(), seed, Duration::ZERO).unwrap();
    let (sent, _waiting) = tokio::sync::mpsc::unbounded_channel();

    let work = async {
        // Rounds until the last kill; each leaves nothing open.
        let mut rounds = 0;
        loop {
            kolkata(&mut crew, &site, 1, &sent).await.unwrap();
            rounds += 1;
            if rounds >= 2 {
                return;
            }
        }
    };
    let (cloud, plants) = (&mut world.cloud, &mut world.plants);
    let kills = async {
        for n in 0..10 {
            tokio::time::sleep(Duration::from_millis(rng.random_range(50..1200))).await;
            // The cloud takes longer to come back than an agent.
            if n % 5 == 4 {
                cloud.kill_and_restart().await.unwrap();
            } else {
                plants[0].restart_killed().await.unwrap();
            }
        }
    };
    tokio::join!(work, kills);
    world.plants[0].wait_drained().await.unwrap();
    let mut differences = Vec::new();
    until("every trace is as it happened", async || {
        differences = truth.compare(&world.office).await.unwrap();
        differences.is_empty()
    })
    .await;
    let told = world.office.get("/api/v1/exceptions?limit=200").await.unwrap();
    let kind = |exception: &serde_json::Value| exception["kind"].as_str().unwrap().to_owned();
    let mut kinds: Vec<String> = told["exceptions"].as_array().unwrap().iter().map(kind).collect();
    kinds.sort();
    assert_eq!(kinds, truth.exceptions(), "seed {seed}: {told}");
    let health = world.plants[0].health().await.unwrap();
    assert_eq!((&health["quarantined"], &health["epoch"]), (&0.into(), &1.into()), "{health}");
    world.stop().await.unwrap();
}
