//! Addresses that mail does not reach: what a mail server refuses at once, and what
//! a mail service reports afterwards. No notice is mailed to such an address until
//! its person has confirmed it, or has another one.

pub mod api;
mod pages;
mod store;
#[cfg(test)]
mod tests;

use axum::Router;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

pub use store::Unreachable;
pub(super) use store::of_person;

use super::contact::{self, CodeError, Way};
use super::{ACCOUNT_UNREACHABLE, Letter, MAIL_UNREACHABLE, MANAGE, Notice, To};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::outbox::{self, Channel, Message};
use crate::secrets::Secrets;
use crate::web::AppState;
use crate::web::keys::{Secret, hash_of_token};

/// The kind of the mail that holds a code.
const CODE: &str = "address.code";
/// Longest reason that is kept, in characters.
const LONGEST_REASON: usize = 300;

pub(super) fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}

/// Whether a refusal of a mail server is about the address, and not about the
/// letter or its sender: by the enhanced code (RFC 3463) where the server gives one,
/// else by the plain one.
#[must_use]
pub(super) fn is_about_the_address(code: u16, told: &str) -> bool {
    let enhanced = told.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| {
        let mut parts = word.split('.');
        let three = [parts.next()?, parts.next()?, parts.next()?].map(|part| part.parse::<u16>().ok());
        match (three, parts.next()) {
            ([Some(5), Some(subject), Some(detail)], None) => Some((subject, detail)),
            _ => None,
        }
    });
    match enhanced {
        // 5.1.7 and 5.1.8 are about the sender.
        Some((1, detail)) => !matches!(detail, 7 | 8),
        Some((2, 1)) => true,
        Some(_) => false,
        None => matches!(code, 550 | 551 | 553),
    }
}

/// What a Message-ID of ours says: the message, and the code of its tenant.
#[must_use]
fn message_of(message_id: &str) -> Option<(Uuid, &str)> {
    let local = message_id.trim().trim_start_matches('<').split('@').next()?;
    let (message, tenant) = local.split_once('.')?;
    Some((message.parse().ok()?, tenant))
}

/// Marks the address of a person, if it is still the one that did not get the mail;
/// whoever looks after deliveries is told, and the person. Answers whether it was
/// not known before.
///
/// # Errors
/// Those of the database.
pub(super) async fn mark(tx: &mut Tx, down: &Unreachable, now: DateTime<Utc>) -> Result<bool, DbError> {
    let reason: String = down.reason.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect();
    let down = &Unreachable { reason, ..down.clone() };
    if !store::mark(tx, down).await? {
        return Ok(false);
    }
    let entry = Entry {
        action: "address.unreachable",
        subject: &format!("user:{}", down.user_id),
        after: Some(json!({ "source": down.source, "delivery": down.message_id })),
        ..Entry::default()
    };
    audit::record(tx, entry).await?;
    let admins = Notice::new(To::Permission(MANAGE.code.to_owned()), "/deliveries/addresses")
        .with("name", &down.name)
        .with("email", &down.email);
    super::tell(tx, &MAIL_UNREACHABLE, &admins, now).await?;
    let person = Notice::new(To::Person(down.user_id), "/notices/settings").with("email", &down.email);
    super::tell(tx, &ACCOUNT_UNREACHABLE, &person, now).await?;
    Ok(true)
}

/// Lets mail go to the person's address again, as an administrator or the person
/// says; `false` when it was not marked.
///
/// # Errors
/// Those of the database.
pub async fn lift(db: &Db, cx: &Cx, user: Uuid) -> Result<bool, DbError> {
    db.tx(cx, async |tx| lift_in(tx, user).await).await
}

async fn lift_in(tx: &mut Tx, user: Uuid) -> Result<bool, DbError> {
    if !store::lift(tx, user).await? {
        return Ok(false);
    }
    let subject = format!("user:{user}");
    audit::record(tx, Entry { action: "address.reachable", subject: &subject, ..Entry::default() }).await?;
    Ok(true)
}

/// Mails a code to a marked address.
///
/// # Errors
/// [`CodeError`].
pub async fn send_code(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<(), CodeError> {
    db.tx(cx, async |tx| {
        if store::of_person(tx, user).await?.is_none() {
            return Err(CodeError::Nothing);
        }
        let code = contact::issue(tx, secrets, (user, Way::Mail), now).await?;
        let message =
            Message::new(Channel::Mail, CODE, Some(user), Letter::new("mail-address-code", "").body())
                .until(now + contact::LIFETIME)
                .sealing(secrets, tx.tenant(), code.as_bytes())?;
        Ok(outbox::put(tx, &message, now).await?)
    })
    .await
}

/// Takes a code that was mailed; the address is reachable then.
///
/// # Errors
/// [`CodeError::Wrong`].
pub async fn confirm(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    (user, typed): (Uuid, &str),
    now: DateTime<Utc>,
) -> Result<(), CodeError> {
    let right = db
        .tx(cx, async |tx| {
            let right = contact::check(tx, secrets, (user, Way::Mail), typed, now).await?;
            if right {
                lift_in(tx, user).await?;
            }
            Ok::<_, CodeError>(right)
        })
        .await?;
    if right { Ok(()) } else { Err(CodeError::Wrong) }
}

/// A new token for reports of bounced mail, in place of the one before; told this
/// once.
///
/// # Errors
/// Those of the database.
pub async fn token_create(db: &Db, cx: &Cx) -> Result<Secret, DbError> {
    let token = Secret::token();
    db.tx(cx, async |tx| {
        store::token_set(tx, &token.hash().0).await?;
        let entry = Entry { action: "mail.bounce_token", subject: "mail:settings", ..Entry::default() };
        audit::record(tx, entry).await?;
        Ok::<_, DbError>(())
    })
    .await?;
    Ok(token)
}

/// Whether the token is this tenant's.
async fn is_token(tx: &mut Tx, presented: &str) -> Result<bool, DbError> {
    let kept = store::token_hash(tx).await?;
    Ok(hash_of_token(presented).is_some_and(|hash| kept.as_deref() == Some(&hash.0[..])))
}

/// What became of a mail after the server took it.
#[derive(Debug, Clone)]
pub(super) struct Bounce {
    pub message: Uuid,
    /// Nobody can be reached there, or nobody wants to be: no more mail.
    pub lasting: bool,
    pub recipient: Option<String>,
    pub reason: String,
}

/// Takes a report of a bounced mail; `false` when there is no such mail, or its
/// person has another address by now.
pub(super) async fn take(tx: &mut Tx, bounce: &Bounce, now: DateTime<Utc>) -> Result<bool, DbError> {
    let Some(sent) = store::sent_to(tx, bounce.message).await? else {
        return Ok(false);
    };
    if bounce.recipient.as_ref().is_some_and(|to| !to.trim().eq_ignore_ascii_case(&sent.email)) {
        return Ok(false);
    }
    outbox::bounced(tx, bounce.message, &bounce.reason, now).await?;
    if bounce.lasting {
        let down = Unreachable {
            user_id: sent.user_id,
            name: sent.name,
            email: sent.email,
            reason: bounce.reason.clone(),
            source: "bounced".to_owned(),
            message_id: bounce.message,
            since: now,
        };
        mark(tx, &down, now).await?;
    }
    Ok(true)
}
