//! What holds of a cloud that was restored from a backup held, and the restored one
//! does not know of. It stays held at the plant: a hold that vanishes was not released.
//! Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::{Hold, Reference};
use crate::journal::ReferenceRow;

/// Kind of the rows on disk.
pub const KEPT: &str = "kept_hold";

/// The hold to which a row belongs: one of many labels takes several rows.
#[must_use]
pub fn hold_of(id: &str) -> &str {
    id.split('/').next().unwrap_or(id)
}

impl Reference {
    /// What `before` held by holds of which this set says nothing: what was kept
    /// already and, where the cloud is a restored one, all that its set lacks. `gone`
    /// are holds that the office says are released.
    #[must_use]
    pub fn vanished(&self, before: &Self, restored: bool, gone: &HashSet<String>) -> HashMap<String, Hold> {
        if before.kept.is_empty() && !restored {
            return HashMap::new();
        }
        let mut held: HashMap<&str, (HashSet<i64>, HashSet<Uuid>)> = HashMap::new();
        for hold in self.holds.values() {
            let (keys, lots) = held.entry(hold_of(&hold.hold)).or_default();
            keys.extend(&hold.keys);
            lots.extend(&hold.lots);
        }
        let old = before.holds.values().filter(|_| restored);
        let mut kept: HashMap<String, Hold> = HashMap::new();
        for hold in before.kept.values().chain(old) {
            let base = hold_of(&hold.hold);
            if gone.contains(base) {
                continue;
            }
            let known = held.get(base);
            let lacks_key = |key: &i64| !known.is_some_and(|(keys, _)| keys.contains(key));
            let lacks_lot = |lot: &Uuid| !known.is_some_and(|(_, lots)| lots.contains(lot));
            let keys: Vec<i64> = hold.keys.iter().copied().filter(lacks_key).collect();
            let lots: Vec<Uuid> = hold.lots.iter().copied().filter(lacks_lot).collect();
            if keys.is_empty() && lots.is_empty() {
                continue;
            }
            let into = kept.entry(hold.hold.clone()).or_insert_with(|| Hold {
                keys: Vec::new(),
                lots: Vec::new(),
                lifted: false,
                ..hold.clone()
            });
            into.keys.extend(keys);
            into.lots.extend(lots);
            into.keys.sort_unstable();
            into.keys.dedup();
            into.lots.sort_unstable();
            into.lots.dedup();
        }
        kept
    }
}

/// The rows that bring what is kept on disk from `before` to `now`; all of them where
/// the rows before are gone with the rest of a set.
#[must_use]
pub fn rows(before: &HashMap<String, Hold>, now: &HashMap<String, Hold>, all: bool) -> Vec<ReferenceRow> {
    let mut rows = BTreeMap::new();
    let row = |id: &str, json: String, deleted| ReferenceRow {
        kind: KEPT.to_owned(),
        id: id.to_owned(),
        json,
        deleted,
    };
    for id in before.keys().filter(|id| !all && !now.contains_key(*id)) {
        rows.insert(id.clone(), row(id, String::new(), true));
    }
    for (id, hold) in now {
        if all || before.get(id) != Some(hold) {
            // A hold is plain data: it has a JSON.
            let json = serde_json::to_string(hold).unwrap_or_default();
            rows.insert(id.clone(), row(id, json, false));
        }
    }
    rows.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(id: &str, keys: &[i64]) -> Hold {
        Hold {
            hold: id.into(),
            reason: "CRACK".into(),
            keys: keys.to_vec(),
            inside: None,
            lots: Vec::new(),
            lifted: false,
        }
    }

    fn set(holds: &[Hold]) -> Reference {
        let holds = holds.iter().map(|hold| (hold.hold.clone(), hold.clone())).collect();
        let mut set = Reference { holds, ..Reference::default() };
        set.settle();
        set
    }

    #[test]
    fn what_a_restored_cloud_does_not_know_stays_held() {
        let none = HashSet::new();
        let before = set(&[hold("A", &[1, 2]), hold("A/1", &[3]), hold("B", &[4]), hold("C", &[5])]);
        let now = set(&[hold("A", &[1]), hold("A/1", &[2]), hold("C", &[5])]);
        let kept = now.vanished(&before, true, &none);
        let ids: Vec<&str> = BTreeMap::from_iter(&kept).into_keys().map(String::as_str).collect();
        assert_eq!(ids, ["A/1", "B"], "by what is held, not by the rows that say so");
        assert_eq!(kept["A/1"].keys, [3]);
        assert!(now.vanished(&before, false, &none).is_empty(), "of the same cloud it was released");

        // It stays through sets of the restored cloud, until that has it or frees it.
        let mut after = set(&[hold("A", &[1])]);
        after.kept.clone_from(&kept);
        after.settle();
        assert!(after.held_keys.contains(&3) && after.held_keys.contains(&4));
        assert_eq!(set(&[]).vanished(&after, false, &none), kept);
        assert_eq!(set(&[]).vanished(&after, true, &none).len(), 3, "and what the next one lacks");
        assert_eq!(set(&[hold("B", &[4])]).vanished(&after, false, &none).len(), 1);
        assert_eq!(set(&[]).vanished(&after, false, &["A".to_owned()].into()).len(), 1, "all rows of it");
        assert_eq!(rows(&kept, &HashMap::new(), false).iter().filter(|row| row.deleted).count(), 2);
        assert_eq!(rows(&HashMap::new(), &kept, true).len(), 2);
        assert!(rows(&kept, &kept, false).is_empty());
    }
}
