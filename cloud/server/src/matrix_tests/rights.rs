//! Every endpoint, called by each role that tenants begin with, and by somebody of
//! another plant. Generated from the table of all routes; what is not as it should be
//! yet is listed here, and the lists may only shrink.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use platform::ctx::{Cx, Plants};
use platform::db::DbError;
use platform::masters::OfPlants;
use platform::people::{self, BUILT_IN, By, Given};
use platform::testing::{TestDb, person, session};
use platform::web::{EVERY, grants};
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tower::ServiceExt;
use uuid::Uuid;

use super::*;

/// How long the lists below may be, at most: what is mended makes them shorter, and then
/// this too.
const MOST_SIGNED_IN: usize = 5;
const MOST_SAYS_NO_RIGHT: usize = 9;

/// Routes for whoever is signed in, as somebody or by a key: the description of the
/// API, which is the same for everybody.
const SIGNED_IN: &[&str] = &[
    "/api",
    "/api/operations/{operation}",
    "/brand/{tenant}/{version}/colours.css",
    "/brand/{tenant}/{version}/logo",
    // One's own views; those of others are not found.
    "/views/{id}/delete",
];
/// Routes that refuse somebody without any role and do not say for want of which
/// right: files ask for that of whatever they are attached to. With a file at hand
/// `files_are_for_whoever_may_what_they_are_attached_to` tries them.
const SAYS_NO_RIGHT: &[&str] = &[
    "/files/on/{kind}/{*code}",
    "/files/{id}/content",
    "/files/{id}/version",
    "/files/{id}/delete",
    "/files/{id}/restore",
    "/api/v1/files",
    "/api/v1/files/{id}",
    "/api/v1/files/{id}/content",
    "/api/v1/files/{id}/restore",
];
/// Routes that show, or let somebody change, what is of another plant.
const LEAKS: &[&str] = &[];

/// Stands in every row of the plant KOL.
pub(super) const OF_KOL: &str = "MARK-OF-KOL";
/// The key of the rows of masters.
pub(super) const KEY_OF_KOL: &str = "KEY-OF-KOL";
/// A UID that was born at KOL, and is there.
pub(super) const UID_OF_KOL: &str = "UID-SAIF-KOL-RM-000002-AE";
/// A hold on it.
pub(super) const HOLD_OF_KOL: &str = "01900000-0000-7000-8000-000000000002";

/// A tenant with plants KOL and VSK, and a person who is given roles in turn.
pub(super) struct Office {
    pub(super) router: Router,
    pub(super) test: TestDb,
    _folder: tempfile::TempDir,
    pub(super) cx: Cx,
    user: Uuid,
}

