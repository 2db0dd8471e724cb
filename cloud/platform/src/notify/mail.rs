//! Mail: a letter in its reader's language, as plain text and as HTML, and the
//! way to the mail server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use chrono::{DateTime, Utc};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use chrono_tz::Tz;

use super::address;
use super::courier::Courier;
use super::digest::Digest;
use super::smtp::{At, Line as SmtpLine, Untaken, Way};
use super::store::{MailSettings, Reader, Sender};
use super::values;
use crate::i18n::{Lang, Names, Texts, Value as Text};
use crate::outbound::guard;
use crate::outbox::Failure;

/// What the outbox keeps of a mail: what it says is written when it is sent, in
/// the language that its reader has then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The key of its text. `<text>-subject` and `<text>-button` are used where
    /// there are such.
    pub text: String,
    /// Values of its text; `name` and `tenant` are added.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Where its button leads: a path of this site, or empty. A secret that came
    /// with the message is put after it.
    #[serde(default)]
    pub href: String,
    /// Somebody outside, who has no account here; else the message's target reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Outside>,
}

/// Somebody outside who is written to, such as a customer's contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// The name, as the letter greets it.
    pub name: String,
    /// The address.
    pub email: String,
    /// The language of the letter: `te`.
    pub language: String,
}

impl Outside {
    pub(super) fn reader(&self) -> Reader {
        Reader {
            user_id: Uuid::nil(),
            email: self.email.clone(),
            name: self.name.clone(),
            language: self.language.clone(),
            status: "active".to_owned(),
            time_zone: String::new(),
            quiet_from: None,
            quiet_until: None,
            unreachable: false,
        }
    }
}

impl Letter {
    /// A letter of this text, whose button leads to `href`.
    #[must_use]
    pub fn new(text: &str, href: &str) -> Self {
        Self { text: text.to_owned(), values: BTreeMap::new(), href: href.to_owned(), to: None }
    }

    /// Adds what something is called, which the reader is told in the own language.
    #[must_use]
    pub fn called(mut self, name: &str, plain: &str, names: &Names) -> Self {
        values::put(&mut self.values, name, plain, names);
        self
    }

    /// As the outbox keeps it.
    #[must_use]
    pub fn body(&self) -> Value {
        // Strings alone, which JSON can hold.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// How mail goes out.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// `smtps://user:password@host`, `smtp://host:587?tls=required`, or
    /// `smtp://host` within the own network.
    pub smtp_url: String,
    /// `Tracewright <noreply@example.com>`.
    pub from: String,
}

/// A tenant's own mail server.
#[derive(Clone)]
pub struct Server {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The connection begins in clear, and goes on over TLS.
    pub starttls: bool,
    /// Who signs in; empty: nobody.
    pub user: String,
    /// With what.
    pub password: String,
    /// Whom mail comes from.
    pub from: String,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Why mail cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The address of the server. It may hold a password, and so is not shown.
    #[error("smtp_url: an address such as smtps://user:password@host is expected")]
    Url,
    /// The sender.
    #[error("mail_from: a sender such as `Tracewright <noreply@example.com>` is expected")]
    From,
}

/// The way to the mail server; its connections are kept and shared.
#[derive(Debug, Clone)]
pub struct Mailer {
    way: Arc<Way>,
    from: Mailbox,
}

/// A letter with all that it takes to write it.
pub(super) struct Written<'a> {
    pub id: Uuid,
    pub reader: &'a Reader,
    pub sender: &'a Sender,
    pub settings: &'a MailSettings,
    pub content: Rendered,
    pub now: DateTime<Utc>,
}

/// Subject, plain text and HTML of a mail.
pub(super) struct Rendered {
    subject: String,
    text: String,
    html: String,
}

/// Why a mail did not go.
pub(super) struct MailFailure {
    pub failure: Failure,
    /// The server says that nobody can be reached at the address.
    pub about_the_address: bool,
}

/// What a mail says, before it is written.
pub(super) struct Content {
    subject: String,
    greeting: String,
    paragraphs: Vec<String>,
    lines: Vec<Line>,
    /// What its button says, and where it leads.
    button: Option<(String, String)>,
    footer: String,
    tenant: String,
}

/// One of many things that a mail tells.
struct Line {
    text: String,
    at: String,
    /// Where it leads; empty for nowhere.
    link: String,
}

