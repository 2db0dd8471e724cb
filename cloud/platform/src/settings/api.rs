//! A tenant's look, the addresses that it may be reached from and its own mail server, by
//! API: the same commands as the pages', under the same rules.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mail::server;
use super::pages::say;
use super::service::{self, SettingsError, TypedSmtp};
use super::store::{self, Settings, Smtp};
use super::trial::{self, Trial};
use super::{TENANT_MANAGE, brand, image};
use crate::db::{DbError, Tx};
use crate::i18n::{Texts, Value};
use crate::openapi::{Operation, group};
use crate::people::By;
use crate::plans::Denied;
use crate::web::routing::{delete, get, put};
use crate::web::{
    AppState, Caller, Client, FieldError, IfMatch, Problem, bytes, etag, json, media_type, not_modified,
    sent_as,
};

const BRAND: &str = "/api/v1/settings/brand";
const LOGO: &str = "/api/v1/settings/brand/logo";
const ADDRESSES: &str = "/api/v1/settings/addresses";
const MAIL: &str = "/api/v1/settings/mail";

pub(super) fn router() -> Router<AppState> {
    // A logo that is too large is told so, and not cut off, up to twice its size.
    let logo = get(logo).merge(put(set_logo)).merge(delete(take_logo));
    Router::new()
        .route(BRAND, get(look).merge(put(set_colours)))
        .route(LOGO, logo.layer(DefaultBodyLimit::max(2 * image::MOST_BYTES)))
        .route(ADDRESSES, get(addresses).merge(put(set_addresses)))
        .route(MAIL, get(mail).merge(put(set_mail)))
}

/// What the routes here are, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    const STALE: &str = "Somebody else changed it since `version`.";
    const ONE_VERSION: &str =
        "Look and addresses are of one version: a change of one makes the others' stale.";
    let set = |path, id, summary| Operation::put(path, id, summary).needs(&TENANT_MANAGE).must_match();
    let plan = |operation: Operation| {
        operation.fails(409, "conflict.stale", STALE).fails(409, "plan.feature", "The plan does not have it.")
    };
    let wrong = |operation: Operation| {
        operation.fails(422, "settings.invalid", "Fields are not right; all of them are told.")
    };
    let look = Operation::get(BRAND, "getBrand", "How the tenant's pages look")
        .note(ONE_VERSION)
        .needs(&TENANT_MANAGE)
        .answers::<Look>()
        .tagged();
    let colours = set(BRAND, "setBrand", "Sets the colours of the tenant's pages")
        .note("A colour must be readable on the pages: its contrast is 4.5 or more.")
        .takes::<NewLook>()
        .answers::<Look>()
        .tagged();
    let logo = Operation::get(LOGO, "getLogo", "The tenant's logo")
        .needs(&TENANT_MANAGE)
        .answers_file(&image::KINDS)
        .tagged()
        .fails(404, "not_found", "It has none.");
    let set_logo = set(LOGO, "setLogo", "Sets the tenant's logo: the picture as it is")
        .note("At most 256 kB, and 2000 pixels a side. It is judged by its bytes.")
        .takes_file(&image::KINDS)
        .answers::<Look>()
        .tagged();
    let take_logo = Operation::delete(LOGO, "deleteLogo", "Takes the tenant's logo away")
        .needs(&TENANT_MANAGE)
        .must_match()
        .answers::<Look>()
        .tagged()
        .fails(409, "conflict.stale", STALE)
        .fails(404, "not_found", "It has none.");
    let addresses = Operation::get(ADDRESSES, "getAddresses", "From where the tenant may be reached")
        .note(ONE_VERSION)
        .needs(&TENANT_MANAGE)
        .answers::<Addresses>()
        .tagged();
    let set_addresses = set(ADDRESSES, "setAddresses", "Sets from where people and keys may come")
        .note("None: from anywhere.")
        .takes::<NewAddresses>()
        .answers::<Addresses>()
        .tagged()
        .fails(
            422,
            "settings.locks_out",
            "Whoever asks comes from none of them, and would shut themselves out.",
        );
    let mail = Operation::get(MAIL, "getMailServer", "The tenant's own mail server")
        .needs(&TENANT_MANAGE)
        .answers::<MailServer>()
        .tagged();
    let set_mail = set(MAIL, "setMailServer", "Sets the tenant's own mail server")
        .note("It is tried once it is saved, for ten seconds at most and without a mail: `trial` says what came of it. It stays saved.")
        .takes::<NewMailServer>()
        .answers::<MailServer>()
        .tagged()
        .fails(
            403,
            "rights.beyond",
            "The caller is no administrator: whoever runs the server reads the links by which passwords are set.",
        );
    let sets = [colours, set_logo, set_addresses, set_mail].map(|operation| wrong(plan(operation)));
    group("Settings", [look, logo, take_logo, addresses, mail].into_iter().chain(sets))
}

