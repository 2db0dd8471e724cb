//! Genealogy at speed: what UIDs went into, and what went into them.
//!
//! The recursive SQL in [`store`] is the reference. Beside it each tenant's links are
//! kept in memory ([`adjacency`]), read when first asked for and following the
//! tenant's batches since ([`warm`]), bounded by [`Settings::memory`]; samples are
//! held against the SQL all the time ([`check`]). Where memory cannot answer, or is
//! behind what the caller's transaction sees, the SQL does.

pub mod adjacency;
pub mod build;
pub mod check;
mod keep;
pub mod store;
pub mod turns;
pub mod warm;

#[cfg(test)]
mod adjacency_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use platform::db::{Db, Tx};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::explore::error::TraceError;
pub use crate::explore::graph::Direction;
use crate::ingest::Committed;
use adjacency::{Adjacency, Scratch};
use keep::Shared;

/// Which links count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// All that were ever made, packing too: where it ever was.
    Ever,
    /// Those that are open now: as built.
    Open,
    /// Used up into, or built in, whenever that was: what was made of it. No packing.
    Made,
    /// Packed, and not taken out again: what is inside of what now.
    Packed,
    /// [`Mode::Made`] and [`Mode::Packed`]: what goes along in a recall. What was made of it
    /// stays made of it; a package that it was taken out of has no more to do with it.
    Recall,
}

impl Mode {
    /// By kind of link (transformation, assembly, packing), how it has to stand: 0 it does not
    /// count, 1 ever made, 2 open now.
    fn wants(self) -> [i16; 3] {
        match self {
            Self::Ever => [1, 1, 1],
            Self::Open => [2, 2, 2],
            Self::Made => [1, 1, 0],
            Self::Packed => [0, 0, 2],
            Self::Recall => [1, 1, 2],
        }
    }
}

/// A link with its rows added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Became, or became part of, …
    pub from: i64,
    /// … this.
    pub to: i64,
    /// 1 transformation, 2 assembly, 3 packing.
    pub kind: i16,
    /// Not taken out again.
    pub open: bool,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The links in memory.
    Memory,
    /// The recursive SQL.
    Sql,
}

/// How far a tenant is: its last batch, and how often it was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The last committed batch.
    pub batch: i64,
    /// Raised by a restore: batches of another generation are others.
    pub generation: i64,
}

/// What is reached from some UIDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The UIDs, those from which it began among them, in order.
    pub keys: Vec<i64>,
    /// The batch to which this is current; what came later may be in it.
    pub through_batch: i64,
    /// Where the answer comes from.
    pub source: Source,
    /// There is more than was asked for at most.
    pub cut: bool,
}

/// The links that leave what is around a UID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    /// The links, in no order.
    pub links: Vec<Link>,
    /// As of [`Reach`].
    pub through_batch: i64,
    /// As of [`Reach`].
    pub source: Source,
    /// As of [`Reach`].
    pub cut: bool,
}

/// How much the memory may take, and how long one waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Most bytes for the links of all tenants together. While a tenant's links are
    /// read or rearranged they take up to three times as much for that while.
    pub memory: usize,
    /// How long a question waits for memory that is behind, before it asks the SQL.
    pub wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { memory: 1 << 30, wait: Duration::from_millis(100) }
    }
}

/// What happened so far, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Tenants in memory.
    pub tenants: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// Questions that memory answered.
    pub from_memory: u64,
    /// Questions that the SQL answered.
    pub from_sql: u64,
    /// Samples that were held against the SQL.
    pub checked: u64,
    /// Samples that differed.
    pub differed: u64,
}

/// The genealogies of all tenants of a database. Cheap to clone; all clones share the
/// memory. The default one keeps nothing in memory and asks the SQL.
#[derive(Clone, Default)]
pub struct Genealogy(Option<Arc<Shared>>);

