//! An agent's events against what happened at its plant.

use super::act::{Act, Measure};
use super::{Counts, Truth};

/// What differs between the acts of a plant and what its agent wrote down, in
/// order and in full. Both must tell the same, no more and no less. Labels
/// printed are not among them: nobody's act.
#[must_use]
pub fn unlike(truth: &Truth, plant: &str, written: &[Act]) -> Vec<String> {
    let happened = truth.acts_of(plant);
    let mut problems = Vec::new();
    let mut written = written.iter().enumerate().peekable();
    for (nth, act) in happened.iter().enumerate() {
        let Some((_, event)) = written.next() else {
            problems.push(format!("{plant}: act {nth} and all after it are not written down: {act:?}"));
            return problems;
        };
        if !same(truth, act, event) {
            problems.push(format!(
                "{plant}: act {nth} was\n    {act:?}\n  but is written down as\n    {event:?}"
            ));
            if problems.len() >= 5 {
                return problems;
            }
        }
    }
    if let Some((nth, event)) = written.next() {
        problems.push(format!("{plant}: event {nth} and all after it never happened: {event:?}"));
    }
    problems
}

fn same(truth: &Truth, act: &Act, event: &Act) -> bool {
    if !act.live {
        return act == event;
    }
    let bare = |act: &Act| Act { readings: Vec::new(), live: false, ..act.clone() };
    let machine = |reading: &Measure| {
        // What could not be read says so; a value must have been shown.
        reading.value.is_empty() || truth.was_shown(&act.plant, &reading.name, &reading.value)
    };
    bare(act) == bare(event) && event.readings.iter().all(machine)
}

impl Counts {
    /// Whether enough of everything happened for a comparison to mean something.
    #[must_use]
    pub fn reach(&self, least: &Self) -> bool {
        self.uids >= least.uids
            && self.stages >= least.stages
            && self.links >= least.links
            && self.refused >= least.refused
            && self.repeats >= least.repeats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plant::truth::act::Part;

    fn act(stage: &str, uid: &str) -> Act {
        let parts = vec![Part::new("SUBJECT", uid, "pcs")];
        Act { plant: "KOL".into(), stage: stage.into(), parts, ..Act::default() }
    }

    #[test]
    fn a_lost_doubled_changed_or_moved_event_is_told() {
        let truth = Truth::default();
        let acts = [act("GRN", "a"), act("STORAGE", "a"), act("ISSUE_TO_PRODUCTION", "a")];
        acts.iter().for_each(|act| truth.happened(act.clone()));
        assert_eq!(unlike(&truth, "KOL", &acts), Vec::<String>::new());
        let [first, second, third] = acts.clone();
        for wrong in [
            vec![first.clone(), third.clone()],
            vec![first.clone(), second.clone(), second.clone(), third.clone()],
            vec![first.clone(), third.clone(), second.clone()],
            vec![first.clone(), second.clone()],
            vec![first.clone(), second.clone(), third.clone(), act("REFUSED", "a")],
            vec![first.clone(), Act { operator: "P-1".into(), ..second.clone() }, third.clone()],
            vec![first.clone(), Act { location: "Rack-1".into(), ..second.clone() }, third.clone()],
        ] {
            assert_ne!(unlike(&truth, "KOL", &wrong), Vec::<String>::new(), "{wrong:?}");
        }
    }

    #[test]
    fn a_live_reading_must_have_been_shown() {
        let truth = Truth::default();
        truth.happened(Act { live: true, ..act("ASSEMBLY", "a") });
        truth.shown("KOL", "torque", "12.03");
        let read = |value: &str| {
            let readings = vec![Measure { name: "torque".into(), value: value.into(), ..Measure::default() }];
            [Act { readings, ..act("ASSEMBLY", "a") }]
        };
        assert!(unlike(&truth, "KOL", &read("12.03")).is_empty());
        assert!(!unlike(&truth, "KOL", &read("12.04")).is_empty());
    }
}
