//! The settings of sign-in by a provider, as JSON.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::settings::{self, ProviderError, Typed};
use super::settings_pages::said;
use super::store::Provider;
use crate::openapi::{Operation, group};
use crate::people::By;
use crate::settings::TENANT_MANAGE;
use crate::web::routing::{self, get};
use crate::web::{AppState, Caller, FieldError, IfMatch, Problem, etag, json, not_modified};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/settings/signin", get(one).merge(routing::put(put)))
}

/// What the routes here are, for the description of the API.
pub(in crate::people) fn operations() -> Vec<Operation> {
    let path = "/api/v1/settings/signin";
    let one = Operation::get(path, "getSignInProvider", "How people sign in by a provider of your own")
        .needs(&TENANT_MANAGE)
        .answers::<Settings>()
        .tagged();
    let put =
        Operation::put(path, "setSignInProvider", "Sets how they do; an active provider is asked who it is")
            .needs(&TENANT_MANAGE)
            .takes::<NewSettings>()
            .answers::<Settings>()
            .tagged()
            .must_match()
            .fails(
                403,
                "rights.beyond",
                "The caller is no administrator: a provider says who comes in as whom.",
            )
            .fails(409, "conflict.stale", "Somebody else changed it since `version`.")
            .fails(
                422,
                "signin.invalid",
                "A field is not right, or the provider does not answer as one; each is told.",
            );
    group("Settings", [one, put])
}

/// How people sign in by an OpenID Connect provider.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignInProvider)]
struct Settings {
    active: bool,
    /// What the button on the sign-in page says.
    name: String,
    issuer: String,
    client_id: String,
    /// Whether a client secret is kept; it is not told.
    has_secret: bool,
    /// Of e-mail addresses that are let in; none: every one.
    email_domains: Vec<String>,
    /// The role of whoever is not known here and becomes a person; null: nobody does.
    create_role: Option<String>,
    /// People sign in by it alone; administrators keep their passwords.
    provider_only: bool,
    /// 0 before the first change.
    version: i32,
}

impl From<Provider> for Settings {
    fn from(kept: Provider) -> Self {
        Self {
            active: kept.active,
            name: kept.name,
            issuer: kept.issuer,
            client_id: kept.client_id,
            has_secret: kept.client_secret.is_some(),
            email_domains: kept.email_domains,
            create_role: kept.create_role,
            provider_only: kept.provider_only,
            version: kept.version,
        }
    }
}

/// How people are to sign in by an OpenID Connect provider.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSignInProvider)]
struct NewSettings {
    active: bool,
    #[schema(max_length = 40)]
    name: String,
    /// As the provider writes it; its description is looked for below it.
    #[schema(max_length = 500, example = "https://id.example.com/realms/main")]
    issuer: String,
    #[schema(max_length = 200)]
    client_id: String,
    /// Left out or empty: as it is, if issuer and client are. Null: the provider asks for none.
    #[serde(default, deserialize_with = "given")]
    #[schema(max_length = 500, value_type = Option<String>)]
    client_secret: Option<Option<String>>,
    #[serde(default)]
    #[schema(max_items = 50)]
    email_domains: Vec<String>,
    #[serde(default)]
    create_role: Option<String>,
    #[serde(default)]
    provider_only: bool,
    /// The version that was seen, where `If-Match` does not say it.
    #[serde(default)]
    version: Option<i32>,
}

/// Tells null from nothing.
fn given<'d, D: serde::Deserializer<'d>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Invalid(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "signin.invalid", error.to_string())
            }
            ProviderError::Stale => Self::conflict("conflict.stale", ""),
            ProviderError::Beyond(beyond) => beyond.into(),
            ProviderError::NotFound => Self::not_found(),
            ProviderError::Secret(error) => Self::internal(error),
            ProviderError::Db(error) => error.into(),
        }
    }
}

async fn one(State(state): State<AppState>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let kept = settings::get(&state.db, &caller.cx).await?;
    let tag = etag(kept.version);
    if not_modified(&headers, &tag.1) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    Ok(([tag], Json(Settings::from(kept))).into_response())
}

async fn put(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Json<NewSettings>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let new = json(sent)?;
    let found = settings::get(&state.db, &caller.cx).await?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(new.version)?.unwrap_or(found.version);
    let typed = Typed {
        active: new.active,
        name: new.name,
        issuer: new.issuer,
        client_id: new.client_id,
        no_secret: new.client_secret == Some(None),
        client_secret: new.client_secret.flatten().unwrap_or_default(),
        email_domains: new.email_domains,
        create_role: new.create_role.unwrap_or_default(),
        provider_only: new.provider_only,
        version,
    };
    let way = (&state.providers, state.private_webhooks);
    match settings::set(&state.db, &By::caller(&state, &caller), &state.secrets, way, &typed).await {
        Ok(()) => {
            let kept = settings::get(&state.db, &caller.cx).await?;
            Ok(([etag(kept.version)], Json(Settings::from(kept))).into_response())
        }
        Err(ProviderError::Stale) => Err(if_match.stale()),
        Err(ProviderError::Invalid(wrong)) => {
            let errors = said(&caller.texts, wrong).into_iter().map(FieldError::from).collect();
            Err(Problem::invalid("signin.invalid", errors))
        }
        Err(error) => Err(error.into()),
    }
}
