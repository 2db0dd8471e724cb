//! The demo that checks itself: work under faults, then everything against what
//! the people did.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::audit;
use super::world::{World, say};
use crate::plant::people::{Crew, Progress, kolkata, visakhapatnam};
use crate::plant::truth::{Counts, Truth};

/// How long a round may take, faults included.
const ROUND_WITHIN: Duration = Duration::from_secs(300);

/// Works `rounds` rounds of `boxes` gearboxes; in each round the network of a
/// plant is cut for a while, and the cloud and the agent of each plant that has
/// work are killed, always in the middle of a scan.
///
/// # Errors
/// When anything was lost, doubled or changed, a fault hit no work, or a part
/// does not work.
pub async fn run(state: &Path, rounds: u32, boxes: u32, seed: u64) -> anyhow::Result<()> {
    ensure!(rounds > 0, "a check of no rounds shows nothing");
    let mut world = World::start(state, true, seed).await?;
    let truth = Truth::default();
    let checked = checked(&mut world, &truth, rounds, boxes, seed).await;
    let saved = truth.save(&world.layout.truth());
    let stopped = world.stop().await;
    let counts = checked?;
    saved.and(stopped)?;
    println!(
        "demo-check: {} UIDs, {} stages and {} links are as they happened; {} scans were refused and {} \
         repeats added nothing",
        counts.uids, counts.stages, counts.links, counts.refused, counts.repeats
    );
    Ok(())
}

async fn checked(
    world: &mut World,
    truth: &Truth,
    rounds: u32,
    boxes: u32,
    seed: u64,
) -> anyhow::Result<Counts> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x00FA_0175);
    let mut crews = Vec::new();
    for (nth, plant) in world.plants.iter().enumerate() {
        let seed = seed.wrapping_add(7 * nth as u64);
        crews.push(Crew::new(&plant.site, truth.clone(), world.office.clone(), seed, Duration::ZERO)?);
    }
    let mut waiting: Vec<Vec<String>> = Vec::new();
    for round in 1..=rounds {
        say(&format!("round {round} of {rounds}"));
        waiting = within(round_of(world, &mut crews, waiting, boxes, &mut rng)).await?;
        // The road is longer than the network was away: what arrives at the other
        // plant before the cloud knows of it is judged by what was known last.
        let first = world.plants.first_mut().context("two plants")?;
        first.wait_drained().await?;
        audit::settled(&world.layout).await?;
    }
    say("the second plant finishes what is on its way");
    within(last_round(world, &mut crews, waiting, &mut rng)).await?;
    say("waiting until the cloud has everything");
    for plant in &mut world.plants {
        plant.wait_drained().await?;
    }
    let problems = audit::problems(world, truth).await?;
    if !problems.is_empty() {
        let shown: Vec<&str> = problems.iter().take(20).map(String::as_str).collect();
        bail!("{} things are not as they happened:\n  {}", problems.len(), shown.join("\n  "));
    }
    let counts = truth.counts();
    // A round makes more; less would mean that little was compared.
    let least = Counts {
        uids: 10 * rounds as usize,
        stages: 60 * rounds as usize,
        links: 8 * rounds as usize,
        refused: 4 * u64::from(rounds),
        repeats: u64::from(rounds),
    };
    ensure!(counts.reach(&least), "too little happened: {counts:?}, and at least {least:?} should have");
    Ok(counts)
}

async fn within<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let done = tokio::time::timeout(ROUND_WITHIN, work).await;
    done.with_context(|| format!("a round was not over within {ROUND_WITHIN:?}"))?
}

/// One round: both plants work while a fault of each kind happens. Returns what
/// is on its way at the end.
async fn round_of(
    world: &mut World,
    crews: &mut [Crew],
    waiting: Vec<Vec<String>>,
    boxes: u32,
    rng: &mut ChaCha8Rng,
) -> anyhow::Result<Vec<Vec<String>>> {
    let World { cloud, plants, networks, .. } = world;
    let [kol, vsk] = plants.as_mut_slice() else { bail!("the demo has two plants") };
    let [first, second] = crews else { bail!("the demo has two crews") };
    let (sent, mut coming) = tokio::sync::mpsc::unbounded_channel();
    let (mut at_first, mut at_second) = (Hits::of(first), Hits::of(second));
    let second_works = !waiting.is_empty();

    // The network of one plant is gone for most of the round.
    let cut = rng.random_range(0..networks.len());
    networks[cut].cut();
    say(&format!("the network of plant {} is cut", cut + 1));

    let (kol_site, vsk_site) = (kol.site.clone(), vsk.site.clone());
    let faults = async {
        at_first.middle(rng.random_range(5..25)).await?;
        say("SIGKILL to the first plant's agent");
        kol.restart_killed().await?;
        if second_works {
            at_second.middle(rng.random_range(3..10)).await?;
            say("SIGKILL to the second plant's agent");
            vsk.restart_killed().await?;
        }
        at_first.middle(rng.random_range(5..25)).await?;
        say("SIGKILL to the cloud");
        cloud.kill_and_restart().await?;
        networks[cut].mend();
        say("the network is back");
        at_first.middle(rng.random_range(1..5)).await?;
        anyhow::Ok(())
    };
    let work_first = async { kolkata(first, &kol_site, boxes, &sent).await };
    let work_second = async {
        for boxes in waiting {
            visakhapatnam(second, &vsk_site, boxes).await?;
        }
        Ok(())
    };
    tokio::try_join!(faults, work_first, work_second)?;
    at_first.went_on()?;
    if second_works {
        at_second.went_on()?;
    }
    drop(sent);
    let mut next = Vec::new();
    while let Some(boxes) = coming.recv().await {
        next.push(boxes);
    }
    Ok(next)
}

/// The second plant takes in what is still on its way; its agent is killed.
async fn last_round(
    world: &mut World,
    crews: &mut [Crew],
    waiting: Vec<Vec<String>>,
    rng: &mut ChaCha8Rng,
) -> anyhow::Result<()> {
    let vsk = world.plants.get_mut(1).context("two plants")?;
    let crew = crews.get_mut(1).context("two crews")?;
    let site = vsk.site.clone();
    let mut hits = Hits::of(crew);
    let faults = async {
        hits.middle(rng.random_range(3..15)).await?;
        say("SIGKILL to the second plant's agent");
        vsk.restart_killed().await
    };
    let work = async {
        for boxes in waiting {
            visakhapatnam(crew, &site, boxes).await?;
        }
        Ok(())
    };
    tokio::try_join!(faults, work)?;
    hits.went_on()
}

/// Faults that hit the work of a crew.
struct Hits {
    progress: Progress,
    last: Option<u64>,
}

impl Hits {
    fn of(crew: &Crew) -> Self {
        Self { progress: crew.progress(), last: None }
    }

    /// Waits until so many more scans have been answered and one is on its way.
    async fn middle(&mut self, more: u64) -> anyhow::Result<()> {
        let from = *self.progress.answered.borrow();
        let reached = self.progress.answered.wait_for(|answered| *answered >= from + more).await;
        reached.context("the people went home before the fault")?;
        while self.progress.in_flight.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.last = Some(*self.progress.answered.borrow());
        Ok(())
    }

    /// Whether work went on after the last fault.
    fn went_on(&self) -> anyhow::Result<()> {
        let now = *self.progress.answered.borrow();
        match self.last {
            Some(last) if now > last => Ok(()),
            last => bail!("a fault hit no work: {last:?} scans were answered before it, {now} in all"),
        }
    }
}
