//! One of two tenants that number alike, and what its plant records.

use super::*;

/// One of the two.
#[derive(Clone, Default)]
pub(in super::super) struct Office {
    pub(in super::super) code: &'static str,
    pub(in super::super) tenant: Uuid,
    /// A key that may do everything.
    pub(super) key: String,
    /// Somebody who may as much, by their session; and who they are.
    pub(super) token: String,
    pub(super) person: Uuid,
    pub(super) gtin: &'static str,
    /// The end of what figures should be, as it is written with and without groups of digits.
    pub(super) target: &'static str,
    pub(super) hold: String,
    pub(super) scope: String,
    pub(super) recall: String,
    pub(super) file: String,
    pub(super) passport: String,
    /// The path of the passport's public page.
    pub(super) link: String,
}

impl Office {
    /// One that has nothing yet.
    pub(in super::super) fn of(code: &'static str, tenant: Uuid) -> Self {
        Self { code, tenant, ..Self::default() }
    }

    /// A text of this tenant alone.
    pub(in super::super) fn own(&self, what: &str) -> String {
        format!("{what}-OF-{}", self.code)
    }

    /// What every text of this tenant has within.
    pub(super) fn mark(&self) -> String {
        format!("-OF-{}", self.code)
    }

    /// What every UID and every text of this tenant, and its id, have within.
    pub(super) fn marks(&self) -> [String; 3] {
        [format!("-{}", self.code), self.tenant.to_string(), self.target.to_owned()]
    }

    pub(in super::super) fn uid(&self, (kind, number): (&str, u64)) -> uid::Uid {
        uid::Uid::new(self.code.parse().unwrap(), "KOL".parse().unwrap(), kind.parse().unwrap(), number)
            .unwrap()
    }

    /// The random part of the passport's key.
    pub(super) fn random(&self) -> &str {
        self.link.split_once("?k=").unwrap().1.split_at(4).1
    }

    /// A path of the pattern that names what is this tenant's.
    pub(super) fn path(&self, method: &str, pattern: &str) -> String {
        let id = match pattern {
            _ if pattern.contains("/lot/") => Uuid::from_u128(LOT).to_string(),
            _ if pattern.contains("/holds/") => self.hold.clone(),
            _ if pattern.contains("scopes/") => self.scope.clone(),
            _ if pattern.contains("/recalls/") => self.recall.clone(),
            _ if pattern.contains("/passports/") => self.passport.clone(),
            _ if pattern.contains("/files/") => self.file.clone(),
            _ => HOLD.to_owned(),
        };
        let named = pattern
            .replace("{uid}", &self.uid(PUMP).to_string())
            .replace("{id}", &id)
            .replace("{event}", &Uuid::from_u128(MADE).to_string())
            .replace("/machine/{code}", &format!("/machine/{}", self.own("OVEN")))
            .replace("/station/{code}", &format!("/station/{}", self.own("GATE")))
            .replace("/operator/{code}", &format!("/operator/{}", self.own("BADGE")))
            .replace("{type}/{number}", "po/PO-1")
            .replace("{master}", "items")
            .replace("{kind}/{*code}", &format!("items/{}", self.own("PUMP")))
            .replace("/items/row/{*code}", &format!("/items/row/{}", self.own("PUMP")))
            .replace("/items/rows/{*code}", &format!("/items/rows/{}", self.own("PUMP")))
            .replace("/items/history/{*code}", &format!("/items/history/{}", self.own("PUMP")))
            .replace("{kpi}", "outside");
        match pattern {
            "/trace" | "/search" | "/search/box" | "/api/v1/find" | "/api/v1/search" => {
                format!("{named}?q=SN-1")
            }
            "/trace/compare" | "/api/v1/trace/compare" => {
                format!("{named}?a={}&b={}", self.uid(PUMP), self.uid(STEEL))
            }
            "/api/v1/files" => format!("{named}?kind=items&key={}", self.own("PUMP")),
            "/api/v1/reference" => format!("{named}?kind=item"),
            "/suspects" => format!("{named}?criteria=%7B%22is%22%3A%7B%22plant%22%3A%22KOL%22%7D%7D"),
            "/proofs/history" => format!("{named}?uid={}", self.uid(PUMP)),
            _ if pattern.contains("dashboards/") || pattern.contains("/kpis/") => {
                format!("{}?period=days&from=2025-01-01&to=2025-04-30", sample(method, &named))
            }
            _ => sample(method, &named),
        }
    }

    /// Paths of reading at the pattern: of what can be had in several forms, each.
    pub(super) fn reads(&self, pattern: &str) -> Vec<String> {
        let path = self.path("GET", pattern);
        match pattern {
            _ if pattern.ends_with("/{master}/export") => vec![format!("{path}?format=xlsx"), path],
            _ => vec![path],
        }
    }

