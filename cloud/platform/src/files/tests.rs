//! Files over a real Postgres, in a folder of this machine, as programs, browsers
//! and the sweep meet them. Over S3: `tests/tests/all/s3.rs`.

use std::path::Path;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::{TimeDelta, Utc};
use futures_util::stream;
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

use super::sweep::{Swept, sweep};
use super::*;
use crate::ctx::Cx;
use crate::i18n::assert_complete;
use crate::testing::{Placed, TestDb, placed};
use crate::web::{AppState, Scope, keys};

const PDF: &[u8] = b"%PDF-1.7\nThe drawing of a bolt.";

struct Site {
    test: TestDb,
    tenant: Uuid,
    files: Files,
    router: Router,
    folder: TempDir,
}

impl Site {
    async fn new(limits: Limits) -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let folder = tempfile::tempdir().unwrap();
        let depot = Depot::folder(folder.path()).unwrap();
        let files = Files::new(depot, limits, crate::masters::subjects());
        let state = AppState::builder(test.db.clone())
            .modules(&[module(), crate::masters::module()])
            .files(files.clone())
            .build();
        let router = crate::web::app(state, router());
        Self { test, tenant, files, router, folder }
    }

    async fn key(&self, tenant: Uuid, scope: Scope) -> String {
        keys::create(&self.test.db, tenant, "tests", &[scope], None).await.unwrap().reveal().to_owned()
    }

    async fn call(
        &self,
        key: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (StatusCode, HeaderMap, Bytes) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::ACCEPT, "text/html");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, to_bytes(body, 64 << 20).await.unwrap())
    }

    async fn json(&self, key: &str, method: &str, path: &str, body: impl Into<Body>) -> (StatusCode, Value) {
        let (status, _, bytes) = self.call(key, method, path, &[], body).await;
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Files of the folder that hold bytes.
    fn stored(&self) -> usize {
        fn count(dir: &Path) -> usize {
            let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
            entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
        }
        count(self.folder.path())
    }
}

const ON: &str = "kind=units&key=kg";

#[test]
fn texts_are_complete_in_every_language() {
    assert_complete(TEXTS);
}

#[test]
fn an_id_has_one_spelling() {
    let id = "01900000-0000-7000-8000-00000000000a";
    assert_eq!(id_of(id).unwrap().to_string(), id);
    let braced = format!("{{{id}}}");
    for other in [&id.to_uppercase(), &id.replace('-', ""), &braced, "", "BOLT"] {
        assert_eq!(id_of(other), None, "{other}");
    }
}

