//! The parts that every object of a definition is read by: texts, names, numbers, lists.

use serde_json::Value as Json;

use super::{At, Reader, pointer};
use crate::i18n::{Lang, Names};
use crate::workflow::definition::{MAX_HOURS, MAX_NAME, Mistake};

impl At<'_> {
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl Reader<'_> {
    pub(super) fn tell(
        &mut self,
        path: impl Into<String>,
        key: &'static str,
        values: &[(&'static str, &str)],
    ) {
        let path = path.into();
        // What is missing is told where its object begins.
        let mut place = path.as_str();
        let line = loop {
            match self.lines.get(place) {
                Some(line) => break *line,
                None => place = place.rfind(['.', '[']).map_or("", |end| &place[..end]),
            }
            if place.is_empty() {
                break self.lines.get("").copied().unwrap_or(1);
            }
        };
        let values = values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let pointer = pointer(&path);
        self.wrong.push(Mistake { path, pointer, line, key, values });
    }

    /// The object at `path`, whose fields are among `names`.
    pub(super) fn object<'j>(&mut self, json: &'j Json, path: &str, names: &[&str]) -> Option<At<'j>> {
        let Some(fields) = json.as_object() else {
            self.tell(path, "type", &[("expected", "{ … }")]);
            return None;
        };
        let at = At { path: path.to_owned(), fields };
        for name in fields.keys().filter(|name| !names.contains(&name.as_str())) {
            self.tell(at.path(name), "unknown", &[("field", name), ("known", &names.join(", "))]);
            // Whatever it is called, it is one step below.
            if let Some(told) = self.wrong.last_mut() {
                told.pointer = format!("{}/{}", pointer(path), name.replace('~', "~0").replace('/', "~1"));
            }
        }
        Some(at)
    }

    pub(super) fn text(&mut self, at: &At<'_>, name: &str, longest: usize) -> Option<String> {
        match at.fields.get(name) {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) if text.trim().is_empty() => {
                self.tell(at.path(name), "empty", &[("field", name)]);
                None
            }
            Some(Json::String(text)) if text.chars().count() > longest => {
                self.tell(at.path(name), "length", &[("field", name), ("most", &longest.to_string())]);
                None
            }
            Some(Json::String(text)) => Some(text.trim().to_owned()),
            Some(_) => {
                self.tell(at.path(name), "type", &[("expected", "\"…\"")]);
                None
            }
        }
    }

    /// What something is called, by language.
    pub(super) fn names(&mut self, at: &At<'_>) -> Names {
        let Some(json) = at.fields.get("names").filter(|json| !json.is_null()) else {
            return Names::default();
        };
        let Some(at) = self.object(json, &at.path("names"), &Lang::ALL.map(Lang::code)) else {
            return Names::default();
        };
        let mut said = Vec::new();
        for lang in Lang::ALL {
            said.extend(self.text(&at, lang.code(), MAX_NAME).map(|name| (lang, name)));
        }
        said.into_iter().collect()
    }

    pub(super) fn flag(&mut self, at: &At<'_>, name: &str, otherwise: bool) -> bool {
        match at.fields.get(name) {
            None | Some(Json::Null) => otherwise,
            Some(Json::Bool(value)) => *value,
            Some(_) => {
                self.tell(at.path(name), "type", &[("expected", "true, false")]);
                otherwise
            }
        }
    }

    pub(super) fn hours(&mut self, at: &At<'_>, name: &str, least: u64) -> Option<u32> {
        let value = at.fields.get(name).filter(|value| !value.is_null())?;
        let hours = value.as_u64().filter(|hours| (least..=MAX_HOURS).contains(hours));
        if hours.is_none() {
            let (from, to) = (least.to_string(), MAX_HOURS.to_string());
            self.tell(at.path(name), "range", &[("field", name), ("from", &from), ("to", &to)]);
        }
        hours.and_then(|hours| u32::try_from(hours).ok())
    }

    /// The elements of a list, each with its path.
    pub(super) fn list<'j>(&mut self, at: &At<'j>, name: &str, most: usize) -> Vec<(String, &'j Json)> {
        let path = at.path(name);
        match at.fields.get(name) {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(list)) if list.len() > most => {
                self.tell(path, "many", &[("field", name), ("most", &most.to_string())]);
                Vec::new()
            }
            Some(Json::Array(list)) => {
                list.iter().enumerate().map(|(n, element)| (format!("{path}[{n}]"), element)).collect()
            }
            Some(_) => {
                self.tell(path, "type", &[("expected", "[ … ]")]);
                Vec::new()
            }
        }
    }
}
