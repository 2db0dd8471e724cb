//! Personal data as a program meets it, under `/api/v1/personal`.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, Uri};
use axum::{Json, Router};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::model::{Erased, Kind, Person};
use super::{PERSONAL_MANAGE, PERSONAL_READ, service};
use crate::openapi::{Operation, group};
use crate::people::By;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, query};
use crate::workflow::UnderWay;

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let kinds = Kind::ALL.map(Kind::name);
    let of = |operation: Operation| {
        operation
            .choice("person", kinds)
            .means("code", "A user's id, an operator's or contact's code.")
            .fails(404, "not_found", "There is no such person.")
    };
    let operations = [
        Operation::get("/api/v1/personal", "findPeople", "People by name, e-mail or code")
            .needs(&PERSONAL_READ)
            .query::<Asked>()
            .answers_json(200, json!({ "type": "object", "required": ["people"] })),
        of(Operation::get(
            "/api/v1/personal/export/{person}/{*code}",
            "exportPerson",
            "Everything that is held of a person",
        ))
        .note("That it was taken out is written down, and in the audit.")
        .needs(&PERSONAL_READ)
        .answers_json(200, json!({ "type": "object", "required": ["person", "sections"] })),
        of(Operation::post(
            "/api/v1/personal/erase/{person}/{*code}",
            "erasePerson",
            "Erases a person; what they did stays under an id",
        ))
        .note("Tells what may still speak of the person in what others wrote, for somebody to decide.")
        .needs(&PERSONAL_MANAGE)
        .answers::<Erased>()
        .fails(403, "rights.beyond", "The person has more than the caller holds.")
        .fails(
            409,
            "personal.must_be_kept",
            "The law says that the records must be kept; until when is told.",
        )
        .fails(409, "personal.last_administrator", "Nobody would be left to administer.")
        .fails(409, "personal.oneself", "Nobody erases themselves."),
        of(Operation::get(
            "/api/v1/personal/under-way/{person}/{*code}",
            "listUnderWay",
            "What is on its way and waits for a person",
        ))
        .note("To be seen to before the person is erased, which leaves it as it is.")
        .needs(&PERSONAL_READ)
        .answers::<Waiting>(),
        of(Operation::get(
            "/api/v1/personal/consents/{person}/{*code}",
            "listConsents",
            "What a person agreed to, and what was withdrawn",
        ))
        .needs(&PERSONAL_READ)
        .answers_json(200, json!({ "type": "object", "required": ["consents"] })),
        of(Operation::post(
            "/api/v1/personal/consents/{person}/{*code}",
            "giveConsent",
            "Writes down a consent",
        ))
        .needs(&PERSONAL_MANAGE)
        .takes::<Given>()
        .answers_json(201, json!({ "type": "object", "required": ["consent_id"] })),
        of(Operation::post(
            "/api/v1/personal/withdraw/{person}/{consent}/{*code}",
            "withdrawConsent",
            "Writes down that a consent was withdrawn",
        ))
        .uuid("consent")
        .needs(&PERSONAL_MANAGE)
        .ends(),
    ];
    group("Personal data", operations)
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/personal", get(search))
        .route("/api/v1/personal/export/{person}/{*code}", get(export))
        .route("/api/v1/personal/erase/{person}/{*code}", post(erase))
        .route("/api/v1/personal/under-way/{person}/{*code}", get(under_way))
        .route("/api/v1/personal/consents/{person}/{*code}", get(consents).merge(post(give)))
        .route("/api/v1/personal/withdraw/{person}/{consent}/{*code}", post(withdraw))
}

/// The person of an address.
pub(super) fn person(kind: &str, key: &str) -> Result<Person, Problem> {
    let kind = Kind::parse(kind).ok_or_else(Problem::not_found)?;
    let fits = !key.is_empty() && key.len() <= 100 && !key.contains('\0');
    let person = Person { kind, key: key.to_owned() };
    if fits && (kind != Kind::User || person.user().is_some()) {
        Ok(person)
    } else {
        Err(Problem::not_found())
    }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PersonAsked)]
pub(super) struct Asked {
    /// At least two characters of a name, an e-mail address or a code.
    pub q: String,
}

async fn search(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Value>, Problem> {
    caller.require(&PERSONAL_READ)?;
    let asked: Asked = query(&uri)?;
    let found = service::search(&state.db, &caller.cx, &asked.q).await;
    let found = found.map_err(|error| error.problem(&caller.texts))?;
    let people: Vec<Value> = found
        .into_iter()
        .map(|one| json!({ "kind": one.kind, "key": one.key, "name": one.name, "detail": one.detail }))
        .collect();
    Ok(Json(json!({ "people": people })))
}

async fn export(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    caller.require(&PERSONAL_READ)?;
    let person = person(&kind, &key)?;
    let made = service::export(&state.db, &state.secrets, &caller.cx, &person, Utc::now()).await;
    Ok(Json(made.map_err(|error| error.problem(&caller.texts))?))
}

async fn erase(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
) -> Result<Json<Erased>, Problem> {
    caller.require(&PERSONAL_MANAGE)?;
    let person = person(&kind, &key)?;
    let done = service::erase(
        &state.db,
        &state.files,
        &state.secrets,
        &By::caller(&state, &caller),
        &person,
        Utc::now(),
    )
    .await;
    Ok(Json(done.map_err(|error| error.problem(&caller.texts))?))
}

/// What waits for a person.
#[derive(Serialize, ToSchema)]
#[schema(as = PersonWaiting)]
struct Waiting {
    /// Documents of the office that are on their way, the oldest first; of those raised and
    /// of those asked for a hundred at most. None for people who are no users.
    under_way: Vec<UnderWay>,
}

async fn under_way(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
) -> Result<Json<Waiting>, Problem> {
    caller.require(&PERSONAL_READ)?;
    let person = person(&kind, &key)?;
    let found = service::under_way(&state.db, &caller.cx, &person).await;
    let under_way = found.map_err(|error| error.problem(&caller.texts))?;
    Ok(Json(Waiting { under_way }))
}

async fn consents(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    caller.require(&PERSONAL_READ)?;
    let person = person(&kind, &key)?;
    let found = service::consents(&state.db, &caller.cx, &person).await;
    let (_, consents) = found.map_err(|error| error.problem(&caller.texts))?;
    Ok(Json(json!({ "consents": consents })))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConsentGiven)]
pub(super) struct Given {
    /// For what.
    pub purpose: String,
    /// Which wording was agreed to.
    pub text_version: String,
}

async fn give(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
    sent: Result<Json<Given>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.require(&PERSONAL_MANAGE)?;
    let person = person(&kind, &key)?;
    let given = crate::web::json(sent)?;
    let (purpose, version) = (&given.purpose, &given.text_version);
    let done = service::give(&state.db, &caller.cx, &person, purpose, version, Utc::now()).await;
    let id = done.map_err(|error| error.problem(&caller.texts))?;
    Ok((StatusCode::CREATED, Json(json!({ "consent_id": id }))))
}

async fn withdraw(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, consent, key)): Path<(String, Uuid, String)>,
) -> Result<StatusCode, Problem> {
    caller.require(&PERSONAL_MANAGE)?;
    let person = person(&kind, &key)?;
    let done = service::withdraw(&state.db, &caller.cx, &person, consent, Utc::now()).await;
    done.map_err(|error| error.problem(&caller.texts))?;
    Ok(StatusCode::NO_CONTENT)
}
