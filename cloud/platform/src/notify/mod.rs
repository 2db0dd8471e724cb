//! What people and other systems are told: notices inside the product, mail, text
//! messages, and webhooks, all by way of the [`crate::outbox`].
//!
//! A part declares its kinds ([`Kind`]), gives them to the server's list and their
//! texts to its own (`notice-…` and `notice-kind-…`), and calls [`tell`] in the
//! transaction of what happened. Who is told by which way is found out after the
//! commit, by [`worker`].

mod address;
mod api;
mod contact;
mod courier;
mod deliveries;
mod digest;
mod fan_out;
mod groups;
pub mod live;
mod mail;
mod pages;
mod preferences;
mod sms;
mod smtp;
mod store;
mod times;
mod trial;
mod values;
mod webhook;
pub mod worker;

#[cfg(test)]
mod apart_tests;
#[cfg(test)]
mod killed_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::db::{DbError, Tx};
use crate::i18n::{Lang, Names, Sources, Texts};
use crate::openapi::Operation;
use crate::outbox::{self, Channel, Message};
use crate::secrets::Secrets;
use crate::settings;
use crate::web::{AppState, Module, NavGroup, NavItem, Permission, Seen};

pub use address::Unreachable;
pub use contact::CodeError;
pub use courier::Courier;
pub(crate) use courier::try_out;
pub use live::Live;
pub use mail::{Letter, MailConfig, MailError, Mailer, Outside, Server};
pub use preferences::{Choice, PreferenceError, Wish, choices_set, of_person, times_set};
pub use sms::{Provider as SmsProvider, sealed as sealed_phone};
pub use store::with_permission;
pub use times::{Pace, Times};
pub(crate) use trial::{Stop, Trouble, tried};

/// The pages of notices, deliveries and webhooks.
pub fn router() -> Router<AppState> {
    pages::router()
        .merge(api::router())
        .merge(deliveries::router())
        .merge(address::router())
        .merge(sms::router())
        .merge(webhook::router())
}

/// What the routes of the API here are, for its description.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [api::operations(), webhook::operations(), address::api::operations()].concat()
}

/// The side navigation of this part.
pub const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Setup,
    href: "/deliveries",
    label_key: "nav-deliveries",
    icon: "send",
    seen: Seen::With(MANAGE),
}];

/// Whether a kind goes by mail, unless the person says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByMail {
    /// Only to whoever asks for it.
    Off,
    /// To everybody who does not turn it off.
    On,
    /// Always: somebody who took over an account must not be able to turn it off.
    Always,
}

/// A kind of notice, as a part declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// As `noun.verb`. Its text is `notice-noun-verb`, its name among a person's
    /// settings `notice-kind-noun-verb`.
    pub code: &'static str,
    /// Whether it goes by mail.
    pub mail: ByMail,
    /// About the reader's own account: no webhook is told of it.
    pub personal: bool,
    /// Whoever has a page open is shown it there at once.
    pub urgent: bool,
    /// It is told to those alone who have this permission, so that nobody else is asked how
    /// it shall come; `None`: it can be about anybody.
    pub right: Option<Permission>,
}

impl Kind {
    /// A kind that is shown, and goes by mail only where somebody asks for it.
    #[must_use]
    pub const fn shown(code: &'static str) -> Self {
        Self { code, mail: ByMail::Off, personal: false, urgent: false, right: None }
    }

    /// A kind that goes by mail too.
    #[must_use]
    pub const fn mailed(code: &'static str) -> Self {
        Self { code, mail: ByMail::On, personal: false, urgent: false, right: None }
    }

    /// A kind about the reader's own account, always mailed.
    #[must_use]
    pub const fn own(code: &'static str) -> Self {
        Self { code, mail: ByMail::Always, personal: true, urgent: false, right: None }
    }

    /// Shown at once to whoever has a page open.
    #[must_use]
    pub const fn urgent(self) -> Self {
        Self { urgent: true, ..self }
    }

    /// Told to those alone who have this permission.
    #[must_use]
    pub const fn to_whom_may(self, right: Permission) -> Self {
        Self { right: Some(right), ..self }
    }

    /// The key of its text.
    #[must_use]
    pub fn text_key(&self) -> String {
        format!("notice-{}", dashed(self.code))
    }

    /// The key of its name.
    #[must_use]
    pub fn name_key(&self) -> String {
        format!("notice-kind-{}", dashed(self.code))
    }

    /// The key of the heading that it stands under: that of its noun. Nouns whose headings
    /// read the same stand under one.
    #[must_use]
    pub fn group_key(&self) -> String {
        let noun = self.code.split_once('.').map_or(self.code, |(noun, _)| noun);
        format!("notice-group-{}", dashed(noun))
    }

    /// Its name as others than its reader hear of it. The own name may speak of the reader
    /// (*an approval is asked of me*); `notice-event-…` then says it of anybody.
    #[must_use]
    pub fn event_name(&self, texts: &Texts) -> String {
        texts.or(&format!("notice-event-{}", dashed(self.code)), &texts.t(&self.name_key()))
    }
}

fn dashed(code: &str) -> String {
    code.replace(['.', '_'], "-")
}

/// See what went out, send it again, and say how mail looks.
pub const MANAGE: Permission = Permission::admin("delivery.manage");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[MANAGE];

/// How long a notice is kept.
const KEEP_NOTICES: TimeDelta = TimeDelta::days(180);

/// A delivery was given up.
pub const DELIVERY_DEAD: Kind = Kind::shown("delivery.dead").to_whom_may(MANAGE);

