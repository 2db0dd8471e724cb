//! Masters as JSON, under `/api/v1/masters`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::check::Cells;
use super::extra::{self, OWN};
use super::kind::Kind;
use super::shape::{Column, Lies, Shape, Shapes};
use super::sheet::{self, Sheet};
use super::store::Stored;
use super::{
    ANY_VIEW, Engine, ListQuery, MastersError, Row, SENSITIVE_VIEW, Saved, at_plant, export, history, import,
    list, sensitive, service, typed, watched,
};
use crate::db::Tx;
use crate::i18n::{Lang, Months};
use crate::tenancy;
use crate::web::routing::{self, get, patch, post};
use crate::web::{
    AppState, Caller, IfMatch, Path, Permission, Problem, etag, json_of, media_type, no_object, no_text,
    no_value, not_modified, query, sent_as,
};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/scan", get(super::barcodes::scan))
        .route("/api/v1/convert", get(super::conversions::convert))
        .route(super::iso4217::PATH, get(super::iso4217::list))
        .route("/api/v1/masters", get(all))
        .route("/api/v1/masters/{master}", get(rows).merge(post(create)))
        .route(
            "/api/v1/masters/{master}/rows/{*code}",
            get(one).merge(patch(update)).merge(routing::delete(delete)),
        )
        .route("/api/v1/masters/{master}/at/{plant}/{*code}", get(at))
        .route("/api/v1/masters/{master}/restore/{*code}", post(restore))
        .route("/api/v1/masters/{master}/history/{*code}", get(changes))
        .route("/api/v1/masters/{master}/export", get(exported))
        .route(
            "/api/v1/masters/{master}/import",
            post(imported).layer(DefaultBodyLimit::max(sheet::MAX_BYTES)),
        )
}

/// Which right a request asks for.
pub(super) enum Right {
    View,
    /// Of rows that are everybody's: at all plants.
    Edit,
    /// Also for whoever has the right at some plants, where rows that are everybody's have
    /// values of single plants; what is written must be judged by [`super::write`].
    EditValues,
    Delete,
}

/// The master of this name, if the caller has the right to it. Somebody without
/// any right learns nothing of which masters there are. The caller comes back with a
/// context of the plants where it has the right.
pub(super) async fn open(
    state: &AppState,
    engine: &Engine,
    mut caller: Caller,
    name: &str,
    right: Right,
) -> Result<(Arc<Shapes>, &'static super::Master, Caller), Problem> {
    caller.require(&ANY_VIEW)?;
    let shapes = engine.shapes(&state.db).await.map_err(|error| error.problem(&caller.texts))?;
    let shape = shapes.find(name).map_err(|error| error.problem(&caller.texts))?;
    let master = shape.master;
    let permission: &Permission = match right {
        Right::View => &master.permissions.view,
        Right::Edit | Right::EditValues => &master.permissions.edit,
        Right::Delete => &master.permissions.delete,
    };
    if shape.place.is_some() || (matches!(right, Right::EditValues) && shape.has_values()) {
        caller.require_somewhere(permission)?;
    } else {
        caller.require(permission)?;
    }
    caller.cx = caller.at(permission);
    let shapes = engine.widened(&state.db, &caller.cx, name).await;
    Ok((shapes.map_err(|error| error.problem(&caller.texts))?, master, caller))
}

// --- what there is ----------------------------------------------------------------

#[derive(Debug, Serialize)]
struct Described {
    name: &'static str,
    title: String,
    key: &'static [&'static str],
    filters: &'static [&'static str],
    fields: Vec<DescribedField>,
}

#[derive(Debug, Serialize)]
struct DescribedField {
    name: String,
    label: String,
    kind: &'static str,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest: Option<usize>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    choices: Vec<String>,
    /// What the reader sees of each choice, in their order.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    choices_said: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refers_to: Option<String>,
    sortable: bool,
}

