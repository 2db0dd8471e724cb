//! Both tenants in one cloud.

use super::*;

/// Both, in one cloud.
pub(super) struct Two {
    pub(super) router: Router,
    pub(super) test: TestDb,
    pub(super) mirrors: Mirrors,
    pub(super) config: Config,
    pub(super) _folder: tempfile::TempDir,
    pub(super) offices: [Office; 2],
}

impl Two {
    pub(super) async fn new() -> Self {
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
        this.fill(0).await;
        let before = marks::everything_of(&this.test, this.offices[0].tenant).await;
        this.fill(1).await;
        // Ingest, projections, mirror, holds, recalls, passports, files: for one of them.
        let after = marks::everything_of(&this.test, this.offices[0].tenant).await;
        assert_eq!(after, before, "what one did changed something of the other");
        this
    }

    pub(super) async fn office(
        test: &TestDb,
        code: &'static str,
        gtin: &'static str,
        target: &'static str,
    ) -> Office {
        let tenant = test.tenant(code, &["KOL"]).await;
        let key = keys::create(&test.db, tenant, "two", &[Scope::Admin], None).await.unwrap();
        let email = format!("{code}@office.example").to_lowercase();
        let (person, token) = marks::administrator(test, tenant, &email, "198.51.100.1").await;
        let key = key.reveal().to_owned();
        Office { code, tenant, key, token, person, gtin, target, ..Office::default() }
    }

    /// Events, and what the office makes of them.
    pub(super) async fn fill(&mut self, at: usize) {
        let office = &self.offices[at];
        let (tenant, own) = (office.tenant, |what| office.own(what));
        let rows = [
            format!(
                "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking, gtin)
                 values ('{tenant}', '{}', '{}', '{{\"en\": \"{}\"}}', 'FG', 'pcs', 'unit', '{}')",
                own("PUMP"),
                own("NAME"),
                own("NAME"),
                office.gtin,
            ),
            format!(
                "insert into partners (tenant_id, partner, name, roles)
                 values ('{tenant}', '{}', '{}', '{{supplier}}')",
                own("MILL"),
                own("MILLS"),
            ),
            format!(
                "insert into notices (tenant_id, notice_id, user_id, kind, details, told_at)
                 values ('{tenant}', gen_random_uuid(), '{}', 'people.joined', '{{\"who\": \"{}\"}}', now())",
                office.person,
                own("JOINED"),
            ),
        ];
        let done: Result<(), DbError> = self
            .test
            .db
            .tx(&Cx::system(tenant), async |tx| {
                for row in &rows {
                    sqlx::query(sqlx::AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
                }
                Ok(())
            })
            .await;
        done.unwrap();
        office.record(&self.test).await;
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
        let file = format!("/api/v1/files?kind=items&key={}&name={}.txt", own("PUMP"), own("DRAWING"));
        let file = self.made(office, &file, json!(own("DRAWN"))).await;
        let shown = json!({ "shown": true, "item": true, "made_on": true, "made_at": true, "suppliers": true,
            "inspections": true, "proof": true, "certificates": own("ISO"), "contact": own("CONTACT"), "version": 0 });
        for (path, sent) in [
            ("/api/v1/passports/settings", shown),
            (
                "/api/v1/kpi-targets",
                json!({ "kpi": "packed", "target": format!("99{}", office.target), "version": 0 }),
            ),
        ] {
            let (status, told) = self.send("PUT", path, Some(By::Key(&office.key)), Some(sent)).await;
            assert!(status.is_success(), "{path}: {status} {}", text(&told));
        }
        let id =
            |made: &Value, name: &str| made[name].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let link = id(&passport, "link");
        let path = link.find("/01/").map_or(link.clone(), |at| link[at..].to_owned());
        let (hold, scope) = (id(&hold, "hold_id"), id(&scope, "scope_id"));
        let (recall, passport) = (id(&recall, "recall_id"), id(&passport, "passport_id"));
        let file = id(&file, "id");
        let office = &mut self.offices[at];
        (office.hold, office.scope, office.recall, office.file) = (hold, scope, recall, file);
        (office.passport, office.link) = (passport, path);
    }

    pub(super) async fn made(&self, office: &Office, path: &str, sent: Value) -> Value {
        let (status, told) = self.send("POST", path, Some(By::Key(&office.key)), Some(sent)).await;
        assert!(status.is_success(), "{path}: {status} {}", text(&told));
        serde_json::from_slice(&told).unwrap()
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        by: Option<By<'_>>,
        sent: Option<Value>,
    ) -> (StatusCode, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "tw.test");
        match by {
            Some(By::Key(key)) => request = request.header(header::AUTHORIZATION, format!("Bearer {key}")),
            Some(By::Session(token)) => request = request.header(header::COOKIE, format!("tws={token}")),
            Some(By::Cookie(cookie)) => request = request.header(header::COOKIE, cookie),
            None => {}
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
    pub(super) fn pairs(&self) -> [(&Office, &Office); 2] {
        let [one, other] = &self.offices;
        [(one, other), (other, one)]
    }
}
