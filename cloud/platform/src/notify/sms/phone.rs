//! A person's number: verified by a code before anything else goes there.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::provider::Provider;
use super::store::{self, Phone};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::notify::Letter;
use crate::notify::contact::{self, CodeError, Way};
use crate::outbox::{self, Channel, Message};
use crate::secrets::{SecretError, Secrets};
use crate::web::Problem;

/// The kind of the message that holds a code.
pub(in crate::notify) const CODE: &str = "phone.code";
/// The kind of a message by which an administrator tries the provider.
pub(in crate::notify) const TEST: &str = "sms.test";

/// A number as the person sees it: its end alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// `…43210`.
    pub ending: String,
    /// Whether the person has shown that it is the own.
    pub verified: bool,
    /// A code is on its way.
    pub code_sent: bool,
}

/// Why something about a number was not done.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// Not a number with its country.
    #[error("a number with its country code is expected, such as +91 98765 43210")]
    Number,
    /// Nobody has set up text messages.
    #[error("text messages are not set up")]
    Unusable,
    /// There is none, or it is not verified.
    #[error("there is no verified number")]
    Unverified,
    /// The code.
    #[error(transparent)]
    Code(#[from] CodeError),
}

impl From<DbError> for PhoneError {
    fn from(error: DbError) -> Self {
        Self::Code(error.into())
    }
}

impl From<sqlx::Error> for PhoneError {
    fn from(error: sqlx::Error) -> Self {
        Self::Code(error.into())
    }
}

impl From<SecretError> for PhoneError {
    fn from(error: SecretError) -> Self {
        Self::Code(error.into())
    }
}

impl PhoneError {
    /// The key of its text; `None` for what is no mistake of the person.
    #[must_use]
    pub fn text_key(&self) -> Option<&'static str> {
        match self {
            Self::Number => Some("phone-error-number"),
            Self::Unusable => Some("phone-error-unusable"),
            Self::Unverified => Some("phone-error-unverified"),
            Self::Code(error) => error.text_key(),
        }
    }
}

impl From<PhoneError> for Problem {
    fn from(error: PhoneError) -> Self {
        let told = error.to_string();
        match error {
            PhoneError::Code(error) => error.into(),
            PhoneError::Number => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "phone.number", &told);
                problem.field("number", told)
            }
            _ => Self::conflict("phone.unusable", told),
        }
    }
}

/// What a number is sealed for.
pub(super) fn field(user: Uuid) -> String {
    format!("phone:{user}")
}

/// What a person's number is sealed for, and the sealed number, if there is one: for
/// who hands out what is held of the person.
///
/// # Errors
/// Those of the database.
pub async fn sealed(tx: &mut Tx, user: Uuid) -> Result<Option<(String, Vec<u8>)>, DbError> {
    Ok(store::phone(tx, user).await?.map(|phone| (field(user), phone.number)))
}

