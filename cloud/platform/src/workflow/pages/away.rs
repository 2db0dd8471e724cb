//! Who stands in for whom.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::super::delegations::{self, New};
use super::super::error::WorkflowError;
use super::super::lending;
use super::super::store::people::{self, Delegation};
use super::super::{MANAGE, manages, view};
use super::{say, tabs};
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::fields::{Fields, Input};
use crate::web::list::{Cell, Column, List, Row, address};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, query};

/// Where it is.
const PATH: &str = "/approvals/away";
/// Delegations of one page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "workflow/away.html")]
struct Page<'a> {
    fields: Fields<'a>,
}

/// How a delegation stands: the key of its text, and how it looks.
fn standing(row: &Delegation, now: DateTime<Utc>) -> (&'static str, &'static str) {
    match row {
        row if row.revoked_at.is_some() => ("workflow-away-ended", ""),
        row if row.until_at <= now => ("workflow-away-over", ""),
        row if row.from_at > now => ("workflow-away-later", "is-info"),
        _ => ("workflow-away-now", "is-good"),
    }
}

/// Who stands in for whom, the newest first. `own`: whose alone the caller ends.
fn list<'a>(
    caller: &'a Caller,
    rows: &[Delegation],
    names: &BTreeMap<Uuid, String>,
    own: Option<Uuid>,
) -> List<'a> {
    let (texts, now) = (&caller.texts, Utc::now());
    let name = |person: &Uuid| names.get(person).cloned().unwrap_or_default();
    let row = |row: &Delegation| {
        let (key, look) = standing(row, now);
        let stands = row.revoked_at.is_none() && row.until_at > now;
        let end = if stands && own.is_none_or(|own| own == row.person) {
            Cell::button(format!("{PATH}/{}/end", row.delegation_id), texts.t("workflow-away-end"))
        } else {
            Cell::default()
        };
        Row::new([
            Cell::text(name(&row.person)).under(&row.reason),
            Cell::text(name(&row.delegate)),
            Cell::text(texts.time(&row.from_at, caller.zone)),
            Cell::text(texts.time(&row.until_at, caller.zone)),
            Cell::state(texts.t(key), look),
            end,
        ])
    };
    List::new(texts, PATH)
        .head(texts.t("workflow-away-title"), texts.t("workflow-away-lead"))
        .actions(tabs(caller, PATH))
        .columns([
            Column::new("workflow-away-person"),
            Column::new("workflow-away-delegate"),
            Column::new("workflow-from"),
            Column::new("workflow-until"),
            Column::new("workflow-state"),
            Column::new("workflow-away-end"),
        ])
        .rows(rows.iter().map(row))
        .empty(texts.t("workflow-away-none"))
}

/// Before which delegation the page begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Before {
    before: Option<Uuid>,
}

/// What the form sends; times as the browser writes them, in the reader's zone.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    person: String,
    delegate: String,
    from: String,
    until: String,
    reason: String,
}

impl Typed {
    /// The form; who manages workflows says for whom, else it is for `own`.
    fn fields<'a>(
        &self,
        texts: &'a Texts,
        own: Uuid,
        may_manage: bool,
        people: &[(Uuid, String, String)],
    ) -> Fields<'a> {
        let choice =
            |(id, email, name): &(Uuid, String, String)| (id.to_string(), format!("{name} – {email}"));
        let mut inputs = Vec::new();
        if may_manage {
            let person = if self.person.is_empty() { own.to_string() } else { self.person.clone() };
            let input = Input::choice("person", texts.t("workflow-away-person"), people.iter().map(choice));
            inputs.push(input.value(person).required());
        }
        let others = people.iter().filter(|(id, ..)| may_manage || *id != own);
        inputs.extend([
            Input::choice("delegate", texts.t("workflow-away-delegate"), others.map(choice))
                .value(&self.delegate)
                .required(),
            Input::moment("from", texts.t("workflow-from")).value(&self.from).required(),
            Input::moment("until", texts.t("workflow-until")).value(&self.until).required(),
            Input::text("reason", texts.t("workflow-away-reason"))
                .value(&self.reason)
                .longest(delegations::MAX_REASON)
                .wide(),
        ]);
        Fields::new(texts, "/approvals/away", texts.t("workflow-away-create")).inputs(inputs)
    }
}

