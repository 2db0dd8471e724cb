//! Which day it is at a plant: a day is a production date, so in the night it is the one on
//! which the shift began that still runs. No I/O, and no clock but the one that is given.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

/// How long what a plant without shifts told last says which day it works on.
const TOLD_FOR: TimeDelta = TimeDelta::hours(2);
/// No shift that began on the day before runs at this hour: noon.
const NOON: u32 = 12;

/// What is known of the days of a plant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// Its code.
    pub plant: String,
    /// Its clocks.
    pub zone: Tz,
    /// First minute of each shift, and first minute after it, as the office has them; one that
    /// ends before it begins ends on the next day.
    pub shifts: Vec<(NaiveTime, NaiveTime)>,
    /// When it last recorded something, and the production date of that. Plants know their
    /// shifts by themselves; where the office does not, this tells of them, and is not looked
    /// up where it does.
    pub told: Option<(DateTime<Utc>, NaiveDate)>,
}

impl Clock {
    /// The date on its own clock.
    fn date(&self, now: DateTime<Utc>) -> NaiveDate {
        now.with_timezone(&self.zone).date_naive()
    }

    /// The day that goes on there: that of the shift that runs, between shifts the date.
    #[must_use]
    pub fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        let local = now.with_timezone(&self.zone).naive_local();
        let (date, time) = (local.date(), local.time());
        let Some(before) = date.checked_sub_days(Days::new(1)) else { return date };
        let of_yesterday = if self.shifts.is_empty() {
            self.told.is_some_and(|(at, day)| day == before && now - at < TOLD_FOR && time.hour() < NOON)
        } else {
            // As the agents say it: of those that have this minute, the first.
            let has = |(starts, ends): &(NaiveTime, NaiveTime)| match ends <= starts {
                true => time >= *starts || time < *ends,
                false => (*starts..*ends).contains(&time),
            };
            self.shifts
                .iter()
                .find(|shift| has(shift))
                .is_some_and(|(starts, ends)| ends <= starts && time < *ends)
        };
        if of_yesterday { before } else { date }
    }
}

/// The day that goes on at these plants, for a reader with these clocks: of one plant its own;
/// of several the reader's date, or the day before while a shift of that day still runs at one
/// of them.
#[must_use]
pub fn over(clocks: &[&Clock], reader: Tz, now: DateTime<Utc>) -> NaiveDate {
    if let [one] = clocks {
        return one.today(now);
    }
    let date = now.with_timezone(&reader).date_naive();
    let runs_on = |clock: &&Clock| {
        let today = clock.today(now);
        today < clock.date(now) && Some(today) == date.pred_opt()
    };
    if clocks.iter().any(runs_on) { date.pred_opt().unwrap_or(date) } else { date }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn clock(zone: Tz, shifts: &[(&str, &str)], told: Option<(&str, &str)>) -> Clock {
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").unwrap();
        let shifts = shifts.iter().map(|(starts, ends)| (time(starts), time(ends))).collect();
        Clock { plant: "KOL".into(), zone, shifts, told: told.map(|(when, of)| (at(when), day(of))) }
    }

    const THREE: [(&str, &str); 3] = [("06:00", "14:00"), ("14:00", "22:00"), ("22:00", "06:00")];

    #[test]
    fn at_night_it_is_the_day_on_which_the_shift_began() {
        let plant = clock(Tz::Asia__Kolkata, &THREE, None);
        for (now, today) in [
            ("2026-11-27T17:00:00Z", "2026-11-27"),
            ("2026-11-27T18:29:59Z", "2026-11-27"),
            // Midnight, two minutes after it, and the last minute of the shift.
            ("2026-11-27T18:30:00Z", "2026-11-27"),
            ("2026-11-27T18:32:00Z", "2026-11-27"),
            ("2026-11-28T00:29:59Z", "2026-11-27"),
            ("2026-11-28T00:30:00Z", "2026-11-28"),
            ("2026-11-28T12:00:00Z", "2026-11-28"),
        ] {
            assert_eq!(plant.today(at(now)), day(today), "{now}");
        }
    }

    #[test]
    fn a_plant_that_sleeps_at_night_has_the_date_of_its_clock() {
        let plant = clock(Tz::Asia__Kolkata, &THREE[..2], Some(("2026-11-27T18:29:00Z", "2026-11-27")));
        assert_eq!(plant.today(at("2026-11-27T18:29:59Z")), day("2026-11-27"));
        assert_eq!(plant.today(at("2026-11-27T18:32:00Z")), day("2026-11-28"), "between two shifts");
        let none = clock(Tz::Asia__Kolkata, &[], None);
        assert_eq!(none.today(at("2026-11-27T18:32:00Z")), day("2026-11-28"));
        assert_eq!(clock(Tz::Europe__Berlin, &[], None).today(at("2026-11-27T18:32:00Z")), day("2026-11-27"));
    }

    #[test]
    fn a_plant_whose_shifts_the_office_does_not_know_says_it_by_what_it_records() {
        let plant = |told| clock(Tz::Asia__Kolkata, &[], Some(told));
        let now = at("2026-11-27T18:32:00Z");
        assert_eq!(plant(("2026-11-27T18:29:00Z", "2026-11-27")).today(now), day("2026-11-27"));
        assert_eq!(plant(("2026-11-27T18:31:00Z", "2026-11-28")).today(now), day("2026-11-28"), "it turned");
        let early = at("2026-11-28T00:40:00Z");
        assert_eq!(plant(("2026-11-28T00:20:00Z", "2026-11-27")).today(early), day("2026-11-27"));
        assert_eq!(plant(("2026-11-27T21:00:00Z", "2026-11-27")).today(early), day("2026-11-28"), "long ago");
        // Something that waited is recorded under an old day at noon.
        let noon = at("2026-11-28T07:00:00Z");
        assert_eq!(plant(("2026-11-28T06:50:00Z", "2026-11-27")).today(noon), day("2026-11-28"));
    }

    #[test]
    fn of_several_plants_the_day_goes_on_while_it_does_at_one() {
        let (night, day_only) =
            (clock(Tz::Asia__Kolkata, &THREE, None), clock(Tz::Asia__Kolkata, &THREE[..2], None));
        let abroad = clock(Tz::America__New_York, &[], None);
        let reader = Tz::Asia__Kolkata;
        let now = at("2026-11-27T18:32:00Z");
        assert_eq!(over(&[&night, &day_only], reader, now), day("2026-11-27"));
        assert_eq!(
            over(&[&day_only, &abroad], reader, now),
            day("2026-11-28"),
            "another date is no night shift"
        );
        assert_eq!(over(&[&abroad], reader, now), day("2026-11-27"), "one has its own");
        assert_eq!(over(&[], reader, now), day("2026-11-28"));
        assert_eq!(over(&[&night, &day_only], reader, at("2026-11-28T00:30:00Z")), day("2026-11-28"));
    }
}