#[derive(Template)]
#[template(path = "notify/mail.html")]
struct Html<'a> {
    lang: &'static str,
    content: &'a Content,
}

impl Content {
    fn of(texts: &Texts, reader: &Reader, sender: &Sender) -> Self {
        let values =
            [("name", Text::from(reader.name.as_str())), ("tenant", Text::from(sender.name.as_str()))];
        Self {
            subject: String::new(),
            greeting: texts.with("mail-greeting", &values),
            paragraphs: Vec::new(),
            lines: Vec::new(),
            button: None,
            footer: texts.with("mail-footer", &values),
            tenant: sender.name.clone(),
        }
    }

    /// The mail as it is sent.
    pub(super) fn write(&self, texts: &Texts) -> Result<Rendered, askama::Error> {
        let mut plain = vec![self.greeting.clone()];
        plain.extend(self.paragraphs.iter().cloned());
        plain.extend(self.lines.iter().map(|line| {
            let link = if line.link.is_empty() { String::new() } else { format!("\n  {}", line.link) };
            format!("- {} ({}){link}", line.text, line.at)
        }));
        plain.extend(self.button.as_ref().map(|(label, link)| format!("{label}:\n{link}")));
        plain.push(format!("-- \n{}", self.footer));
        let html = Html { lang: texts.lang.code(), content: self }.render()?;
        let subject = self.subject.chars().filter(|c| !c.is_control()).take(150).collect();
        Ok(Rendered { subject, text: plain.join("\n\n") + "\n", html })
    }
}

/// What a letter says. `link` is where its button leads.
pub(super) fn letter(
    letter: &Letter,
    link: Option<String>,
    reader: &Reader,
    sender: &Sender,
    texts: &Texts,
) -> Content {
    let mut values = values::of(&letter.values, texts.lang);
    values.push(("name", Text::from(reader.name.as_str())));
    values.push(("tenant", Text::from(sender.name.as_str())));
    let body = texts.with(&letter.text, &values);
    let part = |part: &str, otherwise: &str| {
        let key = format!("{}-{part}", letter.text);
        if texts.has(&key) { texts.with(&key, &values) } else { otherwise.to_owned() }
    };
    let lines = body.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut content = Content::of(texts, reader, sender);
    if letter.to.is_some() {
        // They have no page on which to choose what comes by mail.
        content.footer = texts.with("mail-footer-outside", &[("tenant", Text::from(sender.name.as_str()))]);
    }
    Content {
        subject: part("subject", &body),
        button: link.map(|link| (part("button", &texts.t("mail-open")), link)),
        paragraphs: lines.map(str::to_owned).collect(),
        ..content
    }
}

/// What a digest says, each notice in the reader's language.
pub(super) fn digest(
    digest: &Digest,
    courier: &Courier,
    zone: Tz,
    reader: &Reader,
    sender: &Sender,
    texts: &Texts,
) -> Content {
    let count = digest.entries.len() + digest.more;
    let mut paragraphs = vec![texts.count(&format!("mail-digest-{}", digest.pace), count)];
    if digest.more > 0 {
        paragraphs.push(texts.count("mail-digest-more", digest.more));
    }
    let lines = digest.entries.iter().map(|told| {
        let link =
            if told.href.is_empty() { String::new() } else { format!("{}{}", courier.public_url, told.href) };
        Line { text: courier.say(texts.lang, &told.kind, &told.values), at: texts.time(&told.at, zone), link }
    });
    Content {
        subject: texts.count(&format!("mail-digest-{}-subject", digest.pace), count),
        paragraphs,
        lines: lines.collect(),
        button: Some((texts.t("mail-digest-button"), format!("{}/notices", courier.public_url))),
        ..Content::of(texts, reader, sender)
    }
}

/// The time zone of a reader: the own, else the tenant's.
pub(super) fn time_zone<'a>(reader: &'a Reader, sender: &'a Sender) -> &'a str {
    if reader.time_zone.is_empty() { &sender.time_zone } else { &reader.time_zone }
}

/// The language of a reader: the own, else the tenant's.
pub(super) fn language(reader: &Reader, sender: &Sender) -> Lang {
    Lang::parse(&reader.language).or_else(|| Lang::parse(&sender.language)).unwrap_or_default()
}

