//! Masters and open orders by API, for a plant whose orders live in another
//! system: import as JSON, CSV or TOML, list, withdraw.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::import::{self, Form, ImportReport, List, MAX_BYTES, Upload, WithdrawError};
use super::{Mistake, SeedErrors};
use crate::openapi::{Operation, group};
use crate::reference;
use crate::web::routing::{delete, get, post};
use crate::web::{AppState, Caller, Path, Permission, Problem, media_type, query, sent_as};

/// The routes under `/api/v1/reference`.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/reference", get(list).merge(post(import_all)))
        .route("/api/v1/reference/{list}", post(import_list))
        .route("/api/v1/reference/{list}/{*code}", delete(withdraw))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let invalid = "Rows and fields that are not right; each is named, and nothing was written.";
    let operations = [
        Operation::get("/api/v1/reference", "listReference", "What plants are told, by kind")
            .needs(&REFERENCE_READ)
            .query::<ListQuery>()
            .answers::<Rows>(),
        Operation::post("/api/v1/reference", "importReference", "Writes masters and open orders of several lists")
            .note("An object of lists, each an array of rows; or the same as TOML. All of it is written, or nothing.")
            .needs(&OPERATOR_WRITE)
            .query::<ImportQuery>()
            .takes_json(json!({ "type": "object", "additionalProperties": { "type": "array", "items": { "type": "object" } } }))
            .also_takes("application/toml")
            .example(json!({ "suppliers": [{ "code": "ACME", "name": "Acme Castings", "place": "Pune" }] }))
            .answers::<Imported>()
            .fails(422, "reference.invalid", invalid),
        Operation::post("/api/v1/reference/{list}", "importReferenceList", "Writes rows of one list")
            .note("An array of rows, or CSV with the names of fields in its first line. All of it is written, or nothing. \
                   The list `operators` needs `operator.write`.")
            .needs(&REFERENCE_WRITE)
            .choice("list", List::names())
            .query::<ImportQuery>()
            .takes_json(json!({ "type": "array", "items": { "type": "object" } }))
            .also_takes("text/csv")
            .example(json!([{ "code": "ACME", "name": "Acme Castings", "place": "Pune" }]))
            .answers::<Imported>()
            .fails(404, "reference.list", "There is no such list.")
            .fails(422, "reference.invalid", invalid),
        Operation::delete("/api/v1/reference/{list}/{*code}", "withdrawReference", "Withdraws a row: plants forget it")
            .needs(&REFERENCE_WRITE)
            .choice("list", List::names())
            .means("code", "The row's key, as the list has it.")
            .ends()
            .fails(400, "reference.code", "It is not the key of a row of this list.")
            .fails(404, "reference.not_found", "There is no such row.")
            .fails(409, "reference.in_use", "Others use it; they are named."),
    ];
    group("Reference data of plants", operations)
}

/// See what the plants are told.
pub const REFERENCE_READ: Permission = Permission::read("reference.read");
/// Write items, orders and other masters.
pub const REFERENCE_WRITE: Permission = Permission::write("reference.write");
/// Write the people of plants: what stands in their rows opens stations.
pub const OPERATOR_WRITE: Permission = Permission::admin("operator.write");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[REFERENCE_READ, REFERENCE_WRITE, OPERATOR_WRITE];

fn permission_of(list: List) -> &'static Permission {
    if list.name() == "operators" { &OPERATOR_WRITE } else { &REFERENCE_WRITE }
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct ImportQuery {
    /// Everything is tried, and nothing kept.
    dry_run: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReferenceImport)]
struct Imported {
    dry_run: bool,
    lists: Vec<ImportedList>,
    published_rows: usize,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReferenceImportList)]
struct ImportedList {
    name: &'static str,
    rows: usize,
    changed: usize,
}

impl From<ImportReport> for Imported {
    fn from(report: ImportReport) -> Self {
        let counts = report.counts.into_iter().filter(|count| count.rows > 0);
        let lists = counts.map(|c| ImportedList { name: c.what, rows: c.rows, changed: c.changed });
        Self { dry_run: report.dry_run, lists: lists.collect(), published_rows: report.published.rows }
    }
}

