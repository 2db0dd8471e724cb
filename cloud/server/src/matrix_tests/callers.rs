//! Every endpoint as nobody and by each scope; and that the table is complete.

use super::*;

/// Paths of a router, as its own debug form tells them.
fn paths(router: &Router) -> BTreeSet<String> {
    let told = format!("{router:?}");
    told.split('"')
        .filter(|part| part.starts_with('/') && !part.contains("__private"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_endpoint_asks_who_calls() {
    let site = Site::new().await;
    let listed: BTreeSet<String> = ROUTES.iter().map(|(_, pattern, ..)| (*pattern).to_owned()).collect();
    assert_eq!(paths(&site.router), listed, "the table of this test is not the list of all routes");

    for &(method, pattern, least, sends) in ROUTES.iter() {
        let (status, body) = site.call(method, pattern, sends, None).await;
        match least {
            Anyone => assert!(
                status != StatusCode::UNAUTHORIZED && !status.is_server_error(),
                "{method} {pattern}: {status}"
            ),
            _ if is_api(pattern) => {
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {pattern} as nobody");
            }
            _ => assert_eq!(status, StatusCode::SEE_OTHER, "{method} {pattern} as nobody"),
        }
        assert!(!body.contains(MARK), "{method} {pattern} shows nobody what is the tenant's");
        for (who, key) in &site.keys {
            let (status, body) = site.call(method, pattern, sends, Some(key)).await;
            if least == Super {
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {pattern} as {who:?}: {body}");
                continue;
            }
            let refused = status == StatusCode::FORBIDDEN;
            assert_eq!(refused, *who < least, "{method} {pattern} as {who:?}: {status} {body}");
            assert!(
                !status.is_server_error() && status != StatusCode::UNAUTHORIZED,
                "{method} {pattern}: {status} {body}"
            );
        }
    }
}

#[tokio::test]
async fn no_endpoint_takes_a_method_that_is_not_listed() {
    let site = Site::new().await;
    let admin = &site.keys[2].1;
    for pattern in ROUTES.iter().map(|(_, pattern, ..)| *pattern).collect::<BTreeSet<_>>() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if ROUTES.iter().any(|(listed, other, ..)| *other == pattern && *listed == method) {
                continue;
            }
            let (status, _) = site.call(method, pattern, Nothing, Some(admin)).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {pattern} is not in the table");
        }
    }
}

#[tokio::test]
async fn a_key_is_shown_no_page_that_it_may_not_open() {
    let site = Site::new().await;
    for (who, key) in &site.keys {
        for path in ["/search?q=zzz", "/search/box?q="] {
            let (_, page) = site.send("GET", "/search", path, Nothing, Some(By::Key(key))).await;
            let links = links_of_frame(&page);
            assert!(!links.is_empty() && !links.contains("/approvals"), "{path} as {who:?} shows {links:?}");
            for link in links {
                let (status, body) = site.send("GET", &link, &link, Nothing, Some(By::Key(key))).await;
                let opens = status.is_success() || status.is_redirection();
                assert!(opens, "{link} as {who:?}, which sees it: {status} {body}");
            }
        }
    }
}
