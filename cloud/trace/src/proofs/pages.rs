//! The page of proofs: how the tree stands, its keys, and taking a history out.

use askama::Template;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form, Router};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use platform::db::Tx;
use platform::i18n::Texts;
use platform::web::routing::{get, post};
use platform::web::{AppState, Caller, Problem, Shell, form, query};
use serde::Deserialize;
use verify::note::PublicKey;

use super::store::{self, HeadRow, Standing};
use super::{PROOF_MANAGE, PROOF_READ, ProofError, api, check, export, heads, worker};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/proofs", get(page))
        .route("/proofs/history", get(history))
        .route("/proofs/keys", post(new_key))
        .route("/proofs/check", get(progress).merge(post(run)))
}

/// How the tree and its check stand; asks for itself again while a check is under way.
#[derive(Template)]
#[template(path = "proofs/standing.html")]
struct StandingView<'a> {
    texts: &'a Texts,
    zone: Tz,
    standing: Option<Standing>,
    behind: bool,
    head: Option<HeadRow>,
    may_manage: bool,
}

impl StandingView<'_> {
    fn running(&self) -> bool {
        self.standing.as_ref().is_some_and(Standing::running)
    }

    /// What the round under way has looked at, and of how much.
    fn done(&self) -> i64 {
        self.standing.as_ref().map_or(0, |standing| standing.done().0)
    }

    fn of(&self) -> i64 {
        self.standing.as_ref().map_or(0, |standing| standing.done().1)
    }

    /// What the round under way looks at, as a text's key.
    fn doing(&self) -> &'static str {
        match &self.standing {
            Some(standing) if standing.at_uids() => "proofs-checking-uids",
            _ => "proofs-checking",
        }
    }
}

async fn standing(state: &AppState, caller: &Caller) -> Result<String, Problem> {
    let read = async |tx: &mut Tx| {
        let standing = store::standing(tx).await?.filter(|standing| standing.size > 0);
        let head = store::heads(tx, (i64::MAX, ""), 1).await?.into_iter().next();
        Ok::<_, ProofError>((standing, store::behind(tx).await?, head))
    };
    let (standing, behind, head) = state.db.tx(&caller.at(&PROOF_READ), read).await?;
    let (texts, zone, may_manage) = (&caller.texts, caller.zone, caller.may(&PROOF_MANAGE));
    Ok(StandingView { texts, zone, standing, behind, head, may_manage }.render()?)
}

/// A key as the page shows it.
struct Key {
    text: String,
    made_at: DateTime<Utc>,
    retired_at: Option<DateTime<Utc>>,
}

#[derive(Template)]
#[template(path = "proofs/proofs.html")]
struct View<'a> {
    texts: &'a Texts,
    zone: Tz,
    standing: String,
    keys: Vec<Key>,
    may_manage: bool,
    /// The code that was typed, and what was wrong with it.
    uid: String,
    error: Option<String>,
    /// What was wrong with what was to be done: with the check, or with the new key.
    undone: Option<Undone>,
}

/// Something that was not done, and why.
enum Undone {
    Check(String),
    Key(String),
}

impl View<'_> {
    fn check_error(&self) -> Option<&str> {
        match &self.undone {
            Some(Undone::Check(why)) => Some(why),
            _ => None,
        }
    }

    fn key_error(&self) -> Option<&str> {
        match &self.undone {
            Some(Undone::Key(why)) => Some(why),
            _ => None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    uid: String,
}

/// What was typed, and what was wrong with it.
#[derive(Default)]
struct Typed {
    uid: String,
    error: Option<String>,
    undone: Option<Undone>,
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: Typed,
) -> Result<Response, Problem> {
    let read = async |tx: &mut Tx| Ok::<_, ProofError>(store::keys(tx).await?);
    let rows = state.db.tx(&caller.at(&PROOF_READ), read).await?;
    let keys = rows
        .into_iter()
        .filter_map(|row| {
            let key = PublicKey { name: row.log, bytes: row.public.try_into().ok()? };
            Some(Key { text: key.to_string(), made_at: row.made_at, retired_at: row.retired_at })
        })
        .collect();
    let Typed { uid, error, undone } = typed;
    let view = View {
        texts: &caller.texts,
        zone: caller.zone,
        standing: standing(state, caller).await?,
        keys,
        may_manage: caller.may(&PROOF_MANAGE),
        uid,
        error,
        undone,
    };
    Shell::new(state, caller, caller.t("proofs-title"), "/proofs").page(headers, &view)
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    let typed = Typed { uid: query::<Asked>(&uri)?.uid, ..Typed::default() };
    show(&state, &caller, &headers, typed).await
}

async fn history(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    let code = query::<Asked>(&uri)?.uid;
    let now = Utc::now();
    api::fresh(&state, &caller, now).await;
    let read = async |tx: &mut Tx| export::history(tx, &state.secrets, &code, now).await;
    match state.db.tx(&caller.at(&PROOF_READ), read).await.map_err(Problem::from) {
        Ok(history) => Ok(api::file(&history).into_response()),
        Err(problem) if problem.status.is_client_error() => {
            let status = problem.status;
            let error = Some(caller.texts.or(&problem.text_key(), &problem.detail));
            let typed = Typed { uid: code, error, undone: None };
            let mut response = show(&state, &caller, &headers, typed).await?;
            *response.status_mut() = status;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}

/// What the form of a new key sends: that whoever sends it knows what follows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sure {
    sure: String,
}

async fn new_key(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Sure>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&PROOF_MANAGE)?;
    if form(sent)?.sure != "yes" {
        let undone = Some(Undone::Key(caller.t("proofs-new-key-sure")));
        let mut response = show(&state, &caller, &headers, Typed { undone, ..Typed::default() }).await?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    }
    let now = Utc::now();
    state.db.tx(&caller.cx, async |tx| heads::rotate(tx, &state.secrets, now).await).await?;
    Ok(Redirect::to("/proofs").into_response())
}

async fn progress(State(state): State<AppState>, caller: Caller) -> Result<Html<String>, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    Ok(Html(standing(&state, &caller).await?))
}

async fn run(
    State(state): State<AppState>,
    Extension(asked): Extension<worker::Asked>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&PROOF_MANAGE)?;
    match state.db.tx(&caller.cx, async |tx| check::ask(tx).await).await.map_err(Problem::from) {
        Ok(()) => {
            asked.wake();
            Ok(Redirect::to("/proofs").into_response())
        }
        Err(problem) if problem.status.is_client_error() => {
            let status = problem.status;
            let undone = Some(Undone::Check(caller.texts.or(&problem.text_key(), &problem.detail)));
            let mut response = show(&state, &caller, &headers, Typed { undone, ..Typed::default() }).await?;
            *response.status_mut() = status;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}
