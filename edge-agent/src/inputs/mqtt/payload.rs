//! What a scanner's MQTT payload says. Pure.
//!
//! Two forms: the plain text of the code, or a JSON object
//! `{"code": …, "id": …, "counter": …, "at": RFC 3339, "badge": …}` of which only
//! `code` is required. A payload whose first character is `{` is JSON.

use chrono::{DateTime, FixedOffset};
use serde_json::{Map, Value};

use crate::inputs::MAX_SCAN_TEXT;

/// Longest id that a payload may carry, in bytes.
pub const MAX_ID: usize = 96;
/// Longest badge that a payload may carry, in bytes.
pub const MAX_BADGE: usize = 128;

/// A payload that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The code, 1 to [`MAX_SCAN_TEXT`] bytes.
    pub text: String,
    /// The device's id of this reading.
    pub id: Option<String>,
    /// The device's count of its readings.
    pub counter: Option<u64>,
    /// The device's clock at the reading.
    pub at: Option<DateTime<FixedOffset>>,
    /// The operator's badge.
    pub badge: Option<String>,
}

/// Why a payload was not understood; the text is for the log; see
/// [`PayloadError::args`] for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Nothing, or only line ends.
    #[error("the payload is empty")]
    Empty,
    /// Not text.
    #[error("the payload is not UTF-8 text (at byte {at})")]
    NotText {
        /// Offset of the first byte that is not UTF-8.
        at: usize,
    },
    /// Begins with `{` and is not one JSON object.
    #[error("the payload begins like JSON and is not: {0}")]
    NotJson(String),
    /// JSON without the one required field.
    #[error("the payload has no field \"code\"")]
    NoCode,
    /// A field of another kind than it should be.
    #[error("the field \"{field}\" must be {expected}, not {found}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is, shortened.
        found: String,
    },
    /// A text longer than allowed.
    #[error("the {what} has {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// Name of the text's field.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        limit: usize,
    },
}

impl PayloadError {
    /// The arguments of `input.malformed`: the key of a short text that says it
    /// in any language, and the field concerned. The error's own text is for the
    /// log.
    #[must_use]
    pub fn args(&self) -> Vec<(String, String)> {
        let (reason, field) = match self {
            Self::Empty => ("malformed.empty", None),
            Self::NotText { .. } => ("malformed.not-text", None),
            Self::NotJson(_) => ("malformed.not-json", None),
            Self::NoCode => ("malformed.no-code", None),
            Self::Field { field, .. } => ("malformed.field", Some(*field)),
            Self::TooLong { what, .. } => ("malformed.too-long", Some(*what)),
        };
        let mut args = vec![("reason".to_owned(), reason.to_owned())];
        args.extend(field.map(|field| ("field".to_owned(), field.to_owned())));
        args
    }
}

/// Reads a payload.
pub fn parse(payload: &[u8]) -> Result<Reading, PayloadError> {
    let text = std::str::from_utf8(payload)
        .map_err(|e| PayloadError::NotText { at: e.valid_up_to() })?
        // Scanners that are configured for a keyboard or a socket end each code
        // with a line end; it is no part of the code.
        .trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() {
        return Err(PayloadError::Empty);
    }
    if text.trim_start().starts_with('{') {
        return object(text);
    }
    bounded("code", text, MAX_SCAN_TEXT)?;
    Ok(Reading { text: text.to_owned(), id: None, counter: None, at: None, badge: None })
}

fn object(text: &str) -> Result<Reading, PayloadError> {
    let map: Map<String, Value> =
        serde_json::from_str(text).map_err(|e| PayloadError::NotJson(e.to_string()))?;
    let code = string(&map, "code")?.ok_or(PayloadError::NoCode)?;
    if code.trim().is_empty() {
        return Err(PayloadError::Empty);
    }
    bounded("code", &code, MAX_SCAN_TEXT)?;
    let badge = string(&map, "badge")?;
    bounded("badge", badge.as_deref().unwrap_or_default(), MAX_BADGE)?;
    Ok(Reading {
        text: code,
        id: id(&map)?,
        counter: counter(&map)?,
        at: at(&map)?,
        badge: badge.filter(|b| !b.is_empty()),
    })
}

