//! What became of a hold or a recall, by its audit.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;

/// An entry of the audit.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Past {
    pub at: DateTime<Utc>,
    pub actor: String,
    pub action: String,
    pub after: Option<Value>,
}

/// The newest entries about a subject, oldest first; of a long history its beginning before
/// them, and between the two an entry that is called `cut`.
pub async fn of(tx: &mut Tx, subject: &str, cut: &str, most: i64) -> Result<Vec<Past>, Error> {
    let tenant = tx.tenant();
    let mut rows = sqlx::query_as!(
        Past,
        "select at, actor, action, after from audit_log where tenant_id = $1 and subject = $2 \
         order by at desc, audit_id desc limit $3",
        tenant,
        subject,
        most + 1,
    )
    .fetch_all(tx.conn())
    .await?;
    if rows.len() > usize::try_from(most).unwrap_or(usize::MAX) {
        rows.pop();
        let first = sqlx::query_as!(
            Past,
            "select at, actor, action, after from audit_log where tenant_id = $1 and subject = $2 \
             order by at, audit_id limit 1",
            tenant,
            subject,
        )
        .fetch_one(tx.conn())
        .await?;
        rows.push(Past { actor: "system".to_owned(), action: cut.to_owned(), after: None, ..first.clone() });
        rows.push(first);
    }
    rows.reverse();
    Ok(rows)
}
