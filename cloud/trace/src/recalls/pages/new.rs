//! The page on which a recall or a drill is begun.

use askama::Template;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response as Answered};
use axum::{Extension, Form};
use chrono::{NaiveDate, Utc};
use platform::i18n::Texts;
use platform::web::fields::{Fields, Input};
use platform::web::{AppState, Caller, Problem, Shell, form, query};
use serde::Deserialize;
use uuid::Uuid;

use super::{maybe, name, noted, shown, wrong_fields};
use crate::genealogy::Genealogy;
use crate::holds::deliveries;
use crate::holds::store::one;
use crate::pages::say;
use crate::recalls::model::{Recall, SEVERITIES, Wish};
use crate::recalls::rights::RECALL_MANAGE;
use crate::recalls::{service, store};

/// What was typed; boxes that are not ticked are not sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    kind: String,
    uid: String,
    lot: String,
    scope: String,
    whole_lot: Option<String>,
    delivery_only: Option<String>,
    descendants: Option<String>,
    pub(super) start_when_approved: Option<String>,
    pub(super) severity: String,
    pub(super) reason: String,
    pub(super) instructions: String,
    pub(super) owner: String,
    pub(super) target_on: String,
    company: String,
    pub(super) version: i32,
}

impl Typed {
    /// As it stands.
    pub(super) fn of(recall: &Recall) -> Self {
        Self {
            start_when_approved: recall.start_when_approved.then(String::new),
            severity: recall.severity.clone(),
            reason: recall.reason.clone(),
            instructions: recall.instructions.clone(),
            owner: recall.owner.map(|owner| owner.to_string()).unwrap_or_default(),
            target_on: recall.target_on.map(|day| day.to_string()).unwrap_or_default(),
            version: recall.version,
            ..Self::default()
        }
    }

    pub(super) fn wish(&self, caller: &Caller) -> Result<Wish, Problem> {
        let mut wrong = Vec::new();
        let wish = Wish {
            kind: self.kind.clone(),
            uid: self.uid.clone(),
            whole_lot: self.whole_lot.is_some(),
            lot: self.lot.clone(),
            delivery_only: self.delivery_only.is_some(),
            scope: noted(&mut wrong, ("scope", "recalls-wrong-scope"), &self.scope),
            descendants: self.descendants.is_some(),
            of: None,
            severity: self.severity.clone(),
            reason: self.reason.clone(),
            instructions: self.instructions.clone(),
            owner: noted(&mut wrong, ("owner", "recalls-wrong-owner"), &self.owner),
            target_on: noted::<NaiveDate>(&mut wrong, ("target_on", "recalls-wrong-target"), &self.target_on),
            company: self.company.clone(),
            start_when_approved: Some(self.start_when_approved.is_some()),
        };
        wrong_fields(caller, wrong)?;
        Ok(wish)
    }
}

/// The choices of the form.
struct Choices {
    people: Vec<(Uuid, String)>,
    companies: Vec<String>,
}

async fn choices(state: &AppState, caller: &Caller) -> Result<Choices, Problem> {
    service::ask(state, caller, async |tx| {
        Ok(Choices {
            people: one::people(tx, one::MOST_PEOPLE).await?,
            companies: store::recalls::companies(tx).await?,
        })
    })
    .await
}

#[derive(Template)]
#[template(path = "recalls/new.html")]
struct NewPage<'a> {
    texts: &'a Texts,
    typed: &'a Typed,
    /// Of the scope from which it is begun.
    scope_name: String,
    /// Of the lot from which it is begun, with how many deliveries there are of it, and where.
    lot_name: String,
    deliveries: usize,
    delivered: String,
    fields: Fields<'a>,
}

