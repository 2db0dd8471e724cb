//! Who comes in as whom, when a provider has said who it is. Pure.

use uuid::Uuid;

use super::claims::Claims;
use super::store::Provider;
use crate::people::model::Status;

/// Whom of the tenant's people a token may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Somebody who came in by this identity before.
    Linked(Person),
    /// Somebody of this e-mail; and whether another identity of the provider is theirs.
    ByEmail(Person, bool),
    Nobody,
}

/// One of the tenant's people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub user: Uuid,
    pub email: String,
    pub status: Status,
}

/// As whom somebody comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// As a person who is there; whose identity it becomes, and who is active from now on.
    As { user: Uuid, link: bool, activate: bool },
    /// As a new person, with this role.
    New { email: String, name: String, role: String },
}

/// Why somebody whom the provider knows does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum No {
    /// The provider has not made sure that the e-mail is theirs, or tells none.
    Unverified,
    /// The e-mail is of no domain that is let in.
    Domain,
    /// Nobody invited them.
    Unknown,
    /// They are shut out.
    Disabled,
    /// The person of this e-mail comes in by another identity of the provider.
    Linked,
}

impl No {
    /// Its name in the audit.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Domain => "domain",
            Self::Unknown => "unknown",
            Self::Disabled => "disabled",
            Self::Linked => "linked",
        }
    }

    /// The key of its text for people.
    pub(super) fn text_key(self) -> &'static str {
        match self {
            Self::Unverified => "provider-no-unverified",
            Self::Domain => "provider-no-domain",
            Self::Unknown => "provider-no-unknown",
            Self::Disabled => "provider-no-disabled",
            Self::Linked => "provider-no-linked",
        }
    }
}

/// Decides. An identity is the person's once it is linked; the first time the e-mail
/// says whose it is, and only if the provider made sure of it.
///
/// # Errors
/// [`No`].
pub(super) fn decide(found: &Found, claims: &Claims, provider: &Provider) -> Result<Way, No> {
    let person = match found {
        Found::Linked(person) | Found::ByEmail(person, _) => Some(person),
        Found::Nobody => None,
    };
    let first = !matches!(found, Found::Linked(_));
    if first && !claims.verified {
        return Err(No::Unverified);
    }
    let email = if first { claims.email.as_deref() } else { person.map(|person| person.email.as_str()) };
    let email = email.ok_or(No::Unverified)?;
    if !provider.admits(email) {
        return Err(No::Domain);
    }
    let Some(person) = person else {
        let role = provider.create_role.clone().ok_or(No::Unknown)?;
        let name = claims.name.clone().unwrap_or_else(|| email.to_owned());
        return Ok(Way::New { email: email.to_owned(), name, role });
    };
    if person.status == Status::Disabled {
        return Err(No::Disabled);
    }
    if matches!(found, Found::ByEmail(_, true)) {
        return Err(No::Linked);
    }
    Ok(Way::As { user: person.user, link: first, activate: person.status == Status::Invited })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(status: Status) -> Person {
        Person { user: Uuid::nil(), email: "a@saif.example".into(), status }
    }

    fn claims(verified: bool) -> Claims {
        Claims {
            subject: "1".into(),
            email: Some("a@saif.example".into()),
            verified,
            name: Some("Ananya".into()),
            mfa: false,
        }
    }

    fn provider(domains: &[&str], role: Option<&str>) -> Provider {
        Provider {
            email_domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            create_role: role.map(str::to_owned),
            ..Provider::default()
        }
    }

    #[test]
    fn whoever_was_invited_comes_in_and_nobody_else() {
        let closed = provider(&[], None);
        let here = |link, activate| Ok(Way::As { user: Uuid::nil(), link, activate });
        use Status::{Active, Disabled, Invited};
        for (found, verified, is) in [
            (Found::Linked(person(Active)), false, here(false, false)),
            (Found::Linked(person(Invited)), false, here(false, true)),
            (Found::Linked(person(Disabled)), true, Err(No::Disabled)),
            (Found::ByEmail(person(Active), false), true, here(true, false)),
            (Found::ByEmail(person(Invited), false), true, here(true, true)),
            (Found::ByEmail(person(Active), false), false, Err(No::Unverified)),
            (Found::ByEmail(person(Active), true), true, Err(No::Linked)),
            (Found::ByEmail(person(Disabled), false), true, Err(No::Disabled)),
            (Found::Nobody, true, Err(No::Unknown)),
            (Found::Nobody, false, Err(No::Unverified)),
        ] {
            assert_eq!(decide(&found, &claims(verified), &closed), is, "{found:?} {verified}");
        }
    }

    #[test]
    fn a_domain_and_a_role_are_what_the_settings_say() {
        let found = Found::Nobody;
        let open = provider(&["saif.example"], Some("VIEWER"));
        let new = Way::New { email: "a@saif.example".into(), name: "Ananya".into(), role: "VIEWER".into() };
        assert_eq!(decide(&found, &claims(true), &open), Ok(new));
        assert_eq!(decide(&found, &claims(false), &open), Err(No::Unverified));
        for domain in ["other.example", "if.example", "a@saif.example"] {
            let other = provider(&[domain], Some("VIEWER"));
            assert_eq!(decide(&found, &claims(true), &other), Err(No::Domain), "{domain}");
            let linked = Found::Linked(person(Status::Active));
            assert_eq!(decide(&linked, &claims(true), &other), Err(No::Domain), "{domain}");
        }
        let mut none = claims(true);
        none.email = None;
        assert_eq!(decide(&found, &none, &open), Err(No::Unverified));
    }
}
