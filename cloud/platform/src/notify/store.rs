//! SQL of notices, preferences, and the sender of mail.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::preferences::Wish;
use super::times::{Pace, Times};
use crate::db::Tx;

/// A person to be told.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub user_id: Uuid,
    pub email: String,
    pub name: String,
    /// Empty: as the tenant.
    pub language: String,
    pub status: String,
    /// Empty: as the tenant.
    pub time_zone: String,
    pub quiet_from: Option<i32>,
    pub quiet_until: Option<i32>,
    /// Mail does not reach the address.
    pub unreachable: bool,
}

impl Reader {
    /// Minutes of the day between which nothing comes.
    pub(super) fn quiet(&self) -> Option<(i32, i32)> {
        Some((self.quiet_from?, self.quiet_until?))
    }
}

pub(super) async fn reader(tx: &mut Tx, user: Uuid) -> Result<Option<Reader>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Reader,
        r#"select u.user_id, u.email, u.name, u.language, u.status, u.time_zone,
                  (select t.quiet_from from notice_times t where t.tenant_id = $1 and t.user_id = $2),
                  (select t.quiet_until from notice_times t where t.tenant_id = $1 and t.user_id = $2),
                  exists (select from unreachable_addresses a
                          where a.tenant_id = $1 and a.user_id = $2 and a.email = u.email) as "unreachable!"
           from users u where u.tenant_id = $1 and u.user_id = $2 and u.deleted_at is null"#,
        tenant,
        user,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Active people whose roles have the permission, at one of the plants if any are
/// named.
///
/// # Errors
/// The database.
pub async fn with_permission(tx: &mut Tx, permission: &str, plants: &[String]) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select u.user_id from users u
         where u.tenant_id = $1 and u.status = 'active' and u.deleted_at is null
           and exists (select from user_roles ur
                       join roles r on r.tenant_id = $1 and r.role = ur.role and r.deleted_at is null
                       where ur.tenant_id = $1 and ur.user_id = u.user_id and r.permissions && array[$2, '*']
                         and (ur.plants is null or $3::text[] = '{}' or ur.plants && $3))
         order by u.user_id",
        tenant,
        permission,
        plants,
    )
    .fetch_all(tx.conn())
    .await
}

/// Active people who have the role, at one of the plants if any are named.
pub(super) async fn with_role(tx: &mut Tx, role: &str, plants: &[String]) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select u.user_id from users u
         where u.tenant_id = $1 and u.status = 'active' and u.deleted_at is null
           and exists (select from user_roles ur
                       where ur.tenant_id = $1 and ur.user_id = u.user_id and ur.role = $2
                         and (ur.plants is null or $3::text[] = '{}' or ur.plants && $3))
         order by u.user_id",
        tenant,
        role,
        plants,
    )
    .fetch_all(tx.conn())
    .await
}

/// The tenant as its mail shows it.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub code: String,
    pub name: String,
    pub language: String,
    pub time_zone: String,
}

pub(super) async fn sender(tx: &mut Tx) -> Result<Sender, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Sender,
        "select code, name, language, time_zone from control.tenants where tenant_id = $1",
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

/// How the tenant's mail looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailSettings {
    /// Empty: the tenant's name.
    pub sender_name: String,
    /// Empty: none.
    pub reply_to: String,
    /// For a change that must not overwrite another's; 0 before the first.
    pub version: i32,
}

pub(super) async fn mail_settings(tx: &mut Tx) -> Result<MailSettings, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_as!(
        MailSettings,
        "select sender_name, reply_to, version from mail_settings where tenant_id = $1",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.unwrap_or_default())
}

/// `false` when somebody else changed them since `version`.
pub(super) async fn mail_settings_set(tx: &mut Tx, new: &MailSettings) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into mail_settings as m (tenant_id, sender_name, reply_to) values ($1, $2, $3)
         on conflict (tenant_id) do update
         set sender_name = $2, reply_to = $3, version = m.version + 1 where m.version = $4",
        tenant,
        new.sender_name,
        new.reply_to,
        new.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A wish as it is stored.
fn wish(wanted: bool, pace: &str) -> Wish {
    Wish { wanted, pace: Pace::parse(pace).unwrap_or(Pace::Now) }
}

/// The person of that e-mail address, or the webhook of that name.
pub(super) async fn target(tx: &mut Tx, to: &str) -> Result<Option<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select id as "id!" from (
               select user_id as id, 1 as rank from users where tenant_id = $1 and email = lower($2)
               union all
               select webhook_id, 2 from webhooks where tenant_id = $1 and name = $2) found
           order by rank, id limit 1"#,
        tenant,
        to,
    )
    .fetch_optional(tx.conn())
    .await
}

/// What these people want otherwise than a kind says: person, channel, wish.
pub(super) async fn wishes(
    tx: &mut Tx,
    kind: &str,
    users: &[Uuid],
) -> Result<Vec<(Uuid, String, Wish)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select user_id, channel, wanted, pace from notice_preferences
         where tenant_id = $1 and kind = $2 and user_id = any($3)",
        tenant,
        kind,
        users,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.channel, wish(row.wanted, &row.pace))).collect())
}

/// What one person wants otherwise than the kinds say: kind, channel, wish.
pub(super) async fn own_wishes(tx: &mut Tx, user: Uuid) -> Result<Vec<(String, String, Wish)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select kind, channel, wanted, pace from notice_preferences where tenant_id = $1 and user_id = $2",
        tenant,
        user,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.channel, wish(row.wanted, &row.pace))).collect())
}

