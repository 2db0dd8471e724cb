//! Codes by which a person shows that an address or a number is the own: six
//! digits, sent there, good for a quarter of an hour and a few tries.

mod store;

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::db::{DbError, Tx};
use crate::secrets::{SecretError, Secrets};
use crate::web::Problem;

/// How long a code is good.
pub(super) const LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// How long to wait before the next one.
const BETWEEN: TimeDelta = TimeDelta::minutes(1);
/// Wrong codes after which it is void.
const TRIES: i32 = 5;

/// Where a code goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Mail,
    Sms,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sms => "sms",
        }
    }
}

/// Why a code was not sent or taken.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// One was sent a moment ago.
    #[error("a code was sent less than a minute ago; look for it, or ask again in a minute")]
    Wait,
    /// It is another, too old, or was tried too often.
    #[error("this code is not right or too old; ask for a new one")]
    Wrong,
    /// There is nothing to confirm.
    #[error("there is nothing to confirm")]
    Nothing,
    /// A secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for CodeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl CodeError {
    /// The key of its text; `None` for what is no mistake of the person.
    #[must_use]
    pub fn text_key(&self) -> Option<&'static str> {
        match self {
            Self::Wait => Some("contact-error-wait"),
            Self::Wrong => Some("contact-error-code"),
            Self::Nothing => Some("contact-error-nothing"),
            Self::Secret(_) | Self::Db(_) => None,
        }
    }
}

impl From<CodeError> for Problem {
    fn from(error: CodeError) -> Self {
        let told = error.to_string();
        match error {
            CodeError::Db(error) => error.into(),
            CodeError::Secret(error) => Self::internal(error),
            CodeError::Wait => Self::new(StatusCode::TOO_MANY_REQUESTS, "contact.wait", told),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "contact.code", told),
        }
    }
}

fn field(user: Uuid, way: Way) -> String {
    format!("contact_code:{}:{user}", way.name())
}

/// A new code; the one before is void.
///
/// # Errors
/// [`CodeError::Wait`] when one was made a moment ago.
pub(super) async fn issue(
    tx: &mut Tx,
    secrets: &Secrets,
    (user, way): (Uuid, Way),
    now: DateTime<Utc>,
) -> Result<String, CodeError> {
    let code = format!("{:06}", rand::random_range(0..1_000_000));
    let sealed = secrets.seal(tx.tenant(), &field(user, way), code.as_bytes())?;
    if !store::put(tx, (user, way.name()), &sealed, (now, now + LIFETIME), now - BETWEEN).await? {
        return Err(CodeError::Wait);
    }
    Ok(code)
}

/// Whether the code is the one that was sent; then it is used up. A wrong one is
/// counted, so commit whatever this answers.
///
/// # Errors
/// Those of the database and of secrets.
pub(super) async fn check(
    tx: &mut Tx,
    secrets: &Secrets,
    (user, way): (Uuid, Way),
    typed: &str,
    now: DateTime<Utc>,
) -> Result<bool, CodeError> {
    let tenant = tx.tenant();
    let Some((sealed, tries, expires_at)) = store::find(tx, (user, way.name())).await? else {
        return Ok(false);
    };
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).take(20).collect();
    let code = secrets.open(tenant, &field(user, way), &sealed)?;
    if tries >= TRIES || expires_at <= now || code != typed.as_bytes() {
        store::count(tx, (user, way.name())).await?;
        return Ok(false);
    }
    store::delete(tx, (user, way.name())).await?;
    Ok(true)
}

/// Whether a code is on its way.
pub(super) async fn pending(
    tx: &mut Tx,
    (user, way): (Uuid, Way),
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let found = store::find(tx, (user, way.name())).await?;
    Ok(found.is_some_and(|(_, tries, expires_at)| tries < TRIES && expires_at > now))
}
