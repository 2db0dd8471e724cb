//! A provider of text messages, as configured: what it is sent, and what its answer
//! says.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outbound::{self, Answer, Call};
use crate::outbox::Failure;
use crate::web::escaped;

/// How much of an answer is read.
const READ: usize = 16 * 1024;
/// Longest part of an answer that an error repeats, in characters.
const REPEATED: usize = 200;
/// Longest template.
pub(super) const LONGEST: usize = 4000;
/// Parts that one message is cut to.
pub(super) const MOST_PARTS: usize = 3;
/// The most that a bound may be.
const MOST_BOUND: i32 = 100_000;

/// What stands between braces in a template.
pub(super) const PLACES: [&str; 8] =
    ["number", "digits", "text", "sender", "id", "token", "template", "entity"];

/// How a provider of text messages is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provider {
    /// Where requests go; may hold placeholders after the host.
    pub url: String,
    /// `POST`, `PUT` or `GET`.
    pub method: String,
    /// How the body is written: `json`, or `form` (`application/x-www-form-urlencoded`).
    pub form: String,
    /// Other headers; their values may hold placeholders.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON whose texts hold placeholders, or a form as
    /// `To={number}&Body={text}`; empty for none.
    pub body: String,
    /// Who messages come from, where the provider asks.
    pub sender: String,
    /// What proves that we may send. Kept sealed where a tenant set it.
    #[serde(skip_serializing)]
    pub token: String,
    /// JSON pointer (RFC 6901) to the provider's id in its answer; empty: not asked.
    pub id_pointer: String,
    /// JSON pointer to an error in an answer of 2xx; empty: not asked.
    pub error_pointer: String,
    /// Id of the sender with the carriers of India (DLT principal entity).
    pub entity: String,
    /// Ids of templates registered there (DLT), by kind of notice; `*` for all others.
    pub templates: BTreeMap<String, String>,
    /// Parts of messages that one person gets in a day at most.
    pub per_person: i32,
    /// Parts of messages that the whole tenant sends in a day at most.
    pub per_tenant: i32,
}

impl Default for Provider {
    fn default() -> Self {
        Self {
            url: String::new(),
            method: "POST".to_owned(),
            form: "json".to_owned(),
            headers: BTreeMap::new(),
            body: String::new(),
            sender: String::new(),
            token: String::new(),
            id_pointer: String::new(),
            error_pointer: String::new(),
            entity: String::new(),
            templates: BTreeMap::new(),
            per_person: 20,
            per_tenant: 500,
        }
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What one message puts into the templates.
#[derive(Clone)]
pub(super) struct Values<'a> {
    /// E.164, with the plus.
    pub number: &'a str,
    pub text: &'a str,
    /// The message's own id, the same at each attempt.
    pub id: &'a str,
    /// The kind, for its DLT template.
    pub kind: &'a str,
}

impl Provider {
    /// What is wrong with it: the field, and the key of a text. All of it at once.
    #[must_use]
    pub fn mistakes(&self, private_too: bool) -> Vec<(&'static str, &'static str)> {
        let mut wrong = Vec::new();
        let mut check = |field, right: bool, key| {
            if !right {
                wrong.push((field, key));
            }
        };
        let host = self.url.split('/').nth(2).unwrap_or_default();
        let sample = fill(&self.url, &|_| "1".to_owned());
        let reachable = sample.as_ref().is_some_and(|url| outbound::target(url, private_too).is_some());
        check("url", reachable && !host.contains('{'), "sms-error-url");
        check("method", self.parsed_method().is_some(), "sms-error-method");
        check("form", matches!(self.form.as_str(), "json" | "form"), "sms-error-form");
        let headers_right = self.headers.len() <= 20
            && self.headers.iter().all(|(name, value)| {
                fill(value, &|_| "1".to_owned()).is_some_and(|value| header_of(name, &value).is_some())
            });
        check("headers", headers_right, "sms-error-headers");
        check("body", self.body.len() <= LONGEST && self.body_right(), "sms-error-body");
        let says = |place: &str| {
            let place = format!("{{{place}}}");
            self.url.contains(&place) || self.body.contains(&place)
        };
        check("body", (says("number") || says("digits")) && says("text"), "sms-error-places");
        let pointer = |text: &str| text.is_empty() || (text.starts_with('/') && text.len() <= 200);
        check("id_pointer", pointer(&self.id_pointer), "sms-error-pointer");
        check("error_pointer", pointer(&self.error_pointer), "sms-error-pointer");
        let short = [&self.sender, &self.entity].into_iter().chain(self.templates.values());
        check("sender", short.clone().all(|text| text.len() <= 100), "sms-error-long");
        let bound = |bound: i32| (1..=MOST_BOUND).contains(&bound);
        check("per_person", bound(self.per_person), "sms-error-bound");
        check("per_tenant", bound(self.per_tenant), "sms-error-bound");
        wrong
    }

