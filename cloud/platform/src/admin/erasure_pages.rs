//! Certificates of erasures: the list, one to be read and printed, and its file.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AdminCaller, frame};
use crate::db::{Db, DbError};
use crate::i18n::Texts;
use crate::tenancy::erase::{Certificate, Statement};
use crate::tenancy::erasures::{self, Erasure};
use crate::web::list::{self, Cell, Column, List, address};
use crate::web::routing::get;
use crate::web::{AppState, Path, Problem, query};

/// Where they are.
const PATH: &str = "/admin/erasures";

/// Rows of one page.
const PAGE: usize = 100;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route(PATH, get(all))
        .route("/admin/erasures/{erasure}", get(one))
        .route("/admin/erasures/{erasure}/certificate.json", get(file))
}

/// Which are asked for.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[schema(as = AdminErasuresAsked)]
pub(super) struct Asked {
    /// Those before this one.
    pub before: Option<Uuid>,
}

/// An erasure, for lists.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AdminErasure)]
pub(super) struct Row {
    pub id: Uuid,
    /// The tenant's code.
    pub code: String,
    /// Its name.
    pub name: String,
    pub begun_at: DateTime<Utc>,
    /// Null when it was cut short, and has to be run again.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who ordered it.
    pub by: String,
    /// Rows of all tables.
    pub rows: u64,
    /// Of the statement that is signed, in hexadecimal.
    pub sha256: String,
}

impl From<&Erasure> for Row {
    fn from(it: &Erasure) -> Self {
        let stated = it.stated();
        let (name, by) = stated.as_ref().map(|it| (it.name.clone(), it.by.clone())).unwrap_or_default();
        Self {
            id: it.id,
            code: it.code.clone(),
            name,
            begun_at: it.begun_at,
            ended_at: it.ended_at,
            by,
            rows: stated.iter().flat_map(|it| &it.tables).map(|table| table.rows).sum(),
            sha256: it.sha256(),
        }
    }
}

/// A page of them, the latest first, and the one before which the next begins.
pub(super) async fn rows(db: &Db, asked: &Asked) -> Result<(Vec<Row>, Option<Uuid>), DbError> {
    let want = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let found = erasures::list(db, asked.before, want).await?;
    let next = (found.len() > PAGE).then(|| found[PAGE - 1].id);
    Ok((found.iter().take(PAGE).map(Row::from).collect(), next))
}

/// One of them, with its certificate where it is what was signed.
pub(super) async fn find(db: &Db, id: Uuid) -> Result<(Erasure, Option<Certificate>), Problem> {
    let (found, authorities) = erasures::one(db, id).await?.ok_or_else(Problem::not_found)?;
    let certificate = found.certificate(&authorities);
    Ok((found, certificate))
}

/// `GET /admin/erasures?before=`
async fn all(State(state): State<AppState>, caller: AdminCaller, uri: Uri) -> Result<Response, Problem> {
    let asked = query::<Asked>(&uri)?;
    let (rows, next) = rows(&state.db, &asked).await?;
    let texts = &caller.texts;
    let row = |row: &Row| {
        let ended = match row.ended_at {
            Some(at) => Cell::text(texts.time(&at, Tz::UTC)),
            None => Cell::state(texts.t("admin-erasure-cut"), "is-bad"),
        };
        let hash: String = row.sha256.chars().take(16).collect();
        let cells = [
            Cell::code(&row.code),
            ended,
            Cell::text(&row.name),
            Cell::text(&row.by),
            Cell::text(texts.number(row.rows)),
            Cell::code(format!("{hash}…")),
        ];
        list::Row::new(cells).to(format!("{PATH}/{}", row.id))
    };
    let view = List::new(texts, PATH)
        .head(texts.t("admin-erasures"), texts.t("admin-erasures-lead"))
        .columns([
            Column::new("admin-plan-code"),
            Column::new("admin-erasure-ended"),
            Column::new("people-name"),
            Column::new("admin-erasure-by"),
            Column::new("admin-erasure-rows").number(),
            Column::new("admin-erasure-hash"),
        ])
        .rows(rows.iter().map(row))
        .empty(texts.t("admin-erasures-none"))
        .first(asked.before.is_some().then(|| PATH.to_owned()))
        .next(next.map(|before| address(PATH, &[("before", &before.to_string())])));
    frame::page(&caller, &caller.t("admin-erasures"), PATH, &view)
}

#[derive(Template)]
#[template(path = "admin/erasure.html")]
struct OnePage<'a> {
    texts: &'a Texts,
    row: Row,
    stated: Option<Statement>,
    /// In base64; `None` when no authority of this cloud has signed what is kept.
    signature: Option<&'a str>,
}

/// `GET /admin/erasures/{erasure}`
async fn one(
    State(state): State<AppState>,
    caller: AdminCaller,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let (found, certificate) = find(&state.db, id).await?;
    let signature = certificate.as_ref().map(|it| it.signature.as_str());
    let view = OnePage { texts: &caller.texts, row: Row::from(&found), stated: found.stated(), signature };
    let title = caller.texts.t1("admin-erasure", "code", &found.code);
    frame::page(&caller, &title, "/admin/erasures", &view)
}

/// `GET /admin/erasures/{erasure}/certificate.json`: as it was written when it was erased.
async fn file(
    State(state): State<AppState>,
    _caller: AdminCaller,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let (found, certificate) = find(&state.db, id).await?;
    // One that was cut short, or is not what was signed, certifies nothing.
    let certificate = certificate.ok_or_else(Problem::not_found)?;
    let mut response = serde_json::to_vec_pretty(&certificate).unwrap_or_default().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // A tenant's code is letters and digits.
    if let Ok(told) = HeaderValue::from_str(&format!("attachment; filename=\"{}-erased.json\"", found.code)) {
        headers.insert(header::CONTENT_DISPOSITION, told);
    }
    Ok(response)
}
