//! Plans: the list, and a form for each.

use askama::Template;
use axum::Router;
use axum::extract::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use chrono::Utc;

use super::{AdminCaller, frame};
use crate::i18n::Texts;
use crate::plans::service::{self, PlanError};
use crate::plans::{Feature, Limits, Plan};
use crate::web::{AppState, Path, Problem, form, found};

/// Bytes of a gigabyte, in which storage is typed.
const GIGABYTE: i64 = 1 << 30;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin/plans", get(list).post(create))
        .route("/admin/plans/{plan}", get(edit).post(change))
}

#[derive(Template)]
#[template(path = "admin/plans.html")]
struct List<'a> {
    texts: &'a Texts,
    plans: Vec<Plan>,
}

/// A number, or that there is no limit.
fn limit<N: Copy + TryInto<i64>>(texts: &Texts, count: &Option<N>) -> String {
    count.map_or_else(|| "∞".to_owned(), |count| texts.number(count))
}

/// Whether a plan opens a feature.
fn has(plan: &Plan, feature: &Feature) -> bool {
    plan.features.iter().any(|name| name == feature.name())
}

async fn list(State(state): State<AppState>, caller: AdminCaller) -> Result<Response, Problem> {
    let plans = service::plans(&state.db).await?;
    frame::page(&caller, &caller.t("admin-plans"), "/admin/plans", &List { texts: &caller.texts, plans })
}

/// What stands in the form, as typed.
#[derive(Debug, Clone, Default)]
struct Typed {
    plan: String,
    name: String,
    users: String,
    plants: String,
    events_month: String,
    storage_gb: String,
    trial_days: String,
    features: Vec<String>,
    placement: String,
    admins_second_step: bool,
    contact: String,
    is_default: bool,
    retired: bool,
    version: i32,
}

impl Typed {
    fn of(plan: &Plan) -> Self {
        let text = |count: Option<i64>| count.map(|count| count.to_string()).unwrap_or_default();
        Self {
            plan: plan.plan.clone(),
            name: plan.name.clone(),
            users: text(plan.limits.users.map(i64::from)),
            plants: text(plan.limits.plants.map(i64::from)),
            events_month: text(plan.limits.events_month),
            storage_gb: text(plan.limits.storage_bytes.map(|bytes| bytes / GIGABYTE)),
            trial_days: text(plan.trial_days.map(i64::from)),
            features: plan.features.clone(),
            placement: plan.placement.clone(),
            admins_second_step: plan.admins_second_step,
            contact: plan.contact.clone(),
            is_default: plan.is_default,
            retired: plan.retired_at.is_some(),
            version: plan.version,
        }
    }

    fn read(pairs: Vec<(String, String)>) -> Self {
        let mut typed = Self::default();
        for (name, value) in pairs {
            let value = value.trim().to_owned();
            match name.as_str() {
                "plan" => typed.plan = value.to_uppercase(),
                "name" => typed.name = value,
                "users" => typed.users = value,
                "plants" => typed.plants = value,
                "events_month" => typed.events_month = value,
                "storage_gb" => typed.storage_gb = value,
                "trial_days" => typed.trial_days = value,
                "feature" => typed.features.push(value),
                "placement" => typed.placement = value,
                "contact" => typed.contact = value,
                "admins_second_step" => typed.admins_second_step = true,
                "is_default" => typed.is_default = true,
                "retired" => typed.retired = true,
                "version" => typed.version = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        typed
    }

    /// The plan; a number that is none is told by its field.
    fn plan(&self) -> Result<Plan, Vec<(&'static str, &'static str)>> {
        let mut wrong = Vec::new();
        let mut number = |field, text: &str| match text.replace([',', ' '], "") {
            text if text.is_empty() => None,
            text => match text.parse::<i64>() {
                Ok(count) => Some(count),
                Err(_) => {
                    wrong.push((field, "plan-wrong-number"));
                    None
                }
            },
        };
        let small = |count: Option<i64>| count.map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        let limits = Limits {
            users: small(number("users", &self.users)),
            plants: small(number("plants", &self.plants)),
            events_month: number("events_month", &self.events_month),
            storage_bytes: number("storage_gb", &self.storage_gb).map(|count| count.saturating_mul(GIGABYTE)),
        };
        let trial_days = small(number("trial_days", &self.trial_days));
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Plan {
            plan: self.plan.clone(),
            name: self.name.clone(),
            limits,
            trial_days,
            features: self.features.clone(),
            placement: self.placement.clone(),
            admins_second_step: self.admins_second_step,
            contact: self.contact.clone(),
            is_default: self.is_default,
            retired_at: self.retired.then(Utc::now),
            version: self.version,
        })
    }
}

#[derive(Template)]
#[template(path = "admin/plan.html")]
struct Edit<'a> {
    texts: &'a Texts,
    typed: &'a Typed,
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
}

