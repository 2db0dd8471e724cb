//! The API of one hold, and of what one would hold.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json, Router};
use platform::openapi::{Operation, group};
use platform::web::routing::{get, post};
use platform::web::{AppState, Caller, Path, Problem, json, query};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::{self, ActPage, HoldOne, HoldPreview, MemberPage};
use crate::explore::holding::{HoldingError, Wish};
use crate::genealogy::Genealogy;
use crate::rights::{HOLD_PLACE, HOLD_READ};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/holds/preview", post(preview))
        .route("/api/v1/holds/{id}", get(one))
        .route("/api/v1/holds/{id}/members", get(members))
        .route("/api/v1/holds/{id}/acts", get(acts))
}

/// What the routes here are, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    group(
        "Holds",
        [
            Operation::post(
                "/api/v1/holds/preview",
                "previewHold",
                "What a hold would hold, and where it is",
            )
            .needs(&HOLD_PLACE)
            .takes::<Wish>()
            .answers::<HoldPreview>()
            .fails(400, "hold.too_many", "It would hold more units than one hold may.")
            .fails(400, "hold.unknown", "There is no such unit, lot or scope.")
            .fails(404, "uid.unknown", "Nothing is known by this code.")
            .fails(409, "uid.ambiguous", "The code stands for several UIDs.")
            .fails(409, "scope.unfinished", "The scope is not whole.")
            .fails(
                422,
                "hold.fields",
                "Nothing is named, or `lot` is the supplier's number of no lot, or of several.",
            ),
            Operation::get(
                "/api/v1/holds/{id}",
                "getHold",
                "A hold, the plants that have it, and its history",
            )
            .needs(&HOLD_READ)
            .uuid("id")
            .answers::<HoldOne>(),
            Operation::get("/api/v1/holds/{id}/members", "listHoldMembers", "The units of a hold, by UID")
                .needs(&HOLD_READ)
                .uuid("id")
                .query::<HoldMemberQuery>()
                .answers::<MemberPage>(),
            Operation::get(
                "/api/v1/holds/{id}/acts",
                "listHoldActs",
                "What was done with held units before their plant had the hold, or all the same",
            )
            .needs(&HOLD_READ)
            .uuid("id")
            .query::<HoldActQuery>()
            .answers::<ActPage>(),
        ],
    )
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct HoldMemberQuery {
    /// Only those that came in after it was placed.
    late: bool,
    /// Where the answer before ended: its `next`.
    after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct HoldActQuery {
    /// Where the answer before ended: its `next`.
    after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

async fn preview(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    sent: Result<Json<Wish>, JsonRejection>,
) -> Result<Json<HoldPreview>, Problem> {
    caller.require_somewhere(&HOLD_PLACE)?;
    Ok(Json(view::preview(&state.db, &caller.at(&HOLD_PLACE), &genealogy, &json(sent)?).await?))
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<HoldOne>, Problem> {
    caller.require_somewhere(&HOLD_READ)?;
    Ok(Json(view::find(&state.db, &caller.at(&HOLD_READ), id).await.map_err(HoldingError::Hold)?))
}

async fn members(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    uri: axum::http::Uri,
) -> Result<Json<MemberPage>, Problem> {
    caller.require_somewhere(&HOLD_READ)?;
    let asked = query::<HoldMemberQuery>(&uri)?;
    let limit = asked.limit.unwrap_or(100);
    let cx = caller.at(&HOLD_READ);
    Ok(Json(view::members(&state.db, &cx, id, asked.late, asked.after.as_deref(), limit).await?))
}

async fn acts(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    uri: axum::http::Uri,
) -> Result<Json<ActPage>, Problem> {
    caller.require_somewhere(&HOLD_READ)?;
    let asked = query::<HoldActQuery>(&uri)?;
    let limit = asked.limit.unwrap_or(100);
    Ok(Json(view::acts(&state.db, &caller.at(&HOLD_READ), id, asked.after.as_deref(), limit).await?))
}
