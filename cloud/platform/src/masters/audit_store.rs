//! What the audit has of masters' rows.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Error;

use crate::db::Tx;

/// An entry of the audit.
#[derive(Debug, Clone)]
pub(super) struct Audited {
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// How the subjects were changed or opened, as the audit has it, the newest first; without
/// looks at what is watched.
pub(super) async fn audited(tx: &mut Tx, subjects: &[String], limit: i64) -> Result<Vec<Audited>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Audited,
        "select at, actor, action, before, after from audit_log
         where tenant_id = $1 and subject = any($2) and action <> 'master.look'
         order by at desc, audit_id desc limit $3",
        tenant,
        subjects,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Whether the audit has this act of the transaction's actor on the subject since then.
pub(super) async fn looked(
    tx: &mut Tx,
    subject: &str,
    action: &str,
    since: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from audit_log where tenant_id = $1 and subject = $2 and at > $4
                          and action = $3 and actor = app.actor()) as "looked!""#,
        tenant,
        subject,
        action,
        since,
    )
    .fetch_one(tx.conn())
    .await
}

/// One look of an actor at a subject at a time.
pub(super) async fn look_lock(tx: &mut Tx, subject: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended(concat_ws(' ', 'look', $1::uuid::text, app.actor(), $2::text), 0))",
        tenant,
        subject,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
