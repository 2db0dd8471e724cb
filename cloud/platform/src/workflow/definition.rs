//! A workflow as it is written: stages, who approves, by when, and what happens
//! when nobody does.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;

use super::condition::{Condition, Field, Type};
use super::model::{Action, Seat, Who};
use crate::i18n::{LONGEST_NAME, Names};

/// Longest definition, in bytes.
pub const MAX_SOURCE: usize = 64 * 1024;
/// Most stages.
pub const MAX_STAGES: usize = 30;
/// Most approvers of one stage.
pub const MAX_APPROVERS: usize = 20;
/// Most conditions of one stage or start.
pub const MAX_CONDITIONS: usize = 20;
/// Most ways to start.
pub const MAX_STARTS: usize = 20;
/// Longest wait of anything, in hours: a year.
pub const MAX_HOURS: u64 = 8784;
/// Longest name.
pub const MAX_NAME: usize = LONGEST_NAME;

/// Fields that every document has.
pub const FIELDS: &[Field] = &[
    ("amount", Type::Number),
    ("currency", Type::Text),
    ("plant", Type::Text),
    ("department", Type::Text),
    ("subject", Type::Text),
    ("text", Type::Text),
    ("event", Type::Any),
];

/// Who is asked in a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Approver {
    /// Whoever has this role.
    Role(String),
    /// A person, by e-mail as written and id as found.
    Person(String, Uuid),
}

/// How many of those who are asked have to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// One.
    Any,
    /// Each approver; of one role, everybody who has it when the stage opens.
    All,
    /// So many different people.
    Quorum(u16),
}

/// What happens when nobody decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// The role that may then decide in everybody's place.
    pub to: String,
    /// Hours after the stage was opened; `None`: when its time is up.
    pub after_hours: Option<u32>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// For people.
    pub name: String,
    /// For people, by language.
    pub names: Names,
    /// Who is asked.
    pub approvers: Vec<Approver>,
    /// How many have to approve.
    pub rule: Rule,
    /// Hours in which it should be decided.
    pub sla_hours: Option<u32>,
    /// Hours before that at which those asked are reminded.
    pub remind_hours: Option<u32>,
    /// It applies where all of these hold.
    pub conditions: Vec<Condition>,
    /// What an approver may do.
    pub actions: Vec<Action>,
    /// What happens when nobody decides.
    pub escalation: Option<Escalation>,
}

/// What starts a workflow without a person.
#[derive(Debug, Clone, PartialEq)]
pub enum By {
    /// Something happened, such as `inventory.stock.low`.
    Event(String),
    /// A time: a cron pattern, and the zone that it is in where that is not the plant's.
    Schedule(String, Option<String>),
    /// Another system calls an address.
    Webhook,
}

/// A way in which a workflow starts by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// By what.
    pub by: By,
    /// Only where all of these hold.
    pub conditions: Vec<Condition>,
    /// Subject of the request that it raises; `{item}` stands for a field.
    pub subject: String,
    /// Its text.
    pub text: String,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// `purchase_requisition`.
    pub workflow: String,
    /// For people.
    pub name: String,
    /// For people, by language.
    pub names: Names,
    /// The kind of document that it is for; `None`: any.
    pub document: Option<String>,
    /// In order.
    pub stages: Vec<Stage>,
    /// Whether somebody may approve their own document.
    pub own_allowed: bool,
    /// Whether several may be approved at once.
    pub bulk_allowed: bool,
    /// What starts it without a person.
    pub starts: Vec<Start>,
}

/// A mistake in a definition, to be told in the reader's language:
/// `workflow-wrong-<key>` with `values`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// `stages[0].approver_role`.
    pub path: String,
    /// The same as a JSON pointer, for whoever reads it: `/stages/0/approver_role`.
    pub pointer: String,
    /// Counted from 1.
    pub line: usize,
    /// Which mistake.
    pub key: &'static str,
    /// Values of its text.
    pub values: Vec<(&'static str, String)>,
}

/// What a definition may name.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Codes of the tenant's roles.
    pub roles: BTreeSet<String>,
    /// People who may sign in, by e-mail; of what was published, those whom it named then.
    pub people: BTreeMap<String, Uuid>,
    /// Kinds of documents, and the fields that each has beside [`FIELDS`].
    pub documents: BTreeMap<&'static str, &'static [Field]>,
}

