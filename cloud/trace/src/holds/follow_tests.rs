//! The follower against a real Postgres: units that come under a hold later, what
//! was done in the gap, and the whole checked over seeded histories.

use std::collections::BTreeMap;

use chrono::{Duration, TimeZone};
use platform::ctx::Cx;
use proto::v1::{self, Action, Role};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::check::{self, History};
use super::*;
use crate::explore::store::picture;
use crate::genealogy::{Genealogy, Settings};
use crate::ingest::tests::{Journal, World, assembly, event, receipt, rm, subject};
use crate::ingest::{Committed, Source};
use crate::projection;

/// When the holds of these tests are placed: after the plants' first events, which
/// are of 2025, by their clocks.
pub(super) fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 15, 12, 0, 0).unwrap()
}

pub(super) async fn place_it(world: &World, scope: Scope) -> Uuid {
    let cx = Cx::new(world.source.tenant, "user:7");
    let done =
        world.db.db.tx(&cx, async |tx| place(tx, &Genealogy::default(), &scope, "crack", noon()).await).await;
    done.expect("placed").hold_id
}

pub(super) async fn follow_up(world: &World) {
    follow_by(world, &Genealogy::default()).await;
}

async fn follow_by(world: &World, genealogy: &Genealogy) {
    let (db, tenant) = (&world.db.db, world.source.tenant);
    projection::catch_up(db, tenant).await.expect("projected");
    follow::catch_up(db, &Committed::default(), genealogy, tenant).await.expect("followed");
}

/// Both plants' journals, each sent as far as it goes.
pub(super) struct Plants {
    sources: [Source; 2],
    pub journals: [Journal; 2],
    sent: [u64; 2],
}

impl Plants {
    pub async fn new(world: &World) -> Self {
        let sources = [world.source.clone(), world.other().await];
        let journals = [Journal::new(&sources[0], 1), Journal::new(&sources[1], 1)];
        Self { sources, journals, sent: [0, 0] }
    }

    pub async fn send(&mut self, world: &World, at: usize) {
        let (from, to) = (self.sent[at] + 1, self.journals[at].last());
        if from <= to {
            let batch = self.journals[at].batch(from, to);
            world.ingest.commit_batch(&self.sources[at], batch).await.expect("stored");
            self.sent[at] = to;
        }
    }
}

/// An event an hour after the hold by the plant's clock, decided by a version.
pub(super) fn late(stage: Stage, version: i64, parts: &[(i64, Role)]) -> v1::Event {
    v1::Event {
        subjects: parts.iter().map(|(key, role)| subject(*key, *role)).collect(),
        occurred_at_us: (Utc::now() + Duration::hours(1)).timestamp_micros(),
        reference_version: version.unsigned_abs(),
        reference_generation: 1,
        ..event(stage)
    }
}

pub(super) fn packed(version: i64, what: i64, into: i64, action: Action) -> v1::Event {
    let parts = [(into, Role::Parent), (what, Role::Child)];
    v1::Event { action: action.into(), ..late(Stage::Packing, version, &parts) }
}

pub(super) async fn version(world: &World) -> i64 {
    world.count("select reference_version from tenant_counters").await
}

