//! Times as plants' clocks show them, as moments. Pure.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::criteria::Moment;

/// Between which moments events of some plants are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Of these plants; `None` for all.
    pub plants: Option<Vec<String>>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Not after.
    pub to: Option<DateTime<Utc>>,
}

/// The moments that a time stands for at each plant: one window where it is the same at
/// all. `plant` limits it to one; `zones` are those of all plants, and `zone` is that of
/// what belongs to none.
#[must_use]
pub fn windows(
    plant: &str,
    from: Option<Moment>,
    to: Option<Moment>,
    zones: &[(String, Tz)],
    zone: Tz,
) -> Vec<Window> {
    let at = |zone: Tz| {
        let from = from.map(|moment| exact(moment, zone, false));
        let to = to.map(|moment| exact(moment, zone, true));
        (from, to)
    };
    if !plant.is_empty() {
        let zone = zones.iter().find(|(code, _)| code == plant).map_or(zone, |(_, zone)| *zone);
        let (from, to) = at(zone);
        return vec![Window { plants: Some(vec![plant.to_owned()]), from, to }];
    }
    let mut windows: Vec<Window> = Vec::new();
    for (code, zone) in zones.iter().map(|(code, zone)| (code.as_str(), *zone)).chain([("", zone)]) {
        let (from, to) = at(zone);
        match windows.iter_mut().find(|window| window.from == from && window.to == to) {
            Some(window) => window.plants.get_or_insert_default().push(code.to_owned()),
            None => windows.push(Window { plants: Some(vec![code.to_owned()]), from, to }),
        }
    }
    if let [window] = windows.as_mut_slice() {
        window.plants = None;
    }
    windows
}

/// A moment in a zone. An hour that a clock shows twice is taken whole: its first as a
/// beginning, its last as an end; one that it leaves out begins an hour later.
fn exact(moment: Moment, zone: Tz, end: bool) -> DateTime<Utc> {
    let local = match moment {
        Moment::Exact(at) => return at,
        Moment::Local(local) => local,
    };
    let read = |local: &NaiveDateTime| {
        let found = zone.from_local_datetime(local);
        if end { found.latest() } else { found.earliest() }
    };
    read(&local)
        .or_else(|| read(&(local + Duration::hours(1))))
        .map_or_else(|| local.and_utc(), |at| at.with_timezone(&Utc))
}

/// Moments between which events of these production dates surely lie: a shift that began
/// on a date is over two days later, in every zone.
#[must_use]
pub fn around(
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let midnight = |date: NaiveDate| date.and_time(chrono::NaiveTime::MIN).and_utc();
    (from.map(|date| midnight(date) - Duration::days(2)), to.map(|date| midnight(date) + Duration::days(4)))
}

/// The later of two beginnings, of which either may be open.
#[must_use]
pub fn later(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    one.max(other)
}

/// The earlier of two ends, of which either may be open.
#[must_use]
pub fn earlier(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::criteria::moment;
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_means_what_it_shows_at_its_plant() {
        let zones = [("KOL".to_owned(), Tz::Asia__Kolkata), ("VSK".to_owned(), Tz::Asia__Kolkata)];
        let (from, to) = (moment("2025-01-20T06:00"), moment("2025-01-20T14:00"));
        let same = windows("", from, to, &zones, Tz::Asia__Kolkata);
        assert_eq!(same.len(), 1);
        assert_eq!((same[0].plants.clone(), same[0].from), (None, Some(at("2025-01-20T00:30:00Z"))));
        let far = [zones[0].clone(), ("BER".to_owned(), Tz::Europe__Berlin)];
        let apart = windows("", from, to, &far, Tz::Asia__Kolkata);
        assert_eq!(apart.len(), 2);
        assert_eq!(apart[0].plants, Some(vec!["KOL".to_owned(), String::new()]));
        assert_eq!(
            (apart[1].plants.clone(), apart[1].to),
            (Some(vec!["BER".into()]), Some(at("2025-01-20T13:00:00Z")))
        );
        assert_eq!(windows("BER", from, to, &far, Tz::UTC).len(), 1);
        let exact = windows("", moment("2025-01-20T06:00:00+05:30"), None, &far, Tz::UTC);
        assert_eq!((exact.len(), exact[0].from), (1, Some(at("2025-01-20T00:30:00Z"))));
    }

    #[test]
    fn an_hour_shown_twice_or_never_is_taken_whole() {
        let berlin = [("BER".to_owned(), Tz::Europe__Berlin)];
        let twice = windows("BER", moment("2025-10-26T02:30"), moment("2025-10-26T02:30"), &berlin, Tz::UTC);
        assert_eq!(twice[0].from, Some(at("2025-10-26T00:30:00Z")));
        assert_eq!(twice[0].to, Some(at("2025-10-26T01:30:00Z")));
        let never = windows("BER", moment("2025-03-30T02:30"), None, &berlin, Tz::UTC);
        assert_eq!(never[0].from, Some(at("2025-03-30T01:30:00Z")));
    }
}
