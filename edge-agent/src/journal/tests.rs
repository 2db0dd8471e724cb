//! The journal by itself: what a commit promises, and the file it lies in.

use prost::Message;
use proto::{chain, v1};
use sqlx::Row;
use uuid::Uuid;

use super::*;

const AGENT: Uuid = Uuid::from_u128(7);

fn settings(dir: &Path) -> JournalSettings {
    JournalSettings {
        dir: dir.to_owned(),
        agent_id: AGENT,
        tenant: "SAIF".parse().unwrap(),
        plant: "KOL".parse().unwrap(),
        first_epoch: 1,
        disk: DiskLimits { max_journal_bytes: 1 << 40, warn_percent: 80, min_free_bytes: 0 },
        marked: None,
    }
}

/// The next `count` events after the head, each with a reason of `size` bytes.
fn set(head: Head, count: u64, size: usize) -> WriteSet {
    let mut set = WriteSet::default();
    let mut head = head;
    for _ in 0..count {
        let bytes = v1::Event {
            event_id: Uuid::now_v7().as_bytes().to_vec(),
            agent_id: AGENT.as_bytes().to_vec(),
            epoch: head.epoch,
            seq: head.seq + 1,
            prev_hash: head.hash.to_vec(),
            reason: "x".repeat(size),
            ..v1::Event::default()
        }
        .encode_to_vec();
        head = head.after(&bytes);
        let at = chrono::Utc::now().timestamp();
        set.records.push(NewRecord { place: head.place(), at, bytes });
    }
    set.head = Some(head);
    set
}

impl Journal {
    /// Leaves the database no page to grow by, until the connection is closed.
    pub(crate) async fn fill_disk(&mut self) {
        sqlx::query("PRAGMA max_page_count = 1").fetch_all(&mut self.conn).await.unwrap();
    }
}

#[tokio::test]
async fn it_is_durable_by_its_settings() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    for (pragma, expected) in
        [("PRAGMA journal_mode", "wal"), ("PRAGMA synchronous", "2"), ("PRAGMA user_version", "1")]
    {
        let row = sqlx::query(pragma).fetch_one(&mut journal.conn).await.unwrap();
        let value = row.try_get::<String, _>(0);
        let value = value.unwrap_or_else(|_| row.get::<i64, _>(0).to_string());
        assert_eq!(value, expected, "{pragma}");
    }
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_commit_is_there_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    journal.commit(set(journal.head(), 300, 10)).await.unwrap();
    let head = journal.head();
    assert_eq!(head.seq, 300);
    journal.fill_disk().await;
    let error = journal.commit(set(head, 300, 1000)).await.unwrap_err();
    assert_eq!(error.code(), "journal.disk-low");
    assert!(!error.may_be_one_commands_fault());
    assert_eq!(journal.head(), head);
    journal.recover().await.unwrap();
    assert_eq!(journal.head(), head);
    journal.commit(set(head, 300, 1000)).await.unwrap();
    // One that is too long is the fault of a command, and takes nothing along.
    let head = journal.head();
    let mut long = set(head, 1, 10);
    long.records.extend(set(long.head.unwrap(), 1, proto::MAX_EVENT_BYTES).records);
    let error = journal.commit(long).await.unwrap_err();
    assert!(error.may_be_one_commands_fault());
    assert_eq!(journal.head(), head);
    journal.close().await.unwrap();
    let (journal, loaded) = Journal::open(settings(dir.path())).await.unwrap();
    assert_eq!(journal.head(), head);
    assert_eq!(loaded.oldest, Some(Place { epoch: 1, seq: 1 }));
}

#[tokio::test]
async fn another_agents_journal_and_a_newer_one_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    let other = JournalSettings { agent_id: Uuid::max(), ..settings(dir.path()) };
    assert!(matches!(Journal::open(other.clone()).await, Err(JournalError::InUse(_))));
    sqlx::query("PRAGMA user_version = 99").execute(&mut journal.conn).await.unwrap();
    journal.close().await.unwrap();
    let newer = Journal::open(settings(dir.path())).await;
    assert!(matches!(newer, Err(JournalError::Newer { found: 99, .. })));
    let mut conn = connect(dir.path()).await.unwrap();
    sqlx::query("PRAGMA user_version = 1").execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    assert!(matches!(Journal::open(other).await, Err(JournalError::Foreign { .. })));
}