/// The masters that the caller may see, and their fields.
async fn all(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    caller.require(&ANY_VIEW)?;
    let shapes = engine.shapes(&state.db).await.map_err(|error| error.problem(&caller.texts))?;
    let mut described: Vec<Described> = Vec::new();
    for shape in shapes.iter().filter(|shape| caller.may(&shape.master.permissions.view)) {
        let cx = caller.at(&shape.master.permissions.view);
        let wider = engine.widened(&state.db, &cx, shape.master.name).await;
        let wider = wider.map_err(|error| error.problem(&caller.texts))?;
        let shape = wider.find(shape.master.name).map_err(|error| error.problem(&caller.texts))?;
        described.push(describe(shape, &caller));
    }
    Ok(Json(json!({ "masters": described })))
}

fn describe(shape: &Shape, caller: &Caller) -> Described {
    let field = |column: &Column| {
        let name = column.name.as_str();
        let (kind, longest, choices) = match &column.kind {
            Kind::Text { longest, .. } => ("text", Some(*longest), Vec::new()),
            Kind::Choice(words) => ("choice", None, words.clone()),
            Kind::Named(words) => ("choice", None, words.iter().map(|named| named.word.clone()).collect()),
            Kind::Whole(_) => ("integer", None, Vec::new()),
            Kind::Decimal { .. } => ("decimal", None, Vec::new()),
            Kind::Flag => ("boolean", None, Vec::new()),
            Kind::Date => ("date", None, Vec::new()),
            Kind::Time => ("time", None, Vec::new()),
            Kind::Codes(words) => ("codes", None, words.clone()),
            Kind::Names => ("texts", None, Vec::new()),
            Kind::Secret if column.field.sealed.is_some() => ("sensitive", None, Vec::new()),
            Kind::Secret => ("secret", None, Vec::new()),
        };
        DescribedField {
            name: name.to_owned(),
            label: column.said(&caller.texts),
            kind,
            required: column.is_asked(),
            longest,
            choices_said: match choices.is_empty() {
                true => Vec::new(),
                false => column.kind.options(&caller.texts).into_iter().map(|(_, said)| said).collect(),
            },
            choices,
            refers_to: shape.reference_of(name).map(|reference| reference.target.table.clone()),
            sortable: shape.sorts_by(name),
        }
    };
    Described {
        name: shape.master.name,
        title: caller.t(&shape.master.text_key()),
        key: shape.master.key,
        filters: shape.master.filters,
        fields: shape.columns.iter().map(field).collect(),
    }
}

// --- rows -------------------------------------------------------------------------

#[derive(Debug, Serialize)]
struct OneRow {
    key: String,
    version: i32,
    deleted: bool,
    updated_at: Option<DateTime<Utc>>,
    updated_by: String,
    values: Row,
    /// Sensitive fields, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive: Option<Row>,
    /// Of an own field that was written: rows that lack what it asks of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    lacking: Option<i64>,
}

/// A row as it is told: what is secret stays.
fn told(shape: &Shape, stored: Stored) -> OneRow {
    let key = shape.key_of(&stored.row);
    let mut values = Row::new();
    let mut beside: BTreeMap<&str, BTreeMap<&str, Row>> = BTreeMap::new();
    for column in shape.columns.iter().filter(|column| column.kind != Kind::Secret) {
        let name = column.name.as_str();
        let value = stored.row.get(name).cloned();
        match (column.lies, name.split_once('@')) {
            (Lies::Own, _) => {
                let own = beside.entry("custom").or_default().entry("").or_default();
                own.insert(name.trim_start_matches(OWN).to_owned(), value.unwrap_or_default());
            }
            (Lies::Plant, Some((field, plant))) => {
                if let Some(value) = value.filter(|value| !value.is_null()) {
                    let at = beside.entry("at").or_default().entry(plant).or_default();
                    at.insert(field.to_owned(), value);
                }
            }
            _ => values.extend(value.map(|value| (name.to_owned(), value))),
        }
    }
    for (name, parts) in beside {
        let value = match name {
            "custom" => parts.into_values().next().unwrap_or_default().into(),
            _ => json!(parts),
        };
        values.insert(name.to_owned(), value);
    }
    OneRow {
        key,
        version: stored.version,
        deleted: stored.deleted,
        updated_at: stored.updated_at,
        values,
        sensitive: None,
        lacking: None,
        updated_by: stored.updated_by,
    }
}

