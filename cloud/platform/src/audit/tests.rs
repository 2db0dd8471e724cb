//! The audit on a real database.

use serde_json::json;
use sqlx::ConnectOptions;

use super::*;
use crate::ctx::{Cx, Plants};
use crate::testing::TestDb;

#[tokio::test]
async fn an_entry_names_actor_and_origin_and_goes_with_the_change() {
    let test = TestDb::new().await;
    let tenant = test.tenant("SAIF", &["KOL"]).await;
    let cx = Cx { origin: Some("request 7".into()), ..Cx::new(tenant, "key:office") };
    let write = async |tx: &mut Tx| {
        let entry = Entry {
            action: "plant.rename",
            subject: "plant:KOL",
            before: Some(json!({"name": "A"})),
            after: Some(json!({"name": "B"})),
        };
        record(tx, entry).await
    };
    test.db.tx(&cx, write).await.unwrap();
    let failed = test
        .db
        .tx(&cx, async |tx| {
            write(tx).await?;
            Err::<(), DbError>(sqlx::Error::RowNotFound.into())
        })
        .await;
    assert!(failed.is_err());
    let rows: Vec<(String, String, Option<String>, Option<Value>)> = test
        .db
        .tx(&cx, async |tx| {
            // A move of the tenant is audited too.
            let sql = "select actor, subject, origin, after from audit_log
                       where tenant_id = $1 and action <> 'tenant.move'";
            Ok::<_, DbError>(sqlx::query_as(sql).bind(tenant).fetch_all(tx.conn()).await?)
        })
        .await
        .unwrap();
    assert_eq!(
        rows,
        [(
            "key:office".to_owned(),
            "plant:KOL".to_owned(),
            Some("request 7".to_owned()),
            Some(json!({"name": "B"}))
        )]
    );
}

/// A tenant with this many audited changes, and a way past the application.
async fn audited(count: usize) -> (TestDb, uuid::Uuid, sqlx::PgConnection) {
    let test = TestDb::new().await;
    let tenant = test.tenant("SAIF", &["KOL"]).await;
    for n in 0..count {
        say(&test, tenant, &format!("plant:{n}")).await;
    }
    let mut owner = test.owner_of(tenant).await.connect().await.unwrap();
    let set = format!("select set_config('app.tenant_id', '{tenant}', false)");
    sqlx::query(sqlx::AssertSqlSafe(set)).execute(&mut owner).await.unwrap();
    (test, tenant, owner)
}

async fn say(test: &TestDb, tenant: uuid::Uuid, subject: &str) {
    let after = Some(json!({"name": subject}));
    let entry = Entry { action: "plant.rename", subject, before: None, after };
    let cx = Cx::new(tenant, "user:1");
    test.db.tx(&cx, async |tx| record(tx, entry).await).await.unwrap();
}

async fn chained(test: &TestDb, tenant: uuid::Uuid) -> usize {
    let mut all = 0;
    loop {
        match chain::extend(&test.db, tenant).await.unwrap() {
            0 => return all,
            more => all += more,
        }
    }
}

async fn look(test: &TestDb, tenant: uuid::Uuid, kept: Option<chain::Head>) -> chain::Report {
    chain::verify(&test.db, tenant, kept, |_| ()).await.unwrap()
}

crate::in_every_placement! {
async fn rows_are_chained_after_the_commit_and_each_once() {
    let (test, tenant, _) = audited(1200).await;
    let before = look(&test, tenant, None).await;
    assert!(before.entries == 0 && before.unchained >= 1200 && before.breaks.is_empty(), "{before:?}");
    let (a, b) = tokio::join!(chained(&test, tenant), chained(&test, tenant));
    let all = before.unchained;
    assert_eq!(i64::try_from(a + b).unwrap(), all, "two workers chain each row once");
    let head = chain::head(&test.db, tenant).await.unwrap().unwrap();
    say(&test, tenant, "plant:later").await;
    let report = look(&test, tenant, Some(head)).await;
    assert_eq!(report, chain::Report { entries: all, unchained: 1, breaks: Vec::new() });
    chained(&test, tenant).await;
    assert_eq!(look(&test, tenant, Some(head)).await.breaks, []);
}
}

