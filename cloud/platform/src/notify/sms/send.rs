//! A claimed message on its way to a provider.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::parts::{fit, parts};
use super::phone::{CODE, TEST, field};
use super::provider::{MOST_PARTS, Provider, Values};
use super::{settings, store};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::i18n::{Lang, Value as Text, zone};
use crate::notify::courier::{Courier, Unsent};
use crate::notify::mail::{self, Letter};
use crate::notify::store::{Reader, Sender, reader, sender};
use crate::notify::values;
use crate::outbound::CallError;
use crate::outbox::{self, Claimed, Failure};

/// The bound of a day that a message went over.
#[derive(Debug, Clone)]
pub(in crate::notify) struct Bound {
    pub day: NaiveDate,
    pub told: String,
}

/// What it takes to send one message.
struct Ready {
    provider: Provider,
    number: String,
    text: String,
    user: Uuid,
    /// The tenant's day, by which messages are counted.
    day: NaiveDate,
    parts: i32,
}

/// Sends a message; answers the provider's own id of it.
pub(in crate::notify) async fn send(
    courier: &Courier,
    db: &Db,
    cx: &Cx,
    claimed: &Claimed,
    now: DateTime<Utc>,
) -> Result<String, Unsent> {
    let ready = db.tx(cx, async |tx| prepare(courier, tx, claimed, now).await).await?;
    let id = claimed.id.to_string();
    let values = Values { number: &ready.number, text: &ready.text, id: &id, kind: &claimed.kind };
    let call = ready
        .provider
        .call(&values)
        .ok_or_else(|| Failure::Again("the provider of text messages is not set up right".to_owned()))?;
    // Counted before it is sent, so that a runaway costs no more than its bound though
    // workers end in between.
    let counted = match db.tx(cx, async |tx| reserve(tx, claimed.id, &ready).await).await? {
        Ok(counted) => counted,
        Err(told) => return Err(Unsent::over(Bound { day: ready.day, told })),
    };
    let answer = courier.web.call(&call).await;
    let outcome = match &answer {
        Ok(answer) => ready.provider.judge(answer),
        Err(error) => Err(error.clone().into()),
    };
    // What may have been sent stays counted.
    if counted && outcome.is_err() && !matches!(answer, Err(CallError::Unanswered(_))) {
        db.tx(cx, async |tx| release(tx, claimed.id, &ready).await).await?;
    }
    Ok(outcome?)
}

async fn prepare(
    courier: &Courier,
    tx: &mut Tx,
    claimed: &Claimed,
    now: DateTime<Utc>,
) -> Result<Ready, Unsent> {
    let gone = |told: &str| Failure::Void(told.to_owned());
    let again = |error: &dyn std::fmt::Display| Failure::Again(error.to_string());
    let user = claimed.target.ok_or_else(|| gone("it is for nobody"))?;
    let person = reader(tx, user).await.map_err(DbError::from)?;
    let person = person
        .filter(|reader| reader.status != "disabled")
        .ok_or_else(|| gone("the person is not there any more"))?;
    let from = sender(tx).await.map_err(DbError::from)?;
    let phone = store::phone(tx, user).await.map_err(DbError::from)?;
    let phone = phone.ok_or_else(|| gone("the person has no number any more"))?;
    if phone.verified_at.is_none() && claimed.kind != CODE {
        return Err(gone("the number is not verified").into());
    }
    // A code or a test is awaited; all else waits for the end of quiet hours.
    let asked_for = [CODE, TEST].contains(&claimed.kind.as_str());
    let personal = courier.kind(&claimed.kind).is_some_and(|kind| kind.personal);
    if !asked_for
        && !personal
        && let Some(until) =
            crate::notify::times::quiet_until(person.quiet(), zone(mail::time_zone(&person, &from)), now)
    {
        return Err(Failure::Later(until).into());
    }
    let provider = settings::in_use(tx, &courier.secrets, courier.sms.as_ref()).await;
    let provider =
        provider.map_err(|error| again(&error))?.ok_or_else(|| again(&"text messages are not set up"))?;
    let opened = courier.secrets.open(tx.tenant(), &field(user), &phone.number);
    let number = String::from_utf8_lossy(&opened.map_err(|error| again(&error))?).into_owned();
    let text = text(courier, tx, claimed, &person, &from)?;
    // At most some parts.
    let parts = i32::try_from(parts(&text)).unwrap_or(i32::MAX);
    let day = now.with_timezone(&zone(&from.time_zone)).date_naive();
    Ok(Ready { provider, number, text, user, day, parts })
}

/// What it says, in its reader's language.
fn text(
    courier: &Courier,
    tx: &Tx,
    claimed: &Claimed,
    reader: &Reader,
    sender: &Sender,
) -> Result<String, Failure> {
    let letter: Letter =
        serde_json::from_value(claimed.body.clone()).map_err(|error| Failure::Never(error.to_string()))?;
    let secret = claimed
        .secret(&courier.secrets, tx.tenant())
        .map_err(|error| Failure::Again(error.to_string()))?
        .map(|secret| String::from_utf8_lossy(&secret).into_owned());
    let language: Lang = mail::language(reader, sender);
    let mut values = values::of(&letter.values, language);
    values.push(("code", Text::from(secret.unwrap_or_default())));
    values.push(("tenant", Text::from(sender.name.as_str())));
    let said = courier.i18n.t(language, &letter.text, &values);
    let link =
        if letter.href.is_empty() { String::new() } else { format!("{}{}", courier.public_url, letter.href) };
    Ok(fit(&said, &link, MOST_PARTS))
}

/// Counts the message, once in a day: the provider takes it once, by its id. Answers
/// whether it was counted now, or why it may not be sent.
async fn reserve(tx: &mut Tx, message: Uuid, ready: &Ready) -> Result<Result<bool, String>, DbError> {
    let tenant = tx.tenant();
    if !outbox::counted(tx, message, Some(ready.day)).await? {
        return Ok(Ok(false));
    }
    let (of_person, of_tenant) = (ready.provider.per_person, ready.provider.per_tenant);
    if !store::count(tx, (ready.day, ready.user), ready.parts, of_person).await? {
        outbox::counted(tx, message, None).await?;
        return Ok(Err(format!("a person gets {of_person} parts of text messages in a day at most")));
    }
    if !store::count(tx, (ready.day, tenant), ready.parts, of_tenant).await? {
        outbox::counted(tx, message, None).await?;
        store::uncount(tx, (ready.day, ready.user), ready.parts).await?;
        return Ok(Err(format!("{of_tenant} parts of text messages are sent in a day at most")));
    }
    Ok(Ok(true))
}

/// Takes back what was counted.
async fn release(tx: &mut Tx, message: Uuid, ready: &Ready) -> Result<(), DbError> {
    let tenant = tx.tenant();
    outbox::counted(tx, message, None).await?;
    store::uncount(tx, (ready.day, ready.user), ready.parts).await?;
    store::uncount(tx, (ready.day, tenant), ready.parts).await?;
    Ok(())
}
