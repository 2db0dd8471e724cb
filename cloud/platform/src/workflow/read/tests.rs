//! Definitions as people write them, right and wrong.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::workflow::condition::Field;
use crate::workflow::definition::{Approver, Deadlines};
use crate::workflow::model::Action;

/// The specification's definition, as it stands there.
pub(crate) const SPEC: &str = include_str!("../example.json");

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
    let told: Vec<(String, &str)> =
        read(&source, &known()).unwrap_err().into_iter().map(|wrong| (wrong.pointer, wrong.key)).collect();
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
