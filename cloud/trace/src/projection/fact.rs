//! One fact as the projections see it, free of the database.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use proto::v1::{Action, Outcome, Role, Stage};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::explore::order::{Node, Stamp};

/// The part that a UID plays in a fact.
#[derive(Debug, Clone)]
pub struct Part {
    /// Which UID.
    pub key: i64,
    /// What it does there.
    pub role: Role,
    /// In `unit`; `None` for the whole label.
    pub quantity: Option<Decimal>,
    /// Base unit of the item.
    pub unit: String,
    /// Born by this fact.
    pub mint: bool,
    /// Item code where stated.
    pub item: String,
    /// Lot where stated.
    pub lot: Option<Uuid>,
}

/// A fact. Shared between the folds of all UIDs that it concerns.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Identity.
    pub stamp: Stamp,
    /// Named by corrections.
    pub event_id: Uuid,
    /// Kind.
    pub stage: Stage,
    /// Direction.
    pub action: Action,
    /// The plant's clock.
    pub occurred_at: DateTime<Utc>,
    /// Plant code.
    pub plant: String,
    /// Place in the plant.
    pub location: String,
    /// Who did it; opaque.
    pub operator: String,
    /// Where.
    pub station: String,
    /// Result.
    pub outcome: Outcome,
    /// Operation of the routing.
    pub operation: String,
    /// Reason code.
    pub reason: String,
    /// Supervisor who let a refused act be done.
    pub overridden_by: String,
    /// The fact that this one corrects.
    pub corrects: Option<Uuid>,
    /// First document: type and number.
    pub reference: (String, String),
    /// All document numbers, of stages that send and receive.
    pub documents: Vec<String>,
    /// Production order, where one is named.
    pub order: String,
    /// Plant that a departure names as its destination.
    pub to_plant: String,
    /// Counted as good by an inspection.
    pub accepted: Option<Decimal>,
    /// Rejected quantity of an inspection, where it named one.
    pub rejected: Option<Decimal>,
    /// UIDs concerned, in the event's order.
    pub parts: Vec<Part>,
    index: HashMap<i64, Vec<usize>>,
}

impl Fact {
    /// Finishes a fact whose parts are complete.
    #[must_use]
    pub fn indexed(mut self) -> Self {
        self.index.clear();
        for (at, part) in self.parts.iter().enumerate() {
            self.index.entry(part.key).or_default().push(at);
        }
        self
    }

    /// A fact of a stage with nothing in it yet; call [`Fact::indexed`] after
    /// filling its parts.
    #[must_use]
    pub fn new(
        stamp: Stamp,
        event_id: Uuid,
        stage: Stage,
        action: Action,
        occurred_at: DateTime<Utc>,
    ) -> Self {
        Self {
            stamp,
            event_id,
            stage,
            action,
            occurred_at,
            plant: String::new(),
            location: String::new(),
            operator: String::new(),
            station: String::new(),
            outcome: Outcome::Unspecified,
            operation: String::new(),
            reason: String::new(),
            overridden_by: String::new(),
            corrects: None,
            reference: (String::new(), String::new()),
            documents: Vec::new(),
            order: String::new(),
            to_plant: String::new(),
            accepted: None,
            rejected: None,
            parts: Vec::new(),
            index: HashMap::new(),
        }
    }

    /// What `key` does in it; a UID may play two parts.
    pub fn parts_of(&self, key: i64) -> impl Iterator<Item = &Part> {
        self.index.get(&key).into_iter().flatten().map(|&at| &self.parts[at])
    }

    /// The whole that children go into or come out of.
    #[must_use]
    pub fn parent(&self) -> Option<i64> {
        self.parts.iter().find(|part| part.role == Role::Parent && part.key != 0).map(|part| part.key)
    }

    /// The parent of `key` in this fact, when it is a child here.
    #[must_use]
    pub fn parent_of(&self, key: i64) -> Option<i64> {
        let swapped = self.stage == Stage::Service;
        let mut own = self.parts_of(key);
        if !own.any(|part| part.role == Role::Child || (swapped && part.role == Role::Input)) {
            return None;
        }
        // A swap may name its whole as the subject.
        let subject =
            || self.parts.iter().find(|part| swapped && part.role == Role::Subject).map(|part| part.key);
        self.parent().or_else(subject).filter(|&parent| parent != key && parent != 0)
    }

    /// What the order of facts needs, as `key` sees it.
    #[must_use]
    pub fn node(&self, key: i64) -> Node {
        // A package may be listed with all that is in it; its own key comes first.
        let mut moves: Vec<i64> = self.parts.iter().map(|part| part.key).take(8).collect();
        if self.parts_of(key).next().is_some() {
            moves.push(key);
        }
        Node {
            stamp: self.stamp,
            event_id: self.event_id,
            stage: self.stage,
            action: self.action,
            occurred_at: self.occurred_at,
            plant: self.plant.clone(),
            documents: self.documents.clone(),
            moves,
            parent: self.parent_of(key),
            mint: self.parts_of(key).any(|part| part.mint),
            corrects: self.corrects,
        }
    }
}