#[tokio::test]
async fn what_comes_to_contain_a_held_unit_is_held_too_and_listed() {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    for n in 1..=6 {
        plants.journals[0].push(receipt(rm(n)));
    }
    plants.send(&world, 0).await;
    let before = version(&world).await;
    let hold = place_it(&world, Scope::Label { key: rm(1), descendants: true }).await;
    follow_up(&world).await;
    assert_eq!(world.count("select count(*) from hold_members").await, 1);

    // An offline plant builds it into 2, that into 3, packs 3 into 4 and sends that away.
    let at = |event: v1::Event| v1::Event {
        occurred_at_us: (Utc::now() + Duration::hours(1)).timestamp_micros(),
        reference_version: before.unsigned_abs(),
        reference_generation: 1,
        ..event
    };
    plants.journals[0].push(at(assembly(Action::Add, rm(1), rm(2))));
    plants.journals[0].push(at(assembly(Action::Add, rm(2), rm(3))));
    plants.journals[0].push(packed(before, rm(3), rm(4), Action::Add));
    plants.journals[0].push(late(Stage::Dispatch, before, &[(rm(4), Role::Subject)]));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.count("select count(*) from hold_members where cause = 'made'").await, 2);
    assert_eq!(world.count("select count(*) from hold_members where cause = 'inside'").await, 1);
    let chain = "select count(*) from hold_members where joined_seq is not null \
                 and via_key = key - 1 and joined_agent is not null";
    assert_eq!(world.count(chain).await, 3, "how it came in");
    assert_eq!(world.count("select members::bigint from holds").await, 4);
    let told = "select count(*) from lifecycle_events where stage = 22";
    assert_eq!(world.count(told).await, 2, "once when placed, once when it grew");
    let keys = "select sum(jsonb_array_length(body->'keys'))::bigint from reference_rows where kind = 'hold'";
    assert_eq!(world.count(keys).await, 4);
    // Built in, built in, packed, dispatched: all in the gap.
    assert_eq!(world.count("select count(*) from hold_acts where class = 'gap'").await, 4);
    assert_eq!(world.count("select count(*) from exceptions where kind = 'hold.gap'").await, 4);
    // Each act is one exception: what the fold told of it before is withdrawn.
    let folded = "select count(*) from exceptions \
                  where kind in ('uid.used_while_held', 'uid.dispatched_while_held') and status <> 'resolved'";
    assert_eq!(world.count(folded).await, 0);
    // Nothing is told twice.
    follow_up(&world).await;
    assert_eq!(world.count(folded).await, 0);
    assert_eq!((world.count(told).await, world.count("select count(*) from hold_acts").await), (2, 4));
    assert_eq!(world.count("select count(*) from exceptions where kind = 'hold.violated'").await, 0);

    // Another hold on one of them stays when this one goes.
    let other = place_it(&world, Scope::Label { key: rm(3), descendants: false }).await;
    let cx = Cx::new(world.source.tenant, "user:8");
    let gone =
        world.db.db.tx(&cx, async |tx| release(tx, hold, "sorted", noon()).await).await.expect("released");
    assert_eq!(gone.members, 4);
    let left = "select count(*) from reference_rows where kind = 'hold' and not deleted";
    assert_eq!(world.count(left).await, 1);
    let _ = other;
    assert_eq!(world.count("select count(*) from holds where release_reason = 'sorted'").await, 1);
}

#[tokio::test]
async fn labels_of_a_held_lot_that_are_born_later_are_held() {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    let lot = Uuid::now_v7();
    let of_lot = |key: i64| {
        let mut event = receipt(key);
        event.subjects[0].lot_id = lot.as_bytes().to_vec();
        event.lots = vec![v1::Lot { lot_id: lot.as_bytes().to_vec(), ..v1::Lot::default() }];
        event
    };
    plants.journals[0].push(of_lot(rm(1)));
    plants.send(&world, 0).await;
    place_it(&world, Scope::Lot { lot, descendants: false, deliveries: false }).await;
    plants.journals[0].push(of_lot(rm(2)));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    let late = "select count(*) from hold_members where cause = 'lot' and joined_seq = 2 and via_key is null";
    assert_eq!(world.count(late).await, 1);
    assert_eq!(world.count("select count(*) from hold_members").await, 2);
}

