//! Windows of time as people type them. Pure.

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// A machine's or a person's code with a window, as typed: `OVEN-2 2025-01-20 09:00-11:00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Whose.
    pub code: String,
    /// From when, as [`moment`] reads it.
    pub from: String,
    /// To when, itself not in it, as [`moment`] reads it.
    pub to: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Day(NaiveDate),
    Hour(NaiveTime),
}

/// A code and after it a day, two days, a day with an hour or with two, or two days
/// with an hour each. Between them stands a space, `..`, `/`, `–` or `to`; between
/// hours `-` as well. Two hours that run backwards reach into the next day. Nothing,
/// where the text is anything else.
#[must_use]
pub fn window(text: &str) -> Option<Window> {
    let (code, rest) = text.trim().split_once(char::is_whitespace)?;
    let rest = rest.replace("..", " ").replace(['/', '–', '—'], " ");
    let mut pieces = Vec::new();
    for word in rest.split_whitespace().filter(|word| !word.eq_ignore_ascii_case("to")) {
        pieces.extend(read(word)?);
    }
    let whole = |day: NaiveDate| day.to_string();
    let at = |at: NaiveDateTime| at.format("%Y-%m-%dT%H:%M:%S").to_string();
    let (from, to) = match pieces.as_slice() {
        [Piece::Day(day)] => (whole(*day), whole(*day)),
        [Piece::Day(from), Piece::Day(to)] => (whole(*from), whole(*to)),
        [Piece::Day(day), Piece::Hour(hour)] => {
            let from = day.and_time(*hour);
            (at(from), at(from.checked_add_signed(Duration::hours(1))?))
        }
        [Piece::Day(day), Piece::Hour(from), Piece::Hour(to)] => {
            let end = if to > from { *day } else { day.checked_add_days(Days::new(1))? };
            (at(day.and_time(*from)), at(end.and_time(*to)))
        }
        [Piece::Day(from), Piece::Hour(first), Piece::Day(to), Piece::Hour(last)] => {
            (at(from.and_time(*first)), at(to.and_time(*last)))
        }
        _ => return None,
    };
    Some(Window { code: code.to_owned(), from, to })
}

fn read(word: &str) -> Option<Vec<Piece>> {
    if let Ok(day) = word.parse::<NaiveDate>() {
        return Some(vec![Piece::Day(day)]);
    }
    if let Some((day, hour)) = word.split_once(['T', 't']) {
        return Some(vec![Piece::Day(day.parse().ok()?), Piece::Hour(time(hour)?)]);
    }
    word.split('-').map(|word| time(word).map(Piece::Hour)).collect()
}

fn time(word: &str) -> Option<NaiveTime> {
    let form = if word.matches(':').count() == 2 { "%H:%M:%S" } else { "%H:%M" };
    NaiveTime::parse_from_str(word, form).ok()
}

/// What in a text looks like a day or an hour, and is none: the 30th of February.
#[must_use]
pub fn no_such(text: &str) -> Option<&str> {
    text.split(|letter: char| letter.is_whitespace() || matches!(letter, 'T' | 't' | '/' | '–' | '—'))
        .flat_map(|word| word.split(".."))
        .find_map(|word| {
            let digits: Vec<usize> = word.split('-').map(digits).collect();
            match digits.as_slice() {
                [4, 2, 2] if word.parse::<NaiveDate>().is_err() => Some(word),
                _ => word.split('-').find(|hour| is_hour(hour) && time(hour).is_none()),
            }
        })
}

/// How many letters, where all are digits; else none.
fn digits(text: &str) -> usize {
    if text.bytes().all(|letter| letter.is_ascii_digit()) { text.len() } else { 0 }
}

/// Whether a text is written as hours and minutes are.
fn is_hour(text: &str) -> bool {
    text.split_once(':').is_some_and(|(hour, minute)| (1..=2).contains(&digits(hour)) && digits(minute) == 2)
}

/// A moment: RFC 3339, or a day or a day with an hour by the clock of `zone`. A day
/// alone begins with it, and with `end` it is over. Nothing outside the years that people
/// and Postgres know.
#[must_use]
pub fn moment(text: &str, zone: Tz, end: bool) -> Option<DateTime<Utc>> {
    read_moment(text.trim(), zone, end).filter(|at| YEARS.contains(&at.year()))
}

