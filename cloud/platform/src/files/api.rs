//! Files as a program meets them, under `/api/v1/files`.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::service::{self, Goes};
use super::{FilesError, Listed, Right, Whose, content, spool};
use crate::db::Tx;
use crate::openapi::{Operation, group};
use crate::web::routing::{self, get, post, put};
use crate::web::{AppState, Caller, IfMatch, Path, Permission, Problem, etag, not_modified, query};

/// See files: what that means is said by what each is attached to.
const FILES_VIEW: Permission = Permission::read("masters.*.view");
/// Change files, as above.
const FILES_EDIT: Permission = Permission::write("masters.*.edit");

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/files", get(all).merge(post(add)))
        .route("/api/v1/files/{id}", get(one).merge(routing::delete(delete)))
        .route("/api/v1/files/{id}/content", get(bytes).merge(put(replace)))
        .route("/api/v1/files/{id}/restore", post(restore))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let kinds = "The kind is not taken: a program, a script, a web page.";
    let kept = |operation: Operation| {
        operation
            .takes_file(&["application/octet-stream"])
            .unkeyed()
            .fails(413, "files.too_large", "It is larger than the largest file that is taken.")
            .fails(415, "files.kind", kinds)
            .fails(422, "files.empty", "There is nothing in it.")
            .fails(422, "files.name", "It has no name that can be kept.")
            .fails(507, "files.quota", "The organisation's files would take too much together.")
    };
    let note = "Whoever may see what a file is attached to may see the file; whoever may change it may change the file.";
    let of_file = |operation: Operation| operation.uuid("id").note(note);
    let operations = [
        Operation::get(
            "/api/v1/files",
            "listFiles",
            "Files of a row or a document, deleted ones too, with their versions",
        )
        .note(note)
        .needs(&FILES_VIEW)
        .query::<Of>()
        .answers::<FileList>()
        .fails(404, "not_found", "There is no such row or document."),
        kept(
            Operation::post("/api/v1/files", "addFile", "Attaches a file: the body is its content")
                .note(note)
                .needs(&FILES_EDIT)
                .query::<New>()
                .creates::<Listed>()
                .fails(404, "not_found", "There is no such row or document."),
        ),
        of_file(Operation::get("/api/v1/files/{id}", "getFile", "A file with its versions"))
            .needs(&FILES_VIEW)
            .answers::<Listed>()
            .tagged(),
        of_file(Operation::delete("/api/v1/files/{id}", "deleteFile", "Deletes a file; it can be restored"))
            .needs(&FILES_EDIT)
            .may_match()
            .ends(),
        Operation::get("/api/v1/files/{id}/content", "getFileContent", "The content of a file")
            .uuid("id")
            .note("A range may be asked for by `Range`; the `ETag` is the content's SHA-256.")
            .needs(&FILES_VIEW)
            .query::<Which>()
            .answers_file(&["*/*"]),
        kept(
            of_file(Operation::put("/api/v1/files/{id}/content", "replaceFile", "Adds a version of a file"))
                .needs(&FILES_EDIT)
                .query::<Named>()
                .may_match()
                .answers::<Listed>(),
        ),
        of_file(Operation::post("/api/v1/files/{id}/restore", "restoreFile", "Brings a deleted file back"))
            .needs(&FILES_EDIT)
            .answers::<Listed>(),
    ];
    group("Files", operations)
}

/// Files of a row.
#[derive(Serialize, ToSchema)]
struct FileList {
    files: Vec<Listed>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FilesOf)]
struct Of {
    /// What it is attached to: the name of a master, such as `items`; `plants`; or a kind of
    /// document: `request`, `holds`, `recalls`, `exceptions`, `scopes`.
    kind: String,
    /// The key of the row: `BOLT-M6`; of a document its id.
    key: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FileNew)]
struct New {
    /// What it is attached to: the name of a master, such as `items`; `plants`; or a kind of
    /// document: `request`, `holds`, `recalls`, `exceptions`, `scopes`.
    kind: String,
    /// The key of the row: `BOLT-M6`; of a document its id.
    key: String,
    /// As people know it: `bolt.pdf`.
    name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FileNamed)]
struct Named {
    /// As people know it: `bolt.pdf`.
    name: String,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = FileWhich)]
pub(super) struct Which {
    /// A version's number; the present one when left out.
    pub version: Option<i32>,
}

fn answer(status: StatusCode, file: &Listed) -> Response {
    (status, [etag(file.version)], Json(file)).into_response()
}

