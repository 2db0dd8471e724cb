//! The page on which a recall or a drill is begun.

use askama::Template;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response as Answered};
use axum::{Extension, Form};
use chrono::{NaiveDate, Utc};
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Shell, form, query};
use serde::Deserialize;
use uuid::Uuid;

use super::{maybe, name, noted, shown, wrong_fields};
use crate::genealogy::Genealogy;
use crate::holds::store::one;
use crate::recalls::model::{SEVERITIES, Wish};
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
    descendants: Option<String>,
    start_when_approved: Option<String>,
    severity: String,
    reason: String,
    instructions: String,
    owner: String,
    target_on: String,
    company: String,
    pub(super) version: i32,
}

impl Typed {
    pub(super) fn wish(&self, caller: &Caller) -> Result<Wish, Problem> {
        let mut wrong = Vec::new();
        let wish = Wish {
            kind: self.kind.clone(),
            uid: self.uid.clone(),
            whole_lot: self.whole_lot.is_some(),
            lot: self.lot.clone(),
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

/// The choices of a form.
pub(super) struct Choices {
    pub(super) people: Vec<(Uuid, String)>,
    pub(super) companies: Vec<String>,
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
    choices: Choices,
    /// Of the scope from which it is begun.
    scope_name: String,
    person: String,
    error: Option<&'a Problem>,
}

impl NewPage<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        let errors = &self.error?.errors;
        errors.iter().find(|error| error.field == field).map(|error| error.detail.as_str())
    }

    fn is_owner(&self, person: &Uuid) -> bool {
        let owner = if self.typed.owner.is_empty() { &self.person } else { &self.typed.owner };
        *owner == person.to_string()
    }
}

async fn show_new(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: &Typed,
    error: Option<&Problem>,
) -> Result<Answered, Problem> {
    let choices = choices(state, caller).await?;
    let person = caller.person().map(|person| person.to_string()).unwrap_or_default();
    let scope_name = match maybe::<Uuid>(&typed.scope).unwrap_or_default() {
        Some(scope) => {
            service::ask(state, caller, async |tx| Ok(store::recalls::scope_name(tx, scope).await?)).await?
        }
        None => None,
    };
    let scope_name = scope_name.unwrap_or_default();
    let view = NewPage { texts: &caller.texts, typed, choices, scope_name, person, error };
    let title = caller.t(if typed.kind == "drill" { "recalls-new-drill" } else { "recalls-new" });
    Shell::new(state, caller, title, "/recalls").page(headers, &view)
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