    fn parsed_method(&self) -> Option<Method> {
        match self.method.as_str() {
            "POST" => Some(Method::POST),
            "PUT" => Some(Method::PUT),
            "GET" => Some(Method::GET),
            _ => None,
        }
    }

    fn body_right(&self) -> bool {
        if self.body.is_empty() {
            return true;
        }
        let one = |_: &str| "1".to_owned();
        match self.form.as_str() {
            "json" => serde_json::from_str::<Value>(&self.body).is_ok_and(|body| json(body, &one).is_some()),
            _ => fill(&self.body, &one).is_some(),
        }
    }

    /// The request for one message; `None` when the provider is not right.
    pub(super) fn call(&self, values: &Values<'_>) -> Option<Call> {
        let value = |place: &str| match place {
            "number" => values.number.to_owned(),
            "digits" => values.number.trim_start_matches('+').to_owned(),
            "text" => values.text.to_owned(),
            "sender" => self.sender.clone(),
            "id" => values.id.to_owned(),
            "token" => self.token.clone(),
            "entity" => self.entity.clone(),
            _ => {
                let template = self.templates.get(values.kind).or_else(|| self.templates.get("*"));
                template.cloned().unwrap_or_default()
            }
        };
        let encoded = |place: &str| escaped(&value(place), b"-._~");
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("idempotency-key"), HeaderValue::from_str(values.id).ok()?);
        let body = if self.body.is_empty() {
            Bytes::new()
        } else if self.form == "json" {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let body: Value = serde_json::from_str(&self.body).ok()?;
            json(body, &value)?.to_string().into()
        } else {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, kind);
            form(&self.body, &value)?.into()
        };
        for (name, template) in &self.headers {
            let (name, value) = header_of(name, &fill(template, &value)?)?;
            headers.insert(name, value);
        }
        let url = fill(&self.url, &encoded)?;
        Some(Call { method: self.parsed_method()?, url, headers, body, read: READ })
    }

    /// What an answer says: the provider's own id of the message, empty where it is
    /// not asked for; or why it was not taken.
    pub(super) fn judge(&self, answer: &Answer) -> Result<String, Failure> {
        let told = || {
            let text = String::from_utf8_lossy(&answer.body);
            let text =
                if self.token.is_empty() { text.into_owned() } else { text.replace(&self.token, "…") };
            let text: String = text.chars().filter(|c| !c.is_control()).take(REPEATED).collect();
            format!("it answered {}: {text}", answer.status.as_u16())
        };
        if !answer.status.is_success() {
            // These are about the message; all others, such as a token that ran out,
            // may be mended.
            let about_it = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY];
            return Err(if about_it.contains(&answer.status) {
                Failure::Never(told())
            } else {
                Failure::Again(told())
            });
        }
        if self.id_pointer.is_empty() && self.error_pointer.is_empty() {
            return Ok(String::new());
        }
        // Sent it may be all the same: it is not sent again by itself.
        let body: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::Never(format!("no JSON to look for its id; {}", told())))?;
        let at =
            |pointer: &str| Some(pointer).filter(|pointer| !pointer.is_empty()).and_then(|p| body.pointer(p));
        if at(&self.error_pointer).is_some_and(says_something) {
            return Err(Failure::Never(told()));
        }
        match at(&self.id_pointer) {
            Some(Value::String(id)) if !id.is_empty() => Ok(id.chars().take(100).collect()),
            Some(Value::Number(id)) => Ok(id.to_string()),
            _ if self.id_pointer.is_empty() => Ok(String::new()),
            _ => Err(Failure::Never(format!("no id at {}; {}", self.id_pointer, told()))),
        }
    }
}

/// Whether a value where errors stand is one.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !matches!(text.as_str(), "" | "0"),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
        Value::Bool(true) => true,
    }
}

/// A header that a provider may have; those of the connection are ours.
fn header_of(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name: HeaderName = name.trim().parse().ok()?;
    let ours = [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
    ];
    (!ours.contains(&name)).then_some((name, HeaderValue::from_str(value.trim()).ok()?))
}

/// A template with its placeholders filled; `None` when one is not known.
fn fill(template: &str, value: &dyn Fn(&str) -> String) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (place, after) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(&value(PLACES.into_iter().find(|known| *known == place)?));
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// JSON with the placeholders of its texts filled: a message cannot break out of one.
fn json(body: Value, value: &dyn Fn(&str) -> String) -> Option<Value> {
    Some(match body {
        Value::String(text) => Value::String(fill(&text, value)?),
        Value::Array(all) => all.into_iter().map(|one| json(one, value)).collect::<Option<_>>()?,
        Value::Object(all) => {
            let filled = all.into_iter().map(|(name, one)| Some((name, json(one, value)?)));
            Value::Object(filled.collect::<Option<_>>()?)
        }
        other => other,
    })
}

