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
        [("PRAGMA journal_mode", "wal"), ("PRAGMA synchronous", "2"), ("PRAGMA user_version", "5")]
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
    sqlx::query("PRAGMA user_version = 5").execute(&mut conn).await.unwrap();
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
async fn a_record_that_is_gone_becomes_lost_and_one_that_breaks_the_chain_is_told() {
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
    assert_eq!(places, [5]);
    // One that passes its own checks stays, and so does the one after it, which
    // names the hash of what stood there.
    let broken: Vec<u64> = journal.verify().await.unwrap().broken.iter().map(|p| p.seq).collect();
    assert_eq!(broken, [9, 10]);
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

/// Ends of the current epoch recorded again in chunks, with a kill in between.
#[tokio::test]
async fn recording_again_goes_on_where_a_kill_ended_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    journal.commit(set(journal.head(), 1000, 10)).await.unwrap();
    let reader = journal.reader().await.unwrap();
    let mut old = Vec::new();
    while (old.len() as u64) < 1000 {
        old.extend(reader.read_batch(1, old.len() as u64 + 1, 1000, 1 << 30).await.unwrap().unwrap());
    }
    journal.begin_again(2, 300, Vec::new()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(journal.step_again().await.unwrap(), None);
    }
    reader.close().await;
    drop(journal);
    let (mut journal, loaded) = Journal::open(settings(dir.path())).await.unwrap();
    assert!(loaded.quarantined.is_empty() && loaded.rebuilt.is_none());
    // What comes meanwhile belongs to the old epoch, and comes along.
    assert_eq!(journal.head().epoch, 1);
    journal.commit(set(journal.head(), 1, 10)).await.unwrap();
    let head = loop {
        if let Some(head) = journal.step_again().await.unwrap() {
            break head;
        }
    };
    assert_eq!((head.epoch, head.seq), (2, 701));
    assert!(journal.again().is_none());
    let reader = journal.reader().await.unwrap();
    let new = reader.read_batch(2, 1, 1000, 1 << 30).await.unwrap().unwrap();
    assert_eq!(new.len(), 701);
    let mut expected = chain::genesis(AGENT.as_bytes(), 2);
    for ((_, bytes), (_, then)) in new.iter().zip(&old[300..]) {
        let (again, then) =
            (v1::Event::decode(bytes.clone()).unwrap(), v1::Event::decode(then.clone()).unwrap());
        assert_eq!((again.event_id, again.reason), (then.event_id, then.reason));
        assert_eq!(again.prev_hash, expected);
        expected = chain::link(bytes);
    }
    // The old ones go bit by bit, and count for nothing before that.
    assert_eq!(reader.read_batch(1, 1, 2000, 1 << 30).await.unwrap().unwrap().len(), 300);
    while journal.drop_repeated().await.unwrap() {}
    let row = sqlx::query("SELECT count(*) FROM records").fetch_one(&mut journal.conn).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 300 + 701);
    assert!(journal.verify().await.unwrap().quarantined.is_empty());
    let older = journal.older().await.unwrap();
    assert_eq!((older.len(), older[0].head_seq, older[0].head_hash), (1, 300, chain::link(&old[299].1)));
    reader.close().await;
}

