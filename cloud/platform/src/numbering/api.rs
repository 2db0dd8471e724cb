//! Document numbers as JSON, under `/api/v1/numbering`.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{NaiveDate, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::lease::{self, Closing};
use super::list::{self, Asked, Page};
use super::{NUMBERING_LEASE, NUMBERING_READ, NUMBERING_VOID, Need, NumberingError, preview, store, void};
use crate::web::{AppState, Caller, Problem, json as sent, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/numbering/next", get(next))
        .route("/api/v1/numbering/numbers", get(numbers))
        .route("/api/v1/numbering/series/{*code}", get(series))
        .route("/api/v1/numbering/void", post(make_void))
        .route("/api/v1/numbering/leases", post(lend))
        .route("/api/v1/numbering/leases/{id}/use", post(use_one))
        .route("/api/v1/numbering/leases/{id}/close", post(close))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NextQuery {
    kind: String,
    company: String,
    date: Option<NaiveDate>,
    gstin: Option<String>,
    plant: Option<String>,
    series: Option<String>,
}

/// The number that the next document would get.
async fn next(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Value>, Problem> {
    caller.require(&NUMBERING_READ)?;
    let asked = query::<NextQuery>(&uri)?;
    let date = asked.date.unwrap_or_else(|| Utc::now().with_timezone(&caller.zone).date_naive());
    let need = Need {
        gstin: asked.gstin.as_deref(),
        plant: asked.plant.as_deref(),
        series: asked.series.as_deref(),
        ..Need::new(&asked.kind, &asked.company, date)
    };
    let taken = state.db.tx(&caller.cx, async |tx| preview(tx, &need).await).await?;
    Ok(Json(json!({ "number": taken.number, "series": taken.series, "date": date })))
}

/// Numbers that were given out.
async fn numbers(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    caller.require(&NUMBERING_READ)?;
    let asked = query::<Asked>(&uri)?;
    Ok(Json(state.db.tx(&caller.cx, async |tx| list::page(tx, &asked).await).await?))
}

/// The periods and leases of a series.
async fn series(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.require(&NUMBERING_READ)?;
    let told = state
        .db
        .tx(&caller.cx, async |tx| {
            store::series_named(tx, &code, true).await?.ok_or(NumberingError::NotFound)?;
            let (periods, leases) =
                (store::periods(tx, &code, 36).await?, store::leases(tx, &code, 500).await?);
            Ok::<_, NumberingError>(json!({ "series": code, "periods": periods, "leases": leases }))
        })
        .await?;
    Ok(Json(told))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Void {
    company: String,
    kind: String,
    number: String,
    reason: String,
}

/// Makes a number void that no document has.
async fn make_void(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Json<Void>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.require(&NUMBERING_VOID)?;
    let Void { company, kind, number, reason } = sent(body)?;
    state.db.tx(&caller.cx, async |tx| void(tx, &company, &kind, &number, "", &reason).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lend {
    series: String,
    date: NaiveDate,
    count: i64,
    holder: String,
}

/// Lends a range.
async fn lend(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Json<Lend>, JsonRejection>,
) -> Result<(StatusCode, Json<store::Lease>), Problem> {
    caller.require(&NUMBERING_LEASE)?;
    let Lend { series, date, count, holder } = sent(body)?;
    let now = Utc::now();
    let lent = state
        .db
        .tx(&caller.cx, async |tx| lease::lease(tx, &series, date, count, &holder, now).await)
        .await?;
    Ok((StatusCode::CREATED, Json(lent)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Use {
    seq: i64,
    date: NaiveDate,
    document: String,
}

/// Records that a number of a lease went to a document.
async fn use_one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    body: Result<Json<Use>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    caller.require(&NUMBERING_LEASE)?;
    let Use { seq, date, document } = sent(body)?;
    if document.is_empty() || document.chars().count() > 200 || document.contains('\0') {
        return Err(NumberingError::Parameter("document").into());
    }
    let taken =
        state.db.tx(&caller.cx, async |tx| lease::use_leased(tx, id, seq, date, &document).await).await?;
    Ok(Json(json!({ "number": taken.number, "series": taken.series })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    /// The holder may have used more than it told: the rest is void.
    #[serde(default)]
    burn: bool,
    reason: String,
}

/// Ends a lease.
async fn close(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    body: Result<Json<Close>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    caller.require(&NUMBERING_LEASE)?;
    let Close { burn, reason } = sent(body)?;
    let closing = if burn { Closing::Burn } else { Closing::Return };
    let made = state.db.tx(&caller.cx, async |tx| lease::close(tx, id, closing, &reason).await).await?;
    Ok(Json(json!({ "void": made })))
}
