//! Two agents with one identity.

use std::collections::BTreeSet;

use edge_agent::station::control::Verb;
use serde_json::Value;

use super::lab::{Agent, Lab, Person};
use crate::support::card;

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

    // Both are in touch now, and take the one place from each other, each time in
    // a new epoch. In between the clone gets to work.
    lab.line.mend();
    let cloned = receive_once_free(&mut clone, &mut other_dock).await;
    let clones_own = clone.journal().await;

    // With the clone gone the original drains, in an epoch of its own.
    clone.drained().await;
    clone.stop().await;
    let more = receive_once_free(&mut lab.agent, &mut dock).await;
    lab.drained().await;
    lab.must_have(&clones_own).await;
    assert_eq!(lab.born_twice().await, BTreeSet::new());
    let all: Vec<&String> = [&first, &offline, &cloned, &more].into_iter().flatten().collect();
    assert_eq!(all.len(), 8);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 8, "{all:?}");

    let forks = lab.exceptions("fork").await;
    assert!(!forks.is_empty());
    for fork in &forks {
        let reason = fork["detail"]["reason"].as_str().unwrap();
        assert!(
            ["another_machine", "behind_mark", "another_history", "epoch_raised"].contains(&reason),
            "{fork}"
        );
    }
    assert_eq!(lab.exceptions("uid.second_birth").await.len(), 0);
    lab.stop().await;
}
