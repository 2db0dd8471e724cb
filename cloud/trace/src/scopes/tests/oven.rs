//! An oven, and who was in it when.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use proto::v1::{self, Action, Role, Stage};
use serde_json::{Value, json};

use super::super::asked::Asked;
use super::super::criteria::Node;
use super::super::error::ScopeError;
use super::super::evaluate::{Part, evaluate};
use super::super::first::first;
use crate::genealogy::Genealogy;
use crate::testing::{Say, Site, event, key, uid};

/// A unit per way through an oven, and what each condition finds.
pub(in super::super) async fn oven() -> Site {
    let mut site = Site::new().await;
    for number in 1..=6 {
        let at = format!("2025-01-20T00:0{number}:00Z");
        site.say(
            "KOL",
            event(Stage::Commission, &at).mint(&uid("KOL", "FG", number), Role::Subject, "MOTOR"),
        );
    }
    let load = |action: Action, at: &str, members: &[u64]| {
        let mut said = event(Stage::Load, at).action(action);
        for member in members {
            said = said.part(&uid("KOL", "FG", *member), Role::Subject);
        }
        said.station = "OVEN".into();
        said.operation = "CURE".into();
        said.attempt = 1;
        said.operator_id = "op-7".into();
        said
    };
    // 1 and 2 in at seven, measured at eight, out at nine.
    site.say("KOL", load(Action::Add, "2025-01-20T07:00:00Z", &[1, 2]));
    let mut hot = load(Action::Unspecified, "2025-01-20T08:00:00Z", &[1, 2]);
    hot.machine = "OVEN-1".into();
    hot.operator_id = String::new();
    hot.readings.push(v1::Reading {
        name: "temperature".into(),
        value: "210.5".into(),
        unit: "C".into(),
        quality: v1::Quality::Good.into(),
        low: "150".into(),
        high: "200".into(),
        at_us: hot.occurred_at_us,
    });
    site.say("KOL", hot);
    site.say("KOL", load(Action::Delete, "2025-01-20T09:00:00Z", &[1, 2]));
    // 3 by mistake, and corrected.
    let wrong = site.say("KOL", load(Action::Add, "2025-01-20T08:10:00Z", &[3]));
    site.say("KOL", event(Stage::Correct, "2025-01-20T08:11:00Z").corrects(wrong));
    // 4 later.
    site.say("KOL", load(Action::Add, "2025-01-20T12:00:00Z", &[4]));
    // 5 was let out without a scan, and seen elsewhere since.
    site.say("KOL", load(Action::Add, "2025-01-20T06:00:00Z", &[5]));
    let mut away = event(Stage::Storage, "2025-01-20T06:30:00Z").part(&uid("KOL", "FG", 5), Role::Subject);
    away.station = "STORE".into();
    site.say("KOL", away);
    site.say("KOL", event(Stage::Refused, "2025-01-20T08:20:00Z").part(&uid("KOL", "FG", 6), Role::Subject));
    site.settle().await;
    site
}

pub(in super::super) async fn found(site: &Site, criteria: Value) -> Vec<u64> {
    let node = Node::parse(&criteria).unwrap();
    let keys: Result<Vec<i64>, ScopeError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            let sql = Genealogy::default();
            let asked = Asked::new(tx, &sql, Tz::UTC).await?;
            evaluate(tx, &asked, &node).await
        })
        .await;
    let keys = keys.unwrap();
    (1..=6).filter(|number| keys.contains(&key(&uid("KOL", "FG", *number)))).collect()
}

#[tokio::test]
async fn a_first_look_says_how_far_back_it_went() {
    let site = oven().await;
    let look = async |criteria: Value, rows: usize| {
        let node = Node::parse(&criteria).unwrap();
        let part: Result<Part, ScopeError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                let sql = Genealogy::default();
                let mut asked = Asked::new(tx, &sql, Tz::UTC).await?;
                asked.look = rows;
                first(tx, &asked, &node).await
            })
            .await;
        let part = part.unwrap();
        let numbers: Vec<u64> =
            (1..=6).filter(|number| part.keys.contains(&key(&uid("KOL", "FG", *number)))).collect();
        (numbers, part.more, part.since)
    };
    let oven = json!({ "event": { "station": "OVEN" } });
    let noon: DateTime<Utc> = "2025-01-20T12:00:00Z".parse().unwrap();
    assert_eq!(look(oven.clone(), 1).await, (vec![4], true, Some(noon)));
    assert_eq!(look(oven.clone(), 100).await, (vec![1, 2, 4, 5], false, None));
    // What is seen through to its end leads, whatever stands first.
    let both = json!({ "all": [oven.clone(), { "reading": { "name": "temperature", "outside": true } }] });
    assert_eq!(look(both, 2).await, (vec![1, 2], false, None));
    // None among the newest is no answer while there is more.
    let stored = json!({ "all": [oven, { "event": { "station": "STORE" } }] });
    assert_eq!(look(stored, 1).await, (vec![5], false, None));
    let never = json!({ "all": [{ "event": { "operator": "op-7" } }, { "not": { "event": { "station": "OVEN" } } }] });
    assert_eq!(look(never, 1).await, (Vec::new(), false, None));
    assert_eq!(look(json!({ "is": { "item": "MOTOR" } }), 2).await, (vec![1, 2], true, None));
}

