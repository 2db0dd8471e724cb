//! Who is told of a kind by which way, and what a person says about it.

use uuid::Uuid;

use super::store;
use super::times::{Pace, Times};
use super::{ByMail, Kind};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError};
use crate::web::{AppState, Caller, Problem};

/// The channels that a person chooses among, as stored.
pub(super) const APP: &str = "app";
pub(super) const MAIL: &str = "mail";
pub(super) const SMS: &str = "sms";

/// What a person wants of a kind by one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Whether at all.
    pub wanted: bool,
    /// How fast; for mail alone.
    pub pace: Pace,
}

/// Whether and how fast a person is told by this channel: as the person wishes,
/// else as the kind says. A kind that is always mailed asks nobody, and one about
/// the own account is always shown. Text messages come to whoever asks for them.
#[must_use]
pub(super) fn wants(kind: &Kind, channel: &str, wish: Option<Wish>) -> Option<Pace> {
    let of_kind = |wanted| Wish { wanted, pace: Pace::Now };
    let wish = match (channel, kind.mail) {
        (MAIL, ByMail::Always) => of_kind(true),
        (MAIL, by_mail) => wish.unwrap_or(of_kind(by_mail == ByMail::On)),
        (SMS, _) => wish.unwrap_or(of_kind(false)),
        _ if kind.personal => of_kind(true),
        _ => wish.unwrap_or(of_kind(true)),
    };
    wish.wanted.then_some(wish.pace)
}

/// Of these people, those who are told by this channel, and how fast.
#[must_use]
pub(super) fn told(
    kind: &Kind,
    channel: &str,
    people: &[Uuid],
    wishes: &[(Uuid, String, Wish)],
) -> Vec<(Uuid, Pace)> {
    let wish = |person: Uuid| {
        wishes.iter().find(|(of, by, _)| *of == person && by == channel).map(|(_, _, wish)| *wish)
    };
    let all = people.iter().copied();
    all.filter_map(|person| Some((person, wants(kind, channel, wish(person))?))).collect()
}

/// How one kind comes to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The kind.
    pub kind: Kind,
    /// Whether it is shown inside the product.
    pub app: bool,
    /// Whether and how fast it comes by mail.
    pub mail: Option<Pace>,
    /// Whether it comes by text message.
    pub sms: bool,
}

impl Choice {
    /// Whether it is shown whatever the person says.
    #[must_use]
    pub fn app_fixed(&self) -> bool {
        self.kind.personal
    }

    /// Whether it is mailed whatever the person says.
    #[must_use]
    pub fn mail_fixed(&self) -> bool {
        self.kind.mail == ByMail::Always
    }
}

/// Why preferences were not kept.
#[derive(Debug, thiserror::Error)]
pub enum PreferenceError {
    /// Quiet hours of which one end is missing, or both are the same.
    #[error("quiet hours have a beginning and another end, such as 22:00 and 06:30")]
    Quiet,
    /// An hour or a day that there is not.
    #[error("a digest comes at an hour from 0 to 23, the weekly one on a day from 1 (Monday) to 7")]
    Digest,
    /// Somebody else changed them meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for PreferenceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl PreferenceError {
    /// The key of its text; `None` for what is no mistake of the person.
    #[must_use]
    pub fn text_key(&self) -> Option<&'static str> {
        match self {
            Self::Quiet => Some("notice-error-quiet"),
            Self::Digest => Some("notice-error-digest"),
            Self::Stale => Some("error-conflict-stale"),
            Self::Db(_) => None,
        }
    }

    /// The field of the form that it lies in; empty of none.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Quiet => "quiet_from",
            Self::Digest => "digest_hour",
            Self::Stale | Self::Db(_) => "",
        }
    }
}

impl From<PreferenceError> for Problem {
    fn from(error: PreferenceError) -> Self {
        let told = error.to_string();
        match error {
            PreferenceError::Db(error) => error.into(),
            PreferenceError::Stale => Self::conflict("conflict.stale", ""),
            _ => Self::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "notice.preferences", told),
        }
    }
}

/// The kinds that can reach the caller, by the roles of now: those that page and API list and
/// take. What was chosen of others stays, and holds again with the right.
pub(super) fn reaching(state: &AppState, caller: &Caller) -> Vec<Kind> {
    let reaches = |kind: &&Kind| kind.right.is_none_or(|right| caller.may(&right));
    state.kinds.iter().filter(reaches).copied().collect()
}

