//! From JSON to a [`Definition`]: every mistake at once, each with its line.

use std::collections::BTreeMap;
use std::str::FromStr;

use croner::Cron;
use serde_json::{Map, Value as Json};

use super::condition::{Condition, ConditionError, Field, MAX_LENGTH, MAX_PARTS};
use super::definition::{
    Approver, By, Definition, Escalation, Known, MAX_APPROVERS, MAX_CONDITIONS, MAX_HOURS, MAX_NAME,
    MAX_SOURCE, MAX_STAGES, MAX_STARTS, Mistake, Rule, Stage, Start,
};
use super::lines::lines;
use super::model::Action;
use crate::i18n::{Lang, Names};

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

impl At<'_> {
    fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl Reader<'_> {
    fn tell(&mut self, path: impl Into<String>, key: &'static str, values: &[(&'static str, &str)]) {
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
    fn object<'j>(&mut self, json: &'j Json, path: &str, names: &[&str]) -> Option<At<'j>> {
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

    fn text(&mut self, at: &At<'_>, name: &str, longest: usize) -> Option<String> {
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
    fn names(&mut self, at: &At<'_>) -> Names {
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

    fn flag(&mut self, at: &At<'_>, name: &str, otherwise: bool) -> bool {
        match at.fields.get(name) {
            None | Some(Json::Null) => otherwise,
            Some(Json::Bool(value)) => *value,
            Some(_) => {
                self.tell(at.path(name), "type", &[("expected", "true, false")]);
                otherwise
            }
        }
    }

    fn hours(&mut self, at: &At<'_>, name: &str, least: u64) -> Option<u32> {
        let value = at.fields.get(name).filter(|value| !value.is_null())?;
        let hours = value.as_u64().filter(|hours| (least..=MAX_HOURS).contains(hours));
        if hours.is_none() {
            let (from, to) = (least.to_string(), MAX_HOURS.to_string());
            self.tell(at.path(name), "range", &[("field", name), ("from", &from), ("to", &to)]);
        }
        hours.and_then(|hours| u32::try_from(hours).ok())
    }

    /// The elements of a list, each with its path.
    fn list<'j>(&mut self, at: &At<'j>, name: &str, most: usize) -> Vec<(String, &'j Json)> {
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

    fn escalation(&mut self, at: &At<'_>) -> Option<Escalation> {
        let json = at.fields.get("escalation").filter(|json| !json.is_null())?;
        let at = self.object(json, &at.path("escalation"), &["enabled", "escalate_to", "after_hours"])?;
        let after_hours = self.hours(&at, "after_hours", 1);
        let enabled = self.flag(&at, "enabled", true);
        let before = self.wrong.len();
        let to = self.role(&at, "escalate_to");
        if to.is_none() && enabled && self.wrong.len() == before {
            self.tell(at.path("escalate_to"), "missing", &[("field", "escalate_to")]);
        }
        to.filter(|_| enabled).map(|to| Escalation { to, after_hours })
    }

    fn stage(
        &mut self,
        json: &Json,
        path: &str,
        n: usize,
        escalation: Option<&Escalation>,
        fields: &[Field],
    ) -> Option<Stage> {
        let names = [
            "stage",
            "name",
            "names",
            "approver_role",
            "approvers",
            "rule",
            "sla_hours",
            "remind_hours_before",
            "conditions",
            "actions",
            "escalation",
        ];
        let at = self.object(json, path, &names)?;
        if let Some(number) = at.fields.get("stage")
            && number.as_u64() != Some(n as u64 + 1)
        {
            self.tell(at.path("stage"), "order", &[("number", &(n + 1).to_string())]);
        }
        let name = self.text(&at, "name", MAX_NAME);
        let names = self.names(&at);
        let name = name.or_else(|| names.any(Lang::En).map(str::to_owned));
        let name = name.unwrap_or_else(|| format!("{}", n + 1));
        let approvers = self.approvers(&at);
        let rule = self.rule(&at);
        let sla_hours = self.hours(&at, "sla_hours", 1);
        let remind_hours = self.hours(&at, "remind_hours_before", 1);
        if let (Some(remind), Some(sla)) = (remind_hours, sla_hours)
            && remind >= sla
        {
            let to = sla.saturating_sub(1).to_string();
            self.tell(
                at.path("remind_hours_before"),
                "range",
                &[("field", "remind_hours_before"), ("from", "1"), ("to", &to)],
            );
        }
        let conditions = self.conditions(&at, fields);
        let actions = self.actions(&at);
        let own = self.escalation(&at);
        // A stage may say that it has none: { "enabled": false }.
        let escalation = if at.fields.contains_key("escalation") { own } else { escalation.cloned() };
        if let Some(to) = &escalation
            && to.after_hours.is_none()
            && sla_hours.is_none()
        {
            self.tell(path, "escalation-when", &[]);
        }
        Some(Stage { name, names, approvers, rule, sla_hours, remind_hours, conditions, actions, escalation })
    }

    fn approvers(&mut self, at: &At<'_>) -> Vec<Approver> {
        let before = self.wrong.len();
        let mut approvers = Vec::new();
        if let Some(role) = self.role(at, "approver_role") {
            approvers.push(Approver::Role(role));
        }
        for (path, json) in self.list(at, "approvers", MAX_APPROVERS) {
            let Some(one) = self.object(json, &path, &["role", "person"]) else { continue };
            match (one.fields.get("role"), one.fields.get("person")) {
                (Some(_), None) => approvers.extend(self.role(&one, "role").map(Approver::Role)),
                (None, Some(_)) => {
                    let Some(email) = self.text(&one, "person", 254) else { continue };
                    match self.known.people.get(&email.to_lowercase()) {
                        Some(person) => approvers.push(Approver::Person(email, *person)),
                        None => self.tell(one.path("person"), "person", &[("value", &email)]),
                    }
                }
                _ => self.tell(path, "approver", &[]),
            }
        }
        if approvers.is_empty() && self.wrong.len() == before {
            self.tell(at.path("approver_role"), "missing", &[("field", "approver_role")]);
        }
        for (n, approver) in approvers.iter().enumerate() {
            if let Approver::Person(email, _) = approver
                && approvers[..n].contains(approver)
            {
                self.tell(at.path("approvers"), "twice", &[("value", email)]);
            }
        }
        approvers
    }

    fn rule(&mut self, at: &At<'_>) -> Rule {
        match at.fields.get("rule") {
            None | Some(Json::Null) => Rule::Any,
            Some(Json::String(rule)) if rule == "any" => Rule::Any,
            Some(Json::String(rule)) if rule == "all" => Rule::All,
            Some(Json::Object(rule)) if rule.len() == 1 && rule.contains_key("quorum") => {
                // As they are written, also where one of them is a mistake.
                let listed = at.fields.get("approvers").and_then(Json::as_array).map_or(0, Vec::len)
                    + usize::from(at.fields.contains_key("approver_role"));
                let most = if listed > 1 { listed } else { MAX_APPROVERS } as u64;
                match rule["quorum"].as_u64().filter(|needed| (1..=most).contains(needed)) {
                    Some(needed) => Rule::Quorum(u16::try_from(needed).unwrap_or(u16::MAX)),
                    None => {
                        let path = format!("{}.quorum", at.path("rule"));
                        self.tell(
                            path,
                            "range",
                            &[("field", "quorum"), ("from", "1"), ("to", &most.to_string())],
                        );
                        Rule::Any
                    }
                }
            }
            Some(other) => {
                let known = r#""any", "all", { "quorum": 2 }"#;
                self.tell(at.path("rule"), "choice", &[("value", &other.to_string()), ("known", known)]);
                Rule::Any
            }
        }
    }

    fn conditions(&mut self, at: &At<'_>, fields: &[Field]) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for (path, json) in self.list(at, "conditions", MAX_CONDITIONS) {
            let Some(source) = json.as_str() else {
                self.tell(path, "type", &[("expected", "\"amount > 50000\"")]);
                continue;
            };
            match Condition::compile(source, fields) {
                Ok(condition) => conditions.push(condition),
                Err(wrong) => wrong.iter().for_each(|error| self.condition(&path, source, error)),
            }
        }
        conditions
    }

    fn condition(&mut self, path: &str, source: &str, error: &ConditionError) {
        match error {
            ConditionError::Syntax => self.tell(path, "condition", &[("value", source)]),
            ConditionError::Unknown(name, known) => {
                self.tell(path, "condition-field", &[("value", name), ("known", known)]);
            }
            ConditionError::NotAllowed(what) => self.tell(path, "condition-not-allowed", &[("value", what)]),
            ConditionError::Types(operator, types) => {
                self.tell(path, "condition-types", &[("value", operator), ("types", types)]);
            }
            ConditionError::NotBool(found) => self.tell(path, "condition-not-bool", &[("types", found)]),
            ConditionError::TooLong => {
                self.tell(path, "condition-long", &[("most", &MAX_LENGTH.to_string())]);
            }
            ConditionError::TooLarge => {
                self.tell(path, "condition-large", &[("most", &MAX_PARTS.to_string())]);
            }
        }
    }

    fn actions(&mut self, at: &At<'_>) -> Vec<Action> {
        if !at.fields.contains_key("actions") {
            return Action::ALL.to_vec();
        }
        let mut actions = Vec::new();
        for (path, json) in self.list(at, "actions", 10) {
            match json.as_str().and_then(Action::parse) {
                Some(action) if actions.contains(&action) => {
                    self.tell(path, "twice", &[("value", action.name())]);
                }
                Some(action) => actions.push(action),
                None => {
                    let known = Action::ALL.map(Action::name).join(", ");
                    self.tell(path, "choice", &[("value", &json.to_string()), ("known", &known)]);
                }
            }
        }
        if !actions.contains(&Action::Approve) {
            self.tell(at.path("actions"), "no-approve", &[]);
        }
        actions
    }

    fn start(&mut self, json: &Json, path: &str, fields: &[Field]) -> Option<Start> {
        let names = ["event", "schedule", "webhook", "time_zone", "conditions", "subject", "text"];
        let at = self.object(json, path, &names)?;
        let ways =
            ["event", "schedule", "webhook"].iter().filter(|way| at.fields.contains_key(**way)).count();
        if ways != 1 {
            self.tell(path, "start", &[]);
            return None;
        }
        let by = if let Some(event) = self.text(&at, "event", 100) {
            if self.new && super::triggers::is_its_own(&event) {
                self.tell(at.path("event"), "own-event", &[("value", &event)]);
            }
            By::Event(event)
        } else if let Some(cron) = self.text(&at, "schedule", 100) {
            if schedule(&cron).is_err() {
                self.tell(at.path("schedule"), "schedule", &[("value", &cron)]);
            }
            let zone = self.text(&at, "time_zone", 60);
            if let Some(zone) = &zone
                && chrono_tz::Tz::from_str(zone).is_err()
            {
                self.tell(at.path("time_zone"), "zone", &[("value", zone)]);
            }
            By::Schedule(cron, zone)
        } else if self.flag(&at, "webhook", false) {
            By::Webhook
        } else {
            return None;
        };
        let conditions = self.conditions(&at, fields);
        let subject = self.text(&at, "subject", 200).unwrap_or_default();
        let text = self.text(&at, "text", 2000).unwrap_or_default();
        Some(Start { by, conditions, subject, text })
    }
}

