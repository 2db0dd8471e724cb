//! The kinds of exceptions that there are, and what a person may choose to do about
//! each. The one table of both: whatever opens an exception must be listed here. Pure.

use serde_json::Value;
use uuid::Uuid;

use crate::explore::order::Stamp;

/// What a choice does, besides recording who chose it and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing more: a decision is on record.
    Records,
    /// Corrects the fact that shows the disagreement.
    CorrectsFact,
    /// Corrects the fact that it disagrees with.
    CorrectsOther,
    /// Holds the unit.
    Holds,
    /// Looks whether the masters know the name by now; refused while they do not.
    Checks,
}

impl Act {
    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::CorrectsFact => "corrects_fact",
            Self::CorrectsOther => "corrects_other",
            Self::Holds => "holds",
            Self::Checks => "checks",
        }
    }
}

/// A way to resolve an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Stable code. Its name is the text `exceptions-choice-<code>`, what it does
    /// `exceptions-does-<code>`.
    pub code: &'static str,
    /// What it does.
    pub act: Act,
}

const fn choice(code: &'static str, act: Act) -> Choice {
    Choice { code, act }
}

/// What the plant recorded stands.
pub const ACCEPT: Choice = choice("accept", Act::Records);
/// It happened, the reason is known, and nothing is left to do.
pub const KNOWN: Choice = choice("known", Act::Records);
/// It was put right at the plant.
pub const HANDLED: Choice = choice("handled", Act::Records);
/// What is gone is gone.
pub const LOST: Choice = choice("lost", Act::Records);
/// What shows it is corrected: it counts as never done.
pub const CORRECT: Choice = choice("correct", Act::CorrectsFact);
/// What it disagrees with is corrected.
pub const CORRECT_OTHER: Choice = choice("correct_other", Act::CorrectsOther);
/// The unit is held until somebody has looked.
pub const HOLD: Choice = choice("hold", Act::Holds);
/// The name has been entered in the masters.
pub const ENTERED: Choice = choice("entered", Act::Checks);

/// All choices that there are.
pub const CHOICES: [Choice; 8] = [ACCEPT, CORRECT, CORRECT_OTHER, HOLD, ENTERED, KNOWN, HANDLED, LOST];

/// Two facts about a unit: either may be the wrong one.
const OF_TWO_FACTS: &[Choice] = &[ACCEPT, CORRECT, CORRECT_OTHER, HOLD, KNOWN];
/// One fact about a unit.
const OF_A_FACT: &[Choice] = &[ACCEPT, CORRECT, HOLD, KNOWN];
/// An agent, or a stream as a whole.
const OF_AN_AGENT: &[Choice] = &[KNOWN, HANDLED];
/// A record that cannot be had.
const OF_A_LOSS: &[Choice] = &[LOST, HANDLED];

/// A kind of exception, and its choices in the order in which they are offered.
pub type Kind = (&'static str, &'static [Choice]);

/// Every kind that the product opens.
pub const KINDS: [Kind; 38] = [
    ("uid.consumed_twice", OF_TWO_FACTS),
    ("uid.used_after_consumed", OF_TWO_FACTS),
    ("uid.used_after_scrap", OF_TWO_FACTS),
    ("uid.used_while_inside", OF_TWO_FACTS),
    ("uid.used_while_away", OF_TWO_FACTS),
    ("uid.used_while_held", OF_TWO_FACTS),
    ("uid.dispatched_while_held", OF_TWO_FACTS),
    ("uid.dispatched_rejected", OF_TWO_FACTS),
    ("uid.dispatched_twice", OF_TWO_FACTS),
    ("uid.packed_twice", OF_TWO_FACTS),
    ("uid.inside_itself", OF_TWO_FACTS),
    ("uid.overdrawn", OF_TWO_FACTS),
    ("uid.taken_out_of_nothing", OF_A_FACT),
    ("uid.delivered_unsent", OF_A_FACT),
    ("uid.never_born", OF_A_FACT),
    ("uid.second_birth", &[CORRECT, CORRECT_OTHER, HOLD, HANDLED, KNOWN]),
    ("refusal.overridden", OF_A_FACT),
    ("transfer.arrival_without_departure", OF_A_FACT),
    ("scan.late", OF_A_FACT),
    ("event.malformed", &[ACCEPT, CORRECT, HANDLED]),
    ("event.undecodable", OF_A_LOSS),
    ("event.stray", &[KNOWN, HANDLED, LOST]),
    ("record.lost", OF_A_LOSS),
    ("stream.gap", OF_A_LOSS),
    ("chain.broken", OF_AN_AGENT),
    ("note.mismatch", OF_AN_AGENT),
    // Resolved by the ingest too, while it holds the tenant's number of batches: a choice that writes
    // a fact would wait for that, and the ingest for it.
    ("correct.unknown", OF_AN_AGENT),
    ("correct.tangled", OF_AN_AGENT),
    ("master.unknown", &[ENTERED, CORRECT, KNOWN]),
    ("fork", OF_AN_AGENT),
    ("agent.contested", OF_AN_AGENT),
    ("certificate.adopted", OF_AN_AGENT),
    ("lease.lifted", OF_AN_AGENT),
    ("projection.failed", OF_AN_AGENT),
    ("hold.gap", &[HANDLED, CORRECT, KNOWN]),
    ("hold.violated", &[HANDLED, CORRECT, KNOWN]),
    ("hold.recovered", &[HANDLED, KNOWN]),
    ("proof.altered", OF_AN_AGENT),
];

