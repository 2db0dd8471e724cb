//! The description of the API is held against the routes, and against the copy in
//! `docs/openapi.json`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use platform::openapi::{self, Access, Operation};
use platform::testing::TestDb;
use platform::web::{Bodies, Scope, keys};
use serde_json::Value;
use tower::ServiceExt;

use super::matrix_tests::{ROUTES, Who};
use super::*;

/// How the copy in the repository is renewed.
const RENEW: &str = "run `make openapi` and look at what changed";

async fn all(test: &TestDb) -> Vec<Operation> {
    let operations = Module::all_operations(&modules::all(&Shared::default()));
    openapi::with_masters(&test.db, &operations).await.unwrap()
}

/// Routes that are pages, though they stand under `/api`.
fn is_page(pattern: &str) -> bool {
    pattern.starts_with("/api/operations/")
}

#[tokio::test]
async fn every_route_of_the_api_is_described_and_nothing_else_is() {
    let test = TestDb::new().await;
    let declared = all(&test).await;
    let described: BTreeSet<(String, String)> =
        declared.iter().map(|operation| (operation.method(), operation.route().to_owned())).collect();
    let routed: BTreeSet<(String, String)> = ROUTES
        .iter()
        .filter(|(_, pattern, ..)| pattern.starts_with("/api/") && !is_page(pattern))
        .map(|(method, pattern, ..)| ((*method).to_owned(), (*pattern).to_owned()))
        .collect();
    let bare: Vec<_> = routed.difference(&described).collect();
    assert!(
        bare.is_empty(),
        "routes without a description; see docs/api.md, \"Adding an endpoint\": {bare:?}"
    );
    let stray: Vec<_> = described.difference(&routed).collect();
    assert!(stray.is_empty(), "described, and no route of the matrix: {stray:?}");
    let mistakes = openapi::mistakes(&declared);
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn every_route_of_super_administrators_is_described_in_a_document_of_its_own() {
    let declared = platform::admin::operations();
    let described: BTreeSet<(String, String)> =
        declared.iter().map(|operation| (operation.method(), operation.route().to_owned())).collect();
    let routed: BTreeSet<(String, String)> = ROUTES
        .iter()
        .filter(|(_, pattern, ..)| pattern.starts_with("/admin/api/"))
        .map(|(method, pattern, ..)| ((*method).to_owned(), (*pattern).to_owned()))
        .collect();
    assert_eq!(described, routed, "described in cloud/platform/src/admin/described.rs, and routed");
}

#[tokio::test]
async fn bodies_that_are_not_as_others_are_those_of_routes_that_say_so() {
    let test = TestDb::new().await;
    let declared = all(&test).await;
    let bodies = Module::all_bodies(&modules::all(&Shared::default()));
    for (route, _) in &bodies {
        let writes = |operation: &Operation| operation.route() == *route && operation.method() != "GET";
        assert!(declared.iter().any(writes), "{route} takes no body");
    }
    for operation in declared.iter().filter(|operation| operation.method() != "GET") {
        let streamed = bodies.contains(&(operation.route(), Bodies::Streamed));
        assert_eq!(operation.is_keyed(), !streamed, "{} {}", operation.method(), operation.route());
    }
}

#[tokio::test]
async fn who_may_call_is_told_as_it_is() {
    let test = TestDb::new().await;
    for operation in all(&test).await {
        let of = |(method, pattern, ..): &&(&str, &str, Who, _)| {
            *method == operation.method() && *pattern == operation.route()
        };
        let least = ROUTES.iter().find(of).map(|(_, _, who, _)| *who).unwrap();
        let told = match operation.access() {
            Access::Public | Access::Unsaid => Who::Anyone,
            Access::SignedIn => Who::Signed,
            Access::Person => Who::Person,
            Access::Needs(permission) => match permission.key_scope {
                Scope::Read => Who::Reader,
                Scope::Write => Who::Writer,
                Scope::Admin => Who::Admin,
            },
        };
        // Of masters the matrix calls one, and others may ask for more.
        let fits = told == least || (operation.route().contains("{master}") && told > least);
        assert!(
            fits,
            "{} {} is described for {told:?}, and open to {least:?}",
            operation.method(),
            operation.path()
        );
    }
}

#[tokio::test]
async fn the_document_is_the_one_in_the_repository() {
    let test = TestDb::new().await;
    let told = openapi::document(&all(&test).await);
    let mut text = String::new();
    write(&told, 0, 0, &mut text);
    text.push('\n');
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("TRACEWRIGHT_RENEW").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let line = kept.lines().zip(text.lines()).position(|(kept, now)| kept != now);
    assert!(
        kept == text,
        "docs/openapi.json is not what the API is now, from line {:?} on: {RENEW}",
        line.map(|line| line + 1)
    );
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), told);
}

/// Writes over what is there already that take no version, and why nobody loses by it.
const UNSEEN: &[(&str, &str)] = &[
    ("DELETE /api/v1/access-keys/{key}", "a key is revoked, whatever was changed of it"),
    ("DELETE /api/v1/account/sessions", "sessions end, and never change"),
    ("DELETE /api/v1/account/sessions/{session}", "a session ends, and never changes"),
    ("DELETE /api/v1/mail/unreachable/{id}", "an address is given another try, and never changes"),
    ("DELETE /api/v1/users/{id}/identities", "all that there are are taken off, whichever were seen"),
    ("DELETE /api/v1/users/{id}/second-step", "what there is is taken off, whatever was changed of it"),
    ("DELETE /api/v1/workflows/triggers/{id}/token", "an address is ended, whichever it is by now"),
    ("PUT /api/v1/notices/preferences", "one's own, each set by itself"),
    (
        "DELETE /api/v1/reference/{list}/{code}",
        "of the system that publishes it, which counts its own versions",
    ),
    ("DELETE /api/v1/scopes/{id}", "a scope is kept as it is, and never changes"),
    ("DELETE /api/v1/workflows/delegations/{delegation}", "a delegation ends, and never changes"),
];

