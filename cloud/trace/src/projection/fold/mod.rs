//! The state of a UID as a fold over its facts in causal order. Pure.
//!
//! Given are the facts of the UID itself, of everything it ever was inside of
//! (a package that travels takes its content along), and the corrections of
//! any of them. The result depends on the set of facts alone.

mod amounts;
mod places;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use proto::v1::{Action, Outcome, Role, Stage};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::contradiction::{Contradiction, Finder, Lack, OVERRIDDEN};
use super::fact::{Fact, Part};
use super::state::{Custody, Life, Quality, State, moves_on};
use super::stock::{Book, Entry};
use crate::explore::order::{Stamp, causal, voided};

/// A time during which a UID was under a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which hold.
    pub hold_id: Uuid,
    /// Since when.
    pub from: DateTime<Utc>,
    /// Until when; `None` while it stands.
    pub until: Option<DateTime<Utc>>,
}

/// What folding comes to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Folded {
    /// State after all facts.
    pub state: State,
    /// Movements of stock, in causal order.
    pub entries: Vec<Entry>,
    /// Facts that disagree.
    pub contradictions: Vec<Contradiction>,
    /// Facts whose counterpart nobody has told.
    pub unmatched: Vec<(Lack, Stamp)>,
}

/// Folds the facts that concern `key`. `born` is what the registry knows from
/// its birth, for facts that do not repeat item and lot. The order of `facts`
/// has no influence; a fact given twice counts once.
#[must_use]
pub fn fold(key: i64, born: &Born, facts: &[Arc<Fact>], held: &[Held]) -> Folded {
    fold_until(key, born, facts, held, None)
}

/// As [`fold`], of the facts before one of them.
#[must_use]
pub fn fold_until(key: i64, born: &Born, facts: &[Arc<Fact>], held: &[Held], until: Option<Stamp>) -> Folded {
    let mut unique: HashMap<Stamp, &Arc<Fact>> = HashMap::with_capacity(facts.len());
    for fact in facts {
        unique.insert(fact.stamp, fact);
    }
    let facts: Vec<&Arc<Fact>> = unique.into_values().collect();
    let nodes: Vec<_> = facts.iter().map(|fact| fact.node(key)).collect();
    let void = voided(&nodes);
    let order = causal(&nodes);
    let by_id: HashMap<Uuid, usize> = order.iter().rev().map(|&at| (facts[at].event_id, at)).collect();

    let mut run = Run {
        key,
        state: State {
            item: born.item.clone(),
            lot: born.lot,
            container: born.container,
            verdict: born.quality,
            ..State::default()
        },
        parents: HashMap::new(),
        book: Book::default(),
        finder: Finder::new(key, held),
    };
    // What each void fact had moved, for the correction to move back.
    let mut undone: HashMap<usize, Vec<Entry>> = HashMap::new();
    // Facts whose correction came first, which only contradicting data makes.
    let mut never: HashSet<usize> = HashSet::new();
    for &at in &order {
        let fact = facts[at].as_ref();
        if Some(fact.stamp) == until {
            break;
        }
        if void[at] {
            if !never.contains(&at) {
                undone.insert(at, run.as_if(fact));
            }
            run.state.count(fact, key);
        } else if fact.stage == Stage::Correct {
            if let Some(&target) = fact.corrects.and_then(|id| by_id.get(&id)) {
                match undone.remove(&target) {
                    // The first correction puts it back; another one says the same.
                    Some(entries) => run.book.reverse(fact, &entries),
                    None => {
                        never.insert(target);
                    }
                }
            }
            run.state.count(fact, key);
        } else {
            run.apply(fact);
        }
    }
    let births = |standing: bool| order.iter().any(|&at| void[at] != standing && nodes[at].mint);
    if births(false) && !births(true) {
        // A birth cannot be undone, since the number is used: the label ends.
        run.state.life = Life::Scrapped;
        run.state.quantity = Some(Decimal::ZERO);
        run.state.stocked = false;
    }
    run.state.quality = run.state.verdict;
    Folded {
        state: run.state,
        entries: run.book.entries,
        contradictions: run.finder.found,
        unmatched: run.finder.unmatched,
    }
}

