//! What a tenant is shown, can do, and has stored: looked through for another's.

use std::path::Path;

use analytics::mirror::duckdb::Connection;
use analytics::mirror::export::{Months, export};

use super::*;

/// Routes of reading; what is told live has no end.
fn reads() -> impl Iterator<Item = (&'static str, Who)> {
    let ours =
        ROUTES.iter().filter(|(method, _, least, _)| *method == "GET" && !matches!(least, Anyone | Super));
    ours.map(|(_, pattern, least, _)| (*pattern, *least)).filter(|(pattern, _)| !pattern.ends_with("/live"))
}

/// Routes that have to show a tenant what is its own: what is not there shows nobody
/// anything.
fn is_full(pattern: &str) -> bool {
    let full = [
        "/trace/{uid}",
        "/trace/{uid}/tree/",
        "/trace/{uid}/report",
        "/trace/lot/",
        "/trace/document/",
        "/trace/machine/",
        "/trace/station/",
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
        "/files",
        "/{master}/export",
        "/{master}/row",
        "/api/v1/notices",
        "/api/v1/audit",
        "/audit.csv",
    ];
    let others = [
        "/recalls/new",
        "/holds/look",
        "/acts",
        "/units",
        "/letters",
        "/responses",
        "/effectiveness",
        "/holds/{id}/members",
        "/scopes/{id}/compare",
        "/scopes/{id}/progress",
        "/workflows",
        "/notices/preferences",
    ];
    full.iter().any(|part| pattern.contains(part)) && !others.iter().any(|part| pattern.contains(part))
}

/// What is answered to `own` that is of `other`, by the numbers of both and by the names
/// of either; and where nothing of its own is.
pub(super) async fn answers(two: &Two, own: &Office, other: &Office) -> Vec<Finding> {
    let mut found = Vec::new();
    for (pattern, least) in reads() {
        let by = || Some(if least == Person { By::Session(&own.token) } else { By::Key(&own.key) });
        for (path, theirs) in own.reads(pattern).into_iter().zip(other.reads(pattern)) {
            let (status, told) = two.send("GET", &path, by(), None).await;
            let told = text(&told);
            let said = format!("{path} as {}: {status} {}", own.code, start(&told));
            if status.is_server_error() {
                found.push(Finding::lack(pattern, said.clone()));
            }
            for mark in other.marks().iter().filter(|mark| told.contains(*mark)) {
                found.push(Finding::leak(pattern, format!("{mark} of {} is in {said}", other.code)));
            }
            if is_full(pattern) && !(status.is_success() && told.contains(&own.marks()[0])) {
                found.push(Finding::lack(pattern, format!("not its own is in {said}")));
            }
            let is_targets = pattern.ends_with("kpi-targets") || pattern.ends_with("/dashboards/targets");
            if is_targets && !told.contains(own.target) {
                found.push(Finding::lack(pattern, format!("not its target is in {said}")));
            }
            // By the other's names.
            if theirs == path {
                continue;
            }
            let (status, told) = two.send("GET", &theirs, by(), None).await;
            let told = text(&told);
            let said = format!("{theirs} as {}: {status} {}", own.code, start(&told));
            if status.is_server_error() {
                found.push(Finding::lack(pattern, said.clone()));
            }
            // What was asked for may be repeated.
            if told.contains(&other.mark()) && !theirs.contains(&other.mark()) {
                found.push(Finding::leak(pattern, format!("{} is in {said}", other.mark())));
            }
            let by_name = ["{id}", "{uid}"].iter().any(|part| pattern.contains(part));
            if by_name && !pattern.contains("/lot/") && status != StatusCode::NOT_FOUND {
                found.push(Finding::leak(pattern, format!("is there: {said}")));
            }
        }
    }
    found
}

