//! The mark of a question beside a mirror's file, and of a piece of a check or an export. A native
//! crash of DuckDB within one ends the whole process; whoever opens the file next finds that it
//! was so, and what does that time and again is not left to do it at each start.
//!
//! It is one byte of an open file, written over when a question begins and when it ends: two
//! calls without waiting for the disk, a hundredth of a millisecond for a question. What a
//! process wrote outlives the process.
//!
//! A process that is killed while a question runs leaves the same mark, so ends count only in a
//! row: one that is found outside a question ends the row, and so does a day. Checks and exports
//! are begun anew at each start and take minutes, so that of those only one that comes to its end
//! ends the row; and they alone are left alone then, for a day, while the mirror is fed and asked
//! as ever.

use std::fmt;
use std::fs::File as DiskFile;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::file::Settings;
use super::marks::{Origin, gone, read, write};

/// How many ends in a row are the file's fault, which is built anew; and after how many it is
/// not that, so that nobody asks it any more.
const BUILT_ANEW: u32 = 2;
const SET_ASIDE: u32 = 3;
/// After how many ends checks, or exports, are left alone: as many as of feeding, since a kill
/// from outside meets what takes minutes more easily than a question.
const LEFT_ALONE: u32 = 4;
/// For how long. They are tried once more then, and left alone at once if it happens again.
const ALONE_FOR: TimeDelta = TimeDelta::days(1);
/// How far apart two ends within questions are still in a row.
const ROW: TimeDelta = TimeDelta::days(1);

/// The file is closed, or open and nothing of this runs.
const CLOSED: u8 = b'-';
const OPEN: u8 = b'o';

/// What a file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum During {
    /// A question of a person.
    Question,
    /// A check whether it equals Postgres.
    Check,
    /// An export as Parquet.
    Export,
}

impl During {
    const ALL: [Self; 3] = [Self::Question, Self::Check, Self::Export];

    fn mark(self) -> u8 {
        match self {
            Self::Question => b'?',
            Self::Check => b'c',
            Self::Export => b'e',
        }
    }

    /// Where the ends within it are noted.
    fn noted(self, settings: &Settings, tenant: Uuid) -> PathBuf {
        match self {
            Self::Question => settings.asked(tenant),
            Self::Check => settings.ended_checks(tenant),
            Self::Export => settings.ended_exports(tenant),
        }
    }
}

impl fmt::Display for During {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Question => "questions",
            Self::Check => "checks",
            Self::Export => "exports",
        })
    }
}

/// Processes that ended within one and the same of a file, in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ends {
    times: u32,
    at: DateTime<Utc>,
    origin: Origin,
}

impl Ends {
    /// Counts one more; the earlier ones are of the same origin. Pure.
    fn after(during: During, earlier: Option<Self>, origin: &Origin, now: DateTime<Utc>) -> Self {
        let row = earlier.filter(|earlier| during != During::Question || now - earlier.at < ROW);
        let times = row.map_or(0, |earlier| earlier.times).saturating_add(1);
        Self { times, at: now, origin: origin.clone() }
    }

    /// Whether checks or exports that ended so are left alone now; not for longer than that where
    /// a clock was wrong.
    fn leaves_alone(&self, now: DateTime<Utc>) -> bool {
        self.times >= LEFT_ALONE && (now - self.at).abs() < ALONE_FOR
    }
}

/// What is noted, of facts of this origin.
fn noted(
    settings: &Settings,
    tenant: Uuid,
    during: During,
    origin: &Origin,
) -> std::io::Result<Option<Ends>> {
    let found = read::<Ends>(&during.noted(settings, tenant))?;
    Ok(found.filter(|ends| ends.origin == *origin))
}

/// How the last process that had a file left it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// It ended within this; so many did in a row.
    pub within: Option<During>,
    times: u32,
    /// So many ended within questions in a row.
    questions: u32,
}

impl Left {
    /// Whether the file is to be built anew.
    pub fn builds_anew(self) -> bool {
        self.within.is_some() && self.times == BUILT_ANEW
    }

    /// Whether it is not asked any more.
    pub fn sets_aside(self) -> bool {
        self.questions >= SET_ASIDE
    }
}

