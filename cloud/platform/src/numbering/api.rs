//! Document numbers as JSON, under `/api/v1/numbering`.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, Uri};
use axum::{Json, Router};
use chrono::{NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::lease::{self, Closing};
use super::list::{self, Asked, Page};
use super::{NUMBERING_LEASE, NUMBERING_READ, NUMBERING_VOID, Need, NumberingError, preview, store, void};
use crate::db::Tx;
use crate::openapi::{Operation, group};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, json, query};

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

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    const BASE: &str = "/api/v1/numbering";
    let at = |rest: &str| format!("{BASE}/{rest}");
    let next = Operation::get(at("next"), "previewNumber", "The number that the next document would get")
        .note("Asked for by `kind` and `company`, or by `series` alone.")
        .needs(&NUMBERING_READ)
        .query::<NextQuery>()
        .answers::<Next>()
        .fails(409, "numbering.no_series", "No series numbers such documents.")
        .fails(409, "numbering.exhausted", "The series is used up.");
    let numbers = Operation::get(at("numbers"), "listNumbers", "Numbers that were given out, newest first")
        .needs(&NUMBERING_READ)
        .query::<Asked>()
        .choice("status", ["", "issued", "void"])
        .answers::<Page>();
    let series = Operation::get(at("series/{*code}"), "getNumberSeries", "The years and leases of a series")
        .needs(&NUMBERING_READ)
        .means("code", "The code of the series.")
        .answers::<Standing>();
    let void = Operation::post(at("void"), "voidNumber", "Makes a number void that no document has")
        .needs(&NUMBERING_VOID)
        .takes::<Void>()
        .ends()
        .fails(404, "numbering.not_given", "No such number was given out.")
        .fails(409, "numbering.void_already", "It is void already.")
        .fails(409, "numbering.has_document", "It belongs to a document; cancel that.");
    let lend = Operation::post(at("leases"), "lendNumbers", "Lends the next numbers of a series")
        .needs(&NUMBERING_LEASE)
        .takes::<Lend>()
        .creates::<store::Lease>()
        .fails(404, "not_found", "There is no such series, or no year of it that is open.")
        .fails(409, "numbering.exhausted", "Not so many are left.");
    let use_one =
        Operation::post(at("leases/{id}/use"), "useLentNumber", "Tells which document got a lent number")
            .needs(&NUMBERING_LEASE)
            .uuid("id")
            .takes::<Use>()
            .answers::<Given>()
            .fails(409, "numbering.twice", "The number was given out before.")
            .fails(409, "numbering.lease_closed", "The range was taken back.");
    let close = Operation::post(at("leases/{id}/close"), "takeNumbersBack", "Takes a range back")
        .needs(&NUMBERING_LEASE)
        .uuid("id")
        .takes::<Close>()
        .answers::<Closed>()
        .fails(409, "numbering.lease_closed", "It was taken back already.");
    group("Document numbers", [next, numbers, series, void, lend, use_one, close])
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NextNumber)]
struct Next {
    /// As the document would show it.
    number: String,
    /// The code of the series.
    series: String,
    /// The day for which it was asked.
    date: NaiveDate,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NumberSeries)]
struct Standing {
    /// The code.
    series: String,
    /// Years or months, the newest first.
    periods: Vec<store::Period>,
    /// Ranges that are lent or were, the newest first.
    leases: Vec<store::Lease>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GivenNumber)]
struct Given {
    /// The number, as the document shows it.
    number: String,
    /// The code of the series.
    series: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClosedLease)]
struct Closed {
    /// Numbers that became void.
    #[schema(minimum = 0)]
    void: usize,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = NextNumberQuery)]
struct NextQuery {
    /// The kind of document; that of the series, where one is named.
    #[schema(max_length = 60)]
    kind: String,
    /// The company's code; that of the series, where one is named.
    #[schema(max_length = 60)]
    company: String,
    /// The document's day; today, when left out.
    date: Option<NaiveDate>,
    /// The registration under which it is issued.
    #[schema(max_length = 15)]
    gstin: Option<String>,
    /// The plant that issues it.
    #[schema(max_length = 3)]
    plant: Option<String>,
    /// A series by its code.
    #[schema(max_length = 60)]
    series: Option<String>,
}