/// What `own` can do with what is of `other`.
pub(super) async fn acts(two: &Two, own: &Office, other: &Office) -> Vec<Finding> {
    let mut found = Vec::new();
    for (method, path, sent) in [
        ("POST", "/api/v1/passports".to_owned(), json!({ "uid": other.uid(PUMP).to_string() })),
        ("POST", format!("/api/v1/passports/{}/end", other.passport), json!({ "reason": "mine" })),
        ("DELETE", format!("/api/v1/scopes/{}", other.scope), Value::Null),
        ("POST", format!("/api/v1/holds/{}/release", other.hold), json!({ "reason": "mine" })),
        ("POST", format!("/api/v1/recalls/{}/activate", other.recall), json!({})),
        ("POST", format!("/api/v1/recalls/{}/snapshot", other.recall), Value::Null),
    ] {
        let (status, told) = two.send(method, &path, Some(By::Key(&own.key)), Some(sent)).await;
        if status != StatusCode::NOT_FOUND {
            found.push(Finding::leak(&path, format!("{method} as {}: {status} {}", own.code, text(&told))));
        }
    }
    found
}

/// What the passport of `own`, which anybody may read, says of `other`.
pub(super) async fn passports(two: &Two, own: &Office, other: &Office) -> Vec<Finding> {
    let mut found = Vec::new();
    let history = format!("/p/{}{}/history.json", own.code, own.random());
    for (at, path) in [("the passport", &own.link), ("the passport's history", &history)] {
        let (status, told) = two.send("GET", path, None, None).await;
        let told = text(&told);
        if status != StatusCode::OK {
            found.push(Finding::lack(at, format!("{status} {}", start(&told))));
        }
        for mark in other.marks().iter().filter(|mark| told.contains(*mark)) {
            found.push(Finding::leak(at, format!("{mark} of {} is in that of {}", other.code, own.code)));
        }
    }
    found
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

/// What of `other` is in the mirror of `own` and in its export of Parquet, which is made
/// for this; and whether what is its own is there.
pub(super) async fn stored(two: &Two, own: &Office, other: &Office) -> Vec<Finding> {
    let mut found = Vec::new();
    let depot: Depot = two.config.exports().unwrap();
    let done = export(&two.mirrors, &two.test.db, own.tenant, Months::default(), &depot, Utc::now()).await;
    let folder = format!("{}/", own.tenant);
    for file in done.unwrap().files.iter().filter(|file| !file.path.starts_with(&folder)) {
        found.push(Finding::leak("Parquet", format!("{} is of {}", file.path, own.code)));
    }
    two.mirrors.close_all().await;
    let (settings, exports) = (two.config.mirrors(), two.config.state_dir.join("exports"));
    let conn = Connection::open(settings.path(own.tenant)).unwrap();
    let sql =
        "select string_agg(table_name, ',') from information_schema.tables where table_type = 'BASE TABLE'";
    let tables: String = conn.query_row(sql, [], |row| row.get(0)).unwrap();
    let tables: Vec<&str> = tables.split(',').collect();
    assert!(tables.len() > FACTS.len() + DIMENSIONS.len(), "{tables:?}");
    let mirrored: Vec<String> = tables.iter().map(|table| rows(&conn, table)).collect();
    let files = parquet(&exports.join(own.tenant.to_string()));
    assert!(files.len() > DIMENSIONS.len(), "{files:?}");
    let memory = Connection::open_in_memory().unwrap();
    let written: Vec<String> =
        files.iter().map(|file| rows(&memory, &format!("read_parquet('{}')", file.display()))).collect();
    for (at, held) in [("the mirror", mirrored.join("\n")), ("Parquet", written.join("\n"))] {
        for part in ["PUMP", "MILL", "OVEN", "BADGE", "CRACK", "HEAT"] {
            if !held.contains(&own.own(part)) {
                found.push(Finding::lack(at, format!("no {part} of {}: {held}", own.code)));
            }
        }
        for row in held.lines().filter(|row| row.contains(other.code)) {
            found.push(Finding::leak(at, format!("that of {} holds {}: {row}", own.code, other.code)));
        }
    }
    found
}
