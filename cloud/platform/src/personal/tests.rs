//! A person's data as a whole: shown, handed out, kept, erased everywhere.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

use super::*;
use crate::ctx::{Cx, Plants};
use crate::db::DbError;
use crate::files::{Depot, Files, Goes, Limits, spool, upload};
use crate::i18n::assert_complete;
use crate::masters::{self, Engine, Shapes};
use crate::people::{self, By};
use crate::secrets::Secrets;
use crate::testing::TestDb;
use crate::web::{AppState, Scope, keys};

mod under_way;

const PASSWORD: &str = "monsoon kettle ninety brass";

struct Site {
    test: TestDb,
    tenant: Uuid,
    cx: Cx,
    secrets: Secrets,
    files: Files,
    shapes: std::sync::Arc<Shapes>,
    router: Router,
    key: String,
    folder: TempDir,
}

impl Site {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL", "VSK"]).await;
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(Depot::folder(folder.path()).unwrap(), Limits::default(), masters::subjects());
        let secrets = Secrets::passing().unwrap();
        let shapes = Engine::new(secrets.clone()).shapes(&test.db).await.unwrap();
        let state = AppState::builder(test.db.clone())
            .modules(&[module(), masters::module()])
            .secrets(secrets.clone())
            .files(files.clone())
            .build();
        let router = crate::web::app(state, router());
        let key = keys::create(&test.db, tenant, "tests", &[Scope::Admin], None).await.unwrap();
        let key = key.reveal().to_owned();
        Self { cx: Cx::new(tenant, "user:tests"), test, tenant, secrets, files, shapes, router, key, folder }
    }

    async fn create(&self, master: &str, given: &[(&str, &str)]) {
        let cells = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let shape = self.shapes.find(master).unwrap();
        masters::create(&self.test.db, &self.cx, shape, cells).await.unwrap();
    }

    async fn run(&self, sql: &str) {
        let sql = sql.replace("$tenant", &format!("'{}'", self.tenant));
        let done: Result<(), DbError> = self
            .test
            .db
            .tx(&self.cx, async |tx| {
                sqlx::query(AssertSqlSafe(sql.clone())).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    }

    async fn person(&self, email: &str, name: &str, role: &str) -> Uuid {
        let now = Utc::now();
        let invitation = people::Invitation {
            email: email.into(),
            name: name.into(),
            roles: vec![role.into()],
            plants: Plants::All,
        };
        let (user, link) =
            people::invite(&self.test.db, &By::operator(&self.cx), &invitation, Some(&self.secrets), now)
                .await
                .unwrap();
        people::accept(&self.test.db, link.reveal(), name, PASSWORD, now).await.unwrap();
        let attempt = people::Attempt {
            email: email.into(),
            password: PASSWORD.into(),
            address: Some([10, 1, 2, 3].into()),
            browser: format!("Firefox of {name}"),
        };
        people::sign_in(&self.test.db, &attempt, now).await.unwrap();
        user
    }

    async fn erase(&self, person: &Person, now: DateTime<Utc>) -> Result<Erased, PersonalError> {
        erase(&self.test.db, &self.files, &self.secrets, &By::operator(&self.cx), person, now).await
    }

    /// Texts of a query's only column, in the tenant.
    async fn texts(&self, sql: &str) -> Vec<String> {
        let found: Result<_, DbError> = self
            .test
            .db
            .tx(&self.cx, async |tx| {
                Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(tx.conn()).await?)
            })
            .await;
        found.unwrap()
    }

    /// A workflow that somebody wrote something in its history of.
    async fn history(&self, note: &str) {
        let [definition, instance] = [Uuid::now_v7(), Uuid::now_v7()];
        self.run(&format!(
            "insert into workflow_definitions (tenant_id, definition_id, workflow, revision, name, source)
                  values ($tenant, '{definition}', 'w_{}', 1, 'W', '{{}}')",
            definition.simple()
        ))
        .await;
        self.run(&format!(
            "insert into workflow_instances (tenant_id, instance_id, definition_id, workflow, subject_kind,
                                             subject_id, title, state, started_at)
                  values ($tenant, '{instance}', '{definition}', 'w', 'request', gen_random_uuid(), 'T',
                          'COMPLETED', now())"
        ))
        .await;
        self.run(&format!(
            "insert into workflow_history (tenant_id, instance_id, n, at, what, note)
                  values ($tenant, '{instance}', 1, now(), 'decided', '{note}')"
        ))
        .await;
    }

    /// Every column of every table, the control schema too, in which the text
    /// stands, in any case: in the home database and where the tenant lives.
    async fn places(&self, text: &str) -> Vec<String> {
        let (home, lives) = (self.test.owner.clone(), self.test.owner_of(self.tenant).await);
        let mut found = places_in(&home, text).await;
        if lives.get_database() != home.get_database() {
            found.extend(places_in(&lives, text).await);
        }
        found
    }

    async fn get(&self, method: &str, path: &str, body: &str) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}

