//! What goes out after a commit: a message is written in the transaction of what
//! it tells of, and a worker sends it once that transaction has committed.
//!
//! A message that was rolled back is not sent, and one that was committed is not
//! lost. It is sent at least once: a worker claims it for a while, sends it, and
//! marks it sent; only if it ends between sending and marking is the message sent
//! again, by whoever claims it when that claim has run out. A mail then has the
//! same Message-ID, a webhook the same delivery id.

mod backoff;
mod store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::secrets::{SecretError, Secrets};

pub use backoff::{LAST_ATTEMPT, wait};
pub use store::{Listed, State};

/// Channel on which a tenant's id is told when it has something to send.
pub const WAKE: &str = "tracewright_outbox";
/// How long a worker has a message before it is taken for lost there.
pub const CLAIM: TimeDelta = TimeDelta::minutes(2);
/// How long sending one may take in all, shorter than a claim: a worker that goes on
/// sending when another one takes over would send twice. What is left is for noting
/// what became of it.
pub const SENT_WITHIN: Duration = Duration::from_secs(80);
/// How long what was sent, or is not wanted any more, can be looked up.
pub const KEEP_ENDED: TimeDelta = TimeDelta::days(30);
/// How long what could not be sent can be sent again.
pub const KEEP_DEAD: TimeDelta = TimeDelta::days(90);
/// Most messages that are sent again at once.
pub const REPLAYS: i64 = 1000;
/// How long a message that waits tells of how others of its kind fare.
const LATELY: TimeDelta = TimeDelta::days(7);
/// How long people who were told that nothing reaches a receiver are not told again.
const TOLD_AGAIN: TimeDelta = TimeDelta::days(1);
/// Longest error that is kept, in characters.
const LONGEST_ERROR: usize = 500;

/// By which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// To people inside the product, and from there on by what each of them wants.
    Notice,
    /// By e-mail to one person.
    Mail,
    /// To another system.
    Webhook,
    /// To the workflows that start by it; it leaves the product by no way.
    Event,
    /// By text message to one person.
    Sms,
}

impl Channel {
    /// The name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Event => "event",
            Self::Sms => "sms",
        }
    }

    /// All of them.
    pub const ALL: [Self; 5] = [Self::Notice, Self::Mail, Self::Webhook, Self::Event, Self::Sms];

    /// Those that leave the product.
    pub const OUTSIDE: [Self; 3] = [Self::Mail, Self::Sms, Self::Webhook];

    /// The channel of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its id; what it is known by on the other side.
    pub id: Uuid,
    /// By which way it goes.
    pub channel: Channel,
    /// What it tells of, as `noun.verb`.
    pub kind: String,
    /// The person or webhook that it is for.
    pub target: Option<Uuid>,
    /// What the channel needs to write it; no secret.
    pub body: Value,
    /// What of it is secret, sealed by [`seal`].
    pub sealed: Option<Vec<u8>>,
    /// After this it is of no use.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Message {
    /// A message without a secret and without an end.
    #[must_use]
    pub fn new(channel: Channel, kind: &str, target: Option<Uuid>, body: Value) -> Self {
        let id = Uuid::now_v7();
        Self { id, channel, kind: kind.to_owned(), target, body, sealed: None, expires_at: None }
    }

    /// Adds a secret that only the worker opens.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn sealing(mut self, secrets: &Secrets, tenant: Uuid, plain: &[u8]) -> Result<Self, SecretError> {
        self.sealed = Some(secrets.seal(tenant, &field(self.id), plain)?);
        Ok(self)
    }

    /// It is of no use after `at`.
    #[must_use]
    pub fn until(mut self, at: DateTime<Utc>) -> Self {
        self.expires_at = Some(at);
        self
    }
}

/// What a message's secret is sealed for.
fn field(message: Uuid) -> String {
    format!("outbox:{message}")
}

/// Writes a message; it is sent once the transaction has committed, and never if
/// it does not.
///
/// # Errors
/// Those of the database.
pub async fn put(tx: &mut Tx, message: &Message, now: DateTime<Utc>) -> Result<(), DbError> {
    put_all(tx, std::slice::from_ref(message), now).await
}

/// [`put`] for many.
///
/// # Errors
/// Those of the database.
pub async fn put_all(tx: &mut Tx, messages: &[Message], now: DateTime<Utc>) -> Result<(), DbError> {
    if messages.is_empty() {
        return Ok(());
    }
    for message in messages {
        store::insert(tx, message, now).await?;
    }
    Ok(store::wake(tx).await?)
}

