//! Headers, errors, assets and the frame of a page.

use super::client::Site;
use crate::web::{AppState, app, assets};

#[tokio::test]
async fn every_answer_is_protected_and_named() {
    let site = Site::new().await;
    for path in ["/signin", "/units", "/nowhere", "/panics", "/assets/missing"] {
        let answer = site.look(path, "").await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"));
        assert!(answer.header("server-timing").starts_with("total;dur="));
        assert_eq!(answer.header("x-request-id").len(), 36);
        // A page brings no script or style of its own: the policy would stop it.
        let text = answer.text();
        assert!(!text.contains("<script>") && !text.contains(" style=") && !text.contains(" onclick"));
    }
    let kept = site.send("GET", "/signin", &[("x-request-id", "abc-12345")], "").await;
    assert_eq!(kept.header("x-request-id"), "abc-12345");
    let made = site.send("GET", "/signin", &[("x-request-id", "a b<script>")], "").await;
    assert_eq!(made.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn errors_are_problems_or_pages() {
    let site = Site::new().await;
    for (method, path, status, code) in [
        ("GET", "/nowhere", 404, "not_found"),
        ("PUT", "/units", 405, "request.method"),
        ("GET", "/panics", 500, "internal"),
        ("POST", "/panics", 500, "internal"),
    ] {
        let told = site.send(method, path, &[("accept", "application/json")], "").await;
        assert_eq!((told.status.as_u16(), told.json()["code"].as_str()), (status, Some(code)), "{path}");
        assert!(!told.text().contains("as it may"));
        let headers = [("accept", "text/html"), ("cookie", "twl=hi")];
        let shown = site.send(method, path, &headers, "").await;
        assert_eq!(shown.status, status);
        assert!(shown.text().contains("<html lang=\"hi\">") && shown.text().contains(code), "{path}");
    }
    let large = format!("key={}", "x".repeat(1_100_000));
    let told = site.send("POST", "/signin", &[("sec-fetch-site", "same-origin")], &large).await;
    assert_eq!((told.status.as_u16(), told.json()["code"].as_str()), (413, Some("request.too_large")));
    let told = site.send("POST", "/signin", &[("sec-fetch-site", "same-origin")], "other=1").await;
    assert_eq!((told.status.as_u16(), told.json()["code"].as_str()), (422, Some("request.invalid")));
}

#[tokio::test]
async fn errors_of_somebody_signed_in_keep_the_frame_and_say_what_they_are() {
    let site = Site::new().await;
    let session = site.signed_in().await;
    let shown = site.look("/nowhere", &session).await;
    assert_eq!(shown.status.as_u16(), 404);
    let text = shown.text();
    assert!(text.contains("<h1>Not found</h1>") && text.contains(r#"<a href="/units""#), "{text}");
    let stranger = site.look("/nowhere", "").await.text();
    assert!(stranger.contains("Not found") && !stranger.contains(r#"<a href="/units""#), "{stranger}");
}

#[test]
fn a_list_gives_as_many_rows_as_it_says_and_no_more() {
    let limit = crate::web::rows(Some(0), 50, 200).unwrap_err();
    assert_eq!((limit.status.as_u16(), limit.code.as_ref()), (400, "query.parameter"));
    assert!(crate::web::rows(Some(201), 50, 200).is_err());
    assert_eq!(crate::web::rows(None, 50, 200).unwrap(), 50);
}

#[tokio::test]
async fn a_page_comes_framed_or_alone() {
    let site = Site::new().await;
    let session = site.signed_in().await;
    let whole = site.look("/units", &session).await.text();
    assert!(whole.contains("<title>Units · Tracewright</title>") && whole.contains("<h1>Units</h1>"));
    assert!(whole.contains(r#"<a href="/units" aria-current="page">"#));
    assert!(!whole.contains("/admin"), "an entry that needs another scope is not shown");
    assert!(whole.contains(r##"<a class="tw-skip" href="#main">"##));

    let mut htmx = vec![("cookie", session.as_str()), ("hx-request", "true"), ("hx-target", "main")];
    let part = site.send("GET", "/units", &htmx, "").await;
    assert_eq!(part.text(), "<title>Units · Tracewright</title>\n<h1>Units</h1>");
    assert_eq!(part.header("hx-trigger"), r#"{"tw-nav":{"href":"/units"}}"#);
    assert!(part.header("vary").contains("hx-target"));
    htmx.push(("hx-history-restore-request", "true"));
    assert!(site.send("GET", "/units", &htmx, "").await.text().starts_with("<!doctype html>"));
}

#[tokio::test]
async fn the_language_is_chosen_and_the_page_stays() {
    let site = Site::new().await;
    let headers = [("accept", "text/html"), ("referer", "http://tw.test/units?q=1")];
    let chosen = site.send("POST", "/language", &headers, "lang=te").await;
    assert_eq!((chosen.status.as_u16(), chosen.header("location")), (303, "/units?q=1"));
    let cookie = format!("{}; {}", site.signed_in().await, chosen.cookie());
    assert!(site.look("/units", &cookie).await.text().contains("<html lang=\"te\">"));
    let elsewhere = [("accept", "text/html"), ("referer", "http://evil.example/x")];
    let chosen = site.send("POST", "/language", &elsewhere, "lang=xx").await;
    assert_eq!((chosen.header("location"), chosen.header("set-cookie")), ("/", ""));
    let accepts = [("accept", "text/html"), ("accept-language", "bn-IN, en;q=0.5")];
    assert!(site.send("GET", "/signin", &accepts, "").await.text().contains("<html lang=\"bn\">"));
}

/// What a browser fetches for the first page: it and all its assets.
#[tokio::test]
async fn a_first_visit_is_light_and_cached_for_ever() {
    let site = Site::new().await;
    let session = site.signed_in().await;
    for path in ["/units", "/signin"] {
        let headers =
            [("accept", "text/html"), ("cookie", session.as_str()), ("accept-encoding", "gzip, br")];
        let page = site.send("GET", path, &headers, "").await;
        assert_eq!(page.header("content-encoding"), "gzip");
        let text = site.look(path, &session).await.text();
        let mut urls: Vec<&str> = text.split('"').filter(|part| part.starts_with("/assets/")).collect();
        urls.sort_unstable();
        urls.dedup();
        assert!(urls.len() >= 4, "{urls:?}");
        let mut sum = page.body.len();
        for url in urls {
            let asset = site.send("GET", url, &[("accept-encoding", "gzip, deflate")], "").await;
            assert_eq!(
                (asset.status.as_u16(), asset.header("cache-control")),
                (200, "public, max-age=31536000, immutable")
            );
            assert_eq!(Some(asset.body.len()), assets::weight(url));
            if url.contains(".css") || url.contains(".js") {
                assert_eq!(asset.header("content-encoding"), "gzip");
                let plain = site.send("GET", url, &[("accept-encoding", "gzip;q=0")], "").await;
                assert_eq!(plain.header("content-encoding"), "");
                assert!(plain.body.len() > asset.body.len());
            }
            sum += asset.body.len();
        }
        println!("first visit of {path}: {sum} bytes, the page {}", page.body.len());
        assert!(sum < 150_000, "{path}: {sum} bytes");
    }
}

#[tokio::test]
async fn behind_tls_cookies_stay_on_it() {
    let site = Site::new().await;
    let state = AppState::builder(site.db.db.clone()).secure(true).build();
    let site = Site { router: app(state, axum::Router::new()), ..site };
    let body = format!("key={}", site.key);
    let answer = site.post("/signin", "", &body).await;
    assert!(answer.header("set-cookie").ends_with("; Secure"));
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}
