//! The page that imports a file: first tried, then written.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use chrono::Utc;
use uuid::Uuid;

use super::super::api::{Right, open, take_in};
use super::super::import::Report;
use super::super::kept;
use super::super::kind::Kind;
use super::super::wrong::{Group, grouped};
use super::super::{Engine, Master, MastersError, check};
use crate::i18n::Texts;
use crate::web::{AppState, Caller, Path, Problem, Shell, multipart};

/// Most mistakes that a page shows; the API tells all of more.
const MOST_SHOWN: usize = 2000;
/// Longest value that a page says back, in characters.
const LONGEST_FOUND: usize = 120;

#[derive(Template)]
#[template(path = "masters/import.html")]
struct ImportPage<'a> {
    texts: &'a Texts,
    master: &'static Master,
    columns: Vec<(String, String, bool)>,
    outcome: String,
}

#[derive(Template)]
#[template(path = "masters/outcome.html")]
struct Outcome<'a> {
    texts: &'a Texts,
    master: &'static Master,
    report: Option<Report>,
    mistakes: &'a [Group<'a>],
    /// How many there are of what, in words.
    counts: String,
    /// There are more mistakes than are shown.
    more: bool,
    /// By what the file that was tried is imported without being chosen again.
    kept: Option<Uuid>,
    /// The file that was tried is not kept any more.
    gone: bool,
}

impl Outcome<'_> {
    /// In which rows, the first of them.
    fn rows(&self, group: &Group<'_>) -> String {
        let rows = group.rows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if group.count <= group.rows.len() {
            return rows;
        }
        let count = self.texts.count("masters-import-times", group.count);
        format!("{count}, {}", self.texts.t1("masters-import-first", "rows", rows))
    }
}

/// What stands there, of something long its beginning.
fn found(group: &Group<'_>) -> String {
    let found = &group.mistake.found;
    match found.char_indices().nth(LONGEST_FOUND) {
        Some((end, _)) => format!("{} …", &found[..end]),
        None => found.clone(),
    }
}

pub(super) async fn page(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(&state, &engine, &caller, &headers, &name, String::new()).await
}

async fn show(
    state: &AppState,
    engine: &Engine,
    caller: &Caller,
    headers: &HeaderMap,
    name: &str,
    outcome: String,
) -> Result<Response, Problem> {
    let (shapes, master, caller) = open(state, engine, caller.clone(), name, Right::EditValues).await?;
    let shape = shapes.find(name).map_err(|error| error.problem(&caller.texts))?;
    let texts = &caller.texts;
    let mut columns = Vec::new();
    for column in &shape.columns {
        for input in check::inputs(column) {
            let label = super::super::import::label(column, &input, texts);
            let first = column.kind != Kind::Names || input.ends_with(".en");
            columns.push((input, label, column.is_asked() && first));
        }
    }
    let shell = Shell::new(state, &caller, texts.t("masters-import"), "/masters")
        .under("/masters", texts.t("masters-title"))
        .under(format!("/masters/{name}"), texts.t(&master.text_key()));
    shell.page(headers, &ImportPage { texts, master, columns, outcome })
}

/// What the form sent: the file, or by what it is kept, and whether it is to be written.
async fn sent(headers: &HeaderMap, bytes: Bytes) -> Result<(Bytes, Option<Uuid>, bool), Problem> {
    let mut parts = multipart(headers, bytes)?;
    let (mut file, mut kept, mut write) = (Bytes::new(), None, false);
    while let Some(part) = parts.next_field().await? {
        match part.name() {
            Some("file") => file = part.bytes().await?,
            Some("kept") => kept = part.text().await?.parse().ok(),
            Some("write") => write = part.text().await? == "true",
            _ => {}
        }
    }
    Ok((file, kept, write))
}

pub(super) async fn send(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let (shapes, master, caller) = open(&state, &engine, caller, &name, Right::EditValues).await?;
    let (file, asked_for, write) = sent(&headers, bytes).await?;
    let (texts, now) = (&caller.texts, Utc::now());
    let file = match asked_for {
        Some(id) => kept::find(&state.db, &caller.cx, &engine.secrets, (master.name, id), now)
            .await
            .map_err(|error| error.problem(texts))?,
        None => Some(file),
    };
    let gone = file.is_none();
    let file = file.unwrap_or_default();
    let mut kept = None;
    let done = if gone {
        Err(MastersError::Mistakes(Vec::new()))
    } else {
        take_in(&state, &caller, &shapes, &name, file.clone(), !write).await
    };
    let (report, mistakes) = match done {
        Ok(report) => {
            if report.dry_run && report.rows > 0 {
                kept = kept::keep(&state.db, &caller.cx, &engine.secrets, master.name, &file, now)
                    .await
                    .map_err(|error| error.problem(texts))?;
            } else if let Some(id) = asked_for
                && !report.dry_run
            {
                kept::done(&state.db, &caller.cx, id).await.map_err(|error| error.problem(texts))?;
            }
            (Some(report), Vec::new())
        }
        Err(MastersError::Mistakes(mistakes)) => (None, mistakes),
        Err(error) => return Err(error.problem(texts)),
    };
    let status = if report.is_some() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let groups = grouped(&mistakes);
    let shown = groups.get(..MOST_SHOWN).unwrap_or(&groups);
    let counts = match &report {
        Some(Report { created, changed, same, .. }) => {
            [("created", created), ("changed", changed), ("same", same)]
                .map(|(what, count)| texts.count(&format!("masters-import-{what}"), *count))
                .join(" · ")
        }
        None if gone => texts.t("masters-import-gone"),
        None => texts.count("masters-mistakes", mistakes.len()),
    };
    let more = groups.len() > shown.len();
    let outcome = Outcome { texts, master, report, mistakes: shown, counts, more, kept, gone }.render()?;
    if headers.contains_key("hx-request") {
        return Ok((status, Html(outcome)).into_response());
    }
    let page = show(&state, &engine, &caller, &headers, &name, outcome).await?;
    Ok((status, page).into_response())
}
