//! People of a tenant and their roles.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::ctx::Plants;
use crate::i18n::Names;
use crate::web::{Amount, EVERY, grants};

/// Longest description of a browser that is kept.
const LONGEST_BROWSER: usize = 200;

/// What a browser says it is, as it is kept.
pub(crate) fn browser_text(said: &str) -> String {
    said.chars().filter(|c| !c.is_control()).take(LONGEST_BROWSER).collect()
}

/// How a person stands with the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Has a link, and no password yet.
    Invited,
    /// May sign in.
    Active,
    /// May not sign in; what the person did stays.
    Disabled,
}

impl Status {
    /// The name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The key of its text.
    #[must_use]
    pub fn text_key(self) -> &'static str {
        match self {
            Self::Invited => "people-status-invited",
            Self::Active => "people-status-active",
            Self::Disabled => "people-status-disabled",
        }
    }

    /// The status of that name; a name that is not known lets nobody in.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "invited" => Self::Invited,
            "active" => Self::Active,
            _ => Self::Disabled,
        }
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Opaque id, by which events and the audit name the person.
    pub id: Uuid,
    /// Where mail goes and how the person signs in; lower case.
    pub email: String,
    /// For people.
    pub name: String,
    /// How the person stands.
    pub status: Status,
    /// Codes of the roles, in order.
    pub roles: Vec<String>,
    /// Where each of them was given, in the same order.
    pub plants: Vec<Plants>,
    /// When the person last signed in.
    pub last_signed_in_at: Option<DateTime<Utc>>,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

impl User {
    /// Where the person has the role; `None` if not at all.
    #[must_use]
    pub fn role_at(&self, role: &str) -> Option<&Plants> {
        self.roles.iter().position(|held| held == role).and_then(|at| self.plants.get(at))
    }

    /// The roles, each with where it was given.
    #[must_use]
    pub fn given(&self) -> Vec<Given> {
        let both = self.roles.iter().zip(&self.plants);
        both.map(|(role, plants)| Given { role: role.clone(), plants: plants.clone() }).collect()
    }
}

/// Plants that a role is given at, or an access key is for, at most, where it is not all: as
/// the database has it.
pub(crate) const MOST_PLANTS: usize = 200;

/// Roles that one person is given, at most.
pub(super) const MOST_ROLES: usize = 100;

/// A role given to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Code of the role.
    pub role: String,
    /// Where.
    pub plants: Plants,
}

impl Given {
    /// The role, at all plants.
    #[must_use]
    pub fn everywhere(role: impl Into<String>) -> Self {
        Self { role: role.into(), plants: Plants::All }
    }
}

/// Up to which amount a role has a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleLimit {
    /// Code of the role.
    pub role: String,
    /// Code of the permission.
    pub permission: String,
    /// The limit.
    pub limit: Amount,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `PLANT_MANAGER`.
    pub code: String,
    /// For people, in the tenant's own words; built-in roles have a text instead.
    pub name: String,
    /// The same by language.
    pub names: Names,
    /// Codes of permissions; [`EVERY`] is each.
    pub permissions: Vec<String>,
    /// Made with the tenant.
    pub built_in: bool,
    /// Whoever has it must have a second step of sign-in.
    pub require_totp: bool,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

impl Role {
    /// Whether the role has the permission.
    #[must_use]
    pub fn has(&self, code: &str) -> bool {
        self.permissions.iter().any(|held| grants(held, code))
    }

    /// The key of a built-in role's name.
    #[must_use]
    pub fn text_key(&self) -> String {
        format!("role-{}", self.code.to_lowercase().replace('_', "-"))
    }
}

/// The role that may do everything.
pub const ADMIN: &str = "ADMIN";

