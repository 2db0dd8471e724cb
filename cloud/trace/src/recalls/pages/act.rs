//! What is done on the page of a recall.

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response as Answered};
use axum::{Extension, Form};
use chrono::Utc;
use platform::web::{AppState, Caller, Path, Problem, form};
use serde::Deserialize;
use uuid::Uuid;

use super::forms::{Answers, Sent};
use super::new::Typed;
use super::one::{Asked, show};
use super::{pdf, shown, xlsx};
use crate::genealogy::Genealogy;
use crate::ingest::Committed;
use crate::recalls::model::{Action, Change, End};
use crate::recalls::rights::RECALL_MANAGE;
use crate::recalls::service;

/// Goes back to a tab of the recall, or shows what was wrong there.
async fn after(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    (tab, sent): (&str, Sent<'_>),
    done: Result<(), Problem>,
) -> Result<Answered, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/recalls/{id}?tab={tab}")).into_response()),
        Err(problem) if problem.status == StatusCode::NOT_FOUND && problem.code == "not_found" => {
            Err(problem)
        }
        Err(problem) => {
            let problem = shown(caller, problem)?;
            let asked = Asked { tab: tab.to_owned(), ..Asked::default() };
            let mut response = show(state, caller, headers, id, &asked, Some((sent, &problem))).await?;
            *response.status_mut() = problem.status;
            Ok(response)
        }
    }
}

/// `POST /recalls/{id}`
pub(super) async fn change(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require(&RECALL_MANAGE)?;
    let typed = form(sent)?;
    let done = match typed.wish(&caller) {
        Ok(wish) => {
            let change = Change {
                severity: wish.severity,
                reason: wish.reason,
                instructions: wish.instructions,
                owner: wish.owner,
                target_on: wish.target_on,
                start_when_approved: wish.start_when_approved,
                version: typed.version,
            };
            service::change(&state, &caller, id, &change, Utc::now()).await
        }
        Err(problem) => Err(problem),
    };
    after(&state, &caller, &headers, id, ("overview", Sent::Change(&typed)), done).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Acts {
    action: String,
    note: String,
    /// It is closed though not all is accounted for.
    unaccounted: Option<String>,
}

/// `POST /recalls/{id}/act`
pub(super) async fn act(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Acts>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    let sent = form(sent)?;
    let action = Action::parse(&sent.action).ok_or_else(|| {
        Problem::bad_request("query.parameter", "action is none of activate, close, cancel")
    })?;
    let office = (&committed, &genealogy);
    let end = End { note: sent.note, unaccounted: sent.unaccounted.is_some() };
    let done = service::act(&state, &caller, office, id, action, &end, Utc::now()).await;
    after(&state, &caller, &headers, id, ("overview", Sent::Button), done.map(drop)).await
}

/// `POST /recalls/{id}/snapshot`
pub(super) async fn snapshot(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Answered, Problem> {
    let done = service::take_again(&state, &caller, &genealogy, id, Utc::now()).await;
    after(&state, &caller, &headers, id, ("overview", Sent::Button), done).await
}

/// `POST /recalls/{id}/drill`
pub(super) async fn drill(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    let drill = service::drill(&state, &caller, id, Utc::now()).await?;
    Ok(Redirect::to(&format!("/recalls/{drill}")))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stands {
    state: String,
}

/// `POST /recalls/{id}/consignees/{consignee}`: the state, or `write`.
pub(super) async fn consignee(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path((id, consignee)): Path<(Uuid, Uuid)>,
    sent: Result<Form<Stands>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    let sent = form(sent)?;
    let done = if sent.state == "write" {
        service::write(&state, &caller, id, consignee, Utc::now()).await.map(drop)
    } else {
        service::consignee(&state, &caller, id, consignee, &sent.state, Utc::now()).await
    };
    after(&state, &caller, &headers, id, ("consignees", Sent::Button), done).await
}

/// `POST /recalls/{id}/responses`
pub(super) async fn respond(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Answers>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    let sent = form(sent)?;
    let done = match sent.answer(&caller) {
        Ok(answer) => service::respond(&state, &caller, id, &answer, Utc::now()).await.map(drop),
        Err(problem) => Err(problem),
    };
    after(&state, &caller, &headers, id, ("responses", Sent::Answers(&sent)), done).await
}

/// `GET /recalls/{id}/report`
pub(super) async fn report(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Answered, Problem> {
    Ok(pdf(crate::recalls::report::report(&state, &caller, id, Utc::now()).await?))
}

/// `GET /recalls/{id}/units.xlsx`
pub(super) async fn sheet(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Answered, Problem> {
    Ok(xlsx(crate::recalls::sheet::units(&state, &caller, id).await?))
}
