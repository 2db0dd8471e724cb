//! The mirror: what plants record as a star of facts and dimensions in DuckDB, one file
//! per tenant, followed by batch id and made anew from Postgres at any time.

#[cfg(test)]
mod asked_tests;
mod asking;
pub mod check;
mod dims;
mod error;
pub mod export;
mod feed;
mod file;
pub(crate) mod firsts;
mod goods;
mod identity;
mod live;
mod marks;
mod metrics;
mod names;
mod owner;
pub mod requests;
mod results;
mod schema;
mod source;
pub(crate) mod sums;
mod value;
mod voids;
mod worker;

use std::collections::HashMap;
use std::fs::File as DiskFile;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use duckdb::Connection;
use platform::ctx::Cx;
use platform::db::{Db, DbError};
use platform::files::Depot;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use asking::{During, left_alone};
pub use duckdb;
pub use error::MirrorError;
pub use file::Settings;
pub use live::Heard;
pub use schema::{DIMENSIONS, FACTS, VERSION};
pub(crate) use source::standing;
pub use value::{date, days, moment};
pub use worker::run;

use live::Told;
use owner::{Desk, Owner};
use source::Standing;

/// Events that are taken in at once while somebody may ask.
const LIVE_STEP: i64 = 20_000;
/// And while the mirror is being built, when nobody can.
const BUILD_STEP: i64 = 50_000;
/// How often a damaged file is built anew, and within which time.
const MOST_THROWN: usize = 3;
const THROWN_WITHIN: std::time::Duration = std::time::Duration::from_secs(3600);
/// How often names of masters are read again.
const NAMES_EVERY: std::time::Duration = std::time::Duration::from_secs(300);

/// Up to what a mirror stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Freshness {
    /// Everything up to this batch is counted, and nothing of a later one.
    pub batch: i64,
    /// When the cloud took that batch in; null before the first.
    pub batch_at: Option<DateTime<Utc>>,
    /// When it was last seen that nothing newer is there.
    pub current_at: Option<DateTime<Utc>>,
    /// Batches that are there and not yet counted.
    pub behind: i64,
}

impl Freshness {
    /// Until when all that came is counted: also while more comes than is taken in.
    #[must_use]
    pub fn until(&self) -> Option<DateTime<Utc>> {
        self.current_at.max(self.batch_at)
    }
}

/// An answer, and up to what it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// What was asked.
    pub value: T,
    /// Up to what.
    pub fresh: Freshness,
}

/// The mirrors of a process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Mirrors(Option<Arc<Inner>>);

struct Inner {
    settings: Settings,
    slots: Mutex<HashMap<Uuid, Arc<Slot>>>,
    clock: AtomicU64,
    counts: Counts,
    exports: Option<Depot>,
    live: live::Live,
    _lock: DiskFile,
}

/// For `/metrics`.
#[derive(Default)]
struct Counts {
    fed: AtomicU64,
    rebuilt: AtomicU64,
    ended: AtomicU64,
    cut_short: AtomicU64,
    asked: AtomicU64,
    failed: AtomicU64,
    checked: AtomicU64,
}

/// A tenant's mirror, open or not.
#[derive(Default)]
struct Slot {
    owner: tokio::sync::Mutex<Option<Owner>>,
    /// Held from before the file is opened until it is closed, by the thread that has it open:
    /// whoever asked for that may be gone, and nobody opens it a second time meanwhile.
    shut: Arc<tokio::sync::Mutex<()>>,
    /// Held while it is fed or removed: the worker, checks and commands take turns.
    feeding: tokio::sync::Mutex<()>,
    used: AtomicU64,
    /// When it was thrown away as damaged, within the last hour.
    thrown: Mutex<Vec<Instant>>,
    known: Mutex<Known>,
}

