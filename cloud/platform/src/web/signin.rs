//! The pages that sign a browser in and out, and that change its language.

use askama::Template;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::caller::here;
use super::keys::{self, Access, Bearer, Ends, SESSION_LIFETIME, Secret, Tried};
use super::origin::{local_path, require_same};
use super::{AppState, Client, Path, Problem, Visitor, assets, client_of, cookies, escaped};
use crate::ctx::Cx;
use crate::i18n::{Lang, Texts};
use crate::people::{self, Attempt, SignedIn};
use crate::web::routing::{get, post};

/// Ten minutes, as a sign-in under way lasts.
const STEP_AGE: i64 = 600;
/// A year, in seconds.
const LANGUAGE_AGE: i64 = 365 * 86_400;

/// Sign-in, sign-out, language, assets.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/signin", get(form).merge(post(submit)))
        .route("/signin/once/{code}", get(once).merge(post(redeem)))
        .route("/signout", post(sign_out))
        .route("/language", post(choose_language))
        .route("/assets/{name}", get(assets::serve))
        .route("/favicon.ico", get(assets::favicon))
        .merge(keys::router())
}

#[derive(Template)]
#[template(path = "signin.html")]
struct SignIn<'a> {
    title: String,
    texts: &'a Texts,
    next: &'a str,
    email: &'a str,
    failed: Option<String>,
    /// What failed was an access key.
    by_key: bool,
    /// A new password can be asked for by mail.
    mails: bool,
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

async fn form(
    State(state): State<AppState>,
    visitor: Visitor,
    Query(Next { next }): Query<Next>,
) -> Result<Html<String>, Problem> {
    sign_in_page(&state, &visitor, &next, "", None, false)
}

fn sign_in_page(
    state: &AppState,
    visitor: &Visitor,
    next: &str,
    email: &str,
    failed: Option<String>,
    by_key: bool,
) -> Result<Html<String>, Problem> {
    let texts = &visitor.texts;
    let title = texts.t("signin-title");
    let page = SignIn { title, texts, next: local_path(next), email, failed, by_key, mails: state.mails };
    Ok(Html(page.render()?))
}

/// An access key, or e-mail and password.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct SignInForm {
    key: String,
    email: String,
    password: String,
    next: String,
}

async fn submit(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    client: Client,
    Form(form): Form<SignInForm>,
) -> Result<Response, Problem> {
    // Another site must not sign a person in as somebody else.
    require_same(&headers)?;
    if form.key.is_empty() && form.email.is_empty() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "request.invalid", ""));
    }
    let now = Utc::now();
    let texts = &visitor.texts;
    let (token, failed) = if form.key.is_empty() {
        let (address, browser) = client_of(&client, &headers);
        let attempt = Attempt { email: form.email.clone(), password: form.password, address, browser };
        match people::sign_in(&state.db, &attempt, now).await? {
            SignedIn::Yes(token) => (Some(token), String::new()),
            SignedIn::Step(token) => {
                end_current(&state, &headers).await?;
                let mut response = Redirect::to(&step_path(&form.next)).into_response();
                set_step(&state, &mut response, &token);
                return Ok(response);
            }
            SignedIn::ByProvider(code) => {
                let next = escaped(local_path(&form.next), b"/-_.");
                return Ok(Redirect::to(&format!("/signin/at/{code}?next={next}")).into_response());
            }
            SignedIn::No => (None, texts.t("signin-failed-password")),
            SignedIn::Suspended => (None, texts.t("error-tenant-suspended")),
            SignedIn::Wait(until) => (None, texts.count("signin-wait", minutes_to(until, now))),
        }
    } else {
        let (address, _) = client_of(&client, &headers);
        match keys::try_key(&state.db, form.key.trim(), address, now).await? {
            Tried::Yes(access) if !access.standing.admits() => (None, texts.t("error-tenant-suspended")),
            Tried::Yes(access) => (keys::start_key_session(&state.db, &access, now).await?, String::new()),
            Tried::No => (None, texts.t("signin-failed")),
            Tried::Wait(until) => (None, texts.count("signin-wait", minutes_to(until, now))),
        }
    };
    let Some(token) = token else {
        let page =
            sign_in_page(&state, &visitor, &form.next, &form.email, Some(failed), !form.key.is_empty())?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    end_current(&state, &headers).await?;
    let next = after_sign_in(&state, &token, &form.next).await?;
    Ok(signed_in(&state, &token, &next))
}

/// Minutes to wait, begun ones whole.
pub(crate) fn minutes_to(until: DateTime<Utc>, now: DateTime<Utc>) -> i64 {
    (until - now).num_seconds().div_euclid(60) + 1
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
    end(&state, &headers, Ends::SignOut).await?;
    let gone = cookies::set(cookies::SESSION, "", 0, state.secure);
    Ok(([(header::SET_COOKIE, gone)], Redirect::to("/signin")).into_response())
}

