//! Where a request of a browser comes from: only our own pages may change
//! things with a cookie, and nobody is sent elsewhere.

use axum::http::{HeaderMap, Method, StatusCode, header};

use super::Problem;

/// Whether a method changes nothing.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Refuses a request that another site made a browser send. Browsers say so by
/// `Sec-Fetch-Site`, where the page is on https or localhost, and else by
/// `Origin`; a browser that says neither is refused.
pub(crate) fn require_same(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let same = match (text("sec-fetch-site"), text("origin")) {
        // `none`: the person did it, as by loading the page of a form again.
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let at = origin.split_once("://").map(|(_, at)| at);
            at.is_some() && at == text(header::HOST.as_str())
        }
        (None, None) => false,
    };
    if same { Ok(()) } else { Err(Problem::new(StatusCode::FORBIDDEN, "auth.cross_site", "")) }
}

/// Whether a click on a page of ours made a browser load a page, or the person did by
/// typing or keeping its address: as [`require_same`], for links, with which browsers send
/// `Referer` instead of `Origin`. One that says nothing of it is not.
pub(crate) fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN) {
        return require_same(headers).is_ok();
    }
    let from = text(header::REFERER.as_str()).and_then(|from| from.split_once("://"));
    let host = from.map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    host.is_some() && host == text(header::HOST.as_str())
}

/// `path` if it is a path of this site, else `/`.
pub(crate) fn local_path(path: &str) -> &str {
    let bytes = path.as_bytes();
    let local = bytes.first() == Some(&b'/')
        // `//host` and `/\host` are other sites to a browser.
        && !matches!(bytes.get(1), Some(b'/' | b'\\'))
        && bytes.iter().all(|b| b.is_ascii_graphic() && *b != b'\\');
    if local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_paths() {
        for (given, kept) in [
            ("/units?q=1", "/units?q=1"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\nb", "/"),
            ("/\t/evil.example", "/"),
            ("", "/"),
        ] {
            assert_eq!(local_path(given), kept);
        }
    }

    #[test]
    fn a_link_is_followed_from_our_own_pages() {
        let check = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_ours(&headers)
        };
        assert!(check(&[("sec-fetch-site", "same-origin")]) && check(&[("sec-fetch-site", "none")]));
        assert!(!check(&[("sec-fetch-site", "cross-site"), ("referer", "http://a/x"), ("host", "a")]));
        assert!(check(&[("referer", "http://a:1/signin/at/SAIF?next=/"), ("host", "a:1")]));
        assert!(check(&[("referer", "http://a"), ("host", "a")]));
        assert!(!check(&[("referer", "http://evil.example/a"), ("host", "a")]));
        assert!(!check(&[("referer", "http://a:2/"), ("host", "a:1")]));
        assert!(!check(&[("host", "a")]) && !check(&[]));
    }

    #[test]
    fn only_our_own_pages() {
        let check = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            require_same(&headers).is_ok()
        };
        assert!(check(&[("sec-fetch-site", "same-origin")]));
        assert!(!check(&[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")]));
        assert!(!check(&[("sec-fetch-site", "same-site")]));
        assert!(check(&[("origin", "http://a:1"), ("host", "a:1")]));
        assert!(!check(&[("origin", "http://a:2"), ("host", "a:1")]));
        assert!(!check(&[("origin", "null"), ("host", "a:1")]));
        assert!(!check(&[("origin", "null")]));
        assert!(!check(&[]));
    }
}
