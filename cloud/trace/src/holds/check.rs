//! Checks a recorded history of holds: what the office committed, what each plant
//! applied and accepted in its own order, and what was listed. Pure, and made of
//! other things than the follower goes by: it trusts the order in which a plant did
//! things, and not what its events say of it.

use std::collections::{BTreeMap, BTreeSet};

use super::acts::Version;

/// A hold of the office, or of a plant once its event has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hold {
    /// Its place in the office's order of commits.
    pub committed: u64,
    /// With what plants were told of each unit.
    pub told: BTreeMap<i64, Version>,
    /// With what plants were told of its release, and its place in the order.
    pub released: Option<(Version, u64)>,
}

/// What a plant did, in its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Reference data came into force.
    Applied(Version),
    /// It placed a hold on a unit, which it has from here on, whoever knows of it.
    Placed {
        /// The hold.
        hold: u64,
        /// The unit.
        key: i64,
    },
    /// It released a hold of its own.
    Freed {
        /// The hold.
        hold: u64,
    },
    /// A unit was used in a way that a hold forbids.
    Accepted {
        /// Which event of the plant.
        event: u64,
        /// The unit.
        key: i64,
        /// A supervisor let it be done.
        overridden: bool,
        /// Place in the office's order at which it was told; `None` while it was not.
        arrived: Option<u64>,
    },
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// Holds by a number.
    pub holds: BTreeMap<u64, Hold>,
    /// Plants by a number.
    pub plants: BTreeMap<u64, Vec<Step>>,
    /// What is listed: hold, plant, event, unit.
    pub listed: BTreeSet<(u64, u64, u64, i64)>,
}

/// What must never be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A plant had the hold and took a held unit without a supervisor's word.
    AcceptedAfterApply {
        /// The hold.
        hold: u64,
        /// The plant.
        plant: u64,
        /// Its event.
        event: u64,
        /// The unit.
        key: i64,
    },
    /// It was told after the hold was committed, or done after it at the plant that
    /// placed it, and stands in no list.
    NotListed {
        /// The hold.
        hold: u64,
        /// The plant.
        plant: u64,
        /// Its event.
        event: u64,
        /// The unit.
        key: i64,
    },
}

/// All that is wrong with a history; nothing, if all is well.
#[must_use]
pub fn faults(history: &History) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (&plant, steps) in &history.plants {
        let mut now = Version::default();
        // Holds of its own, those that it released too: the unit, and whether it stands.
        let mut own: BTreeMap<u64, (i64, bool)> = BTreeMap::new();
        let placed_here: BTreeSet<u64> = steps.iter().filter_map(placed).collect();
        for step in steps {
            let (event, key, overridden, arrived) = match step {
                Step::Applied(version) => {
                    now = *version;
                    continue;
                }
                Step::Placed { hold, key } => {
                    own.insert(*hold, (*key, true));
                    continue;
                }
                Step::Freed { hold } => {
                    own.entry(*hold).and_modify(|(_, stands)| *stands = false);
                    continue;
                }
                Step::Accepted { event, key, overridden, arrived } => (*event, *key, *overridden, *arrived),
            };
            let lifted = |held: &Hold| held.released.is_some_and(|(version, _)| now.has(version));
            for (&hold, _) in own.iter().filter(|(_, held)| **held == (key, true)) {
                if !overridden && !history.holds.get(&hold).is_some_and(lifted) {
                    faults.push(Fault::AcceptedAfterApply { hold, plant, event, key });
                }
            }
            for (&hold, held) in &history.holds {
                let Some(told) = held.told.get(&key) else { continue };
                if lifted(held) {
                    continue;
                }
                let standing = own.get(&hold).is_some_and(|(_, stands)| *stands);
                if placed_here.contains(&hold) && !standing {
                    continue;
                }
                let named = own.get(&hold).is_some_and(|(label, _)| *label == key);
                if now.has(*told) && !overridden && !named {
                    faults.push(Fault::AcceptedAfterApply { hold, plant, event, key });
                }
                // Where the plant itself placed or released it, its own order says so.
                // Of another's release it has to have been told, whenever its word arrives.
                let after = arrived.is_some_and(|at| standing || at > held.committed);
                if after && !history.listed.contains(&(hold, plant, event, key)) {
                    faults.push(Fault::NotListed { hold, plant, event, key });
                }
            }
        }
    }
    faults
}

