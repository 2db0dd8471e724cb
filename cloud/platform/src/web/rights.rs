//! What a caller may do: permissions, and the rights that hold some of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Scope, Scopes};

/// One thing that somebody may be allowed to do. A part declares those that its
/// endpoints ask for, and gives them to the server's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// As roles keep it: `hold.place`. Its text is `permission-hold-place`.
    pub code: &'static str,
    /// Access keys of this scope and above have it.
    pub key_scope: Scope,
}

impl Permission {
    /// A permission to look.
    #[must_use]
    pub const fn read(code: &'static str) -> Self {
        Self { code, key_scope: Scope::Read }
    }

    /// A permission to change.
    #[must_use]
    pub const fn write(code: &'static str) -> Self {
        Self { code, key_scope: Scope::Write }
    }

    /// A permission to administer.
    #[must_use]
    pub const fn admin(code: &'static str) -> Self {
        Self { code, key_scope: Scope::Admin }
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

/// What one caller may do.
#[derive(Debug, Clone)]
pub enum Rights {
    /// Of an access key: by its scopes.
    Key(Scopes),
    /// Of a person: the permissions of all roles together.
    Person(Arc<BTreeSet<String>>),
}

impl Rights {
    /// Of a person whose roles have these permissions.
    #[must_use]
    pub fn of_person(permissions: impl IntoIterator<Item = String>) -> Self {
        Self::Person(Arc::new(permissions.into_iter().collect()))
    }

    /// Whether the permission is among them.
    #[must_use]
    pub fn has(&self, permission: &Permission) -> bool {
        match self {
            Self::Key(scopes) => scopes.has(permission.key_scope),
            Self::Person(codes) => {
                codes.contains(permission.code) || codes.iter().any(|held| grants(held, permission.code))
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
        let key = Rights::Key(Scopes::of(&[Scope::Write]));
        assert!(key.has(&look) && key.has(&place) && !key.has(&manage));
        assert_eq!(place.text_key(), "permission-hold-place");
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
