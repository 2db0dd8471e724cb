//! The form behind a link: an invitation, or a new password.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::links;
use super::pages::say;
use super::signin::{self, Attempt, SignedIn};
use crate::i18n::Texts;
use crate::web::routing::{get, post};
use crate::web::{
    AppState, Path, Problem, Visitor, client_of, form, require_same, set_session, set_step, step_path,
};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/invitation/{link}", get(invitation).merge(post(accept)))
}

#[derive(Template)]
#[template(path = "people/invitation.html")]
struct InvitationPage<'a> {
    title: String,
    texts: &'a Texts,
    link: &'a str,
    email: &'a str,
    name: &'a str,
    shortest: usize,
    reset: bool,
    error: Option<String>,
}

async fn invitation(
    State(state): State<AppState>,
    visitor: Visitor,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    let found = links::find(&state.db, &link, Utc::now()).await?;
    if let Some(code) = found.as_ref().and_then(|found| found.by_provider.as_deref()) {
        return Ok(Redirect::to(&format!("/signin/at/{code}")).into_response());
    }
    let page = match &found {
        Some(found) => page(&visitor.texts, &link, found, &found.name, None).render()?,
        None => gone(&visitor.texts).render()?,
    };
    let status = if found.is_some() { StatusCode::OK } else { StatusCode::GONE };
    Ok((status, Html(page)).into_response())
}

fn page<'a>(
    texts: &'a Texts,
    link: &'a str,
    found: &'a links::Invited,
    name: &'a str,
    error: Option<String>,
) -> InvitationPage<'a> {
    let title = texts.t(if found.reset { "people-reset-title" } else { "people-invitation-title" });
    let (email, reset) = (found.email.as_str(), found.reset);
    InvitationPage { title, texts, link, email, name, shortest: super::password::SHORTEST, reset, error }
}

/// What is behind a link that is not valid any more.
fn gone(texts: &Texts) -> InvitationPage<'_> {
    let title = texts.t("error-title");
    InvitationPage { title, texts, link: "", email: "", name: "", shortest: 0, reset: false, error: None }
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
    client: crate::web::Client,
    sent: Result<Form<Accepted>, FormRejection>,
) -> Result<Response, Problem> {
    require_same(&headers)?;
    let Accepted { name, password } = form(sent)?;
    let now: DateTime<Utc> = Utc::now();
    match links::accept(&state.db, &link, &name, &password, now).await {
        Ok(invited) => {
            let (address, browser) = client_of(&client, &headers);
            let attempt = Attempt { email: invited.email, password: String::new(), address, browser };
            let signed =
                signin::sign_in_after_link(&state.db, invited.tenant, invited.user, &attempt, now).await?;
            Ok(match signed {
                SignedIn::Yes(token) => {
                    let mut response = Redirect::to("/").into_response();
                    set_session(&state, &mut response, &token);
                    response
                }
                SignedIn::Step(token) => {
                    let mut response = Redirect::to(&step_path("/")).into_response();
                    set_step(&state, &mut response, &token);
                    response
                }
                SignedIn::ByProvider(_) | SignedIn::No | SignedIn::Suspended | SignedIn::Wait(_) => {
                    Redirect::to("/signin").into_response()
                }
            })
        }
        Err(error) => {
            let found = links::find(&state.db, &link, now).await?;
            if let Some(code) = found.as_ref().and_then(|found| found.by_provider.as_deref()) {
                return Ok(Redirect::to(&format!("/signin/at/{code}")).into_response());
            }
            let told = say(&visitor.texts, error)?;
            let made = match &found {
                Some(found) => page(&visitor.texts, &link, found, &name, Some(told)).render()?,
                None => gone(&visitor.texts).render()?,
            };
            let status = if found.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::GONE };
            Ok((status, Html(made)).into_response())
        }
    }
}