/// `GET /approvals/away`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.person()?;
    let Before { before } = query(&uri)?;
    show(&state, &caller, &headers, before, &Typed::default(), Vec::new()).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    before: Option<Uuid>,
    typed: &Typed,
    wrong: Vec<(&'static str, String)>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    let may_manage = manages(caller, None);
    let own = (!may_manage).then_some(person);
    let (people, mut rows, names) = state
        .db
        .tx(&caller.cx, async |tx| {
            let people = people::people(tx, 2000).await?;
            let rows = people::delegations(tx, own, before, PAGE as i64 + 1).await?;
            let names =
                view::names(tx, rows.iter().flat_map(|row| [row.person, row.delegate]).collect()).await?;
            Ok::<_, DbError>((people, rows, names))
        })
        .await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|last| last.delegation_id.to_string());
    let fields = typed.fields(&caller.texts, person, may_manage, &people).wrong(wrong);
    let view = list(caller, &rows, &names, own)
        .above(Page { fields }.render()?)
        .first(before.is_some().then(|| PATH.to_owned()))
        .next(next.map(|next| address(PATH, &[("before", &next)])));
    Shell::new(state, caller, caller.t("workflow-away-title"), "/approvals")
        .under("/approvals", caller.t("workflow-inbox-title"))
        .page(headers, &view)
}

/// `2026-11-26T10:00` in a zone.
fn moment(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M").ok()?;
    Some(zone.from_local_datetime(&local).earliest()?.with_timezone(&Utc))
}

/// `POST /approvals/away`
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let own = caller.person()?;
    let typed = form(sent)?;
    let now = Utc::now();
    let person = match typed.person.parse::<Uuid>() {
        Ok(person) if person != own => {
            caller.require(&MANAGE)?;
            person
        }
        _ => own,
    };
    let delegate = typed.delegate.parse::<Uuid>();
    let made = match (moment(&typed.from, caller.zone), moment(&typed.until, caller.zone)) {
        (Some(from), Some(until)) => {
            let delegate = delegate.unwrap_or_default();
            let new = New { person, delegate, from, until, reason: &typed.reason };
            lending::create(&state, &caller, &new, now).await?
        }
        (from, until) => {
            let judged = [
                ("delegate", delegate.is_ok(), "workflow-delegation-wrong-person"),
                ("from", from.is_some(), "workflow-delegation-wrong-times"),
                ("until", until.is_some(), "workflow-delegation-wrong-times"),
            ];
            let wrong = judged.into_iter().filter(|(_, right, _)| !right);
            let wrong = wrong.map(|(field, _, key)| (field, caller.t(key))).collect();
            return told(&state, &caller, &headers, &typed, wrong).await;
        }
    };
    match made {
        Ok(_) => Ok(Redirect::to("/approvals/away").into_response()),
        Err(error) => {
            let field = if let WorkflowError::Field(field, _) = &error { *field } else { "" };
            let wrong = vec![(field, say(&caller.texts, error)?)];
            told(&state, &caller, &headers, &typed, wrong).await
        }
    }
}

/// The page again, with what is wrong with what was typed.
async fn told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: &Typed,
    wrong: Vec<(&'static str, String)>,
) -> Result<Response, Problem> {
    let page = show(state, caller, headers, None, typed, wrong).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// `POST /approvals/away/{id}/end`
pub(super) async fn end(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    let own = caller.person()?;
    let person = (!manages(&caller, None)).then_some(own);
    state.db.tx(&caller.cx, async |tx| delegations::revoke(tx, id, person, Utc::now()).await).await?;
    Ok(Redirect::to("/approvals/away"))
}
