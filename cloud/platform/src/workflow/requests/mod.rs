//! Requests: somebody asks for something, with an amount or without, and it goes
//! through a workflow. The first documents under approval, and the documents that
//! events, schedules and webhooks raise. Table: `requests`.

mod api;
mod attached;
mod last_word;
mod lines;
mod pages;
mod search;
mod service;
mod store;

use axum::Router;
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::condition::Field;
use super::detail::{Detail, DetailColumn, Fact, plain};
use super::subject::{After, News, Outcome, Subject};
use crate::db::{DbError, Tx};
use crate::web::{AppState, Permission};

pub use api::operations;
pub use attached::ATTACHED;
pub use lines::Line;
pub use search::SEARCHERS;
pub(crate) use search::number;
pub use service::{Checked, MAX_SUBJECT, Origin, RequestError, Typed, cancel, change, check, done, raise};
pub use store::{Listed, Request};

/// Raise requests, and see the own ones.
pub const REQUEST_RAISE: Permission = Permission::write("request.raise");
/// See everybody's requests.
pub const REQUEST_READ: Permission = Permission::read("request.read");

/// The kind of document that requests are.
pub const KIND: &str = "request";

/// Requests as documents of workflows.
pub struct Requests;

impl Subject for Requests {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        &[]
    }

    /// Its lines, and what the event said that raised it.
    fn detail(&self, document: &Value) -> Detail {
        let said = document.get("event").unwrap_or(&Value::Null);
        let lines = lines::of(said);
        let column = |name, label, number| DetailColumn { name, label, number };
        let columns = [
            column("item", "request-item", false),
            column("quantity", "request-quantity", true),
            column("note", "request-note", false),
        ];
        let fields = said.as_object().into_iter().flatten();
        let facts = fields
            .filter(|(name, _)| lines.is_none() || *name != lines::LINES)
            .map(|(name, value)| Fact::new(name, plain(value)));
        let detail = facts.fold(Detail::default(), Detail::fact);
        match lines.filter(|lines| !lines.is_empty()) {
            Some(lines) => {
                detail.lines(columns, lines.into_iter().map(|line| vec![line.item, line.quantity, line.note]))
            }
            None => detail,
        }
    }

    fn heard<'a>(&'a self, tx: &'a mut Tx, news: &'a News) -> BoxFuture<'a, Result<After, DbError>> {
        Box::pin(async move {
            let state = match news.outcome {
                Outcome::Approved => "approved",
                Outcome::Rejected => "rejected",
                Outcome::SentBack => "sent_back",
                Outcome::Cancelled => "cancelled",
            };
            store::state_set(tx, news.subject, state).await?;
            Ok(After::Waits)
        })
    }
}

pub(super) fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}
