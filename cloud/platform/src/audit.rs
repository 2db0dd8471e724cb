//! Who changed what, from where: written in the transaction of the change, and
//! never edited by anyone.

use serde_json::Value;
use uuid::Uuid;

use crate::db::{DbError, Tx};

/// A change worth remembering.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    /// What was done, as `noun.verb`: `agent.revoke`, `hold.place`.
    pub action: &'a str,
    /// What it was done to, as `noun:id`; people by their opaque id only.
    pub subject: &'a str,
    /// How it was, if it was.
    pub before: Option<Value>,
    /// How it is now, if it is.
    pub after: Option<Value>,
}

/// Records a change by the transaction's actor, with its origin. No secret and
/// nothing personal belongs into `before` and `after`: the row stays for ever.
///
/// # Errors
/// Those of the database; the change must then not be committed either.
pub async fn record(tx: &mut Tx, entry: Entry<'_>) -> Result<(), DbError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into audit_log (tenant_id, audit_id, action, subject, before, after)
         values ($1, $2, $3, $4, $5, $6)",
        tenant,
        Uuid::now_v7(),
        entry.action,
        entry.subject,
        entry.before,
        entry.after
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A change that one of many entries keeps; see [`Entry`].
#[derive(Debug, Clone)]
pub struct Kept {
    /// As in [`Entry::action`].
    pub action: &'static str,
    /// As in [`Entry::subject`].
    pub subject: String,
    /// How it was, if it was.
    pub before: Option<Value>,
    /// How it is now, if it is.
    pub after: Option<Value>,
}

/// [`record`] for many changes at once, in their order.
///
/// # Errors
/// Those of the database; the changes must then not be committed either.
pub async fn record_all(tx: &mut Tx, entries: &[Kept]) -> Result<(), DbError> {
    if entries.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = entries.iter().map(|_| Uuid::now_v7()).collect();
    let actions: Vec<String> = entries.iter().map(|entry| entry.action.to_owned()).collect();
    let subjects: Vec<String> = entries.iter().map(|entry| entry.subject.clone()).collect();
    let before: Vec<Value> = entries.iter().map(|entry| entry.before.clone().unwrap_or_default()).collect();
    let after: Vec<Value> = entries.iter().map(|entry| entry.after.clone().unwrap_or_default()).collect();
    sqlx::query!(
        "insert into audit_log (tenant_id, audit_id, action, subject, before, after)
         select $1, w.id, w.action, w.subject, nullif(w.before, 'null'::jsonb), nullif(w.after, 'null'::jsonb)
         from unnest($2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::jsonb[])
              as w(id, action, subject, before, after)",
        tenant,
        &ids,
        &actions,
        &subjects,
        &before,
        &after,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ctx::Cx;
    use crate::testing::TestDb;

    #[tokio::test]
    async fn an_entry_names_actor_and_origin_and_goes_with_the_change() {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let cx = Cx { origin: Some("request 7".into()), ..Cx::new(tenant, "key:office") };
        let write = async |tx: &mut Tx| {
            let entry = Entry {
                action: "plant.rename",
                subject: "plant:KOL",
                before: Some(json!({"name": "A"})),
                after: Some(json!({"name": "B"})),
            };
            record(tx, entry).await
        };
        test.db.tx(&cx, write).await.unwrap();
        let failed = test
            .db
            .tx(&cx, async |tx| {
                write(tx).await?;
                Err::<(), DbError>(sqlx::Error::RowNotFound.into())
            })
            .await;
        assert!(failed.is_err());
        let rows: Vec<(String, String, Option<String>, Option<Value>)> = test
            .db
            .tx(&cx, async |tx| {
                let sql = "select actor, subject, origin, after from audit_log where tenant_id = $1";
                Ok::<_, DbError>(sqlx::query_as(sql).bind(tenant).fetch_all(tx.conn()).await?)
            })
            .await
            .unwrap();
        assert_eq!(
            rows,
            [(
                "key:office".to_owned(),
                "plant:KOL".to_owned(),
                Some("request 7".to_owned()),
                Some(json!({"name": "B"}))
            )]
        );
    }
}
