//! The page of proofs: how the tree stands, its keys, and taking a history out.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use platform::db::Tx;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Shell, query};
use serde::Deserialize;
use verify::note::PublicKey;

use super::store::{self, HeadRow, Standing};
use super::{PROOF_MANAGE, PROOF_READ, ProofError, api, export, heads};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/proofs", get(page))
        .route("/proofs/history", get(history))
        .route("/proofs/keys", post(new_key))
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
    standing: Option<Standing>,
    behind: bool,
    head: Option<HeadRow>,
    keys: Vec<Key>,
    may_manage: bool,
    /// The code that was typed, and what was wrong with it.
    uid: String,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    uid: String,
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    uid: String,
    error: Option<String>,
) -> Result<Response, Problem> {
    let read = async |tx: &mut Tx| {
        let standing = store::standing(tx).await?.filter(|standing| standing.size > 0);
        let head = store::heads(tx, (i64::MAX, ""), 1).await?.into_iter().next();
        Ok::<_, ProofError>((standing, store::behind(tx).await?, head, store::keys(tx).await?))
    };
    let (standing, behind, head, rows) = state.db.tx(&caller.at(&PROOF_READ), read).await?;
    let keys = rows
        .into_iter()
        .filter_map(|row| {
            let key = PublicKey { name: row.log, bytes: row.public.try_into().ok()? };
            Some(Key { text: key.to_string(), made_at: row.made_at, retired_at: row.retired_at })
        })
        .collect();
    let view = View {
        texts: &caller.texts,
        zone: caller.zone,
        standing,
        behind,
        head,
        keys,
        may_manage: caller.may(&PROOF_MANAGE),
        uid,
        error,
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
    show(&state, &caller, &headers, query::<Asked>(&uri)?.uid, None).await
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
            let told = caller.texts.or(&problem.text_key(), &problem.detail);
            let mut response = show(&state, &caller, &headers, code, Some(told)).await?;
            *response.status_mut() = status;
            Ok(response)
        }
        Err(problem) => Err(problem),
    }
}

async fn new_key(State(state): State<AppState>, caller: Caller) -> Result<Redirect, Problem> {
    caller.require(&PROOF_MANAGE)?;
    let now = Utc::now();
    state.db.tx(&caller.cx, async |tx| heads::rotate(tx, &state.secrets, now).await).await?;
    Ok(Redirect::to("/proofs"))
}