/// A message that a worker has for itself until its claim runs out.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Its id.
    pub id: Uuid,
    /// The claim; what comes of another one is void.
    pub claim: Uuid,
    /// By which way it goes.
    pub channel: Channel,
    /// What it tells of.
    pub kind: String,
    /// The person or webhook that it is for.
    pub target: Option<Uuid>,
    /// What the channel needs to write it.
    pub body: Value,
    /// Its secret; see [`Claimed::secret`].
    pub sealed: Option<Vec<u8>>,
    /// It was put with a secret, which is not kept any more: without it, it says nothing.
    pub secret_gone: bool,
    /// Who put it.
    pub by: String,
    /// When it was put.
    pub put_at: DateTime<Utc>,
    /// How many workflows there were between a person's act and it.
    pub depth: i16,
    /// Which attempt this is, from 1.
    pub attempt: i32,
}

impl Claimed {
    /// The message's secret; `None` when it has none.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn secret(&self, secrets: &Secrets, tenant: Uuid) -> Result<Option<Vec<u8>>, SecretError> {
        let field = field(self.id);
        self.sealed.as_ref().map(|sealed| secrets.open(tenant, &field, sealed)).transpose()
    }
}

/// By what messages wait apart from each other: people do not wait for their notices, mail
/// and codes until other systems have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// All but webhooks.
    People,
    /// Webhooks.
    Webhooks,
}

impl Lane {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::People, Self::Webhooks];
}

/// Claims messages that are due and go by this lane, the one that has waited longest first,
/// at most `limit`; those of other workers are passed over. An attempt is counted before it
/// is made, so that a message that ends its worker each time is dead one day: see
/// [`bury_worn`].
///
/// # Errors
/// Those of the database.
pub async fn claim(tx: &mut Tx, lane: Lane, limit: i64, now: DateTime<Utc>) -> Result<Vec<Claimed>, DbError> {
    store::void_expired(tx, now).await?;
    let webhooks = lane == Lane::Webhooks;
    Ok(store::claim(tx, Uuid::now_v7(), (webhooks, limit), now + CLAIM, now).await?)
}

/// Gives up what was claimed for the last time and never settled, to be called before
/// [`claim`]; answers what each told of, and why it was not sent.
///
/// # Errors
/// Those of the database.
pub async fn bury_worn(tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<(String, String)>, DbError> {
    Ok(store::bury_worn(tx, LAST_ATTEMPT, now).await?)
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may be sent later.
    Again(String),
    /// It will never be taken.
    Never(String),
    /// Nobody wants it any more.
    Void(String),
    /// Not now: nothing was tried, and no attempt is counted.
    Later(DateTime<Utc>),
}

impl Failure {
    /// Why; empty where nothing was tried.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Again(text) | Self::Never(text) | Self::Void(text) => text,
            Self::Later(_) => "",
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Sent.
    Sent,
    /// Waits for its next attempt.
    Waits,
    /// Given up until somebody sends it again.
    Dead,
    /// Not wanted any more.
    Void,
    /// Somebody else has it: this claim had run out.
    Lost,
}

/// Notes what became of an attempt. `chance`, of 0 up to 1, spreads the next one.
///
/// # Errors
/// Those of the database; the message is then due again when the claim runs out.
pub async fn settle(
    tx: &mut Tx,
    claimed: &Claimed,
    outcome: Result<(), Failure>,
    chance: f64,
    now: DateTime<Utc>,
) -> Result<Settled, DbError> {
    let key = (claimed.id, claimed.claim);
    let (settled, error) = match outcome {
        Err(Failure::Later(at)) => {
            let done = store::postpone(tx, key, at).await?;
            return Ok(if done { Settled::Waits } else { Settled::Lost });
        }
        Ok(()) => (Settled::Sent, String::new()),
        Err(Failure::Again(error)) if claimed.attempt < LAST_ATTEMPT => (Settled::Waits, error),
        Err(Failure::Again(error) | Failure::Never(error)) => (Settled::Dead, error),
        Err(Failure::Void(error)) => (Settled::Void, error),
    };
    let error = kept(&error);
    let done = match settled {
        Settled::Waits => store::retry(tx, key, &error, now + wait(claimed.attempt, chance)).await?,
        Settled::Sent => store::end(tx, key, State::Sent, &error, now).await?,
        Settled::Void => store::end(tx, key, State::Void, &error, now).await?,
        _ => store::end(tx, key, State::Dead, &error, now).await?,
    };
    Ok(if done { settled } else { Settled::Lost })
}

/// An error as it is kept.
fn kept(error: &str) -> String {
    error.chars().filter(|c| !c.is_control()).take(LONGEST_ERROR).collect()
}

/// Whether nothing else to the receiver of this message, which was given up in this
/// transaction, was given up in the day before: people are told of the first one. What is
/// for nobody by name is always the first.
///
/// # Errors
/// Those of the database.
pub async fn first_given_up(tx: &mut Tx, message: &Claimed, now: DateTime<Utc>) -> Result<bool, DbError> {
    let Some(target) = message.target else { return Ok(true) };
    Ok(!store::gave_up_before(tx, message, target, now - TOLD_AGAIN).await?)
}

/// Notes what the other side calls a message that it took.
///
/// # Errors
/// Those of the database.
pub async fn refer(tx: &mut Tx, message: Uuid, reference: &str) -> Result<(), DbError> {
    Ok(store::refer(tx, message, reference).await?)
}

/// Notes the day by which a message is counted among those that were sent, or that it is
/// not counted; `false` where that was so before.
///
/// # Errors
/// Those of the database.
pub async fn counted(tx: &mut Tx, message: Uuid, day: Option<NaiveDate>) -> Result<bool, DbError> {
    Ok(store::counted(tx, message, day).await?)
}

/// Notes that a mail which was sent did not arrive.
///
/// # Errors
/// Those of the database.
pub async fn bounced(tx: &mut Tx, message: Uuid, reason: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    Ok(store::bounced(tx, message, &kept(reason), now).await?)
}

/// What keeps messages of this kind waiting, where the last one that was tried of late was
/// not sent: that of the way they go, since what is refused for itself is given up.
///
/// # Errors
/// Those of the database.
pub async fn waits(tx: &mut Tx, kind: &str, now: DateTime<Utc>) -> Result<Option<String>, DbError> {
    Ok(store::waits_since(tx, kind, now - LATELY).await?)
}

/// Why the newest message of this kind to somebody was not sent so far.
///
/// # Errors
/// Those of the database.
pub async fn unsent(tx: &mut Tx, kind: &str, target: Uuid) -> Result<Option<String>, DbError> {
    Ok(store::unsent(tx, kind, target).await?)
}

/// Removes what ended long ago, at most `limit`; answers how many.
///
/// # Errors
/// Those of the database.
pub async fn forget(tx: &mut Tx, limit: i64, now: DateTime<Utc>) -> Result<u64, DbError> {
    Ok(store::forget(tx, now - KEEP_ENDED, now - KEEP_DEAD, limit).await?)
}

/// Which messages somebody looks for; what is `None` is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// How they stand.
    pub state: Option<State>,
    /// By which way they go.
    pub channel: Option<Channel>,
    /// What they tell of.
    pub kind: Option<String>,
    /// The person or webhook that they are for.
    pub target: Option<Uuid>,
}

