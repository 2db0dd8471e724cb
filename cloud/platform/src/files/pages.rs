//! The component that shows what is attached to a thing. A page includes it by
//! `files/include.html` with the kind and the key; it stands alone as a page too.

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::Utc;
use chrono_tz::Tz;
use serde::Deserialize;
use uuid::Uuid;

use super::api::{Which, send};
use super::error::megabytes;
use super::kind::Kind;
use super::service::{self, Goes};
use super::{FilesError, Listed, Right, Subject, VersionOf, Whose, spool};
use crate::db::DbError;
use crate::i18n::Texts;
use crate::people;
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, escaped, form, multipart, query};

/// Most files that one form sends.
const MOST_AT_ONCE: usize = 20;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/files/on/{kind}/{*code}", get(box_of).merge(post(add)))
        .route("/files/{id}/content", get(bytes))
        .route("/files/{id}/version", post(replace))
        .route("/files/{id}/delete", post(delete))
        .route("/files/{id}/restore", post(restore))
}

/// The address of what is attached to a thing.
pub(super) fn address(kind: &str, key: &str) -> String {
    format!("/files/on/{kind}/{}", escaped(key, b"-_./:"))
}

#[derive(Template)]
#[template(path = "files/box.html")]
struct FilesBox<'a> {
    texts: &'a Texts,
    zone: Tz,
    address: String,
    standing: Vec<Shown>,
    deleted: Vec<Shown>,
    told: Vec<String>,
    may_edit: bool,
    largest: String,
}

#[derive(Template)]
#[template(path = "files/page.html")]
struct FilesPage<'a> {
    texts: &'a Texts,
    back: String,
    name: String,
    content: String,
}

/// A file as it is shown.
struct Shown {
    file: Listed,
    present: VersionOf,
    by: String,
    before: Vec<(VersionOf, String)>,
}

impl Shown {
    fn is_picture(&self) -> bool {
        Kind::is_picture(&self.present.media_type)
    }
}

async fn render(
    state: &AppState,
    caller: &Caller,
    subject: &Subject,
    key: &str,
    told: Vec<String>,
) -> Result<String, Problem> {
    let found = state
        .db
        .tx(&subject.whose.cx(caller), async |tx| {
            let right = service::reach(tx, subject, caller, key).await?;
            let files = match right {
                Some(_) => service::list(tx, subject.kind, key).await?,
                None => Vec::new(),
            };
            let actors =
                files.iter().flat_map(|file| &file.versions).map(|version| version.created_by.clone());
            let names = people::names_of(tx, &actors.collect::<Vec<_>>()).await?;
            Ok::<_, FilesError>((files, names, right))
        })
        .await;
    let (files, names, right) = found.map_err(|error| error.problem(&caller.texts))?;
    let name = |actor: &str| names.get(actor).cloned().unwrap_or_else(|| actor.to_owned());
    let shown = files.into_iter().filter_map(|file| {
        let present = file.present()?.clone();
        let before = file.versions.iter().skip(1).map(|old| (old.clone(), name(&old.created_by)));
        Some(Shown { by: name(&present.created_by), before: before.collect(), present, file })
    });
    let (deleted, standing) = shown.partition(|shown: &Shown| shown.file.deleted);
    let page = FilesBox {
        texts: &caller.texts,
        zone: caller.zone,
        address: address(subject.kind, key),
        standing,
        deleted,
        told,
        may_edit: right == Some(Right::Edit),
        largest: megabytes(state.files.limits().largest),
    };
    Ok(page.render()?)
}

/// The component alone for a page that includes it, else as a page of its own.
async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    subject: &Subject,
    key: &str,
    told: Vec<String>,
) -> Result<Response, Problem> {
    let content = render(state, caller, subject, key, told).await?;
    if is_part(headers) {
        return Ok(Html(content).into_response());
    }
    let named = match subject.title {
        Some(title) => {
            state.db.tx(&subject.whose.cx(caller), async |tx| title(tx, caller, key).await).await?
        }
        None => None,
    };
    let name = named.filter(|named| !named.is_empty()).unwrap_or_else(|| key.to_owned());
    let texts = &caller.texts;
    let title = format!("{} · {name}", texts.t("files-title"));
    let page = FilesPage { texts, back: (subject.href)(subject.kind, key), name, content };
    Shell::new(state, caller, title, "").page(headers, &page)
}

/// Whether a script asks for the component alone.
fn is_part(headers: &HeaderMap) -> bool {
    headers.contains_key("hx-request") && headers.get("hx-target").is_none_or(|target| target != "main")
}

