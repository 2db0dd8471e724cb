//! SQL of who may decide: roles, people, and who stands in for whom.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ctx::Plants;
use crate::db::Tx;
use crate::i18n::{Lang, Names};
use crate::web::{Amount, Grant, Rights};

/// A role as a person has it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldRole {
    pub role: String,
    /// What it may do, where, and up to which amount.
    pub grant: Grant,
}

/// An active person with all roles.
#[derive(Debug, Clone, PartialEq)]
pub struct Holder {
    pub user_id: Uuid,
    pub name: String,
    pub held: Vec<HeldRole>,
}

impl Holder {
    /// What they may do by all of their roles together.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights::of_grants(self.held.iter().map(|held| held.grant.clone()))
    }
}

/// A role as the query below writes it.
#[derive(Deserialize)]
struct HeldRow {
    role: String,
    permissions: Vec<String>,
    plants: Option<Vec<String>>,
    limits: BTreeMap<String, (Decimal, String)>,
}

impl From<HeldRow> for HeldRole {
    fn from(row: HeldRow) -> Self {
        let limits = row.limits.into_iter();
        let limits = limits.map(|(permission, (amount, currency))| (permission, Amount { amount, currency }));
        let plants = Plants::stored(row.plants);
        Self {
            role: row.role,
            grant: Grant { permissions: row.permissions, plants, limits: limits.collect() },
        }
    }
}

/// Active people who have one of `roles` at `plant` (`None`: at every plant), or are one
/// of `people`; these come first, and so are not cut off by `limit`.
pub(in super::super) async fn holders(
    tx: &mut Tx,
    roles: &[String],
    people: &[Uuid],
    plant: Option<&str>,
    limit: i64,
) -> Result<Vec<Holder>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select u.user_id, u.name,
                  (select coalesce(jsonb_agg(jsonb_build_object('role', r.role, 'permissions', r.permissions,
                          'plants', ur.plants,
                          'limits', (select coalesce(jsonb_object_agg(l.permission,
                                                     jsonb_build_array(l.amount::text, l.currency)), '{}')
                                     from role_limits l where l.tenant_id = $1 and l.role = r.role))
                          order by r.role), '[]')
                   from user_roles ur
                   join roles r on r.tenant_id = $1 and r.role = ur.role and r.deleted_at is null
                   where ur.tenant_id = $1 and ur.user_id = u.user_id) as "held!"
           from users u
           where u.tenant_id = $1 and u.status = 'active' and u.deleted_at is null
             and (u.user_id = any($3)
                  or u.user_id in (select ur.user_id from user_roles ur
                                   where ur.tenant_id = $1 and ur.role = any($2)
                                     and (ur.plants is null or $5::text = any(ur.plants))))
           order by u.user_id <> all($3), u.name, u.user_id limit $4"#,
        tenant,
        roles,
        people,
        limit,
        plant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Holder {
            user_id: row.user_id,
            name: row.name,
            held: serde_json::from_value::<Vec<HeldRow>>(row.held)
                .unwrap_or_else(|error| {
                    tracing::error!(%error, "a person's roles cannot be read");
                    Vec::new()
                })
                .into_iter()
                .map(HeldRole::from)
                .collect(),
        })
        .collect())
}

/// Active people who may be named: id, e-mail, name.
pub(in super::super) async fn people(tx: &mut Tx, limit: i64) -> Result<Vec<(Uuid, String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select user_id, email, name from users
         where tenant_id = $1 and status = 'active' and deleted_at is null order by name, user_id limit $2",
        tenant,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.email, row.name)).collect())
}

/// Of these e-mails, those of active people.
pub(in super::super) async fn by_email(tx: &mut Tx, emails: &[String]) -> Result<Vec<(String, Uuid)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select email, user_id from users
         where tenant_id = $1 and email = any($2) and status = 'active' and deleted_at is null",
        tenant,
        emails,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.email, row.user_id)).collect())
}

/// Names of people, whether active or not.
pub(in super::super) async fn names(tx: &mut Tx, people: &[Uuid]) -> Result<Vec<(Uuid, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select user_id, name from users where tenant_id = $1 and user_id = any($2)",
        tenant,
        people,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.name)).collect())
}

