//! The page of what went out: what waits, what was given up, and how mail looks.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
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
use crate::db::DbError;
use crate::i18n::Texts;
use crate::outbox::{self, Listed, State as Stands};
use crate::people::{clean_email, clean_name};
use crate::web::{AppState, Caller, Problem, Shell, form, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/deliveries", get(page))
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
    state: &'a str,
    states: [Stands; 4],
    messages: Vec<Listed>,
    next: Option<String>,
    settings: MailSettings,
    mails: bool,
    done: bool,
    error: Option<String>,
}

impl Page<'_> {
    /// What a message tells of, in the reader's words.
    fn told(&self, code: &str) -> String {
        match self.kinds.iter().find(|kind| kind.code == code) {
            Some(kind) => self.texts.t(&kind.name_key()),
            None => self.texts.or(&format!("delivery-kind-{}", code.replace('.', "-")), code),
        }
    }

    fn asked(&self, state: &Stands) -> bool {
        state.name() == self.state
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

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    state: String,
    before: Option<Uuid>,
    done: Option<String>,
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
    let wanted = Stands::parse(&asked.state);
    let now = Utc::now();
    let (mut messages, settings) = state
        .db
        .tx(&caller.cx, async |tx| {
            let messages = outbox::list(tx, wanted, asked.before, PAGE + 1, now).await?;
            Ok::<_, DbError>((messages, store::mail_settings(tx).await?))
        })
        .await?;
    let more = i64::try_from(messages.len()).is_ok_and(|count| count > PAGE);
    if more {
        messages.pop();
    }
    let shown = wanted.map_or("", Stands::name);
    let next =
        messages.last().filter(|_| more).map(|last| format!("/deliveries?state={shown}&before={}", last.id));
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
        state: shown,
        states: Stands::ALL,
        messages,
        next,
        settings,
        mails: state.mails,
        done: asked.done.is_some(),
        error,
    };
    let status = if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, shell.page(headers, &view)?).into_response())
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