/// A page among what is done with: nobody stops for it.
#[tokio::test]
async fn a_damaged_page_of_acknowledged_records_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    journal.commit(set(journal.head(), 2000, 100)).await.unwrap();
    let old = journal.reader().await.unwrap();
    let hash = chain::link(&old.read_batch(1, 1500, 1, 1 << 20).await.unwrap().unwrap()[0].1);
    old.close().await;
    journal.close().await.unwrap();
    // The kind of a leaf page that holds some of the old records.
    let path = dir.path().join(DATABASE);
    let mut file = std::fs::read(&path).unwrap();
    let reason = vec![b'x'; 100];
    let leaves: Vec<usize> = (1..file.len() / 4096)
        .filter(|n| file[n * 4096] == 13)
        .filter(|n| file[n * 4096..(n + 1) * 4096].windows(100).any(|w| w == reason))
        .collect();
    file[leaves[leaves.len() / 8] * 4096] = 0x55;
    std::fs::write(&path, file).unwrap();

    let (mut journal, loaded) = Journal::open(settings(dir.path())).await.unwrap();
    assert!(loaded.rebuilt.is_none());
    journal.acknowledge(Acked { epoch: 1, through_seq: 1500, prune_through: 1500 }).await.unwrap();
    let policy = PrunePolicy { records_before: i64::MIN, inputs_before: i64::MIN, inputs_kept: 1000 };
    let mut rounds = 0;
    while journal.prune(policy).await.unwrap() {
        rounds += 1;
        assert!(rounds < 100);
    }
    assert_eq!(journal.first_kept().await.unwrap(), 1501);
    let floor = ends::floor(&mut journal.conn, 1).await.unwrap().unwrap();
    assert_eq!((floor.seq, floor.hash), (1500, hash));
    let reader = journal.reader().await.unwrap();
    let kept = reader.read_batch(1, 1, 5000, 1 << 30).await.unwrap().unwrap();
    assert_eq!((kept[0].0, kept.len()), (1501, 500));
    reader.close().await;
}

/// Each value of each row that steers, with a bit flipped.
#[tokio::test]
async fn a_flipped_bit_in_a_small_table_costs_no_record() {
    for (table, column) in [
        ("head", "one"),
        ("head", "epoch"),
        ("head", "seq"),
        ("head", "hash"),
        ("head", "crc32"),
        ("ends", "epoch"),
        ("ends", "seq"),
        ("ends", "hash"),
        ("ends", "next"),
        ("ends", "again"),
        ("floors", "epoch"),
        ("floors", "seq"),
        ("floors", "hash"),
        ("acks", "epoch"),
        ("acks", "through_seq"),
        ("acks", "prune_through"),
    ] {
        for bit in [0, 3, 9] {
            let what = format!("{table}.{column} bit {bit}");
            let dir = tempfile::tempdir().unwrap();
            let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
            journal.commit(set(journal.head(), 40, 10)).await.unwrap();
            journal.begin_epoch(2, 5, Vec::new()).await.unwrap();
            journal.commit(set(journal.head(), 30, 10)).await.unwrap();
            journal.acknowledge(Acked { epoch: 1, through_seq: 10, prune_through: 10 }).await.unwrap();
            let policy = PrunePolicy { records_before: i64::MIN, inputs_before: i64::MIN, inputs_kept: 1 };
            while journal.prune(policy).await.unwrap() {}
            let head = journal.head();
            let older = journal.older().await.unwrap();
            assert_eq!((older[0].oldest_seq, older[0].head_seq), (11, 40));
            let flip = match column {
                "hash" => format!(
                    "UPDATE {table} SET hash = CAST(zeroblob({bit} + 1) || substr(hash, {bit} + 2) AS BLOB)"
                ),
                _ => format!("UPDATE {table} SET {column} = {column} + (1 << {bit})"),
            };
            sqlx::raw_sql("PRAGMA ignore_check_constraints = 1").execute(&mut journal.conn).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(flip)).execute(&mut journal.conn).await.unwrap();
            journal.close().await.unwrap();

            let (mut journal, loaded) = Journal::open(settings(dir.path())).await.unwrap();
            assert!(loaded.quarantined.is_empty(), "{what}: {:?}", loaded.quarantined);
            assert_eq!(journal.head(), head, "{what}");
            assert_eq!(journal.older().await.unwrap(), older, "{what}");
            let reader = journal.reader().await.unwrap();
            let current = reader.read_batch(2, 1, 100, 1 << 20).await.unwrap().unwrap();
            assert_eq!(current.len(), 30, "{what}");
            // The acknowledgement is learnt again from the cloud; until then the
            // floor is known from its own row.
            let old = reader.read_batch(1, 11, 100, 1 << 20).await.unwrap().unwrap();
            assert_eq!((old.len(), old[0].0), (30, 11), "{what}");
            journal.commit(set(head, 3, 10)).await.unwrap();
            assert!(journal.verify().await.unwrap().quarantined.is_empty(), "{what}");
            reader.close().await;
        }
    }
}