/// Roles that every tenant begins with: those of the specification's workflows
/// and modules. What they may do is the tenant's to change, but for [`ADMIN`].
pub const BUILT_IN: &[(&str, &[&str])] = &[
    (ADMIN, &[EVERY]),
    (
        "PLANT_MANAGER",
        &[
            "trace.read",
            "proof.read",
            "passport.read",
            "passport.write",
            "exception.read",
            "exception.resolve",
            "exception.assign",
            "hold.read",
            "hold.place",
            "hold.release",
            "scope.read",
            "scope.write",
            "dashboard.read",
            "dashboard.targets",
            "plant.read",
            "reference.read",
            "reference.write",
            "user.read",
            "masters.*.view",
            "masters.*.edit",
            "masters.*.delete",
            "request.raise",
            "workflow.decide",
            "workflow.read",
            "request.read",
            "numbering.read",
            "numbering.lease",
            "views.share",
            "recall.read",
            "recall.manage",
            "recall.activate",
        ],
    ),
    (
        "QUALITY_ENGINEER",
        &[
            "trace.read",
            "proof.read",
            "passport.read",
            "passport.write",
            "exception.read",
            "exception.resolve",
            "exception.assign",
            "hold.read",
            "hold.place",
            "hold.release",
            "scope.read",
            "scope.write",
            "dashboard.read",
            "plant.read",
            "reference.read",
            "masters.*.view",
            "masters.reasons.edit",
            "request.raise",
            "workflow.decide",
            "recall.read",
            "recall.manage",
        ],
    ),
    (
        "SUPERVISOR",
        &[
            "trace.read",
            "exception.read",
            "exception.resolve",
            "hold.read",
            "hold.place",
            "scope.read",
            "dashboard.read",
            "plant.read",
            "reference.read",
            "masters.*.view",
            "request.raise",
            "workflow.decide",
            "recall.read",
        ],
    ),
    (
        "STOREKEEPER",
        &[
            "trace.read",
            "exception.read",
            "hold.read",
            "dashboard.read",
            "plant.read",
            "reference.read",
            "masters.*.view",
            "masters.bins.edit",
            "masters.warehouses.edit",
            "request.raise",
        ],
    ),
    (
        "BUYER",
        &[
            "trace.read",
            "dashboard.read",
            "plant.read",
            "reference.read",
            "reference.write",
            "masters.*.view",
            "masters.items.edit",
            "masters.suppliers.edit",
            "masters.contacts.edit",
            "request.raise",
            "workflow.decide",
        ],
    ),
    (
        "PLANNER",
        &[
            "trace.read",
            "exception.read",
            "dashboard.read",
            "plant.read",
            "reference.read",
            "reference.write",
            "masters.*.view",
            "masters.items.edit",
            "masters.shifts.edit",
            "masters.stations.edit",
            "masters.machines.edit",
            "request.raise",
        ],
    ),
    (
        "SALES",
        &[
            "trace.read",
            "plant.read",
            "reference.read",
            "masters.*.view",
            "masters.customers.edit",
            "masters.contacts.edit",
            "request.raise",
        ],
    ),
    ("SERVICE", &["trace.read", "hold.read", "plant.read", "request.raise"]),
    (
        "ACCOUNTANT",
        &[
            "trace.read",
            "reference.read",
            "masters.*.view",
            "masters.tax_rates.edit",
            "masters.payment_terms.edit",
            "masters.currencies.edit",
            "masters.currency_rates.edit",
            "request.raise",
            "workflow.decide",
            "masters.document_series.edit",
            "numbering.read",
            "numbering.void",
            "numbering.lease",
        ],
    ),
    (
        "DEPT_HEAD",
        &[
            "trace.read",
            "exception.read",
            "dashboard.read",
            "plant.read",
            "reference.read",
            "user.read",
            "masters.*.view",
            "request.raise",
            "workflow.decide",
        ],
    ),
    (
        "AUDITOR",
        &[
            "trace.read",
            "proof.read",
            "passport.read",
            "exception.read",
            "hold.read",
            "dashboard.read",
            "plant.read",
            "reference.read",
            "user.read",
            "audit.read",
            "masters.*.view",
            "workflow.read",
            "request.read",
            "numbering.read",
            "recall.read",
        ],
    ),
    ("VIEWER", &["trace.read", "dashboard.read", "plant.read"]),
];

/// An e-mail as it is kept: trimmed, lower case. `None` when it cannot be one.
/// Whether mail arrives there shows when the person follows the link.
#[must_use]
pub fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"');
    let fits = !local.is_empty()
        && text.len() <= 254
        && !text.chars().any(bad)
        && domain.contains('.')
        && domain
            .split('.')
            .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    fits.then_some(text)
}

/// A name as it is kept; `None` when it cannot be one.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=80).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

/// What a role is called in languages, as it is kept; `None` when one of them is not right.
#[must_use]
pub fn names(names: &Names) -> Option<Names> {
    names.checked(80).ok()
}

/// Whether a tenant of these people can still be administered: somebody active
/// holds [`ADMIN`].
#[must_use]
pub fn has_administrator<'a>(people: impl IntoIterator<Item = (Status, &'a [String])>) -> bool {
    people
        .into_iter()
        .any(|(status, roles)| status == Status::Active && roles.iter().any(|role| role == ADMIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_kept_in_one_form() {
        assert_eq!(email("  Ananya.Sen@SAIF.example ").as_deref(), Some("ananya.sen@saif.example"));
        for wrong in [
            "",
            "a",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.d",
            "a@b..c",
            "a@-b.c",
            "A <a@b.c>",
            "a@b.c,d@e.f",
            "a\n@b.c",
        ] {
            assert_eq!(email(wrong), None, "{wrong:?}");
        }
        assert_eq!(email(&format!("{}@b.example", "a".repeat(250))), None);
    }

    #[test]
    fn built_in_roles_are_named_once_and_only_the_administrator_has_everything() {
        let mut codes: Vec<&str> = BUILT_IN.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), BUILT_IN.len());
        let all: Vec<&str> =
            BUILT_IN.iter().filter(|(_, held)| held.contains(&EVERY)).map(|(code, _)| *code).collect();
        assert_eq!(all, [ADMIN]);
    }

    #[test]
    fn somebody_must_stay_who_can_administer() {
        let admin = [ADMIN.to_owned()];
        let other = ["VIEWER".to_owned()];
        assert!(has_administrator([(Status::Active, &admin[..]), (Status::Active, &other[..])]));
        assert!(!has_administrator([(Status::Disabled, &admin[..]), (Status::Invited, &admin[..])]));
        assert!(!has_administrator([(Status::Active, &other[..])]));
    }
}
