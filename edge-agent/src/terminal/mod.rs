//! The page of a station, served by the agent on the plant's network: scan by
//! keyboard wedge, touch or paste, see at once what it was and what is next,
//! with or without the cloud. No outside assets.
//!
//! - `GET /` lists the stations that have a page.
//! - `GET /s/{station}` is the page; `…/events` its live view as server-sent
//!   events; `POST …/scan` a scan; `POST …/printed` whether a label came out;
//!   `GET …/label/{uid}` what the label of a UID looks like.
#![allow(clippy::disallowed_methods, reason = "the agent has a dozen routes, and no part of the cloud")]

mod names;
mod tls;
mod view;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, FixedOffset, Utc};
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;

pub use names::certificate_names;
pub use tls::{TlsError, server_config};
pub use view::{
    Button, Entry, Lamp, LastAnswer, LastLabel, PrintQuestion, PrinterLamp, ScanLine, TerminalView,
};

use crate::config::Language;
use crate::inputs::{Intake, IntakeError, MAX_INPUT_ID, MAX_SCAN_TEXT, ScanInput};
use crate::messages::Fluent;

/// Largest request body, in bytes: a scan with room for its JSON.
const MAX_BODY: usize = 2 * MAX_SCAN_TEXT + 1024;

/// What the page needs of the agent.
pub trait Backend: Intake {
    /// Stations that have a terminal page: code and name.
    fn stations(&self) -> Vec<(String, String)>;
    /// The live view of one of them; `None` when there is no such page.
    fn watch(&self, station: &str) -> Option<watch::Receiver<Arc<TerminalView>>>;
    /// A person says whether the label asked about came out; one that did not is
    /// printed again.
    fn printed(&self, station: &str, question: &str, came_out: bool);
    /// The label of a UID as its printer makes it, as SVG; `None` where nothing
    /// was ever printed for it.
    fn label<'a>(&'a self, station: &'a str, uid: &'a str) -> BoxFuture<'a, Option<String>>;
    /// All texts of the page, by language and key, as JSON.
    fn texts(&self) -> Arc<str>;
    /// The languages of the plant, its first one first.
    fn languages(&self) -> Vec<Language>;
}

type Shared = State<Arc<dyn Backend>>;

/// The pages of all stations.
pub fn router(backend: Arc<dyn Backend>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/assets/terminal.css", get(css))
        .route("/assets/{script}", get(script))
        .route("/assets/texts.json", get(texts))
        .route("/s/{station}", get(page))
        .route("/s/{station}/events", get(events))
        .route("/s/{station}/scan", post(scan))
        .route("/s/{station}/printed", post(printed))
        .route("/s/{station}/label/{uid}", get(label))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(backend)
}

/// Serves the pages until `stop`, over TLS when a configuration is given.
///
/// # Errors
/// When the address cannot be bound or serving fails.
pub async fn serve(
    listen: SocketAddr,
    tls: Option<Arc<rustls::ServerConfig>>,
    backend: Arc<dyn Backend>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let app = router(backend).into_make_service();
    let handle = axum_server::Handle::new();
    let stopper = handle.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        // Live views never end by themselves.
        stopper.graceful_shutdown(Some(Duration::from_millis(500)));
    });
    match tls {
        Some(config) => {
            let config = axum_server::tls_rustls::RustlsConfig::from_config(config);
            axum_server::bind_rustls(listen, config).handle(handle).serve(app).await
        }
        None => axum_server::bind(listen).handle(handle).serve(app).await,
    }
}

fn secured(response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    let headers = response.headers_mut();
    let fixed = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self' data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in fixed {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

async fn css() -> Response {
    secured(([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("assets/terminal.css")))
}

/// The page's scripts, one subject each.
const SCRIPTS: [(&str, &str); 5] = [
    ("terminal.js", include_str!("assets/terminal.js")),
    ("keys.js", include_str!("assets/keys.js")),
    ("scans.js", include_str!("assets/scans.js")),
    ("words.js", include_str!("assets/words.js")),
    ("parts.js", include_str!("assets/parts.js")),
];

async fn script(Path(name): Path<String>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    match SCRIPTS.iter().find(|(known, _)| *known == name) {
        Some((_, script)) => secured((kind, *script)),
        None => problem(StatusCode::NOT_FOUND, "the page has no such script"),
    }
}

async fn texts(State(backend): Shared) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    secured((kind, backend.texts().to_string()))
}

async fn index(State(backend): Shared) -> Response {
    let mut list = String::new();
    for (code, name) in backend.stations() {
        list.push_str(&format!("<li><a href=\"/s/{0}\">{0}</a> {1}</li>", escape(&code), escape(&name)));
    }
    secured(plain(&format!("<ul class=\"list\">{list}</ul>")))
}

/// A page without scripts.
fn plain(content: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>Tracewright</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/assets/terminal.css\">\
         <main><h1>Tracewright</h1>{content}</main></html>"
    ))
}

