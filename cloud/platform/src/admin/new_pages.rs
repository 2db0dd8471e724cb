//! The pages of a new tenant: typed into a form, or out of its configuration in JSON, which
//! is shown with the codes that were derived before anything is made.

use std::collections::BTreeMap;

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use uuid::Uuid;

use super::making::{self, Made, MakeError, Typed};
use super::{AdminCaller, frame};
use crate::i18n::{Lang, Texts};
use crate::plans::Plan;
use crate::plans::service::{self, PlanError};
use crate::tenancy::config::{self, GivenCodes, LARGEST, Mistake, Planned, PlannedPlant};
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{AppState, Problem, form, multipart, site, status_of};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/admin/tenants", post(make))
        .route("/admin/tenants/new", get(new).merge(post(read)))
        .route("/admin/tenants/configured", post(make_configured))
}

/// A configuration that was read, and waits to be confirmed.
struct Configured {
    /// As it was sent.
    json: String,
    planned: Planned,
}

/// What the page shows.
#[derive(Default)]
struct Shown {
    typed: Typed,
    /// By field, in the reader's language.
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
    /// What was sent as a configuration, and the code beside it.
    json: String,
    sent_code: String,
    /// What is wrong with that, all of it, each with its place, in the reader's language.
    mistakes: Vec<(String, String)>,
    configured: Option<Configured>,
    /// What was made, and the link to be passed on where no mail is sent.
    made: Option<(Uuid, Option<String>)>,
}

#[derive(Template)]
#[template(path = "admin/new.html")]
struct NewPage<'a> {
    texts: &'a Texts,
    it: &'a Shown,
    fields: Fields<'a>,
    /// The form that sends a configuration, where none waits to be confirmed.
    upload: Option<Fields<'a>>,
    mails: bool,
}

/// The plants of a configuration, whose codes can be changed before they are made.
#[derive(Template)]
#[template(path = "admin/configured_plants.html")]
struct PlantsPart<'a> {
    texts: &'a Texts,
    plants: &'a [PlannedPlant],
}

/// The form: of a tenant that is typed, or of the rest of one that a configuration says.
/// `servers` are those for own databases, each with its region; the home one first,
/// without a name.
fn fields<'a>(
    texts: &'a Texts,
    it: &Shown,
    plans: &[Plan],
    servers: &[(&str, &str)],
) -> Result<Fields<'a>, Problem> {
    let typed = &it.typed;
    let submit = texts.t("admin-new-submit");
    let code = Input::text("code", texts.t("admin-code"))
        .value(&typed.code)
        .required()
        .shortest(4)
        .longest(4)
        .code()
        .hint(texts.t("admin-code-hint"));
    let mut fields = match &it.configured {
        Some(configured) => Fields::new(texts, "/admin/tenants/configured", submit)
            .hidden("json", &configured.json)
            .cancel("/admin/tenants/new", texts.t("admin-config-again"))
            .inputs([code]),
        None => {
            let currencies = ["INR", "USD", "EUR"].map(|code| (code.to_owned(), String::new()));
            Fields::new(texts, "/admin/tenants", submit).inputs([
                code,
                Input::text("name", texts.t("people-name"))
                    .value(&typed.name)
                    .required()
                    .longest(config::LONGEST_NAME),
                Input::zone("time_zone", texts.t("admin-zone")).value(&typed.time_zone).required(),
                Input::language("language", texts.t("shell-language")).value(&typed.language).required(),
                Input::text("currency", texts.t("admin-currency"))
                    .value(&typed.currency)
                    .required()
                    .shortest(3)
                    .longest(3)
                    .code()
                    .offers(currencies.into(), None)
                    .hint(texts.t("admin-currency-hint")),
            ])
        }
    };
    let usual = plans.iter().find(|plan| plan.is_default).map(|plan| &plan.plan);
    let plan = Some(&typed.plan).filter(|plan| !plan.is_empty()).or(usual).cloned().unwrap_or_default();
    let plans = plans.iter().map(|plan| (plan.plan.clone(), plan.name.clone()));
    let by_plan = (String::new(), texts.t("admin-placement-plan"));
    let places =
        ["shared", "own"].map(|place| (place.to_owned(), texts.t(&format!("admin-placement-{place}"))));
    let places = std::iter::once(by_plan).chain(places);
    fields = fields.inputs([
        Input::choice("plan", texts.t("plan-plan"), plans).value(plan).required(),
        Input::choice("placement", texts.t("admin-placement"), places).value(&typed.placement),
    ]);
    if servers.len() > 1 {
        let servers = servers.iter().map(|(name, region)| {
            let said = if name.is_empty() { texts.t("admin-server-home") } else { (*name).to_owned() };
            let said = if region.is_empty() { said } else { format!("{said} · {region}") };
            ((*name).to_owned(), said)
        });
        fields = fields
            .inputs([Input::choice("server", texts.t("admin-server-own"), servers).value(&typed.server)]);
    }
    fields = fields.inputs([
        Input::text("person", texts.t("admin-first-name")).value(&typed.person).required().longest(80),
        Input::email("email", texts.t("admin-first-email")).value(&typed.email).required().longest(254),
    ]);
    if let Some(configured) = it.configured.as_ref().filter(|it| !it.planned.plants.is_empty()) {
        fields = fields.within(PlantsPart { texts, plants: &configured.planned.plants }.render()?);
    }
    // A name that the configuration says has no input here.
    let of_configured = |field: &'static str, told: &String| match field {
        "name" if it.configured.is_some() => format!("{}: {told}", texts.t("people-name")),
        _ => told.clone(),
    };
    let wrong = it.wrong.iter().map(|(field, told)| (*field, of_configured(field, told)));
    Ok(fields.told(it.error.clone()).wrong(wrong))
}

