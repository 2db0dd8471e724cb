//! From one notice to what each person and each webhook is told. All of it is in
//! the database, so it happens once: in one transaction with the end of the
//! notice's own message.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::preferences::{self, APP, MAIL};
use super::{Kind, Letter, Notice, To, store};
use crate::db::{DbError, Tx};
use crate::outbox::{self, Channel, Claimed, Message};

/// Shows the notice to those who want to see it, and writes the messages of those
/// who want mail (where `mails` says that mail can be sent).
pub(super) async fn fan_out(
    tx: &mut Tx,
    claimed: &Claimed,
    kind: &Kind,
    notice: &Notice,
    mails: bool,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let people = people(tx, &notice.to, &claimed.by).await?;
    let wishes = store::wishes(tx, kind.code, &people).await?;
    let shown = preferences::told(kind, APP, &people, &wishes);
    let ids: Vec<Uuid> = shown.iter().map(|_| Uuid::now_v7()).collect();
    let details = serde_json::to_value(&notice.values).unwrap_or_default();
    store::notices_insert(tx, &ids, &shown, kind.code, &details, &notice.href, claimed.put_at).await?;
    let mut messages = Vec::new();
    if mails {
        let letter =
            Letter { text: kind.text_key(), values: notice.values.clone(), href: notice.href.clone() };
        for person in preferences::told(kind, MAIL, &people, &wishes) {
            messages.push(Message::new(Channel::Mail, kind.code, Some(person), letter.body()));
        }
    }
    outbox::put_all(tx, &messages, now).await
}

/// Whom it is for; whoever caused it is told only when named.
async fn people(tx: &mut Tx, to: &To, by: &str) -> Result<Vec<Uuid>, DbError> {
    let mut people = match to {
        To::Person(person) => {
            let reader = store::reader(tx, *person).await?;
            return Ok(reader.into_iter().map(|reader| reader.user_id).collect());
        }
        To::Permission(permission) => store::with_permission(tx, permission).await?,
        To::Role(role) => store::with_role(tx, role).await?,
    };
    people.retain(|person| by != format!("user:{person}"));
    Ok(people)
}
