use std::collections::{HashMap, HashSet};

use super::*;

const SMALL: Plan = Plan { seed: 7, families: 10, scale: 8 };

#[test]
fn the_same_seed_is_the_same_history() {
    let all: Vec<Fact> = SMALL.facts().collect();
    assert_eq!(all, SMALL.facts().collect::<Vec<_>>());
    assert_ne!(all, Plan { seed: 8, ..SMALL }.facts().collect::<Vec<_>>());
    assert!(all.iter().map(|fact| fact.number).eq(1..=all.len() as u64));
}

#[test]
fn there_are_as_many_uids_and_links_as_promised() {
    for plan in [SMALL, Plan { scale: 4, ..SMALL }, Plan { families: 1, scale: 100, ..SMALL }] {
        let (mut born, mut links) = (HashSet::new(), 0);
        for fact in plan.facts() {
            links += fact.links.len() as u64;
            for part in &fact.parts {
                assert!(!part.mint || born.insert(part.key), "{part:?} is born twice");
                assert!(born.contains(&part.key), "{part:?} is used before it is born");
                assert!(Thing::of(part.key).is_some());
            }
            assert!(fact.links.iter().all(|link| link.from != link.to));
        }
        assert_eq!((born.len() as u64, links), (plan.uids(), plan.links()));
    }
    assert_eq!(Plan::of(1, 1_000_000).uids(), 1_000_000);
}

#[test]
fn the_shapes_are_all_there() {
    let plan = Plan { seed: 3, families: 1, scale: 100 };
    let mut next: HashMap<i64, Vec<i64>> = HashMap::new();
    let mut into: HashMap<i64, usize> = HashMap::new();
    let mut effects: HashMap<i16, u64> = HashMap::new();
    for link in plan.facts().flat_map(|fact| fact.links) {
        *effects.entry(link.effect).or_default() += 1;
        if link.effect == 1 {
            next.entry(link.from).or_default().push(link.to);
            *into.entry(link.to).or_default() += 1;
        }
    }
    let reach = |start: i64| {
        let (mut seen, mut queue, mut at) = (HashSet::from([start]), vec![start], 0);
        while at < queue.len() {
            for &to in next.get(&queue[at]).into_iter().flatten() {
                if seen.insert(to) {
                    queue.push(to);
                }
            }
            at += 1;
        }
        seen.len()
    };
    let wide = reach(plan.wide_lot(0));
    assert!((10_000..12_500).contains(&wide), "{wide}");
    // Twenty steps deep, then into a part, a unit, a box, a pallet.
    assert!(reach(plan.deep_end(0)) >= 4);
    assert_eq!((effects[&2], effects[&3]), (300, 200));
    assert!(into.values().filter(|&&ways| ways > 1).count() > 5_000, "diamonds");
    assert!(next[&plan.wide_lot(0)].len() > 900, "wide");
}
