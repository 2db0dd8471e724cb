//! How heavy pages are on the wire: every page that links lead to, with whatever it
//! loads on a first visit, and alone when htmx fetches it into a frame that is there; and
//! that each page below another says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use axum::body::Body;
use axum::http::{Request, header};
use platform::ctx::Cx;
use platform::db::DbError;
use platform::people;
use platform::testing::{TestDb, kind, person, refers, session};
use tower::ServiceExt;

use super::*;

/// Bytes of a first visit, compressed, before charts.
const FIRST: usize = 150_000;
/// Bytes of a page after it.
const NEXT: usize = 30_000;
/// Pages of one kind, such as those of single items, that are looked at.
const OF_A_KIND: usize = 2;

/// Rows enough that lists are full.
const ROWS: [&str; 7] = [
    "insert into tenant_settings (tenant_id, primary_colour) values ($1, '#7a1f5c')",
    "insert into items (tenant_id, item, name, type_code, base_unit, tracking)
     select $1, 'IT-' || n, 'Part ' || md5(n::text), 'RM', 'pcs', 'lot' from generate_series(1, 300) n",
    "insert into partners (tenant_id, partner, name, roles)
     select $1, 'P-' || n, 'Partner ' || md5(n::text), '{supplier,customer}' from generate_series(1, 300) n",
    "insert into users (tenant_id, user_id, email, name, status)
     select $1, gen_random_uuid(), md5(n::text) || '@saif.example', 'Person ' || md5(n::text), 'active'
     from generate_series(1, 100) n",
    "insert into exceptions (tenant_id, exception_id, kind, fingerprint, plant, document, detail)
     select $1, gen_random_uuid(), 'uid.overdrawn', md5(n::text), 'KOL', md5(n::text), '{}'
     from generate_series(1, 100) n",
    "insert into outbox (tenant_id, message_id, channel, kind, body, state, due_at, last_error)
     select $1, gen_random_uuid(), 'mail', 'hold.placed', '{}', 'dead', now(), md5(n::text)
     from generate_series(1, 100) n",
    "insert into audit_log (tenant_id, audit_id, actor, action, subject, after)
     select $1, gen_random_uuid(), 'system', 'item.change', 'items:' || md5(n::text), jsonb_build_object('name', md5(n::text))
     from generate_series(1, 100) n",
];

struct Site {
    router: Router,
    cookie: String,
    _test: TestDb,
    _folder: tempfile::TempDir,
}

/// What came back: the type of a page or another, and the bytes as they were sent.
struct Answer {
    is_page: bool,
    body: Vec<u8>,
}

impl Site {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL", "VSK"]).await;
        let cx = Cx::new(tenant, "user:tests");
        let filled: Result<(), DbError> = test
            .db
            .tx(&cx, async |tx| {
                for row in ROWS {
                    sqlx::query(row).bind(tenant).execute(tx.conn()).await?;
                }
                Ok(())
            })
            .await;
        filled.unwrap();
        person(&test.db, tenant, "asha@saif.example", "Asha", &[people::ADMIN]).await;
        let cookie = format!("tws={}", session(&test.db, "asha@saif.example", None).await);
        let folder = tempfile::tempdir().unwrap();
        let state_dir = folder.path().to_owned();
        let config = Config { state_dir, rate_caller_burst: 0, ..Config::default() };
        let modules = modules::all(&Shared::default());
        let files = config.files(Module::all_attached(&modules)).unwrap();
        let state = state(&test.db, &config, &modules, Secrets::passing().unwrap(), true, files);
        Self { router: app(state, modules, Shared::default(), true), cookie, _test: test, _folder: folder }
    }

    /// A path as that person, with these headers besides.
    ///
    /// # Errors
    /// What was answered instead of a page, a file, or the way to one.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let mut request = Request::builder()
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::COOKIE, &self.cookie)
            .header(header::ACCEPT, "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).map_err(|error| format!("{path}: {error}"))?;
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        if !status.is_success() && !status.is_redirection() {
            return Err(format!("{path}: {status}"));
        }
        let kind = response.headers().get(header::CONTENT_TYPE);
        let is_page =
            status.is_success() && kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
        Ok(Answer { is_page, body })
    }
}

#[tokio::test]
async fn every_page_is_light_on_a_first_visit_and_after() {
    const ZIPPED: (&str, &str) = ("accept-encoding", "gzip");
    let site = Site::new().await;
    let (mut wrong, mut pages) = (Vec::new(), 0);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut weights: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = BTreeSet::from(["/".to_owned()]);
    let mut waiting = VecDeque::from(["/".to_owned()]);
    let (mut first, mut next) = ((0, String::new()), (0, String::new()));
    while let Some(path) = waiting.pop_front() {
        let of_kind = kinds.entry(kind(&path)).or_default();
        if *of_kind == OF_A_KIND {
            continue;
        }
        *of_kind += 1;
        let answer = match site.get(&path, &[]).await {
            Ok(answer) if answer.is_page => answer,
            Ok(_) => continue,
            Err(told) => {
                wrong.push(format!("a link leads to {told}"));
                continue;
            }
        };
        pages += 1;
        let text = String::from_utf8_lossy(&answer.body);
        let below = path.split('?').next().is_some_and(|path| path.matches('/').count() > 1);
        // Boards stand beside each other.
        if below && !text.contains("class=\"tw-crumbs\"") && !text.contains("class=\"db-tabs\"") {
            wrong.push(format!("{path} does not say where it is"));
        }
        let found = refers(&text);
        let pages_of_ours = found.leads.into_iter().filter(|link| !link.starts_with("/api/"));
        waiting.extend(pages_of_ours.filter(|link| seen.insert(link.clone())));
        assert!(found.loads.iter().any(|asset| asset.contains(".css")), "{path} has no style sheet");
        let mut sum = site.get(&path, &[ZIPPED]).await.unwrap().body.len();
        for asset in found.loads {
            if !weights.contains_key(&asset) {
                match site.get(&asset, &[ZIPPED]).await {
                    Ok(answer) => drop(weights.insert(asset.clone(), answer.body.len())),
                    Err(told) => wrong.push(format!("{path} loads {told}")),
                }
            }
            sum += weights.get(&asset).copied().unwrap_or_default();
        }
        first = first.max((sum, path.clone()));
        let within = [ZIPPED, ("hx-request", "true"), ("hx-target", "main")];
        let alone = site.get(&path, &within).await.unwrap().body.len();
        next = next.max((alone, path.clone()));
        if sum >= FIRST {
            wrong.push(format!("{path} weighs {sum} bytes on a first visit; {FIRST} is the limit"));
        }
        if alone >= NEXT {
            wrong.push(format!("{path} weighs {alone} bytes after the first; {NEXT} is the limit"));
        }
    }
    println!("{pages} pages; the heaviest at first {first:?}, and after {next:?}");
    assert!(pages > 30, "links led to {pages} pages only: {seen:?}");
    assert!(weights.contains_key("/trace.css"), "{weights:?}");
    assert!(weights.keys().any(|asset| asset.starts_with("/brand/")), "{weights:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
