//! What a dashboard shows: its figures, the time it is about, and what a figure means. No I/O.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kpi {
    /// Units received from suppliers (GRN).
    Received,
    /// Units through an operation (its end, where it has one).
    Operations,
    /// Units packed, without the packages around them.
    Packed,
    /// Units dispatched to customers, also those in packages, without the packages.
    Dispatched,
    /// Units scrapped.
    Scrapped,
    /// Acts that a station refused.
    Refused,
    /// Share of units, of those inspected at an operation for the first time, that passed every
    /// first inspection there, in percent.
    FirstPass,
    /// Results that failed.
    Rejects,
    /// Share of readings with limits that lie outside, in percent.
    Outside,
    /// Share of incoming inspections that passed, in percent.
    IncomingPass,
    /// Units in work now.
    Wip,
    /// Records of machines: no figure, but what is behind the quarter hours of one.
    Records,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Above the target.
    More,
    /// Below it.
    Less,
}

impl Kpi {
    /// All of them, in the order in which targets are listed.
    pub const ALL: [Self; 11] = [
        Self::Received,
        Self::Operations,
        Self::Packed,
        Self::Dispatched,
        Self::Scrapped,
        Self::Refused,
        Self::FirstPass,
        Self::Rejects,
        Self::Outside,
        Self::IncomingPass,
        Self::Wip,
    ];

    /// Its name in addresses, in the database and, with `kpi-` before it, of its text.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Operations => "operations",
            Self::Packed => "packed",
            Self::Dispatched => "dispatched",
            Self::Scrapped => "scrapped",
            Self::Refused => "refused",
            Self::FirstPass => "first_pass",
            Self::Rejects => "rejects",
            Self::Outside => "outside",
            Self::IncomingPass => "incoming_pass",
            Self::Wip => "wip",
            Self::Records => "records",
        }
    }

    /// What of that name events can be listed of: a figure, or records.
    #[must_use]
    pub fn listed(name: &str) -> Option<Self> {
        Self::parse(name).or_else(|| (name == Self::Records.name()).then_some(Self::Records))
    }

    /// The figure of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kpi| kpi.name() == name)
    }

    /// A share in percent, not a count.
    #[must_use]
    pub fn is_share(self) -> bool {
        matches!(self, Self::FirstPass | Self::Outside | Self::IncomingPass)
    }

    /// Which way is better.
    #[must_use]
    pub fn better(self) -> Better {
        match self {
            Self::Scrapped | Self::Refused | Self::Rejects | Self::Outside | Self::Wip => Better::Less,
            _ => Better::More,
        }
    }

    /// A target is of a day's count, except for shares and what is in work now.
    #[must_use]
    pub fn target_per_day(self) -> bool {
        !self.is_share() && self != Self::Wip
    }
}

/// A dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Board {
    /// All plants.
    Executive,
    /// One plant, for a screen on the wall.
    Plant,
    /// Work in progress, throughput, machines.
    Production,
    /// First pass, rejects, readings.
    Quality,
    /// Receipts and suppliers.
    Receiving,
}

impl Board {
    /// All of them, as they stand in the row of tabs.
    pub const ALL: [Self; 5] =
        [Self::Executive, Self::Plant, Self::Production, Self::Quality, Self::Receiving];

    /// Its name in addresses and, with `board-` before it, of its text.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Executive => "executive",
            Self::Plant => "plant",
            Self::Production => "production",
            Self::Quality => "quality",
            Self::Receiving => "receiving",
        }
    }

    /// The dashboard of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|board| board.name() == name)
    }

    /// The figures on top of it.
    #[must_use]
    pub fn kpis(self) -> &'static [Kpi] {
        match self {
            Self::Executive => {
                &[Kpi::Received, Kpi::Operations, Kpi::Packed, Kpi::Dispatched, Kpi::FirstPass, Kpi::Wip]
            }
            Self::Plant => {
                &[Kpi::Operations, Kpi::Packed, Kpi::FirstPass, Kpi::Rejects, Kpi::Outside, Kpi::Wip]
            }
            Self::Production => &[Kpi::Operations, Kpi::Packed, Kpi::Scrapped, Kpi::Refused, Kpi::Wip],
            Self::Quality => &[Kpi::FirstPass, Kpi::Rejects, Kpi::Outside, Kpi::Scrapped],
            Self::Receiving => &[Kpi::Received, Kpi::IncomingPass],
        }
    }
}

