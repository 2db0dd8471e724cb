//! What is asked for a person: a look, a copy, a consent; each is in the audit.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

pub use super::erase::erase;
use super::held;
use super::model::{Person, PersonalError};
use super::store::{self, Consent, Found};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, Tx};
use crate::secrets::Secrets;
use crate::workflow::{self, UnderWay};

/// People whose name, e-mail or code holds the text; none for less than two
/// characters.
pub(super) async fn search(db: &Db, cx: &Cx, text: &str) -> Result<Vec<Found>, PersonalError> {
    let text = text.trim().to_lowercase();
    if text.chars().count() < 2 {
        return Ok(Vec::new());
    }
    db.tx(cx, async |tx| Ok(store::search(tx, &text).await?)).await
}

async fn record(
    tx: &mut Tx,
    action: &str,
    person: &Person,
    after: Option<Value>,
) -> Result<(), PersonalError> {
    let subject = person.subject();
    Ok(audit::record(tx, Entry { action, subject: &subject, before: None, after }).await?)
}

/// What is held of a person, for somebody to look at: who looked is in the audit.
///
/// # Errors
/// [`PersonalError::NotFound`].
pub async fn open(
    db: &Db,
    secrets: &Secrets,
    cx: &Cx,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<Value, PersonalError> {
    let document = held::document(db, secrets, cx, person, now).await?;
    db.tx(cx, async |tx| record(tx, "personal.read", person, None).await).await?;
    Ok(document)
}

/// The same as a copy for the person, which is written down as a request.
///
/// # Errors
/// [`PersonalError::NotFound`].
pub async fn export(
    db: &Db,
    secrets: &Secrets,
    cx: &Cx,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<Value, PersonalError> {
    let document = held::document(db, secrets, cx, person, now).await?;
    db.tx(cx, async |tx| {
        store::request_insert(tx, person, "export", true, "", now).await?;
        record(tx, "personal.export", person, None).await
    })
    .await?;
    Ok(document)
}

/// What is shown of a person's name and consents.
pub(super) async fn consents(
    db: &Db,
    cx: &Cx,
    person: &Person,
) -> Result<(String, Vec<Consent>), PersonalError> {
    db.tx(cx, async |tx| {
        let (name, _) = store::names(tx, person).await?.ok_or(PersonalError::NotFound)?;
        Ok((name, store::consents(tx, person).await?))
    })
    .await
}

/// Documents of the office that are on their way and wait for a person.
///
/// # Errors
/// [`PersonalError::NotFound`].
pub(super) async fn under_way(db: &Db, cx: &Cx, person: &Person) -> Result<Vec<UnderWay>, PersonalError> {
    db.tx(cx, async |tx| {
        store::names(tx, person).await?.ok_or(PersonalError::NotFound)?;
        match person.user() {
            Some(user) => Ok(workflow::under_way(tx, user).await?),
            None => Ok(Vec::new()),
        }
    })
    .await
}

/// Writes down that a person agreed to something, in which wording.
///
/// # Errors
/// [`PersonalError::Consent`] when purpose or wording are missing or too long.
pub(super) async fn give(
    db: &Db,
    cx: &Cx,
    person: &Person,
    purpose: &str,
    text_version: &str,
    now: DateTime<Utc>,
) -> Result<Uuid, PersonalError> {
    let (purpose, text_version) = (purpose.trim(), text_version.trim());
    let fits =
        |text: &str, most| (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !fits(purpose, 120) || !fits(text_version, 60) {
        return Err(PersonalError::Consent);
    }
    db.tx(cx, async |tx| {
        store::names(tx, person).await?.ok_or(PersonalError::NotFound)?;
        let id = Uuid::now_v7();
        store::consent_insert(tx, id, person, purpose, text_version, now).await?;
        let after = json!({ "purpose": purpose, "text_version": text_version });
        record(tx, "consent.give", person, Some(after)).await?;
        Ok(id)
    })
    .await
}

/// Writes down that a consent was withdrawn.
///
/// # Errors
/// [`PersonalError::NotFound`] when it was already, or never given.
pub(super) async fn withdraw(
    db: &Db,
    cx: &Cx,
    person: &Person,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), PersonalError> {
    db.tx(cx, async |tx| {
        if !store::consent_withdraw(tx, id, person, now).await? {
            return Err(PersonalError::NotFound);
        }
        record(tx, "consent.withdraw", person, Some(json!({ "consent": id }))).await
    })
    .await
}
