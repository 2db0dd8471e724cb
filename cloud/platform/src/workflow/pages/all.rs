//! Everybody's documents on their way.

use axum::extract::State as Extract;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::super::model::State;
use super::super::store::instances::{self, Listed};
use super::super::{READ, view};
use super::tabs;
use crate::db::DbError;
use crate::web::list::{Cell, Column, Filter, List, Row, address};
use crate::web::{AppState, Caller, Problem, Shell, query};

/// Where it is.
const ALL: &str = "/approvals/all";
/// Rows of one page.
const PAGE: i64 = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    state: String,
    before: Option<Uuid>,
}

/// `GET /approvals/all`
pub(super) async fn page(
    Extract(state): Extract<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&READ)?;
    let asked = query::<Asked>(&uri)?;
    let wanted = State::parse(&asked.state).map(State::name);
    let (mut rows, names, titles) = state
        .db
        .tx(&caller.at(&READ), async |tx| {
            let rows = instances::list(tx, wanted, asked.before, PAGE + 1).await?;
            let names = view::names(tx, rows.iter().filter_map(|row| row.starter).collect()).await?;
            let titles = view::titles(tx, rows.iter().map(|row| &row.workflow)).await?;
            Ok::<_, DbError>((rows, names, titles))
        })
        .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > PAGE);
    if more {
        rows.pop();
    }
    let chosen = wanted.unwrap_or_default();
    let next = rows.last().filter(|_| more).map(|last| last.instance_id.to_string());
    let texts = &caller.texts;
    let row = |row: &Listed| {
        let state = State::parse(&row.state).unwrap_or(State::Cancelled);
        let starter = row.starter.and_then(|starter| names.get(&starter).cloned()).unwrap_or_default();
        Row::new([
            Cell::text(&row.title).under(view::title(texts, &titles, &row.workflow)),
            Cell::state(texts.t(&state.text_key()), view::state_class(state)),
            Cell::text(row.plant.clone().unwrap_or_default()),
            Cell::text(starter).under(texts.time(&row.started_at, caller.zone)),
        ])
        .to(format!("/approvals/{}", row.instance_id))
    };
    let states = State::ALL.into_iter().map(|state| (state.name().to_owned(), texts.t(&state.text_key())));
    let view = List::new(texts, ALL)
        .head(texts.t("workflow-all-title"), "")
        .actions(tabs(&caller, ALL))
        .filters([Filter::choice("state", texts.t("workflow-state"), chosen, states)])
        .columns([
            Column::new("workflow-title"),
            Column::new("workflow-state"),
            Column::new("request-plant"),
            Column::new("workflow-started"),
        ])
        .rows(rows.iter().map(row))
        .empty(texts.t("workflow-all-none"))
        .next(next.map(|before| address(ALL, &[("state", chosen), ("before", &before)])));
    Shell::new(&state, &caller, caller.t("workflow-all-title"), "/approvals")
        .under("/approvals", caller.t("workflow-inbox-title"))
        .page(&headers, &view)
}
