//! What the exceptions API answers.

use chrono::{DateTime, Utc};
use serde::Serialize;
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
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// By whom; `system` when later facts agreed.
    pub resolved_by: Option<String>,
    /// How.
    pub resolution: Option<String>,
}

/// A page of exceptions, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExceptionPage {
    /// This page.
    pub exceptions: Vec<ExceptionView>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}