#[tokio::test]
async fn an_event_is_found_by_its_id() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    journal.commit(set(journal.head(), 3000, 10)).await.unwrap();
    let reader = journal.reader().await.unwrap();
    for seq in [1, 1500, 3000] {
        let batch = reader.read_batch(1, seq, 1, 1 << 20).await.unwrap().unwrap();
        let event = v1::Event::decode(batch[0].1.clone()).unwrap();
        let id = Uuid::from_slice(&event.event_id).unwrap();
        assert_eq!(journal.event(id).await.unwrap(), Some(event));
    }
    assert_eq!(journal.event(Uuid::now_v7()).await.unwrap(), None);
    assert_eq!(journal.event(Uuid::nil()).await.unwrap(), None);
    reader.close().await;
}

#[tokio::test]
async fn a_record_that_is_gone_or_breaks_the_chain_becomes_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    journal.commit(set(journal.head(), 20, 10)).await.unwrap();
    let reader = journal.reader().await.unwrap();
    let gone = Place { epoch: 1, seq: 5 };
    sqlx::query("DELETE FROM records WHERE id = ?")
        .bind(gone.id().unwrap())
        .execute(&mut journal.conn)
        .await
        .unwrap();
    // A sound record that names another predecessor.
    let place = Place { epoch: 1, seq: 9 };
    let alien = v1::Event { epoch: 1, seq: 9, prev_hash: vec![9; 32], ..v1::Event::default() };
    let alien = alien.encode_to_vec();
    sqlx::query("UPDATE records SET bytes = ?, crc32 = ? WHERE id = ?")
        .bind(alien.clone())
        .bind(i64::from(crc32(place, &alien)))
        .bind(place.id().unwrap())
        .execute(&mut journal.conn)
        .await
        .unwrap();
    let batch = reader.read_batch(1, 1, 100, 1 << 20).await.unwrap().unwrap();
    assert_eq!(batch.len(), 4, "it stops before what is missing");
    let defect = reader.read_batch(1, 5, 100, 1 << 20).await.unwrap().unwrap_err();
    assert_eq!(defect.place, gone);
    // What is missing may lie elsewhere in the file; only when it does not is it lost.
    assert!(journal.verify().await.unwrap_err().is_corrupt());
    reader.close().await;
    let restored = journal.restore().await.unwrap();
    reader.reopen().await.unwrap();
    assert!(restored.rebuilt.unwrap().partly.is_empty());
    let places: Vec<u64> = restored.quarantined.iter().map(|q| q.place.seq).collect();
    // The one after the alien names the hash of what stood there.
    assert_eq!(places, [5, 9]);
    let batch = reader.read_batch(1, 1, 100, 1 << 20).await.unwrap().unwrap();
    assert_eq!(batch.len(), 20);
    let lost = v1::Event::decode(batch[4].1.clone()).unwrap();
    assert_eq!(lost.stage(), v1::Stage::Lost);
    assert_eq!(lost.prev_hash, chain::link(&batch[3].1));
    reader.close().await;
}

#[tokio::test]
async fn an_input_of_long_ago_is_not_the_one_that_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    let input = |input_id: &str, at| NewInput {
        source: "S1".into(),
        input_id: input_id.into(),
        at,
        answer: "{}".into(),
    };
    let inputs = vec![input("m:5:done:old", 1_000), input("m:6:x:a", 4_500), input("m:7:y:b", 5_000)];
    journal.commit(WriteSet { inputs, ..WriteSet::default() }).await.unwrap();
    let reader = journal.reader().await.unwrap();
    assert_eq!(reader.newest_input("S1", "m:5:done:", 600).await.unwrap(), None);
    assert_eq!(reader.newest_input("S1", "m:6:x:", 600).await.unwrap().as_deref(), Some("m:6:x:a"));
    assert_eq!(reader.newest_input("S2", "m:6:x:", 600).await.unwrap(), None);
    reader.close().await;
    journal.close().await.unwrap();
}
