//! Roles: what each may do, up to which amounts, what it is called, and what holds it.

use std::fmt;

use rust_decimal::Decimal;
use serde_json::json;

use super::error::PeopleError;
use super::model::{self, ADMIN, RoleLimit};
use super::within::{By, Known};
use super::{provider, store};
use crate::audit::{self, Entry};
use crate::ctx::{Cx, Plants};
use crate::db::{Db, Tx};
use crate::i18n::{Names, Texts, Value};
use crate::web::{Amount, EVERY, Grant, Permission, grants};
use crate::workflow;

/// People that are named in an error, at most.
const NAMED: usize = 5;

/// Up to which amounts roles have permissions.
///
/// # Errors
/// [`PeopleError::Db`].
pub async fn limits(db: &Db, cx: &Cx) -> Result<Vec<RoleLimit>, PeopleError> {
    db.tx(cx, async |tx| Ok(store::limits(tx).await?)).await
}

/// Sets up to which amount a role has a permission; `None` takes the limit away.
/// `all` are the permissions that there are.
///
/// # Errors
/// When the role or the permission is not there, the permission knows no amounts,
/// the role is the administrator's, the amount is not right, somebody else changed the role
/// since `seen`, or whoever acts does not hold the permission up to both amounts, the one
/// before and the new one.
pub async fn limit_set(
    db: &Db,
    by: &By<'_>,
    all: &[Permission],
    (role, permission): (&str, &str),
    limit: Option<&Amount>,
    seen: Option<i32>,
) -> Result<(), PeopleError> {
    if role == ADMIN {
        return Err(PeopleError::AdminRole);
    }
    if !all.iter().any(|known| known.code == permission && known.has_amount) {
        return Err(PeopleError::Permission);
    }
    let most = Decimal::new(999_999_999_999, 0);
    let currency = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
    if limit.is_some_and(|limit| {
        limit.amount.is_sign_negative()
            || limit.amount > most
            || limit.amount.normalize().scale() > 6
            || !currency(&limit.currency)
    }) {
        return Err(PeopleError::Limit);
    }
    db.tx(by.cx, async |tx| {
        let known = store::roles(tx).await?.into_iter().find(|known| known.code == role);
        let known = known.ok_or(PeopleError::Role)?;
        let held = store::limits(tx).await?;
        let before = held.into_iter().find(|held| held.role == role && held.permission == permission);
        let told = |limit: &Amount| {
            json!({ "permission": permission, "amount": limit.amount.normalize(), "currency": limit.currency })
        };
        let before = before.map(|before| before.limit);
        by.holds([limited(permission, before.as_ref()), limited(permission, limit)])?;
        let stale = seen.is_some_and(|seen| seen != known.version);
        if before.as_ref() == limit && !stale {
            return Ok(());
        }
        if stale || !store::role_changed(tx, role, known.version).await? {
            return Err(PeopleError::Stale);
        }
        store::limit_set(tx, role, permission, limit).await?;
        let entry = Entry {
            action: "role.limit",
            subject: &format!("role:{role}"),
            before: Some(before.as_ref().map_or_else(|| json!({ "permission": permission }), told)),
            after: Some(limit.map_or_else(|| json!({ "permission": permission }), told)),
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}

/// A permission at all plants, up to a limit.
pub(super) fn limited(permission: &str, limit: Option<&Amount>) -> Grant {
    let limits = limit.map(|limit| (permission.to_owned(), limit.clone())).into_iter().collect();
    Grant { permissions: vec![permission.to_owned()], limits, ..Grant::default() }
}

/// The code of a role as it is kept; `None` of what has not the form of one.
pub(super) fn code_of(typed: &str) -> Option<String> {
    let code = typed.trim().to_uppercase().replace([' ', '-'], "_");
    let fits = (2..=40).contains(&code.len())
        && code.starts_with(|c: char| c.is_ascii_uppercase())
        && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    fits.then_some(code)
}

/// Makes a role of the tenant's own, without any permission yet.
///
/// # Errors
/// When the code is taken or has not the form of one, or the name is not right.
pub async fn create(db: &Db, cx: &Cx, code: &str, name: &str, names: &Names) -> Result<(), PeopleError> {
    let name = model::name(name).ok_or(PeopleError::Name)?;
    let names = model::names(names).ok_or(PeopleError::Name)?;
    let code = code_of(code).ok_or(PeopleError::Role)?;
    db.tx(cx, async |tx| {
        if !store::role_insert(tx, &code, (&name, &names), &[], false).await? {
            return Err(PeopleError::Role);
        }
        let entry = Entry {
            action: "role.create",
            subject: &format!("role:{code}"),
            after: Some(json!({ "name": name, "names": names })),
            ..Entry::default()
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}

/// Gives a role these permissions and no others; `all` are those that there are.
///
/// # Errors
/// When a permission is not among them, the role is the administrator's, it was changed
/// since `version`, or whoever acts has not what is given or taken.
pub async fn permissions_set(
    db: &Db,
    by: &By<'_>,
    all: &[Permission],
    code: &str,
    version: i32,
    permissions: &[String],
) -> Result<(), PeopleError> {
    if code == ADMIN {
        return Err(PeopleError::AdminRole);
    }
    if !permissions.iter().all(|held| all.iter().any(|known| known.code == held)) {
        return Err(PeopleError::Permission);
    }
    db.tx(by.cx, async |tx| {
        let known = Known::load(tx).await?;
        let limits = known.grant(code, &Plants::All).limits;
        let before = known.roles.into_iter().find(|role| role.code == code);
        let before = before.ok_or(PeopleError::Role)?;
        let changed = changed(all, &before.permissions, permissions);
        by.holds([Grant { permissions: changed, limits, ..Grant::default() }])?;
        if !store::role_permissions_set(tx, code, version, permissions).await? {
            return Err(PeopleError::Stale);
        }
        let entry = Entry {
            action: "role.permissions",
            subject: &format!("role:{code}"),
            before: Some(json!(before.permissions)),
            after: Some(json!(permissions)),
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}

/// Permissions that a role has before or after a change, and not both times, of all that
/// there are: a pattern and the list of what it stands for are the same. [`EVERY`] is one
/// of its own, since it stands for those to come too.
fn changed(all: &[Permission], before: &[String], after: &[String]) -> Vec<String> {
    let has = |held: &[String], code: &str| held.iter().any(|held| grants(held, code));
    let every = |held: &[String]| held.iter().any(|held| held == EVERY);
    let differ = all
        .iter()
        .map(|permission| permission.code)
        .filter(|code| has(before, code) != has(after, code))
        .map(str::to_owned);
    let whole = (every(before) != every(after)).then(|| EVERY.to_owned());
    differ.chain(whole).collect()
}

/// What keeps a role from being deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleUses {
    /// Names of people who have it, some of them.
    pub people: Vec<String>,
    /// How many have it.
    pub count: i64,
    /// Names of workflows that ask it, each also by language.
    pub workflows: Vec<(String, Names)>,
    /// Whoever is not known becomes a person with it, by the sign-in provider.
    pub provider: bool,
}

impl RoleUses {
    fn is_none(&self) -> bool {
        self.count == 0 && self.workflows.is_empty() && !self.provider
    }

    /// People by name, and how many more there are.
    fn named(&self) -> (String, i64) {
        let named = i64::try_from(self.people.len()).unwrap_or_default();
        (self.people.join(", "), self.count - named)
    }

    /// For people, in their language.
    #[must_use]
    pub fn say(&self, texts: &Texts) -> String {
        let mut parts = Vec::new();
        if self.count > 0 {
            let (people, more) = self.named();
            let key = if more == 0 { "people-use-people" } else { "people-use-people-more" };
            let values = [("people", Value::from(people)), ("more", Value::from(texts.number(more)))];
            parts.push(texts.with(key, &values));
        }
        let workflow = |(name, names): &(String, Names)| {
            texts.t1("people-use-workflow", "name", names.say(texts.lang, name))
        };
        parts.extend(self.workflows.iter().map(workflow));
        if self.provider {
            parts.push(texts.t("people-use-provider"));
        }
        texts.t1("people-error-in-use", "uses", parts.join("; "))
    }
}

impl fmt::Display for RoleUses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.count > 0 {
            let (people, more) = self.named();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            parts.push(format!("{people}{more}"));
        }
        parts.extend(self.workflows.iter().map(|(name, _)| format!("the workflow {name}")));
        if self.provider {
            parts.push("the settings of sign-in".to_owned());
        }
        f.write_str(&parts.join("; "))
    }
}

/// What keeps a role from being deleted.
async fn uses(tx: &mut Tx, code: &str) -> Result<RoleUses, PeopleError> {
    let (people, count) = store::role_people(tx, code, i64::try_from(NAMED).unwrap_or(5)).await?;
    let workflows = workflow::naming_role(tx, code).await?;
    let workflows = workflows.into_iter().map(|called| (called.name, called.names)).collect();
    Ok(RoleUses { people, count, workflows, provider: provider::gives(tx, code).await? })
}

/// A role of the tenant's own, for a change.
async fn own(tx: &mut Tx, by: &By<'_>, code: &str) -> Result<model::Role, PeopleError> {
    let found = store::roles(tx).await?.into_iter().find(|role| role.code == code);
    let role = found.ok_or(PeopleError::NotFound)?;
    if role.built_in {
        return Err(PeopleError::BuiltIn);
    }
    by.require_role(tx, code).await?;
    Ok(role)
}

/// Calls a role of the tenant's own otherwise; `names` by language, which stay as they are
/// where none are given. Its code stays: the history names it.
///
/// # Errors
/// When the name is not right, there is no such role, every tenant has it, whoever acts
/// holds less than it, or it was changed since `version`.
pub async fn rename(
    db: &Db,
    by: &By<'_>,
    code: &str,
    version: i32,
    (name, names): (&str, Option<&Names>),
) -> Result<(), PeopleError> {
    let name = model::name(name).ok_or(PeopleError::Name)?;
    let names = names.map(|names| model::names(names).ok_or(PeopleError::Name)).transpose()?;
    db.tx(by.cx, async |tx| {
        let before = own(tx, by, code).await?;
        let names = names.unwrap_or_else(|| before.names.clone());
        if !store::role_rename(tx, code, version, (&name, &names)).await? {
            return Err(PeopleError::Stale);
        }
        let entry = Entry {
            action: "role.rename",
            subject: &format!("role:{code}"),
            before: Some(json!({ "name": before.name, "names": before.names })),
            after: Some(json!({ "name": name, "names": names })),
        };
        Ok(audit::record(tx, entry).await?)
    })
    .await
}

/// Deletes a role of the tenant's own that nothing names any more.
///
/// # Errors
/// [`PeopleError::InUse`], with what does; else as [`rename`].
pub async fn delete(db: &Db, by: &By<'_>, code: &str, version: i32) -> Result<(), PeopleError> {
    db.tx(by.cx, async |tx| {
        let before = own(tx, by, code).await?;
        let uses = uses(tx, code).await?;
        if !uses.is_none() {
            return Err(PeopleError::InUse(uses));
        }
        if !store::role_delete(tx, code, version).await? {
            return Err(PeopleError::Stale);
        }
        let entry = Entry {
            action: "role.delete",
            subject: &format!("role:{code}"),
            before: Some(json!({ "name": before.name, "permissions": before.permissions })),
            after: None,
        };
        Ok(audit::record(tx, entry).await?)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_asked_for() {
        let all = [
            Permission::read("masters.units.view"),
            Permission::read("masters.items.view"),
            Permission::write("hold.place"),
        ];
        let change = |before: &[&str], after: &[&str]| {
            let owned = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
            changed(&all, &owned(before), &owned(after))
        };
        let listed = ["masters.units.view", "masters.items.view"];
        assert!(change(&["masters.*.view"], &listed).is_empty(), "the same, written out");
        assert_eq!(change(&["masters.*.view"], &["masters.units.view"]), ["masters.items.view"]);
        assert_eq!(
            change(&["hold.place"], &listed),
            ["masters.units.view", "masters.items.view", "hold.place"]
        );
        assert_eq!(change(&[EVERY], &listed), ["hold.place", EVERY]);
    }

    #[test]
    fn what_holds_a_role_is_told() {
        let uses = RoleUses {
            people: vec!["Ananya Sen".into(), "Lakshmi".into()],
            count: 7,
            workflows: vec![("Purchases".into(), Names::default())],
            provider: true,
        };
        assert_eq!(
            uses.to_string(),
            "Ananya Sen, Lakshmi and 5 more; the workflow Purchases; the settings of sign-in"
        );
        assert!(!uses.is_none() && RoleUses::default().is_none());
    }
}