#[tokio::test]
async fn a_package_is_held_while_a_held_unit_is_in_it() {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    for n in 1..=4 {
        plants.journals[0].push(receipt(rm(n)));
    }
    plants.journals[0].push(packed(0, rm(1), rm(2), Action::Add));
    plants.send(&world, 0).await;
    place_it(&world, Scope::Label { key: rm(1), descendants: false }).await;
    let inside = "select count(*) from hold_members where cause = 'inside' and left_at is null";
    assert_eq!(world.count(inside).await, 1, "its box is held with it");
    // The box goes into another; both are held.
    plants.journals[0].push(packed(0, rm(2), rm(3), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.count(inside).await, 2);
    // The unit is taken out: both are free, and plants are told.
    plants.journals[0].push(packed(0, rm(1), rm(2), Action::Delete));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.count(inside).await, 0);
    // Lists and pictures say the same of them.
    let (cx, all) = (world.source.cx(), [rm(1), rm(2), rm(3)]);
    let told: Result<_, DbError> = world
        .db
        .db
        .tx(&cx, async |tx| Ok((picture::held(tx, &all).await?, picture::holding(tx, &all).await?)))
        .await;
    assert_eq!(told.expect("told"), (vec![rm(1)], vec![(rm(1), "crack".to_owned())]));
    assert_eq!(world.count("select members::bigint from holds").await, 1);
    assert_eq!(world.count("select count(*) from lifecycle_events where stage = 23").await, 1);
    let keys = "select sum(jsonb_array_length(body->'keys'))::bigint from reference_rows where kind = 'hold'";
    assert_eq!(world.count(keys).await, 1);
    // And held again when it goes back in.
    plants.journals[0].push(packed(0, rm(1), rm(2), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.count(inside).await, 2);
    assert_eq!(world.count("select members::bigint from holds").await, 3);
}

#[tokio::test]
async fn an_act_is_classed_by_what_its_plant_had() {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    for n in 1..=4 {
        plants.journals[0].push(receipt(rm(n)));
    }
    plants.send(&world, 0).await;
    let before = version(&world).await;
    let hold = place_it(&world, Scope::Label { key: rm(1), descendants: false }).await;
    let after = version(&world).await;
    let dispatch = |version| late(Stage::Dispatch, version, &[(rm(1), Role::Subject)]);
    plants.journals[0].push(v1::Event { occurred_at_us: 1_750_000_000_000_000, ..dispatch(before) });
    plants.journals[0].push(dispatch(before));
    plants.journals[0].push(v1::Event { overridden_by: "op-9".into(), ..dispatch(after) });
    plants.journals[0].push(dispatch(after));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    for class in ["earlier", "gap", "overridden", "violated"] {
        let sql: &'static str =
            Box::leak(format!("select count(*) from hold_acts where class = '{class}'").into());
        assert_eq!(world.count(sql).await, 1, "{class}");
    }
    let opened = "select count(*) from exceptions where kind in ('hold.gap', 'hold.violated')";
    assert_eq!(world.count(opened).await, 2);
    // What is done by who has the release is free.
    let cx = Cx::new(world.source.tenant, "user:8");
    world.db.db.tx(&cx, async |tx| release(tx, hold, "ok", noon()).await).await.expect("released");
    let free = version(&world).await;
    plants.journals[0].push(v1::Event { occurred_at_us: 1_750_000_000_000_000, ..dispatch(free) });
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.count("select count(*) from hold_acts").await, 4);
}

async fn the_hold(world: &World) -> String {
    world.text("select concat_ws(' ', status, members, parts, looked_batch is null) from holds").await
}

