//! Raising requests, changing one that came back, and saying that one is done.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::lines::{self, Line, Wrong};
use super::store::{self, Request};
use super::{KIND, Requests};
use crate::audit::{self, Entry};
use crate::db::{DbError, Tx};
use crate::i18n::{Lang, plain_number, typed_decimal};
use crate::settings;
use crate::web::{FieldError, Problem};
use crate::workflow::error::WorkflowError;
use crate::workflow::run::{self, Starting};
use crate::workflow::store::people;
use crate::workflow::subject::{Subject as _, Subjects};

/// Longest subject, in characters.
pub const MAX_SUBJECT: usize = 200;
/// Longest text, in characters.
pub const MAX_TEXT: usize = 10_000;

/// A request as a form or a program sends it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RequestWish)]
pub struct Typed {
    /// Which workflow; not for a change.
    pub workflow: String,
    /// In a line.
    pub subject: String,
    /// What is asked for, and why.
    pub text: String,
    /// A decimal, digits with a point; or empty. (In a form commas may stand between thousands.)
    #[schema(pattern = r"^([0-9]+(\.[0-9]+)?)?$")]
    pub amount: String,
    /// Three letters; empty: `INR`.
    pub currency: String,
    /// Code of a plant, or empty.
    pub plant: String,
    /// Id of a department, or empty.
    pub department: String,
    /// What is asked for, line by line. Left out of a change: as they were.
    pub lines: Option<Vec<Line>>,
    /// For a change: the version that was seen.
    pub version: Option<i32>,
    /// A program sent it: its amount stands in one form only, digits with a point.
    #[serde(skip)]
    pub by_program: bool,
}

impl Typed {
    /// Code of the plant that it is for, as it was typed.
    #[must_use]
    pub fn plant(&self) -> Option<&str> {
        Some(self.plant.trim()).filter(|plant| !plant.is_empty())
    }
}

/// Why a request was not taken.
#[derive(Debug)]
pub enum RequestError {
    /// Fields, each with its line where it is of one, and the key of what is wrong.
    Fields(Vec<Wrong>),
    /// The workflow.
    Workflow(WorkflowError),
    /// The caller lacks a right there.
    Problem(Problem),
}

impl<E: Into<WorkflowError>> From<E> for RequestError {
    fn from(error: E) -> Self {
        Self::Workflow(error.into())
    }
}

impl RequestError {
    /// With this mistake besides, where nothing else is told of its field.
    #[must_use]
    pub fn and(self, more: Wrong) -> Self {
        match self {
            Self::Fields(mut wrong) => {
                if !wrong.iter().any(|(row, field, _)| row.is_none() && *field == more.1) {
                    wrong.push(more);
                }
                Self::Fields(wrong)
            }
            other => other,
        }
    }

    /// The answer of the API, with texts said by `say`.
    pub fn problem(self, say: impl Fn(&str) -> String) -> Problem {
        match self {
            Self::Workflow(error) => error.into(),
            Self::Problem(problem) => problem,
            Self::Fields(wrong) => {
                let told = wrong
                    .into_iter()
                    .map(|(row, field, key)| FieldError { row, ..FieldError::from((field, say(key))) });
                Problem::invalid("request.fields", told.collect())
            }
        }
    }
}

/// Fields that were judged.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    workflow: String,
    subject: String,
    body: String,
    amount: Option<Decimal>,
    currency: String,
    plant: Option<String>,
    department: Option<(Uuid, String)>,
    lines: Option<Vec<Line>>,
}

impl Checked {
    /// Code of the plant that it is for.
    #[must_use]
    pub fn plant(&self) -> Option<&str> {
        self.plant.as_deref()
    }
}