#[derive(Default, Clone)]
struct Known {
    /// As the worker last saw it; `None` until it has looked once.
    standing: Option<Standing>,
    current_at: Option<DateTime<Utc>>,
    /// When the cloud took in the last batch that a built mirror counts.
    through_at: Option<DateTime<Utc>>,
    through: i64,
    /// Where the data stood when nothing was left to take in: while they stand there, the file
    /// need not be opened.
    settled: Option<Standing>,
    damaged: bool,
    /// It is neither fed nor asked, since that ended the process time and again.
    aside: bool,
    /// The last check, once it has been looked for.
    checked: Option<check::Checked>,
}

impl Slot {
    fn know<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a damaged file may be built anew now. What damages it at every question would
    /// else have it built for ever, at the cost of everybody.
    fn may_throw(&self, now: Instant) -> bool {
        let mut thrown = self.thrown.lock().unwrap_or_else(PoisonError::into_inner);
        thrown.retain(|at| now.saturating_duration_since(*at) < THROWN_WITHIN);
        let may = thrown.len() < MOST_THROWN;
        if may {
            thrown.push(now);
        }
        may
    }
}

impl Mirrors {
    /// Mirrors in a folder, which is made if it is not there; `exports` is where Parquet goes.
    ///
    /// # Errors
    /// The disk, or [`MirrorError::Locked`] while another process keeps them.
    pub fn open(settings: Settings, exports: Option<Depot>) -> Result<Self, MirrorError> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.dir)?;
        let lock = DiskFile::create(settings.dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(MirrorError::Locked(settings.dir)),
            Err(std::fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        Ok(Self(Some(Arc::new(Inner {
            settings,
            slots: Mutex::default(),
            clock: AtomicU64::new(1),
            counts: Counts::default(),
            exports,
            live: live::Live::default(),
            _lock: lock,
        }))))
    }

    fn inner(&self) -> Result<&Arc<Inner>, MirrorError> {
        self.0.as_ref().ok_or(MirrorError::Elsewhere)
    }

    /// The settings.
    ///
    /// # Errors
    /// [`MirrorError::Elsewhere`] where this process keeps no mirrors.
    pub fn settings(&self) -> Result<&Settings, MirrorError> {
        Ok(&self.inner()?.settings)
    }

    fn exports(&self) -> Option<&Depot> {
        self.0.as_ref()?.exports.as_ref()
    }

    fn slot(&self, tenant: Uuid) -> Result<Arc<Slot>, MirrorError> {
        let inner = self.inner()?;
        let mut slots = inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(slots.entry(tenant).or_default()))
    }

    /// The desk of a tenant's file, which is opened if it is not open. Nothing is waited for with
    /// a desk in the hand: a file is closed only when nobody has one of it.
    async fn desk(&self, tenant: Uuid, slot: &Slot) -> Result<Desk, MirrorError> {
        let inner = self.inner()?;
        slot.used.store(inner.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        {
            let owner = slot.owner.lock().await;
            if let Some(open) = &*owner {
                return Ok(open.desk());
            }
        }
        self.close_some(Some(tenant)).await;
        let mut owner = slot.owner.lock().await;
        if let Some(open) = &*owner {
            return Ok(open.desk());
        }
        let shut = Arc::clone(&slot.shut).lock_owned().await;
        // As the data stand now: who asks may have looked before they were put back.
        let Some(standing) = slot.know(|known| known.standing.clone()) else {
            return Err(MirrorError::Building { through: 0, head: 0 });
        };
        let opened =
            Owner::open(&inner.settings, tenant, standing.generation, &standing.placement, shut).await;
        let is = opened.as_ref().is_err_and(MirrorError::is_aside);
        let was = slot.know(|known| std::mem::replace(&mut known.aside, is));
        if let Err(error) = opened.as_ref()
            && is
            && !was
        {
            tracing::error!(%tenant, %error, "this tenant's dashboards have no data");
        }
        let within = match &opened {
            Ok((_, found)) => found.within,
            Err(MirrorError::AsideAsked { now: true }) => Some(During::Question),
            Err(_) => None,
        };
        match within {
            Some(During::Question) => inner.counts.ended.fetch_add(1, Ordering::Relaxed),
            Some(During::Check | During::Export) => inner.counts.cut_short.fetch_add(1, Ordering::Relaxed),
            None => 0,
        };
        let (opened, found) = opened?;
        if found.thrown {
            inner.counts.rebuilt.fetch_add(1, Ordering::Relaxed);
        }
        if !found.built {
            slot.know(|known| known.settled = None);
        }
        Ok(owner.insert(opened).desk())
    }

    /// Closes those asked longest ago, until no more are open than may be, with the one that is
    /// to be opened. One that is being fed is left open for its next step.
    async fn close_some(&self, opening: Option<Uuid>) {
        let Ok(inner) = self.inner() else { return };
        let mut others: Vec<Arc<Slot>> = {
            let slots = inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let others = slots.iter().filter(|(tenant, _)| Some(**tenant) != opening);
            others.map(|(_, slot)| Arc::clone(slot)).collect()
        };
        others.sort_by_key(|slot| slot.used.load(Ordering::Relaxed));
        let (mut open, mut idle) = (usize::from(opening.is_some()), Vec::new());
        for slot in others {
            // One that is being opened or closed just now is left alone.
            let is_open = slot.owner.try_lock().is_ok_and(|owner| owner.is_some());
            let is_fed = slot.feeding.try_lock().is_err();
            open += usize::from(is_open);
            if is_open && !is_fed {
                idle.push(slot);
            }
        }
        let surplus = open.saturating_sub(inner.settings.open.max(1));
        for slot in idle.into_iter().take(surplus) {
            // Not waited for: whoever holds it may wait for one that is held here.
            if let Ok(owner) = slot.owner.try_lock() {
                close(owner).await;
            }
        }
    }

    /// Asks a tenant's mirror. `question` runs on the file's own thread: its SQL is text
    /// of this program, with what a person typed as parameters only. It is interrupted
    /// when its time is over.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub async fn ask<T, F>(&self, tenant: Uuid, question: F) -> Result<Answer<T>, MirrorError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> duckdb::Result<T> + Send + 'static,
    {
        self.read(tenant, During::Question, question).await
    }

    /// As [`Mirrors::ask`]; a check or an export, for which no person waits, takes as long as it
    /// takes.
    ///
    /// # Errors
    /// [`MirrorError`].
    async fn read<T, F>(&self, tenant: Uuid, during: During, question: F) -> Result<Answer<T>, MirrorError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> duckdb::Result<T> + Send + 'static,
    {
        let inner = self.inner()?;
        let limit = (during == During::Question).then_some(inner.settings.answer_within);
        let slot = self.slot(tenant)?;
        let known = slot.know(|known| known.clone());
        let Some(standing) = known.standing else {
            return Err(MirrorError::Building { through: 0, head: 0 });
        };
        inner.counts.asked.fetch_add(1, Ordering::Relaxed);
        let desk = self.desk(tenant, &slot);
        let desk = match limit {
            // It may be closed just now, and be closed only when what runs has ended.
            Some(limit) => tokio::time::timeout(limit, desk).await.map_err(|_| MirrorError::Busy)??,
            None => desk.await?,
        };
        let (head, current_at) = (standing.head, known.current_at);
        let asked = desk
            .run(limit, move |file| {
                let meta = &file.meta;
                if !meta.built {
                    return Err(MirrorError::Building { through: meta.through_batch, head });
                }
                let fresh = Freshness {
                    batch: meta.through_batch,
                    batch_at: meta.through_at,
                    current_at,
                    behind: (head - meta.through_batch).max(0),
                };
                Ok(Answer { value: file.read(during, question)?, fresh })
            })
            .await;
        if let Err(error) = &asked {
            inner.counts.failed.fetch_add(1, Ordering::Relaxed);
            if error.is_damage() {
                slot.know(|known| known.damaged = true);
            }
        }
        asked
    }

    /// Takes in a tenant's next batches; answers how many, 0 when there is nothing new.
    ///
    /// # Errors
    /// [`MirrorError`]; the file then stands where it stood.
    pub async fn step(&self, db: &Db, tenant: Uuid, now: DateTime<Utc>) -> Result<usize, MirrorError> {
        let inner = self.inner()?;
        // Those that were opened at the same time may have become too many.
        self.close_some(None).await;
        let slot = self.slot(tenant)?;
        let _feeding = slot.feeding.lock().await;
        let standing: Standing = tx(db, tenant, async |tx| Ok(source::standing(tx).await?)).await?;
        let before = slot.know(|known| known.standing.replace(standing.clone()));
        let damaged = slot.know(|known| std::mem::take(&mut known.damaged));
        let moved = before.is_some_and(|before| {
            (before.generation, &before.placement) != (standing.generation, &standing.placement)
        });
        if damaged {
            if !slot.may_throw(Instant::now()) {
                slot.know(|known| known.damaged = true);
                return Err(MirrorError::Worn);
            }
            self.discard(tenant).await?;
            inner.counts.rebuilt.fetch_add(1, Ordering::Relaxed);
            slot.know(|known| known.standing = Some(standing.clone()));
        } else if moved {
            // Opened again, it is found to be of another time or place.
            close(slot.owner.lock().await).await;
        }
        if slot.know(|known| known.settled.as_ref() == Some(&standing)) {
            slot.know(|known| known.current_at = Some(now));
            return Ok(0);
        }
        let stand = self
            .desk(tenant, &slot)
            .await?
            .run(None, |file| {
                let meta = &file.meta;
                Ok((meta.through_batch, meta.built, meta.identified, file.guarded.crash.clone()))
            })
            .await;
        let (through, built, identified, crash) = self.mind(&slot, stand).await?;
        if through > standing.head {
            tracing::warn!(%tenant, through, head = standing.head, "this mirror is ahead of the database; it is built anew");
            self.discard(tenant).await?;
            slot.know(|known| known.standing = Some(standing.clone()));
            inner.counts.rebuilt.fetch_add(1, Ordering::Relaxed);
            return Ok(1);
        }
        let events = if built { LIVE_STEP } else { BUILD_STEP };
        let reach = marks::reach(crash.as_ref(), through, events);
        let step = tx(db, tenant, async |tx| Ok(source::step(tx, through, reach).await?)).await?;
        let Some(mut step) = step else {
            let until = standing.projected.min(through);
            let found =
                tx(db, tenant, async |tx| Ok(names::identities(tx, identified, until).await?)).await?;
            if let Some(found) = found {
                let batches = found.batches;
                let desk = self.desk(tenant, &slot).await?;
                let done = desk.run(None, move |file| identity::identify(file, &found)).await;
                self.mind(&slot, done).await?;
                return Ok(batches);
            }
            let done = self.desk(tenant, &slot).await?.run(None, feed::built).await;
            self.mind(&slot, done).await?;
            slot.know(|known| {
                (known.current_at, known.through, known.settled) = (Some(now), through, Some(standing));
            });
            if !built {
                inner.live.tell(Told::all(tenant));
            }
            return Ok(0);
        };
        step.projected = standing.projected;
        let (batches, reached, events) = (step.batches, step.through, step.events.len());
        let through_at = step.through_at.filter(|_| built);
        let told = built.then(|| Told::of(tenant, step.events.iter().map(|event| event.plant.as_str())));
        let desk = self.desk(tenant, &slot).await?;
        let done = desk.run(None, move |file| feed::write(file, &step)).await;
        self.mind(&slot, done).await?;
        slot.know(|known| (known.through, known.through_at) = (reached, through_at));
        inner.counts.fed.fetch_add(events as u64, Ordering::Relaxed);
        if let Some(told) = told {
            inner.live.tell(told);
        }
        Ok(batches)
    }

    /// Reads the names of items, partners and plants again, and whose lots and orders are.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub async fn rename(&self, db: &Db, tenant: Uuid) -> Result<(), MirrorError> {
        let slot = self.slot(tenant)?;
        let _feeding = slot.feeding.lock().await;
        if slot.know(|known| known.standing.is_none()) {
            return Ok(());
        }
        let codes = self.desk(tenant, &slot).await?.run(None, |file| Ok(file.dims.named())).await?;
        let names = tx(db, tenant, async |tx| Ok(names::names(tx, codes).await?)).await?;
        let desk = self.desk(tenant, &slot).await?;
        let done = desk.run(None, move |file| identity::renamed(file, &names)).await;
        self.mind(&slot, done).await
    }

    /// After an error the file is closed, so that it is read anew, and thrown away if it is
    /// damaged.
    async fn mind<T>(&self, slot: &Slot, done: Result<T, MirrorError>) -> Result<T, MirrorError> {
        if let Err(error) = &done {
            if error.is_damage() {
                slot.know(|known| known.damaged = true);
            }
            slot.know(|known| known.settled = None);
            close(slot.owner.lock().await).await;
        }
        done
    }

    /// Takes in all that there is. `told` hears where it stands: batch, and last batch.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub async fn catch_up(
        &self,
        db: &Db,
        tenant: Uuid,
        now: DateTime<Utc>,
        mut told: impl FnMut(i64, i64),
    ) -> Result<(), MirrorError> {
        let slot = self.slot(tenant)?;
        loop {
            let done = self.step(db, tenant, now).await? == 0;
            let (through, head) =
                slot.know(|known| (known.through, known.standing.as_ref().map_or(0, |at| at.head)));
            told(through, head);
            if done {
                return Ok(());
            }
        }
    }

    /// Throws a tenant's file away and builds it anew.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub async fn rebuild(
        &self,
        db: &Db,
        tenant: Uuid,
        now: DateTime<Utc>,
        told: impl FnMut(i64, i64),
    ) -> Result<(), MirrorError> {
        self.forget(tenant).await?;
        self.inner()?.counts.rebuilt.fetch_add(1, Ordering::Relaxed);
        self.catch_up(db, tenant, now, told).await
    }

    /// Closes and removes all that is kept of a tenant, and what is on its way to exports.
    ///
    /// # Errors
    /// The disk.
    pub async fn forget(&self, tenant: Uuid) -> Result<(), MirrorError> {
        let slot = self.slot(tenant)?;
        let _feeding = slot.feeding.lock().await;
        self.drop_file(tenant, Settings::remove).await
    }

    /// Notes that a tenant's file is to be built anew, which the next step does.
    fn damaged(&self, tenant: Uuid) {
        if let Ok(slot) = self.slot(tenant) {
            slot.know(|known| known.damaged = true);
        }
    }

    /// Closes and removes a tenant's file, to be built anew; what is known of crashes stays.
    async fn discard(&self, tenant: Uuid) -> Result<(), MirrorError> {
        self.drop_file(tenant, Settings::throw_away).await
    }

    async fn drop_file(
        &self,
        tenant: Uuid,
        remove: fn(&Settings, Uuid) -> std::io::Result<()>,
    ) -> Result<(), MirrorError> {
        let inner = self.inner()?;
        let slot = self.slot(tenant)?;
        let mut owner = slot.owner.lock().await;
        if let Some(open) = owner.take() {
            open.close().await;
        }
        let _shut = slot.shut.lock().await;
        remove(&inner.settings, tenant)?;
        if let Err(error) = std::fs::remove_dir_all(inner.settings.out(tenant))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
        slot.know(|known| *known = Known::default());
        Ok(())
    }

    /// Closes all files.
    pub async fn close_all(&self) {
        let Ok(inner) = self.inner() else { return };
        let slots: Vec<Arc<Slot>> = {
            let slots = inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.values().map(Arc::clone).collect()
        };
        for slot in slots {
            close(slot.owner.lock().await).await;
        }
    }
}

/// Closes what is open of a slot, which is held until then.
async fn close(mut owner: tokio::sync::MutexGuard<'_, Option<Owner>>) {
    if let Some(open) = owner.take() {
        open.close().await;
    }
}

/// A transaction of the system in a tenant's database.
async fn tx<T, F>(db: &Db, tenant: Uuid, work: F) -> Result<T, MirrorError>
where
    F: AsyncFnOnce(&mut platform::db::Tx) -> Result<T, DbError>,
{
    Ok(db.tx(&Cx::system(tenant), work).await?)
}

#[cfg(test)]
mod tests;
