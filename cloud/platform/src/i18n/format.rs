//! Numbers and times as they are written. Digits are Latin and grouped as in
//! India (12,34,567) in every language, since that is how its plants write them,
//! unless a person has chosen otherwise.

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::Texts;

/// How digits are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// `12,34,567.89`
    #[default]
    Indian,
    /// `1,234,567.89`
    Western,
}

/// How days are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Days {
    /// `21 Nov 2026`
    #[default]
    Month,
    /// `2026-11-21`
    Iso,
    /// `21/11/2026`
    Slash,
}

/// How one person writes numbers and days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form {
    /// Numbers.
    pub grouping: Grouping,
    /// Days.
    pub days: Days,
}

impl Form {
    /// Of stored names; one that is not known is the usual form.
    #[must_use]
    pub fn parse(number: &str, day: &str) -> Self {
        Self {
            grouping: if number == "western" { Grouping::Western } else { Grouping::Indian },
            days: match day {
                "iso" => Days::Iso,
                "slash" => Days::Slash,
                _ => Days::Month,
            },
        }
    }
}

impl Texts {
    fn grouped(&self, number: &str) -> String {
        match self.form.grouping {
            Grouping::Indian => grouped(number),
            Grouping::Western => by_threes(number),
        }
    }

    /// A whole number, grouped.
    #[must_use]
    pub fn number(&self, n: impl TryInto<i64>) -> String {
        match n.try_into() {
            Ok(n) => self.grouped(&n.to_string()),
            Err(_) => "∞".to_owned(),
        }
    }

    /// A quantity: grouped, without zeros at the end.
    #[must_use]
    pub fn quantity(&self, n: &Decimal) -> String {
        self.grouped(&n.normalize().to_string())
    }

    /// An amount of money: grouped, two places or as many as it needs.
    #[must_use]
    pub fn money(&self, n: &Decimal) -> String {
        let mut shown = n.normalize();
        if shown.scale() < 2 {
            shown.rescale(2);
        }
        self.grouped(&shown.to_string())
    }

    /// A day in the plant's zone: `21 Nov 2026`.
    #[must_use]
    pub fn date(&self, at: &DateTime<Utc>, zone: Tz) -> String {
        self.day(&at.with_timezone(&zone).date_naive())
    }

    /// A day that is one wherever one is: `21 Nov 2026`.
    #[must_use]
    pub fn day(&self, day: &NaiveDate) -> String {
        match self.form.days {
            Days::Month => {
                let month = self.t(&format!("month-{}", day.month()));
                format!("{} {month} {}", day.day(), day.year())
            }
            Days::Iso => day.format("%Y-%m-%d").to_string(),
            Days::Slash => day.format("%d/%m/%Y").to_string(),
        }
    }

    /// A time of day in the plant's zone: `14:05:09`.
    #[must_use]
    pub fn clock(&self, at: &DateTime<Utc>, zone: Tz) -> String {
        let at = at.with_timezone(&zone);
        format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
    }

    /// Day and time in the plant's zone: `21 Nov 2026, 14:05:09`.
    #[must_use]
    pub fn time(&self, at: &DateTime<Utc>, zone: Tz) -> String {
        format!("{}, {}", self.date(at, zone), self.clock(at, zone))
    }

    /// How long ago, roughly: "5 min ago".
    #[must_use]
    pub fn ago(&self, at: &DateTime<Utc>, now: &DateTime<Utc>) -> String {
        let seconds = (*now - *at).num_seconds().max(0);
        match seconds {
            0..60 => self.t("ago-now"),
            60..3600 => self.count("ago-minutes", seconds / 60),
            3600..86_400 => self.count("ago-hours", seconds / 3600),
            _ => self.count("ago-days", seconds / 86_400),
        }
    }
}

/// A zone by its name, UTC when there is no such one.
#[must_use]
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// When a day begins in a zone; where clocks jump over midnight, an hour later. `None` out
/// of range.
#[must_use]
pub fn begins(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let at = |hour| zone.from_local_datetime(&day.and_hms_opt(hour, 0, 0)?).earliest();
    at(0).or_else(|| at(1)).map(|at| at.with_timezone(&Utc))
}

/// A whole number, grouped, where no language is at hand.
pub(crate) fn grouped_number(n: i64) -> String {
    grouped(&n.to_string())
}

/// Groups the digits before the point: the last three, then pairs.
pub(super) fn grouped(number: &str) -> String {
    with_commas(number, |after| after >= 3 && (after - 3).is_multiple_of(2))
}

/// Groups the digits before the point by threes.
fn by_threes(number: &str) -> String {
    with_commas(number, |after| after.is_multiple_of(3))
}

/// Puts a comma where so many digits follow before the point.
fn with_commas(number: &str, comma: impl Fn(usize) -> bool) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("−", rest));
    let (whole, part) = rest.split_once('.').map_or((rest, None), |(w, p)| (w, Some(p)));
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        let after = whole.len() - i;
        if i > 0 && comma(after) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(part) = part {
        out.push('.');
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::i18n::{I18n, Lang};

    #[test]
    fn writes_numbers_and_times() {
        let en = Texts::new(Arc::new(I18n::new()), Lang::En);
        assert_eq!(en.number(999), "999");
        assert_eq!(en.number(1_000), "1,000");
        assert_eq!(en.number(-1_234_567), "−12,34,567");
        assert_eq!(en.number(100_000_usize), "1,00,000");
        assert_eq!(en.quantity(&Decimal::new(1_234_500, 3)), "1,234.5");
        assert_eq!(en.money(&Decimal::new(123_456_700, 4)), "12,345.67");
        assert_eq!(en.money(&Decimal::new(5, 0)), "5.00");
        let at: DateTime<Utc> = "2026-11-21T20:35:09Z".parse().unwrap();
        assert_eq!(en.time(&at, zone("Asia/Kolkata")), "22 Nov 2026, 02:05:09");
        assert_eq!(en.ago(&at, &(at + chrono::TimeDelta::minutes(5))), "5 min ago");
        assert_eq!(en.ago(&at, &at), "just now");
    }

    #[test]
    fn a_person_chooses_the_form() {
        let form =
            |number, day| Texts::new(Arc::new(I18n::new()), Lang::En).in_form(Form::parse(number, day));
        let at: DateTime<Utc> = "2026-11-21T20:35:09Z".parse().unwrap();
        let western = form("western", "iso");
        assert_eq!(western.money(&Decimal::new(123_456_700, 2)), "1,234,567.00");
        assert_eq!((western.number(-999_999), western.number(100)), ("−999,999".into(), "100".into()));
        assert_eq!(western.date(&at, zone("Asia/Kolkata")), "2026-11-22");
        let usual = form("", "slash");
        assert_eq!(usual.money(&Decimal::new(123_456_700, 2)), "12,34,567.00");
        assert_eq!(usual.date(&at, Tz::UTC), "21/11/2026");
        assert_eq!(form("", "nonsense").form, Form::default());
    }
}