/// The form that sends a configuration: as a file, or pasted. Its mistakes have places
/// within the JSON, and so are told above.
fn upload_fields<'a>(texts: &'a Texts, it: &Shown) -> Fields<'a> {
    Fields::new(texts, "/admin/tenants/new", texts.t("admin-config-read")).apart("config").beside().inputs([
        Input::file("file", texts.t("admin-config-file"), ".json,application/json"),
        Input::text("code", texts.t("admin-config-code")).value(&it.sent_code).longest(4).code(),
        Input::lines("json", texts.t("admin-config-json")).value(&it.json).rows(8).code(),
    ])
}

async fn show(state: &AppState, caller: &AdminCaller, shown: &Shown) -> Result<Response, Problem> {
    let plans: Vec<Plan> =
        service::plans(&state.db).await?.into_iter().filter(|plan| plan.retired_at.is_none()).collect();
    let failed = shown.error.is_some() || !shown.wrong.is_empty() || !shown.mistakes.is_empty();
    let owns = state.db.owns();
    let further = owns.servers.iter().map(|(name, server)| (name.as_str(), server.region.as_str()));
    let servers: Vec<_> = std::iter::once(("", owns.region.as_str())).chain(further).collect();
    let fields = fields(&caller.texts, shown, &plans, &servers)?;
    let upload = shown.configured.is_none().then(|| upload_fields(&caller.texts, shown));
    let view = NewPage { texts: &caller.texts, it: shown, fields, upload, mails: state.mails };
    let page = frame::page(caller, &caller.t("admin-new"), "/admin", &view)?;
    Ok((status_of(failed), page).into_response())
}

/// What the form begins with.
fn blank() -> Typed {
    Typed {
        time_zone: "Asia/Kolkata".into(),
        language: Lang::En.code().into(),
        currency: "INR".into(),
        ..Typed::default()
    }
}

/// `GET /admin/tenants/new`
async fn new(State(state): State<AppState>, caller: AdminCaller) -> Result<Response, Problem> {
    show(&state, &caller, &Shown { typed: blank(), ..Shown::default() }).await
}

/// What becomes of a tenant that was to be made.
async fn done(
    state: &AppState,
    caller: &AdminCaller,
    headers: &HeaderMap,
    mut shown: Shown,
) -> Result<Response, Problem> {
    let from = shown.configured.as_ref().map(|configured| &configured.planned);
    let made = making::make(&state.db, &caller.who, &shown.typed, from, state.by_mail(), Utc::now()).await;
    match made {
        Ok(Made { tenant, link }) => {
            let link =
                (!state.mails).then(|| format!("{}/invitation/{}", site(state, headers), link.reveal()));
            shown.made = Some((tenant, link));
        }
        Err(MakeError::Invalid(wrong)) => {
            shown.wrong = wrong.into_iter().map(|(field, key)| (field, caller.t(key))).collect();
        }
        Err(MakeError::Db(error) | MakeError::Plan(PlanError::Db(error))) => return Err(error.into()),
        Err(MakeError::Plan(error)) => shown.error = Some(caller.t(error.text_key())),
        Err(MakeError::People(error)) => return Err(error.into()),
    }
    show(state, caller, &shown).await
}

/// `POST /admin/tenants`
async fn make(
    State(state): State<AppState>,
    caller: AdminCaller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let typed = form(sent)?;
    done(&state, &caller, &headers, Shown { typed, ..Shown::default() }).await
}

