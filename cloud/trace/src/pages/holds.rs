//! Holds: what stands, placing, releasing.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use chrono::Utc;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Shell, form, query};
use serde::Deserialize;
use uuid::Uuid;

use super::say;
use crate::explore::error::TraceError;
use crate::explore::holding::{self, HoldPage, HoldingError, Wish};
use crate::ingest::Committed;
use crate::rights::{HOLD_PLACE, HOLD_READ, HOLD_RELEASE};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    status: String,
    after: Option<String>,
    uid: String,
}

/// What was typed; boxes that are not ticked are not sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    uid: String,
    reason: String,
    whole_lot: Option<String>,
    descendants: Option<String>,
}

#[derive(Template)]
#[template(path = "holds.html")]
struct Page<'a> {
    texts: &'a Texts,
    zone: chrono_tz::Tz,
    may_place: bool,
    may_release: bool,
    status: String,
    page: HoldPage,
    next: Option<String>,
    typed: &'a Typed,
    /// What was wrong with it.
    error: Option<String>,
}

/// `GET /holds`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&HOLD_READ)?;
    let asked = query::<Asked>(&uri)?;
    let typed = Typed { uid: asked.uid, ..Typed::default() };
    show(&state, &caller, &headers, &asked.status, asked.after.as_deref(), &typed, None).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    status: &str,
    after: Option<&str>,
    typed: &Typed,
    error: Option<String>,
) -> Result<Response, Problem> {
    let status = if status.is_empty() { "placed" } else { status };
    let page = holding::list(&state.db, &caller.in_focus(&HOLD_READ), status, after, 50).await?;
    let next = page.next.as_ref().map(|next| format!("/holds?status={status}&after={next}"));
    let shell = Shell::new(state, caller, caller.t("trace-holds-title"), "/holds");
    let view = Page {
        texts: &caller.texts,
        zone: caller.zone,
        may_place: caller.may(&HOLD_PLACE),
        may_release: caller.may(&HOLD_RELEASE),
        status: status.to_owned(),
        page,
        next,
        typed,
        error,
    };
    shell.page(headers, &view)
}

/// `POST /holds`
pub(super) async fn place(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&HOLD_PLACE)?;
    let typed = form(sent)?;
    let wish = Wish {
        uid: typed.uid.clone(),
        lot: None,
        whole_lot: typed.whole_lot.is_some(),
        descendants: typed.descendants.is_some(),
        reason: typed.reason.clone(),
    };
    match holding::place(&state.db, &caller.at(&HOLD_PLACE), &committed, &wish, Utc::now()).await {
        Ok(_) => Ok(Redirect::to("/holds").into_response()),
        Err(error) => {
            let told = match &error {
                HoldingError::Trace(TraceError::Db(_)) => return Err(error.into()),
                HoldingError::Trace(trace) => {
                    caller.texts.or(&format!("error-{}", trace.code().replace('.', "-")), &error.to_string())
                }
                HoldingError::Hold(_) | HoldingError::Elsewhere => {
                    let text = error.to_string();
                    let problem = Problem::from(error);
                    if problem.status.is_server_error() {
                        return Err(problem);
                    }
                    caller.texts.or(&problem.text_key(), &text)
                }
            };
            let mut response = show(&state, &caller, &headers, "", None, &typed, Some(told)).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

/// `POST /holds/{id}/release`
pub(super) async fn release(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    caller.require_somewhere(&HOLD_RELEASE)?;
    holding::release(&state.db, &caller.at(&HOLD_RELEASE), &committed, id, "", Utc::now()).await?;
    Ok(Redirect::to("/holds"))
}
