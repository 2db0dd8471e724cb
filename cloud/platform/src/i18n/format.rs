//! Numbers and times as they are written. Digits are Latin and grouped as in
//! India (12,34,567) in every language: that is how its plants write them.

use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::Texts;

impl Texts {
    /// A whole number, grouped.
    #[must_use]
    pub fn number(&self, n: impl TryInto<i64>) -> String {
        match n.try_into() {
            Ok(n) => grouped(&n.to_string()),
            Err(_) => "∞".to_owned(),
        }
    }

    /// A quantity: grouped, without zeros at the end.
    #[must_use]
    pub fn quantity(&self, n: &Decimal) -> String {
        grouped(&n.normalize().to_string())
    }

    /// An amount of money: grouped, two places or as many as it needs.
    #[must_use]
    pub fn money(&self, n: &Decimal) -> String {
        let mut shown = n.normalize();
        if shown.scale() < 2 {
            shown.rescale(2);
        }
        grouped(&shown.to_string())
    }

    /// A day in the plant's zone: `21 Nov 2026`.
    #[must_use]
    pub fn date(&self, at: &DateTime<Utc>, zone: Tz) -> String {
        let at = at.with_timezone(&zone);
        let month = self.t(&format!("month-{}", at.month()));
        format!("{} {month} {}", at.day(), at.year())
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

/// A whole number, grouped, where no language is at hand.
pub(crate) fn grouped_number(n: i64) -> String {
    grouped(&n.to_string())
}

/// Groups the digits before the point: the last three, then pairs.
pub(super) fn grouped(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("−", rest));
    let (whole, part) = rest.split_once('.').map_or((rest, None), |(w, p)| (w, Some(p)));
    let mut out = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        let after = whole.len() - i;
        if i > 0 && after >= 3 && (after - 3).is_multiple_of(2) {
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
}
