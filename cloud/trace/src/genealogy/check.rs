//! Memory against the SQL, on samples, all the time: a difference is an error in here,
//! is counted, and lets the tenant be read anew.

use std::sync::atomic::Ordering;
use std::time::Duration;

use platform::ctx::Cx;
use platform::db::Tx;
use rand::Rng;
use rand::seq::IndexedRandom;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Direction, Genealogy, Mode, Source, by_sql, store};
use crate::explore::error::TraceError;

/// How often each tenant in memory is looked at.
pub const EVERY: Duration = Duration::from_secs(180);
/// UIDs of one look.
const SAMPLES: usize = 4;
/// Most UIDs that one sample reaches; larger ones are passed over, so that the check
/// costs little.
const MOST: usize = 5_000;

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looked {
    /// Answers that were compared.
    pub compared: usize,
    /// Answers that differed.
    pub differed: usize,
}

/// Looks at every tenant in memory every few minutes until `stop`.
pub async fn run(genealogy: &Genealogy, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        let Some(shared) = &genealogy.0 else { continue };
        for kept in shared.all().into_iter().filter(|kept| kept.moment().is_some()) {
            if stop.is_cancelled() {
                return;
            }
            if let Err(error) = look(genealogy, kept.tenant).await {
                tracing::warn!(tenant = %kept.tenant, %error, "its genealogy could not be checked");
            }
        }
    }
}

/// Compares some answers about a tenant; forgets what is in memory if one differs.
///
/// # Errors
/// The database.
pub async fn look(genealogy: &Genealogy, tenant: Uuid) -> Result<Looked, TraceError> {
    let Some(shared) = &genealogy.0 else {
        return Ok(Looked::default());
    };
    let cx = Cx::system(tenant);
    let mut looked = Looked::default();
    for _ in 0..SAMPLES {
        let same = shared.db.tx(&cx, async |tx| sample(genealogy, tx).await).await?;
        let Some(same) = same else { continue };
        looked.compared += 1;
        shared.checked.fetch_add(1, Ordering::Relaxed);
        if !same {
            looked.differed += 1;
            shared.differed.fetch_add(1, Ordering::Relaxed);
            shared.forget(tenant);
            return Ok(looked);
        }
    }
    Ok(looked)
}

/// Whether both answer the same about a UID; `None` where they cannot be compared.
async fn sample(genealogy: &Genealogy, tx: &mut Tx) -> Result<Option<bool>, TraceError> {
    let Some((low, high)) = store::linked_span(tx).await? else {
        return Ok(None);
    };
    let (from, direction, mode) = {
        let mut random = rand::rng();
        let from = random.random_range(low..=high);
        let direction = if random.random() { Direction::Forward } else { Direction::Backward };
        let mode = [Mode::Ever, Mode::Open, Mode::Recall, Mode::Made];
        (from, direction, mode[random.random_range(0..mode.len())])
    };
    // Keys lie in heaps, by plant and kind: any of the next ones will do.
    let near = store::linked_from(tx, from, 100).await?;
    let Some(start) = near.choose(&mut rand::rng()).copied() else {
        return Ok(None);
    };
    let memory = genealogy.reach(tx, &[start], direction, mode, MOST).await?;
    if memory.source != Source::Memory || memory.cut {
        return Ok(None);
    }
    let sql = by_sql(tx, memory.through_batch, &[start], direction, mode, MOST).await?;
    // What was committed meanwhile may be in the one and not in the other.
    if store::moment(tx).await?.batch != memory.through_batch {
        return Ok(None);
    }
    if memory.keys != sql.keys || sql.cut {
        let (tenant, batch) = (tx.tenant(), memory.through_batch);
        let (memory, sql) = (memory.keys.len(), sql.keys.len());
        tracing::error!(%tenant, start, ?direction, ?mode, batch, memory, sql, "the genealogy in memory is wrong");
        return Ok(Some(false));
    }
    Ok(Some(true))
}