impl Office {
    pub(super) async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL", "VSK"]).await;
        plant_marks(&test, tenant).await;
        let folder = tempfile::tempdir().unwrap();
        // A person who calls every endpoint as every role calls often.
        let state_dir = folder.path().to_owned();
        let config = Config { state_dir, rate_caller_burst: 0, ..Config::default() };
        let mirrors = analytics::mirror::Mirrors::open(config.mirrors(), None).unwrap();
        let shared = Shared { mirrors: mirrors.clone(), ..Shared::default() };
        let modules = modules::all(&shared);
        let files = config.files(Module::all_attached(&modules)).unwrap();
        std::fs::write(folder.path().join("files").join("x"), "x").unwrap();
        let state = state(&test.db, &config, &modules, Secrets::passing().unwrap(), true, files);
        mirrors.catch_up(&test.db, tenant, chrono::Utc::now(), |_, _| {}).await.unwrap();
        let router = app(state, modules, shared, true);
        let cx = Cx::new(tenant, "user:tests");
        // Somebody has to stay an administrator.
        person(&test.db, tenant, "boss@saif.example", "Ananya", &[people::ADMIN]).await;
        let user = person(&test.db, tenant, "a@saif.example", "Ananya", &[]).await;
        Self { router, test, _folder: folder, cx, user }
    }

    /// The token of a new session, with these roles from now on.
    pub(super) async fn signed_in(&self, given: &[Given]) -> String {
        people::give(&self.test.db, &By::operator(&self.cx), self.user, given).await.unwrap();
        session(&self.test.db, "a@saif.example", None).await
    }

    /// As a program asks, so that errors come as problems.
    pub(super) async fn call(
        &self,
        token: &str,
        method: &str,
        path: &str,
        sends: Sends,
    ) -> (StatusCode, String) {
        let (kind, body) = match sends {
            Nothing => ("application/json", ""),
            sends => sends.parts(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::COOKIE, format!("tws={token}"))
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        // What is told live goes on for a minute; that it begins is enough.
        let kind = response.headers().get(header::CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            return (status, String::new());
        }
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    /// One text that SQL answers within the tenant.
    async fn ask(&self, sql: &str) -> String {
        let asked: Result<String, DbError> = self
            .test
            .db
            .tx(&self.cx, async |tx| {
                Ok(sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(tx.conn()).await?)
            })
            .await;
        asked.unwrap()
    }

    /// What the databases have of the tenant, but for when a session was last used.
    async fn everything(&self) -> BTreeMap<String, String> {
        let mut all = marks::everything_of(&self.test, self.cx.tenant).await;
        all.retain(|table, _| !table.ends_with(" control.sessions"));
        all
    }

    /// Asks that the tenant has what it had `before`.
    async fn has_still(&self, before: &BTreeMap<String, String>, who: &str) {
        let after = self.everything().await;
        let changed: Vec<&String> = before
            .iter()
            .filter(|(table, sum)| after.get(*table) != Some(*sum))
            .map(|(table, _)| table)
            .collect();
        assert_eq!(changed, Vec::<&String>::new(), "{who} was refused, and changed it");
    }

    /// Rows that bear a mark of KOL, of every table. The chain of the audit goes on over its own.
    async fn marked(&self) -> BTreeSet<String> {
        let mut owner = self.test.owner_of(self.cx.tenant).await.connect().await.unwrap();
        let bearing = [OF_KOL, KEY_OF_KOL, HOLD_OF_KOL].map(|mark| format!("%{mark}%"));
        let mut all = BTreeSet::new();
        for table in marks::tables(&mut owner).await {
            if table == "public.audit_log" {
                continue;
            }
            let sql = format!(
                "select '{table} ' || t::text from {table} t where tenant_id = $1 and t::text like any ($2)"
            );
            let rows = sqlx::query_scalar(AssertSqlSafe(sql)).bind(self.cx.tenant).bind(&bearing[..]);
            let rows: Vec<String> = rows.fetch_all(&mut owner).await.unwrap();
            all.extend(rows);
        }
        all
    }
}

/// Routes on which who calls may matter; whoever signs out, signs out, and nobody of a
/// tenant is a super-administrator.
fn asked() -> impl Iterator<Item = &'static (&'static str, &'static str, Who, Sends)> {
    ROUTES.iter().filter(|(_, pattern, least, _)| *pattern != "/signout" && *least != Super)
}

/// The right that a refusal names.
fn lacking(body: &str) -> Option<String> {
    let problem: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(problem.get("permission")?.as_str()?.to_owned())
}

