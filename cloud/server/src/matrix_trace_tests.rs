//! Two tenants whose units, lots, documents and events bear the same numbers: what one of
//! them is answered holds nothing of the other, in pages and API, exports, passports and
//! proofs, in the files of the mirrors and in those of Parquet.

use std::path::Path;

use analytics::mirror::duckdb::Connection;
use analytics::mirror::export::{Months, export};
use analytics::mirror::{DIMENSIONS, FACTS, Mirrors};
use axum::body::Bytes;
use calamine::Reader as _;
use platform::files::Depot;
use prost::Message;
use proto::v1::{Event, Lot, Outcome, Reading, Reference, Role, Stage, Subject};
use serde_json::{Value, json};
use trace::ingest::{self, Batch, Ingest, Source};

use super::*;

const STEEL: (&str, u64) = ("RM", 1);
const PUMP: (&str, u64) = ("FG", 1);
/// The lot of both, by its id.
const LOT: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0777;
/// An event of both, by its id.
const MADE: u128 = 0x0190_0000_0000_7000_8000_0000_0000_0999;

/// One of the two.
struct Office {
    code: &'static str,
    tenant: Uuid,
    /// A key that may do everything.
    key: String,
    gtin: &'static str,
    /// The end of what figures should be, as it is written with and without groups of digits.
    target: &'static str,
    hold: String,
    scope: String,
    recall: String,
    passport: String,
    /// The path of the passport's public page.
    link: String,
}

impl Office {
    /// A text of this tenant alone.
    fn own(&self, what: &str) -> String {
        format!("{what}-OF-{}", self.code)
    }

    /// What every text of this tenant has within.
    fn mark(&self) -> String {
        format!("-OF-{}", self.code)
    }

    /// What every UID and every text of this tenant, and its id, have within.
    fn marks(&self) -> [String; 3] {
        [format!("-{}", self.code), self.tenant.to_string(), self.target.to_owned()]
    }

    fn uid(&self, (kind, number): (&str, u64)) -> uid::Uid {
        uid::Uid::new(self.code.parse().unwrap(), "KOL".parse().unwrap(), kind.parse().unwrap(), number)
            .unwrap()
    }

    /// The random part of the passport's key.
    fn random(&self) -> &str {
        self.link.split_once("?k=").unwrap().1.split_at(4).1
    }

    /// A path of the pattern that names what is this tenant's.
    fn path(&self, method: &str, pattern: &str) -> String {
        let id = match pattern {
            _ if pattern.contains("/lot/") => Uuid::from_u128(LOT).to_string(),
            _ if pattern.contains("/holds/") => self.hold.clone(),
            _ if pattern.contains("scopes/") => self.scope.clone(),
            _ if pattern.contains("/recalls/") => self.recall.clone(),
            _ if pattern.contains("/passports/") => self.passport.clone(),
            _ => HOLD.to_owned(),
        };
        let named = pattern
            .replace("{uid}", &self.uid(PUMP).to_string())
            .replace("{id}", &id)
            .replace("{event}", &Uuid::from_u128(MADE).to_string())
            .replace("/machine/{code}", &format!("/machine/{}", self.own("OVEN")))
            .replace("/operator/{code}", &format!("/operator/{}", self.own("BADGE")))
            .replace("{type}/{number}", "po/PO-1")
            .replace("{master}", "items")
            .replace("{kpi}", "outside");
        match pattern {
            "/trace" | "/search" | "/search/box" | "/api/v1/find" | "/api/v1/search" => {
                format!("{named}?q=SN-1")
            }
            "/trace/compare" | "/api/v1/trace/compare" => {
                format!("{named}?a={}&b={}", self.uid(PUMP), self.uid(STEEL))
            }
            "/api/v1/reference" => format!("{named}?kind=item"),
            "/suspects" => format!("{named}?criteria=%7B%22is%22%3A%7B%22plant%22%3A%22KOL%22%7D%7D"),
            "/proofs/history" => format!("{named}?uid={}", self.uid(PUMP)),
            _ if pattern.contains("dashboards/") || pattern.contains("/kpis/") => {
                format!("{}?period=days&from=2025-01-01&to=2025-04-30", sample(method, &named))
            }
            _ => sample(method, &named),
        }
    }

