//! Pages of settings: the tenant itself, its look, its addresses.

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::service::{self, SettingsError};
use super::store::{self, General, Settings};
use super::{TENANT_MANAGE, image};
use crate::db::{DbError, Tx};
use crate::i18n::{Texts, Value};
use crate::plans::Denied;
use crate::tenancy::config::LONGEST_NAME;
use crate::web::fields::{Fields, Input};
use crate::web::keys::KEY_MANAGE;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Client, Done, Problem, Shell, form, kept, multipart, query, status_of};

/// The field that the logo is sent in.
const LOGO: &str = "logo";
/// Longest body of the form with a logo: the logo, and what stands around it.
const MOST_FORM: usize = image::MOST_BYTES + 64 * 1024;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/settings", get(general).merge(post(set_general)))
        .route("/settings/brand", get(brand).merge(post(set_colours)))
        .route("/settings/logo", post(set_logo).layer(DefaultBodyLimit::max(MOST_FORM)))
        .route("/settings/logo/delete", post(delete_logo))
        .route("/settings/addresses", get(addresses).merge(post(set_addresses)))
}

/// A page of settings.
pub(crate) struct Tab {
    pub href: &'static str,
    pub key: &'static str,
    pub current: bool,
}

/// Those that whoever asks can open, with the one that is shown.
pub(crate) fn tabs(caller: &Caller, current: &str) -> Vec<Tab> {
    [
        ("/settings", "settings-general", TENANT_MANAGE),
        ("/settings/brand", "settings-brand", TENANT_MANAGE),
        ("/settings/addresses", "settings-addresses", TENANT_MANAGE),
        ("/settings/mail", "settings-mail", TENANT_MANAGE),
        ("/settings/signin", "settings-signin", TENANT_MANAGE),
        ("/settings/keys", "settings-keys", KEY_MANAGE),
    ]
    .into_iter()
    .filter(|(.., permission)| caller.may(permission))
    .map(|(href, key, _)| Tab { href, key, current: href == current })
    .collect()
}

/// Mistakes by field, and one of the whole form.
pub(super) type Told = (Vec<(&'static str, String)>, Option<String>);

/// An error in the person's own language.
pub(super) fn say(caller: &Caller, error: SettingsError) -> Result<Told, Problem> {
    let texts = &caller.texts;
    Ok(match error {
        SettingsError::Invalid(wrong) => {
            let told = |(field, key, value): (&'static str, &'static str, String)| {
                (field, texts.with(key, &[("value", Value::from(value))]))
            };
            (wrong.into_iter().map(told).collect(), None)
        }
        SettingsError::Lines(wrong) => {
            let told = |(line, text): (usize, String)| {
                let value = Value::from(format!("{line}: {text}"));
                ("addresses", texts.with("settings-wrong-line", &[("value", value)]))
            };
            (wrong.into_iter().map(told).collect(), None)
        }
        SettingsError::LocksOut(from) => {
            let told = match from {
                Some(from) => texts.t1("settings-locks-out", "address", from),
                None => texts.t("settings-locks-out-unknown"),
            };
            (Vec::new(), Some(told))
        }
        SettingsError::Beyond(beyond) => return Err(Problem { detail: beyond.say(texts), ..beyond.into() }),
        SettingsError::Stale => (Vec::new(), Some(texts.t("error-conflict-stale"))),
        SettingsError::Denied(Denied::Feature { plan, .. }) => {
            (Vec::new(), Some(texts.t1("settings-not-in-plan", "plan", plan)))
        }
        SettingsError::Denied(denied) => return Err(denied.into()),
        SettingsError::Secret(error) => return Err(Problem::internal(error)),
        SettingsError::Db(error) => (Vec::new(), Some(kept(texts, error)?)),
    })
}

// --- the tenant itself -----------------------------------------------------------

#[derive(Template)]
#[template(path = "settings/general.html")]
struct GeneralPage<'a> {
    texts: &'a Texts,
    tabs: Vec<Tab>,
    fields: Fields<'a>,
    done: bool,
}

fn general_fields<'a>(
    texts: &'a Texts,
    it: &General,
    seen: i32,
    currencies: &[(String, String)],
) -> Fields<'a> {
    let currencies = currencies.iter().map(|(code, name)| (code.clone(), format!("{code} · {name}")));
    Fields::new(texts, "/settings", texts.t("people-save")).version(Some(seen)).inputs([
        Input::text("code", texts.t("admin-code"))
            .value(&it.code)
            .fixed(true)
            .hint(texts.t("settings-code-hint")),
        Input::text("name", texts.t("people-name"))
            .value(&it.name)
            .required()
            .longest(LONGEST_NAME)
            .autocomplete("organization"),
        Input::zone("time_zone", texts.t("admin-zone"))
            .value(&it.time_zone)
            .required()
            .hint(texts.t("settings-zone-hint")),
        Input::language("language", texts.t("shell-language"))
            .value(&it.language)
            .required()
            .hint(texts.t("settings-language-hint")),
        Input::choice("currency", texts.t("settings-currency"), currencies)
            .value(&it.currency)
            .required()
            .hint(texts.t("settings-currency-hint")),
    ])
}

