//! The ingest against a real Postgres.

mod arrivals;
mod beside;
mod forks;
mod genealogy;
mod model;
mod once;
mod poison;

use bytes::Bytes;
use platform::ctx::Cx;
use platform::db::DbError;
use platform::testing::TestDb;
use prost::Message;
use proto::chain::{self, Hash};
use proto::v1::{self, Action, Role, Stage};
use sqlx::Row;
use uid::Key;
use uuid::Uuid;

use super::{Batch, Committed, Ingest, IngestError, Outcome, Source};

/// A key of plant KOL and type RM.
pub(crate) fn rm(n: i64) -> i64 {
    3_474_027_400_000_000_000 + n
}

/// A database, a tenant and one plant's agent.
pub(crate) struct World {
    pub db: TestDb,
    pub ingest: Ingest,
    pub source: Source,
}

impl World {
    pub async fn new() -> Self {
        let db = TestDb::new().await;
        let tenant = db.tenant("SAIF", &["KOL", "VSK"]).await;
        let agent_id = agent(&db, tenant, "KOL").await;
        Self {
            ingest: Ingest::new(db.db.clone(), Committed::default()),
            source: Source { tenant, agent_id, plant: Some("KOL".into()) },
            db,
        }
    }

    pub async fn other(&self) -> Source {
        let agent_id = agent(&self.db, self.source.tenant, "VSK").await;
        Source { agent_id, plant: Some("VSK".into()), ..self.source }
    }

    pub fn journal(&self) -> Journal {
        Journal::new(&self.source, 1)
    }

    /// One number from the tenant's rows.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let cx = Cx::new(self.source.tenant, "test");
        let done: Result<i64, DbError> =
            self.db.db.tx(&cx, async |tx| Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)).await;
        done.expect("a count")
    }

    /// One text from the tenant's rows.
    pub async fn text(&self, sql: &'static str) -> String {
        let cx = Cx::new(self.source.tenant, "test");
        let done: Result<String, DbError> =
            self.db.db.tx(&cx, async |tx| Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)).await;
        done.expect("a text")
    }

    /// (kind, seq) of all exceptions, sorted.
    pub async fn exceptions(&self) -> Vec<(String, Option<i64>)> {
        let cx = Cx::new(self.source.tenant, "test");
        let done: Result<Vec<(String, Option<i64>)>, DbError> = self
            .db
            .db
            .tx(&cx, async |tx| {
                let rows =
                    sqlx::query("select kind, seq from exceptions where status = 'open' order by kind, seq")
                        .fetch_all(tx.conn())
                        .await?;
                Ok(rows.iter().map(|r| (r.get(0), r.get(1))).collect())
            })
            .await;
        done.expect("exceptions")
    }

    /// Payloads of a stream, in order.
    pub async fn payloads(&self, epoch: i32) -> Vec<Vec<u8>> {
        let cx = Cx::new(self.source.tenant, "test");
        let agent = self.source.agent_id;
        let done: Result<Vec<Vec<u8>>, DbError> = self
            .db
            .db
            .tx(&cx, async |tx| {
                let rows = sqlx::query(
                    "select payload from lifecycle_events where agent_id = $1 and epoch = $2 order by seq",
                )
                .bind(agent)
                .bind(epoch)
                .fetch_all(tx.conn())
                .await?;
                Ok(rows.iter().map(|r| r.get(0)).collect())
            })
            .await;
        done.expect("payloads")
    }

    pub async fn send(&self, batch: Batch) -> Result<Outcome, IngestError> {
        self.ingest.commit_batch(&self.source, batch).await
    }
}

async fn agent(db: &TestDb, tenant: Uuid, name: &'static str) -> Uuid {
    let cx = Cx::new(tenant, "test");
    let done: Result<Uuid, DbError> = db
        .db
        .tx(&cx, async |tx| {
            Ok(sqlx::query_scalar("select agent_id from agents where name = $1")
                .bind(name)
                .fetch_one(tx.conn())
                .await?)
        })
        .await;
    done.expect("the agent")
}

