//! The page of the audit, and its file.

use std::collections::{BTreeSet, HashMap, HashSet};

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::list::{self, Asked, AuditEntry, AuditPage};
use super::who::{self, Meant};
use super::{AUDIT_READ, Entry, did, record, sheet};
use crate::ctx::Cx;
use crate::i18n::{Lang, Texts};
use crate::masters::MastersError;
use crate::views::{self, Menu, Resolved};
use crate::web::list::{Cell, Column, Filter, List, Row, address};
use crate::web::routing::get;
use crate::web::{AppState, Caller, Problem, Shell, query};

/// Where it is.
const PATH: &str = "/audit";
/// Rows of one page.
const PAGE: usize = 50;
/// Most rows of a file. Who needs more asks for less time, file after file.
const MAX_FILE: usize = 50_000;

pub(super) fn router() -> Router<AppState> {
    Router::new().route(PATH, get(page)).route("/audit.csv", get(file))
}

/// What is said of whom the filter means.
#[derive(Template)]
#[template(path = "audit/said.html")]
struct Said<'a> {
    texts: &'a Texts,
    told: Option<String>,
    /// Who is meant, where they are several.
    several: Vec<(String, String)>,
    /// Most rows of a file.
    most: usize,
}

/// What changed, folded away under its row.
#[derive(Template)]
#[template(path = "audit/changes.html")]
struct Changes<'a> {
    texts: &'a Texts,
    labels: &'a Labels,
    entry: &'a AuditEntry,
    changes: Vec<(String, String, String)>,
}

impl Changes<'_> {
    /// What a field is called.
    fn called(&self, name: &str) -> String {
        called(self.texts, self.labels, self.entry, name)
    }
}

/// What a field of a row is called: in a row of a master as that has it.
fn called(texts: &Texts, labels: &Labels, entry: &AuditEntry, name: &str) -> String {
    let of_master = entry.subject.split_once(':').and_then(|(kind, _)| labels.get(kind)?.get(name));
    of_master.map_or_else(|| did::field(texts, &entry.action, name), String::clone)
}

/// A row in the reader's words, as the page says it: what was done, to what, and what changed.
fn said(texts: &Texts, names: &HashMap<String, String>, labels: &Labels, entry: &AuditEntry) -> [String; 3] {
    let change = |(name, was, is): (String, String, String)| {
        let change = if was.is_empty() { is } else { format!("{was} → {is}").trim_end().to_owned() };
        match name.as_str() {
            "" => change,
            name => format!("{}: {change}", called(texts, labels, entry, name)),
        }
    };
    let changed: Vec<String> = changes(entry).into_iter().map(change).collect();
    [did::told(texts, entry), did::whom(texts, names, &entry.subject), changed.join("; ")]
}

/// What fields of masters are called, by the master, those of the tenant's own among them.
type Labels = HashMap<String, HashMap<String, String>>;

/// Adds what fields of the masters are called whose rows these entries changed, of those that
/// were not looked up before.
async fn label(
    labels: &mut Labels,
    state: &AppState,
    cx: &Cx,
    texts: &Texts,
    entries: &[AuditEntry],
) -> Result<(), Problem> {
    let of_masters = entries.iter().filter(|entry| entry.action.starts_with("master."));
    let masters: BTreeSet<&str> =
        of_masters.filter_map(|entry| Some(entry.subject.split_once(':')?.0)).collect();
    for master in masters {
        if labels.contains_key(master) {
            continue;
        }
        let fields = labels.entry(master.to_owned()).or_default();
        let shapes = match state.masters.widened(&state.db, cx, master).await {
            Ok(shapes) => shapes,
            // What an older version had.
            Err(MastersError::NotFound) => continue,
            Err(error) => return Err(error.problem(texts)),
        };
        let Ok(shape) = shapes.find(master) else { continue };
        let called = shape.columns.iter().map(|column| (column.name.clone(), column.said(texts)));
        fields.extend(called.filter(|(_, said)| !said.is_empty()));
    }
    Ok(())
}

