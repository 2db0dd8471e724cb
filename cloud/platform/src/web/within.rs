//! Whether somebody holds all that they would give, take or change. Pure.
//!
//! The one rule of rights over rights: nobody gives, takes or changes more than they
//! hold themselves. People, roles, limits, access keys and the settings by which somebody
//! could come in as another all ask here.

use super::{Amount, EVERY, Grant, Permission, Rights, Scope};
use crate::ctx::Plants;

/// What of a grant these rights do not hold, by code; empty when they hold all of it.
/// `all` are the permissions that there are.
///
/// A permission is held where it is held at each plant of the grant (for all plants: at
/// all, which some together are not) and up to at least its limit. [`EVERY`] itself, which
/// stands for what will be added too, is held only by whoever has it so: no list of
/// permissions, however long, makes an administrator. An access key has it by the highest
/// scope, and is without limits.
#[must_use]
pub fn beyond(rights: &Rights, all: &[Permission], wanted: &Grant) -> Vec<&'static str> {
    let whole = wanted.permissions.iter().any(|code| code == EVERY);
    let has_whole = |grant: &Grant| grant.permissions.iter().any(|code| code == EVERY);
    let mut lacking = Vec::new();
    if whole && !held(rights, Scope::Admin, &wanted.plants, has_whole) {
        lacking.push(EVERY);
    }
    for permission in all.iter().filter(|permission| wanted.has(permission)) {
        let limit = wanted.limits.get(permission.code);
        let reaches =
            |grant: &Grant| grant.has(permission) && up_to(grant.limits.get(permission.code), limit);
        if !held(rights, permission.key_scope, &wanted.plants, reaches) {
            lacking.push(permission.code);
        }
    }
    lacking
}

/// Whether something is held at each of these plants: of a person by one role there.
fn held(rights: &Rights, scope: Scope, plants: &Plants, reaches: impl Fn(&Grant) -> bool) -> bool {
    match rights {
        Rights::Key(scopes, own) => {
            scopes.has(scope)
                && plants.codes().map_or(own.is_all(), |codes| codes.iter().all(|plant| own.has(plant)))
        }
        Rights::Person(grants) => {
            let at =
                |is: &dyn Fn(&Plants) -> bool| grants.iter().any(|grant| is(&grant.plants) && reaches(grant));
            match plants.codes() {
                None => at(&Plants::is_all),
                Some(codes) => codes.iter().all(|plant| at(&|own: &Plants| own.has(plant))),
            }
        }
    }
}