#[tokio::test]
async fn a_hold_of_a_plant_grows_and_lists_as_one_of_the_office() {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    for n in 1..=7 {
        plants.journals[0].push(receipt(rm(n)));
    }
    // What was made of it before is no concern of who holds this one label; the box
    // in which it is, is.
    plants.journals[0].push(assembly(Action::Add, rm(1), rm(7)));
    plants.journals[0].push(packed(0, rm(1), rm(2), Action::Add));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    let before = version(&world).await;
    let hold = plants.journals[0].push(late(Stage::Hold, before, &[(rm(1), Role::Subject)]));
    // In the same batch, at the same plant, which has it from its own word on.
    let dispatch = |key, version| late(Stage::Dispatch, version, &[(key, Role::Subject)]);
    plants.journals[0].push(v1::Event { overridden_by: "op-9".into(), ..dispatch(rm(1), before) });
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(the_hold(&world).await, "placed 2 2 t");
    let inside = "select count(*) from hold_members where cause = 'inside' and joined_seq is null";
    assert_eq!(world.count(inside).await, 1, "it was in its box before: nothing came in later");
    assert_eq!(world.count("select count(*) from hold_acts where class = 'overridden'").await, 1);
    let told = "select count(*) from hold_parts where told_version > 0 and told_generation = 1";
    assert_eq!(world.count(told).await, 2);

    // The other plant has not got it: it builds it in, and sends that away.
    let at = |event: v1::Event| v1::Event {
        occurred_at_us: (Utc::now() + Duration::hours(1)).timestamp_micros(),
        reference_version: before.unsigned_abs(),
        reference_generation: 1,
        ..event
    };
    plants.journals[1].push(at(assembly(Action::Add, rm(1), rm(3))));
    plants.journals[1].push(dispatch(rm(3), before));
    plants.send(&world, 1).await;
    follow_up(&world).await;
    assert_eq!(the_hold(&world).await, "placed 3 3 t");
    let grown = "select count(*) from hold_members where cause = 'made' and via_key = key - 2";
    assert_eq!(world.count(grown).await, 1);
    assert_eq!(world.count("select count(*) from hold_acts where class = 'gap'").await, 2);
    assert_eq!(world.count("select count(*) from exceptions where kind = 'hold.gap'").await, 2);
    let keys = "select sum(jsonb_array_length(body->'keys'))::bigint from reference_rows where kind = 'hold' \
                and not deleted";
    assert_eq!(world.count(keys).await, 3);

    // Its own plant takes it all the same; another does although it was told.
    let now = version(&world).await;
    plants.journals[0].push(dispatch(rm(1), before));
    plants.journals[1].push(dispatch(rm(3), now));
    plants.send(&world, 0).await;
    plants.send(&world, 1).await;
    follow_up(&world).await;
    assert_eq!(world.count("select count(*) from hold_acts where class = 'violated'").await, 2);
    assert_eq!(world.count("select count(*) from exceptions where kind = 'hold.violated'").await, 2);

    // Released by its plant: all of it goes, and what is done at that plant then is free.
    let release = plants.journals[0].push(late(Stage::Release, now, &[(rm(1), Role::Subject)]));
    plants.journals[0].push(dispatch(rm(1), now));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(world.count(keys.replace("sum", "count").leak()).await, 0);
    assert_eq!(the_hold(&world).await, "released 3 3 t");
    assert_eq!(world.count("select count(*) from holds where released_version is not null").await, 1);
    let acts = world.count("select count(*) from hold_acts").await;
    assert_eq!(acts, 5);
    // The office's word to whom the plant had not named: a box, a product.
    let freed = "select count(*) from lifecycle_events e join event_subjects s using (agent_id, epoch, seq) \
                 where e.stage = 23 and e.plant = ''";
    assert_eq!(world.count(freed).await, 2);

    // The release is taken back: all of it is held again, and told anew.
    plants.journals[0].push(v1::Event { corrects: release.as_bytes().to_vec(), ..at(event(Stage::Correct)) });
    plants.send(&world, 0).await;
    follow_up(&world).await;
    assert_eq!(the_hold(&world).await, "placed 3 3 t");
    assert_eq!(world.count(keys).await, 3);
    let anew = "select min(told_version) from hold_parts";
    assert!(world.count(anew).await > now);
    // What was done in between is listed after all.
    assert_eq!(world.count("select count(*) from hold_acts where class = 'gap'").await, 3);

    // The office releases it, whoever placed it; its plant's label is told of that.
    let cx = Cx::new(world.source.tenant, "user:8");
    world.db.db.tx(&cx, async |tx| release_it(tx, hold).await).await.expect("released");
    let lifted = "select count(*) from reference_rows where deleted and body->>'lifted' = 'true' \
                  and jsonb_array_length(body->'keys') = 1";
    assert_eq!(world.count(lifted).await, 1);
    follow_up(&world).await;
    assert_eq!(
        world.count("select count(*) from reference_rows where kind = 'hold' and not deleted").await,
        0
    );
    assert_eq!(world.count("select count(*) from hold_acts").await, acts + 1);
}

async fn release_it(tx: &mut Tx, hold: Uuid) -> Result<Done, HoldError> {
    release(tx, hold, "sorted", noon()).await
}

