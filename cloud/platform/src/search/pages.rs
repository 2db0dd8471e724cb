//! The box of the shell, the page behind it, and the API.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FEW, Group, MANY, find, meant};
use crate::i18n::Texts;
use crate::openapi::{Operation, group};
use crate::web::routing::get;
use crate::web::{AppState, Caller, Problem, Shell, query};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/search", get(page)).route("/search/box", get(found)).route("/api/v1/find", get(api))
}

/// What the route here is, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let find =
        Operation::get("/api/v1/find", "find", "What begins so, of everything that the caller may see")
            .signed_in()
            .query::<Asked>()
            .answers::<Everything>();
    group("Search", [find])
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FoundThings)]
struct Everything {
    /// What was found, by kind.
    groups: Vec<Group>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = FindQuery)]
struct Asked {
    /// The beginning of a code, name or number, in any case.
    #[schema(max_length = 100)]
    q: String,
}

#[derive(Template)]
#[template(path = "search/box.html")]
struct Found<'a> {
    texts: &'a Texts,
    text: &'a str,
    groups: Vec<Group>,
}

/// `GET /search/box`: results while one types, as options of a list.
async fn found(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Html<String>, Problem> {
    let asked = query::<Asked>(&uri)?;
    let text = asked.q.trim();
    let groups = find(&state, &caller, text, FEW).await?;
    Ok(Html(Found { texts: &caller.texts, text, groups }.render()?))
}

#[derive(Template)]
#[template(path = "search/page.html")]
struct Page<'a> {
    texts: &'a Texts,
    text: &'a str,
    groups: Vec<Group>,
}

/// `GET /search`: everything that was found; straight to the one thing that was
/// meant, if it is one.
async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let asked = query::<Asked>(&uri)?;
    let text = asked.q.trim();
    let groups = if text.is_empty() { Vec::new() } else { find(&state, &caller, text, MANY).await? };
    if let Some(hit) = meant(&groups) {
        return Ok(Redirect::to(&hit.href).into_response());
    }
    let shell = Shell::new(&state, &caller, caller.t("search-title"), "").searched(&asked.q);
    shell.page(&headers, &Page { texts: &caller.texts, text, groups })
}

/// `GET /api/v1/find?q=`
async fn api(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Everything>, Problem> {
    let asked = query::<Asked>(&uri)?;
    let text = asked.q.trim();
    let groups = if text.is_empty() { Vec::new() } else { find(&state, &caller, text, MANY).await? };
    Ok(Json(Everything { groups }))
}
