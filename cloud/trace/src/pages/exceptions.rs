//! The list of exceptions.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Scope, Shell};
use serde::Deserialize;

use super::say;
use crate::exceptions::model::ExceptionPage;
use crate::exceptions::service::{self, Filter};
use crate::explore::api::query;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    status: String,
    kind: String,
    plant: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "exceptions.html")]
struct Page<'a> {
    texts: &'a Texts,
    zone: chrono_tz::Tz,
    status: String,
    page: ExceptionPage,
    /// The next page's address.
    next: Option<String>,
}

/// `GET /exceptions`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let asked = query::<Asked>(&uri)?;
    let status = if asked.status.is_empty() { "open".to_owned() } else { asked.status };
    let filter = Filter { status: status.clone(), kind: asked.kind, plant: asked.plant };
    let page = service::list(&state.db, &caller.cx, filter, asked.after.as_deref(), 50).await?;
    let next = page.next.as_ref().map(|next| format!("/exceptions?status={status}&after={next}"));
    let shell = Shell::new(&state, &caller, caller.t("trace-exceptions-title"), "/exceptions");
    shell.page(&headers, &Page { texts: &caller.texts, zone: caller.zone, status, page, next })
}

/// The two sides of an exception, laid out for reading.
fn pretty(detail: &serde_json::Value) -> String {
    serde_json::to_string_pretty(detail).unwrap_or_default()
}
