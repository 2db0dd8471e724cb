//! The page of the tenant's provider of text messages, and a person's own number.

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;

use super::provider::{LONGEST, PLACES, Provider};
use super::settings::{self, Settings, SettingsError};
use super::{PhoneError, phone};
use crate::i18n::{Texts, plain_number, zone};
use crate::notify::{MANAGE, pages, store};
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Problem, Shell, form, kept, status_of};

pub(in crate::notify) fn router() -> Router<AppState> {
    Router::new()
        .route("/deliveries/sms", get(page).merge(post(set)))
        .route("/deliveries/sms/test", post(test))
        .route("/notices/phone", post(own))
        .route("/notices/phone/confirm", post(own_confirm))
        .route("/notices/phone/delete", post(own_delete))
}

#[derive(Template)]
#[template(path = "notify/sms.html")]
struct Page<'a> {
    texts: &'a Texts,
    fields: Fields<'a>,
    /// The tenant's own provider is used.
    own: bool,
    /// The cloud has a provider, which is used where the tenant's own is not.
    of_cloud: bool,
    /// Parts that were sent today, of how many may be.
    sent: String,
    done: bool,
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
    show(&state, &caller, &headers, None, Vec::new(), uri.query() == Some("done")).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Option<Typed>,
    wrong: Vec<(&'static str, String)>,
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
    let failed = typed.is_some() || !wrong.is_empty();
    let stands = Typed::of(&kept).fields(&caller.texts, kept.has_token);
    let fields = match typed {
        None => stands,
        Some(typed) => typed.fields(&caller.texts, kept.has_token).against(&stands),
    };
    let view = Page {
        texts: &caller.texts,
        fields: fields.wrong(wrong),
        own: kept.active,
        of_cloud: of_cloud.is_some(),
        sent: format!("{sent} / {bound}"),
        done,
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

impl Typed {
    fn of(settings: &Settings) -> Self {
        let Settings { provider, active, version, .. } = settings;
        Self {
            url: provider.url.clone(),
            method: provider.method.clone(),
            form: provider.form.clone(),
            headers: lines(&provider.headers, ": "),
            body: provider.body.clone(),
            sender: provider.sender.clone(),
            token: String::new(),
            id_pointer: provider.id_pointer.clone(),
            error_pointer: provider.error_pointer.clone(),
            entity: provider.entity.clone(),
            templates: lines(&provider.templates, " = "),
            per_person: provider.per_person.to_string(),
            per_tenant: provider.per_tenant.to_string(),
            active: *active,
            version: *version,
        }
    }

    fn settings(&self) -> Settings {
        let trimmed = |text: &str| text.trim().to_owned();
        // A bound that is no number is none that there can be.
        let bound = |text: &str| plain_number(text).parse().unwrap_or(0);
        let provider = Provider {
            url: trimmed(&self.url),
            method: self.method.clone(),
            form: self.form.clone(),
            headers: pairs(&self.headers, ':'),
            body: trimmed(&self.body),
            sender: trimmed(&self.sender),
            token: trimmed(&self.token),
            id_pointer: trimmed(&self.id_pointer),
            error_pointer: trimmed(&self.error_pointer),
            entity: trimmed(&self.entity),
            templates: pairs(&self.templates, '='),
            per_person: bound(&self.per_person),
            per_tenant: bound(&self.per_tenant),
        };
        Settings { provider, has_token: false, active: self.active, version: self.version }
    }

    fn fields<'a>(&self, texts: &'a Texts, has_token: bool) -> Fields<'a> {
        let methods = ["POST", "PUT", "GET"].map(|method| (method.to_owned(), method.to_owned()));
        let forms = [("json".to_owned(), "JSON".to_owned()), ("form".to_owned(), texts.t("sms-form-form"))];
        let places = PLACES.map(|place| format!("{{{place}}}")).join(" ");
        let kept = if has_token { texts.t("sms-token-kept") } else { String::new() };
        let code =
            |name: &str, key: &str, value: &String| Input::text(name, texts.t(key)).value(value).code();
        let request = [
            code("url", "webhook-url", &self.url).longest(2000).placeholder("https://").wide(),
            Input::choice("method", texts.t("sms-method"), methods).value(&self.method).required(),
            Input::choice("form", texts.t("webhook-form"), forms).value(&self.form).required(),
            Input::lines("body", texts.t("sms-body"))
                .value(&self.body)
                .code()
                .rows(5)
                .longest(LONGEST)
                .hint(format!("{} {places}", texts.t("sms-places"))),
            Input::lines("headers", texts.t("sms-headers"))
                .value(&self.headers)
                .code()
                .longest(LONGEST)
                .placeholder("Authorization: Bearer {token}"),
            Input::secret("token", texts.t("address-token")).longest(1000).placeholder(kept),
            Input::text("sender", texts.t("delivery-sender")).value(&self.sender).longest(100),
        ];
        let answer = [
            code("id_pointer", "sms-id-pointer", &self.id_pointer).longest(200).placeholder("/sid"),
            code("error_pointer", "sms-error-pointer-label", &self.error_pointer)
                .longest(200)
                .placeholder("/error_code"),
        ];
        let bounds = [
            Input::number("per_person", texts.t("sms-per-person")).value(&self.per_person),
            Input::number("per_tenant", texts.t("sms-per-tenant")).value(&self.per_tenant),
            Input::tick("active", texts.t("sms-active"), self.active),
        ];
        let dlt = vec![
            code("entity", "sms-entity", &self.entity).longest(100),
            Input::lines("templates", texts.t("sms-templates"))
                .value(&self.templates)
                .code()
                .longest(LONGEST)
                .placeholder("hold.placed = 1107160000000012345"),
        ];
        Fields::new(texts, "/deliveries/sms", texts.t("notice-save"))
            .version(Some(self.version))
            .group(texts.t("sms-request"), "", request)
            .group(texts.t("sms-answer"), texts.t("sms-answer-lead"), answer)
            .group(texts.t("sms-bounds"), texts.t("sms-bounds-lead"), bounds)
            .fold(texts.t("sms-dlt"), texts.t("sms-dlt-lead"), vec![(String::new(), dlt)])
    }
}

async fn set(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let typed = form(sent)?;
    let with = (&state.secrets, state.private_webhooks);
    match settings::set(&state.db, &caller.cx, with, &typed.settings()).await {
        Ok(()) => Ok(Redirect::to("/deliveries/sms?done").into_response()),
        Err(SettingsError::Mistakes(all)) => {
            let wrong = all.into_iter().map(|(field, key)| (field, caller.t(key))).collect();
            show(&state, &caller, &headers, Some(typed), wrong, false).await
        }
        // The form says so by itself, beside what stands now.
        Err(SettingsError::Stale) => show(&state, &caller, &headers, Some(typed), Vec::new(), false).await,
        Err(error) => {
            let wrong = vec![("", kept(&caller.texts, error)?)];
            show(&state, &caller, &headers, Some(typed), wrong, false).await
        }
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
            Some(key) => show(&state, &caller, &headers, None, vec![("", caller.t(key))], false).await,
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