#[tokio::test]
async fn each_built_in_role_may_what_it_says_and_no_more() {
    let office = Office::new().await;
    let token = office.signed_in(&[]).await;
    let mut takes: BTreeMap<(&str, &str), String> = BTreeMap::new();
    // What the lists of exceptions are really needed for.
    let (mut signed_in, mut silent) = (BTreeSet::new(), BTreeSet::new());
    let for_all = |least: Who| matches!(least, Anyone | Person | Signed);
    let before = office.everything().await;
    for &(method, pattern, _, sends) in asked().filter(|(_, _, least, _)| !for_all(*least)) {
        let (status, body) = office.call(&token, method, &sample(method, pattern), sends).await;
        assert!(!status.is_server_error(), "{method} {pattern} without a role: {status} {body}");
        if status != StatusCode::FORBIDDEN {
            assert!(SIGNED_IN.contains(&pattern), "{method} {pattern} without a role: {status} {body}");
            signed_in.insert(pattern);
            continue;
        }
        match lacking(&body) {
            Some(permission) => drop(takes.insert((method, pattern), permission)),
            None => {
                assert!(SAYS_NO_RIGHT.contains(&pattern), "{method} {pattern} says no right: {body}");
                silent.insert(pattern);
            }
        }
    }
    office.has_still(&before, "somebody without a role").await;
    assert_eq!(signed_in, SIGNED_IN.iter().copied().collect(), "SIGNED_IN lists what needs no exception");
    assert_eq!(silent, SAYS_NO_RIGHT.iter().copied().collect(), "SAYS_NO_RIGHT lists what needs none");
    assert!(SIGNED_IN.len() <= MOST_SIGNED_IN && SAYS_NO_RIGHT.len() <= MOST_SAYS_NO_RIGHT);
    assert!(takes.len() > 60, "only {} routes take a right", takes.len());
    // Whoever lacks a right first: what others may change goes on after they are answered.
    as_each_role(&office, &takes, true).await;
    let token = office.signed_in(&[]).await;
    for &(method, pattern, _, sends) in asked().filter(|(_, _, least, _)| for_all(*least)) {
        let (status, body) = office.call(&token, method, &sample(method, pattern), sends).await;
        assert!(!status.is_server_error(), "{method} {pattern} without a role: {status} {body}");
        assert_ne!(status, StatusCode::FORBIDDEN, "{method} {pattern} without a role: {body}");
    }
    as_each_role(&office, &takes, false).await;
}

/// Calls what takes a right that each role lacks, by which nothing changes; or has.
async fn as_each_role(office: &Office, takes: &BTreeMap<(&str, &str), String>, lacks: bool) {
    for (role, permissions) in BUILT_IN {
        let has = |wanted: &str| permissions.iter().any(|held| grants(held, wanted));
        let token = office.signed_in(&[Given::everywhere(*role)]).await;
        let before = if lacks { Some(office.everything().await) } else { None };
        for &(method, pattern, _, sends) in asked() {
            let Some(wanted) = takes.get(&(method, pattern)).filter(|wanted| has(wanted) != lacks) else {
                continue;
            };
            // One that may change roles must not change those that come after it.
            let path = sample(method, pattern).replace("/roles/VIEWER", "/roles/EVERYTHING");
            let (status, body) = office.call(&token, method, &path, sends).await;
            assert!(!status.is_server_error(), "{method} {pattern} as {role}: {status} {body}");
            if status == StatusCode::FORBIDDEN {
                // It may be another right than the first one that is asked for.
                let named = lacking(&body).unwrap_or_default();
                assert!(!named.is_empty() && !has(&named), "{method} {pattern} as {role}: {body}");
            } else {
                assert!(!lacks, "{method} {pattern} lets {role} in without {wanted}: {status} {body}");
            }
        }
        if let Some(before) = before {
            office.has_still(&before, role).await;
        }
    }
}

#[tokio::test]
async fn the_frame_of_a_page_leads_nowhere_that_is_refused() {
    let office = Office::new().await;
    for (role, _) in BUILT_IN {
        let token = office.signed_in(&[Given::everywhere(*role)]).await;
        for path in ["/search?q=zzz", "/search/box?q="] {
            let (_, page) = office.call(&token, "GET", path, Nothing).await;
            let links = links_of_frame(&page);
            assert!(path.contains("box") || !links.is_empty(), "{path} as {role}: {page}");
            for link in links {
                let (status, body) = office.call(&token, "GET", &link, Nothing).await;
                let opens = status.is_success() || status.is_redirection();
                assert!(opens, "{link} as {role}, who sees it: {status} {body}");
            }
        }
    }
}