/// A row that was written, with what others lack now because of it.
async fn written(
    state: &AppState,
    caller: &Caller,
    shapes: &Shapes,
    name: &str,
    saved: Saved,
) -> Result<OneRow, MastersError> {
    let lacking = match name {
        "custom_fields" => {
            let row = &saved.stored.row;
            state.db.tx(&caller.cx, async |tx| extra::lacking(tx, shapes, name, row).await).await?
        }
        _ => 0,
    };
    let row = told(shapes.find(name)?, saved.stored);
    Ok(OneRow { lacking: Some(lacking).filter(|lacking| *lacking > 0), ..row })
}

/// A row with its version as its ETag.
fn answer(status: StatusCode, row: OneRow) -> Response {
    (status, [etag(row.version)], Json(row)).into_response()
}

async fn rows(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::View).await?;
    let pairs = query::<Vec<(String, String)>>(&uri)?;
    let found = async {
        let shape = shapes.find(&name)?;
        let sensitive = caller.require(&SENSITIVE_VIEW).is_ok();
        let asked = ListQuery { sensitive, lang: caller.texts.lang, ..ListQuery::read(shape, pairs)? };
        let page = state.db.tx(&caller.cx, async |tx| list(tx, shape, &asked).await).await?;
        let rows: Vec<OneRow> = page.rows.into_iter().map(|row| told(shape, row)).collect();
        Ok(Json(json!({ "rows": rows, "next": page.next })))
    };
    found.await.map_err(|error: MastersError| error.problem(&caller.texts))
}

async fn one(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::View).await?;
    let asked = query::<OneQuery>(&uri)?;
    if asked.sensitive {
        caller.require(&SENSITIVE_VIEW)?;
    }
    let found = async {
        let shape = shapes.find(&name)?;
        let read = async |tx: &mut Tx| seen(tx, shape, &key, asked.sensitive, Utc::now()).await;
        let (stored, sensitive) = state.db.tx(&caller.cx, read).await?;
        let tag = etag(stored.version);
        if !asked.sensitive && not_modified(&headers, &tag.1) {
            return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
        }
        Ok(answer(StatusCode::OK, OneRow { sensitive, ..told(shape, stored) }))
    };
    found.await.map_err(|error: MastersError| error.problem(&caller.texts))
}

/// A row as it is at a plant.
async fn at(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, plant, key)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::View).await?;
    let found = async {
        let shape = shapes.find(&name)?;
        let (mut stored, plants) = state
            .db
            .tx(&caller.cx, async |tx| {
                let (stored, _) = seen(tx, shape, &key, false, Utc::now()).await?;
                Ok::<_, MastersError>((stored, tenancy::plant_codes(tx).await?))
            })
            .await?;
        if !plants.contains(&plant) || !caller.cx.plants.has(&plant) {
            return Err(MastersError::NotFound);
        }
        stored.row = at_plant(shape, &stored.row, &plant);
        Ok(answer(StatusCode::OK, told(shape, stored)))
    };
    found.await.map_err(|error: MastersError| error.problem(&caller.texts))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OneQuery {
    /// Sensitive fields are shown, and that is written down.
    sensitive: bool,
}

/// A row that somebody reads, and with `open` its sensitive fields: the audit has it then, and
/// where it has fields that are watched.
pub(super) async fn seen(
    tx: &mut Tx,
    shape: &Shape,
    key: &str,
    open: bool,
    now: DateTime<Utc>,
) -> Result<(Stored, Option<Row>), MastersError> {
    let stored = service::find(tx, shape, key, false).await?;
    watched::note(tx, shape, key, &stored.row, now).await?;
    if !open {
        return Ok((stored, None));
    }
    let values = sensitive::reveal_all(tx.tenant(), shape, &stored.row)?;
    sensitive::record_read(tx, shape, &stored.row, &values).await?;
    Ok((stored, Some(values)))
}

/// Whether a field holds several codes; one that there is not is told as that later.
fn holds_several(shape: &Shape, name: &str) -> bool {
    shape.column(name).is_none_or(|column| matches!(column.kind, Kind::Codes(_)))
}

