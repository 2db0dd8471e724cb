//! The cloud's answers about every UID against what happened.

use std::collections::BTreeSet;

use anyhow::Context;
use hyper::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::Truth;
use super::act::{Act, Measure, is_foreign, plain};
use super::story::{Life, Link, Stories};
use crate::http::Http;

/// One answer of the cloud that is not what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The UID asked about.
    pub uid: String,
    /// What differs, for a person to read.
    pub problem: String,
}

impl Truth {
    /// Asks the cloud for every UID and says where its answer differs: its
    /// stages with place and document, every event in full, its states, and what
    /// it came from and went into.
    ///
    /// # Errors
    /// When the cloud cannot be asked.
    pub async fn compare(&self, cloud: &Http) -> anyhow::Result<Vec<Difference>> {
        let stories = self.stories();
        let mut differences = Vec::new();
        for (uid, life) in &stories.lives {
            let mut tell = |problem: String| differences.push(Difference { uid: uid.clone(), problem });
            let (status, text) = cloud.send_raw(Method::GET, &format!("/api/v1/trace/{uid}"), None).await?;
            if status != 200 {
                tell(format!("{status} {text}"));
                continue;
            }
            let answer: Value = serde_json::from_str(&text).with_context(|| format!("trace of {uid}"))?;
            self.about(uid, life, &answer).into_iter().for_each(&mut tell);
            for forward in [false, true] {
                let way = if forward { "forward" } else { "backward" };
                let path = format!("/api/v1/trace/{uid}/{way}?depth=50&limit=10000");
                let problem = walked(&stories, uid, forward, &cloud.get(&path).await?);
                problem.into_iter().for_each(|problem| tell(format!("{way}: {problem}")));
            }
        }
        Ok(differences)
    }

    fn about(&self, uid: &str, life: &Life, answer: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        let mut hold = |what: &str, is: &Value, was: Value| {
            if *is != was {
                problems.push(format!("{what} is {is}, but it was {was}"));
            }
        };
        let lifecycle = list(&answer["lifecycle"])
            .iter()
            .map(|entry| json!([entry["stage"], entry["reference"], entry["location"]]));
        let known = life.lifecycle().map(|act| {
            let reference =
                act.references.first().and_then(|text| text.split_once(' ')).map(|(_, number)| number);
            json!([act.stage, reference, Some(&act.location).filter(|place| !place.is_empty())])
        });
        hold("lifecycle", &lifecycle.collect(), known.collect());

        let is: Vec<&Value> =
            list(&answer["events"]).iter().filter(|event| event["stage"] != "LABEL").collect();
        for (nth, act) in life.acts.iter().enumerate() {
            let was = self.event(uid, act, life.taken_back.contains(&nth), is.get(nth).copied());
            hold(&format!("event {nth}"), &is.get(nth).map_or(Value::Null, |event| seen(uid, event)), was);
        }
        hold("the count of events", &is.len().into(), life.acts.len().into());

        let state = &answer["state"];
        hold("item", &answer["item"]["code"], json!(life.item));
        hold("quantity", &amount(&answer["item"]["quantity"]), json!(life.quantity));
        hold("lot", &json!(answer["lot"]["supplier_lot"].as_str().unwrap_or_default()), json!(life.lot));
        hold("life", &state["life"], json!(life.life));
        hold("quality", &state["quality"], json!(life.quality));
        hold("custody", &state["custody"], json!(life.custody));
        hold("plant", &answer["plant"], json!(life.plant));
        hold("place", &state["location"], json!(life.location));
        hold("parent", &state["parent"], json!(life.parent));
        hold(
            "holds",
            &list(&state["holds"]).iter().map(|h| h["reason"].clone()).collect(),
            json!(life.holds),
        );
        problems
    }

