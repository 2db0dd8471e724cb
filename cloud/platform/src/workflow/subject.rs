//! Documents that are approved: what a module says of its own, and what it hears.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::Value;
use uuid::Uuid;

use super::condition::Field;
use super::detail::Detail;
use crate::db::{DbError, Tx};

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every stage that applies approved.
    Approved,
    /// A stage said no; it is over.
    Rejected,
    /// A stage gave it back to the starter, who changes it and sends it once more.
    SentBack,
    /// It was taken back; it is over.
    Cancelled,
}

/// What a module hears of its document.
#[derive(Debug, Clone)]
pub struct News {
    /// The document's id.
    pub subject: Uuid,
    /// The instance that it went through.
    pub instance: Uuid,
    /// What became of it.
    pub outcome: Outcome,
    /// Who decided last; `None`: no stage applied.
    pub by: Option<Uuid>,
    /// What that one said.
    pub comment: String,
    /// When.
    pub now: DateTime<Utc>,
}

/// Whether approving was all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// What was approved is still to be done; the module calls
    /// [`complete`](super::complete) when it is.
    Waits,
    /// It is done by having been approved.
    Completed,
}

/// A kind of document that workflows are for. A module implements it once and gives
/// it to the server's list.
pub trait Subject: Send + Sync {
    /// How definitions (`"document"`) and instances name it: `request`.
    fn kind(&self) -> &'static str;

    /// Fields that conditions can name, beside those that every document has.
    fn fields(&self) -> &'static [Field];

    /// What is asked for, in full, by the fields with which the document was started: whoever
    /// is asked to decide sees it, whatever else they may see. Nothing, where it is all in
    /// the fields that every document has.
    fn detail(&self, _document: &Value) -> Detail {
        Detail::default()
    }

    /// Hears what became of a document, in the transaction of the decision: what is
    /// done here is committed with it, and an error undoes it.
    fn heard<'a>(&'a self, tx: &'a mut Tx, news: &'a News) -> BoxFuture<'a, Result<After, DbError>>;
}

/// All kinds of documents that there are.
#[derive(Clone, Default)]
pub struct Subjects(Arc<[&'static dyn Subject]>);

impl std::fmt::Debug for Subjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|subject| subject.kind())).finish()
    }
}

impl Subjects {
    /// These kinds.
    #[must_use]
    pub fn of(subjects: impl IntoIterator<Item = &'static dyn Subject>) -> Self {
        Self(subjects.into_iter().collect())
    }

    /// The kind of this name.
    #[must_use]
    pub fn find(&self, kind: &str) -> Option<&'static dyn Subject> {
        self.0.iter().copied().find(|subject| subject.kind() == kind)
    }

    /// What a document of this kind asks for, in full.
    #[must_use]
    pub fn detail(&self, kind: &str, document: &Value) -> Detail {
        self.find(kind).map(|subject| subject.detail(document)).unwrap_or_default()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'static dyn Subject> + '_ {
        self.0.iter().copied()
    }
}