/// Which version of the row the caller says that it saw; `None`: any.
fn seen(if_match: IfMatch) -> Result<Option<i32>, Problem> {
    if if_match == IfMatch::Absent { Ok(None) } else { if_match.or(None) }
}

fn told(error: FilesError, if_match: IfMatch, caller: &Caller) -> Problem {
    match error {
        FilesError::Stale => if_match.stale(),
        error => error.problem(&caller.texts),
    }
}

async fn all(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<FileList>, Problem> {
    service::gate(&state.files, &caller, Right::View)?;
    let of: Of = query(&uri)?;
    let subject = service::subject(&state.files, &caller, &of.kind, Right::View)?;
    let look = async |tx: &mut Tx| match (service::reach(tx, subject, &caller, &of.key).await?, subject.whose)
    {
        (Some(_), _) => service::list(tx, &of.kind, &of.key).await,
        (None, Whose::Of { .. } | Whose::At { .. }) => Ok(Vec::new()),
        (None, Whose::Each { .. }) => Err(FilesError::NotFound),
    };
    let found: Result<_, FilesError> = state.db.tx(&subject.whose.cx(&caller), look).await;
    let found = found.map_err(|error| error.problem(&caller.texts))?;
    Ok(Json(FileList { files: found }))
}

async fn add(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::Edit)?;
    let new: New = query(&uri)?;
    let subject = service::subject(&state.files, &caller, &new.kind, Right::Edit)?;
    let goes = Goes::To(subject, &new.key);
    service::may_put(&state.db, &state.files, &caller, goes).await?;
    taken(&state, &caller, goes, &new.name, body, (StatusCode::CREATED, IfMatch::Absent)).await
}

async fn taken(
    state: &AppState,
    caller: &Caller,
    goes: Goes<'_>,
    name: &str,
    body: Body,
    (status, if_match): (StatusCode, IfMatch),
) -> Result<Response, Problem> {
    let spooled = spool(&state.files, body.into_data_stream()).await;
    let spooled = spooled.map_err(|error| told(error, if_match, caller))?;
    service::may_put(&state.db, &state.files, caller, goes).await?;
    let done = service::upload(&state.db, &caller.cx, &state.files, goes, name, spooled, Utc::now()).await;
    let file = done.map_err(|error| told(error, if_match, caller))?;
    Ok(answer(status, &file))
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::View)?;
    let file = service::open(&state.db, &state.files, &caller, id, Right::View).await?;
    let tag = etag(file.version);
    if not_modified(&headers, &tag.1) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    Ok(answer(StatusCode::OK, &file))
}

async fn bytes(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::View)?;
    let which: Which = query(&uri)?;
    send(&state, &caller, id, &headers, &which).await
}

/// A version's bytes, as API and pages answer them.
pub(super) async fn send(
    state: &AppState,
    caller: &Caller,
    id: Uuid,
    headers: &HeaderMap,
    which: &Which,
) -> Result<Response, Problem> {
    let file = service::open(&state.db, &state.files, caller, id, Right::View).await?;
    let sent = async {
        let sent = service::sending(&state.db, &caller.cx, &file, which.version).await?;
        content::answer(&state.files, headers, &sent).await
    };
    sent.await.map_err(|error| error.problem(&caller.texts))
}

async fn replace(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::Edit)?;
    let file = service::open(&state.db, &state.files, &caller, id, Right::Edit).await?;
    let named: Named = query(&uri)?;
    let if_match = IfMatch::of(&headers);
    let goes = Goes::Over(file.id, seen(if_match)?);
    taken(&state, &caller, goes, &named.name, body, (StatusCode::OK, if_match)).await
}

async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    service::gate(&state.files, &caller, Right::Edit)?;
    service::open(&state.db, &state.files, &caller, id, Right::Edit).await?;
    let if_match = IfMatch::of(&headers);
    let done = service::delete(&state.db, &caller.cx, &state.files, id, seen(if_match)?, Utc::now()).await;
    done.map_err(|error| told(error, if_match, &caller))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn restore(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::Edit)?;
    service::open(&state.db, &state.files, &caller, id, Right::Edit).await?;
    let done = service::restore(&state.db, &caller.cx, &state.files, id).await;
    done.map_err(|error| error.problem(&caller.texts))?;
    let file = service::open(&state.db, &state.files, &caller, id, Right::Edit).await?;
    Ok(answer(StatusCode::OK, &file))
}
