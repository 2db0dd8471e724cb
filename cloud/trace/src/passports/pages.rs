//! The office's pages of passports: making and printing them, and what they show.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::Utc;
use chrono_tz::Tz;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Path, Problem, Shell, form, query};
use serde::Deserialize;
use uuid::Uuid;

use super::service::{self, Page, Passport};
use super::store::Settings;
use super::{PASSPORT_MANAGE, PASSPORT_WRITE, key};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/passports", get(page).post(make))
        .route("/passports/settings", post(set))
        .route("/passports/{id}", get(one))
        .route("/passports/{id}/end", post(end))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    after: Option<Uuid>,
    uid: String,
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "passports/list.html")]
struct List<'a> {
    texts: &'a Texts,
    zone: Tz,
    page: Page,
    may_write: bool,
    may_manage: bool,
    settings: Settings,
    /// The code that was typed, and what was wrong with it.
    uid: String,
    error: Option<String>,
    /// What was wrong with the settings.
    wrong: Option<Problem>,
    done: bool,
}

impl List<'_> {
    /// The boxes of the form, each with its name and whether it is ticked.
    fn boxes(&self) -> [(&'static str, bool); 6] {
        let Settings { item, made_on, made_at, suppliers, inspections, proof, .. } = self.settings;
        [
            ("item", item),
            ("made_on", made_on),
            ("made_at", made_at),
            ("suppliers", suppliers),
            ("inspections", inspections),
            ("proof", proof),
        ]
    }

    /// What is wrong with a field, if something is.
    fn told(&self, field: &str) -> Option<&str> {
        let errors = &self.wrong.as_ref()?.errors;
        errors.iter().find(|error| error.field == field).map(|error| error.detail.as_str())
    }

    /// What is wrong with all of it.
    fn told_of_all(&self) -> Option<String> {
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.errors.is_empty())?;
        Some(self.texts.or(&wrong.text_key(), &wrong.detail))
    }
}

/// What was typed before, and what was wrong with it.
#[derive(Default)]
struct Typed {
    uid: String,
    error: Option<String>,
    settings: Option<(Settings, Problem)>,
    done: bool,
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    after: Option<Uuid>,
    typed: Typed,
) -> Result<Response, Problem> {
    let page = service::list(state, caller, after).await?;
    let (settings, wrong) = match typed.settings {
        Some((settings, wrong)) => (settings, Some(wrong)),
        None => (service::settings(state, caller).await?, None),
    };
    let view = List {
        texts: &caller.texts,
        zone: caller.zone,
        page,
        may_write: caller.may(&PASSPORT_WRITE),
        may_manage: caller.may(&PASSPORT_MANAGE),
        settings,
        uid: typed.uid,
        error: typed.error,
        wrong,
        done: typed.done,
    };
    Shell::new(state, caller, caller.t("passports-title"), "/passports").page(headers, &view)
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let asked = query::<Asked>(&uri)?;
    let typed = Typed { uid: asked.uid, done: asked.done.is_some(), ..Typed::default() };
    show(&state, &caller, &headers, asked.after, typed).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wish {
    uid: String,
}

async fn make(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Wish>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&PASSPORT_WRITE)?;
    let uid = form(sent)?.uid;
    match service::make(&state, &caller, &uid).await {
        Ok(made) => Ok(Redirect::to(&format!("/passports/{}", made.passport_id)).into_response()),
        Err(problem) if problem.status.is_client_error() && problem.status != StatusCode::FORBIDDEN => {
            let error = Some(caller.texts.or(&problem.text_key(), &problem.detail));
            let typed = Typed { uid, error, ..Typed::default() };
            let mut response = show(&state, &caller, &headers, None, typed).await?;
            *response.status_mut() = problem.status;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}

#[derive(Template)]
#[template(path = "passports/one.html")]
struct One<'a> {
    texts: &'a Texts,
    zone: Tz,
    passport: Passport,
    qr: String,
    may_write: bool,
    shown: bool,
    /// The reason that was typed, and what was wrong with it.
    reason: String,
    error: Option<String>,
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    told(&state, &caller, &headers, id, String::new(), None).await
}

async fn told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    reason: String,
    error: Option<String>,
) -> Result<Response, Problem> {
    let passport = service::get(state, caller, id).await?;
    let shown = service::settings(state, caller).await?.shown;
    let qr = key::qr(&passport.link).unwrap_or_default();
    let may_write = caller.may(&PASSPORT_WRITE) && passport.ended_at.is_none();
    let (texts, zone) = (&caller.texts, caller.zone);
    let view = One { texts, zone, passport, qr, may_write, shown, reason, error };
    Shell::new(state, caller, caller.t("passport-title"), "/passports")
        .under("/passports", caller.t("passports-title"))
        .page(headers, &view)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct End {
    reason: String,
}

async fn end(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<End>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&PASSPORT_WRITE)?;
    let End { reason } = form(sent)?;
    match service::end(&state, &caller, id, &reason, Utc::now()).await {
        Ok(()) => Ok(Redirect::to("/passports").into_response()),
        Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => {
            let error = problem.errors.into_iter().next().map(|error| error.detail);
            let mut response = told(&state, &caller, &headers, id, reason, error).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}

/// The settings as the form sends them; boxes that are not ticked are not sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ticked {
    shown: Option<String>,
    item: Option<String>,
    made_on: Option<String>,
    made_at: Option<String>,
    suppliers: Option<String>,
    inspections: Option<String>,
    proof: Option<String>,
    certificates: String,
    contact: String,
    version: i32,
}

async fn set(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Ticked>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&PASSPORT_MANAGE)?;
    let ticked = form(sent)?;
    let wish = Settings {
        shown: ticked.shown.is_some(),
        item: ticked.item.is_some(),
        made_on: ticked.made_on.is_some(),
        made_at: ticked.made_at.is_some(),
        suppliers: ticked.suppliers.is_some(),
        inspections: ticked.inspections.is_some(),
        proof: ticked.proof.is_some(),
        certificates: ticked.certificates,
        contact: ticked.contact,
        version: ticked.version,
    };
    match service::set(&state, &caller, &wish).await {
        Ok(_) => Ok(Redirect::to("/passports?done=1").into_response()),
        Err(problem) if matches!(problem.status.as_u16(), 409 | 422) => {
            let status = problem.status;
            let typed = Typed { settings: Some((wish, problem)), ..Typed::default() };
            let mut response = show(&state, &caller, &headers, None, typed).await?;
            *response.status_mut() = status;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}
