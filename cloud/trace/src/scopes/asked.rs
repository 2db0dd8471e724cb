//! What all conditions of one question share, and how long it may take.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use futures_util::future::BoxFuture;
use platform::db::Tx;

use super::error::ScopeError;
use super::store::told;
use crate::genealogy::Genealogy;

/// Rows that a first look reads for one condition.
pub const LOOK: usize = 5_000;

/// How long a question may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Longest run of one statement.
    pub each: Duration,
    /// After so long no further condition is begun.
    pub all: Duration,
}

impl Patience {
    /// Of somebody who waits for a page.
    pub const PAGE: Self = Self { each: Duration::from_secs(10), all: Duration::from_secs(30) };
    /// Of the same, for what is told beside an answer.
    pub const BESIDE: Self = Self { each: Duration::from_secs(3), all: Duration::from_secs(5) };
    /// Of the same, for how the codes of a question are spelt.
    pub const CODES: Self = Self { each: Duration::from_secs(1), all: Duration::from_secs(4) };
    /// Of somebody who saves, before a job goes on with it.
    pub const SAVING: Self = Self { each: Duration::from_secs(2), all: Duration::from_secs(2) };
    /// Of somebody who compares: as long as a job for a statement, as a job may have saved it, and
    /// in all as long as a request may take.
    pub const COMPARING: Self = Self { each: Self::JOB.each, all: Duration::from_secs(100) };
    /// Of a job, for which nobody waits.
    pub const JOB: Self = Self { each: Duration::from_secs(60), all: Duration::from_secs(600) };
}

/// Is told before each condition how many were asked so far; an error ends the question.
pub type Watch<'a> = Box<dyn Fn(usize) -> BoxFuture<'a, Result<(), ScopeError>> + Send + Sync + 'a>;

/// What all conditions of one question share.
pub struct Asked<'a> {
    pub(super) genealogy: &'a Genealogy,
    pub(super) zones: Vec<(String, Tz)>,
    pub(super) zone: Tz,
    /// Rows that a first look reads for one condition; [`LOOK`], but in tests.
    pub(super) look: usize,
    patience: Patience,
    watch: Option<Watch<'a>>,
    begun: AtomicUsize,
    began: Instant,
}

impl<'a> Asked<'a> {
    /// Reads what conditions need to know of the tenant; `zone` is that of what belongs to
    /// no plant. From here on no statement of the transaction runs long.
    ///
    /// # Errors
    /// The database.
    pub async fn new(tx: &mut Tx, genealogy: &'a Genealogy, zone: Tz) -> Result<Self, ScopeError> {
        Self::patient(tx, genealogy, zone, Patience::PAGE).await
    }

    /// As [`Asked::new`], for somebody who waits so long.
    ///
    /// # Errors
    /// The database; [`ScopeError::TooSlow`] for somebody who does not wait at all.
    pub async fn patient(
        tx: &mut Tx,
        genealogy: &'a Genealogy,
        zone: Tz,
        patience: Patience,
    ) -> Result<Self, ScopeError> {
        let zones = told::zones(tx).await?;
        let zones = zones.into_iter().map(|(code, name)| (code, platform::i18n::zone(&name))).collect();
        let (look, watch, begun, began) = (LOOK, None, AtomicUsize::new(0), Instant::now());
        let asked = Self { genealogy, zones, zone, look, patience, watch, begun, began };
        asked.limit_time(tx).await?;
        Ok(asked)
    }

    /// The same, and `watch` is told how far it is.
    #[must_use]
    pub fn watched(self, watch: Watch<'a>) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// The same question asked in another way, beside its answer, with a patience of its own.
    ///
    /// # Errors
    /// As [`Asked::patient`].
    pub async fn beside(&self, tx: &mut Tx, patience: Patience) -> Result<Self, ScopeError> {
        let (zones, zone, look) = (self.zones.clone(), self.zone, self.look);
        let (genealogy, watch, begun, began) = (self.genealogy, None, AtomicUsize::new(0), Instant::now());
        let asked = Self { genealogy, zones, zone, look, patience, watch, begun, began };
        asked.limit_time(tx).await?;
        Ok(asked)
    }

    /// Before each condition.
    pub(super) async fn next(&self, tx: &mut Tx) -> Result<(), ScopeError> {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        if let Some(watch) = &self.watch {
            watch(begun).await?;
        }
        self.limit_time(tx).await
    }

    /// No statement runs longer than is left, of what one may take and of what all may.
    pub(super) async fn limit_time(&self, tx: &mut Tx) -> Result<(), ScopeError> {
        let left = self.patience.all.saturating_sub(self.began.elapsed()).min(self.patience.each).as_millis();
        if left == 0 {
            return Err(ScopeError::TooSlow);
        }
        Ok(told::limit_time(tx, &left.to_string()).await?)
    }
}
