//! The API of lots, documents, customers, machines, stations, people, pictures, comparisons and
//! reports.

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use chrono::Utc;
use platform::openapi::Operation;
use platform::web::routing::get;
use platform::web::{AppState, Caller, Path, Problem, query, workbook};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::compare::{self, Compared};
use super::error::TraceError;
use super::graph::Direction;
use super::picture::{self, Pictured};
use super::places::{self, Customer, Document, LotPage, Page, Passes, Who};
use super::report::{Report, report_in};
use super::report_paper;
use super::report_sheets::sheets;
use crate::genealogy::Genealogy;
use crate::pages::say::Zones;
use crate::pages::words::{Codes, Words};
use crate::rights::TRACE_READ;
use axum::Extension;

/// What Excel files are.
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// What PDF files are.
pub(crate) const PDF: &str = "application/pdf";

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/trace/lot/{id}", get(lot))
        .route("/api/v1/trace/document/{type}/{number}", get(document))
        .route("/api/v1/trace/customer/{code}", get(customer))
        .route("/api/v1/trace/machine/{code}", get(machine))
        .route("/api/v1/trace/station/{code}", get(station))
        .route("/api/v1/trace/operator/{code}", get(operator))
        .route("/api/v1/trace/compare", get(compared))
        .route("/api/v1/trace/{uid}/picture", get(pictured))
        .route("/api/v1/trace/{uid}/report", get(report))
        .route("/api/v1/trace/{uid}/report.xlsx", get(report_xlsx))
        .route("/api/v1/trace/{uid}/report.pdf", get(report_pdf))
}

pub(super) fn operations(of_uid: impl Fn(Operation) -> Operation) -> Vec<Operation> {
    let unknown = "Nothing is known of it.";
    let without_offset = "A parameter is wrong: also a time without an offset where the plants' clocks differ and \
                          no `plant` says whose it is.";
    let place = |route: &str, id: &str, summary: &str| {
        Operation::get(route, id, summary).needs(&TRACE_READ).fails(404, "uid.unknown", unknown)
    };
    vec![
        place("/api/v1/trace/lot/{id}", "traceLot", "A lot and its units")
            .uuid("id")
            .query::<PageQuery>()
            .answers::<LotPage>(),
        place(
            "/api/v1/trace/document/{type}/{number}",
            "traceDocument",
            "A document and the events that name it",
        )
        .means("type", "po, prodorder, so, transfer, recadv, desadv, inv, challan, inspection, ticket.")
        .means("number", "The document's number, exactly.")
        .query::<PageQuery>()
        .answers::<Document>(),
        place("/api/v1/trace/customer/{code}", "traceCustomer", "A customer's orders, and what was sent")
            .means("code", "The customer's code, exactly.")
            .query::<CustomerQuery>()
            .answers::<Customer>(),
        place("/api/v1/trace/machine/{code}", "traceMachine", "What a machine did in a window of time")
            .means("code", "The machine's code, exactly.")
            .query::<WindowQuery>()
            .fails(400, "query.parameter", without_offset)
            .answers::<Passes>(),
        place(
            "/api/v1/trace/station/{code}",
            "traceStation",
            "What was done at a station in a window of time",
        )
        .means("code", "The station's code, exactly.")
        .query::<WindowQuery>()
        .fails(400, "query.parameter", without_offset)
        .answers::<Passes>(),
        place("/api/v1/trace/operator/{code}", "traceOperator", "What a person did in a window of time")
            .means("code", "The person's opaque id, exactly.")
            .query::<WindowQuery>()
            .fails(400, "query.parameter", without_offset)
            .answers::<Passes>(),
        Operation::get("/api/v1/trace/compare", "compareUnits", "What differs between two units")
            .needs(&TRACE_READ)
            .query::<CompareQuery>()
            .answers::<Compared>()
            .fails(400, "query.empty", "One of the two is left out.")
            .fails(404, "uid.unknown", unknown),
        of_uid(Operation::get(
            "/api/v1/trace/{uid}/picture",
            "tracePicture",
            "A unit's genealogy in groups, to be drawn",
        ))
        .query::<PictureQuery>()
        .choice("direction", ["backward", "forward"])
        .answers::<Pictured>(),
        of_uid(Operation::get("/api/v1/trace/{uid}/report", "traceReport", "All that is known of a unit"))
            .answers::<Report>(),
        of_uid(Operation::get(
            "/api/v1/trace/{uid}/report.xlsx",
            "traceReportSheets",
            "All that is known of a unit, as an Excel workbook",
        ))
        .answers_file(&[XLSX]),
        of_uid(Operation::get(
            "/api/v1/trace/{uid}/report.pdf",
            "traceReportPaper",
            "What is known of a unit, as a PDF to be printed",
        ))
        .answers_file(&[PDF]),
    ]
}

