//! JSON as the text of a reference file, a row a line. What is wrong in it is
//! told by its path, which is the same in both.

use serde_json::Value;

use super::lists::List;
use super::quote::quote;

/// A text that is not the JSON that was expected.
pub(super) struct NotJson {
    /// Line, from 1; 0 where it is JSON of another shape.
    pub line: usize,
    pub found: String,
    pub expected: String,
}

/// The document of an object of lists, or of an array of rows of `list`.
pub(super) fn document(text: &str, list: Option<List>) -> Result<String, NotJson> {
    let value: Value = serde_json::from_str(text).map_err(|error| NotJson {
        line: error.line(),
        found: error.to_string(),
        expected: "valid JSON".to_owned(),
    })?;
    let shape = |expected: String| NotJson { line: 0, found: name_of(&value).to_owned(), expected };
    match (&value, list) {
        (Value::Object(lists), None) => {
            let lines = lists.iter().filter(|(_, value)| !value.is_null());
            Ok(lines.map(|(key, value)| format!("{} = {}\n", quote(key), rows(value))).collect())
        }
        (Value::Array(_), Some(list)) => Ok(format!("{} = {}\n", list.name(), rows(&value))),
        (_, Some(list)) => Err(shape(format!("an array of {}", list.name()))),
        (_, None) => {
            let names: Vec<&str> = List::names().collect();
            Err(shape(format!("an object of lists: {}", names.join(", "))))
        }
    }
}

fn rows(value: &Value) -> String {
    match value {
        Value::Array(rows) => {
            rows.iter().fold(String::from("[\n"), |out, row| out + &inline(row) + ",\n") + "]"
        }
        other => inline(other),
    }
}

/// A value on one line. TOML has no null: such a key is left out, as it means.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => quote("null"),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quote(text),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(inline).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            let fields: Vec<String> =
                fields.map(|(key, value)| format!("{} = {}", quote(key), inline(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
