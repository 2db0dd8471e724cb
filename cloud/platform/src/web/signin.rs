//! The pages that sign a browser in and out, and that change its language.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::Utc;
use serde::Deserialize;

use super::caller::here;
use super::keys::{self, SESSION_LIFETIME, Secret};
use super::origin::{local_path, require_same};
use super::{AppState, Problem, Visitor, assets, cookies};
use crate::i18n::{Lang, Texts};

/// A year, in seconds.
const LANGUAGE_AGE: i64 = 365 * 86_400;

/// Sign-in, sign-out, language, assets.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/signin", get(form).post(submit))
        .route("/signin/once/{code}", get(once).post(redeem))
        .route("/signout", post(sign_out))
        .route("/language", post(choose_language))
        .route("/assets/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::favicon))
}

#[derive(Template)]
#[template(path = "signin.html")]
struct SignIn<'a> {
    title: String,
    texts: &'a Texts,
    next: &'a str,
    failed: bool,
}

#[derive(Template)]
#[template(path = "once.html")]
struct Once<'a> {
    title: String,
    texts: &'a Texts,
    code: &'a str,
    failed: bool,
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

async fn form(visitor: Visitor, Query(Next { next }): Query<Next>) -> Result<Html<String>, Problem> {
    sign_in_page(&visitor, &next, false)
}

fn sign_in_page(visitor: &Visitor, next: &str, failed: bool) -> Result<Html<String>, Problem> {
    let texts = &visitor.texts;
    let page = SignIn { title: texts.t("signin-title"), texts, next: local_path(next), failed };
    Ok(Html(page.render()?))
}

#[derive(Deserialize)]
struct KeyForm {
    key: String,
    #[serde(default)]
    next: String,
}

async fn submit(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(form): Form<KeyForm>,
) -> Result<Response, Problem> {
    // Another site must not sign a person in as somebody else.
    require_same(&headers)?;
    let now = Utc::now();
    let Some(access) = keys::verify(&state.db, form.key.trim(), now).await? else {
        let page = sign_in_page(&visitor, &form.next, true)?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let token = keys::start_session(&state.db, &access, now).await?;
    end_current(&state, &headers).await?;
    Ok(signed_in(&state, &token, local_path(&form.next)))
}

async fn once(visitor: Visitor, Path(code): Path<String>) -> Result<Html<String>, Problem> {
    // Whether the code is any good is not told here: a look does not use it up.
    let texts = &visitor.texts;
    let page = Once { title: texts.t("signin-title"), texts, code: &code, failed: false };
    Ok(Html(page.render()?))
}

async fn redeem(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    require_same(&headers)?;
    let Some(token) = keys::redeem_code(&state.db, &code, Utc::now()).await? else {
        let texts = &visitor.texts;
        let page = Once { title: texts.t("signin-title"), texts, code: "", failed: true };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response());
    };
    end_current(&state, &headers).await?;
    Ok(signed_in(&state, &token, "/"))
}

async fn sign_out(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    require_same(&headers)?;
    end_current(&state, &headers).await?;
    let gone = cookies::set(cookies::SESSION, "", 0, state.secure);
    Ok(([(header::SET_COOKIE, gone)], Redirect::to("/signin")).into_response())
}

/// The session that this browser had, if any: a new one takes its place.
async fn end_current(state: &AppState, headers: &HeaderMap) -> Result<(), Problem> {
    if let Some(token) = cookies::get(headers, cookies::SESSION) {
        keys::end_session(&state.db, token).await?;
    }
    Ok(())
}

fn signed_in(state: &AppState, token: &Secret, next: &str) -> Response {
    let age = SESSION_LIFETIME.num_seconds();
    let cookie = cookies::set(cookies::SESSION, token.reveal(), age, state.secure);
    ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()
}

#[derive(Deserialize)]
struct LanguageForm {
    lang: String,
}

async fn choose_language(
    State(state): State<AppState>,
    headers: HeaderMap,
    Form(form): Form<LanguageForm>,
) -> Response {
    let back = Redirect::to(here(&headers).unwrap_or("/"));
    match Lang::parse(&form.lang) {
        Some(lang) => {
            let cookie = cookies::set(cookies::LANGUAGE, lang.code(), LANGUAGE_AGE, state.secure);
            ([(header::SET_COOKIE, cookie)], back).into_response()
        }
        None => back.into_response(),
    }
}
