//! From JSON to a [`Definition`]: every mistake at once, each with its line.

mod parts;
mod stage;
mod start;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::definition::{Definition, Known, MAX_NAME, MAX_SOURCE, MAX_STAGES, MAX_STARTS, Mistake};
use super::lines::lines;
use crate::i18n::Lang;

pub(super) use start::schedule;

/// Reads a definition.
///
/// # Errors
/// Every mistake in it, in the order of their lines.
pub fn read(source: &str, known: &Known) -> Result<Definition, Vec<Mistake>> {
    if source.len() > MAX_SOURCE {
        return Err(vec![Mistake {
            path: String::new(),
            pointer: String::new(),
            line: 1,
            key: "too-long",
            values: vec![("most", (MAX_SOURCE / 1024).to_string())],
        }]);
    }
    whole(source, known, true)
}

/// Reads what was published, and so was judged once. Its length is not: the address of
/// an erased person in it may have become longer. Nor is by which events it starts: what
/// was published before some were refused runs on, and those start nothing.
///
/// # Errors
/// Those of [`read`].
pub fn published(source: &str, known: &Known) -> Result<Definition, Vec<Mistake>> {
    whole(source, known, false)
}

fn whole(source: &str, known: &Known, new: bool) -> Result<Definition, Vec<Mistake>> {
    let json: Json = serde_json::from_str(source).map_err(|error| {
        // A text that breaks off after its last line feed does so in its last line.
        let line = error.line().clamp(1, source.lines().count().max(1));
        let (key, values) = match error.is_eof() {
            true => ("json-ends", Vec::new()),
            false => ("json", vec![("column", error.column().to_string())]),
        };
        vec![Mistake { path: String::new(), pointer: String::new(), line, key, values }]
    })?;
    let mut reader = Reader { lines: lines(source), known, new, wrong: Vec::new() };
    let definition = reader.definition(&json);
    let mut wrong = reader.wrong;
    wrong.sort_by_key(|mistake| mistake.line);
    match definition {
        Some(definition) if wrong.is_empty() => Ok(definition),
        _ => Err(wrong),
    }
}

struct Reader<'a> {
    lines: BTreeMap<String, usize>,
    known: &'a Known,
    /// It is not in force yet.
    new: bool,
    wrong: Vec<Mistake>,
}

/// An object while it is read, and where it stands.
struct At<'a> {
    path: String,
    fields: &'a Map<String, Json>,
}

/// A path such as `stages[0].name` as a JSON pointer (RFC 6901): `/stages/0/name`. Fields that
/// are known have no dots in their names.
fn pointer(path: &str) -> String {
    let steps = path.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty());
    steps.map(|step| format!("/{step}")).collect()
}

impl Reader<'_> {
    fn definition(&mut self, json: &Json) -> Option<Definition> {
        let names = [
            "workflow_id",
            "name",
            "names",
            "document",
            "stages",
            "escalation",
            "self_approval",
            "bulk_approval",
            "start",
        ];
        let at = self.object(json, "", &names)?;
        let workflow = self.workflow_id(&at);
        let name = self.text(&at, "name", MAX_NAME);
        let names = self.names(&at);
        let document = self.text(&at, "document", MAX_NAME);
        if let Some(document) = &document
            && !self.known.documents.contains_key(document.as_str())
        {
            let kinds = self.known.documents.keys().copied().collect::<Vec<_>>().join(", ");
            self.tell("document", "choice", &[("value", document), ("known", &kinds)]);
        }
        let fields = self.known.fields(document.as_deref());
        let escalation = self.escalation(&at);
        let mut stages = Vec::new();
        let listed = self.list(&at, "stages", MAX_STAGES);
        if listed.is_empty() && !self.wrong.iter().any(|mistake| mistake.path == "stages") {
            self.tell("stages", "no-stages", &[]);
        }
        for (n, (path, json)) in listed.into_iter().enumerate() {
            stages.extend(self.stage(json, &path, n, escalation.as_ref(), &fields));
        }
        let mut starts = Vec::new();
        for (path, json) in self.list(&at, "start", MAX_STARTS) {
            starts.extend(self.start(json, &path, &fields));
        }
        let own_allowed = self.flag(&at, "self_approval", false);
        let bulk_allowed = self.flag(&at, "bulk_approval", true);
        let workflow = workflow?;
        let name = name.or_else(|| names.any(Lang::En).map(str::to_owned));
        let name = name.unwrap_or_else(|| spoken(&workflow));
        Some(Definition { workflow, name, names, document, stages, own_allowed, bulk_allowed, starts })
    }

    fn workflow_id(&mut self, at: &At<'_>) -> Option<String> {
        let before = self.wrong.len();
        let Some(id) = self.text(at, "workflow_id", 60) else {
            if self.wrong.len() == before {
                self.tell("workflow_id", "missing", &[("field", "workflow_id")]);
            }
            return None;
        };
        let fits = id.len() >= 2
            && id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !fits {
            self.tell("workflow_id", "code", &[("value", &id)]);
        }
        fits.then_some(id)
    }

    fn role(&mut self, at: &At<'_>, name: &str) -> Option<String> {
        let role = self.text(at, name, 40)?;
        self.known_role(&role, at.path(name)).then_some(role)
    }

    fn known_role(&mut self, role: &str, path: String) -> bool {
        let known = self.known.roles.contains(role);
        if !known {
            let roles = self.known.roles.iter().cloned().collect::<Vec<_>>().join(", ");
            self.tell(path, "role", &[("value", role), ("known", &roles)]);
        }
        known
    }
}

/// `purchase_requisition` as people say it.
fn spoken(workflow: &str) -> String {
    let text = workflow.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
