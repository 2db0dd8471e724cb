//! Builders for tests: plants that say things, in a real database.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::DbError;
use platform::testing::TestDb;
use prost::Message;
use proto::chain::{self, Hash};
use proto::v1::{Action, Event, Outcome, Reference, Role, Stage, Subject};
use uuid::Uuid;

use crate::genealogy::Genealogy;
use crate::ingest::{self, Batch, Committed, Ingest, Source};

/// A key of a UID's text.
pub(crate) fn key(uid: &str) -> i64 {
    uid.parse::<uid::Uid>().unwrap().key().get()
}

/// The text of plant, type and number of tenant SAIF.
pub(crate) fn uid(plant: &str, kind: &str, number: u64) -> String {
    uid::Uid::new("SAIF".parse().unwrap(), plant.parse().unwrap(), kind.parse().unwrap(), number)
        .unwrap()
        .to_string()
}

/// A fact under construction.
pub(crate) fn event(stage: Stage, at: &str) -> Event {
    let at: DateTime<Utc> = at.parse().unwrap();
    Event { stage: stage.into(), occurred_at_us: at.timestamp_micros(), ..Event::default() }
}

pub(crate) trait Say: Sized {
    fn action(self, action: Action) -> Self;
    fn part(self, uid: &str, role: Role) -> Self;
    fn mint(self, uid: &str, role: Role, item: &str) -> Self;
    fn quantity(self, quantity: &str, unit: &str) -> Self;
    fn document(self, kind: &str, number: &str) -> Self;
    fn at(self, location: &str) -> Self;
    fn result(self, outcome: Outcome) -> Self;
    fn corrects(self, event: Uuid) -> Self;
}

impl Say for Event {
    fn action(mut self, action: Action) -> Self {
        self.action = action.into();
        self
    }

    fn part(mut self, uid: &str, role: Role) -> Self {
        self.subjects.push(Subject { key: key(uid), role: role.into(), ..Subject::default() });
        self
    }

    fn mint(self, uid: &str, role: Role, item: &str) -> Self {
        let mut event = self.part(uid, role);
        if let Some(subject) = event.subjects.last_mut() {
            subject.mint = true;
            subject.item = item.into();
            subject.unit = "pcs".into();
        }
        event
    }

    /// Of the last part named.
    fn quantity(mut self, quantity: &str, unit: &str) -> Self {
        if let Some(subject) = self.subjects.last_mut() {
            subject.quantity = quantity.into();
            subject.unit = unit.into();
        }
        self
    }

