//! What all operations have in common: errors, headers, sign-in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// At the head of the document.
pub(super) const DESCRIPTION: &str = "\
Manufacturing traceability: units, their history and genealogy, holds, masters, people.

**Sign-in.** `Authorization: Bearer <access key>`, or the session of a signed-in browser. Everything \
that an answer holds is the caller's tenant's.

**Errors** are problem details (RFC 9457, `application/problem+json`). `code` is stable and for programs, \
`detail` is for people, `errors` names every wrong field and row at once, `instance` is the id of the \
request, which `X-Request-Id` carries too. An unknown path answers 404, a method that a path does not have \
405 with `Allow`.

**Writes** take `Idempotency-Key`: the same request under the same key is carried out once, and answered as \
before; contents of files are sent without one. **Versions.** A resource with an `ETag` is changed under `If-Match`; a stale one answers 412.

**Lists** are read page by page: pass `next` as `after`, until it is null or not there.

**Numbers.** Amounts and quantities are decimal texts, never floats. Times are UTC, RFC 3339. \
**Limits.** `RateLimit` and `RateLimit-Policy` tell what is left; beyond it, 429 with `Retry-After`.";

/// Errors by status: the name of the shared answer, and what it means.
const ERRORS: &[(u16, &str, &str)] = &[
    (400, "BadRequest", "What was sent cannot be read: a parameter, the JSON, a code."),
    (401, "Unauthorized", "No key or session, or one that is not valid."),
    (403, "Forbidden", "The caller has not the right to this."),
    (404, "NotFound", "There is no such thing in this tenant."),
    (405, "MethodNotAllowed", "The path has not this method; `Allow` names those that it has."),
    (408, "Timeout", "The body did not come in time."),
    (
        409,
        "Conflict",
        "It does not fit the state of things, or a request with this `Idempotency-Key` is still carried out.",
    ),
    (410, "Gone", "It was there, and is no more."),
    (412, "PreconditionFailed", "Somebody else changed it since the version in `If-Match`."),
    (413, "TooLarge", "The body is larger than what is taken here."),
    (415, "UnsupportedMediaType", "The body is of another media type than what is taken here."),
    (
        422,
        "Unprocessable",
        "Understood, and not acceptable; `errors` names every mistake. Or the `Idempotency-Key` was used for \
         another request.",
    ),
    (428, "PreconditionRequired", "It must be said which version was seen: in `If-Match`, or as `version`."),
    (429, "TooManyRequests", "Too many requests; `Retry-After` says when to go on."),
    (500, "Internal", "A mistake of the server, which its log has under the request's id."),
    (503, "Unavailable", "Busy, or something that it needs is out of reach; try again."),
];

pub(super) fn name_of(status: u16) -> &'static str {
    ERRORS.iter().find(|(of, ..)| *of == status).map_or("Internal", |(_, name, _)| name)
}

pub(super) fn text_of(status: u16) -> &'static str {
    ERRORS.iter().find(|(of, ..)| *of == status).map_or("", |(_, _, text)| text)
}

/// An answer with a problem. Headers that every answer has are told once, at the
/// head of the document.
pub(super) fn problem(text: &str, status: u16) -> Value {
    let mut answer = json!({
        "description": text,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let header = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    match status {
        409 | 429 | 503 => answer["headers"] = json!({ "Retry-After": header("RetryAfter") }),
        405 => answer["headers"] = json!({ "Allow": header("Allow") }),
        _ => {}
    }
    answer
}

pub(super) fn responses() -> BTreeMap<&'static str, Value> {
    ERRORS.iter().map(|(status, name, text)| (*name, problem(text, *status))).collect()
}

pub(super) fn schemas() -> [(String, Value); 2] {
    let field = json!({
        "type": "object",
        "description": "One mistake in what was sent.",
        "required": ["field", "detail"],
        "properties": {
            "field": { "type": "string", "description": "Which field, as the JSON or the form names it." },
            "row": { "type": "integer", "minimum": 0, "description": "Which row, counted from 1, where there are several." },
            "detail": { "type": "string", "description": "What is wrong with it, for a person." },
        },
    });
    let problem = json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": { "type": "string", "format": "uri", "examples": ["urn:tracewright:problem:conflict.stale"] },
            "title": { "type": "string", "description": "The name of the status." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What is wrong in this case, for a person." },
            "code": { "type": "string", "description": "Stable, for programs.", "examples": ["conflict.stale"] },
            "errors": { "type": "array", "items": { "$ref": "#/components/schemas/FieldError" } },
            "permission": { "type": "string", "description": "The right that the caller lacks, of a 403.", "examples": ["hold.place"] },
            "instance": { "type": "string", "description": "The id of the request.", "examples": ["urn:tracewright:request:0190…"] },
            "english": { "type": "string", "description": "What is said besides in English, such as the words of a parser, where `detail` says it in the caller's language." },
        },
    });
    [("FieldError".to_owned(), field), ("Problem".to_owned(), problem)]
}

/// Reference to a shared parameter.
pub(super) fn parameter_of(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

pub(super) fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Chosen by the caller, one for each intention: a UUID serves. The same request under \
                            the same key within a day is not carried out again, and answered as the first time.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]{1,200}$" },
        },
        "IfMatch": {
            "name": "If-Match", "in": "header", "required": false,
            "description": "The `ETag` of the version that the caller saw.",
            "schema": { "type": "string", "pattern": "^\"[0-9]{1,9}\"$" },
        },
        "IfNoneMatch": {
            "name": "If-None-Match", "in": "header", "required": false,
            "description": "The `ETag` that the caller has; 304 while it is still right.",
            "schema": { "type": "string", "pattern": "^(W/)?\"[ -!#-~]{0,64}\"$" },
        },
    })
}

pub(super) fn headers() -> Value {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "RequestId": text("The id of the request, as the log has it. One that the caller sent is kept."),
        "ETag": text("The version of the resource, for `If-Match` and `If-None-Match`."),
        "Replayed": text("`true` where this is the answer of an earlier request under the same `Idempotency-Key`."),
        "RateLimit": text(
            "What is left of the caller's limit: `\"caller\";r=<requests>;t=<seconds until it is full again>`."
        ),
        "RateLimitPolicy": text(
            "The limit: `\"caller\";q=<requests at once>;w=<seconds in which as many come back>`."
        ),
        "Allow": text("The methods of the path."),
        "RetryAfter": { "description": "Seconds to wait.", "schema": { "type": "integer", "minimum": 0 } },
    })
}

pub(super) fn security_schemes() -> Value {
    json!({
        "key": { "type": "http", "scheme": "bearer", "description": "An access key." },
        "session": {
            "type": "apiKey", "in": "cookie", "name": "tws",
            "description": "The session of a signed-in browser. A write with it must come from our own pages.",
        },
    })
}
