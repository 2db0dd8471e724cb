//! The second step on the own account's page, on a person's, and on the roles'.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::error::PeopleError;
use super::pages::{done_or_told, say};
use super::role_pages::roles_or_told;
use super::second_step::{self, Enrolment, Standing};
use super::step_pages::enrolment_html;
use super::within::By;
use super::{ROLE_MANAGE, USER_MANAGE};
use crate::i18n::Texts;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, form};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/account/totp", get(page).merge(post(begin)))
        .route("/account/totp/confirm", post(confirm))
        .route("/account/totp/codes", post(new_codes))
        .route("/account/totp/off", post(turn_off))
        .route("/users/{id}/totp", post(reset))
        .route("/roles/{code}/totp", post(require))
}

#[derive(Template)]
#[template(path = "people/totp.html")]
struct Page<'a> {
    texts: &'a Texts,
    standing: Standing,
    enrolment: Option<Enrolment>,
    /// Shown this once.
    codes: Vec<String>,
    error: Option<String>,
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    codes: Vec<String>,
    error: Option<String>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let standing = second_step::standing(&state.db, &caller.cx, user).await?;
    let enrolment = second_step::pending(&state.db, &caller.cx, &state.secrets, user).await?;
    let shell = Shell::new(state, caller, caller.t("people-totp"), "")
        .under("/account", caller.t("people-account-title"));
    let failed = error.is_some();
    let view = Page { texts: &caller.texts, standing, enrolment, codes, error };
    let page = shell.page(headers, &view)?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, page).into_response() } else { page })
}

async fn told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    error: PeopleError,
) -> Result<Response, Problem> {
    let error = say(&caller.texts, error)?;
    show(state, caller, headers, Vec::new(), Some(error)).await
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(&state, &caller, &headers, Vec::new(), None).await
}

#[derive(Deserialize)]
struct Begun {
    present: String,
}

async fn begin(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Begun>, FormRejection>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let Begun { present } = form(sent)?;
    let both = (user, present.as_str());
    match second_step::begin(&state.db, &caller.cx, &state.secrets, both, Utc::now()).await {
        Ok(()) => Ok(Redirect::to("/account/totp").into_response()),
        Err(error) => told(&state, &caller, &headers, error).await,
    }
}

#[derive(Deserialize)]
struct Typed {
    code: String,
}

async fn confirm(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let Typed { code } = form(sent)?;
    let both = (user, code.as_str());
    let done =
        second_step::confirm(&state.db, &caller.cx, &state.secrets, both, caller.session, Utc::now()).await;
    match done {
        Ok(codes) => show(&state, &caller, &headers, codes, None).await,
        Err(error) => told(&state, &caller, &headers, error).await,
    }
}

async fn new_codes(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let Typed { code } = form(sent)?;
    match second_step::new_codes(&state.db, &caller.cx, &state.secrets, (user, &code), Utc::now()).await {
        Ok(codes) => show(&state, &caller, &headers, codes, None).await,
        Err(error) => told(&state, &caller, &headers, error).await,
    }
}

async fn turn_off(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let Typed { code } = form(sent)?;
    match second_step::turn_off(&state.db, &caller.cx, &state.secrets, (user, &code), Utc::now()).await {
        Ok(()) => Ok(Redirect::to("/account?done").into_response()),
        Err(error) => told(&state, &caller, &headers, error).await,
    }
}

async fn reset(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let done = second_step::reset(&state.db, &By::caller(&state, &caller), id, Utc::now()).await;
    done_or_told(&state, &caller, &headers, id, done).await
}

#[derive(Deserialize)]
struct Required {
    version: i32,
    on: bool,
}

async fn require(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    sent: Result<Form<Required>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let Required { version, on } = form(sent)?;
    let by = By::caller(&state, &caller);
    let done = second_step::require(&state.db, &by, &code, version, on).await;
    roles_or_told(&state, &caller, &headers, done).await
}
