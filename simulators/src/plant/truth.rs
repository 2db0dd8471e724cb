//! What truly happened in the simulated plants, written down as people did it,
//! and the comparison of the cloud's answers with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

use crate::http::Http;

/// One stage in the life of a UID, as the specification's lifecycle shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Stage name.
    pub stage: String,
    /// Document number; `None` where the stage has none, or where the plant gave
    /// a number that the person did not see.
    pub reference: Option<String>,
    /// Nobody was told whether it was recorded (a machine's cycle while the agent
    /// may have been down): it may be missing, never there twice.
    pub optional: bool,
}

/// Everything done so far, shared by the people of all plants.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    inner: Arc<Mutex<Record>>,
}

#[derive(Debug, Default, Serialize)]
struct Record {
    histories: BTreeMap<String, Vec<Fact>>,
    /// child → parents it became part of or was used up into.
    into: BTreeMap<String, BTreeSet<String>>,
    refused: u64,
    repeats: u64,
}

/// One answer of the cloud that is not what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The UID asked about.
    pub uid: String,
    /// What differs, for a person to read.
    pub problem: String,
}

impl Truth {
    /// A stage that `uid` went through, with the document's number if any.
    pub fn happened(&self, uid: &str, stage: &str, reference: Option<&str>) {
        let fact = Fact { stage: stage.to_owned(), reference: reference.map(str::to_owned), optional: false };
        self.lock().histories.entry(uid.to_owned()).or_default().push(fact);
    }

    /// A stage that `uid` may have gone through: nobody was told.
    pub fn may_have_happened(&self, uid: &str, stage: &str) {
        let fact = Fact { stage: stage.to_owned(), reference: None, optional: true };
        self.lock().histories.entry(uid.to_owned()).or_default().push(fact);
    }

    /// `child` became a part of `parent`, or was used up into it.
    pub fn went_into(&self, child: &str, parent: &str) {
        self.lock().into.entry(child.to_owned()).or_default().insert(parent.to_owned());
    }

    /// A scan was refused, as it should have been.
    pub fn refused(&self) {
        self.lock().refused += 1;
    }

    /// A scan was recognised as the same scan again.
    pub fn repeated(&self) {
        self.lock().repeats += 1;
    }

    /// UIDs known so far.
    #[must_use]
    pub fn uids(&self) -> Vec<String> {
        self.lock().histories.keys().cloned().collect()
    }

