//! What is found, by whom, and how much is read for it.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tower::ServiceExt;
use uuid::Uuid;

use super::*;
use crate::i18n::assert_complete;
use crate::testing::TestDb;
use crate::web::{Scope, keys, wrap};
use crate::{masters, numbering, people};

struct Site {
    router: Router,
    test: TestDb,
    tenant: Uuid,
    key: String,
}

impl Site {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let key = keys::create(&test.db, tenant, "tests", &[Scope::Read], None).await.unwrap();
        let state = AppState::builder(test.db.clone())
            .modules(&[module(), masters::module(), numbering::module(), people::module()])
            .build();
        Self { router: wrap(router(), state), key: key.reveal().to_owned(), test, tenant }
    }

    async fn get(&self, path: &str, lang: &str) -> (StatusCode, String) {
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::COOKIE, format!("twl={lang}"))
            .body(Body::empty())
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let to = answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        let bytes = to_bytes(answer.into_body(), 1_000_000).await.unwrap();
        (status, to.unwrap_or_else(|| String::from_utf8(bytes.to_vec()).unwrap()))
    }

    async fn fill(&self, sql: &str) {
        let mut owner = self.test.owner_of(self.tenant).await.connect().await.unwrap();
        let with_tenant = format!("select set_config('app.tenant_id', '{}', false); {sql}", self.tenant);
        sqlx::raw_sql(AssertSqlSafe(with_tenant)).execute(&mut owner).await.unwrap();
        owner.close().await.unwrap();
    }

    /// Waits until no other connection is where the tenant lives.
    async fn alone(owner: &mut PgConnection) {
        let waiting = async {
            let others = "select count(*) from pg_stat_activity
                          where datname = current_database() and pid <> pg_backend_pid()
                            and backend_type = 'client backend'";
            while sqlx::query_scalar::<_, i64>(others).fetch_one(&mut *owner).await.unwrap() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("the server notices");
    }

    /// How many rows of tables and entries of indexes have been read where the tenant lives, as far
    /// as connections have told.
    async fn rows_read(owner: &mut PgConnection) -> i64 {
        let read = sqlx::query_scalar(
            "select (select coalesce(sum(seq_tup_read), 0) from pg_stat_user_tables)::bigint
                  + (select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes)::bigint",
        );
        read.fetch_one(owner).await.unwrap()
    }
}

#[test]
fn the_texts_are_complete() {
    assert_complete(TEXTS);
}

crate::in_every_placement! {
async fn one_box_finds_pages_commands_masters_and_people() {
    let site = Site::new().await;
    site.fill(
        "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking) values
             (app.tenant(), 'BOLT-M6', 'Bolt M6', '{\"en\": \"Bolt M6\", \"hi\": \"बोल्ट\"}', 'RM', 'pcs', 'lot'),
             (app.tenant(), 'BOLT-M8', 'Bolt M8', '{\"en\": \"Bolt M8\"}', 'RM', 'pcs', 'lot');
         insert into users (tenant_id, user_id, email, name)
             values (app.tenant(), gen_random_uuid(), 'bolton@saif.example', 'Asha Bolton')",
    )
    .await;
    let (_, found) = site.get("/search/box?q=BOLT-M", "en").await;
    assert!(found.contains("/masters/items/row/BOLT-M6") && found.contains("Bolt M8"), "{found}");
    let (_, found) = site.get("/search/box?q=bolt", "hi").await;
    assert!(found.contains("बोल्ट") && found.contains("bolton@saif.example"), "{found}");
    // Somebody who may only read is offered pages, and no command to make one.
    let (_, found) = site.get("/search/box?q=cur", "en").await;
    assert!(
        found.contains("href=\"/masters/currencies\"") && !found.contains("/masters/currencies/new"),
        "{found}"
    );
    let (_, found) = site.get("/search/box", "en").await;
    assert!(found.contains("href=\"/masters\""), "the navigation where nothing is typed: {found}");
    let (_, found) = site.get("/search/box?q=%00", "en").await;
    assert!(found.contains("Nothing begins"), "{found}");
    // The one thing that was meant is gone to; several are shown.
    assert_eq!(
        site.get("/search?q=bolt-m6", "en").await,
        (StatusCode::SEE_OTHER, "/masters/items/row/BOLT-M6".into())
    );
    let (status, page) = site.get("/search?q=bolt", "en").await;
    assert!(status == StatusCode::OK && page.contains("BOLT-M8"), "{page}");
    let (_, json) = site.get("/api/v1/find?q=bolt-m6", "en").await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["groups"][0]["hits"][0]["href"], "/masters/items/row/BOLT-M6");
}
}

#[tokio::test]
async fn a_search_of_many_rows_reads_few_of_them() {
    let site = Site::new().await;
    site.fill(
        "insert into items (tenant_id, item, name, type_code, base_unit, tracking)
             select app.tenant(), 'IT-' || n, 'Part ' || n, 'RM', 'pcs', 'lot' from generate_series(1, 200000) n;
         insert into partners (tenant_id, partner, name, roles)
             select app.tenant(), 'P-' || n, 'Partner ' || n, '{supplier}' from generate_series(1, 50000) n;
         insert into users (tenant_id, user_id, email, name)
             select app.tenant(), gen_random_uuid(), 'p' || n || '@saif.example', 'Person ' || n
             from generate_series(1, 20000) n;
         analyze items; analyze partners; analyze users",
    )
    .await;
    let mut owner = site.test.owner_of(site.tenant).await.connect().await.unwrap();
    let before = Site::rows_read(&mut owner).await;
    for text in ["p", "pa", "part%201999", "it-77", "nothing", "zz", "person%20199", "p-4"] {
        let (status, _) = site.get(&format!("/search/box?q={text}"), "en").await;
        assert_eq!(status, StatusCode::OK);
    }
    // What a connection has read is known once it has ended.
    site.test.db.close().await;
    Site::alone(&mut owner).await;
    let read = Site::rows_read(&mut owner).await - before;
    println!("eight searches over 270,000 rows read {read}");
    assert!(read < 50_000, "eight searches read {read} rows of 270,000");
}
