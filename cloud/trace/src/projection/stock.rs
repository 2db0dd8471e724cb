//! Movements of stock that follow from the facts of one label. Pure.
//!
//! Entries are signed, in the base unit, and numbered within (label, event), so
//! that folding again gives the same rows under the same keys. A correction
//! adds the reversal; it removes nothing.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::fact::Fact;
use super::state::State;
use crate::explore::order::Stamp;

/// One row of the stock ledger, of a label that its owner knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The event that moved it.
    pub stamp: Stamp,
    /// Which movement of this label in that event, from 0.
    pub ordinal: i16,
    /// Plant code.
    pub plant: String,
    /// Place in the plant.
    pub location: String,
    /// Item code.
    pub item: String,
    /// Lot, where known.
    pub lot: Option<Uuid>,
    /// Signed, in `unit`.
    pub quantity: Decimal,
    /// Base unit.
    pub unit: String,
    /// When it happened at the plant.
    pub occurred_at: DateTime<Utc>,
    /// Number of the stage.
    pub stage: i16,
}

/// The entries of one label so far.
#[derive(Debug, Default)]
pub struct Book {
    /// In causal order.
    pub entries: Vec<Entry>,
}

impl Book {
    /// In at the place where the label is.
    pub fn inward(&mut self, fact: &Fact, state: &State, amount: Decimal) {
        self.at(fact, state, &state.plant.clone(), &state.location.clone(), amount);
    }

    /// Out of the place where the label is.
    pub fn outward(&mut self, fact: &Fact, state: &State, amount: Decimal) {
        self.at(fact, state, &state.plant.clone(), &state.location.clone(), -amount);
    }

    /// A signed movement at any place. Nothing is booked of a label without an
    /// item (an empty package), and no movement of nothing.
    pub fn at(&mut self, fact: &Fact, state: &State, plant: &str, location: &str, quantity: Decimal) {
        if state.item.is_empty() || quantity.is_zero() {
            return;
        }
        let ordinal = self.next_ordinal(fact.stamp);
        self.entries.push(Entry {
            stamp: fact.stamp,
            ordinal,
            plant: plant.to_owned(),
            location: location.to_owned(),
            item: state.item.clone(),
            lot: state.lot,
            quantity,
            unit: state.unit.clone(),
            occurred_at: fact.occurred_at,
            stage: fact.stage as i16,
        });
    }

    /// The opposite of `entries`, booked by a correction.
    pub fn reverse(&mut self, correction: &Fact, entries: &[Entry]) {
        for entry in entries {
            let ordinal = self.next_ordinal(correction.stamp);
            self.entries.push(Entry {
                stamp: correction.stamp,
                ordinal,
                quantity: -entry.quantity,
                occurred_at: correction.occurred_at,
                stage: correction.stage as i16,
                ..entry.clone()
            });
        }
    }

    fn next_ordinal(&self, stamp: Stamp) -> i16 {
        let count = self.entries.iter().rev().filter(|entry| entry.stamp == stamp).count();
        i16::try_from(count).unwrap_or(i16::MAX)
    }
}
