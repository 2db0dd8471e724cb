//! The page *Personal data*: find somebody, see what is held, hand out a copy,
//! write down consents, erase.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::api::{Asked, Given, person};
use super::held::{Readable, readable};
use super::model::{Erased, Kind, Person, PersonalError};
use super::store::{Consent, Found};
use super::words::{self, Words};
use super::{PERSONAL_MANAGE, PERSONAL_READ, service};
use crate::audit;
use crate::i18n::Texts;
use crate::people::{self, By};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, escaped, form, query};
use crate::workflow::UnderWay;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/personal", get(search))
        .route("/personal/of/{person}/{*code}", get(one))
        .route("/personal/export/{person}/{*code}", post(export))
        .route("/personal/erase/{person}/{*code}", post(erase))
        .route("/personal/consents/{person}/{*code}", post(give))
        .route("/personal/withdraw/{person}/{consent}/{*code}", post(withdraw))
}

fn address(verb: &str, person: &Person) -> String {
    format!("/personal/{verb}/{}/{}", person.kind.name(), escaped(&person.key, b"-_./"))
}

#[derive(Template)]
#[template(path = "personal/search.html")]
struct SearchPage<'a> {
    texts: &'a Texts,
    q: &'a str,
    found: Vec<(Found, String)>,
}

#[derive(Template)]
#[template(path = "personal/person.html")]
struct PersonPage<'a> {
    texts: &'a Texts,
    zone: chrono_tz::Tz,
    person: &'a Person,
    name: String,
    consents: Vec<Consent>,
    sections: Vec<Readable>,
    told: Option<String>,
    may_manage: bool,
    /// Why whoever looks cannot erase the person.
    beyond: Option<String>,
    /// What is on its way and waits for the person: to be seen to before an erasure.
    under_way: Vec<UnderWay>,
    /// Where the person is put right.
    rectify: String,
}

/// What erasure did, and what it left for somebody to decide.
#[derive(Template)]
#[template(path = "personal/erased.html")]
struct ErasedPage<'a> {
    texts: &'a Texts,
    person: &'a Person,
    to: String,
    erased: Erased,
}

impl PersonPage<'_> {
    fn at(&self, verb: &str) -> String {
        address(verb, self.person)
    }

    fn withdraw_at(&self, consent: &Consent) -> String {
        let (kind, key) = (self.person.kind.name(), escaped(&self.person.key, b"-_./"));
        format!("/personal/withdraw/{kind}/{}/{key}", consent.consent_id)
    }
}

async fn search(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&PERSONAL_READ)?;
    let asked: Asked = query(&uri)?;
    let found = service::search(&state.db, &caller.cx, &asked.q).await;
    let found = found.map_err(|error| error.problem(&caller.texts))?;
    let link = |one: Found| {
        let kind = Kind::parse(&one.kind).unwrap_or(Kind::User);
        let to = address("of", &Person { kind, key: one.key.clone() });
        (one, to)
    };
    let page = SearchPage { texts: &caller.texts, q: &asked.q, found: found.into_iter().map(link).collect() };
    Shell::new(&state, &caller, caller.t("personal-title"), "/personal").page(&headers, &page)
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    person: &Person,
    told: Option<String>,
) -> Result<Response, Problem> {
    let made = async {
        let document = service::open(&state.db, &state.secrets, &caller.cx, person, Utc::now()).await?;
        let (name, consents) = service::consents(&state.db, &caller.cx, person).await?;
        let beyond = match person.user() {
            Some(user) => people::beyond_of(&state.db, &By::caller(state, caller), user).await?,
            None => None,
        };
        let roles = people::roles(&state.db, &caller.cx).await?;
        let names = audit::names(&state.db, &caller.cx, &words::ids(&document)).await?;
        let under_way = service::under_way(&state.db, &caller.cx, person).await?;
        Ok::<_, PersonalError>((document, name, consents, beyond, roles, names, under_way))
    };
    let (document, name, consents, beyond, roles, names, under_way) =
        made.await.map_err(|error| error.problem(&caller.texts))?;
    let rectify = match person.kind.master() {
        Some(master) => format!("/masters/{master}/row/{}", escaped(&person.key, b"-_./")),
        None => format!("/users/{}", person.key),
    };
    let page = PersonPage {
        texts: &caller.texts,
        zone: caller.zone,
        person,
        name,
        consents,
        sections: readable(&document, &Words { texts: &caller.texts, zone: caller.zone, roles, names }),
        told,
        may_manage: caller.may(&PERSONAL_MANAGE),
        beyond: beyond.map(|beyond| beyond.say(&caller.texts)),
        under_way,
        rectify,
    };
    Shell::new(state, caller, caller.t("personal-title"), "/personal")
        .under("/personal", caller.t("personal-title"))
        .page(headers, &page)
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&PERSONAL_READ)?;
    let person = person(&kind, &key)?;
    show(&state, &caller, &headers, &person, None).await
}