#[tokio::test]
async fn what_is_changed_behind_the_applications_back_shows() {
    use chain::Break;
    let (test, tenant, mut owner) = audited(10).await;
    chained(&test, tenant).await;
    let head = chain::head(&test.db, tenant).await.unwrap().unwrap();
    let mut run =
        async |sql: &'static str| sqlx::query(sql).execute(&mut owner).await.unwrap().rows_affected();

    assert_eq!(run("update audit_log set actor = 'user:2' where subject = 'plant:3'").await, 1);
    let breaks = look(&test, tenant, Some(head)).await.breaks;
    assert!(matches!(breaks.as_slice(), [Break::Changed(_, _)]), "{breaks:?}");
    assert_eq!(run("update audit_log set actor = 'user:1' where subject = 'plant:3'").await, 1);
    assert_eq!(look(&test, tenant, Some(head)).await.breaks, []);

    assert_eq!(run("delete from audit_log where subject = 'plant:4'").await, 1);
    let breaks = look(&test, tenant, Some(head)).await.breaks;
    assert!(matches!(breaks.as_slice(), [Break::Gone(_, _)]), "{breaks:?}");
    assert_eq!(
        run("delete from audit_chain where audit_id not in (select audit_id from audit_log)").await,
        1
    );
    let breaks = look(&test, tenant, Some(head)).await.breaks;
    assert!(matches!(breaks.as_slice(), [Break::Missing(_)]), "{breaks:?}");
    // The end cut off, row and entry: only an end that was kept tells.
    let last = "delete from audit_chain where n = (select max(n) from audit_chain)";
    assert_eq!(run(last).await, 1);
    assert_eq!(run("delete from audit_log where subject = 'plant:9'").await, 1);
    let breaks = look(&test, tenant, Some(head)).await.breaks;
    assert!(matches!(breaks.as_slice(), [Break::Missing(_), Break::NotTheHead(_)]), "{breaks:?}");
}

#[tokio::test]
async fn the_application_can_neither_edit_nor_chain() {
    let (test, tenant, _) = audited(1).await;
    chained(&test, tenant).await;
    for sql in [
        "update audit_log set actor = 'x'",
        "delete from audit_log",
        "update audit_chain set n = n + 1",
        "delete from audit_chain",
        "insert into audit_chain (tenant_id, n, audit_id, hash) select tenant_id, n + 9, audit_id, hash from audit_chain",
        "delete from audit_unchained",
    ] {
        let cx = Cx::new(tenant, "user:1");
        let done: Result<(), DbError> = test
            .db
            .tx(&cx, async |tx| {
                sqlx::query(sql).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        assert!(done.is_err(), "{sql}");
    }
    assert_eq!(look(&test, tenant, None).await.breaks, []);
}

#[tokio::test]
async fn a_page_is_of_its_tenant_and_its_filter_and_follows_an_index() {
    let (test, tenant, mut owner) = audited(30).await;
    let other = test.tenant("ACME", &["AAA"]).await;
    say(&test, other, "plant:theirs").await;
    let zone: chrono_tz::Tz = "Asia/Kolkata".parse().unwrap();
    let cx = Cx::new(tenant, "user:1");
    let mut asked = list::Asked { action: "plant.rename".into(), limit: Some(12), ..list::Asked::default() };
    let mut seen = Vec::new();
    loop {
        let page = list::page(&test.db, &cx, zone, &asked).await.unwrap();
        seen.extend(page.entries.into_iter().map(|entry| entry.subject));
        match page.next {
            Some(next) => asked.after = next,
            None => break,
        }
    }
    let expected: Vec<String> = (0..30).rev().map(|n| format!("plant:{n}")).collect();
    assert_eq!(seen, expected);
    asked = list::Asked { subject: "plant:7".into(), ..list::Asked::default() };
    assert_eq!(list::page(&test.db, &cx, zone, &asked).await.unwrap().entries.len(), 1);

    // As the application asks it, among many rows.
    let fill = "insert into audit_log (tenant_id, audit_id, at, actor, action, subject) \
                select app.tenant(), gen_random_uuid(), now() - n * interval '1 minute', 'user:' || n % 50, \
                       'noun.verb' || n % 20, 'noun:' || n from generate_series(1, 20000) n";
    sqlx::query(fill).execute(&mut owner).await.unwrap();
    sqlx::query("analyze audit_log").execute(&mut owner).await.unwrap();
    sqlx::query("set role tracewright_app").execute(&mut owner).await.unwrap();
    for (condition, index) in [
        ("true", "audit_log_"),
        ("actor = 'user:7'", "actor"),
        ("action = 'noun.verb3'", "action"),
        ("subject = 'noun:77'", "subject"),
        ("(plants is null or plants && '{KOL}')", "audit_log_"),
    ] {
        let sql = format!(
            "explain select * from audit_log where tenant_id = '{tenant}' and {condition} \
             order by at desc, audit_id desc limit 50"
        );
        let plan: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut owner).await.unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains("Index Scan") && plan.contains(index), "{condition}:\n{plan}");
        assert!(!plan.contains("Seq Scan"), "{condition}:\n{plan}");
    }
}

