//! Returns that plants record, counted by following the batches, each once.

use std::collections::{BTreeSet, HashMap};

use platform::db::Tx;

use super::store::answers::Back;
use super::{since, store};
use crate::explore::stays::{self, Measured};
use crate::explore::store::corrections;
use crate::explore::store::label;
use crate::ingest::store::cursor;
use crate::projection::store::queue::{self, Ranges};

/// The name of the cursor.
pub const FOLLOWS: &str = "recalls";
/// Most batches in one transaction.
const BATCHES: i64 = 64;

/// Counts the returns of the next batches, as far as it was looked at what they and those before
/// sent away, in one transaction with the cursor; answers how many batches, 0 also while another
/// worker is at it.
///
/// # Errors
/// The database.
pub async fn step(tx: &mut Tx) -> Result<usize, sqlx::Error> {
    let Some(after) = queue::cursor_lock(tx, FOLLOWS).await? else {
        return Ok(0);
    };
    // While no recall is open nothing is counted; one that is begun takes the cursor
    // back to where its snapshot stands, and waits for this lock to do so.
    if !store::recalls::any_open(tx).await? {
        let last = cursor::last_batch(tx).await?;
        if last > after {
            queue::cursor_move(tx, FOLLOWS, last).await?;
        }
        return Ok(0);
    }
    // No further than what left is known: a return counts for whoever had it by then.
    let known = label::projected_to(tx, since::FOLLOWS).await?;
    let mut batches = queue::batches_after(tx, after, BATCHES).await?;
    batches.retain(|batch| batch.batch_id <= known);
    let Some(last) = batches.last().map(|batch| batch.batch_id) else {
        return Ok(0);
    };
    let ranges = Ranges::of(&batches);
    store::answers::returns(tx, &ranges).await?;
    let back = store::answers::back(tx, &ranges).await?;
    let inside = inside(tx, &back).await?;
    store::answers::returns_inside(tx, &inside).await?;
    // A correction takes a return back; one of a correction gives it again.
    let corrected = queue::corrected_by(tx, &ranges).await?;
    let mut concerned = store::answers::counted(tx, &corrected).await?;
    concerned.extend(store::answers::counted_in(tx, &ranges).await?);
    if corrected.is_empty() && concerned.is_empty() {
        queue::cursor_move(tx, FOLLOWS, last).await?;
        return Ok(batches.len());
    }
    if !corrected.is_empty() && concerned.is_empty() {
        // It may correct a correction: look at all that are counted in open recalls.
        concerned = store::answers::all_counted(tx).await?;
    }
    let void: Vec<_> = corrections::void_among(tx, &concerned).await?.into_iter().collect();
    store::answers::void_set(tx, &concerned, &void).await?;
    queue::cursor_move(tx, FOLLOWS, last).await?;
    Ok(batches.len())
}

/// What was in the packages that came back when they did, in however many others, and what is in
/// those units: a box that was on a pallet comes back with all that is in it.
async fn inside<'b>(tx: &mut Tx, back: &'b [Back]) -> Result<Vec<(&'b Back, i64)>, sqlx::Error> {
    let measured: Vec<Measured> = back
        .iter()
        .map(|one| Measured { package: one.key, at: vec![one.occurred_at], agent: one.agent_id })
        .collect();
    let packed = stays::inside(tx, &measured).await?;
    let all: Vec<i64> = packed.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let mut parts: HashMap<i64, Vec<i64>> = HashMap::new();
    for (whole, part) in store::answers::within(tx, &all).await? {
        parts.entry(whole).or_default().push(part);
    }
    let mut found = Vec::new();
    for (one, packed) in back.iter().zip(packed) {
        let within = packed.iter().flat_map(|key| parts.get(key).into_iter().flatten()).copied();
        let keys: BTreeSet<i64> =
            within.chain(packed.iter().copied()).filter(|key| *key != one.key).collect();
        found.extend(keys.into_iter().map(|key| (one, key)));
    }
    Ok(found)
}