#[tokio::test]
async fn the_audit_says_of_which_plant_a_file_is() {
    let site = Site::new(Limits::default()).await;
    let key = site.key(site.tenant, Scope::Write).await;
    let cx = Cx::system(site.tenant);
    let warehouse: Result<(), DbError> = site
        .test
        .db
        .tx(&cx, async |tx| {
            let sql = "insert into warehouses (tenant_id, warehouse, name, plant)
                       values (app.tenant(), 'WH-1', 'Main', 'KOL')";
            sqlx::query(sql).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    warehouse.unwrap();
    // Of a plant's warehouse; and of a unit of measure, which is everybody's.
    for on in ["kind=warehouses&key=WH-1", ON] {
        let path = format!("/api/v1/files?{on}&name=a.pdf");
        let (status, made) = site.json(&key, "POST", &path, Body::from(PDF)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        let path = format!("/api/v1/files/{}", made["id"].as_str().unwrap());
        let (status, ..) = site.call(&key, "DELETE", &path, &[], "").await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{on}");
    }
    let said: Result<Vec<String>, DbError> = site
        .test
        .db
        .tx(&cx, async |tx| {
            let sql = "select action || '=' || coalesce(array_to_string(plants, ','), 'none')
                       from audit_log where action like 'file.%' order by at";
            Ok(sqlx::query_scalar(sql).fetch_all(tx.conn()).await?)
        })
        .await;
    assert_eq!(said.unwrap(), ["file.add=KOL", "file.delete=KOL", "file.add=none", "file.delete=none"]);
}

crate::in_every_placement! {
async fn a_program_keeps_versions_and_reads_parts() {
    let site = Site::new(Limits::default()).await;
    let key = site.key(site.tenant, Scope::Write).await;
    let reader = site.key(site.tenant, Scope::Read).await;
    let (status, made) =
        site.json(&key, "POST", &format!("/api/v1/files?{ON}&name=bolt"), Body::from(PDF)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(made["versions"][0]["name"], "bolt.pdf");
    let id = made["id"].as_str().unwrap();
    let content = format!("/api/v1/files/{id}/content");
    let (status, headers, bytes) = site.call(&reader, "GET", &content, &[], "").await;
    assert_eq!((status, &bytes[..]), (StatusCode::OK, PDF));
    assert_eq!(headers[header::CONTENT_TYPE], "application/pdf");
    assert_eq!(headers[header::CONTENT_LENGTH], PDF.len().to_string().as_str());
    assert_eq!(headers[header::CONTENT_SECURITY_POLICY], "default-src 'none'; sandbox");
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert!(headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment; "));
    let tag = headers[header::ETAG].to_str().unwrap().to_owned();
    let (status, ..) = site.call(&reader, "GET", &content, &[("if-none-match", &tag)], "").await;
    assert_eq!(status, StatusCode::NOT_MODIFIED);
    let (status, headers, bytes) = site.call(&reader, "GET", &content, &[("range", "bytes=1-3")], "").await;
    assert_eq!((status, &bytes[..]), (StatusCode::PARTIAL_CONTENT, &b"PDF"[..]));
    assert_eq!(headers[header::CONTENT_RANGE], format!("bytes 1-3/{}", PDF.len()).as_str());
    let (status, ..) = site.call(&reader, "GET", &content, &[("range", "bytes=9999-")], "").await;
    assert_eq!(status, StatusCode::RANGE_NOT_SATISFIABLE);

    // A new version; the old one stays. Who saw another row is refused.
    let (status, ..) =
        site.call(&key, "PUT", &format!("{content}?name=a.txt"), &[("if-match", "\"7\"")], "x").await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    let (status, _, bytes) = site
        .call(&key, "PUT", &format!("{content}?name=notes.bat"), &[("if-match", "\"1\"")], "del *.*")
        .await;
    let now: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(status, StatusCode::OK, "{now}");
    assert_eq!(
        (&now["versions"][0]["name"], &now["versions"][0]["number"]),
        (&"notes.bat.txt".into(), &2.into())
    );
    let (_, _, bytes) = site.call(&reader, "GET", &format!("{content}?version=1"), &[], "").await;
    assert_eq!(&bytes[..], PDF);

    // The same bytes again take no room.
    let (_, again) =
        site.json(&key, "POST", &format!("/api/v1/files?{ON}&name=copy.pdf"), Body::from(PDF)).await;
    assert_eq!(again["versions"][0]["sha256"], made["versions"][0]["sha256"]);
    assert_eq!(site.stored(), 2);

    // Deleted, it is in no one's way; restored, it is as it was.
    let one = format!("/api/v1/files/{id}");
    assert_eq!(site.json(&reader, "DELETE", &one, "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(site.json(&key, "DELETE", &one, "").await.0, StatusCode::NO_CONTENT);
    assert_eq!(site.json(&key, "DELETE", &one, "").await.0, StatusCode::NOT_FOUND);
    let (_, list) = site.json(&reader, "GET", &format!("/api/v1/files?{ON}"), "").await;
    assert_eq!(list["files"][0]["deleted"], true);
    assert_eq!(site.json(&key, "POST", &format!("{one}/restore"), "").await.1["deleted"], false);

    // Another tenant meets nothing, whatever it asks, and shares no bytes.
    let other = site.test.tenant("OTHR", &["KOL"]).await;
    let stranger = site.key(other, Scope::Admin).await;
    for path in [&one, &content] {
        assert_eq!(site.json(&stranger, "GET", path, "").await.0, StatusCode::NOT_FOUND);
    }
    let (status, _) =
        site.json(&stranger, "POST", &format!("/api/v1/files?{ON}&name=a.pdf"), Body::from(PDF)).await;
    assert_eq!((status, site.stored()), (StatusCode::CREATED, 3));
    let (status, _) =
        site.json(&key, "POST", "/api/v1/files?kind=units&key=none&name=a.pdf", Body::from(PDF)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
}

#[tokio::test]
async fn what_is_too_large_too_much_or_dangerous_leaves_nothing() {
    let limits = Limits { largest: 1 << 20, quota: (1 << 20) + 500_000, keep_deleted_days: 90 };
    let site = Site::new(limits).await;
    let key = site.key(site.tenant, Scope::Write).await;
    let path = format!("/api/v1/files?{ON}&name=a.txt");
    let refused = async |body: Body| {
        let (status, problem) = site.json(&key, "POST", &path, body).await;
        (status.as_u16(), problem["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(refused(Body::empty()).await, (422, "files.empty".into()));
    assert_eq!(refused(Body::from("MZ\u{1}")).await, (415, "files.kind".into()));
    assert_eq!(refused(Body::from("<html><script>")).await, (415, "files.kind".into()));
    // It is stopped while it comes, and never held whole.
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; 64 << 10])));
    assert_eq!(refused(Body::from_stream(endless)).await, (413, "files.too_large".into()));
    let broken = stream::iter([Ok(Bytes::from("half")), Err(std::io::Error::other("gone"))]);
    assert_eq!(refused(Body::from_stream(broken)).await, (400, "files.sending".into()));
    assert_eq!(site.stored(), 0);
    let (status, _) = site.json(&key, "POST", &path, vec![b'a'; 1 << 20]).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(refused(Body::from(vec![b'b'; 600_000])).await, (507, "files.quota".into()));
    assert_eq!(site.stored(), 1, "what went over the quota was removed");
    let cx = Cx::system(site.tenant);
    let weighs: Result<u64, DbError> = site.test.db.tx(&cx, async |tx| used(tx).await).await;
    assert_eq!(weighs.unwrap(), 1 << 20);
}

#[tokio::test]
async fn a_form_without_a_script_sends_several_and_each_is_judged() {
    let site = Site::new(Limits::default()).await;
    let key = site.key(site.tenant, Scope::Write).await;
    let form = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\ncode,name\r\n\
                --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"b.exe\"\r\n\r\nMZ\x01\r\n\
                --b--\r\n";
    let kind = ("content-type", "multipart/form-data; boundary=b");
    let (status, _, page) = site.call(&key, "POST", "/files/on/units/kg", &[kind], form).await;
    let page = String::from_utf8_lossy(&page).into_owned();
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("b.exe: This is a Windows program") && page.contains(">a.csv</a>"), "{page}");
    let one =
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"c.txt\"\r\n\r\nhello\r\n--b--\r\n";
    let (status, headers, _) = site.call(&key, "POST", "/files/on/units/kg", &[kind], one).await;
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/files/on/units/kg".parse().unwrap())
    );
    let (_, _, part) = site.call(&key, "GET", "/files/on/units/kg", &[("hx-request", "true")], "").await;
    let part = String::from_utf8_lossy(&part).into_owned();
    assert!(part.starts_with("<section") && part.contains("c.txt"), "{part}");
    let reader = site.key(site.tenant, Scope::Read).await;
    let (_, _, seen) = site.call(&reader, "GET", "/files/on/units/kg", &[], "").await;
    assert!(!String::from_utf8_lossy(&seen).contains("data-send"), "who may only look is offered no form");
}

crate::in_every_placement! {
async fn the_sweep_takes_what_a_crash_left_and_what_was_deleted_long_ago() {
    let site = Site::new(Limits::default()).await;
    let key = site.key(site.tenant, Scope::Write).await;
    let (_, made) = site.json(&key, "POST", &format!("/api/v1/files?{ON}&name=a.pdf"), Body::from(PDF)).await;
    // A process that ended between writing and recording.
    let sent = stream::iter([Ok::<_, std::io::Error>(Bytes::from("left behind"))]);
    let mut spooled = spool(&site.files, sent).await.unwrap();
    site.files.depot().unwrap().put(site.tenant, &mut spooled).await.unwrap();
    assert_eq!(site.stored(), 2);
    let now = Utc::now();
    let at = async |now| sweep(&site.test.db, &site.files, site.tenant, now).await.unwrap();
    assert_eq!(at(now).await, Swept::default(), "it may still be recorded");
    assert_eq!(at(now + TimeDelta::hours(25)).await, Swept { objects: 1, files: 0 });
    assert_eq!(site.stored(), 1);
    let id: Uuid = made["id"].as_str().unwrap().parse().unwrap();
    let cx = Cx::system(site.tenant);
    delete(&site.test.db, &cx, &site.files, id, None, now).await.unwrap();
    assert_eq!(at(now + TimeDelta::days(89)).await, Swept::default());
    assert_eq!(at(now + TimeDelta::days(91)).await, Swept { objects: 0, files: 1 });
    assert_eq!(site.stored(), 0);
    let weighs: Result<u64, DbError> = site.test.db.tx(&cx, async |tx| used(tx).await).await;
    assert_eq!(weighs.unwrap(), 0);
    // The same bytes can be kept again.
    let (status, _) =
        site.json(&key, "POST", &format!("/api/v1/files?{ON}&name=a.pdf"), Body::from(PDF)).await;
    assert_eq!(status, StatusCode::CREATED);
}
}

#[tokio::test]
async fn the_sweep_of_one_tenant_takes_nothing_of_another_and_goes_on_without_it() {
    let site = Site::new(Limits::default()).await;
    let depot = site.files.depot().unwrap();
    // Before the other one in the order in which they are swept.
    let gone = placed(Placed::Own, site.test.tenant("GONE", &[])).await;
    let other = site.test.tenant("OTHR", &[]).await;
    let left = |tenant: Uuid| {
        let folder = folder_of(depot, tenant).unwrap();
        let all = walk(&folder);
        all.into_iter().filter(|path| path.is_file()).collect::<Vec<_>>()
    };
    for tenant in [site.tenant, gone, other] {
        let sent = stream::iter([Ok::<_, std::io::Error>(Bytes::from("left behind"))]);
        let mut spooled = spool(&site.files, sent).await.unwrap();
        depot.put(tenant, &mut spooled).await.unwrap();
    }
    let key = site.key(other, Scope::Write).await;
    site.json(&key, "POST", &format!("/api/v1/files?{ON}&name=a.pdf"), Body::from(PDF)).await;
    let later = Utc::now() + TimeDelta::hours(25);
    let swept = sweep(&site.test.db, &site.files, site.tenant, later).await.unwrap();
    assert_eq!(swept, Swept { objects: 1, files: 0 });
    assert_eq!([site.tenant, gone, other].map(|tenant| left(tenant).len()), [0, 1, 2]);

    // The database of one is out of reach, and what another left behind is old.
    let database = site.test.owner_of(gone).await;
    let mut owner = site.test.owner.connect().await.unwrap();
    let drop = format!("drop database {} with (force)", database.get_database().unwrap());
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(48 * 3600);
    for path in left(other) {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_times(std::fs::FileTimes::new().set_modified(old)).unwrap();
    }
    let stop = tokio_util::sync::CancellationToken::new();
    let sweeping = tokio::spawn(super::sweep::run(site.test.db.clone(), site.files.clone(), stop.clone()));
    tokio::time::timeout(std::time::Duration::from_secs(60), async {
        while left(other).len() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the other tenant is swept");
    stop.cancel();
    sweeping.await.unwrap();
    assert_eq!([gone, other].map(|tenant| left(tenant).len()), [1, 1], "what a row names stays");
}

/// Everything in the folder.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.flat_map(|path| walk(&path).into_iter().chain([path])).collect()
}

#[tokio::test]
async fn the_same_bytes_at_once_are_one_object() {
    let site = Site::new(Limits::default()).await;
    let cx = Cx::system(site.tenant);
    let subject = site.files.subject("units").unwrap();
    let one = async |name: &'static str| {
        let sent = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(PDF))]);
        let spooled = spool(&site.files, sent).await.unwrap();
        upload(&site.test.db, &cx, &site.files, Goes::To(subject, "kg"), name, spooled, Utc::now()).await
    };
    let (a, b, c) = tokio::join!(one("a"), one("b"), one("c"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(site.stored(), 1);
}

#[tokio::test]
async fn a_tenant_goes_as_a_whole() {
    let site = Site::new(Limits::default()).await;
    let key = site.key(site.tenant, Scope::Write).await;
    site.json(&key, "POST", &format!("/api/v1/files?{ON}&name=a.pdf"), Body::from(PDF)).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let to = Depot::folder(elsewhere.path()).unwrap();
    let from = site.files.depot().unwrap();
    assert_eq!(copy_tenant(from, &to, site.tenant).await.unwrap(), 1);
    let copied = folder_of(&to, site.tenant).unwrap();
    let one = std::fs::read_dir(&copied).unwrap().next().unwrap().unwrap();
    assert_eq!(std::fs::read(one.path()).unwrap(), PDF);
    assert_eq!(erase_tenant(from, site.tenant).await.unwrap(), 1);
    assert_eq!(site.stored(), 0);
}
