//! From one notice to what each person and each webhook is told. All of it is in
//! the database, so it happens once: in one transaction with the end of the
//! notice's own message.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::preferences::{self, APP, MAIL, SMS};
use super::times::Pace;
use super::{Courier, Kind, Letter, Notice, To, can_mail, digest, live, sms, store, webhook};
use crate::db::{DbError, Tx};
use crate::i18n::Lang;
use crate::outbox::{self, Channel, Claimed, Message};

/// Shows the notice to those who want to see it, writes the messages of those who
/// want mail at once, lets it wait for the digests of the others, where mail can be
/// sent, and writes those of people who want text messages and of the webhooks that
/// want its kind.
pub(super) async fn fan_out(
    tx: &mut Tx,
    courier: &Courier,
    claimed: &Claimed,
    kind: &Kind,
    notice: &Notice,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let people = people(tx, notice, &claimed.by).await?;
    let wishes = store::wishes(tx, kind.code, &people).await?;
    let shown: Vec<Uuid> =
        preferences::told(kind, APP, &people, &wishes).into_iter().map(|(person, _)| person).collect();
    let ids: Vec<Uuid> = shown.iter().map(|_| Uuid::now_v7()).collect();
    let details = serde_json::to_value(&notice.values).unwrap_or_default();
    store::notices_insert(tx, &ids, &shown, kind.code, &details, &notice.href, claimed.put_at).await?;
    live::tell(tx, &shown).await?;
    let mut messages = Vec::new();
    let letter =
        Letter { text: kind.text_key(), values: notice.values.clone(), href: notice.href.clone(), to: None };
    if can_mail(courier.mailer.is_some(), tx).await? {
        let by_mail = preferences::told(kind, MAIL, &people, &wishes);
        let (at_once, later): (Vec<_>, Vec<_>) =
            by_mail.into_iter().partition(|(_, pace)| *pace == Pace::Now);
        for (person, _) in at_once {
            messages.push(Message::new(Channel::Mail, kind.code, Some(person), letter.body()));
        }
        digest::collect(tx, &later, (kind, notice), claimed.put_at, now).await?;
    }
    let by_sms: Vec<Uuid> =
        preferences::told(kind, SMS, &people, &wishes).into_iter().map(|(person, _)| person).collect();
    if !by_sms.is_empty() && sms::usable(tx, courier.sms.as_ref()).await? {
        for person in sms::reachable(tx, &by_sms).await? {
            let message = Message::new(Channel::Sms, kind.code, Some(person), letter.body());
            messages.push(message.until(now + sms::OF_USE));
        }
    }
    let sender = store::sender(tx).await?;
    let language = Lang::parse(&sender.language).unwrap_or_default();
    let text = courier.say(language, kind.code, &notice.values);
    let url =
        if notice.href.is_empty() { String::new() } else { format!("{}{}", courier.public_url, notice.href) };
    let told = (sender.code.as_str(), text.as_str(), url.as_str());
    messages.extend(webhook::messages(tx, claimed, (kind, notice), told).await?);
    outbox::put_all(tx, &messages, now).await
}

/// Whom it is for; whoever caused it is told only when named.
async fn people(tx: &mut Tx, notice: &Notice, by: &str) -> Result<Vec<Uuid>, DbError> {
    let mut people = match &notice.to {
        To::Person(person) => {
            let reader = store::reader(tx, *person).await?;
            return Ok(reader.into_iter().map(|reader| reader.user_id).collect());
        }
        To::Permission(permission) => store::with_permission(tx, permission, &notice.plants).await?,
        To::Role(role) => store::with_role(tx, role, &notice.plants).await?,
    };
    people.retain(|person| by != format!("user:{person}"));
    Ok(people)
}