/// Messages to people and other systems for people to see, newest first, before
/// `before`; what stays inside, where it was given up.
///
/// # Errors
/// Those of the database.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Listed>, DbError> {
    Ok(store::list(tx, filter, before, limit, now).await?)
}

/// Has all messages that were given up and that the filter names sent again, the
/// newest [`REPLAYS`] of them; answers how many.
///
/// # Errors
/// Those of the database.
pub async fn replay_all(db: &Db, cx: &Cx, filter: &Filter, now: DateTime<Utc>) -> Result<u64, DbError> {
    db.tx(cx, async |tx| {
        let count = store::replay_all(tx, filter, REPLAYS, now).await?;
        if count > 0 {
            let entry = Entry {
                action: "delivery.replay_all",
                subject: "delivery:all",
                after: Some(json!({
                    "count": count,
                    "channel": filter.channel.map(Channel::name),
                    "kind": filter.kind,
                    "target": filter.target,
                })),
                ..Entry::default()
            };
            audit::record(tx, entry).await?;
            store::wake(tx).await?;
        }
        Ok(count)
    })
    .await
}

/// Has a message that is dead, or was sent, sent again from the first attempt on;
/// `false` when there is none such, or its secret is gone.
///
/// # Errors
/// Those of the database.
pub async fn replay(db: &Db, cx: &Cx, message: Uuid, now: DateTime<Utc>) -> Result<bool, DbError> {
    db.tx(cx, async |tx| {
        if !store::replay(tx, message, now).await? {
            return Ok(false);
        }
        let entry = Entry {
            action: "delivery.replay",
            subject: &format!("delivery:{message}"),
            after: Some(json!({ "state": State::Waiting.name() })),
            ..Entry::default()
        };
        audit::record(tx, entry).await?;
        store::wake(tx).await?;
        Ok(true)
    })
    .await
}

/// Brings the secrets of waiting messages under the key that seals now; answers
/// how many were.
///
/// # Errors
/// Those of the database. A secret that does not open stays as it is.
pub async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, DbError> {
    let tenant = tx.tenant();
    let mut done = 0;
    for (id, sealed) in store::sealed(tx).await? {
        match secrets.reseal(tenant, &field(id), &sealed) {
            Ok(Some(again)) => {
                store::reseal(tx, id, &again).await?;
                done += 1;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%tenant, message = %id, %error, "a secret was not sealed anew"),
        }
    }
    Ok(done)
}
