//! Whose links are in memory: found, answered from, and let go when there are too many.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use platform::db::Db;
use tokio::sync::watch;
use uuid::Uuid;

use super::adjacency::{Adjacency, Scratch};
use super::{Figures, Moment, Settings, warm};
use crate::explore::error::TraceError;

/// After a tenant turned out to be too large, this long nobody tries again.
const REFUSED: Duration = Duration::from_secs(600);
/// Scratch spaces of a tenant that are kept for the next questions.
const SCRATCHES: usize = 4;

/// A tenant's links, and to when they are current.
pub(super) struct Held {
    pub moment: Moment,
    pub adjacency: Adjacency,
}

/// A tenant that somebody asked for.
pub(super) struct Kept {
    pub tenant: Uuid,
    /// `None` until it is read for the first time, and after it was let go.
    held: RwLock<Option<Held>>,
    scratches: Mutex<Vec<Scratch>>,
    /// What it takes, scratch spaces included.
    bytes: AtomicUsize,
    /// When it was last asked, by the clock of [`Shared`].
    used: AtomicU64,
    /// One task at a time brings it up to date.
    running: AtomicBool,
    wishes: AtomicU64,
    /// Moves whenever it came nearer to the present.
    moved: watch::Sender<()>,
    refused_until: Mutex<Option<Instant>>,
}

/// A lock of what is replaced whole, or rebuilt after a panic, has nothing to fear of
/// one that was held during a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    fn new(tenant: Uuid) -> Self {
        Self {
            tenant,
            held: RwLock::default(),
            scratches: Mutex::default(),
            bytes: AtomicUsize::new(0),
            used: AtomicU64::new(0),
            running: AtomicBool::new(false),
            wishes: AtomicU64::new(0),
            moved: watch::Sender::new(()),
            refused_until: Mutex::default(),
        }
    }

    /// To when it is current.
    pub fn moment(&self) -> Option<Moment> {
        self.read(|held| held.map(|held| held.moment))
    }

    /// Looks at what is held; after a panic while it was changed, at nothing.
    pub fn read<T>(&self, look: impl FnOnce(Option<&Held>) -> T) -> T {
        match self.held.read() {
            Ok(held) => look(held.as_ref()),
            Err(_) => look(None),
        }
    }

    /// Changes what is held.
    pub fn change(&self, change: impl FnOnce(&mut Option<Held>)) {
        {
            let mut held = self.held.write().unwrap_or_else(|poisoned| {
                let mut held = poisoned.into_inner();
                // Whatever broke off in the middle is read anew.
                *held = None;
                self.held.clear_poison();
                held
            });
            change(&mut held);
        }
        self.weigh();
        self.moved.send_replace(());
    }

    fn weigh(&self) {
        let links = self.read(|held| held.map_or(0, |held| held.adjacency.bytes()));
        let scratches: usize = lock(&self.scratches).iter().map(Scratch::bytes).sum();
        self.bytes.store(links + scratches, Ordering::Relaxed);
    }

    /// Answers if it is as new as `moment`.
    fn answer<T>(&self, moment: Moment, look: impl Fn(&Adjacency, &mut Scratch) -> T) -> Option<(i64, T)> {
        self.read(|held| {
            let held = held.filter(|held| {
                held.moment.generation == moment.generation && held.moment.batch >= moment.batch
            })?;
            let mut scratch = lock(&self.scratches).pop().unwrap_or_default();
            let answer = look(&held.adjacency, &mut scratch);
            let mut scratches = lock(&self.scratches);
            if scratches.len() < SCRATCHES {
                scratches.push(scratch);
            }
            Some((held.moment.batch, answer))
        })
    }

    fn is_refused(&self) -> bool {
        lock(&self.refused_until).is_some_and(|until| Instant::now() < until)
    }
}

/// What all clones of a `Genealogy` share.
pub(super) struct Shared {
    pub db: Db,
    pub settings: Settings,
    tenants: Mutex<HashMap<Uuid, Arc<Kept>>>,
    clock: AtomicU64,
    from_memory: AtomicU64,
    from_sql: AtomicU64,
    pub checked: AtomicU64,
    pub differed: AtomicU64,
}

impl Shared {
    pub fn new(db: Db, settings: Settings) -> Self {
        Self {
            db,
            settings,
            tenants: Mutex::default(),
            clock: AtomicU64::new(0),
            from_memory: AtomicU64::new(0),
            from_sql: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            differed: AtomicU64::new(0),
        }
    }

