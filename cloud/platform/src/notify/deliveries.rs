//! The page of what went out: what waits, what was given up, and how mail looks.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::Utc;
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::store::{self, MailSettings};
use super::{Kind, MANAGE};
use crate::audit::{self, Entry};
use crate::db::{DbError, Tx};
use crate::i18n::Texts;
use crate::outbox::{self, Channel, Filter, Listed, State as Stands};
use crate::people::{USER_MANAGE, clean_email, clean_name};
use crate::web::{AppState, Caller, Path, Problem, Shell, escaped, form, query, status_of};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/deliveries", get(page))
        .route("/deliveries/again", post(all_again))
        .route("/deliveries/mail", post(set_mail))
        .route("/deliveries/{id}/again", post(again))
}

/// Messages of one page.
const PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "notify/deliveries.html")]
struct Page<'a> {
    texts: &'a Texts,
    zone: Tz,
    kinds: &'a [Kind],
    /// Kinds that nobody chooses: links, codes, tests.
    others: &'static [&'static str],
    asked: Asked,
    states: [Stands; 4],
    channels: [Channel; 3],
    messages: Vec<Listed>,
    next: Option<String>,
    settings: MailSettings,
    mails: bool,
    /// Whether whoever looks makes links to a password.
    links: bool,
    done: bool,
    /// How many were sent again.
    replayed: Option<u64>,
    error: Option<String>,
}

impl Page<'_> {
    /// Whether anything is asked for.
    fn filtered(&self) -> bool {
        let Asked { state, channel, kind, to, .. } = &self.asked;
        [state, channel, kind, to].into_iter().any(|asked| !asked.is_empty())
    }

    /// What a message tells of, in the reader's words.
    fn told(&self, code: &str) -> String {
        match self.kinds.iter().find(|kind| kind.code == code) {
            Some(kind) => self.texts.t(&kind.name_key()),
            None => self.texts.or(&format!("delivery-kind-{}", code.replace('.', "-")), code),
        }
    }

    /// Whom a new link is to be made for, in place of one that did not arrive.
    fn new_link(&self, message: &Listed) -> Option<Uuid> {
        message.wants_link.filter(|_| self.links)
    }

    fn class(&self, state: &str) -> &'static str {
        match Stands::parse(state) {
            Some(Stands::Sent) => "is-good",
            Some(Stands::Dead) => "is-bad",
            Some(Stands::Waiting) => "is-info",
            _ => "",
        }
    }
}

/// Kinds of messages that are no notices.
const OTHERS: &[&str] = &[
    "people.invite",
    "people.reset",
    "address.code",
    "notice.digest",
    "phone.code",
    "sms.test",
    "webhook.test",
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    state: String,
    channel: String,
    kind: String,
    /// A person's e-mail address, or a webhook's name.
    to: String,
    before: Option<Uuid>,
    done: Option<String>,
    replayed: Option<u64>,
}

impl Asked {
    /// What it asks of the outbox; `None` when it is for somebody whom nobody knows.
    /// What is not a state or a channel is not asked.
    async fn filter(&self, tx: &mut Tx) -> Result<Option<Filter>, DbError> {
        let target = match self.to.trim() {
            "" => None,
            to => match store::target(tx, to).await? {
                Some(target) => Some(target),
                None => return Ok(None),
            },
        };
        Ok(Some(Filter {
            state: Stands::parse(&self.state),
            channel: Channel::parse(&self.channel),
            kind: Some(self.kind.clone()).filter(|kind| !kind.is_empty()),
            target,
        }))
    }

