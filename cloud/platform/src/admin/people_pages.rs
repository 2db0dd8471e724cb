//! The page of super-administrators.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::identity::{self, AdminError};
use super::store::Admin;
use super::{AdminCaller, frame};
use crate::i18n::Texts;
use crate::people::{clean_email, clean_name};
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{AppState, Path, Problem, form, site, status_of};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin/admins", get(page).merge(post(invite)))
        .route("/admin/admins/{admin}/status", post(set_status))
}

#[derive(Template)]
#[template(path = "admin/admins.html")]
struct Page<'a> {
    texts: &'a Texts,
    me: Uuid,
    admins: Vec<Admin>,
    link: Option<String>,
    /// The form that invites another.
    fields: Fields<'a>,
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
    (typed, error): (&Typed, Option<AdminError>),
) -> Result<Response, Problem> {
    let admins = identity::list(&state.db).await?;
    let failed = error.is_some();
    let mut fields = typed.fields(&caller.texts);
    let error = match error {
        // Both at once.
        Some(AdminError::Email | AdminError::Name) => {
            fields = fields.wrong(typed.wrong().map(|(field, error)| (field, caller.t(error.text_key()))));
            None
        }
        error => error.map(|error| caller.t(error.text_key())),
    };
    let view = Page { texts: &caller.texts, me: caller.id, admins, link, fields, error };
    let page = frame::page(caller, &caller.t("admin-admins"), "/admin/admins", &view)?;
    Ok((status_of(failed), page).into_response())
}

async fn page(State(state): State<AppState>, caller: AdminCaller) -> Result<Response, Problem> {
    show(&state, &caller, None, (&Typed::default(), None)).await
}

#[derive(Default, Deserialize)]
struct Typed {
    email: String,
    name: String,
}

impl Typed {
    fn fields<'a>(&self, texts: &'a Texts) -> Fields<'a> {
        Fields::new(texts, "/admin/admins", texts.t("people-invite-submit")).inputs([
            Input::email("email", texts.t("people-email")).value(&self.email).required().longest(254),
            Input::text("name", texts.t("people-name")).value(&self.name).required().longest(80),
        ])
    }

    /// What is wrong with it, by field.
    fn wrong(&self) -> impl Iterator<Item = (&'static str, AdminError)> {
        let email = clean_email(&self.email).is_none().then_some(("email", AdminError::Email));
        let name = clean_name(&self.name).is_none().then_some(("name", AdminError::Name));
        email.into_iter().chain(name)
    }
}

async fn told(
    state: &AppState,
    caller: &AdminCaller,
    typed: &Typed,
    error: AdminError,
) -> Result<Response, Problem> {
    match error {
        AdminError::Db(_) | AdminError::Secret(_) | AdminError::NoRandom | AdminError::NotFound => {
            Err(error.into())
        }
        error => show(state, caller, None, (typed, Some(error))).await,
    }
}

async fn invite(
    State(state): State<AppState>,
    caller: AdminCaller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let typed = form(sent)?;
    match identity::invite(&state.db, &caller.who, &typed.email, &typed.name, Utc::now()).await {
        Ok(invited) => {
            let link = format!("{}/admin/invitation/{}", site(&state, &headers), invited.link.reveal());
            show(&state, &caller, Some(link), (&Typed::default(), None)).await
        }
        Err(error) => told(&state, &caller, &typed, error).await,
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
        Err(error) => told(&state, &caller, &Typed::default(), error).await,
    }
}
