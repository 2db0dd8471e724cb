//! Facts that disagree with each other, found while folding. Pure.

use proto::v1::{Action, Role, Stage};

use super::fact::{Fact, Part};
use super::fold::Held;
use super::state::{Custody, Life, Quality, State};
use crate::explore::order::Stamp;

/// The kinds that the projection opens, and withdraws when later facts show
/// that nothing disagrees after all.
pub const KINDS: [&str; 18] = [
    "uid.consumed_twice",
    "uid.used_after_consumed",
    "uid.used_after_scrap",
    "uid.used_while_inside",
    "uid.used_while_away",
    "uid.used_while_held",
    "uid.dispatched_while_held",
    "uid.dispatched_rejected",
    "uid.dispatched_twice",
    "uid.packed_twice",
    "uid.inside_itself",
    "uid.taken_out_of_nothing",
    "uid.delivered_unsent",
    "uid.overdrawn",
    OVERRIDDEN,
    "transfer.arrival_without_departure",
    "uid.never_born",
    "projection.failed",
];

/// What was done although a hold stood. Where that is told as a gap of the hold, it is told once.
pub const WHILE_HELD: [&str; 2] = ["uid.used_while_held", "uid.dispatched_while_held"];

/// A supervisor had a refused act done. That is a fact which a person has to judge: whatever
/// comes later, also a correction of it, does not take it back.
pub const OVERRIDDEN: &str = "refusal.overridden";

/// A counterpart that a fact lacks. Another agent may still tell it, so it is no
/// contradiction yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Taken out: of what it was never put into.
    Joining,
    /// Delivered: what nobody sent.
    Sending,
}

/// A disagreement, with both its sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// Stays the same however often and in whichever order it is found.
    pub fingerprint: String,
    /// The fact that shows it.
    pub at: Stamp,
    /// The fact that it disagrees with, if it is a fact.
    pub against: Option<Stamp>,
    /// The hold that it disagrees with.
    pub hold: Option<uuid::Uuid>,
}

/// Collects what disagrees about one UID.
#[derive(Debug)]
pub struct Finder<'a> {
    key: i64,
    held: &'a [Held],
    /// The last refusal of it at each station.
    refused: Vec<(String, Stamp)>,
    /// So far.
    pub found: Vec<Contradiction>,
    /// Facts that lack their counterpart, so far.
    pub unmatched: Vec<(Lack, Stamp)>,
}

fn text(stamp: Stamp) -> String {
    format!("{}/{}/{}", stamp.agent, stamp.epoch, stamp.seq)
}

impl<'a> Finder<'a> {
    /// For one UID and the times it was held.
    #[must_use]
    pub fn new(key: i64, held: &'a [Held]) -> Self {
        Self { key, held, refused: Vec::new(), found: Vec::new(), unmatched: Vec::new() }
    }

    /// Judges a fact of the UID itself against the state before it: its life,
    /// what it is inside of, who has it, how much is on it, its quality and its
    /// holds.
    pub fn judge(&mut self, state: &State, fact: &Fact, part: &Part) {
        if fact.stage == Stage::Refused {
            self.refused.retain(|(station, at)| *station != fact.station || at.agent != fact.stamp.agent);
            self.refused.push((fact.station.clone(), fact.stamp));
            return;
        }
        if !fact.overridden_by.is_empty() {
            self.overridden(fact);
        }
        let act = Act::of(fact, part);
        if let Some(used) = part.quantity.filter(|_| draws(state, fact, part))
            && state.life == Life::Active
            && state.quantity.is_some_and(|left| used > left)
        {
            self.add("uid.overdrawn", fact.stamp, None, None);
        }
        self.counterpart(state, fact, part);
        if !act.uses() {
            return;
        }
        self.life(state, fact, &act);
        self.parent(state, fact, part, &act);
        self.custody(state, fact, &act);
        if fact.stage == Stage::Dispatch && rejected(state) {
            self.add("uid.dispatched_rejected", fact.stamp, None, None);
        }
        self.held(fact, act.ships);
    }

    /// An act that was refused, and done by a supervisor's word: the other side is the
    /// refusal, which the same station told before.
    fn overridden(&mut self, fact: &Fact) {
        let of = |(station, at): &&(String, Stamp)| {
            *station == fact.station
                && (at.agent, at.epoch) == (fact.stamp.agent, fact.stamp.epoch)
                && at.seq < fact.stamp.seq
        };
        let refusal = self.refused.iter().find(of).map(|(_, at)| *at);
        // Known by the act alone, as it was before the refusal was told along.
        self.add(OVERRIDDEN, fact.stamp, None, None);
        if let Some(one) =
            self.found.iter_mut().rev().find(|one| one.kind == OVERRIDDEN && one.at == fact.stamp)
        {
            one.against = refusal;
        }
    }

    fn life(&mut self, state: &State, fact: &Fact, act: &Act) {
        match state.life {
            Life::Scrapped => self.add("uid.used_after_scrap", fact.stamp, state.ended_by, None),
            Life::Consumed if act.builds() => {
                if state.ended_by.is_some() {
                    self.add("uid.consumed_twice", fact.stamp, state.ended_by, None);
                }
            }
            Life::Consumed => self.add("uid.used_after_consumed", fact.stamp, state.ended_by, None),
            Life::Expected | Life::Active => {}
        }
    }

    fn parent(&mut self, state: &State, fact: &Fact, part: &Part, act: &Act) {
        let Some(parent) = state.parent else { return };
        if act.builds() {
            let again = !state.packed && fact.parent() != Some(parent) && state.life != Life::Consumed;
            if again && state.joined_by.is_some() {
                self.add("uid.consumed_twice", fact.stamp, state.joined_by, None);
            }
        } else if act.packs {
            let other = fact.parent_of(self.key) != Some(parent);
            let kind = if state.packed { "uid.packed_twice" } else { "uid.used_while_inside" };
            if other {
                self.add(kind, fact.stamp, state.joined_by, None);
            }
        } else if !state.packed && part.role != Role::Child {
            // What is listed as a child goes with its whole, and may.
            self.add("uid.used_while_inside", fact.stamp, state.joined_by, None);
        }
    }