    /// The page that asks for this; without its place in the list.
    fn path(&self) -> String {
        let part = |text: &str| escaped(text, b"-_.@");
        format!(
            "/deliveries?state={}&channel={}&kind={}&to={}",
            part(&self.state),
            part(&self.channel),
            part(&self.kind),
            part(&self.to)
        )
    }
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    show(&state, &caller, &headers, query(&uri)?, None).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    asked: Asked,
    typed: Option<(MailSettings, String)>,
) -> Result<Response, Problem> {
    let now = Utc::now();
    let (mut messages, settings) = state
        .db
        .tx(&caller.cx, async |tx| {
            let messages = match asked.filter(tx).await? {
                Some(filter) => outbox::list(tx, &filter, asked.before, PAGE + 1, now).await?,
                None => Vec::new(),
            };
            Ok::<_, DbError>((messages, store::mail_settings(tx).await?))
        })
        .await?;
    let more = i64::try_from(messages.len()).is_ok_and(|count| count > PAGE);
    if more {
        messages.pop();
    }
    let next = messages.last().filter(|_| more).map(|last| format!("{}&before={}", asked.path(), last.id));
    let failed = typed.is_some();
    let (settings, error) = match typed {
        Some((typed, error)) => (typed, Some(error)),
        None => (settings, None),
    };
    let shell = Shell::new(state, caller, caller.t("delivery-title"), "/deliveries");
    let view = Page {
        texts: &caller.texts,
        zone: caller.zone,
        kinds: &state.kinds,
        others: OTHERS,
        states: Stands::ALL,
        channels: Channel::OUTSIDE,
        messages,
        next,
        settings,
        mails: state.mails,
        links: caller.may(&USER_MANAGE),
        done: asked.done.is_some(),
        replayed: asked.replayed,
        asked,
        error,
    };
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

async fn again(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    caller.require(&MANAGE)?;
    if !outbox::replay(&state.db, &caller.cx, id, Utc::now()).await? {
        return Err(Problem::not_found());
    }
    Ok(Redirect::to("/deliveries"))
}

/// Sends again all that were given up and that the page was asked for.
async fn all_again(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Form<Asked>, FormRejection>,
) -> Result<Redirect, Problem> {
    caller.require(&MANAGE)?;
    let asked = form(sent)?;
    let filter = state.db.tx(&caller.cx, async |tx| asked.filter(tx).await).await?;
    let count = match filter {
        Some(filter) => outbox::replay_all(&state.db, &caller.cx, &filter, Utc::now()).await?,
        None => 0,
    };
    let asked = Asked { state: String::new(), ..asked };
    Ok(Redirect::to(&format!("{}&replayed={count}", asked.path())))
}

#[derive(Debug, Deserialize)]
struct Typed {
    sender_name: String,
    reply_to: String,
    version: i32,
}

async fn set_mail(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&MANAGE)?;
    let typed = form(sent)?;
    let Typed { sender_name, reply_to, version } = typed;
    let name = if sender_name.trim().is_empty() { Some(String::new()) } else { clean_name(&sender_name) };
    let reply = if reply_to.trim().is_empty() { Some(String::new()) } else { clean_email(&reply_to) };
    let (Some(name), Some(reply)) = (&name, &reply) else {
        let key = if name.is_none() { "people-error-name" } else { "people-error-email" };
        let typed = MailSettings { sender_name, reply_to, version };
        return show(&state, &caller, &headers, Asked::default(), Some((typed, caller.t(key)))).await;
    };
    let new = MailSettings { sender_name: name.clone(), reply_to: reply.clone(), version };
    let set = state
        .db
        .tx(&caller.cx, async |tx| {
            let before = store::mail_settings(tx).await?;
            if !store::mail_settings_set(tx, &new).await? {
                return Ok(false);
            }
            // The address may be a person's.
            let entry = Entry {
                action: "mail.settings",
                subject: "mail:settings",
                before: Some(json!({ "sender_name": before.sender_name })),
                after: Some(json!({ "sender_name": new.sender_name })),
            };
            audit::record(tx, entry).await?;
            Ok::<_, DbError>(true)
        })
        .await?;
    if !set {
        return Err(Problem::conflict("conflict.stale", ""));
    }
    Ok(Redirect::to("/deliveries?done=1").into_response())
}
