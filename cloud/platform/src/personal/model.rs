//! Who a person is here, and why a request of theirs failed.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::DbError;
use crate::files::FilesError;
use crate::i18n::Texts;
use crate::masters::MastersError;
use crate::people::{Beyond, PeopleError};
use crate::secrets::SecretError;
use crate::web::Problem;
use crate::workflow::UnderWay;

/// In which way somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Works in the office, with an account.
    User,
    /// Works at stations.
    Operator,
    /// Works for a supplier or customer.
    Contact,
}

impl Kind {
    /// All, in order.
    pub const ALL: [Self; 3] = [Self::User, Self::Operator, Self::Contact];

    /// The name, as stored and in addresses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Contact => "contact",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The key of its text.
    #[must_use]
    pub fn text_key(self) -> String {
        format!("personal-kind-{}", self.name())
    }

    /// The kind of people who are rows of this master, if they are.
    #[must_use]
    pub fn of_master(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.master() == Some(name))
    }

    /// The master whose row the person is, if it is one.
    pub(super) fn master(self) -> Option<&'static str> {
        match self {
            Self::User => None,
            Self::Operator => Some("operators"),
            Self::Contact => Some("contacts"),
        }
    }
}

/// Somebody, by an id that says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// In which way.
    pub kind: Kind,
    /// A user's id, an operator's or contact's code.
    pub key: String,
}

impl Person {
    /// As the audit names the person.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{}:{}", self.kind.name(), self.key)
    }

    /// The id of a user.
    pub(super) fn user(&self) -> Option<Uuid> {
        if self.kind == Kind::User { self.key.parse().ok() } else { None }
    }
}

/// What erasure did with what others wrote of the person and were told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PersonErased)]
pub struct Erased {
    /// How often the full name, e-mail address or phone number was taken out.
    pub replaced: usize,
    /// What may be the person and was left, for somebody to decide.
    pub left: Vec<Left>,
    /// Documents of the office that are still on their way and waited for the person.
    pub under_way: Vec<UnderWay>,
}

impl Erased {
    /// How many texts were left.
    #[must_use]
    pub fn found(&self) -> usize {
        self.left.iter().map(|left| left.count).sum()
    }
}

/// A place where something was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PersonLeft)]
pub struct Left {
    /// `holds.reason`
    pub place: String,
    /// How often.
    pub count: usize,
    /// Some of them, with what stands around.
    pub snippets: Vec<String>,
}

impl Left {
    /// What the place is called, as `texts` has it.
    pub(super) fn label(&self, texts: &Texts) -> String {
        super::words::place(texts, &self.place)
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum PersonalError {
    /// There is no such person.
    #[error("not found")]
    NotFound,
    /// The law says that records must be kept.
    #[error("must be kept until {until}: {basis}")]
    Kept {
        /// The first day on which they may go.
        until: NaiveDate,
        /// Which records, and which law.
        basis: String,
    },
    /// The last one who administers cannot go.
    #[error("the last administrator")]
    LastAdministrator,
    /// The last administrator with a password cannot go while people sign in by a provider
    /// alone.
    #[error("the last way back")]
    LastWayBack,
    /// The person has more than whoever acts holds.
    #[error(transparent)]
    Beyond(#[from] Beyond),
    /// Nobody erases the account by which they are signed in.
    #[error("oneself")]
    Oneself,
    /// The code that was typed is not the person's.
    #[error("not confirmed")]
    NotConfirmed,
    /// What was written down of a consent is not right.
    #[error("consent")]
    Consent,
    /// Sealed fields did not open.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// Files were not removed.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A master's row was not read.
    #[error(transparent)]
    Masters(#[from] MastersError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<PeopleError> for PersonalError {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::LastAdministrator => Self::LastAdministrator,
            PeopleError::LastWayBack => Self::LastWayBack,
            PeopleError::Beyond(beyond) => Self::Beyond(beyond),
            PeopleError::Db(error) => Self::Db(error),
            _ => Self::NotFound,
        }
    }
}

impl From<sqlx::Error> for PersonalError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl PersonalError {
    /// What is wrong and what to do, in the reader's language; `None` when it is
    /// not about what was asked.
    #[must_use]
    pub fn say(&self, texts: &Texts) -> Option<String> {
        Some(match self {
            Self::Kept { until, basis } => texts.with(
                "personal-wrong-kept",
                &[("until", until.to_string().into()), ("basis", basis.as_str().into())],
            ),
            Self::LastAdministrator => texts.t("personal-wrong-administrator"),
            Self::LastWayBack => texts.t("people-error-last-way-back"),
            Self::Oneself => texts.t("personal-wrong-oneself"),
            Self::NotConfirmed => texts.t("personal-wrong-confirm"),
            Self::Consent => texts.t("personal-wrong-consent"),
            _ => return None,
        })
    }

    /// As it is answered, in the caller's language.
    #[must_use]
    pub fn problem(self, texts: &Texts) -> Problem {
        let said = self.say(texts).unwrap_or_default();
        match self {
            Self::NotFound => Problem::not_found(),
            Self::Kept { .. } => Problem::conflict("personal.must_be_kept", said),
            Self::LastAdministrator => Problem::conflict("personal.last_administrator", said),
            Self::LastWayBack => Problem::conflict("people.last_way_back", said),
            Self::Beyond(beyond) => Problem { detail: beyond.say(texts), ..beyond.into() },
            Self::Oneself => Problem::conflict("personal.oneself", said),
            Self::NotConfirmed | Self::Consent => Problem::bad_request("request.invalid", said),
            Self::Secrets(error) => Problem::internal(error),
            Self::Files(error) => error.problem(texts),
            Self::Masters(error) => error.problem(texts),
            Self::Db(error) => error.into(),
        }
    }
}

/// The first day on which records may go that must be kept for `years` after the
/// last of them.
#[must_use]
pub(super) fn free_on(last: DateTime<Utc>, years: i32) -> NaiveDate {
    let day = last.date_naive();
    // 29 February becomes 1 March.
    NaiveDate::from_ymd_opt(day.year() + years, day.month(), day.day())
        .or_else(|| NaiveDate::from_ymd_opt(day.year() + years, 3, 1))
        .unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_are_counted_by_the_calendar() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(free_on(at("2024-02-29T10:00:00Z"), 5).to_string(), "2029-03-01");
        assert_eq!(free_on(at("2026-11-26T23:59:00Z"), 3).to_string(), "2029-11-26");
        assert_eq!(free_on(at("2026-11-26T23:59:00Z"), 0).to_string(), "2026-11-26");
    }
}
