//! The log of super-administrators: what they looked at and what they did. A row is
//! chained in the transaction that it tells of, so that one that was changed or
//! taken out later shows; the hash is that of the tenants' audit (`docs/audit.md`).

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::store;
use crate::audit::Entry;
use crate::audit::chain::{GENESIS, Hash, Row, link};
use crate::ctx::{self, Cx};
use crate::db::{Db, DbError, SystemTx};

/// Rows of one step of looking at the whole log.
const STEP: i64 = 1000;
/// Most letters of why something failed.
const LONGEST_WHY: usize = 300;

/// Who acts, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// `admin:<id>`, `shell:<who>` for a command at the machine, or `system`.
    pub actor: String,
    /// From where: address and id of the request; account and machine of a command.
    pub origin: Option<String>,
}

impl Who {
    /// The cloud itself: workers, and commands on its machine.
    #[must_use]
    pub fn system() -> Self {
        Self { actor: "system".to_owned(), origin: None }
    }

    /// The same for the rows of a tenant. It knows super-administrators by their opaque id;
    /// who stands at the machine is the cloud itself there, since a name would stay in its
    /// audit for ever.
    #[must_use]
    pub fn cx(&self, tenant: Uuid) -> Cx {
        let is_admin = self.actor.starts_with("admin:");
        let of_admin = Cx { origin: self.origin.clone(), ..Cx::new(tenant, self.actor.as_str()) };
        if is_admin { of_admin } else { Cx::system(tenant) }
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
        origin: who.origin.clone().or_else(ctx::origin),
    };
    let hash = link(&before, &row);
    Ok(store::log_append(system, n + 1, &row, (entry.before, entry.after), &hash).await?)
}

/// Does something that reaches all of a tenant, and has the log say so: before it begins,
/// and what became of it, also when it failed. One that was killed on the way is known by
/// its beginning.
///
/// # Errors
/// Those of the work, which is not begun unless the log has it; and of the log.
pub async fn around<T, E: std::fmt::Display + From<DbError>>(
    db: &Db,
    who: &Who,
    (action, tenant, about): (&str, Uuid, &Value),
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let act = Act { action, subject: &format!("tenant:{tenant}"), about };
    note(db, who, &act, ("begun", None)).await?;
    match work.await {
        Ok(done) => {
            note(db, who, &act, ("done", None)).await?;
            Ok(done)
        }
        Err(error) => {
            let why: String = error.to_string().chars().take(LONGEST_WHY).collect();
            if let Err(unsaid) = note(db, who, &act, ("failed", Some(why))).await {
                tracing::error!(subject = act.subject, action, error = %unsaid, "the log does not have that it failed");
            }
            Err(error)
        }
    }
}

/// What [`around`] is about.
struct Act<'a> {
    action: &'a str,
    subject: &'a str,
    /// What the log says of it beside.
    about: &'a Value,
}

/// Writes down how far it is, and why it went no further.
async fn note(
    db: &Db,
    who: &Who,
    act: &Act<'_>,
    (state, why): (&str, Option<String>),
) -> Result<(), DbError> {
    let mut after = serde_json::Map::from_iter([("state".to_owned(), Value::from(state))]);
    after.extend(act.about.as_object().cloned().unwrap_or_default());
    after.extend(why.map(|why| ("why".to_owned(), Value::from(why))));
    let after = Some(Value::Object(after));
    let now = Utc::now();
    db.system_tx(async |system| {
        let entry = Entry { action: act.action, subject: act.subject, before: None, after };
        record(system, who, entry, now).await
    })
    .await
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
