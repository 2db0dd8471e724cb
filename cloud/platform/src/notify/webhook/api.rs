//! Webhooks as JSON.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::service::{self, Form, New, WebhookError};
use super::store::Webhook;
use crate::notify::MANAGE;
use crate::openapi::{Operation, group};
use crate::web::routing::{self, get, patch, post};
use crate::web::{AppState, Caller, IfMatch, Path, Problem, etag, json, not_modified, query};

pub(in crate::notify) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/webhooks", get(list).merge(post(create)))
        .route("/api/v1/webhooks/{id}", get(one).merge(patch(change)).merge(routing::delete(delete)))
        .route("/api/v1/webhooks/{id}/test", post(test))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub(in crate::notify) fn operations() -> Vec<Operation> {
    let operations = [
        Operation::get("/api/v1/webhooks", "listWebhooks", "The webhooks, by name")
            .needs(&MANAGE)
            .answers::<All>(),
        Operation::post("/api/v1/webhooks", "createWebhook", "Makes a webhook; its secret is told this once")
            .needs(&MANAGE)
            .takes::<NewWebhook>()
            .creates::<Made>()
            .tagged()
            .fails(
                422,
                "webhook.invalid",
                "The name, the address or a kind is not right, or there are as many as may be.",
            ),
        Operation::get("/api/v1/webhooks/{id}", "getWebhook", "One webhook")
            .needs(&MANAGE)
            .uuid("id")
            .answers::<One>()
            .tagged(),
        Operation::patch(
            "/api/v1/webhooks/{id}",
            "changeWebhook",
            "Stops a webhook for a while, or lets it go on",
        )
        .needs(&MANAGE)
        .uuid("id")
        .takes::<Change>()
        .answers::<One>()
        .tagged()
        .must_match()
        .fails(409, "conflict.stale", "Somebody else changed it since `version`."),
        Operation::delete("/api/v1/webhooks/{id}", "deleteWebhook", "Ends a webhook, and forgets its secret")
            .needs(&MANAGE)
            .uuid("id")
            .query::<Seen>()
            .must_match()
            .ends(),
        Operation::post(
            "/api/v1/webhooks/{id}/test",
            "testWebhook",
            "Sends a webhook a request to try it out",
        )
        .needs(&MANAGE)
        .uuid("id")
        .ends(),
    ];
    group("Webhooks", operations)
}

/// All webhooks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhooks)]
struct All {
    webhooks: Vec<One>,
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
struct One {
    id: Uuid,
    name: String,
    /// Where requests go; what of it may be secret, past the host, is not shown.
    url: String,
    form: BodyForm,
    /// Kinds of notices that it is told; none: every one.
    kinds: Vec<String>,
    active: bool,
    version: i32,
}

/// A webhook that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookMade)]
struct Made {
    webhook: One,
    /// Signs its requests; never shown again.
    secret: String,
}

/// How the body of a request is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookForm)]
enum BodyForm {
    #[default]
    Json,
    Slack,
}

impl From<Webhook> for One {
    fn from(webhook: Webhook) -> Self {
        let form = match Form::parse(&webhook.form) {
            Form::Json => BodyForm::Json,
            Form::Slack => BodyForm::Slack,
        };
        let Webhook { id, name, url, kinds, active, version, .. } = webhook;
        Self { id, name, url, form, kinds, active, version }
    }
}

fn answer(status: StatusCode, webhook: One) -> Response {
    (status, [etag(webhook.version)], Json(webhook)).into_response()
}

async fn find(state: &AppState, caller: &Caller, id: Uuid) -> Result<One, Problem> {
    let found = service::list(&state.db, &caller.cx).await?.into_iter().find(|webhook| webhook.id == id);
    found.map(One::from).ok_or_else(Problem::not_found)
}

async fn list(State(state): State<AppState>, caller: Caller) -> Result<Json<All>, Problem> {
    caller.require(&MANAGE)?;
    let webhooks = service::list(&state.db, &caller.cx).await?.into_iter().map(One::from).collect();
    Ok(Json(All { webhooks }))
}

/// A webhook to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// Where requests go, behind TLS and on the open internet.
    #[schema(max_length = 2000, example = "https://hooks.example.com/tracewright")]
    url: String,
    #[serde(default)]
    form: BodyForm,
    /// Kinds of notices that it is told; none: every one.
    #[serde(default)]
    #[schema(max_items = 200)]
    kinds: Vec<String>,
}

async fn create(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<NewWebhook>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let NewWebhook { name, url, form, kinds } = json(sent)?;
    let form = match form {
        BodyForm::Json => Form::Json,
        BodyForm::Slack => Form::Slack,
    };
    let may = (state.kinds.as_slice(), state.private_webhooks);
    let new = New { name, url, form, kinds };
    let (id, secret) = service::create(&state.db, &caller.cx, &state.secrets, may, &new).await?;
    let webhook = find(&state, &caller, id).await?;
    let tag = etag(webhook.version);
    let made = Made { webhook, secret: secret.reveal().to_owned() };
    Ok((StatusCode::CREATED, [tag], Json(made)).into_response())
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let webhook = find(&state, &caller, id).await?;
    let tag = etag(webhook.version);
    if not_modified(&headers, &tag.1) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    Ok(answer(StatusCode::OK, webhook))
}

/// Whether it goes on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange)]
struct Change {
    active: bool,
    /// The version that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<Change>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let Change { active, version } = json(sent)?;
    let found = find(&state, &caller, id).await?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(version)?.unwrap_or(found.version);
    match service::activate(&state.db, &caller.cx, id, version, active).await {
        Ok(()) => Ok(answer(StatusCode::OK, find(&state, &caller, id).await?)),
        Err(WebhookError::Stale) => Err(if_match.stale()),
        Err(error) => Err(error.into()),
    }
}

/// Which version was seen, where a request has no body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = WebhookSeen)]
struct Seen {
    /// The version that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    caller.require(&MANAGE)?;
    let found = find(&state, &caller, id).await?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(query::<Seen>(&uri)?.version)?.unwrap_or(found.version);
    match service::delete(&state.db, &caller.cx, id, version, Utc::now()).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(WebhookError::Stale) => Err(if_match.stale()),
        Err(error) => Err(error.into()),
    }
}

async fn test(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require(&MANAGE)?;
    let (text, url) = (caller.t("webhook-test-text"), format!("{}/webhooks", state.public_url));
    service::test(&state.db, &caller.cx, id, (&text, &url), Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
