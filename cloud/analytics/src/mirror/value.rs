//! Values on their way into DuckDB.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use duckdb::types::{TimeUnit, Value};
use rust_decimal::Decimal;

/// Days since 1970-01-01.
#[must_use]
pub fn days(day: NaiveDate) -> i32 {
    let days = day.signed_duration_since(DateTime::UNIX_EPOCH.date_naive()).num_days();
    i32::try_from(days).unwrap_or_default()
}

/// A date as a parameter.
#[must_use]
pub fn date(day: NaiveDate) -> Value {
    Value::Date32(days(day))
}

/// A moment as a parameter, in UTC.
#[must_use]
pub fn moment(at: DateTime<Utc>) -> Value {
    Value::Timestamp(TimeUnit::Microsecond, at.timestamp_micros())
}

/// A quantity, or null.
#[must_use]
pub fn quantity(n: Option<Decimal>) -> Value {
    n.map_or(Value::Null, |mut n| {
        // Columns of Postgres have six places; so have these.
        n.rescale(6);
        Value::Decimal(n.into())
    })
}

/// The day of an event: the date on which its shift began, else the date on the plant's
/// own clock. `app`-side SQL of the reconciliation says the same.
#[must_use]
pub fn day_of(production: Option<NaiveDate>, at: DateTime<Utc>, offset_min: i16) -> NaiveDate {
    production.unwrap_or_else(|| {
        let there = at.naive_utc().checked_add_signed(TimeDelta::minutes(i64::from(offset_min)));
        there.unwrap_or(at.naive_utc()).date()
    })
}

/// Whether a reading lies beyond its limits; `None` where it has no value or no limit.
#[must_use]
pub fn outside(value: Option<Decimal>, low: Option<Decimal>, high: Option<Decimal>) -> Option<bool> {
    let value = value?;
    if low.is_none() && high.is_none() {
        return None;
    }
    Some(low.is_some_and(|low| value < low) || high.is_some_and(|high| value > high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_shifts_else_the_plants() {
        let at: DateTime<Utc> = "2025-01-20T20:00:00Z".parse().unwrap();
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(day_of(None, at, 330), day("2025-01-21"), "half past one at night in Kolkata");
        assert_eq!(day_of(None, at, 0), day("2025-01-20"));
        assert_eq!(day_of(Some(day("2025-01-19")), at, 330), day("2025-01-19"));
        assert_eq!(days(day("1970-01-02")), 1);
    }

    #[test]
    fn a_reading_without_limits_is_not_within_them() {
        let d = |n: i64| Some(Decimal::from(n));
        assert_eq!(outside(d(5), None, None), None);
        assert_eq!(outside(None, d(1), d(9)), None);
        assert_eq!(outside(d(5), d(1), d(9)), Some(false));
        assert_eq!(outside(d(1), d(1), d(9)), Some(false), "a limit belongs to what it limits");
        assert_eq!(outside(d(0), d(1), None), Some(true));
        assert_eq!(outside(d(10), None, d(9)), Some(true));
    }
}