    /// What its plant records: steel received, a pump made of it and inspected twice.
    fn events(&self) -> Vec<Event> {
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

/// Both, in one cloud.
struct Two {
    router: Router,
    test: TestDb,
    mirrors: Mirrors,
    config: Config,
    _folder: tempfile::TempDir,
    offices: [Office; 2],
}

impl Two {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let folder = tempfile::tempdir().unwrap();
        let config =
            Config { state_dir: folder.path().to_owned(), rate_caller_burst: 0, ..Config::default() };
        let mirrors = Mirrors::open(config.mirrors(), None).unwrap();
        let shared = Shared { mirrors: mirrors.clone(), ..Shared::default() };
        let modules = modules::all(&shared);
        let files = config.files(Module::all_attached(&modules)).unwrap();
        let state = state(&test.db, &config, &modules, Secrets::passing().unwrap(), true, files);
        let router = app(state, modules, shared, true);
        let one = Self::office(&test, "QXAA", "04006381333931", "471.147471").await;
        let other = Self::office(&test, "QXBB", "09506000134352", "882.288882").await;
        let mut this = Self { router, test, mirrors, config, _folder: folder, offices: [one, other] };
        for at in 0..2 {
            this.fill(at).await;
        }
        this
    }

    async fn office(test: &TestDb, code: &'static str, gtin: &'static str, target: &'static str) -> Office {
        let tenant = test.tenant(code, &["KOL"]).await;
        let key = keys::create(&test.db, tenant, "two", &[Scope::Admin], None).await.unwrap();
        let (key, none) = (key.reveal().to_owned(), String::new);
        let (hold, scope, recall, passport, link) = (none(), none(), none(), none(), none());
        Office { code, tenant, key, gtin, target, hold, scope, recall, passport, link }
    }

    /// Events, and what the office makes of them.
    async fn fill(&mut self, at: usize) {
        let office = &self.offices[at];
        let (tenant, own) = (office.tenant, |what| office.own(what));
        let rows = [
            format!(
                "insert into items (tenant_id, item, name, type_code, base_unit, tracking, gtin)
                 values ('{tenant}', '{}', '{}', 'FG', 'pcs', 'unit', '{}')",
                own("PUMP"),
                own("NAME"),
                office.gtin,
            ),
            format!(
                "insert into partners (tenant_id, partner, name, roles)
                 values ('{tenant}', '{}', '{}', '{{supplier}}')",
                own("MILL"),
                own("MILLS"),
            ),
        ];
        let agent: Result<Uuid, DbError> = self
            .test
            .db
            .tx(&Cx::system(tenant), async |tx| {
                for row in &rows {
                    sqlx::query(sqlx::AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
                }
                let sql = "select agent_id from agents where name = 'KOL'";
                Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)
            })
            .await;
        let agent_id = agent.unwrap();
        let mut head = proto::chain::genesis(agent_id.as_bytes(), 1);
        let mut events = Vec::new();
        for (seq, mut event) in (1..).zip(office.events()) {
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
        let ingest = Ingest::new(self.test.db.clone(), Committed::default());
        let done = ingest.commit_batch(&source, batch).await.unwrap();
        assert!(matches!(done, ingest::Outcome::Committed { .. }), "{done:?}");
        trace::projection::catch_up(&self.test.db, tenant).await.unwrap();
        self.mirrors.catch_up(&self.test.db, tenant, Utc::now(), |_, _| {}).await.unwrap();

        let unit = office.uid(PUMP).to_string();
        // First: what is held gets none.
        let passport = self.made(office, "/api/v1/passports", json!({ "uid": unit })).await;
        let hold = json!({ "uid": unit, "reason": own("HOLD") });
        let hold = self.made(office, "/api/v1/holds", hold).await;
        let criteria = json!({ "is": { "item": own("PUMP") } });
        let scope =
            self.made(office, "/api/v1/scopes", json!({ "name": own("SCOPE"), "criteria": criteria })).await;
        let recall = json!({ "uid": unit, "severity": "class_2", "reason": own("RECALL") });
        let recall = self.made(office, "/api/v1/recalls", recall).await;
        let shown = json!({ "shown": true, "item": true, "made_on": true, "made_at": true, "suppliers": true,
            "inspections": true, "proof": true, "certificates": own("ISO"), "contact": own("CONTACT"), "version": 0 });
        for (path, sent) in [
            ("/api/v1/passports/settings", shown),
            ("/api/v1/kpi-targets", json!({ "kpi": "packed", "target": format!("99{}", office.target) })),
        ] {
            let (status, told) = self.send("PUT", path, Some(&office.key), Some(sent)).await;
            assert!(status.is_success(), "{path}: {status} {}", text(&told));
        }
        let id =
            |made: &Value, name: &str| made[name].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let link = id(&passport, "link");
        let path = link.find("/01/").map_or(link.clone(), |at| link[at..].to_owned());
        let (hold, scope) = (id(&hold, "hold_id"), id(&scope, "scope_id"));
        let (recall, passport) = (id(&recall, "recall_id"), id(&passport, "passport_id"));
        let office = &mut self.offices[at];
        (office.hold, office.scope, office.recall) = (hold, scope, recall);
        (office.passport, office.link) = (passport, path);
    }

    async fn made(&self, office: &Office, path: &str, sent: Value) -> Value {
        let (status, told) = self.send("POST", path, Some(&office.key), Some(sent)).await;
        assert!(status.is_success(), "{path}: {status} {}", text(&told));
        serde_json::from_slice(&told).unwrap()
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        sent: Option<Value>,
    ) -> (StatusCode, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "tw.test");
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        if !is_api(path) {
            request = request.header(header::ACCEPT, "text/html");
        }
        let body = match sent {
            Some(sent) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(sent.to_string())
            }
            None => Body::empty(),
        };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, bytes.to_vec())
    }

    /// Each, and the other.
    fn pairs(&self) -> [(&Office, &Office); 2] {
        let [one, other] = &self.offices;
        [(one, other), (other, one)]
    }
}