/// Writes that need not say which version they saw.
const LENIENT: &[(&str, &str)] = &[
    ("DELETE /api/v1/masters/{master}/rows/{code}", "it is restored as it was"),
    ("DELETE /api/v1/files/{id}", "it is restored as it was"),
    ("PUT /api/v1/files/{id}/content", "the versions before are kept"),
    ("DELETE /api/v1/views/{id}", "one's own; those for all are changed by right"),
];

#[tokio::test]
async fn what_overwrites_says_which_version_it_saw() {
    let test = TestDb::new().await;
    let document = openapi::document(&all(&test).await);
    let has = |list: &[(&str, &str)], name: &str| list.iter().any(|(known, _)| *known == name);
    let (mut unseen, mut asked) = (BTreeSet::new(), 0);
    for (path, methods) in document["paths"].as_object().unwrap() {
        // One operation of all masters.
        let master = path.strip_prefix("/api/v1/masters/").and_then(|rest| rest.split('/').next());
        let path = master.map_or(path.clone(), |master| path.replace(master, "{master}"));
        for method in ["put", "patch", "delete"] {
            let Some(operation) = methods.get(method) else { continue };
            let name = format!("{} {path}", method.to_uppercase());
            let parameters = operation["parameters"].as_array().unwrap();
            let tag = parameters.iter().any(|one| one["$ref"] == "#/components/parameters/IfMatch");
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let body = body.as_str().and_then(|body| document.pointer(body.strip_prefix('#')?));
            let body = body.is_some_and(|body| body["properties"]["version"].is_object());
            if !tag && !body {
                unseen.insert(name);
                continue;
            }
            asked += 1;
            let must = operation["responses"]["428"].is_object() || !tag;
            assert!(must || has(LENIENT, &name), "{name} may leave out which version it saw");
        }
    }
    assert!(asked > 50, "{asked}");
    let known: BTreeSet<String> = UNSEEN.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(unseen, known, "take no version; see docs/api.md, \"Versions\"");
}

/// JSON for people to compare: what fits stands on one line.
fn write(value: &Value, depth: usize, used: usize, out: &mut String) {
    let compact = value.to_string();
    if compact.len() + used <= 110 || !(value.is_object() || value.is_array()) {
        out.push_str(&compact);
        return;
    }
    let indent = "  ".repeat(depth + 1);
    let (open, close) = if value.is_object() { ('{', '}') } else { ('[', ']') };
    out.push(open);
    let mut first = true;
    let mut begin = |out: &mut String| {
        out.push_str(if first { "\n" } else { ",\n" });
        out.push_str(&indent);
        first = false;
    };
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            for name in names {
                begin(out);
                let key = format!("{}: ", Value::from(name.as_str()));
                out.push_str(&key);
                write(&fields[name], depth + 1, indent.len() + key.len(), out);
            }
        }
        Value::Array(values) => {
            for value in values {
                begin(out);
                write(value, depth + 1, indent.len(), out);
            }
        }
        _ => {}
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}

#[tokio::test]
async fn the_document_is_served_to_anybody_and_every_operation_has_a_page() {
    let test = TestDb::new().await;
    let tenant = test.tenant("SAIF", &["KOL"]).await;
    let key = keys::create(&test.db, tenant, "reader", &[Scope::Read], None).await.unwrap();
    let modules = modules::all(&Shared::default());
    let state =
        state(&test.db, &Config::default(), &modules, Secrets::passing().unwrap(), true, Files::none());
    let router = app(state, modules, Shared::default(), true);
    let ask = async |path: &str, tag: Option<&str>, key: Option<&str>| {
        let mut request = Request::builder().uri(path).header(header::HOST, "tw.test");
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        (parts, String::from_utf8(axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap())
    };
    let (parts, body) = ask("/api/openapi.json", None, None).await;
    assert_eq!(parts.status, StatusCode::OK);
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"].as_object().unwrap().len() > 100, "masters are described one by one");
    let tag = parts.headers[header::ETAG].to_str().unwrap().to_owned();
    let (parts, body) = ask("/api/openapi.json", Some(&tag), None).await;
    assert_eq!((parts.status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    let key = Some(key.reveal());
    let (parts, page) = ask("/api", None, key).await;
    assert_eq!(parts.status, StatusCode::OK);
    for operation in all(&test).await {
        let address = format!("/api/operations/{}", operation.id());
        assert!(page.contains(&format!("\"{address}\"")), "{address} is not on the page");
        let (parts, one) = ask(&address, None, key).await;
        assert_eq!(parts.status, StatusCode::OK, "{address}");
        assert!(one.contains(operation.path()), "{address} does not say {}", operation.path());
    }
    let (parts, page) = ask("/api?q=post+hold", None, key).await;
    assert_eq!(parts.status, StatusCode::OK);
    assert!(page.contains("releaseHold") && !page.contains("listHolds"), "the search narrows");
    let (parts, _) = ask("/api/operations/nothing", None, key).await;
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
}
