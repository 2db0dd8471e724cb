//! Quality that goods bring along when they get a label of their own.
//!
//! A bag split off a coil that waits for inspection waits for it too. What a
//! UID's fold begins with is therefore the quality of its source, if that is of
//! the same lot, at the moment of the split.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use platform::db::Tx;
use proto::v1::{Role, Stage};
use sqlx::Error;

use super::fact::Fact;
use super::fold::{Born, fold_until};
use super::state::Quality;
use super::store::facts::{self, Facts};
use crate::explore::order::Stamp;

/// Splits of splits that are followed back.
const MOST_STEPS: usize = 16;

/// Sets the quality with which those of `keys` begin that were split off.
pub async fn inherit(
    tx: &mut Tx,
    keys: &[i64],
    facts: &Facts,
    born: &mut HashMap<i64, Born>,
) -> Result<(), Error> {
    // The facts of sources, of their sources, and so on; nearest first.
    let mut levels: Vec<(Facts, HashMap<i64, Born>)> = Vec::new();
    let mut seen: HashSet<i64> = keys.iter().copied().collect();
    let mut open: Vec<i64> = keys.to_vec();
    for _ in 0..MOST_STEPS {
        let known = levels.last().map_or(facts, |(facts, _)| facts);
        let mut sources: Vec<i64> = open
            .iter()
            .filter_map(|&key| split(known, key))
            .flat_map(|fact| inputs(fact).collect::<Vec<_>>())
            .filter(|source| seen.insert(*source))
            .collect();
        if sources.is_empty() {
            break;
        }
        sources.sort_unstable();
        let loaded = facts::load(tx, &sources).await?;
        let births = facts::born(tx, &sources).await?;
        levels.push((loaded, births));
        open = sources;
    }
    let world = World { facts, levels: &levels, born };
    let qualities: Vec<(i64, Quality)> =
        keys.iter().filter_map(|&key| Some((key, world.begins_with(key, MOST_STEPS)?))).collect();
    for (key, quality) in qualities {
        born.entry(key).or_default().quality = quality;
    }
    Ok(())
}

/// The split by which a UID got its label; of two, which only a second birth
/// makes, always the same one.
fn split(facts: &Facts, key: i64) -> Option<&Arc<Fact>> {
    let own = facts.own(key).filter(|fact| {
        fact.stage == Stage::Transformation
            && fact.parts_of(key).any(|part| part.role == Role::Output && part.mint)
    });
    own.min_by_key(|fact| fact.stamp)
}

/// Whether something may be split off `key` by this fact.
pub fn splits(fact: &Fact, key: i64) -> bool {
    fact.stage == Stage::Transformation && fact.parts_of(key).any(|part| part.role == Role::Input)
}

fn inputs(fact: &Fact) -> impl Iterator<Item = i64> {
    fact.parts.iter().filter(|part| part.role == Role::Input && part.key != 0).map(|part| part.key)
}

struct World<'a> {
    facts: &'a Facts,
    levels: &'a [(Facts, HashMap<i64, Born>)],
    born: &'a HashMap<i64, Born>,
}

impl World<'_> {
    fn places(&self) -> impl Iterator<Item = (&Facts, &HashMap<i64, Born>)> {
        std::iter::once((self.facts, self.born)).chain(self.levels.iter().map(|(facts, born)| (facts, born)))
    }

    fn birth(&self, key: i64) -> Option<&Born> {
        self.places().find_map(|(_, born)| born.get(&key))
    }

    /// The quality with which `key` begins; `None` when it was not split off.
    fn begins_with(&self, key: i64, steps: usize) -> Option<Quality> {
        let fact = self.places().find_map(|(facts, _)| split(facts, key))?;
        let lot = self.birth(key).and_then(|born| born.lot)?;
        let source =
            inputs(fact).find(|&source| self.birth(source).and_then(|born| born.lot) == Some(lot))?;
        Some(self.quality_before(source, fact.stamp, steps.checked_sub(1)?))
    }

    fn quality_before(&self, key: i64, stamp: Stamp, steps: usize) -> Quality {
        let Some((facts, _)) = self.places().find(|(facts, _)| facts.own(key).next().is_some()) else {
            return Quality::Unrestricted;
        };
        let mut born = self.birth(key).cloned().unwrap_or_default();
        if let Some(quality) = self.begins_with(key, steps) {
            born.quality = quality;
        }
        fold_until(key, &born, &facts.concerning(key), &[], Some(stamp)).state.quality
    }
}