/// Days that a dashboard is about, both ends included, by the production date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DashboardDays)]
pub struct Span {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

/// Longest time that is looked at, in days: ten years.
const LONGEST: i64 = 3660;

impl Span {
    /// The days typed, or else the named time that ends today; `None` for what is neither,
    /// ends before it begins, or is too long. Days that are typed win over a name, which a
    /// form sends along.
    #[must_use]
    pub fn read(period: &str, from: &str, to: &str, today: NaiveDate) -> Option<Self> {
        let back = |days: u64| today.checked_sub_days(Days::new(days)).unwrap_or(today);
        let typed = !from.is_empty() || !to.is_empty();
        let span = match period {
            _ if typed => Self { from: from.parse().ok()?, to: to.parse().ok()? },
            "" | "7d" => Self { from: back(6), to: today },
            "today" => Self { from: today, to: today },
            "30d" => Self { from: back(29), to: today },
            "90d" => Self { from: back(89), to: today },
            "year" => Self { from: back(364), to: today },
            "month" => Self { from: today.with_day(1)?, to: today },
            _ => return None,
        };
        ((1..=LONGEST).contains(&span.days())).then_some(span)
    }

    /// How many days.
    #[must_use]
    pub fn days(&self) -> i64 {
        (self.to - self.from).num_days() + 1
    }

    /// Whether a day lies in it.
    #[must_use]
    pub fn has(&self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }
}

/// Days that others are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DashboardBefore)]
pub struct Before {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The last of the days that are asked about goes on: these count up to the same time of
    /// their last day.
    pub so_far: bool,
    /// How many days lie between the same times of both.
    #[serde(skip)]
    apart: i64,
}

impl Before {
    /// Of a time as much before it; of a month that is asked for by name, the month before.
    /// Of one that goes on only as much of that as there is of it yet: what is to come has
    /// nothing to be compared with.
    #[must_use]
    pub fn of(span: &Span, by_month: bool, today: NaiveDate) -> Self {
        let goes_on = span.has(today);
        let done = if goes_on { today } else { span.to };
        let back = |day: NaiveDate| {
            let days = Days::new(u64::try_from(span.days()).unwrap_or(1));
            day.checked_sub_days(days).unwrap_or(day)
        };
        let month = by_month.then(|| span.from.checked_sub_months(Months::new(1))).flatten();
        let (from, to, whole) = match month {
            Some(from) => {
                let (same, last) = (from + (done - span.from), span.from.pred_opt().unwrap_or(span.from));
                // February has no 30th: then it is whole.
                (from, same.min(last), same > last)
            }
            None => (back(span.from), back(done), false),
        };
        Self { from, to, so_far: goes_on && !whole, apart: (done - to).num_days() }
    }

    /// Whether a day lies in it.
    #[must_use]
    pub fn has(&self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }

    /// The moment at which a plant's clocks showed the time that they show now, on the last
    /// of these days.
    #[must_use]
    pub fn until(&self, now: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        let apart = TimeDelta::days(self.apart);
        let there = now.with_timezone(&zone).naive_local().checked_sub_signed(apart);
        // Clocks that were put forward passed over it.
        let at = there.and_then(|there| zone.from_local_datetime(&there).earliest());
        at.map_or(now - apart, |at| at.with_timezone(&Utc))
    }
}

/// How a figure changed against the time before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A count, in percent of what it was.
    Percent(Decimal),
    /// A share, in percentage points.
    Points(Decimal),
    /// A count that was nothing, by what it is now.
    FromNothing(Decimal),
}

/// How a figure stands to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = KpiStanding)]
pub enum Standing {
    /// At it or better.
    Met,
    /// Worse.
    Missed,
    /// Not reached yet, and the last day is not over.
    Open,
    /// There is no target, or no figure.
    None,
}

/// A tile: a figure of a time, what it was the time before, and what it should be. A figure
/// is null where there is no data: never zero.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = KpiTile)]
pub struct Tile {
    /// Which.
    pub kpi: Kpi,
    /// The figure; a share in percent.
    #[schema(value_type = Option<String>)]
    pub value: Option<Decimal>,
    /// The same of the time before.
    #[schema(value_type = Option<String>)]
    pub before: Option<Decimal>,
    /// What it should be over this time.
    #[schema(value_type = Option<String>)]
    pub target: Option<Decimal>,
    /// How it stands to that.
    pub standing: Standing,
}

