//! How often somebody may try to sign in. A try is counted before it is judged,
//! so that many at once are no way around it; a success takes it back.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::web::network;

/// What tries are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted<'a> {
    /// One e-mail that nobody has, or that of an administrator of the cloud, from wherever.
    Account(&'a str),
    /// Passwords of one tenant's person, from wherever.
    Person(Uuid, Uuid),
    /// One address, for whichever e-mail.
    Address(IpAddr),
    /// Codes of one person's second step.
    Code(Uuid),
    /// Sign-ins that one address sends to a provider.
    Provider(IpAddr),
    /// Links to a new password for one e-mail.
    Forgot(&'a str),
    /// Links to a new password that one address asks for.
    ForgotAddress(IpAddr),
}

impl Counted<'_> {
    /// The name of its row; an e-mail is not told by it.
    #[must_use]
    pub fn subject(&self) -> String {
        let network = |address: &IpAddr| network(*address).to_string();
        let (kind, text) = match self {
            Self::Account(email) => ("account", (*email).to_owned()),
            Self::Person(tenant, user) => ("person", format!("{tenant} {user}")),
            Self::Address(address) => ("address", network(address)),
            Self::Code(user) => ("code", user.to_string()),
            Self::Provider(address) => ("provider", network(address)),
            Self::Forgot(email) => ("forgot", (*email).to_owned()),
            Self::ForgotAddress(address) => ("forgot-address", network(address)),
        };
        let hash = Sha256::digest(text.as_bytes());
        let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{kind}:{hex}")
    }

    /// After how much quiet the count begins again.
    #[must_use]
    pub fn window(&self) -> TimeDelta {
        match self {
            Self::Account(_) | Self::Person(..) | Self::Code(_) => TimeDelta::hours(24),
            Self::Address(_) | Self::Provider(_) | Self::ForgotAddress(_) => TimeDelta::minutes(15),
            Self::Forgot(_) => TimeDelta::hours(1),
        }
    }

    /// For how long nothing more is tried after so many tries.
    #[must_use]
    pub fn lock(&self, tries: i32) -> Option<TimeDelta> {
        match self {
            // The sixth wrong password costs a minute, each further one twice as
            // much, up to an hour: a person waits, a guesser gives up.
            Self::Account(_) | Self::Person(..) | Self::Code(_) => {
                let over = u32::try_from(tries - 5).ok().filter(|over| *over > 0)?;
                Some(TimeDelta::minutes(1_i64 << (over - 1).min(6)).min(TimeDelta::hours(1)))
            }
            // A whole office may share one address.
            Self::Address(_) => (tries > 60).then(|| TimeDelta::minutes(15)),
            // Those who come back are taken out of the count again.
            Self::Provider(_) => (tries > 100).then(|| TimeDelta::minutes(15)),
            // Mail that nobody asked for is a nuisance.
            Self::Forgot(_) => (tries > 2).then(|| TimeDelta::hours(1)),
            Self::ForgotAddress(_) => (tries > 19).then(|| TimeDelta::minutes(15)),
        }
    }
}

/// Until when a lock that begins now lasts.
#[must_use]
pub fn until(counted: &Counted<'_>, tries: i32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    counted.lock(tries).map(|lock| now + lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_an_hour() {
        let account = Counted::Account("a@b.example");
        let minutes = |tries| account.lock(tries).map(|lock| lock.num_minutes());
        let waits: Vec<Option<i64>> = [1, 5, 6, 7, 8, 11, 12, 13, 1000].into_iter().map(minutes).collect();
        assert_eq!(waits, [None, None, Some(1), Some(2), Some(4), Some(32), Some(60), Some(60), Some(60)]);
        let address = Counted::Address("10.0.0.1".parse().unwrap());
        assert_eq!((address.lock(60), address.lock(61)), (None, Some(TimeDelta::minutes(15))));
    }

    #[test]
    fn subjects_tell_nobody_and_tell_apart() {
        let account = Counted::Account("a@b.example").subject();
        assert!(account.starts_with("account:") && !account.contains('@'));
        let of = |text: &str| Counted::Address(text.parse().unwrap()).subject();
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let person = |tenant, user| Counted::Person(tenant, user).subject();
        assert_ne!(person(a, b), person(b, b));
        assert_ne!(person(a, b), person(a, a));
    }
}