/// An answer as text; of a workbook the text of its cells.
fn text(bytes: &[u8]) -> String {
    if !bytes.starts_with(b"PK") {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut book = calamine::Xlsx::new(std::io::Cursor::new(bytes)).unwrap();
    let sheets = book.worksheets();
    let cells = sheets.iter().flat_map(|(_, sheet)| sheet.cells().map(|(_, _, cell)| cell.to_string()));
    cells.collect::<Vec<_>>().join(" ")
}

/// How an answer begins, to be told.
fn start(told: &str) -> String {
    told.chars().take(300).collect()
}

/// Routes of reading; what is told live has no end.
fn reads() -> impl Iterator<Item = &'static str> {
    let ours =
        ROUTES.iter().filter(|(method, _, least, _)| *method == "GET" && !matches!(least, Anyone | Super));
    ours.map(|(_, pattern, ..)| *pattern).filter(|pattern| !pattern.ends_with("/live"))
}

#[tokio::test]
async fn the_same_numbers_lead_each_tenant_to_its_own() {
    let two = Two::new().await;
    let mut wrong = Vec::new();
    for (own, other) in two.pairs() {
        for pattern in reads() {
            let path = own.path("GET", pattern);
            let (status, told) = two.send("GET", &path, Some(&own.key), None).await;
            let told = text(&told);
            if status.is_server_error() {
                wrong.push(format!("{path}: {status} {}", start(&told)));
            }
            for mark in other.marks().iter().filter(|mark| told.contains(*mark)) {
                wrong.push(format!("{path} shows {} {mark} of {}", own.code, other.code));
            }
            // What is not there shows nobody anything: these have to be.
            let full = [
                "/trace/{uid}",
                "/trace/{uid}/tree/",
                "/trace/{uid}/report",
                "/trace/lot/",
                "/trace/document/",
                "/trace/machine/",
                "/trace/operator/",
                "/trace/compare",
                "/backward",
                "/recalls",
                "/scopes",
                "/holds",
                "/passports/settings",
                "/kpis/",
                "/dashboards/events/",
                "/proofs/history/{uid}",
                "/trace/{uid}/picture",
            ];
            let others = [
                "/recalls/new",
                "/holds/look",
                "/acts",
                "/units",
                "/letters",
                "/responses",
                "/effectiveness",
                "/report.pdf",
                "/holds/{id}/members",
                "/scopes/{id}/compare",
                "/workflows",
            ];
            let is_full = full.iter().any(|part| pattern.contains(part))
                && !others.iter().any(|part| pattern.contains(part));
            // What a PDF says cannot be read here; that of the page beside it can.
            let says = told.starts_with("%PDF") || told.contains(&own.marks()[0]);
            if is_full && !(status.is_success() && says) {
                wrong.push(format!("{path} does not show {} its own: {status} {}", own.code, start(&told)));
            }
            let is_targets = pattern.ends_with("kpi-targets") || pattern.ends_with("/dashboards/targets");
            if is_targets && !told.contains(own.target) {
                wrong.push(format!("{path} does not show {} its target: {}", own.code, start(&told)));
            }
            // By the other's names.
            let theirs = other.path("GET", pattern);
            if theirs == path {
                continue;
            }
            let (status, told) = two.send("GET", &theirs, Some(&own.key), None).await;
            let told = text(&told);
            // What was asked for may be repeated.
            if status.is_server_error() || told.contains(&other.mark()) && !theirs.contains(&other.mark()) {
                wrong.push(format!("{theirs} as {}: {status} {}", own.code, start(&told)));
            }
            let by_name = ["{id}", "{uid}"].iter().any(|part| pattern.contains(part));
            if by_name && !pattern.contains("/lot/") && status != StatusCode::NOT_FOUND {
                wrong.push(format!("{theirs} as {} is {status}", own.code));
            }
        }
        for (method, path, sent) in [
            ("POST", "/api/v1/passports".to_owned(), json!({ "uid": other.uid(PUMP).to_string() })),
            ("POST", format!("/api/v1/passports/{}/end", other.passport), json!({ "reason": "mine" })),
            ("DELETE", format!("/api/v1/scopes/{}", other.scope), Value::Null),
            ("POST", format!("/api/v1/holds/{}/release", other.hold), json!({ "reason": "mine" })),
            ("POST", format!("/api/v1/recalls/{}/activate", other.recall), json!({})),
            ("POST", format!("/api/v1/recalls/{}/snapshot", other.recall), Value::Null),
        ] {
            let (status, told) = two.send(method, &path, Some(&own.key), Some(sent)).await;
            if status != StatusCode::NOT_FOUND {
                wrong.push(format!("{method} {path} as {}: {status} {}", own.code, text(&told)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} leaks:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_passport_s_key_opens_nothing_at_another_tenant() {
    let two = Two::new().await;
    for (own, other) in two.pairs() {
        // A proof can be had once the tree has grown.
        let (grown, _) = two.send("GET", "/api/v1/proofs/heads/current", Some(&own.key), None).await;
        assert_eq!(grown, StatusCode::OK);
        let (status, page) = two.send("GET", &own.link, None, None).await;
        let page = text(&page);
        assert_eq!(status, StatusCode::OK, "{}: {page}", own.link);
        for told in ["NAME", "MILLS", "LOOK", "ISO", "CONTACT"] {
            assert!(page.contains(&own.own(told)), "{told} is not told: {page}");
        }
        let short = format!("/p/{}{}", own.code, own.random());
        let (status, history) = two.send("GET", &format!("{short}/history.json"), None, None).await;
        assert_eq!(status, StatusCode::OK, "{}", text(&history));
        for told in [&page, &text(&history)] {
            for mark in other.marks() {
                assert!(!told.contains(&mark), "{mark} of {} in the passport of {}", other.code, own.code);
            }
        }
        let key = format!("{}{}", own.code, own.random());
        let (at, with) = other.link.split_once("?k=").unwrap();
        assert_ne!(with, key);
        let none = two.send("GET", "/p/nonsense", None, None).await;
        assert_eq!(none.0, StatusCode::NOT_FOUND);
        for path in [
            // The same random letters under the other's name, and the key at the other's unit.
            format!("/p/{}{}", other.code, own.random()),
            format!("/p/{}{}/history.json", other.code, own.random()),
            format!("{at}?k={}{}", other.code, own.random()),
            format!("{at}?k={key}"),
            at.to_owned(),
        ] {
            assert_eq!(two.send("GET", &path, None, None).await, none, "{path}");
        }
    }
}

/// Every row of these as text, by the table's or the file's name.
fn rows(conn: &Connection, from: &str) -> String {
    let sql = format!("select coalesce(string_agg(whole::varchar, chr(10)), '') from {from} whole");
    conn.query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// Files of Parquet under a folder.
fn parquet(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(parquet(&path)),
            false if path.extension().is_some_and(|ending| ending == "parquet") => all.push(path),
            false => {}
        }
    }
    all
}

#[tokio::test]
async fn files_of_mirrors_and_exports_hold_one_tenant_s_rows() {
    let two = Two::new().await;
    let depot: Depot = two.config.exports().unwrap();
    for (own, _) in two.pairs() {
        let done =
            export(&two.mirrors, &two.test.db, own.tenant, Months::default(), &depot, Utc::now()).await;
        let folder = format!("{}/", own.tenant);
        assert!(done.unwrap().files.iter().all(|file| file.path.starts_with(&folder)));
    }
    two.mirrors.close_all().await;
    let (settings, exports) = (two.config.mirrors(), two.config.state_dir.join("exports"));
    for (own, other) in two.pairs() {
        let conn = Connection::open(settings.path(own.tenant)).unwrap();
        let sql = "select string_agg(table_name, ',') from information_schema.tables where table_type = 'BASE TABLE'";
        let tables: String = conn.query_row(sql, [], |row| row.get(0)).unwrap();
        let tables: Vec<&str> = tables.split(',').collect();
        assert!(tables.len() > FACTS.len() + DIMENSIONS.len(), "{tables:?}");
        let mirrored: Vec<String> = tables.iter().map(|table| rows(&conn, table)).collect();
        let files = parquet(&exports.join(own.tenant.to_string()));
        assert!(files.len() > DIMENSIONS.len(), "{files:?}");
        let memory = Connection::open_in_memory().unwrap();
        let written: Vec<String> =
            files.iter().map(|file| rows(&memory, &format!("read_parquet('{}')", file.display()))).collect();
        for (what, held) in [("the mirror", mirrored.join("\n")), ("the export", written.join("\n"))] {
            for part in ["PUMP", "MILL", "OVEN", "BADGE", "CRACK", "HEAT"] {
                assert!(held.contains(&own.own(part)), "{what} of {} has no {part}: {held}", own.code);
            }
            assert!(!held.contains(other.code), "{what} of {} holds {}: {held}", own.code, other.code);
        }
    }
    // Who is erased takes both along, and nothing of the other.
    let [gone, stays] = &two.offices;
    let Two { mirrors, config, .. } = &two;
    mirrors.forget(gone.tenant).await.unwrap();
    crate::tenant::forget_exports(config, gone.tenant).await.unwrap();
    let there = |office: &Office| {
        let folder = exports.join(office.tenant.to_string());
        (settings.path(office.tenant).exists(), folder.exists(), settings.out(office.tenant).exists())
    };
    assert_eq!(there(gone), (false, false, false));
    assert!(there(stays).0 && there(stays).1);
}
