//! The list of a master, and its export.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::super::api::{Right, export_of, open};
use super::super::kind::{self, Kind};
use super::super::shape::{Column, Shape, Shapes};
use super::super::store::Stored;
use super::super::{Engine, ListQuery, Master, MastersError, Page, service};
use super::url_text;
use crate::i18n::Texts;
use crate::web::{AppState, Caller, Problem, Shell, query};

#[derive(Template)]
#[template(path = "masters/list.html")]
struct List<'a> {
    texts: &'a Texts,
    master: &'static Master,
    lead: String,
    heads: Vec<Head>,
    rows: Vec<Line>,
    filters: Vec<Filter>,
    query: &'a ListQuery,
    /// The same list as a query string, without its place.
    same: String,
    next: Option<String>,
    /// This is not the list's beginning.
    later: bool,
    may_edit: bool,
}

struct Head {
    label: String,
    /// The address of the list in this order.
    sort: Option<String>,
    /// `ascending` or `descending`, where the list has this order.
    order: Option<&'static str>,
    number: bool,
}

struct Line {
    address: String,
    cells: Vec<Cell>,
}

struct Cell {
    text: String,
    number: bool,
    code: bool,
}

struct Filter {
    name: &'static str,
    label: String,
    chosen: String,
    /// Values and what they are called; none where one has to be typed.
    choices: Vec<(String, String)>,
}

fn pairs_text(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", url_text(value))).collect::<Vec<_>>().join("&")
}

pub(super) async fn list(
    State(state): State<AppState>,
    Extension(engine): Extension<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let (shapes, master, caller) = open(&state, &engine, caller, &name, Right::View).await?;
    let pairs = query::<Vec<(String, String)>>(&uri)?;
    let found = async {
        let shape = shapes.find(&name)?;
        let asked = ListQuery::read(shape, pairs)?;
        state
            .db
            .tx(&caller.in_focus(&master.permissions.view), async |tx| {
                let page = super::super::list(tx, shape, &asked).await?;
                Ok::<_, MastersError>((
                    page,
                    filters(tx, &shapes, shape, &asked, &caller.texts).await?,
                    asked.clone(),
                ))
            })
            .await
    };
    let (page, filters, asked) = found.await.map_err(|error| error.problem(&caller.texts))?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    let view = view(shape, page, filters, &asked, &caller);
    let shell = Shell::new(&state, &caller, caller.t(&master.text_key()), "/masters");
    shell.page(&headers, &view)
}

fn view<'a>(
    shape: &Shape,
    page: Page,
    filters: Vec<Filter>,
    query: &'a ListQuery,
    caller: &'a Caller,
) -> List<'a> {
    let (texts, master) = (&caller.texts, shape.master);
    let listed: Vec<&Column> = shape.columns.iter().filter(|column| column.field.listed).collect();
    let same = pairs_text(&query.pairs());
    List {
        texts,
        master,
        lead: texts.t(&format!("{}-lead", master.text_key())),
        heads: listed.iter().map(|column| head(shape, column, query, texts)).collect(),
        rows: page.rows.iter().map(|row| line(shape, &listed, row, texts)).collect(),
        filters,
        query,
        next: page.next.map(|after| {
            let joint = if same.is_empty() { "" } else { "&" };
            format!("/masters/{}?{same}{joint}after={after}", master.name)
        }),
        same,
        later: !query.after.is_empty(),
        may_edit: match shape.place {
            Some(_) => caller.may(&master.permissions.edit),
            None => caller.rights.has_everywhere(&master.permissions.edit),
        },
    }
}

fn is_number(kind: &Kind) -> bool {
    matches!(kind, Kind::Whole(_) | Kind::Decimal { .. })
}

fn head(shape: &Shape, column: &Column, query: &ListQuery, texts: &Texts) -> Head {
    let master = shape.master;
    // A text in several languages is sorted by the English one, the row's name.
    let field = if column.kind == Kind::Names { master.title } else { column.field.name };
    let key = master.key.first() == Some(&field);
    let (now, descending) = query.sort.strip_prefix('-').map_or((query.sort.as_str(), false), |f| (f, true));
    let sorted = query.q.is_empty() && (now == field || (key && now.is_empty()));
    let next = if sorted && !descending { format!("-{field}") } else { field.to_owned() };
    let sort = (shape.sorts_by(field) && query.q.is_empty()).then(|| {
        let other = ListQuery { sort: next, ..query.clone() };
        format!("/masters/{}?{}", master.name, pairs_text(&other.pairs()))
    });
    Head {
        label: texts.t(&column.field.text_key()),
        sort,
        order: sorted.then_some(if descending { "descending" } else { "ascending" }),
        number: is_number(&column.kind),
    }
}

fn line(shape: &Shape, listed: &[&Column], stored: &Stored, texts: &Texts) -> Line {
    let key = shape.key_of(&stored.row);
    let cell = |column: &&Column| Cell {
        text: stored
            .row
            .get(column.field.name)
            .map(|value| column.kind.show(value, texts))
            .unwrap_or_default(),
        number: is_number(&column.kind),
        code: column.is_key,
    };
    Line {
        address: format!("/masters/{}/row/{}", shape.master.name, url_text(&key)),
        cells: listed.iter().map(cell).collect(),
    }
}

/// What the list can be narrowed by.
async fn filters(
    tx: &mut crate::db::Tx,
    shapes: &Shapes,
    shape: &Shape,
    query: &ListQuery,
    texts: &Texts,
) -> Result<Vec<Filter>, MastersError> {
    let mut filters = Vec::new();
    for name in shape.master.filters {
        let Some(column) = shape.column(name) else { continue };
        let mut choices: Vec<(String, String)> = match &column.kind {
            Kind::Choice(words) => {
                words.iter().map(|word| (word.clone(), kind::choice(texts, word))).collect()
            }
            Kind::Flag => [("true", "masters-yes"), ("false", "masters-no")]
                .map(|(value, key)| (value.to_owned(), texts.t(key)))
                .into(),
            _ => match shape.reference_of(name) {
                Some(reference) => service::options(tx, shapes, reference, "").await?,
                None => Vec::new(),
            },
        };
        let chosen = query.filters.get(*name).cloned().unwrap_or_default();
        if !chosen.is_empty() && !choices.is_empty() && !choices.iter().any(|(value, _)| *value == chosen) {
            choices.push((chosen.clone(), chosen.clone()));
        }
        filters.push(Filter { name, label: texts.t(&column.field.text_key()), chosen, choices });
    }
    Ok(filters)
}

pub(super) async fn export(
    State(state): State<AppState>,
    Extension(engine): Extension<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    export_of(&state, &engine, &caller, &name, &uri).await
}