async fn places_in(database: &PgConnectOptions, text: &str) -> Vec<String> {
    let mut connection = database.connect().await.unwrap();
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select a.attrelid::regclass::text, quote_ident(a.attname) from pg_attribute a
         join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
           and n.nspname in ('public', 'control')
           and a.atttypid in ('text'::regtype, 'varchar'::regtype, 'jsonb'::regtype, 'json'::regtype,
                              'text[]'::regtype, 'bytea'::regtype, 'name'::regtype)",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(columns.len() > 150, "the walk found only {} columns", columns.len());
    let mut found = Vec::new();
    for (table, column) in columns {
        if holds(&mut connection, &table, &column, text).await {
            found.push(format!("{table}.{column}"));
        }
    }
    found
}

/// `bytea` is looked at as hex and as the text that it may be.
async fn holds(connection: &mut PgConnection, table: &str, column: &str, text: &str) -> bool {
    let sql = format!(
        "select exists (select from {table} where position(lower($1) in lower({column}::text)) > 0
             or position(encode(convert_to($1, 'UTF8'), 'hex') in {column}::text) > 0)"
    );
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(text).fetch_one(connection).await.unwrap()
}

#[test]
fn texts_are_complete_in_every_language() {
    assert_complete(TEXTS);
}

crate::in_every_placement! {
async fn of_a_user_nothing_is_left_anywhere() {
    let site = Site::new().await;
    site.person("priya@saif.example", "Priya Rao", "ADMIN").await;
    let user = site.person("ravi.teja@saif.example", "Ravi Teja", "VIEWER").await;
    let person = Person { kind: Kind::User, key: user.to_string() };
    // What others were told and wrote of him.
    site.run(
        "insert into notices (tenant_id, notice_id, user_id, kind, details, told_at)
              select $tenant, gen_random_uuid(), user_id, 'people.joined', '{\"who\": \"Ravi Teja\"}', now()
              from users where email = 'priya@saif.example'",
    )
    .await;
    site.run(
        "insert into outbox (tenant_id, message_id, channel, kind, body, due_at, last_error)
              values ($tenant, gen_random_uuid(), 'webhook', 'people.joined',
                      '{\"text\": \"Ravi Teja joined\"}', now(), '550 ravi.teja@saif.example unknown')",
    )
    .await;
    site.run("insert into exceptions (tenant_id, exception_id, kind, fingerprint, detail, resolution)
              values ($tenant, gen_random_uuid(), 'x', 'x', '{\"note\": \"ask Ravi Teja\"}', 'Ravi Teja knew')")
        .await;
    site.run(
        "insert into event_notes (tenant_id, agent_id, epoch, seq, salt, note)
              values ($tenant, gen_random_uuid(), 1, 1, '', 'Ravi Teja saw a crack')",
    )
    .await;
    // However it is written, and where it is written once.
    site.history("RAVI  TEJA asks; call +91 98765-43210").await;
    site.run(
        "insert into holds (tenant_id, hold_id, reason, scope)
              values ($tenant, gen_random_uuid(), 'ravi teja found a crack', '{}')",
    )
    .await;
    let hold = serde_json::json!({ "hold": "H-1", "reason": "Found by ravi teja", "keys": [], "lots": [] });
    let published: Result<_, DbError> = site
        .test
        .db
        .tx(&site.cx, async |tx| crate::reference::publish(tx, "hold", "H-1", None, &hold, false).await)
        .await;
    let told_at = published.unwrap().expect("plants are told of the hold");
    // What is his own: a phone, a view of a list.
    let sealed = site.secrets.seal(site.tenant, &format!("phone:{user}"), b"+919876543210").unwrap();
    site.run(&format!(
        "insert into user_phones (tenant_id, user_id, number_sealed, ending)
              values ($tenant, '{user}', '\\x{}', '43210')",
        crate::seed::secrets::hex(&sealed)
    ))
    .await;
    site.run(&format!(
        "insert into list_views (tenant_id, view_id, list, owner, name, query)
              values ($tenant, gen_random_uuid(), 'items', 'user:{user}', 'Of Ravi Teja', 'q=a')"
    ))
    .await;
    let before = site.places("Ravi Teja").await;
    for table in ["users.name", "outbox.body", "notices.details", "exceptions.detail"] {
        assert!(before.iter().any(|place| place == table), "{table} is not among {before:?}");
    }
    assert!(site.places("ravi.teja@saif.example").await.contains(&"control.logins.email".to_owned()));

    // He gets a copy, and who looked is written down.
    let copy = export(&site.test.db, &site.secrets, &site.cx, &person, Utc::now()).await.unwrap();
    let sections = &copy["sections"];
    assert_eq!(sections["account"][0]["email"], "ravi.teja@saif.example");
    assert_eq!(sections["sessions"][0]["address"], "10.1.2.3");
    assert_eq!(sections["phone"][0]["phone"], "+919876543210");
    assert_eq!(sections["views"][0]["name"], "Of Ravi Teja");
    assert!(!copy.to_string().contains("argon2"), "no hash of a password leaves");
    let (status, page) = site.get("GET", &format!("/personal/of/user/{user}"), "").await;
    assert!(status == StatusCode::OK && page.contains("Ravi Teja"), "{page}");
    let again = open(&site.test.db, &site.secrets, &site.cx, &person, Utc::now()).await.unwrap();
    let acts: Vec<&Value> = again["sections"]["changes_of"].as_array().unwrap().iter().collect();
    assert!(
        acts.iter()
            .any(|act| act["action"] == "personal.read" && act["by"].as_str().unwrap().starts_with("key:"))
    );
    assert!(acts.iter().any(|act| act["action"] == "personal.export"));

    let oneself = Cx::new(site.tenant, person.subject());
    let refused = erase(&site.test.db, &site.files, &site.secrets, &By::operator(&oneself), &person, Utc::now()).await;
    assert!(matches!(refused, Err(PersonalError::Oneself)));
    let erased = site.erase(&person, Utc::now()).await.unwrap();
    assert!(erased.replaced >= 9, "{erased:?}");
    assert_eq!(erased.left, []);
    assert_eq!(site.places("Ravi").await, Vec::<String>::new());
    assert_eq!(site.places("98765-43210").await, Vec::<String>::new());
    assert_eq!(site.places("ravi.teja").await, Vec::<String>::new());
    // Plants are told the hold anew.
    let holds =
        site.texts("select version || ' ' || (body ->> 'reason') from reference_rows where kind = 'hold'");
    let holds = holds.await;
    let (version, reason) = holds[0].split_once(' ').unwrap();
    assert_eq!(reason, "Found by erased");
    assert!(version.parse::<i64>().unwrap() > told_at, "{holds:?}");
    let attempt = people::Attempt {
        email: "ravi.teja@saif.example".into(),
        password: PASSWORD.into(),
        address: None,
        browser: String::new(),
    };
    assert!(matches!(people::sign_in(&site.test.db, &attempt, Utc::now()).await, Ok(people::SignedIn::No)));
    // What he did is still his, by an id; and the chain of the audit is as it was.
    let chained = crate::audit::chain::extend(&site.test.db, site.tenant).await.unwrap();
    assert!(chained > 0);
    let report = crate::audit::chain::verify(&site.test.db, site.tenant, None, |_| {}).await.unwrap();
    assert!(report.breaks.is_empty());
}
}

#[tokio::test]
async fn a_name_of_one_word_is_listed_and_replaced_nowhere() {
    let site = Site::new().await;
    let given = [("operator_id", "OP-9"), ("name", "Raj"), ("badge", "BADGE-9"), ("plants", "KOL")];
    site.create("operators", &given).await;
    site.create("suppliers", &[("partner", "RAJ"), ("name", "Rajasthan Castings")]).await;
    let note = "From Rajasthan; ask raj, or Swaraj";
    site.run(&format!(
        "insert into event_notes (tenant_id, agent_id, epoch, seq, salt, note)
              values ($tenant, gen_random_uuid(), 1, 1, '', '{note}')"
    ))
    .await;
    site.history("Maharajah, Rajesh").await;
    site.run(
        "insert into exceptions (tenant_id, exception_id, kind, fingerprint, detail)
              values ($tenant, gen_random_uuid(), 'x', 'x', '{\"note\": \"RAJ saw \\\"it\\\"\"}')",
    )
    .await;
    let person = Person { kind: Kind::Operator, key: "OP-9".into() };
    let erased = site.erase(&person, Utc::now() + TimeDelta::days(6 * 366)).await.unwrap();
    assert_eq!(site.texts("select note from event_notes").await, [note]);
    assert_eq!(site.texts("select note from workflow_history").await, ["Maharajah, Rajesh"]);
    assert_eq!(site.texts("select name from partners").await, ["Rajasthan Castings"]);
    assert_eq!(site.texts("select name from operators").await, ["erased"]);
    let left = |place: &str, snippet: &str| Left {
        place: place.to_owned(),
        count: 1,
        snippets: vec![snippet.to_owned()],
    };
    assert_eq!(erased.replaced, 0);
    assert_eq!(erased.left, [left("event_notes.note", note), left("exceptions.detail", "RAJ saw \"it\"")]);
    // How many is in the audit; what it says is not.
    let told = site.texts("select after::text from audit_log where action = 'personal.erase'").await;
    assert_eq!(told, ["{\"left\": 2, \"replaced\": 0}"]);
    assert!(site.places("Swaraj").await.iter().all(|place| place == "event_notes.note"));
}

#[tokio::test]
async fn whoever_erases_is_told_what_is_left_on_the_page_and_by_the_api() {
    let site = Site::new().await;
    for (contact, name) in [("C-1", "Meera Nair"), ("C-2", "Asha")] {
        let email = format!("{contact}@acme.example").to_lowercase();
        if contact == "C-1" {
            site.create("suppliers", &[("partner", "ACME"), ("name", "Meera Nair Traders")]).await;
        }
        let given = [("contact", contact), ("partner", "ACME"), ("name", name), ("email", email.as_str())];
        site.create("contacts", &given).await;
    }
    site.run(
        "insert into exceptions (tenant_id, exception_id, kind, fingerprint, detail, resolution)
              values ($tenant, gen_random_uuid(), 'x', 'x', '{}', 'meera nair told Asha & Ashok')",
    )
    .await;
    let (status, page) = site.get("POST", "/personal/erase/contact/C-1", "confirm=C-1").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    // A supplier's name is master data, and stays.
    assert!(page.contains("Suppliers and customers: Name") && page.contains("Meera Nair Traders"), "{page}");
    assert!(page.contains("taken out in one place"), "{page}");
    let (status, answer) = site.get("POST", "/api/v1/personal/erase/contact/C-2", "").await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(status, StatusCode::OK, "{answer}");
    let left = serde_json::json!([
        { "place": "exceptions.resolution", "count": 1, "snippets": ["erased told Asha & Ashok"] }
    ]);
    assert_eq!(answer, serde_json::json!({ "replaced": 0, "left": left, "under_way": [] }));
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let site = Site::new().await;
    let user = site.person("priya@saif.example", "Priya Rao", "ADMIN").await;
    let person = Person { kind: Kind::User, key: user.to_string() };
    assert!(matches!(site.erase(&person, Utc::now()).await, Err(PersonalError::LastAdministrator)));
    assert!(!site.places("Priya Rao").await.is_empty(), "nothing was done");
}

/// How many sign-ins the control schema knows for a person.
async fn logins(test: &TestDb, user: Uuid) -> i64 {
    let found: Result<i64, DbError> = test
        .db
        .system_tx(async |system| {
            let sql = "select count(*) from control.logins where user_id = $1";
            Ok(sqlx::query_scalar(sql).bind(user).fetch_one(system.conn()).await?)
        })
        .await;
    found.unwrap()
}

crate::in_every_placement! {
/// What a crash once left of an erased person in the control schema goes when it is asked
/// again, and the address can be invited.
async fn who_is_erased_already_is_erased_to_the_end() {
    let site = Site::new().await;
    site.person("boss@saif.example", "Boss", "ADMIN").await;
    let user = site.person("ravi@saif.example", "Ravi Teja", "VIEWER").await;
    let person = Person { kind: Kind::User, key: user.to_string() };
    site.erase(&person, Utc::now()).await.unwrap();
    let left: Result<(), DbError> = site
        .test
        .db
        .system_tx(async |system| {
            let sql = "insert into control.logins (email, tenant_id, user_id) values ('ravi@saif.example', $1, $2)";
            sqlx::query(sql).bind(site.tenant).bind(user).execute(system.conn()).await?;
            Ok(())
        })
        .await;
    left.unwrap();
    assert_eq!(site.erase(&person, Utc::now()).await.unwrap(), Erased::default());
    assert_eq!(logins(&site.test, user).await, 0);
    let again = site.person("ravi@saif.example", "Ravi Teja", "VIEWER").await;
    assert_ne!(again, user);
    let told = site.texts("select action from audit_log where action = 'personal.erase'").await;
    assert_eq!(told.len(), 1, "it was done once");
}
}

/// Of a tenant in a database of its own the two commit one after the other. After the first
/// nobody can sign in, and the second is made up for when it is asked again.
#[tokio::test]
async fn an_erasure_that_breaks_off_between_two_databases_is_finished_later() {
    crate::testing::placed(crate::testing::Placed::Own, async {
        let site = Site::new().await;
        site.person("boss@saif.example", "Boss", "ADMIN").await;
        let user = site.person("ravi@saif.example", "Ravi Teja", "VIEWER").await;
        let person = Person { kind: Kind::User, key: user.to_string() };
        let mut owner = site.test.owner_of(site.tenant).await.connect().await.unwrap();
        sqlx::raw_sql(
            "create function public.breaks_off() returns trigger language plpgsql as
                 $$ begin raise exception 'breaks off'; end $$;
             create constraint trigger breaks_off after insert on personal_requests
                 deferrable initially deferred for each row execute function public.breaks_off()",
        )
        .execute(&mut owner)
        .await
        .unwrap();
        assert!(site.erase(&person, Utc::now()).await.is_err(), "its own database does not commit");
        assert_eq!(logins(&site.test, user).await, 0, "nobody signs in who is to be erased");
        assert!(!site.texts("select name from users where name = 'Ravi Teja'").await.is_empty());
        sqlx::raw_sql("drop trigger breaks_off on personal_requests").execute(&mut owner).await.unwrap();
        site.erase(&person, Utc::now()).await.unwrap();
        assert_eq!(site.places("Ravi").await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn nobody_erases_somebody_who_has_more() {
    let site = Site::new().await;
    let user = site.person("priya@saif.example", "Priya Rao", "ADMIN").await;
    site.person("boss@saif.example", "Boss", "ADMIN").await;
    let person = Person { kind: Kind::User, key: user.to_string() };
    let rights = crate::web::Rights::of_person([super::PERSONAL_MANAGE.code.to_owned()]);
    let by = By::holding(&site.cx, &rights, super::PERMISSIONS);
    let refused = erase(&site.test.db, &site.files, &site.secrets, &by, &person, Utc::now()).await;
    assert!(matches!(refused, Err(PersonalError::Beyond(_))), "{refused:?}");
    assert!(!site.places("Priya Rao").await.is_empty(), "nothing was done");
    site.erase(&person, Utc::now()).await.unwrap();
    assert_eq!(site.places("Priya Rao").await, Vec::<String>::new());
}

#[tokio::test]
async fn an_operator_is_kept_as_long_as_the_law_says_and_then_goes_from_plants_too() {
    let site = Site::new().await;
    site.create(
        "operators",
        &[
            ("operator_id", "OP-77"),
            ("name", "Lakshmi Narayan"),
            ("badge", "BADGE-4711"),
            ("pin", "4821"),
            ("plants", "KOL"),
            ("pan", "AAPPU0939F"),
            ("bank_account", "00112233445566"),
        ],
    )
    .await;
    let person = Person { kind: Kind::Operator, key: "OP-77".into() };
    let badge = crate::seed::secrets::hex(&crate::seed::secrets::badge_hash("BADGE-4711"));
    assert!(site.places(&badge).await.len() >= 2, "the badge is in the master and was told to plants");
    let copy = open(&site.test.db, &site.secrets, &site.cx, &person, Utc::now()).await.unwrap();
    assert_eq!(copy["sections"]["sealed"][0]["pan"], "AAPPU0939F");

    // Refused, with the reason, and written down.
    match site.erase(&person, Utc::now()).await {
        Err(PersonalError::Kept { until, basis }) => {
            assert!(until > Utc::now().date_naive() + TimeDelta::days(4 * 365));
            assert!(basis.contains("Employment"), "{basis}");
        }
        other => panic!("{other:?}"),
    }
    let copy = open(&site.test.db, &site.secrets, &site.cx, &person, Utc::now()).await.unwrap();
    assert_eq!(copy["sections"]["requests"][0]["done"], false);
    let (status, page) = site.get("POST", "/personal/erase/operator/OP-77", "confirm=OP-77").await;
    assert!(status == StatusCode::CONFLICT && page.contains("must be kept until"), "{page}");
    let (status, _) = site.get("POST", "/personal/erase/operator/OP-77", "confirm=wrong").await;
    assert_eq!(status, StatusCode::CONFLICT);

    // Once the years are over.
    let later = Utc::now() + TimeDelta::days(5 * 366 + 1);
    site.erase(&person, later).await.unwrap();
    for text in ["Lakshmi", "Narayan", &badge, "AAPPU0939F", "BADGE-4711"] {
        assert_eq!(site.places(text).await, Vec::<String>::new(), "{text}");
    }
    let told: Vec<Value> = site
        .test
        .db
        .tx(&site.cx, async |tx| {
            let sql = "select jsonb_build_object('deleted', deleted, 'body', body) from reference_rows where kind = 'operator'";
            Ok::<_, DbError>(sqlx::query_scalar(sql).fetch_all(tx.conn()).await?)
        })
        .await
        .unwrap();
    assert!(!told.is_empty() && told.iter().all(|row| row["deleted"] == true), "plants forget: {told:?}");
}

#[tokio::test]
async fn a_contact_goes_with_files_and_consents_are_written_down() {
    let site = Site::new().await;
    site.create("suppliers", &[("partner", "ACME"), ("name", "Acme")]).await;
    let given =
        [("contact", "C-1"), ("partner", "ACME"), ("name", "Meera Nair"), ("email", "meera@acme.example")];
    site.create("contacts", &given).await;
    // The organisation's own field says something of her too.
    let own = [("master", "contacts"), ("field", "birthday"), ("labels.en", "Birthday"), ("kind", "text")];
    site.create("custom_fields", &own).await;
    let wide = Engine::new(site.secrets.clone()).widened(&site.test.db, &site.cx, "contacts").await.unwrap();
    let said = [("custom.birthday".to_owned(), "Born in Thrissur".to_owned())].into();
    masters::update(&site.test.db, &site.cx, wide.find("contacts").unwrap(), "C-1", 1, said).await.unwrap();
    assert!(
        site.places("Thrissur").await.iter().all(|place| !place.starts_with("audit")),
        "nor in the audit"
    );
    let sent = futures_util::stream::iter([Ok::<_, std::io::Error>("a passport".into())]);
    let spooled = spool(&site.files, sent).await.unwrap();
    let goes = Goes::To(site.files.subject("contacts").unwrap(), "C-1");
    let now = Utc::now();
    upload(&site.test.db, &site.cx, &site.files, goes, "Meera Nair.txt", spooled, now).await.unwrap();
    let folder = site.folder.path().join(site.tenant.to_string());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    let person = Person { kind: Kind::Contact, key: "C-1".into() };

    let id = service::give(&site.test.db, &site.cx, &person, "Newsletter", "2026-11", now).await.unwrap();
    let nothing = service::give(&site.test.db, &site.cx, &person, " ", "1", now).await;
    assert!(matches!(nothing, Err(PersonalError::Consent)));
    service::withdraw(&site.test.db, &site.cx, &person, id, now).await.unwrap();
    let twice = service::withdraw(&site.test.db, &site.cx, &person, id, now).await;
    assert!(matches!(twice, Err(PersonalError::NotFound)));
    let copy = open(&site.test.db, &site.secrets, &site.cx, &person, now).await.unwrap();
    assert_eq!(copy["sections"]["consents"][0]["purpose"], "Newsletter");
    assert!(copy["sections"]["consents"][0]["withdrawn_at"].is_string());
    assert_eq!(copy["sections"]["own_fields"][0]["value"], "Born in Thrissur");
    assert_eq!(copy["sections"]["files"][0]["versions"][0]["name"], "Meera Nair.txt");

    let (_, page) = site.get("GET", "/personal?q=meera", "").await;
    assert!(page.contains("/personal/of/contact/C-1"), "{page}");
    site.erase(&person, now).await.unwrap();
    for text in ["Meera", "meera@acme.example", "Thrissur"] {
        assert_eq!(site.places(text).await, Vec::<String>::new(), "{text}");
    }
    let left = std::fs::read_dir(folder).map_or(0, Iterator::count);
    assert_eq!(left, 0, "the bytes are gone");
    let (_, page) = site.get("GET", "/personal?q=meera", "").await;
    assert!(!page.contains("/personal/of/"), "{page}");
}