/// A value as a form would send it. What a form cannot send is refused: it would be taken for
/// nothing, and clear the field.
fn plain(field: String, value: &Value, several: bool) -> Result<String, Problem> {
    match value {
        Value::Array(codes) if several => {
            for (at, code) in codes.iter().enumerate() {
                match code.as_str() {
                    None => return Err(no_text(format!("{field}[{at}]"))),
                    // It would become two.
                    Some(code) if code.contains(';') => return Err(no_value(format!("{field}[{at}]"))),
                    Some(_) => {}
                }
            }
        }
        Value::Array(_) | Value::Object(_) => return Err(no_text(field)),
        _ => {}
    }
    Ok(Kind::plain(value))
}

/// What a JSON object gives, by the names of inputs, and its `version` apart; `several` says
/// which inputs hold several codes.
fn cells(bytes: &[u8], several: impl Fn(&str) -> bool) -> Result<(Cells, Option<i32>), Problem> {
    let object: Map<String, Value> = json_of(bytes)?;
    let mut cells = Cells::new();
    let mut version = None;
    for (name, value) in object {
        match value {
            Value::Number(number) if name == "version" => {
                version = number.as_i64().and_then(|version| i32::try_from(version).ok());
            }
            Value::Object(own) if name == "custom" => {
                for (field, value) in own {
                    let input = format!("{OWN}{field}");
                    let text = plain(format!("custom.{field}"), &value, several(&input))?;
                    cells.insert(input, text);
                }
            }
            Value::Object(plants) if name == "at" => {
                for (plant, fields) in plants {
                    let Value::Object(fields) = fields else {
                        return Err(no_object(format!("at.{plant}")));
                    };
                    for (field, value) in fields {
                        let input = format!("{field}@{plant}");
                        let text = plain(format!("at.{plant}.{field}"), &value, several(&input))?;
                        cells.insert(input, text);
                    }
                }
            }
            Value::Object(names) => {
                // A language that is not named is taken away.
                for lang in Lang::ALL {
                    cells.insert(format!("{name}.{}", lang.code()), String::new());
                }
                for (lang, text) in names {
                    let input = format!("{name}.{lang}");
                    let text = plain(input.clone(), &text, false)?;
                    cells.insert(input, text);
                }
            }
            value => {
                let text = plain(name.clone(), &value, several(&name))?;
                cells.insert(name, text);
            }
        }
    }
    Ok((cells, version))
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    if sent_as(headers) == "application/json" { Ok(()) } else { Err(media_type("application/json")) }
}

async fn create(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::Edit).await?;
    require_json(&headers)?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    let (cells, _) = cells(&bytes, |name| holds_several(shape, name))?;
    let made = async {
        let saved = service::create(&state.db, &caller.cx, shape, cells).await?;
        Ok(answer(StatusCode::CREATED, written(&state, &caller, &shapes, &name, saved).await?))
    };
    made.await.map_err(|error: MastersError| error.problem(&caller.texts))
}

async fn update(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::EditValues).await?;
    require_json(&headers)?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    let (cells, version) = cells(&bytes, |name| holds_several(shape, name))?;
    // Whoever cannot see the row is not told how to change it.
    let found = state.db.tx(&caller.cx, async |tx| service::find(tx, shape, &key, false).await).await;
    let found = found.map_err(|error: MastersError| error.problem(&caller.texts))?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(version)?.unwrap_or(found.version);
    let saved = service::update(&state.db, &caller.cx, shape, &key, version, cells).await;
    let saved = saved.map_err(|error| told_stale(error, if_match, &caller))?;
    let row = written(&state, &caller, &shapes, &name, saved).await;
    Ok(answer(StatusCode::OK, row.map_err(|error| error.problem(&caller.texts))?))
}

/// A stale version is told by the way in which it was said.
fn told_stale(error: MastersError, if_match: IfMatch, caller: &Caller) -> Problem {
    match error {
        MastersError::Stale => if_match.stale(),
        error => error.problem(&caller.texts),
    }
}

