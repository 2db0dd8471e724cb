//! Takes a claimed message where it belongs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout, timeout_at};
use uuid::Uuid;

use super::address::{self, Unreachable};
use super::digest::{DIGEST, Digest};
use super::mail::{self, Letter, MailFailure, Mailer, Outside, Written};
use super::webhook::{self, Call};
use super::{ByMail, DELIVERY_DEAD, Kind, MANAGE, Notice, To, fan_out, sms, store, times, values};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::i18n::{I18n, Lang, Texts, zone};
use crate::outbound::HttpClient;
use crate::outbox::{self, Channel, Claimed, Failure, Settled};
use crate::secrets::Secrets;
use crate::settings::OwnMail;
use crate::workflow::{self, Event, Subjects};

/// What it takes to send.
#[derive(Clone)]
pub struct Courier {
    /// The way to the mail server, where one is configured.
    pub mailer: Option<Mailer>,
    /// The ways to tenants' own mail servers.
    pub own: Arc<OwnMail>,
    /// Sends the requests of webhooks and to providers of text messages.
    pub web: HttpClient,
    /// The provider of text messages of all tenants that have no own.
    pub sms: Option<sms::Provider>,
    /// Opens what was sealed.
    pub secrets: Secrets,
    /// All texts.
    pub i18n: Arc<I18n>,
    /// Every kind of notice that there is.
    pub kinds: Arc<[Kind]>,
    /// Every kind of document that workflows are for.
    pub subjects: Subjects,
    /// Address of the pages, as people reach them; without a slash at the end.
    pub public_url: String,
    /// How long a message may be on its way, from its claim to the answer of the other
    /// side: usually [`outbox::SENT_WITHIN`].
    pub within: Duration,
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Self::Again(error.to_string())
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        DbError::from(error).into()
    }
}

/// Why a message was not sent, and what else follows from that.
pub(super) struct Unsent {
    failure: Failure,
    then: Then,
}

/// What follows from a message that was given up.
enum Then {
    /// Who looks after deliveries is told.
    Tell,
    /// Mail does not reach the address.
    Unreachable(Unreachable),
    /// As many were sent as may be in a day.
    Bound(sms::Bound),
}

impl Unsent {
    /// Given up, since as many were sent as may be in a day.
    pub(super) fn over(bound: sms::Bound) -> Self {
        Self { failure: Failure::Never(bound.told.clone()), then: Then::Bound(bound) }
    }
}

impl From<Failure> for Unsent {
    fn from(failure: Failure) -> Self {
        Self { failure, then: Then::Tell }
    }
}

impl From<DbError> for Unsent {
    fn from(error: DbError) -> Self {
        Failure::from(error).into()
    }
}