/// The session that this browser had, if any: a new one takes its place.
pub(crate) async fn end_current(state: &AppState, headers: &HeaderMap) -> Result<(), Problem> {
    end(state, headers, Ends::Replaced).await
}

async fn end(state: &AppState, headers: &HeaderMap, why: Ends) -> Result<(), Problem> {
    if let Some(token) = cookies::get(headers, cookies::SESSION) {
        keys::end_session(&state.db, token, why, Utc::now()).await?;
    }
    Ok(())
}

/// Whom this browser is signed in as.
pub(crate) async fn present(
    state: &AppState,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<Option<Access>, Problem> {
    match cookies::get(headers, cookies::SESSION) {
        Some(token) => Ok(keys::verify_session(&state.db, token, now).await?),
        None => Ok(None),
    }
}

/// Where a sign-in ends: the page that was asked for, else the one that the person has
/// chosen.
pub(crate) async fn after_sign_in(state: &AppState, token: &Secret, next: &str) -> Result<String, Problem> {
    let next = local_path(next);
    if next != "/" {
        return Ok(next.to_owned());
    }
    let access = keys::verify_session(&state.db, token.reveal(), Utc::now()).await?;
    let landing = access.map(|access| access.settings.landing).filter(|page| !page.is_empty());
    Ok(local_path(landing.as_deref().unwrap_or(next)).to_owned())
}

fn signed_in(state: &AppState, token: &Secret, next: &str) -> Response {
    let mut response = Redirect::to(next).into_response();
    set_session(state, &mut response, token);
    response
}

/// Gives the browser a session.
pub(crate) fn set_session(state: &AppState, response: &mut Response, token: &Secret) {
    let age = SESSION_LIFETIME.num_seconds();
    let cookie = cookies::set(cookies::SESSION, token.reveal(), age, state.secure);
    response.headers_mut().append(header::SET_COOKIE, cookie);
}

/// Where a sign-in goes on, and from there to `next`.
pub(crate) fn step_path(next: &str) -> String {
    let next: String = local_path(next).bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("/signin/step?next={next}")
}

/// Gives the browser a sign-in under way.
pub(crate) fn set_step(state: &AppState, response: &mut Response, token: &Secret) {
    let cookie = cookies::set(cookies::STEP, token.reveal(), STEP_AGE, state.secure);
    response.headers_mut().append(header::SET_COOKIE, cookie);
}

/// The browser's sign-in is over.
pub(crate) fn end_step(state: &AppState, response: &mut Response) {
    let cookie = cookies::set(cookies::STEP, "", 0, state.secure);
    response.headers_mut().append(header::SET_COOKIE, cookie);
}

/// Has the browser hold what proves that it began a sign-in by a provider.
pub(crate) fn set_provider(state: &AppState, response: &mut Response, secret: &Secret) {
    let cookie = cookies::set(cookies::PROVIDER, secret.reveal(), STEP_AGE, state.secure);
    response.headers_mut().append(header::SET_COOKIE, cookie);
}

/// That sign-in has come back.
pub(crate) fn end_provider(state: &AppState, response: &mut Response) {
    let cookie = cookies::set(cookies::PROVIDER, "", 0, state.secure);
    response.headers_mut().append(header::SET_COOKIE, cookie);
}

/// What the browser holds of a sign-in by a provider.
pub(crate) fn provider_of(headers: &HeaderMap) -> Option<&str> {
    cookies::get(headers, cookies::PROVIDER)
}

/// The browser's sign-in under way.
pub(crate) fn step_of(headers: &HeaderMap) -> Option<&str> {
    cookies::get(headers, cookies::STEP)
}

/// Has the browser remember a language.
pub(crate) fn set_language(state: &AppState, response: &mut Response, language: Lang) {
    let cookie = cookies::set(cookies::LANGUAGE, language.code(), LANGUAGE_AGE, state.secure);
    response.headers_mut().append(header::SET_COOKIE, cookie);
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
    let mut back = Redirect::to(here(&headers).unwrap_or("/")).into_response();
    if let Some(language) = Lang::parse(&form.lang) {
        set_language(&state, &mut back, language);
        if let Err(error) = remember(&state, &headers, language).await {
            // The page is switched all the same.
            tracing::warn!(code = %error.code, "the chosen language is not kept");
        }
    }
    back
}

/// Keeps the language with whoever is signed in as a person, so that mails come in it too.
async fn remember(state: &AppState, headers: &HeaderMap, language: Lang) -> Result<(), Problem> {
    if require_same(headers).is_err() {
        return Ok(());
    }
    let access = present(state, headers, Utc::now()).await?;
    let Some(access) = access.filter(|access| access.standing.admits()) else { return Ok(()) };
    let Bearer::Person(person) = access.bearer else { return Ok(()) };
    let cx = Cx { plants: access.rights.anywhere(), ..Cx::new(access.tenant, access.actor()) };
    Ok(people::speak(&state.db, &cx, person, language).await?)
}