async fn show_general(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Option<(General, i32)>,
    (wrong, error): Told,
    done: bool,
) -> Result<Response, Problem> {
    let tenant = caller.cx.tenant;
    let find =
        async |system: &mut crate::db::SystemTx| Ok::<_, DbError>(store::general(system, tenant).await?);
    let known = state.db.system_tx(find).await?;
    let list = async |tx: &mut Tx| Ok::<_, DbError>(store::currencies(tx, caller.texts.lang).await?);
    let currencies = state.db.tx(&caller.cx, list).await?;
    let failed = error.is_some() || !wrong.is_empty();
    let form = |it: &General, seen: i32| general_fields(&caller.texts, it, seen, &currencies);
    let stands = form(&known, known.seen());
    let fields = match typed {
        None => stands,
        Some((typed, seen)) => {
            let typed = General { code: known.code.clone(), ..typed };
            form(&typed, seen).told(error).wrong(wrong).against(&stands)
        }
    };
    let view = GeneralPage { texts: &caller.texts, tabs: tabs(caller, "/settings"), fields, done };
    let shell = Shell::new(state, caller, caller.t("settings-title"), "/settings");
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

async fn general(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let done = query::<Done>(&uri)?.done.is_some();
    show_general(&state, &caller, &headers, None, Told::default(), done).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TypedGeneral {
    name: String,
    time_zone: String,
    language: String,
    currency: String,
    version: i32,
}

async fn set_general(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<TypedGeneral>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let TypedGeneral { name, time_zone, language, currency, version } = form(sent)?;
    let typed = General { code: String::new(), name, time_zone, language, currency };
    match service::general_set(&state.db, &caller.cx, &typed, version).await {
        Ok(()) => Ok(Redirect::to("/settings?done=1").into_response()),
        Err(error) => {
            let told = say(&caller, error)?;
            show_general(&state, &caller, &headers, Some((typed, version)), told, false).await
        }
    }
}

// --- its look --------------------------------------------------------------------

#[derive(Template)]
#[template(path = "settings/brand.html")]
struct BrandPage<'a> {
    texts: &'a Texts,
    tenant_code: &'a str,
    tabs: Vec<Tab>,
    it: &'a Settings,
    /// What is wrong with the logo that was sent.
    logo_wrong: Vec<String>,
    fields: Fields<'a>,
    done: bool,
    most_kb: usize,
}

fn colour_fields<'a>(texts: &'a Texts, it: &TypedColours) -> Fields<'a> {
    Fields::new(texts, "/settings/brand", texts.t("people-save")).version(Some(it.version)).inputs([
        Input::text("primary_colour", texts.t("settings-primary"))
            .value(&it.primary_colour)
            .longest(7)
            .code()
            .placeholder("#0e5460")
            .hint(texts.t("settings-primary-hint")),
        Input::text("accent_colour", texts.t("settings-accent"))
            .value(&it.accent_colour)
            .longest(7)
            .code()
            .placeholder("#8a4a1c")
            .hint(texts.t("settings-accent-hint")),
    ])
}

async fn show_brand(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Option<TypedColours>,
    (wrong, error): Told,
    done: bool,
) -> Result<Response, Problem> {
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::settings(tx).await?);
    let it = state.db.tx(&caller.cx, look).await?;
    let stands = TypedColours {
        primary_colour: it.primary_colour.clone(),
        accent_colour: it.accent_colour.clone(),
        version: it.version,
    };
    let failed = error.is_some() || !wrong.is_empty();
    let (of_logo, wrong): (Vec<_>, Vec<_>) = wrong.into_iter().partition(|(field, _)| *field == LOGO);
    let fields = colour_fields(&caller.texts, typed.as_ref().unwrap_or(&stands)).told(error).wrong(wrong);
    let fields = fields.against(&colour_fields(&caller.texts, &stands));
    let view = BrandPage {
        texts: &caller.texts,
        tenant_code: &caller.tenant_code,
        tabs: tabs(caller, "/settings/brand"),
        it: &it,
        logo_wrong: of_logo.into_iter().map(|(_, told)| told).collect(),
        fields,
        done,
        most_kb: image::MOST_BYTES / 1024,
    };
    let shell = Shell::new(state, caller, caller.t("settings-brand"), "/settings")
        .under("/settings", caller.t("settings-title"));
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

