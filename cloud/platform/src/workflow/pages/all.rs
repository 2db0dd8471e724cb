//! Everybody's documents on their way.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::super::model::State;
use super::super::store::instances::{self, Listed};
use super::super::{READ, view};
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::{AppState, Caller, Problem, Shell, query};

/// Rows of one page.
const PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "workflow/all.html")]
struct Page<'a> {
    texts: &'a Texts,
    zone: Tz,
    asked: Asked,
    rows: Vec<Listed>,
    names: BTreeMap<Uuid, String>,
    next: Option<String>,
}

impl Page<'_> {
    fn state(&self, row: &Listed) -> (String, &'static str) {
        let state = State::parse(&row.state).unwrap_or(State::Cancelled);
        (self.texts.t(&state.text_key()), view::state_class(state))
    }

    fn starter(&self, row: &Listed) -> String {
        row.starter.and_then(|starter| self.names.get(&starter).cloned()).unwrap_or_default()
    }
}

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
    let (mut rows, names) = state
        .db
        .tx(&caller.at(&READ), async |tx| {
            let rows = instances::list(tx, wanted, asked.before, PAGE + 1).await?;
            let names = view::names(tx, rows.iter().filter_map(|row| row.starter).collect()).await?;
            Ok::<_, DbError>((rows, names))
        })
        .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > PAGE);
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more);
    let next = next.map(|last| {
        format!("/approvals/all?state={}&before={}", wanted.unwrap_or_default(), last.instance_id)
    });
    let view = Page { texts: &caller.texts, zone: caller.zone, asked, rows, names, next };
    Shell::new(&state, &caller, caller.t("workflow-all-title"), "/approvals").page(&headers, &view)
}