#[tokio::test]
async fn who_reads_the_audit_of_a_plant_gets_its_rows_and_those_of_no_plant() {
    let test = TestDb::new().await;
    let tenant = test.tenant("SAIF", &["KOL", "VSK"]).await;
    let cx = Cx::new(tenant, "user:1");
    let kol = json!({"plant": "KOL", "name": "A"});
    let vsk = json!({"plant": "VSK", "name": "B"});
    let values = |name: &str, kol: i32, vsk: i32| json!({"name": name, "days@KOL": kol, "days@VSK": vsk});
    let written = [
        ("master.update", "machines:M-KOL", Some(kol.clone()), Some(kol.clone())),
        ("master.delete", "machines:M-VSK", Some(vsk.clone()), None),
        ("master.update", "machines:MOVED", Some(kol), Some(vsk)),
        ("master.update", "operators:OP", None, Some(json!({"plants": ["VSK"]}))),
        ("master.update", "items:ALL", Some(json!({"name": "A"})), Some(json!({"name": "B"}))),
        ("master.update", "items:MIXED", Some(values("A", 1, 1)), Some(values("B", 2, 2))),
        ("master.update", "items:AT-VSK", Some(values("A", 1, 1)), Some(values("A", 1, 2))),
        ("user.roles", "user:2", None, Some(json!({"plants": ["VSK"]}))),
        ("plant.change", "plant:VSK", None, Some(json!({"name": "Visakhapatnam"}))),
        ("reference.publish", "item_here:BOLT@VSK", None, Some(json!({"shelf_life_days": 9}))),
    ];
    let subjects: Vec<&str> = written.iter().map(|row| row.1).chain(["hold:1"]).collect();
    let write = async |tx: &mut Tx| {
        for (action, subject, before, after) in written.clone() {
            record(tx, Entry { action, subject, before, after }).await?;
        }
        let entry = Entry { action: "hold.place", subject: "hold:1", ..Entry::default() };
        record_at(tx, &["VSK".to_owned()], entry).await
    };
    test.db.tx(&cx, write).await.unwrap();
    let zone: chrono_tz::Tz = "Asia/Kolkata".parse().unwrap();
    let asked = list::Asked { actor: "user:1".into(), limit: Some(list::MOST), ..list::Asked::default() };
    let read = async |plants: Plants| {
        let cx = cx.at(plants);
        let page = list::page(&test.db, &cx, zone, &asked).await.unwrap();
        let counted = list::count(&test.db, &cx, zone, &asked, &list::Narrow::default(), 1000).await.unwrap();
        assert_eq!(counted, page.entries.len(), "a file has what the page has");
        page.entries
    };
    let shown = async |plants: Plants| {
        let rows = read(plants).await;
        let mut told: Vec<&str> =
            subjects.iter().copied().filter(|name| rows.iter().any(|row| row.subject == *name)).collect();
        told.sort_unstable();
        told.join(" ")
    };
    let of_none = "items:ALL items:MIXED";
    assert_eq!(shown(Plants::All).await.split(' ').count(), subjects.len());
    assert_eq!(shown(Plants::some(["KOL"])).await, format!("{of_none} machines:M-KOL machines:MOVED user:2"));
    assert_eq!(
        shown(Plants::some(["VSK"])).await,
        "hold:1 item_here:BOLT@VSK items:ALL items:AT-VSK items:MIXED machines:M-VSK machines:MOVED \
         operators:OP plant:VSK user:2"
    );
    assert_eq!(shown(Plants::none()).await, format!("{of_none} user:2"));
    let rows = read(Plants::some(["KOL"])).await;
    let mixed = rows.into_iter().find(|row| row.subject == "items:MIXED").unwrap();
    assert_eq!(mixed.after, Some(json!({"name": "B", "days@KOL": 2})), "of a value at VSK nothing is told");
}