/// Refuses where there is no such thing, or the caller lacks the right to this one.
async fn stands(
    state: &AppState,
    caller: &Caller,
    subject: &Subject,
    key: &str,
    right: Right,
) -> Result<(), Problem> {
    let found = state
        .db
        .tx(&subject.whose.cx(caller), async |tx| {
            // That the caller has the right to what is of everybody was asked before.
            let reached = match subject.whose {
                Whose::Of { .. } => Some(right),
                _ => service::reach(tx, subject, caller, key).await?,
            };
            // Looking how far the right reaches has seen it, but for who may at all plants.
            let seen = match subject.whose {
                Whose::Of { .. } => false,
                Whose::At { .. } => !tx.plants().is_all(),
                Whose::Each { .. } => true,
            };
            let there = seen || reached.is_none() || (subject.stands)(tx, subject.kind, key).await?;
            Ok::<_, DbError>(reached.filter(|_| there))
        })
        .await?;
    service::enough(found, right)
}

async fn box_of(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::View)?;
    let subject = service::subject(&state.files, &caller, &kind, Right::View)?;
    stands(&state, &caller, subject, &key, Right::View).await?;
    show(&state, &caller, &headers, subject, &key, Vec::new()).await
}

/// Takes the files of a form, each as it comes; answers what is wrong with which.
async fn take(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
    goes: Goes<'_>,
) -> Result<Vec<String>, Problem> {
    let mut parts = multipart(headers, body)?;
    let (mut told, mut sent) = (Vec::new(), 0);
    while let Some(part) = parts.next_field().await? {
        let name = part.file_name().unwrap_or_default().to_owned();
        if part.name() != Some("file") || name.is_empty() {
            continue;
        }
        sent += 1;
        if sent > MOST_AT_ONCE {
            told.push(caller.texts.t1("files-wrong-many", "most", MOST_AT_ONCE));
            break;
        }
        let done = match spool(&state.files, part).await {
            Ok(spooled) => {
                service::may_put(&state.db, &state.files, caller, goes).await?;
                service::upload(&state.db, &caller.cx, &state.files, goes, &name, spooled, Utc::now()).await
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(_) => {}
            Err(FilesError::Stale) => told.push(caller.t("files-wrong-stale")),
            Err(error) => match error.say(&caller.texts) {
                Some(said) => told.push(format!("{name}: {said}")),
                None => return Err(error.problem(&caller.texts)),
            },
        }
    }
    if sent == 0 {
        told.push(caller.t("files-wrong-none"));
    }
    Ok(told)
}

/// What became of a form: for a script the component, else back to the page.
async fn done(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    subject: &Subject,
    key: &str,
    told: Vec<String>,
) -> Result<Response, Problem> {
    if told.is_empty() && !is_part(headers) {
        return Ok(Redirect::to(&address(subject.kind, key)).into_response());
    }
    let status = if told.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((status, show(state, caller, headers, subject, key, told).await?).into_response())
}

async fn add(
    State(state): State<AppState>,
    caller: Caller,
    Path((kind, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::Edit)?;
    let subject = service::subject(&state.files, &caller, &kind, Right::Edit)?;
    stands(&state, &caller, subject, &key, Right::Edit).await?;
    let told = take(&state, &caller, &headers, body, Goes::To(subject, &key)).await?;
    done(&state, &caller, &headers, subject, &key, told).await
}

async fn bytes(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    service::gate(&state.files, &caller, Right::View)?;
    let which: Which = query(&uri)?;
    send(&state, &caller, id, &headers, &which).await
}

/// A file that the caller may change, and what it is attached to.
async fn changing<'s>(
    state: &'s AppState,
    caller: &Caller,
    id: Uuid,
) -> Result<(Listed, &'s Subject), Problem> {
    service::gate(&state.files, caller, Right::Edit)?;
    let file = service::open(&state.db, &state.files, caller, id, Right::Edit).await?;
    let subject = service::subject(&state.files, caller, &file.subject_kind, Right::Edit)?;
    Ok((file, subject))
}

async fn replace(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (file, subject) = changing(&state, &caller, id).await?;
    let told = take(&state, &caller, &headers, body, Goes::Over(id, None)).await?;
    done(&state, &caller, &headers, subject, &file.subject_key, told).await
}

#[derive(Deserialize)]
struct Seen {
    version: i32,
}

async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Form<Seen>, FormRejection>,
) -> Result<Response, Problem> {
    let (file, subject) = changing(&state, &caller, id).await?;
    let Seen { version } = form(sent)?;
    let told = match service::delete(&state.db, &caller.cx, &state.files, id, Some(version), Utc::now()).await
    {
        Ok(()) => Vec::new(),
        Err(FilesError::Stale) => vec![caller.t("files-wrong-stale")],
        Err(error) => return Err(error.problem(&caller.texts)),
    };
    done(&state, &caller, &headers, subject, &file.subject_key, told).await
}

async fn restore(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (file, subject) = changing(&state, &caller, id).await?;
    let done_so = service::restore(&state.db, &caller.cx, &state.files, id).await;
    done_so.map_err(|error| error.problem(&caller.texts))?;
    done(&state, &caller, &headers, subject, &file.subject_key, Vec::new()).await
}
