//! What a caller may do: permissions, and the rights that hold some of them, at
//! some plants or all.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::{Scope, Scopes};
use crate::ctx::Plants;

/// One thing that somebody may be allowed to do. A part declares those that its
/// endpoints ask for, and gives them to the server's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// As roles keep it: `hold.place`. Its text is `permission-hold-place`.
    pub code: &'static str,
    /// Access keys of this scope and above have it.
    pub key_scope: Scope,
    /// It is about a document that has an amount: a role may have it up to a limit.
    pub has_amount: bool,
}

impl Permission {
    /// A permission to look.
    #[must_use]
    pub const fn read(code: &'static str) -> Self {
        Self { code, key_scope: Scope::Read, has_amount: false }
    }

    /// A permission to change.
    #[must_use]
    pub const fn write(code: &'static str) -> Self {
        Self { code, key_scope: Scope::Write, has_amount: false }
    }

    /// A permission to administer.
    #[must_use]
    pub const fn admin(code: &'static str) -> Self {
        Self { code, key_scope: Scope::Admin, has_amount: false }
    }

    /// The same, for documents with an amount: a role may have it up to a limit,
    /// which [`super::limits::allows`] judges.
    #[must_use]
    pub const fn with_amount(self) -> Self {
        Self { has_amount: true, ..self }
    }

    /// The key of its text.
    #[must_use]
    pub fn text_key(&self) -> String {
        format!("permission-{}", self.code.replace('.', "-"))
    }
}

/// Stands for every permission in a role.
pub const EVERY: &str = "*";

/// Whether holding `held` grants `wanted`. A part `*` of either stands for any
/// one part: a role with `masters.*.view` sees masters that are added later, and
/// whoever asks for `masters.*.view` asks for any of them.
#[must_use]
pub fn grants(held: &str, wanted: &str) -> bool {
    if held == EVERY || held == wanted {
        return true;
    }
    let (held, wanted) = (held.split('.'), wanted.split('.'));
    held.clone().count() == wanted.clone().count()
        && held.zip(wanted).all(|(held, wanted)| held == wanted || held == EVERY || wanted == EVERY)
}

/// An amount of money, in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// How much.
    pub amount: Decimal,
    /// ISO 4217: `INR`.
    pub currency: String,
}

/// A role as one person has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    /// Codes of permissions, as the role keeps them.
    pub permissions: Vec<String>,
    /// Where the person has the role.
    pub plants: Plants,
    /// Up to which amount the role has a permission; those that are not named have
    /// no limit.
    pub limits: BTreeMap<String, Amount>,
}

impl Grant {
    /// Whether the role has the permission.
    #[must_use]
    pub fn has(&self, permission: &Permission) -> bool {
        self.permissions.iter().any(|held| grants(held, permission.code))
    }
}

/// What one caller may do.
#[derive(Debug, Clone)]
pub enum Rights {
    /// Of an access key: by its scopes, at its plants.
    Key(Scopes, Plants),
    /// Of a person: all roles together.
    Person(Arc<[Grant]>),
}

impl Rights {
    /// Of a person whose roles have these permissions, at all plants.
    #[must_use]
    pub fn of_person(permissions: impl IntoIterator<Item = String>) -> Self {
        Self::of_grants([Grant { permissions: permissions.into_iter().collect(), ..Grant::default() }])
    }

    /// Of a person who has these roles.
    #[must_use]
    pub fn of_grants(grants: impl IntoIterator<Item = Grant>) -> Self {
        Self::Person(grants.into_iter().collect())
    }

    /// Whether the permission is among them, at some plant at least.
    #[must_use]
    pub fn has(&self, permission: &Permission) -> bool {
        !self.plants(permission).is_none()
    }

    /// Whether the permission is among them, at this plant.
    #[must_use]
    pub fn has_at(&self, permission: &Permission, plant: &str) -> bool {
        self.plants(permission).has(plant)
    }

    /// Whether the permission is among them at every plant there is.
    #[must_use]
    pub fn has_everywhere(&self, permission: &Permission) -> bool {
        self.plants(permission).is_all()
    }

    /// Where the permission is among them.
    #[must_use]
    pub fn plants(&self, permission: &Permission) -> Plants {
        match self {
            Self::Key(scopes, plants) if scopes.has(permission.key_scope) => plants.clone(),
            Self::Key(..) => Plants::none(),
            Self::Person(held) => held
                .iter()
                .filter(|grant| grant.has(permission))
                .fold(Plants::none(), |plants, grant| plants.and(grant.plants.clone())),
        }
    }

    /// Where anything at all is among them.
    #[must_use]
    pub fn anywhere(&self) -> Plants {
        match self {
            Self::Key(_, plants) => plants.clone(),
            Self::Person(held) => {
                held.iter().fold(Plants::none(), |plants, grant| plants.and(grant.plants.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_what_the_roles_say_and_a_key_what_its_scope_says() {
        let (look, place, manage) = (
            Permission::read("hold.read"),
            Permission::write("hold.place"),
            Permission::admin("user.manage"),
        );
        let person = Rights::of_person(["hold.place".to_owned()]);
        assert!(person.has(&place) && !person.has(&look) && !person.has(&manage));
        let every = Rights::of_person([EVERY.to_owned()]);
        assert!(every.has(&manage) && every.has(&look));
        let key = Rights::Key(Scopes::of(&[Scope::Write]), Plants::All);
        assert!(key.has(&look) && key.has(&place) && !key.has(&manage));
        assert_eq!(place.text_key(), "permission-hold-place");
    }

    #[test]
    fn a_role_counts_where_it_was_given() {
        let (look, place) = (Permission::read("hold.read"), Permission::write("hold.place"));
        let grant = |permission: &str, plants| Grant {
            permissions: vec![permission.to_owned()],
            plants,
            ..Grant::default()
        };
        let person = Rights::of_grants([
            grant("hold.read", Plants::some(["KOL"])),
            grant("hold.read", Plants::some(["VSK"])),
            grant("hold.place", Plants::some(["KOL"])),
        ]);
        assert_eq!(person.plants(&look), Plants::some(["KOL", "VSK"]));
        assert!(person.has(&place) && person.has_at(&place, "KOL") && !person.has_at(&place, "VSK"));
        assert!(!person.has_everywhere(&look), "two plants are not all that there may be");
        assert_eq!(person.anywhere(), Plants::some(["KOL", "VSK"]));
        let both =
            Rights::of_grants([grant("hold.place", Plants::some(["KOL"])), grant("hold.*", Plants::All)]);
        assert!(both.has_everywhere(&place));
        let nobody = Rights::of_grants([]);
        assert!(!nobody.has(&look) && nobody.anywhere().is_none());
        let key = Rights::Key(Scopes::of(&[Scope::Write]), Plants::some(["KOL"]));
        assert!(key.has_at(&place, "KOL") && !key.has_at(&place, "VSK"));
    }

    #[test]
    fn a_star_stands_for_any_one_part() {
        assert!(grants("masters.*.view", "masters.units.view"));
        assert!(grants("masters.units.view", "masters.*.view"));
        assert!(!grants("masters.*.view", "masters.units.edit"));
        assert!(!grants("masters.units.edit", "masters.*.view"));
        assert!(!grants("masters.*", "masters.units.view") && !grants("hold.*", "masters.units"));
        assert!(grants(EVERY, "masters.units.view") && !grants("masters.units.view", "hold.read"));
    }
}
