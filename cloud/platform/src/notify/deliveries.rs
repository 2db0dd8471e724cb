//! The page of what went out: what waits, what was given up, and how mail looks.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::store::{self, MailSettings};
use super::{Kind, MANAGE, can_mail};
use crate::audit::{self, Entry};
use crate::db::{DbError, Tx};
use crate::i18n::Texts;
use crate::outbox::{self, Channel, Filter as Wanted, Listed, State as Stands};
use crate::people::{USER_MANAGE, clean_email, clean_name};
use crate::settings::TENANT_MANAGE;
use crate::web::fields::{Fields, Input};
use crate::web::list::{Action, Cell, Column, Filter, List, Row, address};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, kept, query, status_of};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(PATH, get(page))
        .route("/deliveries/again", post(all_again))
        .route("/deliveries/mail", post(set_mail))
        .route("/deliveries/{id}/again", post(again))
}

/// Where it is.
const PATH: &str = "/deliveries";
/// Messages of one page.
const PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "notify/deliveries.html")]
struct Page<'a> {
    texts: &'a Texts,
    list: List<'a>,
    /// How mail looks.
    mail: Fields<'a>,
    mails: bool,
    /// Whether the reader sets up the mail server.
    may_set_mail: bool,
    done: bool,
}

fn mail_fields<'a>(texts: &'a Texts, settings: &MailSettings) -> Fields<'a> {
    Fields::new(texts, "/deliveries/mail", texts.t("notice-save")).version(Some(settings.version)).inputs([
        Input::text("sender_name", texts.t("delivery-sender")).value(&settings.sender_name).longest(80),
        Input::email("reply_to", texts.t("delivery-reply-to")).value(&settings.reply_to).longest(254),
    ])
}

/// What stands above the list: how many were sent again, and what sends all of them again
/// that were given up.
#[derive(Template)]
#[template(path = "notify/again.html")]
struct Again<'a> {
    texts: &'a Texts,
    asked: &'a Asked,
    replayed: Option<u64>,
    may: bool,
}

/// What a message tells of, in the reader's words.
fn told(texts: &Texts, kinds: &[Kind], code: &str) -> String {
    match kinds.iter().find(|kind| kind.code == code) {
        Some(kind) => kind.event_name(texts),
        None => texts.or(&format!("delivery-kind-{}", code.replace('.', "-")), code),
    }
}

fn class(state: &str) -> &'static str {
    match Stands::parse(state) {
        Some(Stands::Sent) => "is-good",
        Some(Stands::Dead) => "is-bad",
        Some(Stands::Waiting) => "is-info",
        _ => "",
    }
}

/// A message, and what can be done about it. `links`: whether whoever looks makes links to
/// a password.
fn row(caller: &Caller, kinds: &[Kind], links: bool, message: &Listed) -> Row {
    let texts = &caller.texts;
    let state = texts.t(&format!("delivery-state-{}", message.state));
    let failed = !message.last_error.is_empty();
    let waits = message.state == "waiting" && message.attempts > 0;
    let more = [
        (message.attempts > 1 || failed).then(|| texts.count("delivery-attempts", message.attempts)),
        failed.then(|| message.last_error.clone()),
        (!message.reference.is_empty()).then(|| texts.t1("delivery-reference", "id", &message.reference)),
        waits.then(|| texts.t1("delivery-next", "time", texts.time(&message.due_at, caller.zone))),
    ];
    let more: Vec<String> = more.into_iter().flatten().collect();
    let again = match message.wants_link.filter(|_| links) {
        _ if message.replayable => {
            Cell::button(format!("{PATH}/{}/again", message.id), texts.t("delivery-again"))
        }
        Some(person) => Cell::text(texts.t("delivery-new-link")).to(format!("/users/{person}")),
        None => Cell::default(),
    };
    Row::new([
        Cell::text(texts.time(&message.created_at, caller.zone)),
        Cell::text(told(texts, kinds, &message.kind)),
        Cell::text(&message.to).under(texts.t(&format!("delivery-channel-{}", message.channel))),
        Cell::state(state, class(&message.state)).under(more.join(" · ")),
        again,
    ])
}