async fn delete(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::Delete).await?;
    let if_match = IfMatch::of(&headers);
    let version = match if_match {
        IfMatch::Absent => None,
        said => said.or(None)?,
    };
    let done = async {
        let shape = shapes.find(&name)?;
        service::delete(&state.db, &caller.cx, &shapes, shape, &key, version).await
    };
    done.await.map_err(|error| told_stale(error, if_match, &caller))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restore(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, key)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::Delete).await?;
    let done = async {
        let shape = shapes.find(&name)?;
        let saved = service::restore(&state.db, &caller.cx, shape, &key).await?;
        Ok(answer(StatusCode::OK, told(shape, saved.stored)))
    };
    done.await.map_err(|error: MastersError| error.problem(&caller.texts))
}

async fn changes(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, key)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::View).await?;
    let texts = &caller.texts;
    let found = async {
        let shape = shapes.find(&name)?;
        state
            .db
            .tx(&caller.cx, async |tx| {
                let (stored, _) = seen(tx, shape, &key, false, Utc::now()).await?;
                history::history(tx, shape, &key, &stored.row, texts).await
            })
            .await
    };
    let entries = found.await.map_err(|error: MastersError| error.problem(&caller.texts))?;
    let entry = |entry: history::Entry| {
        let changes: Vec<Value> = entry
            .changes
            .into_iter()
            .map(|change| match change.hidden {
                true => json!({ "field": change.field, "hidden": true }),
                false => json!({ "field": change.field, "before": change.before, "after": change.after }),
            })
            .collect();
        json!({ "at": entry.at, "by": entry.by, "action": entry.action, "changes": changes })
    };
    Ok(Json(json!({ "entries": entries.into_iter().map(entry).collect::<Vec<_>>() })))
}

// --- files ------------------------------------------------------------------------

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ImportQuery {
    dry_run: bool,
}

async fn imported(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    uri: Uri,
    bytes: Bytes,
) -> Result<Json<import::Report>, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::EditValues).await?;
    let asked = query::<ImportQuery>(&uri)?;
    let report = take_in(&state, &caller, &shapes, &name, bytes, asked.dry_run).await;
    Ok(Json(report.map_err(|error| error.problem(&caller.texts))?))
}

/// Reads a file and imports it.
pub(super) async fn take_in(
    state: &AppState,
    caller: &Caller,
    shapes: &Shapes,
    name: &str,
    bytes: Bytes,
    dry_run: bool,
) -> Result<import::Report, MastersError> {
    let shape = shapes.find(name)?;
    let read = tokio::task::spawn_blocking(move || Sheet::read(&bytes)).await;
    let sheet = read
        .map_err(|error| MastersError::Fault(error.to_string()))?
        .map_err(|mistake| MastersError::Mistakes(vec![mistake]))?;
    let languages = Lang::ALL.map(|lang| state.texts(lang));
    let heads = import::heads(shape, &languages);
    let sheet = typed::plain(shape, sheet, &heads, &Months::of(&languages));
    import::import(&state.db, &caller.cx, shape, &sheet, &heads, dry_run).await
}

async fn exported(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    export_of(&state, &engine, &caller, &name, &uri).await
}

/// The file of an export, as API and pages answer it: `format=csv`, `xlsx`, or
/// `template` for heads alone; filters as of a list.
pub(super) async fn export_of(
    state: &AppState,
    engine: &Engine,
    caller: &Caller,
    name: &str,
    uri: &Uri,
) -> Result<Response, Problem> {
    let (shapes, master, caller) = open(state, engine, caller.clone(), name, Right::View).await?;
    let mut pairs = query::<Vec<(String, String)>>(uri)?;
    let format = pairs.iter().position(|(name, _)| name == "format").map(|at| pairs.remove(at).1);
    let open_all = pairs.iter().position(|(name, _)| name == "sensitive").map(|at| pairs.remove(at).1);
    let open_all = open_all.is_some_and(|value| value == "true");
    if open_all {
        caller.require(&SENSITIVE_VIEW)?;
    }
    let made = async {
        let shape = shapes.find(name)?;
        let asked = ListQuery { open: open_all, lang: caller.texts.lang, ..ListQuery::read(shape, pairs)? };
        if open_all {
            let record = async |tx: &mut Tx| {
                let subject = format!("master:{}", master.name);
                let rows = list::count(tx, shape, &asked).await?;
                sensitive::record_taken(tx, &subject, rows).await?;
                Ok::<_, MastersError>(())
            };
            state.db.tx(&caller.cx, record).await?;
        }
        let format = format.as_deref().unwrap_or("csv");
        // Before the file begins: of one that breaks off some was taken all the same.
        if matches!(format, "csv" | "xlsx") && !open_all {
            let record = async |tx: &mut Tx| export::record_taken(tx, shape, &asked, format).await;
            state.db.tx(&caller.cx, record).await?;
        }
        match format {
            "csv" => {
                let (db, cx, shapes) = (state.db.clone(), caller.cx.clone(), Arc::clone(&shapes));
                let body = export::csv(db, cx, shapes, master.name, asked);
                Ok(file("text/csv; charset=utf-8", master.name, "csv", body.into_response()))
            }
            "xlsx" => {
                let bytes = export::xlsx(&state.db, &caller.cx, shape, asked).await?;
                let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
                Ok(file(kind, master.name, "xlsx", bytes.into_response()))
            }
            "template" => {
                let bytes = export::template(shape);
                Ok(file("text/csv; charset=utf-8", master.name, "csv", bytes.into_response()))
            }
            _ => Err(MastersError::Parameter("format")),
        }
    };
    made.await.map_err(|error: MastersError| error.problem(&caller.texts))
}

