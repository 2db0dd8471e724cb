//! Builders for tests: plants that say things, in a real database, and mirrors of them.

use std::collections::BTreeMap;

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::DbError;
use platform::testing::TestDb;
use prost::Message;
use proto::chain::{self, Hash};
use proto::v1::{Event, Outcome, Reading, Reference, Role, Stage, Subject};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;
use trace::ingest::{self, Batch, Committed, Ingest, Source};
use uuid::Uuid;

use crate::mirror::{Mirrors, Settings};

struct Journal {
    source: Source,
    seq: u64,
    head: Hash,
    queue: Vec<Bytes>,
}

/// Plants KOL and VSK of a tenant, and its mirror.
pub(crate) struct World {
    pub test: TestDb,
    pub tenant: Uuid,
    code: String,
    /// Where batches are announced.
    pub committed: Committed,
    ingest: Ingest,
    journals: BTreeMap<String, Journal>,
}

/// Mirrors in a folder that goes with them.
pub(crate) fn mirrors() -> (Mirrors, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { memory_mb: 128, threads: 1, ..Settings::new(dir.path().join("mirror")) };
    (Mirrors::open(settings, None).unwrap(), dir)
}

impl World {
    pub async fn new() -> Self {
        Self::of(TestDb::new().await, "SAIF").await
    }

    /// A tenant of its own in a database.
    pub async fn of(test: TestDb, code: &str) -> Self {
        let tenant = test.tenant(code, &["KOL", "VSK"]).await;
        let agents: Result<Vec<(String, Uuid, Option<String>)>, DbError> = test
            .db
            .tx(&Cx::system(tenant), async |tx| {
                let sql = "select name, agent_id, plant_code from agents where kind = 'plant'";
                Ok(sqlx::query_as(sql).fetch_all(tx.conn()).await?)
            })
            .await;
        let journals = agents.unwrap().into_iter().map(|(name, agent_id, plant)| {
            let head = chain::genesis(agent_id.as_bytes(), 1);
            (name, Journal { source: Source { tenant, agent_id, plant }, seq: 0, head, queue: Vec::new() })
        });
        let journals = journals.collect();
        let committed = Committed::default();
        let ingest = Ingest::new(test.db.clone(), committed.clone());
        Self { tenant, code: code.into(), committed, ingest, journals, test }
    }

    /// The key of one of this tenant's UIDs.
    pub fn key(&self, plant: &str, kind: &str, number: u64) -> i64 {
        let (tenant, plant, kind) =
            (self.code.parse().unwrap(), plant.parse().unwrap(), kind.parse().unwrap());
        uid::Uid::new(tenant, plant, kind, number).unwrap().key().get()
    }

    /// Journals a fact at a plant; answers its id.
    pub fn say(&mut self, plant: &str, mut event: Event) -> Uuid {
        let journal = self.journals.get_mut(plant).unwrap();
        journal.seq += 1;
        let id = Uuid::now_v7();
        event.event_id = id.as_bytes().to_vec();
        event.agent_id = journal.source.agent_id.as_bytes().to_vec();
        (event.epoch, event.seq, event.prev_hash) = (1, journal.seq, journal.head.to_vec());
        event.recorded_at_us = event.occurred_at_us;
        event.plant = plant.into();
        let bytes = Bytes::from(event.encode_to_vec());
        journal.head = chain::link(&bytes);
        journal.queue.push(bytes);
        id
    }

    /// Delivers what a plant has queued, in batches of at most `size`.
    pub async fn send(&mut self, plant: &str, size: usize) {
        let journal = self.journals.get_mut(plant).unwrap();
        let events = std::mem::take(&mut journal.queue);
        let mut from_seq = journal.seq + 1 - events.len() as u64;
        for part in events.chunks(size) {
            let batch =
                Batch { epoch: 1, from_seq, events: part.to_vec(), oldest_seq: 1, ..Batch::default() };
            let done = self.ingest.commit_batch(&journal.source, batch).await.unwrap();
            assert!(matches!(done, ingest::Outcome::Committed { .. }), "{done:?}");
            from_seq += part.len() as u64;
        }
    }

    /// Runs SQL as whoever owns the tables: behind everybody's back.
    pub async fn as_owner(&self, sql: &'static str) {
        let owner = self.test.owner_of(self.tenant).await;
        let mut owner = sqlx::ConnectOptions::connect(&owner).await.unwrap();
        let done = format!("select set_config('app.tenant_id', '{}', false); {sql}", self.tenant);
        sqlx::raw_sql(sqlx::AssertSqlSafe(done)).execute(&mut owner).await.unwrap();
    }

