//! Workflows as people see them: stages in words, names for ids, times left.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::definition::{Approver, Definition, Mistake, Rule, Stage};
use super::detail::{Detail, DetailColumn};
use super::model::{State, Who};
use super::store::definitions::{self, Called};
use super::store::instances::Happened;
use super::store::people;
use crate::db::{DbError, Tx};
use crate::i18n::{Names, Texts, Value};
use crate::web::list::{Cell, Column, List, Row};

/// Roles by code: the tenant's name for it, also by language, and whether it is a built-in
/// one.
pub(super) type Roles = BTreeMap<String, (String, Names, bool)>;

/// The tenant's roles.
pub(super) async fn roles(tx: &mut Tx) -> Result<Roles, DbError> {
    let all = people::roles(tx).await?;
    Ok(all.into_iter().map(|(code, name, names, built_in)| (code, (name, names, built_in))).collect())
}

/// Names of people.
pub(super) async fn names(tx: &mut Tx, mut wanted: Vec<Uuid>) -> Result<BTreeMap<Uuid, String>, DbError> {
    wanted.sort_unstable();
    wanted.dedup();
    Ok(people::names(tx, &wanted).await?.into_iter().collect())
}

/// What workflows are called, by their codes.
pub(super) type Titles = BTreeMap<String, Called>;

/// What these workflows are called.
pub(super) async fn titles<'w>(
    tx: &mut Tx,
    workflows: impl Iterator<Item = &'w String>,
) -> Result<Titles, DbError> {
    let wanted: BTreeSet<&String> = workflows.collect();
    let wanted: Vec<String> = wanted.into_iter().cloned().collect();
    let called = definitions::called(tx, &wanted).await?;
    Ok(called.into_iter().map(|called| (called.workflow.clone(), called)).collect())
}

/// What a workflow is called in the reader's language; its code where nothing is written
/// of it any more.
pub(super) fn title<'t>(texts: &Texts, titles: &'t Titles, workflow: &'t str) -> &'t str {
    titles.get(workflow).map_or(workflow, |called| called.names.say(texts.lang, &called.name))
}

/// What a workflow is called, also by language, for programs; its code where nothing is
/// written of it any more.
pub(super) fn names_of(titles: &Titles, workflow: &str) -> (String, Names) {
    titles.get(workflow).map_or_else(
        || (workflow.to_owned(), Names::default()),
        |called| (called.name.clone(), called.names.clone()),
    )
}

/// A role's name in the reader's language.
pub(super) fn role_name(texts: &Texts, roles: &Roles, code: &str) -> String {
    match roles.get(code) {
        Some((.., true)) => texts.t(&format!("role-{}", code.to_lowercase().replace('_', "-"))),
        Some((name, names, false)) => names.say(texts.lang, name).to_owned(),
        None => code.to_owned(),
    }
}

/// Who is asked by a seat, in words.
pub(super) fn who(texts: &Texts, roles: &Roles, names: &BTreeMap<Uuid, String>, who: &Who) -> String {
    match who {
        Who::Role(role) => role_name(texts, roles, role),
        Who::Person(person) => names.get(person).cloned().unwrap_or_else(|| "?".to_owned()),
    }
}

/// A stage as the drawing shows it.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    /// Counted from 1.
    pub number: usize,
    pub name: String,
    /// Who is asked.
    pub approvers: Vec<String>,
    /// How many of them, where there are several.
    pub rule: Option<String>,
    pub sla: Option<String>,
    pub conditions: Vec<String>,
    pub actions: Vec<String>,
    pub escalation: Option<String>,
    /// `is-done`, `is-now`, `is-skipped`, or empty.
    pub mark: &'static str,
}

/// The stages of a definition, in words.
pub(super) fn draw(texts: &Texts, roles: &Roles, definition: &Definition) -> Vec<Drawn> {
    definition.stages.iter().enumerate().map(|(at, stage)| drawn(texts, roles, at, stage)).collect()
}

