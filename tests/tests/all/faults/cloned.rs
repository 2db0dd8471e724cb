//! Two agents with one identity.

use std::collections::BTreeSet;

use edge_agent::station::control::Verb;
use serde_json::Value;
use simulators::demo::world::TENANT;

use super::lab::{Agent, Lab, Person};
use crate::support::{card, until};

/// Receives two pieces as soon as the agent has numbers that it may use. It may
/// lose them again in between, to a new epoch.
async fn receive_once_free(agent: &mut Agent, dock: &mut Person) -> Vec<String> {
    let free = |h: &Value| {
        let enough = |n: &Value, least| n.as_u64() > Some(least);
        let numbers = enough(&h["leases"]["RM"], 10) && enough(&h["series"]["GRN"], 0);
        h["mint_blocked"].is_null() && numbers && h["epoch"].as_u64() > Some(1)
    };
    loop {
        agent.until("it may mint", free).await;
        let (answer, new) = agent.receive(dock, 2).await;
        if answer.taken() {
            assert_eq!(new.len(), 2, "{answer:?}");
            return new;
        }
        let refused = ["mint.out", "number.out", "engine.mint-blocked", "engine.no-numbers"];
        assert!(refused.contains(&answer.code.as_str()), "{answer:?}");
        dock.take(&card(Verb::Cancel, None)).await;
    }
}

async fn raise_epoch(lab: &Lab) {
    let raise = ["agent", "raise-epoch", "--tenant", TENANT, "KOL"].map(str::to_owned);
    lab.cloud().run(&raise).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_that_were_unsent_when_the_disk_was_copied_come_once() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, first) = lab.agent.receive(&mut dock, 2).await;
    lab.drained().await;
    lab.line.cut();
    let (_, unsent) = lab.agent.receive(&mut dock, 3).await;
    assert_eq!(unsent.len(), 3);
    lab.agent.stop().await;
    let mut clone = lab.clone_agent("CLONE").await;

    // The copy is in touch first, then the original; each has the same tail.
    lab.line.mend();
    clone.start();
    clone.until("an epoch of its own", |h| h["epoch"] == 2).await;
    clone.drained().await;
    let tail = clone.journal().await;
    clone.stop().await;
    lab.agent.start();
    lab.agent.drained().await;
    lab.must_have(&tail).await;
    let stored = lab.stored().await;
    let ids: BTreeSet<_> = stored.iter().map(|event| event.id()).collect();
    assert_eq!(ids.len(), stored.len(), "a fact came twice");
    assert_eq!(lab.born_twice().await, BTreeSet::new());
    assert_eq!(lab.exceptions("uid.second_birth").await, Vec::<Value>::new());
    for uid in first.iter().chain(&unsent) {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"], "{uid}");
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clone_beside_its_original_gets_numbers_of_its_own() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, first) = lab.agent.receive(&mut dock, 2).await;
    lab.drained().await;
    lab.agent.stop().await;
    let mut clone = lab.clone_agent("CLONE").await;

    // The clone wakes up where the cloud is out of reach, and mints nothing.
    lab.line.cut();
    clone.start();
    let health = clone.alive().await;
    let blocked = health["mint_blocked"].as_str().unwrap_or_default();
    assert!(blocked.contains("this is a clone, or the disk was moved"), "{health}");
    let mut other_dock = clone.person("DOCK1").await;
    let (answer, none) = clone.receive(&mut other_dock, 1).await;
    assert_eq!((answer.colour.as_str(), none.len()), ("red", 0), "{answer:?}");
    other_dock.take(&card(Verb::Cancel, None)).await;
    lab.agent.start();
    lab.agent.alive().await;
    let (_, offline) = lab.agent.receive(&mut dock, 2).await;
    assert_eq!(offline.len(), 2);

    // Both are in touch now and take the one place from each other: neither is
    // given numbers, and what both have recorded comes through all the same.
    lab.line.mend();
    until("the office is told", async || !lab.exceptions("agent.contested").await.is_empty()).await;
    let originals_own = lab.agent.journal().await;
    until("the facts come through", async || {
        let stored: BTreeSet<_> = lab.stored().await.iter().map(|event| event.id()).collect();
        originals_own.iter().all(|event| stored.contains(&event.id()))
    })
    .await;
    assert_eq!(lab.exceptions("agent.contested").await.len(), 1);

    // The operator decides for the clone, after all, and it gets to work.
    lab.agent.stop().await;
    raise_epoch(&lab).await;
    let cloned = receive_once_free(&mut clone, &mut other_dock).await;
    let clones_own = clone.journal().await;
    clone.drained().await;
    clone.stop().await;

    // With the clone gone the original takes over, in an epoch of its own.
    lab.agent.start();
    let mut dock = lab.agent.person("DOCK1").await;
    let more = receive_once_free(&mut lab.agent, &mut dock).await;
    lab.drained().await;
    lab.must_have(&clones_own).await;
    lab.must_have(&originals_own).await;
    assert_eq!(lab.born_twice().await, BTreeSet::new());
    let all: Vec<&String> = [&first, &offline, &cloned, &more].into_iter().flatten().collect();
    assert_eq!(all.len(), 8);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 8, "{all:?}");

    let forks = lab.exceptions("fork").await;
    assert!(!forks.is_empty());
    for fork in &forks {
        let reason = fork["detail"]["reason"].as_str().unwrap();
        assert!(
            ["another_machine", "behind_mark", "another_history", "set_back", "epoch_raised"]
                .contains(&reason),
            "{fork}"
        );
    }
    assert_eq!(lab.exceptions("uid.second_birth").await.len(), 0);
    lab.stop().await;
}