#[tokio::test]
async fn what_another_plant_packs_before_it_hears_of_a_plants_hold_is_held_and_listed() {
    let world = World::new().await;
    let mut plants = Plants::new(&world).await;
    for n in 1..=4 {
        plants.journals[0].push(receipt(rm(n)));
    }
    plants.send(&world, 0).await;
    let before = version(&world).await;
    plants.journals[0].push(late(Stage::Hold, before, &[(rm(1), Role::Subject)]));
    plants.send(&world, 0).await;
    follow_up(&world).await;
    // Offline: packed there, and the box sent away, told now.
    plants.journals[1].push(packed(before, rm(1), rm(2), Action::Add));
    plants.journals[1].push(late(Stage::Dispatch, before, &[(rm(2), Role::Subject)]));
    plants.send(&world, 1).await;
    follow_up(&world).await;
    let late_ones =
        "select count(*) from hold_members where cause = 'inside' and joined_seq = 1 and via_key = key - 1";
    assert_eq!(world.count(late_ones).await, 1);
    assert_eq!(world.count("select count(*) from hold_acts where class = 'gap'").await, 2);
    // Taken out again, the box is free, the unit is not.
    plants.journals[1].push(packed(before, rm(1), rm(2), Action::Delete));
    plants.send(&world, 1).await;
    follow_up(&world).await;
    assert_eq!(the_hold(&world).await, "placed 1 2 t");
}

