//! The demo that checks itself: work under faults, then every trace against what
//! the people did.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::world::{World, say};
use crate::plant::people::{Crew, kolkata, visakhapatnam};
use crate::plant::truth::Truth;

/// How long the cloud may take until it shows what the plants have sent.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// How long a round may take, faults included.
const ROUND_WITHIN: Duration = Duration::from_secs(300);

/// Works `rounds` rounds of `boxes` gearboxes; in each round the network of a
/// plant is cut for a while, an agent is killed and the cloud is killed.
///
/// # Errors
/// When anything was lost, doubled or changed, or a part does not work.
pub async fn run(state: &Path, rounds: u32, boxes: u32, seed: u64) -> anyhow::Result<()> {
    let mut world = World::start(state, true, seed).await?;
    let truth = Truth::default();
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x00FA_0175);
    let mut crews = Vec::new();
    for (nth, plant) in world.plants.iter().enumerate() {
        let seed = seed.wrapping_add(7 * nth as u64);
        crews.push(Crew::new(&plant.site, truth.clone(), world.office.clone(), seed, Duration::ZERO)?);
    }
    let mut waiting: Vec<Vec<String>> = Vec::new();
    for round in 1..=rounds {
        say(&format!("round {round} of {rounds}"));
        let work = one_round(&mut world, &mut crews, waiting, boxes, &mut rng);
        waiting = tokio::time::timeout(ROUND_WITHIN, work)
            .await
            .with_context(|| format!("round {round} was not over within {ROUND_WITHIN:?}"))??;
    }
    say("the second plant finishes what is on its way");
    for boxes in waiting {
        let crew = crews.get_mut(1).context("two plants")?;
        visakhapatnam(crew, &world.plants[1].site.clone(), boxes).await?;
    }
    say("waiting until the cloud has everything");
    for network in &world.networks {
        network.mend();
    }
    for plant in &mut world.plants {
        plant.wait_drained().await?;
    }
    compare(&world, &truth).await?;
    let problems = world_problems(&world).await?;
    truth.save(&world.layout.state.join("truth.json"))?;
    world.stop().await?;
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    let (uids, stages, links, refused, repeats) = truth.counts();
    println!(
        "demo-check: {uids} UIDs, {stages} stages and {links} links are as they happened; \
         {refused} scans were refused and {repeats} repeats added nothing"
    );
    Ok(())
}

/// One round: both plants work while a fault of each kind happens. Returns what
/// is on its way at the end.
async fn one_round(
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

    // The network of one plant is gone for most of the round.
    let cut = rng.random_range(0..networks.len());
    networks[cut].cut();
    tracing::info!(plant = cut, "the network is cut");

    let (kol_site, vsk_site) = (kol.site.clone(), vsk.site.clone());
    let faults = async {
        let pause = |rng: &mut ChaCha8Rng| Duration::from_millis(rng.random_range(300..2500));
        tokio::time::sleep(pause(rng)).await;
        tracing::info!("SIGKILL to the first plant's agent");
        kol.restart_killed().await?;
        tokio::time::sleep(pause(rng)).await;
        tracing::info!("SIGKILL to the cloud");
        cloud.kill_and_restart().await?;
        networks[cut].mend();
        tracing::info!(plant = cut, "the network is back");
        tokio::time::sleep(pause(rng)).await;
        tracing::info!("SIGKILL to the second plant's agent");
        vsk.restart_killed().await
    };
    let first = async { kolkata(first, &kol_site, boxes, &sent).await };
    let second = async {
        for boxes in waiting {
            visakhapatnam(second, &vsk_site, boxes).await?;
        }
        Ok(())
    };
    tokio::try_join!(faults, first, second)?;
    drop(sent);
    let mut next = Vec::new();
    while let Some(boxes) = coming.recv().await {
        next.push(boxes);
    }
    Ok(next)
}

async fn compare(world: &World, truth: &Truth) -> anyhow::Result<()> {
    say("comparing every trace with what happened");
    // Forward and history read what is committed; states follow in a moment.
    let deadline = tokio::time::Instant::now() + SETTLED_WITHIN;
    loop {
        let differences = truth.compare(&world.office).await?;
        if differences.is_empty() {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            truth.save(&world.layout.state.join("truth.json"))?;
            let shown: Vec<String> =
                differences.iter().take(10).map(|d| format!("  {}: {}", d.uid, d.problem)).collect();
            bail!("{} UIDs are not as they happened:\n{}", differences.len(), shown.join("\n"));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What else must not be: an exception of any kind (a break in a chain, a loss, a
/// second birth, a contradiction), or a journal that ends elsewhere than the
/// cloud's copy of it.
async fn world_problems(world: &World) -> anyhow::Result<Vec<String>> {
    let answer = world.office.get("/api/v1/exceptions?limit=200").await?;
    let exceptions = answer["exceptions"].as_array().context("no list of exceptions")?;
    let mut problems: Vec<String> =
        exceptions.iter().map(|exception| format!("an exception that must not be: {exception}")).collect();
    let answer = world.office.get("/api/v1/agents").await?;
    let agents = answer["agents"].as_array().context("no list of agents")?;
    for plant in &world.plants {
        let (code, health) = (plant.site.code(), plant.health().await?);
        let agent = agents.iter().find(|agent| agent["plant"] == code.as_str());
        let cloud = agent.map(|agent| (agent["epoch"].as_u64(), agent["through_seq"].as_u64()));
        let edge = (health["epoch"].as_u64(), health["seq"].as_u64());
        if cloud != Some(edge) {
            problems.push(format!("{code} ends at (epoch, seq) {edge:?}, the cloud has {cloud:?}"));
        }
        if health["quarantined"] != 0 {
            problems.push(format!("{code} has damaged records: {health}"));
        }
    }
    Ok(problems)
}
