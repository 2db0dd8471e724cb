//! Takes a claimed message where it belongs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::mail::{self, Letter, Mailer, Written};
use super::webhook::{self, Call};
use super::{DELIVERY_DEAD, Kind, MANAGE, Notice, To, WebSender, fan_out, store};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::i18n::{I18n, Lang, Texts, Value as Text};
use crate::outbox::{self, Channel, Claimed, Failure, Settled};
use crate::secrets::Secrets;
use crate::workflow::{self, Event, Subjects};

/// What it takes to send.
#[derive(Clone)]
pub struct Courier {
    /// The way to the mail server, where one is configured.
    pub mailer: Option<Mailer>,
    /// Sends the requests of webhooks.
    pub web: WebSender,
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

impl Courier {
    /// Sends one message and notes what became of it.
    ///
    /// # Errors
    /// The database; the message is due again when its claim runs out.
    pub(super) async fn deliver(
        &self,
        db: &Db,
        tenant: Uuid,
        claimed: &Claimed,
        chance: f64,
        now: DateTime<Utc>,
    ) -> Result<Settled, DbError> {
        let cx = Cx::system(tenant);
        let outcome = match claimed.channel {
            Channel::Notice => return self.spread(db, &cx, claimed, chance, now).await,
            Channel::Event => return self.start(db, &cx, claimed, chance, now).await,
            Channel::Mail => self.mail(db, &cx, claimed, now).await,
            Channel::Webhook => self.webhook(db, &cx, claimed, now).await,
        };
        db.tx(&cx, async |tx| {
            let error = outcome.as_ref().err().cloned();
            let settled = outbox::settle(tx, claimed, outcome.clone(), chance, now).await?;
            if settled == Settled::Dead && claimed.kind != DELIVERY_DEAD.code {
                let told = match error {
                    Some(Failure::Again(text) | Failure::Never(text) | Failure::Void(text)) => text,
                    None => String::new(),
                };
                let notice = Notice::new(To::Permission(MANAGE.code.to_owned()), "/deliveries?state=dead")
                    .with("error", told);
                super::tell(tx, &DELIVERY_DEAD, &notice, now).await?;
            }
            Ok(settled)
        })
        .await
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
        let kind = self.kinds.iter().find(|kind| kind.code == claimed.kind);
        let notice = serde_json::from_value::<Notice>(claimed.body.clone());
        db.tx(cx, async |tx| {
            let (Some(kind), Ok(notice)) = (kind, &notice) else {
                let failure = Failure::Never("this kind of notice is not known".to_owned());
                return outbox::settle(tx, claimed, Err(failure), chance, now).await;
            };
            // First its end: if the claim had run out, another worker spreads it.
            let settled = outbox::settle(tx, claimed, Ok(()), chance, now).await?;
            if settled == Settled::Sent {
                fan_out::fan_out(tx, self, claimed, kind, notice, now).await?;
                let fields = serde_json::to_value(&notice.values).unwrap_or_default();
                let event = Event { name: kind.code.to_owned(), fields, document: None };
                workflow::hear(tx, &self.subjects, &event, now).await?;
            }
            Ok(settled)
        })
        .await
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
                let failure = Failure::Never("this is no event".to_owned());
                return outbox::settle(tx, claimed, Err(failure), chance, now).await;
            };
            let settled = outbox::settle(tx, claimed, Ok(()), chance, now).await?;
            if settled == Settled::Sent {
                workflow::hear(tx, &self.subjects, event, now).await?;
            }
            Ok(settled)
        })
        .await
    }

    /// A text in a language, with the values of a notice.
    pub(super) fn say(&self, lang: Lang, kind: &Kind, notice: &Notice) -> String {
        let values: Vec<(&str, Text<'_>)> =
            notice.values.iter().map(|(name, value)| (name.as_str(), Text::from(value.as_str()))).collect();
        self.i18n.t(lang, &kind.text_key(), &values)
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
        self.web.send(&call).await
    }

    async fn mail(&self, db: &Db, cx: &Cx, claimed: &Claimed, now: DateTime<Utc>) -> Result<(), Failure> {
        let mailer =
            self.mailer.as_ref().ok_or_else(|| Failure::Again("no mail server is configured".to_owned()))?;
        let letter: Letter = serde_json::from_value(claimed.body.clone())
            .map_err(|error| Failure::Never(error.to_string()))?;
        let secret = claimed
            .secret(&self.secrets, cx.tenant)
            .map_err(|error| Failure::Again(error.to_string()))?
            .map(|secret| String::from_utf8_lossy(&secret).into_owned());
        let (reader, sender, settings) = db
            .tx(cx, async |tx| {
                let reader = match claimed.target {
                    Some(user) => store::reader(tx, user).await?,
                    None => None,
                };
                Ok::<_, DbError>((reader, store::sender(tx).await?, store::mail_settings(tx).await?))
            })
            .await?;
        let reader = reader
            .filter(|reader| reader.status != "disabled")
            .ok_or_else(|| Failure::Void("the person is not there any more".to_owned()))?;
        let texts = Texts::new(Arc::clone(&self.i18n), mail::language(&reader, &sender));
        let link = (!letter.href.is_empty())
            .then(|| format!("{}{}{}", self.public_url, letter.href, secret.unwrap_or_default()));
        let (subject, text, html) = mail::write(&letter, link.as_deref(), &reader, &sender, &texts)
            .map_err(|error| Failure::Again(error.to_string()))?;
        let written = Written {
            id: claimed.id,
            reader: &reader,
            sender: &sender,
            settings: &settings,
            subject,
            text,
            html,
            now,
        };
        mailer.send(&written).await
    }
}
