//! Passports by API.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, Uri};
use axum::{Json, Router};
use chrono::Utc;
use platform::openapi::{Operation, group};
use platform::web::routing::{get, post, put};
use platform::web::{AppState, Caller, Path, Problem, json, query};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::service::{self, Page, Passport};
use super::store::Settings;
use super::{PASSPORT_MANAGE, PASSPORT_READ, PASSPORT_WRITE};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/passports", get(list).merge(post(make)))
        .route("/api/v1/passports/{id}", get(one))
        .route("/api/v1/passports/{id}/end", post(end))
        .route("/api/v1/passports/settings", get(settings).merge(put(set)))
}

pub(super) fn operations() -> Vec<Operation> {
    let list = Operation::get("/api/v1/passports", "listPassports", "Passports that are good, newest first")
        .needs(&PASSPORT_READ)
        .query::<Asked>()
        .answers::<Page>();
    let make = Operation::post(
        "/api/v1/passports",
        "makePassport",
        "The passport of a unit with its public link; made when it has none",
    )
    .needs(&PASSPORT_WRITE)
    .takes::<Wish>()
    .creates::<Passport>()
    .fails(400, "uid.checksum", "It is meant to be a UID, and wrong; `code` says in which part.")
    .fails(404, "uid.unknown", "Nothing is known by this code.")
    .fails(409, "uid.ambiguous", "The code stands for several UIDs.")
    .fails(422, "passport.container", "A container has no passport.")
    .fails(422, "passport.unfinished", "Its item is no finished good in the master of items.")
    .fails(422, "passport.life", "It is expected, consumed or scrapped.")
    .fails(422, "passport.held", "It is on hold.");
    let one = Operation::get("/api/v1/passports/{id}", "getPassport", "A passport with its public link")
        .uuid("id")
        .needs(&PASSPORT_READ)
        .answers::<Passport>()
        .fails(404, "not_found", "There is no such passport.");
    let end = Operation::post(
        "/api/v1/passports/{id}/end",
        "endPassport",
        "Ends a passport for good: its link shows nothing any more",
    )
    .uuid("id")
    .needs(&PASSPORT_WRITE)
    .takes::<End>()
    .ends()
    .fails(404, "not_found", "There is no such passport, or it has ended.")
    .fails(422, "passport.fields", "There is no reason.");
    let settings = Operation::get("/api/v1/passports/settings", "getPassportSettings", "What passports show")
        .needs(&PASSPORT_READ)
        .answers::<Settings>();
    let set = Operation::put("/api/v1/passports/settings", "setPassportSettings", "Says what passports show")
        .needs(&PASSPORT_MANAGE)
        .takes::<Settings>()
        .answers::<Settings>()
        .fails(409, "conflict.stale", "Somebody changed them meanwhile.")
        .fails(422, "passport.fields", "Fields that are not right; each is named.");
    group("Passports", [list, make, one, end, settings, set])
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = PassportsAsked)]
struct Asked {
    /// `next` of the page before.
    after: Option<Uuid>,
}

/// A unit that is to have a passport.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PassportWish)]
struct Wish {
    /// A UID, or any code that leads to one.
    uid: String,
}

async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    let asked = query::<Asked>(&uri)?;
    Ok(Json(service::list(&state, &caller, asked.after).await?))
}

async fn make(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<Wish>, JsonRejection>,
) -> Result<(StatusCode, Json<Passport>), Problem> {
    caller.require_somewhere(&PASSPORT_WRITE)?;
    Ok((StatusCode::CREATED, Json(service::make(&state, &caller, &json(sent)?.uid).await?)))
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Passport>, Problem> {
    Ok(Json(service::get(&state, &caller, id).await?))
}

/// Why a passport is ended.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PassportEnd)]
struct End {
    /// Why; it stands in the audit.
    #[schema(max_length = 200)]
    reason: String,
}

async fn end(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    sent: Result<Json<End>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.require_somewhere(&PASSPORT_WRITE)?;
    service::end(&state, &caller, id, &json(sent)?.reason, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn settings(State(state): State<AppState>, caller: Caller) -> Result<Json<Settings>, Problem> {
    Ok(Json(service::settings(&state, &caller).await?))
}

async fn set(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<Settings>, JsonRejection>,
) -> Result<Json<Settings>, Problem> {
    caller.require(&PASSPORT_MANAGE)?;
    Ok(Json(service::set(&state, &caller, &json(sent)?).await?))
}
