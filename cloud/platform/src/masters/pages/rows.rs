//! The list of a master, and its export.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::super::api::{Right, export_of, open};
use super::super::extra;
use super::super::kind::{self, Kind};
use super::super::shape::{Column, Lies, Shape, Shapes};
use super::super::store::Stored;
use super::super::{Engine, ListQuery, Master, MastersError, Page, SENSITIVE_VIEW, service};
use super::url_text;
use crate::i18n::Texts;
use crate::views::{self, Menu, Resolved, VIEWS_SHARE};
use crate::web::{AppState, Caller, Path, Problem, Shell, query};

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
    menu: Menu,
    /// What the filters carry along: view and columns.
    kept: Vec<(String, String)>,
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
    name: String,
    label: String,
    chosen: String,
    /// Values and what they are called; none where one has to be typed.
    choices: Vec<(String, String)>,
    /// A day is typed.
    date: bool,
}

fn pairs_text(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", url_text(value))).collect::<Vec<_>>().join("&")
}

pub(super) async fn list(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let (shapes, master, caller) = open(&state, &engine, caller, &name, Right::View).await?;
    let pairs = query::<Vec<(String, String)>>(&uri)?;
    let found = async {
        let shape = shapes.find(&name)?;
        let sensitive = caller.require(&SENSITIVE_VIEW).is_ok();
        state
            .db
            .tx(&caller.in_focus(&master.permissions.view), async |tx| {
                let resolved = views::resolve(tx, &caller.cx, &name, pairs.clone()).await?;
                let lang = caller.texts.lang;
                let asked = ListQuery { sensitive, lang, ..ListQuery::read(shape, resolved.pairs.clone())? };
                let page = super::super::list(tx, shape, &asked).await?;
                Ok::<_, MastersError>((
                    page,
                    filters(tx, &shapes, shape, &asked, &caller.texts).await?,
                    asked,
                    resolved,
                ))
            })
            .await
    };
    let (page, filters, asked, resolved) = found.await.map_err(|error| error.problem(&caller.texts))?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    let view = view(shape, page, filters, &asked, resolved, &caller);
    let shell = Shell::new(&state, &caller, caller.t(&master.text_key()), "/masters");
    shell.page(&headers, &view)
}

fn view<'a>(
    shape: &Shape,
    page: Page,
    filters: Vec<Filter>,
    query: &'a ListQuery,
    resolved: Resolved,
    caller: &'a Caller,
) -> List<'a> {
    let (texts, master) = (&caller.texts, shape.master);
    let listed = listed(shape, &resolved.columns);
    let same = pairs_text(&query.pairs());
    let kept: Vec<(String, String)> =
        resolved.kept().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let carried: Vec<(&str, &str)> =
        kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let carried = pairs_text(&carried);
    let columns = shape.columns.iter().filter(|column| {
        column.lies != Lies::Plant && column.kind != Kind::Secret && !shape.is_beside(column)
    });
    let columns = columns.map(|column| {
        let shown = listed.iter().any(|shown| shown.name == column.name);
        (column.name.clone(), column.said(texts), shown)
    });
    let menu = Menu {
        list: master.name.to_owned(),
        address: format!("/masters/{}", master.name),
        current: resolved.current,
        query: same.clone(),
        columns: columns.collect(),
        may_share: caller.may(&VIEWS_SHARE),
        actor: caller.cx.actor.clone(),
        views: resolved.views,
    };
    List {
        texts,
        master,
        lead: texts.t(&format!("{}-lead", master.text_key())),
        heads: listed.iter().map(|column| head(shape, column, query, &carried, texts)).collect(),
        rows: page.rows.iter().map(|row| line(shape, &listed, row, texts)).collect(),
        filters,
        query,
        next: page.next.map(|after| {
            let joint = if same.is_empty() { "" } else { "&" };
            format!("/masters/{}?{same}{joint}{carried}&after={after}", master.name)
        }),
        same,
        menu,
        kept,
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

/// The columns that a list shows: those that were chosen, else the usual ones.
fn listed<'s>(shape: &'s Shape, chosen: &[String]) -> Vec<&'s Column> {
    let shown = |column: &&Column| column.lies != Lies::Plant && column.kind != Kind::Secret;
    let chosen: Vec<&Column> = chosen.iter().filter_map(|name| shape.column(name)).filter(shown).collect();
    if chosen.is_empty() { shape.columns.iter().filter(|column| column.listed).collect() } else { chosen }
}

