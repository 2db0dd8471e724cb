//! Facts that disagree with each other, found while folding. Pure.

use proto::v1::{Action, Role, Stage};

use super::fact::{Fact, Part};
use super::fold::Held;
use super::state::{Life, Quality, State};
use crate::explore::order::Stamp;

/// The kinds that the projection opens, and withdraws when later facts show
/// that nothing disagrees after all.
pub const KINDS: [&str; 9] = [
    "uid.consumed_twice",
    "uid.used_after_scrap",
    "uid.used_while_held",
    "uid.dispatched_while_held",
    "uid.dispatched_rejected",
    "uid.overdrawn",
    "refusal.overridden",
    "transfer.arrival_without_departure",
    "uid.never_born",
];

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
    /// So far.
    pub found: Vec<Contradiction>,
}

fn text(stamp: Stamp) -> String {
    format!("{}/{}/{}", stamp.agent, stamp.epoch, stamp.seq)
}

impl<'a> Finder<'a> {
    /// For one UID and the times it was held.
    #[must_use]
    pub fn new(key: i64, held: &'a [Held]) -> Self {
        Self { key, held, found: Vec::new() }
    }

    /// Judges a fact of the UID itself against the state before it.
    pub fn judge(&mut self, state: &State, fact: &Fact, part: &Part) {
        if fact.stage == Stage::Refused {
            return;
        }
        if !fact.overridden_by.is_empty() {
            self.add("refusal.overridden", fact.stamp, None, None);
        }
        let out = fact.action == Action::Delete;
        let uses_up =
            matches!(fact.stage, Stage::Consume | Stage::Transformation) && part.role == Role::Input;
        let joins =
            matches!(fact.stage, Stage::Assembly | Stage::Installation) && part.role == Role::Child && !out;
        let ships = matches!(fact.stage, Stage::Dispatch | Stage::ReturnToSupplier)
            || (fact.stage == Stage::Demo && !out);
        let uses = uses_up
            || joins
            || ships
            || fact.stage == Stage::IssueToProduction
            || (fact.stage == Stage::Packing && part.role == Role::Child && !out)
            || (fact.stage == Stage::Transfer && !out);
        if (uses_up || joins)
            && let Some(before) = state.ended_by.filter(|_| state.life == Life::Consumed).or_else(|| {
                let elsewhere = state.parent.is_some() && !state.packed && state.parent != fact.parent();
                state.joined_by.filter(|_| elsewhere)
            })
        {
            self.add("uid.consumed_twice", fact.stamp, Some(before), None);
        }
        if uses && state.life == Life::Scrapped {
            self.add("uid.used_after_scrap", fact.stamp, state.ended_by, None);
        }
        if uses_up
            && state.life == Life::Active
            && let (Some(left), Some(used)) = (state.quantity, part.quantity)
            && used > left
        {
            self.add("uid.overdrawn", fact.stamp, None, None);
        }
        if ships && fact.stage == Stage::Dispatch && rejected(state) {
            self.add("uid.dispatched_rejected", fact.stamp, None, None);
        }
        if uses {
            self.held(fact, ships);
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

fn rejected(state: &State) -> bool {
    state.verdict == Quality::Rejected || !state.failed.is_empty()
}