impl Edit<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        found(&self.wrong, field)
    }

    /// Fields that hold a number: name, key of the text, what stands there.
    fn numbers(&self) -> [(&'static str, &'static str, &str); 5] {
        [
            ("users", "plan-users", &self.typed.users),
            ("plants", "plan-plants", &self.typed.plants),
            ("events_month", "admin-events-month", &self.typed.events_month),
            ("storage_gb", "admin-storage-gb", &self.typed.storage_gb),
            ("trial_days", "admin-trial-days", &self.typed.trial_days),
        ]
    }

    fn has(&self, feature: &Feature) -> bool {
        self.typed.features.iter().any(|name| name == feature.name())
    }
}

fn show(
    caller: &AdminCaller,
    typed: &Typed,
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
) -> Result<Response, Problem> {
    let failed = error.is_some() || !wrong.is_empty();
    let title = if typed.version == 0 { caller.t("admin-plan-new") } else { typed.name.clone() };
    let view = Edit { texts: &caller.texts, typed, wrong, error };
    let page = frame::page(caller, &title, "/admin/plans", &view)?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, page).into_response() } else { page })
}

/// `GET /admin/plans/{plan}`; `new` is a new one, which no code can be.
async fn edit(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(plan): Path<String>,
) -> Result<Response, Problem> {
    let typed = if plan == "new" {
        let features = Feature::ALL.map(|feature| feature.name().to_owned()).into();
        Typed { placement: "shared".to_owned(), features, admins_second_step: true, ..Typed::default() }
    } else {
        let found = service::plans(&state.db).await?.into_iter().find(|known| known.plan == plan);
        Typed::of(&found.ok_or_else(Problem::not_found)?)
    };
    show(&caller, &typed, Vec::new(), None)
}

async fn save(state: &AppState, caller: &AdminCaller, typed: Typed) -> Result<Response, Problem> {
    let say = |wrong: Vec<(&'static str, &'static str)>| {
        wrong.into_iter().map(|(field, key)| (field, caller.t(key))).collect::<Vec<_>>()
    };
    let plan = match typed.plan() {
        Ok(plan) => plan,
        Err(wrong) => return show(caller, &typed, say(wrong), None),
    };
    match service::plan_save(&state.db, &caller.who, &plan, Utc::now()).await {
        Ok(()) => Ok(Redirect::to("/admin/plans").into_response()),
        Err(PlanError::Db(error)) => Err(error.into()),
        Err(PlanError::Invalid(wrong)) => show(caller, &typed, say(wrong), None),
        Err(error) => show(caller, &typed, Vec::new(), Some(caller.t(error.text_key()))),
    }
}

async fn create(
    State(state): State<AppState>,
    caller: AdminCaller,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let typed = Typed { version: 0, ..Typed::read(form(sent)?) };
    save(&state, &caller, typed).await
}

async fn change(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(plan): Path<String>,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let typed = Typed { plan, ..Typed::read(form(sent)?) };
    // A plan that is there has a version.
    let typed = Typed { version: typed.version.max(1), ..typed };
    save(&state, &caller, typed).await
}