    pub fn count(&self, from_memory: bool) {
        let counter = if from_memory { &self.from_memory } else { &self.from_sql };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The tenant's place, made when there is none.
    pub fn kept(&self, tenant: Uuid) -> Arc<Kept> {
        let kept = lock(&self.tenants).entry(tenant).or_insert_with(|| Arc::new(Kept::new(tenant))).clone();
        kept.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        kept
    }

    /// The tenant's place, if it has one.
    pub fn present(&self, tenant: Uuid) -> Option<Arc<Kept>> {
        lock(&self.tenants).get(&tenant).cloned()
    }

    /// Tenants in memory.
    pub fn all(&self) -> Vec<Arc<Kept>> {
        lock(&self.tenants).values().cloned().collect()
    }

    /// Whether this place still counts; it does not after it was let go.
    fn stands(&self, kept: &Arc<Kept>) -> bool {
        self.present(kept.tenant).is_some_and(|found| Arc::ptr_eq(&found, kept))
    }

    pub fn forget(&self, tenant: Uuid) {
        let found = lock(&self.tenants).remove(&tenant);
        if let Some(kept) = found {
            kept.change(|held| *held = None);
        }
    }

    /// See [`super::Genealogy::warm`].
    pub async fn warm(self: &Arc<Self>, tenant: Uuid) -> Result<Option<i64>, TraceError> {
        let kept = self.kept(tenant);
        *lock(&kept.refused_until) = None;
        let mut moved = kept.moved.subscribe();
        loop {
            if !kept.running.swap(true, Ordering::AcqRel) {
                let wishes = kept.wishes.load(Ordering::Acquire);
                let caught_up = {
                    let _done = Running(&kept.running);
                    warm::catch_up(self, &kept).await
                };
                // Somebody wished for more meanwhile, and found it under way.
                if wishes != kept.wishes.load(Ordering::Acquire) {
                    self.kick(&kept);
                }
                caught_up?;
                return Ok(kept.moment().map(|moment| moment.batch));
            }
            // Another is at it.
            let _ = tokio::time::timeout(Duration::from_millis(50), moved.changed()).await;
        }
    }

    /// Lets tenants go that were not asked for the longest until all fit together with
    /// `more` bytes for `kept`; `false` if that one does not fit alone.
    pub fn make_room(&self, kept: &Arc<Kept>, more: usize) -> bool {
        if more > self.settings.memory {
            return false;
        }
        let mut others: Vec<_> = self.all().into_iter().filter(|other| other.tenant != kept.tenant).collect();
        others.sort_unstable_by_key(|other| std::cmp::Reverse(other.used.load(Ordering::Relaxed)));
        let mut taken = more;
        let mut gone = Vec::new();
        for other in others {
            let bytes = other.bytes.load(Ordering::Relaxed);
            if taken + bytes > self.settings.memory && bytes > 0 {
                gone.push(other.tenant);
            } else {
                taken += bytes;
            }
        }
        for tenant in gone {
            tracing::info!(%tenant, "its genealogy leaves memory: others were asked for later");
            self.forget(tenant);
        }
        true
    }

    /// Takes what was read, if there is room for it.
    pub fn take(&self, kept: &Arc<Kept>, held: Held) -> bool {
        if !self.stands(kept) || !self.make_room(kept, held.adjacency.bytes()) {
            self.refuse(kept);
            return false;
        }
        kept.change(|place| *place = Some(held));
        true
    }

    /// A tenant does not fit: the SQL answers for it.
    pub fn refuse(&self, kept: &Kept) {
        kept.change(|held| *held = None);
        *lock(&kept.refused_until) = Some(Instant::now() + REFUSED);
        let limit = self.settings.memory;
        tracing::warn!(tenant = %kept.tenant, limit, "its genealogy does not fit into memory: SQL answers");
    }

    /// Lets others or itself go after it grew.
    pub fn grown(&self, kept: &Arc<Kept>) {
        if !self.make_room(kept, kept.bytes.load(Ordering::Relaxed)) {
            self.refuse(kept);
        }
    }

    /// Starts to bring a tenant up to date, unless that is under way; then it is looked
    /// again afterwards.
    pub fn kick(self: &Arc<Self>, kept: &Arc<Kept>) {
        kept.wishes.fetch_add(1, Ordering::AcqRel);
        if kept.is_refused() || kept.running.swap(true, Ordering::AcqRel) {
            return;
        }
        let (shared, kept) = (self.clone(), kept.clone());
        tokio::spawn(async move {
            loop {
                let wishes = kept.wishes.load(Ordering::Acquire);
                let caught_up = {
                    let _done = Running(&kept.running);
                    warm::catch_up(&shared, &kept).await
                };
                if let Err(error) = caught_up {
                    tracing::warn!(tenant = %kept.tenant, %error, "its genealogy in memory stays behind");
                    return;
                }
                let more = wishes != kept.wishes.load(Ordering::Acquire) && !kept.is_refused();
                if !more || kept.running.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }

    /// See [`super::Genealogy`]: an answer as new as `moment`, if memory has one within
    /// the time that one waits for it.
    pub async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        tenant: Uuid,
        moment: Moment,
        look: impl Fn(&Adjacency, &mut Scratch) -> T + Clone + Send + 'static,
    ) -> Option<(i64, T)> {
        let kept = self.kept(tenant);
        let until = tokio::time::Instant::now() + self.settings.wait;
        let mut moved = kept.moved.subscribe();
        loop {
            moved.borrow_and_update();
            let (asked, look) = (kept.clone(), look.clone());
            // A large one takes long enough to hold up others on this thread.
            let answer = tokio::task::spawn_blocking(move || asked.answer(moment, look)).await.ok()?;
            if answer.is_some() {
                return answer;
            }
            if kept.is_refused() || !self.stands(&kept) {
                return None;
            }
            self.kick(&kept);
            tokio::time::timeout_at(until, moved.changed()).await.ok()?.ok()?;
        }
    }

    pub fn figures(&self) -> Figures {
        let all = self.all();
        let bytes = |kept: &Arc<Kept>| kept.bytes.load(Ordering::Relaxed);
        Figures {
            tenants: all.iter().filter(|kept| kept.moment().is_some()).count(),
            bytes: all.iter().map(bytes).sum(),
            from_memory: self.from_memory.load(Ordering::Relaxed),
            from_sql: self.from_sql.load(Ordering::Relaxed),
            checked: self.checked.load(Ordering::Relaxed),
            differed: self.differed.load(Ordering::Relaxed),
        }
    }
}

/// The mark that somebody brings a tenant up to date; gone however that ends.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
