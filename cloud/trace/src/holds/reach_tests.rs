//! What a hold reaches, by memory and by the SQL: on random graphs with circles, packages
//! and corrections, and while plants send.

use std::cell::Cell;
use std::time::Duration;

use platform::ctx::Cx;
use proto::v1::{self, Action, Role};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::genealogy::Settings;
use crate::ingest::Committed;
use crate::ingest::tests::{Journal, World, assembly, event, receipt, rm, subject};
use crate::projection;

/// Units of a world.
const UNITS: i64 = 14;

/// Waits as long as it takes, so that memory answers whatever else runs.
fn patient(world: &World) -> Genealogy {
    let settings = Settings { wait: Duration::from_secs(60), ..Settings::default() };
    Genealogy::new(world.db.db.clone(), settings)
}

fn lot() -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0007)
}

/// A plant that says anything, and what it said that can be corrected.
struct Plant {
    journal: Journal,
    sent: u64,
    said: Vec<Uuid>,
    corrects: bool,
}

impl Plant {
    async fn new(world: &World, corrects: bool) -> Self {
        let mut journal = world.journal();
        for n in 1..=UNITS {
            let mut born = receipt(rm(n));
            if n <= 3 {
                born.subjects[0].lot_id = lot().as_bytes().to_vec();
                born.lots = vec![v1::Lot { lot_id: lot().as_bytes().to_vec(), ..v1::Lot::default() }];
            }
            journal.push(born);
        }
        let mut plant = Self { journal, sent: 0, said: Vec::new(), corrects };
        plant.send(world).await;
        plant
    }

    fn say(&mut self, random: &mut StdRng) {
        let (from, to) = (rm(random.random_range(1..=UNITS)), rm(random.random_range(1..=UNITS)));
        let of = random.random_range(0..self.said.len().max(1));
        let said = match (random.random_range(0..10), self.said.get(of)) {
            // It names nobody: what it is about is known by what it corrects.
            (0..3, Some(of)) if self.corrects => {
                v1::Event { corrects: of.as_bytes().to_vec(), ..event(Stage::Correct) }
            }
            (3, _) => assembly(Action::Delete, from, to),
            (4, _) => v1::Event {
                action: Action::Add.into(),
                subjects: vec![subject(to, Role::Parent), subject(from, Role::Child)],
                ..event(Stage::Packing)
            },
            _ => assembly(Action::Add, from, to),
        };
        self.said.push(self.journal.push(said));
    }

    async fn send(&mut self, world: &World) {
        let (from, to) = (self.sent + 1, self.journal.last());
        world.send(self.journal.batch(from, to)).await.expect("stored");
        self.sent = to;
    }
}

async fn follow_up(world: &World, genealogy: &Genealogy) {
    let (db, tenant) = (&world.db.db, world.source.tenant);
    projection::catch_up(db, tenant).await.expect("projected");
    follow::catch_up(db, &Committed::default(), genealogy, tenant).await.expect("followed");
}

async fn place_it(world: &World, genealogy: &Genealogy, scope: &Scope) -> Uuid {
    let cx = Cx::new(world.source.tenant, "user:7");
    let done = world.db.db.tx(&cx, async |tx| place(tx, genealogy, scope, "crack", Utc::now()).await).await;
    done.expect("placed").hold_id
}

/// What a hold holds, and what its scope reaches by the SQL.
async fn held_and_reached(world: &World, hold: Uuid, scope: &Scope) -> (Vec<i64>, Vec<i64>) {
    let cx = Cx::new(world.source.tenant, "user:7");
    let done = world.db.db.tx(&cx, async |tx| {
        let tenant = tx.tenant();
        let mut held = members_of(tx, tenant, hold).await?;
        held.sort_unstable();
        let found = members::of_scope(tx, &Genealogy::default(), scope).await?;
        Ok::<_, HoldError>((held, found.members.iter().map(|member| member.key).collect()))
    });
    done.await.expect("both")
}