/// Judges what was sent, all of it at once.
///
/// # Errors
/// [`RequestError::Fields`], or the database.
pub async fn check(tx: &mut Tx, typed: &Typed) -> Result<Checked, RequestError> {
    let mut wrong = Vec::new();
    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let subject = typed.subject.trim();
    if subject.is_empty() || subject.chars().count() > MAX_SUBJECT || subject.chars().any(char::is_control) {
        wrong.push(("subject", "request-wrong-subject"));
    }
    let body = typed.text.trim();
    if body.chars().count() > MAX_TEXT || body.chars().any(bad) {
        wrong.push(("text", "request-wrong-text"));
    }
    let amount = match plain_number(typed.amount.trim()) {
        text if text.is_empty() => None,
        text if typed.by_program && text != typed.amount => {
            wrong.push(("amount", "request-wrong-amount-plain"));
            None
        }
        text => {
            let amount = typed_decimal(&text).filter(|amount| {
                !amount.is_sign_negative()
                    && amount.normalize().scale() <= 6
                    && *amount < Decimal::from(10_i64.pow(12))
            });
            if amount.is_none() {
                wrong.push(("amount", "request-wrong-amount"));
            }
            amount
        }
    };
    let currency = match typed.currency.trim() {
        "" => "INR".to_owned(),
        currency => currency.to_ascii_uppercase(),
    };
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        wrong.push(("currency", "request-wrong-currency"));
    } else if (amount.is_some() || !typed.currency.trim().is_empty())
        && !settings::has_currency(tx, &currency).await?
    {
        wrong.push(("currency", "request-unknown-currency"));
    }
    let plant = typed.plant().map(str::to_owned);
    if let Some(plant) = &plant
        && !people::plants(tx, Lang::En).await?.iter().any(|(code, ..)| code == plant)
    {
        wrong.push(("plant", "request-wrong-plant"));
    }
    let mut department = None;
    if !typed.department.trim().is_empty() {
        let asked = Uuid::parse_str(typed.department.trim()).ok();
        let all = store::departments(tx, Lang::En).await?;
        department = all
            .into_iter()
            .find(|(id, of, ..)| Some(*id) == asked && plant.as_ref().is_none_or(|plant| plant == of))
            .map(|(id, _, code, _)| (id, code));
        if department.is_none() {
            wrong.push(("department", "request-wrong-department"));
        }
    }
    let mut wrong: Vec<Wrong> = wrong.into_iter().map(|(field, key)| (None, field, key)).collect();
    if let Some(of_lines) = &typed.lines {
        wrong.extend(lines::mistakes(of_lines));
        wrong.extend(unknown_items(tx, of_lines).await?);
    }
    if !wrong.is_empty() {
        return Err(RequestError::Fields(wrong));
    }
    let workflow = typed.workflow.trim().to_owned();
    Ok(Checked {
        workflow,
        subject: subject.to_owned(),
        body: body.to_owned(),
        amount,
        currency,
        plant,
        department,
        lines: typed.lines.as_deref().map(lines::kept),
    })
}

/// Lines whose item is typed as a code, and is that of none.
async fn unknown_items(tx: &mut Tx, of_lines: &[Line]) -> Result<Vec<Wrong>, RequestError> {
    let codes: Vec<String> = of_lines
        .iter()
        .map(|line| line.item.trim())
        .filter(|item| lines::is_code(item))
        .take(lines::MOST_LINES)
        .map(str::to_owned)
        .collect();
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let unknown = store::no_items(tx, &codes).await?;
    let wrong =
        of_lines.iter().enumerate().filter(|(_, line)| unknown.iter().any(|code| code == line.item.trim()));
    Ok(wrong.map(|(at, _)| (Some(at + 1), "item", "request-unknown-item")).collect())
}

/// Where it came from where no person raised it.
#[derive(Debug, Clone, Default)]
pub struct Origin<'a> {
    /// An event, `schedule`, `webhook`, `api`; empty for a person.
    pub source: &'a str,
    /// What it said.
    pub details: Json,
}

/// Raises a request, and starts it on its way.
///
/// # Errors
/// Those of [`run::start`].
pub async fn raise(
    tx: &mut Tx,
    subjects: &Subjects,
    new: &Checked,
    person: Option<Uuid>,
    origin: &Origin<'_>,
    now: DateTime<Utc>,
) -> Result<Request, RequestError> {
    let details = if origin.details.is_null() { json!({}) } else { origin.details.clone() };
    let details = match &new.lines {
        Some(lines) => lines::among(details, lines),
        None => details,
    };
    let request = Request {
        request_id: Uuid::now_v7(),
        number: store::next_number(tx).await?,
        workflow: new.workflow.clone(),
        subject: new.subject.clone(),
        body: new.body.clone(),
        amount: new.amount,
        currency: new.currency.clone(),
        plant: new.plant.clone(),
        department_id: new.department.as_ref().map(|(id, _)| *id),
        source: origin.source.to_owned(),
        details,
        raised_by: person,
        state: "open".to_owned(),
        created_at: now,
        version: 1,
    };
    store::insert(tx, &request).await?;
    note(tx, "request.raise", &request, None).await?;
    let department = new.department.as_ref().map(|(_, code)| code.as_str());
    run::start(tx, subjects, &starting(&request, department, &title(&request), &href(&request)), now).await?;
    Ok(request)
}

