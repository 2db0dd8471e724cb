//! Plants by API.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PLANT_MANAGE;
use super::service::{self, PlantError};
use super::store::{self, Plant};
use crate::db::{DbError, Tx};
use crate::i18n::Names;
use crate::openapi::{Operation, group};
use crate::web::routing::{get, post, put};
use crate::web::{
    AppState, Caller, FieldError, IfMatch, Path, Problem, etag, json, no_place, not_modified, query, rows,
};

/// Most plants of one answer.
const MOST: i64 = 200;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/plants", get(list).merge(post(create)))
        .route("/api/v1/plants/{plant}", get(one).merge(put(change)))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    const ALL: &str = "/api/v1/plants";
    const ONE: &str = "/api/v1/plants/{plant}";
    let list = Operation::get(ALL, "listPlants", "The plants, by code")
        .needs(&PLANT_MANAGE)
        .query::<Asked>()
        .answers::<Page>();
    let create = Operation::post(ALL, "createPlant", "Adds a plant, with its agent that has to enrol")
        .note("The code stands in every UID that is minted there, and cannot be changed later.")
        .needs(&PLANT_MANAGE)
        .takes::<Sent>()
        .creates::<Plant>()
        .tagged()
        .fails(422, "plant.invalid", "Fields are not right; all of them are told.")
        .fails(409, "plan.limit", "The plan allows no more plants.");
    let one = Operation::get(ONE, "getPlant", "One plant")
        .needs(&PLANT_MANAGE)
        .means("plant", "Its code.")
        .answers::<Plant>()
        .tagged();
    let change = Operation::put(ONE, "changePlant", "Changes a plant: the whole of it")
        .needs(&PLANT_MANAGE)
        .means("plant", "Its code.")
        .takes::<Sent>()
        .answers::<Plant>()
        .tagged()
        .must_match()
        .fails(422, "plant.invalid", "Fields are not right; all of them are told.");
    group("Plants", [list, create, one, change])
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = PlantsQuery)]
struct Asked {
    /// What the answer before gave as `next`.
    #[schema(max_length = 3)]
    after: String,
    /// How many; 50, when left out.
    #[schema(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Plants of a page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlantsPage)]
struct Page {
    /// By code.
    plants: Vec<Plant>,
    /// Pass as `after` for the next page; null on the last.
    next: Option<String>,
}

/// A plant as it is to be.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PlantBody)]
struct Sent {
    /// Three letters or digits; of a change, those of the path or nothing.
    #[schema(max_length = 3)]
    code: Option<String>,
    /// For people.
    #[schema(max_length = 120)]
    name: String,
    /// For people, by language: at most 120 characters each.
    names: Names,
    /// The code of its company.
    #[schema(max_length = 60)]
    company: String,
    /// IANA name of its wall clock.
    #[schema(max_length = 60)]
    time_zone: String,
    /// Languages of its stations, one at least, the default one first: `en`, `hi`, `bn`, `te`.
    #[schema(max_items = 4)]
    languages: Vec<String>,
    /// Where it stands.
    #[schema(max_length = 500)]
    address: String,
    /// Of a change, the version that was seen, if `If-Match` does not say it.
    version: Option<i32>,
}

impl Sent {
    fn plant(self, code: String, version: i32) -> Plant {
        let Self { name, names, company, time_zone, languages, address, .. } = self;
        Plant { code, name, names, company, time_zone, languages, address, version }
    }
}

fn problem(caller: &Caller, error: PlantError, if_match: IfMatch) -> Problem {
    match error {
        PlantError::Invalid(wrong) => {
            let told = service::say(&caller.texts, wrong);
            Problem::invalid("plant.invalid", told.into_iter().map(FieldError::from).collect())
        }
        PlantError::Limit(reached) => {
            let detail = reached.say(&caller.texts);
            Problem { detail, ..reached.into() }
        }
        PlantError::NotFound => Problem::not_found(),
        PlantError::Stale => if_match.stale(),
        PlantError::Db(error) => error.into(),
    }
}

/// `GET /api/v1/plants?after=&limit=`
async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    caller.require(&PLANT_MANAGE)?;
    let asked = query::<Asked>(&uri)?;
    let limit = rows(asked.limit, 50, MOST)?;
    if asked.after.contains('\0') {
        return Err(no_place());
    }
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::plants_after(tx, &asked.after, limit + 1).await?);
    let mut plants = state.db.tx(&caller.cx, look).await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = plants.len() > most;
    plants.truncate(most);
    let next = plants.last().filter(|_| more).map(|last| last.code.clone());
    Ok(Json(Page { plants, next }))
}

async fn find(state: &AppState, caller: &Caller, code: &str) -> Result<Plant, Problem> {
    if code.parse::<uid::PlantCode>().is_err() {
        return Err(Problem::not_found());
    }
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::plant_seen(tx, code).await?);
    state.db.tx(&caller.cx, look).await?.ok_or_else(Problem::not_found)
}

/// `GET /api/v1/plants/{plant}`
async fn one(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    caller.require(&PLANT_MANAGE)?;
    let plant = find(&state, &caller, &code).await?;
    let tag = etag(plant.version);
    if not_modified(&headers, &tag.1) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    Ok(([tag], Json(plant)).into_response())
}

/// `POST /api/v1/plants`
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<Sent>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&PLANT_MANAGE)?;
    let sent = json(sent)?;
    let code = sent.code.as_deref().unwrap_or_default().trim().to_uppercase();
    let plant = sent.plant(code, 0);
    let done = service::save(&state.db, &caller.cx, &plant, None).await;
    done.map_err(|error| problem(&caller, error, IfMatch::Absent))?;
    let made = find(&state, &caller, &plant.code).await?;
    let at = [(header::LOCATION, format!("/api/v1/plants/{}", made.code))];
    Ok((StatusCode::CREATED, at, [etag(made.version)], Json(made)).into_response())
}

/// `PUT /api/v1/plants/{plant}`
async fn change(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    sent: Result<Json<Sent>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&PLANT_MANAGE)?;
    let sent = json(sent)?;
    let if_match = IfMatch::of(&headers);
    let version = match if_match.or(sent.version)? {
        Some(version) => version,
        None => find(&state, &caller, &code).await?.version,
    };
    let wanted = sent.code.as_deref().map_or_else(|| code.clone(), |code| code.trim().to_uppercase());
    let plant = sent.plant(wanted, version);
    let done = service::save(&state.db, &caller.cx, &plant, Some(&code)).await;
    done.map_err(|error| problem(&caller, error, if_match))?;
    let saved = find(&state, &caller, &code).await?;
    Ok(([etag(saved.version)], Json(saved)).into_response())
}
