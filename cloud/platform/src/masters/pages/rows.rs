//! The list of a master, and its export.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use rust_decimal::Decimal;

use super::super::api::{Right, export_of, open};
use super::super::extra;
use super::super::kind::Kind;
use super::super::shape::{Column, Lies, Shape, Shapes};
use super::super::store::Stored;
use super::super::{Engine, ListQuery, MastersError, Page, SENSITIVE_VIEW, service};
use super::url_text;
use crate::i18n::Texts;
use crate::views::{self, Menu, Resolved, VIEWS_SHARE};
use crate::web::list::{Action, Cell, Column as Head, Filter, List, Row};
use crate::web::{AppState, Caller, Path, Problem, Shell, query};

fn pairs_text(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", url_text(value))).collect::<Vec<_>>().join("&")
}

/// Names the row of a list that was deleted just now.
pub(super) const GONE: &str = "gone";

/// That a row was deleted, and the way back.
#[derive(Template)]
#[template(
    source = r#"<div class="tw-alert is-good mb-3 d-flex flex-wrap gap-2 align-items-center" role="status"><p class="mb-0">{{ said }}</p>{% if let Some(address) = restore %}<form action="{{ address }}" method="post" class="m-0"><button class="btn btn-sm" type="submit" data-once>{{ texts.t("masters-restore") }}</button></form>{% endif %}</div>"#,
    ext = "html"
)]
struct Gone<'a> {
    texts: &'a Texts,
    said: String,
    restore: Option<String>,
}

/// A row that is deleted; `None` of one that is not, or not there.
async fn deleted(tx: &mut crate::db::Tx, shape: &Shape, key: &str) -> Result<Option<Stored>, MastersError> {
    if key.chars().any(char::is_control) {
        return Ok(None);
    }
    match service::find(tx, shape, key, false).await {
        Ok(found) => Ok(Some(found).filter(|found| found.deleted)),
        Err(MastersError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
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
    let (gone, pairs): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name == GONE);
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
                let filters = filters(tx, &shapes, shape, &asked, &caller.texts).await?;
                let gone = match gone.first() {
                    Some((_, key)) => deleted(tx, shape, key).await?,
                    None => None,
                };
                Ok::<_, MastersError>((page, filters, asked, resolved, gone))
            })
            .await
    };
    let (page, filters, asked, resolved, gone) = found.await.map_err(|error| error.problem(&caller.texts))?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    let mut view = view(shape, page, filters, &asked, resolved, &caller);
    if let Some(stored) = gone {
        let restore = shape.owns(&stored.row, &caller.plants(&master.permissions.delete));
        let key = shape.key_of(&stored.row);
        let said = match shape.name_of(&stored.row, caller.texts.lang) {
            name if name.is_empty() || name == key => key.clone(),
            name => format!("{key} {name}"),
        };
        let gone = Gone {
            texts: &caller.texts,
            said: caller.texts.t1("masters-gone", "name", said),
            restore: restore.then(|| format!("/masters/{name}/restore/{}", url_text(&key))),
        };
        view = view.above(gone.render()?);
    }
    Shell::new(&state, &caller, caller.t(&master.text_key()), "/masters")
        .under("/masters", caller.t("masters-title"))
        .page(&headers, &view)
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
    let may_edit = match shape.place {
        Some(_) => caller.may(&master.permissions.edit),
        None => caller.rights.has_everywhere(&master.permissions.edit),
    };
    let path = format!("/masters/{}", master.name);
    let mut actions = Vec::new();
    if may_edit {
        actions.push(Action::to(format!("{path}/new"), texts.t("masters-new")).icon("plus").main());
        actions.push(Action::to(format!("{path}/grid?{same}"), texts.t("masters-grid")));
        actions.push(Action::to(format!("{path}/import"), texts.t("masters-import")).begins());
    }
    actions.extend(master.link.map(|link| Action::to(link.all, texts.t(link.text))));
    let export =
        |format: &str, said: &str| (format!("{path}/export?format={format}&{same}"), said.to_owned());
    let exports = [export("csv", "CSV"), export("xlsx", "Excel")];
    let standing = Filter::choice(
        "deleted",
        texts.t("masters-show"),
        if query.deleted { "true" } else { "" },
        [("true".to_owned(), texts.t("masters-deleted"))],
    );
    let list = List::new(texts, path.clone())
        .head(texts.t(&master.text_key()), texts.t(&format!("{}-lead", master.text_key())))
        .actions(actions)
        .views(menu)
        .exports(exports)
        .kept(kept)
        .search(&query.q, texts.t("masters-search-hint"))
        .filters(filters)
        .filters([standing.any(texts.t("masters-standing"))])
        .columns(listed.iter().map(|column| head(shape, column, query, &carried, texts)))
        .rows(page.rows.iter().map(|row| line(shape, &listed, row, texts)))
        .narrowed(!query.pairs().is_empty(), format!("{path}?view="))
        .empty(texts.t("masters-empty"))
        .first((!query.after.is_empty()).then(|| format!("{path}?{same}")))
        .next(page.next.map(|after| {
            let joint = if same.is_empty() { "" } else { "&" };
            format!("{path}?{same}{joint}{carried}&after={after}")
        }));
    if may_edit { list.teaches(texts.t("masters-empty-hint")) } else { list }
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
    let now = sorted.then_some(if descending { "descending" } else { "ascending" });
    Head::called(column.said(texts)).is_number(column.kind.is_number()).sorts(sort, now)
}

