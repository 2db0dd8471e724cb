//! What waits for the reader, the most urgent first.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

use super::super::inbox::{self, Entry};
use super::super::model::Action;
use super::super::run::{self, Decision};
use super::super::{READ, view};
use super::say;
use crate::i18n::Texts;
use crate::web::{AppState, Caller, Problem, Shell, escaped, form, query};

/// Entries of one page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "workflow/inbox.html")]
struct Inbox<'a> {
    texts: &'a Texts,
    zone: Tz,
    now: DateTime<Utc>,
    may_read: bool,
    entries: Vec<Entry>,
    next: Option<String>,
    /// How many were approved together, and what was wrong with the others.
    done: Option<usize>,
    wrong: Vec<String>,
}

impl Inbox<'_> {
    fn due(&self, entry: &Entry) -> Option<(String, &'static str)> {
        view::due(self.texts, entry.due_at, self.now)
    }

    fn amount(&self, entry: &Entry) -> Option<String> {
        amount(self.texts, entry.amount.as_deref(), entry.currency.as_deref())
    }

    fn told(&self) -> Option<String> {
        Some(self.texts.count("workflow-bulk-done", self.done?))
    }

    fn bulk(&self) -> bool {
        self.entries.iter().any(|entry| entry.bulk)
    }
}

/// An amount with its currency.
pub(super) fn amount(texts: &Texts, amount: Option<&str>, currency: Option<&str>) -> Option<String> {
    let amount: Decimal = amount?.parse().ok()?;
    Some(format!("{} {}", texts.money(&amount), currency.unwrap_or_default()).trim().to_owned())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    after: Option<String>,
}

/// `GET /approvals`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.person()?;
    let asked = query::<Asked>(&uri)?;
    show(&state, &caller, &headers, asked.after.as_deref(), None, Vec::new()).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    after: Option<&str>,
    done: Option<usize>,
    wrong: Vec<String>,
) -> Result<Response, Problem> {
    let (person, now) = (caller.person()?, Utc::now());
    let after = inbox::after(after)?;
    let page = state
        .db
        .tx(&caller.cx, async |tx| inbox::page(tx, &state.subjects, person, after, PAGE, now).await)
        .await?;
    let view = Inbox {
        texts: &caller.texts,
        zone: caller.zone,
        now,
        may_read: caller.may(&READ),
        entries: page.entries,
        next: page.next.map(|next| format!("/approvals?after={}", escaped(&next, b""))),
        done,
        wrong,
    };
    Shell::new(state, caller, caller.t("workflow-inbox-title"), "/approvals").page(headers, &view)
}

/// `POST /approvals/bulk`: approves what was ticked, each by itself.
pub(super) async fn bulk(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    let sent = form(sent)?;
    let now = Utc::now();
    let chosen: Vec<(Uuid, i32)> = sent
        .iter()
        .filter(|(name, _)| name == "chosen")
        .filter_map(|(_, value)| value.split_once(':'))
        .filter_map(|(id, round)| Some((id.parse().ok()?, round.parse().ok()?)))
        .take(PAGE)
        .collect();
    let (mut done, mut wrong) = (0, Vec::new());
    for (instance, round) in chosen {
        let decision = Decision { round, action: Action::Approve, comment: "", to_stage: None };
        let approved = state
            .db
            .tx(&caller.cx, async |tx| {
                run::decide_in_bulk(tx, &state.subjects, instance, person, &decision, now).await
            })
            .await;
        match approved {
            Ok(_) => done += 1,
            Err(error) => wrong.push(say(&caller.texts, error)?),
        }
    }
    wrong.dedup();
    show(&state, &caller, &headers, None, Some(done), wrong).await
}