impl Genealogy {
    /// Over a database. [`Genealogy::run`] has to go on beside, so that memory is up to date
    /// before it is asked; without it, it catches up when asked.
    #[must_use]
    pub fn new(db: Db, settings: Settings) -> Self {
        Self(Some(Arc::new(Shared::new(db, settings))))
    }

    /// What these UIDs went into ([`Direction::Forward`]) or what went into them, at any
    /// depth, themselves among it: at most `limit`, of more the nearest. As new as what
    /// the transaction sees.
    ///
    /// # Errors
    /// The database.
    pub async fn reach(
        &self,
        tx: &mut Tx,
        starts: &[i64],
        direction: Direction,
        mode: Mode,
        limit: usize,
    ) -> Result<Reach, TraceError> {
        let moment = store::moment(tx).await?;
        let asked: Arc<[i64]> = starts.into();
        let look = move |adjacency: &Adjacency, scratch: &mut Scratch| {
            adjacency.reach(scratch, &asked, direction, mode, usize::MAX, limit)
        };
        if let Some((through_batch, (keys, cut))) = self.ask(tx.tenant(), moment, look).await {
            return Ok(Reach { keys, through_batch, source: Source::Memory, cut });
        }
        by_sql(tx, moment.batch, starts, direction, mode, limit).await
    }

    /// The links that leave what is within `depth` steps of a UID, itself among it, at
    /// most `limit`. As new as what the transaction sees.
    ///
    /// # Errors
    /// The database.
    pub async fn links_within(
        &self,
        tx: &mut Tx,
        start: i64,
        direction: Direction,
        mode: Mode,
        depth: u16,
        limit: usize,
    ) -> Result<Around, TraceError> {
        let moment = store::moment(tx).await?;
        let look = move |adjacency: &Adjacency, scratch: &mut Scratch| {
            adjacency.links_within(scratch, start, direction, mode, depth.into(), limit)
        };
        if let Some((through_batch, (links, cut))) = self.ask(tx.tenant(), moment, look).await {
            return Ok(Around { links, through_batch, source: Source::Memory, cut });
        }
        let most = one_more(limit);
        let mut links = store::links_within(tx, start, direction, mode, depth.into(), most).await?;
        let cut = links.len() > limit;
        links.truncate(limit);
        Ok(Around { links, through_batch: moment.batch, source: Source::Sql, cut })
    }

    /// These UIDs, everything that was ever made of them, and the packages in which some of
    /// it is now ([`Mode::Recall`]), at most `limit`, in no order: what recalls and scopes
    /// reach. All that was committed when it was asked is in it; `docs/decisions/0013` says
    /// why memory may be believed.
    ///
    /// # Errors
    /// The database.
    pub(crate) async fn descendants(
        &self,
        tx: &mut Tx,
        keys: &[i64],
        limit: i64,
    ) -> Result<Vec<i64>, sqlx::Error> {
        let moment = store::moment(tx).await?;
        self.goes(tx, moment, keys, (Direction::Forward, Mode::Recall), limit).await
    }

    /// These UIDs and what was ever made of them, without packages: as
    /// [`Genealogy::descendants`].
    ///
    /// # Errors
    /// The database.
    pub(crate) async fn made(&self, tx: &mut Tx, keys: &[i64], limit: i64) -> Result<Vec<i64>, sqlx::Error> {
        let moment = store::moment(tx).await?;
        self.made_to(tx, moment, keys, limit).await
    }

    /// [`Genealogy::made`], by links up to a batch of the same generation, and perhaps later
    /// ones.
    ///
    /// # Errors
    /// The database.
    pub(crate) async fn made_to(
        &self,
        tx: &mut Tx,
        moment: Moment,
        keys: &[i64],
        limit: i64,
    ) -> Result<Vec<i64>, sqlx::Error> {
        self.goes(tx, moment, keys, (Direction::Forward, Mode::Made), limit).await
    }

