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
        // One that is left out has a line of its own that says so: it may as well be shown.
        most + 2,
    )
    .fetch_all(tx.conn())
    .await?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if rows.len() > most.saturating_add(1) {
        rows.truncate(most);
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

#[cfg(test)]
mod tests {
    use platform::audit::{self, Entry};
    use platform::ctx::Cx;
    use platform::db::DbError;
    use platform::testing::TestDb;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn nothing_is_said_to_be_left_out_where_nothing_is() {
        let test = TestDb::new().await;
        let cx = Cx::system(test.tenant("SAIF", &["KOL"]).await);
        for (entries, expected) in [(2, "1 2"), (3, "1 2 3"), (4, "1 hold.cut 3 4"), (5, "1 hold.cut 4 5")] {
            let subject = format!("hold:{entries}");
            for n in 1..=entries {
                let write = async |tx: &mut Tx| {
                    let after = Some(json!({ "n": n }));
                    let entry = Entry { action: "hold.grow", subject: &subject, before: None, after };
                    audit::record(tx, entry).await
                };
                test.db.tx(&cx, write).await.unwrap();
            }
            let told: Result<Vec<Past>, DbError> =
                test.db.tx(&cx, async |tx| Ok(of(tx, &subject, "hold.cut", 2).await?)).await;
            let told = told.unwrap();
            let said = told.iter().map(|past| match &past.after {
                Some(after) => after["n"].to_string(),
                None => past.action.clone(),
            });
            assert_eq!(said.collect::<Vec<_>>().join(" "), expected, "of {entries}");
        }
    }
}
