//! Memory against the recursive SQL at the same batch, in a real database.

use std::time::Duration;

use platform::ctx::Cx;
use platform::db::Db;
use platform::testing::TestDb;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use proto::v1::{self, Stage};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Direction, Genealogy, Link, Mode, Reach, Settings, Source, check, reach_by_sql, store};
use crate::explore::error::TraceError;
use crate::ingest::Committed;
use crate::ingest::notify::Batch;
use crate::ingest::tests::{World, assembly, receipt, rm};

const ALL: usize = 1_000_000;
const WAYS: [(Direction, Mode); 10] = [
    (Direction::Forward, Mode::Made),
    (Direction::Backward, Mode::Made),
    (Direction::Forward, Mode::Packed),
    (Direction::Backward, Mode::Packed),
    (Direction::Forward, Mode::Recall),
    (Direction::Backward, Mode::Recall),
    (Direction::Forward, Mode::Ever),
    (Direction::Forward, Mode::Open),
    (Direction::Backward, Mode::Ever),
    (Direction::Backward, Mode::Open),
];

/// Waits as long as it takes, so that memory answers whatever else runs.
fn patient(db: &Db) -> Genealogy {
    let settings = Settings { wait: Duration::from_secs(60), ..Settings::default() };
    Genealogy::new(db.clone(), settings)
}

/// A row of `uid_links`: from, to, kind, effect.
type Row = (i64, i64, i16, i16);

/// Stores rows as one batch, as the ingest would.
async fn batch(db: &Db, tenant: Uuid, rows: &[Row]) -> i64 {
    let cx = Cx::system(tenant);
    let rows = rows.to_vec();
    db.tx(&cx, async |tx| {
        let agent: Uuid = sqlx::query_scalar("select agent_id from agents where name = 'KOL'")
            .fetch_one(tx.conn())
            .await?;
        let batch: i64 = sqlx::query_scalar(
            "insert into tenant_counters as c (tenant_id, batch_id) values (app.tenant(), 1) \
             on conflict (tenant_id) do update set batch_id = c.batch_id + 1 returning batch_id",
        )
        .fetch_one(tx.conn())
        .await?;
        // Room for a thousand events a batch.
        let first = batch * 1000;
        let last = first + rows.len() as i64;
        sqlx::query(
            "insert into ingest_batches (tenant_id, batch_id, agent_id, epoch, from_seq, to_seq) \
             values (app.tenant(), $1, $2, 1, $3, $4)",
        )
        .bind(batch)
        .bind(agent)
        .bind(first)
        .bind(last)
        .execute(tx.conn())
        .await?;
        for (seq, (from, to, kind, effect)) in (first..).zip(rows) {
            sqlx::query(
                "insert into event_subjects (tenant_id, key, agent_id, epoch, seq, ordinal, role, unit, unit2, \
                     count, mint, item) \
                 select app.tenant(), key, $1, 1, $2, ordinal, 1, 'pcs', '', 1, false, '' \
                 from unnest($3::bigint[]) with ordinality as u(key, ordinal)",
            )
            .bind(agent)
            .bind(seq)
            .bind([from, to])
            .execute(tx.conn())
            .await?;
            sqlx::query(
                "insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id, \
                     epoch, seq, ordinal) values (app.tenant(), $1, $2, $3, $4, 'pcs', now(), $5, 1, $6, 0)",
            )
            .bind(from)
            .bind(to)
            .bind(kind)
            .bind(effect)
            .bind(agent)
            .bind(seq)
            .execute(tx.conn())
            .await?;
        }
        Ok::<_, TraceError>(batch)
    })
    .await
    .expect("a batch")
}

async fn reach(genealogy: &Genealogy, db: &Db, tenant: Uuid, starts: &[i64]) -> Reach {
    by(genealogy, db, tenant, starts, Direction::Forward, Mode::Ever, ALL).await
}

async fn by(
    genealogy: &Genealogy,
    db: &Db,
    tenant: Uuid,
    starts: &[i64],
    direction: Direction,
    mode: Mode,
    limit: usize,
) -> Reach {
    let cx = Cx::system(tenant);
    db.tx(&cx, async |tx| genealogy.reach(tx, starts, direction, mode, limit).await).await.expect("an answer")
}