/// How many things within each other are followed: deeper than any real thing; a ring in bad
/// data ends here too.
const MOST_DEEP: usize = 32;

/// Stages that take what is inside a UID along when the UID is their subject, or
/// is itself put into something or taken out of it.
pub const CARRY: [Stage; 15] = [
    Stage::Storage,
    Stage::IssueToProduction,
    Stage::ReturnFromProduction,
    Stage::Transfer,
    Stage::JobWorkOut,
    Stage::JobWorkIn,
    Stage::Dispatch,
    Stage::Delivered,
    Stage::Demo,
    Stage::Return,
    Stage::ReturnToSupplier,
    Stage::Packing,
    Stage::Kit,
    Stage::Assembly,
    Stage::Installation,
];

/// Whether a fact moves `key` as a thing, and so what is inside it.
#[must_use]
pub fn carries(fact: &Fact, key: i64) -> bool {
    let inner = matches!(fact.stage, Stage::Packing | Stage::Kit | Stage::Assembly);
    CARRY.contains(&fact.stage)
        && fact.parts_of(key).any(|part| match part.role {
            Role::Child => true,
            Role::Subject | Role::Unspecified => !inner,
            Role::Input | Role::Output | Role::Parent => false,
        })
}

/// Whether a part of a RETURN came back for itself, and not as what is in something else that
/// did. Such a one has left the package in which it went away: it is seen without it, or with it
/// where the same fact names both. `ingest::returned` says the same of the links.
#[must_use]
pub fn is_by_itself(part: &Part) -> bool {
    matches!(part.role, Role::Subject | Role::Unspecified)
}

/// What is known of a UID from its registry row, before any fact is folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Born {
    /// Item code.
    pub item: String,
    /// Lot.
    pub lot: Option<Uuid>,
    /// A container with a quantity.
    pub container: bool,
    /// Quality of the same goods from which it was split off: a part of what
    /// waits for inspection is not free because it has a label of its own.
    pub quality: Quality,
}

impl Default for Born {
    fn default() -> Self {
        Self { item: String::new(), lot: None, container: false, quality: Quality::Unrestricted }
    }
}

impl State {
    fn count(&mut self, fact: &Fact, key: i64) {
        if fact.parts_of(key).next().is_some() {
            self.events = self.events.saturating_add(1);
        }
    }
}

struct Run<'a> {
    key: i64,
    state: State,
    /// What each of the things around it is in, as far as told, whether packed in it, and by
    /// which fact.
    parents: HashMap<i64, (i64, bool, Stamp)>,
    book: Book,
    finder: Finder<'a>,
}

