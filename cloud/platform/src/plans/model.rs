//! Plans and their limits, as values.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::i18n::{Texts, Value};
use crate::web::Problem;

/// Something that a plan opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Own logo and colours.
    Branding,
    /// Own mail server.
    OwnMail,
    /// Networks from which people and keys may come.
    Addresses,
}

impl Feature {
    /// All, in the order in which people see them.
    pub const ALL: [Self; 3] = [Self::Branding, Self::OwnMail, Self::Addresses];

    /// The name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Branding => "branding",
            Self::OwnMail => "own_mail",
            Self::Addresses => "addresses",
        }
    }

    /// The key of its text.
    #[must_use]
    pub fn text_key(self) -> String {
        format!("plan-feature-{}", self.name())
    }
}

/// What a plan limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// People with an account who are not disabled.
    Users,
    /// Plants.
    Plants,
    /// Events of a month: told of; what can begin later waits, what runs does not.
    Events,
    /// Bytes that are kept: told of, never enforced.
    Storage,
}

impl Limit {
    /// What is counted, in English.
    #[must_use]
    fn counted(self) -> &'static str {
        match self {
            Self::Events => "events a month",
            other => other.name(),
        }
    }

    /// The name, as in texts and codes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Plants => "plants",
            Self::Events => "events",
            Self::Storage => "storage",
        }
    }
}

/// What a plan allows; `None` is as much as one likes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = PlanLimits)]
pub struct Limits {
    /// People who have an account.
    pub users: Option<i32>,
    /// Plants.
    pub plants: Option<i32>,
    /// Events of a month.
    pub events_month: Option<i64>,
    /// Bytes that are kept.
    pub storage_bytes: Option<i64>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = AdminPlan)]
pub struct Plan {
    /// `STANDARD`.
    pub plan: String,
    /// For people.
    pub name: String,
    /// What it allows.
    #[serde(flatten)]
    pub limits: Limits,
    /// Days of its trial; `None` when it is none.
    pub trial_days: Option<i32>,
    /// Names of features that it opens.
    pub features: Vec<String>,
    /// `shared` or `own` database.
    pub placement: String,
    /// Administrators of its tenants must have a second step of sign-in.
    pub admins_second_step: bool,
    /// Whom its tenants ask for more; empty: whoever runs the cloud.
    pub contact: String,
    /// Of tenants to whom nobody gave a plan.
    pub is_default: bool,
    /// Given to nobody any more.
    pub retired_at: Option<DateTime<Utc>>,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

/// What the plan of a tenant allows, as its own transactions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Code of the plan.
    pub plan: String,
    /// Its name.
    pub name: String,
    /// What it allows.
    pub limits: Limits,
    /// Names of features.
    pub features: Vec<String>,
    /// Administrators must have a second step of sign-in.
    pub admins_second_step: bool,
    /// Whom to ask for more.
    pub contact: String,
    /// When the trial ends, if it is one.
    pub trial_ends_at: Option<DateTime<Utc>>,
}

impl Held {
    /// Whether the plan opens a feature.
    #[must_use]
    pub fn opens(&self, feature: Feature) -> bool {
        self.features.iter().any(|name| name == feature.name())
    }
}

/// A limit that is reached: what it is, what is used, and whom to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the plan {plan} allows {allowed} {}, and {used} are there; ask {} for more",
    limit.counted(),
    if contact.is_empty() { "whoever runs this cloud" } else { contact }
)]
pub struct Reached {
    /// Which.
    pub limit: Limit,
    /// How many the plan allows.
    pub allowed: i64,
    /// How many there are.
    pub used: i64,
    /// The plan's name.
    pub plan: String,
    /// Whom to ask; empty: whoever runs the cloud.
    pub contact: String,
}

impl Reached {
    /// For people, in their language.
    #[must_use]
    pub fn say(&self, texts: &Texts) -> String {
        let contact =
            if self.contact.is_empty() { texts.t("plan-contact-none") } else { self.contact.clone() };
        texts.with(
            &format!("plan-reached-{}", self.limit.name()),
            &[
                ("plan", Value::from(self.plan.as_str())),
                ("allowed", Value::from(texts.number(self.allowed))),
                ("used", Value::from(texts.number(self.used))),
                ("contact", Value::from(contact)),
            ],
        )
    }
}

impl From<Reached> for Problem {
    fn from(reached: Reached) -> Self {
        let problem = Self::new(StatusCode::CONFLICT, "plan.limit", reached.to_string());
        problem.told_by(move |texts| reached.say(texts))
    }
}

/// How much of `allowed` is used, in percent, rounded down: 100 only when it is
/// all used. `None` without a limit.
#[must_use]
pub fn percent(used: i64, allowed: Option<i64>) -> Option<i64> {
    let allowed = allowed.filter(|allowed| *allowed > 0)?;
    let share = i128::from(used.max(0)) * 100 / i128::from(allowed);
    Some(i64::try_from(share).unwrap_or(i64::MAX))
}

/// The highest of the marks at which people are told that is reached: 80 or 100.
#[must_use]
pub fn mark(used: i64, allowed: Option<i64>) -> Option<i64> {
    let percent = percent(used, allowed)?;
    [100, 80].into_iter().find(|mark| percent >= *mark)
}

/// A number of bytes for people: `512 MB`, `1.5 GB`, in steps of 1024.
#[must_use]
pub fn bytes(count: i64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let count = count.max(0);
    let mut unit = 0;
    let mut whole = count;
    let mut rest = 0;
    while whole >= 1024 && unit + 1 < UNITS.len() {
        rest = whole % 1024;
        whole /= 1024;
        unit += 1;
    }
    let tenth = rest * 10 / 1024;
    match tenth {
        0 => format!("{whole} {}", UNITS[unit]),
        tenth => format!("{whole}.{tenth} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_at_80_and_100_and_none_without_a_limit() {
        assert_eq!(mark(79, Some(100)), None);
        assert_eq!(mark(80, Some(100)), Some(80));
        assert_eq!(mark(99, Some(100)), Some(80));
        assert_eq!(mark(100, Some(100)), Some(100));
        assert_eq!(mark(i64::MAX, Some(1)), Some(100));
        assert_eq!((mark(5, None), percent(5, Some(0))), (None, None));
        assert_eq!(percent(999, Some(1000)), Some(99), "not all is used");
    }

    #[test]
    fn bytes_read_well() {
        let said: Vec<String> = [0, 1023, 1024, 1536, 5 << 30, 5368709120 + (1 << 29)].map(bytes).into();
        assert_eq!(said, ["0 B", "1023 B", "1 KB", "1.5 KB", "5 GB", "5.5 GB"]);
    }

    #[test]
    fn what_is_reached_says_whom_to_ask() {
        let reached = Reached {
            limit: Limit::Users,
            allowed: 10,
            used: 10,
            plan: "Trial".into(),
            contact: "sales@example.com".into(),
        };
        let told = reached.to_string();
        assert!(told.contains("Trial") && told.contains("10 users") && told.contains("sales@"), "{told}");
    }
}