    /// Runs SQL as the tenant.
    pub async fn sql(&self, sql: &'static str) {
        let done: Result<(), DbError> = self
            .test
            .db
            .tx(&Cx::system(self.tenant), async |tx| {
                sqlx::raw_sql(sql).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    }
}

/// A fact under construction.
pub(crate) fn event(stage: Stage, at: &str) -> Event {
    let at: DateTime<Utc> = at.parse().unwrap();
    Event {
        stage: stage.into(),
        occurred_at_us: at.timestamp_micros(),
        occurred_offset_min: 330,
        ..Event::default()
    }
}

pub(crate) trait Say: Sized {
    fn part(self, key: i64, role: Role) -> Self;
    fn mint(self, key: i64, item: &str) -> Self;
    fn reading(self, name: &str, value: &str, low: &str, high: &str) -> Self;
    fn result(self, outcome: Outcome) -> Self;
}

impl Say for Event {
    fn part(mut self, key: i64, role: Role) -> Self {
        self.subjects.push(Subject { key, role: role.into(), ..Subject::default() });
        self
    }

    fn mint(self, key: i64, item: &str) -> Self {
        let mut event = self.part(key, Role::Subject);
        if let Some(subject) = event.subjects.last_mut() {
            (subject.mint, subject.item, subject.unit) = (true, item.into(), "pcs".into());
        }
        event
    }

    fn reading(mut self, name: &str, value: &str, low: &str, high: &str) -> Self {
        self.readings.push(Reading {
            name: name.into(),
            value: value.into(),
            unit: "C".into(),
            quality: 1,
            low: low.into(),
            high: high.into(),
            at_us: self.occurred_at_us,
        });
        self
    }

    fn result(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome.into();
        self
    }
}

/// Histories by chance, the same for the same seed.
pub(crate) struct Chance {
    pub rng: ChaCha8Rng,
    pub said: Vec<Uuid>,
    /// Corrections and what they correct, in the order said.
    pub corrections: Vec<(Uuid, Uuid)>,
    units: u64,
}

impl Chance {
    pub fn of(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), said: Vec::new(), corrections: Vec::new(), units: 0 }
    }

    /// One more event at a plant.
    pub fn say(&mut self, world: &mut World, plant: &str) {
        let at = format!(
            "2025-{:02}-{:02}T{:02}:{:02}:00Z",
            self.rng.random_range(1..4),
            self.rng.random_range(1..28),
            self.rng.random_range(0..24),
            self.rng.random_range(0..60)
        );
        let some = |rng: &mut ChaCha8Rng, units: u64| rng.random_range(1..=units.max(1));
        let choice = self.rng.random_range(0..10);
        let unit = world.key(plant, "FG", some(&mut self.rng, self.units));
        let other = world.key(plant, "FG", some(&mut self.rng, self.units));
        let mut said = match choice {
            0..=2 => {
                self.units += 1;
                let item = if self.rng.random_bool(0.5) { "PUMP" } else { "VALVE" };
                let mut grn = event(Stage::Grn, &at).mint(world.key(plant, "FG", self.units), item);
                grn.references.push(Reference { r#type: "po".into(), number: "PO-1".into(), line: 1 });
                grn.accepted_quantity = format!("{}.25", self.rng.random_range(1..50));
                grn
            }
            3 | 4 => {
                let passed = self.rng.random_bool(0.8);
                let outcome = if passed { Outcome::Passed } else { Outcome::Failed };
                let mut seen = event(Stage::Inspection, &at).part(unit, Role::Subject).result(outcome);
                seen.rejected_quantity = if passed { String::new() } else { "1".into() };
                seen.reason = if passed { String::new() } else { "CRACK".into() };
                seen
            }
            5 | 6 => {
                let value = self.rng.random_range(150..260).to_string();
                let mut done = event(Stage::Operation, &at)
                    .part(unit, Role::Subject)
                    .reading("temperature", &value, "180", "220.5")
                    .reading("speed", "12.5", "", "")
                    .result(Outcome::Passed);
                (done.operation, done.machine, done.attempt) = ("CURE".into(), "OVEN-1".into(), 1);
                done
            }
            7 => event(Stage::Assembly, &at).part(other, Role::Child).part(unit, Role::Parent),
            8 => event(Stage::Consume, &at).part(other, Role::Input).part(unit, Role::Output),
            _ => event(Stage::Correct, &at),
        };
        (said.station, said.operator_id, said.shift) = ("S1".into(), "op-7".into(), "A".into());
        let correct = choice == 9 && !self.said.is_empty();
        if correct {
            let target = self.said[self.rng.random_range(0..self.said.len())];
            said.corrects = target.as_bytes().to_vec();
            let id = world.say(plant, said);
            self.corrections.push((id, target));
            self.said.push(id);
        } else {
            let id = world.say(plant, said);
            self.said.push(id);
        }
    }
}
