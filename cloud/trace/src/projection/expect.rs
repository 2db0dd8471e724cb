//! What the rows of UIDs should be by their facts alone, for the check that finds rows that
//! somebody changed. The same fold as the projection's; writes nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::chunk::travel;
use super::fold::{Born, fold};
use super::holding::{self, OfficeHold, PlantHold};
use super::origin;
use super::state::State;
use super::stock::Entry;
use super::store::facts;
use super::store::holds::Held;
use super::store::write::Transfer;

/// What follows from the facts of one UID.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// The UID.
    pub key: i64,
    /// One of its facts is a birth of it.
    pub born: bool,
    /// Its row of the registry.
    pub state: State,
    /// What its facts name, also those that are corrected: what they taught stays.
    pub named: Named,
    /// Its entries in the stock ledger.
    pub entries: Vec<Entry>,
    /// Its ways between plants.
    pub ways: Vec<Transfer>,
    /// Holds that plants placed on it.
    pub plant_holds: Vec<PlantHold>,
    /// Holds of which the office says that it is under them, by name or through others.
    pub office_holds: Vec<OfficeHold>,
}

/// Items, lots and units that facts name for a UID.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named {
    /// Item codes.
    pub items: BTreeSet<String>,
    /// Lots.
    pub lots: BTreeSet<Uuid>,
    /// Units of measure.
    pub units: BTreeSet<String>,
}

/// Folds some UIDs. `offices` are the agents that stand for the office.
///
/// # Errors
/// The database.
pub(crate) async fn expected(tx: &mut Tx, keys: &[i64], offices: &[Uuid]) -> Result<Vec<Expected>, Error> {
    let facts = facts::load(tx, keys).await?;
    let mut born = facts::born(tx, keys).await?;
    origin::inherit(tx, keys, &facts, &mut born).await?;
    let nobody = Born::default();
    let mut all = Vec::with_capacity(keys.len());
    for &key in keys {
        let concerning = facts.concerning(key);
        let told = facts.told(key);
        let mut ways = Vec::new();
        travel(key, &concerning, &mut ways);
        // Under which holds it was decides what disagrees, never its state.
        let folded = fold(key, born.get(&key).unwrap_or(&nobody), &concerning, &[]);
        let mut named = Named::default();
        let mut minted = false;
        for part in told.iter().flat_map(|fact| fact.parts_of(key)) {
            minted |= part.mint;
            named.lots.extend(part.lot);
            if !part.item.is_empty() {
                named.items.insert(part.item.clone());
            }
            if !part.unit.is_empty() {
                named.units.insert(part.unit.clone());
            }
        }
        all.push(Expected {
            key,
            born: minted,
            state: folded.state,
            named,
            entries: folded.entries,
            ways,
            plant_holds: holding::of_key(key, &told),
            office_holds: holding::of_office(&told, offices),
        });
    }
    Ok(all)
}

/// Rows of some UIDs as they stand, by UID.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Entries of the stock ledger.
    pub entries: HashMap<i64, Vec<Entry>>,
    /// Ways between plants.
    pub ways: HashMap<i64, Vec<Transfer>>,
    /// Holds with the UID among their members.
    pub holds: HashMap<i64, Vec<Held>>,
}

/// Reads what stands beside the registry.
///
/// # Errors
/// The database.
pub(crate) async fn standing(tx: &mut Tx, keys: &[i64]) -> Result<Standing, Error> {
    use super::store::write;
    let mut all = Standing::default();
    for (key, entry) in write::ledger_of(tx, keys).await? {
        all.entries.entry(key).or_default().push(entry);
    }
    for way in write::transfers_of(tx, keys).await? {
        all.ways.entry(way.key).or_default().push(way);
    }
    for (key, held) in super::store::holds::of_members(tx, keys).await? {
        all.holds.entry(key).or_default().push(held);
    }
    Ok(all)
}

/// Of these UIDs, those whose rows could not be written: what stands of them is older than
/// their facts, and an exception says so.
///
/// # Errors
/// The database.
pub(crate) async fn unwritten(tx: &mut Tx, keys: &[i64]) -> Result<HashSet<i64>, Error> {
    Ok(super::store::write::failed_among(tx, keys).await?.into_iter().collect())
}
