//! A new tenant out of its configuration, by API: the specification's JSON form with the
//! codes that it lacks. A dry run shows what it comes to, codes that were derived too.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::AdminCaller;
use super::api::made;
use super::making::{self, Typed};
use crate::tenancy;
use crate::tenancy::config::{self, GivenCodes, LARGEST, Planned};
use crate::web::{AppState, FieldError, Problem, json};

/// A tenant to be made of its configuration.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AdminConfiguredTenant)]
pub(super) struct Sent {
    /// The configuration, as the specification has it.
    #[schema(value_type = Object)]
    configuration: Value,
    /// Four of 0-9 and A-Z; derived of `tenant_id` when left out.
    code: Option<String>,
    /// Codes of plants by their `plant_id`; those left out are derived.
    plant_codes: BTreeMap<String, String>,
    plan: String,
    /// `shared` or `own`; empty: as the plan says.
    placement: String,
    /// The server of its own database; empty: that of the home database.
    server: String,
    /// The first administrator.
    email: String,
    person: String,
    /// Only show what would be made.
    dry_run: bool,
}

/// What a configuration comes to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminPlannedTenant)]
pub(super) struct Shown {
    code: String,
    /// The code was derived, and not given.
    code_derived: bool,
    tenant_id: Option<String>,
    name: String,
    time_zone: String,
    language: String,
    currency: String,
    /// What it is to have of the product; none is everything. Names that no module here uses
    /// are kept.
    features: Vec<String>,
    plants: Vec<ShownPlant>,
    /// Why it would not be made as it is: codes and ids that are somebody else's.
    clashes: Vec<String>,
}

/// A plant of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminPlannedPlant)]
pub(super) struct ShownPlant {
    code: String,
    /// The code was derived, and not given.
    code_derived: bool,
    plant_id: String,
    name: String,
    /// Where it stands.
    address: Option<String>,
}

impl Shown {
    fn of(planned: Planned, clashes: Vec<String>) -> Self {
        let it = planned.tenant;
        let plants = planned.plants.into_iter().map(|plant| ShownPlant {
            code: plant.code,
            code_derived: plant.code_derived,
            plant_id: plant.slug,
            name: plant.name,
            address: plant.address,
        });
        Self {
            code: it.code,
            code_derived: planned.code_derived,
            tenant_id: it.slug,
            name: it.name,
            time_zone: it.time_zone,
            language: it.language,
            currency: it.currency,
            features: it.features,
            plants: plants.collect(),
            clashes,
        }
    }
}

/// `POST /admin/api/tenants/configured`: makes one with its plants and its first
/// administrator; with `dry_run` makes nothing, and answers what it would.
pub(super) async fn make(
    State(state): State<AppState>,
    caller: AdminCaller,
    sent: Result<Json<Sent>, JsonRejection>,
) -> Result<Response, Problem> {
    let sent = json(sent)?;
    let upper = |code: &String| code.trim().to_uppercase();
    let given = GivenCodes {
        tenant: sent.code.as_ref().map(upper),
        plants: sent.plant_codes.iter().map(|(id, code)| (id.clone(), upper(code))).collect(),
    };
    let text = sent.configuration.to_string();
    let read = match text.len() {
        0..=LARGEST => config::read(&text, &given).map_err(|mistakes| {
            mistakes.iter().map(|one| format!("{}: {}", one.pointer, one.say(&caller.texts))).collect()
        }),
        _ => Err(vec![caller.texts.t1("admin-config-large", "kb", LARGEST / 1024)]),
    };
    let planned = read.map_err(wrong)?;
    let clashes = tenancy::clashes(&state.db, &planned).await?;
    if sent.dry_run {
        return Ok((StatusCode::OK, Json(Shown::of(planned, clashes))).into_response());
    }
    if !clashes.is_empty() {
        return Err(wrong(clashes));
    }
    let typed = Typed {
        plan: sent.plan,
        placement: sent.placement,
        server: sent.server,
        email: sent.email,
        person: sent.person,
        ..Typed::of(&planned)
    };
    let now = chrono::Utc::now();
    let done = making::make(&state.db, &caller.who, &typed, Some(&planned), state.by_mail(), now).await;
    made(&state, &caller, done)
}

/// Everything that is wrong with a configuration, each with its place in it.
fn wrong(mistakes: Vec<String>) -> Problem {
    let told = mistakes.into_iter().map(|mistake| FieldError::from(("configuration", mistake)));
    Problem::invalid("tenant.invalid", told.collect())
}