/// Everything that this one did, or that was done to it.
fn only(field: &str, id: &str) -> String {
    format!("{PATH}?{}", serde_urlencoded::to_string([(field, id)]).unwrap_or_default())
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
        Some(Value::Object(names)) if is_by_language(names) => {
            let said = Lang::ALL.into_iter().filter_map(|lang| names.get(lang.code())?.as_str());
            said.collect::<Vec<_>>().join(" · ")
        }
        Some(value) => value.to_string(),
    };
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    changed.map(|name| (name.clone(), text(before.get(name)), text(after.get(name)))).collect()
}

/// Whether these are texts by language: `{"en": "Gear", "te": "గేర్"}`.
fn is_by_language(names: &serde_json::Map<String, Value>) -> bool {
    let is_ours = |key: &str| Lang::ALL.into_iter().any(|lang| lang.code() == key);
    !names.is_empty() && names.iter().all(|(key, value)| is_ours(key) && value.is_string())
}

/// `GET /audit`
async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&AUDIT_READ)?;
    let (asked, resolved) = views::asked::<Asked>(&state, &caller, "audit", &uri).await?;
    let asked = Asked { limit: Some(PAGE), ..asked };
    let (db, cx) = (&state.db, &caller.at(&AUDIT_READ));
    let meant = who::meant(db, cx, &asked.actor).await?;
    let narrow = who::narrow(db, cx, &caller.texts, &asked, &meant).await?;
    let page = list::page_of(db, cx, caller.zone, &asked, &narrow).await?;
    let ids: Vec<&str> =
        page.entries.iter().flat_map(|entry| [entry.actor.as_str(), entry.subject.as_str()]).collect();
    let names = who::names(db, cx, &ids).await?;
    let texts = &caller.texts;
    let told = told(texts, &meant, &asked, &page);
    let several = match meant {
        Meant::These(these) if these.len() > 1 => these,
        _ => Vec::new(),
    };
    let said = Said { texts, told, several, most: MAX_FILE }.render()?;
    let plants = cx.plants.codes().map(|codes| codes.join(", "));
    let mut labels = Labels::new();
    label(&mut labels, &state, cx, texts, &page.entries).await?;
    let view = list_of(&caller, &asked, &page, (&names, &labels), &resolved, plants)?.above(said);
    Shell::new(&state, &caller, caller.t("audit-title"), PATH).page(&headers, &view)
}

/// The rows, with what they can be narrowed by; of some plants only where `plants` names them.
fn list_of<'a>(
    caller: &'a Caller,
    asked: &Asked,
    page: &AuditPage,
    (names, labels): (&HashMap<String, String>, &Labels),
    resolved: &Resolved,
    plants: Option<String>,
) -> Result<List<'a>, Problem> {
    let texts = &caller.texts;
    // Who did it: by the id where there is no name.
    let called = |id: &str| names.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let mut rows = Vec::new();
    for one in &page.entries {
        let row = Row::new([
            Cell::text(texts.time(&one.at, caller.zone)),
            Cell::text(called(&one.actor)).to(only("actor", &one.actor)),
            Cell::text(did::told(texts, one)).under(&one.action),
            Cell::text(did::whom(texts, names, &one.subject))
                .to(only("subject", &one.subject))
                .under(&one.subject),
            Cell::code(one.origin.as_deref().unwrap_or_default()),
        ]);
        let changes = Changes { texts, labels, entry: one, changes: changes(one) };
        rows.push(row.below(Some(changes.render()?)));
    }
    let kept = asked.kept();
    let mut lead = texts.t("audit-lead");
    if let Some(plants) = plants {
        lead = format!("{lead} {}", texts.t1("audit-of-plants", "plants", plants));
    }
    // By its words, which the filter takes as well.
    let acts = did::all(texts).into_iter().map(|(code, said)| (said, code));
    Ok(List::new(texts, PATH)
        .head(texts.t("audit-title"), lead)
        .views(Menu::of("audit", PATH, &kept, resolved, caller))
        .exports([(address("/audit.csv", &kept), texts.t("audit-file"))])
        .kept(resolved.kept())
        .filters([
            Filter::text("actor", texts.t("audit-actor"), &asked.actor)
                .hint(texts.t("audit-who-hint"))
                .longest(list::MAX_TEXT),
            Filter::text("action", texts.t("audit-action"), &asked.action)
                .hint(texts.t("audit-action-hint"))
                .longest(list::MAX_TEXT)
                .offers(acts),
            Filter::text("subject", texts.t("audit-subject"), &asked.subject)
                .hint(texts.t("audit-subject-hint"))
                .longest(list::MAX_TEXT),
            Filter::date("from", texts.t("audit-from"), &asked.from),
            Filter::date("to", texts.t("audit-to"), &asked.to),
        ])
        .columns([
            Column::new("audit-at"),
            Column::new("audit-actor"),
            Column::new("audit-action"),
            Column::new("audit-subject"),
            Column::new("audit-origin"),
        ])
        .rows(rows)
        .narrowed(!kept.iter().all(|(_, value)| value.is_empty()), format!("{PATH}?view="))
        .empty(texts.t("audit-none"))
        .teaches(texts.t("audit-none-hint"))
        .first((!asked.after.is_empty()).then(|| resolved.address(PATH, &kept)))
        .next(page.next.as_ref().map(|next| {
            let mut place = kept.to_vec();
            place.push(("after", next.as_str()));
            resolved.address(PATH, &place)
        })))
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
    let [_, others @ ..] = asked.kept();
    let mut fields = vec![("actor", actor)];
    fields.extend(others);
    serde_urlencoded::to_string(fields).unwrap_or_default()
}

