//! The page of the log of super-administrators.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use chrono_tz::Tz;
use serde::Deserialize;

use super::store::{self, Logged};
use super::{AdminCaller, frame, identity};
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::list::{Cell, Column, Filter, List, Row, address};
use crate::web::routing::get;
use crate::web::{AppState, Problem, query};

/// Where it is.
const PATH: &str = "/admin/audit";

/// Rows of one page.
const PAGE: usize = 100;

pub(super) fn router() -> Router<AppState> {
    Router::new().route(PATH, get(page))
}

/// Which rows are asked for.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[schema(as = AdminLogAsked)]
pub(super) struct Asked {
    pub actor: String,
    pub subject: String,
    /// Without what was only looked at.
    pub acts: bool,
    /// Rows before this number.
    pub before: Option<i64>,
}

/// A page of the log, newest first, and the number before which the next begins.
pub(super) async fn rows(state: &AppState, asked: &Asked) -> Result<(Vec<Logged>, Option<i64>), DbError> {
    let want = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let filter = (asked.actor.trim(), asked.subject.trim(), asked.acts);
    let before = asked.before.unwrap_or(i64::MAX);
    let mut rows = state
        .db
        .system_tx(async |system| Ok::<_, DbError>(store::log_list(system, filter, before, want).await?))
        .await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|last| last.n);
    Ok((rows, next))
}

/// How it was and how it is, folded away under its row.
#[derive(Template)]
#[template(path = "admin/changed.html")]
struct Changed<'a> {
    texts: &'a Texts,
    before: Option<String>,
    after: Option<String>,
}

async fn page(State(state): State<AppState>, caller: AdminCaller, uri: Uri) -> Result<Response, Problem> {
    let asked = query::<Asked>(&uri)?;
    let (rows, next) = rows(&state, &asked).await?;
    let names = identity::list(&state.db).await?.into_iter();
    let names: HashMap<String, String> =
        names.map(|admin| (format!("admin:{}", admin.admin_id), admin.name)).collect();
    let texts = &caller.texts;
    let mut drawn = Vec::new();
    for row in &rows {
        let [before, after] = [&row.before, &row.after].map(|value| value.as_ref().map(ToString::to_string));
        let changed = before.is_some() || after.is_some();
        let below = if changed { Some(Changed { texts, before, after }.render()?) } else { None };
        let cells = [
            Cell::text(row.n.to_string()),
            Cell::text(texts.time(&row.at, Tz::UTC)),
            Cell::text(names.get(&row.actor).unwrap_or(&row.actor)),
            Cell::code(&row.action),
            Cell::code(&row.subject),
        ];
        drawn.push(Row::new(cells).below(below));
    }
    let at = |before: &str| {
        let acts = if asked.acts { "true" } else { "" };
        let asked = [("actor", asked.actor.as_str()), ("subject", asked.subject.as_str())];
        address(PATH, &[asked, [("acts", acts), ("before", before)]].concat())
    };
    let view = List::new(texts, PATH)
        .head(texts.t("admin-audit"), texts.t("admin-audit-lead"))
        .filters([
            Filter::text("actor", texts.t("audit-actor"), &asked.actor).longest(80),
            Filter::text("subject", texts.t("audit-subject"), &asked.subject).longest(300),
            Filter::tick("acts", texts.t("admin-audit-acts"), asked.acts),
        ])
        .columns([
            Column::new("admin-audit-n"),
            Column::new("audit-at"),
            Column::new("audit-actor"),
            Column::new("audit-action"),
            Column::new("audit-subject"),
        ])
        .rows(drawn)
        .empty(texts.t("audit-none"))
        .first(asked.before.is_some().then(|| at("")))
        .next(next.map(|before| at(&before.to_string())));
    frame::page(&caller, &caller.t("admin-audit"), PATH, &view)
}