/// What went out or waits, with what it can be narrowed by.
fn list<'a>(state: &AppState, caller: &'a Caller, asked: &Asked, messages: &[Listed]) -> List<'a> {
    let texts = &caller.texts;
    let kinds: &[Kind] = &state.kinds;
    let states = Stands::ALL.map(Stands::name).map(|one| (one, "state"));
    let channels = Channel::OUTSIDE.map(Channel::name).map(|one| (one, "channel"));
    let said = |(one, of): (&str, &str)| (one.to_owned(), texts.t(&format!("delivery-{of}-{one}")));
    let codes = kinds.iter().map(|kind| kind.code).chain(OTHERS.iter().copied());
    let codes = codes.map(|code| (code.to_owned(), told(texts, kinds, code)));
    let links = caller.may(&USER_MANAGE);
    List::new(texts, PATH)
        .head(texts.t("delivery-title"), texts.t("delivery-lead"))
        .actions([
            Action::to("/deliveries/sms", texts.t("sms-title")),
            Action::to("/deliveries/addresses", texts.t("address-title")),
            Action::to("/webhooks", texts.t("webhook-title")),
        ])
        .filters([
            Filter::choice("state", texts.t("delivery-state"), &asked.state, states.map(said)),
            Filter::choice("channel", texts.t("delivery-channel"), &asked.channel, channels.map(said)),
            Filter::choice("kind", texts.t("delivery-what"), &asked.kind, codes),
            Filter::text("to", texts.t("delivery-to"), &asked.to)
                .hint(texts.t("delivery-to-hint"))
                .longest(254),
        ])
        .columns([
            Column::new("delivery-time"),
            Column::new("delivery-what"),
            Column::new("delivery-to"),
            Column::new("delivery-state"),
            Column::new("delivery-again"),
        ])
        .rows(messages.iter().map(|message| row(caller, kinds, links, message)))
        .empty(texts.t("delivery-none"))
        .teaches(texts.t("delivery-none-hint"))
        .first(asked.before.is_some().then(|| asked.address(("before", ""))))
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
    async fn filter(&self, tx: &mut Tx) -> Result<Option<Wanted>, DbError> {
        let target = match self.to.trim() {
            "" => None,
            to => match store::target(tx, to).await? {
                Some(target) => Some(target),
                None => return Ok(None),
            },
        };
        Ok(Some(Wanted {
            state: Stands::parse(&self.state),
            channel: Channel::parse(&self.channel),
            kind: Some(self.kind.clone()).filter(|kind| !kind.is_empty()),
            target,
        }))
    }

    /// The page that asks for this, without its place in the list, and for something besides.
    fn address(&self, besides: (&str, &str)) -> String {
        let Self { state, channel, kind, to, .. } = self;
        address(PATH, &[("state", state), ("channel", channel), ("kind", kind), ("to", to), besides])
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
    typed: Option<(MailSettings, Vec<(&'static str, String)>)>,
) -> Result<Response, Problem> {
    let now = Utc::now();
    let (mut messages, settings, mails) = state
        .db
        .tx(&caller.cx, async |tx| {
            let messages = match asked.filter(tx).await? {
                Some(filter) => outbox::list(tx, &filter, asked.before, PAGE + 1, now).await?,
                None => Vec::new(),
            };
            let mails = can_mail(state.mails, tx).await?;
            Ok::<_, DbError>((messages, store::mail_settings(tx).await?, mails))
        })
        .await?;
    let more = i64::try_from(messages.len()).is_ok_and(|count| count > PAGE);
    if more {
        messages.pop();
    }
    let next = messages.last().filter(|_| more);
    let next = next.map(|last| asked.address(("before", &last.id.to_string())));
    let failed = typed.is_some();
    let stands = mail_fields(&caller.texts, &settings);
    let mail = match typed {
        None => stands,
        Some((typed, wrong)) => mail_fields(&caller.texts, &typed).wrong(wrong).against(&stands),
    };
    let above = Again {
        texts: &caller.texts,
        asked: &asked,
        replayed: asked.replayed,
        may: asked.state == Stands::Dead.name() && !messages.is_empty(),
    };
    let view = Page {
        texts: &caller.texts,
        list: list(state, caller, &asked, &messages).above(above.render()?).next(next),
        mail,
        mails,
        may_set_mail: caller.require(&TENANT_MANAGE).is_ok(),
        done: asked.done.is_some(),
    };
    let shell = Shell::new(state, caller, caller.t("delivery-title"), PATH);
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
    Ok(Redirect::to(PATH))
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
    Ok(Redirect::to(&asked.address(("replayed", &count.to_string()))))
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
        let wrong_name = name.is_none().then(|| ("sender_name", caller.t("people-error-name")));
        let wrong_reply = reply.is_none().then(|| ("reply_to", caller.t("people-error-email")));
        let wrong = wrong_name.into_iter().chain(wrong_reply).collect();
        let typed = MailSettings { sender_name, reply_to, version };
        return show(&state, &caller, &headers, Asked::default(), Some((typed, wrong))).await;
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
        .await;
    let wrong = match set {
        Ok(true) => return Ok(Redirect::to("/deliveries?done=1").into_response()),
        // The form says so by itself, beside what stands now.
        Ok(false) => Vec::new(),
        Err(error) => vec![("", kept(&caller.texts, error)?)],
    };
    let typed = MailSettings { sender_name, reply_to, version };
    show(&state, &caller, &headers, Asked::default(), Some((typed, wrong))).await
}