/// Sets what one person wants: kind, channel, wish.
pub(super) async fn wishes_set(tx: &mut Tx, user: Uuid, wishes: &[(&str, &str, Wish)]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let kinds: Vec<String> = wishes.iter().map(|(kind, ..)| (*kind).to_owned()).collect();
    let channels: Vec<String> = wishes.iter().map(|(_, channel, _)| (*channel).to_owned()).collect();
    let wanted: Vec<bool> = wishes.iter().map(|(.., wish)| wish.wanted).collect();
    let paces: Vec<String> = wishes.iter().map(|(.., wish)| wish.pace.name().to_owned()).collect();
    sqlx::query!(
        "insert into notice_preferences as p (tenant_id, user_id, kind, channel, wanted, pace)
         select $1, $2, w.kind, w.channel, w.wanted, w.pace
         from unnest($3::text[], $4::text[], $5::bool[], $6::text[]) as w(kind, channel, wanted, pace)
         on conflict (tenant_id, user_id, kind, channel)
         do update set wanted = excluded.wanted, pace = excluded.pace, version = p.version + 1
         where (p.wanted, p.pace) is distinct from (excluded.wanted, excluded.pace)",
        tenant,
        user,
        &kinds,
        &channels,
        &wanted,
        &paces,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// When a person is written to.
pub(super) async fn times(tx: &mut Tx, user: Uuid) -> Result<Times, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select quiet_from, quiet_until, digest_hour, digest_weekday, version from notice_times
         where tenant_id = $1 and user_id = $2",
        tenant,
        user,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map_or_else(Times::default, |row| Times {
        quiet: row.quiet_from.zip(row.quiet_until),
        digest_hour: row.digest_hour,
        digest_weekday: row.digest_weekday,
        version: row.version,
    }))
}

/// `false` when they were changed since `version`.
pub(super) async fn times_set(tx: &mut Tx, user: Uuid, new: &Times) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let (from, until) = new.quiet.unzip();
    let done = sqlx::query!(
        "insert into notice_times as t (tenant_id, user_id, quiet_from, quiet_until, digest_hour, digest_weekday)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant_id, user_id) do update
         set quiet_from = $3, quiet_until = $4, digest_hour = $5, digest_weekday = $6, version = t.version + 1
         where t.version = $7",
        tenant,
        user,
        from,
        until,
        new.digest_hour,
        new.digest_weekday,
        new.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Shows a notice to each of these people; `ids` are as many as `users`.
pub(super) async fn notices_insert(
    tx: &mut Tx,
    ids: &[Uuid],
    users: &[Uuid],
    kind: &str,
    details: &Value,
    href: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into notices (tenant_id, notice_id, user_id, kind, details, href, told_at)
         select $1, n.id, n.user_id, $4, $5, $6, $7 from unnest($2::uuid[], $3::uuid[]) as n(id, user_id)",
        tenant,
        ids,
        users,
        kind,
        details,
        href,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A notice as its reader sees it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub id: Uuid,
    pub kind: String,
    pub details: Value,
    pub href: String,
    pub told_at: DateTime<Utc>,
    pub read_at: Option<DateTime<Utc>>,
}

/// The person's notices, newest first, before `before`.
pub(super) async fn notices(
    tx: &mut Tx,
    user: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Shown>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Shown,
        "select notice_id as id, kind, details, href, told_at, read_at from notices
         where tenant_id = $1 and user_id = $2 and ($3::uuid is null or notice_id < $3)
         order by notice_id desc limit $4",
        tenant,
        user,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// How many the person has not read, counted up to a hundred.
pub(super) async fn unread(tx: &mut Tx, user: Uuid) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from (
               select from notices where tenant_id = $1 and user_id = $2 and read_at is null limit 100) n"#,
        tenant,
        user,
    )
    .fetch_one(tx.conn())
    .await
}

/// The newest of these kinds that the person has not read and was told after
/// `since`.
pub(super) async fn newest(
    tx: &mut Tx,
    user: Uuid,
    kinds: &[String],
    since: DateTime<Utc>,
) -> Result<Option<Shown>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Shown,
        "select notice_id as id, kind, details, href, told_at, read_at from notices
         where tenant_id = $1 and user_id = $2 and read_at is null and kind = any($3) and told_at > $4
         order by notice_id desc limit 1",
        tenant,
        user,
        kinds,
        since,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Marks one of the person's notices as read, or all of them; answers where it
/// leads. `None` when there is none such.
pub(super) async fn read(
    tx: &mut Tx,
    user: Uuid,
    notice: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "update notices set read_at = coalesce(read_at, $4), version = version + 1
         where tenant_id = $1 and user_id = $2 and notice_id = $3 returning href",
        tenant,
        user,
        notice,
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn read_all(tx: &mut Tx, user: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update notices set read_at = $3, version = version + 1
         where tenant_id = $1 and user_id = $2 and read_at is null",
        tenant,
        user,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes notices told before, at most `limit`; answers how many.
pub(super) async fn forget(tx: &mut Tx, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from notices where tenant_id = $1 and notice_id in (
             select notice_id from notices where tenant_id = $1 and told_at < $2 limit $3)",
        tenant,
        before,
        limit,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