/// Which page.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TracePageQuery)]
pub(crate) struct PageQuery {
    /// Where the answer before ended: its `next`.
    pub after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<usize>,
}

/// Which page, and of which window.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TraceWindowQuery)]
pub(crate) struct WindowQuery {
    /// From when: RFC 3339, or a day or a time by the plant's clock: that of `plant`, or the
    /// one that all plants show, or that of the plant where the machine stands. Where that
    /// is not known, since the plants' clocks differ, a time without an offset is refused. A
    /// day before `to` when left out, or before now.
    pub from: String,
    /// To when, itself not in it, read as `from`; a day ends with it. At most 93 days after
    /// `from`.
    pub to: String,
    /// Code of the plant; all, when left out. Two plants may have a machine or a station of one code.
    pub plant: String,
    /// Where the answer before ended: its `next`.
    pub after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<usize>,
}

/// Which pages of a customer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TraceCustomerQuery)]
pub(crate) struct CustomerQuery {
    /// `next_orders` of the answer before.
    pub after_order: String,
    /// `next` of the answer before.
    pub after: Option<String>,
    /// Rows of one page at most.
    #[schema(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<usize>,
}

/// Which two units.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TraceCompareQuery)]
pub(crate) struct CompareQuery {
    /// Any code of the first.
    pub a: String,
    /// Any code of the second.
    pub b: String,
}

/// How to draw.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TracePictureQuery)]
pub(crate) struct PictureQuery {
    /// backward when left out.
    pub direction: String,
    /// Steps at most; 20 when left out.
    pub depth: Option<i32>,
    /// Only links that are open now.
    pub as_built: bool,
    /// Groups to open: ids of boxes with commas between, or a box's `next`.
    pub open: String,
}

impl PictureQuery {
    pub(crate) fn direction(&self) -> Result<Direction, TraceError> {
        match self.direction.as_str() {
            "" | "backward" => Ok(Direction::Backward),
            "forward" => Ok(Direction::Forward),
            _ => Err(TraceError::Parameter {
                field: "direction",
                problem: "is neither backward nor forward".into(),
            }),
        }
    }

    pub(crate) fn wish(&self) -> picture::Wish {
        let usual = picture::Wish::default();
        picture::Wish {
            depth: self.depth.unwrap_or(usual.depth),
            as_built: self.as_built,
            open: self.open.clone(),
        }
    }
}

/// The page that a query asks for.
pub(crate) fn page(after: Option<String>, limit: Option<usize>) -> Page {
    Page { after: after.filter(|after| !after.is_empty()), limit: limit.unwrap_or(50) }
}

async fn lot(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Json<LotPage>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<PageQuery>(&uri)?;
    let page = page(asked.after, asked.limit);
    let cx = caller.at(&TRACE_READ);
    Ok(Json(state.db.tx(&cx, async |tx| places::lot_in(tx, id, &page, Utc::now()).await).await?))
}

async fn document(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, number)): Path<(String, String)>,
    uri: Uri,
) -> Result<Json<Document>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<PageQuery>(&uri)?;
    let page = page(asked.after, asked.limit);
    let cx = caller.at(&TRACE_READ);
    let found =
        state.db.tx(&cx, async |tx| places::document_in(tx, &kind, &number, &page, Utc::now()).await).await?;
    Ok(Json(found))
}

async fn customer(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Json<Customer>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<CustomerQuery>(&uri)?;
    let page = page(asked.after, asked.limit);
    let cx = caller.at(&TRACE_READ);
    let found = state
        .db
        .tx(&cx, async |tx| places::customer_in(tx, &code, &asked.after_order, &page, Utc::now()).await)
        .await?;
    Ok(Json(found))
}

