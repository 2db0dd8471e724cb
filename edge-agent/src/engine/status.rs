//! What terminal, health and metrics may look at: snapshots, published after
//! each group, never computed on demand.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uid::TypeCode;

use super::clock::ClockJump;
use super::prints::PrintJob;
use crate::inputs::{Answer, Colour};
use crate::journal::{DiskLevel, DiskState, Head, Rebuilt, WalReport};
use crate::mint::{LeaseLevel, SeriesLevel};
use crate::station::types::Session;

/// Scans that a station's page shows.
const LAST_SCANS: usize = 20;

/// The agent as a whole.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// End of the journal.
    pub head: Option<Head>,
    /// Up to where the cloud has the current epoch.
    pub acked_through: u64,
    /// Events of all epochs that the cloud does not have yet.
    pub queued: u64,
    /// Numbers left, per type.
    pub leases: Vec<LeaseLevel>,
    /// Document numbers left, per series.
    pub series: Vec<SeriesLevel>,
    /// Types whose numbers run low.
    pub low: Vec<TypeCode>,
    /// Series whose document numbers run low.
    pub series_low: Vec<String>,
    /// Why nothing can be minted, if so.
    pub mint_blocked: Option<String>,
    /// The journal was found behind its mark, or the machine is another; until a
    /// new epoch.
    pub behind_mark: bool,
    /// How full the journal is.
    pub disk: Option<DiskState>,
    /// Records in quarantine.
    pub quarantined: u64,
    /// What became of a WAL that was damaged at the start.
    pub wal: Option<WalReport>,
    /// What came of a database that was damaged and had to be rebuilt.
    pub rebuilt: Option<Rebuilt>,
    /// The journal cannot be written; what is wrong.
    pub failed: Option<String>,
    /// Last jump of the clock since the start.
    pub clock_jump: Option<ClockJump>,
    /// Version of the reference data.
    pub reference_version: u64,
    /// When the cloud last said that it is current.
    pub reference_as_of: Option<DateTime<Utc>>,
    /// Reference data was lost, holds perhaps; until all of it is told anew.
    pub reference_lost: bool,
    /// Rows of reference data that could not be understood.
    pub reference_unread: u64,
    /// Labels of which nobody knows whether they came out.
    pub open_prints: Arc<Vec<PrintJob>>,
    /// Events recorded since the start.
    pub recorded: u64,
    /// Groups committed since the start.
    pub groups: u64,
    /// Inputs answered from an earlier answer since the start.
    pub repeats: u64,
    /// Commands that failed alone since the start.
    pub failures: u64,
    /// What is wanted of the cloud.
    pub wishes: Wishes,
}

impl Status {
    /// What a person should act on, as stable codes; empty when all is well.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        let mut warn = |on: bool, code| {
            if on {
                warnings.push(code);
            }
        };
        let level = self.disk.map(|d| d.level()).unwrap_or_default();
        warn(self.failed.is_some(), "journal.failed");
        warn(level == DiskLevel::Full, "journal.full");
        warn(level == DiskLevel::Warn, "journal.nearly-full");
        warn(self.quarantined > 0, "journal.quarantine");
        warn(self.wal.as_ref().is_some_and(|w| w.healed), "journal.wal-mended");
        warn(self.wal.as_ref().is_some_and(|w| !w.healed), "journal.wal-damaged");
        warn(self.rebuilt.is_some(), "journal.rebuilt");
        warn(self.behind_mark, "mint.behind-mark");
        warn(self.mint_blocked.is_some() && !self.behind_mark, "mint.blocked");
        warn(!self.low.is_empty(), "mint.low");
        warn(!self.series_low.is_empty(), "series.low");
        warn(self.clock_jump.is_some(), "clock.jump");
        warn(self.reference_lost, "reference.lost");
        warn(self.reference_unread > 0, "reference.unread");
        warnings
    }
}

/// A range of document numbers that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesWish {
    /// Series code.
    pub series: String,
    /// How many.
    pub count: u32,
    /// For documents of a month from now: of today's there are enough.
    pub ahead: bool,
}

/// What the uplink should ask the cloud for. States, not events: it looks at
/// them when it is connected, and they go when they are met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Ranges of UIDs: type and how many.
    pub leases: Vec<(TypeCode, u32)>,
    /// Ranges of document numbers.
    pub series: Vec<SeriesWish>,
    /// UIDs scanned here of which nothing is known.
    pub labels: Vec<i64>,
    /// All reference data, which only a new stream asks for: it is not known here any
    /// more what is held.
    pub everything: bool,
}

/// The way to the cloud, as the uplink last told it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UplinkState {
    /// A stream is open and welcomed.
    pub connected: bool,
    /// Since when it is so.
    pub since: Option<DateTime<Utc>>,
    /// What is wrong, for people.
    pub problem: Option<String>,
}

/// One scan that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanLine {
    /// When.
    pub at: DateTime<Utc>,
    /// What was scanned, as it came; a badge is not shown.
    pub text: String,
    /// Colour of the answer.
    pub colour: Colour,
    /// What it was, in the operator's language.
    pub what: String,
}

/// One station.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StationView {
    /// Station code.
    pub station: String,
    /// What it is in the middle of.
    pub session: Session,
    /// Two-letter language of who is signed in, else the plant's first.
    pub language: String,
    /// The last answer; also one of which nothing is recorded, and which has no
    /// line in `last`. Another one than before is a new answer, be it to the same
    /// reading: red while it is not recorded, and green at last.
    pub answer: Option<Answer>,
    /// Last scans, newest first.
    pub last: VecDeque<ScanLine>,
    /// Labels asked for here of which nobody knows whether they came out.
    pub open_prints: Vec<PrintJob>,
}

impl StationView {
    /// Adds an answered scan.
    pub(super) fn push(&mut self, line: ScanLine, answer: Answer) {
        self.last.push_front(line);
        self.last.truncate(LAST_SCANS);
        self.answer = Some(answer);
    }
}