/// What an agent journals: events chained one by one.
#[derive(Clone)]
pub(crate) struct Journal {
    pub agent_id: Uuid,
    pub plant: String,
    pub epoch: u32,
    pub events: Vec<Bytes>,
    pub head: Hash,
    pub notes: Vec<v1::Note>,
}

impl Journal {
    pub fn new(source: &Source, epoch: u32) -> Self {
        Self {
            agent_id: source.agent_id,
            plant: source.plant.clone().unwrap_or_default(),
            epoch,
            events: Vec::new(),
            head: chain::genesis(source.agent_id.as_bytes(), epoch),
            notes: Vec::new(),
        }
    }

    /// Seq of the last event.
    pub fn last(&self) -> u64 {
        self.events.len() as u64
    }

    /// Adds an event; identity, chain and times are filled in. Answers its id.
    pub fn push(&mut self, event: v1::Event) -> Uuid {
        let id = Uuid::now_v7();
        let bytes = self.sealed(id, event).encode_to_vec();
        self.push_raw(bytes);
        id
    }

    pub fn sealed(&self, id: Uuid, event: v1::Event) -> v1::Event {
        let at = 1_750_000_000_000_000 + self.last() as i64 * 1_000_000;
        v1::Event {
            event_id: id.as_bytes().to_vec(),
            agent_id: self.agent_id.as_bytes().to_vec(),
            epoch: self.epoch,
            seq: self.last() + 1,
            prev_hash: self.head.to_vec(),
            occurred_at_us: if event.occurred_at_us == 0 { at } else { event.occurred_at_us },
            recorded_at_us: at,
            plant: if event.plant.is_empty() { self.plant.clone() } else { event.plant.clone() },
            ..event
        }
    }

    pub fn push_raw(&mut self, bytes: Vec<u8>) {
        self.head = chain::link(&bytes);
        self.events.push(bytes.into());
    }

    /// Events `from..=to` as a batch.
    pub fn batch(&self, from: u64, to: u64) -> Batch {
        Batch {
            epoch: self.epoch,
            from_seq: from,
            events: self.events[from as usize - 1..to as usize].to_vec(),
            notes: self.notes.clone(),
            oldest_seq: 1,
            ..Batch::default()
        }
    }

    pub fn all(&self) -> Batch {
        self.batch(1, self.last())
    }
}

pub(crate) fn event(stage: Stage) -> v1::Event {
    v1::Event { stage: stage.into(), station: "DOCK-1".into(), ..v1::Event::default() }
}

pub(crate) fn subject(key: i64, role: Role) -> v1::Subject {
    v1::Subject { key, role: role.into(), count: 1, ..v1::Subject::default() }
}

/// A receipt that mints one container of 25 kg.
pub(crate) fn receipt(key: i64) -> v1::Event {
    v1::Event {
        subjects: vec![v1::Subject {
            mint: true,
            quantity: "25.5".into(),
            unit: "kg".into(),
            item: "STEEL".into(),
            container: true,
            ..subject(key, Role::Output)
        }],
        references: vec![v1::Reference { r#type: "po".into(), number: "PO-1".into(), line: 1 }],
        ..event(Stage::Grn)
    }
}

pub(crate) fn assembly(action: Action, child: i64, parent: i64) -> v1::Event {
    v1::Event {
        action: action.into(),
        subjects: vec![subject(parent, Role::Parent), subject(child, Role::Child)],
        ..event(Stage::Assembly)
    }
}

pub(crate) fn through(outcome: &Outcome) -> (i64, usize) {
    match outcome {
        Outcome::Committed { through_seq, stored, .. } => (*through_seq, *stored),
        other => panic!("not committed: {other:?}"),
    }
}

#[test]
fn the_test_keys_are_keys() {
    assert_eq!(Key::new(rm(1)).expect("a key").parts().0.to_string(), "KOL");
}
