//! What a SIGKILL or a restored copy leaves.

use std::sync::atomic::Ordering;

use super::support::*;
use crate::inputs::Colour;
use proto::v1;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_green_is_there_after_a_kill() {
    let agent = Agent::ready(1000).await;
    let mut given = Vec::new();
    for n in 0..20 {
        given.push(uid_of(&agent.green("MINT", &format!("r{n}")).await).key().get());
    }
    // The engine still runs and has checkpointed nothing.
    let mut killed = agent.copy();
    killed.start().await;
    assert!(!killed.handle().status().behind_mark);
    assert_eq!(minted(&killed.checked().await), given);
    let next = uid_of(&killed.green("MINT", "after").await);
    assert!(!given.contains(&next.key().get()), "a number was used twice");
    killed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_commit_and_mark_is_no_reason_to_stop_minting() {
    let agent = Agent::ready(1000).await;
    agent.green("MINT", "r1").await;
    let mark = std::fs::read(agent.settings().mark_path()).unwrap();
    agent.green("MINT", "r2").await;
    let mut killed = agent.copy();
    std::fs::write(killed.settings().mark_path(), mark).unwrap();
    killed.start().await;
    assert!(!killed.handle().status().behind_mark);
    assert_eq!(uid_of(&killed.green("MINT", "r3").await).sequence(), 3);
    killed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_mints_nothing_until_a_new_epoch() {
    let agent = Agent::ready(1000).await;
    agent.green("MINT", "r1").await;
    agent.green("MINT", "r2").await;
    let mut old = agent.copy();
    agent.green("MINT", "r3").await;
    agent.green("MINT", "r4").await;
    // The journal is put back, the mark is where it was.
    std::fs::copy(agent.settings().mark_path(), old.settings().mark_path()).unwrap();
    old.start().await;
    assert!(old.handle().status().behind_mark);
    assert!(old.handle().hello("test").await.unwrap().behind_mark);
    let refused = old.scan("MINT", "r5").await.unwrap();
    assert_eq!((refused.colour, refused.code.as_str()), (Colour::Red, "engine.mint-blocked"));
    let grant = v1::LeaseGrant { r#type: "RM".into(), first: 2000, last: 3000, epoch: 1 };
    assert!(old.handle().lease_granted(&grant).await.is_err());
    // Facts that need no number are taken.
    old.green("FACT", "r6").await;
    old.stop().await;
    // It is still known after a restart, though the journal has grown again.
    old.start().await;
    assert!(old.handle().status().behind_mark);
    old.green("FACT", "r7").await;
    old.green("FACT", "r8").await;
    old.stop().await;
    old.start().await;
    assert!(old.handle().status().behind_mark);

    // The cloud has seq 4 of the true stream; the facts recorded here at 3, 4 and
    // 5 are others, and are recorded again.
    let change = v1::EpochChange { epoch: 2, reason: "fork".into(), through_seq: 2, ..Default::default() };
    old.handle().epoch_changed(change.clone()).await.unwrap();
    old.handle().epoch_changed(change).await.unwrap();
    assert!(!old.handle().status().behind_mark);
    let events = old.checked().await;
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|e| e.epoch == 2 && e.stage() == v1::Stage::GateIn));
    // Nothing is left of the old leases.
    let refused = old.scan("MINT", "r9").await.unwrap();
    assert_eq!(refused.code, "engine.no-numbers");
    old.grant(1001, 2000).await;
    assert_eq!(uid_of(&old.green("MINT", "r10").await).sequence(), 1001);
    old.stop().await;
    old.start().await;
    assert!(!old.handle().status().behind_mark);
    assert_eq!(old.checked().await.len(), 4);
    old.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_or_a_lost_mark_mints_nothing() {
    let agent = Agent::ready(1000).await;
    agent.green("MINT", "r1").await;
    let mut clone = agent.copy();
    clone.machine = "machine-2";
    clone.start().await;
    assert!(clone.handle().status().behind_mark);
    assert_eq!(clone.scan("MINT", "r2").await.unwrap().colour, Colour::Red);
    let change = v1::EpochChange { epoch: 2, reason: "clone".into(), through_seq: 1, ..Default::default() };
    clone.handle().epoch_changed(change).await.unwrap();
    clone.grant(1001, 1002).await;
    clone.green("MINT", "r3").await;
    clone.stop().await;
    clone.start().await;
    assert!(!clone.handle().status().behind_mark);
    clone.stop().await;

    let mut lost = agent.copy();
    std::fs::remove_file(lost.settings().mark_path()).unwrap();
    lost.start().await;
    assert!(lost.handle().status().behind_mark);
    lost.stop().await;

    // The journal is gone, the mark is there.
    let mut empty = agent.copy();
    for name in ["journal.db", "journal.db-wal"] {
        std::fs::remove_file(empty.settings().data_dir.join(name)).unwrap();
    }
    empty.start().await;
    assert!(empty.handle().status().behind_mark);
    empty.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_cannot_have_one_journal() {
    let agent = Agent::ready(10).await;
    let second = crate::engine::start_with(
        agent.settings(),
        std::sync::Arc::new(agent.plant.clone()),
        std::sync::Arc::new(Scripted),
        std::sync::Arc::new(crate::engine::CodeSpeaker),
    );
    assert!(second.await.is_err_and(|e| e.to_string().contains("in use")));
    drop(agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_mark_fails_no_number_is_shown() {
    let mut agent = Agent::ready(10).await;
    agent.green("MINT", "r1").await;
    agent.stop().await;
    let mark = agent.settings().mark_path();
    let saved = std::fs::read(&mark).unwrap();
    agent.start().await;
    let mut jobs = agent.handle().take_print_jobs().unwrap();
    let view = agent.handle().subscribe(DOCK).unwrap();
    agent.broken_mark.store(true, Ordering::SeqCst);
    let told = agent.scan("MINT", "r2").await;
    assert!(told.is_err(), "{told:?}");
    // Nor on the page or on a label.
    assert!(jobs.try_recv().is_err());
    assert_eq!(view.borrow().last.len(), 0);
    assert!(agent.scan("MINT", "r2").await.is_err(), "the number is still unmarked");
    // Nothing more is minted, and facts that need no number are taken.
    assert_eq!(agent.scan("MINT", "r3").await.unwrap().code, "engine.mint-blocked");
    agent.green("FACT", "r4").await;
    // The number is used all the same, and shown once the mark is written.
    agent.broken_mark.store(false, Ordering::SeqCst);
    assert_eq!(uid_of(&agent.green("MINT", "r2").await).sequence(), 2);
    assert_ne!(std::fs::read(&mark).unwrap(), saved);
    assert!(jobs.try_recv().unwrap().uid.contains("-000002-"));
    assert!(view.borrow().last.iter().any(|line| line.text == "MINT"));
    agent.green("MINT", "r5").await;
    agent.stop().await;
}