impl Courier {
    /// Sends one message and notes what became of it. What is not answered by `until`
    /// is given up and tried again: however slow the other side is, a message is on its
    /// way once at a time.
    ///
    /// # Errors
    /// The database; the message is due again when its claim runs out.
    pub(super) async fn deliver(
        &self,
        db: &Db,
        tenant: Uuid,
        claimed: &Claimed,
        chance: f64,
        until: Instant,
        now: DateTime<Utc>,
    ) -> Result<Settled, DbError> {
        let cx = Cx::system(tenant);
        let send = async {
            if claimed.secret_gone {
                let told = "the link or code in it is not kept any more; make a new one";
                return Err(Failure::Void(told.to_owned()).into());
            }
            match claimed.channel {
                Channel::Mail => self.mail(db, &cx, claimed, now).await.map(|()| String::new()),
                Channel::Webhook => {
                    self.webhook(db, &cx, claimed, now).await.map(|()| String::new()).map_err(Unsent::from)
                }
                Channel::Sms => sms::send(self, db, &cx, claimed, now).await,
                // They do not leave the product.
                Channel::Notice | Channel::Event => Ok(String::new()),
            }
        };
        let outcome = match claimed.channel {
            Channel::Notice => return self.spread(db, &cx, claimed, chance, now).await,
            Channel::Event => return self.start(db, &cx, claimed, chance, now).await,
            _ => match timeout_at(until, send).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    let told = format!("no answer within {} s", self.within.as_secs_f64());
                    Err(Failure::Again(told).into())
                }
            },
        };
        db.tx(&cx, async |tx| {
            let failed = outcome.as_ref().err();
            let reference = outcome.as_ref().ok().filter(|reference| !reference.is_empty());
            let sent = failed.map_or(Ok(()), |unsent| Err(unsent.failure.clone()));
            let settled = outbox::settle(tx, claimed, sent, chance, now).await?;
            if let (Settled::Dead, Some(unsent)) = (settled, failed) {
                self.gave_up(tx, claimed, unsent, now).await?;
            }
            if let (Settled::Sent, Some(reference)) = (settled, reference) {
                outbox::refer(tx, claimed.id, reference).await?;
            }
            Ok(settled)
        })
        .await
    }

    /// Tells who looks after deliveries that a message was given up: of those to one
    /// receiver, once a day, and never that receiver itself.
    async fn gave_up(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        unsent: &Unsent,
        now: DateTime<Utc>,
    ) -> Result<(), DbError> {
        match &unsent.then {
            Then::Unreachable(unreachable) => drop(address::mark(tx, unreachable, now).await?),
            Then::Bound(bound) => sms::tell_bound(tx, bound, now).await?,
            Then::Tell if claimed.kind == DELIVERY_DEAD.code => {}
            Then::Tell if !outbox::first_given_up(tx, claimed, now).await? => {}
            Then::Tell => {
                let mut notice = dead(unsent.failure.text());
                notice.without = claimed.target.filter(|_| claimed.channel == Channel::Webhook);
                super::tell(tx, &DELIVERY_DEAD, &notice, now).await?;
            }
        }
        Ok(())
    }

    /// The kind of that code, among those that a person chooses from.
    pub(super) fn kind(&self, code: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.code == code)
    }

    /// A notice becomes what each person is told, in one transaction with its end.
    async fn spread(
        &self,
        db: &Db,
        cx: &Cx,
        claimed: &Claimed,
        chance: f64,
        now: DateTime<Utc>,
    ) -> Result<Settled, DbError> {
        let kind = self.kind(&claimed.kind);
        let notice = serde_json::from_value::<Notice>(claimed.body.clone());
        db.tx(cx, async |tx| {
            let (Some(kind), Ok(notice)) = (kind, &notice) else {
                // A newer worker may know it.
                let failure = Failure::Again("this kind of notice is not known".to_owned());
                return self.unread(tx, claimed, failure, chance, now).await;
            };
            // First its end: if the claim had run out, another worker spreads it.
            let settled = outbox::settle(tx, claimed, Ok(()), chance, now).await?;
            if settled == Settled::Sent {
                fan_out::fan_out(tx, self, claimed, kind, notice, now).await?;
                let fields = serde_json::to_value(values::plain(&notice.values)).unwrap_or_default();
                let event = Event { name: kind.code.to_owned(), fields, document: None };
                workflow::carry(tx, claimed.depth).await?;
                workflow::hear(tx, &self.subjects, &event, now).await?;
            }
            Ok(settled)
        })
        .await
    }

    /// Notes that a message which stays inside could not be read.
    async fn unread(
        &self,
        tx: &mut Tx,
        claimed: &Claimed,
        failure: Failure,
        chance: f64,
        now: DateTime<Utc>,
    ) -> Result<Settled, DbError> {
        let settled = outbox::settle(tx, claimed, Err(failure.clone()), chance, now).await?;
        if settled == Settled::Dead {
            self.gave_up(tx, claimed, &failure.into(), now).await?;
        }
        Ok(settled)
    }

    /// Workflows start by what happened, in one transaction with the end of its message.
    async fn start(
        &self,
        db: &Db,
        cx: &Cx,
        claimed: &Claimed,
        chance: f64,
        now: DateTime<Utc>,
    ) -> Result<Settled, DbError> {
        let event = serde_json::from_value::<Event>(claimed.body.clone());
        db.tx(cx, async |tx| {
            let Ok(event) = &event else {
                let failure = Failure::Again("this is no event".to_owned());
                return self.unread(tx, claimed, failure, chance, now).await;
            };
            let settled = outbox::settle(tx, claimed, Ok(()), chance, now).await?;
            if settled == Settled::Sent {
                workflow::carry(tx, claimed.depth).await?;
                workflow::hear(tx, &self.subjects, event, now).await?;
            }
            Ok(settled)
        })
        .await
    }

    /// The text of a notice in a language; the code of a kind that nobody declares
    /// any more.
    pub(super) fn say(&self, lang: Lang, code: &str, values: &BTreeMap<String, String>) -> String {
        let Some(kind) = self.kind(code) else {
            return code.to_owned();
        };
        self.i18n.t(lang, &kind.text_key(), &values::of(values, lang))
    }

    async fn webhook(&self, db: &Db, cx: &Cx, claimed: &Claimed, now: DateTime<Utc>) -> Result<(), Failure> {
        let find = async |tx: &mut Tx| match claimed.target {
            Some(id) => Ok::<_, DbError>(webhook::find(tx, id).await?),
            None => Ok(None),
        };
        let found = db.tx(cx, find).await?.filter(|webhook| webhook.active);
        let found = found.ok_or_else(|| Failure::Void("the webhook was stopped or deleted".to_owned()))?;
        let plain = self
            .secrets
            .open(cx.tenant, &webhook::sealed_field(found.id), &found.secret)
            .map_err(|error| Failure::Again(error.to_string()))?;
        let body = claimed.body.get("send").and_then(|body| body.as_str()).unwrap_or_default().to_owned();
        let (secret, url) = webhook::opened(&plain, &found.url);
        let call = Call { id: claimed.id, kind: &claimed.kind, url, secret, body, now };
        webhook::send(&self.web, &call).await
    }

    async fn mail(&self, db: &Db, cx: &Cx, claimed: &Claimed, now: DateTime<Utc>) -> Result<(), Unsent> {
        let again = |error: &dyn std::fmt::Display| Failure::Again(error.to_string());
        let own = self.own.of(db, cx, &self.secrets).await?;
        let mailer =
            own.as_ref().or(self.mailer.as_ref()).ok_or_else(|| again(&"no mail server is configured"))?;
        let secret = claimed
            .secret(&self.secrets, cx.tenant)
            .map_err(|error| again(&error))?
            .map(|secret| String::from_utf8_lossy(&secret).into_owned());
        let outside: Option<Outside> =
            claimed.body.get("to").and_then(|to| serde_json::from_value(to.clone()).ok());
        let (reader, sender, settings) = db
            .tx(cx, async |tx| {
                let reader = match (claimed.target, &outside) {
                    (Some(user), _) => store::reader(tx, user).await?,
                    (None, Some(outside)) => Some(outside.reader()),
                    (None, None) => None,
                };
                Ok::<_, DbError>((reader, store::sender(tx).await?, store::mail_settings(tx).await?))
            })
            .await?;
        let reader = reader
            .filter(|reader| reader.status != "disabled")
            .ok_or_else(|| Failure::Void("the person is not there any more".to_owned()))?;
        // What somebody asked for (a link, a code) is sent whatever else holds.
        let kind = self.kind(&claimed.kind);
        let asked_for = kind.is_none() && claimed.kind != DIGEST;
        if reader.unreachable && !asked_for {
            let told = "mail does not reach this address, until it is confirmed";
            return Err(Failure::Void(told.to_owned()).into());
        }
        let may_wait = !asked_for && kind.is_none_or(|kind| kind.mail != ByMail::Always);
        let in_zone = zone(mail::time_zone(&reader, &sender));
        if let Some(until) = times::quiet_until(reader.quiet(), in_zone, now).filter(|_| may_wait) {
            return Err(Failure::Later(until).into());
        }
        let texts = Texts::new(Arc::clone(&self.i18n), mail::language(&reader, &sender));
        let never = |error: serde_json::Error| Failure::Never(error.to_string());
        let content = if claimed.kind == DIGEST {
            let digest: Digest = serde_json::from_value(claimed.body.clone()).map_err(never)?;
            mail::digest(&digest, self, in_zone, &reader, &sender, &texts)
        } else {
            let mut letter: Letter = serde_json::from_value(claimed.body.clone()).map_err(never)?;
            let mut secret = secret.unwrap_or_default();
            if letter.href.is_empty() {
                letter.values.insert("code".to_owned(), std::mem::take(&mut secret));
            }
            let link =
                (!letter.href.is_empty()).then(|| format!("{}{}{secret}", self.public_url, letter.href));
            mail::letter(&letter, link, &reader, &sender, &texts)
        };
        let written = Written {
            id: claimed.id,
            reader: &reader,
            sender: &sender,
            settings: &settings,
            content: content.write(&texts).map_err(|error| again(&error))?,
            now,
        };
        mailer.send(&written).await.map_err(|MailFailure { failure, about_the_address }| {
            let then = (about_the_address && outside.is_none()).then(|| Unreachable {
                user_id: reader.user_id,
                name: reader.name.clone(),
                email: reader.email.clone(),
                reason: failure.text().to_owned(),
                source: "refused".to_owned(),
                message_id: claimed.id,
                since: now,
            });
            Unsent { failure, then: then.map_or(Then::Tell, Then::Unreachable) }
        })
    }
}