fn placed(step: &Step) -> Option<u64> {
    match step {
        Step::Placed { hold, .. } => Some(*hold),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::holds::acts::{Class, class};

    fn v(version: i64) -> Version {
        Version { generation: 1, version }
    }

    fn accepted(event: u64, key: i64, arrived: u64) -> Step {
        Step::Accepted { event, key, overridden: false, arrived: Some(arrived) }
    }

    fn one(steps: Vec<Step>, listed: &[(u64, u64, u64, i64)]) -> Vec<Fault> {
        let hold = Hold { committed: 10, told: [(7, v(3))].into(), released: None };
        let plants = [(1, steps)].into();
        faults(&History { holds: [(1, hold)].into(), plants, listed: listed.iter().copied().collect() })
    }

    #[test]
    fn the_checker_sees_what_must_not_be() {
        assert_eq!(one(vec![accepted(1, 7, 5)], &[]), [], "before the hold");
        assert_eq!(one(vec![accepted(1, 8, 50)], &[]), [], "another unit");
        let missing = Fault::NotListed { hold: 1, plant: 1, event: 1, key: 7 };
        assert_eq!(one(vec![accepted(1, 7, 50)], &[]), [missing]);
        assert_eq!(one(vec![Step::Applied(v(2)), accepted(1, 7, 50)], &[(1, 1, 1, 7)]), []);
        let taken = Fault::AcceptedAfterApply { hold: 1, plant: 1, event: 1, key: 7 };
        assert_eq!(one(vec![Step::Applied(v(3)), accepted(1, 7, 50)], &[(1, 1, 1, 7)]), [taken]);
        let word = Step::Accepted { event: 1, key: 7, overridden: true, arrived: Some(50) };
        assert_eq!(one(vec![Step::Applied(v(3)), word.clone()], &[(1, 1, 1, 7)]), []);
        // Of the plant that placed it its own order counts, though all arrived at once.
        let (own, free) = (Step::Placed { hold: 1, key: 7 }, Step::Freed { hold: 1 });
        assert_eq!(one(vec![accepted(1, 7, 10), own.clone()], &[]), [], "before it");
        assert_eq!(one(vec![own.clone(), accepted(1, 7, 10)], &[]), [taken, missing]);
        assert_eq!(one(vec![own.clone(), word], &[]), [missing], "a supervisor's word is listed too");
        assert_eq!(one(vec![own, free, accepted(1, 7, 10)], &[]), [], "after its release");
    }

    /// How the plants of a run behave.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Fitness {
        Sound,
        /// Goes green between the contact and the holds.
        Hasty,
        /// Forgets after a crash what it had applied.
        Forgetful,
    }

    #[derive(Default)]
    struct Plant {
        /// Reference data on disk, and what of it is in force.
        disk: Version,
        held: BTreeSet<i64>,
        /// Holds of its own, on disk.
        own: BTreeMap<u64, i64>,
        staged: Option<Version>,
        connected: bool,
        /// Contact was made, and the holds are not applied yet.
        waiting: bool,
        /// Done and not yet arrived.
        queue: Vec<Done>,
        events: u64,
    }

    /// An event of a plant.
    #[derive(Clone, Copy)]
    enum Done {
        /// Event, unit, a supervisor's word, what the plant had.
        Used(u64, i64, bool, Version),
        /// A hold of its own, on a unit.
        Placed(u64, u64, i64),
        /// The release of one.
        Freed(u64, u64),
    }

    /// A use of a unit that arrived: when, plant, event, unit, a supervisor's word,
    /// what the plant had.
    type Used = (u64, u64, u64, i64, bool, Version);

    /// By which events a plant placed and released a hold: plant, unit, events.
    struct Own {
        plant: u64,
        key: i64,
        placed: u64,
        freed: Option<u64>,
    }

    /// How the follower classes a use under a hold; `None` for what was not under it.
    fn under(hold: &Hold, own: Option<&Own>, used: Used) -> Option<Class> {
        let (arrived, plant, event, key, overridden, had) = used;
        let told = *hold.told.get(&key)?;
        if hold.released.is_some_and(|(told, _)| had.has(told)) {
            return None;
        }
        let here = own.filter(|own| own.plant == plant);
        let under = match here {
            Some(own) => event > own.placed && own.freed.is_none_or(|freed| event < freed),
            None => arrived > hold.committed,
        };
        let has = here.is_some_and(|own| own.key == key) || had.has(told);
        under.then(|| class(has, false, overridden))
    }

    /// An office, three plants, five units; holds of the office and of plants come and
    /// go while plants lose the network, crash and scan. The follower lists by what
    /// events say that the plant had, in batches that it may have to do again.
    fn run(seed: u64, fitness: Fitness) -> (History, Vec<Class>) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut history = History::default();
        let mut plants: Vec<Plant> = (0..3).map(|_| Plant::default()).collect();
        let (mut version, mut order, mut ids) = (0_i64, 0_u64, 0_u64);
        let mut owns: BTreeMap<u64, Own> = BTreeMap::new();
        let mut batches: Vec<Used> = Vec::new();
        let (mut followed, mut classes) = (0, Vec::new());
        let held_at = |history: &History, now: Version| -> BTreeSet<i64> {
            let holds = history.holds.values();
            let standing = holds.filter(|hold| hold.released.is_none_or(|(told, _)| !now.has(told)));
            standing
                .flat_map(|h| h.told.iter().filter(|(_, told)| now.has(**told)).map(|(key, _)| *key))
                .collect()
        };
        for _ in 0..500 {
            let at = rng.random_range(0..plants.len());
            match rng.random_range(0..15) {
                0 => {
                    (version, order, ids) = (version + 1, order + 1, ids + 1);
                    let keys = (0..5).filter(|_| rng.random_bool(0.4));
                    let told = keys.map(|key| (key, v(version))).collect();
                    history.holds.insert(ids, Hold { committed: order, told, released: None });
                }
                1 => {
                    // What comes under it later is told later, and all that was told
                    // of it since the hold is looked at.
                    let Some((&id, hold)) =
                        history.holds.iter_mut().rev().find(|(_, hold)| hold.released.is_none())
                    else {
                        continue;
                    };
                    let joins = rng.random_range(0..5);
                    if hold.told.contains_key(&joins) {
                        continue;
                    }
                    version += 1;
                    hold.told.insert(joins, v(version));
                    for &used in batches[..followed].iter().filter(|used| used.3 == joins) {
                        if let Some(class) = under(hold, owns.get(&id), used) {
                            history.listed.insert((id, used.1, used.2, joins));
                            classes.push(class);
                        }
                    }
                }
                2 => {
                    let Some(hold) = history.holds.values_mut().find(|hold| hold.released.is_none()) else {
                        continue;
                    };
                    (version, order) = (version + 1, order + 1);
                    hold.released = Some((v(version), order));
                }
                3 => {
                    let plant = &mut plants[at];
                    (plant.connected, plant.waiting, plant.staged) =
                        (!plant.connected, !plant.connected, None);
                }
                4 | 5 if plants[at].connected => plants[at].staged = Some(v(version)),
                6 | 7 => {
                    let Some(staged) = plants[at].staged.take() else { continue };
                    plants[at].disk = staged;
                    plants[at].held = held_at(&history, staged);
                    plants[at].waiting = false;
                    // What the office has released of its own.
                    let lifted = |id: &u64| {
                        let released = history.holds.get(id).and_then(|hold| hold.released);
                        released.is_some_and(|(told, _)| staged.has(told))
                    };
                    plants[at].own.retain(|id, _| !lifted(id));
                    history.plants.entry(at as u64).or_default().push(Step::Applied(staged));
                }
                8 => {
                    // A crash: what was staged is gone, what is on disk is in force.
                    let plant = &mut plants[at];
                    (plant.staged, plant.connected, plant.waiting) = (None, false, false);
                    plant.held = match fitness {
                        Fitness::Forgetful => BTreeSet::new(),
                        _ => held_at(&history, plant.disk),
                    };
                }
                9 if plants[at].connected => {
                    // A batch arrives; the office's order is that of commits.
                    order += 1;
                    for done in std::mem::take(&mut plants[at].queue) {
                        let (event, key, overridden, had) = match done {
                            Done::Used(event, key, overridden, had) => (event, key, overridden, had),
                            Done::Placed(id, event, key) => {
                                version += 1;
                                let told = [(key, v(version))].into();
                                history.holds.insert(id, Hold { committed: order, told, released: None });
                                owns.insert(id, Own { plant: at as u64, key, placed: event, freed: None });
                                continue;
                            }
                            Done::Freed(id, event) => {
                                let hold = history.holds.get_mut(&id).expect("placed before");
                                if hold.released.is_none() {
                                    version += 1;
                                    hold.released = Some((v(version), order));
                                }
                                owns.get_mut(&id).expect("placed before").freed = Some(event);
                                continue;
                            }
                        };
                        batches.push((order, at as u64, event, key, overridden, had));
                        let steps = history.plants.entry(at as u64).or_default();
                        for step in steps {
                            if let Step::Accepted { event: e, arrived, .. } = step
                                && *e == event
                            {
                                *arrived = Some(order);
                            }
                        }
                    }
                }
                10 => {
                    // The follower; one time in four it crashes before its commit.
                    let mut found = Vec::new();
                    for &used in &batches[followed..] {
                        for (&id, hold) in &history.holds {
                            if let Some(class) = under(hold, owns.get(&id), used) {
                                found.push(((id, used.1, used.2, used.3), class));
                            }
                        }
                    }
                    if rng.random_bool(0.75) {
                        followed = batches.len();
                        for (id, class) in found {
                            history.listed.insert(id);
                            classes.push(class);
                        }
                    }
                }
                11 => {
                    // A plant holds a unit, with a network or without one.
                    let key = rng.random_range(0..5);
                    let plant = &mut plants[at];
                    if plant.own.values().any(|own| *own == key) {
                        continue;
                    }
                    ids += 1;
                    plant.events += 1;
                    plant.own.insert(ids, key);
                    plant.queue.push(Done::Placed(ids, plant.events, key));
                    let steps = history.plants.entry(at as u64).or_default();
                    steps.push(Step::Placed { hold: ids, key });
                }
                12 => {
                    let plant = &mut plants[at];
                    let Some((hold, _)) = plant.own.pop_first() else { continue };
                    plant.events += 1;
                    plant.queue.push(Done::Freed(hold, plant.events));
                    history.plants.entry(at as u64).or_default().push(Step::Freed { hold });
                }
                _ => {
                    let key = rng.random_range(0..5);
                    let overridden = rng.random_bool(0.1);
                    let plant = &mut plants[at];
                    let waits = plant.waiting && fitness != Fitness::Hasty;
                    let own = plant.own.values().any(|own| *own == key);
                    if waits || ((own || plant.held.contains(&key)) && !overridden) {
                        continue;
                    }
                    plant.events += 1;
                    plant.queue.push(Done::Used(plant.events, key, overridden, plant.disk));
                    history.plants.entry(at as u64).or_default().push(Step::Accepted {
                        event: plant.events,
                        key,
                        overridden,
                        arrived: None,
                    });
                }
            }
        }
        // What was not followed yet is told by nobody.
        for &(_, plant, event, ..) in &batches[followed..] {
            for step in history.plants.entry(plant).or_default() {
                if let Step::Accepted { event: e, arrived, .. } = step
                    && *e == event
                {
                    *arrived = None;
                }
            }
        }
        (history, classes)
    }

    #[test]
    fn nothing_is_taken_after_a_hold_came_and_nothing_before_it_is_hidden() {
        let mut all = BTreeSet::new();
        for seed in 0..300 {
            let (history, classes) = run(seed, Fitness::Sound);
            let faults = faults(&history);
            assert_eq!(faults, [], "seed {seed}");
            all.extend(classes);
        }
        assert!(all.contains(&Class::Gap) && all.contains(&Class::Overridden));
        assert!(!all.contains(&Class::Violated), "what must never occur");
    }

    #[test]
    fn a_plant_that_forgets_its_holds_is_found_out() {
        let mut taken = 0;
        for seed in 0..100 {
            let (history, classes) = run(seed, Fitness::Forgetful);
            let found = faults(&history);
            let bad = found.iter().filter(|fault| matches!(fault, Fault::AcceptedAfterApply { .. })).count();
            assert!(classes.iter().filter(|class| **class == Class::Violated).count() <= bad * 20);
            taken += bad;
        }
        assert!(taken > 0);
    }

    #[test]
    fn a_hasty_plant_has_a_gap_and_no_violation() {
        // It lacks the hold while it waits: that is listed. That it must not go
        // green then is the agent's own rule, and tested there.
        for seed in 0..100 {
            let (_, classes) = run(seed, Fitness::Hasty);
            assert!(!classes.contains(&Class::Violated), "seed {seed}");
        }
    }
}
