//! Pages of a sign-in under way: which organisation, and the second step.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::second_step::Enrolment;
use super::signin::SignedIn;
use super::steps::{self, Answered, Next};
use crate::i18n::Texts;
use crate::web::routing::{get, post};
use crate::web::{
    AppState, Problem, Visitor, after_sign_in, end_step, local_path, minutes_to, require_same, set_session,
    set_step, status_of, step_of, step_path,
};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/signin/step", get(page).merge(post(answer)))
        .route("/signin/step/tenant", post(choose))
}

#[derive(Template)]
#[template(path = "people/step.html")]
struct Step<'a> {
    title: String,
    texts: &'a Texts,
    next: &'a str,
    asked: &'a Next,
    failed: Option<String>,
}

/// Backup codes, shown this once.
#[derive(Template)]
#[template(path = "people/backup_once.html")]
struct Backup<'a> {
    title: String,
    texts: &'a Texts,
    codes: &'a [String],
    next: &'a str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sent {
    next: String,
    code: String,
    tenant: Option<Uuid>,
}

/// The next step, or the way back to the first when the sign-in is too old.
async fn show(
    state: &AppState,
    visitor: &Visitor,
    headers: &HeaderMap,
    next: &str,
    failed: Option<String>,
) -> Result<Response, Problem> {
    let token = step_of(headers).unwrap_or_default();
    let Some(asked) = steps::look(&state.db, &state.secrets, token, Utc::now()).await? else {
        return Ok(gone(state));
    };
    let texts = &visitor.texts;
    let title = texts.t(match asked {
        Next::Tenant(_) => "people-step-tenant-title",
        Next::Enrol(_) => "people-totp-enrol-title",
        Next::Code => "people-totp-step-title",
    });
    let status = status_of(failed.is_some());
    let page = Step { title, texts, next: local_path(next), asked: &asked, failed };
    Ok((status, Html(page.render()?)).into_response())
}

fn gone(state: &AppState) -> Response {
    let mut response = Redirect::to("/signin").into_response();
    end_step(state, &mut response);
    response
}

async fn page(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    Query(sent): Query<Sent>,
) -> Result<Response, Problem> {
    show(&state, &visitor, &headers, &sent.next, None).await
}

async fn choose(
    State(state): State<AppState>,
    headers: HeaderMap,
    sent: Result<Form<Sent>, FormRejection>,
) -> Result<Response, Problem> {
    require_same(&headers)?;
    let sent = crate::web::form(sent)?;
    let token = step_of(&headers).unwrap_or_default();
    let tenant = sent.tenant.unwrap_or_default();
    match steps::choose(&state.db, token, tenant, Utc::now()).await? {
        Some(SignedIn::Yes(session)) => {
            let next = after_sign_in(&state, &session, &sent.next).await?;
            let mut response = Redirect::to(&next).into_response();
            set_session(&state, &mut response, &session);
            end_step(&state, &mut response);
            Ok(response)
        }
        Some(SignedIn::Step(token)) => {
            let mut response = Redirect::to(&step_path(&sent.next)).into_response();
            set_step(&state, &mut response, &token);
            Ok(response)
        }
        _ => Ok(gone(&state)),
    }
}

async fn answer(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    sent: Result<Form<Sent>, FormRejection>,
) -> Result<Response, Problem> {
    require_same(&headers)?;
    let sent = crate::web::form(sent)?;
    let token = step_of(&headers).unwrap_or_default();
    let now = Utc::now();
    let texts = &visitor.texts;
    match steps::answer(&state.db, &state.secrets, token, &sent.code, now).await? {
        Answered::Gone => Ok(gone(&state)),
        Answered::Wrong => {
            let failed = texts.t("people-error-code");
            show(&state, &visitor, &headers, &sent.next, Some(failed)).await
        }
        Answered::Wait(until) => {
            let failed = texts.count("signin-wait", minutes_to(until, now));
            show(&state, &visitor, &headers, &sent.next, Some(failed)).await
        }
        Answered::In(session, codes) => {
            let next = &after_sign_in(&state, &session, &sent.next).await?;
            let mut response = if codes.is_empty() {
                Redirect::to(next).into_response()
            } else {
                let title = texts.t("people-totp-backup-title");
                Html(Backup { title, texts, codes: &codes, next }.render()?).into_response()
            };
            set_session(&state, &mut response, &session);
            end_step(&state, &mut response);
            Ok(response)
        }
    }
}

/// What an app takes, for both pages that show it.
pub(crate) fn enrolment_html(texts: &Texts, enrolment: &Enrolment) -> Result<String, askama::Error> {
    #[derive(Template)]
    #[template(path = "people/enrolment.html")]
    struct View<'a> {
        texts: &'a Texts,
        enrolment: &'a Enrolment,
    }
    View { texts, enrolment }.render()
}
