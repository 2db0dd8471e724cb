//! Pages of the organisation: its plants, and a form for each.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use super::service::{self, PlantError};
use super::store::{self, Plant};
use super::{PLANT_MANAGE, attached};
use crate::db::{DbError, Tx};
use crate::i18n::{Lang, Texts};
use crate::web::fields::{Fields, Input};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, status_of};

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
    fields: Fields<'a>,
    /// Where its files are shown; empty of one that is not there yet.
    files: String,
}

fn fields<'a>(texts: &'a Texts, typed: &Plant, known: bool, companies: Vec<(String, String)>) -> Fields<'a> {
    let to = if known { format!("/organisation/{}", typed.code) } else { "/organisation".to_owned() };
    let companies = companies.into_iter().map(|(code, name)| (code.clone(), format!("{code} · {name}")));
    let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| (zone.name().to_owned(), String::new()));
    let speaks = |lang: Lang| typed.languages.iter().any(|code| code == lang.code());
    let languages =
        Lang::ALL.into_iter().map(|lang| (lang.code().to_owned(), lang.own_name().to_owned(), speaks(lang)));
    let code = Input::text("code", texts.t("organisation-code")).value(&typed.code).code().longest(3);
    let fields = Fields::new(texts, to, texts.t("people-save")).version(Some(typed.version)).inputs([
        code.required().fixed(known).hint(texts.t("organisation-code-hint")),
        Input::text("name", texts.t("people-name")).value(&typed.name).required().longest(80),
        Input::choice("company", texts.t("organisation-company"), companies).value(&typed.company).required(),
        Input::text("time_zone", texts.t("admin-zone"))
            .value(&typed.time_zone)
            .required()
            .longest(60)
            .offers(zones.collect(), None),
        Input::many("language", texts.t("organisation-languages"), languages),
        Input::lines("address", texts.t("organisation-address")).value(&typed.address).longest(500),
    ]);
    let named = Lang::ALL.into_iter().map(|lang| {
        Input::text(format!("names.{}", lang.code()), lang.own_name())
            .value(typed.names.of(lang).unwrap_or_default())
            .lang(lang.code())
            .longest(80)
    });
    fields.fold(texts.t("shell-names"), texts.t("shell-names-hint"), vec![(String::new(), named.collect())])
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
    let input = |field| match field {
        "languages" => "language",
        "names" => "names.en",
        field => field,
    };
    let wrong = wrong.into_iter().map(|(field, told)| (input(field), told));
    let fields = fields(&caller.texts, typed, known, companies).told(error).wrong(wrong);
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
