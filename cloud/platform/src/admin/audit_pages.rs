//! The page of the log of super-administrators.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::store::{self, Logged};
use super::{AdminCaller, frame, identity};
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::{AppState, Problem, escaped, query};

/// Rows of one page.
const PAGE: usize = 100;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/admin/audit", get(page))
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

#[derive(Template)]
#[template(path = "admin/audit.html")]
struct Page<'a> {
    texts: &'a Texts,
    asked: &'a Asked,
    rows: Vec<Logged>,
    names: HashMap<String, String>,
    next: Option<String>,
}

impl Page<'_> {
    fn who<'r>(&'r self, actor: &'r str) -> &'r str {
        self.names.get(actor).map_or(actor, String::as_str)
    }

    fn json(&self, value: &Option<serde_json::Value>) -> String {
        value.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

async fn page(State(state): State<AppState>, caller: AdminCaller, uri: Uri) -> Result<Response, Problem> {
    let asked = query::<Asked>(&uri)?;
    let (rows, next) = rows(&state, &asked).await?;
    let names = identity::list(&state.db).await?.into_iter();
    let names = names.map(|admin| (format!("admin:{}", admin.admin_id), admin.name)).collect();
    let next = next.map(|before| {
        let (actor, subject) = (escaped(&asked.actor, b""), escaped(&asked.subject, b""));
        format!("/admin/audit?actor={actor}&subject={subject}&acts={}&before={before}", asked.acts)
    });
    let view = Page { texts: &caller.texts, asked: &asked, rows, names, next };
    frame::page(&caller, &caller.t("admin-audit"), "/admin/audit", &view)
}