/// Whether a limit reaches as far as another; none has no end.
fn up_to(own: Option<&Amount>, wanted: Option<&Amount>) -> bool {
    match (own, wanted) {
        (None, _) => true,
        (Some(own), Some(wanted)) => own.currency == wanted.currency && own.amount >= wanted.amount,
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::web::Scopes;

    const ALL: [Permission; 4] = [
        Permission::read("hold.read"),
        Permission::write("hold.place"),
        Permission::write("purchase.approve").with_amount(),
        Permission::admin("user.manage"),
    ];

    fn role(permissions: &[&str], plants: Plants) -> Grant {
        Grant {
            permissions: permissions.iter().map(|code| (*code).to_owned()).collect(),
            plants,
            ..Grant::default()
        }
    }

    fn limited(amount: Option<(i64, &str)>) -> Grant {
        let limit = |(amount, currency): (i64, &str)| {
            ("purchase.approve".to_owned(), Amount { amount: amount.into(), currency: currency.into() })
        };
        let limits = amount.map(limit).into_iter().collect();
        Grant { limits, ..role(&["purchase.approve"], Plants::All) }
    }

    fn lacks(held: &[Grant], wanted: &Grant) -> Vec<&'static str> {
        beyond(&Rights::of_grants(held.to_vec()), &ALL, wanted)
    }

    #[test]
    fn one_gives_what_one_has() {
        let held = [role(&["user.manage"], Plants::All), role(&["hold.read"], Plants::All)];
        assert!(lacks(&held, &role(&["hold.read", "user.manage"], Plants::All)).is_empty());
        assert_eq!(lacks(&held, &role(&["hold.read", "hold.place"], Plants::All)), ["hold.place"]);
        assert!(lacks(&held, &role(&[], Plants::All)).is_empty(), "nothing is everybody's to give");
        // A star stands for each permission that it grants.
        assert_eq!(lacks(&held, &role(&["hold.*"], Plants::All)), ["hold.place"]);
        assert!(lacks(&[role(&["hold.*"], Plants::All)], &role(&["hold.read"], Plants::All)).is_empty());
        assert!(lacks(&[], &role(&["gone.long_ago"], Plants::All)).is_empty(), "it grants nothing");
    }

    #[test]
    fn no_list_of_permissions_makes_an_administrator() {
        let listed: Vec<&str> = ALL.iter().map(|permission| permission.code).collect();
        let listed = [role(&listed, Plants::All)];
        let administrator = role(&[EVERY], Plants::All);
        assert_eq!(lacks(&listed, &administrator), [EVERY]);
        assert!(lacks(from_ref(&administrator), &administrator).is_empty());
        assert!(lacks(from_ref(&administrator), &listed[0]).is_empty());
        let of_one = role(&[EVERY], Plants::some(["KOL"]));
        assert_eq!(lacks(from_ref(&of_one), &administrator).first(), Some(&EVERY));
        assert!(lacks(from_ref(&of_one), &of_one).is_empty());
    }

    #[test]
    fn one_gives_it_where_one_has_it() {
        let kol = || Plants::some(["KOL"]);
        let held = [role(&["hold.read"], kol()), role(&["hold.read", "hold.place"], Plants::some(["VSK"]))];
        assert!(lacks(&held, &role(&["hold.read"], Plants::some(["KOL", "VSK"]))).is_empty());
        assert_eq!(lacks(&held, &role(&["hold.place"], kol())), ["hold.place"]);
        assert_eq!(lacks(&held, &role(&["hold.read"], Plants::All)), ["hold.read"], "two are not all");
        assert_eq!(lacks(&held, &role(&["hold.read"], Plants::some(["BLR"]))), ["hold.read"]);
    }

    #[test]
    fn one_gives_it_up_to_the_own_limit() {
        let own = [limited(Some((50_000, "INR")))];
        assert!(lacks(&own, &limited(Some((50_000, "INR")))).is_empty());
        assert_eq!(lacks(&own, &limited(Some((50_001, "INR")))), ["purchase.approve"]);
        assert_eq!(lacks(&own, &limited(Some((1, "USD")))), ["purchase.approve"]);
        assert_eq!(lacks(&own, &limited(None)), ["purchase.approve"]);
        assert!(lacks(&[limited(None)], &limited(Some((1, "USD")))).is_empty());
    }

    #[test]
    fn a_key_gives_what_its_scope_has() {
        let key = |scope, plants| Rights::Key(Scopes::of(&[scope]), plants);
        let kol = || Plants::some(["KOL"]);
        let place = |plants| role(&["hold.place"], plants);
        assert!(beyond(&key(Scope::Write, Plants::All), &ALL, &place(Plants::All)).is_empty());
        assert_eq!(beyond(&key(Scope::Read, Plants::All), &ALL, &place(Plants::All)), ["hold.place"]);
        assert_eq!(beyond(&key(Scope::Write, kol()), &ALL, &place(Plants::All)), ["hold.place"]);
        assert!(beyond(&key(Scope::Write, kol()), &ALL, &place(kol())).is_empty());
        let administrator = role(&[EVERY], Plants::All);
        assert!(beyond(&key(Scope::Admin, Plants::All), &ALL, &administrator).is_empty());
        assert_eq!(
            beyond(&key(Scope::Write, Plants::All), &ALL, &administrator)[..2],
            [EVERY, "user.manage"]
        );
    }
}
