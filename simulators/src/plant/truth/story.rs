//! The life of every UID, as it follows from what happened: its stages, where it
//! is now, what it is in and what is in it. A second telling, written apart from
//! the cloud's own and only as wide as what the simulated people do.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::act::Act;

/// Stages that take along what is inside of what they move.
const MOVES: [&str; 8] = [
    "GRN",
    "COMMISSION",
    "STORAGE",
    "ISSUE_TO_PRODUCTION",
    "TRANSFER",
    "DISPATCH",
    "RETURN",
    "TRANSFORMATION",
];
/// Stages that no lifecycle shows.
const INTERNAL: [&str; 3] = ["REFUSED", "LABEL", "LOST"];

/// A link: `from` became `to`, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Link {
    /// What went in.
    pub from: String,
    /// Into what.
    pub to: String,
    /// `transformation`, `assembly`, `packing`.
    pub kind: &'static str,
}

/// A UID's life.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Life {
    /// Item code.
    pub item: String,
    /// Supplier's lot.
    pub lot: String,
    /// What is left on the label.
    pub quantity: String,
    /// active, consumed, scrapped.
    pub life: &'static str,
    /// unrestricted, in_inspection, rejected.
    pub quality: &'static str,
    /// location, parent, in_transit, customer.
    pub custody: &'static str,
    /// Plant where it is, or was last.
    pub plant: String,
    /// Place.
    pub location: String,
    /// What it is in.
    pub parent: Option<String>,
    /// Reasons of the holds that stand.
    pub holds: Vec<String>,
    /// Every act that names it, in order.
    pub acts: Vec<Act>,
    /// Names of acts that were taken back.
    pub taken_back: Vec<usize>,
}

impl Life {
    /// The acts that the specification's lifecycle shows.
    pub fn lifecycle(&self) -> impl Iterator<Item = &Act> {
        self.acts.iter().filter(|act| !INTERNAL.contains(&act.stage.as_str()))
    }
}

/// All lives and links.
#[derive(Debug, Clone, Default)]
pub struct Stories {
    /// By UID.
    pub lives: BTreeMap<String, Life>,
    /// Every link made, as often as it was made.
    pub links: Vec<Link>,
}

impl Stories {
    /// Tells them from the acts, in their order.
    #[must_use]
    pub fn tell(acts: &[Act]) -> Self {
        let mut stories = Self::default();
        let void = taken_back(acts);
        for (nth, act) in acts.iter().enumerate() {
            let gone = void.contains(&nth);
            for part in &act.parts {
                let life = stories.lives.entry(part.uid.clone()).or_default();
                if gone {
                    life.taken_back.push(life.acts.len());
                }
                life.acts.push(act.clone());
            }
            if !gone {
                stories.apply(act);
            }
        }
        stories
    }

    fn apply(&mut self, act: &Act) {
        for part in &act.parts {
            let Some(life) = self.lives.get_mut(&part.uid) else { continue };
            if part.born {
                life.life = "active";
                life.quality = "unrestricted";
                life.custody = "location";
                life.item.clone_from(&part.item);
                life.lot.clone_from(&part.lot);
                life.quantity.clone_from(&part.quantity);
            }
            match act.stage.as_str() {
                "INSPECTION" => {
                    life.quality = match act.outcome.as_str() {
                        "PASSED" => "unrestricted",
                        "FAILED" => "rejected",
                        _ => "in_inspection",
                    };
                }
                "REWORK" if life.quality == "rejected" => life.quality = "in_inspection",
                "RETURN" => life.quality = "in_inspection",
                "SCRAP" => (life.life, life.quantity) = ("scrapped", "0".to_owned()),
                "HOLD" => life.holds.push(act.reason.clone()),
                "TRANSFORMATION" if part.role == "INPUT" && part.quantity.is_empty() => {
                    (life.life, life.quantity) = ("consumed", "0".to_owned());
                }
                _ => {}
            }
        }
        self.link(act);
        for part in act.parts.iter().filter(|part| part.role == "SUBJECT" || part.role == "OUTPUT") {
            if !MOVES.contains(&act.stage.as_str()) {
                continue;
            }
            self.place(&part.uid, act);
            let Some(life) = self.lives.get_mut(&part.uid).filter(|life| life.parent.is_none()) else {
                continue;
            };
            life.custody = match (act.stage.as_str(), act.action.as_str()) {
                ("TRANSFER", "ADD") => "in_transit",
                ("DISPATCH", _) => "customer",
                _ => "location",
            };
        }
    }