    /// What an event must look like. Readings that only had to be shown are
    /// taken from `is` where they were.
    fn event(&self, uid: &str, act: &Act, corrected: bool, is: Option<&Value>) -> Value {
        let part = act.parts.iter().find(|part| part.uid == uid);
        let part = part.cloned().unwrap_or_default();
        let (kind, number) = act.references.first().and_then(|text| text.split_once(' ')).unwrap_or_default();
        let readings = match is.filter(|_| act.live) {
            None => act.readings.iter().map(measured).collect(),
            Some(is) => list(&is["readings"])
                .iter()
                .map(reading)
                .filter(|reading| {
                    let text = |at: usize| reading[at].as_str().unwrap_or_default();
                    text(1).is_empty() || self.was_shown(&act.plant, text(0), text(1))
                })
                .collect::<Value>(),
        };
        json!({
            "stage": act.stage,
            "action": act.action.to_lowercase(),
            "role": part.role.to_lowercase(),
            "plant": act.plant,
            "station": act.station,
            "operator": act.operator,
            "location": act.location,
            "operation": act.operation,
            "attempt": act.attempt,
            "outcome": act.outcome.to_lowercase(),
            "accepted": act.accepted,
            "rejected": act.rejected,
            "reason": act.reason,
            "machine": act.machine,
            "overridden_by": act.overridden_by,
            "quantity": part.quantity,
            "unit": part.unit,
            "reference": format!("{kind} {number}"),
            "corrected": corrected,
            "readings": readings,
        })
    }
}

/// The answer's event in the same form.
fn seen(uid: &str, event: &Value) -> Value {
    let foreign = is_foreign(uid, event["plant"].as_str().unwrap_or_default());
    let text = |name: &str| json!(event[name].as_str().unwrap_or_default());
    json!({
        "stage": event["stage"],
        "action": text("action"),
        "role": event["role"],
        "plant": event["plant"],
        "station": event["station"],
        "operator": event["operator"],
        "location": event["location"],
        "operation": event["operation"],
        "attempt": event["attempt"],
        "outcome": text("outcome"),
        "accepted": amount(&event["accepted"]),
        "rejected": amount(&event["rejected"]),
        "reason": event["reason"],
        "machine": event["machine"],
        "overridden_by": event["overridden_by"],
        "quantity": amount(&event["quantity"]),
        "unit": if foreign { json!("") } else { event["unit"].clone() },
        "reference": format!("{} {}", event["reference_type"].as_str().unwrap_or_default(), event["reference"].as_str().unwrap_or_default()),
        "corrected": event["corrected"],
        "readings": list(&event["readings"]).iter().map(reading).collect::<Value>(),
    })
}

fn reading(reading: &Value) -> Value {
    json!([
        reading["name"],
        amount(&reading["value"]),
        reading["unit"],
        amount(&reading["low"]),
        amount(&reading["high"])
    ])
}

fn measured(measure: &Measure) -> Value {
    json!([measure.name, measure.value, measure.unit, measure.low, measure.high])
}

/// A quantity, which travels as text; null is nothing.
fn amount(value: &Value) -> Value {
    json!(value.as_str().map(plain).unwrap_or_default())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// What is wrong with a walk, if anything.
fn walked(stories: &Stories, uid: &str, forward: bool, answer: &Value) -> Option<String> {
    let (nodes, edges) = stories.walk(uid, forward);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let is: Vec<String> = list(&answer["nodes"]).iter().map(|node| text(&node["uid"])).collect();
    let unique: BTreeSet<String> = is.iter().cloned().collect();
    if is.len() != unique.len() || unique != nodes {
        return Some(format!("reaches {is:?}, but it was {nodes:?}"));
    }
    let kinds = ["transformation", "assembly", "packing"];
    let mut walked: Vec<Link> = list(&answer["edges"])
        .iter()
        .map(|edge| Link {
            from: text(&edge["from"]),
            to: text(&edge["to"]),
            kind: kinds.into_iter().find(|kind| edge["kind"] == *kind).unwrap_or_default(),
        })
        .collect();
    walked.sort();
    let edges: Vec<Link> = edges.into_iter().collect();
    (walked != edges).then(|| format!("goes by {walked:?}, but it was {edges:?}"))
}
