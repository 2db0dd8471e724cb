//! Webhooks that start workflows: an address with a secret in it, which another
//! system calls with JSON. A call names itself, and the same call twice starts one.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::WorkflowError;
use super::store::triggers::{self, Trigger};
use super::store::{definitions, people};
use super::subject::Subjects;
use super::triggers::fire;
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::Tx;
use crate::i18n::Lang;
use crate::tenancy;
use crate::web::routing::post;
use crate::web::{AppState, Path, Problem, json_of};

/// Most that a call may carry, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// Longest name of a call.
const MAX_KEY: usize = 200;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/hooks/workflow/{tenant}/{token}", post(call)).layer(DefaultBodyLimit::max(MAX_BODY))
}

/// What a call came to.
#[derive(Debug, Serialize)]
struct Taken {
    /// The request that was raised; null where the conditions did not hold.
    request_id: Option<Uuid>,
    /// Whether this call was taken before.
    repeated: bool,
}

/// Makes a webhook's secret anew; answers its path and the definition in force. The
/// address before is of no use from then on.
pub(super) async fn new_token(
    tx: &mut Tx,
    trigger: Uuid,
    tenant: &str,
) -> Result<(String, Uuid), WorkflowError> {
    let found = triggers::lock(tx, trigger).await?.filter(|found| found.kind == "webhook");
    let found = found.ok_or(WorkflowError::NotFound)?;
    let definition = definitions::in_force(tx, &found.workflow, found.plant.as_deref()).await?;
    let definition = definition.ok_or(WorkflowError::NotFound)?.revision.definition_id;
    let token = BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>());
    triggers::token_set(tx, trigger, &hash(&token)).await?;
    let entry = Entry {
        action: "workflow.webhook",
        subject: &format!("trigger:{trigger}"),
        after: Some(json!({ "workflow": found.workflow, "plant": found.plant })),
        ..Entry::default()
    };
    audit::record(tx, entry).await?;
    Ok((format!("/hooks/workflow/{tenant}/{token}"), definition))
}

/// Ends a webhook's address: a call of it finds nothing from then on. Answers the
/// definition in force, where there is one.
pub(super) async fn end_token(tx: &mut Tx, trigger: Uuid) -> Result<Option<Uuid>, WorkflowError> {
    let found = triggers::lock(tx, trigger).await?.ok_or(WorkflowError::NotFound)?;
    if !triggers::token_end(tx, trigger).await? {
        return Err(WorkflowError::NotFound);
    }
    let entry = Entry {
        action: "workflow.webhook_end",
        subject: &format!("trigger:{trigger}"),
        after: Some(json!({ "workflow": found.workflow, "plant": found.plant })),
        ..Entry::default()
    };
    audit::record(tx, entry).await?;
    let definition = definitions::in_force(tx, &found.workflow, found.plant.as_deref()).await?;
    Ok(definition.map(|written| written.revision.definition_id))
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// `POST /hooks/workflow/{tenant}/{token}`
async fn call(
    State(state): State<AppState>,
    Path((tenant, token)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Taken>), Problem> {
    let now = Utc::now();
    let found = tenancy::find_tenant(&state.db, &tenant).await?.filter(|tenant| tenant.status == "active");
    // Whether the tenant, the secret or both are wrong is told to nobody.
    let tenant = found.ok_or_else(Problem::not_found)?;
    let cx = Cx::new(tenant.id, "webhook");
    let taken = state
        .db
        .tx(&cx, async |tx| {
            let trigger = triggers::by_token(tx, &hash(&token)).await.map_err(crate::db::DbError::from)?;
            let trigger = trigger.ok_or_else(Problem::not_found)?;
            take(tx, &state.subjects, &trigger, &headers, &body, now).await
        })
        .await?;
    let status =
        if taken.repeated || taken.request_id.is_none() { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(taken)))
}

/// Takes a call; the trigger is locked, so that the same call at once waits.
async fn take(
    tx: &mut Tx,
    subjects: &Subjects,
    trigger: &Trigger,
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<Taken, Problem> {
    let said = Value::Object(json_of(body)?);
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let key = key.or_else(|| match said.get("id") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    });
    let key = key.filter(|key| {
        !key.is_empty() && key.chars().count() <= MAX_KEY && !key.chars().any(char::is_control)
    });
    let Some(key) = key else {
        let detail = format!("name the call by Idempotency-Key or by `id`, at most {MAX_KEY} characters");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "workflow.call_key", detail));
    };
    let db = crate::db::DbError::from;
    if let Some(request) = triggers::call(tx, trigger.trigger_id, &key).await.map_err(db)? {
        return Ok(Taken { request_id: Some(request), repeated: true });
    }
    if let Some(plant) = said.get("plant").and_then(Value::as_str)
        && !people::plants(tx, Lang::En).await.map_err(db)?.iter().any(|(code, ..)| code == plant)
    {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "workflow.invalid",
            "there is no such plant",
        )
        .field("plant", "there is no such plant"));
    }
    let request = fire(tx, subjects, trigger, "webhook", &said, now)
        .await
        .map_err(|error| error.problem(|key| key.to_owned()))?;
    if let Some(request) = request {
        triggers::call_insert(tx, trigger.trigger_id, &key, request, now).await.map_err(db)?;
        triggers::fired(tx, trigger.trigger_id, "", None, now).await.map_err(db)?;
    }
    Ok(Taken { request_id: request, repeated: false })
}
