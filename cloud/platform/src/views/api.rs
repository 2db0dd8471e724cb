//! Views by API: one's own, and those that are for all.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, View};
use super::{Keep, service};
use crate::db::{DbError, Tx};
use crate::openapi::{Operation, group};
use crate::web::routing::{self, get, post, put};
use crate::web::{AppState, Caller, IfMatch, Path, Problem, etag, json, not_modified, query, rows};

/// Most views of one answer.
const MOST: i64 = 200;

const ALL: &str = "/api/v1/views";
const ONE: &str = "/api/v1/views/{id}";

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(ALL, get(list).merge(post(create)))
        .route(ONE, get(one).merge(put(replace)).merge(routing::delete(delete)))
}

/// What the routes here are, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    const SHARES: &str = "`shared` asks for the right `views.share`.";
    const TAKEN: &str = "Its owner has a view of this name in the list.";
    const INVALID: &str = "Fields are not right; all of them are told.";
    let list = Operation::get(ALL, "listViews", "Views of a list: your own, and those for all, by name")
        .signed_in()
        .query::<Asked>()
        .answers::<Page>();
    let create = Operation::post(ALL, "createView", "Keeps a view of a list")
        .note(SHARES)
        .signed_in()
        .takes::<NewView>()
        .creates::<Shown>()
        .tagged()
        .fails(409, "views.name_taken", TAKEN)
        .fails(422, "views.invalid", INVALID);
    let one = Operation::get(ONE, "getView", "One view").signed_in().uuid("id").answers::<Shown>().tagged();
    let replace = Operation::put(ONE, "replaceView", "Replaces a view, or names it anew: the whole of it")
        .note(
            "One's own; with the right `views.share` one that is for all. Of another's view `first` stays \
             as its owner wants it.",
        )
        .signed_in()
        .uuid("id")
        .takes::<Body>()
        .answers::<Shown>()
        .tagged()
        .must_match()
        .fails(409, "conflict.stale", "Somebody else changed it since `version`.")
        .fails(409, "views.name_taken", TAKEN)
        .fails(422, "views.invalid", INVALID);
    let delete = Operation::delete(ONE, "deleteView", "Takes a view away")
        .note("One's own; with the right `views.share` one that is for all.")
        .signed_in()
        .uuid("id")
        .may_match()
        .ends();
    group("Views", [list, create, one, replace, delete])
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ViewsQuery)]
struct Asked {
    /// The list: the name of a master, such as `items`, or another list's own.
    #[schema(min_length = 1, max_length = 60)]
    list: String,
    /// What the answer before gave as `next`.
    #[serde(default)]
    after: Option<Uuid>,
    /// How many; 50, when left out.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Views of a page.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ViewsPage)]
struct Page {
    /// By name.
    views: Vec<Shown>,
    /// Pass as `after` for the next page; null on the last.
    next: Option<Uuid>,
}

/// A view of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = View)]
struct Shown {
    id: Uuid,
    list: String,
    name: String,
    /// Filters, search and order, as the query string of the list's page.
    query: String,
    /// The columns, in order; none: the usual ones.
    columns: Vec<String>,
    /// It is for all.
    shared: bool,
    /// Its owner sees it when the list is opened.
    first: bool,
    /// It is the caller's.
    own: bool,
    version: i32,
}

impl Shown {
    fn of(view: View, caller: &Caller) -> Self {
        Self {
            id: view.view_id,
            own: view.owner == caller.cx.actor,
            list: view.list,
            name: view.name,
            query: view.query,
            columns: view.columns,
            shared: view.shared,
            first: view.is_default,
            version: view.version,
        }
    }
}

/// A view that is to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewView {
    /// The list: the name of a master, such as `items`, or another list's own, such as
    /// `people`. One that there is not is refused with the names of those that there are.
    #[schema(min_length = 1, max_length = 60)]
    list: String,
    #[schema(min_length = 1, max_length = 60)]
    name: String,
    /// Filters, search and order, as the query string of the list's page.
    #[serde(default)]
    #[schema(max_length = 2000, example = "tracking=lot&sort=-name")]
    query: String,
    /// The columns, in order; none: the usual ones.
    #[serde(default)]
    #[schema(max_items = 60)]
    columns: Vec<String>,
    /// It is for all.
    #[serde(default)]
    shared: bool,
    /// Its owner sees it when the list is opened.
    #[serde(default)]
    first: bool,
}