/// A field that is absent, null, or a string. A number is refused, since JSON
/// has already lost its leading zeros.
fn string(map: &Map<String, Value>, field: &'static str) -> Result<Option<String>, PayloadError> {
    match map.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(s)) => Ok(Some(s.clone())),
        Some(other) => Err(wrong(field, "a string", other)),
    }
}

fn id(map: &Map<String, Value>) -> Result<Option<String>, PayloadError> {
    let id = match map.get("id") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(s)) if !s.is_empty() => s.clone(),
        Some(Value::Number(n)) if n.is_u64() => n.to_string(),
        Some(other) => return Err(wrong("id", "a string or a whole number", other)),
    };
    bounded("id", &id, MAX_ID)?;
    Ok(Some(id))
}

fn counter(map: &Map<String, Value>) -> Result<Option<u64>, PayloadError> {
    match map.get("counter") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(n) => Ok(Some(n)),
            None => Err(wrong("counter", "a whole number of at least 0", value)),
        },
    }
}

fn at(map: &Map<String, Value>) -> Result<Option<DateTime<FixedOffset>>, PayloadError> {
    const EXPECTED: &str = "a time like 2025-11-21T07:30:00+05:30";
    match map.get("at") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let parsed = value.as_str().and_then(|s| DateTime::parse_from_rfc3339(s).ok());
            parsed.map(Some).ok_or_else(|| wrong("at", EXPECTED, value))
        }
    }
}

