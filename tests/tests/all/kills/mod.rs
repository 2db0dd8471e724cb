//! The cloud, and an import beside it, killed at seeded moments while it ingests the streams
//! of two plants, mirrors, grows its tree, and people place and release holds: after each
//! start everything equals what was sent, asked and answered.
//!
//! `FAULTS_KILLS` says how often (`make faults`: 200), `FAULTS_SEED` repeats another run.

mod equal;
mod facts;
mod fold;
mod ground;
mod history;
mod holds;
mod line;
mod office;
mod stream;
mod tenants;
mod when;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use simulators::demo::world::TENANT;
use uid::{Key, Uid};

use ground::Ground;
use when::{Kill, When};

/// Kills between two looks at everything, in a short run and in a long one.
const LOOK_AFTER: (u64, u64) = (5, 20);
/// Kills of a short run.
const SHORT: u64 = 10;

fn key_of(plant: &str, kind: &str, number: u64) -> i64 {
    let uid = Uid::new(TENANT.parse().unwrap(), plant.parse().unwrap(), kind.parse().unwrap(), number);
    uid.unwrap().key().get()
}

fn uid_of(key: i64) -> String {
    Uid::from_key(TENANT.parse().unwrap(), Key::new(key).unwrap()).to_string()
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_leave_every_equality_true() {
    let (seed, kills) = (setting("FAULTS_SEED", 4), setting("FAULTS_KILLS", SHORT));
    println!("seed {seed}: {kills} kills");
    let ground = Ground::start(seed, kills).await;
    tokio::select! {
        () = ground.work() => unreachable!("they work for ever"),
        () = story(&ground, seed, kills) => {}
    }
    ground.stop().await;
}

async fn story(ground: &Ground, seed: u64, kills: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let look_after = if kills > 50 { LOOK_AFTER.1 } else { LOOK_AFTER.0 };
    let mut seen = equal::Seen::default();
    let (mut done, mut amid) = (0, 0);
    let began = tokio::time::Instant::now();
    while done < kills {
        // Each file's import is killed once at least, others by chance while they run.
        let (begins, under_way) = (ground.imports.begins_next(), !ground.imports.done.idle());
        ground.granted.one_more();
        let when = When::choose(&mut rng, begins, under_way);
        let kill = Kill::at(ground, when, &mut rng).await;
        amid += u64::from(kill.amid);
        done += kill.times;
        println!("{done} of {kills} ({:.0} s): {kill}", began.elapsed().as_secs_f64());
        if ground.granted.now().is_multiple_of(look_after) || done >= kills {
            equal::all(ground, &mut seen).await;
            println!("{seen}");
        }
    }
    // A kill that meets nobody at work proves little.
    assert!(2 * amid >= done, "seed {seed}: only {amid} of {done} kills met work under way");
    let killed = *ground.imports.killed.lock().unwrap();
    assert!(killed > 0, "seed {seed}: no import was killed");
    assert_eq!(ground.plant.wrong(), Vec::<String>::new(), "seed {seed}");
}