impl Mailer {
    /// A way to the server, without asking whether it is there.
    ///
    /// # Errors
    /// [`MailError`].
    pub fn new(config: &MailConfig) -> Result<Self, MailError> {
        let from: Mailbox = config.from.parse().map_err(|_| MailError::From)?;
        let hello = ClientId::Domain(from.email.domain().to_owned());
        let line = SmtpLine::of_url(&config.smtp_url, hello).ok_or(MailError::Url)?;
        Ok(Self { way: Arc::new(Way::new(line)), from })
    }

    /// The way to a tenant's own server, always over TLS. Its name is looked up once,
    /// and connections are made to the addresses that were judged: a tenant must not
    /// reach through its mail what stands beside the cloud, unless `private_too`.
    ///
    /// # Errors
    /// [`Failure`] when the name is not known, or leads to private addresses alone.
    pub async fn to(server: &Server, private_too: bool) -> Result<Self, Failure> {
        let reachable = guard::reachable(&server.host, server.port, private_too).await?;
        Self::at(server, reachable, private_too)
    }

    /// As [`to`](Self::to), to addresses that were judged.
    pub(super) fn at(
        server: &Server,
        reachable: Vec<SocketAddr>,
        private_too: bool,
    ) -> Result<Self, Failure> {
        let never = |error: &dyn std::fmt::Display| Failure::Never(error.to_string());
        let address: Address = server.from.parse().map_err(|error| never(&error))?;
        let parameters = TlsParameters::new(server.host.clone()).map_err(|error| never(&error))?;
        let tls = match (server.starttls, private_too) {
            (false, _) => Tls::Wrapper(parameters),
            (true, false) => Tls::Required(parameters),
            // Within the own network, a server may do without.
            (true, true) => Tls::Opportunistic(parameters),
        };
        let credentials =
            (!server.user.is_empty()).then(|| Credentials::new(server.user.clone(), server.password.clone()));
        let hello = ClientId::Domain(address.domain().to_owned());
        let line = SmtpLine { at: At::Addresses(reachable), tls, hello, credentials };
        Ok(Self { way: Arc::new(Way::new(line)), from: Mailbox::new(None, address) })
    }

    /// Tries the server without sending a mail; an address of it has to be ready `within`
    /// that.
    pub(super) async fn tried(&self, within: Duration) -> Result<(), Untaken> {
        self.way.tried(within).await
    }

    /// Sends a letter. Its Message-ID is that of the message, however often it is
    /// sent. Whoever cannot wait for a slow server drops this.
    pub(super) async fn send(&self, written: &Written<'_>) -> Result<(), MailFailure> {
        let plain = |failure| MailFailure { failure, about_the_address: false };
        let message = self.message(written).map_err(plain)?;
        self.way.send(message.envelope(), &message.formatted()).await.map_err(|error| {
            let told = error.to_string();
            // The server does not take this letter; that it does not take ours
            // at all (an expired password) is told by other codes, and mended.
            match error.code().filter(|code| (550..560).contains(code)) {
                Some(code) => {
                    let about_the_address = address::is_about_the_address(code, &told);
                    MailFailure { failure: Failure::Never(told), about_the_address }
                }
                None => plain(Failure::Again(told)),
            }
        })
    }

    fn message(&self, written: &Written<'_>) -> Result<Message, Failure> {
        let never = |error: &dyn std::fmt::Display| Failure::Never(error.to_string());
        let address = |text: &str| text.parse::<Address>().map_err(|error| never(&error));
        let name = [&written.settings.sender_name, &written.sender.name]
            .into_iter()
            .find(|name| !name.is_empty())
            .cloned();
        let to = Mailbox::new(Some(written.reader.name.clone()), address(&written.reader.email)?);
        let domain = self.from.email.domain();
        let mut builder = Message::builder()
            .from(Mailbox::new(name.or_else(|| self.from.name.clone()), self.from.email.clone()))
            .to(to)
            .subject(written.content.subject.clone())
            .date(written.now.into())
            // Whoever reports later that it bounced names it by this.
            .message_id(Some(format!("<{}.{}@{domain}>", written.id, written.sender.code)));
        if !written.settings.reply_to.is_empty() {
            builder = builder.reply_to(Mailbox::new(None, address(&written.settings.reply_to)?));
        }
        for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")] {
            let name = HeaderName::new_from_ascii_str(name);
            builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
        }
        let Rendered { text, html, .. } = &written.content;
        let both = MultiPart::alternative_plain_html(text.clone(), html.clone());
        builder.multipart(both).map_err(|error| never(&error))
    }
}