fn file(kind: &'static str, name: &str, ending: &str, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let told = HeaderValue::from_str(&format!("attachment; filename=\"{name}.{ending}\""));
    if let Ok(told) = told {
        headers.insert(header::CONTENT_DISPOSITION, told);
    }
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(bytes: &[u8]) -> Result<(Cells, Option<i32>), Problem> {
        super::cells(bytes, |name| matches!(name, "plants" | "custom.sizes"))
    }

    #[test]
    fn a_value_of_another_kind_is_not_taken_for_nothing() {
        let refused = |text: &str| {
            let problem = cells(text.as_bytes()).unwrap_err();
            assert_eq!((problem.status.as_u16(), problem.code.as_ref()), (422, "request.invalid"), "{text}");
            problem.errors[0].field.clone()
        };
        assert_eq!(refused(r#"{"plants":[1]}"#), "plants[0]");
        assert_eq!(refused(r#"{"plants":["KOL",["VSK"]]}"#), "plants[1]");
        assert_eq!(refused(r#"{"plants":["KOL;VSK"]}"#), "plants[0]");
        assert_eq!(refused(r#"{"hsn":["7318"]}"#), "hsn");
        assert_eq!(refused(r#"{"names":{"en":["Bolt"]}}"#), "names.en");
        assert_eq!(refused(r#"{"custom":{"colour":{"en":"red"}}}"#), "custom.colour");
        assert_eq!(refused(r#"{"at":{"KOL":{"days":[5]}}}"#), "at.KOL.days");
        // A list without anything in it is nothing, and so is null.
        let (given, _) = cells(br#"{"plants":[],"hsn":null,"custom":{"sizes":["S","M"]}}"#).unwrap();
        assert_eq!((given["plants"].as_str(), given["hsn"].as_str()), ("", ""));
        assert_eq!(given["custom.sizes"], "S;M");
    }

    #[test]
    fn json_becomes_what_a_form_would_send() {
        let (given, version) = cells(
            br#"{"version":3,"item":"A","names":{"en":"Bolt"},"inspect":true,"plants":["KOL","VSK"],"gtin":null,"days":5}"#,
        )
        .unwrap();
        assert_eq!(version, Some(3));
        assert_eq!(given["names.en"], "Bolt");
        assert_eq!((given["names.hi"].as_str(), given["gtin"].as_str()), ("", ""));
        assert_eq!(
            (given["inspect"].as_str(), given["plants"].as_str(), given["days"].as_str()),
            ("true", "KOL;VSK", "5")
        );
        let (given, _) = cells(br#"{"custom":{"colour":"red"},"at":{"KOL":{"days":3}}}"#).unwrap();
        assert_eq!((given["custom.colour"].as_str(), given["days@KOL"].as_str()), ("red", "3"));
        assert!(cells(b"{\"at\":{\"KOL\":1}}").is_err());
        assert!(cells(b"[1]").is_err() && cells(b"{").is_err());
    }
}
