//! The office's pages of passports: making and printing them, and what they show.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use chrono_tz::Tz;
use platform::i18n::Texts;
use platform::web::fields::{Fields, Input};
use platform::web::list::{Cell, Column, List, Row, address};
use platform::web::routing::{get, post};
use platform::web::{AppState, Caller, Path, Problem, Shell, form, query};
use serde::Deserialize;
use uuid::Uuid;

use super::service::{self, Page, Passport};
use super::store::Settings;
use super::{PASSPORT_MANAGE, PASSPORT_WRITE, key};

/// Where they are.
const PATH: &str = "/passports";

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(PATH, get(page).merge(post(make)))
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
struct View<'a> {
    texts: &'a Texts,
    list: List<'a>,
    /// The form of settings, for who may keep them.
    settings: Option<Fields<'a>>,
}

/// What stands above the list: whether passports are seen at all, and what makes one.
#[derive(Template)]
#[template(path = "passports/make.html")]
struct Make<'a> {
    texts: &'a Texts,
    shown: bool,
    done: bool,
    may_write: bool,
    /// The code that was typed, and what was wrong with it.
    uid: &'a str,
    error: Option<&'a str>,
}

/// The form of what passports show.
fn settings_fields<'a>(texts: &'a Texts, settings: &Settings) -> Fields<'a> {
    let boxes = [
        ("item", settings.item),
        ("made_on", settings.made_on),
        ("made_at", settings.made_at),
        ("suppliers", settings.suppliers),
        ("inspections", settings.inspections),
        ("proof", settings.proof),
    ];
    let boxes =
        boxes.map(|(name, ticked)| Input::tick(name, texts.t(&format!("passports-shows-{name}")), ticked));
    Fields::new(texts, "/passports/settings", texts.t("passports-save"))
        .version(Some(settings.version))
        .inputs([
            Input::tick("shown", texts.t("passports-shown"), settings.shown).wide(),
            Input::lines("certificates", texts.t("passports-certificates"))
                .value(&settings.certificates)
                .longest(2000),
            Input::lines("contact", texts.t("passports-contact"))
                .value(&settings.contact)
                .rows(2)
                .longest(500),
        ])
        .group(texts.t("passports-shows"), "", boxes)
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
    let texts = &caller.texts;
    let fields = || settings_fields(texts, &settings).problem(wrong.as_ref());
    let fields = caller.may(&PASSPORT_MANAGE).then(fields);
    let above = Make {
        texts,
        shown: settings.shown,
        done: typed.done,
        may_write: caller.may(&PASSPORT_WRITE),
        uid: &typed.uid,
        error: typed.error.as_deref(),
    };
    let list = list(caller, &page)
        .above(above.render()?)
        // What is of other plants leaves a gap in a page, and says nothing of the others.
        .narrowed(after.is_some() || page.next.is_some(), PATH)
        .first(after.is_some().then(|| PATH.to_owned()));
    let view = View { texts, list, settings: fields };
    Shell::new(state, caller, caller.t("passports-title"), "/passports").page(headers, &view)
}

/// Passports that are good, each with its code to print.
fn list<'a>(caller: &'a Caller, page: &Page) -> List<'a> {
    let texts = &caller.texts;
    let row = |one: &Passport| {
        let print = format!("{PATH}/{}", one.passport_id);
        Row::new([
            Cell::code(&one.uid),
            Cell::text(texts.time(&one.made_at, caller.zone)),
            Cell::text(texts.t("passports-print")).to(print),
        ])
        .to(format!("/trace/{}", one.uid))
    };
    List::new(texts, PATH)
        .head(texts.t("passports-title"), texts.t("passports-lead"))
        .columns([
            Column::new("passport-uid"),
            Column::new("passports-since"),
            Column::new("passports-print"),
        ])
        .rows(page.passports.iter().map(row))
        .empty(texts.t("passports-none"))
        .teaches(texts.t("passports-none-hint"))
        .next(page.next.map(|next| address(PATH, &[("after", &next.to_string())])))
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
        Err(problem) if problem.keeps_form() || problem.status == StatusCode::UNPROCESSABLE_ENTITY => {
            let status = problem.status;
            let typed = Typed { settings: Some((wish, problem)), ..Typed::default() };
            let mut response = show(&state, &caller, &headers, None, typed).await?;
            *response.status_mut() = status;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}