/// The form: of a drill without what comes into force, from a scope without what is asked.
fn fields<'a>(caller: &'a Caller, typed: &Typed, choices: Choices, error: Option<&Problem>) -> Fields<'a> {
    let texts = &caller.texts;
    let drill = typed.kind == "drill";
    let fresh = error.is_none();
    let ticked = |box_: &Option<String>| box_.is_some() || fresh;
    let submit = texts.t(if drill { "recalls-begin-drill" } else { "recalls-begin" });
    let mut fields = Fields::new(texts, "/recalls", submit)
        .cancel("/recalls", texts.t("recalls-back"))
        .hidden("kind", &typed.kind);
    if typed.scope.is_empty() {
        fields = fields.inputs([
            Input::text("uid", texts.t("recalls-uid")).value(&typed.uid).code(),
            Input::text("lot", texts.t("recalls-lot")).value(&typed.lot),
            Input::tick("whole_lot", texts.t("recalls-whole-lot"), typed.whole_lot.is_some()),
            Input::tick("delivery_only", texts.t("recalls-delivery-only"), typed.delivery_only.is_some()),
        ]);
    } else {
        fields = fields.hidden("scope", &typed.scope);
    }
    let severities = SEVERITIES.into_iter().map(|one| (one.to_owned(), name(texts, "severity", one)));
    let me = caller.person().map(|person| person.to_string()).unwrap_or_default();
    let owner = if typed.owner.is_empty() { me } else { typed.owner.clone() };
    let people = choices.people.into_iter().map(|(id, who)| (id.to_string(), who));
    fields = fields.inputs([
        Input::tick("descendants", texts.t("recalls-descendants"), ticked(&typed.descendants)),
        Input::text("reason", texts.t("recalls-reason")).value(&typed.reason).required().longest(500).wide(),
        Input::choice("severity", texts.t("recalls-severity"), severities).value(&typed.severity).required(),
        Input::choice("owner", texts.t("recalls-owner"), people).value(owner).clears(true),
        Input::date("target_on", texts.t("recalls-target")).value(&typed.target_on),
    ]);
    if choices.companies.len() > 1 {
        let companies = choices.companies.into_iter().map(|one| (one.clone(), one));
        let company = Input::choice("company", texts.t("recalls-company"), companies).value(&typed.company);
        fields = fields.inputs([company.required()]);
    }
    fields = fields.inputs([Input::lines("instructions", texts.t("recalls-instructions"))
        .value(&typed.instructions)
        .longest(2000)]);
    if !drill {
        let by_itself = ticked(&typed.start_when_approved);
        let said = texts.t("recalls-start-when-approved");
        fields = fields.inputs([Input::tick("start_when_approved", said, by_itself)]);
    }
    fields.problem(error)
}

async fn show_new(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: &Typed,
    error: Option<&Problem>,
) -> Result<Answered, Problem> {
    let choices = choices(state, caller).await?;
    let scope_name = match maybe::<Uuid>(&typed.scope).unwrap_or_default() {
        Some(scope) => {
            service::ask(state, caller, async |tx| Ok(store::recalls::scope_name(tx, scope).await?)).await?
        }
        None => None,
    };
    let scope_name = scope_name.unwrap_or_default();
    let (lot_name, deliveries) = match typed.lot.trim().parse::<Uuid>() {
        Ok(lot) => service::ask(state, caller, async |tx| Ok(deliveries::named(tx, lot).await?))
            .await?
            .unwrap_or_default(),
        Err(_) => Default::default(),
    };
    let view = NewPage {
        texts: &caller.texts,
        typed,
        scope_name,
        lot_name,
        deliveries: deliveries.len(),
        delivered: say::delivered(&caller.texts, &deliveries),
        fields: fields(caller, typed, choices, error),
    };
    let title = caller.t(if typed.kind == "drill" { "recalls-new-drill" } else { "recalls-new" });
    Shell::new(state, caller, title, "/recalls")
        .under("/recalls", caller.t("recalls-title"))
        .page(headers, &view)
}

/// `GET /recalls/new`
pub(super) async fn new(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Answered, Problem> {
    caller.require(&RECALL_MANAGE)?;
    let mut typed = query::<Typed>(&uri)?;
    if typed.severity.is_empty() {
        typed.severity = SEVERITIES[1].to_owned();
    }
    show_new(&state, &caller, &headers, &typed, None).await
}

/// `POST /recalls`
pub(super) async fn begin(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Answered, Problem> {
    caller.require(&RECALL_MANAGE)?;
    let typed = form(sent)?;
    let begun = match typed.wish(&caller) {
        Ok(wish) => service::begin(&state, &caller, &genealogy, &wish, Utc::now()).await,
        Err(problem) => Err(problem),
    };
    match begun {
        Ok(id) => Ok(Redirect::to(&format!("/recalls/{id}")).into_response()),
        Err(problem) => {
            let problem = shown(&caller, problem)?;
            let mut response = show_new(&state, &caller, &headers, &typed, Some(&problem)).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}