/// Refuses a question that names no series and not both of what one is found by.
///
/// # Errors
/// 400 `query.parameter` with what is missing.
fn lacking(asked: &NextQuery) -> Result<(), Problem> {
    let missing = [("kind", &asked.kind), ("company", &asked.company)];
    let missing: Vec<&'static str> =
        missing.into_iter().filter(|(_, said)| said.trim().is_empty()).map(|(name, _)| name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let problem = Problem::bad_request("query.parameter", format!("missing: {}", missing.join(", ")))
        .told_by(|texts| texts.t("numbering-next-by"));
    Err(missing.into_iter().fold(problem, |problem, name| {
        problem.field_told_by(name, "missing", |texts| texts.t("numbering-next-lacks"))
    }))
}

/// The number that the next document would get.
async fn next(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Next>, Problem> {
    caller.require(&NUMBERING_READ)?;
    let asked = query::<NextQuery>(&uri)?;
    if asked.series.as_deref().unwrap_or_default().is_empty() {
        lacking(&asked)?;
    }
    let date = asked.date.unwrap_or_else(|| Utc::now().with_timezone(&caller.zone).date_naive());
    let next = async |tx: &mut Tx| {
        let series = asked.series.as_deref().filter(|code| !code.is_empty());
        let named = match series {
            Some(code) => store::series_named(tx, code, false).await?,
            None => None,
        };
        // What is not said is as the series has it.
        let of_series = |said: &str, own: fn(&store::Series) -> &String| match &named {
            Some(series) if said.is_empty() => own(series).clone(),
            _ => said.to_owned(),
        };
        let kind = of_series(&asked.kind, |series| &series.kind);
        let company = of_series(&asked.company, |series| &series.company);
        let need = Need {
            gstin: asked.gstin.as_deref(),
            plant: asked.plant.as_deref(),
            series,
            ..Need::new(&kind, &company, date)
        };
        preview(tx, &need).await
    };
    let taken = state.db.tx(&caller.at(&NUMBERING_READ), next).await?;
    Ok(Json(Next { number: taken.number, series: taken.series, date }))
}

/// Numbers that were given out.
async fn numbers(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    caller.require(&NUMBERING_READ)?;
    let asked = query::<Asked>(&uri)?;
    Ok(Json(state.db.tx(&caller.at(&NUMBERING_READ), async |tx| list::page(tx, &asked).await).await?))
}

/// The periods and leases of a series.
async fn series(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Json<Standing>, Problem> {
    caller.require(&NUMBERING_READ)?;
    let told = state
        .db
        .tx(&caller.at(&NUMBERING_READ), async |tx| {
            store::series_named(tx, &code, true).await?.ok_or(NumberingError::NotFound)?;
            let periods = store::periods(tx, &code, 36).await?;
            let leases = store::leases(tx, &code, None, 500).await?;
            Ok::<_, NumberingError>(Standing { series: code.clone(), periods, leases })
        })
        .await?;
    Ok(Json(told))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VoidNumber)]
struct Void {
    /// The company's code.
    #[schema(max_length = 60)]
    company: String,
    /// The kind of document.
    #[schema(max_length = 60)]
    kind: String,
    /// The number.
    #[schema(max_length = 60)]
    number: String,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Makes a number void that no document has.
async fn make_void(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Json<Void>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.require(&NUMBERING_VOID)?;
    let Void { company, kind, number, reason } = json(body)?;
    state.db.tx(&caller.cx, async |tx| void(tx, &company, &kind, &number, "", &reason).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LendNumber)]
struct Lend {
    /// The code of the series.
    #[schema(max_length = 60)]
    series: String,
    /// A day of the period for whose documents they are.
    date: NaiveDate,
    /// How many.
    #[schema(minimum = 1, maximum = 5000)]
    count: i64,
    /// To whom: `agent:KOL`, `import:opening`.
    #[schema(min_length = 1, max_length = 120)]
    holder: String,
}

/// Lends a range.
async fn lend(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Json<Lend>, JsonRejection>,
) -> Result<(StatusCode, Json<store::Lease>), Problem> {
    caller.require(&NUMBERING_LEASE)?;
    let Lend { series, date, count, holder } = json(body)?;
    let now = Utc::now();
    let lent = state
        .db
        .tx(&caller.cx, async |tx| lease::lease(tx, &series, date, count, &holder, now).await)
        .await?;
    Ok((StatusCode::CREATED, Json(lent)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UseNumber)]
struct Use {
    /// The count within the range.
    #[schema(minimum = 1)]
    seq: i64,
    /// The document's day.
    date: NaiveDate,
    /// The document, as `noun:id`.
    #[schema(min_length = 1, max_length = 200)]
    document: String,
}

/// Records that a number of a lease went to a document.
async fn use_one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    body: Result<Json<Use>, JsonRejection>,
) -> Result<Json<Given>, Problem> {
    caller.require(&NUMBERING_LEASE)?;
    let Use { seq, date, document } = json(body)?;
    if document.is_empty() || document.chars().count() > 200 || document.contains('\0') {
        return Err(NumberingError::Parameter("document").into());
    }
    let taken =
        state.db.tx(&caller.cx, async |tx| lease::use_leased(tx, id, seq, date, &document).await).await?;
    Ok(Json(Given { number: taken.number, series: taken.series }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CloseNumber)]
struct Close {
    /// The holder may have used more than it told: the rest is void.
    #[serde(default)]
    burn: bool,
    /// Why.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Ends a lease.
async fn close(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    body: Result<Json<Close>, JsonRejection>,
) -> Result<Json<Closed>, Problem> {
    caller.require(&NUMBERING_LEASE)?;
    let Close { burn, reason } = json(body)?;
    let closing = if burn { Closing::Burn } else { Closing::Return };
    let made = state.db.tx(&caller.cx, async |tx| lease::close(tx, id, closing, &reason).await).await?;
    Ok(Json(Closed { void: made }))
}
