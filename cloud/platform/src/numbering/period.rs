//! Financial years and months: in which period of a series a day lies. Pure.

use chrono::{Datelike, Months, NaiveDate};

/// When a series begins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// With each financial year.
    Year,
    /// With each month.
    Month,
    /// Never.
    Never,
}

impl Reset {
    /// Of that name; a series begins again each year unless it says otherwise.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "month" => Self::Month,
            "never" => Self::Never,
            _ => Self::Year,
        }
    }
}

/// The first day of the financial year of `day`, which begins with this month.
#[must_use]
pub fn year_from(day: NaiveDate, year_starts: u32) -> NaiveDate {
    let year = if day.month() >= year_starts { day.year() } else { day.year() - 1 };
    // A first of a month is a day, in every year that a date can have.
    NaiveDate::from_ymd_opt(year, year_starts.clamp(1, 12), 1).unwrap_or(day)
}

/// The last calendar year that the financial year touches.
#[must_use]
pub fn year_to(from: NaiveDate) -> i32 {
    if from.month() == 1 { from.year() } else { from.year() + 1 }
}

/// The first day of the period of `day`, by which its counter is kept.
#[must_use]
pub fn period_from(day: NaiveDate, reset: Reset, year_starts: u32) -> NaiveDate {
    match reset {
        Reset::Year => year_from(day, year_starts),
        Reset::Month => day.with_day(1).unwrap_or(day),
        Reset::Never => NaiveDate::default(),
    }
}

/// The first day after the period that begins then; `None` of one that never ends.
#[must_use]
pub fn period_end(from: NaiveDate, reset: Reset) -> Option<NaiveDate> {
    match reset {
        Reset::Year => from.checked_add_months(Months::new(12)),
        Reset::Month => from.checked_add_months(Months::new(1)),
        Reset::Never => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_ends_where_the_next_begins() {
        let end = |reset, starts, text| period_end(period_from(day(text), reset, starts), reset);
        assert_eq!(end(Reset::Year, 4, "2026-03-31"), Some(day("2026-04-01")));
        assert_eq!(end(Reset::Year, 1, "2024-02-29"), Some(day("2025-01-01")));
        assert_eq!(end(Reset::Month, 4, "2026-12-31"), Some(day("2027-01-01")));
        assert_eq!(end(Reset::Never, 4, "2026-12-31"), None);
    }

    #[test]
    fn a_year_begins_with_its_month() {
        for (date, starts, from, to) in [
            ("2026-03-31", 4, "2025-04-01", 2026),
            ("2026-04-01", 4, "2026-04-01", 2027),
            ("2026-12-31", 1, "2026-01-01", 2026),
            ("2026-06-30", 7, "2025-07-01", 2026),
        ] {
            let found = year_from(day(date), starts);
            assert_eq!((found, year_to(found)), (day(from), to), "{date}");
        }
        assert_eq!(period_from(day("2026-02-28"), Reset::Month, 4), day("2026-02-01"));
        assert_eq!(
            period_from(day("2026-02-28"), Reset::Never, 4),
            period_from(day("2030-01-01"), Reset::Never, 1)
        );
    }
}
