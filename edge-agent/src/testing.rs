//! What tests of several modules need.

use std::io::Write;

/// Names the running test as skipped for want of something, so that a person
/// reads it; continuous integration must not skip.
pub(crate) fn skipped(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what} is not installed, and CI must not skip");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // The macros' output is kept from a person while a test passes; this is not.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {what} is not installed");
}
