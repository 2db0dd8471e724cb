//! Reference data down to the plants: all of it to a new agent, then what
//! changed, as it changes. Holds first.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use platform::ctx::Cx;
use platform::db::{Db, DbError};
use proto::v1::{CloudMessage, ReferenceChunk, ReferenceRow, cloud_message::Message};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use super::store;
use crate::ingest::Source;

/// Largest chunk, in bytes of its rows.
pub const MAX_CHUNK: usize = 1024 * 1024;
/// How often the newest versions are looked up unasked, in case a notification
/// was lost; under the two seconds within which a hold must reach a plant.
const LOOK: Duration = Duration::from_millis(1500);
/// Full sets that are read at once. A slow line may keep one for long.
const FULL_READERS: usize = 4;
/// Changes that are read at once: they never wait for a full set.
const CHANGE_READERS: usize = 8;

/// Knows when a tenant's reference data changed, whichever process changed it.
#[derive(Clone)]
pub struct References(Arc<Inner>);

#[derive(Default)]
struct Poked {
    tenants: HashSet<Uuid>,
    all: bool,
}

struct Inner {
    db: Db,
    tenants: Mutex<HashMap<Uuid, watch::Sender<i64>>>,
    poked: Mutex<Poked>,
    poke: Notify,
    full: Semaphore,
    changes: Semaphore,
}

impl References {
    /// Over a database. Call [`References::run`] besides.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self(Arc::new(Inner {
            db,
            tenants: Mutex::default(),
            poked: Mutex::default(),
            poke: Notify::new(),
            full: Semaphore::new(FULL_READERS),
            changes: Semaphore::new(CHANGE_READERS),
        }))
    }

    /// Looks up this tenant's version now, or all when `None`: something was
    /// published.
    pub fn poke(&self, tenant: Option<Uuid>) {
        let mut poked = self.0.poked.lock().unwrap_or_else(PoisonError::into_inner);
        match tenant {
            Some(tenant) => drop(poked.tenants.insert(tenant)),
            None => poked.all = true,
        }
        drop(poked);
        self.0.poke.notify_one();
    }

    fn tenants(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, watch::Sender<i64>>> {
        self.0.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest version of a tenant's data, from now on.
    fn subscribe(&self, tenant: Uuid) -> watch::Receiver<i64> {
        self.tenants().entry(tenant).or_insert_with(|| watch::channel(0).0).subscribe()
    }

    /// Looks for changes until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            let timer = tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.poke.notified() => false,
                () = tokio::time::sleep(LOOK) => true,
            };
            let poked = std::mem::take(&mut *self.0.poked.lock().unwrap_or_else(PoisonError::into_inner));
            let watched: Vec<Uuid> = {
                let mut tenants = self.tenants();
                tenants.retain(|_, sender| sender.receiver_count() > 0);
                let all = timer || poked.all;
                tenants.keys().copied().filter(|tenant| all || poked.tenants.contains(tenant)).collect()
            };
            for tenant in watched {
                let cx = Cx::new(tenant, "system");
                let found: Result<i64, DbError> = self
                    .0
                    .db
                    .ingest_tx(&cx, async |tx| Ok(store::reference_version(tx, tenant).await?))
                    .await;
                match found {
                    Ok(version) => {
                        if let Some(sender) = self.tenants().get(&tenant) {
                            sender.send_if_modified(|known| std::mem::replace(known, version) != version);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%tenant, %error, "looking for changed reference data");
                        break;
                    }
                }
            }
        }
    }

    /// Sends what an agent lacks, now and whenever something changes, until the
    /// stream's receiver is gone.
    pub(super) async fn feed(
        &self,
        source: Source,
        mut applied: i64,
        out: mpsc::Sender<Result<CloudMessage, Status>>,
    ) {
        let mut changed = self.subscribe(source.tenant);
        let mut wait = Duration::from_millis(200);
        loop {
            match self.send(&source, applied, &out).await {
                Ok(version) => {
                    applied = version;
                    wait = Duration::from_millis(200);
                }
                Err(Stop::Gone) => return,
                Err(Stop::Db(error)) => {
                    tracing::warn!(agent = %source.agent_id, %error, "sending reference data");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(10));
                    continue;
                }
            }
            loop {
                let newer = *changed.borrow_and_update() > applied;
                if newer {
                    break;
                }
                tokio::select! {
                    () = out.closed() => return,
                    news = changed.changed() => if news.is_err() { return },
                }
            }
        }
    }

    /// Sends everything after `applied`; answers the version that the agent is
    /// at then. An agent that claims a version from the future (of a cloud that
    /// was restored since) gets the full set. When nothing changed an empty
    /// chunk confirms that the agent is current.
    async fn send(
        &self,
        source: &Source,
        applied: i64,
        out: &mpsc::Sender<Result<CloudMessage, Status>>,
    ) -> Result<i64, Stop> {
        match self.send_after(source, applied, out).await? {
            Some(version) => Ok(version),
            // It is ahead of this cloud: everything, in its turn.
            None => self.send_after(source, 0, out).await?.ok_or(Stop::Gone),
        }
    }

    /// As [`References::send`]; `None`, and nothing sent, to an agent from the future.
    async fn send_after(
        &self,
        source: &Source,
        applied: i64,
        out: &mpsc::Sender<Result<CloudMessage, Status>>,
    ) -> Result<Option<i64>, Stop> {
        let readers = if applied > 0 { &self.0.changes } else { &self.0.full };
        let _reader = readers.acquire().await.map_err(|_| Stop::Gone)?;
        let plant = source.plant.as_deref().unwrap_or_default();
        self.0
            .db
            .ingest_tx(&source.cx(), async |tx| {
                let mut version = store::reference_version(tx, source.tenant).await?;
                if applied > version {
                    return Ok(None);
                }
                let after = applied.max(0);
                let full = after == 0;
                let mut chunks = Chunks { rows: Vec::new(), bytes: 0 };
                let mut rows = store::reference_rows(tx, source.tenant, plant, after);
                while let Some(row) = rows.try_next().await? {
                    version = row.head;
                    let untold = row.deleted && row.kind != "hold";
                    let row = ReferenceRow {
                        kind: row.kind,
                        id: row.id,
                        // Of a hold that is gone its plant is to know whether the office
                        // released it.
                        json: if untold { String::new() } else { row.json },
                        deleted: row.deleted,
                    };
                    if let Some(rows) = chunks.push(row) {
                        deliver(out, version, full, false, rows).await?;
                    }
                }
                drop(rows);
                deliver(out, version, full, true, std::mem::take(&mut chunks.rows)).await?;
                Ok(Some(version))
            })
            .await
    }
}

