//! What happens to a rack, a box or a trolley happens to what is in it then; and what was put
//! into a load before a time may still be there.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Duration, Utc};
use platform::db::Tx;
use uuid::Uuid;

use super::error::ScopeError;
use super::evaluate::{MOST_KEYS, Part, Reach, lasting, limit};
use super::sets;
use super::store::leaf::{self as store, Fits, Turn};
use super::store::moments::{self, Documents};
use crate::explore::stays::contents;
use crate::explore::store::{corrections, stays};

/// A load or an operation that began earlier than so is taken to be over.
const LONGEST_INSIDE: Duration = Duration::days(7);

/// Takes what was found, and what was in those of it that are packages when it happened.
pub(super) async fn happened(
    tx: &mut Tx,
    (fits, documents): (&Fits, Option<&Documents>),
    found: Vec<i64>,
    reach: Reach<'_>,
    part: &mut Part,
    path: &str,
) -> Result<(), ScopeError> {
    let packages = stays::packages_among(tx, &found).await?;
    part.keys = sets::either(&part.keys, &found);
    if packages.is_empty() {
        return Ok(());
    }
    let mut moments = moments::of_events(tx, fits, documents, &packages, limit()).await?;
    if moments.len() > MOST_KEYS {
        let Reach::Newest(_) = reach else {
            return Err(ScopeError::TooMany(path.to_owned()));
        };
        moments.truncate(MOST_KEYS);
        part.more = true;
    }
    let corrected: Vec<Uuid> = moments.iter().filter_map(|one| one.corrected).collect();
    let void = corrections::void_among(tx, &corrected).await?;
    moments.retain(|one| one.corrected.is_none_or(|event| !void.contains(&event)));
    let moments: Vec<_> = moments.into_iter().map(|one| (one.key, one.at, one.agent_id)).collect();
    part.keys = sets::either(&part.keys, &inside_then(tx, &moments).await?);
    Ok(())
}

/// What was in these packages then, by what an agent told.
async fn inside_then(tx: &mut Tx, moments: &[(i64, DateTime<Utc>, Uuid)]) -> Result<Vec<i64>, ScopeError> {
    Ok(sets::set(contents(tx, moments).await?.into_iter().collect()))
}

/// Units that were put into a load, or whose operation was begun, before `from`, and that
/// were still there then.
pub(super) async fn inside_at(
    tx: &mut Tx,
    mut fits: Fits,
    from: DateTime<Utc>,
    within: Option<&[i64]>,
    path: &str,
) -> Result<Vec<i64>, ScopeError> {
    fits.stages = Some(lasting(fits.stages.as_deref()));
    fits.from = Some(from - LONGEST_INSIDE);
    fits.to = Some(from);
    let turns = store::turns(tx, &fits, within, limit()).await?;
    if turns.len() > MOST_KEYS {
        return Err(ScopeError::TooMany(path.to_owned()));
    }
    let corrected: Vec<Uuid> = turns.iter().filter_map(|turn| turn.corrected).collect();
    let void = corrections::void_among(tx, &corrected).await?;
    let mut last: HashMap<i64, &Turn> = HashMap::new();
    for turn in turns.iter().filter(|turn| turn.corrected.is_none_or(|event| !void.contains(&event))) {
        last.insert(turn.key, turn);
    }
    let begun: Vec<&Turn> = last.into_values().filter(|turn| turn.action == 1).collect();
    if begun.is_empty() {
        return Ok(Vec::new());
    }
    let gone: HashSet<i64> = store::gone_since(tx, &begun, from).await?.into_iter().collect();
    let there: Vec<&Turn> = begun.into_iter().filter(|turn| !gone.contains(&turn.key)).collect();
    let keys = sets::set(there.iter().map(|turn| turn.key).collect());
    let packages: HashSet<i64> = stays::packages_among(tx, &keys).await?.into_iter().collect();
    let moments: Vec<_> = there
        .iter()
        .filter(|turn| packages.contains(&turn.key))
        .map(|turn| (turn.key, from, turn.agent_id))
        .collect();
    Ok(sets::either(&keys, &inside_then(tx, &moments).await?))
}
