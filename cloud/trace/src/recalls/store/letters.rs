//! What was written to whom.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::consignees::Contact;
use crate::recalls::model::Letter;

/// Writes the record of a letter.
pub async fn insert(
    tx: &mut Tx,
    recall: Uuid,
    letter: Uuid,
    to: &Contact,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into recall_letters (tenant_id, letter_id, recall_id, consignee_id, contact, name, email, language,
                                     written_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant,
        letter,
        recall,
        to.consignee_id,
        to.contact,
        to.name,
        to.email,
        to.language,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many of a recall wait, or could not be sent.
pub async fn unsent(tx: &mut Tx, recall: Uuid) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from recall_letters
           where tenant_id = $1 and recall_id = $2 and state in ('waiting', 'dead')"#,
        tenant,
        recall,
    )
    .fetch_one(tx.conn())
    .await
}

/// All of a recall, in the order in which they were written.
pub async fn list(tx: &mut Tx, recall: Uuid) -> Result<Vec<Letter>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Letter,
        "select letter_id, consignee_id, name, email, language, written_at, state, ended_at, last_error
         from recall_letters where tenant_id = $1 and recall_id = $2 order by letter_id limit 5000",
        tenant,
        recall,
    )
    .fetch_all(tx.conn())
    .await
}

/// Notes what became of letters that waited: the outbox forgets after a while, this
/// record does not. Answers how many ended.
pub async fn follow(tx: &mut Tx) -> Result<u64, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update recall_letters l
         set state = o.state, ended_at = o.ended_at, last_error = o.last_error
         from outbox o
         where l.tenant_id = $1 and l.state in ('waiting', 'dead') and o.tenant_id = $1 and o.message_id = l.letter_id
           and o.state <> 'waiting' and o.state <> l.state",
        tenant,
    )
    .execute(tx.conn())
    .await?;
    // Whoever got one is told; a phone call may have been quicker.
    sqlx::query!(
        "update recall_consignees c
         set state = 'notified', version = version + 1,
             notified_at = (select min(l.ended_at) from recall_letters l
                            where l.tenant_id = $1 and l.recall_id = c.recall_id
                              and l.consignee_id = c.consignee_id and l.state = 'sent')
         where c.tenant_id = $1 and c.state = 'to_notify'
           and exists (select from recall_letters l
                       where l.tenant_id = $1 and l.recall_id = c.recall_id
                         and l.consignee_id = c.consignee_id and l.state = 'sent')",
        tenant,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
