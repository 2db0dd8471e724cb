//! Why the holds were placed that the events of a history name.

use std::collections::{BTreeSet, HashMap};

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::model::EventView;
use super::store::label;

/// The reasons of holds, by their ids as events name them.
#[derive(Debug, Clone, Default)]
pub struct Why(HashMap<String, String>);

impl Why {
    /// Looks up the holds that these events name.
    ///
    /// # Errors
    /// The database.
    pub async fn read(tx: &mut Tx, events: &[EventView]) -> Result<Self, Error> {
        let named = events.iter().filter(|event| names_hold(event));
        let holds: BTreeSet<Uuid> = named.filter_map(|event| event.reference.parse().ok()).collect();
        if holds.is_empty() {
            return Ok(Self::default());
        }
        let reasons = label::hold_reasons(tx, &holds.into_iter().collect::<Vec<_>>()).await?;
        Ok(Self(reasons.into_iter().map(|(hold, reason)| (hold.to_string(), reason)).collect()))
    }

    /// Why the hold was placed that an event names.
    #[must_use]
    pub fn of(&self, event: &EventView) -> Option<&str> {
        if names_hold(event) { self.0.get(&event.reference).map(String::as_str) } else { None }
    }

    /// All reasons that are known.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }
}

/// Whether what an event names is a hold, and no document.
#[must_use]
pub fn names_hold(event: &EventView) -> bool {
    event.reference_type == "hold"
}
