//! Schemas as a person reads them: lines of fields, an example, a command.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::operation::Operation;

/// Most fields of one schema on a page, and how deep it goes.
const MOST: usize = 300;
const DEEPEST: usize = 6;

/// One field of a schema.
pub(super) struct Line {
    /// Steps from the outermost.
    pub depth: usize,
    pub name: String,
    pub kind: String,
    pub required: bool,
    pub text: String,
}

/// What a schema or parameter is, past its reference.
pub(super) fn target<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let to = value["$ref"].as_str().and_then(|to| document.pointer(to.trim_start_matches('#')));
    to.unwrap_or(value)
}

/// The one schema that is not null, of one that may be null.
fn bare(schema: &Value) -> &Value {
    let several = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    several.and_then(|several| several.iter().find(|one| one["type"] != "null")).unwrap_or(schema)
}

/// The kind of a value in few words: `text (date)`, `array of text`.
pub(super) fn kind(schema: &Value) -> String {
    let schema = bare(schema);
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut said = match kinds.as_slice() {
        [] => "any".to_owned(),
        kinds if kinds.contains(&"array") => format!("array of {}", kind(&schema["items"])),
        kinds => kinds.join(" or "),
    };
    let words: Vec<&str> =
        schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !words.is_empty() && words.len() <= 12 {
        said = format!("{said}: {}", words.join(", "));
    }
    let bounds = [
        schema["format"].as_str().map(str::to_owned),
        schema["minimum"].as_i64().filter(|least| *least > -1_000_000).map(|least| format!("≥ {least}")),
        schema["maximum"].as_i64().filter(|most| *most < 1_000_000_000).map(|most| format!("≤ {most}")),
        schema["maxLength"].as_u64().map(|most| format!("≤ {most} characters")),
        schema
            .get("default")
            .filter(|default| !default.is_null())
            .map(|default| format!("default {default}")),
    ];
    let bounds: Vec<String> = bounds.into_iter().flatten().collect();
    if bounds.is_empty() { said } else { format!("{said} ({})", bounds.join(", ")) }
}

/// The fields of a schema, those of objects within it below them.
pub(super) fn lines(document: &Value, schema: &Value) -> Vec<Line> {
    let mut found = Vec::new();
    collect(document, schema, 0, &mut BTreeSet::new(), &mut found);
    found
}

fn collect(
    document: &Value,
    schema: &Value,
    depth: usize,
    open: &mut BTreeSet<String>,
    found: &mut Vec<Line>,
) {
    let mut schema = bare(schema);
    while schema["type"] == "array" {
        schema = bare(&schema["items"]);
    }
    let name = schema["$ref"].as_str().map(str::to_owned);
    // What holds itself is told once.
    if depth > DEEPEST || name.as_ref().is_some_and(|name| !open.insert(name.clone())) {
        return;
    }
    let object = target(document, schema);
    let required = object["required"].as_array();
    for (field, of) in object["properties"].as_object().into_iter().flatten() {
        if found.len() >= MOST {
            break;
        }
        found.push(Line {
            depth,
            name: field.clone(),
            kind: kind(of),
            required: required.is_some_and(|required| required.iter().any(|name| name == field)),
            text: of["description"].as_str().unwrap_or_default().to_owned(),
        });
        collect(document, of, depth + 1, open, found);
    }
    if let Some(name) = name {
        open.remove(&name);
    }
}

/// A value that fits the schema.
pub(super) fn example(document: &Value, schema: &Value) -> Value {
    one_of(document, schema, 0)
}

fn one_of(document: &Value, schema: &Value, depth: usize) -> Value {
    let schema = target(document, bare(schema));
    for told in ["example", "default", "const"] {
        if let Some(value) = schema.get(told).filter(|value| !value.is_null() && *value != "") {
            return value.clone();
        }
    }
    if let Some(first) = schema.pointer("/examples/0").or_else(|| schema.pointer("/enum/0")) {
        return first.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").unwrap_or(&Value::Null),
        kind => kind,
    };
    match kind.as_str() {
        Some("object") if depth < DEEPEST => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            let shown = fields.filter(|(_, of)| of["writeOnly"] != true);
            let fields: Map<String, Value> =
                shown.map(|(name, of)| (name.clone(), one_of(document, of, depth + 1))).collect();
            Value::Object(fields)
        }
        Some("array") if depth < DEEPEST => json!([one_of(document, &schema["items"], depth + 1)]),
        Some("integer" | "number") => {
            schema["minimum"].as_i64().filter(|least| *least > 0).unwrap_or(1).into()
        }
        Some("boolean") => false.into(),
        Some("string") => match schema["format"].as_str() {
            Some("uuid") => "01900000-0000-7000-8000-000000000001".into(),
            Some("date") => "2026-04-30".into(),
            Some("date-time") => "2026-04-30T09:00:00Z".into(),
            Some("email") => "ananya.sen@example.com".into(),
            _ if schema["description"] == "A decimal number, as text." => "1.5".into(),
            _ => "text".into(),
        },
        _ => Value::Null,
    }
}

/// A text without the marks of Markdown.
pub(super) fn plain(text: &str) -> String {
    text.replace("**", "").replace('`', "").replace('\n', " ")
}

/// The operation as a command of a shell.
pub(super) fn curl(operation: &Operation, body: Option<&Value>) -> String {
    let mut command = String::from("curl");
    if operation.method != "get" {
        command.push_str(&format!(" -X {}", operation.method.to_uppercase()));
    }
    command.push_str(" -H \"Authorization: Bearer $KEY\"");
    if let Some(content) = &operation.body {
        let kind = content.kinds.first().copied().unwrap_or_default();
        command.push_str(&format!(" \\\n  -H 'Content-Type: {kind}'"));
        match body {
            Some(body) => command.push_str(&format!(" -d '{body}'")),
            None => command.push_str(" --data-binary @file"),
        }
    }
    command.push_str(&format!(" \\\n  \"$URL{}\"", operation.path));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_read_past_references_and_nulls_and_ends() {
        let document = json!({ "components": { "schemas": {
            "Node": { "type": "object", "required": ["name"], "properties": {
                "name": { "type": "string", "maxLength": 9 },
                "next": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Node" }] },
            } },
        } } });
        let node = json!({ "$ref": "#/components/schemas/Node" });
        let told: Vec<String> = lines(&document, &node)
            .into_iter()
            .map(|line| format!("{}{} {} {}", line.depth, line.name, line.kind, line.required))
            .collect();
        assert_eq!(told, ["0name string (≤ 9 characters) true", "0next Node false"]);
        assert_eq!(
            example(&document, &json!({ "type": "array", "items": { "type": "string", "format": "date" } })),
            json!(["2026-04-30"])
        );
    }
}
