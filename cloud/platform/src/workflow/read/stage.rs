//! One stage: who is asked, by when, where it applies, and what may be said.

use serde_json::Value as Json;

use super::{At, Reader};
use crate::i18n::Lang;
use crate::workflow::condition::{Condition, ConditionError, Field, MAX_LENGTH, MAX_PARTS};
use crate::workflow::definition::{
    Approver, Escalation, MAX_APPROVERS, MAX_CONDITIONS, MAX_NAME, Rule, Stage,
};
use crate::workflow::model::Action;

impl Reader<'_> {
    pub(super) fn escalation(&mut self, at: &At<'_>) -> Option<Escalation> {
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

    pub(super) fn stage(
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

    pub(super) fn conditions(&mut self, at: &At<'_>, fields: &[Field]) -> Vec<Condition> {
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
}
