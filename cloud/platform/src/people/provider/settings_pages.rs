//! The page of sign-in by a provider among a tenant's settings, and the button that
//! forgets whose identity is whose.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::settings::{self, ProviderError, Typed};
use crate::i18n::{Texts, Value};
use crate::people::error::PeopleError;
use crate::people::model::{ADMIN, Role};
use crate::people::pages::{done_or_told, role_name};
use crate::people::{By, USER_MANAGE, service as people};
use crate::settings::{TENANT_MANAGE, Tab, tabs};
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Done, Path, Problem, Shell, form, kept, query, status_of};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/settings/signin", get(page).merge(post(set)))
        .route("/users/{id}/unlink", post(unlink))
}

#[derive(Template)]
#[template(path = "people/provider.html")]
struct Page<'a> {
    texts: &'a Texts,
    tabs: Vec<Tab>,
    fields: Fields<'a>,
    /// Why whoever looks cannot change them.
    beyond: Option<String>,
    /// Where the organisation's people sign in, if they do.
    door: Option<String>,
    done: bool,
}

/// The form; a box that is not ticked is not sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TypedForm {
    active: bool,
    name: String,
    issuer: String,
    client_id: String,
    client_secret: String,
    no_secret: bool,
    /// One a line, or with commas between.
    email_domains: String,
    create_role: String,
    provider_only: bool,
    version: i32,
}

impl From<&TypedForm> for Typed {
    fn from(form: &TypedForm) -> Self {
        let domains = form.email_domains.split([',', '\n', ' ', ';', '\r', '\t']);
        Self {
            active: form.active,
            name: form.name.clone(),
            issuer: form.issuer.clone(),
            client_id: form.client_id.clone(),
            client_secret: form.client_secret.clone(),
            no_secret: form.no_secret,
            email_domains: domains.filter(|text| !text.is_empty()).map(str::to_owned).collect(),
            create_role: form.create_role.clone(),
            provider_only: form.provider_only,
            version: form.version,
        }
    }
}

impl TypedForm {
    /// The form; `back` is where the provider sends people back to.
    fn fields<'a>(&self, texts: &'a Texts, roles: &[Role], has_secret: bool, back: &str) -> Fields<'a> {
        let nobody = (String::new(), texts.t("provider-role-none"));
        let roles = roles.iter().map(|role| (role.code.clone(), role_name(texts, role)));
        let kept = if has_secret { texts.t("provider-secret-kept") } else { String::new() };
        let mut inputs = vec![
            Input::text("name", texts.t("provider-name"))
                .value(&self.name)
                .longest(40)
                .placeholder("Saif ID")
                .hint(texts.t("provider-name-hint")),
            Input::url("issuer", texts.t("provider-issuer"))
                .value(&self.issuer)
                .longest(500)
                .placeholder("https://id.example.com")
                .hint(texts.t("provider-issuer-hint")),
            Input::text("client_id", texts.t("provider-client")).value(&self.client_id).longest(200).code(),
            Input::secret("client_secret", texts.t("provider-secret")).longest(500).hint(kept),
        ];
        if has_secret {
            inputs.push(Input::tick("no_secret", texts.t("provider-secret-none"), self.no_secret));
        }
        inputs.extend([
            Input::text("back", texts.t("provider-back"))
                .value(back)
                .fixed(true)
                .hint(texts.t("provider-back-hint")),
            Input::lines("email_domains", texts.t("provider-domains"))
                .value(&self.email_domains)
                .longest(5000)
                .code()
                .placeholder("saif.example")
                .hint(texts.t("provider-domains-hint")),
            Input::choice("create_role", texts.t("provider-role"), std::iter::once(nobody).chain(roles))
                .value(&self.create_role)
                .hint(texts.t("provider-role-hint")),
            Input::tick("active", texts.t("provider-active"), self.active),
            Input::tick("provider_only", texts.t("provider-only"), self.provider_only)
                .wide()
                .hint(texts.t("provider-only-hint")),
        ]);
        Fields::new(texts, "/settings/signin", texts.t("people-save"))
            .version(Some(self.version))
            .inputs(inputs)
    }
}

