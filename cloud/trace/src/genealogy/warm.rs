//! Brings a tenant's links in memory up to date: read whole at first, then by the
//! batches that were committed since.
//!
//! What is known of a link is set, not added to, and always as it is at some moment
//! at or after the batch that is named: so pages may be read one after the other, and
//! the same batch twice, and nothing counts twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use platform::ctx::Cx;
use platform::db::DbError;
use platform::tenancy;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::adjacency::{Adjacency, state};
use super::build::Builder;
use super::keep::{Held, Kept, Shared};
use super::store;
use super::{Moment, store::Sum};
use crate::explore::error::TraceError;
use crate::ingest::{Committed, Following};
use crate::projection::timed_out;

/// Links of one page of the first reading.
const PAGE: i64 = 50_000;
/// Most batches of one step.
const BATCHES: i64 = 16;
/// How often the follower looks by itself.
const POLL: Duration = Duration::from_secs(2);

/// Brings it to the present. Only one task of a tenant does so at a time.
pub(super) async fn catch_up(shared: &Arc<Shared>, kept: &Arc<Kept>) -> Result<(), TraceError> {
    let cx = Cx::system(kept.tenant);
    loop {
        let now = shared.db.tx(&cx, async |tx| Ok::<_, DbError>(store::moment(tx).await?)).await?;
        match kept.moment() {
            Some(held) if held.generation == now.generation && held.batch <= now.batch => {
                if held.batch == now.batch || !step(shared, kept, held).await? {
                    return Ok(());
                }
            }
            // New, or restored to a moment before: batches may be others by now.
            _ => {
                if !read(shared, kept, now).await? {
                    return Ok(());
                }
            }
        }
    }
}

/// Reads all links; `false` if there is no room for them.
async fn read(shared: &Arc<Shared>, kept: &Arc<Kept>, moment: Moment) -> Result<bool, TraceError> {
    let cx = Cx::system(kept.tenant);
    let began = Instant::now();
    kept.change(|held| *held = None);
    let mut builder = Builder::default();
    let mut place = (i64::MIN, i64::MIN, i16::MIN);
    loop {
        let page = shared
            .db
            .tx(&cx, async |tx| Ok::<_, DbError>(store::links_after(tx, place, PAGE).await?))
            .await?;
        for sum in page.iter().filter(|sum| sum.ever) {
            builder.push(sum.from, sum.to, state(sum.kind, sum.ever, sum.open));
        }
        if builder.bytes() > shared.settings.memory {
            shared.refuse(kept);
            return Ok(false);
        }
        match page.last() {
            Some(last) if page.len() as i64 == PAGE => place = (last.from, last.to, last.kind),
            _ => break,
        }
    }
    let adjacency = blocking(move || builder.finish()).await?;
    let (uids, links, bytes) = (adjacency.uids(), adjacency.links(), adjacency.bytes());
    tracing::debug!(tenant = %kept.tenant, uids, links, bytes, took = ?began.elapsed(), "genealogy read");
    Ok(shared.take(kept, Held { moment, adjacency }))
}

/// Applies the next batches; `false` when it is no longer wanted.
async fn step(shared: &Arc<Shared>, kept: &Arc<Kept>, held: Moment) -> Result<bool, TraceError> {
    let cx = Cx::system(kept.tenant);
    let read: Result<Option<(i64, Vec<Sum>)>, DbError> = shared
        .db
        .tx(&cx, async |tx| {
            let Some((through, keys)) = store::touched_after(tx, held.batch, BATCHES).await? else {
                return Ok(None);
            };
            Ok(Some((through, store::links_among(tx, &keys).await?)))
        })
        .await;
    let read = match read {
        Ok(read) => read,
        // It may be that these batches are too much for one step: a first reading
        // takes them in its stride.
        Err(error) if timed_out(&error) => {
            kept.change(|held| *held = None);
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    let Some((through, sums)) = read else {
        return Ok(false);
    };
    let place = kept.clone();
    let stands = blocking(move || {
        let mut stands = false;
        place.change(|place| {
            if let Some(found) = place.as_mut().filter(|found| found.moment == held) {
                for sum in &sums {
                    found.adjacency.set(sum.from, sum.to, sum.kind, sum.ever, sum.open);
                }
                found.moment.batch = through;
                stands = true;
            }
        });
        // Others go on asking while it is rearranged; nobody else changes it.
        let merged: Option<Adjacency> = place.read(|held| {
            let adjacency = &held?.adjacency;
            adjacency.wants_merging().then(|| adjacency.merged())
        });
        if let Some(merged) = merged {
            place.change(|place| {
                if let Some(found) = place {
                    found.adjacency = merged;
                }
            });
        }
        stands
    })
    .await?;
    shared.grown(kept);
    Ok(stands)
}

/// Work that would hold up others on this thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, TraceError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| TraceError::Db(sqlx::Error::Io(std::io::Error::other(error)).into()))
}

/// See [`super::Genealogy::run`].
pub(super) async fn follow(shared: &Arc<Shared>, committed: Committed, stop: &CancellationToken) {
    let mut following = Following::new(&committed, POLL);
    while !stop.is_cancelled() {
        if following.is_due() {
            look_at_all(shared).await;
        }
        for tenant in following.take() {
            if let Some(kept) = shared.present(tenant) {
                shared.kick(&kept);
            }
        }
        following.wait(stop).await;
    }
}

/// Brings everybody in memory up to date, and forgets tenants that are no more.
async fn look_at_all(shared: &Arc<Shared>) {
    let all = shared.all();
    if all.is_empty() {
        return;
    }
    let active: HashSet<Uuid> = match tenancy::active_ids(&shared.db).await {
        Ok(active) => active.into_iter().collect(),
        Err(error) => {
            tracing::warn!(%error, "the genealogies in memory cannot list tenants");
            return;
        }
    };
    for kept in all {
        if active.contains(&kept.tenant) {
            shared.kick(&kept);
        } else {
            shared.forget(kept.tenant);
        }
    }
}
