//! The page of addresses that mail does not reach, and the person's own way to
//! confirm one.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::{Unreachable, confirm, lift, send_code, store, token_create};
use crate::db::DbError;
use crate::i18n::Texts;
use crate::notify::contact::CodeError;
use crate::notify::{MANAGE, pages};
use crate::web::list::{Action, Cell, Column, List, Row};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, form};

/// Where they are.
const PATH: &str = "/deliveries/addresses";

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(PATH, get(page))
        .route("/deliveries/addresses/{id}/lift", post(lifted))
        .route("/deliveries/addresses/token", post(new_token))
        .route("/notices/address", post(own_code))
        .route("/notices/address/confirm", post(own_confirm))
}

/// Most that the page shows.
const MOST: i64 = 200;

#[derive(Template)]
#[template(path = "notify/addresses.html")]
struct Page<'a> {
    texts: &'a Texts,
    list: List<'a>,
    has_token: bool,
    /// One that was just made; shown this once.
    token: Option<String>,
}

/// Addresses, and what lets mail go to them again.
fn list<'a>(caller: &'a Caller, addresses: &[Unreachable]) -> List<'a> {
    let texts = &caller.texts;
    let row = |one: &Unreachable| {
        Row::new([
            Cell::text(texts.time(&one.since, caller.zone)),
            Cell::text(&one.name).under(&one.email),
            Cell::state(texts.t(&format!("address-source-{}", one.source)), "is-bad").under(&one.reason),
            Cell::button(format!("{PATH}/{}/lift", one.user_id), texts.t("address-lift")),
        ])
    };
    List::new(texts, PATH)
        .head(texts.t("address-title"), texts.t("address-lead"))
        .actions([Action::to("/deliveries", texts.t("delivery-title"))])
        .columns([
            Column::new("address-since"),
            Column::new("delivery-to"),
            Column::new("address-reason"),
            Column::new("address-lift"),
        ])
        .rows(addresses.iter().map(row))
        .empty(texts.t("address-none"))
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    show(&state, &caller, &headers, None).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    token: Option<String>,
) -> Result<Response, Problem> {
    let (addresses, kept) = state
        .db
        .tx(&caller.cx, async |tx| {
            Ok::<_, DbError>((store::all(tx, MOST).await?, store::token_hash(tx).await?))
        })
        .await?;
    let shell = Shell::new(state, caller, caller.t("address-title"), "/deliveries")
        .under("/deliveries", caller.t("delivery-title"));
    let has_token = kept.is_some();
    let list = list(caller, &addresses);
    shell.page(headers, &Page { texts: &caller.texts, list, has_token, token })
}

async fn lifted(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    caller.require(&MANAGE)?;
    if !lift(&state.db, &caller.cx, id).await? {
        return Err(Problem::not_found());
    }
    Ok(Redirect::to("/deliveries/addresses"))
}

async fn new_token(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let token = token_create(&state.db, &caller.cx).await?;
    show(&state, &caller, &headers, Some(token.reveal().to_owned())).await
}

/// Back to the settings, with what was wrong where that is the person's to mend.
async fn back(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    done: Result<(), CodeError>,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to("/notices/settings").into_response()),
        Err(error) => match error.text_key() {
            Some(key) => pages::settings_told(state, caller, headers, caller.t(key)).await,
            None => Err(error.into()),
        },
    }
}

async fn own_code(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let done = send_code(&state.db, &caller.cx, &state.secrets, user, Utc::now()).await;
    back(&state, &caller, &headers, done).await
}

#[derive(Debug, Deserialize)]
struct Typed {
    code: String,
}

async fn own_confirm(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let Typed { code } = form(sent)?;
    let done = confirm(&state.db, &caller.cx, &state.secrets, (user, &code), Utc::now()).await;
    back(&state, &caller, &headers, done).await
}
