//! What an administrator does with webhooks, and what a notice becomes for them.

use axum::http::StatusCode;
use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::store::{self, Webhook};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::masters::plain_amount;
use crate::notify::{self, Kind, Notice, values};
use crate::outbound;
use crate::outbox::{self, Channel, Claimed, Message};
use crate::secrets::{SecretError, Secrets};
use crate::web::Problem;
use crate::web::keys::Secret;

/// Most webhooks of a tenant.
const MOST: usize = 20;
/// Longest address, in bytes.
const LONGEST_URL: usize = 500;
/// The kind of a request that an administrator sends to try it out.
const TEST: &str = "webhook.test";

/// How the body of a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Our own JSON.
    Json,
    /// What Slack takes, and others that are compatible with it.
    Slack,
}

impl Form {
    /// The name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
        }
    }

    /// The form of that name, [`Form::Json`] for one that is not known.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        if name == "slack" { Self::Slack } else { Self::Json }
    }
}

/// Why something about webhooks was not done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No name, or too long.
    #[error("a name of 1 to 80 characters is expected")]
    Name,
    /// No address, not behind TLS, or a private one.
    #[error("an address that begins with https:// and leads to the open internet is expected")]
    Url,
    /// A kind that no part declares.
    #[error("there is no such kind of notice")]
    Kind,
    /// There are as many as there may be.
    #[error("there are {MOST} webhooks already")]
    TooMany,
    /// No such webhook.
    #[error("there is no such webhook")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// A secret could not be sealed.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl WebhookError {
    /// The key of its text; `None` for what is no mistake of the person.
    #[must_use]
    pub fn text_key(&self) -> Option<&'static str> {
        match self {
            Self::Name => Some("webhook-error-name"),
            Self::Url => Some("webhook-error-url"),
            Self::Kind => Some("webhook-error-kind"),
            Self::TooMany => Some("webhook-error-many"),
            Self::Stale => Some("error-conflict-stale"),
            Self::NotFound | Self::Secret(_) | Self::Db(_) => None,
        }
    }

    /// The field of the form that it lies in; empty of none.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Url => "url",
            Self::Kind => "kind",
            _ => "",
        }
    }
}

impl From<sqlx::Error> for WebhookError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::NotFound => Self::not_found(),
            WebhookError::Stale => Self::conflict("conflict.stale", ""),
            WebhookError::Db(error) => error.into(),
            WebhookError::Secret(error) => Self::internal(error),
            error => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "webhook.invalid", error.to_string()),
        }
    }
}

/// What a webhook's secret is sealed for.
pub(in crate::notify) fn sealed_field(webhook: Uuid) -> String {
    format!("webhook:{webhook}")
}

/// What is sealed of a webhook: its secret, and the whole of its address, which may
/// hold a secret too, as Slack's do.
fn sealed(secret: &str, url: &str) -> String {
    format!("{secret}\n{url}")
}

/// The secret, and where requests go. One that was made before addresses were sealed
/// has its own beside it.
pub(in crate::notify) fn opened<'w>(plain: &'w [u8], kept: &'w str) -> (&'w [u8], &'w str) {
    let at = plain.iter().position(|byte| *byte == b'\n');
    let parts = at.and_then(|at| Some((plain.get(..at)?, std::str::from_utf8(plain.get(at + 1..)?).ok()?)));
    parts.unwrap_or((plain, kept))
}

/// An address as it may be shown: without what stands past the host.
fn shown(url: &str) -> String {
    let begins = url.find("://").map_or(0, |at| at + 3);
    match url.get(begins..).and_then(|rest| rest.find(['/', '?', '#'])) {
        Some(at) if begins + at + 1 < url.len() => format!("{}/…", &url[..begins + at]),
        _ => url.to_owned(),
    }
}

/// A webhook to be made.
#[derive(Debug, Clone)]
pub struct New {
    /// For people.
    pub name: String,
    /// Where requests go.
    pub url: String,
    /// How their bodies are written.
    pub form: Form,
    /// Kinds of notices that it is told; none: every one.
    pub kinds: Vec<String>,
}

/// The tenant's webhooks, by name.
///
/// # Errors
/// Those of the database.
pub async fn list(db: &Db, cx: &Cx) -> Result<Vec<Webhook>, WebhookError> {
    db.tx(cx, async |tx| Ok(store::all(tx).await?)).await
}

