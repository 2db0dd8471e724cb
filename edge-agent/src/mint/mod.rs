//! Numbers that are given once, ever: UIDs and document numbers from leased
//! ranges, and the mark that shows when a journal is older than it should be.
//!
//! Allocation is in memory and becomes real only with the journal's commit: the
//! engine works on a copy of [`Mint`], writes what changed together with the
//! events, and keeps the copy only when the commit succeeded.

mod mark;
mod ranges;
mod series;
mod standing;

pub use mark::{Mark, MarkFile, MarkRead};
pub use ranges::{GrantError, Granted, LeaseLevel, MintError, UidRanges};
pub use series::{SeriesLevel, SeriesRanges};
pub use standing::{Behind, Standing, assess};

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uid::{Key, PlantCode, TypeCode};

use crate::journal::{LeaseMarkRow, LeaseRow, Loaded, SeriesRow};

/// All number ranges of an agent.
#[derive(Debug, Clone)]
pub struct Mint {
    plant: PlantCode,
    epoch: u32,
    uids: UidRanges,
    series: SeriesRanges,
    blocked: Option<String>,
}

/// What must be written with the events that used the numbers.
#[derive(Debug, Default)]
pub struct Changes {
    /// Ranges of UIDs.
    pub leases: Vec<LeaseRow>,
    /// Highest numbers.
    pub lease_marks: Vec<LeaseMarkRow>,
    /// Ranges of document numbers.
    pub series: Vec<SeriesRow>,
    /// Highest document number ever granted, per series.
    pub series_marks: Vec<(String, i64)>,
    /// Terms of document numbers, for the journal's `meta`.
    pub terms: Vec<(String, String)>,
}

impl Mint {
    /// The ranges as the journal has them. Ranges of other epochs are ignored.
    #[must_use]
    pub fn new(plant: PlantCode, epoch: u32, loaded: &Loaded) -> Self {
        Self {
            plant,
            epoch,
            uids: UidRanges::load(epoch, &loaded.leases, &loaded.lease_marks),
            series: SeriesRanges::load(epoch, &loaded.series, &loaded.series_marks, &loaded.meta),
            blocked: None,
        }
    }

    /// Stops all giving of numbers, with the reason that [`MintError`] will name;
    /// `None` allows it again.
    pub fn set_blocked(&mut self, reason: Option<String>) {
        self.blocked = reason;
    }

    /// Why no number is given now, if so.
    #[must_use]
    pub fn blocked(&self) -> Option<&str> {
        self.blocked.as_deref()
    }

    /// The next UID of a type.
    ///
    /// # Errors
    /// When minting is blocked or the type has no number left.
    pub fn mint(&mut self, kind: TypeCode) -> Result<Key, MintError> {
        self.allowed()?;
        let sequence = self.uids.next(kind)?;
        Key::from_parts(self.plant, kind, sequence)
            .map_err(|_| MintError::Exhausted { kind: kind.to_string() })
    }

    /// The next number of a series for a document of that moment, as text.
    ///
    /// # Errors
    /// When minting is blocked or the series has no number left.
    pub fn number(&mut self, series: &str, at: DateTime<Utc>) -> Result<String, MintError> {
        self.allowed()?;
        self.series.next(series, at)
    }

    fn allowed(&self) -> Result<(), MintError> {
        match &self.blocked {
            Some(reason) => Err(MintError::Blocked { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Takes a range of UIDs.
    ///
    /// # Errors
    /// When it must not be used; the ranges are as before.
    pub fn grant(
        &mut self,
        kind: TypeCode,
        first: u64,
        last: u64,
        epoch: u32,
    ) -> Result<Granted, GrantError> {
        self.acceptable(epoch)?;
        self.uids.grant(kind, first, last)
    }

    /// Takes a range of document numbers.
    ///
    /// # Errors
    /// When it must not be used; the ranges are as before.
    pub fn grant_series(&mut self, grant: &proto::v1::SeriesGrant) -> Result<Granted, GrantError> {
        self.acceptable(grant.epoch)?;
        self.series.grant(grant)
    }

    fn acceptable(&self, epoch: u32) -> Result<(), GrantError> {
        if epoch != self.epoch {
            return Err(GrantError::Epoch { granted: epoch, current: self.epoch });
        }
        Ok(())
    }

    /// Takes what changed since the last call, to be written.
    pub fn take_changes(&mut self) -> Changes {
        let (leases, lease_marks) = self.uids.take_changes(self.epoch);
        let series = self.series.take_changes(self.epoch);
        let (series_marks, terms) = (self.series.take_marks(), self.series.take_terms());
        Changes { leases, lease_marks, series, series_marks, terms }
    }

    /// Begins an epoch: every range is void, the highest numbers stay.
    pub fn begin_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.uids.burn();
        self.series.burn();
        self.blocked = None;
    }

    /// Unused numbers per type. While minting is blocked they stay counted: what
    /// asks for one is told of the block, not that there are none left.
    #[must_use]
    pub fn mintable(&self) -> HashMap<TypeCode, u64> {
        self.uids.levels().into_iter().map(|l| (l.kind, l.left)).collect()
    }

    /// Unused numbers per series for documents of that moment, as [`Self::mintable`] counts
    /// them.
    #[must_use]
    pub fn numbers(&self, at: DateTime<Utc>) -> HashMap<String, u64> {
        self.series.levels(at).into_iter().map(|l| (l.series, l.left)).collect()
    }

    /// State of each type's numbers.
    #[must_use]
    pub fn levels(&self) -> Vec<LeaseLevel> {
        self.uids.levels()
    }

    /// State of each series, for documents of that moment.
    #[must_use]
    pub fn series_levels(&self, at: DateTime<Utc>) -> Vec<SeriesLevel> {
        self.series.levels(at)
    }

    /// Highest document number ever granted, per series and what it begins with.
    pub fn prefix_marks(&self) -> impl Iterator<Item = (&String, &String, u64)> {
        self.series.prefix_marks()
    }

    /// Highest document number ever granted, per series.
    pub fn series_marks(&self) -> impl Iterator<Item = (&String, u64)> {
        self.series.marks()
    }

    /// The current epoch.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }
}
