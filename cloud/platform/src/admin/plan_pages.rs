//! Plans: the list, and a form for each.

use askama::Template;
use axum::Router;
use axum::extract::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;

use super::{AdminCaller, frame};
use crate::i18n::{Texts, plain_number};
use crate::plans::service::{self, PlanError};
use crate::plans::{Feature, Limits, Plan};
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{AppState, Path, Problem, form, status_of};

/// Bytes of a gigabyte, in which storage is typed.
const GIGABYTE: i64 = 1 << 30;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin/plans", get(list).merge(post(create)))
        .route("/admin/plans/{plan}", get(edit).merge(post(change)))
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
                "feature" if !value.is_empty() => typed.features.push(value),
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

    /// The plan, and what is wrong with it: all of it, by the names of inputs.
    fn plan(&self) -> (Plan, Vec<(&'static str, &'static str)>) {
        let mut wrong = Vec::new();
        let mut number = |field, text: &str| match plain_number(text) {
            text if text.is_empty() => None,
            text => {
                let count = text.parse::<i64>().ok();
                if count.is_none() {
                    wrong.push((field, "plan-wrong-number"));
                }
                count
            }
        };
        let small = |count: Option<i64>| count.map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        let limits = Limits {
            users: small(number("users", &self.users)),
            plants: small(number("plants", &self.plants)),
            events_month: number("events_month", &self.events_month),
            storage_bytes: number("storage_gb", &self.storage_gb).map(|count| count.saturating_mul(GIGABYTE)),
        };
        let trial_days = small(number("trial_days", &self.trial_days));
        let plan = Plan {
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
        };
        let input = |field: &'static str| match field {
            "features" => "feature",
            "storage_bytes" => "storage_gb",
            field => field,
        };
        wrong.extend(service::mistakes(&plan).into_iter().map(|(field, key)| (input(field), key)));
        (plan, wrong)
    }

    fn fields<'a>(&self, texts: &'a Texts) -> Fields<'a> {
        let known = self.version > 0;
        let to = if known { format!("/admin/plans/{}", self.plan) } else { "/admin/plans".to_owned() };
        let number = |name: &str, key: &str, value: &String| {
            Input::number(name, texts.t(key)).value(value).longest(20).placeholder(texts.t("plan-no-limit"))
        };
        let placements =
            ["shared", "own"].map(|place| (place.to_owned(), texts.t(&format!("admin-placement-{place}"))));
        let features = Feature::ALL.iter().map(|feature| {
            let opened = self.features.iter().any(|name| name == feature.name());
            (feature.name().to_owned(), texts.t(feature.text_key().as_str()), opened)
        });
        let code = Input::text("plan", texts.t("admin-plan-code")).value(&self.plan).code().longest(20);
        let fields = Fields::new(texts, to, texts.t("people-save")).version(Some(self.version)).inputs([
            code.required().fixed(known),
            Input::text("name", texts.t("people-name")).value(&self.name).required().longest(80),
            number("users", "plan-users", &self.users),
            number("plants", "plan-plants", &self.plants),
            number("events_month", "admin-events-month", &self.events_month),
            number("storage_gb", "admin-storage-gb", &self.storage_gb),
            number("trial_days", "admin-trial-days", &self.trial_days),
            Input::choice("placement", texts.t("admin-placement"), placements)
                .value(&self.placement)
                .required(),
            Input::text("contact", texts.t("plan-contact"))
                .value(&self.contact)
                .longest(200)
                .placeholder("sales@example.com"),
            Input::many("feature", texts.t("plan-features"), features),
            Input::tick("admins_second_step", texts.t("plan-admins-second-step"), self.admins_second_step),
            Input::tick("is_default", texts.t("admin-plan-make-default"), self.is_default),
        ]);
        match known {
            true => fields.inputs([Input::tick("retired", texts.t("admin-plan-retire"), self.retired)]),
            false => fields,
        }
    }
}

#[derive(Template)]
#[template(path = "admin/plan.html")]
struct Edit<'a> {
    texts: &'a Texts,
    is_new: bool,
    name: &'a str,
    fields: Fields<'a>,
}

fn show(
    caller: &AdminCaller,
    typed: &Typed,
    wrong: Vec<(&'static str, &'static str)>,
) -> Result<Response, Problem> {
    let failed = !wrong.is_empty();
    let is_new = typed.version == 0;
    let title = if is_new { caller.t("admin-plan-new") } else { typed.name.clone() };
    let wrong = wrong.into_iter().map(|(field, key)| (field, caller.t(key)));
    let fields = typed.fields(&caller.texts).wrong(wrong);
    let view = Edit { texts: &caller.texts, is_new, name: &typed.name, fields };
    let page = frame::page(caller, &title, "/admin/plans", &view)?;
    Ok((status_of(failed), page).into_response())
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
    show(&caller, &typed, Vec::new())
}

async fn save(state: &AppState, caller: &AdminCaller, typed: Typed) -> Result<Response, Problem> {
    let (plan, wrong) = typed.plan();
    if !wrong.is_empty() {
        return show(caller, &typed, wrong);
    }
    match service::plan_save(&state.db, &caller.who, &plan, Utc::now()).await {
        Ok(()) => Ok(Redirect::to("/admin/plans").into_response()),
        Err(PlanError::Db(error)) => Err(error.into()),
        Err(PlanError::Invalid(wrong)) => show(caller, &typed, wrong),
        Err(error) => show(caller, &typed, vec![("", error.text_key())]),
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
