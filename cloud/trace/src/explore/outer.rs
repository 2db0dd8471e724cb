//! What units are in, and where that is: a unit is where the outermost thing around it is.

use std::collections::{BTreeSet, HashMap};

use platform::ctx::Plants;
use platform::db::Tx;
use proto::v1::Stage;
use uuid::Uuid;

use super::error::TraceError;
use super::store::corrections;
use super::store::label::{self, Registered};
use super::store::walk::{self, EndEvent};
use crate::projection::state::Custody;

/// How deep something can be in others.
pub const DEEPEST: usize = 32;
/// Acts by which something leaves a plant.
const LEAVING: [i16; 6] = [
    Stage::Transfer as i16,
    Stage::JobWorkOut as i16,
    Stage::Dispatch as i16,
    Stage::Delivered as i16,
    Stage::Demo as i16,
    Stage::ReturnToSupplier as i16,
];
/// How many are asked at once by what they left.
const AT_ONCE: usize = 2_000;
/// How many units are counted, or chosen among, at a time by what they are in.
pub const COUNTED: usize = 50_000;
/// All there is: one more than it can still be asked for.
const ALL: i64 = i64::MAX - 1;

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

/// Registry rows of all that is around units that say what they are in.
///
/// # Errors
/// The database.
pub async fn around(
    tx: &mut Tx,
    parents: impl Iterator<Item = Option<i64>>,
) -> Result<HashMap<i64, Registered>, TraceError> {
    let parents: BTreeSet<i64> = parents.flatten().collect();
    with_parents(tx, &parents.into_iter().collect::<Vec<_>>()).await
}

/// At which plant something is and who has it, a number of [`Custody`]: with the outermost thing
/// around the one that is climbed `from`, itself or what it is in, or else as it says of its `own`.
/// `rows` have that one, and all around it. Pure.
#[must_use]
pub fn place<'r>(
    rows: &'r HashMap<i64, Registered>,
    from: Option<i64>,
    own: (&'r str, i16),
) -> (&'r str, i16) {
    let from = from.and_then(|from| rows.get(&from));
    let outer = from.map(|from| outermost(rows, from));
    outer.map_or(own, |outer| (outer.plant.as_str(), outer.custody))
}

/// Whether something is at no place of ours, by its own row.
#[must_use]
pub fn is_gone(row: &Registered) -> bool {
    let custody = Custody::from_number(row.custody);
    matches!(custody, Some(Custody::Transit | Custody::Customer | Custody::Supplier))
}

/// By what the outermost things around these units left last, of those that are gone, by their
/// keys; events of the reader's plants tell. `rows` are those of [`with_parents`].
///
/// # Errors
/// The database.
pub async fn left(
    tx: &mut Tx,
    rows: &HashMap<i64, Registered>,
    keys: &[i64],
) -> Result<HashMap<i64, EndEvent>, TraceError> {
    let outer = keys.iter().filter_map(|key| rows.get(key)).map(|row| outermost(rows, row));
    let gone: BTreeSet<i64> = outer.filter(|outer| is_gone(outer)).map(|outer| outer.key).collect();
    let mut left = HashMap::new();
    for keys in gone.into_iter().collect::<Vec<_>>().chunks(AT_ONCE) {
        let mut events = walk::end_events(tx, keys, &LEAVING, &[], ALL).await?;
        let ids: Vec<Uuid> = events.iter().map(|event| event.event_id).collect();
        let void = corrections::void_among(tx, &ids).await?;
        events.retain(|event| !void.contains(&event.event_id));
        // The oldest come first, and the last one stays.
        left.extend(events.into_iter().map(|event| (event.key, event)));
    }
    Ok(left)
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
    /// To whom it went, where events tell that; empty at a place of ours.
    pub partner: String,
    /// By which document; empty where there is none.
    pub document: String,
}

impl Spot {
    /// Where a unit says itself that it is, for a reader of some plants.
    #[must_use]
    pub fn own(custody: &'static str, (plant, location): (String, String), plants: &Plants) -> Self {
        let location = if plants.has(&plant) { location } else { String::new() };
        let (partner, document) = (String::new(), String::new());
        Self { inside_of: None, custody, plant, location, partner, document }
    }
}

impl Default for Spot {
    /// Of a unit of which nothing is known.
    fn default() -> Self {
        Self::own(Custody::Location.name(), (String::new(), String::new()), &Plants::All)
    }
}

/// Where a unit is, for a reader of some plants; `rows` are those of [`with_parents`], and `left`
/// is what [`left`] found. Pure.
#[must_use]
pub fn spot(
    (rows, left): (&HashMap<i64, Registered>, &HashMap<i64, EndEvent>),
    key: i64,
    plants: &Plants,
) -> Option<Spot> {
    let row = rows.get(&key)?;
    let outer = outermost(rows, row);
    // Of what it is in nothing may be known but its label.
    let inside_of = if outer.key == key { row.parent_key } else { Some(outer.key) };
    let custody = Custody::from_number(outer.custody).unwrap_or(Custody::Location).name();
    let place = (outer.plant.clone(), outer.location.clone());
    let left = left.get(&outer.key).map(|event| (event.partner.clone(), event.reference_number.clone()));
    let (partner, document) = left.unwrap_or_default();
    Some(Spot { inside_of, partner, document, ..Spot::own(custody, place, plants) })
}
