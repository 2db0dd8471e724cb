//! Pages of workflows: what waits for the reader, one document on its way,
//! definitions, who stands in for whom, and how times were kept.

mod all;
mod away;
mod editor;
mod inbox;
mod instance;
mod report;

use axum::Router;
use axum::extract::DefaultBodyLimit;

pub(super) use report::Range;

use super::READ;
use super::error::WorkflowError;
use crate::i18n::Texts;
use crate::web::list::Action;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Problem, kept};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/approvals", get(inbox::page))
        .route("/approvals/bulk", post(inbox::bulk))
        .route("/approvals/all", get(all::page))
        .route("/approvals/report", get(report::page))
        .route("/approvals/away", get(away::page).merge(post(away::create)))
        .route("/approvals/away/{delegation}/end", post(away::end))
        .route("/approvals/{instance}", get(instance::page))
        .route("/approvals/{instance}/decide", post(instance::decide))
        .route("/approvals/{instance}/cancel", post(instance::cancel))
        .route("/workflows", get(editor::list).merge(post(editor::create)))
        .route("/workflows/new", get(editor::new))
        .route("/workflows/try", post(editor::attempt))
        .route("/workflows/{id}", get(editor::page).merge(post(editor::save)))
        .route("/workflows/{id}/publish", post(editor::publish))
        .route("/workflows/{id}/retire", post(editor::retire))
        .route("/workflows/{id}/discard", post(editor::discard))
        .route("/workflows/{id}/clone", post(editor::clone))
        .route("/workflows/triggers/{id}/token", post(editor::token))
        .route("/workflows/triggers/{id}/end", post(editor::token_end))
        .layer(DefaultBodyLimit::max(512 * 1024))
}

/// The pages of approvals that the caller may see; `here` is where the one is that is shown.
fn tabs(caller: &Caller, here: &str) -> Vec<Action> {
    let tab = |path: &str, key: &str| Action::to(path, caller.t(key)).here(path == here);
    let mut tabs = vec![tab("/approvals", "workflow-tab-mine")];
    if caller.may(&READ) {
        tabs.push(tab("/approvals/all", "workflow-tab-all"));
        tabs.push(tab("/approvals/report", "workflow-tab-report"));
    }
    tabs.push(tab("/approvals/away", "workflow-tab-away"));
    tabs
}

/// An error in the reader's language, where it is one that a form can show.
pub(super) fn say(texts: &Texts, error: WorkflowError) -> Result<String, Problem> {
    match error {
        WorkflowError::NotFound => Err(error.into()),
        WorkflowError::Db(error) => kept(texts, error),
        error => Ok(texts.t(&error.text_key())),
    }
}
