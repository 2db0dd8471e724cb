//! Why something about people was not done.

use std::sync::Arc;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};

use super::password::Weakness;
use super::roles::RoleUses;
use super::within::Beyond;
use crate::db::DbError;
use crate::i18n::Texts;
use crate::plans::{Denied, Reached};
use crate::secrets::SecretError;
use crate::web::Problem;

/// Why something about people was not done. The field it lies in, where there is
/// one, is that of [`PeopleError::field`].
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// Not an e-mail address.
    #[error("an e-mail address is expected, such as ananya@example.com")]
    Email,
    /// Empty, too long, or with control characters.
    #[error("a name of 1 to 80 characters is expected")]
    Name,
    /// Somebody of this e-mail is there already.
    #[error("there is somebody with this e-mail address already")]
    Exists,
    /// A role code that the tenant does not have, or not the form of one.
    #[error("there is no such role")]
    Role,
    /// [`PeopleError::Role`] among the roles that are given, at this place from 1.
    #[error("there is no such role")]
    RoleAt(usize),
    /// The role that is given at this place from 1 is given before already.
    #[error("this role is named twice")]
    RoleTwice(usize),
    /// More roles than one person is given.
    #[error("a person is given 100 roles at most")]
    ManyRoles,
    /// Somebody is to be invited who would have no role, and so no right.
    #[error("at least one role is expected: without any, this person may do nothing")]
    NoRole,
    /// A plant that the tenant does not have, or none where some were to be named, for the role
    /// that is given at this place from 1.
    #[error("there is no such plant")]
    Plant(usize),
    /// More plants than a role is given at, for the one that is given at this place from 1.
    #[error("a role is given at 200 plants at most, or at all")]
    ManyPlants(usize),
    /// The administrator's role, which is given at this place from 1, is for all plants.
    #[error("an administrator is one of all plants")]
    AdminEverywhere(usize),
    /// Not an amount of money and a currency.
    #[error("an amount from 0 with at most six decimals, and a currency of three letters, are expected")]
    Limit,
    /// Not the IANA name of a time zone.
    #[error("a time zone is expected, such as Asia/Kolkata")]
    TimeZone,
    /// A permission that no part declares.
    #[error("there is no such permission")]
    Permission,
    /// The administrator's role has everything, always.
    #[error("the administrator's role cannot be changed")]
    AdminRole,
    /// The password is not good enough.
    #[error(transparent)]
    Weak(#[from] Weakness),
    /// The password in force was asked for, and is another.
    #[error("the present password is another")]
    WrongPassword,
    /// The link is unknown, used or too old.
    #[error("this link is not valid any more")]
    LinkGone,
    /// The organisation's people sign in by their provider.
    #[error("people of this organisation sign in by its provider")]
    ByProvider,
    /// No such person.
    #[error("there is no such person")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// Nobody would be left who can administer.
    #[error("somebody active must stay an administrator")]
    LastAdministrator,
    /// While passwords are left out, an administrator who has one must stay.
    #[error("an active administrator with a password must stay while people sign in by the provider alone")]
    LastWayBack,
    /// It reaches beyond what whoever acts holds.
    #[error(transparent)]
    Beyond(#[from] Beyond),
    /// A role that is made with the tenant is neither renamed nor deleted.
    #[error("a role that every tenant has is neither renamed nor deleted")]
    BuiltIn,
    /// A role that something names is not deleted.
    #[error("the role is in use: {0}")]
    InUse(RoleUses),
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    NoRandom,
    /// A code of the second step is wrong, used, or too old.
    #[error("this code is not right, or was used already")]
    Code,
    /// Too many wrong codes; the next one is judged after this moment.
    #[error("too many tries, wait until {0}")]
    Wait(DateTime<Utc>),
    /// A role asks for the second step.
    #[error("a role of this person asks for two-step sign-in")]
    Required,
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The tenant's plan allows no more people.
    #[error(transparent)]
    PlanLimit(#[from] Reached),
    /// The database failed; nothing changed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl PeopleError {
    /// The field of a form that it lies in.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Email | Self::Exists => Some("email"),
            Self::Name => Some("name"),
            Self::Role
            | Self::RoleAt(_)
            | Self::RoleTwice(_)
            | Self::ManyRoles
            | Self::NoRole
            | Self::AdminEverywhere(_) => Some("role"),
            Self::Plant(_) | Self::ManyPlants(_) => Some("plant"),
            Self::Limit => Some("amount"),
            Self::TimeZone => Some("time_zone"),
            Self::Weak(_) => Some("password"),
            Self::WrongPassword => Some("present"),
            Self::Code => Some("code"),
            _ => None,
        }
    }

    /// The place, from 1, among the roles that are given at which it lies.
    #[must_use]
    pub fn place(&self) -> Option<usize> {
        match self {
            Self::RoleAt(place)
            | Self::RoleTwice(place)
            | Self::Plant(place)
            | Self::ManyPlants(place)
            | Self::AdminEverywhere(place) => Some(*place),
            _ => None,
        }
    }

    /// The status of a page that tells it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        if matches!(self, Self::Beyond(_)) { StatusCode::FORBIDDEN } else { StatusCode::UNPROCESSABLE_ENTITY }
    }

    /// The key of its text for people.
    #[must_use]
    pub fn text_key(&self) -> &'static str {
        match self {
            Self::Email => "people-error-email",
            Self::Name => "people-error-name",
            Self::Exists => "people-error-exists",
            Self::Role | Self::RoleAt(_) => "people-error-role",
            Self::RoleTwice(_) => "people-error-role-twice",
            Self::ManyRoles => "people-error-many-roles",
            Self::NoRole => "people-error-no-role",
            Self::Plant(_) => "people-error-plant",
            Self::ManyPlants(_) => "people-error-many-plants",
            Self::AdminEverywhere(_) => "people-error-admin-everywhere",
            Self::Limit => "people-error-limit",
            Self::TimeZone => "people-error-time-zone",
            Self::Permission => "people-error-permission",
            Self::AdminRole => "people-error-admin-role",
            Self::Weak(weakness) => weakness.text_key(),
            Self::WrongPassword => "people-error-wrong-password",
            Self::LinkGone => "people-error-link",
            Self::ByProvider => "provider-instead",
            Self::NotFound => "error-not_found",
            Self::Stale => "error-conflict-stale",
            Self::LastAdministrator => "people-error-last-administrator",
            Self::LastWayBack => "people-error-last-way-back",
            Self::Beyond(_) => "people-error-beyond-all",
            Self::BuiltIn => "people-error-built-in",
            Self::InUse(_) => "people-error-in-use",
            Self::Code => "people-error-code",
            Self::Wait(_) => "people-error-wait",
            Self::Required => "people-error-required",
            Self::PlanLimit(_) => "plan-reached-users",
            Self::NoRandom | Self::Secret(_) | Self::Db(_) => "error-internal",
        }
    }
}