/// The page and the file, as an administrator's key gets them.
struct Reader {
    router: axum::Router,
    key: String,
}

impl Reader {
    async fn new(test: &TestDb, tenant: uuid::Uuid) -> Self {
        let scopes = [crate::web::Scope::Admin];
        let key = crate::web::keys::create(&test.db, tenant, "Nightly report", &scopes, None).await.unwrap();
        let key = key.reveal().to_owned();
        let state = crate::web::AppState::builder(test.db.clone()).modules(&[module()]).build();
        let routes = router().merge(crate::views::router());
        Self { router: crate::web::app(state, routes), key }
    }

    async fn post(&self, path: &str, form: &str) -> u16 {
        use tower::ServiceExt as _;
        let request = axum::http::Request::post(path)
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin")
            .body(axum::body::Body::from(form.to_owned()))
            .unwrap();
        self.router.clone().oneshot(request).await.unwrap().status().as_u16()
    }

    async fn get(&self, path: &str) -> (u16, String) {
        use tower::ServiceExt as _;
        let request = axum::http::Request::builder()
            .uri(path)
            .header("authorization", format!("Bearer {}", self.key))
            .header("accept", "text/html")
            .body(axum::body::Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Two people of one family name, and what they did.
const PEOPLE: &str = "
    insert into users (tenant_id, user_id, email, name, status)
    select app.tenant(), id::uuid, email, name, 'active' from (values
        ('00000000-0000-7000-8000-000000000001', 'priya@saif.example', 'Priya Rao'),
        ('00000000-0000-7000-8000-000000000002', 'ravi@saif.example', 'Ravi Rao')) p(id, email, name);
    insert into audit_log (tenant_id, audit_id, at, actor, action, subject, before, after)
    select app.tenant(), gen_random_uuid(), now(), 'user:00000000-0000-7000-8000-00000000000' || n,
           'hold.place', 'hold:' || n, null::jsonb, '{\"reason\": \"x\", \"odd_field\": 1}'::jsonb
    from generate_series(1, 3) n";

#[tokio::test]
async fn people_are_found_by_name_and_what_they_did_is_said_in_words() {
    let (test, tenant, mut owner) = audited(0).await;
    sqlx::raw_sql(PEOPLE).execute(&mut owner).await.unwrap();
    let reader = Reader::new(&test, tenant).await;
    let priya = "user%3A00000000-0000-7000-8000-000000000001";
    for asked in ["priya+rao", "PRIYA%40saif", priya] {
        let (status, page) = reader.get(&format!("/audit?actor={asked}")).await;
        assert_eq!(status, 200, "{page}");
        assert!(page.contains(">Hold 1</a>") && !page.contains(">Hold 2</a>"), "{asked}: {page}");
        // Who and to what lead on; what was done is said, with its code.
        assert!(page.contains(&format!("/audit?actor={priya}")) && page.contains(">Priya Rao</a>"), "{page}");
        assert!(page.contains("/audit?subject=hold%3A1"), "{page}");
        assert!(page.contains("Hold placed <span") && page.contains(">hold.place</span>"), "{page}");
        // A field that has a text, and one that has none.
        assert!(page.contains("<dt>Reason</dt>") && page.contains("<dt>odd_field</dt>"), "{page}");
    }
    let (_, page) = reader.get("/audit?actor=rao").await;
    assert!(page.contains(">Hold 1</a>") && page.contains(">Hold 2</a>") && !page.contains(">Hold 3</a>"));
    assert!(page.contains("Several are meant") && page.contains(">Ravi Rao</a>"), "{page}");
    // What was done and to what, as the page says it, and as people write it.
    let (_, page) = reader.get("/audit?action=hold+placed&subject=2").await;
    assert!(page.contains(">Hold 2</a>") && !page.contains(">Hold 1</a>"), "{page}");
    let (_, page) = reader.get("/audit?action=file+attached").await;
    assert!(!page.contains(">Hold 1</a>"), "{page}");
    let (_, file) = reader.get("/audit.csv?action=hold+placed&subject=hold%3A1").await;
    let line = file.lines().nth(1).unwrap_or_default();
    assert!(line.contains("Priya Rao") && line.contains(",hold.place,hold:1,"), "{file}");
    assert!(line.ends_with(",Hold placed,Hold 1,odd_field: 1; Reason: x"), "words beside the codes: {file}");
    sqlx::raw_sql("delete from audit_log where action = 'audit.export'").execute(&mut owner).await.unwrap();
    let (_, page) = reader.get("/audit?actor=nobody+at+all").await;
    assert!(page.contains("Nobody has this name"), "{page}");
    // An access key, by its name.
    reader.get("/audit.csv?actor=priya").await;
    let (_, page) = reader.get("/audit?actor=nightly").await;
    assert!(page.contains("Audit saved as a file <span") && page.contains(">Nightly report</a>"), "{page}");
    // What was typed is not in the audit: people are there by their ids.
    let told: Value = sqlx::query_scalar("select after from audit_log where action = 'audit.export'")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let filter = told["filter"].as_str().unwrap();
    assert!(filter.contains(priya) && !filter.contains("priya"), "{told}");
    assert_eq!(told["rows"], 1);
}

/// Documents with numbers, and a webhook, as the audit speaks of them.
const THINGS: &str = "
    insert into requests (tenant_id, request_id, number, workflow, subject)
    values (app.tenant(), '00000000-0000-7000-8000-0000000000a1', 3, 'work', 'Boots');
    insert into workflow_definitions (tenant_id, definition_id, workflow, revision, name, source)
    values (app.tenant(), '00000000-0000-7000-8000-0000000000d1', 'work', 1, 'Purchases', '{}');
    insert into workflow_instances (tenant_id, instance_id, definition_id, workflow, subject_kind, subject_id,
        title, state, started_at)
    values (app.tenant(), '00000000-0000-7000-8000-0000000000b1', '00000000-0000-7000-8000-0000000000d1', 'work',
        'request', '00000000-0000-7000-8000-0000000000a1', 'RQ-000003 Boots', 'REJECTED', now());
    insert into webhooks (tenant_id, webhook_id, name, url, secret)
    values (app.tenant(), '00000000-0000-7000-8000-0000000000c1', 'Chat', 'https://chat.example/x', '');
    insert into audit_log (tenant_id, audit_id, at, actor, action, subject)
    select app.tenant(), gen_random_uuid(), now(), 'system', 'many.rows', subject
    from unnest(array['request:00000000-0000-7000-8000-0000000000a1', 'workflow:00000000-0000-7000-8000-0000000000b1',
        'webhook:00000000-0000-7000-8000-0000000000c1', 'definition:00000000-0000-7000-8000-0000000000d1',
        'custom_fields:items:grade']) subject";

#[tokio::test]
async fn things_are_called_as_people_know_them_with_the_id_behind() {
    let (test, tenant, mut owner) = audited(0).await;
    sqlx::raw_sql(THINGS).execute(&mut owner).await.unwrap();
    let reader = Reader::new(&test, tenant).await;
    let (status, page) = reader.get("/audit?action=many.rows").await;
    assert_eq!(status, 200, "{page}");
    for called in ["Request RQ-000003", "Approval RQ-000003", "Webhook Chat", "Workflow Purchases"] {
        assert!(page.contains(&format!(">{called}</a>")), "{called}: {page}");
    }
    assert!(page.contains(">workflow:00000000-0000-7000-8000-0000000000b1<"), "the id is there: {page}");
    assert!(!page.contains("Boots"), "what people wrote stays with the document: {page}");
    let (_, file) = reader.get("/audit.csv?action=many.rows").await;
    assert!(file.contains(",RQ-000003,many.rows,Approval RQ-000003,\r\n"), "{file}");
    assert!(file.contains(",Chat,many.rows,Webhook Chat,\r\n"), "{file}");
}

#[tokio::test]
async fn fields_of_masters_are_called_as_the_tenant_calls_them() {
    let (test, tenant, mut owner) = audited(0).await;
    sqlx::raw_sql(
        "insert into custom_fields (tenant_id, master, field, name, labels, kind)
         values (app.tenant(), 'items', 'grade', 'Grade of steel', '{\"en\": \"Grade of steel\"}', 'text');
         insert into audit_log (tenant_id, audit_id, at, actor, action, subject, before, after)
         values (app.tenant(), gen_random_uuid(), now(), 'system', 'master.update', 'items:A',
                 '{\"custom.grade\": \"B\"}', '{\"custom.grade\": \"C\", \"of_old\": 1}'),
                (app.tenant(), gen_random_uuid(), now(), 'system', 'master.update', 'no_master:A',
                 '{}', '{\"assigned_to\": \"somebody\"}')",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let reader = Reader::new(&test, tenant).await;
    let (status, page) = reader.get("/audit?action=master.update").await;
    assert_eq!(status, 200, "{page}");
    for called in ["Grade of steel", "of_old", "Assigned to"] {
        assert!(page.contains(&format!("<dt>{called}</dt>")), "{called}: {page}");
    }
    let (_, file) = reader.get("/audit.csv?action=master.update").await;
    assert!(file.contains(",Grade of steel: B → C; of_old: 1\r\n"), "{file}");
    assert!(file.contains(",Assigned to: somebody\r\n"), "{file}");
}

#[tokio::test]
async fn a_filter_is_kept_as_a_view_that_is_shown_first() {
    let (test, tenant, mut owner) = audited(0).await;
    sqlx::raw_sql(PEOPLE).execute(&mut owner).await.unwrap();
    let reader = Reader::new(&test, tenant).await;
    let keep = "list=audit&back=%2Faudit&name=First+hold&query=subject%3Dhold%253A1&first=true";
    assert_eq!(reader.post("/views", keep).await, 303);
    let shows = async |path: &str| {
        let (status, page) = reader.get(path).await;
        assert_eq!(status, 200, "{page}");
        assert!(page.contains("First hold"), "its name is in the menu: {page}");
        [1, 2].map(|n| page.contains(&format!(">Hold {n}</a>")))
    };
    assert_eq!(shows("/audit").await, [true, false]);
    assert_eq!(shows("/audit?view=").await, [true, true]);
    assert_eq!(shows("/audit?subject=hold%3A2").await, [false, true], "what is asked for counts");
}

#[tokio::test]
async fn a_file_that_would_lack_rows_is_refused() {
    let (test, tenant, mut owner) = audited(0).await;
    let reader = Reader::new(&test, tenant).await;
    let fill = "insert into audit_log (tenant_id, audit_id, at, actor, action, subject) \
                select app.tenant(), gen_random_uuid(), now() - n * interval '1 second', 'system', 'many.rows', \
                       'noun:1' from generate_series(1, 50000) n";
    sqlx::query(fill).execute(&mut owner).await.unwrap();
    let (status, file) = reader.get("/audit.csv?action=many.rows").await;
    assert_eq!((status, file.lines().count()), (200, 50_001), "as many as it says, and the head");
    let one = sqlx::AssertSqlSafe(fill.replace("50000", "1"));
    sqlx::query(one).execute(&mut owner).await.unwrap();
    let (status, told) = reader.get("/audit.csv?action=many.rows").await;
    assert_eq!(status, 400, "{told}");
    assert!(told.contains("fewer days"), "{told}");
    let (_, page) = reader.get("/audit").await;
    assert!(page.contains("A file takes up to"), "{page}");
}

#[test]
fn texts_are_complete() {
    crate::i18n::assert_complete(TEXTS);
}
