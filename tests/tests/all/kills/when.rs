//! When the next kill comes, and whom it hits: by how far the work has come since the last.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sqlx::AssertSqlSafe;
use tokio::time::Instant;

use super::ground::Ground;

/// If it does not come to the moment that was chosen it is killed all the same.
const LATEST: Duration = Duration::from_secs(6);

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So many more events were taken in.
    Ingested(i64),
    /// The projections have come so many batches further.
    Projected(i64),
    /// So many more leaves are in the tree.
    Grown(i64),
    /// A request of the office is under way, after so many others.
    Held(u64),
    /// So many more rows were imported; the import is killed.
    Imported(i64),
    /// The import has begun; it is killed so many milliseconds later.
    ImportBegun(u64),
    /// As `Ingested`, and so many milliseconds after, when the mirror follows.
    Mirrored(i64, u64),
    /// As `Ingested`, and again so many milliseconds after it was started.
    Starting(i64, u64),
}

impl When {
    /// One of them; of an import where one `begins`, and by chance where one is `under_way`.
    pub fn choose(rng: &mut ChaCha8Rng, begins: bool, under_way: bool) -> Self {
        let of_import = |rng: &mut ChaCha8Rng| match rng.random_range(0..4) {
            0 => Self::ImportBegun(rng.random_range(0..1_500)),
            _ => Self::Imported(rng.random_range(0..2_500)),
        };
        if begins {
            return of_import(rng);
        }
        match rng.random_range(0..if under_way { 16 } else { 12 }) {
            0..3 => Self::Ingested(rng.random_range(1..160)),
            3..5 => Self::Projected(rng.random_range(1..8)),
            5..7 => Self::Grown(rng.random_range(1..150)),
            7..9 => Self::Held(rng.random_range(0..6)),
            9..11 => Self::Mirrored(rng.random_range(1..150), rng.random_range(0..600)),
            11 => Self::Starting(rng.random_range(1..150), rng.random_range(0..1_500)),
            _ => of_import(rng),
        }
    }

    /// The sum that it looks at, and how far that must come.
    fn sum(self) -> Option<(&'static str, i64)> {
        Some(match self {
            Self::Ingested(more) | Self::Mirrored(more, _) | Self::Starting(more, _) => (INGESTED, more),
            Self::Projected(more) => (PROJECTED, more),
            Self::Grown(more) => (GROWN, more),
            Self::Imported(more) => (IMPORTED, more),
            Self::Held(_) | Self::ImportBegun(_) => return None,
        })
    }

    fn of_import(self) -> bool {
        matches!(self, Self::Imported(_) | Self::ImportBegun(_))
    }
}

const INGESTED: &str = "select coalesce(sum(c.through_seq), 0)::bigint from ingest_cursors c \
                        join agents a using (tenant_id, agent_id) where a.kind <> 'import'";
const PROJECTED: &str =
    "select coalesce(max(through_batch), 0) from projection_cursors where projection = 'trace'";
const GROWN: &str = "select coalesce(max(size), 0) from proof_trees";
const IMPORTED: &str = "select coalesce(sum(c.through_seq), 0)::bigint from ingest_cursors c \
                        join agents a using (tenant_id, agent_id) where a.kind = 'import'";

/// A kill that happened.
pub struct Kill {
    when: When,
    /// Whom it hit.
    import: bool,
    /// It came to the moment that was chosen.
    reached: bool,
    /// Work was under way.
    pub amid: bool,
    /// How often somebody was killed.
    pub times: u64,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = if self.import { "the import" } else { "the cloud" };
        let how = match (self.reached, self.amid) {
            (true, true) => "",
            (false, true) => ", later",
            (true, false) => ", nothing was under way",
            (false, false) => ", later, nothing was under way",
        };
        write!(f, "{whom} at {:?}{how}", self.when)
    }
}

impl Kill {
    /// Waits for the moment, kills, and waits until the cloud is there again.
    pub async fn at(ground: &Ground, when: When, rng: &mut ChaCha8Rng) -> Self {
        let reached = moment(ground, when).await;
        tokio::time::sleep(Duration::from_micros(rng.random_range(0..20_000))).await;
        let amid = amid(ground).await;
        let (mut import, mut times) = (false, 1);
        if when.of_import() {
            import = ground.imports.kill().await;
        }
        if !import {
            ground.up.send_replace(false);
            let mut cloud = ground.cloud.lock().await;
            cloud.kill_and_spawn().await.unwrap();
            if let When::Starting(_, ms) = when {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                cloud.kill_and_spawn().await.unwrap();
                times += 1;
            }
            cloud.wait_ready().await.unwrap();
            ground.up.send_replace(true);
        }
        Self { when, import, reached, amid, times }
    }
}

/// Waits for it; whether it came.
async fn moment(ground: &Ground, when: When) -> bool {
    let mut owner = ground.owner().await;
    let latest = Instant::now() + LATEST;
    let mut sum = async |sql: &str| -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut owner).await.unwrap()
    };
    let before = match when.sum() {
        Some((sql, _)) => sum(sql).await,
        None => 0,
    };
    let acts = ground.office.done.count();
    let mut look = tokio::time::interval(Duration::from_millis(3));
    loop {
        let come = match when {
            When::Held(more) => {
                ground.office.busy.load(Ordering::SeqCst) && ground.office.done.count() >= acts + more
            }
            When::ImportBegun(_) => ground.imports.running().await,
            _ => match when.sum() {
                Some((sql, more)) => sum(sql).await >= before + more,
                None => true,
            },
        };
        if come {
            break;
        }
        // There may be no import any more.
        let over = when.of_import() && !ground.imports.running().await && ground.imports.done.idle();
        if over || Instant::now() > latest {
            return false;
        }
        look.tick().await;
    }
    if let When::Mirrored(_, ms) | When::ImportBegun(ms) = when {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    true
}

/// Something was sent or asked and is not answered, or is not followed yet.
async fn amid(ground: &Ground) -> bool {
    ground.plant.unacknowledged() > 0
        || ground.office.busy.load(Ordering::SeqCst)
        || ground.imports.running().await
        || ground.number(BEHIND).await > 0
}

/// Who follows the batches and has not come to the last one.
pub const BEHIND: &str = "with last as (select coalesce(max(batch_id), 0) as batch from ingest_batches) \
    select (select count(*) from last where batch > \
               coalesce((select max(through_batch) from projection_cursors where projection = 'trace'), 0)) \
         + (select count(*) from last where batch > coalesce((select max(through_batch) from proof_trees), 0)) \
         + (select count(*) from last, hold_cursors h where batch > h.through_batch)";

/// Whether all who follow have come to the last batch.
pub async fn followed(ground: &Ground) -> bool {
    ground.number(BEHIND).await == 0
}