/// Mail does not reach somebody's address.
pub const MAIL_UNREACHABLE: Kind = Kind::shown("mail.unreachable").to_whom_may(MANAGE);
/// Mail does not reach the reader's own address, so it is not told by mail.
pub const ACCOUNT_UNREACHABLE: Kind =
    Kind { code: "account.unreachable", mail: ByMail::Off, personal: true, urgent: true, right: None };

/// As many text messages were sent in a day as may be.
pub const SMS_BOUND: Kind = Kind::shown("sms.bound").to_whom_may(MANAGE);

/// The kinds of this part.
pub const KINDS: &[Kind] = &[DELIVERY_DEAD, MAIL_UNREACHABLE, ACCOUNT_UNREACHABLE, SMS_BOUND];

/// Brings what is sealed here under the key that seals now: secrets of webhooks,
/// numbers of people, the token of a provider; answers how many were.
///
/// # Errors
/// Those of the database. What does not open stays as it is.
pub async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, DbError> {
    Ok(webhook::reseal(tx, secrets).await? + sms::reseal(tx, secrets).await?)
}

/// Whom a notice is for. Whoever caused it is told only when named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// One person.
    Person(Uuid),
    /// Everybody active whose roles have this permission.
    Permission(String),
    /// Everybody active who has this role.
    Role(String),
}

/// Something to tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Notice {
    /// Whom.
    pub to: To,
    /// Values of its text.
    pub values: BTreeMap<String, String>,
    /// Where it leads: a path of this site, or empty.
    pub href: String,
    /// The plants that it is about: of those whom a permission or a role names, only
    /// who has it at one of them is told. Empty: everybody is.
    #[serde(default)]
    pub plants: Vec<String>,
    /// What webhooks are told of it besides, by name: the document, who is asked.
    #[serde(default)]
    pub about: serde_json::Map<String, serde_json::Value>,
    /// Webhooks are told by another notice of the same event: one is for one person, and
    /// other systems want to hear of an event once.
    #[serde(default)]
    pub inside: bool,
    /// The webhook that is not told: the notice says that nothing reaches it.
    #[serde(default)]
    pub without: Option<Uuid>,
}

impl Notice {
    /// A notice without values that leads to `href`.
    #[must_use]
    pub fn new(to: To, href: impl Into<String>) -> Self {
        Self {
            to,
            values: BTreeMap::new(),
            href: href.into(),
            plants: Vec::new(),
            about: serde_json::Map::new(),
            inside: false,
            without: None,
        }
    }

    /// Says which plants it is about.
    #[must_use]
    pub fn at(self, plants: Vec<String>) -> Self {
        Self { plants, ..self }
    }

    /// Says to webhooks what it is about, besides the values of its text.
    #[must_use]
    pub fn about(mut self, name: &str, value: serde_json::Value) -> Self {
        self.about.insert(name.to_owned(), value);
        self
    }

    /// Tells people alone, where another notice of the same event tells webhooks.
    #[must_use]
    pub fn inside(self, inside: bool) -> Self {
        Self { inside, ..self }
    }

    /// Adds a value of its text.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a number that its text counts by: one label, two labels.
    #[must_use]
    pub fn counted(mut self, name: &str, number: impl TryInto<i64>) -> Self {
        values::count(&mut self.values, name, number.try_into().unwrap_or(i64::MAX));
        self
    }

    /// Adds what something is called, which each reader is told in the own language.
    #[must_use]
    pub fn called(mut self, name: &str, plain: &str, names: &Names) -> Self {
        values::put(&mut self.values, name, plain, names);
        self
    }
}

/// Tells people, and the webhooks that want this kind, once the transaction has
/// committed.
///
/// # Errors
/// Those of the database.
pub async fn tell(tx: &mut Tx, kind: &Kind, notice: &Notice, now: DateTime<Utc>) -> Result<(), DbError> {
    debug_assert!(
        !matches!((&notice.to, kind.right), (To::Permission(to), Some(right)) if to != right.code),
        "{} is declared for another permission",
        kind.code
    );
    // A notice is strings alone, which JSON can hold.
    let body = serde_json::to_value(notice).unwrap_or_default();
    outbox::put(tx, &Message::new(Channel::Notice, kind.code, None, body), now).await
}

/// Writes to somebody outside, who has no account here, once the transaction has
/// committed: at least once, under the same Message-ID each time. `id` is that of the
/// message, by which whoever keeps a record of it asks the outbox what became of it.
/// The texts are those of [`Letter`], in that person's language.
///
/// # Errors
/// Those of the database.
pub async fn write(
    tx: &mut Tx,
    id: Uuid,
    kind: &str,
    to: Outside,
    letter: Letter,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let body = Letter { to: Some(to), ..letter }.body();
    let message = Message { id, ..Message::new(Channel::Mail, kind, None, body) };
    outbox::put(tx, &message, now).await
}

/// Whether letters of this tenant can go out: by the cloud's mail server, if it `mails`
/// ([`AppState::mails`]), or by one of its own. Whoever says to somebody of a tenant whether
/// there is mail asks this, and so does what sends it.
///
/// # Errors
/// The database.
pub async fn can_mail(mails: bool, tx: &mut Tx) -> Result<bool, DbError> {
    Ok(mails || settings::has_own_mail(tx).await?)
}

/// The texts of this part.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// What the server has to know of notices and what is sent.
#[must_use]
pub fn module() -> Module {
    Module::new("notify")
        .routes(router())
        .operations(operations())
        .nav(NAV)
        .permissions(PERMISSIONS)
        .texts(TEXTS)
        .kinds(KINDS)
}
