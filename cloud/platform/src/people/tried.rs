//! What one try to sign in counts as: for everybody whom its e-mail means, one by one. An
//! organisation can invite anybody's e-mail and set a password of its own for it; were tries
//! counted by the e-mail alone, a success there would take the lock off everywhere else.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::error::PeopleError;
use super::signin::{Count, counts};
use super::store::{self, Login};
use super::throttle::Counted;
use crate::db::SystemTx;

/// Somebody who is judged by a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Judged {
    tenant: Uuid,
    user: Uuid,
    /// Until when nothing more is tried for this person, if it is in vain.
    locks: Option<DateTime<Utc>>,
}

/// A try that was counted.
#[derive(Debug)]
pub(super) struct Tried {
    /// Those who are judged by it; nobody where nobody has the e-mail.
    judged: Vec<Judged>,
    /// The first moment at which somebody of this e-mail is judged who is not now.
    pub waits: Option<DateTime<Utc>>,
    /// The address, and until when nothing more is tried from there, if it is in vain.
    address: Option<(IpAddr, Option<DateTime<Utc>>)>,
}

impl Tried {
    /// Counts a try; `Err` says until when nothing is judged.
    pub async fn count(
        system: &mut SystemTx,
        (email, logins): (&str, &[Login]),
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<Result<Self, DateTime<Utc>>, PeopleError> {
        let mut tried = Self { judged: Vec::new(), waits: None, address: None };
        for (tenant, user) in in_order(logins) {
            match counts(system, &Counted::Person(tenant, user), now).await? {
                Count::Wait(until) => tried.waits = tried.waits.into_iter().chain([until]).min(),
                Count::Judge { locks } => tried.judged.push(Judged { tenant, user, locks }),
            }
        }
        // What nobody has is counted as what somebody has: how it is answered tells nothing.
        if logins.is_empty()
            && let Count::Wait(until) = counts(system, &Counted::Account(email), now).await?
        {
            return Ok(Err(until));
        }
        if let (true, Some(until)) = (tried.judged.is_empty(), tried.waits) {
            return Ok(Err(until));
        }
        if let Some(address) = address {
            match counts(system, &Counted::Address(address), now).await? {
                Count::Wait(until) => return Ok(Err(until)),
                Count::Judge { locks } => tried.address = Some((address, locks)),
            }
        }
        Ok(Ok(tried))
    }

    /// Whether this person is judged by it.
    pub fn judges(&self, tenant: Uuid, user: Uuid) -> bool {
        self.of(tenant, user).is_some()
    }

    /// Until when nothing more is tried for a person, if this is in vain.
    pub fn locks(&self, tenant: Uuid, user: Uuid) -> Option<DateTime<Utc>> {
        self.of(tenant, user).and_then(|judged| judged.locks)
    }

    /// An address that nothing more is tried from if this is in vain, and until when.
    pub fn locks_address(&self) -> Option<(IpAddr, DateTime<Utc>)> {
        self.address.and_then(|(address, locks)| Some((address, locks?)))
    }

    fn of(&self, tenant: Uuid, user: Uuid) -> Option<&Judged> {
        self.judged.iter().find(|judged| (judged.tenant, judged.user) == (tenant, user))
    }

    /// It was the password of these: their tries are forgotten. Of whoever else has the
    /// e-mail only this one try is taken back, which was no guess at theirs.
    pub async fn succeeded(self, system: &mut SystemTx, proved: &[(Uuid, Uuid)]) -> Result<(), PeopleError> {
        for Judged { tenant, user, locks } in self.judged {
            let subject = Counted::Person(tenant, user).subject();
            if proved.contains(&(tenant, user)) {
                store::try_succeeded(system, &subject, None).await?;
            } else {
                store::try_taken_back(system, &subject, locks).await?;
            }
        }
        if let Some((address, locks)) = self.address {
            store::try_taken_back(system, &Counted::Address(address).subject(), locks).await?;
        }
        Ok(())
    }
}

/// The people behind an e-mail in an order that all tries keep: each row is locked until
/// the try is counted, and two that took them crosswise would wait for each other.
fn in_order(logins: &[Login]) -> Vec<(Uuid, Uuid)> {
    let mut people: Vec<(Uuid, Uuid)> = logins.iter().map(|login| (login.tenant, login.user)).collect();
    people.sort_unstable();
    people
}
