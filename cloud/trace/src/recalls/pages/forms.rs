//! The forms on the page of a recall: changing it, and entering what its consignees answer.

use platform::i18n::{Texts, typed_decimal};
use platform::web::fields::{Fields, Input};
use platform::web::{Caller, Problem};
use serde::Deserialize;
use uuid::Uuid;

use super::new::Typed;
use super::{name, noted, wrong_fields};
use crate::recalls::model::{Answer, Outcome, Recall, SEVERITIES, Status};

/// What was sent from the page, and not taken.
pub(super) enum Sent<'a> {
    Change(&'a Typed),
    Answers(&'a Answers),
    /// A button, with nothing typed but a note.
    Button,
}

/// The form that changes a recall, with what was typed or as it stands.
pub(super) fn change<'a>(
    texts: &'a Texts,
    recall: &Recall,
    people: &[(Uuid, String)],
    typed: Option<&Typed>,
) -> Fields<'a> {
    let stands = Typed::of(recall);
    let typed = typed.unwrap_or(&stands);
    let draft = recall.state() == Status::Draft;
    let severities = SEVERITIES.into_iter().map(|one| (one.to_owned(), name(texts, "severity", one)));
    let people = people.iter().map(|(id, who)| (id.to_string(), who.clone()));
    let mut inputs = Vec::new();
    if draft {
        let reason = Input::text("reason", texts.t("recalls-reason")).value(&typed.reason);
        inputs.push(reason.required().longest(500).wide());
    }
    inputs.extend([
        Input::choice("severity", texts.t("recalls-severity"), severities).value(&typed.severity).required(),
        Input::choice("owner", texts.t("recalls-owner"), people).value(&typed.owner).clears(true),
        Input::date("target_on", texts.t("recalls-target")).value(&typed.target_on),
        Input::lines("instructions", texts.t("recalls-instructions"))
            .value(&typed.instructions)
            .rows(4)
            .longest(2000),
    ]);
    if draft {
        let by_itself = typed.start_when_approved.is_some();
        inputs.push(Input::tick("start_when_approved", texts.t("recalls-start-when-approved"), by_itself));
    }
    Fields::new(texts, format!("/recalls/{}", recall.recall_id), texts.t("recalls-save"))
        .version(Some(typed.version))
        .inputs(inputs)
}

/// What is entered of an answer, as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answers {
    consignee: String,
    uid: String,
    outcome: String,
    unit: String,
    found: String,
    quarantined: String,
    returned: String,
    replaced: String,
    destroyed: String,
    used_up: String,
    not_found: String,
    reference: String,
    note: String,
}

impl Answers {
    /// The answer that is meant.
    pub(super) fn answer(&self, caller: &Caller) -> Result<Answer, Problem> {
        let mut wrong = Vec::new();
        let mut quantity = |field: &'static str, text: &str| {
            let read = typed_decimal(text);
            if read.is_none() && !text.trim().is_empty() {
                wrong.push((field, "recalls-wrong-quantity"));
            }
            read
        };
        let answer = Answer {
            found: quantity("found", &self.found),
            quarantined: quantity("quarantined", &self.quarantined),
            returned: quantity("returned", &self.returned),
            replaced: quantity("replaced", &self.replaced),
            destroyed: quantity("destroyed", &self.destroyed),
            used_up: quantity("used_up", &self.used_up),
            not_found: quantity("not_found", &self.not_found),
            consignee: noted(&mut wrong, ("consignee", "recalls-wrong-consignee"), &self.consignee),
            uid: self.uid.clone(),
            outcome: self.outcome.clone(),
            unit: self.unit.clone(),
            reference: self.reference.clone(),
            note: self.note.clone(),
            at: None,
        };
        wrong_fields(caller, wrong)?;
        Ok(answer)
    }

    /// Whether it is about one unit: that form alone asks for an outcome.
    pub(super) fn is_of_unit(&self) -> bool {
        !self.uid.trim().is_empty() || !self.outcome.is_empty()
    }

    fn quantity(&self, outcome: Outcome) -> &str {
        match outcome {
            Outcome::Found => &self.found,
            Outcome::Quarantined => &self.quarantined,
            Outcome::Returned => &self.returned,
            Outcome::Replaced => &self.replaced,
            Outcome::Destroyed => &self.destroyed,
            Outcome::UsedUp => &self.used_up,
            Outcome::NotFound => &self.not_found,
        }
    }

    /// The form of what a consignee answers of all that it has.
    pub(super) fn of_consignee<'a>(
        &self,
        texts: &'a Texts,
        recall: Uuid,
        consignees: Vec<(String, String)>,
    ) -> Fields<'a> {
        let quantities = Outcome::ALL.iter().map(|outcome| {
            Input::number(outcome.name(), name(texts, "outcome", outcome.name()))
                .value(self.quantity(*outcome))
        });
        let whose = Input::choice("consignee", texts.t("recalls-consignee"), consignees);
        Fields::new(texts, format!("/recalls/{recall}/responses"), texts.t("recalls-enter"))
            .inputs([whose.value(&self.consignee).required().wide()])
            .inputs(quantities)
            .inputs([
                Input::text("unit", texts.t("recalls-unit")).value(&self.unit).longest(20),
                Input::text("reference", texts.t("recalls-reference-of")).value(&self.reference).longest(100),
                Input::text("note", texts.t("recalls-note")).value(&self.note).longest(1000).wide(),
            ])
    }

    /// The form of what became of one unit.
    pub(super) fn of_unit<'a>(&self, texts: &'a Texts, recall: Uuid) -> Fields<'a> {
        let outcomes = Outcome::ALL.iter().map(|outcome| outcome.name());
        let outcomes = outcomes.map(|one| (one.to_owned(), name(texts, "outcome", one)));
        Fields::new(texts, format!("/recalls/{recall}/responses"), texts.t("recalls-enter"))
            .apart("unit")
            .inputs([
                Input::text("uid", texts.t("recalls-uid")).value(&self.uid).required().code(),
                Input::choice("outcome", texts.t("recalls-outcome"), outcomes)
                    .value(&self.outcome)
                    .required(),
                Input::text("reference", texts.t("recalls-reference-of")).value(&self.reference).longest(100),
            ])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use platform::i18n::{I18n, Lang};

    use super::*;

    #[test]
    fn what_was_typed_of_an_answer_stays_in_its_own_form() {
        let texts = Texts::new(Arc::new(I18n::new()), Lang::En);
        let whole = Answers { used_up: "1,2,3".into(), unit: "pcs".into(), ..Answers::default() };
        assert!(!whole.is_of_unit());
        let drawn = whole.of_consignee(&texts, Uuid::nil(), Vec::new()).to_string();
        assert!(drawn.contains("name=\"used_up\" value=\"1,2,3\""), "{drawn}");
        let unit = Answers { outcome: "found".into(), ..Answers::default() };
        assert!(unit.is_of_unit(), "though its label is not there");
        let drawn = unit.of_unit(&texts, Uuid::nil()).to_string();
        assert!(drawn.contains("<option value=\"found\" selected>"), "{drawn}");
    }
}
