//! The page of the tenant's provider of text messages, and a person's own number.

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::Utc;
use serde::Deserialize;

use super::provider::{LONGEST, PLACES, Provider};
use super::settings::{self, Settings, SettingsError};
use super::{PhoneError, phone};
use crate::i18n::{Texts, zone};
use crate::notify::{MANAGE, pages, store};
use crate::web::{AppState, Caller, Problem, Shell, form, status_of};

pub(in crate::notify) fn router() -> Router<AppState> {
    Router::new()
        .route("/deliveries/sms", get(page).post(set))
        .route("/deliveries/sms/test", post(test))
        .route("/notices/phone", post(own))
        .route("/notices/phone/confirm", post(own_confirm))
        .route("/notices/phone/delete", post(own_delete))
}

#[derive(Template)]
#[template(path = "notify/sms.html")]
struct Page<'a> {
    texts: &'a Texts,
    settings: Settings,
    headers: String,
    templates: String,
    places: [&'static str; 8],
    longest: usize,
    /// The cloud has a provider, which is used where the tenant's own is not.
    of_cloud: Option<&'a Provider>,
    /// Parts that were sent today, of how many may be.
    sent: String,
    done: bool,
    errors: Vec<String>,
}

/// Lines of `name: value`, or `name = value`, as a person writes them.
fn pairs(text: &str, between: char) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once(between));
    lines.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

fn lines(pairs: &BTreeMap<String, String>, between: &str) -> String {
    let lines: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}{between}{value}")).collect();
    lines.join("\n")
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    show(&state, &caller, &headers, None, uri.query() == Some("done")).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Option<(Settings, Vec<String>)>,
    done: bool,
) -> Result<Response, Problem> {
    let now = Utc::now();
    let (kept, sent) = state
        .db
        .tx(&caller.cx, async |tx| {
            let sender = store::sender(tx).await?;
            let today = now.with_timezone(&zone(&sender.time_zone)).date_naive();
            settings::of_tenant(tx, today).await
        })
        .await?;
    let of_cloud = state.sms.as_ref();
    let in_use = if kept.active { Some(&kept.provider) } else { of_cloud };
    let bound = in_use.map_or(0, |provider| provider.per_tenant);
    let failed = typed.is_some();
    let has_token = kept.has_token;
    let (settings, errors) = typed.unwrap_or((kept, Vec::new()));
    let view = Page {
        texts: &caller.texts,
        headers: lines(&settings.provider.headers, ": "),
        templates: lines(&settings.provider.templates, " = "),
        settings: Settings { has_token, ..settings },
        places: PLACES,
        longest: LONGEST,
        of_cloud,
        sent: format!("{sent} / {bound}"),
        done,
        errors,
    };
    let shell = Shell::new(state, caller, caller.t("sms-title"), "/deliveries")
        .under("/deliveries", caller.t("delivery-title"));
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

#[derive(Deserialize)]
struct Typed {
    url: String,
    method: String,
    form: String,
    headers: String,
    body: String,
    sender: String,
    token: String,
    id_pointer: String,
    error_pointer: String,
    entity: String,
    templates: String,
    per_person: String,
    per_tenant: String,
    #[serde(default)]
    active: bool,
    version: i32,
}

async fn set(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let typed = form(sent)?;
    let trimmed = |text: &str| text.trim().to_owned();
    let provider = Provider {
        url: trimmed(&typed.url),
        method: typed.method,
        form: typed.form,
        headers: pairs(&typed.headers, ':'),
        body: trimmed(&typed.body),
        sender: trimmed(&typed.sender),
        token: trimmed(&typed.token),
        id_pointer: trimmed(&typed.id_pointer),
        error_pointer: trimmed(&typed.error_pointer),
        entity: trimmed(&typed.entity),
        templates: pairs(&typed.templates, '='),
        per_person: typed.per_person.trim().parse().unwrap_or(0),
        per_tenant: typed.per_tenant.trim().parse().unwrap_or(0),
    };
    let new = Settings { provider, has_token: false, active: typed.active, version: typed.version };
    let with = (&state.secrets, state.private_webhooks);
    match settings::set(&state.db, &caller.cx, with, &new).await {
        Ok(()) => Ok(Redirect::to("/deliveries/sms?done").into_response()),
        Err(SettingsError::Mistakes(all)) => {
            let mut told: Vec<String> = all.into_iter().map(|(_, key)| caller.t(key)).collect();
            told.dedup();
            show(&state, &caller, &headers, Some((new, told)), false).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn test(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    // A key has no number.
    let done = match caller.person() {
        Ok(user) => phone::test(&state.db, &caller.cx, user, Utc::now()).await,
        Err(_) => Err(PhoneError::Unverified),
    };
    match done {
        Ok(()) => Ok(Redirect::to("/deliveries?channel=sms").into_response()),
        Err(error) => match error.text_key() {
            Some(key) => {
                let (kept, _) = state
                    .db
                    .tx(&caller.cx, async |tx| settings::of_tenant(tx, Utc::now().date_naive()).await)
                    .await?;
                show(&state, &caller, &headers, Some((kept, vec![caller.t(key)])), false).await
            }
            None => Err(error.into()),
        },
    }
}

/// Back to the settings, with what was wrong where that is the person's to mend.
async fn back(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    done: Result<(), PhoneError>,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to("/notices/settings#phone").into_response()),
        Err(error) => match error.text_key() {
            Some(key) => pages::settings_told(state, caller, headers, caller.t(key)).await,
            None => Err(error.into()),
        },
    }
}

#[derive(Deserialize)]
struct TypedNumber {
    number: String,
}

async fn own(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<TypedNumber>, FormRejection>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let TypedNumber { number } = form(sent)?;
    let with = (&state.secrets, state.sms.as_ref());
    let done = phone::set(&state.db, &caller.cx, with, (user, &number), Utc::now()).await;
    back(&state, &caller, &headers, done).await
}

#[derive(Deserialize)]
struct TypedCode {
    code: String,
}

async fn own_confirm(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<TypedCode>, FormRejection>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let TypedCode { code } = form(sent)?;
    let done = phone::confirm(&state.db, &caller.cx, &state.secrets, (user, &code), Utc::now()).await;
    back(&state, &caller, &headers, done).await
}

async fn own_delete(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let done = phone::delete(&state.db, &caller.cx, user).await;
    back(&state, &caller, &headers, done).await
}
