//! Plants and their agents.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Shell};

use super::say;
use crate::explore::model::AgentView;
use crate::explore::service;
use crate::rights::PLANT_READ;

#[derive(Template)]
#[template(path = "plants.html")]
struct Plants<'a> {
    texts: &'a Texts,
    agents: Vec<AgentView>,
    now: DateTime<Utc>,
}

/// `GET /plants`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require_somewhere(&PLANT_READ)?;
    let now = Utc::now();
    let agents = service::agents(&state.db, &caller.in_focus(&PLANT_READ), now).await?;
    let shell = Shell::new(&state, &caller, caller.t("trace-plants-title"), "/plants");
    shell.page(&headers, &Plants { texts: &caller.texts, agents, now })
}
