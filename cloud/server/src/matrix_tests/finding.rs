//! What a check of isolation finds. Checks tell findings instead of failing, so that a
//! test can ask whether they would tell.

use std::fmt;

/// Something of another tenant where it must not be, or something that is not there and
/// has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The pattern of a route, or a place of storage.
    pub(super) at: String,
    /// Whether it is another tenant's: shown, changed, or answered as if it were there.
    pub(super) leaks: bool,
    what: String,
}

impl Finding {
    pub(super) fn leak(at: &str, what: impl Into<String>) -> Self {
        Self { at: at.to_owned(), leaks: true, what: what.into() }
    }

    pub(super) fn lack(at: &str, what: impl Into<String>) -> Self {
        Self { at: at.to_owned(), leaks: false, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.at, self.what)
    }
}

fn lines(found: &[Finding]) -> String {
    found.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

/// # Panics
/// When anything was found.
#[track_caller]
pub(super) fn nothing(found: &[Finding]) {
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), lines(found));
}

/// Of these surfaces, each with the place where it should be told of, those at which no
/// leak was found.
pub(super) fn silent<'a>(found: &[Finding], wanted: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let is_told = |place: &str| found.iter().any(|one| one.leaks && one.at == place);
    wanted.iter().filter(|(_, place)| !is_told(place)).copied().collect()
}

/// How an answer begins, to be told.
pub(super) fn start(told: &str) -> String {
    told.chars().take(300).collect()
}
