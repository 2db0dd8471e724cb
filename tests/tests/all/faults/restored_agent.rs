//! An agent whose disk was put back to an older state.

use std::collections::BTreeSet;

use edge_agent::station::control::Verb;

use super::lab::{Lab, born, copy_folder};
use crate::support::card;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_journal_beside_a_newer_mark_mints_nothing_before_the_cloud_gave_an_epoch() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, first) = lab.agent.receive(&mut dock, 3).await;
    assert_eq!(first.len(), 3);
    lab.drained().await;
    lab.agent.stop().await;
    let old = lab.layout.state.join("old");
    copy_folder(&lab.agent.data, &old);

    lab.agent.start();
    lab.agent.ready().await;
    let (_, later) = lab.agent.receive(&mut dock, 4).await;
    assert_eq!(later.len(), 4);
    let branch = lab.drained().await;
    lab.agent.stop().await;

    // The journal is old; the mark lay on another disk and is not.
    let mark = std::fs::read(lab.agent.data.join("mark")).unwrap();
    copy_folder(&old, &lab.agent.data);
    std::fs::write(lab.agent.data.join("mark"), mark).unwrap();
    lab.line.cut();
    lab.agent.start();
    let health = lab.agent.alive().await;
    let blocked = health["mint_blocked"].as_str().unwrap_or_default();
    assert!(blocked.contains("it is an old copy, or its end is damaged"), "{health}");
    assert!(health["warnings"].as_array().unwrap().iter().any(|w| w == "mint.behind-mark"), "{health}");

    // What needs no number is recorded; what needs one is refused, whole.
    let mut store = lab.agent.person("STORE1").await;
    store.store("Warehouse-A-Rack-12", &first).await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (answer, none) = lab.agent.receive(&mut dock, 2).await;
    assert_eq!((answer.colour.as_str(), answer.code.as_str()), ("red", "engine.mint-blocked"), "{answer:?}");
    assert_eq!(answer.what, "Not recorded: no labels can be made now.");
    assert!(answer.arg("reason").is_some_and(|reason| reason.contains("old copy")), "{answer:?}");
    assert_eq!(none, Vec::<String>::new());

    lab.line.mend();
    let health = lab.agent.ready().await;
    assert_eq!(health["epoch"], 2, "{health}");
    // What was refused is still open; it is dropped here.
    dock.take(&card(Verb::Cancel, None)).await;
    let (answer, fresh) = lab.agent.receive(&mut dock, 5).await;
    assert!(answer.taken(), "{answer:?}");
    assert_eq!(fresh.len(), 5);
    lab.drained().await;
    lab.must_have(&branch).await;

    let used: BTreeSet<&String> = first.iter().chain(&later).collect();
    assert!(fresh.iter().all(|uid| !used.contains(uid)), "{fresh:?} of {used:?}");
    assert_eq!(lab.born_twice().await, BTreeSet::new());
    let forks = lab.exceptions("fork").await;
    assert_eq!(forks.len(), 1, "{forks:?}");
    assert_eq!(forks[0]["detail"]["reason"], "behind_mark", "{forks:?}");
    assert_eq!(lab.exceptions("uid.second_birth").await.len(), 0);
    assert_eq!(lab.stages(&first[0]).await, ["PROCUREMENT", "GRN", "STORAGE"]);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_copy_of_journal_and_mark_is_a_fork_and_both_branches_are_kept() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, first) = lab.agent.receive(&mut dock, 2).await;
    lab.drained().await;
    lab.agent.stop().await;
    let old = lab.layout.state.join("old");
    copy_folder(&lab.agent.data, &old);

    lab.agent.start();
    lab.agent.ready().await;
    let (_, theirs) = lab.agent.receive(&mut dock, 4).await;
    let mut store = lab.agent.person("STORE1").await;
    store.store("Warehouse-A-Rack-12", &theirs).await;
    let branch_a = lab.drained().await;
    lab.agent.stop().await;

    // Both lay on one disk: nothing shows it while the cloud is out of reach.
    copy_folder(&old, &lab.agent.data);
    lab.line.cut();
    lab.agent.start();
    let health = lab.agent.alive().await;
    assert!(health["mint_blocked"].is_null(), "{health}");
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, ours) = lab.agent.receive(&mut dock, 2).await;
    assert_eq!(ours, theirs[..2], "an old copy cannot know that these are used");
    let branch_b = lab.agent.journal().await;

    lab.line.mend();
    let health = lab.agent.until("a new epoch", |h| h["epoch"] == 2 && h["queue"] == 0).await;
    assert!(health["leases"]["RM"].as_u64().is_some(), "{health}");
    lab.agent.ready().await;
    let (_, after) = lab.agent.receive(&mut dock, 3).await;
    lab.drained().await;

    lab.must_have(&branch_a).await;
    lab.must_have(&branch_b).await;
    // What the first branch sent rests as it was sent.
    let stored = lab.stored().await;
    for event in &branch_a {
        assert!(stored.contains(event), "{}/{} was changed", event.epoch, event.seq);
    }
    let expected: BTreeSet<String> = ours.iter().cloned().collect();
    assert_eq!(lab.born_twice().await, expected, "only what was minted while nobody could know");
    let used: BTreeSet<&String> = first.iter().chain(&theirs).chain(&ours).collect();
    assert!(after.iter().all(|uid| !used.contains(uid)), "{after:?} of {used:?}");

    let forks = lab.exceptions("fork").await;
    assert_eq!(forks.len(), 1, "{forks:?}");
    assert_eq!(forks[0]["detail"]["old_epoch"], 1, "{forks:?}");
    assert_eq!(forks[0]["detail"]["new_epoch"], 2, "{forks:?}");
    let second = lab.exceptions("uid.second_birth").await;
    assert_eq!(second.len(), 2, "{second:?}");
    for birth in &second {
        assert_eq!(birth["detail"]["first"]["epoch"], 1, "{birth}");
        assert_eq!(birth["detail"]["second"]["epoch"], 2, "{birth}");
        assert!(birth["detail"]["second"]["seq"].as_u64().is_some(), "{birth}");
    }
    assert!(born(&branch_a).len() >= 6);
    lab.stop().await;
}
