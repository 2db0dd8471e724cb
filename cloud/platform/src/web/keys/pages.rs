//! The page of access keys among a tenant's settings: who has which, making one, which is
//! shown this once, and ending one.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;

use super::KEY_MANAGE;
use super::make::{self, Typed, Wrong, grant};
use super::service::{self, Listed};
use crate::ctx::Plants;
use crate::db::{DbError, Tx};
use crate::i18n::{Texts, begins};
use crate::people::{self, By};
use crate::settings::{Tab, tabs};
use crate::web::fields::{Fields, Input};
use crate::web::list::{Cell, Column, List, Row};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Scope, Shell, form, kept};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/settings/keys", get(page).merge(post(create)))
        .route("/settings/keys/{key}/delete", post(revoke))
}

/// The form as it was typed.
#[derive(Debug, Default)]
struct TypedForm {
    name: String,
    scope: String,
    plants: Vec<String>,
    /// The last day; empty: as late as may be.
    expires: String,
}

impl TypedForm {
    fn of(boxes: &[(String, String)]) -> Self {
        let one = |name: &str| people::ticked(boxes, name).pop().unwrap_or_default();
        let plants = people::ticked_of_many(boxes, "plant");
        Self { name: one("name"), scope: one("scope"), plants, expires: one("expires") }
    }

    /// The form, with the scopes that whoever looks can give.
    fn fields<'a>(
        &self,
        texts: &'a Texts,
        scopes: &[&'static str],
        plants: &[(String, String)],
    ) -> Fields<'a> {
        let scopes = scopes.iter().map(|scope| ((*scope).to_owned(), scope_name(texts, scope)));
        let mut inputs = vec![
            Input::text("name", texts.t("people-name"))
                .value(&self.name)
                .required()
                .longest(80)
                .hint(texts.t("key-name-hint")),
            Input::choice("scope", texts.t("key-scope"), scopes)
                .value(&self.scope)
                .required()
                .hint(texts.t("key-scope-hint")),
            Input::date("expires", texts.t("key-last-day"))
                .value(&self.expires)
                .hint(texts.t("key-last-day-hint")),
        ];
        if plants.len() > 1 {
            let plants = plants
                .iter()
                .map(|(code, name)| (code.clone(), format!("{code} {name}"), self.plants.contains(code)));
            let label = texts.t("people-plants");
            inputs.push(Input::many("plant", label, plants).hint(texts.t("key-plants-hint")));
        }
        Fields::new(texts, "/settings/keys", texts.t("key-create")).inputs(inputs)
    }

    /// What is asked for: until the end of that day, where the tenant is.
    fn typed(&self, zone: Tz) -> Result<Typed, Wrong> {
        let mut wrong = Vec::new();
        let scope = Scope::parse(&self.scope);
        if scope.is_none() {
            wrong.push(("scope", "key-wrong-scope", String::new()));
        }
        let end = match self.expires.trim() {
            "" => Some(None),
            day => day
                .parse::<NaiveDate>()
                .ok()
                .and_then(|day| begins(day.checked_add_days(Days::new(1))?, zone))
                .map(Some),
        };
        if end.is_none() {
            wrong.push(("expires_at", "key-wrong-end", String::new()));
        }
        if people::clean_name(&self.name).is_none() {
            wrong.push(("name", "people-error-name", String::new()));
        }
        let (Some(scope), Some(expires_at), true) = (scope, end, wrong.is_empty()) else {
            return Err(Wrong::Fields(wrong));
        };
        let plants = if self.plants.is_empty() { Plants::All } else { Plants::some(&self.plants) };
        Ok(Typed { name: self.name.clone(), scope, plants, expires_at })
    }
}

fn scope_name(texts: &Texts, scope: &str) -> String {
    texts.t(&format!("key-scope-{scope}"))
}

/// The input of a field that a program names otherwise.
fn input(field: &'static str) -> &'static str {
    match field {
        "expires_at" => "expires",
        "plants" => "plant",
        field => field,
    }
}

#[derive(Template)]
#[template(path = "settings/keys.html")]
struct Page<'a> {
    texts: &'a Texts,
    tabs: Vec<Tab>,
    done: bool,
    list: List<'a>,
    /// Whoever looks can give no scope, and so has no form; with what was wrong with what
    /// was sent all the same.
    no_scope: bool,
    refused: Option<String>,
    fields: Fields<'a>,
    /// The key that was just made.
    made: Option<String>,
}

/// Who made a key.
fn by(texts: &Texts, names: &HashMap<String, String>, key: &Listed) -> String {
    match names.get(&key.created_by) {
        Some(name) => name.clone(),
        None if key.created_by == "system" => texts.t("key-by-cloud"),
        None if key.created_by.starts_with("code:") => texts.t("key-by-link"),
        None => key.created_by.clone(),
    }
}