impl Tile {
    /// Judges a figure. `target` is per day where the figure is counted per day; while the
    /// last of the days goes on, what is still to be reached is not missed.
    #[must_use]
    pub fn new(
        kpi: Kpi,
        value: Option<Decimal>,
        before: Option<Decimal>,
        target: Option<Decimal>,
        (days, goes_on): (i64, bool),
    ) -> Self {
        let target = target.map(|target| {
            (if kpi.target_per_day() { target * Decimal::from(days) } else { target }).normalize()
        });
        let standing = match (value, target) {
            (Some(value), Some(target)) => {
                let met = match kpi.better() {
                    Better::More => value >= target,
                    Better::Less => value <= target,
                };
                let may_come = goes_on && kpi.target_per_day() && kpi.better() == Better::More;
                match (met, may_come) {
                    (true, _) => Standing::Met,
                    (false, true) => Standing::Open,
                    (false, false) => Standing::Missed,
                }
            }
            _ => Standing::None,
        };
        Self { kpi, value, before, target, standing }
    }

    /// The change against the time before; `None` where one of them has no data.
    #[must_use]
    pub fn change(&self) -> Option<Change> {
        let (value, before) = (self.value?, self.before?);
        Some(match before {
            // A share of a share says nothing: of 1 percent 2 is not twice as good.
            _ if self.kpi.is_share() => Change::Points((value - before).round_dp(1).normalize()),
            before if before.is_zero() => Change::FromNothing(value),
            before => {
                Change::Percent(((value - before) * Decimal::from(100) / before).round_dp(1).normalize())
            }
        })
    }

    /// Whether the change is for the better; `None` where there is none.
    #[must_use]
    pub fn improves(&self) -> Option<bool> {
        let (value, before) = (self.value?, self.before?);
        (value != before).then(|| (value > before) == (self.kpi.better() == Better::More))
    }
}

