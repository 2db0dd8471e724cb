//! SQL of people's rows in their tenant.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use super::super::model::{Given, Status, User};
use super::super::part::Part;
use super::super::settings::Profile;
use crate::ctx::Plants;
use crate::db::Tx;
use crate::web::EVERY;

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
pub(in super::super) async fn users(
    tx: &mut Tx,
    part: &Part,
    after: (&str, Uuid),
    limit: i64,
) -> Result<Vec<User>, Error> {
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
             and ($5 = '' or position($5 in lower(name)) > 0 or position($5 in lower(email)) > 0)
             and ($6 = '' or status = $6)
             and ($7 = '' or exists (select from user_roles r
                                     where r.tenant_id = $1 and r.user_id = u.user_id and r.role = $7))
           order by name, user_id limit $4"#,
        tenant,
        after.0,
        after.1,
        limit,
        part.holding,
        part.status,
        part.role,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// One person; locked against another's change until the transaction ends when
/// `for_update`.
pub(in super::super) async fn user(tx: &mut Tx, user: Uuid, for_update: bool) -> Result<Option<User>, Error> {
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
pub(in super::super) async fn holders(tx: &mut Tx, role: &str) -> Result<Vec<(Uuid, Status)>, Error> {
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

pub(in super::super) async fn user_insert(
    tx: &mut Tx,
    user: Uuid,
    email: &str,
    name: &str,
) -> Result<(), Error> {
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
pub(in super::super) async fn user_accept(
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

pub(in super::super) async fn password_set(
    tx: &mut Tx,
    user: Uuid,
    password_hash: &str,
) -> Result<(), Error> {
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

pub(in super::super) async fn profile_set(tx: &mut Tx, user: Uuid, kept: &Profile) -> Result<(), Error> {
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
pub(in super::super) async fn profile(tx: &mut Tx, user: Uuid) -> Result<Option<Profile>, Error> {
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
pub(in super::super) async fn name_set(
    tx: &mut Tx,
    user: Uuid,
    version: i32,
    name: &str,
) -> Result<bool, Error> {
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
pub(in super::super) async fn status_set(
    tx: &mut Tx,
    user: Uuid,
    version: i32,
    status: Status,
) -> Result<bool, Error> {
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

pub(in super::super) async fn signed_in(tx: &mut Tx, user: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
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
pub(in super::super) async fn roles_set(tx: &mut Tx, user: Uuid, given: &[Given]) -> Result<(), Error> {
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

/// Roles are rows of their own; whoever saw the person before has seen another.
pub(in super::super) async fn user_changed(tx: &mut Tx, user: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update users set version = version + 1 where tenant_id = $1 and user_id = $2",
        tenant,
        user,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The code of the transaction's tenant.
pub(in super::super) async fn tenant_code(tx: &mut Tx) -> Result<String, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select code from control.tenants where tenant_id = $1", tenant)
        .fetch_one(tx.conn())
        .await
}

/// People whose name or e-mail begins so, by name; `to` is the upper bound.
pub(in super::super) async fn users_beginning(
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
