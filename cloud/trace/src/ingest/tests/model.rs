//! Random ways of sending the same journal all lead to the same rows.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// What a sender does next.
#[derive(Debug, Clone)]
enum Step {
    /// Sends `len` events from `back` before the cursor (or beyond it).
    Send { shift: i64, len: u64 },
    /// Two connections send at once.
    Race { len: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (-12_i64..=3, 1_u64..=25).prop_map(|(shift, len)| Step::Send { shift, len }),
        1 => (1_u64..=25).prop_map(|len| Step::Race { len }),
    ];
    proptest::collection::vec(step, 1..12)
}

#[tokio::test]
async fn any_split_gives_the_rows_of_one_batch() {
    let world = World::new().await;
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[42; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    // proptest is synchronous, so cases are drawn first and run after.
    let mut cases = Vec::new();
    for _ in 0..200 {
        let drawn = (steps(), 1_u64..=60).new_tree(&mut runner).expect("a case");
        cases.push(proptest::strategy::ValueTree::current(&drawn));
    }
    for (case, (steps, length)) in cases.into_iter().enumerate() {
        // Each case has an epoch of its own, which keeps it apart.
        let epoch = case as u32 + 1;
        raise_to(&world, epoch).await;
        let mut journal = Journal::new(&world.source, epoch);
        let base = case as i64 * 1000;
        for n in 1..=length as i64 {
            match n % 5 {
                0 => journal.push_raw(vec![0xff, n as u8]),
                1 | 2 => drop(journal.push(receipt(rm(base + n)))),
                3 => drop(journal.push(assembly(Action::Add, rm(base + n), rm(base + n - 1)))),
                _ => drop(journal.push(receipt(rm(base + n - 3)))), // a second birth
            }
        }
        let mut cursor = 0_u64;
        let mut model = 0_u64;
        for step in steps {
            match step {
                Step::Send { shift, len } => {
                    let from = (cursor as i64 + 1 + shift).clamp(1, length as i64) as u64;
                    let to = (from + len - 1).min(length);
                    let outcome = world.send(journal.batch(from, to)).await.expect("an answer");
                    if from > model + 1 {
                        assert!(matches!(outcome, Outcome::Gap { .. }), "{case}: {outcome:?}");
                    } else {
                        let stored = to.saturating_sub(model);
                        model = model.max(to);
                        assert_eq!(through(&outcome), (model as i64, stored as usize), "case {case}");
                    }
                }
                Step::Race { len } => {
                    let from = (model + 1).min(length);
                    let to = (from + len - 1).min(length);
                    let (one, two) = tokio::join!(
                        world.send(journal.batch(from, to)),
                        world.send(journal.batch(from, to))
                    );
                    let (one, two) = (through(&one.expect("one")), through(&two.expect("two")));
                    assert_eq!(one.1 + two.1, to.saturating_sub(model) as usize, "case {case}");
                    model = model.max(to);
                }
            }
            cursor = model;
        }
        assert_eq!(world.payloads(epoch as i32).await, journal.events[..model as usize], "case {case}");
        if model < length {
            world.send(journal.batch(model + 1, length)).await.expect("the rest");
        }
    }
    let lost = "select count(*) from ingest_cursors c where through_seq <> \
                (select count(*) from lifecycle_events e where e.agent_id = c.agent_id and e.epoch = c.epoch)";
    assert_eq!(world.count(lost).await, 0);
    let holes = "select count(*) from (select batch_id - lag(batch_id, 1, 0) over (order by batch_id) as step \
                 from ingest_batches) s where step <> 1";
    assert_eq!(world.count(holes).await, 0);
    let undecodable = "select count(*) from lifecycle_events where seq % 5 = 0";
    let told = "select count(*) from exceptions where kind = 'event.undecodable'";
    assert_eq!(world.count(told).await, world.count(undecodable).await);
    let births = "select count(*) from lifecycle_events where seq % 5 in (1, 2)";
    assert_eq!(world.count("select count(*) from uid_registry").await, world.count(births).await);
    let second = "select count(*) from exceptions where kind = 'uid.second_birth'";
    assert_eq!(
        world.count(second).await,
        world.count("select count(*) from lifecycle_events where seq % 5 = 4").await
    );
}

async fn raise_to(world: &World, epoch: u32) {
    let cx = world.source.cx();
    let (agent, epoch) = (world.source.agent_id, epoch as i32);
    let done: Result<(), DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            sqlx::query("update agents set epoch = $2 where agent_id = $1")
                .bind(agent)
                .bind(epoch)
                .execute(tx.conn())
                .await?;
            Ok(())
        })
        .await;
    done.expect("raised");
}