fn line(shape: &Shape, listed: &[&Column], stored: &Stored, texts: &Texts) -> Row {
    let key = shape.key_of(&stored.row);
    let cells = listed.iter().map(|column| {
        let said = shape.said(column, &stored.row, texts);
        if column.is_key { Cell::code(said) } else { Cell::text(said) }
    });
    Row::new(cells).to(format!("/masters/{}/row/{}", shape.master.name, url_text(&key)))
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
        let choices: Vec<(String, String)> = match &column.kind {
            Kind::Choice(_) | Kind::Flag => column.kind.options(texts),
            _ => match shape.reference_of(name) {
                Some(reference) => service::options(tx, shapes, reference, "", texts.lang).await?,
                None => Vec::new(),
            },
        };
        let chosen = query.filters.get(*name).cloned().unwrap_or_default();
        if let Some(filter) = sought(shapes, shape, column, &chosen, &choices, texts) {
            filters.push(filter);
            continue;
        }
        filters.push(if column.kind.is_number() {
            Filter::number(*name, column.said(texts), written(texts, chosen))
        } else {
            Filter::choice(*name, column.said(texts), chosen, choices)
        });
    }
    for column in shape.columns.iter().filter(|column| column.lies == Lies::Own) {
        own_filters(tx, shapes, shape, column, query, texts, &mut filters).await?;
    }
    Ok(filters)
}

/// A filter by one of so many rows that its code is sought by typing.
fn sought(
    shapes: &Shapes,
    shape: &Shape,
    column: &Column,
    chosen: &str,
    offered: &[(String, String)],
    texts: &Texts,
) -> Option<Filter> {
    let reference = shape.reference_of(&column.name)?;
    let more = format!("/masters/{}/options/{}", shape.master.name, column.name);
    let filter = Filter::text(column.name.clone(), column.said(texts), chosen).offers(offered.to_vec());
    service::are_many(shapes, reference, offered.len()).then(|| filter.more(more))
}

/// A number that a list is narrowed by, as its reader writes numbers.
fn written(texts: &Texts, plain: String) -> String {
    plain.parse::<Decimal>().map_or(plain, |number| texts.quantity(&number))
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
            filters.push(if date {
                Filter::date(name, label, chosen)
            } else {
                Filter::number(name, label, written(texts, chosen))
            });
        }
        return Ok(());
    }
    let choices: Vec<(String, String)> = match &column.kind {
        Kind::Named(_) | Kind::Flag => column.kind.options(texts),
        _ => match shape.reference_of(&column.name) {
            Some(reference) => service::options(tx, shapes, reference, "", texts.lang).await?,
            None => Vec::new(),
        },
    };
    let (name, chosen) = (column.name.clone(), chosen(&column.name));
    if let Some(filter) = sought(shapes, shape, column, &chosen, &choices, texts) {
        filters.push(filter);
        return Ok(());
    }
    filters.push(Filter::choice(name, label, chosen, choices));
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