    /// Has its plant record that, and the cloud make of it what it makes.
    pub(in super::super) async fn record(&self, test: &TestDb) {
        let tenant = self.tenant;
        let agent: Result<Uuid, DbError> = test
            .db
            .tx(&Cx::system(tenant), async |tx| {
                let sql = "select agent_id from agents where name = 'KOL'";
                Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)
            })
            .await;
        let agent_id = agent.unwrap();
        let mut head = proto::chain::genesis(agent_id.as_bytes(), 1);
        let mut events = Vec::new();
        for (seq, mut event) in (1..).zip(self.events()) {
            if event.event_id.is_empty() {
                event.event_id = Uuid::now_v7().as_bytes().to_vec();
            }
            event.agent_id = agent_id.as_bytes().to_vec();
            (event.epoch, event.seq, event.prev_hash) = (1, seq, head.to_vec());
            let bytes = Bytes::from(event.encode_to_vec());
            head = proto::chain::link(&bytes);
            events.push(bytes);
        }
        let source = Source { tenant, agent_id, plant: Some("KOL".into()) };
        let batch = Batch { epoch: 1, from_seq: 1, events, oldest_seq: 1, ..Batch::default() };
        let ingest = Ingest::new(test.db.clone(), Committed::default());
        let done = ingest.commit_batch(&source, batch).await.unwrap();
        assert!(matches!(done, ingest::Outcome::Committed { .. }), "{done:?}");
        trace::projection::catch_up(&test.db, tenant).await.unwrap();
    }

    /// What its plant records: steel received, a pump made of it and inspected twice.
    pub(super) fn events(&self) -> Vec<Event> {
        let part = |unit, role: Role| Subject {
            key: self.uid(unit).key().get(),
            role: role.into(),
            ..Subject::default()
        };
        let mint = |unit, role, item: &str| {
            let minted = part(unit, role);
            Subject { mint: true, item: self.own(item), unit: "pcs".into(), quantity: "1".into(), ..minted }
        };
        let at = |stage: Stage, at: &str| {
            let at: chrono::DateTime<Utc> = at.parse().unwrap();
            Event {
                stage: stage.into(),
                occurred_at_us: at.timestamp_micros(),
                recorded_at_us: at.timestamp_micros(),
                plant: "KOL".into(),
                station: self.own("GATE"),
                operator_id: self.own("BADGE"),
                location: self.own("RACK"),
                ..Event::default()
            }
        };
        let lot = Uuid::from_u128(LOT).as_bytes().to_vec();
        let mut steel = mint(STEEL, Role::Subject, "STEEL");
        (steel.lot_id, steel.container, steel.alias) = (lot.clone(), true, "SN-1".into());
        let grn = Event {
            subjects: vec![steel],
            references: vec![Reference { r#type: "po".into(), number: "PO-1".into(), line: 1 }],
            lots: vec![Lot {
                lot_id: lot,
                item: self.own("STEEL"),
                supplier: self.own("MILL"),
                supplier_lot: self.own("HEAT"),
                ..Lot::default()
            }],
            ..at(Stage::Grn, "2025-01-18T14:20:00Z")
        };
        let made = Event {
            event_id: Uuid::from_u128(MADE).as_bytes().to_vec(),
            subjects: vec![part(STEEL, Role::Input), mint(PUMP, Role::Output, "PUMP")],
            ..at(Stage::Transformation, "2025-01-20T09:15:00Z")
        };
        let cured = Event {
            subjects: vec![part(PUMP, Role::Subject)],
            operation: self.own("CURE"),
            machine: self.own("OVEN"),
            attempt: 1,
            outcome: Outcome::Passed.into(),
            readings: vec![Reading {
                name: self.own("HEAT"),
                value: "230".into(),
                unit: "C".into(),
                quality: 1,
                low: "180".into(),
                high: "220".into(),
                at_us: 1_737_364_500_000_000,
            }],
            ..at(Stage::Operation, "2025-01-20T10:15:00Z")
        };
        let looked = |outcome: Outcome, when| Event {
            subjects: vec![part(PUMP, Role::Subject)],
            operation: self.own("LOOK"),
            outcome: outcome.into(),
            reason: if outcome == Outcome::Failed { self.own("CRACK") } else { String::new() },
            ..at(Stage::Inspection, when)
        };
        let failed = looked(Outcome::Failed, "2025-01-21T08:00:00Z");
        vec![grn, made, cured, failed, looked(Outcome::Passed, "2025-01-22T08:00:00Z")]
    }
}
