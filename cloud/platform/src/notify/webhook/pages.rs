//! The page of webhooks.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form as Sent, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::service::{self, Form, New, WebhookError};
use super::store::Webhook;
use crate::i18n::Texts;
use crate::notify::{Kind, MANAGE, groups};
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, kept, status_of};

pub(in crate::notify) fn router() -> Router<AppState> {
    Router::new()
        .route("/webhooks", get(page).merge(post(create)))
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
    fields: Fields<'a>,
    /// The secret of one that was just made; shown this once.
    secret: Option<String>,
}

impl Page<'_> {
    /// Names of the kinds that a webhook is told, under their headings; none: it is told
    /// everything.
    fn told(&self, webhook: &Webhook) -> Vec<(String, Vec<String>)> {
        let told = self.kinds.iter().filter(|kind| webhook.kinds.iter().any(|code| code == kind.code));
        let names = |kinds: Vec<&Kind>| kinds.iter().map(|kind| kind.event_name(self.texts)).collect();
        let groups = groups::grouped(self.texts, told, |kind| kind);
        groups.into_iter().map(|(heading, kinds)| (heading, names(kinds))).collect()
    }

    /// The same in a line: under which headings, and how many of each.
    fn brief(&self, told: &[(String, Vec<String>)]) -> String {
        let counted = |(heading, names): &(String, Vec<String>)| format!("{heading} ({})", names.len());
        told.iter().map(counted).collect::<Vec<_>>().join(", ")
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
                "kind" if !value.is_empty() => typed.kinds.push(value),
                _ => {}
            }
        }
        typed
    }

    fn wish(&self) -> New {
        New {
            name: self.name.clone(),
            url: self.url.clone(),
            form: Form::parse(&self.form),
            kinds: self.kinds.clone(),
        }
    }

    /// The form; `kinds` are those that a webhook can be told.
    fn fields<'a>(&self, texts: &'a Texts, kinds: &[Kind]) -> Fields<'a> {
        let forms = [("json", "JSON"), ("slack", "Slack")].map(|(form, said)| (form.into(), said.into()));
        let kinds = kinds.iter().map(|kind| {
            let chosen = self.kinds.iter().any(|code| code == kind.code);
            (kind.code.to_owned(), kind.event_name(texts), chosen)
        });
        Fields::new(texts, "/webhooks", texts.t("webhook-create")).inputs([
            Input::text("name", texts.t("webhook-name")).value(&self.name).required().longest(80),
            Input::url("url", texts.t("webhook-url"))
                .value(&self.url)
                .required()
                .longest(500)
                .placeholder("https://"),
            Input::choice("form", texts.t("webhook-form"), forms)
                .value(Form::parse(&self.form).name())
                .required(),
            Input::many("kind", texts.t("webhook-kinds"), kinds).hint(texts.t("webhook-kinds-hint")),
        ])
    }
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Typed,
    secret: Option<String>,
    wrong: Vec<(&'static str, String)>,
) -> Result<Response, Problem> {
    let webhooks = service::list(&state.db, &caller.cx).await?;
    let kinds: Vec<Kind> = state.kinds.iter().filter(|kind| !kind.personal).copied().collect();
    let failed = !wrong.is_empty();
    let fields = typed.fields(&caller.texts, &kinds).wrong(wrong);
    let shell = Shell::new(state, caller, caller.t("webhook-title"), "/deliveries")
        .under("/deliveries", caller.t("delivery-title"));
    let view = Page { texts: &caller.texts, webhooks, kinds, fields, secret };
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    show(&state, &caller, &headers, Typed::default(), None, Vec::new()).await
}

/// The page with what was wrong, where that is the person's to mend.
async fn refused(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Typed,
    error: WebhookError,
) -> Result<Response, Problem> {
    let told = match error.text_key() {
        Some(key) => (error.field(), caller.t(key)),
        None => ("", kept(&caller.texts, error)?),
    };
    show(state, caller, headers, typed, None, vec![told]).await
}

async fn create(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Sent<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let typed = Typed::of(form(sent)?);
    let new = typed.wish();
    let may = (state.kinds.as_slice(), state.private_webhooks);
    match service::create(&state.db, &caller.cx, &state.secrets, may, &new).await {
        Ok((_, secret)) => {
            let secret = Some(secret.reveal().to_owned());
            show(&state, &caller, &headers, Typed::default(), secret, Vec::new()).await
        }
        Err(error) => {
            // All that is wrong in it, not the first alone.
            let told = |error: &WebhookError| Some((error.field(), caller.t(error.text_key()?)));
            let wrong: Vec<_> = service::mistakes(may, &new).iter().filter_map(told).collect();
            if wrong.is_empty() {
                return refused(&state, &caller, &headers, typed, error).await;
            }
            show(&state, &caller, &headers, typed, None, wrong).await
        }
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
        Err(error) => refused(&state, &caller, &headers, Typed::default(), error).await,
    }
}

async fn test(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    caller.require(&MANAGE)?;
    let (text, url) = (caller.t("webhook-test-text"), format!("{}/webhooks", state.public_url));
    service::test(&state.db, &caller.cx, id, (&text, &url), Utc::now()).await?;
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
        Err(error) => refused(&state, &caller, &headers, Typed::default(), error).await,
    }
}
