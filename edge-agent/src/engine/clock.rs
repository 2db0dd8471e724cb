//! The agent's clock, and what time an input is believed to have.

use std::time::Instant;

use chrono::{DateTime, Duration, FixedOffset, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// A difference between wall clock and steady clock that is worth telling.
const JUMP_S: i64 = 300;
/// A device clock may be ahead of ours by this much; beyond it, it is wrong.
const AHEAD_S: i64 = 300;
/// A device that buffered longer than this more likely lost its clock.
const BEHIND_DAYS: i64 = 30;

/// Where the time comes from; tests bring their own.
pub type Now = fn() -> DateTime<Utc>;

/// Watches the wall clock against the steady one. Order in the journal never
/// depends on either.
#[derive(Debug)]
pub(super) struct JumpWatch {
    last: Option<(Instant, DateTime<Utc>)>,
}

/// A jump of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockJump {
    /// The clock after it.
    pub at: DateTime<Utc>,
    /// By how many seconds, forward or back.
    pub by_s: i64,
}

impl JumpWatch {
    pub fn new() -> Self {
        Self { last: None }
    }

    /// Tells of a jump since the last look.
    pub fn look(&mut self, steady: Instant, now: DateTime<Utc>) -> Option<ClockJump> {
        let (then_steady, then) = self.last.replace((steady, now))?;
        let passed = steady.saturating_duration_since(then_steady).as_secs();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let by_s = (now - then).num_seconds().saturating_sub(passed);
        (by_s.abs() > JUMP_S).then_some(ClockJump { at: now, by_s })
    }
}

/// When an input happened: as the device says, unless its clock cannot be
/// right; else now, on the plant's clock.
pub(super) fn occurred_at(
    device: Option<DateTime<FixedOffset>>,
    now: DateTime<Utc>,
    zone: Tz,
) -> DateTime<FixedOffset> {
    let plausible = |at: &DateTime<FixedOffset>| {
        let at = at.with_timezone(&Utc);
        at <= now + Duration::seconds(AHEAD_S) && at >= now - Duration::days(BEHIND_DAYS)
    };
    device.filter(plausible).unwrap_or_else(|| local(now, zone))
}

/// A moment on the plant's clock.
pub(super) fn local(at: DateTime<Utc>, zone: Tz) -> DateTime<FixedOffset> {
    let offset = zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    at.with_timezone(&offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_told_and_the_passing_of_time_is_not() {
        let mut watch = JumpWatch::new();
        let (steady, now) = (Instant::now(), Utc::now());
        assert_eq!(watch.look(steady, now), None);
        let hour = std::time::Duration::from_secs(3600);
        assert_eq!(watch.look(steady + hour, now + hour), None);
        let back = watch.look(steady + hour, now).expect("an hour back");
        assert_eq!(back.by_s, -3600);
        let forth = watch.look(steady + hour, now + hour).expect("an hour forward");
        assert_eq!(forth.by_s, 3600);
    }

    #[test]
    fn a_device_clock_that_cannot_be_right_is_not_believed() {
        let now = Utc::now();
        let zone = chrono_tz::Asia::Kolkata;
        let ours = local(now, zone);
        assert_eq!(ours.offset().local_minus_utc(), 19_800);
        let an_hour_ago = ours - Duration::hours(1);
        assert_eq!(occurred_at(Some(an_hour_ago), now, zone), an_hour_ago);
        assert_eq!(occurred_at(Some(ours + Duration::hours(1)), now, zone), ours);
        assert_eq!(occurred_at(Some(ours - Duration::days(31)), now, zone), ours);
        assert_eq!(occurred_at(None, now, zone), ours);
    }
}