/// What is wrong with a webhook to be made, all of it; `kinds` are those that there are.
#[must_use]
pub fn mistakes((kinds, private_too): (&[Kind], bool), new: &New) -> Vec<WebhookError> {
    let url = new.url.trim();
    let reached = url.len() <= LONGEST_URL && outbound::target(url, private_too).is_some();
    let told = |code: &String| kinds.iter().any(|kind| kind.code == code && !kind.personal);
    let judged = [
        (crate::people::clean_name(&new.name).is_some(), WebhookError::Name),
        (reached, WebhookError::Url),
        (new.kinds.iter().all(told), WebhookError::Kind),
    ];
    judged.into_iter().filter(|(right, _)| !right).map(|(_, error)| error).collect()
}

/// Makes a webhook; answers its id, and its secret, which is told this once.
///
/// # Errors
/// [`WebhookError`].
pub async fn create(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    may: (&[Kind], bool),
    new: &New,
) -> Result<(Uuid, Secret), WebhookError> {
    if let Some(error) = mistakes(may, new).into_iter().next() {
        return Err(error);
    }
    let name = crate::people::clean_name(&new.name).ok_or(WebhookError::Name)?;
    let url = new.url.trim();
    let host = outbound::target(url, may.1).ok_or(WebhookError::Url)?.host;
    let (id, secret) = (Uuid::now_v7(), Secret::token());
    let webhook = Webhook {
        id,
        name,
        url: shown(url),
        form: new.form.name().to_owned(),
        kinds: new.kinds.clone(),
        secret: secrets.seal(cx.tenant, &sealed_field(id), sealed(secret.reveal(), url).as_bytes())?,
        active: true,
        version: 1,
    };
    db.tx(cx, async |tx| {
        if store::all(tx).await?.len() >= MOST {
            return Err(WebhookError::TooMany);
        }
        store::insert(tx, &webhook).await?;
        // An address may hold a secret of its own, as Slack's do.
        let entry = Entry {
            action: "webhook.create",
            subject: &format!("webhook:{id}"),
            after: Some(json!({ "host": host, "form": webhook.form, "kinds": webhook.kinds })),
            ..Entry::default()
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await?;
    Ok((id, secret))
}

/// Stops a webhook for a while, or lets it go on.
///
/// # Errors
/// [`WebhookError::NotFound`], [`WebhookError::Stale`].
pub async fn activate(db: &Db, cx: &Cx, id: Uuid, version: i32, on: bool) -> Result<(), WebhookError> {
    db.tx(cx, async |tx| {
        let before = store::find(tx, id).await?.ok_or(WebhookError::NotFound)?;
        if !store::active_set(tx, id, version, on).await? {
            return Err(WebhookError::Stale);
        }
        let entry = Entry {
            action: "webhook.active",
            subject: &format!("webhook:{id}"),
            before: Some(json!(before.active)),
            after: Some(json!(on)),
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}

/// Ends a webhook, and forgets its secret.
///
/// # Errors
/// [`WebhookError::NotFound`], [`WebhookError::Stale`] when somebody else changed it since
/// `version`.
pub async fn delete(
    db: &Db,
    cx: &Cx,
    id: Uuid,
    version: i32,
    now: DateTime<Utc>,
) -> Result<(), WebhookError> {
    db.tx(cx, async |tx| {
        store::find(tx, id).await?.ok_or(WebhookError::NotFound)?;
        if !store::delete(tx, id, version, now).await? {
            return Err(WebhookError::Stale);
        }
        let subject = format!("webhook:{id}");
        audit::record(tx, Entry { action: "webhook.delete", subject: &subject, ..Entry::default() }).await?;
        Ok(())
    })
    .await
}

/// Sends a webhook a request to try it out, which goes the way of all others: what it is
/// told by, and which page it leads to.
///
/// # Errors
/// [`WebhookError::NotFound`].
pub async fn test(
    db: &Db,
    cx: &Cx,
    id: Uuid,
    (text, url): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), WebhookError> {
    db.tx(cx, async |tx| {
        let webhook = store::find(tx, id).await?.ok_or(WebhookError::NotFound)?;
        let tenant = notify::store::sender(tx).await?.code;
        let told = Told { kind: TEST, tenant: &tenant, text, values: json!({}), about: None, url };
        outbox::put(tx, &message(&webhook, &told, now), now).await?;
        let subject = format!("webhook:{id}");
        audit::record(tx, Entry { action: "webhook.test", subject: &subject, ..Entry::default() }).await?;
        Ok(())
    })
    .await
}

/// What a request tells.
struct Told<'a> {
    kind: &'a str,
    tenant: &'a str,
    text: &'a str,
    values: Value,
    about: Option<&'a Map<String, Value>>,
    url: &'a str,
}

/// What a notice becomes for the tenant's webhooks that want its kind.
pub(in crate::notify) async fn messages(
    tx: &mut Tx,
    claimed: &Claimed,
    (kind, notice): (&Kind, &Notice),
    (tenant, text, url): (&str, &str, &str),
) -> Result<Vec<Message>, DbError> {
    if kind.personal || notice.inside {
        return Ok(Vec::new());
    }
    let values = serde_json::to_value(values::plain(&notice.values)).unwrap_or_default();
    let told = Told { kind: kind.code, tenant, text, values, about: Some(&notice.about), url };
    let all = store::all(tx).await?.into_iter().filter(|webhook| {
        webhook.active
            && notice.without != Some(webhook.id)
            && (webhook.kinds.is_empty() || webhook.kinds.iter().any(|code| code == kind.code))
    });
    Ok(all.map(|webhook| message(&webhook, &told, claimed.put_at)).collect())
}

/// The message to one webhook. Its body is written here and kept as it is: each
/// attempt sends the same.
fn message(webhook: &Webhook, told: &Told<'_>, at: DateTime<Utc>) -> Message {
    let mut message = Message::new(Channel::Webhook, told.kind, Some(webhook.id), json!({}));
    let body = match Form::parse(&webhook.form) {
        Form::Json => {
            let mut body = json!({
                "id": message.id,
                "kind": told.kind,
                "tenant": told.tenant,
                "at": at.to_rfc3339_opts(SecondsFormat::Millis, true),
                "text": told.text,
                "values": told.values,
                "url": told.url,
            });
            for (name, value) in told.about.into_iter().flatten() {
                body[name.as_str()] = value.clone();
            }
            body
        }
        Form::Slack => {
            let line = told.about.map(facts).unwrap_or_default();
            let text = if line.is_empty() { told.text.to_owned() } else { format!("{}\n{line}", told.text) };
            json!({ "text": slack(&text, told.url) })
        }
    };
    message.body = json!({ "send": body.to_string() });
    message
}

/// What a channel is told in a line of what it is about: amount, plant, who is asked.
fn facts(about: &Map<String, Value>) -> String {
    let of = |name: &str| {
        let value = about.get("document").and_then(|document| document.get(name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let currency = of("currency");
    let amount = match of("amount").parse::<Decimal>() {
        Ok(amount) => plain_amount(&amount, &currency),
        // None, or what no amount is known as.
        Err(_) => of("amount"),
    };
    let asked = about.get("asked").and_then(Value::as_array).into_iter().flatten();
    let asked: Vec<&str> = asked.filter_map(|one| one.get("name").and_then(Value::as_str)).collect();
    let parts = [amount, of("plant"), asked.join(", ")];
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// A text and where it leads, as Slack writes them.
pub(super) fn slack(text: &str, url: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if url.is_empty() { escaped } else { format!("{escaped}\n<{url}>") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_reads_what_it_is_about_in_a_line() {
        let about = json!({
            "document": { "kind": "request", "amount": "60000", "currency": "INR", "plant": "KOL" },
            "asked": [{ "id": "1", "name": "Priya" }, { "id": "2", "name": "Ravi" }],
        });
        assert_eq!(facts(about.as_object().unwrap()), "60000.00 INR · KOL · Priya, Ravi");
        assert_eq!(facts(&Map::new()), "");
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_secret_and_opens_whole() {
        let url = "https://hooks.slack.example/services/T0/B0/xyz?a=b";
        assert_eq!(shown(url), "https://hooks.slack.example/…");
        assert_eq!(shown("https://a.example:8443?key=1"), "https://a.example:8443/…");
        assert_eq!(
            (shown("https://a.example/"), shown("https://a.example")),
            ("https://a.example/".to_owned(), "https://a.example".to_owned())
        );
        let plain = sealed("secret", url);
        assert_eq!(opened(plain.as_bytes(), "shown"), (&b"secret"[..], url));
        assert_eq!(opened(b"secret", "https://old.example/x"), (&b"secret"[..], "https://old.example/x"));
    }
}