/// Memory answers, and as the SQL does, from all these UIDs.
async fn same(genealogy: &Genealogy, db: &Db, tenant: Uuid, batch: i64, keys: &[i64]) {
    for (direction, mode) in WAYS {
        for (at, &key) in keys.iter().enumerate() {
            let starts = [key, keys[(at * 3 + 1) % keys.len()]];
            let memory = by(genealogy, db, tenant, &starts, direction, mode, ALL).await;
            assert_eq!((memory.source, memory.through_batch), (Source::Memory, batch));
            let cx = Cx::system(tenant);
            let (sql, mut links, around) = db
                .tx(&cx, async |tx| {
                    let sql = reach_by_sql(tx, &starts, direction, mode, ALL).await?;
                    let links = store::links_within(tx, key, direction, mode, 3, 100_000).await?;
                    let around = genealogy.links_within(tx, key, direction, mode, 3, ALL).await?;
                    Ok::<_, TraceError>((sql, links, around))
                })
                .await
                .expect("the reference");
            assert_eq!(memory.keys, sql.keys, "{starts:?} {direction:?} {mode:?}");
            assert_eq!((memory.through_batch, memory.cut), (sql.through_batch, sql.cut));
            let mut found: Vec<Link> = around.links;
            found.sort_unstable();
            links.sort_unstable();
            assert_eq!(found, links, "{key} {direction:?} {mode:?}");
            assert_eq!(around.source, Source::Memory);
        }
    }
}

/// Rows of a believable history among few UIDs: what is closed or voided was opened
/// before, mostly.
fn history() -> impl Strategy<Value = Vec<Vec<Row>>> {
    use proptest::prelude::*;
    let effect = prop_oneof![5 => Just(1_i16), 2 => Just(2), 1 => Just(3), 1 => Just(4)];
    let row = (0_i64..14, 0_i64..14, 1_i16..4, effect);
    let row = row.prop_map(|(from, to, kind, effect)| (rm(1 + from), rm(1 + to), kind, effect));
    prop::collection::vec(prop::collection::vec(row, 1..20), 2..7)
}

platform::in_every_placement! {
async fn memory_answers_as_the_sql_does_after_every_batch() {
    let db = TestDb::new().await;
    let mut runner = TestRunner::deterministic();
    let keys: Vec<i64> = (1..=15).map(rm).collect();
    for (n, code) in ["AAAA", "BBBB", "CCCC", "DDDD"].into_iter().enumerate() {
        let tenant = db.tenant(code, &["KOL"]).await;
        let genealogy = patient(&db.db);
        let batches = history().new_tree(&mut runner).expect("a history").current();
        for (at, rows) in batches.iter().enumerate() {
            let last = batch(&db.db, tenant, rows).await;
            // Some arrive several at once.
            if at % (n + 1) == 0 || at + 1 == batches.len() {
                same(&genealogy, &db.db, tenant, last, &keys).await;
            }
        }
        // As after a restart.
        let last = batches.len() as i64;
        same(&patient(&db.db), &db.db, tenant, last, &keys).await;
    }
}
}

#[tokio::test]
async fn what_corrections_do_to_links_is_followed() {
    let world = World::new().await;
    let (db, tenant) = (world.db.db.clone(), world.source.tenant);
    let genealogy = patient(&db);
    let keys: Vec<i64> = (1..=6).map(rm).collect();
    let mut journal = world.journal();
    let correct = |of: Uuid| v1::Event {
        corrects: of.as_bytes().to_vec(),
        ..crate::ingest::tests::event(Stage::Correct)
    };
    for n in 1..=6 {
        journal.push(receipt(rm(n)));
    }
    let add = v1::Action::Add;
    let first = journal.push(assembly(add, rm(1), rm(2)));
    let second = journal.push(assembly(add, rm(2), rm(3)));
    let apart = journal.push(assembly(v1::Action::Delete, rm(2), rm(3)));
    let mut sent = 0;
    let mut batches = 0;
    let mut send = async |journal: &crate::ingest::tests::Journal| {
        world.send(journal.batch(sent + 1, journal.last())).await.expect("stored");
        sent = journal.last();
        batches += 1;
        same(&genealogy, &db, tenant, batches, &keys).await;
    };
    send(&journal).await;
    // It was not taken apart after all; it never was assembled; it was.
    journal.push(correct(apart));
    send(&journal).await;
    let never = journal.push(correct(second));
    send(&journal).await;
    journal.push(correct(never));
    send(&journal).await;
    journal.push(correct(first));
    send(&journal).await;
    let after = reach(&genealogy, &db, tenant, &[rm(2)]).await;
    assert_eq!(after.keys, [rm(2), rm(3)]);

    // A correction that comes before what it corrects, from another plant: its rows are
    // written with the later batch, in the name of the earlier one.
    let other = world.other().await;
    let mut theirs = crate::ingest::tests::Journal::new(&other, 1);
    let ahead = Uuid::now_v7();
    theirs.push(correct(ahead));
    world.ingest.commit_batch(&other, theirs.all()).await.expect("stored");
    same(&genealogy, &db, tenant, 6, &keys).await;
    let late = journal.sealed(ahead, assembly(add, rm(4), rm(5)));
    journal.push_raw(prost::Message::encode_to_vec(&late));
    world.send(journal.batch(journal.last(), journal.last())).await.expect("stored");
    same(&genealogy, &db, tenant, 7, &keys).await;
    assert_eq!(world.count("select count(*) from uid_links where effect = 3").await, 3);
    assert_eq!(reach(&genealogy, &db, tenant, &[rm(4)]).await.keys, [rm(4)]);
}