async fn export(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
) -> Result<Response, Problem> {
    caller.require(&PERSONAL_READ)?;
    let person = person(&kind, &key)?;
    let made = service::export(&state.db, &state.secrets, &caller.cx, &person, Utc::now()).await;
    let document = made.map_err(|error| error.problem(&caller.texts))?;
    let mut response = serde_json::to_vec_pretty(&document).unwrap_or_default().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let told = HeaderValue::from_static("attachment; filename=\"personal-data.json\"");
    headers.insert(header::CONTENT_DISPOSITION, told);
    Ok(response)
}

#[derive(Deserialize)]
struct Confirmed {
    /// What was typed: the person's code, or the last characters of a user's id.
    confirm: String,
}

/// What has to be typed to erase somebody.
pub(super) fn confirmation(person: &Person) -> String {
    match person.kind {
        Kind::User => person.key.chars().rev().take(6).collect::<Vec<_>>().into_iter().rev().collect(),
        _ => person.key.clone(),
    }
}

async fn erase(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
    headers: HeaderMap,
    sent: Result<Form<Confirmed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&PERSONAL_MANAGE)?;
    let person = person(&kind, &key)?;
    // Whether there is somebody comes before what was typed.
    service::consents(&state.db, &caller.cx, &person).await.map_err(|error| error.problem(&caller.texts))?;
    let Confirmed { confirm } = form(sent)?;
    let done = if confirm.trim() == confirmation(&person) {
        service::erase(
            &state.db,
            &state.files,
            &state.secrets,
            &By::caller(&state, &caller),
            &person,
            Utc::now(),
        )
        .await
    } else {
        Err(PersonalError::NotConfirmed)
    };
    match done {
        Ok(erased) => {
            let page =
                ErasedPage { texts: &caller.texts, person: &person, to: address("of", &person), erased };
            Shell::new(&state, &caller, caller.t("personal-title"), "/personal")
                .under("/personal", caller.t("personal-title"))
                .page(&headers, &page)
        }
        Err(error) => after(&state, &caller, &headers, &person, Err(error)).await,
    }
}

/// The page after a command, with what became of it.
async fn after(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    person: &Person,
    done: Result<(), PersonalError>,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(&address("of", person)).into_response()),
        Err(error) => match error.say(&caller.texts) {
            Some(said) => {
                let page = show(state, caller, headers, person, Some(said)).await?;
                Ok((StatusCode::CONFLICT, page).into_response())
            }
            None => Err(error.problem(&caller.texts)),
        },
    }
}

async fn give(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
    headers: HeaderMap,
    sent: Result<Form<Given>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&PERSONAL_MANAGE)?;
    let person = person(&kind, &key)?;
    service::consents(&state.db, &caller.cx, &person).await.map_err(|error| error.problem(&caller.texts))?;
    let Given { purpose, text_version } = form(sent)?;
    let done = service::give(&state.db, &caller.cx, &person, &purpose, &text_version, Utc::now()).await;
    after(&state, &caller, &headers, &person, done.map(drop)).await
}

async fn withdraw(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, consent, key)): Path<(String, Uuid, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&PERSONAL_MANAGE)?;
    let person = person(&kind, &key)?;
    let done = service::withdraw(&state.db, &caller.cx, &person, consent, Utc::now()).await;
    after(&state, &caller, &headers, &person, done).await
}