async fn machine(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Json<Passes>, Problem> {
    passes(&state, &caller, Who::Machine, &code, &uri).await
}

async fn station(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Json<Passes>, Problem> {
    passes(&state, &caller, Who::Station, &code, &uri).await
}

async fn operator(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Json<Passes>, Problem> {
    passes(&state, &caller, Who::Operator, &code, &uri).await
}

async fn passes(
    state: &AppState,
    caller: &Caller,
    who: Who,
    code: &str,
    uri: &Uri,
) -> Result<Json<Passes>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<WindowQuery>(uri)?;
    let page = page(asked.after, asked.limit);
    let cx = caller.at(&TRACE_READ);
    let found = state
        .db
        .tx(&cx, async |tx| {
            let now = Utc::now();
            let zone = places::clock_of(tx, who, code, &asked.plant).await?;
            let window = places::window_of(&asked.from, &asked.to, zone, now)?;
            places::passes_in(tx, (who, code, &asked.plant), window, &page, now).await
        })
        .await?;
    Ok(Json(found))
}

async fn compared(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Compared>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<CompareQuery>(&uri)?;
    let cx = caller.at(&TRACE_READ);
    let found = state
        .db
        .tx(&cx, async |tx| compare::compare_in(tx, &genealogy, &asked.a, &asked.b, Utc::now()).await)
        .await?;
    Ok(Json(found))
}

async fn pictured(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
    uri: Uri,
) -> Result<Json<Pictured>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<PictureQuery>(&uri)?;
    let (direction, wish) = (asked.direction()?, asked.wish());
    let cx = caller.at(&TRACE_READ);
    let found = state
        .db
        .tx(&cx, async |tx| picture::picture_in(tx, &genealogy, &uid, direction, &wish, Utc::now()).await)
        .await?;
    Ok(Json(found))
}

async fn report(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
) -> Result<Json<Report>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let cx = caller.at(&TRACE_READ);
    Ok(Json(state.db.tx(&cx, async |tx| report_in(tx, &genealogy, &uid, Utc::now()).await).await?))
}

async fn report_xlsx(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let cx = caller.at(&TRACE_READ);
    let report = state.db.tx(&cx, async |tx| report_in(tx, &genealogy, &uid, Utc::now()).await).await?;
    spreadsheet(&state, &caller, report).await
}

async fn report_pdf(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path(uid): Path<String>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let cx = caller.at(&TRACE_READ);
    let (report, zones) = state
        .db
        .tx(&cx, async |tx| {
            let report = report_in(tx, &genealogy, &uid, Utc::now()).await?;
            Ok::<_, TraceError>((report, Zones::read(tx, caller.zone).await?))
        })
        .await?;
    printed(&state, &caller, &report, &zones).await
}

/// A report as a PDF to be kept, in the caller's language and at the clocks of plants.
pub(crate) async fn printed(
    state: &AppState,
    caller: &Caller,
    report: &Report,
    zones: &Zones,
) -> Result<Response, Problem> {
    let words = Words::read(state, caller, &Codes::of_report(report)).await?;
    let data = report_paper::data(report, &caller.texts, (zones, &words), &caller.tenant_name);
    let bytes = crate::paper::pdf(data).await?;
    Ok(file(PDF, &format!("{}.pdf", report.trace.uid), bytes))
}

/// A report as a workbook to be kept, at the caller's clock.
pub(crate) async fn spreadsheet(
    state: &AppState,
    caller: &Caller,
    report: Report,
) -> Result<Response, Problem> {
    let (name, texts) = (report.trace.uid.clone(), caller.texts.clone());
    let words = Words::read(state, caller, &Codes::of_report(&report)).await?;
    let zone = caller.zone;
    let made = tokio::task::spawn_blocking(move || workbook(&sheets(&report, &texts, &words, zone)));
    let bytes = made.await.map_err(Problem::internal)?.map_err(Problem::internal)?;
    Ok(file(XLSX, &format!("{name}.xlsx"), bytes))
}

/// A file to be kept. `name` is made of letters that a header takes.
pub(crate) fn file(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(told) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, told);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
