//! Versions of resources in HTTP: `ETag`, `If-Match`, `If-None-Match` (RFC 9110).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::Problem;

/// The `ETag` of a resource's version: `"7"`.
#[must_use]
pub fn etag(version: i32) -> (HeaderName, HeaderValue) {
    // Digits between quotes are a header's value.
    let value = HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    (header::ETAG, value)
}

/// Which version a caller saw, as `If-Match` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMatch {
    /// It says nothing.
    Absent,
    /// Whichever stands: `*`.
    Any,
    /// This one.
    Version(i32),
    /// None that a resource here can have.
    Never,
}

impl IfMatch {
    /// What the headers say.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::IF_MATCH) else { return Self::Absent };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Self::Any;
        }
        // Compression may have made it a weak one on its way.
        let version = text.strip_prefix("W/").unwrap_or(text).trim_matches('"').parse();
        version.map_or(Self::Never, Self::Version)
    }

    /// The version that was seen: of the header, else of the body. `None`: any.
    ///
    /// # Errors
    /// 428 `conflict.no_version` when neither says it; 412 for a tag that is none
    /// of ours.
    pub fn or(self, of_body: Option<i32>) -> Result<Option<i32>, Problem> {
        match (self, of_body) {
            (Self::Version(version), _) | (Self::Absent, Some(version)) => Ok(Some(version)),
            (Self::Any, _) => Ok(None),
            (Self::Never, _) => Err(precondition_failed()),
            (Self::Absent, None) => {
                let detail = "Say which version you saw: in If-Match as its ETag, or as `version`.";
                Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "conflict.no_version", detail))
            }
        }
    }

    /// The problem of a stale version: 412 where the header said it, 409 where the
    /// body did.
    #[must_use]
    pub fn stale(self) -> Problem {
        match self {
            Self::Absent => Problem::conflict("conflict.stale", ""),
            _ => precondition_failed(),
        }
    }
}

fn precondition_failed() -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "conflict.stale", "")
}

/// Whether the caller has this tag already, so that 304 is the answer to a GET.
#[must_use]
pub fn not_modified(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let tag = bare(tag.to_str().unwrap_or_default());
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|given| given.trim() == "*" || bare(given) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_version_is_said_by_the_header_or_else_by_the_body() {
        let of = |value: &str| IfMatch::of(&headers(header::IF_MATCH, value));
        assert_eq!(
            (of("\"7\""), of("W/\"7\""), of("*"), of("\"x\"")),
            (IfMatch::Version(7), IfMatch::Version(7), IfMatch::Any, IfMatch::Never)
        );
        let absent = IfMatch::of(&HeaderMap::new());
        assert_eq!(of("\"7\"").or(Some(3)).unwrap(), Some(7));
        assert_eq!(absent.or(Some(3)).unwrap(), Some(3));
        assert_eq!(of("*").or(Some(3)).unwrap(), None);
        assert_eq!(absent.or(None).unwrap_err().status, StatusCode::PRECONDITION_REQUIRED);
        assert_eq!(of("\"x\"").or(None).unwrap_err().status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(
            (absent.stale().status, of("\"7\"").stale().status),
            (StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED)
        );
    }

    #[test]
    fn a_tag_that_is_known_is_not_sent_again() {
        let (_, tag) = etag(7);
        let knows = |value: &str| not_modified(&headers(header::IF_NONE_MATCH, value), &tag);
        assert!(knows("\"7\"") && knows("\"1\", W/\"7\"") && knows("*") && !knows("\"8\""));
    }
}
