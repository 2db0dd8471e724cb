//! What a tenant has of the product: pages and API by which super-administrators see and
//! change it.

use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::log::{self, Who};
use super::{AdminCaller, pages, tenant_store as store};
use crate::audit::Entry;
use crate::db::{Db, DbError};
use crate::plans::PlanError;
use crate::web::routing::{get, post, put};
use crate::web::{
    AppState, Feature, FieldError, IfMatch, Path, Problem, can_be_kept, etag, form, json as sent_json,
};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin/tenants/{tenant}/features", post(choose))
        .route("/admin/api/tenants/{tenant}/features", get(read).merge(put(set)))
}

/// What a tenant's list says, and when it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Has {
    pub features: Vec<String>,
    pub features_version: i32,
}

/// Has a tenant's list say this, if it is at `version`.
pub(super) async fn change(
    db: &Db,
    who: &Who,
    (tenant, version): (Uuid, i32),
    features: &[String],
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    if !can_be_kept(features) {
        return Err(PlanError::Invalid(vec![("features", "admin-wrong-features")]));
    }
    db.system_tx(async |system| {
        let before = store::features(system, tenant).await?.ok_or(PlanError::NoTenant)?;
        if before.features_version != version {
            return Err(PlanError::Stale);
        }
        if before.features == features {
            return Ok(());
        }
        if !store::features_set(system, tenant, features, version).await? {
            return Err(PlanError::Stale);
        }
        let entry = Entry {
            action: "tenant.features",
            subject: &format!("tenant:{tenant}"),
            before: Some(json!(before.features)),
            after: Some(json!(features)),
        };
        Ok(log::record(system, who, entry, now).await?)
    })
    .await
}

async fn find(state: &AppState, tenant: Uuid) -> Result<Has, Problem> {
    let look =
        async |system: &mut crate::db::SystemTx| Ok::<_, DbError>(store::features(system, tenant).await?);
    state.db.system_tx(look).await?.ok_or_else(Problem::not_found)
}

// --- the page --------------------------------------------------------------------

/// A box of the form.
pub(super) struct Choice {
    pub feature: Feature,
    pub on: bool,
}

/// The boxes for a tenant with this list, and the names in it that switch nothing here.
pub(super) fn choices(state: &AppState, has: &[String]) -> (Vec<Choice>, Vec<String>) {
    let boxes = state.features.of(has).map(|(feature, on)| Choice { feature, on }).collect();
    (boxes, state.features.unused(has))
}

/// `POST /admin/tenants/{tenant}/features`
async fn choose(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let pairs = form(sent)?;
    let version = pairs.iter().find(|(key, _)| key == "version").and_then(|(_, text)| text.parse().ok());
    let version = version.unwrap_or_default();
    let ticked: Vec<String> =
        pairs.into_iter().filter(|(key, _)| key == "feature").map(|(_, value)| value).collect();
    let has = find(&state, tenant).await?;
    let list = state.features.chosen(&has.features, &ticked);
    let done = change(&state.db, &caller.who, (tenant, version), &list, Utc::now()).await;
    state.doors.forget(tenant);
    pages::done_or_told(&state, &caller, tenant, done).await
}

// --- the API ---------------------------------------------------------------------

/// What a tenant has of the product.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminTenantFeatures)]
pub(super) struct TenantFeatures {
    /// The list, as the specification's configuration has it. Empty is everything; a name
    /// with `-` before it is off, whatever else the list says.
    features: Vec<String>,
    /// What can be switched in this cloud.
    switches: Vec<Switch>,
    /// Names of the list that no module here uses.
    unused: Vec<String>,
    /// For a change; also the tag.
    version: i32,
}

/// A feature that modules of this cloud belong to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminFeature)]
struct Switch {
    name: &'static str,
    /// For people.
    label: String,
    /// Other names that stand for it too.
    within: &'static [&'static str],
    on: bool,
}

/// What a tenant is to have of the product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AdminNewFeatures)]
pub(super) struct NewFeatures {
    /// The whole list; names that nothing here uses are kept.
    #[schema(max_items = 100)]
    features: Vec<String>,
    /// That was seen; or in `If-Match`.
    version: Option<i32>,
}

fn answer(state: &AppState, caller: &AdminCaller, has: Has) -> Response {
    let switch = |(feature, on): (Feature, bool)| Switch {
        name: feature.name,
        label: caller.t(&feature.text_key()),
        within: feature.within,
        on,
    };
    let told = TenantFeatures {
        switches: state.features.of(&has.features).map(switch).collect(),
        unused: state.features.unused(&has.features),
        features: has.features,
        version: has.features_version,
    };
    ([etag(told.version)], Json(told)).into_response()
}

/// `GET /admin/api/tenants/{tenant}/features`
async fn read(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
) -> Result<Response, Problem> {
    let has = find(&state, tenant).await?;
    Ok(answer(&state, &caller, has))
}

/// `PUT /admin/api/tenants/{tenant}/features`
async fn set(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(tenant): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<NewFeatures>, JsonRejection>,
) -> Result<Response, Problem> {
    let NewFeatures { features, version } = sent_json(sent)?;
    let if_match = IfMatch::of(&headers);
    let seen = if_match.or(version)?;
    let known = find(&state, tenant).await?;
    let aimed = (tenant, seen.unwrap_or(known.features_version));
    let done = change(&state.db, &caller.who, aimed, &features, Utc::now()).await;
    state.doors.forget(tenant);
    match done {
        Ok(()) => {}
        Err(PlanError::Stale) => return Err(if_match.stale()),
        Err(PlanError::Invalid(wrong)) => {
            let told = |(field, key): (&'static str, &'static str)| FieldError::from((field, caller.t(key)));
            return Err(Problem::invalid("tenant.invalid", wrong.into_iter().map(told).collect()));
        }
        Err(error) => return Err(error.into()),
    }
    let has = find(&state, tenant).await?;
    Ok(answer(&state, &caller, has))
}
