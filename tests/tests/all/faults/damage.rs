//! A byte that flips in the journal's database or in its WAL while the agent is
//! down.

use std::path::Path;

use proto::v1::Stage;

use super::lab::{Lab, Stored};

/// Flips one bit of each place in a file where these bytes lie.
fn flip(path: &Path, needle: &[u8]) -> usize {
    let mut bytes = std::fs::read(path).unwrap();
    let found = bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle);
    let found: Vec<usize> = found.map(|(at, _)| at).collect();
    for at in &found {
        bytes[at + needle.len() / 2] ^= 0x20;
    }
    std::fs::write(path, bytes).unwrap();
    found.len()
}

fn places(events: &[Stored], stage: Stage) -> Vec<u64> {
    events.iter().filter(|e| e.event.stage() == stage).map(|e| e.seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_the_journal_costs_one_record_that_is_told() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, uids) = lab.agent.receive(&mut dock, 4).await;
    lab.drained().await;
    lab.line.cut();
    lab.agent.until("cut", |h| h["uplink"]["connected"] == false).await;
    let mut store = lab.agent.person("STORE1").await;
    store.store("Warehouse-A-Rack-12", &uids).await;
    lab.agent.stop().await;

    // One event that the cloud has, and one that it has not.
    let before = lab.agent.journal().await;
    let sent = places(&before, Stage::Grn)[0];
    let unsent = places(&before, Stage::Storage)[1];
    for seq in [sent, unsent] {
        let event = before.iter().find(|e| e.seq == seq).unwrap();
        // Epoch, seq and hash of the one before it stand near the beginning.
        let needle = &event.bytes[20..60];
        assert!(flip(&lab.agent.data.join("journal.db"), needle) >= 1);
    }
    lab.agent.start();
    let health = lab.agent.alive().await;
    assert_eq!(health["quarantined"], 2, "{health}");
    assert!(health["warnings"].as_array().unwrap().iter().any(|w| w == "journal.quarantine"), "{health}");
    // The others are as they were, and LOST stands in their places.
    let after = lab.agent.journal().await;
    assert_eq!(after.len(), before.len());
    assert_eq!(places(&after, Stage::Lost), [sent, unsent]);
    for (now, then) in after.iter().zip(&before) {
        assert!(now == then || [sent, unsent].contains(&now.seq));
    }
    lab.line.mend();
    lab.agent.ready().await;
    let (answer, more) = lab.agent.receive(&mut dock, 2).await;
    assert!(answer.taken(), "{answer:?}");
    lab.agent.drained().await;

    let stored = lab.stored().await;
    for event in &before {
        let there = stored.iter().find(|s| s.seq == event.seq).unwrap();
        assert!(there == event || event.seq == unsent, "{} is not whole in the cloud", event.seq);
    }
    assert_eq!(places(&stored, Stage::Lost), [unsent], "what the cloud has stays whole there");
    let lost = lab.exceptions("record.lost").await;
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0]["detail"]["whole_in_the_cloud"], false, "{lost:?}");
    assert!(lost[0]["detail"]["problem"].as_str().unwrap().contains("checksum"), "{lost:?}");
    assert_eq!(lab.exceptions("").await.len(), 1, "{:?}", lab.exceptions("").await);
    let health = lab.agent.health().await.unwrap();
    assert_eq!(health["epoch"], 1, "a damaged record is no fork: {health}");
    for uid in &more {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"]);
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_the_wal_costs_nothing() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    lab.drained().await;
    lab.agent.stop().await;
    lab.line.cut();
    lab.agent.start();
    lab.agent.alive().await;
    let (_, uids) = lab.agent.receive(&mut dock, 3).await;
    let mut store = lab.agent.person("STORE1").await;
    store.store("Warehouse-A-Rack-12", &uids).await;
    let before = lab.agent.journal().await;
    lab.agent.kill().await;

    // In the middle of the WAL, in a page that was acknowledged: SQLite alone
    // would drop it and all that follows, silently.
    let wal = lab.agent.data.join("journal.db-wal");
    let mut bytes = std::fs::read(&wal).unwrap();
    let middle = bytes.len() / 2;
    assert!(middle > 8192, "the WAL holds {} bytes", bytes.len());
    bytes[middle] ^= 0x01;
    std::fs::write(&wal, bytes).unwrap();

    lab.agent.start();
    let health = lab.agent.alive().await;
    let warnings = health["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|w| w == "journal.wal-mended" || w == "journal.wal-damaged"), "{health}");
    let kept = std::fs::read_dir(&lab.agent.data).unwrap();
    let kept =
        kept.filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().contains("wal.damaged")).count();
    assert_eq!(kept, 1, "the WAL as found is kept");
    assert!(warnings.iter().any(|w| w == "journal.wal-mended"), "{health}");
    let after = lab.agent.journal().await;
    assert_eq!(after.len(), before.len());
    let changed = after.iter().zip(&before).filter(|(now, then)| now != then).count();
    assert!(changed <= 1, "{changed} records were changed");
    lab.line.mend();
    lab.agent.ready().await;
    let (answer, _) = lab.agent.receive(&mut dock, 2).await;
    assert!(answer.taken(), "{answer:?}");
    lab.drained().await;
    lab.stop().await;
}
