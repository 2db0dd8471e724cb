//! Which part of one unit stands in the place of which part of the other, and what of a part's
//! history is its own. Pure.

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::explore::model::EventView;

/// Parts of one item, of each unit one, that are compared with each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PartsPaired)]
pub struct Pair {
    /// Item code of both.
    pub item: String,
    /// The first unit's.
    pub a: String,
    /// The second unit's.
    pub b: String,
}

/// Two parts and what happened to each.
#[derive(Debug, Clone)]
pub struct Lives {
    /// Which.
    pub pair: Pair,
    /// What happened to the first unit's.
    pub a: Vec<EventView>,
    /// What happened to the second unit's.
    pub b: Vec<EventView>,
}

/// A label in a unit, and its item code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// Which.
    pub uid: String,
    /// Empty when not known.
    pub item: String,
}

/// Pairs the labels in two units by item, the nearest first, in the order in which they are
/// told. What is in both is the same in both. Besides: how many have no item to be paired by.
/// What one has more of is paired with nothing; that it has more of it, the counts of parts say.
#[must_use]
pub fn paired(a: &[Label], b: &[Label]) -> (Vec<Pair>, usize) {
    let uids = |labels: &[Label]| labels.iter().map(|label| label.uid.clone()).collect::<HashSet<_>>();
    let (of_a, of_b) = (uids(a), uids(b));
    let mut waiting: BTreeMap<&str, VecDeque<&str>> = BTreeMap::new();
    let mut unnamed = 0;
    for label in b.iter().filter(|label| !of_a.contains(&label.uid)) {
        match label.item.as_str() {
            "" => unnamed += 1,
            item => waiting.entry(item).or_default().push_back(&label.uid),
        }
    }
    let mut pairs = Vec::new();
    for label in a.iter().filter(|label| !of_b.contains(&label.uid)) {
        if label.item.is_empty() {
            unnamed += 1;
        } else if let Some(other) = waiting.get_mut(label.item.as_str()).and_then(VecDeque::pop_front) {
            pairs.push(Pair { item: label.item.clone(), a: label.uid.clone(), b: other.to_owned() });
        }
    }
    (pairs, unnamed)
}

/// What of a part's history is told as the part's: not the acts in which it was an input of
/// something else or was built into it, which are those of what was made there (and what of it
/// was only taken from has no part in the rest), nor what is the unit's own already.
#[must_use]
pub fn own_of_part(events: Vec<EventView>, of_unit: &HashSet<Uuid>) -> Vec<EventView> {
    let went_in = |event: &EventView| {
        let builds = matches!(event.stage.as_str(), "KIT" | "ASSEMBLY" | "INSTALLATION" | "SERVICE");
        event.role == "input" || (event.role == "child" && builds)
    };
    events.into_iter().filter(|event| !went_in(event) && !of_unit.contains(&event.event_id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(item: &str, uid: &str) -> Label {
        Label { uid: uid.into(), item: item.into() }
    }

    #[test]
    fn parts_are_paired_by_item_and_order_and_what_is_in_both_is_not() {
        let a = [node("GEAR", "G1"), node("SHAFT", "S1"), node("GEAR", "G2"), node("STEEL", "R1")];
        let b = [node("SHAFT", "S8"), node("GEAR", "G8"), node("GEAR", "G9"), node("STEEL", "R1")];
        let (pairs, unnamed) = paired(&a, &b);
        let told: Vec<_> = pairs.iter().map(|one| (one.a.as_str(), one.b.as_str())).collect();
        assert_eq!((told, unnamed), (vec![("G1", "G8"), ("S1", "S8"), ("G2", "G9")], 0));
        let (pairs, unnamed) = paired(&a[..1], &[node("SHAFT", "S8"), node("", "X")]);
        assert_eq!((pairs.len(), unnamed), (0, 1));
    }
}