#[tokio::test]
async fn files_are_for_whoever_may_what_they_are_attached_to() {
    let office = Office::new().await;
    // The file of the marks, on a warehouse.
    let path = |method: &str, pattern: &str| {
        let pattern = pattern.replace("{kind}", "warehouses").replace("{*code}", KEY_OF_KOL);
        sample(method, &pattern)
            .replace(HOLD, HOLD_OF_KOL)
            .replace("kind=suppliers", "kind=warehouses")
            .replace(MARK, KEY_OF_KOL)
    };
    let routes: Vec<_> = asked().filter(|(_, pattern, ..)| SAYS_NO_RIGHT.contains(pattern)).collect();
    assert!(routes.len() > SAYS_NO_RIGHT.len(), "each is there, some with several methods: {routes:?}");
    let mut held: BTreeSet<(bool, bool)> = BTreeSet::new();
    // Those who look first: a change may leave another version, or none.
    for looks in [true, false] {
        for (role, permissions) in BUILT_IN {
            let has = |wanted: &str| permissions.iter().any(|held| grants(held, wanted));
            held.insert((has("masters.warehouses.view"), has("masters.warehouses.edit")));
            let token = office.signed_in(&[Given::everywhere(*role)]).await;
            for &&(method, pattern, _, sends) in
                routes.iter().filter(|(method, ..)| looks == (*method == "GET"))
            {
                let wanted = if looks { "masters.warehouses.view" } else { "masters.warehouses.edit" };
                // Whoever is let in is told that somebody else changed it.
                let sends = if matches!(sends, Form("version=1")) { Form("version=99") } else { sends };
                let path = path(method, pattern);
                let (status, body) = office.call(&token, method, &path, sends).await;
                assert!(!status.is_server_error(), "{method} {path} as {role}: {status} {body}");
                if !has(wanted) {
                    assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} as {role}: {body}");
                    assert!(lacking(&body).is_none_or(|named| named == wanted), "{method} {path}: {body}");
                } else if looks {
                    assert_eq!(status, StatusCode::OK, "{method} {path} as {role}: {body}");
                } else {
                    assert_ne!(status, StatusCode::FORBIDDEN, "{method} {path} as {role}: {body}");
                    // Nothing was deleted that could be restored.
                    let found = status != StatusCode::NOT_FOUND || pattern.ends_with("/restore");
                    assert!(found, "{method} {path} as {role}: {body}");
                }
            }
        }
    }
    assert_eq!(held, [(false, false), (true, false), (true, true)].into(), "roles of each kind are tried");
}

/// Paths of a route that lead to rows of KOL: of masters, to those of each one that
/// belongs to plants.
fn paths_to_kol(method: &str, pattern: &str, masters: &[OfPlants]) -> Vec<String> {
    let filled = |pattern: &str| {
        sample(method, pattern).replace(UID, UID_OF_KOL).replace(HOLD, HOLD_OF_KOL).replace(MARK, OF_KOL)
    };
    if !pattern.contains("{master}") && !pattern.contains("{kind}") {
        return vec![filled(pattern)];
    }
    let of = |master: &OfPlants| {
        let key = master.key_of("KOL", KEY_OF_KOL);
        let pattern = pattern.replace("{*code}", &key).replace("{field}", "plant");
        filled(&pattern.replace("{kind}", master.name).replace("{master}", master.name))
    };
    masters.iter().map(of).collect()
}

