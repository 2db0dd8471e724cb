//! The log of super-administrators: what they looked at and what they did. A row is
//! chained in the transaction that it tells of, so that one that was changed or
//! taken out later shows; the hash is that of the tenants' audit (`docs/audit.md`).

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::store;
use crate::audit::Entry;
use crate::audit::chain::{GENESIS, Hash, Row, link};
use crate::db::{Db, DbError, SystemTx};

/// Rows of one step of looking at the whole log.
const STEP: i64 = 1000;

/// Who acts, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// `admin:<id>`, or `system`.
    pub actor: String,
    /// From where: the request's id.
    pub origin: Option<String>,
}

impl Who {
    /// The cloud itself: workers, and commands on its machine.
    #[must_use]
    pub fn system() -> Self {
        Self { actor: "system".to_owned(), origin: None }
    }
}

/// Appends a row. Two at once wait for each other; super-administrators are few.
///
/// # Errors
/// Those of the database; what the row tells of must then not be committed either.
pub async fn record(
    system: &mut SystemTx,
    who: &Who,
    entry: Entry<'_>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let (n, before) = store::log_end(system).await?.unwrap_or((0, GENESIS));
    let was = text(system, entry.before.as_ref()).await?;
    let is = text(system, entry.after.as_ref()).await?;
    let row = Row {
        audit_id: Uuid::now_v7(),
        // As Postgres keeps it.
        at: now.trunc_subsecs(6),
        actor: who.actor.clone(),
        action: entry.action.to_owned(),
        subject: entry.subject.to_owned(),
        before: was,
        after: is,
        origin: who.origin.clone(),
    };
    let hash = link(&before, &row);
    Ok(store::log_append(system, n + 1, &row, (entry.before, entry.after), &hash).await?)
}

async fn text(system: &mut SystemTx, value: Option<&Value>) -> Result<Option<String>, sqlx::Error> {
    match value {
        Some(value) => store::json_text(system, value).await.map(Some),
        None => Ok(None),
    }
}

/// Looks at the whole log. Answers how many rows there are, and the number of the
/// first that is not as it was written, if there is one.
///
/// # Errors
/// Those of the database.
pub async fn verify(db: &Db) -> Result<(i64, Option<i64>), DbError> {
    let (mut n, mut hash) = (0, GENESIS);
    loop {
        let rows: Vec<(i64, Row, Hash)> =
            db.system_tx(async |system| Ok::<_, DbError>(store::log_rows(system, n, STEP).await?)).await?;
        if rows.is_empty() {
            return Ok((n, None));
        }
        for (at, row, stored) in rows {
            if at != n + 1 || link(&hash, &row) != stored {
                return Ok((n, Some(n + 1)));
            }
            (n, hash) = (at, stored);
        }
    }
}