async fn page(State(backend): Shared, headers: HeaderMap, Path(station): Path<String>) -> Response {
    if backend.watch(&station).is_none() {
        return match is_read(&headers) {
            true => missing(&backend.languages(), Some(&station)),
            false => no_station(&station),
        };
    }
    let html = include_str!("assets/terminal.html").replace("{station}", &escape(&station));
    secured(Html(html))
}

async fn events(State(backend): Shared, Path(station): Path<String>) -> Response {
    match backend.watch(&station) {
        Some(receiver) => secured(Sse::new(views(receiver)).keep_alive(KeepAlive::default())),
        None => no_station(&station),
    }
}

fn views(receiver: watch::Receiver<Arc<TerminalView>>) -> impl Stream<Item = Result<Event, Infallible>> {
    WatchStream::new(receiver).map(|view| {
        // A view holds only texts and numbers, which always encode.
        let json = serde_json::to_string(&Sent { now: Utc::now(), view: &view }).unwrap_or_default();
        Ok(Event::default().data(json))
    })
}

/// A view with the agent's clock, by which the page states when a scan was made:
/// the clock of a tablet is anything.
#[derive(Serialize)]
struct Sent<'a> {
    now: DateTime<Utc>,
    #[serde(flatten)]
    view: &'a TerminalView,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScanRequest {
    text: String,
    id: String,
    /// When it was scanned, by the agent's clock as the page follows it.
    at: Option<DateTime<FixedOffset>>,
}

/// A page gives a scan up sooner than this; an older one is a clock gone wrong.
const OLDEST_SCAN: chrono::TimeDelta = chrono::TimeDelta::minutes(2);

/// When a scan was made: never after now, and not long before.
fn scanned_at(stated: Option<DateTime<FixedOffset>>, now: DateTime<Utc>) -> Option<DateTime<FixedOffset>> {
    stated.filter(|at| *at <= now && *at >= now - OLDEST_SCAN)
}

