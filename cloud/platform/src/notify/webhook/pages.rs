//! The page of webhooks.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form as Sent, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::service::{self, Form, New, WebhookError};
use super::store::Webhook;
use crate::i18n::Texts;
use crate::notify::{Kind, MANAGE};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, status_of};

pub(in crate::notify) fn router() -> Router<AppState> {
    Router::new()
        .route("/webhooks", get(page).post(create))
        .route("/webhooks/{id}", post(activate))
        .route("/webhooks/{id}/test", post(test))
        .route("/webhooks/{id}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "notify/webhooks.html")]
struct Page<'a> {
    texts: &'a Texts,
    webhooks: Vec<Webhook>,
    kinds: Vec<Kind>,
    typed: Typed,
    /// The secret of one that was just made; shown this once.
    secret: Option<String>,
    error: Option<String>,
}

impl Page<'_> {
    /// Names of the kinds that a webhook is told.
    fn told(&self, webhook: &Webhook) -> String {
        let names: Vec<String> = self
            .kinds
            .iter()
            .filter(|kind| webhook.kinds.iter().any(|code| code == kind.code))
            .map(|kind| self.texts.t(&kind.name_key()))
            .collect();
        if names.is_empty() { self.texts.t("webhook-every") } else { names.join(", ") }
    }
}

/// What was typed into the form of a new one.
#[derive(Debug, Default)]
struct Typed {
    name: String,
    url: String,
    form: String,
    kinds: Vec<String>,
}

impl Typed {
    fn of(pairs: Vec<(String, String)>) -> Self {
        let mut typed = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "name" => typed.name = value,
                "url" => typed.url = value,
                "form" => typed.form = value,
                "kind" => typed.kinds.push(value),
                _ => {}
            }
        }
        typed
    }

    fn has(&self, kind: &Kind) -> bool {
        self.kinds.iter().any(|code| code == kind.code)
    }
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Typed,
    secret: Option<String>,
    error: Option<String>,
) -> Result<Response, Problem> {
    let webhooks = service::list(&state.db, &caller.cx).await?;
    let kinds = state.kinds.iter().filter(|kind| !kind.personal).copied().collect();
    let failed = error.is_some();
    let shell = Shell::new(state, caller, caller.t("webhook-title"), "/deliveries")
        .under("/deliveries", caller.t("delivery-title"));
    let view = Page { texts: &caller.texts, webhooks, kinds, typed, secret, error };
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    show(&state, &caller, &headers, Typed::default(), None, None).await
}

/// The page with what was wrong, where that is the person's to mend.
async fn told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Typed,
    error: WebhookError,
) -> Result<Response, Problem> {
    match error.text_key() {
        Some(key) => show(state, caller, headers, typed, None, Some(caller.t(key))).await,
        None => Err(error.into()),
    }
}

async fn create(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Sent<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let typed = Typed::of(form(sent)?);
    let new = New {
        name: typed.name.clone(),
        url: typed.url.clone(),
        form: Form::parse(&typed.form),
        kinds: typed.kinds.clone(),
    };
    let may = (state.kinds.as_slice(), state.private_webhooks);
    match service::create(&state.db, &caller.cx, &state.secrets, may, &new).await {
        Ok((_, secret)) => {
            let secret = Some(secret.reveal().to_owned());
            show(&state, &caller, &headers, Typed::default(), secret, None).await
        }
        Err(error) => told(&state, &caller, &headers, typed, error).await,
    }
}

#[derive(Debug, Deserialize)]
struct Active {
    version: i32,
    active: bool,
}

async fn activate(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Sent<Active>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let Active { version, active } = form(sent)?;
    match service::activate(&state.db, &caller.cx, id, version, active).await {
        Ok(()) => Ok(Redirect::to("/webhooks").into_response()),
        Err(error) => told(&state, &caller, &headers, Typed::default(), error).await,
    }
}

async fn test(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    caller.require(&MANAGE)?;
    service::test(&state.db, &caller.cx, id, &caller.t("webhook-test-text"), Utc::now()).await?;
    Ok(Redirect::to("/deliveries"))
}

#[derive(Debug, Deserialize)]
struct Seen {
    version: i32,
}

async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Sent<Seen>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let Seen { version } = form(sent)?;
    match service::delete(&state.db, &caller.cx, id, version, Utc::now()).await {
        Ok(()) => Ok(Redirect::to("/webhooks").into_response()),
        Err(error) => told(&state, &caller, &headers, Typed::default(), error).await,
    }
}
