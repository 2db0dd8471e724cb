//! Whether everything is as it happened: what people did, what each agent wrote
//! down, what the cloud stored and what it answers are one and the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, bail};
use proto::{chain, v1};

use super::layout::Layout;
use super::ledger::Ledger;
use super::plant::Plant;
use super::world::{TENANT, World, say};
use crate::plant::journal::Stored;
use crate::plant::printer::uid_on;
use crate::plant::truth::act::Reader;
use crate::plant::truth::{Truth, unlike};

/// How long the cloud may take until its projection has followed.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// Every difference, for people to read; none when all is as it happened. The
/// plants must be drained.
///
/// # Errors
/// When something cannot be asked.
pub async fn problems(world: &World, truth: &Truth) -> anyhow::Result<Vec<String>> {
    settled(&world.layout).await?;
    let mut ledger = Ledger::open(&world.layout).await?;
    let mut problems = Vec::new();
    let mut stored = ledger.events().await?;
    let tenant = TENANT.parse().context("the tenant's code")?;
    let mut reader = Reader::new(tenant);
    for plant in &world.plants {
        say(&format!("comparing the journal of {} with what happened", plant.site.code()));
        let journal = plant.journal().events().await?;
        problems.extend(chained(plant, &journal, &mut stored)?);
        problems.extend(written(plant, &journal, &mut reader, truth)?);
        problems.extend(sound(plant).await?);
    }
    for (agent, events) in &stored {
        problems.push(format!("the cloud has {} events of {agent:02x?}, which is no plant's", events.len()));
    }
    say("comparing registry and links with what happened");
    let stories = truth.stories();
    let uids: BTreeSet<String> = ledger.keys().await?.into_iter().map(|key| reader.uid(key)).collect();
    for uid in uids.iter().filter(|uid| !stories.lives.contains_key(*uid)) {
        problems.push(format!("the cloud has {uid}, which nobody made"));
    }
    for uid in stories.lives.keys().filter(|uid| !uids.contains(*uid)) {
        problems.push(format!("{uid} is not in the cloud's registry"));
    }
    let mut made = stories.links.clone();
    made.sort();
    let links = ledger.links(|key| reader.uid(key)).await?;
    if links != made {
        problems.push(format!("the links are\n    {links:?}\n  but they were\n    {made:?}"));
    }
    say("comparing every trace with what happened");
    let differences = truth.compare(&world.office).await?;
    problems
        .extend(differences.iter().map(|difference| format!("{}: {}", difference.uid, difference.problem)));
    problems.extend(exceptions(world, truth).await?);
    Ok(problems)
}

/// Waits until the cloud's projection has folded everything.
///
/// # Errors
/// When that does not come about in a minute.
pub async fn settled(layout: &Layout) -> anyhow::Result<()> {
    let mut ledger = Ledger::open(layout).await?;
    let deadline = tokio::time::Instant::now() + SETTLED_WITHIN;
    while !ledger.is_settled().await? {
        if tokio::time::Instant::now() > deadline {
            bail!(
                "the projection did not reach the last batch within {SETTLED_WITHIN:?}, or events are parked"
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The chain of a journal from its genesis, and the cloud's copy byte for byte.
fn chained(
    plant: &Plant,
    journal: &[Stored],
    stored: &mut BTreeMap<Vec<u8>, Vec<Stored>>,
) -> anyhow::Result<Vec<String>> {
    let code = plant.site.code();
    let mut problems = Vec::new();
    let first = journal.first().with_context(|| format!("the journal of {code} is empty"))?.event()?;
    let agent: [u8; 16] = first.agent_id.as_slice().try_into().context("an agent's id has 16 bytes")?;
    let mut hash = chain::genesis(&agent, first.epoch);
    for (nth, event) in (1_u64..).zip(journal) {
        let told = event.event()?;
        let place = (event.epoch, event.seq);
        if place != (first.epoch, nth) || place != (told.epoch, told.seq) || told.agent_id != agent {
            problems.push(format!("{code}: record {nth} is {place:?}, and says {}/{}", told.epoch, told.seq));
        }
        if told.prev_hash != hash {
            problems.push(format!("{code}: the chain is broken before {place:?}"));
        }
        hash = chain::link(&event.bytes);
    }
    match stored.remove(agent.as_slice()) {
        None => problems.push(format!("the cloud has nothing of {code}")),
        Some(copy) if copy != journal => {
            let same = copy.iter().zip(journal).take_while(|(there, here)| there == here).count();
            problems.push(format!(
                "{code}: {} events, {} in the cloud, and the first {same} are the same",
                journal.len(),
                copy.len()
            ));
        }
        Some(_) => {}
    }
    Ok(problems)
}

/// What the agent wrote down against what people did, and its labels against
/// what came out of the printers.
fn written(
    plant: &Plant,
    journal: &[Stored],
    reader: &mut Reader,
    truth: &Truth,
) -> anyhow::Result<Vec<String>> {
    let (mut acts, mut labels) = (Vec::new(), Vec::new());
    for stored in journal {
        let event = stored.event()?;
        let act = reader.act(&event);
        if event.stage() == v1::Stage::Label {
            labels.extend(act.parts.into_iter().map(|part| part.uid));
        } else {
            acts.push(act);
        }
    }
    let code = plant.site.code();
    let mut problems = unlike(truth, &code, &acts);
    let mut printed: Vec<String> = Vec::new();
    for printer in plant.site.printers.values() {
        printed.extend(printer.labels().iter().filter_map(|label| uid_on(label)));
    }
    let born = acts.iter().flat_map(|act| &act.parts).filter(|part| part.born);
    let born: BTreeSet<String> = born.map(|part| part.uid.clone()).collect();
    let times = |list: &[String], uid: &String| list.iter().filter(|other| *other == uid).count();
    for uid in &born {
        let counts = (times(&printed, uid), times(&labels, uid));
        let right = match truth.is_unsure(uid) {
            // It came out at most once, and the agent says no more than it knows.
            true => counts.0 <= 1 && counts.1 <= 1,
            false => counts == (1, 1),
        };
        if !right {
            problems.push(format!("{code}: (labels, LABEL events) of {uid} are {counts:?}"));
        }
    }
    for uid in printed.iter().chain(&labels).filter(|uid| !born.contains(*uid)) {
        problems.push(format!("{code}: a label of {uid}, which was not born there"));
    }
    Ok(problems)
}

/// Nothing quarantined, and one epoch as nobody has cloned or restored anything.
async fn sound(plant: &Plant) -> anyhow::Result<Vec<String>> {
    let health = plant.health().await?;
    let sound = health["quarantined"] == 0 && health["epoch"] == 1 && health["queue"] == 0;
    Ok(if sound { Vec::new() } else { vec![format!("{} is not well: {health}", plant.site.code())] })
}

/// The exceptions must be those that the people's mistakes cause, and no other.
async fn exceptions(world: &World, truth: &Truth) -> anyhow::Result<Vec<String>> {
    let answer = world.office.get("/api/v1/exceptions?limit=200").await?;
    let told = answer["exceptions"].as_array().context("no list of exceptions")?;
    let mut kinds: Vec<String> =
        told.iter().map(|exception| exception["kind"].as_str().unwrap_or_default().to_owned()).collect();
    kinds.sort();
    let due = truth.exceptions();
    Ok(if kinds == due {
        Vec::new()
    } else {
        vec![format!("the exceptions are {kinds:?}, but should be {due:?}: {answer}")]
    })
}
