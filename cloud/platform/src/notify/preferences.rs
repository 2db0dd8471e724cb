//! Who is told of a kind by which way.

use uuid::Uuid;

use super::{ByMail, Kind};

/// The channels that a person chooses among, as stored.
pub(super) const APP: &str = "app";
pub(super) const MAIL: &str = "mail";

/// Whether a person is told by this channel: as the person wishes, else as the
/// kind says. A kind that is always mailed asks nobody, and one about the own
/// account is always shown.
#[must_use]
pub(super) fn wants(kind: &Kind, channel: &str, wish: Option<bool>) -> bool {
    match (channel, kind.mail) {
        (MAIL, ByMail::Always) => true,
        (MAIL, by_mail) => wish.unwrap_or(by_mail == ByMail::On),
        _ if kind.personal => true,
        _ => wish.unwrap_or(true),
    }
}

/// Of these people, those who are told by this channel.
#[must_use]
pub(super) fn told(
    kind: &Kind,
    channel: &str,
    people: &[Uuid],
    wishes: &[(Uuid, String, bool)],
) -> Vec<Uuid> {
    let wish = |person: Uuid| {
        wishes.iter().find(|(of, by, _)| *of == person && by == channel).map(|(_, _, wanted)| *wanted)
    };
    people.iter().copied().filter(|person| wants(kind, channel, wish(*person))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_goes_before_the_kind_but_not_where_it_is_always_mailed() {
        let (shown, mailed, own) = (Kind::shown("a.b"), Kind::mailed("a.c"), Kind::own("a.d"));
        assert!(wants(&shown, APP, None) && !wants(&shown, MAIL, None) && wants(&mailed, MAIL, None));
        assert!(!wants(&shown, APP, Some(false)) && wants(&shown, MAIL, Some(true)));
        assert!(!wants(&mailed, MAIL, Some(false)));
        assert!(wants(&own, MAIL, Some(false)) && wants(&own, APP, Some(false)));
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let wishes = [(two, MAIL.to_owned(), true), (one, APP.to_owned(), false)];
        assert_eq!(told(&shown, MAIL, &[one, two], &wishes), [two]);
        assert_eq!(told(&shown, APP, &[one, two], &wishes), [two]);
    }
}
