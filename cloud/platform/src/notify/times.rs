//! When a person is written to: quiet hours, and the hours of digests, in the
//! person's own time zone.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// How mail of a kind comes to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// Each notice as it happens.
    Now,
    /// Once a day, all together.
    Daily,
    /// Once a week, all together.
    Weekly,
}

impl Pace {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Now, Self::Daily, Self::Weekly];

    /// The name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }

    /// The pace of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pace| pace.name() == name)
    }
}

/// When a person wants to be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Minutes of the day from which until which nothing comes; it may go over
    /// midnight.
    pub quiet: Option<(i32, i32)>,
    /// The hour at which digests come, from 0 to 23.
    pub digest_hour: i32,
    /// The day on which the weekly one comes; 1 is Monday.
    pub digest_weekday: i32,
    /// For a change that must not overwrite another's; 0 before the first.
    pub version: i32,
}

impl Default for Times {
    fn default() -> Self {
        Self { quiet: None, digest_hour: 8, digest_weekday: 1, version: 0 }
    }
}

/// The end of the quiet hours that `now` lies in; `None` outside of them.
#[must_use]
pub(super) fn quiet_until(quiet: Option<(i32, i32)>, zone: Tz, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (from, until) = quiet.filter(|(from, until)| from != until)?;
    let local = now.with_timezone(&zone);
    // A minute of the day fits.
    let minute = i32::try_from(local.num_seconds_from_midnight() / 60).unwrap_or(0);
    let today = local.date_naive();
    let ends = if from < until {
        (from..until).contains(&minute).then_some(today)?
    } else if minute >= from {
        today.succ_opt()?
    } else if minute < until {
        today
    } else {
        return None;
    };
    // Where clocks change within them, they may have ended already.
    Some(moment(zone, ends, until)).filter(|end| *end > now)
}

/// The next moment after `now` at which a digest of this pace comes.
#[must_use]
pub(super) fn next_digest(pace: Pace, times: &Times, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
    let today = now.with_timezone(&zone).date_naive();
    let weekday = |day: NaiveDate| i32::try_from(day.weekday().number_from_monday()).unwrap_or(1);
    today
        .iter_days()
        // Nine days hold each weekday, with one to spare for today's hour that is over.
        .take(9)
        .filter(|day| pace != Pace::Weekly || weekday(*day) == times.digest_weekday)
        .map(|day| moment(zone, day, times.digest_hour * 60))
        .find(|at| *at > now)
        .unwrap_or(now + TimeDelta::days(1))
}

/// A minute of a local day. What the clock says twice is the first of both; what it
/// skips is the moment after the gap.
fn moment(zone: Tz, day: NaiveDate, minute: i32) -> DateTime<Utc> {
    let seconds = u32::try_from(minute.clamp(0, 1439)).unwrap_or(0) * 60;
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap_or_default();
    let local = day.and_time(time);
    // No zone skips more than a day.
    (0..=48)
        .find_map(|half| zone.from_local_datetime(&(local + TimeDelta::minutes(30 * half))).earliest())
        .map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
}

/// A time of day as a form writes it (`22:30`), in minutes.
#[must_use]
pub(super) fn minutes(typed: &str) -> Option<i32> {
    let (hour, minute) = typed.trim().split_once(':')?;
    let (hour, minute): (i32, i32) = (hour.parse().ok()?, minute.parse().ok()?);
    ((0..24).contains(&hour) && (0..60).contains(&minute)).then_some(hour * 60 + minute)
}

/// A minute of the day as a form writes it.
#[must_use]
pub(super) fn clock(minute: i32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    const KOLKATA: Tz = chrono_tz::Asia::Kolkata;
    const BERLIN: Tz = chrono_tz::Europe::Berlin;

    #[test]
    fn quiet_hours_go_over_midnight_in_the_persons_own_zone() {
        let night = Some((22 * 60, 6 * 60 + 30));
        // 16:29 UTC is 21:59 in Kolkata.
        assert_eq!(quiet_until(night, KOLKATA, at("2026-11-26T16:29:59Z")), None);
        let end = Some(at("2026-11-27T01:00:00Z"));
        assert_eq!(quiet_until(night, KOLKATA, at("2026-11-26T16:30:00Z")), end);
        assert_eq!(quiet_until(night, KOLKATA, at("2026-11-27T00:59:59Z")), end);
        assert_eq!(quiet_until(night, KOLKATA, at("2026-11-27T01:00:00Z")), None);
        let noon = Some((12 * 60, 13 * 60));
        assert_eq!(quiet_until(noon, Tz::UTC, at("2026-11-26T12:30:00Z")), Some(at("2026-11-26T13:00:00Z")));
        assert_eq!(quiet_until(noon, Tz::UTC, at("2026-11-26T13:00:00Z")), None);
        assert_eq!(quiet_until(None, KOLKATA, at("2026-11-26T20:00:00Z")), None);
        assert_eq!(quiet_until(Some((60, 60)), KOLKATA, at("2026-11-26T20:00:00Z")), None);
    }

    #[test]
    fn quiet_hours_end_though_the_clock_skips_or_repeats_their_end() {
        // Clocks go from 2:00 to 3:00 on 28 March 2027.
        let skipped = Some((22 * 60, 2 * 60 + 30));
        assert_eq!(
            quiet_until(skipped, BERLIN, at("2027-03-28T00:30:00Z")),
            Some(at("2027-03-28T01:00:00Z"))
        );
        assert_eq!(quiet_until(skipped, BERLIN, at("2027-03-28T01:00:00Z")), None);
        // They go from 3:00 back to 2:00 on 25 October 2026: 2:30 is there twice.
        let twice = Some((22 * 60, 2 * 60 + 30));
        assert_eq!(quiet_until(twice, BERLIN, at("2026-10-25T00:10:00Z")), Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(quiet_until(twice, BERLIN, at("2026-10-25T01:10:00Z")), None, "ended an hour ago");
    }

    #[test]
    fn digests_come_at_their_hour_on_their_day() {
        let times = Times { digest_hour: 7, digest_weekday: 5, ..Times::default() };
        // Thursday 26 November 2026, 7:00 in Kolkata is 1:30 UTC.
        let next = |pace, now| next_digest(pace, &times, KOLKATA, at(now));
        assert_eq!(next(Pace::Daily, "2026-11-26T01:29:59Z"), at("2026-11-26T01:30:00Z"));
        assert_eq!(next(Pace::Daily, "2026-11-26T01:30:00Z"), at("2026-11-27T01:30:00Z"));
        assert_eq!(next(Pace::Weekly, "2026-11-26T12:00:00Z"), at("2026-11-27T01:30:00Z"));
        assert_eq!(next(Pace::Weekly, "2026-11-27T01:30:00Z"), at("2026-12-04T01:30:00Z"));
    }

    #[test]
    fn times_of_day_are_read_as_forms_write_them() {
        assert_eq!([minutes("22:30"), minutes("00:00"), minutes("23:59")], [Some(1350), Some(0), Some(1439)]);
        for wrong in ["", "24:00", "12:60", "12", "-1:00", "a:b"] {
            assert_eq!(minutes(wrong), None, "{wrong}");
        }
        assert_eq!(clock(65), "01:05");
    }
}
