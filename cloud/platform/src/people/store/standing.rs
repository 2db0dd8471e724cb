//! SQL of what somebody may do: password, status, roles and limits, as a request finds them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use crate::ctx::Plants;
use crate::db::Tx;
use crate::web::{Amount, Grant};

/// What sign-in needs of a person.
pub(in super::super) struct Credentials {
    pub status: String,
    pub password_hash: Option<String>,
}

pub(in super::super) async fn credentials(tx: &mut Tx, user: Uuid) -> Result<Option<Credentials>, Error> {
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
                  array(select code || ' ' || coalesce(p.names ->> u.language, name) from plants p
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