#[tokio::test]
async fn two_tenants_never_mix() {
    let db = TestDb::new().await;
    let (one, two) = (db.tenant("AAAA", &["KOL"]).await, db.tenant("BBBB", &["KOL"]).await);
    batch(&db.db, one, &[(rm(1), rm(2), 1, 1), (rm(2), rm(3), 1, 1)]).await;
    batch(&db.db, two, &[(rm(1), rm(9), 1, 1)]).await;
    let genealogy = patient(&db.db);
    for _ in 0..2 {
        assert_eq!(reach(&genealogy, &db.db, one, &[rm(1)]).await.keys, [rm(1), rm(2), rm(3)]);
        assert_eq!(reach(&genealogy, &db.db, two, &[rm(1)]).await.keys, [rm(1), rm(9)]);
    }
    assert_eq!(genealogy.figures().tenants, 2);
    assert_eq!((genealogy.figures().from_memory, genealogy.figures().from_sql), (4, 0));
}

#[tokio::test]
async fn a_restore_lets_it_be_read_anew() {
    let db = TestDb::new().await;
    let tenant = db.tenant("SAIF", &["KOL"]).await;
    batch(&db.db, tenant, &[(rm(1), rm(2), 1, 1)]).await;
    batch(&db.db, tenant, &[(rm(2), rm(3), 1, 1)]).await;
    let genealogy = patient(&db.db);
    assert_eq!(reach(&genealogy, &db.db, tenant, &[rm(1)]).await.keys, [rm(1), rm(2), rm(3)]);
    // The backup knew the first batch only; a new second one is another.
    let mut owner = owner(&db, tenant).await;
    for sql in [
        "delete from uid_links where from_key <> 3474027400000000001",
        "delete from ingest_batches where batch_id > 1",
        "delete from event_subjects where seq >= 2000",
        "update tenant_counters set batch_id = 1",
        "update control.tenants set generation = generation + 1",
    ] {
        sqlx::query(sql).execute(&mut owner).await.expect(sql);
    }
    let last = batch(&db.db, tenant, &[(rm(2), rm(4), 1, 1)]).await;
    assert_eq!(last, 2);
    let found = reach(&genealogy, &db.db, tenant, &[rm(1)]).await;
    assert_eq!((found.keys, found.source), (vec![rm(1), rm(2), rm(4)], Source::Memory));
}

async fn owner(db: &TestDb, tenant: Uuid) -> sqlx::PgConnection {
    use sqlx::ConnectOptions;
    db.owner_of(tenant).await.connect().await.expect("the owner")
}

#[tokio::test]
async fn without_room_or_time_the_sql_answers() {
    let db = TestDb::new().await;
    let (one, two) = (db.tenant("AAAA", &["KOL"]).await, db.tenant("BBBB", &["KOL"]).await);
    let rows: Vec<Row> = (1..200).map(|n| (rm(n), rm(n + 1), 1, 1)).collect();
    batch(&db.db, one, &rows).await;
    batch(&db.db, two, &rows).await;
    let ask = async |genealogy: &Genealogy, tenant: Uuid| {
        let found = reach(genealogy, &db.db, tenant, &[rm(1)]).await;
        assert_eq!((found.keys.len(), found.through_batch, found.cut), (200, 1, false));
        found.source
    };
    // None at all.
    assert_eq!(ask(&Genealogy::default(), one).await, Source::Sql);
    // No time to wait for it.
    let hasty = Genealogy::new(db.db.clone(), Settings { wait: Duration::ZERO, ..Settings::default() });
    assert_eq!(ask(&hasty, one).await, Source::Sql);
    // Too large alone.
    let wait = Duration::from_secs(60);
    let small = Genealogy::new(db.db.clone(), Settings { memory: 1000, wait });
    assert_eq!(small.warm(one).await.expect("asked"), None);
    assert_eq!(ask(&small, one).await, Source::Sql);
    assert_eq!((small.figures().bytes, small.figures().from_sql), (0, 1));
    // Room for one of the two: who was asked for last stays.
    let fits = {
        let all = patient(&db.db);
        all.warm(one).await.expect("read");
        all.figures().bytes
    };
    let one_only = Genealogy::new(db.db.clone(), Settings { memory: fits + fits / 2, wait });
    for tenant in [one, two, one] {
        assert_eq!(ask(&one_only, tenant).await, Source::Memory);
        assert_eq!(one_only.figures().tenants, 1);
        assert!(one_only.figures().bytes <= fits + fits / 2);
    }
    // More than was asked for.
    let most = by(&one_only, &db.db, one, &[rm(1)], Direction::Forward, Mode::Ever, 50).await;
    assert_eq!((most.keys, most.cut, most.source), ((1..=50).map(rm).collect(), true, Source::Memory));
    let most = by(&Genealogy::default(), &db.db, one, &[rm(1)], Direction::Forward, Mode::Ever, 50).await;
    assert_eq!((most.keys.len(), most.cut), (50, true));
}