impl Known {
    /// The fields that conditions can name for a kind of document.
    #[must_use]
    pub fn fields(&self, document: Option<&str>) -> Vec<Field> {
        let own = document.and_then(|document| self.documents.get(document)).copied().unwrap_or_default();
        FIELDS.iter().chain(own).copied().collect()
    }
}

impl Definition {
    /// The roles that it names.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().flat_map(|stage| {
            let asked = stage.approvers.iter().filter_map(|approver| match approver {
                Approver::Role(role) => Some(role.as_str()),
                Approver::Person(..) => None,
            });
            asked.chain(stage.escalation.as_ref().map(|escalation| escalation.to.as_str()))
        })
    }

    /// The people whom it names, by e-mail in lower case.
    #[must_use]
    pub fn people(&self) -> BTreeMap<String, Uuid> {
        let approvers = self.stages.iter().flat_map(|stage| &stage.approvers);
        approvers
            .filter_map(|approver| match approver {
                Approver::Person(email, person) => Some((email.to_lowercase(), *person)),
                Approver::Role(_) => None,
            })
            .collect()
    }

    /// Whether a stage is asked for `document`. Where a condition cannot be judged,
    /// because the document lacks what it compares, the stage is asked: somebody
    /// looks too much rather than nobody.
    #[must_use]
    pub fn applies(stage: &Stage, document: &Json) -> bool {
        stage.conditions.iter().all(|condition| condition.holds(document).unwrap_or(true))
    }

    /// The first stage from `from` on, counted from 0, that is asked for `document`.
    #[must_use]
    pub fn next(&self, from: usize, document: &Json) -> Option<usize> {
        (from..self.stages.len()).find(|at| Self::applies(&self.stages[*at], document))
    }
}

/// When a stage that opens at `opened` is reminded of, due, and escalated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deadlines {
    /// Those asked are reminded.
    pub remind: Option<DateTime<Utc>>,
    /// Its time is up.
    pub due: Option<DateTime<Utc>>,
    /// Others are asked.
    pub escalate: Option<DateTime<Utc>>,
}

impl Stage {
    /// Its deadlines when it opens at `opened`. Unless it says otherwise, those
    /// asked are reminded when three quarters of the time are gone.
    #[must_use]
    pub fn deadlines(&self, opened: DateTime<Utc>) -> Deadlines {
        let hours = |hours: u32| opened + TimeDelta::hours(i64::from(hours));
        let due = self.sla_hours.map(hours);
        let remind = self.sla_hours.map(|sla| match self.remind_hours {
            Some(before) => hours(sla.saturating_sub(before)),
            None => opened + TimeDelta::minutes(i64::from(sla) * 45),
        });
        let escalate = self.escalation.as_ref().and_then(|to| to.after_hours.or(self.sla_hours)).map(hours);
        Deadlines { remind, due, escalate }
    }

    /// The seats of a round, and how many approvals it takes. `holders` are those
    /// who have a role now; where `all` of one role is asked and nobody has it, the
    /// role itself has a seat, for whoever gets it.
    #[must_use]
    pub fn seats(&self, holders: impl Fn(&str) -> Vec<Uuid>) -> (Vec<Seat>, u16) {
        let who = match (&self.approvers[..], self.rule) {
            ([Approver::Role(role)], Rule::All) => {
                let people = holders(role);
                match people.is_empty() {
                    true => vec![Who::Role(role.clone())],
                    false => people.into_iter().map(Who::Person).collect(),
                }
            }
            ([Approver::Role(role)], Rule::Quorum(needed)) => {
                (0..needed).map(|_| Who::Role(role.clone())).collect()
            }
            (approvers, _) => approvers
                .iter()
                .map(|approver| match approver {
                    Approver::Role(role) => Who::Role(role.clone()),
                    Approver::Person(_, person) => Who::Person(*person),
                })
                .collect::<Vec<_>>(),
        };
        let count = u16::try_from(who.len()).unwrap_or(u16::MAX).max(1);
        let needed = match self.rule {
            Rule::Any => 1,
            Rule::All => count,
            Rule::Quorum(needed) => needed.min(count),
        };
        let everybody = match (&self.approvers[..], self.rule) {
            ([Approver::Role(role)], Rule::All) => Some(role),
            _ => None,
        };
        let seats = (0..).zip(who).map(|(seat, who)| {
            let of_role = everybody.filter(|_| matches!(who, Who::Person(_))).cloned();
            Seat { of_role, ..Seat::open(seat, who) }
        });
        (seats.collect(), needed)
    }
}