/// A cron pattern of five fields: minute, hour, day, month, day of the week.
///
/// # Errors
/// What is wrong with it.
pub(super) fn schedule(cron: &str) -> Result<Cron, String> {
    let parser = croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Disallowed).build();
    parser.parse(cron).map_err(|error| error.to_string())
}

/// `purchase_requisition` as people say it.
fn spoken(workflow: &str) -> String {
    let text = workflow.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workflow::definition::Deadlines;
    use chrono::{DateTime, Utc};
    use serde_json::json;
    use uuid::Uuid;

    /// The specification's definition, as it stands there.
    pub(crate) const SPEC: &str = include_str!("example.json");

    fn known() -> Known {
        let roles = ["DEPT_HEAD", "ACCOUNTANT", "PLANT_MANAGER"];
        Known {
            roles: roles.map(str::to_owned).into(),
            people: [("ananya@saif.example".to_owned(), Uuid::from_u128(1))].into(),
            documents: [("request", &[] as &[Field])].into(),
        }
    }

    #[test]
    fn the_specifications_definition_works_as_it_stands() {
        let read = read(SPEC, &known()).unwrap();
        assert_eq!(
            (read.workflow.as_str(), read.name.as_str()),
            ("purchase_requisition", "Purchase requisition")
        );
        assert_eq!(read.stages.len(), 2);
        assert_eq!(read.stages[0].approvers, [Approver::Role("DEPT_HEAD".into())]);
        assert_eq!(read.stages[1].actions, [Action::Approve, Action::Reject]);
        assert_eq!(read.next(1, &json!({ "amount": "50000" })), None);
        assert_eq!(read.next(1, &json!({ "amount": "50000.01" })), Some(1));
        // Without an amount somebody looks rather than nobody.
        assert_eq!(read.next(1, &json!({})), Some(1));
        let at: DateTime<Utc> = "2026-11-26T06:00:00Z".parse().unwrap();
        let hours = |n| Some(at + chrono::TimeDelta::hours(n));
        let expected = Deadlines { remind: hours(18), due: hours(24), escalate: hours(72) };
        assert_eq!(read.stages[0].deadlines(at), expected);
        let (seats, needed) = read.stages[0].seats(|_| Vec::new());
        assert_eq!((seats.len(), needed), (1, 1));
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_line() {
        let source = r#"{
  "workflow_id": "Purchase",
  "stages": [
    { "name": "One", "approver_role": "DEPT_HED", "sla_hours": 0 },
    { "stage": 7, "name": "Two", "aprover_role": "ACCOUNTANT",
      "conditions": ["amount >", "amout > 5", "plant > 5"],
      "actions": ["REJECT", "FORGET"] },
    { "name": "Three", "approvers": [{ "role": "ACCOUNTANT" }, { "person": "nobody@saif.example" }],
      "rule": { "quorum": 5 }, "escalation": {} }
  ],
  "start": [{ "schedule": "61 9 * * *" }, { "event": "a.b", "webhook": true }, { "schedule": "0 9 * * 1", "time_zone": "Kolkata" }, { "event": "delivery.dead" }]
}"#;
        let told: Vec<(usize, String, &str)> = read(source, &known())
            .unwrap_err()
            .into_iter()
            .map(|wrong| (wrong.line, wrong.path, wrong.key))
            .collect();
        for expected in [
            (2, "workflow_id", "code"),
            (4, "stages[0].approver_role", "role"),
            (4, "stages[0].sla_hours", "range"),
            (5, "stages[1].stage", "order"),
            (5, "stages[1].aprover_role", "unknown"),
            (6, "stages[1].conditions[0]", "condition"),
            (6, "stages[1].conditions[1]", "condition-field"),
            (6, "stages[1].conditions[2]", "condition-types"),
            (7, "stages[1].actions[1]", "choice"),
            (7, "stages[1].actions", "no-approve"),
            (8, "stages[2].approvers[1].person", "person"),
            (9, "stages[2].rule.quorum", "range"),
            (9, "stages[2].escalation.escalate_to", "missing"),
            (11, "start[0].schedule", "schedule"),
            (11, "start[1]", "start"),
            (11, "start[2].time_zone", "zone"),
            (11, "start[3].event", "own-event"),
        ] {
            assert!(
                told.iter().any(|(line, path, key)| (*line, path.as_str(), *key) == expected),
                "{expected:?} is not told: {told:#?}"
            );
        }
        assert!(told.is_sorted_by_key(|(line, ..)| *line));
        let broken = read("{\n  \"workflow_id\": \"x\",\n  oops\n}", &known()).unwrap_err();
        assert_eq!((broken[0].line, broken[0].key), (3, "json"));
        assert_eq!(read("[]", &known()).unwrap_err()[0].key, "type");
        assert_eq!(read(&" ".repeat(MAX_SOURCE + 1), &known()).unwrap_err()[0].key, "too-long");
    }

    /// Definitions with every kind of mistake that reading finds.
    fn mistaken() -> Vec<String> {
        let many = |what: &str, most: usize| vec![what; most + 1].join(",");
        let mut all: Vec<String> = [
            "{",
            "{ oops }",
            "[]",
            r#"{ "workflow_id": "Purchase", "name": "", "document": "letter", "stages": [], "a/b": 1 }"#,
            r#"{ "stages": {}, "bulk_approval": 1 }"#,
            r#"{ "workflow_id": "work", "stages": [
                { "stage": 7, "approver_role": "DEPT_HED", "sla_hours": 0, "actions": ["REJECT", "FORGET", "REJECT"],
                  "conditions": ["amount >", "amout > 5", "plant > 5", "amount + 1", "[1].all(x, x > 0)", 5] },
                { "approvers": [{ "person": "nobody@saif.example" }, {}], "rule": "some", "escalation": {} },
                { "approver_role": "DEPT_HEAD", "escalation": { "escalate_to": "ACCOUNTANT" } }],
                "start": [{ "schedule": "61 9 * * *", "time_zone": "Kolkata" }, { "event": "a.b", "webhook": true },
                  { "event": "mail.unreachable" }] }"#,
        ]
        .map(str::to_owned)
        .into();
        let stage = r#"{ "approver_role": "DEPT_HEAD" }"#;
        all.push(format!(r#"{{ "workflow_id": "work", "stages": [{}] }}"#, many(stage, MAX_STAGES)));
        let long = "x".repeat(MAX_NAME + 1);
        let (wordy, parts) = ("amount > 1 && ".repeat(60), "urgent||".repeat(60));
        all.push(format!(
            r#"{{ "workflow_id": "work", "name": "{long}", "stages": [
                {{ "approver_role": "DEPT_HEAD", "conditions": ["{wordy}", "{parts}urgent"] }}] }}"#
        ));
        all.push(" ".repeat(MAX_SOURCE + 1));
        all
    }

    /// Each kind of mistake has a text in every language, with its place as a JSON pointer;
    /// and no text is there for a mistake that nobody makes.
    #[test]
    fn each_kind_of_mistake_is_told_in_every_language() {
        use std::collections::BTreeSet;
        use std::sync::Arc;

        use crate::i18n::{I18n, Lang, Texts};
        use crate::workflow::{TEXTS, view};

        // Told where a definition is written, not where it is read.
        const ELSEWHERE: [&str; 2] = ["other-id", "plant"];
        let all: Vec<Mistake> =
            mistaken().iter().flat_map(|source| read(source, &known()).unwrap_err()).collect();
        let keys: BTreeSet<&str> = all.iter().map(|one| one.key).chain(ELSEWHERE).collect();
        let shared = Arc::new(I18n::new().with_all(TEXTS));
        let english = Texts::new(shared.clone(), Lang::En);
        for (lang, source) in TEXTS {
            let lines = source.lines().filter_map(|line| line.strip_prefix("workflow-wrong-"));
            let told: BTreeSet<&str> = lines.filter_map(|line| line.split(" =").next()).collect();
            assert_eq!(told, keys, "{}", lang.code());
            let texts = Texts::new(shared.clone(), lang);
            for one in &all {
                let said = view::mistake(&texts, one);
                let same = said == view::mistake(&english, one);
                assert_eq!(same, lang == Lang::En, "{} in {}: {said}", one.key, lang.code());
            }
        }
        let pointers: BTreeSet<&str> = all.iter().map(|one| one.pointer.as_str()).collect();
        for expected in
            ["", "/a~1b", "/stages/0/conditions/2", "/stages/1/approvers/0/person", "/start/0/time_zone"]
        {
            assert!(pointers.contains(expected), "{expected} in {pointers:?}");
        }
        // What a parser says in English is told to nobody.
        let condition = all.iter().find(|one| one.key == "condition").unwrap();
        assert_eq!(condition.values, [("value", "amount >".to_owned())]);
    }

    #[test]
    fn a_workflow_and_its_stages_have_names_by_language() {
        let source = r#"{ "workflow_id": "plan", "name": "Plan", "names": { "te": " ప్రణాళిక " },
          "stages": [{ "names": { "hi": "लेखा" }, "approver_role": "DEPT_HEAD" }] }"#;
        let definition = read(source, &known()).unwrap();
        let said = |lang| definition.names.say(lang, &definition.name).to_owned();
        assert_eq!([said(Lang::Te), said(Lang::Bn)], ["ప్రణాళిక", "Plan"]);
        let stage = &definition.stages[0];
        assert_eq!(stage.name, "लेखा", "a name in any one language is enough");
        assert_eq!(stage.names.of(Lang::Hi), Some("लेखा"));

        let long = "ప".repeat(MAX_NAME + 1);
        let source = format!(
            r#"{{ "workflow_id": "plan", "names": {{ "fr": "Plan", "te": 5 }}, "stages": [
              {{ "names": ["Head"], "approver_role": "DEPT_HEAD" }},
              {{ "names": {{ "te": "{long}", "hi": " " }}, "approver_role": "DEPT_HEAD" }}] }}"#
        );
        let told: Vec<(String, &str)> = read(&source, &known())
            .unwrap_err()
            .into_iter()
            .map(|wrong| (wrong.pointer, wrong.key))
            .collect();
        for expected in [
            ("/names/fr", "unknown"),
            ("/names/te", "type"),
            ("/stages/0/names", "type"),
            ("/stages/1/names/te", "length"),
            ("/stages/1/names/hi", "empty"),
        ] {
            assert!(told.iter().any(|(at, key)| (at.as_str(), *key) == expected), "{expected:?} in {told:?}");
        }
    }

    #[test]
    fn parallel_approvers_become_seats() {
        let source = r#"{ "workflow_id": "plan", "stages": [
            { "approvers": [{ "role": "DEPT_HEAD" }, { "person": "Ananya@saif.example" }], "rule": "all" },
            { "approver_role": "DEPT_HEAD", "rule": { "quorum": 2 } },
            { "approver_role": "DEPT_HEAD", "rule": "all" } ] }"#;
        let read = read(source, &known()).unwrap();
        let holders = |_: &str| vec![Uuid::from_u128(7), Uuid::from_u128(8), Uuid::from_u128(9)];
        let shape: Vec<(usize, u16)> = read
            .stages
            .iter()
            .map(|stage| stage.seats(holders))
            .map(|(seats, needed)| (seats.len(), needed))
            .collect();
        assert_eq!(shape, [(2, 2), (2, 2), (3, 3)]);
        assert_eq!(read.stages[2].seats(|_| Vec::new()).0.len(), 1);
        assert_eq!(read.stages[0].actions, Action::ALL);
    }

    #[test]
    fn what_was_published_before_some_events_were_refused_is_read() {
        let source = r#"{ "workflow_id": "plan", "stages": [{ "approver_role": "DEPT_HEAD" }],
            "start": [{ "event": "delivery.dead" }] }"#;
        assert_eq!(read(source, &known()).unwrap_err()[0].key, "own-event");
        assert_eq!(published(source, &known()).unwrap().starts.len(), 1);
    }

    #[test]
    fn a_text_that_breaks_off_does_so_in_its_last_line() {
        for (source, line, key) in [
            ("", 1, "json-ends"),
            ("[", 1, "json-ends"),
            ("[\n", 1, "json-ends"),
            ("[\n1,\n", 2, "json-ends"),
            ("[\n}", 2, "json"),
        ] {
            let wrong = read(source, &known()).unwrap_err();
            assert_eq!((wrong.len(), wrong[0].line, wrong[0].key), (1, line, key), "{source:?}");
        }
    }

    proptest! {
        /// Whatever JSON is written, reading it tells mistakes and does not panic.
        #[test]
        fn nothing_written_breaks_it(at in 0_usize..SPEC.len(), put in "[\\[\\]{}\",:a-z0-9 ]{0,6}") {
            let mut source = SPEC.to_owned();
            source.insert_str(at, &put);
            if let Err(wrong) = read(&source, &known()) {
                prop_assert!(!wrong.is_empty());
                prop_assert!(wrong.iter().all(|mistake| mistake.line <= SPEC.lines().count()));
            }
        }
    }
}