#[derive(Default)]
struct Shown {
    typed: Option<TypedForm>,
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
    done: bool,
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    shown: Shown,
) -> Result<Response, Problem> {
    let kept = settings::get(&state.db, &caller.cx).await?;
    let roles = people::roles(&state.db, &caller.cx).await?;
    let (has_secret, active) = (kept.client_secret.is_some(), kept.active);
    let stands = TypedForm {
        active,
        name: kept.name,
        issuer: kept.issuer,
        client_id: kept.client_id,
        client_secret: String::new(),
        no_secret: false,
        email_domains: kept.email_domains.join("\n"),
        create_role: kept.create_role.unwrap_or_default(),
        provider_only: kept.provider_only,
        version: kept.version,
    };
    let at = format!("{}/signin/at/{}", state.public_url, caller.tenant_code);
    let failed = shown.error.is_some() || !shown.wrong.is_empty();
    let beyond = By::caller(state, caller).holds_everything().err().map(|beyond| beyond.say(&caller.texts));
    let roles: Vec<Role> = roles.into_iter().filter(|role| role.code != ADMIN).collect();
    let form = |it: &TypedForm| it.fields(&caller.texts, &roles, has_secret, &format!("{at}/callback"));
    let fields = form(shown.typed.as_ref().unwrap_or(&stands)).locked(beyond.is_some());
    let fields = fields.told(shown.error).wrong(shown.wrong).against(&form(&stands));
    let view = Page {
        texts: &caller.texts,
        tabs: tabs(caller, "/settings/signin"),
        fields,
        beyond,
        door: active.then_some(at),
        done: shown.done,
    };
    let shell = Shell::new(state, caller, caller.t("settings-signin"), "/settings")
        .under("/settings", caller.t("settings-title"));
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let done = query::<Done>(&uri)?.done.is_some();
    show(&state, &caller, &headers, Shown { done, ..Shown::default() }).await
}

/// Mistakes in the person's own language.
pub(super) fn said(texts: &Texts, wrong: Vec<settings::Wrong>) -> Vec<(&'static str, String)> {
    let told =
        |(field, key, value): settings::Wrong| (field, texts.with(key, &[("value", Value::from(value))]));
    wrong.into_iter().map(told).collect()
}

async fn set(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<TypedForm>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let typed = form(sent)?;
    let way = (&state.providers, state.private_webhooks);
    let by = By::caller(&state, &caller);
    let done = settings::set(&state.db, &by, &state.secrets, way, &Typed::from(&typed)).await;
    let (wrong, error) = match done {
        Ok(()) => return Ok(Redirect::to("/settings/signin?done=1").into_response()),
        Err(ProviderError::Invalid(wrong)) => (said(&caller.texts, wrong), None),
        Err(ProviderError::Stale) => (Vec::new(), Some(caller.t("error-conflict-stale"))),
        // The page says why by itself, with the settings as they are.
        Err(ProviderError::Beyond(_)) => {
            let page = show(&state, &caller, &headers, Shown::default()).await?;
            return Ok((StatusCode::FORBIDDEN, page).into_response());
        }
        Err(error) => (Vec::new(), Some(kept(&caller.texts, error)?)),
    };
    // Typed again: it is not sent back.
    let typed = Some(TypedForm { client_secret: String::new(), ..typed });
    show(&state, &caller, &headers, Shown { typed, wrong, error, done: false }).await
}

async fn unlink(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let done = match settings::unlink(&state.db, &By::caller(&state, &caller), id).await {
        Err(ProviderError::Beyond(beyond)) => Err(PeopleError::Beyond(beyond)),
        done => Ok(done?),
    };
    done_or_told(&state, &caller, &headers, id, done).await
}
