//! Corrections of corrections, in whatever order two plants deliver them.

use std::collections::HashMap;

use super::beside::at_once;
use super::genealogy::correct;
use super::*;
use crate::ingest::corrections::undone;
use crate::ingest::links::inverse;

#[tokio::test]
async fn what_was_never_undone_is_not_put_back() {
    let world = World::new().await;
    let other = world.other().await;
    let (mut ours, mut theirs) = (world.journal(), Journal::new(&other, 1));
    let add = ours.push(assembly(Action::Add, rm(1), rm(2)));
    let never = theirs.push(correct(add));
    // That it was, after all, is here before that it never was.
    let was = ours.push(correct(never));
    world.send(ours.all()).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![("correct.unknown".into(), Some(2))]);
    world.ingest.commit_batch(&other, theirs.all()).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(world.count("select count(*) from uid_links").await, 1);
    // It was not.
    ours.push(correct(was));
    world.send(ours.batch(3, 3)).await.expect("stored");
    assert_eq!(world.count("select count(*) from uid_links where effect = 3").await, 1);
    assert_eq!(world.count("select count(*) from uid_links").await, 2);
}

#[tokio::test]
async fn what_never_was_is_undone_once_though_it_is_said_again_before() {
    let world = World::new().await;
    let other = world.other().await;
    let (mut ours, mut theirs) = (world.journal(), Journal::new(&other, 1));
    let add = ours.push(assembly(Action::Add, rm(1), rm(2)));
    let never = ours.push(correct(add));
    let was = theirs.push(correct(never));
    ours.push(correct(was));
    world.send(ours.all()).await.expect("stored");
    world.ingest.commit_batch(&other, theirs.all()).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(world.count("select count(*) from uid_links where effect = 3").await, 1);
    assert_eq!(world.count("select count(*) from uid_links").await, 2);
}

#[tokio::test]
async fn what_comes_with_its_own_correction_is_undone_though_another_one_waits() {
    let world = World::new().await;
    let other = world.other().await;
    let (mut ours, mut theirs) = (world.journal(), Journal::new(&other, 1));
    let add = ours.push(assembly(Action::Add, rm(1), rm(2)));
    theirs.push(correct(add));
    ours.push(correct(add));
    world.ingest.commit_batch(&other, theirs.all()).await.expect("stored");
    world.send(ours.all()).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(world.count("select count(*) from uid_links where effect = 3").await, 1);
    assert_eq!(world.count("select count(*) from uid_links").await, 2);
}

#[tokio::test]
async fn the_first_of_a_row_of_corrections_waits_for_all_of_them() {
    let world = World::new().await;
    let other = world.other().await;
    let (mut ours, mut theirs) = (world.journal(), Journal::new(&other, 1));
    let add = theirs.push(assembly(Action::Add, rm(1), rm(2)));
    let never = Uuid::now_v7();
    ours.push(correct(never));
    let told = ours.sealed(never, correct(add));
    ours.push_raw(told.encode_to_vec());
    world.send(ours.batch(1, 1)).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![("correct.unknown".into(), Some(1))]);
    world.send(ours.batch(2, 2)).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![("correct.unknown".into(), Some(2))]);
    world.ingest.commit_batch(&other, theirs.all()).await.expect("stored");
    assert_eq!(world.exceptions().await, vec![]);
    assert_eq!(world.count("select count(*) from uid_links").await, 1);
}

/// A small generator, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick(&mut self, among: usize) -> usize {
        self.roll(among as u64) as usize
    }
}

/// Something that ties a unit to another, or unties them.
fn tie(dice: &mut Dice, unit: i64, whole: i64) -> v1::Event {
    let packing = |action: Action| v1::Event {
        action: action.into(),
        subjects: vec![subject(whole, Role::Parent), subject(unit, Role::Child)],
        ..event(Stage::Packing)
    };
    match dice.roll(6) {
        0 => assembly(Action::Add, unit, whole),
        1 => assembly(Action::Delete, unit, whole),
        2 => packing(Action::Add),
        3 => packing(Action::Delete),
        4 => v1::Event {
            subjects: vec![subject(unit, Role::Input), subject(whole, Role::Subject)],
            ..event(Stage::Consume)
        },
        _ => v1::Event { subjects: vec![subject(unit, Role::Subject)], ..event(Stage::Return) },
    }
}

