//! Fields that are watched: that somebody read them of a single row is in the audit, once
//! in an hour for each reader and row, so that going back and forth fills no pages there.
//! Sealed fields are no part of it: each look at what they hold is written down
//! ([`super::sensitive`]).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::kind::Kind;
use super::shape::Shape;
use super::{Row, audit_store as store};
use crate::audit::{self, Entry};
use crate::db::{DbError, Tx};

/// The act, as the audit has it. A row's history is of changes, and does not tell it.
pub(super) const LOOK: &str = "master.look";

/// The watched fields that have a value which a reader of the row is shown.
fn shown<'s>(shape: &'s Shape, row: &Row) -> Vec<&'s str> {
    let has = |name: &str| row.get(name).is_some_and(|value| !Kind::plain(value).is_empty());
    let watched = shape.columns.iter().filter(|column| column.field.watched && column.kind != Kind::Secret);
    watched.map(|column| column.name.as_str()).filter(|name| has(name)).collect()
}

/// Writes down that the transaction's actor reads this row, where it has watched fields.
///
/// # Errors
/// Those of the database; the row must then not be shown.
pub(super) async fn note(
    tx: &mut Tx,
    shape: &Shape,
    key: &str,
    row: &Row,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let fields = shown(shape, row);
    if fields.is_empty() {
        return Ok(());
    }
    let subject = shape.master.subject(key);
    let since = now - TimeDelta::hours(1);
    if store::looked(tx, &subject, LOOK, since).await? {
        return Ok(());
    }
    // Two requests at once are one look: the later sees what the earlier has written.
    store::look_lock(tx, &subject).await?;
    if store::looked(tx, &subject, LOOK, since).await? {
        return Ok(());
    }
    let mut after = Row::from_iter([("fields".to_owned(), json!(fields))]);
    after.extend(shape.place_of(row));
    audit::record(tx, Entry { action: LOOK, subject: &subject, before: None, after: Some(after.into()) })
        .await
}
