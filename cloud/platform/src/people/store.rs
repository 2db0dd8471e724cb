//! All SQL of people: their look-up at sign-in, links and tries in the control
//! schema, and their rows in the tenant's.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::model::{Given, Role, RoleLimit, Status, User};
use super::settings::Profile;
use crate::ctx::Plants;
use crate::db::{SystemTx, Tx};
use crate::tenancy;
use crate::web::{Amount, EVERY, Grant};

// --- control schema ------------------------------------------------------------

/// A tenant that a person is in.
pub(super) struct Login {
    pub tenant: Uuid,
    pub user: Uuid,
    pub status: String,
}

/// Tenants that a person of this e-mail is in, at most eight: each costs a hash.
/// Those that are not let in come last.
pub(super) async fn logins(tx: &mut SystemTx, email: &str) -> Result<Vec<Login>, Error> {
    sqlx::query_as!(
        Login,
        r#"select l.tenant_id as tenant, l.user_id as "user", t.status
         from control.logins l join control.tenants t using (tenant_id)
         where l.email = $1 order by t.status, l.tenant_id limit 8"#,
        email,
    )
    .fetch_all(tx.conn())
    .await
}

/// The id behind this e-mail in the tenant: the given one, unless there is one
/// already.
pub(super) async fn login_claim(
    tx: &mut SystemTx,
    email: &str,
    tenant: Uuid,
    user: Uuid,
) -> Result<Uuid, Error> {
    sqlx::query!(
        "insert into control.logins (email, tenant_id, user_id) values ($1, $2, $3) on conflict do nothing",
        email,
        tenant,
        user,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query_scalar!(
        "select user_id from control.logins where email = $1 and tenant_id = $2",
        email,
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

/// Keeps a link, and ends those that the person had before.
pub(super) async fn invitation_insert(
    tx: &mut SystemTx,
    token: &[u8],
    tenant: Uuid,
    user: Uuid,
    purpose: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "delete from control.invitations where tenant_id = $1 and user_id = $2 and used_at is null",
        tenant,
        user,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into control.invitations (token_hash, tenant_id, user_id, purpose, expires_at)
         values ($1, $2, $3, $4, $5)",
        token,
        tenant,
        user,
        purpose,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A link that is still good: tenant, user and purpose.
pub(super) async fn invitation_find(
    tx: &mut SystemTx,
    token: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<(Uuid, Uuid, String)>, Error> {
    let row = sqlx::query!(
        "select i.tenant_id, i.user_id, i.purpose, t.status
         from control.invitations i join control.tenants t using (tenant_id)
         where i.token_hash = $1 and i.used_at is null and i.expires_at > $2",
        token,
        now,
    )
    .fetch_optional(tx.conn())
    .await?;
    let row = row.filter(|row| tenancy::Standing::of(&row.status).admits());
    Ok(row.map(|row| (row.tenant_id, row.user_id, row.purpose)))
}

/// Uses a link up; of two at once, one gets it.
pub(super) async fn invitation_use(
    tx: &mut SystemTx,
    token: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update control.invitations set used_at = $2
         where token_hash = $1 and used_at is null and expires_at > $2",
        token,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Counts a try; answers how many there were, and until when a lock lasts that
/// stood before. A locked try is not counted.
pub(super) async fn try_count(
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

pub(super) async fn try_lock(tx: &mut SystemTx, subject: &str, until: DateTime<Utc>) -> Result<(), Error> {
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

/// Forgets tries that count no more.
pub(super) async fn tries_forget(tx: &mut SystemTx, before: DateTime<Utc>) -> Result<(), Error> {
    sqlx::query!("delete from control.signin_tries where last_at < $1", before).execute(tx.conn()).await?;
    Ok(())
}

/// A session of a person.
pub(super) struct SessionRow {
    pub token_hash: Vec<u8>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub last_seen_at: Option<DateTime<Utc>>,
    pub address: String,
    pub browser: String,
}

pub(super) async fn session_insert(
    tx: &mut SystemTx,
    token: &[u8],
    tenant: Uuid,
    user: Uuid,
    from: (&str, &str),
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), Error> {
    sqlx::query!(
        "insert into control.sessions (token_hash, tenant_id, user_id, address, browser, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        token,
        tenant,
        user,
        from.0,
        from.1,
        now,
        expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn sessions(
    tx: &mut SystemTx,
    tenant: Uuid,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>, Error> {
    sqlx::query_as!(
        SessionRow,
        "select token_hash, created_at, expires_at, last_seen_at, address, browser from control.sessions
         where tenant_id = $1 and user_id = $2 and expires_at > $3 order by created_at desc limit 100",
        tenant,
        user,
        now,
    )
    .fetch_all(tx.conn())
    .await
}

/// Ends the person's session whose hash begins so, or all but `keep`.
pub(super) async fn sessions_end(
    tx: &mut SystemTx,
    tenant: Uuid,
    user: Uuid,
    begins: Option<&[u8]>,
    keep: Option<&[u8]>,
) -> Result<u64, Error> {
    let done = sqlx::query!(
        "delete from control.sessions
         where tenant_id = $1 and user_id = $2
           and ($3::bytea is null or substring(token_hash from 1 for 8) = $3)
           and ($4::bytea is null or token_hash <> $4)",
        tenant,
        user,
        begins,
        keep,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Ends the sessions of all people of a tenant but these.
pub(super) async fn sessions_end_but(tx: &mut SystemTx, tenant: Uuid, stay: &[Uuid]) -> Result<(), Error> {
    sqlx::query!(
        "delete from control.sessions
         where tenant_id = $1 and user_id is not null and user_id <> all($2)",
        tenant,
        stay,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

// --- the tenant's own ------------------------------------------------------------

/// What sign-in needs of a person.
pub(super) struct Credentials {
    pub status: String,
    pub password_hash: Option<String>,
}

pub(super) async fn credentials(tx: &mut Tx, user: Uuid) -> Result<Option<Credentials>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Credentials,
        "select status, password_hash from users where tenant_id = $1 and user_id = $2 and deleted_at is null",
        tenant,
        user,
    )
    .fetch_optional(tx.conn())
    .await
}

/// An active person, as each request needs one.
pub(crate) struct Standing {
    /// For people.
    pub name: String,
    /// Empty: as the tenant.
    pub language: String,
    /// Empty: as the tenant.
    pub time_zone: String,
    /// How the person writes days; empty: as usual.
    pub date_form: String,
    /// And numbers.
    pub number_form: String,
    /// Empty: as the browser says.
    pub theme: String,
    /// The plant in focus; empty for all.
    pub plant: String,
    /// The page that follows signing in; empty for the first.
    pub landing: String,
    /// `off`: no key of one letter acts by itself.
    pub shortcuts: String,
    /// The tenant's plants: code and name, with a space between.
    pub plants: Vec<String>,
    /// The roles, as [`Standing::grants`] reads them.
    pub held: Value,
}

impl Standing {
    /// The roles: what each may do, where, and up to which amount.
    pub(crate) fn grants(&self) -> Vec<Grant> {
        serde_json::from_value::<Vec<HeldRow>>(self.held.clone())
            .unwrap_or_else(|error| {
                tracing::error!(%error, "a person's roles cannot be read");
                Vec::new()
            })
            .into_iter()
            .map(|row| Grant {
                permissions: row.permissions,
                plants: Plants::stored(row.plants),
                limits: row
                    .limits
                    .into_iter()
                    .map(|(permission, (amount, currency))| (permission, Amount { amount, currency }))
                    .collect(),
            })
            .collect()
    }
}

/// One role of a person.
#[derive(serde::Deserialize)]
struct HeldRow {
    permissions: Vec<String>,
    plants: Option<Vec<String>>,
    limits: BTreeMap<String, (Decimal, String)>,
}

/// How an active person stands now: a right that was taken is gone with the next
/// request.
pub(crate) async fn standing(tx: &mut Tx, user: Uuid) -> Result<Option<Standing>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Standing,
        r#"select u.name, u.language, u.time_zone, u.date_form, u.number_form, u.theme, u.plant, u.landing, u.shortcuts,
                  array(select code || ' ' || name from plants p
                        where p.tenant_id = $1 and p.deleted_at is null order by code) as "plants!",
                  (select coalesce(jsonb_agg(jsonb_build_object('permissions', r.permissions, 'plants', ur.plants,
                          'limits', (select coalesce(jsonb_object_agg(l.permission,
                                                     jsonb_build_array(l.amount::text, l.currency)), '{}')
                                     from role_limits l where l.tenant_id = $1 and l.role = r.role))), '[]')
                   from user_roles ur
                   join roles r on r.tenant_id = $1 and r.role = ur.role and r.deleted_at is null
                   where ur.tenant_id = $1 and ur.user_id = $2) as "held!"
           from users u
           where u.tenant_id = $1 and u.user_id = $2 and u.status = 'active' and u.deleted_at is null"#,
        tenant,
        user,
    )
    .fetch_optional(tx.conn())
    .await
}

struct UserRow {
    user_id: Uuid,
    email: String,
    name: String,
    status: String,
    roles: Vec<String>,
    plants: Vec<String>,
    last_signed_in_at: Option<DateTime<Utc>>,
    version: i32,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.user_id,
            email: row.email,
            name: row.name,
            status: Status::parse(&row.status),
            roles: row.roles,
            plants: row.plants.iter().map(|text| plants_of(text)).collect(),
            last_signed_in_at: row.last_signed_in_at,
            version: row.version,
        }
    }
}

/// Where a role was given, as the queries here tell it: `*`, or codes.
fn plants_of(text: &str) -> Plants {
    if text == EVERY { Plants::All } else { Plants::some(text.split(',')) }
}

/// People by name and id, after `after`.
pub(super) async fn users(tx: &mut Tx, after: (&str, Uuid), limit: i64) -> Result<Vec<User>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        UserRow,
        r#"select user_id, email, name, status, last_signed_in_at, version,
                  array(select role from user_roles r where r.tenant_id = $1 and r.user_id = u.user_id
                        order by role) as "roles!",
                  array(select coalesce(array_to_string(r.plants, ','), '*') from user_roles r
                        where r.tenant_id = $1 and r.user_id = u.user_id order by role) as "plants!"
           from users u
           where tenant_id = $1 and deleted_at is null and (name, user_id) > ($2, $3)
           order by name, user_id limit $4"#,
        tenant,
        after.0,
        after.1,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// One person; locked against another's change until the transaction ends when
/// `for_update`.
pub(super) async fn user(tx: &mut Tx, user: Uuid, for_update: bool) -> Result<Option<User>, Error> {
    let tenant = tx.tenant();
    if for_update {
        sqlx::query!(
            "select user_id from users where tenant_id = $1 and user_id = $2 for update",
            tenant,
            user
        )
        .fetch_optional(tx.conn())
        .await?;
    }
    let row = sqlx::query_as!(
        UserRow,
        r#"select user_id, email, name, status, last_signed_in_at, version,
                  array(select role from user_roles r where r.tenant_id = $1 and r.user_id = u.user_id
                        order by role) as "roles!",
                  array(select coalesce(array_to_string(r.plants, ','), '*') from user_roles r
                        where r.tenant_id = $1 and r.user_id = u.user_id order by role) as "plants!"
           from users u where tenant_id = $1 and user_id = $2 and deleted_at is null"#,
        tenant,
        user,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(User::from))
}

/// Status and roles of whoever holds a role, for the rule that one must stay.
/// Locks these people, so that two changes at once cannot take away the last.
pub(super) async fn holders(tx: &mut Tx, role: &str) -> Result<Vec<(Uuid, Status)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select u.user_id, u.status from users u
         where u.tenant_id = $1 and u.deleted_at is null
           and exists (select from user_roles r where r.tenant_id = $1 and r.user_id = u.user_id and r.role = $2
                      and r.plants is null)
         order by u.user_id for update of u",
        tenant,
        role,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, Status::parse(&row.status))).collect())
}

pub(super) async fn user_insert(tx: &mut Tx, user: Uuid, email: &str, name: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into users (tenant_id, user_id, email, name) values ($1, $2, $3, $4)",
        tenant,
        user,
        email,
        name,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Sets name and password of a person who followed a link; an invited one is
/// active from now on.
pub(super) async fn user_accept(
    tx: &mut Tx,
    user: Uuid,
    name: &str,
    password_hash: &str,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update users set name = $3, password_hash = $4, status = 'active', version = version + 1
         where tenant_id = $1 and user_id = $2 and status <> 'disabled' and deleted_at is null",
        tenant,
        user,
        name,
        password_hash,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn password_set(tx: &mut Tx, user: Uuid, password_hash: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update users set password_hash = $3, version = version + 1 where tenant_id = $1 and user_id = $2",
        tenant,
        user,
        password_hash,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn profile_set(tx: &mut Tx, user: Uuid, kept: &Profile) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update users set name = $3, language = $4, time_zone = $5, date_form = $6, number_form = $7,
                theme = $8, plant = $9, landing = $10, shortcuts = $11, version = version + 1
         where tenant_id = $1 and user_id = $2",
        tenant,
        user,
        kept.name,
        kept.language,
        kept.time_zone,
        kept.date_form,
        kept.number_form,
        kept.theme,
        kept.plant,
        kept.landing,
        kept.shortcuts,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The person's own settings, locked until the commit.
pub(super) async fn profile(tx: &mut Tx, user: Uuid) -> Result<Option<Profile>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Profile,
        "select name, language, time_zone, date_form, number_form, theme, plant, landing, shortcuts from users
         where tenant_id = $1 and user_id = $2 and deleted_at is null for update",
        tenant,
        user,
    )
    .fetch_optional(tx.conn())
    .await
}

/// `false` when somebody else changed the person since `version`.
pub(super) async fn name_set(tx: &mut Tx, user: Uuid, version: i32, name: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update users set name = $4, version = version + 1
         where tenant_id = $1 and user_id = $2 and version = $3 and deleted_at is null",
        tenant,
        user,
        version,
        name,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when somebody else changed the person since `version`.
pub(super) async fn status_set(tx: &mut Tx, user: Uuid, version: i32, status: Status) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update users set status = $4, version = version + 1
         where tenant_id = $1 and user_id = $2 and version = $3",
        tenant,
        user,
        version,
        status.name(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn signed_in(tx: &mut Tx, user: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update users set last_signed_in_at = $3 where tenant_id = $1 and user_id = $2",
        tenant,
        user,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives a person these roles and no others.
pub(super) async fn roles_set(tx: &mut Tx, user: Uuid, given: &[Given]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let roles: Vec<String> = given.iter().map(|given| given.role.clone()).collect();
    sqlx::query!(
        "delete from user_roles where tenant_id = $1 and user_id = $2 and role <> all($3)",
        tenant,
        user,
        &roles,
    )
    .execute(tx.conn())
    .await?;
    for given in given {
        let plants = given.plants.codes();
        sqlx::query!(
            "insert into user_roles (tenant_id, user_id, role, plants) values ($1, $2, $3, $4)
             on conflict (tenant_id, user_id, role) do update set plants = excluded.plants",
            tenant,
            user,
            given.role,
            plants.as_deref(),
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Codes and names of the tenant's plants, by code.
pub(super) async fn plants(tx: &mut Tx) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select code, name from plants where tenant_id = $1 and deleted_at is null order by code",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.name)).collect())
}

/// The limits of all roles.
pub(super) async fn limits(tx: &mut Tx) -> Result<Vec<RoleLimit>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select role, permission, amount, currency from role_limits where tenant_id = $1 order by role, permission",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    let limit = |amount, currency| Amount { amount, currency };
    Ok(rows
        .into_iter()
        .map(|row| RoleLimit {
            role: row.role,
            permission: row.permission,
            limit: limit(row.amount, row.currency),
        })
        .collect())
}

/// Sets a limit, or takes it away.
pub(super) async fn limit_set(
    tx: &mut Tx,
    role: &str,
    permission: &str,
    limit: Option<&Amount>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    let Some(limit) = limit else {
        sqlx::query!(
            "delete from role_limits where tenant_id = $1 and role = $2 and permission = $3",
            tenant,
            role,
            permission,
        )
        .execute(tx.conn())
        .await?;
        return Ok(());
    };
    sqlx::query!(
        "insert into role_limits (tenant_id, role, permission, amount, currency) values ($1, $2, $3, $4, $5)
         on conflict (tenant_id, role, permission)
         do update set amount = excluded.amount, currency = excluded.currency, version = role_limits.version + 1",
        tenant,
        role,
        permission,
        limit.amount,
        limit.currency,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn roles(tx: &mut Tx) -> Result<Vec<Role>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Role,
        "select role as code, name, permissions, built_in, require_totp, version from roles
         where tenant_id = $1 and deleted_at is null order by not built_in, role limit 200",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// Makes a role unless the tenant has one of this code; `false` if it has. The code of one
/// that was deleted is free again.
pub(super) async fn role_insert(
    tx: &mut Tx,
    code: &str,
    name: &str,
    permissions: &[String],
    built_in: bool,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into roles (tenant_id, role, name, permissions, built_in) values ($1, $2, $3, $4, $5)
         on conflict (tenant_id, role) do update
         set name = excluded.name, permissions = excluded.permissions, require_totp = false,
             deleted_at = null, version = roles.version + 1
         where roles.deleted_at is not null",
        tenant,
        code,
        name,
        permissions,
        built_in,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when somebody else changed the role since `version`.
pub(super) async fn role_permissions_set(
    tx: &mut Tx,
    code: &str,
    version: i32,
    permissions: &[String],
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set permissions = $4, version = version + 1
         where tenant_id = $1 and role = $2 and version = $3 and deleted_at is null",
        tenant,
        code,
        version,
        permissions,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when somebody else changed the role since `version`.
pub(super) async fn role_totp_set(tx: &mut Tx, code: &str, version: i32, on: bool) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set require_totp = $4, version = version + 1
         where tenant_id = $1 and role = $2 and version = $3 and deleted_at is null",
        tenant,
        code,
        version,
        on,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when somebody else changed the role since `version`.
pub(super) async fn role_rename(tx: &mut Tx, code: &str, version: i32, name: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set name = $4, version = version + 1
         where tenant_id = $1 and role = $2 and version = $3 and not built_in and deleted_at is null",
        tenant,
        code,
        version,
        name,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes a role and its limits; `false` when somebody else changed it since `version`.
pub(super) async fn role_delete(tx: &mut Tx, code: &str, version: i32) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update roles set deleted_at = now(), permissions = '{}', version = version + 1
         where tenant_id = $1 and role = $2 and version = $3 and not built_in and deleted_at is null",
        tenant,
        code,
        version,
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!("delete from role_limits where tenant_id = $1 and role = $2", tenant, code)
        .execute(tx.conn())
        .await?;
    Ok(true)
}

/// Names of some people who have a role, and how many have it.
pub(super) async fn role_people(tx: &mut Tx, code: &str, limit: i64) -> Result<(Vec<String>, i64), Error> {
    let tenant = tx.tenant();
    let names = sqlx::query_scalar!(
        "select u.name from user_roles r join users u on u.tenant_id = $1 and u.user_id = r.user_id
         where r.tenant_id = $1 and r.role = $2 and u.deleted_at is null order by u.name, u.user_id limit $3",
        tenant,
        code,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from user_roles r
           join users u on u.tenant_id = $1 and u.user_id = r.user_id
           where r.tenant_id = $1 and r.role = $2 and u.deleted_at is null"#,
        tenant,
        code,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((names, count))
}

/// The code of the transaction's tenant.
pub(super) async fn tenant_code(tx: &mut Tx) -> Result<String, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select code from control.tenants where tenant_id = $1", tenant)
        .fetch_one(tx.conn())
        .await
}

/// People whose name or e-mail begins so, by name; `to` is the upper bound.
pub(super) async fn users_beginning(
    tx: &mut Tx,
    from: &str,
    to: &str,
    limit: i64,
) -> Result<Vec<(Uuid, String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select user_id as "user_id!", name as "name!", email as "email!" from (
             (select user_id, name, email, name_search from users
              where tenant_id = $1 and deleted_at is null and name_search >= $2 and name_search < $3
              order by name_search, user_id limit $4)
             union
             (select user_id, name, email, name_search from users
              where tenant_id = $1 and deleted_at is null and email_search >= $2 and email_search < $3
              order by email_search, user_id limit $4)) found
           order by name_search, user_id limit $4"#,
        tenant,
        from,
        to,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.name, row.email)).collect())
}

/// Names of the people among the actors, by `user:…`.
pub(crate) async fn names_of(tx: &mut Tx, actors: &[String]) -> Result<HashMap<String, String>, Error> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> =
        actors.iter().filter_map(|actor| actor.strip_prefix("user:")?.parse().ok()).collect();
    let rows = sqlx::query!(
        "select user_id, name from users where tenant_id = $1 and user_id = any($2)",
        tenant,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (format!("user:{}", row.user_id), row.name)).collect())
}
