//! The page of super-administrators.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::identity::{self, AdminError};
use super::store::Admin;
use super::{AdminCaller, frame};
use crate::i18n::Texts;
use crate::web::{AppState, Path, Problem, form, site};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin/admins", get(page).post(invite))
        .route("/admin/admins/{admin}/status", post(set_status))
}

#[derive(Template)]
#[template(path = "admin/admins.html")]
struct Page<'a> {
    texts: &'a Texts,
    me: Uuid,
    admins: Vec<Admin>,
    link: Option<String>,
    error: Option<String>,
}

impl Page<'_> {
    fn other(&self, admin: &Admin) -> bool {
        admin.admin_id != self.me
    }
}

async fn show(
    state: &AppState,
    caller: &AdminCaller,
    link: Option<String>,
    error: Option<String>,
) -> Result<Response, Problem> {
    let admins = identity::list(&state.db).await?;
    let failed = error.is_some();
    let view = Page { texts: &caller.texts, me: caller.id, admins, link, error };
    let page = frame::page(caller, &caller.t("admin-admins"), "/admin/admins", &view)?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, page).into_response() } else { page })
}

async fn page(State(state): State<AppState>, caller: AdminCaller) -> Result<Response, Problem> {
    show(&state, &caller, None, None).await
}

#[derive(Deserialize)]
struct Typed {
    email: String,
    name: String,
}

async fn told(state: &AppState, caller: &AdminCaller, error: AdminError) -> Result<Response, Problem> {
    match error {
        AdminError::Db(_) | AdminError::Secret(_) | AdminError::NoRandom | AdminError::NotFound => {
            Err(error.into())
        }
        error => show(state, caller, None, Some(caller.t(error.text_key()))).await,
    }
}

async fn invite(
    State(state): State<AppState>,
    caller: AdminCaller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let Typed { email, name } = form(sent)?;
    match identity::invite(&state.db, &caller.who, &email, &name, Utc::now()).await {
        Ok(invited) => {
            let link = format!("{}/admin/invitation/{}", site(&state, &headers), invited.link.reveal());
            show(&state, &caller, Some(link), None).await
        }
        Err(error) => told(&state, &caller, error).await,
    }
}

#[derive(Deserialize)]
struct NewStatus {
    version: i32,
    active: bool,
}

async fn set_status(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(id): Path<Uuid>,
    sent: Result<Form<NewStatus>, FormRejection>,
) -> Result<Response, Problem> {
    let NewStatus { version, active } = form(sent)?;
    match identity::enable(&state.db, &caller.who, id, version, active, Utc::now()).await {
        Ok(()) => Ok(Redirect::to("/admin/admins").into_response()),
        Err(error) => told(&state, &caller, error).await,
    }
}
