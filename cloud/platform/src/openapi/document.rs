//! The OpenAPI document: what the parts declared, with what all operations share.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::operation::{Access, IfMatch, Operation, schemas};
use super::shared;

/// The document of these operations.
#[must_use]
pub fn document(operations: &[Operation]) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        let item = paths.entry(&operation.path).or_default();
        item.insert(operation.method.to_owned(), described(operation));
    }
    let mut groups: Vec<&str> = Vec::new();
    for operation in operations {
        if !groups.contains(&operation.group.as_str()) {
            groups.push(&operation.group);
        }
    }
    let (mut named, _) = schemas(operations);
    named.extend(shared::schemas());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tracewright",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": shared::DESCRIPTION,
        },
        "servers": [{ "url": "/" }],
        "tags": groups.iter().map(|group| json!({ "name": group })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": named,
            "parameters": shared::parameters(),
            "headers": shared::headers(),
            "responses": shared::responses(),
            "securitySchemes": shared::security_schemes(),
        },
    })
}

/// One operation, with what it shares with the others.
pub(super) fn described(operation: &Operation) -> Value {
    let mut told = json!({
        "operationId": operation.id,
        "tags": [operation.group],
        "summary": operation.summary,
        "responses": answers(operation),
    });
    let who = match operation.access {
        Access::Unsaid | Access::Public => String::new(),
        Access::SignedIn => "For any key or session.".to_owned(),
        Access::Needs(permission) => format!(
            "Needs the permission `{}`; access keys of scope `{}` have it.",
            permission.code,
            permission.key_scope.name()
        ),
        Access::Person => "For a person: an access key has no account.".to_owned(),
    };
    let texts: Vec<&str> =
        [operation.note.as_str(), who.as_str()].into_iter().filter(|text| !text.is_empty()).collect();
    if !texts.is_empty() {
        told["description"] = texts.join("\n\n").into();
    }
    told["security"] = match operation.access {
        Access::Public => json!([]),
        Access::Person => json!([{ "session": [] }]),
        _ => json!([{ "key": [] }, { "session": [] }]),
    };
    if let Access::Needs(permission) = operation.access {
        told["x-permission"] = permission.code.into();
        told["x-key-scope"] = permission.key_scope.name().into();
    }
    let parameters = parameters(operation);
    if !parameters.is_empty() {
        told["parameters"] = parameters.into();
    }
    if let Some(body) = operation.body_content() {
        told["requestBody"] = body;
    }
    told
}

pub(super) fn is_write(operation: &Operation) -> bool {
    operation.method != "get"
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let mut parameters = operation.parameters.clone();
    let mut share = |name: &str| parameters.push(shared::parameter_of(name));
    if is_write(operation) && operation.keyed && operation.access != Access::Public {
        share("IdempotencyKey");
    }
    match operation.if_match {
        IfMatch::No => {}
        // As `version` in the body it does as well, so that no schema can ask for it.
        IfMatch::May | IfMatch::Must => share("IfMatch"),
    }
    if operation.tagged && !is_write(operation) {
        share("IfNoneMatch");
    }
    parameters
}

fn answers(operation: &Operation) -> Value {
    let mut answers = Map::new();
    for (status, text, content) in &operation.answers {
        let usual = match status {
            201 => "Created.",
            204 => "Done.",
            _ => "Done; here it is.",
        };
        let text = if text.is_empty() { usual } else { text };
        let mut headers = Map::new();
        if operation.tagged {
            headers.insert("ETag".into(), json!({ "$ref": "#/components/headers/ETag" }));
        }
        if is_write(operation) && operation.keyed {
            headers.insert("Idempotency-Replayed".into(), json!({ "$ref": "#/components/headers/Replayed" }));
        }
        let mut answer = json!({ "description": text });
        if !headers.is_empty() {
            answer["headers"] = Value::Object(headers);
        }
        if let Some(content) = content {
            let of: Map<String, Value> = content
                .kinds
                .iter()
                .map(|kind| ((*kind).to_owned(), json!({ "schema": content.schema })))
                .collect();
            answer["content"] = Value::Object(of);
        }
        answers.insert(status.to_string(), answer);
    }
    if operation.tagged && !is_write(operation) {
        answers.insert("304".into(), json!({ "description": "It is still as `If-None-Match` says." }));
    }
    for (status, name) in errors(operation) {
        let own: Vec<String> = operation
            .failures
            .iter()
            .filter(|failure| failure.status == status)
            .map(|failure| format!("`{}`: {}", failure.code, failure.when))
            .collect();
        let answer = match own.as_slice() {
            [] => json!({ "$ref": format!("#/components/responses/{name}") }),
            own => shared::problem(&format!("{}\n\n- {}", shared::text_of(status), own.join("\n- ")), status),
        };
        answers.insert(status.to_string(), answer);
    }
    Value::Object(answers)
}

/// The errors that an operation can answer: those that come of its form, and its own.
pub(super) fn errors(operation: &Operation) -> Vec<(u16, &'static str)> {
    let mut statuses: Vec<u16> = vec![400, 429, 500, 503];
    if operation.access != Access::Public {
        statuses.extend([401, 403]);
    }
    if operation.path.contains('{') {
        statuses.push(404);
    }
    if is_write(operation) {
        statuses.extend([409, 422]);
    }
    if operation.body.is_some() {
        statuses.extend([408, 413, 415]);
    }
    match operation.if_match {
        IfMatch::No => {}
        IfMatch::May => statuses.push(412),
        IfMatch::Must => statuses.extend([412, 428]),
    }
    statuses.extend(operation.failures.iter().map(|failure| failure.status));
    statuses.sort_unstable();
    statuses.dedup();
    statuses.into_iter().map(|status| (status, shared::name_of(status))).collect()
}

/// What is wrong with the declarations: each line a mistake. Tests want none.
#[must_use]
pub fn mistakes(operations: &[Operation]) -> Vec<String> {
    let mut wrong = Vec::new();
    let (named, twice) = schemas(operations);
    wrong.extend(
        twice.into_iter().map(|name| {
            format!("the schema {name} has two forms: give one of the types `#[schema(as = …)]`")
        }),
    );
    let mut ids: Vec<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    ids.sort_unstable();
    wrong.extend(
        ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| format!("the id {} twice", pair[0])),
    );
    for operation in operations {
        let mut at = |what: &str| wrong.push(format!("{} {}: {what}", operation.method, operation.path));
        if operation.access == Access::Unsaid {
            at("does not say who may call it: .needs(&…), .signed_in(), .person() or .public()");
        }
        if operation.answers.is_empty() {
            at("does not say what it answers: .answers::<…>(), .creates::<…>() or .ends()");
        }
        if operation.summary.is_empty() || operation.group.is_empty() {
            at("has no summary, or stands in no group");
        }
    }
    let all = document(operations);
    let known: Vec<&String> = named.keys().collect();
    for target in references(&all) {
        let path = target.trim_start_matches('#');
        if all.pointer(path).is_none() {
            wrong.push(format!("{target} leads nowhere; there are {known:?}"));
        }
    }
    wrong
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("$ref", Value::String(target)) => vec![target.clone()],
                (_, value) => references(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
