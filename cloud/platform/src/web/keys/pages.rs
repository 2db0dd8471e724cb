//! The page of access keys among a tenant's settings: who has which, making one, which is
//! shown this once, and ending one.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
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
use crate::web::{AppState, Caller, Path, Problem, Scope, Shell, form, found};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/settings/keys", get(page).post(create))
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
        let all = |name: &str| {
            let named = boxes.iter().filter(|(key, _)| key == name);
            named.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let one = |name: &str| all(name).pop().unwrap_or_default();
        Self { name: one("name"), scope: one("scope"), plants: all("plant"), expires: one("expires") }
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
        let (Some(scope), Some(expires_at)) = (scope, end) else { return Err(Wrong::Fields(wrong)) };
        let plants = if self.plants.is_empty() { Plants::All } else { Plants::some(&self.plants) };
        Ok(Typed { name: self.name.clone(), scope, plants, expires_at })
    }
}

#[derive(Template)]
#[template(path = "settings/keys.html")]
struct Page<'a> {
    texts: &'a Texts,
    tabs: Vec<Tab>,
    done: bool,
    zone: Tz,
    now: DateTime<Utc>,
    keys: Vec<Listed>,
    /// Names of people, by `user:…`.
    names: HashMap<String, String>,
    plants: Vec<(String, String)>,
    /// Scopes that whoever looks can give.
    scopes: Vec<&'static str>,
    typed: TypedForm,
    /// The key that was just made.
    made: Option<String>,
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
}

impl Page<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        found(&self.wrong, field)
    }

    /// Who made a key.
    fn by(&self, key: &Listed) -> String {
        match self.names.get(&key.created_by) {
            Some(name) => name.clone(),
            None if key.created_by == "system" => self.texts.t("key-by-cloud"),
            None if key.created_by.starts_with("code:") => self.texts.t("key-by-link"),
            None => key.created_by.clone(),
        }
    }

    fn scope_name(&self, scope: &str) -> String {
        self.texts.t(&format!("key-scope-{scope}"))
    }

    /// What a key may do: the highest of its scopes, which has the others.
    fn may(&self, key: &Listed) -> String {
        let highest = key.scopes.iter().filter_map(|name| Scope::parse(name)).max();
        highest.map_or_else(String::new, |scope| self.scope_name(scope.name()))
    }

    fn at(&self, key: &Listed) -> String {
        key.plants.codes().map_or_else(|| self.texts.t("shell-plants-every"), |codes| codes.join(", "))
    }

    /// Whether a key opens anything still.
    fn is_good(&self, key: &Listed) -> bool {
        key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > self.now)
    }
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
    let by = By::caller(state, caller);
    let may = |scope: &Scope| {
        let at = |plants: &Plants| by.holds([grant(&state.permissions, *scope, plants)]).is_ok();
        at(&Plants::All) || plants.iter().any(|(code, _)| at(&Plants::some([code])))
    };
    let view = Page {
        texts: &caller.texts,
        tabs: tabs(caller, "/settings/keys"),
        done: false,
        zone: caller.zone,
        now: Utc::now(),
        keys,
        names,
        scopes: Scope::ALL.into_iter().filter(may).map(Scope::name).collect(),
        plants,
        typed: shown.typed,
        made: shown.made,
        wrong: shown.wrong,
        error: shown.error,
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
        Err(Wrong::Problem(problem)) => return Err(problem),
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
