//! The list of exceptions.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Shell, query};
use serde::Deserialize;

use super::detail::{self, Side};
use super::say::{self, Zones};
use super::store;
use super::trace::encoded;
use crate::exceptions::model::{ExceptionPage, ExceptionView};
use crate::exceptions::service::{self, Filter};
use crate::explore::error::TraceError;
use crate::rights::EXCEPTION_READ;

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
    zones: Zones,
    status: String,
    /// The kind and the plant that are asked for, to be kept in addresses.
    filter: String,
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
    caller.require_somewhere(&EXCEPTION_READ)?;
    let asked = query::<Asked>(&uri)?;
    let status = if asked.status.is_empty() { "open".to_owned() } else { asked.status };
    let kept = [("kind", &asked.kind), ("plant", &asked.plant)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("&{name}={}", encoded(value)))
        .collect::<String>();
    let filter = Filter { status: status.clone(), kind: asked.kind, plant: asked.plant };
    let page =
        service::list(&state.db, &caller.in_focus(&EXCEPTION_READ), filter, asked.after.as_deref(), 50)
            .await
            .map_err(|error| say::problem(&caller.texts, error))?;
    let zones = state
        .db
        .tx(&caller.in_focus(&EXCEPTION_READ), async |tx| {
            Ok::<_, TraceError>(Zones::new(store::zones(tx).await?, caller.zone))
        })
        .await?;
    let next =
        page.next.as_ref().map(|next| format!("/exceptions?status={status}{kept}&after={}", encoded(next)));
    let shell = Shell::new(&state, &caller, caller.t("trace-exceptions-title"), "/exceptions");
    shell.page(&headers, &Page { texts: &caller.texts, zones, status, filter: kept, page, next })
}

impl Page<'_> {
    fn sides(&self, one: &ExceptionView) -> Vec<Side> {
        detail::sides(self.texts, &self.zones, &one.plant, &one.detail)
    }
}

/// Everything that an exception holds, for who looks closer.
fn pretty(detail: &serde_json::Value) -> String {
    serde_json::to_string_pretty(detail).unwrap_or_default()
}