/// Looks how a tenant's file was left, and counts that. It must not be open.
pub(super) fn look(
    settings: &Settings,
    tenant: Uuid,
    origin: &Origin,
    now: DateTime<Utc>,
) -> std::io::Result<Left> {
    let mark = settings.asking(tenant);
    let state = match std::fs::read(&mark) {
        Ok(bytes) => bytes.first().copied().unwrap_or(CLOSED),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => CLOSED,
        Err(error) => return Err(error),
    };
    let mut left =
        Left { within: During::ALL.into_iter().find(|during| during.mark() == state), ..Left::default() };
    if let Some(during) = left.within {
        let ends = Ends::after(during, noted(settings, tenant, during, origin)?, origin, now);
        write(&during.noted(settings, tenant), &ends)?.sync_all()?;
        left.times = ends.times;
    }
    if state != CLOSED && left.within != Some(During::Question) {
        // It ended in another way: what was within questions before was no row. What is set
        // aside is never open.
        gone(std::fs::remove_file(settings.asked(tenant)))?;
    }
    left.questions = noted(settings, tenant, During::Question, origin)?.map_or(0, |ends| ends.times);
    gone(std::fs::remove_file(&mark))?;
    Ok(left)
}

/// One came to its end: what ended before was no row.
pub(super) fn came_to_end(settings: &Settings, tenant: Uuid, during: During) -> std::io::Result<()> {
    gone(std::fs::remove_file(during.noted(settings, tenant)))
}

/// What is left alone of a tenant's mirror in a folder, which may be another process's.
#[must_use]
pub fn left_alone(settings: &Settings, tenant: Uuid) -> Vec<During> {
    let now = Utc::now();
    let is = |during: &During| {
        let found = read::<Ends>(&during.noted(settings, tenant)).ok().flatten();
        found.is_some_and(|ends| ends.origin.is_of_this_program() && ends.leaves_alone(now))
    };
    [During::Check, During::Export].into_iter().filter(is).collect()
}

/// The mark of an open file.
pub(super) struct Asking {
    mark: DiskFile,
    settings: Settings,
    tenant: Uuid,
    origin: Origin,
}

impl Asking {
    /// The file is open from now on.
    pub fn begin(settings: &Settings, tenant: Uuid, origin: &Origin) -> std::io::Result<Self> {
        let mark = DiskFile::create(settings.asking(tenant))?;
        mark.write_all_at(&[OPEN], 0)?;
        Ok(Self { mark, settings: settings.clone(), tenant, origin: origin.clone() })
    }

    /// Something is asked until this is dropped. Where that cannot be marked it runs all the same:
    /// a disk that is full is no reason to answer nothing.
    pub fn within(&self, during: During) -> Within<'_> {
        self.mark(during.mark());
        Within(self)
    }

    /// Whether this is left alone now. Of questions that is said when the file is opened.
    pub fn leaves_alone(&self, during: During, now: DateTime<Utc>) -> std::io::Result<bool> {
        if during == During::Question {
            return Ok(false);
        }
        let ends = noted(&self.settings, self.tenant, during, &self.origin)?;
        Ok(ends.is_some_and(|ends| ends.leaves_alone(now)))
    }

    fn mark(&self, state: u8) {
        if let Err(error) = self.mark.write_all_at(&[state], 0) {
            tracing::debug!(%error, "what a mirror is asked cannot be marked");
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.mark(CLOSED);
    }
}