/// Changes a request that came back, and sends it once more.
///
/// # Errors
/// [`WorkflowError::NotYours`], [`WorkflowError::Stale`], those of [`run::resubmit`].
pub async fn change(
    tx: &mut Tx,
    subjects: &Subjects,
    request: Uuid,
    new: &Checked,
    version: Option<i32>,
    person: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Request, RequestError> {
    let before = store::find(tx, request).await?.ok_or(WorkflowError::NotFound)?;
    if before.state != "sent_back" {
        return Err(WorkflowError::State("PENDING_APPROVAL").into());
    }
    if !raised(&before, person) {
        return Err(WorkflowError::NotYours.into());
    }
    let request = Request {
        subject: new.subject.clone(),
        body: new.body.clone(),
        amount: new.amount,
        currency: new.currency.clone(),
        department_id: new.department.as_ref().map(|(id, _)| *id),
        details: match &new.lines {
            Some(lines) => lines::among(before.details.clone(), lines),
            None => before.details.clone(),
        },
        version: version.unwrap_or(before.version),
        ..before.clone()
    };
    if !store::update(tx, &request).await? {
        return Err(WorkflowError::Stale.into());
    }
    note(tx, "request.change", &request, Some(&before)).await?;
    let department = new.department.as_ref().map(|(_, code)| code.as_str());
    run::resubmit(tx, subjects, &starting(&request, department, &title(&request), &href(&request)), now)
        .await?;
    Ok(request)
}

/// The source of what a program raised by the API.
pub(super) const API: &str = "api";

/// Says that what was approved is done. `manages`: somebody who manages workflows.
///
/// # Errors
/// [`WorkflowError::NotYours`], [`WorkflowError::State`].
pub async fn done(
    tx: &mut Tx,
    request: Uuid,
    person: Option<Uuid>,
    manages: bool,
    now: DateTime<Utc>,
) -> Result<(), WorkflowError> {
    let before = mine(tx, request, person, manages).await?;
    run::complete(tx, KIND, request, person, now).await?;
    store::state_set(tx, request, "done").await?;
    note(tx, "request.done", &Request { state: "done".into(), ..before.clone() }, Some(&before)).await?;
    Ok(())
}

/// Takes a request back.
///
/// # Errors
/// [`WorkflowError::NotYours`], those of [`run::cancel`].
pub async fn cancel(
    tx: &mut Tx,
    subjects: &Subjects,
    request: Uuid,
    person: Option<Uuid>,
    manages: bool,
    now: DateTime<Utc>,
) -> Result<(), WorkflowError> {
    mine(tx, request, person, manages).await?;
    let standing = run::standing(tx, KIND, request).await?.ok_or(WorkflowError::NotFound)?;
    run::cancel(tx, subjects, standing.instance_id, person, manages, "", now).await?;
    Ok(())
}

async fn mine(
    tx: &mut Tx,
    request: Uuid,
    person: Option<Uuid>,
    manages: bool,
) -> Result<Request, WorkflowError> {
    let found = store::find(tx, request).await?.ok_or(WorkflowError::NotFound)?;
    if raised(&found, person) || manages { Ok(found) } else { Err(WorkflowError::NotYours) }
}

/// Whether it is this person's, or without one a program's: what programs raised by the
/// API, programs may end, and not what came of events, schedules and webhooks.
fn raised(request: &Request, person: Option<Uuid>) -> bool {
    request.raised_by == person && (person.is_some() || request.source == API)
}

fn title(request: &Request) -> String {
    format!("{} {}", request.code(), request.subject)
}

fn href(request: &Request) -> String {
    format!("/requests/{}", request.request_id)
}

fn starting<'a>(
    request: &'a Request,
    department: Option<&str>,
    title: &'a str,
    href: &'a str,
) -> Starting<'a> {
    Starting {
        workflow: &request.workflow,
        kind: Requests.kind(),
        subject: request.request_id,
        title,
        href,
        plant: request.plant.as_deref(),
        document: json!({
            "amount": request.amount.map(|amount| amount.to_string()),
            "currency": request.currency,
            "plant": request.plant,
            "department": department,
            "subject": request.subject,
            "text": request.body,
            "event": request.details,
        }),
        starter: request.raised_by,
    }
}

/// The audit's entry. What people wrote stays with the request.
async fn note(tx: &mut Tx, action: &str, request: &Request, before: Option<&Request>) -> Result<(), DbError> {
    let shown = |request: &Request| {
        json!({
            "number": request.code(), "workflow": request.workflow, "amount": request.amount,
            "currency": request.currency, "plant": request.plant, "state": request.state, "source": request.source,
        })
    };
    let subject = format!("request:{}", request.request_id);
    let entry = Entry { action, subject: &subject, before: before.map(shown), after: Some(shown(request)) };
    audit::record(tx, entry).await
}
