//! The page of a person's notices, the bell in the frame, and what comes by which
//! way.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{Html, Redirect, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::preferences::{self, APP, MAIL};
use super::{ByMail, Kind, store};
use crate::db::DbError;
use crate::i18n::{Texts, Value as Text};
use crate::web::{AppState, Caller, Problem, Shell, form, local_path, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/notices", get(list))
        .route("/notices/bell", get(bell))
        .route("/notices/read", post(read_all))
        .route("/notices/open/{notice}", post(open))
        .route("/notices/settings", get(settings).post(set))
}

/// Notices of one page.
const PAGE: i64 = 30;

/// A notice in the reader's words.
struct Line {
    id: Uuid,
    text: String,
    told_at: DateTime<Utc>,
    read: bool,
}

/// The text of a notice; the kind itself where nobody declares it any more.
pub(super) fn text_of(texts: &Texts, kinds: &[Kind], code: &str, details: &Value) -> String {
    let Some(kind) = kinds.iter().find(|kind| kind.code == code) else {
        return code.to_owned();
    };
    let values: Vec<(&str, Text<'_>)> = details
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), Text::from(value.as_str().unwrap_or_default())))
        .collect();
    texts.with(&kind.text_key(), &values)
}

#[derive(Template)]
#[template(path = "notify/notices.html")]
struct List<'a> {
    texts: &'a Texts,
    zone: Tz,
    lines: Vec<Line>,
    unread: i64,
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Before {
    before: Option<Uuid>,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let Before { before } = query(&uri)?;
    let (mut rows, unread) = state
        .db
        .tx(&caller.cx, async |tx| {
            let rows = store::notices(tx, user, before, PAGE + 1).await?;
            Ok::<_, DbError>((rows, store::unread(tx, user).await?))
        })
        .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > PAGE);
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more).map(|last| format!("/notices?before={}", last.id));
    let lines = rows
        .into_iter()
        .map(|row| Line {
            id: row.id,
            text: text_of(&caller.texts, &state.kinds, &row.kind, &row.details),
            told_at: row.told_at,
            read: row.read_at.is_some(),
        })
        .collect();
    let shell = Shell::new(&state, &caller, caller.t("notice-title"), "/notices");
    shell.page(&headers, &List { texts: &caller.texts, zone: caller.zone, lines, unread, next })
}

#[derive(Template)]
#[template(path = "notify/bell.html")]
struct Bell<'a> {
    texts: &'a Texts,
    unread: i64,
}

/// What stands at the bell: the number of notices that were not read.
async fn bell(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, Problem> {
    let user = caller.person()?;
    let unread = state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::unread(tx, user).await?)).await?;
    Ok(Html(Bell { texts: &caller.texts, unread }.render()?))
}

async fn read_all(State(state): State<AppState>, caller: Caller) -> Result<Redirect, Problem> {
    let user = caller.person()?;
    let now = Utc::now();
    state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::read_all(tx, user, now).await?)).await?;
    Ok(Redirect::to("/notices"))
}

/// Marks a notice as read, and goes where it leads.
async fn open(
    State(state): State<AppState>,
    caller: Caller,
    Path(notice): Path<Uuid>,
) -> Result<Redirect, Problem> {
    let user = caller.person()?;
    let now = Utc::now();
    let href = state
        .db
        .tx(&caller.cx, async |tx| Ok::<_, DbError>(store::read(tx, user, notice, now).await?))
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(Redirect::to(if href.is_empty() { "/notices" } else { local_path(&href) }))
}

/// A kind, and whether the person is told of it by each way.
struct Choice {
    kind: Kind,
    app: bool,
    mail: bool,
}

impl Choice {
    fn app_fixed(&self) -> bool {
        self.kind.personal
    }

    fn mail_fixed(&self) -> bool {
        self.kind.mail == ByMail::Always
    }
}

#[derive(Template)]
#[template(path = "notify/settings.html")]
struct Settings<'a> {
    texts: &'a Texts,
    choices: Vec<Choice>,
    mails: bool,
    done: bool,
}

async fn settings(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let wishes =
        state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::own_wishes(tx, user).await?)).await?;
    let wish = |kind: &Kind, channel: &str| {
        wishes.iter().find(|(of, by, _)| of == kind.code && by == channel).map(|(_, _, wanted)| *wanted)
    };
    let choices = state
        .kinds
        .iter()
        .map(|kind| Choice {
            kind: *kind,
            app: preferences::wants(kind, APP, wish(kind, APP)),
            mail: preferences::wants(kind, MAIL, wish(kind, MAIL)),
        })
        .collect();
    let shell = Shell::new(&state, &caller, caller.t("notice-settings"), "/notices");
    let done = uri.query() == Some("done");
    shell.page(&headers, &Settings { texts: &caller.texts, choices, mails: state.mails, done })
}

async fn set(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Redirect, Problem> {
    let user = caller.person()?;
    let ticked = form(sent)?;
    let wanted =
        |kind: &Kind, channel: &str| ticked.iter().any(|(name, value)| name == channel && value == kind.code);
    state
        .db
        .tx(&caller.cx, async |tx| {
            for kind in &state.kinds {
                if !kind.personal {
                    store::wish_set(tx, user, kind.code, APP, wanted(kind, APP)).await?;
                }
                if kind.mail != ByMail::Always && state.mails {
                    store::wish_set(tx, user, kind.code, MAIL, wanted(kind, MAIL)).await?;
                }
            }
            Ok::<_, DbError>(())
        })
        .await?;
    Ok(Redirect::to("/notices/settings?done"))
}
