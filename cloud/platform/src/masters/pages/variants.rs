//! The page that shows an item's variants and makes more of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

use super::super::api::{Right, open};
use super::super::{Engine, MastersError, item_store, service, variants};
use super::url_text;
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::{AppState, Caller, Path, Problem, Shell, form};

/// The master that has variants.
const ITEMS: &str = "items";

#[derive(Template)]
#[template(path = "masters/variants.html")]
struct Page<'a> {
    texts: &'a Texts,
    item: &'a str,
    name: String,
    variants: Vec<(String, Vec<String>)>,
    attributes: Vec<(String, Vec<String>)>,
    told: Vec<String>,
    may_make: bool,
}

/// `GET /items/variants/{code}`
pub(super) async fn page(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(item): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(&state, &engine, &caller, &headers, &item, Vec::new()).await
}

async fn show(
    state: &AppState,
    engine: &Engine,
    caller: &Caller,
    headers: &HeaderMap,
    item: &str,
    told: Vec<String>,
) -> Result<Response, Problem> {
    let (shapes, master, caller) = open(state, engine, caller.clone(), ITEMS, Right::View).await?;
    let texts = &caller.texts;
    let found = async {
        let shape = shapes.find(ITEMS)?;
        state
            .db
            .tx(&caller.cx, async |tx| {
                let row = service::find(tx, shape, item, false).await?.row;
                let variants = variants::of_item(tx, item).await?;
                let mut attributes = item_store::attributes(tx).await.map_err(DbError::from)?;
                attributes.sort();
                Ok::<_, MastersError>((shape.name_of(&row, texts.lang), variants, attributes))
            })
            .await
    };
    let (name, variants, attributes) = found.await.map_err(|error| error.problem(texts))?;
    let may_make = caller.may(&master.permissions.edit);
    let title = format!("{name} · {}", texts.t("variants-title"));
    let page = Page { texts, item, name, variants, attributes, told, may_make };
    Shell::new(state, &caller, title, "/masters")
        .under("/masters", texts.t("masters-title"))
        .under("/masters/items", texts.t("master-items"))
        .under(format!("/masters/items/row/{}", url_text(item)), item)
        .page(headers, &page)
}

/// `POST /items/variants/{code}`: makes what was ticked.
pub(super) async fn make(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(item): Path<String>,
    headers: HeaderMap,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, ITEMS, Right::Edit).await?;
    let mut chosen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (attribute, value) in form(sent)? {
        chosen.entry(attribute).or_default().push(value);
    }
    let texts = &caller.texts;
    let shape = shapes.find(ITEMS).map_err(|error| error.problem(texts))?;
    match variants::make(&state.db, &caller.cx, shape, &item, &chosen).await {
        Ok(_) => Ok(Redirect::to(&format!("/items/variants/{}", url_text(&item))).into_response()),
        Err(MastersError::Mistakes(mistakes)) => {
            let told = mistakes.iter().map(|mistake| {
                format!("{} {} {}", mistake.found, mistake.wrong.what(texts), mistake.wrong.fix(texts))
            });
            let page = show(&state, &engine, &caller, &headers, &item, told.collect()).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.problem(texts)),
    }
}
