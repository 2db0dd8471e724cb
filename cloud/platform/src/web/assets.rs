//! Style sheets, scripts and images, embedded and compressed by build.rs.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Path, Problem};

struct Asset {
    name: &'static str,
    url: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The address of an asset, such as `asset("app.css")`; a file of
/// cloud/platform/assets, `tabler.css` or `htmx.js`. For templates:
/// `{{ platform::web::asset("app.css") }}`.
#[must_use]
pub fn asset(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    if found.is_none() {
        tracing::error!(name, "no such asset");
    }
    found.map_or("/assets/missing", |asset| asset.url)
}

/// How many bytes an asset's address costs on the wire.
#[cfg(test)]
pub(super) fn weight(url: &str) -> Option<usize> {
    let asset = ASSETS.iter().find(|asset| asset.url == url)?;
    Some(asset.gzip.unwrap_or(asset.plain).len())
}

/// `GET /assets/{name}`.
pub(super) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = ASSETS.iter().find(|asset| asset.url.strip_prefix("/assets/") == Some(&name));
    let Some(asset) = found else {
        return Problem::not_found().into_response();
    };
    respond(asset, &headers, "public, max-age=31536000, immutable")
}

/// `GET /favicon.ico`, which browsers ask for unbidden.
pub(super) async fn favicon(headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name == "icon.svg") {
        Some(asset) => respond(asset, &headers, "public, max-age=86400"),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn respond(asset: &Asset, headers: &HeaderMap, cache: &'static str) -> Response {
    let body = asset.gzip.filter(|_| takes_gzip(headers));
    let mut response = body.unwrap_or(asset.plain).into_response();
    let set = response.headers_mut();
    set.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    set.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    set.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if body.is_some() {
        set.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether the other side understands gzip.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|coding| {
        let (name, rest) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = rest.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}
