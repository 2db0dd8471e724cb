//! What units are in, and where that is: a unit is where the outermost thing around it is.

use std::collections::{BTreeSet, HashMap};

use platform::ctx::Plants;
use platform::db::Tx;

use super::error::TraceError;
use super::store::label::{self, Registered};
use crate::projection::state::Custody;

/// How deep something can be in others.
pub const DEEPEST: usize = 32;

/// Registry rows of these units and of all that they are in; one question for each step out.
///
/// # Errors
/// The database.
pub async fn with_parents(tx: &mut Tx, keys: &[i64]) -> Result<HashMap<i64, Registered>, TraceError> {
    let mut rows: HashMap<i64, Registered> = HashMap::new();
    let mut next = keys.to_vec();
    for _ in 0..DEEPEST {
        if next.is_empty() {
            break;
        }
        let found = label::registered(tx, &next).await?;
        let parents: BTreeSet<i64> = found.iter().filter_map(|row| row.parent_key).collect();
        rows.extend(found.into_iter().map(|row| (row.key, row)));
        next = parents.into_iter().filter(|key| !rows.contains_key(key)).collect();
    }
    Ok(rows)
}

/// The outermost thing around a unit; ends on a cycle.
#[must_use]
pub fn outermost<'r>(rows: &'r HashMap<i64, Registered>, of: &'r Registered) -> &'r Registered {
    let mut outer = of;
    for _ in 0..DEEPEST {
        match outer.parent_key.and_then(|parent| rows.get(&parent)) {
            Some(parent) => outer = parent,
            None => break,
        }
    }
    outer
}

/// Where a unit is, as lists tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The outermost thing around it; `None` where it is in nothing.
    pub inside_of: Option<i64>,
    /// Who has that, or the unit itself.
    pub custody: &'static str,
    /// At which plant that is, or was last.
    pub plant: String,
    /// Where there; empty at a plant that is none of the reader's.
    pub location: String,
}

impl Spot {
    /// Where a unit says itself that it is, for a reader of some plants.
    #[must_use]
    pub fn own(custody: &'static str, (plant, location): (String, String), plants: &Plants) -> Self {
        let location = if plants.has(&plant) { location } else { String::new() };
        Self { inside_of: None, custody, plant, location }
    }
}

impl Default for Spot {
    /// Of a unit of which nothing is known.
    fn default() -> Self {
        let (plant, location) = (String::new(), String::new());
        Self { inside_of: None, custody: Custody::Location.name(), plant, location }
    }
}

/// Where a unit is, for a reader of some plants; `rows` are those of [`with_parents`]. Pure.
#[must_use]
pub fn spot(rows: &HashMap<i64, Registered>, key: i64, plants: &Plants) -> Option<Spot> {
    let row = rows.get(&key)?;
    let outer = outermost(rows, row);
    // Of what it is in nothing may be known but its label.
    let inside_of = if outer.key == key { row.parent_key } else { Some(outer.key) };
    let custody = Custody::from_number(outer.custody).unwrap_or(Custody::Location).name();
    let place = (outer.plant.clone(), outer.location.clone());
    Some(Spot { inside_of, ..Spot::own(custody, place, plants) })
}
