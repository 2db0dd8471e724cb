//! Pages of the organisation: its plants, and a form for each.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::PLANT_MANAGE;
use super::service::{self, PlantError};
use super::store::{self, Plant};
use crate::db::{DbError, Tx};
use crate::i18n::{Lang, Texts};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, found, status_of};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/organisation", get(list).post(create))
        .route("/organisation/{plant}", get(edit).post(change))
}

#[derive(Template)]
#[template(path = "organisation/list.html")]
struct List<'a> {
    texts: &'a Texts,
    plants: Vec<Plant>,
    companies: usize,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&PLANT_MANAGE)?;
    let look =
        async |tx: &mut Tx| Ok::<_, DbError>((store::plants(tx).await?, store::companies(tx).await?.len()));
    let (plants, companies) = state.db.tx(&caller.cx, look).await?;
    let shell = Shell::new(&state, &caller, caller.t("organisation-title"), "/organisation");
    shell.page(&headers, &List { texts: &caller.texts, plants, companies })
}

#[derive(Template)]
#[template(path = "organisation/plant.html")]
struct Edit<'a> {
    texts: &'a Texts,
    typed: &'a Plant,
    /// It is there already.
    known: bool,
    companies: Vec<(String, String)>,
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
}

impl Edit<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        found(&self.wrong, field)
    }

    fn speaks(&self, lang: &Lang) -> bool {
        self.typed.languages.iter().any(|code| code == lang.code())
    }
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    (typed, known): (&Plant, bool),
    (wrong, error): (Vec<(&'static str, String)>, Option<String>),
) -> Result<Response, Problem> {
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::companies(tx).await?);
    let companies = state.db.tx(&caller.cx, look).await?;
    let companies = companies.into_iter().map(|(_, code, name)| (code, name)).collect();
    let failed = error.is_some() || !wrong.is_empty();
    let title = if known { typed.name.clone() } else { caller.t("organisation-new") };
    let shell = Shell::new(state, caller, title, "/organisation");
    let view = Edit { texts: &caller.texts, typed, known, companies, wrong, error };
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

/// `GET /organisation/{plant}`; `new` is a new one, which no code can be.
async fn edit(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    caller.require(&PLANT_MANAGE)?;
    let none = (Vec::new(), None);
    if code == "new" {
        let languages = vec![caller.language.code().to_owned()];
        let typed = Plant { time_zone: caller.zone.name().to_owned(), languages, ..Plant::default() };
        return show(&state, &caller, &headers, (&typed, false), none).await;
    }
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::plant_seen(tx, &code).await?);
    let found = state.db.tx(&caller.cx, look).await?.ok_or_else(Problem::not_found)?;
    show(&state, &caller, &headers, (&found, true), none).await
}

fn read(pairs: Vec<(String, String)>) -> Plant {
    let mut typed = Plant::default();
    for (name, value) in pairs {
        match name.as_str() {
            "code" => typed.code = value.trim().to_uppercase(),
            "name" => typed.name = value,
            "company" => typed.company = value,
            "time_zone" => typed.time_zone = value.trim().to_owned(),
            "language" => typed.languages.push(value),
            "address" => typed.address = value,
            "version" => typed.version = value.parse().unwrap_or_default(),
            _ => {}
        }
    }
    typed
}

async fn save(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Plant,
    changes: Option<&str>,
) -> Result<Response, Problem> {
    let known = changes.is_some();
    let told = match service::save(&state.db, &caller.cx, &typed, changes).await {
        Ok(()) => return Ok(Redirect::to("/organisation").into_response()),
        Err(PlantError::Invalid(wrong)) => {
            (wrong.into_iter().map(|(field, key)| (field, caller.t(key))).collect(), None)
        }
        Err(PlantError::Limit(reached)) => (Vec::new(), Some(reached.say(&caller.texts))),
        Err(PlantError::Stale) => (Vec::new(), Some(caller.t("error-conflict-stale"))),
        Err(PlantError::NotFound) => return Err(Problem::not_found()),
        Err(PlantError::Db(error)) => return Err(error.into()),
    };
    show(state, caller, headers, (&typed, known), told).await
}

async fn create(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&PLANT_MANAGE)?;
    let typed = read(form(sent)?);
    save(&state, &caller, &headers, typed, None).await
}

async fn change(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&PLANT_MANAGE)?;
    let typed = read(form(sent)?);
    save(&state, &caller, &headers, typed, Some(&code)).await
}