/// What the choices of an exception depend on, besides its kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Given {
    /// It is about a unit.
    pub unit: bool,
    /// The fact that shows it.
    pub fact: Option<Stamp>,
    /// The fact that it disagrees with.
    pub other: Option<Stamp>,
}

/// The choices of a kind; empty for one that is not listed.
#[must_use]
pub fn of_kind(kind: &str) -> &'static [Choice] {
    KINDS.iter().find(|(listed, _)| *listed == kind).map_or(&[], |(_, choices)| choices)
}

/// Whether a kind is told by one fact, which a person may correct: it belongs on its page.
#[must_use]
pub fn tells_a_fact(kind: &str) -> bool {
    of_kind(kind).contains(&CORRECT)
}

/// Whether a kind is listed.
#[must_use]
pub fn is_known(kind: &str) -> bool {
    KINDS.iter().any(|(listed, _)| *listed == kind)
}

/// The choices that resolve this one: those of its kind that have something to act on.
#[must_use]
pub fn choices(kind: &str, given: &Given) -> Vec<Choice> {
    let fits = |choice: &Choice| match choice.act {
        Act::Records | Act::Checks => true,
        Act::CorrectsFact => given.fact.is_some(),
        Act::CorrectsOther => given.other.is_some() && given.other != given.fact,
        Act::Holds => given.unit,
    };
    of_kind(kind).iter().copied().filter(fits).collect()
}

/// The fact on the other side of a detail, where there is one.
#[must_use]
pub fn other(detail: &Value) -> Option<Stamp> {
    let side =
        ["against", "first"].iter().find_map(|side| detail.get(side).filter(|side| side.is_object()))?;
    place(side)
}

/// The fact that one side of a detail is.
#[must_use]
pub fn place(side: &Value) -> Option<Stamp> {
    let whole = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    };
    Some(Stamp {
        agent: side.get("agent")?.as_str()?.parse::<Uuid>().ok()?,
        epoch: i32::try_from(whole(side.get("epoch")?)?).ok()?,
        seq: whole(side.get("seq")?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stamp(seq: i64) -> Stamp {
        Stamp { agent: Uuid::from_u128(1), epoch: 1, seq }
    }

    #[test]
    fn every_kind_has_a_choice_whatever_it_knows() {
        for (kind, declared) in KINDS {
            assert!(!declared.is_empty(), "{kind}");
            // Something is left even where there is neither unit nor fact.
            assert!(!choices(kind, &Given::default()).is_empty(), "{kind}");
            assert!(declared.iter().all(|choice| CHOICES.contains(choice)), "{kind}");
            assert_eq!(KINDS.iter().filter(|(other, _)| *other == kind).count(), 1, "{kind} stands twice");
        }
        assert!(choices("no.such", &Given::default()).is_empty());
    }

    #[test]
    fn every_kind_that_the_code_opens_is_listed() {
        for kind in crate::projection::contradiction::KINDS {
            assert!(is_known(kind), "{kind}");
        }
        // Findings name their kind where they are made: all texts of that form there.
        let source = include_str!("../ingest/findings.rs");
        let is_kind = |text: &str| {
            let lower =
                |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            text.split_once('.').is_some_and(|(noun, verb)| lower(noun) && lower(verb) && noun != "late")
        };
        let mut seen = 0;
        for kind in source.split('"').filter(|piece| is_kind(piece)) {
            assert!(is_known(kind), "{kind}");
            seen += 1;
        }
        assert!(is_known("fork") && source.contains("\"fork\""));
        assert!(seen >= 16, "{seen}");
    }

    #[test]
    fn what_there_is_nothing_to_act_on_for_is_not_offered() {
        let codes = |given: Given| -> Vec<&str> {
            choices("uid.consumed_twice", &given).iter().map(|choice| choice.code).collect()
        };
        assert_eq!(codes(Given::default()), ["accept", "known"]);
        let all = Given { unit: true, fact: Some(stamp(1)), other: Some(stamp(2)) };
        assert_eq!(codes(all), ["accept", "correct", "correct_other", "hold", "known"]);
        // One fact that disagrees with itself has one side.
        assert!(!codes(Given { other: Some(stamp(1)), ..all }).contains(&"correct_other"));
    }

    #[test]
    fn the_other_side_is_read_as_it_is_written() {
        let agent = Uuid::from_u128(1);
        let of_projection = json!({ "against": { "agent": agent, "epoch": 1, "seq": "7" } });
        let of_ingest = json!({ "against": null, "first": { "agent": agent, "epoch": 1, "seq": 7 } });
        assert_eq!(other(&of_projection), Some(stamp(7)));
        assert_eq!(other(&of_ingest), Some(stamp(7)));
        assert_eq!(other(&json!({ "against": { "agent": "x" } })), None);
        assert_eq!(other(&json!({})), None);
    }
}
