//! SQL of failed tries to sign in, and of locks after too many.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Error;

use crate::db::SystemTx;

/// Counts a try; answers how many there were, and until when a lock lasts that
/// stood before. A locked try is not counted.
pub(in super::super) async fn try_count(
    tx: &mut SystemTx,
    subject: &str,
    window: TimeDelta,
    now: DateTime<Utc>,
) -> Result<(i32, Option<DateTime<Utc>>), Error> {
    let row = sqlx::query!(
        "insert into control.signin_tries as t (subject, tries, last_at) values ($1, 1, $2)
         on conflict (subject) do update
         set tries = case when t.locked_until > $2 then t.tries when t.last_at < $3 then 1 else t.tries + 1 end,
             last_at = case when t.locked_until > $2 then t.last_at else $2 end,
             locked_until = case when t.locked_until > $2 then t.locked_until end
         returning tries, locked_until",
        subject,
        now,
        now - window,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.tries, row.locked_until))
}

pub(in super::super) async fn try_lock(
    tx: &mut SystemTx,
    subject: &str,
    until: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!("update control.signin_tries set locked_until = $2 where subject = $1", subject, until)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Takes a success back out of the count: all of an account's, one of an
/// address's.
pub(crate) async fn try_succeeded(
    tx: &mut SystemTx,
    account: &str,
    address: Option<&str>,
) -> Result<(), Error> {
    sqlx::query!("delete from control.signin_tries where subject = $1", account).execute(tx.conn()).await?;
    sqlx::query!(
        "update control.signin_tries set tries = greatest(tries - 1, 0), locked_until = null where subject = $1",
        address.unwrap_or_default(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes one try back, and with it the lock until `locks` that began with it; a lock that
/// began with another try stays.
pub(crate) async fn try_taken_back(
    tx: &mut SystemTx,
    subject: &str,
    locks: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    sqlx::query!(
        "update control.signin_tries
         set tries = greatest(tries - 1, 0),
             locked_until = case when locked_until = $2 then null else locked_until end
         where subject = $1",
        subject,
        locks,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets tries that count no more.
pub(in super::super) async fn tries_forget(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("delete from control.signin_tries where last_at < $1", before).execute(tx.conn()).await?;
    Ok(())
}
