//! The sign-in page of one organisation, the way to its provider, and the way back.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;

use super::service::{self, Back, Place, Refusal};
use crate::i18n::{Texts, Value};
use crate::people::signin::SignedIn;
use crate::web::routing::get;
use crate::web::{
    AppState, Client, Path, Problem, Visitor, after_sign_in, client_of, end_current, end_provider, escaped,
    is_ours, local_path, minutes_to, present, provider_of, query, set_provider, set_session, set_step,
    step_path,
};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/signin/at", get(choose))
        .route("/signin/at/{tenant}", get(page))
        .route("/signin/at/{tenant}/provider", get(begin))
        .route("/signin/at/{tenant}/callback", get(back))
}

#[derive(Template)]
#[template(path = "people/at.html")]
struct At<'a> {
    title: String,
    texts: &'a Texts,
    next: &'a str,
    /// That of the organisation, as typed.
    code: &'a str,
    place: Option<&'a Place>,
    failed: Option<String>,
    /// Whether a new password can be asked for by mail.
    mails: bool,
    /// The browser is signed in as somebody else, who signs out first.
    sign_out: bool,
}

impl At<'_> {
    /// The way to the provider.
    fn href(&self) -> String {
        let next = escaped(self.next, b"/-_.");
        format!("/signin/at/{}/provider?next={next}", escaped(self.code, b""))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    code: String,
    next: String,
}

fn show(
    state: &AppState,
    visitor: &Visitor,
    (code, next): (&str, &str),
    place: Option<&Place>,
    failed: Option<(StatusCode, String)>,
) -> Result<Response, Problem> {
    let sign_out = matches!(failed, Some((StatusCode::CONFLICT, _)));
    let texts = &visitor.texts;
    let title = match place {
        Some(place) => texts.t1("provider-at", "code", &place.code),
        None => texts.t("signin-title"),
    };
    let code = place.map_or(code, |place| place.code.as_str());
    let (status, failed) = failed.map_or((StatusCode::OK, None), |(status, told)| (status, Some(told)));
    let page = At { title, texts, next: local_path(next), code, place, failed, mails: state.mails, sign_out };
    Ok((status, Html(page.render()?)).into_response())
}

/// From the code of an organisation, as a person types it, to its page.
async fn choose(uri: Uri) -> Result<Redirect, Problem> {
    let Asked { code, next } = query(&uri)?;
    let code: String = code.trim().to_uppercase().chars().take(20).collect();
    if code.is_empty() {
        return Ok(Redirect::to("/signin"));
    }
    let next = escaped(local_path(&next), b"/-_.");
    Ok(Redirect::to(&format!("/signin/at/{}?next={next}", escaped(&code, b""))))
}

async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let Asked { next, .. } = query(&uri)?;
    let place = service::place(&state.db, &code).await?;
    let failed = place.is_none().then(|| (StatusCode::NOT_FOUND, visitor.texts.t("provider-none")));
    show(&state, &visitor, (&code, &next), place.as_ref(), failed)
}

/// Sends the browser to the provider. A link, since browsers hold back forms that lead
/// to other sites; what it changes is one row that is over in ten minutes. Another site
/// that sends a browser here is shown the page with the button: whoever is to be signed in
/// clicks it themselves, or does not.
async fn begin(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    client: Client,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let Asked { next, .. } = query(&uri)?;
    if !is_ours(&headers) {
        return page(State(state), visitor, Path(code), uri).await;
    }
    let (address, _) = client_of(&client, &headers);
    let now = Utc::now();
    let present = present(&state, &headers, now).await?;
    match service::begin(&state, &code, local_path(&next), (address, present.as_ref()), now).await {
        Ok(begun) => {
            let mut response = Redirect::to(&begun.to).into_response();
            set_provider(&state, &mut response, &begun.secret);
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
            Ok(response)
        }
        Err(refusal) => refused(&state, &visitor, &code, &next, refusal).await,
    }
}

async fn back(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    client: Client,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let came: Back = query(&uri)?;
    let from = client_of(&client, &headers);
    let now = Utc::now();
    let present = present(&state, &headers, now).await?;
    let held = (provider_of(&headers), present.as_ref());
    let done = service::finish(&state, &code, &came, held, from, now).await;
    let mut response = match done {
        Ok(came) => {
            // A new session takes the place of the one that this browser had.
            end_current(&state, &headers).await?;
            match came.signed {
                SignedIn::Yes(token) => {
                    let next = after_sign_in(&state, &token, &came.next).await?;
                    let mut response = Redirect::to(&next).into_response();
                    set_session(&state, &mut response, &token);
                    response
                }
                SignedIn::Step(token) => {
                    let mut response = Redirect::to(&step_path(&came.next)).into_response();
                    set_step(&state, &mut response, &token);
                    response
                }
                SignedIn::ByProvider(_) | SignedIn::No | SignedIn::Suspended | SignedIn::Wait(_) => {
                    Redirect::to("/signin").into_response()
                }
            }
        }
        Err(refusal) => refused(&state, &visitor, &code, "/", refusal).await?,
    };
    end_provider(&state, &mut response);
    Ok(response)
}

/// The organisation's page, with what was wrong.
async fn refused(
    state: &AppState,
    visitor: &Visitor,
    code: &str,
    next: &str,
    refusal: Refusal,
) -> Result<Response, Problem> {
    tracing::info!(code, %refusal, "a sign-in by a provider");
    let texts = &visitor.texts;
    let told = match refusal {
        Refusal::NoProvider => (StatusCode::NOT_FOUND, texts.t("provider-none")),
        Refusal::Over => (StatusCode::UNPROCESSABLE_ENTITY, texts.t("provider-no-over")),
        Refusal::Elsewhere => (StatusCode::UNPROCESSABLE_ENTITY, texts.t("provider-no-elsewhere")),
        Refusal::SignedIn(name, tenant) => {
            let values = [("name", Value::from(name)), ("tenant", Value::from(tenant))];
            (StatusCode::CONFLICT, texts.with("provider-no-signed-in", &values))
        }
        Refusal::Told(told) => (StatusCode::UNPROCESSABLE_ENTITY, texts.t1("provider-no-told", "told", told)),
        Refusal::Code(_) => (StatusCode::UNPROCESSABLE_ENTITY, texts.t("provider-no-code")),
        Refusal::Unreached(_) => (StatusCode::BAD_GATEWAY, texts.t("provider-no-answer")),
        Refusal::Token(mistake) => (StatusCode::UNPROCESSABLE_ENTITY, texts.t(mistake.text_key())),
        Refusal::No(no) => (StatusCode::FORBIDDEN, texts.t(no.text_key())),
        Refusal::Full => (StatusCode::FORBIDDEN, texts.t("provider-no-full")),
        Refusal::Wait(until) => {
            let minutes = minutes_to(until, Utc::now());
            (StatusCode::TOO_MANY_REQUESTS, texts.count("signin-wait", minutes))
        }
        Refusal::People(error) => return Err(error.into()),
    };
    let place = service::place(&state.db, code).await?;
    show(state, visitor, (code, next), place.as_ref(), Some(told))
}
