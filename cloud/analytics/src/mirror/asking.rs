//! The mark of a question beside a mirror's file. A native crash of DuckDB within a question
//! ends the whole process; whoever opens the file next finds that it was so, and what does that
//! time and again is not left to do it at each start.
//!
//! It is one byte of an open file, written over when a question begins and when it ends: two
//! calls without waiting for the disk, a hundredth of a millisecond for a question. What a
//! process wrote outlives the process.
//!
//! A process that is killed while a question runs leaves the same mark, so ends count only in a
//! row: one that is found outside a question ends the row, and so does a day.

use std::fs::File as DiskFile;
use std::os::unix::fs::FileExt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::file::Settings;
use super::marks::{Origin, gone, read, write};

/// How many ends in a row are the file's fault, which is built anew; and after how many it is
/// not that, so that nobody asks it any more.
const BUILT_ANEW: u32 = 2;
const SET_ASIDE: u32 = 3;
/// How far apart two ends are still in a row.
const ROW: TimeDelta = TimeDelta::days(1);

/// The file is closed, open, or a question runs.
const CLOSED: u8 = b'-';
const OPEN: u8 = b'o';
const ASKED: u8 = b'?';

/// Processes that ended within questions of one file, in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ends {
    times: u32,
    at: DateTime<Utc>,
    origin: Origin,
}

impl Ends {
    /// Counts one more; the earlier ones are of the same origin. Pure.
    fn after(earlier: Option<Self>, origin: &Origin, now: DateTime<Utc>) -> Self {
        let row = earlier.filter(|earlier| now - earlier.at < ROW);
        let times = row.map_or(0, |earlier| earlier.times).saturating_add(1);
        Self { times, at: now, origin: origin.clone() }
    }
}

/// How the last process that had a file left it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// It ended within a question; so many did in a row.
    pub within: bool,
    times: u32,
}

impl Left {
    /// Whether the file is to be built anew.
    pub fn builds_anew(self) -> bool {
        self.within && self.times >= BUILT_ANEW
    }

    /// Whether it is not asked any more.
    pub fn sets_aside(self) -> bool {
        self.times >= SET_ASIDE
    }
}

/// Looks how a tenant's file was left, and counts that. It must not be open.
pub(super) fn look(
    settings: &Settings,
    tenant: Uuid,
    origin: &Origin,
    now: DateTime<Utc>,
) -> std::io::Result<Left> {
    let (mark, noted) = (settings.asking(tenant), settings.asked(tenant));
    let left = match std::fs::read(&mark) {
        Ok(bytes) => bytes.first().copied().unwrap_or(CLOSED),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => CLOSED,
        Err(error) => return Err(error),
    };
    let earlier = read::<Ends>(&noted)?.filter(|earlier| earlier.origin == *origin);
    let found = match left {
        ASKED => {
            let ends = Ends::after(earlier, origin, now);
            write(&noted, &ends)?.sync_all()?;
            Left { within: true, times: ends.times }
        }
        // It ended in another way: what was within questions before was no row. What is set
        // aside is never open.
        OPEN => {
            gone(std::fs::remove_file(&noted))?;
            Left::default()
        }
        _ => Left { within: false, times: earlier.map_or(0, |earlier| earlier.times) },
    };
    gone(std::fs::remove_file(&mark))?;
    Ok(found)
}

/// The mark of an open file.
pub(super) struct Asking(DiskFile);

impl Asking {
    /// The file is open from now on.
    pub fn begin(settings: &Settings, tenant: Uuid) -> std::io::Result<Self> {
        let mark = DiskFile::create(settings.asking(tenant))?;
        mark.write_all_at(&[OPEN], 0)?;
        Ok(Self(mark))
    }

    /// A question runs until this is dropped. Where that cannot be marked it runs all the same:
    /// a disk that is full is no reason to answer nothing.
    pub fn within(&self) -> Within<'_> {
        self.mark(ASKED);
        Within(self)
    }

    fn mark(&self, state: u8) {
        if let Err(error) = self.0.write_all_at(&[state], 0) {
            tracing::debug!(%error, "a question of a mirror cannot be marked");
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.mark(CLOSED);
    }
}

/// A question runs.
pub(super) struct Within<'a>(&'a Asking);

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.0.mark(OPEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: Uuid = Uuid::from_u128(7);

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Opens it, ends as a process does that is not there any more, within a question or not.
    fn ended(settings: &Settings, within: bool) {
        let asking = Asking::begin(settings, TENANT).unwrap();
        if within {
            std::mem::forget(asking.within());
        }
        std::mem::forget(asking);
    }

    #[test]
    fn what_ends_within_questions_in_a_row_is_built_anew_and_then_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path());
        let (mine, other) = (Origin::new(1, "shared"), Origin::new(2, "shared"));
        let look = |origin: &Origin, now: &str| look(&settings, TENANT, origin, at(now)).unwrap();
        assert_eq!(look(&mine, "2025-01-01T08:00:00Z"), Left::default(), "it was never open");
        ended(&settings, true);
        let first = look(&mine, "2025-01-01T08:01:00Z");
        assert!(first.within && !first.builds_anew() && !first.sets_aside());
        // Looking counts once, and closing in order says nothing.
        assert!(!look(&mine, "2025-01-01T08:02:00Z").within);
        drop(Asking::begin(&settings, TENANT).unwrap());
        ended(&settings, true);
        let second = look(&mine, "2025-01-01T08:03:00Z");
        assert!(second.builds_anew() && !second.sets_aside());
        ended(&settings, true);
        assert!(look(&mine, "2025-01-01T08:04:00Z").sets_aside());
        assert!(look(&mine, "2025-01-09T08:04:00Z").sets_aside(), "it stays so");
        assert!(!look(&other, "2025-01-09T08:05:00Z").sets_aside(), "other facts");
    }

    #[test]
    fn an_end_outside_a_question_and_a_day_end_the_row() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path());
        let origin = Origin::new(1, "shared");
        let look = |now: &str| look(&settings, TENANT, &origin, at(now)).unwrap();
        ended(&settings, true);
        assert!(look("2025-01-01T08:00:00Z").within);
        ended(&settings, false);
        assert_eq!(look("2025-01-01T08:01:00Z"), Left::default());
        ended(&settings, true);
        assert!(!look("2025-01-01T08:02:00Z").builds_anew());
        ended(&settings, true);
        assert!(!look("2025-01-02T08:02:00Z").builds_anew(), "a day later");
        ended(&settings, true);
        assert!(look("2025-01-02T08:03:00Z").builds_anew());
    }

    #[test]
    fn a_question_is_marked_while_it_runs_and_after_a_panic_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path());
        let state = || std::fs::read(settings.asking(TENANT)).unwrap();
        let asking = Asking::begin(&settings, TENANT).unwrap();
        assert_eq!(state(), [OPEN]);
        let within = asking.within();
        assert_eq!(state(), [ASKED]);
        drop(within);
        assert_eq!(state(), [OPEN]);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _within = asking.within();
            panic!("in the middle");
        }));
        assert!(panicked.is_err());
        assert_eq!(state(), [OPEN]);
        drop(asking);
        assert_eq!(state(), [CLOSED]);
    }
}