/// A share in percent, one place; `None` of nothing.
#[must_use]
pub fn percent(part: i64, whole: i64) -> Option<Decimal> {
    (whole > 0)
        .then(|| (Decimal::from(part) * Decimal::from(100) / Decimal::from(whole)).round_dp(1).normalize())
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_named_or_typed_and_has_one_before_it() {
        let today = day("2025-03-10");
        let week = Span::read("", "", "", today).unwrap();
        assert_eq!((week.from, week.to, week.days()), (day("2025-03-04"), today, 7));
        assert_eq!(Span::read("month", "", "", today).unwrap().from, day("2025-03-01"));
        assert_eq!(Span::read("days", "2025-01-01", "2025-01-31", today).unwrap().days(), 31);
        let typed = Span::read("7d", "2025-01-01", "2025-01-05", today);
        assert_eq!(typed, Span::read("days", "2025-01-01", "2025-01-05", today), "typed days win");
        for (period, from, to) in [
            ("days", "", ""),
            ("7d", "2025-01-01", ""),
            ("days", "2025-02-01", "2025-01-01"),
            ("days", "x", ""),
            ("ever", "", ""),
            ("days", "1900-01-01", "2025-01-01"),
        ] {
            assert_eq!(Span::read(period, from, to, today), None, "{period} {from} {to}");
        }
    }

    #[test]
    fn a_time_that_goes_on_is_compared_with_as_much_of_the_one_before() {
        let before = |period: &str, from: &str, to: &str, today: &str| {
            let today = day(today);
            let span = Span::read(period, from, to, today).unwrap();
            let before = Before::of(&span, period == "month", today);
            (before.from.to_string(), before.to.to_string(), before.so_far)
        };
        let is = |from: &str, to: &str, so_far| (from.to_owned(), to.to_owned(), so_far);
        assert_eq!(before("today", "", "", "2025-03-10"), is("2025-03-09", "2025-03-09", true));
        assert_eq!(before("7d", "", "", "2025-03-10"), is("2025-02-25", "2025-03-03", true));
        assert_eq!(before("month", "", "", "2025-03-10"), is("2025-02-01", "2025-02-10", true));
        assert_eq!(before("month", "", "", "2025-03-28"), is("2025-02-01", "2025-02-28", true));
        assert_eq!(
            before("month", "", "", "2025-03-31"),
            is("2025-02-01", "2025-02-28", false),
            "it is over"
        );
        assert_eq!(before("month", "", "", "2025-01-01"), is("2024-12-01", "2024-12-01", true));
        // Days typed: over, going on with more to come, and to come.
        let (from, to) = ("2025-03-01", "2025-03-31");
        assert_eq!(before("days", from, to, "2025-04-02"), is("2025-01-29", "2025-02-28", false));
        assert_eq!(before("days", from, to, "2025-03-10"), is("2025-01-29", "2025-02-07", true));
        assert_eq!(before("days", from, to, "2025-02-10"), is("2025-01-29", "2025-02-28", false));
    }

    #[test]
    fn the_same_time_of_the_day_is_that_of_the_plants_clocks() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let span = Span { from: day("2025-03-31"), to: day("2025-03-31") };
        let before = Before::of(&span, false, day("2025-03-31"));
        let (kolkata, berlin) = (Tz::Asia__Kolkata, Tz::Europe__Berlin);
        let now = at("2025-03-31T08:30:00Z");
        assert_eq!(before.until(now, kolkata), at("2025-03-30T08:30:00Z"), "two in the afternoon");
        let week = Before::of(&Span { from: day("2025-03-25"), to: span.to }, false, span.to);
        assert_eq!(week.until(now, berlin), at("2025-03-24T09:30:00Z"), "half past ten, before summer time");
        assert_eq!(
            before.until(at("2025-03-31T00:30:00Z"), berlin),
            at("2025-03-30T00:30:00Z"),
            "passed over"
        );
    }

    #[test]
    fn a_figure_is_judged_by_its_own_sense() {
        let d = |n: i64| Some(Decimal::from(n));
        let tile = Tile::new(Kpi::Packed, d(70), d(50), d(10), (7, false));
        assert_eq!((tile.target, tile.standing), (d(70), Standing::Met));
        let more = Some(Change::Percent(Decimal::from(40)));
        assert_eq!((tile.change(), tile.improves()), (more, Some(true)));
        let tile = Tile::new(Kpi::Rejects, d(8), d(4), d(1), (7, true));
        assert_eq!((tile.standing, tile.improves()), (Standing::Missed, Some(false)));
        let tile = Tile::new(Kpi::FirstPass, d(98), None, d(97), (30, true));
        assert_eq!((tile.target, tile.standing, tile.change()), (d(97), Standing::Met, None));
        let tile = Tile::new(Kpi::Packed, None, d(4), d(1), (1, false));
        assert_eq!((tile.standing, tile.change()), (Standing::None, None), "no data misses nothing");
        let of = |kpi, value: &str, before: &str| {
            let n = |text: &str| Some(text.parse().unwrap());
            let tile = Tile::new(kpi, n(value), n(before), None, (1, false));
            (tile.change().unwrap(), tile.improves())
        };
        let from_nothing = |n: i64| Change::FromNothing(Decimal::from(n));
        assert_eq!(of(Kpi::Packed, "3", "0"), (from_nothing(3), Some(true)), "it is told as well");
        assert_eq!(of(Kpi::Rejects, "5", "0"), (from_nothing(5), Some(false)));
        assert_eq!(of(Kpi::Packed, "0", "0"), (from_nothing(0), None));
        let points = |text: &str| Change::Points(text.parse().unwrap());
        assert_eq!(of(Kpi::FirstPass, "96.8", "100"), (points("-3.2"), Some(false)));
        assert_eq!(of(Kpi::Outside, "6.1", "1.4"), (points("4.7"), Some(false)), "not three times as much");
        assert_eq!(of(Kpi::IncomingPass, "50", "0"), (points("50"), Some(true)));
        let so_far = |goes_on| Tile::new(Kpi::Packed, d(9), None, d(10), (1, goes_on)).standing;
        assert_eq!((so_far(true), so_far(false)), (Standing::Open, Standing::Missed));
        assert_eq!(percent(0, 0), None);
        assert_eq!(percent(2, 3), Some("66.7".parse().unwrap()));
    }

    #[test]
    fn names_lead_back() {
        for kpi in Kpi::ALL {
            assert_eq!(Kpi::parse(kpi.name()), Some(kpi));
            assert_eq!(serde_json::to_value(kpi).unwrap(), kpi.name());
        }
        for board in Board::ALL {
            assert_eq!(Board::parse(board.name()), Some(board));
        }
        assert_eq!((Kpi::listed("wip"), Kpi::listed("records")), (Some(Kpi::Wip), Some(Kpi::Records)));
        assert_eq!((Kpi::parse("records"), Kpi::listed("record")), (None, None), "no target is of them");
        assert_eq!(Kpi::parse("x'; drop table"), None);
    }
}
