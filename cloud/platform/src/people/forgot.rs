//! A person who forgot the password asks for a link to a new one.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::error::PeopleError;
use super::throttle::Counted;
use super::{links, model, signin};
use crate::db::Db;
use crate::i18n::Texts;
use crate::web::routing::{get, post};
use crate::web::{AppState, Client, Problem, Visitor, client_of, minutes_to, require_same};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/forgot", get(page).merge(post(ask)))
}

#[derive(Template)]
#[template(path = "people/forgot.html")]
struct Forgot<'a> {
    title: String,
    texts: &'a Texts,
    /// The cloud sends mail, and not only organisations that have a server of their own.
    mails: bool,
    asked: bool,
    failed: Option<String>,
}

fn show(
    state: &AppState,
    visitor: &Visitor,
    asked: bool,
    failed: Option<String>,
) -> Result<Html<String>, Problem> {
    let texts = &visitor.texts;
    let page = Forgot { title: texts.t("people-forgot-title"), texts, mails: state.mails, asked, failed };
    Ok(Html(page.render()?))
}

async fn page(State(state): State<AppState>, visitor: Visitor) -> Result<Html<String>, Problem> {
    show(&state, &visitor, false, None)
}

#[derive(Debug, Deserialize)]
struct Asked {
    email: String,
}

/// The answer is the same, and takes as long, whether somebody has this e-mail or
/// nobody: what is done about it is done apart.
async fn ask(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    client: Client,
    sent: Result<Form<Asked>, FormRejection>,
) -> Result<Response, Problem> {
    require_same(&headers)?;
    let Asked { email } = crate::web::form(sent)?;
    let now = Utc::now();
    let Some(email) = model::email(&email) else {
        let failed = visitor.texts.t("people-error-email");
        let page = show(&state, &visitor, false, Some(failed))?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let (address, _) = client_of(&client, &headers);
    if let Some(address) = address
        && let Some(until) = counted(&state.db, Counted::ForgotAddress(address), now).await?
    {
        let failed = visitor.texts.count("signin-wait", minutes_to(until, now));
        let page = show(&state, &visitor, false, Some(failed))?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    if counted(&state.db, Counted::Forgot(&email), now).await?.is_none() {
        let state = state.clone();
        tokio::spawn(async move {
            if let Err(error) = links::forgot(&state.db, &email, &state.secrets, state.mails, now).await {
                tracing::error!(%error, "a link to a new password was not mailed");
            }
        });
    }
    Ok(show(&state, &visitor, true, None)?.into_response())
}

/// Counts a try; answers until when to wait.
async fn counted(
    db: &Db,
    counted: Counted<'_>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, PeopleError> {
    db.system_tx(async |system| signin::count(system, &counted, now).await).await
}
