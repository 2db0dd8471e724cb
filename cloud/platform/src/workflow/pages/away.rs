//! Who stands in for whom.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::super::delegations::{self, New};
use super::super::error::WorkflowError;
use super::super::lending;
use super::super::store::people::{self, Delegation};
use super::super::{MANAGE, READ, manages, view};
use super::say;
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::{AppState, Caller, Path, Problem, Shell, form};

/// Most that the page shows.
const MOST: i64 = 200;

#[derive(Template)]
#[template(path = "workflow/away.html")]
struct Page<'a> {
    texts: &'a Texts,
    zone: Tz,
    now: DateTime<Utc>,
    person: Uuid,
    may_manage: bool,
    may_read: bool,
    people: Vec<(Uuid, String, String)>,
    rows: Vec<Delegation>,
    names: BTreeMap<Uuid, String>,
    typed: &'a Typed,
    error: Option<String>,
}

impl Page<'_> {
    fn name(&self, person: &Uuid) -> String {
        self.names.get(person).cloned().unwrap_or_default()
    }

    fn chosen(&self, id: &Uuid) -> bool {
        if self.typed.person.is_empty() { *id == self.person } else { self.typed.person == id.to_string() }
    }

    fn may_choose(&self, id: &Uuid) -> bool {
        self.may_manage || *id != self.person
    }

    fn standing(&self, row: &Delegation) -> (&'static str, &'static str) {
        match row {
            row if row.revoked_at.is_some() => ("workflow-away-ended", ""),
            row if row.until_at <= self.now => ("workflow-away-over", ""),
            row if row.from_at > self.now => ("workflow-away-later", "is-info"),
            _ => ("workflow-away-now", "is-good"),
        }
    }

    fn ends(&self, row: &Delegation) -> bool {
        row.revoked_at.is_none() && row.until_at > self.now && (self.may_manage || row.person == self.person)
    }
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

/// `GET /approvals/away`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    show(&state, &caller, &headers, &Typed::default(), None).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: &Typed,
    error: Option<String>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    let may_manage = manages(caller, None);
    let (people, rows, names) = state
        .db
        .tx(&caller.cx, async |tx| {
            let people = people::people(tx, 2000).await?;
            let rows = people::delegations(tx, (!may_manage).then_some(person), MOST).await?;
            let names =
                view::names(tx, rows.iter().flat_map(|row| [row.person, row.delegate]).collect()).await?;
            Ok::<_, DbError>((people, rows, names))
        })
        .await?;
    let view = Page {
        texts: &caller.texts,
        zone: caller.zone,
        now: Utc::now(),
        person,
        may_manage,
        may_read: caller.may(&READ),
        people,
        rows,
        names,
        typed,
        error,
    };
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
    let made = match (moment(&typed.from, caller.zone), moment(&typed.until, caller.zone)) {
        (Some(from), Some(until)) => {
            let delegate = typed.delegate.parse().unwrap_or_default();
            let new = New { person, delegate, from, until, reason: &typed.reason };
            lending::create(&state, &caller, &new, now).await?
        }
        _ => Err(WorkflowError::Field("until", "workflow-delegation-wrong-times")),
    };
    match made {
        Ok(_) => Ok(Redirect::to("/approvals/away").into_response()),
        Err(error) => {
            let told = say(&caller.texts, error)?;
            let page = show(&state, &caller, &headers, &typed, Some(told)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
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