fn drawn(texts: &Texts, roles: &Roles, at: usize, stage: &Stage) -> Drawn {
    let hours = |hours: u32| texts.count("workflow-hours", i64::from(hours));
    Drawn {
        number: at + 1,
        name: stage.names.say(texts.lang, &stage.name).to_owned(),
        approvers: stage
            .approvers
            .iter()
            .map(|approver| match approver {
                Approver::Role(role) => role_name(texts, roles, role),
                Approver::Person(email, _) => email.clone(),
            })
            .collect(),
        rule: match (stage.rule, stage.approvers.len()) {
            (Rule::Any, 1) => None,
            (Rule::Any, _) => Some(texts.t("workflow-rule-any")),
            (Rule::All, _) => Some(texts.t("workflow-rule-all")),
            (Rule::Quorum(needed), _) => Some(texts.count("workflow-rule-quorum", i64::from(needed))),
        },
        sla: stage.sla_hours.map(hours),
        conditions: stage.conditions.iter().map(|condition| condition.source.clone()).collect(),
        actions: stage.actions.iter().map(|action| texts.t(&action.text_key())).collect(),
        escalation: stage.escalation.as_ref().map(|escalation| {
            let after = escalation.after_hours.or(stage.sla_hours).unwrap_or_default();
            let values = [
                ("role", Value::from(role_name(texts, roles, &escalation.to))),
                ("hours", Value::from(hours(after))),
            ];
            texts.with("workflow-escalates", &values)
        }),
        mark: "",
    }
}

/// A mistake in the reader's language.
pub(super) fn mistake(texts: &Texts, mistake: &Mistake) -> String {
    // Names of types are words too.
    let word = |kind: &str| texts.or(&format!("workflow-type-{kind}"), kind);
    let said = |(name, value): &(&'static str, String)| match *name {
        "types" => (*name, Value::from(value.split(", ").map(word).collect::<Vec<_>>().join(", "))),
        name => (name, Value::from(value.clone())),
    };
    let values: Vec<(&str, Value<'_>)> = mistake.values.iter().map(said).collect();
    texts.with(&format!("workflow-wrong-{}", mistake.key), &values)
}

/// What happened to an instance, in a sentence; `role` is what the role is called to which it
/// was passed up.
pub(super) fn happened(
    texts: &Texts,
    names: &BTreeMap<Uuid, String>,
    happened: &Happened,
    role: String,
) -> String {
    let person = happened.person.and_then(|person| names.get(&person).cloned());
    let values = [
        ("person", Value::from(person.unwrap_or_default())),
        ("stage", Value::from(happened.stage_names.say(texts.lang, &happened.stage_name))),
        ("role", Value::from(role)),
    ];
    let what = match happened.what.as_str() {
        "started" if happened.person.is_none() => "started-itself".to_owned(),
        what => what.replace('_', "-"),
    };
    texts.with(&format!("workflow-history-{what}"), &values)
}

/// What a document asks for line by line; `None` where it has no lines.
pub(super) fn lines<'a>(texts: &'a Texts, detail: &Detail) -> Option<List<'a>> {
    let columns = detail.columns.iter().map(|one| Column::new(one.label).is_number(one.number));
    let cell = |(text, column): (&String, &DetailColumn)| {
        let number = column.number.then(|| text.parse().ok()).flatten();
        Cell::text(number.map_or_else(|| text.clone(), |number| texts.quantity(&number)))
    };
    let row = |line: &Vec<String>| Row::new(line.iter().zip(&detail.columns).map(cell));
    let list = List::new(texts, "").columns(columns).rows(detail.lines.iter().map(row));
    (!detail.lines.is_empty()).then_some(list)
}

/// The colour of a state.
pub(super) fn state_class(state: State) -> &'static str {
    match state {
        State::Initiated => "is-warn",
        State::PendingApproval => "is-info",
        State::Approved | State::Completed => "is-good",
        State::Rejected => "is-bad",
        State::Cancelled => "",
    }
}

/// How long until a deadline, or since, and its colour.
pub(super) fn due(
    texts: &Texts,
    due: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<(String, &'static str)> {
    let left = (due? - now).num_minutes();
    Some(match left {
        ..0 => (texts.count("workflow-late-hours", (-left + 59) / 60), "is-bad"),
        0..60 => (texts.count("workflow-left-minutes", left), "is-warn"),
        60..480 => (texts.count("workflow-left-hours", left / 60), "is-warn"),
        480..2880 => (texts.count("workflow-left-hours", left / 60), ""),
        _ => (texts.count("workflow-left-days", left / 1440), ""),
    })
}