/// A form with its placeholders filled, each name and value encoded.
fn form(body: &str, value: &dyn Fn(&str) -> String) -> Option<String> {
    let encoded = |text: &str| Some(escaped(&fill(text, value)?, b"-._~"));
    let pairs = body.trim().split('&').map(|pair| {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        Some(format!("{}={}", encoded(name)?, encoded(text)?))
    });
    Some(pairs.collect::<Option<Vec<_>>>()?.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Provider {
        Provider {
            url: "https://sms.example/v1/{sender}/send?key={token}".into(),
            body: r#"{"to": "{number}", "parts": [{"text": "{text}"}], "ref": "{id}", "n": 1}"#.into(),
            sender: "TRACEW".into(),
            token: "s3cret&x".into(),
            ..Provider::default()
        }
    }

    fn values(text: &str) -> Values<'_> {
        Values { number: "+919876543210", text, id: "0190", kind: "hold.placed" }
    }

    #[test]
    fn a_message_cannot_break_out_of_its_template() {
        let evil = "\"}], \"to\": \"+1900\" & {token} <\n>";
        let call = provider().call(&values(evil)).unwrap();
        assert_eq!(call.url, "https://sms.example/v1/TRACEW/send?key=s3cret%26x");
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(body["to"], "+919876543210");
        assert_eq!(body["parts"][0]["text"], evil, "and its own placeholders are text");
        assert_eq!((&body["ref"], &body["n"]), (&"0190".into(), &1.into()));
        assert_eq!(call.headers["idempotency-key"], "0190");
        let form = Provider {
            form: "form".into(),
            body: "To={number}&Body={text}&DLT_TE_ID={template}".into(),
            headers: [("Authorization".to_owned(), "Basic {token}".to_owned())].into(),
            templates: [("hold.placed".to_owned(), "1107".to_owned())].into(),
            ..provider()
        };
        let call = form.call(&values("a&b=c ద")).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&call.body),
            "To=%2B919876543210&Body=a%26b%3Dc%20%E0%B0%A6&DLT_TE_ID=1107"
        );
        assert_eq!(call.headers["authorization"], "Basic s3cret&x");
        assert_eq!(call.headers["content-type"], "application/x-www-form-urlencoded");
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        assert_eq!(provider().mistakes(false), []);
        let wrong = Provider {
            url: "https://{sender}.example/".into(),
            method: "DELETE".into(),
            headers: [("Host".to_owned(), "x".to_owned())].into(),
            body: r#"{"to": "{nummber}"}"#.into(),
            id_pointer: "sid".into(),
            per_person: 0,
            ..Provider::default()
        };
        let fields: Vec<&str> = wrong.mistakes(false).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["url", "method", "headers", "body", "body", "id_pointer", "per_person"]);
        for url in ["http://sms.example/", "https://10.0.0.1/", "https://user@sms.example/", "nonsense"] {
            let wrong = Provider { url: url.into(), ..provider() };
            assert_eq!(wrong.mistakes(false), [("url", "sms-error-url")], "{url}");
        }
    }

    #[test]
    fn an_answer_says_whether_it_was_taken() {
        let answer = |status: u16, body: &'static str| Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: Bytes::from_static(body.as_bytes()),
        };
        let plain = provider();
        assert_eq!(plain.judge(&answer(202, "whatever")), Ok(String::new()));
        assert!(matches!(plain.judge(&answer(503, "busy")), Err(Failure::Again(_))));
        assert!(matches!(plain.judge(&answer(401, "token")), Err(Failure::Again(_))));
        let told = plain.judge(&answer(400, "bad number, key s3cret&x"));
        assert_eq!(told, Err(Failure::Never("it answered 400: bad number, key …".into())));
        let asked = Provider { id_pointer: "/sid".into(), error_pointer: "/error/code".into(), ..provider() };
        assert_eq!(asked.judge(&answer(200, r#"{"sid": "SM1", "error": {"code": null}}"#)), Ok("SM1".into()));
        assert_eq!(asked.judge(&answer(200, r#"{"sid": 17, "error": {"code": 0}}"#)), Ok("17".into()));
        for refused in [r#"{"sid": "SM1", "error": {"code": 21211}}"#, r#"{"error": {}}"#, "no JSON"] {
            assert!(matches!(asked.judge(&answer(200, refused)), Err(Failure::Never(_))), "{refused}");
        }
    }
}