/// Plants that rule as the agent does, over a real office: holds, growth and
/// deliveries in any order, the follower's transactions aborted at random, and the
/// checker over what came of it.
#[tokio::test]
async fn seeded_histories_hold() {
    for seed in 0..6 {
        let world = World::new().await;
        let mut rng = StdRng::seed_from_u64(seed);
        // By memory, and by the SQL.
        let genealogy = match seed % 2 {
            0 => Genealogy::default(),
            _ => Genealogy::new(world.db.db.clone(), Settings::default()),
        };
        genealogy.warm(world.source.tenant).await.expect("read");
        let mut plants = Plants::new(&world).await;
        for n in 1..=8 {
            plants.journals[0].push(receipt(rm(n)));
        }
        plants.send(&world, 0).await;
        let mut history = History::default();
        // What each plant has in force: version and held keys.
        let mut had: [(i64, Vec<i64>); 2] = [(0, Vec::new()), (0, Vec::new())];
        // Holds of its own: the unit, and the seq of the event.
        let mut own: [BTreeMap<i64, u64>; 2] = Default::default();
        // Event seq by plant, with its place in the history.
        let mut waiting: [Vec<(u64, usize)>; 2] = [Vec::new(), Vec::new()];
        let mut events = BTreeMap::new();
        for _ in 0..70 {
            let at = rng.random_range(0..2);
            match rng.random_range(0..10) {
                0 => {
                    let key = rm(rng.random_range(1..=8));
                    place_it(&world, Scope::Label { key, descendants: true }).await;
                }
                1 | 2 => {
                    // The plant applies what there is.
                    had[at] = (version(&world).await, held_now(&world).await);
                    let now = acts::Version { generation: 1, version: had[at].0 };
                    history.plants.entry(at as u64).or_default().push(check::Step::Applied(now));
                }
                3 => {
                    plants.send(&world, at).await;
                    let batch = world.count("select batch_id from tenant_counters").await;
                    let steps = history.plants.entry(at as u64).or_default();
                    for (_, place) in waiting[at].drain(..) {
                        if let check::Step::Accepted { arrived, .. } = &mut steps[place] {
                            *arrived = Some(batch.unsigned_abs());
                        }
                    }
                }
                4 => {
                    let tenant = world.source.tenant;
                    projection::catch_up(&world.db.db, tenant).await.expect("projected");
                    let cx = Cx::system(tenant);
                    let abort = rng.random_bool(0.5);
                    let done: Result<follow::Step, HoldError> = world
                        .db
                        .db
                        .tx(&cx, async |tx| {
                            let step = follow::step_in(tx, &genealogy, 3, Utc::now()).await?;
                            if abort { Err(HoldError::NotFound) } else { Ok(step) }
                        })
                        .await;
                    assert!(done.is_ok() != abort, "{done:?}");
                }
                5 => {
                    // A plant holds a unit.
                    let key = rm(rng.random_range(1..=8));
                    if own[at].contains_key(&key) {
                        continue;
                    }
                    plants.journals[at].push(late(Stage::Hold, had[at].0, &[(key, Role::Subject)]));
                    let seq = plants.journals[at].last();
                    own[at].insert(key, seq);
                    let hold = of_plant(at, seq);
                    history.plants.entry(at as u64).or_default().push(check::Step::Placed { hold, key });
                }
                6 => {
                    // And releases one.
                    let Some((key, seq)) = own[at].pop_first() else { continue };
                    plants.journals[at].push(late(Stage::Release, had[at].0, &[(key, Role::Subject)]));
                    let hold = of_plant(at, seq);
                    history.plants.entry(at as u64).or_default().push(check::Step::Freed { hold });
                }
                _ => {
                    let (what, into) = (rng.random_range(1..=8), rng.random_range(1..=8));
                    let overridden = rng.random_bool(0.1);
                    let held = had[at].1.contains(&rm(what)) || own[at].contains_key(&rm(what));
                    // Links go one way, as in a bill of material.
                    if what >= into || (held && !overridden) {
                        continue;
                    }
                    let made = rng.random_bool(0.5);
                    let mut fact = match made {
                        true => packed(had[at].0, rm(what), rm(into), Action::Add),
                        false => late(Stage::Dispatch, had[at].0, &[(rm(what), Role::Subject)]),
                    };
                    if overridden {
                        fact.overridden_by = "op-9".into();
                    }
                    plants.journals[at].push(fact);
                    let steps = history.plants.entry(at as u64).or_default();
                    let seq = plants.journals[at].last();
                    waiting[at].push((seq, steps.len()));
                    events.insert((plants.sources[at].agent_id, seq), at as u64);
                    steps.push(check::Step::Accepted {
                        event: seq,
                        key: rm(what),
                        overridden,
                        arrived: None,
                    });
                }
            }
        }
        for (at, waiting) in waiting.iter_mut().enumerate() {
            plants.send(&world, at).await;
            let batch = world.count("select batch_id from tenant_counters").await;
            let steps = history.plants.entry(at as u64).or_default();
            for (_, place) in waiting.drain(..) {
                if let check::Step::Accepted { arrived, .. } = &mut steps[place] {
                    *arrived = Some(batch.unsigned_abs());
                }
            }
        }
        follow_by(&world, &genealogy).await;
        recorded(&world, &plants, &mut history, &events).await;
        assert_eq!(check::faults(&history), [], "seed {seed}");
        let violated = "select count(*) from hold_acts where class = 'violated'";
        assert_eq!(world.count(violated).await, 0, "seed {seed}: {history:#?}");
        let missing = "select count(*) from hold_members m join holds h using (tenant_id, hold_id) \
                       join uid_links l on l.from_key = m.key \
                       where h.status = 'placed' and not exists (select from hold_members o where o.hold_id = m.hold_id and o.key = l.to_key)";
        assert_eq!(world.count(missing).await, 0, "seed {seed}: what contains a held unit is held");
        // Nothing in an honest history is found altered.
        projection::catch_up(&world.db.db, world.source.tenant).await.expect("projected");
        let found = crate::proofs::tests::altered_in(&world.db.db, world.source.tenant).await;
        assert_eq!(found, "", "seed {seed}");
    }
}

/// The number in a history of a hold that a plant placed.
fn of_plant(at: usize, seq: u64) -> u64 {
    (at as u64 + 1) * 1_000_000 + seq
}

/// What plants are told is held now.
async fn held_now(world: &World) -> Vec<i64> {
    let cx = Cx::new(world.source.tenant, "test");
    let done: Result<Vec<i64>, DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            Ok(sqlx::query_scalar(
                "select distinct key::bigint from reference_rows, jsonb_array_elements_text(body->'keys') as key \
                 where kind = 'hold' and not deleted",
            )
            .fetch_all(tx.conn())
            .await?)
        })
        .await;
    done.expect("what is held")
}

