//! What plants are told: masters, open orders, people, holds, as JSON rows by
//! rising version. A change is published in the transaction that makes it.

mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::Value;

use crate::audit;
use crate::db::{DbError, Tx};

/// Channel on which a tenant's id is told when something was published for it.
pub const CHANNEL: &str = "tracewright_reference";

/// A row as plants should have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// item, bom_line, order, operator, hold, correction, reason, location.
    pub kind: String,
    /// Unique within tenant and kind; see [`row_id`].
    pub id: String,
    /// The plant that is told; `None` for every plant of the tenant.
    pub plant: Option<String>,
    /// The shape of the kind, as `edge-agent`'s `reference` reads it.
    pub body: Value,
    /// Plants are to forget it.
    pub deleted: bool,
}

/// Id of a row of one plant, or of every plant. A row of one plant has the plant
/// in its id, so that what moves to another plant is another row, and the first
/// plant is told to forget its own.
#[must_use]
pub fn row_id(base: &str, plant: Option<&str>) -> String {
    plant.map_or_else(|| base.to_owned(), |plant| format!("{base}@{plant}"))
}

/// Publishes one row. Answers its version if plants have something new to learn:
/// a row as it was already, or the deletion of one that never was, is nothing.
///
/// # Errors
/// [`DbError`].
pub async fn publish(
    tx: &mut Tx,
    kind: &str,
    id: &str,
    plant: Option<&str>,
    body: &Value,
    deleted: bool,
) -> Result<Option<i64>, DbError> {
    let row = Row {
        kind: kind.to_owned(),
        id: id.to_owned(),
        plant: plant.map(str::to_owned),
        body: body.clone(),
        deleted,
    };
    let published = publish_all(tx, vec![row]).await?;
    Ok((published.rows > 0).then_some(published.version))
}

/// What [`publish_all`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Published {
    /// Rows that plants have to learn anew.
    pub rows: usize,
    /// The tenant's version after them; 0 when there were none.
    pub version: i64,
}

/// Publishes many rows, each with a version of its own, in their order. Of two
/// with the same kind and id the later counts.
///
/// Locks the tenant's counter until the commit, so that versions are seen in
/// their order: call it last.
///
/// # Errors
/// [`DbError`].
pub async fn publish_all(tx: &mut Tx, rows: Vec<Row>) -> Result<Published, DbError> {
    let last: HashMap<(String, String), usize> =
        rows.iter().enumerate().map(|(at, row)| ((row.kind.clone(), row.id.clone()), at)).collect();
    let mut at = 0..rows.len();
    let mut rows = rows;
    rows.retain(|row| at.next() == last.get(&(row.kind.clone(), row.id.clone())).copied());
    let changed = store::rows_that_differ(tx, &rows).await?;
    if changed.is_empty() {
        return Ok(Published::default());
    }
    record(tx, &rows, &changed).await?;
    let rows: Vec<&Row> = changed.iter().filter_map(|differing| rows.get(differing.at)).collect();
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let version = store::version_take(tx, count).await?;
    store::rows_write(tx, version - count, &rows).await?;
    store::notify(tx).await?;
    Ok(Published { rows: rows.len(), version })
}

/// A row that is not as it was.
pub(crate) struct Differing {
    /// Its place in the list of rows.
    pub at: usize,
    /// What plants had before.
    pub before: Option<Value>,
}

/// Keeps what changed for the audit, before and after. Holds are told there by
/// whoever places them.
async fn record(tx: &mut Tx, rows: &[Row], changed: &[Differing]) -> Result<(), DbError> {
    let mut entries = Vec::new();
    for Differing { at, before } in changed {
        let Some(row) = rows.get(*at).filter(|row| row.kind != "hold") else { continue };
        let after = (!row.deleted).then(|| row.body.clone());
        let secret = |key| {
            let of = |body: &Option<Value>| body.as_ref().and_then(|body| body.get(key)).cloned();
            row.kind == "operator" && of(before) != of(&after)
        };
        let (badge, pin) = (secret("badge_sha256"), secret("pin_hash"));
        let mut after = after.map(|body| impersonal(&row.kind, body));
        if let Some(Value::Object(after)) = &mut after {
            after.extend(badge.then(|| ("badge".to_owned(), "changed".into())));
            after.extend(pin.then(|| ("pin".to_owned(), "changed".into())));
        }
        entries.push(audit::Kept {
            action: if row.deleted { "reference.withdraw" } else { "reference.publish" },
            subject: format!("{}:{}", row.kind, row.id),
            before: before.clone().map(|body| impersonal(&row.kind, body)),
            after,
        });
    }
    audit::record_all(tx, &entries).await
}

/// A row's body without what opens a station.
#[must_use]
pub fn without_secrets(kind: &str, mut body: Value) -> Value {
    if let (true, Value::Object(fields)) = (kind == "operator", &mut body) {
        fields.remove("badge_sha256");
        fields.remove("pin_hash");
    }
    body
}

/// A row's body as the audit may keep it for ever: people by their id only.
#[must_use]
pub fn impersonal(kind: &str, body: Value) -> Value {
    let mut body = without_secrets(kind, body);
    if let (true, Value::Object(fields)) = (kind == "operator", &mut body) {
        fields.remove("name");
    }
    body
}

/// A row that plants have, and since which version.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The plant that has it; `None` for every plant.
    pub plant: Option<String>,
    /// The version that brought it.
    pub version: i64,
    /// Its body; see [`without_secrets`].
    pub body: Value,
}

/// Rows of a kind that plants have, by id, after `after`; at most `limit`.
///
/// # Errors
/// [`DbError`].
pub async fn rows(tx: &mut Tx, kind: &str, after: &str, limit: i64) -> Result<Vec<Standing>, DbError> {
    Ok(store::rows_standing(tx, kind, after, limit).await?)
}

/// Whether plants have a row of this kind and id.
///
/// # Errors
/// [`DbError`].
pub async fn is_published(tx: &mut Tx, kind: &str, id: &str) -> Result<bool, DbError> {
    Ok(store::row_stands(tx, kind, id).await?)
}

/// The tenant's version: that of the row published last, 0 before the first.
///
/// # Errors
/// [`DbError`].
pub async fn version(tx: &mut Tx) -> Result<i64, DbError> {
    Ok(store::version(tx).await?)
}
