//! Many rows of a master at once, as a grid that takes the keyboard, a paste from
//! a spreadsheet and a scanner. What is sent goes the way of an import: all of it
//! or nothing, with every mistake beside its cell.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use super::super::api::{Right, open};
use super::super::import::{self, label};
use super::super::kind::{self, Kind};
use super::super::shape::{Column, Lies, Shape, Shapes};
use super::super::sheet::MAX_BYTES;
use super::super::store::Stored;
use super::super::{Engine, ListQuery, Master, MastersError, Mistake, SENSITIVE_VIEW, Sheet};
use super::form::first_of;
use crate::i18n::{Lang, Texts};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, query};

/// Rows of a grid at most; more are narrowed, or imported.
const MOST: usize = 150;
/// Rows at most that are sent at once.
const MOST_SENT: usize = 2_000;
/// What so many rows weigh at most, in bytes: as much as a file that is imported.
pub(super) const MOST_BYTES: usize = MAX_BYTES;
/// Empty rows at the end, for who has no script that adds some.
const EMPTY: usize = 5;

#[derive(Template)]
#[template(path = "masters/grid.html")]
struct GridPage<'a> {
    texts: &'a Texts,
    master: &'static Master,
    heads: Vec<Head>,
    rows: Vec<GridRow>,
    /// An empty row, from which a script makes more.
    blank: Vec<GridRow>,
    told: Vec<String>,
    /// There are more rows than are shown.
    more: bool,
    /// The field into which a scanned code goes.
    scanned: &'static str,
    /// Rows at most that are sent at once, and what they weigh.
    most: usize,
    bytes: usize,
}

struct Head {
    label: String,
    required: bool,
}

struct GridRow {
    /// Its number in the form.
    at: String,
    /// That was seen; 0 of a new one.
    version: i32,
    cells: Vec<Cell>,
}

struct Cell {
    name: String,
    label: String,
    value: String,
    fixed: bool,
    number: bool,
    longest: Option<usize>,
    /// Values, what they are called, and whether they are chosen.
    choices: Vec<(String, String, bool)>,
    wrong: Option<String>,
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

fn value_of(column: &Column, input: &str, stored: Option<&Stored>) -> String {
    let value = stored.and_then(|stored| stored.row.get(&column.name));
    match (&column.kind, value, stored) {
        (Kind::Names, Some(names), _) => {
            names.get(input.rsplit('.').next().unwrap_or_default()).map(Kind::plain).unwrap_or_default()
        }
        (_, Some(value), _) => Kind::plain(value),
        _ => String::new(),
    }
}

fn choices(kind: &Kind, value: &str, texts: &Texts) -> Vec<(String, String, bool)> {
    let all: Vec<(String, String)> = match kind {
        Kind::Choice(words) => words.iter().map(|word| (word.clone(), kind::choice(texts, word))).collect(),
        Kind::Flag => {
            [("true", "masters-yes"), ("false", "masters-no")].map(|(v, k)| (v.to_owned(), texts.t(k))).into()
        }
        _ => return Vec::new(),
    };
    let mut choices: Vec<_> =
        all.into_iter().map(|(word, said)| (word.clone(), said, word == value)).collect();
    // What was typed stays, though it is none of them.
    if !value.is_empty() && !choices.iter().any(|(.., chosen)| *chosen) {
        choices.push((value.to_owned(), value.to_owned(), true));
    }
    choices
}

fn row(
    shape: &Shape,
    texts: &Texts,
    at: &str,
    version: i32,
    value: impl Fn(&Column, &str) -> String,
    wrong: impl Fn(&str) -> Option<String>,
) -> GridRow {
    let cells = inputs(shape, texts.lang).into_iter().map(|(column, input)| {
        let value = value(column, &input);
        Cell {
            name: format!("r.{at}.{input}"),
            label: label(column, &input, texts),
            fixed: column.is_key && version > 0,
            number: matches!(column.kind, Kind::Whole(_) | Kind::Decimal { .. }),
            longest: if let Kind::Text { longest, .. } = &column.kind { Some(*longest) } else { None },
            choices: choices(&column.kind, &value, texts),
            wrong: wrong(&input).or_else(|| {
                // Of a text in languages beside its first.
                let of_field = column.kind == Kind::Names && input == first_of(shape, column);
                of_field.then(|| wrong(&column.name)).flatten()
            }),
            value,
        }
    });
    GridRow { at: at.to_owned(), version, cells: cells.collect() }
}

fn empty(shape: &Shape, texts: &Texts, at: &str) -> GridRow {
    row(shape, texts, at, 0, |_, _| String::new(), |_| None)
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
    let (texts, count) = (&caller.texts, found.rows.len());
    let stored = found.rows.iter().enumerate().map(|(at, stored)| {
        let value = |column: &Column, input: &str| value_of(column, input, Some(stored));
        row(shape, texts, &at.to_string(), stored.version, value, |_| None)
    });
    let blank = (count..count + EMPTY).map(|at| empty(shape, texts, &at.to_string()));
    let rows = stored.chain(blank).collect();
    show(&state, &caller, &headers, shape, rows, Vec::new(), found.next.is_some())
}

fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    shape: &Shape,
    rows: Vec<GridRow>,
    told: Vec<String>,
    more: bool,
) -> Result<Response, Problem> {
    let (texts, master) = (&caller.texts, shape.master);
    let heads = inputs(shape, texts.lang).into_iter().map(|(column, input)| Head {
        label: label(column, &input, texts),
        // A text in any one language is enough.
        required: column.is_asked() && column.kind != Kind::Names,
    });
    let page = GridPage {
        texts,
        master,
        heads: heads.collect(),
        rows,
        blank: vec![empty(shape, texts, "#")],
        told,
        more,
        scanned: master.key.first().copied().unwrap_or_default(),
        most: MOST_SENT,
        bytes: MOST_BYTES,
    };
    let title = format!("{} · {}", texts.t("masters-grid"), texts.t(&master.text_key()));
    Shell::new(state, caller, title, "/masters").page(headers, &page)
}