/// What is sent to a route: of masters a change that fits every one.
fn sent(method: &str, pattern: &str, sends: Sends) -> Sends {
    match (method, pattern) {
        (_, "/holds") if method == "POST" => Form("uid=UID-SAIF-KOL-RM-000002-AE&reason=cracks"),
        ("POST", "/api/v1/holds/preview") => Json(r#"{"uid":"UID-SAIF-KOL-RM-000002-AE"}"#),
        ("POST", "/api/v1/holds") => Json(r#"{"uid":"UID-SAIF-KOL-RM-000002-AE","reason":"cracks"}"#),
        ("POST", "/masters/{master}/row/{*code}") => Form("version=1&name=Changed"),
        ("POST", "/masters/{master}/delete/{*code}") => Form("version=1"),
        _ => sends,
    }
}

/// The state of all that a stranger to KOL might change: a question whose answer it is.
fn untouched(masters: &[OfPlants]) -> String {
    let tables = masters.iter().map(|master| master.table).chain(["holds", "exceptions"]);
    let rows = tables.map(|table| {
        format!("(select coalesce(string_agg(t::text, ',' order by t::text), '{table}') from {table} t)")
    });
    format!("select {}", rows.collect::<Vec<_>>().join(" || "))
}

#[tokio::test]
async fn somebody_of_another_plant_gets_nothing_of_this_one() {
    let office = Office::new().await;
    let masters = platform::masters::of_plants(&office.test.db).await.unwrap();
    let untouched = untouched(&masters);
    let (before, marked) = (office.ask(&untouched).await, office.marked().await);
    assert!(marked.len() > 20, "{marked:?}");
    let everything = |plants| [Given { role: "EVERYTHING".into(), plants }];
    let mut shown: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut leaks: BTreeSet<&str> = BTreeSet::new();
    // Those who look first: what KOL shows to whom.
    for (who, plants) in
        [("all", Plants::All), ("KOL", Plants::some(["KOL"])), ("VSK", Plants::some(["VSK"]))]
    {
        let token = office.signed_in(&everything(plants)).await;
        for &(method, pattern, ..) in asked().filter(|(method, ..)| *method == "GET") {
            for path in paths_to_kol(method, pattern, &masters) {
                let (status, body) = office.call(&token, method, &path, Nothing).await;
                assert!(!status.is_server_error(), "{method} {path} as {who}: {status} {body}");
                // What was asked for may be repeated in an answer that found nothing.
                let mark = if path.contains(OF_KOL) { UID_OF_KOL } else { OF_KOL };
                if body.contains(mark) {
                    shown.entry(path).or_default().insert(who);
                    if who == "VSK" {
                        leaks.insert(pattern);
                    }
                }
            }
        }
    }
    // Somebody of KOL sees what somebody of all plants sees of it.
    let less: Vec<&String> = shown
        .iter()
        .filter(|(_, who)| who.contains("all") && !who.contains("KOL"))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(less, Vec::<&String>::new(), "is not shown at KOL");
    for master in &masters {
        let list = format!("/masters/{}", master.name);
        let row = format!("{list}/row/{}", master.key_of("KOL", KEY_OF_KOL));
        for path in [list, row] {
            assert!(
                shown.contains_key(&path),
                "add a row of the plant KOL to plant_marks: {path} shows none"
            );
        }
    }
    for path in [
        "/exceptions",
        "/holds",
        "/plants",
        "/api/v1/agents",
        "/api/v1/reference?kind=item",
        "/numbering",
        "/api/v1/numbering/numbers",
        "/audit",
        "/audit.csv",
        "/api/v1/audit",
    ] {
        assert!(shown.contains_key(path), "{path} shows no mark of KOL: {shown:?}");
    }
    assert!(shown.contains_key(&format!("/trace/{UID_OF_KOL}")), "{shown:?}");
    assert!(shown.len() > 25, "{shown:?}");

    // Then whoever changes.
    let token = office.signed_in(&everything(Plants::some(["VSK"]))).await;
    for &(method, pattern, _, sends) in asked().filter(|(method, ..)| *method != "GET") {
        for path in paths_to_kol(method, pattern, &masters) {
            let (status, body) = office.call(&token, method, &path, sent(method, pattern, sends)).await;
            assert!(!status.is_server_error(), "{method} {path}: {status} {body}");
            let named = path.contains(KEY_OF_KOL) || path.contains(HOLD_OF_KOL);
            let refused = matches!(status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN);
            if body.contains(OF_KOL) && !path.contains(OF_KOL) || (named && !refused) {
                leaks.insert(pattern);
            }
        }
    }
    assert_eq!(office.ask(&untouched).await, before, "somebody of VSK changed what is of KOL");
    let now = office.marked().await;
    let changed: Vec<&String> = marked.difference(&now).collect();
    assert_eq!(changed, Vec::<&String>::new(), "somebody of VSK changed what is of KOL");
    assert_eq!(leaks, LEAKS.iter().copied().collect(), "routes that lead to another plant's rows");

    // Whoever may at KOL, may.
    let token = office.signed_in(&everything(Plants::some(["KOL"]))).await;
    for (method, path, body, expected) in [
        (
            "POST",
            format!("/masters/stations/row/KOL:{KEY_OF_KOL}"),
            Form("version=1&name=Mine"),
            StatusCode::SEE_OTHER,
        ),
        ("POST", "/masters/stations".into(), Form("plant=KOL&station=S9&name=New"), StatusCode::SEE_OTHER),
        (
            "POST",
            "/masters/stations".into(),
            Form("plant=VSK&station=S9&name=New"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            "POST",
            "/masters/units".into(),
            Form("unit=vat&name=Vat&dimension=volume&decimals=0"),
            StatusCode::FORBIDDEN,
        ),
        ("GET", "/masters/units".into(), Nothing, StatusCode::OK),
        (
            "POST",
            format!("/api/v1/holds/{HOLD_OF_KOL}/release"),
            Json(r#"{"reason":"sorted"}"#),
            StatusCode::OK,
        ),
    ] {
        let (status, told) = office.call(&token, method, &path, body).await;
        assert_eq!(status, expected, "{method} {path}: {told}");
    }
}

/// Rows of the plant KOL, of every kind that an endpoint shows.
async fn plant_marks(test: &TestDb, tenant: Uuid) {
    let key = UID_OF_KOL.parse::<uid::Uid>().unwrap().key().get();
    let rows = [
        format!("insert into roles (tenant_id, role, name, permissions) values ('{tenant}', 'EVERYTHING', 'Everything', '{{{EVERY}}}')"),
        format!("insert into warehouses (tenant_id, warehouse, name, plant) values ('{tenant}', '{KEY_OF_KOL}', '{OF_KOL}', 'KOL')"),
        format!("insert into bins (tenant_id, plant, bin, name) values ('{tenant}', 'KOL', '{KEY_OF_KOL}', '{OF_KOL}')"),
        format!("insert into stations (tenant_id, plant, station, name) values ('{tenant}', 'KOL', '{KEY_OF_KOL}', '{OF_KOL}')"),
        format!("insert into machines (tenant_id, machine, name, plant) values ('{tenant}', '{KEY_OF_KOL}', '{OF_KOL}', 'KOL')"),
        format!("insert into shifts (tenant_id, plant, shift, name, starts, ends)
                 values ('{tenant}', 'KOL', '{KEY_OF_KOL}', '{OF_KOL}', '06:00', '14:00')"),
        format!("insert into operators (tenant_id, operator_id, name, badge_hash, plants)
                 values ('{tenant}', '{KEY_OF_KOL}', '{OF_KOL}', '\\x01', '{{KOL}}')"),
        format!("insert into document_series (tenant_id, series, name, kind, company, plant, pattern)
                 values ('{tenant}', '{KEY_OF_KOL}', '{OF_KOL}', 'sales_invoice', 'C1', 'KOL', 'KOL/{{FY}}/{{SEQ}}')"),
        format!("insert into document_periods (tenant_id, series, period_from, first, next)
                 values ('{tenant}', '{KEY_OF_KOL}', '2026-04-01', 1, 3)"),
        format!("insert into document_numbers (tenant_id, company, kind, number, series, period_from, seq, dated)
                 values ('{tenant}', 'C1', 'sales_invoice', '{OF_KOL}', '{KEY_OF_KOL}', '2026-04-01', 1, '2026-04-02')"),
        format!("insert into document_leases (tenant_id, lease_id, series, period_from, first, last, holder)
                 values ('{tenant}', '{HOLD_OF_KOL}', '{KEY_OF_KOL}', '2026-04-01', 2, 2, '{OF_KOL}')"),
        format!("insert into departments (tenant_id, plant, code, name) values ('{tenant}', 'KOL', '{KEY_OF_KOL}', '{OF_KOL}')"),
        format!("insert into cost_centres (tenant_id, code, name, plant, department)
                 values ('{tenant}', '{KEY_OF_KOL}', '{OF_KOL}', 'KOL', '{KEY_OF_KOL}')"),
        format!("insert into reference_rows (tenant_id, kind, id, plant, version, body)
                 values ('{tenant}', 'item', '{OF_KOL}', 'KOL', 1, '{{}}')"),
        format!("insert into exceptions (tenant_id, exception_id, kind, fingerprint, plant, key, document, detail)
                 values ('{tenant}', '{HOLD_OF_KOL}', 'uid.overdrawn', 'x', 'KOL', {key}, '{OF_KOL}', '{{}}')"),
        format!("insert into holds (tenant_id, hold_id, reason, scope) values ('{tenant}', '{HOLD_OF_KOL}', '{OF_KOL}', '{{}}')"),
        format!("insert into hold_members (tenant_id, hold_id, key) values ('{tenant}', '{HOLD_OF_KOL}', {key})"),
        format!("insert into scopes (tenant_id, scope_id, name, criteria, members, through_batch)
                 values ('{tenant}', '{HOLD_OF_KOL}', '{OF_KOL}', '{{\"is\":{{\"item\":\"{OF_KOL}\"}}}}', 1, 0)"),
        format!("insert into scope_members (tenant_id, scope_id, key) values ('{tenant}', '{HOLD_OF_KOL}', {key})"),
        format!("insert into lots (tenant_id, lot_id, item, supplier, supplier_lot, owner)
                 values ('{tenant}', '{HOLD_OF_KOL}', '{OF_KOL}', '{OF_KOL}', '{OF_KOL}', '')"),
        format!("insert into uid_registry (tenant_id, key, item, lot_id, plant, born_agent, born_epoch, born_seq, born_at, last_at, last_stage)
                 values ('{tenant}', {key}, '{OF_KOL}', '{HOLD_OF_KOL}', 'KOL', '{HOLD_OF_KOL}', 1, 1, now(), now(), 3)"),
        format!("insert into file_contents (tenant_id, sha256, size, object) values ('{tenant}', sha256('x'), 1, 'x')"),
        format!("insert into files (tenant_id, file_id, subject_kind, subject_key)
                 values ('{tenant}', '{HOLD_OF_KOL}', 'warehouses', '{KEY_OF_KOL}')"),
        format!("insert into file_versions (tenant_id, file_id, number, name, media_type, sha256)
                 values ('{tenant}', '{HOLD_OF_KOL}', 1, '{OF_KOL}', 'text/plain', sha256('x'))"),
        // Newer than whatever is written while all endpoints are called.
        format!("insert into audit_log (tenant_id, audit_id, at, actor, action, subject, after)
                 values ('{tenant}', '{HOLD_OF_KOL}', now() + interval '1 hour', 'system', 'master.update',
                         'machines:{KEY_OF_KOL}', '{{\"plant\": \"KOL\", \"name\": \"{OF_KOL}\"}}')"),
        format!("update agents set software = '{OF_KOL}' where tenant_id = '{tenant}' and plant_code = 'KOL'"),
    ];
    let cx = Cx::system(tenant);
    let done: Result<(), DbError> = test
        .db
        .tx(&cx, async |tx| {
            for row in &rows {
                sqlx::query(AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
            }
            Ok(())
        })
        .await;
    done.unwrap();
}