fn wrong(field: &'static str, expected: &'static str, found: &Value) -> PayloadError {
    let mut text = found.to_string();
    if text.len() > 40 {
        let end = (0..=40).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    PayloadError::Field { field, expected, found: text }
}

fn bounded(what: &'static str, text: &str, limit: usize) -> Result<(), PayloadError> {
    if text.len() > limit {
        return Err(PayloadError::TooLong { what, bytes: text.len(), limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Reading {
        Reading { text: text.into(), id: None, counter: None, at: None, badge: None }
    }

    #[test]
    fn understood() {
        let at = DateTime::parse_from_rfc3339("2025-11-21T07:30:00+05:30").unwrap();
        let full = Reading {
            text: "0123".into(),
            id: Some("r-7".into()),
            counter: Some(9),
            at: Some(at),
            badge: Some("B17".into()),
        };
        let table = [
            ("UID-SAIF-KOL-RM-000001-A7", plain("UID-SAIF-KOL-RM-000001-A7")),
            ("UID-SAIF-KOL-RM-000001-A7\r\n", plain("UID-SAIF-KOL-RM-000001-A7")),
            (" A \n", plain(" A ")),
            ("\u{1d}0112345", plain("\u{1d}0112345")),
            ("[1]", plain("[1]")),
            (r#"{"code":"X"}"#, plain("X")),
            (" {\"code\":\"X\",\"vendor\":[1]} \n", plain("X")),
            (r#"{"code":"X","id":null,"counter":null,"at":null,"badge":null}"#, plain("X")),
            (r#"{"code":"X","badge":""}"#, plain("X")),
            (r#"{"code":"X","id":12}"#, Reading { id: Some("12".into()), ..plain("X") }),
            (
                r#"{"code":"0123","id":"r-7","counter":9,"at":"2025-11-21T07:30:00+05:30","badge":"B17"}"#,
                full,
            ),
        ];
        for (payload, expected) in table {
            assert_eq!(parse(payload.as_bytes()), Ok(expected), "{payload}");
        }
    }

    #[test]
    fn not_understood_says_what_is_wrong() {
        let table: [(&[u8], &str); 16] = [
            (b"", "the payload is empty"),
            (b"\r\n", "the payload is empty"),
            (b"  ", "the payload is empty"),
            (br#"{"code":" "}"#, "the payload is empty"),
            (b"AB\xff", "the payload is not UTF-8 text (at byte 2)"),
            (b"{", "the payload begins like JSON and is not: EOF while parsing an object at line 1 column 1"),
            (
                br#"{"code":"X"} {}"#,
                "the payload begins like JSON and is not: trailing characters at line 1 column 14",
            ),
            (b"{}", "the payload has no field \"code\""),
            (br#"{"code":null}"#, "the payload has no field \"code\""),
            (br#"{"code":7}"#, "the field \"code\" must be a string, not 7"),
            (br#"{"code":"X","id":""}"#, "the field \"id\" must be a string or a whole number, not \"\""),
            (br#"{"code":"X","id":1.5}"#, "the field \"id\" must be a string or a whole number, not 1.5"),
            (
                br#"{"code":"X","counter":-1}"#,
                "the field \"counter\" must be a whole number of at least 0, not -1",
            ),
            (
                br#"{"code":"X","at":"today"}"#,
                "the field \"at\" must be a time like 2025-11-21T07:30:00+05:30, not \"today\"",
            ),
            (br#"{"code":"X","badge":[1]}"#, "the field \"badge\" must be a string, not [1]"),
            (
                br#"{"code":"X","badge":["0123456789012345678901234567890123456789"]}"#,
                "the field \"badge\" must be a string, not [\"01234567890123456789012345678901234567…",
            ),
        ];
        for (payload, expected) in table {
            let error = parse(payload).unwrap_err();
            assert_eq!(error.to_string(), expected, "{}", String::from_utf8_lossy(payload));
        }
        let long = "x".repeat(MAX_SCAN_TEXT + 1);
        let expected = "the code has 4097 bytes, the limit is 4096";
        assert_eq!(parse(long.as_bytes()).unwrap_err().to_string(), expected);
        let json = format!(r#"{{"code":"{long}"}}"#);
        assert_eq!(parse(json.as_bytes()).unwrap_err().to_string(), expected);
        let json = format!(r#"{{"code":"X","id":"{}"}}"#, "i".repeat(97));
        assert_eq!(parse(json.as_bytes()).unwrap_err().to_string(), "the id has 97 bytes, the limit is 96");
    }

    #[test]
    fn every_mistake_is_said_in_every_language() {
        use crate::config::Language;
        use crate::messages::{AGENT, Fluent};
        let long = format!(r#"{{"code":"X","id":"{}"}}"#, "i".repeat(97));
        let table: [(&[u8], &str, &str); 6] = [
            (b"", "malformed.empty", "nothing was read"),
            (b"AB\xff", "malformed.not-text", "it is not text"),
            (b"{", "malformed.not-json", "it is not whole JSON"),
            (b"{}", "malformed.no-code", "the code is missing"),
            (br#"{"code":7}"#, "malformed.field", "code is wrong"),
            (long.as_bytes(), "malformed.too-long", "id is too long"),
        ];
        for (payload, key, english) in table {
            let args = parse(payload).unwrap_err().args();
            assert_eq!(args[0], ("reason".to_owned(), key.to_owned()));
            assert!(AGENT.contains(&key), "{key}");
            let said: Vec<_> = Language::ALL.iter().map(|l| Fluent::say(l.code(), key, &args)).collect();
            assert_eq!(said.iter().filter(|text| *text == english).count(), 1, "{said:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_empty(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(reading) = parse(&payload) {
                prop_assert!(!reading.text.trim().is_empty() && reading.text.len() <= MAX_SCAN_TEXT);
            }
        }

        #[test]
        fn json_carries_any_code(code in "[^\\s]\\PC{0,60}", id in "[!-~]{1,96}", counter: u64) {
            let json = serde_json::json!({"code": code, "id": id, "counter": counter});
            let reading = parse(json.to_string().as_bytes()).unwrap();
            prop_assert_eq!((reading.text, reading.id, reading.counter), (code, Some(id), Some(counter)));
        }
    }
}