#[tokio::test]
async fn who_was_in_the_oven_at_a_time_is_found_by_any_part_of_the_stay() {
    let site = oven().await;
    let station = |from: &str, to: &str| json!({ "event": { "station": "OVEN", "from": from, "to": to } });
    // Nothing was recorded of 1 and 2 between half past eight and a quarter to nine.
    assert_eq!(found(&site, station("2025-01-20T08:30:00Z", "2025-01-20T08:45:00Z")).await, [1, 2]);
    // By the plant's clock: a quarter past eight is 13:45 in Kolkata.
    assert_eq!(found(&site, station("2025-01-20T14:00", "2025-01-20T14:15")).await, [1, 2]);
    assert_eq!(found(&site, station("2025-01-20T09:30:00Z", "2025-01-20T10:00:00Z")).await, [0_u64; 0]);
    assert_eq!(found(&site, station("2025-01-20T11:00:00Z", "2025-01-20T13:00:00Z")).await, [4]);
    assert_eq!(found(&site, json!({ "event": { "machine": "OVEN-1" } })).await, [1, 2]);
    // The oven is the only machine of its station, once the masters say so.
    site.sql(
        "insert into stations (tenant_id, plant, station, name) values (app.tenant(), 'KOL', 'OVEN', 'Oven');
         insert into machines (tenant_id, machine, name, plant, station)
         values (app.tenant(), 'OVEN-1', 'Oven', 'KOL', 'OVEN');",
    )
    .await;
    let machine = json!({ "event": { "machine": "OVEN-1", "from": "2025-01-20T08:30:00Z", "to": "2025-01-20T08:45:00Z" } });
    assert_eq!(found(&site, machine).await, [1, 2]);
    assert_eq!(found(&site, json!({ "event": { "machine": "OVEN-1" } })).await, [1, 2, 4, 5]);
    // Somebody handled it at the moment of an event, not all the while.
    let by = |from: &str, to: &str| json!({ "event": { "operator": "op-7", "from": from, "to": to } });
    assert_eq!(found(&site, by("2025-01-20T08:30:00Z", "2025-01-20T08:45:00Z")).await, [0_u64; 0]);
    assert_eq!(found(&site, by("2025-01-20T08:50:00Z", "2025-01-20T09:10:00Z")).await, [1, 2]);
}

#[tokio::test]
async fn readings_of_a_load_are_those_of_its_members() {
    let site = oven().await;
    let reading = |more: Value| {
        let mut reading = json!({ "name": "temperature", "operation": "CURE" });
        reading.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "reading": reading })
    };
    assert_eq!(found(&site, reading(json!({ "outside": true }))).await, [1, 2]);
    assert_eq!(found(&site, reading(json!({ "outside": true, "high": "215" }))).await, [0_u64; 0]);
    assert_eq!(found(&site, reading(json!({ "low": "210.5", "high": "210.5" }))).await, [1, 2]);
    assert_eq!(found(&site, reading(json!({ "low": 211 }))).await, [0_u64; 0]);
    let one = json!({ "all": [
        { "is": { "item": "MOTOR" } },
        { "not": { "reading": { "name": "temperature", "outside": true } } },
        { "not": { "contains": { "uid": uid("KOL", "FG", 4) } } },
    ] });
    assert_eq!(found(&site, one).await, [3, 5, 6]);
}

#[tokio::test]
async fn a_code_that_is_not_known_is_told_with_its_path() {
    let site = oven().await;
    let node = Node::parse(&json!({ "all": [{ "contains": { "uid": "NOBODY" } }] })).unwrap();
    let told: Result<Vec<i64>, ScopeError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            let sql = Genealogy::default();
            let asked = Asked::new(tx, &sql, Tz::UTC).await?;
            evaluate(tx, &asked, &node).await
        })
        .await;
    let ScopeError::Criteria(mistakes) = told.unwrap_err() else { panic!("told otherwise") };
    assert_eq!((mistakes[0].path.as_str(), mistakes[0].key), ("all[0].contains.uid", "uid"));
}