    fn custody(&mut self, state: &State, fact: &Fact, act: &Act) {
        let Some((left, how)) = state.left_by else { return };
        let there = match state.custody {
            // A demonstration unit may be sold where it stands, a spare part is
            // built in where it was sent, and what a subcontractor did is told late.
            Custody::Customer => how == Stage::Dispatch && fact.stage != Stage::Installation,
            Custody::Supplier => how == Stage::ReturnToSupplier,
            // Only the agent that sent it off can be sure that it is not back: what
            // another one tells of its arrival may still be on its way.
            Custody::Transit => left.agent == fact.stamp.agent,
            Custody::Location | Custody::Parent => false,
        };
        if there {
            let twice = act.ships && fact.stage == Stage::Dispatch && how == Stage::Dispatch;
            let kind = if twice { "uid.dispatched_twice" } else { "uid.used_while_away" };
            self.add(kind, fact.stamp, Some(left), None);
        }
    }

    fn counterpart(&mut self, state: &State, fact: &Fact, part: &Part) {
        let out = part.role == Role::Child && fact.action == Action::Delete;
        let inside = matches!(fact.stage, Stage::Packing | Stage::Kit | Stage::Assembly);
        // Some of a container that was built in comes back into it.
        let some = state.container && part.quantity.is_some();
        let parent = fact.parent_of(self.key);
        if out
            && inside
            && !some
            && parent.is_some()
            && state.life != Life::Consumed
            && state.parent != parent
            && !parent.is_some_and(|package| state.left_behind.contains(&package))
        {
            self.unmatched.push((Lack::Joining, fact.stamp));
        }
        let delivered = fact.stage == Stage::Delivered && part.role != Role::Child;
        if delivered
            && state.left_by.is_none()
            && state.parent.is_none()
            && state.custody != Custody::Customer
        {
            self.unmatched.push((Lack::Sending, fact.stamp));
        }
    }

    /// Judges a fact that moves something the UID is inside of.
    pub fn judge_carried(&mut self, state: &State, fact: &Fact) {
        if fact.stage == Stage::Dispatch {
            self.held(fact, true);
            if rejected(state) {
                self.add("uid.dispatched_rejected", fact.stamp, None, None);
            }
        }
    }

    /// It goes into something that is inside of it, by the fact `by` or by way of that.
    pub fn circle(&mut self, fact: &Fact, by: Option<Stamp>) {
        self.add("uid.inside_itself", fact.stamp, by, None);
    }

    fn held(&mut self, fact: &Fact, ships: bool) {
        let kind = if ships { "uid.dispatched_while_held" } else { "uid.used_while_held" };
        let at = fact.occurred_at;
        let hold = self.held.iter().find(|held| held.from <= at && held.until.is_none_or(|until| at < until));
        if let Some(hold) = hold.map(|held| held.hold_id) {
            self.add(kind, fact.stamp, None, Some(hold));
        }
    }

    fn add(&mut self, kind: &'static str, at: Stamp, against: Option<Stamp>, hold: Option<uuid::Uuid>) {
        // Both sides in a fixed order: which of them came first may be seen anew.
        let mut sides = vec![text(at)];
        sides.extend(against.map(text));
        sides.sort();
        let fingerprint = format!("{}:{}", self.key, sides.join("+"));
        if !self.found.iter().any(|other| other.kind == kind && other.fingerprint == fingerprint) {
            self.found.push(Contradiction { kind, fingerprint, at, against, hold });
        }
    }
}

/// What a fact does with a UID, as far as that is a use of it.
struct Act {
    /// Used up into something else.
    uses_up: bool,
    /// Becomes a part of something.
    joins: bool,
    /// Becomes the content of something.
    packs: bool,
    /// Goes to somebody else.
    ships: bool,
    /// Another use.
    moves: bool,
}

impl Act {
    fn of(fact: &Fact, part: &Part) -> Self {
        let out = fact.action == Action::Delete;
        let child = part.role == Role::Child && !out;
        Self {
            uses_up: matches!(fact.stage, Stage::Consume | Stage::Transformation) && part.role == Role::Input,
            joins: child && matches!(fact.stage, Stage::Assembly | Stage::Installation),
            packs: child && matches!(fact.stage, Stage::Packing | Stage::Kit),
            ships: matches!(fact.stage, Stage::Dispatch | Stage::ReturnToSupplier)
                || (fact.stage == Stage::Demo && !out),
            moves: fact.stage == Stage::IssueToProduction || (fact.stage == Stage::Transfer && !out),
        }
    }

    /// Made into or built into something else.
    fn builds(&self) -> bool {
        self.uses_up || self.joins
    }

    fn uses(&self) -> bool {
        self.builds() || self.packs || self.ships || self.moves
    }
}

/// Whether a quantity that a fact names is taken off the label.
fn draws(state: &State, fact: &Fact, part: &Part) -> bool {
    let out = fact.action == Action::Delete;
    match fact.stage {
        Stage::Consume | Stage::Transformation => {
            part.role == Role::Input || (part.role == Role::Child && state.container)
        }
        Stage::IssueToProduction | Stage::Scrap => true,
        Stage::Sample => state.container,
        Stage::Assembly | Stage::Installation => part.role == Role::Child && !out && state.container,
        _ => false,
    }
}

fn rejected(state: &State) -> bool {
    state.verdict == Quality::Rejected || !state.failed.is_empty()
}
