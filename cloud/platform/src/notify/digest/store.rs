//! SQL of digests.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::{Person, Told};
use crate::db::Tx;
use crate::notify::times::{Pace, Times};

/// The hours of these people.
pub(super) async fn people(tx: &mut Tx, users: &[Uuid]) -> Result<Vec<Person>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select u.user_id,
                  coalesce((select t.digest_hour from notice_times t
                            where t.tenant_id = $1 and t.user_id = u.user_id), 8) as "hour!",
                  coalesce((select t.digest_weekday from notice_times t
                            where t.tenant_id = $1 and t.user_id = u.user_id), 1) as "weekday!",
                  coalesce(nullif(u.time_zone, ''),
                           (select time_zone from control.tenants where tenant_id = $1), 'UTC') as "zone!"
           from users u where u.tenant_id = $1 and u.user_id = any($2)"#,
        tenant,
        users,
    )
    .fetch_all(tx.conn())
    .await?;
    let person = |row: (Uuid, i32, i32, String)| Person {
        user_id: row.0,
        times: Times { digest_hour: row.1, digest_weekday: row.2, ..Times::default() },
        time_zone: row.3,
    };
    Ok(rows.into_iter().map(|row| person((row.user_id, row.hour, row.weekday, row.zone))).collect())
}

/// Makes the digests that are not there yet, and locks those that are.
pub(super) async fn digests_ensure(tx: &mut Tx, due: &[(Uuid, Pace, DateTime<Utc>)]) -> Result<(), Error> {
    let tenant = tx.tenant();
    // In one order, so that two of these never wait for each other.
    let mut sorted = due.to_vec();
    sorted.sort_unstable_by_key(|(user, pace, _)| (*user, *pace));
    let users: Vec<Uuid> = sorted.iter().map(|(user, ..)| *user).collect();
    let paces: Vec<String> = sorted.iter().map(|(_, pace, _)| pace.name().to_owned()).collect();
    let at: Vec<DateTime<Utc>> = sorted.iter().map(|(.., at)| *at).collect();
    sqlx::query!(
        "insert into digests as d (tenant_id, user_id, pace, due_at)
         select $1, w.user_id, w.pace, w.due_at
         from unnest($2::uuid[], $3::text[], $4::timestamptz[]) as w(user_id, pace, due_at)
         on conflict (tenant_id, user_id, pace) do update set version = d.version + 1",
        tenant,
        &users,
        &paces,
        &at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn entries_insert(
    tx: &mut Tx,
    due: &[(Uuid, Pace, DateTime<Utc>)],
    (kind, details, href): (&str, &Value, &str),
    told_at: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = due.iter().map(|_| Uuid::now_v7()).collect();
    let users: Vec<Uuid> = due.iter().map(|(user, ..)| *user).collect();
    let paces: Vec<String> = due.iter().map(|(_, pace, _)| pace.name().to_owned()).collect();
    sqlx::query!(
        "insert into digest_entries (tenant_id, entry_id, user_id, pace, kind, details, href, told_at)
         select $1, w.id, w.user_id, w.pace, $5, $6, $7, $8
         from unnest($2::uuid[], $3::uuid[], $4::text[]) as w(id, user_id, pace)",
        tenant,
        &ids,
        &users,
        &paces,
        kind,
        details,
        href,
        told_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Digests that are due, locked; those that another worker has are passed over.
pub(super) async fn digests_due(
    tx: &mut Tx,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select user_id, pace from digests where tenant_id = $1 and due_at <= $2
         order by due_at, user_id, pace limit $3 for update skip locked",
        tenant,
        now,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.pace)).collect())
}

/// Takes out what waits for a digest, oldest first.
pub(super) async fn entries_take(tx: &mut Tx, user: Uuid, pace: &str) -> Result<Vec<Told>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "delete from digest_entries where tenant_id = $1 and user_id = $2 and pace = $3
         returning entry_id, kind, details, href, told_at",
        tenant,
        user,
        pace,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut taken: Vec<(Uuid, Told)> = rows
        .into_iter()
        .map(|row| {
            let values = serde_json::from_value(row.details).unwrap_or_default();
            (row.entry_id, Told { kind: row.kind, values, href: row.href, at: row.told_at })
        })
        .collect();
    taken.sort_by_key(|(id, told)| (told.at, *id));
    Ok(taken.into_iter().map(|(_, told)| told).collect())
}

pub(super) async fn digest_delete(tx: &mut Tx, user: Uuid, pace: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from digests where tenant_id = $1 and user_id = $2 and pace = $3",
        tenant,
        user,
        pace,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn entries_drop(tx: &mut Tx, user: Uuid, kinds: &[String]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from digest_entries where tenant_id = $1 and user_id = $2 and kind = any($3)",
        tenant,
        user,
        kinds,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn digest_move(
    tx: &mut Tx,
    user: Uuid,
    pace: Pace,
    due_at: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update digests set due_at = $4, version = version + 1
         where tenant_id = $1 and user_id = $2 and pace = $3",
        tenant,
        user,
        pace.name(),
        due_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