/// Something is asked.
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

    /// Opens it, ends as a process does that is not there any more, within something or not.
    fn ended(settings: &Settings, within: Option<During>) {
        let asking = open(settings);
        if let Some(during) = within {
            std::mem::forget(asking.within(during));
        }
        std::mem::forget(asking);
    }

    fn open(settings: &Settings) -> Asking {
        Asking::begin(settings, TENANT, &Origin::new(1, "shared")).unwrap()
    }

    #[test]
    fn what_ends_within_questions_in_a_row_is_built_anew_and_then_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path());
        let (mine, other) = (Origin::new(1, "shared"), Origin::new(2, "shared"));
        let look = |origin: &Origin, now: &str| look(&settings, TENANT, origin, at(now)).unwrap();
        assert_eq!(look(&mine, "2025-01-01T08:00:00Z"), Left::default(), "it was never open");
        ended(&settings, Some(During::Question));
        let first = look(&mine, "2025-01-01T08:01:00Z");
        assert!(first.within.is_some() && !first.builds_anew() && !first.sets_aside());
        // Looking counts once, and closing in order says nothing.
        assert!(look(&mine, "2025-01-01T08:02:00Z").within.is_none());
        drop(open(&settings));
        ended(&settings, Some(During::Question));
        let second = look(&mine, "2025-01-01T08:03:00Z");
        assert!(second.builds_anew() && !second.sets_aside());
        ended(&settings, Some(During::Question));
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
        ended(&settings, Some(During::Question));
        assert_eq!(look("2025-01-01T08:00:00Z").within, Some(During::Question));
        ended(&settings, None);
        assert_eq!(look("2025-01-01T08:01:00Z"), Left::default());
        ended(&settings, Some(During::Question));
        assert!(!look("2025-01-01T08:02:00Z").builds_anew());
        ended(&settings, Some(During::Question));
        assert!(!look("2025-01-02T08:02:00Z").builds_anew(), "a day later");
        ended(&settings, Some(During::Question));
        assert!(look("2025-01-02T08:03:00Z").builds_anew());
    }

    #[test]
    fn checks_that_end_the_process_are_left_alone_for_a_day_and_nothing_else_is() {
        for (during, other) in [(During::Check, During::Export), (During::Export, During::Check)] {
            let dir = tempfile::tempdir().unwrap();
            let settings = Settings::new(dir.path());
            let origin = Origin::new(1, "shared");
            let look = |now: &str| look(&settings, TENANT, &origin, at(now)).unwrap();
            let alone = |of: During, now: &str| open(&settings).leaves_alone(of, at(now)).unwrap();
            // Days apart, and with ends in between that say nothing of it: one row all the same.
            for (times, day) in [(1, "01"), (2, "03"), (3, "05"), (4, "07")] {
                assert!(!alone(during, &format!("2025-01-{day}T08:00:00Z")), "{during} {times}");
                ended(&settings, Some(during));
                let left = look(&format!("2025-01-{day}T08:00:00Z"));
                assert_eq!((left.within, left.builds_anew()), (Some(during), times == 2), "{during} {times}");
                assert!(!left.sets_aside(), "it is fed and asked");
                ended(&settings, None);
                assert_eq!(look(&format!("2025-01-{day}T08:01:00Z")), Left::default());
            }
            assert!(alone(during, "2025-01-08T07:59:00Z") && !alone(other, "2025-01-08T07:59:00Z"));
            assert!(!alone(During::Question, "2025-01-08T07:59:00Z"));
            let restored = Asking::begin(&settings, TENANT, &Origin::new(2, "shared")).unwrap();
            assert!(!restored.leaves_alone(during, at("2025-01-08T07:59:00Z")).unwrap(), "other facts");
            // A day later it is tried, and once is enough then.
            assert!(!alone(during, "2025-01-08T08:00:00Z"));
            ended(&settings, Some(during));
            assert!(!look("2025-01-08T08:00:00Z").builds_anew());
            assert!(alone(during, "2025-01-09T07:59:00Z"));
            assert!(!alone(during, "2024-12-01T08:00:00Z"), "a clock that was wrong");
            // One that comes to its end is the end of it.
            came_to_end(&settings, TENANT, during).unwrap();
            came_to_end(&settings, TENANT, other).unwrap();
            assert!(!alone(during, "2025-01-09T07:59:00Z"));
        }
    }

    #[test]
    fn an_end_within_a_check_ends_the_row_of_questions() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path());
        let origin = Origin::new(1, "shared");
        let look = |now: &str| look(&settings, TENANT, &origin, at(now)).unwrap();
        ended(&settings, Some(During::Question));
        assert!(!look("2025-01-01T08:00:00Z").builds_anew());
        ended(&settings, Some(During::Check));
        assert_eq!(look("2025-01-01T08:01:00Z").within, Some(During::Check));
        ended(&settings, Some(During::Question));
        assert!(!look("2025-01-01T08:02:00Z").builds_anew());
    }

    #[test]
    fn a_question_is_marked_while_it_runs_and_after_a_panic_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::new(dir.path());
        let state = || std::fs::read(settings.asking(TENANT)).unwrap();
        let asking = open(&settings);
        assert_eq!(state(), [OPEN]);
        for (during, mark) in [(During::Question, b'?'), (During::Check, b'c'), (During::Export, b'e')] {
            let within = asking.within(during);
            assert_eq!(state(), [mark]);
            drop(within);
            assert_eq!(state(), [OPEN]);
        }
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _within = asking.within(During::Question);
            panic!("in the middle");
        }));
        assert!(panicked.is_err());
        assert_eq!(state(), [OPEN]);
        drop(asking);
        assert_eq!(state(), [CLOSED]);
    }
}
