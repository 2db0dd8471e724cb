//! Pages of the organisation: its plants, and a form for each.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::service::{self, PlantError};
use super::store::{self, Plant};
use super::{PLANT_MANAGE, attached};
use crate::db::{DbError, Tx};
use crate::i18n::{LONGEST_NAME, Lang, Texts};
use crate::web::fields::{Fields, Input};
use crate::web::list::{Action, Cell, Column, List, Row, address};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, kept, no_place, query, status_of};

/// Where they are.
const PATH: &str = "/organisation";
/// Plants of one page.
const PAGE: usize = 50;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(PATH, get(list).merge(post(create)))
        .route("/organisation/{plant}", get(edit).merge(post(change)))
}

/// What stands above the plants: the masters beside them, and that a company comes first.
#[derive(Template)]
#[template(path = "organisation/above.html")]
struct Above<'a> {
    texts: &'a Texts,
    companies: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// The code behind which the list begins.
    after: String,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&PLANT_MANAGE)?;
    let asked = query::<Asked>(&uri)?;
    if asked.after.contains('\0') {
        return Err(no_place());
    }
    let look = async |tx: &mut Tx| {
        let plants = store::plants_after(tx, &asked.after, PAGE as i64 + 1).await?;
        Ok::<_, DbError>((plants, store::companies(tx).await?.len()))
    };
    let (mut plants, companies) = state.db.tx(&caller.cx, look).await?;
    let more = plants.len() > PAGE;
    plants.truncate(PAGE);
    let texts = &caller.texts;
    let row = |plant: &Plant| {
        Row::new([
            Cell::code(&plant.code),
            Cell::text(plant.names.say(texts.lang, &plant.name)),
            Cell::code(&plant.company),
            Cell::text(&plant.time_zone),
            Cell::text(plant.languages.join(", ")),
        ])
        .to(format!("{PATH}/{}", plant.code))
    };
    let new = Action::to("/organisation/new", texts.t("organisation-new")).icon("plus").main();
    let view = List::new(texts, PATH)
        .head(texts.t("organisation-title"), texts.t("organisation-lead"))
        .actions([new])
        .above(Above { texts, companies }.render()?)
        .columns([
            Column::new("organisation-code"),
            Column::new("people-name"),
            Column::new("organisation-company"),
            Column::new("admin-zone"),
            Column::new("organisation-languages"),
        ])
        .rows(plants.iter().map(row))
        .empty(texts.t("organisation-none"))
        .teaches(texts.t("organisation-none-hint"))
        .first((!asked.after.is_empty()).then(|| PATH.to_owned()))
        .next(plants.last().filter(|_| more).map(|last| address(PATH, &[("after", &last.code)])));
    Shell::new(&state, &caller, caller.t("organisation-title"), PATH).page(&headers, &view)
}

#[derive(Template)]
#[template(path = "organisation/plant.html")]
struct Edit<'a> {
    texts: &'a Texts,
    typed: &'a Plant,
    /// It is there already.
    known: bool,
    fields: Fields<'a>,
    /// Where its files are shown; empty of one that is not there yet.
    files: String,
}

fn fields<'a>(texts: &'a Texts, typed: &Plant, known: bool, companies: &[(String, String)]) -> Fields<'a> {
    let to = if known { format!("/organisation/{}", typed.code) } else { "/organisation".to_owned() };
    let companies = companies.iter().map(|(code, name)| (code.clone(), format!("{code} · {name}")));
    let speaks = |lang: Lang| typed.languages.iter().any(|code| code == lang.code());
    let languages =
        Lang::ALL.into_iter().map(|lang| (lang.code().to_owned(), lang.own_name().to_owned(), speaks(lang)));
    let code = Input::text("code", texts.t("organisation-code")).value(&typed.code).code().longest(3);
    let fields = Fields::new(texts, to, texts.t("people-save")).version(Some(typed.version)).inputs([
        code.required().fixed(known).hint(texts.t("organisation-code-hint")),
        Input::text("name", texts.t("people-name")).value(&typed.name).required().longest(LONGEST_NAME),
        Input::choice("company", texts.t("organisation-company"), companies).value(&typed.company).required(),
        Input::zone("time_zone", texts.t("admin-zone")).value(&typed.time_zone).required(),
        Input::many("language", texts.t("organisation-languages"), languages).required(),
        Input::lines("address", texts.t("organisation-address")).value(&typed.address).longest(500),
    ]);
    fields.names(&typed.names, LONGEST_NAME)
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    (typed, known): (&Plant, bool),
    (wrong, error): (Vec<(&'static str, String)>, Option<String>),
) -> Result<Response, Problem> {
    let failed = error.is_some() || !wrong.is_empty();
    let look = async |tx: &mut Tx| {
        // What stands now, where it may be something else than what was seen.
        let asked = known && failed && typed.code.parse::<uid::PlantCode>().is_ok();
        let stands = if asked { store::plant_seen(tx, &typed.code).await? } else { None };
        Ok::<_, DbError>((store::companies(tx).await?, stands))
    };
    let (companies, stands) = state.db.tx(&caller.cx, look).await?;
    let companies: Vec<_> = companies.into_iter().map(|(_, code, name)| (code, name)).collect();
    let title = if known {
        typed.names.say(caller.texts.lang, &typed.name).to_owned()
    } else {
        caller.t("organisation-new")
    };
    let shell = Shell::new(state, caller, title, "/organisation")
        .under("/organisation", caller.t("organisation-title"));
    let files = match known {
        true => state.files.panel(&caller.texts, attached::KIND, &typed.code)?,
        false => String::new(),
    };
    let input = |field: &'static str| if field == "languages" { "language" } else { field };
    let wrong = wrong.into_iter().map(|(field, told)| (input(field), told));
    let form = |it: &Plant| fields(&caller.texts, it, known, &companies);
    let typed_form = form(typed).told(error).wrong(wrong);
    let fields = match stands {
        Some(stands) => typed_form.against(&form(&stands)),
        None => typed_form,
    };
    let view = Edit { texts: &caller.texts, typed, known, fields, files };
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
    let said = |(name, value): &(String, String)| {
        let lang = Lang::parse(name.strip_prefix("names.")?)?;
        Some((lang, value.clone())).filter(|_| !value.trim().is_empty())
    };
    typed.names = pairs.iter().filter_map(said).collect();
    for (name, value) in pairs {
        match name.as_str() {
            "code" => typed.code = value.trim().to_uppercase(),
            "name" => typed.name = value,
            "company" => typed.company = value,
            "time_zone" => typed.time_zone = value.trim().to_owned(),
            "language" if !value.is_empty() => typed.languages.push(value),
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
        Err(PlantError::Invalid(wrong)) => (service::say(&caller.texts, wrong), None),
        Err(PlantError::Limit(reached)) => (Vec::new(), Some(reached.say(&caller.texts))),
        Err(PlantError::Stale) => (Vec::new(), Some(caller.t("error-conflict-stale"))),
        Err(PlantError::NotFound) => return Err(Problem::not_found()),
        Err(PlantError::Db(error)) => (Vec::new(), Some(kept(&caller.texts, error)?)),
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