async fn scan(
    State(backend): Shared,
    Path(station): Path<String>,
    headers: HeaderMap,
    Json(request): Json<ScanRequest>,
) -> Response {
    if !from_page(&headers) {
        return problem(StatusCode::FORBIDDEN, "only the station's own page may scan here");
    }
    if backend.watch(&station).is_none() {
        return no_station(&station);
    }
    if request.text.len() > MAX_SCAN_TEXT || request.id.is_empty() || request.id.len() > MAX_INPUT_ID {
        return problem(StatusCode::BAD_REQUEST, "the scan or its id is empty or too long");
    }
    let input = ScanInput {
        station,
        text: request.text,
        input_id: request.id,
        device_counter: None,
        occurred_at: scanned_at(request.at, Utc::now()),
        badge: None,
    };
    match backend.scan(input).await {
        Ok(answer) => secured(Json(answer)),
        Err(
            error @ (IntakeError::Full | IntakeError::Holds | IntakeError::Stopping | IntakeError::Failed(_)),
        ) => problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrintedRequest {
    id: String,
    printed: bool,
}

async fn printed(
    State(backend): Shared,
    Path(station): Path<String>,
    headers: HeaderMap,
    Json(request): Json<PrintedRequest>,
) -> Response {
    if !from_page(&headers) {
        return problem(StatusCode::FORBIDDEN, "only the station's own page may answer here");
    }
    if backend.watch(&station).is_none() {
        return no_station(&station);
    }
    backend.printed(&station, &request.id, request.printed);
    secured(StatusCode::NO_CONTENT)
}

/// What the label of a UID looks like.
async fn label(State(backend): Shared, Path((station, name)): Path<(String, String)>) -> Response {
    if backend.watch(&station).is_none() {
        return no_station(&station);
    }
    let uid = name.strip_suffix(".svg").unwrap_or(&name);
    match backend.label(&station, uid).await {
        Some(svg) => secured(([(header::CONTENT_TYPE, "image/svg+xml")], svg)),
        None => problem(StatusCode::NOT_FOUND, "nothing was printed for this UID here"),
    }
}

/// Whatever has no page here.
async fn nothing(State(backend): Shared, headers: HeaderMap) -> Response {
    match is_read(&headers) {
        true => missing(&backend.languages(), None),
        false => problem(StatusCode::NOT_FOUND, "there is no such page; the list of stations is at /"),
    }
}

/// Whether a person reads the answer: browsers ask for pages so, and programs do not.
fn is_read(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/html"))
}

/// The page that says that there is none, in each language of the plant, and leads to the list.
fn missing(languages: &[Language], station: Option<&str>) -> Response {
    let mut content = String::new();
    for language in languages.iter().map(|language| language.code()) {
        let said = match station {
            Some(station) => {
                Fluent::say(language, "page.no-station", &[("station".to_owned(), station.to_owned())])
            }
            None => Fluent::say(language, "page.missing", &[]),
        };
        let list = Fluent::say(language, "page.stations", &[]);
        content.push_str(&format!(
            "<p lang=\"{language}\">{} <a href=\"/\">{}</a></p>",
            escape(&said),
            escape(&list)
        ));
    }
    secured((StatusCode::NOT_FOUND, plain(&content)))
}

/// A header that another site's page cannot send without asking first, which
/// this server never allows.
fn from_page(headers: &HeaderMap) -> bool {
    headers.get("x-terminal").is_some_and(|value| value == "1")
}

fn no_station(station: &str) -> Response {
    let detail = format!("no station {station:?} with a terminal page; the list is at /");
    problem(StatusCode::NOT_FOUND, &detail)
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let body = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    secured((status, kind, body.to_string()))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;
    use crate::inputs::{Answer, MachineInput};

    /// A plant with one station that has a page.
    struct One;

    impl Intake for One {
        fn scan(&self, _: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
            Box::pin(std::future::ready(Err(IntakeError::Stopping)))
        }

        fn machine(&self, _: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
            Box::pin(std::future::ready(Err(IntakeError::Stopping)))
        }
    }

    impl Backend for One {
        fn stations(&self) -> Vec<(String, String)> {
            vec![("DOCK1".to_owned(), "Dock".to_owned())]
        }

        fn watch(&self, station: &str) -> Option<watch::Receiver<Arc<TerminalView>>> {
            (station == "DOCK1").then(|| watch::channel(Arc::default()).1)
        }

        fn printed(&self, _: &str, _: &str, _: bool) {}

        fn label<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Option<String>> {
            Box::pin(std::future::ready(None))
        }

        fn texts(&self) -> Arc<str> {
            "{}".into()
        }

        fn languages(&self) -> Vec<Language> {
            vec![Language::Bn, Language::En]
        }
    }

    async fn get_as(path: &str, accept: &str) -> (StatusCode, String, String) {
        let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty()).unwrap();
        let response = router(Arc::new(One)).oneshot(request).await.unwrap();
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1_000_000).await.unwrap();
        (status, kind, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn an_address_without_a_page_is_told_to_people_in_words_and_to_programs_as_json() {
        let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
        let (status, kind, page) = get_as("/s/NO%3CSUCH", browser).await;
        assert_eq!((status, kind.as_str()), (StatusCode::NOT_FOUND, "text/html; charset=utf-8"));
        for part in
            ["Station NO&lt;SUCH has no page here.", "lang=\"bn\"", "স্টেশন NO&lt;SUCH", "<a href=\"/\">"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("lang=\"te\""), "not a language of this plant: {page}");
        let (status, _, page) = get_as("/nothing", browser).await;
        assert!(status == StatusCode::NOT_FOUND && page.contains("There is no such page here."), "{page}");
        for path in ["/s/NOSUCH", "/s/NOSUCH/events", "/nothing"] {
            let (status, kind, told) = get_as(path, "*/*").await;
            assert_eq!(
                (status, kind.as_str()),
                (StatusCode::NOT_FOUND, "application/problem+json"),
                "{path}"
            );
            assert!(told.contains("is at /"), "{told}");
        }
        assert_eq!(get_as("/s/DOCK1", browser).await.0, StatusCode::OK);
        assert!(get_as("/", browser).await.2.contains("/s/DOCK1"));
    }

    #[test]
    fn the_time_of_a_scan_is_believed_within_reason() {
        let now: DateTime<Utc> = "2026-01-31T06:00:00Z".parse().unwrap();
        let at = |seconds| Some((now + chrono::TimeDelta::seconds(seconds)).fixed_offset());
        assert_eq!(scanned_at(at(-30), now), at(-30));
        assert_eq!(scanned_at(at(0), now), at(0));
        for wrong in [at(1), at(-121), None] {
            assert_eq!(scanned_at(wrong, now), None, "{wrong:?}");
        }
    }
}
