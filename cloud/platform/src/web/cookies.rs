//! Cookies, as far as they are needed here.

use axum::http::{HeaderMap, HeaderValue, header};

/// Holds a browser's session.
pub(super) const SESSION: &str = "tws";
/// Holds a sign-in under way.
pub(super) const STEP: &str = "twp";
/// Holds what proves that a sign-in by a provider was begun in this browser.
pub(super) const PROVIDER: &str = "two";
/// Holds the language that the person chose.
pub(super) const LANGUAGE: &str = "twl";

/// The value of the cookie `name`.
pub(crate) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A `Set-Cookie` value; `age` 0 removes the cookie. The value must be of
/// letters, digits, `-` and `_`.
pub(super) fn set(name: &str, value: &str, age: i64, secure: bool) -> HeaderValue {
    let tail = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{tail}"))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}
