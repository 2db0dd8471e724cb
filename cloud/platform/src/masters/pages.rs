//! Pages of masters: which there are, lists, one row, import.

mod form;
mod grid;
mod import;
mod rows;
mod variants;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::declare::Group;
use super::{ANY_VIEW, Engine, Master, sheet};
use crate::i18n::Texts;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Problem, Shell, escaped};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/masters", get(all))
        .route("/items/variants/{*code}", get(variants::page).merge(post(variants::make)))
        .route("/masters/{master}", get(rows::list).merge(post(form::create)))
        .route("/masters/{master}/new", get(form::blank))
        .route("/masters/{master}/row/{*code}", get(form::one).merge(post(form::update)))
        .route("/masters/{master}/delete/{*code}", post(form::delete))
        .route("/masters/{master}/restore/{*code}", post(form::restore))
        .route("/masters/{master}/options/{field}", get(form::options))
        .route("/masters/{master}/export", get(rows::export))
        .route(
            "/masters/{master}/grid",
            get(grid::page).merge(post(grid::send)).layer(DefaultBodyLimit::max(grid::MOST_BYTES)),
        )
        .route(
            "/masters/{master}/import",
            get(import::page)
                .merge(post(import::send))
                .layer(DefaultBodyLimit::max(sheet::MAX_BYTES + 64 * 1024)),
        )
}

/// A text as a part of an address has it.
fn url_text(text: &str) -> String {
    escaped(text, b"-_./:")
}

#[derive(Template)]
#[template(path = "masters/all.html")]
struct All<'a> {
    texts: &'a Texts,
    groups: Vec<(Group, Vec<&'static Master>)>,
}

/// The masters that the caller may see.
async fn all(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&ANY_VIEW)?;
    let shapes = engine.shapes(&state.db).await.map_err(|error| error.problem(&caller.texts))?;
    let seen: Vec<&'static Master> = shapes
        .iter()
        .map(|shape| shape.master)
        .filter(|master| caller.may(&master.permissions.view))
        .collect();
    let groups = Group::ALL.map(|group| (group, seen.iter().copied().filter(|m| m.group == group).collect()));
    let groups = groups.into_iter().filter(|(_, masters): &(Group, Vec<_>)| !masters.is_empty()).collect();
    let shell = Shell::new(&state, &caller, caller.t("masters-title"), "/masters");
    shell.page(&headers, &All { texts: &caller.texts, groups })
}
