//! Moves that are killed, with nobody at work and beside a cloud that is written to.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simulators::demo::world::TENANT;

use super::super::{SHORT, setting};
use super::ground::Ground;
use super::told::Writer;
use super::{Moment, over};
use crate::support::until;

/// Where a move leads from there.
fn other(shared: bool) -> &'static str {
    if shared { "own" } else { "shared" }
}

/// What was killed, and where.
#[derive(Debug, Default)]
struct Seen {
    /// Before the note of the move, while copying, after the switch.
    kills: [u32; 3],
    late: u32,
    taken_back: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_is_killed_leaves_the_tenant_whole_in_one_place() {
    let (seed, kills) = (setting("FAULTS_SEED", 4), setting("FAULTS_KILLS", SHORT));
    // A move takes seconds: of a long run every fifth kill is one.
    let kills = if kills > 50 { kills / 5 } else { kills };
    println!("seed {seed}: {kills} moves");
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x30);
    let ground = Ground::start(seed).await;
    let before = ground.rows().await;
    assert!(before.len() > 15, "{:?}", before.keys());
    // There and back once, to know how long it takes.
    let mut whole = Vec::new();
    for to in ["own", "shared"] {
        whole.push(ground.timed(&["move", TENANT, "--to", to]).await);
        ground.settled().await;
        assert_eq!(ground.rows().await, before, "after the move to {to}");
    }
    println!("a move takes {whole:?}");
    // A moment of each part of each direction, and the shortest parts on purpose.
    let each = u32::try_from(kills / 2).unwrap().max(2);
    let mut moments = [0, 1].map(|to| {
        let mut moments = over(whole[to], each, &mut rng);
        for (state, most) in [("copying", 80_000), ("switched", 3_000)] {
            moments.push(Moment::Noted(state, Duration::from_micros(rng.random_range(0..most))));
        }
        moments
    });
    let mut seen = Seen::default();
    loop {
        let at = ground.place().await.unwrap();
        // Whatever is left of this direction, else of the other, which it takes a move to come to.
        let to = other(at.shared());
        let left = &mut moments[usize::from(!at.shared())];
        let Some(moment) = left.pop() else {
            if moments.iter().all(Vec::is_empty) {
                break;
            }
            ground.tenant(&["move", TENANT, "--to", to]).await.unwrap();
            continue;
        };
        let what = format!("seed {seed}: the move to {to} killed at {moment:?}");
        one(&ground, to, moment, &mut rng, &mut seen).await;
        ground.settled().await;
        assert_eq!(ground.rows().await, before, "{what}");
        println!("{what}; {seen:?}");
    }
    assert!(seen.kills.iter().all(|count| *count > 0), "seed {seed}: {seen:?}");
    ground.stop();
}

/// One move that is killed, and what an operator does then.
async fn one(ground: &Ground, to: &str, moment: Moment, rng: &mut ChaCha8Rng, seen: &mut Seen) {
    let before = ground.rows().await;
    let from = ground.place().await.unwrap();
    let forth = ["move", TENANT, "--to", to];
    if !ground.killed(&forth, moment).await {
        seen.late += 1;
    } else {
        // Wherever it says that it lives it is whole, at once.
        let at = ground.place().await.unwrap();
        assert_eq!(ground.rows().await, before, "it is not whole in {at:?}");
        let stage = match at.moving.as_deref() {
            Some("copying") => 1,
            Some(_) => 2,
            None if at == from => 0,
            None => 2,
        };
        seen.kills[stage] += 1;
        assert_eq!(at.name == from.name, stage < 2, "{at:?}");
        assert!(!at.paused || stage == 1, "only while copying it cannot be written: {at:?}");
    }
    let back = rng.random_bool(0.3);
    let then: &[&str] = if back { &["move", TENANT, "--back"] } else { &forth };
    // Whoever runs it again is killed now and then too.
    if rng.random_bool(0.3) {
        let time = Duration::from_millis(rng.random_range(100..2_000));
        ground.killed(then, Moment::After(time)).await;
    }
    if back {
        match ground.tenant(then).await {
            Ok(_) => {
                seen.taken_back += 1;
                return;
            }
            Err(error) => {
                let why = error.to_string();
                let known = ["no move of it is under way", "it has moved already"];
                assert!(known.iter().any(|known| why.contains(known)), "{why}");
            }
        }
    }
    // The docs say that it can be run again; one that was done says that it lives there.
    if let Err(error) = ground.tenant(&forth).await {
        assert!(error.to_string().contains("already"), "{error}");
    }
}

/// Beside a running cloud, which is killed in the middle of a move; and a move that is
/// killed right after it has switched leaves the cloud writing to where it lives now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cloud_was_told_while_its_tenant_is_moved_is_in_one_place() {
    let seed = setting("FAULTS_SEED", 4);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x31);
    let ground = Ground::start(seed).await;
    let mut cloud = ground.cloud().await;
    let office = cloud.client(TENANT, &["read", "write"]).await.unwrap();
    let writer = Writer::new(office, ground.history.born.clone());
    let story = async {
        let mut usual = Duration::from_secs(3);
        for round in 0..4 {
            let at = ground.place().await.unwrap();
            let to = other(at.shared());
            let forth = ["move", TENANT, "--to", to];
            writer.more(3).await;
            if round < 2 {
                // The cloud is killed while the command goes on.
                let moment = usual.mul_f64(rng.random_range(0.1..0.9));
                let (moved, ()) = tokio::join!(ground.timed(&forth), async {
                    tokio::time::sleep(moment).await;
                    writer.down(async || cloud.kill_and_restart().await.unwrap()).await;
                });
                usual = moved;
            } else {
                // The command is killed just after it has switched.
                let switched = Moment::Noted("switched", Duration::ZERO);
                let killed = ground.killed(&forth, switched).await;
                let now = ground.place().await.unwrap();
                assert_ne!(now.name, at.name, "it has switched");
                println!("round {round} to {to}: killed {killed}, {now:?}");
                // Whoever asks is sent to where it lives now, before anything else is done.
                writer.more(2).await;
                ground
                    .tenant(&forth)
                    .await
                    .map_or_else(|error| assert!(error.to_string().contains("already"), "{error}"), drop);
            }
            until("it can be written", async || !ground.place().await.unwrap().paused).await;
            writer.more(3).await;
            ground.settled().await;
            let so_far = writer.so_far();
            let rows = ground.rows().await;
            Writer::check(&so_far, &rows["public.holds"]);
        }
    };
    tokio::select! {
        () = writer.work() => unreachable!("it writes for ever"),
        () = story => {}
    }
    println!("{writer}");
    cloud.stop().await.unwrap();
    Writer::check(&writer.so_far(), &ground.rows().await["public.holds"]);
    ground.stop();
}