fn head(shape: &Shape, column: &Column, query: &ListQuery, carried: &str, texts: &Texts) -> Head {
    let master = shape.master;
    // A name in several languages is sorted as the reader knows it.
    let field = if column.kind == Kind::Names { master.title } else { column.name.as_str() };
    let key = master.key.first() == Some(&field);
    let (now, descending) = query.sort.strip_prefix('-').map_or((query.sort.as_str(), false), |f| (f, true));
    let sorted = query.q.is_empty() && query.own.is_empty() && (now == field || (key && now.is_empty()));
    let next = if sorted && !descending { format!("-{field}") } else { field.to_owned() };
    let sort = (shape.sorts_by(field) && query.q.is_empty() && query.own.is_empty()).then(|| {
        let other = ListQuery { sort: next, ..query.clone() };
        let other = pairs_text(&other.pairs());
        format!("/masters/{}?{other}{}{carried}", master.name, if other.is_empty() { "" } else { "&" })
    });
    Head {
        label: column.said(texts),
        sort,
        order: sorted.then_some(if descending { "descending" } else { "ascending" }),
        number: is_number(&column.kind),
    }
}

fn line(shape: &Shape, listed: &[&Column], stored: &Stored, texts: &Texts) -> Line {
    let key = shape.key_of(&stored.row);
    let cell = |column: &&Column| Cell {
        text: shape.said(column, &stored.row, texts),
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
                Some(reference) => service::options(tx, shapes, reference, "", texts.lang).await?,
                None => Vec::new(),
            },
        };
        let chosen = query.filters.get(*name).cloned().unwrap_or_default();
        if !chosen.is_empty() && !choices.is_empty() && !choices.iter().any(|(value, _)| *value == chosen) {
            choices.push((chosen.clone(), chosen.clone()));
        }
        filters.push(Filter {
            name: (*name).to_owned(),
            label: column.said(texts),
            chosen,
            choices,
            date: false,
        });
    }
    for column in shape.columns.iter().filter(|column| column.lies == Lies::Own) {
        own_filters(tx, shapes, shape, column, query, texts, &mut filters).await?;
    }
    Ok(filters)
}

/// The inputs that narrow a list by a tenant's own field.
async fn own_filters(
    tx: &mut crate::db::Tx,
    shapes: &Shapes,
    shape: &Shape,
    column: &Column,
    query: &ListQuery,
    texts: &Texts,
    filters: &mut Vec<Filter>,
) -> Result<(), MastersError> {
    let label = column.said(texts);
    let chosen = |name: &str| query.filters.get(name).cloned().unwrap_or_default();
    if extra::by_range(&column.kind) {
        for part in ["from", "to"] {
            let name = format!("{}.{part}", column.name);
            let chosen = chosen(&name);
            let label = texts.t1(&format!("masters-own-{part}"), "field", &label);
            let date = column.kind == Kind::Date;
            filters.push(Filter { name, label, chosen, choices: Vec::new(), date });
        }
        return Ok(());
    }
    let choices = match &column.kind {
        Kind::Choice(words) => words.iter().map(|word| (word.clone(), word.clone())).collect(),
        Kind::Flag => [("true", "masters-yes"), ("false", "masters-no")]
            .map(|(value, key)| (value.to_owned(), texts.t(key)))
            .into(),
        _ => match shape.reference_of(&column.name) {
            Some(reference) => service::options(tx, shapes, reference, "", texts.lang).await?,
            None => Vec::new(),
        },
    };
    let (name, chosen) = (column.name.clone(), chosen(&column.name));
    filters.push(Filter { name, label, chosen, choices, date: false });
    Ok(())
}

pub(super) async fn export(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    export_of(&state, &engine, &caller, &name, &uri).await
}
