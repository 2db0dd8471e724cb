//! Pages by which a super-administrator gets in and out.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;

use super::caller::{COOKIE, STEP_COOKIE};
use super::identity::{self, AdminError, Answered, Attempt, Next, SESSION_LIFETIME, Tried};
use crate::i18n::Texts;
use crate::people::{enrolment_html, password};
use crate::web::routing::{get, post};
use crate::web::{
    AppState, Client, Path, Problem, Visitor, client_of, cookie_of, form, minutes_to, require_same, status_of,
};

/// Seconds that a sign-in under way lasts.
const STEP_AGE: i64 = 600;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin/signin", get(sign_in_form).merge(post(sign_in)))
        .route("/admin/signin/code", get(code_form).merge(post(code)))
        .route("/admin/signout", post(sign_out))
        .route("/admin/invitation/{link}", get(invitation).merge(post(accept)))
}

/// A cookie that is sent to `/admin` alone, and never from another site.
fn cookie(state: &AppState, name: &str, value: &str, age: i64) -> HeaderValue {
    let tail = if state.secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/admin; HttpOnly; SameSite=Strict; Max-Age={age}{tail}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn set(response: &mut Response, cookie: HeaderValue) {
    response.headers_mut().append(header::SET_COOKIE, cookie);
}

#[derive(Template)]
#[template(path = "admin/signin.html")]
struct SignIn<'a> {
    title: String,
    texts: &'a Texts,
    email: &'a str,
    failed: Option<String>,
}

async fn sign_in_form(visitor: Visitor) -> Result<Html<String>, Problem> {
    let texts = &visitor.texts;
    Ok(Html(SignIn { title: texts.t("admin-signin"), texts, email: "", failed: None }.render()?))
}

#[derive(Deserialize)]
struct Typed {
    email: String,
    password: String,
}

async fn sign_in(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    client: Client,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    require_same(&headers)?;
    let Typed { email, password } = form(sent)?;
    let (address, browser) = client_of(&client, &headers);
    let attempt = Attempt { email, password, address, browser };
    let now = Utc::now();
    let texts = &visitor.texts;
    let failed = match identity::sign_in(&state.db, &attempt, now).await? {
        Tried::Step(token) => {
            let mut response = Redirect::to("/admin/signin/code").into_response();
            set(&mut response, cookie(&state, STEP_COOKIE, token.reveal(), STEP_AGE));
            return Ok(response);
        }
        Tried::No => texts.t("signin-failed-password"),
        Tried::Wait(until) => texts.count("signin-wait", minutes_to(until, now)),
    };
    let page = SignIn { title: texts.t("admin-signin"), texts, email: &attempt.email, failed: Some(failed) };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page.render()?)).into_response())
}

#[derive(Template)]
#[template(path = "admin/code.html")]
struct CodePage<'a> {
    title: String,
    texts: &'a Texts,
    asked: &'a Next,
    failed: Option<String>,
}

/// The next step, or the way back to the first when the sign-in is too old.
async fn show_code(
    state: &AppState,
    visitor: &Visitor,
    headers: &HeaderMap,
    failed: Option<String>,
) -> Result<Response, Problem> {
    let token = cookie_of(headers, STEP_COOKIE).unwrap_or_default();
    let Some(asked) = identity::look(&state.db, &state.secrets, token, Utc::now()).await? else {
        return Ok(Redirect::to("/admin/signin").into_response());
    };
    let texts = &visitor.texts;
    let title = texts.t(match asked {
        Next::Enrol(_) => "people-totp-enrol-title",
        Next::Code => "people-totp-step-title",
    });
    let status = status_of(failed.is_some());
    Ok((status, Html(CodePage { title, texts, asked: &asked, failed }.render()?)).into_response())
}

async fn code_form(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show_code(&state, &visitor, &headers, None).await
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

async fn code(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    sent: Result<Form<Code>, FormRejection>,
) -> Result<Response, Problem> {
    require_same(&headers)?;
    let Code { code } = form(sent)?;
    let token = cookie_of(&headers, STEP_COOKIE).unwrap_or_default();
    let now = Utc::now();
    let texts = &visitor.texts;
    let failed = match identity::answer(&state.db, &state.secrets, token, &code, now).await? {
        Answered::Gone => return Ok(Redirect::to("/admin/signin").into_response()),
        Answered::In(session) => {
            let mut response = Redirect::to("/admin").into_response();
            set(&mut response, cookie(&state, COOKIE, session.reveal(), SESSION_LIFETIME.num_seconds()));
            set(&mut response, cookie(&state, STEP_COOKIE, "", 0));
            return Ok(response);
        }
        Answered::Wrong => texts.t("people-error-code"),
        Answered::Wait(until) => texts.count("signin-wait", minutes_to(until, now)),
    };
    show_code(&state, &visitor, &headers, Some(failed)).await
}

async fn sign_out(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, Problem> {
    require_same(&headers)?;
    identity::sign_out(&state.db, cookie_of(&headers, COOKIE).unwrap_or_default(), Utc::now()).await?;
    let mut response = Redirect::to("/admin/signin").into_response();
    set(&mut response, cookie(&state, COOKIE, "", 0));
    Ok(response)
}

#[derive(Template)]
#[template(path = "admin/invitation.html")]
struct InvitationPage<'a> {
    title: String,
    texts: &'a Texts,
    /// Empty when it is not good any more.
    link: &'a str,
    email: &'a str,
    name: &'a str,
    shortest: usize,
    error: Option<String>,
}

async fn show_invitation(
    state: &AppState,
    visitor: &Visitor,
    link: &str,
    error: Option<String>,
) -> Result<Response, Problem> {
    let found = identity::find(&state.db, link, Utc::now()).await?;
    let texts = &visitor.texts;
    let (link, email, name) =
        found.as_ref().map_or(("", "", ""), |found| (link, found.email.as_str(), found.name.as_str()));
    let title = texts.t("admin-invitation");
    let page = InvitationPage { title, texts, link, email, name, shortest: password::SHORTEST, error };
    let status = match (&page.error, found.is_some()) {
        (_, false) => StatusCode::GONE,
        (Some(_), true) => StatusCode::UNPROCESSABLE_ENTITY,
        (None, true) => StatusCode::OK,
    };
    Ok((status, Html(page.render()?)).into_response())
}

async fn invitation(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    show_invitation(&state, &visitor, &link, None).await
}

#[derive(Deserialize)]
struct Accepted {
    name: String,
    password: String,
}

async fn accept(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(link): Path<String>,
    sent: Result<Form<Accepted>, FormRejection>,
) -> Result<Response, Problem> {
    require_same(&headers)?;
    let Accepted { name, password } = form(sent)?;
    match identity::accept(&state.db, &link, &name, &password, Utc::now()).await {
        Ok(()) => Ok(Redirect::to("/admin/signin").into_response()),
        Err(error @ (AdminError::Db(_) | AdminError::Secret(_) | AdminError::NoRandom)) => Err(error.into()),
        Err(error) => {
            let told = visitor.texts.t(error.text_key());
            show_invitation(&state, &visitor, &link, Some(told)).await
        }
    }
}
