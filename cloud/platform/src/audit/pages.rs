//! The page of the audit, and its file.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono_tz::Tz;
use serde_json::{Value, json};
use uuid::Uuid;

use super::list::{self, Asked, AuditEntry, AuditPage};
use super::{AUDIT_READ, Entry, record, sheet, store};
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::{AppState, Caller, Problem, Shell, query};

/// Rows of one page.
const PAGE: usize = 50;
/// Most rows of a file. Who needs more asks for less time.
const MAX_FILE: usize = 50_000;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/audit", get(page)).route("/audit.csv", get(file))
}

#[derive(Template)]
#[template(path = "audit/list.html")]
struct Page<'a> {
    texts: &'a Texts,
    zone: Tz,
    asked: Asked,
    page: AuditPage,
    /// Names of people, by actor.
    names: HashMap<String, String>,
    /// Addresses of the next page and of the file.
    next: Option<String>,
    file: String,
}

impl Page<'_> {
    fn who(&self, entry: &AuditEntry) -> String {
        self.names.get(&entry.actor).cloned().unwrap_or_else(|| entry.actor.clone())
    }
}

/// What changed, field by field: was, is. What is the same on both sides is left
/// out; a value that is no object is one field without a name.
fn changes(entry: &AuditEntry) -> Vec<(String, String, String)> {
    let fields = |value: &Option<Value>| match value {
        Some(Value::Object(fields)) => fields.clone(),
        Some(value) => serde_json::Map::from_iter([(String::new(), value.clone())]),
        None => serde_json::Map::new(),
    };
    let (before, after) = (fields(&entry.before), fields(&entry.after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    changed.map(|name| (name.clone(), text(before.get(name)), text(after.get(name)))).collect()
}

/// `GET /audit`
async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&AUDIT_READ)?;
    let asked = Asked { limit: Some(PAGE), ..query::<Asked>(&uri)? };
    let page = list::page(&state.db, &caller.cx, caller.zone, &asked).await?;
    let people: Vec<Uuid> = page.entries.iter().filter_map(|entry| person(&entry.actor)).collect();
    let names =
        state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::names(tx, &people).await?)).await?;
    let names = names.into_iter().map(|(id, name)| (format!("user:{id}"), name)).collect();
    let kept = kept(&asked);
    let next = page.next.as_ref().map(|next| format!("/audit?{kept}&after={next}"));
    let file = format!("/audit.csv?{kept}");
    let shell = Shell::new(&state, &caller, caller.t("audit-title"), "/audit");
    shell.page(&headers, &Page { texts: &caller.texts, zone: caller.zone, asked, page, names, next, file })
}

/// The person behind an actor.
fn person(actor: &str) -> Option<Uuid> {
    actor.strip_prefix("user:")?.parse().ok()
}

/// The filter as a query string.
fn kept(asked: &Asked) -> String {
    let fields = [
        ("actor", &asked.actor),
        ("action", &asked.action),
        ("subject", &asked.subject),
        ("from", &asked.from),
        ("to", &asked.to),
    ];
    serde_urlencoded::to_string(fields).unwrap_or_default()
}

/// `GET /audit.csv`: the rows of the filter, newest first. That it was taken is
/// itself in the audit.
async fn file(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    caller.require(&AUDIT_READ)?;
    let mut asked = Asked { limit: Some(list::MOST), ..query::<Asked>(&uri)? };
    let subject = kept(&asked);
    let (mut text, mut rows) = (sheet::HEAD.as_bytes().to_vec(), 0);
    loop {
        let page = list::page(&state.db, &caller.cx, caller.zone, &asked).await?;
        rows += page.entries.len();
        text.extend(page.entries.iter().flat_map(sheet::line));
        match page.next {
            Some(next) if rows < MAX_FILE => asked.after = next,
            _ => break,
        }
    }
    state
        .db
        .tx(&caller.cx, async |tx| {
            let after = Some(json!({ "rows": rows, "filter": subject }));
            record(tx, Entry { action: "audit.export", subject: "audit:log", before: None, after }).await
        })
        .await?;
    let kind = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
    ];
    Ok((kind, text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_shown() {
        let entry = AuditEntry {
            audit_id: Uuid::nil(),
            at: chrono::DateTime::UNIX_EPOCH,
            actor: String::new(),
            action: String::new(),
            subject: String::new(),
            before: Some(json!({"name": "A", "version": 1, "same": true})),
            after: Some(json!({"name": "B", "version": 2, "same": true, "tags": ["x"]})),
            origin: None,
        };
        let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(
            changes(&entry),
            [text("name", "A", "B"), text("tags", "", "[\"x\"]"), text("version", "1", "2")]
        );
    }
}