async fn brand(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let done = query::<Done>(&uri)?.done.is_some();
    show_brand(&state, &caller, &headers, None, Told::default(), done).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TypedColours {
    primary_colour: String,
    accent_colour: String,
    version: i32,
}

async fn set_colours(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<TypedColours>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let typed = form(sent)?;
    let colours = (typed.primary_colour.as_str(), typed.accent_colour.as_str());
    let done = service::colours_set(&state.db, &caller.cx, colours, typed.version).await;
    state.doors.forget(caller.cx.tenant);
    match done {
        Ok(()) => Ok(Redirect::to("/settings/brand?done=1").into_response()),
        Err(error) => {
            let told = say(&caller, error)?;
            show_brand(&state, &caller, &headers, Some(typed), told, false).await
        }
    }
}

/// What the form sent: the file, and the version that was seen.
async fn sent_logo(headers: &HeaderMap, bytes: Bytes) -> Result<(Bytes, i32), Problem> {
    let mut parts = multipart(headers, bytes)?;
    let (mut file, mut version) = (Bytes::new(), 0);
    while let Some(part) = parts.next_field().await? {
        match part.name() {
            Some(LOGO) => file = part.bytes().await?,
            Some("version") => version = part.text().await?.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    Ok((file, version))
}

async fn set_logo(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let (file, version) = sent_logo(&headers, bytes).await?;
    let kind = match image::judge(&file) {
        Ok(kind) => kind,
        Err(no) => {
            let wrong = vec![(LOGO, caller.t(no.text_key()))];
            return show_brand(&state, &caller, &headers, None, (wrong, None), false).await;
        }
    };
    let done = service::logo_set(&state.db, &caller.cx, Some((&file, kind)), version).await;
    logo_done(&state, &caller, &headers, done).await
}

#[derive(Debug, Deserialize)]
struct Version {
    version: i32,
}

async fn delete_logo(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Version>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let Version { version } = form(sent)?;
    let done = service::logo_set(&state.db, &caller.cx, None, version).await;
    logo_done(&state, &caller, &headers, done).await
}

async fn logo_done(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    done: Result<(), SettingsError>,
) -> Result<Response, Problem> {
    state.doors.forget(caller.cx.tenant);
    match done {
        Ok(()) => Ok(Redirect::to("/settings/brand?done=1").into_response()),
        Err(error) => {
            let (mut wrong, error) = say(caller, error)?;
            wrong.extend(error.map(|told| (LOGO, told)));
            show_brand(state, caller, headers, None, (wrong, None), false).await
        }
    }
}

// --- its addresses ---------------------------------------------------------------

#[derive(Template)]
#[template(path = "settings/addresses.html")]
struct AddressesPage<'a> {
    texts: &'a Texts,
    tabs: Vec<Tab>,
    fields: Fields<'a>,
    done: bool,
}

async fn show_addresses(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    client: Client,
    typed: Option<(String, i32)>,
    (wrong, error): Told,
    done: bool,
) -> Result<Response, Problem> {
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::settings(tx).await?);
    let it = state.db.tx(&caller.cx, look).await?;
    let failed = error.is_some() || !wrong.is_empty();
    let texts = &caller.texts;
    let mut hint = texts.t("settings-networks-hint");
    if let Some(from) = client.0 {
        hint = format!("{hint} {}", texts.t1("settings-you", "address", from.to_canonical().to_string()));
    }
    let form = |addresses: &str, version: i32| {
        let input = Input::lines("addresses", texts.t("settings-networks"))
            .value(addresses)
            .code()
            .rows(8)
            .longest(6000)
            .placeholder("203.0.113.0/24\n2001:db8::/32")
            .hint(hint.clone());
        Fields::new(texts, "/settings/addresses", texts.t("people-save"))
            .version(Some(version))
            .inputs([input])
    };
    let stands = form(&it.addresses.join("\n"), it.version);
    let fields = match typed {
        Some((typed, version)) => form(&typed, version),
        None => stands.clone(),
    };
    let fields = fields.told(error).wrong(wrong).against(&stands);
    let view = AddressesPage { texts, tabs: tabs(caller, "/settings/addresses"), fields, done };
    let shell = Shell::new(state, caller, caller.t("settings-addresses"), "/settings")
        .under("/settings", caller.t("settings-title"));
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

async fn addresses(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    client: Client,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let done = query::<Done>(&uri)?.done.is_some();
    show_addresses(&state, &caller, &headers, client, None, Told::default(), done).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TypedAddresses {
    addresses: String,
    version: i32,
}

async fn set_addresses(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    client: Client,
    sent: Result<Form<TypedAddresses>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let TypedAddresses { addresses, version } = form(sent)?;
    let done = service::addresses_set(&state.db, &caller.cx, addresses.lines(), client.0, version).await;
    state.doors.forget(caller.cx.tenant);
    match done {
        Ok(()) => Ok(Redirect::to("/settings/addresses?done=1").into_response()),
        Err(error) => {
            let told = say(&caller, error)?;
            let typed = Some((addresses, version));
            show_addresses(&state, &caller, &headers, client, typed, told, false).await
        }
    }
}
