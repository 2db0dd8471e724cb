//! A configuration as it is written: each field read for itself, so that every mistake is
//! told at once.

use serde_json::{Map, Value};

use super::MOST_PLANTS;
use super::mistake::{Mistake, below};

/// Fields of the whole.
const FIELDS: [&str; 7] = ["tenant_id", "name", "timezone", "currency", "language", "features", "plants"];
/// Fields of a plant.
const PLANT_FIELDS: [&str; 3] = ["plant_id", "name", "location"];

/// The file: what could be read of it.
pub(super) struct File {
    pub tenant_id: Option<String>,
    pub name: Option<String>,
    pub timezone: Option<String>,
    pub currency: Option<String>,
    pub language: Option<String>,
    pub features: Vec<String>,
    pub plants: Vec<PlantEntry>,
}

/// A plant of it.
pub(super) struct PlantEntry {
    /// Where it stands.
    pub pointer: String,
    pub plant_id: Option<String>,
    pub name: Option<String>,
    /// Where it is, in whatever form.
    pub location: Option<Value>,
}

/// Collects mistakes.
#[derive(Default)]
pub(super) struct Wrong(pub Vec<Mistake>);

impl Wrong {
    pub fn tell(&mut self, pointer: impl Into<String>, key: &'static str, values: &[(&'static str, &str)]) {
        let values = values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.0.push(Mistake { pointer: pointer.into(), key, values });
    }

    /// The object at a place, whose fields are among `known`.
    fn object<'j>(
        &mut self,
        json: &'j Value,
        pointer: &str,
        known: &[&str],
    ) -> Option<&'j Map<String, Value>> {
        let Some(fields) = json.as_object() else {
            self.tell(pointer, "type", &[("expected", "{ … }")]);
            return None;
        };
        for field in fields.keys().filter(|field| !known.contains(&field.as_str())) {
            self.tell(below(pointer, field), "unknown", &[("field", field), ("known", &known.join(", "))]);
        }
        Some(fields)
    }

    /// A text; one that is `needed` is told when it is missing.
    fn text(
        &mut self,
        fields: &Map<String, Value>,
        pointer: &str,
        name: &str,
        needed: bool,
    ) -> Option<String> {
        match fields.get(name) {
            Some(Value::String(text)) => return Some(text.clone()),
            None | Some(Value::Null) if needed => {
                self.tell(below(pointer, name), "missing", &[("field", name)]);
            }
            None | Some(Value::Null) => {}
            Some(_) => self.tell(below(pointer, name), "type", &[("expected", "\"…\"")]),
        }
        None
    }

    /// The elements of a list.
    fn list<'j>(&mut self, fields: &'j Map<String, Value>, name: &str) -> &'j [Value] {
        match fields.get(name) {
            Some(Value::Array(list)) => list,
            None | Some(Value::Null) => &[],
            Some(_) => {
                self.tell(below("", name), "type", &[("expected", "[ … ]")]);
                &[]
            }
        }
    }
}

/// Reads a text; `None` when nothing of it can be read.
pub(super) fn file(json: &str, wrong: &mut Wrong) -> Option<File> {
    let json: Value = match serde_json::from_str(json) {
        Ok(json) => json,
        Err(error) => {
            let key = if error.is_eof() { "json-ends" } else { "json" };
            let (line, column) = (error.line().to_string(), error.column().to_string());
            wrong.tell("", key, &[("line", &line), ("column", &column)]);
            return None;
        }
    };
    let fields = wrong.object(&json, "", &FIELDS)?;
    let features = wrong.list(fields, "features").iter().enumerate().filter_map(|(n, feature)| {
        let name = feature.as_str().map(str::to_owned);
        if name.is_none() {
            wrong.tell(format!("/features/{n}"), "type", &[("expected", "\"…\"")]);
        }
        name
    });
    let features = features.collect();
    let listed = wrong.list(fields, "plants");
    if listed.len() > MOST_PLANTS {
        let (count, most) = (listed.len().to_string(), MOST_PLANTS.to_string());
        wrong.tell("/plants", "many", &[("count", &count), ("most", &most)]);
    }
    let mut plants = Vec::new();
    for (n, plant) in listed.iter().take(MOST_PLANTS).enumerate() {
        let pointer = format!("/plants/{n}");
        let Some(fields) = wrong.object(plant, &pointer, &PLANT_FIELDS) else { continue };
        plants.push(PlantEntry {
            plant_id: wrong.text(fields, &pointer, "plant_id", true),
            name: wrong.text(fields, &pointer, "name", true),
            location: fields.get("location").filter(|location| !location.is_null()).cloned(),
            pointer,
        });
    }
    Some(File {
        tenant_id: wrong.text(fields, "", "tenant_id", true),
        name: wrong.text(fields, "", "name", true),
        timezone: wrong.text(fields, "", "timezone", false),
        currency: wrong.text(fields, "", "currency", false),
        language: wrong.text(fields, "", "language", false),
        features,
        plants,
    })
}