/// `GET /audit.csv`: the rows of the filter, newest first. That it was taken is
/// itself in the audit.
async fn file(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    caller.require_somewhere(&AUDIT_READ)?;
    let text = taken(&state, &caller, query::<Asked>(&uri)?, MAX_FILE).await?;
    let kind = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
    ];
    Ok((kind, text).into_response())
}

/// The rows of the filter as a file. One that would have more than `most` is refused:
/// who reads it could not tell that something is missing.
async fn taken(state: &AppState, caller: &Caller, asked: Asked, most: usize) -> Result<Vec<u8>, Problem> {
    let (db, cx, zone, texts) = (&state.db, &caller.at(&AUDIT_READ), caller.zone, &caller.texts);
    let mut asked = Asked { limit: Some(list::MOST), after: String::new(), ..asked };
    let meant = who::meant(db, cx, &asked.actor).await?;
    if meant == Meant::TooMany {
        let what = texts.count("audit-too-many-people", who::MOST);
        return Err(Problem::bad_request("query.parameter", what.clone()).field("actor", what));
    }
    let narrow = who::narrow(db, cx, texts, &asked, &meant).await?;
    let ids = &narrow.actors;
    if list::count(db, cx, zone, &asked, &narrow, most + 1).await? > most {
        return Err(Problem::bad_request("audit.too_many", texts.count("audit-too-many", most)));
    }
    // In the audit people are named by their ids, whatever was typed.
    let subject = kept(&asked, &ids.as_ref().map_or_else(|| asked.actor.clone(), |ids| ids.join(",")));
    let (mut text, mut rows) = (sheet::HEAD.as_bytes().to_vec(), 0);
    // Most rows name the same few, who are asked for once.
    let (mut names, mut met, mut labels) = (HashMap::new(), HashSet::<String>::new(), Labels::new());
    loop {
        let page = list::page_of(db, cx, zone, &asked, &narrow).await?;
        let named = page.entries.iter().flat_map(|entry| [entry.actor.as_str(), entry.subject.as_str()]);
        let new: Vec<&str> = named.filter(|id| !met.contains(*id)).collect();
        if !new.is_empty() {
            names.extend(who::names(db, cx, &new).await?);
            met.extend(new.into_iter().map(str::to_owned));
        }
        label(&mut labels, state, cx, texts, &page.entries).await?;
        rows += page.entries.len();
        let line = |entry| sheet::line(entry, &names, said(texts, &names, &labels, entry));
        text.extend(page.entries.iter().flat_map(line));
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
        let named = AuditEntry {
            before: Some(json!({"names": {"en": "Gear"}})),
            after: Some(json!({"names": {"te": "గేర్", "en": "Gear"}})),
            ..entry
        };
        assert_eq!(changes(&named), [text("names", "Gear", "Gear · గేర్")]);
    }
}