#[tokio::test]
async fn what_has_expired_goes_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    let print = |key, state: &str, at| PrintRow {
        key,
        copy: 1,
        station: String::new(),
        printer: String::new(),
        lines: "[]".into(),
        state: state.into(),
        at,
    };
    let set = WriteSet {
        prints: vec![
            print(1, "printed", 10),
            print(2, "allocated", 10),
            print(3, "printed", 90),
            print(4, "uncertain", 10),
            print(5, "uncertain", 4),
            print(6, "spoiled", 91),
            print(7, "confirmed", 92),
        ],
        labels: (1..=3).map(|key| (key, "{}".to_owned())).collect(),
        aliases: vec![("S-1".into(), 1)],
        ..WriteSet::default()
    };
    journal.commit(set).await.unwrap();
    // Of what may not have come out somebody is asked for longer.
    assert!(!journal.expire_prints(50, 5).await.unwrap());
    let left = "SELECT key FROM prints ORDER BY key";
    let rows = sqlx::query(left).fetch_all(&mut journal.conn).await.unwrap();
    assert_eq!(rows.iter().map(|r| r.get::<i64, _>(0)).collect::<Vec<_>>(), [2, 3, 4, 6, 7]);
    // Beyond so many the oldest go as well; of one second all are kept.
    assert_eq!(journal.newest_prints(3).await.unwrap(), None);
    assert_eq!(journal.newest_prints(2).await.unwrap(), Some(90));
    assert_eq!(journal.newest_prints(1).await.unwrap(), Some(91));
    assert!(!journal.expire_prints(91, 5).await.unwrap());
    let rows = sqlx::query(left).fetch_all(&mut journal.conn).await.unwrap();
    assert_eq!(rows.iter().map(|r| r.get::<i64, _>(0)).collect::<Vec<_>>(), [2, 4, 6, 7]);
    assert_eq!(journal.labels_after(1, 1).await.unwrap(), [(2, "{}".to_owned())]);
    journal.forget_labels(&[1, 3]).await.unwrap();
    assert_eq!(journal.labels_after(0, 9).await.unwrap(), [(2, "{}".to_owned())]);
    // The code on it still says which label it was.
    assert_eq!(journal.aliases(&["S-1".to_owned()]).await.unwrap()["S-1"], [1]);
}

#[tokio::test]
async fn a_code_whose_row_was_damaged_means_no_label_rather_than_another() {
    let codes = ["S-1", "S-2", "S-3"].map(str::to_owned);
    let set = || WriteSet {
        aliases: vec![("S-1".into(), 1), ("S-2".into(), 2), ("S-2".into(), 3), ("S-3".into(), 4)],
        counters: vec![("DOCK1".into(), "[]".into()), ("DOCK2".into(), "[]".into())],
        ..WriteSet::default()
    };
    for harm in [
        "UPDATE aliases SET key = 9 WHERE key = 2",
        "UPDATE aliases SET crc32 = crc32 + 1 WHERE key = 3",
        "UPDATE aliases SET alias = 'S-2' || char(31) || '9' WHERE key = 2",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
        journal.commit(set()).await.unwrap();
        assert_eq!(journal.aliases(&codes).await.unwrap()["S-2"], [2, 3]);
        sqlx::raw_sql(harm).execute(&mut journal.conn).await.unwrap();
        let counted = "UPDATE counters SET json = '{}' WHERE station = 'DOCK2'";
        sqlx::raw_sql(counted).execute(&mut journal.conn).await.unwrap();
        journal.close().await.unwrap();
        let (mut journal, loaded) = Journal::open(settings(dir.path())).await.unwrap();
        let found = journal.aliases(&codes).await.unwrap();
        assert_eq!((found.len(), &found["S-1"][..], &found["S-3"][..]), (2, &[1][..], &[4][..]), "{harm}");
        // What a scanner counted is set aside, and told.
        assert_eq!(loaded.counters, [("DOCK1".to_owned(), "[]".to_owned())]);
        assert_eq!(loaded.quarantine_count, 1);
        // Written once more it can be believed again.
        journal.commit(set()).await.unwrap();
        if harm.contains("crc32") {
            assert_eq!(journal.aliases(&codes).await.unwrap()["S-2"], [2, 3]);
        }
    }
}