    /// What joins something, and what became something else.
    fn link(&mut self, act: &Act) {
        let kind = match act.stage.as_str() {
            "ASSEMBLY" => "assembly",
            "PACKING" => "packing",
            "TRANSFORMATION" => "transformation",
            _ => return,
        };
        let with =
            |role: &'static str| act.parts.iter().filter(move |part| part.role == role).map(|part| &part.uid);
        for child in with("CHILD") {
            for parent in with("PARENT") {
                self.links.push(Link { from: child.clone(), to: parent.clone(), kind });
                if let Some(life) = self.lives.get_mut(child) {
                    life.parent = Some(parent.clone());
                    life.custody = "parent";
                }
            }
            self.place(child, act);
        }
        for input in with("INPUT") {
            for output in with("OUTPUT") {
                self.links.push(Link { from: input.clone(), to: output.clone(), kind });
            }
        }
    }

    /// To the place of an act, with all that is inside.
    fn place(&mut self, uid: &str, act: &Act) {
        let inside = self.inside(uid);
        for moved in inside.iter().map(String::as_str).chain([uid]) {
            if let Some(life) = self.lives.get_mut(moved) {
                life.plant.clone_from(&act.plant);
                life.location.clone_from(&act.location);
            }
        }
    }

    /// All that is inside of a UID now, however deep.
    fn inside(&self, uid: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut open = vec![uid.to_owned()];
        while let Some(outer) = open.pop() {
            for (inner, life) in &self.lives {
                if life.parent.as_deref() == Some(&outer) && !found.contains(inner) {
                    found.push(inner.clone());
                    open.push(inner.clone());
                }
            }
        }
        found
    }

    /// Every UID reached from `uid` by links, and the links on the way.
    #[must_use]
    pub fn walk(&self, uid: &str, forward: bool) -> (BTreeSet<String>, BTreeSet<Link>) {
        let (mut nodes, mut edges) = (BTreeSet::new(), BTreeSet::new());
        let mut open = vec![uid.to_owned()];
        while let Some(at) = open.pop() {
            for link in &self.links {
                let (near, far) = if forward { (&link.from, &link.to) } else { (&link.to, &link.from) };
                if *near == at {
                    edges.insert(link.clone());
                    if far != uid && nodes.insert(far.clone()) {
                        open.push(far.clone());
                    }
                }
            }
        }
        (nodes, edges)
    }
}

/// Which acts a later correction took back: the last of that name before it.
fn taken_back(acts: &[Act]) -> BTreeSet<usize> {
    let mut void = BTreeSet::new();
    for (nth, act) in acts.iter().enumerate().filter(|(_, act)| act.stage == "CORRECT") {
        let before = acts[..nth].iter().enumerate().rev();
        let mut named = before.filter(|(_, other)| other.plant == act.plant && other.name() == act.corrects);
        void.extend(named.next().map(|(at, _)| at));
    }
    void
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plant::truth::act::Part;

    fn act(stage: &str, parts: &[(&str, &str)]) -> Act {
        let parts = parts.iter().map(|(role, uid)| Part::new(role, uid, "pcs")).collect();
        Act {
            plant: "KOL".into(),
            location: format!("at {stage}"),
            stage: stage.into(),
            parts,
            ..Act::default()
        }
    }

    #[test]
    fn what_is_inside_goes_along_and_links_are_counted() {
        let stories = Stories::tell(&[
            act("ASSEMBLY", &[("PARENT", "box"), ("CHILD", "gear")]),
            act("PACKING", &[("PARENT", "carton"), ("CHILD", "box")]),
            act("DISPATCH", &[("SUBJECT", "carton")]),
        ]);
        let gear = &stories.lives["gear"];
        assert_eq!((gear.location.as_str(), gear.custody), ("at DISPATCH", "parent"));
        assert_eq!(stories.lives["carton"].custody, "customer");
        let (nodes, edges) = stories.walk("gear", true);
        assert_eq!(nodes, ["box", "carton"].map(String::from).into());
        assert_eq!(edges.len(), 2);
        assert_eq!(stories.walk("carton", false).0, ["box", "gear"].map(String::from).into());
    }

    #[test]
    fn what_was_taken_back_has_no_effect_and_is_still_told() {
        let stored = |place: &str| Act { location: place.into(), ..act("STORAGE", &[("SUBJECT", "a")]) };
        let back = Act { corrects: "STORAGE of a".into(), ..act("CORRECT", &[("SUBJECT", "a")]) };
        let stories = Stories::tell(&[stored("one"), stored("two"), back]);
        let life = &stories.lives["a"];
        assert_eq!(life.location, "one");
        assert_eq!(life.acts.len(), 3);
        assert_eq!(life.taken_back, [1]);
    }

    #[test]
    fn a_walk_survives_a_cycle() {
        let join = |child: &str, parent: &str| act("ASSEMBLY", &[("PARENT", parent), ("CHILD", child)]);
        let mut stories = Stories::default();
        for act in [join("a", "b"), join("b", "c"), join("c", "a")] {
            stories.link(&act);
        }
        assert_eq!(stories.walk("b", true).0, ["a", "c"].map(String::from).into());
    }
}