/// An error as a program reads it; its texts are in the caller's language.
fn problem(caller: &Caller, error: SettingsError, if_match: IfMatch) -> Problem {
    let texts = &caller.texts;
    let invalid = |code, errors| Problem::invalid(code, errors);
    match error {
        SettingsError::Stale => if_match.stale(),
        SettingsError::Lines(wrong) => {
            let told = |(row, text): (usize, String)| FieldError {
                field: "addresses".to_owned(),
                row: Some(row),
                detail: texts
                    .with("settings-wrong-line", &[("value", Value::from(format!("{row}: {text}")))]),
            };
            invalid("settings.invalid", wrong.into_iter().map(told).collect())
        }
        error => {
            let code = match &error {
                SettingsError::LocksOut(_) => "settings.locks_out",
                SettingsError::Denied(Denied::Feature { .. }) => "plan.feature",
                _ => "settings.invalid",
            };
            match say(caller, error) {
                Err(problem) => problem,
                Ok((_, Some(told))) if code == "plan.feature" => Problem::conflict(code, told),
                Ok((_, Some(told))) => invalid(code, vec![FieldError::from(("addresses", told))]),
                Ok((wrong, None)) => {
                    // The page's form names the fields of the mail server by their columns.
                    let named = |(field, told): (&'static str, String)| {
                        FieldError::from((field.strip_prefix("smtp_").unwrap_or(field), told))
                    };
                    invalid(code, wrong.into_iter().map(named).collect())
                }
            }
        }
    }
}

/// What stands, under its tag; or that the caller has it already.
fn tagged<T: Serialize>(headers: &HeaderMap, version: i32, told: T) -> Response {
    let tag = etag(version);
    if not_modified(headers, &tag.1) {
        return (StatusCode::NOT_MODIFIED, [tag]).into_response();
    }
    ([tag], Json(told)).into_response()
}

async fn settings(state: &AppState, caller: &Caller) -> Result<Settings, Problem> {
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::settings(tx).await?);
    Ok(state.db.tx(&caller.cx, look).await?)
}

/// The version that the caller saw, of look and addresses.
async fn seen(
    state: &AppState,
    caller: &Caller,
    if_match: IfMatch,
    of_body: Option<i32>,
) -> Result<i32, Problem> {
    match if_match.or(of_body)? {
        Some(version) => Ok(version),
        None => Ok(settings(state, caller).await?.version),
    }
}

// --- its look --------------------------------------------------------------------

/// How a tenant's pages look.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Brand)]
struct Look {
    /// `#rrggbb`; empty: the product's own.
    primary_colour: String,
    /// `#rrggbb`; empty: the product's own.
    accent_colour: String,
    /// The media type of the logo; null: there is none.
    logo_type: Option<String>,
    /// 0 before the first change.
    version: i32,
}

impl From<Settings> for Look {
    fn from(it: Settings) -> Self {
        let Settings { primary_colour, accent_colour, logo_type, version, .. } = it;
        Self { primary_colour, accent_colour, logo_type, version }
    }
}

/// The colours as they are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBrand)]
struct NewLook {
    /// `#rrggbb`; left out or empty: the product's own.
    #[serde(default)]
    #[schema(max_length = 20, example = "#0e5460")]
    primary_colour: String,
    /// `#rrggbb`; left out or empty: the product's own.
    #[serde(default)]
    #[schema(max_length = 20, example = "#7d4e00")]
    accent_colour: String,
    /// The version that was seen, where `If-Match` does not say it.
    #[serde(default)]
    version: Option<i32>,
}

