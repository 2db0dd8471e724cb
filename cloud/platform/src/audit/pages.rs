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

use super::list::{self, Asked, AuditEntry, AuditPage};
use super::who::{self, Meant};
use super::{AUDIT_READ, Entry, did, record, sheet};
use crate::db::Db;
use crate::i18n::Texts;
use crate::web::{AppState, Caller, Problem, Shell, query};

/// Rows of one page.
const PAGE: usize = 50;
/// Most rows of a file. Who needs more asks for less time, file after file.
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
    /// Names of people and access keys, by id.
    names: HashMap<String, String>,
    /// Addresses of the next page and of the file.
    next: Option<String>,
    file: String,
    /// What is said of whom the filter means.
    told: Option<String>,
    /// Who is meant, where they are several.
    several: Vec<(String, String)>,
    /// Most rows of a file.
    most: usize,
}

impl Page<'_> {
    /// What somebody or something is called; its id where it has no name.
    fn called<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// Everything that this one did, or that was done to it.
    fn only(field: &str, id: &str) -> String {
        format!("/audit?{}", serde_urlencoded::to_string([(field, id)]).unwrap_or_default())
    }

    fn said(&self, action: &str) -> String {
        did::said(self.texts, action)
    }

    /// A field's name in words.
    fn label(&self, name: &str) -> String {
        did::field(self.texts, name)
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
    let (db, cx) = (&state.db, &caller.cx);
    let meant = who::meant(db, cx, &asked.actor).await?;
    let page = list::page_of(db, cx, caller.zone, &asked, meant.ids().as_deref()).await?;
    let ids: Vec<&str> =
        page.entries.iter().flat_map(|entry| [entry.actor.as_str(), entry.subject.as_str()]).collect();
    let names = who::names(db, cx, &ids).await?;
    let kept = kept(&asked, &asked.actor);
    let next = page.next.as_ref().map(|next| format!("/audit?{kept}&after={next}"));
    let file = format!("/audit.csv?{kept}");
    let told = told(&caller.texts, &meant, &asked, &page);
    let several = match meant {
        Meant::These(these) if these.len() > 1 => these,
        _ => Vec::new(),
    };
    let shell = Shell::new(&state, &caller, caller.t("audit-title"), "/audit");
    let (texts, zone, most) = (&caller.texts, caller.zone, MAX_FILE);
    let page = Page { texts, zone, asked, page, names, next, file, told, several, most };
    shell.page(&headers, &page)
}

/// What is to be said of whom the filter means.
fn told(texts: &Texts, meant: &Meant, asked: &Asked, page: &AuditPage) -> Option<String> {
    let named = !asked.actor.trim().is_empty() && !asked.actor.contains(':');
    match meant {
        Meant::TooMany => Some(texts.count("audit-too-many-people", who::MOST)),
        Meant::Itself if named && page.entries.is_empty() => Some(texts.t("audit-nobody")),
        _ => None,
    }
}

/// The filter as a query string, with this in place of who.
fn kept(asked: &Asked, actor: &str) -> String {
    let fields = [
        ("actor", actor),
        ("action", asked.action.as_str()),
        ("subject", asked.subject.as_str()),
        ("from", asked.from.as_str()),
        ("to", asked.to.as_str()),
    ];
    serde_urlencoded::to_string(fields).unwrap_or_default()
}

/// `GET /audit.csv`: the rows of the filter, newest first. That it was taken is
/// itself in the audit.
async fn file(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    caller.require(&AUDIT_READ)?;
    let text = taken(&state.db, &caller, query::<Asked>(&uri)?, MAX_FILE).await?;
    let kind = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
    ];
    Ok((kind, text).into_response())
}

/// The rows of the filter as a file. One that would have more than `most` is refused:
/// who reads it could not tell that something is missing.
async fn taken(db: &Db, caller: &Caller, asked: Asked, most: usize) -> Result<Vec<u8>, Problem> {
    let (cx, zone, texts) = (&caller.cx, caller.zone, &caller.texts);
    let mut asked = Asked { limit: Some(list::MOST), after: String::new(), ..asked };
    let meant = who::meant(db, cx, &asked.actor).await?;
    if meant == Meant::TooMany {
        let what = texts.count("audit-too-many-people", who::MOST);
        return Err(Problem::bad_request("query.parameter", what.clone()).field("actor", what));
    }
    let ids = meant.ids();
    if list::count(db, cx, zone, &asked, ids.as_deref(), most + 1).await? > most {
        return Err(Problem::bad_request("audit.too_many", texts.count("audit-too-many", most)));
    }
    // In the audit people are named by their ids, whatever was typed.
    let subject = kept(&asked, &ids.as_ref().map_or_else(|| asked.actor.clone(), |ids| ids.join(",")));
    let (mut text, mut rows) = (sheet::HEAD.as_bytes().to_vec(), 0);
    loop {
        let page = list::page_of(db, cx, zone, &asked, ids.as_deref()).await?;
        rows += page.entries.len();
        text.extend(page.entries.iter().flat_map(sheet::line));
        match page.next {
            // Rows that came since the count are the newest: the file has them.
            Some(next) => asked.after = next,
            None => break,
        }
    }
    db.tx(cx, async |tx| {
        let after = Some(json!({ "rows": rows, "filter": subject }));
        record(tx, Entry { action: "audit.export", subject: "audit:log", before: None, after }).await
    })
    .await?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

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