/// A number as typed, in E.164: a plus, the country, at most 15 digits; `None` when
/// it is none. Spaces, dashes, dots and brackets are passed over.
#[must_use]
pub(super) fn e164(typed: &str) -> Option<String> {
    if typed.len() > 40 {
        return None;
    }
    let bare: String =
        typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.' | '(' | ')' | '/')).collect();
    let digits = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00"))?;
    let right = (8..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    right.then(|| format!("+{digits}"))
}

/// The person's number, if there is one.
///
/// # Errors
/// Those of the database.
pub async fn standing(tx: &mut Tx, user: Uuid, now: DateTime<Utc>) -> Result<Option<Number>, DbError> {
    let Some(Phone { ending, verified_at, .. }) = store::phone(tx, user).await? else {
        return Ok(None);
    };
    let code_sent = contact::pending(tx, (user, Way::Sms), now).await?;
    Ok(Some(Number { ending, verified: verified_at.is_some(), code_sent }))
}

/// Keeps a number in place of the one before, and sends a code to it.
///
/// # Errors
/// [`PhoneError`].
pub(super) async fn set(
    db: &Db,
    cx: &Cx,
    (secrets, of_cloud): (&Secrets, Option<&Provider>),
    (user, typed): (Uuid, &str),
    now: DateTime<Utc>,
) -> Result<(), PhoneError> {
    let number = e164(typed).ok_or(PhoneError::Number)?;
    // Its last digits tell its owner which one it is, and nobody else.
    let ending = number[number.len() - 4..].to_owned();
    let sealed = secrets.seal(cx.tenant, &field(user), number.as_bytes())?;
    db.tx(cx, async |tx| {
        if !super::usable(tx, of_cloud).await? {
            return Err(PhoneError::Unusable);
        }
        let code = contact::issue(tx, secrets, (user, Way::Sms), now).await?;
        store::phone_set(tx, user, &sealed, &ending).await?;
        record(tx, user, "phone.set", json!({})).await?;
        let letter = Letter::new("sms-code", "");
        let message = Message::new(Channel::Sms, CODE, Some(user), letter.body())
            .until(now + contact::LIFETIME)
            .sealing(secrets, tx.tenant(), code.as_bytes())?;
        Ok(outbox::put(tx, &message, now).await?)
    })
    .await
}

/// Takes the code that was sent; the number is verified then.
///
/// # Errors
/// [`CodeError::Wrong`].
pub(super) async fn confirm(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    (user, typed): (Uuid, &str),
    now: DateTime<Utc>,
) -> Result<(), PhoneError> {
    let right = db
        .tx(cx, async |tx| {
            let right = contact::check(tx, secrets, (user, Way::Sms), typed, now).await?
                && store::phone_verified(tx, user, now).await?;
            if right {
                record(tx, user, "phone.verify", json!({})).await?;
            }
            Ok::<_, PhoneError>(right)
        })
        .await?;
    if right { Ok(()) } else { Err(CodeError::Wrong.into()) }
}

/// Forgets the person's number.
///
/// # Errors
/// Those of the database.
pub(super) async fn delete(db: &Db, cx: &Cx, user: Uuid) -> Result<(), PhoneError> {
    db.tx(cx, async |tx| {
        if store::phone_delete(tx, user).await? {
            record(tx, user, "phone.delete", json!({})).await?;
        }
        Ok(())
    })
    .await
}

/// Sends a message to the person's own number, to try the provider.
///
/// # Errors
/// [`PhoneError::Unverified`].
pub(super) async fn test(db: &Db, cx: &Cx, user: Uuid, now: DateTime<Utc>) -> Result<(), PhoneError> {
    db.tx(cx, async |tx| {
        if store::phone(tx, user).await?.is_none_or(|phone| phone.verified_at.is_none()) {
            return Err(PhoneError::Unverified);
        }
        let message = Message::new(Channel::Sms, TEST, Some(user), Letter::new("sms-test-text", "").body())
            .until(now + contact::LIFETIME);
        Ok(outbox::put(tx, &message, now).await?)
    })
    .await
}

async fn record(tx: &mut Tx, user: Uuid, action: &str, after: serde_json::Value) -> Result<(), DbError> {
    let subject = format!("user:{user}");
    audit::record(tx, Entry { action, subject: &subject, after: Some(after), ..Entry::default() }).await
}

#[cfg(test)]
mod tests {
    use super::e164;

    #[test]
    fn numbers_are_kept_in_one_form() {
        for (typed, kept) in [
            ("+91 98765-43210", Some("+919876543210")),
            ("0091 (98765) 43210", Some("+919876543210")),
            ("+1.415.555.0100", Some("+14155550100")),
            ("9876543210", None),
            ("+0919876543210", None),
            ("+91 98765 4321x", None),
            ("+1234567", None),
            ("+1234567890123456", None),
            ("+91+98765432", None),
            ("", None),
        ] {
            assert_eq!(e164(typed).as_deref(), kept, "{typed}");
        }
    }
}