/// Adds the holds as they were committed, and what is listed. A unit that came in
/// later counts from the event by which it did, which this history of links going
/// up cannot undercut: what it was used for before is left out.
async fn recorded(
    world: &World,
    plants: &Plants,
    history: &mut History,
    events: &BTreeMap<(Uuid, u64), u64>,
) {
    let cx = Cx::new(world.source.tenant, "test");
    type Row = (Uuid, i64, i64, i64, i64, Option<DateTime<Utc>>);
    type Ours = (Uuid, Option<Uuid>, Option<i64>, Option<i64>, Option<i64>);
    type Listed = (Uuid, Uuid, i64, i64);
    type All = (Vec<Row>, Vec<Ours>, Vec<Listed>);
    let done: Result<All, DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            let holds = sqlx::query_as(
                "select m.hold_id, h.placed_batch, m.key, p.told_version, p.told_generation, m.joined_at \
                 from hold_members m join holds h using (tenant_id, hold_id) \
                 join hold_parts p on p.hold_id = m.hold_id and p.part = m.part order by m.hold_id, m.key",
            )
            .fetch_all(tx.conn())
            .await?;
            let ours = sqlx::query_as(
                "select hold_id, placed_agent, placed_seq, released_version, \
                        (select b.batch_id from ingest_batches b where b.agent_id = placed_agent \
                         and b.to_seq >= released_seq order by b.to_seq limit 1) from holds",
            )
            .fetch_all(tx.conn())
            .await?;
            let listed = sqlx::query_as("select hold_id, agent_id, seq, key from hold_acts")
                .fetch_all(tx.conn())
                .await?;
            Ok((holds, ours, listed))
        })
        .await;
    let (holds, ours, listed) = done.expect("rows");
    let mut numbers: BTreeMap<Uuid, u64> = BTreeMap::new();
    for (hold, agent, seq, version, batch) in ours {
        let Some((agent, seq)) = agent.zip(seq) else { continue };
        let at = plants.sources.iter().position(|source| source.agent_id == agent).expect("a plant");
        let number = of_plant(at, seq.unsigned_abs());
        numbers.insert(hold, number);
        let told = version
            .zip(batch)
            .map(|(version, batch)| (acts::Version { generation: 1, version }, batch.unsigned_abs()));
        history.holds.entry(number).or_default().released = told;
    }
    for (hold, batch, key, version, generation, joined) in holds {
        let next = numbers.len() as u64;
        let number = *numbers.entry(hold).or_insert(next);
        let held = history.holds.entry(number).or_default();
        held.committed = batch.unsigned_abs();
        // What a unit was used for before it came in is no act on a held unit; the
        // model does not know when that was, and leaves late ones to the follower's
        // own tests.
        if joined.is_none() {
            held.told.insert(key, acts::Version { generation, version });
        }
    }
    for (hold, agent, seq, key) in listed {
        let seq = seq.unsigned_abs();
        history.listed.insert((numbers[&hold], events[&(agent, seq)], seq, key));
    }
}

#[test]
fn texts_are_complete_in_every_language() {
    platform::i18n::assert_complete(TEXTS);
    let lists = crate::pages::TEXTS;
    let all = platform::i18n::I18n::new().with_all(TEXTS).with_all(lists);
    for source in [
        include_str!("../../templates/holds.html"),
        include_str!("../../templates/holds/look.html"),
        include_str!("../../templates/holds/one.html"),
    ] {
        for piece in source.split("texts.t(\"").chain(source.split("texts, \"")).skip(1) {
            let key = piece.split('"').next().unwrap_or_default();
            assert!(!key.starts_with("holds-") || all.has(key), "{key}");
        }
    }
    for class in acts::Class::ALL {
        assert!(all.has(&format!("holds-class-{}", class.as_str())));
    }
    for kind in [GAP, VIOLATED] {
        assert!(all.has(&format!("trace-exception-{}", kind.replace('.', "-"))));
    }
}
