//! Digests: notices that wait for one mail a day or a week. They are collected in
//! the transaction that spreads the notice, and become one message of the outbox in
//! the transaction that removes them: so each is in one digest, whoever crashes.

mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::times::{self, Pace, Times};
use super::{Kind, Notice};
use crate::db::{DbError, Tx};
use crate::i18n::zone;
use crate::outbox::{self, Channel, Message};

/// The kind of a digest's message.
pub(super) const DIGEST: &str = "notice.digest";
/// Most notices that one digest says; the newest. Others are counted.
const MOST: usize = 100;
/// Digests that one turn of a tenant writes.
const BATCH: i64 = 50;

/// What the outbox keeps of a digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Digest {
    /// `daily` or `weekly`.
    pub pace: String,
    /// Oldest first.
    pub entries: Vec<Told>,
    /// How many there were besides.
    pub more: usize,
}

/// A notice in a digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    pub kind: String,
    pub values: BTreeMap<String, String>,
    pub href: String,
    pub at: DateTime<Utc>,
}

/// Who waits for a digest, and since which settings it is due.
pub(super) struct Person {
    pub user_id: Uuid,
    pub times: Times,
    /// IANA name of the person's zone, else of the tenant's.
    pub time_zone: String,
}

/// Lets the notice wait for the digests of these people.
pub(super) async fn collect(
    tx: &mut Tx,
    people: &[(Uuid, Pace)],
    (kind, notice): (&Kind, &Notice),
    told_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    if people.is_empty() {
        return Ok(());
    }
    let users: Vec<Uuid> = people.iter().map(|(user, _)| *user).collect();
    let settings = store::people(tx, &users).await?;
    let due: Vec<(Uuid, Pace, DateTime<Utc>)> = people
        .iter()
        .filter_map(|(user, pace)| {
            let person = settings.iter().find(|person| person.user_id == *user)?;
            Some((*user, *pace, times::next_digest(*pace, &person.times, zone(&person.time_zone), now)))
        })
        .collect();
    // First the digest's own row, which is locked by that until the commit: whoever
    // sends it now either is done, and a new row is made, or waits its turn.
    store::digests_ensure(tx, &due).await?;
    let details = serde_json::to_value(&notice.values).unwrap_or_default();
    store::entries_insert(tx, &due, (kind.code, &details, &notice.href), told_at).await?;
    Ok(())
}

/// Writes the messages of digests that are due, each once; answers how many.
///
/// # Errors
/// Those of the database.
pub(super) async fn write_due(tx: &mut Tx, now: DateTime<Utc>) -> Result<usize, DbError> {
    let due = store::digests_due(tx, BATCH, now).await?;
    let mut messages = Vec::new();
    for (user, pace) in due {
        let mut entries = store::entries_take(tx, user, &pace).await?;
        store::digest_delete(tx, user, &pace).await?;
        // All of it may be of kinds that are not wanted any more.
        if entries.is_empty() {
            continue;
        }
        let more = entries.len().saturating_sub(MOST);
        let digest = Digest { pace, entries: entries.split_off(more), more };
        // Strings and numbers, which JSON can hold.
        let body = serde_json::to_value(&digest).unwrap_or_default();
        messages.push(Message::new(Channel::Mail, DIGEST, Some(user), body));
    }
    outbox::put_all(tx, &messages, now).await?;
    Ok(messages.len())
}

/// Drops what waits of these kinds.
pub(super) async fn drop_kinds(tx: &mut Tx, user: Uuid, kinds: &[String]) -> Result<(), DbError> {
    Ok(store::entries_drop(tx, user, kinds).await?)
}

/// Moves a person's digests to the hours that the person has chosen now.
pub(super) async fn reschedule(tx: &mut Tx, user: Uuid, now: DateTime<Utc>) -> Result<(), DbError> {
    for person in store::people(tx, &[user]).await? {
        for pace in [Pace::Daily, Pace::Weekly] {
            let due = times::next_digest(pace, &person.times, zone(&person.time_zone), now);
            store::digest_move(tx, user, pace, due).await?;
        }
    }
    Ok(())
}