/// What a grid sent: of each row its number, the version that was seen, and what
/// stands in its cells.
type Lines = BTreeMap<usize, (i32, BTreeMap<String, String>)>;

fn lines(sent: Vec<(String, String)>) -> Lines {
    let mut lines = Lines::new();
    for (name, value) in sent {
        let mut parts = name.splitn(3, '.');
        let (Some("r"), Some(at), Some(input)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let Ok(at) = at.parse::<usize>() else { continue };
        let line = lines.entry(at).or_default();
        if input == "version" {
            line.0 = value.parse().unwrap_or(0);
        } else {
            line.1.insert(input.to_owned(), value.trim().to_owned());
        }
    }
    // A row in which nothing was entered is none.
    lines.retain(|_, (version, cells)| *version > 0 || cells.values().any(|cell| !cell.is_empty()));
    lines
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
    let lines = lines(form(sent)?);
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
    let rows = lines.iter().enumerate().map(|(place, (at, (version, cells)))| {
        let value = |_: &Column, input: &str| cells.get(input).cloned().unwrap_or_default();
        let wrong = |input: &str| {
            mistakes.iter().find(|one| one.row == Some(place + 1) && one.field == input).map(said)
        };
        row(shape, texts, &at.to_string(), *version, value, wrong)
    });
    let last = lines.keys().last().map_or(0, |last| last + 1);
    let blank = (last..last + EMPTY).map(|at| empty(shape, texts, &at.to_string()));
    let rows: Vec<GridRow> = rows.chain(blank).collect();
    let mut told = vec![texts.count("masters-mistakes", mistakes.len())];
    // What stands beside no cell is said above.
    told.extend(mistakes.iter().filter(|one| !shown.contains(&one.field)).map(|one| {
        let place = one.row.map(|row| texts.t1("masters-grid-row", "row", row)).unwrap_or_default();
        format!("{place} {} {}", one.field, said(one))
    }));
    let page = show(&state, &caller, &headers, shape, rows, told, false)?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Writes the lines, as an import would; a row that somebody else changed since it
/// was seen is a mistake.
async fn keep(
    state: &AppState,
    caller: &Caller,
    shapes: &Shapes,
    name: &str,
    lines: &Lines,
) -> Result<(), MastersError> {
    let shape = shapes.find(name)?;
    let known: Vec<String> = inputs(shape, caller.texts.lang).into_iter().map(|(_, input)| input).collect();
    let cells = |cells: &BTreeMap<String, String>| {
        known.iter().map(|input| cells.get(input).cloned().unwrap_or_default()).collect()
    };
    if lines.len() > MOST_SENT {
        return Err(MastersError::TooMany(MOST_SENT));
    }
    let sheet = Sheet {
        head_line: 0,
        head: known.clone(),
        rows: lines.values().enumerate().map(|(place, line)| (place + 1, cells(&line.1))).collect(),
        mistakes: Vec::new(),
    };
    let seen: HashMap<usize, i32> =
        lines.values().enumerate().map(|(place, (version, _))| (place + 1, *version)).collect();
    let heads = known.iter().map(|input| (input.to_lowercase(), input.clone())).collect();
    import::import_seen(&state.db, &caller.cx, shape, &sheet, &heads, false, &seen).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_rows_and_empty_ones_are_none() {
        let sent = [
            ("r.10.unit", "kg"),
            ("r.10.version", "3"),
            ("r.2.unit", " pcs "),
            ("r.2.names.en", "Pieces"),
            ("r.3.unit", ""),
            ("r.x.unit", "no"),
            ("other", "no"),
        ];
        let read = lines(sent.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(read.keys().copied().collect::<Vec<_>>(), [2, 10]);
        assert_eq!((read[&10].0, read[&2].1["unit"].as_str()), (3, "pcs"));
        assert_eq!(read[&2].1["names.en"], "Pieces");
    }
}
