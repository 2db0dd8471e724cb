//! Which part of one unit stands in the place of which part of the other, and what of a part's
//! history is its own. Pure.

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::differ::Part;
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

/// A label in a unit, and what it is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// Which.
    pub uid: String,
    /// Item, lot and supplier; what is not known of it is empty.
    pub part: Part,
}

/// Pairs the labels in two units by item, those of one lot before the others, in the order in which
/// they are told, and tells the nearest first. What is in both is the same in both. Besides: how many
/// have no item to be paired by. What one has more of is paired with nothing; that it has more of it,
/// the counts of parts say.
#[must_use]
pub fn paired(a: &[Label], b: &[Label]) -> (Vec<Pair>, usize) {
    let uids = |labels: &[Label]| labels.iter().map(|label| label.uid.clone()).collect::<HashSet<_>>();
    let (of_a, of_b) = (uids(a), uids(b));
    let a: Vec<&Label> = a.iter().filter(|label| !of_b.contains(&label.uid)).collect();
    let b: Vec<&Label> = b.iter().filter(|label| !of_a.contains(&label.uid)).collect();
    let unnamed = a.iter().chain(&b).filter(|label| label.part.item.is_empty()).count();
    let mut others: Vec<Option<&Label>> = vec![None; a.len()];
    let mut taken: HashSet<&str> = HashSet::new();
    let by_lot = |label: &Label| (!label.part.supplier_lot.is_empty()).then(|| label.part.clone());
    let by_item = |label: &Label| Some(Part { item: label.part.item.clone(), ..Part::default() });
    let ways: [fn(&Label) -> Option<Part>; 2] = [by_lot, by_item];
    for way in ways {
        let mut waiting: BTreeMap<Part, VecDeque<&Label>> = BTreeMap::new();
        for &label in
            b.iter().filter(|label| !label.part.item.is_empty() && !taken.contains(label.uid.as_str()))
        {
            if let Some(part) = way(label) {
                waiting.entry(part).or_default().push_back(label);
            }
        }
        for (label, other) in a.iter().zip(&mut others).filter(|(_, other)| other.is_none()) {
            *other = way(label).and_then(|part| waiting.get_mut(&part)?.pop_front());
            taken.extend(other.map(|other| other.uid.as_str()));
        }
    }
    let pair = |(label, other): (&Label, Option<&Label>)| {
        Some(Pair { item: label.part.item.clone(), a: label.uid.clone(), b: other?.uid.clone() })
    };
    (a.into_iter().zip(others).filter_map(pair).collect(), unnamed)
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
        Label { uid: uid.into(), part: Part { item: item.into(), ..Part::default() } }
    }

    fn of_lot(item: &str, lot: &str, uid: &str) -> Label {
        let mut label = node(item, uid);
        label.part.supplier_lot = lot.into();
        label
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

    #[test]
    fn what_is_of_one_lot_is_paired_first() {
        let a = [of_lot("BOLT", "L1", "B1"), of_lot("BOLT", "L2", "B2"), node("BOLT", "B3")];
        let b = [of_lot("BOLT", "L3", "B7"), of_lot("BOLT", "L2", "B8"), of_lot("NUT", "L1", "N9")];
        let told: Vec<_> = paired(&a, &b).0.into_iter().map(|one| (one.a, one.b)).collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(told, [pair("B1", "B7"), pair("B2", "B8")]);
    }
}
