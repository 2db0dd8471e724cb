//! How long a message waits after an attempt that failed.

use chrono::TimeDelta;

/// The attempt after which a message is given up; the waits before it add up to
/// about a day.
pub const LAST_ATTEMPT: i32 = 14;
/// The wait after the first attempt.
const FIRST: TimeDelta = TimeDelta::seconds(30);
/// The longest wait.
const LONGEST: TimeDelta = TimeDelta::hours(4);

/// How long to wait after this attempt, counted from 1: each time twice as long,
/// of which `chance`, from 0 up to 1, takes away up to half. So what failed
/// together is not tried together again.
#[must_use]
pub fn wait(attempt: i32, chance: f64) -> TimeDelta {
    let doubled = u32::try_from(attempt - 1).unwrap_or(0).min(16);
    let full = FIRST.checked_mul(1_i32 << doubled).unwrap_or(LONGEST).min(LONGEST);
    let milliseconds = full.num_milliseconds();
    // Waits of hours are exact in a double.
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let less = (milliseconds as f64 * 0.5 * chance.clamp(0.0, 1.0)) as i64;
    TimeDelta::milliseconds(milliseconds - less)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_spread() {
        let seconds = |attempt| wait(attempt, 0.0).num_seconds();
        assert_eq!([1, 2, 3, 9, 10, 11, 1000].map(seconds), [30, 60, 120, 7680, 14_400, 14_400, 14_400]);
        assert_eq!(wait(1, 1.0), TimeDelta::seconds(15));
        assert_eq!(wait(1, 0.5), TimeDelta::milliseconds(22_500));
        assert_eq!(wait(0, 0.0), FIRST);
        let all: i64 = (1..LAST_ATTEMPT).map(|attempt| wait(attempt, 0.5).num_hours()).sum();
        assert!((12..36).contains(&all), "{all} hours");
    }
}