/// The event at the root of a correction, and itself of any other.
fn root(of: &HashMap<Uuid, Uuid>, event: Uuid) -> Uuid {
    let mut at = event;
    while let Some(next) = of.get(&at) {
        at = *next;
    }
    at
}

#[tokio::test]
async fn the_corrections_of_an_event_undo_its_links_once_or_not_in_every_order_of_arrival() {
    let world = World::new().await;
    let other = world.other().await;
    let sources = [&world.source, &other];
    let mut journals = [world.journal(), Journal::new(&other, 1)];
    let mut dice = Dice(11);
    let (mut sent, mut batches) = ([0_u64; 2], 0);
    // What each correction corrects, and with which batch each event came.
    let mut of: HashMap<Uuid, Uuid> = HashMap::new();
    let mut came: HashMap<Uuid, i32> = HashMap::new();
    for round in 0..120 {
        let (unit, whole) = (rm(2 * round + 1), rm(2 * round + 2));
        let mut told: Vec<Uuid> = Vec::new();
        let mut queued: [Vec<Uuid>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..3 + dice.roll(6) {
            let by = dice.pick(2);
            let corrected = (!told.is_empty() && dice.roll(4) > 0).then(|| told[dice.pick(told.len())]);
            let said = corrected.map_or_else(|| tie(&mut dice, unit, whole), correct);
            let id = journals[by].push(said);
            of.extend(corrected.map(|corrected| (id, corrected)));
            told.push(id);
            queued[by].push(id);
        }
        while queued.iter().any(|queue| !queue.is_empty()) {
            if queued.iter().all(|queue| !queue.is_empty()) && dice.roll(4) == 0 {
                batches += 1;
                let both = [0, 1].map(|by| {
                    let from = sent[by] + 1;
                    sent[by] += queued[by].len() as u64;
                    came.extend(queued[by].drain(..).map(|id| (id, batches)));
                    (sources[by], journals[by].batch(from, sent[by]))
                });
                at_once(&world, both).await;
                continue;
            }
            let by = dice.pick(2);
            if queued[by].is_empty() {
                continue;
            }
            let some = dice.pick(queued[by].len()) + 1;
            batches += 1;
            came.extend(queued[by].drain(..some).map(|id| (id, batches)));
            let (from, to) = (sent[by] + 1, sent[by] + some as u64);
            world.ingest.commit_batch(sources[by], journals[by].batch(from, to)).await.expect("stored");
            sent[by] = to;
        }
    }
    let overtook = of.iter().filter(|(by, of)| came[*by] < came[*of]);
    let overtook = overtook.filter(|(_, corrected)| of.contains_key(*corrected)).count();
    assert!(overtook > 20, "{overtook} corrections came before the corrections that they correct");
    let waiting = "select count(*) from exceptions where kind = 'correct.unknown' and status <> 'resolved'";
    assert_eq!(world.count(waiting).await, 0);

    let cx = Cx::new(world.source.tenant, "test");
    let links: Result<Vec<(Uuid, i64, i64, i16)>, DbError> = world
        .db
        .db
        .tx(&cx, async |tx| {
            let sql = "select e.event_id, l.from_key, l.to_key, l.effect from uid_links l \
                       join lifecycle_events e using (tenant_id, agent_id, epoch, seq)";
            Ok(sqlx::query_as(sql).fetch_all(tx.conn()).await?)
        })
        .await;
    let links = links.expect("links");
    // Of each link that an event made, what that did to it.
    let own: HashMap<(Uuid, i64, i64), i16> = links
        .iter()
        .filter(|(event, ..)| !of.contains_key(event))
        .map(|(event, from, to, effect)| ((*event, *from, *to), *effect))
        .collect();
    let mut times: HashMap<(Uuid, i64, i64), i32> = HashMap::new();
    for (event, from, to, effect) in links.iter().filter(|(event, ..)| of.contains_key(event)) {
        let link = (root(&of, *event), *from, *to);
        assert!([own[&link], inverse(own[&link])].contains(effect));
        *times.entry(link).or_default() += if *effect == own[&link] { -1 } else { 1 };
    }
    let pairs: Vec<(Uuid, Uuid)> = of.iter().map(|(by, of)| (*by, *of)).collect();
    for link in own.keys() {
        let wanted = i32::from(undone(link.0, &pairs));
        assert_eq!(times.get(link).copied().unwrap_or_default(), wanted, "{link:?}");
    }
}