/// Tells who looks after deliveries, of all together, that messages were given up that
/// never came to an end; each with what it tells of and why.
pub(super) async fn tell_worn(
    tx: &mut Tx,
    worn: &[(String, String)],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let Some((_, error)) = worn.iter().find(|(kind, _)| kind != DELIVERY_DEAD.code) else { return Ok(()) };
    super::tell(tx, &DELIVERY_DEAD, &dead(error), now).await
}

/// That something was given up and why, for who looks after deliveries.
fn dead(error: &str) -> Notice {
    Notice::new(To::Permission(MANAGE.code.to_owned()), "/deliveries?state=dead").with("error", error)
}

/// How long somebody waits who tries a mail server.
const TRIED_WITHIN: Duration = Duration::from_secs(30);

/// Sends a person a letter of this text now, past the outbox: to try a mail server.
pub(crate) async fn try_out(
    db: &Db,
    cx: &Cx,
    i18n: &Arc<I18n>,
    mailer: &Mailer,
    (user, text): (Uuid, &str),
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let (reader, sender, settings) = db
        .tx(cx, async |tx| {
            let reader = store::reader(tx, user).await?;
            Ok::<_, DbError>((reader, store::sender(tx).await?, store::mail_settings(tx).await?))
        })
        .await?;
    let reader = reader
        .filter(|reader| reader.status != "disabled")
        .ok_or_else(|| Failure::Void("the person is not there any more".to_owned()))?;
    let texts = Texts::new(Arc::clone(i18n), mail::language(&reader, &sender));
    let content = mail::letter(&Letter::new(text, ""), None, &reader, &sender, &texts)
        .write(&texts)
        .map_err(|error| Failure::Again(error.to_string()))?;
    let (id, reader, sender, settings) = (Uuid::now_v7(), &reader, &sender, &settings);
    let written = Written { id, reader, sender, settings, content, now };
    let sent = timeout(TRIED_WITHIN, mailer.send(&written)).await;
    let late = || Failure::Again(format!("no answer within {} s", TRIED_WITHIN.as_secs()));
    sent.map_err(|_| late())?.map_err(|failed| failed.failure)
}