async fn look(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let it = settings(&state, &caller).await?;
    Ok(tagged(&headers, it.version, Look::from(it)))
}

/// What became of a change of the look.
async fn looks(
    state: &AppState,
    caller: &Caller,
    if_match: IfMatch,
    done: Result<(), SettingsError>,
) -> Result<Response, Problem> {
    state.doors.forget(caller.cx.tenant);
    done.map_err(|error| problem(caller, error, if_match))?;
    let it = settings(state, caller).await?;
    Ok(([etag(it.version)], Json(Look::from(it))).into_response())
}

async fn set_colours(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Json<NewLook>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let new = json(sent)?;
    let if_match = IfMatch::of(&headers);
    let version = seen(&state, &caller, if_match, new.version).await?;
    let colours = (new.primary_colour.as_str(), new.accent_colour.as_str());
    let done = service::colours_set(&state.db, &caller.cx, colours, version).await;
    looks(&state, &caller, if_match, done).await
}

async fn logo(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let found = async |tx: &mut Tx| Ok::<_, DbError>((store::settings(tx).await?, store::logo(tx).await?));
    let (it, logo) = state.db.tx(&caller.cx, found).await?;
    let (bytes, kind) = logo.ok_or_else(Problem::not_found)?;
    let tag = etag(it.version);
    if not_modified(&headers, &tag.1) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    let mut answer = brand::picture(bytes, &kind)?;
    answer.headers_mut().insert(tag.0, tag.1);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

async fn set_logo(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    if !image::KINDS.contains(&sent_as(&headers)) {
        return Err(media_type(&image::KINDS.join(", ")));
    }
    let bytes = bytes(sent)?;
    let if_match = IfMatch::of(&headers);
    let version = seen(&state, &caller, if_match, None).await?;
    let kind = image::judge(&bytes).map_err(|no| {
        Problem::invalid("settings.invalid", vec![FieldError::from(("logo", caller.t(no.text_key())))])
    })?;
    let done = service::logo_set(&state.db, &caller.cx, Some((&bytes, kind)), version).await;
    looks(&state, &caller, if_match, done).await
}

async fn take_logo(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let if_match = IfMatch::of(&headers);
    let version = seen(&state, &caller, if_match, None).await?;
    if settings(&state, &caller).await?.logo_type.is_none() {
        return Err(Problem::not_found());
    }
    let done = service::logo_set(&state.db, &caller.cx, None, version).await;
    looks(&state, &caller, if_match, done).await
}

// --- its addresses ---------------------------------------------------------------

/// From where people and keys of a tenant may come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AllowedAddresses)]
struct Addresses {
    /// Networks; none: from anywhere.
    addresses: Vec<String>,
    /// 0 before the first change.
    version: i32,
}

/// From where people and keys are to be let in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAllowedAddresses)]
struct NewAddresses {
    /// Addresses and networks (`203.0.113.0/24`, `2001:db8::/32`); none: from anywhere.
    #[schema(max_items = 100)]
    addresses: Vec<String>,
    /// The version that was seen, where `If-Match` does not say it.
    #[serde(default)]
    version: Option<i32>,
}

impl From<Settings> for Addresses {
    fn from(it: Settings) -> Self {
        Self { addresses: it.addresses, version: it.version }
    }
}

async fn addresses(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let it = settings(&state, &caller).await?;
    Ok(tagged(&headers, it.version, Addresses::from(it)))
}

async fn set_addresses(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    client: Client,
    sent: Result<Json<NewAddresses>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let new = json(sent)?;
    let if_match = IfMatch::of(&headers);
    let version = seen(&state, &caller, if_match, new.version).await?;
    let lines = new.addresses.iter().map(String::as_str);
    let done = service::addresses_set(&state.db, &caller.cx, lines, client.0, version).await;
    state.doors.forget(caller.cx.tenant);
    done.map_err(|error| problem(&caller, error, if_match))?;
    let it = settings(&state, &caller).await?;
    Ok(([etag(it.version)], Json(Addresses::from(it))).into_response())
}

// --- its mail server -------------------------------------------------------------

/// The server through which a tenant's mail goes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailServer)]
struct MailServer {
    /// Its name; empty: the cloud's server is used.
    host: String,
    port: i32,
    /// `tls` from the first byte, or `starttls`.
    security: String,
    /// By what name it is used; empty: without one.
    user: String,
    /// Whether a password is kept; it is not told.
    has_password: bool,
    /// Whom mail comes from.
    from_address: String,
    /// 0 before the first change.
    version: i32,
    /// What came of trying it, in the answer to who set it; else null.
    trial: Option<MailTrial>,
}

/// What came of trying a mail server: it was reached, spoken to under TLS, and signed in to.
/// No mail was sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailServerTrial)]
struct MailTrial {
    /// `answered`; else where it stopped: `name` (nobody knows it), `private` (it may not be
    /// reached from here), `silent` (nobody answered in time), `encryption`, `sign_in` (name
    /// and password), `refused`; or `not_tried`, since too many servers were of late.
    #[schema(example = "encryption")]
    outcome: &'static str,
    /// What is amiss and what to try, in the caller's language; empty where it answered.
    detail: String,
    /// What came back, in the words of the server or of the connection to it; empty where
    /// nothing did.
    said: String,
}

impl MailTrial {
    fn of(trial: &Trial, texts: &Texts, smtp: &Smtp) -> Self {
        let (detail, said) =
            trial.amiss(texts, smtp).map(|amiss| (amiss.told, amiss.said)).unwrap_or_default();
        Self { outcome: trial.outcome(), detail, said }
    }
}

impl From<Smtp> for MailServer {
    fn from(it: Smtp) -> Self {
        Self {
            host: it.smtp_host,
            port: it.smtp_port,
            security: it.smtp_security,
            user: it.smtp_user,
            has_password: it.smtp_password.is_some(),
            from_address: it.from_address,
            version: it.version,
            trial: None,
        }
    }
}

/// The server through which a tenant's mail is to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMailServer)]
struct NewMailServer {
    /// Its name; empty: the cloud's server is used, and the rest is forgotten.
    #[schema(max_length = 253, example = "mail.example.com")]
    host: String,
    #[serde(default = "usual_port")]
    port: i32,
    /// `tls` from the first byte, or `starttls`.
    #[serde(default = "usual_security")]
    #[schema(max_length = 8)]
    security: String,
    #[serde(default)]
    #[schema(max_length = 254)]
    user: String,
    /// Left out or empty: as it is, if host and user are. Null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(max_length = 256, value_type = Option<String>)]
    password: Option<Option<String>>,
    /// Whom mail comes from.
    #[serde(default)]
    #[schema(max_length = 254)]
    from_address: String,
    /// The version that was seen, where `If-Match` does not say it.
    #[serde(default)]
    version: Option<i32>,
}

fn usual_port() -> i32 {
    Smtp::default().smtp_port
}

fn usual_security() -> String {
    Smtp::default().smtp_security
}

/// Tells null from nothing.
fn given<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

async fn mail(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let it = server(&state, &caller).await?;
    Ok(tagged(&headers, it.version, MailServer::from(it)))
}

async fn set_mail(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Json<NewMailServer>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let new = json(sent)?;
    let if_match = IfMatch::of(&headers);
    let version = match if_match.or(new.version)? {
        Some(version) => version,
        None => server(&state, &caller).await?.version,
    };
    let typed = TypedSmtp {
        smtp_host: new.host,
        smtp_port: new.port,
        smtp_security: new.security,
        smtp_user: new.user,
        no_password: new.password == Some(None),
        smtp_password: new.password.flatten().unwrap_or_default(),
        from_address: new.from_address,
        version,
    };
    let by = By::caller(&state, &caller);
    let done = service::smtp_set(&state.db, &by, &state.secrets, &typed, state.private_webhooks).await;
    done.map_err(|error| problem(&caller, error, if_match))?;
    // It is saved, whatever comes of the trial.
    let it = server(&state, &caller).await?;
    let trial = trial::of_saved(&state, &caller, &it).await?;
    let trial = trial.map(|trial| MailTrial::of(&trial, &caller.texts, &it));
    let tag = etag(it.version);
    Ok(([tag], Json(MailServer { trial, ..MailServer::from(it) })).into_response())
}