/// Codes of the tenant's roles, with the name that the tenant gave and whether it
/// is a built-in one.
pub(in super::super) async fn roles(tx: &mut Tx) -> Result<Vec<(String, String, Names, bool)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select role, name, names, built_in from roles
         where tenant_id = $1 and deleted_at is null order by role limit 500",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.role, row.name, row.names.into(), row.built_in)).collect())
}

/// Codes of all roles that there ever were, for what was published.
pub(in super::super) async fn roles_ever(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select role from roles where tenant_id = $1", tenant).fetch_all(tx.conn()).await
}

/// Plants: code, name for a reader of this language, time zone.
pub(in super::super) async fn plants(
    tx: &mut Tx,
    lang: Lang,
) -> Result<Vec<(String, String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select code, coalesce(names ->> $2, name) as "name!", time_zone from plants
           where tenant_id = $1 and deleted_at is null order by code limit 1000"#,
        tenant,
        lang.code(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.name, row.time_zone)).collect())
}

/// The tenant's time zone.
pub(in super::super) async fn tenant_zone(tx: &mut Tx) -> Result<String, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select time_zone from control.tenants where tenant_id = $1", tenant)
        .fetch_one(tx.conn())
        .await
}

/// A time in which one person decides for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delegation {
    /// Its id.
    pub delegation_id: Uuid,
    /// Who is away.
    pub person: Uuid,
    /// Who decides.
    pub delegate: Uuid,
    /// From then on.
    pub from_at: DateTime<Utc>,
    /// Until before then.
    pub until_at: DateTime<Utc>,
    /// Why, if it was said.
    pub reason: String,
    /// When it was ended early.
    pub revoked_at: Option<DateTime<Utc>>,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

/// Whose decisions `delegate` may take now.
pub(in super::super) async fn lenders(
    tx: &mut Tx,
    delegate: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select distinct person from workflow_delegations
         where tenant_id = $1 and delegate = $2 and revoked_at is null and from_at <= $3 and until_at > $3
         order by person",
        tenant,
        delegate,
        now,
    )
    .fetch_all(tx.conn())
    .await
}

/// Who decides for these people now: person and delegate.
pub(in super::super) async fn delegates(
    tx: &mut Tx,
    people: &[Uuid],
    now: DateTime<Utc>,
) -> Result<Vec<(Uuid, Uuid)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select distinct person, delegate from workflow_delegations
         where tenant_id = $1 and person = any($2) and revoked_at is null and from_at <= $3 and until_at > $3
         order by person, delegate",
        tenant,
        people,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.person, row.delegate)).collect())
}

/// Delegations of `person`, or of everybody, newest first.
pub(in super::super) async fn delegations(
    tx: &mut Tx,
    person: Option<Uuid>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Delegation>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Delegation,
        "select delegation_id, person, delegate, from_at, until_at, reason, revoked_at, version
         from workflow_delegations
         where tenant_id = $1 and ($2::uuid is null or person = $2 or delegate = $2)
           and ($4::uuid is null or delegation_id < $4)
         order by delegation_id desc limit $3",
        tenant,
        person,
        limit,
        before,
    )
    .fetch_all(tx.conn())
    .await
}

pub(in super::super) async fn delegation_insert(tx: &mut Tx, new: &Delegation) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into workflow_delegations (tenant_id, delegation_id, person, delegate, from_at, until_at, reason)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant,
        new.delegation_id,
        new.person,
        new.delegate,
        new.from_at,
        new.until_at,
        new.reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One, locked.
pub(in super::super) async fn delegation(tx: &mut Tx, delegation: Uuid) -> Result<Option<Delegation>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Delegation,
        "select delegation_id, person, delegate, from_at, until_at, reason, revoked_at, version
         from workflow_delegations where tenant_id = $1 and delegation_id = $2 for update",
        tenant,
        delegation,
    )
    .fetch_optional(tx.conn())
    .await
}

pub(in super::super) async fn delegation_revoke(
    tx: &mut Tx,
    delegation: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update workflow_delegations set revoked_at = $3, version = version + 1
         where tenant_id = $1 and delegation_id = $2 and revoked_at is null",
        tenant,
        delegation,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