/// Two stations, three labels that are open by their prints, and one that was printed.
fn stations() -> WriteSet {
    let print = |key, state: &str| PrintRow {
        key,
        copy: 1,
        station: "DOCK1".into(),
        printer: "LBL1".into(),
        lines: "[\"gear\"]".into(),
        state: state.into(),
        at: 10,
    };
    let label = |key, print: &str| (key, format!("{{\"print\": \"{print}\", \"reprints\": 0}}"));
    WriteSet {
        sessions: vec![("DOCK1".into(), "{}".into()), ("DOCK2".into(), "{}".into())],
        prints: vec![
            print(1, "allocated"),
            print(2, "uncertain"),
            print(3, "allocated"),
            print(4, "printed"),
        ],
        labels: vec![label(1, "allocated"), label(2, "uncertain"), label(3, "printed"), label(4, "printed")],
        ..WriteSet::default()
    }
}

/// What is asked about, by key.
fn asked(loaded: &Loaded) -> Vec<(i64, &str, &str, &str)> {
    let open = loaded.open_prints.iter();
    let mut all: Vec<_> =
        open.map(|p| (p.key, p.station.as_str(), p.state.as_str(), p.lines.as_str())).collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn of_a_print_whose_row_was_damaged_a_person_is_asked_where_its_label_may_not_have_come_out() {
    let gear = "[\"gear\"]";
    let whole =
        [(1, "DOCK1", "allocated", gear), (2, "DOCK1", "uncertain", gear), (3, "DOCK1", "allocated", gear)];
    let [first, second, third] = whole;
    let without = |key, station| (key, station, "uncertain", "[]");
    for (harm, expected) in [
        ("UPDATE prints SET lines = '[\"gea2\"]' WHERE key = 1", vec![without(1, "DOCK1"), second, third]),
        ("UPDATE prints SET state = 'allocatee' WHERE key = 1", vec![without(1, "DOCK1"), second, third]),
        ("UPDATE prints SET state = 'allocated' WHERE key = 2", vec![first, without(2, "DOCK1"), third]),
        ("UPDATE prints SET station = 'DOCK2' WHERE key = 2", vec![first, without(2, "DOCK2"), third]),
        ("UPDATE prints SET crc32 = crc32 + 1 WHERE key = 1", vec![without(1, "DOCK1"), second, third]),
        // Its label came out, whatever the row says.
        ("UPDATE prints SET crc32 = crc32 + 1 WHERE key = 3", vec![first, second]),
        ("UPDATE prints SET state = 'allocated' WHERE key = 4", whole.to_vec()),
        // There is no such copy, and no such label.
        ("UPDATE prints SET copy = 5 WHERE key = 1", vec![second, third]),
        ("UPDATE prints SET key = 9 WHERE key = 1", vec![second, third]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
        journal.commit(stations()).await.unwrap();
        sqlx::raw_sql(harm).execute(&mut journal.conn).await.unwrap();
        journal.close().await.unwrap();
        for _ in 0..2 {
            let (journal, loaded) = Journal::open(settings(dir.path())).await.unwrap();
            assert_eq!(asked(&loaded), expected, "{harm}");
            assert!(loaded.rebuilt.is_none(), "{harm}");
            assert_eq!(loaded.quarantine_count, 1, "it is told once: {harm}");
            journal.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_session_whose_row_was_damaged_has_ended_and_a_print_that_was_is_not_shown() {
    let dock = |code: &str| (code.to_owned(), "{}".to_owned());
    for harm in [
        "UPDATE sessions SET json = '{ }' WHERE station = 'DOCK2'",
        "UPDATE sessions SET station = 'DOCK3' WHERE station = 'DOCK2'",
        "UPDATE sessions SET crc32 = crc32 + 1 WHERE station = 'DOCK2'",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
        journal.commit(stations()).await.unwrap();
        let shown = "UPDATE prints SET printer = 'LBL2' WHERE key = 4";
        for harm in [harm, shown] {
            sqlx::raw_sql(harm).execute(&mut journal.conn).await.unwrap();
        }
        journal.close().await.unwrap();
        let (mut journal, loaded) = Journal::open(settings(dir.path())).await.unwrap();
        assert_eq!(loaded.sessions, [dock("DOCK1")], "{harm}");
        assert_eq!((loaded.quarantine_count, loaded.open_prints.len()), (1, 3), "{harm}");
        let reader = journal.reader().await.unwrap();
        assert_eq!(reader.last_print(4).await.unwrap(), None);
        assert_eq!(reader.last_print(1).await.unwrap().map(|print| print.copy), Some(1));
        reader.close().await;
        // Written once more it can be believed again.
        journal.commit(stations()).await.unwrap();
        journal.close().await.unwrap();
        let (journal, loaded) = Journal::open(settings(dir.path())).await.unwrap();
        assert_eq!(loaded.sessions, [dock("DOCK1"), dock("DOCK2")], "{harm}");
        let reader = journal.reader().await.unwrap();
        assert!(reader.last_print(4).await.unwrap().is_some());
        reader.close().await;
    }
}

#[tokio::test]
async fn sessions_and_prints_from_before_they_were_sealed_are_sealed_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    let mut set = stations();
    let many = |key| PrintRow { key, ..set.prints[3].clone() };
    let many: Vec<PrintRow> = (5..1200).map(many).collect();
    set.prints.extend(many);
    journal.commit(set).await.unwrap();
    let earlier = "ALTER TABLE sessions DROP COLUMN crc32; ALTER TABLE prints DROP COLUMN crc32; \
                   PRAGMA user_version = 4";
    sqlx::raw_sql(earlier).execute(&mut journal.conn).await.unwrap();
    journal.close().await.unwrap();
    let (journal, loaded) = Journal::open(settings(dir.path())).await.unwrap();
    assert_eq!((loaded.quarantine_count, loaded.sessions.len(), loaded.open_prints.len()), (0, 2, 3));
    let reader = journal.reader().await.unwrap();
    for key in [1, 4, 600, 1199] {
        assert!(reader.last_print(key).await.unwrap().is_some(), "{key}");
    }
    reader.close().await;
}

#[tokio::test]
async fn room_that_a_drained_backlog_leaves_in_the_file_counts_as_free() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(settings(dir.path())).await.unwrap();
    journal.commit(set(journal.head(), 3000, 500)).await.unwrap();
    journal.checkpoint().await.unwrap();
    journal.acknowledge(Acked { epoch: 1, through_seq: 3000, prune_through: 3000 }).await.unwrap();
    let policy = PrunePolicy { records_before: i64::MIN, inputs_before: i64::MIN, inputs_kept: 1 };
    while journal.prune(policy).await.unwrap() {}
    journal.measure().await.unwrap();
    assert!(journal.unused > 1 << 20, "{}", journal.unused);
    journal.settings.disk.min_free_bytes = 0;
    let (free, unused) = (disk::free_bytes(dir.path()).unwrap(), journal.unused);
    // Only with what is free inside the file is there room enough.
    journal.settings.disk.min_free_bytes = free + unused / 2;
    assert!(journal.disk().unwrap().admit().is_ok());
    journal.unused = 0;
    assert!(journal.disk().unwrap().admit().is_err());
}