/// Whether a moment says its offset, and so is the same by every clock.
#[must_use]
pub fn is_exact(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text.trim()).is_ok()
}

/// Years of moments: beyond them neither the database nor sums of days hold.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2999;

fn read_moment(text: &str, zone: Tz, end: bool) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        let day = if end { day.checked_add_days(Days::new(1))? } else { day };
        return platform::i18n::begins(day, zone);
    }
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"];
    let local = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    // An hour that the clocks leave out is the one after it.
    zone.from_local_datetime(&local)
        .earliest()
        .or_else(|| zone.from_local_datetime(&local.checked_add_signed(Duration::hours(1))?).earliest())
        .map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_as_people_type_them() {
        for (text, from, to) in [
            ("OVEN-2 2025-01-20", "2025-01-20", "2025-01-20"),
            ("OVEN-2 2025-01-20..2025-01-22", "2025-01-20", "2025-01-22"),
            ("OVEN-2 2025-01-20 to 2025-01-22", "2025-01-20", "2025-01-22"),
            ("OVEN-2 2025-01-20 09:00-11:30", "2025-01-20T09:00:00", "2025-01-20T11:30:00"),
            ("OVEN-2 2025-01-20 22:00 – 06:00", "2025-01-20T22:00:00", "2025-01-21T06:00:00"),
            ("OVEN-2 2025-01-20 09:15", "2025-01-20T09:15:00", "2025-01-20T10:15:00"),
            ("OVEN-2 2025-01-20T09:00/2025-01-21T01:00", "2025-01-20T09:00:00", "2025-01-21T01:00:00"),
        ] {
            let expected = Window { code: "OVEN-2".into(), from: from.into(), to: to.into() };
            assert_eq!(window(text), Some(expected), "{text}");
        }
        for text in ["OVEN-2", "GRN 2025", "OVEN-2 09:00-11:00", "OVEN-2 2025-13-20", "", "MOTOR 3 kW"] {
            assert_eq!(window(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_or_an_hour_that_does_not_exist_is_told() {
        for (text, told) in [
            ("OVEN-W1 2026-02-30 09:00-11:00", Some("2026-02-30")),
            ("OVEN-W1 2026-02-28..2026-02-29", Some("2026-02-29")),
            ("2025-13-20T09:00", Some("2025-13-20")),
            ("OVEN-2 2025-01-20 09:00-25:00", Some("25:00")),
            ("OVEN-2 2025-01-20 9:00 – 11:60", Some("11:60")),
            ("OVEN-2 2024-02-29 09:00-11:00", None),
            ("GRN-2025-045", None),
            ("PO-2025-99-99", None),
            ("1:100", None),
            ("", None),
        ] {
            assert_eq!(no_such(text), told, "{text}");
        }
    }

    #[test]
    fn moments_are_by_the_plants_clock() {
        let zone = chrono_tz::Asia::Kolkata;
        let at = |text, end| moment(text, zone, end).map(|at| at.to_rfc3339());
        assert_eq!(at("2025-01-20", false).as_deref(), Some("2025-01-19T18:30:00+00:00"));
        assert_eq!(at("2025-01-20", true).as_deref(), Some("2025-01-20T18:30:00+00:00"));
        assert_eq!(at("2025-01-20T09:00", true).as_deref(), Some("2025-01-20T03:30:00+00:00"));
        assert_eq!(at("2025-01-20T09:00:00Z", true).as_deref(), Some("2025-01-20T09:00:00+00:00"));
        assert_eq!(at("soon", false), None);
        for far in
            ["-4713-01-01", "+99999-12-31", "+262142-12-31", "+262142-12-31T23:59", "9999-12-31T23:59:59Z"]
        {
            assert_eq!((at(far, false), at(far, true)), (None, None), "{far}");
        }
        // 2025-03-30 02:30 does not exist in Berlin.
        let berlin = moment("2025-03-30T02:30", chrono_tz::Europe::Berlin, false);
        assert_eq!(berlin.map(|at| at.to_rfc3339()).as_deref(), Some("2025-03-30T01:30:00+00:00"));
    }
}