impl Run<'_> {
    /// The entries that a void fact would have made here. Of what it disagreed with only
    /// that a refusal was overridden remains.
    fn as_if(&mut self, fact: &Fact) -> Vec<Entry> {
        let (state, parents) = (self.state.clone(), self.parents.clone());
        let (from, found) = (self.book.entries.len(), self.finder.found.len());
        let unmatched = self.finder.unmatched.len();
        self.apply(fact);
        self.state = state;
        self.parents = parents;
        let disagreed = self.finder.found.split_off(found);
        self.finder.found.extend(disagreed.into_iter().filter(|one| one.kind == OVERRIDDEN));
        self.finder.unmatched.truncate(unmatched);
        self.book.entries[from..].to_vec()
    }

    fn apply(&mut self, fact: &Fact) {
        self.follow_parents(fact);
        let mut own = false;
        for part in fact.parts_of(self.key) {
            own = true;
            self.learn(part);
            self.finder.judge(&self.state, fact, part);
            self.part(fact, part);
        }
        if own {
            self.state.count(fact, self.key);
            if moves_on(fact.stage) || self.state.last_stage == Stage::Unspecified {
                self.state.last_at = Some(fact.occurred_at);
                self.state.last_stage = fact.stage;
            }
        } else if self.carried(fact) {
            self.finder.judge_carried(&self.state, fact);
            self.movement(fact, None, true);
        }
    }

    /// Keeps what is in what, of everything around.
    fn follow_parents(&mut self, fact: &Fact) {
        if fact.stage == Stage::Return {
            // Of itself that is told below.
            let out = |part: &&Part| part.key != self.key && is_by_itself(part);
            for part in fact.parts.iter().filter(out) {
                if let Some((package, true, _)) = self.parents.get(&part.key)
                    && fact.parts_of(*package).next().is_none()
                {
                    self.parents.remove(&part.key);
                }
            }
            return;
        }
        let packed = matches!(fact.stage, Stage::Packing | Stage::Kit);
        let inside =
            matches!(fact.stage, Stage::Packing | Stage::Assembly | Stage::Kit | Stage::Installation);
        let Some(parent) = fact.parent().filter(|_| inside) else {
            return;
        };
        for part in fact.parts.iter().filter(|part| part.role == Role::Child && part.key != parent) {
            if fact.action == Action::Delete {
                self.parents.remove(&part.key);
            } else {
                self.parents.insert(part.key, (parent, packed, fact.stamp));
            }
        }
    }

    /// Whether `whole` is inside of the UID itself: then by which fact something that it is, or
    /// is in, went into the UID.
    fn circle(&self, whole: i64) -> Option<Option<Stamp>> {
        let (mut at, mut by) = (whole, None);
        for _ in 0..MOST_DEEP {
            if at == self.key {
                return Some(by);
            }
            let (parent, _, stamp) = self.parents.get(&at)?;
            (at, by) = (*parent, Some(*stamp));
        }
        None
    }

    /// Whether the fact moves something that the UID is inside of.
    fn carried(&self, fact: &Fact) -> bool {
        let mut at = self.state.parent;
        for _ in 0..MOST_DEEP {
            let Some(parent) = at else { return false };
            if carries(fact, parent) {
                return true;
            }
            at = self.parents.get(&parent).map(|(parent, ..)| *parent);
        }
        false
    }

    fn learn(&mut self, part: &Part) {
        if !part.item.is_empty() {
            self.state.item.clone_from(&part.item);
        }
        if part.lot.is_some() {
            self.state.lot = part.lot;
        }
        if !part.unit.is_empty() {
            self.state.unit.clone_from(&part.unit);
        }
        if part.mint && !self.state.stocked {
            self.state.quantity = part.quantity.or(Some(Decimal::ONE));
        }
    }

    fn part(&mut self, fact: &Fact, part: &Part) {
        match fact.stage {
            Stage::Procurement
            | Stage::GateIn
            | Stage::Label
            | Stage::Refused
            | Stage::Lost
            | Stage::Hold
            | Stage::Release
            | Stage::OwnerChange
            | Stage::Correct
            | Stage::Unspecified => {
                let tells = matches!(fact.stage, Stage::GateIn | Stage::Label);
                if tells && self.state.plant.is_empty() {
                    self.state.plant.clone_from(&fact.plant);
                }
            }
            Stage::Grn | Stage::Opening | Stage::Commission => {
                self.enter(fact, part);
                self.ordered(fact);
            }
            Stage::Inspection => self.inspect(fact),
            Stage::Operation | Stage::Load | Stage::Rework => self.operation(fact),
            Stage::Sample => {
                self.stays(fact);
                if self.state.container && part.quantity.is_some() {
                    self.reduce(fact, part.quantity, Life::Consumed);
                }
            }
            Stage::Count => self.counted(fact),
            Stage::Adjust => self.adjust(fact, part),
            Stage::IssueToProduction => self.issue(fact, part),
            Stage::ReturnFromProduction => self.bring_back(fact, part),
            Stage::Consume | Stage::Transformation => match part.role {
                Role::Input => {
                    self.stays(fact);
                    self.reduce(fact, part.quantity, Life::Consumed);
                }
                Role::Output => self.enter_more(fact, part),
                Role::Child => self.join(fact, part),
                _ => self.made(fact, part),
            },
            Stage::Assembly | Stage::Packing | Stage::Kit | Stage::Installation | Stage::Service => {
                self.inside(fact, part);
            }
            Stage::Scrap => {
                self.stays(fact);
                self.reduce(fact, part.quantity, Life::Scrapped);
            }
            Stage::Storage
            | Stage::Transfer
            | Stage::JobWorkOut
            | Stage::JobWorkIn
            | Stage::Dispatch
            | Stage::Delivered
            | Stage::Demo
            | Stage::Return
            | Stage::ReturnToSupplier => {
                if fact.stage == Stage::Return {
                    self.come_out(fact, part);
                    self.state.verdict = Quality::InInspection;
                }
                self.movement(fact, part.quantity, part.role == Role::Child);
            }
        }
    }

    /// Something physical was done here, so it exists.
    fn stays(&mut self, fact: &Fact) {
        if self.state.life == Life::Expected {
            self.state.life = Life::Active;
        }
        if self.state.plant.is_empty() {
            self.state.plant.clone_from(&fact.plant);
        }
        if self.state.location.is_empty() && self.state.plant == fact.plant {
            self.state.location.clone_from(&fact.location);
        }
    }

    /// Where a fact puts a label: at its place; without one, where the label
    /// was if that is the same plant. The office has no plant.
    fn place_of(&self, fact: &Fact) -> (String, String) {
        let plant = if fact.plant.is_empty() { &self.state.plant } else { &fact.plant };
        let location = match (fact.location.is_empty(), *plant == self.state.plant) {
            (false, _) => fact.location.clone(),
            (true, true) => self.state.location.clone(),
            (true, false) => String::new(),
        };
        (plant.clone(), location)
    }

    fn settle(&mut self, fact: &Fact) {
        (self.state.plant, self.state.location) = self.place_of(fact);
    }

    fn ordered(&mut self, fact: &Fact) {
        if !fact.order.is_empty() {
            self.state.order.clone_from(&fact.order);
        }
    }

    /// The label comes into being, with what is on it.
    fn enter(&mut self, fact: &Fact, part: &Part) {
        self.stays(fact);
        if self.state.stocked {
            self.relocate(fact);
        } else {
            self.settle(fact);
        }
        if self.state.parent.is_none() {
            self.state.custody = Custody::Location;
        }
        if let Some(quantity) = part.quantity {
            self.amount_is(fact, quantity);
        }
        self.revive(fact);
    }

    /// An output that may exist already (a merge adds to it).
    fn enter_more(&mut self, fact: &Fact, part: &Part) {
        self.ordered(fact);
        if part.mint || !self.state.stocked {
            return self.enter(fact, part);
        }
        if let Some(more) = part.quantity {
            self.amount_is(fact, self.state.amount().saturating_add(more));
        }
    }

    /// The whole of an assembly; or a subject of a consumption that goes into it.
    fn made(&mut self, fact: &Fact, part: &Part) {
        if part.mint {
            self.ordered(fact);
            self.enter(fact, part);
        } else {
            self.stays(fact);
        }
    }

    fn operation(&mut self, fact: &Fact) {
        self.stays(fact);
        self.ordered(fact);
        if fact.stage == Stage::Rework {
            self.state.failed.remove(&fact.operation);
            if self.state.verdict == Quality::Rejected {
                self.state.verdict = Quality::InInspection;
            }
            return;
        }
        match fact.outcome {
            Outcome::Failed => {
                self.state.failed.insert(fact.operation.clone());
            }
            Outcome::Passed => {
                self.state.failed.remove(&fact.operation);
            }
            Outcome::Partial | Outcome::Unspecified => {}
        }
    }

    fn inspect(&mut self, fact: &Fact) {
        self.stays(fact);
        self.state.verdict = match fact.outcome {
            Outcome::Passed => {
                self.state.failed.clear();
                Quality::Unrestricted
            }
            Outcome::Failed => Quality::Rejected,
            Outcome::Partial => {
                // What was rejected is no longer part of what may be used.
                // A plant that did not know how much there was names one of the two.
                let rest = || Some(self.state.amount().saturating_sub(fact.rejected?).max(Decimal::ZERO));
                if let Some(accepted) = fact.accepted.or_else(rest) {
                    self.amount_is(fact, accepted);
                }
                Quality::Unrestricted
            }
            Outcome::Unspecified if fact.action == Action::Add => Quality::InInspection,
            Outcome::Unspecified => self.state.verdict,
        };
    }
}

#[cfg(test)]
mod tests;