// --- out of its configuration ----------------------------------------------------

/// The configuration that a form sent, as a file or pasted, and the code beside it.
async fn sent_configuration(headers: &HeaderMap, bytes: Bytes) -> Result<(String, String), Problem> {
    let mut parts = multipart(headers, bytes)?;
    let (mut file, mut pasted, mut code) = (Bytes::new(), String::new(), String::new());
    while let Some(part) = parts.next_field().await? {
        match part.name() {
            Some("file") => file = part.bytes().await?,
            Some("json") => pasted = part.text().await?,
            Some("code") => code = part.text().await?.trim().to_uppercase(),
            _ => {}
        }
    }
    // What is no text is told as what is no configuration.
    let json = if file.is_empty() { pasted } else { String::from_utf8_lossy(&file).into_owned() };
    Ok((json, code))
}

/// Mistakes in the reader's language, each with its place.
fn told(caller: &AdminCaller, mistakes: Vec<Mistake>) -> Vec<(String, String)> {
    let told = mistakes.into_iter().map(|one| {
        let said = one.say(&caller.texts);
        (one.pointer, said)
    });
    told.collect()
}

/// `POST /admin/tenants/new`: reads a configuration, and makes nothing.
async fn read(
    State(state): State<AppState>,
    caller: AdminCaller,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let (json, code) = sent_configuration(&headers, bytes).await?;
    let mut shown = Shown { typed: blank(), sent_code: code.clone(), ..Shown::default() };
    if json.len() > LARGEST {
        shown.mistakes = vec![(String::new(), caller.texts.t1("admin-config-large", "kb", LARGEST / 1024))];
        return show(&state, &caller, &shown).await;
    }
    let given = GivenCodes { tenant: Some(code).filter(|code| !code.is_empty()), ..GivenCodes::default() };
    match config::read(&json, &given) {
        Ok(planned) => {
            shown.typed = Typed::of(&planned);
            shown.configured = Some(Configured { json, planned });
        }
        Err(mistakes) => {
            shown.json = json;
            shown.mistakes = told(&caller, mistakes);
        }
    }
    show(&state, &caller, &shown).await
}

/// What the form that confirms a configuration sent: it, the rest of the tenant, and the
/// codes as they are to be.
fn confirmed(pairs: Vec<(String, String)>) -> (String, Typed, GivenCodes) {
    let (mut json, mut typed) = (String::new(), Typed::default());
    let (mut ids, mut codes) = (Vec::new(), Vec::new());
    for (name, value) in pairs {
        match name.as_str() {
            "json" => json = value,
            "code" => typed.code = value.trim().to_uppercase(),
            "plan" => typed.plan = value,
            "placement" => typed.placement = value,
            "server" => typed.server = value,
            "email" => typed.email = value,
            "person" => typed.person = value,
            "plant" => ids.push(value),
            "plant_code" => codes.push(value.trim().to_uppercase()),
            _ => {}
        }
    }
    let plants: BTreeMap<String, String> = ids.into_iter().zip(codes).collect();
    let given = GivenCodes { tenant: Some(typed.code.clone()), plants };
    (json, typed, given)
}

/// `POST /admin/tenants/configured`: makes what was read and confirmed.
async fn make_configured(
    State(state): State<AppState>,
    caller: AdminCaller,
    headers: HeaderMap,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let (json, typed, given) = confirmed(form(sent)?);
    let with = |planned: &Planned| Typed {
        code: typed.code.clone(),
        plan: typed.plan.clone(),
        placement: typed.placement.clone(),
        server: typed.server.clone(),
        email: typed.email.clone(),
        person: typed.person.clone(),
        ..Typed::of(planned)
    };
    let mistakes = match config::read(&json, &given) {
        Ok(planned) => {
            let typed = with(&planned);
            let configured = Some(Configured { json, planned });
            return done(&state, &caller, &headers, Shown { typed, configured, ..Shown::default() }).await;
        }
        Err(mistakes) => told(&caller, mistakes),
    };
    // A code that is none is told beside what was read; what was typed stays.
    let shown = match config::read(&json, &GivenCodes::default()) {
        Ok(mut planned) => {
            for plant in &mut planned.plants {
                if let Some(code) = given.plants.get(&plant.slug) {
                    plant.code.clone_from(code);
                }
            }
            let typed = with(&planned);
            Shown { typed, mistakes, configured: Some(Configured { json, planned }), ..Shown::default() }
        }
        Err(_) => Shown { typed: blank(), json, mistakes, ..Shown::default() },
    };
    show(&state, &caller, &shown).await
}