/// All keys, each with what ends it. `names`: of people, by `user:…`.
fn list<'a>(caller: &'a Caller, keys: &[Listed], names: &HashMap<String, String>) -> List<'a> {
    let (texts, now) = (&caller.texts, Utc::now());
    let time = |at: &DateTime<Utc>| texts.time(at, caller.zone);
    let row = |key: &Listed| {
        // The highest of its scopes has the others.
        let highest = key.scopes.iter().filter_map(|name| Scope::parse(name)).max();
        let at = key.plants.codes().map_or_else(|| texts.t("shell-plants-every"), |codes| codes.join(", "));
        let used = key.last_used_at.as_ref().map_or_else(|| texts.t("people-never"), time);
        let good = key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now);
        let ends = match (&key.revoked_at, &key.expires_at) {
            (Some(at), _) => Cell::state(texts.t("key-revoked"), "is-bad").under(time(at)),
            (None, Some(at)) if good => Cell::text(time(at)),
            (None, Some(at)) => Cell::state(texts.t("key-over"), "").under(time(at)),
            (None, None) => Cell::text(texts.t("people-never")),
        };
        let end = if good {
            Cell::button(format!("/settings/keys/{}/delete", key.id), texts.t("key-revoke"))
                .named(texts.t1("key-revoke-one", "name", key.name.as_str()))
                .danger()
        } else {
            Cell::default()
        };
        Row::new([
            Cell::text(&key.name).under(&key.id),
            Cell::text(highest.map_or_else(String::new, |scope| scope_name(texts, scope.name()))),
            Cell::text(at),
            Cell::text(by(texts, names, key)).under(time(&key.created_at)),
            Cell::text(used),
            ends,
            end,
        ])
    };
    List::new(texts, "/settings/keys")
        .columns([
            Column::new("people-name"),
            Column::new("key-scope"),
            Column::new("people-plants"),
            Column::new("key-by"),
            Column::new("key-used"),
            Column::new("key-end"),
            Column::new("key-revoke"),
        ])
        .rows(keys.iter().map(row))
        .empty(texts.t("key-none"))
}

#[derive(Default)]
struct Shown {
    typed: TypedForm,
    made: Option<String>,
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
    status: StatusCode,
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    shown: Shown,
) -> Result<Response, Problem> {
    let keys = service::list(&state.db, caller.cx.tenant).await?;
    let actors: Vec<String> = keys.iter().map(|key| key.created_by.clone()).collect();
    let look = async |tx: &mut Tx| Ok::<_, DbError>(people::names_of(tx, &actors).await?);
    let names = state.db.tx(&caller.cx, look).await?;
    let plants = people::plants(&state.db, &caller.cx, caller.texts.lang).await?;
    let whose = By::caller(state, caller);
    let may = |scope: &Scope| {
        let at = |plants: &Plants| whose.holds([grant(&state.permissions, *scope, plants)]).is_ok();
        at(&Plants::All) || plants.iter().any(|(code, _)| at(&Plants::some([code])))
    };
    let scopes: Vec<_> = Scope::ALL.into_iter().filter(may).map(Scope::name).collect();
    let wrong = shown.wrong.into_iter().map(|(field, told)| (input(field), told));
    let view = Page {
        texts: &caller.texts,
        tabs: tabs(caller, "/settings/keys"),
        done: false,
        list: list(caller, &keys, &names),
        no_scope: scopes.is_empty(),
        refused: shown.error.clone().filter(|_| scopes.is_empty()),
        fields: shown.typed.fields(&caller.texts, &scopes, &plants).told(shown.error).wrong(wrong),
        made: shown.made,
    };
    let shell = Shell::new(state, caller, caller.t("settings-keys"), "/settings")
        .under("/settings", caller.t("settings-title"));
    let mut response = (shown.status, shell.page(headers, &view)?).into_response();
    // A key that is shown is not kept by anybody on its way.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&KEY_MANAGE)?;
    show(&state, &caller, &headers, Shown::default()).await
}

async fn create(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&KEY_MANAGE)?;
    let form = TypedForm::of(&form(sent)?);
    let done = match form.typed(caller.zone) {
        Ok(typed) => make::make(&state, &caller, &typed, Utc::now()).await,
        Err(wrong) => Err(wrong),
    };
    let shown = match done {
        Ok(key) => Shown { made: Some(key.reveal().to_owned()), ..Shown::default() },
        Err(Wrong::Problem(problem)) => Shown {
            typed: form,
            error: Some(kept(&caller.texts, problem)?),
            status: StatusCode::UNPROCESSABLE_ENTITY,
            ..Shown::default()
        },
        Err(Wrong::Beyond(beyond)) => Shown {
            typed: form,
            error: Some(beyond.say(&caller.texts)),
            status: StatusCode::FORBIDDEN,
            ..Shown::default()
        },
        Err(wrong) => Shown {
            typed: form,
            wrong: wrong.fields(&caller.texts),
            status: StatusCode::UNPROCESSABLE_ENTITY,
            ..Shown::default()
        },
    };
    show(&state, &caller, &headers, shown).await
}

async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Redirect, Problem> {
    caller.require(&KEY_MANAGE)?;
    match service::revoke_by(&state.db, &caller.cx, &key, Utc::now()).await? {
        Some(_) => Ok(Redirect::to("/settings/keys")),
        None => Err(Problem::not_found()),
    }
}
