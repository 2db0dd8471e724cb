//! The two faces of an error: JSON for a program, a page for a person.

use askama::Template;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::caller::{AskedAgain, wants_page};
use super::{AppState, Caller, FieldError, Problem, RequestId, Shell, Visitor};
use crate::i18n::Texts;

/// What an answer depends on, kept from the request.
pub(super) struct Asker {
    headers: HeaderMap,
    /// Of who is answered with a page, by what it is found out who reads it: address,
    /// headers, connection.
    seen: Option<Parts>,
}

impl Asker {
    pub(super) fn of(request: &Request) -> Self {
        let mut headers = HeaderMap::new();
        for name in [header::COOKIE, header::ACCEPT_LANGUAGE] {
            for value in request.headers().get_all(&name) {
                headers.append(&name, value.clone());
            }
        }
        // htmx puts no whole page into a part of one.
        let page = wants_page(request.uri().path(), request.headers())
            && !request.headers().contains_key("hx-request");
        let seen = page.then(|| {
            let (mut parts, ()) = Request::new(()).into_parts();
            parts.uri = request.uri().clone();
            parts.headers = request.headers().clone();
            parts.extensions = request.extensions().clone();
            parts
        });
        Self { headers, seen }
    }

    /// Who is signed in, where the frame belongs around an error: of what somebody asked
    /// for. Where we failed nothing more is asked of the database.
    async fn framed(&self, state: &AppState, status: StatusCode) -> Option<Caller> {
        let asked = status.is_client_error()
            && !matches!(
                status,
                StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
            );
        // Those who run the installation have a frame of their own.
        let seen = self.seen.as_ref().filter(|seen| asked && !seen.uri.path().starts_with("/admin"))?;
        let mut parts = seen.clone();
        parts.extensions.insert(AskedAgain);
        // A program that asks for a page is told in the language that it asks for.
        let caller = Caller::from_request_parts(&mut parts, state).await.ok()?;
        caller.session.is_some().then_some(caller)
    }
}

/// What an error page is called: by what it is, where people know what that is.
fn title(texts: &Texts, status: StatusCode) -> String {
    texts.t(match status {
        StatusCode::NOT_FOUND => "error-title-not-found",
        StatusCode::FORBIDDEN => "error-title-forbidden",
        StatusCode::PAYLOAD_TOO_LARGE => "error-title-too-large",
        _ => "error-title",
    })
}

/// The same within the frame of somebody signed in.
#[derive(Template)]
#[template(path = "web/problem.html")]
struct FramedError<'a> {
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    errors: &'a [FieldError],
    request: &'a str,
    texts: &'a Texts,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: String,
    status: u16,
    code: &'a str,
    detail: &'a str,
    errors: &'a [FieldError],
    request: &'a str,
    texts: &'a Texts,
}

/// The answer as its asker can read it; one that is no error stays as it is.
pub(super) async fn present(
    state: &AppState,
    asker: &Asker,
    id: &RequestId,
    mut answer: Response,
) -> Response {
    let problem = match answer.extensions().get::<Problem>() {
        Some(problem) => problem.clone(),
        None => match plain(&answer) {
            Some(problem) => explained(problem, &mut answer).await,
            None => return answer,
        },
    };
    let visitor = Visitor::of(state, &asker.headers);
    let caller = asker.framed(state, problem.status).await;
    let texts = caller.as_ref().map_or(&visitor.texts, |caller| &caller.texts);
    let problem = problem.in_words_of(texts);
    let title = title(texts, problem.status);
    let framed = caller.as_ref().and_then(|caller| {
        let content = FramedError {
            title: &title,
            status: problem.status.as_u16(),
            code: &problem.code,
            detail: &problem.detail,
            errors: &problem.errors,
            request: &id.0,
            texts,
        };
        let content = content.render().ok()?;
        Shell::new(state, caller, title.clone(), "").render(&content).ok()
    });
    let page = if let Some(Html(framed)) = framed {
        Some(framed)
    } else if asker.seen.is_some() {
        let page = ErrorPage {
            title,
            status: problem.status.as_u16(),
            code: &problem.code,
            detail: &problem.detail,
            errors: &problem.errors,
            request: &id.0,
            texts,
        };
        page.render().ok()
    } else {
        None
    };
    let mut made = match page {
        Some(page) => Html(page).into_response(),
        None => {
            let kind = HeaderValue::from_static("application/problem+json");
            ([(header::CONTENT_TYPE, kind)], problem.body(Some(&id.0))).into_response()
        }
    };
    *made.status_mut() = problem.status;
    // What the handler said beside the error itself (Retry-After, HX-Redirect).
    for (name, value) in answer.headers() {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
            made.headers_mut().append(name, value.clone());
        }
    }
    made
}

/// A problem for an error that came without one: from axum itself, or a handler
/// that answered with a bare status.
fn plain(answer: &Response) -> Option<Problem> {
    let status = answer.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let kind = answer.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain")) {
        return None;
    }
    let code = match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "request.method",
        StatusCode::REQUEST_TIMEOUT => "request.timeout",
        StatusCode::PAYLOAD_TOO_LARGE => "request.too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "request.media_type",
        StatusCode::UNAUTHORIZED => "auth.required",
        StatusCode::FORBIDDEN => "auth.forbidden",
        StatusCode::SERVICE_UNAVAILABLE => "busy",
        status if status.is_server_error() => "internal",
        _ => "request.invalid",
    };
    Some(Problem::new(status, code, ""))
}

/// The problem with what axum said of it: which part of a path or a body it could not
/// read. What goes wrong on our side is not told.
async fn explained(mut problem: Problem, answer: &mut Response) -> Problem {
    if matches!(problem.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
        let body = std::mem::take(answer.body_mut());
        let said = axum::body::to_bytes(body, 4096).await.unwrap_or_default();
        problem.detail = String::from_utf8_lossy(&said).into_owned();
    }
    problem
}