/// How each kind comes to a person, and when.
///
/// # Errors
/// Those of the database.
pub async fn of_person(
    db: &Db,
    cx: &Cx,
    kinds: &[Kind],
    user: Uuid,
) -> Result<(Vec<Choice>, Times), PreferenceError> {
    let (wishes, times) = db
        .tx(cx, async |tx| {
            Ok::<_, DbError>((store::own_wishes(tx, user).await?, store::times(tx, user).await?))
        })
        .await?;
    let wish = |kind: &Kind, channel: &str| {
        wishes.iter().find(|(of, by, _)| of == kind.code && by == channel).map(|(_, _, wish)| *wish)
    };
    let choices = kinds.iter().map(|kind| Choice {
        kind: *kind,
        app: wants(kind, APP, wish(kind, APP)).is_some(),
        mail: wants(kind, MAIL, wish(kind, MAIL)),
        sms: wants(kind, SMS, wish(kind, SMS)).is_some(),
    });
    Ok((choices.collect(), times))
}

/// Sets how kinds come to a person; what cannot be chosen is passed over. What
/// waits for a digest of a kind that is not wanted by mail any more is dropped.
///
/// # Errors
/// Those of the database.
pub async fn choices_set(db: &Db, cx: &Cx, user: Uuid, choices: &[Choice]) -> Result<(), PreferenceError> {
    let mut wishes: Vec<(&str, &str, Wish)> = Vec::new();
    for choice in choices {
        if !choice.app_fixed() {
            wishes.push((choice.kind.code, APP, Wish { wanted: choice.app, pace: Pace::Now }));
        }
        wishes.push((choice.kind.code, SMS, Wish { wanted: choice.sms, pace: Pace::Now }));
        if !choice.mail_fixed() {
            let wish = Wish { wanted: choice.mail.is_some(), pace: choice.mail.unwrap_or(Pace::Now) };
            wishes.push((choice.kind.code, MAIL, wish));
        }
    }
    let unwanted: Vec<String> = wishes
        .iter()
        .filter(|(_, channel, wish)| *channel == MAIL && !wish.wanted)
        .map(|(kind, ..)| (*kind).to_owned())
        .collect();
    db.tx(cx, async |tx| {
        store::wishes_set(tx, user, &wishes).await?;
        super::digest::drop_kinds(tx, user, &unwanted).await?;
        Ok(())
    })
    .await
}

/// Sets when a person is written to; digests that wait come at the new hours.
///
/// # Errors
/// [`PreferenceError`].
pub async fn times_set(
    db: &Db,
    cx: &Cx,
    user: Uuid,
    times: &Times,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), PreferenceError> {
    let of_day = 0..1440;
    if times
        .quiet
        .is_some_and(|(from, until)| from == until || !of_day.contains(&from) || !of_day.contains(&until))
    {
        return Err(PreferenceError::Quiet);
    }
    if !(0..24).contains(&times.digest_hour) || !(1..8).contains(&times.digest_weekday) {
        return Err(PreferenceError::Digest);
    }
    db.tx(cx, async |tx| {
        if !store::times_set(tx, user, times).await? {
            return Err(PreferenceError::Stale);
        }
        super::digest::reschedule(tx, user, now).await?;
        let subject = format!("user:{user}");
        audit::record(tx, Entry { action: "notice.times", subject: &subject, ..Entry::default() }).await?;
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_goes_before_the_kind_but_not_where_it_is_always_mailed() {
        let (shown, mailed, own) = (Kind::shown("a.b"), Kind::mailed("a.c"), Kind::own("a.d"));
        let wish = |wanted, pace| Some(Wish { wanted, pace });
        let (no, yes, daily) = (wish(false, Pace::Now), wish(true, Pace::Now), wish(true, Pace::Daily));
        let is = |kind: &Kind, channel, wish| wants(kind, channel, wish).is_some();
        assert!(is(&shown, APP, None) && !is(&shown, MAIL, None) && is(&mailed, MAIL, None));
        assert!(!is(&shown, APP, no) && is(&shown, MAIL, yes));
        assert!(!is(&mailed, MAIL, no));
        assert!(is(&own, MAIL, no) && is(&own, APP, no));
        assert!(!is(&own, SMS, None) && !is(&mailed, SMS, None) && is(&shown, SMS, yes));
        assert_eq!(wants(&mailed, MAIL, daily), Some(Pace::Daily));
        assert_eq!(wants(&own, MAIL, daily), Some(Pace::Now), "about the own account: at once");
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let wishes = [
            (two, MAIL.to_owned(), Wish { wanted: true, pace: Pace::Weekly }),
            (one, APP.to_owned(), Wish { wanted: false, pace: Pace::Now }),
        ];
        assert_eq!(told(&shown, MAIL, &[one, two], &wishes), [(two, Pace::Weekly)]);
        assert_eq!(told(&shown, APP, &[one, two], &wishes), [(two, Pace::Now)]);
    }
}
