//! Many rows of a master at once, as a grid that takes the keyboard, a paste from
//! a spreadsheet and a scanner. What is sent goes the way of an import: all of it
//! or nothing, with every mistake beside its cell.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use super::super::api::{Right, open};
use super::super::import::{self, label};
use super::super::kind::Kind;
use super::super::shape::{Column, Lies, Shape, Shapes};
use super::super::sheet::MAX_BYTES;
use super::super::store::Stored;
use super::super::{Engine, ListQuery, Master, MastersError, Mistake, SENSITIVE_VIEW, Sheet, typed};
use super::form::first_of;
use crate::i18n::{Lang, Texts};
use crate::web::lines::{self, Cells, Line, LineColumn, LineGrid};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, query};

/// Rows of a grid at most; more are narrowed, or imported.
const MOST: usize = 150;
/// Rows at most that are sent at once.
const MOST_SENT: usize = 2_000;
/// What so many rows weigh at most, in bytes: as much as a file that is imported.
pub(super) const MOST_BYTES: usize = MAX_BYTES;

#[derive(Template)]
#[template(path = "masters/grid.html")]
struct GridPage<'a> {
    texts: &'a Texts,
    master: &'static Master,
    grid: LineGrid<'a>,
    told: Vec<String>,
    /// There are more rows than are shown.
    more: bool,
}

/// Inputs of a grid: what is secret, of several lines or of single plants is left to
/// the form; of names the one in the tenant's language and the reader's.
fn inputs(shape: &Shape, lang: Lang) -> Vec<(&Column, String)> {
    let mut inputs = Vec::new();
    for column in shape.columns.iter().filter(|column| column.lies != Lies::Plant) {
        let name = column.name.as_str();
        match &column.kind {
            Kind::Secret | Kind::Text { lines: true, .. } => {}
            Kind::Names => {
                let all = shape.languages(column).into_iter();
                let shown = all.filter(|one| *one == shape.language || *one == lang);
                inputs.extend(shown.map(|lang| (column, format!("{name}.{}", lang.code()))));
            }
            _ => inputs.push((column, name.to_owned())),
        }
    }
    inputs
}

fn value_of(column: &Column, input: &str, stored: &Stored) -> String {
    match (&column.kind, stored.row.get(&column.name)) {
        (Kind::Names, Some(names)) => {
            names.get(input.rsplit('.').next().unwrap_or_default()).map(Kind::plain).unwrap_or_default()
        }
        (_, Some(value)) => Kind::plain(value),
        _ => String::new(),
    }
}

/// What a column holds, where it holds one of several words.
fn choices(kind: &Kind, texts: &Texts) -> Vec<(String, String)> {
    match kind {
        Kind::Choice(_) | Kind::Named(_) | Kind::Flag => kind.options(texts),
        _ => Vec::new(),
    }
}

fn columns(shape: &Shape, texts: &Texts) -> Vec<LineColumn> {
    let column = |(column, input): (&Column, String)| {
        LineColumn::new(&input, label(column, &input, texts))
            // A text in any one language is enough.
            .is_required(column.is_asked() && column.kind != Kind::Names)
            .is_number(column.kind.is_number())
            .longest(if let Kind::Text { longest, .. } = &column.kind { Some(*longest) } else { None })
            .choices(choices(&column.kind, texts))
    };
    inputs(shape, texts.lang).into_iter().map(column).collect()
}

/// The columns by which a row is known, which stay as they are.
fn keys(shape: &Shape) -> Vec<String> {
    shape.columns.iter().filter(|column| column.is_key).map(|column| column.name.clone()).collect()
}

pub(super) async fn page(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::Edit).await?;
    let pairs = query::<Vec<(String, String)>>(&uri)?;
    let found = async {
        let shape = shapes.find(&name)?;
        let sensitive = caller.require(&SENSITIVE_VIEW).is_ok();
        let lang = caller.texts.lang;
        let asked = ListQuery { limit: MOST, sensitive, lang, ..ListQuery::read(shape, pairs)? };
        let list = async |tx: &mut crate::db::Tx| super::super::list(tx, shape, &asked).await;
        state.db.tx(&caller.cx, list).await
    };
    let found = found.await.map_err(|error: MastersError| error.problem(&caller.texts))?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    let line = |stored: &Stored| {
        let cells = inputs(shape, caller.texts.lang).into_iter();
        let cells = cells.map(|(column, input)| {
            let value = value_of(column, &input, stored);
            (input, value)
        });
        Line::new(cells.collect()).kept(stored.version, keys(shape))
    };
    let lines = found.rows.iter().map(line).collect();
    show(&state, &caller, &headers, shape, lines, Vec::new(), found.next.is_some())
}

fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    shape: &Shape,
    lines: Vec<Line>,
    told: Vec<String>,
    more: bool,
) -> Result<Response, Problem> {
    let (texts, master) = (&caller.texts, shape.master);
    let grid = LineGrid::new(texts, columns(shape, texts), MOST_SENT)
        .scans(master.key.first().copied().unwrap_or_default())
        .bytes(MOST_BYTES);
    let page = GridPage { texts, master, grid: grid.lines(lines), told, more };
    let title = format!("{} · {}", texts.t("masters-grid"), texts.t(&master.text_key()));
    Shell::new(state, caller, title, "/masters")
        .under("/masters", texts.t("masters-title"))
        .under(format!("/masters/{}", master.name), texts.t(&master.text_key()))
        .page(headers, &page)
}

pub(super) async fn send(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::Edit).await?;
    let lines = lines::read(form(sent)?);
    let done = keep(&state, &caller, &shapes, &name, &lines).await;
    let texts = &caller.texts;
    let mistakes = match done {
        Ok(()) => return Ok(Redirect::to(&format!("/masters/{name}")).into_response()),
        Err(MastersError::Mistakes(mistakes)) => mistakes,
        Err(error) => return Err(error.problem(texts)),
    };
    let shape = shapes.find(&name).map_err(|error| error.problem(texts))?;
    let said = |mistake: &Mistake| format!("{} {}", mistake.wrong.what(texts), mistake.wrong.fix(texts));
    let shown: Vec<String> =
        inputs(shape, texts.lang).into_iter().map(|(column, _)| column.name.clone()).collect();
    let line = |(place, (version, cells)): (usize, &(i32, Cells))| {
        let line = Line::new(cells.clone()).kept(*version, keys(shape));
        inputs(shape, texts.lang).into_iter().fold(line, |line, (column, input)| {
            let of_row = |field: &str| {
                mistakes.iter().find(|one| one.row == Some(place + 1) && one.field == field).map(said)
            };
            // Of a text in languages beside its first.
            let of_field = column.kind == Kind::Names && input == first_of(shape, column);
            match of_row(&input).or_else(|| of_field.then(|| of_row(&column.name)).flatten()) {
                Some(wrong) => line.wrong(input, wrong),
                None => line,
            }
        })
    };
    let shown_again = lines.iter().enumerate().map(line).collect();
    let mut told = vec![texts.count("masters-mistakes", mistakes.len())];
    // What stands beside no cell is said above.
    told.extend(mistakes.iter().filter(|one| !shown.contains(&one.field)).map(|one| {
        let place = one.row.map(|row| texts.t1("masters-grid-row", "row", row)).unwrap_or_default();
        format!("{place} {} {}", one.field, said(one))
    }));
    let page = show(&state, &caller, &headers, shape, shown_again, told, false)?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Writes the lines, as an import would; a row that somebody else changed since it
/// was seen is a mistake.
async fn keep(
    state: &AppState,
    caller: &Caller,
    shapes: &Shapes,
    name: &str,
    lines: &[(i32, Cells)],
) -> Result<(), MastersError> {
    let shape = shapes.find(name)?;
    let known: Vec<String> = inputs(shape, caller.texts.lang).into_iter().map(|(_, input)| input).collect();
    let cells =
        |cells: &Cells| known.iter().map(|input| cells.get(input).cloned().unwrap_or_default()).collect();
    if lines.len() > MOST_SENT {
        return Err(MastersError::TooMany(MOST_SENT));
    }
    let sheet = Sheet {
        head_line: 0,
        head: known.clone(),
        rows: lines.iter().enumerate().map(|(place, line)| (place + 1, cells(&line.1))).collect(),
        mistakes: Vec::new(),
    };
    let seen: HashMap<usize, i32> =
        lines.iter().enumerate().map(|(place, (version, _))| (place + 1, *version)).collect();
    let heads = known.iter().map(|input| (input.to_lowercase(), input.clone())).collect();
    let months = crate::i18n::Months::of(&Lang::ALL.map(|lang| state.texts(lang)));
    let sheet = typed::plain(shape, sheet, &heads, &months);
    import::import_seen(&state.db, &caller.cx, shape, &sheet, &heads, false, &seen).await?;
    Ok(())
}
