//! Up to which amount somebody has a right. Pure.

use rust_decimal::Decimal;

use super::{Amount, Permission, Rights};

/// Why an amount is too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beyond {
    /// The permission is not held at all, or not at that plant.
    NoRight,
    /// It is held up to this.
    Limit(Amount),
    /// It is held up to an amount in another currency, so that this one cannot be
    /// judged: bring it into that currency first.
    Currency(Amount),
}

/// Whether these rights hold the permission for a document of `amount` in
/// `currency`, which belongs to `plant` (`None`: to no plant). Of several roles the
/// one counts that reaches furthest; a role without a limit has none. The sign of
/// an amount does not matter: a refund of 60,000 is as large as a payment. An access
/// key has no limit of its own.
///
/// # Errors
/// [`Beyond`], with the furthest limit that the caller does have.
pub fn allows(
    rights: &Rights,
    permission: &Permission,
    plant: Option<&str>,
    amount: Decimal,
    currency: &str,
) -> Result<(), Beyond> {
    let held = match plant {
        Some(plant) => rights.has_at(permission, plant),
        None => rights.has_everywhere(permission),
    };
    if !held {
        return Err(Beyond::NoRight);
    }
    let Rights::Person(grants) = rights else {
        return Ok(());
    };
    let here = grants.iter().filter(|grant| {
        grant.has(permission) && plant.map_or(grant.plants.is_all(), |plant| grant.plants.has(plant))
    });
    let mut furthest: Option<&Amount> = None;
    let mut other: Option<&Amount> = None;
    for grant in here {
        match grant.limits.get(permission.code) {
            None => return Ok(()),
            Some(limit) if limit.currency != currency => other = Some(limit),
            Some(limit) if furthest.is_none_or(|known| known.amount < limit.amount) => furthest = Some(limit),
            Some(_) => {}
        }
    }
    match (furthest, other) {
        (Some(limit), _) if amount.abs() <= limit.amount => Ok(()),
        (Some(limit), _) => Err(Beyond::Limit(limit.clone())),
        (None, Some(limit)) => Err(Beyond::Currency(limit.clone())),
        (None, None) => Err(Beyond::NoRight),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctx::Plants;
    use crate::web::{EVERY, Grant, Scope, Scopes};

    const APPROVE: Permission = Permission::write("purchase.approve").with_amount();

    fn limit(amount: i64, currency: &str) -> Amount {
        Amount { amount: amount.into(), currency: currency.into() }
    }

    fn role(plants: Plants, limited: Option<Amount>) -> Grant {
        Grant {
            permissions: vec![APPROVE.code.into()],
            plants,
            limits: limited.map(|limit| (APPROVE.code.into(), limit)).into_iter().collect(),
        }
    }

    fn ask(rights: &Rights, plant: Option<&str>, amount: i64, currency: &str) -> Result<(), Beyond> {
        allows(rights, &APPROVE, plant, amount.into(), currency)
    }

    #[test]
    fn up_to_fifty_thousand_is_not_sixty() {
        let person = Rights::of_grants([role(Plants::All, Some(limit(50_000, "INR")))]);
        assert_eq!(ask(&person, None, 50_000, "INR"), Ok(()));
        assert_eq!(ask(&person, Some("KOL"), 49_999, "INR"), Ok(()));
        assert_eq!(ask(&person, None, 60_000, "INR"), Err(Beyond::Limit(limit(50_000, "INR"))));
        assert_eq!(ask(&person, None, -60_000, "INR"), Err(Beyond::Limit(limit(50_000, "INR"))));
        assert_eq!(ask(&person, None, 1, "USD"), Err(Beyond::Currency(limit(50_000, "INR"))));
    }

    #[test]
    fn the_role_counts_that_reaches_furthest_at_that_plant() {
        let person = Rights::of_grants([
            role(Plants::All, Some(limit(10_000, "INR"))),
            role(Plants::some(["KOL"]), Some(limit(50_000, "INR"))),
            role(Plants::some(["VSK"]), None),
        ]);
        assert_eq!(ask(&person, Some("KOL"), 50_000, "INR"), Ok(()));
        assert_eq!(ask(&person, Some("VSK"), 9_000_000, "INR"), Ok(()));
        assert_eq!(ask(&person, Some("BLR"), 10_001, "INR"), Err(Beyond::Limit(limit(10_000, "INR"))));
        // What belongs to no plant is for who has the right at all of them.
        assert_eq!(ask(&person, None, 10_001, "INR"), Err(Beyond::Limit(limit(10_000, "INR"))));
    }

    #[test]
    fn who_has_no_right_has_none_up_to_any_amount() {
        let elsewhere = Rights::of_grants([role(Plants::some(["KOL"]), None)]);
        assert_eq!(ask(&elsewhere, Some("VSK"), 1, "INR"), Err(Beyond::NoRight));
        assert_eq!(ask(&Rights::of_grants([]), None, 0, "INR"), Err(Beyond::NoRight));
        assert_eq!(ask(&Rights::of_person([EVERY.to_owned()]), None, 1_000_000_000, "INR"), Ok(()));
        let key = Rights::Key(Scopes::of(&[Scope::Write]), Plants::All);
        assert_eq!(ask(&key, None, 1_000_000, "INR"), Ok(()));
    }
}