async fn deliver(
    out: &mpsc::Sender<Result<CloudMessage, Status>>,
    version: i64,
    full: bool,
    last: bool,
    rows: Vec<ReferenceRow>,
) -> Result<(), Stop> {
    let chunk = ReferenceChunk { version: version.unsigned_abs(), full, last, rows };
    let message = CloudMessage { message: Some(Message::Reference(chunk)) };
    // A peer that reads nothing must not hold a transaction open for ever.
    match tokio::time::timeout(Duration::from_secs(30), out.send(Ok(message))).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Stop::Gone),
    }
}

/// Gathers rows into chunks of bounded size.
struct Chunks {
    rows: Vec<ReferenceRow>,
    bytes: usize,
}

impl Chunks {
    /// Adds a row; answers the chunk that is full without it.
    fn push(&mut self, row: ReferenceRow) -> Option<Vec<ReferenceRow>> {
        let size = row.kind.len() + row.id.len() + row.json.len() + 32;
        let full = (!self.rows.is_empty() && self.bytes + size > MAX_CHUNK).then(|| {
            self.bytes = 0;
            std::mem::take(&mut self.rows)
        });
        self.bytes += size;
        self.rows.push(row);
        full
    }
}

/// Why sending ended.
enum Stop {
    /// The stream is gone.
    Gone,
    /// The database.
    Db(DbError),
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_stay_under_the_limit_unless_one_row_alone_exceeds_it() {
        let mut chunks = Chunks { rows: Vec::new(), bytes: 0 };
        let mut sizes = Vec::new();
        for n in 0..40_usize {
            let size = if n == 20 { 2 * MAX_CHUNK } else { 100_000 };
            let row = ReferenceRow { json: "x".repeat(size), ..ReferenceRow::default() };
            if let Some(rows) = chunks.push(row) {
                sizes.push((rows.len(), rows.iter().map(|r| r.json.len()).sum::<usize>()));
            }
        }
        assert_eq!(sizes.iter().map(|s| s.0).sum::<usize>() + chunks.rows.len(), 40);
        assert!(sizes.iter().all(|(rows, bytes)| *bytes <= MAX_CHUNK || *rows == 1), "{sizes:?}");
    }
}