async fn import_all(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Imported>, Problem> {
    caller.require(&REFERENCE_WRITE)?;
    // It may hold people.
    caller.require(&OPERATOR_WRITE)?;
    let form = match sent_as(&headers) {
        "application/json" => Form::Json,
        "application/toml" => Form::Toml,
        _ => return Err(media_type("application/json or application/toml")),
    };
    let asked = query::<ImportQuery>(&uri)?;
    run(&state, &caller, form, bytes, asked.dry_run).await
}

async fn import_list(
    State(state): State<AppState>,
    caller: Caller,
    Path(list): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Imported>, Problem> {
    let list = find(&list)?;
    caller.require(permission_of(list))?;
    let form = match sent_as(&headers) {
        "application/json" => Form::JsonRows(list),
        "text/csv" => Form::Csv(list),
        _ => return Err(media_type("text/csv or application/json")),
    };
    let asked = query::<ImportQuery>(&uri)?;
    run(&state, &caller, form, bytes, asked.dry_run).await
}

async fn run(
    state: &AppState,
    caller: &Caller,
    form: Form,
    bytes: Bytes,
    dry_run: bool,
) -> Result<Json<Imported>, Problem> {
    let upload = Upload { name: "request".to_owned(), form, bytes: bytes.to_vec() };
    let report = import::import(&state.db, &caller.cx, &caller.tenant_code, &upload, dry_run).await;
    Ok(Json(report.map_err(|error| problem(error, form))?.into()))
}

fn find(name: &str) -> Result<List, Problem> {
    List::parse(name).ok_or_else(|| {
        let names: Vec<&str> = List::names().collect();
        let detail = format!("There is no list {name}; there are {}.", names.join(", "));
        Problem::new(StatusCode::NOT_FOUND, "reference.list", detail)
    })
}

fn problem(error: SeedErrors, form: Form) -> Problem {
    match error {
        SeedErrors::Mistakes(mistakes) => {
            let count = mistakes.len();
            let detail = format!("{count} mistakes; nothing was written.");
            let problem = Problem { detail, ..Problem::invalid("reference.invalid", Vec::new()) };
            let problem = problem.told_by(move |texts| texts.count("error-mistakes", count));
            mistakes.into_iter().fold(problem, |problem, mistake| told(problem, mistake, form))
        }
        SeedErrors::Db(error) => error.into(),
        error => Problem::internal(error),
    }
}

/// Adds a mistake, in the reader's language. A row is counted from 1: of CSV and TOML the
/// line, of JSON the place in its list.
fn told(problem: Problem, mistake: Mistake, form: Form) -> Problem {
    let (line, path) = (mistake.line, mistake.path.clone());
    let row = match form {
        Form::Csv(_) | Form::Toml => Some(line).filter(|line| *line > 0),
        Form::Json | Form::JsonRows(_) => path
            .split_once('[')
            .and_then(|(_, rest)| rest.split_once(']'))
            .and_then(|(index, _)| index.parse::<usize>().ok())
            .map(|index| index + 1),
    };
    let english = mistake.in_english();
    let mut problem = problem.field_told_by(path, english, move |texts| mistake.say(texts));
    if let Some(error) = problem.errors.last_mut() {
        error.row = row;
    }
    problem
}

async fn withdraw(
    State(state): State<AppState>,
    caller: Caller,
    Path((list, code)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let list = find(&list)?;
    caller.require(permission_of(list))?;
    match import::withdraw(&state.db, &caller.cx, list, &code).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(WithdrawError::Db(error)) => Err(error.into()),
        Err(error @ WithdrawError::NotFound { .. }) => {
            Err(Problem::new(StatusCode::NOT_FOUND, "reference.not_found", error.to_string()))
        }
        Err(error @ WithdrawError::InUse { .. }) => {
            Err(Problem::conflict("reference.in_use", error.to_string()))
        }
        Err(error @ WithdrawError::Form { .. }) => {
            Err(Problem::bad_request("reference.code", error.to_string()))
        }
    }
}

/// Most rows of one page.
const MOST_ROWS: usize = 500;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct ListQuery {
    /// item, bom_line, order, operator, hold, location, reason.
    kind: String,
    /// Where the answer before ended: its `next`.
    after: String,
    /// Rows at most.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReferenceRows)]
struct Rows {
    /// The tenant's version; an agent that has applied it knows all of this.
    version: i64,
    rows: Vec<OneRow>,
    /// Pass it as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReferenceRow)]
struct OneRow {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plant: Option<String>,
    version: i64,
    body: Value,
}

/// What plants are told, by kind; secrets of people are left out.
async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Rows>, Problem> {
    caller.require_somewhere(&REFERENCE_READ)?;
    let query = query::<ListQuery>(&uri)?;
    if query.kind.is_empty() {
        let detail = "Say which: kind=item, bom_line, order, operator, hold, location or reason.";
        return Err(Problem::bad_request("query.parameter", detail).field("kind", detail));
    }
    for (field, text) in [("kind", &query.kind), ("after", &query.after)] {
        if text.contains('\0') {
            let detail = format!("{field} holds a NUL.");
            return Err(Problem::bad_request("query.parameter", detail.clone()).field(field, detail));
        }
    }
    let limit = crate::web::rows(query.limit, 100, MOST_ROWS)?;
    let want = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let (version, mut found) = state
        .db
        .tx(&caller.at(&REFERENCE_READ), async |tx| {
            let version = reference::version(tx).await?;
            Ok::<_, crate::db::DbError>((
                version,
                reference::rows(tx, &query.kind, &query.after, want).await?,
            ))
        })
        .await?;
    let more = found.len() > limit;
    if more {
        found.pop();
    }
    let next = found.last().filter(|_| more).map(|row| row.id.clone());
    let rows = found.into_iter().map(|row| OneRow {
        body: reference::without_secrets(&row.kind, row.body),
        id: row.id,
        plant: row.plant,
        version: row.version,
    });
    Ok(Json(Rows { version, rows: rows.collect(), next }))
}