    fn document(mut self, kind: &str, number: &str) -> Self {
        self.references.push(Reference { r#type: kind.into(), number: number.into(), line: 0 });
        self
    }

    fn at(mut self, location: &str) -> Self {
        self.location = location.into();
        self
    }

    fn result(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome.into();
        self
    }

    fn corrects(mut self, event: Uuid) -> Self {
        self.corrects = event.as_bytes().to_vec();
        self
    }
}

struct Journal {
    source: Source,
    seq: u64,
    head: Hash,
    queue: Vec<Bytes>,
}

/// Plants KOL and VSK of a tenant.
pub(crate) struct Site {
    pub db: TestDb,
    pub tenant: Uuid,
    ingest: Ingest,
    journals: BTreeMap<String, Journal>,
}

impl Site {
    pub async fn new() -> Self {
        let db = TestDb::new().await;
        Self::of(db, "SAIF").await
    }

    /// A tenant of its own in a database.
    pub async fn of(db: TestDb, code: &str) -> Self {
        let tenant = db.tenant(code, &["KOL", "VSK"]).await;
        let agents: Result<Vec<(String, Uuid, Option<String>)>, DbError> = db
            .db
            .tx(&Cx::system(tenant), async |tx| {
                Ok(sqlx::query_as("select name, agent_id, plant_code from agents")
                    .fetch_all(tx.conn())
                    .await?)
            })
            .await;
        let journals = agents
            .unwrap()
            .into_iter()
            .map(|(name, agent_id, plant)| {
                let head = chain::genesis(agent_id.as_bytes(), 1);
                let source = Source { tenant, agent_id, plant };
                (name, Journal { source, seq: 0, head, queue: Vec::new() })
            })
            .collect();
        Self { ingest: Ingest::new(db.db.clone(), Committed::default()), tenant, journals, db }
    }

    /// The same database, for another tenant beside this one.
    pub fn again(&self) -> TestDb {
        self.db.clone()
    }

    /// A genealogy with nothing in memory yet.
    pub fn genealogy(&self) -> Genealogy {
        Genealogy::new(self.db.db.clone(), crate::genealogy::Settings::default())
    }

    pub fn cx(&self) -> Cx {
        Cx::new(self.tenant, "user:test")
    }

    /// Journals a fact at an agent; answers its id. [`Site::send`] delivers it.
    pub fn say(&mut self, agent: &str, mut event: Event) -> Uuid {
        let journal = self.journals.get_mut(agent).unwrap();
        journal.seq += 1;
        let id = Uuid::now_v7();
        event.event_id = id.as_bytes().to_vec();
        event.agent_id = journal.source.agent_id.as_bytes().to_vec();
        event.epoch = 1;
        event.seq = journal.seq;
        event.prev_hash = journal.head.to_vec();
        event.recorded_at_us = event.occurred_at_us;
        if event.plant.is_empty() {
            event.plant = journal.source.plant.clone().unwrap_or_default();
        }
        let bytes = Bytes::from(event.encode_to_vec());
        journal.head = chain::link(&bytes);
        journal.queue.push(bytes);
        id
    }

    /// Delivers what an agent has queued.
    pub async fn send(&mut self, agent: &str) {
        let journal = self.journals.get_mut(agent).unwrap();
        let events = std::mem::take(&mut journal.queue);
        let mut from = journal.seq + 1 - events.len() as u64;
        for part in events.chunks(proto::MAX_BATCH_EVENTS) {
            let batch =
                Batch { epoch: 1, from_seq: from, events: part.to_vec(), oldest_seq: 1, ..Batch::default() };
            let done = self.ingest.commit_batch(&journal.source, batch).await.unwrap();
            assert!(matches!(done, ingest::Outcome::Committed { .. }), "{done:?}");
            from += part.len() as u64;
        }
    }

    /// Delivers everything and projects it.
    pub async fn settle(&mut self) {
        let agents: Vec<String> = self.journals.keys().cloned().collect();
        for agent in agents {
            self.send(&agent).await;
        }
        self.project().await;
    }

    pub async fn project(&self) {
        crate::projection::catch_up(&self.db.db, self.tenant).await.unwrap();
    }

    /// Runs SQL as the tenant.
    pub async fn sql(&self, sql: &'static str) {
        let done: Result<(), DbError> = self
            .db
            .db
            .tx(&self.cx(), async |tx| {
                sqlx::raw_sql(sql).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    }

    /// One value from the tenant's rows, as text.
    pub async fn ask(&self, sql: &'static str) -> String {
        let done: Result<Option<String>, DbError> = self
            .db
            .db
            .tx(&self.cx(), async |tx| {
                let sql = sqlx::AssertSqlSafe(format!("select string_agg(v, ' ') from ({sql}) as t(v)"));
                Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)
            })
            .await;
        done.unwrap().unwrap_or_default()
    }
}

/// The specification's example, as the plant says it.
pub(crate) const EXAMPLE: &str = "UID-SAIF-KOL-RM-000001-A7";

pub(crate) fn example(site: &mut Site) {
    site.say(
        "KOL",
        event(Stage::Procurement, "2025-01-15T10:30:00Z")
            .part(EXAMPLE, Role::Subject)
            .document("po", "PO-2025-001")
            .at("Vendor-XYZ"),
    );
    let lot = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    let mut grn = event(Stage::Grn, "2025-01-18T14:20:00Z")
        .mint(EXAMPLE, Role::Subject, "STEEL-10")
        .quantity("100", "kg")
        .document("recadv", "GRN-2025-045")
        .document("po", "PO-2025-001")
        .at("Warehouse-A-Rack-12");
    grn.lots.push(proto::v1::Lot {
        lot_id: lot.as_bytes().to_vec(),
        item: "STEEL-10".into(),
        supplier: "XYZ".into(),
        supplier_lot: "HEAT-77".into(),
        ..Default::default()
    });
    grn.subjects[0].lot_id = lot.as_bytes().to_vec();
    grn.subjects[0].container = true;
    grn.subjects[0].alias = "SN-4711".into();
    site.say("KOL", grn);
    site.say(
        "KOL",
        event(Stage::IssueToProduction, "2025-01-20T09:15:00Z")
            .part(EXAMPLE, Role::Subject)
            .document("prodorder", "PO-2025-010")
            .at("Assembly-Line-1"),
    );
}
