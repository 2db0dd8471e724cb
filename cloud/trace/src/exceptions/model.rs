//! What the exceptions API takes and answers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// An exception.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExceptionView {
    /// Id.
    pub exception_id: Uuid,
    /// Stable kind, such as `uid.consumed_twice`.
    pub kind: String,
    /// open, assigned, resolved.
    pub status: String,
    /// Plant concerned; empty for none.
    pub plant: String,
    /// UID concerned.
    pub uid: Option<String>,
    /// Document concerned; empty for none.
    pub document: String,
    /// Both sides.
    pub detail: Value,
    /// Since when.
    pub opened_at: DateTime<Utc>,
    /// The id of the person who is at it.
    pub assigned_to: Option<String>,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// By whom; `system` when later facts agreed.
    pub resolved_by: Option<String>,
    /// Which choice resolved it; null when the system withdrew it.
    pub choice: Option<String>,
    /// Why.
    pub resolution: Option<String>,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

/// A page of exceptions, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExceptionPage {
    /// This page.
    pub exceptions: Vec<ExceptionView>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// A way to resolve an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExceptionChoice {
    /// Its code, to be sent as `choice`.
    pub code: String,
    /// records, corrects_fact, corrects_other, holds, checks.
    pub does: String,
}

/// What a person did with an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExceptionStep {
    /// When.
    pub at: DateTime<Utc>,
    /// Who; an opaque id.
    pub actor: String,
    /// assigned, unassigned, resolved, reopened.
    pub what: String,
    /// Whom it was assigned to.
    pub person: Option<Uuid>,
    /// The choice that resolved it.
    pub choice: Option<String>,
    /// Why; empty where no reason is asked for.
    pub reason: String,
}

/// An exception with what can be done about it, and what was.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExceptionDetail {
    /// The exception.
    #[serde(flatten)]
    pub exception: ExceptionView,
    /// What resolves it; empty once it is resolved.
    pub choices: Vec<ExceptionChoice>,
    /// What people did with it, in order.
    pub steps: Vec<ExceptionStep>,
}

/// An exception that a correction resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExceptionResolved {
    /// Its id.
    pub exception_id: Uuid,
    /// Its kind.
    pub kind: String,
    /// Why, as whoever resolved it typed it; empty where that was erased.
    pub reason: String,
}

/// How many exceptions of a kind a plant has that nobody has resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExceptionCount {
    /// The plant; empty for those of none.
    pub plant: String,
    /// The kind.
    pub kind: String,
    /// Nobody is at these.
    pub open: i64,
    /// Somebody is at these.
    pub assigned: i64,
    /// Since when the oldest of them is open.
    pub oldest: DateTime<Utc>,
}

/// All counts, by plant and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExceptionCounts {
    /// The counts.
    pub counts: Vec<ExceptionCount>,
}

/// How an exception is to be resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExceptionResolve {
    /// The code of one of its choices.
    pub choice: String,
    /// Why.
    #[schema(max_length = 500)]
    pub reason: String,
    /// The version that was seen, where `If-Match` does not say it.
    pub version: Option<i32>,
}

/// Whom an exception is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExceptionAssign {
    /// A person's id, `me`, or empty: nobody.
    pub to: String,
    /// The version that was seen, where `If-Match` does not say it.
    pub version: Option<i32>,
}

/// Why a resolved exception is open again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExceptionReopen {
    /// Why.
    #[schema(max_length = 500)]
    pub reason: String,
    /// The version that was seen, where `If-Match` does not say it.
    pub version: Option<i32>,
}