#[tokio::test]
async fn what_the_caller_has_not_committed_yet_is_not_missed() {
    let db = TestDb::new().await;
    let tenant = db.tenant("SAIF", &["KOL"]).await;
    batch(&db.db, tenant, &[(rm(1), rm(2), 1, 1)]).await;
    let genealogy = Genealogy::new(db.db.clone(), Settings::default());
    genealogy.warm(tenant).await.expect("read");
    let cx = Cx::system(tenant);
    let found = db
        .db
        .tx(&cx, async |tx| {
            sqlx::raw_sql(
                "insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id, \
                     epoch, seq, ordinal) \
                 values (app.tenant(), 3474027400000000002, 3474027400000000003, 1, 1, '', now(), app.tenant(), \
                     1, 1, 0); \
                 update tenant_counters set batch_id = 2",
            )
            .execute(tx.conn())
            .await?;
            genealogy.reach(tx, &[rm(1)], Direction::Forward, Mode::Ever, ALL).await
        })
        .await
        .expect("an answer");
    assert_eq!((found.keys, found.source), (vec![rm(1), rm(2), rm(3)], Source::Sql));
}

#[tokio::test]
async fn it_follows_what_is_committed_while_many_ask() {
    let db = TestDb::new().await;
    let tenant = db.tenant("SAIF", &["KOL"]).await;
    let genealogy = patient(&db.db);
    let (committed, stop) = (Committed::default(), CancellationToken::new());
    let running = {
        let (genealogy, committed, stop) = (genealogy.clone(), committed.clone(), stop.clone());
        tokio::spawn(async move { genealogy.run(committed, stop).await })
    };
    batch(&db.db, tenant, &[(rm(1), rm(2), 1, 1)]).await;
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let (genealogy, db) = (genealogy.clone(), db.db.clone());
            tokio::spawn(async move {
                let mut seen = 0;
                while seen < 41 {
                    let found = reach(&genealogy, &db, tenant, &[rm(1)]).await;
                    // Each batch adds one UID; an answer has all up to its batch.
                    assert!(found.keys.len() as i64 > found.through_batch, "{found:?}");
                    assert!(found.keys.len() >= seen, "it went back");
                    seen = found.keys.len();
                }
            })
        })
        .collect();
    for n in 2..=40 {
        let batch_id = batch(&db.db, tenant, &[(rm(n), rm(n + 1), 1, 1)]).await;
        committed.announce(Batch { tenant, batch_id });
    }
    for task in asking {
        task.await.expect("asked");
    }
    stop.cancel();
    running.await.expect("stopped");
}

#[tokio::test]
async fn a_check_finds_what_is_wrong_and_lets_it_be_read_anew() {
    let db = TestDb::new().await;
    let tenant = db.tenant("SAIF", &["KOL"]).await;
    batch(&db.db, tenant, &[(rm(1), rm(2), 1, 1), (rm(2), rm(1), 1, 1)]).await;
    let genealogy = patient(&db.db);
    genealogy.warm(tenant).await.expect("read");
    let looked = check::look(&genealogy, tenant).await.expect("looked");
    assert!(looked.compared > 0 && looked.differed == 0);
    // A link appears that no batch told of: every UID reaches one more, both ways.
    let mut owner = owner(&db, tenant).await;
    for (from, to) in [(rm(1), rm(3)), (rm(3), rm(1))] {
        sqlx::query(
            "insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id, epoch, \
                 seq, ordinal) values ($1, $2, $3, 1, 1, '', now(), $1, 1, 1, 0)",
        )
        .bind(tenant)
        .bind(from)
        .bind(to)
        .execute(&mut owner)
        .await
        .expect("a row");
    }
    let looked = check::look(&genealogy, tenant).await.expect("looked");
    assert_eq!((looked.compared, looked.differed), (1, 1));
    assert_eq!((genealogy.figures().differed, genealogy.figures().tenants), (1, 0));
    assert_eq!(reach(&genealogy, &db.db, tenant, &[rm(1)]).await.keys, [rm(1), rm(2), rm(3)]);
    assert_eq!(check::look(&genealogy, tenant).await.expect("looked").differed, 0);
}