impl From<Denied> for PeopleError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Reached(reached) => Self::PlanLimit(reached),
            Denied::Db(error) => Self::Db(error),
            // People are no feature.
            Denied::Feature { .. } => Self::NotFound,
        }
    }
}

impl From<sqlx::Error> for PeopleError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<PeopleError> for Problem {
    fn from(error: PeopleError) -> Self {
        let detail = error.to_string();
        let problem = match &error {
            PeopleError::NotFound => return Self::not_found(),
            PeopleError::NoRandom | PeopleError::Secret(_) => return Self::internal(detail),
            PeopleError::Wait(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, "people.wait", &detail),
            PeopleError::Db(_) => {
                let PeopleError::Db(error) = error else { return Self::internal(detail) };
                return error.into();
            }
            PeopleError::Stale => return Self::conflict("conflict.stale", ""),
            PeopleError::PlanLimit(reached) => return reached.clone().into(),
            PeopleError::Exists => Self::conflict("people.exists", &detail),
            PeopleError::LastAdministrator => Self::conflict("people.last_administrator", &detail),
            PeopleError::LastWayBack => Self::conflict("people.last_way_back", &detail),
            PeopleError::InUse(_) => Self::conflict("people.role_in_use", &detail),
            PeopleError::Beyond(beyond) => return beyond.clone().into(),
            PeopleError::LinkGone => Self::new(StatusCode::GONE, "people.link", &detail),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "people.invalid", &detail),
        };
        // What needs values of its own is said by whoever has them.
        let say: Arc<dyn Fn(&Texts) -> String + Send + Sync> = match &error {
            PeopleError::InUse(uses) => {
                let uses = uses.clone();
                Arc::new(move |texts| uses.say(texts))
            }
            PeopleError::Wait(_) => Arc::new(|texts| texts.t("error-limit-caller")),
            error => {
                let key = error.text_key();
                Arc::new(move |texts| texts.t(key))
            }
        };
        let say = move |texts: &Texts| say(texts);
        match error.field() {
            Some(field) => problem.both_told_by(field, say),
            None => problem.told_by(say),
        }
    }
}