    /// (UIDs, stages, links, refusals, repeats) so far.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize, u64, u64) {
        let record = self.lock();
        (
            record.histories.len(),
            record.histories.values().map(Vec::len).sum(),
            record.into.values().map(BTreeSet::len).sum(),
            record.refused,
            record.repeats,
        )
    }

    /// Writes everything down as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(&*self.lock()).context("encoding the truth")?;
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))
    }

    /// Every UID that `uid` is in, directly or not.
    #[must_use]
    pub fn forward(&self, uid: &str) -> BTreeSet<String> {
        let record = self.lock();
        let mut found = BTreeSet::new();
        let mut open = vec![uid.to_owned()];
        while let Some(next) = open.pop() {
            for parent in record.into.get(&next).into_iter().flatten() {
                if found.insert(parent.clone()) {
                    open.push(parent.clone());
                }
            }
        }
        found
    }

    /// Asks the cloud for every UID and says where its answer differs.
    ///
    /// # Errors
    /// When the cloud cannot be asked.
    pub async fn compare(&self, cloud: &Http) -> anyhow::Result<Vec<Difference>> {
        let mut differences = Vec::new();
        for uid in self.uids() {
            let (status, text) =
                cloud.send_raw(hyper::Method::GET, &format!("/api/v1/trace/{uid}"), None).await?;
            if status != 200 {
                differences.push(Difference { uid, problem: format!("{status} {text}") });
                continue;
            }
            let answer: Value = serde_json::from_str(&text).with_context(|| format!("trace of {uid}"))?;
            let expected = self.lock().histories.get(&uid).cloned().unwrap_or_default();
            if let Some(problem) = history_problem(&expected, &answer) {
                differences.push(Difference { uid: uid.clone(), problem });
            }
            let forward = cloud.get(&format!("/api/v1/trace/{uid}/forward?depth=50&limit=10000")).await?;
            let got: BTreeSet<String> = nodes(&forward).filter(|node| *node != uid).collect();
            let want = self.forward(&uid);
            if got != want {
                let missing: Vec<_> = want.difference(&got).collect();
                let extra: Vec<_> = got.difference(&want).collect();
                differences.push(Difference {
                    uid,
                    problem: format!("forward: missing {missing:?}, not so {extra:?}"),
                });
            }
        }
        Ok(differences)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What is wrong with a lifecycle, if anything: a stage lost, doubled, out of
/// its order, or with another document.
fn history_problem(expected: &[Fact], answer: &Value) -> Option<String> {
    let empty = Vec::new();
    let got = answer["lifecycle"].as_array().unwrap_or(&empty);
    let stages = |list: &[&str]| list.join(" ");
    let got_stages: Vec<&str> = got.iter().filter_map(|entry| entry["stage"].as_str()).collect();
    let want_stages: Vec<&str> = expected.iter().map(|fact| fact.stage.as_str()).collect();
    let differs = || format!("stages {}, but it was {}", stages(&got_stages), stages(&want_stages));
    let mut entries = got.iter().peekable();
    for fact in expected {
        match entries.peek() {
            Some(entry) if entry["stage"].as_str() == Some(&fact.stage) => {
                if let Some(reference) = &fact.reference
                    && entry["reference"].as_str() != Some(reference)
                {
                    return Some(format!(
                        "{} has reference {}, but it was {reference}",
                        fact.stage, entry["reference"]
                    ));
                }
                entries.next();
            }
            _ if fact.optional => {}
            _ => return Some(differs()),
        }
    }
    entries.next().map(|_| differs())
}

fn nodes(answer: &Value) -> impl Iterator<Item = String> + '_ {
    let list = answer["nodes"].as_array();
    list.into_iter().flatten().filter_map(|node| node["uid"].as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn facts(list: &[(&str, Option<&str>)]) -> Vec<Fact> {
        list.iter()
            .map(|(stage, reference)| Fact {
                stage: (*stage).into(),
                reference: reference.map(Into::into),
                optional: false,
            })
            .collect()
    }

    #[test]
    fn a_lost_doubled_or_changed_stage_is_told() {
        let expected = facts(&[("GRN", Some("GRN-1")), ("STORAGE", None)]);
        let same = json!({"lifecycle": [{"stage": "GRN", "reference": "GRN-1"}, {"stage": "STORAGE"}]});
        assert_eq!(history_problem(&expected, &same), None);
        let lost = json!({"lifecycle": [{"stage": "GRN", "reference": "GRN-1"}]});
        assert!(history_problem(&expected, &lost).is_some());
        let doubled = json!({"lifecycle": [{"stage": "GRN", "reference": "GRN-1"}, {"stage": "STORAGE"}, {"stage": "STORAGE"}]});
        assert!(history_problem(&expected, &doubled).is_some());
        let changed = json!({"lifecycle": [{"stage": "GRN", "reference": "GRN-2"}, {"stage": "STORAGE"}]});
        assert!(history_problem(&expected, &changed).is_some());
    }

    #[test]
    fn what_nobody_was_told_of_may_be_missing_but_not_doubled() {
        let mut expected = facts(&[("ASSEMBLY", None), ("OPERATION", None), ("PACKING", None)]);
        expected[1].optional = true;
        let with =
            json!({"lifecycle": [{"stage": "ASSEMBLY"}, {"stage": "OPERATION"}, {"stage": "PACKING"}]});
        assert_eq!(history_problem(&expected, &with), None);
        let without = json!({"lifecycle": [{"stage": "ASSEMBLY"}, {"stage": "PACKING"}]});
        assert_eq!(history_problem(&expected, &without), None);
        let twice = json!({"lifecycle": [{"stage": "ASSEMBLY"}, {"stage": "OPERATION"}, {"stage": "OPERATION"}, {"stage": "PACKING"}]});
        assert!(history_problem(&expected, &twice).is_some());
    }

    #[test]
    fn forward_is_followed_to_the_end_and_survives_a_cycle() {
        let truth = Truth::default();
        truth.went_into("a", "b");
        truth.went_into("b", "c");
        truth.went_into("c", "a");
        assert_eq!(truth.forward("b"), ["a", "b", "c"].map(String::from).into());
    }
}
