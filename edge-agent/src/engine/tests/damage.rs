//! Flipped bytes in the journal and its WAL.

use super::support::*;
use crate::engine::{PrintJob, PrintState, PrintUpdate};
use crate::inputs::Colour;
use proto::v1;
use sha2::{Digest, Sha256};

/// An input id as it lies in a record: tag, length, text.
fn field(id: &str) -> Vec<u8> {
    let mut field = vec![0xea, 0x01, u8::try_from(id.len()).unwrap()];
    field.extend_from_slice(id.as_bytes());
    field
}

/// Flips one bit in the middle of each occurrence of `needle`; a page may hold
/// what it no longer uses.
fn flip(path: &std::path::Path, needle: &[u8]) {
    let mut bytes = std::fs::read(path).unwrap();
    let all = bytes.windows(needle.len()).enumerate().filter(|(_, w)| *w == needle);
    let all: Vec<usize> = all.map(|(at, _)| at).collect();
    assert!(!all.is_empty(), "it is not in the file");
    for at in all {
        bytes[at + needle.len() / 2] ^= 0x20;
    }
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_becomes_lost_in_its_place() {
    let mut agent = Agent::ready(1000).await;
    for n in 0..400 {
        agent.green("FACT", &format!("reading-number-{n:05}")).await;
    }
    let before = agent.checked().await;
    agent.stop().await;
    // One that is found when it is sent, and in the tail that each start checks two
    // in a row and the last.
    for n in [100, 200, 201, 399] {
        flip(&agent.database(), &field(&format!("reading-number-{n:05}")));
    }
    agent.start().await;
    assert_eq!(agent.handle().status().quarantined, 3);
    let events = agent.checked().await;
    assert_eq!(events.len(), 400);
    let lost: Vec<u64> = events.iter().filter(|e| e.stage() == v1::Stage::Lost).map(|e| e.seq).collect();
    assert_eq!(lost, [101, 201, 202, 400]);
    for (event, then) in events.iter().zip(&before) {
        if event.stage() != v1::Stage::Lost {
            assert_eq!(event, then);
        }
    }
    // The bytes as found are kept, and named by the LOST event.
    let kept = agent.handle().reader().quarantined().await.unwrap();
    assert_eq!(kept.len(), 4);
    for (place, _, bytes) in &kept {
        let event = &events[place.seq as usize - 1];
        let quarantine = event.quarantine.as_ref().unwrap();
        assert_eq!(quarantine.sha256, Sha256::digest(bytes).to_vec());
        assert!(quarantine.problem.contains("checksum"));
    }
    assert!(agent.handle().status().warnings().contains(&"journal.quarantine"));
    // LOST is the same each time it is sent, and the stream goes on.
    agent.green("FACT", "after").await;
    let again = agent.checked().await;
    assert_eq!(&again[..400], &events[..]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_check_finds_what_nobody_reads() {
    let mut agent = Agent::ready(1000).await;
    for n in 0..600 {
        agent.green("FACT", &format!("reading-number-{n:05}")).await;
    }
    agent.stop().await;
    flip(&agent.database(), &field("reading-number-00010"));
    agent.start().await;
    assert_eq!(agent.handle().status().quarantined, 0);
    let verified = agent.handle().verify().await.unwrap();
    assert_eq!(verified.records, 600);
    assert_eq!(verified.quarantined.len(), 1);
    assert_eq!(verified.quarantined[0].place.seq, 11);
    assert!(agent.handle().verify().await.unwrap().quarantined.is_empty());
    agent.stop().await;
}

/// Changes a row of a stopped agent's journal, as a flipped bit would.
async fn change(agent: &Agent, sql: &'static str) {
    use sqlx::{ConnectOptions, Connection};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(agent.database());
    let mut db = options.connect().await.unwrap();
    let done = sqlx::query(sql).execute(&mut db).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "{sql}");
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_the_row_of_the_end_deletes_nothing() {
    let mut agent = Agent::ready(1000).await;
    for n in 0..20 {
        agent.green("MINT", &format!("r{n}")).await;
    }
    let whole = agent.checked().await;
    let hash = agent.handle().head().borrow().hash;
    agent.stop().await;
    let intact = std::fs::read(agent.database()).unwrap();
    for sql in [
        "UPDATE head SET seq = seq - 16",
        "UPDATE head SET seq = seq + 64",
        "UPDATE head SET epoch = epoch + 2",
        "UPDATE head SET epoch = epoch - 1",
        "UPDATE head SET crc32 = crc32 + 1",
        "DELETE FROM head",
        "",
    ] {
        std::fs::write(agent.database(), &intact).unwrap();
        match sql {
            "" => flip(&agent.database(), &hash),
            sql => change(&agent, sql).await,
        }
        agent.start().await;
        let status = agent.handle().status();
        assert!(!status.behind_mark, "{sql}");
        assert!(agent.checked().await == whole, "{sql}");
        assert_eq!(agent.handle().head().borrow().hash, hash, "{sql}");
        assert_eq!(uid_of(&agent.green("MINT", "after").await).sequence(), 21, "{sql}");
        assert_eq!(agent.checked().await.len(), 21, "{sql}");
        agent.stop().await;
        std::fs::remove_file(agent.settings().mark_path()).unwrap();
        // The mark as it was at the first stop.
        let mut mark = crate::mint::MarkFile::open(&agent.settings().mark_path()).unwrap().0;
        let highest = std::collections::BTreeMap::from([("RM".to_owned(), 20)]);
        let machine_id = agent.machine.to_owned();
        mark.write(&crate::mint::Mark { agent_id: AGENT, machine_id, epoch: 1, seq: 20, hash, highest })
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_a_row_of_numbers_burns_them_and_gives_none_twice() {
    for (sql, next) in [
        ("UPDATE leases SET last = last + 4096 WHERE first = 1", 201),
        ("UPDATE leases SET next = next - 8 WHERE first = 1", 201),
        ("UPDATE leases SET first = first - 64 WHERE first = 201", 11),
        ("UPDATE leases SET epoch = 3 WHERE first = 1", 201),
        ("UPDATE lease_marks SET highest_used = 2", 11),
        ("UPDATE lease_marks SET highest_used = 74", 11),
        ("UPDATE lease_marks SET highest_granted = 4196", 11),
    ] {
        let mut agent = Agent::ready(100).await;
        agent.grant(201, 300).await;
        for n in 0..10 {
            agent.green("MINT", &format!("r{n}")).await;
        }
        agent.stop().await;
        change(&agent, sql).await;
        agent.start().await;
        let status = agent.handle().status();
        assert!(status.warnings().contains(&"journal.quarantine"), "{sql}");
        assert!(!status.behind_mark, "{sql}");
        assert_eq!(uid_of(&agent.green("MINT", "after").await).sequence(), next, "{sql}");
        // Told once, and of no consequence later.
        agent.stop().await;
        agent.start().await;
        assert_eq!(uid_of(&agent.green("MINT", "later").await).sequence(), next + 1, "{sql}");
        // What was granted is never taken again.
        let again = v1::LeaseGrant { r#type: "RM".into(), first: 250, last: 400, epoch: 1 };
        assert!(agent.handle().lease_granted(&again).await.is_err(), "{sql}");
        agent.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_signs_nobody_in_and_prints_nothing_by_itself() {
    let mut agent = Agent::ready(10).await;
    let mut jobs = agent.handle().take_print_jobs().unwrap();
    agent.green("DRAFT 12", "r1").await;
    agent.green("MINT", "r2").await;
    let job = jobs.recv().await.unwrap();
    agent.stop().await;
    change(&agent, "UPDATE sessions SET json = replace(json, '\"12\"', '\"13\"')").await;
    change(&agent, "UPDATE prints SET lines = '[\"another\"]'").await;
    agent.start().await;
    let digits = |agent: &Agent| agent.handle().subscribe(DOCK).unwrap().borrow().session.digits.clone();
    assert_eq!(digits(&agent), "", "the station begins anew");
    assert!(agent.handle().status().warnings().contains(&"journal.quarantine"));
    // Nothing goes to a printer until a person has said that it did not come out.
    let mut jobs = agent.handle().take_print_jobs().unwrap();
    assert!(jobs.try_recv().is_err());
    let asked = PrintJob { lines: Vec::new(), ..job };
    assert_eq!(*agent.handle().status().open_prints, std::slice::from_ref(&asked));
    let again = PrintUpdate { job: asked.clone(), state: PrintState::Again };
    agent.handle().printed(again).await.unwrap();
    assert_eq!(jobs.recv().await.unwrap(), PrintJob { copy: 2, ..asked.clone() });
    agent.green("DRAFT 14", "r3").await;
    agent.stop().await;
    // What was written since holds.
    agent.start().await;
    assert_eq!(*agent.handle().status().open_prints, [PrintJob { copy: 2, ..asked }]);
    assert_eq!(digits(&agent), "14");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_at_the_end_is_what_the_cloud_has_or_will_have() {
    // As the cloud has it: the record itself, or what is sent instead of it.
    for acked in [true, false] {
        let mut agent = Agent::ready(1000).await;
        for n in 0..10 {
            agent.green("FACT", &format!("reading-number-{n:05}")).await;
        }
        let original = agent.handle().head().borrow().hash;
        if acked {
            agent.handle().acked(1, 10, 0).await;
        }
        agent.stop().await;
        flip(&agent.database(), &field("reading-number-00009"));
        agent.start().await;
        let sent = async |agent: &Agent| {
            let batch = agent.handle().read_batch(1, 10, 1, 1 << 20).await.unwrap();
            proto::chain::link(&batch[0].1).to_vec()
        };
        let lost = sent(&agent).await;
        assert_ne!(lost, original.to_vec());
        let said = async |agent: &Agent| agent.handle().hello("test").await.unwrap().head_hash;
        assert_eq!(said(&agent).await, if acked { original.to_vec() } else { lost.clone() });
        assert!(!agent.handle().status().behind_mark);
        // A cloud that was restored has neither.
        agent.handle().welcomed(welcome(1, 9)).await.unwrap();
        assert_eq!(said(&agent).await, lost);
        agent.stop().await;
        agent.start().await;
        assert_eq!(said(&agent).await, lost);
        agent.green("FACT", "after").await;
        let events = agent.checked().await;
        assert_eq!(events[10].prev_hash, lost);
        agent.stop().await;
    }
}

/// A killed agent's disk with 30 mints in the WAL, and the database's page size.
async fn killed() -> (Agent, Agent) {
    let agent = Agent::ready(1000).await;
    for n in 0..30 {
        agent.green("MINT", &format!("r{n}")).await;
    }
    let copy = agent.copy();
    (agent, copy)
}

fn wal(agent: &Agent) -> std::path::PathBuf {
    agent.settings().data_dir.join("journal.db-wal")
}

fn flip_at(path: &std::path::Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x20;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_the_wal_hides_nothing() {
    let (agent, _) = killed().await;
    let whole = agent.checked().await;
    let frame = 24 + 4096;
    let frames = (std::fs::metadata(wal(&agent)).unwrap().len() as usize - 32) / frame;
    // In the WAL's own header, in frame headers (page, salt, checksum), in pages.
    let places = [4, 17, 26, 32 + 3, 32 + 9, 32 + 20, 32 + 24 + 2000]
        .into_iter()
        .chain([frames / 2, frames - 2].map(|n| 32 + n * frame + 18))
        .chain([frames / 3].map(|n| 32 + n * frame + 24 + 3000));
    for at in places {
        let mut damaged = agent.copy();
        flip_at(&wal(&damaged), at);
        damaged.start().await;
        let status = damaged.handle().status();
        let report = status.wal.as_ref().unwrap_or_else(|| panic!("byte {at} went unnoticed"));
        assert!(report.healed, "byte {at}: {}", report.detail);
        assert!(report.kept.exists());
        assert!(!status.behind_mark, "byte {at}");
        let events = damaged.checked().await;
        assert_eq!(events.len(), whole.len(), "byte {at}");
        let intact = events.iter().zip(&whole).filter(|(a, b)| a == b).count();
        assert!(intact + 1 >= whole.len(), "byte {at}: {intact} are as they were");
        damaged.green("MINT", "after").await;
        damaged.stop().await;
        damaged.start().await;
        assert!(damaged.handle().status().wal.is_none());
        damaged.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_flipped_in_the_wal_is_lost_in_its_place_and_alone() {
    let (_agent, mut damaged) = killed().await;
    flip(&wal(&damaged), &field("r29"));
    damaged.start().await;
    let events = damaged.checked().await;
    assert_eq!(events.len(), 30);
    let lost: Vec<_> = events.iter().filter(|e| e.stage() == v1::Stage::Lost).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].seq, 30);
    assert_eq!(uid_of(&damaged.green("MINT", "after").await).sequence(), 31);
    damaged.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wal_that_cannot_be_mended_is_told_and_nothing_is_minted() {
    let (_agent, mut damaged) = killed().await;
    let path = wal(&damaged);
    let mut bytes = std::fs::read(&path).unwrap();
    // Half of it is overwritten.
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    damaged.start().await;
    assert!(damaged.handle().status().behind_mark);
    assert_eq!(damaged.scan("MINT", "after").await.unwrap().code, "engine.mint-blocked");
    damaged.green("FACT", "fact").await;
    damaged.stop().await;
}

/// A hold came, then nothing was recorded any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_behind_the_last_event_hides_no_hold() {
    let mut agent = Agent::ready(1000).await;
    agent.green("MINT", "r0").await;
    let events = std::fs::metadata(wal(&agent)).unwrap().len() as usize;
    for version in 1..=3 {
        let body = serde_json::json!({"hold": "H-1", "reason": "X", "keys": [5]}).to_string();
        let row =
            v1::ReferenceRow { kind: "hold".into(), id: format!("H-{version}"), json: body, deleted: false };
        let chunk = v1::ReferenceChunk { version, full: false, last: true, rows: vec![row] };
        assert_eq!(agent.handle().reference_chunk(chunk).await.unwrap(), Some(version));
    }
    let held = |agent: &Agent| agent.handle().reference().held_keys.contains(&5);
    assert!(held(&agent));
    let mut damaged = agent.copy();
    flip_at(&wal(&damaged), events + 24 + 100);
    damaged.start().await;
    let status = damaged.handle().status();
    assert!(status.wal.as_ref().is_some_and(|report| report.healed), "{:?}", status.wal);
    assert_eq!(status.reference_version, 3);
    assert!(held(&damaged));
    damaged.stop().await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_end_of_the_wal_is_no_damage() {
    let (_agent, mut torn) = killed().await;
    let path = wal(&torn);
    let length = std::fs::metadata(&path).unwrap().len();
    // A commit was under way: part of a frame, nobody was answered.
    let mut bytes = std::fs::read(&path).unwrap();
    let copied = bytes[32..32 + 2000].to_vec();
    bytes.extend(copied);
    std::fs::write(&path, bytes).unwrap();
    torn.start().await;
    assert!(length > 0 && torn.handle().status().wal.is_none());
    assert_eq!(torn.checked().await.len(), 30);
    torn.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_costs_no_record_that_is_on_disk() {
    let mut agent = Agent::ready(2000).await;
    for n in 0..100 {
        agent.green("MINT", &format!("r{n}")).await;
    }
    let whole = agent.checked().await;
    agent.stop().await;
    let intact = std::fs::read(agent.database()).unwrap();
    let pages = intact.len() / 4096;
    let mut rebuilt = 0;
    for number in 0..pages {
        // A byte of each page's own header: its kind, its number of cells, its
        // first cell's pointer. On the first page the file's header comes before it.
        let at = number * 4096 + if number == 0 { 100 } else { 0 } + [0, 4, 9][number % 3];
        let mut bytes = intact.clone();
        bytes[at] ^= 0x55;
        let mut damaged = agent.copy();
        std::fs::write(damaged.database(), &bytes).unwrap();
        damaged.start().await;
        let events = damaged.checked().await;
        assert!(events == whole, "page {number}, byte {at}: the events differ");
        // Whatever else was lost, no number is given twice.
        if let Ok(answer) = damaged.scan("MINT", "after").await
            && answer.colour == Colour::Green
        {
            let key = uid_of(&answer).key().get();
            assert!(!minted(&whole).contains(&key), "page {number}, byte {at}");
        }
        let status = damaged.handle().status();
        if status.rebuilt.is_some() {
            rebuilt += 1;
            assert!(status.warnings().contains(&"journal.rebuilt"));
        }
        damaged.stop().await;
    }
    assert!(rebuilt > pages / 3, "{rebuilt} of {pages}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_its_header_is_rebuilt_from_its_records() {
    let mut agent = Agent::ready(2000).await;
    for n in 0..300 {
        agent.green("MINT", &format!("r{n}")).await;
    }
    let whole = agent.checked().await;
    agent.stop().await;
    let mut bytes = std::fs::read(agent.database()).unwrap();
    bytes[..100].fill(0);
    std::fs::write(agent.database(), bytes).unwrap();
    agent.start().await;
    assert!(agent.checked().await == whole);
    // The numbers used are not known from here any more.
    assert!(agent.handle().status().behind_mark);
    let report = agent.handle().status().rebuilt.clone().unwrap();
    assert!(report.kept.exists());
    assert_eq!(report.carved, 300);
    agent.stop().await;
}
