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
    /// After which entry the page begins, as its address has it; empty: with the first.
    after: String,
    /// How many were approved together.
    done: Option<usize>,
    /// The others of them.
    wrong: Vec<NotDone>,
}

/// A document that was not approved with others, and why.
#[derive(Debug)]
struct NotDone {
    instance: Uuid,
    /// As the reader's page had it.
    title: String,
    reason: String,
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
    show(&state, &caller, &headers, &asked.after.unwrap_or_default(), None, Vec::new()).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    after: &str,
    done: Option<usize>,
    wrong: Vec<NotDone>,
) -> Result<Response, Problem> {
    let (person, now) = (caller.person()?, Utc::now());
    let begins = inbox::after(Some(after).filter(|after| !after.is_empty()))?;
    let page = state
        .db
        .tx(&caller.cx, async |tx| inbox::page(tx, &state.subjects, person, begins, PAGE, now).await)
        .await?;
    let view = Inbox {
        texts: &caller.texts,
        zone: caller.zone,
        now,
        may_read: caller.may(&READ),
        entries: page.entries,
        next: page.next.map(|next| format!("/approvals?after={}", escaped(&next, b""))),
        after: after.to_owned(),
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
    let one = |named: &str| sent.iter().find(|(name, _)| name == named).map(|(_, value)| value.as_str());
    let chosen: Vec<(Uuid, i32)> = sent
        .iter()
        .filter(|(name, _)| name == "chosen")
        .filter_map(|(_, value)| value.split_once(':'))
        .filter_map(|(id, round)| Some((id.parse().ok()?, round.parse().ok()?)))
        .take(PAGE)
        .collect();
    // Said before anything is approved, since what is approved stays so.
    let after = one("after").unwrap_or_default();
    inbox::after(Some(after).filter(|after| !after.is_empty()))?;
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
            // Whatever it is, those before are approved and those after have their turn.
            Err(error) => {
                let reason = say(&caller.texts, error)
                    .unwrap_or_else(|problem| caller.t(&format!("error-{}", problem.code.replace('.', "-"))));
                let title = one(&format!("title.{instance}")).unwrap_or_default();
                let title = if title.is_empty() { instance.to_string() } else { title.to_owned() };
                wrong.push(NotDone { instance, title, reason });
            }
        }
    }
    show(&state, &caller, &headers, after, Some(done), wrong).await
}