    /// These UIDs and all that is in them now, in however many packages: as
    /// [`Genealogy::descendants`].
    ///
    /// # Errors
    /// The database.
    pub(crate) async fn contents(
        &self,
        tx: &mut Tx,
        keys: &[i64],
        limit: i64,
    ) -> Result<Vec<i64>, sqlx::Error> {
        let moment = store::moment(tx).await?;
        self.goes(tx, moment, keys, (Direction::Backward, Mode::Packed), limit).await
    }

    async fn goes(
        &self,
        tx: &mut Tx,
        moment: Moment,
        keys: &[i64],
        (direction, mode): (Direction, Mode),
        limit: i64,
    ) -> Result<Vec<i64>, sqlx::Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Arc<[i64]> = keys.into();
        let most = usize::try_from(limit).unwrap_or_default();
        let look = move |adjacency: &Adjacency, scratch: &mut Scratch| {
            adjacency.reach(scratch, &asked, direction, mode, usize::MAX, most)
        };
        match self.ask(tx.tenant(), moment, look).await {
            Some((_, (found, _))) => Ok(found),
            None => store::reach(tx, keys, direction, mode, limit).await,
        }
    }

    /// For work beside people's: this, where the tenant's links are in memory already, and
    /// else the SQL alone, so that such work lets no tenant leave memory for another.
    pub(crate) fn beside(&self, tenant: Uuid) -> Self {
        let present = self.0.as_ref().and_then(|shared| shared.present(tenant));
        if present.is_some_and(|kept| kept.moment().is_some()) { self.clone() } else { Self::default() }
    }

    /// Asks the memory; `None` where it cannot answer.
    async fn ask<T: Send + 'static>(
        &self,
        tenant: Uuid,
        moment: Moment,
        look: impl Fn(&Adjacency, &mut Scratch) -> T + Clone + Send + 'static,
    ) -> Option<(i64, T)> {
        let shared = self.0.as_ref()?;
        let answer = shared.ask(tenant, moment, look).await;
        shared.count(answer.is_some());
        answer
    }

    /// Keeps what is in memory up to date until `stop`, woken by `committed`, and by
    /// itself, so that batches that another process took in are seen as well; and holds
    /// samples of it against the SQL.
    pub async fn run(&self, committed: Committed, stop: CancellationToken) {
        match &self.0 {
            Some(shared) => {
                let checks = check::run(self, stop.clone());
                tokio::join!(warm::follow(shared, committed, &stop), checks);
            }
            None => stop.cancelled().await,
        }
    }

    /// Reads a tenant's links into memory, or what is new of them; answers to which
    /// batch it is current then, `None` where there is no room for it.
    ///
    /// # Errors
    /// The database.
    pub async fn warm(&self, tenant: Uuid) -> Result<Option<i64>, TraceError> {
        match &self.0 {
            Some(shared) => shared.warm(tenant).await,
            None => Ok(None),
        }
    }

    /// Forgets a tenant; it is read anew when asked for.
    pub fn forget(&self, tenant: Uuid) {
        if let Some(shared) = &self.0 {
            shared.forget(tenant);
        }
    }

    /// What happened so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.0.as_ref().map(|shared| shared.figures()).unwrap_or_default()
    }
}

fn one_more(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

/// [`Genealogy::reach`] by the reference.
///
/// # Errors
/// The database.
pub async fn reach_by_sql(
    tx: &mut Tx,
    starts: &[i64],
    direction: Direction,
    mode: Mode,
    limit: usize,
) -> Result<Reach, TraceError> {
    let moment = store::moment(tx).await?;
    by_sql(tx, moment.batch, starts, direction, mode, limit).await
}

async fn by_sql(
    tx: &mut Tx,
    through_batch: i64,
    starts: &[i64],
    direction: Direction,
    mode: Mode,
    limit: usize,
) -> Result<Reach, TraceError> {
    let mut keys = store::reach(tx, starts, direction, mode, one_more(limit)).await?;
    let cut = keys.len() > limit;
    keys.truncate(limit);
    keys.sort_unstable();
    Ok(Reach { keys, through_batch, source: Source::Sql, cut })
}