#[tokio::test]
async fn a_hold_reaches_by_memory_what_it_reaches_by_the_sql() {
    for seed in 0..4 {
        let world = World::new().await;
        let genealogy = patient(&world);
        let mut random = StdRng::seed_from_u64(seed);
        let mut plant = Plant::new(&world, true).await;
        for _ in 0..8 {
            (0..6).for_each(|_| plant.say(&mut random));
            plant.send(&world).await;
            let cx = Cx::new(world.source.tenant, "user:7");
            let same: Result<(), HoldError> = world
                .db
                .db
                .tx(&cx, async |tx| {
                    let labels = (1..=UNITS).map(|n| Scope::Label { key: rm(n), descendants: true });
                    for scope in
                        labels.chain([Scope::Lot { lot: lot(), descendants: true, deliveries: false }])
                    {
                        let memory = members::of_scope(tx, &genealogy, &scope).await?;
                        let sql = members::of_scope(tx, &Genealogy::default(), &scope).await?;
                        assert_eq!(memory, sql, "seed {seed}, {scope:?}");
                    }
                    Ok(())
                })
                .await;
            same.expect("asked");
        }
        let figures = genealogy.figures();
        assert!(figures.from_memory >= 8 * (UNITS as u64 + 1), "{figures:?}");
        assert_eq!(figures.from_sql, 0);
    }
}

/// Holds are placed and grow by memory while a plant sends without a pause: in the end
/// each has all that its scope reaches by the SQL, and without corrections nothing else.
#[tokio::test]
async fn nothing_is_missed_while_plants_send() {
    for seed in 0..4 {
        let world = World::new().await;
        let genealogy = patient(&world);
        let mut random = StdRng::seed_from_u64(seed);
        let mut plant = Plant::new(&world, seed % 2 == 1).await;
        follow_up(&world, &genealogy).await;
        genealogy.warm(world.source.tenant).await.expect("read");
        let done = Cell::new(false);
        let mut choice = StdRng::seed_from_u64(seed + 100);
        let sends = async {
            for _ in 0..40 {
                (0..2).for_each(|_| plant.say(&mut random));
                plant.send(&world).await;
            }
            done.set(true);
        };
        let places = async {
            let mut holds = Vec::new();
            while !done.get() || holds.is_empty() {
                let scope = match choice.random_range(0..=UNITS) {
                    0 => Scope::Lot { lot: lot(), descendants: true, deliveries: false },
                    n => Scope::Label { key: rm(n), descendants: true },
                };
                holds.push((place_it(&world, &genealogy, &scope).await, scope));
            }
            holds
        };
        let follows = async {
            while !done.get() {
                follow_up(&world, &genealogy).await;
            }
        };
        let ((), holds, ()) = tokio::join!(sends, places, follows);
        follow_up(&world, &genealogy).await;
        assert!(genealogy.figures().from_memory > holds.len() as u64, "it was memory that was asked");
        assert_eq!(genealogy.figures().from_sql, 0);
        for (hold, scope) in holds {
            let (held, reached) = held_and_reached(&world, hold, &scope).await;
            let missed: Vec<i64> = reached.iter().copied().filter(|key| !held.contains(key)).collect();
            assert_eq!(missed, [0_i64; 0], "seed {seed}, {scope:?}");
            if !plant.corrects {
                assert_eq!(held, reached, "seed {seed}, {scope:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_link_that_a_correction_puts_back_is_followed() {
    let world = World::new().await;
    let genealogy = patient(&world);
    let mut plant = Plant::new(&world, true).await;
    let correct = |of: Uuid| v1::Event { corrects: of.as_bytes().to_vec(), ..event(Stage::Correct) };
    let built = plant.journal.push(assembly(Action::Add, rm(5), rm(6)));
    let never = plant.journal.push(correct(built));
    plant.send(&world).await;
    let scope = Scope::Label { key: rm(5), descendants: true };
    let hold = place_it(&world, &genealogy, &scope).await;
    assert_eq!(held_and_reached(&world, hold, &scope).await, (vec![rm(5)], vec![rm(5)]));
    // It was built in after all; the correction names neither of the two.
    plant.journal.push(correct(never));
    plant.send(&world).await;
    follow_up(&world, &genealogy).await;
    let both = vec![rm(5), rm(6)];
    assert_eq!(held_and_reached(&world, hold, &scope).await, (both.clone(), both));
    let way = "select count(*) from hold_members where cause = 'made' and via_key = key - 1 and joined_seq is not null";
    assert_eq!(world.count(way).await, 1, "it is said through whom it came in");
}
