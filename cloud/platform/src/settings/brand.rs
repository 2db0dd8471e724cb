//! The files of a tenant's look: its colours as a style sheet, and its logo. They are
//! for the tenant's own people, and cached by them until the next change: so that whoever is
//! in two organisations, or comes after another at the same browser, sees each one's own
//! look, the address names the tenant.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::colour::{Colour, sheet};
use super::store;
use crate::db::DbError;
use crate::web::routing::get;
use crate::web::{AppState, Caller, Path, Problem};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/brand/{tenant}/{version}/colours.css", get(colours))
        .route("/brand/{tenant}/{version}/logo", get(logo))
}

/// The version is there for caches: whatever it says, what stands now is answered.
const KEEP: HeaderValue = HeaderValue::from_static("private, max-age=86400");

/// What is kept under another tenant's address must never be the caller's.
fn own(caller: &Caller, tenant: &str) -> Result<(), Problem> {
    if caller.tenant_code == tenant { Ok(()) } else { Err(Problem::not_found()) }
}

async fn colours(
    State(state): State<AppState>,
    caller: Caller,
    Path((tenant, _version)): Path<(String, i32)>,
) -> Result<Response, Problem> {
    own(&caller, &tenant)?;
    let look = async |tx: &mut crate::db::Tx| Ok::<_, DbError>(store::settings(tx).await?);
    let settings = state.db.tx(&caller.cx, look).await?;
    let text = sheet(Colour::parse(&settings.primary_colour), Colour::parse(&settings.accent_colour));
    let kind = HeaderValue::from_static("text/css; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEEP)], text).into_response())
}

async fn logo(
    State(state): State<AppState>,
    caller: Caller,
    Path((tenant, _version)): Path<(String, i32)>,
) -> Result<Response, Problem> {
    own(&caller, &tenant)?;
    let look = async |tx: &mut crate::db::Tx| Ok::<_, DbError>(store::logo(tx).await?);
    let (bytes, kind) = state.db.tx(&caller.cx, look).await?.ok_or_else(Problem::not_found)?;
    picture(bytes, &kind)
}

/// A logo, to be kept for a while.
pub(super) fn picture(bytes: Vec<u8>, kind: &str) -> Result<Response, Problem> {
    // One of three, judged by its bytes when it came.
    let kind = HeaderValue::from_str(kind).map_err(Problem::internal)?;
    // Opened by itself it is a picture and nothing else.
    let policy = HeaderValue::from_static("default-src 'none'; sandbox");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, KEEP),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"logo\"")),
    ];
    Ok((headers, bytes).into_response())
}
