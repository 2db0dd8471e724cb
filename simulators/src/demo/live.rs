//! The demo that a person watches.

use std::path::Path;
use std::time::Duration;

use super::plant::Plant;
use super::signals;
use super::world::{TENANT, World, say};
use crate::plant::people::{Crew, kolkata, visakhapatnam};
use crate::plant::truth::Truth;

/// Gearboxes that are built and sent on together.
const BOXES: u32 = 3;
/// Who runs the demo's office; nothing is ever sent there.
const ADMINISTRATOR: &str = "office@saif.example";

/// Runs until it is asked to end.
///
/// # Errors
/// When a part does not start or ends by itself.
pub async fn run(state: &Path, pace: Duration, seed: u64) -> anyhow::Result<()> {
    let starting = World::start(state, false, seed);
    let mut world = tokio::select! {
        world = starting => world?,
        why = signals::asked_to_end() => anyhow::bail!("ended by {} while starting", why?),
    };
    let url = world.cloud.url();
    let invite = ["user", "invite", ADMINISTRATOR, "--name", "Demo Administrator"];
    let here = ["--tenant", TENANT, "--url", &url];
    let args = |words: &[&str]| words.iter().chain(&here).map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let invitation = world.cloud.run(&args(&invite)).await?;
    let link = world.cloud.run(&args(&["open"])).await?;
    println!();
    println!(
        "  The office, as its administrator {ADMINISTRATOR} (the page asks for a password of your own):"
    );
    println!("      {}", invitation.trim());
    println!("  Or without a name, signed in once by this link:");
    println!("      {}", link.trim());
    for plant in &world.plants {
        let file = &plant.site.setup.plant;
        let scheme = if file.terminal.tls { "https" } else { "http" };
        println!("  Terminal pages of {}:  {scheme}://{}/", file.plant_name, file.terminal.listen);
    }
    println!("  The terminal pages have a certificate of the agent's own making: the browser asks once.");
    println!("  Logs:  {}", world.layout.state.join("logs").display());
    println!(
        "  A badge to scan or type at a terminal:  BADGE-1001 (PIN 4711) in Kolkata, BADGE-2001 (PIN 3344) in Visakhapatnam"
    );
    println!("  Ctrl-C ends everything.");
    println!();
    let truth = Truth::default();
    let worked = {
        let (kol, vsk) = two(&world.plants)?;
        tokio::select! {
            why = signals::asked_to_end() => why.map(drop).map_err(anyhow::Error::from),
            worked = work(kol, vsk, &world, &truth, pace, seed) => worked,
        }
    };
    say("stopping");
    let saved = truth.save(&world.layout.truth());
    let stopped = world.stop().await;
    worked.and(saved).and(stopped)
}

fn two(plants: &[Plant]) -> anyhow::Result<(&Plant, &Plant)> {
    match plants {
        [kol, vsk] => Ok((kol, vsk)),
        _ => anyhow::bail!("the demo has two plants"),
    }
}

/// Both plants work at once, for ever.
async fn work(
    kol: &Plant,
    vsk: &Plant,
    world: &World,
    truth: &Truth,
    pace: Duration,
    seed: u64,
) -> anyhow::Result<()> {
    let (sent, mut coming) = tokio::sync::mpsc::unbounded_channel();
    let first = async {
        let mut crew = Crew::new(&kol.site, truth.clone(), world.office.clone(), seed, pace)?;
        loop {
            match kolkata(&mut crew, &kol.site, BOXES, &sent).await {
                Ok(()) => tell(truth, world)?,
                Err(error) => begin_anew(&mut crew, error, pace).await?,
            }
        }
        #[expect(unreachable_code, reason = "gives the block its type")]
        anyhow::Ok(())
    };
    let second = async {
        let mut crew = Crew::new(&vsk.site, truth.clone(), world.office.clone(), seed + 1, pace)?;
        while let Some(boxes) = coming.recv().await {
            match visakhapatnam(&mut crew, &vsk.site, boxes).await {
                Ok(()) => tell(truth, world)?,
                Err(error) => begin_anew(&mut crew, error, pace).await?,
            }
        }
        anyhow::Ok(())
    };
    tokio::select! {
        ended = first => ended,
        ended = second => ended,
    }
}

/// What whoever watches does may stand in the way of the work, a hold above all: the crew
/// says so, clears its stations and goes on with what comes next.
///
/// # Errors
/// The one that stopped the work, where no station answers any more.
async fn begin_anew(crew: &mut Crew, error: anyhow::Error, pace: Duration) -> anyhow::Result<()> {
    if !crew.clear_stations().await {
        return Err(error);
    }
    say(&format!("{error:#}; the crew goes on with what comes next"));
    // Not over and over at once, if everything is held.
    tokio::time::sleep(pace.max(Duration::from_secs(2))).await;
    Ok(())
}

/// Says how much happened, and writes down what.
fn tell(truth: &Truth, world: &World) -> anyhow::Result<()> {
    let counts = truth.counts();
    say(&format!(
        "{} UIDs, {} stages, {} links; {} scans refused, {} scanned twice",
        counts.uids, counts.stages, counts.links, counts.refused, counts.repeats
    ));
    truth.save(&world.layout.truth())
}
