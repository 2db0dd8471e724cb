//! The description of the API (OpenAPI 3.1): a part declares its operations beside
//! its handlers, and the server gives them all to [`router`], which serves the
//! document and a page to read it by.
//!
//! `docs/api.md` says how to add an endpoint. A test holds the operations against
//! the routes, both ways.

mod document;
mod look;
mod operation;
mod pages;
mod shared;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

pub use document::{document, mistakes};
pub use operation::{Access, Operation, group, reference};

use crate::db::Db;
use crate::i18n::{Lang, Sources};
use crate::masters;
use crate::web::routing::get;
use crate::web::{AppState, Module, Problem, not_modified};

/// The texts of this part.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// The operations of this part.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let told = Operation::get("/api/openapi.json", "openapi", "This document")
        .note("The same for everybody: it holds nothing of any tenant.")
        .public()
        .answers_json(200, serde_json::json!({ "type": "object", "required": ["openapi"] }));
    group("About the API", [told])
}

/// The document, and the page to read it by, of these operations and those of all
/// masters.
pub fn router(operations: Vec<Operation>) -> Router<AppState> {
    let api = Arc::new(Api { declared: operations, whole: OnceCell::new() });
    Router::new().route("/api/openapi.json", get(served)).merge(pages::router()).layer(Extension(api))
}

/// What is served; made when first asked for, since the columns of masters are
/// read from the database.
struct Api {
    declared: Vec<Operation>,
    whole: OnceCell<Whole>,
}

struct Whole {
    operations: Vec<Operation>,
    document: Value,
    json: Bytes,
    tag: HeaderValue,
}

/// These operations, and those of all masters.
///
/// # Errors
/// When the masters' tables cannot be read.
pub async fn with_masters(db: &Db, declared: &[Operation]) -> Result<Vec<Operation>, Problem> {
    let masters = masters::operations(db).await.map_err(Problem::internal)?;
    let mut all = declared.to_vec();
    // Before the last group, which is about the API itself.
    let at = all.iter().position(|operation| operation.path == "/api/openapi.json").unwrap_or(all.len());
    all.splice(at..at, masters);
    Ok(all)
}

impl Api {
    async fn whole(&self, db: &Db) -> Result<&Whole, Problem> {
        self.whole
            .get_or_try_init(async || {
                let operations = with_masters(db, &self.declared).await?;
                let document = document(&operations);
                let json = Bytes::from(serde_json::to_vec(&document).map_err(Problem::internal)?);
                let hash: String = Sha256::digest(&json).iter().take(8).map(|b| format!("{b:02x}")).collect();
                let tag = HeaderValue::from_str(&format!("\"{hash}\"")).map_err(Problem::internal)?;
                Ok(Whole { operations, document, json, tag })
            })
            .await
    }
}

/// `GET /api/openapi.json`. It is the same for everybody and says nothing of any
/// tenant, so that tools can read it without a key.
async fn served(
    State(state): State<AppState>,
    Extension(api): Extension<Arc<Api>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let whole = api.whole(&state.db).await?;
    let always = [
        (header::ETAG, whole.tag.clone()),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        // Editors and viewers of other sites may read what is public anyway.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    if not_modified(&headers, &whole.tag) {
        return Ok((StatusCode::NOT_MODIFIED, always).into_response());
    }
    Ok((always, whole.json.clone()).into_response())
}

/// What the server has to know of the description of the API: it describes the
/// operations of all other modules, and its own.
#[must_use]
pub fn module(described: Vec<Operation>) -> Module {
    let all = [described, operations()].concat();
    Module::new("openapi").routes(router(all)).operations(operations()).texts(TEXTS)
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_texts_are_there() {
        crate::i18n::assert_complete(super::TEXTS);
    }
}