/// A view as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ViewBody)]
struct Body {
    #[schema(min_length = 1, max_length = 60)]
    name: String,
    /// Filters, search and order, as the query string of the list's page.
    #[serde(default)]
    #[schema(max_length = 2000)]
    query: String,
    /// The columns, in order; none: the usual ones.
    #[serde(default)]
    #[schema(max_items = 60)]
    columns: Vec<String>,
    /// It is for all.
    #[serde(default)]
    shared: bool,
    /// Its owner sees it when the list is opened.
    #[serde(default)]
    first: bool,
    /// The version that was seen, where `If-Match` does not say it.
    #[serde(default)]
    version: Option<i32>,
}

/// `GET /api/v1/views?list=&after=&limit=`
async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Page>, Problem> {
    let asked = query::<Asked>(&uri)?;
    let limit = rows(asked.limit, 50, MOST)?;
    if asked.list.contains('\0') {
        let detail = "list: it is the name of none";
        return Err(Problem::bad_request("query.parameter", detail).field("list", detail));
    }
    let actor = &caller.cx.actor;
    let look = async |tx: &mut Tx| {
        Ok::<_, DbError>(store::views_after(tx, &asked.list, actor, asked.after, limit + 1).await?)
    };
    let mut views = state.db.tx(&caller.cx, look).await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = views.len() > most;
    views.truncate(most);
    let next = views.last().filter(|_| more).map(|last| last.view_id);
    Ok(Json(Page { views: views.into_iter().map(|view| Shown::of(view, &caller)).collect(), next }))
}

/// `POST /api/v1/views`
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<NewView>, JsonRejection>,
) -> Result<Response, Problem> {
    let NewView { list, name, query, columns, shared, first } = json(sent)?;
    let wish = Keep { list, name: name.trim().to_owned(), query, columns, shared, first };
    let masters = state.masters.shapes(&state.db).await.map_err(|error| error.problem(&caller.texts))?;
    let lists: Vec<&str> =
        masters.iter().map(|shape| shape.master.name).chain(state.views.iter().copied()).collect();
    service::judge(&caller, &wish, Some(&lists))?;
    let made = state.db.tx(&caller.cx, async |tx| service::create(tx, &caller.cx, &wish).await).await?;
    let at = [(header::LOCATION, format!("{ALL}/{}", made.view_id))];
    Ok((StatusCode::CREATED, at, [etag(made.version)], Json(Shown::of(made, &caller))).into_response())
}

/// `GET /api/v1/views/{id}`
async fn one(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let actor = &caller.cx.actor;
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::view_seen(tx, id, actor).await?);
    let view = state.db.tx(&caller.cx, look).await?.ok_or_else(Problem::not_found)?;
    let tag = etag(view.version);
    if not_modified(&headers, &tag.1) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    Ok(([tag], Json(Shown::of(view, &caller))).into_response())
}

/// `PUT /api/v1/views/{id}`
async fn replace(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Json<Body>, JsonRejection>,
) -> Result<Response, Problem> {
    let Body { name, query, columns, shared, first, version } = json(sent)?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(version)?;
    // Whoever does not see the view learns that first.
    let actor = &caller.cx.actor;
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::view_seen(tx, id, actor).await?);
    let before = state.db.tx(&caller.cx, look).await?.ok_or_else(Problem::not_found)?;
    let wish = Keep { list: before.list, name: name.trim().to_owned(), query, columns, shared, first };
    service::judge(&caller, &wish, None)?;
    let done = state.db.tx(&caller.cx, async |tx| service::replace(tx, &caller, id, &wish, version).await);
    let view = done.await?.ok_or_else(|| if_match.stale())?;
    Ok(([etag(view.version)], Json(Shown::of(view, &caller))).into_response())
}

/// `DELETE /api/v1/views/{id}`
async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let if_match = IfMatch::of(&headers);
    let version = match if_match {
        IfMatch::Absent => None,
        said => said.or(None)?,
    };
    let done = state.db.tx(&caller.cx, async |tx| service::delete(tx, &caller, id, version).await);
    if done.await? { Ok(StatusCode::NO_CONTENT) } else { Err(if_match.stale()) }
}
