//! The plant in focus and the theme, as the frame of every page sets them.

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use serde::Deserialize;

use super::account_pages::pages;
use super::settings;
use crate::web::routing::post;
use crate::web::{AppState, Caller, Problem, form, here};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/account/plant", post(set_plant)).route("/account/theme", post(set_theme))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewPlant {
    /// Empty: all.
    plant: String,
}

/// Back to the page where one is, at the other plant.
async fn set_plant(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<NewPlant>, FormRejection>,
) -> Result<Redirect, Problem> {
    let new = form(sent)?;
    change(&state, &caller, |profile| profile.plant = new.plant.clone()).await?;
    Ok(Redirect::to(here(&headers).unwrap_or("/")))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NewTheme {
    theme: String,
}

async fn set_theme(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Form<NewTheme>, FormRejection>,
) -> Result<StatusCode, Problem> {
    let new = form(sent)?;
    change(&state, &caller, |profile| profile.theme = new.theme.clone()).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn change(
    state: &AppState,
    caller: &Caller,
    change: impl Fn(&mut settings::Profile),
) -> Result<(), Problem> {
    let id = caller.person()?;
    let known = pages(state, caller);
    let known: Vec<&str> = known.iter().map(|(href, _)| *href).collect();
    settings::change(&state.db, &caller.cx, id, &known, change).await?;
    Ok(())
}
